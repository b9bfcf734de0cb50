//! What the wrapper itself asks the server before it asks a person: which tools there are, and what a call is about.
//!
//! A call that needs it waits for the answer and is then handled as if it had just come.

use serde_json::json;

use super::action::{Action, Payload, Turn};
use super::approval_records::Dropped;
use super::approvals::{self, ApprovalAnswer, Channel, HeldCall, Local, OpenQuestion, SeenPreview, Settled, Upshot};
use super::call_gate::AdmittedCall;
use super::list_filter::{self, ListKind, ListPart};
use super::lock_drift::ListReason;
use super::open_requests::RequestKind;
use super::previews::describe_preview;
use super::recorder::outcome_of_answer;
use super::{ClientRequest, Engine, Received};
use crate::limits::{MAX_OWN_PAGES, OWN_REQUEST};
use crate::policy::{Again, Asking, Effect, Preview, ToolRef};
use crate::record::{Approval, Digest, Direction, Draft, Facts, Outcome, Subject};
use crate::risk::Class;
use crate::visible::escape_invisible;
use crate::wire::id::IdKey;
use crate::wire::message::{Answer, CallParams, Message};
use crate::wire::method;
use crate::wire::strict::StrictDepth;
use crate::wire::view::find_member;

use std::sync::Arc;
use std::time::Duration;

/// What is known about a call by now.
#[derive(Clone, Debug, Default)]
pub(super) struct Preparation {
    pub(super) listing: Listing,
    /// What a person is shown, if the policy has a preview.
    pub(super) preview: Option<SeenPreview>,
    /// The question that was asked before about this very call.
    pub(super) follows: Option<u64>,
}

/// What a call needs before a person is asked about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    /// It waits for that, and is handled again.
    Begun,
    /// There is no room for one more that waits.
    Room,
}

/// Whether the server was asked for its tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Listing {
    #[default]
    NotAsked,
    /// It was, and may have failed to answer.
    Asked,
}

/// Calls that wait for an answer of the server to the wrapper, and the requests.
#[derive(Debug, Default)]
pub(super) struct Preparations {
    /// Oldest first.
    calls: Vec<PreparedCall>,
    requests: Vec<OwnRequest>,
    made: u64,
}

#[derive(Debug)]
struct PreparedCall {
    /// Under which it is among the requests of the client.
    number: u64,
    key: IdKey,
    waits_for: WaitsFor,
}

#[derive(Debug)]
enum WaitsFor {
    List(ListReason, NewCall),
    /// The preview under this id.
    Preview(Box<str>, NewCall),
    /// The preview under this id, which is compared with the one that a person has approved.
    SamePreview(Box<str>, Box<Approved>),
}

/// A call that no person was asked about yet.
#[derive(Debug)]
struct NewCall {
    line: Box<[u8]>,
    since: Duration,
    known: Preparation,
    /// The rule that asks a person, and its policy; `None` if the call was not judged yet.
    asked_by: Option<(Box<str>, Option<Digest>)>,
}

impl PreparedCall {
    fn line(&self) -> &[u8] {
        match &self.waits_for {
            WaitsFor::List(_, call) | WaitsFor::Preview(_, call) => &call.line,
            WaitsFor::SamePreview(_, approved) => &approved.held.line,
        }
    }
}

/// A call that a person has approved.
#[derive(Debug)]
struct Approved {
    question: OpenQuestion,
    held: HeldCall,
    answer: ApprovalAnswer,
    channel: Channel,
}

/// A request of the wrapper that waits for its answer.
#[derive(Debug)]
struct OwnRequest {
    id: Box<str>,
    kind: OwnKind,
    until: Duration,
    draft: Option<Draft>,
}

#[derive(Debug)]
enum OwnKind {
    /// A page of tools/list, counted from 1, and the `_meta` that it was asked with.
    List(u32, Option<Box<str>>),
    Preview(Preview),
}

