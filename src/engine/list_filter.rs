//! Removes hidden items from a list that the server sends, and leaves every other byte as it was.

use std::borrow::Cow;
use std::ops::Range;

use crate::lock::ItemKind;
use crate::wire::fault::Fault;
use crate::wire::message::read_name;
use crate::wire::method;
use crate::wire::params::read_uri_text;
use crate::wire::strict::StrictDepth;
use crate::wire::view;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListKind {
    Tools,
    Prompts,
    Resources,
    Templates,
    /// Skills (extension `io.modelcontextprotocol/skills`), each with its files.
    Skills,
    /// One of them, which was asked for.
    Skill,
    /// The pages of an MCP App that is read.
    Pages,
}

/// Which part of a list a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListPart {
    /// The list from its beginning: what was listed before may be gone.
    Beginning,
    Rest,
}

impl ListPart {
    /// Returns what a request asks for.
    pub(super) fn of_request(params: Option<&str>) -> Self {
        match params.and_then(|params| view::find_member(params, "cursor")) {
            None | Some("null") => Self::Beginning,
            Some(_) => Self::Rest,
        }
    }
}

impl ListKind {
    /// Returns what a lock holds of such a list.
    pub(super) fn locked_kind(self) -> Option<ItemKind> {
        match self {
            Self::Tools => Some(ItemKind::Tool),
            Self::Prompts => Some(ItemKind::Prompt),
            Self::Templates => Some(ItemKind::Template),
            Self::Resources => Some(ItemKind::App),
            Self::Skills | Self::Skill | Self::Pages => None,
        }
    }

    /// Returns the list that has the items of a kind.
    pub(super) fn of_kind(kind: ItemKind) -> Self {
        match kind {
            ItemKind::Tool => Self::Tools,
            ItemKind::Prompt => Self::Prompts,
            ItemKind::Template => Self::Templates,
            ItemKind::App | ItemKind::AppPage => Self::Resources,
        }
    }

    /// Whether its items have URIs instead of names.
    pub(super) fn has_uris(self) -> bool {
        self.item_key() != "name"
    }

    /// Returns the list that a request asks for.
    pub(super) fn of_method(method: &str) -> Option<Self> {
        let lists = [Self::Tools, Self::Prompts, Self::Resources, Self::Templates, Self::Skills];
        lists.into_iter().find(|list| list.method() == Some(method))
    }

    /// Returns the request that asks for it.
    pub(super) fn method(self) -> Option<&'static str> {
        match self {
            Self::Tools => Some(method::TOOLS_LIST),
            Self::Prompts => Some(method::PROMPTS_LIST),
            Self::Resources => Some("resources/list"),
            Self::Templates => Some("resources/templates/list"),
            Self::Skills => Some(method::SKILLS_LIST),
            Self::Skill | Self::Pages => None,
        }
    }

    pub(super) fn result_key(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
            Self::Skills => "skills",
            Self::Skill => "skill",
            Self::Pages => "contents",
        }
    }

    /// The key of an item that the policy judges it by.
    fn item_key(self) -> &'static str {
        match self {
            Self::Tools | Self::Prompts => "name",
            Self::Resources | Self::Skills | Self::Skill | Self::Pages => "uri",
            Self::Templates => "uriTemplate",
        }
    }

    /// Returns what the answer to a request about a resource lists beside it.
    pub(super) fn of_answer(method: &str) -> Option<Self> {
        match method {
            method::DIRECTORY_READ => Some(Self::Resources),
            method::SKILLS_GET => Some(Self::Skill),
            _ => None,
        }
    }

    /// Down to where a list of this kind is read strictly.
    pub(super) fn depth(self) -> StrictDepth {
        match self {
            Self::Skills | Self::Skill => StrictDepth::SKILLS,
            _ => StrictDepth::LIST,
        }
    }
}

