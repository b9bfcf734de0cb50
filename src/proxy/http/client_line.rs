//! A line for the server, and what of it stands in the headers of its request.

use std::borrow::Cow;
use std::ops::Range;

use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::param_headers::ParamHeaders;
use crate::wire::id::IdKey;
use crate::wire::message::Message;
use crate::wire::method::{
    CANCELLED, INITIALIZE, INITIALIZED, PROMPTS_GET, SERVER_DISCOVER, TASKS_CANCEL, TASKS_GET, TASKS_UPDATE,
    TOOLS_CALL, TOOLS_LIST,
};
use crate::wire::strict::{Reader, StrictDepth};
use crate::wire::view::{decode_string, find_member, range_of};

pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// The key in `_meta` that names the revision of a request, from 2026-07-28 on.
const REVISION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

const RESOURCES_READ: &str = "resources/read";

/// The first revision without sessions. Revisions compare as text.
const WITHOUT_SESSIONS: &str = "2026-07-28";

#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) line: Bytes,
    pub(super) kind: OutgoingKind,
    pub(super) method: String,
    name: Option<String>,
    /// What the request's `_meta` says, or its method.
    revision: Option<String>,
    /// Where the arguments of a call are in the line.
    arguments: Option<Range<usize>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OutgoingKind {
    Request {
        /// As written.
        id: String,
        key: IdKey,
    },
    /// A notification that a request is of no use any more.
    Cancellation(Option<IdKey>),
    Notification,
    Response,
}

impl Outgoing {
    /// Reads a line that was judged before.
    pub(super) fn read(line: &[u8]) -> Self {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = Bytes::copy_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        let mut outgoing = Self {
            line,
            kind: OutgoingKind::Response,
            method: String::new(),
            name: None,
            revision: None,
            arguments: None,
        };
        let bytes = outgoing.line.clone();
        let mut reader = Reader::default();
        let message = reader.read_line(&bytes, StrictDepth::ENVELOPE);
        let (method, params) = match message.and_then(|envelope| Message::from_envelope(&envelope)) {
            Ok(Message::Request { id, key, method, params }) => {
                outgoing.kind = OutgoingKind::Request { id: id.to_owned(), key };
                (method, params)
            }
            Ok(Message::Notification { method, params }) => {
                outgoing.kind = match params.filter(|_| method == CANCELLED) {
                    Some(params) => OutgoingKind::Cancellation(
                        find_member(params, "requestId").and_then(|id| IdKey::parse(id.as_bytes()).ok()),
                    ),
                    None => OutgoingKind::Notification,
                };
                (method, params)
            }
            Ok(Message::Response { .. }) | Err(_) => return outgoing,
        };
        let text = |object: Option<&str>, key| {
            object.and_then(|object| find_member(object, key)).and_then(decode_string).map(Cow::into_owned)
        };
        // A request that only revisions without sessions have is of one, also where it does not say so.
        outgoing.revision = text(params.and_then(|params| find_member(params, "_meta")), REVISION_KEY)
            .or_else(|| (method == SERVER_DISCOVER).then(|| WITHOUT_SESSIONS.to_owned()));
        outgoing.name = match &*method {
            TOOLS_CALL | PROMPTS_GET => text(params, "name"),
            RESOURCES_READ => text(params, "uri"),
            TASKS_GET | TASKS_UPDATE | TASKS_CANCEL => text(params, "taskId"),
            _ => None,
        };
        let arguments = params.filter(|_| method == TOOLS_CALL).and_then(|params| find_member(params, "arguments"));
        outgoing.arguments = arguments.map(|arguments| range_of(&bytes, arguments));
        outgoing.method = method.into_owned();
        outgoing
    }

    /// The id of a request, as written.
    pub(super) fn request_id(&self) -> Option<&str> {
        match &self.kind {
            OutgoingKind::Request { id, .. } => Some(id),
            OutgoingKind::Cancellation(_) | OutgoingKind::Notification | OutgoingKind::Response => None,
        }
    }

    pub(super) fn request_key(&self) -> Option<&IdKey> {
        match &self.kind {
            OutgoingKind::Request { key, .. } => Some(key),
            OutgoingKind::Cancellation(_) | OutgoingKind::Notification | OutgoingKind::Response => None,
        }
    }

    pub(super) fn begins_session(&self) -> bool {
        self.method == INITIALIZE && self.request_id().is_some()
    }

    pub(super) fn ends_handshake(&self) -> bool {
        self.method == INITIALIZED
    }

    /// Whether it only asks what a server is: clients begin with that, and go on otherwise after an error.
    pub(super) fn is_discovery(&self) -> bool {
        self.method == SERVER_DISCOVER
    }

    /// Whether its answer is one of a revision without sessions. Where a session was opened, a request's own words change nothing.
    pub(super) fn is_sessionless(&self, session_revision: Option<&str>) -> bool {
        session_revision.is_none() && self.revision.as_deref().is_some_and(|own| own >= WITHOUT_SESSIONS)
    }

