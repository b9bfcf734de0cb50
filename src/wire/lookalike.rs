//! Keys that one parser takes for a protocol key and another does not.
//!
//! Go's decoder before 1.3.1 of its MCP SDK matched keys without regard to case and folded U+017F and U+212A
//! (CVE-2026-27896); others fold as Unicode does, or as Java's `equalsIgnoreCase` does, or cut a key at U+0000
//! (GHSA-q382-vc8q-7jhj), or leave out a lone surrogate, which is U+FFFD here. A key that equals a protocol key under
//! any of these, but not exactly, is a look-alike.

use super::fold::{fold, may_fold_to_ascii};

/// How a key relates to a list of protocol keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// The key is this protocol key.
    Is(&'static str),
    /// Some parser takes the key for this protocol key.
    Like(&'static str),
    /// The key is another one.
    Other,
}

/// Compares a decoded `key` with protocol keys.
pub fn compare_key(key: &str, protocol_keys: &[&'static str]) -> Likeness {
    if let Some(name) = protocol_keys.iter().find(|name| **name == key) {
        return Likeness::Is(name);
    }
    if key.bytes().all(|byte| byte.is_ascii_graphic()) && !protocol_keys.iter().any(|name| name.len() == key.len()) {
        // Plain text is like nothing of another length.
        return Likeness::Other;
    }
    match protocol_keys.iter().find(|name| is_alike(key, name)) {
        Some(name) => Likeness::Like(name),
        None => Likeness::Other,
    }
}

/// Returns whether some parser takes `text` for `name`; also true if they are equal.
pub fn is_alike(text: &str, name: &str) -> bool {
    let cut = text.split('\0').next().unwrap_or_default();
    if cut.bytes().all(|byte| byte.is_ascii_graphic()) && name.is_ascii() {
        return cut.eq_ignore_ascii_case(name);
    }
    // To some parsers a lone surrogate, which is U+FFFD here, is no character.
    if name.is_ascii() && !cut.chars().all(may_become_ascii) {
        return false;
    }
    fold(&cut.replace(char::REPLACEMENT_CHARACTER, "")) == fold(name)
}

/// Whether some parser may make ASCII of a character, or leave it out. If not, what holds it is like no ASCII name.
pub(crate) fn may_become_ascii(c: char) -> bool {
    c == char::REPLACEMENT_CHARACTER || may_fold_to_ascii(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_some_parser_takes_for_a_protocol_key() {
        for key in [
            "Method",
            "METHOD",
            "method\0",
            "method\0x",
            "Method\0",
            "ｍethod",
            "id\0",
            "ID",
            "ıd",
            "İd",
            "paramſ",
            "PARAMS",
            "reﬆate",
            "i\u{fffd}d",
            "id ",
            "\tparams",
            "me\u{200b}thod",
            "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}Params",
        ] {
            let names = ["method", "id", "params", "restate"];
            assert!(matches!(compare_key(key, &names), Likeness::Like(_)), "{key:?}");
        }
        assert_eq!(compare_key("to\u{212a}en", &["token"]), Likeness::Like("token"));
    }

    #[test]
    fn keys_that_are_others() {
        for key in ["", "methods", "meth", "me thod", "Methöd", "identity", "\0id", "мethod", "progressToken"] {
            assert_eq!(compare_key(key, &["method", "id", "params"]), Likeness::Other, "{key:?}");
        }
        assert_eq!(compare_key("id", &["method", "id"]), Likeness::Is("id"));
    }
}
