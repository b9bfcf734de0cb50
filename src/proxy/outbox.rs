//! Carries out what the engine decides, whatever caused it: a line, a deadline, a person's answer, a new policy, or the
//! end of the server.
//!
//! ```text
//! engine locked     decide ─▶ Action… ─▶ Outbox     what another thread writes to the server: ServerQueue
//! engine unlocked   deliver ─▶ server and client, then stderr, audit log, approval worker
//! ```
//! Actions are taken in before the engine is unlocked. So the server queue has its lines in the order in which the
//! engine decided on them, and whoever writes to the server writes the queue first. That is why the cancellation of a
//! call never reaches the server before the call.

use std::ops::Range;
use std::sync::Arc;

use super::approval_worker::ApprovalEvent;
use super::server_queue::QueuedLine;
use super::server_text::{format_stray_line, visible_text};
use super::shared_session::SharedSession;
use crate::audit::AuditLog;
use crate::engine::{Action, Commit, Engine, Note, Now, Payload};
use crate::record::LogEntry;
use crate::wire::frame::Framer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerRoute {
    /// This thread, which may wait for the server to read.
    Direct,
    Queue,
    /// The server queue; answers to the server's own messages only unless it is full.
    QueueOrDrop,
}

/// The client no longer reads our stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClientGone;

/// The actions of one thread. Its buffers are reused, so that forwarding a line allocates nothing.
#[derive(Debug)]
pub(super) struct Outbox {
    session: Arc<SharedSession>,
    route: ServerRoute,
    actions: Vec<Action>,
    writes: Vec<Write>,
    strays: Vec<Range<usize>>,
    notes: Vec<Note>,
    entries: Vec<LogEntry>,
    /// Earlier ones, which are written. Their memory is used again, from when the engine decides next.
    spent: Vec<LogEntry>,
    events: Vec<ApprovalEvent>,
}

/// One thing to write. A range is where the received line is in the framer's buffer.
#[derive(Debug)]
enum Write {
    ToServer(Payload, Range<usize>),
    ToClient(Payload, Range<usize>),
    /// To the log, and then to the server.
    Commit(Box<Commit>, Range<usize>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Receiver {
    Server,
    Client,
}

#[derive(Clone, Debug, Default)]
pub(super) struct ReceivedLine<'a> {
    pub(super) bytes: &'a [u8],
    /// Where it is in the framer's buffer.
    pub(super) range: Range<usize>,
}

impl Outbox {
    pub(super) fn new(session: Arc<SharedSession>, route: ServerRoute) -> Self {
        let (actions, writes, strays) = (Vec::new(), Vec::new(), Vec::new());
        let (notes, entries, spent, events) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { session, route, actions, writes, strays, notes, entries, spent, events }
    }

    /// Begins with lines that came together: the engine makes their records in the place of those that are written.
    pub(super) fn begin_lines(&mut self, engine: &mut Engine) {
        engine.begin_lines();
        self.give_back_records(engine);
    }

    fn give_back_records(&mut self, engine: &mut Engine) {
        if !self.spent.is_empty() {
            engine.reuse_records(&mut self.spent);
        }
    }

    pub(super) fn log(&self) -> Option<&AuditLog> {
        self.session.log.as_ref()
    }

    /// Lets the engine decide on something that is not a line.
    pub(super) fn decide_without_line(&mut self, decide: impl FnOnce(&mut Engine, Now, &mut Vec<Action>)) {
        let session = Arc::clone(&self.session);
        let now = session.now();
        let mut engine = session.lock_engine();
        self.give_back_records(&mut engine);
        self.decide_on_line(ReceivedLine::default(), &mut engine, |engine, actions| decide(engine, now, actions));
    }

    /// Lets the engine, which stays locked, decide on a line, and takes in the actions.
    pub(super) fn decide_on_line(
        &mut self,
        line: ReceivedLine<'_>,
        engine: &mut Engine,
        decide: impl FnOnce(&mut Engine, &mut Vec<Action>),
    ) {
        decide(engine, &mut self.actions);
        let mut at = 0;
        while let Some(action) = self.actions.get_mut(at) {
            match action {
                // Nearly all are these.
                Action::ToServer(Payload::Received) if self.route == ServerRoute::Direct => {
                    self.push_received(Receiver::Server, &line);
                }
                Action::ToClient(Payload::Received) => self.push_received(Receiver::Client, &line),
                action => {
                    let action = std::mem::replace(action, Action::Schedule);
                    self.take_in_action(action, &line);
                }
            }
            at += 1;
        }
        // Nothing is left of what is taken in.
        self.actions.clear();
    }

