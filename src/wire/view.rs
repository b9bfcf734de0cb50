//! Walks the members and elements of JSON that the strict reader has read before. It checks nothing again: on anything
//! else it ends early.

use std::borrow::Cow;
use std::ops::Range;

use super::fault::{Fault, excerpt};
use super::lookalike::{self, Likeness};
use super::text::{find_backslash, push_decoded, string_end};

/// A member of an object: the key with its quotes, and the value, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'l> {
    key: &'l str,
    /// The value as written.
    pub value: &'l str,
    /// Where the value is in the text that was walked.
    pub range: Range<usize>,
}

impl<'l> Member<'l> {
    /// Returns the key, decoded; `None` if it holds a lone surrogate.
    pub fn key(&self) -> Option<Cow<'l, str>> {
        decode_string(self.key)
    }

    /// Returns the key, decoded; a lone surrogate is U+FFFD, as in many parsers.
    pub fn key_lossy(&self) -> Cow<'l, str> {
        decode_lossy(self.key).unwrap_or_default()
    }

    #[inline]
    fn is_key(&self, key: &str) -> bool {
        let inside = inside(self.key).unwrap_or_default();
        if has_escape(inside) { self.key().as_deref() == Some(key) } else { inside == key }
    }

    pub(crate) fn written_key(&self) -> &'l str {
        self.key
    }

    /// Returns which of these protocol keys it is, if any.
    ///
    /// # Errors
    /// When it looks like one, or is one that is written with escapes.
    pub fn protocol_key(&self, keys: &[&'static str]) -> Result<Option<&'static str>, Fault> {
        // Nearly every key is one of them as it is written, or plain and of another length.
        let written = inside(self.key).unwrap_or_default();
        if let Some(name) = keys.iter().find(|name| **name == written) {
            return Ok(Some(name));
        }
        let is_plain = |bytes: &[u8]| bytes.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'\\');
        if !keys.iter().any(|name| name.len() == written.len()) && is_plain(written.as_bytes()) {
            return Ok(None);
        }
        let key = self.key_lossy();
        match lookalike::compare_key(&key, keys) {
            Likeness::Is(name) if self.key.contains('\\') => Err(Fault::EscapedKey(name)),
            Likeness::Is(name) => Ok(Some(name)),
            Likeness::Like(name) => Err(Fault::LookAlike { key: excerpt(&key), name }),
            Likeness::Other => Ok(None),
        }
    }
}

/// Returns the members of an object.
pub fn members(object: &str) -> impl Iterator<Item = Member<'_>> {
    let mut walk = Walk::enter_container(object, b'{');
    std::iter::from_fn(move || {
        let key = walk.skip_value()?..walk.at;
        walk.skip_byte(b':')?;
        let value = walk.skip_value()?..walk.at;
        let _ = walk.skip_byte(b',');
        Some(Member { key: object.get(key)?, value: object.get(value.clone())?, range: value })
    })
}

/// Returns the keys of an object as written, with their quotes.
pub(crate) fn written_keys(object: &str) -> impl Iterator<Item = &str> {
    let mut walk = Walk::enter_container(object, b'{');
    std::iter::from_fn(move || {
        let key = walk.skip_value()?..walk.at;
        walk.skip_byte(b':')?;
        walk.skip_value()?;
        let _ = walk.skip_byte(b',');
        object.get(key)
    })
}

/// Returns the value of a member of an object, as written.
pub fn find_member<'l>(object: &'l str, key: &str) -> Option<&'l str> {
    members(object).find(|member| member.is_key(key)).map(|member| member.value)
}

/// Returns where the elements of an array are in its text.
pub fn elements(array: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut walk = Walk::enter_container(array, b'[');
    std::iter::from_fn(move || {
        let element = walk.skip_value()?..walk.at;
        let _ = walk.skip_byte(b',');
        Some(element)
    })
}

/// A key or a value without members or elements, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf<'l> {
    /// A key, with its quotes.
    Key(&'l str),
    /// A string, number, boolean or null.
    Scalar(&'l str),
}

/// Returns every key and every scalar of a value at any depth, in their order.
pub fn leaves(json: &str) -> impl Iterator<Item = Leaf<'_>> {
    let mut walk = Walk { bytes: json.as_bytes(), at: 0 };
    std::iter::from_fn(move || {
        while let Some(b' ' | b'\t' | b',' | b'[' | b'{' | b'}' | b']') = walk.peek() {
            walk.at += 1;
        }
        let leaf = json.get(walk.skip_value()?..walk.at)?;
        Some(if walk.skip_byte(b':').is_some() { Leaf::Key(leaf) } else { Leaf::Scalar(leaf) })
    })
}

#[inline]
fn has_escape(inside: &str) -> bool {
    const SHORT: usize = 16;
    let bytes = inside.as_bytes();
    if bytes.len() < SHORT { bytes.contains(&b'\\') } else { find_backslash(bytes, 0).is_some() }
}

/// Returns what is between the quotes of a JSON string, as written; `None` if it is not a string.
#[inline]
pub(crate) fn inside(json: &str) -> Option<&str> {
    match json.as_bytes() {
        [b'"', .., b'"'] => json.get(1..json.len() - 1),
        _ => None,
    }
}

