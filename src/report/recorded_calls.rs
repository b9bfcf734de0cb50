//! The calls and other requests in the audit log, in the order of their decisions, and decided again under another
//! policy.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::content::StandInKind;
use crate::engine::limits::{Charge, Denied, Memory, Reserved, Store, Unavailable};
use crate::engine::{Now, Trial, TrialDecision, TrialInput, find_item};
use crate::limits::{MAX_REORDERED, MAX_REORDERED_ARGUMENTS, MAX_REPLAYED_SESSIONS, MAX_TOLD_APART};
use crate::policy::{
    ConditionInput, Decision, Effect, Item, Listing, Policy, RequestSubject, Section, Standing, ToolRef,
};
use crate::provenance::{Provenance, SessionMemory, Unremembered};
use crate::record::{
    About, Direction, LogLine, Outcome, PROTOCOL_RULE, REQUIRED_RULE, Record, RecordedArguments, ResultRecord, Subject,
};
use crate::risk::{Class, Confidence, Listed, classify_tool};
use crate::wire::arguments::Arguments;
use crate::wire::method::{self, MethodClass, PolicySubject, Sender, classify_method};
use crate::wire::uri;

/// A recorded call of a tool, or another request that a policy decides about.
#[derive(Debug)]
pub(crate) struct RecordedCall {
    pub(crate) time: Timestamp,
    pub(crate) session: Box<str>,
    /// The number of the decision in the session, from 1.
    pub(crate) number: u64,
    pub(crate) subject: RequestSubject<Box<str>>,
    judged: JudgedAs,
    pub(crate) class: Option<Box<str>>,
    pub(crate) effect: Effect,
    pub(crate) rule: Box<str>,
    pub(crate) outcome: Outcome,
    /// Whether it was passed on to the server.
    pub(crate) was_passed_on: bool,
    /// What a person was asked about it, and answered.
    pub(crate) asked: Asked,
    /// The arguments; `None` if the log has not kept them.
    pub(crate) arguments: Option<Arguments>,
    /// What the call answered to the server's questions; `None` if the log has not kept that.
    input: Option<Arguments>,
    /// The kinds of values in its result that had stand-ins.
    pub(crate) stand_ins: Vec<StandInKind>,
}

/// What became of a question to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nobody was asked.
    Nobody,
    /// A person refused.
    Refused,
    /// A person approved, or nobody answered.
    Otherwise,
}

impl Asked {
    fn read(record: &Record<'_>) -> Self {
        match record.approval.as_ref().map(|approval| approval.verdict.as_str()) {
            None => Self::Nobody,
            Some("refused") => Self::Refused,
            Some(_) => Self::Otherwise,
        }
    }
}

/// How a policy decides about what was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JudgedAs {
    /// As a call of a tool.
    Call,
    /// By a section.
    Request(Section),
    /// By a section, and neither counted nor asked about: a completion of a prompt, a subscription among several.
    Listing(Section),
    /// As a template of resources.
    Template,
}

/// What the log lacks to decide again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Uncertain {
    /// The arguments that a rule checks.
    Arguments,
    /// Where the class of the tool came from that is lower than what its name tells: from what its server listed, or from the policy of
    /// that time.
    Class,
    /// Whether the server had listed the resource, or whose app it is.
    Listing,
    /// What the session had read and called before.
    Session,
}

impl RecordedCall {
    /// Returns the call or request that a line is about; `None` if there is none, or if no policy decided it.
    pub(crate) fn from_line(line: &LogLine<'_>) -> Option<Self> {
        let About::Decision(record) = &line.about else { return None };
        if [PROTOCOL_RULE, REQUIRED_RULE].contains(&&*record.rule) {
            return None;
        }
        let (subject, judged) = read_subject(record)?;
        Some(Self {
            time: line.time,
            session: (&*line.session).into(),
            number: record.call,
            subject,
            judged,
            class: record.class.as_deref().map(Into::into),
            effect: parse_effect(&record.effect)?,
            rule: (&*record.rule).into(),
            outcome: record.outcome,
            was_passed_on: record.was_passed_on(),
            asked: Asked::read(record),
            arguments: recorded_arguments(record.arguments.as_ref()),
            input: recorded_arguments(record.inputs.as_ref()),
            stand_ins: record.result.as_ref().map(read_stand_ins).unwrap_or_default(),
        })
    }

    /// Returns the tool that was called; `None` if it is another request.
    pub(crate) fn tool(&self) -> Option<&str> {
        if let RequestSubject::Tool(name) = &self.subject { Some(name) } else { None }
    }

