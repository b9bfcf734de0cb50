//! `policylayer check`: every error and warning of a policy with its place, and what the policy does. It also checks
//! config.toml, if that is invalid or nothing is named.

use std::io::{self, Write};

use super::output::{print, print_report};
use super::{Env, count_of, server_for, servers_with_policies};
use crate::cli::{CheckArgs, Format};
use crate::exit::Exit;
use crate::paths::{self, PolicyError, SettingsError};
use crate::report::check::CheckReport;
use crate::settings::Settings;
use crate::visible::escape_invisible;

/// Checks the named file, or the policy in force for the server; if neither is named, config.toml and every policy in
/// the configuration directory.
///
/// # Errors
/// Returns an error if a file cannot be read. An invalid policy or config.toml is not an error but
/// [`Exit::InvalidPolicy`].
pub(crate) fn run(args: &CheckArgs, env: &Env) -> anyhow::Result<Exit> {
    let reports = match check_files(args, env) {
        Ok(reports) => reports,
        // A reader of JSON gets this error as JSON too.
        Err(error) if args.format == Format::Json && (error.is::<PolicyError>() || error.is::<SettingsError>()) => {
            let file = args.file.as_ref().map(|file| escape_invisible(&file.display().to_string()));
            let report = CheckReport::report_unreadable(
                file,
                args.server.as_ref().map(ToString::to_string),
                format!("{error:#}"),
            );
            print_report(&report, args.format, |_, _| Ok(()))?;
            return Ok(Exit::Failed);
        }
        Err(error) => return Err(error),
    };
    let is_valid = reports.iter().all(|report| report.valid);
    match (args.format, reports.as_slice()) {
        (Format::Json, [one]) => print_report(one, args.format, |_, _| Ok(()))?,
        (Format::Json, several) => print_report(&several, args.format, |_, _| Ok(()))?,
        (Format::Text, reports) => {
            let dir = paths::configuration_dir(env).map(|dir| dir.join("policies"));
            print(|out| {
                for (index, report) in reports.iter().enumerate() {
                    out.write_all(if index > 0 { b"\n" } else { b"" })?;
                    write_text(out, report)?;
                }
                if is_valid && reports.iter().all(|report| report.server.is_none()) {
                    let dir = dir.map(|dir| escape_invisible(&dir.display().to_string())).unwrap_or_default();
                    writeln!(
                        out,
                        "There is no policy in {dir}, so the built-in ones are in force.\n`policylayer check --server \
                         iterable` prints what the one for a server does."
                    )?;
                }
                Ok(())
            })?;
        }
    }
    Ok(if is_valid { Exit::Ok } else { Exit::InvalidPolicy })
}

fn check_files(args: &CheckArgs, env: &Env) -> anyhow::Result<Vec<CheckReport>> {
    let mut reports = Vec::new();
    let mut settings = Settings::default();
    // A file that is named on the command line is checked without the settings.
    if args.file.is_none()
        && let Some(source) = paths::read_settings(env)?
    {
        let (report, loaded) = CheckReport::check_settings(&source);
        // Without the settings nobody knows where the policies are, and no wrapper would start.
        let Some(loaded) = loaded else { return Ok(vec![report]) };
        settings = loaded;
        if args.server.is_none() {
            reports.push(report);
        }
    }
    let servers = if args.file.is_none() && args.server.is_none() && env.var(paths::POLICY_VARIABLE).is_none() {
        servers_with_policies(&settings, env)?
    } else {
        vec![server_for(args.server.as_ref(), args.file.as_deref(), env)]
    };
    for server in servers {
        reports.push(CheckReport::check_policy(args.file.as_deref(), &server, &settings, env)?);
    }
    Ok(reports)
}

fn write_text(out: &mut dyn Write, report: &CheckReport) -> io::Result<()> {
    if let Some(file) = &report.file {
        out.write_all(report.rendered.as_bytes())?;
        if !report.rendered.is_empty() {
            writeln!(out)?;
        }
        let (errors, warnings) = (count_of(report.errors as u64, "error"), count_of(report.warnings as u64, "warning"));
        let verdict = if report.valid { "valid" } else { "invalid, and refused as a whole" };
        writeln!(out, "{file}: {verdict} ({errors}, {warnings})")?;
    }
    report.summary.iter().try_for_each(|summary| writeln!(out, "{summary}"))?;
    let Some(sections) = &report.sections else { return Ok(()) };
    writeln!(out, "Beside tool calls:")?;
    sections.iter().try_for_each(|tally| writeln!(out, "  {:<22}  {}", tally.subject(), tally.describe()))
}
