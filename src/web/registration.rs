//! Putting servers behind their policies, and taking them out again: what `register` and `unregister` would write, and the
//! writing of exactly that.

use std::collections::BTreeSet;

use hyper::StatusCode;
use maud::{Markup, html};

use super::answer::WebAnswer;
use super::form::{Fields, write_query};
use super::overview::label_state;
use super::page::{as_sentence, in_code, show_lines, show_page};
use super::site::Site;
use crate::clients::apply::{FileResult, apply_changes};
use crate::clients::key::visible_key;
use crate::clients::plan::AllPlan;
use crate::clients::program;
use crate::clients::register::Registration;
use crate::clients::select::{Candidate, Selection};
use crate::clients::server_name::Naming;
use crate::clients::servers::Clients;
use crate::paths;
use crate::policy::{ServerName, Tally};
use crate::proxy::notification;
use crate::record::{Digest, Enforcement};
use crate::report::doctor::ServerState;
use crate::report::registration::{FileStatus, RegisteredServer, RegistrationReport, ServerAction, describe_writers};
use crate::report::status::{ClientStatus, ServerStatus};
use crate::visible::{count_of, escape_invisible};

/// What is asked for: the word in a form, and what the page is called.
const PROTECT: (&str, &str) = ("protect", "Put behind a policy");
const OBSERVE: (&str, &str) = ("observe", "Observe, and enforce nothing");
const ENFORCE: (&str, &str) = ("enforce", "Enforce the policy");
const UNPROTECT: (&str, &str) = ("unprotect", "Take out from behind the policy");

/// Which servers are meant, and what happens to them.
struct RegistrationOrder<'f> {
    what: (&'static str, &'static str),
    client: Option<&'f str>,
    file: Option<&'f str>,
    folder: Option<&'f str>,
    /// The key of one server; `None` for all.
    key: Option<&'f str>,
    /// What the server is to be called, instead of what its command tells.
    name: Option<&'f str>,
}

impl<'f> RegistrationOrder<'f> {
    fn read(fields: &'f Fields) -> Self {
        let wanted = fields.value("do").unwrap_or_default();
        let what = [OBSERVE, ENFORCE, UNPROTECT].into_iter().find(|(word, _)| *word == wanted).unwrap_or(PROTECT);
        Self {
            what,
            client: fields.value("client"),
            file: fields.value("file"),
            folder: fields.value("folder"),
            // A key may be empty.
            key: fields.written("key"),
            name: fields.value("as").filter(|_| fields.written("key").is_some()),
        }
    }

    fn is_meant(&self, candidate: &Candidate<'_>) -> bool {
        let Some(key) = self.key else { return true };
        let file = candidate.file.file.display().to_string();
        candidate.entry.name == key && self.file == Some(file.as_str()) && candidate.dir.as_deref() == self.folder
    }

    /// The fields of a form that ask for the same.
    fn hidden_fields(&self) -> Markup {
        let fields = [
            ("client", self.client),
            ("file", self.file),
            ("folder", self.folder),
            ("key", self.key),
            ("as", self.name),
        ];
        html! {
            input type="hidden" name="do" value=(self.what.0);
            @for (name, value) in fields { @if let Some(value) = value { input type="hidden" name=(name) value=(value); } }
        }
    }

    fn title(&self) -> String {
        match self.key {
            Some(key) => format!("{}: {}", self.what.1, visible_key(key)),
            None => format!("{}: all servers", self.what.1),
        }
    }
}

/// Whether the changes are made, or only shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Show,
    Write,
}

pub(super) fn show_registration(site: &Site, fields: &Fields) -> WebAnswer {
    answer_registration(site, fields, Step::Show)
}

/// Writes what was shown, if nothing of it has changed since.
pub(super) fn carry_out_registration(site: &Site, fields: &Fields) -> WebAnswer {
    answer_registration(site, fields, Step::Write)
}

fn answer_registration(site: &Site, fields: &Fields, step: Step) -> WebAnswer {
    let asked = RegistrationOrder::read(fields);
    plan_registration(site, fields, &asked, step).unwrap_or_else(|why| {
        let content = html! {
            div.box.trouble role="alert" { p.bad { (in_code(&as_sentence(&why))) } }
            (show_name_form(site, &asked))
            p { a href=(site.link_to("")) { "Back to the overview" } }
        };
        show_page(site, StatusCode::CONFLICT, "", &asked.title(), content)
    })
}

