//! The policy that holds where there is no file, and under a document that only hides.

use super::compile::{Policy, compile_builtin};
use super::decode::decode;
use super::diagnostic::Report;
use super::document::read;
use super::server::ServerName;
use super::source::{Format, Source};

/// The built-in policy for a server. Of a server without one, every tool is refused and stays visible.
pub fn builtin(server: &ServerName) -> Policy {
    let text = match server.as_str() {
        "iterable" => include_str!("../../config/policies/iterable.toml"),
        _ => {
            let reason = format!(
                "policylayer has no policy for the server {server}. Write one: policies/{server}.toml in {}.",
                configuration_folder()
            );
            return Policy::refuse_everything(server, "builtin:default", reason);
        }
    };
    parse(text, server).unwrap_or_else(|| {
        // A test reads every built-in policy; were one broken all the same, nothing passes under it.
        let reason =
            format!("The built-in policy for {server} cannot be read, so every call is refused. Please report this.");
        Policy::refuse_everything(server, "builtin:default", reason)
    })
}

/// The text of the built-in policy for a server, as a person may take it over into a file.
pub fn builtin_text(server: &ServerName) -> &'static str {
    match server.as_str() {
        "iterable" => include_str!("../../config/policies/iterable.toml"),
        _ => include_str!("../../config/policies/other.toml"),
    }
}

fn parse(text: &str, server: &ServerName) -> Option<Policy> {
    let source = Source::new(format!("builtin:{server}"), Format::Toml, text);
    let mut report = Report::default();
    let document = read(&decode(&source, &mut report)?, &mut report);
    let reason = format!(
        "This tool is newer than policylayer's built-in policy for {server}, so it is refused until a policy file decides it."
    );
    compile_builtin(&document, server, reason).filter(|_| !report.has_errors())
}

/// Where a person looks for the configuration folder, as they would write it.
fn configuration_folder() -> &'static str {
    if cfg!(windows) { "%APPDATA%\\policylayer" } else { "~/.config/policylayer" }
}
