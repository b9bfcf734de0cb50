//! Numbers and literals: the values without quotes.

use super::{Fault, Scan, Scanned};

impl Scan<'_, '_> {
    #[inline]
    pub(super) fn scan_number(&self, mut at: usize) -> Scanned<usize> {
        if self.byte(at) == b'-' {
            at += 1;
        }
        if self.byte(at) == b'0' {
            at += 1;
        } else {
            at = self.scan_digits(at)?;
        }
        if let b'.' | b'e' | b'E' = self.byte(at) { self.scan_fraction(at) } else { Ok(at) }
    }

    #[inline(never)]
    fn scan_fraction(&self, mut at: usize) -> Scanned<usize> {
        if self.byte(at) == b'.' {
            at = self.scan_digits(at + 1)?;
        }
        if let b'e' | b'E' = self.byte(at) {
            at += 1;
            if let b'+' | b'-' = self.byte(at) {
                at += 1;
            }
            at = self.scan_digits(at)?;
        }
        Ok(at)
    }

    #[inline]
    fn scan_digits(&self, start: usize) -> Scanned<usize> {
        let mut at = start;
        while self.byte(at).is_ascii_digit() {
            at += 1;
        }
        if at == start { Err(self.unexpected(at)) } else { Ok(at) }
    }

    pub(super) fn scan_literal(&self, at: usize, word: &[u8]) -> Scanned<usize> {
        match self.bytes.get(at..).is_some_and(|rest| rest.starts_with(word)) {
            true => Ok(at + word.len()),
            false => Err(Fault::Syntax(at).into()),
        }
    }
}
