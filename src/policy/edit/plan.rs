//! What a person orders for a tool, as changes of a document; and whether it came out as it was ordered.

use super::change::Change;
use super::state::{State, Tool, known_tools};
use super::{CannotEdit, Edited, Outcome, Which, written_out};
use crate::limits::MAX_POLICY_FILE;
use crate::policy::compile::Policy;
use crate::policy::decision::Effect;
use crate::policy::diagnostic::{quote, visible};
use crate::policy::limit::{Limit, Scope};
use crate::policy::server::ServerName;
use crate::policy::source::{Format, Source};
use crate::policy::tree::{DocumentKey, DocumentNode, DocumentValue};

/// What is to happen to a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// It may be called; its limits and conditions stay.
    Allow,
    /// It stays visible, and every call is refused.
    Deny,
    /// It is taken out of tools/list, and every call is refused.
    Hide,
    /// A person is asked, each time.
    Ask {
        /// How long the call waits for them, such as `10m`.
        timeout: Option<String>,
    },
    /// So many calls may pass, such as `10/minute`; what else is said of the tool stays.
    Limit {
        /// The rate.
        rate: String,
        /// Who is counted together; a session where it is not said.
        scope: Option<Scope>,
    },
    /// What is said of it by its name is taken out, so that the rest of the policy decides.
    Reset,
}

/// What a person orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What is to happen.
    pub verb: Verb,
    /// To which tools: names and globs.
    pub tools: Vec<String>,
    /// What the agent is to be told.
    pub reason: Option<String>,
}

/// Carries out an order: in a document, or, where there is none yet, in what is written out of the built-in policy. `name`
/// is what the document is called.
///
/// # Errors
/// Where it cannot come out as it was ordered, or the document is not edited for another reason.
pub fn order(source: Option<&Source>, name: &str, server: &ServerName, order: &Order) -> Result<Edited, CannotEdit> {
    let tools = order.tools.iter().map(|text| Tool::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let before = begin(source, name, server)?;
    let mut after = None;
    for tool in &tools {
        after = carry_out(after.as_ref().unwrap_or(&before), tool, order)?.or(after);
    }
    let is_named = |name: &str| tools.iter().any(|tool| tool.name.matches(name));
    finish(before, after, is_named, Vec::new())
}

/// The document that is edited.
pub(super) fn begin<'s>(source: Option<&Source>, name: &str, server: &'s ServerName) -> Result<State<'s>, CannotEdit> {
    let source = source.cloned().unwrap_or_else(|| Source::new(name, Format::Toml, written_out(server)));
    State::load(source, server, Which::Present)
}

/// That no other tool is decided otherwise than before.
pub(super) fn finish(
    before: State<'_>,
    after: Option<State<'_>>,
    is_named: impl Fn(&str) -> bool,
    notes: Vec<String>,
) -> Result<Edited, CannotEdit> {
    let Some(after) = after else {
        let State { source, policy, warnings, .. } = before;
        return Ok(Edited { source, policy, warnings, outcome: Outcome::Unchanged, notes });
    };
    let size = after.source.in_file(after.source.text()).len();
    if size > MAX_POLICY_FILE {
        return CannotEdit::refused(format!(
            "With that, {} would have {size} bytes, and no policy that is larger than {MAX_POLICY_FILE} is read. Nothing was \
             written. Take out of it what is not needed.",
            after.source.name()
        ));
    }
    let nobody = "a_tool_that_nobody_knows".to_owned();
    let names = known_tools(&before.policy).into_iter().chain(known_tools(&after.policy)).chain([nobody]);
    if let Some(other) =
        names.filter(|name| !is_named(name)).find(|name| !decide_alike(&before.policy, &after.policy, name))
    {
        return CannotEdit::refused(format!(
            "That would change what happens to {}, which was not named. Nothing was written. Edit {} by hand, and look at it \
             with `policylayer check`.",
            quote(&other),
            before.source.name()
        ));
    }
    let is_same = before.source.text() == after.source.text();
    Ok(Edited {
        source: after.source,
        policy: after.policy,
        warnings: after.warnings,
        outcome: if is_same { Outcome::Unchanged } else { Outcome::Changed },
        notes,
    })
}

/// Whether a tool fares alike under two policies, whichever rule it is that says so.
fn decide_alike(one: &Policy, other: &Policy, tool: &str) -> bool {
    let (before, after) = (one.decide(tool), other.decide(tool));
    let limit = |limit: &Limit| (limit.max, limit.window, limit.scope);
    before.effect == after.effect
        && before.reason == after.reason
        && one.looks_at_arguments(tool) == other.looks_at_arguments(tool)
        && one.limits(tool).map(limit).eq(other.limits(tool).map(limit))
}

