//! Changes to a policy in YAML, as edits of its lines: of tables and lists in block style, and of those in flow style
//! on one line. Everything else is left to its author.

use super::CannotEdit;
use super::change::{DocumentChange, HEAD, goes_after_head, line_end, line_start, nest_value, remove_lines};
use crate::author::render::{yaml_line, yaml_members, yaml_text};
use crate::policy::decode;
use crate::policy::diagnostic::Report;
use crate::policy::tree::{DocumentKey, DocumentMember, DocumentNode, DocumentValue};
use crate::policy::{Format, Source, Span};

pub(super) fn apply_change(text: &str, name: &str, change: &DocumentChange) -> Result<String, CannotEdit> {
    let root = decode::decode(&Source::new(name, Format::Yaml, text), &mut Report::default());
    let edited = root.filter(|root| !is_flow(text, root)).and_then(|root| {
        let edit = Edit { text };
        match change {
            DocumentChange::Set(path, node) => edit.set_value(&root, path, node),
            DocumentChange::Remove(path) => edit.remove_member(&root, path),
            DocumentChange::Hide(item) => edit.hide_tool(&root, item),
            DocumentChange::Show(at) => edit.remove_item(find_pair(&root, &["hide".to_owned()])?, *at),
            DocumentChange::Append(path, node) => edit.append_item(find_pair(&root, path)?, &yaml_line(node)),
            DocumentChange::Take(path, at) => edit.remove_item(find_pair(&root, path)?, *at),
        }
    });
    edited.ok_or_else(|| CannotEdit::unsupported_shape(name, change))
}

/// An edit of a text. Each method returns the new text; `None` if the text is written in a way that cannot be edited.
struct Edit<'t> {
    text: &'t str,
}

