//! Where questions for a person go that are not asked in the client, and where time is kept for all that wait.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;
use std::{io, mem};

use super::link::{Link, lock};
use super::stray;
use crate::engine::{Action, Local, LocalDesk, Question, Settled};
use crate::limits::{DESK_LOOK, LATE_APPROVAL};

/// Something for the desk.
#[derive(Debug)]
pub(super) enum Matter {
    /// A question to be asked.
    Ask(Box<Question>),
    /// A question is settled.
    Settle(u64, Settled),
}

/// What the pumps leave at the desk.
#[derive(Debug, Default)]
pub(super) struct Desk {
    matters: Mutex<Vec<Matter>>,
    wake: Condvar,
}

impl Desk {
    /// Takes what a pump has for the desk.
    pub(super) fn take(&self, matters: &mut Vec<Matter>) {
        if !matters.is_empty() {
            lock(&self.matters).append(matters);
            self.wake.notify_one();
        }
    }

    /// Waits until there is something, at most so long.
    fn wait(&self, limit: Duration) -> Vec<Matter> {
        let matters = lock(&self.matters);
        let waited = self.wake.wait_timeout_while(matters, limit, |matters| matters.is_empty());
        let (mut matters, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        mem::take(&mut *matters)
    }
}

/// Sits at the desk on a thread, until the process ends.
pub(super) fn sit(link: Arc<Link>, mut local: Box<dyn LocalDesk>) -> io::Result<()> {
    thread::Builder::new().name("desk".to_owned()).spawn(move || {
        let mut open = BTreeSet::new();
        let mut actions = Vec::new();
        loop {
            let now = link.now();
            let next = lock(&link.engine).next_time().map(|next| next.saturating_sub(now.session));
            let look = if open.is_empty() { Duration::MAX } else { DESK_LOOK };
            for matter in link.desk.wait(next.unwrap_or(Duration::MAX).min(look)) {
                let now = link.now();
                match matter {
                    Matter::Ask(question) => {
                        if question.local == Local::Not {
                            continue;
                        }
                        match local.open(&question, now.unix.saturating_add(question.timeout)) {
                            Ok(()) => _ = open.insert(question.number),
                            Err(why) => lock(&link.engine).local_failed(question.number, &why, now, &mut actions),
                        }
                    }
                    Matter::Settle(number, how) => {
                        local.settle(number, how, now.unix.saturating_add(LATE_APPROVAL));
                        if how != Settled::Late {
                            open.remove(&number);
                        }
                    }
                }
            }
            let answers = if open.is_empty() { Vec::new() } else { local.answers() };
            let now = link.now();
            {
                let mut engine = lock(&link.engine);
                for (number, verdict) in answers {
                    engine.answered_locally(number, verdict, now, &mut actions);
                }
                engine.time_passed(now, &mut actions);
            }
            carry_out(&link, &mut actions);
        }
    })?;
    Ok(())
}

/// Carries out what is nobody's line.
fn carry_out(link: &Arc<Link>, actions: &mut Vec<Action>) {
    let mut entries = Vec::new();
    let mut matters = Vec::new();
    let mut more = Vec::new();
    let mut is_committed = true;
    for action in actions.drain(..) {
        match action {
            // A reply answers a client's call that is nobody's line by now.
            Action::Replace(line) | Action::Reply(line) => _ = link.client.write(&[&line]),
            Action::Commit(commit) => {
                if let Err(why) = link.commit(&commit.entry) {
                    is_committed = false;
                    lock(&link.engine).unlogged(&commit, &why, link.now(), &mut more);
                }
            }
            Action::Release(line) => {
                if mem::replace(&mut is_committed, true) {
                    link.release(line);
                }
            }
            Action::Record(entry) => entries.push(entry),
            Action::Ask(question) => matters.push(Matter::Ask(question)),
            Action::Settle(number, how) => matters.push(Matter::Settle(number, how)),
            Action::Note(note) => tracing::info!("{}", stray::text(note.to_string().as_bytes())),
            Action::Forward | Action::Stray => {}
        }
    }
    link.record(&mut entries);
    link.desk.take(&mut matters);
    if !more.is_empty() {
        carry_out(link, &mut more);
    }
}
