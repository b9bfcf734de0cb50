//! A change of a policy: what it would do, before it is saved; the saving, through the editor of the subcommands; and the undoing.

use hyper::StatusCode;
use maud::{Markup, html};

use super::answer::WebAnswer;
use super::form::{Fields, FormTrouble};
use super::page::{in_code, show_diagnostics, show_lines, show_page};
use super::rules::{read_action, read_rule_edit, show_rules_page};
use super::server::{ServerPlace, find_last_edit, name_effect, show_place};
use super::site::Site;
use super::tool::show_tool;
use crate::author::edit::{
    CannotEdit, EditAction, Edited, Order, Pasted, RuleEdit, carry_out_order, carry_out_rule_edit, merge_pasted,
    write_out_builtin,
};
use crate::author::history::Undo;
use crate::policy::{self, BuiltinTitle, Format, Mode, Policy, Source, ToolGlob};
use crate::report::edit::{RuleDecision, compare_decisions, compare_entries};
use crate::report::policy_tests::{TestedFile, find_tests_beside};
use crate::shell::as_word;
use crate::visible::{count_of, escape_invisible, visible_path};

/// What a person asks for.
enum Wanted {
    Order(Order),
    /// The whole document.
    Document(String),
    /// A document that is merged into the policy.
    Pasted(String),
    /// One rule, or what happens to a class.
    Rule(RuleEdit),
}

impl Wanted {
    fn read(place: &ServerPlace, fields: &Fields) -> Result<Self, FormTrouble> {
        if let Some(text) = fields.value("text") {
            return Ok(Self::Document(text.to_owned()));
        }
        if let Some(text) = fields.value("paste") {
            return Ok(Self::Pasted(text.to_owned()));
        }
        if let Some(edit) = read_rule_edit(place, fields)? {
            return Ok(Self::Rule(edit));
        }
        let mut tools: Vec<String> = fields.all_values("tool").map(str::to_owned).collect();
        let named: Vec<_> = fields.value("names").unwrap_or_default().split_whitespace().collect();
        check_names(place, &named)?;
        tools.extend(named.into_iter().map(str::to_owned));
        if tools.is_empty() {
            return Err(FormTrouble::in_field(
                "names",
                "No tool is chosen: tick one, or name one. Nothing was changed.",
            ));
        }
        let action = read_action(fields)?;
        Ok(Self::Order(Order { action, tools, reason: fields.value("reason").map(str::to_owned) }))
    }

    /// Returns the edit. Nothing is written.
    fn make_edit(&self, place: &ServerPlace) -> Result<Edited, FormTrouble> {
        let target = &place.target;
        let (source, name) = (target.source.as_ref(), visible_path(&target.path));
        let edited = match self {
            Self::Order(order) => carry_out_order(source, &name, &target.server, order),
            Self::Pasted(text) => Pasted::read("what was pasted", None, text)
                .and_then(|pasted| merge_pasted(source, &name, &target.server, &pasted)),
            Self::Rule(edit) => carry_out_rule_edit(source, &name, &target.server, edit),
            Self::Document(text) => return load_document(place, text).map(|edited| target.judge_by_lock(edited)),
        };
        edited.map(|edited| target.judge_by_lock(edited)).map_err(|error| match error {
            CannotEdit::Invalid { ref document, ref diagnostics, .. } => FormTrouble {
                message: error.to_string(),
                field: None,
                invalid: Some(Box::new(((**document).clone(), diagnostics.clone()))),
            },
            error @ CannotEdit::Refused(_) => error.to_string().into(),
        })
    }

