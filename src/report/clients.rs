//! The MCP clients on this machine, their servers, and which of those are behind a policy.

use std::path::Path;

use serde::{Serialize, Serializer};

use crate::clients::entry::{ClientEntry, Transport, Wrapped, parse_wrapped};
use crate::clients::place::{ClientFile, Presence};
use crate::clients::servers::Clients;
use crate::clients::table::ConfigScope;
use crate::clients::{program, secret};
use crate::env::Env;
use crate::paths;
use crate::policy::ServerName;
use crate::settings::Settings;

/// The clients that were found.
#[derive(Debug, Serialize)]
pub(crate) struct ClientOverview {
    /// The places in which a client keeps its servers; one client may have several.
    pub(crate) clients: Vec<ClientReport>,
    /// Every file that was looked for.
    #[serde(serialize_with = "file_paths")]
    pub(crate) looked_in: Vec<SearchedFile>,
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
#[derive(Debug, Default, Serialize)]
pub(crate) struct ClientServer {
    /// The words of the server's own command, without secrets.
    pub(crate) command: Vec<String>,
    /// Whether the client is told not to start the server.
    pub(crate) disabled: bool,
    /// The key in the client's file.
    pub(crate) key: String,
    /// The program in front of the command, if it no longer exists.
    pub(crate) missing_program: Option<String>,
    /// The policy file that the wrapper loads, or `built-in`.
    pub(crate) policy: Option<String>,
    /// Why the policy is unknown.
    pub(crate) policy_error: Option<String>,
    /// Why the wrapper cannot stand in front of the server.
    pub(crate) reason: Option<String>,
    /// The name that finds the policy.
    pub(crate) server: Option<String>,
    /// Whether the server is behind the policy.
    pub(crate) state: WrapState,
    /// `stdio` or `http`; `null` if that is unclear.
    transport: Option<&'static str>,
    /// The URL of a remote server, without secrets.
    pub(crate) url: Option<String>,
}

/// Whether a policy stands in front of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WrapState {
    /// The client starts it through the wrapper.
    Wrapped,
    /// The client starts it without the wrapper.
    #[default]
    NotWrapped,
    /// The client reaches it over HTTP.
    OutOfReach,
    /// The entry does not say how the client reaches it.
    Unclear,
}

impl ClientOverview {
    /// Reads the files of every client. The policies are those that a wrapper finds under `settings`.
    pub(crate) fn new(settings: &Settings, env: &Env) -> Self {
        let clients = Clients::find_all(env);
        let question = Question { settings, program: program::path_to_write(env).ok(), env };
        // A file that has servers of several scopes is named once.
        let mut places: Vec<_> = clients.places.iter().collect();
        places.dedup_by(|one, before| one.file == before.file && one.row.id == before.row.id);
        let searched = |place: &&ClientFile| SearchedFile {
            id: place.row.id,
            name: place.row.name,
            file: place.file.display().to_string(),
        };
        Self { clients: question.report_clients(&clients), looked_in: places.iter().map(searched).collect() }
    }
}

/// What is the same for every server.
struct Question<'q> {
    settings: &'q Settings,
    program: Option<String>,
    env: &'q Env,
}

impl Question<'_> {
    fn report_clients(&self, clients: &Clients) -> Vec<ClientReport> {
        let mut reports = Vec::new();
        let mut failed: Option<&Path> = None;
        for place in clients.places.iter().filter(|place| place.presence != Presence::Nothing) {
            let opened = clients.opened_file(&place.file);
            let name = place.row.name;
            let note = opened.filter(|opened| !opened.document.is_plain()).map(|_| {
                format!("there are comments or trailing commas in it, and {name} is only known to read plain JSON")
            });
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
            match clients.sections_of(place) {
                // One file for two scopes is reported once.
                Err(_) if failed == Some(&place.file) => {}
                Err(error) => {
                    failed = Some(&place.file);
                    let (line, column) = error.place.unzip();
                    let error = ClientFileError { column, line, message: error.to_string() };
                    reports.push(report(None, Some(error), Vec::new()));
                }
                Ok(sections) if sections.is_empty() && place.row.scope != ConfigScope::Folder => {
                    reports.push(report(None, None, Vec::new()));
                }
                Ok(sections) => reports.extend(sections.into_iter().map(|section| {
                    let servers = section.entries.iter().map(|entry| self.report_server(entry)).collect();
                    report(section.dir, None, servers)
                })),
            }
        }
        reports
    }

    fn report_server(&self, entry: &ClientEntry) -> ClientServer {
        let mut report = ClientServer {
            disabled: entry.is_disabled,
            key: entry.name.clone(),
            transport: Some("stdio"),
            ..ClientServer::default()
        };
        match &entry.transport {
            Transport::Remote { url } => {
                report.state = WrapState::OutOfReach;
                report.transport = Some("http");
                report.reason = Some("HTTP is out of a stdio wrapper's reach".to_owned());
                report.url = url.as_deref().map(secret::redact_url);
            }
            Transport::Unclear(bad) => {
                report.state = WrapState::Unclear;
                report.transport = None;
                report.reason = Some(bad.to_string());
            }
            Transport::Stdio(launch) => {
                let words = launch.words();
                let Some(found) = parse_wrapped(&words, self.program.as_deref()) else {
                    report.command = secret::redact_words(&words);
                    return report;
                };
                let own = words.get(found.before..).unwrap_or_default();
                report.state = WrapState::Wrapped;
                report.command = secret::redact_words(own);
                let path = Path::new(words.get(found.program).copied().unwrap_or_default());
                report.missing_program = (path.is_absolute() && !path.exists()).then(|| path.display().to_string());
                match server_of(&found, own, self.settings) {
                    Ok(server) => {
                        let named = found.policy.as_deref().or(entry.policy_variable.as_deref()).map(Path::new);
                        // The variable of this terminal is not in `self.env`.
                        let policy = paths::check_policy_path(named, self.env)
                            .and_then(|()| paths::find_policy(named, &server, self.settings, self.env));
                        match policy {
                            Ok(None) => report.policy = Some("built-in".to_owned()),
                            Ok(Some(path)) => report.policy = Some(path.display().to_string()),
                            Err(error) => report.policy_error = Some(error.to_string()),
                        }
                        report.server = Some(server.to_string());
                    }
                    Err(error) => {
                        report.server = Some(ServerName::unknown().to_string());
                        report.policy_error = Some(error);
                    }
                }
            }
        }
        report
    }
}

/// Returns the name by which the wrapper finds the policy.
fn server_of(wrapped: &Wrapped, own: &[&str], settings: &Settings) -> Result<ServerName, String> {
    match &wrapped.server {
        Some(name) => ServerName::parse(name).map_err(|error| error.to_string()),
        None => {
            settings.server_of_command(None, own).map(|server| server.name().clone()).map_err(|error| error.to_string())
        }
    }
}
