//! The fields of JSON in a text that is no JSON as a whole: a part of a file, its lines, JSON under a heading, a difference, what
//! Python prints.
//!
//! Nothing is known of what stands around such a part. So a key counts wherever it stands before a colon, whatever its way, and
//! what comes behind it is read as far as it goes.

use std::borrow::Cow;
use std::ops::Range;

use super::field_keys::key_end;
use super::json::decode_inside;
use super::kinds::{FieldPattern, StandInRules};
use crate::content::length_before;

/// A text that belongs to a field, and the field's name.
pub(super) struct MemberText<'t> {
    pub(super) range: Range<usize>,
    pub(super) key: Cow<'t, str>,
}

/// The longest key that is looked for, in bytes.
const LONGEST_KEY: usize = 1024;
/// How often a text may be gone through, for fields within fields.
const MOST_ROUNDS: usize = 8;

/// Finds the texts of fields. Where there are too many within one another, all the rest is one.
pub(super) fn find_members<'t>(text: &'t str, rules: &StandInRules) -> Vec<MemberText<'t>> {
    let mut found = Vec::new();
    if rules.fields.is_empty() {
        return found;
    }
    let mut left = (MOST_ROUNDS * text.len()).max(LONGEST_KEY);
    for (colon, _) in text.match_indices(':') {
        let Some((key, level)) = find_key(text, colon) else { continue };
        let named = rules.fields.iter().filter(|field| field.last_key() == Some(&*key));
        let mut depths: Vec<usize> = named.map(FieldPattern::keys_below).collect();
        depths.sort_unstable();
        depths.dedup();
        for wanted in depths {
            let mut walk = MemberWalk { bytes: text.as_bytes(), level, wanted, found: Vec::new() };
            let end = walk.read_value(colon + 1);
            let Some(rest) = left.checked_sub(end - colon) else {
                found.push(MemberText { range: colon + 1..text.len(), key });
                return found;
            };
            left = rest;
            found.extend(walk.found.into_iter().map(|range| MemberText { range, key: key.clone() }));
        }
    }
    found
}

/// Returns the key before a colon, decoded, and how many backslashes stand before its quotes.
fn find_key(text: &str, colon: usize) -> Option<(Cow<'_, str>, usize)> {
    let bytes = text.as_bytes();
    let end = key_end(bytes, colon)?;
    let level = bytes.get(end..)?.iter().take_while(|byte| **byte == b'\\').count();
    let quote = *bytes.get(end + level)?;
    let is_quote = |at: &usize| {
        if bytes.get(*at) != Some(&quote) {
            return false;
        }
        let backslashes = length_before(bytes, *at, level + 1, |byte| byte == b'\\');
        // The text may be cut among the backslashes.
        backslashes == level || (backslashes == *at && backslashes < level)
    };
    let start = match (end.saturating_sub(LONGEST_KEY)..end).rev().find(is_quote) {
        Some(quote) => quote + 1,
        // The text is cut within the quote.
        None if end <= LONGEST_KEY => 0,
        None => return None,
    };
    let mut key = Cow::Borrowed(text.get(start..end)?);
    // Once for each time that it is written within a text.
    let mut times = level + 1;
    while times > 0 && key.contains('\\') {
        key = decode_inside(&key).into_owned().into();
        times /= 2;
    }
    Some((key, level))
}

/// Reads a value as far as it goes.
struct MemberWalk<'t> {
    bytes: &'t [u8],
    /// How many backslashes stand before a quote: none, or one for JSON in a text of JSON, or three.
    level: usize,
    /// In how many objects the wanted texts are.
    wanted: usize,
    found: Vec<Range<usize>>,
}

