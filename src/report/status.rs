//! Every client and every server on one screen: what is protected, what is not, and what to do next.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::Serialize;

use super::clients::{ClientFileError, ClientOverview, ClientReport, ClientServer};
use super::doctor::{Barrier, LockState, ServerState};
use super::log_records::LogRecords;
use crate::audit::count_sessions;
use crate::clients::key::key_word;
use crate::clients::servers::in_project;
use crate::env::Env;
use crate::paths::{self, STATE_FILE};
use crate::policy::{ServerName, ToolsTally};
use crate::record::About;
use crate::state::approvals::StoredApprovals;

/// How far back refusals are counted.
const RECENT: Duration = Duration::from_hours(24);

/// The clients, their servers, and what to do next.
#[derive(Debug, Serialize)]
pub(crate) struct StatusReport {
    /// The files in which a client keeps servers; one client may have several.
    pub(crate) clients: Vec<ClientStatus>,
    /// How many servers are in each state.
    pub(crate) counts: StateCounts,
    /// What to do next; `null` if there is nothing to do.
    pub(crate) next: Option<NextStep>,
    /// What could not be read, so that a count is unknown.
    pub(crate) notes: Vec<String>,
}

/// A file of a client, with its servers.
#[derive(Debug, Serialize)]
pub(crate) struct ClientStatus {
    /// The client, as `--client` takes it.
    pub(crate) client: &'static str,
    /// Why the servers of the file are unknown.
    pub(crate) error: Option<ClientFileError>,
    /// The file.
    pub(crate) file: String,
    /// The project's directory, if the servers are the user's for one project.
    pub(crate) folder: Option<String>,
    /// The client, as its users call it.
    pub(crate) name: &'static str,
    /// `user`, `folder` (the user's, for one project) or `project`.
    pub(crate) scope: &'static str,
    /// The servers.
    pub(crate) servers: Vec<ServerStatus>,
}

/// A server of a client.
#[derive(Debug, Serialize)]
pub(crate) struct ServerStatus {
    /// Whether the client is told not to start it.
    pub(crate) disabled: bool,
    /// Its lock, as far as that can be told without starting the server; `null` without a policy in front.
    pub(crate) lock: Option<LockState>,
    /// The key in the client's file.
    pub(crate) name: String,
    /// Why it is out of reach; `null` in any other state.
    pub(crate) out_of_reach: Option<Barrier>,
    /// The policy file that the wrapper finds, also if it is invalid, or `built-in`.
    pub(crate) policy: Option<String>,
    /// Why it is broken or out of reach; for an unprotected server, why it cannot start, if that is so.
    pub(crate) reason: Option<String>,
    /// How many calls and other requests were refused in the last day; `null` if that is not known here.
    pub(crate) refused_last_day: Option<u64>,
    /// What to do about the reason.
    pub(crate) remedy: Option<String>,
    /// The name that finds the policy.
    pub(crate) server: Option<String>,
    /// How many of its wrappers run; `null` if that is not known here.
    pub(crate) sessions: Option<usize>,
    /// Whether a policy stands in front of it.
    pub(crate) state: ServerState,
    /// What the policy does to the server's known tools; `null` if none are known.
    pub(crate) tools: Option<ToolsTally>,
    /// The known tools of a server that no policy is in front of: each passes.
    #[serde(skip)]
    pub(crate) unguarded: Option<ToolsTally>,
    /// How many calls wait for a person; `null` if that is not known here.
    pub(crate) waiting: Option<usize>,
}

/// How many servers are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct StateCounts {
    /// Behind a valid policy that is enforced.
    pub(crate) protected: usize,
    /// Behind a policy that is only observed.
    pub(crate) observed: usize,
    /// Started without the wrapper.
    pub(crate) unprotected: usize,
    /// Where no policy of this program can be in front.
    pub(crate) out_of_reach: usize,
    /// Cannot start.
    pub(crate) broken: usize,
}

impl StateCounts {
    fn count(servers: &[&ServerStatus]) -> Self {
        let of = |state| servers.iter().filter(|server| server.state == state).count();
        Self {
            protected: of(ServerState::Protected),
            observed: of(ServerState::Observed),
            unprotected: of(ServerState::Unprotected),
            out_of_reach: of(ServerState::OutOfReach),
            broken: of(ServerState::Broken),
        }
    }

    pub(crate) fn count_all(self) -> usize {
        self.protected + self.observed + self.unprotected + self.out_of_reach + self.broken
    }
}

/// The one thing to do next.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NextStep {
    /// Why, in one sentence.
    pub(crate) why: String,
    /// What to run.
    pub(crate) command: String,
}

impl StatusReport {
    /// Looks at every client and server, starting none. `now` ends the last day.
    pub(crate) fn collect(env: &Env, now: SystemTime) -> Self {
        let overview = ClientOverview::new(env);
        let (activity, notes) = Activity::collect(env, now);
        let clients: Vec<_> = overview
            .clients
            .into_iter()
            .filter(|client| client.error.is_some() || !client.servers.is_empty())
            .map(|client| ClientStatus::new(client, &activity))
            .collect();
        let servers: Vec<_> = clients.iter().flat_map(|client| &client.servers).collect();
        let (counts, next) = (StateCounts::count(&servers), find_next_step(&clients, env));
        Self { clients, counts, next, notes }
    }
}

impl ClientStatus {
    fn new(client: ClientReport, activity: &Activity) -> Self {
        let ClientReport { error, file, folder, id, name, scope, servers, .. } = client;
        let servers = servers.into_iter().map(|server| ServerStatus::new(server, activity)).collect();
        Self { client: id, error, file, folder, name, scope, servers }
    }
}

