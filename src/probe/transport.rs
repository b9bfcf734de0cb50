//! The lines between us and a probed server: bounded, and kept as they were written.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::RoleClient;
use rmcp::model::JsonRpcMessage;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, ChildStdout};

use crate::limits::{MAX_OFFER, MAX_OFFER_REQUESTS, MAX_STRAY};
use crate::wire::frame::{Frame, Framer};

/// A line of the exchange, without its newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProbeLine {
    /// One of our requests or notifications.
    Client(Vec<u8>),
    /// An answer of the server.
    Server(Vec<u8>),
}

/// What a server did that ends the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Abuse {
    #[error("it wrote more than {MAX_OFFER} bytes before it had answered")]
    Flood,
    #[error("it sent more than {MAX_OFFER_REQUESTS} requests of its own before it had answered")]
    Requests,
    #[error("one of its answers is not a JSON-RPC message")]
    Answer,
}

/// What passed between us and the server.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    /// Our requests and notifications, and the server's answers, in order.
    pub(crate) lines: Vec<ProbeLine>,
    /// The first line that is not JSON, cut to [`MAX_STRAY`].
    pub(crate) stray: Option<String>,
    /// Why the exchange ended.
    pub(crate) abuse: Option<Abuse>,
    /// Whether the server has closed its stdout, which most do by ending.
    pub(crate) is_closed: bool,
    requests: usize,
}

/// A transcript that can be read while it is written.
pub(crate) type SharedTranscript = Arc<Mutex<Transcript>>;

/// Locks a transcript; no panic leaves it half written.
pub(crate) fn lock_transcript(transcript: &SharedTranscript) -> MutexGuard<'_, Transcript> {
    transcript.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A transport for rmcp's client over the pipes of a server.
pub(crate) struct ProbeTransport {
    stdin: Arc<tokio::sync::Mutex<Option<ChildStdin>>>,
    stdout: ChildStdout,
    framer: Framer,
    read: usize,
    transcript: SharedTranscript,
}

impl ProbeTransport {
    /// Uses these pipes of the server and records in `transcript` what passes.
    pub(crate) fn new(stdin: ChildStdin, stdout: ChildStdout, transcript: SharedTranscript) -> Self {
        let stdin = Arc::new(tokio::sync::Mutex::new(Some(stdin)));
        Self { stdin, stdout, framer: Framer::new(MAX_OFFER), read: 0, transcript }
    }

    /// Parses the message on a line, if it is one for us.
    fn parse_message(&mut self, frame: &Frame) -> Result<Option<RxJsonRpcMessage<RoleClient>>, Abuse> {
        let Frame::Line(range) = frame else { return Err(Abuse::Flood) };
        let line = self.framer.bytes(range).trim_ascii();
        let mut transcript = lock_transcript(&self.transcript);
        match serde_json::from_slice(line) {
            // A server is looked at once, so changes do not matter.
            Ok(JsonRpcMessage::Notification(_)) => Ok(None),
            Ok(message @ JsonRpcMessage::Request(_)) => {
                transcript.requests += 1;
                if transcript.requests > MAX_OFFER_REQUESTS { Err(Abuse::Requests) } else { Ok(Some(message)) }
            }
            Ok(message @ (JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_))) => {
                transcript.lines.push(ProbeLine::Server(line.to_vec()));
                Ok(Some(message))
            }
            Err(_) if line.is_empty() => Ok(None),
            Err(_) => match serde_json::from_slice::<serde_json::Value>(line) {
                // That request would never be answered.
                Ok(value) if value.get("method").is_none() && value.get("id").is_some() => Err(Abuse::Answer),
                Ok(value) if value.is_object() => Ok(None),
                _ => {
                    let line = line.get(..MAX_STRAY).unwrap_or(line);
                    transcript.stray.get_or_insert_with(|| String::from_utf8_lossy(line).into_owned());
                    Ok(None)
                }
            },
        }
    }
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
                // A server that has ended may have said why: its output is read to the end first.
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
            // A part of a line stays in the framer when this future is dropped and called again.
            let count = self.stdout.read(self.framer.free_space()).await.unwrap_or(0);
            if count == 0 {
                lock_transcript(&self.transcript).is_closed = true;
                return self.framer.finish().and_then(|frame| self.parse_message(&frame).ok().flatten());
            }
            self.framer.advance(count);
            self.read += count;
            if self.read > MAX_OFFER {
                lock_transcript(&self.transcript).abuse.get_or_insert(Abuse::Flood);
                return None;
            }
        }
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        *self.stdin.lock().await = None;
        Ok(())
    }
}
