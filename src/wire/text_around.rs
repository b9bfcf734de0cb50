//! A message of a server that shares its line with other text: what a program prints before its first newline, or behind
//! its answer.

use std::ops::Range;

use super::fault::Fault;
use super::strict::{Reader, StrictDepth};

/// Returns where the message is in a line of a server, if text stands before or behind it: an object as the strict
/// reader takes it. `None` if there is none, or if some other brace makes it doubtful where it begins or whether it is
/// the only one, so that nothing within another value is ever taken for a message.
pub fn find_message(reader: &mut Reader, line: &[u8]) -> Option<Range<usize>> {
    let start = memchr::memchr(b'{', line)?;
    let rest = line.get(start..)?;
    // What follows may be in another encoding.
    let text = match std::str::from_utf8(rest) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(rest.get(..error.valid_up_to())?).ok()?,
    };
    let length = match reader.read_line(text.as_bytes(), StrictDepth::ENVELOPE) {
        Ok(_) => text.trim_ascii_end().len(),
        Err(Fault::Trailing(at)) => text.get(..at)?.trim_ascii_end().len(),
        Err(_) => return None,
    };
    let end = start + length;
    memchr::memchr(b'{', line.get(end..)?).is_none().then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &[u8]) -> Option<&[u8]> {
        find_message(&mut Reader::default(), line).map(|range| &line[range])
    }

    #[test]
    fn text_around_one_object_is_left_out() {
        let message = br#"{"id":1,"result":{"a":"}{"}}"#;
        for (before, behind) in [
            ("", " done\n"),
            ("Starting\u{2026} ", "\n"),
            ("[info] ", " [end]\r\n"),
            ("\u{1b}[32mready\u{1b}[0m", ""),
            ("}]", "}]\n"),
            ("a\rb\t", " \t x"),
        ] {
            let line = [before.as_bytes(), message, behind.as_bytes()].concat();
            assert_eq!(found(&line), Some(&message[..]), "{before:?} {behind:?}");
        }
        assert_eq!(found(&[b"\xe9t\xe9 ", &message[..], b" \xff\n"].concat()), Some(&message[..]));
    }

    #[test]
    fn what_may_be_part_of_something_else_is_no_message() {
        for line in [
            "",
            "text",
            r#"{"a":1} {"id":1,"result":{}}"#,
            r#"{"id":1,"result":{}} {"#,
            r#"{x} {"id":1,"result":{}}"#,
            r#"{"id":1,"id":2,"result":{"id":1,"result":{}}}"#,
            r#"text {"id":1,"result":{}"#,
            "text {\"id\":1,\r\"result\":{}}",
            "{\"id\":1}\rtext",
            "text {\"id\":1,\"Id\":2}",
        ] {
            assert_eq!(found(line.as_bytes()), None, "{line:?}");
        }
        assert_eq!(found(b"text {\"id\":\"\xe9\"}"), None);
        assert_eq!(found(b"text {\"id\":1} \xff {"), None);
    }
}
