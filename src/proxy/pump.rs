//! A pump moves lines from one side to the other, through the engine: read, decide, deliver, on a thread of its own.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::client_input::ClientInput;
use super::outbox::{ClientGone, Outbox, ReceivedLine, ServerRoute};
use super::pipe;
use super::session::PumpEvent;
use super::shared_session::SharedSession;
use crate::engine::{Engine, Now};
use crate::limits::{ANSWER_GAP, BATCH_LINES, CROWD_LOOK, CROWD_WAIT};
use crate::wire::frame::{Frame, Framer};
use crate::wire::skim::Skim;

#[derive(Debug)]
pub(super) enum PumpSource {
    Client(ClientInput),
    /// The server's stdout. This pump never writes to the server: a server that does not read its stdin must not keep
    /// us from reading its stdout.
    Server(File),
}

impl PumpSource {
    fn read_source(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Client(input) => input.read(buffer),
            Self::Server(pipe) => pipe::read_available(pipe, buffer),
        }
    }
}

#[derive(Debug)]
pub(super) struct Pump {
    source: PumpSource,
    framer: Framer,
    session: Arc<SharedSession>,
    outbox: Outbox,
}

impl Pump {
    pub(super) fn new(source: PumpSource, session: Arc<SharedSession>) -> Self {
        let route = match source {
            PumpSource::Client(_) => ServerRoute::Direct,
            PumpSource::Server(_) => ServerRoute::QueueOrDrop,
        };
        let outbox = Outbox::new(Arc::clone(&session), route);
        Self { source, framer: Framer::new(session.max_message), session, outbox }
    }

    pub(super) fn run_until_closed(mut self) -> PumpEvent {
        while self.wait_readable() {
            // A source that fails has nothing more to give, like one that ended.
            let count = self.source.read_source(self.framer.free_space()).unwrap_or(0);
            self.framer.advance(count);
            let handled = if count == 0 { self.handle_last_line() } else { self.handle_lines() };
            if let Err(ClientGone) = handled {
                return PumpEvent::ClientGone;
            }
            if count == 0 {
                break;
            }
        }
        match self.source {
            PumpSource::Client(_) => PumpEvent::ClientClosed,
            PumpSource::Server(_) => PumpEvent::ServerClosed,
        }
    }

    /// Waits for something to read. Returns whether the session still takes it; from the server it takes everything.
    fn wait_readable(&self) -> bool {
        let PumpSource::Client(input) = &self.source else { return true };
        if self.session.queue.is_backlogged() {
            self.session.write_to_server(b"");
        }
        self.session.reading.end_read();
        // If waiting without reading is not possible, the end of the session waits for nothing.
        input.wait_readable().is_err() || self.session.reading.begin_read()
    }

    /// Handles the lines in the framer, many under one lock of the engine.
    fn handle_lines(&mut self) -> Result<(), ClientGone> {
        let session = Arc::clone(&self.session);
        while let Some(first) = self.framer.next_frame() {
            let now = session.now();
            let mut engine = session.lock_engine();
            self.outbox.begin_lines(&mut engine);
            self.decide_on_frame(first, now, &mut engine);
            for _ in 1..BATCH_LINES {
                let Some(frame) = self.framer.next_frame() else { break };
                self.decide_on_frame(frame, now, &mut engine);
            }
            engine.end_lines();
            let crowded = engine.answered_if_crowded();
            session.begin_log(engine);
            self.outbox.deliver_all(&self.framer)?;
            if let (PumpSource::Client(_), Some(answered)) = (&self.source, crowded) {
                self.wait_for_answers(answered);
            }
        }
        Ok(())
    }

    /// Waits while very many requests are open and are being answered. Where no answer comes, some more lines are read every while: the
    /// server may need what the client says next, and a client may read no answer before it has written all.
    fn wait_for_answers(&self, answered: u64) {
        let begun = Instant::now();
        let mut last = (answered, begun);
        while begun.elapsed() < CROWD_WAIT {
            thread::sleep(CROWD_LOOK);
            let Some(answered) = self.session.lock_engine().answered_if_crowded() else { return };
            if answered != last.0 {
                last = (answered, Instant::now());
            } else if last.1.elapsed() >= ANSWER_GAP {
                return;
            }
        }
    }

    fn handle_last_line(&mut self) -> Result<(), ClientGone> {
        let Some(frame) = self.framer.finish() else { return Ok(()) };
        let session = Arc::clone(&self.session);
        let mut engine = session.lock_engine();
        self.decide_on_frame(frame, session.now(), &mut engine);
        session.begin_log(engine);
        self.outbox.deliver_all(&self.framer)
    }

    fn decide_on_frame(&mut self, frame: Frame, now: Now, engine: &mut Engine) {
        match frame {
            Frame::Line(range) => {
                let bytes = self.framer.bytes(&range);
                let line = ReceivedLine { bytes, range };
                self.outbox.decide_on_line(line, engine, |engine, actions| match self.source {
                    PumpSource::Client(_) => engine.handle_client_line(bytes, now, actions),
                    PumpSource::Server(_) => engine.handle_server_line(bytes, now, actions),
                });
            }
            Frame::Oversize(skim) => self.decide_on_oversize(&skim, now, engine),
        }
    }

    /// The framer has skipped the line, so it cannot be forwarded or shown.
    fn decide_on_oversize(&mut self, skim: &Skim, now: Now, engine: &mut Engine) {
        let max = self.session.max_message;
        self.outbox.decide_on_line(ReceivedLine::default(), engine, |engine, actions| match self.source {
            PumpSource::Client(_) => engine.handle_client_oversize(skim, max, now, actions),
            PumpSource::Server(_) => engine.handle_server_oversize(skim, max, now, actions),
        });
    }
}
