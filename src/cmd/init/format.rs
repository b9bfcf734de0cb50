//! The three formats: one policy, written as each of them has it.

use toml_edit::Key;

use super::document::{Document, Entry, Pairs, Section, Written};
use crate::policy::Format;

/// How wide the rule behind a heading reaches, as in the policies that are built in.
const WIDTH: usize = 120;

/// The text of a policy.
pub(super) fn write(document: &Document, format: Format) -> String {
    match format {
        Format::Toml => toml(document),
        Format::Json => json(document),
        Format::Yaml => yaml(document),
    }
}

fn comment(out: &mut String, indent: &str, line: &str) {
    // Made visible before; that none ends before its line does is held here once more.
    let is_safe = |c: char| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}');
    let line: String = line.chars().map(|c| if is_safe(c) { c } else { '\u{fffd}' }).collect();
    out.push_str(indent);
    out.push_str(format!("# {line}").trim_end());
    out.push('\n');
}

/// `# ---- Reads: allowed -----`
fn heading(out: &mut String, indent: &str, section: &Section) {
    let start = format!("---- {} ", section.title);
    let room = WIDTH.saturating_sub(indent.len() + 2 + start.chars().count());
    out.push('\n');
    comment(out, indent, &format!("{start}{}", "-".repeat(room)));
    if !section.notes.is_empty() {
        out.push('\n');
        section.notes.iter().for_each(|note| comment(out, indent, note));
    }
}

fn toml(document: &Document) -> String {
    let mut out = String::new();
    document.head.iter().for_each(|line| comment(&mut out, "", line));
    out.push('\n');
    for Entry { comments, pair } in &document.top {
        comments.iter().for_each(|line| comment(&mut out, "", line));
        if let Some((key, value)) = pair {
            toml_pair(&mut out, key, value);
        }
    }
    toml_section(&mut out, "classes", &document.classes);
    if !document.tools.iter().flat_map(|section| &section.entries).any(|entry| entry.pair.is_some()) {
        out.push_str("\n[tools]\n");
    }
    document.tools.iter().for_each(|section| toml_section(&mut out, "tools", section));
    out
}

fn toml_section(out: &mut String, under: &str, section: &Section) {
    heading(out, "", section);
    for Entry { comments, pair } in &section.entries {
        out.push('\n');
        comments.iter().for_each(|line| comment(out, "", line));
        if let Some((key, Written::Table(pairs))) = pair {
            out.push_str(&format!("[{under}.{}]\n", Key::new(key)));
            pairs.iter().for_each(|(key, value)| toml_pair(out, key, value));
        }
    }
}

fn toml_pair(out: &mut String, key: &str, value: &Written) {
    out.push_str(&format!("{} = ", Key::new(key)));
    toml_value(out, value, 0);
    out.push('\n');
}

fn toml_value(out: &mut String, value: &Written, depth: usize) {
    match value {
        Written::Text(text) => out.push_str(toml_edit::Value::from(text.as_str()).to_string().trim()),
        Written::Plain(plain) => out.push_str(plain),
        Written::List(items) => {
            let lines = value.items_on_lines().is_some();
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(match (lines, at) {
                    (true, _) => "\n",
                    (false, 0) => "",
                    (false, _) => ", ",
                });
                out.push_str(&"  ".repeat(if lines { depth + 1 } else { 0 }));
                toml_value(out, item, depth + 1);
                out.push_str(if lines { "," } else { "" });
            }
            if lines {
                out.push('\n');
                out.push_str(&"  ".repeat(depth));
            }
            out.push(']');
        }
        Written::Table(pairs) if pairs.is_empty() => out.push_str("{}"),
        Written::Table(pairs) => {
            for (at, (key, value)) in pairs.iter().enumerate() {
                out.push_str(&format!("{}{} = ", if at == 0 { "{ " } else { ", " }, Key::new(key)));
                toml_value(out, value, depth);
            }
            out.push_str(" }");
        }
    }
}

fn json(document: &Document) -> String {
    let entries = |entries: &[Entry]| entries.iter().filter_map(|entry| entry.pair.clone()).collect::<Pairs>();
    let mut all = entries(&document.top);
    all.push(("classes".to_owned(), Written::Table(entries(&document.classes.entries))));
    let tools = document.tools.iter().flat_map(|section| entries(&section.entries)).collect();
    all.push(("tools".to_owned(), Written::Table(tools)));
    let mut out = String::new();
    json_value(&mut out, &Written::Table(all), 0, Lines::Many);
    out.push('\n');
    out
}

/// Over how many lines a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    One,
    Many,
}

