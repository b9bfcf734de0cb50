//! A decision on its way to the log: what is known of it is kept as the members of its line, and the rest is added when the
//! line is written, on the log's thread.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::arguments::{ArgumentRecorder, SentArguments};
use super::chain::Digest;
use super::facts::{Client, Direction, Enforcement, Facts, Outcome, Subject};
use super::read::Event;
use super::short_digests::TOGETHER;
use super::text::{
    WrittenSecond, write_json, write_member, write_milliseconds, write_name, write_number, write_text,
    write_time_member,
};
use super::traceparent::parse_traceparent;
use super::{Approval, GOES_ON, Moment, OWN_ENTRY, RELOAD_RULE, ResultRecord, Under, VERSION};
use crate::limits::{MAX_KEPT_ARGUMENTS, MAX_LOGGED_NAME};
use crate::policy::Effect;
use crate::wire::method::TOOLS_CALL;
use crate::wire::text::is_plain_ascii;

/// A decision whose outcome is still open. It is handed from place to place, so it is small.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a decision that is dropped is missing from the log"]
pub struct Draft {
    decided: Box<Decided>,
    /// How much is kept elsewhere, in bytes. What is added later does not count: it weighs the same when it is taken out of what is
    /// open. It is here since what is kept is not at hand for the processor of the thread that asks.
    length: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Decided {
    /// What calls of one tool share, so that one count tells how many have it.
    pattern: Arc<Pattern>,
    arguments: Option<Kept>,
    made: Moment,
    /// When the message was passed on, since the session began.
    passed_on: Duration,
    /// What few lines have.
    rare: Option<Box<Rare>>,
}

/// What all calls of a tool have in common, of one client and as long as the same is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    /// The members that say what the message is and what was decided, as JSON, each after a comma.
    members: Box<[u8]>,
    /// Where the effect, the rule and the reason are among them.
    decision: Range<u32>,
    recorder: ArgumentRecorder,
    client: Option<Client>,
    direction: Direction,
    /// What it was decided under.
    under: Arc<Under>,
    /// Whether the line names the policy even if the session's line before names the same one.
    always_names_policy: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rare {
    /// Another decision about the same message, in the place of the first one.
    redecided: Option<Box<[u8]>>,
    inputs: Option<Kept>,
    approval: Option<Approval>,
    /// What was done to the result; empty if nothing was.
    result: ResultRecord,
}

/// Arguments, until the line is written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kept {
    /// As they came.
    AsSent(SentArguments),
    /// As the line has them.
    Written(Arc<[u8]>),
}

impl Kept {
    /// Keeps arguments for the line. Short ones are left to the log's thread.
    fn new(arguments: &str, recorder: &ArgumentRecorder) -> Self {
        if arguments.len() <= MAX_KEPT_ARGUMENTS {
            return Self::AsSent(arguments.into());
        }
        let mut written = Vec::new();
        recorder.write_arguments(arguments, &mut written);
        Self::Written(written.into())
    }

    fn len(&self) -> usize {
        match self {
            Self::AsSent(sent) => sent.len(),
            Self::Written(written) => written.len(),
        }
    }
}

impl Draft {
    fn from_decided(decided: Decided) -> Self {
        Self { length: decided.len(), decided: Box::new(decided) }
    }

    /// Creates the draft of a decision.
    pub fn new(facts: &Facts<'_>, client: Option<&Client>, keyed: &ArgumentRecorder, made: Moment) -> Self {
        let mut text = Vec::with_capacity(192);
        write_subject(facts, &mut text);
        if let Some(class) = facts.class {
            write_member("class", Some(class.as_str()), &mut text);
        }
        // No line is so long that it does not fit.
        let here = |text: &[u8]| u32::try_from(text.len()).unwrap_or(u32::MAX);
        let start = here(&text);
        let rule = Some(facts.rule).filter(|rule| !is_own_entry(rule, facts.subject));
        write_decision(facts.effect, rule, facts.reason, &mut text);
        let decision = start..here(&text);
        if facts.enforcement == Enforcement::Observed {
            text.extend_from_slice(b",\"observed\":true");
        }
        if let Some(traceparent) = facts.traceparent.and_then(parse_traceparent) {
            write_member("traceparent", Some(traceparent), &mut text);
        }
        let inputs = facts.inputs.map(|inputs| Kept::new(inputs, keyed));
        let pattern = Pattern {
            members: text.into(),
            decision,
            recorder: keyed.clone(),
            client: client.cloned(),
            direction: facts.direction,
            under: Arc::default(),
            always_names_policy: facts.rule == RELOAD_RULE,
        };
        Self::from_decided(Decided {
            pattern: Arc::new(pattern),
            arguments: facts.arguments.map(|arguments| Kept::new(arguments, keyed)),
            made,
            passed_on: made.session,
            rare: inputs.map(|inputs| Box::new(Rare { inputs: Some(inputs), ..Rare::default() })),
        })
    }

