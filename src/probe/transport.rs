//! The transport between us and a probed server: bounded, and recorded as written.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::RoleClient;
use rmcp::model::JsonRpcMessage;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde::Deserialize as _;
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, ChildStdout};

use super::error::ExchangeError;
use super::lenient::read_value;
use crate::limits::{MAX_OFFER, MAX_OFFER_REQUESTS, MAX_STRAY};
use crate::wire::fault::Fault;
use crate::wire::frame::{Frame, Framer};
use crate::wire::reply::{self, ErrorCode};
use crate::wire::skim::{Shape, skim_line};
use crate::wire::strict::Reader;
use crate::wire::text_around::find_message;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProbeLine {
    Client(Vec<u8>),
    Server(Vec<u8>),
}

#[derive(Debug, Default)]
pub(crate) struct Transcript {
    /// Our requests and notifications, and the server's answers, in order.
    pub(crate) lines: Vec<ProbeLine>,
    /// The first line that is not JSON, cut to [`MAX_STRAY`].
    pub(crate) stray: Option<String>,
    /// The misbehaviour that ended the exchange.
    pub(crate) abuse: Option<ExchangeError>,
    /// Whether the server has closed its stdout; most servers do so by ending.
    pub(crate) is_closed: bool,
    /// Whether an answer shared its line with other text.
    pub(crate) has_text_around: bool,
    requests: usize,
}

/// A transcript that can be read while it is written.
pub(crate) type SharedTranscript = Arc<Mutex<Transcript>>;

/// Locks a transcript; a panic never leaves it half written.
pub(crate) fn lock_transcript(transcript: &SharedTranscript) -> MutexGuard<'_, Transcript> {
    transcript.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct ProbeTransport {
    stdin: Arc<tokio::sync::Mutex<Option<ChildStdin>>>,
    stdout: ChildStdout,
    framer: Framer,
    reader: Reader,
    read: usize,
    transcript: SharedTranscript,
}

impl ProbeTransport {
    pub(crate) fn new(stdin: ChildStdin, stdout: ChildStdout, transcript: SharedTranscript) -> Self {
        let stdin = Arc::new(tokio::sync::Mutex::new(Some(stdin)));
        Self { stdin, stdout, framer: Framer::new(MAX_OFFER), reader: Reader::default(), read: 0, transcript }
    }

    /// Parses the message on a line as leniently as in a session; `None` if it is not for us.
    fn parse_message(&mut self, frame: &Frame) -> Result<Option<RxJsonRpcMessage<RoleClient>>, ExchangeError> {
        let Frame::Line(range) = frame else { return Err(ExchangeError::Flood) };
        let line = self.framer.bytes(range).trim_ascii();
        let mut transcript = lock_transcript(&self.transcript);
        let value = match read_value(&mut self.reader, line) {
            Ok(value) => value,
            Err(fault) => {
                if let Some(answer) = find_message(&mut self.reader, line).and_then(|place| line.get(place))
                    && let Some(message) = parse_answer(&mut self.reader, answer)
                {
                    transcript.has_text_around = true;
                    transcript.lines.push(ProbeLine::Server(answer.to_vec()));
                    return Ok(Some(message));
                }
                let skim = skim_line(line);
                // The request would never be answered.
                if skim.shape == Shape::Response && skim.id.is_some() {
                    if std::str::from_utf8(line).is_err() {
                        return Err(ExchangeError::Encoding);
                    }
                    transcript.lines.push(ProbeLine::Server(line.to_vec()));
                    return Ok(skim.id.and_then(|id| unreadable_answer(id.as_str(), &fault)));
                }
                transcript.keep_stray(line);
                return Ok(None);
            }
        };
        match JsonRpcMessage::deserialize(leave_out_nulls(value.clone())) {
            // A server is probed once, so changes do not matter.
            Ok(JsonRpcMessage::Notification(_)) => Ok(None),
            Ok(message @ JsonRpcMessage::Request(_)) => {
                transcript.requests += 1;
                if transcript.requests > MAX_OFFER_REQUESTS { Err(ExchangeError::Requests) } else { Ok(Some(message)) }
            }
            Ok(message @ (JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_))) => {
                transcript.lines.push(ProbeLine::Server(line.to_vec()));
                Ok(Some(message))
            }
            // The request would never be answered.
            Err(_) if is_answer(&value) => Err(ExchangeError::Answer),
            Err(_) if value.as_array().is_some_and(|all| all.iter().any(is_answer)) => Err(ExchangeError::Batch),
            Err(_) if value.is_object() => Ok(None),
            Err(_) => {
                transcript.keep_stray(line);
                Ok(None)
            }
        }
    }
}

