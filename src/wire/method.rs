//! The methods of MCP, of each revision in one table: who sends them, and what of a policy speaks of them.
//!
//! Sources: `schema/REVISION/schema.ts` of the specification, and its extensions `io.modelcontextprotocol/tasks` and
//! `io.modelcontextprotocol/skills`. MCP Apps adds no method: `ui/*` is spoken between a host and an app, and what an app
//! calls or reads comes as `tools/call` and `resources/read`.

use self::MethodKind::{Notification, Request};
use self::Revision::{July2026, June2025, November2024, November2025};
use self::Sender::{Both, Client, Server};
use super::fold::fold;
use super::lookalike::is_alike;

/// Calls a tool.
pub const TOOLS_CALL: &str = "tools/call";
/// Lists the tools.
pub const TOOLS_LIST: &str = "tools/list";
/// Fetches a prompt.
pub const PROMPTS_GET: &str = "prompts/get";
/// Lists the prompts.
pub const PROMPTS_LIST: &str = "prompts/list";
/// Begins a session, up to revision 2025-11-25.
pub const INITIALIZE: &str = "initialize";
/// Says that the client is ready, up to revision 2025-11-25.
pub const INITIALIZED: &str = "notifications/initialized";
/// Asks for log messages from a level on, up to revision 2025-11-25.
pub const SET_LEVEL: &str = "logging/setLevel";
/// Asks the person for input.
pub const ELICITATION_CREATE: &str = "elicitation/create";
/// Cancels a request.
pub const CANCELLED: &str = "notifications/cancelled";
/// Opens a stream of notifications, from revision 2026-07-28 on.
pub const SUBSCRIPTIONS_LISTEN: &str = "subscriptions/listen";
/// Acknowledges such a stream.
pub const SUBSCRIPTIONS_ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";
/// Tells what a server is and can do, from revision 2026-07-28 on.
pub const SERVER_DISCOVER: &str = "server/discover";
/// What the methods about tasks begin with.
pub const TASKS_PREFIX: &str = "tasks/";
/// Asks for the state of a task.
pub const TASKS_GET: &str = "tasks/get";
/// Waits for the result of a task (2025-11-25).
pub const TASKS_RESULT: &str = "tasks/result";
/// Cancels a task.
pub const TASKS_CANCEL: &str = "tasks/cancel";
/// Answers what a task has asked for, from revision 2026-07-28 on.
pub const TASKS_UPDATE: &str = "tasks/update";
/// Tells the state of a task, from revision 2026-07-28 on.
pub const TASKS_NOTIFICATION: &str = "notifications/tasks";
/// Completes an argument of a prompt or a variable of a template.
pub const COMPLETE: &str = "completion/complete";
/// Lists what is in a directory of resources (extension `io.modelcontextprotocol/skills`).
pub const DIRECTORY_READ: &str = "resources/directory/read";
/// Lists skills, which are resources (the same extension).
pub const SKILLS_LIST: &str = "skills/list";
/// Describes one skill and its files (the same extension).
pub const SKILLS_GET: &str = "skills/get";
/// Tells the state of a task (2025-11-25).
pub const TASKS_STATUS: &str = "notifications/tasks/status";

/// A revision of the protocol. The later one is the greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Revision {
    /// 2024-11-05.
    November2024,
    /// 2025-03-26.
    March2025,
    /// 2025-06-18.
    June2025,
    /// 2025-11-25.
    November2025,
    /// 2026-07-28, with its extensions.
    July2026,
}

impl Revision {
    /// Returns the revision as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::November2024 => "2024-11-05",
            Self::March2025 => "2025-03-26",
            Self::June2025 => "2025-06-18",
            Self::November2025 => "2025-11-25",
            Self::July2026 => "2026-07-28",
        }
    }
}

/// Whether a method wants an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodKind {
    /// It wants one.
    Request,
    /// It wants none.
    Notification,
}

/// Who sends a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The client.
    Client,
    /// The server.
    Server,
    /// Either.
    Both,
}

/// What of a policy speaks of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicySubject {
    /// `tools`, `classes`, `hide`.
    Tools,
    /// `resources`: a URI.
    Resources,
    /// `resources`: a template of URIs.
    Templates,
    /// `prompts`.
    Prompts,
    /// What the completion refers to: a prompt or a template.
    Completions,
    /// The call that the task is of.
    Tasks,
    /// `resources`: those that a stream of notifications is to tell of.
    Subscriptions,
    /// `requests.sampling`.
    Sampling,
    /// `requests.elicitation`.
    Elicitation,
    /// `requests.roots`.
    Roots,
    /// Nothing: the method carries the session itself, or only ends or announces something.
    Session,
    /// `methods`, as of every method that is not in the table.
    Methods,
}

