//! What the server says otherwise than its lock: said once, and, for the instructions, taken out.

use super::action::Turn;
use super::list_filter::{ListKind, apply_edits, splice_line};
use super::list_listeners::Listeners;
use super::preparations::{Listing, Need, Preparation};
use super::refusal::{Refused, Remedy};
use super::resource_index::is_app;
use super::{ClientRequest, Engine};
use crate::limits::{MAX_ASKED_CHANGES, MAX_ASKED_TEXT, OWN_REQUEST};
use crate::lock::{Change, ChangeKind, ItemKind};
use crate::policy::{Drift, Effect, Item, LOCK_RULE, Section};
use crate::record::{Direction, Enforcement, Facts, Outcome};
use crate::visible::{escape_invisible, shorten};
use crate::wire::fault::Fault;
use crate::wire::strict::StrictDepth;
use crate::wire::view;

/// Why a list has to be known before a request is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListReason {
    /// Nobody is asked about a tool that the server does not have.
    Approval,
    /// It is held against the lock.
    Lock,
    /// It tells the tool's class.
    Class,
}

impl Engine {
    /// Says what an answer has shown of the server.
    #[inline]
    pub(super) fn finish_answer(&mut self, turn: &mut Turn<'_>) {
        if self.tools.lock.has_unsaid() {
            self.announce_drift(turn);
        }
        self.resources.describe_dropped().into_iter().for_each(|note| turn.push_note(note.to_owned()));
    }

