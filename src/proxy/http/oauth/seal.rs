//! Seals the text of a login file with a key that is elsewhere.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// The key, as the keychain has it: 256 bits in hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SealKey(String);

impl SealKey {
    /// Returns a new key; `None` without randomness.
    pub(super) fn generate() -> Option<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(to_hex(&bytes)))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        from_hex(text).filter(|bytes| bytes.len() == 32).map(|_| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &from_hex(&self.0)?).ok()?))
    }

    /// Seals a text, and binds it to what it is about.
    pub(super) fn seal(&self, about: &str, text: &[u8]) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        let mut sealed = text.to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.cipher()?.seal_in_place_append_tag(unique, Aad::from(about.as_bytes()), &mut sealed).ok()?;
        Some(to_hex(&nonce) + &to_hex(&sealed))
    }

    /// Returns what was sealed with this key and is about this.
    pub(super) fn open(&self, about: &str, sealed: &str) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(2 * NONCE_LEN)?;
        let (nonce, mut sealed) = (from_hex(nonce)?, from_hex(sealed)?);
        let nonce = Nonce::try_assume_unique_for_key(&nonce).ok()?;
        let text = self.cipher()?.open_in_place(nonce, Aad::from(about.as_bytes()), &mut sealed).ok()?.len();
        sealed.truncate(text);
        Some(sealed)
    }
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_and_place_alone() {
        let (key, other) = (SealKey::generate().unwrap(), SealKey::generate().unwrap());
        let sealed = key.seal("here", b"s3cret").unwrap();
        assert!(!sealed.contains("s3cret") && sealed != key.seal("here", b"s3cret").unwrap());
        assert_eq!(SealKey::parse(key.as_str()).unwrap().open("here", &sealed).unwrap(), b"s3cret");
        assert!(other.open("here", &sealed).is_none() && key.open("there", &sealed).is_none());
        let changed = sealed.replacen(|c: char| c != '0', "0", 1);
        for wrong in [&*changed, "", "00", &sealed[..sealed.len() - 2], &*format!("{sealed}00"), "zz", "ä"] {
            assert!(key.open("here", wrong).is_none(), "{wrong}");
        }
        assert!(SealKey::parse("00").is_none() && SealKey::parse(&"g".repeat(64)).is_none());
    }
}
