//! The page of one server: its tools by risk, what happens to a call of each and why, and the form to change that.

use std::collections::BTreeSet;

use hyper::StatusCode;
use maud::{Markup, html};

use super::answer::WebAnswer;
use super::form::{FieldLook, Fields, FormState, FormTrouble, write_query};
use super::page::{as_sentence, in_code, show_diagnostics, show_page, show_trouble};
use super::rule::link_rule;
use super::site::Site;
use crate::author::edit::write_out_builtin;
use crate::author::policy_file::{EditTarget, PolicyBefore};
use crate::paths::{self, SessionPlace};
use crate::policy::Policy;
use crate::record::Digest;
use crate::report::client_servers::{FoundBy, FoundPlaces, find_places};
use crate::report::tool_list::{ToolRow, list_tools};
use crate::report::tool_names::{ToolNames, list_locked_tools};
use crate::risk::Class;
use crate::state::history::{EditHistory, KeptEdit};
use crate::visible::{count_of, escape_invisible, visible_path};

/// What the query calls the built-in policy.
const BUILT_IN: &str = "built-in";

/// A server that was asked for, and its policy.
pub(super) struct ServerPlace {
    /// What it was called: a key in a client's file, or a name.
    pub(super) name: String,
    /// Which of several policies was meant.
    file: Option<String>,
    pub(super) target: EditTarget,
    /// Where a session finds its policy and its lock.
    pub(super) session: SessionPlace,
}

impl ServerPlace {
    /// Finds the server that `name` in a form or a query means.
    pub(super) fn find(site: &Site, fields: &Fields) -> Result<Self, WebAnswer> {
        let name = fields.value("name").unwrap_or_default();
        let fail = |status, why: &str| show_page(site, status, "server", name, html! { p.bad { (in_code(why)) } });
        let FoundPlaces { mut places, .. } =
            find_places(Some(name), site.env()).map_err(|error| fail(StatusCode::CONFLICT, &error.to_string()))?;
        let file = fields.value("file").map(str::to_owned);
        if let Some(meant) = &file {
            places.retain(|place| {
                place.file.as_ref().map_or(BUILT_IN.to_owned(), |file| file.display().to_string()) == *meant
            });
        }
        if places.len() > 1 {
            let choices: Vec<_> = places
                .iter()
                .map(|place| {
                    let file = place.file.as_ref().map_or(BUILT_IN.to_owned(), |file| file.display().to_string());
                    let of: Vec<_> = place.served.iter().map(|served| served.describe()).collect();
                    (
                        site.link_to(&format!("server?{}", write_query(&[("name", name), ("file", &file)]))),
                        file,
                        of.join(", "),
                    )
                })
                .collect();
            let content = html! {
                p { "Several servers are called so, and have different policies." }
                ul { @for (link, file, of) in choices {
                    li { a href=(link) { (escape_invisible(&file)) } ": " (of) }
                } }
            };
            return Err(show_page(site, StatusCode::MULTIPLE_CHOICES, "server", name, content));
        }
        let place = places.pop().filter(|place| place.found_by != FoundBy::Nothing || place.file.is_some());
        let Some(place) = place else {
            return Err(fail(StatusCode::NOT_FOUND, "Nothing on this machine uses a server of this name."));
        };
        let (named, server) = (place.file.clone(), place.server.clone());
        let session = SessionPlace { named, server, settings: place.settings.clone(), env: place.env.clone() };
        let target = EditTarget::from_place(place).map_err(|error| fail(StatusCode::CONFLICT, &error.to_string()))?;
        Ok(Self { name: name.to_owned(), file, target, session })
    }

    /// Returns a link to one of its pages.
    pub(super) fn link_to(&self, site: &Site, path: &str, more: &[(&str, &str)]) -> String {
        let mut fields = vec![("name", self.name.as_str())];
        fields.extend(self.file.as_deref().map(|file| ("file", file)));
        fields.extend_from_slice(more);
        site.link_to(&format!("{path}?{}", write_query(&fields)))
    }

    /// The fields of a form that say which server it is about.
    pub(super) fn hidden_fields(&self) -> Markup {
        html! {
            input type="hidden" name="name" value=(self.name);
            @if let Some(file) = &self.file { input type="hidden" name="file" value=(file); }
        }
    }

    /// Identifies the content of the policy file.
    pub(super) fn digest(&self) -> String {
        self.target.content().map_or_else(|| "none".to_owned(), |content| Digest::of_text(&content).to_string())
    }

    pub(super) fn known_tools(&self, policy: &Policy) -> ToolNames {
        ToolNames::of_policy(policy, self.target.lock.as_deref())
    }
}

