//! What changed in a tool's arguments and hints, and in a prompt's arguments.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::changes::{ChangeKind, Finding};
use super::definition_changes::{by_key, differing};
use crate::limits::MAX_QUOTED;
use crate::risk::Risk;
use crate::visible::{escape_invisible, shorten};
use crate::wire::view::{decode_lossy, elements, find_member};

/// How many values of an argument are named.
const FEW_VALUES: usize = 6;

fn quote(name: &str) -> String {
    format!("`{}`", escape_invisible(&shorten(name, MAX_QUOTED)))
}

fn texts(array: &str) -> BTreeSet<Cow<'_, str>> {
    elements(array).filter_map(|range| array.get(range)).map(|json| decode_lossy(json).unwrap_or(json.into())).collect()
}

/// What may be in an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Holds<'s> {
    /// A text without bounds: whatever the model was told to write there.
    FreeText,
    /// A value of any type.
    Anything,
    /// An object, with members of any kind.
    Object,
    List(Box<Self>),
    OneOf(BTreeSet<Cow<'s, str>>),
    /// A number or a boolean, by the name of its type.
    Scalar(Cow<'s, str>),
}

impl<'s> Holds<'s> {
    fn read(schema: &'s str) -> Self {
        if let Some(values) = find_member(schema, "enum") {
            return Self::OneOf(texts(values));
        }
        if let Some(value) = find_member(schema, "const") {
            return Self::OneOf(BTreeSet::from([decode_lossy(value).unwrap_or(value.into())]));
        }
        match find_member(schema, "type").and_then(decode_lossy) {
            Some(name) if name == "string" => Self::FreeText,
            Some(name) if name == "array" => {
                Self::List(Box::new(find_member(schema, "items").map_or(Self::Anything, Self::read)))
            }
            Some(name) if name == "object" => Self::Object,
            Some(name) if matches!(&*name, "number" | "integer" | "boolean" | "null") => Self::Scalar(name),
            _ => Self::Anything,
        }
    }

    fn is_free(&self) -> bool {
        match self {
            Self::FreeText | Self::Anything | Self::Object => true,
            Self::List(items) => items.is_free(),
            Self::OneOf(_) | Self::Scalar(_) => false,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::FreeText => "free text".to_owned(),
            Self::Anything => "anything".to_owned(),
            Self::Object => "an object".to_owned(),
            Self::List(items) => format!("a list of {}", items.describe()),
            Self::OneOf(values) => {
                let named: Vec<_> = values.iter().take(FEW_VALUES).map(|value| quote(value)).collect();
                let more = if values.len() > FEW_VALUES { ", …" } else { "" };
                format!("one of {}{more}", named.join(", "))
            }
            Self::Scalar(name) => name.clone().into_owned(),
        }
    }

    fn risk(&self) -> Risk {
        if self.is_free() { Risk::High } else { Risk::Medium }
    }
}

fn required(schema: &str) -> BTreeSet<Cow<'_, str>> {
    find_member(schema, "required").map(texts).unwrap_or_default()
}

fn argument_change(risk: Risk, sentence: String) -> Finding {
    Finding::new(ChangeKind::ArgumentChanged, risk, sentence)
}

/// Compares two input schemas.
pub(super) fn compare_arguments(old: &str, new: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (was_required, is_required) = (required(old), required(new));
    let properties = |schema| by_key(find_member(schema, "properties").unwrap_or("{}"));
    let (old_properties, new_properties) = (properties(old), properties(new));
    let names: BTreeSet<_> = old_properties.keys().chain(new_properties.keys()).collect();
    for name in names {
        match (old_properties.get(name), new_properties.get(name)) {
            (None, Some(new)) => {
                let holds = Holds::read(new);
                let must = if is_required.contains(name) { ", required" } else { "" };
                let what = format!("+ argument {}: {}{must}", quote(name), holds.describe());
                findings.push(Finding::new(ChangeKind::ArgumentAdded, holds.risk(), what).with_text(None, Some(new)));
                continue;
            }
            (Some(old), None) => {
                let what = format!("− argument {}", quote(name));
                findings.push(Finding::new(ChangeKind::ArgumentRemoved, Risk::Low, what).with_text(Some(old), None));
                continue;
            }
            (Some(old), Some(new)) if old != new => findings.extend(compare_argument(name, old, new)),
            _ => {}
        }
        match (was_required.contains(name), is_required.contains(name)) {
            (false, true) => {
                findings.push(argument_change(Risk::Medium, format!("argument {} is required now", quote(name))))
            }
            (true, false) => {
                findings.push(argument_change(Risk::Low, format!("argument {} is optional now", quote(name))))
            }
            _ => {}
        }
    }
    let is_known = |name: &Cow<'_, str>| old_properties.contains_key(name) || new_properties.contains_key(name);
    for name in was_required.symmetric_difference(&is_required).filter(|name| !is_known(name)) {
        findings.push(argument_change(
            Risk::Medium,
            format!("`required` differs by {}, which is no declared argument", quote(name)),
        ));
    }
    for (key, old, new) in differing(old, new).into_iter().filter(|(key, ..)| key != "properties" && key != "required")
    {
        let what = format!("the schema of its arguments differs in {}", quote(&key));
        findings.push(argument_change(Risk::Medium, what).with_text(old, new));
    }
    if findings.is_empty() {
        // The same names in another list, such as a required one that is named twice.
        findings.push(
            argument_change(Risk::Low, "the schema of its arguments differs".to_owned())
                .with_text(Some(old), Some(new)),
        );
    }
    findings
}

