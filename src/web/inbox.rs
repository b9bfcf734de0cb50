//! The calls that wait for a person, and the answers to them: the store and the words of `policylayer approvals`.

use hyper::StatusCode;
use maud::{Markup, html};

use super::answer::WebAnswer;
use super::form::{Fields, write_query};
use super::page::{in_code, show_page};
use super::site::Site;
use crate::engine::{ApprovalAnswer, Channel};
use crate::limits::MAX_NOTE;
use crate::paths;
use crate::state::approvals::{
    ApprovalEntry, ApprovalState, Confirm, NotAnswered, StoreError, StoredApprovals, unix_time,
};
use crate::term::faces::approvals::card::{content_lines, list_facts};
use crate::term::faces::approvals::outcome::describe_outcome;
use crate::visible::{escape_invisible, visible_lines};

/// How many calls that are over are listed.
const RECENT: usize = 20;

/// What the inbox cannot do. Each message is complete.
#[derive(Debug, thiserror::Error)]
enum InboxError {
    #[error(transparent)]
    StateDir(#[from] paths::NoStateDir),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Settings(#[from] paths::SettingsError),
    #[error("It is not said what to answer. Press one of the buttons of the call.")]
    NoAnswer,
    #[error("The note has {0} characters, and the agent can be given at most {MAX_NOTE}. Shorten it.")]
    LongNote(usize),
    #[error("There is no such call any more. Nothing was answered.")]
    Unknown,
    #[error(
        "This call can no longer be answered: the first answer counts, or its time is over. What came of it is below."
    )]
    Over,
    #[error("What the call shows you has changed, so nothing was answered. Look at it again.")]
    Changed,
    #[error(
        "This call needs a code, because of `local_confirm = \"code\"`: run `policylayer approvals approve {0}` in a terminal."
    )]
    NeedsCode(String),
    #[error(
        "This call cannot be approved: an earlier policylayer left out a part of its arguments. Deny it, and ask the agent to make it again."
    )]
    Cut,
    #[error(
        "The session of this call has ended, so there is nothing to approve for the rest of it. Approve the one call."
    )]
    NoSession,
}

fn open_store(site: &Site) -> Result<StoredApprovals, InboxError> {
    Ok(StoredApprovals::new(&paths::state_dir(site.env())?, paths::STATE_FILE))
}

/// Shows the inbox. `done` in the query is the call that was answered last.
pub(super) fn show_inbox(site: &Site, query: &Fields) -> WebAnswer {
    show_with(site, StatusCode::OK, query.value("done"), None)
}

fn show_with(site: &Site, status: StatusCode, done: Option<&str>, trouble: Option<&InboxError>) -> WebAnswer {
    let listed = open_store(site).and_then(|mut stored| Ok(stored.list_all()?));
    let content = match listed.and_then(|all| Ok((all, paths::load_confirm(site.env())?))) {
        Ok((all, required)) => html! {
            @if let Some(trouble) = trouble { div.box.trouble role="alert" { p.bad { (in_code(&trouble.to_string())) } } }
            @if let Some(entry) = all.iter().find(|entry| done == Some(entry.id.as_str())) { (show_outcome(entry)) }
            (show_calls(site, &all, required))
        },
        Err(error) => html! { p.bad { (in_code(&error.to_string())) } },
    };
    show_page(site, status, "inbox", "Inbox", content)
}

fn show_outcome(entry: &ApprovalEntry) -> Markup {
    if entry.state.is_open() {
        return html! {};
    }
    let (words, is_fault) = match describe_outcome(entry, unix_time()) {
        Ok(words) => (words, false),
        Err(words) => (words, true),
    };
    html! { div.box role="status" { p.bad[is_fault] { (in_code(&words)) } } }
}

fn show_calls(site: &Site, all: &[ApprovalEntry], required: Confirm) -> Markup {
    let (open, over): (Vec<_>, Vec<_>) = all.iter().partition(|entry| entry.state.is_open());
    let asks_here =
        paths::load_settings(site.env()).is_ok_and(|settings| settings.approvals.channels.contains(&Channel::Local));
    html! {
        div #inbox data-open=(site.link_to("inbox/open")) {
            p #news role="status" {}
            @if open.is_empty() { p { "Nothing waits for a person." } }
            @if !asks_here { p.note { (in_code("`channels` in config.toml does not include \"local\": only clients ask, and nothing waits here.")) } }
            @for entry in &open { (show_call(site, entry, required)) }
        }
        @if !over.is_empty() {
            h2 { "Answered, or over" }
            ul.over { @for entry in over.iter().rev().take(RECENT) {
                li {
                    strong { (escape_invisible(&entry.tool)) } " of " (escape_invisible(&entry.server))
                    @let facts = list_facts(entry, unix_time());
                    @for (_, text) in facts.iter().filter(|(label, _)| matches!(*label, "Answer" | "Made again")) { ": " (escape_invisible(text)) }
                    span.note { " (" (entry.state.as_str()) ")" }
                }
            } }
        }
    }
}

