//! Suggested entries, and whole policies, as text.

use jiff::{Timestamp, Zoned};
use serde_json::{Map, Value, json};
use toml_edit::Key;

use super::super::plural;
use crate::policy::{Format, Policy, ServerName, ToolGlob};
use crate::report::survey::{ToolUsage, UsageSurvey, lacks_an_entry};
use crate::risk::Class;
use crate::term::style::local;
use crate::visible::visible;

/// The least that a suggested limit lets through in a minute: fewer would be in the way of ordinary work.
const LEAST: u64 = 10;

/// A suggested entry.
#[derive(Debug)]
pub(super) struct Entry {
    /// The key under `tools`.
    pub(super) key: String,
    /// The action, where it is more than to allow.
    pub(super) action: Option<&'static str>,
    pub(super) rate_limit: String,
    /// Why it is suggested so, on one line.
    pub(super) why: String,
}

impl Entry {
    /// What is suggested for a tool; `None` where no key can name it so that a person sees what they read.
    pub(super) fn of(tool: &str, used: &ToolUsage) -> Option<Self> {
        let calls = plural(used.calls, "call");
        let action = action(used.class.as_deref());
        let asks = match action {
            Some(_) => {
                format!("{}: a person is asked, each time. ", used.class.as_deref().map(visible).unwrap_or_default())
            }
            None => String::new(),
        };
        Some(Self {
            key: ToolGlob::key_for(tool).filter(|key| visible(key) == *key)?,
            action,
            rate_limit: format!("{}/minute", limit(used.peak)),
            why: format!("{asks}{calls}, at most {} in a minute; twice that, rounded up.", used.peak),
        })
    }

    fn toml(&self) -> String {
        let Self { key, action, rate_limit, why } = self;
        let key = Key::new(key);
        let action = action.map(|action| format!("action = \"{action}\"\n")).unwrap_or_default();
        format!("\n# {why}\n[tools.{key}]\n{action}rate_limit = \"{rate_limit}\"\n")
    }
}

/// What destroys or pays is never suggested to pass unasked.
pub(super) fn action(class: Option<&str>) -> Option<&'static str> {
    let asks = [Class::Destructive, Class::Financial].map(Class::as_str);
    class.is_some_and(|class| asks.contains(&class)).then_some("require_approval")
}

/// Twice the peak, rounded up to what a person would write.
fn limit(peak: u64) -> u64 {
    let twice = peak.saturating_mul(2).max(LEAST);
    // To two digits, and to tens at least.
    let mut step = 10;
    while twice / step >= 100 {
        step *= 10;
    }
    twice.div_ceil(step).saturating_mul(step)
}

/// A policy for a server that has no file yet.
pub(super) fn complete(survey: &UsageSurvey, server: &ServerName, now: &Zoned) -> String {
    let mut text = format!(
        "# The least policy that lets through what was used of {server}{}: {} of {}.\n\
         # Suggested from the audit log by `policylayer suggest`. Read it before you put it in force.\n\n\
         version = \"1\"\n\
         description = \"What was used of {server}\"\n\
         # What is not listed is hidden, and refused.\n\
         default = \"deny\"\n",
        between(survey, now),
        plural(survey.calls, "call"),
        plural(survey.tools.len() as u64, "tool")
    );
    let entries: Vec<_> = survey.tools.iter().map(|(tool, used)| (tool, Entry::of(tool, used))).collect();
    if entries.iter().all(|(_, entry)| entry.is_none()) {
        text.push_str("\n[tools]\n");
    }
    entries.iter().for_each(|(tool, entry)| text.push_str(&toml(tool, entry.as_ref())));
    text
}

fn toml(tool: &str, entry: Option<&Entry>) -> String {
    entry.map_or_else(|| format!("\n# No key can name the tool {} as it is.\n", visible(tool)), Entry::toml)
}

/// Entries to be put at the end of a TOML policy.
pub(super) fn entries<'s>(
    tools: impl Iterator<Item = (&'s String, &'s ToolUsage)>,
    survey: &UsageSurvey,
    now: &Zoned,
) -> String {
    let mut text = format!("\n# Suggested by `policylayer suggest` from what was used{}.\n", between(survey, now));
    for (at, (tool, used)) in tools.enumerate() {
        let entry = toml(tool, Entry::of(tool, used).as_ref());
        text.push_str(if at == 0 { entry.trim_start_matches('\n') } else { &entry });
    }
    text
}

fn between(survey: &UsageSurvey, now: &Zoned) -> String {
    let day = |time: Timestamp| time.to_zoned(now.time_zone().clone()).date();
    match (survey.first, survey.last) {
        (Some(first), Some(last)) if day(first) == day(last) => format!(" on {}", day(first)),
        (Some(first), Some(last)) => format!(" from {} to {}", day(first), day(last)),
        _ => String::new(),
    }
}

/// The entries that a policy in JSON or YAML lacks; empty where it lacks none.
pub(super) fn entries_for(format: Format, in_force: &Policy, survey: &UsageSurvey, now: &Zoned) -> String {
    let lacking = survey.tools.iter().filter(|(tool, _)| survey.is_refused(tool) && lacks_an_entry(in_force, tool));
    let lacking: Vec<_> = lacking.filter_map(|(tool, used)| Entry::of(tool, used)).collect();
    if lacking.is_empty() {
        return String::new();
    }
    if format == Format::Yaml {
        let mut text =
            format!("# From what was used{}, until {}.\n", between(survey, now), local(now.timestamp(), now));
        for Entry { key, action, rate_limit, why } in &lacking {
            // A JSON string is one of YAML's, too.
            let action = action.map(|action| format!("  action: {action}\n")).unwrap_or_default();
            text.push_str(&format!("# {why}\n{}:\n{action}  rate_limit: {rate_limit}\n", Value::from(key.as_str())));
        }
        return text;
    }
    let entries = lacking.into_iter().map(|Entry { key, action, rate_limit, .. }| {
        let mut entry = json!({ "rate_limit": rate_limit });
        if let (Some(action), Some(members)) = (action, entry.as_object_mut()) {
            members.insert("action".to_owned(), action.into());
        }
        (key, entry)
    });
    let entries: Map<String, Value> = entries.collect();
    format!("{:#}\n", Value::from(entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_twice_the_peak_as_a_person_would_write_it() {
        for (peak, expected) in [(0, 10), (1, 10), (5, 10), (6, 20), (14, 30), (49, 100), (60, 120), (512, 1_100)] {
            assert_eq!(limit(peak), expected, "{peak}");
        }
        assert!(limit(u64::MAX) > u64::MAX / 4);
    }
}
