//! Which server of which client is meant. Nothing is guessed: where it is unclear, the choices are told.

use std::collections::BTreeSet;

use super::super::as_word;
use crate::cli::Which;
use crate::clients::document::BadDocument;
use crate::clients::entry::{Entry, Kind, wrapped};
use crate::clients::file::Opened;
use crate::clients::place::{Place, Presence};
use crate::clients::servers::{Clients, NoServers, is_here};
use crate::exit::Exit;
use crate::policy::nearest;
use crate::term::message;
use crate::visible::visible;

/// Why nothing is done.
#[derive(Debug, thiserror::Error)]
pub(in crate::cmd) enum Refused {
    /// What is meant is unclear.
    #[error("{0}")]
    Unclear(String),
    /// It cannot be done.
    #[error("{0}")]
    Failed(String),
    /// Nothing is to be done.
    #[error("{0}")]
    Nothing(String),
}

impl Refused {
    pub(in crate::cmd) fn exit(&self) -> Exit {
        match self {
            Self::Unclear(_) => Exit::Usage,
            Self::Failed(_) => Exit::Failed,
            Self::Nothing(_) => Exit::Ok,
        }
    }

    /// Tells a person, and says how the run ends.
    pub(in crate::cmd) fn told(&self) -> Exit {
        match self {
            Self::Nothing(why) => message::print_note(why),
            _ => message::print_error(&self.to_string()),
        }
        self.exit()
    }
}

/// Which servers are looked for where none is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cmd) enum Wanted {
    /// Those without a wrapper.
    Bare,
    /// Those with one.
    Wrapped,
}

/// A server of a client.
pub(in crate::cmd) struct Candidate<'c> {
    pub(in crate::cmd) place: &'c Place,
    /// The keys that lead to the servers.
    pub(in crate::cmd) section: Vec<String>,
    pub(in crate::cmd) entry: Entry,
    pub(in crate::cmd) opened: &'c Opened,
}

/// What is chosen from, and how.
pub(in crate::cmd) struct Choice<'c> {
    pub(in crate::cmd) clients: &'c Clients,
    pub(in crate::cmd) which: &'c Which,
    pub(in crate::cmd) program: &'c str,
    pub(in crate::cmd) env: &'c crate::env::Env,
}

pub(super) const NO_CLIENT: &str =
    "No MCP client was found on this machine. `policylayer clients` says where it looks.";

/// How a client's file that cannot be used is told of.
pub(super) fn left_alone(place: &Place, error: &NoServers<'_>) -> String {
    let file = visible(&place.file.display().to_string());
    format!("{file} ({}) is left alone: {error}. Mend it, and do the same again.", place.row.name)
}

/// The same, where something in the file is in the way.
pub(super) fn left_alone_for(place: &Place, bad: &BadDocument) -> String {
    left_alone(place, &NoServers::Bad(bad.clone()))
}

/// How a client that is not there is told of.
pub(super) fn not_installed(place: &Place) -> String {
    format!(
        "{} is not installed here, or was never started: {} does not exist. Start it once, and do the same again.",
        place.row.name,
        visible(&place.sign.display().to_string())
    )
}

/// Why a server cannot be wrapped.
pub(super) fn out_of_reach(place: &Place, key: &str, kind: &Kind) -> String {
    let (key, file) = (visible(key), visible(&place.file.display().to_string()));
    let name = place.row.name;
    match kind {
        Kind::Unclear(bad) => {
            format!("{key} of {name} is left alone, since its entry in {file} is unclear: {bad}. Mend it first.")
        }
        _ => format!(
            "{name} reaches {key} over HTTP or server-sent events ({file}), which is out of a stdio wrapper's reach: there \
             is no command that the policy could stand before. Use the server's stdio version, if it has one."
        ),
    }
}

impl<'c> Choice<'c> {
    /// The servers that are meant, and how the run ends if all goes well.
    pub(in crate::cmd) fn choose(
        &self,
        key: Option<&str>,
        wanted: Wanted,
    ) -> Result<(Vec<Candidate<'c>>, Exit), Refused> {
        let (all, exit) = self.candidates()?;
        let key = match key {
            Some(key) => key.to_owned(),
            None => self.only_one(&all, wanted)?,
        };
        if !all.iter().any(|candidate| candidate.entry.name == key) {
            return Err(self.unknown(&key, &all, wanted));
        }
        let found: Vec<_> = all.into_iter().filter(|candidate| candidate.entry.name == key).collect();
        let files: BTreeSet<_> = found.iter().map(|candidate| &candidate.place.file).collect();
        if files.len() > 1 && self.which.client.is_empty() && !self.which.all_clients {
            let places: Vec<_> = found.iter().map(|found| format!("\n  {}", told(found.place))).collect();
            return Err(Refused::Unclear(format!(
                "Several files have a server {}:{}\nSay which client is meant with --client, or --all-clients. Of a client that \
                 is named, each file is changed that has the server.",
                visible(&key),
                places.concat()
            )));
        }
        Ok((found, exit))
    }

