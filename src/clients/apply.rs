//! Applies the planned changes: each file once, whole or not at all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::backup::Backups;
use super::document::{BadDocument, ClientDocument, TextEdit};
use super::entry::{ClientEntry, Launch, read_entries};
use super::file::{FileState, Unsaved, save_with_backup};
use super::key::visible_key;
use super::register::{EntryAction, EntryChange, document_of};
use super::secret;
use super::select::Selection;
use crate::paths::remove_unchanged;
use crate::state::file::real_path;
use crate::visible::visible_path;

#[derive(Debug)]
pub(crate) enum FileResult {
    Unchanged,
    /// The text that the file would get in a dry run. Both texts are redacted.
    Preview {
        old: String,
        new: String,
    },
    Saved {
        /// The backup; `None` if there was no file before.
        backup: Option<PathBuf>,
    },
}

impl FileResult {
    /// Returns the name of the backup, escaped for a terminal.
    pub(crate) fn backup(&self) -> Option<String> {
        match self {
            Self::Saved { backup } => backup.as_deref().map(visible_path),
            _ => None,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error(
        "{file} was left as it is, since what would be written does not read as it should. Please report this: {why}"
    )]
    Unverified { file: String, why: String },
    #[error(transparent)]
    Bad(#[from] BadDocument),
    #[error(transparent)]
    Unsaved(#[from] Unsaved),
}

/// The changes of one file, made for one client or for several that share it, and the result.
pub(crate) type FileOutcome<'c> = (Vec<&'c EntryChange<'c>>, Result<FileResult, ApplyError>);

/// Applies the changes, one file with each step of the iterator. A file that cannot be written does not stop the others.
pub(crate) fn apply_changes<'c>(
    selection: &Selection<'_>,
    changes: impl IntoIterator<Item = &'c EntryChange<'c>>,
) -> impl Iterator<Item = FileOutcome<'c>> {
    // Keyed by the path that links resolve to: clients may share a file, which is written once.
    let mut files: BTreeMap<PathBuf, Vec<&EntryChange<'_>>> = BTreeMap::new();
    for change in changes {
        let file = real_path(&change.file.file).unwrap_or_else(|_| change.file.file.clone());
        files.entry(file).or_default().push(change);
    }
    files.into_values().map(|changes| {
        let result = apply_to_file(selection, &changes);
        (changes, result)
    })
}

fn apply_to_file(selection: &Selection<'_>, changes: &[&EntryChange<'_>]) -> Result<FileResult, ApplyError> {
    let Some(place) = changes.first().map(|change| change.file) else { return Ok(FileResult::Unchanged) };
    let opened = selection.clients.opened_file(&place.file);
    let document = document_of(opened, place)?;
    let mut edits: Vec<TextEdit> = Vec::new();
    for edit in changes.iter().flat_map(|change| &change.edits) {
        // A server that two clients share is changed once for both.
        if !edits.contains(edit) {
            edits.push(edit.clone());
        }
    }
    if edits.is_empty() {
        return Ok(FileResult::Unchanged);
    }
    let new = document.apply_edits(edits);
    let changed = verify_changes(&document, &new, changes)
        .map_err(|why| ApplyError::Unverified { file: place.display_name(), why })?;
    if selection.dry_run {
        return Ok(FileResult::Preview {
            old: secret::redact_document(&document),
            new: secret::redact_document(&changed),
        });
    }
    let old = opened.map(|opened| opened.bytes.as_slice());
    if changes.iter().all(|change| change.action == EntryAction::RemovedWithFile) {
        remove_unchanged(&place.file, old.unwrap_or_default()).map_err(Unsaved::from)?;
        return Ok(FileResult::Saved { backup: None });
    }
    let backups = Backups::of_file(place, selection.env);
    // What is taken out is kept, unless the file becomes what it was before.
    let is_removal = changes.iter().any(|change| change.action == EntryAction::Removed);
    let is_loss = is_removal && !backups.read_all().contains(&new);
    let state = if is_loss { FileState::Original } else { file_state(selection, &place.file) };
    Ok(FileResult::Saved { backup: save_with_backup(&place.file, &backups, (old, &new), state)? })
}

/// Checks that the new file has the expected servers, and all others as before.
fn verify_changes(old: &ClientDocument, new: &[u8], changes: &[&EntryChange<'_>]) -> Result<ClientDocument, String> {
    let document = ClientDocument::parse(new, old.format).map_err(|bad| bad.to_string())?;
    for change in changes.iter().filter(|change| change.action != EntryAction::Nothing) {
        let read = |document| read_entries(document, &change.keys).map_err(|bad| bad.to_string());
        let (before, after) = (read(old)?, read(&document)?);
        let changed = after.iter().find(|entry| entry.name == change.key);
        let is_good = match change.action {
            EntryAction::Removed | EntryAction::RemovedWithFile => changed.is_none(),
            _ => changed.and_then(command_words).is_some_and(|words| words == change.expected),
        };
        if !is_good || unchanged_servers(&before, changes) != unchanged_servers(&after, changes) {
            return Err(format!("{} would have another command than it should", visible_key(&change.key)));
        }
    }
    Ok(document)
}

fn command_words(entry: &ClientEntry) -> Option<Vec<&str>> {
    entry.launch().map(Launch::words).or_else(|| Some(vec![entry.remote()?.url.as_deref()?]))
}

/// Returns the servers that must not change, with their commands.
fn unchanged_servers<'e>(all: &'e [ClientEntry], changes: &[&EntryChange<'_>]) -> Vec<(&'e str, Option<Vec<&'e str>>)> {
    let is_other = |entry: &&ClientEntry| !changes.iter().any(|change| change.key == entry.name);
    all.iter().filter(is_other).map(|entry| (entry.name.as_str(), command_words(entry))).collect()
}

fn file_state(selection: &Selection<'_>, file: &Path) -> FileState {
    let places = selection.clients.places.iter().filter(|place| place.file == file);
    let sections = places.filter_map(|place| selection.clients.sections_of(place).ok()).flatten();
    let mut entries = sections.flat_map(|section| section.entries);
    let is_wrapped = entries.any(|entry| entry.is_wrapped(Some(selection.program)));
    if is_wrapped { FileState::Wrapped } else { FileState::Original }
}
