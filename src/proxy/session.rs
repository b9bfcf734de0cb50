//! The main loop of a session, from the server's start to its end. It handles one event at a time.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

use super::begin_end;
use super::child::{ServerExit, Stop};
use super::outbox::{Outbox, ServerRoute};
use super::reload::{self, Reload};
use super::shared_session::SharedSession;
use super::signals::Signals;
use super::upstream::Upstream;
use crate::engine::SessionEnd;
use crate::exit::Exit;
use crate::limits::{
    DRAIN, KILL_WAIT, LOG_DRAIN, LOG_DRAIN_AFTER_SIGNAL, SIGNAL_GRACE, STDERR_DRAIN, STDIN_LOOK, TERM_GRACE,
    WATCH_AFTER,
};
use crate::wire::frame::Framer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PumpEvent {
    /// The client has closed our stdin, and the server's stdin is closed too.
    ClientClosed,
    ClientGone,
    /// The server's stdout is closed, and all that it held was written.
    ServerClosed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShutdownStep {
    /// Answer in place of a server that closed its stdin or stdout, as the text says: it cannot answer any more.
    AnswerFor(&'static str),
    /// Ask the server to end: its stdin was closed long enough ago.
    Terminate,
    /// Kill the server: it was asked to end.
    Kill,
    /// Give up: the server was killed, and the system still has it.
    Abandon,
}

#[derive(Debug)]
pub(super) struct SessionLoop {
    upstream: Upstream,
    shared: Arc<SharedSession>,
    signals: Signals,
    events: UnboundedReceiver<PumpEvent>,
    next: Option<(Instant, ShutdownStep)>,
    /// Whether the client has closed our stdin or is gone.
    client_left: bool,
    server_closed: bool,
    /// Completes when the answers in place of a server that still ran are written.
    answered: Option<oneshot::Receiver<()>>,
    /// When the wrapper must end, whatever is left to do. A signal sets it.
    must_end: Option<Instant>,
    /// Is disconnected once the server's stderr is closed, and all that it held was copied.
    stderr_copied: Receiver<()>,
    /// The watch of the policy, and when it starts.
    watch: Option<(Instant, Reload)>,
}

impl SessionLoop {
    pub(super) fn new(
        upstream: Upstream,
        shared: Arc<SharedSession>,
        signals: Signals,
        events: UnboundedReceiver<PumpEvent>,
        stderr_copied: Receiver<()>,
    ) -> Self {
        Self {
            upstream,
            shared,
            signals,
            events,
            next: None,
            client_left: false,
            server_closed: false,
            answered: None,
            must_end: None,
            stderr_copied,
            watch: None,
        }
    }

    /// Watches the policy, from a moment on that leaves the first answers alone: a watch costs more to start than all the rest. It
    /// begins with a look at the files.
    pub(super) fn with_watch(self, reload: Reload) -> Self {
        Self { watch: Some((Instant::now() + WATCH_AFTER, reload)), ..self }
    }

    /// Runs until the server has ended, every open request is answered, and the audit log is written.
    pub(super) async fn run_to_end(mut self) -> Exit {
        let ended = self.wait_until_ended().await;
        tracing::debug!("the server has ended: {}", ended.how);
        self.close_server_stdin();
        self.drain_server_output().await;
        self.upstream.kill_all();
        // Nothing is written after the last answers, so earlier ones are written first.
        if let Some(answered) = self.answered.take() {
            self.wait_until_answered(answered).await;
        }
        let answered = answer_open(&self.shared, &ended.how, Answers::Last);
        self.wait_until_answered(answered).await;
        self.upstream.kill_and_reap();
        let _ = self.stderr_copied.recv_timeout(STDERR_DRAIN);
        let log_drain = if self.must_end.is_some() { LOG_DRAIN_AFTER_SIGNAL } else { LOG_DRAIN };
        let lost = self.shared.log.as_ref().map_or(0, |log| log.finish(log_drain));
        if lost > 0 {
            tracing::error!(
                "the wrapper ends before {lost} records of the audit log could be written, so they are missing from it; put the \
                 state directory on a faster disk"
            );
        }
        Exit::Upstream(ended.code)
    }

    async fn wait_until_ended(&mut self) -> ServerExit {
        loop {
            let at = self.next.map(|(at, _)| at);
            let watch_at = self.watch.as_ref().map(|(at, _)| *at);
            tokio::select! {
                biased;
                ended = self.upstream.wait_for_exit() => return ended,
                stop = self.signals.next_signal() => self.forward_signal(stop),
                Some(event) = self.events.recv() => self.handle_pump_event(event),
                () = sleep_until_some(at) => {
                    if let Some((_, step)) = self.next.take()
                        && let Some(ended) = self.carry_out_step(step)
                    {
                        return ended;
                    }
                }
                () = sleep_until_some(watch_at) => self.start_watch(),
                () = sleep(STDIN_LOOK), if at.is_none() => {
                    // On Windows, a pump that waits for a server that does not read never sees the client leave.
                    if !self.client_left && self.shared.client_gone_for().is_some_and(|since| since >= self.shared.grace) {
                        self.handle_pump_event(PumpEvent::ClientClosed);
                    } else if self.shared.server.is_closed_by_server() {
                        // As with a closed stdout, most servers end like this.
                        self.schedule_step(DRAIN, ShutdownStep::AnswerFor("it closed its stdin"));
                    }
                }
            }
        }
    }

    /// Does what the first answers have not waited for.
    fn start_watch(&mut self) {
        let Some((_, reload)) = self.watch.take() else { return };
        self.shared.provenance.settle();
        if let Err(error) = reload::spawn_watch(reload, Arc::clone(&self.shared)) {
            tracing::error!(
                "the system cannot start a thread, so a new policy is in force from the next session on: {error}"
            );
        }
    }

    fn handle_pump_event(&mut self, event: PumpEvent) {
        tracing::debug!("{event:?}");
        match event {
            PumpEvent::ClientClosed | PumpEvent::ClientGone => {
                if event == PumpEvent::ClientGone {
                    self.server_closed = true;
                    self.close_server_stdin();
                }
                self.client_left = true;
                if matches!(self.next, None | Some((_, ShutdownStep::AnswerFor(_)))) {
                    self.schedule_step(self.shared.grace, ShutdownStep::Terminate);
                }
            }
            PumpEvent::ServerClosed => {
                self.server_closed = true;
                if self.next.is_none() {
                    // Most servers close their stdout by ending: then there is nothing to do.
                    self.schedule_step(DRAIN, ShutdownStep::AnswerFor("it closed its stdout"));
                }
            }
        }
    }

    fn carry_out_step(&mut self, step: ShutdownStep) -> Option<ServerExit> {
        tracing::debug!("{step:?}");
        match step {
            ShutdownStep::AnswerFor(how) => {
                self.answered = Some(answer_open(&self.shared, how, Answers::More));
                self.close_server_stdin();
                self.schedule_step(self.shared.grace, ShutdownStep::Terminate);
            }
            ShutdownStep::Terminate => {
                self.upstream.request_stop(Stop::Terminate);
                self.schedule_step(TERM_GRACE, ShutdownStep::Kill);
            }
            ShutdownStep::Kill => {
                self.upstream.kill_all();
                self.schedule_step(KILL_WAIT, ShutdownStep::Abandon);
            }
            ShutdownStep::Abandon => return Some(ServerExit::unknown()),
        }
        None
    }

    /// Passes a signal on to the server. From then on, both have a limited time to end.
    fn forward_signal(&mut self, stop: Stop) {
        tracing::debug!("{stop:?}");
        if self.must_end.is_none() {
            // What it says to the client is left out: the end follows, with the answers.
            begin_end(&self.shared, SessionEnd::Signal);
        }
        self.upstream.request_stop(stop);
        if self.must_end.is_none() {
            self.close_server_stdin();
            self.schedule_step(SIGNAL_GRACE, ShutdownStep::Kill);
            self.must_end = Some(Instant::now() + SIGNAL_GRACE + KILL_WAIT);
        }
    }

    fn schedule_step(&mut self, after: Duration, step: ShutdownStep) {
        self.next = Some((Instant::now() + after, step));
    }

    /// Waits until the client has received what is left in the stdout of a server that has ended.
    async fn drain_server_output(&mut self) {
        let mut stalls = Stalls::default();
        let mut rest_killed = false;
        while !self.server_closed && !self.is_overdue() {
            tokio::select! {
                biased;
                stop = self.signals.next_signal() => self.forward_signal(stop),
                Some(event) = self.events.recv() => self.handle_pump_event(event),
                () = sleep_until_some(self.must_end) => {}
                () = sleep(DRAIN) => {
                    if !rest_killed {
                        // A descendant holds the pipe, and has had its time to write something.
                        self.upstream.kill_all();
                        rest_killed = true;
                    } else if self.shared.client.blocked_write_count().is_none() || stalls.check_stalled(&self.shared, self.client_left) {
                        return;
                    }
                }
            }
        }
    }

    /// Waits until the answers are written, which takes as long as the client takes to read them.
    async fn wait_until_answered(&mut self, mut answered: oneshot::Receiver<()>) {
        let mut stalls = Stalls::default();
        while !self.is_overdue() {
            tokio::select! {
                biased;
                _ = &mut answered => return,
                stop = self.signals.next_signal() => self.forward_signal(stop),
                Some(event) = self.events.recv() => {
                    self.handle_pump_event(event);
                    if event == PumpEvent::ClientGone {
                        return;
                    }
                }
                () = sleep_until_some(self.must_end) => {}
                () = sleep(DRAIN) => {
                    if stalls.check_stalled(&self.shared, self.client_left) {
                        return;
                    }
                }
            }
        }
    }

    fn is_overdue(&self) -> bool {
        self.must_end.is_some_and(|at| Instant::now() >= at)
    }

    fn close_server_stdin(&self) {
        // Closing waits for a running write, and the main thread must not wait.
        let shared = Arc::clone(&self.shared);
        let _ = thread::Builder::new().spawn(move || shared.server.close_stdin());
    }
}

/// How long the client has not read the last lines of a server that has ended.
#[derive(Debug, Default)]
struct Stalls {
    written: u64,
    times: u32,
}

impl Stalls {
    /// Checks, once every [`DRAIN`], whether to stop waiting. A client that is still there may take its time; one that
    /// has closed our stdin gets the server's grace for each write.
    fn check_stalled(&mut self, shared: &SharedSession, client_left: bool) -> bool {
        let Some(written) = shared.client.blocked_write_count() else { return false };
        self.times = if written == self.written { self.times + 1 } else { 0 };
        self.written = written;
        client_left && DRAIN * self.times >= shared.grace
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    More,
    Last,
}

/// Answers every open request of the client in place of the server. A thread writes the answers, since the client may
/// be slow to read.
fn answer_open(shared: &Arc<SharedSession>, how: &str, answers: Answers) -> oneshot::Receiver<()> {
    let (done, answered) = oneshot::channel();
    let mut outbox = Outbox::new(Arc::clone(shared), ServerRoute::Queue);
    // The engine decides at once, so that the first reason for the server's end is the one that counts.
    outbox.decide_without_line(|engine, now, actions| engine.handle_server_end(how, now, actions));
    outbox.hand_over(&Framer::new(0));
    let shared = Arc::clone(shared);
    // Without a thread, the dropped sender says that there is nothing to wait for.
    let _ = thread::Builder::new().spawn(move || {
        let _ = outbox.deliver_all(&Framer::new(0));
        if answers == Answers::Last {
            // From here on, the client's pump answers by itself.
            shared.reading.finish_reading();
            shared.client.block_writes();
        }
        let _ = done.send(());
    });
    answered
}

/// Waits until `at`; forever if it is `None`.
async fn sleep_until_some(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