/// Shows a call with all that there is to read about it.
fn show_call(site: &Site, entry: &ApprovalEntry, required: Confirm) -> Markup {
    let heading = format!("call-{}", entry.id);
    let needs_code = entry.confirm.max(required) == Confirm::Code;
    html! {
        article.call aria-labelledby=(heading) data-call=(call_word(entry)) {
            h2 id=(heading) { (escape_invisible(&entry.tool)) " of " (escape_invisible(&entry.server)) }
            dl.facts { @for (label, text) in list_facts(entry, unix_time()) {
                dt { (label) }
                dd data-until=[(label == "Left" && entry.state == ApprovalState::Waiting).then(|| entry.expires.as_secs())] { (escape_invisible(&text)) }
            } }
            pre tabindex="0" aria-label="What the call sends" { (visible_lines(&content_lines(entry).join("\n"))) }
            // Two forms: Enter in the note must never press a button that approves.
            fieldset.answer {
                legend { "Your answer" }
                @if needs_code { p { (in_code(&InboxError::NeedsCode(entry.id.clone()).to_string())) } }
                @else if entry.is_cut() { p { (InboxError::Cut.to_string()) } }
                @else {
                    form method="post" action=(site.link_to("answer")) {
                        (name_call(entry))
                        button.main name="answer" value="once" { "Approve this call" }
                        button name="answer" value="session" { "Approve for the session" }
                    }
                }
                form method="post" action=(site.link_to("answer")) {
                    (name_call(entry))
                    label { "Note to the agent " input name="note" size="30" maxlength=(MAX_NOTE); }
                    button.deny name="answer" value="deny" { "Deny" }
                }
            }
        }
    }
}

/// The fields of a form that say which call is answered, and what there was to read about it.
fn name_call(entry: &ApprovalEntry) -> Markup {
    html! {
        input type="hidden" name="id" value=(entry.id);
        input type="hidden" name="shown" value=(entry.shown.as_deref().unwrap_or_default());
    }
}

/// Identifies a call and what there is to read about it.
fn call_word(entry: &ApprovalEntry) -> String {
    format!("{}:{}", entry.id, entry.shown.as_deref().unwrap_or_default())
}

/// Lists the calls that can be answered, one a line, for the script of the page.
pub(super) fn list_open(site: &Site) -> WebAnswer {
    match open_store(site).and_then(|mut stored| Ok(stored.list_all()?)) {
        Ok(all) => {
            let open = all.iter().filter(|entry| entry.state.is_open());
            WebAnswer::text(StatusCode::OK, open.map(|entry| call_word(entry) + "\n").collect())
        }
        Err(error) => WebAnswer::text(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

/// Answers a call as it was shown.
pub(super) fn answer_call(site: &Site, form: &Fields) -> WebAnswer {
    match record_answer(site, form) {
        Ok(id) => WebAnswer::redirect(site.link_to(&format!("inbox?{}", write_query(&[("done", &id)])))),
        Err(error) => show_with(site, StatusCode::CONFLICT, None, Some(&error)),
    }
}

fn record_answer(site: &Site, form: &Fields) -> Result<String, InboxError> {
    let note = form.value("note").map(str::trim).filter(|note| !note.is_empty());
    let verdict = match form.value("answer") {
        Some("once") => ApprovalAnswer::Once,
        Some("session") => ApprovalAnswer::Session,
        Some("deny") => ApprovalAnswer::Refused { note: note.map(str::to_owned) },
        _ => return Err(InboxError::NoAnswer),
    };
    if let Some(length) = note.map(|note| note.chars().count()).filter(|length| *length > MAX_NOTE) {
        return Err(InboxError::LongNote(length));
    }
    let mut stored = open_store(site)?;
    let all = stored.list_all()?;
    let entry = all.iter().find(|entry| form.value("id") == Some(entry.id.as_str())).ok_or(InboxError::Unknown)?;
    if entry.shown.as_deref().unwrap_or_default() != form.value("shown").unwrap_or_default() {
        return Err(if entry.state.is_open() { InboxError::Changed } else { InboxError::Over });
    }
    let is_approval = !matches!(verdict, ApprovalAnswer::Refused { .. });
    if is_approval && entry.state.is_open() && entry.confirm.max(paths::load_confirm(site.env())?) == Confirm::Code {
        return Err(InboxError::NeedsCode(entry.id.clone()));
    }
    let id = entry.id.clone();
    match stored.answer_question(&entry.key(), &verdict, Confirm::None)? {
        Ok(_) => {
            stored.wait_for_outcome(&id, |_| {})?;
            Ok(id)
        }
        Err(NotAnswered::Unknown) => Err(InboxError::Unknown),
        Err(NotAnswered::Over(_)) => Err(InboxError::Over),
        Err(NotAnswered::Changed) => Err(InboxError::Changed),
        Err(NotAnswered::NeedsCode) => Err(InboxError::NeedsCode(id)),
        Err(NotAnswered::Cut) => Err(InboxError::Cut),
        Err(NotAnswered::NoSession) => Err(InboxError::NoSession),
    }
}
