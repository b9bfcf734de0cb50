//! The lines of a text, and the pieces of a line that are often copied as a whole: cells, what stands behind a colon, quotations.

use super::rarity::MIN_BYTES;
use super::spans::for_each_place;
use super::values::MAX_WHOLE;

/// What ends a cell.
const CELL: u8 = 1;
/// A quote of one byte, or the first byte of one.
const QUOTE: u8 = 2;
const COLON: u8 = 4;
/// What ends that which stands behind a colon.
const END: u8 = 8;

/// What each byte may be.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < classes.len() {
        classes[byte] = match byte as u8 {
            b'|' | b'\t' | b',' | b';' => CELL | END,
            b'<' | b'>' | b'(' | b')' | b'[' | b']' | b'{' | b'}' => CELL,
            b'"' | b'\'' | b'`' | 0xc2 | 0xe2 => QUOTE,
            b':' => COLON,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

/// Whether a byte is of a class. Without branches, for many bytes.
#[inline]
fn is_sign(byte: u8) -> bool {
    let is_among = |first: u8, last: u8| byte.wrapping_sub(first) <= last - first;
    (byte == b'\t')
        | (byte == b'"')
        | is_among(b'\'', b')')
        | (byte == b',')
        | is_among(b':', b'<')
        | (byte == b'>')
        | (byte == b'[')
        | (byte == b']')
        | (byte == b'`')
        | is_among(b'{', b'}')
        | (byte == 0xc2)
        | (byte == 0xe2)
}

const QUOTES: [&str; 8] = ["\"", "'", "`", "“", "”", "«", "»", "„"];

/// Returns the lines of a text that are not empty.
pub(super) fn find_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let end = memchr::memchr2(b'\n', b'\r', rest.as_bytes());
            let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            match end {
                Some(end) => rest = rest.get(end + 1..).unwrap_or_default(),
                None => rest = "",
            }
            if !line.is_empty() || end.is_none() {
                return (!line.is_empty()).then_some(line);
            }
        }
    })
}

/// Gives the line and its pieces, if they are neither too long nor too short for a value.
pub(super) fn find_pieces<'l>(line: &'l str, found: &mut impl FnMut(&'l str)) {
    let mut give = |piece: Option<&'l str>| {
        if let Some(piece) = piece.filter(|piece| (MIN_BYTES..=MAX_WHOLE).contains(&piece.len())) {
            found(piece);
        }
    };
    give(Some(line));
    // Where the cell begins, and what is behind the last quote of each kind: between two others it may be quoted or not.
    let (mut cell, mut quoted) = (0, [None; QUOTES.len()]);
    let bytes = line.as_bytes();
    for_each_place(bytes, is_sign, &mut |at| {
        let byte = bytes.get(at).copied().unwrap_or_default();
        match CLASSES[usize::from(byte)] {
            COLON => {
                if bytes.get(at + 1) == Some(&b' ') {
                    give(line.get(at + 2..).and_then(find_answer));
                }
            }
            QUOTE => {
                if let Some(quote) = find_quote(line.get(at..).unwrap_or_default()) {
                    let before = quoted[quote].replace(at + QUOTES[quote].len());
                    give(before.and_then(|start| line.get(start..at)));
                }
            }
            _ => {
                give(line.get(cell..at));
                cell = at + 1;
            }
        }
    });
    if cell > 0 {
        give(line.get(cell..));
    }
    quoted.into_iter().flatten().for_each(|start| give(line.get(start..)));
}

/// Pieces of one text that were there before: in tables, code and pages, some are in every line.
pub(super) struct SeenPieces<'t> {
    /// Of those that would stand at one place the last one.
    last: [&'t str; SEEN],
}

/// How many pieces are known.
const SEEN: usize = 64;

impl<'t> SeenPieces<'t> {
    pub(super) fn new() -> Self {
        Self { last: [""; SEEN] }
    }

    /// Whether a piece is not known.
    #[inline]
    pub(super) fn is_new(&mut self, piece: &'t str) -> bool {
        const SPREAD: u32 = 0x9e37_79b1;
        let bytes = piece.as_bytes();
        let ends = bytes.first_chunk().zip(bytes.last_chunk());
        let (first, last) = ends.map_or((0, 0), |ends| (u32::from_le_bytes(*ends.0), u32::from_le_bytes(*ends.1)));
        let place = (first ^ last.rotate_left(16)).wrapping_mul(SPREAD) >> (u32::BITS - SEEN.ilog2());
        let known = &mut self.last[place as usize];
        let is_new = *known != piece;
        *known = piece;
        is_new
    }
}

/// Returns which quote a text begins with.
#[inline]
fn find_quote(text: &str) -> Option<usize> {
    match text.as_bytes().first()? {
        b'"' => Some(0),
        b'\'' => Some(1),
        b'`' => Some(2),
        _ => QUOTES.iter().position(|quote| text.starts_with(quote)),
    }
}

/// Returns what stands behind a colon, up to the end of the cell.
fn find_answer(rest: &str) -> Option<&str> {
    // Longer ones do not count, and there may be many.
    let rest = rest.get(..rest.floor_char_boundary(MAX_WHOLE + 1))?;
    let end = rest.bytes().position(|byte| CLASSES[usize::from(byte)] & END != 0);
    rest.get(..end.unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_that_have_something() {
        assert_eq!(find_lines("\n\r\na\r\nb c\n\n").collect::<Vec<_>>(), ["a", "b c"]);
        assert_eq!(find_lines("").count(), 0);
    }

    #[test]
    fn cells_answers_and_quotations_are_pieces() {
        let mut pieces = Vec::new();
        find_pieces("a: \"bbbbbb\" | «cccccc» d: eeeeee, ffffff", &mut |piece| pieces.push(piece));
        for piece in ["a: \"bbbbbb\" ", " «cccccc» d: eeeeee", " ffffff", "\"bbbbbb\" ", "eeeeee", "bbbbbb"] {
            assert!(pieces.contains(&piece), "{piece}: {pieces:?}");
        }
    }

    #[test]
    fn a_piece_is_new_unless_it_was_there() {
        let pieces: Vec<String> = (0..2_000).map(|n| format!("{}{n}", "x".repeat(n % 9))).collect();
        let again = pieces.clone();
        let mut seen = SeenPieces::new();
        for (piece, again) in pieces.iter().zip(&again) {
            assert!(seen.is_new(piece), "{piece}");
            assert!(!seen.is_new(again), "{piece}");
        }
    }

    #[test]
    fn signs_are_the_bytes_of_a_class() {
        assert!((0..=u8::MAX).all(|byte| is_sign(byte) == (CLASSES[usize::from(byte)] != 0)));
    }
}
