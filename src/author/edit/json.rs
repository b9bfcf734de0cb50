//! Changes to a policy in JSON. Indentation, order and one-line layout are kept.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstInputValue, CstObject, CstRootNode};

use super::CannotEdit;
use super::change::{DocumentChange, HEAD, goes_after_head, nest_value};
use crate::author::render::number_text;
use crate::policy::tree::{DocumentNode, DocumentValue};
use crate::visible::escape_invisible_json;

pub(super) fn apply_change(text: &str, name: &str, change: &DocumentChange) -> Result<String, CannotEdit> {
    let otherwise = || CannotEdit::unsupported_shape(name, change);
    let root = CstRootNode::parse(text, &ParseOptions::default()).map_err(|_| otherwise())?;
    let object = root.object_value().ok_or_else(otherwise)?;
    match change {
        DocumentChange::Set(path, node) => set_member(&object, path, node),
        DocumentChange::Remove(path) => remove_member(&object, path),
        DocumentChange::Hide(item) => match object.array_value("hide") {
            Some(list) => {
                list.append(item.as_str().into());
            }
            None => {
                insert_member(&object, "hide", CstInputValue::Array(vec![item.as_str().into()]));
            }
        },
        DocumentChange::Show(at) => {
            let items = object.array_value("hide").map(|list| list.elements()).unwrap_or_default();
            // The items after it move up by one, so that what stands between them stays where it is.
            for (item, next) in items.iter().zip(items.iter().skip(1)).skip(*at) {
                if let Some((item, next)) = item.as_string_lit().zip(next.as_string_lit()) {
                    item.set_raw_value(next.raw_value());
                }
            }
            if let Some(last) = items.into_iter().next_back() {
                last.remove();
            }
        }
        DocumentChange::Append(path, node) => {
            let list = find_list(object, path).ok_or_else(otherwise)?;
            list.append(to_input_value(node));
        }
        DocumentChange::Take(path, at) => {
            let items = find_list(object, path).map(|list| list.elements()).unwrap_or_default();
            items.into_iter().nth(*at).ok_or_else(otherwise)?.remove();
        }
    }
    let edited = root.to_string();
    // What is invisible is written as codes, unless the rest of the file is not written so.
    Ok(if escape_invisible_json(text) == text { escape_invisible_json(&edited) } else { edited })
}

fn find_list(object: CstObject, path: &[String]) -> Option<CstArray> {
    let (key, way) = path.split_last()?;
    way.iter().try_fold(object, |object, key| object.object_value(key))?.array_value(key)
}

fn set_member(object: &CstObject, path: &[String], node: &DocumentNode) {
    let Some((key, rest)) = path.split_first() else { return };
    match (object.get(key), rest) {
        (Some(member), []) => member.set_value(to_input_value(node)),
        (Some(member), _) => set_member(&member.object_value_or_set(), rest, node),
        (None, _) => insert_member(object, key, to_input_value(&nest_value(rest, node))),
    }
}

/// Inserts a member: `hide` and the keys of the head after the head of the document, everything else at the end.
fn insert_member(object: &CstObject, key: &str, value: CstInputValue) {
    let is_head = |name: Option<String>| name.is_some_and(|name| HEAD.contains(&name.as_str()));
    let head = object.properties().iter().rposition(|member| is_head(member.decoded_name()));
    match head {
        Some(at) if goes_after_head(key) => object.insert(at + 1, key, value),
        _ => object.append(key, value),
    };
}

fn remove_member(object: &CstObject, path: &[String]) {
    let Some((key, rest)) = path.split_first() else { return };
    match (object.get(key), rest) {
        (Some(member), []) => member.remove(),
        (Some(member), _) => {
            if let Some(object) = member.object_value() {
                remove_member(&object, rest);
            }
        }
        (None, _) => {}
    }
}

fn to_input_value(node: &DocumentNode) -> CstInputValue {
    match &node.value {
        // No key takes a date.
        DocumentValue::Null | DocumentValue::Datetime => CstInputValue::Null,
        DocumentValue::Boolean(boolean) => CstInputValue::Bool(*boolean),
        DocumentValue::Integer(text) | DocumentValue::Float(text) => CstInputValue::Number(number_text(text)),
        DocumentValue::String(text) => CstInputValue::String(text.clone()),
        DocumentValue::Array(items) => CstInputValue::Array(items.iter().map(to_input_value).collect()),
        DocumentValue::Table(pairs) => {
            CstInputValue::Object(pairs.iter().map(|(key, value)| (key.name.clone(), to_input_value(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tree::DocumentKey;

    #[test]
    fn members_are_edited_and_no_others() {
        let path = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        let entry = DocumentNode::unplaced_table(vec![(
            DocumentKey::unplaced("reason"),
            DocumentNode::unplaced_string("\"é\"\u{1}"),
        )]);
        let number = DocumentNode::unplaced(DocumentValue::Integer("0x10".to_owned()));
        for (before, change, after) in [
            (
                "{\n\t\"tools\": {\n\t\t\"a\": {}\n\t}\n}\n",
                DocumentChange::Set(path(&["tools", "b"]), entry),
                "{\n\t\"tools\": {\n\t\t\"a\": {},\n\t\t\"b\": {\n\t\t\t\"reason\": \"\\\"é\\\"\\u0001\"\n\t\t}\n\t}\n}\n",
            ),
            (
                "{ \"tools\": { \"a\": {\"max\" : 1, \"b\":2} } }",
                DocumentChange::Set(path(&["tools", "a", "max"]), number.clone()),
                "{ \"tools\": { \"a\": {\"max\" : 16, \"b\":2} } }",
            ),
            (
                "{\n  \"tools\": {\n    \"a\": {},\n    \"b\": {}\n  }\n}",
                DocumentChange::Remove(path(&["tools", "b"])),
                "{\n  \"tools\": {\n    \"a\": {}\n  }\n}",
            ),
            (
                "{ \"tools\": { \"x\": { \"limits\": [{ \"max\": 1 }, { \"max\": 2 }] } } }",
                DocumentChange::Append(path(&["tools", "x", "limits"]), number.clone()),
                "{ \"tools\": { \"x\": { \"limits\": [{ \"max\": 1 }, { \"max\": 2 }, 16] } } }",
            ),
            (
                "{ \"tools\": { \"x\": { \"limits\": [{ \"max\": 1 }, { \"max\": 2 }] } } }",
                DocumentChange::Take(path(&["tools", "x", "limits"]), 0),
                "{ \"tools\": { \"x\": { \"limits\": [ { \"max\": 2 }] } } }",
            ),
            ("{\"hide\":[\"a\"]}", DocumentChange::Hide("b".to_owned()), "{\"hide\":[\"a\", \"b\"]}"),
            ("{\"hide\": [\"a\", \"b\"]}", DocumentChange::Show(0), "{\"hide\": [\"b\"]}"),
            (
                "{\n  \"default\": \"deny\",\n  \"tools\": {}\n}",
                DocumentChange::Hide("b".to_owned()),
                "{\n  \"default\": \"deny\",\n  \"hide\": [\"b\"],\n  \"tools\": {}\n}",
            ),
        ] {
            assert_eq!(apply_change(before, "test", &change).unwrap(), after, "{change:?} in\n{before}");
        }
    }
}
