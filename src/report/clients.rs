//! The MCP clients on this machine, their servers, and which of those are behind a policy.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::doctor::{Barrier, EntryState, LockState, ServerState, StepId};
use crate::clients::entry::{ClientEntry, Launch, Transport, parse_wrapped};
use crate::clients::file::Opened;
use crate::clients::place::{ClientFile, Presence};
use crate::clients::servers::Clients;
use crate::clients::table::{Access, ConfigScope, NOT_LOOKED_INTO};
use crate::clients::{program, secret};
use crate::env::Env;
use crate::policy::ToolsTally;

/// The clients that were found.
#[derive(Debug, Serialize)]
pub(crate) struct ClientOverview {
    /// The places in which a client keeps its servers; one client may have several.
    pub(crate) clients: Vec<ClientReport>,
    /// Every file that was looked for.
    #[serde(serialize_with = "file_paths")]
    pub(crate) looked_in: Vec<SearchedFile>,
    /// Where servers may be that are not found here.
    pub(crate) not_looked_into: &'static [&'static str],
}

/// A file in which a client would keep its servers.
#[derive(Debug)]
pub(crate) struct SearchedFile {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) file: String,
}

fn file_paths<S: Serializer>(files: &[SearchedFile], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(files.iter().map(|searched| &searched.file))
}

/// A place of a client, with its servers.
#[derive(Debug, Serialize)]
pub(crate) struct ClientReport {
    /// Why the servers of the file are unknown.
    pub(crate) error: Option<ClientFileError>,
    /// Whether the file is there.
    pub(crate) exists: bool,
    /// The file.
    pub(crate) file: String,
    /// The project's directory, if the servers are the user's for one project.
    pub(crate) folder: Option<String>,
    /// The client, as `--client` takes it.
    pub(crate) id: &'static str,
    /// The client, as its users call it.
    pub(crate) name: &'static str,
    /// What may confuse the client.
    pub(crate) note: Option<String>,
    /// The Windows package that the file belongs to.
    pub(crate) package: Option<String>,
    /// `user`, `folder` (the user's, for one project) or `project`.
    pub(crate) scope: &'static str,
    /// The servers.
    pub(crate) servers: Vec<ClientServer>,
}

/// Why the servers of a file are unknown, and the place in the file, if known.
#[derive(Debug, Serialize)]
pub(crate) struct ClientFileError {
    /// The column of the place, from 1, in characters.
    column: Option<usize>,
    /// The line of the place, from 1.
    line: Option<usize>,
    /// What is wrong.
    pub(crate) message: String,
}

/// A server of a client, redacted.
#[derive(Debug, Serialize)]
pub(crate) struct ClientServer {
    /// The words of the server's own command, without secrets.
    pub(crate) command: Vec<String>,
    /// Whether the client is told not to start the server.
    pub(crate) disabled: bool,
    /// The key in the client's file.
    pub(crate) key: String,
    /// Its lock, as far as that can be told without starting the server; `null` without a policy in front.
    pub(crate) lock: Option<LockState>,
    /// The program in front of the command, if it no longer exists.
    pub(crate) missing_program: Option<String>,
    /// Why it is out of reach; `null` in any other state.
    pub(crate) out_of_reach: Option<Barrier>,
    /// The policy file that the wrapper finds, also if it is invalid, or `built-in`.
    pub(crate) policy: Option<String>,
    /// Why no policy can be put in force.
    pub(crate) policy_error: Option<String>,
    /// Why it is broken or out of reach; for an unprotected server, why it cannot start, if that is so.
    pub(crate) reason: Option<String>,
    /// What to do about the reason.
    pub(crate) remedy: Option<String>,
    /// The name that finds the policy.
    pub(crate) server: Option<String>,
    /// Whether a policy stands in front of the server.
    pub(crate) state: ServerState,
    /// Where its wrapper keeps counts, questions and the log.
    #[serde(skip)]
    pub(crate) state_dir: Option<PathBuf>,
    /// What the policy does to the server's known tools.
    #[serde(skip)]
    pub(crate) tools: Option<ToolsTally>,
    /// The known tools of a server that no policy is in front of.
    #[serde(skip)]
    pub(crate) unguarded: Option<ToolsTally>,
    /// `stdio` or `http`; `null` if that is unclear.
    transport: Option<&'static str>,
    /// The URL of a remote server, without secrets.
    pub(crate) url: Option<String>,
}