    /// Whether it is about a template of resources.
    pub(crate) fn is_template(&self) -> bool {
        self.judged == JudgedAs::Template
    }

    /// Whether limits count it: completions, and subscriptions among several, are only decided about.
    pub(crate) fn is_counted(&self) -> bool {
        matches!(self.judged, JudgedAs::Call | JudgedAs::Request(_))
    }

    /// Returns the section that decides about it and its name there; `None` for a call of a tool.
    pub(crate) fn section(&self) -> Option<(Section, &str)> {
        let name = self.subject.as_deref().name();
        match self.judged {
            JudgedAs::Call => None,
            JudgedAs::Request(Section::Requests) => Some((Section::Requests, Section::request_name(name))),
            JudgedAs::Request(section) | JudgedAs::Listing(section) => Some((section, name)),
            JudgedAs::Template => Some((Section::Resources, name)),
        }
    }

    /// Returns the tool with its class at that time, unless it is known what its server lists of it. A class below what its name implies is
    /// not used: the policy of that time may have set it, which says nothing about another policy.
    fn tool_ref<'c>(&'c self, tool: &'c str, policy: &Policy) -> ToolRef<'c> {
        let by_name = ToolRef::from(tool);
        let is_raised = |class: &Class| *class >= by_name.guess_class() && !policy.knows_listing_of(tool);
        let raised = self.recorded_class().filter(is_raised);
        raised.map_or(by_name, |class| ToolRef { listing: Listing::As(class), ..by_name })
    }

    /// Returns the tool with a recorded class that is below what its name implies, if what its server lists can have lowered it.
    fn lowered_tool_ref<'c>(&'c self, tool: &'c str) -> Option<ToolRef<'c>> {
        let by_name = ToolRef::from(tool);
        let lower = self.recorded_class().filter(|class| *class < by_name.guess_class())?;
        let is_settled = classify_tool(&Listed::with_name(tool)).confidence == Confidence::High;
        (!is_settled).then_some(ToolRef { listing: Listing::As(lower), ..by_name })
    }

    fn recorded_class(&self) -> Option<Class> {
        Class::ALL.into_iter().find(|class| Some(class.as_str()) == self.class.as_deref())
    }

    pub(crate) fn unix_time(&self) -> Duration {
        Duration::try_from(self.time.as_duration()).unwrap_or_default()
    }

    fn arguments_length(&self) -> usize {
        [&self.arguments, &self.input].into_iter().flatten().map(|kept| kept.as_str().len()).sum()
    }
}

fn read_stand_ins(result: &ResultRecord) -> Vec<StandInKind> {
    StandInKind::ALL.into_iter().filter(|kind| result.stand_ins.contains_key(kind.as_str())).collect()
}

/// Returns what a decision was about, if a policy decides about it.
fn read_subject(record: &Record<'_>) -> Option<(RequestSubject<Box<str>>, JudgedAs)> {
    let method = record.method.as_deref()?;
    let is_of_server = record.direction == Direction::Server.as_str();
    let is_completion = method == "completion/complete";
    Some(match record.subject() {
        Some(Subject::Tool(tool)) if method == method::TOOLS_CALL => {
            (RequestSubject::Tool(tool.into()), JudgedAs::Call)
        }
        // What is about the task of a call is decided with the call.
        Some(Subject::Tool(_)) => return None,
        Some(Subject::Prompt(name)) => {
            let judged = if is_completion { JudgedAs::Listing } else { JudgedAs::Request };
            (RequestSubject::Prompt(name.into()), judged(Section::Prompts))
        }
        // An update: nobody has asked for it.
        Some(Subject::Resource(_)) if is_of_server => return None,
        Some(Subject::Resource(template)) if is_completion => {
            (RequestSubject::Resource(template.into()), JudgedAs::Template)
        }
        Some(Subject::Resource(uri)) => {
            let is_listening = method == method::SUBSCRIPTIONS_LISTEN;
            let judged = if is_listening { JudgedAs::Listing } else { JudgedAs::Request };
            (RequestSubject::Resource(uri.into()), judged(Section::Resources))
        }
        None if is_of_server => (RequestSubject::Method(method.into()), JudgedAs::Request(Section::Requests)),
        None => match classify_method(method) {
            MethodClass::Known(known)
                if known.sender != Sender::Server
                    && !matches!(known.subject, PolicySubject::Methods | PolicySubject::Tasks) =>
            {
                return None;
            }
            _ => (RequestSubject::Method(method.into()), JudgedAs::Request(Section::Methods)),
        },
    })
}

