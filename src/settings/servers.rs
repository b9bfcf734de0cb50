//! `[servers.NAME]`: which server a command starts, and where its policy is.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::read::{SERVER, pairs, reject};
use super::{ServerSettings, Settings};
use crate::policy::diagnostic::{Report, quote};
use crate::policy::document::{string, wrong_type};
use crate::policy::tree::{DocumentNode, DocumentValue};
use crate::policy::{Diagnostic, Format, ServerName, server};

/// Two servers of config.toml match one command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "config.toml has two names for this server: its command matches [servers.{first}] and [servers.{second}]. Make the \
     `match` of one of them longer, so that only one is meant, or say which with --server."
)]
pub struct TwoNames {
    /// One name.
    pub first: ServerName,
    /// The other.
    pub second: ServerName,
}

impl Settings {
    /// The name that config.toml has for the server that this command starts; `None` where it has none.
    ///
    /// # Errors
    /// Where it has two.
    pub fn name_of<S: AsRef<OsStr>>(&self, command: &[S]) -> Result<Option<&ServerName>, TwoNames> {
        let words: Vec<_> = command.iter().map(|word| word.as_ref().to_string_lossy()).collect();
        let is_meant =
            |server: &&ServerSettings| server.matches.iter().any(|part| words.iter().any(|word| word.contains(part)));
        let mut meant = self.servers.iter().filter(is_meant).map(|server| &server.name);
        match (meant.next(), meant.next()) {
            (Some(first), Some(second)) => Err(TwoNames { first: first.clone(), second: second.clone() }),
            (first, _) => Ok(first),
        }
    }

    /// Returns the name of the server that a command starts: the one that config.toml has for it, else the one that the command
    /// tells, else [`ServerName::unknown`]. Then only a policy that is named, or one for `unknown`, lets anything through.
    ///
    /// # Errors
    /// If config.toml has two names for it.
    pub fn server_of_command<S: AsRef<OsStr>>(&self, command: &[S]) -> Result<ServerName, TwoNames> {
        let derived = || server::derive(command).unwrap_or_else(ServerName::unknown);
        Ok(self.name_of(command)?.cloned().unwrap_or_else(derived))
    }

    /// The policy file that config.toml names for a server, from the configuration folder.
    pub fn policy_of(&self, server: &ServerName) -> Option<&Path> {
        self.servers.iter().find(|one| one.name == *server)?.policy.as_deref()
    }
}

pub(super) fn servers(node: &DocumentNode, report: &mut Report) -> Vec<ServerSettings> {
    let mut servers: Vec<ServerSettings> = Vec::new();
    for (key, value) in pairs(node, "`servers`", report) {
        let (matches, policy) = server(value, report);
        match ServerName::parse(&key.name) {
            Ok(name) if servers.iter().any(|other| other.name == name) => {
                let message = format!("there are two tables for the server {}", quote(name.as_str()));
                let error = Diagnostic::error("duplicate-key", key.span.clone(), message);
                report.push(error.hint("join them: upper and lower case are the same in the name of a server"));
            }
            Ok(name) => servers.push(ServerSettings { name, matches, policy }),
            Err(error) => report.push(
                Diagnostic::error("bad-value", key.span.clone(), error.to_string())
                    .hint("write it as in `wrap --server`, such as [servers.iterable]"),
            ),
        }
    }
    servers
}

fn server(node: &DocumentNode, report: &mut Report) -> (Vec<String>, Option<PathBuf>) {
    let (mut matches, mut policy) = (Vec::new(), None);
    for (key, value) in pairs(node, "a server", report) {
        match key.name.as_str() {
            "match" => matches = parts(value, report),
            "policy" => policy = file(value, report),
            _ => reject(&SERVER, key, report),
        }
    }
    (matches, policy)
}

fn parts(node: &DocumentNode, report: &mut Report) -> Vec<String> {
    let DocumentValue::Array(items) = &node.value else {
        report.push(wrong_type(node, "`match`", "a list of texts").hint("put them into brackets: [\"@iterable/mcp\"]"));
        return Vec::new();
    };
    if items.is_empty() {
        let error = Diagnostic::error("bad-value", node.span.clone(), "`match` is empty, so it matches no command");
        report.push(error.hint("name a part of the server's command, such as \"@iterable/mcp\", or leave the key out"));
    }
    let mut parts = Vec::new();
    for item in items {
        match string(item, "an item of `match`", report) {
            Some("") => {
                let error =
                    Diagnostic::error("bad-value", item.span.clone(), "an empty text is a part of every command");
                report.push(error.hint("name a part of the server's command, such as \"@iterable/mcp\""));
            }
            part => parts.extend(part.map(str::to_owned)),
        }
    }
    parts
}

fn file(node: &DocumentNode, report: &mut Report) -> Option<PathBuf> {
    let path = Path::new(string(node, "`policy`", report)?);
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    let (message, hint) = if path.starts_with("~") {
        ("`~` is not expanded here", "write the whole path, or one from the folder of config.toml")
    } else if Format::from_ending(&ending).is_none() {
        (
            "`policy` takes a file that ends in .toml, .json, .yaml or .yml",
            "such as \"policies/iterable.toml\", from the folder of config.toml",
        )
    } else {
        return Some(path.to_owned());
    };
    report.push(Diagnostic::error("bad-value", node.span.clone(), message).hint(hint));
    None
}
