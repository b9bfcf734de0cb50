//! From what is planned to the policy's text. Whatever a server says of itself gets no further than a comment's line.

use std::collections::BTreeMap;

use unicode_width::UnicodeWidthChar as _;

use super::document::{Document, Entry, Section, Written};
use super::format;
use super::plan::{Answer, Answers, Planned, later};
use crate::limits::MAX_POLICY_FILE;
use crate::policy::{self, Colour, Effect, Format, Listing, ServerName, Source, ToolRef};
use crate::risk::{Class, Confidence, Knowledge};
use crate::visible::visible;

/// How wide a comment may be.
const COMMENT: usize = 110;

/// What the policy is written from.
#[derive(Debug)]
pub(super) struct Origin<'o> {
    /// The server's name.
    pub(super) server: &'o ServerName,
    /// What the server calls itself.
    pub(super) calls_itself: &'o str,
    /// The day, such as 2026-11-22.
    pub(super) day: &'o str,
}

/// The policy's text.
pub(super) fn write(origin: &Origin<'_>, plan: &[Planned], answers: &Answers, format: Format) -> String {
    format::write(&document(origin, plan, answers), format)
}

/// That a text is the policy that was planned; how many warnings it loads with.
///
/// # Errors
/// Where it is not: what is wrong.
pub(super) fn verify(text: &str, server: &ServerName, plan: &[Planned], format: Format) -> Result<u64, String> {
    if text.len() > MAX_POLICY_FILE {
        let megabytes = MAX_POLICY_FILE / (1024 * 1024);
        return Err(format!(
            "With {} tools it would be larger than the {megabytes} MiB that are read.\nwhat to do: write one by hand, with \
             globs and rules by class: docs/policy.md",
            plan.len()
        ));
    }
    let source = Source::new(format!("the policy for {server}"), format, text);
    let loaded = policy::load(&source, server);
    let Some(policy) = &loaded.policy else {
        let rendered = policy::render(&source, &loaded.diagnostics, Colour::Plain);
        return Err(format!("It has errors.\n\n{rendered}\nwhat to do: please report this"));
    };
    for tool in plan {
        let listing = Listing::As(tool.profile.class);
        let effect = policy.decide(ToolRef { name: &tool.name, listing }).effect;
        let is_as_planned = match &tool.key {
            Ok(_) => effect == tool.effect(),
            // Left to the rules by class, which let nothing pass unasked.
            Err(_) => effect != Effect::Allow,
        };
        if !is_as_planned {
            let name = visible(&tool.name);
            return Err(format!("It does not do with {name} what was meant.\nwhat to do: please report this"));
        }
    }
    Ok(loaded.diagnostics.len() as u64)
}

fn document(origin: &Origin<'_>, plan: &[Planned], answers: &Answers) -> Document {
    let Origin { server, day, .. } = origin;
    let listed = line(&format!("from what {} listed", shown(origin.calls_itself)));
    let count = super::super::plural(plan.len() as u64, "tool");
    let pair = |key: &str, text: &str| Some((key.to_owned(), Written::text(text)));
    let description =
        format!("{server}: written by policylayer init on {day} for {count}, {listed}. Newer tools ask a person.");
    let top = vec![
        Entry { comments: Vec::new(), pair: pair("version", "1") },
        Entry { comments: Vec::new(), pair: pair("description", &description) },
        Entry {
            comments: lines(
                "What nothing below has a rule for is refused. It stays visible, so that somebody notices.",
            ),
            pair: pair("default", "deny"),
        },
        Entry { comments: Vec::new(), pair: pair("unlisted", "deny") },
    ];
    let classes = Class::ALL.map(|class| Entry {
        comments: Vec::new(),
        pair: Some((class.as_str().to_owned(), Written::Table(later(class)))),
    });
    Document {
        head: head(origin, &count, &listed),
        top,
        classes: Section {
            title: "Tools without an entry, by class".to_owned(),
            notes: lines(
                "A tool that the server lists later, after an update or with another permission, is one that nobody has \
                 looked at. So it asks a person, even if it seems to be a read, and is noticed; what destroys is hidden. \
                 Once you have looked, give it an entry of its own.",
            ),
            entries: classes.into(),
        },
        tools: sections(plan, answers),
    }
}

