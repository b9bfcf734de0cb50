//! Whether the policy stands in front of a server, and whether the wrapper program can be started.

use std::ffi::OsStr;
use std::path::Path;

use super::command::{check_interpreter, describe_not_executable, locate_program};
use super::{LaunchChain, StepId, StepReport};
use crate::env::Env;
use crate::limits::VERSION_PATIENCE;
use crate::lookup::SearchResult;
use crate::probe::{self, ProbeError, ProbeTarget};
use crate::state::file::real_path;
use crate::visible::escape_invisible;

pub(super) fn check_wrapped(chain: &LaunchChain<'_>) -> StepReport {
    match &chain.wrapped {
        Some(_) => StepReport::new_ok(StepId::Wrapped, format!("{} starts `policylayer wrap`", chain.client)),
        None => StepReport::new_failed(
            StepId::Wrapped,
            format!("{} starts the server itself, so no policy stands before it", chain.client),
            chain.register_command(),
        ),
    }
}

/// Checks the program that stands in front of the server.
///
/// # Errors
/// If a person interrupts it, or the system cannot watch a process.
pub(super) fn check_program(chain: &LaunchChain<'_>, here: &Env) -> Result<StepReport, ProbeError> {
    let ok = |detail| Ok(StepReport::new_ok(StepId::Wrapper, detail));
    let program = chain.words.first().map(String::as_str).unwrap_or_default();
    // With npx, the arguments determine the version of policylayer.
    if chain.wrapped.as_ref().is_some_and(|wrapped| wrapped.program > 0) {
        return match locate_program(program, chain, here) {
            Ok(path) => ok(format!("started through {}", path.display())),
            Err(missing) => Ok(missing.into_step(StepId::Wrapper)),
        };
    }
    let path = match chain.search_env().find_program(OsStr::new(program)) {
        SearchResult::At(path) => path,
        SearchResult::NotExecutable(path) => {
            return Ok(describe_not_executable(&path, &chain.entry_place()).into_step(StepId::Wrapper));
        }
        SearchResult::Nowhere => {
            let what = match Path::new(program).is_absolute() {
                true => format!("{program} is not there"),
                false => format!("there is no {program} in the PATH that {} gives", chain.client),
            };
            return Ok(StepReport::new_failed(StepId::Wrapper, what, chain.register_command()));
        }
    };
    if let Some(missing) = check_interpreter(&path, chain, here) {
        return Ok(missing.into_step(StepId::Wrapper));
    }
    let (own, shown) = (env!("CARGO_PKG_VERSION"), path.display());
    let is_this =
        |program: &Path| real_path(program).is_ok_and(|program| real_path(&path).is_ok_and(|path| path == program));
    if here.program_path().is_some_and(is_this) {
        return ok(format!("{own}, {shown}"));
    }
    let remedy = || format!("to use this one: {}", chain.register_command());
    Ok(match version_of(&path, chain)? {
        Some(version) if version == own => return ok(format!("{own}, {shown}")),
        Some(version) => {
            StepReport::new_warning(StepId::Wrapper, format!("{version}, {shown}, and this is {own}"), remedy())
        }
        None => {
            let what = format!("{shown} does not tell its version as policylayer does");
            StepReport::new_failed(StepId::Wrapper, what, remedy())
        }
    })
}

/// Asks a program for its version; `None` if it is not policylayer.
fn version_of(path: &Path, chain: &LaunchChain<'_>) -> Result<Option<String>, ProbeError> {
    let said = probe::capture_stdout(&ProbeTarget {
        command: &[path.into(), "--version".into()],
        shown: escape_invisible(&path.display().to_string()),
        spawn_env: Some(&chain.env.spawn_env()),
        patience: VERSION_PATIENCE,
    })?;
    let version = said.trim().strip_prefix("policylayer ");
    Ok(version.filter(|version| !version.contains(char::is_whitespace)).map(str::to_owned))
}
