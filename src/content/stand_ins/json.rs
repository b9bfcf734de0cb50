//! The texts of a JSON value, also those of JSON in its texts, and changes of pieces of them. Every other byte stays.

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

use serde::de::IgnoredAny;

use super::pieces::{LONG, may_be_container, pieces_around};
use super::screen::{Suspected, Suspects};
use crate::content::byte_at;
use crate::content::runs::{find_bits, for_each_block, ones};
use crate::wire::text::{decode_escape, string_end};

/// How deep JSON in texts of JSON is looked into.
pub(super) const MOST_NESTED: usize = 6;
/// From this length on, what looks like base64 under `data` or `blob` is taken for it, in bytes.
const SHORTEST_BASE64: usize = 256;

/// A change of a piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Patch {
    /// Where the piece is.
    pub(super) range: Range<usize>,
    /// What stands there instead.
    pub(super) text: String,
}

/// A text of a JSON value, decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoundText<'a> {
    pub(super) text: &'a str,
    /// The keys on the way to it; of a key, those on the way to its object.
    pub(super) way: &'a [Cow<'a, str>],
    pub(super) is_key: bool,
    /// Whether it is JSON: its own texts come next unless it is changed as a whole.
    pub(super) is_json: bool,
    /// Whether it is in so many texts of JSON that it is not read as JSON.
    pub(super) is_too_deep: bool,
    /// Whether half of a pair of surrogates is in it, decoded as U+FFFD.
    pub(super) has_half: bool,
    /// Whether it is a piece of a text that is no JSON, whatever the piece looks like.
    pub(super) is_piece: bool,
}

/// What changes the texts of a JSON value.
pub(super) trait EditTexts {
    type Error;

    /// Where there may be something to change in a JSON text, as it is written.
    fn screen(&mut self, json: &str) -> Suspects;

