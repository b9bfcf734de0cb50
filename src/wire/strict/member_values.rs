//! Passes over the values of a message's members, which are nearly all of a large one, by their grammar: where a string ends is looked up
//! 64 bytes at a time, and of the keys only those of the open objects are kept. What is odd in any way is left to the scan, which alone
//! says what is wrong.

use super::key_judge::{AnyKeys, DistinctKeys};
use super::values::{Containers, StringEnds, pass_value};
use super::{ERROR, KeyMarks, PARAMS, RESULT, Scan, StrictDepth};
use crate::wire::text::{plain_end, stop_bits};

/// From this many bytes of a line on, the value of a member may be long: it is passed over at once where that can be done.
const LONG_VALUE: usize = 256;

impl Scan<'_, '_> {
    /// Passes over the value of a member of the outermost object at once. `None` if only the scan can.
    pub(super) fn pass_member(&mut self, at: usize) -> Option<usize> {
        // What the parameters have is noted; a lone surrogate in a key makes others equal.
        if self.member.0 == PARAMS || self.bytes.len() < at + LONG_VALUE || self.reader.has_lone_surrogate {
            return None;
        }
        let mut keys = KeyMarks::default();
        let end = match self.depth {
            StrictDepth::ENVELOPE => pass_value(self, at, Containers::NONE, &mut AnyKeys, Some(&mut keys)),
            StrictDepth::EVERYTHING => {
                pass_value(self, at, Containers::NONE, &mut DistinctKeys::default(), Some(&mut keys))
            }
            _ => None,
        }?;
        if matches!(self.member.0, RESULT | ERROR) {
            self.inner_keys.join(keys);
        }
        Some(end)
    }

    /// Returns where the next quote, backslash or control byte is; `None` if it is not among the next 64, or they are the last.
    #[inline(always)]
    fn find_near_stop(&self, start: usize) -> Option<usize> {
        let stops = stop_bits(self.bytes.get(start..)?.first_chunk()?);
        (stops != 0).then(|| start + stops.trailing_zeros() as usize)
    }
}

impl StringEnds for Scan<'_, '_> {
    #[inline(always)]
    fn bytes(&self) -> &[u8] {
        self.bytes
    }

    #[inline(always)]
    fn string_end(&self, start: usize) -> Option<usize> {
        match self.find_near_stop(start) {
            Some(end) if self.byte(end) == b'"' => Some(end),
            _ => Some(self.scan_other_string(start).ok()?.0),
        }
    }

