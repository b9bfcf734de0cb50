//! Why a server could not be looked at, said so that a person knows what to do.

use std::borrow::Cow;
use std::ffi::OsString;

use super::Chain;
use super::lines::{Kept, Line};
use crate::shell::Shell;
use crate::visible::plural;
use rmcp::service::ClientInitializeError;

use crate::limits::{MAX_OFFER_ITEMS, MAX_OFFER_PAGES};
use crate::policy::server;
use crate::proxy::probe_server::ProbeExit;
use crate::visible::visible;

/// What went wrong while we spoke with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failed {
    #[error("it opened no session")]
    Silent,
    #[error("it opened no session: {0}")]
    NoSession(Cow<'static, str>),
    #[error("it opened a session, and did not list what it offers in time")]
    Slow,
    #[error("it closed the connection before it had answered {method}")]
    Lost { method: &'static str },
    #[error("it answered {method} with the error {code}: {message}")]
    Refused { method: &'static str, code: i32, message: String },
    #[error("its answer to {method} has no list `{key}`")]
    NoList { method: &'static str, key: &'static str },
    #[error("its {method} has more than {MAX_OFFER_ITEMS} items")]
    Items { method: &'static str },
    #[error("its {method} has more than {MAX_OFFER_PAGES} pages")]
    Pages { method: &'static str },
    #[error("its {method} comes back to a page that it has given before")]
    Circle { method: &'static str },
}

impl From<ClientInitializeError> for Failed {
    fn from(error: ClientInitializeError) -> Self {
        Self::NoSession(match error {
            ClientInitializeError::JsonRpcError(error) => {
                Cow::Owned(format!("it answered initialize with the error {}: {}", error.code.0, error.message))
            }
            ClientInitializeError::ConnectionClosed(_) | ClientInitializeError::TransportError { .. } => {
                Cow::Borrowed("it closed the connection")
            }
            _ => Cow::Borrowed("its answer to initialize is none"),
        })
    }
}

/// Why a server could not be looked at: complete, and in its parts.
#[derive(Debug, thiserror::Error)]
#[error("{what}{printed}\nwhat to do: {remedy}")]
pub(crate) struct NoOffer {
    pub(crate) what: String,
    /// What the server has printed, each line after a newline; empty where it printed nothing.
    pub(crate) printed: String,
    pub(crate) remedy: String,
    /// How far it came.
    pub(crate) stage: Stage,
    /// Whether it ended for want of a key, and which variable it names for that.
    pub(crate) key: Option<Option<String>>,
}

/// How far a server came that could not be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It ended, or said that it would, before it had opened a session.
    Started,
    /// It lives, and has opened no session.
    Silent,
    /// It has opened a session, and did not list what it offers.
    Opened,
    /// A person, or the system, wants us to end.
    Interrupted,
}

/// All that is known of a server that could not be looked at.
pub(crate) struct Told<'t> {
    /// `None` where the talk was cut short.
    pub(crate) failed: Option<Failed>,
    pub(crate) gone: ProbeExit,
    pub(crate) kept: &'t Kept,
    pub(crate) stderr: &'t [u8],
    pub(crate) chain: &'t Chain<'t>,
}

impl Told<'_> {
    /// The whole message.
    pub(crate) fn error(&self) -> NoOffer {
        let command = &self.chain.shown;
        let (what, remedy) = match (&self.gone, self.kept.trouble, &self.failed) {
            (ProbeExit::Interrupted, ..) => {
                let what = format!("this was interrupted, and the server `{command}` was stopped");
                return self.told(what, String::new(), "run it again to see what the server offers".to_owned());
            }
            (_, Some(trouble), _) => (
                format!("the server `{command}` was stopped: {trouble}"),
                "see that the command is right; a server that does this is broken, or not to be trusted".to_owned(),
            ),
            (_, None, Some(failed @ (Failed::Refused { .. } | Failed::NoList { .. }))) => (
                format!("the server `{command}` does not tell what it offers: {}", visible(&failed.to_string())),
                "look for the reason in the server's documentation, or in what it printed".to_owned(),
            ),
            (_, None, Some(failed @ (Failed::Items { .. } | Failed::Pages { .. } | Failed::Circle { .. }))) => (
                format!("the server `{command}` was stopped: {failed}"),
                "see that the command is right; a server that does this is broken, or not to be trusted".to_owned(),
            ),
            (_, None, Some(failed @ (Failed::Silent | Failed::Slow))) => {
                let within = plural(self.chain.patience.as_secs(), "second");
                let what = match failed {
                    Failed::Silent => format!("the server `{command}` did not answer within {within}"),
                    _ => format!("the server `{command}` did not list what it offers within {within}"),
                };
                (what, self.not_mcp().unwrap_or_else(|| "run it once by itself in a terminal: it may have to download something first, or wait for something".to_owned()))
            }
            // One that ends once its stdin is closed has ended as it should.
            (ProbeExit::Itself(how), None, _) if self.failed.is_none() || self.kept.is_closed => {
                (format!("the server `{command}` ended before it had told what it offers: {how}"), self.ended_remedy())
            }
            (_, None, None) => (
                format!("the server `{command}` was stopped: its watcher, another process of policylayer, was ended"),
                "run it again, and see what ends processes on this machine".to_owned(),
            ),
            (_, None, Some(failed)) => {
                let why = failed.to_string();
                let remedy = self.not_mcp();
                (
                    format!("the server `{command}` does not answer as an MCP server does: {}", visible(&why)),
                    remedy.unwrap_or_else(|| {
                        "see that the command starts a server that speaks MCP over stdio".to_owned()
                    }),
                )
            }
        };
        self.told(what, self.printed(), remedy)
    }

    fn told(&self, what: String, printed: String, remedy: String) -> NoOffer {
        let is_answer =
            |line: &Line| matches!(line, Line::Server(line) if line.windows(8).any(|part| part == b"\"result\""));
        // One that ends well once its stdin is closed has lived until then.
        let is_silent = matches!(self.failed, Some(Failed::Silent));
        let stage = match &self.gone {
            ProbeExit::Interrupted => Stage::Interrupted,
            _ if self.kept.lines.iter().any(is_answer) => Stage::Opened,
            ProbeExit::Itself(how) if !is_silent && (self.kept.is_closed || how != "it exited with code 0") => {
                Stage::Started
            }
            _ => Stage::Silent,
        };
        let text = String::from_utf8_lossy(self.stderr);
        let is_key = matches!(self.gone, ProbeExit::Itself(_)) && asks_for_a_key(&text);
        let key = is_key.then(|| variable(&text).map(str::to_owned));
        NoOffer { what, printed, remedy, stage, key }
    }

    /// The last lines of its stderr, and the first of its stdout that is no protocol.
    fn printed(&self) -> String {
        let mut out = String::new();
        let text = String::from_utf8_lossy(self.stderr);
        // npm's news stand after what matters.
        let matters = |line: &&str| !line.is_empty() && !line.starts_with("npm notice");
        let lines: Vec<_> = text.lines().map(str::trim_end).filter(matters).collect();
        let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
        if !last.is_empty() {
            out.push_str("\nthe last that it printed on stderr:");
            for line in last {
                out.push_str(&format!("\n  {}", short(line)));
            }
        }
        if let Some(stray) = &self.kept.stray {
            out.push_str(&format!("\nit printed on stdout, where only MCP messages may be:\n  {}", short(stray)));
        }
        out
    }

    fn not_mcp(&self) -> Option<String> {
        self.kept.stray.as_ref()?;
        let remedy =
            "see that the command starts an MCP server that speaks over stdio, and prints nothing else on stdout";
        Some(remedy.to_owned())
    }

    fn ended_remedy(&self) -> String {
        let text = String::from_utf8_lossy(self.stderr);
        if !asks_for_a_key(&text) {
            return self.not_mcp().unwrap_or_else(|| {
                "run the command by itself in a terminal, and mend what it complains of".to_owned()
            });
        }
        let variable = variable(&text).unwrap_or("NAME_OF_THE_KEY");
        let mut remedy = format!(
            "it asks for a key; put it into the environment and run the same again:\n  {}",
            Shell::current().set_variable(variable, "your-key")
        );
        if server::derive(self.chain.command).is_some_and(|server| server.as_str() == "iterable") {
            remedy.push_str(
                "\nThis server stores the key that it is given in ~/.iterable-mcp/keys.json, unencrypted, and uses that one \
                 from then on.",
            );
        }
        remedy
    }
}

/// How many lines of a server's stderr are shown.
const LINES: usize = 5;

/// A line that a server printed, as a terminal may show it.
fn short(line: &str) -> String {
    const MOST: usize = 300;
    let shown: String = line.chars().take(MOST).collect();
    format!("{}{}", visible(&shown), if shown.len() < line.len() { "…" } else { "" })
}

/// A command as a terminal may show it.
pub(crate) fn shown(command: &[OsString]) -> String {
    let words: Vec<_> = command.iter().map(|word| visible(&word.to_string_lossy())).collect();
    words.join(" ")
}

/// Whether a server that ended did so for want of a key.
fn asks_for_a_key(stderr: &str) -> bool {
    let text = stderr.to_lowercase().replace("unexpected token", "");
    let words = ["api key", "api_key", "api-key", "apikey", "token", "credential", "secret", "password"];
    words.iter().any(|word| text.contains(word))
}

/// The variable that it names for its key.
fn variable(stderr: &str) -> Option<&str> {
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
        assert_eq!(variable(iterable), Some("ITERABLE_API_KEY"));
        assert_eq!(variable("Set $GITHUB_PERSONAL_ACCESS_TOKEN."), Some("GITHUB_PERSONAL_ACCESS_TOKEN"));
        assert!(asks_for_a_key("Missing credentials") && variable("Missing credentials").is_none());
        assert!(!asks_for_a_key("SyntaxError: Unexpected token '}'"));
        assert!(!asks_for_a_key("cannot find module"));
    }
}
