//! Which bytes of a block of 64 are of a kind, as the bits of a word: the first byte in the lowest bit.
//!
//! A closure says it of one place; without branches, which means with `|` and `&`, it is compiled to vector instructions. What is
//! behind the block or before it may be looked at as well.

use fearless_simd::{Bytes, Level, Simd, SimdBase, SimdMask, dispatch, i8x16, i8x64, mask8x64, u8x16, u8x64};

/// How many bytes are looked at together.
pub(crate) const BLOCK: usize = 64;

/// At which places of a block something holds.
#[inline(always)]
pub(crate) fn find_bits(is_at: impl Fn(usize) -> bool) -> u64 {
    // An iterator is not always inlined without link-time optimisation.
    let (mut flags, mut at) = ([0_u8; BLOCK], 0);
    while at < BLOCK {
        flags[at] = u8::from(is_at(at)).wrapping_neg();
        at += 1;
    }
    let (parts, _) = flags.as_chunks();
    let [one, two, three, four] = parts else { return 0 };
    gather(one) | gather(two) << 16 | gather(three) << 32 | gather(four) << 48
}

/// The highest bits of 16 bytes. No vector instruction for that is made of a loop. What every processor of a kind has is enough
/// for it, so that nothing has to be asked for, and it is inlined anywhere.
#[inline(always)]
fn gather(flags: &[u8; 16]) -> u64 {
    dispatch!(Level::baseline(), simd => gather_in(simd, flags))
}

#[inline(always)]
fn gather_in<S: Simd>(simd: S, flags: &[u8; 16]) -> u64 {
    let flags: i8x16<S> = u8x16::load_array_ref(simd, flags).bitcast();
    flags.simd_lt(0).to_bitmask()
}

/// Whether something holds at one of the places of a block.
#[inline(always)]
pub(crate) fn has_any(is_at: impl Fn(usize) -> bool) -> bool {
    const PART: usize = BLOCK / 4;
    let (mut flags, mut at) = ([0_u8; PART], 0);
    while at < PART {
        let any = is_at(at) | is_at(at + PART) | is_at(at + 2 * PART) | is_at(at + 3 * PART);
        flags[at] = u8::from(any).wrapping_neg();
        at += 1;
    }
    gather(&flags) != 0
}

/// A block in a vector as wide as the processor has them, for several looks at its bytes. What looks has to be inlined in a closure
/// that [`fearless_simd::dispatch`] calls.
#[derive(Clone, Copy)]
pub(crate) struct Lanes<S: Simd>(u8x64<S>);

impl<S: Simd> Lanes<S> {
    #[inline(always)]
    pub(crate) fn of(simd: S, block: &[u8; BLOCK]) -> Self {
        Self(u8x64::load_array_ref(simd, block))
    }

    /// The same bytes with letters in lower case; signs become others.
    #[inline(always)]
    pub(crate) fn lower(&self) -> Self {
        Self(self.0 | 0x20)
    }

    /// Which bytes are this one.
    #[inline(always)]
    pub(crate) fn are(&self, byte: u8) -> mask8x64<S> {
        self.0.simd_eq(byte)
    }

    /// A bit for each byte that is not ASCII.
    #[inline(always)]
    pub(crate) fn are_not_ascii(&self) -> u64 {
        let bytes: i8x64<S> = self.0.bitcast();
        bytes.simd_lt(0).to_bitmask()
    }

    /// Which bytes are from one to another.
    #[inline(always)]
    pub(crate) fn are_from_to(&self, first: u8, last: u8) -> mask8x64<S> {
        (self.0 - first).simd_le(last - first)
    }
}

/// The places of the ones, in order.
#[inline(always)]
pub(crate) fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_is_that_of_its_byte() {
        let mut state = 1_u64;
        for round in 0..1_000_u32 {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 40) as u8 >> (round % 8)
            };
            let block: [u8; BLOCK + 1] = std::array::from_fn(|_| next());
            let kinds: [&dyn Fn(usize) -> bool; 4] = [
                &|at| block[at].is_ascii_digit(),
                &|at| (block[at] == 1) & (block[at + 1] == 0),
                &|at| block[at] >= 0x80,
                &|_| round % 2 == 0,
            ];
            for is_at in kinds {
                let bits = find_bits(is_at);
                let places: Vec<_> = (0..BLOCK).filter(|at| is_at(*at)).collect();
                assert_eq!(ones(bits).collect::<Vec<_>>(), places);
                assert_eq!(has_any(is_at), bits != 0);
            }
        }
    }

    #[inline(always)]
    fn look(simd: impl Simd, block: &[u8; BLOCK]) -> [u64; 5] {
        let lanes = Lanes::of(simd, block);
        let not_ascii = lanes.are_not_ascii();
        [
            lanes.are(b'7').to_bitmask(),
            lanes.are_from_to(b'0', b'9').to_bitmask(),
            lanes.are_from_to(0x7f, 0xff).to_bitmask(),
            lanes.lower().are_from_to(b'a', b'z').to_bitmask(),
            not_ascii,
        ]
    }

    /// What the processor has beside what all have.
    fn levels() -> Vec<Level> {
        let levels = vec![Level::new(), Level::baseline()];
        #[cfg(target_arch = "x86_64")]
        let levels = [levels, Level::new().as_avx2().map(|simd| simd.level()).into_iter().collect()].concat();
        levels
    }

    #[test]
    fn vectors_of_each_kind_say_what_the_bytes_are() {
        for level in levels() {
            for first in 0..=u8::MAX {
                let block: [u8; BLOCK] = std::array::from_fn(|at| first.wrapping_add((at * 5) as u8));
                let bits = |is: fn(&u8) -> bool| (0..BLOCK).fold(0, |bits, at| bits | u64::from(is(&block[at])) << at);
                let expected = [
                    bits(|byte| *byte == b'7'),
                    bits(u8::is_ascii_digit),
                    bits(|byte| *byte >= 0x7f),
                    bits(u8::is_ascii_alphabetic),
                    bits(|byte| !byte.is_ascii()),
                ];
                assert_eq!(dispatch!(level, simd => look(simd, &block)), expected, "{level:?} {first}");
            }
        }
    }
}
