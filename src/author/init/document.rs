//! Writes the planned policy as text. What a server says about itself gets no further than a one-line comment.

use std::collections::{BTreeMap, BTreeSet};

use unicode_width::UnicodeWidthChar as _;

use super::items::{ItemPlan, PlannedItem, join_counts};
use super::plan::{Answer, Answers, PlannedTool, rule_for_later};
use super::strength::{describe_figures, describe_strength};
use crate::author::render::{json_lines, toml_entry, toml_members, yaml_members};
use crate::author::{list_member, table_member, text_member};
use crate::content::StandInKind;
use crate::limits::MAX_POLICY_FILE;
use crate::policy::tree::{DocumentKey, DocumentMember, DocumentNode};
use crate::policy::{self, Colour, Effect, Format, Listing, Section, Server, Source, ToolRef};
use crate::risk::{Class, Confidence, Knowledge};
use crate::visible::{count_of, escape_invisible};

/// The width of a comment, in columns.
const COMMENT: usize = 110;

/// The width of the rule after a heading, in columns, as in the built-in policies.
const WIDTH: usize = 120;

#[derive(Debug)]
pub(crate) struct Origin<'o> {
    pub(crate) server: &'o Server,
    /// The known server that it is, if not its command and name tell that.
    pub(crate) catalogue: Option<&'static str>,
    /// The server's own name for itself; untrusted.
    pub(crate) calls_itself: &'o str,
    /// The date, such as 2026-11-22.
    pub(crate) day: &'o str,
}

struct PolicySection {
    title: String,
    notes: Vec<String>,
    members: Vec<NewMember>,
}

/// Comments, as lines without their mark, and the member that they are about; `None` if there are only comments.
type NewMember = (Vec<String>, Option<DocumentMember>);

/// What is planned for a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerPlan<'p> {
    pub(crate) tools: &'p [PlannedTool],
    pub(crate) items: &'p ItemPlan,
    /// The fields of results that get stand-ins, beside what is found in texts; `None` if nothing gets one.
    pub(crate) stand_ins: Option<&'p BTreeSet<&'static str>>,
}

impl ServerPlan<'_> {
    /// Describes what is listed: `3 tools, 2 resources and 1 prompt`.
    pub(crate) fn describe_listed(self) -> String {
        let mut counts = self.items.count_listed();
        if !self.tools.is_empty() || counts.is_empty() {
            counts.insert(0, count_of(self.tools.len() as u64, "tool"));
        }
        join_counts(&counts)
    }
}

pub(crate) fn write_policy(origin: &Origin<'_>, plan: ServerPlan<'_>, answers: &Answers, format: Format) -> String {
    let count = plan.describe_listed();
    let listed = cut_to_comment(&format!("from what {} listed", first_sentence(origin.calls_itself)));
    let top = top_members(origin, &count, &listed);
    let mut tables =
        vec![("classes", vec![class_section()]), ("tools", tool_sections(plan.tools, answers, origin.server))];
    tables.extend(item_sections(plan.items));
    tables.push(("requests", vec![request_section()]));
    let results = plan.stand_ins.map(results_member);
    if format == Format::Json {
        return write_json(top.into_iter().chain(results), &tables);
    }
    let mut out = write_comments("", &write_head(origin, &count, &listed)) + "\n";
    for (about, member) in &top {
        let write = if format == Format::Yaml { |members: &_| yaml_members(members, 0) } else { toml_members };
        out.push_str(&format!("{}{}", write_comments("", about), write(member.as_slice())));
    }
    if let Some((about, member @ Some((key, value)))) = &results {
        let text = match format {
            Format::Yaml => yaml_members(member.as_slice(), 0),
            _ => format!("[{}]\n{}", key.name, toml_members(value.members())),
        };
        out.push_str(&format!("\n{}{text}", write_comments("", about)));
    }
    let indent = if format == Format::Yaml { "  " } else { "" };
    for (table, sections) in &tables {
        let is_empty = sections.iter().flat_map(|section| &section.members).all(|(_, member)| member.is_none());
        match (format, is_empty) {
            (Format::Yaml, true) => out.push_str(&format!("\n{table}: {{}}\n")),
            (Format::Yaml, false) => out.push_str(&format!("\n{table}:\n")),
            (_, true) => out.push_str(&format!("\n[{table}]\n")),
            (_, false) => {}
        }
        for section in sections {
            out.push_str(&section.write_heading(indent));
            for (about, member) in &section.members {
                let entry = match member {
                    Some((key, value)) if format == Format::Toml => toml_entry(table, &key.name, value.members()),
                    member => yaml_members(member.as_slice(), indent.len()),
                };
                out.push_str(&format!("\n{}{entry}", write_comments(indent, about)));
            }
        }
    }
    out
}

