//! Which entries of which clients are checked.

use std::collections::BTreeSet;
use std::path::Path;

use super::client_env::ClientEnv;
use super::{ChainReport, Doctor, LaunchChain, Problem, ServerState, StepId, StepStatus};
use crate::clients::entry::{ClientEntry, Transport, parse_wrapped};
use crate::clients::file::Opened;
use crate::clients::key::{is_key, key_word, visible_key};
use crate::clients::place::{ClientFile, Presence};
use crate::clients::secret;
use crate::clients::servers::{Clients, is_here};
use crate::clients::table::Access;
use crate::env::Env;
use crate::policy::nearest_word;
use crate::report::client_servers::{ServedQuestion, find_served};
use crate::shell::as_word;

/// An entry of a client, or a file that cannot be read.
pub(crate) struct Target<'c> {
    pub(crate) place: &'c ClientFile,
    /// The keys that lead to the servers, and the entry; or why the file cannot be read.
    pub(crate) entry: Result<(Vec<String>, ClientEntry), String>,
    pub(crate) opened: Option<&'c Opened>,
}

/// The entries of the clients' files that were meant.
pub(crate) struct FoundEntries<'c> {
    /// The entries, and the files that cannot be read.
    pub(crate) targets: Vec<Target<'c>>,
    /// The keys of all entries.
    pub(crate) names: BTreeSet<String>,
    /// The files that cannot be read.
    pub(crate) broken: BTreeSet<&'c Path>,
}

impl FoundEntries<'_> {
    /// Returns each entry with its target, and with the keys that lead to it.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Target<'_>, &[String], &ClientEntry)> {
        self.targets.iter().filter_map(|target| {
            let (keys, entry) = target.entry.as_ref().ok()?;
            Some((target, keys.as_slice(), entry))
        })
    }
}

/// Finds the entries that are meant, in the files of the named clients, or of all.
pub(crate) fn find_entries<'c>(
    clients: &'c Clients,
    ids: &[String],
    env: &Env,
    is_meant: &dyn Fn(&ClientEntry) -> bool,
) -> FoundEntries<'c> {
    let mut found = FoundEntries { targets: Vec::new(), names: BTreeSet::new(), broken: BTreeSet::new() };
    let is_asked = |place: &&ClientFile| {
        place.presence == Presence::File && (ids.is_empty() || ids.iter().any(|id| id == place.row.id))
    };
    for place in clients.places.iter().filter(is_asked) {
        let sections = match clients.sections_of(place) {
            Ok(sections) => sections,
            Err(error) => {
                // One file for two scopes is reported once.
                if found.broken.insert(&place.file) {
                    found.targets.push(Target { place, entry: Err(error.to_string()), opened: None });
                }
                continue;
            }
        };
        let opened = clients.opened_file(&place.file);
        for section in sections.into_iter().filter(|section| is_here(place.row, section, env)) {
            for entry in section.entries {
                found.names.insert(entry.name.clone());
                if is_meant(&entry) {
                    found.targets.push(Target { place, entry: Ok((section.keys.clone(), entry)), opened });
                }
            }
        }
    }
    found
}

impl Doctor<'_> {
    /// Finds the selected entries. An unreadable file counts as one, because its entries are unknown.
    ///
    /// # Errors
    /// Returns why there is nothing to check, and what to do.
    pub(super) fn find_targets<'c>(&self, clients: &'c Clients) -> Result<Vec<Target<'c>>, (String, String)> {
        let (ids, server) = (self.question.clients, self.question.server);
        let is_meant = |entry: &ClientEntry| {
            server.map_or_else(|| entry.is_wrapped(self.program.as_deref()), |key| is_key(key, &entry.name))
        };
        let mut found = find_entries(clients, ids, self.question.env, &is_meant);
        if let Some(server) = server.filter(|_| found.entries().next().is_none()) {
            let asked = ServedQuestion { name: Some(server), clients: ids, env: self.question.env };
            let keys: BTreeSet<_> = find_served(&asked).servers.into_iter().map(|served| served.key).collect();
            if !keys.is_empty() {
                found = find_entries(clients, ids, self.question.env, &|entry| keys.contains(&entry.name));
            }
        }
        let FoundEntries { targets, names, broken } = found;
        if targets.iter().any(|target| target.entry.is_ok()) || (server.is_none() && !targets.is_empty()) {
            return Ok(targets);
        }
        Err(self.describe_no_target(&names, !broken.is_empty()))
    }

    /// Returns why there is nothing to check, and what to do.
    fn describe_no_target(&self, names: &BTreeSet<String>, is_broken: bool) -> (String, String) {
        let ids = self.question.clients;
        let whose = match ids {
            [] => "No client has a".to_owned(),
            [one] => format!("{one} has no"),
            several => format!("None of {} has a", several.join(", ")),
        };
        let client = ids.first().map(|client| format!(" --client {client}")).unwrap_or_default();
        let Some(key) = self.question.server else {
            let remedy = match names.first() {
                None => format!("add one: policylayer register{client} {} COMMAND", as_word("--")),
                Some(name) if names.len() == 1 => format!("policylayer register {}{client}", key_word(name)),
                Some(_) => format!("policylayer register SERVER{client}; `policylayer clients` lists the servers"),
            };
            return (format!("{whose} server behind a policy."), remedy);
        };
        let remedy = match nearest_word(key, names.iter().map(String::as_str)) {
            Some(near) => format!("policylayer doctor {}{client}", key_word(near)),
            None if is_broken => {
                "`policylayer clients` shows which client's file cannot be read; fix that first".to_owned()
            }
            None if names.is_empty() => {
                format!("add it: policylayer register {}{client} {} COMMAND", key_word(key), as_word("--"))
            }
            None => {
                let names: Vec<_> = names.iter().map(|name| visible_key(name)).collect();
                format!("name one of the existing servers: {}", names.join(", "))
            }
        };
        (format!("{whose} server {}.", visible_key(key)), remedy)
    }
}

