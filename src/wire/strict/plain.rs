//! Reads lines as nearly all are written: a call or an answer without blanks, whose keys have no escapes. They get the envelope that the
//! scan would make of them. Whatever is odd in any way is left to the scan, which alone says what is wrong: this reading says nothing but
//! that a line is plain. It looks for the ends of strings once, 64 bytes at a time, and then goes from one to the next.

use super::members::{KeyMarks, key_print};
use super::{CallMembers, Envelope, StrictDepth};
use crate::wire::text::stop_bits;

/// What the result of most tools begins with, up to the quote of its text.
const USUAL_CONTENT: &[u8; 34] = b"\"content\":[{\"type\":\"text\",\"text\":\"";

/// Longer lines are left to the scan, which passes over long strings without visiting their escapes.
const MAX_BLOCKS: usize = 32;

const BLOCK: usize = 64;

/// Deeper values, and objects with more keys around a value, are left to the scan.
const MAX_LEVELS: usize = 16;
const MAX_KEYS: usize = 32;

/// Where the quotes, backslashes and control bytes of a line are, and the keys of the objects that are open. They are kept from one line
/// to the next only so that they are not cleared each time.
#[derive(Debug)]
pub(super) struct Marks {
    stops: [u64; MAX_BLOCKS],
    keys: [(u32, u32); MAX_KEYS],
    levels: [Level; MAX_LEVELS],
}

impl Default for Marks {
    fn default() -> Self {
        Self { stops: [0; _], keys: [(0, 0); _], levels: [Level::default(); _] }
    }
}

/// An open container inside a member of the message.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    is_object: bool,
    /// Where its keys begin.
    keys: usize,
    /// Each of its keys sets one of these bits: one that sets another is none of them.
    prints: u64,
}

/// Reads a line, without its line end, if it is plain.
pub(super) fn read_plain<'l>(text: &'l str, depth: StrictDepth, marks: &mut Marks) -> Option<Envelope<'l>> {
    let is_judged = match depth {
        StrictDepth::EVERYTHING => true,
        StrictDepth::ENVELOPE => false,
        _ => return None,
    };
    let bytes = text.as_bytes();
    mark_stops(bytes, &mut marks.stops)?;
    PlainScan { text, bytes, at: 0, is_judged, marks, inner_keys: KeyMarks::default() }.scan_message()
}

/// Marks where strings may end. `None` if the line is too long.
fn mark_stops(bytes: &[u8], stops: &mut [u64; MAX_BLOCKS]) -> Option<()> {
    let (blocks, rest) = bytes.as_chunks();
    let stops = stops.get_mut(..=blocks.len())?;
    for (at, block) in blocks.iter().enumerate() {
        *stops.get_mut(at)? = stop_bits(block);
    }
    let last = match bytes.last_chunk() {
        _ if rest.is_empty() => 0,
        Some(last) => stop_bits(last).checked_shr((BLOCK - rest.len()) as u32).unwrap_or_default(),
        None => {
            let mut block = [b' '; BLOCK];
            block.get_mut(..rest.len())?.copy_from_slice(rest);
            stop_bits(&block)
        }
    };
    *stops.get_mut(blocks.len())? = last;
    Some(())
}

struct PlainScan<'m, 'l> {
    text: &'l str,
    bytes: &'l [u8],
    /// What is before was read.
    at: usize,
    /// Whether the keys of all objects are compared. If not, those in a result are none of this reading's business.
    is_judged: bool,
    marks: &'m mut Marks,
    inner_keys: KeyMarks,
}

