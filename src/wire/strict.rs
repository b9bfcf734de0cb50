//! The strict reader: a line is a message only if every reasonable JSON parser reads it alike.
//!
//! Parsers differ over duplicate keys, the case of keys, NUL, invalid UTF-8, a bare CR, a byte order mark, several
//! values on one line; a call that is judged by one reading and run by another is the classic way past a filter. What
//! they differ over is refused here. What is valid JSON and only odd passes: lone surrogate escapes in values, `1e999`,
//! numbers of forty digits, nesting up to [`MAX_DEPTH`].
//!
//! It takes one pass, no recursion, and after the first few lines no allocation. serde_json cannot do this: it refuses
//! lone surrogates and numbers that overflow, and it does not see duplicates without building values.

mod scalar;

use std::ops::Range;

use super::fault::{Fault, excerpt};
use super::lookalike::{self, Likeness};
use super::text::{plain_end, push_decoded, stop_bits};
use crate::limits::{KEEP_BUFFER, MAX_DEPTH};

/// The keys of a JSON-RPC message.
pub const ENVELOPE_KEYS: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

/// In which objects of a line duplicate keys and NULs are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrictDepth(usize);

impl StrictDepth {
    /// In all objects: what a client sends is judged as a whole.
    pub const EVERYTHING: Self = Self(usize::MAX);
    /// In the outermost object: only the envelope of a server's answer is judged.
    pub const ENVELOPE: Self = Self(1);
    /// Down to the objects in a list that a server sends: message, result, list, item.
    pub const LIST: Self = Self(4);
    /// Down to the files of a skill in a list: message, result, list, skill, its list, file.
    pub const SKILLS: Self = Self(6);
}

/// The members of the outermost object that the protocol knows, each as written in the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope<'l> {
    /// The version.
    pub jsonrpc: Option<&'l str>,
    /// The id.
    pub id: Option<&'l str>,
    /// The method, with its quotes.
    pub method: Option<&'l str>,
    /// The parameters.
    pub params: Option<&'l str>,
    /// The result of a response.
    pub result: Option<&'l str>,
    /// The error of a response.
    pub error: Option<&'l str>,
    /// Which keys the objects in it can have, such as those of the result.
    pub inner_keys: KeyLengths,
}

/// The lengths of keys, by which most names are told not to be among them. Only of plain keys is the length enough: of printable
/// ASCII, without escapes or blanks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyLengths(u64);

impl KeyLengths {
    /// What may be any keys.
    pub const ANY: Self = Self(u64::MAX);
    const NOT_PLAIN: u64 = 1 << 63;

    /// Whether some key may be this name, of ASCII and shorter than 63 bytes, or be taken for it by some parser.
    pub fn may_have(self, name: &str) -> bool {
        self.0 & (Self::NOT_PLAIN | Self::bit(name.len())) != 0
    }

    fn bit(length: usize) -> u64 {
        if length < 63 { 1 << length } else { Self::NOT_PLAIN }
    }

    fn add(&mut self, key: &[u8]) {
        let is_plain = key.iter().fold(true, |plain, byte| plain & byte.is_ascii_graphic() & (*byte != b'\\'));
        self.0 |= if is_plain { Self::bit(key.len()) } else { Self::NOT_PLAIN };
    }
}

impl<'l> Envelope<'l> {
    fn member_mut(&mut self, name: &str) -> &mut Option<&'l str> {
        match name {
            "jsonrpc" => &mut self.jsonrpc,
            "id" => &mut self.id,
            "method" => &mut self.method,
            "params" => &mut self.params,
            "result" => &mut self.result,
            _ => &mut self.error,
        }
    }
}

/// Up to this many keys, duplicates are found by comparing each pair; beyond it, by sorting.
const FEW_KEYS: usize = 16;

/// From this many bytes of a string on, the rest is scanned in blocks: keys are shorter, most of a large message is
/// not.
const LONG: usize = 32;

/// An open container: where its keys begin, or an array.
#[derive(Clone, Copy, Debug)]
enum Level {
    Array,
    Object { keys: usize },
}

/// A key: in the line, or decoded in the reader's arena.
#[derive(Clone, Copy, Debug)]
struct KeyPlace {
    /// `start << 1`, with the lowest bit set if the key is in the arena.
    place: u32,
    len: u32,
}