fn json_value(out: &mut String, value: &Written, depth: usize, lines: Lines) {
    match value {
        Written::Text(text) => out.push_str(&quoted(text)),
        Written::Plain(plain) => out.push_str(plain),
        Written::List(items) => {
            let lines = if value.items_on_lines().is_some() { Lines::Many } else { Lines::One };
            json_items(out, ['[', ']'], items.iter().map(|item| (None, item)), depth, lines);
        }
        Written::Table(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| (Some(key.as_str()), value));
            json_items(out, ['{', '}'], pairs, depth, lines);
        }
    }
}

fn json_items<'v>(
    out: &mut String,
    [open, close]: [char; 2],
    items: impl ExactSizeIterator<Item = (Option<&'v str>, &'v Written)>,
    depth: usize,
    lines: Lines,
) {
    let lines = if items.len() == 0 { Lines::One } else { lines };
    out.push(open);
    for (at, (key, item)) in items.enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        match lines {
            Lines::Many => {
                out.push('\n');
                out.push_str(&"  ".repeat(depth + 1));
            }
            Lines::One => out.push_str(if at == 0 && open == '[' { "" } else { " " }),
        }
        if let Some(key) = key {
            out.push_str(&format!("{}: ", quoted(key)));
        }
        // What is within a list is as short as it can be.
        let within = if open == '[' || lines == Lines::One { Lines::One } else { Lines::Many };
        let within = if key.is_some_and(|key| key == "rate_limit") { Lines::One } else { within };
        json_value(out, item, if lines == Lines::Many { depth + 1 } else { depth }, within);
    }
    match lines {
        Lines::Many => {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
        }
        Lines::One => out.push_str(if open == '{' && !out.ends_with('{') { " " } else { "" }),
    }
    out.push(close);
}

/// A text as JSON has it, which is one of YAML's ways, too, but for two characters that YAML takes only escaped.
fn quoted(text: &str) -> String {
    let text = serde_json::Value::from(text).to_string();
    text.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
}

fn yaml(document: &Document) -> String {
    let mut out = String::new();
    document.head.iter().for_each(|line| comment(&mut out, "", line));
    out.push('\n');
    document.top.iter().for_each(|entry| yaml_entry(&mut out, entry, 0));
    let is_empty =
        |sections: &[Section]| !sections.iter().flat_map(|section| &section.entries).any(|e| e.pair.is_some());
    for (key, sections) in [("classes", std::slice::from_ref(&document.classes)), ("tools", &document.tools)] {
        out.push_str(&format!("\n{key}:{}\n", if is_empty(sections) { " {}" } else { "" }));
        for section in sections {
            heading(&mut out, "  ", section);
            for entry in &section.entries {
                out.push('\n');
                yaml_entry(&mut out, entry, 1);
            }
        }
    }
    out
}

fn yaml_entry(out: &mut String, entry: &Entry, depth: usize) {
    entry.comments.iter().for_each(|line| comment(out, &"  ".repeat(depth), line));
    if let Some((key, value)) = &entry.pair {
        out.push_str(&"  ".repeat(depth));
        yaml_pair(out, key, value, depth);
    }
}

/// A key and its value, from where the key begins to the end of the line.
fn yaml_pair(out: &mut String, key: &str, value: &Written, depth: usize) {
    out.push_str(&format!("{}:", yaml_text(key)));
    let indent = |depth: usize| "  ".repeat(depth);
    match value {
        Written::Text(text) => out.push_str(&format!(" {}\n", yaml_text(text))),
        Written::Plain(plain) => out.push_str(&format!(" {plain}\n")),
        Written::Table(pairs) if pairs.is_empty() => out.push_str(" {}\n"),
        Written::Table(pairs) => {
            out.push('\n');
            for (key, value) in pairs {
                out.push_str(&indent(depth + 1));
                yaml_pair(out, key, value, depth + 1);
            }
        }
        Written::List(items) => match value.items_on_lines() {
            None => {
                // A list of texts and numbers is one of JSON's.
                out.push(' ');
                json_value(out, value, 0, Lines::One);
                out.push('\n');
            }
            Some(_) => {
                out.push('\n');
                items.iter().for_each(|item| yaml_item(out, item, depth + 1));
            }
        },
    }
}

fn yaml_item(out: &mut String, item: &Written, depth: usize) {
    out.push_str(&format!("{}- ", "  ".repeat(depth)));
    match item {
        Written::Table(pairs) if !pairs.is_empty() => {
            for (at, (key, value)) in pairs.iter().enumerate() {
                out.push_str(&if at == 0 { String::new() } else { "  ".repeat(depth + 1) });
                yaml_pair(out, key, value, depth + 1);
            }
        }
        other => {
            json_value(out, other, 0, Lines::One);
            out.push('\n');
        }
    }
}

/// A text, in quotes unless every reader of YAML takes it as it stands.
fn yaml_text(text: &str) -> String {
    // What some reader takes for a boolean, or for nothing.
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { quoted(text) }
}
