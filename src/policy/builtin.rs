//! The policy that applies if there is no file, and beneath a document that only hides.

use super::compile::{Policy, compile_builtin};
use super::decision::Effect;
use super::decode::decode;
use super::diagnostic::Report;
use super::document::{Origin, read_document};
use super::entry::Rule;
use super::server::Server;
use super::source::{Format, Source};

/// Returns the built-in policy for a server, compiled.
pub fn builtin_policy(server: &Server) -> Policy {
    parse_builtin(builtin_text(server), server).unwrap_or_else(|| {
        // A test reads every built-in policy; if one is broken nevertheless, it lets nothing pass.
        let reason =
            format!("The built-in policy for {server} cannot be read, so every call is refused. Please report this.");
        Policy::with_default(server, Rule::without_checks(Effect::Deny, "builtin:default", Some(reason)))
    })
}

/// Returns the built-in policy for a server in TOML: its own, or the one for servers without a catalogue.
pub fn builtin_text(server: &Server) -> &'static str {
    match server.catalogue().map(|catalogue| catalogue.server.as_str()) {
        Some("iterable") => include_str!("../../config/policies/iterable.toml"),
        _ => include_str!("../../config/policies/other.toml"),
    }
}

fn parse_builtin(text: &str, server: &Server) -> Option<Policy> {
    let source = Source::new(format!("builtin:{server}"), Format::Toml, text);
    let mut report = Report::default();
    let origin = Origin { server: server.name(), prefix: "builtin:" };
    let document = read_document(&decode(&source, &mut report)?, origin, &mut report);
    let reason = format!("The built-in policy for {server} has no rule for this tool.");
    compile_builtin(&document, server, reason).filter(|_| !report.has_errors())
}
