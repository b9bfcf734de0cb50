//! Where a value can be at all. Most of a text holds none, so a detector looks closely only there; the rest is passed many bytes
//! at a time.

use std::ops::{ControlFlow, Range};

pub(super) use crate::block_bits::{BLOCK, find_bits, ones};

/// Whether one of the bytes is of a kind.
#[inline]
pub(super) fn has_byte(bytes: &[u8], is_kind: impl Fn(u8) -> bool) -> bool {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    blocks.iter().any(|block| block.iter().fold(false, |any, byte| any | is_kind(*byte)))
        || rest.iter().any(|byte| is_kind(*byte))
}

/// Where the first byte is that is of a kind. They often stand close together.
#[inline]
pub(super) fn find_byte(bytes: &[u8], is_kind: impl Fn(u8) -> bool) -> Option<usize> {
    const NEAR: usize = 16;
    let (blocks, _) = bytes.as_chunks::<NEAR>();
    let is_none = |block: &&[u8; NEAR]| !block.iter().fold(false, |any, byte| any | is_kind(*byte));
    let passed = blocks.iter().take_while(is_none).count() * NEAR;
    let rest = bytes.get(passed..).unwrap_or_default();
    rest.iter().position(|byte| is_kind(*byte)).map(|at| passed + at)
}

/// Whether two bytes in a row are of a kind.
#[inline]
pub(super) fn has_pair(bytes: &[u8], is_kind: impl Fn(u8, u8) -> bool) -> bool {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    let (next_blocks, next_rest) = bytes.get(1..).unwrap_or_default().as_chunks::<BLOCK>();
    let pairs =
        |one: &[u8], next: &[u8]| one.iter().zip(next).fold(false, |any, (byte, next)| any | is_kind(*byte, *next));
    // The last block may have no next one that is whole.
    let last = blocks.get(next_blocks.len()).map_or(rest, |block| block.as_slice());
    blocks.iter().zip(next_blocks).any(|(one, next)| pairs(one, next)) || pairs(last, next_rest)
}

/// The places where four bytes in a row are of a kind; behind the last byte there are zeros. Blocks without one are passed at once.
pub(super) struct Places<'t, K> {
    bytes: &'t [u8],
    is_kind: K,
    /// Where the next block starts.
    next: usize,
    /// The places in the block before, from its first byte on.
    found: u64,
}

const FOUR: usize = 4;

impl<'t, K: Fn(u8, u8, u8, u8) -> bool> Places<'t, K> {
    #[inline]
    pub(super) fn new(bytes: &'t [u8], is_kind: K) -> Self {
        Self { bytes, is_kind, next: 0, found: 0 }
    }

    #[inline(never)]
    fn find_in(&self, block: &[u8; BLOCK + FOUR - 1]) -> u64 {
        let is_at = |at: usize| (self.is_kind)(block[at], block[at + 1], block[at + 2], block[at + 3]);
        find_bits(is_at)
    }
}

impl<K: Fn(u8, u8, u8, u8) -> bool> Iterator for Places<'_, K> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            let rest = self.bytes.get(self.next..).filter(|rest| !rest.is_empty())?;
            self.found = match rest.first_chunk() {
                Some(block) => self.find_in(block),
                None => {
                    let mut block = [0; BLOCK + FOUR - 1];
                    block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                    self.find_in(&block)
                }
            };
            self.next += BLOCK;
        }
        let at = self.next - BLOCK + self.found.trailing_zeros() as usize;
        self.found &= self.found - 1;
        (at < self.bytes.len()).then_some(at)
    }
}

/// A block, and the byte behind it.
pub(super) type BlockAndNext = [u8; BLOCK + 1];

/// Gives each block of a text and where it starts to `look` until that breaks; behind the last byte there are zeros.
#[inline(always)]
pub(super) fn for_each_block(bytes: &[u8], mut look: impl FnMut(usize, &BlockAndNext) -> ControlFlow<()>) {
    let mut start = 0;
    while let Some(block) = bytes.get(start..).and_then(|rest| rest.first_chunk()) {
        if look(start, block).is_break() {
            return;
        }
        start += BLOCK;
    }
    let rest = bytes.get(start..).unwrap_or_default();
    if !rest.is_empty() {
        let mut block = [0; BLOCK + 1];
        block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let _ = look(start, &block);
    }
}

/// Places of many blocks that are looked at together: how many a block has is not to be foretold, and a loop for each would cost more
/// than what it does. Those of a block are written `AT_ONCE` at a time.
pub(super) struct PlaceList<const AT_ONCE: usize> {
    places: [usize; PLACES],
    count: usize,
}

const PLACES: usize = 3 * BLOCK;

impl<const AT_ONCE: usize> PlaceList<AT_ONCE> {
    pub(super) fn new() -> Self {
        Self { places: [0; PLACES], count: 0 }
    }

