//! The lock of a server: what was agreed to, what differs now in terms of risk, and the accepting of it.

use hyper::StatusCode;
use maud::{Markup, html};

use super::answer::WebAnswer;
use super::form::{Fields, write_query};
use super::page::{as_sentence, in_code, show_lines, show_page};
use super::site::Site;
use crate::limits::OFFER_PATIENCE;
use crate::lock::{Change, ItemKind, Lock, Subject, compare};
use crate::report::client_servers::{ServedQuestion, find_served};
use crate::report::lock::{
    LockCommandError, LockComparison, LockQuestion, LockReport, LockTarget, OldLock, StartAs, Written,
    read_target_lock, subject_name,
};
use crate::visible::{count_of, escape_invisible, visible_path};

/// How many comparisons are kept, so that what is accepted is what was shown.
const MAX_KEPT: usize = 8;

/// Which server is meant, as a form or a query says it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LockPlace {
    name: String,
    client: Option<String>,
}

/// The comparisons that were shown, the latest last.
#[derive(Default)]
pub(super) struct ShownComparisons(Vec<(LockPlace, LockComparison)>);

impl ShownComparisons {
    fn keep(&mut self, asked: &LockPlace, comparison: LockComparison) {
        self.0.retain(|(other, _)| other != asked);
        self.0.push((asked.clone(), comparison));
        self.0.drain(..self.0.len().saturating_sub(MAX_KEPT));
    }

    fn take(&mut self, asked: &LockPlace) -> Option<LockComparison> {
        let at = self.0.iter().position(|(other, _)| other == asked)?;
        Some(self.0.remove(at).1)
    }
}

impl LockPlace {
    fn read(fields: &Fields) -> Self {
        let text = |name| fields.value(name).map(str::to_owned);
        Self { name: text("name").unwrap_or_default(), client: text("client") }
    }

    fn find_target(&self, site: &Site) -> Result<LockTarget, LockCommandError> {
        LockTarget::find(&LockQuestion {
            server: Some(&self.name),
            clients: self.client.as_slice(),
            policy: None,
            command: &[],
            verb: "lock",
            env: site.env(),
        })
    }

    fn hidden_fields(&self) -> Markup {
        html! {
            input type="hidden" name="name" value=(self.name);
            @if let Some(client) = &self.client { input type="hidden" name="client" value=(client); }
        }
    }

    fn show(&self, site: &Site, status: StatusCode, content: &Markup) -> WebAnswer {
        let content = html! {
            (content)
            p { a href=(site.link_to(&format!("server?{}", write_query(&[("name", &self.name)])))) { "Back to the server" } }
        };
        show_page(site, status, "server", &format!("The lock of {}", self.name), content)
    }

    fn refuse(&self, site: &Site, why: &str) -> WebAnswer {
        self.show(site, StatusCode::CONFLICT, &html! { div.box.trouble role="alert" { p.bad { (in_code(why)) } } })
    }
}

/// Shows the lock. Nothing is started.
pub(super) fn show_lock(site: &Site, query: &Fields) -> WebAnswer {
    let asked = LockPlace::read(query);
    let found = asked.find_target(site).and_then(|target| Ok((read_target_lock(&target)?, target)));
    let (old, target) = match found {
        Ok(found) => found,
        Err(error) => return refuse_error(site, &asked, &error),
    };
    let content = html! {
        p { "A lock says what was agreed to of a server: its package, and the definition of each tool, prompt, template and app. What is new "
            "or differs later does not reach the agent until somebody accepts it." }
        @match &old {
            OldLock::None => {
                p { strong { "This server has no lock yet." } " It would be " code { (visible_path(&target.file)) } "." }
                (show_start(site, &asked, &target, "make", "Start it once, and lock it"))
            }
            OldLock::Unusable(error) => div.box.trouble { p.bad { (in_code(&as_sentence(&error.to_string()))) } },
            OldLock::Found(lock, _) => {
                p.file { code { (visible_path(&target.file)) } }
                p { (describe_lock(lock)) }
                (show_start(site, &asked, &target, "compare", "Start it once, and compare"))
            }
        }
    };
    asked.show(site, StatusCode::OK, &content)
}

