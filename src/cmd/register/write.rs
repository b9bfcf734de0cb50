//! Carrying out what was planned: each file once, whole or not at all.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anstream::AutoStream;
use anyhow::{Context as _, bail};

use super::super::as_word;
use crate::clients::document::{BadDocument, Document, Edit, Format};
use crate::clients::entry::{Entry, Kind, entries, wrapped};
use crate::clients::file::{Opened, State, save};
use crate::clients::place::Place;
use crate::clients::secret;
use crate::clients::servers::Clients;
use crate::clients::table::Scope;
use crate::exit::Exit;
use crate::term::diff;
use crate::term::message::print_error;
use crate::visible::visible;

/// What becomes of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cmd) enum Done {
    /// It gets the wrapper.
    Wrapped,
    /// It is new, with the wrapper.
    Added,
    /// The wrapper is now elsewhere.
    Moved,
    /// It loses the wrapper.
    Unwrapped,
    /// It is as it should be.
    Nothing,
}

/// What is to change for one server.
pub(in crate::cmd) struct Change<'c> {
    pub(in crate::cmd) key: String,
    pub(in crate::cmd) place: Option<&'c Place>,
    /// The keys that lead to the servers.
    pub(in crate::cmd) keys: Vec<String>,
    pub(in crate::cmd) edits: Vec<Edit>,
    /// The command of the server then.
    pub(in crate::cmd) expected: Vec<String>,
    pub(in crate::cmd) done: Done,
    pub(in crate::cmd) notes: Vec<String>,
}

impl Change<'_> {
    pub(in crate::cmd) fn new(key: &str, done: Done) -> Self {
        let (keys, edits, expected, notes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { key: key.to_owned(), place: None, keys, edits, expected, done, notes }
    }
}

/// Whether files are written, or only what would change is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cmd) enum Dry {
    Run,
    Real,
}

impl From<bool> for Dry {
    fn from(is_dry: bool) -> Self {
        if is_dry { Self::Run } else { Self::Real }
    }
}

/// How it is carried out.
pub(in crate::cmd) struct Writing<'w> {
    pub(in crate::cmd) clients: &'w Clients,
    pub(in crate::cmd) is_dry: Dry,
    pub(in crate::cmd) program: &'w str,
}

/// The document to change: an empty one where there is no file yet.
pub(super) fn document(opened: Option<&Opened>, format: Format) -> Result<Document, BadDocument> {
    opened.map_or_else(|| Document::parse(b"", format), |opened| Ok(opened.document.clone()))
}

