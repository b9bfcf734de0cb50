//! Asks a person about a call that needs one, unless that is settled already.

use std::time::Duration;

use serde_json::Value;

use super::action::{Action, Turn};
use super::approval_flow::describe_refusal_by_person;
use super::approval_records::{Dropped, unavailable};
use super::approval_subjects::RequestSubject;
use super::approvals::clients::{Asks, ClientHabits};
use super::approvals::{
    self, Channel, Covered, Dialogue, DialogueChoice, DialogueKind, Effects, HeldCall, Local, OpenQuestion,
    PersonsRefusal, Progress, Question, RoundApproval, SeenPreview, Settled,
};
use super::open_requests::{PendingCall, RequestKind};
use super::origins::{SourceDetail, describe_origins};
use super::refusal::{Refused, Remedy};
use super::{ClientRequest, Engine, Now};
use crate::limits::{DIALOGUE_WIDTH, MAX_HELD, READING_TIME};
use crate::policy::{Again, ApprovalLifetime, ApprovalScope, Asking, Decision, Item, Preview, Section, Sighting};
use crate::record::{Approval, Digest};
use crate::risk::{self, Class, Listed};
use crate::visible::escape_invisible;
use crate::wire::message::CallParams;

pub(super) struct UnapprovedCall<'a> {
    pub(super) request: ClientRequest<'a>,
    pub(super) call: &'a CallParams<'a>,
    /// `None` if it is a call of a tool. Otherwise `call` is named as a person is asked about it.
    pub(super) item: Option<Item<'a>>,
    pub(super) decision: Decision<'a>,
    pub(super) asking: Asking,
    pub(super) pending: PendingCall,
    /// The read that the policy has for it, and its answer.
    pub(super) preview: Option<(&'a Preview, Option<SeenPreview>)>,
    /// Where the values came from because of which a person is asked.
    pub(super) sightings: Vec<Sighting>,
    /// The question that was asked before about this very call.
    pub(super) follows: Option<u64>,
}

impl Engine {
    /// Asks a person about a call, unless one has answered already or nobody can be asked.
    pub(super) fn ask_person(&mut self, unapproved: UnapprovedCall<'_>, turn: &mut Turn<'_>) {
        let (call, now) = (unapproved.call, turn.now.session);
        let about = RequestSubject::new(&call.name, unapproved.item);
        let (covers, beside) = self.cover_request(call, unapproved.item, unapproved.request.params);
        // What is compared again is part of what is approved.
        let compared = unapproved.preview.as_ref().filter(|(preview, _)| preview.again() == Again::Compared);
        let seen = compared.and_then(|(_, seen)| seen.as_ref());
        let covers = seen.map_or(covers, |seen| covers.with_preview(seen));
        // It was answered elsewhere, and the client has made the call anew instead of coming back for the answer. Of several
        // answers the last one counts.
        self.take_up_answers(covers, turn);
        let (approval, why, remedy) = if let Some(refusal) = self.approvals.refusals.find_refusal(covers, now) {
            let PersonsRefusal { channel, note, .. } = refusal;
            let why = describe_refusal_by_person(note.as_deref());
            (
                Approval { verdict: "refused_before", channel: Some(channel.as_str()), note, ..Approval::default() },
                why,
                Remedy::Person,
            )
        } else if let Some((channel, given, granted)) =
            self.approvals.grants.redeem_grant(covers, unapproved.asking.scope.unwrap_or_default(), now)
        {
            granted.into_iter().for_each(|question| turn.push_action(Action::Settle(question, Settled::Used)));
            let UnapprovedCall { request, mut pending, .. } = unapproved;
            // Since the person answered.
            let waited = now.saturating_sub(given);
            let approval =
                Approval { verdict: "granted", channel: Some(channel.as_str()), waited, ..Approval::default() };
            pending.record_approval(approval, now);
            let payload = request.payload();
            return self.forward_call(request.id, request.key, about.name(), payload, pending, turn);
        } else if let Some(cut) = seen.map(|seen| seen.cut).filter(|cut| *cut > 0) {
            let why = format!(
                "This call needs a person's approval, and the question would leave out {cut} characters of what it is about. The \
                 policy's preview has to show less."
            );
            (unavailable(), why, Remedy::Policy)
        } else if let Some(end) = self.preparations.asking_ended {
            let why = "This call needs a person's approval, and the session ends: nobody can be asked any more.";
            (end.approval(), why.to_owned(), Remedy::AskAgain)
        } else if self.approvals.can_hold(unapproved.request.line.len(), self.preparations.held()) {
            return self.hold_call(unapproved, about, (covers, beside), turn);
        } else {
            return self.refuse_crowded(unapproved, turn);
        };
        self.refuse_unasked(unapproved, &about, (approval, why, remedy), turn);
    }

