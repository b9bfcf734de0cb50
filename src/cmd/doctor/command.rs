//! Whether the server's command is found where the client has it looked for.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::super::{Env, as_word};
use super::front::folder_of;
use super::given::Given;
use super::{Chain, Id, Step};
use crate::lookup::{self, Found, SearchEnv};

/// What prints the path of a program in a terminal.
pub(super) const LOCATE: &str = if cfg!(windows) { "where" } else { "which" };

/// Looks for programs as the client's server does.
pub(super) fn search(chain: &Chain<'_>) -> SearchEnv {
    chain.given.surroundings().search()
}

/// Looks for programs as this terminal does.
fn search_here(env: &Env) -> SearchEnv {
    SearchEnv::new(env.vars(), env.folder())
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
    let poor = || search(chain).with_path(Given::poor()).find(OsStr::new(program));
    let is_asked = chain.given.asks_shell() && poor() == Found::Nowhere;
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
    let search = search(chain);
    let missing = |what: String, remedy: String| Err(Missing { what, remedy });
    match search.find(OsStr::new(program)) {
        Found::At(at) => runs(&at, chain, env).map_or(Ok(at), Err),
        Found::NotExecutable(at) if at.is_dir() => {
            let remedy = "name the program in it, or the program that runs what is in it";
            missing(format!("{} is a folder", at.display()), format!("in {}, {remedy}", chain.entry()))
        }
        Found::NotExecutable(at) => Err(not_executable(&at, &chain.entry())),
        Found::Nowhere if program.contains(['/', '\\']) => {
            if Path::new(program).is_absolute() {
                return missing(
                    format!("there is no file {program}"),
                    format!("in {}, correct the path", chain.entry()),
                );
            }
            let remedy = "write the absolute path: clients start servers anywhere";
            let what = format!("there is no file {program} in {}", search.dir().display());
            missing(what, format!("in {}, {remedy}", chain.entry()))
        }
        Found::Nowhere => Err(nowhere(program, search.path(), chain, env)),
    }
}

/// A file that is there and that the system does not start.
pub(super) fn not_executable(at: &Path, entry: &str) -> Missing {
    if cfg!(windows) {
        let runner = lookup::interpreter(at).unwrap_or("node");
        return Missing {
            what: format!("{} is not a program, and Windows starts nothing else", at.display()),
            remedy: format!("in {entry}, name the program that runs it, as in `{runner} {}`", at.display()),
        };
    }
    Missing {
        what: format!("{} may not be executed", at.display()),
        remedy: format!("chmod +x {}", as_word(&at.to_string_lossy())),
    }
}

/// What a script lacks that is there: the program that its first line looks for.
pub(super) fn runs(at: &Path, chain: &Chain<'_>, env: &Env) -> Option<Missing> {
    let search = search(chain);
    let needed = interpreter(at).filter(|needed| search.find(OsStr::new(needed)) == Found::Nowhere)?;
    let what = format!(
        "{} is there, and the program that runs it is not: {needed}, which its first line looks for in {}",
        at.display(),
        shown(search.path())
    );
    let remedy = match search_here(env).find(OsStr::new(&needed)) {
        Found::At(needed) => with_path(&[&needed], search.path(), chain),
        _ => format!("install {needed}"),
    };
    Some(Missing { what, remedy })
}

/// A command that is in no folder of the PATH.
fn nowhere(program: &str, path: &OsStr, chain: &Chain<'_>, env: &Env) -> Missing {
    let what = format!("there is no {program} in the PATH that {} gives: {}", chain.client, shown(path));
    let here = search_here(env);
    let remedy = match here.find(OsStr::new(program)) {
        Found::At(found) if chain.file.is_some() => {
            let needed = interpreter(&found).map(|needed| here.find(OsStr::new(&needed)));
            match needed {
                // Its absolute path alone would not do: what runs it is looked for in the PATH as well.
                Some(Found::At(needed)) if find_name(&needed, chain) == Found::Nowhere => {
                    with_path(&[&found, &needed], path, chain)
                }
                _ => format!(
                    "in {}, write {} instead of {program} (`{LOCATE} {program}` in a terminal prints it)",
                    chain.entry(),
                    found.display()
                ),
            }
        }
        _ if chain.file.is_none() => format!("install {program}, or write its absolute path"),
        _ => format!(
            "install {program}; if a terminal has it (`{LOCATE} {program}`), write the absolute path that this prints in {}",
            chain.entry()
        ),
    };
    Missing { what, remedy }
}

fn find_name(program: &Path, chain: &Chain<'_>) -> Found {
    search(chain).find(program.file_name().unwrap_or_default())
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
            "add to `env` of {}: \"PATH\": \"{joined}\" (where {name} is, as `{LOCATE} {name}` in a terminal prints it)",
            chain.entry()
        ),
        None => format!("set PATH to {joined}"),
    }
}

fn shown(path: &OsStr) -> String {
    if path.is_empty() { "which is not set".to_owned() } else { path.to_string_lossy().into_owned() }
}
