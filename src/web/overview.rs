//! The overview: what agents can do on this machine, by client, server and class of tools.

use std::time::SystemTime;

use hyper::StatusCode;
use maud::{Markup, html};

use super::answer::WebAnswer;
use super::form::write_query;
use super::page::{in_code, show_page};
use super::registration::{show_link_for_all, show_links};
use super::site::Site;
use crate::clients::key::visible_key;
use crate::policy::{Tally, ToolsTally};
use crate::report::doctor::ServerState;
use crate::report::status::{ClientStatus, ServerStatus, StateCounts, StatusReport};
use crate::risk::Class;
use crate::visible::{count_of, escape_invisible};

pub(super) fn show_overview(site: &Site) -> WebAnswer {
    let report = StatusReport::collect(site.env(), SystemTime::now());
    let content = html! {
        (show_counts(report.counts))
        @if report.counts.unprotected > 1 { (show_link_for_all(site)) }
        @if let Some(next) = &report.next {
            div.next {
                p { (escape_invisible(&next.why)) }
                p { "Next, in a terminal: " code { (escape_invisible(&next.command)) } }
            }
        }
        @for note in &report.notes { p.note { (in_code(note)) } }
        (show_picture(&report.clients))
        @for (at, client) in report.clients.iter().enumerate() { (show_client(site, at, client)) }
    };
    show_page(site, StatusCode::OK, "", "What your agents can do", content)
}

fn show_counts(counts: StateCounts) -> Markup {
    if counts.count_all() == 0 {
        return html! {
            p { "No MCP client on this machine has a server. " code { "policylayer clients" } " says where it looks." }
        };
    }
    let states = [
        (ServerState::Protected, counts.protected),
        (ServerState::Observed, counts.observed),
        (ServerState::Unprotected, counts.unprotected),
        (ServerState::OutOfReach, counts.out_of_reach),
        (ServerState::Broken, counts.broken),
    ];
    html! {
        ul.counts aria-label="Servers by state" {
            @for (state, count) in states.into_iter().filter(|(_, count)| *count > 0) {
                @let (word, class) = label_state(state);
                li class=(class) { span.number { (count) } " " (word) }
            }
        }
    }
}

/// How a state is called and drawn.
pub(super) fn label_state(state: ServerState) -> (&'static str, &'static str) {
    match state {
        ServerState::Protected => ("protected", "good"),
        ServerState::Observed => ("observed", "warn"),
        ServerState::Unprotected => ("unprotected", "warn"),
        ServerState::OutOfReach => ("out of reach", "dim"),
        ServerState::Broken => ("broken", "bad"),
    }
}

/// How many of a tally something happens to.
type CountOf = fn(&Tally) -> usize;

/// What happens to tools, in the order of drawing, and how it is called.
const DECISIONS: [(&str, CountOf); 4] = [
    ("allowed", |tally| tally.allowed),
    ("ask", |tally| tally.asking),
    ("refused", |tally| tally.refused),
    ("hidden", |tally| tally.hidden),
];

/// Draws the known tools of each server by class and decision.
fn show_picture(clients: &[ClientStatus]) -> Markup {
    let mut drawn: Vec<(&ServerStatus, &ToolsTally)> = Vec::new();
    for server in clients.iter().flat_map(|client| &client.servers) {
        // The same policy for the same server is drawn once, however many clients start it.
        let is_same = |(other, _): &(&ServerStatus, &ToolsTally)| {
            (&other.server, &other.policy, other.state) == (&server.server, &server.policy, server.state)
                && (server.server.is_some() || other.name == server.name)
        };
        if let Some(tools) = server.tools.as_ref().or(server.unguarded.as_ref()).filter(|_| !drawn.iter().any(is_same))
        {
            drawn.push((server, tools));
        }
    }
    if drawn.is_empty() {
        return html! {};
    }
    let most = drawn.iter().flat_map(|(_, tools)| tools.by_class.values()).map(|tally| tally.known).max().unwrap_or(1);
    html! {
        section aria-labelledby="picture" {
            h2 #picture { "Known tools, by class and decision" }
            ul.legend aria-hidden="true" {
                @for (name, _) in DECISIONS { li { span class={ "key " (name) } {} (name) } }
            }
            div.picture {
                @for (server, tools) in &drawn { (draw_server(server, tools, most)) }
            }
            p.note { "A server that is not in the catalogues is not drawn: its tools are known once it runs." }
        }
    }
}

