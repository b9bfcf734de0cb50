//! `policylayer clients`: the MCP clients on this machine, their servers, and which of them are behind a policy.

mod json;
mod text;

use std::io::Write as _;
use std::path::Path;

use anstream::AutoStream;

use super::Env;
use crate::cli::{ClientsArgs, Format};
use crate::clients::entry::{ClientEntry, Transport, Wrapped, wrapped};
use crate::clients::place::Presence;
use crate::clients::servers::Clients;
use crate::clients::table::ConfigScope;
use crate::clients::{program, secret};
use crate::exit::Exit;
use crate::paths::{self, POLICY_VARIABLE};
use crate::policy::ServerName;
use crate::settings::Settings;
use crate::term::message;

/// A place of a client with what stands there.
struct Listed {
    id: &'static str,
    name: &'static str,
    scope: ConfigScope,
    file: String,
    presence: Presence,
    /// The Windows package whose file it is.
    package: Option<String>,
    /// The project, where the servers are the user's for one project.
    folder: Option<String>,
    error: Option<Trouble>,
    /// What the client may stumble over.
    note: Option<String>,
    servers: Vec<Server>,
}

/// Why the servers of a file are not known.
struct Trouble {
    message: String,
    place: Option<(usize, usize)>,
}

/// A server, as far as it may be shown.
struct Server {
    key: String,
    is_disabled: bool,
    state: State,
    /// The words of its own command.
    command: Vec<String>,
    url: Option<String>,
    /// What finds the policy, and the policy; or why it cannot be told.
    policy: Option<(ServerName, Result<String, String>)>,
    /// What stands before the command, where it is no longer there.
    lost: Option<String>,
}

/// How a server stands to the policy.
enum State {
    Wrapped,
    NotWrapped,
    Remote,
    Unclear(String),
}

/// Prints what is found.
///
/// # Errors
/// Where stdout cannot be written.
pub fn run(args: &ClientsArgs, env: &Env) -> anyhow::Result<Exit> {
    // What this shell has in its environment, a client need not have.
    let env = &env.clone().without(POLICY_VARIABLE);
    let clients = Clients::look(env);
    let (settings, broken) = match paths::load_settings(env) {
        Ok(settings) => (settings, None),
        Err(error) => (Settings::default(), Some(error.to_string())),
    };
    let look = Look { settings: &settings, program: program::path(env).ok(), env };
    let listed = look.list(&clients);
    // A file that has servers of several scopes is looked into once.
    let mut places: Vec<_> = clients.places.iter().collect();
    places.dedup_by(|one, before| one.file == before.file && one.row.id == before.row.id);
    let looked_in: Vec<_> = places.iter().map(|place| place.file.display().to_string()).collect();
    let mut out = AutoStream::auto(std::io::stdout()).lock();
    match args.format {
        Format::Json => out.write_all(json::document(&listed, &looked_in)?.as_bytes())?,
        Format::Text => text::write(&mut out, &listed, &places)?,
    }
    out.flush()?;
    if let Some(broken) = broken {
        message::print_warning(&format!("{broken}\nThe policies above are told without it."));
    }
    Ok(Exit::Ok)
}

struct Look<'l> {
    settings: &'l Settings,
    program: Option<String>,
    env: &'l Env,
}

impl Look<'_> {
    fn list(&self, clients: &Clients) -> Vec<Listed> {
        let mut all = Vec::new();
        let mut failed: Option<&Path> = None;
        for place in clients.places.iter().filter(|place| place.presence != Presence::Nothing) {
            let opened = clients.opened(&place.file).ok().flatten();
            let is_plain = opened.is_none_or(|opened| opened.document.is_plain());
            let note = || {
                let name = place.row.name;
                format!("there are comments or trailing commas in it, and {name} is only known to read plain JSON")
            };
            let listed = |folder, error, servers| Listed {
                id: place.row.id,
                name: place.row.name,
                scope: place.row.scope,
                file: place.file.display().to_string(),
                presence: place.presence,
                package: place.package.clone(),
                folder,
                error,
                note: (!is_plain).then(note),
                servers,
            };
            match clients.sections(place) {
                // One file for two scopes is told of once.
                Err(_) if failed == Some(&place.file) => {}
                Err(error) => {
                    failed = Some(&place.file);
                    let place = error.place().map(|bad| (bad.line, bad.column));
                    all.push(listed(None, Some(Trouble { message: error.to_string(), place }), Vec::new()));
                }
                Ok(sections) if sections.is_empty() && place.row.scope != ConfigScope::Folder => {
                    all.push(listed(None, None, Vec::new()));
                }
                Ok(sections) => all.extend(sections.into_iter().map(|section| {
                    let servers = section.entries.iter().map(|entry| self.server(entry)).collect();
                    listed(section.folder, None, servers)
                })),
            }
        }
        all
    }

    fn server(&self, entry: &ClientEntry) -> Server {
        let mut server = Server {
            key: entry.name.clone(),
            is_disabled: entry.is_disabled,
            state: State::NotWrapped,
            command: Vec::new(),
            url: None,
            policy: None,
            lost: None,
        };
        match &entry.transport {
            Transport::Remote { url } => {
                server.state = State::Remote;
                server.url = url.as_deref().map(secret::url);
            }
            Transport::Unclear(bad) => server.state = State::Unclear(bad.to_string()),
            Transport::Stdio(launch) => {
                let words = launch.words();
                if let Some(found) = wrapped(&words, self.program.as_deref()) {
                    server.state = State::Wrapped;
                    server.command = secret::words(words.get(found.before..).unwrap_or_default());
                    server.policy = Some(self.policy(entry, &found, &words));
                    let path = Path::new(words.get(found.program).copied().unwrap_or_default());
                    server.lost = (path.is_absolute() && !path.exists()).then(|| path.display().to_string());
                } else {
                    server.command = secret::words(&words);
                }
            }
        }
        server
    }

    /// The policy that the wrapper of a server loads.
    fn policy(&self, entry: &ClientEntry, wrapped: &Wrapped, words: &[&str]) -> (ServerName, Result<String, String>) {
        let own = words.get(wrapped.before..).unwrap_or_default();
        let named = wrapped.server.as_deref().map(ServerName::parse);
        let server = match named {
            Some(Ok(server)) => server,
            Some(Err(error)) => return (ServerName::unknown(), Err(error.to_string())),
            None => match super::server_of_command(own, self.settings) {
                Ok(server) => server,
                Err(error) => return (ServerName::unknown(), Err(error.to_string())),
            },
        };
        let named = wrapped.policy.as_deref().or(entry.policy_variable.as_deref()).map(Path::new);
        let found = paths::find_policy(named, &server, self.settings, self.env);
        let told = found.map(|path| path.map_or_else(|| "built-in".to_owned(), |path| path.display().to_string()));
        (server, told.map_err(|error| error.to_string()))
    }
}
