//! What the engine says about a message that it has decided.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::text::write_json;
use crate::limits::MAX_CLIENT_NAME;
use crate::policy::Effect;
use crate::risk::Class;

/// Which side a message came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Client,
    /// From the server to the client.
    Server,
    /// From neither: what the wrapper does by itself, such as a reload of the policy.
    Wrapper,
}

impl Direction {
    /// Returns the word in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Wrapper => "wrapper",
        }
    }
}

/// Whether a call that is not in the log is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Required {
    /// It may go on.
    #[default]
    No,
    /// It is refused.
    Yes,
}

/// Whether a decision is enforced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enforcement {
    /// The decision is enforced.
    #[default]
    Enforced,
    /// The decision is only recorded (`wrap --observe`).
    Observed,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The wrapper did not pass it on.
    Refused,
    /// The server answered it.
    Ok,
    /// The server answered with a result that is marked as an error.
    ToolError,
    /// The server answered with an error, or with an answer that could not be passed on.
    Error,
    /// The client cancelled it.
    Cancelled,
    /// The server ended before its answer.
    ServerDied,
    /// The wrapper was killed before the answer, so nobody knows.
    Unknown,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 7] =
        [Self::Refused, Self::Ok, Self::ToolError, Self::Error, Self::Cancelled, Self::ServerDied, Self::Unknown];

    /// Returns the word in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Ok => "ok",
            Self::ToolError => "tool_error",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::ServerDied => "server_died",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The client's own description of itself: a claim, not an identity. Clones share it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client(Arc<Described>);

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Described {
    name: String,
    version: String,
}

impl Client {
    /// Creates a client from its name and version, cut to [`MAX_CLIENT_NAME`].
    pub fn new(name: &str, version: &str) -> Self {
        let cut = |text: &str| text.chars().take(MAX_CLIENT_NAME).collect();
        Self(Arc::new(Described { name: cut(name), version: cut(version) }))
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns its version.
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// Returns it as JSON.
    pub(super) fn to_json(&self) -> String {
        let mut json = Vec::new();
        write_json(&*self.0, &mut json);
        String::from_utf8(json).unwrap_or_default()
    }
}

/// What a message is about, beside its method. A message that is about nothing else has no subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// The tool of this name.
    Tool(&'a str),
    /// The prompt of this name.
    Prompt(&'a str),
    /// The resource with this URI, or the resource template.
    Resource(&'a str),
}

impl<'a> Subject<'a> {
    /// Returns the member of a line that names the subject.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Tool(_) => "tool",
            Self::Prompt(_) => "prompt",
            Self::Resource(_) => "resource",
        }
    }

    /// Returns the name or URI.
    pub fn name(self) -> &'a str {
        match self {
            Self::Tool(name) | Self::Prompt(name) | Self::Resource(name) => name,
        }
    }
}

/// A decision of the engine.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The side that the message came from.
    pub direction: Direction,
    /// Its method; `None` if it has none or it was not understood.
    pub method: Option<&'a str>,
    /// What it is about.
    pub subject: Option<Subject<'a>>,
    /// The tool's risk class.
    pub class: Option<Class>,
    /// The effect of the decision.
    pub effect: Effect,
    /// The rule that decided.
    pub rule: &'a str,
    /// The reason; `None` if it passes for no stated reason.
    pub reason: Option<&'a str>,
    /// Whether the decision is enforced.
    pub enforcement: Enforcement,
    /// The call's arguments, an object as written.
    pub arguments: Option<&'a str>,
    /// The answers to the server's questions that a call brings (`inputResponses`), an object as written.
    pub inputs: Option<&'a str>,
    /// The `traceparent` that the message brings, JSON as written. The log keeps it only if it is one by W3C Trace
    /// Context.
    pub traceparent: Option<&'a str>,
}

impl<'a> Facts<'a> {
    /// Returns the facts of a message that `rule` lets pass: enforced, about nothing but its method.
    pub fn new(direction: Direction, method: Option<&'a str>, rule: &'a str) -> Self {
        Self {
            direction,
            method,
            subject: None,
            class: None,
            effect: Effect::Allow,
            rule,
            reason: None,
            enforcement: Enforcement::Enforced,
            arguments: None,
            inputs: None,
            traceparent: None,
        }
    }
}
