//! Writes down what the engine decides, for the audit log.

use super::action::Action;
use super::now::Now;
use crate::policy::Effect;
use crate::record::{Client, Direction, Draft, Enforcement, Facts, Keyed, Moment, Outcome, PROTOCOL_RULE};
use crate::wire::message::Answer;
use crate::wire::view;

/// Numbers decisions and puts them into the words of the log, where one is kept.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    keyed: Option<Keyed>,
    client: Option<Client>,
    decided: u64,
}

impl Recorder {
    /// Keeps a log.
    pub(super) fn new(keyed: Keyed) -> Self {
        Self { keyed: Some(keyed), ..Self::default() }
    }

    /// What the client says it is, in `initialize` or with a request of its own (2026-07-28). The first word counts.
    pub(super) fn introduced<'l>(&mut self, info: impl FnOnce() -> Option<&'l str>) {
        // Looked for only until it is known: every call could bring it.
        let (None, Some(_)) = (&self.client, &self.keyed) else { return };
        let Some(info) = info() else { return };
        let text = |name| {
            let member = view::members(info).find(|member| member.key().as_deref() == Some(name));
            member.and_then(|member| view::string(member.value)).unwrap_or_default()
        };
        self.client = Some(Client::new(&text("name"), &text("version")));
    }

    /// A decision whose outcome is to come; `None` where no log is kept.
    pub(super) fn decided(&mut self, facts: &Facts<'_>, now: Now) -> Option<Draft> {
        let keyed = self.keyed.as_mut()?;
        self.decided += 1;
        let made = Moment { number: self.decided, unix: now.unix, session: now.session };
        Some(Draft::new(facts, self.client.as_ref(), keyed, made))
    }

    /// A message that the policy refuses.
    pub(super) fn refused(&mut self, facts: &Facts<'_>, now: Now, actions: &mut Vec<Action>) {
        finish(self.decided(facts, now), Outcome::Refused, now, actions);
    }

    /// A message that breaks the protocol, and goes nowhere.
    pub(super) fn unacceptable(
        &mut self,
        direction: Direction,
        (method, tool): (Option<&str>, Option<&str>),
        why: &str,
        now: Now,
        actions: &mut Vec<Action>,
    ) {
        let facts = Facts {
            direction,
            method,
            tool,
            class: None,
            effect: Effect::Deny,
            rule: PROTOCOL_RULE,
            reason: Some(why),
            enforcement: Enforcement::Enforced,
            arguments: None,
        };
        self.refused(&facts, now, actions);
    }
}

/// A decision has its outcome.
pub(super) fn finish(draft: Option<Draft>, outcome: Outcome, now: Now, actions: &mut Vec<Action>) {
    if let Some(draft) = draft {
        actions.push(Action::Record(draft.finish(outcome, now.session)));
    }
}

/// What the answer to a call says became of it.
pub(super) fn outcome_of(answer: Answer<'_>) -> Outcome {
    match answer {
        Answer::Error(_) => Outcome::Error,
        Answer::Result(result) if is_error(result) => Outcome::ToolError,
        Answer::Result(_) => Outcome::Ok,
    }
}

/// Whether the result of a call says that the tool failed.
pub(super) fn is_error(result: &str) -> bool {
    // Most results are long and say nothing of it, and then there is no need to walk through them.
    let may_say = |word: &str| memchr::memmem::find(result.as_bytes(), word.as_bytes()).is_some();
    (may_say("isError") || may_say("\\u"))
        && view::members(result).any(|member| member.value == "true" && member.key().as_deref() == Some("isError"))
}