/// Filters `result`, an object as written, by each item's name and text. Returns `None` if nothing is hidden.
///
/// From revision 2026-07-28 on, a filtered list must not be shared between users: `cacheScope` becomes "private".
///
/// # Errors
/// Returns an error if parsers could read the list differently, or an item is not an object with one string `name`.
pub(super) fn filter_result<'r>(
    result: &'r str,
    list: ListKind,
    mut is_hidden: impl FnMut(Cow<'r, str>, &'r str) -> bool,
) -> Result<Option<String>, Fault> {
    if !result.starts_with('{') {
        return Err(Fault::Type { name: "result", expected: "an object" });
    }
    let mut scope = None;
    let mut filtered = None;
    for member in view::members(result) {
        match member.protocol_key(&[list.result_key(), "cacheScope"])? {
            Some("cacheScope") => scope = Some(member.range),
            Some(_) => {
                let value = match list {
                    ListKind::Skill => filter_single(member.value, list, &mut is_hidden),
                    _ => filter_array(member.value, list, &mut is_hidden),
                };
                filtered = value?.map(|value| (member.range, value));
            }
            None => {}
        }
    }
    let Some(filtered) = filtered else { return Ok(None) };
    let mut edits: Vec<(Range<usize>, String)> = vec![filtered];
    edits.extend(scope.map(|range| (range, "\"private\"".to_owned())));
    edits.sort_by_key(|(range, _)| range.start);
    Ok(Some(apply_edits(result, &edits)))
}

/// `None` if no item is hidden.
fn filter_array<'r>(
    array: &'r str,
    list: ListKind,
    is_hidden: &mut impl FnMut(Cow<'r, str>, &'r str) -> bool,
) -> Result<Option<String>, Fault> {
    if !array.starts_with('[') {
        return Err(Fault::Type { name: list.result_key(), expected: "an array" });
    }
    let items = || view::elements(array).map(|item| array.get(item).unwrap_or_default());
    // Most lists stay as they are, so what is left of one is written only from its first change on.
    let mut visible: Option<String> = None;
    for (at, item) in items().enumerate() {
        let item = filter_item(item, list, is_hidden)?;
        if visible.is_none() && !matches!(item, Some(Cow::Borrowed(_))) {
            let mut unchanged = String::with_capacity(array.len());
            unchanged.push('[');
            items().take(at).for_each(|item| push_item(item, &mut unchanged));
            visible = Some(unchanged);
        }
        if let (Some(visible), Some(item)) = (&mut visible, item) {
            push_item(&item, visible);
        }
    }
    visible.iter_mut().for_each(|visible| visible.push(']'));
    Ok(visible)
}

fn push_item(item: &str, items: &mut String) {
    if items.len() > 1 {
        items.push(',');
    }
    items.push_str(item);
}

/// `None` if nothing is hidden. A hidden item becomes `null`, since its key is required.
fn filter_single<'r>(
    item: &'r str,
    list: ListKind,
    is_hidden: &mut impl FnMut(Cow<'r, str>, &'r str) -> bool,
) -> Result<Option<String>, Fault> {
    Ok(match filter_item(item, list, is_hidden)? {
        None => Some("null".to_owned()),
        Some(Cow::Owned(item)) => Some(item),
        Some(Cow::Borrowed(_)) => None,
    })
}

/// `None` if the item is hidden. A skill that stays loses the files that are hidden.
fn filter_item<'i>(
    item: &'i str,
    list: ListKind,
    is_hidden: &mut impl FnMut(Cow<'i, str>, &'i str) -> bool,
) -> Result<Option<Cow<'i, str>>, Fault> {
    if is_hidden(read_item_name(item, list)?, item) {
        return Ok(None);
    }
    if !matches!(list, ListKind::Skills | ListKind::Skill) {
        return Ok(Some(Cow::Borrowed(item)));
    }
    for member in view::members(item) {
        // A skill that is made as it is read has the string "dynamic" instead of a list.
        if member.protocol_key(&[ListKind::Resources.result_key()])?.is_some()
            && !member.value.starts_with('"')
            && let Some(files) = filter_array(member.value, ListKind::Resources, is_hidden)?
        {
            return Ok(Some(Cow::Owned(apply_edits(item, &[(member.range, files)]))));
        }
    }
    Ok(Some(Cow::Borrowed(item)))
}

