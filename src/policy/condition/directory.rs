//! Whether a path stays inside a directory, by its text alone: it asks no file system and follows no link.
//!
//! It resolves `.`, `..` and doubled separators; both `/` and `\` separate. A server may resolve some paths in another
//! way than their text says. Such a path is refused, whichever way a rule tests it: one from another root (relative, if
//! the directory is absolute), one that climbs above its start, percent escapes, a NUL, URLs, drives without a root,
//! names of only dots and blanks, characters that become dots or separators under NFKC, and names that differ from the
//! directory's only in case or in what Windows drops at their ends.

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

/// Folds a name like a file system that ignores case, and drops what Windows drops from its end.
fn fold_name(name: &str) -> String {
    let name = name.split(':').next().unwrap_or_default();
    name.trim_end_matches(['.', ' ']).to_uppercase().to_lowercase()
}

fn resolve_path<'p>(path: &'p str, separators: &[char]) -> Option<(Root, Vec<&'p str>)> {
    if path.is_empty() || path.contains('\0') || path.contains(is_disguised) || has_percent_escape(path) {
        return None;
    }
    let (root, rest) = split_root(path, separators)?;
    let mut names = Vec::new();
    for name in rest.split(separators) {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()?),
            name if name.chars().all(|c| c == '.' || c.is_whitespace()) => return None,
            name => names.push(name),
        }
    }
    Some((root, names))
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

/// Whether the character becomes a dot or a separator under Unicode normalization.
fn is_disguised(c: char) -> bool {
    matches!(c, '\u{2024}' | '\u{2025}' | '\u{fe52}' | '\u{fe68}' | '\u{ff0e}' | '\u{ff0f}' | '\u{ff3c}')
}

fn has_percent_escape(path: &str) -> bool {
    path.as_bytes().windows(3).any(|window| match window {
        [b'%', b'u' | b'U', _] => true,
        [b'%', high, low] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        _ => false,
    })
}