/// Returns the value of a key, inserted if missing; `None` if the map is full.
pub(super) fn entry_if_room<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, new: impl FnOnce() -> V) -> Option<&mut V> {
    if map.len() >= MAX_TOLD_APART && !map.contains_key(&key) {
        return None;
    }
    Some(map.entry(key).or_insert_with(new))
}

fn parse_effect(word: &str) -> Option<Effect> {
    Effect::ALL.into_iter().find(|effect| effect.as_str() == word)
}

/// Returns the arguments if the log has all of them.
fn recorded_arguments(recorded: Option<&RecordedArguments<'_>>) -> Option<Arguments> {
    match recorded {
        None => Some(Arguments::default()),
        Some(kept) if kept.keys.is_empty() && kept.keys_left_out == 0 => Some(Arguments::default()),
        Some(kept) => Arguments::parse(kept.full?.get()).ok(),
    }
}

/// Sorts calls by the time of their decision: the log has them in the order in which they were answered.
#[derive(Debug, Default)]
pub(crate) struct CallOrder {
    /// By time, session, number in the session, and arrival.
    waiting: BTreeMap<(Timestamp, Box<str>, u64, u64), RecordedCall>,
    arrived: u64,
    weight: usize,
}

impl CallOrder {
    /// Adds a call, and returns the next one once the maximum number waits.
    pub(crate) fn push(&mut self, call: RecordedCall) -> Option<RecordedCall> {
        self.weight += call.arguments_length();
        self.arrived += 1;
        self.waiting.insert((call.time, call.session.clone(), call.number, self.arrived), call);
        let is_full = self.waiting.len() > MAX_REORDERED || self.weight > MAX_REORDERED_ARGUMENTS;
        if is_full { self.pop() } else { None }
    }

    /// Returns the next call, once no more are added.
    pub(crate) fn pop(&mut self) -> Option<RecordedCall> {
        let (_, call) = self.waiting.pop_first()?;
        self.weight -= call.arguments_length();
        Some(call)
    }
}

/// Decides recorded calls under another policy. Each session has its own counts, and all sessions share those of the
/// scope `server`, and those of the scope `client` as well: the log does not tell the processes of a client apart. All follow the
/// recorded times.
#[derive(Debug)]
pub(crate) struct Replayer<'p> {
    policy: &'p Policy,
    server: SharedCounts,
    /// Each with the number of the call that used it last.
    sessions: HashMap<Box<str>, (Trial, u64)>,
    calls: u64,
}

impl<'p> Replayer<'p> {
    pub(crate) fn new(policy: &'p Policy) -> Self {
        Self { policy, server: SharedCounts::default(), sessions: HashMap::new(), calls: 0 }
    }

    /// Decides a call or request.
    ///
    /// # Errors
    /// Returns what the log lacks. Such a call counts against no limit.
    pub(crate) fn decide_call(&mut self, call: &RecordedCall) -> Result<TrialDecision, Uncertain> {
        let policy = self.policy;
        let none = Arguments::default();
        let name = call.subject.as_deref().name();
        let (item, looks_at_arguments, looks_at_input, looks_at_session) = match call.judged {
            JudgedAs::Template => return Ok(decide_alone(policy.decide_template(name, None))),
            JudgedAs::Call => {
                let tool = call.tool_ref(name, policy);
                if self.depends_on_class(call, tool) {
                    return Err(Uncertain::Class);
                }
                (None, policy.looks_at_arguments(tool), policy.looks_at_input(tool), policy.looks_at_session(tool))
            }
            JudgedAs::Request(_) | JudgedAs::Listing(_) => {
                let item = self.find_item(call)?;
                if let JudgedAs::Listing(_) = call.judged {
                    return Ok(decide_alone(policy.decide_item(item)));
                }
                (Some(item), policy.item_looks_at_arguments(item), false, policy.item_looks_at_session(item))
            }
        };
        if call.arguments.is_none() && looks_at_arguments || call.input.is_none() && looks_at_input {
            return Err(Uncertain::Arguments);
        }
        let [arguments, input] = [&call.arguments, &call.input].map(|kept| kept.as_ref().unwrap_or(&none));
        let input = TrialInput { arguments, input };
        if looks_at_session && self.depends_on_session(call, item, input) {
            return Err(Uncertain::Session);
        }
        self.calls += 1;
        if !self.sessions.contains_key(&call.session) {
            self.drop_old_sessions();
        }
        let new = || (Trial::with_store(Box::new(self.server.clone())).with_provenance(Arc::new(Unremembered)), 0);
        let (trial, used) = self.sessions.entry(call.session.clone()).or_insert_with(new);
        *used = self.calls;
        let now = Now { session: call.unix_time(), unix: call.unix_time() };
        match item {
            Some(item) => Ok(trial.try_item_at(policy, item, input, now, call.outcome)),
            // No recorded call has arguments that cannot be sent.
            None => trial
                .try_call_at(policy, call.tool_ref(name, policy), input, now, call.outcome)
                .map_err(|_| Uncertain::Arguments),
        }
    }

