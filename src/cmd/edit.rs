//! `policylayer allow`, `deny`, `hide`, `limit`, `ask`, `reset` and `add`: edits of the policy in force.

pub(super) mod target;

use std::io::{self, Read as _, Write};
use std::path::Path;

use anyhow::{Context as _, bail};

use self::target::find_target;
use super::Env;
use super::history::{own_command, report_kept};
use super::output::{print, print_verbatim};
use crate::author::edit::{self, CannotEdit, EditAction, Edited, Order, Pasted};
use crate::author::policy_file::{EditTarget, PolicyBefore};
use crate::cli::{AddArgs, EditArgs, Format, LimitArgs, ResetArgs, ToolsArgs};
use crate::exit::Exit;
use crate::limits::MAX_POLICY_FILE;
use crate::paths;
use crate::policy::{self, BuiltinTitle, Colour, Mode, Server, Source, ToolGlob};
use crate::report::edit::{DecisionChange, EditReport, EntryChange, RuleDecision, compare_decisions, compare_entries};
use crate::report::to_json;
use crate::report::tool_names::ToolNames;
use crate::term::style::{effect_style, stderr_width};
use crate::term::table::{self, Cell};
use crate::term::{diff, message};
use crate::visible::{count_of, escape_invisible, visible_path};

pub(crate) fn edit_tools(action: EditAction, args: &ToolsArgs, env: &Env) -> anyhow::Result<Exit> {
    let order = Order { action, tools: args.tools.clone(), reason: args.reason.clone() };
    carry_out(&order, &args.edit, if args.anyway { Names::Any } else { Names::Known }, env)
}

pub(crate) fn limit_tools(args: &LimitArgs, env: &Env) -> anyhow::Result<Exit> {
    let action = EditAction::Limit { rate: args.rate.clone(), scope: args.scope.map(Into::into) };
    let order = Order { action, tools: args.tools.clone(), reason: args.reason.clone() };
    carry_out(&order, &args.edit, if args.anyway { Names::Any } else { Names::Known }, env)
}

/// Removes the rules that name the tools.
pub(crate) fn reset_tools(args: &ResetArgs, env: &Env) -> anyhow::Result<Exit> {
    let order = Order { action: EditAction::Reset, tools: args.tools.clone(), reason: None };
    carry_out(&order, &args.edit, Names::Known, env)
}

/// Merges a document into the policy.
pub(crate) fn add_pasted(args: &AddArgs, env: &Env) -> anyhow::Result<Exit> {
    let pasted = read_pasted(&args.file)?;
    let target = find_target(&args.edit, env)?;
    edit_target(target, &args.edit, env, |source, name, server| edit::merge_pasted(source, name, server, &pasted))
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

/// Which tools may be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// Those that something here knows of the server.
    Known,
    Any,
}

fn carry_out(order: &Order, args: &EditArgs, names: Names, env: &Env) -> anyhow::Result<Exit> {
    let mut target = find_target(args, env)?;
    if names == Names::Known {
        check_names(order, &mut target)?;
    }
    edit_target(target, args, env, |source, name, server| edit::carry_out_order(source, name, server, order))
}

/// Checks that the tools are known, unless nothing lists what the server has.
fn check_names(order: &Order, target: &mut EditTarget) -> anyhow::Result<()> {
    let policy = target.load_before().policy;
    let mut known = ToolNames::of_policy(&policy, target.lock.as_deref());
    let (server, mut has_log) = (target.server.name().clone(), false);
    for written in &order.tools {
        let glob = ToolGlob::parse(written);
        let tool = match &glob {
            Ok(glob) => match glob.exact_name() {
                Some(name) => name,
                None => continue,
            },
            // The edit reports what no key can name.
            Err(_) if ToolGlob::key_for(written).is_none() => continue,
            Err(_) => written,
        };
        if known.has(tool) {
            continue;
        }
        if let Some(audit) = target.audit.as_deref().filter(|_| !has_log) {
            known.add_logged(audit, &server);
            has_log = true;
        }
        let near = known.nearest(tool);
        if known.has(tool) || (near.is_none() && !known.is_listed && order.action != EditAction::Reset) {
            if !known.has(tool) {
                target.notes.push(format!(
                    "Nothing here lists the tools of {server}, so the name {} was not checked. `policylayer lock` keeps a list.",
                    escape_invisible(tool)
                ));
            }
            continue;
        }
        let meant = near.map(|near| format!(" Did you mean {}?", escape_invisible(near))).unwrap_or_default();
        let remedy = match order.action {
            EditAction::Reset => "Nothing was written.",
            _ => "Nothing was written. To write it all the same, add --anyway.",
        };
        bail!(
            "Neither the policy of {server} nor its catalogue, lock or log has a tool {}.{meant} {remedy}",
            escape_invisible(tool)
        );
    }
    Ok(())
}

