//! Changes to a policy in TOML. Comments, order and quotes are kept.

use toml_edit::{Array, Decor, DocumentMut, InlineTable, Item, RawString, Table, Value};

use super::CannotEdit;
use super::change::{DocumentChange, HEAD, goes_after_head, remove_lines};
use crate::author::render::{toml_key, toml_text, toml_value};
use crate::policy::decode;
use crate::policy::diagnostic::Report;
use crate::policy::tree::{DocumentMember, DocumentNode, DocumentValue};
use crate::policy::{Format, Source};

pub(super) fn apply_change(text: &str, name: &str, change: &DocumentChange) -> Result<String, CannotEdit> {
    let otherwise = || CannotEdit::unsupported_shape(name, change);
    let mut document: DocumentMut = text.parse().map_err(|_| otherwise())?;
    match change {
        DocumentChange::Set(path, node) if is_new_at_head(&document, path) => {
            insert_after_head(&mut document, path.first().ok_or_else(otherwise)?, toml_value(node, 0));
        }
        DocumentChange::Set(path, node) => {
            // `[all_tools]`, `[tools.NAME]`; what is deeper is inline.
            let headers = if path.first().is_some_and(|key| key == "all_tools") { 1 } else { 2 };
            set_value(document.as_item_mut(), path, node, headers).ok_or_else(otherwise)?;
        }
        DocumentChange::Remove(path) => {
            if let Some(text) = remove_table(text, &document, path) {
                return Ok(text);
            }
            remove_key(document.as_item_mut(), path);
        }
        DocumentChange::Hide(item) => match document.get_mut("hide") {
            Some(hide) => push_item(hide.as_array_mut().ok_or_else(otherwise)?, toml_text(item)),
            None => {
                let list: Array = [toml_text(item)].into_iter().collect();
                insert_after_head(&mut document, "hide", list.into());
            }
        },
        DocumentChange::Show(at) => {
            remove_item(document.get_mut("hide").and_then(Item::as_array_mut).ok_or_else(otherwise)?, *at);
        }
        DocumentChange::Append(path, node) => match find_item(&mut document, path) {
            Some(Item::ArrayOfTables(tables)) => {
                let mut table = Table::new();
                fill_table(&mut table, node.members(), 0);
                tables.push(table);
            }
            Some(Item::Value(Value::Array(list))) => push_item(list, toml_value(node, 1)),
            _ => return Err(otherwise()),
        },
        DocumentChange::Take(path, at) => match find_item(&mut document, path) {
            Some(Item::ArrayOfTables(tables)) => drop(tables.remove(*at)),
            Some(Item::Value(Value::Array(list))) => remove_item(list, *at),
            _ => return Err(otherwise()),
        },
    }
    Ok(document.to_string())
}

fn find_item<'d>(document: &'d mut DocumentMut, path: &[String]) -> Option<&'d mut Item> {
    path.iter().try_fold(document.as_item_mut(), |item, key| item.as_table_like_mut()?.get_mut(key))
}

/// Sets a value, with headers of their own for tables on this many more levels. `None` if something on the way is not a
/// table.
fn set_value(item: &mut Item, path: &[String], node: &DocumentNode, headers: usize) -> Option<()> {
    let (key, rest) = path.split_first()?;
    let headers = if item.as_table().is_some_and(|table| !table.is_dotted()) { headers } else { 0 };
    let table = item.as_table_like_mut()?;
    if !rest.is_empty() {
        if table.get(key).is_none() {
            let mut made = Table::new();
            made.set_implicit(true);
            let made = if headers > 0 { Item::Table(made) } else { Item::Value(InlineTable::new().into()) };
            table.entry_format(&toml_key(key)).or_insert(made);
        }
        return set_value(table.get_mut(key)?, rest, node, headers.saturating_sub(1));
    }
    match (table.get_mut(key), &node.value) {
        (Some(Item::Table(old)), DocumentValue::Table(members)) => {
            old.clear();
            old.set_implicit(false);
            old.set_dotted(false);
            fill_table(old, members, headers.saturating_sub(1));
        }
        (Some(Item::Value(old)), _) => {
            let decor: Decor = old.decor().clone();
            *old = toml_value(node, 0);
            *old.decor_mut() = decor;
        }
        (old, _) => {
            let item = new_item(node, if old.is_none() { headers } else { 0 });
            *table.entry_format(&toml_key(key)).or_insert(Item::None) = item;
        }
    }
    Some(())
}