fn describe_lock(lock: &Lock) -> String {
    let kinds = ItemKind::ALL.into_iter().map(|kind| (lock.items(kind).len(), kind));
    let kinds: Vec<_> = kinds
        .filter(|(count, kind)| *count > 0 || *kind == ItemKind::Tool)
        .map(|(count, kind)| count_of(count as u64, kind.as_str()))
        .collect();
    format!("It is locked: {}.", kinds.join(", "))
}

/// The button that starts the server. It says so.
fn show_start(site: &Site, asked: &LockPlace, target: &LockTarget, word: &str, label: &str) -> Markup {
    html! {
        form method="post" action=(site.link_to("lock")) {
            (asked.hidden_fields())
            p { "This starts " code { (target.shown_command()) } " as its client does, asks what it has, and stops it. That can take a minute; no "
                "tool is called." }
            p { button.main name="do" value=(word) { (label) } }
        }
    }
}

/// Makes a lock, compares the server with it, or accepts what was shown.
pub(super) fn change_lock(site: &Site, form: &Fields) -> WebAnswer {
    let asked = LockPlace::read(form);
    let outcome = match form.value("do") {
        Some("make") => make_lock(site, &asked),
        Some("compare") => compare_lock(site, &asked),
        Some("accept") => accept_shown(site, &asked, &[]),
        _ => {
            let items: Vec<String> = form.all_values("item").map(str::to_owned).collect();
            if items.is_empty() {
                return asked.refuse(site, "Nothing is chosen, so nothing was accepted.");
            }
            accept_shown(site, &asked, &items)
        }
    };
    outcome.unwrap_or_else(|error| refuse_error(site, &asked, &error))
}

/// Says why nothing is done; if several clients start it differently, leads to each.
fn refuse_error(site: &Site, asked: &LockPlace, error: &LockCommandError) -> WebAnswer {
    let LockCommandError::Unclear(_) = error else { return asked.refuse(site, &error.to_string()) };
    let found = find_served(&ServedQuestion { name: Some(&asked.name), clients: &[], env: site.env() });
    let content = html! {
        p { "Several clients start a server of this name, and not in the same way. Which one is meant?" }
        ul { @for served in &found.servers {
            li { a href=(site.link_to(&format!("lock?{}", write_query(&[("name", &served.key), ("client", served.client[0])])))) {
                (served.describe())
            } }
        } }
    };
    asked.show(site, StatusCode::MULTIPLE_CHOICES, &content)
}

fn start_server(target: LockTarget, old: Option<(Lock, String)>) -> Result<LockComparison, LockCommandError> {
    LockComparison::find(target, old, StartAs::Written, OFFER_PATIENCE, &|_| Box::new(()))
}

fn make_lock(site: &Site, asked: &LockPlace) -> Result<WebAnswer, LockCommandError> {
    let target = asked.find_target(site)?;
    if !matches!(read_target_lock(&target)?, OldLock::None) {
        return Ok(
            asked.refuse(site, "There is a lock by now, so nothing was written. Load the page again, and compare.")
        );
    }
    let comparison = start_server(target, None)?;
    comparison.write(&comparison.new, None)?;
    let report = LockReport::new(&comparison, Vec::new(), Written::Yes);
    let content = html! {
        div.box role="status" {
            p { strong { "Locked." } " " (describe_lock(&comparison.new)) }
            p.file { code { (report.file) } }
        }
        (show_notes(&report))
    };
    Ok(asked.show(site, StatusCode::OK, &content))
}

fn compare_lock(site: &Site, asked: &LockPlace) -> Result<WebAnswer, LockCommandError> {
    let target = asked.find_target(site)?;
    let old = match read_target_lock(&target)? {
        OldLock::Found(lock, text) => (lock, text),
        OldLock::None => return Ok(asked.refuse(site, "There is no lock any more. Load the page again.")),
        OldLock::Unusable(error) => return Err(error.into()),
    };
    let comparison = start_server(target, Some(old))?;
    let page = asked.show(site, StatusCode::OK, &show_comparison(site, asked, &comparison, None));
    site.with_comparisons(|shown| shown.keep(asked, comparison));
    Ok(page)
}

