//! What is known of a tool, for a program. Fields are added to it and never taken away.

use serde_json::{Value, json};

use super::super::decide::scope;
use super::{Explained, InForce};
use crate::policy::{Format, Limit};
use crate::risk::{Attack, Knowledge};
use crate::visible::visible_json;

impl Explained<'_> {
    /// One JSON document.
    pub(super) fn json(&self) -> anyhow::Result<String> {
        let profile = &self.profile;
        let (by, confidence) = match profile.source {
            Knowledge::Catalogue => ("catalogue", None),
            Knowledge::Classifier(confidence) => ("classifier", Some(confidence.as_str())),
        };
        let mut document = json!({
            "tool": self.tool,
            "server": self.server.as_str(),
            "known": self.by_name.is_none(),
            "did_you_mean": self.nearest,
            "class": profile.class.as_str(),
            "risk": profile.class.risk().as_str(),
            "severity": profile.severity.as_str(),
            "personal_data": profile.pii,
            "sends": profile.sends,
            "irreversible": profile.irreversible,
            "route": profile.route,
            "does": self.does,
            "why": self.why(),
            "source": {
                "by": by,
                "class": self.by_name.unwrap_or(profile.class).as_str(),
                "confidence": confidence,
                "reason": profile.why,
            },
            "attacks": self.attacks.iter().map(|attack| of(attack)).collect::<Value>(),
            "recommended": self.rule()?,
            "in_force": self.in_force.as_ref().ok().map(|in_force| in_force.json(self.tool)),
        });
        if let (Err(error), Some(fields)) = (&self.in_force, document.as_object_mut()) {
            fields.insert("error".to_owned(), Value::from(*error));
        }
        Ok(visible_json(&serde_json::to_string_pretty(&document)?) + "\n")
    }

    fn rule(&self) -> anyhow::Result<Value> {
        let snippet = self.snippet.as_ref();
        let rule: Option<Value> = snippet.map(|snippet| serde_json::from_str(&snippet.compact())).transpose()?;
        Ok(json!({
            "effect": self.recommended.action.as_str(),
            "rate_limit": self.recommended.rate_limit.map(|rate| rate.to_string()),
            "why": self.recommended.why,
            "rule": rule,
            "toml": snippet.map(|snippet| snippet.text(Format::Toml)),
            "snippet": snippet.map(|snippet| snippet.text(self.format)),
            "format": match self.format {
                Format::Toml => "toml",
                Format::Json => "json",
                Format::Yaml => "yaml",
            },
            "commands": self.commands,
        }))
    }
}

fn of(attack: &Attack) -> Value {
    json!({
        "id": attack.id,
        "name": attack.name,
        "account": attack.account,
        "needs": attack.needs,
        "stopped_by": attack.stops,
        "source": { "name": attack.source.name, "url": attack.source.url },
    })
}

impl InForce<'_> {
    fn json(&self, tool: &str) -> Value {
        let decision = self.policy.decide(tool);
        let summary = self.policy.summary();
        let limit = |limit: &&Limit| {
            json!({
                "rule": limit.rule,
                "max": limit.max.to_string().parse::<serde_json::Number>().ok(),
                "window": limit.window.length().as_secs(),
                "scope": scope(limit),
            })
        };
        json!({
            "effect": decision.effect.as_str(),
            "rule": decision.rule,
            "file": summary.file,
            "mode": summary.mode.as_str(),
            "reason": decision.reason,
            "class": self.policy.class(tool).as_str(),
            "limits": self.limits.iter().map(limit).collect::<Value>(),
            "looks_at_arguments": self.policy.looks_at_arguments(tool),
            "compared": self.standing.as_str(),
        })
    }
}