fn write_json(top: impl Iterator<Item = NewMember>, tables: &[(&str, Vec<PolicySection>)]) -> String {
    let mut all: Vec<_> = top.filter_map(|(_, member)| member).collect();
    all.extend(tables.iter().map(|(table, sections)| {
        let members = sections.iter().flat_map(|section| &section.members);
        table_member(table, members.filter_map(|(_, member)| member.clone()).collect())
    }));
    json_lines(&DocumentNode::unplaced_table(all), 0) + "\n"
}

impl PolicySection {
    fn write_heading(&self, indent: &str) -> String {
        let start = format!("---- {} ", self.title);
        let room = WIDTH.saturating_sub(indent.len() + 2 + start.chars().count());
        let heading = write_comments(indent, &[format!("{start}{}", "-".repeat(room))]);
        let gap = if self.notes.is_empty() { "" } else { "\n" };
        format!("\n{heading}{gap}{}", write_comments(indent, &self.notes))
    }
}

fn write_comments(indent: &str, lines: &[String]) -> String {
    // Control characters are already made visible; this only ensures that no comment ends before its line does.
    let is_safe = |c: char| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}');
    let comment = |line: &String| {
        let line: String = line.chars().map(|c| if is_safe(c) { c } else { '\u{fffd}' }).collect();
        format!("{indent}{}\n", format!("# {line}").trim_end())
    };
    lines.iter().map(comment).collect()
}

/// What a text that loads as the planned policy does beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verified {
    /// The number of warnings that it loads with.
    pub(crate) warnings: u64,
    /// How many of the listed resources, templates and prompts it refuses.
    pub(crate) left_out: u64,
}

/// Checks that a text loads as the planned policy.
pub(crate) fn verify_policy(
    text: &str,
    server: &Server,
    plan: ServerPlan<'_>,
    format: Format,
) -> Result<Verified, String> {
    if text.len() > MAX_POLICY_FILE {
        let megabytes = MAX_POLICY_FILE / (1024 * 1024);
        return Err(format!(
            "With {} it would be larger than {megabytes} MiB, the limit for a policy.\nwhat to do: write one by hand, with \
             globs and rules by class: docs/policy.md",
            plan.describe_listed()
        ));
    }
    let source = Source::new(format!("the policy for {server}"), format, text);
    let loaded = policy::load_policy(&source, server);
    let Some(policy) = &loaded.policy else {
        let rendered = policy::render_diagnostics(&source, &loaded.diagnostics, Colour::Plain);
        return Err(format!("It has errors.\n\n{rendered}\nwhat to do: please report this"));
    };
    for tool in plan.tools {
        let listing = Listing::As(tool.profile.class);
        let effect = policy.decide_tool(ToolRef { listing, ..(&tool.name).into() }).effect;
        let is_as_planned = match &tool.key {
            Ok(_) => effect == tool.effect(),
            // Left to the rules by class, which let nothing pass without asking.
            Err(_) => effect != Effect::Allow,
        };
        if !is_as_planned {
            return Err(describe_unplanned(&tool.name));
        }
    }
    let left_out = plan.items.verify(policy).map_err(|name| describe_unplanned(&name))?;
    Ok(Verified { warnings: loaded.diagnostics.len() as u64, left_out: left_out as u64 })
}

fn describe_unplanned(name: &str) -> String {
    format!("It does not decide {} as planned.\nwhat to do: please report this", escape_invisible(name))
}

fn top_members(Origin { server, catalogue, day, .. }: &Origin<'_>, count: &str, listed: &str) -> Vec<NewMember> {
    let description =
        format!("{server}: written by policylayer init on {day} for {count}, {listed}. Newer tools ask a person.");
    let stays = "What no rule below applies to is refused. It stays visible, so that somebody notices.";
    let catalogue = catalogue.map(|known| (Vec::new(), Some(text_member("catalogue", known))));
    let head =
        [(Vec::new(), Some(text_member("version", "1"))), (Vec::new(), Some(text_member("description", description)))];
    let defaults = [
        (wrap_lines(stays), Some(text_member("default", "deny"))),
        (Vec::new(), Some(text_member("unlisted", "deny"))),
    ];
    head.into_iter().chain(catalogue).chain(defaults).collect()
}

