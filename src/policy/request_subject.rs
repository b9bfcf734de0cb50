//! What a call, or another request that a policy decides about, is about.

use serde::Serialize;

use super::section::Section;
use crate::wire::method::{Method, MethodClass, MethodKind, PolicySubject, Sender, classify_method};

/// What a call or another request is about, with its name, URI or method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestSubject<N> {
    /// A call of this tool.
    Tool(N),
    /// The resource with this URI, which is read.
    Resource(N),
    /// The prompt of this name, which is fetched.
    Prompt(N),
    /// A request with this method: of the client, or of the server if the protocol knows it as one.
    Method(N),
}

impl<N: AsRef<str>> RequestSubject<N> {
    /// Borrows the name.
    pub fn as_deref(&self) -> RequestSubject<&str> {
        match self {
            Self::Tool(name) => RequestSubject::Tool(name.as_ref()),
            Self::Resource(uri) => RequestSubject::Resource(uri.as_ref()),
            Self::Prompt(name) => RequestSubject::Prompt(name.as_ref()),
            Self::Method(method) => RequestSubject::Method(method.as_ref()),
        }
    }
}

impl<'n> RequestSubject<&'n str> {
    /// Returns the name, URI or method.
    pub fn name(self) -> &'n str {
        match self {
            Self::Tool(name) | Self::Resource(name) | Self::Prompt(name) | Self::Method(name) => name,
        }
    }

    /// Returns the section of the policy and the name in it; `None` for a tool.
    pub fn section(self) -> Option<(Section, &'n str)> {
        match self {
            Self::Tool(_) => None,
            Self::Resource(uri) => Some((Section::Resources, uri)),
            Self::Prompt(name) => Some((Section::Prompts, name)),
            Self::Method(method) => Some(Section::of_method(method)),
        }
    }

    /// Returns what decides about a method that neither `methods` nor `requests` applies to.
    pub fn decided_by(self) -> Option<PolicySubject> {
        use PolicySubject::{Elicitation, Methods, Roots, Sampling, Tasks};
        match self {
            Self::Method(method) => match classify_method(method) {
                // Of a client, a notification of servers is a method like any other.
                MethodClass::Known(Method { kind: MethodKind::Notification, sender: Sender::Server, .. }) => None,
                MethodClass::Known(known) => Some(known.subject),
                MethodClass::LooksLike(_) | MethodClass::Unknown => None,
            },
            Self::Tool(_) | Self::Resource(_) | Self::Prompt(_) => None,
        }
        .filter(|subject| !matches!(subject, Elicitation | Methods | Roots | Sampling | Tasks))
    }

    /// Returns what messages put before the name; nothing before that of a tool.
    pub fn label(self) -> &'static str {
        match self {
            Self::Tool(_) => "",
            Self::Resource(_) => "resource ",
            Self::Prompt(_) => "prompt ",
            Self::Method(_) => "method ",
        }
    }
}
