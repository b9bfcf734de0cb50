//! Copied runs of text: digests of some of its runs of 16 letters and digits.
//!
//! Which ones is decided by winnowing (Schleimer, Wilkerson, Aiken 2003): of each [`WINDOW`] runs that follow each other, the one
//! with the least digest. So two texts that share [`SHARED`] letters and digits in a row share a chosen run, wherever it stands in
//! them, and about one run of five is kept.

use super::rarity::is_letter_or_digit;
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

/// How much of the past is kept: the characters of a run, and the digests of a window.
const KEPT: usize = 16;

const _: () = assert!(RUN == KEPT && WINDOW <= KEPT);

/// Takes a text character by character.
#[derive(Debug)]
pub(super) struct Shingler<'k> {
    digester: &'k Digester,
    /// What each character is mixed with, so that nobody knows the order of the digests.
    salt: u64,
    /// The last characters, each in the place of its number, and how many there were.
    run: [u64; KEPT],
    taken: usize,
    rolling: u64,
    /// The digests of the last runs, in the same way.
    window: [u64; KEPT],
    /// The least of them, the first one of several, with its number.
    least: (u64, usize),
}

impl<'k> Shingler<'k> {
    pub(super) fn new(digester: &'k Digester) -> Self {
        Self {
            digester,
            salt: digester.digest(&[]) | 1,
            run: [0; KEPT],
            taken: 0,
            rolling: 0,
            window: [0; KEPT],
            least: (u64::MAX, 0),
        }
    }

    /// Goes on with a text, and gives the digests of the runs that are kept.
    pub(super) fn push_text(&mut self, text: &str, found: &mut impl FnMut(ValueKey)) {
        if text.is_ascii() {
            let bytes = text.bytes().filter(|byte| is_letter_or_digit(*byte));
            self.push_all(bytes.map(u64::from), found);
        } else {
            let characters = text.chars().filter(|c| c.is_alphanumeric());
            self.push_all(characters.map(|c| u64::from(u32::from(c))), found);
        }
    }

    fn push_all(&mut self, characters: impl Iterator<Item = u64>, found: &mut impl FnMut(ValueKey)) {
        let Self { digester, salt, run, taken, rolling, window, least } = self;
        let turned = salt.rotate_left(32);
        for c in characters {
            let value = c.wrapping_mul(*salt) ^ turned;
            // Before there is a whole run, what leaves is nothing.
            let left = std::mem::replace(&mut run[*taken % KEPT], value);
            *rolling = rolling.wrapping_mul(BASE).wrapping_add(value).wrapping_sub(left.wrapping_mul(LEAVING));
            *taken += 1;
            let Some(number) = taken.checked_sub(RUN) else { continue };
            // The low bits of the product depend on the last characters only.
            let mixed = (*rolling ^ *rolling >> 32).wrapping_mul(BASE);
            let mixed = mixed ^ mixed >> 29;
            window[number % KEPT] = mixed;
            if mixed < least.0 {
                *least = (mixed, number);
            } else if least.1 + WINDOW <= number {
                // From the last one back, so that the first of several stays.
                *least = (mixed, number);
                for before in 1..WINDOW {
                    let digest = window[(number - before) % KEPT];
                    if digest <= least.0 {
                        *least = (digest, number - before);
                    }
                }
            } else if number + 1 != WINDOW {
                continue;
            }
            if number + 1 >= WINDOW {
                found(digester.digest_run(least.0) as ValueKey);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn shingles(text: &str) -> HashSet<ValueKey> {
        let (digester, mut all) = (Digester::new(&[3; 16]), HashSet::new());
        Shingler::new(&digester).push_text(text, &mut |digest| {
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