impl MemberWalk<'_> {
    /// Collects the wanted texts of the value that begins here or behind blanks, and returns where it ends.
    fn read_value(&mut self, start: usize) -> usize {
        let (mut objects, mut lists, mut at) = (0usize, 0usize, start);
        loop {
            at = self.skip_blanks(at);
            let Some(byte) = self.bytes.get(at) else { return at };
            match byte {
                b'{' => objects += 1,
                b'[' => lists += 1,
                b'}' if objects > 0 => objects -= 1,
                b']' if lists > 0 => lists -= 1,
                _ => match self.read_string(at) {
                    Some((inside, end)) => {
                        let behind = self.skip_blanks(end);
                        let is_key = self.bytes.get(behind) == Some(&b':');
                        if is_key && objects == 0 {
                            // No list has a key: the value was cut, and this is behind it.
                            return at;
                        }
                        if objects == self.wanted && !is_key {
                            self.found.push(inside);
                        }
                        at = if is_key { behind } else { end - 1 };
                    }
                    // Neither a text nor in a container.
                    None if objects + lists == 0 => return at,
                    // Of many backslashes, only the last can stand before a quote.
                    None => at += self.backslashes_at(at).saturating_sub(self.level + 1),
                },
            }
            at += 1;
            if objects + lists == 0 {
                return at;
            }
        }
    }

    /// Reads a text that begins here: what is in it, and where it ends. A text that is cut ends with its line.
    fn read_string(&self, start: usize) -> Option<(Range<usize>, usize)> {
        let backslashes = self.backslashes_at(start);
        let quote = *self.bytes.get(start + backslashes).filter(|byte| matches!(byte, b'"' | b'\''))?;
        if backslashes != self.level {
            return None;
        }
        let inside = start + backslashes + 1;
        let mut at = inside;
        while let Some(byte) = self.bytes.get(at) {
            if *byte == b'\n' {
                return Some((inside..at, at));
            }
            let backslashes = self.backslashes_at(at);
            let end = at + backslashes;
            if self.bytes.get(end) != Some(&quote) {
                at = end + usize::from(backslashes == 0);
                continue;
            }
            // Pairs of backslashes are backslashes of the text, and one more before a quote is that of the quote.
            match backslashes.checked_sub(self.level) {
                Some(more) if more % (2 * (self.level + 1)) != 0 => at = end + 1,
                Some(more) => return Some((inside..at + more, end + 1)),
                None => return Some((inside..at, end + 1)),
            }
        }
        Some((inside..at, at))
    }

    /// Line breaks between members are escapes where the JSON is in a text.
    fn skip_blanks(&self, mut at: usize) -> usize {
        loop {
            match self.bytes.get(at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => at += 1,
                Some(b'\\') => {
                    let end = at + self.backslashes_at(at);
                    if !matches!(self.bytes.get(end), Some(b'n' | b'r' | b't')) {
                        return at;
                    }
                    at = end + 1;
                }
                _ => return at,
            }
        }
    }

    fn backslashes_at(&self, at: usize) -> usize {
        self.bytes.get(at..).unwrap_or_default().iter().take_while(|byte| **byte == b'\\').count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_in_parts_of_json() {
        let names = ["firstName", "dataFields.*", "tags", "user.city", "no\"w"];
        let fields = names.iter().map(|name| FieldPattern::parse(name).unwrap()).collect();
        let rules = StandInRules { fields, ..StandInRules::default() };
        for (text, expected) in [
            // Cut at its end, at its begin, in a text.
            ("[\n  {\n    \"firstName\": \"Grace\",\n    \"x\": 1", &["Grace"][..]),
            ("\"id\": 7, \"firstName\" :\t\"Grace\" }, { \"firstName\": \"Ada\" }]", &["Grace", "Ada"]),
            ("{\"firstName\":\"Gra", &["Gra"]),
            ("{\"firstName\":\"Gra\nnext", &["Gra"]),
            // By lines, under a heading, in a difference, as Python writes it.
            ("{\"firstName\":\"Ada\"}\n{\"firstName\":\"Grace\"}\n", &["Ada", "Grace"]),
            ("It's \"3: users\":\n[{\"firstName\":\"Ada\"}]", &["Ada"]),
            ("@@ -1 +1 @@\n-  \"firstName\": \"Ada\",\n+  \"firstName\": \"Grace\",", &["Ada", "Grace"]),
            ("{'firstName': 'Ada', 'x': \"y\"} {'firstName': \"O'Neil\"}", &["Ada", "O'Neil"]),
            // In a text of JSON that is cut.
            (
                "{\"body\":\"{\\\"firstName\\\": \\\"A\\\\\\\"d\\\\\\\\\\\",\\n \\\"tags\\\":\\n[\\\"p\\\"",
                &["A\\\\\\\"d\\\\\\\\", "p"],
            ),
            ("\"firstName\": \"a\\\"b\\\\\", \"z\": \"c\"", &["a\\\"b\\\\"]),
            // Lists, what is below, and what is no text.
            ("x \"tags\": [\"a\", 7, [\"b\"], null], \"c\"", &["a", "b"]),
            (
                "x \"dataFields\": {\"home\": \"h\", \"deep\": {\"no\": \"n\"}, \"all\": [\"i\"]}, \"no\": \"n\"",
                &["h", "i"],
            ),
            ("x \"dataFields\": {\n+ \"home\": \"h\"", &["h"]),
            ("x \"firstName\": null, \"b\": \"c\"", &[]),
            ("x \"firstName\": , \"b\": \"c\"", &[]),
            ("firstName: Ada", &[]),
            ("a.json:1: \"tags\": [\na.json:2: \"tags\": [\"x\",\na.json:3: \"id\": 7", &["x"]),
            // Whatever the way; with escapes.
            ("x \"city\": \"Rome\"", &["Rome"]),
            ("x \"first\\u004eame\": \"Ada\", \"no\\\"w\": \"q\"", &["Ada", "q"]),
            ("\"firstName\"", &[]),
            (":", &[]),
        ] {
            let found: Vec<_> =
                find_members(text, &rules).iter().map(|member| text.get(member.range.clone()).unwrap()).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn fields_within_fields_take_bounded_time() {
        let fields = vec![FieldPattern::parse("a.*").unwrap()];
        let rules = StandInRules { fields, ..StandInRules::default() };
        let text = "\"a\":{".repeat(100_000);
        let found = find_members(&text, &rules);
        assert_eq!(found.last().map(|member| member.range.end), Some(text.len()));
        // Backslashes are counted once.
        let many = "\\".repeat(4_000_000);
        for text in [format!("\"a\":{{{many}"), format!("{many}\"a\": {{\"b\": \"c\""), format!("\"a\":[{many}\":")] {
            assert!(find_members(&text, &rules).len() < 3, "{}", text.len());
        }
    }
}
