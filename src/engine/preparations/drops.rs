//! The end of what is prepared, because its client or the server is gone: the server never got it.

use std::sync::Arc;

use super::{PreparedCall, WaitsFor, section_of};
use crate::engine::Engine;
use crate::engine::action::Action;
use crate::engine::action::Turn;
use crate::engine::approval_records::Dropped;
use crate::engine::approvals::{self, Local, Settled};
use crate::engine::item_requests::read_item_params;
use crate::engine::lock_drift::ListReason;
use crate::engine::refusal::SubjectKind;
use crate::policy::{Effect, LOCK_RULE, ToolRef};
use crate::record::{Direction, Facts, Outcome, Subject};
use crate::wire::message::CallParams;
use crate::wire::method;
use crate::wire::view::{decode_string, find_member};

impl Engine {
    /// Ends the preparation of a call that its client has cancelled, if it is one.
    pub(in crate::engine) fn cancel_preparation(&mut self, number: u64, turn: &mut Turn<'_>) {
        let found = self.preparations.calls.extract_if(.., |call| call.number == number).next();
        let Some(call) = found else { return };
        if let WaitsFor::Preview(id, _) | WaitsFor::SamePreview(id, _) = &call.waits_for
            && let Some(request) = self.preparations.take_request(|request| request.id == *id)
        {
            turn.record_outcome(request.draft, Outcome::Cancelled);
            turn.send_to_server(approvals::build_cancellation(id, "The call was withdrawn."));
        }
        self.drop_preparation(call, Dropped::Withdrawn, turn);
    }

    /// Ends all preparations, because the session ends. The caller answers the calls themselves.
    pub(in crate::engine) fn close_preparations(&mut self, why: Dropped, turn: &mut Turn<'_>) {
        for request in std::mem::take(&mut self.preparations.requests) {
            turn.record_outcome(request.draft, why.outcome());
        }
        for call in std::mem::take(&mut self.preparations.calls) {
            self.drop_preparation(call, why, turn);
        }
    }

    /// Ends the preparations of what a person would be asked about, because the client sends nothing more. What waits for a list
    /// goes on: it may pass without asking.
    pub(in crate::engine) fn close_asking_preparations(&mut self, why: Dropped, turn: &mut Turn<'_>) {
        let calls: Vec<_> = self.preparations.calls.extract_if(.., |call| !call.waits_for_list()).collect();
        for call in calls {
            if let WaitsFor::Preview(id, _) | WaitsFor::SamePreview(id, _) = &call.waits_for
                && let Some(request) = self.preparations.take_request(|request| request.id == *id)
            {
                turn.record_outcome(request.draft, why.outcome());
            }
            self.drop_preparation(call, why, turn);
        }
    }

    /// Records that the server never got a call.
    fn drop_preparation(&mut self, call: PreparedCall, why: Dropped, turn: &mut Turn<'_>) {
        let (reason, call) = match call.waits_for {
            WaitsFor::SameDefinition(_, approved) | WaitsFor::SamePreview(_, approved) => {
                if approved.question.local == Local::Asked {
                    turn.push_action(Action::Settle(approved.question.number, Settled::Over));
                }
                return self.end_held(approved.held, why.approval(), why.outcome(), turn);
            }
            WaitsFor::List(_, reason, call) => (reason, call),
            WaitsFor::Preview(_, call) => (ListReason::Approval, call),
        };
        let line = std::str::from_utf8(&call.line).unwrap_or_default().trim_ascii();
        let method = find_member(line, "method").and_then(decode_string).unwrap_or_default();
        if *method != *method::TOOLS_CALL {
            return self.drop_prepared_item(&method, find_member(line, "params"), why, turn);
        }
        let Ok(read) = CallParams::read(find_member(line, "params")) else { return };
        let policy = Arc::clone(&self.policy);
        let tool = ToolRef { name: &read.name, ..self.tools.find_tool(&read.name) };
        let decision = policy.decide_tool(tool);
        let (rule, asked_under) = call.asked_by.unwrap_or_else(|| (decision.rule.into(), self.recorder.under()));
        let facts = Facts {
            subject: Some(Subject::Tool(&read.name)),
            class: Some(policy.class_of(tool)),
            effect: if reason == ListReason::Approval { Effect::RequireApproval } else { decision.effect },
            arguments: Some(read.arguments.unwrap_or("{}")),
            inputs: read.input_responses(),
            traceparent: read.traceparent(),
            ..Facts::new(Direction::Client, Some(method::TOOLS_CALL), &rule)
        };
        let mut draft = self.recorder.draft_decision(&facts, turn);
        if let (Some(draft), ListReason::Approval) = (&mut draft, reason) {
            draft.set_under(asked_under);
            draft.set_approval(why.approval());
        }
        turn.record_outcome(draft, why.outcome());
    }

    /// As [`drop_preparation`](Self::drop_preparation), for a request that is no call.
    fn drop_prepared_item(&mut self, method: &str, params: Option<&str>, why: Dropped, turn: &mut Turn<'_>) {
        let section = section_of(method);
        let policy = Arc::clone(&self.policy);
        let read = read_item_params(section, method, params).ok();
        let decision = read.as_ref().map(|read| policy.decide_item(self.find_item(&policy, section, &read.name)));
        let facts = Facts {
            subject: read.as_ref().and_then(|read| SubjectKind::of_section(section).recorded(&read.name)),
            effect: decision.map_or(Effect::Allow, |decision| decision.effect),
            ..Facts::new(Direction::Client, Some(method), decision.map_or(LOCK_RULE, |decision| decision.rule))
        };
        turn.record_outcome(self.recorder.draft_decision(&facts, turn), why.outcome());
    }
}
