//! Verbs that do something else to some objects than to others.

use crate::risk::class::Class;

/// Verbs that do something else to some objects than to others.
#[rustfmt::skip]
const WITH_OBJECT: [(&str, &[&str], Class); 32] = {
    use Class::{Destructive, Execute, Read, Write};
    [
        ("apply", &["border", "borders", "filter", "format", "formatting", "label", "labels", "shading", "style", "table"], Write),
        ("capture", &["screenshot", "screenshots", "snapshot"], Read),
        ("clear", &["cache", "caches", "console", "default", "defaults", "filter", "filters", "highlight", "highlights", "selection", "snapshot"], Write),
        ("close", &["browser", "session", "tab"], Execute),
        ("compose", &["music", "song"], Execute),
        ("convert", &["color", "colors", "coordinates", "coords", "currency", "id", "identifiers", "ids", "number", "numbers", "temperature", "time", "timestamp", "timezone", "unit", "units"], Read),
        // What is stored of two things is taken apart; a connection is only closed.
        ("disconnect", &["account", "domain", "integration", "relation", "relations", "repositories", "repository"], Destructive),
        // A pull request that is declined is closed for good.
        ("decline", &["pull"], Destructive),
        ("evaluate", &["arithmetic", "math", "mathematical"], Read),
        ("execute", QUERIES, Read),
        ("export", &["bibtex", "citation", "citations"], Read),
        ("flush", &["cache", "caches"], Write),
        ("format", &["disk", "drive", "partition", "volume"], Destructive),
        ("format", &["bibliography", "citation", "citations"], Read),
        ("forward", &["geocode", "geocoding"], Read),
        ("generate", &["id", "link", "locator", "types", "url", "uuid"], Read),
        // As to connect.
        ("init", &["connection", "connections"], Execute),
        ("initialize", &["connection", "connections"], Execute),
        ("merge", &["cell", "cells"], Write),
        ("move", &["cursor", "mouse"], Execute),
        // It is stored, as when it is created.
        ("post", &["comment", "comments"], Write),
        ("resize", &["cluster", "droplet", "instance", "machine", "vm"], Execute),
        ("resolve", &["address", "dns", "handle", "hostname", "id", "ids", "library", "link", "links", "name", "names", "reference", "symbol",
            "to", "uri", "url", "urls"], Read),
        ("restore", &["archive", "bin", "trash"], Write),
        ("run", &["analysis", "audit", "audits", "diagnostics", "report", "reports"], Read),
        ("run", QUERIES, Read),
        ("start", RECORDS, Write),
        ("stop", RECORDS, Write),
        ("test", &["auth", "authentication", "connection", "connectivity"], Read),
        ("transfer", &["issue", "issues", "task", "tasks", "ticket", "tickets"], Write),
        ("transfer", &["call", "domain", "ownership", "project", "repository", "team", "workspace"], Execute),
        ("verify", &["code", "domain", "email", "otp", "phone", "script", "sender"], Execute),
    ]
};

/// Languages that can only ask.
const QUERIES: &[&str] = &["cql", "jql", "kql", "logql", "nrql", "promql", "soql", "traceql"];

/// What only notes what happens.
#[rustfmt::skip]
const RECORDS: &[&str] = &["codegen", "monitor", "monitoring", "profiler", "profiling", "recording", "screencast", "search", "timer", "trace", "tracing", "video", "watch"];

/// The class of a verb with the words around it in a name, or after it in a text.
pub(super) fn class_with_object<'w>(verb: &str, class: Class, words: impl Iterator<Item = &'w str> + Clone) -> Class {
    let of_verb = WITH_OBJECT.iter().filter(|(known, ..)| *known == verb);
    // What is run stands last: an audit mode is no audit.
    let has = |objects: &[&str]| match verb {
        "run" if objects != QUERIES => words.clone().last().is_some_and(|word| objects.contains(&word)),
        _ => words.clone().any(|word| objects.contains(&word)),
    };
    let mut found = of_verb.filter(|(_, objects, _)| has(objects));
    found.next().map_or(class, |(.., with)| *with)
}