    /// Refuses a call because too many wait already.
    pub(super) fn refuse_crowded(&mut self, unapproved: UnapprovedCall<'_>, turn: &mut Turn<'_>) {
        let about = RequestSubject::new(&unapproved.call.name, unapproved.item);
        let why = format!("{MAX_HELD} calls are waiting for a person already, or fewer very large ones.");
        self.refuse_unasked(unapproved, &about, (unavailable(), why, Remedy::Queue), turn);
    }

    /// Returns whether it is settled what becomes of a call that is `covered`, so that nobody is asked.
    pub(super) fn is_settled(&self, covered: Covered, scope: ApprovalScope, now: Duration) -> bool {
        let approvals = &self.approvals;
        approvals.refusals.find_refusal(covered, now).is_some()
            || approvals.grants.has_grant(covered, scope, now)
            || approvals.has_answer(covered)
    }

    /// Refuses a call about which nobody is asked.
    fn refuse_unasked(
        &mut self,
        unapproved: UnapprovedCall<'_>,
        about: &RequestSubject,
        (approval, why, remedy): (Approval, String, Remedy),
        turn: &mut Turn<'_>,
    ) {
        let UnapprovedCall { request, decision, mut pending, .. } = unapproved;
        pending.set_approval(approval);
        let refused = Refused { decision: Decision { reason: None, ..decision }, otherwise: Some(why), remedy };
        self.refuse_call(pending, (request.id, request.method), about.name(), refused, turn);
    }

    fn hold_call(
        &mut self,
        unapproved: UnapprovedCall<'_>,
        about: RequestSubject,
        (covers, beside): (Covered, String),
        turn: &mut Turn<'_>,
    ) {
        let now = turn.now.session;
        let earlier = self.take_earlier(covers, now);
        let mut question = self.describe_question(&unapproved, (covers.call, beside), turn.now);
        // A person may have been sent its id: the local channel keeps it, or says under it which the new one is.
        question.follows =
            unapproved.follows.or(earlier.iter().rfind(|it| it.local == Local::Asked).map(|it| it.number));
        let built = self.build_dialogue(&unapproved, &question);
        let (dialogue, no_dialogue) = built.map_or_else(|why| (None, Some(why)), |built| (Some(built), None));
        if dialogue.is_none() && question.local == Local::Not {
            let because = no_dialogue.clone().flatten().map_or_else(String::new, |why| format!(": {why}"));
            let why = format!("This call needs a person's approval, and nobody can be asked{because}.");
            self.drop_earlier(earlier, turn);
            return self.refuse_unasked(unapproved, &about, (unavailable(), why, Remedy::Channel), turn);
        }
        let UnapprovedCall { request, call, decision, asking, pending, preview, .. } = unapproved;
        let line = [request.line.trim_ascii_end(), b"\n"].concat();
        question.line = Digest::of_line(&line);
        let number = question.number;
        let (method, name, rule) = (request.method, about.name().1, decision.rule);
        let but = no_dialogue.flatten().map_or_else(String::new, |why| format!(" (not asked in the client: {why})"));
        turn.push_note(format!("{method} of {name:?} (id {}) waits for a person: {rule}{but}", request.id));
        let (shown, rule) = (question.tool.clone(), question.rule.clone());
        let (lives, local) = (question.lives, question.local);
        let until = now.saturating_add(question.timeout);
        turn.push_action(Action::Ask(Box::new(question)));
        self.drop_earlier(earlier, turn);
        let is_postponed = lives == ApprovalLifetime::Client && local == Local::Asked;
        let (postponed, dialogue) = if is_postponed { (dialogue, None) } else { (None, dialogue) };
        let (dialogue, line_to_client) = dialogue.unzip();
        line_to_client.into_iter().for_each(|line| turn.send_to_client(line));
        let (mut progress, mut held_until) = (None, until);
        if !matches!(dialogue, Some(Dialogue::Round(_))) {
            self.client_requests.insert(request.key.clone(), request.id, RequestKind::Held(number));
            progress = call.progress_token().and_then(|token| Progress::new(token, now));
            held_until = until.min(request.since(now).saturating_add(self.client_patience()));
        }
        let held = HeldCall {
            came: request.since(now),
            method: request.method.into(),
            id: request.id.into(),
            key: request.key,
            line: line.into(),
            rule,
            file: decision.file.map(Into::into),
            pending,
            since: now,
            until: held_until,
            progress,
        };
        let question = OpenQuestion {
            number,
            shown,
            digest: approvals::digest_of(&about.grant_name(), call.arguments.unwrap_or("{}")),
            listed: self.digest_defined(&about),
            about,
            covers,
            scope: asking.scope.unwrap_or_default(),
            lives,
            local,
            dialogue,
            postponed,
            not_chosen: None,
            since: now,
            until,
            draft: held.pending.draft.clone(),
            call: Some(held),
            preview: preview.as_ref().and_then(|(_, seen)| seen.clone()),
            compared: preview.filter(|(of, _)| of.again() == Again::Compared).map(|(of, _)| of.clone()),
            answer: None,
        };
        self.approvals.add_question(question);
    }

