//! What an agent would see, for a person: the visible tools first, then the hidden ones, then the totals.

use std::io::{self, Write};

use anstyle::Style;

use crate::limits::MAX_QUOTED;
use crate::policy::{Effect, Mode};
use crate::report::inspection::{ClassSource, InspectReport, InspectedTool, ToolCounts};
use crate::report::limit::WindowText;
use crate::risk::{Catalogue, Class, Confidence, Fact};
use crate::term::style::{DIM, ERROR, SUCCESS, WARN, risk_style};
use crate::term::table::{Cell, Table, cut_to_width};
use crate::visible::{count_of, escape_invisible};

const TITLE: Style = Style::new().bold();

/// The order in which classes are shown: what cannot be undone comes first.
const ORDER: [Class; 5] = [Class::Destructive, Class::Financial, Class::Execute, Class::Write, Class::Read];

/// The width from which rules are shown in full.
const WIDE: usize = 120;

/// How much of a description is shown, in columns.
const MAX_SENTENCE: usize = 100;

const MAX_NAMES: usize = 12;

pub(crate) fn write_text(out: &mut dyn Write, report: &InspectReport<'_>, width: Option<usize>) -> io::Result<()> {
    let mut tools: Vec<_> = report.tools.iter().collect();
    tools.sort_by_key(|tool| (ORDER.iter().position(|class| *class == tool.class), tool.name));
    let (shown, hidden): (Vec<_>, Vec<_>) = tools.into_iter().partition(|tool| tool.visible);
    let catalogue = report.identity.catalogue.and_then(Catalogue::for_server);
    write_head(out, report, catalogue, shown.len())?;
    let mut columns = Columns::new(report, width);
    if !shown.is_empty() {
        writeln!(out, "\n{TITLE}What the agent sees{TITLE:#}")?;
        columns.write_table(out, &shown, width)?;
    }
    if !hidden.is_empty() {
        writeln!(out, "\n{TITLE}Hidden from the agent{TITLE:#}")?;
        // Every call of them is refused.
        columns.call = false;
        columns.write_table(out, &hidden, width)?;
    }
    write_legend(out, report, &columns)?;
    write_sums(out, report)?;
    write_remarks(out, report)
}

fn write_head(
    out: &mut dyn Write,
    report: &InspectReport<'_>,
    catalogue: Option<&Catalogue>,
    shown: usize,
) -> io::Result<()> {
    let info = |key: &str| report.server_info.get(key).and_then(serde_json::Value::as_str).map(shorten_name);
    let name = info("name").unwrap_or_else(|| "without a name".to_owned());
    let version = info("version").map(|version| format!(" {version}")).unwrap_or_default();
    let (builtin, file) = (report.policy.builtin, report.policy.file.unwrap_or_default());
    let policy = match report.policy.mode {
        Mode::Builtin => builtin.to_string(),
        Mode::Patch => format!("{file}, laid over {builtin}"),
        Mode::Standalone => file.to_owned(),
    };
    for withheld in &report.withheld {
        let (method, reason) = (&withheld.method, escape_invisible(withheld.reason.trim_end_matches('.')));
        writeln!(out, "{ERROR}The agent gets none of this server's answer to {method}:{ERROR:#} {reason}.")?;
    }
    writeln!(out, "Server  {name}{version}, protocol {}", shorten_name(report.protocol))?;
    writeln!(out, "Known   {}", report.identity)?;
    report.lock.iter().try_for_each(|lock| writeln!(out, "Lock    {lock}"))?;
    writeln!(out, "Policy  {policy}")?;
    if let Some(hint) = &report.identity.hint {
        writeln!(out, "{WARN}{hint}{WARN:#}")?;
    }
    let tools = count_of(report.tools.len() as u64, "tool");
    writeln!(out, "{TITLE}The agent sees {shown} of {tools}.{TITLE:#}")?;
    let Some(catalogue) = catalogue else { return Ok(()) };
    let unknown = match report.tools.iter().filter(|tool| catalogue.find_tool(tool.name).is_none()).count() {
        0 => return Ok(()),
        1 => "1 tool is".to_owned(),
        count => format!("{count} tools are"),
    };
    writeln!(
        out,
        "{WARN}{unknown} not in the catalogue of {} {}, and counted as execute at least.{WARN:#}",
        catalogue.package, catalogue.version
    )
}

