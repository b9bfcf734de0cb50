//! `policylayer test`: what policies make of the calls in their test files, compared with what is expected.

mod json;
mod junit;
mod outcome;
mod text;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anstream::AutoStream;
use anyhow::bail;

use super::{Env, server_of_file};
use crate::cli::{TestArgs, TestFormat};
use crate::exit::Exit;
use crate::paths::{self, PolicyError, stem_of_tested};
use crate::policy::{self, Colour, Format, ServerName, TestFile};
use crate::settings::Settings;
use crate::visible::visible;
use outcome::{Broken, Outcome, Tested};

/// Runs the test files that are named, or all those beside the policies in the configuration folder.
///
/// # Errors
/// Where there is no test file at all. What is wrong with one file is part of the output, and the others are run.
pub fn run(args: &TestArgs, env: &Env) -> anyhow::Result<Exit> {
    let files = if args.files.is_empty() { beside_the_policies(env)? } else { args.files.clone() };
    let tested: Vec<Tested> = files.iter().map(|file| test(file, env)).collect();
    let written = match args.format {
        TestFormat::Text => text::write(&tested)?,
        TestFormat::Json => json::write(&tested)?,
        TestFormat::Junit => junit::write(&tested),
    };
    let mut out = AutoStream::auto(std::io::stdout()).lock();
    out.write_all(written.as_bytes())?;
    out.flush()?;
    Ok(exit(&tested))
}

/// The worst that came of any file.
fn exit(tested: &[Tested]) -> Exit {
    let broken = |exit| tested.iter().any(|one| matches!(&one.result, Err(broken) if broken.exit == exit));
    if broken(Exit::InvalidPolicy) {
        Exit::InvalidPolicy
    } else if tested.iter().any(|one| one.failed() > 0 || one.result.is_err()) {
        Exit::Failed
    } else {
        Exit::Ok
    }
}

/// Every test file in the folder of the policies.
fn beside_the_policies(env: &Env) -> anyhow::Result<Vec<PathBuf>> {
    let listing = paths::list_policies(env)?;
    if listing.tests.is_empty() {
        bail!(
            "There is no policy test in {}. Write one beside a policy, such as iterable.test.toml beside iterable.toml \
             (docs/testing.md says how), or name a file: `policylayer test FILE`.",
            visible(&listing.folder.display().to_string())
        );
    }
    Ok(listing.tests)
}

fn test(path: &Path, env: &Env) -> Tested {
    let mut tested = Tested::new(visible(&path.display().to_string()));
    tested.result = outcomes(path, env, &mut tested);
    tested
}

fn outcomes(path: &Path, env: &Env, tested: &mut Tested) -> Result<Vec<Outcome>, Broken> {
    let file = load(path)?;
    let policy = policy_of(path, &file)?;
    let server = file.server.or_else(|| server_of_file(&policy)).unwrap_or_else(ServerName::unknown);
    tested.policy = Some(visible(&policy.display().to_string()));
    tested.server = Some(server.clone());
    let loaded = paths::load_policy(Some(&policy), &server, &Settings::default(), env)
        .map_err(|error| Broken { exit: error.exit(), message: error.to_string() })?;
    Ok(file.cases.into_iter().map(|case| Outcome::of(case, &loaded.policy)).collect())
}

fn load(path: &Path) -> Result<TestFile, Broken> {
    let source = paths::read_policy(path).map_err(|error| match error {
        PolicyError::Missing(_) => Broken::failed("There is no such test file. Mend the path, or create the file."),
        error => Broken::failed(error.to_string()),
    })?;
    let loaded = policy::load_tests(&source);
    loaded.file.ok_or_else(|| {
        let rendered = policy::render(&source, &loaded.diagnostics, Colour::Plain);
        Broken {
            exit: Exit::InvalidPolicy,
            message: format!("The test file is invalid, and was not run.\n\n{rendered}"),
        }
    })
}

/// The policy that a file tests: the one that it names, else the one of its name beside it.
fn policy_of(path: &Path, file: &TestFile) -> Result<PathBuf, Broken> {
    let folder = path.parent().unwrap_or(Path::new(""));
    if let Some(named) = &file.policy {
        return Ok(folder.join(named));
    }
    let Some(stem) = stem_of_tested(path) else {
        return Err(Broken::failed(
            "Nothing says which policy this file tests. Call it after the policy, such as iterable.test.toml for \
             iterable.toml, or name the policy in it with `policy`.",
        ));
    };
    let beside = Format::ENDINGS.map(|ending| folder.join(format!("{stem}.{ending}")));
    let mut there = beside.into_iter().filter(|policy| fs::symlink_metadata(policy).is_ok());
    match (there.next(), there.next()) {
        (Some(policy), None) => Ok(policy),
        (Some(_), Some(_)) => Err(Broken::failed(format!(
            "There are two policies called {stem} beside this file. Keep one, or name the one that is meant with `policy`."
        ))),
        (None, _) => Err(Broken::failed(format!(
            "There is no policy {stem}.toml, .json, .yaml or .yml beside this file. Put it there, or name it with `policy`."
        ))),
    }
}
