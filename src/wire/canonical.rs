//! One spelling for equal JSON: keys sorted, no white space, strings escaped in one way. Numbers stay as written.
//!
//! It takes one pass and sorts; all its buffers are kept from one text to the next. serde_json cannot do this: it drops
//! duplicates, and changes large numbers and lone surrogates.

use super::fault::{Fault, excerpt};
use super::text::push_canonical;
use super::view::decode_lossy;
use crate::limits::MAX_DEPTH;

/// How the canonical form is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Without white space: what digests are taken of.
    Compact,
    /// One member or element a line, for people; further lines are indented by this many levels.
    Pretty(usize),
}

/// Writes canonical forms, and keeps its buffers from one text to the next.
#[derive(Debug, Default)]
pub struct Canonicalizer {
    tokens: Vec<Token>,
    /// Strings that were written with escapes.
    arena: String,
    /// The keys of the objects that are being written, as indices of their tokens.
    keys: Vec<usize>,
}

/// A key or a value.
#[derive(Clone, Copy, Debug)]
struct Token {
    kind: TokenKind,
    /// A scalar or a string: where it is in its source.
    start: u32,
    end: u32,
    /// The index of the first token that is not part of it.
    after: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenKind {
    Object,
    Array,
    /// A number, a literal, or a string without escapes, with its quotes.
    Plain,
    /// A string in the arena, with its quotes.
    Rewritten,
}

impl Canonicalizer {
    /// Appends the canonical form of a JSON text, which may be of several lines.
    ///
    /// # Errors
    /// Returns an error if an object has a key twice, for parsers take either, and if the text is nested too deeply or
    /// is not JSON. Not every text that is not JSON is noticed: it is read strictly where it comes from.
    pub fn write(&mut self, json: &str, layout: Layout, out: &mut String) -> Result<(), Fault> {
        self.tokens.clear();
        self.arena.clear();
        self.keys.clear();
        self.read_tokens(json)?;
        let mut keys = std::mem::take(&mut self.keys);
        let written = Writer { json, tokens: &self.tokens, arena: &self.arena, keys: &mut keys, out }.value(0, layout);
        self.keys = keys;
        written
    }

    fn read_tokens(&mut self, json: &str) -> Result<(), Fault> {
        let bytes = json.as_bytes();
        // The containers that are open.
        let mut open: [u32; MAX_DEPTH] = [0; MAX_DEPTH];
        let (mut depth, mut at) = (0, 0);
        while let Some(byte) = bytes.get(at) {
            let start = at;
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => at += 1,
                b'{' | b'[' => {
                    let kind = if *byte == b'{' { TokenKind::Object } else { TokenKind::Array };
                    *open.get_mut(depth).ok_or(Fault::Depth)? = offset(self.tokens.len())?;
                    depth += 1;
                    at += 1;
                    self.push(kind, start, at)?;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1).ok_or(Fault::Syntax(at))?;
                    at += 1;
                    let after = offset(self.tokens.len())?;
                    let container = open.get(depth).and_then(|index| self.tokens.get_mut(*index as usize));
                    container.ok_or(Fault::Syntax(start))?.after = after;
                }
                b'"' => {
                    at = string_end(bytes, at).ok_or(Fault::Syntax(start))?;
                    let text = json.get(start..at).unwrap_or_default();
                    if text.contains('\\') {
                        let kept = self.arena.len();
                        push_canonical(text, &mut self.arena);
                        self.push(TokenKind::Rewritten, kept, self.arena.len())?;
                    } else {
                        self.push(TokenKind::Plain, start, at)?;
                    }
                }
                _ => {
                    let rest = bytes.get(at..).unwrap_or_default();
                    let is_end = |byte: &u8| matches!(byte, b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r');
                    at += rest.iter().position(is_end).unwrap_or(rest.len());
                    self.push(TokenKind::Plain, start, at)?;
                }
            }
        }
        let is_one_value = self.tokens.first().is_some_and(|first| first.after as usize == self.tokens.len());
        if depth == 0 && is_one_value { Ok(()) } else { Err(Fault::Syntax(at)) }
    }

