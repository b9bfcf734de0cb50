//! The calls that wait for a person, and the answers to them: the stores and the words of `policylayer approvals`.

use std::collections::BTreeMap;

use hyper::StatusCode;
use maud::{Markup, html};

use super::answer::WebAnswer;
use super::code_desk::DeskError;
use super::form::{Fields, write_query};
use super::page::{in_code, show_page};
use super::site::Site;
use crate::engine::{ApprovalAnswer, Channel};
use crate::paths;
use crate::report::approval_stores::ApprovalStores;
use crate::state::approvals::{ApprovalEntry, ApprovalState, Confirm, NotAnswered, StoreError, unix_time};
use crate::term::faces::approvals::card::{content_lines, list_facts};
use crate::term::faces::approvals::outcome::{describe_end, describe_outcome};
use crate::term::faces::approvals::refusal::{AnswerError, explain_refusal, find_entry, read_refusal};
use crate::term::style::format_duration;
use crate::visible::{escape_invisible, visible_lines};

/// How many calls that are over are listed.
const RECENT: usize = 20;

/// What the inbox cannot do. Each message is complete.
#[derive(Debug, thiserror::Error)]
enum InboxError {
    #[error(transparent)]
    StateDir(#[from] paths::NoStateDir),
    #[error(transparent)]
    Settings(#[from] paths::SettingsError),
    #[error("It is not said what to answer. Press one of the buttons of the call.")]
    NoAnswer,
    #[error(transparent)]
    Answer(#[from] AnswerError),
    #[error(transparent)]
    Desk(#[from] DeskError),
}

impl From<StoreError> for InboxError {
    fn from(error: StoreError) -> Self {
        Self::Answer(error.into())
    }
}

/// What became of an answer.
enum Taken {
    /// It was given, to the call with this id.
    Given(String),
    /// The terminal asks for a code first.
    NeedsCode(String),
}

/// What a person typed that was not taken.
struct AnswerTrouble<'f> {
    error: InboxError,
    form: &'f Fields,
}

/// Shows the inbox. `done` in the query is the call that was answered last, and `asked` that of which the terminal asks the code.
pub(super) fn show_inbox(site: &Site, query: &Fields) -> WebAnswer {
    show_with(site, StatusCode::OK, query, None)
}

fn show_with(site: &Site, status: StatusCode, query: &Fields, trouble: Option<&AnswerTrouble<'_>>) -> WebAnswer {
    let listed = || -> Result<_, InboxError> {
        Ok((ApprovalStores::find_all(site.env())?.list_all()?, paths::load_confirm(site.env())?))
    };
    let content = match listed() {
        Ok((all, required)) => html! {
            @if let Some(trouble) = trouble { div.box.trouble role="alert" { p.bad { (in_code(&trouble.error.to_string())) } } }
            @for entry in &all {
                @if query.value("done") == Some(entry.id.as_str()) { (show_outcome(entry)) }
                @if query.value("asked") == Some(entry.id.as_str()) { (show_asked(entry)) }
            }
            (show_calls(site, &all, required, trouble))
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

fn show_asked(entry: &ApprovalEntry) -> Markup {
    if !entry.state.is_open() {
        return show_outcome(entry);
    }
    html! {
        div.box role="status" { p {
            "The terminal in which " code { "policylayer ui" } " runs shows " (escape_invisible(&entry.tool)) " with a code. Read it there, and \
             type the code there: it is approved by that, and this page shows what comes of it."
        } }
    }
}

fn show_calls(site: &Site, all: &[ApprovalEntry], required: Confirm, trouble: Option<&AnswerTrouble<'_>>) -> Markup {
    let (open, over): (Vec<_>, Vec<_>) = all.iter().partition(|entry| entry.state.is_open());
    let asks_here =
        paths::load_settings(site.env()).is_ok_and(|settings| settings.approvals.channels.contains(&Channel::Local));
    html! {
        // Not within the inbox: there, a focus keeps what is shown in its place.
        p #sound hidden { label { input #sound-on type="checkbox"; " A sound when a call comes" } }
        div #inbox {
            p #news role="status" {}
            noscript { p.note { "Without JavaScript, this page shows what is new when it is loaded again." } }
            @if open.is_empty() { p { "Nothing waits for a person." } }
            @if !asks_here { p.note { (in_code("`channels` in config.toml does not include \"local\": only clients ask, and nothing waits here.")) } }
            @for entry in &open { (show_call(site, entry, required, trouble)) }
        }
        @if !over.is_empty() {
            h2 { "Answered, or over" }
            ul.over { @for entry in over.iter().rev().take(RECENT) {
                li {
                    strong { (escape_invisible(&entry.tool)) } " of " (escape_invisible(&entry.server))
                    @let facts = list_facts(entry, unix_time());
                    @for (_, text) in facts.iter().filter(|(label, _)| matches!(*label, "Answer" | "Made again")) { ": " (escape_invisible(text)) }
                    @if let Some(note) = &entry.note { ", saying “" (escape_invisible(note)) "”" }
                    span.note { " (" (entry.state.as_str()) ")" }
                }
            } }
        }
    }
}

/// Shows a call with all that there is to read about it.
fn show_call(site: &Site, entry: &ApprovalEntry, required: Confirm, trouble: Option<&AnswerTrouble<'_>>) -> Markup {
    let heading = format!("call-{}", entry.id);
    let needs_code = entry.confirm.max(required) == Confirm::Code;
    // What was typed for this call stays, whatever was wrong with it.
    let typed = trouble.filter(|trouble| trouble.form.value("id") == Some(entry.id.as_str()));
    let note = typed.and_then(|typed| typed.form.value("note")).unwrap_or_default();
    let fault = typed.filter(|typed| matches!(typed.error, InboxError::Answer(AnswerError::LongReason(_))));
    let fault_id = format!("fault-{}", entry.id);
    html! {
        article.call aria-labelledby=(heading) data-call=(call_word(entry)) {
            h2 id=(heading) { (escape_invisible(&entry.tool)) " of " (escape_invisible(&entry.server)) }
            dl.facts { @for (label, text) in list_facts(entry, unix_time()) {
                dt { (label) }
                dd { @if label == "Left" { (show_time_left(entry)) } @else { (escape_invisible(&text)) } }
            } }
            pre tabindex="0" aria-label="What the call sends" { (visible_lines(&content_lines(entry).join("\n"))) }
            // Two forms: Enter in the note must never press a button that approves.
            fieldset.answer {
                legend { "Your answer" }
                @if entry.is_cut() { p { (AnswerError::Cut(entry.id.clone()).to_string()) } }
                @else {
                    @if needs_code { p.note { "Approving asks for a code, on the terminal in which " code { "policylayer ui" } " runs." } }
                    form method="post" action=(site.link_to("answer")) {
                        (name_call(entry))
                        button.main name="answer" value="once" { "Approve this call" }
                        button name="answer" value="session" { "Approve for the session" }
                    }
                }
                form method="post" action=(site.link_to("answer")) {
                    (name_call(entry))
                    label { "Note to the agent " input name="note" size="30" value=(note) aria-invalid=[fault.map(|_| "true")]
                        aria-describedby=[fault.map(|_| fault_id.as_str())]; }
                    button.deny name="answer" value="deny" { "Deny" }
                    @if let Some(fault) = fault { p.bad id=(fault_id) { (fault.error.to_string()) } }
                }
            }
        }
    }
}

/// How long it can be answered; the script counts it down.
fn show_time_left(entry: &ApprovalEntry) -> Markup {
    html! {
        span data-until=(entry.expires.as_secs()) { (format_duration(entry.time_left(unix_time()))) }
        @if entry.state == ApprovalState::Late { ", for one repetition of the call" }
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

/// Describes for the script of a page which calls can be answered, and how the last others ended.
pub(super) fn describe_open(all: &[ApprovalEntry]) -> String {
    let (open, over): (Vec<_>, Vec<_>) = all.iter().partition(|entry| entry.state.is_open());
    let open: Vec<_> = open.into_iter().map(call_word).collect();
    let over: BTreeMap<_, _> = over
        .into_iter()
        .rev()
        .take(RECENT)
        .map(|entry| (call_word(entry), escape_invisible(&describe_end(entry))))
        .collect();
    serde_json::json!({ "open": open, "over": over }).to_string()
}

/// Answers a call as it was shown.
pub(super) fn answer_call(site: &Site, form: &Fields) -> WebAnswer {
    let led_to = |name, id: &str| WebAnswer::redirect(site.link_to(&format!("inbox?{}", write_query(&[(name, id)]))));
    match record_answer(site, form) {
        Ok(Taken::Given(id)) => led_to("done", &id),
        Ok(Taken::NeedsCode(id)) => led_to("asked", &id),
        Err(error) => show_with(site, StatusCode::CONFLICT, &Fields::default(), Some(&AnswerTrouble { error, form })),
    }
}

fn record_answer(site: &Site, form: &Fields) -> Result<Taken, InboxError> {
    let verdict = match form.value("answer") {
        Some("once") => ApprovalAnswer::Once,
        Some("session") => ApprovalAnswer::Session,
        Some("deny") => read_refusal(form.value("note"))?,
        _ => return Err(InboxError::NoAnswer),
    };
    let mut stores = ApprovalStores::find_all(site.env())?;
    let all = stores.list_all()?;
    let entry = find_entry(&all, form.value("id").unwrap_or_default())?;
    let key = entry.key();
    // A call that is over says so by itself.
    if entry.state.is_open() && entry.shown.as_deref().unwrap_or_default() != form.value("shown").unwrap_or_default() {
        return Err(explain_refusal(NotAnswered::Changed, &key, &mut stores).into());
    }
    let is_approval = !matches!(verdict, ApprovalAnswer::Refused { .. });
    let needs_code = entry.confirm.max(paths::load_confirm(site.env())?) == Confirm::Code;
    if is_approval && needs_code && entry.state.is_open() && !entry.is_cut() {
        site.codes().ask(entry, verdict, site.env())?;
        return Ok(Taken::NeedsCode(key.id().to_owned()));
    }
    if let Err(why) = stores.answer_question(&key, &verdict, Confirm::None)? {
        return Err(explain_refusal(why, &key, &mut stores).into());
    }
    stores.wait_for_outcome(key.id(), |_| {})?;
    Ok(Taken::Given(key.id().to_owned()))
}