    /// Takes the questions about a call that is made again.
    fn take_earlier(&mut self, covers: Covered, now: Duration) -> Vec<OpenQuestion> {
        // What comes before anybody can have read the question is another call, made at the same time.
        let is_read = |it: &OpenQuestion| now.saturating_sub(it.since) >= READING_TIME;
        let is_over = |it: &OpenQuestion| it.call.is_none() || (it.is_in_round() && is_read(it));
        let take = || self.approvals.take_question(|it| is_over(it) && it.is_about(covers));
        std::iter::from_fn(take).collect()
    }

    /// Ends the questions about a call that was made again.
    fn drop_earlier(&mut self, earlier: Vec<OpenQuestion>, turn: &mut Turn<'_>) {
        for question in earlier {
            self.drop_question(question, Dropped::MadeAgain, turn);
        }
    }

    fn describe_question(
        &mut self,
        unapproved: &UnapprovedCall<'_>,
        (covers, beside): (Digest, String),
        now: Now,
    ) -> Question {
        let UnapprovedCall { call, item, decision, asking, .. } = unapproved;
        let (class, profile) = match item.map(|item| item.section) {
            None => {
                let tool = Listed::with_name(&*call.name);
                (
                    self.policy.class_of(self.tools.find_tool(&call.name)),
                    Some(risk::profile_tool(self.policy.catalogue(), &tool)),
                )
            }
            Some(Section::Resources | Section::Prompts) => (Class::Read, None),
            Some(Section::Methods | Section::Requests) => (Class::Execute, None),
        };
        let severity = profile.as_ref().map_or(class.risk(), |profile| profile.severity.max(class.risk()));
        let effects = profile.iter().flat_map(|profile| {
            let irreversible = (profile.irreversible || class == Class::Destructive).then_some(Effects::Irreversible);
            irreversible.into_iter().chain(profile.sends.then_some(Effects::Sends))
        });
        let local = self.approvals.options.channels.contains(&Channel::Local);
        let client = self.recorder.client().map(|client| client.name()).filter(|name| !name.is_empty());
        let origins = describe_origins(&unapproved.sightings, SourceDetail::Named, now.unix);
        Question {
            number: self.approvals.next_number(),
            tool: call.name.as_ref().into(),
            client: client.map(Into::into),
            class,
            severity,
            effects: effects.collect(),
            rule: decision.rule.into(),
            reason: decision.reason.map(Into::into),
            arguments: call.arguments.unwrap_or("{}").into(),
            beside: Some(beside).filter(|beside| beside != "{}").map(Into::into),
            preview: unapproved.preview.as_ref().and_then(|(_, seen)| seen.as_ref()).map(|seen| seen.text.clone()),
            put_back: Some(self.put_back.places(&unapproved.request.key).join(", "))
                .filter(|places| !places.is_empty())
                .map(Into::into),
            origins: Some(origins).filter(|origins| !origins.is_empty()).map(Into::into),
            changes: self.describe_changes(&call.name, *item).map(Into::into),
            again: unapproved.preview.as_ref().map_or(Again::No, |(preview, _)| preview.again()),
            scope: asking.scope.unwrap_or_default(),
            // A client without a name has no next session.
            lives: asking.lives.filter(|_| client.is_some()).unwrap_or_default(),
            line: Digest::START,
            covers,
            follows: None,
            timeout: asking.timeout.unwrap_or(self.approvals.options.timeout),
            local: if local { Local::Asked } else { Local::Not },
        }
    }