impl ClientOverview {
    /// Reads the files of every client, and judges each server as its client would start it.
    pub(crate) fn new(env: &Env) -> Self {
        let clients = Clients::find_all(env);
        let question = Question { program: program::path_to_write(env).ok(), env };
        // A file that has servers of several scopes is named once.
        let mut places: Vec<_> = clients.places.iter().collect();
        places.dedup_by(|one, before| one.file == before.file && one.row.id == before.row.id);
        let searched = |place: &&ClientFile| SearchedFile {
            id: place.row.id,
            name: place.row.name,
            file: place.file.display().to_string(),
        };
        Self {
            clients: question.report_clients(&clients),
            looked_in: places.iter().map(searched).collect(),
            not_looked_into: &NOT_LOOKED_INTO,
        }
    }
}

/// What is the same for every server.
struct Question<'q> {
    program: Option<String>,
    env: &'q Env,
}

impl Question<'_> {
    fn report_clients(&self, clients: &Clients) -> Vec<ClientReport> {
        let mut reports = Vec::new();
        for (place, sections) in clients.read_places(&[]) {
            let opened = clients.opened_file(&place.file);
            let name = place.row.name;
            let note = opened.and_then(|opened| opened.describe_oddity(name));
            let report = |folder, error, servers| ClientReport {
                error,
                exists: place.presence == Presence::File,
                file: place.file.display().to_string(),
                folder,
                id: place.row.id,
                name,
                note: note.clone(),
                package: place.package.clone(),
                scope: place.row.scope.as_str(),
                servers,
            };
            match sections {
                Err(error) => {
                    let (line, column) = error.place.unzip();
                    let error = ClientFileError { column, line, message: error.to_string() };
                    reports.push(report(None, Some(error), Vec::new()));
                }
                Ok(sections) if sections.is_empty() && place.row.scope != ConfigScope::Directory => {
                    reports.push(report(None, None, Vec::new()));
                }
                // A file that is for other things is only named for its servers.
                Ok(sections)
                    if place.row.access != Access::Add && sections.iter().all(|section| section.entries.is_empty()) => {
                }
                Ok(sections) => {
                    let first = reports.len();
                    for section in sections {
                        let judge = |entry| self.report_server(place, opened, (&section.keys, entry));
                        let servers: Vec<_> = section.entries.iter().map(judge).collect();
                        // Servers under several keys are together.
                        match reports.get_mut(first..).and_then(<[ClientReport]>::last_mut) {
                            Some(last) if last.folder == section.dir => last.servers.extend(servers),
                            _ => reports.push(report(section.dir, None, servers)),
                        }
                    }
                }
            }
        }
        reports
    }

    fn report_server(
        &self,
        place: &ClientFile,
        opened: Option<&Opened>,
        (keys, entry): (&[String], &ClientEntry),
    ) -> ClientServer {
        let program = self.program.as_deref();
        let EntryState { state, barrier, lock, failed, reason, remedy, server, policy, state_dir, tools, unguarded } =
            EntryState::of_entry(place, opened, (keys, entry), program, self.env);
        let words = entry.launch().map(Launch::words).unwrap_or_default();
        let wrapped = parse_wrapped(&words, program);
        let own = wrapped.as_ref().map(|found| found.own_words(&words));
        let own = own.unwrap_or_else(|| words.iter().map(|word| (*word).to_owned()).collect());
        let own_program = wrapped.and_then(|found| words.get(found.program).copied()).map(Path::new);
        let missing = own_program.filter(|path| path.is_absolute() && !path.exists());
        let is_about_policy = matches!(failed, Some(StepId::Config | StepId::Identity | StepId::Policy));
        ClientServer {
            command: secret::redact_words(&own),
            disabled: entry.is_disabled,
            key: entry.name.clone(),
            lock,
            missing_program: missing.map(|path| path.display().to_string()),
            out_of_reach: barrier,
            policy,
            policy_error: reason.clone().filter(|_| is_about_policy && state == ServerState::Broken),
            reason,
            remedy,
            server,
            state,
            state_dir,
            tools,
            unguarded,
            transport: match &entry.transport {
                Transport::Stdio(_) => Some("stdio"),
                Transport::Remote(_) => Some("http"),
                Transport::Bare(_) | Transport::Unclear(_) => None,
            },
            url: entry.remote().and_then(|remote| remote.url.as_deref()).map(secret::redact_url),
        }
    }
}
