//! Request ids: kept as written, compared as the loosest peer compares them.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::limits::MAX_ID;

/// A request id as its sender wrote it: a JSON string or a number with an integer's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id(Box<str>);

/// An id in the form in which it is compared.
///
/// TypeScript clients treat `1`, `"1"` and `1.0` as equal (`Number(id)`), and peers that keep numbers as doubles answer
/// 9007199254740993 with 9007199254740992. So numbers, and strings that hold one, are compared as doubles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdKey {
    /// An integer of at most 2^53, however it is written.
    Integer(i64),
    /// A larger one: the bits of a finite double.
    Large(u64),
    /// A decoded string that does not hold a number.
    Text(Box<str>),
}

/// Up to 2^53, doubles represent every integer exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Why a value is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Neither a string nor an integer.
    #[error("the id must be a string or an integer")]
    Type,
    /// Longer than [`MAX_ID`].
    #[error("the id is longer than {MAX_ID} bytes")]
    Length,
}

impl Id {
    /// Reads a JSON value as an id.
    ///
    /// # Errors
    /// When it is neither a string that decodes to text nor a number with an integer's value, or is too long.
    pub fn parse(json: &[u8]) -> Result<Self, IdError> {
        let text = Self::checked_text(json)?;
        IdKey::from_text(text)?;
        Ok(Self(text.into()))
    }

    fn checked_text(json: &[u8]) -> Result<&str, IdError> {
        check_length(json.len())?;
        std::str::from_utf8(json).map_err(|_| IdError::Type)
    }

    /// Returns the id as JSON, as its sender wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl IdKey {
    /// Reads the key of an id written as JSON.
    ///
    /// # Errors
    /// As [`Id::parse`].
    pub fn parse(json: &[u8]) -> Result<Self, IdError> {
        Self::from_text(Id::checked_text(json)?)
    }

    /// Reads the key of an id written as JSON.
    ///
    /// # Errors
    /// As [`Id::parse`].
    #[inline]
    pub fn parse_text(json: &str) -> Result<Self, IdError> {
        match Self::parse_counter(json) {
            Some(key) => Ok(key),
            None => check_length(json.len()).and_then(|()| Self::from_text(json)),
        }
    }

    fn from_text(json: &str) -> Result<Self, IdError> {
        if let Some(key) = Self::parse_counter(json) {
            return Ok(key);
        }
        if json.starts_with('"') {
            let text: String = serde_json::from_str(json).map_err(|_| IdError::Type)?;
            // Beyond the integers that doubles represent exactly, a string of digits is an identifier of its own.
            let number = Self::parse_number(&text).filter(|number| matches!(number, Self::Integer(_)));
            return Ok(number.unwrap_or_else(|| Self::Text(text.into())));
        }
        let is_number = json.starts_with(|c: char| c == '-' || c.is_ascii_digit())
            && serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok();
        Self::parse_number(json).filter(|_| is_number).ok_or(IdError::Type)
    }

    /// The fast path for what nearly every client sends: digits that count up, few enough to be exact.
    #[inline]
    fn parse_counter(json: &str) -> Option<Self> {
        let (first, rest) = json.as_bytes().split_first()?;
        let mut value = i64::from(first.wrapping_sub(b'0'));
        if value > 9 || rest.len() > 14 || (value == 0 && !rest.is_empty()) {
            return None;
        }
        for byte in rest {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value = value * 10 + i64::from(digit);
        }
        Some(Self::Integer(value))
    }

    /// Returns the key of a decimal number with an integer's value, as a double; `None` for all other text.
    fn parse_number(text: &str) -> Option<Self> {
        if !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
            return None;
        }
        let value: f64 = text.parse().ok()?;
        let is_exact = value.abs() <= EXACT;
        let is_id = value.is_finite() && value.fract() == 0.0;
        is_id.then(|| if is_exact { Self::Integer(value as i64) } else { Self::Large(value.to_bits()) })
    }
}

fn check_length(length: usize) -> Result<(), IdError> {
    if length > MAX_ID { Err(IdError::Length) } else { Ok(()) }
}

impl Hash for IdKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // What is equal has one hash; a number and a text may share one.
        match self {
            // Nearly all ids count up: the last bits are given apart, for maps that keep neighbours together.
            Self::Integer(value) => {
                state.write_i64(value >> 3);
                state.write_u16(*value as u16 & 7);
            }
            Self::Large(bits) => state.write_u64(*bits),
            Self::Text(text) => text.hash(state),
        }
    }
}

