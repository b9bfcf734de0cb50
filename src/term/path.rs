//! Paths as a person reads them.

use std::path::{MAIN_SEPARATOR, Path};

use unicode_width::UnicodeWidthStr as _;

use super::table::take_columns;

/// Shortens a path to `room` columns: what is in the home directory begins with `~`, and the rest is cut in front, where it
/// tells least.
pub(crate) fn shorten_path(path: &str, home: Option<&Path>, room: usize) -> String {
    let in_home = home.and_then(|home| Path::new(path).strip_prefix(home).ok()).filter(|rest| rest.parent().is_some());
    let path = in_home.map_or_else(|| path.to_owned(), |rest| format!("~{MAIN_SEPARATOR}{}", rest.display()));
    if path.width() <= room {
        return path;
    }
    let mut end: Vec<char> = take_columns(path.chars().rev(), room.saturating_sub(1)).collect();
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
