//! Edits that put the wrapper before a server's command in a file, and that take it out again.
//!
//! The program's own text moves, as written, to the head of the arguments, so that taking the wrapper out restores
//! every byte and nothing has to be kept elsewhere. An entry without arguments gets a list with blanks inside its
//! brackets, `[ "wrap", … ]`, which marks the list as added.

use std::ops::Range;

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::CstRootNode;
use toml_edit::DocumentMut;

use super::document::{BadDocument, ClientDocument, ClientFormat, TextEdit};
use super::entry::{Args, CommandForm, Launch, Word, Wrapped, is_table_of_servers};
use super::table::{Layout, Row};
use crate::policy::tree::DocumentNode;
use crate::record::Enforcement;

/// Returns the edits that put `program wrap OPTIONS --` before a command.
pub fn wrap_edits(document: &ClientDocument, launch: &Launch, program: &str, options: &[String]) -> Vec<TextEdit> {
    let ours = ["wrap"].into_iter().chain(options.iter().map(String::as_str)).chain(["--"]);
    if let (CommandForm::Joined, Some(args)) = (launch.form, &launch.args) {
        let between = item_separator(document, args.span.start, &launch.program, args.words.first());
        let front = [program].into_iter().chain(ours).map(|word| format!("{},{between}", quote_string(word)));
        return vec![(launch.program.span.start..launch.program.span.start, front.collect())];
    }
    let mut words: Vec<String> = ours.map(quote_string).collect();
    words.push(document.text_of(launch.program.span.clone()).to_owned());
    let added = match &launch.args {
        Some(args) => match args.words.first().map(|first| first.span.start) {
            Some(first) => {
                let between = argument_separator(document, args);
                (first..first, words.iter().map(|word| format!("{word},{between}")).collect())
            }
            None => (args.span.start + 1..args.span.start + 1, words.join(", ")),
        },
        None => new_list(document, launch, &words.join(", ")),
    };
    vec![(launch.program.span.clone(), quote_string(program)), added]
}

/// Returns the separator of two arguments: a line break with its indentation if the first one has a line of its own.
fn argument_separator<'d>(document: &'d ClientDocument, args: &Args) -> &'d str {
    let Some(first) = args.words.first() else { return " " };
    item_separator(document, args.span.start, first, args.words.get(1))
}

/// The same for any list, which begins at `start`.
fn item_separator<'d>(document: &'d ClientDocument, start: usize, first: &Word, second: Option<&Word>) -> &'d str {
    let before = document.text_of(start + 1..first.span.start);
    if let Some(line) = last_line(before) {
        return line;
    }
    let gap = second.map(|second| document.text_of(first.span.end..second.span.start));
    if gap == Some(",") { "" } else { " " }
}

/// Returns the last line break of blank text, with the indentation after it.
fn last_line(blank: &str) -> Option<&str> {
    if !blank.chars().all(char::is_whitespace) {
        return None;
    }
    let at = blank.rfind('\n')?;
    let at = if blank.get(..at)?.ends_with('\r') { at - 1 } else { at };
    blank.get(at..)
}

pub(super) fn new_list(document: &ClientDocument, launch: &Launch, words: &str) -> TextEdit {
    let (key, program) = (launch.program_key.clone(), launch.program.span.clone());
    if let Some((end, prefix, line_end)) = toml_line(document, launch) {
        return (end..end, format!("{line_end}{prefix}args = [ {words} ]"));
    }
    let before = document.text_of(0..key.start);
    let blank = before.get(before.trim_end().len()..).unwrap_or_default();
    let gap = last_line(blank).unwrap_or(if blank.is_empty() { "" } else { " " });
    let assigned = match document.text_of(key.end..program.start) {
        sign if sign.trim() == ":" || sign.trim() == "=" => sign,
        _ if document.format == ClientFormat::Toml => " = ",
        _ => ": ",
    };
    let name = if document.format == ClientFormat::Toml { "args" } else { "\"args\"" };
    (program.end..program.end, format!(",{gap}{name}{assigned}[ {words} ]"))
}

/// Returns the end of the line, the text before the key, and the line ending, if the command has a line of its own in
/// TOML. `None` inside an inline table, and in JSON.
fn toml_line<'d>(document: &'d ClientDocument, launch: &Launch) -> Option<(usize, &'d str, &'static str)> {
    let text = &document.text;
    let start = text.get(..launch.program_key.start)?.rfind('\n').map_or(0, |at| at + 1);
    let prefix = document.text_of(start..launch.program_key.start);
    let program = &launch.program.span;
    if document.format != ClientFormat::Toml || is_in_inline_table(&document.root, program.start, document) {
        return None;
    }
    let line = text.get(program.end..)?.split('\n').next()?;
    let end = program.end + line.trim_end_matches('\r').len();
    let is_crlf = line.ends_with('\r') || (program.end + line.len() == text.len() && text.contains("\r\n"));
    Some((end, prefix, if is_crlf { "\r\n" } else { "\n" }))
}

