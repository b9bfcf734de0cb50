//! What the blocks of a text have, as it is written, and where.

use super::number_runs::is_in_number;
use crate::content::decoded_text::may_begin_odd;
use crate::content::runs::{BLOCK, BlockAndNext, find_bits, has_any};

/// What is in a block at all: of most things, there is nothing in most blocks.
pub(super) struct BlockKinds {
    /// Whether there may be a sign of which [`sign_bits`] says where it is.
    pub(super) signs: bool,
    pub(super) digits: bool,
    pub(super) colons: bool,
    pub(super) capitals: bool,
    pub(super) odd: bool,
}

impl BlockKinds {
    /// By itself, this loop is made vector instructions of, also where little is optimised.
    #[inline(never)]
    pub(super) fn of(block: &BlockAndNext) -> Self {
        let (mut signs, mut digits, mut colons, mut capitals, mut odd) = (false, false, false, false, false);
        let mut at = 0;
        while at < BLOCK {
            let (byte, next) = (block[at], block[at + 1]);
            // Of the letters behind a backslash, `n` is none of these, and few texts have another.
            signs |= (byte == b'\\') & (next & 0x68 == 0x60);
            signs |= (byte == b'@') | (byte == b'%') | (byte == b'&') | is_dash_at(block, at);
            digits |= byte.is_ascii_digit();
            colons |= byte == b':';
            capitals |= byte.is_ascii_uppercase();
            odd |= byte >= 0x7f;
            at += 1;
        }
        Self { signs, digits, colons, capitals, odd }
    }
}

// Loops within a longer function are not always made vector instructions of, so each of these is one.

#[inline(never)]
pub(super) fn sign_bits(block: &BlockAndNext) -> u64 {
    let is_mark = |at: usize| (block[at] == b'@') | (block[at] == b'%') | (block[at] == b'&');
    find_bits(|at| is_mark(at) | is_escape_at(block, at) | is_dash_at(block, at))
}

#[inline(never)]
pub(super) fn capital_bits(block: &BlockAndNext) -> u64 {
    find_bits(|at| block[at].is_ascii_uppercase())
}

/// Where characters may begin that a program may read as others.
#[inline(never)]
pub(super) fn odd_bits(block: &BlockAndNext) -> u64 {
    find_bits(|at| may_begin_odd(block[at]))
}

/// Whether the dash of `stand-in` may be at a place of a block.
#[inline(always)]
fn is_dash_at(block: &BlockAndNext, at: usize) -> bool {
    (block[at] == b'-') & (block[at + 1] | 0x20 == b'i')
}

/// Whether an escape that is no quote, slash or line break may begin at a place of a block.
#[inline(always)]
fn is_escape_at(block: &BlockAndNext, at: usize) -> bool {
    let next = block[at + 1];
    (block[at] == b'\\') & ((next & 0xfb == b'b') | (next & 0xfe == b't'))
}

/// Where the digits of a block are.
#[inline(never)]
pub(super) fn digit_bits(block: &BlockAndNext) -> u64 {
    find_bits(|at| block[at].is_ascii_digit())
}

/// Where the parts of numbers are.
#[inline(never)]
pub(super) fn part_bits(block: &BlockAndNext) -> u64 {
    find_bits(|at| is_in_number(block[at]))
}

/// Before which colons a key may end.
#[inline(never)]
pub(super) fn colon_bits(block: &BlockAndNext) -> u64 {
    find_bits(|at| is_colon_at(block, at))
}

/// Whether there is a colon behind a place of a block, and at that a quote, a blank or the end of an escape that is one, such as
/// `\n`: none of the bytes between `'` and `n`.
#[inline(always)]
fn is_colon_at(block: &BlockAndNext, at: usize) -> bool {
    const MOST: i8 = 0x12 + b'\'' as i8;
    (block[at + 1] == b':') & (block[at].wrapping_add(0x12) as i8 <= MOST)
}

/// Whether a digit may have an `e` behind it.
#[inline(never)]
pub(super) fn has_power(block: &BlockAndNext) -> bool {
    has_any(|at| block[at].is_ascii_digit() & (block[at + 1] | 0x20 == b'e'))
}

/// Where digits have an `e` behind them.
#[inline(never)]
pub(super) fn power_bits(block: &BlockAndNext) -> u64 {
    find_bits(|at| block[at].is_ascii_digit() & (block[at + 1] | 0x20 == b'e'))
}
