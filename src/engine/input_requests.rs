//! What the server asks for within a result or the state of a task (`inputRequests`, 2026-07-28), or within an error
//! (`data.elicitations`, 2025-11-25): judged like the requests that it would have sent otherwise.

use std::sync::Arc;

use super::Engine;
use super::action::Turn;
use super::call_gate::AdmittedCall;
use super::item_requests::{IMITATION, describe_imitation, request_item};
use super::line_errors::describe_fault;
use super::refusal::{SubjectKind, format_refusal};
use crate::policy::{Decision, Effect};
use crate::record::{Digest, Direction, Enforcement, Facts, Outcome, PROTOCOL_RULE};
use crate::wire::fault::Fault;
use crate::wire::fold::fold;
use crate::wire::message::{Answer, decode_method, expect_object, traceparent};
use crate::wire::method::ELICITATION_CREATE;
use crate::wire::strict::{KeyMarks, StrictDepth};
use crate::wire::view;

/// A question of the server: its key in `inputRequests` and its method, decoded, and its parameters as written.
#[derive(Debug)]
struct InputRequest<'l> {
    key: String,
    method: String,
    params: Option<&'l str>,
}

impl Engine {
    /// Returns why a message must not reach the client: `part` of it, an answer or as a result the parameters of a
    /// notification, asks for input that the policy refuses, that imitates a question of ours, or that clients could read
    /// differently. `task` is the task whose state it is.
    pub(super) fn find_refused_input(
        &mut self,
        line: &[u8],
        (part, keys): (Answer<'_>, KeyMarks),
        task: Option<&str>,
        turn: &mut Turn<'_>,
    ) -> Option<String> {
        let asks_by = if let Answer::Result(_) = part { "inputRequests" } else { "data" };
        if !keys.may_have(asks_by) {
            return None;
        }
        let read = match part {
            Answer::Result(result) => self.read_input_requests(line, result),
            Answer::Error(error) => self.read_elicitations(line, error),
        };
        let asked = match read {
            Ok(asked) if asked.is_empty() => return None,
            Ok(asked) => asked,
            Err(fault) => {
                let why = describe_fault("answer", &fault);
                self.recorder.record_unacceptable(&Facts::new(Direction::Server, None, PROTOCOL_RULE), &why, turn);
                return Some(why);
            }
        };
        // A client asks for the state of a task again and again. What has passed once is not counted and recorded again.
        let seen = task.map(|task| (task, Digest::of_text(format!("{asked:?}").as_bytes())));
        if seen.is_some_and(|(task, digest)| self.tasks.has_asked(task, digest)) {
            return None;
        }
        let refused = asked.iter().find_map(|asked| self.judge_input_request(asked, turn));
        if let (Some((task, digest)), None) = (seen, &refused) {
            self.tasks.remember_asked(task, digest);
        }
        refused
    }

    /// Reads the elicitations that an error demands, whatever its code: a number has many spellings.
    fn read_elicitations<'l>(&mut self, line: &[u8], error: &'l str) -> Result<Vec<InputRequest<'l>>, Fault> {
        let mut lists = Vec::new();
        for member in view::members(error) {
            if member.protocol_key(&["data"])?.is_some() {
                for member in view::members(member.value) {
                    lists.extend(member.protocol_key(&["elicitations"])?.map(|_| member.value));
                }
            }
        }
        lists.retain(|list| *list != "null");
        if !lists.is_empty() {
            self.reader.read_line(line, StrictDepth::EVERYTHING)?;
        }
        let mut asked = Vec::new();
        for list in lists {
            if !list.starts_with('[') {
                return Err(Fault::Type { name: "elicitations", expected: "an array" });
            }
            for element in view::elements(list) {
                let params = expect_object("elicitations", list.get(element))?;
                asked.push(InputRequest { key: String::new(), method: ELICITATION_CREATE.to_owned(), params });
            }
        }
        Ok(asked)
    }

    /// Reads what a result or the state of a task asks for.
    fn read_input_requests<'l>(&mut self, line: &[u8], part: &'l str) -> Result<Vec<InputRequest<'l>>, Fault> {
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
            Ok(InputRequest { key: asked.key_lossy().into_owned(), method, params })
        };
        view::members(all).map(read).collect()
    }

    fn judge_input_request(&mut self, asked: &InputRequest<'_>, turn: &mut Turn<'_>) -> Option<String> {
        let InputRequest { key, method, params } = asked;
        let policy = Arc::clone(&self.policy);
        let is_ours = fold(key) == super::approvals::OURS;
        let imitation = if is_ours { Some(IMITATION) } else { describe_imitation(method, *params) };
        let arguments = params.unwrap_or("{}");
        let judgement = policy.judge_item(request_item(method), self.gate.input(arguments));
        let admitted = self.gate.admit(judgement, arguments, None, turn.now);
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
            traceparent: traceparent(*params),
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