struct Columns {
    /// How sure the class is, unless all are known.
    sure: bool,
    call: bool,
    /// Whether to shorten rules to what the other columns do not tell, because the terminal is narrow.
    short: bool,
    /// Whether every rule is the built-in policy's.
    builtin: bool,
}

impl Columns {
    fn new(report: &InspectReport<'_>, width: Option<usize>) -> Self {
        let is_wide = width.is_none_or(|width| width >= WIDE);
        Self {
            sure: report.tools.iter().any(|tool| tool.class_source != ClassSource::Catalogue),
            call: true,
            short: !is_wide,
            builtin: report.policy.mode == Mode::Builtin,
        }
    }

    fn select_columns<T>(&self, [tool, risk, sure, call, marks, rule, what]: [T; 7]) -> Vec<T> {
        let columns = [
            (true, tool),
            (true, risk),
            (self.sure, sure),
            (self.call, call),
            (true, marks),
            (true, rule),
            (true, what),
        ];
        columns.into_iter().filter(|(is_there, _)| *is_there).map(|(_, value)| value).collect()
    }

    fn write_table(&self, out: &mut dyn Write, tools: &[&InspectedTool<'_>], width: Option<usize>) -> io::Result<()> {
        let titles = self.select_columns(["TOOL", "RISK", "SURE", "A CALL", "MARKS", "RULE", "WHAT IT DOES"]);
        let mut rows = Vec::new();
        for tools in tools.chunk_by(|one, next| one.class == next.class) {
            let Some(class) = tools.first().map(|tool| tool.class) else { continue };
            let count = count_of(tools.len() as u64, "tool");
            let heading = format!("{}: {count}", class.as_str());
            rows.push(vec![Cell::styled(heading, Style::new().bold())]);
            rows.extend(tools.iter().map(|tool| self.tool_row(tool)));
        }
        Table::new(&titles, width).write_rows(out, &rows)
    }

    fn tool_row(&self, tool: &InspectedTool<'_>) -> Vec<Cell> {
        let is_guess = tool.confidence.is_some_and(|confidence| confidence < Confidence::High);
        self.select_columns([
            Cell::new(tool.name),
            Cell::styled(tool.severity.as_str(), risk_style(tool.severity.as_str())),
            Cell::styled(certainty_word(tool), if is_guess { WARN } else { DIM }),
            match tool.effect {
                Effect::Allow => Cell::styled(describe_limits(tool), SUCCESS),
                Effect::RequireApproval => Cell::styled("asks a person", WARN),
                Effect::Deny | Effect::Hide => Cell::styled("refused", ERROR),
            },
            Cell::new(format_marks(tool)),
            Cell::new(self.display_rule(tool)),
            Cell::styled(tool.description.as_deref().map(first_sentence).unwrap_or_default(), DIM),
        ])
    }

    fn display_rule(&self, tool: &InspectedTool<'_>) -> String {
        match self.own_entry(tool) {
            Some(list) => format!("{list}…"),
            None if self.short => self.without_builtin(tool.rule).to_owned(),
            None => tool.rule.to_owned(),
        }
    }

    /// Returns the location of the tool's own entry, if that is the rule; the tool's name is left out of it.
    fn own_entry<'t>(&self, tool: &InspectedTool<'t>) -> Option<&'t str> {
        let list = self.without_builtin(tool.rule).strip_suffix(tool.name)?;
        (self.short && list.ends_with("tools.")).then_some(list)
    }

    fn without_builtin<'t>(&self, rule: &'t str) -> &'t str {
        rule.strip_prefix("builtin:").filter(|_| self.builtin).unwrap_or(rule)
    }
}

fn describe_limits(tool: &InspectedTool<'_>) -> String {
    match tool.limits.as_slice() {
        [] => "passes".to_owned(),
        [limit] => format!("passes {}/{}", limit.max, WindowText(limit.window)),
        [limit, rest @ ..] => format!("passes {}/{} +{}", limit.max, WindowText(limit.window), rest.len()),
    }
}

