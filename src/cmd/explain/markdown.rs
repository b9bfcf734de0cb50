//! What is known of a tool, as a section of a page.

use super::text::{KEEP, NONE, UNLOADED, UNNAMEABLE};
use super::{Explained, Standing};
use crate::policy::Format;
use crate::risk::{Attack, Knowledge};
use crate::visible::visible;

impl Explained<'_> {
    /// The section, which begins with its heading.
    pub(super) fn markdown(&self) -> String {
        let profile = &self.profile;
        let mut out = format!("## {}\n\n", code(self.tool));
        match self.does {
            Some(does) => out.push_str(does),
            None => out.push_str(&escaped(&self.unknown())),
        }
        out.push_str("\n\n| | |\n|---|---|\n");
        let mut row = |what: &str, value: &str| out.push_str(&format!("| {what} | {value} |\n"));
        row("server", self.server.as_str());
        row("class", profile.class.as_str());
        row("risk", profile.class.risk().as_str());
        if profile.source == Knowledge::Catalogue {
            row("one mistaken call", profile.severity.as_str());
        }
        let marks = self.marks();
        if !marks.is_empty() {
            row("marks", &marks.join(", "));
        }
        if let Some(route) = profile.route {
            row("route", &code(route));
        }
        out.push_str(&format!("\n### Why it needs a policy\n\n{}\n", escaped(&self.why())));
        out.push_str("\n### How such access is abused\n\n");
        if self.attacks.is_empty() {
            out.push_str(&format!("{NONE}\n"));
        }
        for Attack { name, account, stops, source, .. } in &self.attacks {
            out.push_str(&format!(
                "- **{name}.** {account}\n  What stops it: {stops}\n  Source: [{}]({}).\n",
                source.name, source.url
            ));
        }
        self.recommendation(&mut out);
        self.state(&mut out);
        out
    }

    fn recommendation(&self, out: &mut String) {
        out.push_str(&format!("\n### Recommended rule\n\n{} {}\n\n", self.advice(), self.recommended.why));
        let Some(snippet) = &self.snippet else {
            out.push_str(&format!("{UNNAMEABLE}\n"));
            return;
        };
        let language = match self.format {
            Format::Toml => "toml",
            Format::Json => "json",
            Format::Yaml => "yaml",
        };
        out.push_str(&fenced(language, &snippet.text(self.format)));
        if self.in_force.as_ref().is_ok_and(|in_force| in_force.standing == Standing::Same) {
            return;
        }
        if self.keeps() {
            out.push_str(&format!("\n{KEEP}\n"));
            return;
        }
        let commands: String = self.commands.iter().map(|command| format!("{command}\n")).collect();
        out.push_str(&format!("\n{}\n\n{}", self.how(), fenced("sh", &commands)));
        if let Some(note) = self.note() {
            out.push_str(&format!("\n{note}\n"));
        }
    }

    fn state(&self, out: &mut String) {
        out.push_str("\n### In force now\n\n");
        let in_force = match &self.in_force {
            Ok(in_force) => in_force,
            Err(_) => {
                out.push_str(&format!("{UNLOADED}\n"));
                return;
            }
        };
        let decision = in_force.policy.decide(self.tool);
        let (rule, place) = in_force.rule(self.tool);
        out.push_str(&format!("**{}**, by the rule {} of {}.", decision.effect, code(&rule), escaped(&place)));
        in_force.besides(self).iter().for_each(|sentence| out.push_str(&format!(" {}", escaped(sentence))));
        out.push_str(&format!(" {}\n", in_force.standing.sentence()));
    }
}

/// A text as code, whatever is in it.
fn code(text: &str) -> String {
    let text = visible(text).replace('|', r"\|");
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

/// A text in which nothing is taken for Markdown.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '!') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn fenced(language: &str, text: &str) -> String {
    format!("```{language}\n{text}```\n")
}
