//! `[servers.NAME]`: which server a command starts, and where its policy is.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::read::SETTINGS;
use super::{ServerSettings, Settings};
use crate::policy::diagnostic::{Report, quote_for_message};
use crate::policy::keys::kinds::read_members;
use crate::policy::keys::{FromDocument, TableSpec, ValueKind, read_text, table};
use crate::policy::tree::{DocumentMember, DocumentNode};
use crate::policy::{Format, Server, ServerName, server};

/// Two servers in config.toml match one command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "config.toml has two names for this server: its command matches [servers.{first}] and [servers.{second}]. Make the \
     `match` of one of them longer, so that only one matches, or name the server with --server."
)]
pub struct TwoNames {
    /// One name.
    pub first: ServerName,
    /// The other.
    pub second: ServerName,
}

impl Settings {
    /// Returns the name that config.toml has for the server that this command starts; `None` if it has none.
    ///
    /// # Errors
    /// Returns an error if it has two.
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

    /// Returns the server that a command starts. Its name is `named`, else the one in config.toml, else the one that the
    /// command tells, else [`ServerName::unknown`]: only an explicit policy, or one for `unknown`, then lets anything through.
    ///
    /// # Errors
    /// Returns an error if config.toml has two names for it.
    pub fn server_of_command<S: AsRef<OsStr>>(
        &self,
        named: Option<&ServerName>,
        command: &[S],
    ) -> Result<Server, TwoNames> {
        let named = match named {
            Some(name) => Some(name),
            None => self.name_of(command)?,
        };
        let derived = || server::derive_name(command).unwrap_or_else(ServerName::unknown);
        let server = Server::of_command(&named.cloned().unwrap_or_else(derived), command);
        Ok(server.with_strength(self.strength))
    }

    /// Returns the server of which nothing but its name is known.
    pub fn server_by_name(&self, name: &ServerName) -> Server {
        Server::by_name(name).with_strength(self.strength)
    }

    /// Returns the policy file that config.toml names for a server, relative to the configuration directory.
    pub fn policy_of(&self, server: &ServerName) -> Option<&Path> {
        self.servers.iter().find(|one| one.name == *server)?.policy.as_deref()
    }
}

table! {
    /// A server whose command does not tell its name, or whose policy is elsewhere.
    pub(super) ServerKeys = TableSpec { of: "`[servers.NAME]`", ..SETTINGS };
    /// The server has this name if one of them is a part of a word of its command.
    "match" => matches: Vec<CommandPart>,
    /// The server's policy: a path from the directory of config.toml, or a whole one.
    "policy" => policy: PolicyFile,
}

#[derive(Clone, Debug)]
pub(super) struct ServerMembers(Vec<DocumentMember>);

impl FromDocument for ServerMembers {
    fn value_kind() -> ValueKind {
        ValueKind::without_schema("a table")
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let hint = format!("such as {}", SETTINGS.example);
        read_members(node, [what, "a table", &hint], report).map(|members| Self(members.to_vec()))
    }
}

impl ServerMembers {
    pub(super) fn into_settings(self, report: &mut Report) -> Vec<ServerSettings> {
        let mut servers: Vec<ServerSettings> = Vec::new();
        for (key, value) in &self.0 {
            let keys = ServerKeys::read(value, "a server", report).unwrap_or_default();
            let matches = keys.matches.into_iter().flatten().map(|part| part.0).collect();
            match ServerName::parse(&key.name) {
                Ok(name) if servers.iter().any(|other| other.name == name) => {
                    let message = format!("there are two tables for the server {}", quote_for_message(name.as_str()));
                    let hint = "join them: upper and lower case are the same in the name of a server";
                    report.push_error("duplicate-key", &key.span, message, hint);
                }
                Ok(name) => servers.push(ServerSettings { name, matches, policy: keys.policy.map(|file| file.0) }),
                Err(error) => {
                    let hint = "write it as in `wrap --server`, such as [servers.iterable]";
                    report.push_error("bad-value", &key.span, error.to_string(), hint);
                }
            }
        }
        servers
    }
}

#[derive(Clone, Debug)]
pub(super) struct CommandPart(String);

impl FromDocument for CommandPart {
    fn value_kind() -> ValueKind {
        let message = "`match` is empty, so it matches no command";
        let hint = "name a part of the server's command, such as \"@iterable/mcp\", or leave the key out";
        let (example, empty) = ("\"@iterable/mcp\"", Some((message, hint)));
        ValueKind { many: "strings", example, empty, ..String::value_kind() }
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let hint = "name a part of the server's command, such as \"@iterable/mcp\"";
        read_text(node, what, report, |text| match text {
            "" => Err(("bad-value", "an empty string is part of every command", hint)),
            part => Ok(Self(part.to_owned())),
        })
    }
}

#[derive(Clone, Debug)]
pub(super) struct PolicyFile(PathBuf);

impl FromDocument for PolicyFile {
    fn value_kind() -> ValueKind {
        ValueKind::without_schema("a file")
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        read_text(node, what, report, |text| {
            let path = Path::new(text);
            let ending = path.extension().unwrap_or_default().to_string_lossy();
            if path.starts_with("~") {
                let hint = "write an absolute path, or one relative to the directory of config.toml";
                return Err(("bad-value", "`~` is not expanded here", hint));
            }
            if Format::from_ending(&ending).is_none() {
                let message = "`policy` takes a file that ends in .toml, .json, .yaml or .yml";
                let hint = "such as \"policies/iterable.toml\", relative to the directory of config.toml";
                return Err(("bad-value", message, hint));
            }
            Ok(Self(path.to_owned()))
        })
    }
}
