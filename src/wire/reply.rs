//! The lines that the wrapper writes itself: errors, and refusals for a model to read.

use serde::Serialize;

use super::message::AnswerShape;

/// What a JSON-RPC error is about. The wrapper's own codes are outside the range that JSON-RPC reserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The line is not JSON (JSON-RPC 2.0).
    Parse,
    /// The line is JSON, but not an acceptable message (JSON-RPC 2.0).
    InvalidRequest,
    /// The parameters are not acceptable (JSON-RPC 2.0).
    InvalidParams,
    /// The server ended before it answered.
    UpstreamEnded,
    /// The server's answer cannot be passed on.
    UpstreamUnreadable,
    /// The policy refuses.
    Refused,
    /// The wrapper could not start the server.
    StartFailed,
    /// Too many requests are open.
    TooMany,
    /// The server over HTTP gave no answer.
    UpstreamFailed,
    /// The server has no such method (JSON-RPC 2.0).
    MethodNotFound,
}

impl ErrorCode {
    /// Returns the number on the wire.
    pub const fn number(self) -> i32 {
        match self {
            Self::Parse => -32700,
            Self::InvalidRequest => -32600,
            Self::InvalidParams => -32602,
            Self::UpstreamEnded => -31001,
            Self::UpstreamUnreadable => -31002,
            Self::Refused => -31003,
            Self::StartFailed => -31004,
            Self::TooMany => -31005,
            Self::UpstreamFailed => -31006,
            Self::MethodNotFound => -32601,
        }
    }
}

/// What a refusal says about itself in `_meta`, so that a client can tell it from a tool's own failure.
#[derive(Clone, Debug, Serialize)]
pub struct DecisionMeta<'a> {
    /// The effect's word.
    pub effect: &'a str,
    /// The rule's path.
    pub rule: &'a str,
    /// The reason.
    pub reason: String,
    /// The tool or prompt, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<&'a str>,
    /// The URI of the resource, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<&'a str>,
    /// After how many seconds the same call passes, if it only has to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl DecisionMeta<'_> {
    /// Returns the name or URI of what was decided about; `None` if that was only a method.
    pub fn name(&self) -> Option<&str> {
        self.tool.or(self.resource)
    }
}

/// Builds an error for the request `id`, as its sender wrote it; `None` if there is no certain id.
pub fn error_line(id: Option<&str>, code: ErrorCode, message: &str) -> Vec<u8> {
    reply_line(id, &format!(r#""error":{{"code":{},"message":{}}}"#, code.number(), to_json(message)))
}

/// Builds a refusal of the request `id` in the shape that its caller expects.
pub fn refusal_line(id: &str, shape: AnswerShape, text: &str, decision: &DecisionMeta<'_>) -> Vec<u8> {
    let (meta, text) = (format!(r#"{{"policylayer/decision":{}}}"#, to_json(decision)), to_json(text));
    let result_type = match shape {
        AnswerShape::Task | AnswerShape::Other => {
            let code = ErrorCode::Refused.number();
            return reply_line(Some(id), &format!(r#""error":{{"code":{code},"message":{text},"data":{meta}}}"#));
        }
        AnswerShape::TypedResult => r#""resultType":"complete","#,
        AnswerShape::Result => "",
    };
    let content = format!(r#"[{{"type":"text","text":{text}}}]"#);
    reply_line(Some(id), &format!(r#""result":{{{result_type}"content":{content},"isError":true,"_meta":{meta}}}"#))
}

/// Builds the acknowledgement of a subscription, with these parameters.
pub fn subscription_acknowledged(params: &str) -> Vec<u8> {
    let method = super::method::SUBSCRIPTIONS_ACKNOWLEDGED;
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",\"params\":{params}}}\n").into_bytes()
}

/// Builds the notification that a list has changed; for a subscription, with its id as its sender wrote it.
pub fn list_changed(method: &str, subscription: Option<&str>) -> Vec<u8> {
    let params =
        subscription.map(|id| format!(r#","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}"#));
    let params = params.unwrap_or_default();
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\"{params}}}\n").into_bytes()
}

/// Builds a log message of the level `warning`, up to revision 2025-11-25.
pub fn log_warning(text: &str) -> Vec<u8> {
    let text = to_json(text);
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{{\"level\":\"warning\",\"logger\":\"policylayer\",\"data\":{text}}}}}\n").into_bytes()
}

fn reply_line(id: Option<&str>, body: &str) -> Vec<u8> {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{},{body}}}\n", id.unwrap_or("null")).into_bytes()
}

fn to_json(value: &(impl Serialize + ?Sized)) -> String {
    // Serializing strings and numbers into memory cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision() -> DecisionMeta<'static> {
        DecisionMeta {
            effect: "hide",
            rule: "hide[0]",
            reason: "no".into(),
            tool: Some("x\"\n"),
            resource: None,
            retry_after: None,
        }
    }

    fn text(line: Vec<u8>) -> String {
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn ids_come_back_as_they_were_written() {
        for id in ["1.0", "9007199254740993", r#""\u0061""#] {
            let line = text(error_line(Some(id), ErrorCode::Parse, "x"));
            assert_eq!(
                line,
                format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":-32700,\"message\":\"x\"}}}}\n")
            );
        }
        assert!(text(error_line(None, ErrorCode::InvalidRequest, "x")).contains("\"id\":null"));
    }

    #[test]
    fn a_refusal_has_the_shape_that_its_caller_expects() {
        let plain = text(refusal_line("1", AnswerShape::Result, "t", &decision()));
        assert_eq!(
            plain,
            concat!(
                r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"t"}],"isError":true,"#,
                r#""_meta":{"policylayer/decision":{"effect":"hide","rule":"hide[0]","reason":"no","tool":"x\"\n"}}}}"#,
                "\n"
            )
        );
        let typed = text(refusal_line("1", AnswerShape::TypedResult, "t", &decision()));
        assert!(typed.contains(r#""resultType":"complete""#), "{typed}");
        let task = text(refusal_line("1", AnswerShape::Task, "t", &decision()));
        assert!(task.contains(r#""error":{"code":-31003,"message":"t","data":{"policylayer/decision""#), "{task}");
        assert!(!task.contains("result"), "{task}");
    }
}
