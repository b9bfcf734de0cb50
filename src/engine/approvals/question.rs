//! What a person is asked, in the same words wherever they are asked.

use std::time::Duration;

use super::Local;
use crate::limits::PREVIEW_LINE;
use crate::policy::{Again, ApprovalLifetime, ApprovalScope};
use crate::record::Digest;
use crate::risk::{Class, Risk};
use crate::visible::escape_invisible;

/// A question about a request that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The number of the question in its session.
    pub number: u64,
    /// The tool; for another request, its method and what it is about.
    pub tool: Box<str>,
    /// What the client calls itself, if it has said so.
    pub client: Option<Box<str>>,
    /// The tool's risk class.
    pub class: Class,
    /// How bad one mistaken call is.
    pub severity: Risk,
    /// What else is known about the tool.
    pub effects: Vec<Effects>,
    /// The rule that asks.
    pub rule: Box<str>,
    /// The reason that the policy gives.
    pub reason: Option<Box<str>>,
    /// The arguments, an object as written.
    pub arguments: Box<str>,
    /// What else the server reads of the parameters, an object as written; `None` if that is nothing.
    pub beside: Option<Box<str>>,
    /// What changed of the definition since it was locked, in lines that hide nothing.
    pub changes: Option<Box<str>>,
    /// Where real values took the places of stand-ins, which the agent has; `None` if nowhere.
    pub put_back: Option<Box<str>>,
    /// Where the values came from because of which a person is asked; `None` if that is not why.
    pub origins: Option<Box<str>>,
    /// What the call is about: the answer to the read that the policy has for it, in lines that hide nothing.
    pub preview: Option<Box<str>>,
    /// What an approval for the rest of the session covers.
    pub scope: ApprovalScope,
    /// Whether an approval is for this preview only.
    pub again: Again,
    /// How long it, and a late approval of it, can be used.
    pub lives: ApprovalLifetime,
    /// The SHA-256 of the held line.
    pub line: Digest,
    /// The digest of all that an approval covers: another call with the same one is the same call.
    pub covers: Digest,
    /// The earlier question about the same call, which this one takes the place of.
    pub follows: Option<u64>,
    /// How long a person has to answer.
    pub timeout: Duration,
    /// Whether it is also asked on the local channel.
    pub local: Local,
}

impl Question {
    /// Returns what there is to read about it, except the arguments.
    pub fn view<'a>(&'a self, server: &'a str) -> QuestionView<'a> {
        QuestionView {
            tool: &self.tool,
            server,
            client: self.client.as_deref(),
            class: self.class.as_str(),
            severity: self.severity.as_str(),
            effects: &self.effects,
            rule: &self.rule,
            reason: self.reason.as_deref(),
            changes: self.changes.as_deref(),
            put_back: self.put_back.as_deref(),
            origins: self.origins.as_deref(),
            preview: self.preview.as_deref(),
            scope: Some(self.scope),
            again: self.again,
            lives: self.lives,
        }
    }

    /// Returns the digest of all that there is to read about it: an answer is for what was read.
    pub fn digest_shown(&self, server: &str) -> Digest {
        let rows = self.view(server).rows().into_iter().flat_map(|(label, text)| [label.to_owned(), text]);
        let sent = [&*self.arguments, self.beside.as_deref().unwrap_or_default(), &self.covers.to_string()].join("\0");
        // Nothing in them is invisible, so none of them holds a NUL.
        Digest::of_text(rows.chain([sent]).collect::<Vec<_>>().join("\0").as_bytes())
    }
}

/// What a tool does that its class does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effects {
    /// The server's own tools cannot undo it.
    Irreversible,
    /// It can cause a message to be sent.
    Sends,
}

impl Effects {
    /// Every one of them.
    pub const ALL: [Self; 2] = [Self::Irreversible, Self::Sends];

    /// Returns the words for a person, and in JSON output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Irreversible => "cannot be undone",
            Self::Sends => "sends to people",
        }
    }
}

