//! The words of the language: which keys stand where.

use super::diagnostic::{Diagnostic, quote};
use super::source::Span;

/// The keys of a kind of table.
pub(crate) struct Keys {
    /// What the table is called in messages.
    pub(crate) of: &'static str,
    /// The keys that it takes.
    pub(crate) known: &'static [&'static str],
}

/// The document itself.
pub(crate) const DOCUMENT: Keys = Keys {
    of: "a policy",
    known: &["version", "description", "default", "unlisted", "hide", "all_tools", "classes", "tools", "$schema"],
};

/// An entry under `tools` or `classes`.
pub(super) const ENTRY: Keys = Keys {
    of: "an entry",
    known: &[
        "action",
        "reason",
        "on_deny",
        "rate_limit",
        "limits",
        "spend_limit",
        "amount_from",
        "deny_if",
        "require",
        "approve_if",
        "rules",
        "class",
        "approval_timeout",
        "approval_scope",
    ],
};

/// `all_tools`, and `tools."*"`, which is the same.
pub(super) const ALL_TOOLS: Keys = Keys {
    of: "`all_tools`",
    known: &[
        "reason",
        "on_deny",
        "rate_limit",
        "limits",
        "spend_limit",
        "amount_from",
        "deny_if",
        "require",
        "approve_if",
        "rules",
        "approval_timeout",
        "approval_scope",
    ],
};

/// A limit.
pub(super) const LIMIT: Keys = Keys {
    of: "a limit",
    known: &[
        "max",
        "window",
        "scope",
        "counter",
        "increment",
        "increment_from",
        "align",
        "reason",
        "on_deny",
        "refund_on_error",
    ],
};

/// A group of conditions.
pub(super) const GROUP: Keys =
    Keys { of: "a group of conditions", known: &["conditions", "match", "reason", "on_deny"] };

/// A condition.
pub(super) const CONDITION: Keys = Keys { of: "a condition", known: &["path", "op", "value"] };

/// One of Intercept's rules.
pub(super) const RULE: Keys = Keys {
    of: "a rule",
    known: &[
        "name",
        "action",
        "conditions",
        "match",
        "reason",
        "on_deny",
        "rate_limit",
        "spend_limit",
        "amount_from",
        "state",
    ],
};

/// The counter of one of Intercept's rules.
pub(super) const STATE: Keys =
    Keys { of: "the state of a rule", known: &["counter", "window", "increment", "increment_from"] };

impl Keys {
    /// The error for a key that the table does not take.
    pub(super) fn reject(&self, key: &str, span: Span) -> Diagnostic {
        let error = Diagnostic::error("unknown-key", span, format!("{} has no key {}", self.of, quote(key)));
        if key == "when" {
            return error.hint("`when` is reserved: write conditions under `deny_if`, `require` or `approve_if`");
        }
        if let Some(elsewhere) =
            [DOCUMENT, ENTRY, LIMIT, GROUP, CONDITION].iter().find(|other| other.known.contains(&key))
        {
            return error.hint(match elsewhere.of {
                of if of == ENTRY.of => "it belongs to an entry: put it under `tools` and the tool's name".to_owned(),
                of if of == DOCUMENT.of => "it belongs at the top of the policy, outside `tools`".to_owned(),
                of => format!("it belongs to {of}"),
            });
        }
        match nearest(key, self.known.iter().copied()) {
            Some(known) => error.hint(format!("did you mean `{known}`?")),
            None => error.hint(format!("its keys are {}", list(self.known))),
        }
    }

    /// The same in a document that is no policy, and whose other tables are those `elsewhere`.
    pub(crate) fn reject_among(&self, elsewhere: &[&Keys], key: &str, span: Span) -> Diagnostic {
        let error = Diagnostic::error("unknown-key", span, format!("{} has no key {}", self.of, quote(key)));
        let belongs = elsewhere.iter().find(|other| other.known.contains(&key));
        error.hint(match (belongs, nearest(key, self.known.iter().copied())) {
            (Some(other), _) => format!("it belongs to {}", other.of),
            (None, Some(known)) => format!("did you mean `{known}`?"),
            (None, None) => format!("its keys are {}", list(self.known)),
        })
    }
}

/// The known word that is most probably meant by `word`, whatever its case.
pub(crate) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
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
