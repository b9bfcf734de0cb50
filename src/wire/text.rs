//! The inside of JSON strings, as it stands on the line.

/// From how many bytes of a string on the rest is looked at in blocks: keys are shorter, most of a large message is not.
const LONG: usize = 32;

/// Which of the next bytes of a string are quotes, backslashes or control bytes, the first byte in the lowest bit, and how
/// many bytes were looked at; none at the end. `passed` is how many came before.
pub(super) fn stops(rest: &[u8], passed: usize) -> (u64, usize) {
    if passed >= LONG
        && let Some(block) = rest.first_chunk::<64>()
    {
        (stops_among(block), 64)
    } else if let Some(word) = rest.first_chunk::<8>() {
        (stops_among(word), 8)
    } else {
        let last = rest.iter().rev().fold(0, |stops, byte| stops << 1 | u64::from(is_stop(*byte)));
        (last, rest.len())
    }
}

/// Without a branch, so that it is compiled to vector instructions.
#[inline]
fn stops_among<const N: usize>(bytes: &[u8; N]) -> u64 {
    let flags = bytes.map(|byte| u8::from(is_stop(byte)));
    let (words, _) = flags.as_chunks::<8>();
    // The product gathers the lowest bits of eight bytes in its highest byte.
    let bits = |word: &[u8; 8]| u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    words.iter().enumerate().fold(0, |stops, (index, word)| stops | bits(word) << (8 * index))
}

fn is_stop(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
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
    fn stops_are_seen_wherever_they_stand() {
        for length in 0..140 {
            for passed in [0, LONG] {
                let bytes: Vec<u8> =
                    (0..length).map(|at| b"x\"\xe9\\y\n\x7f~\x1f! #\0"[(at * 7 + at / 13) % 13]).collect();
                let (stops, seen) = stops(&bytes, passed);
                assert_eq!(seen, if passed > 0 && length >= 64 { 64 } else { length.min(8) });
                for (at, byte) in bytes[..seen].iter().enumerate() {
                    let is_stop = matches!(byte, b'"' | b'\\' | 0..0x20);
                    assert_eq!(stops >> at & 1 == 1, is_stop, "{byte} at {at} of {length}");
                }
                assert_eq!(stops.checked_shr(seen as u32).unwrap_or(0), 0);
            }
        }
    }
}
