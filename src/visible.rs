//! Text from elsewhere, made safe to show: what is invisible, reorders the text around it or controls a terminal is
//! written as a code. Whatever prints a name, a description, an argument or a line of a log asks here.

use std::borrow::Cow;
use std::path::Path;

use unicode_general_category::{GeneralCategory, get_general_category};

use crate::unicode::is_default_ignorable;

/// How many combining marks may follow each other. More of them pile up over the lines around them.
const MAX_MARKS: usize = 4;

/// Escapes, as in `\u{1b}`, every character that controls a terminal, is invisible, or reorders the text around it, and
/// all combining marks in a row but the first four. Tabs stay.
pub(crate) fn escape_invisible(text: &str) -> String {
    escape_chars(text, |c| c == '\t', |c, out| out.extend(c.escape_unicode()))
}

/// Escapes text that has line breaks and colours of ours. Of escape sequences, only those that set a colour or a style
/// stay.
pub(crate) fn escape_styled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, sequence) = rest.split_at(at);
        out.push_str(&visible_lines(before));
        let (style, after) = sequence.split_at(style_length(sequence).max(1));
        out.push_str(if style == "\u{1b}" { "\\u{1b}" } else { style });
        rest = after;
    }
    out + &visible_lines(rest)
}

/// Returns the length of the sequence at the start of the text if it sets a style, as in `ESC [ 3 1 m`, else 0.
fn style_length(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\u{1b}[") else { return 0 };
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(parameters.len());
    if parameters.get(end..).is_some_and(|end| end.starts_with('m')) { "\u{1b}[".len() + end + 1 } else { 0 }
}

pub(crate) fn visible_path(path: &Path) -> String {
    escape_invisible(&path.display().to_string())
}

/// Escapes each line. The line breaks stay.
pub(crate) fn visible_lines(text: &str) -> String {
    let line = |line: &str| match line.strip_suffix('\n') {
        Some(line) => escape_invisible(line.trim_end_matches('\r')) + "\n",
        None => escape_invisible(line),
    };
    text.split_inclusive('\n').map(line).collect()
}

/// Escapes the same characters in JSON, as in `\u202e`, so that its meaning stays. Line breaks and tabs between values
/// stay; strings contain none.
pub(crate) fn escape_invisible_json(json: &str) -> String {
    escape_chars(
        json,
        |c| matches!(c, '\n' | '\r' | '\t'),
        |c, out| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        },
    )
}

/// Escapes the same characters in a text in double quotes of YAML or TOML, as in `\u202e` and `\U000e0041`.
pub(crate) fn escape_invisible_yaml(quoted: &str) -> String {
    escape_chars(
        quoted,
        |_| false,
        |c, out| match u32::from(c) {
            code @ ..=0xffff => out.push_str(&format!("\\u{code:04x}")),
            code => out.push_str(&format!("\\U{code:08x}")),
        },
    )
}

fn escape_chars(text: &str, stays: impl Fn(char) -> bool, write_code: impl Fn(char, &mut String)) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if (marks > MAX_MARKS || c.is_control() || is_invisible(c)) && !stays(c) {
            write_code(c, &mut out);
        } else {
            out.push(c);
        }
    }
    out
}

/// Returns whether a character shows nothing, not the same everywhere, or only changes the order of others: format and
/// bidi controls, tags, separators of lines, private use, unassigned, and all that Unicode calls ignorable. Control
/// characters are not among them.
pub(crate) fn is_invisible(c: char) -> bool {
    use GeneralCategory::{Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned};
    !c.is_ascii()
        && (is_default_ignorable(c)
            || matches!(
                get_general_category(c),
                Format | LineSeparator | ParagraphSeparator | PrivateUse | Surrogate | Unassigned
            ))
}

fn is_mark(c: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark, SpacingMark};
    !c.is_ascii() && matches!(get_general_category(c), EnclosingMark | NonspacingMark | SpacingMark)
}

