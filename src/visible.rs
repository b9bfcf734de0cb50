//! Text from elsewhere as a terminal may be given it: what would drive the terminal, or deceive whoever reads, is escaped.

/// The text with every character escaped, as in `\u{1b}`, that controls a terminal, hides, or reorders what stands around it.
/// A tab stays.
pub(crate) fn visible(text: &str) -> String {
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

/// Characters that are not seen themselves, of the classes Cf, Zl and Zp.
fn is_invisible(c: char) -> bool {
    matches!(c,
        // The soft hyphen, the Arabic letter mark and the Mongolian vowel separator.
        '\u{ad}' | '\u{61c}' | '\u{180e}'
        // Zero-width characters and the marks of direction.
        | '\u{200b}'..='\u{200f}'
        // The separators of lines and paragraphs, and the embeddings and overrides of direction.
        | '\u{2028}'..='\u{202e}'
        // Invisible operators, the isolates of direction, and formats that are no longer used.
        | '\u{2060}'..='\u{206f}'
        // The byte order mark, and the marks of annotations.
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        // Tags, which can spell a whole text that nobody sees.
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_a_terminal_but_what_is_seen() {
        for shown in ["plain äß字🙂", "a\tb", "e\u{301}", "`\"\\"] {
            assert_eq!(visible(shown), shown);
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
            assert_eq!(visible(&format!("a{c}b")), format!("a\\u{{{:x}}}b", u32::from(c)));
        }
    }
}
