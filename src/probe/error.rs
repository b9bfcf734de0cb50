//! Explains why a server could not be probed, and what to do.

use std::ffi::OsString;
use std::io;

use rmcp::service::ClientInitializeError;

use super::ProbeTarget;
use super::transport::{ProbeLine, Transcript};
use crate::limits::{MAX_OFFER, MAX_OFFER_ITEMS, MAX_OFFER_PAGES, MAX_OFFER_REQUESTS};
use crate::policy::server;
use crate::proxy::StartError;
use crate::proxy::probe_server::ProbeExit;
use crate::shell::Shell;
use crate::visible::{count_of, escape_invisible};
use crate::wire::reply::ErrorCode;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ProbeError {
    #[error("the system cannot provide what is needed to watch a server: {0}")]
    Runtime(#[source] io::Error),
    #[error(transparent)]
    Start(#[from] StartError),
    /// The server was started, but did not list what it offers.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A person or the system asked us to end.
    #[error("interrupted{0}\nwhat to do: run it again")]
    Interrupted(String),
}

/// The error of a server that did not list what it offers: the whole message, in its parts.
#[derive(Debug, thiserror::Error)]
#[error("{what}{printed}\nwhat to do: {remedy}")]
pub(crate) struct ServerError {
    pub(crate) what: String,
    /// The lines that the server printed, each after a newline; empty if there are none.
    pub(crate) printed: String,
    pub(crate) remedy: String,
    pub(crate) stage: ProbeStage,
    /// `Some` if it ended because a key is missing, with the variable that it names for the key.
    pub(crate) key: Option<Option<String>>,
}

/// How far a server came before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProbeStage {
    /// It ended, or announced that, before it opened a session.
    Started,
    /// It runs, but opened no session.
    Silent,
    /// It opened a session, but did not list what it offers.
    Opened,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("it opened no session")]
    Silent,
    #[error("it opened no session: {0}")]
    NoSession(String),
    #[error("it opened a session, and did not list what it offers in time")]
    Slow,
    #[error("it closed the connection before it had answered {0}")]
    Lost(&'static str),
    #[error("it answered {0} with the error {1}: {2}")]
    Refused(&'static str, i32, String),
    /// A server over HTTP gave no answer: what the transport says of it, and what it advises.
    #[error("{0}")]
    Far(String, String),
    #[error("its answer to {0} has no list `{1}`")]
    NoList(&'static str, &'static str),
    #[error("its {0} has more than {MAX_OFFER_ITEMS} items")]
    Items(&'static str),
    #[error("its {0} has more than {MAX_OFFER_PAGES} pages")]
    Pages(&'static str),
    #[error("it wrote more than {MAX_OFFER} bytes before it had answered")]
    Flood,
    #[error("it sent more than {MAX_OFFER_REQUESTS} requests of its own before it had answered")]
    Requests,
    #[error("one of its answers is not a JSON-RPC message")]
    Answer,
    #[error("its answer to {0} cannot be read: {1}")]
    Unreadable(&'static str, String),
    #[error("one of its answers is inside an array (a batch), which no session takes")]
    Batch,
    #[error("one of its answers is not UTF-8, as MCP wants it")]
    Encoding,
}

impl ExchangeError {
    /// An error that was answered to one of our requests.
    pub(super) fn refused(method: &'static str, code: i32, message: String) -> Self {
        Self::read_far(code, &message).unwrap_or(Self::Refused(method, code, message))
    }

    /// The transport's own error, whether it is ours or that of a wrapper behind the command.
    fn read_far(code: i32, message: &str) -> Option<Self> {
        let (what, remedy) =
            message.split_once(" What to do: ").filter(|_| code == ErrorCode::UpstreamFailed.number())?;
        Some(Self::Far(what.trim_end_matches('.').to_owned(), remedy.trim_end_matches('.').to_owned()))
    }
}

impl From<ClientInitializeError> for ExchangeError {
    fn from(error: ClientInitializeError) -> Self {
        if let ClientInitializeError::JsonRpcError(error) = &error
            && let Some(far) = Self::read_far(error.code.0, &error.message)
        {
            return far;
        }
        Self::NoSession(match error {
            ClientInitializeError::JsonRpcError(error) => {
                format!("it answered initialize with the error {}: {}", error.code.0, error.message)
            }
            ClientInitializeError::ConnectionClosed(_) | ClientInitializeError::TransportError { .. } => {
                "it closed the connection".to_owned()
            }
            _ => "its answer to initialize is not valid".to_owned(),
        })
    }
}

pub(super) struct FailedProbe<'f> {
    /// `None` if the exchange was interrupted.
    pub(super) error: Option<ExchangeError>,
    pub(super) gone: ProbeExit,
    pub(super) transcript: &'f Transcript,
    pub(super) stderr: &'f str,
    pub(super) target: &'f ProbeTarget<'f>,
}

impl FailedProbe<'_> {
    pub(super) fn into_error(self) -> ProbeError {
        let command = &self.target.shown;
        if self.gone == ProbeExit::Interrupted {
            return ProbeError::Interrupted(format!(", and the server `{command}` was stopped"));
        }
        let (what, remedy) = self.describe_error(command);
        let key = (matches!(self.gone, ProbeExit::Itself(_)) && asks_for_a_key(self.stderr))
            .then(|| find_key_variable(self.stderr).map(str::to_owned));
        ServerError { what, printed: self.quote_output(), remedy, stage: self.reached_stage(), key }.into()
    }

    fn describe_error(&self, command: &str) -> (String, String) {
        use ExchangeError::{
            Answer, Batch, Encoding, Far, Flood, Items, NoList, Pages, Refused, Requests, Silent, Slow, Unreadable,
        };
        let not_mcp = |otherwise: &str| self.not_mcp_remedy().unwrap_or(otherwise).to_owned();
        let (is_busy, is_none) = if self.is_far() {
            (
                "try again later, or ask whoever runs it",
                "check that the address is that of an MCP server, such as https://HOST/mcp",
            )
        } else {
            (
                "run it once by itself in a terminal: it may have to download something first, or wait for something",
                "check that the command starts a server that speaks MCP over stdio",
            )
        };
        match (&self.gone, self.transcript.abuse.as_ref().or(self.error.as_ref())) {
            (_, Some(Far(what, remedy))) => (escape_invisible(what), escape_invisible(remedy)),
            (_, Some(error @ (Refused(..) | NoList(..) | Unreadable(..)))) => (
                format!(
                    "the server `{command}` does not list what it offers: {}",
                    escape_invisible(&error.to_string())
                ),
                "look for the reason in the server's documentation, or in its output".to_owned(),
            ),
            (_, Some(error @ Encoding)) => (
                format!("the server `{command}` was stopped: {error}"),
                "have it write UTF-8; for a Python server set `PYTHONUTF8=1` in its environment (`env`)".to_owned(),
            ),
            (_, Some(error @ (Items(_) | Pages(_) | Flood | Requests | Answer | Batch))) => (
                format!("the server `{command}` was stopped: {error}"),
                "check that the command is right; a server that does this is broken, or not to be trusted".to_owned(),
            ),
            (_, Some(error @ (Silent | Slow))) => {
                let within = count_of(self.target.patience.as_secs(), "second");
                let did_not = if *error == Silent { "answer" } else { "list what it offers" };
                (format!("the server `{command}` did not {did_not} within {within}"), not_mcp(is_busy))
            }
            // A server that ends once its stdin is closed ends as it should.
            (ProbeExit::Itself(how), error) if error.is_none() || self.transcript.is_closed => (
                format!("the server `{command}` ended before it had listed what it offers: {how}"),
                self.ended_remedy(),
            ),
            (_, None) => (
                format!("the server `{command}` was stopped: its watcher, another process of policylayer, was killed"),
                "run it again, and find out what kills processes on this machine".to_owned(),
            ),
            (_, Some(error)) => (
                format!(
                    "the server `{command}` does not answer as an MCP server does: {}",
                    escape_invisible(&error.to_string())
                ),
                not_mcp(is_none),
            ),
        }
    }

    /// Whether it is reached over HTTP.
    fn is_far(&self) -> bool {
        self.target.command.first().is_some_and(|first| first.to_string_lossy().contains("://"))
    }

    fn reached_stage(&self) -> ProbeStage {
        let is_result = |line: &ProbeLine| matches!(line, ProbeLine::Server(line) if line.windows(8).any(|part| part == b"\"result\""));
        let is_silent = self.error == Some(ExchangeError::Silent);
        match &self.gone {
            // There is nothing that could have started.
            _ if matches!(self.error, Some(ExchangeError::Far(..))) => ProbeStage::Started,
            _ if self.transcript.lines.iter().any(is_result) => ProbeStage::Opened,
            // A server that exits with 0 once its stdin is closed ran until then.
            ProbeExit::Itself(how) if !is_silent && (self.transcript.is_closed || how != "it exited with code 0") => {
                ProbeStage::Started
            }
            _ => ProbeStage::Silent,
        }
    }

    /// Quotes the last lines of its stderr, and the first line of its stdout that is not JSON.
    fn quote_output(&self) -> String {
        let mut out = String::new();
        // npm's notices come after the lines that matter.
        let matters = |line: &&str| !line.is_empty() && !line.starts_with("npm notice");
        let lines: Vec<_> = self.stderr.lines().map(str::trim_end).filter(matters).collect();
        let last = lines.get(lines.len().saturating_sub(SHOWN_LINES)..).unwrap_or_default();
        if !last.is_empty() {
            out.push_str("\nits last lines on stderr:");
            out.extend(last.iter().map(|line| format!("\n  {}", shorten_line(line))));
        }
        if let Some(stray) = &self.transcript.stray {
            out.push_str("\nit printed this on stdout, where only MCP messages may be:");
            out.push_str(&format!("\n  {}", shorten_line(stray)));
        }
        out
    }

    fn not_mcp_remedy(&self) -> Option<&'static str> {
        self.transcript.stray.as_ref()?;
        Some("check that the command starts an MCP server that speaks over stdio, and prints nothing else on stdout")
    }

    fn ended_remedy(&self) -> String {
        if !asks_for_a_key(self.stderr) {
            let remedy = self
                .not_mcp_remedy()
                .unwrap_or("run the command by itself in a terminal, and fix what it complains about");
            return remedy.to_owned();
        }
        let variable = find_key_variable(self.stderr).unwrap_or("NAME_OF_THE_KEY");
        // What its client starts has the variables of its entry, and not those of this terminal.
        let mut remedy = if self.target.spawn_env.is_some() {
            format!("it asks for a key; set {variable} in `env` of its entry in the client's file, and run this again")
        } else {
            format!(
                "it asks for a key; put it into the environment and run this again:\n  {}",
                Shell::current().set_variable(variable, "your-key")
            )
        };
        if server::derive_name(self.target.command).is_some_and(|server| server.as_str() == "iterable") {
            remedy.push_str(
                "\nThis server stores the key that it is given in ~/.iterable-mcp/keys.json, unencrypted, and uses that one \
                 from then on.",
            );
        }
        remedy
    }
}

const SHOWN_LINES: usize = 5;

fn shorten_line(line: &str) -> String {
    const MOST: usize = 300;
    let shown: String = line.chars().take(MOST).collect();
    format!("{}{}", escape_invisible(&shown), if shown.len() < line.len() { "…" } else { "" })
}

pub(crate) fn display_command(command: &[OsString]) -> String {
    let words: Vec<_> = command.iter().map(|word| escape_invisible(&word.to_string_lossy())).collect();
    words.join(" ")
}

fn asks_for_a_key(stderr: &str) -> bool {
    let text = stderr.to_lowercase().replace("unexpected token", "");
    let words = ["api key", "api_key", "api-key", "apikey", "token", "credential", "secret", "password"];
    words.iter().any(|word| text.contains(word))
}

fn find_key_variable(stderr: &str) -> Option<&str> {
    let endings = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIALS"];
    let words = stderr.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let mut words = words.filter(|word| word.contains('_') && !word.contains(|c: char| c.is_ascii_lowercase()));
    words.find(|word| endings.iter().any(|ending| word.ends_with(ending)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_wants_a_key_names_its_variable() {
        let iterable =
            "Error: No API key found. Please run 'iterable-mcp setup' or set ITERABLE_API_KEY environment variable.";
        assert!(asks_for_a_key(iterable));
        assert_eq!(find_key_variable(iterable), Some("ITERABLE_API_KEY"));
        assert_eq!(find_key_variable("Set $GITHUB_PERSONAL_ACCESS_TOKEN."), Some("GITHUB_PERSONAL_ACCESS_TOKEN"));
        assert!(asks_for_a_key("Missing credentials") && find_key_variable("Missing credentials").is_none());
        assert!(!asks_for_a_key("SyntaxError: Unexpected token '}'"));
        assert!(!asks_for_a_key("cannot find module"));
    }
}