    /// Returns the draft without what is a call's own.
    pub(crate) fn without_arguments(&self) -> Self {
        let Decided { pattern, made, passed_on, .. } = &*self.decided;
        let (pattern, made, passed_on) = (Arc::clone(pattern), *made, *passed_on);
        Self::from_decided(Decided { pattern, arguments: None, made, passed_on, rare: None })
    }

    /// Returns the draft of a call like this one, with other arguments, of this client and made under what is in force now. This one is
    /// of the same from then on. It is made in the place of one that is spent, if there is one.
    pub(crate) fn again(
        &mut self,
        arguments: &str,
        client: Option<&Client>,
        (made, under): (Moment, &Arc<Under>),
        spent: Option<LogEntry>,
    ) -> Self {
        let pattern = &mut self.decided.pattern;
        if !Arc::ptr_eq(&pattern.under, under) || pattern.client.as_ref() != client {
            let changed = Arc::make_mut(pattern);
            (changed.under, changed.client) = (Arc::clone(under), client.cloned());
        }
        let arguments = Some(Kept::new(arguments, &pattern.recorder));
        let Some(LogEntry { draft: Self { decided: mut place, .. }, .. }) = spent else {
            let pattern = Arc::clone(pattern);
            return Self::from_decided(Decided { pattern, arguments, made, passed_on: made.session, rare: None });
        };
        let Decided { pattern: of, arguments: kept, made: when, passed_on, rare } = &mut *place;
        if !Arc::ptr_eq(of, pattern) {
            *of = Arc::clone(pattern);
        }
        (*kept, *when, *passed_on, *rare) = (arguments, made, made.session, None);
        let length = place.len();
        Self { decided: place, length }
    }

    /// Returns the draft of the record of a person's answer about this call, which came after the call was answered.
    pub fn for_late_answer(&self, made: Moment) -> Self {
        let mut draft = self.clone();
        Arc::make_mut(&mut draft.decided.pattern).direction = Direction::Wrapper;
        (draft.decided.made, draft.decided.passed_on) = (made, made.session);
        draft
    }

    /// Returns the draft with another decision about the same message.
    pub fn with_decision(mut self, effect: Effect, rule: &str, reason: Option<&str>) -> Self {
        let mut decided = Vec::new();
        write_decision(effect, Some(rule), reason, &mut decided);
        self.decided.rare().redecided = Some(decided.into());
        self
    }

    /// Returns when the decision was made.
    pub fn made_at(&self) -> Moment {
        self.decided.made
    }

    /// Returns its approximate size in memory, in bytes.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.length
    }

    /// Sets what it was decided under.
    pub fn set_under(&mut self, under: impl Into<Arc<Under>>) {
        Arc::make_mut(&mut self.decided.pattern).under = under.into();
    }

    /// Adds what a person was asked, and answered.
    pub fn set_approval(&mut self, approval: Approval) {
        self.decided.rare().approval = Some(approval);
    }

    /// Adds what was done to its result.
    pub fn add_result(&mut self, result: ResultRecord) {
        if !result.is_empty() {
            self.decided.rare().result.add(result);
        }
    }

    /// Sets when the message was passed on, if that was later than the decision: `session` after the session began.
    pub fn set_passed_on(&mut self, session: Duration) {
        self.decided.passed_on = session;
    }

    /// Completes the decision with its outcome, `session` after the session began. A message that was never passed on
    /// took no time.
    pub fn finish(self, outcome: Outcome, session: Duration) -> LogEntry {
        LogEntry { draft: self, outcome, ended: session }
    }
}

