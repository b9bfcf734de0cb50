//! One message to the server, and what comes back for it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER, USER_AGENT,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::client_line::{Outgoing, OutgoingKind, PROTOCOL_VERSION, SESSION_ID};
use super::connection::LineBody;
use super::oauth::{LoginStore, Renewal, Tokens, find_challenge};
use super::redirect::is_followed;
use super::transport::{Manner, Transport};
use super::trouble::{Trouble, quote};
use crate::limits::{HTTP_ANSWER, HTTP_RETRY, HTTP_SILENCE, MAX_HTTP_ERROR, MAX_HTTP_REDIRECTS, MAX_HTTP_RETRIES};
use crate::wire::http::endpoint::Endpoint;
use crate::wire::http::one_line::make_one_line;
use crate::wire::id::IdKey;
use crate::wire::message::{Answer, Message};
use crate::wire::reply::{self, ErrorCode};
use crate::wire::skim::skim_line;
use crate::wire::strict::{Reader, StrictDepth};
use crate::wire::view::{decode_lossy, decode_string, find_member};

pub(super) const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";

/// What a request wants to be answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    Message,
    Events,
    Nothing,
}

/// Where what comes back goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recipient {
    /// The session; the answer as well.
    Session,
    /// The session, but for the answer, which is ours.
    Ourselves,
}

/// How the answer to a request was had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The answer to the request, as one line. It is written already if it is the session's.
    Answered(Vec<u8>),
    /// There is nothing to answer, or the answer comes on another stream.
    Accepted,
}

impl Transport {
    /// Sends a message until it is answered or given up, and says what has become of it. `sent` is dropped when it is on its way.
    pub(super) async fn exchange(self: &Arc<Self>, outgoing: Outgoing, sent: oneshot::Sender<()>) {
        if outgoing.begins_session() {
            self.lock_facts().initialize = Some(outgoing.clone());
        }
        match self.deliver_message(&outgoing, Some(sent)).await {
            Ok(_) => {
                if outgoing.ends_handshake() && self.lock_facts().manner == Manner::Streamable {
                    self.start_listener();
                }
                if let OutgoingKind::Cancellation(Some(key)) = &outgoing.kind {
                    self.close_request(key);
                }
            }
            Err(trouble) => self.report_trouble(&outgoing, &trouble).await,
        }
    }

    async fn report_trouble(&self, outgoing: &Outgoing, trouble: &Trouble) {
        let endpoint = &self.target.endpoint;
        let Some(id) = outgoing.request_id() else {
            let why = self.hide_sent(&trouble.describe_for(endpoint, Some(outgoing)));
            tracing::warn!("what the client sent was not taken: {why}");
            return;
        };
        // A client that asks what the server is before it begins a session goes on after this error, and no other.
        let (code, why) = match trouble {
            Trouble::Status(status, said) if outgoing.is_discovery() && status.is_client_error() => (
                ErrorCode::MethodNotFound,
                format!("The server does not know {}: it answered {status}{said}", outgoing.method),
            ),
            _ => (ErrorCode::UpstreamFailed, trouble.describe_for(endpoint, Some(outgoing))),
        };
        let why = self.hide_sent(&why);
        if code == ErrorCode::UpstreamFailed {
            tracing::warn!("{why}");
        }
        self.write_line(&reply::error_line(Some(id), code, &why)).await;
        if matches!(trouble, Trouble::SessionOver(_)) {
            self.declare_over("it has ended the session");
        }
    }

