//! A line that was understood: a request, a notification or a response.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fault::{Fault, excerpt};
use super::id::IdKey;
use super::method::{MethodClass, TOOLS_CALL, classify_method};
use super::params::read_uri;
use super::strict::{CallMembers, Envelope, KeyMarks};
use super::text::is_plain_ascii;
use super::view;
use crate::limits::MAX_NAME;

/// A message, borrowed from its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'l> {
    /// A message that wants an answer.
    Request {
        /// The id as written.
        id: &'l str,
        /// The id as compared.
        key: IdKey,
        /// The method, decoded.
        method: Cow<'l, str>,
        /// The parameters as written: an object.
        params: Option<&'l str>,
    },
    /// A message that wants no answer.
    Notification {
        /// The method, decoded.
        method: Cow<'l, str>,
        /// The parameters as written: an object.
        params: Option<&'l str>,
    },
    /// An answer.
    Response {
        /// The id as written.
        id: &'l str,
        /// The id as compared.
        key: IdKey,
        /// The result or the error.
        answer: Answer<'l>,
        /// Which keys that can have.
        keys: KeyMarks,
    },
}

/// The content of a response, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'l> {
    /// A result.
    Result(&'l str),
    /// An error.
    Error(&'l str),
}

impl<'l> Answer<'l> {
    /// What was answered, as written.
    pub const fn text(self) -> &'l str {
        match self {
            Self::Result(text) | Self::Error(text) => text,
        }
    }
}

impl<'l> Message<'l> {
    /// Reads an envelope as a message.
    ///
    /// # Errors
    /// When a member has a type that the protocol does not allow, or when it cannot be told what the message is.
    pub fn from_envelope(envelope: &Envelope<'l>) -> Result<Self, Fault> {
        if envelope.jsonrpc != Some(VERSION_JSON)
            && envelope.jsonrpc.and_then(view::decode_string).as_deref() != Some("2.0")
        {
            return Err(Fault::Version);
        }
        let key = |id: &str| IdKey::parse_text(id).map_err(Fault::Id);
        // Some peers write null for what is absent: `"error":null` beside a result, and the other way round.
        let (result, error) = match (envelope.result, envelope.error) {
            (Some(result), Some("null")) => (Some(result), None),
            (Some("null"), Some(error)) => (None, Some(error)),
            answer => answer,
        };
        match (envelope.method, envelope.id, result, error) {
            (Some(method), id, None, None) => {
                let method = decode_method(method)?;
                let params = expect_object("params", envelope.params)?;
                match id {
                    Some(id) => Ok(Self::Request { id, key: key(id)?, method, params }),
                    None => Ok(Self::Notification { method, params }),
                }
            }
            (None, Some(id), result, error) => {
                let answer = match (result, error) {
                    (Some(result), None) => Answer::Result(result),
                    (None, Some(error)) => Answer::Error(error),
                    _ => return Err(Fault::Shape),
                };
                Ok(Self::Response { id, key: key(id)?, answer, keys: envelope.inner_keys })
            }
            _ => Err(Fault::Shape),
        }
    }
}

/// The version as nearly all write it.
pub(crate) const VERSION_JSON: &str = "\"2.0\"";

/// What nearly every request asks for.
pub(crate) const TOOLS_CALL_JSON: &str = "\"tools/call\"";

pub(crate) fn decode_method(json: &str) -> Result<Cow<'_, str>, Fault> {
    if json == TOOLS_CALL_JSON {
        return Ok(Cow::Borrowed(TOOLS_CALL));
    }
    if !json.starts_with('"') {
        return Err(Fault::Type { name: "method", expected: "a string" });
    }
    let method = view::decode_string(json).filter(|method| !method.contains('\0'));
    let method = method.ok_or_else(|| Fault::Ambiguous { what: "method", text: excerpt(json) })?;
    match classify_method(&method) {
        MethodClass::LooksLike(name) => Err(Fault::AnotherMethod { method: excerpt(&method), name }),
        MethodClass::Known(_) | MethodClass::Unknown => Ok(method),
    }
}

pub(crate) fn expect_object<'l>(name: &'static str, json: Option<&'l str>) -> Result<Option<&'l str>, Fault> {
    match json {
        // To every parser that takes it, null is as good as absent.
        Some("null") => Ok(None),
        Some(json) if json.as_bytes().first() != Some(&b'{') => Err(Fault::Type { name, expected: "an object" }),
        json => Ok(json),
    }
}

/// The keys in a call's parameters that the protocol knows, in any revision.
const CALL_KEYS: [&str; 6] = ["name", "arguments", "_meta", "task", "inputResponses", "requestState"];

/// The key in `_meta` that names the revision of a request, from 2026-07-28 on.
const REVISION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

/// The key in `_meta` for the client's capabilities, from 2026-07-28 on.
const CLIENT_CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";

