//! Messages about anything but a tool: resources, prompts, completions, other methods, and what the server requests of
//! the client. They are judged, refused or forwarded, and recorded like calls.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::action::Turn;
use super::approval_questions::UnapprovedCall;
use super::call_gate::{AdmittedCall, accept_name, refuse_look_alike};
use super::line_errors::describe_admit_error;
use super::list_filter::ListKind;
use super::lock_drift::{ListReason, advise_unread};
use super::open_requests::{PendingCall, RequestKind};
use super::origins::log_origins;
use super::preparations::{Need, Preparation};
use super::refusal::{Refusal, Refused, SubjectKind, format_refusal};
use super::resource_index::is_app;
use super::{ClientRequest, Engine, approvals};
use crate::lock::ItemKind;
use crate::policy::{Effect, Item, LOCK_RULE, Policy, Section};
use crate::record::{Direction, Enforcement, Facts, Outcome, PROTOCOL_RULE};
use crate::wire::fault::Fault;
use crate::wire::id::IdKey;
use crate::wire::message::{self, AnswerShape, CallParams};
use crate::wire::method::{self, ELICITATION_CREATE, MethodClass, MethodKind, PolicySubject, Sender, classify_method};
use crate::wire::params::{self, CompletionRef};
use crate::wire::reply::{self, ErrorCode};
use crate::wire::view;

/// Reads the parameters of a request that a section of the policy is about.
pub(super) fn read_item_params<'l>(
    section: Section,
    method: &'l str,
    params: Option<&'l str>,
) -> Result<CallParams<'l>, Fault> {
    match section {
        Section::Prompts => CallParams::read(params),
        Section::Resources => CallParams::read_resource(params),
        Section::Requests | Section::Methods => Ok(CallParams::for_method(method, params)),
    }
}

impl Engine {
    /// Looks up an item, with what the server has listed in this session.
    pub(super) fn find_item<'p>(&self, policy: &'p Policy, section: Section, name: &'p str) -> Item<'p> {
        let item = match section {
            Section::Prompts => self.tools.find_prompt(policy, name),
            Section::Resources => self.resources.find_resource(name, policy, &self.tools),
            Section::Requests | Section::Methods => return Item::unknown(section, name),
        };
        let drift = self.locked_kind(section, name).and_then(|kind| self.tools.lock.find_used_drift(kind, name));
        Item { drift, ..item }
    }