/// What of results gets stand-ins: everything that is found in texts, and these fields.
fn results_member(fields: &BTreeSet<&'static str>) -> NewMember {
    // What each of them has is found in any text.
    const KINDS: [StandInKind; 4] = [StandInKind::Email, StandInKind::Phone, StandInKind::Card, StandInKind::Iban];
    let about = if fields.is_empty() {
        "Personal data that is found in a result gets a stand-in, and is put back where a later call has it. No fields of this \
         server are known that hold some: add their names as `fields`."
    } else {
        "Personal data in a result gets a stand-in, and is put back where a later call has it: what is found in any text, and \
         the fields that are known to hold some. Take out those whose texts the agent has to read."
    };
    let mut members = vec![list_member("stand_ins", KINDS.map(StandInKind::as_str))];
    if !fields.is_empty() {
        members.push(list_member("fields", fields.iter().copied()));
    }
    (wrap_lines(about), Some(table_member("results", members)))
}

fn class_section() -> PolicySection {
    PolicySection {
        title: "Tools without an entry, by class".to_owned(),
        notes: wrap_lines(
            "A tool that the server lists later, after an update or with another permission, is one that nobody has \
             looked at. So it asks a person, even if it seems to be a read; a destructive one is hidden. \
             Once you have looked, give it an entry of its own.",
        ),
        members: Class::ALL.map(|class| (Vec::new(), Some(table_member(class.as_str(), rule_for_later(class))))).into(),
    }
}

fn write_head(Origin { server, day, .. }: &Origin<'_>, count: &str, listed: &str) -> Vec<String> {
    let mut head = wrap_lines(&format!("What the agent may do with {server}: a policy for its {count}."));
    let strength = server.strength().map(|strength| {
        format!(
            "Its strength is {strength}: {}. With what is recommended for each class, {} (AgentDojo's tasks, without a model: \
             docs/provenance.md).",
            describe_strength(strength),
            describe_figures(strength)
        )
    });
    let paragraphs = [
        format!(
            "Written by `policylayer init` on {day}, {listed}. It is yours now: edit it here, or with `policylayer allow`, \
             `deny`, `hide`, `ask` and `limit`. `policylayer check` finds what is wrong with it."
        ),
        "The tools are grouped by what they do. The text in quotes is how the server begins to describe a tool: that \
         is the server's own claim, and nobody has checked it. The text below it without quotes is policylayer's own."
            .to_owned(),
        "Every key of a policy is explained in docs/policy.md of policylayer.".to_owned(),
    ];
    for paragraph in strength.into_iter().chain(paragraphs) {
        head.push(String::new());
        head.extend(wrap_lines(&paragraph));
    }
    head
}

fn tool_sections(plan: &[PlannedTool], answers: &Answers, server: &Server) -> Vec<PolicySection> {
    let mut by_class: BTreeMap<Class, Vec<&PlannedTool>> = BTreeMap::new();
    plan.iter().for_each(|tool| by_class.entry(tool.profile.class).or_default().push(tool));
    let section = |(class, tools): (Class, Vec<&PlannedTool>)| {
        let answer = answers.get(&class).copied().unwrap_or(Answer::Recommended);
        PolicySection {
            title: format!("{}: {}", plural_of(class), answer.describe_under(class, server.strength())),
            notes: Vec::new(),
            members: tools.into_iter().map(new_member).collect(),
        }
    };
    by_class.into_iter().map(section).collect()
}

/// Returns the sections for resources and prompts; none for what the server does not list.
fn item_sections(items: &ItemPlan) -> Vec<(&'static str, Vec<PolicySection>)> {
    let sections = [
        (
            Section::Resources,
            "Resources: what the server lists may be read",
            "A resource that is not listed here is refused.",
        ),
        (
            Section::Prompts,
            "Prompts: what the server lists may be used",
            "A prompt that is named after a tool follows the tool.",
        ),
    ];
    let sections = sections.into_iter().filter_map(|(section, title, note)| {
        let entries = items.entries.iter().filter(|item| item.section == section);
        let members: Vec<_> = entries.map(new_item_member).collect();
        let section_of = |members| PolicySection { title: title.to_owned(), notes: wrap_lines(note), members };
        (!members.is_empty()).then(|| (section.as_str(), vec![section_of(members)]))
    });
    sections.collect()
}