pub(super) fn show_server(site: &Site, fields: &Fields) -> WebAnswer {
    match ServerPlace::find(site, fields) {
        Ok(place) => show_place(site, &place, fields, StatusCode::OK, None),
        Err(answer) => answer,
    }
}

/// Shows a server. `fields` is what the person has chosen or typed: nothing of it is lost by an error.
pub(super) fn show_place(
    site: &Site,
    place: &ServerPlace,
    fields: &Fields,
    status: StatusCode,
    trouble: Option<&FormTrouble>,
) -> WebAnswer {
    let before = place.target.load_before();
    let content = html! {
        // What is wrong with a document is shown beside it.
        @if let Some(trouble) = trouble.filter(|_| fields.value("text").or(fields.value("paste")).is_none()) { (show_trouble(trouble)) }
        (show_policy(place, &before))
        @for note in &place.target.notes { p.note { (in_code(note)) } }
        @if let Some(edit) = find_last_edit(site, place) { (show_last_edit(site, place, &edit)) }
        @if !before.is_valid { (show_kept(site, place, fields)) }
        @if before.is_valid {
            p { a href=(site.link_to(&format!("lock?{}", write_query(&[("name", &place.name)])))) { "Its lock" }
                ": what was agreed to of the server, and what differs now. "
                a href=(place.link_to(site, "rules", &[])) { "Rules for classes, for all tools, and for the rest" } }
            @let known = place.known_tools(&before.policy);
            (show_tools(site, place, (&before.policy, &known), fields, trouble))
        }
        (show_document(site, place, fields, &before, trouble))
    };
    show_page(site, status, "server", &place.name, content)
}

fn show_policy(place: &ServerPlace, before: &PolicyBefore) -> Markup {
    let target = &place.target;
    html! {
        @match &target.source {
            Some(source) => {
                p.file { "Policy: " code { (source.name()) } }
                @if before.is_valid {
                    p { (in_code(&as_sentence(&before.policy.summarize().to_string()))) }
                } @else {
                    p.bad { "This policy is invalid, so no server starts with it. Fix it below." }
                    (show_diagnostics(source, &before.diagnostics))
                }
            }
            None => {
                p.file { "Policy: built-in. The first change writes " code { (visible_path(&target.path)) } "." }
                p { (in_code(&as_sentence(&before.policy.summarize().to_string()))) }
            }
        }
    }
}

/// Returns the last edit of the policy, if the policy is still as it left it.
pub(super) fn find_last_edit(site: &Site, place: &ServerPlace) -> Option<KeptEdit> {
    let file = paths::absolute_path(&place.target.path, site.env());
    let (edits, _) = EditHistory::new(&paths::state_dir(site.env()).ok()?).list().ok()?;
    let last = edits.into_iter().rfind(|edit| Some(edit.file.as_str()) == file.to_str())?;
    (last.after.as_ref().map(|text| text.as_bytes()) == place.target.content().as_deref()).then_some(last)
}

fn show_last_edit(site: &Site, place: &ServerPlace, edit: &KeptEdit) -> Markup {
    let time = edit.time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    html! {
        form.box method="post" action=(site.link_to("undo")) {
            (place.hidden_fields())
            input type="hidden" name="edit" value=(edit.number);
            p {
                "The last change, " (time) " by " (escape_invisible(&edit.user)) ": " code { (escape_invisible(&edit.command)) } " "
                button { "Undo it" }
            }
        }
    }
}

/// Which tools of a server are shown.
struct ToolFilter<'f> {
    text: &'f str,
    class: Option<&'f str>,
    effect: Option<&'f str>,
}

impl ToolFilter<'_> {
    fn has(&self, row: &ToolRow<'_>) -> bool {
        let text = self.text.to_lowercase();
        let has_text =
            row.tool.to_lowercase().contains(&text) || row.does.is_some_and(|does| does.to_lowercase().contains(&text));
        has_text
            && self.class.is_none_or(|class| row.class.as_str() == class)
            && self.effect.is_none_or(|effect| row.decision.effect == effect)
    }
}

/// The effects that a rule can have, and how they are called here.
pub(super) const EFFECTS: [(&str, &str); 4] =
    [("allow", "allowed"), ("require_approval", "asks"), ("deny", "refused"), ("hide", "hidden")];

/// Returns what an effect is called here.
pub(super) fn name_effect(effect: &str) -> &str {
    EFFECTS.iter().find(|(known, _)| *known == effect).map_or(effect, |(_, word)| word)
}

