//! The inside of JSON strings, as it stands on the line.

/// How many bytes of a string come before its next quote, backslash or control byte. Eight at a time: most of a large
/// message is inside strings.
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // The usual test for a zero byte in a word: the first one that it marks is certain, which is all that is used.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = zero(word ^ (ONES * u64::from(b'"')));
        let backslash = zero(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let found = quote | backslash | control;
        if found != 0 {
            return index * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let tail = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len());
    words.len() * 8 + tail
}

/// Decodes the inside of a JSON string that was read before. A lone surrogate becomes U+FFFD, as many parsers make it.
pub(super) fn decode_lossy(inside: &str, into: &mut String) {
    let mut rest = inside;
    while let Some((plain, escape)) = rest.split_once('\\') {
        into.push_str(plain);
        let mut chars = escape.chars();
        match chars.next() {
            Some('u') => {
                let (c, used) = unicode_escape(escape);
                into.push(c);
                rest = escape.get(used..).unwrap_or_default();
                continue;
            }
            Some('b') => into.push('\u{8}'),
            Some('f') => into.push('\u{c}'),
            Some('n') => into.push('\n'),
            Some('r') => into.push('\r'),
            Some('t') => into.push('\t'),
            Some(c) => into.push(c),
            None => {}
        }
        rest = chars.as_str();
    }
    into.push_str(rest);
}

/// The character of a `u` with four digits, or of a pair of them, and the bytes it takes.
fn unicode_escape(escape: &str) -> (char, usize) {
    let unit = |at: usize| escape.get(at..at + 4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let first = unit(1).unwrap_or_default();
    let second = escape.get(5..7).filter(|next| *next == "\\u").and_then(|_| unit(7));
    let pair = [first, second.unwrap_or_default()];
    match char::decode_utf16(pair).next() {
        Some(Ok(c)) if c.len_utf16() == 2 => (c, 11),
        Some(Ok(c)) => (c, 5),
        _ => (char::REPLACEMENT_CHARACTER, 5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_runs_end_where_a_string_may() {
        for stop in [b'"', b'\\', 0, 0x1f, b'\r'] {
            for before in 0..40 {
                let mut bytes = vec![b'x'; before];
                bytes.extend_from_slice("é\u{7f}~!#[]".as_bytes());
                let expected = bytes.len();
                bytes.push(stop);
                bytes.extend_from_slice(&[b'y'; 20]);
                assert_eq!(plain_run(&bytes), expected, "{stop} after {before}");
            }
        }
        assert_eq!(plain_run(&[0xff; 9]), 9);
    }
}