    /// Says which listed items differ from the lock, each once.
    pub(super) fn announce_drift(&mut self, turn: &mut Turn<'_>) {
        if let Some((items, counts)) = self.tools.lock.describe_unsaid() {
            let (consequence, outcome) = match self.drift_effect() {
                Effect::Hide | Effect::Deny => ("they are hidden, and refused", Outcome::Refused),
                Effect::RequireApproval => ("a person is asked about each use of them", Outcome::Ok),
                Effect::Allow => ("they are passed on", Outcome::Ok),
            };
            let what = format!("the server has what is not as its lock says, so {consequence}");
            // Clients show log messages to whom they like: what is hidden is not named there.
            self.say_drift((&format!("{what}: {items}"), &format!("{what}: {counts}")), outcome, turn);
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

    /// Begins to read the list that tells how what a request uses differs from the lock, if nothing else tells, and `refuses` says
    /// that nothing else refuses the request. Under a lock, nothing is used under a definition that was not looked at.
    pub(super) fn begin_lock_comparison(
        &mut self,
        request: &ClientRequest<'_>,
        (kind, name): (ItemKind, &str),
        known: &Preparation,
        refuses: impl FnOnce(&Self) -> bool,
        turn: &mut Turn<'_>,
    ) -> Need {
        let is_unread = self.enforcement == Enforcement::Enforced
            && known.listing == Listing::NotAsked
            && self.tools.lock.waits_for_list(kind, name)
            && !refuses(self);
        if !is_unread {
            return Need::Nothing;
        }
        if !self.approvals.can_hold(request.line.len(), self.preparations.held()) {
            return Need::Room;
        }
        self.wait_for_list((ListKind::of_kind(kind), ListReason::Lock, None), request, known, turn);
        Need::Begun
    }

    /// As [`begin_lock_comparison`](Self::begin_lock_comparison), for a prompt, a template or a resource.
    pub(super) fn begin_item_comparison(
        &mut self,
        request: &ClientRequest<'_>,
        (section, name): (Section, &str),
        known: &Preparation,
        turn: &mut Turn<'_>,
    ) -> Need {
        if let Some(kind) = self.locked_kind(section, name) {
            let refuses = |engine: &Self| {
                let item = engine.find_item(&engine.policy, section, name);
                engine.policy.decide_item(Item { drift: None, ..item }).refuses()
            };
            return self.begin_lock_comparison(request, (kind, name), known, refuses, turn);
        }
        // What is no app itself may fit a template that is as the lock says.
        let template = match section {
            Section::Resources if self.tools.lock.is_in_force() => {
                self.resources.find_unread_template(name, &self.policy, &self.tools)
            }
            _ => None,
        };
        match template.map(str::to_owned) {
            Some(template) => {
                self.begin_lock_comparison(request, (ItemKind::Template, &template), known, |_| false, turn)
            }
            None => Need::Nothing,
        }
    }

    /// Returns what a lock holds an item as; `None` if it holds none of its kind.
    pub(super) fn locked_kind(&self, section: Section, name: &str) -> Option<ItemKind> {
        match section {
            Section::Prompts => Some(ItemKind::Prompt),
            Section::Resources if self.tools.lock.is_in_force() && is_app(name) => Some(ItemKind::App),
            Section::Resources | Section::Requests | Section::Methods => None,
        }
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
        self.say_drift((&what, &what), outcome, turn);
        Ok(is_taken_out.then(|| without_member(result, &member)))
    }

    /// Returns how something that is used differs from the lock, as far as that counts in this session, and says so where it
    /// passes all the same.
    pub(super) fn heed_drift(
        &mut self,
        (kind, name): (ItemKind, &str),
        drift: Option<Drift>,
        turn: &mut Turn<'_>,
    ) -> Option<Drift> {
        // Who only observes asks the server for no list, so it cannot be known what is on it.
        let needs_list = |drift: &Drift| matches!(drift, Drift::Unlisted | Drift::Unread);
        let drift = drift.filter(|drift| !needs_list(drift) || self.enforcement == Enforcement::Enforced)?;
        if self.policy.lock_mode().effect() == Effect::Allow {
            self.tools.lock.say_used(kind, name, drift);
            self.announce_drift(turn);
        }
        Some(drift)
    }

    /// As [`heed_drift`](Self::heed_drift), for a prompt or a resource.
    pub(super) fn heed_item_drift(&mut self, item: Item<'_>, turn: &mut Turn<'_>) -> Option<Drift> {
        let kind = self.locked_kind(item.section, item.name)?;
        self.heed_drift((kind, item.name), item.drift, turn)
    }

    /// Returns what changed since the lock of what a person is asked about, in lines; `None` if that is not known.
    pub(super) fn describe_changes(&self, tool: &str, item: Option<Item<'_>>) -> Option<String> {
        let (_, kind, name) = self.find_subject_drift(tool, item);
        let class = (kind == ItemKind::Tool).then(|| self.policy.class_of(self.tools.find_tool(name)));
        let changes = self.tools.lock.find_changes(kind, name, class).filter(|changes| !changes.is_empty())?;
        let mut lines = vec!["riskiest first, with the server's own words:".to_owned()];
        lines.extend(changes.iter().take(MAX_ASKED_CHANGES).map(describe_change));
        if let Some(more @ 1..) = changes.len().checked_sub(MAX_ASKED_CHANGES) {
            let server = self.policy.server();
            lines.push(format!("and {more} more: `policylayer lock diff --server {server}`"));
        }
        Some(lines.join("\n"))
    }

    /// Returns what a lock holds that a request is about, and how it differs.
    pub(super) fn find_subject_drift<'i>(
        &self,
        tool: &'i str,
        item: Option<Item<'i>>,
    ) -> (Option<Drift>, ItemKind, &'i str) {
        match item {
            None => (self.tools.lock.find_used_drift(ItemKind::Tool, tool), ItemKind::Tool, tool),
            Some(Item { section: Section::Prompts, drift, name, .. }) => (drift, ItemKind::Prompt, name),
            Some(Item { drift, name, .. }) => (drift, ItemKind::App, name),
        }
    }

    /// What becomes of what differs from the lock in this session.
    pub(super) fn drift_effect(&self) -> Effect {
        match self.enforcement {
            Enforcement::Enforced => self.policy.lock_mode().effect(),
            Enforcement::Observed => Effect::Allow,
        }
    }

    /// Says it on stderr and in the log, and to the client in other words.
    fn say_drift(&mut self, (what, to_client): (&str, &str), outcome: Outcome, turn: &mut Turn<'_>) {
        let server = self.policy.server();
        let look = format!("`policylayer lock diff --server {server}` shows what changed");
        let why = format!("{what}. {look}");
        let to_client = format!("{to_client}. {look}, and `policylayer lock accept --server {server}` agrees to it.");
        self.client_log.warn(&to_client).into_iter().for_each(|line| turn.send_to_client(line));
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

/// Says what to do about a refusal: a list that has not come may come yet.
pub(super) fn advise_unread(refused: Refused<'_>, drift: Option<Drift>) -> Refused<'_> {
    let is_unread = drift == Some(Drift::Unread) && refused.decision.rule == LOCK_RULE;
    if is_unread { Refused { remedy: Remedy::Wait(OWN_REQUEST), ..refused } } else { refused }
}

/// `high: + argument `sidenote`: free text, now: …`, on one line.
fn describe_change(change: &Change) -> String {
    let Change { risk, sentence, after, kind, .. } = change;
    // It may name a key or values of any length.
    let sentence = shorten(sentence, 2 * MAX_ASKED_TEXT);
    let description =
        |definition: &str| view::find_member(definition, "description").and_then(view::decode_lossy).map(Into::into);
    let new = match (kind, after) {
        (ChangeKind::Added, Some(definition)) => description(definition),
        (_, new) => new.clone(),
    };
    let new = new
        .map(|text| escape_invisible(&shorten(&text.split_whitespace().collect::<Vec<_>>().join(" "), MAX_ASKED_TEXT)));
    let new = new.filter(|text| !text.is_empty()).map(|text| format!(", now: {text}")).unwrap_or_default();
    format!("{}: {sentence}{new}", risk.as_str())
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
