//! The policy with the place of a rule in it: every rule that a page names leads there.

use hyper::StatusCode;
use maud::{Markup, html};

use super::answer::WebAnswer;
use super::form::Fields;
use super::page::show_page;
use super::server::ServerPlace;
use super::site::Site;
use crate::policy::{self, BuiltinTitle, Format, LOCK_RULE, Source};
use crate::visible::escape_invisible;

const BUILT_IN: &str = "builtin:";

/// Shows the path of a rule, as a link to its place if it has one.
pub(super) fn link_rule(site: &Site, place: &ServerPlace, rule: &str) -> Markup {
    let has_place = rule != LOCK_RULE && (rule.starts_with(BUILT_IN) || place.target.source.is_some());
    let shown = html! { code { (escape_invisible(rule)) } };
    html! {
        @if has_place { a href={ (place.link_to(site, "rule", &[("rule", rule)])) "#here" } { (shown) } } @else { (shown) }
    }
}

pub(super) fn show_rule(site: &Site, fields: &Fields) -> WebAnswer {
    let place = match ServerPlace::find(site, fields) {
        Ok(place) => place,
        Err(answer) => return answer,
    };
    let rule = fields.value("rule").unwrap_or_default();
    let built_in = rule.strip_prefix(BUILT_IN);
    let source = match (built_in, &place.target.source) {
        (None, Some(source)) => source.clone(),
        _ => {
            let name = BuiltinTitle::of(&place.target.server).to_string();
            Source::new(name, Format::Toml, policy::builtin_text(&place.target.server))
        }
    };
    let at = policy::find_rule(&source, &place.target.server, built_in.unwrap_or(rule));
    let line = at.map(|span| source.place_of(span.start).line);
    let content = html! {
        p { a href=(place.link_to(site, "server", &[])) { "All tools of " (escape_invisible(&place.name)) } }
        p.file { code { (escape_invisible(source.name())) } }
        @match line {
            Some(line) => p { "The rule " code { (escape_invisible(rule)) } " begins in line " (line) "." },
            None => p { "The rule " code { (escape_invisible(rule)) } " has no place of its own in it: it is what holds where nothing else does." },
        }
        pre.source tabindex="0" aria-label="The policy" {
            @for (number, text) in source.text().lines().enumerate() {
                @if Some(number + 1) == line { mark #here { (number + 1) " " (escape_invisible(text)) } "\n" }
                @else { span.number { (number + 1) " " } (escape_invisible(text)) "\n" }
            }
        }
    };
    show_page(site, StatusCode::OK, "server", "Where a rule stands", content)
}