    /// Whether a text has to be looked at, although nothing was suspected in it: of these keys, or for what is written in it.
    fn wants(&self, way: &[Cow<'_, str>], written: &str) -> bool;

    /// Whether a text, as it is written, may hold what goes on for any length.
    fn takes_whole(&self, _written: &str) -> bool {
        false
    }

    /// What changes in each piece of a text. Most texts are one piece; of a long one, these are all that may change.
    fn edit(&mut self, pieces: &[FoundText<'_>]) -> Result<Vec<Vec<Patch>>, Self::Error>;

    /// How long what it looks for may be, in bytes, if that is longer than what detectors find.
    fn reach(&self) -> usize;
}

/// Collects what changes in each text of a JSON value that a strict reader has read.
pub(super) fn patch_texts<E: EditTexts>(
    json: &str,
    most_nested: usize,
    editor: &mut E,
) -> Result<Vec<Patch>, E::Error> {
    patch_nested(json, (0, most_nested), editor)
}

/// Applies changes, which are in order and do not overlap.
pub(super) fn apply_patches(text: &str, patches: &[Patch]) -> String {
    let mut patched = String::with_capacity(text.len());
    let mut copied = 0;
    for Patch { range, text: piece } in patches {
        patched.push_str(text.get(copied..range.start).unwrap_or_default());
        patched.push_str(piece);
        copied = range.end;
    }
    patched.push_str(text.get(copied..).unwrap_or_default());
    patched
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    List,
    Object,
    /// An object before a key.
    KeyNext,
}

fn patch_nested<E: EditTexts>(
    json: &str,
    (depth, most): (usize, usize),
    editor: &mut E,
) -> Result<Vec<Patch>, E::Error> {
    let bytes = json.as_bytes();
    let mut patches = Vec::new();
    let mut suspects = editor.screen(json);
    if suspects.is_empty() {
        return Ok(patches);
    }
    let (mut containers, mut way) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'{' => {
                containers.push(Container::KeyNext);
                way.push(Cow::Borrowed(""));
            }
            b'[' => containers.push(Container::List),
            b'}' | b']' => {
                let ended = containers.pop();
                if ended.is_some_and(|container| container != Container::List) {
                    way.pop();
                }
            }
            b',' => {
                if let Some(container @ Container::Object) = containers.last_mut() {
                    *container = Container::KeyNext;
                }
            }
            b'"' => {
                let Some(end) = string_end(bytes, at) else { break };
                let inside = json.get(at..end).unwrap_or_default();
                let is_key = containers.last() == Some(&Container::KeyNext);
                if is_key {
                    containers.pop();
                    containers.push(Container::Object);
                    way.pop();
                }
                let suspected = suspects.find_in(at, end);
                let wants = || editor.wants(if is_key { &[] } else { &way }, inside);
                let is_cut = |_: &&[usize]| !is_key && inside.len() >= LONG && !may_be_container(inside);
                match suspected {
                    Suspected::At(places) if is_cut(&places) && !wants() && !editor.takes_whole(inside) => {
                        if !is_left_alone(depth, &way, inside) {
                            let pieces = pieces_around((inside, at), places, editor.reach());
                            patches.extend(patch_pieces((inside, at), pieces, &way, editor)?);
                        }
                    }
                    _ => {
                        let is_wanted = !matches!(suspected, Suspected::Nowhere) || wants();
                        let decoded = if is_wanted || is_key { Decoded::new(inside) } else { Decoded::default() };
                        if is_wanted && !is_left_alone(depth, &way, inside) {
                            let changed = patch_text(&decoded, (&way, is_key), (depth, most), editor)?;
                            patches.extend(changed.into_iter().map(|patch| decoded.to_written(patch, at)));
                        }
                        if is_key {
                            way.push(decoded.text);
                        }
                    }
                }
                at = end + 1;
            }
            _ => {}
        }
    }
    Ok(patches)
}

fn patch_text<E: EditTexts>(
    decoded: &Decoded<'_>,
    (way, is_key): (&[Cow<'_, str>], bool),
    (depth, most): (usize, usize),
    editor: &mut E,
) -> Result<Vec<Patch>, E::Error> {
    let text = &*decoded.text;
    let is_json = !is_key && depth < most && is_container(text);
    let is_too_deep = depth >= most;
    let has_half = decoded.has_half;
    let found = FoundText { text, way, is_key, is_json, is_too_deep, has_half, is_piece: false };
    let patches = editor.edit(&[found])?.pop().unwrap_or_default();
    if patches.is_empty() && is_json { patch_nested(text, (depth + 1, most), editor) } else { Ok(patches) }
}

/// What changes in these pieces of a text that is no JSON, whose inside begins at `start`.
fn patch_pieces<E: EditTexts>(
    (inside, start): (&str, usize),
    pieces: Vec<Range<usize>>,
    way: &[Cow<'_, str>],
    editor: &mut E,
) -> Result<Vec<Patch>, E::Error> {
    let decode = |piece: Range<usize>| (start + piece.start, Decoded::new(inside.get(piece).unwrap_or_default()));
    let decoded: Vec<_> = pieces.into_iter().map(decode).collect();
    let found: Vec<_> = decoded.iter().map(|(_, piece)| piece.as_piece(way)).collect();
    let changed = editor.edit(&found)?;
    let written = |((start, piece), patches): (&(usize, Decoded<'_>), Vec<Patch>)| -> Vec<Patch> {
        patches.into_iter().map(|patch| piece.to_written(patch, *start)).collect()
    };
    Ok(decoded.iter().zip(changed).flat_map(written).collect())
}

/// Whether the text is that of an object or a list.
pub(super) fn is_container(text: &str) -> bool {
    let trimmed = text.trim_ascii();
    let is_closed = |open, close| trimmed.starts_with(open) && trimmed.ends_with(close);
    (is_closed('{', '}') || is_closed('[', ']')) && serde_json::from_str::<IgnoredAny>(trimmed).is_ok()
}

/// The server's state belongs to it, and base64 is not read.
fn is_left_alone(depth: usize, way: &[Cow<'_, str>], inside: &str) -> bool {
    let is_state = depth == 0 && way.first().is_some_and(|key| key == "requestState");
    let is_data = || way.last().is_some_and(|key| key == "data" || key == "blob");
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'\\');
    is_state || (inside.len() >= SHORTEST_BASE64 && is_data() && inside.bytes().all(is_base64))
}

/// The inside of a JSON string, decoded, and where its pieces are as written.
#[derive(Default)]
struct Decoded<'t> {
    text: Cow<'t, str>,
    /// Behind each escape: the place in the text, and the place as written.
    behind: Vec<(usize, usize)>,
    has_half: bool,
}

impl<'t> Decoded<'t> {
    fn new(inside: &'t str) -> Self {
        if !inside.contains('\\') {
            return Self { text: Cow::Borrowed(inside), behind: Vec::new(), has_half: false };
        }
        let bytes = inside.as_bytes();
        let (mut text, mut behind, mut has_half) = (Vec::with_capacity(inside.len()), Vec::new(), false);
        let mut copied = 0;
        for_each_block(bytes, |start, block| {
            for at in ones(find_bits(|at| block[at] == b'\\')).map(|at| start + at) {
                // The second of two stands for the first.
                if at < copied {
                    continue;
                }
                text.extend_from_slice(bytes.get(copied..at).unwrap_or_default());
                let escape = inside.get(at + 1..).unwrap_or_default();
                let first = byte_at(bytes, at + 1);
                let (c, used) = decode_escape(escape).unwrap_or((Ok(char::from(first)), 1));
                has_half |= c.is_err();
                let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
                text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                copied = at + 1 + used;
                behind.push((text.len(), copied));
            }
            ControlFlow::Continue(())
        });
        text.extend_from_slice(bytes.get(copied..).unwrap_or_default());
        Self { text: Cow::Owned(String::from_utf8(text).unwrap_or_default()), behind, has_half }
    }

    /// The text as a piece of one that is no JSON.
    fn as_piece<'p>(&'p self, way: &'p [Cow<'p, str>]) -> FoundText<'p> {
        let has_half = self.has_half;
        FoundText { text: &self.text, way, is_key: false, is_json: false, is_too_deep: false, has_half, is_piece: true }
    }

    /// Returns a change of the decoded text as one of the text as written, whose inside begins at `start`.
    fn to_written(&self, patch: Patch, start: usize) -> Patch {
        let place = |at: usize| {
            let next = self.behind.partition_point(|(decoded, _)| *decoded <= at);
            let (decoded, written) =
                next.checked_sub(1).and_then(|index| self.behind.get(index)).copied().unwrap_or_default();
            start + written + at - decoded
        };
        let Patch { range, text } = patch;
        Patch { range: place(range.start)..place(range.end), text: escape(&text) }
    }
}

/// Decodes the inside of a JSON string. What is no escape stays.
pub(super) fn decode_inside(inside: &str) -> Cow<'_, str> {
    Decoded::new(inside).text
}

/// Writes a text as the inside of a JSON string.
fn escape(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).map(str::to_owned).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct AtSigns(Vec<String>);

