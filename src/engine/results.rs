//! Results under the policy: edited, or withheld. The tool has run by then, and whoever is told of it is told so.

use super::Engine;
use super::action::Turn;
use super::list_filter::ListPart;
use super::open_requests::PendingCall;
use super::tasks::TaskRequest;
use crate::policy::{Effect, ResultPlan, TreatedResult, WithheldBy};
use crate::record::{Enforcement, PROTOCOL_RULE, ResultRecord};
use crate::visible::{escape_invisible, visible_lines};
use crate::wire::fault::Fault;
use crate::wire::message::{Answer, AnswerShape};
use crate::wire::reply::{self, DecisionMeta};
use crate::wire::strict::{Envelope, KeyMarks, StrictDepth};
use crate::wire::view::range_of;

/// What becomes of a line of the server.
struct TreatedLine {
    /// The line with its texts edited; `None` if it stays as it came.
    edited: Option<Vec<u8>>,
    record: ResultRecord,
    withheld: Option<WithheldBy>,
}

/// A line of the server, and what is treated of it if that is known.
#[derive(Clone, Copy)]
struct AnswerLine<'l> {
    line: &'l [u8],
    part: Option<&'l str>,
}

impl Engine {
    /// Reads a line of the server. Where results have rules, it is read to its depth once; what parsers read differently further
    /// in matters only to those.
    pub(super) fn read_envelope<'l>(&mut self, line: &'l [u8]) -> Result<Envelope<'l>, Fault> {
        self.is_read_whole = false;
        if self.policy.has_result_rules()
            && let Ok(whole) = self.reader.read_line(line, StrictDepth::EVERYTHING)
        {
            self.is_read_whole = true;
            return Ok(whole);
        }
        self.reader.read_line(line, StrictDepth::ENVELOPE)
    }

    /// Returns a message of the server without the members that the protocol does not know, if it has some and results have
    /// rules: there, too, a text could stand.
    pub(super) fn leave_out_members(&self, envelope: &Envelope<'_>, turn: &mut Turn<'_>) -> Option<Vec<u8>> {
        let is_left_out = envelope.has_strange_members()
            && self.enforcement == Enforcement::Enforced
            && self.policy.has_result_rules();
        is_left_out.then(|| {
            turn.push_note("left out what is no part of a message of the server, since results have rules".to_owned());
            envelope.to_line()
        })
    }

    /// Returns the line that the client gets instead of an answer to what is no call: by the rules for everything.
    pub(super) fn treat_other_answer(
        &mut self,
        id: &str,
        (line, answer): (&[u8], Answer<'_>),
        turn: &mut Turn<'_>,
    ) -> Option<Vec<u8>> {
        let plan = self.policy.common_result_plan()?;
        self.treat_line((id, AnswerShape::Other), &plan, AnswerLine { line, part: Some(answer.text()) }, turn).0
    }

    /// Handles the answer to a call, and returns the line that the client gets instead, if it gets another.
    pub(super) fn treat_call_answer(
        &mut self,
        (id, mut call): (&str, PendingCall),
        line: &[u8],
        (answer, keys): (Answer<'_>, KeyMarks),
        turn: &mut Turn<'_>,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let filtered = match (call.lists, answer) {
            (Some(list), Answer::Result(result)) => self.filter_list(line, result, (list, ListPart::Rest)),
            _ => Ok(None),
        };
        let treated = match (&call.results, &filtered) {
            (Some(plan), Ok(filtered)) => {
                let shape = match answer {
                    Answer::Result(_) => call.shape,
                    Answer::Error(_) => AnswerShape::Other,
                };
                let line = match filtered.as_deref() {
                    Some(filtered) => AnswerLine { line: filtered, part: None },
                    None => AnswerLine { line, part: Some(answer.text()) },
                };
                let (treated, record) = self.treat_line((id, shape), plan, line, turn);
                if let Some(draft) = &mut call.draft {
                    draft.add_result(record);
                }
                treated
            }
            _ => None,
        };
        if let (Some(draft), false) = (&mut call.draft, self.notified.is_empty()) {
            draft.add_result(std::mem::take(&mut self.notified));
        }
        self.handle_call_answer(call, (answer, keys), turn);
        if treated.is_some() { Ok(treated) } else { filtered }
    }

    /// Returns the line that the client gets instead of an answer about a task, if it gets another.
    pub(super) fn treat_task_answer(
        &mut self,
        (id, request): (&str, &TaskRequest),
        (line, answer): (&[u8], Answer<'_>),
        turn: &mut Turn<'_>,
    ) -> Option<Vec<u8>> {
        let plan = self.tasks.find_results(&request.task)?;
        let (treated, record) =
            self.treat_line((id, AnswerShape::Other), &plan, AnswerLine { line, part: Some(answer.text()) }, turn);
        self.tasks.add_result(&request.task, record);
        treated
    }

    /// Forwards a notification of the server. Its texts are treated as those of a result: which call they belong to is only
    /// the server's word, so the rules of every open call hold.
    pub(super) fn forward_notification(
        &mut self,
        line: &[u8],
        method: &str,
        params: Option<&str>,
        turn: &mut Turn<'_>,
    ) {
        self.remember_message(method, params, turn);
        let Some(plan) = params.and_then(|_| self.find_notification_plan()) else { return turn.forward_to_client() };
        let line = AnswerLine { line, part: params };
        let TreatedLine { edited, withheld, record } = self.apply_plan(&plan, line);
        if self.enforcement == Enforcement::Enforced && withheld.is_none() {
            self.notified.add(record);
        }
        match (withheld, edited) {
            (Some(WithheldBy { rule, .. }), _) => {
                let (method, rule) = (escape_invisible(method), escape_invisible(&rule));
                turn.push_note(match self.enforcement {
                    Enforcement::Observed => format!("observing, so passed on: would have withheld {method} by {rule}"),
                    Enforcement::Enforced => format!("withheld {method} from the server by {rule}"),
                });
                if self.enforcement == Enforcement::Observed {
                    turn.forward_to_client();
                }
            }
            (None, Some(edited)) if self.enforcement == Enforcement::Enforced => turn.send_to_client(edited),
            (None, _) => turn.forward_to_client(),
        }
    }

    pub(super) fn find_notification_plan(&self) -> Option<ResultPlan> {
        let calls = self.client_requests.open_calls().filter_map(|call| call.results.as_deref());
        let mut plans = calls.chain(self.tasks.result_plans()).cloned();
        let mut plan = self.policy.common_result_plan().or_else(|| plans.next())?;
        plans.for_each(|other| plan.join(&other));
        Some(plan)
    }

    /// Returns the line that the client gets instead of an answer, and what is recorded of it.
    fn treat_line(
        &mut self,
        (id, shape): (&str, AnswerShape),
        plan: &ResultPlan,
        line: AnswerLine<'_>,
        turn: &mut Turn<'_>,
    ) -> (Option<Vec<u8>>, ResultRecord) {
        let TreatedLine { edited, record, withheld } = self.apply_plan(plan, line);
        let refusal = withheld.map(|by| {
            let reason = describe_reason(&by);
            let (shown, rule) = (escape_invisible(&reason), escape_invisible(&by.rule));
            turn.push_note(match self.enforcement {
                Enforcement::Observed => {
                    format!("observing, so passed on: would have withheld the answer to {id} by {rule}: {shown}")
                }
                Enforcement::Enforced => format!("withheld the answer to {id} by {rule}: {shown}"),
            });
            withheld_line((id, shape), &by, reason)
        });
        match self.enforcement {
            Enforcement::Observed => (None, ResultRecord::default()),
            Enforcement::Enforced => {
                if refusal.is_some() {
                    self.sources.withhold();
                }
                (refusal.or(edited), record)
            }
        }
    }

    /// Applies a plan to a line. One that parsers may read differently is withheld.
    fn apply_plan(&mut self, plan: &ResultPlan, AnswerLine { line, part }: AnswerLine<'_>) -> TreatedLine {
        let read = match part.filter(|_| self.is_read_whole) {
            Some(part) => Ok(part),
            None => self
                .reader
                .read_line(line, StrictDepth::EVERYTHING)
                .map(|envelope| envelope.result.or(envelope.error).or(envelope.params).unwrap_or("{}")),
        };
        let (text, treated) = match read {
            Ok(text) => (text, plan.treat_result(text, &mut self.stand_ins)),
            Err(fault) => {
                let reason =
                    Some(format!("The policy has rules for it, and not every parser reads it alike: {fault}."));
                let withheld = Some(WithheldBy { rule: PROTOCOL_RULE.to_owned(), reason });
                ("", TreatedResult { withheld, ..TreatedResult::default() })
            }
        };
        let TreatedResult { edited, counts, stand_ins, withheld } = treated;
        let record = match &withheld {
            Some(by) => ResultRecord { withheld: Some(by.rule.clone()), ..ResultRecord::default() },
            None => ResultRecord::new(counts, stand_ins),
        };
        let edited = edited.map(|edited| {
            let place = range_of(line, text);
            let after = line.get(place.end..).unwrap_or_default().trim_ascii_end();
            [line.get(..place.start).unwrap_or_default(), edited.as_bytes(), after, b"\n"].concat()
        });
        TreatedLine { edited, record, withheld }
    }
}

fn describe_reason(by: &WithheldBy) -> String {
    by.reason.as_deref().map_or_else(|| "The policy withholds this result.".to_owned(), visible_lines)
}

/// Builds the answer that stands for a withheld one, in the shape that its caller expects.
fn withheld_line((id, shape): (&str, AnswerShape), by: &WithheldBy, reason: String) -> Vec<u8> {
    let stop = if reason.ends_with(['.', '!', '?']) { "" } else { "." };
    let text = format!(
        "[POLICY WITHHELD] {reason}{stop} The request was made and the server has answered it; its result is withheld by rule \
         {rule}. Do not make it again to see the result, or look for it in another way. If it is needed, tell the user, who can \
         change that rule.",
        rule = escape_invisible(&by.rule),
    );
    let effect = Effect::Deny.as_str();
    let meta = DecisionMeta { effect, rule: &by.rule, reason, tool: None, resource: None, retry_after: None };
    reply::refusal_line(id, shape, &text, &meta)
}