impl Target<'_> {
    /// Returns the chain that the entry starts, and the report with the steps that lead to it. `None` if there is no such chain:
    /// then the report is complete.
    pub(super) fn open_chain<'c>(
        &'c self,
        program: Option<&str>,
        here: &'c Env,
    ) -> (Option<LaunchChain<'c>>, ChainReport) {
        let row = self.place.row;
        let file = self.place.file.display().to_string();
        let mut report = ChainReport {
            client: Some(row.id),
            client_name: Some(row.name),
            file: Some(file.clone()),
            server: self.entry.as_ref().ok().map(|(_, entry)| entry.name.clone()),
            state: Some(ServerState::Broken),
            steps: Vec::new(),
        };
        let (keys, entry) = match &self.entry {
            Ok(found) => found,
            Err(why) => {
                let remedy = format!("fix {file}; {} cannot read it either", row.name);
                report.stop_at(StepId::File, Problem::failed(why, remedy));
                return (None, report);
            }
        };
        report.push_step(StepId::File, Ok(file.clone()));
        let launch = match &entry.transport {
            Transport::Stdio(launch) => launch,
            Transport::Unclear(bad) => {
                let problem = Problem::failed(format!("it is unclear: {bad}"), format!("fix the entry in {file}"));
                report.stop_at(StepId::Entry, problem);
                return (None, report);
            }
            Transport::Remote { url } => {
                report.state = Some(ServerState::OutOfReach);
                report.stop_at(StepId::Entry, describe_remote(url.as_deref()));
                return (None, report);
            }
        };
        // What an administrator has wrapped is judged like any other.
        if let (Access::Read(remedy), false) = (row.access, entry.is_wrapped(program)) {
            report.state = Some(ServerState::OutOfReach);
            let what = format!("{} starts it from {file}, which is not changed from here", row.name);
            report.stop_at(StepId::Entry, Problem::failed(what, remedy));
            return (None, report);
        }
        let mut env = ClientEnv::from_entry(row.id, self.opened, keys, &entry.name, here);
        let literal = launch.words();
        report.push_step(
            StepId::Entry,
            match entry.is_disabled {
                true => Err(Problem::warning(
                    format!("the entry tells {} not to start the server", row.name),
                    "enable it in the client if you want to use it",
                )),
                false => Ok(format!("starts {}", secret::redact_words(&literal).join(" "))),
            },
        );
        let chain = LaunchChain {
            client: row.name,
            client_id: row.id,
            key: &entry.name,
            file: Some(file),
            words: env.fill_in_words(&literal),
            wrapped: parse_wrapped(&literal, program),
            env,
            here,
        };
        (Some(chain), report)
    }
}

impl ChainReport {
    /// Fails the first step if the client may be unable to read its file.
    pub(super) fn check_plain(&mut self, target: &Target<'_>) {
        let row = target.place.row;
        let Some(why) = target.opened.and_then(|opened| opened.describe_oddity(row.name)) else { return };
        if let Some(step) = self.steps.iter_mut().find(|step| step.id == StepId::File) {
            step.status = StepStatus::Failed;
            step.detail = format!("{}: {why}", target.place.file.display());
            step.remedy = Some("take that out of the file, so that it is plain JSON".to_owned());
        }
    }
}

/// Reports a server that the client reaches without a command.
pub(super) fn describe_remote(url: Option<&str>) -> Problem {
    let url = url.map(|url| format!(" ({})", secret::redact_url(url))).unwrap_or_default();
    Problem::failed(
        format!("the client reaches the server over HTTP{url}, and a stdio wrapper cannot: no policy applies there"),
        format!("use the server's stdio version, if it has one: policylayer register NAME {} COMMAND", as_word("--")),
    )
}
