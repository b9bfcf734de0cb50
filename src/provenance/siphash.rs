//! A keyed digest: SipHash-1-3, which nobody without the key can foretell.

use super::eights::split_words;

/// The key of the digests of one session.
pub(super) type Key = [u8; 16];

/// Makes digests under a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digester {
    start: State,
}

type State = [u64; 4];

impl Digester {
    pub(super) fn new(key: &Key) -> Self {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| key[at + byte]));
        let (one, other) = (word(0), word(8));
        let start = [
            one ^ 0x736f_6d65_7073_6575,
            other ^ 0x646f_7261_6e64_6f6d,
            one ^ 0x6c79_6765_6e65_7261,
            other ^ 0x7465_6462_7974_6573,
        ];
        Self { start }
    }

    #[inline]
    pub(super) fn digest(&self, bytes: &[u8]) -> u64 {
        let mut state = self.start;
        let (words, tail) = split_words(bytes);
        words.iter().for_each(|word| take_word(&mut state, u64::from_le_bytes(*word)));
        finish(state, tail | (bytes.len() as u64 & 0xff) << 56)
    }

    /// Returns the digest of a run of text, which is that of the eight bytes of its own digest and a zero: no word has one.
    #[inline]
    pub(super) fn digest_run(&self, run: u64) -> u64 {
        let mut state = self.start;
        take_word(&mut state, run);
        finish(state, 9 << 56)
    }
}

#[inline]
fn finish(mut state: State, last: u64) -> u64 {
    take_word(&mut state, last);
    state[2] ^= 0xff;
    (0..3).for_each(|_| turn(&mut state));
    state.iter().fold(0, |digest, word| digest ^ word)
}

#[inline]
fn take_word(state: &mut State, word: u64) {
    state[3] ^= word;
    turn(state);
    state[0] ^= word;
}

#[inline]
fn turn(state: &mut State) {
    let [mut a, mut b, mut c, mut d] = *state;
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
    *state = [a, b, c, d];
}

#[cfg(test)]
mod tests {
    use std::hash::Hasher as _;

    use super::*;

    #[test]
    fn digests_depend_on_each_byte_and_on_the_key() {
        let key = std::array::from_fn(|at| at as u8);
        let text: Vec<u8> = (0..40).collect();
        let digests = |key: &Key| (0..text.len()).map(|length| Digester::new(key).digest(&text[..length])).collect();
        let all: Vec<Vec<u64>> = vec![digests(&key), digests(&[7; 16])];
        let mut all = all.concat();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        // The same as another implementation of the same function makes, for a key of zeroes.
        for length in 0..=text.len() {
            let mut reference = std::collections::hash_map::DefaultHasher::new();
            reference.write(&text[..length]);
            assert_eq!(Digester::new(&[0; 16]).digest(&text[..length]), reference.finish());
        }
        let run = [1, 2, 3, 4, 5, 6, 7, 8, 0];
        assert_eq!(Digester::new(&key).digest_run(0x0807_0605_0403_0201), Digester::new(&key).digest(&run));
    }
}