/// The document as it is then; `None` where nothing is to be changed.
fn carry_out<'s>(state: &State<'s>, tool: &Tool, order: &Order) -> Result<Option<State<'s>>, CannotEdit> {
    check_for_all(tool, order)?;
    let mut changes = plan(state, tool, order)?;
    let mut standing_alone = None;
    if state.is_patch() && changes.iter().any(is_about_entries) {
        // To take it out of `hide` may be all that it needs.
        let shown: Vec<_> = changes.iter().filter(|change| matches!(change, Change::Show(_))).cloned().collect();
        if order.verb == Verb::Allow && order.reason.is_none() && !shown.is_empty() {
            let after = state.with(&shown)?;
            if verify(state, &after, tool, order).is_ok() {
                return Ok(Some(after));
            }
        }
        // With entries the document stands alone, so the built-in rules under it have to be written into it.
        let alone = state.standing_alone()?;
        changes = plan(&alone, tool, order)?;
        standing_alone = Some(alone);
    }
    let state = standing_alone.as_ref().unwrap_or(state);
    if changes.is_empty() {
        verify(state, state, tool, order)?;
        return Ok(standing_alone);
    }
    let after = state.with(&changes)?;
    verify(state, &after, tool, order)?;
    Ok(Some(after))
}

/// What means every tool has no action.
fn check_for_all(tool: &Tool, order: &Order) -> Result<(), CannotEdit> {
    let verb = match order.verb {
        Verb::Allow => "allow",
        Verb::Deny => "deny",
        Verb::Ask { .. } => "ask",
        Verb::Hide | Verb::Limit { .. } | Verb::Reset => return Ok(()),
    };
    if !tool.name.matches_all() {
        return Ok(());
    }
    CannotEdit::refused(format!(
        "`{}` means every tool, and there is no such entry to {verb}. Name the tools, or set `default` in the file.",
        tool.key
    ))
}

fn is_about_entries(change: &Change) -> bool {
    let (Change::Set(path, _) | Change::Remove(path)) = change else { return false };
    path.first().is_some_and(|first| first == "tools" || first == "classes")
}

fn plan(state: &State<'_>, tool: &Tool, order: &Order) -> Result<Vec<Change>, CannotEdit> {
    let out_of_hide = || state.hidden_at(tool).into_iter().map(Change::Show).collect::<Vec<_>>();
    let (path, own) = state.entry(tool);
    match &order.verb {
        Verb::Reset => {
            let mut changes = out_of_hide();
            changes.extend(own.map(|_| Change::Remove(path)));
            Ok(changes)
        }
        Verb::Hide if tool.exact().is_none() => {
            if order.reason.is_some() {
                return CannotEdit::refused(format!(
                    "A reason stands in the entry of a tool, and {} is put into the list `hide`, which has none. Name the \
                     tools, or leave --reason out.",
                    quote(&tool.key)
                ));
            }
            let is_there = !state.hidden_at(tool).is_empty();
            Ok(if is_there { Vec::new() } else { vec![Change::Hide(tool.key.clone())] })
        }
        Verb::Hide if order.reason.is_none() && is_so(state, tool, Effect::Hide) => Ok(Vec::new()),
        Verb::Hide if order.reason.is_none() && own.is_none() => Ok(vec![Change::Hide(tool.key.clone())]),
        Verb::Limit { .. } => {
            may_be_limited(state, tool, own)?;
            Ok(entry(state, tool, order, &path, own))
        }
        verb => {
            let changes = out_of_hide();
            let is_so = changes.is_empty()
                && order.reason.is_none()
                && own.is_none()
                && effect(verb).is_some_and(|effect| is_so(state, tool, effect))
                && !matches!(verb, Verb::Ask { timeout: Some(_) });
            if is_so {
                return Ok(changes);
            }
            // Taking it out of `hide` changes no entry.
            let rest = entry(state, tool, order, &path, own);
            Ok(changes.into_iter().chain(rest).collect())
        }
    }
}

/// What the verb makes of a tool.
fn effect(verb: &Verb) -> Option<Effect> {
    match verb {
        Verb::Allow => Some(Effect::Allow),
        Verb::Deny => Some(Effect::Deny),
        Verb::Hide => Some(Effect::Hide),
        Verb::Ask { .. } => Some(Effect::RequireApproval),
        Verb::Limit { .. } | Verb::Reset => None,
    }
}

/// Whether one tool fares so already, whatever its server says of it, and not only because nothing is said of it.
fn is_so(state: &State<'_>, tool: &Tool, effect: Effect) -> bool {
    tool.exact().is_some_and(|name| {
        let decision = state.policy.decide(name);
        decision.effect == effect
            && (decision.rule != "default" || effect == Effect::Allow)
            && !state.policy.waits_for_listing(name)
    })
}