impl Preparations {
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.requests.iter().map(|request| request.until).min()
    }

    /// Returns how many calls wait, and how many bytes they are.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.calls.len(), self.calls.iter().map(|call| call.line().len()).sum())
    }

    /// Returns the question if it was answered, and waits for what the server says of it now.
    pub(super) fn find_compared(&mut self, number: u64) -> Option<&mut OpenQuestion> {
        let mut compared = self.calls.iter_mut().filter_map(|call| match &mut call.waits_for {
            WaitsFor::SamePreview(_, approved) => Some(&mut approved.question),
            WaitsFor::List(..) | WaitsFor::Preview(..) => None,
        });
        compared.find(|question| question.number == number)
    }

    /// Whether the server may still answer a request of the wrapper with this id.
    pub(super) fn waits_for_answer(&self, key: &IdKey) -> bool {
        matches!(key, IdKey::Text(id) if self.requests.iter().any(|request| request.id == *id))
    }

    fn take_request(&mut self, is_it: impl Fn(&OwnRequest) -> bool) -> Option<OwnRequest> {
        let at = self.requests.iter().position(is_it)?;
        Some(self.requests.remove(at))
    }
}

impl Engine {
    /// Begins what has still to be known before a person is asked about a call: never is anybody asked without it.
    pub(super) fn begin_preparation(
        &mut self,
        request: &ClientRequest<'_>,
        (call, asking, preview, rule): (&CallParams<'_>, &Asking, Option<&Preview>, &str),
        known: &Preparation,
        turn: &mut Turn<'_>,
    ) -> Need {
        let scope = asking.scope.unwrap_or_default();
        let is_unread = |preview: &Preview| self.tools.lock.waits_for_list(preview.tool());
        let is_unheard_of =
            known.listing == Listing::NotAsked && (self.is_unheard_of(&call.name) || preview.is_some_and(is_unread));
        // What is compared is part of what is granted, and a refusal is of the call.
        let is_settled = || {
            let (covered, _) = self.cover_request(call, None, request.params);
            match preview.map(Preview::again) {
                Some(Again::Compared) => self.approvals.refusals.find_refusal(covered, turn.now.session).is_some(),
                _ => self.is_settled(covered, scope, turn.now.session),
            }
        };
        let is_shown = preview.is_some() && known.preview.is_none();
        if !self.approvals.can_ask(call) || !(is_unheard_of || is_shown) || (!is_unheard_of && is_settled()) {
            return Need::Nothing;
        }
        if !self.approvals.can_hold(request.line.len(), self.preparations.held()) {
            return Need::Room;
        }
        if is_unheard_of {
            self.wait_for_list((ListReason::Approval, Some(rule)), request, known, turn);
            return Need::Begun;
        }
        let meta = request.params.and_then(|params| find_member(params, "_meta")).map(remove_progress_token);
        let since = request.since(turn.now.session);
        let (Some(preview), None) = (preview, &known.preview) else { return Need::Nothing };
        match self.ask_for_preview(preview, call.arguments.unwrap_or("{}"), meta, turn) {
            Ok(id) => {
                let asked_by = Some((rule.into(), self.recorder.policy()));
                let call = NewCall { line: request.line.into(), since, known: known.clone(), asked_by };
                self.hold_until(WaitsFor::Preview(id, call), request);
            }
            Err(why) => {
                // That is said to the person, who is asked all the same.
                let known = Preparation { preview: Some(SeenPreview::missing(&why)), ..known.clone() };
                self.resume_call(request.line, since, known, turn);
            }
        }
        Need::Begun
    }

    fn hold_until(&mut self, waits_for: WaitsFor, request: &ClientRequest<'_>) {
        let number = self.approvals.next_number();
        self.client_requests.insert(request.key.clone(), request.id, RequestKind::Held(number));
        self.preparations.calls.push(PreparedCall { number, key: request.key.clone(), waits_for });
    }

    /// Lets a call wait for the server's list of tools, which the wrapper asks for.
    pub(super) fn wait_for_list(
        &mut self,
        (reason, rule): (ListReason, Option<&str>),
        request: &ClientRequest<'_>,
        known: &Preparation,
        turn: &mut Turn<'_>,
    ) {
        if !self.preparations.requests.iter().any(|request| matches!(request.kind, OwnKind::List(..))) {
            let until = turn.now.session.saturating_add(OWN_REQUEST);
            let meta = request.params.and_then(|params| find_member(params, "_meta")).map(remove_progress_token);
            self.ask_for_tools((1, until), None, meta, turn);
        }
        let asked_by = rule.map(|rule| (rule.into(), self.recorder.policy()));
        let since = request.since(turn.now.session);
        let call = NewCall { line: request.line.into(), since, known: known.clone(), asked_by };
        self.hold_until(WaitsFor::List(reason, call), request);
    }

    fn send_own(
        &mut self,
        (method, params): (&str, &str),
        (kind, until): (OwnKind, Duration),
        draft: Option<Draft>,
        turn: &mut Turn<'_>,
    ) -> Box<str> {
        self.preparations.made += 1;
        let id = self.approvals.seal_text(&format!("own {}", self.preparations.made), self.preparations.made);
        let line = format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"{method}","params":{params}}}"#) + "\n";
        turn.push_action(Action::ToServer(Payload::Kept(line.into_bytes())));
        turn.push_action(Action::Schedule);
        self.preparations.requests.push(OwnRequest { id: id.clone(), kind, until, draft });
        id
    }

    /// Asks for a page of the list; all of them have to be there at `until`.
    fn ask_for_tools(
        &mut self,
        (page, until): (u32, Duration),
        cursor: Option<&str>,
        meta: Option<String>,
        turn: &mut Turn<'_>,
    ) {
        let members = [cursor.map(|cursor| format!(r#""cursor":{cursor}"#)), with_meta(meta.as_deref())];
        let params = format!("{{{}}}", members.into_iter().flatten().collect::<Vec<_>>().join(","));
        let kind = OwnKind::List(page, meta.map(Into::into));
        self.send_own((method::TOOLS_LIST, &params), (kind, until), None, turn);
    }

    /// Makes the read of a preview, which is judged like any call and must be one that the policy allows.
    ///
    /// # Errors
    /// Returns an error if it cannot be made: why, for the person who is asked.
    fn ask_for_preview(
        &mut self,
        preview: &Preview,
        arguments: &str,
        meta: Option<String>,
        turn: &mut Turn<'_>,
    ) -> Result<Box<str>, String> {
        let name = preview.tool();
        let shown = escape_invisible(name);
        let arguments = preview
            .build_arguments(arguments)
            .map_err(|path| format!("{} is missing in the arguments", escape_invisible(path)))?;
        let policy = Arc::clone(&self.policy);
        let tool = self.tools.resolve_called(name, &policy);
        let judgement = policy.judge_call(tool, &*arguments);
        if judgement.decision.effect != Effect::Allow {
            return Err(format!("the policy does not allow {shown}"));
        }
        if policy.class_of(tool) != Class::Read {
            return Err(format!("{shown} is not known to be a read"));
        }
        let rule = judgement.decision.rule;
        let counted = match self.gate.admit(judgement, &arguments, None, turn.now) {
            Ok(AdmittedCall { counted, .. }) => counted,
            Err(_) => return Err(format!("a limit of {shown} is reached")),
        };
        let facts = Facts {
            subject: Some(Subject::Tool(name)),
            class: Some(Class::Read),
            arguments: Some(&arguments),
            ..Facts::new(Direction::Wrapper, Some(method::TOOLS_CALL), rule)
        };
        let draft = self.recorder.draft_decision(&facts, turn);
        // What the read counts is kept, whatever comes of it.
        drop(counted);
        let members = [Some(format!(r#""name":{},"arguments":{arguments}"#, json!(name))), with_meta(meta.as_deref())];
        let params = format!("{{{}}}", members.into_iter().flatten().collect::<Vec<_>>().join(","));
        let until = turn.now.session.saturating_add(OWN_REQUEST);
        Ok(self.send_own((method::TOOLS_CALL, &params), (OwnKind::Preview(preview.clone()), until), draft, turn))
    }

    /// Makes the read of a preview once more, before an approved call is sent.
    ///
    /// # Errors
    /// Returns the call if nothing has to be compared.
    pub(super) fn compare_preview(
        &mut self,
        question: OpenQuestion,
        held: HeldCall,
        (answer, channel): (ApprovalAnswer, Channel),
        turn: &mut Turn<'_>,
    ) -> Result<(), Box<(OpenQuestion, HeldCall)>> {
        let (Some(preview), false) = (&question.compared, matches!(answer, ApprovalAnswer::Refused { .. })) else {
            return Err(Box::new((question, held)));
        };
        let line = std::str::from_utf8(&held.line).unwrap_or_default().trim_ascii();
        let params = find_member(line, "params").unwrap_or("{}");
        let arguments = find_member(params, "arguments").unwrap_or("{}");
        let meta = find_member(params, "_meta").map(remove_progress_token);
        let preview = preview.clone();
        match self.ask_for_preview(&preview, arguments, meta, turn) {
            Ok(id) => {
                let number = self.approvals.next_number();
                let key = held.key.clone();
                self.client_requests.insert(key.clone(), &held.id, RequestKind::Held(number));
                let approved = Approved { question, held, answer, channel };
                let waits_for = WaitsFor::SamePreview(id, Box::new(approved));
                self.preparations.calls.push(PreparedCall { number, key, waits_for });
            }
            Err(why) => {
                let approved = Approved { question, held, answer, channel };
                self.finish_comparison(approved, SeenPreview::missing(&why), turn);
            }
        }
        Ok(())
    }

    /// Sends an approved call if the preview is what the person has seen, and asks anew otherwise.
    fn finish_comparison(&mut self, approved: Approved, preview: SeenPreview, turn: &mut Turn<'_>) {
        let Approved { question, held, answer, channel } = approved;
        if question.preview.as_ref().is_some_and(|seen| seen.whole == preview.whole) {
            let question = OpenQuestion { compared: None, ..question };
            return self.settle_held(question, held, answer, channel, turn);
        }
        turn.push_note(format!(
            "what {} is about has changed since it was approved, so a person is asked anew",
            question.shown
        ));
        if question.local == Local::Asked {
            turn.push_action(Action::Settle(question.number, Settled::Answered(channel, Upshot::Outdated)));
        }
        self.client_requests.remove_answered(&held.key);
        let (line, since) = (held.line.clone(), held.came);
        self.end_held(held, Approval { verdict: "outdated", ..Approval::default() }, Outcome::Refused, turn);
        let follows = (question.local == Local::Asked).then_some(question.number);
        let known = Preparation { listing: Listing::Asked, preview: Some(preview), follows };
        self.resume_call(&line, since, known, turn);
    }

    /// Handles a call anew that came at `since`, in the line that is kept of it.
    pub(super) fn resume_call(&mut self, line: &[u8], since: Duration, known: Preparation, turn: &mut Turn<'_>) {
        let message =
            self.reader.read_line(line, StrictDepth::EVERYTHING).and_then(|envelope| Message::from_envelope(&envelope));
        // It was read before.
        if let Ok(Message::Request { id, key, method, params }) = message {
            let request = ClientRequest { id, key, method: &method, params, line, received: Received::Before(since) };
            let _ = self.handle_prepared_call(request, &known, turn);
        }
    }

    /// Handles the answer to a request of the wrapper's own; `None` is one that cannot be read. Returns whether it was one.
    pub(super) fn handle_own_answer(
        &mut self,
        key: &IdKey,
        answer: Option<(&[u8], Answer<'_>)>,
        turn: &mut Turn<'_>,
    ) -> bool {
        let IdKey::Text(id) = key else { return false };
        let Some(request) = self.preparations.take_request(|request| request.id == *id) else {
            return false;
        };
        let read = answer.map(|(_, answer)| answer);
        turn.record_outcome(request.draft, read.map_or(Outcome::Error, outcome_of_answer));
        match (request.kind, answer) {
            (OwnKind::Preview(preview), _) => self.finish_preview(id, describe_preview(&preview, read), turn),
            (OwnKind::List(page, meta), Some((line, Answer::Result(result)))) => {
                // What it hides is hidden from nobody here, but its names and classes are learned.
                let part = if page == 1 { ListPart::Beginning } else { ListPart::Rest };
                let is_read = self.filter_list(line, result, (ListKind::Tools, part)).is_ok();
                self.announce_drift(turn);
                match list_filter::next_cursor(result) {
                    Some(cursor) if is_read && page < MAX_OWN_PAGES => {
                        self.ask_for_tools((page + 1, request.until), Some(cursor), meta.map(Into::into), turn);
                    }
                    _ => self.finish_listing(turn),
                }
            }
            (OwnKind::List(..), _) => self.finish_listing(turn),
        }
        true
    }

    fn finish_listing(&mut self, turn: &mut Turn<'_>) {
        let is_waiting = |call: &mut PreparedCall| matches!(call.waits_for, WaitsFor::List(..));
        let calls: Vec<_> = self.preparations.calls.extract_if(.., is_waiting).collect();
        for PreparedCall { key, waits_for, .. } in calls {
            let WaitsFor::List(_, NewCall { line, since, known, .. }) = waits_for else { continue };
            self.client_requests.remove_answered(&key);
            self.resume_call(&line, since, Preparation { listing: Listing::Asked, ..known }, turn);
        }
    }

    fn finish_preview(&mut self, id: &str, preview: SeenPreview, turn: &mut Turn<'_>) {
        let is_it = |call: &mut PreparedCall| matches!(&call.waits_for, WaitsFor::Preview(of, _) | WaitsFor::SamePreview(of, _) if **of == *id);
        let Some(PreparedCall { key, waits_for, .. }) = self.preparations.calls.extract_if(.., is_it).next() else {
            return;
        };
        self.client_requests.remove_answered(&key);
        match waits_for {
            WaitsFor::SamePreview(_, approved) => self.finish_comparison(*approved, preview, turn),
            WaitsFor::List(_, call) | WaitsFor::Preview(_, call) => {
                let known = Preparation { preview: Some(preview), ..call.known };
                self.resume_call(&call.line, call.since, known, turn);
            }
        }
    }

    /// Handles the deadlines of the wrapper's own requests: what they were for goes on without them.
    pub(super) fn time_out_preparations(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now.session;
        while let Some(request) = self.preparations.take_request(|request| request.until <= now) {
            let OwnRequest { id, kind, draft, .. } = request;
            turn.record_outcome(draft, Outcome::Cancelled);
            turn.send_to_server(approvals::build_cancellation(&id, "It took too long."));
            match kind {
                OwnKind::List(..) => self.finish_listing(turn),
                OwnKind::Preview(preview) => {
                    let tool = escape_invisible(preview.tool());
                    let why = format!("{tool} has not answered within {} seconds", OWN_REQUEST.as_secs());
                    self.finish_preview(&id, SeenPreview::missing(&why), turn);
                }
            }
        }
    }

    /// Ends the preparation of a call that its client has cancelled, if it is one.
    pub(super) fn cancel_preparation(&mut self, number: u64, turn: &mut Turn<'_>) {
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
    pub(super) fn close_preparations(&mut self, why: Dropped, turn: &mut Turn<'_>) {
        for request in std::mem::take(&mut self.preparations.requests) {
            turn.record_outcome(request.draft, why.outcome());
        }
        for call in std::mem::take(&mut self.preparations.calls) {
            self.drop_preparation(call, why, turn);
        }
    }

    /// Records that the server never got a call.
    fn drop_preparation(&mut self, call: PreparedCall, why: Dropped, turn: &mut Turn<'_>) {
        let (reason, call) = match call.waits_for {
            WaitsFor::SamePreview(_, approved) => {
                if approved.question.local == Local::Asked {
                    turn.push_action(Action::Settle(approved.question.number, Settled::Over));
                }
                return self.end_held(approved.held, why.approval(), why.outcome(), turn);
            }
            WaitsFor::List(reason, call) => (reason, call),
            WaitsFor::Preview(_, call) => (ListReason::Approval, call),
        };
        let line = std::str::from_utf8(&call.line).unwrap_or_default().trim_ascii();
        let Ok(read) = CallParams::read(find_member(line, "params")) else { return };
        let policy = Arc::clone(&self.policy);
        let tool = ToolRef { name: &read.name, ..self.tools.find_tool(&read.name) };
        let decision = policy.decide_tool(tool);
        let (rule, asked_under) = call.asked_by.unwrap_or_else(|| (decision.rule.into(), self.recorder.policy()));
        let facts = Facts {
            subject: Some(Subject::Tool(&read.name)),
            class: Some(policy.class_of(tool)),
            effect: if reason == ListReason::Lock { decision.effect } else { Effect::RequireApproval },
            arguments: Some(read.arguments.unwrap_or("{}")),
            inputs: read.input_responses(),
            traceparent: read.traceparent(),
            ..Facts::new(Direction::Client, Some(method::TOOLS_CALL), &rule)
        };
        let mut draft = self.recorder.draft_decision(&facts, turn);
        if let (Some(draft), ListReason::Approval) = (&mut draft, reason) {
            draft.set_policy(asked_under);
            draft.set_approval(why.approval());
        }
        turn.record_outcome(draft, why.outcome());
    }
}

fn with_meta(meta: Option<&str>) -> Option<String> {
    meta.map(|meta| format!(r#""_meta":{meta}"#))
}

/// Removes the token from a request's `_meta`: progress of our own request is not the client's.
fn remove_progress_token(meta: &str) -> String {
    approvals::members_without(meta, |key| key == "progressToken")
}
