//! Where the bytes of a text are of a kind. Bytes are looked at without a branch for each, since no processor foretells them.

use std::ops::Range;

use crate::block_bits::{self, BLOCK};

/// The spans of bytes in a row that are of a kind, each as long as it can be.
pub(super) struct Spans<'t, K> {
    bytes: &'t [u8],
    is_kind: K,
    /// How long those are that matter, a power of two.
    shortest: usize,
    /// Where the block begins.
    base: usize,
    /// Which of its bytes are of the kind, those that are still to come.
    bits: u64,
    /// Where the next block begins.
    next: usize,
}

impl<'t, K: Fn(u8) -> bool> Spans<'t, K> {
    #[inline]
    pub(super) fn new(bytes: &'t [u8], is_kind: K) -> Self {
        Self::at_least(1, bytes, is_kind)
    }

    /// The same, most of those left out that are shorter than a power of two.
    #[inline]
    pub(super) fn at_least(shortest: usize, bytes: &'t [u8], is_kind: K) -> Self {
        Self { bytes, is_kind, shortest, base: 0, bits: 0, next: 0 }
    }

    #[inline]
    fn read_block(&mut self) -> Option<()> {
        let rest = self.bytes.get(self.next..).filter(|rest| !rest.is_empty())?;
        self.base = self.next;
        self.bits = leave_out_short(find_bits(rest, &self.is_kind), self.shortest);
        self.next += BLOCK.min(rest.len());
        Some(())
    }
}

/// Clears the bits of spans that are shorter than a power of two, but not of those that may go on in another block.
#[inline]
fn leave_out_short(bits: u64, shortest: usize) -> u64 {
    const AROUND: u32 = 32;
    let around = u128::from(u32::MAX);
    let mut long = around | u128::from(bits) << AROUND | around << (AROUND + u64::BITS);
    let steps = || (0..shortest.ilog2()).map(|step| 1 << step);
    // What remains of a span is shorter by one less than the shortest, and grows again by as much.
    steps().for_each(|step: u32| long &= long >> step);
    steps().for_each(|step: u32| long |= long << step);
    (long >> AROUND) as u64
}

/// Flags up to as many bytes as a block has, the first one in the lowest bit.
#[inline]
fn find_bits<K: Fn(u8) -> bool>(bytes: &[u8], is_kind: &K) -> u64 {
    if let Some(block) = bytes.first_chunk() {
        return find_bits_of_block(block, is_kind);
    }
    find_bits_of_block(&block_of(bytes), is_kind) & ((1 << bytes.len()) - 1)
}

/// A block of as many bytes as there are, and zeros.
#[inline]
pub(super) fn block_of(bytes: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block.iter_mut().zip(bytes).for_each(|(cell, byte)| *cell = *byte);
    block
}

#[inline]
pub(super) fn find_bits_of_block<K: Fn(u8) -> bool>(block: &[u8; BLOCK], is_kind: &K) -> u64 {
    block_bits::find_bits(|at| is_kind(block[at]))
}

impl<K: Fn(u8) -> bool> Iterator for Spans<'_, K> {
    type Item = Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        while self.bits == 0 {
            self.read_block()?;
        }
        let mut first = self.bits.trailing_zeros();
        let start = self.base + first as usize;
        loop {
            let ones = (self.bits >> first).trailing_ones();
            let end = first + ones;
            if end < u64::BITS {
                self.bits &= u64::MAX << end;
                let end = self.base + end as usize;
                return Some(start..end);
            }
            self.bits = 0;
            first = 0;
            if self.read_block().is_none() {
                return Some(start..self.bytes.len());
            }
        }
    }
}

/// Gives the places of bytes that are of a kind.
#[inline]
pub(super) fn for_each_place(bytes: &[u8], is_kind: impl Fn(u8) -> bool, found: &mut impl FnMut(usize)) {
    for (number, block) in bytes.chunks(BLOCK).enumerate() {
        let mut bits = find_bits(block, &is_kind);
        while bits != 0 {
            found(number * BLOCK + bits.trailing_zeros() as usize);
            bits &= bits - 1;
        }
    }
}

/// Returns how many bytes there are up to and with as many of a kind; `None` if there are not so many. There is at least one.
#[inline]
pub(super) fn length_with(count: usize, bytes: &[u8], is_kind: impl Fn(u8) -> bool) -> Option<usize> {
    let mut before = 0;
    for (number, block) in bytes.chunks(BLOCK).enumerate() {
        let mut bits = find_bits(block, &is_kind);
        let of_block = bits.count_ones() as usize;
        if before + of_block >= count {
            (before + 1..count).for_each(|_| bits &= bits - 1);
            return Some(number * BLOCK + bits.trailing_zeros() as usize + 1);
        }
        before += of_block;
    }
    None
}

/// The same from the end on.
#[inline]
pub(super) fn length_with_at_end(count: usize, bytes: &[u8], is_kind: impl Fn(u8) -> bool) -> Option<usize> {
    let mut behind = 0;
    for (number, block) in bytes.rchunks(BLOCK).enumerate() {
        let bits = find_bits(block, &is_kind);
        let of_block = bits.count_ones() as usize;
        if behind + of_block >= count {
            let before = behind + of_block - count;
            let bits = (0..before).fold(bits, |bits, _| bits & (bits - 1));
            return Some(number * BLOCK + block.len() - bits.trailing_zeros() as usize);
        }
        behind += of_block;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_places_are_those_of_each_byte() {
        let mut state = 1_u64;
        for length in 0..400 {
            let next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // Long spans, and many.
                (state >> 33) as u8 % if length % 2 == 0 { 2 } else { 40 }
            };
            let bytes: Vec<u8> = std::iter::repeat_with(next).take(length).collect();
            let is_kind = |byte: u8| byte != 0;
            let mut spans: Vec<Range<usize>> = Vec::new();
            for at in (0..length).filter(|at| is_kind(bytes[*at])) {
                match spans.last_mut().filter(|span| span.end == at) {
                    Some(span) => span.end += 1,
                    None => spans.push(at..at + 1),
                }
            }
            assert_eq!(Spans::new(&bytes, is_kind).collect::<Vec<_>>(), spans);
            for shortest in [4, 8] {
                let is_long = |span: &Range<usize>| span.len() >= shortest;
                let long: Vec<_> = Spans::at_least(shortest, &bytes, is_kind).collect();
                assert!(long.iter().all(|span| spans.contains(span)));
                assert!(long.into_iter().filter(is_long).eq(spans.clone().into_iter().filter(is_long)));
            }
            let mut places = Vec::new();
            for_each_place(&bytes, is_kind, &mut |at| places.push(at));
            assert_eq!(places, spans.into_iter().flatten().collect::<Vec<_>>());
            for count in [1, 2, 24, 100] {
                let length = places.get(count - 1).map(|place| place + 1);
                assert_eq!(length_with(count, &bytes, is_kind), length);
                let at_end = places.len().checked_sub(count).map(|nth| bytes.len() - places[nth]);
                assert_eq!(length_with_at_end(count, &bytes, is_kind), at_end);
            }
        }
    }
}
