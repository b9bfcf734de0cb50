//! Reads lines as nearly all are written: a call or an answer without blanks, whose keys have no escapes. They get the envelope that the
//! scan would make of them. Whatever is odd in any way is left to the scan, which alone says what is wrong: this reading says nothing but
//! that a line is plain. It looks for the ends of strings once, 64 bytes at a time, and then goes from one to the next.

use super::key_judge::{AnyKeys, DistinctKeys};
use super::members::KeyMarks;
use super::values::{Containers, StringEnds, byte, pass_byte, pass_integer, pass_value, word};
use super::{CallMembers, Envelope, StrictDepth};
use crate::block_bits::BLOCK;
use crate::wire::text::stop_bits;

/// What the result of most tools begins with, up to the key of its text.
const USUAL_CONTENT: &[u8; 26] = b"\"content\":[{\"type\":\"text\",";

/// Longer lines are left to the scan, which passes over long strings without visiting their escapes.
const MAX_BLOCKS: usize = 32;

/// What is noted of a line while it is read. It is kept from one line to the next only so that it is not cleared each time.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Where the quotes, backslashes and control bytes are: a bit for each byte.
    stops: [u64; MAX_BLOCKS],
    keys: DistinctKeys,
}

/// Reads a line, without its line end, if it is plain.
#[inline]
pub(super) fn read_plain<'l>(text: &'l str, depth: StrictDepth, marks: &mut Marks) -> Option<Envelope<'l>> {
    let Marks { stops, keys } = marks;
    let (keys, inner_keys) = (Some(keys), KeyMarks::default());
    let keys = match depth {
        StrictDepth::EVERYTHING => keys,
        StrictDepth::ENVELOPE => None,
        _ => return None,
    };
    mark_stops(text.as_bytes(), stops)?;
    PlainScan { text, line: PlainLine { bytes: text.as_bytes(), stops }, keys, inner_keys }.scan_message()
}

/// Marks where strings may end. `None` if the line is too long.
fn mark_stops(bytes: &[u8], stops: &mut [u64; MAX_BLOCKS]) -> Option<()> {
    let (blocks, rest) = bytes.as_chunks();
    let (last, stops) = stops.get_mut(..=blocks.len())?.split_last_mut()?;
    // Pairs of iterators are not inlined without link-time optimisation.
    for (at, block) in blocks.iter().enumerate() {
        *stops.get_mut(at)? = stop_bits(block);
    }
    *last = match bytes.last_chunk() {
        _ if rest.is_empty() => 0,
        // What was before is shifted out.
        Some(last) => stop_bits(last) >> (BLOCK - rest.len()),
        None => {
            let mut block = [b' '; BLOCK];
            block.get_mut(..rest.len())?.copy_from_slice(rest);
            stop_bits(&block)
        }
    };
    Some(())
}

/// A line whose quotes, backslashes and control bytes are marked.
struct PlainLine<'m, 'l> {
    bytes: &'l [u8],
    stops: &'m [u64; MAX_BLOCKS],
}

impl StringEnds for PlainLine<'_, '_> {
    #[inline(always)]
    fn bytes(&self) -> &[u8] {
        self.bytes
    }

    #[inline(always)]
    fn string_end(&self, start: usize) -> Option<usize> {
        let mut end = self.next_stop(start);
        while byte(self.bytes, end) != b'"' {
            end = self.next_stop(self.escape_end(end)?);
        }
        Some(end)
    }

    #[inline(always)]
    fn plain_string_end(&self, start: usize) -> Option<usize> {
        let end = self.next_stop(start);
        (byte(self.bytes, end) == b'"').then_some(end)
    }
}