fn certainty_word(tool: &InspectedTool<'_>) -> &'static str {
    match tool.class_source {
        ClassSource::Policy => "policy",
        ClassSource::Catalogue => "known",
        ClassSource::Classifier => tool.confidence.map(Confidence::as_str).unwrap_or_default(),
    }
}

/// A mark, what it stands for, and a test for the tools that have it.
type Mark = (char, &'static str, fn(&InspectedTool<'_>) -> bool);

const MARKS: [Mark; 7] = [
    ('P', "reads or writes personal data", |tool| tool.personal_data),
    ('S', "it may cause a message to be sent", |tool| tool.sends),
    ('!', "cannot be undone with the server's own tools", |tool| tool.irreversible),
    ('U', "returns what others may have written", |tool| has_fact(tool, Fact::ReturnsUntrusted)),
    ('@', "connects to an address that a call names", |tool| has_fact(tool, Fact::UrlArgument)),
    ('A', "what happens depends on the arguments too", |tool| tool.looks_at_arguments),
    ('R', "what happens depends on what the session has read and called before", |tool| tool.looks_at_session),
];

fn has_fact(tool: &InspectedTool<'_>, fact: Fact) -> bool {
    tool.facts.iter().any(|known| known.fact == fact)
}

fn format_marks(tool: &InspectedTool<'_>) -> String {
    MARKS.iter().filter(|(_, _, has)| has(tool)).map(|(mark, ..)| *mark).collect()
}

fn write_legend(out: &mut dyn Write, report: &InspectReport<'_>, columns: &Columns) -> io::Result<()> {
    writeln!(out)?;
    for (mark, meaning, has) in MARKS {
        if report.tools.iter().any(has) {
            writeln!(out, "  {DIM}{mark}  {meaning}{DIM:#}")?;
        }
    }
    if report.tools.iter().any(|tool| columns.own_entry(tool).is_some()) {
        writeln!(out, "  {DIM}tools.…  the entry of the tool's own name{DIM:#}")?;
    }
    if !report.tools.is_empty() {
        writeln!(out, "  {DIM}RISK  how bad one mistaken call is: low, medium, high or critical{DIM:#}")?;
    }
    if columns.sure && !report.tools.is_empty() {
        let known = if report.identity.catalogue.is_some() { "known from the catalogue, " } else { "" };
        writeln!(out, "  {DIM}SURE  how sure the class is: {known}set by the policy,{DIM:#}")?;
        writeln!(out, "  {DIM}      or by the classifier with this confidence{DIM:#}")?;
    }
    Ok(())
}

fn write_sums(out: &mut dyn Write, report: &InspectReport<'_>) -> io::Result<()> {
    let join = |counts: &[(usize, &str)]| {
        let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let counts: Vec<_> = counts.collect();
        if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
    };
    let ToolCounts { by_class, by_effect } = &report.counts;
    let classes = ORDER.map(|class| (by_class.get(class.as_str()).copied().unwrap_or_default(), class.as_str()));
    writeln!(out, "\nClasses    {}", join(&classes))?;
    let with_effect = |effect: Effect| by_effect.get(effect.as_str()).copied().unwrap_or_default();
    let asking = with_effect(Effect::RequireApproval);
    let effects = [
        (with_effect(Effect::Allow), "allowed"),
        (asking, if asking == 1 { "asks a person" } else { "ask a person" }),
        (with_effect(Effect::Deny), "refused"),
        (with_effect(Effect::Hide), "hidden"),
    ];
    writeln!(out, "Decisions  {}", join(&effects))?;
    let prompts = report.prompts.iter().map(|prompt| (prompt.name, prompt.visible, prompt.effect));
    write_items(out, "Prompts", &prompts.collect::<Vec<_>>())?;
    for (title, items) in [("Resources", &report.resource_list), ("Templates", &report.template_list)] {
        let items = items.iter().map(|item| (item.uri, item.visible, item.effect));
        write_items(out, title, &items.collect::<Vec<_>>())?;
    }
    report.results.iter().try_for_each(|results| writeln!(out, "Results    {}", escape_invisible(results)))?;
    let (before, after) = (group_digits(report.bytes.before), group_digits(report.bytes.after));
    if before == after {
        return writeln!(out, "tools/list {before} bytes; nothing is hidden");
    }
    let tokens = group_digits(report.tokens_saved);
    writeln!(out, "tools/list {before} bytes before, {after} after: hiding saves about {tokens} tokens")
}

