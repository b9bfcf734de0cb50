//! What a server prints beside its messages: its stderr, and stray lines on stdout. It goes to our stderr in a form that
//! cannot control a terminal, hide a part of itself, or pass for what the wrapper says.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, PipeReader, Read as _};

use super::stderr::Stderr;
use crate::limits::MAX_STRAY;
use crate::visible::escape_invisible;

/// Copies the server's stderr to ours until it is closed. A line of more than [`MAX_STRAY`] bytes becomes several.
pub(super) fn copy_stderr(pipe: PipeReader, stderr: &Stderr) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        let space = MAX_STRAY.saturating_sub(line.len()) as u64;
        // A pipe that fails has nothing more to give, like one that ended.
        let count = reader.by_ref().take(space).read_until(b'\n', &mut line).unwrap_or(0);
        let rest = match line.last() {
            None => return,
            Some(b'\n') => Vec::new(),
            Some(_) if count == 0 => Vec::new(),
            Some(_) => line.split_off(last_char_start(&line)),
        };
        stderr.write_patiently(format_stderr_line(&line).as_bytes());
        line = rest;
    }
}

/// Returns where the last character begins if it may go on after the end, else the end.
fn last_char_start(text: &[u8]) -> usize {
    match text.iter().rposition(|byte| byte & 0xc0 != 0x80) {
        Some(at) if text.get(at).is_some_and(|byte| *byte >= 0xc0) && at > 0 => at,
        _ => text.len(),
    }
}

fn format_stderr_line(line: &[u8]) -> String {
    let text = escape_invisible(&decode_text(&strip_colours(trim_line_end(line))));
    // Our own lines begin with our name.
    let name = "policylayer";
    let is_like_ours = text.trim_start().get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    format!("{}{text}\n", if is_like_ours { "[server stderr] " } else { "" })
}

pub(super) fn format_stray_line(line: &[u8]) -> String {
    format!("[server stdout] {}\n", visible_text(line))
}

/// Returns the text of a line, cut at [`MAX_STRAY`].
pub(super) fn visible_text(line: &[u8]) -> String {
    let line = trim_line_end(line);
    let (head, tail) = line.split_at_checked(MAX_STRAY).unwrap_or((line, &[]));
    let mut shown = escape_invisible(&decode_text(head));
    if !tail.is_empty() {
        let _ = write!(shown, "… ({} bytes more)", tail.len());
    }
    shown
}

fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Returns what a server prints as text. Bytes that are not UTF-8 are shown as `\xff`.
pub(crate) fn decode_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| _ = write!(text, "\\x{byte:02x}"));
    }
    text
}

/// Removes what sets colours and styles (`ESC [ … m`), which says nothing, and could hide the text after it.
fn strip_colours(mut text: &[u8]) -> Cow<'_, [u8]> {
    const START: &[u8] = b"\x1b[";
    let mut kept = Vec::new();
    while let Some(at) = text.windows(START.len()).position(|window| window == START) {
        let (before, sequence) = text.split_at(at);
        let parameters = sequence.iter().skip(START.len()).take_while(|byte| matches!(byte, b'0'..=b';')).count();
        let end = START.len() + parameters;
        kept.extend_from_slice(before);
        let (sequence, rest) = match sequence.get(end) {
            Some(b'm') => (&[][..], sequence.get(end + 1..).unwrap_or_default()),
            _ => sequence.split_at(end),
        };
        kept.extend_from_slice(sequence);
        text = rest;
    }
    if kept.is_empty() { text.into() } else { [kept.as_slice(), text].concat().into() }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write as _};

    use super::*;
    use crate::proxy::pipe::into_file;
    use crate::proxy::raw_output::RawOutput;

    #[test]
    fn a_stray_line_cannot_drive_a_terminal() {
        for (line, expected) in [
            (&b"plain \xc3\xa4\tx\n"[..], "plain ä\tx"),
            (b"\x1b[2J\r\n", "\\u{1b}[2J"),
            (b"a\rb\x00\x7f", "a\\u{d}b\\u{0}\\u{7f}"),
            (b"\xc2\x9b31m \xff\xc3", "\\u{9b}31m \\xff\\xc3"),
            ("\u{202e}x".as_bytes(), "\\u{202e}x"),
        ] {
            assert_eq!(visible_text(line), expected);
        }
        assert_eq!(visible_text(&vec![b'x'; MAX_STRAY + 7]), format!("{}… (7 bytes more)", "x".repeat(MAX_STRAY)));
    }

    #[test]
    fn a_line_of_stderr_is_seen_whole_and_cannot_pass_for_ours() {
        for (line, expected) in [
            (&b"Listening on stdio\r\n"[..], "Listening on stdio\n"),
            (b"\x1b[32mINFO\x1b[0m ok \x1b[38;5;1;48:2::9mred\x1b[m", "INFO ok red\n"),
            (b"a\x1b[8mhidden", "ahidden\n"),
            (b"\x1b[2Jx \x1b]0;title\x07 \x1b[31", "\\u{1b}[2Jx \\u{1b}]0;title\\u{7} \\u{1b}[31\n"),
            (b"50 %\r100 %", "50 %\\u{d}100 %\n"),
            (b"caf\xe9 \xe2\x80", "caf\\xe9 \\xe2\\x80\n"),
            (
                b"policylayer  INFO a new policy is in force",
                "[server stderr] policylayer  INFO a new policy is in force\n",
            ),
            (b" \x1b[1mPolicyLayer ERROR x", "[server stderr]  PolicyLayer ERROR x\n"),
            (b"", "\n"),
        ] {
            assert_eq!(format_stderr_line(line), expected);
        }
    }

    #[test]
    fn a_line_without_an_end_is_shown_in_pieces_and_nothing_is_lost() {
        let (reader, mut writer) = io::pipe().unwrap();
        let text = "ä€🙂".repeat(5 * MAX_STRAY / 9);
        let sent = text.clone();
        let sender = std::thread::spawn(move || writer.write_all(sent.as_bytes()).unwrap());
        let (shown, stderr) = io::pipe().unwrap();
        let mut shown = BufReader::new(shown).lines();
        std::thread::spawn(move || {
            copy_stderr(reader, &Stderr::start_writer_to(RawOutput::Pipe(into_file(stderr))).unwrap());
        });
        let mut copied = String::new();
        while copied.len() < text.len() {
            let line = shown.next().unwrap().unwrap();
            assert!(line.len() <= MAX_STRAY);
            copied.push_str(&line);
        }
        sender.join().unwrap();
        assert!(copied == text);
    }
}
