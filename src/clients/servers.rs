//! The servers of every client that is there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::document::{BadDocument, Document, Value};
use super::entry::{Entry, entries};
use super::file::{Opened, Unread, open};
use super::place::{Os, Place, Presence, places};
use super::table::{Row, Scope};
use crate::env::Env;

/// The files of clients as they were read.
#[derive(Debug)]
pub struct Clients {
    /// Every file that was looked for.
    pub places: Vec<Place>,
    opened: HashMap<PathBuf, Result<Opened, Unread>>,
}

/// Servers that stand together in a file.
#[derive(Debug)]
pub struct Section {
    /// The keys that lead to them.
    pub keys: Vec<String>,
    /// The project's folder, where they are the user's for one project.
    pub folder: Option<String>,
    /// The servers.
    pub entries: Vec<Entry>,
}

impl Section {
    /// The keys that lead to the servers.
    pub fn path(&self) -> Vec<&str> {
        self.keys.iter().map(String::as_str).collect()
    }
}

/// Why a file has no servers to show.
#[derive(Debug, thiserror::Error)]
pub enum NoServers<'c> {
    /// It cannot be read.
    #[error("{0}")]
    Unread(&'c Unread),
    /// Something else stands where servers do.
    #[error("{0}")]
    Bad(BadDocument),
}

impl NoServers<'_> {
    /// The place in the file.
    pub fn place(&self) -> Option<&BadDocument> {
        match self {
            Self::Unread(Unread::Bad(bad)) | Self::Bad(bad) => Some(bad),
            Self::Unread(_) => None,
        }
    }
}

impl Clients {
    /// Looks for every file, and reads those that are there.
    pub fn look(env: &Env) -> Self {
        let places = places(Os::current(), env);
        let mut opened = HashMap::new();
        for place in places.iter().filter(|place| place.presence == Presence::File) {
            opened.entry(place.file.clone()).or_insert_with(|| open(&place.file, place.row.format));
        }
        Self { places, opened }
    }

    /// The file as it was read; `None` where there is none.
    ///
    /// # Errors
    /// Where it was not read.
    pub fn opened(&self, file: &Path) -> Result<Option<&Opened>, &Unread> {
        self.opened.get(file).map(|opened| opened.as_ref()).transpose()
    }

    /// The servers at a place; nothing where there is no file.
    ///
    /// # Errors
    /// Where the file cannot be read, or what stands there are no servers.
    pub fn sections(&self, place: &Place) -> Result<Vec<Section>, NoServers<'_>> {
        let Some(opened) = self.opened(&place.file).map_err(NoServers::Unread)? else { return Ok(Vec::new()) };
        sections(&opened.document, place.row).map_err(NoServers::Bad)
    }
}

fn sections(document: &Document, row: &Row) -> Result<Vec<Section>, BadDocument> {
    let [first, "*", rest @ ..] = row.keys else {
        let keys = row.keys.iter().map(|key| (*key).to_owned()).collect();
        return Ok(vec![Section { keys, folder: None, entries: entries(document, row.keys)? }]);
    };
    let Some(folders) = document.find(&[first])? else { return Ok(Vec::new()) };
    let mut sections = Vec::new();
    for member in document.members(folders)? {
        if !matches!(member.node.value, Value::Object(_)) {
            continue;
        }
        let path: Vec<&str> = [*first, member.key.as_str()].into_iter().chain(rest.iter().copied()).collect();
        let entries = entries(document, &path)?;
        if !entries.is_empty() {
            let keys = path.into_iter().map(str::to_owned).collect();
            sections.push(Section { keys, folder: Some(member.key.clone()), entries });
        }
    }
    Ok(sections)
}

/// Whether a section is in force in this working folder.
pub fn is_here(row: &Row, section: &Section, env: &Env) -> bool {
    let Some(folder) = section.folder.as_deref().filter(|_| row.scope == Scope::Folder) else { return true };
    let here = env.folder();
    // Windows' folders are written with either slash.
    let plain = |path: &str| path.replace('\\', "/").trim_end_matches('/').to_owned();
    let is_same = cfg!(windows) && here.to_str().is_some_and(|here| plain(here).eq_ignore_ascii_case(&plain(folder)));
    is_same || Path::new(folder) == here || is_same_folder(Path::new(folder), here)
}

/// Whether two paths lead to one directory, however they are written: file systems of macOS and Windows take upper for lower
/// case, and those of macOS take a letter and its accent for the accented letter.
fn is_same_folder(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| crate::state::file::real(path).ok();
    if real(one).is_some() && real(one) == real(other) {
        return true;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let place = |path: &Path| path.metadata().ok().map(|found| (found.dev(), found.ino()));
        place(one).is_some() && place(one) == place(other)
    }
    #[cfg(not(unix))]
    false
}
