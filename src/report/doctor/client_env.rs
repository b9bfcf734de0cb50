//! What a client gives to the servers that it starts: their environment and their working directory.
//!
//! The clients differ in the PATH that they have themselves, and in how much of their environment they pass on.
//! docs/doctor.md says what is known about each.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::clients::document::ClientDocument;
use crate::clients::entry::ClientEntry;
use crate::clients::file::Opened;
use crate::clients::remote::RemoteEntry;
use crate::env::Env;
use crate::limits::{MAX_ENV_FILE, MAX_MESSAGE};
use crate::paths::{POLICY_VARIABLE, read_bytes};
use crate::policy::tree::{DocumentKey, DocumentNode, DocumentValue};
use crate::probe::{ProbeError, ProbeStage, ServerError};
use crate::proxy::{HttpTarget, SpawnEnv};

/// What the MCP SDKs pass on by default: `getDefaultEnvironment` in src/client/stdio.ts of
/// modelcontextprotocol/typescript-sdk, and the same in the Python SDK.
const PASSED_ON: &[&str] = if cfg!(windows) {
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

/// The PATH of a program that the desktop starts: on macOS that of launchd. It lacks what shells add in their own files
/// (Homebrew, nvm, fnm, volta, mise, asdf).
pub(super) const DESKTOP_PATH: &str = if cfg!(target_os = "macos") {
    "/usr/bin:/bin:/usr/sbin:/sbin"
} else {
    "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
};

/// The PATH that Claude Desktop starts servers with: on macOS it adds Homebrew's directories, as its log (`paths`)
/// shows.
const CLAUDE_PATH: &str = if cfg!(target_os = "macos") {
    "/usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin"
} else {
    DESKTOP_PATH
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EnvOrigin {
    /// The client is this terminal.
    Here,
    /// The desktop starts the client, which uses the PATH that it gets.
    Desktop,
    /// The desktop starts the client, which asks the user's shell for the PATH.
    AsksShell,
    /// A terminal starts the client, which passes on the SDKs' default variables.
    Terminal,
    /// A terminal starts the client, which passes on everything.
    PassesAll,
}

impl EnvOrigin {
    fn of_client(id: &str) -> Self {
        match id {
            // https://github.com/modelcontextprotocol/servers/issues/64 and
            // https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/869: what version managers add to the PATH is
            // not found.
            "claude-desktop" | "lm-studio" => Self::Desktop,
            // https://developers.openai.com/codex/mcp: `env_vars` names what else to pass on.
            "codex" | "copilot-cli" => Self::Terminal,
            // https://github.com/anthropics/claude-code/issues/28332, https://geminicli.com/docs/tools/mcp-server; OpenCode:
            // packages/opencode/src/mcp/index.ts of anomalyco/opencode (connectLocal).
            "claude-code" | "gemini-cli" | "opencode" => Self::PassesAll,
            // https://github.com/microsoft/vscode/issues/1033, and the editors derived from it; Zed does the same.
            _ => Self::AsksShell,
        }
    }
}

pub(crate) struct ClientEnv {
    vars: Vec<(OsString, OsString)>,
    pub(super) dir: PathBuf,
    origin: EnvOrigin,
    /// Variables of the entry that have no value here.
    pub(crate) unfilled: Vec<Unfilled>,
    /// The values of the entry's variables, which are never shown.
    secrets: Vec<String>,
    /// Values for the names between `${` and `}`.
    known: Env,
    style: VariableStyle,
}

/// A variable of an entry that has no value here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfilled {
    name: String,
    missing: Missing,
}

/// Why a text of an entry cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Missing {
    /// This variable is not set in this terminal.
    Variable(String),
    /// Only the client knows what stands for it.
    ClientsOwn,
}