fn plan_registration(
    site: &Site,
    fields: &Fields,
    asked: &RegistrationOrder<'_>,
    step: Step,
) -> Result<WebAnswer, String> {
    let env = site.env();
    let program = program::path_to_write(env).map_err(|error| error.to_string())?;
    let settings = paths::load_settings(env).map_err(|error| error.to_string())?;
    let (clients, named) = (Clients::find_all(env), asked.client.map(str::to_owned));
    let selection = Selection::new(&clients, named.as_slice(), &program, env);
    let preview = Selection { dry_run: true, ..Selection::new(&clients, named.as_slice(), &program, env) };
    let mut plan = if asked.what == UNPROTECT {
        AllPlan::unwrap_meant(&selection, |candidate| asked.is_meant(candidate))
    } else {
        let server = asked.name.map(ServerName::parse).transpose().map_err(|error| error.to_string())?;
        let naming = Naming::new(server, None, &settings, env).map_err(|error| error.to_string())?;
        naming.note_names(&clients, &program);
        let enforcement = match asked.what {
            OBSERVE => Some(Enforcement::Observed),
            ENFORCE => Some(Enforcement::Enforced),
            _ => None,
        };
        let registration = Registration { selection: &selection, naming, variables: Vec::new(), enforcement };
        registration.wrap_meant(|candidate| asked.is_meant(candidate))
    }
    .map_err(|refusal| refusal.to_string())?;
    let mut report = RegistrationReport::new(&mut plan, &selection);
    let digest = digest_plan(&plan, &clients);
    let page = RegistrationPage { site, asked, selection: &selection, preview: &preview, plan: &plan, digest: &digest };
    if step == Step::Show {
        return Ok(page.show_plan(&report, StatusCode::OK, None));
    }
    if fields.value("digest") != Some(digest.as_str()) {
        let why = "The client's file, or what would be written into it, was changed since this was shown, so nothing was written. \
                   This is what would be written now.";
        return Ok(page.show_plan(&report, StatusCode::CONFLICT, Some(why)));
    }
    for outcome in apply_changes(&selection, plan.changes()) {
        report.record_outcome(&outcome);
    }
    if asked.what != UNPROTECT {
        notification::register_name(env);
    }
    Ok(page.show_outcome(&report))
}

/// Identifies the changes, and the files that they are made to.
fn digest_plan(plan: &AllPlan<'_>, clients: &Clients) -> String {
    let mut all = Vec::new();
    for change in plan.changes() {
        all.extend_from_slice(change.file.file.as_os_str().as_encoded_bytes());
        all.extend_from_slice(clients.opened_file(&change.file.file).map_or(b"", |opened| &opened.bytes));
        change.edits.iter().for_each(|(at, text)| all.extend_from_slice(format!("{at:?}{text:?}").as_bytes()));
    }
    Digest::of_text(&all).to_string()
}

/// What the page of a plan is made of.
struct RegistrationPage<'p, 'c> {
    site: &'p Site,
    asked: &'p RegistrationOrder<'p>,
    selection: &'p Selection<'c>,
    /// The same, for a run that writes nothing.
    preview: &'p Selection<'c>,
    plan: &'p AllPlan<'c>,
    digest: &'p str,
}

impl RegistrationPage<'_, '_> {
    fn show_plan(&self, report: &RegistrationReport, status: StatusCode, trouble: Option<&str>) -> WebAnswer {
        let (servers, files) = report.count_changes();
        let content = html! {
            @if let Some(trouble) = trouble { div.box.trouble role="alert" { p.bad { (in_code(trouble)) } } }
            @for warning in self.selection.warnings.borrow().iter() { p.warn { (in_code(warning)) } }
            (show_servers(report))
            @if servers == 0 {
                p { "There is nothing to change." }
            } @else {
                p { "Nothing is written yet." }
                @if let Some(writers) = describe_writers(self.plan.changes().map(|change| change.file)) {
                    p.warn { (in_code(&writers)) }
                }
                (self.show_files())
                form method="post" action=(self.site.link_to("register")) {
                    (self.asked.hidden_fields())
                    input type="hidden" name="digest" value=(self.digest);
                    p.note { "The file is backed up first, unless there is a backup of it already." }
                    p.buttons {
                        button.main {
                            "Write " (count_of(files as u64, "file"))
                        }
                        " " a href=(self.site.link_to("")) { "Back, without writing" }
                    }
                }
            }
            (show_name_form(self.site, self.asked))
        };
        show_page(self.site, status, "", &self.asked.title(), content)
    }

