//! The servers of every client on this machine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::document::{BadDocument, ClientDocument};
use super::entry::{ClientEntry, read_entries};
use super::file::{Opened, open_client_file};
use super::place::{ClientFile, Os, Presence, find_files};
use super::table::{ConfigScope, Row};
use crate::env::Env;
use crate::policy::tree::DocumentValue;
use crate::state::file::real_path;

/// The clients' files as they were read.
#[derive(Debug)]
pub struct Clients {
    /// Every file that was looked for.
    pub places: Vec<ClientFile>,
    opened: HashMap<PathBuf, Result<Opened, BadDocument>>,
}

/// Servers that are together in a file.
#[derive(Debug)]
pub struct ServerSection {
    /// The keys that lead to them.
    pub keys: Vec<String>,
    /// The project's directory, if the servers are the user's for one project.
    pub dir: Option<String>,
    /// The servers.
    pub entries: Vec<ClientEntry>,
}

impl Clients {
    /// Looks for every file, and reads those that exist.
    pub fn find_all(env: &Env) -> Self {
        let places = find_files(Os::current(), env);
        let mut opened = HashMap::new();
        for place in places.iter().filter(|place| place.presence == Presence::File) {
            opened.entry(place.file.clone()).or_insert_with(|| open_client_file(&place.file, place.row.format));
        }
        Self { places, opened }
    }

    /// Returns the file as it was read; `None` if there is none, or it cannot be read.
    pub fn opened_file(&self, file: &Path) -> Option<&Opened> {
        self.opened.get(file)?.as_ref().ok()
    }

    /// Returns the servers of a file; none if there is no file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or something else is in the place of the servers.
    pub fn sections_of(&self, place: &ClientFile) -> Result<Vec<ServerSection>, BadDocument> {
        match self.opened.get(&place.file) {
            None => Ok(Vec::new()),
            Some(Err(bad)) => Err(bad.clone()),
            Some(Ok(opened)) => read_sections(&opened.document, place.row),
        }
    }
}

fn read_sections(document: &ClientDocument, row: &Row) -> Result<Vec<ServerSection>, BadDocument> {
    let [first, "*", rest @ ..] = row.keys else {
        let keys = row.keys.iter().map(|key| (*key).to_owned()).collect();
        return Ok(vec![ServerSection { keys, dir: None, entries: read_entries(document, row.keys)? }]);
    };
    let Some(projects) = document.find_table(&[first])? else { return Ok(Vec::new()) };
    let mut sections = Vec::new();
    for (key, node) in document.unique_members(projects)? {
        if !matches!(node.value, DocumentValue::Table(_)) {
            continue;
        }
        let path: Vec<&str> = [*first, key.name.as_str()].into_iter().chain(rest.iter().copied()).collect();
        let entries = read_entries(document, &path)?;
        if !entries.is_empty() {
            let keys = path.into_iter().map(str::to_owned).collect();
            sections.push(ServerSection { keys, dir: Some(key.name.clone()), entries });
        }
    }
    Ok(sections)
}

/// Whether a section applies in the working directory.
pub fn is_here(row: &Row, section: &ServerSection, env: &Env) -> bool {
    let Some(project) = section.dir.as_deref().filter(|_| row.scope == ConfigScope::Folder) else { return true };
    let here = env.working_dir();
    // Windows directories are written with either slash.
    let plain = |path: &str| path.replace('\\', "/").trim_end_matches('/').to_owned();
    let is_same = cfg!(windows) && here.to_str().is_some_and(|here| plain(here).eq_ignore_ascii_case(&plain(project)));
    is_same || Path::new(project) == here || is_same_directory(Path::new(project), here)
}

/// Whether two paths lead to the same directory, however they are spelled: the file systems of macOS and Windows ignore
/// case, and those of macOS treat a letter and its combining accent as the accented letter.
fn is_same_directory(one: &Path, other: &Path) -> bool {
    if real_path(one).ok().is_some_and(|one| real_path(other).ok() == Some(one)) {
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