impl Decided {
    fn len(&self) -> usize {
        let Self { pattern, arguments, rare, .. } = self;
        let inputs = rare.as_ref().and_then(|rare| rare.inputs.as_ref()).map_or(0, Kept::len);
        size_of::<Self>()
            + size_of::<Pattern>()
            + pattern.members.len()
            + arguments.as_ref().map_or(0, Kept::len)
            + inputs
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Returns arguments whose digest can be made together with that of others.
    fn arguments_to_digest(&mut self, recorder: &ArgumentRecorder) -> Option<&mut SentArguments> {
        match &mut self.arguments {
            Some(Kept::AsSent(sent)) if self.pattern.recorder == *recorder => Some(sent),
            _ => None,
        }
    }

    fn write_arguments(&self, kept: &Kept, out: &mut Vec<u8>) {
        match kept {
            Kept::Written(written) => out.extend_from_slice(written),
            Kept::AsSent(sent) => self.pattern.recorder.write_sent(sent, out),
        }
    }
}

/// Writes what a message is, without what it is almost always: a call of a tool.
fn write_subject(facts: &Facts<'_>, out: &mut Vec<u8>) {
    match facts.method {
        Some(TOOLS_CALL) => {}
        Some(method) => write_name("method", method, out),
        None => write_member("method", None, out),
    }
    if let Some(subject) = facts.subject {
        write_name(subject.kind(), subject.name(), out);
    }
}

/// Whether a rule is the entry of the tool itself, by which nearly every call is decided: its name is in the line already. Of what is
/// written with escapes that is not looked at.
fn is_own_entry(rule: &str, subject: Option<Subject<'_>>) -> bool {
    let name =
        rule.strip_prefix(OWN_ENTRY).filter(|name| name.len() <= MAX_LOGGED_NAME && is_plain_ascii(name.as_bytes()));
    name.is_some_and(|name| subject == Some(Subject::Tool(name)))
}

/// Writes a decision, without what it is almost always: that the message passes, for no stated reason, by the tool's own entry.
fn write_decision(effect: Effect, rule: Option<&str>, reason: Option<&str>, out: &mut Vec<u8>) {
    if effect != Effect::Allow {
        write_member("effect", Some(effect.as_str()), out);
    }
    if rule.is_some() {
        write_member("rule", rule, out);
    }
    if reason.is_some() {
        write_member("reason", reason, out);
    }
}

/// A decision with its outcome, ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    draft: Draft,
    outcome: Outcome,
    /// When it was completed, since the session began.
    ended: Duration,
}

/// One run of the wrapper, as its lines name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionName {
    /// An identifier that no other session has.
    pub id: String,
    /// The server's name.
    pub server: String,
}

impl LogEntry {
    /// Returns the number of the decision in its session, from 1.
    pub fn call_number(&self) -> u64 {
        self.draft.decided.made.number
    }

    /// How long the answer took; `None` if the message was never passed on.
    fn took(&self) -> Option<Duration> {
        (self.outcome != Outcome::Refused).then(|| self.ended.saturating_sub(self.draft.decided.passed_on))
    }

