//! `policylayer check`: every error and warning of a policy with its place, and what the policy does. It also checks
//! config.toml, if that is invalid or nothing is named.

use std::io::{self, Write};

use super::output::{print, print_report};
use super::{Env, count_of, is_file, server_for, servers_with_policies, tool_server};
use crate::cli::{CheckArgs, Format};
use crate::exit::Exit;
use crate::paths;
use crate::policy::WIDE;
use crate::report::check::{BuiltinVersion, CheckReport};
use crate::report::client_servers::FoundBy;
use crate::settings::Settings;
use crate::term::style::terminal_width;
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
        Err(error) if args.format == Format::Json && tool_server::is_about_files(&error) => {
            let file = args
                .subject
                .as_deref()
                .filter(|file| is_file(file))
                .map(|file| escape_invisible(&file.display().to_string()));
            let report = CheckReport::report_unreadable(file, args.server.clone(), format!("{error:#}"));
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
    let (file, named) = match args.subject.as_deref() {
        Some(subject) if !is_file(subject) => (None, subject.to_str()),
        file => (file, None),
    };
    let named = named.or(args.server.as_deref());
    // A file that is named on the command line is checked without the settings.
    if file.is_none()
        && let Some(source) = paths::read_settings(env)?
    {
        let (report, loaded) = CheckReport::check_settings(&source);
        // Without the settings nobody knows where the policies are, and no wrapper would start.
        let Some(loaded) = loaded else { return Ok(vec![report]) };
        settings = loaded;
        if named.is_none() {
            reports.push(report);
        }
    }
    if file.is_none() && named.is_none() && env.var(paths::POLICY_VARIABLE).is_none() {
        for server in servers_with_policies(&settings, env)? {
            reports.push(CheckReport::check_policy(None, &settings.server_by_name(&server), &settings, env)?);
        }
        return Ok(reports);
    }
    let place = match named {
        Some(_) => tool_server::find_policy_place(None, named, file, env)?,
        None => {
            let server = server_for(None, file, env);
            reports.push(CheckReport::check_policy(file, &settings.server_by_name(&server), &settings, env)?);
            return Ok(reports);
        }
    };
    let report = CheckReport::check_policy(place.named.as_deref(), &place.server, &place.settings, &place.env)?;
    reports.push(match place.found_by {
        FoundBy::Client => report,
        FoundBy::Traces | FoundBy::Nothing => report.by_name_alone(&place.server),
    });
    Ok(reports)
}

fn write_text(out: &mut dyn Write, report: &CheckReport) -> io::Result<()> {
    if let Some(file) = &report.file {
        let rendered = report.render_within(terminal_width().unwrap_or(WIDE));
        out.write_all(rendered.as_bytes())?;
        if !rendered.is_empty() {
            writeln!(out)?;
        }
        let (errors, warnings) = (count_of(report.errors as u64, "error"), count_of(report.warnings as u64, "warning"));
        let verdict = if report.valid { "valid" } else { "invalid, and refused as a whole" };
        writeln!(out, "{file}: {verdict} ({errors}, {warnings})")?;
    }
    report.summary.iter().try_for_each(|summary| writeln!(out, "{summary}"))?;
    if let Some(BuiltinVersion { version, sha256 }) = &report.builtin {
        let digits = sha256.get(..12).unwrap_or(sha256);
        writeln!(out, "That is the built-in policy of policylayer {version}, SHA-256 {digits}….")?;
    }
    let Some(sections) = &report.sections else { return Ok(()) };
    writeln!(out, "Beside tool calls:")?;
    sections.iter().try_for_each(|tally| writeln!(out, "  {:<22}  {}", tally.subject(), tally.describe()))?;
    report.results.iter().try_for_each(|results| writeln!(out, "  {:<22}  {}", "results", escape_invisible(results)))
}
