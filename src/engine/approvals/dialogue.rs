//! The client's own dialogue: MCP elicitation, as a request of ours (2025-06-18 and 2025-11-25), or as the answer to the
//! call, which then comes again (2026-07-28).

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::Verdict;
use crate::engine::list::splice;
use crate::limits::{MAX_NOTE, MAX_SHOWN_ARGUMENTS};
use crate::visible::visible;
use crate::wire::message::Answer;
use crate::wire::view;

/// The first revision that has elicitation. Revisions compare as text.
const ELICITATION_SINCE: &str = "2025-06-18";

/// The member of `inputRequests` and `inputResponses` that is ours.
pub(in crate::engine) const OURS: &str = "policylayer";

/// Whether the client has a dialogue for us, in a session that begins with `initialize`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::engine) enum Offered {
    /// It has none, or has not said so yet.
    #[default]
    None,
    /// It has one, if the revision that the server answers with knows such.
    Declared,
    /// It has one.
    Form,
}

impl Offered {
    /// What the client's `initialize` declares.
    pub(in crate::engine) fn declared(params: Option<&str>) -> Self {
        match member(member(params, "capabilities"), "elicitation") {
            Some(elicitation) if has_form(elicitation) => Self::Declared,
            _ => Self::None,
        }
    }

    /// What it comes to with the revision in the server's answer.
    pub(in crate::engine) fn with_revision(self, result: &str) -> Self {
        let revision = member(Some(result), "protocolVersion").and_then(view::string);
        let knows = revision.is_some_and(|revision| revision.as_ref() >= ELICITATION_SINCE);
        if self == Self::Declared && knows { Self::Form } else { Self::None }
    }
}

/// Whether a capability of elicitation is one for forms: an empty one is (2025-11-25).
pub(in crate::engine) fn has_form(elicitation: &str) -> bool {
    let mut members = view::members(elicitation).peekable();
    elicitation.starts_with('{') && (members.peek().is_none() || members.any(|m| m.key().as_deref() == Some("form")))
}

/// What a person is told and asked.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Words<'a> {
    pub(in crate::engine) server: &'a str,
    pub(in crate::engine) tool: &'a str,
    pub(in crate::engine) class: &'a str,
    pub(in crate::engine) risk: &'a str,
    pub(in crate::engine) rule: &'a str,
    pub(in crate::engine) reason: Option<&'a str>,
    pub(in crate::engine) arguments: &'a str,
}

#[derive(Serialize)]
struct Request<'a> {
    jsonrpc: &'static str,
    id: &'a str,
    method: &'static str,
    params: Params,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    message: String,
    requested_schema: Schema,
}

#[derive(Serialize)]
struct Schema {
    r#type: &'static str,
    properties: Properties,
    required: [&'static str; 1],
}

#[derive(Serialize)]
struct Properties {
    decision: Choice,
    note: Text,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Choice {
    r#type: &'static str,
    title: &'static str,
    r#enum: [&'static str; 3],
    enum_names: [&'static str; 3],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    r#type: &'static str,
    title: &'static str,
    max_length: usize,
}

#[derive(Serialize)]
struct Reply<'a> {
    jsonrpc: &'static str,
    id: &'a RawValue,
    result: InputRequired<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InputRequired<'a> {
    result_type: &'static str,
    input_requests: InputRequests,
    request_state: &'a str,
}

#[derive(Serialize)]
struct InputRequests {
    policylayer: Elicitation,
}

#[derive(Serialize)]
struct Elicitation {
    method: &'static str,
    params: Params,
}

const METHOD: &str = "elicitation/create";
const DECISIONS: [&str; 3] = ["approve_once", "approve_for_session", "refuse"];

impl Words<'_> {
    /// The request that opens the dialogue, under an id of ours.
    pub(in crate::engine) fn request(&self, id: &str) -> Vec<u8> {
        line(&Request { jsonrpc: "2.0", id, method: METHOD, params: self.params(None) })
    }

    /// The answer to a call that asks for its approval. The call comes again with `state`.
    pub(in crate::engine) fn input_required(&self, id: &str, state: &str) -> Option<Vec<u8>> {
        let policylayer = Elicitation { method: METHOD, params: self.params(Some("form")) };
        let input_requests = InputRequests { policylayer };
        let result = InputRequired { result_type: "input_required", input_requests, request_state: state };
        Some(line(&Reply { jsonrpc: "2.0", id: serde_json::from_str(id).ok()?, result }))
    }

