//! A message that came in a body or an event, as the one line that it is judged and forwarded as.

/// A line end stands inside a string, where JSON has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line ends inside a string")]
pub struct BrokenString;

/// Makes a message one line with a newline at its end. Line ends between its parts become spaces, which no parser reads
/// otherwise; all else stays byte for byte.
///
/// # Errors
/// Returns an error if a line ends inside a string: a space there would be another string.
pub fn make_one_line(message: &mut Vec<u8>) -> Result<(), BrokenString> {
    let end = message.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
    message.truncate(end);
    if memchr::memchr2(b'\n', b'\r', message).is_some() {
        let (mut is_in_string, mut is_escaped) = (false, false);
        for byte in message.iter_mut() {
            match byte {
                b'\n' | b'\r' if is_in_string => return Err(BrokenString),
                b'\n' | b'\r' => *byte = b' ',
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = is_in_string,
                b'"' => is_in_string = !is_in_string,
                _ => {}
            }
        }
    }
    message.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_between_parts_become_spaces_and_nothing_else_changes() {
        for (message, line) in [
            ("{}", Ok("{}\n")),
            ("{}\r\n\n", Ok("{}\n")),
            ("{\n  \"a\": 1\r\n}\n", Ok("{   \"a\": 1  }\n")),
            ("{\"a\\\"\\\\\":\n\"\\n\"}", Ok("{\"a\\\"\\\\\": \"\\n\"}\n")),
            ("{\"a\":\"b\nc\"}", Err(BrokenString)),
            ("{\"a\":\"b\\\nc\"}", Err(BrokenString)),
            ("{\"a\":\"\\\\\",\n\"b\":\"\\\"\r\"}", Err(BrokenString)),
            ("", Ok("\n")),
        ] {
            let mut bytes = message.as_bytes().to_vec();
            let made = make_one_line(&mut bytes);
            assert_eq!(made.map(|()| String::from_utf8(bytes).unwrap()), line.map(str::to_owned), "{message:?}");
        }
    }
}
