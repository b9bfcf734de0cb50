//! Numbers and literals: the values without quotes.

use super::{Fault, Scan};

impl Scan<'_, '_> {
    pub(super) fn scan_number(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.scan_digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.scan_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.scan_digits()?;
        }
        Ok(())
    }

    fn scan_digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected()) } else { Ok(()) }
    }

    /// Scans a literal. Returns `false`, because nothing more follows in it.
    pub(super) fn scan_literal(&mut self, word: &[u8]) -> Result<bool, Fault> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            Ok(false)
        } else {
            Err(Fault::Syntax(self.at))
        }
    }
}