/// The key in `_meta` for the client's description of itself, from 2026-07-28 on.
const CLIENT_INFO_KEY: &str = "io.modelcontextprotocol/clientInfo";

/// The key of the trace that a message belongs to, in its `_meta` (W3C Trace Context).
const TRACEPARENT_KEY: &str = "traceparent";

/// The first revision in which results carry a `resultType`. Revisions compare as text.
const RESULT_TYPE_SINCE: &str = "2026-07-28";

/// The parameters of tools/call, or of another request that is judged like it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallParams<'l> {
    /// The name of the tool or prompt, or the URI of the resource, decoded.
    pub name: Cow<'l, str>,
    /// The arguments as written: an object.
    pub arguments: Option<&'l str>,
    /// Whether `null` is written for the arguments. Some servers take it for none, and others for arguments.
    pub has_null_arguments: bool,
    meta: Option<&'l str>,
    task: Option<&'l str>,
    input: Option<&'l str>,
    state: Option<&'l str>,
    /// All parameters as written, if there are other ones, among them `task`.
    others: Option<&'l str>,
}

/// The shape of the answer that a call expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerShape {
    /// A plain result.
    Result,
    /// A result with `resultType`, from revision 2026-07-28 on.
    TypedResult,
    /// A task (2025-11-25, `params.task`): a plain result has the wrong shape, so refuse with an error.
    Task,
    /// What no tool gives, such as a resource: refuse with an error.
    Other,
}

impl<'l> CallParams<'l> {
    /// Reads the parameters of a call, which were read strictly before.
    ///
    /// # Errors
    /// When a key looks like one of the protocol's, when `name` is not a string that all parsers read alike, or when
    /// `arguments` or `inputResponses` is there and no object.
    pub fn read(params: Option<&'l str>) -> Result<Self, Fault> {
        let (mut name, mut arguments) = (None, None);
        let call = Self::read_members(params, &CALL_KEYS, |key, value| match key {
            "name" => name = Some(value),
            "arguments" => arguments = Some(value),
            _ => {}
        })?;
        call.with_called(name, arguments)
    }

    /// As [`CallParams::read`], by what the reader has seen of them.
    ///
    /// # Errors
    /// The same.
    pub fn from_members(members: &CallMembers<'l>, params: Option<&'l str>) -> Result<Self, Fault> {
        let CallMembers { name, arguments, meta, is_whole } = *members;
        if !is_whole {
            return Self::read(params);
        }
        Self { meta: meta.filter(|meta| *meta != "null"), ..Self::default() }.with_called(name, arguments)
    }

    fn with_called(self, name: Option<&'l str>, arguments: Option<&'l str>) -> Result<Self, Fault> {
        let name = read_name(name.unwrap_or_default())?;
        let has_null_arguments = arguments == Some("null");
        Ok(Self { name, arguments: expect_object("arguments", arguments)?, has_null_arguments, ..self })
    }

    /// Reads the parameters of a request about a resource, which were read strictly before. The name is the URI; empty if
    /// there is none, which is the server's to refuse.
    ///
    /// # Errors
    /// When a key looks like one of the protocol's, when `uri` is not a string that all parsers read alike, or when
    /// `inputResponses` is there and no object.
    pub fn read_resource(params: Option<&'l str>) -> Result<Self, Fault> {
        let call = Self::read_members(params, &["_meta", "inputResponses", "requestState"], |_, _| {})?;
        Ok(Self { name: read_uri(params)?, ..call })
    }

    /// Returns the parameters of any other request, which are its arguments.
    pub fn for_method(method: &'l str, params: Option<&'l str>) -> Self {
        let meta = params.and_then(|params| view::find_member(params, "_meta"));
        Self { name: Cow::Borrowed(method), arguments: params, meta, ..Self::default() }
    }

    /// Reads what the parameters of all requests have in common, and hands over the other protocol keys.
    fn read_members(
        params: Option<&'l str>,
        keys: &[&'static str],
        mut read_other: impl FnMut(&'static str, &'l str),
    ) -> Result<Self, Fault> {
        let mut call = Self::default();
        for member in view::members(params.unwrap_or_default()) {
            let value = Some(member.value).filter(|value| *value != "null");
            match member.protocol_key(keys)? {
                Some("_meta") => call.meta = value,
                Some("task") => {
                    call.task = value;
                    call.others = value.and(params).or(call.others);
                }
                Some("inputResponses") => call.input = expect_object("inputResponses", value)?,
                Some("requestState") => call.state = value,
                Some(key) => read_other(key, member.value),
                None => call.others = params,
            }
        }
        Ok(call)
    }

    /// Returns whether the call brings input that the server has asked for, as a retry does (2026-07-28).
    pub fn has_input(&self) -> bool {
        self.input.is_some() || self.state.is_some()
    }

    /// Returns the state that the server gave with its question, as written.
    pub fn request_state(&self) -> Option<&'l str> {
        self.state
    }

