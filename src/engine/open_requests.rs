//! The requests of one direction that wait for their answer.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, VacantEntry};

use super::Engine;
use super::call_gate::CountedCall;
use super::id_map::{IdMap, IdText};
use super::list_filter::{ListKind, ListPart};
use super::rounds::RoundCall;
use super::tasks::TaskRequest;
use crate::limits::{CROWDED_BYTES, CROWDED_OPEN, MAX_CANCELLED, MAX_OPEN, MAX_OPEN_BYTES};
use crate::policy::ResultPlan;
use crate::record::{Approval, Draft};
use crate::wire::id::IdKey;
use crate::wire::message::AnswerShape;

/// What to do with the answer to a request.
#[derive(Debug)]
pub(super) enum RequestKind {
    /// `initialize`: it opens the session, so it cannot be cancelled.
    Initialize,
    /// A list: filter it.
    List(ListKind, ListPart),
    /// A stream of notifications: its answer ends it.
    Subscription,
    /// A call that waits for a person, with the number of the question. The server does not know about it.
    Held(u64),
    /// A call, or a prompt that is fetched: count and record its answer.
    Call(PendingCall),
    /// A request about a task of a call of this session: follow the task.
    Task(Box<TaskRequest>),
    /// `server/discover`: declare that the list of tools can change.
    Discover,
    /// A stream of notifications that the engine serves itself. The server does not know about it.
    OwnSubscription,
    Other,
    /// A request that was cancelled: drop its late answer.
    Cancelled,
}

impl RequestKind {
    /// Returns the record that waits for the answer.
    #[inline]
    pub(super) fn into_draft(self) -> Option<Draft> {
        match self {
            Self::Call(call) => call.draft,
            Self::Task(request) => request.draft,
            _ => None,
        }
    }

    /// Whether it is a call of which nothing is counted, filtered or changed, and whose answer is a result.
    #[inline]
    fn is_plain_call(&self) -> bool {
        let Self::Call(PendingCall { counted, lists, results, shape, draft: _ }) = self else { return false };
        counted.is_none() && lists.is_none() && results.is_none() && *shape == AnswerShape::Result
    }

    /// Returns the task that the request is about.
    pub(super) fn task(&self) -> Option<&str> {
        match self {
            Self::Task(request) => Some(&request.task),
            _ => None,
        }
    }

    /// Returns how much is kept of the request, in bytes.
    #[inline]
    fn weight(&self) -> usize {
        match self {
            Self::Call(call) => call.weight(),
            Self::Task(request) => request.draft.as_ref().map_or(0, Draft::weight),
            _ => 0,
        }
    }
}

#[derive(Debug)]
pub(super) struct PendingCall {
    /// `None` if no limit counts it and its answer ends it.
    pub(super) counted: Option<Box<CountedCall>>,
    /// `None` if no log is kept.
    pub(super) draft: Option<Draft>,
    pub(super) shape: AnswerShape,
    /// What its answer lists, which is filtered.
    pub(super) lists: Option<ListKind>,
    /// What happens to its result; `None` if nothing does.
    pub(super) results: Option<Box<ResultPlan>>,
}

impl PendingCall {
    /// Returns this round of the call; `None` if its answer ends it.
    pub(super) fn round(&self) -> Option<&RoundCall> {
        self.counted.as_ref()?.round.as_ref()
    }

    /// Returns how much is kept of the call, in bytes.
    #[inline]
    pub(super) fn weight(&self) -> usize {
        self.draft.as_ref().map_or(0, Draft::weight) + self.round().map_or(0, RoundCall::weight)
    }

    pub(super) fn set_approval(&mut self, approval: Approval) {
        if let Some(draft) = &mut self.draft {
            draft.set_approval(approval);
        }
    }

    /// Records that a person approved the call, which continues at `session`.
    pub(super) fn record_approval(&mut self, approval: Approval, session: std::time::Duration) {
        if let Some(draft) = &mut self.draft {
            draft.set_approval(approval);
            draft.set_passed_on(session);
        }
        if let Some(counted) = &mut self.counted {
            counted.mark_approved();
        }
    }
}

#[derive(Debug)]
pub(super) struct OpenRequest {
    /// As its sender wrote it.
    pub(super) id: IdText,
    pub(super) kind: RequestKind,
}

