//! Copied runs of text: digests of some of its runs of 16 letters and digits.
//!
//! Which ones is decided by winnowing (Schleimer, Wilkerson, Aiken 2003): of each [`WINDOW`] runs that follow each other, the one
//! with the least digest. So two texts that share [`SHARED`] letters and digits in a row share a chosen run, wherever it stands in
//! them, and about one run of five is kept.

use super::rarity::{is_alphanumeric, is_letter_or_digit};
use super::siphash::Digester;
use super::values::ValueKey;

/// How many letters and digits a run has.
const RUN: usize = 16;

/// Of how many runs in a row one is kept.
const WINDOW: usize = 9;

/// A copied run of this many letters and digits is always found.
pub const SHARED: usize = RUN + WINDOW - 1;

/// The multiplier of the rolling digest.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// `BASE` to the power of [`RUN`]: by what a character has been multiplied when it leaves.
const LEAVING: u64 = {
    let (mut power, mut count) = (1_u64, 0);
    while count < RUN {
        power = power.wrapping_mul(BASE);
        count += 1;
    }
    power
};

/// How many letters and digits before the next one its first window has.
const BEFORE: usize = SHARED - 1;

/// How much of a text is taken at once, in bytes.
const BLOCK: usize = 1024;

/// Finds the runs of texts that are kept.
#[derive(Debug)]
pub(super) struct Shingler {
    /// What each character is mixed with, so that nobody knows the order of the digests.
    salt: u64,
    /// The letters and digits of a block, mixed, behind the last ones before it.
    letters: Box<[u64; BEFORE + BLOCK]>,
    /// The digests of the runs that begin with them.
    runs: Box<[u64; BEFORE + BLOCK]>,
    /// The digests of those that are kept, and one more.
    kept: Box<[u64; BEFORE + BLOCK]>,
}

impl Shingler {
    pub(super) fn new(digester: &Digester) -> Self {
        Self {
            salt: digester.digest(&[]) | 1,
            letters: Box::new([0; BEFORE + BLOCK]),
            runs: Box::new([0; BEFORE + BLOCK]),
            kept: Box::new([0; BEFORE + BLOCK]),
        }
    }

    /// Gives the digests of the runs of a text that are kept, some of them more than once.
    pub(super) fn find_runs(&mut self, digester: &Digester, text: &str, found: &mut impl FnMut(ValueKey)) {
        let (mut rest, mut count) = (text, 0);
        while !rest.is_empty() {
            let (block, behind) = rest.split_at(rest.floor_char_boundary(BLOCK));
            rest = behind;
            count = self.take_letters(block, count);
            if count > BEFORE {
                for run in self.read_block(count) {
                    found(digester.digest_run(*run) as ValueKey);
                }
                self.letters.copy_within(count - BEFORE..count, 0);
                count = BEFORE;
            }
        }
    }

    /// Puts the letters and digits of a block behind those that are there, and returns how many there are then.
    fn take_letters(&mut self, block: &str, mut count: usize) -> usize {
        let (salt, turned) = (self.salt, self.salt.rotate_left(32));
        let mut take = |c: u32, is_taken| {
            if let Some(letter) = self.letters.get_mut(count) {
                *letter = u64::from(c).wrapping_mul(salt) ^ turned;
            }
            count += usize::from(is_taken);
        };
        if block.is_ascii() {
            block.as_bytes().iter().for_each(|byte| take(u32::from(*byte), is_letter_or_digit(*byte)));
        } else {
            block.chars().for_each(|c| take(u32::from(c), is_alphanumeric(c)));
        }
        count
    }

    /// Returns the least run of each window, once where it follows itself.
    fn read_block(&mut self, count: usize) -> &[u64] {
        let Self { letters, runs, kept, .. } = self;
        // The low bits of the product depend on the last characters only.
        let mix = |rolling: u64| {
            let mixed = (rolling ^ rolling >> 32).wrapping_mul(BASE);
            mixed ^ mixed >> 29
        };
        let letters = letters.get(..count).unwrap_or_default();
        let entering = letters.get(RUN..).unwrap_or_default();
        let first = letters.iter().take(RUN);
        let mut rolling = first.fold(0_u64, |rolling, c| rolling.wrapping_mul(BASE).wrapping_add(*c));
        let [first, others @ ..] = runs.as_mut_slice() else { return &[] };
        *first = mix(rolling);
        for (run, (entering, leaving)) in others.iter_mut().zip(entering.iter().zip(letters)) {
            let left = leaving.wrapping_mul(LEAVING);
            rolling = rolling.wrapping_mul(BASE).wrapping_add(*entering).wrapping_sub(left);
            *run = mix(rolling);
        }
        keep_least(runs.get(..=entering.len()).unwrap_or_default(), kept.as_mut_slice())
    }
}

/// Puts the least of each [`WINDOW`] in a row into `kept`, which has room for all, and returns them: once where one follows itself.
/// There is no branch for each, since no processor foretells them.
fn keep_least<'k>(runs: &[u64], kept: &'k mut [u64]) -> &'k [u64] {
    let (blocks, rest) = runs.as_chunks::<WINDOW>();
    let Some(first) = blocks.first() else { return &[] };
    let mut count = 0;
    let mut last = !first.iter().fold(u64::MAX, |least, run| least.min(*run));
    let mut keep = |least: u64| {
        if let Some(cell) = kept.get_mut(count) {
            *cell = least;
        }
        count += usize::from(least != last);
        last = least;
    };
    for (number, block) in blocks.iter().enumerate() {
        // The least of the block from each place on; that of a window is the lesser of this and of the next block up to its end.
        let (mut from, mut at) = (*block, WINDOW - 1);
        while at > 0 {
            from[at - 1] = from[at - 1].min(from[at]);
            at -= 1;
        }
        keep(from[0]);
        let next = blocks.get(number + 1).map_or(rest, |next| next.as_slice());
        let mut until = u64::MAX;
        for (run, from) in next.iter().zip(&from[1..]) {
            until = until.min(*run);
            keep(until.min(*from));
        }
    }
    kept.get(..count).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn shingles(text: &str) -> HashSet<ValueKey> {
        let (digester, mut all) = (Digester::new(&[3; 16]), HashSet::new());
        Shingler::new(&digester).find_runs(&digester, text, &mut |digest| {
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