fn new_item_member(item: &PlannedItem) -> NewMember {
    let claim = item.claim.as_deref().map(first_sentence).filter(|claim| !claim.is_empty());
    let mut comments: Vec<_> = claim.iter().map(|claim| quote_claim(claim)).collect();
    comments.extend(item.shared_by().map(|count| format!("For {}.", count_of(count as u64, "listed resource"))));
    (comments, Some(table_member(&item.key, item.members())))
}

fn request_section() -> PolicySection {
    let note = "The client itself asks a person about these. Anything else that the server requests is refused.";
    PolicySection {
        title: "Requests from the server that pass".to_owned(),
        notes: wrap_lines(note),
        members: ["elicitation", "roots", "sampling"]
            .map(|name| (Vec::new(), Some(table_member(name, Vec::new()))))
            .into(),
    }
}

fn plural_of(class: Class) -> &'static str {
    match class {
        Class::Read => "Reads",
        Class::Write => "Writes",
        Class::Execute => "Executes",
        Class::Destructive => "Destructive",
        Class::Financial => "Financial",
    }
}

fn new_member(tool: &PlannedTool) -> NewMember {
    let mut comments = Vec::new();
    let member = match &tool.key {
        Ok(key) => Some((DocumentKey::unplaced(key), tool.rule.clone())),
        Err(why) => {
            comments.push(quote_claim(&escape_invisible(&tool.name)));
            comments.push(format!("It {why}, so it has no entry: the rule for its class applies."));
            None
        }
    };
    if let Some(said) = tool.description.as_deref().map(first_sentence).filter(|said| !said.is_empty()) {
        comments.push(quote_claim(&said));
    }
    comments.extend(describe_marks(tool));
    (comments, member)
}

fn describe_marks(tool: &PlannedTool) -> Option<String> {
    let profile = &tool.profile;
    let mut marks = Vec::new();
    marks.extend(profile.pii.then_some("Personal data.".to_owned()));
    marks.extend(profile.sends.then_some("Messages may go out.".to_owned()));
    marks.extend(profile.irreversible.then_some("Cannot be undone.".to_owned()));
    if let Knowledge::Classifier(Confidence::Low | Confidence::Medium) = profile.source {
        marks.push(format!("Its class is a guess: {}", escape_invisible(&profile.why)));
    }
    (!marks.is_empty()).then(|| cut_to_comment(&marks.join(" ")))
}

/// Returns the first sentence of an untrusted text, on one line and without invisible characters.
fn first_sentence(text: &str) -> String {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let first = first.split_whitespace().collect::<Vec<_>>().join(" ");
    // A sentence ends only where another begins: not after "e.g.".
    let ends = first.match_indices(['.', '!', '?']).map(|(at, end)| at + end.len()).find(|at| {
        let rest = first.get(*at..).unwrap_or_default();
        rest.strip_prefix(' ').is_some_and(|next| next.starts_with(char::is_uppercase))
    });
    escape_invisible(ends.and_then(|end| first.get(..end)).unwrap_or(&first))
}

/// Puts the server's words in quotes that they cannot close.
fn quote_claim(text: &str) -> String {
    format!("\"{}\"", cut_to_width(&text.replace('"', "'"), COMMENT - 4))
}

fn cut_to_comment(text: &str) -> String {
    cut_to_width(text, COMMENT - 2)
}

/// Cuts the text with an ellipsis if it is wider than `room`.
fn cut_to_width(text: &str, room: usize) -> String {
    let fitting = |room: usize| {
        let mut width = 0;
        let is_beyond = |(_, c): &(usize, char)| {
            width += c.width().unwrap_or(0);
            width > room
        };
        text.char_indices().find(is_beyond).map(|(at, _)| text.get(..at).unwrap_or_default())
    };
    match fitting(room) {
        None => text.to_owned(),
        Some(_) => format!("{}…", fitting(room - 1).unwrap_or(text).trim_end()),
    }
}

fn wrap_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() + 3 <= COMMENT => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
