//! Which server of which client is meant. Nothing is guessed: if it is unclear, the error lists the choices.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::document::BadDocument;
use super::entry::{ClientEntry, Launch, Transport};
use super::file::Opened;
use super::key::{find_key, key_word, visible_key};
use super::place::{ClientFile, Presence};
use super::remote::RemoteEntry;
use super::servers::{Clients, ServerSection, is_here};
use super::table::{Access, ConfigScope, client_ids, source_of_bare_entry};
use crate::env::Env;
use crate::exit::Exit;
use crate::policy::nearest_word;
use crate::settings::TwoNames;
use crate::shell::as_word;
use crate::visible::visible_path;

/// Why nothing is registered or unregistered. Each message is complete.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0}")]
    Unclear(String),
    #[error("{0}")]
    Failed(String),
    #[error("{0}")]
    Nothing(String),
    #[error(transparent)]
    TwoNames(#[from] TwoNames),
}

impl Refusal {
    pub(crate) fn exit_code(&self) -> Exit {
        match self {
            Self::Unclear(_) => Exit::Usage,
            Self::Failed(_) | Self::TwoNames(_) => Exit::Failed,
            Self::Nothing(_) => Exit::Ok,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Bare,
    Wrapped,
}

#[derive(Debug)]
pub(crate) struct Candidate<'c> {
    pub(crate) file: &'c ClientFile,
    /// The keys that lead to the servers.
    pub(crate) keys: Vec<String>,
    /// The project's directory, if the server is the user's for one project.
    pub(crate) dir: Option<String>,
    pub(crate) entry: ClientEntry,
    pub(crate) opened: &'c Opened,
}

/// A file of a client, and why its servers are unknown.
pub(crate) type UnreadFile<'c> = (&'c ClientFile, BadDocument);

/// Which servers of a file are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those that apply in the working directory.
    Here,
    /// Those of every project as well.
    Everywhere,
}

/// The clients to choose from, and what was said about the choice.
#[derive(Debug)]
pub(crate) struct Selection<'c> {
    pub(crate) clients: &'c Clients,
    /// The ids of the selected clients; empty for all.
    pub(crate) named: &'c [String],
    /// Whether to change every client that has the server.
    pub(crate) all_clients: bool,
    /// Whether to only plan, and write nothing.
    pub(crate) dry_run: bool,
    pub(crate) program: &'c str,
    pub(crate) env: &'c Env,
    /// What a person should know besides the result. The methods add to it.
    pub(crate) warnings: RefCell<Vec<String>>,
}

const NO_CLIENT: &str = "No MCP client was found on this machine. `policylayer clients` says where it looks.";

pub(super) fn left_alone(place: &ClientFile, error: &BadDocument) -> Refusal {
    let (file, name) = (place.display_name(), place.row.name);
    // What cannot be read at all says itself what to do.
    let remedy = if error.place.is_some() { "Fix it, and try again." } else { "Then try again." };
    Refusal::Failed(format!("{file} ({name}) is left alone: {error}. {remedy}"))
}

fn not_installed(place: &ClientFile) -> Refusal {
    Refusal::Failed(format!(
        "{} is not installed here, or was never started: {} does not exist. Start it once, and try again.",
        place.row.name,
        visible_path(&place.sign)
    ))
}

/// What of an entry can be changed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Editable<'e> {
    /// A command.
    Launch(&'e Launch),
    /// An address, for which `wrap --url` can stand in.
    Remote(&'e RemoteEntry),
}

impl Candidate<'_> {
    /// Returns what can be changed in the file.
    pub(super) fn editable(&self) -> Option<Editable<'_>> {
        match &self.entry.transport {
            _ if self.is_kept() => None,
            Transport::Stdio(launch) => Some(Editable::Launch(launch)),
            Transport::Remote(remote) if remote.obstacle().is_none() => Some(Editable::Remote(remote)),
            _ => None,
        }
    }

    /// Returns the command that can be changed in the file.
    pub(super) fn editable_launch(&self) -> Option<&Launch> {
        self.entry.launch().filter(|_| !self.is_kept())
    }

    /// Whether its file is only read.
    fn is_kept(&self) -> bool {
        matches!(self.file.row.access, Access::Read(_))
    }

    pub(super) fn out_of_reach(&self) -> String {
        let (key, file, name) = (visible_key(&self.entry.name), self.file.display_name(), self.file.row.name);
        match &self.entry.transport {
            _ if let Some((_, why, remedy)) = self.file.describe_kept(&self.entry) => {
                return format!("{key} of {name} is left alone: {why}.\nwhat to do: {remedy}");
            }
            Transport::Bare(_) if let Some(source) = source_of_bare_entry(self.file.row.id) => {
                return format!(
                    "{key} of {name} has no command in {file}, since {source} brings it: there is nothing to put the policy \
                     before. Add the server with its command: policylayer register NAME --client {} {} COMMAND",
                    self.file.row.id,
                    as_word("--")
                );
            }
            _ => {}
        }
        match &self.entry.transport {
            Transport::Unclear(bad) | Transport::Bare(bad) => {
                format!("{key} of {name} is left alone, because its entry in {file} is unclear: {bad}. Fix it first.")
            }
            Transport::Remote(remote) => {
                let why = remote.obstacle().unwrap_or("it is reached over HTTP");
                format!(
                    "{name} reaches {key} {} ({file}), and `wrap --url` cannot take the place of its entry: {why}.\nwhat to do: {}",
                    remote.way(),
                    remote.remedy()
                )
            }
            Transport::Stdio(_) => format!("{key} of {name} is left alone: {file} is only read."),
        }
    }
}

