//! Edits of the texts in a JSON value: what a person does not see is taken out, and what is too long is cut. Every other byte
//! stays what it was.

use std::ops::Range;

use unicode_general_category::{GeneralCategory, get_general_category};

use super::decoded_text::{is_usual_sign, may_be_odd};
use super::run_length;
use super::runs::{Places, has_byte, has_pair};
use crate::unicode::is_default_ignorable;
use crate::wire::text::decode_escape;
use crate::wire::view::{self, Leaf};

/// What is taken out of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strip {
    /// Characters that show nothing, and control characters other than tabs and line breaks.
    Invisible,
    /// The escape sequences of terminals.
    Ansi,
}

/// How texts are edited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextEdits {
    /// Whether invisible characters are taken out.
    pub invisible: bool,
    /// Whether escape sequences are taken out.
    pub ansi: bool,
    /// How long a text may be, in bytes.
    pub max_text: Option<usize>,
}

/// What was done to the texts of one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EditCounts {
    /// How many characters were taken out.
    pub stripped: u64,
    /// How many texts were cut.
    pub cut: u64,
}

impl TextEdits {
    /// Whether nothing is edited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes out `strip` as well.
    pub fn add_strip(&mut self, strip: Strip) {
        match strip {
            Strip::Invisible => self.invisible = true,
            Strip::Ansi => self.ansi = true,
        }
    }

    /// Whether something in a text, as written, may have to be taken out.
    fn may_strip(&self, text: &str) -> bool {
        let is_escape = |byte: u8, next: u8| (byte == b'\\') & ((next == b'u') | (next == b'b') | (next == b'f'));
        let is_odd = |byte, next, _, _| may_be_odd(byte, next) | (byte == 0x7f) | is_escape(byte, next);
        let bytes = text.as_bytes();
        (self.invisible || self.ansi)
            // Most texts have none of that at all.
            && (has_byte(bytes, |byte| byte >= 0x7f) || has_pair(bytes, is_escape))
            && Places::new(bytes, is_odd).any(|at| may_be_unseen(text, at))
    }
}

/// Whether a character that shows nothing may stand at a place of a text, as written.
fn may_be_unseen(text: &str, at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    let Some(escape) = rest.strip_prefix('\\') else { return rest.starts_with(is_unseen) };
    let unit = escape.get(1..5).and_then(|hex| u16::from_str_radix(hex, 16).ok());
    match unit.filter(|_| escape.starts_with('u')) {
        // Halves of emoji.
        Some(0xd83c | 0xd83d | 0xdc00..=0xdfff) => false,
        Some(unit) => char::from_u32(unit.into()).is_none_or(is_unseen),
        None => true,
    }
}

/// Edits the strings of a JSON object that the strict reader has read; `None` if nothing changes. Keys stay, and so does
/// `requestState`, which belongs to the server, and base64 is not cut.
pub fn edit_texts(json: &str, edits: &TextEdits, counts: &mut EditCounts) -> Option<String> {
    if edits.max_text.is_none_or(|max| json.len() <= max) && !edits.may_strip(json) {
        return None;
    }
    let is_state = |member: &view::Member<'_>| member.key().as_deref() == Some("requestState");
    let state = view::members(json).find(is_state).map(|member| member.range);
    let mut edited = String::new();
    let mut copied = 0;
    let mut key = "";
    for leaf in view::leaves(json) {
        let text = match leaf {
            Leaf::Key(written) => {
                key = written;
                continue;
            }
            Leaf::Scalar(text) => text,
        };
        let Some(inside) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else { continue };
        let max_text = edits.max_text.filter(|max| inside.len() > *max && !is_base64(key, inside));
        if max_text.is_none() && !edits.may_strip(inside) {
            continue;
        }
        let Range { start, end } = view::range_of(json.as_bytes(), inside);
        if state.as_ref().is_some_and(|state| state.contains(&start)) {
            continue;
        }
        if let Some(text) = edit_string(inside, &TextEdits { max_text, ..*edits }, counts) {
            edited.push_str(json.get(copied..start)?);
            edited.push_str(&text);
            copied = end;
        }
    }
    (copied > 0).then(|| edited + json.get(copied..).unwrap_or_default())
}

fn is_base64(key: &str, inside: &str) -> bool {
    let is_data = matches!(key, "\"data\"" | "\"blob\"");
    is_data
        && inside
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'\\'))
}

