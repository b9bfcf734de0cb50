//! What the server says otherwise than its lock: said once, and, for the instructions, taken out.

use super::action::Turn;
use super::list_filter::{apply_edits, splice_line};
use super::list_listeners::Listeners;
use super::preparations::{Listing, Need, Preparation};
use super::{ClientRequest, Engine};
use crate::policy::{Drift, Effect, LOCK_RULE, ToolRef};
use crate::record::{Direction, Enforcement, Facts, Outcome};
use crate::wire::fault::Fault;
use crate::wire::message::CallParams;
use crate::wire::strict::StrictDepth;
use crate::wire::view;

/// Why the list of tools has to be known before a call is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListReason {
    /// Nobody is asked about a tool that the server does not have.
    Approval,
    /// It is held against the lock.
    Lock,
}

impl Engine {
    /// Says which listed items differ from the lock, each once.
    pub(super) fn announce_drift(&mut self, turn: &mut Turn<'_>) {
        if let Some(items) = self.tools.lock.describe_unsaid() {
            let (consequence, outcome) = match self.drift_effect() {
                Effect::Hide | Effect::Deny => ("they are hidden, and refused", Outcome::Refused),
                Effect::RequireApproval => ("a person is asked about each use of them", Outcome::Ok),
                Effect::Allow => ("they are passed on", Outcome::Ok),
            };
            let what = format!("the server has what is not as its lock says, so {consequence}: {items}");
            self.say_drift(&what, outcome, turn);
        }
    }

    /// Takes instructions that nobody has agreed to out of the answer to `initialize` or `server/discover`, and applies
    /// `declare` to what is left.
    ///
    /// # Errors
    /// Returns an error if parsers could read the instructions differently.
    pub(super) fn edit_greeting(
        &mut self,
        line: &[u8],
        result: &str,
        declare: impl FnOnce(&mut Listeners, &str) -> Option<String>,
        turn: &mut Turn<'_>,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let without = self.take_out_instructions(line, result, turn)?;
        let declared = declare(&mut self.listeners, without.as_deref().unwrap_or(result));
        Ok(declared.or(without).map(|new| splice_line(line, result, &new)))
    }

    /// Begins to read the list of tools if only that tells how a called tool differs from the lock, and nothing else refuses the
    /// call. Under a lock, no tool is called under a definition that was not looked at.
    pub(super) fn begin_lock_comparison(
        &mut self,
        request: &ClientRequest<'_>,
        call: &CallParams<'_>,
        known: &Preparation,
        turn: &mut Turn<'_>,
    ) -> Need {
        let is_unread = self.enforcement == Enforcement::Enforced
            && known.listing == Listing::NotAsked
            && self.tools.lock.waits_for_list(&call.name)
            && !self.policy.decide_tool(ToolRef { drift: None, ..self.tools.find_tool(&call.name) }).refuses();
        if !is_unread {
            return Need::Nothing;
        }
        if !self.approvals.can_hold(request.line.len(), self.preparations.held()) {
            return Need::Room;
        }
        self.wait_for_list((ListReason::Lock, None), request, known, turn);
        Need::Begun
    }

    fn take_out_instructions(
        &mut self,
        line: &[u8],
        result: &str,
        turn: &mut Turn<'_>,
    ) -> Result<Option<String>, Fault> {
        let Some(locked) = self.policy.locked() else { return Ok(None) };
        self.reader.read_line(line, StrictDepth::LIST)?;
        let mut found = None;
        for member in view::members(result) {
            if member.protocol_key(&["instructions"])?.is_some() {
                found = Some(member);
            }
        }
        let Some(member) = found.filter(|member| !locked.has_instructions(member.value)) else { return Ok(None) };
        let is_taken_out = self.drift_effect() != Effect::Allow;
        let (consequence, outcome) =
            if is_taken_out { ("they are taken out", Outcome::Refused) } else { ("they are passed on", Outcome::Ok) };
        let what = format!("the server's instructions are not those in its lock, so {consequence}");
        self.say_drift(&what, outcome, turn);
        Ok(is_taken_out.then(|| without_member(result, &member)))
    }

    /// Returns how a called tool differs from the lock, as far as that counts in this session, and says so where it passes all the
    /// same.
    pub(super) fn heed_called_drift(&mut self, tool: ToolRef<'_>, turn: &mut Turn<'_>) -> Option<Drift> {
        // Who only observes asks the server for no list, so it cannot be known whether the tool is on it.
        let drift =
            tool.drift.filter(|drift| *drift != Drift::Unlisted || self.enforcement == Enforcement::Enforced)?;
        if self.policy.lock_mode().effect() == Effect::Allow {
            self.tools.lock.say_called(tool.name, drift);
            self.announce_drift(turn);
        }
        Some(drift)
    }

    /// What becomes of what differs from the lock in this session.
    fn drift_effect(&self) -> Effect {
        match self.enforcement {
            Enforcement::Enforced => self.policy.lock_mode().effect(),
            Enforcement::Observed => Effect::Allow,
        }
    }

    fn say_drift(&mut self, what: &str, outcome: Outcome, turn: &mut Turn<'_>) {
        let why = format!("{what}. `policylayer lock diff --server {}` shows what changed", self.policy.server());
        let effect = self.policy.lock_mode().effect();
        let facts = Facts {
            effect,
            reason: Some(&why),
            enforcement: if effect == Effect::Allow { Enforcement::Enforced } else { self.enforcement },
            ..Facts::new(Direction::Server, None, LOCK_RULE)
        };
        turn.record_outcome(self.recorder.draft_decision(&facts, turn), outcome);
        turn.push_note(why);
    }
}

/// Returns an object without one of its members, and with every other byte as it was.
fn without_member(object: &str, member: &view::Member<'_>) -> String {
    let key = view::range_of(object.as_bytes(), member.written_key());
    let (before, after) =
        (object.get(..key.start).unwrap_or_default(), object.get(member.range.end..).unwrap_or_default());
    let rest = after.trim_ascii_start();
    let range = match rest.strip_prefix(',') {
        Some(rest) => key.start..object.len() - rest.len(),
        // The last member goes with the comma before it.
        None => before.trim_ascii_end().strip_suffix(',').map_or(key.start, str::len)..member.range.end,
    };
    apply_edits(object, &[(range, String::new())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_member_is_taken_out() {
        for (object, rest) in [
            (r#"{"i":1}"#, "{}"),
            (r#"{ "i" : "a,\"b" , "x":1e999 }"#, r#"{  "x":1e999 }"#),
            (r#"{"x":[1,2] , "i":{"y":","} }"#, r#"{"x":[1,2]  }"#),
            (r#"{"x":1,"i":null,"z":2}"#, r#"{"x":1,"z":2}"#),
        ] {
            let member = view::members(object).find(|member| member.key().as_deref() == Some("i")).unwrap();
            assert_eq!(without_member(object, &member), rest);
        }
    }
}
