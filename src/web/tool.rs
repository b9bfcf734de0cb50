//! The page of one tool: what it does, how it is abused, what is recommended, what is in force, and the form to change it.

use hyper::StatusCode;
use maud::{Markup, html};

use super::answer::WebAnswer;
use super::form::Fields;
use super::page::{in_code, show_page};
use super::rule::link_rule;
use super::server::{ServerPlace, name_effect, show_actions};
use super::site::Site;
use super::trial::show_trial;
use crate::author::snippet::write_recommended;
use crate::paths::LoadedPolicy;
use crate::report::explanation::{Explanation, ToolQuestion, fact_name};
use crate::visible::escape_invisible;

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
        (show_explanation(site, &place, &explanation))
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

fn show_explanation(site: &Site, place: &ServerPlace, explanation: &Explanation<'_>) -> Markup {
    html! {
        @if let Some(does) = explanation.does { p { (escape_invisible(does)) } }
        dl.facts {
            dt { "Risk" } dd { (explanation.severity.as_str()) ", " (explanation.class.as_str()) ". " (in_code(&explanation.why)) }
            @if let Some(now) = &explanation.in_force {
                dt { "Now" }
                dd {
                    span class={ "state effect-" (now.effect.as_str()) } { (name_effect(now.effect.as_str())) } " by "
                    (link_rule(site, place, now.rule)) " of " (escape_invisible(&explanation.document_in_force(now)))
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
