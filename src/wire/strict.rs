//! The strict reader: a line is a message only if every reasonable JSON parser reads it alike.
//!
//! Parsers differ over duplicate keys, the case of keys, NUL, invalid UTF-8, a bare CR, a byte order mark, several
//! values on one line; a call that is judged by one reading and run by another is the classic way past a filter. What
//! they differ over is refused here. What is valid JSON and only odd passes: lone surrogate escapes in values, `1e999`,
//! numbers of forty digits, nesting up to [`MAX_DEPTH`].
//!
//! One pass, no recursion, and after the first few lines no allocation. serde_json cannot do this: it refuses lone
//! surrogates and numbers that overflow, and it does not see duplicates without building values.

use std::ops::Range;

use super::lookalike::{self, Likeness};
use crate::limits::{KEEP_BUFFER, MAX_DEPTH};

/// The keys of a JSON-RPC message itself.
pub const ENVELOPE_KEYS: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

/// Why a line is not acceptable. The text says what is wrong, and where where that helps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes are not UTF-8.
    #[error("it is not valid UTF-8 (at byte {0})")]
    Utf8(usize),
    /// A byte order mark.
    #[error("it begins with a byte order mark")]
    ByteOrderMark,
    /// A control byte before the value or inside a string.
    #[error("it holds a raw control byte 0x{byte:02x} (at byte {at})")]
    Control {
        /// The byte.
        byte: u8,
        /// Where it stands.
        at: usize,
    },
    /// A carriage return that does not end the line: some parsers end a line there.
    #[error("it holds a bare carriage return (at byte {0})")]
    CarriageReturn(usize),
    /// No JSON.
    #[error("it is not valid JSON (at byte {0})")]
    Syntax(usize),
    /// Something after the object.
    #[error("it holds more than one value (at byte {0})")]
    Trailing(usize),
    /// An array: a batch of messages.
    #[error("it is a batch, which MCP does not have")]
    Batch,
    /// A value, but no object.
    #[error("it is no JSON object")]
    NoObject,
    /// Nested too deeply.
    #[error("it is nested more than {MAX_DEPTH} levels deep")]
    Depth,
    /// A key that stands twice in one object.
    #[error("the key {0:?} stands twice in one object")]
    Duplicate(String),
    /// A key that some parser takes for a protocol key.
    #[error("some parsers take the key {key:?} for \"{name}\"")]
    LookAlike {
        /// The key, decoded.
        key: String,
        /// The protocol key.
        name: &'static str,
    },
    /// A protocol key that is written with escapes.
    #[error("the key \"{0}\" is written with escapes")]
    EscapedKey(&'static str),
    /// A key with U+0000, at which some parsers cut it.
    #[error("the key {0:?} holds a NUL")]
    NulInKey(String),
    /// The version is not "2.0".
    #[error("\"jsonrpc\" is not \"2.0\"")]
    Version,
    /// An id that is neither a string nor an integer.
    #[error("{0}")]
    Id(super::id::IdError),
    /// A member of the wrong type.
    #[error("\"{name}\" is not {expected}")]
    Type {
        /// The member.
        name: &'static str,
        /// What it has to be, with its article.
        expected: &'static str,
    },
    /// A method or name that some parser takes for another.
    #[error("some parsers take the {what} {text:?} for another one")]
    Ambiguous {
        /// What it is: "method" or "name".
        what: &'static str,
        /// The text, decoded as well as it can be.
        text: String,
    },
    /// A name that is longer than any tool's.
    #[error("the name is longer than {max} bytes", max = crate::limits::MAX_NAME)]
    NameLength,
    /// Neither request nor notification nor response.
    #[error("it is neither a request nor a notification nor a response")]
    Shape,
}

impl Fault {
    /// Whether the bytes are no JSON text at all, rather than a JSON value that is no acceptable message.
    pub fn is_parse_error(&self) -> bool {
        matches!(
            self,
            Self::Utf8(_)
                | Self::ByteOrderMark
                | Self::Control { .. }
                | Self::CarriageReturn(_)
                | Self::Syntax(_)
                | Self::Trailing(_)
        )
    }
}

/// In which objects of a line duplicate keys and NULs are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged(usize);

impl Judged {
    /// In all: what a client sends is judged as a whole.
    pub const EVERYTHING: Self = Self(usize::MAX);
    /// In the outermost object: of a server's answer only the envelope is judged.
    pub const ENVELOPE: Self = Self(1);
    /// Down to the objects in a list that a server sends: message, result, list, item.
    pub const LIST: Self = Self(4);
}

/// The members of the outermost object that the protocol knows, each as it is written in the line.
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
}

