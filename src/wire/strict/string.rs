//! Strings: keys and values.

use super::{Fault, Scan, Scanned};
use crate::wire::text::{BlockPass, plain_end, short_plain_end, stop_bits};

/// From this many bytes of a string on, the rest is scanned in blocks: keys are shorter, most of a large message is
/// not.
const LONG: usize = 32;

/// How a string is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    Plain,
    Escaped,
}

impl Scan<'_, '_> {
    /// Scans a string, whose opening quote is at `at`. Returns where its closing quote is.
    #[inline]
    pub(super) fn scan_string(&self, at: usize) -> Scanned<usize> {
        match self.short_string_end(at + 1) {
            Some(end) => Ok(end),
            None => self.scan_other_string(at + 1).map(|(end, _)| end),
        }
    }

    /// Returns where the closing quote of a string is whose inside begins at `start`, if it is short and plain: nearly every key is,
    /// and most values of a call.
    #[inline]
    pub(super) fn short_string_end(&self, start: usize) -> Option<usize> {
        short_plain_end(self.bytes, start).filter(|end| self.byte(*end) == b'"')
    }

    /// Returns where the closing quote of any other string is, and how the string is written.
    #[inline(never)]
    pub(super) fn scan_other_string(&self, start: usize) -> Scanned<(usize, Spelling)> {
        let (mut at, mut until) = (start, start + LONG);
        let mut spelling = Spelling::Plain;
        loop {
            at = plain_end(self.bytes, at, until);
            if at >= until {
                at = self.scan_long_string(at, &mut spelling)?;
                until = usize::MAX;
                continue;
            }
            match self.bytes.get(at) {
                Some(b'"') => return Ok((at, spelling)),
                Some(b'\\') => {
                    spelling = Spelling::Escaped;
                    at += self.escape_length(at)?;
                }
                Some(b'\r') => return Err(Fault::CarriageReturn(at).into()),
                Some(&byte) => return Err(Fault::Control { byte, at }.into()),
                None => return Err(Fault::Syntax(at).into()),
            }
        }
    }

    /// Scans the rest of a string block by block, up to its end, a fault, or the last bytes of the line.
    fn scan_long_string(&self, mut base: usize, spelling: &mut Spelling) -> Scanned<usize> {
        // Where the last escape ends.
        let (mut at, mut blocks) = (base, BlockPass::default());
        while let Some(block) = self.bytes.get(base..).and_then(|rest| rest.first_chunk()) {
            if let Some(passed) = blocks.pass(self.bytes, base) {
                if passed.has_escapes {
                    *spelling = Spelling::Escaped;
                }
                (at, base) = (passed.end, passed.end);
                continue;
            }
            let mut stops = stop_bits(block);
            while stops != 0 {
                let here = base + stops.trailing_zeros() as usize;
                stops &= stops - 1;
                if here < at {
                    continue;
                }
                if self.bytes.get(here) != Some(&b'\\') {
                    return Ok(here);
                }
                *spelling = Spelling::Escaped;
                at = here + self.escape_length(here)?;
            }
            base = at.max(base + block.len());
        }
        Ok(base)
    }

    fn escape_length(&self, at: usize) -> Scanned<usize> {
        match self.bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
            Some(b'u') => match self.bytes.get(at + 2..at + 6) {
                Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(6),
                _ => Err(Fault::Syntax(at).into()),
            },
            _ => Err(Fault::Syntax(at).into()),
        }
    }
}