    fn push(&mut self, kind: TokenKind, start: usize, end: usize) -> Result<(), Fault> {
        let after = offset(self.tokens.len() + 1)?;
        self.tokens.push(Token { kind, start: offset(start)?, end: offset(end)?, after });
        Ok(())
    }
}

fn offset(at: usize) -> Result<u32, Fault> {
    u32::try_from(at).map_err(|_| Fault::Syntax(at))
}

/// Returns where the string ends whose opening quote is at `at`.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

struct Writer<'c, 'o> {
    json: &'c str,
    tokens: &'c [Token],
    arena: &'c str,
    keys: &'o mut Vec<usize>,
    out: &'o mut String,
}

impl<'c> Writer<'c, '_> {
    fn value(&mut self, index: usize, layout: Layout) -> Result<(), Fault> {
        match self.tokens.get(index).map(|token| token.kind) {
            Some(TokenKind::Object) => self.object(index, layout),
            Some(TokenKind::Array) => self.array(index, layout),
            _ => {
                self.out.push_str(self.text(index));
                Ok(())
            }
        }
    }

    fn object(&mut self, index: usize, layout: Layout) -> Result<(), Fault> {
        let base = self.keys.len();
        let (mut at, end) = (index + 1, self.after(index));
        while at < end {
            self.keys.push(at);
            // The value begins behind its key.
            at = self.after(at + 1);
        }
        let mut keys = std::mem::take(self.keys);
        if let Some(own) = keys.get_mut(base..) {
            own.sort_unstable_by_key(|key| self.text(*key));
        }
        *self.keys = keys;
        let count = self.keys.len() - base;
        self.out.push('{');
        for place in base..base + count {
            let key = self.keys.get(place).copied().unwrap_or_default();
            if place > base && self.keys.get(place - 1).is_some_and(|before| self.text(*before) == self.text(key)) {
                return Err(Fault::Duplicate(excerpt(&decode_lossy(self.text(key)).unwrap_or_default())));
            }
            self.separate(place > base, layout);
            self.out.push_str(self.text(key));
            self.out.push_str(if layout == Layout::Compact { ":" } else { ": " });
            self.value(key + 1, layout.inside())?;
        }
        self.keys.truncate(base);
        self.close('}', count > 0, layout);
        Ok(())
    }

    fn array(&mut self, index: usize, layout: Layout) -> Result<(), Fault> {
        let (mut at, end) = (index + 1, self.after(index));
        self.out.push('[');
        while at < end {
            self.separate(at > index + 1, layout);
            self.value(at, layout.inside())?;
            at = self.after(at);
        }
        self.close(']', end > index + 1, layout);
        Ok(())
    }
}

impl<'c> Writer<'c, '_> {
    /// The index of the first token behind the value.
    fn after(&self, index: usize) -> usize {
        self.tokens.get(index).map_or(index + 1, |token| token.after as usize)
    }

    /// A key or a scalar, in its one spelling.
    fn text(&self, index: usize) -> &'c str {
        let Some(token) = self.tokens.get(index) else { return "" };
        let source = if token.kind == TokenKind::Rewritten { self.arena } else { self.json };
        source.get(token.start as usize..token.end as usize).unwrap_or_default()
    }

    fn separate(&mut self, is_later: bool, layout: Layout) {
        if is_later {
            self.out.push(',');
        }
        self.break_line(layout.inside());
    }

    fn close(&mut self, end: char, has_content: bool, layout: Layout) {
        if has_content {
            self.break_line(layout);
        }
        self.out.push(end);
    }

    fn break_line(&mut self, layout: Layout) {
        if let Layout::Pretty(indent) = layout {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", indent));
        }
    }
}