    #[inline]
    fn push_received(&mut self, receiver: Receiver, line: &ReceivedLine<'_>) {
        match (self.writes.last_mut(), receiver) {
            // Lines that follow one another in the buffer become one write.
            (Some(Write::ToServer(Payload::Received, lines)), Receiver::Server)
            | (Some(Write::ToClient(Payload::Received, lines)), Receiver::Client)
                if lines.end == line.range.start =>
            {
                lines.end = line.range.end;
            }
            (_, Receiver::Server) => self.writes.push(Write::ToServer(Payload::Received, line.range.clone())),
            (_, Receiver::Client) => self.writes.push(Write::ToClient(Payload::Received, line.range.clone())),
        }
    }

    fn take_in_action(&mut self, action: Action, line: &ReceivedLine<'_>) {
        if self.route != ServerRoute::Direct && matches!(action, Action::ToServer(_) | Action::Commit(_)) {
            self.session.begin_queue();
        }
        match action {
            Action::ToServer(payload) => match self.route {
                ServerRoute::Direct => self.writes.push(Write::ToServer(payload, line.range.clone())),
                ServerRoute::Queue => self.session.queue.push_line(QueuedLine::Line(payload.into_bytes(line.bytes))),
                ServerRoute::QueueOrDrop => {
                    if let Payload::Kept(line) = payload {
                        return self.session.queue.push_line(QueuedLine::Line(line));
                    }
                    if !self.session.queue.push_unless_full(payload.into_bytes(line.bytes)) {
                        tracing::warn!("dropped an answer to the server: it does not read its stdin");
                    }
                }
            },
            Action::Commit(commit) => match self.route {
                ServerRoute::Direct => self.writes.push(Write::Commit(commit, line.range.clone())),
                ServerRoute::Queue | ServerRoute::QueueOrDrop => {
                    self.session.queue.push_line(QueuedLine::Commit(Box::new(commit.with_bytes(line.bytes))));
                }
            },
            Action::ToClient(payload) => self.writes.push(Write::ToClient(payload, line.range.clone())),
            Action::Stray(part) => {
                let start = line.range.start;
                self.strays.push(start + part.start..start + part.end);
            }
            Action::Record(entry) => self.entries.push(entry),
            Action::Ask(question) => self.events.push(ApprovalEvent::Ask(question)),
            Action::Schedule => self.events.push(ApprovalEvent::Schedule),
            Action::Settle(number, how) => self.events.push(ApprovalEvent::Settle(number, how)),
            Action::Note(note) => self.notes.push(note),
        }
    }

    /// Carries out what was taken in. `framer` holds the received lines.
    pub(super) fn deliver_all(&mut self, framer: &Framer) -> Result<(), ClientGone> {
        let written = self.write_all(framer);
        self.hand_over(framer);
        written
    }

    fn write_all(&mut self, framer: &Framer) -> Result<(), ClientGone> {
        for write in self.writes.drain(..) {
            match write {
                Write::ToServer(payload, range) => self.session.write_to_server(payload.bytes(framer.bytes(&range))),
                Write::ToClient(payload, range) => {
                    let line = payload.bytes(framer.bytes(&range));
                    // The last line of a server that ends may lack its newline; the client gets whole lines.
                    let newline: &[u8] = if line.ends_with(b"\n") { b"" } else { b"\n" };
                    self.session.client.write_lines(&[line, newline]).map_err(|_| ClientGone)?;
                }
                Write::Commit(commit, range) => match self.session.commit_to_log(&commit) {
                    Ok(()) => self.session.write_to_server(commit.payload.bytes(framer.bytes(&range))),
                    Err(why) => self.session.refuse_uncommitted(&commit, &why),
                },
            }
        }
        Ok(())
    }

    /// Carries out what is not written to the server or the client. None of it waits for anybody.
    pub(super) fn hand_over(&mut self, framer: &Framer) {
        for stray in self.strays.drain(..) {
            self.session.stderr.write_text(format_stray_line(framer.bytes(&stray)).as_bytes());
        }
        for note in self.notes.drain(..) {
            tracing::info!("{}", visible_text(note.to_string().as_bytes()));
        }
        if !self.entries.is_empty() {
            self.spent = self.session.record_entries(&mut self.entries);
        }
        self.session.approvals.post_events(&mut self.events);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, PipeReader, Read as _};
    use std::sync::Mutex;
    use std::sync::atomic::AtomicBool;
    use std::thread;
    use std::time::Duration;