    /// Returns its approximate size in memory, in bytes.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.draft.length
    }

    /// Whether others are of the same tool, so that a call of it may be made in its place once it is written. What it says of its
    /// own call is forgotten then.
    pub(crate) fn leaves_place(&mut self) -> bool {
        (self.draft.decided.arguments, self.draft.decided.rare) = (None, None);
        Arc::strong_count(&self.draft.decided.pattern) > 1
    }

    /// Returns what it was decided under.
    pub fn under(&self) -> Under {
        *self.draft.decided.pattern.under
    }

    /// Returns what the client says it is.
    pub(crate) fn client(&self) -> Option<&Client> {
        self.draft.decided.pattern.client.as_ref()
    }

    /// Appends the line by itself, newline included, that follows the line with the digest `previous`: as version 1 has it, with
    /// every member.
    pub fn write_line(&self, session: &SessionName, previous: Digest, out: &mut Vec<u8>) {
        self.write_complete(1, session, previous, Under::default(), out);
    }

    /// Appends the line that begins a block, and leaves out the policy and the lock if they are those that earlier lines of the
    /// session have `named`. A lock that is no longer in force is `null`.
    pub(crate) fn write_first_line(&self, session: &SessionName, previous: Digest, named: Under, out: &mut Vec<u8>) {
        self.write_complete(VERSION, session, previous, named, out);
    }

    /// Appends a line that goes on with a block: what is the same in all its lines stands in the first, and what is almost always
    /// the same is left out.
    pub(crate) fn write_next_line(&self, named: Under, last: &mut WrittenSecond, out: &mut Vec<u8>) {
        let draft = &*self.draft.decided;
        out.extend_from_slice(GOES_ON);
        write_number(draft.made.number, out);
        write_time_member(draft.made.unix, last, out);
        self.write_under(named, out);
        if draft.pattern.direction != Direction::Client {
            write_member("direction", Some(draft.pattern.direction.as_str()), out);
        }
        self.write_decided(out);
        let rare = draft.rare.as_deref();
        if let Some(arguments) = &draft.arguments {
            out.push(b',');
            draft.write_arguments(arguments, out);
        }
        if let Some(inputs) = rare.and_then(|rare| rare.inputs.as_ref()) {
            out.extend_from_slice(b",\"inputs\":{");
            draft.write_arguments(inputs, out);
            out.push(b'}');
        }
        if let Some(result) = rare.map(|rare| &rare.result).filter(|result| !result.is_empty()) {
            out.extend_from_slice(b",\"result\":");
            write_json(result, out);
        }
        if self.outcome != Outcome::Ok {
            write_member("outcome", Some(self.outcome.as_str()), out);
        }
        if let Some(took) = self.took() {
            out.extend_from_slice(b",\"ms\":");
            write_milliseconds(took, out);
        }
        if let Some(approval) = rare.and_then(|rare| rare.approval.as_ref()) {
            out.extend_from_slice(b",\"approval\":");
            write_json(approval, out);
        }
        out.extend_from_slice(b"}\n");
    }

    fn write_decided(&self, out: &mut Vec<u8>) {
        let Pattern { members, decision, .. } = &*self.draft.decided.pattern;
        match self.draft.decided.rare.as_ref().and_then(|rare| rare.redecided.as_ref()) {
            None => out.extend_from_slice(members),
            Some(decided) => {
                let (start, end) = (decision.start as usize, decision.end as usize);
                out.extend_from_slice(members.get(..start).unwrap_or_default());
                out.extend_from_slice(decided);
                out.extend_from_slice(members.get(end..).unwrap_or_default());
            }
        }
    }

    fn write_under(&self, named: Under, out: &mut Vec<u8>) {
        let Pattern { under, always_names_policy, .. } = &*self.draft.decided.pattern;
        let Under { policy, lock } = **under;
        let is_named = |policy: &Digest| !always_names_policy && Some(*policy) == named.policy;
        if let Some(policy) = policy.filter(|policy| !is_named(policy)) {
            out.extend_from_slice(b",\"policy\":");
            policy.write_json(out);
        }
        if lock != named.lock {
            out.extend_from_slice(b",\"lock\":");
            write_json(&lock, out);
        }
    }

    /// A line by itself is what a reader makes of one that goes on with a block.
    fn write_complete(&self, version: u64, session: &SessionName, previous: Digest, named: Under, out: &mut Vec<u8>) {
        let mut next = Vec::new();
        self.write_next_line(named, &mut WrittenSecond::default(), &mut next);
        let mut head = Vec::new();
        write_head(version, previous, self.draft.decided.made.unix, session, &mut head);
        let client = self.client().map(Client::to_json);
        let completed = super::complete::complete_line(&head, client.as_deref(), &next);
        out.extend_from_slice(&completed.unwrap_or_default());
        out.push(b'\n');
    }
}

/// Makes the digests of arguments ahead, of several entries at once: their lines are to be written now.
pub(crate) fn digest_arguments(entries: &mut [LogEntry]) {
    for together in entries.chunks_mut(TOGETHER) {
        // One by itself takes less time when its line is written.
        let [first, _, ..] = together else { return };
        let recorder = first.draft.decided.pattern.recorder.clone();
        let mut arguments = [const { None }; TOGETHER];
        for (arguments, entry) in arguments.iter_mut().zip(together) {
            *arguments = entry.draft.decided.arguments_to_digest(&recorder);
        }
        recorder.digest_together(&mut arguments);
    }
}

/// Appends the line of an event at `unix` since 1970. The line follows the line with the digest `previous`.
pub fn write_event(event: &Event, session: &SessionName, previous: Digest, unix: Duration, out: &mut Vec<u8>) {
    write_head(VERSION, previous, unix, session, out);
    // The event's members without its opening brace.
    out.push(b',');
    let start = out.len();
    write_json(event, out);
    out.remove(start);
    out.push(b'\n');
}

fn write_head(version: u64, previous: Digest, unix: Duration, session: &SessionName, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"prev\":\"");
    out.extend_from_slice(&previous.to_hex());
    out.extend_from_slice(b"\",\"v\":");
    write_number(version, out);
    write_time_member(unix, &mut WrittenSecond::default(), out);
    out.extend_from_slice(b",\"session\":");
    write_text(&session.id, out);
    write_member("server", Some(&session.server), out);
}
