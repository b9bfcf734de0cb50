//! What an agent would see, for a person: what it sees first, what is hidden from it apart, and then the sums.

use std::io::{self, Write};

use anstyle::Style;

use super::super::decide::Length;
use super::super::plural;
use super::view::{ClassSource, Tool, View};
use crate::limits::MAX_QUOTED;
use crate::policy::{Effect, Mode};
use crate::risk::{Class, Confidence, Risk};
use crate::term::style::{DIM, ERROR, SUCCESS, WARN};
use crate::term::table::{Cell, Table};
use crate::visible::visible;

const TITLE: Style = Style::new().bold();

/// The classes as they are shown: what cannot be taken back first.
pub(super) const ORDER: [Class; 5] = [Class::Destructive, Class::Financial, Class::Execute, Class::Write, Class::Read];

/// From this width on there is room for what a tool does.
const WIDE: usize = 120;

/// How much of a description is shown, in characters.
const MAX_SENTENCE: usize = 100;

/// How many names a line lists.
const MAX_NAMES: usize = 12;

pub(super) fn write(out: &mut dyn Write, view: &View<'_>, width: Option<usize>) -> io::Result<()> {
    let (mut shown, mut hidden): (Vec<_>, Vec<_>) = view.tools.iter().partition(|tool| tool.visible);
    let key = |tool: &&Tool<'_>| (ORDER.iter().position(|class| *class == tool.class), tool.name.to_owned());
    shown.sort_by_key(key);
    hidden.sort_by_key(key);
    head(out, view, shown.len())?;
    let mut columns = Columns::of(view, width);
    if !shown.is_empty() {
        writeln!(out, "\n{TITLE}What the agent sees{TITLE:#}")?;
        columns.write(out, &shown, width)?;
    }
    if !hidden.is_empty() {
        writeln!(out, "\n{TITLE}Hidden from the agent{TITLE:#}")?;
        // Every call of them is refused.
        columns.call = false;
        columns.write(out, &hidden, width)?;
    }
    legend(out, view, &columns)?;
    sums(out, view)
}

fn head(out: &mut dyn Write, view: &View<'_>, shown: usize) -> io::Result<()> {
    let info = |key: &str| view.offer.info.get(key).and_then(serde_json::Value::as_str).map(short);
    let name = info("name").unwrap_or_else(|| "without a name".to_owned());
    let version = info("version").map(|version| format!(" {version}")).unwrap_or_default();
    let server = view.policy.server();
    let file = view.policy.summary().file.unwrap_or_default();
    let policy = match view.policy.summary().mode {
        Mode::Builtin => format!("the built-in policy for {server}"),
        Mode::Patch => format!("{file}, laid over the built-in policy for {server}"),
        Mode::Standalone => file.to_owned(),
    };
    writeln!(out, "Server  {name}{version}, protocol {}", short(&view.offer.protocol))?;
    writeln!(out, "Policy  {policy}")?;
    let tools = plural(view.tools.len() as u64, "tool");
    writeln!(out, "{TITLE}The agent sees {shown} of {tools}.{TITLE:#}")?;
    if let Some(catalogue) = view.catalogue() {
        let strangers = view.tools.iter().filter(|tool| catalogue.tool(tool.name).is_none()).count();
        if strangers > 0 {
            writeln!(
                out,
                "{WARN}{} not in the catalogue of {} {}, and counted as execute at least.{WARN:#}",
                if strangers == 1 { "1 tool is".to_owned() } else { format!("{strangers} tools are") },
                catalogue.package,
                catalogue.version
            )?;
        }
    }
    Ok(())
}

/// Which columns there are.
struct Columns {
    /// How bad one mistaken call is: only the catalogue knows more than the class.
    severity: bool,
    /// How sure the class is: told where not all are known.
    sure: bool,
    call: bool,
    what: bool,
    /// Whether a rule is shown without what can be told from the rest: a narrow terminal has no room for it.
    short: bool,
    /// Whether every rule is the built-in policy's.
    builtin: bool,
}

impl Columns {
    fn of(view: &View<'_>, width: Option<usize>) -> Self {
        let is_wide = width.is_none_or(|width| width >= WIDE);
        Self {
            severity: view.catalogue().is_some(),
            sure: view.tools.iter().any(|tool| tool.source != ClassSource::Catalogue),
            call: true,
            what: is_wide,
            short: !is_wide,
            builtin: view.policy.summary().mode == Mode::Builtin,
        }
    }

