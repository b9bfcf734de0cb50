//! The rules of an entry by form: conditions on arguments, limits, what happens to a class, and what no entry is for.

use hyper::StatusCode;
use maud::{Markup, html};

use super::answer::WebAnswer;
use super::arguments::{
    Argument, ArgumentKind, common_arguments, describe_operator, list_arguments, read_number, read_operand,
};
use super::form::{FieldLook, Fields, FormState, FormTrouble};
use super::page::{show_page, show_trouble};
use super::server::{ServerPlace, name_effect, show_action_fields, show_place, show_rate_fields};
use super::site::Site;
use crate::author::edit::{
    EditAction, EntryRules, RuleEdit, RuleList, RulePlace, RuleReader, WrittenRule, read_length, read_otherwise,
    read_rate,
};
use crate::policy::Policy;
use crate::policy::condition::{Operator, Path};
use crate::policy::tree::{DocumentKey, DocumentMember, DocumentNode, DocumentValue};
use crate::risk::Class;
use crate::visible::escape_invisible;

/// The most conditions that one form takes.
const MAX_CONDITIONS: usize = 5;

/// What the lists are called, where a rule is made.
const LISTS: [(&str, &str); 3] =
    [("deny_if", "Refuse the call if"), ("require", "Refuse the call unless"), ("approve_if", "Ask a person if")];

/// What no entry is for: the word in the form, what it means, `default`, and `unlisted`.
const OTHERWISE: [(&str, &str, &str, &str); 3] = [
    ("hide", "is hidden and refused", "deny", "hide"),
    ("deny", "is visible and refused", "deny", "deny"),
    ("allow", "is allowed", "allow", "hide"),
];

/// Reads which entry a form is about.
fn read_place(fields: &Fields) -> Result<RulePlace, FormTrouble> {
    match (fields.value("place"), fields.value("of"), fields.value("tool")) {
        (Some("all"), ..) => Ok(RulePlace::AllTools),
        (Some("class"), Some(word), _) => read_class(word).map(RulePlace::Class),
        (_, _, Some(tool)) => Ok(RulePlace::Tool(tool.to_owned())),
        _ => Err("It is not said which entry is meant. Nothing was changed.".to_owned().into()),
    }
}

fn read_class(word: &str) -> Result<Class, FormTrouble> {
    let class = Class::ALL.into_iter().find(|class| class.as_str() == word);
    class.ok_or_else(|| FormTrouble::in_field("of", "Choose one of the classes."))
}

/// The fields that say which entry a form is about.
fn hidden_place(place: &RulePlace) -> Markup {
    html! {
        @match place {
            RulePlace::Tool(tool) => input type="hidden" name="tool" value=(tool);,
            RulePlace::Class(class) => {
                input type="hidden" name="place" value="class";
                input type="hidden" name="of" value=(class.as_str());
            }
            RulePlace::AllTools => input type="hidden" name="place" value="all";,
        }
    }
}

/// Reads an edit of a rule; `None` if the form is about something else.
pub(super) fn read_rule_edit(place: &ServerPlace, fields: &Fields) -> Result<Option<RuleEdit>, FormTrouble> {
    Ok(Some(match fields.value("edit") {
        Some("condition") => {
            let entry = read_place(fields)?;
            let (list, group) = read_group(place, &entry, fields)?;
            RuleEdit::Add(entry, list, group)
        }
        Some("limit") => RuleEdit::Add(read_place(fields)?, RuleList::Limits, read_limit(fields)?),
        Some("remove") => {
            let at = fields.value("at").map(str::parse).transpose();
            let at = at.map_err(|_| "This is no rule of the policy. Nothing was changed.".to_owned())?;
            let text = |name| fields.value(name).unwrap_or_default();
            RuleEdit::Remove(read_place(fields)?, WrittenRule::to_find(text("key"), at, text("rule")))
        }
        Some("class") => {
            let class = read_class(fields.value("of").unwrap_or_default())?;
            RuleEdit::Class(class, read_action(fields)?, fields.value("reason").map(str::to_owned))
        }
        Some("otherwise") => {
            let wanted = fields.value("otherwise").unwrap_or_default();
            let known = OTHERWISE.iter().find(|(word, ..)| *word == wanted);
            let (.., default, unlisted) =
                known.ok_or_else(|| FormTrouble::in_field("otherwise", "Choose what happens to it."))?;
            RuleEdit::Otherwise(default, unlisted)
        }
        _ => return Ok(None),
    }))
}

