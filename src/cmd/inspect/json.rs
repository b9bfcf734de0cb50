//! What an agent would see, for a program. Fields are added and never taken away.

use std::ffi::OsString;

use serde_json::{Map, Value, json};

use super::text::ORDER;
use super::view::{ClassSource, Tool, View};
use crate::policy::{Amount, Effect};

pub(super) fn of(view: &View<'_>, command: &[OsString]) -> Value {
    let summary = view.policy.summary();
    let command: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
    let prompts = view
        .prompts
        .iter()
        .map(|prompt| json!({ "name": prompt.name, "visible": prompt.visible, "rule": prompt.rule }));
    let by_class = ORDER.iter().map(|class| (class.as_str().to_owned(), json!(view.of_class(*class))));
    let effects = [Effect::Allow, Effect::Deny, Effect::Hide, Effect::RequireApproval];
    let by_effect = effects.iter().map(|effect| (effect.as_str().to_owned(), json!(view.of_effect(*effect))));
    json!({
        "server": view.policy.server().as_str(),
        "server_info": view.offer.info,
        "protocol": view.offer.protocol,
        "command": command,
        "policy": { "file": summary.file, "mode": summary.mode.as_str() },
        "tools": view.tools.iter().map(tool).collect::<Vec<_>>(),
        "prompts": prompts.collect::<Vec<_>>(),
        "resources": view.offer.resources.len(),
        "resource_templates": view.offer.templates.len(),
        "counts": { "by_class": by_class.collect::<Map<_, _>>(), "by_effect": by_effect.collect::<Map<_, _>>() },
        "bytes": { "before": view.before, "after": view.after },
        "tokens_saved": view.tokens_saved(),
        "unmatched_entries": view.unmatched.iter().map(|(rule, name)| json!({ "rule": rule, "name": name })).collect::<Vec<_>>(),
        "notes": view.notes,
    })
}

fn tool(tool: &Tool<'_>) -> Value {
    let (source, confidence) = match tool.source {
        ClassSource::Policy => ("policy", None),
        ClassSource::Catalogue => ("catalogue", None),
        ClassSource::Classifier(confidence) => ("classifier", Some(confidence.as_str())),
    };
    let limits = tool.limits.iter().map(
        |limit| json!({ "rule": limit.rule, "max": number(limit.max), "window": limit.window.length().as_secs() }),
    );
    json!({
        "name": tool.name,
        "title": tool.listed.title,
        "description": tool.listed.description,
        "class": tool.class.as_str(),
        "class_source": source,
        "confidence": confidence,
        "reason": tool.reason(),
        "risk": tool.class.risk().as_str(),
        "severity": tool.profile.severity.as_str(),
        "personal_data": tool.profile.pii,
        "sends": tool.profile.sends,
        "irreversible": tool.profile.irreversible,
        "visible": tool.visible,
        "effect": tool.decision.effect.as_str(),
        "rule": tool.decision.rule,
        "policy_reason": tool.decision.reason,
        "looks_at_arguments": tool.looks_at_arguments,
        "limits": limits.collect::<Vec<_>>(),
    })
}

fn number(amount: Amount) -> Value {
    serde_json::from_str(&amount.to_string()).unwrap_or_default()
}
