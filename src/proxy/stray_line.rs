//! Lines of the server that are not messages, shown on stderr in a form that cannot control a terminal.

use std::fmt::Write as _;

use crate::limits::MAX_STRAY;
use crate::visible::escape_invisible;

pub(super) fn format_stray_line(line: &[u8]) -> Vec<u8> {
    format!("[server stdout] {}\n", visible_text(line)).into_bytes()
}

/// Returns the text of a line, cut at [`MAX_STRAY`], with invisible characters made visible.
pub(super) fn visible_text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (head, tail) = line.split_at_checked(MAX_STRAY).unwrap_or((line, &[]));
    let mut shown = escape_invisible(&String::from_utf8_lossy(head));
    if !tail.is_empty() {
        let _ = write!(shown, "… ({} bytes more)", tail.len());
    }
    shown
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
            assert_eq!(visible_text(line), expected);
        }
        assert_eq!(visible_text(&vec![b'x'; MAX_STRAY + 7]), format!("{}… (7 bytes more)", "x".repeat(MAX_STRAY)));
    }
}