fn new_item(node: &DocumentNode, headers: usize) -> Item {
    match &node.value {
        DocumentValue::Table(members) if headers > 0 => {
            let mut table = Table::new();
            fill_table(&mut table, members, headers - 1);
            Item::Table(table)
        }
        _ => Item::Value(toml_value(node, 0)),
    }
}

fn fill_table(table: &mut Table, members: &[DocumentMember], headers: usize) {
    for (key, node) in members {
        table.insert_formatted(&toml_key(&key.name), new_item(node, headers));
    }
}

fn remove_key(item: &mut Item, path: &[String]) {
    let (Some((key, rest)), Some(table)) = (path.split_first(), item.as_table_like_mut()) else { return };
    if !rest.is_empty() {
        if let Some(item) = table.get_mut(key) {
            remove_key(item, rest);
        }
        return;
    }
    table.remove(key);
    // A table that only its members imply must stay.
    if let Item::Table(table) = item
        && table.is_empty()
    {
        table.set_implicit(false);
        table.set_dotted(false);
    }
}

/// Returns the text without the lines of a table that has a header.
fn remove_table(text: &str, document: &DocumentMut, path: &[String]) -> Option<String> {
    let mut table = document.as_table();
    for key in path {
        table = table.get(key).and_then(Item::as_table).filter(|table| !table.is_dotted())?;
    }
    if table.is_implicit() {
        return None;
    }
    let tree = |text: &str| decode::decode(&Source::new("", Format::Toml, text), &mut Report::default());
    let mut node = tree(text)?;
    let mut header = 0;
    for name in path {
        let DocumentValue::Table(pairs) = node.value else { return None };
        let (key, value) = pairs.into_iter().find(|(key, _)| key.name == *name)?;
        (header, node) = (key.span.end, value);
    }
    let out = remove_lines(text, header, end_of_table(text, &node, header));
    // The removed lines may have been the only ones that imply the parent table.
    let Some((first, _)) = path.split_first().filter(|(_, rest)| !rest.is_empty()) else { return Some(out) };
    if tree(&out).is_some_and(|root| root.member(first).is_some()) {
        return Some(out);
    }
    let mut document: DocumentMut = out.parse().ok()?;
    document.insert(first, Item::Table(Table::new()));
    Some(document.to_string())
}

fn end_of_table(text: &str, node: &DocumentNode, header: usize) -> usize {
    match &node.value {
        DocumentValue::Table(pairs) if !text.get(node.span.clone()).is_some_and(|text| text.starts_with('{')) => {
            pairs.iter().map(|(key, value)| end_of_table(text, value, key.span.end)).fold(header, usize::max)
        }
        // An array of tables ends with its last table.
        DocumentValue::Array(items) => {
            items.iter().map(|item| end_of_table(text, item, header)).fold(node.span.end.max(header), usize::max)
        }
        _ => node.span.end.max(header),
    }
}

fn is_new_at_head(document: &DocumentMut, path: &[String]) -> bool {
    matches!(path, [key] if goes_after_head(key) && document.get(key).is_none())
}

/// Adds a key after the head of the document.
fn insert_after_head(document: &mut DocumentMut, key: &str, value: Value) {
    let order: Vec<String> = document.iter().map(|(key, _)| key.to_owned()).collect();
    let is_last = document.iter().filter(|(_, item)| item.is_value()).last().is_none_or(|(key, _)| HEAD.contains(&key));
    document.insert(key, Item::Value(value));
    if !is_last {
        let head = order.iter().rposition(|key| HEAD.contains(&key.as_str())).unwrap_or_default();
        let rank = |key: &str| order.iter().position(|own| own == key).map_or(2 * head + 1, |at| 2 * at);
        document.sort_values_by(|one, _, other, _| rank(one).cmp(&rank(other)));
    }
}