fn write_remarks(out: &mut dyn Write, report: &InspectReport<'_>) -> io::Result<()> {
    if !report.unmatched_entries.is_empty() {
        let entries = match report.unmatched_entries.len() {
            1 => "1 entry of the policy matches".to_owned(),
            count => format!("{count} entries of the policy match"),
        };
        let names = report.unmatched_entries.iter().map(|entry| match entry.name {
            Some(name) => format!("{name} ({})", entry.rule),
            None => entry.rule.to_owned(),
        });
        let names = join_names(&names.collect::<Vec<_>>());
        writeln!(out, "{WARN}{entries} no tool of this server: {names}{WARN:#}")?;
    }
    for note in &report.notes {
        writeln!(out, "{WARN}Note: {}.{WARN:#}", escape_invisible(note.trim_end_matches('.')))?;
    }
    Ok(())
}

/// Cuts and escapes the server's own name.
fn shorten_name(text: &str) -> String {
    let shown: String = text.chars().take(MAX_QUOTED).collect();
    format!("{}{}", escape_invisible(&shown), if shown.len() < text.len() { "…" } else { "" })
}

/// Lists a few names, and how many more there are.
fn join_names(all: &[String]) -> String {
    let mut shown: Vec<_> = all.iter().take(MAX_NAMES).map(|name| escape_invisible(name)).collect();
    if all.len() > MAX_NAMES {
        shown.push(format!("and {} more", all.len() - MAX_NAMES));
    }
    shown.join(", ")
}

fn first_sentence(description: &str) -> String {
    // More than this is never shown.
    let head: String = description.trim_start().chars().take(MAX_SENTENCE * 2).collect();
    let line = head.split(['\n', '\r']).next().unwrap_or_default();
    let end = line.find(". ").map_or(line.len(), |at| at + 1);
    cut_to_width(&escape_invisible(line.get(..end).unwrap_or(line).trim_end()), MAX_SENTENCE)
}

/// Formats a number with a comma before each three digits.
fn group_digits(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes how many prompts, resources or templates the agent sees, and which ones it does not: name, whether it is
/// visible, and what happens to who wants it.
fn write_items(out: &mut dyn Write, title: &str, items: &[(&str, bool, Effect)]) -> io::Result<()> {
    let all = items.len();
    let visible = items.iter().filter(|(_, visible, _)| *visible);
    let count = |effect| visible.clone().filter(|(.., own)| *own == effect).count();
    let (asking, refused) = (count(Effect::RequireApproval), count(Effect::Deny));
    write!(out, "{title:<11}")?;
    match (all, visible.clone().count()) {
        (0, _) => write!(out, "none")?,
        (_, seen) if seen == all => write!(out, "{all}, all visible")?,
        (_, seen) => write!(out, "{seen} of {all} visible")?,
    }
    if asking > 0 {
        write!(out, "; {}", asks_a_person(asking))?;
    }
    if refused > 0 {
        write!(out, "; {refused} refused")?;
    }
    let hidden: Vec<_> = items.iter().filter(|(_, visible, _)| !visible).map(|(name, ..)| (*name).to_owned()).collect();
    if !hidden.is_empty() {
        write!(out, "; hidden: {}", join_names(&hidden))?;
    }
    writeln!(out)
}

fn asks_a_person(count: usize) -> String {
    if count == 1 { "1 asks a person".to_owned() } else { format!("{count} ask a person") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_group_digits() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (91_960, "91,960"), (1_234_567, "1,234,567")] {
            assert_eq!(group_digits(number), text);
        }
    }

    #[test]
    fn a_description_is_one_short_sentence() {
        assert_eq!(first_sentence("  Reads v1.2 lists. Then more."), "Reads v1.2 lists.");
        assert_eq!(first_sentence("Reads\nlists. x"), "Reads");
        assert_eq!(first_sentence("a\u{1b}[2Jb\u{202e}"), "a\\u{1b}[2Jb\\u{202e}");
        assert_eq!(first_sentence(&"é".repeat(5_000)).chars().count(), MAX_SENTENCE);
        assert_eq!(first_sentence(""), "");
    }
}
