//! Limits, compiled: what is counted, how much of it a window lets through, and for whom.

use std::sync::Arc;

use super::amount::{Amount, AmountError};
use super::condition::Path;
use super::keys::words::words;
use super::window::Window;

/// The name of a counter: the same name is the same count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterId(Arc<str>);

impl CounterId {
    /// The counter of this name in an entry of a server's policy.
    pub fn new(server: &str, entry: &str, name: &str) -> Self {
        // With the lengths, no names run into each other, whatever they hold.
        Self(format!("{}:{server}{}:{entry}{name}", server.len(), entry.len()).into())
    }

    /// The name, as stores keep it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

words! {
    /// Which calls are counted together.
    pub enum Scope("Scope");
    /// One run of the wrapper.
    "session" => Session,
    /// All wrappers of this server by this user, across restarts.
    "server" | "grant" => Server,
}

/// What happens to a count where the server answers a call with an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// It stays: the call has reached the server.
    #[default]
    Keep,
    /// It is returned.
    Refund,
}

/// How much one call counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Increment {
    /// The same for each call.
    Fixed(Amount),
    /// What an argument says.
    From {
        /// Where the amount stands in the arguments.
        path: Path,
        /// Whether it may have a fraction.
        units: Units,
    },
}

/// Whether amounts may have a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// Whole ones only: the limit's `max` is written as an integer.
    Whole,
    /// Up to nine decimals.
    Decimal,
}

impl Increment {
    /// The argument that says it, where one does.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Fixed(_) => None,
            Self::From { path, .. } => Some(path),
        }
    }

    /// How much a call with these arguments counts.
    ///
    /// # Errors
    /// When the argument is absent, or no number that can be counted: then the call is refused, since a count that an
    /// argument can lower, skip or break is none.
    pub fn amount_for(&self, arguments: &str) -> Result<Amount, AmountError> {
        match self {
            Self::Fixed(amount) => Ok(*amount),
            Self::From { path, units } => {
                let json = path.find_value(arguments).ok_or(AmountError::NotANumber)?;
                match units {
                    Units::Whole => Amount::parse_whole(json),
                    Units::Decimal => Amount::parse(json),
                }
            }
        }
    }
}

/// One limit of an entry.
#[derive(Clone, Debug)]
pub struct Limit {
    /// The limit's path in the document, such as `tools.start_export_job.rate_limit`.
    pub rule: String,
    /// What is counted.
    pub counter: CounterId,
    /// How much a window lets through.
    pub max: Amount,
    /// The window.
    pub window: Window,
    /// Which calls are counted together.
    pub scope: Scope,
    /// How much one call counts.
    pub increment: Increment,
    /// The reason that the agent gets.
    pub reason: Option<String>,
    /// What happens where the server answers with an error.
    pub on_error: OnError,
}
