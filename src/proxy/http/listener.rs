//! Streams of events: the answer to a request, and what the server says by itself.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Method, Response, StatusCode};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::client_line::Outgoing;
use super::exchange::{
    EVENTS, Outcome, Recipient, Wants, answers, check_encoding, content_type, next_part, read_result, session_revision,
};
use super::oauth::Renewal;
use super::transport::{Manner, Transport};
use super::trouble::Trouble;
use crate::limits::{
    HTTP_ANSWER, HTTP_IDLE_RESUME, HTTP_LAST_EVENTS, HTTP_RESUME, HTTP_RETRY, HTTP_STREAM_SILENCE, MAX_HTTP_RESUME,
    MAX_HTTP_RESUMES, MIN_HTTP_RESUME,
};
use crate::wire::http::event_stream::{Event, EventData, EventKind, EventReader};
use crate::wire::http::one_line::make_one_line;
use crate::wire::id::{Id, IdKey};
use crate::wire::reply::{self, ErrorCode};
use crate::wire::skim::skim_line;
use crate::wire::strict::StrictDepth;
use crate::wire::view::find_member;

/// The lists of which a new session may have other ones, by the server's capability.
const LISTS: [(&str, &str); 3] = [
    ("tools", "notifications/tools/list_changed"),
    ("prompts", "notifications/prompts/list_changed"),
    ("resources", "notifications/resources/list_changed"),
];

/// How a stream of events ended.
enum StreamEnd {
    /// After the answer that it was read for.
    Answered(Vec<u8>),
    /// Without it: from where it can be resumed, and when.
    Cut(Resume),
}

struct Resume {
    last_id: Option<HeaderValue>,
    pause: Duration,
    /// Whether anything came on it.
    has_events: bool,
    /// Whether a message did.
    has_messages: bool,
}

/// How long to wait before a stream is resumed: as long as the server says, and longer where this many in a row have brought no message,
/// since each can say that the next one is to come at once.
fn resume_pause(said: Duration, in_vain: u32) -> Duration {
    let least = match in_vain {
        0 | 1 => Duration::ZERO,
        more => (HTTP_RETRY * (1 << (more - 2).min(16))).min(HTTP_IDLE_RESUME),
    };
    said.max(least)
}

impl Transport {
    /// Reads the events that answer a request. A stream that is cut is resumed where the server has said from where.
    pub(super) async fn take_event_answer(
        self: &Arc<Self>,
        outgoing: &Outgoing,
        key: &IdKey,
        body: Incoming,
        recipient: Recipient,
    ) -> Result<Outcome, Trouble> {
        let (mut body, mut resumes, mut in_vain, mut last_id) = (body, 0, 0, None);
        loop {
            let cut = match self.read_events(body, Some((outgoing, key)), recipient).await? {
                StreamEnd::Answered(line) => return Ok(Outcome::Answered(line)),
                StreamEnd::Cut(cut) => cut,
            };
            last_id = cut.last_id.or(last_id);
            resumes = if cut.has_events { 0 } else { resumes + 1 };
            in_vain = if cut.has_messages { 0 } else { in_vain + 1 };
            let pause = resume_pause(cut.pause, in_vain);
            let lost = || Trouble::Lost("the stream of events ended without the answer".to_owned());
            let is_sessionless = outgoing.is_sessionless(self.lock_facts().revision.as_deref());
            let Some(from) = last_id.clone().filter(|_| !is_sessionless && resumes <= MAX_HTTP_RESUMES) else {
                return Err(lost());
            };
            sleep(pause).await;
            body = loop {
                match self.open_events(Some(&from)).await {
                    Ok(response) => break response.into_body(),
                    Err(trouble) if trouble.is_passing() && resumes < MAX_HTTP_RESUMES => {
                        resumes += 1;
                        sleep(pause).await;
                    }
                    Err(_) => return Err(lost()),
                }
            };
        }
    }

    /// Listens for what the server says by itself, as long as the session goes on. A server that has no such stream says so.
    pub(super) async fn listen_to_server(self: Arc<Self>) {
        let (mut last_id, mut pause, mut in_vain) = (None, HTTP_RESUME, 0);
        loop {
            match self.open_events(last_id.as_ref()).await {
                Ok(response) => {
                    let end = self.read_events(response.into_body(), None, Recipient::Session).await;
                    match end {
                        Ok(StreamEnd::Cut(cut)) if cut.has_events => {
                            last_id = cut.last_id.or(last_id);
                            in_vain = if cut.has_messages { 0 } else { in_vain + 1 };
                            pause = resume_pause(cut.pause, in_vain);
                        }
                        Ok(_) | Err(_) => pause = (pause * 2).min(MAX_HTTP_RESUME),
                    }
                }
                Err(trouble) if trouble.is_passing() => {
                    pause = (pause * 2).min(MAX_HTTP_RESUME);
                }
                Err(Trouble::Status(status, _)) if status.is_server_error() => pause = MAX_HTTP_RESUME,
                // Somebody may log in.
                Err(Trouble::Status(StatusCode::UNAUTHORIZED, _)) if self.target.logins.is_some() => {
                    pause = MAX_HTTP_RESUME;
                }
                // A later request finds out what is wrong, or there is no such stream.
                Err(trouble) => {
                    let why = self.hide_sent(&trouble.to_string());
                    return tracing::debug!("the server has no stream of its own: {why}");
                }
            }
            sleep(pause).await;
        }
    }

