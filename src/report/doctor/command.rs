//! Whether the server's command is found where the client looks for it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::client_env::DESKTOP_PATH;
use super::{LaunchChain, StepId, StepReport};
use crate::env::Env;
use crate::lookup::{self, SearchEnv, SearchResult};
use crate::shell::as_word;

/// The command that prints the path of a program in a terminal.
const LOCATE: &str = if cfg!(windows) { "where" } else { "which" };

/// A missing dependency of a program, and what to do about it.
pub(super) struct Missing {
    what: String,
    remedy: String,
}

impl Missing {
    fn new(what: String, remedy: String) -> Self {
        Self { what, remedy }
    }

    pub(super) fn into_step(self, id: StepId) -> StepReport {
        StepReport::new_failed(id, self.what, self.remedy)
    }
}

impl LaunchChain<'_> {
    /// Returns a search that finds programs as the client does.
    pub(super) fn search_env(&self) -> SearchEnv {
        self.env.spawn_env().search_env()
    }
}

pub(super) fn check_command(chain: &LaunchChain<'_>, here: &Env) -> StepReport {
    let Some(program) = chain.own_words().first() else {
        let remedy = format!("name one in {}", chain.entry_place());
        return StepReport::new_failed(StepId::Command, "there is no command", remedy);
    };
    let path = match locate_program(program, chain, here) {
        Ok(path) => path,
        Err(missing) => return missing.into_step(StepId::Command),
    };
    let without_shell = || chain.search_env().with_path(DESKTOP_PATH).find_program(OsStr::new(program));
    let through = match chain.env.asks_shell() && without_shell() == SearchResult::Nowhere {
        true => format!(", in the PATH that {} asks your shell for", chain.client),
        false => String::new(),
    };
    StepReport::new_ok(StepId::Command, format!("{}{through}", path.display()))
}

/// Finds a program of the chain, and checks that it can be started.
pub(super) fn locate_program(program: &str, chain: &LaunchChain<'_>, here: &Env) -> Result<PathBuf, Missing> {
    let (search, entry) = (chain.search_env(), chain.entry_place());
    Err(match search.find_program(OsStr::new(program)) {
        SearchResult::At(path) => return check_interpreter(&path, chain, here).map_or(Ok(path), Err),
        SearchResult::NotExecutable(path) if path.is_dir() => Missing::new(
            format!("{} is a directory", path.display()),
            format!("in {entry}, name the program in it, or the program that runs what is in it"),
        ),
        SearchResult::NotExecutable(path) => describe_not_executable(&path, &entry),
        SearchResult::Nowhere if Path::new(program).is_absolute() => {
            Missing::new(format!("there is no file {program}"), format!("in {entry}, correct the path"))
        }
        SearchResult::Nowhere if program.contains(['/', '\\']) => Missing::new(
            format!("there is no file {program} in {}", search.working_dir().display()),
            format!("in {entry}, write the absolute path: clients start servers anywhere"),
        ),
        SearchResult::Nowhere => describe_not_in_path(program, search.search_path(), chain, here),
    })
}

pub(super) fn describe_not_executable(path: &Path, entry: &str) -> Missing {
    let shown = path.display();
    if cfg!(windows) {
        let runner = lookup::usual_interpreter(path).unwrap_or("node");
        return Missing::new(
            format!("{shown} is not a program, and Windows starts nothing else"),
            format!("in {entry}, name the program that runs it, as in `{runner} {shown}`"),
        );
    }
    Missing::new(format!("{shown} may not be executed"), format!("chmod +x {}", as_word(&path.to_string_lossy())))
}

/// Returns the program that a script's first line looks up in the PATH: `#!/usr/bin/env node`.
fn read_interpreter(path: &Path) -> Option<String> {
    let mut line = String::new();
    BufReader::new(fs::File::open(path).ok()?.take(256)).read_line(&mut line).ok()?;
    let mut words = line.strip_prefix("#!")?.split_whitespace();
    let is_env = words.next()?.ends_with("/env");
    words.find(|word| !word.starts_with('-') && !word.contains('=')).filter(|_| is_env).map(str::to_owned)
}

pub(super) fn check_interpreter(path: &Path, chain: &LaunchChain<'_>, here: &Env) -> Option<Missing> {
    let search = chain.search_env();
    let needed =
        read_interpreter(path).filter(|needed| search.find_program(OsStr::new(needed)) == SearchResult::Nowhere)?;
    let what = format!(
        "{} is there, and the program that runs it is not: {needed}, which its first line looks for in {}",
        path.display(),
        display_path(search.search_path())
    );
    let remedy = match search_here(here).find_program(OsStr::new(&needed)) {
        SearchResult::At(needed) => extend_path(&[&needed], search.search_path(), chain),
        _ => format!("install {needed}"),
    };
    Some(Missing::new(what, remedy))
}

fn describe_not_in_path(program: &str, path: &OsStr, chain: &LaunchChain<'_>, here: &Env) -> Missing {
    let (entry, here) = (chain.entry_place(), search_here(here));
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
    Missing::new(format!("there is no {program} in the PATH that {} gives: {path}", chain.client), remedy)
}

/// Returns a search that finds programs as this terminal does.
fn search_here(here: &Env) -> SearchEnv {
    SearchEnv::new(here.vars(), here.working_dir())
}

/// Explains how to give the server a PATH with the directories of these programs.
fn extend_path(programs: &[&Path], path: &OsStr, chain: &LaunchChain<'_>) -> String {
    let mut dirs: Vec<PathBuf> = Vec::new();
    for dir in programs.iter().filter_map(|program| program.parent()) {
        if !dirs.iter().any(|other| other == dir) {
            dirs.push(dir.to_owned());
        }
    }
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