impl ServerStatus {
    fn new(server: ClientServer, activity: &Activity) -> Self {
        let ClientServer {
            disabled,
            key,
            lock,
            out_of_reach,
            policy,
            reason,
            remedy,
            server,
            state,
            state_dir,
            tools,
            unguarded,
            ..
        } = server;
        let is_behind = matches!(state, ServerState::Protected | ServerState::Observed | ServerState::Broken);
        // A client that keeps its state elsewhere has a log of its own.
        let seen = server.as_deref().filter(|_| is_behind && state_dir.is_some() && state_dir == activity.state_dir);
        Self {
            disabled,
            lock,
            name: key,
            out_of_reach,
            policy,
            reason,
            refused_last_day: seen
                .and_then(|server| Some(activity.refused.as_ref()?.get(server).copied().unwrap_or(0))),
            remedy,
            sessions: seen.and_then(|server| activity.count_sessions(server)),
            state,
            tools,
            unguarded,
            waiting: seen.and_then(|server| Some(activity.waiting.as_ref()?.get(server).copied().unwrap_or(0))),
            server,
        }
    }

    fn register_command(&self, client: &ClientStatus) -> String {
        format!("policylayer register {} --client {}", key_word(&self.name), client.client)
    }

    fn doctor_command(&self, client: &ClientStatus) -> String {
        format!("policylayer doctor {} --client {}", key_word(&self.name), client.client)
    }
}

/// What the wrappers of this user do, by the name of the server.
#[derive(Debug, Default)]
struct Activity {
    state_dir: Option<PathBuf>,
    /// `None` if the log cannot be read.
    refused: Option<HashMap<String, u64>>,
    /// `None` if the store cannot be read.
    waiting: Option<HashMap<String, usize>>,
}

impl Activity {
    /// Returns notes about what cannot be read as well.
    fn collect(env: &Env, now: SystemTime) -> (Self, Vec<String>) {
        let mut notes = Vec::new();
        let dir = match paths::state_dir(env) {
            Ok(dir) => dir,
            Err(error) => return (Self::default(), vec![error.to_string()]),
        };
        let refused = count_refusals(&dir, now).map_err(|error| notes.push(error)).ok();
        let waiting = count_waiting(&dir).map_err(|error| notes.push(error)).ok();
        (Self { state_dir: Some(dir), refused, waiting }, notes)
    }

    fn count_sessions(&self, server: &str) -> Option<usize> {
        count_sessions(&audit_dir(self.state_dir.as_ref()?), &ServerName::parse(server).ok()?).ok()
    }
}

fn audit_dir(state_dir: &Path) -> PathBuf {
    state_dir.join(paths::AUDIT_DIR)
}

fn count_refusals(state_dir: &Path, now: SystemTime) -> Result<HashMap<String, u64>, String> {
    let since = now.checked_sub(RECENT).unwrap_or(SystemTime::UNIX_EPOCH);
    let first = Timestamp::try_from(since).map_err(|error| error.to_string())?;
    let mut refused: HashMap<String, u64> = HashMap::new();
    let mut records = LogRecords::open_since(&audit_dir(state_dir), since).map_err(|error| error.to_string())?;
    // `policylayer log verify` says what cannot be read.
    let _ = records.for_each(|line, _| {
        if line.time >= first && matches!(&line.about, About::Decision(record) if !record.was_passed_on()) {
            *refused.entry(line.server.to_string()).or_default() += 1;
        }
        Ok::<_, super::log_records::LogError>(())
    });
    Ok(refused)
}

fn count_waiting(state_dir: &Path) -> Result<HashMap<String, usize>, String> {
    let mut waiting = HashMap::new();
    let all = StoredApprovals::new(state_dir, STATE_FILE).list_all().map_err(|error| error.to_string())?;
    for entry in all.into_iter().filter(|entry| entry.state.is_open()) {
        *waiting.entry(entry.server).or_default() += 1;
    }
    Ok(waiting)
}

/// What is broken comes first, then whom somebody waits for, then what is not protected.
fn find_next_step(clients: &[ClientStatus], env: &Env) -> Option<NextStep> {
    let all = || clients.iter().flat_map(|client| client.servers.iter().map(move |server| (client, server)));
    let enabled = |wanted: ServerState| all().find(|(_, server)| server.state == wanted && !server.disabled);
    let step = |why: String, command: String| Some(NextStep { why, command });
    if let Some(client) = clients.iter().find(|client| client.error.is_some()) {
        let why = format!("The file of {} cannot be read, so nothing is known of its servers.", client.name);
        return step(why, format!("policylayer doctor --client {}", client.client));
    }
    if let Some((client, server)) = enabled(ServerState::Broken) {
        let why = format!("{} of {} cannot start.", server.name, client.name);
        return step(why, in_project(server.doctor_command(client), client.folder.as_deref(), env));
    }
    let waiting: usize = all().filter_map(|(_, server)| server.waiting).max().unwrap_or_default();
    if waiting > 0 {
        return step("A call waits for a person.".to_owned(), "policylayer approvals watch".to_owned());
    }
    let unprotected = all().filter(|(_, server)| server.state == ServerState::Unprotected && !server.disabled).count();
    if unprotected > 1 {
        let why = format!("No policy is in front of {unprotected} servers.");
        return step(why, "policylayer register --all".to_owned());
    }
    if let Some((client, server)) = enabled(ServerState::Unprotected) {
        let why = format!("No policy is in front of {} of {}.", server.name, client.name);
        return step(why, in_project(server.register_command(client), client.folder.as_deref(), env));
    }
    let (client, server) = enabled(ServerState::Observed)?;
    let why = format!("{} of {} is only observed: nothing is enforced.", server.name, client.name);
    let command = format!("{} --enforce", server.register_command(client));
    step(why, in_project(command, client.folder.as_deref(), env))
}