    fn write(&self, out: &mut dyn Write, tools: &[&Tool<'_>], width: Option<usize>) -> io::Result<()> {
        let titles = [
            (true, "TOOL"),
            (self.severity, "SEVERITY"),
            (self.sure, "SURE"),
            (self.call, "A CALL"),
            (true, "MARKS"),
            (true, "RULE"),
            (self.what, "WHAT IT DOES"),
        ];
        let titles: Vec<_> = titles.iter().filter(|(is_there, _)| *is_there).map(|(_, title)| *title).collect();
        let mut rows = Vec::new();
        for class in ORDER {
            let of_class = tools.iter().filter(|tool| tool.class == class);
            let count = of_class.clone().count();
            if count > 0 {
                let heading =
                    format!("{}, {} risk: {}", class.as_str(), class.risk().as_str(), plural(count as u64, "tool"));
                rows.push(vec![Cell::styled(heading, Style::new().bold())]);
                rows.extend(of_class.map(|tool| self.row(tool)));
            }
        }
        // The names are what is read first, and the rule of most tools begins with theirs.
        let widest = width.unwrap_or_default() * 2 / 5;
        Table::new(&titles, width).with_widest(widest).write(out, &rows)
    }

    fn row(&self, tool: &Tool<'_>) -> Vec<Cell> {
        let severity = tool.profile.severity;
        let call = match tool.decision.effect {
            Effect::Allow => Cell::styled(allowed(tool), SUCCESS),
            Effect::RequireApproval => Cell::styled("asks a person", WARN),
            Effect::Deny | Effect::Hide => Cell::styled("refused", ERROR),
        };
        let cells = [
            (true, Cell::plain(visible(tool.name))),
            (self.severity, Cell::styled(severity.as_str(), if severity == Risk::Critical { ERROR } else { DIM })),
            (self.sure, Cell::styled(sure(tool.source), if is_guess(tool) { WARN } else { DIM })),
            (self.call, call),
            (true, Cell::plain(marks(tool))),
            (true, Cell::plain(self.rule(tool))),
            (self.what, Cell::styled(tool.listed.description.as_deref().map(sentence).unwrap_or_default(), DIM)),
        ];
        cells.into_iter().filter(|(is_there, _)| *is_there).map(|(_, cell)| cell).collect()
    }
}

impl Columns {
    fn rule(&self, tool: &Tool<'_>) -> String {
        let rule = tool.decision.rule;
        if !self.short {
            return visible(rule);
        }
        let rule = if self.builtin { rule.strip_prefix("builtin:").unwrap_or(rule) } else { rule };
        self.own_entry(tool).map_or_else(|| visible(rule), |list| format!("{list}…"))
    }

    /// Where the entry of the tool's own name stands, if that is the rule and the name is left out of it.
    fn own_entry<'t>(&self, tool: &'t Tool<'_>) -> Option<&'t str> {
        let rule = tool.decision.rule;
        let rule = if self.builtin { rule.strip_prefix("builtin:").unwrap_or(rule) } else { rule };
        rule.strip_suffix(tool.name).filter(|list| self.short && list.ends_with("tools."))
    }
}

/// That a call passes, and how often.
fn allowed(tool: &Tool<'_>) -> String {
    match tool.limits.as_slice() {
        [] => "passes".to_owned(),
        [limit] => format!("passes {}/{}", limit.max, Length(limit.window)),
        [limit, rest @ ..] => format!("passes {}/{} +{}", limit.max, Length(limit.window), rest.len()),
    }
}

fn sure(source: ClassSource) -> &'static str {
    match source {
        ClassSource::Policy => "policy",
        ClassSource::Catalogue => "known",
        ClassSource::Classifier(confidence) => confidence.as_str(),
    }
}

fn is_guess(tool: &Tool<'_>) -> bool {
    matches!(tool.source, ClassSource::Classifier(Confidence::Medium | Confidence::Low))
}

/// What a mark stands for, and who has it.
type Mark = (char, &'static str, fn(&Tool<'_>) -> bool);

const MARKS: [Mark; 4] = [
    ('P', "reads or writes personal data", |tool| tool.profile.pii),
    ('S', "a message may go out because of it", |tool| tool.profile.sends),
    ('!', "cannot be undone with the server's own tools", |tool| tool.profile.irreversible),
    ('A', "what happens depends on the arguments too", |tool| tool.looks_at_arguments),
];

fn marks(tool: &Tool<'_>) -> String {
    MARKS.iter().filter(|(_, _, has)| has(tool)).map(|(mark, ..)| *mark).collect()
}

fn legend(out: &mut dyn Write, view: &View<'_>, columns: &Columns) -> io::Result<()> {
    writeln!(out)?;
    for (mark, meaning, has) in MARKS {
        if view.tools.iter().any(has) {
            writeln!(out, "  {DIM}{mark}  {meaning}{DIM:#}")?;
        }
    }
    if view.tools.iter().any(|tool| columns.own_entry(tool).is_some()) {
        writeln!(out, "  {DIM}tools.…  the entry of the tool's own name{DIM:#}")?;
    }
    if columns.sure && !view.tools.is_empty() {
        let known = if columns.severity { "known from the catalogue, " } else { "" };
        writeln!(out, "  {DIM}SURE  how sure the class is: {known}set by the policy,{DIM:#}")?;
        writeln!(out, "  {DIM}      or by the classifier with this confidence{DIM:#}")?;
    }
    Ok(())
}

