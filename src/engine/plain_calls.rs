//! Calls that only their tool decides about: no rule for it looks at arguments, counts, asks, or changes results. Such a tool is
//! judged once, until the policy or the server's list is another one. What is done for every call that goes on belongs into
//! `forward_call`, which these take as well.

use super::Engine;
use super::action::Turn;
use super::client_request::ClientRequest;
use super::id_map::IdMap;
use super::open_requests::PendingCall;
use super::refusal::SubjectKind;
use crate::limits::{MAX_PLAIN_CALLS, MAX_PLAIN_NAME};
use crate::policy::{Policy, ToolRef};
use crate::record::Draft;
use crate::wire::message::{AnswerShape, CallParams};

/// The tools of which every plain call passes.
#[derive(Debug, Default)]
pub(super) struct PlainCalls {
    /// Each with its record, without what is a call's own; `None` if no log is kept.
    passing: IdMap<Box<str>, Option<Draft>>,
}

impl PlainCalls {
    pub(super) fn forget_all(&mut self) {
        self.passing.clear();
    }

    fn add(&mut self, tool: &str, record: Option<Draft>) {
        if tool.len() > MAX_PLAIN_NAME {
            return;
        }
        if self.passing.len() >= MAX_PLAIN_CALLS {
            self.passing.clear();
        }
        self.passing.insert(tool.into(), record);
    }
}

/// Whether a call brings nothing but its name and its arguments, and expects nothing but a result.
fn is_plain(call: &CallParams<'_>) -> bool {
    call.answer_shape() == AnswerShape::Result && !call.has_input() && call.traceparent().is_none()
}

impl Engine {
    /// Forwards a plain call of a tool that is known to pass. Returns the request if it has to be judged.
    pub(super) fn forward_plain_call<'l>(
        &mut self,
        request: ClientRequest<'l>,
        call: &CallParams<'l>,
        turn: &mut Turn<'_>,
    ) -> Option<ClientRequest<'l>> {
        let Some(record) = self.tools.plain_calls.passing.get(&*call.name).filter(|_| is_plain(call)) else {
            return Some(request);
        };
        let arguments = call.arguments.unwrap_or("{}");
        let draft = record.as_ref().and_then(|record| self.recorder.draft_again(record, arguments, turn));
        let pending = PendingCall { counted: None, draft, shape: AnswerShape::Result, lists: None, results: None };
        let payload = request.payload();
        self.forward_call(request.id, request.key, (SubjectKind::Tool, &call.name), payload, pending, turn);
        None
    }

    /// Remembers that a tool passes, if only the tool decides about a call like this one, which is `pending`.
    pub(super) fn learn_plain_call(
        &mut self,
        policy: &Policy,
        tool: ToolRef<'_>,
        call: &CallParams<'_>,
        pending: &PendingCall,
    ) {
        let is_free = pending.counted.is_none() && pending.results.is_none() && policy.locked().is_none();
        // What is not listed has one class for this call, and may have another one for the next.
        if is_free && is_plain(call) && policy.decides_by_tool(tool) && !self.goes_by_unknown_class(policy, tool.name) {
            let record = pending.draft.as_ref().map(Draft::without_arguments);
            self.tools.plain_calls.add(tool.name, record);
        }
    }
}