impl Edit<'_> {
    fn set_value(&self, root: &DocumentNode, path: &[String], node: &DocumentNode) -> Option<String> {
        let (at, holder, rest) = walk(root, path);
        let [key, inner @ ..] = rest else { return self.replace_value(holder?, node) };
        let node = nest_value(inner, node);
        if !at.members().is_empty() && !is_flow(self.text, at) {
            return self.add_member(at, key, &node);
        }
        let holder = holder.filter(|_| matches!(at.value, DocumentValue::Table(_) | DocumentValue::Null))?;
        let mut members = at.members().to_vec();
        members.push((DocumentKey::unplaced(key), node));
        let whole = DocumentNode::unplaced_table(members);
        // Entries are easier to read one below the other.
        if at.members().is_empty() && path.len() - rest.len() == 1 {
            self.replace_by_block(holder, &whole)
        } else {
            self.replace_value(holder, &whole)
        }
    }

    fn replace_value(&self, pair: &DocumentMember, node: &DocumentNode) -> Option<String> {
        let (_, old) = pair;
        let is_block =
            matches!(old.value, DocumentValue::Table(_) | DocumentValue::Array(_)) && !is_flow(self.text, old);
        if is_block || (matches!(node.value, DocumentValue::Table(_)) && matches!(old.value, DocumentValue::Null)) {
            return self.replace_by_block(pair, node);
        }
        if let DocumentValue::Null = old.value {
            return self.splice_text(self.value_span(pair)?, &format!(": {}", yaml_line(node)));
        }
        let span = old.span.start..self.end_of_member(pair)?;
        let written = self.text.get(span.clone())?;
        // A value that spans several lines may contain comments.
        let is_plain =
            !written.contains('\n') && (!written.contains('#') || matches!(old.value, DocumentValue::String(_)));
        if is_plain { self.splice_text(span, &yaml_line(node)) } else { None }
    }

    fn replace_by_block(&self, pair: &DocumentMember, node: &DocumentNode) -> Option<String> {
        let (key, old) = pair;
        if node.members().is_empty() && !matches!(node.value, DocumentValue::Array(_)) {
            return self.replace_by_empty(pair, "{}");
        }
        let is_block = matches!(old.value, DocumentValue::Table(_)) && !is_flow(self.text, old);
        if is_block {
            let indent = self.column_at(old.span.start);
            let (from, to) = (line_start(self.text, old.span.start), self.end_of_member(pair)?);
            let body = yaml_members(node.members(), indent);
            return self.splice_text(from..to, body.trim_end_matches('\n'));
        }
        let span = self.value_span(pair)?;
        if self.text.get(span.clone())?.contains('\n') && !matches!(old.value, DocumentValue::Null) {
            return None;
        }
        let indent = self.column_at(key.span.start) + 2;
        self.splice_text(span, &format!(":\n{}", yaml_members(node.members(), indent).trim_end_matches('\n')))
    }

    /// Replaces a table or list with an empty one. A comment after its key stays.
    fn replace_by_empty(&self, pair: &DocumentMember, empty: &str) -> Option<String> {
        let span = self.value_span(pair)?;
        let colon = span.start + self.text.get(span.clone())?.find(':')? + 1;
        let line_end = line_end(self.text, colon);
        let is_block = pair.1.span.start >= line_end && !is_flow(self.text, &pair.1);
        if !is_block {
            return self.splice_text(span, &format!(": {empty}"));
        }
        let behind = self.text.get(colon..line_end)?.trim_end();
        self.splice_text(colon..span.end, &format!(" {empty}{behind}"))
    }

    /// Adds a member at the end of a table in block style; `hide` and the keys of the head go after the head of the
    /// document.
    fn add_member(&self, table: &DocumentNode, key: &str, node: &DocumentNode) -> Option<String> {
        let indent = self.column_at(table.members().first()?.0.span.start);
        let head = table.members().iter().rposition(|(own, _)| HEAD.contains(&own.name.as_str()));
        let behind = head.filter(|_| goes_after_head(key)).unwrap_or(table.members().len() - 1);
        let at = self.end_of_member(table.members().get(behind)?)?;
        let line_end = line_end(self.text, at);
        let member = yaml_members(&[(DocumentKey::unplaced(key), node.clone())], indent);
        // Follows the layout of the document: a blank line comes first if other members have one.
        let is_paragraph = indent == 0 && self.has_blank_lines(table) && matches!(node.value, DocumentValue::Table(_));
        let blank = if is_paragraph { "\n" } else { "" };
        self.insert_lines(line_end, &format!("{blank}{member}"))
    }

    /// Inserts whole lines where a line ends.
    fn insert_lines(&self, at: usize, lines: &str) -> Option<String> {
        match self.text.get(..at)?.ends_with('\n') {
            true => self.splice_text(at..at, lines),
            false => self.splice_text(at..at, &format!("\n{}", lines.trim_end_matches('\n'))),
        }
    }

    fn has_blank_lines(&self, table: &DocumentNode) -> bool {
        let before = |key: &DocumentKey| self.text.get(..line_start(self.text, key.span.start));
        table.members().iter().any(|(key, _)| before(key).is_some_and(|before| before.ends_with("\n\n")))
    }

    fn remove_member(&self, root: &DocumentNode, path: &[String]) -> Option<String> {
        let (last, way) = path.split_last()?;
        let (at, holder, []) = walk(root, way) else { return None };
        let gone = at.members().iter().find(|(own, _)| own.name == *last)?;
        let left: Vec<_> = at.members().iter().filter(|(own, _)| own.name != *last).cloned().collect();
        match holder {
            Some(holder) if left.is_empty() || is_flow(self.text, at) => {
                self.replace_value(holder, &DocumentNode::unplaced_table(left))
            }
            _ => Some(remove_lines(self.text, gone.0.span.start, self.end_of_member(gone)?)),
        }
    }

    fn hide_tool(&self, root: &DocumentNode, item: &str) -> Option<String> {
        let Some(pair) = root.members().iter().find(|(key, _)| key.name == "hide") else {
            let list = DocumentValue::Array(vec![DocumentNode::unplaced_string(item)]);
            return self.add_member(root, "hide", &DocumentNode::unplaced(list));
        };
        self.append_item(pair, &yaml_text(item))
    }

    fn append_item(&self, pair: &DocumentMember, item: &str) -> Option<String> {
        let Some(last) = pair.1.items().last() else {
            return self.splice_text(self.value_span(pair)?, &format!(": [{item}]"));
        };
        let end = self.end_of_value(last)?;
        if is_flow(self.text, &pair.1) {
            return self.splice_text(end..end, &format!(", {item}"));
        }
        let indent = " ".repeat(self.dash_column(last)?);
        self.insert_lines(line_end(self.text, end), &format!("{indent}- {item}\n"))
    }

    fn remove_item(&self, pair: &DocumentMember, at: usize) -> Option<String> {
        let items = pair.1.items();
        let item = items.get(at)?;
        if items.len() == 1 {
            return self.replace_by_empty(pair, "[]");
        }
        if !is_flow(self.text, &pair.1) {
            let end = self.end_of_value(item)?;
            let (from, to) = (line_start(self.text, item.span.start), line_end(self.text, end));
            return self.dash_column(item).and_then(|_| self.splice_text(from..to, ""));
        }
        let span = match (items.get(at + 1), at.checked_sub(1).and_then(|before| items.get(before))) {
            (Some(next), _) => item.span.start..next.span.start,
            (None, Some(before)) => self.end_of_value(before)?..self.end_of_value(item)?,
            (None, None) => return None,
        };
        // A comment in between is about one of the two members, and only its author knows which.
        if self.text.get(span.clone())?.contains('#') { None } else { self.splice_text(span, "") }
    }

    /// Returns the span from after a key to the end of its value.
    fn value_span(&self, pair: &DocumentMember) -> Option<Span> {
        Some(pair.0.span.end..self.end_of_member(pair)?)
    }

    /// Returns the end of a member. An empty value has no place, so the member ends with the colon.
    fn end_of_member(&self, (key, value): &DocumentMember) -> Option<usize> {
        if matches!(value.value, DocumentValue::Null) && value.span.is_empty() {
            return Some(key.span.end + self.text.get(key.span.end..)?.find(':')? + 1);
        }
        self.end_of_value(value)
    }

    /// Returns the end of a value: behind its bracket, if it has one.
    fn end_of_value(&self, value: &DocumentNode) -> Option<usize> {
        let inner: Option<Vec<usize>> = match &value.value {
            DocumentValue::Table(members) => members.iter().map(|member| self.end_of_member(member)).collect(),
            DocumentValue::Array(items) => items.iter().map(|item| self.end_of_value(item)).collect(),
            _ => return Some(value.span.start + self.text.get(value.span.clone())?.trim_end().len()),
        };
        let inner = inner?.into_iter().max();
        if !is_flow(self.text, value) {
            return inner;
        }
        let mut at = inner.unwrap_or(value.span.start + 1);
        loop {
            let behind = self.text.get(at..)?;
            let next = behind.chars().next()?;
            at += match next {
                ']' | '}' => return Some(at + 1),
                '#' => behind.find('\n')?,
                ',' => 1,
                blank if blank.is_whitespace() => blank.len_utf8(),
                _ => return None,
            };
        }
    }

    /// Returns the column of the dash of an item on a line of its own.
    fn dash_column(&self, item: &DocumentNode) -> Option<usize> {
        let before = self.text.get(line_start(self.text, item.span.start)..item.span.start)?;
        let dash = before.find('-')?;
        before.chars().all(|c| c == ' ' || c == '-').then_some(dash)
    }

    fn column_at(&self, at: usize) -> usize {
        at - line_start(self.text, at)
    }

    fn splice_text(&self, span: Span, new: &str) -> Option<String> {
        Some([self.text.get(..span.start)?, new, self.text.get(span.end..)?].concat())
    }
}

