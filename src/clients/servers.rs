//! The servers of every client on this machine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::document::{BadDocument, ClientDocument};
use super::entry::{ClientEntry, is_table_of_servers, read_entries, read_extension};
use super::file::{Opened, open_client_file};
use super::place::{ClientFile, Os, Presence, find_files};
use super::table::Layout;
use crate::env::Env;
use crate::policy::tree::DocumentValue;
use crate::shell::Shell;
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

    /// Returns the servers of every client that is there, of all or of those with these ids. A file that cannot be read comes
    /// once, also if it has servers of several scopes.
    pub(crate) fn read_places<'c>(
        &'c self,
        ids: &[String],
    ) -> impl Iterator<Item = (&'c ClientFile, Result<Vec<ServerSection>, BadDocument>)> {
        let mut unread: Vec<&Path> = Vec::new();
        let is_asked = |place: &&ClientFile| {
            place.presence != Presence::Nothing && (ids.is_empty() || ids.iter().any(|id| id == place.row.id))
        };
        self.places.iter().filter(is_asked).filter_map(move |place| {
            let sections = self.sections_of(place);
            if sections.is_err() {
                if unread.contains(&place.file.as_path()) {
                    return None;
                }
                unread.push(&place.file);
            }
            Some((place, sections))
        })
    }

    /// Returns the servers of a file; none if there is no file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or something else is in the place of the servers.
    pub fn sections_of(&self, place: &ClientFile) -> Result<Vec<ServerSection>, BadDocument> {
        let opened = match self.opened.get(&place.file) {
            None => return Ok(Vec::new()),
            Some(Err(bad)) => return Err(bad.clone()),
            Some(Ok(opened)) => opened,
        };
        let mut sections = read_sections(&opened.document, place)?;
        if let Some(bundle) = &place.bundle {
            for section in &mut sections {
                section.dir.clone_from(&bundle.project);
                section.entries.iter_mut().for_each(|entry| entry.is_disabled |= bundle.is_off);
            }
        }
        Ok(sections)
    }
}

fn read_sections(document: &ClientDocument, place: &ClientFile) -> Result<Vec<ServerSection>, BadDocument> {
    let row = place.row;
    let section = |keys: &[&str]| {
        let entries = read_entries(document, keys)?;
        Ok(ServerSection { keys: keys.iter().map(|key| (*key).to_owned()).collect(), dir: None, entries })
    };
    match row.layout {
        Layout::Named => {}
        Layout::Extension => {
            let name = place.bundle.as_ref().map_or("", |bundle| bundle.name.as_str());
            let keys = row.keys.iter().map(|key| (*key).to_owned()).collect();
            return Ok(vec![ServerSection {
                keys,
                dir: None,
                entries: vec![read_extension(document, row.keys, name)],
            }]);
        }
        Layout::Plugin => {
            let is_manifest = place.file.file_name().is_some_and(|name| name == "plugin.json");
            return match document.root.member("mcpServers").map(|servers| &servers.value) {
                Some(DocumentValue::Table(_)) => Ok(vec![section(row.keys)?]),
                // The manifest names other files, or none.
                Some(_) => Ok(Vec::new()),
                None if is_manifest => Ok(Vec::new()),
                None => Ok(vec![section(&[])?]),
            };
        }
        Layout::OpenCode => {
            let mut own = section(row.keys)?;
            let servers = document.find_table(row.keys)?;
            let is_table =
                |name: &str| servers.and_then(|servers| servers.member(name)).is_some_and(is_table_of_servers);
            own.entries.retain(|entry| !matches!(entry.name.as_str(), "servers" | "timeout") || !is_table(&entry.name));
            let nested = is_table("servers").then(|| section(&["mcp", "servers"])).transpose()?;
            return Ok([own].into_iter().chain(nested).collect());
        }
    }
    let [first, "*", rest @ ..] = row.keys else { return Ok(vec![section(row.keys)?]) };
    read_projects(document, first, rest)
}

/// Reads the servers of the user for each project.
fn read_projects(document: &ClientDocument, first: &str, rest: &[&str]) -> Result<Vec<ServerSection>, BadDocument> {
    let Some(projects) = document.find_table(&[first])? else { return Ok(Vec::new()) };
    let mut sections = Vec::new();
    for (key, node) in document.unique_members(projects)? {
        if !matches!(node.value, DocumentValue::Table(_)) {
            continue;
        }
        let path: Vec<&str> = [first, key.name.as_str()].into_iter().chain(rest.iter().copied()).collect();
        let entries = read_entries(document, &path)?;
        if !entries.is_empty() {
            let keys = path.into_iter().map(str::to_owned).collect();
            sections.push(ServerSection { keys, dir: Some(key.name.clone()), entries });
        }
    }
    Ok(sections)
}

/// Whether a section applies in the working directory.
pub fn is_here(section: &ServerSection, env: &Env) -> bool {
    section.dir.as_deref().is_none_or(|project| is_here_in(project, env))
}

/// Returns a command about a server as a person has to run it: in its project's directory, if it is for one.
pub(crate) fn in_project(command: String, project: Option<&str>, env: &Env) -> String {
    match project.filter(|project| !is_here_in(project, env)) {
        Some(project) => Shell::current().run_in(project, &command),
        None => command,
    }
}

fn is_here_in(project: &str, env: &Env) -> bool {
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
