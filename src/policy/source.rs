//! The text of a policy document and the places in it.

use std::ops::Range;

/// The format of a document, which its file's ending tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TOML 1.1.
    Toml,
    /// JSON, without comments.
    Json,
    /// YAML 1.2, core schema, without anchors, aliases, tags and merge keys.
    Yaml,
}

impl Format {
    /// Every ending that a policy file can have, in the order of the search.
    pub const ENDINGS: [&'static str; 4] = ["toml", "json", "yaml", "yml"];

    /// The name, which is also a file's ending.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Toml => "toml",
            Self::Json => "json",
            Self::Yaml => "yaml",
        }
    }

    /// Returns the format for a file's ending (without its dot), whatever its case.
    pub fn from_ending(ending: &str) -> Option<Self> {
        match ending.to_ascii_lowercase().as_str() {
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

/// A document: its text, how to decode it, and what to call it in messages.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    format: Format,
    text: String,
    /// The byte-order mark of the original text; empty if there is none.
    mark: &'static str,
}

impl Source {
    /// Makes a document that is called `name` in messages. A byte-order mark, which some editors write, is dropped.
    pub fn new(name: impl Into<String>, format: Format, text: impl Into<String>) -> Self {
        let mut text = text.into();
        let mut mark = "";
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
            mark = "\u{feff}";
        }
        Self { name: name.into(), format, text, mark }
    }

    /// What the document is called in messages: its path as shown to a person.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the document is decoded.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The document's text, without a byte-order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the content of a file with this text: it begins with a byte-order mark if the document did.
    pub fn in_file(&self, text: &str) -> String {
        format!("{}{text}", self.mark)
    }

    /// Returns the place of a byte offset; beyond the end it is the end, inside a character it is the start.
    pub fn place_of(&self, offset: usize) -> Place {
        let before = self.text.get(..floor_char_boundary(&self.text, offset)).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let in_line = before.get(line_start..).unwrap_or_default();
        Place { line: before.matches('\n').count() + 1, column: in_line.chars().count() + 1 }
    }
}

/// A place in a document, as editors count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// A range of bytes in a document's text.
pub type Span = Range<usize>;

pub(super) fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
