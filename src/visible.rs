//! Makes foreign text safe for a terminal: escapes what would control the terminal or deceive the reader.

use std::borrow::Cow;

use std::path::Path;

/// Escapes, as in `\u{1b}`, every character that controls a terminal, is invisible, or reorders the text around it.
/// Tabs stay.
pub(crate) fn escape_invisible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if (c.is_control() && c != '\t') || is_invisible(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

pub(crate) fn visible_path(path: &Path) -> String {
    escape_invisible(&path.display().to_string())
}

pub(crate) fn visible_lines(text: &str) -> String {
    let line = |line: &str| match line.strip_suffix('\n') {
        Some(line) => escape_invisible(line.trim_end_matches('\r')) + "\n",
        None => escape_invisible(line),
    };
    text.split_inclusive('\n').map(line).collect()
}

/// Escapes such characters the JSON way, without a change of meaning. Line breaks and tabs between values stay; strings
/// contain none.
pub(crate) fn escape_invisible_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || is_invisible(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Returns whether a character is invisible: most of the classes Cf, Zl and Zp.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        // The soft hyphen, the Arabic letter mark and the Mongolian vowel separator.
        '\u{ad}' | '\u{61c}' | '\u{180e}'
        // Zero-width characters and direction marks.
        | '\u{200b}'..='\u{200f}'
        // The line and paragraph separators, and the direction embeddings and overrides.
        | '\u{2028}'..='\u{202e}'
        // Invisible operators, the direction isolates, and deprecated format characters.
        | '\u{2060}'..='\u{206f}'
        // The byte order mark, and the annotation marks.
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        // Tags, which can spell a whole text that nobody sees.
        | '\u{e0000}'..='\u{e007f}')
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
        for shown in ["plain äß字🙂", "a\tb", "e\u{301}", "`\"\\"] {
            assert_eq!(escape_invisible(shown), shown);
        }
        let classes = [
            '\0'..='\u{8}',
            '\n'..='\u{1f}',
            '\u{7f}'..='\u{9f}',
            '\u{ad}'..='\u{ad}',
            '\u{61c}'..='\u{61c}',
            '\u{180e}'..='\u{180e}',
            '\u{200b}'..='\u{200f}',
            '\u{2028}'..='\u{202e}',
            '\u{2060}'..='\u{2064}',
            '\u{2066}'..='\u{2069}',
            '\u{feff}'..='\u{feff}',
            '\u{e0000}'..='\u{e007f}',
        ];
        for c in classes.into_iter().flatten() {
            assert_eq!(escape_invisible(&format!("a{c}b")), format!("a\\u{{{:x}}}b", u32::from(c)));
        }
    }
}