fn is_in_inline_table(node: &DocumentNode, place: usize, document: &ClientDocument) -> bool {
    let is_inline = node.span.contains(&place) && document.text_of(node.span.clone()).starts_with('{');
    let members = node.members();
    !members.is_empty() && (is_inline || members.iter().any(|(_, value)| is_in_inline_table(value, place, document)))
}

/// Returns the edit that makes a wrapper observe or enforce the policy; none if its words are not in a list.
pub fn enforcement_edit(
    document: &ClientDocument,
    launch: &Launch,
    wrapped: &Wrapped,
    wanted: Enforcement,
) -> Option<TextEdit> {
    let args = launch.args.as_ref()?;
    // The program is the first word, and no argument.
    let own = args.words.get(wrapped.program..wrapped.before.min(args.words.len()))?;
    match wanted {
        Enforcement::Observed => {
            let after = own.get(1)?.span.start;
            let word = format!("{},{}", quote_string(OBSERVE), argument_separator(document, args));
            Some((after..after, word))
        }
        Enforcement::Enforced => {
            let at = own.iter().position(|word| word.text == OBSERVE)?;
            let word = own.get(at)?;
            Some(match own.get(at + 1) {
                Some(next) => (word.span.start..next.span.start, String::new()),
                None => (own.get(at.checked_sub(1)?)?.span.end..word.span.end, String::new()),
            })
        }
    }
}

/// The option of `wrap` that enforces nothing.
pub(super) const OBSERVE: &str = "--observe";

/// Returns the edits that take the wrapper out; none if the words are not in a list.
pub fn unwrap_edits(document: &ClientDocument, launch: &Launch, wrapped: &Wrapped) -> Vec<TextEdit> {
    let Some(args) = &launch.args else { return Vec::new() };
    let (Some(first), Some(program)) = (args.words.first(), args.words.get(wrapped.before - 1)) else {
        return Vec::new();
    };
    if launch.form == CommandForm::Joined {
        return vec![(launch.program.span.start..program.span.start, String::new())];
    }
    let mut edits = vec![(launch.program.span.clone(), document.text_of(program.span.clone()).to_owned())];
    if let Some(next) = args.words.get(wrapped.before) {
        edits.push((first.span.start..next.span.start, String::new()));
    } else if let Some(added) = added_list(document, launch, args) {
        edits.push((added, String::new()));
    } else {
        edits.push((first.span.start..program.span.end, String::new()));
        // With no words left, their trailing comma must go as well.
        edits.extend(trailing_comma(document, program.span.end..args.span.end).map(|comma| (comma, String::new())));
    }
    edits
}

/// Returns the span of a list that [`new_list`] has added, with the separator before it.
pub(super) fn added_list(document: &ClientDocument, launch: &Launch, args: &Args) -> Option<Range<usize>> {
    let (first, last) = (args.words.first()?, args.words.last()?);
    let is_ours = document.text_of(args.span.start + 1..first.span.start) == " "
        && document.text_of(last.span.end..args.span.end - 1) == " ";
    if !is_ours || args.key.start < launch.program.span.end {
        return None;
    }
    let start = match toml_line(document, launch) {
        Some((end, prefix, line_end)) => {
            let between = document.text_of(end..args.key.start);
            (between == format!("{line_end}{prefix}")).then_some(end)?
        }
        None => {
            let between = document.text_of(launch.program.span.end..args.key.start);
            between.strip_prefix(',').filter(|gap| gap.trim().is_empty())?;
            launch.program.span.end
        }
    };
    Some(start..args.span.end)
}

/// Returns the first comma among blanks and comments.
fn trailing_comma(document: &ClientDocument, span: Range<usize>) -> Option<Range<usize>> {
    let text = document.text_of(span.clone());
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        if rest.starts_with(',') {
            return Some(span.start + at..span.start + at + 1);
        }
        at += comment_length(rest, document.format).or_else(|| rest.chars().next().map(char::len_utf8))?;
    }
    None
}

fn comment_length(text: &str, format: ClientFormat) -> Option<usize> {
    let line = if format == ClientFormat::Toml { "#" } else { "//" };
    if text.starts_with(line) {
        return text.lines().next().map(str::len);
    }
    (format != ClientFormat::Toml && text.starts_with("/*")).then(|| text.find("*/").map(|end| end + 2))?
}