/// Adds an item at the end of a list, in the style of the others.
fn push_item(list: &mut Array, mut item: Value) {
    let raw = |raw: Option<&RawString>| raw.and_then(RawString::as_str).unwrap_or_default().to_owned();
    let trailing = raw(Some(list.trailing()));
    let is_over_lines = trailing.contains('\n') || list.iter().any(|item| raw(item.decor().prefix()).contains('\n'));
    if !is_over_lines || list.is_empty() {
        list.push_formatted(item.decorated(if list.is_empty() { "" } else { " " }, ""));
        return;
    }
    let first = list.get(0).map(|item| raw(item.decor().prefix())).unwrap_or_default();
    let indent = first.rsplit('\n').next().unwrap_or_default();
    let indent = if indent.trim().is_empty() && first.contains('\n') { indent.to_owned() } else { "  ".to_owned() };
    // A comment after the last item stays there.
    let of_the_last = if list.trailing_comma() {
        trailing.clone()
    } else {
        let last = list.len() - 1;
        let suffix = list.get(last).map(|item| raw(item.decor().suffix())).unwrap_or_default();
        if let Some(item) = list.get_mut(last) {
            item.decor_mut().set_suffix("");
        }
        suffix + &trailing
    };
    let comments = of_the_last.trim_end();
    *item.decor_mut() = Decor::new(format!("{comments}\n{indent}"), "");
    list.push_formatted(item);
    let last_line = of_the_last.rsplit_once('\n').map(|(_, line)| line.to_owned()).unwrap_or_default();
    list.set_trailing(format!("\n{last_line}"));
    list.set_trailing_comma(true);
}

