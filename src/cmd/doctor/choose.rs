//! Which entries of which clients are looked at.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;

use anstream::AutoStream;
use serde_json::json;

use super::super::{as_word, nearest};
use super::{Doctor, Id, Step};
use crate::cli::{DoctorArgs, Format};
use crate::clients::entry::{ClientEntry, Transport};
use crate::clients::file::Opened;
use crate::clients::place::{ClientFile, Presence};
use crate::clients::secret;
use crate::clients::servers::{Clients, is_here};
use crate::exit::Exit;
use crate::term::message::print_error;
use crate::visible::{visible, visible_json};

/// An entry of a client, or why its file tells of none.
pub(super) struct Target<'c> {
    pub(super) place: &'c ClientFile,
    /// The keys that lead to the servers, and the entry.
    pub(super) entry: Result<(Vec<String>, ClientEntry), String>,
    pub(super) opened: Option<&'c Opened>,
}

/// There is nothing to look at.
pub(super) struct Nothing {
    what: String,
    remedy: String,
}

impl Nothing {
    /// Says so, and how the run ends.
    pub(super) fn tell(&self, format: Format) -> anyhow::Result<Exit> {
        match format {
            Format::Text => print_error(&format!("{}\nwhat to do: {}", self.what, self.remedy)),
            Format::Json => {
                let none = json!({ "checks": [], "ok": false, "error": self.what, "remedy": self.remedy });
                let mut out = AutoStream::auto(std::io::stdout()).lock();
                writeln!(out, "{}", visible_json(&serde_json::to_string_pretty(&none)?))?;
            }
        }
        Ok(Exit::Failed)
    }
}

/// The entries that are meant. A file that cannot be read is one as well: what it would hold is not known.
pub(super) fn targets<'c>(
    args: &DoctorArgs,
    clients: &'c Clients,
    doctor: &Doctor<'_>,
) -> Result<Vec<Target<'c>>, Nothing> {
    let (mut targets, mut names, mut broken) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let is_meant = |place: &&ClientFile| args.client.is_empty() || args.client.iter().any(|id| id == place.row.id);
    for place in clients.places.iter().filter(|place| place.presence == Presence::File).filter(is_meant) {
        let sections = match clients.sections(place) {
            Ok(sections) => sections,
            // One file for two scopes is told of once.
            Err(error) => {
                if broken.insert(&place.file) {
                    targets.push(Target { place, entry: Err(error.to_string()), opened: None });
                }
                continue;
            }
        };
        let opened = clients.opened(&place.file).ok().flatten();
        for section in sections.into_iter().filter(|section| is_here(place.row, section, doctor.env)) {
            for entry in section.entries {
                names.insert(entry.name.clone());
                let is_meant = args
                    .server
                    .as_ref()
                    .map_or_else(|| entry.is_wrapped(doctor.program.as_deref()), |key| *key == entry.name);
                if is_meant {
                    targets.push(Target { place, entry: Ok((section.keys.clone(), entry)), opened });
                }
            }
        }
    }
    if targets.iter().any(|target| target.entry.is_ok()) || (args.server.is_none() && !targets.is_empty()) {
        return Ok(targets);
    }
    Err(nothing(args, &names, &broken))
}

fn nothing(args: &DoctorArgs, names: &BTreeSet<String>, broken: &BTreeSet<&PathBuf>) -> Nothing {
    let whose = match args.client.as_slice() {
        [] => "No client has a".to_owned(),
        [one] => format!("{one} has no"),
        several => format!("None of {} has a", several.join(", ")),
    };
    let client = args.client.first().map(|client| format!(" --client {client}")).unwrap_or_default();
    let Some(key) = &args.server else {
        let remedy = match names.first() {
            None => format!("add one: policylayer register{client} {} COMMAND", as_word("--")),
            Some(name) if names.len() == 1 => format!("policylayer register {}{client}", as_word(name)),
            Some(_) => format!("policylayer register SERVER{client}; `policylayer clients` lists the servers"),
        };
        return Nothing { what: format!("{whose} server that is behind a policy."), remedy };
    };
    let remedy = match nearest(key, names.iter().map(String::as_str)) {
        Some(near) => format!("policylayer doctor {}{client}", as_word(near)),
        None if !broken.is_empty() => {
            "`policylayer clients` says which client's file cannot be read; mend that first".to_owned()
        }
        None if names.is_empty() => {
            format!("add it: policylayer register {}{client} {} COMMAND", as_word(key), as_word("--"))
        }
        None => {
            let names: Vec<_> = names.iter().map(|name| visible(name)).collect();
            format!("name one that is there: {}", names.join(", "))
        }
    };
    Nothing { what: format!("{whose} server {}.", visible(key)), remedy }
}

/// An entry that starts nothing.
pub(super) fn no_command(kind: &Transport, file: &str) -> Step {
    match kind {
        Transport::Unclear(bad) => {
            Step::failed(Id::Entry, format!("it is unclear: {bad}"), format!("mend the entry in {file}"))
        }
        Transport::Remote { url } => {
            let url = url.as_deref().map(|url| format!(" ({})", secret::url(url))).unwrap_or_default();
            Step::failed(
                Id::Entry,
                format!(
                    "the server is reached over HTTP{url}, which is out of a stdio wrapper's reach: no policy holds there"
                ),
                format!(
                    "use the server's stdio version, if it has one: policylayer register NAME {} COMMAND",
                    as_word("--")
                ),
            )
        }
        Transport::Stdio(_) => Step::ok(Id::Entry, "starts a command"),
    }
}
