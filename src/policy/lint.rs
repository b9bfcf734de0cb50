//! Checks on the whole document: rules that contradict each other, and rules that probably do not mean what their
//! author meant.

use std::collections::{BTreeMap, HashMap};

use unicode_script::{Script, UnicodeScript};

use super::compile::Policy;
use super::decision::Effect;
use super::diagnostic::{Report, quote_for_message};
use super::document::{Otherwise, PolicyDocument, PolicyEntry, ToolName};
use super::glob::NamePattern;
use super::keys::words::{list_words, nearest_word};
use super::section::Section;
use super::section_lint::report_section_doubts;
use super::server::Server;
use super::source::Span;
use crate::limits::MAX_GLOBS;
use crate::risk::{Catalogue, Class};
use crate::unicode::is_default_ignorable;
use crate::wire::uri::decode_fully;

/// Reports contradictions, which stop loading.
pub(super) fn report_contradictions(document: &PolicyDocument, report: &mut Report) {
    let entries: &[PolicyEntry<ToolName>] = document.tools.as_deref().unwrap_or_default();
    same_name_twice(entries, "tool", report);
    for (section, entries) in &document.sections {
        same_name_twice(entries, section.item_noun(), report);
    }

    let mut patterns = 0;
    let in_sections = document.sections.iter().flat_map(|(_, entries)| entries);
    for entry in document.hide.iter().flatten().chain(entries).chain(in_sections) {
        patterns += if let NamePattern::Glob(expanded) = &entry.key.pattern { expanded.len() } else { 0 };
        if patterns > MAX_GLOBS {
            let message = format!("the globs of this policy expand to more than {MAX_GLOBS} patterns");
            report.push_error("too-many-globs", &entry.span, message, "write fewer, wider globs");
            return;
        }
    }
    ambiguous_globs(entries, "tool", report);
    for (section, entries) in &document.sections {
        ambiguous_globs(entries, section.item_noun(), report);
    }
}

/// Reports one name under two keys, such as `a` and an escaped spelling of it.
fn same_name_twice(entries: &[PolicyEntry<ToolName>], noun: &str, report: &mut Report) {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for entry in entries {
        if let NamePattern::Exact(name) = &entry.key.pattern
            && let Some(earlier) = seen.insert(name, &entry.key.text)
            && earlier != entry.key.text
        {
            let message = format!(
                "{} and {} are the same {noun}",
                quote_for_message(earlier),
                quote_for_message(&entry.key.text)
            );
            report.push_error("duplicate-key", &entry.span, message, "keep one of the two");
        }
    }
}

/// Reports two globs with equally much literal text that share a name: neither is more specific.
fn ambiguous_globs(entries: &[PolicyEntry<ToolName>], noun: &str, report: &mut Report) {
    let globs: Vec<_> = entries
        .iter()
        .filter_map(
            |entry| if let NamePattern::Glob(patterns) = &entry.key.pattern { Some((entry, patterns)) } else { None },
        )
        .collect();
    for (at, (entry, patterns)) in globs.iter().enumerate() {
        let rival = globs.iter().take(at).find(|(_, earlier)| {
            earlier
                .iter()
                .any(|a| patterns.iter().any(|b| a.literal_length() == b.literal_length() && a.overlaps_with(b)))
        });
        if let Some((rival, _)) = rival {
            let message = format!(
                "{} and {} can match the same {noun}, with equally much literal text",
                quote_for_message(&rival.key.text),
                quote_for_message(&entry.key.text)
            );
            report.push_error(
                "ambiguous-glob",
                &entry.span,
                message,
                format!("list the {noun}s that both match by name, or make one of the globs longer"),
            );
        }
    }
}

