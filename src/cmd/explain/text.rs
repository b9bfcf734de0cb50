//! What is known of a tool, for a person at a terminal.

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

use super::{Explained, Standing};
use crate::policy::{Effect, Mode};
use crate::risk::{Attack, Knowledge, Risk};
use crate::term::style::{DIM, ERROR, SUCCESS, WARN, terminal_width};
use crate::visible::visible;

const BOLD: Style = Style::new().bold();

/// Wider lines are hard to read.
const WIDEST: usize = 100;

/// How wide to write.
pub(super) fn width() -> usize {
    terminal_width().unwrap_or(80).min(WIDEST)
}

impl Explained<'_> {
    /// The whole page, for a terminal of this width. Colours are taken out again by a writer that is no terminal.
    pub(super) fn text(&self, width: usize) -> String {
        let mut page = Page { out: String::new(), width };
        self.head(&mut page);
        self.abuse(&mut page);
        self.rule_to_paste(&mut page);
        self.now(&mut page);
        page.out
    }

    fn head(&self, page: &mut Page) {
        let profile = &self.profile;
        page.line(&format!("{BOLD}{}{BOLD:#} {DIM}of {}{DIM:#}", visible(self.tool), self.server));
        let style = match profile.class.risk() {
            Risk::Low => SUCCESS,
            Risk::Medium | Risk::High => WARN,
            Risk::Critical => ERROR,
        };
        let (class, risk) = (profile.class.as_str(), profile.class.risk().as_str());
        let severity = match profile.source {
            Knowledge::Catalogue => format!("; one mistaken call: {}", profile.severity.as_str()),
            Knowledge::Classifier(_) => String::new(),
        };
        page.line(&format!("  class {style}{class}{style:#}, risk {style}{risk}{style:#}{severity}"));
        let marks = self.marks();
        if !marks.is_empty() {
            page.line(&format!("  {}", marks.join(", ")));
        }
        if let Some(route) = profile.route {
            page.line(&format!("  {DIM}{route}{DIM:#}"));
        }
        page.gap();
        match self.does {
            Some(does) => page.paragraph(0, does),
            None => page.paragraph(0, &self.unknown()),
        }
        page.title("Why it needs a policy");
        page.paragraph(2, &self.why());
    }

    /// That nobody has examined the tool, and what may have been meant.
    pub(super) fn unknown(&self) -> String {
        let mut out =
            "No catalogue has this tool: what follows is told by its name alone. What its server lists of it may \
                       make it worse, and never better; policylayer inspect looks at that, too."
                .to_owned();
        if !self.nearest.is_empty() {
            out.push_str(&format!(" Did you mean {}?", self.nearest.join(", ")));
        }
        if let Some(server) = self.known_elsewhere() {
            out.push_str(&format!(" {server} has a tool of this name: --server {server} explains that."));
        }
        out
    }

    /// Why it is classed so, and how sure that is.
    pub(super) fn why(&self) -> String {
        let reason = visible(&self.profile.why);
        let Knowledge::Classifier(confidence) = self.profile.source else { return reason };
        let by_name = self.by_name.unwrap_or(self.profile.class).as_str();
        let mut out = format!("By its name it is {by_name}, with {} confidence: {reason}", confidence.as_str());
        if let Some(raised) = self.raised() {
            out.push_str(&format!(" It counts as {}: {raised}.", self.profile.class.as_str()));
        }
        out
    }

    fn abuse(&self, page: &mut Page) {
        page.title("How such access is abused");
        if self.attacks.is_empty() {
            page.paragraph(2, NONE);
        }
        for (at, Attack { name, account, stops, .. }) in self.attacks.iter().enumerate() {
            if at > 0 {
                page.gap();
            }
            page.line(&format!("  {BOLD}{name}{BOLD:#}"));
            page.paragraph(4, account);
            page.paragraph(4, &format!("What stops it: {}", stops));
        }
    }

    fn rule_to_paste(&self, page: &mut Page) {
        page.title("Recommended rule");
        page.paragraph(2, &format!("{} {}", self.advice(), self.recommended.why));
        page.gap();
        let Some(snippet) = &self.snippet else {
            page.paragraph(2, UNNAMEABLE);
            return;
        };
        snippet.text(self.format).lines().for_each(|line| page.line(&format!("    {line}")));
        let standing = self.in_force.as_ref().ok().map(|in_force| in_force.standing);
        if standing == Some(Standing::Same) {
            return;
        }
        page.gap();
        if self.keeps() {
            page.paragraph(2, KEEP);
            return;
        }
        page.paragraph(2, self.how());
        page.gap();
        self.commands.iter().for_each(|command| page.line(&format!("    {command}")));
        if let Some(note) = self.note() {
            page.gap();
            page.paragraph(2, note);
        }
    }

    /// What becomes of a document that only hides when an entry is pasted into it.
    pub(super) fn note(&self) -> Option<&'static str> {
        let in_force = self.in_force.as_ref().ok()?;
        let stands_alone = in_force.policy.summary().mode == Mode::Patch
            && self.snippet.as_ref().is_some_and(|snippet| matches!(snippet, super::Snippet::Entry(..)));
        stands_alone.then_some(
            "The file in force only hides. With `tools` pasted into it, it stands alone, and the built-in rules for all other \
             tools are gone; the commands write those into it first.",
        )
    }

    fn now(&self, page: &mut Page) {
        page.title("In force now");
        let in_force = match &self.in_force {
            Ok(in_force) => in_force,
            Err(_) => {
                page.paragraph(2, UNLOADED);
                return;
            }
        };
        let decision = in_force.policy.decide(self.tool);
        let style = match decision.effect {
            Effect::Allow => SUCCESS,
            Effect::Deny | Effect::Hide => ERROR,
            Effect::RequireApproval => WARN,
        };
        let begins = page.out.len();
        let (rule, place) = in_force.rule(self.tool);
        page.paragraph(2, &format!("{}, by the rule {rule} of {place}.", decision.effect));
        page.out.insert_str(begins + 2 + decision.effect.as_str().len(), &format!("{style:#}"));
        page.out.insert_str(begins + 2, &style.to_string());
        in_force.besides(self).iter().for_each(|line| page.paragraph(2, line));
        page.paragraph(2, in_force.standing.sentence());
    }
}