/// Edits the inside of a JSON string as written; `None` if nothing changes.
fn edit_string(inside: &str, edits: &TextEdits, counts: &mut EditCounts) -> Option<String> {
    let mut text = String::new();
    let mut copied = 0;
    let mut at = 0;
    // How long the text that stays is, decoded, and what came before.
    let mut length = 0;
    let mut before = None;
    let mut half = None;
    while at < inside.len() {
        let plain = plain_length(inside.as_bytes(), at).min(edits.max_text.map_or(usize::MAX, |max| max - length));
        if plain > 0 {
            (at, length, half) = (at + plain, length + plain, None);
            before = inside.as_bytes().get(at - 1).map(|byte| char::from(*byte));
        }
        let Some((c, used)) = read_char(inside, at) else { break };
        let own_half = find_half(inside, at);
        // What stood between two halves of a pair is gone: the second must not make a character of them.
        let joins =
            copied == at && copied > 0 && half == Some(SurrogateHalf::High) && own_half == Some(SurrogateHalf::Low);
        let removed = if joins { used } else { edits.find_removed(inside, at, c, before) };
        if removed > 0 {
            counts.stripped += count_chars(inside, at..at + removed);
            text.push_str(inside.get(copied..at)?);
            at += removed;
            copied = at;
            continue;
        }
        if edits.max_text.is_some_and(|max| length + c.len_utf8() > max) {
            let left = decoded_length(inside, at);
            // Without a word about it, a text that was cut would be taken for the whole.
            if left > 0 {
                counts.cut += 1;
                text.push_str(inside.get(copied..at)?);
                text.push_str(&format!(" [policylayer: {left} bytes are left out here]"));
                return Some(text);
            }
        }
        length += c.len_utf8();
        (before, half) = (Some(c), own_half);
        at += used;
    }
    (copied > 0).then(|| text + inside.get(copied..).unwrap_or_default())
}

/// Whether the byte is a character that is seen, and not the start of an escape.
fn is_plain(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte) & (byte != b'\\')
}

/// How many such bytes there are from a place on.
fn plain_length(bytes: &[u8], start: usize) -> usize {
    const BLOCK: usize = 16;
    let mut at = start;
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>())
        && block.iter().fold(true, |all, byte| all & is_plain(*byte))
    {
        at += BLOCK;
    }
    at - start + run_length(bytes, at, usize::MAX, is_plain)
}

impl TextEdits {
    /// How many bytes of a string, as written, are taken out at a place.
    fn find_removed(&self, inside: &str, at: usize, c: char, before: Option<char>) -> usize {
        if c.is_ascii() && !c.is_ascii_control() {
            return 0;
        }
        if self.ansi
            && let Some(end) = find_sequence_end(inside, at, c)
        {
            return end - at;
        }
        let used = || read_char(inside, at).map_or(0, |(_, used)| used);
        if self.invisible && is_unseen(c) && !is_part_of_sign(inside, at, c, before) { used() } else { 0 }
    }
}

/// Whether the character shows nothing: what Unicode calls ignorable, controls of format and of terminals.
fn is_unseen(c: char) -> bool {
    if is_usual_sign(c) {
        return false;
    }
    let is_control = c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    // Signs of Arabic and other scripts that stand before a number, and are seen.
    let is_sign = matches!(c, '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{110bd}' | '\u{110cd}');
    let is_format = !c.is_ascii() && get_general_category(c) == GeneralCategory::Format && !is_sign;
    is_control || is_format || is_default_ignorable(c)
}

/// Whether an invisible character changes how those beside it look: one that joins, or that asks for a picture. More than one
/// in a row hides something.
fn is_part_of_sign(inside: &str, at: usize, c: char, before: Option<char>) -> bool {
    let is_letter = |c: char| !c.is_ascii() && !is_unseen(c);
    let after = || read_char(inside, at).and_then(|(_, used)| read_char(inside, at + used)).map(|(c, _)| c);
    let is_selector = |c: char| matches!(c, '\u{fe0e}' | '\u{fe0f}');
    match c {
        // Some signs of ASCII have a picture as well: the keys of a telephone.
        c if is_selector(c) => before.is_some_and(|c| is_letter(c) || matches!(c, '0'..='9' | '#' | '*')),
        '\u{200c}' | '\u{200d}' => {
            before.is_some_and(|c| is_letter(c) || is_selector(c)) && after().is_some_and(is_letter)
        }
        _ => false,
    }
}

