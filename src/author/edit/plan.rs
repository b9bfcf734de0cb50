//! From an order for a tool to changes of a document, and the check that the result is what was ordered.

use super::change::DocumentChange;
use super::matches::is_over_entries;
use super::state::{EditState, ToolKey};
use super::{CannotEdit, Edited, Which, write_out_builtin};
use crate::author::{rate_limit, text_member};
use crate::limits::MAX_POLICY_FILE;
use crate::policy::diagnostic::quote_for_message;
use crate::policy::tree::{DocumentKey, DocumentMember, DocumentNode};
use crate::policy::{Effect, Format, Limit, Policy, Scope, Section, Server, Source};
use crate::report::edit::compare_entries;
use crate::visible::escape_invisible;

/// What an order does to a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditAction {
    /// Allows its calls; its limits and conditions stay.
    Allow,
    /// Keeps it visible, and refuses every call.
    Deny,
    /// Removes it from tools/list, and refuses every call.
    Hide,
    /// Requires a person's approval for each call.
    Ask {
        /// How long a call waits for the approval, such as `10m`.
        timeout: Option<String>,
    },
    /// Limits the rate of its calls, such as `10/minute`; the other rules for the tool stay.
    Limit {
        /// The rate.
        rate: String,
        /// Whose calls are counted together; those of a session if it is `None`.
        scope: Option<Scope>,
    },
    /// Removes its own entry, so that the rest of the policy decides.
    Reset,
}

impl EditAction {
    /// The effect on a tool's calls; `None` if it depends on the rest of the policy.
    fn effect(&self) -> Option<Effect> {
        match self {
            Self::Allow => Some(Effect::Allow),
            Self::Deny => Some(Effect::Deny),
            Self::Hide => Some(Effect::Hide),
            Self::Ask { .. } => Some(Effect::RequireApproval),
            Self::Limit { .. } | Self::Reset => None,
        }
    }
}

/// What a person orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What happens to the tools.
    pub action: EditAction,
    /// The tools: names and globs.
    pub tools: Vec<String>,
    /// The reason that the agent is given.
    pub reason: Option<String>,
}

/// Carries out an order on a document, or, if there is none yet, on the built-in policy as a document with this `name`.
///
/// # Errors
/// Returns an error if the result would not be what was ordered, or the document cannot be edited.
pub fn carry_out_order(
    source: Option<&Source>,
    name: &str,
    server: &Server,
    order: &Order,
) -> Result<Edited, CannotEdit> {
    let tools = order.tools.iter().map(|text| ToolKey::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let mut edit = PolicyEdit::begin(source, name, server, Start::Whole)?;
    let mut notes = Vec::new();
    for tool in &tools {
        if is_over_entries(tool, order) {
            notes.push(edit.apply_to_matching(tool, order)?);
        } else {
            edit.apply_order(tool, order)?;
        }
    }
    edit.finish(|name| tools.iter().any(|tool| tool.name.matches(name)), &[], notes)
}

/// What is edited if a server has no policy file yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The built-in policy, written out.
    Whole,
    /// A document that only hides, laid over the built-in policy.
    Patch,
}

/// A policy before an edit, and as far as it is edited.
pub(super) struct PolicyEdit<'s> {
    pub(super) before: EditState<'s>,
    pub(super) now: EditState<'s>,
    /// The text that the edit began with.
    begun: String,
}

/// Stands for the tools that no policy and no catalogue has.
pub(super) const NOBODYS: &str = "a_tool_that_nobody_knows";

const EMPTY_PATCH: &str = "version = \"1\"\ndefault = \"deny\"\nhide = []\n";

impl<'s> PolicyEdit<'s> {
    pub(super) fn begin(
        source: Option<&Source>,
        name: &str,
        server: &'s Server,
        start: Start,
    ) -> Result<Self, CannotEdit> {
        let whole = || Source::new(name, Format::Toml, write_out_builtin(server));
        let before = EditState::load_source(source.cloned().unwrap_or_else(whole), server, Which::Present)?;
        let is_patch = source.is_none() && start == Start::Patch;
        let text = if is_patch { EMPTY_PATCH } else { before.source.text() };
        let now = EditState::load_source(Source::new(name, before.source.format(), text), server, Which::Present)?;
        Ok(Self { begun: now.source.text().to_owned(), before, now })
    }

