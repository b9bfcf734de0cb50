//! Wraps text between words.

use unicode_width::UnicodeWidthStr as _;

use super::path::shorten_paths;
use super::style::terminal_width;

/// Wider lines are hard to read.
const WIDEST: usize = 100;

pub(crate) fn text_width() -> usize {
    terminal_width().unwrap_or(80).min(WIDEST)
}

/// Wraps a text into lines of at most `width` columns, unless a word is wider, each indented by `indent`. Colours take
/// no space.
pub(crate) fn wrap_text(text: &str, indent: usize, width: usize) -> String {
    let room = width.saturating_sub(indent);
    let mut out = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let columns = anstream::adapter::strip_str(word).to_string().width();
        if out.is_empty() || used + 1 + columns > room {
            out.push_str(if out.is_empty() { "" } else { "\n" });
            out.push_str(&" ".repeat(indent));
            used = columns;
        } else {
            out.push(' ');
            used += 1 + columns;
        }
        out.push_str(word);
    }
    out.push('\n');
    out
}

/// Fits what a subcommand prints into a terminal: paths in the home directory begin with `~`, and lines that are too wide are
/// wrapped between words, below where their text begins. A diff is left as it is.
pub(crate) fn fit_lines(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_diff = false;
    for line in text.split_inclusive('\n') {
        let plain = anstream::adapter::strip_str(line.trim_end_matches('\n')).to_string();
        let is_file_name = plain.starts_with("--- ") || plain.starts_with("+++ ");
        is_diff = plain.starts_with("@@ ") || is_diff && plain.starts_with(['+', '-', ' ', '\\']);
        if is_diff || is_file_name {
            out.push_str(line);
            continue;
        }
        let line = shorten_paths(line);
        let plain = anstream::adapter::strip_str(line.trim_end_matches('\n')).to_string();
        // A line of a source, with its number: what points into it has to stay below it.
        let is_source = plain.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
        if plain.width() <= width || is_source {
            out.push_str(&line);
            continue;
        }
        let (body, end) = line.strip_suffix('\n').map_or((&*line, ""), |body| (body, "\n"));
        out.push_str(wrap_hanging(body, text_column(&plain, width), width).trim_end_matches('\n'));
        out.push_str(end);
    }
    out
}

/// Returns the column in which the text of a line begins: behind its indentation, or behind a label and the gap after it.
fn text_column(plain: &str, width: usize) -> usize {
    let start = plain.len() - plain.trim_start_matches(' ').len();
    let text = plain.get(start..).unwrap_or_default();
    let gap = text.find("  ").and_then(|gap| Some(gap + text.get(gap..)?.find(|c| c != ' ')?));
    let column = gap.and_then(|gap| Some(start + text.get(..gap)?.width()));
    column.filter(|column| column * 2 <= width).unwrap_or(start)
}

/// Wraps a line, with the lines below the first indented by `hang`. What is in backquotes stays in one piece if it can.
fn wrap_hanging(line: &str, hang: usize, width: usize) -> String {
    let (mut out, mut used, mut is_begun) = (String::new(), 0, false);
    let mut words = line.split(' ').peekable();
    while let Some(word) = words.next() {
        let mut piece = word.to_owned();
        while piece.matches('`').count() % 2 == 1
            && let Some(next) = words.peek()
            && piece.width() + 1 + next.width() <= width.saturating_sub(hang)
        {
            piece.push(' ');
            piece.push_str(next);
            words.next();
        }
        let columns = anstream::adapter::strip_str(&piece).to_string().width();
        if is_begun && used + 1 + columns > width && used > hang {
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
            out.push_str(&" ".repeat(hang));
            used = hang;
        } else if is_begun {
            out.push(' ');
            used += 1;
        }
        is_begun = true;
        out.push_str(&piece);
        used += columns;
    }
    out
}

/// Wraps paragraphs beside `lead`, which takes `indent` columns.
pub(crate) fn wrap_beside(lead: &str, indent: usize, paragraphs: &[String], width: usize) -> String {
    let mut text: String = paragraphs.iter().map(|text| wrap_text(text, indent, width)).collect();
    if text.is_empty() {
        return format!("{}\n", lead.trim_end());
    }
    text.replace_range(..indent, lead);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_too_wide_are_wrapped_below_their_text() {
        for (line, expected) in [
            ("short one", "short one"),
            ("one two three four five six", "one two three four\nfive six"),
            ("  note: two three four five", "  note: two three\n  four five"),
            ("Name  two three four five", "Name  two three four\n      five"),
            ("run `a b c d` and `e f g h`", "run `a b c d` and\n`e f g h`"),
            ("so `a b c d e f g h i j k` is", "so\n`a b c d e f g h i j\nk` is"),
            ("incomprehensibilities: it", "incomprehensibilities:\nit"),
            ("2 | a line of source that is wide", "2 | a line of source that is wide"),
        ] {
            assert_eq!(fit_lines(&format!("{line}\n\n"), 20), format!("{expected}\n\n"), "{line}");
        }
        let diff = "--- a file with a long name\n+++ a file with a long name\n@@ -1 +1 @@\n-it is removed from this file\n+x\n";
        assert_eq!(fit_lines(diff, 20), diff);
    }

    #[test]
    fn lines_break_between_words_by_the_width_that_they_take() {
        assert_eq!(wrap_text("one two three", 2, 9), "  one two\n  three\n");
        assert_eq!(wrap_text("incomprehensible it is", 0, 5), "incomprehensible\nit is\n");
        assert_eq!(wrap_text("メモ 帳 を", 0, 7), "メモ 帳\nを\n");
        assert_eq!(wrap_text("\u{1b}[31mred\u{1b}[0m one", 0, 7), "\u{1b}[31mred\u{1b}[0m one\n");
        assert_eq!(wrap_text("", 2, 9), "  \n");
    }
}
