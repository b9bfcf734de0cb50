//! Eight bytes of a text at a time. What is asked of each is answered in the highest bit of its byte.

const LOWS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const HIGHS: u64 = !LOWS;
const ONES: u64 = 0x0101_0101_0101_0101;

/// Eight bytes, the first one in the lowest bits.
#[derive(Clone, Copy)]
pub(super) struct Eight(u64);

impl Eight {
    /// Flags the bytes that are not ASCII.
    #[inline]
    pub(super) fn others(self) -> u64 {
        self.0 & HIGHS
    }

    /// Flags the bytes from `first` to `last`, which are ASCII.
    #[inline]
    pub(super) fn among(self, first: u8, last: u8) -> u64 {
        // No sum of two numbers below 0x80 reaches the next byte.
        let low = self.0 & LOWS;
        let reaches = |byte: u8| low + ONES * u64::from(0x80 - byte);
        reaches(first) & !reaches(last + 1) & !self.0 & HIGHS
    }

    /// Flags the bytes that are this one, which is ASCII.
    #[inline]
    pub(super) fn equal(self, byte: u8) -> u64 {
        let other = self.0 ^ (ONES * u64::from(byte));
        !(((other & LOWS) + LOWS) | other) & HIGHS
    }

    #[inline]
    pub(super) fn letters(self) -> u64 {
        let lower = Self(self.0 | (ONES * 0x20));
        lower.among(b'a', b'z')
    }

    #[inline]
    pub(super) fn digits(self) -> u64 {
        self.among(b'0', b'9')
    }
}

/// How many bytes are flagged.
#[inline]
pub(super) fn count(flags: u64) -> usize {
    ((flags >> 7).wrapping_mul(ONES) >> 56) as usize
}

/// Returns a text in words of eight bytes, and what is left of it, with zeros behind it.
#[inline]
pub(super) fn split_words(bytes: &[u8]) -> (&[[u8; 8]], u64) {
    let (words, rest) = bytes.as_chunks::<8>();
    let tail = match bytes.last_chunk::<8>() {
        Some(_) if rest.is_empty() => 0,
        // The bytes before the rest are in the words.
        Some(last) => u64::from_le_bytes(*last) >> (8 * (8 - rest.len())),
        None => match (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
            // What is in both is the same.
            (Some(first), Some(last)) => {
                u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (rest.len() - 4))
            }
            _ => rest.iter().rev().fold(0, |tail, byte| tail << 8 | u64::from(*byte)),
        },
    };
    (words, tail)
}

/// Whether the test is true of one of the eights of a text; behind the last byte there are zeros.
#[inline]
pub(super) fn any_eight(bytes: &[u8], mut is_wanted: impl FnMut(Eight) -> bool) -> bool {
    let (words, tail) = split_words(bytes);
    words.iter().any(|word| is_wanted(Eight(u64::from_le_bytes(*word)))) || is_wanted(Eight(tail))
}

/// Whether a text has a byte, which is ASCII.
#[inline]
pub(super) fn has_byte(text: &str, byte: u8) -> bool {
    any_eight(text.as_bytes(), |eight| eight.equal(byte) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_flagged_as_it_is() {
        for byte in 0..=u8::MAX {
            // Beside bytes of each kind, none of which may reach into it.
            for other in [0, b' ', b'a', 0x7f, 0x80, 0xff] {
                let eight = Eight(u64::from_le_bytes([other, byte, other, 0xff, 0, byte, 0x80, other]));
                let flags = |is: bool, flags: u64| assert_eq!(flags >> 15 & 1 == 1, is, "{byte} {other}");
                flags(!byte.is_ascii(), eight.others());
                flags(byte.is_ascii_alphabetic(), eight.letters());
                flags(byte.is_ascii_digit(), eight.digits());
                flags((b'.'..=b':').contains(&byte), eight.among(b'.', b':'));
                flags(byte == b'-', eight.equal(b'-'));
                flags((b'\t'..=b'\r').contains(&byte), eight.among(b'\t', b'\r'));
            }
        }
        assert_eq!(count(HIGHS), 8);
        assert_eq!(count(0x80 | 0x80 << 56), 2);
    }

    #[test]
    fn words_and_what_is_left_are_the_text() {
        let text: Vec<u8> = (1..40).collect();
        for length in 0..text.len() {
            let (words, tail) = split_words(&text[..length]);
            let mut all = words.concat();
            all.extend(tail.to_le_bytes());
            assert_eq!(all[..length], text[..length]);
            assert!(all[length..].iter().all(|byte| *byte == 0));
        }
    }
}
