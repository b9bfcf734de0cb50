//! Paths as a person reads them.

use std::path::{MAIN_SEPARATOR, Path, PathBuf};
use std::sync::OnceLock;

use unicode_width::UnicodeWidthStr as _;

use super::style::terminal_width;
use super::table::take_columns;

/// The home directory, once the program has read its environment.
static HOME: OnceLock<PathBuf> = OnceLock::new();

/// Remembers the home directory, which is `~` on a terminal from then on.
pub(crate) fn remember_home(home: Option<&Path>) {
    // A path that is nothing but a root is no home.
    if let Some(home) = home.filter(|home| home.is_absolute() && home.parent().is_some()) {
        let _ = HOME.set(home.to_owned());
    }
}

/// Returns a path as a person reads it: on a terminal, the home directory is `~`. Programs get the whole path.
pub(crate) fn show_path(path: &str) -> String {
    let home = HOME.get().filter(|_| terminal_width().is_some());
    shorten_path(path, home.map(PathBuf::as_path), usize::MAX)
}

/// Returns a path as it is shown on a line of its own: what does not fit is cut in front.
pub(crate) fn fit_path(path: &str) -> String {
    cut_in_front(&show_path(path), terminal_width().unwrap_or(usize::MAX))
}

/// Returns a text with `~` for the home directory if it is for a terminal.
pub(crate) fn show_text(text: &str) -> String {
    if terminal_width().is_some() { shorten_paths(text) } else { text.to_owned() }
}

/// Puts `~` for the home directory at the start of each word that is not in backquotes. What a person may copy stays.
pub(super) fn shorten_paths(line: &str) -> String {
    let Some(home) = HOME.get().and_then(|home| home.to_str()).filter(|home| line.contains(home)) else {
        return line.to_owned();
    };
    if line.split('`').step_by(2).any(|text| text.split(' ').any(|word| word == "policylayer")) {
        return line.to_owned();
    }
    let shorten = |text: &str| {
        let (mut out, mut rest) = (String::new(), text);
        while let Some(at) = rest.find(home) {
            let (before, after) = (rest.get(..at).unwrap_or_default(), rest.get(at + home.len()..).unwrap_or_default());
            let plain = anstream::adapter::strip_str(before).to_string();
            let is_word = !plain.ends_with(|c: char| c.is_alphanumeric() || "/\\=:-_.'\"".contains(c));
            // In a column, it would move what follows.
            let is_column = after.split(' ').nth(1).is_some_and(str::is_empty);
            out.push_str(before);
            out.push_str(if is_word && !is_column && after.starts_with(MAIN_SEPARATOR) { "~" } else { home });
            rest = after;
        }
        out + rest
    };
    let parts = line.split('`').enumerate();
    let parts = parts.map(|(at, part)| if at % 2 == 0 { shorten(part) } else { part.to_owned() });
    parts.collect::<Vec<_>>().join("`")
}

/// Shortens a path to `room` columns: what is in the home directory begins with `~`, and the rest is cut in front, where it
/// tells least.
pub(crate) fn shorten_path(path: &str, home: Option<&Path>, room: usize) -> String {
    let in_home = home.and_then(|home| Path::new(path).strip_prefix(home).ok()).filter(|rest| rest.parent().is_some());
    let path = in_home.map_or_else(|| path.to_owned(), |rest| format!("~{MAIN_SEPARATOR}{}", rest.display()));
    cut_in_front(&path, room)
}

/// A cut text begins with `…`.
pub(crate) fn cut_in_front(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut end: Vec<char> = take_columns(text.chars().rev(), room.saturating_sub(1)).collect();
    end.push('…');
    end.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_directory_is_a_tilde_and_the_end_of_a_path_stays() {
        let home = Path::new("home").join("ann");
        let file = home.join("policies").join("shop.toml").display().to_string();
        let show = |path: &str, room| shorten_path(path, Some(&home), room).replace('\\', "/");
        assert_eq!(show(&file, 40), "~/policies/shop.toml");
        assert_eq!(show(&file, 10), "…shop.toml");
        assert_eq!(show("home/anna/x", 40), "home/anna/x");
        assert_eq!(show("home/ann", 40), "home/ann");
        assert_eq!(shorten_path("/etc/メモ帳", None, 7), "…メモ帳");
    }
}
