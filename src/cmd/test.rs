//! `policylayer test`: what policies decide about the calls in their test files, compared with what is expected.

use std::io::{self, Write};
use std::path::PathBuf;

use anstyle::Style;
use anyhow::bail;

use super::output::{print, print_verbatim};
use super::{Env, is_file, tool_server};
use crate::cli::{TestArgs, TestFormat};
use crate::exit::Exit;
use crate::paths;
use crate::report::policy_tests::{FailedCall, TestRun, find_tests_beside};
use crate::report::to_json;
use crate::term::faces::junit::format_junit;
use crate::term::style::{ERROR, SUCCESS};
use crate::term::table::{self, Cell};
use crate::visible::{escape_invisible, visible_path};

/// Runs the named test files, or all those beside the policies in the configuration directory.
///
/// # Errors
/// Returns an error if there is no test file at all. Errors in one file are part of the output, and the others still run.
pub(crate) fn run(args: &TestArgs, env: &Env) -> anyhow::Result<Exit> {
    let mut files = Vec::new();
    for word in &args.files {
        match word.to_str().filter(|_| !is_file(word)) {
            Some(server) => files.extend(find_tests_of(server, env)?),
            None => files.push(word.clone()),
        }
    }
    if args.files.is_empty() {
        files = find_tests(env)?;
    }
    let run = TestRun::run_files(&files, env);
    match args.format {
        TestFormat::Text => print(|out| write_text(out, &run))?,
        TestFormat::Json => print_verbatim(&to_json(&run)?)?,
        TestFormat::Junit => print_verbatim(&format_junit(&run))?,
    }
    Ok(run.exit_code())
}

fn find_tests(env: &Env) -> anyhow::Result<Vec<PathBuf>> {
    let listing = paths::list_policies(env)?;
    if listing.tests.is_empty() {
        bail!(
            "There is no policy test in {}. Write one beside a policy, such as iterable.test.toml beside iterable.toml \
             (docs/testing.md says how), or name a file: `policylayer test FILE`.",
            escape_invisible(&listing.dir.display().to_string())
        );
    }
    Ok(listing.tests)
}

/// Finds the tests beside the policy of a server.
fn find_tests_of(server: &str, env: &Env) -> anyhow::Result<Vec<PathBuf>> {
    let place = tool_server::find_policy_place(None, Some(server), None, env)?;
    let Some(file) = &place.file else {
        bail!(
            "The built-in policy is in force for {}, and has no tests beside it. `policylayer init` writes a policy.",
            place.server
        );
    };
    let found = find_tests_beside(file);
    if found.is_empty() {
        bail!(
            "There is no test beside {}. Write {}.test.toml there (docs/testing.md says how).",
            visible_path(file),
            file.file_stem().unwrap_or_default().to_string_lossy()
        );
    }
    Ok(found)
}

/// Writes each failure as a table of expected and actual values, and a line of summary.
fn write_text(out: &mut dyn Write, run: &TestRun) -> io::Result<()> {
    let error = ERROR.bold();
    for tested in &run.files {
        let file = &tested.file;
        if let Some(message) = &tested.error {
            writeln!(out, "{error}✘{error:#} {file}: {}\n", message.trim_end())?;
        }
        for case in &tested.cases {
            let Some(failure) = &case.failure else { continue };
            writeln!(out, "{error}✘{error:#} {} ({file}:{})\n  {}", case.name, case.line, failure.description)?;
            write_comparison(out, failure)?;
            writeln!(out)?;
        }
    }
    let style = if run.failed + run.not_run == 0 { SUCCESS.bold() } else { error };
    let not_run = match run.not_run {
        0 => String::new(),
        1 => ", 1 file not run".to_owned(),
        more => format!(", {more} files not run"),
    };
    writeln!(out, "{style}{} passed, {} failed{not_run}{style:#}", run.passed, run.failed)
}

fn write_comparison(out: &mut dyn Write, failure: &FailedCall) -> io::Result<()> {
    let rows = failure.shown_parts().map(|part| {
        let (mark, style) = if part.matches { (" ", Style::new()) } else { ("✘", ERROR.bold()) };
        vec![
            Cell::styled(mark, style),
            Cell::new(part.what),
            Cell::new(part.describe_expected()),
            Cell::styled(part.describe_got(), style),
        ]
    });
    table::write_table(out, &["", "", "EXPECTED", "GOT"], &rows.collect::<Vec<_>>())
}