impl<'c> Selection<'c> {
    /// Selects the clients with these ids, or the only one that can be meant.
    pub(crate) fn new(clients: &'c Clients, named: &'c [String], program: &'c str, env: &'c Env) -> Self {
        Self { clients, named, all_clients: false, dry_run: false, program, env, warnings: RefCell::default() }
    }

    /// Returns the chosen servers, and the exit code if all goes well.
    pub(crate) fn choose_servers(
        &self,
        key: Option<&str>,
        wanted: Wanted,
    ) -> Result<(Vec<Candidate<'c>>, Exit), Refusal> {
        let (all, exit) = self.find_candidates()?;
        let key = match key {
            Some(key) => find_key(key, all.iter().map(|found| found.entry.name.as_str())).to_owned(),
            None => self.only_one(&all, wanted)?,
        };
        let (mut found, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|candidate| candidate.entry.name == key);
        if found.is_empty() {
            return Err(self.unknown_server(&key, &others, wanted));
        }
        // What is only read may have the name of a server that can be changed, and does not keep it from that.
        if found.iter().any(|candidate| !candidate.is_kept()) {
            let kept = found.iter().filter(|candidate| candidate.is_kept() && !candidate.entry.is_disabled);
            kept.for_each(|candidate| self.record_warning(candidate.out_of_reach()));
            found.retain(|candidate| !candidate.is_kept());
        }
        let files: BTreeSet<_> = found.iter().map(|candidate| &candidate.file.file).collect();
        if files.len() > 1 && self.named.is_empty() && !self.all_clients {
            let place =
                |found: &Candidate<'_>| format!("\n  --client {}: {}", found.file.row.id, found.file.display_name());
            return Err(Refusal::Unclear(format!(
                "Several files have a server {}:{}\nName the client with --client, or use --all-clients. Every file of a \
                 named client that has the server is changed.",
                visible_key(&key),
                found.iter().map(place).collect::<String>()
            )));
        }
        Ok((found, exit))
    }

    /// Returns every server of the selected clients that applies here.
    fn find_candidates(&self) -> Result<(Vec<Candidate<'c>>, Exit), Refusal> {
        let (all, unread) = self.list_servers(Reach::Here)?;
        let mut exit = Exit::Ok;
        for (file, error) in unread {
            if !self.named.is_empty() {
                return Err(left_alone(file, &error));
            }
            // Whether the file has the server is unknown.
            self.record_warning(left_alone(file, &error).to_string());
            if self.all_clients {
                exit = Exit::Failed;
            }
        }
        Ok((all, exit))
    }

    /// Returns the servers of the selected clients, and the files that cannot be read, each once.
    pub(super) fn list_servers(&self, reach: Reach) -> Result<(Vec<Candidate<'c>>, Vec<UnreadFile<'c>>), Refusal> {
        let is_absent = |id: &&String| !self.files_of(id).any(|file| file.presence != Presence::Nothing);
        if let Some(id) = self.named.iter().find(is_absent) {
            let first = self.files_of(id).next();
            return Err(first.map_or_else(|| Refusal::Failed(NO_CLIENT.to_owned()), not_installed));
        }
        let (mut all, mut unread): (Vec<Candidate<'c>>, Vec<UnreadFile<'c>>) = (Vec::new(), Vec::new());
        for (file, sections) in self.clients.read_places(self.named) {
            let sections = match sections {
                Ok(sections) => sections,
                Err(error) => {
                    unread.push((file, error));
                    continue;
                }
            };
            let Some(opened) = self.clients.opened_file(&file.file) else { continue };
            let is_meant = |section: &ServerSection| reach == Reach::Everywhere || is_here(section, self.env);
            for section in sections.into_iter().filter(is_meant) {
                let ServerSection { keys, dir, entries } = section;
                let candidate = |entry| Candidate { file, keys: keys.clone(), dir: dir.clone(), entry, opened };
                all.extend(entries.into_iter().map(candidate));
            }
        }
        Ok((all, unread))
    }

    pub(super) fn record_warning(&self, warning: String) {
        self.warnings.borrow_mut().push(warning);
    }

