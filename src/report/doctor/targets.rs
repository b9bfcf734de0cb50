//! Which entries of which clients are checked.

use std::collections::BTreeSet;
use std::path::Path;

use super::client_env::ClientEnv;
use super::{BareServer, Barrier, ChainReport, Doctor, LaunchChain, Problem, ServerState, StepId, StepStatus};
use crate::clients::entry::{ClientEntry, Transport, parse_wrapped};
use crate::clients::file::Opened;
use crate::clients::key::{is_key, key_word, visible_key};
use crate::clients::place::ClientFile;
use crate::clients::remote::RemoteEntry;
use crate::clients::secret;
use crate::clients::servers::{Clients, is_here};
use crate::clients::table::{Access, Keeper, source_of_bare_entry};
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
    for (place, sections) in clients.read_places(ids) {
        let sections = match sections {
            Ok(sections) => sections,
            Err(error) => {
                found.broken.insert(&place.file);
                found.targets.push(Target { place, entry: Err(error.to_string()), opened: None });
                continue;
            }
        };
        let opened = clients.opened_file(&place.file);
        for section in sections.into_iter().filter(|section| is_here(section, env)) {
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

    /// Lists the servers of the asked clients that no policy of this program is in front of.
    pub(super) fn list_bare(&self, clients: &Clients) -> Vec<BareServer> {
        let (program, env) = (self.program.as_deref(), self.question.env);
        let found = find_entries(clients, self.question.clients, env, &|_| true);
        let mut bare = Vec::new();
        for (target, _, entry) in found.entries() {
            let (chain, report) = target.open_chain(program, env);
            if chain.as_ref().is_some_and(|chain| chain.wrapped.is_some()) {
                continue;
            }
            bare.push(BareServer {
                client: target.place.row.id,
                disabled: entry.is_disabled,
                file: target.place.file.display().to_string(),
                out_of_reach: report.barrier,
                server: entry.name.clone(),
                state: if chain.is_some() {
                    ServerState::Unprotected
                } else {
                    report.state.unwrap_or(ServerState::Broken)
                },
            });
        }
        bare
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
            ..ChainReport::default()
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
        let Some(literal) = entry.words().filter(|_| !self.is_kept(entry, program)) else {
            let (barrier, problem) = self.describe_barrier(entry);
            report.state = Some(if barrier.is_some() { ServerState::OutOfReach } else { ServerState::Broken });
            report.barrier = barrier;
            report.stop_at(StepId::Entry, problem);
            return (None, report);
        };
        let mut env = ClientEnv::from_entry(row.id, self.opened, (keys, entry), here);
        let literal: Vec<&str> = literal.iter().map(String::as_str).collect();
        let verb = if entry.remote().is_some() { "reaches" } else { "starts" };
        report.push_step(
            StepId::Entry,
            match entry.is_disabled {
                true => Err(Problem::warning(
                    format!("the entry tells {} not to start the server", row.name),
                    "enable it in the client if you want to use it",
                )),
                false => Ok(format!("{verb} {}", secret::redact_words(&literal).join(" "))),
            },
        );
        let chain = LaunchChain {
            client: row.name,
            client_id: row.id,
            key: &entry.name,
            project: row.keys.contains(&"*").then(|| keys.get(1).map(String::as_str)).flatten(),
            file: Some(file),
            words: env.fill_in_words(&literal),
            wrapped: parse_wrapped(&literal, program),
            env,
            here,
        };
        (Some(chain), report)
    }
}

impl Target<'_> {
    /// Whether the file is only read. What an administrator has wrapped is judged like any other; what comes with a bundle may
    /// have any program beside it that is called so.
    fn is_kept(&self, entry: &ClientEntry, program: Option<&str>) -> bool {
        match self.place.row.access {
            Access::Read(Keeper::Administrator) => !entry.is_wrapped(program),
            Access::Read(_) => true,
            Access::Add | Access::Change => false,
        }
    }

    /// Says why the client does not start a command that the policy could be put before.
    fn describe_barrier(&self, entry: &ClientEntry) -> (Option<Barrier>, Problem) {
        let (row, file) = (self.place.row, self.place.file.display());
        if let Some((keeper, why, remedy)) = self.place.describe_kept(entry) {
            // What is switched off starts nothing.
            let problem = match entry.is_disabled {
                true => Problem::warning(format!("it is switched off; {why}"), "nothing, as long as it stays so"),
                false => Problem::failed(why, remedy),
            };
            return (Some(keeper.into()), problem);
        }
        if let Some(remote) = entry.remote() {
            return (Some(Barrier::Http), describe_remote(remote));
        }
        match (&entry.transport, source_of_bare_entry(row.id)) {
            (Transport::Bare(_), Some(source)) => (
                Some(Barrier::Elsewhere),
                Problem::failed(
                    format!("{source} brings its command, and {file} has only its options"),
                    format!(
                        "take it out there, and add it with its command: policylayer register NAME --client {} {} COMMAND",
                        row.id,
                        as_word("--")
                    ),
                ),
            ),
            (Transport::Bare(bad) | Transport::Unclear(bad), _) => {
                (None, Problem::failed(format!("it is unclear: {bad}"), format!("fix the entry in {file}")))
            }
            // It has a command, and is not kept.
            _ => (None, Problem::failed("it is unclear", format!("fix the entry in {file}"))),
        }
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

/// Reports a server that the client reaches by an address for which `wrap --url` cannot stand in.
fn describe_remote(remote: &RemoteEntry) -> Problem {
    let why = remote.obstacle().unwrap_or("it is unclear");
    Problem::failed(
        format!("the client reaches the server {}, and no policy applies there: {why}", remote.way()),
        remote.remedy(),
    )
}