/// A server that a client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewServer {
    /// Its key.
    pub name: String,
    /// The words of its command, with the wrapper.
    pub command: Vec<String>,
    /// The variables of its environment.
    pub env: Vec<(String, String)>,
}

/// Returns the keys that lead to where a new server is added.
pub fn keys_of_new_server(document: &ClientDocument, row: &Row) -> &'static [&'static str] {
    let is_nested = || document.find_table(&["mcp", "servers"]).ok().flatten().is_some_and(is_table_of_servers);
    if row.layout == Layout::OpenCode && is_nested() { &["mcp", "servers"] } else { row.keys }
}

/// Returns the edits that add a server.
///
/// # Errors
/// Returns an error if something else is in the place of the servers.
pub fn add_server(document: &ClientDocument, row: &Row, server: &NewServer) -> Result<Vec<TextEdit>, BadDocument> {
    let name = server.name.as_str();
    let text = document.text.as_str();
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let all_keys = keys_of_new_server(document, row);
    let [keys @ .., last] = all_keys else { return Ok(Vec::new()) };
    if row.format == ClientFormat::Toml {
        let servers = document.find_table(row.keys)?;
        if let Some(servers) = servers.filter(|servers| document.text_of(servers.span.clone()).starts_with('{')) {
            let message = format!("{last} is an inline table; write its servers as [{last}.NAME] first");
            return Err(document.error_at(servers.span.start, message));
        }
        let blank = match text {
            "" => "",
            text if text.ends_with('\n') => line_end,
            _ => &line_end.repeat(2),
        };
        let line = |(key, value): &(&str, String)| format!("{key} = {value}{line_end}");
        let lines: String = server_members(row, server, ", ").iter().map(line).collect();
        let added = format!("{blank}[{last}.{}]{line_end}{lines}", bare_or_quoted(name));
        return Ok(vec![(text.len()..text.len(), added)]);
    }
    let style = Style::of_document(document, line_end);
    if document.root.span.is_empty() {
        let written =
            style.write_object(0, &[(last, style.write_object(1, &[(name, write_server(row, server, style, 2))]))]);
        // The file may have comments even in strict JSON, and the last one may not end its line.
        let comments = text.trim_end();
        let gap = if comments.is_empty() { "" } else { line_end };
        return Ok(vec![(comments.len()..text.len(), format!("{gap}{written}{line_end}"))]);
    }
    let Some(parent) = document.find_table(keys)? else { return Ok(Vec::new()) };
    Ok(match document.unique_member(parent, last)? {
        Some((_, servers)) => {
            document.unique_members(servers)?;
            let depth = all_keys.len() + 1;
            add_member(document, style, servers, (name, write_server(row, server, style, depth)), depth - 1)
        }
        None => {
            let depth = all_keys.len();
            let value = style.write_object(depth, &[(name, write_server(row, server, style, depth + 1))]);
            add_member(document, style, parent, (last, value), depth - 1)
        }
    })
}

/// Returns the text without a server; `None` if the server is not where `keys` lead.
pub(super) fn remove_server(document: &ClientDocument, keys: &[String], name: &str) -> Option<String> {
    if document.format == ClientFormat::Toml {
        let mut edited: DocumentMut = document.text.parse().ok()?;
        let servers = keys.iter().try_fold(edited.as_item_mut(), |item, key| item.get_mut(key.as_str()))?;
        servers.as_table_like_mut()?.remove(name)?;
        return Some(edited.to_string());
    }
    let root = CstRootNode::parse(&document.text, &ParseOptions::default()).ok()?;
    let servers = keys.iter().try_fold(root.object_value()?, |object, key| object.object_value(key))?;
    servers.get(name)?.remove();
    Some(root.to_string())
}

/// Returns the edit that turns the text of a document into another one, without the text that they share at both ends.
pub(super) fn edit_between(document: &ClientDocument, new: &str) -> TextEdit {
    let old = document.text.as_str();
    let shared = |one: &mut dyn Iterator<Item = char>, other: &mut dyn Iterator<Item = char>| -> usize {
        one.zip(other).take_while(|(one, other)| one == other).map(|(c, _)| c.len_utf8()).sum()
    };
    let start = shared(&mut old.chars(), &mut new.chars());
    let (old_rest, new_rest) = (old.get(start..).unwrap_or_default(), new.get(start..).unwrap_or_default());
    let end = shared(&mut old_rest.chars().rev(), &mut new_rest.chars().rev());
    let added = new_rest.get(..new_rest.len() - end).unwrap_or_default();
    (start..old.len() - end, added.to_owned())
}

