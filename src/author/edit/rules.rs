//! Edits of single rules in an entry, of the entries of classes, and of what decides where there is no entry.

use super::change::DocumentChange;
use super::plan::{EditAction, NOBODYS, Order, PolicyEdit, Start, change_entry, join_path};
use super::state::{EditState, ToolKey};
use super::{CannotEdit, Edited, Which};
use crate::author::builtin_document;
use crate::author::render::json_line;
use crate::policy::decode::decode;
use crate::policy::diagnostic::{Report, quote_for_message};
use crate::policy::document::quoted_key;
use crate::policy::keys::words::word_enum;
use crate::policy::tree::{DocumentKey, DocumentMember, DocumentNode, DocumentValue};
use crate::policy::{Effect, Format, Server, Source, builtin_text};
use crate::risk::Class;

/// The entry that a rule is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RulePlace {
    /// That of a tool.
    Tool(String),
    /// That of the tools of a class without one of their own.
    Class(Class),
    /// That of every tool.
    AllTools,
}

word_enum! {
    /// The lists of an entry that take rules.
    pub(crate) enum RuleList;
    /// Refused when one of its groups holds.
    "deny_if" => DenyIf,
    /// Refused unless every group holds.
    "require" => Require,
    /// A person is asked when one of its groups holds.
    "approve_if" => ApproveIf,
    /// How many calls are let through.
    "limits" => Limits,
}

/// One edit.
#[derive(Clone, Debug)]
pub(crate) enum RuleEdit {
    /// Adds a rule.
    Add(RulePlace, RuleList, DocumentNode),
    /// Removes a rule that was read.
    Remove(RulePlace, WrittenRule),
    /// Says what happens to the tools of a class.
    Class(Class, EditAction, Option<String>),
    /// Says what a tool gets that no entry is for: `default`, and `unlisted`.
    Otherwise(&'static str, &'static str),
}

/// The rules of an entry, as they are written.
#[derive(Default)]
pub(crate) struct EntryRules {
    /// The path of the entry, as decisions name it.
    pub(crate) path: String,
    /// Whether it is the entry itself, and not the one that decides as long as there is none.
    pub(crate) is_own: bool,
    /// What the entry itself does; `None` if there is none.
    pub(crate) action: Option<String>,
    pub(crate) rules: Vec<WrittenRule>,
}

/// A rule of an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WrittenRule {
    pub(crate) key: String,
    /// Its place in the list; `None` if there is no list around it.
    pub(crate) at: Option<usize>,
    /// Itself, on one line.
    pub(crate) text: String,
    /// Its conditions, or what it counts, in words.
    pub(crate) says: Vec<String>,
    /// What joins the conditions.
    pub(crate) join: &'static str,
    pub(crate) reason: Option<String>,
}

/// The keys of an entry that hold rules, in the order in which they decide.
const RULE_KEYS: [&str; 7] = ["deny_if", "require", "rules", "rate_limit", "limits", "spend_limit", "approve_if"];

/// A policy whose rules are read: the built-in one, if there is no file.
pub(crate) struct RuleReader<'s>(Option<EditState<'s>>);

impl<'s> RuleReader<'s> {
    pub(crate) fn load(source: Option<&Source>, server: &'s Server) -> Self {
        let builtin = || Source::new("builtin", Format::Toml, builtin_text(server));
        Self(EditState::load_source(source.cloned().unwrap_or_else(builtin), server, Which::Present).ok())
    }

    /// Reads the rules of an entry. A policy that does not load has none.
    pub(crate) fn read_rules(&self, place: &RulePlace) -> EntryRules {
        self.0.as_ref().map(|state| read_rules(state, place)).unwrap_or_default()
    }
}

fn read_rules(state: &EditState<'_>, place: &RulePlace) -> EntryRules {
    let Ok((path, own)) = find_place(state, place) else { return EntryRules::default() };
    let action = own.map(|own| own.member("action").and_then(DocumentNode::as_text).unwrap_or("allow").to_owned());
    let (RulePlace::Tool(tool), None) = (place, own) else {
        let path = path.iter().map(|key| quoted_key(key)).collect::<Vec<_>>().join(".");
        return EntryRules { path, is_own: own.is_some(), action, rules: own.map(list_rules).unwrap_or_default() };
    };
    let governing = ToolKey::parse(tool).ok().and_then(|key| state.governing_entry(&key).cloned());
    // A document that only hides leaves the rest to the built-in policy.
    let beneath = || {
        let root = state.is_patch().then(|| builtin_document(state.server))?;
        let entry = root.member("tools").and_then(|tools| tools.member(tool));
        let class = state.policy.class_of(tool.as_str()).as_str();
        entry.or_else(|| root.member("classes")?.member(class)).cloned()
    };
    let rules = governing.or_else(beneath).map(|entry| list_rules(&entry)).unwrap_or_default();
    EntryRules { path: state.policy.decide_tool(tool.as_str()).rule.to_owned(), is_own: false, action, rules }
}

