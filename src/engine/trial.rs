//! Trial calls: judged and counted as in a session, but never sent.

use std::sync::Arc;
use std::time::Duration;

use super::Now;
use super::call_gate::{AdmittedCall, CallGate, accept_name, refuse_look_alike};
use super::limits::{Memory, Store};
use super::origins::{SourceDetail, add_origins, describe_origins};
use super::refusal::{Refused, SubjectKind, format_refusal};
use super::resource_index::is_app;
use super::tool_index::ToolIndex;
use crate::content::StandIns;
use crate::lock::ItemKind;
use crate::policy::{
    ConditionInput, Effect, Item, Policy, RequestSubject, Section, SeenResult, Server, ToolRef, TreatedResult,
    WithheldBy,
};
use crate::provenance::{CalledTool, Provenance, SessionMemory, Source};
use crate::record::{Outcome, ResultRecord};
use crate::risk::{Listed, profile_tool};
use crate::wire::arguments::Arguments;
use crate::wire::fault::Fault;
use crate::wire::message::CallParams;
use crate::wire::method::{MethodClass, classify_method};
use crate::wire::reply::DecisionMeta;
use crate::wire::strict::{Reader, StrictDepth};

/// When trials begin, as time since 1970: 2026-01-01T00:00:00Z.
const BEGIN: Duration = Duration::from_secs(1_767_225_600);

/// A session in which calls are only tried. All its counts are its own and begin at zero, also those of the scopes
/// `client` and `server`.
#[derive(Debug)]
pub struct Trial {
    gate: CallGate,
    reader: Reader,
}

/// What a trial call brings.
#[derive(Clone, Copy, Debug)]
pub struct TrialInput<'a> {
    /// Its arguments.
    pub arguments: &'a Arguments,
    /// What it answers to the server's questions (`inputResponses`); without members if it answers nothing.
    pub input: &'a Arguments,
}

impl<'a> From<TrialInput<'a>> for ConditionInput<'a> {
    fn from(TrialInput { arguments, input }: TrialInput<'a>) -> Self {
        Self { input: Some(input.as_str()), ..Self::from(arguments.as_str()) }
    }
}

/// The decision about a trial call.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialDecision {
    /// The effect.
    pub effect: Effect,
    /// The path of the rule that decides.
    pub rule: String,
    /// The reason that the agent gets; `None` if the call passes.
    pub reason: Option<String>,
    /// After how many seconds the same call passes, if a limit refuses it.
    pub retry_after: Option<u64>,
}

/// What a client would get of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialResult {
    /// The result as the client gets it.
    pub becomes: String,
    /// What was done to it.
    pub record: ResultRecord,
    /// The rule that withholds it.
    pub withheld: Option<WithheldBy>,
}

impl Default for Trial {
    fn default() -> Self {
        Self::with_store(Box::new(Memory::default()))
    }
}

impl Trial {
    /// Starts a session whose counts of the scopes `client` and `server` are in `store`, which other sessions may share.
    pub fn with_store(store: Box<dyn Store>) -> Self {
        Self { gate: CallGate::new(store), reader: Reader::default() }
            .with_provenance(Arc::new(SessionMemory::default()))
    }

    /// Judges by this memory of the session. Without it, nothing has been read or called.
    #[must_use]
    pub fn with_provenance(mut self, provenance: Arc<dyn Provenance>) -> Self {
        self.gate.set_provenance(provenance);
        self
    }

    /// Returns what conditions look at in a call that brings this.
    pub fn input<'t>(&'t self, input: TrialInput<'t>) -> ConditionInput<'t> {
        ConditionInput { provenance: Some(&**self.gate.provenance()), ..input.into() }
    }

    /// Lets the session see a result, or make a call that it counts as answered, `elapsed` after it began.
    pub fn see_result(&self, policy: &Policy, seen: &SeenResult, elapsed: Duration) {
        let SeenResult { server, tool, returns, result } = seen;
        let is_own = server.as_ref().is_none_or(|server| server == policy.server());
        let server = server.as_ref().unwrap_or(policy.server());
        let known = || match is_own {
            true => policy.returns_of(tool),
            false => profile_tool(Server::by_name(server).catalogue(), &Listed::with_name(tool)).returns.to_vec(),
        };
        let source = Source {
            server: server.as_str().to_owned(),
            tool: tool.clone(),
            returns: returns.clone().unwrap_or_else(known),
            at: BEGIN.saturating_add(elapsed),
            ..Source::default()
        };
        let provenance = self.gate.provenance();
        provenance.remember_call(&CalledTool { server: source.server.clone(), tool: tool.clone() });
        if let Some(result) = result {
            provenance.remember_result(&source, result.as_str());
        }
    }

    /// Tries a call or another request, `elapsed` after the session began, and counts it if it passes. Nothing has been
    /// listed yet.
    ///
    /// # Errors
    /// As [`Trial::try_call`].
    pub fn try_request(
        &mut self,
        policy: &Policy,
        subject: RequestSubject<&str>,
        input: TrialInput<'_>,
        elapsed: Duration,
    ) -> Result<TrialDecision, Fault> {
        match subject.section() {
            None => self.try_call(policy, subject.name(), input, elapsed),
            Some((section, name)) => {
                let now = Now { session: elapsed, unix: BEGIN.saturating_add(elapsed) };
                Ok(self.try_item_at(policy, find_item(policy, section, name), input, now, Outcome::Refused))
            }
        }
    }