    /// Asks whether the server opens a stream of events as they did until revision 2024-11-05, and reads it from then on.
    pub(super) async fn begins_event_stream(self: &Arc<Self>) -> Result<bool, Trouble> {
        let Ok(response) = self.open_events(None).await else { return Ok(false) };
        let (mut body, mut reader) = (response.into_body(), EventReader::new(self.target.max_message));
        let (found, endpoint) = oneshot::channel();
        let mut found = Some(found);
        let transport = Arc::clone(self);
        let task = tokio::spawn(async move {
            while let Ok(Some(part)) = next_part(&mut body, HTTP_STREAM_SILENCE).await {
                let mut rest = &part[..];
                while let Some(event) = reader.next_event(&mut rest) {
                    match (event.kind, event.data, found.take()) {
                        (EventKind::Endpoint, EventData::Whole(place), Some(found)) => drop(found.send(place)),
                        (kind, data, waits) => {
                            found = waits;
                            transport.forward_event(Event { kind, data }, None).await;
                        }
                    }
                }
            }
            if found.is_none() {
                transport.declare_over("its stream of events ended");
            }
        });
        let Ok(Ok(place)) = timeout(HTTP_ANSWER, endpoint).await else {
            task.abort();
            return Err(Trouble::NoEndpoint);
        };
        let endpoint = self.target.endpoint.resolve(&String::from_utf8_lossy(&place)).map_err(Trouble::Redirect)?;
        let mut facts = self.lock_facts();
        (facts.endpoint, facts.manner) = (endpoint, Manner::EventStream);
        drop(facts);
        self.keep_listener(task.abort_handle());
        tracing::info!("the server speaks HTTP as in revision 2024-11-05");
        Ok(true)
    }