/// A limit lets through nothing that was not let through before.
fn may_be_limited(state: &State<'_>, tool: &Tool, own: Option<&DocumentNode>) -> Result<(), CannotEdit> {
    if let Some(name) = tool.exact() {
        let decision = state.policy.decide(name);
        if matches!(decision.effect, Effect::Deny | Effect::Hide) {
            return CannotEdit::refused(format!(
                "Every call of {} is refused already, by `{}`, so there is nothing to limit. If it is to be called, let it \
                 through first: `policylayer allow {}`, with the same --server or --policy.",
                quote(name),
                decision.rule,
                visible(name)
            ));
        }
        // With an entry of its own the class would no longer decide, and what the server says of it can only make it stricter.
        if own.is_none() && state.policy.waits_for_listing(name) {
            return CannotEdit::refused(format!(
                "What becomes of {} depends on what the server says that it does, and a limit of its own would let it through \
                 whatever that is. Nothing was written. Say first what it may do: `policylayer allow {name}`, or `policylayer \
                 ask {name}`.",
                quote(name),
                name = visible(name)
            ));
        }
    } else if own.is_none()
        && !tool.name.matches_all()
        && (state.policy.otherwise.effect != Effect::Allow || state.root.member("classes").is_some())
    {
        return CannotEdit::refused(format!(
            "There is no entry {} that could be limited, and a new one would let through what other rules refuse. Limit \
             the tools by their names.",
            quote(&tool.key)
        ));
    }
    Ok(())
}

/// The changes that make the tool's entry say what is ordered, made where it has none.
fn entry(state: &State<'_>, tool: &Tool, order: &Order, path: &[String], own: Option<&DocumentNode>) -> Vec<Change> {
    let wanted = wanted(order, own);
    // What says no more than the class leaves the rest to the rules for that class.
    let only_classifies = |node: &DocumentNode| node.members().len() == 1 && node.member("class").is_some();
    let kept = own.filter(|node| !only_classifies(node) || state.root.member("classes").is_none());
    let Some(own_pairs) = kept.map(DocumentNode::members) else {
        let mut pairs = own.map(|node| node.members().to_vec()).unwrap_or_default();
        // An entry takes the place of the rule that decided so far; what that one checks is still to be checked.
        let governing = state.governing(tool).map(DocumentNode::members).unwrap_or_default();
        let carried = governing.iter().filter(|(key, _)| is_carried(&order.verb, &key.name)).cloned();
        pairs.extend(carried.filter(|(key, _)| !wanted.iter().any(|(own, _)| *own == key.name)));
        pairs.extend(wanted.into_iter().map(|(key, node)| (DocumentKey::unplaced(key), node)));
        // Being listed means allowed, but for an entry that would say no more than the class.
        pairs.retain(|(key, node)| !(key.name == "action" && node.as_text() == Some("allow")));
        if order.verb == Verb::Allow && own.is_some() {
            pairs.push((DocumentKey::unplaced("action"), DocumentNode::unplaced_string("allow")));
        }
        return vec![Change::Set(path.to_vec(), DocumentNode::unplaced_table(pairs))];
    };
    let at = |key: &str| path.iter().cloned().chain([key.to_owned()]).collect::<Vec<_>>();
    let own = |key: &str| own_pairs.iter().find(|(own, _)| own.name == key).map(|(_, node)| node);
    let mut changes = Vec::new();
    for (key, node) in &wanted {
        if !own(key).is_some_and(|old| old.is_same_value(node)) {
            changes.push(Change::Set(at(key), node.clone()));
        }
    }
    let is_other_action = changes
        .iter()
        .any(|change| matches!(change, Change::Set(path, _) if path.last().is_some_and(|key| key == "action")));
    // The reason was for the action, unless something else refuses with it.
    let checks = own_pairs.iter().any(|(key, _)| !NO_CHECKS.contains(&key.name.as_str()));
    for key in ["reason", "on_deny"] {
        if is_other_action && order.reason.is_none() && !checks && own(key).is_some() {
            changes.push(Change::Remove(at(key)));
        }
    }
    for key in ["approval_timeout", "approval_scope"] {
        if order.verb == Verb::Allow && is_other_action && own(key).is_some() && own("approve_if").is_none() {
            changes.push(Change::Remove(at(key)));
        }
    }
    changes
}

/// The keys of an entry that neither refuse nor count.
const NO_CHECKS: [&str; 6] = ["action", "reason", "on_deny", "class", "approval_timeout", "approval_scope"];

/// Whether a key of the rule that decided a tool so far goes into its own entry.
fn is_carried(verb: &Verb, key: &str) -> bool {
    match verb {
        Verb::Deny | Verb::Hide | Verb::Reset => false,
        Verb::Allow => !NO_CHECKS.contains(&key),
        Verb::Ask { .. } => !NO_CHECKS.contains(&key) || key.starts_with("approval"),
        Verb::Limit { .. } => key != "class",
    }
}

