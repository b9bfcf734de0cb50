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
    /// The letters and digits of ASCII, mixed; zero for all else.
    mixed: Box<[u64; 256]>,
    /// The letters and digits of a block, mixed, behind the last ones before it.
    letters: Box<[u64; BEFORE + BLOCK]>,
    /// The digests of the runs that begin with them.
    runs: Box<[u64; BEFORE + BLOCK]>,
    /// The digests of those that are kept, and one more.
    kept: Box<[u64; BEFORE + BLOCK]>,
    /// Runs that were given, of those that would stand at one place the last one: most texts have some again and again.
    given: Box<[u64; GIVEN]>,
}

/// How many runs that were given are known.
const GIVEN: usize = 256;

impl Shingler {
    pub(super) fn new(digester: &Digester) -> Self {
        let salt = digester.digest(&[]) | 1;
        let mixed = |at: usize| match u8::try_from(at) {
            Ok(byte) if is_letter_or_digit(byte) => mix(u32::from(byte), salt),
            _ => 0,
        };
        let mut shingler = Self {
            salt,
            mixed: Box::new(std::array::from_fn(mixed)),
            letters: Box::new([0; BEFORE + BLOCK]),
            runs: Box::new([0; BEFORE + BLOCK]),
            kept: Box::new([0; BEFORE + BLOCK]),
            given: Box::new([0; GIVEN]),
        };
        shingler.begin_anew();
        shingler
    }

    /// Gives all runs again, also those that were given.
    pub(super) fn begin_anew(&mut self) {
        self.given.fill(0);
        // Whatever is at its place, zero itself would be at the first.
        self.given[0] = 1;
    }

    /// Gives the digests of the runs of a text that are kept and were not given before, some of them more than once.
    pub(super) fn find_runs(&mut self, digester: &Digester, text: &str, found: &mut impl FnMut(ValueKey)) {
        let (mut rest, mut count) = (text, 0);
        while !rest.is_empty() {
            let (block, behind) = rest.split_at(rest.floor_char_boundary(BLOCK));
            rest = behind;
            count = self.take_letters(block, count);
            if count > BEFORE {
                let (runs, given) = self.read_block(count);
                for run in runs {
                    let last = &mut given[*run as usize % GIVEN];
                    if *last != *run {
                        *last = *run;
                        found(digester.digest_run(*run) as ValueKey);
                    }
                }
                self.letters.copy_within(count - BEFORE..count, 0);
                count = BEFORE;
            }
        }
    }

    /// Puts the letters and digits of a block behind those that are there, and returns how many there are then.
    fn take_letters(&mut self, block: &str, mut count: usize) -> usize {
        let Self { salt, mixed, letters, .. } = self;
        let mut take = |mixed: u64, is_taken| {
            if let Some(letter) = letters.get_mut(count) {
                *letter = mixed;
            }
            count += usize::from(is_taken);
        };
        if block.is_ascii() {
            for byte in block.as_bytes() {
                let mixed = mixed[usize::from(*byte)];
                take(mixed, mixed != 0);
            }
        } else {
            block.chars().for_each(|c| take(mix(u32::from(c), *salt), is_alphanumeric(c)));
        }
        count
    }

    /// Returns the least run of each window, once where it follows itself.
    fn read_block(&mut self, count: usize) -> (&[u64], &mut [u64; GIVEN]) {
        let Self { letters, runs, kept, given, .. } = self;
        let letters = letters.get(..count).unwrap_or_default();
        let letters_from = |at: usize| letters.get(at..).unwrap_or_default();
        // Each run is made of the one before it. Two rows of them are made side by side, since the processor waits for one.
        let runs = runs.get_mut(..(count + 1).saturating_sub(RUN)).unwrap_or_default();
        let half = runs.len() / 2;
        let begin = |at: usize| letters_from(at).iter().take(RUN).fold(0_u64, |rolling, c| roll(rolling, *c, 0));
        let (mut first, mut second) = (begin(0), begin(half));
        let ([one, front @ ..], [other, back @ ..]) = runs.split_at_mut(half) else { return (&[], given) };
        (*one, *other) = (spread(first), spread(second));
        let (back, last) = back.split_at_mut(front.len());
        let changes = |at: usize| letters_from(at + RUN).iter().zip(letters_from(at));
        let of_front = front.iter_mut().zip(changes(0));
        let of_back = back.iter_mut().zip(changes(half));
        for ((one, (entering, leaving)), (other, (other_entering, other_leaving))) in of_front.zip(of_back) {
            first = roll(first, *entering, *leaving);
            second = roll(second, *other_entering, *other_leaving);
            (*one, *other) = (spread(first), spread(second));
        }
        if let (Some(run), Some((entering, leaving))) = (last.first_mut(), changes(half + front.len()).next()) {
            *run = spread(roll(second, *entering, *leaving));
        }
        (keep_least(runs, kept.as_mut_slice()), given)
    }
}

/// The rolling digest of a run, made of that of the run before it.
#[inline]
fn roll(rolling: u64, entering: u64, leaving: u64) -> u64 {
    rolling.wrapping_mul(BASE).wrapping_add(entering.wrapping_sub(leaving.wrapping_mul(LEAVING)))
}

/// The digest of a run: the low bits of the product depend on the last characters only.
#[inline]
fn spread(rolling: u64) -> u64 {
    let mixed = (rolling ^ rolling >> 32).wrapping_mul(BASE);
    mixed ^ mixed >> 29
}

/// Mixes a character with the salt.
#[inline]
fn mix(c: u32, salt: u64) -> u64 {
    u64::from(c).wrapping_mul(salt) ^ salt.rotate_left(32)
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
    fn the_least_run_of_each_window_is_given_once() {
        let digester = Digester::new(&[3; 16]);
        let mut shingler = Shingler::new(&digester);
        for length in (0..120).chain([1_000, 3_000]) {
            let text = letters(length as u64, length);
            let mixed: Vec<u64> = text.bytes().map(|byte| mix(u32::from(byte), shingler.salt)).collect();
            let run = |letters: &[u64]| spread(letters.iter().fold(0, |rolling, c| roll(rolling, *c, 0)));
            let runs: Vec<u64> = mixed.windows(RUN).map(run).collect();
            let least = runs.windows(WINDOW).filter_map(|window| window.iter().min());
            let kept: HashSet<_> = least.map(|run| digester.digest_run(*run) as ValueKey).collect();
            assert_eq!(shingles(&text), kept, "{length}");
            // All of them after it begins anew, and most of them only once.
            let mut given = Vec::new();
            shingler.begin_anew();
            shingler.find_runs(&digester, &text, &mut |digest| given.push(digest));
            assert_eq!(given.into_iter().collect::<HashSet<_>>(), kept, "{length}");
            let mut others = 0;
            shingler.find_runs(&digester, &text, &mut |_| others += 1);
            assert!(others < kept.len().max(1), "{length}: {others} of {}", kept.len());
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