    /// Whether it matters if a server's listing or the policy of that time lowered a tool's class, and nothing here tells.
    fn depends_on_class(&self, call: &RecordedCall, by_name: ToolRef<'_>) -> bool {
        let policy = self.policy;
        let Some(lowered) = call.lowered_tool_ref(by_name.name).filter(|_| !policy.knows_listing_of(by_name.name))
        else {
            return false;
        };
        let [one, other] = [by_name, lowered].map(|tool| policy.decide_tool(tool));
        (one.effect, one.rule) != (other.effect, other.rule)
    }

    /// Whether it matters what the session had read and called: a session that cannot tell decides otherwise than one that has done
    /// neither.
    fn depends_on_session(&self, call: &RecordedCall, item: Option<Item<'_>>, input: TrialInput<'_>) -> bool {
        let (nothing, unknown) = (SessionMemory::default(), Unremembered);
        let decide = |provenance: &dyn Provenance| {
            let input = ConditionInput { provenance: Some(provenance), ..input.into() };
            let judgement = match item {
                Some(item) => self.policy.judge_item(item, input),
                None => self.policy.judge_call(call.tool_ref(call.subject.as_deref().name(), self.policy), input),
            };
            (judgement.decision.effect, judgement.decision.rule)
        };
        decide(&nothing) != decide(&unknown)
    }

    /// Looks up what a request is about. The log does not say what the server had listed, except by the rule that decided.
    fn find_item<'c>(&self, call: &'c RecordedCall) -> Result<Item<'c>, Uncertain>
    where
        'p: 'c,
    {
        let (section, name) = call.section().unwrap_or((Section::Methods, ""));
        let item = find_item(self.policy, section, name);
        if section != Section::Resources {
            return Ok(item);
        }
        let listed = Item { standing: Standing::Listed, ..item };
        match (&*call.rule, call.effect) {
            ("builtin:resources", Effect::Allow) => return Ok(listed),
            ("builtin:resources", _) => return Ok(item),
            _ => {}
        }
        let of_tool = |effect| {
            let decision = Decision { effect, rule: "", reason: None, file: None };
            Item { standing: Standing::OfTool(decision), ..item }
        };
        let is_app = uri::scheme(name).is_some_and(|scheme| scheme.eq_ignore_ascii_case("ui"));
        let apps = [Effect::Allow, Effect::Hide].map(of_tool);
        let others = [listed].into_iter().chain(apps.into_iter().filter(|_| is_app));
        let effect = self.policy.decide_item(item).effect;
        for other in others {
            if self.policy.decide_item(other).effect != effect {
                return Err(Uncertain::Listing);
            }
        }
        Ok(item)
    }

    fn drop_old_sessions(&mut self) {
        if self.sessions.len() >= MAX_REPLAYED_SESSIONS {
            // Removes half of them at once, so that this happens rarely.
            let mut used: Vec<u64> = self.sessions.values().map(|(_, used)| *used).collect();
            let (_, middle, _) = used.select_nth_unstable(MAX_REPLAYED_SESSIONS / 2);
            let middle = *middle;
            self.sessions.retain(|_, (_, used)| *used > middle);
        }
    }
}

/// A decision that is neither counted nor asked about.
fn decide_alone(decision: Decision<'_>) -> TrialDecision {
    TrialDecision {
        effect: decision.effect,
        rule: decision.rule.to_owned(),
        reason: decision.reason.map(str::to_owned),
        retry_after: None,
    }
}

#[derive(Clone, Debug, Default)]
struct SharedCounts(Arc<Mutex<Memory>>);

impl Store for SharedCounts {
    fn reserve_charges(&mut self, charges: &[Charge<'_>], now: Now) -> Result<Reserved, Denied> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).reserve_charges(charges, now)
    }

    fn refund_reserved(&mut self, reserved: Reserved, now: Now) -> Result<(), Unavailable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).refund_reserved(reserved, now)
    }
}
