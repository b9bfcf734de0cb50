//! One session with a server over HTTP: takes the client's lines in their order, and ends with the client or the server.

use std::collections::HashMap;
use std::io::{self, PipeReader, PipeWriter};
use std::process;
use std::sync::{Arc, Mutex, MutexGuard};

use hyper::header::HeaderValue;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::{Mutex as Turns, mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::client_line::{Outgoing, OutgoingKind};
use super::connection::Connections;
use super::param_headers::ParamHeaders;
use super::sent_secrets::SentSecrets;
use super::{Course, HttpTarget};
use crate::limits::{HTTP_ANSWER, HTTP_FAREWELL, HTTP_NOTICE, MAX_HTTP_REQUESTS};
use crate::proxy::child::ServerExit;
use crate::proxy::pipe::into_handle;
use crate::proxy::shared_session::lock_unpoisoned;
use crate::wire::frame::{Frame, Framer};
use crate::wire::http::endpoint::Endpoint;
use crate::wire::id::IdKey;
use crate::wire::method::SUBSCRIPTIONS_LISTEN;
use crate::wire::reply::{self, ErrorCode};

/// What all tasks of a session share.
pub(super) struct Transport {
    pub(super) target: HttpTarget,
    pub(super) connections: Connections,
    /// The way to the session: whole lines, one task at a time.
    lines: Turns<ChildStdin>,
    facts: Mutex<SessionFacts>,
    /// Held by whoever begins a session anew.
    pub(super) renewal: Turns<()>,
    /// Held by whoever renews the login.
    pub(super) login_turn: Turns<()>,
    /// Says that the session is over, and how.
    over: mpsc::UnboundedSender<String>,
    overs: Turns<mpsc::UnboundedReceiver<String>>,
    listener: Mutex<Option<AbortHandle>>,
}

/// What is known of the session so far.
#[derive(Clone, Debug)]
pub(super) struct SessionFacts {
    /// Where messages go to: the address that was given, until the server names another one on the same origin.
    pub(super) endpoint: Endpoint,
    pub(super) manner: Manner,
    pub(super) session: Option<HeaderValue>,
    /// What a login has brought, as it is sent.
    pub(super) token: Option<HeaderValue>,
    /// What is sent to say who we are.
    pub(super) sent: SentSecrets,
    /// The revision that `initialize` has settled.
    pub(super) revision: Option<String>,
    /// The client's own `initialize`, with which a session is begun anew.
    pub(super) initialize: Option<Outgoing>,
    pub(super) params: ParamHeaders,
    open: HashMap<IdKey, AbortHandle>,
    /// Requests that are answered when they are of no use any more.
    subscriptions: Vec<AbortHandle>,
}

/// How the server takes messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Nothing has succeeded yet.
    Unknown,
    /// Streamable HTTP, from revision 2025-03-26 on.
    Streamable,
    /// An event stream, and another address for messages: revision 2024-11-05.
    EventStream,
}

impl Transport {
    pub(super) fn new(target: HttpTarget, stdout: PipeWriter) -> io::Result<Arc<Self>> {
        let lines = ChildStdin::from_std(process::ChildStdin::from(into_handle(stdout)))?;
        let (over, overs) = mpsc::unbounded_channel();
        let facts = SessionFacts {
            endpoint: target.endpoint.clone(),
            manner: Manner::Unknown,
            session: None,
            token: None,
            sent: SentSecrets::new(&target.headers),
            revision: None,
            initialize: None,
            params: ParamHeaders::default(),
            open: HashMap::new(),
            subscriptions: Vec::new(),
        };
        Ok(Arc::new(Self {
            target,
            connections: Connections::new(),
            lines: Turns::new(lines),
            facts: Mutex::new(facts),
            renewal: Turns::new(()),
            login_turn: Turns::new(()),
            over,
            overs: Turns::new(overs),
            listener: Mutex::new(None),
        }))
    }

    /// Sends each line that comes in and writes what comes back, until either side is done.
    pub(super) async fn run_until_closed(
        self: Arc<Self>,
        stdin: PipeReader,
        mut courses: watch::Receiver<Course>,
    ) -> ServerExit {
        let mut tasks = JoinSet::new();
        let mut overs = self.overs.lock().await;
        let how = tokio::select! {
            biased;
            _ = courses.changed() => Ok(()),
            how = overs.recv() => Err(how),
            read = self.take_lines(stdin, &mut tasks) => read.map_err(|error| Some(error.to_string())),
        };
        self.lock_facts().subscriptions.drain(..).for_each(|task| task.abort());
        // The client has left, and what it still waits for comes first.
        let how = match how {
            Ok(()) => tokio::select! {
                biased;
                _ = courses.wait_for(|course| *course > Course::On) => Ok(()),
                how = overs.recv() => Err(how),
                () = async { while tasks.join_next().await.is_some() {} } => Ok(()),
            },
            ended => ended,
        };
        tasks.abort_all();
        self.stop_listener();
        if *courses.borrow() < Course::Abandon {
            tokio::select! {
                _ = courses.wait_for(|course| *course == Course::Abandon) => {}
                // A token that brings the next one is good once, so a renewal that has begun comes to its end.
                _ = async { tokio::join!(timeout(HTTP_FAREWELL, self.end_session()), self.login_turn.lock()) } => {}
            }
        }
        match how {
            Ok(()) => ServerExit { code: 0, how: "the session with it is over".to_owned() },
            Err(how) => ServerExit { code: 1, how: how.unwrap_or_else(|| "its connection ended".to_owned()) },
        }
    }

