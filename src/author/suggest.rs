//! Entries and policies that let through what was used of a server.

use std::collections::BTreeMap;

use jiff::{Timestamp, Zoned};

use super::edit::change::DocumentChange;
use super::edit::state::EditState;
use super::edit::{CannotEdit, Which};
use super::render::{json_lines, toml_entry, yaml_members};
use super::section_keys::{SectionKey, choose_keys, choose_resource_keys};
use super::{readable_key, table_member, text_member};
use crate::content::StandInKind;
use crate::policy::tree::{DocumentMember, DocumentNode};
use crate::policy::{Format, Mode, Policy, Section, ServerName, Source};
use crate::report::survey::{ToolUsage, UsageSurvey, item_lacks_an_entry, lacks_an_entry};
use crate::risk::Class;
use crate::visible::{count_of, escape_invisible};

/// The lowest suggested limit per minute: a lower one would obstruct ordinary work.
const LEAST: u64 = 10;

struct SuggestedEntry {
    /// The table that it belongs to: `tools`, or a section.
    table: &'static str,
    member: DocumentMember,
    /// Why it is suggested, on one line.
    why: String,
}

impl SuggestedEntry {
    /// Builds the entry for a tool; `None` if no key can name it legibly.
    fn new(tool: &str, used: &ToolUsage) -> Option<Self> {
        let key = readable_key(tool)?;
        let by_class = suggest_action(used.class.as_deref());
        let class = used.class.as_deref().map(escape_invisible).unwrap_or_default();
        let asks = match by_class {
            Some(_) => format!("{class}: a person is asked each time. "),
            None if used.is_asked => "A person was asked, and is asked each time. ".to_owned(),
            None => String::new(),
        };
        let action = by_class.or_else(|| used.is_asked.then_some("require_approval"));
        let calls = count_of(used.calls, "call");
        let why = format!("{asks}{calls}, at most {} in a minute; twice that, rounded up.", used.peak);
        let rate = text_member("rate_limit", format!("{}/minute", suggest_limit(used.peak)));
        let action = action.map(|action| text_member("action", action));
        Some(Self { table: "tools", member: table_member(&key, action.into_iter().chain([rate]).collect()), why })
    }

    fn for_item(section: Section, key: &str, calls: u64, peak: u64) -> Self {
        // Nobody has looked at what an unknown method does. A notification cannot wait for a person.
        let asks = section == Section::Methods && !key.starts_with("notifications/");
        let action = asks.then(|| text_member("action", "require_approval"));
        let asks = if asks { "A person is asked each time. " } else { "" };
        let calls = count_of(calls, "time");
        let why = format!("{asks}{calls}, at most {peak} in a minute; twice that, rounded up.");
        let rate = text_member("rate_limit", format!("{}/minute", suggest_limit(peak)));
        Self { table: section.as_str(), member: table_member(key, action.into_iter().chain([rate]).collect()), why }
    }

    fn to_toml(&self) -> String {
        let (key, entry) = &self.member;
        format!("\n# {}\n{}", self.why, toml_entry(self.table, &key.name, entry.members()))
    }
}

/// Suggests entries for what was used beside tools. Returns them, and the names that are left out.
fn suggest_items(
    survey: &UsageSurvey,
    is_wanted: impl Fn(&(Section, String)) -> bool,
) -> (Vec<SuggestedEntry>, Vec<&str>) {
    let (mut entries, mut left_out) = (Vec::new(), Vec::new());
    for section in Section::ALL {
        let items = survey.items.iter().filter(|(item, _)| item.0 == section && is_wanted(item));
        let items: BTreeMap<&str, &ToolUsage> = items.map(|((_, name), used)| (name.as_str(), used)).collect();
        let (keys, others) = match section {
            Section::Resources => choose_resource_keys(items.keys().copied()),
            _ => choose_keys(section, items.keys().copied()),
        };
        entries.extend(keys.into_iter().map(|SectionKey { key, names }| {
            let used = || names.iter().filter_map(|name| items.get(name));
            let calls = used().map(|used| used.calls).sum();
            SuggestedEntry::for_item(section, &key, calls, used().map(|used| used.peak).sum())
        }));
        left_out.extend(others);
    }
    (entries, left_out)
}

