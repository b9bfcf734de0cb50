//! A keyed digest: SipHash-1-3, which nobody without the key can foretell.

/// The key of the digests of one session.
pub(super) type Key = [u8; 16];

/// A hasher that takes bytes.
#[derive(Clone, Debug)]
pub(super) struct SipHasher {
    state: [u64; 4],
    /// The bytes that wait for a whole word, and how many there are.
    tail: u64,
    length: u64,
}

impl SipHasher {
    pub(super) fn new(key: &Key) -> Self {
        let word = |at: usize| {
            let bytes = key.iter().skip(at).take(8);
            bytes.rev().fold(0_u64, |word, byte| word << 8 | u64::from(*byte))
        };
        let (one, other) = (word(0), word(8));
        let state = [
            one ^ 0x736f_6d65_7073_6575,
            other ^ 0x646f_7261_6e64_6f6d,
            one ^ 0x6c79_6765_6e65_7261,
            other ^ 0x7465_6462_7974_6573,
        ];
        Self { state, tail: 0, length: 0 }
    }

    pub(super) fn push_bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = if self.length.is_multiple_of(8) { bytes.as_chunks() } else { (&[][..], bytes) };
        for word in words {
            self.length += 8;
            self.push_word(u64::from_le_bytes(*word));
        }
        rest.iter().for_each(|byte| self.push(*byte));
    }

    pub(super) fn push(&mut self, byte: u8) {
        self.tail |= u64::from(byte) << (8 * (self.length % 8));
        self.length += 1;
        if self.length.is_multiple_of(8) {
            let word = std::mem::take(&mut self.tail);
            self.push_word(word);
        }
    }

    /// Takes eight bytes at once; only between whole words.
    fn push_word(&mut self, word: u64) {
        self.state[3] ^= word;
        self.round();
        self.state[0] ^= word;
    }

    fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.state;
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        self.state = [a, b, c, d];
    }

    pub(super) fn finish(mut self) -> u64 {
        let last = self.tail | (self.length & 0xff) << 56;
        self.push_word(last);
        self.state[2] ^= 0xff;
        (0..3).for_each(|_| self.round());
        self.state.iter().fold(0, |digest, word| digest ^ word)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hasher as _;

    use super::*;

    #[test]
    fn digests_depend_on_each_byte_and_on_the_key() {
        let key = std::array::from_fn(|at| at as u8);
        let digest = |key: &Key, text: &[u8]| {
            let mut hasher = SipHasher::new(key);
            text.iter().for_each(|byte| hasher.push(*byte));
            hasher.finish()
        };
        let text: Vec<u8> = (0..40).collect();
        let mut all: Vec<_> = (0..text.len()).map(|length| digest(&key, &text[..length])).collect();
        all.extend((0..text.len()).map(|length| digest(&[7; 16], &text[..length])));
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        // The same as another implementation of the same function makes, for a key of zeroes.
        let mut reference = std::collections::hash_map::DefaultHasher::new();
        reference.write(&text);
        assert_eq!(digest(&[0; 16], &text), reference.finish());
    }
}
