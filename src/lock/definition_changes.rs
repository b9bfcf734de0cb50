//! What changed in a definition, member by member.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::ItemKind;
use super::changes::{ChangeKind, Finding};
use super::tool_changes::{compare_arguments, compare_hints, compare_prompt_arguments};
use crate::risk::Risk;
use crate::wire::view::{decode_lossy, elements, find_member, members};

/// The members of an object by their keys.
pub(super) fn by_key(object: &str) -> BTreeMap<Cow<'_, str>, &str> {
    members(object).map(|member| (member.key_lossy(), member.value)).collect()
}

/// The members that differ between two objects, in the order of their keys.
pub(super) fn differing<'d>(old: &'d str, new: &'d str) -> Vec<(Cow<'d, str>, Option<&'d str>, Option<&'d str>)> {
    let (old, new) = (by_key(old), by_key(new));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
    let pair = |key: Cow<'d, str>| {
        let (old, new) = (old.get(&key).copied(), new.get(&key).copied());
        (key, old, new)
    };
    keys.into_iter().map(pair).filter(|(_, old, new)| old != new).collect()
}

/// Returns what differs between two definitions in their canonical form.
pub(super) fn find_changes(kind: ItemKind, old: &str, new: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, old, new) in differing(old, new) {
        let text = |json: Option<&'_ str>| json.map(|json| decode_lossy(json).unwrap_or(json.into()).into_owned());
        let with_texts = |finding: Finding| finding.with_text(text(old).as_deref(), text(new).as_deref());
        let both = (old.unwrap_or("{}"), new.unwrap_or("{}"));
        match (kind, &*key) {
            (ItemKind::Tool, "inputSchema") => findings.extend(compare_arguments(both.0, both.1)),
            (ItemKind::Tool, "annotations") => findings.extend(compare_hints(both.0, both.1)),
            (ItemKind::Prompt, "arguments") => {
                findings.extend(compare_prompt_arguments(old.unwrap_or("[]"), new.unwrap_or("[]")));
            }
            (_, "description" | "title") => {
                findings.push(with_texts(Finding::new(
                    ChangeKind::Text,
                    Risk::Medium,
                    describe_change(&key, old, new),
                )));
            }
            (_, "outputSchema") => {
                let what = describe_change("outputSchema", old, new);
                findings.push(with_texts(Finding::new(ChangeKind::Results, Risk::Low, what)));
            }
            (_, "_meta") => {
                findings.extend(compare_reach(both.0, both.1));
                let what = describe_change("_meta", old, new);
                findings.push(with_texts(Finding::new(ChangeKind::Other, Risk::Medium, what)));
            }
            _ => {
                let what = describe_change(&crate::visible::escape_invisible(&key), old, new);
                findings.push(with_texts(Finding::new(ChangeKind::Other, Risk::Low, what)));
            }
        }
    }
    findings
}

fn describe_change(key: &str, old: Option<&str>, new: Option<&str>) -> String {
    match (old, new) {
        (None, _) => format!("it has `{key}` now"),
        (_, None) => format!("its `{key}` is gone"),
        _ => format!("its `{key}` differs"),
    }
}

/// The hosts that an app may reach (MCP Apps, `_meta.ui.csp`), and what it may use of the device (`permissions`).
fn reach(meta: &str) -> BTreeSet<String> {
    let Some(ui) = find_member(meta, "ui") else { return BTreeSet::new() };
    let csp = find_member(ui, "csp").unwrap_or("{}");
    let hosts = members(csp).flat_map(|member| {
        let listed: Vec<_> =
            elements(member.value).filter_map(|range| decode_lossy(member.value.get(range)?)).collect();
        listed
    });
    let permissions = find_member(ui, "permissions").unwrap_or("{}");
    let hosts = hosts.map(|host| crate::visible::escape_invisible(&host));
    hosts.chain(members(permissions).map(|member| crate::visible::escape_invisible(&member.key_lossy()))).collect()
}

fn compare_reach(old: &str, new: &str) -> Vec<Finding> {
    let (old, new) = (reach(old), reach(new));
    let added = new.difference(&old).map(|what| (Risk::High, format!("its app may reach {what} now")));
    let removed = old.difference(&new).map(|what| (Risk::Low, format!("its app may no longer reach {what}")));
    added.chain(removed).map(|(risk, what)| Finding::new(ChangeKind::Reach, risk, what)).collect()
}
