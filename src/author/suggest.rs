//! Entries and policies that let through what was used of a server.

use jiff::{Timestamp, Zoned};

use super::edit::change::DocumentChange;
use super::edit::state::{EditState, ToolKey};
use super::edit::{CannotEdit, Which};
use super::render::{json_lines, toml_entry, yaml_members};
use super::{readable_key, table_member, text_member};
use crate::policy::tree::{DocumentMember, DocumentNode};
use crate::policy::{Format, Mode, Policy, ServerName, Source};
use crate::report::survey::{ToolUsage, UsageSurvey, lacks_an_entry};
use crate::risk::Class;
use crate::visible::{count_of, escape_invisible};

/// The lowest suggested limit per minute: a lower one would obstruct ordinary work.
const LEAST: u64 = 10;

struct SuggestedEntry {
    member: DocumentMember,
    /// Why it is suggested, on one line.
    why: String,
}

impl SuggestedEntry {
    /// Builds the entry for a tool; `None` if no key can name it legibly.
    fn new(tool: &str, used: &ToolUsage) -> Option<Self> {
        let key = readable_key(tool)?;
        let action = suggest_action(used.class.as_deref());
        let class = used.class.as_deref().map(escape_invisible).unwrap_or_default();
        let asks = action.map(|_| format!("{class}: a person is asked each time. ")).unwrap_or_default();
        let calls = count_of(used.calls, "call");
        let why = format!("{asks}{calls}, at most {} in a minute; twice that, rounded up.", used.peak);
        let rate = text_member("rate_limit", format!("{}/minute", suggest_limit(used.peak)));
        let action = action.map(|action| text_member("action", action));
        Some(Self { member: table_member(&key, action.into_iter().chain([rate]).collect()), why })
    }
}

/// Returns the action for a class; `None` allows. What destroys or pays is never suggested to pass without asking.
fn suggest_action(class: Option<&str>) -> Option<&'static str> {
    let asks = [Class::Destructive, Class::Financial].map(Class::as_str);
    class.is_some_and(|class| asks.contains(&class)).then_some("require_approval")
}

/// Returns twice the peak, rounded up to what a person would write.
fn suggest_limit(peak: u64) -> u64 {
    let twice = peak.saturating_mul(2).max(LEAST);
    // To two digits, and to tens at least.
    let mut step = 10;
    while twice / step >= 100 {
        step *= 10;
    }
    twice.div_ceil(step).saturating_mul(step)
}

pub(crate) fn suggest_policy(survey: &UsageSurvey, server: &ServerName, now: &Zoned) -> String {
    let mut text = format!(
        "# The smallest policy that lets through what was used of {server}{}: {} of {}.\n\
         # Suggested from the audit log by `policylayer suggest`. Read it before you put it in force.\n\n\
         version = \"1\"\n\
         description = \"What was used of {server}\"\n\
         # What is not listed is hidden and refused.\n\
         default = \"deny\"\n",
        describe_days(survey, now),
        count_of(survey.calls, "call"),
        count_of(survey.tools.len() as u64, "tool")
    );
    if survey.tools.keys().all(|tool| readable_key(tool).is_none()) {
        text.push_str("\n[tools]\n");
    }
    text + &survey.tools.iter().map(|(tool, used)| suggest_toml_entry(tool, used)).collect::<String>()
}

fn suggest_toml_entry(tool: &str, used: &ToolUsage) -> String {
    match SuggestedEntry::new(tool, used) {
        Some(SuggestedEntry { member: (key, entry), why }) => {
            format!("\n# {why}\n{}", toml_entry("tools", &key.name, entry.members()))
        }
        None => format!("\n# No key of a policy can name the tool {}.\n", escape_invisible(tool)),
    }
}

fn describe_days(survey: &UsageSurvey, now: &Zoned) -> String {
    let day = |time: Timestamp| time.to_zoned(now.time_zone().clone()).date();
    match (survey.first.map(day), survey.last.map(day)) {
        (Some(first), Some(last)) if first == last => format!(" on {first}"),
        (Some(first), Some(last)) => format!(" from {first} to {last}"),
        _ => String::new(),
    }
}

