//! What the wrapper itself asks the server before it judges a request or asks a person: what it lists, and what a call is about.
//!
//! A call that needs it waits for the answer and is then handled as if it had just come.

mod drops;
mod lists;

use serde_json::json;

use super::action::{Action, Payload, Turn};
use super::approval_records::Dropped;
use super::approvals::{self, ApprovalAnswer, Channel, HeldCall, Local, OpenQuestion, SeenPreview, Settled, Upshot};
use super::call_gate::AdmittedCall;
use super::list_filter::ListKind;
use super::lock_drift::ListReason;
use super::open_requests::RequestKind;
use super::previews::describe_preview;
use super::recorder::outcome_of_answer;
use super::{ClientRequest, Engine, Received};
use crate::limits::{MAX_CLASS_WAITS, MAX_HELD_BYTES, MAX_LATE_LISTS, OWN_REQUEST};
use crate::lock::ItemKind;
use crate::policy::{Again, Asking, Effect, Preview, Section};
use crate::record::{Approval, Direction, Draft, Facts, Outcome, Subject, Under};
use crate::risk::Class;
use crate::visible::escape_invisible;
use crate::wire::id::IdKey;
use crate::wire::message::{Answer, CallParams, Message};
use crate::wire::method;
use crate::wire::strict::{CallMembers, KeyMarks, StrictDepth};
use crate::wire::view::find_member;

use std::sync::Arc;
use std::time::Duration;

/// What is known about a call by now.
#[derive(Clone, Debug, Default)]
pub(super) struct Preparation {
    pub(super) listing: Listing,
    /// The same for the list of tools.
    pub(super) tools: Listing,
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

/// Whether the server was asked for the list that matters.
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
    /// Whether the server has said anything.
    pub(super) server_speaks: bool,
    /// Why nobody is asked any more, if the session ends.
    pub(super) asking_ended: Option<Dropped>,
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
    List(ListKind, ListReason, NewCall),
    /// The list with the definition that a person has approved a use of.
    SameDefinition(ListKind, Box<Approved>),
    /// The preview under this id.
    Preview(Box<str>, NewCall),
    /// The preview under this id, which is compared with the one that a person has approved.
    SamePreview(Box<str>, Box<Approved>),
}

/// A request that no person was asked about yet.
#[derive(Debug)]
struct NewCall {
    line: Box<[u8]>,
    since: Duration,
    known: Preparation,
    /// The rule that asks a person, and what it was judged under; `None` if the call was not judged yet.
    asked_by: Option<(Box<str>, Under)>,
}

impl PreparedCall {
    fn waits_for_list(&self) -> bool {
        matches!(self.waits_for, WaitsFor::List(..))
    }

    fn line(&self) -> &[u8] {
        match &self.waits_for {
            WaitsFor::List(_, _, call) | WaitsFor::Preview(_, call) => &call.line,
            WaitsFor::SameDefinition(_, approved) | WaitsFor::SamePreview(_, approved) => &approved.held.line,
        }
    }
}

/// A call that a person has approved.
#[derive(Debug)]
pub(super) struct Approved {
    pub(super) question: OpenQuestion,
    pub(super) held: HeldCall,
    pub(super) answer: ApprovalAnswer,
    pub(super) channel: Channel,
}

/// A request of the wrapper that waits for its answer.
#[derive(Debug)]
struct OwnRequest {
    id: Box<str>,
    kind: OwnKind,
    /// When nothing waits for it any more.
    until: Duration,
    draft: Option<Draft>,
}

#[derive(Debug)]
enum OwnKind {
    List(ListPage),
    /// The same, after nothing waits for it: the next call may.
    LateList(ListPage),
    Preview(Preview),
}

/// A page of a list.
#[derive(Clone, Debug)]
struct ListPage {
    list: ListKind,
    /// Counted from 1.
    page: u32,
    /// How often the list was begun anew.
    restarts: u32,
    /// The `_meta` that it is asked for with.
    meta: Option<Box<str>>,
}

