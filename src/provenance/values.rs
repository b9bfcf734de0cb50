//! The values of a text, each in its normal form: what of a result is remembered, and what of an argument is looked up.
//!
//! A line is read in words: runs of what stands in addresses, paths and names. Of a result each long word counts, each whole
//! string, line, cell and quotation, and copied runs. Of an argument, the whole counts, what can be addressed by itself, and
//! copied runs. What is short or common is no value: see [`is_distinctive`].

use super::forms::{Forms, decode_base64, decode_data, find_readings, is_base64, is_base64_line};
use super::numbers::find_numbers;
use super::shingles::Shingler;
use super::siphash::{Key, SipHasher};
use super::words::{Part, find_parts, find_whole, is_distinctive};
use crate::wire::view::{self, Leaf};

/// The digest of a value.
pub(super) type ValueKey = u32;

/// The longest string, line or quotation that is remembered as a whole, in bytes.
const MAX_WHOLE: usize = 256;

/// From this length on, a run of base64 in a result is data, not text to be copied from.
const DATA: usize = 1024;

/// The shortest line of base64 that is broken into lines.
const MIN_DATA_LINE: usize = 60;

/// How much of data that is no text is read, in bytes.
const MAX_DATA: usize = 64 * 1024;

/// What the values are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Result,
    Argument,
}

/// Finds values, and makes their digests under the key of a session.
#[derive(Debug)]
pub(super) struct ValueReader {
    key: Key,
    forms: Forms,
    /// What was found, in any order, with repetitions.
    found: Vec<ValueKey>,
}

/// What is remembered of a result.
#[derive(Debug)]
pub(super) struct ResultValues {
    pub(super) keys: Vec<ValueKey>,
    /// Whether there is anything to read in it.
    pub(super) has_text: bool,
}

impl ValueReader {
    pub(super) fn new(key: Key) -> Self {
        Self { key, forms: Forms::default(), found: Vec::new() }
    }

    /// Returns the digests of what is remembered of a result, JSON.
    pub(super) fn read_result(&mut self, result: &str) -> ResultValues {
        let (mut has_text, mut is_kind) = (false, false);
        for leaf in view::leaves(result) {
            match leaf {
                Leaf::Key(key) => {
                    let key = view::decode_lossy(key).unwrap_or_default();
                    is_kind = matches!(&*key, "type" | "resultType" | "mimeType");
                    if key.bytes().any(|byte| byte.is_ascii_digit() || matches!(byte, b'@' | b'.' | b'/' | b' ')) {
                        self.read_text(&key, Side::Result);
                    }
                }
                Leaf::Scalar(scalar) => match view::decode_lossy(scalar) {
                    Some(text) => {
                        has_text |= !is_kind && text.chars().any(char::is_alphanumeric);
                        self.read_string(&text, Side::Result);
                    }
                    None => find_numbers(scalar, &mut |number| push(&self.key, &mut self.found, number)),
                },
            }
        }
        ResultValues { keys: self.take_found(), has_text }
    }

    /// Returns the digests of what is looked up of an argument's text.
    pub(super) fn read_argument(&mut self, text: &str) -> Vec<ValueKey> {
        self.read_string(text, Side::Argument);
        self.take_found()
    }

    /// Returns the digests of all of an argument's text, which is one value.
    pub(super) fn read_whole(&mut self, text: &str) -> Vec<ValueKey> {
        let normal = self.forms.normalize(text);
        let word = normal.trim();
        push_whole(&self.key, &mut self.found, word);
        let mut longest = String::new();
        let mut keep = |value: &str| {
            if value.len() > longest.len() {
                value.clone_into(&mut longest);
            }
        };
        if word.bytes().all(|byte| byte.is_ascii_digit() || b" -./()+".contains(&byte)) {
            find_numbers(word, &mut keep);
        } else if word.contains("://") && !word.contains(char::is_whitespace) {
            find_parts(word, &mut |part, value| {
                if part == Part::Address {
                    keep(value)
                }
            });
        }
        if !longest.is_empty() {
            push(&self.key, &mut self.found, &longest);
        }
        self.take_found()
    }

    /// Returns the digests of what is looked up of arguments, JSON.
    pub(super) fn read_arguments(&mut self, arguments: &str) -> Vec<ValueKey> {
        for leaf in view::leaves(arguments) {
            let (Leaf::Key(text) | Leaf::Scalar(text)) = leaf;
            let text = view::decode_lossy(text).unwrap_or_else(|| text.into());
            self.read_string(&text, Side::Argument);
        }
        self.take_found()
    }