fn head(Origin { server, day, .. }: &Origin<'_>, count: &str, listed: &str) -> Vec<String> {
    let mut head = lines(&format!("What the agent may do with {server}: a policy for its {count}."));
    let paragraphs = [
        format!(
            "Written by `policylayer init` on {day}, {listed}. It is yours now: edit it here, or with `policylayer allow`, \
             `deny`, `hide`, `ask` and `limit`. `policylayer check` finds what is wrong with it."
        ),
        "The tools are grouped by what they do. In quotes is how the server begins to describe a tool: that is the \
         server's own claim, and nobody has checked it. What stands below it without quotes is policylayer's own."
            .to_owned(),
        "Every key of a policy is explained in docs/policy.md of policylayer.".to_owned(),
    ];
    for paragraph in paragraphs {
        head.push(String::new());
        head.extend(lines(&paragraph));
    }
    head
}

fn sections(plan: &[Planned], answers: &Answers) -> Vec<Section> {
    let mut by_class: BTreeMap<Class, Vec<&Planned>> = BTreeMap::new();
    plan.iter().for_each(|tool| by_class.entry(tool.profile.class).or_default().push(tool));
    let section = |(class, tools): (Class, Vec<&Planned>)| {
        let answer = answers.get(&class).copied().unwrap_or(Answer::Recommended);
        Section {
            title: format!("{}: {}", plural_of(class), answer.words(class)),
            notes: Vec::new(),
            entries: tools.into_iter().map(entry).collect(),
        }
    };
    by_class.into_iter().map(section).collect()
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

fn entry(tool: &Planned) -> Entry {
    let mut comments = Vec::new();
    let pair = match &tool.key {
        Ok(key) => Some((key.clone(), Written::Table(tool.rule.clone()))),
        Err(why) => {
            comments.push(quotation(&visible(&tool.name)));
            comments.push(format!("It {why}, so there is no entry: `classes` has its rule."));
            None
        }
    };
    if let Some(said) = tool.description.as_deref().map(shown).filter(|said| !said.is_empty()) {
        comments.push(quotation(&said));
    }
    comments.extend(marks(tool));
    Entry { comments, pair }
}

/// What a person should know of a tool before they change its rule.
fn marks(tool: &Planned) -> Option<String> {
    let profile = &tool.profile;
    let mut marks = Vec::new();
    marks.extend(profile.pii.then_some("Personal data.".to_owned()));
    marks.extend(profile.sends.then_some("Messages may go out.".to_owned()));
    marks.extend(profile.irreversible.then_some("Cannot be undone.".to_owned()));
    if let Knowledge::Classifier(Confidence::Low | Confidence::Medium) = profile.source {
        marks.push(format!("Its class is a guess: {}", visible(&profile.why)));
    }
    (!marks.is_empty()).then(|| line(&marks.join(" ")))
}

/// The first sentence of a text from elsewhere, on one line, with nothing in it that is not seen.
fn shown(text: &str) -> String {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let first = first.split_whitespace().collect::<Vec<_>>().join(" ");
    // A sentence ends where another begins: not after "e.g.".
    let ends = first.match_indices(['.', '!', '?']).map(|(at, end)| at + end.len()).find(|at| {
        let rest = first.get(*at..).unwrap_or_default();
        rest.strip_prefix(' ').is_some_and(|next| next.starts_with(char::is_uppercase))
    });
    visible(ends.and_then(|end| first.get(..end)).unwrap_or(&first))
}

/// The server's words, in quotes that none of them can end.
fn quotation(text: &str) -> String {
    format!("\"{}\"", cut(&text.replace('"', "'"), COMMENT - 4))
}

/// A text as one line of a comment.
fn line(text: &str) -> String {
    cut(text, COMMENT - 2)
}

fn cut(text: &str, room: usize) -> String {
    let mut width = 0;
    let end = text.char_indices().find(|(_, c)| {
        width += c.width().unwrap_or(0);
        width > room
    });
    match end {
        None => text.to_owned(),
        Some(_) => {
            let mut width = 1;
            let kept = text.chars().take_while(|c| {
                width += c.width().unwrap_or(0);
                width <= room
            });
            format!("{}…", kept.collect::<String>().trim_end())
        }
    }
}

/// A paragraph of our own, over as many lines as it takes.
fn lines(text: &str) -> Vec<String> {
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
