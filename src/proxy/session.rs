//! One session from the server's start to its end: every event passes through here, one after the other.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

use super::child::{Child, Ended, Stop};
use super::desk::Matter;
use super::link::{Link, lock};
use super::signals::{ChildSignals, Signals};
use crate::engine::Action;
use crate::exit::Exit;
use crate::limits::{DRAIN, KILL_WAIT, LOG_DRAIN, LOG_DRAIN_AFTER_SIGNAL, SIGNAL_GRACE, STDIN_LOOK, TERM_GRACE};

/// What a pump has to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The client has closed our stdin, and the server's stdin is closed too.
    ClientClosed,
    /// The client reads our stdout no more.
    ClientGone,
    /// The server's stdout is closed, and all that it held was written.
    ServerClosed,
}

/// What is to happen when the time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A server that lives on without a stdin or a stdout, as the words say, can answer nothing: answer for it and let it
    /// go.
    Mute(&'static str),
    /// Its stdin was closed long enough ago: ask it to end.
    Terminate,
    /// It was asked: end it.
    Kill,
    /// It was killed and is still there, which only the system can explain.
    Abandon,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Over {
    /// What the wrapper is to end with.
    pub(super) exit: Exit,
    /// How long the audit log may still take to be written.
    pub(super) log_drain: Duration,
}

/// A running session.
#[derive(Debug)]
pub(super) struct Session {
    child: Child,
    link: Arc<Link>,
    signals: Signals,
    children: ChildSignals,
    events: UnboundedReceiver<Event>,
    next: Option<(Instant, Step)>,
    /// Whether the client has closed our stdin or is gone.
    client_left: bool,
    /// Whether the pump that reads the server has ended.
    server_closed: bool,
    /// Tells when the answers are written that were given in the place of a server that still ran.
    answered: Option<oneshot::Receiver<()>>,
    /// When the wrapper must be gone, whatever is left to do: set by a signal.
    must_end: Option<Instant>,
}

impl Session {
    pub(super) fn new(
        child: Child,
        link: Arc<Link>,
        (signals, children): (Signals, ChildSignals),
        events: UnboundedReceiver<Event>,
    ) -> Self {
        Self {
            child,
            link,
            signals,
            children,
            events,
            next: None,
            client_left: false,
            server_closed: false,
            answered: None,
            must_end: None,
        }
    }

    /// Runs until the server has ended and every open request is answered.
    pub(super) async fn run(mut self) -> Over {
        let ended = self.until_ended().await;
        tracing::debug!("the server has ended: {}", ended.how);
        self.close_server_stdin();
        self.drain().await;
        self.child.kill();
        // What was answered before the server's end goes first: after the last answers nothing is written.
        if let Some(answered) = self.answered.take() {
            self.until_answered(answered).await;
        }
        let answered = answer_open(&self.link, &ended.how, Answers::Last);
        self.until_answered(answered).await;
        let log_drain = if self.must_end.is_some() { LOG_DRAIN_AFTER_SIGNAL } else { LOG_DRAIN };
        self.child.clear();
        Over { exit: Exit::Upstream(ended.code), log_drain }
    }

    /// The server runs.
    async fn until_ended(&mut self) -> Ended {
        loop {
            let at = self.next.map(|(at, _)| at);
            tokio::select! {
                biased;
                ended = self.child.wait() => return ended,
                stop = self.signals.next() => self.pass_on(stop),
                Some(event) = self.events.recv() => self.on(event),
                () = self.children.next() => self.keep_watcher(),
                () = until(at) => {
                    if let Some((_, step)) = self.next.take()
                        && let Some(ended) = self.take(step)
                    {
                        return ended;
                    }
                }
                () = sleep(STDIN_LOOK), if at.is_none() => {
                    // On Windows a pump that waits for a server which reads nothing never sees the client leave.
                    if !self.client_left && self.link.client_left_for().is_some_and(|since| since >= self.link.grace) {
                        self.on(Event::ClientClosed);
                    } else if self.link.server.is_refused() {
                        // As with its stdout, this is how most of them end.
                        self.then(DRAIN, Step::Mute("it closed its stdin"));
                    }
                }
            }
        }
    }

    fn on(&mut self, event: Event) {
        tracing::debug!("{event:?}");
        match event {
            Event::ClientClosed | Event::ClientGone => {
                if event == Event::ClientGone {
                    self.server_closed = true;
                    self.close_server_stdin();
                }
                self.client_left = true;
                if matches!(self.next, None | Some((_, Step::Mute(_)))) {
                    self.then(self.link.grace, Step::Terminate);
                }
            }
            Event::ServerClosed => {
                self.server_closed = true;
                if self.next.is_none() {
                    // Most servers close their stdout by ending; then there is nothing to do.
                    self.then(DRAIN, Step::Mute("it closed its stdout"));
                }
            }
        }
    }

    fn take(&mut self, step: Step) -> Option<Ended> {
        tracing::debug!("{step:?}");
        match step {
            Step::Mute(how) => {
                self.answered = Some(answer_open(&self.link, how, Answers::More));
                self.close_server_stdin();
                self.then(self.link.grace, Step::Terminate);
            }
            Step::Terminate => {
                self.child.stop(Stop::Terminate);
                self.then(TERM_GRACE, Step::Kill);
            }
            Step::Kill => {
                self.child.kill();
                self.then(KILL_WAIT, Step::Abandon);
            }
            Step::Abandon => return Some(Ended::unknown()),
        }
        None
    }

    /// A signal to the wrapper is one to the server, and starts the time in which both have to end.
    fn pass_on(&mut self, stop: Stop) {
        tracing::debug!("{stop:?}");
        self.child.stop(stop);
        if self.must_end.is_none() {
            self.close_server_stdin();
            self.then(SIGNAL_GRACE, Step::Kill);
            self.must_end = Some(Instant::now() + SIGNAL_GRACE + KILL_WAIT);
        }
    }

    /// Without a watcher the server's descendants could outlive us, so then the session ends while somebody can end them.
    fn keep_watcher(&mut self) {
        // The watcher is in the group that was killed.
        if matches!(self.next, Some((_, Step::Abandon))) {
            return;
        }
        if let Err(error) = self.child.keep_watcher()
            && !matches!(self.next, Some((_, Step::Kill)))
        {
            tracing::error!(
                "nobody could end the server were the wrapper killed, so the session ends now: its watcher, another \
                 process of policylayer, has ended, and there is no other ({error})"
            );
            self.close_server_stdin();
            self.child.stop(Stop::Terminate);
            self.then(SIGNAL_GRACE, Step::Kill);
        }
    }

    fn then(&mut self, after: Duration, step: Step) {
        self.next = Some((Instant::now() + after, step));
    }

    /// The server has ended: what is left in its stdout still goes to the client.
    async fn drain(&mut self) {
        let mut stalls = Stalls::default();
        let mut rest_killed = false;
        while !self.server_closed && !self.is_overdue() {
            tokio::select! {
                biased;
                stop = self.signals.next() => self.pass_on(stop),
                Some(event) = self.events.recv() => self.on(event),
                () = until(self.must_end) => {}
                () = sleep(DRAIN) => {
                    if !rest_killed {
                        // A descendant holds the pipe and had its time to say something.
                        self.child.kill();
                        rest_killed = true;
                    } else if self.link.client.waiting().is_none() || stalls.is_over(&self.link, self.client_left) {
                        return;
                    }
                }
            }
        }
    }

    /// The last answers are being written, which takes as long as the client takes to read them.
    async fn until_answered(&mut self, mut answered: oneshot::Receiver<()>) {
        let mut stalls = Stalls::default();
        while !self.is_overdue() {
            tokio::select! {
                biased;
                _ = &mut answered => return,
                stop = self.signals.next() => self.pass_on(stop),
                Some(event) = self.events.recv() => {
                    self.on(event);
                    if event == Event::ClientGone {
                        return;
                    }
                }
                () = until(self.must_end) => {}
                () = sleep(DRAIN) => {
                    if stalls.is_over(&self.link, self.client_left) {
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
        // Closing waits for a write that is under way; the main thread must not.
        let link = Arc::clone(&self.link);
        let _ = thread::Builder::new().spawn(move || link.server.close());
    }
}

/// How long the client has kept a dead server's last words waiting.
#[derive(Debug, Default)]
struct Stalls {
    written: u64,
    times: u32,
}

impl Stalls {
    /// Whether to wait no longer, asked once every [`DRAIN`]. A client that is still there may take its time; one that has
    /// closed our stdin gets the grace of the server for each piece.
    fn is_over(&mut self, link: &Link, client_left: bool) -> bool {
        let Some(written) = link.client.waiting() else { return false };
        self.times = if written == self.written { self.times + 1 } else { 0 };
        self.written = written;
        client_left && DRAIN * self.times >= link.grace
    }
}

/// Whether the session goes on after these answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    More,
    Last,
}

/// Answers every open request of the client in the server's place, on a thread: the client may be slow to read.
fn answer_open(link: &Arc<Link>, how: &str, answers: Answers) -> oneshot::Receiver<()> {
    let (done, answered) = oneshot::channel();
    let link = Arc::clone(link);
    // At once, so that what is said first of the server's end is what came first.
    let mut actions = Vec::new();
    lock(&link.engine).server_ended(how, link.now(), &mut actions);
    let mut entries = Vec::new();
    let mut matters = Vec::new();
    let lines: Vec<Vec<u8>> = actions
        .into_iter()
        .filter_map(|action| match action {
            Action::Replace(line) | Action::Reply(line) => Some(line),
            Action::Record(entry) => {
                entries.push(entry);
                None
            }
            Action::Settle(number, how) => {
                matters.push(Matter::Settle(number, how));
                None
            }
            _ => None,
        })
        .collect();
    link.record(&mut entries);
    link.desk.take(&mut matters);
    // Where no thread can be had, the dropped sender says that there is nothing to wait for.
    let _ = thread::Builder::new().spawn(move || {
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let _ = link.client.write(&lines);
        if answers == Answers::Last {
            // From here on the client's pump answers by itself.
            link.reading.finish();
            link.client.close();
        }
        let _ = done.send(());
    });
    answered
}

/// Waits until then; for ever where there is no then.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