fn show_tools(
    site: &Site,
    place: &ServerPlace,
    (policy, known): (&Policy, &ToolNames),
    fields: &Fields,
    trouble: Option<&FormTrouble>,
) -> Markup {
    let rows = list_tools(policy, known, &list_locked_tools(place.target.lock.as_deref(), policy.server()));
    let filter = ToolFilter {
        text: fields.value("q").unwrap_or_default(),
        class: fields.value("class"),
        effect: fields.value("effect"),
    };
    let checked: BTreeSet<_> = fields.all_values("tool").collect();
    // What was chosen stays, also where the filter would leave it out.
    let shown: Vec<_> = rows.iter().filter(|row| filter.has(row) || checked.contains(row.tool.as_str())).collect();
    html! {
        section aria-labelledby="tools" {
            h2 #tools { "Tools, the riskiest first" }
            @if !known.is_listed {
                p.note { "Nothing here lists what this server has: these are the tools that the policy names. "
                    code { "policylayer lock" } " keeps a list." }
            }
            form.filter method="get" action=(site.link_to("server")) role="search" {
                (place.hidden_fields())
                label { "Search " input type="search" name="q" value=(filter.text); }
                (show_choice("Class", "class", filter.class, Class::ALL.iter().map(|class| (class.as_str(), class.as_str()))))
                (show_choice("Decision", "effect", filter.effect, EFFECTS.into_iter()))
                button { "Filter" }
                span.note role="status" { (shown.len()) " of " (count_of(rows.len() as u64, "tool")) }
            }
            form method="post" action=(site.link_to("change")) {
                (place.hidden_fields())
                input type="hidden" name="q" value=(filter.text);
                (show_actions(fields, trouble, None))
                table.stacked {
                    thead { tr {
                        th scope="col" { "Tool" }
                        th scope="col" { "Risk" }
                        th scope="col" { "A call is" }
                        th scope="col" { "Because of" }
                    } }
                    tbody { @for row in &shown { (show_tool_row(site, place, row, checked.contains(row.tool.as_str()))) } }
                }
            }
        }
    }
}

fn show_choice<'c>(
    label: &str,
    name: &str,
    chosen: Option<&str>,
    values: impl Iterator<Item = (&'c str, &'c str)>,
) -> Markup {
    html! {
        label { (label) " " select name=(name) {
            option value="" { "any" }
            @for (value, shown) in values { option value=(value) selected[chosen == Some(value)] { (shown) } }
        } }
    }
}

/// What can be done with tools: the word in the form, and what it means.
pub(super) const ACTIONS: [(&str, &str); 6] = [
    ("allow", "Allow"),
    ("limit", "Limit"),
    ("ask", "Ask a person"),
    ("deny", "Deny (stays visible)"),
    ("hide", "Hide"),
    ("reset", "Remove its own rule"),
];

/// The fields of a change: of one tool, or of those that are ticked.
pub(super) fn show_actions(fields: &Fields, trouble: Option<&FormTrouble>, tool: Option<&str>) -> Markup {
    let form = FormState::new("tools", fields, trouble);
    html! {
        (form.mark())
        fieldset.actions {
            legend { @match tool { Some(tool) => { "With " (escape_invisible(tool)) } None => "With the tools that are ticked", } }
            @if tool.is_none() {
                div.details {
                    (form.show_input("And those named", "names", FieldLook { size: 24, placeholder: "delete_* send_proof", list: None }))
                }
            }
            (show_action_fields(&form))
        }
    }
}

/// The choice of what happens, and what belongs to it.
pub(super) fn show_action_fields(form: &FormState<'_>) -> Markup {
    let typed = form.value("action");
    let chosen = if typed.is_empty() { "ask" } else { typed };
    html! {
        div.choices role="radiogroup" aria-label="What happens" aria-describedby=[form.fault_id("action")] {
            @for (action, label) in ACTIONS {
                label { input type="radio" name="action" value=(action) checked[action == chosen]; " " (label) }
            }
            (form.show_fault("action"))
        }
        div.details {
            (show_rate_fields(form))
            (form.show_input("To ask: how long", "timeout", FieldLook { size: 6, placeholder: "10m", list: None }))
            (form.show_input("Reason for the agent", "reason", FieldLook { size: 24, ..FieldLook::default() }))
            button.main { "Show what changes" }
        }
    }
}

/// How many calls pass in which time.
pub(super) fn show_rate_fields(form: &FormState<'_>) -> Markup {
    let list = form.field_id("windows");
    html! {
        (form.show_input("To limit: at most", "max", FieldLook { size: 6, placeholder: "10", list: None }))
        (form.show_input("per", "window", FieldLook { size: 8, placeholder: "minute", list: Some(&list) }))
        datalist id=(list) { @for window in ["second", "minute", "15m", "hour", "day", "7d"] { option value=(window) {} } }
    }
}