fn read_item_name(item: &str, list: ListKind) -> Result<Cow<'_, str>, Fault> {
    if !item.starts_with('{') {
        return Err(Fault::Type { name: list.result_key(), expected: "a list of objects" });
    }
    let (key, mut name) = (list.item_key(), None);
    for member in view::members(item) {
        if member.protocol_key(&[key])?.is_some() {
            name = Some(member.value);
        }
    }
    match list {
        ListKind::Tools | ListKind::Prompts => read_name(name.unwrap_or_default()),
        _ => read_uri_text(key, name.unwrap_or_default()),
    }
}

/// Returns the cursor of the next page, as written. An empty one names none (up to 2025-11-25).
pub(super) fn next_cursor(result: &str) -> Option<&str> {
    view::find_member(result, "nextCursor").filter(|cursor| !matches!(*cursor, "null" | "\"\""))
}

/// Replaces ranges of a text. `edits` are in the order of the text.
pub(super) fn apply_edits(text: &str, edits: &[(Range<usize>, String)]) -> String {
    let mut edited = String::with_capacity(text.len());
    let mut at = 0;
    for (range, new) in edits {
        edited.push_str(text.get(at..range.start).unwrap_or_default());
        edited.push_str(new);
        at = range.end;
    }
    edited.push_str(text.get(at..).unwrap_or_default());
    edited
}

/// Replaces `part`, a slice of `line`, with `new`, and adds a missing newline.
pub(super) fn splice_line(line: &[u8], part: &str, new: &str) -> Vec<u8> {
    let place = view::range_of(line, part);
    let (before, after) = (line.get(..place.start).unwrap_or_default(), line.get(place.end..).unwrap_or_default());
    let newline: &[u8] = if after.ends_with(b"\n") { b"" } else { b"\n" };
    [before, new.as_bytes(), after, newline].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(result: &str) -> Result<Option<String>, Fault> {
        filter_result(result, ListKind::Tools, |name, _| name.starts_with('h'))
    }

    #[test]
    fn what_stays_stays_as_it_was_written() {
        let result = r#"{ "x":1, "tools" : [ {"name":"a" , "n":1e999},{"name":"h1"}, {"na\/me":"h","name":"b\u0061"} ,{"name":"h2"}] ,"nextCursor":"c" }"#;
        let filtered =
            r#"{ "x":1, "tools" : [{"name":"a" , "n":1e999},{"na\/me":"h","name":"b\u0061"}] ,"nextCursor":"c" }"#;
        assert_eq!(tools(result), Ok(Some(filtered.to_owned())));
        assert_eq!(tools(filtered), Ok(None));
        assert_eq!(
            tools(r#"{"tools":[{"name":"\u0068"}],"nextCursor":"c"}"#),
            Ok(Some(r#"{"tools":[],"nextCursor":"c"}"#.into()))
        );
        assert_eq!(tools(r#"{"resultType":"input_required"}"#), Ok(None));
    }

    #[test]
    fn a_filtered_list_is_private() {
        for (scope, after) in [("\"public\"", "\"private\""), ("\"private\"", "\"private\""), ("7", "\"private\"")] {
            let result = format!(r#"{{"cacheScope":{scope},"tools":[{{"name":"h"}}],"ttlMs":5}}"#);
            assert_eq!(tools(&result), Ok(Some(format!(r#"{{"cacheScope":{after},"tools":[],"ttlMs":5}}"#))));
        }
        assert_eq!(tools(r#"{"tools":[{"name":"a"}],"cacheScope":"public"}"#), Ok(None));
    }

    #[test]
    fn what_parsers_could_read_differently_is_refused() {
        for result in [
            "[]",
            r#"{"tools":{}}"#,
            r#"{"tools":null}"#,
            r#"{"tools":["a"]}"#,
            r#"{"tools":[{}]}"#,
            r#"{"tools":[{"name":1}]}"#,
            r#"{"tools":[{"name":"\ud83d"}]}"#,
            r#"{"tools":[{"name":"a\u0000"}]}"#,
            r#"{"tools":[{"name":"a","Name":"h"}]}"#,
            r#"{"tools":[{"n\u0061me":"a"}]}"#,
            r#"{"tool\u017f":[{"name":"h"}]}"#,
            r#"{"tools":[],"Tools":[{"name":"h"}]}"#,
            r#"{"t\u006fols":[{"name":"h"}]}"#,
        ] {
            assert!(tools(result).is_err(), "{result}");
        }
    }
}