    /// Returns what the client says it is, an object as written, if the call says so itself (from revision 2026-07-28
    /// on).
    pub fn client_info(&self) -> Option<&'l str> {
        view::find_member(self.meta?, CLIENT_INFO_KEY)
    }

    /// Returns the client's answer to one of the questions of an earlier answer, as written.
    pub fn answer_to(&self, question: &str) -> Option<&'l str> {
        view::find_member(self.input?, question)
    }

    /// Returns the client's `elicitation` capability as written, if the call declares it (from revision 2026-07-28 on).
    pub fn elicitation(&self) -> Option<&'l str> {
        view::find_member(view::find_member(self.meta?, CLIENT_CAPABILITIES_KEY)?, "elicitation")
    }

    /// Returns the token under which the client wants progress, as written.
    pub fn progress_token(&self) -> Option<&'l str> {
        view::find_member(self.meta?, "progressToken")
    }

    /// Returns the input that the server has asked for, as written (2026-07-28).
    pub fn input_responses(&self) -> Option<&'l str> {
        self.input
    }

    /// Returns all parameters as written if there are any beside the name, the arguments, `_meta` and the input: `task`, or
    /// what the protocol does not know.
    pub fn with_others(&self) -> Option<&'l str> {
        self.others
    }

    /// Returns the trace that the call belongs to, as written.
    pub fn traceparent(&self) -> Option<&'l str> {
        view::find_member(self.meta?, TRACEPARENT_KEY)
    }

    /// Returns the shape of the answer that the caller expects.
    pub fn answer_shape(&self) -> AnswerShape {
        let revision = self.meta.and_then(|meta| view::find_member(meta, REVISION_KEY)).and_then(view::decode_string);
        match (self.task, revision) {
            (Some(_), _) => AnswerShape::Task,
            (None, Some(revision)) if revision.as_ref() >= RESULT_TYPE_SINCE => AnswerShape::TypedResult,
            (None, _) => AnswerShape::Result,
        }
    }
}

/// Reads the name of a tool or prompt: a string that all parsers read alike.
pub(crate) fn read_name(json: &str) -> Result<Cow<'_, str>, Fault> {
    // What nearly all names are: they have no escapes and no NUL.
    if let Some(name) = view::inside(json)
        && name.len() <= MAX_NAME
        && is_plain_ascii(name.as_bytes())
    {
        return Ok(Cow::Borrowed(name));
    }
    if !json.starts_with('"') {
        return Err(Fault::Type { name: "name", expected: "a string" });
    }
    // One byte of a name takes at most six bytes as written; two are its quotes.
    if json.len() > 6 * MAX_NAME + 2 {
        return Err(Fault::NameLength);
    }
    match view::decode_string(json) {
        Some(name) if name.len() > MAX_NAME => Err(Fault::NameLength),
        Some(name) if !name.contains('\0') => Ok(name),
        _ => Err(Fault::Ambiguous { what: "name", text: excerpt(json) }),
    }
}

/// Returns the client's description of itself in `initialize`, an object as written.
pub fn client_info(params: Option<&str>) -> Option<&str> {
    view::find_member(params?, "clientInfo")
}

/// Returns the trace that any message belongs to, as written.
pub fn traceparent(params: Option<&str>) -> Option<&str> {
    view::find_member(view::find_member(params?, "_meta")?, TRACEPARENT_KEY)
}

/// Returns the trace that a line belongs to which is no acceptable message, as written; `None` if it is not certain.
pub fn find_traceparent(line: &[u8]) -> Option<&str> {
    // A key that stands twice is an error here.
    #[derive(Deserialize)]
    struct Line<'l> {
        #[serde(borrow)]
        params: Params<'l>,
    }
    #[derive(Deserialize)]
    struct Params<'l> {
        #[serde(borrow, rename = "_meta")]
        meta: Meta<'l>,
    }
    #[derive(Deserialize)]
    struct Meta<'l> {
        #[serde(borrow)]
        traceparent: &'l RawValue,
    }
    Some(serde_json::from_slice::<Line<'_>>(line).ok()?.params.meta.traceparent.get())
}

/// Returns the request that a `notifications/cancelled` cancels.
pub fn cancelled_request(params: Option<&str>) -> Option<IdKey> {
    IdKey::parse_text(view::find_member(params?, "requestId")?).ok()
}

/// Returns whether a `notifications/cancelled` says that its sender has waited long enough, as the SDKs for TypeScript and
/// Rust do: nobody has decided against the request.
pub fn has_timed_out(params: Option<&str>) -> bool {
    let reason = params.and_then(|params| view::decode_string(view::find_member(params, "reason")?));
    reason.is_some_and(|reason| {
        let reason = reason.to_ascii_lowercase();
        reason.contains("timed out") || reason.contains("timeout")
    })
}
