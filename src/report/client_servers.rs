//! Which server of which client is meant: by its key in a client's file, by the name that its policy goes by, or by the
//! name of its catalogue.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use super::doctor::client_env::{ClientEnv, Unfilled};
use super::doctor::targets::{Target, find_entries};
use super::tool_names::judge_as_locked;
use crate::clients::entry::{ClientEntry, Wrapped, parse_wrapped};
use crate::clients::key::is_key;
use crate::clients::program;
use crate::clients::select::Refusal;
use crate::clients::server_name::Naming;
use crate::clients::servers::Clients;
use crate::env::Env;
use crate::exit::Exit;
use crate::paths::{self, LoadedPolicy, POLICY_VARIABLE, PolicyError, SettingsError};
use crate::policy::{BadServerName, Server, ServerName};
use crate::proxy::SpawnEnv;
use crate::settings::{Settings, TwoNames};
use crate::visible::escape_invisible;

/// Which server is meant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServedQuestion<'q> {
    /// Its key, its name, or that of its catalogue; `None` for every server behind a policy.
    pub(crate) name: Option<&'q str>,
    /// The clients to look at; empty for all.
    pub(crate) clients: &'q [String],
    pub(crate) env: &'q Env,
}

/// Why it is unknown which policy a server has.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServedError {
    #[error(transparent)]
    BadName(#[from] BadServerName),
    #[error(transparent)]
    TwoNames(#[from] TwoNames),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Naming(#[from] Refusal),
}

impl ServedError {
    /// Returns the exit code of a run that fails with this error.
    pub(crate) fn exit_code(&self) -> Exit {
        match self {
            Self::BadName(_) => Exit::Usage,
            Self::TwoNames(_) => Exit::Failed,
            Self::Settings(error) => error.exit_code(),
            Self::Policy(error) => error.exit_code(),
            Self::Naming(error) => error.exit_code(),
        }
    }
}

/// A server that a client starts by a command, and what its wrapper has: without one, what `register` would give it.
pub(crate) struct Served {
    /// Its key in the client's file.
    pub(crate) key: String,
    /// The client's id, and what its users call it.
    pub(crate) client: [&'static str; 2],
    /// The client's file, as it is shown.
    pub(crate) file: String,
    /// The words of the entry as they are written.
    pub(crate) words: Vec<String>,
    pub(crate) wrapped: Option<Wrapped>,
    /// The server's own command.
    pub(crate) command: Vec<OsString>,
    /// The environment that the client gives.
    pub(crate) env: Env,
    pub(crate) spawn_env: SpawnEnv,
    /// Variables of the entry that have no value here.
    pub(crate) unfilled: Vec<Unfilled>,
}

/// The servers that can be meant.
#[derive(Default)]
pub(crate) struct FoundServed {
    pub(crate) servers: Vec<Served>,
    /// What the servers of all clients are called: their keys and names.
    pub(crate) names: BTreeSet<String>,
    /// The client of a server with that key that has no command, or one that only the client can start.
    pub(crate) without_command: Option<&'static str>,
    /// Whether a client's file cannot be read.
    pub(crate) has_broken: bool,
}

/// Finds the servers with this key; if there are none, those with this name; if there are none, those of the catalogue
/// with this name.
pub(crate) fn find_served(question: &ServedQuestion<'_>) -> FoundServed {
    let program = program::path_to_write(question.env).ok();
    let clients = Clients::find_all(question.env);
    let found = find_entries(&clients, question.clients, question.env, &|_| true);
    let mut result = FoundServed { names: found.names.clone(), ..FoundServed::default() };
    result.has_broken = !found.broken.is_empty();
    let (mut by_key, mut by_name, mut by_catalogue) = (Vec::new(), Vec::new(), Vec::new());
    for (target, keys, entry) in found.entries() {
        let has_key = question.name.is_some_and(|name| is_key(name, &entry.name));
        // How a bundle's server is started, its client alone knows.
        let Some(words) = entry.words().filter(|_| target.place.bundle.is_none()) else {
            if has_key {
                result.without_command = Some(target.place.row.name);
            }
            continue;
        };
        let served = Served::new(target, (keys, entry), words, program.as_deref(), question.env);
        let server = served.load_settings().and_then(|settings| served.find_server(&settings)).ok();
        result.names.extend(server.as_ref().map(|server| server.name().to_string()));
        let Some(name) = question.name else {
            by_key.extend(served.wrapped.is_some().then_some(served));
            continue;
        };
        let is_name = server.as_ref().is_some_and(|server| server.name().as_str().eq_ignore_ascii_case(name));
        let catalogue = server.as_ref().and_then(|server| server.catalogue());
        let is_catalogue = catalogue.is_some_and(|known| known.server.eq_ignore_ascii_case(name));
        match (has_key, is_name, is_catalogue) {
            (true, ..) => by_key.push(served),
            (_, true, _) => by_name.push(served),
            (.., true) => by_catalogue.push(served),
            _ => {}
        }
    }
    let first = [by_key, by_name, by_catalogue].into_iter().find(|servers| !servers.is_empty());
    result.servers = first.unwrap_or_default();
    result
}

/// Returns the name that a wrapper is given, or that `register` would give it; `None` if the command tells the name.
pub(crate) fn name_for_wrapper(
    wrapped: Option<&Wrapped>,
    (key, words): (&str, &[&str]),
    settings: &Settings,
    env: &Env,
) -> Result<Option<ServerName>, ServedError> {
    let given = match wrapped {
        Some(wrapped) => wrapped.server.clone(),
        None => Naming::new(None, None, settings, env)?.wrap_options(key, words)?.into_iter().nth(1),
    };
    Ok(given.map(|name| ServerName::parse(&name)).transpose()?)
}

impl Served {
    fn new(
        target: &Target<'_>,
        (keys, entry): (&[String], &ClientEntry),
        words: Vec<String>,
        program: Option<&str>,
        here: &Env,
    ) -> Self {
        let row = target.place.row;
        let env = ClientEnv::from_entry(row.id, target.opened, (keys, entry), here);
        let literal: Vec<&str> = words.iter().map(String::as_str).collect();
        let wrapped = parse_wrapped(&literal, program);
        let own = wrapped.as_ref().map_or_else(|| words.clone(), |wrapped| wrapped.own_words(&literal));
        Self {
            key: entry.name.clone(),
            client: [row.id, row.name],
            file: target.place.display_name(),
            command: own.iter().map(|word| env.fill_in_known(word).into()).collect(),
            words,
            wrapped,
            env: env.as_env(),
            spawn_env: env.spawn_env(),
            unfilled: env.unfilled,
        }
    }

    /// The policy file that its wrapper is told to use.
    pub(crate) fn named_policy(&self) -> Option<PathBuf> {
        self.wrapped.as_ref()?.policy.as_ref().map(PathBuf::from)
    }

    /// Loads the config.toml that its wrapper reads.
    pub(crate) fn load_settings(&self) -> Result<Settings, ServedError> {
        Ok(paths::load_settings(&self.env)?)
    }

    /// Returns the name that its wrapper is given or would be given; `None` if the command tells it.
    pub(crate) fn named_server(&self, settings: &Settings) -> Result<Option<ServerName>, ServedError> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        name_for_wrapper(self.wrapped.as_ref(), (&self.key, &words), settings, &self.env)
    }

    /// Returns the server as its wrapper sees it.
    pub(crate) fn find_server(&self, settings: &Settings) -> Result<Server, ServedError> {
        Ok(settings.server_of_command(self.named_server(settings)?.as_ref(), &self.command)?)
    }

    /// `iterable of Cursor (~/.cursor/mcp.json)`
    pub(crate) fn describe(&self) -> String {
        format!("{} of {} ({})", escape_invisible(&self.key), self.client[1], self.file)
    }

    fn find_place(self) -> Result<PolicyPlace, ServedError> {
        let settings = self.load_settings()?;
        let (server, named) = (self.find_server(&settings)?, self.named_policy());
        paths::check_policy_path(named.as_deref(), &self.env)?;
        let file = paths::find_policy(named.as_deref(), server.name(), &settings, &self.env)?;
        let env = self.env.clone();
        Ok(PolicyPlace { server, file, named, settings, env, served: vec![self], found_by: FoundBy::Client })
    }
}

/// The policy of a server, and where it is looked for.
pub(crate) struct PolicyPlace {
    pub(crate) server: Server,
    /// The policy file; `None` if the built-in policy is in force.
    pub(crate) file: Option<PathBuf>,
    /// The file that its wrapper is told to use.
    pub(crate) named: Option<PathBuf>,
    pub(crate) settings: Settings,
    /// The environment of its wrapper.
    pub(crate) env: Env,
    /// The clients' servers that have this policy.
    pub(crate) served: Vec<Served>,
    pub(crate) found_by: FoundBy,
}

impl PolicyPlace {
    /// Returns where the lock of the server is, or would be.
    pub(crate) fn find_lock(&self) -> Option<PathBuf> {
        paths::lock_path(self.named.as_deref(), self.server.name(), &self.settings, &self.env).ok()
    }

    /// Judges tools by what the lock says that their server lists.
    pub(crate) fn judge_by_lock(&self, loaded: LoadedPolicy) -> LoadedPolicy {
        LoadedPolicy { policy: judge_as_locked(loaded.policy, self.find_lock().as_deref()), ..loaded }
    }
}

/// How it is known that a server is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FoundBy {
    /// A client starts it.
    Client,
    /// It has a policy, a lock or a log, or is in config.toml.
    Traces,
    /// Nothing on this machine uses it.
    Nothing,
}