impl<'l> Envelope<'l> {
    fn member(&mut self, name: &str) -> &mut Option<&'l str> {
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

/// Up to this many keys an object's duplicates are found by comparing each pair, beyond it by sorting.
const FEW_KEYS: usize = 16;

/// A container that is open: where its keys begin, or an array.
#[derive(Clone, Copy, Debug)]
enum Level {
    Array,
    Object { keys: usize },
}

/// A key: in the line, or decoded in the reader's arena.
#[derive(Clone, Copy, Debug)]
struct Key {
    /// `start << 1`, with the lowest bit set where the key is in the arena.
    place: u32,
    len: u32,
}

/// Reads lines strictly, and keeps its buffers from one line to the next.
#[derive(Debug, Default)]
pub struct Reader {
    levels: Vec<Level>,
    keys: Vec<Key>,
    /// Decoded keys, for those that are written with escapes.
    arena: String,
}

impl Reader {
    /// Reads one line, with or without its line end.
    ///
    /// # Errors
    /// With the first thing that is wrong with it.
    pub fn read<'l>(&mut self, line: &'l [u8], judged: Judged) -> Result<Envelope<'l>, Fault> {
        self.levels.clear();
        self.keys.clear();
        self.arena.clear();
        if self.keys.capacity() * size_of::<Key>() + self.arena.capacity() > KEEP_BUFFER {
            *self = Self::default();
        }
        let text = std::str::from_utf8(without_line_end(line)).map_err(|error| Fault::Utf8(error.valid_up_to()))?;
        Scan { reader: self, text, bytes: text.as_bytes(), at: 0, judged }.message()
    }
}

/// A line without its `\n` or `\r\n`.
pub fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A string as it is written: where, between its quotes, and whether escapes are in it.
struct Text {
    range: Range<usize>,
    spelling: Spelling,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    Plain,
    Escaped,
}

/// One pass over one line.
struct Scan<'r, 'l> {
    reader: &'r mut Reader,
    text: &'l str,
    bytes: &'l [u8],
    at: usize,
    judged: Judged,
}