/// Comments on what was used and gets no entry.
fn describe_left_out(left_out: &[&str]) -> String {
    const NAMED: usize = 10;
    if left_out.is_empty() {
        return String::new();
    }
    let mut names: Vec<_> = left_out.iter().take(NAMED).map(|name| escape_invisible(name)).collect();
    if left_out.len() > NAMED {
        names.push(format!("and {} more", left_out.len() - NAMED));
    }
    format!("\n# Used, and without an entry: {}\n", names.join(", "))
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
        "# The smallest policy that lets through what was used on {server}{}: {} of {}{}.\n\
         # Suggested from the audit log by `policylayer suggest`. Read it before you put it in force.\n\n\
         version = \"1\"\n\
         description = \"What was used on {server}\"\n\
         # What is not listed is hidden and refused.\n\
         default = \"deny\"\n",
        describe_days(survey, now),
        count_of(survey.calls, "call"),
        count_of(survey.tools.len() as u64, "tool"),
        match survey.items.len() as u64 {
            0 => String::new(),
            items => format!(", and {} beside tools", count_of(items, "item")),
        }
    );
    text.push_str(&suggest_results(survey));
    if survey.tools.keys().all(|tool| readable_key(tool).is_none() || survey.is_refused_by_person(tool)) {
        text.push_str("\n[tools]\n");
    }
    let tools = survey.tools.iter().filter(|(tool, _)| !survey.is_refused_by_person(tool));
    text.extend(tools.map(|(tool, used)| suggest_toml_entry(tool, used)));
    let (entries, left_out) = suggest_items(survey, |_| true);
    text.extend(entries.iter().map(SuggestedEntry::to_toml));
    text + &describe_left_out(&left_out)
}

/// What was kept back by stand-ins stays so: the policy in force then had them.
fn suggest_results(survey: &UsageSurvey) -> String {
    let (fields, kinds): (Vec<StandInKind>, Vec<_>) =
        survey.stand_ins.iter().copied().partition(|kind| *kind == StandInKind::Field);
    let mut text = String::new();
    if !fields.is_empty() {
        text.push_str("\n# Fields of results had stand-ins. The log does not have their names: without `fields` in `results`, the\n");
        text.push_str("# agent gets what they hold.\n");
    }
    if !kinds.is_empty() {
        let kinds: Vec<_> = kinds.iter().map(|kind| format!("\"{kind}\"")).collect();
        let kinds = kinds.join(", ");
        text.push_str(&format!("\n# Values in results had stand-ins.\n[results]\nstand_ins = [{kinds}]\n"));
    }
    text
}

