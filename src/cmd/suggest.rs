//! `policylayer suggest`: the least policy that would have let through what was used, from the audit log.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use anstream::AutoStream;
use anyhow::{Context as _, anyhow, bail};
use jiff::{Timestamp, Zoned};

use super::output::ExitError;
use super::{Env, count_of};
use crate::author::suggest::{extend_policy, suggest_entries, suggest_policy};
use crate::cli::SuggestArgs;
use crate::exit::Exit;
use crate::paths;
use crate::policy::{self, Colour, Format, Policy, ServerName, Source};
use crate::report::log_records::{LogRecords, choose_server};
use crate::report::survey::{UsageSurvey, lacks_an_entry};
use crate::term::style::format_local_time;
use crate::term::{diff, message};
use crate::visible::{escape_invisible, visible_path};

/// Prints what the policy lacks as a diff, or a whole policy if there is no file yet. Never writes the file in force.
pub(crate) fn run(args: &SuggestArgs, env: &Env) -> anyhow::Result<Exit> {
    let now = Zoned::now();
    let of_policy = args.policy.as_deref().and_then(ServerName::from_policy_file);
    let server = choose_server(args.server.as_deref(), of_policy, &paths::audit_dir(env)?).map_err(ExitError::from)?;
    let settings = super::settings_for(args.policy.as_deref(), env).map_err(ExitError::from)?;
    let path = paths::find_policy(args.policy.as_deref(), &server, &settings, env).map_err(ExitError::from)?;
    let source = path.as_deref().map(paths::read_policy).transpose().map_err(ExitError::from)?;
    let in_force = source.as_ref().map_or_else(
        || Ok(policy::builtin_policy(&server)),
        |source| {
            load_valid(source, &server).map_err(|rendered| {
                let name = source.name();
                let message = format!("The policy {name} is invalid, so nothing can be added to it.\n\n{rendered}");
                ExitError { message, exit: Exit::InvalidPolicy }
            })
        },
    )?;
    let log = ServerLog { server: &server, since: args.since.map(|since| since.resolve_at(&now)), env };
    let survey = log.survey_log(&in_force)?;
    survey.warnings.iter().for_each(|warning| message::print_warning(warning));
    if survey.tools.is_empty() {
        message::print_note(&format!(
            "No call of {server} reached the server, as far as the log tells: nothing was used."
        ));
        return Ok(Exit::Ok);
    }
    let suggested = match &source {
        None => suggest_policy(&survey, &server, &now),
        Some(source) if source.format() == Format::Toml => {
            extend_policy(source, &in_force, &survey, &server, &now).map_err(ExitError::from)?
        }
        Some(source) => return print_entries(source, args, &in_force, &survey, &now),
    };
    let name = source.as_ref().map_or("suggested.toml", Source::name);
    let suggested = Source::new(name, Format::Toml, suggested);
    let policy = load_valid(&suggested, &server).map_err(|rendered| {
        anyhow!("What would be suggested is no valid policy, so it is not. Please report this.\n\n{rendered}")
    })?;
    // What it lets through is tried, not assumed.
    let after = log.survey_log(&policy)?;
    let output = args.output.as_deref();
    match (&source, output) {
        (_, Some(file)) => create_file(file, suggested.text())?,
        (Some(source), None) if source.text() == suggested.text() => {}
        (Some(source), None) => print_diff(source, suggested.text())?,
        (None, None) => io::stdout().lock().write_all(suggested.text().as_bytes())?,
    }
    if source.as_ref().is_some_and(|source| source.text() == suggested.text()) {
        let but =
            if after.refused.is_empty() { "everything that was used" } else { "what was used, but for the following" };
        message::print_note(&format!("Nothing is to be added: the policy {name} lets through {but}."));
    }
    print_refused(after.refused.iter(), &policy);
    if after.left_out > 0 {
        message::print_warning(&format!("{} left out: there are too many tools.", count_of(after.left_out, "call")));
    }
    Ok(Exit::Ok)
}

/// The log of one server, which is read once for each policy.
struct ServerLog<'l> {
    server: &'l ServerName,
    since: Option<Timestamp>,
    env: &'l Env,
}

impl ServerLog<'_> {
    /// Surveys what was used, and what of it this policy refuses.
    fn survey_log(&self, policy: &Policy) -> anyhow::Result<UsageSurvey> {
        let dir = paths::audit_dir(self.env)?;
        let mut records = LogRecords::open_existing(&dir, Some(self.server)).map_err(ExitError::from)?;
        Ok(UsageSurvey::collect(&mut records, policy, self.since).map_err(ExitError::from)?)
    }
}

/// Loads the policy of a document, or returns everything that is wrong with it.
fn load_valid(source: &Source, server: &ServerName) -> Result<Policy, String> {
    let loaded = policy::load_policy(source, server);
    loaded.policy.ok_or_else(|| policy::render_diagnostics(source, &loaded.diagnostics, Colour::Plain))
}

/// Prints the entries for a person to insert: JSON and YAML are not edited.
fn print_entries(
    source: &Source,
    args: &SuggestArgs,
    in_force: &Policy,
    survey: &UsageSurvey,
    now: &Zoned,
) -> anyhow::Result<Exit> {
    let name = source.name();
    if args.output.is_some() {
        return Err(ExitError::from_usage(format!(
            "Only TOML policies are edited, and {name} is none. Leave out -o: the entries are printed, to be put under `tools`."
        ))
        .into());
    }
    let entries = suggest_entries(source.format(), in_force, survey, now, &format_local_time(now.timestamp(), now));
    if entries.is_empty() {
        message::print_note(&format!("No entry is to be added to {name}."));
    } else {
        message::print_note(&format!("Only TOML policies are edited. Put these entries under `tools` in {name}:"));
        io::stdout().lock().write_all(entries.as_bytes())?;
    }
    print_refused(survey.refused.iter().filter(|((tool, _), _)| !lacks_an_entry(in_force, tool)), in_force);
    Ok(Exit::Ok)
}

/// Warns about what is still refused: a person has to decide about it.
fn print_refused<'s>(refused: impl Iterator<Item = (&'s (String, String), &'s u64)>, policy: &Policy) {
    for ((tool, rule), count) in refused {
        let how = if policy.looks_at_arguments(tool) { ", as the log has it," } else { "" };
        message::print_warning(&format!(
            "{} of {} reached the server and{how} would be refused by {}. That rule is left to you.",
            count_of(*count, "call"),
            escape_invisible(tool),
            escape_invisible(rule)
        ));
    }
}

/// Writes a file that must not exist yet.
fn create_file(file: &Path, text: &str) -> anyhow::Result<()> {
    let name = visible_path(file);
    let created = OpenOptions::new().write(true).create_new(true).open(file);
    match created {
        Ok(mut file) => file.write_all(text.as_bytes()).with_context(|| format!("{name} cannot be written"))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{name} exists already, and nothing is overwritten. Name another file with -o.")
        }
        Err(error) => {
            return Err(error).with_context(|| format!("{name} cannot be created. Name another file with -o"));
        }
    }
    message::print_note(&format!(
        "Wrote {name}. Read it, try it with `policylayer replay --policy {name}`, and put it in force."
    ));
    Ok(())
}

/// Prints the changes in the format of `patch`.
fn print_diff(old: &Source, new: &str) -> io::Result<()> {
    let mut out = AutoStream::auto(io::stdout()).lock();
    writeln!(out, "--- {}\n+++ {} (suggested)", old.name(), old.name())?;
    diff::write_hunks(&mut out, old.text(), new)?;
    out.flush()
}
