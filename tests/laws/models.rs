//! Model readers: JSON as its grammar has it, and the ways in which parsers in the field look a key up.

use std::ops::Range;

/// A value, and where it stands in its text.
#[derive(Debug, PartialEq)]
pub struct Node {
    pub span: Range<usize>,
    pub value: Value,
}

#[derive(Debug, PartialEq)]
pub enum Value {
    /// A number, `true`, `false` or `null`.
    Scalar,
    Text(Text),
    Array(Vec<Node>),
    /// The members as they come, duplicates and all.
    Object(Vec<(Text, Node)>),
}

/// A string in UTF-16, as JSON means it: a lone surrogate is a character of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(Vec<u16>);

impl Text {
    pub fn units(&self) -> &[u16] {
        &self.0
    }

    /// With U+FFFD for each lone surrogate.
    pub fn lossy(&self) -> String {
        String::from_utf16_lossy(&self.0)
    }

    /// Without its lone surrogates.
    fn without_lone(&self) -> String {
        char::decode_utf16(self.0.iter().copied()).flatten().collect()
    }
}

impl Node {
    /// What stands in the text that was read.
    pub fn raw<'t>(&self, text: &'t str) -> &'t str {
        &text[self.span.clone()]
    }

    pub fn text(&self) -> Option<String> {
        if let Value::Text(text) = &self.value { Some(text.lossy()) } else { None }
    }

    pub fn items(&self) -> &[Node] {
        if let Value::Array(items) = &self.value { items } else { &[] }
    }

    pub fn members(&self) -> &[(Text, Node)] {
        if let Value::Object(members) = &self.value { members } else { &[] }
    }

    /// Whether `fits` holds for each object down to `levels` below this one.
    pub fn each_object(&self, levels: usize, fits: &impl Fn(&[(Text, Node)]) -> bool) -> bool {
        if levels == 0 {
            return true;
        }
        let below: Vec<_> = self.items().iter().chain(self.members().iter().map(|(_, value)| value)).collect();
        fits(self.members()) && below.iter().all(|node| node.each_object(levels - 1, fits))
    }
}

/// Whether no two members have one name, with lone surrogates replaced or left out.
pub fn has_distinct_keys(members: &[(Text, Node)]) -> bool {
    are_distinct(members, Text::lossy) && are_distinct(members, Text::without_lone)
}

/// Whether the names of the members differ as they are spelled so.
pub fn are_distinct(members: &[(Text, Node)], spelled: impl Fn(&Text) -> String) -> bool {
    let mut names: Vec<_> = members.iter().map(|(name, _)| spelled(name)).collect();
    names.sort();
    names.windows(2).all(|pair| pair[0] != pair[1])
}

/// Deeper than anything that is accepted, and shallow enough to be read by recursion.
const MAX_NESTING: usize = 600;

/// Reads a text by the grammar of RFC 8259; `None` where it is not JSON, or nests deeper than [`MAX_NESTING`].
pub fn parse(text: &str) -> Option<Node> {
    let mut parser = Parser { text, at: 0 };
    let node = parser.value(MAX_NESTING)?;
    parser.blanks();
    (parser.at == text.len()).then_some(node)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn pass(&mut self, byte: u8) -> Option<()> {
        self.blanks();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, room: usize) -> Option<Node> {
        self.blanks();
        let start = self.at;
        let value = match self.peek()? {
            b'{' if room > 0 => Value::Object(self.list(b'}', |parser| {
                parser.blanks();
                let name = parser.string()?;
                parser.pass(b':')?;
                Some((name, parser.value(room - 1)?))
            })?),
            b'[' if room > 0 => Value::Array(self.list(b']', |parser| parser.value(room - 1))?),
            b'"' => Value::Text(self.string()?),
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            _ => self.number()?,
        };
        Some(Node { span: start..self.at, value })
    }

    fn list<T>(&mut self, end: u8, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.at += 1;
        let mut items = Vec::new();
        if self.pass(end).is_some() {
            return Some(items);
        }
        loop {
            items.push(item(self)?);
            if self.pass(b',').is_none() {
                self.pass(end)?;
                return Some(items);
            }
        }
    }

    fn word(&mut self, word: &str) -> Option<Value> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())?;
        Some(Value::Scalar)
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn number(&mut self) -> Option<Value> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1
        } else {
            self.digits()?
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(Value::Scalar)
    }

    fn string(&mut self) -> Option<Text> {
        (self.peek()? == b'"').then(|| self.at += 1)?;
        let mut units = Vec::new();
        loop {
            let c = self.text[self.at..].chars().next()?;
            self.at += c.len_utf8();
            match c {
                '"' => return Some(Text(units)),
                '\\' => {
                    let escape = self.peek()?;
                    self.at += 1;
                    units.push(match escape {
                        b'"' | b'\\' | b'/' => u16::from(escape),
                        b'b' => 8,
                        b'f' => 12,
                        b'n' => 10,
                        b'r' => 13,
                        b't' => 9,
                        b'u' => {
                            let digits = self.text.get(self.at..self.at + 4)?;
                            digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| self.at += 4)?;
                            u16::from_str_radix(digits, 16).ok()?
                        }
                        _ => return None,
                    });
                }
                '\0'..' ' => return None,
                c => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
            }
        }
    }
}

/// How a parser looks up a key, and what it takes a text for.
#[derive(Clone, Copy, Debug)]
pub enum Reading {
    LastWins,
    FirstWins,
    /// As Go did: without regard to case, with U+017F and U+212A folded; the last one wins.
    AnyCase,
    /// Cut at U+0000; the first one wins.
    CutAtNul,
    /// Without lone surrogates; the last one wins.
    NoLoneSurrogates,
}

impl Reading {
    pub const ALL: [Self; 5] = [Self::LastWins, Self::FirstWins, Self::AnyCase, Self::CutAtNul, Self::NoLoneSurrogates];

    /// The member of an object.
    pub fn get<'n>(self, node: &'n Node, key: &str) -> Option<&'n Node> {
        let is = |(name, _): &&(Text, Node)| match self {
            Self::AnyCase => fold(&name.lossy()) == fold(key),
            _ => self.spelled(name) == key,
        };
        let mut members = node.members().iter();
        let found = match self {
            Self::FirstWins | Self::CutAtNul => members.find(is),
            Self::LastWins | Self::AnyCase | Self::NoLoneSurrogates => members.rfind(is),
        };
        found.map(|(_, value)| value)
    }

    /// The member below members.
    pub fn path<'n>(self, node: &'n Node, path: &[&str]) -> Option<&'n Node> {
        path.iter().try_fold(node, |node, key| self.get(node, key))
    }

    /// A text member, as this parser takes it. Names and methods keep their case: no parser of JSON folds a value.
    pub fn text(self, node: &Node, path: &[&str]) -> Option<String> {
        match &self.path(node, path)?.value {
            Value::Text(text) => Some(self.spelled(text)),
            _ => None,
        }
    }

    fn spelled(self, text: &Text) -> String {
        match self {
            Self::CutAtNul => text.lossy().split('\0').next().unwrap_or_default().to_owned(),
            Self::NoLoneSurrogates => text.without_lone(),
            Self::LastWins | Self::FirstWins | Self::AnyCase => text.lossy(),
        }
    }
}

pub fn fold(text: &str) -> String {
    text.replace('\u{17f}', "s").replace('\u{212a}', "k").to_lowercase()
}
