//! What a client gives to the servers that it starts: their environment and their working folder.
//!
//! The clients differ in the PATH that they have themselves, and in how much of their environment they pass on. What is
//! known of each is in docs/doctor.md.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::super::Env;
use super::choose::Target;
use crate::clients::document::ClientDocument;
use crate::policy::tree::{DocumentNode, DocumentValue};
use crate::proxy::Surroundings;

/// What the MCP SDKs pass on unless they are told otherwise: `getDefaultEnvironment` in src/client/stdio.ts of
/// modelcontextprotocol/typescript-sdk, and the same in the SDK for Python.
const PASSED: &[&str] = if cfg!(windows) {
    &[
        "APPDATA",
        "HOMEDRIVE",
        "HOMEPATH",
        "LOCALAPPDATA",
        "PATH",
        "PROCESSOR_ARCHITECTURE",
        "SYSTEMDRIVE",
        "SYSTEMROOT",
        "TEMP",
        "USERNAME",
        "USERPROFILE",
    ]
} else {
    &["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"]
};

/// The PATH of a program that the desktop has started: on macOS that of launchd. What shells add to it in their own files
/// (Homebrew, nvm, fnm, volta, mise, asdf) is not in it.
const POOR: &str = if cfg!(target_os = "macos") {
    "/usr/bin:/bin:/usr/sbin:/sbin"
} else {
    "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
};

/// The PATH that Claude Desktop starts servers with: on macOS it adds Homebrew's folders, as its own log (`paths`) tells.
const CLAUDE: &str =
    if cfg!(target_os = "macos") { "/usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin" } else { POOR };

/// Where a client has its environment from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// It is this terminal.
    Here,
    /// The desktop starts it, and it takes the PATH that it gets.
    Desktop,
    /// The desktop starts it, and it asks the user's shell for the PATH.
    AsksShell,
    /// It is started in a terminal, and passes on what is usual.
    Terminal,
    /// It is started in a terminal, and passes on everything.
    PassesAll,
}

fn habit(client: &str) -> Habit {
    match client {
        // https://github.com/modelcontextprotocol/servers/issues/64 and
        // https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/869: what version managers add is not found.
        "claude-desktop" | "lm-studio" => Habit::Desktop,
        // https://developers.openai.com/codex/mcp: what else is to be passed on is named by `env_vars`.
        "codex" => Habit::Terminal,
        // https://github.com/anthropics/claude-code/issues/28332, https://geminicli.com/docs/tools/mcp-server.
        "claude-code" | "gemini-cli" => Habit::PassesAll,
        // https://github.com/microsoft/vscode/issues/1033, and the editors made of it; Zed does the same.
        _ => Habit::AsksShell,
    }
}

/// What a server is started with.
pub(super) struct Given {
    vars: Vec<(OsString, OsString)>,
    pub(super) folder: PathBuf,
    habit: Habit,
    /// Variables of the entry whose values only the client knows.
    pub(super) unfilled: Vec<String>,
    /// The values of the entry's variables, which are never shown.
    secrets: Vec<String>,
    /// Values for what stands between `${` and `}`.
    known: Env,
}

impl Given {
    /// What is here.
    pub(super) fn here(env: &Env) -> Self {
        let vars = env.vars().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (unfilled, secrets) = (Vec::new(), Vec::new());
        Self { vars, folder: env.folder().to_owned(), habit: Habit::Here, unfilled, secrets, known: env.clone() }
    }

    /// What the client of an entry gives.
    pub(super) fn of(target: &Target<'_>, keys: &[String], name: &str, env: &Env) -> Self {
        let habit = habit(target.place.row.id);
        let mut given = Self { habit, ..Self::here(env) };
        if habit != Habit::PassesAll {
            given.vars.retain(|(name, _)| PASSED.iter().any(|passed| is_same(name, OsStr::new(passed))));
        }
        if habit == Habit::Desktop {
            if !cfg!(windows) {
                given.set("PATH", if target.place.row.id == "claude-desktop" { CLAUDE } else { POOR });
            }
            // They start servers anywhere: what is relative must not be found by chance.
            given.folder = env.home().map_or_else(|| PathBuf::from("/"), Path::to_owned);
        }
        if let Some(document) = target.opened.map(|opened| &opened.document)
            && let Some(entry) = entry(document, keys, name)
        {
            given.take(document, entry, env);
        }
        given
    }