impl Layout {
    fn inside(self) -> Self {
        match self {
            Self::Compact => Self::Compact,
            Self::Pretty(indent) => Self::Pretty(indent + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compact(json: &str) -> Result<String, Fault> {
        let mut out = String::new();
        Canonicalizer::default().write(json, Layout::Compact, &mut out).map(|()| out)
    }

    #[test]
    fn order_space_and_escapes_are_one_spelling() {
        let one = r#"{ "b" : [1, {"y":"é\/","x":[]} ,-1.50e3],"a":{"k\u0065y":"\u00E9\u000a\ud83d\uDE00"}, "c":null }"#;
        let other =
            "{\"a\":{\"key\":\"é\\n😀\"},\n\t\"c\":null,\"b\":[1,{\"x\":[ ],\"\\u0079\":\"\\u00e9/\"},-1.50e3]}";
        let expected = "{\"a\":{\"key\":\"é\\n😀\"},\"b\":[1,{\"x\":[],\"y\":\"é/\"},-1.50e3],\"c\":null}";
        assert_eq!(compact(one).as_deref(), Ok(expected));
        assert_eq!(compact(other).as_deref(), Ok(expected));
        assert_eq!(compact(expected).as_deref(), Ok(expected));
    }

    #[test]
    fn what_a_reader_can_tell_apart_stays_apart() {
        let texts = [
            "1",
            "1.0",
            "1e0",
            "-0",
            "0",
            "\"1\"",
            "null",
            "\"null\"",
            "[]",
            "{}",
            "[null]",
            "[[]]",
            "\"\"",
            "\" \"",
            "\"a\"",
            "\"A\"",
            "\"é\"",
            "\"e\u{301}\"",
            r#""\ud83d""#,
            r#""\ud83e""#,
            r#""\ufffd""#,
            r#""\\ud83d""#,
            r#""\u0000""#,
            r#""\\""#,
            r#""\"""#,
            "[1,2]",
            "[2,1]",
            r#"{"a":1}"#,
            r#"{"a":[1]}"#,
            r#"{"b":1}"#,
            r#"{"a":{"b":1}}"#,
            r#"{"a":1,"b":2}"#,
        ];
        let forms: std::collections::BTreeSet<_> = texts.iter().map(|text| compact(text).unwrap()).collect();
        assert_eq!(forms.len(), texts.len());
        assert_eq!(compact(r#""\uD83D""#), compact(r#""\ud83d""#));
    }

    #[test]
    fn a_doubled_key_has_no_form_at_any_depth() {
        for json in [r#"{"a":1,"a":1}"#, r#"[{"x":{"a":1,"b":2,"\u0061":3}}]"#] {
            assert_eq!(compact(json), Err(Fault::Duplicate("a".into())), "{json}");
        }
    }

    #[test]
    fn depth_and_other_text_are_refused() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(compact(&nested(MAX_DEPTH)), Ok(nested(MAX_DEPTH)));
        assert_eq!(compact(&nested(MAX_DEPTH + 1)), Err(Fault::Depth));
        for json in ["", "[", "]", "{", "\"a", "\"a\\", "1 2", "[1]]", "{}{}"] {
            assert!(compact(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_layout_for_people_has_one_value_a_line() {
        let mut out = String::from("x: ");
        let json = r#"{"b":[1,[],{}],"a":{"c":true}}"#;
        Canonicalizer::default().write(json, Layout::Pretty(1), &mut out).unwrap();
        assert_eq!(
            out,
            "x: {\n    \"a\": {\n      \"c\": true\n    },\n    \"b\": [\n      1,\n      [],\n      {}\n    ]\n  }"
        );
        assert_eq!(compact(&out[3..]), compact(json));
    }

    #[test]
    fn many_keys_take_no_quadratic_time() {
        let keys: Vec<_> = (0..100_000).map(|n| format!("\"{n}\\u0061\":[{{}}]")).collect();
        assert!(compact(&format!("{{{}}}", keys.join(","))).is_ok());
    }
}