/// Reads what is to happen to tools.
pub(super) fn read_action(fields: &Fields) -> Result<EditAction, FormTrouble> {
    Ok(match fields.value("action") {
        Some("allow") => EditAction::Allow,
        Some("deny") => EditAction::Deny,
        Some("hide") => EditAction::Hide,
        Some("reset") => EditAction::Reset,
        Some("ask") => {
            let timeout = fields.value("timeout").map(read_length).transpose();
            let bad = |why| FormTrouble::in_field("timeout", format!("The time to ask is not one: {why}."));
            EditAction::Ask { timeout: timeout.map_err(bad)? }
        }
        Some("limit") => EditAction::Limit { rate: read_max_and_window(fields)?, scope: None },
        _ => {
            let why = "It is not said what to do: choose one of the actions. Nothing was changed.";
            return Err(FormTrouble::in_field("action", why));
        }
    })
}

fn read_max_and_window(fields: &Fields) -> Result<String, FormTrouble> {
    let max =
        fields.value("max").ok_or_else(|| FormTrouble::in_field("max", "Say how many calls pass, such as 10."))?;
    let _ = read_number(max)
        .map_err(|_| FormTrouble::in_field("max", "Write how many calls pass as a number, such as 10."))?;
    let window = fields.value("window").unwrap_or("minute");
    read_rate(&format!("{}/{window}", max.trim())).map_err(|_| {
        FormTrouble::in_field(
            "window",
            "This is no length of time. Write `minute`, `hour`, `day`, or such as `90s`, `15m`, `2h`.",
        )
    })
}

fn member(key: &str, node: DocumentNode) -> DocumentMember {
    (DocumentKey::unplaced(key), node)
}

/// Reads a limit: the most that passes in a window.
fn read_limit(fields: &Fields) -> Result<DocumentNode, FormTrouble> {
    let rate = read_max_and_window(fields)?;
    let (max, window) = rate.split_once('/').unwrap_or((&rate, "minute"));
    let max = read_number(max).map_err(|why| FormTrouble::in_field("max", why))?;
    let mut members = vec![member("max", max), member("window", DocumentNode::unplaced_string(window))];
    if let Some(scope) = fields.value("scope").filter(|scope| *scope != "session") {
        members.push(member("scope", DocumentNode::unplaced_string(scope)));
    }
    if let Some(path) = fields.value("counts").filter(|counts| *counts != "calls") {
        check_path("counts", path)?;
        members.push(member("increment_from", DocumentNode::unplaced_string(path)));
    }
    members.extend(fields.value("reason").map(|reason| member("reason", DocumentNode::unplaced_string(reason))));
    Ok(DocumentNode::unplaced_table(members))
}

fn check_path(field: &str, path: &str) -> Result<(), FormTrouble> {
    Path::parse(path)
        .map(drop)
        .map_err(|error| FormTrouble::in_field(field, format!("This is no path: {error}; {}.", error.hint)))
}

/// Reads conditions that are to hold together.
fn read_group(
    place: &ServerPlace,
    entry: &RulePlace,
    fields: &Fields,
) -> Result<(RuleList, DocumentNode), FormTrouble> {
    let list = LISTS.iter().position(|(word, _)| Some(*word) == fields.value("list"));
    let list = match list {
        Some(0) => RuleList::DenyIf,
        Some(1) => RuleList::Require,
        Some(2) => RuleList::ApproveIf,
        _ => return Err(FormTrouble::in_field("list", "Choose what the rule does.")),
    };
    let known = arguments_of(place, entry);
    let mut conditions = Vec::new();
    for at in 0..MAX_CONDITIONS {
        if let Some(path) = fields.value(&format!("path{at}")) {
            conditions.push(read_condition(&known, at, path, fields)?);
        }
    }
    if conditions.is_empty() {
        return Err(FormTrouble::in_field("path0", "Say which argument the rule is about."));
    }
    let mut members = vec![member("conditions", DocumentNode::unplaced(DocumentValue::Array(conditions)))];
    if fields.value("match") == Some("any") {
        members.push(member("match", DocumentNode::unplaced_string("any")));
    }
    members.extend(fields.value("reason").map(|reason| member("reason", DocumentNode::unplaced_string(reason))));
    Ok((list, DocumentNode::unplaced_table(members)))
}