/// Reads lines strictly, and keeps its buffers from one line to the next.
#[derive(Debug, Default)]
pub struct Reader {
    levels: Vec<Level>,
    keys: Vec<KeyPlace>,
    /// Decoded keys, for those that are written with escapes.
    arena: String,
    /// Whether one of them holds a lone surrogate, which some parsers replace and others leave out.
    has_lone_surrogate: bool,
}

impl Reader {
    /// Reads one line, with or without its line end.
    ///
    /// # Errors
    /// With the first thing that is wrong with it.
    pub fn read_line<'l>(&mut self, line: &'l [u8], depth: StrictDepth) -> Result<Envelope<'l>, Fault> {
        let text = std::str::from_utf8(trim_line_end(line)).map_err(|error| Fault::Utf8(error.valid_up_to()))?;
        self.start_scan(text, depth).scan_message()
    }

    /// Reads one object as strictly as those inside a line, and nothing else: what may be a member of a message.
    ///
    /// # Errors
    /// With the first thing that is wrong with it. Places are bytes of `text`.
    pub fn read_object(&mut self, text: &str) -> Result<(), Fault> {
        self.start_scan(text, StrictDepth::EVERYTHING).scan_object()
    }

    fn start_scan<'l>(&mut self, text: &'l str, depth: StrictDepth) -> Scan<'_, 'l> {
        self.levels.clear();
        self.keys.clear();
        self.arena.clear();
        self.has_lone_surrogate = false;
        if self.keys.capacity() * size_of::<KeyPlace>() + self.arena.capacity() > KEEP_BUFFER {
            *self = Self::default();
        }
        Scan { reader: self, text, bytes: text.as_bytes(), at: 0, depth, inner_keys: KeyLengths::default() }
    }
}

/// Returns a line without its `\n` or `\r\n`.
pub fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A string as written: where it is, between its quotes, and whether it has escapes.
struct RawText {
    range: Range<usize>,
    spelling: Spelling,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    Plain,
    Escaped,
}

struct Scan<'r, 'l> {
    reader: &'r mut Reader,
    text: &'l str,
    bytes: &'l [u8],
    at: usize,
    depth: StrictDepth,
    inner_keys: KeyLengths,
}

