//! The requests of one direction that are waiting for their answer.

use std::collections::{HashMap, VecDeque};

use super::list::List;
use crate::limits::{MAX_CANCELLED, MAX_OPEN};
use crate::wire::id::IdKey;

/// What is done with the answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It opens the session, so it cannot be cancelled.
    Initialize,
    /// A list, filtered.
    List(List),
    /// A stream of notifications, which its answer ends.
    Subscription,
    /// It passes.
    Other,
}

/// A request that waits.
#[derive(Debug)]
pub(super) struct Open {
    /// The id as its sender wrote it.
    pub(super) id: Box<str>,
    pub(super) kind: Kind,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    /// Withdrawn: a late answer is dropped.
    Cancelled,
}

/// Why a request is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// Its id is in use.
    InFlight,
    /// Too many are open.
    TooMany,
}

/// What an id in a response answers.
#[derive(Debug)]
pub(super) enum Answered {
    /// A request that waits for it.
    Waiting(Open),
    /// A request that was withdrawn.
    Cancelled,
    /// None.
    Nothing,
}

/// The requests of one direction. Each direction has its own ids, and they do collide.
#[derive(Debug, Default)]
pub(super) struct OpenRequests {
    by_id: HashMap<IdKey, Open>,
    /// Withdrawn requests in the order in which they were; the oldest is forgotten when there are too many.
    cancelled: VecDeque<IdKey>,
}

impl OpenRequests {
    /// Whether a request with this id could be taken in.
    pub(super) fn room_for(&self, key: &IdKey) -> Result<(), Full> {
        if self.by_id.contains_key(key) {
            Err(Full::InFlight)
        } else if self.by_id.len() - self.cancelled.len() >= MAX_OPEN {
            Err(Full::TooMany)
        } else {
            Ok(())
        }
    }

    /// Takes in a request; there is [`room_for`](Self::room_for) it.
    pub(super) fn insert(&mut self, key: IdKey, id: &str, kind: Kind) {
        self.by_id.insert(key, Open { id: id.into(), kind, state: State::Waiting });
    }

    /// Takes out the request that a response answers.
    pub(super) fn answer(&mut self, key: &IdKey) -> Answered {
        match self.by_id.remove(key) {
            Some(open) if open.state == State::Waiting => Answered::Waiting(open),
            Some(_) => {
                self.cancelled.retain(|cancelled| cancelled != key);
                Answered::Cancelled
            }
            None => Answered::Nothing,
        }
    }

    /// Marks a request as withdrawn. `initialize` cannot be (basic/utilities/cancellation).
    pub(super) fn cancel(&mut self, key: &IdKey) {
        let Some(open) = self.by_id.get_mut(key) else { return };
        if open.kind == Kind::Initialize || open.state == State::Cancelled {
            return;
        }
        open.state = State::Cancelled;
        self.cancelled.push_back(key.clone());
        if self.cancelled.len() > MAX_CANCELLED
            && let Some(oldest) = self.cancelled.pop_front()
        {
            self.by_id.remove(&oldest);
        }
    }

    /// Takes out all that wait, oldest id first where ids are numbers.
    pub(super) fn drain(&mut self) -> Vec<Open> {
        self.cancelled.clear();
        let mut open: Vec<_> = self.by_id.drain().map(|(_, open)| open).collect();
        open.retain(|open| open.state == State::Waiting);
        open.sort_by(|one, other| (one.id.len(), &one.id).cmp(&(other.id.len(), &other.id)));
        open
    }
}