fn compare_argument(name: &str, old: &str, new: &str) -> Vec<Finding> {
    let (held, holds) = (Holds::read(old), Holds::read(new));
    let mut findings = Vec::new();
    match (&held, &holds) {
        (Holds::OneOf(held), Holds::OneOf(holds)) => {
            let list = |values: Vec<&Cow<'_, str>>| {
                values.into_iter().map(|value| quote(value)).collect::<Vec<_>>().join(", ")
            };
            let (more, fewer) = (list(holds.difference(held).collect()), list(held.difference(holds).collect()));
            if !more.is_empty() {
                findings.push(argument_change(Risk::Medium, format!("argument {} may also be {more}", quote(name))));
            }
            if !fewer.is_empty() {
                findings.push(argument_change(Risk::Low, format!("argument {} may no longer be {fewer}", quote(name))));
            }
        }
        _ if held != holds => {
            let risk = if held.is_free() { Risk::Medium } else { holds.risk() };
            let what = format!("argument {}: {} → {}", quote(name), held.describe(), holds.describe());
            findings.push(argument_change(risk, what));
        }
        _ => {}
    }
    for (key, old, new) in differing(old, new) {
        let is_told = matches!(&*key, "enum" | "const" | "type" | "items") && !findings.is_empty();
        let text = |json: Option<&str>| json.map(|json| decode_lossy(json).unwrap_or(json.into()).into_owned());
        let what = match &*key {
            _ if is_told => continue,
            "description" | "title" => format!("the {key} of argument {} differs", quote(name)),
            _ => format!("argument {} differs in {}", quote(name), quote(&key)),
        };
        findings.push(argument_change(Risk::Medium, what).with_text(text(old).as_deref(), text(new).as_deref()));
    }
    if findings.is_empty() {
        findings.push(
            argument_change(Risk::Medium, format!("argument {} differs", quote(name))).with_text(Some(old), Some(new)),
        );
    }
    findings
}

/// Compares the hints of a tool. Both directions are worth a look: a hint may now be a lie, or what it is about may be new.
pub(super) fn compare_hints(old: &str, new: &str) -> Vec<Finding> {
    let hint = |key: Cow<'_, str>, old: Option<&str>, new: Option<&str>| {
        let risk = match &*key {
            "readOnlyHint" | "destructiveHint" | "openWorldHint" | "title" => Risk::Medium,
            _ => Risk::Low,
        };
        let shown = |value: Option<&str>| {
            value.map_or_else(|| "absent".to_owned(), |value| escape_invisible(&shorten(value, MAX_QUOTED)))
        };
        let what = format!("{} {} → {}", escape_invisible(&shorten(&key, MAX_QUOTED)), shown(old), shown(new));
        Finding::new(ChangeKind::Annotation, risk, what)
    };
    let mut findings: Vec<_> = differing(old, new).into_iter().map(|(key, old, new)| hint(key, old, new)).collect();
    if findings.is_empty() {
        findings.push(Finding::new(ChangeKind::Annotation, Risk::Low, "its `annotations` differ"));
    }
    findings
}

/// Compares the arguments of a prompt, which are texts.
pub(super) fn compare_prompt_arguments(old: &str, new: &str) -> Vec<Finding> {
    fn by_name(array: &str) -> BTreeMap<Cow<'_, str>, &str> {
        let named = |argument| find_member(argument, "name").and_then(decode_lossy).map(|name| (name, argument));
        elements(array).filter_map(|range| array.get(range)).filter_map(named).collect()
    }
    let (before, after) = (by_name(old), by_name(new));
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let mut findings: Vec<_> = names
        .into_iter()
        .filter_map(|name| {
            let (old, new) = (before.get(name).copied(), after.get(name).copied());
            let (kind, risk, what) = match (old, new) {
                (None, _) => {
                    (ChangeKind::ArgumentAdded, Risk::Medium, format!("+ argument {}: free text", quote(name)))
                }
                (_, None) => (ChangeKind::ArgumentRemoved, Risk::Low, format!("− argument {}", quote(name))),
                _ if old == new => return None,
                _ => (ChangeKind::ArgumentChanged, Risk::Medium, format!("argument {} differs", quote(name))),
            };
            Some(Finding::new(kind, risk, what).with_text(old, new))
        })
        .collect();
    if findings.is_empty() {
        findings.push(argument_change(Risk::Low, "its arguments differ".to_owned()).with_text(Some(old), Some(new)));
    }
    findings
}