impl<'l> Scan<'_, 'l> {
    fn message(mut self) -> Result<Envelope<'l>, Fault> {
        self.start()?;
        let mut envelope = Envelope::default();
        let mut more = self.enter_object()?;
        while more {
            let name = self.envelope_key()?;
            let start = self.at;
            self.value()?;
            if let Some(name) = name {
                *envelope.member(name) = self.text.get(start..self.at);
            }
            more = self.next_in_object()?;
        }
        self.blanks();
        match self.peek() {
            None => Ok(envelope),
            Some(b'\r') => Err(Fault::CarriageReturn(self.at)),
            Some(_) => Err(Fault::Trailing(self.at)),
        }
    }

    /// Up to the object: only spaces may stand before it.
    fn start(&mut self) -> Result<(), Fault> {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'{') => Ok(()),
            Some(b'[') => Err(Fault::Batch),
            Some(b'\r') => Err(Fault::CarriageReturn(self.at)),
            Some(byte) if byte < b' ' => Err(Fault::Control { byte, at: self.at }),
            _ if self.text.get(self.at..).is_some_and(|rest| rest.starts_with('\u{feff}')) => Err(Fault::ByteOrderMark),
            Some(b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') if self.value().is_ok() => Err(Fault::NoObject),
            _ => Err(Fault::Syntax(self.at)),
        }
    }

    /// The next key of the outermost object and its colon; the protocol's name for it, if it has one.
    fn envelope_key(&mut self) -> Result<Option<&'static str>, Fault> {
        let key = self.key()?;
        let spelling = key.spelling;
        let key = self.pushed_key_text(&key);
        match lookalike::likeness(key, &ENVELOPE_KEYS) {
            Likeness::Is(name) if spelling == Spelling::Escaped => Err(Fault::EscapedKey(name)),
            Likeness::Is(name) => Ok(Some(name)),
            Likeness::Like(name) => Err(Fault::LookAlike { key: key.to_owned(), name }),
            Likeness::Other => Ok(None),
        }
    }

    /// One value of any kind, with all that is in it.
    fn value(&mut self) -> Result<(), Fault> {
        let base = self.reader.levels.len();
        loop {
            self.blanks();
            let mut more = match self.peek() {
                Some(b'{') => self.enter_object()?,
                Some(b'[') => self.enter_array()?,
                Some(b'"') => {
                    self.string()?;
                    false
                }
                Some(b'-' | b'0'..=b'9') => {
                    self.number()?;
                    false
                }
                Some(b't') => self.literal(b"true")?,
                Some(b'f') => self.literal(b"false")?,
                Some(b'n') => self.literal(b"null")?,
                _ => return Err(self.unexpected()),
            };
            // After a value, its containers may end or go on.
            while !more {
                if self.reader.levels.len() == base {
                    return Ok(());
                }
                more = match self.reader.levels.last() {
                    Some(Level::Object { .. }) => self.next_in_object()?,
                    _ => self.next_in_array()?,
                };
            }
            if let Some(Level::Object { .. }) = self.reader.levels.last() {
                self.key()?;
            }
        }
    }

    /// Opens an object; whether a key follows.
    fn enter_object(&mut self) -> Result<bool, Fault> {
        self.open(Level::Object { keys: self.reader.keys.len() })?;
        if self.peek() == Some(b'}') {
            self.close();
            return Ok(false);
        }
        Ok(true)
    }

    /// Opens an array; whether an element follows.
    fn enter_array(&mut self) -> Result<bool, Fault> {
        self.open(Level::Array)?;
        if self.peek() == Some(b']') {
            self.close();
            return Ok(false);
        }
        Ok(true)
    }

    fn open(&mut self, level: Level) -> Result<(), Fault> {
        if self.reader.levels.len() == MAX_DEPTH {
            return Err(Fault::Depth);
        }
        self.reader.levels.push(level);
        self.at += 1;
        self.blanks();
        Ok(())
    }

    fn close(&mut self) {
        self.at += 1;
        self.reader.levels.pop();
    }

    /// After a value in an object: whether another key follows.
    fn next_in_object(&mut self) -> Result<bool, Fault> {
        self.blanks();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.blanks();
                Ok(true)
            }
            Some(b'}') => {
                self.no_duplicates()?;
                self.close();
                Ok(false)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// After a value in an array: whether another one follows.
    fn next_in_array(&mut self) -> Result<bool, Fault> {
        self.blanks();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(b']') => {
                self.close();
                Ok(false)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// A key and its colon. Where the object is judged, the key is remembered and compared.
    fn key(&mut self) -> Result<Text, Fault> {
        self.blanks();
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        let key = self.string()?;
        self.blanks();
        if self.peek() != Some(b':') {
            return Err(self.unexpected());
        }
        self.at += 1;
        self.blanks();
        if self.reader.levels.len() <= self.judged.0 {
            self.remember(&key)?;
        }
        Ok(key)
    }

    fn remember(&mut self, key: &Text) -> Result<(), Fault> {
        let too_long = || Fault::Syntax(key.range.start);
        let (start, len, arena) = match key.spelling {
            Spelling::Plain => (key.range.start, key.range.len(), 0),
            Spelling::Escaped => {
                let start = self.reader.arena.len();
                decode_lossy(self.text.get(key.range.clone()).unwrap_or_default(), &mut self.reader.arena);
                (start, self.reader.arena.len() - start, 1)
            }
        };
        let place = u32::try_from(start).ok().and_then(|start| start.checked_mul(2)).ok_or_else(too_long)? | arena;
        let key = Key { place, len: u32::try_from(len).map_err(|_| too_long())? };
        let text = self.decoded(key);
        if arena == 1 && text.contains('\0') {
            return Err(Fault::NulInKey(text.to_owned()));
        }
        let Some(Level::Object { keys }) = self.reader.levels.last().copied() else { return Ok(()) };
        let before = self.reader.keys.get(keys..).unwrap_or_default();
        if before.len() < FEW_KEYS && before.iter().any(|other| self.decoded(*other) == text) {
            return Err(Fault::Duplicate(text.to_owned()));
        }
        self.reader.keys.push(key);
        Ok(())
    }

    /// At an object's end: no key stands twice among its many keys. Forgets them.
    fn no_duplicates(&mut self) -> Result<(), Fault> {
        let Some(Level::Object { keys: start }) = self.reader.levels.last().copied() else { return Ok(()) };
        let mut keys = std::mem::take(&mut self.reader.keys);
        let twice = match keys.get_mut(start..) {
            Some(keys) if keys.len() > FEW_KEYS => {
                keys.sort_unstable_by(|one, other| self.decoded(*one).cmp(self.decoded(*other)));
                keys.windows(2).find_map(|pair| match pair {
                    [one, other] if self.decoded(*one) == self.decoded(*other) => Some(self.decoded(*one).to_owned()),
                    _ => None,
                })
            }
            _ => None,
        };
        keys.truncate(start);
        self.reader.keys = keys;
        if start == 0 {
            self.reader.arena.clear();
        }
        twice.map_or(Ok(()), |key| Err(Fault::Duplicate(key)))
    }

    fn decoded(&self, key: Key) -> &str {
        let start = (key.place >> 1) as usize;
        let source = if key.place & 1 == 0 { self.text } else { &self.reader.arena };
        source.get(start..start + key.len as usize).unwrap_or_default()
    }

    /// The decoded text of the key that was remembered last.
    fn pushed_key_text(&self, key: &Text) -> &str {
        match self.reader.keys.last() {
            Some(last) => self.decoded(*last),
            None => self.text.get(key.range.clone()).unwrap_or_default(),
        }
    }

    /// A string, the cursor on its opening quote.
    fn string(&mut self) -> Result<Text, Fault> {
        let start = self.at + 1;
        let mut at = start;
        let mut spelling = Spelling::Plain;
        loop {
            at += plain_run(self.bytes.get(at..).unwrap_or_default());
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    spelling = Spelling::Escaped;
                    at += self.escape(at)?;
                }
                Some(b'\r') => return Err(Fault::CarriageReturn(at)),
                Some(&byte) => return Err(Fault::Control { byte, at }),
                None => return Err(Fault::Syntax(at)),
            }
        }
        self.at = at + 1;
        Ok(Text { range: start..at, spelling })
    }

    /// The length of the escape at `at`.
    fn escape(&self, at: usize) -> Result<usize, Fault> {
        match self.bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
            Some(b'u') => match self.bytes.get(at + 2..at + 6) {
                Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(6),
                _ => Err(Fault::Syntax(at)),
            },
            _ => Err(Fault::Syntax(at)),
        }
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected()) } else { Ok(()) }
    }

    /// A literal; nothing more follows in it.
    fn literal(&mut self, word: &[u8]) -> Result<bool, Fault> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            Ok(false)
        } else {
            Err(Fault::Syntax(self.at))
        }
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

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

