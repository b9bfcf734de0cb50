//! The strict reader: a line is a message only if every reasonable JSON parser reads it alike.
//!
//! Parsers differ over duplicate keys, the case of keys, NUL, invalid UTF-8, a bare CR, a byte order mark, several
//! values on one line; a call that is judged by one reading and run by another is the classic way past a filter. What
//! they differ over is refused here. What is valid JSON and only odd passes: lone surrogate escapes in values, `1e999`,
//! numbers of forty digits, nesting up to [`MAX_DEPTH`].
//!
//! It takes one pass (with a look before, at lines that are short and at members that are long), no recursion, and after the first few lines no
//! allocation. serde_json cannot do this: it refuses lone surrogates and numbers that overflow, and it does not see
//! duplicates without building values.

mod envelope;
mod key_judge;
mod level;
mod member_values;
mod members;
mod plain;
mod scalar;
mod string;
mod values;

use super::fault::{Fault, excerpt};
use super::lookalike::{self, Likeness};
use super::text::push_decoded;
use crate::limits::{KEEP_BUFFER, MAX_DEPTH};
pub use envelope::{ENVELOPE_KEYS, Envelope};
use level::{KeyPlace, Level, LevelKind};
use members::CALL_MEMBER_KEYS;
pub use members::{CallMembers, KeyMarks};
use string::Spelling;

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

/// Up to this many keys, duplicates are found by comparing each pair; beyond it, by sorting.
const FEW_KEYS: usize = 16;

/// What was scanned, or what is wrong with the line. A fault is large and rare, so it is elsewhere.
type Scanned<T> = Result<T, Box<Fault>>;

/// Reads lines strictly, and keeps its buffers from one line to the next.
#[derive(Debug, Default)]
pub struct Reader {
    /// Those around each depth.
    levels: Vec<Level>,
    keys: Vec<KeyPlace>,
    /// Decoded keys, for those that are written with escapes.
    arena: String,
    /// Whether one of them holds a lone surrogate, which some parsers replace and others leave out.
    has_lone_surrogate: bool,
    marks: plain::Marks,
}

impl Reader {
    /// Reads one line, with or without its line end.
    ///
    /// # Errors
    /// With the first thing that is wrong with it.
    pub fn read_line<'l>(&mut self, line: &'l [u8], depth: StrictDepth) -> Result<Envelope<'l>, Fault> {
        let line = trim_line_end(line);
        let text = simdutf8::basic::from_utf8(line).map_err(|_| find_utf8_fault(line))?;
        self.shrink();
        if let Some(envelope) = plain::read_plain(text, depth, &mut self.marks) {
            return Ok(envelope);
        }
        self.start_scan(text, depth, Outermost::Message).scan_message().map_err(|fault| *fault)
    }

    /// Reads one object as strictly as those inside a line, and nothing else: what may be a member of a message.
    ///
    /// # Errors
    /// With the first thing that is wrong with it. Places are bytes of `text`.
    pub fn read_object(&mut self, text: &str) -> Result<(), Fault> {
        self.shrink();
        self.start_scan(text, StrictDepth::EVERYTHING, Outermost::Inner).scan_object().map_err(|fault| *fault)
    }

    /// Gives back what an unusual line has needed.
    fn shrink(&mut self) {
        if self.keys.capacity() * size_of::<KeyPlace>() + self.arena.capacity() > KEEP_BUFFER {
            *self = Self { levels: std::mem::take(&mut self.levels), ..Self::default() };
        }
    }

    fn start_scan<'l>(&mut self, text: &'l str, depth: StrictDepth, outermost: Outermost) -> Scan<'_, 'l> {
        if self.levels.len() < MAX_DEPTH {
            self.levels.resize(MAX_DEPTH, Level::OUTSIDE);
        }
        self.keys.clear();
        self.arena.clear();
        self.has_lone_surrogate = false;
        Scan {
            reader: self,
            text,
            bytes: text.as_bytes(),
            depth,
            outermost,
            members: [None; _],
            member: (0, 0),
            inner: (0, 0),
            inner_keys: KeyMarks::default(),
        }
    }
}

#[cold]
fn find_utf8_fault(line: &[u8]) -> Fault {
    Fault::Utf8(std::str::from_utf8(line).map_or_else(|error| error.valid_up_to(), str::len))
}