    /// Begins a session anew with the client's own `initialize`, since the server has ended the one with this id, and tells the
    /// client that the lists may be others.
    pub(super) async fn renew_session(self: &Arc<Self>, ended: &HeaderValue) -> Result<(), Trouble> {
        let _one_at_a_time = self.renewal.lock().await;
        let (initialize, revision) = {
            let mut facts = self.lock_facts();
            if facts.session.as_ref() != Some(ended) {
                return Ok(());
            }
            facts.session = None;
            (facts.initialize.clone(), facts.revision.clone())
        };
        let over = |why: &str| Trouble::SessionOver(why.to_owned());
        let initialize = initialize.ok_or_else(|| over("the client has not begun one"))?;
        let begun = self.post_message(&initialize, None, Recipient::Ourselves).await;
        let Outcome::Answered(line) = begun.map_err(|trouble| Trouble::SessionOver(trouble.to_string()))? else {
            return Err(over("it gave no answer"));
        };
        if session_revision(&line) != revision {
            return Err(over("it would have another revision of the protocol"));
        }
        let ready = Outgoing::read(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        let begun = self.post_message(&ready, None, Recipient::Ourselves).await;
        begun.map_err(|trouble| Trouble::SessionOver(trouble.to_string()))?;
        self.start_listener();
        tracing::warn!("the server has ended the session, and a new one was begun");
        for (capability, changed) in LISTS {
            let has = |result: &str| find_member(find_member(result, "capabilities")?, capability).map(|_| ());
            if read_result(&line, StrictDepth::EVERYTHING, has).is_some() {
                self.write_line(&reply::list_changed(changed, None)).await;
            }
        }
        Ok(())
    }

    /// Tells the server that the session is over, if it has one.
    pub(super) async fn end_session(&self) {
        if self.lock_facts().session.is_none() {
            return;
        }
        if let Err(trouble) = self.send_empty(&Method::DELETE, Wants::Nothing, None).await {
            tracing::debug!("the server was not told that the session is over: {trouble}");
        }
    }

    /// Asks for a stream of events.
    async fn open_events(self: &Arc<Self>, from: Option<&HeaderValue>) -> Result<Response<Incoming>, Trouble> {
        let token = self.prepare_token().await?;
        match self.open_events_once(from).await {
            Err(Trouble::Status(StatusCode::UNAUTHORIZED, _))
                if token.is_some() && self.renew_token(token.as_ref()).await? == Renewal::Renewed =>
            {
                self.prepare_token().await?;
                self.open_events_once(from).await
            }
            opened => opened,
        }
    }

    async fn open_events_once(&self, from: Option<&HeaderValue>) -> Result<Response<Incoming>, Trouble> {
        let head = timeout(HTTP_ANSWER, self.send_empty(&Method::GET, Wants::Events, from)).await;
        let response = head.unwrap_or(Err(Trouble::Silent(HTTP_ANSWER.as_secs())))?;
        match response.status() {
            StatusCode::OK => {}
            status => return Err(Trouble::Status(status, String::new())),
        }
        check_encoding(response.headers())?;
        match content_type(response.headers()).as_str() {
            EVENTS => Ok(response),
            other => Err(Trouble::ContentType(super::trouble::quote(other))),
        }
    }

    /// Reads a stream to its end, or until it has the answer and a moment more.
    async fn read_events(
        self: &Arc<Self>,
        mut body: Incoming,
        awaited: Option<(&Outgoing, &IdKey)>,
        recipient: Recipient,
    ) -> Result<StreamEnd, Trouble> {
        let mut reader = EventReader::new(self.target.max_message);
        let (mut answer, mut has_events, mut has_messages) = (None, false, false);
        loop {
            let patience = if answer.is_some() { HTTP_LAST_EVENTS } else { HTTP_STREAM_SILENCE };
            // A connection that breaks is a stream that is cut.
            let Ok(Some(part)) = next_part(&mut body, patience).await else { break };
            let mut rest = &part[..];
            while let Some(event) = reader.next_event(&mut rest) {
                has_events = true;
                has_messages |= !matches!(&event.data, EventData::Whole(data) if data.is_empty());
                match self.forward_event(event, awaited.filter(|_| answer.is_none()).map(|own| (own, recipient))).await
                {
                    Some(Ok(line)) => answer = Some(line),
                    Some(Err(trouble)) => return Err(trouble),
                    None => {}
                }
            }
        }
        if let Some(line) = answer {
            return Ok(StreamEnd::Answered(line));
        }
        let last_id = reader.last_id().and_then(|id| HeaderValue::from_bytes(id).ok());
        let pause = reader.retry().map_or(HTTP_RESUME, Duration::from_millis).clamp(MIN_HTTP_RESUME, MAX_HTTP_RESUME);
        Ok(StreamEnd::Cut(Resume { last_id, pause, has_events, has_messages }))
    }

    /// Writes the message of an event, and returns it if it is the awaited answer.
    async fn forward_event(
        &self,
        event: Event,
        awaited: Option<((&Outgoing, &IdKey), Recipient)>,
    ) -> Option<Result<Vec<u8>, Trouble>> {
        if event.kind != EventKind::Message {
            return None;
        }
        let mut line = match event.data {
            EventData::Whole(data) if data.is_empty() => return None,
            EventData::Whole(data) => data,
            EventData::Oversize(skim) => {
                return self.leave_out(skim.response_id(), awaited, Trouble::TooLong(self.target.max_message)).await;
            }
        };
        if make_one_line(&mut line).is_err() {
            tracing::warn!("an event of the server was dropped: a line ends inside a string, so it is no JSON");
            return None;
        }
        if self.repeats_sent(&line) {
            return self.leave_out(skim_line(&line).response_id(), awaited, Trouble::Repeats).await;
        }
        let answer = awaited.filter(|((_, key), _)| answers(&line, key));
        if let Some(((outgoing, _), _)) = answer {
            self.learn_from_answer(outgoing, &mut line);
        }
        if answer.is_none_or(|(_, recipient)| recipient == Recipient::Session) {
            self.write_line(&line).await;
        }
        answer.map(|_| Ok(line))
    }

    /// Leaves a message out. If it is an answer, the request gets another one: what is awaited from whoever awaits it.
    async fn leave_out<T>(
        &self,
        id: Option<&Id>,
        awaited: Option<((&Outgoing, &IdKey), Recipient)>,
        why: Trouble,
    ) -> Option<Result<T, Trouble>> {
        let key = id.and_then(|id| IdKey::parse(id.as_str().as_bytes()).ok());
        if awaited.is_some_and(|((_, awaited), _)| Some(awaited) == key.as_ref()) {
            return Some(Err(why));
        }
        match why {
            Trouble::TooLong(max) => {
                tracing::warn!("a message of the server was dropped: it has more than {max} bytes")
            }
            _ => tracing::warn!(
                "a message of the server was dropped: it has what the server was sent to know who we are, a token or the value of a header"
            ),
        }
        if let Some(id) = id {
            let why = why.describe_for(&self.target.endpoint, None);
            self.write_line(&reply::error_line(Some(id.as_str()), ErrorCode::UpstreamFailed, &why)).await;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_bring_nothing_are_resumed_less_and_less_often() {
        let (soon, millis) = (Duration::from_millis(5), Duration::from_millis);
        let pauses: Vec<_> = (0..9).map(|in_vain| resume_pause(soon, in_vain)).collect();
        let rising = [soon, soon, millis(250), millis(500), millis(1000), millis(2000), millis(4000)];
        assert_eq!(pauses, [&rising[..], &[HTTP_IDLE_RESUME; 2]].concat());
        assert_eq!(resume_pause(MAX_HTTP_RESUME, u32::MAX), MAX_HTTP_RESUME, "the server says so");
    }
}
