//! `policylayer allow`, `deny`, `hide`, `limit`, `ask`, `reset` and `add`: edits of the policy in force.

use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::Env;
use super::output::{UsageError, print};
use crate::author::edit::{self, CannotEdit, EditAction, Edited, Order, Pasted};
use crate::cli::{AddArgs, EditArgs, Format, LimitArgs, ResetArgs, ToolsArgs};
use crate::exit::Exit;
use crate::limits::MAX_POLICY_FILE;
use crate::paths::{self, POLICY_VARIABLE};
use crate::policy::{self, Colour, Diagnostic, Policy, Server, ServerName, Source};
use crate::report::edit::{DecisionChange, EditReport, EntryChange, RuleDecision, compare_decisions, compare_entries};
use crate::report::to_json;
use crate::settings::Settings;
use crate::term::style::effect_style;
use crate::term::table::{self, Cell};
use crate::term::{diff, message};
use crate::visible::{count_of, visible_path};

pub(crate) fn edit_tools(action: EditAction, args: &ToolsArgs, env: &Env) -> anyhow::Result<Exit> {
    carry_out(Order { action, tools: args.tools.clone(), reason: args.reason.clone() }, &args.edit, env)
}

pub(crate) fn limit_tools(args: &LimitArgs, env: &Env) -> anyhow::Result<Exit> {
    let action = EditAction::Limit { rate: args.rate.clone(), scope: args.scope.map(Into::into) };
    carry_out(Order { action, tools: args.tools.clone(), reason: args.reason.clone() }, &args.edit, env)
}

/// Removes the rules that name the tools.
pub(crate) fn reset_tools(args: &ResetArgs, env: &Env) -> anyhow::Result<Exit> {
    carry_out(Order { action: EditAction::Reset, tools: args.tools.clone(), reason: None }, &args.edit, env)
}

/// Merges a document into the policy.
pub(crate) fn add_pasted(args: &AddArgs, env: &Env) -> anyhow::Result<Exit> {
    let pasted = read_pasted(&args.file)?;
    edit_with(&args.edit, env, |source, name, server| edit::merge_pasted(source, name, server, &pasted))
}

fn read_pasted(file: &Path) -> anyhow::Result<Pasted> {
    if file != Path::new("-") {
        let source = paths::read_policy(file)?;
        return Ok(Pasted::read(source.name(), Some(source.format()), source.text())?);
    }
    let mut text = Vec::new();
    let mut stdin = io::stdin().lock().take(MAX_POLICY_FILE as u64 + 1);
    stdin.read_to_end(&mut text).context("stdin cannot be read. Give the document as a file")?;
    // Before the text is decoded: the cut may be in the middle of a character.
    if text.len() > MAX_POLICY_FILE {
        let most = MAX_POLICY_FILE / 1024 / 1024;
        bail!("stdin holds more than {most} MiB, and no policy is that large. Give the policy itself.");
    }
    let text = String::from_utf8(text).ok().context("stdin is not UTF-8. Give the policy as UTF-8")?;
    Ok(Pasted::read("stdin", None, &text)?)
}

fn carry_out(order: Order, args: &EditArgs, env: &Env) -> anyhow::Result<Exit> {
    edit_with(args, env, |source, name, server| edit::carry_out_order(source, name, server, &order))
}

struct Target {
    server: Server,
    path: PathBuf,
    /// The content of the file; `None` if it does not exist yet.
    source: Option<Source>,
}

fn edit_with(
    args: &EditArgs,
    env: &Env,
    edit: impl FnOnce(Option<&Source>, &str, &Server) -> Result<Edited, CannotEdit>,
) -> anyhow::Result<Exit> {
    let target = find_target(args, env)?;
    let name = visible_path(&target.path);
    let edited = edit(target.source.as_ref(), &name, &target.server)?;
    let before = Before::load_before(&target);
    let changed = edited.is_changed;
    let written = changed && !args.dry_run;
    if written {
        let in_file = |source: &Source, text: &str| source.in_file(text).into_bytes();
        let expected = target.source.as_ref().map(|source| in_file(source, source.text()));
        let new = in_file(target.source.as_ref().unwrap_or(&edited.source), edited.source.text());
        paths::replace_file(&target.path, expected.as_deref(), &new)?;
    }
    let decisions = compare_decisions(&before.policy, &edited.policy);
    let entries = compare_entries(&before.policy, &edited.policy);
    let report =
        EditReport { file: &name, server: target.server.name().as_str(), changed, written, decisions, entries };
    match args.format {
        Format::Json => print(|out| out.write_all(to_json(&report)?.as_bytes()))?,
        Format::Text if changed => show_edit(&target, &edited, &report)?,
        Format::Text => {}
    }
    print_notes(&edited, &before)?;
    if args.format == Format::Text {
        message::print_note(&summarize(&report, target.source.is_some()));
    }
    Ok(Exit::Ok)
}

fn summarize(report: &EditReport<'_>, has_file: bool) -> String {
    let EditReport { file, server, .. } = report;
    match (report.changed, report.written) {
        (false, _) if has_file => format!("Nothing to change: {file} already says this."),
        (false, _) => {
            format!(
                "Nothing to change: the built-in policy for {server} already says this, and {file} was not written."
            )
        }
        (true, false) => format!("This was a dry run: nothing was written to {file}."),
        (true, true) if has_file => format!("Wrote {file}. Running wrappers take it up at once."),
        (true, true) => format!(
            "Wrote {file}: the built-in policy for {server}, with this change. Running wrappers take it up at once."
        ),
    }
}