    /// Describes it for the history, as the subcommand that does the same if there is one.
    fn describe(&self, place: &ServerPlace) -> String {
        let server = place.target.server.name();
        let Self::Order(Order { action, tools, reason }) = self else {
            let what = match self {
                Self::Document(_) => "edited as text",
                Self::Rule(_) => "its rules by form",
                Self::Order(_) | Self::Pasted(_) => "pasted",
            };
            return format!("policylayer ui: the policy of {server}, {what}");
        };
        let (word, option) = match action {
            EditAction::Allow => ("allow", String::new()),
            EditAction::Deny => ("deny", String::new()),
            EditAction::Hide => ("hide", String::new()),
            EditAction::Reset => ("reset", String::new()),
            EditAction::Ask { timeout } => {
                ("ask", timeout.as_ref().map(|timeout| format!(" --timeout {}", as_word(timeout))).unwrap_or_default())
            }
            EditAction::Limit { rate, .. } => ("limit", format!(" --rate {}", as_word(rate))),
        };
        let mut command = format!("policylayer ui: {word}");
        tools.iter().for_each(|tool| command.push_str(&format!(" {}", as_word(tool))));
        let reason = reason.as_ref().map(|reason| format!(" --reason {}", as_word(reason))).unwrap_or_default();
        format!("{command}{option}{reason} --server {server}")
    }
}

/// Checks that what was typed is the name of a known tool, where something lists them, or a glob.
fn check_names(place: &ServerPlace, names: &[&str]) -> Result<(), FormTrouble> {
    let policy = place.target.load_before().policy;
    let mut known = place.known_tools(&policy);
    if let Some(audit) = place.target.audit.as_deref().filter(|_| !names.is_empty()) {
        known.add_logged(audit, place.target.server.name());
    }
    for name in names {
        let is_glob = ToolGlob::parse(name).is_ok_and(|glob| glob.exact_name().is_none());
        if is_glob || known.has(name) || (!known.is_listed && known.nearest(name).is_none()) {
            continue;
        }
        let near = known.nearest(name).map(|near| format!(" Did you mean `{}`?", escape_invisible(near)));
        return Err(FormTrouble::in_field(
            "names",
            format!(
                "Neither the policy of {} nor its catalogue, lock or log has a tool `{}`.{} Nothing was changed.",
                place.target.server,
                escape_invisible(name),
                near.unwrap_or_default()
            ),
        ));
    }
    Ok(())
}

fn load_document(place: &ServerPlace, text: &str) -> Result<Edited, FormTrouble> {
    let target = &place.target;
    // A browser does not keep the line breaks of a file.
    let old = target.source.as_ref();
    let text =
        if old.is_some_and(|old| old.text().contains("\r\n")) { text.replace('\n', "\r\n") } else { text.to_owned() };
    let source = Source::new(visible_path(&target.path), old.map_or(Format::Toml, Source::format), text);
    let loaded = policy::load_policy(&source, &target.server);
    match loaded.policy {
        Some(policy) => {
            let is_changed = old.is_none_or(|old| old.text() != source.text());
            Ok(Edited { source, policy, warnings: loaded.diagnostics, is_changed, notes: Vec::new() })
        }
        None => Err(FormTrouble {
            message: "This is not a valid policy, so nothing was written. Fix it below.".to_owned(),
            field: None,
            invalid: Some(Box::new((source, loaded.diagnostics))),
        }),
    }
}

/// Shows what a change would do.
pub(super) fn show_change(site: &Site, fields: &Fields) -> WebAnswer {
    let place = match ServerPlace::find(site, fields) {
        Ok(place) => place,
        Err(answer) => return answer,
    };
    let edited = Wanted::read(&place, fields).and_then(|wanted| wanted.make_edit(&place));
    match edited {
        Ok(edited) => {
            // Whoever changes the whole text has read all of it, as it was then.
            let is_stale = fields.value("base").is_some_and(|base| base != place.digest());
            let why = "The policy was changed since you opened its text. To save this one undoes that as well: the lines below show it.";
            show_edit(site, &place, fields, &edited, is_stale.then_some(why))
        }
        Err(trouble) => show_again(site, &place, fields, StatusCode::UNPROCESSABLE_ENTITY, &trouble),
    }
}

/// Shows the page that a form is on, with what was typed and what is wrong with it.
fn show_again(
    site: &Site,
    place: &ServerPlace,
    fields: &Fields,
    status: StatusCode,
    trouble: &FormTrouble,
) -> WebAnswer {
    // Most forms are not there as long as the policy is invalid; that of the server keeps what was typed.
    if !place.target.load_before().is_valid {
        return show_place(site, place, fields, status, Some(trouble));
    }
    let is_about_calls = matches!(fields.value("edit"), Some("condition" | "limit" | "remove"));
    match (fields.value("edit"), fields.value("place"), fields.value("tool")) {
        (Some("class" | "otherwise"), ..) | (_, Some("class" | "all"), _) => {
            show_rules_page(site, fields, Some(trouble))
        }
        (_, None, Some(_)) if is_about_calls || fields.value("page") == Some("tool") => {
            show_tool(site, fields, Some(trouble))
        }
        _ => show_place(site, place, fields, status, Some(trouble)),
    }
}

