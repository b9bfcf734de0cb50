//! The page of one tool: what it does, how it is abused, what is recommended, what is in force, and the form to change it.

use hyper::StatusCode;
use maud::{Markup, html};

use super::answer::WebAnswer;
use super::form::Fields;
use super::page::{in_code, show_page};
use super::server::{ServerPlace, name_effect, show_actions};
use super::site::Site;
use crate::author::snippet::write_recommended;
use crate::engine::TrialInput;
use crate::paths::LoadedPolicy;
use crate::policy::RequestSubject;
use crate::report::decision::{DecisionReport, document_of_rule};
use crate::report::explanation::{Explanation, ToolQuestion, fact_name};
use crate::report::limit::WindowText;
use crate::visible::escape_invisible;
use crate::wire::arguments::Arguments;

pub(super) fn show_tool(site: &Site, fields: &Fields) -> WebAnswer {
    let place = match ServerPlace::find(site, fields) {
        Ok(place) => place,
        Err(answer) => return answer,
    };
    let (before, tool) = (place.target.load_before(), fields.value("tool").unwrap_or_default());
    let (policy, warnings) = (before.policy, before.diagnostics);
    let loaded = LoadedPolicy { policy, source: place.target.source.clone(), warnings };
    let server = place.target.server.name();
    let question = ToolQuestion {
        tool,
        server,
        place: format!("--server {server}"),
        format: None,
        loaded: if before.is_valid { Ok(&loaded) } else { Err("The policy is invalid.") },
    };
    let known = loaded.policy.identity().clone();
    let explanation = Explanation::new(&question, |recommended, mode, format| {
        write_recommended(&known, tool, recommended, mode, format)
    });
    let content = html! {
        p { a href=(place.link_to(site, "server", &[])) { "All tools of " (escape_invisible(&place.name)) } }
        (show_explanation(&explanation))
        (show_trial(site, &place, tool, fields))
        @if before.is_valid {
            h2 { "Change it" }
            form method="post" action=(site.link_to("change")) {
                (place.hidden_fields())
                input type="hidden" name="tool" value=(tool);
                (show_actions(fields, Some(tool)))
            }
        }
    };
    show_page(site, StatusCode::OK, "server", tool, content)
}

/// Shows what would happen to a call with the arguments that were typed, and the form to type them.
fn show_trial(site: &Site, place: &ServerPlace, tool: &str, fields: &Fields) -> Markup {
    let typed = fields.value("args");
    let empty = || {
        let names =
            place.target.server.catalogue().and_then(|catalogue| catalogue.argument_names(tool)).unwrap_or_default();
        let members: Vec<_> =
            names.iter().map(|name| format!("  {}: null", serde_json::Value::from(name.as_str()))).collect();
        if members.is_empty() { "{}".to_owned() } else { format!("{{\n{}\n}}", members.join(",\n")) }
    };
    html! {
        h2 #trial { "Try a call" }
        @if let Some(typed) = typed { div.box role="status" { (try_call(place, tool, typed)) } }
        form method="post" action={ (site.link_to("try")) "#trial" } {
            (place.hidden_fields())
            input type="hidden" name="tool" value=(tool);
            label for="args" { "Its arguments, as a JSON object" }
            textarea #args name="args" rows="6" spellcheck="false" autocomplete="off" {
                "\n" @match typed { Some(typed) => (typed), None => (empty()), }
            }
            p { button { "What would happen?" } " " span.note { "Nothing is called, and nothing is counted." } }
        }
    }
}

fn try_call(place: &ServerPlace, tool: &str, typed: &str) -> Markup {
    let fail = |why: String| html! { p.bad { (in_code(&why)) } };
    let loaded = match place.session.load() {
        Ok(session) => session.loaded,
        Err(error) => return fail(error.to_string()),
    };
    let arguments = match Arguments::parse(typed) {
        Ok(arguments) => arguments,
        Err(fault) => return fail(format!("These arguments are refused: {fault}.")),
    };
    let input = TrialInput { arguments: &arguments, input: &Arguments::default() };
    let report = match DecisionReport::new(&loaded.policy, RequestSubject::Tool(tool), input, None) {
        Ok(report) => report,
        Err(fault) => return fail(format!("No client can send such a call: {fault}.")),
    };
    html! {
        p {
            "The call is " span class={ "state effect-" (report.effect.as_str()) } { (name_effect(report.effect.as_str())) } " by "
            code { (escape_invisible(&report.rule)) } " of "
            (escape_invisible(&document_of_rule(&report.rule, report.file, report.server))) "."
        }
        @if let Some(reason) = &report.reason { p { (escape_invisible(reason)) } }
        @for call in &report.limits {
            p.note {
                "It counts " @match &call.counts { Some(counts) => (counts), None => "an amount that cannot be read", }
                " for " code { (escape_invisible(call.limit.rule)) } ": at most " (call.limit.max) " per "
                (WindowText(call.limit.window)) "."
            }
        }
        @if report.locked == Some(true) { p.note { "The lock has it: a session also compares its definition with the one that is listed." } }
    }
}

fn show_explanation(explanation: &Explanation<'_>) -> Markup {
    html! {
        @if let Some(does) = explanation.does { p { (escape_invisible(does)) } }
        dl.facts {
            dt { "Risk" } dd { (explanation.severity.as_str()) ", " (explanation.class.as_str()) ". " (in_code(&explanation.why)) }
            @if let Some(now) = &explanation.in_force {
                dt { "Now" }
                dd {
                    span class={ "state effect-" (now.effect.as_str()) } { (name_effect(now.effect.as_str())) } " by "
                    code { (escape_invisible(now.rule)) } " of " (escape_invisible(&explanation.document_in_force(now)))
                    @for detail in explanation.details_in_force(now) { p { (in_code(&detail)) } }
                }
            }
            dt { "Recommended" } dd { (in_code(&explanation.recommended.advice)) " " (in_code(explanation.recommended.why)) }
            @for fact in &explanation.facts { dt { (fact_name(fact.fact)) } dd { (escape_invisible(&fact.reason)) } }
            @if let Some(route) = explanation.route { dt { "Calls" } dd { code { (escape_invisible(route)) } } }
        }
        @if !explanation.attacks.is_empty() {
            h2 { "How it is abused" }
            ul { @for attack in &explanation.attacks {
                li { strong { (attack.name) } ": " (in_code(attack.account)) " " (in_code(attack.stopped_by)) }
            } }
        }
    }
}