fn read_condition(known: &[Argument], at: usize, path: &str, fields: &Fields) -> Result<DocumentNode, FormTrouble> {
    check_path(&format!("path{at}"), path)?;
    let kind =
        known.iter().find(|argument| argument.path == path).map_or(ArgumentKind::Unknown, |argument| argument.kind);
    let word = fields.value(&format!("op{at}")).unwrap_or_default();
    let operator = Operator::ALL.into_iter().find(|operator| operator.as_str() == word);
    let operator = operator.ok_or_else(|| FormTrouble::in_field(format!("op{at}"), "Choose how it is compared."))?;
    let field = format!("value{at}");
    let typed = match (fields.value(&field), operator) {
        (Some(typed), _) => typed,
        (None, Operator::Exists) => "true",
        (None, _) => return Err(FormTrouble::in_field(field, "Say what it is compared with.")),
    };
    let value = read_operand(operator, kind, typed).map_err(|why| FormTrouble::in_field(field, why))?;
    Ok(DocumentNode::unplaced_table(vec![
        member("path", DocumentNode::unplaced_string(path)),
        member("op", DocumentNode::unplaced_string(operator.as_str())),
        member("value", value),
    ]))
}

fn arguments_of(place: &ServerPlace, entry: &RulePlace) -> Vec<Argument> {
    let target = &place.target;
    match entry {
        RulePlace::Tool(tool) => {
            list_arguments(tool, target.server.name(), target.lock.as_deref(), target.server.catalogue())
        }
        _ => common_arguments().collect(),
    }
}

/// Shows the page of the entry of a class, or of all tools; without either, what there is for all classes.
pub(super) fn show_rules_page(site: &Site, fields: &Fields, trouble: Option<&FormTrouble>) -> WebAnswer {
    let place = match ServerPlace::find(site, fields) {
        Ok(place) => place,
        Err(answer) => return answer,
    };
    let before = place.target.load_before();
    let entry = read_place(fields).ok().filter(|_| fields.value("place").is_some());
    let title = match &entry {
        _ if !before.is_valid => return show_place(site, &place, fields, StatusCode::CONFLICT, trouble),
        Some(RulePlace::Class(class)) => format!("Rules for the class {}", class.as_str()),
        Some(_) => "Rules for all tools".to_owned(),
        None => "Rules for classes, and for the rest".to_owned(),
    };
    let content = html! {
        p {
            a href=(place.link_to(site, "server", &[])) { "All tools of " (escape_invisible(&place.name)) }
            @if entry.is_some() { ", " a href=(place.link_to(site, "rules", &[])) { "rules for classes, and for the rest" } }
        }
        @if let Some(trouble) = trouble { (show_trouble(trouble)) }
        @match &entry {
            Some(entry) => (show_rules(site, &place, entry, fields, trouble)),
            None => (show_class_rules(site, &place, &before.policy, fields, trouble)),
        }
    };
    let status = if trouble.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    show_page(site, status, "server", &title, content)
}

/// Shows the rules of an entry, and the forms that add some.
pub(super) fn show_rules(
    site: &Site,
    place: &ServerPlace,
    entry: &RulePlace,
    fields: &Fields,
    trouble: Option<&FormTrouble>,
) -> Markup {
    let rules = RuleReader::load(place.target.source.as_ref(), &place.target.server).read_rules(entry);
    let arguments = arguments_of(place, entry);
    html! {
        h2 #rules { "Rules for single calls" }
        (list_written(site, place, entry, &rules))
        (show_new_condition(site, place, entry, &arguments, fields, trouble))
        (show_new_limit(site, place, entry, &arguments, fields, trouble))
    }
}

fn list_written(site: &Site, place: &ServerPlace, entry: &RulePlace, rules: &EntryRules) -> Markup {
    html! {
        @if rules.rules.is_empty() { p { "None yet." } }
        @else {
            @if !rules.is_own {
                p.note { "These are of " code { (escape_invisible(&rules.path)) } ". With a rule of its own, the tool gets an entry that has them as well." }
            }
            ul.rules { @for rule in &rules.rules { li {
                p { (describe_written(rule)) }
                @if let Some(reason) = &rule.reason { p.note { "The agent is told: " (escape_invisible(reason)) } }
                @if rules.is_own {
                    form method="post" action=(site.link_to("change")) {
                        (place.hidden_fields())
                        (hidden_place(entry))
                        input type="hidden" name="edit" value="remove";
                        input type="hidden" name="form" value="remove";
                        input type="hidden" name="key" value=(rule.key);
                        @if let Some(at) = rule.at { input type="hidden" name="at" value=(at); }
                        input type="hidden" name="rule" value=(rule.text);
                        button aria-label={ "Remove: " (escape_invisible(&rule.says.join(&format!(" {} ", rule.join)))) } { "Remove" }
                    }
                }
            } } }
        }
    }
}