/// Reports doubts, which do not stop loading. `policy` is the compiled document; `None` if it does not compile.
pub(super) fn report_doubts(document: &PolicyDocument, policy: Option<&Policy>, server: &Server, report: &mut Report) {
    let catalogue = server.catalogue();
    if let Some(default) = &document.default {
        if default.value == Otherwise::Allow {
            report.push_warning(
                "default-allow",
                &default.span,
                "every tool that is not listed is allowed, including those that the server adds later",
                "\"deny\" with an entry for each tool that is needed is safer",
            );
            if let Some(unlisted) = &document.unlisted {
                report.push_warning(
                    "no-effect",
                    &unlisted.span,
                    "`unlisted` says how `default` refuses, and this one allows",
                    "remove `unlisted`, or make `default` \"deny\"",
                );
            }
        }
        if policy.is_some_and(Policy::allows_nothing) && !report.has_errors() {
            let beside = [Section::Resources, Section::Prompts];
            let message = if beside.into_iter().all(|section| policy.is_some_and(|it| it.refuses_unmentioned(section)))
            {
                format!("nothing is allowed: every tool, resource and prompt of {server} would be refused")
            } else {
                format!("no tool is allowed: every tool of {server} would be refused")
            };
            report.push_warning(
                "nothing-allowed",
                &default.span,
                message,
                match catalogue {
                    Some(_) => "add an entry under `tools` for each tool that is needed",
                    None => {
                        "add an entry under `tools` for each tool that is needed; if the policy is for another server, \
                     name it with --server"
                    }
                },
            );
        }
    }
    if let Some(hints) = &document.trust_hints {
        report.push_warning(
            "trusted-hints",
            &hints.span,
            format!("a tool that {server} itself calls read-only counts as a read, if its name and arguments do not say otherwise"),
            "keep the key only for a server whose code you trust: one that lies about a tool is not noticed",
        );
    }
    hidden_and_listed(document, report);
    deceptive_names(document, report);
    if let Some(policy) = policy {
        useless_previews(document, policy, report);
    }
    report_section_doubts(document, policy, report);
    if let Some(catalogue) = catalogue {
        unknown_tools(document, catalogue, report);
        unknown_arguments(document, catalogue, report);
        if let Some(policy) = policy {
            destructive_allowed(document, policy, catalogue, report);
        }
    }
}

/// Warns of entries whose tool is also in the `hide` list.
fn hidden_and_listed(document: &PolicyDocument, report: &mut Report) {
    for entry in document.tools.iter().flatten().filter(|entry| entry.rule.effect != Effect::Hide) {
        let hides = document.hide.iter().flatten().find(|item| match &entry.key.pattern {
            NamePattern::Exact(name) => item.key.pattern.matches(name),
            NamePattern::Glob(_) => item.key.text == entry.key.text || item.key.pattern.matches_all(),
        });
        if let Some(item) = hides {
            let message = format!(
                "{} is listed here and hidden by `{}`; it stays hidden",
                quote_for_message(&entry.key.text),
                item.rule.path
            );
            report.push_warning(
                "hidden-and-listed",
                &entry.span,
                message,
                "remove it from `hide` if it is to be called, or from `tools` if it is not",
            );
        }
    }
}

/// Warns of previews that cannot be made: their tool is no read, or the policy does not allow it.
fn useless_previews(document: &PolicyDocument, policy: &Policy, report: &mut Report) {
    for entry in document.tools.iter().flatten() {
        let Some(preview) = entry.rule.checks.as_ref().and_then(|checks| checks.preview.as_ref()) else { continue };
        let tool = preview.tool();
        let (what, hint) = if policy.decide_tool(tool).effect != Effect::Allow {
            ("which the policy does not allow", "allow that tool, or remove the preview")
        } else if policy.class_of(tool) != Class::Read {
            ("which is not known to be a read", "name a tool that only reads, or give it `class = \"read\"`")
        } else {
            continue;
        };
        let message = format!("the preview calls {}, {what}", quote_for_message(tool));
        report.push_warning("useless-preview", &entry.span, message, hint);
    }
}

/// Warns of names and globs that may be read as other ones: with characters that are not seen, or of several scripts.
fn deceptive_names(document: &PolicyDocument, report: &mut Report) {
    let tools = [&document.hide, &document.tools].into_iter().flatten().flatten().map(|entry| ("tools/list", entry));
    let in_sections = document.sections.iter().flat_map(|(section, entries)| {
        let place = match section {
            Section::Resources => "resources/list",
            Section::Prompts => "prompts/list",
            Section::Requests | Section::Methods => "the documentation of the server",
        };
        entries.iter().map(move |entry| (place, entry))
    });
    for (place, PolicyEntry { span, key: ToolName { text, .. }, .. }) in tools.chain(in_sections) {
        if text.is_ascii() && !text.contains('%') {
            continue;
        }
        let decoded = decode_fully(text);
        // A path may have parts in several languages.
        let parts = || decoded.split(['/', ':', '?', '#', '&', '=', '.']);
        let what = if decoded.contains(is_default_ignorable) {
            "characters that are not seen"
        } else if parts().any(mixes_scripts) {
            "characters of several scripts, which may look alike"
        } else {
            continue;
        };
        report.push_warning(
            "deceptive-name",
            span,
            format!("{} has {what}", quote_for_message(text)),
            format!("compare it with the name in {place}, character by character"),
        );
    }
}

