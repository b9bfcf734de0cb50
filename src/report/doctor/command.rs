//! Whether the server's command is found where the client looks for it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::client_env::DESKTOP_PATH;
use super::{Finding, LaunchChain, Problem};
use crate::limits::MAX_MESSAGE;
use crate::lookup::{self, SearchEnv, SearchResult};
use crate::proxy::{BadTarget, HttpTarget, NamedIn};
use crate::shell::as_word;

/// The command that prints the path of a program in a terminal.
const LOCATE: &str = if cfg!(windows) { "where" } else { "which" };

impl LaunchChain<'_> {
    /// Returns a search that finds programs as the client does.
    pub(super) fn search_env(&self) -> SearchEnv {
        self.env.spawn_env().search_env()
    }

    fn search_here(&self) -> SearchEnv {
        SearchEnv::new(self.here.vars(), self.here.working_dir())
    }
}

pub(super) fn check_command(chain: &LaunchChain<'_>) -> Finding {
    let own = chain.own_words();
    let Some(program) = own.first() else {
        return Err(Problem::failed("there is no command", format!("name one in {}", chain.entry_place())));
    };
    if let Some(target) = HttpTarget::from_words(&own, &chain.env.as_filled_env(), MAX_MESSAGE) {
        let place = if chain.file.is_some() { NamedIn::EntryElsewhere } else { NamedIn::Terminal };
        let wrong = |error: BadTarget| {
            let fix = error.fix(place).map(str::to_owned);
            Problem::failed(error.to_string(), fix.unwrap_or_else(|| format!("correct it in {}", chain.entry_place())))
        };
        return target.map(|target| format!("{target}, over HTTP")).map_err(wrong);
    }
    let path = locate_program(program, chain)?;
    let without_shell = || chain.search_env().with_path(DESKTOP_PATH).find_program(OsStr::new(program));
    let through = match chain.env.asks_shell() && without_shell() == SearchResult::Nowhere {
        true => format!(", in the PATH that {} asks your shell for", chain.client),
        false => String::new(),
    };
    Ok(format!("{}{through}", path.display()))
}

/// Finds a program of the chain, and checks that it can be started.
pub(super) fn locate_program(program: &str, chain: &LaunchChain<'_>) -> Result<PathBuf, Problem> {
    let (search, entry) = (chain.search_env(), chain.entry_place());
    Err(match search.find_program(OsStr::new(program)) {
        SearchResult::At(path) => return check_interpreter(&path, chain).map(|()| path),
        SearchResult::NotExecutable(path) if path.is_dir() => Problem::failed(
            format!("{} is a directory", path.display()),
            format!("in {entry}, name the program in it, or the program that runs what is in it"),
        ),
        SearchResult::NotExecutable(path) => describe_not_executable(&path, &entry),
        SearchResult::Nowhere if Path::new(program).is_absolute() => {
            Problem::failed(format!("there is no file {program}"), format!("in {entry}, correct the path"))
        }
        SearchResult::Nowhere if program.contains(['/', '\\']) => Problem::failed(
            format!("there is no file {program} in {}", search.working_dir().display()),
            format!("in {entry}, write the absolute path: a client may start servers in any directory"),
        ),
        SearchResult::Nowhere => describe_not_in_path(program, search.search_path(), chain),
    })
}

pub(super) fn describe_not_executable(path: &Path, entry: &str) -> Problem {
    let shown = path.display();
    if cfg!(windows) {
        let runner = lookup::usual_interpreter(path).unwrap_or("node");
        return Problem::failed(
            format!("{shown} is not a program that Windows can start"),
            format!("in {entry}, name the program that runs it, as in `{runner} {shown}`"),
        );
    }
    Problem::failed(format!("{shown} is not executable"), format!("chmod +x {}", as_word(&path.to_string_lossy())))
}

/// Returns the program that a script's first line looks up in the PATH: `#!/usr/bin/env node`.
fn read_interpreter(path: &Path) -> Option<String> {
    let mut line = String::new();
    BufReader::new(fs::File::open(path).ok()?.take(256)).read_line(&mut line).ok()?;
    let mut words = line.strip_prefix("#!")?.split_whitespace();
    let is_env = words.next()?.ends_with("/env");
    words.find(|word| !word.starts_with('-') && !word.contains('=')).filter(|_| is_env).map(str::to_owned)
}

pub(super) fn check_interpreter(path: &Path, chain: &LaunchChain<'_>) -> Result<(), Problem> {
    let search = chain.search_env();
    let is_missing = |needed: &String| search.find_program(OsStr::new(needed)) == SearchResult::Nowhere;
    let Some(needed) = read_interpreter(path).filter(is_missing) else { return Ok(()) };
    let what = format!(
        "{} exists, but the program that runs it does not: its first line looks for {needed} in {}",
        path.display(),
        display_path(search.search_path())
    );
    let remedy = match chain.search_here().find_program(OsStr::new(&needed)) {
        SearchResult::At(needed) => extend_path(&[&needed], search.search_path(), chain),
        _ => format!("install {needed}"),
    };
    Err(Problem::failed(what, remedy))
}

fn describe_not_in_path(program: &str, path: &OsStr, chain: &LaunchChain<'_>) -> Problem {
    let (entry, here) = (chain.entry_place(), chain.search_here());
    let is_missing = |program: &Path| {
        chain.search_env().find_program(program.file_name().unwrap_or_default()) == SearchResult::Nowhere
    };
    let remedy = match here.find_program(OsStr::new(program)) {
        SearchResult::At(found) if chain.file.is_some() => {
            match read_interpreter(&found).map(|needed| here.find_program(OsStr::new(&needed))) {
                // The absolute path alone is not enough: the interpreter is looked up in the PATH as well.
                Some(SearchResult::At(needed)) if is_missing(&needed) => extend_path(&[&found, &needed], path, chain),
                _ => format!(
                    "in {entry}, write {} instead of {program} (`{LOCATE} {program}` in a terminal prints it)",
                    found.display()
                ),
            }
        }
        _ if chain.file.is_none() => format!("install {program}, or write its absolute path"),
        _ => format!(
            "install {program}; if a terminal has it (`{LOCATE} {program}`), write the absolute path that this prints in {entry}"
        ),
    };
    let path = display_path(path);
    Problem::failed(format!("there is no {program} in the PATH that {} gives: {path}", chain.client), remedy)
}

/// Explains how to give the server a PATH with the directories of these programs.
fn extend_path(programs: &[&Path], path: &OsStr, chain: &LaunchChain<'_>) -> String {
    let mut dirs: Vec<PathBuf> = programs.iter().filter_map(|program| program.parent()).map(Path::to_owned).collect();
    dirs.dedup();
    dirs.extend(std::env::split_paths(path));
    let joined: OsString = std::env::join_paths(dirs).unwrap_or_default();
    let joined = joined.to_string_lossy();
    let name = programs.first().and_then(|program| program.file_stem()).unwrap_or_default().to_string_lossy();
    match chain.file {
        Some(_) => format!(
            "add to `env` of {}: \"PATH\": \"{joined}\" (where {name} is, as `{LOCATE} {name}` in a terminal prints it)",
            chain.entry_place()
        ),
        None => format!("set PATH to {joined}"),
    }
}

fn display_path(path: &OsStr) -> String {
    if path.is_empty() { "which is not set".to_owned() } else { path.to_string_lossy().into_owned() }
}
