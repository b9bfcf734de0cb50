//! Copied runs of text: digests of some of its runs of 16 letters and digits.
//!
//! Which ones is decided by winnowing (Schleimer, Wilkerson, Aiken 2003): of each [`WINDOW`] runs that follow each other, the one
//! with the least digest. So two texts that share [`SHARED`] letters and digits in a row share a chosen run, wherever it stands in
//! them, and about one run of five is kept.

use std::collections::VecDeque;

use super::siphash::{Key, SipHasher};
use super::values::ValueKey;

/// How many letters and digits a run has.
const RUN: usize = 16;

/// Of how many runs in a row one is kept.
const WINDOW: usize = 9;

/// A copied run of this many letters and digits is always found.
pub const SHARED: usize = RUN + WINDOW - 1;

/// The multiplier of the rolling digest.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Takes a text character by character.
#[derive(Debug)]
pub(super) struct Shingler<'k> {
    key: &'k Key,
    /// What each character is mixed with, so that nobody knows the order of the digests.
    salt: u64,
    /// `BASE` to the power of [`RUN`].
    leaving: u64,
    run: VecDeque<u64>,
    rolling: u64,
    /// The digests of the last runs that can still be the least of a window, in rising order, with their places.
    least: VecDeque<(u64, usize)>,
    count: usize,
    /// The place of the run that was given last.
    given: Option<usize>,
}

impl<'k> Shingler<'k> {
    pub(super) fn new(key: &'k Key) -> Self {
        let salt = SipHasher::new(key).finish() | 1;
        let leaving = (0..RUN).fold(1_u64, |power, _| power.wrapping_mul(BASE));
        Self {
            key,
            salt,
            leaving,
            run: VecDeque::with_capacity(RUN + 1),
            rolling: 0,
            least: VecDeque::with_capacity(WINDOW + 1),
            count: 0,
            given: None,
        }
    }

    /// Goes on with a text, and gives the digests of the runs that are kept.
    pub(super) fn push_text(&mut self, text: &str, found: &mut dyn FnMut(ValueKey)) {
        for c in text.chars().filter(|c| c.is_alphanumeric()) {
            self.push(c, found);
        }
    }

    fn push(&mut self, c: char, found: &mut dyn FnMut(ValueKey)) {
        let value = u64::from(u32::from(c)).wrapping_mul(self.salt) ^ self.salt.rotate_left(32);
        self.rolling = self.rolling.wrapping_mul(BASE).wrapping_add(value);
        self.run.push_back(value);
        if self.run.len() > RUN
            && let Some(left) = self.run.pop_front()
        {
            self.rolling = self.rolling.wrapping_sub(left.wrapping_mul(self.leaving));
        }
        if self.run.len() < RUN {
            return;
        }
        let place = self.count;
        self.count += 1;
        // The low bits of the product depend on the last characters only.
        let mixed = (self.rolling ^ self.rolling >> 32).wrapping_mul(BASE);
        let mixed = mixed ^ mixed >> 29;
        while self.least.back().is_some_and(|(other, _)| *other > mixed) {
            self.least.pop_back();
        }
        self.least.push_back((mixed, place));
        while self.least.front().is_some_and(|(_, other)| other + WINDOW <= place) {
            self.least.pop_front();
        }
        if self.count >= WINDOW
            && let Some((digest, place)) = self.least.front()
            && self.given != Some(*place)
        {
            self.given = Some(*place);
            let mut hasher = SipHasher::new(self.key);
            hasher.push_bytes(&digest.to_le_bytes());
            // Words are hashed without this byte.
            hasher.push(0);
            found(hasher.finish() as ValueKey);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn shingles(text: &str) -> HashSet<ValueKey> {
        let (key, mut all) = ([3; 16], HashSet::new());
        Shingler::new(&key).push_text(text, &mut |digest| {
            all.insert(digest);
        });
        all
    }

    /// Letters that do not repeat, from a seed.
    fn letters(seed: u64, count: usize) -> String {
        let mut state = seed;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'a' + (state >> 33) as u8 % 26)
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    #[test]
    fn each_shared_run_of_the_stated_length_is_found() {
        for seed in 0..400 {
            let shared = letters(seed, SHARED);
            let one = format!("{} {shared}, {}", letters(seed + 1_000, 60), letters(seed + 2_000, 60));
            let other = format!("{}{}", letters(seed + 3_000, 7), shared);
            assert!(!shingles(&one).is_disjoint(&shingles(&other)), "{one} {other}");
            assert!(!shingles(&one).is_disjoint(&shingles(&shared)), "{one} {shared}");
        }
    }

    #[test]
    fn other_texts_share_none_and_few_are_kept() {
        let (one, other) = (shingles(&letters(1, 20_000)), shingles(&letters(2, 20_000)));
        assert!(one.is_disjoint(&other));
        assert!((3_000..5_000).contains(&one.len()), "{}", one.len());
        assert!(shingles(&letters(1, SHARED - 1)).is_empty());
    }
}
