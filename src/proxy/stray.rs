//! Lines of the server that are no messages, shown on stderr so that they cannot drive a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::limits::MAX_STRAY;

/// One line as stderr gets it, with a prefix.
pub(super) fn shown(line: &[u8]) -> Vec<u8> {
    format!("[server stdout] {}\n", visible(line)).into_bytes()
}

/// The text of a line, cut at [`MAX_STRAY`], with control characters other than tab written as escapes.
pub(super) fn visible(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (head, tail) = line.split_at_checked(MAX_STRAY).unwrap_or((line, &[]));
    let text: Cow<'_, str> = String::from_utf8_lossy(head);
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if (c.is_control() && c != '\t') || is_invisible(c) {
            // Escaped like Rust does it: \u{1b}.
            let _ = write!(shown, "{}", c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    if !tail.is_empty() {
        let _ = write!(shown, "… ({} bytes more)", tail.len());
    }
    shown
}

/// Characters that change the order or the lines of the text around them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stray_line_cannot_drive_a_terminal() {
        for (line, expected) in [
            (&b"plain \xc3\xa4\tx\n"[..], "plain ä\tx"),
            (b"\x1b[2J\r\n", "\\u{1b}[2J"),
            (b"a\rb\x00\x7f", "a\\u{d}b\\u{0}\\u{7f}"),
            (b"\xc2\x9b31m \xff", "\\u{9b}31m \u{fffd}"),
            ("\u{202e}x".as_bytes(), "\\u{202e}x"),
        ] {
            assert_eq!(visible(line), expected);
        }
        assert_eq!(visible(&vec![b'x'; MAX_STRAY + 7]), format!("{}… (7 bytes more)", "x".repeat(MAX_STRAY)));
    }
}
