//! What is known about a tool, for a person: a page for a terminal, and a section of a Markdown page.

use anstyle::Style;

use crate::report::explanation::{Explanation, Standing, fact_name};
use crate::report::section_explanation::SectionExplanation;
use crate::risk::ToolFact;
use crate::term::path::show_text;
use crate::term::style::{DIM, effect_style, risk_style};
use crate::term::wrap::{text_width, wrap_text};
use crate::visible::escape_invisible;

const BOLD: Style = Style::new().bold();

/// Shown for a tool that no attack pattern needs.
const NO_ATTACK: &str =
    "No pattern in docs/attacks.md needs what it offers. What it returns may still help somebody who has other tools.";

/// Shown for a tool that no snippet can name.
const UNNAMEABLE: &str = "No key of a policy can name this tool in a way that a person can read. The policy's classes and its default \
     decide about it.";

/// Shown for a tool whose name alone suggests less than what is in force.
const KEEP: &str = "What is in force is stricter. Keep it unless you know what the tool does: this recommendation is based on its name alone.";

/// Shown for a policy that cannot be loaded.
const UNLOADED: &str =
    "Unknown: the policy cannot be loaded, and no server is started without one. The error says what to fix.";

/// Shown for a document that only hides, if an entry is to be pasted into it.
const DROPS_BUILTIN: &str = "The file in force only hides. If you paste `tools` into it, it stands alone, and the built-in rules for all other \
     tools are gone. The commands above write those into it first.";

/// How many entries of a section are shown.
const SHOWN_ENTRIES: usize = 10;

pub(crate) fn format_terminal(explanation: &Explanation<'_>) -> String {
    let mut page = Page { out: String::new(), face: Face::Terminal { width: text_width() } };
    page.push_terminal_head(explanation);
    page.push_sections(explanation);
    page.out
}

/// Formats a section of a Markdown page, which begins with its heading.
pub(crate) fn format_markdown(explanation: &Explanation<'_>) -> String {
    let mut page = Page { out: String::new(), face: Face::Markdown };
    page.push_markdown_head(explanation);
    page.push_sections(explanation);
    page.out
}

#[derive(Clone, Copy)]
enum Face {
    Terminal { width: usize },
    Markdown,
}

struct Page {
    out: String,
    face: Face,
}

impl Page {
    fn push_terminal_head(&mut self, explanation: &Explanation<'_>) {
        let (class, risk) = (explanation.class.as_str(), explanation.severity.as_str());
        let style = risk_style(risk);
        self.push_line(&format!(
            "{BOLD}{}{BOLD:#} {DIM}of {}{DIM:#}",
            escape_invisible(explanation.tool),
            explanation.server
        ));
        self.push_line(&format!("  class {class}, risk {style}{risk}{style:#}"));
        let marks = explanation.list_marks();
        if !marks.is_empty() {
            self.push_line(&format!("  {}", marks.join(", ")));
        }
        if let Some(route) = explanation.route {
            self.push_line(&format!("  {DIM}{route}{DIM:#}"));
        }
        self.push_line("");
        let does = explanation.does.map_or_else(|| describe_unknown(explanation), str::to_owned);
        self.push_wrapped(0, &does);
        for fact in guessed_facts(explanation) {
            self.push_wrapped(2, &format!("{}: {}", fact_name(fact.fact), escape_invisible(&fact.reason)));
        }
    }

    fn push_markdown_head(&mut self, explanation: &Explanation<'_>) {
        let does = explanation.does.map_or_else(|| escape_markdown(&describe_unknown(explanation)), str::to_owned);
        self.push_line(&format!("## {}\n\n{does}\n\n| | |\n|---|---|", format_code(explanation.tool)));
        let mut row = |what: &str, value: &str| self.push_line(&format!("| {what} | {value} |"));
        row("server", explanation.server);
        row("class", explanation.class.as_str());
        row("risk", explanation.severity.as_str());
        let marks = explanation.list_marks();
        if !marks.is_empty() {
            row("marks", &marks.join(", "));
        }
        for fact in guessed_facts(explanation) {
            row(fact_name(fact.fact), &escape_markdown(&fact.reason));
        }
        if let Some(route) = explanation.route {
            row("route", &format_code(route));
        }
    }