    pub(super) fn make_changes(&mut self, changes: &[DocumentChange]) -> Result<(), CannotEdit> {
        if !changes.is_empty() {
            self.now = self.now.with_changes(changes)?;
        }
        Ok(())
    }

    pub(super) fn apply_order(&mut self, tool: &ToolKey, order: &Order) -> Result<(), CannotEdit> {
        check_for_all(tool, order)?;
        let mut changes = plan_changes(&self.now, tool, order)?;
        if self.now.is_patch() && changes.iter().any(is_about_entries) {
            // Removing it from `hide` may be enough.
            let is_shown = |change: &&DocumentChange| matches!(change, DocumentChange::Show(_));
            let shown: Vec<_> = changes.iter().filter(is_shown).cloned().collect();
            if order.action == EditAction::Allow && order.reason.is_none() && !shown.is_empty() {
                let after = self.now.with_changes(&shown)?;
                if verify_order(&self.before, &after, tool, order).is_ok() {
                    self.now = after;
                    return Ok(());
                }
            }
            // With entries the document stands alone, so the built-in rules below it have to be written into it.
            self.now = self.now.make_standalone()?;
            changes = plan_changes(&self.now, tool, order)?;
        }
        self.make_changes(&changes)?;
        verify_order(&self.before, &self.now, tool, order)
    }

    /// Checks that no other tool is decided differently than before, and nothing beside tool calls but by these entries.
    pub(super) fn finish(
        self,
        is_named: impl Fn(&str) -> bool,
        entries: &[String],
        notes: Vec<String>,
    ) -> Result<Edited, CannotEdit> {
        let Self { before, now, .. } = &self;
        let names = before.policy.known_tools().into_iter().chain(now.policy.known_tools()).chain([NOBODYS.to_owned()]);
        let mut others = names.filter(|name| !is_named(name));
        let other = others.find(|name| !decide_alike(&before.policy, &now.policy, name));
        if let Some(other) = other.or_else(|| find_section_change(&before.policy, &now.policy, entries)) {
            return CannotEdit::refuse_edit(format!(
                "This would also change what happens to {}, which was not named. Nothing was written. Edit {} by hand, and \
                 check it with `policylayer check`.",
                quote_for_message(&other),
                before.source.name()
            ));
        }
        self.finish_everywhere(notes)
    }

    /// Ends an edit that may change everything.
    pub(super) fn finish_everywhere(self, notes: Vec<String>) -> Result<Edited, CannotEdit> {
        let Self { now, begun, .. } = self;
        let size = now.source.in_file(now.source.text()).len();
        if size > MAX_POLICY_FILE {
            return CannotEdit::refuse_edit(format!(
                "With this change, {} would have {size} bytes, and a policy may have at most {MAX_POLICY_FILE}. Nothing was \
                 written. Remove what is no longer needed.",
                now.source.name()
            ));
        }
        let is_changed = begun != now.source.text();
        let EditState { source, policy, warnings, .. } = now;
        Ok(Edited { source, policy, warnings, is_changed, notes })
    }
}

/// Whether two policies decide a tool alike, whichever rule decides.
fn decide_alike(one: &Policy, other: &Policy, tool: &str) -> bool {
    let (before, after) = (one.decide_tool(tool), other.decide_tool(tool));
    let limit = |limit: &Limit| (limit.max, limit.window, limit.scope);
    before.effect == after.effect
        && before.reason == after.reason
        && one.looks_at_arguments(tool) == other.looks_at_arguments(tool)
        && one.limits_of(tool).map(limit).eq(other.limits_of(tool).map(limit))
}

