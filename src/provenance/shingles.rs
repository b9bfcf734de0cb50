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
}

impl Shingler {
    pub(super) fn new(digester: &Digester) -> Self {
        Self {
            salt: digester.digest(&[]) | 1,
            letters: Box::new([0; BEFORE + BLOCK]),
            runs: Box::new([0; BEFORE + BLOCK]),
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
                self.read_block(count, &mut |run| found(digester.digest_run(run) as ValueKey));
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

    /// Gives the least run of each window.
    fn read_block(&mut self, count: usize, found: &mut impl FnMut(u64)) {
        let Self { letters, runs, .. } = self;
        // The low bits of the product depend on the last characters only.
        let mix = |rolling: u64| {
            let mixed = (rolling ^ rolling >> 32).wrapping_mul(BASE);
            mixed ^ mixed >> 29
        };
        let letters = letters.get(..count).unwrap_or_default();
        let entering = letters.get(RUN..).unwrap_or_default();
        let first = letters.iter().take(RUN);
        let mut rolling = first.fold(0_u64, |rolling, c| rolling.wrapping_mul(BASE).wrapping_add(*c));
        let [first, others @ ..] = runs.as_mut_slice() else { return };
        *first = mix(rolling);
        for (run, (entering, leaving)) in others.iter_mut().zip(entering.iter().zip(letters)) {
            let left = leaving.wrapping_mul(LEAVING);
            rolling = rolling.wrapping_mul(BASE).wrapping_add(*entering).wrapping_sub(left);
            *run = mix(rolling);
        }
        let runs = runs.get(..=entering.len()).unwrap_or_default();
        let find_least = |end: usize| {
            let start = end.saturating_sub(WINDOW);
            let (mut least, mut place) = (u64::MAX, 0);
            for (at, run) in runs.get(start..end).unwrap_or_default().iter().enumerate() {
                if *run < least {
                    (least, place) = (*run, at);
                }
            }
            (least, start + place)
        };
        // The least of the window that ends before `next`, with its number. It goes when the window has passed it.
        let mut next = WINDOW;
        let mut least = find_least(next);
        found(least.0);
        while next < runs.len() {
            let end = least.1 + WINDOW;
            let until = runs.get(next..end.min(runs.len())).unwrap_or_default();
            match until.iter().position(|run| *run < least.0) {
                Some(less) => {
                    next += less + 1;
                    least = (runs.get(next - 1).copied().unwrap_or_default(), next - 1);
                }
                None if end >= runs.len() => return,
                None => {
                    next = end + 1;
                    least = find_least(next);
                }
            }
            found(least.0);
        }
    }
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