/// Says which variables have no value here, and why; `None` if all have one.
pub(crate) fn describe_unfilled(unfilled: &[Unfilled], client: &str) -> Option<String> {
    let mut lines = Vec::new();
    let mut unknown = Vec::new();
    for Unfilled { name, missing } in unfilled {
        match missing {
            Missing::ClientsOwn => unknown.push(name.as_str()),
            Missing::Variable(variable) => {
                let variable = if variable == name { "it" } else { variable };
                lines.push(format!("{name} has no value here, because {variable} is not set in this terminal"));
            }
        }
    }
    if !unknown.is_empty() {
        let have = if unknown.len() == 1 { "has" } else { "have" };
        lines.push(format!("{} {have} no value here, because only {client} knows it", unknown.join(", ")));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Says that a server over HTTP cannot be reached for want of a header whose value stands in no file, and what to do.
pub(crate) fn find_missing_header<W: AsRef<OsStr>>(
    words: &[W],
    env: &Env,
    unfilled: &[Unfilled],
    client: &str,
) -> Option<(String, String)> {
    let what = describe_unfilled(unfilled, client)?;
    HttpTarget::from_words(words, env, MAX_MESSAGE)?.err()?;
    HttpTarget::from_words(words, &with_unfilled(env, unfilled), MAX_MESSAGE)?.ok()?;
    let variable = |one: &Unfilled| match &one.missing {
        Missing::Variable(name) => Some(name.clone()),
        Missing::ClientsOwn => None,
    };
    let variables: Vec<_> = unfilled.iter().filter_map(variable).collect();
    let remedy = match variables.is_empty() {
        true => format!("look in {client} whether it reaches the server"),
        false => format!("set {} in this terminal, and run this again", variables.join(" and ")),
    };
    Some((what, remedy))
}

/// The same for whoever is about to start it.
///
/// # Errors
/// Returns an error if a header lacks its value.
pub(crate) fn check_headers(command: &[OsString], env: &Env, unfilled: &[Unfilled]) -> Result<(), ProbeError> {
    let Some((what, remedy)) = find_missing_header(command, env, unfilled, "its client") else { return Ok(()) };
    Err(ServerError { what, printed: String::new(), remedy, stage: ProbeStage::Started, key: None }.into())
}

/// Returns an environment with something in the place of what has no value here.
fn with_unfilled(env: &Env, unfilled: &[Unfilled]) -> Env {
    let all = env.vars().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let unfilled = unfilled.iter().map(|one| (OsString::from(&one.name), OsString::from("unknown")));
    Env::new(all.chain(unfilled), env.working_dir())
}

/// How variables are written in a client's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum VariableStyle {
    /// `${NAME}`.
    Braced,
    /// The same, and `$NAME`.
    Bare,
    /// `{env:NAME}`, and `{file:PATH}`, which only the client reads.
    OpenCode,
}

impl ClientEnv {
    pub(super) fn from_terminal(env: &Env) -> Self {
        Self {
            vars: env.vars().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            dir: env.working_dir().to_owned(),
            origin: EnvOrigin::Here,
            unfilled: Vec::new(),
            secrets: Vec::new(),
            known: env.clone(),
            style: VariableStyle::Braced,
        }
    }

    /// Returns the environment that the entry's client gives to the server.
    pub(crate) fn from_entry(
        id: &str,
        opened: Option<&Opened>,
        (keys, entry): (&[String], &ClientEntry),
        env: &Env,
    ) -> Self {
        let mut given = Self { origin: EnvOrigin::of_client(id), ..Self::from_terminal(env) };
        if given.origin != EnvOrigin::PassesAll {
            given.vars.retain(|(name, _)| PASSED_ON.iter().any(|passed| is_same_variable(name, OsStr::new(passed))));
        }
        if given.origin == EnvOrigin::Desktop {
            if !cfg!(windows) {
                given.set_variable("PATH", if id == "claude-desktop" { CLAUDE_PATH } else { DESKTOP_PATH });
            }
            // These clients start servers in any directory: a relative path must not be found by chance.
            given.dir = env.home().map_or_else(|| PathBuf::from("/"), Path::to_owned);
        }
        given.style = match id {
            // https://geminicli.com/docs/tools/mcp-server: `$VAR_NAME` and `${VAR_NAME}`.
            "gemini-cli" => VariableStyle::Bare,
            // https://opencode.ai/docs/config (Variables).
            "opencode" => VariableStyle::OpenCode,
            _ => VariableStyle::Braced,
        };
        if let Some(opened) = opened {
            let path: Vec<_> = keys.iter().map(String::as_str).chain([entry.name.as_str()]).collect();
            given.add_entry(&opened.document, &path, env);
        }
        if let Some(name) = entry.remote().and_then(RemoteEntry::token_variable) {
            given.pass_on(name, env);
        }
        for (name, written) in entry.remote().into_iter().flat_map(RemoteEntry::variables) {
            match given.fill_in(written) {
                Ok(value) => given.set_secret(name, &value),
                Err(missing) => given.note_unfilled(name, missing),
            }
        }
        given
    }

    fn add_entry(&mut self, document: &ClientDocument, path: &[&str], env: &Env) {
        let Ok(Some(entry)) = document.find_table(path) else { return };
        if let Some(dir) = entry.member("cwd").and_then(DocumentNode::as_text) {
            self.dir = env.working_dir().join(self.fill_in_known(dir));
        }
        // Codex takes the names of further variables to pass on.
        let names = entry.member("env_vars").map(DocumentNode::items).unwrap_or_default();
        names.iter().filter_map(DocumentNode::as_text).for_each(|name| self.pass_on(name, env));
        if let Some(file) = entry.member("envFile").and_then(DocumentNode::as_text) {
            self.add_env_file(file);
        }
        // Zed's older format has the command in an object of its own.
        let key = if self.style == VariableStyle::OpenCode { "environment" } else { "env" };
        let vars = entry.member(key).or_else(|| entry.member("command")?.member("env"));
        for (DocumentKey { name, .. }, node) in vars.map(DocumentNode::members).unwrap_or_default() {
            let written = match &node.value {
                DocumentValue::String(text) => text.as_str(),
                DocumentValue::Table(_) | DocumentValue::Array(_) => continue,
                _ => document.text_of(node.span.clone()),
            };
            match self.fill_in(written) {
                Ok(value) => self.set_secret(name, &value),
                Err(missing) => self.note_unfilled(name, missing),
            }
        }
    }

    /// Passes a variable of the client's on.
    fn pass_on(&mut self, name: &str, env: &Env) {
        match env.var(name) {
            Some(value) => self.vars.push((name.into(), value.to_owned())),
            None => self.note_unfilled(name, Missing::Variable(name.to_owned())),
        }
    }

    fn note_unfilled(&mut self, name: &str, missing: Missing) {
        self.unfilled.push(Unfilled { name: name.to_owned(), missing });
    }

    /// Adds the variables of a file that VS Code and Cursor read: `NAME=VALUE` lines.
    fn add_env_file(&mut self, written: &str) {
        let file = self.known.working_dir().join(self.fill_in_known(written));
        let text = read_bytes(&file, MAX_ENV_FILE).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(text) = text else {
            self.note_unfilled(&format!("envFile {written}"), Missing::ClientsOwn);
            return;
        };
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let line = line.strip_prefix("export ").unwrap_or(line);
            let Some((name, value)) = line.split_once('=') else { continue };
            let value = value.trim();
            let quoted = ['"', '\'', '`'].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
            let value = quoted.unwrap_or_else(|| value.split(" #").next().unwrap_or_default().trim_end());
            self.set_secret(name.trim(), value);
        }
    }

    /// Sets a variable whose value is not shown.
    fn set_secret(&mut self, name: &str, value: &str) {
        // Paths are not secret, and a short value would be found by chance.
        let is_path = Path::new(value).is_absolute() || ["PATH", POLICY_VARIABLE].contains(&name);
        if value.len() >= 6 && !is_path {
            self.secrets.push(value.to_owned());
        }
        self.set_variable(name, value);
    }

    fn set_variable(&mut self, name: &str, value: &str) {
        self.vars.retain(|(other, _)| !is_same_variable(other, OsStr::new(name)));
        self.vars.push((name.into(), value.into()));
    }

    /// Expands a text of the entry as the client does; what cannot be expanded stays.
    pub(crate) fn fill_in_known(&self, text: &str) -> String {
        self.fill_in(text).unwrap_or_else(|_| text.to_owned())
    }

    /// Expands a text of the entry as the client does.
    fn fill_in(&self, text: &str) -> Result<String, Missing> {
        // Claude Desktop and LM Studio expand nothing.
        if self.origin == EnvOrigin::Desktop {
            return Ok(text.to_owned());
        }
        if self.style == VariableStyle::OpenCode {
            return self.fill_in_opencode(text).ok_or(Missing::ClientsOwn);
        }
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            let (name, after) = match after.strip_prefix('{') {
                Some(braced) => braced.split_once('}').ok_or(Missing::ClientsOwn)?,
                None => {
                    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    let end = after.find(|c| !is_part(c)).unwrap_or(after.len());
                    let is_name = end > 0 && !after.starts_with(|c: char| c.is_ascii_digit());
                    if self.style != VariableStyle::Bare || !is_name {
                        out.push('$');
                        rest = after;
                        continue;
                    }
                    after.split_at(end)
                }
            };
            let name = name.strip_prefix("env:").unwrap_or(name);
            let (name, default) = name.split_once(":-").map_or((name, None), |(name, default)| (name, Some(default)));
            let value = match name {
                "workspaceFolder" => Some(self.known.working_dir().as_os_str()),
                "userHome" => self.known.home().map(Path::as_os_str),
                name => self.known.var(name),
            };
            out.push_str(value.and_then(OsStr::to_str).or(default).ok_or_else(|| missing(name))?);
            rest = after;
        }
        Ok(out + rest)
    }

    /// The same for OpenCode, for which a variable that is not set is empty.
    fn fill_in_opencode(&self, text: &str) -> Option<String> {
        if text.contains("{file:") {
            return None;
        }
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("{env:") {
            let (name, after) = after.split_once('}').filter(|(name, _)| !name.is_empty())?;
            out.push_str(before);
            out.push_str(self.known.var(name).and_then(OsStr::to_str).unwrap_or_default());
            rest = after;
        }
        Some(out + rest)
    }

    /// Expands the words of a command, and notes which have a part that only the client knows.
    pub(super) fn fill_in_words(&mut self, words: &[&str]) -> Vec<String> {
        let mut filled = Vec::with_capacity(words.len());
        for word in words {
            let value = self.fill_in(word);
            match &value {
                // What is started has it from the entry itself, and can expand it.
                Err(Missing::Variable(name)) if self.is_set(name) => {}
                // The part alone: the rest of a word may be a secret.
                Err(missing) if self.style == VariableStyle::OpenCode => {
                    self.note_unfilled("{file:…}", missing.clone());
                }
                Err(missing) => {
                    let part = word.split_once('$').map_or("", |(_, rest)| rest.split('}').next().unwrap_or_default());
                    let shown = format!("${part}{}", if part.starts_with('{') { "}" } else { "" });
                    self.note_unfilled(&shown, missing.clone());
                }
                Ok(_) => {}
            }
            filled.push(value.unwrap_or_else(|_| (*word).to_owned()));
        }
        filled
    }

    fn is_set(&self, variable: &str) -> bool {
        self.vars.iter().any(|(name, _)| is_same_variable(name, OsStr::new(variable)))
    }

    pub(super) fn asks_shell(&self) -> bool {
        self.origin == EnvOrigin::AsksShell && !cfg!(windows)
    }

    pub(crate) fn as_env(&self) -> Env {
        match self.origin {
            EnvOrigin::Here => self.known.clone(),
            _ => Env::new(self.vars.iter().cloned(), &self.dir),
        }
    }

    /// The same, with something in the place of what only the client knows.
    pub(super) fn as_filled_env(&self) -> Env {
        with_unfilled(&Env::new(self.vars.iter().cloned(), &self.dir), &self.unfilled)
    }

    pub(crate) fn spawn_env(&self) -> SpawnEnv {
        SpawnEnv { vars: self.vars.clone(), dir: self.dir.clone() }
    }

    /// Returns a text without the values of the entry's variables.
    pub(super) fn hide_secrets(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "…"))
    }
}

/// What is missing where this stands between `${` and `}`.
fn missing(name: &str) -> Missing {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match !name.is_empty() && name.chars().all(is_part) {
        true => Missing::Variable(name.to_owned()),
        false => Missing::ClientsOwn,
    }
}

/// Compares names of variables; Windows ignores case.
fn is_same_variable(one: &OsStr, other: &OsStr) -> bool {
    if cfg!(windows) { one.eq_ignore_ascii_case(other) } else { one == other }
}
