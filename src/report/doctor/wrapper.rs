//! Whether the policy stands in front of a server, and whether the wrapper program can be started.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::command::{check_interpreter, describe_not_executable, locate_program};
use super::{Finding, LaunchChain, Problem};
use crate::clients::entry::Wrapped;
use crate::limits::VERSION_PATIENCE;
use crate::lookup::SearchResult;
use crate::probe::{self, AppPages, ProbeError, ProbeTarget};
use crate::record::Enforcement;
use crate::state::file::real_path;
use crate::visible::escape_invisible;

pub(super) fn check_wrapped(chain: &LaunchChain<'_>) -> Finding {
    match &chain.wrapped {
        Some(Wrapped { enforcement: Enforcement::Observed, .. }) => Err(Problem::warning(
            format!("{} starts `policylayer wrap --observe`: nothing is enforced", chain.client),
            format!("to enforce the policy: {} --enforce", chain.register_command()),
        )),
        Some(_) => Ok(format!("{} starts `policylayer wrap`", chain.client)),
        None => Err(Problem::failed(
            format!(
                "{} {} the server itself, so no policy is in front of it",
                chain.client,
                if chain.is_remote() { "reaches" } else { "starts" }
            ),
            chain.register_command(),
        )),
    }
}

/// Finds the program that the client starts in front of the server, which is not started.
pub(super) fn find_program(chain: &LaunchChain<'_>) -> Result<PathBuf, Problem> {
    if let Some(fault) = chain.wrapped.as_ref().and_then(|wrapped| wrapped.fault.as_ref()) {
        return Err(Problem::failed(
            format!("{} starts `policylayer wrap` {fault}, which ends at once", chain.client),
            format!("correct the words behind `wrap` in {}", chain.entry_place()),
        ));
    }
    let program = chain.words.first().map(String::as_str).unwrap_or_default();
    if chain.starts_through_another() {
        return locate_program(program, chain);
    }
    let path = match chain.search_env().find_program(OsStr::new(program)) {
        SearchResult::At(path) => path,
        SearchResult::NotExecutable(path) => return Err(describe_not_executable(&path, &chain.entry_place())),
        SearchResult::Nowhere => {
            let what = match Path::new(program).is_absolute() {
                true => format!("{program} does not exist"),
                false => format!("there is no {program} in the PATH that {} gives", chain.client),
            };
            return Err(Problem::failed(what, chain.register_command()));
        }
    };
    check_interpreter(&path, chain).map(|()| path)
}

pub(super) fn check_program(chain: &LaunchChain<'_>) -> Result<Finding, ProbeError> {
    let path = match find_program(chain) {
        Ok(path) => path,
        Err(problem) => return Ok(Err(problem)),
    };
    if chain.starts_through_another() {
        return Ok(Ok(format!("started through {}", path.display())));
    }
    let (own, shown) = (env!("CARGO_PKG_VERSION"), path.display());
    let is_this =
        |program: &Path| real_path(program).is_ok_and(|program| real_path(&path).is_ok_and(|path| path == program));
    if chain.here.program_path().is_some_and(is_this) {
        return Ok(Ok(format!("{own}, {shown}")));
    }
    let remedy = format!("to use this one: {}", chain.register_command());
    Ok(match version_of(&path, chain)? {
        Some(version) if version == own => Ok(format!("{own}, {shown}")),
        Some(version) => Err(Problem::warning(format!("{version}, {shown}, and this is {own}"), remedy)),
        None => Err(Problem::failed(format!("{shown} does not print a version of policylayer"), remedy)),
    })
}

/// Asks a program for its version; `None` if it is not policylayer.
fn version_of(path: &Path, chain: &LaunchChain<'_>) -> Result<Option<String>, ProbeError> {
    let said = probe::capture_stdout(&ProbeTarget {
        command: &[path.into(), "--version".into()],
        shown: escape_invisible(&path.display().to_string()),
        spawn_env: Some(&chain.env.spawn_env()),
        patience: VERSION_PATIENCE,
        apps: AppPages::Skip,
    })?;
    let version = said.trim().strip_prefix("policylayer ");
    Ok(version.filter(|version| !version.contains(char::is_whitespace)).map(str::to_owned))
}