    fn files_of(&self, id: &str) -> impl Iterator<Item = &'c ClientFile> {
        self.clients.places.iter().filter(move |place| place.row.id == id)
    }

    /// Returns the only server that can be meant if none is named.
    fn only_one(&self, all: &[Candidate<'_>], wanted: Wanted) -> Result<String, Refusal> {
        let with = |wanted: Wanted| -> BTreeSet<&str> {
            let is_wrapped = |entry: &ClientEntry| entry.is_wrapped(Some(self.program)) == (wanted == Wanted::Wrapped);
            let entries = all.iter().filter(|found| found.editable().is_some()).map(|found| &found.entry);
            entries.filter(|entry| is_wrapped(entry)).map(|entry| entry.name.as_str()).collect()
        };
        let mut keys = with(wanted);
        // On a second run, the wrapped one is checked again.
        if keys.is_empty() && wanted == Wanted::Bare {
            keys = with(Wanted::Wrapped);
        }
        let what = if wanted == Wanted::Wrapped { "that is wrapped" } else { "that could be wrapped" };
        match keys.first() {
            Some(one) if keys.len() == 1 => Ok((*one).to_owned()),
            Some(_) => Err(Refusal::Unclear(format!(
                "There are several servers {what}: {}. Say which one is meant.",
                join_names(&keys)
            ))),
            None => {
                let scope = if self.named.is_empty() { "" } else { " in this client" };
                let why = format!("There is no server {what}{scope}. `policylayer clients` lists what there is.");
                // The servers of an unreadable file are unknown.
                let is_known = self.clients.places.iter().all(|place| self.clients.sections_of(place).is_ok());
                let is_done = wanted == Wanted::Wrapped && is_known;
                Err(if is_done { Refusal::Nothing(why) } else { Refusal::Failed(why) })
            }
        }
    }

    fn unknown_server(&self, key: &str, all: &[Candidate<'_>], wanted: Wanted) -> Refusal {
        let names: BTreeSet<_> = all.iter().map(|found| found.entry.name.as_str()).collect();
        let add = match wanted {
            Wanted::Bare => format!(
                " To add it, give its command: `policylayer register {} {} COMMAND`.",
                key_word(key),
                as_word("--")
            ),
            Wanted::Wrapped => String::new(),
        };
        let whose = match self.named {
            [] => "No client has a",
            [one] => &format!("{} has no", self.files_of(one).next().map_or("", |file| file.row.name)),
            _ => "None of these clients has a",
        };
        let unread = self.clients.read_places(self.named).filter(|(_, found)| found.is_err());
        let unread: BTreeSet<_> = unread.map(|(file, _)| file.display_name()).collect();
        if !unread.is_empty() {
            let unread = unread.into_iter().collect::<Vec<_>>().join(" and ");
            let near = nearest_word(key, names.iter().copied()).map(|near| format!(" Or is it {}?", visible_key(near)));
            return Refusal::Failed(format!(
                "No file that can be read has a server {}. Fix {unread} first.{}",
                visible_key(key),
                near.unwrap_or_default()
            ));
        }
        let remedy = match (nearest_word(key, names.iter().copied()), names.is_empty()) {
            (Some(near), _) => format!("Did you mean {}?", visible_key(near)),
            (None, true) => format!("There is no server at all yet.{add}"),
            (None, false) => format!("There are: {}.{add}", join_names(&names)),
        };
        Refusal::Failed(format!("{whose} server {}. {remedy}", visible_key(key)))
    }

    /// Returns the user's files that get a new server: one for each selected client.
    pub(super) fn homes_of_new_server(&self) -> Result<Vec<&'c ClientFile>, Refusal> {
        // A packaged client reads only its own file, even if it has none yet and an earlier installation has left one.
        let rank = |file: &&ClientFile| match file.presence {
            Presence::File if file.package.is_some() => 0,
            Presence::Directory if file.package.is_some() => 1,
            Presence::File => 2,
            Presence::Directory => 3,
            Presence::Nothing => 4,
        };
        let is_home = |file: &&'c ClientFile| file.row.scope == ConfigScope::User && file.row.access == Access::Add;
        let home = |id: &str| self.files_of(id).filter(is_home).min_by_key(rank);
        let mut homes: Vec<&ClientFile> = match self.named {
            [] => client_ids().into_iter().filter_map(home).filter(|file| file.presence != Presence::Nothing).collect(),
            named => named.iter().filter_map(|id| home(id)).collect(),
        };
        homes.dedup_by_key(|file| file.row.id);
        if let Some(missing) = homes.iter().find(|file| file.presence == Presence::Nothing) {
            return Err(not_installed(missing));
        }
        if homes.is_empty() {
            return Err(Refusal::Failed(NO_CLIENT.to_owned()));
        }
        if homes.len() > 1 && self.named.is_empty() && !self.all_clients {
            let ids: Vec<_> = homes.iter().map(|file| file.row.id).collect();
            return Err(Refusal::Unclear(format!(
                "There are several clients here: {}. Say which one gets the server with --client, or --all-clients.",
                ids.join(", ")
            )));
        }
        Ok(homes)
    }
}

fn join_names(names: &BTreeSet<&str>) -> String {
    names.iter().map(|name| visible_key(name)).collect::<Vec<_>>().join(", ")
}