/// How many bytes of a string come before its next quote, backslash or control byte. Eight at a time: most of a large
/// message is inside strings.
fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // The usual test for a zero byte in a word: the first one that it marks is certain, which is all that is used.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = zero(word ^ (ONES * u64::from(b'"')));
        let backslash = zero(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let found = quote | backslash | control;
        if found != 0 {
            return index * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let tail = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len());
    words.len() * 8 + tail
}

/// Decodes the inside of a JSON string that was read before. A lone surrogate becomes U+FFFD, as many parsers make it.
fn decode_lossy(inside: &str, into: &mut String) {
    let mut rest = inside;
    while let Some((plain, escape)) = rest.split_once('\\') {
        into.push_str(plain);
        let mut chars = escape.chars();
        match chars.next() {
            Some('u') => {
                let (c, used) = unicode_escape(escape);
                into.push(c);
                rest = escape.get(used..).unwrap_or_default();
                continue;
            }
            Some('b') => into.push('\u{8}'),
            Some('f') => into.push('\u{c}'),
            Some('n') => into.push('\n'),
            Some('r') => into.push('\r'),
            Some('t') => into.push('\t'),
            Some(c) => into.push(c),
            None => {}
        }
        rest = chars.as_str();
    }
    into.push_str(rest);
}

/// The character of `uXXXX`, or of a pair `uXXXX\uXXXX`, and the bytes it takes.
fn unicode_escape(escape: &str) -> (char, usize) {
    let unit = |at: usize| escape.get(at..at + 4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let first = unit(1).unwrap_or_default();
    let second = escape.get(5..7).filter(|next| *next == "\\u").and_then(|_| unit(7));
    let pair = [first, second.unwrap_or_default()];
    match char::decode_utf16(pair).next() {
        Some(Ok(c)) if c.len_utf16() == 2 => (c, 11),
        Some(Ok(c)) => (c, 5),
        _ => (char::REPLACEMENT_CHARACTER, 5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Envelope<'_>, Fault> {
        Reader::default().read(line.as_bytes(), Judged::EVERYTHING)
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
        let read = |line: &str, judged| Reader::default().read(line.as_bytes(), judged).is_ok();
        let deep = r#"{"id":1,"result":{"tools":[{"name":"a","inputSchema":{"x":1,"x":2}}]}}"#;
        assert!(read(deep, Judged::LIST) && !read(deep, Judged::EVERYTHING));
        let item = r#"{"id":1,"result":{"tools":[{"name":"a","name":"b"}]}}"#;
        assert!(read(item, Judged::ENVELOPE) && !read(item, Judged::LIST));
        assert!(!read(r#"{"id":1,"id":2}"#, Judged::ENVELOPE));
    }

    #[test]
    fn plain_runs_end_where_a_string_may() {
        for stop in [b'"', b'\\', 0, 0x1f, b'\r'] {
            for before in 0..40 {
                let mut bytes = vec![b'x'; before];
                bytes.extend_from_slice("é\u{7f}~!#[]".as_bytes());
                let expected = bytes.len();
                bytes.push(stop);
                bytes.extend_from_slice(&[b'y'; 20]);
                assert_eq!(plain_run(&bytes), expected, "{stop} after {before}");
            }
        }
        assert_eq!(plain_run(&[0xff; 9]), 9);
    }
}
