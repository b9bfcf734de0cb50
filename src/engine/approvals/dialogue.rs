//! The client's own dialogue: MCP elicitation, as a request of ours (2025-06-18 and 2025-11-25), or as the answer to
//! the call, which then comes again (2026-07-28).

use std::borrow::Cow;

use serde_json::{Value, json};

use super::clients::NoteField;
use super::{ApprovalAnswer, Question, QuestionView};
use crate::engine::list_filter::splice_line;
use crate::limits::{MAX_DIALOGUE, MAX_NOTE};
use crate::visible::escape_invisible;
use crate::wire::method::ELICITATION_CREATE;
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

const METHOD: &str = ELICITATION_CREATE;

/// How each of our dialogues begins.
const PROMPT: &str = "The agent wants to make a call that needs your approval.";

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

/// Builds the parameters of an elicitation that asks `question` about a tool of `server`; `None` if it is too long to be
/// read there. A round can be answered by whoever writes lines, so no more than this call is to be had by it.
pub(in crate::engine) fn build_params(
    question: &Question,
    server: &str,
    (choices, note): (&[DialogueChoice], NoteField),
) -> Option<Value> {
    let (words, names): (Vec<_>, Vec<_>) = choices.iter().map(|choice| choice.words()).unzip();
    let mut fields = json!({
        "decision": { "type": "string", "title": "Your decision", "enum": words, "enumNames": names },
    });
    if let (NoteField::Offered, Some(fields)) = (note, fields.as_object_mut()) {
        let note = json!({ "type": "string", "title": "A note to the agent (optional)", "maxLength": MAX_NOTE });
        fields.insert("note".to_owned(), note);
    }
    Some(json!({
        "message": format_message(question, server, choices)?,
        "requestedSchema": { "type": "object", "properties": fields, "required": ["decision"] },
    }))
}

/// What a person can choose in a dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum DialogueChoice {
    Once,
    Session,
    Refuse,
}

impl DialogueChoice {
    /// The choices in a request of ours. Some clients begin with the first one chosen, and a key that was meant for something
    /// else must not approve.
    pub(in crate::engine) const OF_REQUEST: &[Self] = &[Self::Refuse, Self::Once, Self::Session];
    /// The choices in a round.
    pub(in crate::engine) const OF_ROUND: &[Self] = &[Self::Refuse, Self::Once];

    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Once => ("approve_once", "Approve this call"),
            Self::Session => ("approve_for_session", "Approve for the rest of the session"),
            Self::Refuse => ("refuse", "Refuse"),
        }
    }
}

fn format_message(question: &Question, server: &str, choices: &[DialogueChoice]) -> Option<String> {
    let mut message = PROMPT.to_owned();
    let scope = choices.contains(&DialogueChoice::Session).then_some(question.scope);
    for (label, text) in (QuestionView { scope, ..question.view(server) }).rows() {
        message.push_str(&format!("\n{label}: {text}"));
    }
    message.push_str(&format!("\nArguments:{}", format_members(&question.arguments)));
    if let Some(beside) = &question.beside {
        message.push_str(&format!("\nAlso sent:{}", format_members(beside)));
    }
    (message.chars().count() <= MAX_DIALOGUE).then_some(message)
}

/// Returns how many lines a message takes in a dialogue of this width, which breaks longer ones between words.
pub(in crate::engine) fn count_lines(message: &str, width: usize) -> usize {
    message.lines().map(|line| count_broken(line, width)).sum()
}

fn count_broken(line: &str, width: usize) -> usize {
    let (mut count, mut column) = (1, 0);
    for word in line.split_inclusive(' ') {
        // Outside of ASCII, a character may be two columns wide.
        let mut length: usize = word.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
        if column > 0 && column + length > width {
            (count, column) = (count + 1, 0);
        }
        while length > width {
            (count, length) = (count + 1, length - width);
        }
        column += length;
    }
    count
}

pub(in crate::engine) fn build_cancellation(id: &str, reason: &str) -> Vec<u8> {
    let params = json!({ "requestId": id, "reason": reason });
    to_line(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }))
}

/// Reads the result of an elicitation; `None` if no choice was made: it was dismissed, or accepted without a decision.
pub(in crate::engine) fn read_result(result: &str) -> Option<ApprovalAnswer> {
    let content = find_member(result, "content").unwrap_or_default();
    let text = |object, key| find_member(object, key).and_then(view::decode_string).map(Cow::into_owned);
    let note = || {
        let note = text(content, "note").map(|note| note.trim().chars().take(MAX_NOTE).collect::<String>());
        note.filter(|note| !note.is_empty())
    };
    match (text(result, "action").as_deref(), text(content, "decision").as_deref()) {
        (Some("accept"), Some("approve_once")) => Some(ApprovalAnswer::Once),
        (Some("accept"), Some("approve_for_session")) => Some(ApprovalAnswer::Session),
        (Some("accept"), Some("refuse")) | (Some("decline"), _) => Some(ApprovalAnswer::Refused { note: note() }),
        _ => None,
    }
}

