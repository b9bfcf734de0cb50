//! Where the clients' files are on a system, given the environment.

use std::fs;
use std::path::{Path, PathBuf};

use super::bundle::{self, Bundle};
use super::table::{Access, ConfigScope, Layout, ROWS, Row};
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
    /// The extension or the plugin that the file belongs to.
    pub bundle: Option<Bundle>,
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
    Directory,
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
            let named = row.sign.filter(|_| moved_file(row, env).is_none());
            let named = named.and_then(|sign| resolve_paths(sign, os, env).into_iter().next());
            let sign = named.unwrap_or_else(|| file.parent().unwrap_or(&file).to_owned());
            let place = |file: PathBuf, bundle| {
                let presence = check_presence(row, &file, &sign);
                ClientFile { row, file, sign: sign.clone(), package: package.clone(), bundle, presence }
            };
            match row.layout {
                Layout::Plugin => match bundle::find_plugins(&file, env) {
                    Some(found) => places.extend(found.into_iter().map(|(file, bundle)| place(file, Some(bundle)))),
                    // It says itself why it cannot be read.
                    None => places.push(place(file, None)),
                },
                Layout::Extension => {
                    let bundle = bundle::find_extension(&file);
                    places.push(place(file, bundle));
                }
                Layout::Named | Layout::OpenCode => places.push(place(file, None)),
            }
        }
    }
    places
}

fn check_presence(row: &Row, file: &Path, sign: &Path) -> Presence {
    // A dangling link is a file that somebody wanted.
    if fs::symlink_metadata(file).is_ok() {
        Presence::File
    } else if row.scope == ConfigScope::User && row.access == Access::Add && sign.is_dir() {
        Presence::Directory
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
        return resolve_paths(written, os, env).into_iter().map(|file| (file, None)).collect();
    };
    let Some(base) = resolve_paths(base, os, env).into_iter().next() else { return Vec::new() };
    let found = find_packages(&base, package);
    let names = if found.is_empty() { vec![package.to_owned()] } else { found };
    let files = |name: String| {
        join_parts(base.join(&name), rest).into_iter().map(move |file| (file, Some(name.clone()))).collect::<Vec<_>>()
    };
    names.into_iter().flat_map(files).collect()
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

/// Returns the paths that a path of the table stands for; none if the environment does not locate it.
fn resolve_paths(written: &str, os: Os, env: &Env) -> Vec<PathBuf> {
    let Some((base, rest)) = written.split_once('/') else { return Vec::new() };
    resolve_base(base, os, env).map(|base| join_parts(base, rest)).unwrap_or_default()
}

fn resolve_base(base: &str, os: Os, env: &Env) -> Option<PathBuf> {
    let home = || env.home().map(Path::to_owned);
    let variable = |name| {
        let path = env.var(name).map(PathBuf::from)?;
        // A path that is absolute on another system does not look so here.
        (path.is_absolute() || (os != Os::current() && !path.as_os_str().is_empty())).then_some(path)
    };
    match base {
        "~" => home(),
        "." => Some(env.working_dir().to_owned()),
        "$XDG_CONFIG_HOME" => variable("XDG_CONFIG_HOME").or_else(|| Some(home()?.join(".config"))),
        // The root of a Unix system.
        "" => Some(PathBuf::from("/")),
        "%ProgramFiles%" => variable("ProgramFiles").or_else(|| Some(PathBuf::from(r"C:\Program Files"))),
        "%APPDATA%" => variable("APPDATA").or_else(|| Some(home()?.join("AppData").join("Roaming"))),
        "%LOCALAPPDATA%" => variable("LOCALAPPDATA").or_else(|| Some(home()?.join("AppData").join("Local"))),
        "%ProgramData%" => variable("ProgramData").or_else(|| Some(PathBuf::from(r"C:\ProgramData"))),
        "$OPENCODE_CONFIG_DIR" => variable("OPENCODE_CONFIG_DIR"),
        _ => None,
    }
}

/// Adds the parts of a path of the table. A `*` that stands for nothing stays, so that it can be said what was looked for.
fn join_parts(base: PathBuf, rest: &str) -> Vec<PathBuf> {
    rest.split('/').fold(vec![base], |paths, part| match part.strip_prefix('*') {
        None => paths.into_iter().map(|path| path.join(part)).collect(),
        Some(ending) => paths
            .into_iter()
            .flat_map(|path| {
                let found = list_entries(&path, ending);
                if found.is_empty() { vec![path.join(part)] } else { found }
            })
            .collect(),
    })
}

/// Returns the files with this ending, or the directories if there is none, in the order of their names.
fn list_entries(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let is_one = |path: &PathBuf| match ending {
        "" => path.is_dir(),
        _ => {
            !path.is_dir() && path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(ending))
        }
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(is_one).collect();
    found.sort();
    found
}
