//! Passes over values by their grammar. What is odd in any way is left to the scan, which alone says what is wrong: whatever passes
//! over something takes where that begins, and returns where it ends; `None` if only the scan can.

use super::key_judge::KeyJudge;
use super::members::KeyMarks;

/// A line, and how the ends of its strings are found.
pub(super) trait StringEnds {
    fn bytes(&self) -> &[u8];

    /// Returns where the closing quote of a string is whose inside begins at `start`.
    fn string_end(&self, start: usize) -> Option<usize>;

    /// The same for a string without escapes.
    fn plain_string_end(&self, start: usize) -> Option<usize>;
}

/// A value with more containers in each other than this is left to the scan.
pub(super) const MAX_LEVELS: u32 = u64::BITS;

/// The containers around a place of a member's value: a bit for each, set for objects, the innermost in the lowest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Containers {
    objects: u64,
    depth: u32,
}

impl Containers {
    /// A value that is in none.
    pub(super) const NONE: Self = Self { objects: 0, depth: 0 };

    /// An object in a list in an object.
    pub(super) const ITEM: Self = Self { objects: 0b101, depth: 3 };

    #[inline(always)]
    fn in_object(self) -> bool {
        self.objects & 1 == 1
    }
}

/// Passes over what is in these containers, to the end of the outermost; over a value, if there are none. The keys of the outermost are
/// noted in `keys`.
// Each kind of line has its own, without a call.
#[inline(always)]
pub(super) fn pass_value(
    line: &impl StringEnds,
    mut at: usize,
    mut around: Containers,
    judge: &mut impl KeyJudge,
    mut keys: Option<&mut KeyMarks>,
) -> Option<usize> {
    let bytes = line.bytes();
    loop {
        if around.in_object() {
            while byte(bytes, at) == b' ' {
                at += 1;
            }
            let start = pass_byte(bytes, at, b'"')?;
            let end = line.plain_string_end(start)?;
            judge.add_key(bytes, (start, end))?;
            if let (1, Some(keys)) = (around.depth, &mut keys) {
                keys.add(bytes.get(start..end)?);
            }
            at = pass_byte(bytes, end + 1, b':')?;
        }
        while byte(bytes, at) == b' ' {
            at += 1;
        }
        match byte(bytes, at) {
            b'"' => at = line.string_end(at + 1)? + 1,
            opening @ (b'{' | b'[') => {
                at += 1;
                if byte(bytes, at) != opening + 2 {
                    if around.depth == MAX_LEVELS {
                        return None;
                    }
                    let is_object = opening == b'{';
                    around.objects = around.objects << 1 | u64::from(is_object);
                    around.depth += 1;
                    if is_object {
                        judge.open_object()?;
                    }
                    continue;
                }
                at += 1;
            }
            b'-' => at = pass_number(bytes, at + 1)?,
            b'0'..=b'9' => at = pass_number(bytes, at)?,
            b't' => at = pass_literal(bytes, at, b"true")?,
            b'f' => at = pass_literal(bytes, at, b"false")?,
            b'n' => at = pass_literal(bytes, at, b"null")?,
            _ => return None,
        }
        loop {
            if around.depth == 0 {
                return Some(at);
            }
            let (closing, is_object) = (byte(bytes, at), around.in_object());
            at += 1;
            if closing == b',' {
                break;
            }
            if closing != if is_object { b'}' } else { b']' } {
                return None;
            }
            if is_object {
                judge.close_object();
            }
            around = Containers { objects: around.objects >> 1, depth: around.depth - 1 };
        }
    }
}

/// Passes over a number, from behind its sign on.
#[inline]
fn pass_number(bytes: &[u8], at: usize) -> Option<usize> {
    let at = pass_integer(bytes, at)?;
    if matches!(byte(bytes, at), b'.' | b'e' | b'E') { pass_fraction(bytes, at) } else { Some(at) }
}

#[inline(never)]
fn pass_fraction(bytes: &[u8], mut at: usize) -> Option<usize> {
    if byte(bytes, at) == b'.' {
        at = pass_digits(bytes, at + 1)?;
    }
    if matches!(byte(bytes, at), b'e' | b'E') {
        at += 1;
        at = pass_digits(bytes, at + usize::from(matches!(byte(bytes, at), b'+' | b'-')))?;
    }
    Some(at)
}

/// Passes over the digits of an integer: none stands after a zero that is the first.
#[inline]
pub(super) fn pass_integer(bytes: &[u8], at: usize) -> Option<usize> {
    if byte(bytes, at) == b'0' { Some(at + 1) } else { pass_digits(bytes, at) }
}

#[inline]
fn pass_digits(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while byte(bytes, at).is_ascii_digit() {
        at += 1;
    }
    (at > start).then_some(at)
}

#[inline]
fn pass_literal<const N: usize>(bytes: &[u8], at: usize, literal: &[u8; N]) -> Option<usize> {
    (bytes.get(at..).and_then(|rest| rest.first_chunk()) == Some(literal)).then_some(at + N)
}

#[inline(always)]
pub(super) fn pass_byte(bytes: &[u8], at: usize, expected: u8) -> Option<usize> {
    (byte(bytes, at) == expected).then_some(at + 1)
}

/// Returns the byte at `at`. At the end it is a NUL, which is nowhere expected.
#[inline(always)]
pub(super) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or_default()
}

/// Returns the eight bytes from `at` on, the first in the lowest bits, with NULs behind the end.
#[inline(always)]
pub(super) fn word(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(word) => u64::from_le_bytes(*word),
        None => last_word(bytes, at),
    }
}

#[inline(never)]
fn last_word(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}
