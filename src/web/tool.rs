//! The page of one tool: what it does, how it is abused, what is recommended, what is in force, and the form to change it.

use hyper::StatusCode;
use maud::{Markup, html};

use super::answer::WebAnswer;
use super::form::{Fields, FormTrouble};
use super::page::{in_code, show_page, show_trouble};
use super::rule::link_rule;
use super::rules::show_rules;
use super::server::{ServerPlace, name_effect, show_actions};
use super::site::Site;
use super::trial::show_trial;
use crate::author::edit::RulePlace;
use crate::author::snippet::write_recommended;
use crate::paths::LoadedPolicy;
use crate::report::explanation::{Explanation, Standing, ToolQuestion, fact_name};
use crate::report::tool_names::list_locked_tools;
use crate::visible::{escape_invisible, visible_lines};

pub(super) fn show_tool(site: &Site, fields: &Fields, trouble: Option<&FormTrouble>) -> WebAnswer {
    let place = match ServerPlace::find(site, fields) {
        Ok(place) => place,
        Err(answer) => return answer,
    };
    let (before, tool) = (place.target.load_before(), fields.value("tool").unwrap_or_default());
    let lock = place.target.lock.as_deref();
    let (policy, warnings) = (before.policy, before.diagnostics);
    let loaded = LoadedPolicy { policy, source: place.target.source.clone(), warnings };
    let server = place.target.server.name();
    let question = ToolQuestion {
        tool,
        server,
        listed: list_locked_tools(lock, server).remove(tool),
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
        @if let Some(trouble) = trouble { (show_trouble(trouble)) }
        (show_explanation(site, &place, &explanation))
        (show_trial(site, &place, tool, fields))
        @if before.is_valid {
            h2 { "Change it" }
            form method="post" action=(site.link_to("change")) {
                (place.hidden_fields())
                input type="hidden" name="tool" value=(tool);
                input type="hidden" name="page" value="tool";
                (show_actions(fields, trouble, Some(tool)))
            }
            (show_rules(site, &place, &RulePlace::Tool(tool.to_owned()), fields, trouble))
        }
    };
    let status = if trouble.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    show_page(site, status, "server", tool, content)
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
                    (link_rule(site, place, now.rule)) " of " (escape_invisible(&now.document))
                    @for detail in explanation.details_in_force(now) { p { (in_code(&detail)) } }
                }
            }
            @let marks = explanation.list_marks();
            @if !marks.is_empty() { dt { "Beside that" } dd { (marks.join(", ")) } }
            dt { "Recommended" }
            dd {
                (in_code(&explanation.recommended.advice)) " " (in_code(explanation.recommended.why))
                (show_recommended(site, place, explanation))
            }
            @for fact in &explanation.facts { dt { (fact_name(fact.fact)) } dd { (escape_invisible(&fact.reason)) } }
            @if let Some(route) = explanation.route { dt { "Calls" } dd { code { (escape_invisible(route)) } } }
        }
        @if !explanation.attacks.is_empty() {
            h2 { "How it is abused" }
            ul { @for attack in &explanation.attacks {
                li {
                    strong { (attack.name) } ": " (in_code(attack.account)) " " (in_code(attack.needs)) " " (in_code(attack.stopped_by)) " "
                    a href=(attack.source.url) rel="noreferrer" { (attack.source.name) }
                }
            } }
        }
    }
}

/// Shows the recommended rule, and the button that puts it into the policy; nothing if it is in force.
fn show_recommended(site: &Site, place: &ServerPlace, explanation: &Explanation<'_>) -> Markup {
    let is_in_force = explanation.in_force.as_ref().is_some_and(|now| now.compared == Standing::Same);
    let snippet = explanation.recommended.text.snippet.as_ref().filter(|_| explanation.in_force.is_some());
    html! {
        @if is_in_force { p.good { "That is in force." } }
        @else if let Some(snippet) = snippet {
            @if explanation.is_stricter_than_name() {
                p.note { "The policy is stricter than the name of the tool suggests. Whoever wrote it may have known more." }
            }
            form method="post" action=(site.link_to("change")) {
                (place.hidden_fields())
                input type="hidden" name="paste" value=(snippet);
                pre tabindex="0" aria-label="The recommended rule" { (visible_lines(snippet)) }
                p { button { "Show what this rule would change" } }
            }
        }
    }
}