/// Returns what is decided differently beside tool calls: an entry that is none of these, or a section where it has no
/// entry.
fn find_section_change(before: &Policy, after: &Policy, entries: &[String]) -> Option<String> {
    let changes = compare_entries(before, after);
    let other = changes.into_iter().find(|change| !entries.iter().any(|rule| rule == change.rule));
    let without_entry = |policy: &Policy, section| {
        let tally = policy.tally_section(section);
        [tally.otherwise, tally.listed]
    };
    let section =
        || Section::ALL.into_iter().find(|section| without_entry(before, *section) != without_entry(after, *section));
    other.map(|change| change.rule.to_owned()).or_else(|| Some(section()?.to_string()))
}

/// Checks that an order for every tool is one that `all_tools` can express.
fn check_for_all(tool: &ToolKey, order: &Order) -> Result<(), CannotEdit> {
    let verb = match order.action {
        EditAction::Allow => "allow",
        EditAction::Deny => "deny",
        EditAction::Ask { .. } => "ask",
        EditAction::Hide | EditAction::Limit { .. } | EditAction::Reset => return Ok(()),
    };
    if !tool.name.matches_all() {
        return Ok(());
    }
    CannotEdit::refuse_edit(format!(
        "`{}` means every tool, and no entry can {verb} every tool. Name the tools, or set `default` in the file.",
        tool.key
    ))
}

fn is_about_entries(change: &DocumentChange) -> bool {
    let (DocumentChange::Set(path, _) | DocumentChange::Remove(path)) = change else { return false };
    path.first().is_some_and(|first| first == "tools" || first == "classes")
}

fn plan_changes(state: &EditState<'_>, tool: &ToolKey, order: &Order) -> Result<Vec<DocumentChange>, CannotEdit> {
    let out_of_hide = || state.hidden_at(tool).into_iter().map(DocumentChange::Show).collect::<Vec<_>>();
    let (path, own) = state.find_entry(tool);
    match &order.action {
        EditAction::Reset => {
            let mut changes = out_of_hide();
            changes.extend(own.map(|_| DocumentChange::Remove(path)));
            Ok(changes)
        }
        EditAction::Hide if tool.exact_name().is_none() => {
            if order.reason.is_some() {
                return CannotEdit::refuse_edit(format!(
                    "{} goes into the list `hide`, which has no place for a reason. Name the tools, or leave out --reason.",
                    quote_for_message(&tool.key)
                ));
            }
            let is_there = !state.hidden_at(tool).is_empty();
            Ok(if is_there { Vec::new() } else { vec![DocumentChange::Hide(tool.key.clone())] })
        }
        EditAction::Hide if order.reason.is_none() && has_effect_already(state, tool, Effect::Hide) => Ok(Vec::new()),
        EditAction::Hide if order.reason.is_none() && own.is_none() => Ok(vec![DocumentChange::Hide(tool.key.clone())]),
        EditAction::Limit { .. } => {
            check_limit_allowed(state, tool, own)?;
            Ok(change_entry(state, tool, order, &path, own))
        }
        action => {
            let changes = out_of_hide();
            let is_so = changes.is_empty()
                && order.reason.is_none()
                && own.is_none()
                && action.effect().is_some_and(|effect| has_effect_already(state, tool, effect))
                && !matches!(action, EditAction::Ask { timeout: Some(_) });
            if is_so {
                return Ok(changes);
            }
            // Removing it from `hide` changes no entry.
            let rest = change_entry(state, tool, order, &path, own);
            Ok(changes.into_iter().chain(rest).collect())
        }
    }
}

/// Whether a rule already gives the tool this effect, whatever its server says about the tool.
fn has_effect_already(state: &EditState<'_>, tool: &ToolKey, effect: Effect) -> bool {
    tool.exact_name().is_some_and(|name| {
        let decision = state.policy.decide_tool(name);
        decision.effect == effect
            && (decision.rule != "default" || effect == Effect::Allow)
            && !state.policy.waits_for_listing(name)
    })
}