/// Accepts these items of the comparison that was shown; all of it if there are none.
fn accept_shown(site: &Site, asked: &LockPlace, items: &[String]) -> Result<WebAnswer, LockCommandError> {
    let Some(mut comparison) = site.with_comparisons(|shown| shown.take(asked)) else {
        return Ok(asked.refuse(site, "What you saw is not known any more, so nothing was accepted. Compare again."));
    };
    let accepted = comparison.accept(items)?;
    let replaced = comparison.old.as_ref().map(|(_, text)| text.clone());
    comparison.write(&accepted, replaced.as_deref().map(str::as_bytes))?;
    let count = comparison.old.as_ref().map_or(0, |(old, _)| compare(old, &accepted).len());
    let text = accepted.write();
    comparison.old = Some((accepted, text));
    let said = format!("Accepted: {}.", count_of(count as u64, "change"));
    let page = asked.show(site, StatusCode::OK, &show_comparison(site, asked, &comparison, Some(&said)));
    site.with_comparisons(|shown| shown.keep(asked, comparison));
    Ok(page)
}

fn show_comparison(site: &Site, asked: &LockPlace, comparison: &LockComparison, said: Option<&str>) -> Markup {
    let changes = comparison.changes();
    let report = LockReport::new(comparison, changes, Written::No);
    let mut subjects: Vec<&Subject> = Vec::new();
    for change in &report.changes {
        if !subjects.contains(&&change.subject) {
            subjects.push(&change.subject);
        }
    }
    html! {
        @if let Some(said) = said { div.box role="status" { p { (said) } } }
        p.file { code { (report.file) } }
        (show_notes(&report))
        @if report.same {
            p.good role="status" { "The server is as its lock says. " (describe_lock(&comparison.new)) }
        } @else if subjects.is_empty() {
            p { "Nothing that can be put in words differs. To take it up all the same, accept all." }
            (show_accept_all(site, asked))
        } @else {
            p { (count_of(report.changes.len() as u64, "change")) " since the lock, the riskiest first. Until it is accepted, none of it reaches the agent." }
            form method="post" action=(site.link_to("lock")) {
                (asked.hidden_fields())
                table.stacked {
                    thead { tr { th scope="col" { "What" } th scope="col" { "Risk" } th scope="col" { "What changed" } } }
                    tbody { @for subject in subjects { (show_subject(subject, &report.changes)) } }
                }
                p.buttons { button.main name="do" value="chosen" { "Accept what is ticked" } }
            }
            (show_accept_all(site, asked))
        }
    }
}

fn show_accept_all(site: &Site, asked: &LockPlace) -> Markup {
    html! {
        form method="post" action=(site.link_to("lock")) {
            (asked.hidden_fields())
            p { button name="do" value="accept" { "Accept all" } }
        }
    }
}

fn show_subject(subject: &Subject, changes: &[Change]) -> Markup {
    let name = escape_invisible(subject_name(subject));
    let kind = match subject {
        Subject::Item(kind, _) => kind.as_str(),
        Subject::Package | Subject::Instructions => "server",
    };
    let own = || changes.iter().filter(|change| change.subject == *subject);
    html! {
        tr {
            th scope="row" data-label="What" {
                label { input type="checkbox" name="item" value=(subject_name(subject)); " " (name) } " " span.note { (kind) }
            }
            td data-label="Risk" { (own().next().map_or("", |change| change.risk.as_str())) }
            td data-label="What changed" { @for change in own() {
                p { (escape_invisible(&change.sentence)) @if own().count() > 1 { " " span.note { (change.risk.as_str()) } } }
                @if change.before.is_some() || change.after.is_some() {
                    details {
                        summary { "The text" }
                        (show_lines(change.before.as_deref().unwrap_or_default(), change.after.as_deref().unwrap_or_default()))
                    }
                }
            } }
        }
    }
}

fn show_notes(report: &LockReport) -> Markup {
    html! {
        @if let Some(held) = &report.held { p { (as_sentence(held)) } }
        @for note in &report.notes { p.warn { (in_code(&as_sentence(note))) } }
    }
}