    /// Builds the client's dialogue and the line that opens it.
    ///
    /// # Errors
    /// Returns an error if the client cannot be asked: why, as the end of a sentence, unless it is plain.
    fn build_dialogue(
        &self,
        unapproved: &UnapprovedCall<'_>,
        question: &Question,
    ) -> Result<(Dialogue, Vec<u8>), Option<String>> {
        let UnapprovedCall { request, call, item, .. } = unapproved;
        let options = &self.approvals.options;
        // Only a call can be answered with a question.
        let kind =
            self.approvals.find_dialogue_kind(call).filter(|kind| *kind == DialogueKind::Request || item.is_none());
        let Some(kind) = kind.filter(|_| options.channels.contains(&Channel::Client)) else { return Err(None) };
        if kind == DialogueKind::Round && options.rounds == RoundApproval::Never {
            return Err(Some("`local_confirm = \"code\"` lets no client without a session answer".to_owned()));
        }
        let ClientHabits { asks, lines: shown, note, .. } = self.client_habits();
        if asks == Asks::Nobody {
            let client = self.recorder.client().map_or_else(String::new, |client| escape_invisible(client.name()));
            return Err(Some(format!("the client {client} is known to answer without asking")));
        }
        let server = self.policy.server().as_str();
        let choices = match kind {
            DialogueKind::Request => DialogueChoice::OF_REQUEST,
            DialogueKind::Round => DialogueChoice::OF_ROUND,
        };
        let Some(params) = approvals::build_params(question, server, (choices, note)) else {
            return Err(Some("the arguments are too long to be read in the client's dialogue".to_owned()));
        };
        let message = params.get("message").and_then(Value::as_str).unwrap_or_default();
        let lines = approvals::count_lines(message, DIALOGUE_WIDTH);
        if let Some(shown) = shown.filter(|shown| lines > *shown) {
            return Err(Some(format!("the client shows {shown} lines of a question, and this one takes {lines}")));
        }
        Ok(match kind {
            DialogueKind::Round => {
                let state = self.approvals.seal_state(question.number, &question.covers);
                let line = approvals::build_input_required(request.id, &state, params);
                (Dialogue::Round(state), line)
            }
            DialogueKind::Request => {
                let id = self.approvals.seal_question("id", question.number, &question.covers);
                let line = approvals::build_request(&id, &params);
                (Dialogue::Request(id), line)
            }
        })
    }

    /// Returns what an approval of a call covers, as [`cover_call`](Self::cover_call). Where it differs from the lock, an approval is for what the
    /// server has listed by now: another change is another question.
    pub(super) fn cover_request(
        &self,
        call: &CallParams<'_>,
        item: Option<Item<'_>>,
        params: Option<&str>,
    ) -> (Covered, String) {
        let (covered, beside) = self.cover_call(call, item, params);
        let (drift, kind, name) = self.find_subject_drift(&call.name, item);
        let listed = || self.tools.lock.digest_listed(kind, name);
        let covered = drift.map_or(covered, |_| covered.with_definitions(listed()));
        (covered, beside)
    }

    fn client_habits(&self) -> ClientHabits {
        let (name, version) = self.client_claim();
        self.approvals.options.clients.find_habits(name, version)
    }

    /// Returns the client's name and version, as it claims.
    fn client_claim(&self) -> (&str, Option<&str>) {
        self.recorder.client().map_or(("", None), |client| (client.name(), Some(client.version())))
    }

    /// Returns how long a call may wait: it is answered before its client gives up.
    pub(super) fn client_patience(&self) -> Duration {
        self.client_habits().answer_time()
    }

    /// Returns what an approval of a call covers, and what is sent beside the arguments. The server's state is bound as well, and
    /// not shown: nobody can read it.
    fn cover_call(&self, call: &CallParams<'_>, item: Option<Item<'_>>, params: Option<&str>) -> (Covered, String) {
        let params = params.unwrap_or("{}");
        let (name, version) = self.client_claim();
        let ids = self.approvals.options.clients.find_ids(name, version);
        let beside = match item.map(|item| item.section) {
            None | Some(Section::Prompts) => {
                approvals::members_sent_beside(params, &["name", "arguments", "requestState"], ids)
            }
            Some(Section::Resources) => approvals::members_sent_beside(params, &["uri", "requestState"], ids),
            // Its arguments are all that it has.
            Some(Section::Methods | Section::Requests) => "{}".to_owned(),
        };
        let name = RequestSubject::new(&call.name, item);
        let covered = Covered::new(&name.grant_name(), call.arguments.unwrap_or("{}"), (&beside, call.request_state()));
        (covered, beside)
    }
}