fn show_tool_row(site: &Site, place: &ServerPlace, row: &ToolRow<'_>, is_checked: bool) -> Markup {
    let name = escape_invisible(&row.tool);
    let effect = row.decision.effect;
    html! {
        tr {
            th scope="row" data-label="Tool" {
                input type="checkbox" name="tool" value=(row.tool) checked[is_checked] aria-label={ "Choose " (name) };
                " " a href=(place.link_to(site, "tool", &[("tool", &row.tool)])) { (name) }
                @if let Some(does) = row.does { p.note { (escape_invisible(does)) } }
            }
            td data-label="Risk" { (row.severity.as_str()) span.note { ", " (row.class.as_str()) } }
            td data-label="A call is" {
                span class={ "state effect-" (effect) } { (name_effect(effect)) }
                @for limit in &row.decision.limits { p { "at most " (limit) } }
            }
            td data-label="Because of" {
                (link_rule(site, place, row.decision.rule))
                @if let Some(reason) = row.decision.reason { p { (escape_invisible(reason)) } }
            }
        }
    }
}

/// Shows what was typed into a form that is not there as long as the policy is invalid.
fn show_kept(site: &Site, place: &ServerPlace, fields: &Fields) -> Markup {
    const OURS: [&str; 8] = ["name", "file", "digest", "base", "form", "page", "q", "text"];
    let typed: Vec<_> = fields.iter().filter(|(name, value)| !value.is_empty() && !OURS.contains(name)).collect();
    let is_change = ["action", "edit", "paste"].iter().any(|name| fields.value(name).is_some());
    html! {
        @if is_change { form.box method="post" action=(site.link_to("change")) {
            (place.hidden_fields())
            p { "What you have asked for is kept. Once the policy is valid, it can be judged:" }
            ul { @for (name, value) in &typed { li { (name) ": " code { (escape_invisible(value)) } } } }
            @for (name, value) in fields.iter().filter(|(name, _)| !matches!(*name, "name" | "file" | "digest" | "base")) {
                input type="hidden" name=(name) value=(value);
            }
            p { button { "Show what changes" } }
        } }
    }
}

/// Shows the document as text, to be changed there, and a place to paste a part of one.
fn show_document(
    site: &Site,
    place: &ServerPlace,
    fields: &Fields,
    before: &PolicyBefore,
    trouble: Option<&FormTrouble>,
) -> Markup {
    let typed = fields.value("text").map(str::to_owned);
    let text = typed.unwrap_or_else(|| match &place.target.source {
        Some(source) => source.text().to_owned(),
        None => write_out_builtin(&place.target.server),
    });
    let trouble = |name| trouble.filter(|_| fields.value(name).is_some());
    html! {
        details.document open[!before.is_valid || fields.value("text").is_some()] {
            summary { "Edit the file as text" }
            form method="post" action=(site.link_to("change")) {
                (place.hidden_fields())
                input type="hidden" name="base" value=(fields.value("base").map_or_else(|| place.digest(), str::to_owned));
                (show_textarea("text", "The whole policy", 24, &text, trouble("text")))
                p { button.main { "Show what changes" } }
            }
        }
        @if before.is_valid {
            details.document open[fields.value("paste").is_some()] {
                summary { "Paste a policy, or a part of one" }
                form method="post" action=(site.link_to("change")) {
                    (place.hidden_fields())
                    (show_textarea("paste", "It is merged into the policy: what it does not name stays", 10,
                        fields.value("paste").unwrap_or_default(), trouble("paste")))
                    p { button.main { "Show what changes" } }
                }
            }
        }
    }
}

/// Shows a document that is typed, and its errors at their places beside it.
fn show_textarea(name: &str, label: &str, rows: usize, text: &str, trouble: Option<&FormTrouble>) -> Markup {
    let faults = format!("faults-{name}");
    html! {
        label for=(name) { (label) }
        @if let Some(trouble) = trouble {
            div.box.trouble id=(faults) role="alert" {
                p.bad { (in_code(&trouble.message)) }
                @if let Some((source, diagnostics)) = trouble.invalid.as_deref() { (show_diagnostics(source, diagnostics)) }
            }
        }
        textarea id=(name) name=(name) rows=(rows) spellcheck="false" autocomplete="off" autofocus[trouble.is_some()]
            aria-invalid=[trouble.map(|_| "true")] aria-describedby=[trouble.map(|_| faults.as_str())] { "\n" (text) }
    }
}