    /// Sends a message, again where that is safe, and in a new session where the server has ended the old one.
    async fn deliver_message(
        self: &Arc<Self>,
        outgoing: &Outgoing,
        mut sent: Option<oneshot::Sender<()>>,
    ) -> Result<Outcome, Trouble> {
        let (mut retries, mut pause, mut is_renewed, mut has_new_token) = (0, HTTP_RETRY, false, false);
        loop {
            let session = self.lock_facts().session.clone();
            let token = self.prepare_token().await?;
            let trouble = match self.post_message(outgoing, sent.take(), Recipient::Session).await {
                Ok(outcome) => return Ok(outcome),
                Err(trouble) => trouble,
            };
            let manner = self.lock_facts().manner;
            match (&trouble, session) {
                // It has not looked at the message. Another wrapper, or a login, may have brought a token meanwhile.
                (Trouble::Login(..) | Trouble::Scope(..), _) if !has_new_token => {
                    has_new_token = true;
                    let renewal = match &trouble {
                        Trouble::Scope(..) => self.tokens().find_other(token.as_ref()).await?,
                        _ => self.renew_token(token.as_ref()).await?,
                    };
                    if renewal == Renewal::NeedsPerson {
                        return Err(trouble);
                    }
                }
                (Trouble::Status(StatusCode::NOT_FOUND, _), Some(session))
                    if !is_renewed && !outgoing.begins_session() && manner == Manner::Streamable =>
                {
                    self.renew_session(&session).await?;
                    is_renewed = true;
                }
                (
                    Trouble::Status(
                        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED,
                        _,
                    ),
                    _,
                ) if manner == Manner::Unknown => {
                    if !self.begins_event_stream().await? {
                        return Err(trouble);
                    }
                }
                _ if retries < MAX_HTTP_RETRIES && trouble.allows_retry(outgoing) => {
                    retries += 1;
                    tracing::debug!("{} is sent again: {trouble}", outgoing.method);
                    sleep(pause).await;
                    pause *= 4;
                }
                _ => return Err(trouble),
            }
        }
    }

    /// Sends a message once, and writes what comes back.
    pub(super) async fn post_message(
        self: &Arc<Self>,
        outgoing: &Outgoing,
        mut sent: Option<oneshot::Sender<()>>,
        recipient: Recipient,
    ) -> Result<Outcome, Trouble> {
        let mut route = self.route();
        for _ in 0..=MAX_HTTP_REDIRECTS {
            let body = LineBody::new(outgoing.line.clone(), sent.take());
            let request = self.build_request((Method::POST, &route.endpoint), Wants::Message, Some(outgoing), body);
            let head = self.connections.send_request(&self.target, request);
            let response = match outgoing.request_id() {
                // A call may take as long as its client waits for it.
                Some(_) if !outgoing.is_repeatable() => head.await?,
                _ => timeout(HTTP_ANSWER, head).await.unwrap_or(Err(Trouble::Silent(HTTP_ANSWER.as_secs())))?,
            };
            match response.status() {
                status if is_followed(status) => self.follow(&mut route, &response)?,
                StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => {
                    return Err(Trouble::Moved(response.status()));
                }
                status if status.is_success() => return self.take_answer(outgoing, response, recipient).await,
                _ => return self.take_refusal(outgoing, response, recipient).await,
            }
        }
        Err(Trouble::RedirectLoop)
    }

