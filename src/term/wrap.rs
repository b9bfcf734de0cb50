//! Wraps text between words.

use unicode_width::UnicodeWidthStr as _;

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
    fn lines_break_between_words_by_the_width_that_they_take() {
        assert_eq!(wrap_text("one two three", 2, 9), "  one two\n  three\n");
        assert_eq!(wrap_text("incomprehensible it is", 0, 5), "incomprehensible\nit is\n");
        assert_eq!(wrap_text("メモ 帳 を", 0, 7), "メモ 帳\nを\n");
        assert_eq!(wrap_text("\u{1b}[31mred\u{1b}[0m one", 0, 7), "\u{1b}[31mred\u{1b}[0m one\n");
        assert_eq!(wrap_text("", 2, 9), "  \n");
    }
}