    #[inline(always)]
    fn plain_string_end(&self, start: usize) -> Option<usize> {
        let end = match self.find_near_stop(start) {
            Some(end) => end,
            None => plain_end(self.bytes, start, usize::MAX),
        };
        (self.byte(end) == b'"').then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::super::key_judge::MAX_OBJECTS;
    use super::super::values::MAX_LEVELS;
    use super::super::{Outermost, Reader};
    use super::*;
    use crate::limits::MAX_DEPTH;
    use crate::wire::fault::Fault;

    /// The depths at which values are passed over, each with one that judges the same keys, and reads key by key.
    const DEPTHS: [(StrictDepth, StrictDepth); 2] =
        [(StrictDepth::ENVELOPE, StrictDepth(0)), (StrictDepth::EVERYTHING, StrictDepth(usize::MAX - 1))];

    /// Reads a line in both ways. Returns whether it is one.
    fn compare(line: &str, reader: &mut Reader) -> bool {
        // Blanks keep it from being plain, which is another way to read it, and let every value be long enough.
        let line = format!(" {line}{}", " ".repeat(LONG_VALUE));
        let is_read = DEPTHS.map(|(depth, key_by_key)| {
            let read = reader.read_line(line.as_bytes(), depth).map_err(|fault| fault.to_string());
            let scanned = Reader::default().read_line(line.as_bytes(), key_by_key).map_err(|fault| fault.to_string());
            assert_eq!(read, scanned, "{depth:?}: {line:?}");
            read.is_ok()
        });
        is_read[0]
    }

    #[test]
    fn values_of_any_depth_are_read() {
        let mut reader = Reader::default();
        for depth in (1..4).chain(14..19).chain(60..70).chain(MAX_DEPTH - 3..MAX_DEPTH + 3) {
            for (open, inside, close) in [("[", "", "]"), ("{\"a\":", "[]", "}"), ("[{\"a\":", "1", "}]")] {
                let value = format!("{}{inside}{}", open.repeat(depth), close.repeat(depth));
                let scan = reader.start_scan(&value, StrictDepth::ENVELOPE, Outermost::Message);
                let mut keys = KeyMarks::default();
                let is_passed =
                    pass_value(&scan, 0, Containers::NONE, &mut AnyKeys, Some(&mut keys)) == Some(value.len());
                let are_distinct =
                    pass_value(&scan, 0, Containers::NONE, &mut DistinctKeys::default(), Some(&mut keys))
                        == Some(value.len());
                let levels = value.chars().filter(|c| matches!(c, '[' | '{')).count() - usize::from(inside != "1");
                let objects = value.chars().filter(|c| *c == '{').count();
                assert_eq!(is_passed, levels <= MAX_LEVELS as usize, "{value}");
                assert_eq!(are_distinct, is_passed && objects <= MAX_OBJECTS, "{value}");
                compare(&format!("{{\"id\":1,\"result\":{value}}}"), &mut reader);
                compare(&format!("{{\"id\":1,\"result\":{}}}", value.replacen(close, "", 1)), &mut reader);
            }
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_never_passed_over() {
        let mut reader = Reader::default();
        for count in [1, 2, 15, 16, 17, 62, 63, 64, 65, 66, 200] {
            for (one, other) in [(0, count), (count / 2, count), (count - 1, count)] {
                let member = |number| format!("\"key_{number}\":[{{\"key_{number}\":1}}]");
                let mut members: Vec<_> = (0..=count).map(member).collect();
                assert!(compare(&format!("{{\"id\":1,\"result\":{{{}}}}}", members.join(",")), &mut reader));
                members[other] = members[one].clone();
                let line = format!("{{\"id\":1,\"result\":{{\"a\":[{{{}}}]}}}}", members.join(","));
                compare(&line, &mut reader);
                let line = format!(" {line}{}", " ".repeat(LONG_VALUE));
                let read = reader.read_line(line.as_bytes(), StrictDepth::EVERYTHING);
                assert!(matches!(read, Err(Fault::Duplicate(_))), "{line}");
            }
        }
        // Some parsers leave lone surrogates out, and some replace them: then these are one.
        for line in [
            "{\"\\ud800\":1,\"result\":{\"a\u{fffd}\":1,\"a\":2}}",
            "{\"result\":{\"a\u{fffd}\":1,\"a\":2},\"\\ud800\":1}",
            r#"{"result":{"\ud800a":1,"a":2}}"#,
            r#"{"result":{"a":1,"\u0061":2}}"#,
        ] {
            compare(line, &mut reader);
        }
    }

    /// Values of all kinds, with strings that end at each place of a block, with blanks, and with bytes that were changed, left out or added.
    #[test]
    fn what_is_passed_over_is_what_the_scan_reads() {
        const PARTS: [&str; 30] = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\":",
            "\"n\\u0061me\":",
            "\"content\": ",
            "\"\"",
            "\"a\\\"b\"",
            "\"\\ud83d\"",
            "\"\\x\"",
            "\"a\tb\"",
            "1",
            "-1",
            "01",
            "1.5e+3",
            "-",
            "1.",
            "2e",
            "true",
            "nul",
            "null",
            "false",
            " ",
            "\t",
            "\r",
            "é",
            "\"",
        ];
        let mut state = 1_u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let (mut reader, mut valid) = (Reader::default(), 0);
        for _ in 0..40_000 {
            let mut members = String::from("\"a\":{");
            let mut open = vec!['}'];
            for _ in 0..random(30) {
                let is_object = open.last() == Some(&'}');
                if !members.ends_with(['{', '[']) {
                    members += [",", ", "][random(2)];
                }
                if is_object {
                    members += &match random(8) {
                        0 => String::from("\"a\":"),
                        1 => String::from("\"\\n\":"),
                        2 => format!("\"a long key of some object in it{}\": ", random(1_000)),
                        _ => format!("\"k{}\":", random(1_000)),
                    };
                }
                match random(8) {
                    0 => (members.push('{'), open.push('}')).1,
                    1 => (members.push('['), open.push(']')).1,
                    2 => members += &format!("\"{}\"", "x".repeat(random(150))),
                    3 => members += &format!("\"{}\\n{}\"", "é".repeat(random(40)), "y".repeat(random(70))),
                    4 => members += &format!("{}", random(1_000_000)),
                    5 => members += ["true", "null", "-0.5E1", "[]", "{}"][random(5)],
                    _ => members += "\"a\"",
                }
                while open.len() > 1 && random(3) == 0 && !members.ends_with(':') {
                    members.extend(open.pop());
                }
            }
            members.extend(open.into_iter().rev());
            let key = ["result", "error", "params", "x"][random(4)];
            let mut line = format!("{{\"jsonrpc\":\"2.0\",\"{key}\":{{{members}}},\"id\":1}}");
            if random(2) == 0 {
                let at = random(line.len());
                if line.is_char_boundary(at) {
                    line.insert_str(at, PARTS[random(PARTS.len())]);
                }
                let at = random(line.len());
                if random(2) == 0 && line.is_char_boundary(at) {
                    line.remove(at);
                }
            }
            valid += usize::from(compare(&line, &mut reader));
        }
        assert!(valid > 16_000, "{valid}");
    }
}
