//! What would happen to one call, and which rule decides it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use super::limit::LimitSummary;
use super::lock::is_app;
use crate::engine::{Trial, TrialInput, TrialResult, find_item};
use crate::lock::ItemKind;
use crate::policy::{Amount, BuiltinTitle, Effect, LOCK_RULE, Mode, Policy, RequestSubject, SeenResult};
use crate::record::ResultRecord;
use crate::risk::Class;
use crate::wire::arguments::Arguments;
use crate::wire::fault::Fault;

/// The decision about a hypothetical call.
#[derive(Debug, Serialize)]
pub(crate) struct DecisionReport<'p> {
    /// What is decided about.
    #[serde(flatten)]
    pub(crate) subject: RequestSubject<&'p str>,
    /// The server that the policy is for.
    pub(crate) server: &'p str,
    /// The policy file; `null` for a built-in policy.
    pub(crate) file: Option<&'p str>,
    /// What is in force: the file, the built-in policy, or the file over the built-in policy.
    pub(crate) mode: Mode,
    /// What happens to the call.
    pub(crate) effect: Effect,
    /// The path of the rule that decides.
    pub(crate) rule: String,
    /// What the agent is told; `null` if the call passes.
    pub(crate) reason: Option<String>,
    /// The tool's class under the policy; only for a tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<Class>,
    /// Whether the lock of the server has a tool, prompt or app of this name. Its definition is known in a session only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) locked: Option<bool>,
    /// How many results the session has seen before, as it was given; only where the decision can depend on them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<usize>,
    /// The limits that the call counts for.
    pub(crate) limits: Vec<CallLimit<'p>>,
    /// What becomes of the result; only where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<ResultReport>,
    /// The policy that decides.
    #[serde(skip)]
    policy: &'p Policy,
}

/// What becomes of a result.
#[derive(Debug, Serialize)]
pub(crate) struct ResultReport {
    /// The rule that withholds it; `null` if none does.
    pub(crate) withheld: Option<String>,
    /// What the agent is told; `null` if it is not withheld, or if the policy gives no reason.
    pub(crate) reason: Option<String>,
    /// How many characters are taken out of its texts.
    pub(crate) stripped: u64,
    /// How many of its texts are cut.
    pub(crate) cut: u64,
    /// How many of its values have stand-ins, by their kind.
    pub(crate) stand_ins: BTreeMap<String, u64>,
    /// What the client gets; `null` if it is withheld.
    pub(crate) becomes: Option<Box<RawValue>>,
}

impl ResultReport {
    fn new(policy: &Policy, subject: RequestSubject<&str>, result: &Arguments) -> Self {
        let TrialResult { becomes, record, withheld } = TrialResult::new(policy, subject, result);
        let becomes = if withheld.is_some() { None } else { RawValue::from_string(becomes).ok() };
        let reason = withheld.and_then(|by| by.reason);
        let ResultRecord { stripped, cut, stand_ins, withheld, .. } = record;
        Self { withheld, reason, stripped, cut, stand_ins, becomes }
    }
}

/// A limit, and how much of it a call takes.
#[derive(Debug, Serialize)]
pub(crate) struct CallLimit<'p> {
    /// The limit.
    #[serde(flatten)]
    pub(crate) limit: LimitSummary<'p>,
    /// How much of the limit the call takes; `null` if that cannot be counted, and the call is refused.
    pub(crate) counts: Option<Amount>,
}

impl<'p> DecisionReport<'p> {
    /// Decides the first call or request of a session that has seen these results.
    ///
    /// # Errors
    /// Returns an error if no client can send such a call.
    pub(crate) fn new(
        policy: &'p Policy,
        subject: RequestSubject<&'p str>,
        input: TrialInput<'_>,
        result: Option<&Arguments>,
        seen: &[SeenResult],
    ) -> Result<Self, Fault> {
        let mut trial = Trial::default();
        seen.iter().for_each(|seen| trial.see_result(policy, seen, Duration::ZERO));
        let verdict = trial.try_request(policy, subject, input, Duration::ZERO)?;
        let (judgement, looks_at_session) = match subject.section() {
            None => (policy.judge_call(subject.name(), trial.input(input)), policy.looks_at_session(subject.name())),
            Some((section, name)) => {
                let item = find_item(policy, section, name);
                (policy.judge_item(item, trial.input(input)), policy.item_looks_at_session(item))
            }
        };
        let summary = policy.summarize();
        let limits = judgement.limits().map(|limit| CallLimit {
            limit: limit.into(),
            counts: limit.increment.amount_for(input.arguments.as_str()).ok(),
        });
        Ok(Self {
            subject,
            server: summary.server.as_str(),
            file: summary.file,
            mode: summary.mode,
            effect: verdict.effect,
            rule: verdict.rule,
            reason: verdict.reason,
            class: if let RequestSubject::Tool(tool) = subject { Some(policy.class_of(tool)) } else { None },
            locked: find_in_lock(policy, subject),
            seen: looks_at_session.then_some(seen.len()),
            limits: limits.collect(),
            result: result.map(|result| ResultReport::new(policy, subject, result)),
            policy,
        })
    }
}

impl DecisionReport<'_> {
    /// Names the document that holds the rule.
    pub(crate) fn document(&self) -> String {
        document_of_rule(&self.rule, self.policy)
    }
}

/// Whether the lock that a session is held to has it; `None` if there is none, or if such a thing is not locked.
fn find_in_lock(policy: &Policy, subject: RequestSubject<&str>) -> Option<bool> {
    policy.locked()?;
    let kind = match subject {
        RequestSubject::Tool(_) => ItemKind::Tool,
        RequestSubject::Prompt(_) => ItemKind::Prompt,
        RequestSubject::Resource(uri) if is_app(uri) => ItemKind::App,
        _ => return None,
    };
    Some(policy.find_drift(kind, subject.name()).is_none())
}

/// Names the document that holds a rule of a policy: the file, or the built-in policy.
pub(crate) fn document_of_rule(rule: &str, policy: &Policy) -> String {
    match policy.summarize().file {
        _ if rule == LOCK_RULE => format!("{}, whose lock does not have it", policy.server()),
        Some(file) if !rule.starts_with("builtin:") => file.to_owned(),
        _ => BuiltinTitle::of(policy.identity()).to_string(),
    }
}