fn describe_written(rule: &WrittenRule) -> Markup {
    let lead = match rule.key.as_str() {
        "deny_if" => "Refused if ",
        "require" => "Refused unless ",
        "approve_if" => "A person is asked if ",
        "rate_limit" | "limits" | "spend_limit" => "At most: ",
        _ => "Rule: ",
    };
    html! {
        (lead)
        @if rule.says.is_empty() { "(always)" }
        @for (at, says) in rule.says.iter().enumerate() {
            @if at > 0 { " " (rule.join) " " }
            code { (escape_invisible(says)) }
        }
    }
}

/// The form that adds conditions. First the argument is chosen, and then what fits it.
fn show_new_condition(
    site: &Site,
    place: &ServerPlace,
    entry: &RulePlace,
    arguments: &[Argument],
    fields: &Fields,
    trouble: Option<&FormTrouble>,
) -> Markup {
    let form = FormState::new("condition", fields, trouble);
    let mut chosen: Vec<&str> = (0..MAX_CONDITIONS).filter_map(|at| fields.value(PATHS.get(at)?)).collect();
    if fields.value("form").is_none() {
        chosen.extend(fields.all_values("other").take(MAX_CONDITIONS));
        chosen.extend(fields.all_values("argument").filter(|path| *path != "other").take(MAX_CONDITIONS));
    }
    chosen.truncate(MAX_CONDITIONS);
    let page = if matches!(entry, RulePlace::Tool(_)) { "tool" } else { "rules" };
    html! {
        form.box method="get" action={ (site.link_to(page)) "#new-rule" } {
            (place.hidden_fields())
            (hidden_place(entry))
            @for path in &chosen { input type="hidden" name="argument" value=(path); }
            h3 #new-rule { "A rule about an argument" }
            div.details {
                span.field {
                    label for="argument" { @if chosen.is_empty() { "The argument" } @else { "And this argument as well" } }
                    select #argument name="argument" {
                        @for argument in arguments {
                            option value=(argument.path) { (escape_invisible(&argument.path)) " (" (argument.kind.describe()) ")" }
                        }
                        option value="other" { "another path, typed beside" }
                    }
                }
                span.field {
                    label for="other" { "or a path" }
                    input #other name="other" size="18" placeholder="args.items[*].id" autocomplete="off";
                }
                button { "Choose" }
            }
        }
        @if !chosen.is_empty() {
            form method="post" action=(site.link_to("change")) {
                (place.hidden_fields())
                (hidden_place(entry))
                (form.mark())
                input type="hidden" name="edit" value="condition";
                fieldset {
                    legend { "The new rule" }
                    div.details { (form.show_select("It does this:", "list", "deny_if", LISTS)) }
                    @for (at, path) in chosen.iter().enumerate() { (show_condition(&form, at, path, arguments)) }
                    div.details {
                        @if chosen.len() > 1 {
                            (form.show_select("of these,", "match", "all", [("all", "all hold"), ("any", "one holds")]))
                        }
                        (form.show_input("Reason for the agent", "reason", FieldLook { size: 30, ..FieldLook::default() }))
                        button.main { "Show what changes" }
                    }
                }
            }
        }
    }
}

/// The names of the fields for paths.
const PATHS: [&str; MAX_CONDITIONS] = ["path0", "path1", "path2", "path3", "path4"];

fn show_condition(form: &FormState<'_>, at: usize, path: &str, arguments: &[Argument]) -> Markup {
    let known = arguments.iter().find(|argument| argument.path == path);
    let kind = known.map_or(ArgumentKind::Unknown, |argument| argument.kind);
    let values = known.map(|argument| argument.values.as_slice()).unwrap_or_default();
    let operators: Vec<_> =
        kind.operators().into_iter().map(|operator| (operator.as_str(), describe_operator(operator))).collect();
    let (name, operator) = (format!("value{at}"), format!("op{at}"));
    let first = operators.first().map_or("eq", |(word, _)| *word);
    html! {
        div.details role="group" aria-label={ "Condition on " (escape_invisible(path)) }
            aria-describedby=[form.fault_id(&format!("path{at}"))] {
            input type="hidden" name=(format!("path{at}")) value=(path);
            span { code { (escape_invisible(path)) } " " span.note { (kind.describe()) } (form.show_fault(&format!("path{at}"))) }
            (form.show_select("compared:", &operator, first, operators))
            (form.show_input("value", &name, FieldLook { size: 24, placeholder: kind.example_value(), ..FieldLook::default() }))
            @if !values.is_empty() { span.note { "It may be: " (escape_invisible(&values.join(", "))) } }
        }
    }
}

