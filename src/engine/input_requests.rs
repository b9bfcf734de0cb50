//! What the server asks for within a result or within the state of a task (2026-07-28): judged like the requests that it
//! would have sent before.

use std::sync::Arc;

use super::Engine;
use super::action::Turn;
use super::call_gate::AdmittedCall;
use super::item_requests::{IMITATION, describe_imitation, request_item};
use super::line_errors::describe_fault;
use super::refusal::{SubjectKind, format_refusal};
use crate::policy::{Decision, Effect};
use crate::record::{Direction, Enforcement, Facts, Outcome, PROTOCOL_RULE};
use crate::wire::fault::Fault;
use crate::wire::fold::fold;
use crate::wire::message::{decode_method, expect_object};
use crate::wire::strict::StrictDepth;
use crate::wire::view;

/// A question of the server: its method, decoded, and its parameters as written.
type InputRequest<'l> = (String, Option<&'l str>);

impl Engine {
    /// Returns why a message must not reach the client: `part` of it, a result or parameters, asks for input that the
    /// policy refuses, that imitates a question of ours, or that clients could read differently.
    pub(super) fn find_refused_input(&mut self, line: &[u8], part: &str, turn: &mut Turn<'_>) -> Option<String> {
        let asked = match self.read_input_requests(line, part) {
            Ok(asked) => asked,
            Err(fault) => {
                let why = describe_fault("answer", &fault);
                self.recorder.record_unacceptable(&Facts::new(Direction::Server, None, PROTOCOL_RULE), &why, turn);
                return Some(why);
            }
        };
        asked.into_iter().find_map(|(key, asked)| self.judge_input_request(&key, &asked, turn))
    }

    /// Reads what a message asks for, each with its key.
    fn read_input_requests<'l>(
        &mut self,
        line: &[u8],
        part: &'l str,
    ) -> Result<Vec<(String, InputRequest<'l>)>, Fault> {
        let mut all = None;
        for member in view::members(part) {
            if member.protocol_key(&["inputRequests"])?.is_some() && member.value != "null" {
                all = Some(member.value);
            }
        }
        let Some(all) = all else { return Ok(Vec::new()) };
        self.reader.read_line(line, StrictDepth::EVERYTHING)?;
        if !all.starts_with('{') {
            return Err(Fault::Type { name: "inputRequests", expected: "an object" });
        }
        let read = |asked: view::Member<'l>| {
            let (mut method, mut params) = (None, None);
            for member in view::members(asked.value) {
                match member.protocol_key(&["method", "params"])? {
                    Some("method") => method = Some(member.value),
                    Some(_) => params = Some(member.value),
                    None => {}
                }
            }
            let method = method.map(decode_method).transpose()?.unwrap_or_default().into_owned();
            let params = expect_object("params", params)?;
            Ok((asked.key_lossy().into_owned(), (method, params)))
        };
        view::members(all).map(read).collect()
    }

    fn judge_input_request(
        &mut self,
        key: &str,
        (method, params): &InputRequest<'_>,
        turn: &mut Turn<'_>,
    ) -> Option<String> {
        let policy = Arc::clone(&self.policy);
        let is_ours = fold(key) == super::approvals::OURS;
        let imitation = if is_ours { Some(IMITATION) } else { describe_imitation(method, *params) };
        let arguments = params.unwrap_or("{}");
        let admitted = self.gate.admit(policy.judge_item(request_item(method), arguments), arguments, None, turn.now);
        let (decision, why) = match (imitation, admitted) {
            (Some(why), _) => {
                let decision = Decision { effect: Effect::Deny, rule: PROTOCOL_RULE, reason: None, file: None };
                (decision, Some(why.to_owned()))
            }
            (None, Ok(AdmittedCall { decision, .. })) => (decision, None),
            (None, Err(why)) => (why.decision, Some(format_refusal(why, SubjectKind::Method, method).meta.reason)),
        };
        let enforcement = if why.is_some() { self.enforcement } else { Enforcement::Enforced };
        let facts = Facts {
            effect: decision.effect,
            arguments: Some(arguments),
            reason: why.as_deref(),
            enforcement,
            ..Facts::new(Direction::Server, Some(method), decision.rule)
        };
        match &why {
            Some(why) if enforcement == Enforcement::Enforced || imitation.is_some() => {
                self.recorder.record_refusal(&facts, turn);
                let rule = decision.rule;
                Some(format!(
                    "policylayer withheld the server's answer: it asks for {method:?}, which rule {rule} refuses: {why}"
                ))
            }
            _ => {
                turn.record_outcome(self.recorder.draft_decision(&facts, turn), Outcome::Ok);
                None
            }
        }
    }
}