/// Where no pattern applies.
pub(super) const NONE: &str = "None of the patterns in docs/attacks.md needs what it offers. What it returns may still serve somebody who has other tools.";

/// Where no snippet can be had.
pub(super) const UNNAMEABLE: &str = "No key of a policy can name this tool so that a person sees what they read. It is left to the policy's \
     classes and its default.";

/// Where a name alone speaks for less than what is in force.
pub(super) const KEEP: &str = "What is in force lets less through than that. Keep it, unless you know what the tool does: its name is all that was looked at.";

/// Where the policy is broken.
pub(super) const UNLOADED: &str =
    "Not known: the policy cannot be loaded, and nothing is started without one. The error says what to mend.";

impl Standing {
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Same => "That is what is recommended.",
            Self::Stricter => "That lets less through than what is recommended.",
            Self::Other => "That is not what is recommended.",
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Stricter => "stricter",
            Self::Other => "other",
        }
    }
}

/// A page that is written line by line.
struct Page {
    out: String,
    width: usize,
}

impl Page {
    fn gap(&mut self) {
        self.out.push('\n');
    }

    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn title(&mut self, title: &str) {
        self.gap();
        self.line(&format!("{BOLD}{title}{BOLD:#}"));
    }

    /// A text over as many lines as it needs, broken between words.
    fn paragraph(&mut self, indent: usize, text: &str) {
        let room = self.width.saturating_sub(indent);
        let mut line = String::new();
        for word in text.split(' ') {
            if !line.is_empty() && line.width() + 1 + word.width() > room {
                let full = std::mem::take(&mut line);
                self.indented(indent, &full);
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.indented(indent, &line);
    }

    fn indented(&mut self, indent: usize, line: &str) {
        self.line(&format!("{}{line}", " ".repeat(indent)));
    }
}