/// What the entry is to say.
fn wanted(order: &Order, own: Option<&DocumentNode>) -> Vec<(&'static str, DocumentNode)> {
    let has = |key: &str| own.is_some_and(|own| own.member(key).is_some());
    let mut wanted = Vec::new();
    match &order.verb {
        // Being listed means allowed; only what says otherwise has to be changed.
        Verb::Allow if has("action") => wanted.push(("action", DocumentNode::unplaced_string("allow"))),
        Verb::Allow | Verb::Reset => {}
        Verb::Deny => wanted.push(("action", DocumentNode::unplaced_string("deny"))),
        Verb::Hide => wanted.push(("action", DocumentNode::unplaced_string("hide"))),
        Verb::Ask { timeout } => {
            wanted.push(("action", DocumentNode::unplaced_string("require_approval")));
            wanted.extend(timeout.as_ref().map(|timeout| ("approval_timeout", DocumentNode::unplaced_string(timeout))));
        }
        Verb::Limit { rate, scope } => {
            wanted.push(("rate_limit", limit(rate, *scope, order.reason.as_deref())));
            return wanted;
        }
    }
    let reason_key = if has("on_deny") { "on_deny" } else { "reason" };
    wanted.extend(order.reason.as_ref().map(|reason| (reason_key, DocumentNode::unplaced_string(reason))));
    wanted
}

/// `"10/minute"`, or a table where there is more to say.
fn limit(rate: &str, scope: Option<Scope>, reason: Option<&str>) -> DocumentNode {
    let Some((max, window)) = rate.split_once('/').filter(|_| scope.is_some() || reason.is_some()) else {
        return DocumentNode::unplaced_string(rate);
    };
    let max = max.trim();
    let is_whole = max.bytes().all(|byte| byte.is_ascii_digit());
    let number = if is_whole { DocumentValue::Integer(max.to_owned()) } else { DocumentValue::Float(max.to_owned()) };
    let mut pairs = vec![
        (DocumentKey::unplaced("max"), DocumentNode::unplaced(number)),
        (DocumentKey::unplaced("window"), DocumentNode::unplaced_string(window.trim())),
    ];
    if let Some(scope) = scope {
        let word = match scope {
            Scope::Session => "session",
            Scope::Server => "server",
        };
        pairs.push((DocumentKey::unplaced("scope"), DocumentNode::unplaced_string(word)));
    }
    pairs.extend(reason.map(|reason| (DocumentKey::unplaced("reason"), DocumentNode::unplaced_string(reason))));
    DocumentNode::unplaced_table(pairs)
}

/// That each tool that is meant fares as it was ordered.
fn verify(before: &State<'_>, after: &State<'_>, tool: &Tool, order: &Order) -> Result<(), CannotEdit> {
    let names = match tool.exact() {
        Some(name) => [name.to_owned()].into(),
        None => known_tools(&after.policy),
    };
    for name in names.iter().filter(|name| tool.name.matches(name)) {
        let (old, decision) = (before.policy.decide(name), after.policy.decide(name));
        let is_good = match (&order.verb, effect(&order.verb)) {
            (Verb::Limit { .. }, _) => {
                let is_limited = after.policy.limits(name).any(|limit| limit.rule.ends_with("rate_limit"));
                decision.effect == old.effect && (is_limited || matches!(decision.effect, Effect::Deny | Effect::Hide))
            }
            (Verb::Allow, _) => decision.effect == Effect::Allow,
            // A reason that another rule keeps back would be told to nobody.
            (_, Some(effect)) => {
                decision.effect == effect
                    && order.reason.as_deref().is_none_or(|reason| decision.reason == Some(reason))
            }
            (_, None) => true,
        };
        if is_good {
            continue;
        }
        let (rule, file) = (decision.rule, after.source.name());
        let remedy = match rule.strip_prefix("hide[").and_then(|at| at.trim_end_matches(']').parse::<usize>().ok()) {
            Some(at) => {
                let items = after.root.member("hide").map(DocumentNode::items).unwrap_or_default();
                let item = items.get(at).and_then(DocumentNode::as_text).unwrap_or_default();
                format!("Take {} out of `hide` first: `policylayer reset '{}'`", quote(item), visible(item))
            }
            None if tool.exact().is_none() && rule.starts_with("tools.") => {
                format!("A rule that names a tool comes before a glob: name the tool itself, {}", quote(name))
            }
            None => "Change that rule in the file first".to_owned(),
        };
        return CannotEdit::refused(format!(
            "{} would not come out as asked: `{rule}` of {file} decides it, and makes of it `{}`. Nothing was written. {remedy}.",
            quote(name),
            decision.effect
        ));
    }
    Ok(())
}