/// The layout of a JSON file: its line breaks and indentation.
#[derive(Clone, Copy)]
struct Style<'d> {
    /// One step of indentation; `None` if everything is on one line.
    indent: Option<&'d str>,
    line_end: &'d str,
}

impl<'d> Style<'d> {
    fn of_document(document: &'d ClientDocument, line_end: &'d str) -> Self {
        let Some((first, _)) = document.root.members().first() else { return Self { indent: Some("  "), line_end } };
        let blank = document.text_of(document.root.span.start + 1..first.span.start);
        let indent = match last_line(blank) {
            Some(line) => Some(line.trim_start_matches(['\r', '\n'])).filter(|indent| !indent.is_empty()),
            None if !blank.trim().is_empty() => Some("  "),
            None => None,
        };
        Self { indent, line_end }
    }

    fn member_gap(self, depth: usize) -> String {
        self.indent.map_or_else(String::new, |indent| format!("{}{}", self.line_end, indent.repeat(depth)))
    }

    fn write_member(self, key: &str, value: &str) -> String {
        format!("{}:{}{value}", quote_string(key), if self.indent.is_some() { " " } else { "" })
    }

    fn write_object(self, depth: usize, members: &[(&str, String)]) -> String {
        let gap = self.member_gap(depth + 1);
        let members: Vec<_> = members.iter().map(|(key, value)| gap.clone() + &self.write_member(key, value)).collect();
        format!("{{{}{}}}", members.join(","), self.member_gap(depth))
    }
}

/// Returns the members of a new server, each value in a spelling that JSON and TOML share.
fn server_members<'r>(row: &'r Row, server: &NewServer, comma: &str) -> Vec<(&'r str, String)> {
    let mut members: Vec<(&str, String)> = row.extra.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    let words: Vec<_> = server.command.iter().map(|word| quote_string(word)).collect();
    if row.layout == Layout::OpenCode {
        members.push(("command", format!("[{}]", words.join(comma))));
    } else {
        let (program, args) = words.split_first().map_or(("", &[][..]), |(program, args)| (program.as_str(), args));
        members.extend([("command", program.to_owned()), ("args", format!("[{}]", args.join(comma)))]);
    }
    if !server.env.is_empty() {
        let assigned = if row.format == ClientFormat::Toml { " = ".to_owned() } else { comma.replace(',', ":") };
        let vars =
            server.env.iter().map(|(key, value)| format!("{}{assigned}{}", quote_string(key), quote_string(value)));
        let vars = vars.collect::<Vec<_>>().join(comma);
        let blank = comma.trim_start_matches(',');
        members.push((row.env_key(), format!("{{{blank}{vars}{blank}}}")));
    }
    members
}

fn write_server(row: &Row, server: &NewServer, style: Style<'_>, depth: usize) -> String {
    let comma = if style.indent.is_some() { ", " } else { "," };
    style.write_object(depth, &server_members(row, server, comma))
}

/// Adds a member at the end of an object.
fn add_member(
    document: &ClientDocument,
    style: Style<'_>,
    object: &DocumentNode,
    (key, value): (&str, String),
    depth: usize,
) -> Vec<TextEdit> {
    let member = style.member_gap(depth + 1) + &style.write_member(key, &value);
    let inside_end = object.span.end - 1;
    let Some((_, last)) = object.members().last() else {
        let inside = object.span.start + 1..inside_end;
        let blank = document.text_of(inside.clone());
        // Blanks go; a comment stays after the new member and keeps its line end.
        let is_blank = blank.trim().is_empty();
        let end = if is_blank || !blank.contains('\n') { style.member_gap(depth) } else { String::new() };
        let replaced = if is_blank { inside } else { inside.start..inside.start };
        return vec![(replaced, member + &end)];
    };
    let after = last.span.end;
    let comma = trailing_comma(document, after..inside_end);
    // A comment on the line of the last member stays there.
    let mut place = comma.as_ref().map_or(after, |comma| comma.end);
    let rest = document.text_of(place..inside_end);
    let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    if let Some(length) = rest.get(blank..).and_then(|rest| comment_length(rest, document.format)) {
        place += blank + length;
    }
    match comma {
        Some(_) => vec![(place..place, member + ",")],
        None if place == after => vec![(after..after, format!(",{member}"))],
        None => vec![(after..after, ",".to_owned()), (place..place, member)],
    }
}

/// Quotes a string in a way that both JSON and TOML accept: TOML wants DEL escaped as well.
pub(super) fn quote_string(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

fn bare_or_quoted(key: &str) -> String {
    let is_bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if is_bare { key.to_owned() } else { quote_string(key) }
}