    /// Adds those of a block, and says whether those of another one may not fit.
    #[inline(always)]
    pub(super) fn add(&mut self, base: usize, mut bits: u64) -> bool {
        let mut next = self.count;
        self.count += bits.count_ones() as usize;
        while let Some(places) = self.places.get_mut(next..).and_then(|rest| rest.first_chunk_mut::<AT_ONCE>()) {
            for place in places {
                *place = base + bits.trailing_zeros() as usize;
                bits &= bits.wrapping_sub(1);
            }
            next += AT_ONCE;
            if bits == 0 {
                break;
            }
        }
        self.count > PLACES - 2 * BLOCK
    }

    /// Takes all out.
    #[inline(always)]
    pub(super) fn take(&mut self) -> &[usize] {
        let count = std::mem::take(&mut self.count);
        self.places.get(..count).unwrap_or_default()
    }
}

/// Whether all bytes of a range are of a kind, which those of most ranges are or the first is not.
#[inline]
pub(super) fn are_all(bytes: &[u8], range: Range<usize>, is_kind: impl Fn(u8) -> bool) -> bool {
    let rest = bytes.get(range.start..).unwrap_or_default();
    match rest.first_chunk::<BLOCK>().filter(|block| range.len() <= BLOCK && is_kind(block[0])) {
        Some(block) => find_bits(|at| is_kind(block[at])).trailing_ones() as usize >= range.len(),
        None => rest.iter().take(range.len()).all(|byte| is_kind(*byte)),
    }
}

/// The runs of at least so many bytes of a kind, in their order. Between two of them only every `least`th byte is looked at, and
/// what is around it if it is of the kind.
pub(super) struct LongRuns<'t, K> {
    bytes: &'t [u8],
    least: usize,
    is_part: K,
    /// No run that has not been seen starts before.
    from: usize,
}

impl<'t, K: Fn(u8) -> bool> LongRuns<'t, K> {
    pub(super) fn new(bytes: &'t [u8], least: usize, is_part: K) -> Self {
        Self { bytes, least, is_part, from: 0 }
    }
}

impl<K: Fn(u8) -> bool> Iterator for LongRuns<'_, K> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let last = self.from + self.least - 1;
            let window = self.bytes.get(self.from..=last)?;
            // A run that starts here takes all of it.
            if let Some(other) = window.iter().rposition(|byte| !(self.is_part)(*byte)) {
                self.from += other + 1;
                continue;
            }
            let rest = self.bytes.get(last + 1..).unwrap_or_default();
            let more = rest.iter().position(|byte| !(self.is_part)(*byte)).unwrap_or(rest.len());
            let run = self.from..last + 1 + more;
            self.from = run.end + 1;
            return Some(run);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_long_run_is_found_and_no_other() {
        let mut bits = 1_u32;
        for length in 0..300 {
            let text: Vec<u8> = (0..length)
                .map(|_| {
                    bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    if bits >> (if length % 3 == 0 { 27 } else { 29 }) == 0 { b' ' } else { b'x' }
                })
                .collect();
            for least in 1..12 {
                let runs: Vec<_> = LongRuns::new(&text, least, |byte| byte == b'x').collect();
                let mut expected = Vec::new();
                let mut at = 0;
                for piece in text.split(|byte| *byte == b' ') {
                    expected.extend((piece.len() >= least).then_some(at..at + piece.len()));
                    at += piece.len() + 1;
                }
                assert_eq!(runs, expected, "{least} of {:?}", String::from_utf8_lossy(&text));
            }
            for start in 0..text.len() {
                let run = start..(start * 7 + length) % (text.len() - start) + start;
                let is_kind = |byte| byte == b'x';
                assert_eq!(are_all(&text, run.clone(), is_kind), text[run].iter().all(|byte| is_kind(*byte)));
            }
            let is_pair = |one, next| one == b' ' && next == b'x';
            assert_eq!(has_pair(&text, is_pair), text.windows(2).any(|pair| is_pair(pair[0], pair[1])));
            assert_eq!(has_byte(&text, |byte| byte == b' '), text.contains(&b' '));
            let mut found = [Vec::new(), Vec::new()];
            for_each_block(&text, |start, block| {
                let is_pair_at = |at: usize| is_pair(block[at], block[at + 1]);
                let (pairs, blanks) = (find_bits(is_pair_at), find_bits(|at| block[at] == b' '));
                found[0].extend(ones(pairs).map(|at| start + at));
                found[1].extend(ones(blanks).map(|at| start + at));
                ControlFlow::Continue(())
            });
            assert_eq!(found[0], (0..text.len()).filter(|at| text[*at..].starts_with(b" x")).collect::<Vec<_>>());
            assert_eq!(found[1], (0..text.len()).filter(|at| text[*at] == b' ').collect::<Vec<_>>());
            let is_four = |one, two, _, four| is_pair(one, two) && four != b' ';
            let places: Vec<_> = Places::new(&text, is_four).collect();
            let mut padded = text.clone();
            padded.extend([0; 3]);
            let is_place = |at: &usize| is_four(padded[*at], padded[at + 1], 0, padded[at + 3]);
            assert_eq!(places, (0..text.len()).filter(is_place).collect::<Vec<_>>());
        }
    }
}