/// Where the escape sequence ends that starts with this character; `None` if none does.
fn find_sequence_end(inside: &str, start: usize, c: char) -> Option<usize> {
    let (_, used) = read_char(inside, start)?;
    let mut at = start + used;
    let kind = match c {
        '\u{1b}' => match read_char(inside, at) {
            Some((kind @ ('[' | ']' | 'P' | 'X' | '^' | '_'), used)) => {
                at += used;
                kind
            }
            Some((' '..='/', _)) => {
                at = skip_chars(inside, at, ' '..='/');
                return Some(
                    read_char(inside, at).filter(|(c, _)| ('0'..='~').contains(c)).map_or(at, |(_, used)| at + used),
                );
            }
            Some(('0'..='~', used)) => return Some(at + used),
            _ => return Some(at),
        },
        '\u{9b}' => '[',
        '\u{9d}' => ']',
        '\u{90}' => 'P',
        _ => return None,
    };
    if kind == '[' {
        at = skip_chars(inside, at, '0'..='?');
        at = skip_chars(inside, at, ' '..='/');
        return Some(read_char(inside, at).filter(|(c, _)| ('@'..='~').contains(c)).map_or(at, |(_, used)| at + used));
    }
    // Up to its end, or, if that does not come, only what starts it: a person would see the rest.
    let opened = at;
    while let Some((c, used)) = read_char(inside, at) {
        let next = at + used;
        match (c, read_char(inside, next)) {
            ('\u{7}' | '\u{9c}', _) => return Some(next),
            ('\u{1b}', Some(('\\', used))) => return Some(next + used),
            ('\u{1b}' | '\n' | '\u{80}'..='\u{9f}', _) => return Some(opened),
            _ => at = next,
        }
    }
    Some(opened)
}

fn skip_chars(inside: &str, mut at: usize, chars: std::ops::RangeInclusive<char>) -> usize {
    while let Some((_, used)) = read_char(inside, at).filter(|(c, _)| chars.contains(c)) {
        at += used;
    }
    at
}

/// Reads the character at a place of a string as written, and how many bytes it takes. A lone surrogate is U+FFFD.
fn read_char(inside: &str, at: usize) -> Option<(char, usize)> {
    let rest = inside.get(at..)?;
    let c = rest.chars().next()?;
    if c != '\\' {
        return Some((c, c.len_utf8()));
    }
    let escape = rest.get(1..)?;
    let first = escape.bytes().next()?;
    let (c, used) = decode_escape(escape).unwrap_or((Ok(char::from(first)), 1));
    Some((c.unwrap_or(char::REPLACEMENT_CHARACTER), 1 + used))
}

/// Half of a pair of escapes that stands alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SurrogateHalf {
    High,
    Low,
}

fn find_half(inside: &str, at: usize) -> Option<SurrogateHalf> {
    let unit = inside.get(at..)?.strip_prefix("\\u")?.get(..4)?;
    let is_half = read_char(inside, at)?.0 == char::REPLACEMENT_CHARACTER;
    match u16::from_str_radix(unit, 16).ok().filter(|_| is_half)? {
        0xd800..=0xdbff => Some(SurrogateHalf::High),
        0xdc00..=0xdfff => Some(SurrogateHalf::Low),
        _ => None,
    }
}

fn count_chars(inside: &str, range: Range<usize>) -> u64 {
    let mut count = 0;
    let mut at = range.start;
    while let Some((_, used)) = read_char(inside, at).filter(|_| at < range.end) {
        at += used;
        count += 1;
    }
    count
}

fn decoded_length(inside: &str, mut at: usize) -> usize {
    let mut length = 0;
    while let Some((c, used)) = read_char(inside, at) {
        length += c.len_utf8();
        at += used;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unseen_is_looked_for() {
        let edits = TextEdits { invisible: true, ansi: true, max_text: None };
        for c in ('\u{7f}'..=char::MAX).filter(|c| is_unseen(*c)) {
            let units: String = c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect();
            for written in [c.to_string(), units] {
                for text in [format!("x{written}y"), format!("x{written}"), written] {
                    assert!(edits.may_strip(&text), "{c:?} in {text}");
                }
            }
        }
        for seen in
            ["caf\u{e9} \u{4e2d}\u{6587}\u{ff0c}", "\u{2013} \u{1f600}", r"\ud83d\ude00 \u003cb\u003e \n \\ \u2019"]
        {
            assert!(!edits.may_strip(seen), "{seen}");
        }
    }
}