/// A question as it is read, wherever it comes from.
#[derive(Clone, Copy, Debug)]
pub struct QuestionView<'a> {
    /// The tool; for another request, its method and what it is about.
    pub tool: &'a str,
    /// The server.
    pub server: &'a str,
    /// What the client calls itself.
    pub client: Option<&'a str>,
    /// The word for the risk class.
    pub class: &'a str,
    /// The word for how bad one mistaken call is.
    pub severity: &'a str,
    /// What else is known about the tool.
    pub effects: &'a [Effects],
    /// The rule that asks.
    pub rule: &'a str,
    /// The reason that the policy gives.
    pub reason: Option<&'a str>,
    /// What changed of the definition since it was locked, in lines that hide nothing.
    pub changes: Option<&'a str>,
    /// Where real values took the places of stand-ins.
    pub put_back: Option<&'a str>,
    /// Where the values came from because of which a person is asked.
    pub origins: Option<&'a str>,
    /// What the call is about, in lines that hide nothing.
    pub preview: Option<&'a str>,
    /// What an approval for the rest of the session covers; `None` if there is none to be had.
    pub scope: Option<ApprovalScope>,
    /// Whether an approval is for this preview only.
    pub again: Again,
    /// How long the question, and a late approval of it, can be used.
    pub lives: ApprovalLifetime,
}

impl QuestionView<'_> {
    /// Returns labels and texts, in the order in which they are read. Nothing in them is invisible.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![("Tool", escape_invisible(self.tool)), ("Server", escape_invisible(self.server))];
        if let Some(client) = self.client {
            rows.push(("Client", format!("{} (so it says)", escape_invisible(client))));
        }
        let rule = escape_invisible(self.rule);
        rows.push(("Risk", self.risk_text()));
        rows.push((
            "Why you are asked",
            match self.reason {
                Some(reason) => format!("{} (rule {rule})", escape_invisible(reason)),
                None => format!("the rule {rule} asks for a person's approval"),
            },
        ));
        if let Some(origins) = self.origins {
            rows.push(("Where from", escape_invisible(origins)));
        }
        rows.extend(self.changes.into_iter().flat_map(preview_lines).map(|line| ("What changed", line)));
        if let Some(places) = self.put_back {
            rows.push(("Real values", format!("in place of the agent's stand-ins: {}", escape_invisible(places))));
        }
        rows.extend(self.preview.into_iter().flat_map(preview_lines).map(|line| ("Preview", line)));
        if let Some(scope) = self.scope {
            let covered = match scope {
                ApprovalScope::Tool => "an approval for the session covers this tool with any arguments",
                ApprovalScope::Arguments => "an approval for the session covers these arguments only",
            };
            let unless = match self.again {
                Again::No => "",
                Again::Compared => ", as long as the preview is the same",
            };
            rows.push(("For the session", format!("{covered}{unless}")));
        }
        if self.lives == ApprovalLifetime::Client {
            rows.push(("If you come late", "the client's next session can make this call once".to_owned()));
        }
        rows
    }

    /// Returns the risk, in one scale, and what else is known about the tool.
    pub fn risk_text(&self) -> String {
        let effects = self.effects.iter().map(|effect| effect.as_str());
        let all: Vec<_> = std::iter::once(self.class).chain(effects).collect();
        format!("{}: {}", self.severity, all.join(", "))
    }
}

/// Returns the lines of a preview, or of changes, as they are shown, each with its label. They are a server's words: no blank line, indentation or
/// line break of a terminal in them draws what could be taken for ours.
fn preview_lines(preview: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in preview.lines() {
        let line = escape_invisible(&line.split_whitespace().collect::<Vec<_>>().join(" "));
        let mut mark = "";
        let mut rest = line.as_str();
        while !rest.is_empty() {
            let (now, later) = split_at_width(rest, PREVIEW_LINE);
            lines.push(format!("{mark}{now}"));
            (mark, rest) = ("… ", later);
        }
    }
    lines
}

/// Splits a text after as many characters as fit into `columns`, and at least after one, at a blank if there is one in the second half
/// of them. No character takes more than two columns.
fn split_at_width(text: &str, columns: usize) -> (&str, &str) {
    let mut used = 0;
    let end = text.char_indices().find(|(at, c)| {
        used += if c.is_ascii() { 1 } else { 2 };
        *at > 0 && used > columns
    });
    let Some((end, _)) = end else { return (text, "") };
    let (now, later) = text.split_at(end);
    match now.rfind(' ').filter(|at| *at > end / 2) {
        Some(_) if later.starts_with(' ') => (now, later.trim_start()),
        Some(at) => (text.get(..at).unwrap_or(now), text.get(at + 1..).unwrap_or(later)),
        None => (now, later.trim_start()),
    }
}