    /// What the entry itself has.
    fn take(&mut self, document: &ClientDocument, entry: &DocumentNode, env: &Env) {
        if let Some(folder) = entry.member("cwd").and_then(DocumentNode::as_text) {
            self.folder = env.folder().join(self.filled(folder));
        }
        // Codex is told by name what else to pass on.
        for name in entry.member("env_vars").into_iter().flat_map(DocumentNode::items).filter_map(DocumentNode::as_text)
        {
            if let Some(value) = env.var(name) {
                self.vars.push((name.into(), value.to_owned()));
            }
        }
        // Zed's older shape has the command in an object of its own.
        let inner = entry.member("command").and_then(|command| command.member("env"));
        for (key, node) in entry.member("env").or(inner).map(DocumentNode::members).unwrap_or_default() {
            let written = match &node.value {
                DocumentValue::String(text) => text.as_str(),
                DocumentValue::Table(_) | DocumentValue::Array(_) => continue,
                _ => document.part(node.span.clone()),
            };
            match self.fill(written) {
                Ok(value) => {
                    // Paths are no secrets, and what is short would be found by chance.
                    if value.len() >= 6 && !Path::new(&value).is_absolute() && key.name != "PATH" {
                        self.secrets.push(value.clone());
                    }
                    self.set(&key.name, &value);
                }
                Err(()) => self.unfilled.push(key.name.clone()),
            }
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.vars.retain(|(other, _)| !is_same(other, OsStr::new(name)));
        self.vars.push((name.into(), value.into()));
    }

    /// A text of the entry as the client takes it; what cannot be filled in stays.
    pub(super) fn filled(&self, text: &str) -> String {
        self.fill(text).unwrap_or_else(|()| text.to_owned())
    }

    fn fill(&self, text: &str) -> Result<String, ()> {
        // Claude Desktop and LM Studio fill in nothing.
        if self.habit == Habit::Desktop {
            return Ok(text.to_owned());
        }
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or(())?;
            out.push_str(before);
            let name = name.strip_prefix("env:").unwrap_or(name);
            let (name, default) = name.split_once(":-").map_or((name, None), |(name, default)| (name, Some(default)));
            let value = match name {
                "workspaceFolder" => Some(self.known.folder().as_os_str()),
                "userHome" => self.known.home().map(Path::as_os_str),
                name => self.known.var(name),
            };
            out.push_str(value.and_then(OsStr::to_str).or(default).ok_or(())?);
            rest = after;
        }
        Ok(out + rest)
    }

    /// Whether the PATH is only there where the client could ask the shell for it.
    pub(super) fn asks_shell(&self) -> bool {
        self.habit == Habit::AsksShell && !cfg!(windows)
    }

    /// The PATH of a program that the desktop has started.
    pub(super) fn poor() -> &'static str {
        POOR
    }

    /// As what is started with it sees it.
    pub(super) fn env(&self) -> Env {
        if self.habit == Habit::Here {
            return self.known.clone();
        }
        Env::new(self.vars.iter().cloned(), &self.folder)
    }

    pub(super) fn surroundings(&self) -> Surroundings {
        Surroundings { vars: self.vars.clone(), folder: self.folder.clone() }
    }

    /// A text without the values of the entry's variables.
    pub(super) fn hide(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "…"))
    }
}

/// The names of variables are the same in upper and lower case on Windows.
fn is_same(one: &OsStr, other: &OsStr) -> bool {
    if cfg!(windows) { one.eq_ignore_ascii_case(other) } else { one == other }
}

fn entry<'d>(document: &'d ClientDocument, keys: &[String], name: &str) -> Option<&'d DocumentNode> {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    document.find(&keys).ok().flatten()?.member(name)
}
