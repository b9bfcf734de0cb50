//! The shipped policy for Iterable: what it says of every tool of the catalogue, and of the arguments that become a part
//! of an address.

use policylayer::policy::{self, Effect, Server};
use policylayer::risk::{Catalogue, CatalogueTool, Class, Risk};

use super::server;

/// The arguments that the server puts into a route as text. All others in routes are numbers to it.
const TEXTS: [&str; 5] = ["catalogName", "itemId", "identifier", "email", "userId"];

fn tools() -> &'static [CatalogueTool] {
    Catalogue::for_server("iterable").expect("the catalogue of iterable").tools()
}

/// The names between the braces of a route.
fn parameters(route: &str) -> impl Iterator<Item = &str> {
    route.split('{').skip(1).filter_map(|part| part.split('}').next())
}

fn arguments(route: &str, of: impl Fn(&str) -> String) -> String {
    let members: Vec<_> = parameters(route).map(|name| format!("{name:?}:{}", of(name))).collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn limits_are_those_of_the_class_and_of_personal_data() {
    let policy = policy::builtin_policy(&Server::by_name(&server("iterable")));
    for tool in tools() {
        let rates: Vec<_> = policy
            .judge_call(&tool.name, &arguments(&tool.http, |_| "\"a\"".to_owned()))
            .limits()
            .map(|limit| format!("{} in {} s", limit.max, limit.window.length().as_secs()))
            .collect();
        let expected: &[&str] = match (tool.class, tool.pii, tool.severity) {
            (Class::Write, ..) => &["30 in 60 s"],
            (Class::Read, true, Risk::High) => &["10 in 60 s"],
            (Class::Read, true, _) => &["60 in 60 s"],
            _ => &[],
        };
        assert_eq!(rates, expected, "{}", tool.name);
    }
}

#[test]
fn a_call_that_asks_a_person_says_why() {
    let policy = policy::builtin_policy(&Server::by_name(&server("iterable")));
    for tool in tools().iter().filter(|tool| tool.class == Class::Execute) {
        let reason = policy.decide_tool(&tool.name).reason.unwrap_or_default();
        assert!(reason.ends_with("; a person has to approve it."), "{}: {reason}", tool.name);
    }
}

/// The server takes `..` as it is: of the catalog "..", delete_catalog_item deletes something else.
#[test]
fn no_argument_leads_a_call_to_another_address() {
    let policy = policy::builtin_policy(&Server::by_name(&server("iterable")));
    let (mut guarded, mut seen) = (0, Vec::new());
    for tool in tools() {
        let route = &tool.http;
        let fine = policy.judge_call(&tool.name, &arguments(route, |_| "\"spring-sale\"".to_owned())).decision;
        if fine.effect != Effect::Allow {
            continue;
        }
        for name in parameters(route).filter(|name| TEXTS.contains(name) || *name == "userEmail") {
            guarded += 1;
            seen.push(name);
            for bad in ["..", ".", " .. ", "../x", "a/b", "a\\\\b", "%2e%2E", "a%2Fb", "%5c", "..\\n", "\\ud800"] {
                let of = |other: &str| format!("\"{}\"", if other == name { bad } else { "spring-sale" });
                let decision = policy.judge_call(&tool.name, &arguments(route, of)).decision;
                assert_eq!(decision.effect, Effect::Deny, "{} {name} = {bad}", tool.name);
                assert!(decision.rule.starts_with(&format!("builtin:tools.{}.", tool.name)), "{}", decision.rule);
                assert!(decision.reason.is_some_and(|reason| reason.contains("another address")));
            }
            for good in ["spring sale", "a.b", "50% off", "jo+x@example.com", "...", "日本"] {
                let of = |other: &str| format!("\"{}\"", if other == name { good } else { "spring-sale" });
                let decision = policy.judge_call(&tool.name, &arguments(route, of)).decision;
                assert_eq!(decision.effect, Effect::Allow, "{} {name} = {good}", tool.name);
            }
        }
    }
    assert_eq!(guarded, 23);
    assert!(TEXTS.iter().all(|name| seen.contains(name)), "{seen:?}");
    // A snippet goes by its name or its number, and a retyped argument is no way past.
    for (arguments, effect) in [
        (r#"{"identifier":42}"#, Effect::Allow),
        (r#"{"identifier":-1}"#, Effect::Deny),
        (r#"{"identifier":[".."]}"#, Effect::Deny),
        (r#"{"identifier":null}"#, Effect::Deny),
        ("{}", Effect::Deny),
    ] {
        assert_eq!(policy.judge_call("get_snippet", arguments).decision.effect, effect, "{arguments}");
    }
    assert_eq!(policy.judge_call("get_catalog_items", r#"{"catalogName":[".."]}"#).decision.effect, Effect::Deny);
}

#[test]
fn a_read_of_an_unknown_server_that_returns_keys_asks() {
    let policy = policy::builtin_policy(&Server::by_name(&server("elsewhere")));
    for tool in ["get_credentials", "read_secrets", "get_env", "getAccessToken", "list_api_keys", "get_otp"] {
        assert_eq!(policy.decide_tool(tool).effect, Effect::RequireApproval, "{tool}");
    }
    for tool in ["get_environment", "list_hotpots", "get_token_price", "get_key"] {
        assert_eq!(policy.decide_tool(tool).effect, Effect::Allow, "{tool}");
    }
}
