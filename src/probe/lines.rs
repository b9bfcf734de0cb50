//! The lines between us and a server that is only looked at: bounded, and kept as they were written.

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
pub(crate) enum Line {
    /// One of ours: a request or a notification.
    Client(Vec<u8>),
    /// An answer of the server.
    Server(Vec<u8>),
}

/// What a server does that ends the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("it wrote more than {MAX_OFFER} bytes before it had answered")]
    Flood,
    #[error("it sent more than {MAX_OFFER_REQUESTS} requests of its own before it had answered")]
    Requests,
    #[error("one of its answers is no JSON-RPC message")]
    Answer,
}

/// What passed.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Our requests and notifications, and the server's answers, in order.
    pub(crate) lines: Vec<Line>,
    /// The first line that is no JSON, cut to [`MAX_STRAY`].
    pub(crate) stray: Option<String>,
    /// Why the exchange ended.
    pub(crate) trouble: Option<Trouble>,
    /// Whether the server has closed its stdout, which most do by ending.
    pub(crate) is_closed: bool,
    requests: usize,
}

/// What passed, for those who look while it passes.
pub(crate) type Shared = Arc<Mutex<Kept>>;

/// Locks what no panic leaves half done.
pub(crate) fn lock(kept: &Shared) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The transport for rmcp's client.
pub(crate) struct Lines {
    stdin: Arc<tokio::sync::Mutex<Option<ChildStdin>>>,
    stdout: ChildStdout,
    framer: Framer,
    read: usize,
    kept: Shared,
}

impl Lines {
    /// Between these pipes of the server's; what passes is kept in `kept`.
    pub(crate) fn new(stdin: ChildStdin, stdout: ChildStdout, kept: Shared) -> Self {
        let stdin = Arc::new(tokio::sync::Mutex::new(Some(stdin)));
        Self { stdin, stdout, framer: Framer::new(MAX_OFFER), read: 0, kept }
    }

    /// The message on a line, where it is one for us.
    fn message(&mut self, frame: &Frame) -> Result<Option<RxJsonRpcMessage<RoleClient>>, Trouble> {
        let Frame::Line(range) = frame else { return Err(Trouble::Flood) };
        let line = self.framer.bytes(range).trim_ascii();
        let mut kept = lock(&self.kept);
        match serde_json::from_slice(line) {
            // Nothing that changes meanwhile matters here.
            Ok(JsonRpcMessage::Notification(_)) => Ok(None),
            Ok(message @ JsonRpcMessage::Request(_)) => {
                kept.requests += 1;
                if kept.requests > MAX_OFFER_REQUESTS { Err(Trouble::Requests) } else { Ok(Some(message)) }
            }
            Ok(message @ (JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_))) => {
                kept.lines.push(Line::Server(line.to_vec()));
                Ok(Some(message))
            }
            Err(_) if line.is_empty() => Ok(None),
            Err(_) => match serde_json::from_slice::<serde_json::Value>(line) {
                // Nobody would ever answer that request.
                Ok(value) if value.get("method").is_none() && value.get("id").is_some() => Err(Trouble::Answer),
                Ok(value) if value.is_object() => Ok(None),
                _ => {
                    let line = line.get(..MAX_STRAY).unwrap_or(line);
                    kept.stray.get_or_insert_with(|| String::from_utf8_lossy(line).into_owned());
                    Ok(None)
                }
            },
        }
    }
}

impl Transport<RoleClient> for Lines {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        let (stdin, kept) = (Arc::clone(&self.stdin), Arc::clone(&self.kept));
        async move {
            let mut line = serde_json::to_vec(&item)?;
            if matches!(item, JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_)) {
                lock(&kept).lines.push(Line::Client(line.clone()));
            }
            line.push(b'\n');
            if let Some(stdin) = stdin.lock().await.as_mut() {
                // A server that has ended may have said why: that is read to its end first.
                let _ = stdin.write_all(&line).await;
            }
            Ok(())
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            while let Some(frame) = self.framer.next_frame() {
                match self.message(&frame) {
                    Ok(Some(message)) => return Some(message),
                    Ok(None) => {}
                    Err(trouble) => {
                        lock(&self.kept).trouble.get_or_insert(trouble);
                        return None;
                    }
                }
            }
            // Whatever was read of a line stays in the framer when this is dropped and called again.
            let count = self.stdout.read(self.framer.room()).await.unwrap_or(0);
            if count == 0 {
                lock(&self.kept).is_closed = true;
                return self.framer.finish().and_then(|frame| self.message(&frame).ok().flatten());
            }
            self.framer.filled(count);
            self.read += count;
            if self.read > MAX_OFFER {
                lock(&self.kept).trouble.get_or_insert(Trouble::Flood);
                return None;
            }
        }
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        *self.stdin.lock().await = None;
        Ok(())
    }
}