/// Where policies were looked for.
pub(crate) struct FoundPlaces {
    /// The places; several only if several clients' servers have different policies.
    pub(crate) places: Vec<PolicyPlace>,
    /// What the servers on this machine are called.
    pub(crate) names: BTreeSet<String>,
}

/// Finds the policies that a name can mean. A name that no client has is that of a policy file; the place then tells whether
/// anything uses it.
///
/// # Errors
/// Returns an error if nobody has the name and no server can have it, or a policy, or config.toml, cannot be used.
pub(crate) fn find_places(name: Option<&str>, env: &Env) -> Result<FoundPlaces, ServedError> {
    let found = find_served(&ServedQuestion { name, clients: &[], env });
    let mut names = found.names;
    let settings = paths::load_settings(env)?;
    names.extend(servers_with_traces(&settings, env)?.iter().map(ServerName::to_string));
    let mut places: Vec<PolicyPlace> = Vec::new();
    for served in found.servers {
        let mut place = served.find_place()?;
        // Without a file, the name and the directory tell where it would be.
        let is_same = |other: &&mut PolicyPlace| {
            (other.file.is_some() || place.file.is_some() || other.server.name() == place.server.name())
                && other.file == place.file
                && paths::configuration_dir(&other.env).ok() == paths::configuration_dir(&place.env).ok()
        };
        match places.iter_mut().find(is_same) {
            Some(other) => other.served.append(&mut place.served),
            None => places.push(place),
        }
    }
    if let Some(name) = name.filter(|_| places.is_empty()) {
        places.push(find_unserved(name, &names, settings, env)?);
    }
    Ok(FoundPlaces { places, names })
}