/// Returns the member at the end of a path.
fn find_pair<'n>(root: &'n DocumentNode, path: &[String]) -> Option<&'n DocumentMember> {
    let (_, holder, rest) = walk(root, path);
    holder.filter(|_| rest.is_empty())
}

/// Follows a path as far as it leads. Returns the last node, the member that holds it, and the rest of the path.
fn walk<'n, 'p>(
    root: &'n DocumentNode,
    path: &'p [String],
) -> (&'n DocumentNode, Option<&'n DocumentMember>, &'p [String]) {
    let (mut at, mut holder, mut rest) = (root, None, path);
    while let Some((key, deeper)) = rest.split_first() {
        let Some(member) = at.members().iter().find(|(own, _)| own.name == *key) else { break };
        (at, holder, rest) = (&member.1, Some(member), deeper);
    }
    (at, holder, rest)
}

fn is_flow(text: &str, node: &DocumentNode) -> bool {
    matches!(node.value, DocumentValue::Table(_) | DocumentValue::Array(_))
        && text.get(node.span.start..).is_some_and(|text| text.starts_with(['{', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(pairs: &[(&str, &str)]) -> DocumentNode {
        DocumentNode::unplaced_table(
            pairs
                .iter()
                .map(|(key, text)| (DocumentKey::unplaced(*key), DocumentNode::unplaced_string(*text)))
                .collect(),
        )
    }

    fn path(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn lines_are_edited_and_no_others() {
        let deny = || DocumentChange::Set(path(&["tools", "a b"]), entry(&[("action", "deny"), ("reason", "No: # 1")]));
        let act =
            |text: &str| DocumentChange::Set(path(&["tools", "x", "action"]), DocumentNode::unplaced_string(text));
        for (before, change, after) in [
            ("a: 1\n# end\n", deny(), "a: 1\ntools:\n  \"a b\":\n    action: deny\n    reason: \"No: # 1\"\n# end\n"),
            ("tools: {} # none\n", deny(), "tools:\n  \"a b\":\n    action: deny\n    reason: \"No: # 1\" # none\n"),
            (
                "tools:\n    x: {}",
                deny(),
                "tools:\n    x: {}\n    \"a b\":\n      action: deny\n      reason: \"No: # 1\"",
            ),
            ("tools:\n  x: {} # y\n", act("hide"), "tools:\n  x: { action: hide } # y\n"),
            ("tools:\n  x:\n    action: deny # y\n", act("hide"), "tools:\n  x:\n    action: hide # y\n"),
            (
                "tools:\n  x: { action: deny, reason: 'n' }\n",
                act("hide"),
                "tools:\n  x: { action: hide, reason: 'n' }\n",
            ),
            (
                "tools:\n  x:\n    # why\n    action: deny\n  y: {}\n",
                DocumentChange::Remove(path(&["tools", "x"])),
                "tools:\n  y: {}\n",
            ),
            (
                "tools:\n  x:\n    action: deny\n# end\n",
                DocumentChange::Remove(path(&["tools", "x"])),
                "tools: {}\n# end\n",
            ),
            (
                "default: deny\ntools: {}\n",
                DocumentChange::Hide("a*".to_owned()),
                "default: deny\nhide: [\"a*\"]\ntools: {}\n",
            ),
            ("hide:\n- a # A\nb: 1\n", DocumentChange::Hide("c".to_owned()), "hide:\n- a # A\n- c\nb: 1\n"),
            ("hide: [a, b] # two\n", DocumentChange::Hide("null".to_owned()), "hide: [a, b, \"null\"] # two\n"),
            ("hide: [a, b, c]\n", DocumentChange::Show(1), "hide: [a, c]\n"),
            ("hide: [a, b]\n", DocumentChange::Show(1), "hide: [a]\n"),
            (
                "hide:\n  - a\n  # about b\n  - b # B\n  - c\n",
                DocumentChange::Show(0),
                "hide:\n  # about b\n  - b # B\n  - c\n",
            ),
            (
                "tools:\n  x:\n    limits: # L\n      - max: 1 # A\n        window: 5\n      - { max: 2 } # B\n# end\n",
                DocumentChange::Append(path(&["tools", "x", "limits"]), entry(&[("max", "z")])),
                "tools:\n  x:\n    limits: # L\n      - max: 1 # A\n        window: 5\n      - { max: 2 } # B\n      - { max: z }\n# end\n",
            ),
            (
                "tools:\n  x:\n    limits: # L\n      - max: 1 # A\n        window: 5\n      - { max: 2 } # B\n# end\n",
                DocumentChange::Take(path(&["tools", "x", "limits"]), 0),
                "tools:\n  x:\n    limits: # L\n      - { max: 2 } # B\n# end\n",
            ),
            (
                "tools:\n  x: { limits: [{ max: 1 }, { max: 2 }] } # X\n",
                DocumentChange::Append(path(&["tools", "x", "limits"]), entry(&[("max", "z")])),
                "tools:\n  x: { limits: [{ max: 1 }, { max: 2 }, { max: z }] } # X\n",
            ),
            (
                "tools:\n  x: { limits: [{ max: 1 }, { max: 2 }] } # X\n",
                DocumentChange::Take(path(&["tools", "x", "limits"]), 1),
                "tools:\n  x: { limits: [{ max: 1 }] } # X\n",
            ),
            ("hide:\n  - a\nb: 1\n", DocumentChange::Show(0), "hide: []\nb: 1\n"),
            ("hide: # few\n  - a # A\nb: 1\n", DocumentChange::Show(0), "hide: [] # few # A\nb: 1\n"),
            (
                "tools: # all\n\n  # x\n  x:\n    action: deny\n",
                DocumentChange::Remove(path(&["tools", "x"])),
                "tools: {} # all\n",
            ),
        ] {
            let edited = apply_change(before, "test", &change).unwrap();
            assert_eq!(edited, after, "{change:?} in\n{before}");
        }
    }

    #[test]
    fn what_has_room_for_comments_in_brackets_is_left_to_its_author() {
        let change = DocumentChange::Set(path(&["tools", "x", "action"]), DocumentNode::unplaced_string("deny"));
        for text in
            ["{tools: {x: {}}}\n", "tools: {\n  y: {}, # why\n}\n", "tools:\n  x: {\n    reason: a, # why\n  }\n"]
        {
            let why = apply_change(text, "test", &change).unwrap_err().to_string();
            assert!(why.contains("tools:\n  x:\n    action: deny"), "{why}");
        }
        let show = DocumentChange::Show(0);
        assert!(
            apply_change("hide: [a, # A\n  b]\n", "test", &show)
                .unwrap_err()
                .to_string()
                .contains("item 1 from the list")
        );
    }
}
