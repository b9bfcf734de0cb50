//! The requests of one direction that are waiting for their answer.

use std::collections::{HashMap, VecDeque};

use super::calls::Counted;
use super::list::List;
use crate::limits::{MAX_CANCELLED, MAX_OPEN};
use crate::record::Draft;
use crate::wire::id::IdKey;
use crate::wire::message::AnswerShape;

/// What is done with the answer to a request.
#[derive(Debug)]
pub(super) enum Kind {
    /// It opens the session, so it cannot be cancelled.
    Initialize,
    /// A list, filtered.
    List(List),
    /// A stream of notifications, which its answer ends.
    Subscription,
    /// A call that waits for a person, by the number of the question. The server does not know of it.
    Held(u64),
    /// A call, or a prompt that is fetched.
    Call(Call),
    /// It passes.
    Other,
}

/// A call that was passed on.
#[derive(Debug)]
pub(super) struct Call {
    /// What it was counted with; `None` where no limit counts it.
    pub(super) counted: Option<Box<Counted>>,
    /// For the log; `None` where none is kept.
    pub(super) draft: Option<Draft>,
    /// The shape of the answer that is expected.
    pub(super) shape: AnswerShape,
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
        // Nobody was asked for this answer yet.
        if self.held(key).is_some() {
            return Answered::Nothing;
        }
        match self.by_id.remove(key) {
            Some(open) if open.state == State::Waiting => Answered::Waiting(open),
            Some(_) => {
                self.cancelled.retain(|cancelled| cancelled != key);
                Answered::Cancelled
            }
            None => Answered::Nothing,
        }
    }

    /// The number of the question that a request waits for.
    pub(super) fn held(&self, key: &IdKey) -> Option<u64> {
        match self.by_id.get(key) {
            Some(Open { kind: Kind::Held(number), .. }) => Some(*number),
            _ => None,
        }
    }

    /// Forgets a request that is answered by us.
    pub(super) fn remove(&mut self, key: &IdKey) {
        self.by_id.remove(key);
    }

    /// Marks a request as withdrawn, and says what it was. `initialize` cannot be (basic/utilities/cancellation).
    pub(super) fn cancel(&mut self, key: &IdKey) -> Option<Kind> {
        let open = self.by_id.get_mut(key)?;
        if matches!(open.kind, Kind::Initialize) || open.state == State::Cancelled {
            return None;
        }
        open.state = State::Cancelled;
        let kind = std::mem::replace(&mut open.kind, Kind::Other);
        self.cancelled.push_back(key.clone());
        if self.cancelled.len() > MAX_CANCELLED
            && let Some(oldest) = self.cancelled.pop_front()
        {
            self.by_id.remove(&oldest);
        }
        Some(kind)
    }

    /// Takes out a call that was never passed on, with its id as its sender wrote it.
    pub(super) fn take_call(&mut self, key: &IdKey) -> Option<(Box<str>, Call)> {
        match self.by_id.remove(key)? {
            Open { id, kind: Kind::Call(call), .. } => Some((id, call)),
            _ => None,
        }
    }

    /// The calls that wait.
    pub(super) fn calls(&self) -> impl Iterator<Item = (&IdKey, &Call)> {
        self.by_id.iter().filter_map(|(key, open)| match &open.kind {
            Kind::Call(call) => Some((key, call)),
            _ => None,
        })
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
