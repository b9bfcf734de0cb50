//! Stand-ins in what the client sends: the real values take their places before anything is judged. And in what it is told:
//! nothing of ours names a value that has a stand-in.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::ControlFlow;

use super::action::{Action, Payload, Turn};
use super::item_requests::read_item_params;
use super::refusal::{Refusal, Refused, Remedy, SubjectKind, format_refusal};
use super::{ClientRequest, Engine, Received};
use crate::content::{ForeignStandIn, NotHidden, PutBack, StandInCounts, StandIns};
use crate::limits::MAX_OPEN;
use crate::policy::{Decision, Effect, Section};
use crate::record::{Direction, Draft, Enforcement, Facts, Outcome, ResultRecord, STAND_IN_RULE};
use crate::wire::id::IdKey;
use crate::wire::message::{self, Answer, AnswerShape, CallParams, Message};
use crate::wire::method;
use crate::wire::reply::{self, DecisionMeta, ErrorCode};
use crate::wire::strict::{CallMembers, StrictDepth};
use crate::wire::view::range_of;

/// What was put back in the open requests of the client.
#[derive(Debug, Default)]
pub(super) struct PutBackValues(HashMap<IdKey, (Vec<String>, StandInCounts)>);

impl PutBackValues {
    /// Where values are in place of stand-ins.
    pub(super) fn places(&self, key: &IdKey) -> &[String] {
        self.0.get(key).map_or(&[], |(places, _)| places)
    }

    /// Moves what is recorded of a request, which is sent now, to its record.
    #[inline]
    pub(super) fn move_record(&mut self, key: &IdKey, draft: &mut Option<Draft>) {
        // Almost always there is none, and no hash is needed to say so.
        if !self.0.is_empty()
            && let (Some((_, counts)), Some(draft)) = (self.0.remove(key), draft)
        {
            draft.add_result(ResultRecord { put_back: counts.total(), ..ResultRecord::default() });
        }
    }
}

impl Engine {
    /// Makes stand-ins under a key that nobody can guess. Without this, they can be foretold.
    #[must_use]
    pub fn with_stand_in_key(mut self, key: [u8; 32]) -> Self {
        self.stand_ins = StandIns::new(key);
        self
    }

    /// Whether there may be values to put back.
    #[inline]
    pub(super) fn can_put_back(&self) -> bool {
        let has_any = !self.stand_ins.is_empty() || self.policy.has_stand_ins();
        has_any && self.enforcement == Enforcement::Enforced && self.ended.is_none()
    }

