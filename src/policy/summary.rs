//! What a policy does, in two sentences and four lines.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::builtin::{BuiltinTitle, Strength};
use super::compile::{Mode, Policy};
use super::decision::Effect;
use super::section::Section;
use super::server::ServerName;
use crate::risk::Class;

impl Policy {
    /// Returns what is in force, and what it does to the known tools of the server.
    pub fn summarize(&self) -> Summary<'_> {
        let tools = self.tally_tools().map(|tally| tally.all);
        let otherwise = self.otherwise.effect;
        Summary {
            file: self.file.as_deref(),
            server: self.server(),
            builtin: BuiltinTitle::of(self.identity()),
            package: None,
            mode: self.mode,
            strength: self.identity().strength().unwrap_or_default(),
            otherwise,
            tools,
        }
    }

    /// Counts the known tools of the server by what happens to them; `None` if the server has no catalogue.
    pub fn tally_tools(&self) -> Option<ToolsTally> {
        self.tally_with(|tool| self.decide_tool(tool).effect)
    }

    /// The same where no policy is in front of the server: everything passes.
    pub fn tally_unguarded(&self) -> Option<ToolsTally> {
        self.tally_with(|_| Effect::Allow)
    }

    fn tally_with(&self, effect_of: impl Fn(&str) -> Effect) -> Option<ToolsTally> {
        let mut tally = ToolsTally::default();
        for tool in self.catalogue()?.tools() {
            let effect = effect_of(&tool.name);
            tally.all.add(effect);
            tally.by_class.entry(self.class_of(&tool.name)).or_default().add(effect);
        }
        Some(tally)
    }
}

/// What a policy does to the known tools of a server, also by their class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ToolsTally {
    /// All of them.
    #[serde(flatten)]
    pub all: Tally,
    /// Those of each class that there are tools of.
    pub by_class: BTreeMap<Class, Tally>,
}

/// What is in force, for the line at startup and for `check`.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'p> {
    /// The file, as shown to a person.
    pub file: Option<&'p str>,
    /// The server that the policy is for.
    pub server: &'p ServerName,
    /// What a command has to start for this to be in force, where no command is looked at.
    pub package: Option<&'p str>,
    /// How the document is in force.
    pub mode: Mode,
    /// How strict the built-in policy is where the server has no catalogue.
    pub strength: Strength,
    /// What the built-in policy of the server is called in a sentence.
    pub builtin: BuiltinTitle,
    /// The effect for a tool that no rule names.
    pub otherwise: Effect,
    /// What happens to the tools of the server's catalogue; `None` if it has none.
    pub tools: Option<Tally>,
}

/// What a policy does to the known tools of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many tools are known.
    pub known: usize,
    /// How many can be called.
    pub allowed: usize,
    /// How many need a person's approval.
    pub asking: usize,
    /// How many are listed, but refused.
    pub refused: usize,
    /// How many are removed from tools/list.
    pub hidden: usize,
}

impl Tally {
    fn add(&mut self, effect: Effect) {
        self.known += 1;
        *match effect {
            Effect::Allow => &mut self.allowed,
            Effect::RequireApproval => &mut self.asking,
            Effect::Deny => &mut self.refused,
            Effect::Hide => &mut self.hidden,
        } += 1;
    }

    /// How many stay in tools/list.
    pub fn count_visible(&self) -> usize {
        self.allowed + self.asking + self.refused
    }
}

/// What a policy says beside tool calls, in one of its sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SectionTally {
    /// The section.
    pub section: Section,
    /// How many of its entries allow, perhaps with limits and conditions.
    pub allowed: usize,
    /// How many need a person's approval.
    pub asking: usize,
    /// How many refuse.
    pub refused: usize,
    /// What happens where no entry is about it.
    pub otherwise: Effect,
    /// The same, for a resource that the server has listed, or that fits a template that it has listed.
    #[serde(rename = "otherwise_listed")]
    pub listed: Effect,
}

impl SectionTally {
    /// Returns what the section is about, in the plural.
    pub fn subject(&self) -> &'static str {
        match self.section {
            Section::Resources => "resources",
            Section::Prompts => "prompts",
            Section::Requests => "requests of the server",
            Section::Methods => "unknown methods",
        }
    }

    /// Describes what the entries say, and what holds without one: `1 allowed, 2 refused; the others are refused`.
    pub fn describe(&self) -> String {
        let Self { section, allowed, asking, refused, otherwise, listed } = *self;
        let counts = [
            (allowed, "allowed"),
            (asking, if asking == 1 { "asks a person" } else { "ask a person" }),
            (refused, "refused"),
        ];
        let counts: Vec<_> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let otherwise = match (otherwise, section) {
            (Effect::RequireApproval, Section::Resources) if listed == Effect::Allow => {
                "allowed if the server lists them; for others, a person is asked"
            }
            (Effect::Allow, Section::Prompts) => "allowed, unless named after a hidden tool",
            (Effect::Allow, _) => "allowed",
            (Effect::RequireApproval, _) => "a person is asked",
            (Effect::Deny | Effect::Hide, _) => "refused",
        };
        if counts.is_empty() { otherwise.to_owned() } else { format!("{}; otherwise {otherwise}", counts.join(", ")) }
    }
}

/// Formats two sentences on one line: what is in force, and what it does to the known tools.
impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self.server;
        let is_known = self.tools.is_some();
        match (self.mode, self.otherwise) {
            (Mode::Standalone, _) => write!(f, "{} stands alone.", self.file.unwrap_or("the document"))?,
            (Mode::Patch, Effect::Allow) => {
                write!(f, "{} hides tools and allows all others.", self.file.unwrap_or("the document"))?;
            }
            (Mode::Patch, _) => {
                write!(f, "{} is laid over {}", self.file.unwrap_or("the document"), self.builtin)?;
                f.write_str(if is_known { "." } else { ", which knows no tool of this server." })?;
            }
            (Mode::Builtin, _) if is_known => {
                write!(f, "{} is in force", self.builtin)?;
                self.package.map_or(Ok(()), |package| write!(f, " where the server's command starts {package}"))?;
                f.write_str(".")?;
            }
            (Mode::Builtin, _) => write!(
                f,
                "there is no policy for {server}: {}.",
                match self.strength {
                    Strength::Strict => {
                        "what is surely a read and names no address is allowed, everything else asks a person"
                    }
                    Strength::Balanced => {
                        "the balanced built-in policy is in force, under which a person is asked where others may have written \
                         what a call reaches, where its arguments do not tell that, and about what destroys"
                    }
                    Strength::Quiet => {
                        "the quiet built-in policy is in force, under which a person is asked only where the session has read what \
                         others may have written"
                    }
                }
            )?,
        }
        if let Some(tools) = self.tools {
            write!(
                f,
                " Of {} known tools {} are visible ({} allowed, {} ask a person, {} refused) and {} hidden.",
                tools.known,
                tools.count_visible(),
                tools.allowed,
                tools.asking,
                tools.refused,
                tools.hidden
            )?;
        }
        Ok(())
    }
}
