//! Why a tool has its class, in one sentence. It is written out where somebody reads it.

use std::fmt;

use crate::visible::escape_invisible;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason<'t> {
    /// The name has a word, and what is to be said besides.
    Word(&'t str, &'static str),
    /// The title or the description says something.
    Says {
        what: &'static str,
        words: &'t str,
    },
    /// It has an argument of this name.
    Takes(&'t str),
    /// An argument can have a value.
    CanBe {
        argument: &'t str,
        value: &'t str,
    },
    Fixed(&'static str),
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Word(word, besides) => write!(f, "Its name has the word \"{}\".{besides}", quote_for_reason(word)),
            Self::Says { what, words } => write!(f, "Its {what} says \"{}\".", quote_for_reason(words)),
            Self::Takes(argument) => write!(f, "It takes the argument \"{}\".", quote_for_reason(argument)),
            Self::CanBe { argument, value } => {
                let (argument, value) = (quote_for_reason(argument), quote_for_reason(value));
                write!(f, "Its argument \"{argument}\" can be \"{value}\".")
            }
            Self::Fixed(reason) => f.write_str(reason),
        }
    }
}

/// Quotes the server's words in a sentence of ours: short, and without terminal control characters.
pub(super) fn quote_for_reason(text: &str) -> String {
    const MOST: usize = 48;
    let shown: String = text.chars().take(MOST).collect();
    let cut = if shown.len() < text.len() { "…" } else { "" };
    format!("{}{cut}", escape_invisible(&shown))
}
