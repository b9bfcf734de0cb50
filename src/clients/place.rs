//! Where the clients' files are on a system, given the environment.

use std::fs;
use std::path::{Path, PathBuf};

use super::table::{Access, ConfigScope, ROWS, Row};
use crate::env::Env;
use crate::visible::visible_path;

/// An operating system. Each has its own places for clients' files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Os {
    /// Linux and other Unix systems.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

impl Os {
    /// Returns the system that this program was built for.
    pub const fn current() -> Self {
        if cfg!(windows) {
            Self::Windows
        } else if cfg!(target_os = "macos") {
            Self::MacOs
        } else {
            Self::Linux
        }
    }
}

/// A client's file, whether it exists or not.
#[derive(Clone, Debug)]
pub struct ClientFile {
    /// Its row in the table.
    pub row: &'static Row,
    /// The path of the file.
    pub file: PathBuf,
    /// The directory that exists if the client is installed.
    pub sign: PathBuf,
    /// The Windows package whose file this is, by its directory's name; `None` if the client was installed otherwise.
    pub package: Option<String>,
    /// What exists of it.
    pub presence: Presence,
}

impl ClientFile {
    /// Returns the path, escaped for a terminal.
    pub fn display_name(&self) -> String {
        visible_path(&self.file)
    }
}

/// What exists of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Its file exists.
    File,
    /// Its directory exists, but no file yet.
    Folder,
    /// Nothing exists.
    Nothing,
}

/// Returns every file of every client, in the order of the table, except those that the environment does not locate.
pub fn find_files(os: Os, env: &Env) -> Vec<ClientFile> {
    let mut places: Vec<ClientFile> = Vec::new();
    for row in ROWS {
        for (file, package) in files_of(row, os, env) {
            // In the home directory, a project's file is the user's own.
            let is_same = |other: &ClientFile| other.row.id == row.id && other.file == file;
            if row.scope == ConfigScope::Project && places.iter().any(is_same) {
                continue;
            }
            // If the file was moved by a variable, its directory is the client's own.
            let named =
                row.sign.filter(|_| moved_file(row, env).is_none()).and_then(|sign| resolve_path(sign, os, env));
            let sign = named.unwrap_or_else(|| file.parent().unwrap_or(&file).to_owned());
            let presence = check_presence(row, &file, &sign);
            places.push(ClientFile { row, file, sign, package, presence });
        }
    }
    places
}

fn check_presence(row: &Row, file: &Path, sign: &Path) -> Presence {
    // A dangling link is a file that somebody wanted.
    if fs::symlink_metadata(file).is_ok() {
        Presence::File
    } else if row.scope == ConfigScope::User && row.access == Access::Add && sign.is_dir() {
        Presence::Folder
    } else {
        Presence::Nothing
    }
}

/// Returns the files of a row, each with its package: one, or one for each package of that name.
fn files_of(row: &Row, os: Os, env: &Env) -> Vec<(PathBuf, Option<String>)> {
    let [linux, macos, windows] = row.files;
    let written = match os {
        Os::Linux => linux,
        Os::MacOs => macos,
        Os::Windows => windows,
    };
    if let Some(file) = moved_file(row, env) {
        return vec![(file, None)];
    }
    let Some((base, package, rest)) = in_package(written) else {
        return resolve_path(written, os, env).map(|file| (file, None)).into_iter().collect();
    };
    let Some(base) = resolve_path(base, os, env) else { return Vec::new() };
    let found = find_packages(&base, package);
    let names = if found.is_empty() { vec![package.to_owned()] } else { found };
    let file = |name: String| (rest.split('/').fold(base.join(&name), |path, part| path.join(part)), Some(name));
    names.into_iter().map(file).collect()
}

/// Splits a path of the table that is in a Windows package: the directory of all packages, the package, the rest.
fn in_package(written: &str) -> Option<(&str, &str, &str)> {
    let (base, rest) = written.split_at_checked(written.find("/Packages/")? + "/Packages".len())?;
    let (package, rest) = rest.strip_prefix('/')?.split_once('/')?;
    Some((base, package, rest))
}

/// Returns the installed packages with the name of this one, itself first. The part after the `_` is the publisher,
/// which differs between a package of the Microsoft Store and one that an organisation has signed.
fn find_packages(base: &Path, package: &str) -> Vec<String> {
    let name = package.split_once('_').map_or(package, |(name, _)| name);
    let is_one = |found: &str| {
        found
            .split_once('_')
            .is_some_and(|(found, publisher)| found.eq_ignore_ascii_case(name) && !publisher.is_empty())
    };
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    let names = entries.filter(|entry| entry.path().is_dir()).filter_map(|entry| entry.file_name().into_string().ok());
    let mut found: Vec<String> = names.filter(|found| is_one(found)).collect();
    found.sort_by_key(|found| (found != package, found.clone()));
    found
}

fn moved_file(row: &Row, env: &Env) -> Option<PathBuf> {
    let (variable, file) = row.moved_by?;
    let directory = env.var(variable).filter(|directory| !directory.is_empty())?;
    Some(env.working_dir().join(directory).join(file))
}

fn resolve_path(written: &str, os: Os, env: &Env) -> Option<PathBuf> {
    let (base, rest) = written.split_once('/')?;
    let home = || env.home().map(Path::to_owned);
    let variable = |name| {
        let path = env.var(name).map(PathBuf::from)?;
        // A path that is absolute on another system does not look so here.
        (path.is_absolute() || (os != Os::current() && !path.as_os_str().is_empty())).then_some(path)
    };
    let base = match base {
        "~" => home(),
        "." => Some(env.working_dir().to_owned()),
        "$XDG_CONFIG_HOME" => variable("XDG_CONFIG_HOME").or_else(|| Some(home()?.join(".config"))),
        // The root of a Unix system.
        "" => Some(PathBuf::from("/")),
        "%ProgramFiles%" => variable("ProgramFiles").or_else(|| Some(PathBuf::from(r"C:\Program Files"))),
        "%APPDATA%" => variable("APPDATA").or_else(|| Some(home()?.join("AppData").join("Roaming"))),
        "%LOCALAPPDATA%" => variable("LOCALAPPDATA").or_else(|| Some(home()?.join("AppData").join("Local"))),
        _ => None,
    }?;
    Some(rest.split('/').fold(base, |path, part| path.join(part)))
}