impl PolicySubject {
    /// Returns what a document says of it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Tools => "`tools`, `classes`, `hide`",
            Self::Resources => "`resources`",
            Self::Templates => "`resources`, by the template",
            Self::Prompts => "`prompts`",
            Self::Completions => "the prompt or the template that it refers to",
            Self::Tasks => "the call that the task is of",
            Self::Subscriptions => "`resources`, by each that it subscribes to",
            Self::Sampling => "`requests.sampling`",
            Self::Elicitation => "`requests.elicitation`",
            Self::Roots => "`requests.roots`",
            Self::Session => "nothing",
            Self::Methods => "`methods`",
        }
    }

    /// Returns the key by which `decide` and policy tests ask about such a method, if not by the method itself.
    pub fn key(self) -> Option<&'static str> {
        match self {
            Self::Tools => Some("tool"),
            Self::Resources | Self::Templates | Self::Subscriptions => Some("resource"),
            Self::Prompts | Self::Completions => Some("prompt"),
            _ => None,
        }
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// The name on the wire.
    pub name: &'static str,
    /// Whether it wants an answer.
    pub kind: MethodKind,
    /// Who sends it.
    pub sender: Sender,
    /// The first revision that has it.
    pub since: Revision,
    /// The last revision that has it.
    pub until: Revision,
    /// What of a policy speaks of it.
    pub subject: PolicySubject,
}

