//! What a person is asked, in the same words wherever they are asked.

use std::time::Duration;

use super::Local;
use crate::policy::{ApprovalLifetime, ApprovalScope};
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
    /// What the call is about: the answer to the read that the policy has for it, in lines that hide nothing.
    pub preview: Option<Box<str>>,
    /// What an approval for the rest of the session covers.
    pub scope: ApprovalScope,
    /// How long it, and a late approval of it, can be used.
    pub lives: ApprovalLifetime,
    /// The SHA-256 of the held line.
    pub line: Digest,
    /// The digest of all that an approval covers: another call with the same one is the same call.
    pub covers: Digest,
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
            preview: self.preview.as_deref(),
            scope: Some(self.scope),
            lives: self.lives,
        }
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
    /// What the call is about, in lines that hide nothing.
    pub preview: Option<&'a str>,
    /// What an approval for the rest of the session covers; `None` if there is none to be had.
    pub scope: Option<ApprovalScope>,
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
        for line in self.preview.into_iter().flat_map(str::lines) {
            rows.push(("Preview", escape_invisible(line)));
        }
        if let Some(scope) = self.scope {
            let covered = match scope {
                ApprovalScope::Tool => "an approval for the session covers this tool with any arguments",
                ApprovalScope::Arguments => "an approval for the session covers these arguments only",
            };
            rows.push(("For the session", covered.to_owned()));
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
