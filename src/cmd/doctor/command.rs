//! Whether the server's command is found where the client has it looked for.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::super::{Env, as_word};
use super::front::folder_of;
use super::given::Given;
use super::{Chain, Id, Step};

/// What is found of a program.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    At(PathBuf),
    NotExecutable(PathBuf),
    Nowhere,
}

/// Looks for a program as the system does when something is started with this PATH in this folder.
pub(super) fn find(program: &str, path: &OsStr, folder: &Path) -> Found {
    if program.contains('/') || (cfg!(windows) && program.contains('\\')) {
        return file(&plain(&folder.join(program)));
    }
    let mut found = Found::Nowhere;
    for one in std::env::split_paths(path).filter(|one| !one.as_os_str().is_empty()) {
        match file(&plain(&folder.join(one).join(program))) {
            at @ Found::At(_) => return at,
            Found::Nowhere => {}
            first if found == Found::Nowhere => found = first,
            Found::NotExecutable(_) => {}
        }
    }
    found
}

/// A path without the parts that lead nowhere, as in `/a/./b`.
fn plain(path: &Path) -> PathBuf {
    path.components().collect()
}

fn file(path: &Path) -> Found {
    let endings: &[&str] = if cfg!(windows) { &["", ".exe", ".cmd", ".bat"] } else { &[""] };
    for ending in endings {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        let path = PathBuf::from(name);
        if let Ok(found) = fs::metadata(&path) {
            return if is_executable(&found) { Found::At(path) } else { Found::NotExecutable(path) };
        }
    }
    Found::Nowhere
}

#[cfg(unix)]
fn is_executable(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    found.is_file() && found.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(found: &fs::Metadata) -> bool {
    found.is_file()
}

/// The program that a script's first line looks for in the PATH: `#!/usr/bin/env node`.
fn interpreter(path: &Path) -> Option<String> {
    let mut line = String::new();
    BufReader::new(fs::File::open(path).ok()?.take(256)).read_line(&mut line).ok()?;
    let mut words = line.strip_prefix("#!")?.split_whitespace();
    let is_env = words.next()?.ends_with("/env");
    words.find(|word| !word.starts_with('-') && !word.contains('=')).filter(|_| is_env).map(str::to_owned)
}

pub(super) fn step(chain: &Chain<'_>, env: &Env) -> Step {
    let Some(program) = chain.own().first() else {
        return Step::failed(Id::Command, "there is no command", format!("name one in {}", chain.entry()));
    };
    let at = match locate(program, chain, env) {
        Ok(at) => at,
        Err(Missing { what, remedy }) => return Step::failed(Id::Command, what, remedy),
    };
    let is_asked =
        chain.given.asks_shell() && find(program, OsStr::new(Given::poor()), &chain.given.folder) == Found::Nowhere;
    let through =
        if is_asked { format!(", in the PATH that {} asks your shell for", chain.client) } else { String::new() };
    Step::ok(Id::Command, format!("{}{through}", at.display()))
}

/// What is not there that a program needs, and what to do.
pub(super) struct Missing {
    pub(super) what: String,
    pub(super) remedy: String,
}

/// Where a program of the chain is, if it can be started.
pub(super) fn locate(program: &str, chain: &Chain<'_>, env: &Env) -> Result<PathBuf, Missing> {
    let (path, folder) = (chain.given.path(), &chain.given.folder);
    let missing = |what: String, remedy: String| Err(Missing { what, remedy });
    match find(program, &path, folder) {
        Found::At(at) => runs(&at, chain, env).map_or(Ok(at), Err),
        Found::NotExecutable(at) if at.is_dir() => {
            let remedy = "name the program in it, or the program that runs what is in it";
            missing(format!("{} is a folder", at.display()), format!("in {}, {remedy}", chain.entry()))
        }
        Found::NotExecutable(at) => {
            let (at, word) = (at.display(), as_word(&at.to_string_lossy()));
            missing(format!("{at} may not be executed"), format!("chmod +x {word}"))
        }
        Found::Nowhere if program.contains(['/', '\\']) => {
            if Path::new(program).is_absolute() {
                return missing(
                    format!("there is no file {program}"),
                    format!("in {}, correct the path", chain.entry()),
                );
            }
            let remedy = "write the absolute path: clients start servers anywhere";
            let what = format!("there is no file {program} in {}", folder.display());
            missing(what, format!("in {}, {remedy}", chain.entry()))
        }
        Found::Nowhere => Err(nowhere(program, &path, chain, env)),
    }
}

/// What a script lacks that is there: the program that its first line looks for.
pub(super) fn runs(at: &Path, chain: &Chain<'_>, env: &Env) -> Option<Missing> {
    let path = chain.given.path();
    let needed = interpreter(at).filter(|needed| find(needed, &path, &chain.given.folder) == Found::Nowhere)?;
    let what = format!(
        "{} is there, and the program that runs it is not: {needed}, which its first line looks for in {}",
        at.display(),
        shown(&path)
    );
    let remedy = match find(&needed, env.var("PATH").unwrap_or_default(), env.folder()) {
        Found::At(needed) => with_path(&[&needed], &path, chain),
        _ => format!("install {needed}"),
    };
    Some(Missing { what, remedy })
}

/// A command that is in no folder of the PATH.
fn nowhere(program: &str, path: &OsStr, chain: &Chain<'_>, env: &Env) -> Missing {
    let what = format!("there is no {program} in the PATH that {} gives: {}", chain.client, shown(path));
    let here = env.var("PATH").unwrap_or_default();
    let remedy = match find(program, here, env.folder()) {
        Found::At(found) if chain.file.is_some() => {
            let needed = interpreter(&found).map(|needed| find(&needed, here, env.folder()));
            match needed {
                // Its absolute path alone would not do: what runs it is looked for in the PATH as well.
                Some(Found::At(needed)) if find_name(&needed, path, chain) == Found::Nowhere => {
                    with_path(&[&found, &needed], path, chain)
                }
                _ => format!(
                    "in {}, write {} instead of {program} (`which {program}` in a terminal prints it)",
                    chain.entry(),
                    found.display()
                ),
            }
        }
        _ if chain.file.is_none() => format!("install {program}, or write its absolute path"),
        _ => format!(
            "install {program}; if a terminal has it (`which {program}`), write the absolute path that this prints in {}",
            chain.entry()
        ),
    };
    Missing { what, remedy }
}

fn find_name(program: &Path, path: &OsStr, chain: &Chain<'_>) -> Found {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    find(&name, path, &chain.given.folder)
}

/// The remedy that the entry gives the server a PATH with the folders of these programs.
fn with_path(programs: &[&Path], path: &OsStr, chain: &Chain<'_>) -> String {
    let mut folders: Vec<PathBuf> = Vec::new();
    for folder in programs.iter().filter_map(|program| folder_of(program)).map(PathBuf::from) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders.extend(std::env::split_paths(path));
    let joined: OsString = std::env::join_paths(folders).unwrap_or_default();
    let name = programs.first().and_then(|program| program.file_stem()).unwrap_or_default().to_string_lossy();
    let joined = joined.to_string_lossy();
    match chain.file {
        Some(_) => format!(
            "add to `env` of {}: \"PATH\": \"{joined}\" (where {name} is, as `which {name}` in a terminal prints it)",
            chain.entry()
        ),
        None => format!("set PATH to {joined}"),
    }
}

fn shown(path: &OsStr) -> String {
    if path.is_empty() { "which is not set".to_owned() } else { path.to_string_lossy().into_owned() }
}