fn list_rules(entry: &DocumentNode) -> Vec<WrittenRule> {
    let mut rules = Vec::new();
    for key in RULE_KEYS {
        let Some(node) = entry.member(key) else { continue };
        match &node.value {
            DocumentValue::Array(items) => {
                rules.extend(items.iter().enumerate().map(|(at, item)| WrittenRule::new(key, Some(at), item)));
            }
            _ => rules.push(WrittenRule::new(key, None, node)),
        }
    }
    rules
}

impl WrittenRule {
    fn new(key: &str, at: Option<usize>, node: &DocumentNode) -> Self {
        let reason = node.member("reason").or_else(|| node.member("on_deny")).and_then(DocumentNode::as_text);
        let says = match key {
            "deny_if" | "require" | "approve_if" => match node.member("conditions") {
                Some(conditions) => conditions.items().iter().map(describe_condition).collect(),
                None => vec![describe_condition(node)],
            },
            _ => vec![describe_other(node)],
        };
        let is_any = node.member("match").and_then(DocumentNode::as_text) == Some("any");
        Self {
            key: key.to_owned(),
            at,
            text: json_line(node),
            says,
            join: if is_any { "or" } else { "and" },
            reason: reason.map(str::to_owned),
        }
    }

    /// A rule to look for, by its key, its place and its text.
    pub(crate) fn to_find(key: &str, at: Option<usize>, text: &str) -> Self {
        Self { key: key.to_owned(), at, text: text.to_owned(), ..Self::default() }
    }
}

fn describe_condition(node: &DocumentNode) -> String {
    let part = |key| node.member(key).map(|value| value.as_text().map_or_else(|| json_line(value), str::to_owned));
    let value = node.member("value").map(json_line).unwrap_or_default();
    format!("{} {} {value}", part("path").unwrap_or_default(), part("op").unwrap_or_default())
}

/// Describes a limit by its members, without the reason, which is shown beside it.
fn describe_other(node: &DocumentNode) -> String {
    if let Some(text) = node.as_text() {
        return text.to_owned();
    }
    let members = node.members().iter().filter(|(key, _)| !matches!(key.name.as_str(), "reason" | "on_deny"));
    let member = |(key, value): &DocumentMember| format!("{} = {}", key.name, json_line(value));
    members.map(member).collect::<Vec<_>>().join(", ")
}

fn find_place<'s>(
    state: &'s EditState<'_>,
    place: &RulePlace,
) -> Result<(Vec<String>, Option<&'s DocumentNode>), CannotEdit> {
    match place {
        RulePlace::Tool(tool) => Ok(state.find_entry(&ToolKey::parse(tool)?)),
        RulePlace::AllTools => Ok(state.find_entry(&ToolKey::parse("*")?)),
        RulePlace::Class(class) => {
            let own = state.root.member("classes").and_then(|classes| classes.member(class.as_str()));
            Ok((vec!["classes".to_owned(), class.as_str().to_owned()], own))
        }
    }
}

