//! Whether the policy stands in front of a server, and whether the program that puts it there can be started.

use std::ffi::OsStr;
use std::path::Path;

use super::command::{Missing, locate, not_executable, runs, search};
use super::{Chain, Doctor, Id, Step};
use crate::limits::VERSION_PATIENCE;
use crate::lookup::Found;
use crate::probe;

pub(super) fn wrapped(chain: &Chain<'_>) -> Step {
    match &chain.wrapped {
        Some(_) => Step::ok(Id::Wrapped, format!("{} starts `policylayer wrap`", chain.client)),
        None => Step::failed(
            Id::Wrapped,
            format!("{} starts the server itself, so no policy stands before it", chain.client),
            chain.register(),
        ),
    }
}

/// # Errors
/// When a person interrupts it.
pub(super) fn wrapper(chain: &Chain<'_>, doctor: &Doctor<'_>) -> anyhow::Result<Step> {
    let program = chain.words.first().map(String::as_str).unwrap_or_default();
    let failed = |missing: Missing| Ok(Step::failed(Id::Wrapper, missing.what, missing.remedy));
    // Through npx: what is behind npx is of the version that it says there.
    if chain.wrapped.as_ref().is_some_and(|wrapped| wrapped.program > 0) {
        return match locate(program, chain, doctor.env) {
            Ok(path) => Ok(Step::ok(Id::Wrapper, format!("started through {}", path.display()))),
            Err(missing) => failed(missing),
        };
    }
    let path = match search(chain).find(OsStr::new(program)) {
        Found::At(path) => path,
        Found::NotExecutable(path) => return failed(not_executable(&path, &chain.entry())),
        Found::Nowhere => {
            let what = match Path::new(program).is_absolute() {
                true => format!("{program} is not there"),
                false => format!("there is no {program} in the PATH that {} gives", chain.client),
            };
            return Ok(Step::failed(Id::Wrapper, what, chain.register()));
        }
    };
    if let Some(missing) = runs(&path, chain, doctor.env) {
        return failed(missing);
    }
    let (own, shown) = (env!("CARGO_PKG_VERSION"), path.display());
    let real = |path: &Path| crate::state::file::real(path).ok();
    if doctor.env.program().is_some_and(|program| real(program).is_some() && real(program) == real(&path)) {
        return Ok(Step::ok(Id::Wrapper, format!("{own}, {shown}")));
    }
    let remedy = || format!("to use this one: {}", chain.register());
    Ok(match version(&path, chain)? {
        Some(version) if version == own => Step::ok(Id::Wrapper, format!("{own}, {shown}")),
        Some(version) => Step::warning(Id::Wrapper, format!("{version}, {shown}, and this is {own}"), remedy()),
        None => Step::failed(Id::Wrapper, format!("{shown} does not tell its version as policylayer does"), remedy()),
    })
}

/// What a program says to `--version`, where it is policylayer.
fn version(path: &Path, chain: &Chain<'_>) -> anyhow::Result<Option<String>> {
    let surroundings = chain.given.surroundings();
    let asked = probe::Chain {
        command: &[path.into(), "--version".into()],
        shown: crate::visible::visible(&path.display().to_string()),
        surroundings: Some(&surroundings),
        patience: VERSION_PATIENCE,
    };
    let said = probe::printed(&asked)?;
    let version = said.trim().strip_prefix("policylayer ");
    Ok(version.filter(|version| !version.contains(char::is_whitespace)).map(str::to_owned))
}

/// A folder as it stands in a PATH.
pub(super) fn folder_of(path: &Path) -> Option<&OsStr> {
    path.parent().map(Path::as_os_str)
}
