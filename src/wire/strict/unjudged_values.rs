//! Passes over values whose keys nobody judges: what a server answers. Only their grammar counts, so that no key is kept, and where strings
//! end is looked up 64 bytes at a time.

use super::{KeyMarks, Scan};
use crate::wire::text::stop_bits;

/// Deeper values are left to the scan.
const MAX_LEVELS: u32 = u64::BITS;

impl Scan<'_, '_> {
    /// Passes over a value, and returns where it ends. `None` if something is wrong with it, or rare: the scan reads that.
    /// Notes the keys of the value itself.
    pub(super) fn pass_unjudged(&self, mut at: usize, keys: &mut KeyMarks) -> Option<usize> {
        // Which of the open containers are objects: the innermost is in the lowest bit.
        let (mut objects, mut depth) = (0_u64, 0_u32);
        loop {
            match self.byte(at) {
                b'"' => at = self.pass_string(at + 1)? + 1,
                byte @ (b'{' | b'[') => {
                    at += 1;
                    if self.byte(at) != byte + 2 {
                        if depth == MAX_LEVELS {
                            return None;
                        }
                        (objects, depth) = (objects << 1 | u64::from(byte == b'{'), depth + 1);
                        if byte == b'{' {
                            at = self.pass_key(at, depth, keys)?;
                        }
                        continue;
                    }
                    at += 1;
                }
                b'-' | b'0'..=b'9' => at = self.scan_number(at).ok()?,
                b't' => at = self.scan_literal(at, b"true").ok()?,
                b'f' => at = self.scan_literal(at, b"false").ok()?,
                b'n' => at = self.scan_literal(at, b"null").ok()?,
                b' ' => {
                    at += 1;
                    continue;
                }
                _ => return None,
            }
            loop {
                if depth == 0 {
                    return Some(at);
                }
                let byte = self.byte(at);
                at += 1;
                if byte == b',' {
                    break;
                }
                if byte != if objects & 1 == 1 { b'}' } else { b']' } {
                    return None;
                }
                (objects, depth) = (objects >> 1, depth - 1);
            }
            if objects & 1 == 1 {
                at = self.pass_key(at, depth, keys)?;
            }
        }
    }

    /// Passes over a key and its colon.
    #[inline(always)]
    fn pass_key(&self, mut at: usize, depth: u32, keys: &mut KeyMarks) -> Option<usize> {
        while self.byte(at) == b' ' {
            at += 1;
        }
        if self.byte(at) != b'"' {
            return None;
        }
        let end = self.pass_string(at + 1)?;
        if depth == 1 {
            keys.add(self.bytes.get(at + 1..end)?);
        }
        (self.byte(end + 1) == b':').then_some(end + 2)
    }

    /// Returns where the closing quote of a string is whose inside begins at `start`.
    #[inline(always)]
    fn pass_string(&self, start: usize) -> Option<usize> {
        let stops = self.bytes.get(start..)?.first_chunk().map_or(0, stop_bits);
        let end = start + stops.trailing_zeros() as usize;
        match stops != 0 && self.byte(end) == b'"' {
            true => Some(end),
            false => Some(self.scan_other_string(start).ok()?.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Outermost, Reader, StrictDepth};
    use super::{KeyMarks, MAX_LEVELS};
    use crate::limits::MAX_DEPTH;

    /// At this depth nothing is passed over: it is that of an envelope, read key by key.
    const KEY_BY_KEY: StrictDepth = StrictDepth(0);

    fn compare(line: &str, reader: &mut Reader) -> bool {
        // Blanks keep it from being plain, which is another way to read it.
        let line = format!(" {line}");
        let read = reader.read_line(line.as_bytes(), StrictDepth::ENVELOPE).map_err(|fault| fault.to_string());
        let scanned = Reader::default().read_line(line.as_bytes(), KEY_BY_KEY).map_err(|fault| fault.to_string());
        assert_eq!(read, scanned, "{line:?}");
        read.is_ok()
    }

    #[test]
    fn values_of_any_depth_are_read() {
        let mut reader = Reader::default();
        for depth in (1..4).chain(60..70).chain(MAX_DEPTH - 3..MAX_DEPTH + 3) {
            for (open, inside, close) in [("[", "", "]"), ("{\"a\":", "[]", "}"), ("[{\"a\":", "1", "}]")] {
                let value = format!("{}{inside}{}", open.repeat(depth), close.repeat(depth));
                let scan = reader.start_scan(&value, StrictDepth::ENVELOPE, Outermost::Message);
                let is_passed = scan.pass_unjudged(0, &mut KeyMarks::default()) == Some(value.len());
                let levels = value.chars().filter(|c| matches!(c, '[' | '{')).count() - usize::from(inside != "1");
                assert_eq!(is_passed, levels <= MAX_LEVELS as usize, "{value}");
                compare(&format!("{{\"id\":1,\"result\":{value}}}"), &mut reader);
                compare(&format!("{{\"id\":1,\"result\":{}}}", value.replacen(close, "", 1)), &mut reader);
            }
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
                    members += ["\"a\":", "\"b\": ", "\"\\n\":", "\"a long key of some object in it\":"][random(4)];
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
            let key = ["result", "error", "x"][random(3)];
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