/// Checks that a limit does not let through what was refused before.
pub(super) fn check_limit_allowed(
    state: &EditState<'_>,
    tool: &ToolKey,
    own: Option<&DocumentNode>,
) -> Result<(), CannotEdit> {
    if let Some(name) = tool.exact_name() {
        let decision = state.policy.decide_tool(name);
        if matches!(decision.effect, Effect::Deny | Effect::Hide) {
            return CannotEdit::refuse_edit(format!(
                "Every call of {} is already refused by `{}`, so there is nothing to limit. To let it through first, run \
                 `policylayer allow {}` with the same --server or --policy.",
                quote_for_message(name),
                decision.rule,
                escape_invisible(name)
            ));
        }
        // With an entry of its own the class would no longer decide; what the server says can only make it stricter.
        if own.is_none() && state.policy.waits_for_listing(name) {
            return CannotEdit::refuse_edit(format!(
                "What happens to {} depends on what the server says about it, and a limit of its own would let it through \
                 regardless. Nothing was written. First decide what it may do: `policylayer allow {name}` or `policylayer \
                 ask {name}`.",
                quote_for_message(name),
                name = escape_invisible(name)
            ));
        }
    } else if own.is_none()
        && !tool.name.matches_all()
        && (state.policy.otherwise() != Effect::Allow || state.root.member("classes").is_some())
    {
        return CannotEdit::refuse_edit(format!(
            "There is no entry {} to limit, and a new one would let through what other rules refuse. Limit the tools by name.",
            quote_for_message(&tool.key)
        ));
    }
    Ok(())
}

/// Returns the changes that make the tool's entry say what is ordered. A missing entry is created.
pub(super) fn change_entry(
    state: &EditState<'_>,
    tool: &ToolKey,
    order: &Order,
    path: &[String],
    own: Option<&DocumentNode>,
) -> Vec<DocumentChange> {
    let wanted = wanted_members(order, own);
    // An entry that only sets the class leaves the rest to the rules for that class.
    let only_classifies = |node: &DocumentNode| node.members().len() == 1 && node.member("class").is_some();
    let Some(kept) = own.filter(|node| !only_classifies(node) || state.root.member("classes").is_none()) else {
        let mut members = own.map(|node| node.members().to_vec()).unwrap_or_default();
        // The new entry replaces the rule that decided so far, so it takes over that rule's checks.
        let governing = state.governing_entry(tool).map(DocumentNode::members).unwrap_or_default();
        let carried = governing.iter().filter(|(key, _)| is_carried(&order.action, &key.name)).cloned();
        members.extend(carried.filter(|(key, _)| !wanted.iter().any(|(own, _)| own.name == key.name)));
        members.extend(wanted);
        // A listed tool is allowed, unless its entry only sets the class.
        members.retain(|(key, node)| !(key.name == "action" && node.as_text() == Some("allow")));
        if order.action == EditAction::Allow && own.is_some() {
            members.push(text_member("action", "allow"));
        }
        return vec![DocumentChange::Set(path.to_vec(), DocumentNode::unplaced_table(members))];
    };
    let mut changes = set_members(path, Some(kept), &wanted);
    let is_action = |change: &DocumentChange| match change {
        DocumentChange::Set(path, _) => path.last().is_some_and(|key| key == "action"),
        _ => false,
    };
    if changes.iter().any(is_action) {
        let mut gone: Vec<&str> = Vec::new();
        // The reason belonged to the action, unless something else refuses with it.
        let refuses = |key: &str| !NO_CHECKS.contains(&key) && !matches!(key, "preview" | "returns" | "targets");
        let has_checks = kept.members().iter().any(|(key, _)| refuses(&key.name));
        if order.reason.is_none() && !has_checks {
            gone.extend(["reason", "on_deny"]);
        }
        if order.action == EditAction::Allow && kept.member("approve_if").is_none() {
            gone.extend(["approval_timeout", "approval_scope", "approval_for"]);
        }
        let gone = gone.into_iter().filter(|key| kept.member(key).is_some());
        changes.extend(gone.map(|key| DocumentChange::Remove(join_path(path, key))));
    }
    changes
}