    /// Shows how each file would change, without the keys in it.
    fn show_files(&self) -> Markup {
        html! {
            @for (changes, result) in apply_changes(self.preview, self.plan.changes()) {
                @let file = changes.first().map(|change| change.file.display_name()).unwrap_or_default();
                h2 { (file) }
                @match result {
                    Ok(FileResult::Preview { old, new }) => (show_lines(&old, &new)),
                    Ok(_) => p { "It stays as it is." },
                    Err(error) => p.bad { (in_code(&error.to_string())) },
                }
            }
        }
    }

    fn show_outcome(&self, report: &RegistrationReport) -> WebAnswer {
        let written = || report.files.iter().filter(|file| file.result == FileStatus::Written);
        let clients: BTreeSet<_> = written().map(|file| file.name).collect();
        let clients: Vec<_> = clients.into_iter().collect();
        let undo = match self.asked.what {
            UNPROTECT => PROTECT,
            ENFORCE => OBSERVE,
            _ => UNPROTECT,
        };
        let is_behind = self.asked.what != UNPROTECT && written().next().is_some();
        let content = html! {
            @for file in &report.files {
                @match file.result {
                    FileStatus::Written => div.box role="status" {
                        p { "Written: " code { (escape_invisible(&file.file)) } }
                        @if let Some(backup) = &file.backup { p.note { "The old file is kept as " code { (escape_invisible(backup)) } } }
                    },
                    FileStatus::Failed => div.box.trouble role="alert" {
                        p.bad { (in_code(file.error.as_deref().unwrap_or("It could not be changed."))) }
                    },
                    FileStatus::Unchanged | FileStatus::Planned => {}
                }
            }
            @if !clients.is_empty() {
                p { strong { "Restart " (clients.join(" and ")) } " for this to take effect." }
                @if let Some(writers) = describe_writers(self.plan.changes().map(|change| change.file)) {
                    p.warn { (in_code(&writers)) }
                }
            }
            @if is_behind { @if let (Some(key), Some(client)) = (self.asked.key, self.asked.client) {
                div.next {
                    p { "A lock holds the server to what it has now: what is new or differs later does not reach "
                        "the agent until you accept it." }
                    p { a.button href=(self.site.link_to(&format!("lock?{}", write_query(&[("name", key), ("client", client)])))) { "Lock it" } }
                }
            } }
            @if let Some(key) = self.asked.key.filter(|_| written().next().is_some() && undo != OBSERVE) {
                p { a href=(link_to_registration(self.site, undo, self.asked.client, self.asked.file, self.asked.folder, key)) { (undo.1) } }
            }
            p { a href=(self.site.link_to("")) { "Back to the overview" } }
        };
        let status = if report.has_failed() { StatusCode::CONFLICT } else { StatusCode::OK };
        show_page(self.site, status, "", &self.asked.title(), content)
    }
}

/// Shows what happens to each server, as `register` says it.
fn show_servers(report: &RegistrationReport) -> Markup {
    html! {
        @for file in &report.files {
            h2 { (file.name) @if let Some(folder) = &file.folder { ", for " (escape_invisible(folder)) } }
            p.file { code { (escape_invisible(&file.file)) } }
            @if let Some(error) = &file.error { p.bad { "It cannot be read: " (in_code(error)) } }
            @for server in &file.servers { div.box { (show_server(server)) } }
        }
        @if report.files.iter().all(|file| file.servers.is_empty()) {
            p { "No server is meant that this could be done to. It may be done already, or its client's file was changed." }
        }
    }
}

