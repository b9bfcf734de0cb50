//! The key of a server in a client's file, as people see it and type it.
//!
//! A key can be any text. What cannot be typed has its code, as in `\u{1b}`, and so has a hyphen at its beginning, which would
//! make an option of it. Commands that name a server take both its key and this spelling.

use crate::limits::MAX_QUOTED;
use crate::shell::as_word;
use crate::visible::{escape_invisible, shorten};

/// Returns a key as a word of a command that a person is told to run.
pub(crate) fn key_word(key: &str) -> String {
    as_word(&spell_key(key))
}

/// As [`key_word`], behind `policylayer lock`, where `diff` and `accept` are commands.
pub(crate) fn lock_word(key: &str) -> String {
    if matches!(key, "diff" | "accept") { format!("--server {key}") } else { key_word(key) }
}

/// Returns a key to name it in a sentence or a table.
pub(crate) fn visible_key(key: &str) -> String {
    if key.is_empty() { "\"\"".to_owned() } else { escape_invisible(&shorten(key, MAX_QUOTED)) }
}

/// Returns the key that a person means: the one that is spelled so, or else what was typed.
pub(crate) fn find_key<'k>(typed: &'k str, mut keys: impl Iterator<Item = &'k str>) -> &'k str {
    keys.find(|key| spell_key(key) == typed).unwrap_or(typed)
}

/// Whether this is a key, or how it is spelled.
pub(crate) fn is_key(typed: &str, key: &str) -> bool {
    typed == key || typed == spell_key(key)
}

fn spell_key(key: &str) -> String {
    // No key has the spelling of another one.
    let visible = escape_invisible(&key.replace("\\u{", "\\u{5c}u{"));
    visible.strip_prefix('-').map_or_else(|| visible.clone(), |rest| format!("\\u{{2d}}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_spelled_so_that_it_can_be_typed() {
        for (key, spelled, shown) in [
            ("my shop", "my shop", "my shop"),
            ("--all", "\\u{2d}-all", "--all"),
            ("", "", "\"\""),
            ("\u{1b}[31mred\u{7}", "\\u{1b}[31mred\\u{7}", "\\u{1b}[31mred\\u{7}"),
            ("rtl\u{202e}gnp", "rtl\\u{202e}gnp", "rtl\\u{202e}gnp"),
            ("n\n2", "n\\u{a}2", "n\\u{a}2"),
        ] {
            assert_eq!((spell_key(key).as_str(), visible_key(key).as_str()), (spelled, shown));
            assert!(is_key(spelled, key) && is_key(key, key));
            assert_eq!(find_key(spelled, ["other", key].into_iter()), key);
        }
        for keys in [["--all", "\\u{2d}-all"], ["\\u{2d}-all", "--all"]] {
            assert_eq!(find_key("\\u{2d}-all", keys.into_iter()), "--all");
            assert_eq!(find_key("\\u{5c}u{2d}-all", keys.into_iter()), "\\u{2d}-all");
        }
        assert_eq!(find_key("\\u{2d}-all", ["\\u{2d}-all"].into_iter()), "\\u{2d}-all", "there is no other");
        assert_eq!(visible_key(&"long".repeat(200)).chars().count(), MAX_QUOTED + 1);
    }
}