impl PlainLine<'_, '_> {
    /// Returns where the escape at `at` ends; `None` if none is there.
    #[inline]
    fn escape_end(&self, at: usize) -> Option<usize> {
        match *self.bytes.get(at..)? {
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Some(at + 2),
            [b'\\', b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(u8::is_ascii_hexdigit) => Some(at + 6),
            _ => None,
        }
    }

    /// Returns where the next quote, backslash or control byte is, from `at` on. If there is none, nothing is there.
    #[inline(always)]
    fn next_stop(&self, at: usize) -> usize {
        match self.stops.get(at / BLOCK).map_or(0, |stops| stops >> (at % BLOCK)) {
            0 => self.later_stop(at / BLOCK + 1),
            stops => at + stops.trailing_zeros() as usize,
        }
    }

    /// The same from the beginning of a block on.
    #[inline(never)]
    fn later_stop(&self, mut block: usize) -> usize {
        while block * BLOCK < self.bytes.len() {
            match self.stops.get(block) {
                Some(0) => block += 1,
                Some(stops) => return block * BLOCK + stops.trailing_zeros() as usize,
                None => break,
            }
        }
        self.bytes.len()
    }
}

/// A text of up to eight bytes as a word of the line has it.
const fn as_word<const N: usize>(text: &[u8; N]) -> u64 {
    let (mut word, mut at) = (0, 0);
    while at < N {
        word |= (text[at] as u64) << (8 * at);
        at += 1;
    }
    word
}

/// The bits of a word's first bytes.
const fn first(count: usize) -> u64 {
    (1 << (8 * count)) - 1
}

/// The keys that are read here, with their quotes and colons as far as a word has room.
const ID: u64 = as_word(b"\"id\":");
const JSONRPC: u64 = as_word(b"\"jsonrpc");
const METHOD: u64 = as_word(b"\"method\"");
const PARAMS: u64 = as_word(b"\"params\"");
const RESULT: u64 = as_word(b"\"result\"");
const NAME: u64 = as_word(b"\"name\":");
const ARGUMENTS: u64 = as_word(b"\"argumen");
const META: u64 = as_word(b"\"_meta\":");

struct PlainScan<'m, 'l> {
    text: &'l str,
    line: PlainLine<'m, 'l>,
    /// What compares the keys of all objects, if they are judged.
    keys: Option<&'m mut DistinctKeys>,
    inner_keys: KeyMarks,
}

impl<'l> PlainScan<'_, 'l> {
    #[inline]
    fn scan_message(mut self) -> Option<Envelope<'l>> {
        let bytes = self.line.bytes;
        let (mut jsonrpc, mut id, mut method, mut params, mut result) = (None, None, None, None, None);
        let mut call = CallMembers { is_whole: self.keys.is_some(), ..CallMembers::default() };
        let mut at = 1;
        if bytes.first_chunk() == Some(b"{\"jsonrpc\":\"2.0\",") {
            (at, jsonrpc) = (17, Some("\"2.0\""));
        } else if byte(bytes, 0) != b'{' {
            return None;
        }
        loop {
            let key = word(bytes, at);
            if key == JSONRPC && word(bytes, at + 8) & first(7) == as_word(b"\":\"2.0\"") && jsonrpc.is_none() {
                (at, jsonrpc) = (at + 15, Some("\"2.0\""));
            } else if key & first(5) == ID && id.is_none() {
                let start = at + 5;
                at = self.pass_id(start)?;
                id = Some(self.text.get(start..at)?);
            } else if key == METHOD && method.is_none() {
                (at, method) = self.pass_method(pass_byte(bytes, at + 8, b':')?)?;
            } else if key == PARAMS && params.is_none() && self.keys.is_some() {
                let start = pass_byte(bytes, at + 8, b':')?;
                at = self.pass_params(pass_byte(bytes, start, b'{')?, &mut call)?;
                params = Some(self.text.get(start..at)?);
            } else if key == RESULT && result.is_none() {
                let start = pass_byte(bytes, at + 8, b':')?;
                at = self.pass_result(pass_byte(bytes, start, b'{')?)?;
                result = Some(self.text.get(start..at)?);
            } else {
                return None;
            }
            at += 1;
            match byte(bytes, at - 1) {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        let inner_keys = self.inner_keys;
        let envelope =
            Envelope { jsonrpc, id, method, params, result, error: None, inner_keys, call, has_others: false };
        (at == bytes.len()).then_some(envelope)
    }

    /// Passes over an id: a string, or the digits of an integer.
    #[inline]
    fn pass_id(&self, at: usize) -> Option<usize> {
        let bytes = self.line.bytes;
        if byte(bytes, at) == b'"' { Some(self.line.string_end(at + 1)? + 1) } else { pass_integer(bytes, at) }
    }

    #[inline]
    fn pass_method(&self, start: usize) -> Option<(usize, Option<&'l str>)> {
        if self.line.bytes.get(start..).and_then(|rest| rest.first_chunk()) == Some(b"\"tools/call\"") {
            return Some((start + 12, Some("\"tools/call\"")));
        }
        let end = self.line.string_end(pass_byte(self.line.bytes, start, b'"')?)? + 1;
        Some((end, Some(self.text.get(start..end)?)))
    }

    /// Passes over the parameters of a call that has no others than nearly all, from behind the opening brace on.
    #[inline]
    fn pass_params(&mut self, mut at: usize, call: &mut CallMembers<'l>) -> Option<usize> {
        let bytes = self.line.bytes;
        if byte(bytes, at) == b'}' {
            return Some(at + 1);
        }
        loop {
            let key = word(bytes, at);
            let (member, start) = if key & first(7) == NAME {
                (&mut call.name, at + 7)
            } else if key == ARGUMENTS && word(bytes, at + 8) & first(4) == as_word(b"ts\":") {
                (&mut call.arguments, at + 12)
            } else if key == META {
                (&mut call.meta, at + 8)
            } else {
                return None;
            };
            if member.is_some() {
                return None;
            }
            at = self.pass_param(start)?;
            *member = Some(self.text.get(start..at)?);
            at += 1;
            match byte(bytes, at - 1) {
                b',' => {}
                b'}' => return Some(at),
                _ => return None,
            }
        }
    }

    #[inline]
    fn pass_param(&mut self, at: usize) -> Option<usize> {
        match byte(self.line.bytes, at) {
            b'"' => Some(self.line.string_end(at + 1)? + 1),
            // It is no part of the value.
            b' ' => None,
            _ => pass_value(&self.line, at, Containers::NONE, self.keys.as_mut()?.begin(), None),
        }
    }

    /// Passes over a result, from behind the opening brace on, and notes its keys.
    #[inline]
    fn pass_result(&mut self, at: usize) -> Option<usize> {
        let inner_keys = &mut self.inner_keys;
        if let Some(keys) = &mut self.keys {
            return pass_value(&self.line, at - 1, Containers::NONE, keys.begin(), Some(inner_keys));
        }
        let (mut start, mut around) = (at - 1, Containers::NONE);
        if self.line.bytes.get(at..).and_then(|rest| rest.first_chunk()) == Some(USUAL_CONTENT) {
            (start, around) = (at + USUAL_CONTENT.len(), Containers::ITEM);
            inner_keys.join(KeyMarks::CONTENT);
        }
        pass_value(&self.line, start, around, &mut AnyKeys, Some(inner_keys))
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
                    .map(|_| {
                        let blank = [" ", "", "", "", ""][random(5)];
                        format!("\"{}\":{blank}{}", KEYS[random(KEYS.len())], VALUES[random(VALUES.len())])
                    })
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
