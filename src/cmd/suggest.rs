//! `policylayer suggest`: the least policy that would have let through what was used, from the audit log.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use anyhow::{Context as _, bail};
use jiff::{Timestamp, Zoned};

use super::history::{own_command, report_kept};
use super::output::{UsageError, print};
use super::{Env, count_of, tool_server};
use crate::author::edit::{CannotEdit, Which, write_out_builtin};
use crate::author::history::keep_edit;
use crate::author::suggest::{extend_policy, suggest_entries, suggest_policy};
use crate::cli::SuggestArgs;
use crate::exit::Exit;
use crate::paths;
use crate::policy::{self, Format, Policy, Section, Server, ServerName, Source};
use crate::report::client_servers::PolicyPlace;
use crate::report::log_records::{LogRecords, choose_server};
use crate::report::survey::{UsageSurvey, item_lacks_an_entry, lacks_an_entry};
use crate::report::tool_names::judge_as_locked;
use crate::shell::as_word;
use crate::term::style::format_local_time;
use crate::term::{diff, message};
use crate::visible::{escape_invisible, visible_path};

/// Prints what the policy lacks as a diff, or a whole policy if there is no file yet. With `--apply`, it is put in force.
pub(crate) fn run(args: &SuggestArgs, env: &Env) -> anyhow::Result<Exit> {
    let now = Zoned::now();
    let of_policy = args.policy.as_deref().and_then(ServerName::from_policy_file);
    let (named, state) = tool_server::find_log(args.server.as_deref(), env)?;
    let dir = state.join(paths::AUDIT_DIR);
    let logged = choose_server(named.as_ref(), of_policy, &dir)?;
    let name = args.server.as_deref().unwrap_or(logged.as_str());
    let place = tool_server::find_policy_place(None, Some(name), args.policy.as_deref(), env)?;
    let source = place.file.as_deref().map(paths::read_policy).transpose()?;
    let lock = place.find_lock();
    let judge = |policy| judge_as_locked(policy, lock.as_deref());
    let in_force = match &source {
        None => judge(policy::builtin_policy(&place.server)),
        Some(source) => judge(load_valid(source, &place.server, Which::Present)?),
    };
    let log = ServerLog { server: &logged, since: args.since.map(|since| since.resolve_at(&now)), dir: &dir };
    let survey = log.survey_log(&in_force)?;
    survey.warnings.iter().for_each(|warning| message::print_warning(warning));
    if survey.tools.is_empty() && survey.items.is_empty() {
        message::print_note(&format!(
            "According to the log, nothing on {logged} was used, so there is nothing to suggest."
        ));
        print_failed(&survey);
        return Ok(Exit::Ok);
    }
    let suggested = match &source {
        None => suggest_policy(&survey, &logged, &now),
        Some(source) if source.format() == Format::Toml || args.apply => {
            extend_policy(source, &in_force, &survey, &now)?
        }
        Some(source) => return print_entries(source, args, &in_force, &survey, &now),
    };
    let format = source.as_ref().map_or(Format::Toml, Source::format);
    let name = source.as_ref().map_or("suggested.toml", Source::name);
    let suggested = Source::new(name, format, suggested);
    let policy = judge(load_valid(&suggested, &place.server, Which::Edited)?);
    // What it lets through is tried, not assumed.
    let after = log.survey_log(&policy)?;
    match (&source, args.output.as_deref()) {
        (_, Some(file)) => create_file(file, suggested.text(), &place.server)?,
        (Some(source), None) if source.text() == suggested.text() => {}
        (_, None) if args.apply => apply(&place, source.as_ref(), &suggested, env)?,
        (Some(source), None) => print_diff(source.name(), source.text(), suggested.text())?,
        (None, None) => io::stdout().lock().write_all(suggested.text().as_bytes())?,
    }
    if source.as_ref().is_some_and(|source| source.text() == suggested.text()) {
        let is_complete =
            after.refused.is_empty() && after.refused_items.is_empty() && after.refused_templates.is_empty();
        let what = if is_complete { "everything that was used" } else { "what was used, except for this" };
        message::print_note(&format!("Nothing to add: the policy {name} lets through {what}."));
    }
    print_refused(&after, &policy, |_| true, |_| true);
    print_failed(&survey);
    if after.left_out > 0 {
        message::print_warning(&format!(
            "{} left out, because there are too many different ones.",
            count_of(after.left_out, "call")
        ));
    }
    Ok(Exit::Ok)
}

/// Writes the suggested policy where it is in force, and shows what changes.
fn apply(place: &PolicyPlace, source: Option<&Source>, suggested: &Source, env: &Env) -> anyhow::Result<()> {
    let new_file = || {
        let dir = paths::configuration_dir(&place.env)?;
        Ok::<_, paths::PolicyError>(dir.join("policies").join(format!("{}.toml", place.server)))
    };
    let file = place.file.clone().map_or_else(new_file, Ok)?;
    let before = source.map(|source| source.in_file(source.text()).into_bytes());
    let after = source.unwrap_or(suggested).in_file(suggested.text()).into_bytes();
    paths::replace_file(&file, before.as_deref(), &after)?;
    report_kept(keep_edit(place.server.name(), &file, [before.as_deref(), Some(&after)], own_command(), env));
    let name = visible_path(&file);
    match source {
        Some(source) => print_diff(&name, source.text(), suggested.text())?,
        None => print_diff(&name, &write_out_builtin(&place.server), suggested.text())?,
    }
    message::print_note(&format!(
        "Wrote {name}. Running wrappers take it up within a moment; `policylayer undo {}` takes it back.",
        place.server
    ));
    Ok(())
}