    async fn take_lines(self: &Arc<Self>, stdin: PipeReader, tasks: &mut JoinSet<()>) -> io::Result<()> {
        let mut stdin = ChildStdout::from_std(process::ChildStdout::from(into_handle(stdin)))?;
        let mut framer = Framer::new(self.target.max_message);
        loop {
            let count = stdin.read(framer.free_space()).await?;
            framer.advance(count);
            while let Some(Frame::Line(line)) = framer.next_frame() {
                let outgoing = Outgoing::read(framer.bytes(&line));
                self.dispatch_line(outgoing, tasks).await;
            }
            if count == 0 {
                return Ok(());
            }
        }
    }

    /// Sends a line, and waits as long as what follows could overtake it: until the answer to `initialize`, until a notification
    /// or an answer was taken, and else until the request is written.
    async fn dispatch_line(self: &Arc<Self>, outgoing: Outgoing, tasks: &mut JoinSet<()>) {
        while tasks.try_join_next().is_some() {}
        if let OutgoingKind::Cancellation(Some(key)) = &outgoing.kind
            && self.cancels_by_closing()
        {
            return self.close_request(key);
        }
        let (sent, is_sent) = oneshot::channel();
        let (done, is_done) = oneshot::channel::<()>();
        let (waits_for_end, is_handshake) = (outgoing.request_key().is_none(), outgoing.begins_session());
        let is_subscription = outgoing.method == SUBSCRIPTIONS_LISTEN;
        if let Some(id) = outgoing.request_id()
            && tasks.len() >= MAX_HTTP_REQUESTS
        {
            let why =
                format!("{MAX_HTTP_REQUESTS} requests to this server are open already. Wait for some to be answered.");
            return self.write_line(&reply::error_line(Some(id), ErrorCode::TooMany, &why)).await;
        }
        let (transport, key) = (Arc::clone(self), outgoing.request_key().cloned());
        let own_key = key.clone();
        let task = tasks.spawn(async move {
            transport.exchange(outgoing, sent).await;
            if let Some(key) = own_key {
                transport.lock_facts().open.remove(&key);
            }
            drop(done);
        });
        // The task runs only once this one waits.
        if is_subscription {
            let mut facts = self.lock_facts();
            facts.subscriptions.retain(|task| !task.is_finished());
            facts.subscriptions.push(task.clone());
        }
        key.map(|key| self.lock_facts().open.insert(key, task));
        if is_handshake {
            let _ = timeout(HTTP_ANSWER, is_done).await;
        } else if waits_for_end {
            let _ = timeout(HTTP_NOTICE, is_done).await;
        } else {
            let _ = is_sent.await;
        }
    }

    /// Without a session there is no notification for it: the end of the stream cancels its request.
    fn cancels_by_closing(&self) -> bool {
        let facts = self.lock_facts();
        facts.manner != Manner::EventStream && facts.revision.is_none()
    }

    /// Gives up a request: no answer is due any more.
    pub(super) fn close_request(&self, key: &IdKey) {
        if let Some(task) = self.lock_facts().open.remove(key) {
            task.abort();
        }
    }

    pub(super) fn lock_facts(&self) -> MutexGuard<'_, SessionFacts> {
        lock_unpoisoned(&self.facts)
    }

    /// Ends the session: there is no server any more.
    pub(super) fn declare_over(&self, how: impl Into<String>) {
        let _ = self.over.send(how.into());
    }

    /// Starts to listen for what the server says by itself, in place of an earlier start.
    pub(super) fn start_listener(self: &Arc<Self>) {
        let transport = Arc::clone(self);
        let task = tokio::spawn(async move { transport.listen_to_server().await });
        let before = lock_unpoisoned(&self.listener).replace(task.abort_handle());
        before.inspect(AbortHandle::abort);
    }

    fn stop_listener(&self) {
        lock_unpoisoned(&self.listener).take().inspect(AbortHandle::abort);
    }

    /// Keeps a task that reads the server's events for the whole session.
    pub(super) fn keep_listener(&self, task: AbortHandle) {
        *lock_unpoisoned(&self.listener) = Some(task);
    }

    /// Writes a whole line to the session, as one that the server has sent.
    pub(super) async fn write_line(&self, line: &[u8]) {
        let mut lines = self.lines.lock().await;
        // A session that reads no more ends by itself.
        let _ = lines.write_all(line).await;
        let _ = lines.flush().await;
    }
}
