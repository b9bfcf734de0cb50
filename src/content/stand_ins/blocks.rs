//! What the blocks of a text have, as it is written, and where.

use fearless_simd::{Simd, SimdMask, mask8x64};

use crate::block_bits::Lanes;
use crate::content::runs::BLOCK;

/// Where in a block there is what numbers are made of.
#[derive(Clone, Copy, Default)]
pub(super) struct NumberBits {
    pub(super) digits: u64,
    /// Digits, what people put between them, and what that may be escaped with. None in a block without digits that no run reaches.
    pub(super) parts: u64,
    /// Whether a run of parts with a digit in it goes on behind the block.
    pub(super) goes_on: bool,
}

impl NumberBits {
    /// Where runs of at least seven parts have ended of which one is a digit.
    #[inline(always)]
    pub(super) fn find_ends(&mut self, before: &Self) -> u64 {
        const FEWEST: usize = 7;
        let seven = |parts: u64| {
            let two = parts & parts << 1;
            let four = two & two << 2;
            four & four << 3
        };
        // A carry goes from each digit to the end of its run.
        let (sum, is_over) = self.parts.overflowing_add(self.digits);
        let (sum, is_full) = sum.overflowing_add(u64::from(before.goes_on));
        self.goes_on = is_over | is_full;
        let with_before = seven(self.parts << FEWEST | before.parts >> (BLOCK - FEWEST)) >> (FEWEST - 1);
        sum & !self.parts & (seven(self.parts) << 1 | with_before)
    }
}

/// The bytes of numbers: digits, what people put between them, and what that may be escaped with.
#[inline(always)]
pub(super) fn are_in_number<S: Simd>(block: &Lanes<S>) -> mask8x64<S> {
    block.are_from_to(b'-', b'9') | block.are_from_to(b'(', b')') | block.are(b' ') | block.are(b'\\')
}

#[inline(always)]
pub(super) fn is_in_number(byte: u8) -> bool {
    (b'-'..=b'9').contains(&byte) | (byte | 1 == b')') | (byte == b' ') | (byte == b'\\')
}

#[inline(always)]
pub(super) fn are_digits<S: Simd>(block: &Lanes<S>) -> mask8x64<S> {
    block.are_from_to(b'0', b'9')
}

#[inline(always)]
pub(super) fn are_letters<S: Simd>(block: &Lanes<S>) -> mask8x64<S> {
    block.lower().are_from_to(b'a', b'z')
}

/// What begins something that is written otherwise, and what may stand in an address.
#[inline(always)]
pub(super) fn are_marks<S: Simd>(block: &Lanes<S>) -> mask8x64<S> {
    block.are(b'@') | block.are_from_to(b'%', b'&')
}

/// Where characters begin that a program may read as others, but those that most texts have and that mean themselves, or matter
/// only beside digits and letters. What is cut by the end of the block may be another.
#[inline(always)]
pub(super) fn odd_bits<S: Simd>(block: &Lanes<S>) -> u64 {
    let odd =
        block.are(0xc2) | block.are_from_to(0xcc, 0xce) | block.are_from_to(0xd2, 0xe3) | block.are_from_to(0xea, 0xff);
    let second = |byte: u8| block.are(byte).to_bitmask() >> 1;
    let third = |first: u8, last: u8| block.are_from_to(first, last).to_bitmask() >> 2;
    // A blank behind no digit, and the signs of Latin-1.
    let blank = second(0xa0) & !(are_in_number(block).to_bitmask() << 1 | 1);
    let latin = blank | block.are_from_to(0xa1, 0xbf).to_bitmask() >> 1 & !second(0xad);
    // Quotes and dots; the marks of Chinese and Japanese, of which the full stop matters behind a digit, or the character of a key; kana;
    // and `!`, the comma, `;` and `?` in full width.
    let points = second(0x80) & third(0x96, 0xa7);
    let stop = third(0x82, 0x82) & block.are_from_to(0xe4, 0xe9).to_bitmask() << 3;
    let marks = second(0x80) & (third(0x81, 0x81) | third(0x83, 0x9b) | stop);
    let kana = (second(0x81) | second(0x83)) & third(0x81, 0x96);
    let wide = second(0xbc) & (third(0x81, 0x81) | third(0x8c, 0x8c) | third(0x9b, 0x9b) | third(0x9f, 0x9f));
    let first = |byte: u8, usual: u64| block.are(byte).to_bitmask() & usual;
    odd.to_bitmask() & !(first(0xc2, latin) | first(0xe2, points) | first(0xe3, marks | kana) | first(0xef, wide))
}

/// The letters that make an escape of a backslash that is no quote, slash or line break.
#[inline(always)]
pub(super) fn are_escaped<S: Simd>(block: &Lanes<S>) -> mask8x64<S> {
    block.are(b'b') | block.are(b'f') | block.are_from_to(b't', b'u')
}

/// The colons before which a key may end: behind a quote, a blank or the end of an escape that is one, such as `\n`, which are
/// none of the bytes between `'` and `n`. What stands before the block may be one.
#[inline(always)]
pub(super) fn colon_bits<S: Simd>(block: &Lanes<S>) -> u64 {
    block.are(b':').to_bitmask() & (!block.are_from_to(b'(', b'm').to_bitmask() << 1 | 1)
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;
    use crate::content::decoded_text::{Meaning, find_meaning};

    /// What many programs take for another character is odd beside digits, wherever it stands in a block, also where the end cuts it.
    #[test]
    fn what_means_something_else_is_odd() {
        #[inline(always)]
        fn look(simd: impl Simd, block: &[u8; BLOCK]) -> u64 {
            odd_bits(&Lanes::of(simd, block))
        }
        let mut count = 0;
        for c in ('\u{80}'..='\u{10fff}').filter(|c| find_meaning(*c).is_some()) {
            // Nothing that is looked for has one of these.
            if matches!(find_meaning(c), Some(Meaning::Char('!' | ',' | ';' | '?'))) {
                continue;
            }
            count += 1;
            let text = format!("{}{c}{}", "1".repeat(BLOCK), "1".repeat(BLOCK));
            for at in [1, 30, BLOCK - 4, BLOCK - 3, BLOCK - 2, BLOCK - 1] {
                let Some(block) = text.as_bytes()[BLOCK - at..].first_chunk() else { panic!("{text}") };
                let odd = dispatch!(Level::new(), simd => look(simd, block));
                assert!(odd >> at & 1 == 1, "{c:?} at {at}");
            }
        }
        assert!(count > 1_000, "{count}");
    }
}