    pub(super) fn build_request(
        &self,
        (method, endpoint): (Method, &Endpoint),
        wants: Wants,
        outgoing: Option<&Outgoing>,
        body: LineBody,
    ) -> Request<LineBody> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        // An endpoint has only characters that a URI has.
        *request.uri_mut() = endpoint.target().parse().unwrap_or_default();
        let headers = request.headers_mut();
        HeaderValue::from_str(&endpoint.authority()).ok().map(|host| headers.insert(HOST, host));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("policylayer/", env!("CARGO_PKG_VERSION"))));
        match wants {
            Wants::Message => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
                headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
            }
            Wants::Events => {
                headers.insert(ACCEPT, HeaderValue::from_static(EVENTS));
            }
            Wants::Nothing => {}
        }
        for (name, value) in &self.target.headers {
            headers.append(name, value.clone());
        }
        let facts = self.lock_facts();
        facts.token.as_ref().map(|token| headers.insert(AUTHORIZATION, token.clone()));
        match outgoing {
            Some(outgoing) => {
                outgoing.add_headers(headers, facts.session.as_ref(), facts.revision.as_deref());
                if outgoing.is_sessionless(facts.revision.as_deref()) {
                    outgoing.add_params(headers, &facts.params);
                }
            }
            None => {
                facts.session.as_ref().map(|session| headers.insert(SESSION_ID, session.clone()));
                let revision = facts.revision.as_deref().and_then(|own| HeaderValue::from_str(own).ok());
                revision.map(|revision| headers.insert(PROTOCOL_VERSION, revision));
            }
        }
        request
    }

    /// Takes what comes back with success.
    async fn take_answer(
        self: &Arc<Self>,
        outgoing: &Outgoing,
        response: Response<Incoming>,
        recipient: Recipient,
    ) -> Result<Outcome, Trouble> {
        check_encoding(response.headers())?;
        if outgoing.begins_session() {
            self.lock_facts().session = response.headers().get(SESSION_ID).cloned();
        }
        let Some(key) = outgoing.request_key() else {
            self.note_manner(Manner::Streamable);
            return Ok(Outcome::Accepted);
        };
        if self.lock_facts().manner == Manner::EventStream {
            return Ok(Outcome::Accepted);
        }
        let outcome = match content_type(response.headers()).as_str() {
            EVENTS => {
                self.note_manner(Manner::Streamable);
                self.take_event_answer(outgoing, key, response.into_body(), recipient).await?
            }
            JSON => {
                self.note_manner(Manner::Streamable);
                let mut line = self.read_body(response.into_body(), self.target.max_message).await?;
                make_one_line(&mut line).map_err(|_| Trouble::Unreadable)?;
                if !answers(&line, key) {
                    return Err(Trouble::Unreadable);
                }
                if self.repeats_sent(&line) {
                    return Err(Trouble::Repeats);
                }
                self.learn_from_answer(outgoing, &mut line);
                if recipient == Recipient::Session {
                    self.write_line(&line).await;
                }
                Outcome::Answered(line)
            }
            "" => return Err(Trouble::Unanswered),
            other => return Err(Trouble::ContentType(quote(other))),
        };
        Ok(outcome)
    }

    /// Takes what comes back without success. An error of the protocol, with the request's id, is its answer.
    async fn take_refusal(
        self: &Arc<Self>,
        outgoing: &Outgoing,
        response: Response<Incoming>,
        recipient: Recipient,
    ) -> Result<Outcome, Trouble> {
        let (status, headers) = (response.status(), response.headers());
        // A server may repeat what it was sent, and what is left of it may still be readable.
        let quote = |text: &str| {
            let text = self.hide_sent(text);
            if self.repeats_sent(text.as_bytes()) { String::new() } else { quote(&text) }
        };
        let later = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(quote);
        let challenge = find_challenge(headers);
        let is_scope = challenge.as_ref().is_some_and(|own| own.error.as_deref() == Some("insufficient_scope"));
        let is_login = status == StatusCode::UNAUTHORIZED || (status == StatusCode::FORBIDDEN && is_scope);
        let is_json = content_type(headers) == JSON && check_encoding(headers).is_ok();
        let mut said = String::new();
        if is_json && let Ok(mut line) = self.read_body(response.into_body(), MAX_HTTP_ERROR).await {
            let is_line = make_one_line(&mut line).is_ok();
            // What a 401 says is for whoever logs in; a client would take it for the end of the matter.
            if let Some(key) = outgoing.request_key()
                && is_line
                && !is_login
                && answers(&line, key)
                && !self.repeats_sent(&line)
            {
                if recipient == Recipient::Session {
                    self.write_line(&line).await;
                }
                return Ok(Outcome::Answered(line));
            }
            said = error_message(&line).map(|message| format!(": {}", quote(&message))).unwrap_or_default();
        }
        let command = self.target.logins.as_ref().map(LoginStore::login_command);
        if is_login {
            self.tokens().note_challenge(challenge.clone());
        }
        Err(match status {
            StatusCode::UNAUTHORIZED => {
                let code = challenge.and_then(|challenge| challenge.error);
                let code = code.map(|code| format!(": {}", quote(&code))).unwrap_or_default();
                if self.target.headers.contains_key(AUTHORIZATION) {
                    Trouble::Key(code)
                } else {
                    Trouble::Login(code, command)
                }
            }
            StatusCode::FORBIDDEN if is_scope => {
                let scope = challenge.and_then(|challenge| challenge.scope);
                Trouble::Scope(scope.map(|scope| format!(" ({})", quote(&scope))).unwrap_or_default(), command)
            }
            StatusCode::FORBIDDEN => Trouble::Forbidden(said),
            status => {
                let later = later.map(|later| format!(" (to be tried again after {later})")).unwrap_or_default();
                Trouble::Status(status, said + &later)
            }
        })
    }

    /// Whether a message says who we are to the server.
    pub(super) fn repeats_sent(&self, message: &[u8]) -> bool {
        self.lock_facts().sent.are_in(message)
    }

    pub(super) fn hide_sent(&self, text: &str) -> String {
        self.lock_facts().sent.hide(text)
    }

    pub(super) fn tokens(&self) -> Tokens<'_> {
        Tokens::new(&self.target, &self.connections, &self.login_turn)
    }

    /// Takes the token that requests are sent with from now on, and returns it.
    pub(super) async fn prepare_token(self: &Arc<Self>) -> Result<Option<HeaderValue>, Trouble> {
        let transport = Arc::clone(self);
        let token = self.finish(async move { transport.tokens().find_header().await }).await?;
        let mut facts = self.lock_facts();
        facts.token.clone_from(&token);
        token.iter().for_each(|token| facts.sent.note_token(token));
        Ok(token)
    }

    pub(super) async fn renew_token(self: &Arc<Self>, refused: Option<&HeaderValue>) -> Result<Renewal, Trouble> {
        let (transport, refused) = (Arc::clone(self), refused.cloned());
        self.finish(async move { transport.tokens().renew(refused.as_ref()).await }).await
    }

    /// A renewal goes on without the request that needs it: what it brings may be the only token with which the next one is had.
    async fn finish<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T, Trouble>> + Send + 'static,
    ) -> Result<T, Trouble> {
        let command = || self.target.logins.as_ref().map(LoginStore::login_command).unwrap_or_default();
        tokio::spawn(task).await.unwrap_or_else(|error| Err(Trouble::Renewal(error.to_string(), command())))
    }

    fn note_manner(&self, manner: Manner) {
        let mut facts = self.lock_facts();
        if facts.manner == Manner::Unknown {
            facts.manner = manner;
        }
    }

    /// Learns from the answer to `initialize` which revision the session has, and from tools which headers they want. Those that want
    /// what cannot be are taken out of their list.
    pub(super) fn learn_from_answer(&self, outgoing: &Outgoing, line: &mut Vec<u8>) {
        if outgoing.begins_session() {
            self.lock_facts().revision = session_revision(line);
        } else if outgoing.lists_tools() {
            let mut facts = self.lock_facts();
            if outgoing.is_sessionless(facts.revision.as_deref()) {
                for (tool, why) in facts.params.learn(line) {
                    let tool = quote(&facts.sent.hide(&tool));
                    tracing::warn!(
                        "the tool {tool} is left out of what the server lists, as revision 2026-07-28 wants it: x-mcp-header in its \
                         schema {why}"
                    );
                }
            }
        }
    }

    /// Reads a whole body of at most `max` bytes.
    async fn read_body(&self, mut body: Incoming, max: usize) -> Result<Vec<u8>, Trouble> {
        let mut bytes = Vec::new();
        while let Some(part) = next_part(&mut body, HTTP_SILENCE).await? {
            if bytes.len() + part.len() > max {
                return Err(Trouble::TooLong(max));
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }
}

/// Returns the next bytes of a body; `None` at its end.
pub(super) async fn next_part(body: &mut Incoming, patience: Duration) -> Result<Option<Bytes>, Trouble> {
    loop {
        let silent = |_| Trouble::Silent(patience.as_secs());
        match timeout(patience, body.frame()).await.map_err(silent)? {
            None => return Ok(None),
            Some(Ok(frame)) => {
                if let Ok(part) = frame.into_data() {
                    return Ok(Some(part));
                }
            }
            Some(Err(error)) => return Err(Trouble::from_broken(&error)),
        }
    }
}

/// The content type without its parameters, in lower case.
pub(super) fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), Trouble> {
    match headers.get(CONTENT_ENCODING).map(|value| String::from_utf8_lossy(value.as_bytes())) {
        Some(encoding) if !encoding.trim().eq_ignore_ascii_case("identity") => Err(Trouble::Encoding(quote(&encoding))),
        _ => Ok(()),
    }
}

/// Whether a line is an answer to the request with this id, however it will be judged.
pub(super) fn answers(line: &[u8], key: &IdKey) -> bool {
    let skim = skim_line(line);
    skim.response_id().and_then(|id| IdKey::parse(id.as_str().as_bytes()).ok()).as_ref() == Some(key)
}

/// Returns a part of the result of an answer, as written, if it is one that every parser reads alike, down to this depth.
pub(super) fn read_result<T>(line: &[u8], depth: StrictDepth, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let mut reader = Reader::default();
    let envelope = reader.read_line(line, depth).ok()?;
    match Message::from_envelope(&envelope).ok()? {
        Message::Response { answer: Answer::Result(result), .. } => read(result),
        _ => None,
    }
}

pub(super) fn session_revision(line: &[u8]) -> Option<String> {
    let read = |result: &str| decode_string(find_member(result, "protocolVersion")?).map(Cow::into_owned);
    read_result(line, StrictDepth::EVERYTHING, read)
}

fn error_message(line: &[u8]) -> Option<String> {
    let mut reader = Reader::default();
    let envelope = reader.read_line(line, StrictDepth::ENVELOPE).ok()?;
    decode_lossy(find_member(envelope.error?, "message")?).map(Cow::into_owned)
}
