//! What would happen to one call, and which rule decides it.

use std::time::Duration;

use serde::Serialize;

    /// Returns an error if no client can send such a call.
    pub(crate) fn new(policy: &'p Policy, subject: DecidedSubject<'p>, arguments: &Arguments) -> Result<Self, Fault> {
        let mut trial = Trial::default();
        let (verdict, judgement) = match subject.section() {
            None => (
                trial.try_call(policy, subject.name(), arguments, Duration::ZERO)?,
                policy.judge_call(subject.name(), arguments.as_str()),
            ),
            Some((section, name)) => {
                let item = Item { section, name, standing: find_standing(policy, section, name) };
                (
                    trial.try_item(policy, section, name, arguments, Duration::ZERO),
                    policy.judge_item(item, arguments.as_str()),
                )
            }
        };
        let summary = policy.summarize();
        let limits = judgement.limits().map(|limit| CallLimit {
            limit: limit.into(),
            counts: limit.increment.amount_for(arguments.as_str()).ok(),
        });
        Ok(Self {
            subject,
            server: summary.server.as_str(),
            file: summary.file,
            mode: summary.mode,
            effect: verdict.effect,
            rule: verdict.rule,
            reason: verdict.reason,
            class: if let DecidedSubject::Tool(tool) = subject { Some(policy.class_of(tool)) } else { None },
            limits: limits.collect(),
        })
    }
}

/// Names the document that holds a rule: the policy file, or the built-in policy for the server.
pub(crate) fn document_of_rule(rule: &str, file: Option<&str>, server: &str) -> String {
    match file {
        Some(file) if !rule.starts_with("builtin:") => file.to_owned(),
        _ => format!("the built-in policy for {server}"),
    }
}