/// Carries out an edit on a document, or, if there is none yet, on the built-in policy as a document with this `name`.
///
/// # Errors
/// Returns an error if the result would not be what was asked for, or the document cannot be edited.
pub(crate) fn carry_out_rule_edit(
    source: Option<&Source>,
    name: &str,
    server: &Server,
    wanted: &RuleEdit,
) -> Result<Edited, CannotEdit> {
    let mut edit = PolicyEdit::begin(source, name, server, Start::Whole)?;
    let place = match wanted {
        RuleEdit::Add(place, ..) | RuleEdit::Remove(place, _) => Some(place.clone()),
        RuleEdit::Class(class, ..) => Some(RulePlace::Class(*class)),
        RuleEdit::Otherwise(..) => None,
    };
    if edit.now.is_patch() && place.as_ref().is_some_and(|place| *place != RulePlace::AllTools) {
        edit.now = edit.now.make_standalone()?;
    }
    let changes = match wanted {
        RuleEdit::Add(place, list, rule) => plan_addition(&edit.now, place, *list, rule)?,
        RuleEdit::Remove(place, rule) => plan_removal(&edit.now, place, rule)?,
        RuleEdit::Class(class, action, reason) => plan_class(&edit.now, *class, action, reason.as_deref())?,
        RuleEdit::Otherwise(default, unlisted) => plan_otherwise(&edit.now, default, unlisted),
    };
    edit.make_changes(&changes)?;
    match place {
        Some(RulePlace::Tool(tool)) => {
            let tool = ToolKey::parse(&tool)?;
            edit.finish(|name| tool.name.matches(name), &[], Vec::new())
        }
        Some(RulePlace::Class(class)) => {
            let names = edit.now.policy.known_tools().into_iter().chain([NOBODYS.to_owned()]);
            let names: Vec<_> = names.filter(|tool| edit.now.policy.class_of(tool.as_str()) == class).collect();
            edit.finish(|name| names.iter().any(|tool| tool == name), &[], Vec::new())
        }
        Some(RulePlace::AllTools) => edit.finish(|_| true, &[], Vec::new()),
        None => edit.finish_everywhere(Vec::new()),
    }
}

fn plan_addition(
    state: &EditState<'_>,
    place: &RulePlace,
    list: RuleList,
    rule: &DocumentNode,
) -> Result<Vec<DocumentChange>, CannotEdit> {
    let (path, own) = find_place(state, place)?;
    check_passes(state, place, own)?;
    let array = |items| DocumentNode::unplaced(DocumentValue::Array(items));
    let has_classes = state.root.member("classes").is_some();
    let only_classifies = |node: &DocumentNode| node.members().len() == 1 && node.member("class").is_some();
    if let Some(own) = own.filter(|own| !has_classes || !only_classifies(own)) {
        let at = join_path(&path, list.as_str());
        return Ok(vec![match own.member(list.as_str()) {
            Some(DocumentNode { value: DocumentValue::Array(items), .. }) if !items.is_empty() => {
                DocumentChange::Append(at, rule.clone())
            }
            // One group may stand there without a list around it.
            Some(old) if !old.members().is_empty() => DocumentChange::Set(at, array(vec![old.clone(), rule.clone()])),
            _ => DocumentChange::Set(at, array(vec![rule.clone()])),
        }]);
    }
    // The new entry replaces the rule that decided so far, so it takes that over.
    let mut members = own.map(|own| own.members().to_vec()).unwrap_or_default();
    if let RulePlace::Tool(tool) = place {
        let governing = state.governing_entry(&ToolKey::parse(tool)?).map(DocumentNode::members).unwrap_or_default();
        let is_implied = |(key, node): &DocumentMember| key.name == "action" && node.as_text() == Some("allow");
        members.extend(governing.iter().filter(|member| member.0.name != "class" && !is_implied(member)).cloned());
    }
    match members.iter_mut().find(|(key, _)| key.name == list.as_str()) {
        Some((_, DocumentNode { value: DocumentValue::Array(items), .. })) => items.push(rule.clone()),
        Some((_, node)) => *node = array(vec![node.clone(), rule.clone()]),
        None => members.push((DocumentKey::unplaced(list.as_str()), array(vec![rule.clone()]))),
    }
    Ok(vec![DocumentChange::Set(path, DocumentNode::unplaced_table(members))])
}

/// Checks that a rule for single calls has any to judge, and that a new entry would not let through what was refused.
fn check_passes(state: &EditState<'_>, place: &RulePlace, own: Option<&DocumentNode>) -> Result<(), CannotEdit> {
    match place {
        RulePlace::AllTools => Ok(()),
        RulePlace::Class(class) => {
            let action = own.map(|own| own.member("action").and_then(DocumentNode::as_text).unwrap_or("allow"));
            if matches!(action, Some("allow" | "require_approval")) {
                return Ok(());
            }
            CannotEdit::refuse_edit(format!(
                "No tool passes by a rule for the class {}, so there is nothing to add conditions or limits to. First let the \
                 class pass, or have a person asked.",
                class.as_str()
            ))
        }
        RulePlace::Tool(tool) => {
            let decision = state.policy.decide_tool(tool.as_str());
            if matches!(decision.effect, Effect::Deny | Effect::Hide) {
                return CannotEdit::refuse_edit(format!(
                    "Every call of {} is already refused by `{}`, so there is nothing to add conditions or limits to. First \
                     let it pass, or have a person asked.",
                    quote_for_message(tool),
                    decision.rule
                ));
            }
            if own.is_none() && state.policy.waits_for_listing(tool) {
                return CannotEdit::refuse_edit(format!(
                    "What happens to {} depends on what the server says about it, and an entry of its own would let it \
                     through regardless. First decide what it may do: allow it, or have a person asked.",
                    quote_for_message(tool)
                ));
            }
            Ok(())
        }
    }
}

