//! The words of the language: which keys stand where, and which of them this version does not enforce yet.

use super::diagnostic::{Diagnostic, quote};
use super::source::Span;

/// The keys of a kind of table.
pub(super) struct Keys {
    /// What the table is called in messages.
    pub(super) of: &'static str,
    /// The keys that this version enforces.
    pub(super) known: &'static [&'static str],
    /// The keys of the language that this version does not enforce. A document that has one is refused as a whole:
    /// half a policy would look like protection and be none.
    pub(super) later: &'static [&'static str],
}

/// The document itself.
pub(super) const DOCUMENT: Keys = Keys {
    of: "a policy",
    known: &["version", "description", "default", "unlisted", "hide", "tools", "$schema"],
    later: &["all_tools", "classes"],
};

/// An entry under `tools`.
pub(super) const ENTRY: Keys = Keys {
    of: "an entry",
    known: &["action", "reason", "on_deny"],
    later: &[
        "rate_limit",
        "limits",
        "deny_if",
        "require",
        "approve_if",
        "rules",
        "class",
        "approval_timeout",
        "spend_limit",
        "amount_from",
        "refund_on_error",
        "when",
    ],
};

impl Keys {
    /// The error for a key that the table does not take.
    pub(super) fn reject(&self, key: &str, span: Span) -> Diagnostic {
        if self.later.contains(&key) {
            return not_enforced(&quote(key), span);
        }
        let error = Diagnostic::error("unknown-key", span, format!("{} has no key {}", self.of, quote(key)));
        let elsewhere = if self.of == DOCUMENT.of { &ENTRY } else { &DOCUMENT };
        if elsewhere.known.contains(&key) || elsewhere.later.contains(&key) {
            return error.hint(if elsewhere.of == ENTRY.of {
                "it belongs to an entry: put it under `tools` and the tool's name"
            } else {
                "it belongs at the top of the policy, outside `tools`"
            });
        }
        match nearest(key, self.known.iter().chain(self.later).copied()) {
            Some(known) => error.hint(format!("did you mean `{known}`?")),
            None => error.hint(format!("its keys are {}", list(self.known))),
        }
    }
}

/// The error for a word of the language that this version cannot keep.
pub(super) fn not_enforced(what: &str, span: Span) -> Diagnostic {
    Diagnostic::error("not-enforced", span, format!("this version of policylayer does not enforce {what} yet")).hint(
        "the whole policy is refused rather than half enforced: take it out, or use `action` with \"deny\" or \"hide\"",
    )
}

/// The known word that is most probably meant by `word`, whatever its case.
pub(super) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    // Long words cannot be near; measuring them would take long.
    const LONGEST: usize = 128;
    if word.len() > LONGEST {
        return None;
    }
    let lower = word.to_lowercase().replace('-', "_");
    let allowed = (lower.chars().count() / 3).clamp(1, 4);
    known
        .map(|known| (strsim::damerau_levenshtein(&lower, &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Words as a list for messages: `a`, `b` and `c`.
pub(super) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}