/// Where a request can be admitted: its id is free, and there is space for it.
#[derive(Debug)]
pub(super) struct FreePlace<'r> {
    place: VacantEntry<'r, IdKey, OpenRequest>,
    bytes: &'r mut usize,
}

impl FreePlace<'_> {
    pub(super) fn key(&self) -> &IdKey {
        self.place.key()
    }

    #[inline]
    pub(super) fn admit(self, id: &str, kind: RequestKind) {
        let open = OpenRequest { id: id.into(), kind };
        *self.bytes += open.weight();
        self.place.insert(open);
    }
}

impl OpenRequest {
    #[inline]
    fn weight(&self) -> usize {
        // Its id is also the key.
        2 * self.id.len() + self.kind.weight()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AdmitError {
    InFlight,
    TooMany,
    TooLarge,
}

/// The requests of one direction. Each direction has its own ids, and they do collide.
#[derive(Debug, Default)]
pub(super) struct OpenRequests {
    by_id: IdMap<IdKey, OpenRequest>,
    /// How much is kept of them.
    bytes: usize,
    /// How many were answered.
    answered: u64,
    /// Oldest first. The oldest is forgotten when there are too many.
    cancelled: VecDeque<IdKey>,
}

impl OpenRequests {
    /// Whether a request with this id is open, or was cancelled and may still be answered.
    pub(super) fn is_in_flight(&self, key: &IdKey) -> bool {
        self.by_id.contains_key(key)
    }

    pub(super) fn check_capacity(&self, key: &IdKey) -> Result<(), AdmitError> {
        if self.is_in_flight(key) {
            Err(AdmitError::InFlight)
        } else if self.count() >= MAX_OPEN {
            Err(AdmitError::TooMany)
        } else if self.bytes >= MAX_OPEN_BYTES {
            Err(AdmitError::TooLarge)
        } else {
            Ok(())
        }
    }

    /// How many are open. Those that were cancelled are not.
    fn count(&self) -> usize {
        self.by_id.len() - self.cancelled.len()
    }

    /// Returns how many were answered so far if so many are open that further ones should wait.
    pub(super) fn answered_if_crowded(&self) -> Option<u64> {
        (self.count() > CROWDED_OPEN || self.bytes > CROWDED_BYTES).then_some(self.answered)
    }

    /// As [`check_capacity`](Self::check_capacity), for a request that is admitted next.
    #[inline]
    pub(super) fn find_place(&mut self, key: IdKey) -> Option<FreePlace<'_>> {
        if self.count() >= MAX_OPEN || self.bytes >= MAX_OPEN_BYTES {
            return None;
        }
        match self.by_id.entry(key) {
            Entry::Vacant(place) => Some(FreePlace { place, bytes: &mut self.bytes }),
            Entry::Occupied(_) => None,
        }
    }

    /// Admits a request. Call [`check_capacity`](Self::check_capacity) first.
    pub(super) fn insert(&mut self, key: IdKey, id: &str, kind: RequestKind) {
        let open = OpenRequest { id: id.into(), kind };
        self.bytes += open.weight();
        if let Some(replaced) = self.by_id.insert(key, open) {
            self.bytes -= replaced.weight();
        }
    }

    fn remove(&mut self, key: &IdKey) -> Option<OpenRequest> {
        let open = self.by_id.remove(key)?;
        self.bytes -= open.weight();
        Some(open)
    }

    /// Removes and returns the request that a response answers.
    pub(super) fn take_answered(&mut self, key: &IdKey) -> Option<OpenRequest> {
        // The server never saw these, so this is not their answer.
        let open = self.by_id.remove(key)?;
        if let RequestKind::Held(_) | RequestKind::OwnSubscription = open.kind {
            self.by_id.insert(key.clone(), open);
            return None;
        }
        self.bytes -= open.weight();
        self.answered += 1;
        if let RequestKind::Cancelled = open.kind {
            self.cancelled.retain(|cancelled| cancelled != key);
        }
        Some(open)
    }

    /// Removes a call of which nothing is counted, filtered or changed, and whose answer is a result. Returns its key and its record.
    #[inline]
    pub(super) fn take_plain_answered(&mut self, key: IdKey) -> Option<(IdKey, Option<Draft>)> {
        let Entry::Occupied(open) = self.by_id.entry(key) else { return None };
        if !open.get().kind.is_plain_call() {
            return None;
        }
        let (key, open) = open.remove_entry();
        self.bytes -= open.weight();
        self.answered += 1;
        Some((key, open.kind.into_draft()))
    }

    /// Removes and returns the request that a response answers, unless it was cancelled.
    pub(super) fn take_waiting(&mut self, key: &IdKey) -> Option<OpenRequest> {
        self.take_answered(key).filter(|open| !matches!(open.kind, RequestKind::Cancelled))
    }

    /// Returns the number of the question that a held call waits for; `None` if no call is held under this id.
    pub(super) fn held_question(&self, key: &IdKey) -> Option<u64> {
        match self.by_id.get(key) {
            Some(OpenRequest { kind: RequestKind::Held(number), .. }) => Some(*number),
            _ => None,
        }
    }

    /// Whether the server may still answer a request with this id.
    pub(super) fn waits_for_answer(&self, key: &IdKey) -> bool {
        let is_out = |kind: &RequestKind| {
            !matches!(kind, RequestKind::Held(_) | RequestKind::OwnSubscription | RequestKind::Cancelled)
        };
        self.by_id.get(key).is_some_and(|open| is_out(&open.kind))
    }

    /// Removes a request that the engine answers.
    pub(super) fn remove_answered(&mut self, key: &IdKey) {
        self.remove(key);
    }

    /// Removes a stream that the engine serves itself. Returns whether it was one.
    pub(super) fn remove_own_subscription(&mut self, key: &IdKey) -> bool {
        let is_own = self.by_id.get(key).is_some_and(|open| matches!(open.kind, RequestKind::OwnSubscription));
        is_own && self.remove(key).is_some()
    }

    /// Marks a request as cancelled, and returns its kind. `initialize` cannot be cancelled
    /// (basic/utilities/cancellation).
    pub(super) fn cancel_request(&mut self, key: &IdKey) -> Option<RequestKind> {
        let open = self.by_id.get_mut(key)?;
        if matches!(open.kind, RequestKind::Initialize | RequestKind::Cancelled) {
            return None;
        }
        let kind = std::mem::replace(&mut open.kind, RequestKind::Cancelled);
        self.bytes -= kind.weight();
        self.cancelled.push_back(key.clone());
        if self.cancelled.len() > MAX_CANCELLED
            && let Some(oldest) = self.cancelled.pop_front()
        {
            self.remove(&oldest);
        }
        Some(kind)
    }

    /// Removes the call with this record number, and returns it with its id as its sender wrote it.
    pub(super) fn take_call(&mut self, number: u64) -> Option<(IdText, PendingCall)> {
        let is_it = |open: &OpenRequest| match &open.kind {
            RequestKind::Call(PendingCall { draft: Some(draft), .. }) => draft.made_at().number == number,
            _ => false,
        };
        let found = self.by_id.extract_if(|_, open| is_it(open)).next()?.1;
        self.bytes -= found.weight();
        let OpenRequest { id, kind: RequestKind::Call(call) } = found else { return None };
        Some((id, call))
    }

    pub(super) fn open_calls(&self) -> impl Iterator<Item = &PendingCall> {
        self.by_id.values().filter_map(|open| match &open.kind {
            RequestKind::Call(call) => Some(call),
            _ => None,
        })
    }

    /// Removes all waiting requests. Those with numeric ids come in the order of their ids.
    pub(super) fn take_all_waiting(&mut self) -> Vec<OpenRequest> {
        (self.bytes, self.cancelled) = (0, VecDeque::new());
        let mut open: Vec<_> = self.by_id.drain().map(|(_, open)| open).collect();
        open.retain(|open| !matches!(open.kind, RequestKind::Cancelled));
        open.sort_by(|one, other| (one.id.len(), &*one.id).cmp(&(other.id.len(), &*other.id)));
        open
    }
}

impl Engine {
    /// Returns how many requests of the client were answered so far if so many are open that it should write no more for now; `None`
    /// if there are fewer.
    pub fn answered_if_crowded(&self) -> Option<u64> {
        self.client_requests.answered_if_crowded()
    }
}