fn plan_removal(
    state: &EditState<'_>,
    place: &RulePlace,
    rule: &WrittenRule,
) -> Result<Vec<DocumentChange>, CannotEdit> {
    let (path, own) = find_place(state, place)?;
    let list = own.and_then(|own| own.member(&rule.key));
    let written = own.map(list_rules).unwrap_or_default();
    let is_there = written.iter().any(|other| (&other.key, other.at, &other.text) == (&rule.key, rule.at, &rule.text));
    let Some(list) = list.filter(|_| is_there) else {
        return CannotEdit::refuse_edit(
            "The rule is not there any more, so nothing was written. Below is what there is now.",
        );
    };
    let at = join_path(&path, &rule.key);
    Ok(vec![match rule.at {
        Some(index) if list.items().len() > 1 => DocumentChange::Take(at, index),
        _ => DocumentChange::Remove(at),
    }])
}

fn plan_class(
    state: &EditState<'_>,
    class: Class,
    action: &EditAction,
    reason: Option<&str>,
) -> Result<Vec<DocumentChange>, CannotEdit> {
    let (path, own) = find_place(state, &RulePlace::Class(class))?;
    if let EditAction::Reset = action {
        return Ok(own.map(|_| DocumentChange::Remove(path)).into_iter().collect());
    }
    if let EditAction::Limit { .. } = action {
        check_passes(state, &RulePlace::Class(class), own)?;
    }
    let order = Order { action: action.clone(), tools: Vec::new(), reason: reason.map(str::to_owned) };
    Ok(change_entry(state, &ToolKey::parse("*")?, &order, &path, own))
}

fn plan_otherwise(state: &EditState<'_>, default: &str, unlisted: &str) -> Vec<DocumentChange> {
    let word = |key: &str| state.root.member(key).and_then(DocumentNode::as_text);
    let set = |key: &str, value: &str| DocumentChange::Set(vec![key.to_owned()], DocumentNode::unplaced_string(value));
    let mut changes = Vec::new();
    if word("default") != Some(default) {
        changes.push(set("default", default));
    }
    match (default, word("unlisted")) {
        // It says how `default = "deny"` refuses.
        ("allow", Some(_)) => changes.push(DocumentChange::Remove(vec!["unlisted".to_owned()])),
        ("deny", now) if now.unwrap_or("hide") != unlisted => changes.push(set("unlisted", unlisted)),
        _ => {}
    }
    changes
}