/// Suggests the entries that a policy in JSON or YAML lacks; empty if it lacks none. `time` is the time now, as text.
pub(crate) fn suggest_entries(
    format: Format,
    in_force: &Policy,
    survey: &UsageSurvey,
    now: &Zoned,
    time: &str,
) -> String {
    let lacking = survey.tools.iter().filter(|(tool, _)| survey.is_refused(tool) && lacks_an_entry(in_force, tool));
    let lacking: Vec<_> = lacking.filter_map(|(tool, used)| SuggestedEntry::new(tool, used)).collect();
    if lacking.is_empty() {
        return String::new();
    }
    if format == Format::Json {
        let entries = lacking.into_iter().map(|entry| entry.member).collect();
        return json_lines(&DocumentNode::unplaced_table(entries), 0) + "\n";
    }
    let head = format!("# From what was used{}, until {time}.\n", describe_days(survey, now));
    let entry = |entry: SuggestedEntry| format!("# {}\n{}", entry.why, yaml_members(&[entry.member], 0));
    head + &lacking.into_iter().map(entry).collect::<String>()
}

/// Extends the text of a TOML policy: what was used is no longer hidden by name or denied by its own entry, and is
/// listed. Comments and order stay.
pub(crate) fn extend_policy(
    source: &Source,
    in_force: &Policy,
    survey: &UsageSurvey,
    server: &ServerName,
    now: &Zoned,
) -> Result<String, CannotEdit> {
    let before = EditState::load_source(source.clone(), server, Which::Present)?;
    let refused = survey.tools.iter().filter(|(tool, _)| survey.is_refused(tool));
    let (mut shown, mut changes) = (Vec::new(), Vec::new());
    for (tool, used) in refused {
        let Some(key) = ToolKey::for_tool_name(tool) else { continue };
        shown.extend(before.hidden_at(&key));
        let (mut path, own) = before.find_entry(&key);
        let own = own.and_then(|own| own.member("action")?.as_text());
        if own.is_some_and(|action| matches!(action, "deny" | "hide")) {
            path.push("action".to_owned());
            let action = DocumentNode::unplaced_string(suggest_action(used.class.as_deref()).unwrap_or("allow"));
            changes.push(DocumentChange::Set(path, action));
        }
    }
    // From the last one on, so that the indexes of the others stay valid.
    shown.sort_unstable_by(|one, other| other.cmp(one));
    shown.dedup();
    changes.extend(shown.into_iter().map(DocumentChange::Show));
    let edited = if changes.is_empty() { before } else { before.with_changes(&changes)? };

    // The tools that are still refused for lack of an entry.
    let lacks = |tool: &str| survey.is_refused(tool) && lacks_an_entry(&edited.policy, tool);
    if !survey.tools.keys().any(|tool| lacks(tool)) {
        return Ok(edited.source.text().to_owned());
    }
    // With `tools` the document stands alone, so what the built-in policy let through has to be listed too.
    let leaves_the_builtin = in_force.mode() == Mode::Patch;
    let is_hidden = |tool: &str| edited.policy.decide_tool(tool).rule.starts_with("hide[");
    let listed = survey.tools.iter().filter(|(tool, _)| lacks(tool) || (leaves_the_builtin && !is_hidden(tool)));
    if edited.has_inline_tools() {
        let entries = listed.filter_map(|(tool, used)| Some(SuggestedEntry::new(tool, used)?.member));
        let set = |(key, entry): DocumentMember| DocumentChange::Set(vec!["tools".to_owned(), key.name], entry);
        return Ok(edited.with_changes(&entries.map(set).collect::<Vec<_>>())?.source.text().to_owned());
    }
    let mut added =
        format!("\n# Suggested by `policylayer suggest` from what was used{}.\n", describe_days(survey, now));
    if leaves_the_builtin {
        added = format!(
            "\n# With `tools` this file stands alone: the built-in policy under it is no longer in force.{added}"
        );
    }
    let entries: String = listed.map(|(tool, used)| suggest_toml_entry(tool, used)).collect();
    added.push_str(entries.trim_start_matches('\n'));
    let text = edited.source.text();
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    // With the line ends of the file.
    let added = if text.contains("\r\n") { added.replace('\n', "\r\n") } else { added };
    Ok(format!("{text}{gap}{added}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_twice_the_peak_as_a_person_would_write_it() {
        for (peak, expected) in [(0, 10), (1, 10), (5, 10), (6, 20), (14, 30), (49, 100), (60, 120), (512, 1_100)] {
            assert_eq!(suggest_limit(peak), expected, "{peak}");
        }
        assert!(suggest_limit(u64::MAX) > u64::MAX / 4);
    }
}