/// Saves a change that was shown, if the file is still the one that it was shown for.
pub(super) fn save_change(site: &Site, fields: &Fields) -> WebAnswer {
    let place = match ServerPlace::find(site, fields) {
        Ok(place) => place,
        Err(answer) => return answer,
    };
    let wanted = Wanted::read(&place, fields);
    let (wanted, edited) = match wanted.and_then(|wanted| wanted.make_edit(&place).map(|edited| (wanted, edited))) {
        Ok(made) => made,
        Err(trouble) => return show_again(site, &place, fields, StatusCode::CONFLICT, &trouble),
    };
    if fields.value("digest") != Some(place.digest().as_str()) {
        let why = "The policy was changed since this change was shown, so nothing was written. This is what the change does now.";
        return show_edit(site, &place, fields, &edited, Some(why));
    }
    if edited.is_changed {
        match place.target.save(&edited, wanted.describe(&place), site.env()) {
            Ok(Ok(())) => {}
            Ok(Err(not_kept)) => {
                let content = html! { p { "The policy was saved." } p.warn { (in_code(&not_kept.to_string())) } };
                return show_page(site, StatusCode::OK, "server", &place.name, content);
            }
            Err(error) => return show_edit(site, &place, fields, &edited, Some(&error.to_string())),
        }
    }
    WebAnswer::redirect(place.link_to(site, "server", &[]))
}

/// Undoes the last change, if it is still the one that was shown.
pub(super) fn undo_change(site: &Site, fields: &Fields) -> WebAnswer {
    let place = match ServerPlace::find(site, fields) {
        Ok(place) => place,
        Err(answer) => return answer,
    };
    let refuse = |why: String| show_place(site, &place, &Fields::default(), StatusCode::CONFLICT, Some(&why.into()));
    let last = find_last_edit(site, &place);
    let Some(last) = last.filter(|last| fields.value("edit") == Some(last.number.to_string().as_str())) else {
        return refuse("The policy was changed since this was shown, so nothing was undone.".to_owned());
    };
    let command = format!("policylayer ui: undo {} --server {}", last.number, place.target.server.name());
    let edits = [last];
    let Some(undo) = Undo::find(&edits, |_| true) else { return refuse("There is nothing to undo.".to_owned()) };
    match undo.carry_out(command, site.env()) {
        Ok(Ok(())) => WebAnswer::redirect(place.link_to(site, "server", &[])),
        Ok(Err(not_kept)) => refuse(format!("The change was undone. {not_kept}")),
        Err(error) => refuse(error.to_string()),
    }
}

fn show_edit(site: &Site, place: &ServerPlace, fields: &Fields, edited: &Edited, trouble: Option<&str>) -> WebAnswer {
    let before = place.target.load_before();
    let new: Vec<_> = edited.warnings.iter().filter(|warning| !before.had_warning(warning)).cloned().collect();
    let content = html! {
        @if let Some(trouble) = trouble { div.box.trouble role="alert" { p.bad { (in_code(trouble)) } } }
        @if edited.is_changed {
            p { "Nothing is written yet." }
            (show_decisions(place, &before.policy, &edited.policy))
            (show_tests(place, edited))
            @if !new.is_empty() { h2 { "Warnings" } (show_diagnostics(&edited.source, &new)) }
            @for note in edited.notes.iter().chain(&place.target.notes) { p.note { (in_code(note)) } }
            h2 { "The file" }
            (show_difference(place, edited))
            form method="post" action=(site.link_to("save")) {
                @for (name, value) in fields.iter().filter(|(name, _)| !matches!(*name, "digest" | "base")) {
                    input type="hidden" name=(name) value=(value);
                }
                input type="hidden" name="digest" value=(place.digest());
                p.buttons {
                    button.main { "Save" }
                    " " a href=(place.link_to(site, "server", &[])) { "Back, without saving" }
                }
            }
        } @else {
            p { "Nothing to change: the policy already says this." }
            p { a href=(place.link_to(site, "server", &[])) { "Back to the server" } }
        }
    };
    let status = if trouble.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    show_page(site, status, "server", &format!("Change the policy of {}", place.name), content)
}

