//! Which server is meant, how it is started, and where its lock is.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::LockCommandError;
use crate::clients::entry::{ClientEntry, Wrapped, parse_wrapped};
use crate::clients::servers::Clients;
use crate::clients::{program, secret};
use crate::env::Env;
use crate::paths::{self, LoadedPolicy};
use crate::policy::{Policy, Server, ServerName, nearest_word};
use crate::proxy::SpawnEnv;
use crate::report::doctor::client_env::ClientEnv;
use crate::report::doctor::targets::{FoundEntries, Target, find_entries};
use crate::settings::Settings;
use crate::shell::as_word;
use crate::visible::escape_invisible;

/// Which server is meant.
#[derive(Debug)]
pub(crate) struct LockQuestion<'q> {
    /// With a command, the server's name; otherwise that, or its key in the clients' files.
    pub(crate) server: Option<&'q str>,
    /// The clients to look at; empty for all.
    pub(crate) clients: &'q [String],
    /// The policy file, instead of the one in force.
    pub(crate) policy: Option<&'q Path>,
    /// The server's command; empty for a server of a client.
    pub(crate) command: &'q [OsString],
    pub(crate) env: &'q Env,
}

/// A server, and how it is started.
pub(crate) struct LockTarget {
    pub(crate) server: Server,
    pub(crate) policy: Arc<Policy>,
    /// Its lock; it need not exist.
    pub(crate) file: PathBuf,
    /// The command that starts it, as it is written.
    pub(crate) command: Vec<OsString>,
    /// How to name it on the command line of `policylayer lock`.
    pub(crate) selector: String,
    /// The environment that it is started in.
    pub(crate) env: Env,
    /// The same, if it is not ours.
    pub(crate) spawn_env: Option<SpawnEnv>,
    /// Variables of its entry that only the client knows.
    pub(crate) unfilled: Vec<String>,
}

impl LockTarget {
    /// Finds the server that is meant.
    ///
    /// # Errors
    /// Returns an error if none or several can be meant, or its policy or lock cannot be used.
    pub(crate) fn find(question: &LockQuestion<'_>) -> Result<Self, LockCommandError> {
        if question.command.is_empty() { Self::of_client(question) } else { Self::of_command(question) }
    }

    fn of_command(question: &LockQuestion<'_>) -> Result<Self, LockCommandError> {
        let name = question.server.map(ServerName::parse).transpose()?;
        let words = question.command.iter().map(|word| as_word(&word.to_string_lossy())).collect::<Vec<_>>().join(" ");
        let named = name.as_ref().map(|name| format!("--server {name} ")).unwrap_or_default();
        let policy = question.policy.map(|policy| format!("--policy {} ", as_word(&policy.to_string_lossy())));
        let selector = format!("{}{named}{} {words}", policy.unwrap_or_default(), as_word("--"));
        let place = Place { env: question.env.clone(), spawn_env: None, unfilled: Vec::new(), selector };
        place.load(name.as_ref(), question.policy, question.command.to_vec())
    }

    fn of_client(question: &LockQuestion<'_>) -> Result<Self, LockCommandError> {
        let program = program::path_to_write(question.env).ok();
        let clients = Clients::find_all(question.env);
        let settings = paths::load_settings(question.env)?;
        let wrapped_of = |entry: &ClientEntry| {
            let words = entry.launch()?.words();
            parse_wrapped(&words, program.as_deref())
        };
        let name_of = |entry: &ClientEntry| name_of(entry, wrapped_of(entry).as_ref(), &settings);
        let has_key = |entry: &ClientEntry| match question.server {
            Some(server) => entry.name == server,
            None => wrapped_of(entry).is_some(),
        };
        let has_name = |entry: &ClientEntry| {
            question.server.is_some_and(|server| name_of(entry).is_some_and(|name| name.as_str() == server))
        };
        let mut found = find_entries(&clients, question.clients, question.env, &has_key);
        if found.entries().next().is_none() {
            found = find_entries(&clients, question.clients, question.env, &has_name);
        }
        let (target, keys, entry) = choose(question, &found)?;
        let Some(launch) = entry.launch() else {
            return Err(LockCommandError::Nowhere(format!(
                "{} of {} has no command to start it with, so what it lists cannot be asked for.",
                escape_invisible(&entry.name),
                target.place.row.name
            )));
        };
        let env = ClientEnv::from_entry(target.place.row.id, target.opened, keys, &entry.name, question.env);
        let literal = launch.words();
        let words: Vec<_> = literal.iter().map(|word| env.fill_in_known(word)).collect();
        let wrapped = parse_wrapped(&literal, program.as_deref());
        let own = words.get(wrapped.as_ref().map_or(0, |wrapped| wrapped.before)..).unwrap_or_default();
        let place = Place {
            env: env.as_env(),
            spawn_env: Some(env.spawn_env()),
            selector: as_word(&entry.name),
            unfilled: env.unfilled.clone(),
        };
        let part = |part: fn(&Wrapped) -> Option<&String>| wrapped.as_ref().and_then(part);
        let name = part(|wrapped| wrapped.server.as_ref()).map(|name| ServerName::parse(name)).transpose()?;
        let policy = part(|wrapped| wrapped.policy.as_ref()).map(PathBuf::from);
        if question.policy.is_none() {
            paths::check_policy_path(policy.as_deref(), &place.env)?;
        }
        place.load(name.as_ref(), question.policy.or(policy.as_deref()), own.iter().map(OsString::from).collect())
    }