    /// Returns the name that a server may take an item's name for: one that it has listed, or that the policy has.
    pub(super) fn find_item_look_alike<'s>(
        &'s self,
        policy: &'s Policy,
        section: Section,
        name: &str,
    ) -> Option<&'s str> {
        match section {
            Section::Prompts => self.tools.find_prompt_look_alike(name, policy),
            Section::Resources | Section::Requests | Section::Methods => policy.find_item_look_alike(section, name),
        }
    }

    /// Handles a `completion/complete`. It is refused if the prompt or template is, and also if that one asks a person:
    /// what a completion gives away is not worth a question for each key.
    pub(super) fn handle_completion(
        &mut self,
        request: ClientRequest<'_>,
        known: &Preparation,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault> {
        let reference = params::read_completion_ref(request.params)?;
        let policy = Arc::clone(&self.policy);
        let (kind, subject, name) = match &reference {
            CompletionRef::Prompt(name) => (ItemKind::Prompt, SubjectKind::Prompt, name),
            CompletionRef::Template(template) => (ItemKind::Template, SubjectKind::Resource, template),
        };
        let refuses = |engine: &Self| match kind {
            ItemKind::Prompt => {
                let item = engine.tools.find_prompt(&policy, name);
                policy.decide_item(Item { drift: None, ..item }).refuses()
            }
            _ => policy.decide_template(name, None).refuses(),
        };
        let (need, reason) = match self.begin_lock_comparison(&request, (kind, name), known, refuses, turn) {
            Need::Nothing if kind == ItemKind::Prompt => {
                (self.begin_item_class_listing(&request, (Section::Prompts, name), known, turn), ListReason::Class)
            }
            need => (need, ListReason::Lock),
        };
        match need {
            Need::Nothing => {}
            Need::Begun => return Ok(()),
            Need::Room => {
                let facts = Facts {
                    subject: subject.recorded(name),
                    ..Facts::new(Direction::Client, Some(request.method), LOCK_RULE)
                };
                self.refuse_unlisted(&request, reason, (subject, name), (AnswerShape::Other, facts), turn);
                return Ok(());
            }
        }
        let drift = self.tools.lock.find_used_drift(kind, name);
        let drift = self.heed_drift((kind, name), drift, turn);
        let (decision, look_alike) = match kind {
            ItemKind::Prompt => {
                let item = Item { drift, ..self.tools.find_prompt(&policy, name) };
                (policy.decide_item(item), self.tools.find_prompt_look_alike(name, &policy))
            }
            _ => (policy.decide_template(name, drift), None),
        };
        let refused = match look_alike {
            Some(other) if decision.effect == Effect::Allow => Some(refuse_look_alike(name, other)),
            _ => (decision.effect != Effect::Allow).then(|| decision.into()),
        };
        let decision = refused.as_ref().map_or(decision, |refused: &Refused<'_>| refused.decision);
        let payload = request.payload();
        let ClientRequest { id, key, method, params, .. } = request;
        let facts = Facts {
            subject: subject.recorded(name),
            effect: decision.effect,
            traceparent: message::traceparent(params),
            ..Facts::new(Direction::Client, Some(method), decision.rule)
        };
        let draft = match refused {
            None => self.recorder.draft_decision(&facts, turn),
            Some(refused) => {
                let refusal = format_refusal(advise_unread(refused, drift), subject, name);
                match self.refuse_request(id, AnswerShape::Other, &refusal, facts, turn) {
                    ControlFlow::Continue(draft) => draft,
                    ControlFlow::Break(()) => return Ok(()),
                }
            }
        };
        let results = policy.common_result_plan().map(Box::new);
        let pending = PendingCall { counted: None, draft, shape: AnswerShape::Other, lists: None, results };
        self.forward_call(id, key, (subject, name), payload, pending, turn);
        Ok(())
    }

    /// Handles a request that fetches a prompt, reads a resource or subscribes to it, or whose method only the section
    /// `methods` is about.
    pub(super) fn handle_item_request(
        &mut self,
        request: ClientRequest<'_>,
        section: Section,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault> {
        self.handle_prepared_item(request, section, &Preparation::default(), turn)
    }

    /// Handles such a request about which `known` is known.
    pub(super) fn handle_prepared_item(
        &mut self,
        request: ClientRequest<'_>,
        section: Section,
        known: &Preparation,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault> {
        let (id, method, subject) = (request.id, request.method, SubjectKind::of_section(section));
        let call = read_item_params(section, method, request.params)?;
        let arguments = call.arguments.unwrap_or("{}");
        self.note_source(&request.key, (subject, method, &*call.name), arguments, turn.now);
        let (need, reason) = self.begin_item_lists(&request, (section, &call.name), known, turn);
        if need == Need::Begun {
            return Ok(());
        }
        let (policy, shape) = (Arc::clone(&self.policy), AnswerShape::Other);
        let item = self.find_item(&policy, section, &call.name);
        let item = Item { drift: self.heed_item_drift(item, turn), ..item };
        let (results, shown) = (policy.item_result_plan(item).map(Box::new), self.shown_name(item.name));
        let facts = |effect, rule| Facts {
            subject: subject.recorded(&shown),
            effect,
            arguments: (subject != SubjectKind::Resource).then_some(arguments),
            inputs: call.input_responses(),
            traceparent: call.traceparent(),
            ..Facts::new(Direction::Client, Some(method), rule)
        };
        let is_page = method == "resources/read" && self.tools.lock.is_in_force() && is_app(&call.name);
        let lists = if is_page { Some(ListKind::Pages) } else { ListKind::of_answer(method) };
        if need == Need::Room {
            let rule = if reason == ListReason::Lock { LOCK_RULE } else { policy.decide_item(item).rule };
            self.refuse_unlisted(&request, reason, (subject, item.name), (shape, facts(Effect::Deny, rule)), turn);
            return Ok(());
        }
        let look_alike = self.find_item_look_alike(&policy, section, item.name);
        let judged = self.gate.judge_item(&policy, item, &call, look_alike, turn.now);
        let rounds = (section != Section::Methods).then_some((method, &call));
        let pending = match judged.and_then(|judgement| self.gate.admit(judgement, arguments, rounds, turn.now)) {
            Ok(AdmittedCall { decision, asking, counted, sightings, .. }) => {
                let enforcement = if asking.is_some() { self.enforcement } else { Enforcement::Enforced };
                let origins = log_origins(&sightings, turn.now.unix);
                let facts = Facts { enforcement, reason: origins.as_deref(), ..facts(decision.effect, decision.rule) };
                let draft = self.recorder.draft_decision(&facts, turn);
                let pending = PendingCall { counted, draft, shape, lists, results };
                if let (Some(asking), Enforcement::Enforced) = (asking, enforcement) {
                    let mut call = call.clone();
                    call.name = subject.name_request(method, item.name);
                    // Of another method, all is shown that is not about the message.
                    let all = (section == Section::Methods).then(|| approvals::members_beside(arguments, &[]));
                    call.arguments = all.as_deref().or(call.arguments);
                    let (call, item) = (&call, Some(item));
                    let unapproved = UnapprovedCall {
                        request,
                        call,
                        item,
                        decision,
                        asking,
                        pending,
                        preview: None,
                        sightings,
                        follows: known.follows,
                    };
                    self.ask_person(unapproved, turn);
                    return Ok(());
                }
                pending
            }
            Err(why) => {
                let facts = facts(why.decision.effect, why.decision.rule);
                let refusal = format_refusal(advise_unread(why, item.drift), subject, item.name);
                match self.refuse_request(id, shape, &refusal, facts, turn) {
                    ControlFlow::Continue(draft) => PendingCall { counted: None, draft, shape, lists, results },
                    ControlFlow::Break(()) => return Ok(()),
                }
            }
        };
        let payload = request.payload();
        self.forward_call(id, request.key, (subject, item.name), payload, pending, turn);
        Ok(())
    }

    /// Judges a notification whose method the protocol does not know from this side. Returns whether it may pass.
    pub(super) fn admit_notification(
        &mut self,
        sender: Direction,
        method: &str,
        params: Option<&str>,
        turn: &mut Turn<'_>,
    ) -> bool {
        let policy = Arc::clone(&self.policy);
        let arguments = params.unwrap_or("{}");
        let section = if sender == Direction::Client { Section::Methods } else { Section::Requests };
        let item = Item::unknown(section, method);
        let judged = accept_name(
            policy.judge_item(item, self.gate.input(arguments)),
            method,
            self.find_item_look_alike(&policy, section, method),
            turn.now,
        );
        let admitted = judged.and_then(|judgement| self.gate.admit(judgement, arguments, None, turn.now));
        let (decision, refused) = match admitted {
            // Nobody waits for its answer, so it cannot wait for a person.
            Ok(AdmittedCall { decision, asking: Some(_), .. }) => (decision, Some(decision.into())),
            Ok(AdmittedCall { decision, .. }) => (decision, None),
            Err(why) => (why.decision, Some(why)),
        };
        let refusal = refused.map(|why| format_refusal(why, SubjectKind::Method, method));
        let facts = Facts {
            effect: decision.effect,
            arguments: Some(arguments),
            reason: refusal.as_ref().map(|refusal| refusal.meta.reason.as_str()),
            traceparent: message::traceparent(params),
            enforcement: if refusal.is_some() { self.enforcement } else { Enforcement::Enforced },
            ..Facts::new(sender, Some(method), decision.rule)
        };
        self.record_unanswerable(&facts, refusal.as_ref(), turn)
    }

    /// Records a message that nobody answers, and returns whether it may pass.
    fn record_unanswerable(&mut self, facts: &Facts<'_>, refusal: Option<&Refusal<'_>>, turn: &mut Turn<'_>) -> bool {
        let passes = refusal.is_none() || self.enforcement == Enforcement::Observed;
        if let Some(refusal) = refusal {
            let text = refusal.describe(facts.method.unwrap_or_default(), "none");
            turn.push_note(if passes { format!("observing, so passed on: would have {text}") } else { text });
        }
        if passes {
            turn.record_outcome(self.recorder.draft_decision(facts, turn), Outcome::Ok);
        } else {
            self.recorder.record_refusal(facts, turn);
        }
        passes
    }

    /// Whether the client may hear that a resource has changed. What it may not read is not named to it.
    pub(super) fn admit_resource_update(&mut self, method: &str, params: Option<&str>, turn: &mut Turn<'_>) -> bool {
        let Ok(uri) = params::read_uri(params) else {
            turn.push_note(format!("dropped a {method} from the server without a URI that all parsers read alike"));
            return false;
        };
        let policy = Arc::clone(&self.policy);
        let item = self.resources.find_resource(&uri, &policy, &self.tools);
        let decision = policy.judge_item(item, self.gate.input("{}")).decision;
        let refused = decision.refuses().then(|| decision.into());
        let refusal = refused.map(|refused| format_refusal(refused, SubjectKind::Resource, &uri));
        let shown = self.shown_name(&uri);
        let facts = Facts {
            subject: SubjectKind::Resource.recorded(&shown),
            effect: decision.effect,
            reason: refusal.as_ref().map(|refusal| refusal.meta.reason.as_str()),
            enforcement: if refusal.is_some() { self.enforcement } else { Enforcement::Enforced },
            traceparent: message::traceparent(params),
            ..Facts::new(Direction::Server, Some(method), decision.rule)
        };
        self.record_unanswerable(&facts, refusal.as_ref(), turn)
    }

    /// Judges the resources that a `subscriptions/listen` subscribes to. Returns whether it may pass; if not, it has been
    /// answered.
    pub(super) fn admit_subscriptions(
        &mut self,
        request: &ClientRequest<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<ControlFlow<()>, Fault> {
        let policy = Arc::clone(&self.policy);
        for uri in params::read_subscriptions(request.params)? {
            policy.work().spend_uri(&uri);
            let item = self.resources.find_resource(&uri, &policy, &self.tools);
            let judgement = policy.judge_item(item, self.gate.input("{}"));
            let judged = judgement.decision;
            let refused = match self.gate.admit(judgement, "{}", None, turn.now) {
                // Several may be asked for at once, and a person is asked about one request.
                Ok(AdmittedCall { decision, asking: Some(_), counted, .. }) => {
                    counted.into_iter().for_each(|counted| self.gate.refund_call(*counted, turn.now));
                    Some(decision.into())
                }
                Ok(_) => None,
                Err(why) => Some(why),
            };
            let decision = refused.as_ref().map_or(judged, |refused: &Refused<'_>| refused.decision);
            let shown = self.shown_name(&uri);
            let facts = Facts {
                subject: SubjectKind::Resource.recorded(&shown),
                effect: decision.effect,
                traceparent: message::traceparent(request.params),
                ..Facts::new(Direction::Client, Some(request.method), decision.rule)
            };
            let Some(refused) = refused else {
                turn.record_outcome(self.recorder.draft_decision(&facts, turn), Outcome::Ok);
                continue;
            };
            let refusal = format_refusal(refused, SubjectKind::Resource, &uri);
            match self.refuse_request(request.id, AnswerShape::Other, &refusal, facts, turn) {
                ControlFlow::Continue(draft) => turn.record_outcome(draft, Outcome::Ok),
                ControlFlow::Break(()) => return Ok(ControlFlow::Break(())),
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Drops a request that has no id. Some peers run it; nobody could be told that it was refused.
    pub(super) fn drop_without_id(
        &mut self,
        direction: Direction,
        method: &str,
        params: Option<&str>,
        turn: &mut Turn<'_>,
    ) {
        turn.push_note(format!("dropped a {method} without an id"));
        let section = match classify_method(method) {
            MethodClass::Known(known) if known.subject == PolicySubject::Prompts => Section::Prompts,
            MethodClass::Known(known) if known.subject == PolicySubject::Resources => Section::Resources,
            _ => Section::Methods,
        };
        let call = match method {
            method::TOOLS_CALL => CallParams::read(params).ok(),
            _ => read_item_params(section, method, params).ok(),
        };
        let subject = call.as_ref().and_then(|call| match method {
            method::TOOLS_CALL => SubjectKind::Tool.recorded(&call.name),
            _ => SubjectKind::of_section(section).recorded(&call.name),
        });
        let facts = Facts {
            subject,
            traceparent: message::traceparent(params),
            ..Facts::new(direction, Some(method), PROTOCOL_RULE)
        };
        self.recorder.record_unacceptable(&facts, "It has no id, so its outcome could not be reported.", turn);
    }

    /// Refuses a notification that has an id, and returns the answer. Some peers go by the method alone.
    pub(super) fn refuse_with_id(
        &mut self,
        direction: Direction,
        (id, method): (&str, &str),
        params: Option<&str>,
        turn: &mut Turn<'_>,
    ) -> Vec<u8> {
        let why = format!("policylayer refused this message: {method} is a notification, and this one has an id.");
        turn.push_note(format!("refused a {method} with an id ({id})"));
        let facts =
            Facts { traceparent: message::traceparent(params), ..Facts::new(direction, Some(method), PROTOCOL_RULE) };
        self.recorder.record_unacceptable(&facts, &why, turn);
        reply::error_line(Some(id), ErrorCode::InvalidRequest, &why)
    }

    pub(super) fn handle_server_request(
        &mut self,
        (id, key): (&str, IdKey),
        method: &str,
        params: Option<&str>,
        turn: &mut Turn<'_>,
    ) {
        if let Err(error) = self.server_requests.check_capacity(&key) {
            turn.push_note(format!("refused a request from the server ({method:?}, id {id})"));
            let (code, why) = describe_admit_error(error, id, "server");
            turn.send_to_server(reply::error_line(Some(id), code, &why));
            let facts = Facts {
                traceparent: message::traceparent(params),
                ..Facts::new(Direction::Server, Some(method), PROTOCOL_RULE)
            };
            self.recorder.record_unacceptable(&facts, &why, turn);
            return;
        }
        if method::method_kind(method) == Some(MethodKind::Notification) {
            let line = self.refuse_with_id(Direction::Server, (id, method), params, turn);
            return turn.send_to_server(line);
        }
        if method == "ping" {
            self.server_requests.insert(key, id, RequestKind::Other);
            return turn.forward_to_client();
        }
        self.judge_server_request((id, key), method, params, turn);
    }

    /// Judges a request of the server. Forwards it to the client, or answers it with an error.
    fn judge_server_request(
        &mut self,
        (id, key): (&str, IdKey),
        method: &str,
        params: Option<&str>,
        turn: &mut Turn<'_>,
    ) {
        let policy = Arc::clone(&self.policy);
        if let Some(why) = describe_imitation(method, params) {
            turn.push_note(format!("refused {method} from the server (id {id}): {why}"));
            let facts = Facts {
                traceparent: message::traceparent(params),
                ..Facts::new(Direction::Server, Some(method), PROTOCOL_RULE)
            };
            self.recorder.record_unacceptable(&facts, why, turn);
            turn.send_to_server(reply::error_line(Some(id), ErrorCode::Refused, why));
            return;
        }
        let arguments = params.unwrap_or("{}");
        let judgement = policy.judge_item(request_item(method), self.gate.input(arguments));
        let facts = Facts {
            effect: judgement.decision.effect,
            arguments: Some(arguments),
            traceparent: message::traceparent(params),
            ..Facts::new(Direction::Server, Some(method), judgement.decision.rule)
        };
        let admitted = self.gate.admit(judgement, arguments, None, turn.now);
        let mut pending = match admitted {
            Ok(AdmittedCall { counted, .. }) => {
                let draft = self.recorder.draft_decision(&facts, turn);
                PendingCall { counted, draft, shape: AnswerShape::Other, lists: None, results: None }
            }
            Err(why) => {
                let facts = Facts { effect: why.decision.effect, rule: why.decision.rule, ..facts };
                let refusal = format_refusal(why, SubjectKind::Method, method);
                let facts = Facts { reason: Some(&refusal.meta.reason), enforcement: self.enforcement, ..facts };
                let text = format!("{} (a request from the server)", refusal.describe(method, id));
                if self.enforcement == Enforcement::Enforced {
                    turn.push_note(text);
                    self.recorder.record_refusal(&facts, turn);
                    turn.send_to_server(reply::refusal_line(id, AnswerShape::Other, &refusal.text, &refusal.meta));
                    return;
                }
                turn.push_note(format!("observing, so passed on: would have {text}"));
                let draft = self.recorder.draft_decision(&facts, turn);
                PendingCall { counted: None, draft, shape: AnswerShape::Other, lists: None, results: None }
            }
        };
        if self.ended.is_some() {
            // No answer can reach the server any more.
            turn.record_outcome(pending.draft.take(), Outcome::ServerDied);
        } else {
            self.server_requests.insert(key, id, RequestKind::Call(pending));
        }
        turn.forward_to_client();
    }
}

pub(super) const IMITATION: &str = "It imitates a question of policylayer, which only the outermost one may ask.";

/// Returns why an elicitation is refused if a person could take it for one of ours, and so for an approval.
pub(super) fn describe_imitation(method: &str, params: Option<&str>) -> Option<&'static str> {
    if method != ELICITATION_CREATE {
        return None;
    }
    let params = params?;
    // Escapes could hide a mark, so they are decoded as well.
    let is_imitation = approvals::is_imitation(params) || approvals::is_imitation(&view::decode_text(params));
    is_imitation.then_some(IMITATION)
}

pub(super) fn request_item(method: &str) -> Item<'_> {
    Item::unknown(Section::Requests, Section::request_name(method))
}

/// Whether the protocol knows a method as one that a server sends.
pub(super) fn is_of_server(method: &str) -> bool {
    matches!(classify_method(method), MethodClass::Known(known) if known.sender != Sender::Client)
}

/// Whether only the section `methods` is about a method of the client.
pub(super) fn is_other_method(method: &str) -> bool {
    match classify_method(method) {
        MethodClass::Known(known) => known.sender == Sender::Server || known.subject == PolicySubject::Methods,
        MethodClass::LooksLike(_) | MethodClass::Unknown => true,
    }
}
