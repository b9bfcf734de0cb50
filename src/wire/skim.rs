//! What is known about a line that is not read: whether it is a request, and with which id it wants its answer.
//!
//! A line over the bound passes by in pieces and is never held, and a line that the strict reader refuses must still be
//! answered with its id if it has one. Both are read here, leniently, in constant memory, and never forwarded.

use serde_json::value::RawValue;

use super::id::Id;
use super::lookalike::{self, Likeness};
use crate::limits::MAX_ID;

/// What a line that is not acceptable seems to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skim {
    /// The id of the line, if the line is a whole object with exactly one readable id.
    pub id: Option<Id>,
    /// What the line seems to be.
    pub shape: Shape,
    /// Whether the line names itself JSON-RPC.
    pub version: Version,
}

/// Whether a line has a `jsonrpc` member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// It has one.
    Named,
    /// It has none: it may be any JSON.
    #[default]
    Absent,
}

/// What kind of message a skimmed line seems to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// It has a method and an id, readable or not.
    Request,
    /// It has a method and no id.
    Notification,
    /// It has a result or an error, and no method.
    Response,
    /// It is not a single object, or has neither a method nor a result or an error.
    #[default]
    Unknown,
}

impl Skim {
    /// Returns the id to answer to, if the line is a request or nothing shows that it is something else.
    pub fn request_id(&self) -> Option<&Id> {
        self.id.as_ref().filter(|_| matches!(self.shape, Shape::Request | Shape::Unknown))
    }

    /// Returns the id that the line answers, if it is a response.
    pub fn response_id(&self) -> Option<&Id> {
        self.id.as_ref().filter(|_| self.shape == Shape::Response)
    }
}

/// Skims a line that is whole in memory.
pub fn skim_line(line: &[u8]) -> Skim {
    let mut skimmer = Skimmer::default();
    skimmer.feed(line);
    skimmer.finish()
}

/// Skims the messages of a batch, an array that is whole in memory. Returns none if the line is not valid JSON.
pub fn skim_batch(line: &[u8]) -> impl Iterator<Item = Skim> {
    let messages: Vec<&RawValue> = serde_json::from_slice(line).unwrap_or_default();
    messages.into_iter().map(|message| skim_line(message.get().as_bytes()))
}

/// The longest key that can matter, as written: one that consists of escapes only.
const MAX_KEY: usize = 64;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum SkimState {
    /// Before the object: blanks, control bytes and a byte order mark are skipped.
    #[default]
    Before,
    /// Before a key of the outermost object, or its end.
    Key,
    Value,
    After,
    /// The line is not a single object.
    Broken,
}

/// Skims a line piece by piece: see the module's documentation.
#[derive(Debug, Default)]
pub struct Skimmer {
    at: SkimState,
    depth: u64,
    in_string: bool,
    escaped: bool,
    /// The key or the id that is being read, as written, up to a bound.
    text: Vec<u8>,
    taking: bool,
    /// The key whose value is being read.
    member: Option<&'static str>,
    id: Option<Id>,
    ids: u32,
    has_method: bool,
    has_answer: bool,
    version: Version,
}