/// Cuts the text to `most` characters, and marks a cut with `…`.
pub(crate) fn shorten(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()).into(),
        None => text.into(),
    }
}

/// Formats a count: `1 call`, `2 calls`.
pub(crate) fn count_of(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_means_the_same_and_hides_nothing() {
        let text = "a\u{9b}\u{202e}\u{e0041}\u{7f}é🙂";
        let json = serde_json::to_string_pretty(&serde_json::json!({ "a": [text] })).unwrap();
        let shown = escape_invisible_json(&json);
        assert!(shown.contains(r"a\u009b\u202e\udb40\udc41\u007fé🙂"), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap()["a"][0], text);
        assert!(shown.contains("\n  \"a\""), "its lines stay");
    }

    #[test]
    fn nothing_reaches_a_terminal_but_what_is_seen() {
        for shown in ["plain äß字🙂", "a\tb", "e\u{301}", "`\"\\", "क्षि ที่ นี้", "a\u{301}\u{302}\u{303}\u{304}b"]
        {
            assert_eq!(escape_invisible(shown), shown);
        }
        let classes = [
            '\0'..='\u{8}',
            '\n'..='\u{1f}',
            '\u{7f}'..='\u{9f}',
            '\u{ad}'..='\u{ad}',
            // A joiner that shows nothing, and fillers that are letters to Unicode.
            '\u{34f}'..='\u{34f}',
            '\u{115f}'..='\u{1160}',
            '\u{3164}'..='\u{3164}',
            '\u{ffa0}'..='\u{ffa0}',
            '\u{600}'..='\u{605}',
            '\u{61c}'..='\u{61c}',
            '\u{180b}'..='\u{180f}',
            '\u{200b}'..='\u{200f}',
            '\u{2028}'..='\u{202e}',
            '\u{2060}'..='\u{206f}',
            '\u{fe00}'..='\u{fe0f}',
            '\u{feff}'..='\u{feff}',
            '\u{fff0}'..='\u{fffb}',
            '\u{fffe}'..='\u{ffff}',
            // Private use, unassigned, and tags, which can spell a whole text that nobody sees.
            '\u{e000}'..='\u{e010}',
            '\u{378}'..='\u{379}',
            '\u{e0000}'..='\u{e01ef}',
            '\u{f0000}'..='\u{f0010}',
            '\u{10fff0}'..='\u{10ffff}',
        ];
        for c in classes.into_iter().flatten() {
            assert_eq!(escape_invisible(&format!("a{c}b")), format!("a\\u{{{:x}}}b", u32::from(c)));
        }
    }

    #[test]
    fn marks_do_not_pile_up() {
        let piled = format!("a{}b\u{301}", "\u{301}".repeat(7));
        let shown = format!("a{}{}b\u{301}", "\u{301}".repeat(4), "\\u{301}".repeat(3));
        assert_eq!(escape_invisible(&piled), shown);
        let json = serde_json::to_string(&piled).unwrap();
        assert_eq!(serde_json::from_str::<String>(&escape_invisible_json(&json)).unwrap(), piled);
    }

    #[test]
    fn of_escape_sequences_only_styles_stay() {
        for (text, shown) in [
            ("\u{1b}[1mbold\u{1b}[0m\nnext\u{1b}[38;5;1m", "\u{1b}[1mbold\u{1b}[0m\nnext\u{1b}[38;5;1m"),
            ("\u{1b}[2J\u{1b}]0;title\u{7}", "\\u{1b}[2J\\u{1b}]0;title\\u{7}"),
            ("\u{1b}", "\\u{1b}"),
            ("\u{1b}[1", "\\u{1b}[1"),
            ("a\u{202e}\u{1b}[0m\u{200b}", "a\\u{202e}\u{1b}[0m\\u{200b}"),
        ] {
            assert_eq!(escape_styled(text), shown, "{text:?}");
        }
    }
}