    /// Every server of the clients that are meant, as far as it is in force here.
    fn candidates(&self) -> Result<(Vec<Candidate<'c>>, Exit), Refused> {
        let (mut all, mut exit) = (Vec::new(), Exit::Ok);
        let named = &self.which.client;
        if let Some(id) = named.iter().find(|id| !self.places(id).any(|place| place.presence != Presence::Nothing)) {
            return Err(match self.places(id).next() {
                Some(place) => Refused::Failed(not_installed(place)),
                None => Refused::Failed(NO_CLIENT.to_owned()),
            });
        }
        let mut told = BTreeSet::new();
        for place in self.clients.places.iter().filter(|place| place.presence == Presence::File) {
            if !named.is_empty() && !named.iter().any(|id| id == place.row.id) {
                continue;
            }
            match self.clients.sections(place) {
                Ok(sections) => {
                    let Ok(Some(opened)) = self.clients.opened(&place.file) else { continue };
                    for section in sections.into_iter().filter(|section| is_here(place.row, section, self.env)) {
                        all.extend(section.entries.into_iter().map(|entry| Candidate {
                            place,
                            section: section.keys.clone(),
                            entry,
                            opened,
                        }));
                    }
                }
                Err(error) if !named.is_empty() => return Err(Refused::Failed(left_alone(place, &error))),
                // Whether it has the server is not known.
                Err(error) => {
                    if told.insert(&place.file) {
                        message::print_warning(&left_alone(place, &error));
                    }
                    if self.which.all_clients {
                        exit = Exit::Failed;
                    }
                }
            }
        }
        Ok((all, exit))
    }

    fn places(&self, id: &str) -> impl Iterator<Item = &'c Place> {
        let id = id.to_owned();
        self.clients.places.iter().filter(move |place| place.row.id == id)
    }

    fn is_wrapped(&self, entry: &Entry) -> Option<bool> {
        match &entry.kind {
            Kind::Stdio(launch) => Some(wrapped(&launch.words(), Some(self.program)).is_some()),
            _ => None,
        }
    }

    /// The only server that can be meant where none is named.
    fn only_one(&self, all: &[Candidate<'_>], wanted: Wanted) -> Result<String, Refused> {
        let with = |wanted: Wanted| -> Vec<&str> {
            let meant = |found: &&Candidate<'_>| self.is_wrapped(&found.entry) == Some(wanted == Wanted::Wrapped);
            let names: BTreeSet<_> = all.iter().filter(meant).map(|found| found.entry.name.as_str()).collect();
            names.into_iter().collect()
        };
        let mut keys = with(wanted);
        // A second time, the one that is wrapped is looked at again.
        if keys.is_empty() && wanted == Wanted::Bare {
            keys = with(Wanted::Wrapped);
        }
        let what = if wanted == Wanted::Wrapped { "that is wrapped" } else { "that could be wrapped" };
        match keys.as_slice() {
            [one] => Ok((*one).to_owned()),
            [] => {
                let why = format!(
                    "There is no server {what}{}. `policylayer clients` lists what there is.",
                    if self.which.client.is_empty() { "" } else { " in this client" }
                );
                // What stands in a file that cannot be read is not known.
                let is_known = self.clients.places.iter().all(|place| self.clients.sections(place).is_ok());
                let is_done = wanted == Wanted::Wrapped && is_known;
                Err(if is_done { Refused::Nothing(why) } else { Refused::Failed(why) })
            }
            several => Err(Refused::Unclear(format!(
                "There are several servers {what}: {}. Say which one is meant.",
                several.iter().map(|key| visible(key)).collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    fn unknown(&self, key: &str, all: &[Candidate<'_>], wanted: Wanted) -> Refused {
        let names: BTreeSet<_> = all.iter().map(|found| found.entry.name.as_str()).collect();
        let add = match wanted {
            Wanted::Bare => {
                format!(
                    " To add it, give its command: `policylayer register {} {} COMMAND`.",
                    as_word(key),
                    as_word("--")
                )
            }
            Wanted::Wrapped => String::new(),
        };
        let whose = match self.which.client.as_slice() {
            [] => "No client".to_owned(),
            [one] => self.places(one).next().map_or_else(String::new, |place| place.row.name.to_owned()),
            _ => "None of these clients".to_owned(),
        };
        let verb = if self.which.client.len() == 1 { "has no" } else { "has a" };
        let remedy = match (nearest(key, names.iter().copied()), names.is_empty()) {
            (Some(near), _) => format!("Did you mean {}?", visible(near)),
            (None, true) => format!("There is no server at all yet.{add}"),
            (None, false) => {
                let names: Vec<_> = names.iter().map(|name| visible(name)).collect();
                format!("There are: {}.{add}", names.join(", "))
            }
        };
        Refused::Failed(format!("{whose} {verb} server {}. {remedy}", visible(key)))
    }
}

/// A file as the choices list it.
fn told(place: &Place) -> String {
    format!("--client {}: {}", place.row.id, visible(&place.file.display().to_string()))
}