    /// Puts the values back in a line of the client, [if it can have any](Self::can_put_back), and returns the line that is handled instead; `None` if it stays as it
    /// came. A line with a stand-in of another session is answered here.
    pub(super) fn put_back_values(&mut self, line: &[u8], turn: &mut Turn<'_>) -> ControlFlow<(), Option<Vec<u8>>> {
        let read =
            self.reader.read_line(line, StrictDepth::EVERYTHING).and_then(|envelope| Message::from_envelope(&envelope));
        // What cannot be read is refused as such.
        let Ok(message) = read else { return ControlFlow::Continue(None) };
        let part = match &message {
            Message::Request { key, params, .. } => {
                self.put_back.0.remove(key);
                let is_free = self.client_requests.check_capacity(key).is_ok();
                params.filter(|_| is_free)
            }
            Message::Notification { params, .. } => *params,
            Message::Response { key, answer: Answer::Result(part) | Answer::Error(part), .. } => {
                let is_open = self.server_requests.is_in_flight(key);
                Some(*part).filter(|_| is_open)
            }
        };
        let Some(part) = part else { return ControlFlow::Continue(None) };
        let method = if let Message::Request { method, .. } = &message { method } else { "" };
        let keeps = |way: &[Cow<'_, str>]| is_name(method, way.first().map_or("", |key| key));
        match self.stand_ins.put_back(part, &keeps) {
            Ok(None) => ControlFlow::Continue(None),
            Ok(Some(PutBack { text, places, counts })) => {
                if let Message::Request { key, .. } = message {
                    let requests = &self.client_requests;
                    if self.put_back.0.len() >= MAX_OPEN {
                        self.put_back.0.retain(|key, _| requests.is_in_flight(key));
                    }
                    self.put_back.0.insert(key, (places, counts));
                }
                let place = range_of(line, part);
                let after = line.get(place.end..).unwrap_or_default().trim_ascii_end();
                let before = line.get(..place.start).unwrap_or_default();
                ControlFlow::Continue(Some([before, text.as_bytes(), after, b"\n"].concat()))
            }
            Err(foreign) => {
                self.refuse_foreign(line, message, &foreign, turn);
                ControlFlow::Break(())
            }
        }
    }

    /// Refuses a message with a stand-in that this session has not made.
    fn refuse_foreign(&mut self, line: &[u8], message: Message<'_>, foreign: &ForeignStandIn, turn: &mut Turn<'_>) {
        let why = format!("{} holds a stand-in that was not made in this session.", foreign.place);
        match message {
            Message::Request { id, key, method, params } => {
                let request = ClientRequest {
                    id,
                    key,
                    method: &method,
                    params,
                    call: CallMembers::default(),
                    line,
                    received: Received::Now,
                };
                self.refuse_foreign_request(&request, why, turn);
            }
            Message::Notification { method, params } => {
                turn.push_note(format!("dropped a {method} from the client: {why}"));
                let facts = Facts {
                    traceparent: message::traceparent(params),
                    ..Facts::new(Direction::Client, Some(&method), STAND_IN_RULE)
                };
                self.recorder.record_unacceptable(&facts, &why, turn);
            }
            Message::Response { key, .. } => {
                turn.push_note(format!("refused an answer from the client: {why}"));
                let facts = Facts::new(Direction::Client, None, STAND_IN_RULE);
                self.recorder.record_unacceptable(&facts, &why, turn);
                let Some(open) = self.server_requests.take_waiting(&key) else { return };
                turn.send_to_server(reply::error_line(Some(&open.id), ErrorCode::InvalidRequest, &why));
                turn.record_outcome(open.kind.into_draft(), Outcome::Error);
            }
        }
    }

    fn refuse_foreign_request(&mut self, request: &ClientRequest<'_>, why: String, turn: &mut Turn<'_>) {
        let ClientRequest { id, method, params, .. } = *request;
        let (subject, call) = match method {
            method::TOOLS_CALL => (SubjectKind::Tool, CallParams::read(params)),
            method::PROMPTS_GET => (SubjectKind::Prompt, CallParams::read(params)),
            "resources/read" | "resources/subscribe" => {
                (SubjectKind::Resource, read_item_params(Section::Resources, method, params))
            }
            _ => (SubjectKind::Method, Ok(CallParams::for_method(method, params))),
        };
        // What cannot be read has no name to be refused by.
        let (subject, call) = match call {
            Ok(call) => (subject, call),
            Err(_) => (SubjectKind::Method, CallParams::for_method(method, params)),
        };
        let shape = if subject == SubjectKind::Tool { call.answer_shape() } else { AnswerShape::Other };
        let decision = Decision { effect: Effect::Deny, rule: STAND_IN_RULE, reason: None, file: None };
        let refused = Refused { decision, otherwise: Some(why), remedy: Remedy::FetchAgain };
        let refusal = format_refusal(refused, subject, &call.name);
        let facts = Facts {
            subject: subject.recorded(&call.name),
            effect: decision.effect,
            arguments: call.arguments,
            traceparent: message::traceparent(params),
            ..Facts::new(Direction::Client, Some(method), decision.rule)
        };
        // Nothing is put back in a session that only observes.
        let _ = self.refuse_request(id, shape, &refusal, facts, turn);
    }

    /// Hides the values in a request of the server, and returns the line that the client gets instead; `None` if it stays as it
    /// came.
    ///
    /// # Errors
    /// When not all values can be hidden.
    pub(super) fn hide_in_request(&mut self, line: &[u8], params: Option<&str>) -> Result<Option<Vec<u8>>, NotHidden> {
        let plan = params.filter(|_| self.enforcement == Enforcement::Enforced).zip(self.find_notification_plan());
        let Some((params, plan)) = plan else { return Ok(None) };
        let rules = plan.stand_in_rules();
        if rules.is_empty() {
            return Ok(None);
        }
        if !self.is_read_whole {
            self.reader.read_line(line, StrictDepth::EVERYTHING).map_err(|_| NotHidden::NotAlike)?;
        }
        let hidden = self.stand_ins.hide_values(params, &rules, &mut StandInCounts::default())?;
        Ok(hidden.map(|hidden| {
            let place = range_of(line, params);
            let after = line.get(place.end..).unwrap_or_default().trim_ascii_end();
            [line.get(..place.start).unwrap_or_default(), hidden.as_bytes(), after, b"\n"].concat()
        }))
    }

    /// Refuses a request of the server whose values cannot be hidden.
    pub(super) fn refuse_unhidden(&mut self, (id, method): (&str, &str), why: NotHidden, turn: &mut Turn<'_>) {
        let why = format!("{why}.");
        turn.push_note(format!("refused a {method} from the server (id {id}): {why}"));
        self.recorder.record_unacceptable(&Facts::new(Direction::Server, Some(method), STAND_IN_RULE), &why, turn);
        turn.send_to_server(reply::error_line(Some(id), ErrorCode::Refused, &why));
    }

    /// Sends a refusal to the client, in which no value is named that has a stand-in.
    pub(super) fn send_refusal(&self, id: &str, shape: AnswerShape, refusal: &Refusal<'_>, turn: &mut Turn<'_>) {
        let resource = refusal.meta.resource.map(|name| self.shown_name(name));
        let meta = DecisionMeta {
            reason: self.shown_name(&refusal.meta.reason).into_owned(),
            resource: resource.as_deref(),
            ..refusal.meta.clone()
        };
        turn.send_to_client(reply::refusal_line(id, shape, &self.shown_name(&refusal.text), &meta));
    }

    /// Sends an error to the client, in which no value is named that has a stand-in.
    pub(super) fn send_error(&self, id: Option<&str>, code: ErrorCode, why: &str, turn: &mut Turn<'_>) {
        turn.send_to_client(reply::error_line(id, code, &self.shown_name(why)));
    }

    /// A text of ours, or a name from a request for the log, without the values that have stand-ins.
    pub(super) fn shown_name<'n>(&self, name: &'n str) -> Cow<'n, str> {
        if self.stand_ins.is_empty() { Cow::Borrowed(name) } else { Cow::Owned(self.stand_ins.hide_known(name)) }
    }

    /// Makes the messages for stderr, from the `first` action on, name no value that has a stand-in.
    #[inline]
    pub(super) fn hide_in_notes(&self, actions: &mut [Action], first: usize) {
        if self.stand_ins.is_empty() {
            return;
        }
        for action in actions.iter_mut().skip(first) {
            if let Action::Note(note) = action {
                note.rewrite(|text| self.stand_ins.hide_known(text));
            }
        }
    }
}

/// Whether a member of the parameters names what the server has listed: lists have no stand-ins.
fn is_name(method: &str, key: &str) -> bool {
    match method {
        method::TOOLS_CALL | method::PROMPTS_GET => key == "name",
        method::COMPLETE => key == "ref",
        _ => false,
    }
}

/// Makes what forwards the received line forward this one.
pub(super) fn forward_instead(actions: &mut [Action], line: &[u8]) {
    for action in actions {
        match action {
            Action::ToServer(payload @ Payload::Received) => *payload = Payload::Kept(line.to_vec()),
            Action::Commit(commit) if commit.payload == Payload::Received => {
                commit.payload = Payload::Kept(line.to_vec());
            }
            _ => {}
        }
    }
}
