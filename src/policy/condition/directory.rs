//! Whether a path stays inside a directory, by its text alone: it asks no file system and follows no link.
//!
//! It resolves `.`, `..` and doubled separators; both `/` and `\` separate. A server may resolve some paths in another
//! way than their text says. Such a path is refused, whichever way a rule tests it: one from another root (relative, if
//! the directory is absolute), one that climbs above its start, percent escapes, control characters, URLs, drives
//! without a root or further down, characters that some system takes for a separator, names that are only dots and
//! blanks once ignorable characters are left out, and names that differ from the directory's only in case, in form, or
//! in what Windows drops at their ends.

use std::borrow::Cow;

use crate::limits::MAX_JUDGED_PATH;
use crate::wire::fold::fold;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::policy) struct Directory {
    root: Root,
    names: Vec<String>,
    backslash: Backslash,
}

/// Whether a backslash is a separator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backslash {
    /// The directory is a Windows path.
    Separates,
    /// The server may run on a system where a backslash is part of a name, so both readings have to agree.
    Perhaps,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Root {
    Relative,
    /// `/`
    Slash,
    /// `//` or `\\`: a network share on Windows.
    Share,
    /// `C:\`, with the letter in lower case.
    Drive(char),
    /// `~` or `~name`.
    Home(String),
}

const BOTH: &[char] = &['/', '\\'];
const SLASH: &[char] = &['/'];

impl Directory {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (root, names) = resolve_path(text, BOTH)?;
        let windows = text.contains('\\') || matches!(root, Root::Share | Root::Drive(_));
        Some(Self {
            root,
            names: names.into_iter().map(str::to_owned).collect(),
            backslash: if windows { Backslash::Separates } else { Backslash::Perhaps },
        })
    }

    /// Whether the path is the directory or inside it; `None` if that cannot be decided.
    pub(super) fn contains_path(&self, path: &str) -> Option<bool> {
        if path.len() > MAX_JUDGED_PATH {
            return None;
        }
        let inside = self.holds_read_with(path, BOTH)?;
        if self.backslash == Backslash::Perhaps && path.contains('\\') && self.holds_read_with(path, SLASH)? != inside {
            return None;
        }
        Some(inside)
    }

    fn holds_read_with(&self, path: &str, separators: &[char]) -> Option<bool> {
        let (root, names) = resolve_path(path, separators)?;
        if root != self.root {
            return None;
        }
        let Some(start) = names.get(..self.names.len()) else { return Some(false) };
        let pairs = || self.names.iter().zip(start);
        if pairs().all(|(own, other)| own == other) {
            Some(true)
        } else if pairs().all(|(own, other)| own == other || fold_name(own) == fold_name(other)) {
            None
        } else {
            Some(false)
        }
    }
}

/// Folds a name like a file system that ignores case and characters that show nothing, and drops the stream and what
/// Windows drops from the end.
fn fold_name(name: &str) -> Cow<'_, str> {
    let end = |name: &str| name.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']).len();
    match fold(name) {
        Cow::Borrowed(name) => Cow::Borrowed(name.get(..end(name)).unwrap_or_default()),
        Cow::Owned(mut name) => {
            name.truncate(end(&name));
            Cow::Owned(name)
        }
    }
}

fn resolve_path<'p>(path: &'p str, separators: &[char]) -> Option<(Root, Vec<&'p str>)> {
    if path.is_empty()
        || path.contains(|c: char| c.is_control() || is_separator_somewhere(c))
        || has_percent_escape(path)
    {
        return None;
    }
    let (root, rest) = split_root(path, separators)?;
    let mut names = Vec::new();
    for name in rest.split(separators) {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()?),
            name if is_ambiguous(name) => return None,
            name => names.push(name),
        }
    }
    Some((root, names))
}

/// Whether a server may take the name for `.`, `..`, a drive, or several names.
fn is_ambiguous(name: &str) -> bool {
    let starts_with_drive = matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    if starts_with_drive || fold_name(name).is_empty() {
        return true;
    }
    let folded = fold(name);
    let count_separators = |text: &str| text.matches(BOTH).count();
    !name.is_ascii() && (has_percent_escape(&folded) || count_separators(&folded) > count_separators(name))
}

fn split_root<'p>(path: &'p str, separators: &[char]) -> Option<(Root, &'p str)> {
    if let Some(rest) = path.strip_prefix(separators) {
        return Some((if rest.starts_with(separators) { Root::Share } else { Root::Slash }, rest));
    }
    let end = path.find(separators).unwrap_or(path.len());
    let (first, rest) = path.split_at(end);
    let mut chars = first.chars();
    match (chars.next(), chars.next(), chars.next()) {
        (Some(letter), Some(':'), None) if letter.is_ascii_alphabetic() && !rest.is_empty() => {
            Some((Root::Drive(letter.to_ascii_lowercase()), rest))
        }
        (Some('~'), ..) => Some((Root::Home(first.to_owned()), rest)),
        // A URL, a stream, or a path relative to a drive's own working directory.
        _ if first.contains(':') => None,
        _ => Some((Root::Relative, path)),
    }
}

/// Whether the character becomes a dot or a separator under Unicode normalization, or under a code page of Windows, which
/// takes the yen and won signs and slashes of mathematics for separators.
fn is_separator_somewhere(c: char) -> bool {
    matches!(
        c,
        '\u{2024}'
            | '\u{2025}'
            | '\u{fe52}'
            | '\u{fe68}'
            | '\u{ff0e}'
            | '\u{ff0f}'
            | '\u{ff3c}'
            | '\u{a5}'
            | '\u{20a9}'
            | '\u{2044}'
            | '\u{2215}'
            | '\u{2216}'
            | '\u{29f5}'
            | '\u{29f8}'
            | '\u{29f9}'
    )
}

fn has_percent_escape(path: &str) -> bool {
    path.as_bytes().windows(3).any(|window| match window {
        [b'%', b'u' | b'U', _] => true,
        [b'%', high, low] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        _ => false,
    })
}