/// How a method relates to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodClass {
    /// It is this one.
    Known(&'static Method),
    /// Some peer takes it for the method of this name.
    LooksLike(&'static str),
    /// It is another one.
    Unknown,
}

/// Looks up a decoded method.
pub fn classify_method(name: &str) -> MethodClass {
    if let Ok(at) = METHODS.binary_search_by_key(&name, |method| method.name) {
        return METHODS.get(at).map_or(MethodClass::Unknown, MethodClass::Known);
    }
    let folded = fold(name);
    let takes_for = |method: &&Method| folded.eq_ignore_ascii_case(method.name) || is_alike(name, method.name);
    METHODS.iter().find(takes_for).map_or(MethodClass::Unknown, |method| MethodClass::LooksLike(method.name))
}

/// Returns whether one of the protocol's methods wants an answer; `None` for any other method.
pub fn method_kind(name: &str) -> Option<MethodKind> {
    match classify_method(name) {
        MethodClass::Known(method) => Some(method.kind),
        MethodClass::LooksLike(_) | MethodClass::Unknown => None,
    }
}

/// Every method of every revision, by name.
#[rustfmt::skip]
pub const METHODS: [Method; 39] = [
    row(COMPLETE, Request, Client, November2024, July2026, PolicySubject::Completions),
    row(ELICITATION_CREATE, Request, Server, June2025, July2026, PolicySubject::Elicitation),
    row(INITIALIZE, Request, Client, November2024, November2025, PolicySubject::Session),
    row(SET_LEVEL, Request, Client, November2024, November2025, PolicySubject::Session),
    row(CANCELLED, Notification, Both, November2024, July2026, PolicySubject::Session),
    row("notifications/elicitation/complete", Notification, Server, November2025, November2025, PolicySubject::Session),
    row(INITIALIZED, Notification, Client, November2024, November2025, PolicySubject::Session),
    row("notifications/message", Notification, Server, November2024, July2026, PolicySubject::Session),
    row("notifications/progress", Notification, Both, November2024, July2026, PolicySubject::Session),
    row("notifications/prompts/list_changed", Notification, Server, November2024, July2026, PolicySubject::Session),
    row("notifications/resources/list_changed", Notification, Server, November2024, July2026, PolicySubject::Session),
    row("notifications/resources/updated", Notification, Server, November2024, July2026, PolicySubject::Resources),
    row("notifications/roots/list_changed", Notification, Client, November2024, November2025, PolicySubject::Session),
    row(SUBSCRIPTIONS_ACKNOWLEDGED, Notification, Server, July2026, July2026, PolicySubject::Session),
    row(TASKS_NOTIFICATION, Notification, Server, July2026, July2026, PolicySubject::Tasks),
    row(TASKS_STATUS, Notification, Both, November2025, November2025, PolicySubject::Tasks),
    row("notifications/tools/list_changed", Notification, Server, November2024, July2026, PolicySubject::Session),
    row("ping", Request, Both, November2024, November2025, PolicySubject::Session),
    row(PROMPTS_GET, Request, Client, November2024, July2026, PolicySubject::Prompts),
    row(PROMPTS_LIST, Request, Client, November2024, July2026, PolicySubject::Prompts),
    row(DIRECTORY_READ, Request, Client, July2026, July2026, PolicySubject::Resources),
    row("resources/list", Request, Client, November2024, July2026, PolicySubject::Resources),
    row("resources/read", Request, Client, November2024, July2026, PolicySubject::Resources),
    row("resources/subscribe", Request, Client, November2024, November2025, PolicySubject::Resources),
    row("resources/templates/list", Request, Client, November2024, July2026, PolicySubject::Templates),
    row("resources/unsubscribe", Request, Client, November2024, November2025, PolicySubject::Session),
    row("roots/list", Request, Server, November2024, July2026, PolicySubject::Roots),
    row("sampling/createMessage", Request, Server, November2024, July2026, PolicySubject::Sampling),
    row(SERVER_DISCOVER, Request, Client, July2026, July2026, PolicySubject::Session),
    row(SKILLS_GET, Request, Client, July2026, July2026, PolicySubject::Resources),
    row(SKILLS_LIST, Request, Client, July2026, July2026, PolicySubject::Resources),
    row(SUBSCRIPTIONS_LISTEN, Request, Client, July2026, July2026, PolicySubject::Subscriptions),
    row(TASKS_CANCEL, Request, Both, November2025, July2026, PolicySubject::Tasks),
    row(TASKS_GET, Request, Both, November2025, July2026, PolicySubject::Tasks),
    row("tasks/list", Request, Both, November2025, November2025, PolicySubject::Methods),
    row(TASKS_RESULT, Request, Both, November2025, November2025, PolicySubject::Tasks),
    row(TASKS_UPDATE, Request, Client, July2026, July2026, PolicySubject::Tasks),
    row(TOOLS_CALL, Request, Client, November2024, July2026, PolicySubject::Tools),
    row(TOOLS_LIST, Request, Client, November2024, July2026, PolicySubject::Tools),
];

const fn row(
    name: &'static str,
    kind: MethodKind,
    sender: Sender,
    since: Revision,
    until: Revision,
    subject: PolicySubject,
) -> Method {
    Method { name, kind, sender, since, until, subject }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_each_method_is_itself() {
        assert!(METHODS.is_sorted_by(|one, other| one.name < other.name));
        for method in &METHODS {
            assert!(method.since <= method.until, "{}", method.name);
            assert_eq!(classify_method(method.name), MethodClass::Known(method));
            let others = METHODS.iter().filter(|other| fold(other.name) == fold(method.name));
            assert_eq!(others.count(), 1, "{}", method.name);
        }
    }

    #[test]
    fn another_spelling_of_a_method_is_told_apart() {
        for (spelling, name) in [
            ("tools/call ", TOOLS_CALL),
            ("tools/call\n", TOOLS_CALL),
            ("\ttools/call", TOOLS_CALL),
            ("Tools/Call", TOOLS_CALL),
            ("tools/\u{200b}call", TOOLS_CALL),
            ("ｔｏｏｌｓ／ｃａｌｌ", TOOLS_CALL),
            ("toolſ/call", TOOLS_CALL),
            ("tools/call\u{fffd}", TOOLS_CALL),
            ("resources/read\u{feff}", "resources/read"),
            ("INITIALIZE", INITIALIZE),
            ("ınıtıalıze", INITIALIZE),
            ("logging/setlevel", "logging/setLevel"),
            ("sampling/createmessage", "sampling/createMessage"),
            ("notifications/cancelled\u{ad}", CANCELLED),
        ] {
            assert_eq!(classify_method(spelling), MethodClass::LooksLike(name), "{spelling:?}");
        }
    }

    #[test]
    fn other_methods_are_unknown() {
        for name in
            ["", " ", "tools", "tools/calls", "tools call", "tools/cаll", "x-vendor/tools/call", "ui/initialize"]
        {
            assert_eq!(classify_method(name), MethodClass::Unknown, "{name:?}");
        }
    }
}