impl Transcript {
    fn keep_stray(&mut self, line: &[u8]) {
        if !line.is_empty() {
            let line = line.get(..MAX_STRAY).unwrap_or(line);
            self.stray.get_or_insert_with(|| String::from_utf8_lossy(line).into_owned());
        }
    }
}

fn is_answer(value: &Value) -> bool {
    value.get("method").is_none() && value.get("id").is_some()
}

fn parse_answer(reader: &mut Reader, text: &[u8]) -> Option<RxJsonRpcMessage<RoleClient>> {
    let message = JsonRpcMessage::deserialize(leave_out_nulls(read_value(reader, text).ok()?)).ok()?;
    matches!(message, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_)).then_some(message)
}

/// What a session would tell its client instead of an answer that cannot be read.
fn unreadable_answer(id: &str, fault: &Fault) -> Option<RxJsonRpcMessage<RoleClient>> {
    let line = reply::error_line(Some(id), ErrorCode::UpstreamUnreadable, &fault.to_string());
    JsonRpcMessage::deserialize(serde_json::from_slice::<Value>(&line).ok()?).ok()
}

/// Leaves out what some servers write for what is absent.
fn leave_out_nulls(mut message: Value) -> Value {
    if let Some(members) = message.as_object_mut() {
        let is_null = |members: &Map<String, Value>, key| members.get(key).is_some_and(Value::is_null);
        if members.contains_key("result") && is_null(members, "error") {
            members.remove("error");
        } else if members.contains_key("error") && is_null(members, "result") {
            members.remove("result");
        }
        if is_null(members, "params") {
            members.remove("params");
        }
    }
    message
}

impl Transport<RoleClient> for ProbeTransport {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        let (stdin, transcript) = (Arc::clone(&self.stdin), Arc::clone(&self.transcript));
        async move {
            let mut line = serde_json::to_vec(&item)?;
            if matches!(item, JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_)) {
                lock_transcript(&transcript).lines.push(ProbeLine::Client(line.clone()));
            }
            line.push(b'\n');
            if let Some(stdin) = stdin.lock().await.as_mut() {
                // A server that has ended may have explained why: its output is read to the end first.
                let _ = stdin.write_all(&line).await;
            }
            Ok(())
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            while let Some(frame) = self.framer.next_frame() {
                match self.parse_message(&frame) {
                    Ok(Some(message)) => return Some(message),
                    Ok(None) => {}
                    Err(abuse) => {
                        lock_transcript(&self.transcript).abuse.get_or_insert(abuse);
                        return None;
                    }
                }
            }
            // The framer keeps a partial line if this future is dropped and called again.
            let count = self.stdout.read(self.framer.free_space()).await.unwrap_or(0);
            if count == 0 {
                lock_transcript(&self.transcript).is_closed = true;
                return self.framer.finish().and_then(|frame| self.parse_message(&frame).ok().flatten());
            }
            self.framer.advance(count);
            self.read += count;
            if self.read > MAX_OFFER {
                lock_transcript(&self.transcript).abuse.get_or_insert(ExchangeError::Flood);
                return None;
            }
        }
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        *self.stdin.lock().await = None;
        Ok(())
    }
}