    use super::super::approval_worker::ApprovalInbox;
    use super::super::client_input;
    use super::super::client_read_state::ClientReading;
    use super::super::raw_output::RawOutput;
    use super::super::server_queue::ServerQueue;
    use super::super::shared_session::{ClientWriter, ServerWriter, SessionClock};
    use super::super::stderr::Stderr;
    use super::super::{pipe::into_file, start_log};
    use super::*;
    use crate::audit::{LogOptions, PolicyText};
    use crate::engine::limits::Memory;
    use crate::engine::{ApprovalAnswer, ApprovalOptions, Channel};
    use crate::limits::MAX_SERVER_REPLIES;
    use crate::policy::{self, Format, Server, ServerName, Source};
    use crate::provenance::SessionMemory;
    use crate::proxy::LogPlace;
    use crate::record::{ArgumentRecorder, ArgumentsLogged, DigestKey, Required};

    const CALL: &str = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"send\"}}\n";
    const CANCEL: &str = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}\n";

    fn server_name() -> ServerName {
        ServerName::parse("stub").unwrap()
    }

    fn engine(required: Required) -> Engine {
        let text = r#"{"version":"1","default":"allow","tools":{"send":{"action":"require_approval"}}}"#;
        let policy = policy::load_policy(&Source::new("p.json", Format::Json, text), &Server::by_name(&server_name()))
            .policy
            .unwrap();
        let options = ApprovalOptions { channels: vec![Channel::Local], ..ApprovalOptions::default() };
        let keyed = ArgumentRecorder::new(ArgumentsLogged::Keys, Box::new(|| Some(DigestKey([3; 32]))));
        let engine = Engine::new(Arc::new(policy), Box::new(Memory::default())).with_approvals(options);
        let mut engine = engine.with_recording(keyed, required).with_provenance(Arc::new(SessionMemory::default()));
        // The server has listed the tool: nobody is asked about what it may not have.
        let (now, mut actions) = (Now { session: Duration::ZERO, unix: Duration::ZERO }, Vec::new());
        engine.handle_client_line(br#"{"jsonrpc":"2.0","id":"list","method":"tools/list"}"#, now, &mut actions);
        let list = br#"{"jsonrpc":"2.0","id":"list","result":{"tools":[{"name":"send"}]}}"#;
        engine.handle_server_line(list, now, &mut actions);
        engine
    }

    /// A session whose threads are this test, and the pipes of its server and its client.
    fn session(required: Required, log: Option<LogPlace>) -> (Arc<SharedSession>, PipeReader, PipeReader) {
        let ((server_reads, to_server), (client_reads, to_client)) = (io::pipe().unwrap(), io::pipe().unwrap());
        let (stdin, grace) = (client_input::open_stdin().unwrap(), Duration::from_secs(60));
        let (engine, clock) = (engine(required), SessionClock::start_now());
        let provenance = Arc::clone(engine.provenance());
        let engine = Arc::new(Mutex::new(engine));
        let session = SharedSession {
            engine: Arc::clone(&engine),
            client: ClientWriter::new(RawOutput::Pipe(into_file(to_client))),
            server: ServerWriter::new(into_file(to_server), stdin.clone(), grace).unwrap(),
            queue: ServerQueue::default(),
            // The tests write the queue themselves.
            writes_queue: AtomicBool::new(true),
            reading: ClientReading::new(stdin),
            max_message: 1 << 20,
            grace,
            stderr: Stderr::open().unwrap(),
            approvals: ApprovalInbox::default(),
            provenance,
            log: log.map(|place| start_log(place, engine, clock).unwrap()),
            clock,
        };
        (Arc::new(session), server_reads, client_reads)
    }

    struct Client(Arc<SharedSession>, Outbox);

    impl Client {
        fn new(session: &Arc<SharedSession>) -> Self {
            Self(Arc::clone(session), Outbox::new(Arc::clone(session), ServerRoute::Direct))
        }

        fn send(&mut self, line: &str) {
            let mut framer = Framer::new(1 << 20);
            framer.free_space()[..line.len()].copy_from_slice(line.as_bytes());
            framer.advance(line.len());
            let Some(crate::wire::frame::Frame::Line(range)) = framer.next_frame() else { panic!("{line:?}") };
            let received = ReceivedLine { bytes: framer.bytes(&range), range: range.clone() };
            let bytes = received.bytes;
            let now = self.0.now();
            self.1.decide_on_line(received, &mut self.0.lock_engine(), |engine, actions| {
                engine.handle_client_line(bytes, now, actions);
            });
            self.1.deliver_all(&framer).unwrap();
        }
    }

    /// Approves the call as the approval worker does, without delivery.
    fn approve(session: &Arc<SharedSession>, number: u64) -> Outbox {
        let mut outbox = Outbox::new(Arc::clone(session), ServerRoute::Queue);
        outbox.decide_without_line(|engine, now, actions| {
            engine.handle_local_answer(number, ApprovalAnswer::Once, now, actions)
        });
        outbox
    }

    /// What the other end has received, once nobody writes any more.
    fn rest(mut reader: PipeReader) -> String {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_cancellation_never_overtakes_the_approved_call() {
        let dir = tempfile::tempdir().unwrap();
        let options = LogOptions { max_size: 1 << 20, ..LogOptions::default() };
        let policy = PolicyText::of_builtin(&Server::by_name(&server_name()));
        let place = LogPlace { dir: dir.path().to_owned(), server: server_name(), options, policy };
        for (required, log) in [(Required::No, None), (Required::Yes, Some(place))] {
            let (session, server, _client) = session(required, log);
            let mut client = Client::new(&session);
            client.send(CALL);
            // The worker has decided, and is interrupted before it has written anything.
            let mut worker = approve(&session, 1);
            client.send(CANCEL);
            worker.deliver_all(&Framer::new(0)).unwrap();
            session.server.close_stdin();
            assert_eq!(rest(server), format!("{CALL}{CANCEL}"), "{required:?}");
            let called = session.provenance.session_facts().called;
            assert_eq!(called.iter().map(|call| call.tool.as_str()).collect::<Vec<_>>(), ["send"], "{required:?}");
        }
    }

    #[test]
    fn a_cancelled_call_is_not_released() {
        let (session, server, _client) = session(Required::No, None);
        let mut client = Client::new(&session);
        client.send(CALL);
        client.send(CANCEL);
        approve(&session, 1).deliver_all(&Framer::new(0)).unwrap();
        session.write_to_server(b"");
        session.server.close_stdin();
        assert_eq!(rest(server), "", "the server knows nothing of the call");
    }

    #[test]
    fn a_call_that_cannot_be_committed_is_refused_unless_it_was_cancelled() {
        for (lines, to_server, is_refused) in [(&[CALL][..], "", true), (&[CALL, CANCEL], CANCEL, false)] {
            let (session, server, client_reads) = session(Required::Yes, None);
            let mut client = Client::new(&session);
            client.send(CALL);
            let worker = approve(&session, 1);
            lines.iter().skip(1).for_each(|line| client.send(line));
            session.write_to_server(b"");
            session.server.close_stdin();
            assert_eq!(rest(server), to_server);
            assert_eq!(session.provenance.session_facts().called, [], "it was not called");
            drop((client, worker, session));
            assert_eq!(rest(client_reads).contains("audit.required"), is_refused);
        }
    }

    #[test]
    fn whoever_writes_first_the_order_is_the_same() {
        let (session, mut server, _client) = session(Required::No, None);
        let writer = Arc::clone(&session);
        thread::spawn(move || writer.write_queue());
        let mut client = Client::new(&session);
        for round in 1..=300 {
            client.send(CALL);
            let worker = Arc::clone(&session);
            let worker = thread::spawn(move || approve(&worker, round).deliver_all(&Framer::new(0)));
            client.send(CANCEL);
            worker.join().unwrap().unwrap();
            // A mark after all that the round has decided.
            session.write_to_server(b"mark\n");
            let mut got = Vec::new();
            while !got.ends_with(b"mark\n") {
                let mut byte = [0];
                server.read_exact(&mut byte).unwrap();
                got.push(byte[0]);
            }
            let got = String::from_utf8(got).unwrap();
            assert!(got == "mark\n" || got == format!("{CALL}{CANCEL}mark\n"), "round {round}: {got}");
            // The id is free again: the server answers late, or never knew of it.
            session.lock_engine().handle_server_line(
                b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}",
                session.now(),
                &mut Vec::new(),
            );
        }
    }

    #[test]
    fn answers_to_the_server_are_dropped_when_too_many_wait_and_calls_never() {
        let (session, ..) = session(Required::No, None);
        let queue = &session.queue;
        for _ in 0..MAX_SERVER_REPLIES {
            assert!(queue.push_unless_full(b"{}\n".to_vec()));
        }
        assert!(!queue.push_unless_full(b"{}\n".to_vec()));
        assert!(!queue.is_backlogged());
        // What the thread that reads the server decides on.
        let lines = [Payload::Written(b"answer\n".to_vec()), Payload::Kept(b"call\n".to_vec())];
        let mut outbox = Outbox::new(Arc::clone(&session), ServerRoute::QueueOrDrop);
        outbox.decide_without_line(|_, _, actions| actions.extend(lines.map(Action::ToServer)));
        queue.push_line(QueuedLine::Line(vec![b'x'; crate::limits::MAX_HELD_BYTES]));
        assert!(queue.is_backlogged());
        let waiting = std::iter::from_fn(|| queue.pop_line()).count();
        assert_eq!(waiting, MAX_SERVER_REPLIES + 2);
    }
}