    /// The command without what looks like a key in it.
    pub(crate) fn shown_command(&self) -> String {
        let words: Vec<_> = self.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        escape_invisible(&secret::redact_words(&words).join(" "))
    }
}

/// Where a server runs.
struct Place {
    env: Env,
    spawn_env: Option<SpawnEnv>,
    unfilled: Vec<String>,
    selector: String,
}

impl Place {
    fn load(
        self,
        name: Option<&ServerName>,
        policy: Option<&Path>,
        command: Vec<OsString>,
    ) -> Result<LockTarget, LockCommandError> {
        let settings = paths::load_settings(&self.env)?;
        let server = settings.server_of_command(name, &command)?;
        let LoadedPolicy { policy: loaded, .. } = paths::load_policy(policy, &server, &settings, &self.env)?;
        let file = paths::lock_path(policy, server.name(), &settings, &self.env)?;
        let Self { env, spawn_env, unfilled, selector } = self;
        Ok(LockTarget { server, policy: Arc::new(loaded), file, command, selector, env, spawn_env, unfilled })
    }
}

/// The name of a server as the wrapper in its entry would have it.
fn name_of(entry: &ClientEntry, wrapped: Option<&Wrapped>, settings: &Settings) -> Option<ServerName> {
    if let Some(name) = wrapped.and_then(|wrapped| wrapped.server.as_ref()) {
        return ServerName::parse(name).ok();
    }
    let words = entry.launch()?.words();
    let own = words.get(wrapped.map_or(0, |wrapped| wrapped.before)..)?;
    Some(settings.server_of_command(None, own).ok()?.name().clone())
}

type FoundEntry<'f> = (&'f Target<'f>, &'f [String], &'f ClientEntry);

/// Returns the only entry that can be meant; several that start the same are one.
fn choose<'f>(question: &LockQuestion<'_>, found: &'f FoundEntries<'f>) -> Result<FoundEntry<'f>, LockCommandError> {
    let mut entries = found.entries();
    let Some(first) = entries.next() else { return Err(describe_nothing(question, found)) };
    let words = |entry: &ClientEntry| {
        entry.launch().map(|launch| launch.words().iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    };
    let others: Vec<_> = entries.filter(|other| words(other.2) != words(first.2)).collect();
    if others.is_empty() {
        return Ok(first);
    }
    let all = [&[first][..], &others].concat();
    let names: BTreeSet<_> = all.iter().map(|(_, _, entry)| entry.name.as_str()).collect();
    Err(LockCommandError::Unclear(if names.len() > 1 {
        let names: Vec<_> = names.into_iter().map(escape_invisible).collect();
        format!("There are several servers behind a policy: {}. Say which one is meant.", names.join(", "))
    } else {
        let places: Vec<_> = all
            .iter()
            .map(|(target, ..)| format!("\n  --client {}: {}", target.place.row.id, target.place.display_name()))
            .collect();
        format!(
            "Several files have a server {}, and start it differently:{}\nName the client with --client.",
            escape_invisible(&first.2.name),
            places.concat()
        )
    }))
}

fn describe_nothing(question: &LockQuestion<'_>, found: &FoundEntries<'_>) -> LockCommandError {
    let dashes = as_word("--");
    let broken =
        if found.broken.is_empty() { "" } else { " A client's file cannot be read: `policylayer clients` says which." };
    LockCommandError::Nowhere(match question.server {
        None => format!(
            "No client has a server behind a policy. Name one that a client has, or give the command: `policylayer lock {dashes} \
             COMMAND`.{broken}"
        ),
        Some(server) => {
            let near = nearest_word(server, found.names.iter().map(String::as_str));
            let near = near.map(|near| format!(" Did you mean {}?", escape_invisible(near))).unwrap_or_default();
            format!(
                "No client has a server {}.{near}{broken} Or give its command: `policylayer lock --server NAME {dashes} COMMAND`.",
                escape_invisible(server)
            )
        }
    })
}
