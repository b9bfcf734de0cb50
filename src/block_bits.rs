//! Which bytes of a block of 64 are of a kind, as the bits of a word: the first byte in the lowest bit.
//!
//! A closure says it of one place; without branches, which means with `|` and `&`, it is compiled to vector instructions. What is
//! behind the block or before it may be looked at as well.

use wide::u8x16;

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

/// The highest bits of 16 bytes. No vector instruction for that is made of a loop.
#[inline(always)]
fn gather(flags: &[u8; 16]) -> u64 {
    u64::from(u8x16::new(*flags).to_bitmask())
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
}