fn draw_server(server: &ServerStatus, tools: &ToolsTally, most: usize) -> Markup {
    let (word, class) = label_state(server.state);
    let name = server.server.as_deref().unwrap_or(&server.name);
    html! {
        div.drawn {
            h3 { (escape_invisible(name)) " " span class={ "state " (class) } { (word) } }
            @if server.state == ServerState::Unprotected { p.note { "Nothing is in front of it: each of its tools passes." } }
            @if server.state == ServerState::Observed { p.note { "Its policy would do this. Nothing is enforced." } }
            @if server.state == ServerState::Broken { p.note { "It does not start. Its policy would do this." } }
            dl {
                @for (class, tally) in Class::ALL.iter().rev().filter_map(|class| Some((class, tools.by_class.get(class)?))) {
                    dt { (class.as_str()) }
                    dd { (draw_tally(tally, most)) }
                }
            }
        }
    }
}

/// Draws one bar, as long as its tools are many, beside the same in words.
fn draw_tally(tally: &Tally, most: usize) -> Markup {
    let parts: Vec<_> =
        DECISIONS.iter().map(|(name, count)| (*name, count(tally))).filter(|(_, count)| *count > 0).collect();
    let words: Vec<_> = parts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let starts = parts.iter().scan(0, |at, (_, count)| Some(std::mem::replace(at, *at + count)));
    html! {
        svg.bar viewBox={ "0 0 " (most) " 1" } preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            @for (start, (name, count)) in starts.zip(&parts) {
                rect class=(name) x=(start) y="0" width=(count) height="1" {}
            }
        }
        span { (words.join(", ")) }
    }
}

fn show_client(site: &Site, at: usize, client: &ClientStatus) -> Markup {
    let whose = match &client.folder {
        Some(folder) => format!(", for {folder}"),
        None if client.scope == "project" => ", project".to_owned(),
        None => String::new(),
    };
    let heading = format!("client-{at}");
    html! {
        section aria-labelledby=(heading) {
            h2 id=(heading) { (client.name) (escape_invisible(&whose)) }
            p.file { code { (escape_invisible(&client.file)) } }
            @match &client.error {
                Some(error) => p.bad { "It cannot be read: " (in_code(&error.message)) },
                None => table.stacked {
                    thead { tr {
                        th scope="col" { "Server" }
                        th scope="col" { "State" }
                        th scope="col" { "Policy" }
                        th scope="col" { "Tools" }
                        th scope="col" { "Now" }
                    } }
                    tbody { @for server in &client.servers { (show_server(site, client, server)) } }
                },
            }
        }
    }
}

fn show_server(site: &Site, client: &ClientStatus, server: &ServerStatus) -> Markup {
    let (word, class) = label_state(server.state);
    let tools = server.tools.as_ref().map(|tools| {
        let parts = DECISIONS.iter().map(|(name, count)| (name, count(&tools.all))).filter(|(_, count)| *count > 0);
        parts.map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
    });
    // Only these stand behind a policy.
    let is_behind = matches!(server.state, ServerState::Protected | ServerState::Observed);
    html! {
        tr {
            th scope="row" data-label="Server" {
                // What is out of reach has no policy.
                @if server.state != ServerState::OutOfReach && (server.server.is_some() || server.state == ServerState::Unprotected) {
                    a href=(site.link_to(&format!("server?{}", write_query(&[("name", &server.name)])))) { (visible_key(&server.name)) }
                } @else { (visible_key(&server.name)) }
                @if server.disabled { " " span.note { "(its client is told not to start it)" } }
            }
            td data-label="State" {
                span class={ "state " (class) } { (word) }
                @if server.state == ServerState::Observed { p { "Nothing is enforced." } }
                @if let Some(reason) = &server.reason { p { (in_code(reason)) } }
                @if let Some(remedy) = &server.remedy { p { "What to do: " (in_code(remedy)) } }
                (show_links(site, client, server))
            }
            td data-label="Policy" {
                @match server.policy.as_deref().filter(|_| is_behind || server.state == ServerState::Broken) {
                    Some("built-in") => "built-in",
                    Some(file) => code { (escape_invisible(file)) },
                    None => "none",
                }
            }
            td data-label="Tools" { (tools.filter(|_| is_behind).unwrap_or_else(|| "not known".to_owned())) }
            td data-label="Now" { (describe_activity(server)) }
        }
    }
}

fn describe_activity(server: &ServerStatus) -> String {
    let counts = [
        server.sessions.map(|count| format!("{} running", count_of(count as u64, "session"))),
        server
            .waiting
            .filter(|count| *count > 0)
            .map(|count| format!("{} waiting for a person", count_of(count as u64, "call"))),
        server.refused_last_day.filter(|count| *count > 0).map(|count| format!("{count} refused in the last day")),
    ];
    let counts: Vec<_> = counts.into_iter().flatten().collect();
    if counts.is_empty() { "not known".to_owned() } else { counts.join(", ") }
}