/// Removes an item and the comment after it. toml_edit keeps the text between two items as the prefix of the second.
fn remove_item(list: &mut Array, at: usize) {
    let text = |raw: Option<&RawString>| raw.and_then(RawString::as_str).unwrap_or_default().to_owned();
    let gone = list.remove(at);
    let before = text(gone.decor().prefix());
    let of_the_last = before.split('\n').next().unwrap_or_default();
    let joined = |after: &str| match after.find('\n').and_then(|newline| after.get(newline..)) {
        Some(lines) if before.contains('\n') => format!("{of_the_last}{lines}"),
        Some(lines) => lines.to_owned(),
        None => before.clone(),
    };
    match list.get_mut(at) {
        Some(next) => {
            let prefix = joined(&text(next.decor().prefix()));
            next.decor_mut().set_prefix(prefix);
        }
        None => {
            // Without a trailing comma, the text between the last item and the bracket belongs to the item.
            let own = if list.trailing_comma() { String::new() } else { text(gone.decor().suffix()) };
            let after = own + &text(Some(list.trailing()));
            if after.contains('\n') || before.contains('\n') {
                list.set_trailing(joined(&after));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tree::DocumentKey;

    #[test]
    fn an_item_goes_with_its_comment_and_no_other() {
        for (before, at, after) in [
            ("[\"a\", \"b\", \"c\"]", 0, "[\"b\", \"c\"]"),
            ("[\"a\", \"b\", \"c\"]", 1, "[\"a\", \"c\"]"),
            ("[\"a\", \"b\", \"c\"]", 2, "[\"a\", \"b\"]"),
            ("[ \"a\" ]", 0, "[]"),
            ("[\n  \"a\", # A\n  \"b\", # B\n]", 0, "[\n  \"b\", # B\n]"),
            ("[\n  \"a\", # A\n  \"b\", # B\n]", 1, "[\n  \"a\", # A\n]"),
            ("[\n  \"a\", # A\n  \"b\" # B\n]", 1, "[\n  \"a\" # A\n]"),
            ("[\n  \"a\", # A\n  \"b\"]", 1, "[\n  \"a\" # A\n  ]"),
            ("[\n  \"a\" # A\n]", 0, "[\n]"),
            ("[\n  # all of a\n  \"a\",\n  # all of b\n  \"b\",\n]", 0, "[\n  # all of b\n  \"b\",\n]"),
            ("[\n  \"a\", \"b\",\n  \"c\",\n]", 1, "[\n  \"a\",\n  \"c\",\n]"),
        ] {
            let mut document: DocumentMut = format!("hide = {before}\n").parse().unwrap();
            remove_item(document["hide"].as_array_mut().unwrap(), at);
            assert_eq!(document.to_string(), format!("hide = {after}\n"), "{before}");
        }
    }

    #[test]
    fn an_item_comes_behind_the_others_as_they_are_written() {
        for (before, after) in [
            ("[]", "[\"z\"]"),
            ("[\"a\"] # A", "[\"a\", \"z\"] # A"),
            ("[\n  \"a\", # A\n]", "[\n  \"a\", # A\n  \"z\",\n]"),
            ("[\n    \"a\",\n    \"b\" # B\n  ]", "[\n    \"a\",\n    \"b\", # B\n    \"z\",\n  ]"),
        ] {
            let text = format!("hide = {before}\n[tools]\n");
            let edited = apply_change(&text, "test", &DocumentChange::Hide("z".to_owned())).unwrap();
            assert_eq!(edited, format!("hide = {after}\n[tools]\n"), "{before}");
        }
    }

    #[test]
    fn the_items_of_a_list_are_edited_however_it_is_written() {
        let path = || ["tools", "x", "deny_if"].map(str::to_owned).to_vec();
        let member = |text: &str| (DocumentKey::unplaced("a"), DocumentNode::unplaced_string(text));
        let node = DocumentNode::unplaced_table(vec![member("z")]);
        for (before, added, left) in [
            (
                "[tools.x]\ndeny_if = [{ a = 1 }, { a = 2 }] # D\n",
                "[tools.x]\ndeny_if = [{ a = 1 }, { a = 2 }, { a = \"z\" }] # D\n",
                "[tools.x]\ndeny_if = [{ a = 2 }] # D\n",
            ),
            (
                "[tools]\nx = { deny_if = [\n  { a = 1 }, # A\n  { a = 2 }, # B\n] } # X\n",
                "[tools]\nx = { deny_if = [\n  { a = 1 }, # A\n  { a = 2 }, # B\n  { a = \"z\" },\n] } # X\n",
                "[tools]\nx = { deny_if = [\n  { a = 2 }, # B\n] } # X\n",
            ),
            (
                "# A\n[[tools.x.deny_if]]\na = 1\n\n# B\n[[tools.x.deny_if]]\na = 2 # b\n\n[tools.y]\n",
                "# A\n[[tools.x.deny_if]]\na = 1\n\n# B\n[[tools.x.deny_if]]\na = 2 # b\n\n[[tools.x.deny_if]]\na = \"z\"\n\n\
                 [tools.y]\n",
                "\n# B\n[[tools.x.deny_if]]\na = 2 # b\n\n[tools.y]\n",
            ),
        ] {
            let edited = apply_change(before, "test", &DocumentChange::Append(path(), node.clone())).unwrap();
            assert_eq!(edited, added, "{before}");
            assert_eq!(apply_change(before, "test", &DocumentChange::Take(path(), 0)).unwrap(), left, "{before}");
        }
    }

    #[test]
    fn a_table_goes_with_its_own_comment_and_no_other() {
        let gone = |text: &str| {
            apply_change(text, "test", &DocumentChange::Remove(vec!["tools".to_owned(), "x".to_owned()])).unwrap()
        };
        for (before, after) in [
            ("# All.\n[tools.x]\n[tools.y]\n", "# All.\n[tools.y]\n"),
            ("# Part\n\n# This.\n[tools.x]\na = [\n  1,\n]\n\n# That.\n[tools.y]\n", "# Part\n\n# That.\n[tools.y]\n"),
            ("[tools.y]\n\n# This.\n[tools.x]\n[[tools.x.limits]]\nmax = 1\n", "[tools.y]\n"),
            ("a = 1\n\n[tools.x]\nb = 2\n", "a = 1\n\n[tools]\n"),
            ("tools.x.b = 1\n", "[tools]\n"),
            ("tools = { x = {}, y = {} }\n", "tools = { y = {} }\n"),
        ] {
            assert_eq!(gone(before), after, "{before}");
        }
    }
}