/// Returns the members of a request's parameters that its server may read beside those in `known`, as an object. `_meta`
/// is about the message.
pub(in crate::engine) fn members_beside(params: &str, known: &[&str]) -> String {
    members_without(params, |key| key == "_meta" || known.contains(&key))
}

/// What the members of a call's `_meta` are called that say which message it is, and nothing to do. A repetition of the call has
/// others.
const MESSAGE_META: [&str; 4] = ["progressToken", "traceparent", "tracestate", "baggage"];

/// Returns [`members_beside`] with what the server may read of `_meta`. `ids` are the members that its client gives anew to each
/// call.
pub(in crate::engine) fn members_sent_beside(params: &str, known: &[&str], ids: &[Box<str>]) -> String {
    let beside = members_beside(params, known);
    let is_of_message = |key: &str| {
        MESSAGE_META.contains(&key) || key.starts_with("io.modelcontextprotocol/") || ids.iter().any(|id| **id == *key)
    };
    let meta = find_member(params, "_meta").map(|meta| match meta.starts_with('{') {
        true => members_without(meta, is_of_message),
        false => meta.to_owned(),
    });
    match (meta.filter(|meta| meta != "{}"), beside.strip_suffix('}')) {
        (Some(meta), Some("{")) => format!(r#"{{"_meta":{meta}}}"#),
        (Some(meta), Some(members)) => format!(r#"{members},"_meta":{meta}}}"#),
        _ => beside,
    }
}

/// Returns an object without some of its members; the others stay as written.
pub(in crate::engine) fn members_without(object: &str, is_left_out: impl Fn(&str) -> bool) -> String {
    let members = view::members(object).filter(|member| !member.key().as_deref().is_some_and(&is_left_out));
    let members: Vec<_> = members.map(|member| format!("{}:{}", member.written_key(), member.value)).collect();
    format!("{{{}}}", members.join(","))
}

/// Returns a held line with what identifies the request that is answered now: its id, and its progress token if it has one.
pub(in crate::engine) fn resend_line(line: &[u8], old: &str, new: (&str, Option<&str>)) -> Option<Box<[u8]>> {
    let text = std::str::from_utf8(line).ok()?;
    // It may begin with blanks.
    let text = text.trim_ascii();
    let id = find_member(text, "id").filter(|id| *id == old)?;
    let meta = find_member(text, "params").and_then(|params| find_member(params, "_meta"));
    let Some(meta) = meta.filter(|meta| meta.starts_with('{')) else {
        return Some(splice_line(line, id, new.0).into());
    };
    let rest = members_without(meta, |key| key == "progressToken");
    let with_token = match new.1 {
        Some(token) if rest == "{}" => format!(r#"{{"progressToken":{token}}}"#),
        Some(token) => format!(r#"{},"progressToken":{token}}}"#, rest.strip_suffix('}').unwrap_or(&rest)),
        None => rest,
    };
    if find_member(meta, "progressToken") == new.1 {
        return Some(splice_line(line, id, new.0).into());
    }
    let line = splice_line(line, meta, &with_token);
    // The places have moved.
    let id = find_member(std::str::from_utf8(&line).ok()?.trim_ascii(), "id")?;
    Some(splice_line(&line, id, new.0).into())
}

/// Returns the line of a call without a state of ours and the answer to our question. The server's own answers stay.
pub(in crate::engine) fn without_round(line: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(line).unwrap_or_default().trim_ascii();
    let Some(params) = find_member(text, "params") else { return text.as_bytes().to_vec() };
    let inputs = find_member(params, "inputResponses").filter(|inputs| inputs.starts_with('{'));
    let others = inputs.map(|inputs| members_without(inputs, |key| key == OURS)).filter(|others| others != "{}");
    let rest = members_without(params, |key| key == "requestState" || (key == "inputResponses" && inputs.is_some()));
    let rest = match (others, rest.strip_suffix('}')) {
        (Some(others), Some(before)) => {
            let comma = if before == "{" { "" } else { "," };
            format!(r#"{before}{comma}"inputResponses":{others}}}"#)
        }
        _ => rest,
    };
    splice_line(text.as_bytes(), params, &rest)
}

/// Formats an object with one member per line. Nothing is invisible.
fn format_members(object: &str) -> String {
    let mut shown = String::new();
    for member in view::members(object) {
        let key = member.key().map_or_else(|| member.written_key().to_owned(), Cow::into_owned);
        shown.push_str(&format!("\n  {}: {}", escape_invisible(&key), escape_invisible(member.value)));
    }
    if shown.is_empty() { " none".to_owned() } else { shown }
}

fn to_line(message: &Value) -> Vec<u8> {
    format!("{message}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::count_lines;

    #[test]
    fn a_long_line_takes_several_and_is_never_counted_as_too_few() {
        for (message, count) in [
            ("", 0),
            ("a\n\nb", 3),
            ("0123456789", 1),
            ("01234567890", 2),
            ("01234 56789", 2),
            ("a b c d e f", 2),
            ("a 0123456789 b", 3),
            ("a 01234567890123456789012 b", 4),
            ("日本語日本", 1),
            ("日本語日本語", 2),
        ] {
            assert_eq!(count_lines(message, 10), count, "{message:?}");
        }
    }
}
