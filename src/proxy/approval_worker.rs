//! The thread that asks on the local channel, and keeps the deadlines of all calls that wait for a person.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use std::{mem, thread};

use super::outbox::{Outbox, ServerRoute};
use super::shared_session::{SharedSession, lock_unpoisoned};
use crate::engine::{Local, LocalChannel, Opened, Question, Settled};
use crate::limits::APPROVAL_POLL;
use crate::wire::frame::Framer;

#[derive(Debug)]
pub(super) enum ApprovalEvent {
    Ask(Box<Question>),
    /// There is an earlier deadline.
    Schedule,
    /// The number of the question, and how it ended.
    Settle(u64, Settled),
}

#[derive(Debug, Default)]
pub(super) struct ApprovalInbox {
    events: Mutex<Vec<ApprovalEvent>>,
    posted: Condvar,
    /// The worker, until there is something for it.
    unstarted: Arc<Mutex<Option<ApprovalWorker>>>,
}

impl ApprovalInbox {
    pub(super) fn post_events(&self, events: &mut Vec<ApprovalEvent>) {
        if !events.is_empty() {
            lock_unpoisoned(&self.events).append(events);
            self.begin();
            self.posted.notify_one();
        }
    }

    /// Starts the thread, which ends with the process. Without one nobody is asked, and the next event tries again.
    fn begin(&self) {
        if lock_unpoisoned(&self.unstarted).is_none() {
            return;
        }
        let worker = Arc::clone(&self.unstarted);
        let run = move || {
            let Some(mut worker) = lock_unpoisoned(&worker).take() else { return };
            loop {
                worker.run_once();
            }
        };
        if let Err(error) = thread::Builder::new().name("approvals".to_owned()).spawn(run) {
            tracing::error!("the system cannot start a thread, so what has to be approved waits: {error}");
        }
    }

    fn wait_for_events(&self, limit: Duration) -> Vec<ApprovalEvent> {
        let waited = self.posted.wait_timeout_while(lock_unpoisoned(&self.events), limit, |events| events.is_empty());
        let (mut events, _) = waited.unwrap_or_else(PoisonError::into_inner);
        mem::take(&mut *events)
    }
}

#[derive(Debug)]
pub(super) struct ApprovalWorker {
    session: Arc<SharedSession>,
    local: Box<dyn LocalChannel>,
    /// The questions that can be answered on the local channel.
    open: BTreeSet<u64>,
    outbox: Outbox,
}

impl ApprovalWorker {
    /// Leaves it to the first event to start the thread.
    pub(super) fn wait_for_event(session: &Arc<SharedSession>, local: Box<dyn LocalChannel>) {
        let outbox = Outbox::new(Arc::clone(session), ServerRoute::Queue);
        let worker = Self { session: Arc::clone(session), local, open: BTreeSet::new(), outbox };
        *lock_unpoisoned(&session.approvals.unstarted) = Some(worker);
    }

    fn run_once(&mut self) {
        let now = self.session.now();
        let deadline = self.session.lock_engine().poll_timeout().map(|next| next.saturating_sub(now.session));
        let poll = if self.open.is_empty() { Duration::MAX } else { APPROVAL_POLL };
        for event in self.session.approvals.wait_for_events(deadline.unwrap_or(Duration::MAX).min(poll)) {
            self.handle_event(event);
        }
        let (answers, lost) = match self.open.is_empty() {
            true => (Vec::new(), Vec::new()),
            false => (self.local.take_answers(), self.local.take_lost()),
        };
        lost.iter().for_each(|(number, _)| _ = self.open.remove(number));
        self.outbox.decide_without_line(|engine, now, actions| {
            for (number, answer) in answers {
                engine.handle_local_answer(number, answer, now, actions);
            }
            for (number, why) in lost {
                engine.handle_local_failure(number, &why, now, actions);
            }
            engine.handle_timeout(now, actions);
        });
        // A client that is gone ends the session elsewhere.
        let _ = self.outbox.deliver_all(&Framer::new(0));
    }

    fn handle_event(&mut self, event: ApprovalEvent) {
        let unix = self.session.now().unix;
        match event {
            ApprovalEvent::Schedule => {}
            ApprovalEvent::Ask(question) if question.local == Local::Not => {}
            ApprovalEvent::Ask(question) => {
                match self.local.open_question(&question, unix.saturating_add(question.timeout)) {
                    Ok(opened) => {
                        if opened == Opened::Asked {
                            self.open.insert(question.number);
                        }
                        self.outbox.decide_without_line(|engine, now, actions| {
                            engine.handle_local_opened(question.number, opened, now, actions);
                        });
                    }
                    Err(why) => self.outbox.decide_without_line(|engine, now, actions| {
                        engine.handle_local_failure(question.number, &why, now, actions);
                    }),
                }
            }
            ApprovalEvent::Settle(number, how) => {
                self.local.settle_question(number, how);
                if how != Settled::Late {
                    self.open.remove(&number);
                }
            }
        }
    }
}