/// Says which calls are no reason to allow anything.
fn print_failed(survey: &UsageSurvey) {
    for (tool, failed) in &survey.failed {
        let tool_shown = escape_invisible(tool);
        if failed.refusals > 0 {
            message::print_warning(&format!(
                "A person refused {} of {tool_shown}, so nothing is suggested for it.",
                count_of(failed.refusals, "call")
            ));
        } else if !survey.tools.contains_key(tool) {
            message::print_warning(&format!(
                "{} of {tool_shown} reached the server, and none succeeded, so nothing is suggested for it.",
                count_of(failed.errors, "call")
            ));
        }
    }
}

/// The log of one server, which is read once for each policy.
struct ServerLog<'l> {
    server: &'l ServerName,
    since: Option<Timestamp>,
    dir: &'l Path,
}

impl ServerLog<'_> {
    /// Surveys what was used, and what of it this policy refuses.
    fn survey_log(&self, policy: &Policy) -> anyhow::Result<UsageSurvey> {
        let mut records = LogRecords::open_existing(self.dir, Some(self.server))?;
        Ok(UsageSurvey::collect(&mut records, policy, self.since)?)
    }
}

/// Loads the policy of a document.
fn load_valid(source: &Source, server: &Server, which: Which) -> Result<Policy, CannotEdit> {
    let policy::Loaded { policy, diagnostics } = policy::load_policy(source, server);
    policy.ok_or_else(|| CannotEdit::Invalid { which, document: Box::new(source.clone()), diagnostics })
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
        return Err(UsageError(format!(
            "-o needs a TOML policy to start from, and {name} is not one. Leave out -o to print the entries to add."
        ))
        .into());
    }
    let entries = suggest_entries(source.format(), in_force, survey, now, &format_local_time(now.timestamp(), now));
    if entries.is_empty() {
        message::print_note(&format!("Nothing to add to {name}."));
    }
    for (table, entries) in entries {
        message::print_note(&format!("{name} is not TOML, so add these entries under `{table}` yourself:"));
        io::stdout().lock().write_all(entries.as_bytes())?;
    }
    let (lacks_tool, lacks_item) =
        (|tool: &str| lacks_an_entry(in_force, tool), |item: &_| item_lacks_an_entry(in_force, item));
    print_refused(survey, in_force, |tool| !lacks_tool(tool), |item| !lacks_item(item));
    Ok(Exit::Ok)
}

/// Warns about what is still refused: a person has to decide about it.
fn print_refused(
    survey: &UsageSurvey,
    policy: &Policy,
    is_tool_told: impl Fn(&str) -> bool,
    is_item_told: impl Fn(&(Section, String)) -> bool,
) {
    for ((tool, rule), count) in survey.refused.iter().filter(|((tool, _), _)| is_tool_told(tool)) {
        let how = if policy.looks_at_arguments(tool) { ", judged by what the log has of the arguments," } else { "" };
        message::print_warning(&format!(
            "{} of {} succeeded, and{how} would be refused by {}, which stays. Decide about that rule yourself.",
            count_of(*count, "call"),
            escape_invisible(tool),
            escape_invisible(rule)
        ));
    }
    for ((item, rule), count) in survey.refused_items.iter().filter(|((item, _), _)| is_item_told(item)) {
        message::print_warning(&format!(
            "{} of the {} {} would be refused by {}, which stays. Decide about that rule yourself.",
            count_of(*count, "use"),
            item.0.item_noun(),
            escape_invisible(&item.1),
            escape_invisible(rule)
        ));
    }
    for (template, count) in &survey.refused_templates {
        let path = |(key, _): (String, _)| format!(" ({})", escape_invisible(&Section::Resources.rule_path(&key)));
        message::print_warning(&format!(
            "{} for the template {} would be refused. Nothing is suggested for it, because an entry for the template{} lets in \
             every resource that fits it. Add one yourself if that is meant.",
            count_of(*count, "completion"),
            escape_invisible(template),
            Section::key_for_template(template).map(path).unwrap_or_default()
        ));
    }
}

/// Writes a file that must not exist yet.
fn create_file(file: &Path, text: &str, server: &Server) -> anyhow::Result<()> {
    let name = visible_path(file);
    let created = OpenOptions::new().write(true).create_new(true).open(file);
    match created {
        Ok(mut file) => file.write_all(text.as_bytes()).with_context(|| format!("{name} cannot be written"))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{name} already exists and was not overwritten. Name another file with -o.")
        }
        Err(error) => {
            return Err(error).with_context(|| format!("{name} cannot be created. Name another file with -o"));
        }
    }
    message::print_note(&format!(
        "Wrote {name}. Read it, and try it with `policylayer replay --server {server} --policy {}`. `policylayer suggest --server \
         {server} --apply` puts in force what the log suggests.",
        as_word(&file.to_string_lossy())
    ));
    Ok(())
}

/// Prints the changes in the format of `patch`.
fn print_diff(name: &str, old: &str, new: &str) -> anyhow::Result<()> {
    print(|out| {
        writeln!(out, "--- {name}\n+++ {name} (suggested)")?;
        diff::write_hunks(out, old, new)
    })
}