    impl EditTexts for AtSigns {
        type Error = std::convert::Infallible;

        fn screen(&mut self, _: &str) -> Suspects {
            Suspects::everywhere()
        }

        fn wants(&self, _: &[Cow<'_, str>], _: &str) -> bool {
            false
        }

        fn edit(&mut self, pieces: &[FoundText<'_>]) -> Result<Vec<Vec<Patch>>, Self::Error> {
            self.0.extend(pieces.iter().map(|found| found.way.join(".")));
            let edit = |found: &FoundText<'_>| {
                let at = found.text.match_indices('@').filter(|_| !found.is_json);
                at.map(|(at, _)| Patch { range: at..at + 1, text: "\"\n".to_owned() }).collect()
            };
            Ok(pieces.iter().map(edit).collect())
        }

        fn reach(&self) -> usize {
            0
        }
    }

    #[test]
    fn pieces_change_and_all_else_stays() {
        let json = r#" { "k\u0061@" : [1.50, "x\/a@b\u0020", {"n":"{\"d\\u0065\": [\"a\\\"@\"] }"}], "requestState":"@" ,"e":"@\ud83d\ude42@"}"#;
        let mut editor = AtSigns::default();
        let patches = patch_texts(json, MOST_NESTED, &mut editor);
        let ways = editor.0;
        let expected = r#" { "k\u0061\"\n" : [1.50, "x\/a\"\nb\u0020", {"n":"{\"d\\u0065\": [\"a\\\"\\\"\\n\"] }"}], "requestState":"@" ,"e":"\"\n\ud83d\ude42\"\n"}"#;
        assert_eq!(apply_patches(json, &patches.unwrap()), expected);
        assert_eq!(ways, ["", "ka@", "ka@", "ka@.n", "", "de", "", "", "e"].map(str::to_owned).to_vec());
    }
}