    fn take_found(&mut self) -> Vec<ValueKey> {
        let mut found = std::mem::take(&mut self.found);
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Reads a string. Of data, the words count, which it need not be; copied runs would be noise.
    fn read_string(&mut self, text: &str, side: Side) {
        if side == Side::Argument || !is_data(text) {
            return self.read_text(text, side);
        }
        if let Some(decoded) = decode_data(text) {
            return self.read_text(&decoded, side);
        }
        let normal = self.forms.normalize(text.get(..text.floor_char_boundary(MAX_DATA)).unwrap_or(text));
        let Self { key, found, .. } = self;
        for line in normal.split(['\n', '\r']) {
            find_numbers(line, &mut |number| push(key, found, number));
            find_parts(line, &mut |_, value| push(key, found, value));
        }
    }

    fn read_text(&mut self, text: &str, side: Side) {
        self.read_once(text, side);
        for reading in find_readings(text) {
            self.read_once(&reading, side);
        }
        for word in text.split(|c: char| !c.is_ascii() || !is_base64(c as u8)) {
            if let Some(decoded) = decode_base64(word) {
                self.read_once(&decoded, side);
            }
        }
    }

    /// Reads a text as it is written.
    fn read_once(&mut self, text: &str, side: Side) {
        let normal = self.forms.normalize(text);
        let Self { key, found, .. } = self;
        if side == Side::Argument || normal.len() <= MAX_WHOLE {
            push_whole(key, found, &normal);
        }
        let mut shingler = Shingler::new(key);
        // Of an argument without blanks, only what holds together by itself is compared: paths have common beginnings.
        let is_sentence = side == Side::Result || normal.trim().contains([' ', '\n', '\t']) || !normal.is_ascii();
        for line in normal.split(['\n', '\r']).filter(|line| !line.is_empty()) {
            if side == Side::Result {
                read_pieces(line, &mut |piece| push_whole(key, found, piece));
            }
            find_numbers(line, &mut |number| push(key, found, number));
            find_parts(line, &mut |part, value| match (part, side) {
                (Part::Address, _) | (Part::Word | Part::Folder, Side::Result) => push(key, found, value),
                (Part::Word | Part::Folder, Side::Argument) => {}
            });
            if is_sentence {
                shingler.push_text(line, &mut |digest| found.push(digest));
            } else {
                for run in line.split(|c: char| !c.is_alphanumeric()) {
                    let mut shingler = Shingler::new(key);
                    shingler.push_text(run, &mut |digest| found.push(digest));
                }
            }
        }
    }
}

/// Whether a string is as base64 of a file is: long, and one line or lines of one width.
fn is_data(text: &str) -> bool {
    if text.len() < DATA || !text.bytes().all(is_base64_line) {
        return false;
    }
    let mut lines = text.split(['\n', '\r']).filter(|line| !line.is_empty());
    let width = lines.next().map_or(0, str::len);
    let mut is_last = false;
    width >= MIN_DATA_LINE
        && lines.all(|line| !std::mem::replace(&mut is_last, line.len() != width) && line.len() <= width)
}

/// Gives the pieces of a line that are often copied as a whole: cells, what stands behind a colon, quotations, names.
fn read_pieces<'l>(line: &'l str, found: &mut dyn FnMut(&'l str)) {
    if line.len() <= MAX_WHOLE {
        found(line);
    }
    let pieces = line.split(['|', '\t', ',', ';', '<', '>', '(', ')', '[', ']', '{', '}']);
    for piece in pieces.filter(|piece| piece.len() <= MAX_WHOLE && piece.len() < line.len()) {
        found(piece);
    }
    for (at, _) in line.match_indices(": ") {
        let rest = line.get(at + 2..).unwrap_or_default();
        // Longer ones do not count, and there may be many.
        let rest = rest.get(..rest.floor_char_boundary(MAX_WHOLE + 1)).unwrap_or(rest);
        let end = rest.find(['|', '\t', ',', ';']).unwrap_or(rest.len());
        if end <= MAX_WHOLE {
            found(rest.get(..end).unwrap_or_default());
        }
    }
    for quote in ['"', '\'', '`', '“', '”', '«', '»', '„'] {
        let mut pieces = line.split(quote);
        // What stands before the first quote is not quoted; two between two others may be either.
        pieces.next();
        pieces.filter(|piece| piece.len() <= MAX_WHOLE).for_each(&mut *found);
    }
}

/// Adds a text as a whole, if it is distinctive.
fn push_whole(key: &Key, found: &mut Vec<ValueKey>, text: &str) {
    if let Some(whole) = find_whole(text).filter(|whole| is_distinctive(whole)) {
        push(key, found, &whole);
    }
}

fn push(key: &Key, found: &mut Vec<ValueKey>, value: &str) {
    let mut hasher = SipHasher::new(key);
    hasher.push_bytes(value.as_bytes());
    found.push(hasher.finish() as ValueKey);
}