    fn params(&self, mode: Option<&'static str>) -> Params {
        Params {
            mode,
            message: self.message(),
            requested_schema: Schema {
                r#type: "object",
                properties: Properties {
                    decision: Choice {
                        r#type: "string",
                        title: "Your decision",
                        r#enum: DECISIONS,
                        enum_names: ["Approve this call", "Approve for the rest of the session", "Refuse"],
                    },
                    note: Text { r#type: "string", title: "A note to the agent (optional)", max_length: MAX_NOTE },
                },
                required: ["decision"],
            },
        }
    }

    fn message(&self) -> String {
        let Self { server, class, risk, rule, .. } = self;
        let why = match self.reason {
            Some(reason) => format!("{} (rule {})", visible(reason), visible(rule)),
            None => format!("the rule {} asks for a person's approval", visible(rule)),
        };
        let tool = visible(self.tool);
        let arguments = arguments(self.arguments);
        format!(
            "The agent wants to call {tool} of the MCP server {server}.\nRisk: {class} ({risk})\nWhy you are asked: \
             {why}\nArguments:{arguments}"
        )
    }
}

/// A withdrawal of our request: the call was decided elsewhere.
pub(in crate::engine) fn cancel(id: &str, why: &str) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Cancelled<'a> {
        request_id: &'a str,
        reason: &'a str,
    }
    #[derive(Serialize)]
    struct Notification<'a> {
        jsonrpc: &'static str,
        method: &'static str,
        params: Cancelled<'a>,
    }
    let params = Cancelled { request_id: id, reason: why };
    line(&Notification { jsonrpc: "2.0", method: "notifications/cancelled", params })
}

/// What came back from the dialogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Answered {
    /// A person decided, or what came can only be taken for a refusal.
    Verdict(Verdict),
    /// The client could not ask.
    Failed,
}

/// Reads the answer to our request. Whatever is not plainly an approval is a refusal.
pub(in crate::engine) fn read_answer(answer: Answer<'_>) -> Answered {
    match answer {
        Answer::Error(_) => Answered::Failed,
        Answer::Result(result) => Answered::Verdict(read_result(result)),
    }
}

/// Reads the result of an elicitation.
pub(in crate::engine) fn read_result(result: &str) -> Verdict {
    let text = |of: Option<&str>, name| member(of, name).and_then(view::string).map(|text| text.into_owned());
    let content = member(Some(result), "content");
    let note = text(content, "note").map(|note| note.trim().chars().take(MAX_NOTE).collect::<String>());
    let note = note.filter(|note| !note.is_empty());
    let accepted = text(Some(result), "action").is_some_and(|action| action == "accept");
    match text(content, "decision").as_deref() {
        Some("approve_once") if accepted => Verdict::Once,
        Some("approve_for_session") if accepted => Verdict::Session,
        _ => Verdict::Refused { note },
    }
}

/// The parameters of a call without our state, and without the answer to our question.
pub(in crate::engine) fn without_ours(params: &str) -> String {
    let answers = |value| without(value, |member| (!is(member, OURS)).then(|| member.value.into()));
    without(params, |member| match member.value {
        _ if is(member, "requestState") => None,
        value if is(member, "inputResponses") => Some(answers(value).into()).filter(|answers| answers != "{}"),
        value => Some(value.into()),
    })
}

/// A line that was held, with another id: that of the request that is to be answered now.
pub(in crate::engine) fn with_id(line: &[u8], old: &str, new: &str) -> Option<Box<[u8]>> {
    let text = std::str::from_utf8(line).ok()?;
    // It may begin with blanks.
    let id = view::members(text.trim_ascii()).find(|member| is(member, "id"))?;
    (id.value == old).then(|| splice(line, id.value, new).into())
}

/// An object with other values, and without the members that have none.
fn without<'l>(object: &'l str, value: impl Fn(&view::Member<'l>) -> Option<Cow<'l, str>>) -> String {
    let members = view::members(object).filter_map(|m| Some(format!("{}:{}", m.written_key(), value(&m)?)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn is(member: &view::Member<'_>, name: &str) -> bool {
    member.key().as_deref() == Some(name)
}

/// The arguments as a person reads them: one member a line, nothing hidden, and what is left out is said.
fn arguments(object: &str) -> String {
    let mut shown = String::new();
    for member in view::members(object) {
        let key = member.key().map_or_else(|| member.written_key().to_owned(), std::borrow::Cow::into_owned);
        shown.push_str(&format!("\n  {}: {}", visible(&key), visible(member.value)));
    }
    if shown.is_empty() {
        return " none".to_owned();
    }
    match shown.char_indices().nth(MAX_SHOWN_ARGUMENTS) {
        Some((end, _)) => {
            let left_out = shown.len() - end;
            shown.truncate(end);
            format!(
                "{shown}…\n  ({left_out} bytes more are not shown here; `policylayer approvals show` shows all of them)"
            )
        }
        None => shown,
    }
}

fn member<'l>(object: Option<&'l str>, name: &str) -> Option<&'l str> {
    view::members(object?).find(|member| member.key().as_deref() == Some(name)).map(|member| member.value)
}

fn line(message: &impl Serialize) -> Vec<u8> {
    // Writing to memory cannot fail; an empty line would be dropped by every reader.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}
