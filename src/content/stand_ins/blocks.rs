//! What the blocks of a text have, as it is written, and where.

use super::number_runs::is_in_number;
use crate::content::decoded_text::may_begin_odd;
use crate::content::runs::{BlockAndNext, find_bits, has_any};

/// What is in a block at all: of most things, there is nothing in most blocks.
pub(super) struct BlockKinds {
    /// Whether there may be a sign of which [`sign_bits`] says where it is.
    pub(super) signs: bool,
    pub(super) odd: bool,
}

impl BlockKinds {
    #[inline(always)]
    pub(super) fn of(block: &BlockAndNext) -> Self {
        // Of the letters behind a backslash, `n` is none of these, and few texts have another.
        let is_escape = |at: usize| (block[at] == b'\\') & (block[at + 1] & 0x68 == 0x60);
        let is_mark = |at: usize| (block[at] == b'@') | (block[at] == b'%') | (block[at] == b'&');
        Self {
            signs: has_any(|at| is_mark(at) | is_escape(at) | is_dash_at(block, at)),
            odd: has_any(|at| block[at] >= 0x7f),
        }
    }
}

// Loops within a longer function are not always made vector instructions of, so most of these are functions.

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
#[inline(always)]
pub(super) fn digit_bits(block: &BlockAndNext) -> u64 {
    find_bits(|at| block[at].is_ascii_digit())
}

/// Where the parts of numbers are.
#[inline(never)]
pub(super) fn part_bits(block: &BlockAndNext) -> u64 {
    find_bits(|at| is_in_number(block[at]))
}

/// Which bytes have a colon behind them before which a key may end: a quote, a blank or the end of an escape that is one, such as `\n`,
/// which are none of the bytes between `'` and `n`.
#[inline(always)]
pub(super) fn colon_bits(block: &BlockAndNext) -> u64 {
    const MOST: i8 = 0x12 + b'\'' as i8;
    let colons = find_bits(|at| block[at + 1] == b':');
    if colons == 0 { 0 } else { colons & find_bits(|at| block[at].wrapping_add(0x12) as i8 <= MOST) }
}

/// Which bytes have an `e` behind them.
#[inline(never)]
pub(super) fn before_e_bits(block: &BlockAndNext) -> u64 {
    find_bits(|at| block[at + 1] | 0x20 == b'e')
}
