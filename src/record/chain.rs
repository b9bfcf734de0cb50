//! The chain: each block of lines names the SHA-256 of the block before it, newlines included, so that `sha256sum` can follow it.
//! A line of version 1 is a block.

use std::fmt;

use ring::digest::{Context, SHA256, digest};
use serde::{Deserialize, Serialize, Serializer};

use super::GOES_ON;

/// The SHA-256 of lines with their newlines, or of a policy's text.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Digest(pub(super) [u8; 32]);

impl Digest {
    /// The digest that the first block of a log names: zeros.
    pub const START: Self = Self([0; 32]);

    /// Returns the digest of a text.
    pub fn of_text(text: &[u8]) -> Self {
        Self::from_bytes(digest(&SHA256, text).as_ref())
    }

    /// Takes the digest that the library has made.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        // A SHA-256 has as many bytes.
        Self(bytes.try_into().unwrap_or_default())
    }

    /// Returns the digest of a line, which ends in its newline.
    pub fn of_line(line: &[u8]) -> Self {
        Self::of_text(line)
    }

    /// Parses 64 lowercase hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() || !text.bytes().all(is_digit) {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// Returns its 64 digits.
    pub(crate) fn to_hex(self) -> [u8; 64] {
        let (mut hex, words) = ([0; 64], self.0.as_chunks().0);
        for (digits, word) in hex.as_chunks_mut().0.iter_mut().zip(words) {
            *digits = eight_digits(*word);
        }
        hex
    }

    /// Appends it as a JSON string.
    pub(super) fn write_json(self, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(&self.to_hex());
        out.push(b'"');
    }
}

/// Returns the digits of four bytes, which are made at once.
pub(super) fn eight_digits(bytes: [u8; 4]) -> [u8; 8] {
    let mut digits = u64::from(u32::from_be_bytes(bytes));
    digits = (digits | digits << 16) & 0x0000_ffff_0000_ffff;
    digits = (digits | digits << 8) & 0x00ff_00ff_00ff_00ff;
    digits = (digits | digits << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // Letters stand behind the digits, and not at once.
    let are_letters = (digits + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    (digits + 0x3030_3030_3030_3030 + are_letters * u64::from(b'a' - b'9' - 1)).to_be_bytes()
}

/// The digest of a block up to a line, line by line.
#[derive(Clone)]
pub(crate) struct BlockDigest(Context);

impl fmt::Debug for BlockDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlockDigest")
    }
}

impl Default for BlockDigest {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl BlockDigest {
    /// Whether a line goes on with the block of the line before it. Every other line begins one, even if it is no record.
    pub(crate) fn is_gone_on_by(line: &[u8]) -> bool {
        line.starts_with(GOES_ON)
    }

    /// Adds the next line of a file, with its newline.
    pub(crate) fn add_line(&mut self, line: &[u8]) {
        if !Self::is_gone_on_by(line) {
            *self = Self::default();
        }
        self.0.update(line);
    }

    /// Adds further bytes of the block.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Returns the digest of the block up to here.
    pub(crate) fn digest(&self) -> Digest {
        Digest::from_bytes(self.0.clone().finish().as_ref())
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a digest is not 64 hexadecimal digits")
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.to_hex()).unwrap_or_default())
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_written_and_read() {
        let digest = Digest::of_line(b"abc");
        // FIPS 180-2, appendix B.1.
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_string(), text);
        assert_eq!(Digest::parse(text), Some(digest));
        assert_eq!(serde_json::to_string(&digest).unwrap(), format!("\"{text}\""));
        for byte in 0..=255 {
            assert_eq!(Digest([byte; 32]).to_string(), format!("{byte:02x}").repeat(32));
        }
        for wrong in ["", &text[1..], &format!("{text}0"), &text.to_uppercase(), &text.replace('b', "g")] {
            assert_eq!(Digest::parse(wrong), None, "{wrong}");
        }
    }
}