    /// Whether it does nothing that happens twice if it is sent twice.
    pub(super) fn is_repeatable(&self) -> bool {
        const READS: &str = " initialize ping server/discover tools/list prompts/list prompts/get resources/list resources/read \
            resources/templates/list resources/directory/read skills/list skills/get completion/complete logging/setLevel \
            notifications/initialized ";
        READS.contains(&format!(" {} ", self.method))
    }

    /// Whether its answer lists tools.
    pub(super) fn lists_tools(&self) -> bool {
        self.method == TOOLS_LIST
    }

    /// Adds the arguments of a call that its tool wants to see in headers.
    pub(super) fn add_params(&self, headers: &mut HeaderMap, params: &ParamHeaders) {
        let arguments = self.arguments.clone().and_then(|range| str::from_utf8(self.line.get(range)?).ok());
        if let (Some(tool), Some(arguments)) = (&self.name, arguments) {
            params.add(tool, arguments, headers);
        }
    }

    /// Adds the headers that a server reads its revision, session, method and name in.
    pub(super) fn add_headers(&self, headers: &mut HeaderMap, session: Option<&HeaderValue>, revision: Option<&str>) {
        if self.is_sessionless(revision) {
            let version = self.revision.as_deref().and_then(|own| HeaderValue::from_str(own).ok());
            version.map(|version| headers.insert(PROTOCOL_VERSION, version));
            HeaderValue::from_str(&encode_value(&self.method)).ok().map(|method| headers.insert(METHOD, method));
            let name = self.name.as_deref().and_then(|name| HeaderValue::from_str(&encode_value(name)).ok());
            name.map(|name| headers.insert(NAME, name));
            return;
        }
        if self.begins_session() {
            return;
        }
        revision.and_then(|own| HeaderValue::from_str(own).ok()).map(|own| headers.insert(PROTOCOL_VERSION, own));
        session.map(|session| headers.insert(SESSION_ID, session.clone()));
    }
}

/// Writes a value as a header can have it: in Base64, marked as such, unless it is plain (2026-07-28, Value Encoding).
pub(super) fn encode_value(value: &str) -> Cow<'_, str> {
    let is_plain = value.bytes().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t'));
    let is_marked = value.starts_with("=?base64?") && value.ends_with("?=");
    if is_plain && !is_marked && value.trim() == value && !value.is_empty() {
        return value.into();
    }
    format!("=?base64?{}?=", encode_base64(value.as_bytes())).into()
}

/// RFC 4648, section 4.
pub(super) fn encode_base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS.get((bits >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(line: &str, session: Option<&str>, revision: Option<&str>) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        let session = session.map(|session| HeaderValue::from_str(session).unwrap());
        Outgoing::read(line.as_bytes()).add_headers(&mut headers, session.as_ref(), revision);
        let shown = |(name, value): (&HeaderName, &HeaderValue)| (name.to_string(), value.to_str().unwrap().to_owned());
        headers.iter().map(shown).collect()
    }

    #[test]
    fn each_revision_has_its_headers() {
        let call = |name: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}","_meta":{{"{REVISION_KEY}":"2026-07-28"}}}}}}"#
            )
        };
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let modern =
            |name| pairs(&[("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", name)]);
        assert_eq!(headers(&call("get_weather"), None, None), modern("get_weather"));
        assert_eq!(headers(&call("Hello, 世界"), None, None), modern("=?base64?SGVsbG8sIOS4lueVjA==?="));
        assert_eq!(headers(&call(" padded "), None, None), modern("=?base64?IHBhZGRlZCA=?="));
        assert_eq!(headers(&call("line1\\nline2"), None, None), modern("=?base64?bGluZTEKbGluZTI=?="));
        assert_eq!(headers(&call("=?base64?literal?="), None, None), modern("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="));
        let session = pairs(&[("mcp-protocol-version", "2025-11-25"), ("mcp-session-id", "s1")]);
        assert_eq!(
            headers(&call("get_weather"), Some("s1"), Some("2025-11-25")),
            session,
            "a session stays what it is"
        );
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        assert_eq!(headers(ping, Some("s1"), Some("2025-11-25")), session);
        assert_eq!(headers(ping, None, None), []);
        let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
        assert_eq!(headers(initialize, Some("s1"), Some("2025-11-25")), []);
        let of_no_session = |method| pairs(&[("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)]);
        let discover = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{}}"#;
        assert_eq!(headers(discover, None, None), of_no_session("server/discover"));
        let initialize = call("x").replace("tools/call", "initialize");
        assert_eq!(headers(&initialize, None, None), of_no_session("initialize"), "which it does not have");
        assert_eq!(headers(&initialize, Some("s1"), Some("2025-11-25")), []);
    }

    #[test]
    fn only_what_changes_nothing_is_sent_again() {
        let is_repeatable = |method: &str| {
            Outgoing::read(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#).as_bytes()).is_repeatable()
        };
        assert!(["ping", "tools/list", "initialize", "resources/read"].into_iter().all(is_repeatable));
        assert!(
            !["tools/call", "tasks/cancel", "tools", "list", "subscriptions/listen"].into_iter().any(is_repeatable)
        );
        assert!(!Outgoing::read(br#"{"jsonrpc":"2.0","id":1,"result":{}}"#).is_repeatable());
    }
}