/// Reads what decides where there is no entry: `default` and `unlisted`.
pub(crate) fn read_otherwise(source: Option<&Source>, server: &Server) -> (&'static str, &'static str) {
    let root = source.map_or_else(|| Some(builtin_document(server)), |source| decode(source, &mut Report::default()));
    let has = |key: &str, value: &str| {
        root.as_ref().and_then(|root| root.member(key)).and_then(DocumentNode::as_text) == Some(value)
    };
    let default = if has("default", "allow") { "allow" } else { "deny" };
    (default, if has("unlisted", "deny") { "deny" } else { "hide" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ServerName;

    const HEAD: &str = "version = \"1\"\ndefault = \"deny\"\n";

    fn server() -> Server {
        Server::by_name(&ServerName::parse("shop").unwrap())
    }

    fn edit(text: &str, wanted: &RuleEdit) -> Result<String, CannotEdit> {
        let source = Source::new("shop.toml", Format::Toml, text);
        carry_out_rule_edit(Some(&source), "shop.toml", &server(), wanted).map(|edited| edited.source.text().to_owned())
    }

    fn group() -> DocumentNode {
        let source = Source::new(
            "x",
            Format::Json,
            "{\"conditions\":[{\"path\":\"args.a\",\"op\":\"gt\",\"value\":5}],\"reason\":\"No.\"}",
        );
        decode(&source, &mut Report::default()).unwrap()
    }

    fn add(tool: &str) -> RuleEdit {
        RuleEdit::Add(RulePlace::Tool(tool.to_owned()), RuleList::DenyIf, group())
    }

    const WRITTEN: &str =
        "{ conditions = [\n    { path = \"args.a\", op = \"gt\", value = 5 },\n  ], reason = \"No.\" }";

    #[test]
    fn a_rule_goes_where_its_entry_is_and_takes_over_what_decided() {
        for (before, after) in [
            ("[tools.x] # X\n", format!("[tools.x] # X\ndeny_if = [\n  {WRITTEN},\n]\n")),
            (
                "[tools.x]\ndeny_if = { path = \"args.b\", op = \"exists\", value = true }\n",
                format!(
                    "[tools.x]\ndeny_if = [\n  {{ path = \"args.b\", op = \"exists\", value = true }},\n  {WRITTEN},\n]\n"
                ),
            ),
            (
                "[tools.\"get_*\"]\nrate_limit = \"5/minute\"\n",
                format!(
                    "[tools.\"get_*\"]\nrate_limit = \"5/minute\"\n\n[tools.get_x]\nrate_limit = \"5/minute\"\ndeny_if = [\n  \
                     {WRITTEN},\n]\n"
                ),
            ),
        ] {
            let tool = if before.contains("get_") { "get_x" } else { "x" };
            assert_eq!(edit(&format!("{HEAD}{before}"), &add(tool)).unwrap(), format!("{HEAD}{after}"), "{before}");
        }
        let why = edit(&format!("{HEAD}[tools.y]\n"), &add("x")).unwrap_err().to_string();
        assert!(why.contains("already refused by `default`"), "{why}");
    }

    #[test]
    fn a_rule_that_was_read_is_removed_and_no_other() {
        let text = format!(
            "{HEAD}[tools.x]\nlimits = [\n  {{ max = 1, window = \"day\" }}, # A\n  {{ max = 2, window = \"hour\" }}, # B\n]\n\
             rate_limit = \"5/minute\" # R\n"
        );
        let source = Source::new("shop.toml", Format::Toml, text.as_str());
        let place = RulePlace::Tool("x".to_owned());
        let server = server();
        let read = RuleReader::load(Some(&source), &server).read_rules(&place);
        assert!(read.is_own && read.path == "tools.x");
        let says: Vec<_> = read.rules.iter().map(|rule| rule.says.join("")).collect();
        assert_eq!(says, ["5/minute", "max = 1, window = \"day\"", "max = 2, window = \"hour\""]);
        let remove = |at: usize| RuleEdit::Remove(place.clone(), read.rules[at].clone());
        let gone = |part: &str| text.replace(part, "");
        assert_eq!(edit(&text, &remove(0)).unwrap(), gone("rate_limit = \"5/minute\" # R\n"));
        assert_eq!(edit(&text, &remove(1)).unwrap(), gone("\n  { max = 1, window = \"day\" }, # A"));
        let changed = text.replace("max = 1", "max = 3");
        assert!(edit(&changed, &remove(1)).unwrap_err().to_string().contains("not there any more"));
    }

    #[test]
    fn classes_and_what_is_not_named_are_edited_in_place() {
        let text = format!("{HEAD}\n[classes.read] # R\naction = \"allow\"\n");
        let class = |class, action| RuleEdit::Class(class, action, None);
        for (wanted, after) in [
            (class(Class::Read, EditAction::Deny), text.replace("allow", "deny")),
            (class(Class::Read, EditAction::Reset), format!("{HEAD}\n[classes]\n")),
            (
                class(Class::Write, EditAction::Ask { timeout: None }),
                format!("{text}\n[classes.write]\naction = \"require_approval\"\n"),
            ),
            (
                class(Class::Read, EditAction::Limit { rate: "5/minute".to_owned(), scope: None }),
                format!("{text}rate_limit = \"5/minute\"\n"),
            ),
            (RuleEdit::Otherwise("allow", "hide"), text.replace("\"deny\"", "\"allow\"")),
            (RuleEdit::Otherwise("deny", "deny"), text.replace("\"deny\"\n", "\"deny\"\nunlisted = \"deny\"\n")),
        ] {
            assert_eq!(edit(&text, &wanted).unwrap(), after, "{wanted:?}");
        }
        let limit = class(Class::Write, EditAction::Limit { rate: "5/minute".to_owned(), scope: None });
        assert!(edit(&text, &limit).unwrap_err().to_string().contains("nothing to add conditions or limits to"));
    }
}
