//! Turns the engine's decisions into records of the audit log.

use std::sync::{Arc, LazyLock};

use memchr::memmem::Finder;

use super::Engine;
use super::action::{Action, Now, Turn};
use crate::limits::MAX_SPENT_RECORDS;
use crate::policy::{Decision, Effect};
use crate::record::{
    ArgumentRecorder, Client, Digest, Direction, Draft, Facts, LogEntry, Moment, Outcome, PROTOCOL_RULE, RELOAD_RULE,
    Under,
};
use crate::wire::message::Answer;
use crate::wire::strict::KeyMarks;
use crate::wire::view;

#[derive(Debug, Default)]
pub(super) struct Recorder {
    keyed: Option<ArgumentRecorder>,
    client: Option<Client>,
    decided: u64,
    /// What is in force.
    under: Arc<Under>,
    /// Records that are written. Their memory is used again.
    spent: Vec<LogEntry>,
}

impl Recorder {
    pub(super) fn new(keyed: ArgumentRecorder) -> Self {
        Self { keyed: Some(keyed), ..Self::default() }
    }

    /// Remembers what the client says it is, in `initialize` or with a request (2026-07-28). The first answer counts.
    pub(super) fn record_client<'l>(&mut self, info: impl FnOnce() -> Option<&'l str>) {
        // Every call could bring it, so it is looked up only until it is known.
        if self.client.is_some() {
            return;
        }
        let Some(info) = info() else { return };
        let text = |name| view::find_member(info, name).and_then(view::decode_string).unwrap_or_default();
        self.client = Some(Client::new(&text("name"), &text("version")));
    }

    /// Returns what the client says it is.
    pub(super) fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    /// Records a decision whose outcome is not known yet; `None` if no log is kept.
    pub(super) fn draft_decision(&mut self, facts: &Facts<'_>, turn: &Turn<'_>) -> Option<Draft> {
        let keyed = self.keyed.as_ref()?;
        self.decided += 1;
        let made = Moment { number: self.decided, unix: turn.now.unix, session: turn.now.session };
        let mut draft = Draft::new(facts, self.client.as_ref(), keyed, made);
        draft.set_under(Arc::clone(&self.under));
        Some(draft)
    }

    /// Records a call again as it is recorded with other arguments. By itself, so that what a record costs is counted as such.
    #[inline(never)]
    pub(super) fn draft_again(&mut self, before: &mut Draft, arguments: &str, turn: &Turn<'_>) -> Draft {
        self.decided += 1;
        let made = Moment { number: self.decided, unix: turn.now.unix, session: turn.now.session };
        before.again(arguments, self.client.as_ref(), (made, &self.under), self.spent.pop())
    }

    /// Drafts the record of a person's answer to the question about a call that was answered before.
    pub(super) fn draft_late_answer(&mut self, asked: &Draft, turn: &Turn<'_>) -> Draft {
        self.decided += 1;
        asked.for_late_answer(Moment { number: self.decided, unix: turn.now.unix, session: turn.now.session })
    }

    /// Returns the record of a call under the decision that has overtaken it, and its policy.
    pub(super) fn redraft_decision(&self, asked: Draft, decision: Decision<'_>, reason: &str) -> Draft {
        let mut draft = asked.with_decision(decision.effect, decision.rule, Some(reason));
        draft.set_under(Arc::clone(&self.under));
        draft
    }

    /// Returns what is in force.
    pub(super) fn under(&self) -> Under {
        *self.under
    }

    pub(super) fn record_refusal(&mut self, facts: &Facts<'_>, turn: &mut Turn<'_>) {
        turn.record_outcome(self.draft_decision(facts, turn), Outcome::Refused);
    }

    /// Records a message that breaks the protocol and is not passed on.
    pub(super) fn record_unacceptable(&mut self, message: &Facts<'_>, why: &str, turn: &mut Turn<'_>) {
        let facts = Facts { effect: Effect::Deny, rule: PROTOCOL_RULE, reason: Some(why), ..*message };
        self.record_refusal(&facts, turn);
    }
}

impl Engine {
    /// Whether something was decided that is recorded, now or when it is answered.
    pub fn has_decided(&self) -> bool {
        self.recorder.decided > 0
    }

    /// Takes records that were written, whose memory is used again for others.
    pub fn reuse_records(&mut self, spent: &mut Vec<LogEntry>) {
        spent.truncate(MAX_SPENT_RECORDS.saturating_sub(self.recorder.spent.len()));
        self.recorder.spent.append(spent);
    }

    /// Names the policy in force in the records, by the digest of its text. Call this with [`Engine::with_recording`].
    pub fn name_policy(&mut self, digest: Digest) {
        Arc::make_mut(&mut self.recorder.under).policy = Some(digest);
    }

    /// Names the lock in force in the records, by the digest of its file. Call this with [`Engine::name_policy`].
    pub fn name_lock(&mut self, digest: Option<Digest>) {
        Arc::make_mut(&mut self.recorder.under).lock = digest;
    }

    /// Records that another policy or lock is in force, and names them in the records from here on; the policy has no digest if
    /// it is the built-in one. Call this with each [`Engine::replace_policy`].
    pub fn record_reload(&mut self, policy: Option<Digest>, lock: Option<Digest>, now: Now, actions: &mut Vec<Action>) {
        let turn = &mut Turn::new(now, actions);
        let before = self.recorder.under();
        self.recorder.under = Arc::new(Under { policy: policy.or(before.policy), lock });
        let relocked = lock.filter(|lock| Some(*lock) != before.lock && self.recorder.under.policy == before.policy);
        let relocked = relocked.map(|lock| format!("A new lock is in force: sha256:{lock}."));
        let reason = Some(relocked.as_deref().unwrap_or("A new policy is in force."));
        let facts = Facts { reason, ..Facts::new(Direction::Wrapper, None, RELOAD_RULE) };
        turn.record_outcome(self.recorder.draft_decision(&facts, turn), Outcome::Ok);
    }
}

/// Returns what became of a request, by its answer, which can have keys of these lengths.
#[inline]
pub(super) fn outcome_of_answer(answer: Answer<'_>, keys: KeyMarks) -> Outcome {
    match answer {
        Answer::Error(_) => Outcome::Error,
        Answer::Result(result) if keys.may_have("isError") && is_error_result(result) => Outcome::ToolError,
        Answer::Result(_) => Outcome::Ok,
    }
}

static IS_ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("isError"));
static ESCAPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\\u"));

fn is_error_result(result: &str) -> bool {
    // Most results are long and lack the key, so their members need not be walked.
    (IS_ERROR.find(result.as_bytes()).is_some() || ESCAPE.find(result.as_bytes()).is_some())
        && view::members(result).any(|member| member.value == "true" && member.key().as_deref() == Some("isError"))
}