fn suggest_toml_entry(tool: &str, used: &ToolUsage) -> String {
    match SuggestedEntry::new(tool, used) {
        Some(entry) => entry.to_toml(),
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

/// Suggests the entries that a policy in JSON or YAML lacks, by the table that they belong to. `time` is the time now, as
/// text.
pub(crate) fn suggest_entries(
    format: Format,
    in_force: &Policy,
    survey: &UsageSurvey,
    now: &Zoned,
    time: &str,
) -> Vec<(&'static str, String)> {
    let lacks =
        |tool: &str| survey.is_refused(tool) && !survey.is_refused_by_person(tool) && lacks_an_entry(in_force, tool);
    let lacking = survey.tools.iter().filter(|(tool, _)| lacks(tool));
    let mut lacking: Vec<_> = lacking.filter_map(|(tool, used)| SuggestedEntry::new(tool, used)).collect();
    lacking.extend(suggest_items(survey, |item| lacks_item(in_force, survey, item)).0);
    let mut tables: Vec<(&'static str, String)> = Vec::new();
    let tables_of = |table| move |entry: &&SuggestedEntry| entry.table == table;
    for table in ["tools"].into_iter().chain(Section::ALL.map(Section::as_str)) {
        let entries: Vec<_> = lacking.iter().filter(tables_of(table)).collect();
        if entries.is_empty() {
            continue;
        }
        let text = if format == Format::Json {
            let members = entries.iter().map(|entry| entry.member.clone()).collect();
            json_lines(&DocumentNode::unplaced_table(members), 0) + "\n"
        } else {
            let head = format!("# From what was used{}, until {time}.\n", describe_days(survey, now));
            let entry = |entry: &&SuggestedEntry| {
                format!("# {}\n{}", entry.why, yaml_members(std::slice::from_ref(&entry.member), 0))
            };
            head + &entries.iter().map(entry).collect::<String>()
        };
        tables.push((table, text));
    }
    tables
}

fn lacks_item(policy: &Policy, survey: &UsageSurvey, item: &(Section, String)) -> bool {
    survey.is_refused_item(item) && item_lacks_an_entry(policy, item)
}

/// Extends the text of a policy: what was used and refused only by default is listed. What a person wrote, comments and order
/// stay.
pub(crate) fn extend_policy(
    source: &Source,
    in_force: &Policy,
    survey: &UsageSurvey,
    now: &Zoned,
) -> Result<String, CannotEdit> {
    let server = in_force.identity();
    let edited = EditState::load_source(source.clone(), server, Which::Present)?;
    // A tool that a person refused once is left to them.
    let lacks =
        |tool: &str| survey.is_refused(tool) && !survey.is_refused_by_person(tool) && lacks_an_entry(in_force, tool);
    let lacks_tools = survey.tools.keys().any(|tool| lacks(tool));
    // With `tools` the document stands alone, so what the built-in policy let through has to be listed too.
    let leaves_the_builtin = lacks_tools && in_force.mode() == Mode::Patch;
    let passes = |tool: &str| {
        let decision = in_force.decide_tool(tool);
        !decision.rule.starts_with("hide[") && !survey.is_refused_by_person(tool)
    };
    let listed: Vec<_> =
        survey.tools.iter().filter(|(tool, _)| lacks(tool) || (leaves_the_builtin && passes(tool))).collect();
    let is_free = |(section, name): &(Section, String)| !edited.policy.names_item(*section, name);
    let (items, left_out) =
        suggest_items(survey, |item| lacks_item(&edited.policy, survey, item) || (leaves_the_builtin && is_free(item)));
    if listed.is_empty() && items.is_empty() {
        return Ok(edited.source.text().to_owned());
    }
    let is_inline =
        ["tools"].into_iter().chain(items.iter().map(|entry| entry.table)).any(|table| edited.has_inline_table(table));
    if is_inline || source.format() != Format::Toml {
        let tools = listed.iter().filter_map(|(tool, used)| SuggestedEntry::new(tool, used));
        let set = |SuggestedEntry { table, member: (key, entry), .. }: SuggestedEntry| {
            DocumentChange::Set(vec![table.to_owned(), key.name], entry)
        };
        let changes: Vec<_> = tools.chain(items).map(set).collect();
        return Ok(edited.with_changes(&changes)?.source.text().to_owned());
    }
    let mut added =
        format!("\n# Suggested by `policylayer suggest` from what was used{}.\n", describe_days(survey, now));
    if leaves_the_builtin {
        added = format!(
            "\n# With `tools` this file stands alone: the built-in policy under it is no longer in force.{added}"
        );
    }
    let mut entries: String = listed.iter().map(|(tool, used)| suggest_toml_entry(tool, used)).collect();
    entries.extend(items.iter().map(SuggestedEntry::to_toml));
    entries.push_str(&describe_left_out(&left_out));
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