impl Preparations {
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let awaited = self.requests.iter().filter(|request| !matches!(request.kind, OwnKind::LateList(..)));
        awaited.map(|request| request.until).min()
    }

    /// Returns how many calls wait, and how many bytes they are.
    pub(super) fn held(&self) -> (usize, usize) {
        let is_other = |call: &&PreparedCall| !matches!(call.waits_for, WaitsFor::List(_, ListReason::Class, _));
        let others = || self.calls.iter().filter(is_other);
        (others().count(), others().map(|call| call.line().len()).sum())
    }

    /// Whether one more call, with a line of `length` bytes, can wait for the list that tells the class of its tool. A client may
    /// send many before it has listed anything, and none of them waits for a person.
    pub(super) fn can_wait_for_class(&self, length: usize) -> bool {
        let bytes = || self.calls.iter().map(|call| call.line().len()).sum::<usize>();
        self.calls.len() < MAX_CLASS_WAITS && (self.calls.is_empty() || bytes() + length <= MAX_HELD_BYTES)
    }

    /// Whether a request waits for a list of the server, and for nobody.
    pub(super) fn wait_for_lists(&self) -> bool {
        self.calls.iter().any(PreparedCall::waits_for_list)
    }

    /// Returns the question if it was answered, and waits for what the server says of it now.
    pub(super) fn find_compared(&mut self, number: u64) -> Option<&mut OpenQuestion> {
        let mut compared = self.calls.iter_mut().filter_map(|call| match &mut call.waits_for {
            WaitsFor::SameDefinition(_, approved) | WaitsFor::SamePreview(_, approved) => Some(&mut approved.question),
            WaitsFor::List(..) | WaitsFor::Preview(..) => None,
        });
        compared.find(|question| question.number == number)
    }

    /// Whether the server may still answer a request of the wrapper with this id.
    pub(super) fn waits_for_answer(&self, key: &IdKey) -> bool {
        matches!(key, IdKey::Text(id) if self.requests.iter().any(|request| request.id == *id))
    }

    /// Keeps a request whose answer nothing waits for. A server that answers none is asked only so often.
    fn add_late(&mut self, request: OwnRequest) {
        let is_late = |request: &OwnRequest| matches!(request.kind, OwnKind::LateList(..));
        if self.requests.iter().filter(|request| is_late(request)).count() >= MAX_LATE_LISTS {
            self.take_request(is_late);
        }
        self.requests.push(request);
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
        let is_unread = |preview: &Preview| self.tools.lock.waits_for_list(ItemKind::Tool, preview.tool());
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
            self.wait_for_list((ListKind::Tools, ListReason::Approval, Some(rule)), request, known, turn);
            return Need::Begun;
        }
        let meta = request.params.and_then(|params| find_member(params, "_meta")).map(remove_progress_token);
        let since = request.since(turn.now.session);
        let (Some(preview), None) = (preview, &known.preview) else { return Need::Nothing };
        match self.ask_for_preview(preview, call.arguments.unwrap_or("{}"), meta, turn) {
            Ok(id) => {
                let asked_by = Some((rule.into(), self.recorder.under()));
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
        let judgement = policy.judge_call(tool, self.gate.input(&arguments));
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
        self.ask_anew(Approved { question, held, answer, channel }, Some(preview), turn);
    }

    /// Handles a call anew of which a person has approved what is not so any more.
    pub(super) fn ask_anew(&mut self, approved: Approved, preview: Option<SeenPreview>, turn: &mut Turn<'_>) {
        let Approved { question, held, channel, .. } = approved;
        turn.push_note(format!(
            "what {} is about has changed since it was approved, so it is judged anew",
            question.shown
        ));
        if question.local == Local::Asked {
            turn.push_action(Action::Settle(question.number, Settled::Answered(channel, Upshot::Outdated)));
        }
        self.client_requests.remove_answered(&held.key);
        let (line, since) = (held.line.clone(), held.came);
        self.end_held(held, Approval { verdict: "outdated", ..Approval::default() }, Outcome::Refused, turn);
        let follows = (question.local == Local::Asked).then_some(question.number);
        let known = Preparation { listing: Listing::Asked, tools: Listing::Asked, preview, follows };
        self.resume_call(&line, since, known, turn);
    }

    /// Handles a request anew that came at `since`, in the line that is kept of it.
    pub(super) fn resume_call(&mut self, line: &[u8], since: Duration, known: Preparation, turn: &mut Turn<'_>) {
        let message =
            self.reader.read_line(line, StrictDepth::EVERYTHING).and_then(|envelope| Message::from_envelope(&envelope));
        // The line at hand is another one.
        self.policy.work().begin_line(line.len());
        // It was read before.
        if let Ok(Message::Request { id, key, method, params }) = message {
            let request = ClientRequest {
                id,
                key,
                method: &method,
                params,
                call: CallMembers::default(),
                line,
                received: Received::Before(since),
            };
            let _ = match &*method {
                method::TOOLS_CALL => self.handle_prepared_call(request, &known, turn),
                method::COMPLETE => self.handle_completion(request, &known, turn),
                _ => self.handle_prepared_item(request, section_of(&method), &known, turn),
            };
        }
        self.policy.work().end_line();
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
        turn.record_outcome(
            request.draft,
            read.map_or(Outcome::Error, |answer| outcome_of_answer(answer, KeyMarks::ANY)),
        );
        match request.kind {
            OwnKind::Preview(preview) => self.finish_preview(id, describe_preview(&preview, read), turn),
            OwnKind::List(page) => self.finish_page(page, answer, request.until, turn),
            OwnKind::LateList(page) => {
                let until = turn.now.session.saturating_add(OWN_REQUEST);
                self.finish_page(page, answer, until, turn);
            }
        }
        true
    }

    fn finish_preview(&mut self, id: &str, preview: SeenPreview, turn: &mut Turn<'_>) {
        let is_it = |call: &mut PreparedCall| matches!(&call.waits_for, WaitsFor::Preview(of, _) | WaitsFor::SamePreview(of, _) if **of == *id);
        let Some(PreparedCall { key, waits_for, .. }) = self.preparations.calls.extract_if(.., is_it).next() else {
            return;
        };
        self.client_requests.remove_answered(&key);
        match waits_for {
            WaitsFor::SamePreview(_, approved) => self.finish_comparison(*approved, preview, turn),
            WaitsFor::SameDefinition(..) => {}
            WaitsFor::List(_, _, call) | WaitsFor::Preview(_, call) => {
                let known = Preparation { preview: Some(preview), ..call.known };
                self.resume_call(&call.line, call.since, known, turn);
            }
        }
    }

    /// Handles the deadlines of the wrapper's own requests: what they were for goes on without them.
    pub(super) fn time_out_preparations(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now.session;
        let is_due = |request: &OwnRequest| request.until <= now && !matches!(request.kind, OwnKind::LateList(..));
        while let Some(request) = self.preparations.take_request(is_due) {
            let OwnRequest { id, kind, draft, .. } = request;
            match kind {
                OwnKind::List(page) => {
                    let list = page.list;
                    // A slow server is heard all the same: what it says then is for the next call.
                    let kind = OwnKind::LateList(page);
                    self.preparations.add_late(OwnRequest { id, kind, until: Duration::MAX, draft });
                    self.finish_listing(list, turn);
                }
                OwnKind::LateList(..) => {}
                OwnKind::Preview(preview) => {
                    turn.record_outcome(draft, Outcome::Cancelled);
                    turn.send_to_server(approvals::build_cancellation(&id, "It took too long."));
                    let tool = escape_invisible(preview.tool());
                    let why = format!("{tool} has not answered within {} seconds", OWN_REQUEST.as_secs());
                    self.finish_preview(&id, SeenPreview::missing(&why), turn);
                }
            }
        }
    }
}

/// Returns the section of the policy that is about a request that waits for a list.
fn section_of(method: &str) -> Section {
    if method == method::PROMPTS_GET { Section::Prompts } else { Section::Resources }
}

fn with_meta(meta: Option<&str>) -> Option<String> {
    meta.map(|meta| format!(r#""_meta":{meta}"#))
}

/// Removes the token from a request's `_meta`: progress of our own request is not the client's.
fn remove_progress_token(meta: &str) -> String {
    approvals::members_without(meta, |key| key == "progressToken")
}