/// Whether a text mixes scripts otherwise than Chinese, Japanese and Korean do (UTS #39, highly restrictive).
fn mixes_scripts(text: &str) -> bool {
    use Script::{Bopomofo, Common, Han, Hangul, Hiragana, Inherited, Katakana, Latin};
    let is_in = |allowed: &[Script]| text.chars().all(|c| allowed.contains(&c.script()));
    let first = text.chars().map(|c| c.script()).find(|script| !matches!(script, Common | Inherited));
    let together: [&[Script]; 4] =
        [&[first.unwrap_or(Common)], &[Latin, Han, Hiragana, Katakana], &[Latin, Han, Bopomofo], &[Latin, Han, Hangul]];
    !together.iter().any(|scripts| is_in(&[scripts, &[Common, Inherited][..]].concat()))
}

fn unknown_arguments(document: &PolicyDocument, catalogue: &Catalogue, report: &mut Report) {
    for entry in document.tools.iter().flatten() {
        let NamePattern::Exact(tool) = &entry.key.pattern else { continue };
        let Some(known) = catalogue.argument_names(tool) else { continue };
        let mut said: Vec<&str> = Vec::new();
        for path in entry.rule.argument_paths() {
            let Some(argument) = path.argument_name() else { continue };
            if said.contains(&argument) || known.iter().any(|name| name == argument) {
                continue;
            }
            said.push(argument);
            let message = format!("{} has no argument {}", quote_for_message(tool), quote_for_message(argument));
            let names = known.iter().map(String::as_str);
            report.push_warning(
                "no-such-argument",
                &entry.span,
                message,
                match nearest_word(argument, names.clone()) {
                    Some(near) => format!("did you mean `args.{near}`?"),
                    None if known.is_empty() => "it takes no arguments".to_owned(),
                    None => format!("its arguments are {}", list_words(&names.collect::<Vec<_>>())),
                },
            );
        }
    }
}

fn unknown_tools(document: &PolicyDocument, catalogue: &Catalogue, report: &mut Report) {
    for PolicyEntry { span, key: ToolName { text, pattern }, .. } in
        [&document.hide, &document.tools].into_iter().flatten().flatten()
    {
        if catalogue.tools().iter().any(|tool| pattern.matches(&tool.name)) {
            continue;
        }
        let message =
            format!("no known tool of {} {} matches {}", catalogue.server, catalogue.version, quote_for_message(text));
        let names = catalogue.tools().iter().map(|tool| tool.name.as_str());
        let near = if report.is_full() { None } else { nearest_word(text, names) };
        report.push_warning(
            "no-such-tool",
            span,
            message,
            match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "compare it with the names in tools/list; upper and lower case count".to_owned(),
            },
        );
    }
}

/// Warns of tools that destroy or cost money and are allowed without limit or approval, once for each rule.
fn destructive_allowed(document: &PolicyDocument, policy: &Policy, catalogue: &Catalogue, report: &mut Report) {
    let mut by_rule: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for tool in catalogue.tools().iter().filter(|tool| matches!(tool.class, Class::Destructive | Class::Financial)) {
        let decision = policy.decide_tool(&tool.name);
        if decision.effect == Effect::Allow && !policy.limits_or_asks(&tool.name) {
            by_rule.entry(decision.rule).or_default().push(&tool.name);
        }
    }
    for (rule, tools) in by_rule {
        let first = tools.first().copied().unwrap_or_default();
        let which = match tools.len() {
            1 => format!("the destructive tool `{first}` is"),
            more => format!("{more} destructive tools, such as `{first}`, are"),
        };
        let message = format!("{which} allowed without a limit or an approval");
        report.push_warning(
            "destructive-allowed",
            &span_of_rule(document, rule),
            message,
            "hide or deny what no agent needs, and limit the rest with `rate_limit`",
        );
    }
}

/// The span of the rule with this path: an entry, a class, or else the default.
fn span_of_rule(document: &PolicyDocument, path: &str) -> Span {
    let tools = document.tools.iter().flatten().map(|entry| (&entry.rule, &entry.span));
    let mut entries = tools.chain(document.classes.iter().flatten().map(|entry| (&entry.rule, &entry.span)));
    let entry = entries.find(|(rule, _)| rule.path == path).map(|(_, span)| span);
    entry.or(document.default.as_ref().map(|default| &default.span)).cloned().unwrap_or(0..0)
}