/// Returns the changes that give a table these members, except those that it already has.
pub(super) fn set_members(
    path: &[String],
    own: Option<&DocumentNode>,
    members: &[DocumentMember],
) -> Vec<DocumentChange> {
    let has = |(key, node): &&DocumentMember| {
        own.and_then(|own| own.member(&key.name)).is_some_and(|old| old.is_same_value(node))
    };
    let missing = members.iter().filter(|member| !has(member));
    missing.map(|(key, node)| DocumentChange::Set(join_path(path, &key.name), node.clone())).collect()
}

pub(super) fn join_path(path: &[String], key: &str) -> Vec<String> {
    path.iter().cloned().chain([key.to_owned()]).collect()
}

/// The keys of an entry that neither refuse nor count.
const NO_CHECKS: [&str; 7] =
    ["action", "reason", "on_deny", "class", "approval_timeout", "approval_scope", "approval_for"];

/// Whether a key of the rule that decided a tool so far moves into its own entry.
fn is_carried(action: &EditAction, key: &str) -> bool {
    match action {
        EditAction::Deny | EditAction::Hide | EditAction::Reset => false,
        EditAction::Allow => !NO_CHECKS.contains(&key),
        EditAction::Ask { .. } => !NO_CHECKS.contains(&key) || key.starts_with("approval"),
        EditAction::Limit { .. } => key != "class",
    }
}

fn wanted_members(order: &Order, own: Option<&DocumentNode>) -> Vec<DocumentMember> {
    let has = |key: &str| own.is_some_and(|own| own.member(key).is_some());
    if let EditAction::Limit { rate, scope } = &order.action {
        let limit = rate_limit(rate, *scope, order.reason.as_deref());
        return vec![(DocumentKey::unplaced("rate_limit"), limit)];
    }
    // A listed tool is allowed; only an action that says otherwise has to change.
    let is_implied = order.action == EditAction::Allow && !has("action");
    let effect = order.action.effect().filter(|_| !is_implied);
    let mut wanted: Vec<_> = effect.map(|effect| text_member("action", effect.as_str())).into_iter().collect();
    if let EditAction::Ask { timeout: Some(timeout) } = &order.action {
        wanted.push(text_member("approval_timeout", timeout));
    }
    let reason_key = if has("on_deny") { "on_deny" } else { "reason" };
    wanted.extend(order.reason.as_ref().map(|reason| text_member(reason_key, reason)));
    wanted
}

pub(super) fn verify_order(
    before: &EditState<'_>,
    after: &EditState<'_>,
    tool: &ToolKey,
    order: &Order,
) -> Result<(), CannotEdit> {
    let names = match tool.exact_name() {
        Some(name) => [name.to_owned()].into(),
        None => after.policy.known_tools(),
    };
    for name in names.iter().filter(|name| tool.name.matches(name)) {
        let (old, decision) = (before.policy.decide_tool(name), after.policy.decide_tool(name));
        let is_good = match (&order.action, order.action.effect()) {
            (EditAction::Limit { .. }, _) => {
                let is_limited = after.policy.limits_of(name).any(|limit| limit.rule.ends_with("rate_limit"));
                decision.effect == old.effect && (is_limited || matches!(decision.effect, Effect::Deny | Effect::Hide))
            }
            (EditAction::Allow, _) => decision.effect == Effect::Allow,
            // Nobody would see the reason if another rule overrides it.
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
                format!(
                    "Remove {} from `hide` first: run `policylayer reset '{}'` with the same --server or --policy",
                    quote_for_message(item),
                    escape_invisible(item)
                )
            }
            None if tool.exact_name().is_none() && rule.starts_with("tools.") => {
                format!(
                    "A rule that names a tool takes precedence over a glob: name the tool itself, {}",
                    quote_for_message(name)
                )
            }
            None => "Change that rule in the file first".to_owned(),
        };
        return CannotEdit::refuse_edit(format!(
            "{} would not end up as asked: `{rule}` of {file} decides it, with the effect `{}`. Nothing was written. {remedy}.",
            quote_for_message(name),
            decision.effect
        ));
    }
    Ok(())
}