impl Writing<'_> {
    /// Writes every file, and says what was done.
    pub(in crate::cmd) fn write(&self, changes: &[Change<'_>]) -> anyhow::Result<Exit> {
        // By what links lead to: clients may share a file, and it is written once.
        let mut files: BTreeMap<PathBuf, Vec<&Change<'_>>> = BTreeMap::new();
        for change in changes {
            if let Some(place) = change.place {
                let file = crate::state::file::real(&place.file).unwrap_or_else(|_| place.file.clone());
                files.entry(file).or_default().push(change);
            }
        }
        let mut exit = Exit::Ok;
        let mut out = AutoStream::auto(io::stdout()).lock();
        for changes in files.values() {
            // One file that cannot be written keeps no other from being so.
            if let Err(error) = self.write_file(&mut out, changes) {
                print_error(&format!("{error:#}"));
                exit = Exit::Failed;
            }
        }
        out.flush()?;
        Ok(exit)
    }

    /// Makes the changes of one file, which is that of each client it is changed for.
    fn write_file(&self, out: &mut dyn Write, changes: &[&Change<'_>]) -> anyhow::Result<()> {
        let Some(place) = changes.first().and_then(|change| change.place) else { return Ok(()) };
        let file = place.file.as_path();
        let opened = self.clients.opened(file).ok().flatten();
        let document = document(opened, place.row.format)?;
        let mut edits: Vec<Edit> = Vec::new();
        for edit in changes.iter().flat_map(|change| &change.edits) {
            // What two clients share is changed for both at once.
            if !edits.contains(edit) {
                edits.push(edit.clone());
            }
        }
        let shown = visible(&file.display().to_string());
        if !edits.is_empty() {
            let new = document.edited(edits);
            let changed = self.verify(&document, &new, changes).with_context(|| {
                format!("{shown} was left as it is, since what would be written does not read as it should. Please report this")
            })?;
            if self.is_dry == Dry::Run {
                writeln!(out, "--- {shown}\n+++ {shown} (with this change)")?;
                let lines = |document: &Document| {
                    let text = secret::text(document);
                    text.split_inclusive('\n').map(shown_line).collect::<String>()
                };
                diff::write(out, &lines(&document), &lines(&changed))?;
                return Ok(());
            }
            let kept = save(file, opened.map(|opened| opened.bytes.as_slice()), &new, self.state(file))?;
            for change in changes {
                self.tell(out, change)?;
            }
            if let Some(kept) = kept {
                writeln!(out, "  The file as it was is kept as {}", visible(&kept.display().to_string()))?;
            }
            return tell_then(out, place, changes);
        }
        changes.iter().try_for_each(|change| self.tell(out, change))?;
        Ok(())
    }

    /// That the new file says what it should, and all else as before.
    fn verify(&self, old: &Document, new: &[u8], changes: &[&Change<'_>]) -> anyhow::Result<Document> {
        let document = Document::parse(new, old.format())?;
        for change in changes.iter().filter(|change| change.done != Done::Nothing) {
            let keys: Vec<&str> = change.keys.iter().map(String::as_str).collect();
            let (before, after) = (entries(old, &keys)?, entries(&document, &keys)?);
            let changed = after.iter().find(|entry| entry.name == change.key);
            let is_good = changed.is_some_and(|entry| words(entry) == Some(change.expected.clone()));
            let others = |all: &[Entry]| {
                let is_other = |entry: &&Entry| !changes.iter().any(|change| change.key == entry.name);
                all.iter().filter(is_other).map(|entry| (entry.name.clone(), words(entry))).collect::<Vec<_>>()
            };
            if !is_good || others(&before) != others(&after) {
                bail!("{} would have another command than it should", visible(&change.key));
            }
        }
        Ok(document)
    }

    /// Whether the file has wrapped servers already.
    fn state(&self, file: &Path) -> State {
        let places = self.clients.places.iter().filter(|place| place.file == file);
        let sections = places.filter_map(|place| self.clients.sections(place).ok()).flatten();
        let is_wrapped = |entry: &Entry| match &entry.kind {
            Kind::Stdio(launch) => wrapped(&launch.words(), Some(self.program)).is_some(),
            _ => false,
        };
        let any = sections.flat_map(|section| section.entries).any(|entry| is_wrapped(&entry));
        if any { State::Wrapped } else { State::Original }
    }

    fn tell(&self, out: &mut dyn Write, change: &Change<'_>) -> io::Result<()> {
        let Some(place) = change.place else { return Ok(()) };
        let file = visible(&place.file.display().to_string());
        let (key, name) = (visible(&change.key), place.row.name);
        match change.done {
            Done::Nothing => return writeln!(out, "{key} of {name} is wrapped already: {file} stays as it is."),
            Done::Wrapped => writeln!(out, "Put the policy before {key} of {name}: {file}")?,
            Done::Added => writeln!(out, "Added {key} to {name}, behind the policy: {file}")?,
            Done::Moved => writeln!(out, "Told {name} where policylayer is now, for {key}: {file}")?,
            Done::Unwrapped => writeln!(out, "Took the policy out from before {key} of {name}: {file}")?,
        }
        let command = secret::words(&change.expected).join(" ");
        writeln!(out, "  It now starts {}", visible(&command))?;
        for note in &change.notes {
            writeln!(out, "  {note}")?;
        }
        if place.row.scope == Scope::Project && matches!(change.done, Done::Wrapped | Done::Added | Done::Moved) {
            writeln!(
                out,
                "  This file is the project's: who else uses it may have policylayer elsewhere, or not at all. Do not commit \
                 the change unless all have it at this path."
            )?;
        }
        Ok(())
    }
}

fn tell_then(out: &mut dyn Write, place: &Place, changes: &[&Change<'_>]) -> anyhow::Result<()> {
    let Some(change) = changes.first() else { return Ok(()) };
    let undo = match change.done {
        Done::Wrapped | Done::Added => {
            format!(" To undo it: policylayer unregister {} --client {}", as_word(&change.key), place.row.id)
        }
        _ => String::new(),
    };
    let mut clients: Vec<_> = changes.iter().filter_map(|change| Some(change.place?.row.name)).collect();
    clients.dedup();
    writeln!(out, "Restart {}, so that it takes effect.{undo}", clients.join(" and "))?;
    Ok(())
}

fn words(entry: &Entry) -> Option<Vec<String>> {
    match &entry.kind {
        Kind::Stdio(launch) => Some(launch.words().into_iter().map(str::to_owned).collect()),
        _ => None,
    }
}

/// A line as a terminal may be given it.
fn shown_line(line: &str) -> String {
    match line.strip_suffix('\n') {
        Some(line) => visible(line.strip_suffix('\r').unwrap_or(line)) + "\n",
        None => visible(line),
    }
}