    fn push_sections(&mut self, explanation: &Explanation<'_>) {
        self.push_heading("Why it needs a policy");
        let why = self.escape_markup(&explanation.why);
        self.push_paragraph(&why);
        self.push_heading("How such access is abused");
        self.push_attacks(explanation);
        self.push_heading("Recommended rule");
        self.push_recommendation(explanation);
        self.push_heading("In force now");
        self.push_in_force(explanation);
        if let Some(sections) = &explanation.beside_tools {
            self.push_heading("Beside tool calls");
            sections.iter().for_each(|section| self.push_section(section));
            explanation.sections_otherwise().into_iter().for_each(|otherwise| match self.face {
                Face::Terminal { .. } => self.push_paragraph(otherwise),
                Face::Markdown => self.push_line(&format!("\n{otherwise}")),
            });
        }
    }

    fn push_section(&mut self, section: &SectionExplanation<'_>) {
        let (subject, all) = (section.tally.subject(), section.tally.describe());
        match self.face {
            Face::Terminal { .. } => self.push_paragraph(&format!("{BOLD}{subject}{BOLD:#}: {all}")),
            Face::Markdown => self.push_line(&format!("- **{subject}**: {all}")),
        }
        for entry in section.entries.iter().take(SHOWN_ENTRIES) {
            let (rule, effect, details) = (escape_invisible(entry.rule), entry.effect, entry.describe_details());
            let details = if details.is_empty() { details } else { format!(": {details}") };
            match self.face {
                Face::Terminal { .. } => {
                    let style = effect_style(effect.as_str());
                    self.push_wrapped(4, &format!("{rule}  {style}{effect}{style:#}{details}"));
                }
                Face::Markdown => {
                    let details = escape_markdown(&details);
                    self.push_line(&format!("  - {}: **{effect}**{details}", format_code(&rule)));
                }
            }
        }
        let more = section.entries.len().saturating_sub(SHOWN_ENTRIES);
        if more > 0 {
            let mark = if matches!(self.face, Face::Markdown) { "  - " } else { "" };
            self.push_wrapped(4, &format!("{mark}and {more} more"));
        }
    }

    fn push_attacks(&mut self, explanation: &Explanation<'_>) {
        if explanation.attacks.is_empty() {
            self.push_paragraph(NO_ATTACK);
        }
        for (index, attack) in explanation.attacks.iter().enumerate() {
            let (name, account, source) = (attack.name, attack.account, &attack.source);
            let stops = format!("What stops it: {}", attack.stopped_by);
            match self.face {
                Face::Terminal { .. } => {
                    if index > 0 {
                        self.push_line("");
                    }
                    self.push_line(&format!("  {BOLD}{name}{BOLD:#}"));
                    self.push_wrapped(4, account);
                    self.push_wrapped(4, &stops);
                }
                Face::Markdown => {
                    let source = format!("Source: [{}]({}).", source.name, source.url);
                    self.push_line(&format!("- **{name}.** {account}\n  {stops}\n  {source}"));
                }
            }
        }
    }

    fn push_recommendation(&mut self, explanation: &Explanation<'_>) {
        let recommended = &explanation.recommended;
        self.push_paragraph(&format!("{} {}", recommended.advice, recommended.why));
        self.push_line("");
        let Some(snippet) = &recommended.text.snippet else {
            self.push_paragraph(UNNAMEABLE);
            return;
        };
        self.push_code(recommended.format, snippet);
        if explanation.in_force.as_ref().is_some_and(|in_force| in_force.compared == Standing::Same) {
            return;
        }
        self.push_line("");
        if explanation.is_stricter_than_name() {
            self.push_paragraph(KEEP);
            return;
        }
        self.push_paragraph(match recommended.text.has_conditions {
            true => {
                "To put it in place, run this and paste the rule (it reads until Ctrl-D), or paste it into the policy:"
            }
            false => "To put it in place, run this, or paste the rule into the policy:",
        });
        self.push_line("");
        self.push_code("sh", &(recommended.commands.join("\n") + "\n"));
        if explanation.pasting_drops_builtin() {
            self.push_line("");
            self.push_paragraph(DROPS_BUILTIN);
        }
    }