fn sums(out: &mut dyn Write, view: &View<'_>) -> io::Result<()> {
    writeln!(out)?;
    let counted = |count: usize, what: &str| (count > 0).then(|| format!("{count} {what}"));
    let listed = |parts: Vec<Option<String>>| {
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
    };
    let classes = ORDER.iter().map(|class| counted(view.of_class(*class), class.as_str())).collect();
    writeln!(out, "Classes    {}", listed(classes))?;
    let effects = [
        (Effect::Allow, "allowed"),
        (Effect::RequireApproval, "ask a person"),
        (Effect::Deny, "refused"),
        (Effect::Hide, "hidden"),
    ];
    let effects = effects.iter().map(|(effect, word)| match (view.of_effect(*effect), effect) {
        (1, Effect::RequireApproval) => Some("1 asks a person".to_owned()),
        (count, _) => counted(count, word),
    });
    let effects = effects.collect();
    writeln!(out, "Decisions  {}", listed(effects))?;
    let hidden: Vec<_> = view.prompts.iter().filter(|prompt| !prompt.visible).map(|prompt| prompt.name).collect();
    let seen = view.prompts.len() - hidden.len();
    match (view.prompts.len(), hidden.len()) {
        (0, _) => writeln!(out, "Prompts    none")?,
        (all, 0) => writeln!(out, "Prompts    {all}, all visible")?,
        (all, _) => writeln!(out, "Prompts    {seen} of {all} visible; hidden with their tools: {}", names(&hidden))?,
    }
    let (resources, templates) = (view.offer.resources.len(), view.offer.templates.len());
    match resources + templates {
        0 => writeln!(out, "Resources  none")?,
        _ => writeln!(
            out,
            "Resources  {resources}, and {}; no policy speaks of them",
            plural(templates as u64, "template")
        )?,
    }
    let (before, after) = (grouped(view.before), grouped(view.after));
    if view.before == view.after {
        writeln!(out, "tools/list {before} bytes; nothing is hidden")?;
    } else {
        let tokens = grouped(view.tokens_saved());
        writeln!(out, "tools/list {before} bytes before, {after} after: hiding saves about {tokens} tokens")?;
    }
    if !view.unmatched.is_empty() {
        let entries = match view.unmatched.len() {
            1 => "1 entry of the policy matches".to_owned(),
            count => format!("{count} entries of the policy match"),
        };
        let shown = view.unmatched.iter().map(|(path, name)| match name {
            Some(name) => format!("{name} ({path})"),
            None => (*path).to_owned(),
        });
        let shown: Vec<String> = shown.collect();
        let shown: Vec<_> = shown.iter().map(String::as_str).collect();
        writeln!(out, "{WARN}{entries} no tool of this server: {}{WARN:#}", names(&shown))?;
    }
    for note in &view.notes {
        writeln!(out, "{WARN}Note: {}.{WARN:#}", visible(note.trim_end_matches('.')))?;
    }
    Ok(())
}

/// What a server calls itself, which should be short.
fn short(text: &str) -> String {
    let shown: String = text.chars().take(MAX_QUOTED).collect();
    format!("{}{}", visible(&shown), if shown.len() < text.len() { "…" } else { "" })
}

/// A few names, and how many more there are.
fn names(all: &[&str]) -> String {
    let mut shown: Vec<_> = all.iter().take(MAX_NAMES).map(|name| visible(name)).collect();
    if all.len() > MAX_NAMES {
        shown.push(format!("and {} more", all.len() - MAX_NAMES));
    }
    shown.join(", ")
}

/// The first sentence of a description, on one line.
fn sentence(description: &str) -> String {
    // More than this is never shown.
    let head: String = description.trim_start().chars().take(MAX_SENTENCE * 2).collect();
    let line = head.split(['\n', '\r']).next().unwrap_or_default();
    let end = line.find(". ").map_or(line.len(), |at| at + 1);
    let text = visible(line.get(..end).unwrap_or(line).trim_end());
    if text.chars().count() <= MAX_SENTENCE {
        return text;
    }
    text.chars().take(MAX_SENTENCE - 1).chain(['…']).collect()
}

/// A number with a comma before each three digits.
fn grouped(number: usize) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (91_960, "91,960"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_description_is_one_short_sentence() {
        assert_eq!(sentence("  Reads v1.2 lists. Then more."), "Reads v1.2 lists.");
        assert_eq!(sentence("Reads\nlists. x"), "Reads");
        assert_eq!(sentence("a\u{1b}[2Jb\u{202e}"), "a\\u{1b}[2Jb\\u{202e}");
        assert_eq!(sentence(&"é".repeat(5_000)).chars().count(), MAX_SENTENCE);
        assert_eq!(sentence(""), "");
    }
}