    /// Tries a call as a client would send it, `elapsed` after the session began, and counts it if it passes. The session
    /// begins at midnight UTC, so that windows that are aligned to the calendar end when a reader expects it.
    ///
    /// # Errors
    /// Returns an error if the name or the depth of what it brings is not acceptable.
    pub fn try_call(
        &mut self,
        policy: &Policy,
        tool: &str,
        input: TrialInput<'_>,
        elapsed: Duration,
    ) -> Result<TrialDecision, Fault> {
        let now = Now { session: elapsed, unix: BEGIN.saturating_add(elapsed) };
        self.try_call_at(policy, tool.into(), input, now, Outcome::Refused)
    }

    /// Tries a call with a known outcome, and counts it if it passes. If `outcome` is an error, the counts that the
    /// policy refunds then are refunded at once. A call that a person is asked about counts unless `outcome` is a
    /// refusal.
    ///
    /// # Errors
    /// As [`Trial::try_call`].
    pub fn try_call_at(
        &mut self,
        policy: &Policy,
        tool: ToolRef<'_>,
        input: TrialInput<'_>,
        now: Now,
        outcome: Outcome,
    ) -> Result<TrialDecision, Fault> {
        let tool = ToolRef { drift: tool.drift.or_else(|| policy.find_drift(ItemKind::Tool, tool.name)), ..tool };
        let name = serde_json::Value::from(tool.name);
        let (arguments, input) = (input.arguments.as_str(), input.input.as_str());
        let line = format!(
            r#"{{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{{"name":{name},"arguments":{arguments},"inputResponses":{input}}}}}"#
        );
        let envelope = self.reader.read_line(line.as_bytes(), StrictDepth::EVERYTHING)?;
        let call = CallParams::read(envelope.params)?;
        let judged = self.gate.judge_call(policy, &call, (tool, policy.find_look_alike(tool.name)), now);
        Ok(self.conclude(judged, (SubjectKind::Tool, tool.name), now, outcome))
    }

    /// Tries a request that is about something other than a tool, with a known outcome: the client asks for the resource,
    /// prompt or method, or the server sends the request.
    pub fn try_item_at(
        &mut self,
        policy: &Policy,
        item: Item<'_>,
        input: TrialInput<'_>,
        now: Now,
        outcome: Outcome,
    ) -> TrialDecision {
        let subject = SubjectKind::of_section(item.section);
        let look_alike = policy.find_item_look_alike(item.section, item.name);
        let judged = match (item.section, classify_method(item.name)) {
            // Such a line is refused before the policy is asked.
            (Section::Methods, MethodClass::LooksLike(known)) => Err(refuse_look_alike(item.name, known)),
            _ => accept_name(policy.judge_item(item, self.input(input)), item.name, look_alike, now)
                .and_then(|judgement| self.gate.admit(judgement, input.arguments.as_str(), None, now)),
        };
        self.conclude(judged, (subject, item.name), now, outcome)
    }

    fn conclude(
        &mut self,
        judged: Result<AdmittedCall<'_>, Refused<'_>>,
        (subject, name): (SubjectKind, &str),
        now: Now,
        outcome: Outcome,
    ) -> TrialDecision {
        match judged {
            Ok(AdmittedCall { decision, asking, counted, sightings, .. }) => {
                let origins = describe_origins(&sightings, SourceDetail::LeftOut, now.unix);
                match (counted, outcome) {
                    (Some(counted), Outcome::Error | Outcome::ToolError) => {
                        self.gate.settle_call(*counted, outcome, now);
                    }
                    // Nobody is asked here, so the call does not pass and does not count.
                    (Some(counted), Outcome::Refused) if asking.is_some() => self.gate.refund_call(*counted, now),
                    _ => {}
                }
                let default = match subject {
                    SubjectKind::Tool => "This call needs a person's approval.",
                    _ => "This request needs a person's approval.",
                };
                TrialDecision {
                    effect: decision.effect,
                    rule: decision.rule.to_owned(),
                    reason: asking.map(|_| add_origins(decision.reason.unwrap_or(default), &origins)),
                    retry_after: None,
                }
            }
            Err(refused) => {
                let effect = refused.decision.effect;
                let DecisionMeta { rule, reason, retry_after, .. } = format_refusal(refused, subject, name).meta;
                TrialDecision { effect, rule: rule.to_owned(), reason: Some(reason), retry_after }
            }
        }
    }
}

impl TrialResult {
    /// Tries what a policy makes of a result, an object, before the server has listed anything. Its stand-ins are always the
    /// same, unlike those of a session.
    pub fn new(policy: &Policy, subject: RequestSubject<&str>, result: &Arguments) -> Self {
        let plan = match subject.section() {
            None => policy.result_plan(subject.name()),
            Some((section, name)) => policy.item_result_plan(find_item(policy, section, name)),
        };
        let treated =
            plan.map(|plan| plan.treat_result(result.as_str(), &mut StandIns::new([0; 32]))).unwrap_or_default();
        let TreatedResult { edited, counts, stand_ins, withheld } = treated;
        let rule = withheld.as_ref().map(|by| by.rule.clone());
        let record = match rule {
            Some(rule) => ResultRecord { withheld: Some(rule), ..ResultRecord::default() },
            None => ResultRecord::new(counts, stand_ins),
        };
        Self { becomes: edited.unwrap_or_else(|| result.as_str().to_owned()), record, withheld }
    }
}

/// Looks up an item before the server has listed anything.
pub fn find_item<'p>(policy: &'p Policy, section: Section, name: &'p str) -> Item<'p> {
    match section {
        Section::Prompts => {
            let drift = policy.find_drift(ItemKind::Prompt, name);
            Item { drift, ..ToolIndex::default().find_prompt(policy, name) }
        }
        Section::Resources if is_app(name) => {
            Item { drift: policy.find_drift(ItemKind::App, name), ..Item::unknown(section, name) }
        }
        Section::Resources | Section::Requests | Section::Methods => Item::unknown(section, name),
    }
}
