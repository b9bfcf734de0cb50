//! Compiled limits: what is counted, how much of it a window lets through, and for whom.

use std::sync::Arc;

use super::amount::{Amount, AmountError};
use super::condition::{Evaluation, Path};
use super::keys::words::words;
use super::window::Window;

/// The identity of a counter: calls with the same one are counted together.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterId(Arc<str>);

impl CounterId {
    /// Returns the counter of this name in an entry of a server's policy.
    pub fn new(server: &str, entry: &str, name: &str) -> Self {
        // The lengths keep names apart, whatever characters they hold.
        Self(format!("{}:{server}{}:{entry}{name}", server.len(), entry.len()).into())
    }

    /// The key under which stores keep the count.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

words! {
    /// Which calls are counted together.
    pub enum Scope("Scope");
    /// One run of the wrapper.
    "session" => Session,
    /// All wrappers of this server that one process of a client starts.
    "client" => Client,
    /// All wrappers of this server by this user, across restarts.
    "server" | "grant" => Server,
}

/// What happens to a count if the server answers a call with an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// It stays: the call has reached the server.
    #[default]
    Keep,
    /// It is refunded.
    Refund,
}

/// How much one call counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Increment {
    /// The same amount for each call.
    Fixed(Amount),
    /// The amount in an argument.
    From {
        /// The path of that argument.
        path: Path,
        /// Whether the amount may have a fraction.
        units: Units,
    },
}

/// Whether amounts may have a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// Only whole amounts: the limit's `max` is written as an integer.
    Whole,
    /// Up to nine decimals.
    Decimal,
}

impl Increment {
    /// The argument with the amount; `None` if the amount is fixed.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Fixed(_) => None,
            Self::From { path, .. } => Some(path),
        }
    }

    /// Takes the work of [`Increment::amount_for`] from the budget; `None` if it does not suffice.
    pub(super) fn spend_work(&self, evaluation: &Evaluation<'_>) -> Option<()> {
        if let Some(path) = self.path() {
            let _ = path.find_value(evaluation);
        }
        evaluation.spend_work(0)
    }

    /// Returns how much a call with these arguments counts.
    ///
    /// # Errors
    /// Returns an error if the argument is absent or not a number that can be counted. The call is then refused, so
    /// that no argument can lower, skip or break the count.
    pub fn amount_for(&self, arguments: &str) -> Result<Amount, AmountError> {
        match self {
            Self::Fixed(amount) => Ok(*amount),
            Self::From { path, units } => {
                let evaluation = Evaluation::new(arguments.into());
                let json = path.find_value(&evaluation).ok_or(AmountError::NotANumber)?;
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
    /// The counter that it is counted under.
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
    /// What happens if the server answers with an error.
    pub on_error: OnError,
}

impl Limit {
    /// A limit that counts each call as one. An entry gives it its rule and counter.
    pub(super) fn on_calls(max: Amount, window: Window, scope: Scope) -> Self {
        Self {
            rule: String::new(),
            counter: CounterId::default(),
            max,
            window,
            scope,
            increment: Increment::Fixed(Amount::ONE),
            reason: None,
            on_error: OnError::Keep,
        }
    }
}