impl Skimmer {
    /// Reads the next piece of the line.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            if self.at == SkimState::Broken {
                return;
            }
            if self.in_string && !self.escaped && !self.taking {
                // Nothing in this string matters: jump to where it may end.
                match memchr::memchr2(b'"', b'\\', bytes) {
                    None => return,
                    Some(0) => {}
                    Some(skip) => {
                        bytes = bytes.get(skip..).unwrap_or_default();
                        continue;
                    }
                }
            }
            self.feed_byte(byte);
            bytes = rest;
        }
    }

    /// Returns what is known about the whole line.
    pub fn finish(self) -> Skim {
        if self.at != SkimState::After {
            return Skim::default();
        }
        let shape = match (self.has_method, self.has_answer) {
            (true, false) if self.ids == 0 => Shape::Notification,
            (true, false) => Shape::Request,
            (false, true) => Shape::Response,
            _ => Shape::Unknown,
        };
        Skim { id: self.id.filter(|_| self.ids == 1), shape, version: self.version }
    }

    fn feed_byte(&mut self, byte: u8) {
        if self.in_string {
            self.take_byte(byte);
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_string = false;
                    if self.at == SkimState::Key {
                        self.end_key();
                    }
                }
                _ => {}
            }
            return;
        }
        match (self.at, byte) {
            (SkimState::Before, b'{') => {
                self.at = SkimState::Key;
                self.depth = 1;
            }
            (SkimState::Before, 0..=b' ' | 0xEF | 0xBB | 0xBF) | (SkimState::After, b' ' | b'\t' | b'\r' | b'\n') => {}
            (SkimState::Before | SkimState::After | SkimState::Broken, _) => self.at = SkimState::Broken,
            (SkimState::Key, b'"') => {
                self.in_string = true;
                self.taking = true;
                self.text.clear();
                self.text.push(byte);
            }
            (SkimState::Key, b'}') => self.at = SkimState::After,
            (SkimState::Key, b':') => {
                self.at = SkimState::Value;
                self.taking = self.member == Some("id");
                self.text.clear();
            }
            (SkimState::Key, _) => {}
            (SkimState::Value, b',' | b'}') if self.depth == 1 => {
                self.end_value();
                self.at = if byte == b',' { SkimState::Key } else { SkimState::After };
            }
            // It closes what was never opened.
            (SkimState::Value, b']') if self.depth == 1 => self.at = SkimState::Broken,
            (SkimState::Value, _) => {
                self.take_byte(byte);
                match byte {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth -= 1,
                    _ => {}
                }
            }
        }
    }

    fn take_byte(&mut self, byte: u8) {
        // One byte over the bound is kept, so that an id that was cut is recognised as too long.
        if self.taking && self.text.len() <= MAX_ID {
            self.text.push(byte);
        }
    }

    fn end_key(&mut self) {
        self.taking = false;
        self.member = None;
        if self.text.len() > MAX_KEY {
            return;
        }
        let Ok(key) = serde_json::from_slice::<String>(&self.text) else { return };
        match lookalike::compare_key(&key, &["id", "method", "result", "error", "jsonrpc"]) {
            Likeness::Is(name) => {
                self.member = Some(name);
                match name {
                    "id" => self.ids += 1,
                    "method" => self.has_method = true,
                    "jsonrpc" => self.version = Version::Named,
                    _ => self.has_answer = true,
                }
            }
            // Some readers take it for the id: then no id is certain.
            Likeness::Like("id") => self.ids += 2,
            Likeness::Like(_) | Likeness::Other => {}
        }
    }

    fn end_value(&mut self) {
        if self.taking {
            self.taking = false;
            self.id = Id::parse(self.text.trim_ascii()).ok();
        }
        self.member = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Skims `line` whole and byte by byte. Returns its shape, and its id as written.
    fn seen(line: &str) -> (Shape, Option<String>) {
        let whole = skim_line(line.as_bytes());
        let mut pieces = Skimmer::default();
        for byte in line.bytes() {
            pieces.feed(&[byte]);
        }
        assert_eq!(whole, pieces.finish(), "{line}");
        (whole.shape, whole.id.map(|id| id.as_str().to_owned()))
    }

    #[test]
    fn the_id_is_found_wherever_it_stands() {
        for (line, shape, id) in [
            (r#"{"id":7,"method":"x"}"#, Shape::Request, Some("7")),
            (
                r#" { "method" : "x" , "params" : {"id":1,"a":["}",{"id":2}]} , "id" : "a\"}b" } "#,
                Shape::Request,
                Some(r#""a\"}b""#),
            ),
            (r#"{"i\u0064":7,"method":"x"}"#, Shape::Request, Some("7")),
            (r#"{"id":7,"result":{}}"#, Shape::Response, Some("7")),
            (r#"{"id":7,"error":{}}"#, Shape::Response, Some("7")),
            (r#"{"method":"x"}"#, Shape::Notification, None),
            (r#"{"id":7}"#, Shape::Unknown, Some("7")),
            (r#"{"id":7,"method":"x","result":1}"#, Shape::Unknown, Some("7")),
            ("{}", Shape::Unknown, None),
        ] {
            assert_eq!(seen(line), (shape, id.map(str::to_owned)), "{line}");
        }
        assert_eq!(seen("\u{feff}\0{\"id\":7,\"method\":\"x\"}").1.as_deref(), Some("7"));
    }

    #[test]
    fn no_id_is_certain() {
        for line in [
            r#"{"id":7,"id":8,"method":"x"}"#,
            r#"{"id":7,"ID":8,"method":"x"}"#,
            r#"{"id":1.5,"method":"x"}"#,
            r#"{"id":null,"method":"x"}"#,
            r#"{"id":{},"method":"x"}"#,
            r#"{"id":[1],"method":"x"}"#,
            r#"{"id":7,"method":"x""#,
            r#"{"id":7,"method":"x"]}"#,
            r#"{"id":7,"method":"x"}]}"#,
            r#"{"method":"x","id":7],[}"#,
            r#"{"id":7]}"#,
            r#"{"id":7,"method":]]"#,
            r#"{"id":7,"method":"x"}{"id":8,"method":"x"}"#,
            r#"[{"id":7,"method":"x"}]"#,
            r#"text {"id":7,"method":"x"}"#,
            "",
        ] {
            assert_eq!(seen(line).1, None, "{line}");
        }
        let long = format!(r#"{{"id":"{}","method":"x"}}"#, "x".repeat(MAX_ID));
        assert_eq!(seen(&long), (Shape::Request, None));
    }
}