/// Decodes a JSON string. Returns `None` if it is not a string, or has a lone surrogate.
pub fn decode_string(json: &str) -> Option<Cow<'_, str>> {
    let inside = inside(json)?;
    if has_escape(inside) { serde_json::from_str(json).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inside)) }
}

/// Decodes a JSON string, with U+FFFD for a lone surrogate, as in many parsers. Returns `None` if it is not a string.
pub fn decode_lossy(json: &str) -> Option<Cow<'_, str>> {
    let inside = inside(json)?;
    if !has_escape(inside) {
        return Some(Cow::Borrowed(inside));
    }
    let mut text = String::new();
    push_decoded(inside, &mut text);
    Some(Cow::Owned(text))
}

/// Decodes every escape in a JSON text, for looking for words in it.
pub fn decode_text(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    push_decoded(json, &mut text);
    text
}

/// Returns where a piece is in the text that it was cut from. Both are views of one buffer, so their addresses tell.
pub(crate) fn range_of(whole: &[u8], piece: &str) -> Range<usize> {
    let start = piece.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    start..start + piece.len()
}

struct Walk<'l> {
    bytes: &'l [u8],
    at: usize,
}

impl<'l> Walk<'l> {
    fn enter_container(text: &'l str, open: u8) -> Self {
        let bytes = text.as_bytes();
        // A walk that cannot begin is at its end.
        Self { bytes, at: if bytes.first() == Some(&open) { 1 } else { bytes.len() } }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    fn skip_byte(&mut self, byte: u8) -> Option<()> {
        self.skip_blanks();
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    /// Skips one value, and returns where it begins; `None` at the end of the container.
    #[inline]
    fn skip_value(&mut self) -> Option<usize> {
        self.skip_blanks();
        let start = self.at;
        self.at = match self.peek()? {
            b'"' => string_end(self.bytes, start + 1)? + 1,
            b'{' | b'[' => container_end(self.bytes, start)?,
            b'}' | b']' | b',' | b':' => return None,
            _ => scalar_end(self.bytes, start),
        };
        Some(start)
    }
}

/// Returns where an object or an array ends. Only strings, and where something begins and ends, matter inside it.
fn container_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => at = string_end(bytes, at + 1)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return Some(at + 1),
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
}

#[inline]
fn scalar_end(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let end = rest.iter().position(|byte| matches!(byte, b'}' | b']' | b',' | b':' | b' ' | b'\t'));
    start + end.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_elements_come_as_written() {
        let object = r#"{ "a" : [1, {"b":"}"}] ,"\u0062":"\"x\\" , "c":-1.5e3,"d":{},"e":null}"#;
        let seen: Vec<_> = members(object).map(|m| (m.key().unwrap().into_owned(), m.value)).collect();
        let expected = [("a", r#"[1, {"b":"}"}]"#), ("b", r#""\"x\\""#), ("c", "-1.5e3"), ("d", "{}"), ("e", "null")];
        assert_eq!(seen, expected.map(|(key, value)| (key.to_owned(), value)));
        let keys: Vec<_> = written_keys(object).collect();
        assert_eq!(keys, ["\"a\"", "\"\\u0062\"", "\"c\"", "\"d\"", "\"e\""]);

        let array = r#"[ {"a":[]} , "]" ,1,[[]], true]"#;
        let seen: Vec<_> = elements(array).map(|range| &array[range]).collect();
        assert_eq!(seen, [r#"{"a":[]}"#, r#""]""#, "1", "[[]]", "true"]);
    }

    #[test]
    fn leaves_come_with_the_keys_before_them() {
        let seen: Vec<_> = leaves(r#"{ "a" : [1, {"b":"}:"}] ,"c":{"d":[]}, "e":[[null,true]] }"#).collect();
        let expected = [
            Leaf::Key(r#""a""#),
            Leaf::Scalar("1"),
            Leaf::Key(r#""b""#),
            Leaf::Scalar(r#""}:""#),
            Leaf::Key(r#""c""#),
            Leaf::Key(r#""d""#),
            Leaf::Key(r#""e""#),
            Leaf::Scalar("null"),
            Leaf::Scalar("true"),
        ];
        assert_eq!(seen, expected);
        assert_eq!(leaves("\"x\"").collect::<Vec<_>>(), [Leaf::Scalar("\"x\"")]);
        for text in ["", "{", "\"", ":", "[:1]"] {
            assert_eq!(leaves(text).count(), 0, "{text}");
        }
    }

    #[test]
    fn other_text_ends_early() {
        for text in ["", "[]", "null", "{", "{\"a\"", "{\"a\":", "{\"a\":\"", "{\"a\":\"\\", "{,", "{}"] {
            assert_eq!((members(text).count(), written_keys(text).count()), (0, 0), "{text}");
        }
        for text in ["", "{}", "[", "[\"", "[,", "[[", "[]"] {
            assert_eq!(elements(text).count(), 0, "{text}");
        }
    }

    #[test]
    fn strings() {
        assert_eq!(decode_string(r#""a\/b""#).as_deref(), Some("a/b"));
        assert_eq!(decode_string("\"é\"").as_deref(), Some("é"));
        for none in ["1", "\"a", r#""\ud83d""#, ""] {
            assert_eq!(decode_string(none), None, "{none}");
        }
    }
}