/// The form that adds a limit.
fn show_new_limit(
    site: &Site,
    place: &ServerPlace,
    entry: &RulePlace,
    arguments: &[Argument],
    fields: &Fields,
    trouble: Option<&FormTrouble>,
) -> Markup {
    let form = FormState::new("limit", fields, trouble);
    let amounts = arguments.iter().filter(|argument| {
        matches!(argument.kind, ArgumentKind::Number | ArgumentKind::Unknown) && !argument.path.contains("[*]")
    });
    let sums: Vec<_> = amounts
        .map(|argument| (argument.path.as_str(), format!("the sum of {}", escape_invisible(&argument.path))))
        .collect();
    let counts = [("calls", "calls")].into_iter().chain(sums.iter().map(|(path, shown)| (*path, shown.as_str())));
    html! {
        form method="post" action=(site.link_to("change")) {
            (place.hidden_fields())
            (hidden_place(entry))
            (form.mark())
            input type="hidden" name="edit" value="limit";
            fieldset {
                legend { "A limit" }
                div.details {
                    (show_rate_fields(&form))
                    (form.show_select("of", "counts", "calls", counts))
                    (form.show_select("counted for", "scope", "session", [("session", "each session"), ("client", "the sessions of one client"), ("server", "all sessions together")]))
                    (form.show_input("Reason for the agent", "reason", FieldLook { size: 24, ..FieldLook::default() }))
                    button.main { "Show what changes" }
                }
            }
        }
    }
}

/// Shows the rules for classes and for all tools, and what happens to what no rule names.
fn show_class_rules(
    site: &Site,
    place: &ServerPlace,
    policy: &Policy,
    fields: &Fields,
    trouble: Option<&FormTrouble>,
) -> Markup {
    let reader = RuleReader::load(place.target.source.as_ref(), &place.target.server);
    let known = place.known_tools(policy);
    let classes: Vec<Class> = known.iter().map(|tool| policy.class_of(tool)).collect();
    let link = |class: Class| place.link_to(site, "rules", &[("place", "class"), ("of", class.as_str())]);
    html! {
        p { "A tool that has no rule of its own gets that of its class, and without one, what is said at the end." }
        table.stacked {
            thead { tr { th scope="col" { "Class" } th scope="col" { "Its rule" } th scope="col" { "Known tools" } } }
            tbody { @for class in Class::ALL.into_iter().rev() {
                @let rules = reader.read_rules(&RulePlace::Class(class));
                tr {
                    th scope="row" data-label="Class" { (class.as_str()) }
                    td data-label="Its rule" {
                        @match &rules.action {
                            Some(action) => span class={ "state effect-" (action) } { (name_effect(action)) },
                            None => span.note { "none of its own" },
                        }
                        @for rule in &rules.rules { p { (describe_written(rule)) } }
                        @if rules.is_own {
                            p { a href=(link(class)) { "Conditions and limits" span.quiet { " of the class " (class.as_str()) } } }
                        }
                    }
                    td data-label="Known tools" { (classes.iter().filter(|other| **other == class).count()) }
                }
            } }
        }
        (show_class_form(site, place, fields, trouble))
        p { a href=(place.link_to(site, "rules", &[("place", "all")])) { "Conditions and limits for all tools" } }
        (show_otherwise(site, place, fields, trouble))
    }
}

fn show_class_form(site: &Site, place: &ServerPlace, fields: &Fields, trouble: Option<&FormTrouble>) -> Markup {
    let form = FormState::new("class", fields, trouble);
    let classes = Class::ALL.into_iter().rev().map(|class| (class.as_str(), class.as_str()));
    html! {
        form method="post" action=(site.link_to("change")) {
            (place.hidden_fields())
            (form.mark())
            input type="hidden" name="edit" value="class";
            fieldset.actions {
                legend { "With the tools of a class that have no rule of their own" }
                div.details { (form.show_select("Class", "of", "write", classes)) }
                (show_action_fields(&form))
            }
        }
    }
}

fn show_otherwise(site: &Site, place: &ServerPlace, fields: &Fields, trouble: Option<&FormTrouble>) -> Markup {
    let form = FormState::new("otherwise", fields, trouble);
    let now = read_otherwise(place.target.source.as_ref(), &place.target.server);
    let chosen = OTHERWISE.iter().find(|(.., default, unlisted)| (*default, *unlisted) == now);
    let chosen = chosen.map_or("hide", |(word, ..)| *word);
    html! {
        form method="post" action=(site.link_to("change")) {
            (place.hidden_fields())
            (form.mark())
            input type="hidden" name="edit" value="otherwise";
            fieldset {
                legend { "What no rule names" }
                div.details {
                    (form.show_select("It", "otherwise", chosen, OTHERWISE.iter().map(|(word, shown, ..)| (*word, *shown))))
                    button.main { "Show what changes" }
                }
            }
        }
    }
}
