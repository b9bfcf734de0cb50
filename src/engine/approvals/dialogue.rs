//! The client's own dialogue: MCP elicitation, as a request of ours (2025-06-18 and 2025-11-25), or as the answer to
//! the call, which then comes again (2026-07-28).

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{ApprovalAnswer, Question};
use crate::engine::list_filter::splice_line;
use crate::limits::{MAX_NOTE, MAX_SHOWN_ARGUMENTS};
use crate::visible::escape_invisible;
use crate::wire::view::{self, find_member};

/// The first revision that has elicitation. Revisions compare as text.
const ELICITATION_SINCE: &str = "2025-06-18";

/// Our key in `inputRequests` and `inputResponses`.
pub(in crate::engine) const OURS: &str = "policylayer";

/// Whether the client supports elicitation, in a session that begins with `initialize`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::engine) enum ElicitationSupport {
    /// Not supported, or not declared yet.
    #[default]
    None,
    /// Supported if the revision in the server's answer has elicitation.
    Declared,
    Form,
}

impl ElicitationSupport {
    pub(in crate::engine) fn from_initialize(params: Option<&str>) -> Self {
        let capabilities = params.and_then(|params| find_member(params, "capabilities"));
        match capabilities.and_then(|capabilities| find_member(capabilities, "elicitation")) {
            Some(elicitation) if supports_forms(elicitation) => Self::Declared,
            _ => Self::None,
        }
    }

    /// Returns the support under the revision in the server's answer.
    pub(in crate::engine) fn with_revision(self, result: &str) -> Self {
        let revision = find_member(result, "protocolVersion").and_then(view::decode_string);
        let has_elicitation = revision.is_some_and(|revision| revision.as_ref() >= ELICITATION_SINCE);
        if self == Self::Declared && has_elicitation { Self::Form } else { Self::None }
    }
}

/// Returns whether a capability of elicitation includes forms: an empty one does (2025-11-25).
pub(in crate::engine) fn supports_forms(elicitation: &str) -> bool {
    let is_empty = view::members(elicitation).next().is_none();
    elicitation.starts_with('{') && (is_empty || find_member(elicitation, "form").is_some())
}

const METHOD: &str = "elicitation/create";

/// Builds the request that opens the dialogue, under an id of ours.
pub(in crate::engine) fn build_request(id: &str, params: &Value) -> Vec<u8> {
    to_line(&json!({ "jsonrpc": "2.0", "id": id, "method": METHOD, "params": params }))
}

/// Builds the answer to a call that asks for its approval. The call comes again with `state`.
pub(in crate::engine) fn build_input_required(id: &str, state: &str, mut params: Value) -> Vec<u8> {
    if let Some(params) = params.as_object_mut() {
        params.insert("mode".to_owned(), "form".into());
    }
    let result = json!({
        "resultType": "input_required",
        "inputRequests": { OURS: { "method": METHOD, "params": params } },
        "requestState": state,
    });
    // The id is as the client wrote it: a number may be larger than any type.
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}\n").into_bytes()
}

/// Builds the parameters of an elicitation that asks a question about a tool of `server`.
pub(in crate::engine) fn build_params(question: &Question, server: &str, risk: &str) -> Value {
    json!({
        "message": format_message(question, server, risk),
        "requestedSchema": {
            "type": "object",
            "properties": {
                "decision": {
                    "type": "string",
                    "title": "Your decision",
                    "enum": ["approve_once", "approve_for_session", "refuse"],
                    "enumNames": ["Approve this call", "Approve for the rest of the session", "Refuse"],
                },
                "note": { "type": "string", "title": "A note to the agent (optional)", "maxLength": MAX_NOTE },
            },
            "required": ["decision"],
        },
    })
}

fn format_message(question: &Question, server: &str, risk: &str) -> String {
    let Question { tool, class, rule, reason, arguments, .. } = question;
    let (tool, rule, arguments) = (escape_invisible(tool), escape_invisible(rule), format_arguments(arguments));
    let why = match reason {
        Some(reason) => format!("{} (rule {rule})", escape_invisible(reason)),
        None => format!("the rule {rule} asks for a person's approval"),
    };
    format!(
        "The agent wants to call {tool} of the MCP server {server}.\nRisk: {class} ({risk})\nWhy you are asked: \
         {why}\nArguments:{arguments}"
    )
}

pub(in crate::engine) fn build_cancellation(id: &str, reason: &str) -> Vec<u8> {
    let params = json!({ "requestId": id, "reason": reason });
    to_line(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }))
}

/// Reads the result of an elicitation. Anything but a plain approval is a refusal.
pub(in crate::engine) fn read_result(result: &str) -> ApprovalAnswer {
    let content = find_member(result, "content").unwrap_or_default();
    let text = |object, key| find_member(object, key).and_then(view::decode_string).map(Cow::into_owned);
    let note = text(content, "note").map(|note| note.trim().chars().take(MAX_NOTE).collect::<String>());
    let is_accepted = text(result, "action").is_some_and(|action| action == "accept");
    match text(content, "decision").as_deref() {
        Some("approve_once") if is_accepted => ApprovalAnswer::Once,
        Some("approve_for_session") if is_accepted => ApprovalAnswer::Session,
        _ => ApprovalAnswer::Refused { note: note.filter(|note| !note.is_empty()) },
    }
}

/// Removes our state and the answer to our question from the parameters of a call.
pub(in crate::engine) fn remove_our_answers(params: &str) -> String {
    map_members(params, |member| match member.value {
        _ if has_key(member, "requestState") => None,
        value if has_key(member, "inputResponses") => {
            Some(remove_our_answer(value).into()).filter(|answers| answers != "{}")
        }
        value => Some(value.into()),
    })
}

/// Removes the answer to our question from the `inputResponses` of a call.
pub(in crate::engine) fn remove_our_answer(inputs: &str) -> String {
    map_members(inputs, |member| (!has_key(member, OURS)).then(|| member.value.into()))
}

/// Replaces the id of a held line with the id of the request that is answered now.
pub(in crate::engine) fn replace_id(line: &[u8], old: &str, new: &str) -> Option<Box<[u8]>> {
    let text = std::str::from_utf8(line).ok()?;
    // It may begin with blanks.
    let id = find_member(text.trim_ascii(), "id")?;
    (id == old).then(|| splice_line(line, id, new).into())
}

/// Maps the values of an object, and removes the members whose value becomes `None`.
fn map_members<'l>(object: &'l str, value: impl Fn(&view::Member<'l>) -> Option<Cow<'l, str>>) -> String {
    let members = view::members(object).filter_map(|m| Some(format!("{}:{}", m.written_key(), value(&m)?)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn has_key(member: &view::Member<'_>, name: &str) -> bool {
    member.key().as_deref() == Some(name)
}

/// Formats arguments with one member per line. Nothing is invisible, and an omission is stated.
fn format_arguments(object: &str) -> String {
    let mut shown = String::new();
    for member in view::members(object) {
        let key = member.key().map_or_else(|| member.written_key().to_owned(), Cow::into_owned);
        shown.push_str(&format!("\n  {}: {}", escape_invisible(&key), escape_invisible(member.value)));
    }
    if shown.is_empty() {
        return " none".to_owned();
    }
    let Some((end, _)) = shown.char_indices().nth(MAX_SHOWN_ARGUMENTS) else { return shown };
    let left_out = shown.len() - end;
    shown.truncate(end);
    format!("{shown}…\n  ({left_out} more bytes are not shown here; `policylayer approvals show` shows all of them)")
}

fn to_line(message: &Value) -> Vec<u8> {
    format!("{message}\n").into_bytes()
}