fn find_unserved(
    name: &str,
    names: &BTreeSet<String>,
    settings: Settings,
    env: &Env,
) -> Result<PolicyPlace, ServedError> {
    let server = ServerName::parse(name)?;
    let file = paths::find_policy(None, &server, &settings, env)?;
    let has_traces = names.contains(server.as_str()) || env.var(POLICY_VARIABLE).is_some();
    let found_by = if has_traces { FoundBy::Traces } else { FoundBy::Nothing };
    let server = settings.server_by_name(&server);
    Ok(PolicyPlace { server, file, named: None, settings, env: env.clone(), served: Vec::new(), found_by })
}

/// Returns the servers that have a policy, a lock or a log, or are in config.toml.
fn servers_with_traces(settings: &Settings, env: &Env) -> Result<BTreeSet<ServerName>, ServedError> {
    let listed = paths::list_policies(env)?;
    let mut servers: BTreeSet<_> = settings.servers.iter().map(|server| server.name.clone()).collect();
    servers.extend(listed.servers);
    servers.extend(listed.locks);
    // A log that cannot be read is reported where it is read.
    let audit = paths::audit_dir(env).ok().and_then(|dir| crate::audit::list_recorded_servers(&dir).ok());
    servers.extend(audit.unwrap_or_default());
    Ok(servers)
}