fn show_decisions(place: &ServerPlace, before: &Policy, after: &Policy) -> Markup {
    let known = place.known_tools(before);
    let (decisions, entries) = (compare_decisions(before, after, &known), compare_entries(before, after));
    html! {
        h2 { "What changes" }
        @if decisions.is_empty() { p { "No decision about a known tool changes." } }
        @else { table.stacked {
            thead { tr {
                th scope="col" { "Tool" } th scope="col" { "Before" } th scope="col" { "After" } th scope="col" { "Rule" }
            } }
            tbody { @for change in &decisions { tr {
                th scope="row" data-label="Tool" { (escape_invisible(&change.tool)) }
                td data-label="Before" { (show_decision(&change.before)) }
                td data-label="After" { (show_decision(&change.after)) }
                td data-label="Rule" { code { (escape_invisible(change.after.rule)) } }
            } } }
        } }
        @if !entries.is_empty() { table.stacked {
            thead { tr { th scope="col" { "Beside tools" } th scope="col" { "Before" } th scope="col" { "After" } } }
            tbody { @for change in &entries { tr {
                th scope="row" data-label="Entry" { code { (escape_invisible(change.rule)) } }
                @for (label, decision) in [("Before", &change.before), ("After", &change.after)] {
                    td data-label=(label) { @match decision { Some(decision) => (show_decision(decision)), None => "no entry", } }
                }
            } } }
        } }
    }
}

fn show_decision(decision: &RuleDecision<'_>) -> Markup {
    html! {
        span class={ "state effect-" (decision.effect) } { (name_effect(decision.effect)) }
        @for limit in &decision.limits { p { "at most " (limit) } }
        @if let Some(reason) = decision.reason { p { (escape_invisible(reason)) } }
    }
}

/// Shows which tests beside the policy fail with the change.
fn show_tests(place: &ServerPlace, edited: &Edited) -> Markup {
    let Some(old) = &place.target.source else { return html! {} };
    let files = find_tests_beside(&place.target.path);
    if files.is_empty() {
        return html! {};
    }
    let run = |source: &Source| -> Vec<_> { files.iter().map(|file| TestedFile::run_with(file, source)).collect() };
    let (before, after) = (run(old), run(&edited.source));
    let failed_before =
        |name: &str| before.iter().flat_map(|file| &file.cases).any(|case| case.name == name && case.failure.is_some());
    let cases = || after.iter().flat_map(|file| &file.cases);
    let failed: Vec<_> = cases().filter_map(|case| Some((case, case.failure.as_ref()?))).collect();
    html! {
        h2 { "Its tests" }
        @for file in &after { @if let Some(error) = &file.error { p.bad { code { (file.file) } ": " (in_code(error)) } } }
        @if failed.is_empty() { p.good { (count_of(cases().count() as u64, "test")) " would pass." } }
        @else { ul.places { @for (case, failure) in failed {
            li.bad {
                (escape_invisible(&case.name)) @if failed_before(&case.name) { " (it fails now as well)" } @else { " would break" }
                p { (failure.description) }
                @for part in failure.shown_parts().filter(|part| !part.matches) {
                    p { (part.what) ": expected " code { (part.describe_expected()) } ", got " code { (part.describe_got()) } }
                }
            }
        } } }
    }
}

/// Shows the lines of the file that change.
fn show_difference(place: &ServerPlace, edited: &Edited) -> Markup {
    let target = &place.target;
    let builtin = || write_out_builtin(&target.server);
    let (name, old) = match &target.source {
        Some(source) => (source.name().to_owned(), source.text().to_owned()),
        None if edited.policy.mode() == Mode::Patch => ("no file yet".to_owned(), String::new()),
        None => (BuiltinTitle::of(&target.server).to_string(), builtin()),
    };
    html! {
        p.file { (name) " → " code { (visible_path(&target.path)) } }
        (show_lines(&old, edited.source.text()))
    }
}