    fn push_in_force(&mut self, explanation: &Explanation<'_>) {
        let Some(in_force) = &explanation.in_force else {
            self.push_paragraph(UNLOADED);
            return;
        };
        let rule = escape_invisible(in_force.rule);
        let style = effect_style(in_force.effect.as_str());
        let (effect, rule) = match self.face {
            Face::Terminal { .. } => (format!("{style}{}{style:#}", in_force.effect), rule),
            Face::Markdown => (format!("**{}**", in_force.effect), format_code(&rule)),
        };
        let mut sentences =
            vec![format!("{effect}, by the rule {rule} of {}.", self.escape_markup(&in_force.document))];
        sentences.extend(explanation.details_in_force(in_force).iter().map(|detail| self.escape_markup(detail)));
        let standing = match in_force.compared {
            Standing::Same => "That is what is recommended.",
            Standing::Stricter => "That is stricter than what is recommended.",
            Standing::Other => "That is not what is recommended.",
        };
        sentences.push(standing.to_owned());
        match self.face {
            Face::Terminal { .. } => sentences.iter().for_each(|sentence| self.push_paragraph(sentence)),
            Face::Markdown => self.push_line(&sentences.join(" ")),
        }
    }

    fn push_heading(&mut self, heading: &str) {
        match self.face {
            Face::Terminal { .. } => self.push_line(&format!("\n{BOLD}{heading}{BOLD:#}")),
            Face::Markdown => self.push_line(&format!("\n### {heading}\n")),
        }
    }

    fn push_paragraph(&mut self, text: &str) {
        self.push_wrapped(2, text);
    }

    fn push_wrapped(&mut self, indent: usize, text: &str) {
        match self.face {
            Face::Terminal { width } => self.out.push_str(&wrap_text(&show_text(text), indent, width)),
            Face::Markdown => self.push_line(text),
        }
    }

    fn push_code(&mut self, language: &str, text: &str) {
        match self.face {
            Face::Terminal { .. } => text.lines().for_each(|line| self.push_line(&format!("    {line}"))),
            Face::Markdown => self.push_line(&format!("```{language}\n{text}```")),
        }
    }

    fn push_line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn escape_markup(&self, text: &str) -> String {
        match self.face {
            Face::Terminal { .. } => text.to_owned(),
            Face::Markdown => escape_markdown(text),
        }
    }
}

/// Explains that nobody has examined the tool, and which one may have been meant.
/// The facts that no catalogue says, whose reason is worth a line.
fn guessed_facts<'e>(explanation: &'e Explanation<'_>) -> impl Iterator<Item = &'e ToolFact> {
    explanation.facts.iter().filter(|_| !explanation.known)
}

fn describe_unknown(explanation: &Explanation<'_>) -> String {
    let based_on = match (explanation.listed, explanation.is_settled_by_name()) {
        (true, _) => {
            "is based on what its server listed of it when it was locked; a session goes by what is listed then."
        }
        (false, true) => {
            "is based on its name alone. What its server lists about it can raise the risk and never lower it; `policylayer \
             inspect` takes that into account."
        }
        (false, false) => {
            "is based on its name alone, which does not settle what it does. What its server lists about it decides in a session, and \
             can make it milder or worse; `policylayer inspect` takes that into account."
        }
    };
    let mut out = format!("No catalogue has this tool, so what follows {based_on}");
    if !explanation.did_you_mean.is_empty() {
        out.push_str(&format!(" Did you mean {}?", explanation.did_you_mean.join(", ")));
    }
    match explanation.known_elsewhere().as_slice() {
        [] => {}
        [server] => out.push_str(&format!(" {server} has a tool of this name: --server {server} explains that.")),
        servers => {
            let servers = servers.join(", ");
            out.push_str(&format!(
                " Known servers with a tool of this name: {servers}. Choose one with --server NAME."
            ));
        }
    }
    out
}

fn format_code(text: &str) -> String {
    let text = escape_invisible(text).replace('|', r"\|");
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

fn escape_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '!') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