/// Returns a line without its `\n` or `\r\n`.
pub fn trim_line_end(line: &[u8]) -> &[u8] {
    match line {
        [line @ .., b'\r', b'\n'] | [line @ .., b'\n' | b'\r'] => line,
        _ => line,
    }
}

/// What the outermost object is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outermost {
    Message,
    /// An object like those inside a message.
    Inner,
}

/// A scan of one text. What scans something takes where that begins, and returns where it ends.
struct Scan<'r, 'l> {
    reader: &'r mut Reader,
    text: &'l str,
    bytes: &'l [u8],
    depth: StrictDepth,
    outermost: Outermost,
    /// In the order of [`ENVELOPE_KEYS`], with a place for all others; then those of the parameters in the order of
    /// [`CALL_MEMBER_KEYS`], with a place for all others.
    members: [Option<&'l str>; OTHER_PARAMS + 1],
    /// The member of the outermost object that is being read, and where its value begins.
    member: (usize, usize),
    /// The same for the parameters.
    inner: (usize, usize),
    inner_keys: KeyMarks,
}

/// Places of members.
const PARAMS: usize = 3;
const RESULT: usize = 4;
const ERROR: usize = 5;
const OTHER: usize = ENVELOPE_KEYS.len();
const OTHER_PARAMS: usize = OTHER + 1 + CALL_MEMBER_KEYS.len();

impl<'l> Scan<'_, 'l> {
    fn scan_message(mut self) -> Scanned<Envelope<'l>> {
        let at = self.skip_to_object(0)?;
        let at = self.scan_value(at)?;
        let (at, _) = self.skip_blanks(at);
        match self.bytes.get(at) {
            None => {}
            Some(b'\r') => return Err(Fault::CarriageReturn(at).into()),
            Some(_) => return Err(Fault::Trailing(at).into()),
        }
        let [jsonrpc, id, method, params, result, error, other, name, arguments, meta, other_params] = self.members;
        let has_others = other.is_some();
        // Where keys are not judged, one may stand twice.
        let is_whole = other_params.is_none() && self.depth.0 >= 2;
        let call = CallMembers { name, arguments, meta, is_whole };
        Ok(Envelope { jsonrpc, id, method, params, result, error, inner_keys: self.inner_keys, call, has_others })
    }

    fn scan_object(mut self) -> Scanned<()> {
        let (at, _) = self.skip_blanks(0);
        let at = self.skip_to_object(at);
        let at = at.map_err(|fault| if *fault == Fault::Batch { Fault::NoObject.into() } else { fault })?;
        let at = self.scan_value(at)?;
        let (at, _) = self.skip_blanks(at);
        if at == self.bytes.len() { Ok(()) } else { Err(Fault::Trailing(at).into()) }
    }

    /// Returns where the object is: only spaces may come before it.
    fn skip_to_object(&mut self, mut at: usize) -> Scanned<usize> {
        while self.byte(at) == b' ' {
            at += 1;
        }
        if self.byte(at) == b'{' { Ok(at) } else { Err(self.find_no_object(at).into()) }
    }

    /// Returns what is wrong with a text that has something else where an object should be.
    #[cold]
    fn find_no_object(&mut self, at: usize) -> Fault {
        match self.bytes.get(at) {
            Some(b'[') => Fault::Batch,
            Some(b'\r') => Fault::CarriageReturn(at),
            Some(&byte) if byte < b' ' => Fault::Control { byte, at },
            _ if self.text.get(at..).is_some_and(|rest| rest.starts_with('\u{feff}')) => Fault::ByteOrderMark,
            Some(b'"' | b't' | b'f' | b'n') if self.scan_value(at).is_ok() => Fault::NoObject,
            Some(b'-' | b'0'..=b'9') => match self.scan_number(at) {
                Ok(_) => Fault::NoObject,
                Err(fault) => Fault::Syntax(fault.byte_offset().unwrap_or(at)),
            },
            _ => Fault::Syntax(at),
        }
    }

    /// Scans a value in one loop, without recursion.
    fn scan_value(&mut self, at: usize) -> Scanned<usize> {
        // The innermost open container; those around it are among the levels. The outermost value is in none.
        let (mut level, mut depth) = (Level::OUTSIDE, 0);
        let (mut at, mut byte) = (at, self.byte(at));
        loop {
            if level.kind == LevelKind::Object {
                (at, byte) = self.scan_key(at, byte, depth, &mut level)?;
            }
            match byte {
                // Nearly all values are strings and containers.
                b'"' => at = self.scan_string(at)? + 1,
                b'{' | b'['
                    if depth == 1
                        && let Some(end) = self.pass_member(at) =>
                {
                    at = end;
                }
                b'{' | b'[' => {
                    if depth == MAX_DEPTH {
                        return Err(Fault::Depth.into());
                    }
                    let end = byte + 2;
                    let kind = if byte == b'{' { LevelKind::Object } else { LevelKind::Array };
                    (at, byte) = self.skip_blanks(at + 1);
                    if byte != end {
                        if let Some(outer) = self.reader.levels.get_mut(depth) {
                            *outer = level;
                        }
                        // There are fewer keys than a key's place can tell.
                        level = Level { kind, keys: self.reader.keys.len() as u32, lengths: 0 };
                        depth += 1;
                        continue;
                    }
                    at += 1;
                }
                b'-' | b'0'..=b'9' => at = self.scan_number(at)?,
                b't' => at = self.scan_literal(at, b"true")?,
                b'f' => at = self.scan_literal(at, b"false")?,
                b'n' => at = self.scan_literal(at, b"null")?,
                _ => return Err(self.unexpected(at)),
            }
            // After a value, its containers may end or go on.
            loop {
                match depth {
                    0 => return Ok(at),
                    1 => self.end_member(self.member, at),
                    2 if self.member.0 == PARAMS && level.kind == LevelKind::Object => self.end_member(self.inner, at),
                    _ => {}
                }
                (at, byte) = self.skip_blanks(at);
                match byte {
                    b',' => {
                        (at, byte) = self.skip_blanks(at + 1);
                        break;
                    }
                    b'}' if level.kind == LevelKind::Object => self.check_duplicates(level.keys as usize)?,
                    b']' if level.kind == LevelKind::Array => {}
                    _ => return Err(self.unexpected(at)),
                }
                (at, depth) = (at + 1, depth - 1);
                level = self.reader.levels.get(depth).copied().unwrap_or(Level::OUTSIDE);
            }
        }
    }

    /// Scans a key and its colon. If the object is judged, the key is remembered and compared with those before it in its `level`.
    /// Returns where the value begins, and with what.
    #[inline]
    fn scan_key(&mut self, at: usize, byte: u8, depth: usize, level: &mut Level) -> Scanned<(usize, u8)> {
        if byte != b'"' {
            return Err(self.unexpected(at));
        }
        let start = at + 1;
        let (end, spelling) = match self.short_string_end(start) {
            Some(end) => (end, Spelling::Plain),
            None => self.scan_other_string(start)?,
        };
        let at = match self.byte(end + 1) {
            b':' => end + 1,
            _ => self.skip_to_colon(end + 1)?,
        };
        let (at, byte) = self.skip_blanks(at + 1);
        if depth == 2 && matches!(self.member.0, RESULT | ERROR) {
            self.inner_keys.add(self.bytes.get(start..end).unwrap_or_default());
        }
        if depth == 1 {
            self.member = (self.find_member((start, end), spelling, level)?, at);
        } else if depth <= self.depth.0 {
            self.remember_key(start, end, spelling, level)?;
        }
        if depth == 2 && self.member.0 == PARAMS {
            self.inner = (self.find_param(start, end), at);
        }
        Ok((at, byte))
    }

    #[inline(never)]
    fn skip_to_colon(&self, at: usize) -> Scanned<usize> {
        let (at, byte) = self.skip_blanks(at);
        if byte == b':' { Ok(at) } else { Err(self.unexpected(at)) }
    }

    /// Returns the place of a member of the outermost object, which is judged always.
    #[inline]
    fn find_member(&mut self, (start, end): (usize, usize), spelling: Spelling, level: &mut Level) -> Scanned<usize> {
        let written = self.bytes.get(start..end).unwrap_or_default();
        let place = match written {
            b"jsonrpc" => Some(0),
            b"id" => Some(1),
            b"method" => Some(2),
            b"params" => Some(PARAMS),
            b"result" => Some(RESULT),
            b"error" => Some(ERROR),
            _ => None,
        };
        match place.filter(|place| self.outermost == Outermost::Message && self.members.get(*place) == Some(&None)) {
            Some(place) => Ok(place),
            None => self.find_other_member((start, end), spelling, level),
        }
    }

    #[inline(never)]
    fn find_other_member(
        &mut self,
        (start, end): (usize, usize),
        spelling: Spelling,
        level: &mut Level,
    ) -> Scanned<usize> {
        self.remember_key(start, end, spelling, level)?;
        if self.outermost == Outermost::Inner {
            return Ok(OTHER);
        }
        let text = self.last_key_text(start, end);
        // What is found at once is not among the remembered keys.
        let mut known = self.members.iter().zip(ENVELOPE_KEYS);
        let mut is_there = |name: &str| known.any(|(member, of)| member.is_some() && of == name);
        match lookalike::compare_key(text, &ENVELOPE_KEYS) {
            Likeness::Is(name) if is_there(name) => Err(Fault::Duplicate(excerpt(text)).into()),
            Likeness::Is(name) => Err(Fault::EscapedKey(name).into()),
            Likeness::Like(name) => Err(Fault::LookAlike { key: excerpt(text), name }.into()),
            Likeness::Other => Ok(OTHER),
        }
    }

    /// Returns the place of a member of the parameters.
    #[inline]
    fn find_param(&self, start: usize, end: usize) -> usize {
        let written = self.bytes.get(start..end).unwrap_or_default();
        OTHER
            + 1
            + match written {
                b"name" => 0,
                b"arguments" => 1,
                b"_meta" => 2,
                _ => CALL_MEMBER_KEYS.len(),
            }
    }

    #[inline]
    fn end_member(&mut self, (place, start): (usize, usize), at: usize) {
        if let Some(member) = self.members.get_mut(place) {
            *member = self.text.get(start..at);
        }
    }

    #[inline]
    fn remember_key(&mut self, start: usize, end: usize, spelling: Spelling, level: &mut Level) -> Scanned<()> {
        let key = match spelling {
            Spelling::Plain => KeyPlace::new(start, end - start, 0),
            Spelling::Escaped => self.decode_key(start, end)?,
        };
        let Some(key) = key else { return Err(Fault::Syntax(start).into()) };
        let length = 1 << (key.len % u64::BITS);
        if level.lengths & length != 0 {
            self.compare_key(key, level.keys as usize)?;
        }
        level.lengths |= length;
        self.reader.keys.push(key);
        Ok(())
    }

    /// Compares a key with those before it in its object, which begin at `keys`, if they are few.
    #[inline(never)]
    fn compare_key(&self, key: KeyPlace, keys: usize) -> Scanned<()> {
        let bytes = self.key_bytes(key);
        let before = self.reader.keys.get(keys..).unwrap_or_default();
        let is_same = |other: &KeyPlace| other.len == key.len && self.key_bytes(*other) == bytes;
        match before.len() < FEW_KEYS && before.iter().any(is_same) {
            true => Err(Fault::Duplicate(excerpt(self.key_text(key))).into()),
            false => Ok(()),
        }
    }

    #[inline(never)]
    fn decode_key(&mut self, start: usize, end: usize) -> Scanned<Option<KeyPlace>> {
        let written = self.text.get(start..end).unwrap_or_default();
        let start = self.reader.arena.len();
        push_decoded(written, &mut self.reader.arena);
        let decoded = self.reader.arena.get(start..).unwrap_or_default();
        self.reader.has_lone_surrogate |= decoded.contains(char::REPLACEMENT_CHARACTER);
        match decoded.contains('\0') {
            true => Err(Fault::NulInKey(excerpt(decoded)).into()),
            false => Ok(KeyPlace::new(start, decoded.len(), 1)),
        }
    }

    /// Checks at an object's end that no key occurs twice among its many keys, nor once lone surrogates are left out.
    /// Forgets the keys.
    #[inline]
    fn check_duplicates(&mut self, start: usize) -> Scanned<()> {
        if !self.reader.has_lone_surrogate && self.reader.keys.len() <= start + FEW_KEYS {
            self.forget_keys(start);
            return Ok(());
        }
        self.compare_all_keys(start)
    }

    #[inline(never)]
    fn compare_all_keys(&mut self, start: usize) -> Scanned<()> {
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
        twice.map_or(Ok(()), |key| Err(Fault::Duplicate(key).into()))
    }

    fn forget_keys(&mut self, start: usize) {
        if self.reader.keys.len() > start {
            self.reader.keys.truncate(start);
        }
        if start == 0 && !self.reader.arena.is_empty() {
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
    fn last_key_text(&self, start: usize, end: usize) -> &str {
        match self.reader.keys.last() {
            Some(last) => self.key_text(*last),
            None => self.text.get(start..end).unwrap_or_default(),
        }
    }

    /// Returns where the next byte is that is no blank, and that byte.
    #[inline]
    fn skip_blanks(&self, at: usize) -> (usize, u8) {
        match self.byte(at) {
            byte if byte > b' ' => (at, byte),
            _ => self.skip_some_blanks(at),
        }
    }

    #[inline(never)]
    fn skip_some_blanks(&self, mut at: usize) -> (usize, u8) {
        while let b' ' | b'\t' = self.byte(at) {
            at += 1;
        }
        (at, self.byte(at))
    }

    /// Returns the byte at `at`. At the end it is a NUL, which is nowhere expected.
    #[inline]
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or_default()
    }

    #[cold]
    fn unexpected(&self, at: usize) -> Box<Fault> {
        Box::new(match self.bytes.get(at) {
            Some(b'\r') => Fault::CarriageReturn(at),
            Some(&byte) if byte < b' ' => Fault::Control { byte, at },
            _ => Fault::Syntax(at),
        })
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
    fn the_members_of_a_call_are_told_from_others() {
        for (params, name, arguments, is_whole) in [
            (
                r#"{"name":"a","arguments":{"task":1,"name":2},"_meta":{}}"#,
                Some("\"a\""),
                Some(r#"{"task":1,"name":2}"#),
                true,
            ),
            (r#"{ "_meta" : {"name":"b"} , "name" : [{"name":1}] }"#, Some(r#"[{"name":1}]"#), None, true),
            ("{}", None, None, true),
            (r#"[{"name":"a"}]"#, None, None, true),
            (r#"{"name":"a","task":{}}"#, Some("\"a\""), None, false),
            (r#"{"n\u0061me":"a"}"#, None, None, false),
            (r#"{"name":"a","Name":"b"}"#, Some("\"a\""), None, false),
        ] {
            let line = format!(r#"{{"x":{{"name":"x"}},"params":{params},"y":{{"name":"y"}}}}"#);
            let call = read(&line).unwrap().call;
            assert_eq!((call.name, call.arguments, call.is_whole), (name, arguments, is_whole), "{params}");
            let unjudged = Reader::default().read_line(line.as_bytes(), StrictDepth::ENVELOPE).unwrap();
            assert!(!unjudged.call.is_whole, "{params}");
        }
    }

    /// What is compared as a whole is read as what is written a little otherwise, byte by byte.
    #[test]
    fn usual_members_are_read_like_all_others() {
        const CALL: [&str; 4] = [
            r#""jsonrpc":"2.0""#,
            r#""id":17"#,
            r#""method":"tools/call""#,
            r#""params":{"name":"a","arguments":{"arguments":1,"name":2}}"#,
        ];
        const ANSWER: &str = r#""result":{"content":[{"type":"text","text":"a\"}"}],"isError":false}"#;
        let unusual = |member: &str| member.replacen(':', " : ", 1).replace(":[{", ": [ {").replace("e\":", "e\" :");
        for first in 0..4 {
            let usual: Vec<&str> = (0..4).map(|n| CALL[(first + n) % 4]).collect();
            let other: Vec<String> = usual.iter().map(|member| unusual(member)).collect();
            let (usual, other) = (format!("{{{}}}", usual.join(",")), format!("{{ {} }}", other.join(" ,")));
            let (one, other) = (read(&usual).unwrap(), read(&other).unwrap());
            assert_eq!((one.jsonrpc, one.id, one.method), (other.jsonrpc, other.id, other.method));
            assert_eq!((one.jsonrpc, one.id, one.method), (Some("\"2.0\""), Some("17"), Some("\"tools/call\"")));
            assert_eq!((one.call.name, one.call.is_whole), (other.call.name, other.call.is_whole));
            assert_eq!(one.call.arguments, Some(r#"{"arguments":1,"name":2}"#));
        }
        let mut all = CALL.to_vec();
        all.push(ANSWER);
        for member in &all {
            let name = member.split('"').nth(1).unwrap();
            let unusual = unusual(member);
            for (one, other) in [(*member, &*unusual), (&*unusual, *member), (*member, *member)] {
                assert_eq!(read(&format!("{{{one},{other}}}")), Err(Fault::Duplicate(name.into())), "{one} {other}");
            }
            let look_alike = format!("{{{member},{}}}", member.replacen(name, &name.to_uppercase(), 1));
            assert!(matches!(read(&look_alike), Err(Fault::LookAlike { .. })), "{look_alike}");
            for end in 1..member.len() {
                assert!(read(&format!("{{{}", &member[..end])).is_err(), "{member} up to {end}");
            }
            // Inside another member they are nothing but its value.
            assert!(read(&format!("{{\"x\":{{{member}}}}}")).unwrap().jsonrpc.is_none());
        }
        assert_eq!(read(r#"{"params":{"name":"a","name":"b"}}"#), Err(Fault::Duplicate("name".into())));
        assert_eq!(read(r#"{"params":{"n\u0061me":"a","name":"b"}}"#), Err(Fault::Duplicate("name".into())));
    }

    #[test]
    fn a_usual_result_is_read_as_it_is_judged() {
        let read = |line: &str, judged| {
            let read = Reader::default().read_line(line.as_bytes(), judged);
            read.map(|envelope| (envelope.result.map(str::to_owned), envelope.inner_keys))
        };
        let result = |rest: &str| format!(r#"{{"id":1,"result":{{"content":[{{"type":"text","text":{rest}}}"#);
        for (rest, of_envelope, of_list) in [
            (r#""a"}],"isError":true}"#, true, true),
            (r#""a","text":"b"}]}"#, true, false),
            (r#""a"}],"content":[]}"#, true, false),
            (r#""a"},{"text":1,"text":2}]}"#, true, false),
            (r#""a\"}]}"#, false, false),
            (r#""a"]}}"#, false, false),
            (r#""a"}}"#, false, false),
            (r#"1}]}"#, true, true),
        ] {
            let array = result(rest).replace("\"result\":{", "\"result\":[");
            assert!(read(&array, StrictDepth::ENVELOPE).is_err(), "{array}");
            assert!(read(&array.replace("}]}", "}]]"), StrictDepth::ENVELOPE).is_err(), "{array}");
            let (usual, other) = (result(rest), result(rest).replace(":[{", ": [{"));
            for (judged, passes) in [(StrictDepth::ENVELOPE, of_envelope), (StrictDepth::LIST, of_list)] {
                let (one, other) = (read(&usual, judged), read(&other, judged));
                assert_eq!((one.is_ok(), other.is_ok()), (passes, passes), "{usual}");
                if let (Ok(one), Ok(other)) = (one, other) {
                    assert_eq!(one.0.map(|text| text.replace(":[{", ": [{")), other.0);
                    assert_eq!(one.1, other.1);
                    assert!(one.1.may_have("content"));
                }
            }
        }
    }

    #[test]
    fn members_of_a_message_that_stand_twice_are_seen_beside_many_others() {
        for others in [0, 1, 15, 16, 40] {
            let others: String = (0..others).map(|n| format!("\"x{n}\":{n},")).collect();
            let line = |one: &str, other: &str| format!("{{\"{one}\":1,{others}\"{other}\":2}}");
            assert_eq!(read(&line("id", "id")), Err(Fault::Duplicate("id".into())), "{others}");
            assert_eq!(read(&line("id", "i\\u0064")), Err(Fault::Duplicate("id".into())), "{others}");
            assert_eq!(read(&line("i\\u0064", "id")), Err(Fault::EscapedKey("id")), "{others}");
            assert!(matches!(read(&line("\\ud83did", "id")), Err(Fault::LookAlike { .. })), "{others}");
            assert!(read(&line("id", "idd")).is_ok(), "{others}");
        }
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
