//! Words that a key accepts, the nearest one to a misspelt word, and lists of words in messages.

use std::fmt::Display;

use serde_json::json;

use super::{FromDocument, ValueKind, join_lines, read_text, wrong_type};
use crate::policy::diagnostic::{Report, quote_for_message};
use crate::policy::tree::DocumentNode;

/// A value that is one of a few words.
pub(crate) trait Words: Copy + 'static {
    /// The name in the JSON Schema.
    const DEFINITION: &'static str;
    /// The words, each with its value and the lines of its doc comment.
    const WORDS: &'static [(&'static str, Self, &'static [&'static str])];
}

impl<T: Words> FromDocument for T {
    fn value_kind() -> ValueKind {
        ValueKind::new(one_of(T::WORDS.iter().map(|(word, ..)| format!("`\"{word}\"`"))), T::DEFINITION, |_| {
            let one = |(word, _, doc): &(&str, T, &[&str])| {
                let doc = join_lines(doc);
                json!({ "type": "string", "const": word, "description": doc })
            };
            json!({ "oneOf": T::WORDS.iter().map(one).collect::<Vec<_>>() })
        })
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let known = || one_of(T::WORDS.iter().map(|(word, ..)| format!("\"{word}\"")));
        if node.as_text().is_none() {
            report.push(wrong_type(node, what, &known()).with_hint(format!("write {}", known())));
            return None;
        }
        read_text(node, what, report, |text| {
            if let Some((_, value, _)) = T::WORDS.iter().find(|(word, ..)| *word == text) {
                return Ok(*value);
            }
            let message = format!("{what} is {}, not {}", known(), quote_for_message(text));
            Err(match nearest_word(text, T::WORDS.iter().map(|(word, ..)| *word)) {
                Some(word) => ("bad-value", message, format!("did you mean \"{word}\"?")),
                None => ("bad-value", message, format!("write {}", known())),
            })
        })
    }
}

/// Declares an enum whose variants are words, with `ALL`, `as_str` and `Display`.
macro_rules! word_enum {
    (
        $(#[doc = $doc:literal])* $(#[derive($($Derive:ident),*)])? $vis:vis enum $Name:ident;
        $($(#[doc = $word_doc:literal])* $(@$default:ident)? $word:literal => $Variant:ident,)*
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, $($($Derive,)*)? PartialEq, Eq, Hash)]
        $vis enum $Name {
            $($(#[doc = $word_doc])* $(#[$default])? $Variant,)*
        }

        impl $Name {
            /// All of them, in the order of the documentation.
            #[allow(dead_code, reason = "not every enum of words is listed")]
            $vis const ALL: [Self; [$($word),*].len()] = [$(Self::$Variant),*];

            /// The word in documents, messages and logs.
            $vis const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Variant => $word,)*
                }
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// Declares the words of a key: as an enum, or (`for`) for an enum that is declared elsewhere. The name in the JSON
/// Schema is in parentheses. An alias follows its word after `|`.
macro_rules! words {
    (for $Name:ident($definition:literal); $($(#[doc = $doc:literal])* $word:literal => $Variant:ident,)*) => {
        impl $crate::policy::keys::words::Words for $Name {
            const DEFINITION: &'static str = $definition;
            const WORDS: &'static [(&'static str, Self, &'static [&'static str])] =
                &[$(($word, Self::$Variant, &[$($doc),*])),*];
        }
    };
    (
        $(#[doc = $doc:literal])* $(#[derive($($Derive:ident),*)])? $vis:vis enum $Name:ident($definition:literal);
        $($(#[doc = $word_doc:literal])* $(@$default:ident)? $word:literal $(| $alias:literal)? => $Variant:ident,)*
    ) => {
        $crate::policy::keys::words::word_enum! {
            $(#[doc = $doc])* $(#[derive($($Derive),*)])? $vis enum $Name;
            $($(#[doc = $word_doc])* $(@$default)? $word => $Variant,)*
        }

        impl $crate::policy::keys::words::Words for $Name {
            const DEFINITION: &'static str = $definition;
            const WORDS: &'static [(&'static str, Self, &'static [&'static str])] = &[
                $(
                    ($word, Self::$Variant, &[$($word_doc),*]),
                    $(($alias, Self::$Variant, &[concat!("The same as \"", $word, "\".")]),)?
                )*
            ];
        }
    };
}

pub(crate) use {word_enum, words};

/// Returns the known word that `word` most probably means, whatever its case.
pub(crate) fn nearest_word<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    // Long words cannot be near, and comparing them takes long.
    const LONGEST: usize = 128;
    if word.len() > LONGEST {
        return None;
    }
    let plain = |word: &str| word.to_lowercase().replace('-', "_");
    let lower = plain(word);
    let allowed = (lower.chars().count() / 3).clamp(1, 4);
    known
        .map(|known| (strsim::damerau_levenshtein(&lower, &plain(known)), known))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Formats words as a list for messages: `a`, `b` and `c`.
pub(crate) fn list_words(words: &[impl Display]) -> String {
    join_words(words.iter().map(|word| format!("`{word}`")), "and")
}

/// Formats a choice for messages: `a`, `b` or `c`.
pub(crate) fn one_of(words: impl Iterator<Item = String>) -> String {
    join_words(words, "or")
}

fn join_words(words: impl Iterator<Item = String>, before_last: &str) -> String {
    let words: Vec<String> = words.collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} {before_last} {last}", rest.join(", ")),
        _ => words.concat(),
    }
}