impl<'l> PlainScan<'_, 'l> {
    fn scan_message(mut self) -> Option<Envelope<'l>> {
        let (mut jsonrpc, mut id, mut method, mut params, mut result) = (None, None, None, None, None);
        let mut call = CallMembers { is_whole: self.is_judged, ..CallMembers::default() };
        self.pass(b'{')?;
        loop {
            let (start, rest) = (self.at, self.bytes.get(self.at..)?);
            match rest.get(1)? {
                b'j' if rest.first_chunk() == Some(b"\"jsonrpc\":\"2.0\"") && jsonrpc.is_none() => {
                    (self.at, jsonrpc) = (start + 15, Some("\"2.0\""));
                }
                b'i' if rest.first_chunk() == Some(b"\"id\":") && id.is_none() => {
                    self.at = start + 5;
                    self.pass_id()?;
                    id = Some(self.text.get(start + 5..self.at)?);
                }
                b'm' if rest.first_chunk() == Some(b"\"method\":\"") && method.is_none() => {
                    self.at = start + 9;
                    if rest.get(9..).and_then(|value| value.first_chunk()) == Some(b"\"tools/call\"") {
                        (self.at, method) = (start + 21, Some("\"tools/call\""));
                    } else {
                        self.pass_string()?;
                        method = Some(self.text.get(start + 9..self.at)?);
                    }
                }
                b'p' if rest.first_chunk() == Some(b"\"params\":{") && params.is_none() && self.is_judged => {
                    self.at = start + 9;
                    self.pass_params(&mut call)?;
                    params = Some(self.text.get(start + 9..self.at)?);
                }
                b'r' if rest.first_chunk() == Some(b"\"result\":{") && result.is_none() && !self.is_judged => {
                    self.at = start + 9;
                    self.pass_result()?;
                    result = Some(self.text.get(start + 9..self.at)?);
                }
                _ => return None,
            }
            if !self.goes_on(b'}')? {
                break;
            }
        }
        let inner_keys = self.inner_keys;
        let envelope =
            Envelope { jsonrpc, id, method, params, result, error: None, inner_keys, call, has_others: false };
        (self.at == self.bytes.len()).then_some(envelope)
    }

    /// Passes over the parameters of a call that has no others than nearly all.
    fn pass_params(&mut self, call: &mut CallMembers<'l>) -> Option<()> {
        self.pass(b'{')?;
        if self.byte() == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let rest = self.bytes.get(self.at..)?;
            let (member, length) = match rest.get(1)? {
                b'n' if rest.first_chunk() == Some(b"\"name\":") => (&mut call.name, 7),
                b'a' if rest.first_chunk() == Some(b"\"arguments\":") => (&mut call.arguments, 12),
                b'_' if rest.first_chunk() == Some(b"\"_meta\":") => (&mut call.meta, 8),
                _ => return None,
            };
            if member.is_some() {
                return None;
            }
            let start = self.at + length;
            self.at = start;
            self.pass_value(0)?;
            *member = Some(self.text.get(start..self.at)?);
            if !self.goes_on(b'}')? {
                return Some(());
            }
        }
    }

    /// Passes over a result, and notes its keys.
    fn pass_result(&mut self) -> Option<()> {
        let rest = self.bytes.get(self.at + 1..)?;
        if rest.first_chunk() != Some(USUAL_CONTENT) {
            return self.pass_value(0);
        }
        self.inner_keys.add(b"content");
        self.at += USUAL_CONTENT.len();
        let [result, content, item, ..] = &mut self.marks.levels;
        (result.is_object, content.is_object, item.is_object) = (true, false, true);
        self.pass_value(3)
    }

    /// Passes over a value that is inside of so many open containers, and to the end of the outermost of them.
    fn pass_value(&mut self, mut depth: usize) -> Option<()> {
        let mut level = self.marks.levels.get(depth.wrapping_sub(1)).copied().unwrap_or_default();
        let mut keys = 0;
        loop {
            match self.byte() {
                b'"' => self.pass_string()?,
                byte @ (b'{' | b'[') => {
                    self.at += 1;
                    if self.byte() != byte + 2 {
                        if let Some(outer) = depth.checked_sub(1) {
                            *self.marks.levels.get_mut(outer)? = level;
                        }
                        level = Level { is_object: byte == b'{', keys, prints: 0 };
                        depth += 1;
                        if level.is_object {
                            self.pass_key(depth, &mut level, &mut keys)?;
                        }
                        continue;
                    }
                    self.at += 1;
                }
                b'-' | b'0'..=b'9' => self.pass_number()?,
                b't' => self.pass_word(b"true")?,
                b'f' => self.pass_word(b"false")?,
                b'n' => self.pass_word(b"null")?,
                _ => return None,
            }
            loop {
                if depth == 0 {
                    return Some(());
                }
                if self.goes_on(if level.is_object { b'}' } else { b']' })? {
                    break;
                }
                (keys, depth) = (level.keys, depth - 1);
                level = self.marks.levels.get(depth.wrapping_sub(1)).copied().unwrap_or_default();
            }
            if level.is_object {
                self.pass_key(depth, &mut level, &mut keys)?;
            }
        }
    }

    /// Passes over a key and its colon. If it is judged, it is compared with those before it in its object.
    #[inline]
    fn pass_key(&mut self, depth: usize, level: &mut Level, keys: &mut usize) -> Option<()> {
        if self.byte() != b'"' {
            return None;
        }
        let start = self.at + 1;
        let end = self.next_stop(start);
        if self.bytes.get(end..).and_then(|rest| rest.first_chunk()) != Some(b"\":") {
            return None;
        }
        self.at = end + 2;
        if self.is_judged {
            let key = self.bytes.get(start..end)?;
            let print = key_print(key);
            if level.prints & print != 0 && self.is_among(key, self.marks.keys.get(level.keys..*keys)?) {
                return None;
            }
            level.prints |= print;
            *self.marks.keys.get_mut(*keys)? = (start as u32, end as u32);
            *keys += 1;
        } else if depth == 1 {
            self.inner_keys.add(self.bytes.get(start..end)?);
        }
        Some(())
    }

    #[inline(never)]
    fn is_among(&self, key: &[u8], keys: &[(u32, u32)]) -> bool {
        keys.iter().any(|(start, end)| self.bytes.get(*start as usize..*end as usize) == Some(key))
    }

    /// Passes over a string, from its opening quote on.
    #[inline]
    fn pass_string(&mut self) -> Option<()> {
        let mut end = self.next_stop(self.at + 1);
        while self.bytes.get(end)? != &b'"' {
            end = self.next_stop(self.escape_end(end)?);
        }
        self.at = end + 1;
        Some(())
    }

    /// Returns where the escape at `at` ends; `None` if none is there.
    #[inline]
    fn escape_end(&self, at: usize) -> Option<usize> {
        match *self.bytes.get(at..)? {
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Some(at + 2),
            [b'\\', b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(u8::is_ascii_hexdigit) => Some(at + 6),
            _ => None,
        }
    }

    /// Passes over an id: a string, or the digits of an integer.
    #[inline]
    fn pass_id(&mut self) -> Option<()> {
        if self.byte() == b'"' { self.pass_string() } else { self.pass_digits() }
    }

    #[inline]
    fn pass_number(&mut self) -> Option<()> {
        self.at += usize::from(self.byte() == b'-');
        self.pass_digits()?;
        if matches!(self.byte(), b'.' | b'e' | b'E') { self.pass_fraction() } else { Some(()) }
    }

    #[inline(never)]
    fn pass_fraction(&mut self) -> Option<()> {
        if self.byte() == b'.' {
            self.at += 1;
            self.pass_any_digits()?;
        }
        if matches!(self.byte(), b'e' | b'E') {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), b'+' | b'-'));
            self.pass_any_digits()?;
        }
        Some(())
    }

    /// Passes over the digits of an integer: none stands after a zero that is the first.
    #[inline]
    fn pass_digits(&mut self) -> Option<()> {
        match self.byte() {
            b'0' => self.at += 1,
            _ => self.pass_any_digits()?,
        }
        Some(())
    }

    #[inline]
    fn pass_any_digits(&mut self) -> Option<()> {
        let start = self.at;
        let rest = self.bytes.get(start..)?;
        self.at += rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (self.at > start).then_some(())
    }

    fn pass_word(&mut self, word: &[u8]) -> Option<()> {
        self.bytes.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    #[inline]
    fn pass(&mut self, byte: u8) -> Option<()> {
        (self.byte() == byte).then(|| self.at += 1)
    }

    /// Passes over a comma, after which a container goes on, or its end. `None` if neither is there.
    #[inline]
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        let byte = self.byte();
        self.at += 1;
        if byte == b',' { Some(true) } else { (byte == end).then_some(false) }
    }

    /// Returns the next byte. At the end it is a NUL, which is nowhere expected.
    #[inline]
    fn byte(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or_default()
    }

    /// Returns where the next quote, backslash or control byte is, from `at` on. If there is none, nothing is there.
    #[inline]
    fn next_stop(&self, at: usize) -> usize {
        let mut block = at / BLOCK;
        let mut stops = self.marks.stops.get(block).map_or(0, |stops| stops >> (at % BLOCK));
        let mut from = at;
        while stops == 0 {
            block += 1;
            from = block * BLOCK;
            if from >= self.bytes.len() {
                return self.bytes.len();
            }
            stops = self.marks.stops.get(block).copied().unwrap_or_default();
        }
        from + stops.trailing_zeros() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Outermost, Reader};
    use super::*;

    /// Reads a line both ways. What is plain must be read as the scan reads it; returns whether it is plain.
    fn compare(line: &str, reader: &mut Reader) -> bool {
        let mut plain = 0;
        for depth in [StrictDepth::EVERYTHING, StrictDepth::ENVELOPE, StrictDepth::LIST] {
            let Some(read) = read_plain(line, depth, &mut reader.marks) else { continue };
            let scanned = reader.start_scan(line, depth, Outermost::Message).scan_message();
            assert_eq!(Ok(read), scanned.map_err(|fault| *fault), "{line:?}");
            plain += 1;
        }
        plain > 0
    }

    #[test]
    fn usual_lines_are_plain() {
        let mut reader = Reader::default();
        let text = "x".repeat(200);
        for line in [
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"b":1,"c":"d"}}}"#,
            r#"{"method":"tools/call","params":{"name":"a","arguments":{},"_meta":{"progressToken":1}},"jsonrpc":"2.0","id":0}"#,
            r#"{"jsonrpc":"2.0","id":"a\"b","result":{"content":[{"type":"text","text":"\u00e9\"\n"}],"isError":true}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"a":[1.5e-3,-0,null,true,false,{"é":[[]]}]},"content":[]}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            &format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#),
        ] {
            assert!(compare(line, &mut reader), "{line}");
            for end in 0..line.len() {
                assert!(line.get(..end).is_none_or(|cut| !compare(cut, &mut reader)), "{line} up to {end}");
            }
        }
    }

    /// Lines of all kinds, most of them nearly plain: with keys that stand twice, in any order, with blanks, and with bytes that were
    /// changed, left out or added.
    #[test]
    fn what_is_plain_is_read_as_the_scan_reads_it() {
        const KEYS: [&str; 14] = [
            "a",
            "b",
            "ab",
            "ba",
            "name",
            "arguments",
            "_meta",
            "content",
            "isError",
            "",
            "é",
            "n\\u0061me",
            "Name",
            "id",
        ];
        const VALUES: [&str; 18] = [
            "1",
            "-1",
            "01",
            "1.5e3",
            "1.",
            "true",
            "nul",
            "\"\"",
            "\"a\\\"b\"",
            "\"\\u00e9\\ud83d\"",
            "\"\\x\"",
            "\"a\tb\"",
            "{}",
            "[]",
            "[1,[2],]",
            "{\"a\":1,\"a\":2}",
            "\"0123456789012345678901234567890123456789012345678901234567890\"",
            "{\"c\":[{\"d\":1}]}",
        ];
        let mut state = 1_u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let (mut reader, mut plain) = (Reader::default(), 0);
        for _ in 0..200_000 {
            let mut object = || {
                let members: Vec<_> = (0..random(5))
                    .map(|_| format!("\"{}\":{}", KEYS[random(KEYS.len())], VALUES[random(VALUES.len())]))
                    .collect();
                format!("{{{}}}", members.join(","))
            };
            let (one, other) = (object(), object());
            let text = VALUES[random(VALUES.len())];
            let mut members =
                vec!["\"jsonrpc\":\"2.0\"".to_owned(), format!("\"id\":{}", VALUES[random(VALUES.len())])];
            members.extend(match random(4) {
                0 => vec![format!("\"result\":{one}")],
                1 => vec![format!("\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":{text}}}],\"c\":{one}}}")],
                2 => vec!["\"method\":\"tools/call\"".to_owned(), format!("\"params\":{one}")],
                _ => vec![
                    "\"method\":\"tools/call\"".to_owned(),
                    format!("\"params\":{{\"name\":\"a\",\"arguments\":{one},\"_meta\":{other}}}"),
                ],
            });
            let (turned, length) = (random(members.len()), members.len());
            members.rotate_left(turned);
            if random(20) == 0 {
                members.push(members[random(length)].clone());
            }
            let mut line = format!("{{{}}}", members.join(",")).into_bytes();
            if random(3) == 0 {
                let at = random(line.len());
                match random(3) {
                    0 => line[at] = b"{}[]\",:\\ \t01x\x7f"[random(14)],
                    1 => drop(line.remove(at)),
                    _ => line.insert(at, b"{}[]\",:\\ \n01x\x7f"[random(14)]),
                }
            }
            if let Ok(line) = str::from_utf8(&line) {
                plain += usize::from(compare(line, &mut reader));
            }
        }
        assert!(plain > 10_000, "{plain}");
    }
}