/// Prints the linter's new warnings, and what else a person should know.
fn print_notes(edited: &Edited, before: &Before) -> io::Result<()> {
    let new: Vec<_> = edited.warnings.iter().filter(|warning| !before.had_warning(warning)).cloned().collect();
    let (shown, left) = new.split_at(new.len().min(MAX_WARNINGS));
    let rendered = policy::render_diagnostics(&edited.source, shown, Colour::Styled);
    message::print_styled(&rendered);
    if !left.is_empty() {
        let left = count_of(left.len() as u64, "warning");
        message::print_note(&format!("And {left} more: `policylayer check` prints them all."));
    }
    edited.notes.iter().for_each(|note| message::print_note(note));
    Ok(())
}

/// The most warnings that are printed at once: hiding by a glob may cause one for each tool.
const MAX_WARNINGS: usize = 3;

fn show_edit(target: &Target, edited: &Edited, report: &EditReport<'_>) -> anyhow::Result<()> {
    let EditReport { file, server, .. } = report;
    let (name, old) = match &target.source {
        Some(source) => ((*file).to_owned(), source.text()),
        None => (format!("the built-in policy for {server}"), &*edit::write_out_builtin(&target.server)),
    };
    print(|out| {
        writeln!(out, "--- {name}\n+++ {file}")?;
        diff::write_hunks(out, old, edited.source.text())?;
        writeln!(out)?;
        if !report.decisions.is_empty() || report.entries.is_empty() {
            write_decisions(out, &report.decisions)?;
        }
        if report.entries.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = report.entries.iter().map(entry_row).collect();
        table::write_table(out, &["BESIDE TOOLS", "BEFORE", "AFTER"], &rows)
    })
}

fn write_decisions(out: &mut dyn Write, decisions: &[DecisionChange<'_>]) -> io::Result<()> {
    if decisions.is_empty() {
        return writeln!(out, "No decision about a known tool changes.");
    }
    let rows: Vec<_> = decisions.iter().map(table_row).collect();
    table::write_table(out, &["TOOL", "BEFORE", "AFTER", "RULE"], &rows)
}

fn entry_row(EntryChange { rule, before, after, .. }: &EntryChange<'_>) -> Vec<Cell> {
    let cell = |decision: &Option<RuleDecision<'_>>| match decision {
        Some(decision) => decision_cell(decision, ""),
        None => Cell::new("no entry"),
    };
    vec![Cell::new(rule), cell(before), cell(after)]
}

fn table_row(DecisionChange { tool, before, after }: &DecisionChange<'_>) -> Vec<Cell> {
    // Otherwise a row would show the same value twice, and not what changes.
    let is_shown = before.effect != after.effect || before.limits != after.limits;
    let note = if is_shown { "" } else { ", another reason" };
    vec![Cell::new(tool), decision_cell(before, ""), decision_cell(after, note), Cell::new(after.rule)]
}

fn decision_cell(decision: &RuleDecision<'_>, note: &str) -> Cell {
    let limits: String = decision.limits.iter().map(|limit| format!(", {limit}")).collect();
    Cell::styled(format_args!("{}{limits}{note}", decision.effect), effect_style(decision.effect))
}

/// The policy before the edit.
struct Before {
    policy: Policy,
    warnings: Vec<Diagnostic>,
}

impl Before {
    fn load_before(target: &Target) -> Self {
        let loaded = target.source.as_ref().map(|source| policy::load_policy(source, &target.server));
        let (policy, warnings) = loaded.map_or((None, Vec::new()), |loaded| (loaded.policy, loaded.diagnostics));
        Self { policy: policy.unwrap_or_else(|| policy::builtin_policy(&target.server)), warnings }
    }

    fn had_warning(&self, warning: &Diagnostic) -> bool {
        self.warnings.iter().any(|own| own.code == warning.code && own.message == warning.message)
    }
}

fn find_target(args: &EditArgs, env: &Env) -> anyhow::Result<Target> {
    let policy = args.policy.as_deref();
    let settings = super::settings_for(policy, env)?;
    let server = if args.server.is_some() || policy.is_some() || env.var(POLICY_VARIABLE).is_some() {
        super::server_for(args.server.as_ref(), policy, env)
    } else {
        only_server(&settings, env)?
    };
    let path = paths::find_policy(policy, &server, &settings, env)?;
    let source = path.as_deref().map(paths::read_policy).transpose()?;
    let new = || paths::configuration_dir(env).map(|dir| dir.join("policies").join(format!("{server}.toml")));
    let path = path.map_or_else(new, Ok)?;
    Ok(Target { server: Server::by_name(&server), path, source })
}

fn only_server(settings: &Settings, env: &Env) -> anyhow::Result<ServerName> {
    let servers = super::servers_with_policies(settings, env)?;
    let why = match servers.as_slice() {
        [only] => return Ok(only.clone()),
        [] => "No server has a policy file yet. Name the server, as in --server iterable.".to_owned(),
        [first, ..] => {
            let names = servers.iter().map(ServerName::as_str).collect::<Vec<_>>().join(", ");
            format!("Several servers have a policy: {names}. Name one of them, as in --server {first}.")
        }
    };
    Err(UsageError(why).into())
}