fn show_server(server: &RegisteredServer) -> Markup {
    let (word, class) = label_state(server.state);
    let described = match server.action {
        ServerAction::Protect => "is put behind its policy",
        ServerAction::Observe => "is observed: what its policy would refuse is logged, and nothing is refused",
        ServerAction::Enforce => "has its policy enforced from now on",
        ServerAction::UpdatePath => "gets the new path of policylayer",
        ServerAction::Unprotect => "is started without its policy from now on",
        ServerAction::Nothing => "stays as it is",
        ServerAction::OutOfReach => "is out of reach",
        ServerAction::LeftAlone => "is left alone",
    };
    html! {
        h3 { (visible_key(&server.name)) " " (described) }
        @if let Some(reason) = &server.reason { p.bad[server.action == ServerAction::LeftAlone] { (in_code(&as_sentence(reason))) } }
        @if server.is_changed() {
            dl.facts {
                dt { "State afterwards" } dd {
                    span class={ "state " (class) } { (word) }
                    @if server.state == ServerState::Broken { p { "It cannot start so; the overview then says why." } }
                }
                @if server.action != ServerAction::Unprotect {
                    dt { "It is called" } dd { (escape_invisible(server.server.as_deref().unwrap_or("unknown"))) }
                    dt { "Its policy" } dd {
                        code { (escape_invisible(server.policy.as_deref().unwrap_or("none"))) }
                        @if let Some(tools) = &server.tools { p.note { (describe_tally(&tools.all)) } }
                    }
                }
                dt { "Its client starts" } dd { code { (escape_invisible(&server.command.join(" "))) } }
            }
        }
        @for note in &server.notes { p.warn { (in_code(&as_sentence(note))) } }
        @if server.disabled { p.note { "Its client is told not to start it." } }
    }
}

fn describe_tally(tally: &Tally) -> String {
    let Tally { known, allowed, asking, refused, hidden } = *tally;
    format!(
        "Of {}: {allowed} allowed, {asking} ask, {refused} refused, {hidden} hidden.",
        count_of(known as u64, "known tool")
    )
}

/// A server that is called otherwise has a policy of its own.
fn show_name_form(site: &Site, asked: &RegistrationOrder<'_>) -> Markup {
    if asked.key.is_none() || ![PROTECT, OBSERVE].contains(&asked.what) {
        return html! {};
    }
    html! {
        form.filter method="get" action=(site.link_to("register")) {
            @for (name, value) in [("do", Some(asked.what.0)), ("client", asked.client), ("file", asked.file), ("folder", asked.folder),
                ("key", asked.key)] { @if let Some(value) = value { input type="hidden" name=(name) value=(value); } }
            label { "Call it otherwise, so that it has a policy of its own " input name="as" value=(asked.name.unwrap_or_default()) size="16"; }
            button { "Show what changes" }
        }
    }
}

fn link_to_registration(
    site: &Site,
    (word, _): (&str, &str),
    client: Option<&str>,
    file: Option<&str>,
    folder: Option<&str>,
    key: &str,
) -> String {
    let fields = [("client", client), ("file", file), ("folder", folder), ("key", Some(key))];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let fields: Vec<_> = [("do", word)].into_iter().chain(fields).collect();
    site.link_to(&format!("register?{}", write_query(&fields)))
}

/// The links that put a server of the overview behind its policy, or take it out.
pub(super) fn show_links(site: &Site, client: &ClientStatus, server: &ServerStatus) -> Markup {
    let offered: &[(&str, &str)] = match server.state {
        ServerState::Unprotected => &[PROTECT, OBSERVE],
        ServerState::Observed => &[ENFORCE, UNPROTECT],
        ServerState::Protected | ServerState::Broken => &[UNPROTECT],
        ServerState::OutOfReach => &[],
    };
    html! {
        @if !offered.is_empty() { p.links { @for asked in offered {
            a.button href=(link_to_registration(site, *asked, Some(client.client), Some(&client.file), client.folder.as_deref(), &server.name)) {
                (asked.1) span.quiet { ", " (visible_key(&server.name)) }
            }
        } } }
    }
}

/// The link that puts every server behind its policy.
pub(super) fn show_link_for_all(site: &Site) -> Markup {
    html! { p { a.button href=(site.link_to("register?do=protect")) { "Put all servers behind their policies" } } }
}