impl<'l> Scan<'_, 'l> {
    fn scan_message(mut self) -> Result<Envelope<'l>, Fault> {
        self.skip_to_object()?;
        let mut envelope = Envelope::default();
        let mut more = self.enter_object()?;
        while more {
            let name = self.envelope_key()?;
            let start = self.at;
            self.scan_value()?;
            if let Some(name) = name {
                *envelope.member_mut(name) = self.text.get(start..self.at);
            }
            more = self.next_member(b'}')?;
        }
        self.skip_blanks();
        match self.peek() {
            None => Ok(Envelope { inner_keys: self.inner_keys, ..envelope }),
            Some(b'\r') => Err(Fault::CarriageReturn(self.at)),
            Some(_) => Err(Fault::Trailing(self.at)),
        }
    }

    fn scan_object(mut self) -> Result<(), Fault> {
        self.skip_blanks();
        self.skip_to_object().map_err(|fault| if fault == Fault::Batch { Fault::NoObject } else { fault })?;
        self.scan_value()?;
        self.skip_blanks();
        if self.peek().is_none() { Ok(()) } else { Err(Fault::Trailing(self.at)) }
    }

    /// Moves to the object: only spaces may come before it.
    fn skip_to_object(&mut self) -> Result<(), Fault> {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'{') => Ok(()),
            Some(b'[') => Err(Fault::Batch),
            Some(b'\r') => Err(Fault::CarriageReturn(self.at)),
            Some(byte) if byte < b' ' => Err(Fault::Control { byte, at: self.at }),
            _ if self.text.get(self.at..).is_some_and(|rest| rest.starts_with('\u{feff}')) => Err(Fault::ByteOrderMark),
            Some(b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') if self.scan_value().is_ok() => Err(Fault::NoObject),
            _ => Err(Fault::Syntax(self.at)),
        }
    }

    /// Reads the next key of the outermost object and its colon. Returns the protocol's name for it, if it has one.
    fn envelope_key(&mut self) -> Result<Option<&'static str>, Fault> {
        let key = self.scan_key()?;
        let spelling = key.spelling;
        let key = self.last_key_text(&key);
        match lookalike::compare_key(key, &ENVELOPE_KEYS) {
            Likeness::Is(name) if spelling == Spelling::Escaped => Err(Fault::EscapedKey(name)),
            Likeness::Is(name) => Ok(Some(name)),
            Likeness::Like(name) => Err(Fault::LookAlike { key: excerpt(key), name }),
            Likeness::Other => Ok(None),
        }
    }

    fn scan_value(&mut self) -> Result<(), Fault> {
        let base = self.reader.levels.len();
        loop {
            self.skip_blanks();
            let mut more = match self.peek() {
                Some(b'{') => self.enter_object()?,
                Some(b'[') => self.enter_container(Level::Array, b']')?,
                Some(b'"') => self.scan_string().map(|_| false)?,
                Some(b'-' | b'0'..=b'9') => self.scan_number().map(|()| false)?,
                Some(b't') => self.scan_literal(b"true")?,
                Some(b'f') => self.scan_literal(b"false")?,
                Some(b'n') => self.scan_literal(b"null")?,
                _ => return Err(self.unexpected()),
            };
            // After a value, its containers may end or go on.
            while !more {
                if self.reader.levels.len() == base {
                    return Ok(());
                }
                more = match self.reader.levels.last() {
                    Some(Level::Object { .. }) => self.next_member(b'}')?,
                    _ => self.next_member(b']')?,
                };
            }
            if let Some(Level::Object { .. }) = self.reader.levels.last() {
                self.scan_key()?;
            }
        }
    }

    /// Opens an object. Returns whether a key follows.
    fn enter_object(&mut self) -> Result<bool, Fault> {
        self.enter_container(Level::Object { keys: self.reader.keys.len() }, b'}')
    }

    /// Opens a container. Returns whether it has content.
    fn enter_container(&mut self, level: Level, end: u8) -> Result<bool, Fault> {
        if self.reader.levels.len() == MAX_DEPTH {
            return Err(Fault::Depth);
        }
        self.reader.levels.push(level);
        self.at += 1;
        self.skip_blanks();
        let is_empty = self.peek() == Some(end);
        if is_empty {
            self.close_container();
        }
        Ok(!is_empty)
    }

    fn close_container(&mut self) {
        self.at += 1;
        self.reader.levels.pop();
    }

    /// Goes on after a value in an object or array. Returns whether another member follows.
    fn next_member(&mut self, end: u8) -> Result<bool, Fault> {
        self.skip_blanks();
        let is_next = match self.peek() {
            Some(b',') => true,
            Some(byte) if byte == end => false,
            _ => return Err(self.unexpected()),
        };
        if is_next {
            self.at += 1;
            self.skip_blanks();
        } else {
            self.check_duplicates()?;
            self.close_container();
        }
        Ok(is_next)
    }

    /// Scans a key and its colon. If the object is judged, the key is remembered and compared.
    fn scan_key(&mut self) -> Result<RawText, Fault> {
        self.skip_blanks();
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        let key = self.scan_string()?;
        self.skip_blanks();
        if self.peek() != Some(b':') {
            return Err(self.unexpected());
        }
        self.at += 1;
        self.skip_blanks();
        let depth = self.reader.levels.len();
        if depth == 2 {
            self.inner_keys.add(self.bytes.get(key.range.clone()).unwrap_or_default());
        }
        if depth <= self.depth.0 {
            self.remember_key(&key)?;
        }
        Ok(key)
    }

    fn remember_key(&mut self, key: &RawText) -> Result<(), Fault> {
        let too_long = || Fault::Syntax(key.range.start);
        let (start, len, arena) = match key.spelling {
            Spelling::Plain => (key.range.start, key.range.len(), 0),
            Spelling::Escaped => {
                let start = self.reader.arena.len();
                push_decoded(self.text.get(key.range.clone()).unwrap_or_default(), &mut self.reader.arena);
                let decoded = self.reader.arena.get(start..).unwrap_or_default();
                self.reader.has_lone_surrogate |= decoded.contains(char::REPLACEMENT_CHARACTER);
                (start, self.reader.arena.len() - start, 1)
            }
        };
        let place = u32::try_from(start).ok().and_then(|start| start.checked_mul(2)).ok_or_else(too_long)? | arena;
        let key = KeyPlace { place, len: u32::try_from(len).map_err(|_| too_long())? };
        let bytes = self.key_bytes(key);
        if arena == 1 && bytes.contains(&0) {
            return Err(Fault::NulInKey(excerpt(self.key_text(key))));
        }
        let Some(Level::Object { keys }) = self.reader.levels.last().copied() else { return Ok(()) };
        let before = self.reader.keys.get(keys..).unwrap_or_default();
        if before.len() < FEW_KEYS {
            for other in before {
                if other.len == key.len && self.key_bytes(*other) == bytes {
                    return Err(Fault::Duplicate(excerpt(self.key_text(key))));
                }
            }
        }
        self.reader.keys.push(key);
        Ok(())
    }

    /// Checks at an object's end that no key occurs twice among its many keys, nor once lone surrogates are left out.
    /// Forgets the keys.
    fn check_duplicates(&mut self) -> Result<(), Fault> {
        let Some(Level::Object { keys: start }) = self.reader.levels.last().copied() else { return Ok(()) };
        if !self.reader.has_lone_surrogate && self.reader.keys.len() <= start + FEW_KEYS {
            self.forget_keys(start);
            return Ok(());
        }
        let mut keys = std::mem::take(&mut self.reader.keys);
        let certain = |key: &KeyPlace| self.key_text(*key).chars().filter(|c| *c != char::REPLACEMENT_CHARACTER);
        let compare = |one: &KeyPlace, other: &KeyPlace| match self.reader.has_lone_surrogate {
            true => certain(one).cmp(certain(other)),
            false => self.key_text(*one).cmp(self.key_text(*other)),
        };
        let twice = match keys.get_mut(start..) {
            Some(keys) if self.reader.has_lone_surrogate || keys.len() > FEW_KEYS => {
                keys.sort_unstable_by(compare);
                keys.array_windows()
                    .find(|[one, other]| compare(one, other).is_eq())
                    .map(|[one, _]| excerpt(self.key_text(*one)))
            }
            _ => None,
        };
        self.reader.keys = keys;
        self.forget_keys(start);
        twice.map_or(Ok(()), |key| Err(Fault::Duplicate(key)))
    }

    fn forget_keys(&mut self, start: usize) {
        self.reader.keys.truncate(start);
        if start == 0 {
            self.reader.arena.clear();
        }
    }

    fn key_bytes(&self, key: KeyPlace) -> &[u8] {
        let start = (key.place >> 1) as usize;
        let source = if key.place & 1 == 0 { self.bytes } else { self.reader.arena.as_bytes() };
        source.get(start..start + key.len as usize).unwrap_or_default()
    }

    fn key_text(&self, key: KeyPlace) -> &str {
        let start = (key.place >> 1) as usize;
        let source = if key.place & 1 == 0 { self.text } else { &self.reader.arena };
        source.get(start..start + key.len as usize).unwrap_or_default()
    }

    /// Returns the decoded text of the key that was remembered last.
    fn last_key_text(&self, key: &RawText) -> &str {
        match self.reader.keys.last() {
            Some(last) => self.key_text(*last),
            None => self.text.get(key.range.clone()).unwrap_or_default(),
        }
    }

    /// Scans a string; the cursor is on its opening quote.
    fn scan_string(&mut self) -> Result<RawText, Fault> {
        let start = self.at + 1;
        let (mut at, mut until) = (start, start + LONG);
        let mut spelling = Spelling::Plain;
        // Nearly every key, and most values of a call, are short and plain.
        at = plain_end(self.bytes, at, until);
        if self.bytes.get(at) == Some(&b'"') {
            self.at = at + 1;
            return Ok(RawText { range: start..at, spelling });
        }
        loop {
            at = plain_end(self.bytes, at, until);
            if at >= until {
                at = self.scan_long_string(at, &mut spelling)?;
                until = usize::MAX;
                continue;
            }
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    spelling = Spelling::Escaped;
                    at += self.escape_length(at)?;
                }
                Some(b'\r') => return Err(Fault::CarriageReturn(at)),
                Some(&byte) => return Err(Fault::Control { byte, at }),
                None => return Err(Fault::Syntax(at)),
            }
        }
        self.at = at + 1;
        Ok(RawText { range: start..at, spelling })
    }

    /// Scans the rest of a string block by block, up to its end, a fault, or the last bytes of the line.
    fn scan_long_string(&self, mut base: usize, spelling: &mut Spelling) -> Result<usize, Fault> {
        // Where the last escape ends.
        let mut at = base;
        while let Some(block) = self.bytes.get(base..).and_then(|rest| rest.first_chunk()) {
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

    fn escape_length(&self, at: usize) -> Result<usize, Fault> {
        match self.bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
            Some(b'u') => match self.bytes.get(at + 2..at + 6) {
                Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(6),
                _ => Err(Fault::Syntax(at)),
            },
            _ => Err(Fault::Syntax(at)),
        }
    }

    #[inline]
    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn unexpected(&self) -> Fault {
        match self.peek() {
            Some(b'\r') => Fault::CarriageReturn(self.at),
            Some(byte) if byte < b' ' => Fault::Control { byte, at: self.at },
            _ => Fault::Syntax(self.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Envelope<'_>, Fault> {
        Reader::default().read_line(line.as_bytes(), StrictDepth::EVERYTHING)
    }

    #[test]
    fn the_members_come_as_written() {
        let line = "  {\"jsonrpc\" :\"2.0\",\t\"id\": 1.0 ,\"x\":[],\"method\":\"a\\/b\",\"params\":{\"a\":[{},1e999,\"\\ud83d\"]} } \r\n";
        let envelope = read(line).unwrap();
        assert_eq!(envelope.jsonrpc, Some("\"2.0\""));
        assert_eq!(envelope.id, Some("1.0"));
        assert_eq!(envelope.method, Some("\"a\\/b\""));
        assert_eq!(envelope.params, Some("{\"a\":[{},1e999,\"\\ud83d\"]}"));
        assert_eq!((envelope.result, envelope.error), (None, None));
    }

    #[test]
    fn many_keys_are_compared_as_well() {
        let object = |keys: usize, last: &str| {
            let keys: Vec<_> = (0..keys).map(|n| format!("\"key{n}\":1")).collect();
            format!("{{\"params\":{{{},\"{last}\":2}}}}", keys.join(","))
        };
        for keys in [1, 15, 16, 17, 1000] {
            assert!(read(&object(keys, "other")).is_ok(), "{keys}");
            assert_eq!(read(&object(keys, "k\\u0065y0")), Err(Fault::Duplicate("key0".into())), "{keys}");
        }
    }

    #[test]
    fn keys_of_different_objects_are_not_compared() {
        assert!(read(r#"{"a":{"a":1,"b":{"a":1}},"b":[{"a":1},{"a":1}]}"#).is_ok());
        assert!(read(r#"{"a":{"\u0061":1},"b":{"\u0061":1,"\u0062":{"\u0061":1}}}"#).is_ok());
    }

    #[test]
    fn keys_that_become_one_where_lone_surrogates_are_replaced() {
        assert!(matches!(read(r#"{"p":{"\ud83d":1,"\ude00":2}}"#), Err(Fault::Duplicate(_))));
        assert!(read(r#"{"p":{"\ud83d\ude00":1,"\ud83d\ude01":2}}"#).is_ok());
    }

    #[test]
    fn a_million_keys_take_no_quadratic_time() {
        let keys: Vec<_> = (0..1_000_000).map(|n| format!("\"{n}\":1")).collect();
        assert!(read(&format!("{{{}}}", keys.join(","))).is_ok());
    }

    #[test]
    fn only_the_judged_levels_are_compared() {
        let read = |line: &str, judged| Reader::default().read_line(line.as_bytes(), judged).is_ok();
        let deep = r#"{"id":1,"result":{"tools":[{"name":"a","inputSchema":{"x":1,"x":2}}]}}"#;
        assert!(read(deep, StrictDepth::LIST) && !read(deep, StrictDepth::EVERYTHING));
        let item = r#"{"id":1,"result":{"tools":[{"name":"a","name":"b"}]}}"#;
        assert!(read(item, StrictDepth::ENVELOPE) && !read(item, StrictDepth::LIST));
        assert!(!read(r#"{"id":1,"id":2}"#, StrictDepth::ENVELOPE));
    }
}