impl From<&Id> for IdKey {
    fn from(id: &Id) -> Self {
        // An `Id` was read as a key before, so this cannot fail; as text it would still match only itself.
        Self::from_text(&id.0).unwrap_or_else(|_| Self::Text(id.0.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(json: &str) -> IdKey {
        IdKey::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn spellings_of_one_id() {
        for (one, other) in [
            ("1", "1.0"),
            ("1", "\"1\""),
            ("1", "1e0"),
            ("100", "1e2"),
            ("7", "7.0"),
            ("999999999999999", "999999999999999.0"),
            ("1000000000000000", "1e15"),
            ("0", "-0"),
            ("0", "\"-0\""),
            ("1", r#""\u0031""#),
            ("9007199254740993", "9007199254740992"),
            (r#""a""#, r#""\u0061""#),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        for (one, other) in [
            ("1", "2"),
            ("1", "\"a\""),
            ("1", "-1"),
            (r#""a""#, r#""A""#),
            ("\"\"", "0"),
            ("\"1 \"", "1"),
            ("\"1234567890123456789\"", "\"1234567890123456790\""),
        ] {
            assert_ne!(key(one), key(other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_id() {
        for json in [
            "null",
            "true",
            "1.5",
            "1e999",
            "-",
            "01",
            "00",
            "+1",
            ".5",
            "{}",
            "[]",
            "",
            "x",
            "1 2",
            r#""\ud83d""#,
            "\"a",
            "NaN",
            "inf",
        ] {
            assert_eq!(Id::parse(json.as_bytes()), Err(IdError::Type), "{json}");
        }
        assert_eq!(Id::parse(&[b'1'; MAX_ID + 1]), Err(IdError::Length));
        assert_eq!(Id::parse(b"\"\xff\""), Err(IdError::Type));
        assert_eq!(Id::parse(b"1.0").unwrap().as_str(), "1.0");
    }

    /// As numbers were compared when all were kept as doubles.
    fn plain_key(json: &str) -> Option<(u64, String)> {
        let number = |text: &str| {
            let is_decimal = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
            let value =
                text.parse::<f64>().ok().filter(|value| is_decimal && value.is_finite() && value.fract() == 0.0)?;
            Some(((value + 0.0).to_bits(), String::new()))
        };
        match serde_json::from_str::<serde_json::Value>(json).ok()? {
            serde_json::Value::String(text) => {
                let exact = number(&text).filter(|(bits, _)| f64::from_bits(*bits).abs() <= EXACT);
                Some(exact.unwrap_or((0, format!("_{text}"))))
            }
            serde_json::Value::Number(_) => number(json),
            _ => None,
        }
    }

    #[test]
    fn all_spellings_are_told_apart_as_doubles_are() {
        use std::hash::{BuildHasher, RandomState};
        let (mut state, hashing) = (1_u64, RandomState::new());
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let edges = ["0", "1", "7", "10", "99999999", "100000000", "999999999999999", "1000000000000000"];
        let large = ["9007199254740991", "9007199254740992", "9007199254740993", "9223372036854775808", "1"];
        let mut same = 0;
        for _ in 0..60_000 {
            let mut spell = || {
                let digits = match random(8) {
                    0 => edges[random(8)].to_owned(),
                    1 => large[random(5)].to_owned(),
                    2 => (0..1 + random(18)).map(|_| char::from(b'0' + random(10) as u8)).collect(),
                    _ => random(30).to_string(),
                };
                let sign = ["", "", "", "-", "+", " "][random(6)];
                let end = ["", "", "", ".0", "e0", "E+1", "e-1", ".5", "0", "e300", "e400", "x", " "][random(13)];
                let text = format!("{sign}{digits}{end}");
                if random(3) == 0 { format!("\"{text}\"") } else { text.trim().to_owned() }
            };
            let (one, other) = (spell(), spell());
            let keys = [&one, &other].map(|json| IdKey::parse_text(json).ok());
            let plain = [&one, &other].map(|json| plain_key(json));
            assert_eq!(keys.each_ref().map(Option::is_some), plain.each_ref().map(Option::is_some), "{one} {other}");
            assert_eq!(keys[0] == keys[1], plain[0] == plain[1], "{one} {other}");
            if let ([Some(one), Some(other)], true) = (&keys, keys[0] == keys[1]) {
                assert_eq!(hashing.hash_one(one), hashing.hash_one(other));
                same += 1;
            }
        }
        assert!(same > 100, "{same}");
    }
}