fn edit_target(
    target: EditTarget,
    args: &EditArgs,
    env: &Env,
    edit: impl FnOnce(Option<&Source>, &str, &Server) -> Result<Edited, CannotEdit>,
) -> anyhow::Result<Exit> {
    let name = visible_path(&target.path);
    let edited = target.judge_by_lock(edit(target.source.as_ref(), &name, &target.server)?);
    let before = target.load_before();
    let changed = edited.is_changed;
    let written = changed && !args.dry_run;
    if written {
        report_kept(target.save(&edited, own_command(), env)?);
    }
    let known = ToolNames::of_policy(&before.policy, target.lock.as_deref());
    let decisions = compare_decisions(&before.policy, &edited.policy, &known);
    let entries = compare_entries(&before.policy, &edited.policy);
    let (server, builtin) = (target.server.name().as_str(), BuiltinTitle::of(&target.server));
    let report = EditReport { file: &name, server, builtin, changed, written, decisions, entries };
    match args.format {
        Format::Json => print_verbatim(&to_json(&report)?)?,
        Format::Text if changed => show_edit(&target, &edited, &report)?,
        Format::Text => {}
    }
    print_notes(&edited, &before)?;
    target.notes.iter().for_each(|note| message::print_note(note));
    if args.format == Format::Text {
        message::print_note(&summarize(&report, target.source.is_some(), edited.policy.mode()));
    }
    Ok(Exit::Ok)
}

fn summarize(report: &EditReport<'_>, has_file: bool, mode: Mode) -> String {
    let EditReport { file, builtin, .. } = report;
    match (report.changed, report.written) {
        (false, _) if has_file => format!("Nothing to change: {file} already says this."),
        (false, _) => {
            format!("Nothing to change: {builtin} already says this, and {file} was not written.")
        }
        (true, false) => format!("This was a dry run: nothing was written to {file}."),
        (true, true) if has_file => format!("Wrote {file}. Running wrappers take it up within a moment."),
        (true, true) if mode == Mode::Patch => format!(
            "Wrote {file}. It is laid over {builtin}, which stays in force below it. Running wrappers \
             take it up within a moment."
        ),
        (true, true) => {
            format!("Wrote {file}: {builtin}, with this change. Running wrappers take it up within a moment.")
        }
    }
}

/// Prints the linter's new warnings, and what else a person should know.
fn print_notes(edited: &Edited, before: &PolicyBefore) -> io::Result<()> {
    let new: Vec<_> = edited.warnings.iter().filter(|warning| !before.had_warning(warning)).cloned().collect();
    let (shown, left) = new.split_at(new.len().min(MAX_WARNINGS));
    let rendered = policy::render_diagnostics_within(
        &edited.source,
        shown,
        Colour::Styled,
        stderr_width().unwrap_or(policy::WIDE),
    );
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

fn show_edit(target: &EditTarget, edited: &Edited, report: &EditReport<'_>) -> anyhow::Result<()> {
    let EditReport { file, builtin, .. } = report;
    let (name, old) = match &target.source {
        Some(source) => ((*file).to_owned(), source.text()),
        None if edited.policy.mode() == Mode::Patch => ("/dev/null".to_owned(), ""),
        None => (builtin.to_string(), &*edit::write_out_builtin(&target.server)),
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
