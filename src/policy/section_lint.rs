//! Doubts about the sections of a document: entries that are never about anything, and names that may be read as others.

use super::compared_name::ComparedKey;
use super::compile::Policy;
use super::decision::Effect;
use super::diagnostic::{Report, quote_for_message};
use super::document::{PolicyDocument, PolicyEntry, ToolName};
use super::entry::Rule;
use super::glob::NamePattern;
use super::keys::words::nearest_word;
use super::section::{Section, Standing};
use crate::wire::method::{METHODS, Method, MethodClass, MethodKind, PolicySubject, Sender, classify_method};
use crate::wire::uri;

/// What is wrong with a key, and what to do.
type Doubt = (&'static str, String, String);

/// What `requests` is about, beside methods.
const REQUESTS: [&str; 3] = ["sampling", "elicitation", "roots"];

pub(super) fn report_section_doubts(document: &PolicyDocument, policy: Option<&Policy>, report: &mut Report) {
    for (section, entries) in &document.sections {
        for entry in entries {
            let doubt = match section {
                Section::Resources => doubt_uri(&entry.key),
                Section::Prompts => None,
                Section::Requests => doubt_request(&entry.key),
                Section::Methods => doubt_method(&entry.key),
            };
            let doubts = doubt.into_iter().chain(doubt_conditions(Some(*section), &entry.rule));
            doubts.for_each(|(code, message, hint)| report.push_warning(code, &entry.span, message, hint));
        }
        if let Some(policy) = policy {
            only_allows_what_passes(*section, entries, policy, report);
        }
    }
    let tools = document.tools.iter().flatten().map(|entry| (&entry.span, &entry.rule));
    let classes = document.classes.iter().flatten().map(|entry| (&entry.span, &entry.rule));
    let all = document.all_tools.iter().map(|entry| (&entry.span, &entry.rule));
    for (span, rule) in tools.chain(classes).chain(all) {
        let doubt = doubt_conditions(None, rule);
        doubt.into_iter().for_each(|(code, message, hint)| report.push_warning(code, span, message, hint));
    }
}

fn doubt_uri(key: &ToolName) -> Option<Doubt> {
    let shown = quote_for_message(&key.text);
    let hint = "a file is `file:///srv/reports/may.csv`, on Windows `file:///C:/reports/may.csv`";
    match uri::scheme(&key.text) {
        Some(drive) if drive.len() == 1 => {
            Some(("matches-nothing", format!("{shown} is a path, and not a URI"), hint.to_owned()))
        }
        None if !key.text.contains(':') && !key.text.starts_with(['*', '?', '[', '{']) => {
            let message = format!("{shown} has no scheme, and a URI begins with one");
            Some(("matches-nothing", message, hint.to_owned()))
        }
        _ if key
            .pattern
            .split()
            .iter()
            .any(|pattern| !ComparedKey::new(Section::Resources, pattern.clone()).has_match(Section::Resources)) =>
        {
            let message = format!("{shown} matches no URI in the form in which it is compared");
            let hint = "remove repeated slashes, and blanks and dots at the end of a part of the path";
            Some(("matches-nothing", message, hint.to_owned()))
        }
        _ => None,
    }
}

fn doubt_request(key: &ToolName) -> Option<Doubt> {
    let shown = quote_for_message(&key.text);
    let name = match &key.pattern {
        NamePattern::Exact(name) => name.as_str(),
        pattern if pattern.matches_all() || REQUESTS.iter().any(|name| pattern.matches(name)) => return None,
        pattern => {
            let method = METHODS.iter().find(|method| {
                REQUESTS.contains(&Section::request_name(method.name)) && pattern.matches(method.name)
            })?;
            let name = Section::request_name(method.name);
            let message = format!("{shown} does not match {}, which is called `{name}` here", method.name);
            return Some(("no-effect", message, format!("write `{name}`")));
        }
    };
    if REQUESTS.contains(&name) {
        return None;
    }
    let never = |method: &Method| {
        let is_asked = method.kind == MethodKind::Request && method.subject != PolicySubject::Session;
        method.sender == Sender::Client || !is_asked
    };
    let names = "the requests from a server are `sampling`, `elicitation`, `roots`, and methods such as `x-vendor/ask`";
    match classify_method(name) {
        MethodClass::Known(method) if never(method) => {
            let message = format!("`requests` does not apply to {shown}");
            Some(("no-effect", message, names.to_owned()))
        }
        MethodClass::LooksLike(known) => Some(doubt_look_alike(&shown, known)),
        MethodClass::Unknown if !name.contains('/') => {
            let near = nearest_word(name, REQUESTS.into_iter());
            let hint = near.map_or_else(|| names.to_owned(), |near| format!("did you mean `{near}`?"));
            Some(("no-such-request", format!("no known request from a server is called {shown}"), hint))
        }
        MethodClass::Known(_) | MethodClass::Unknown => None,
    }
}

fn doubt_method(key: &ToolName) -> Option<Doubt> {
    let shown = quote_for_message(&key.text);
    let is_elsewhere = |method: &Method| !matches!(method.subject, PolicySubject::Methods | PolicySubject::Tasks);
    let method = match &key.pattern {
        NamePattern::Exact(name) => match classify_method(name) {
            MethodClass::Known(method) => Some(method).filter(|method| is_elsewhere(method))?,
            MethodClass::LooksLike(known) => return Some(doubt_look_alike(&shown, known)),
            MethodClass::Unknown => return None,
        },
        pattern if pattern.matches_all() => return None,
        pattern => METHODS.iter().find(|method| is_elsewhere(method) && pattern.matches(method.name))?,
    };
    let message = match &key.pattern {
        NamePattern::Exact(_) => format!("`methods` does not apply to {shown}"),
        NamePattern::Glob(_) => format!("{shown} matches `{}`, to which `methods` does not apply", method.name),
    };
    let hint = match method.subject {
        PolicySubject::Session => "no rule applies to it".to_owned(),
        subject => format!("it is decided by {}", subject.describe()),
    };
    Some(("no-effect", message, hint))
}

fn doubt_look_alike(shown: &str, known: &str) -> Doubt {
    let message = format!("{shown} can be taken for `{known}`, so it is refused, whatever the policy says");
    ("no-effect", message, "remove it, or write the method as the protocol does".to_owned())
}

/// Warns of a condition on what a message of this kind never has. `None` is the section of tools.
fn doubt_conditions(section: Option<Section>, rule: &Rule) -> Option<Doubt> {
    let is_resource = section == Some(Section::Resources);
    let path = rule.argument_paths().find(|path| path.is_uri() != is_resource)?;
    let path = quote_for_message(path.as_str());
    Some(if is_resource {
        let message = format!("a resource is read without arguments, so nothing is at {path}");
        ("no-such-argument", message, "write `uri` for the URI that is read".to_owned())
    } else {
        let message = format!("only resources have a URI, so nothing is at {path}");
        ("no-such-argument", message, "name an argument, as in `args.email`".to_owned())
    })
}

/// Warns of entries that only allow where everything is allowed: their author may think that they leave the rest out.
fn only_allows_what_passes(section: Section, entries: &[PolicyEntry<ToolName>], policy: &Policy, report: &mut Report) {
    let Some(first) = entries.first() else { return };
    let restricts = |entry: &PolicyEntry<ToolName>| entry.rule.effect != Effect::Allow || entry.rule.checks.is_some();
    // The exact name of a prompt or an app permits it although its tool is hidden.
    let rescues = |entry: &PolicyEntry<ToolName>| match &entry.key.pattern {
        NamePattern::Exact(name) => section == Section::Prompts || uri::scheme(name) == Some("ui"),
        NamePattern::Glob(_) => false,
    };
    let passes = [Standing::Unknown, Standing::Listed]
        .map(|standing| policy.decide_without_entry(section, standing).effect == Effect::Allow);
    if passes != [true; 2] || entries.iter().any(|entry| restricts(entry) || rescues(entry)) {
        return;
    }
    let message = format!("every {} is allowed, so `{section}` changes nothing", section.item_noun());
    let hint = format!("to leave out the others, add `\"*\"` with `action = \"deny\"` under `{section}`");
    report.push_warning("no-effect", &first.span, message, hint);
}
