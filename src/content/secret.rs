//! Keys and tokens: known formats, private keys, signed JWTs.
//!
//! A format alone is no secret: manuals write `ghp_xxxx…`. What is too uniform to have come from a generator is left out, and
//! so is what says that it is an example.

use std::ops::Range;
use std::sync::LazyLock;

use fearless_simd::{Simd, SimdMask};

use super::decoded_text::{Meaning, find_meaning};
use super::runs::{BLOCK, LongRuns, are_all, ones};
use super::secret_formats::{Chars, FORMATS, Part, TokenFormat};
use super::{byte_at, byte_before, run_length};
use crate::block_bits::Lanes;

/// How many different characters a key has at least.
const DIFFERENT: usize = 7;
/// The longest private key, in bytes.
const LONGEST_KEY: usize = 16 * 1024;
/// How much of a header of a JWT is decoded, in bytes.
const LONGEST_HEADER: usize = 1024;
/// The shortest signature of a JWT, in characters.
const SHORTEST_SIGNATURE: usize = 20;
/// How long the longest run of letters, digits, `-` and `_` is in each key, at least.
const SHORTEST_RUN: usize = 20;
/// What a private key begins with.
const BEGIN: &[u8] = b"-----BEGIN ";
/// The shortest run of base64 in a private key.
const SHORTEST_BODY: usize = 16;

/// How many such characters there are, at least, around a `-` or `_` of a key, or of the header of a JWT.
const SHORTEST_JOINED: usize = 12;

/// The ends of runs of at least [`SHORTEST_RUN`].
#[inline(always)]
fn find_long(bits: u64) -> u64 {
    let two = bits & bits << 1;
    let four = two & two << 2;
    let eight = four & four << 4;
    eight & eight << 8 & four << 16
}

/// The formats by the first byte of their prefixes.
static BY_FIRST: LazyLock<[Vec<&'static TokenFormat>; 128]> = LazyLock::new(|| {
    let of = |first: usize| {
        FORMATS.iter().filter(|format| format.prefix.bytes().next().map(usize::from) == Some(first)).collect()
    };
    std::array::from_fn(of)
});

/// The characters of base64url.
static IS_URL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'_');
        byte += 1;
    }
    table
};

/// A bit for the second byte of each key's prefix, by the first.
static PAIRS: [u128; 128] = {
    let mut table = [0; 128];
    // A JWT, and the old keys of OpenAI.
    table[b'e' as usize] |= 1 << b'y';
    table[b's' as usize] |= 1 << b'k';
    let mut at = 0;
    while at < FORMATS.len() {
        let prefix = FORMATS[at].prefix.as_bytes();
        table[prefix[0] as usize] |= 1 << prefix[1];
        at += 1;
    }
    table
};

pub(super) fn find(text: &str, found: &mut dyn FnMut(Range<usize>) -> bool) {
    let bytes = text.as_bytes();
    let (mut at, mut jwt) = (0, JwtEnd::default());
    for place in find_places(bytes) {
        at = at.max(place.start);
        while at < place.end {
            let byte = byte_at(bytes, at);
            let is_start =
                (byte.is_ascii_alphanumeric() || byte == b'-') && !byte_before(bytes, at).is_ascii_alphanumeric();
            match if is_start { find_end(text, at, &BY_FIRST, &mut jwt) } else { None } {
                Some(end) if !found(at..end) => return,
                Some(end) => at = end,
                None => at += 1,
            }
        }
    }
}

/// Where a key can start: before a run that is as long as the longest one in each key has to be, and where a private key begins.
fn find_places(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut places: Vec<Range<usize>> = memchr::memmem::find_iter(bytes, BEGIN).map(|at| at..at + 1).collect();
    let mut end = 0;
    for run in LongRuns::new(bytes, SHORTEST_RUN, |byte| IS_URL[usize::from(byte)]) {
        let start = find_start(bytes, end, run.start);
        end = run.end;
        places.push(start..end);
    }
    places.sort_by_key(|place| place.start);
    places
}

/// Where what may stand before a run in a key begins, behind `end`.
fn find_start(bytes: &[u8], end: usize, run_start: usize) -> usize {
    let is_part = |byte: u8| IS_URL[usize::from(byte)] || matches!(byte, b'.' | b':' | b'/');
    run_start - super::length_before(bytes, run_start, run_start - end, is_part)
}

/// Whether there may be a key in a text that may be decoded yet, wherever one may start in it then, told block by block. Nothing
/// in it is written otherwise of which [`may_join`] says that it matters.
#[derive(Default)]
pub(super) struct KeyScreen {
    /// The characters of base64url in the block before.
    before: u64,
    /// Where the last long run has ended.
    end: usize,
    /// Whether the block before ends with a dash.
    dash: u64,
    has_pair: bool,
    has_path: bool,
}

impl KeyScreen {
    /// Whether one may be in a block, or end before it; `chars` are the characters of base64url in it, and `dashes` the dashes.
    #[inline(always)]
    pub(super) fn may_be_in_block(
        &mut self,
        simd: impl Simd,
        (text, base): (&str, usize),
        (chars, dashes): (u64, u64),
    ) -> bool {
        let pairs = dashes & (dashes << 1 | self.dash);
        let with_before =
            find_long(chars << SHORTEST_RUN | self.before >> (BLOCK - SHORTEST_RUN)) >> (SHORTEST_RUN - 1);
        let ends = !chars & (find_long(chars) << 1 | with_before);
        (self.before, self.dash) = (chars, dashes >> (BLOCK - 1));
        if pairs != 0 && !self.has_pair && self.has_private_key(text) {
            return true;
        }
        for end in ones(ends).map(|end| base + end) {
            let window = end.checked_sub(BLOCK).and_then(|start| text.as_bytes().get(start..)?.first_chunk());
            let is_digest = match window {
                Some(window) => ends_with_digest(simd, window),
                None => false,
            };
            if !is_digest && self.may_end_at(text, end) {
                return true;
            }
        }
        false
    }

    /// Where one of the dashes around the name of a private key is written otherwise, two of the others stand together. Where more are,
    /// what is written otherwise is seen by itself.
    #[inline(never)]
    fn has_private_key(&mut self, text: &str) -> bool {
        self.has_pair = true;
        memchr::memmem::find(text.as_bytes(), b"PRIVATE").is_some()
    }

    #[inline(never)]
    fn may_end_at(&mut self, text: &str, end: usize) -> bool {
        let length = super::length_before(text.as_bytes(), end, usize::MAX, |byte| IS_URL[usize::from(byte)]);
        self.may_be_key(text, end - length..end)
    }

    /// Whether there may be a key in a long run, or where what may stand before that begins.
    fn may_be_key(&mut self, text: &str, run: Range<usize>) -> bool {
        let bytes = text.as_bytes();
        // The slashes of this URL are often escaped.
        if byte_before(bytes, run.start) == b'/' && !self.has_path {
            self.has_path = true;
            if memchr::memmem::find(bytes, b"hooks.slack").is_some() {
                return true;
            }
        }
        let start = find_start(bytes, self.end, run.start);
        self.end = run.end;
        if is_hex_code(bytes, start..run.end) {
            return false;
        }
        let starts_token =
            byte_before(bytes, run.start) == b':' && bytes.get(run.start..).is_some_and(|run| run.starts_with(b"AA"));
        let pairs = bytes.get(start..run.end).unwrap_or_default().array_windows();
        let is_start = |(_, [one, two]): &(usize, &[u8; 2])| {
            PAIRS.get(usize::from(*one)).is_some_and(|seconds| seconds >> (two & 0x7f) & 1 == 1)
        };
        let mut jwt = JwtEnd::default();
        let mut is_found = |at: usize| find_end(text, start + at, &BY_FIRST, &mut jwt).is_some();
        starts_token || pairs.enumerate().filter(is_start).any(|(at, _)| is_found(at))
    }
}

/// Whether a window ends with a run of nothing but what UUIDs and digests are written with, and none of what stands between the parts
/// of a key is before it: no prefix is that.
#[inline(always)]
fn ends_with_digest(simd: impl Simd, window: &[u8; BLOCK]) -> bool {
    let lanes = Lanes::of(simd, window);
    let hex = (lanes.are_from_to(b'0', b'9') | lanes.are_from_to(b'a', b'f') | lanes.are(b'-')).to_bitmask();
    let others = lanes.lower().are_from_to(b'g', b'z') | lanes.are_from_to(b'A', b'F') | lanes.are(b'_');
    let joints = lanes.are_from_to(b'.', b'/') | lanes.are(b':');
    let before = BLOCK as u32 - hex.leading_ones();
    let is_part =
        (others | joints).to_bitmask().checked_shl(BLOCK as u32 - before).is_none_or(|bits| bits >> (BLOCK - 1) != 0);
    before > 0 && !is_part
}

/// Whether a run has nothing but what UUIDs and digests are written with: no prefix is.
fn is_hex_code(bytes: &[u8], run: Range<usize>) -> bool {
    are_all(bytes, run, |byte| byte.is_ascii_digit() | (b'a'..=b'f').contains(&byte) | (byte == b'-'))
}

/// Whether a character that is written otherwise may be the one that joins the parts of a key.
pub(super) fn may_join(text: &str, c: char, range: Range<usize>) -> bool {
    let around = || (length_before(text, range.start), length_behind(text, range.end));
    match c {
        '-' | '_' => {
            let (before, behind) = around();
            // The middle part of a JWT may be short.
            let is_middle = || {
                let start = range.start - before.min(range.start);
                byte_before(text.as_bytes(), start) == b'.' && byte_at(text.as_bytes(), range.end + behind) == b'.'
            };
            before + behind >= SHORTEST_JOINED || is_middle()
        }
        '/' => {
            let (before, behind) = around();
            before + behind >= SHORTEST_RUN
        }
        '.' | ':' => length_before(text, range.start) > 0 && length_behind(text, range.end) > 0,
        _ => false,
    }
}

/// How many characters of keys stand behind a place, up to as many as count.
fn length_behind(text: &str, mut at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut count = 0;
    while count < SHORTEST_RUN {
        let byte = byte_at(bytes, at);
        at += match byte {
            _ if IS_URL[usize::from(byte)] => 1,
            b'%' if read_percent(bytes, at).is_some_and(|byte| IS_URL[usize::from(byte)]) => 3,
            b'\\' | b'&' => return if is_code(bytes, at) { SHORTEST_RUN } else { count },
            0x80.. if text.get(at..).and_then(|rest| rest.chars().next()).is_some_and(is_joining) => {
                return SHORTEST_RUN;
            }
            _ => return count,
        };
        count += 1;
    }
    count
}

/// The same before a place.
fn length_before(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let before = bytes.get(..at).unwrap_or_default();
    let count = before.iter().rev().take(SHORTEST_RUN).take_while(|byte| IS_URL[usize::from(**byte)]).count();
    let start = at - count;
    let is_unknown = match byte_before(bytes, start) {
        b'%' => read_percent(bytes, start - 1).is_some_and(|byte| IS_URL[usize::from(byte)]),
        b'\\' => byte_at(bytes, start) == b'u',
        b';' => true,
        0x80.. => text.get(..start).and_then(|head| head.chars().next_back()).is_some_and(is_joining),
        _ => false,
    };
    if is_unknown { SHORTEST_RUN } else { count }
}

/// Whether a character that is not ASCII may be a part of a key, and does not matter by itself.
fn is_joining(c: char) -> bool {
    matches!(find_meaning(c), Some(Meaning::Char('-' | '_')))
}

fn is_code(bytes: &[u8], at: usize) -> bool {
    let slashes = run_length(bytes, at, usize::MAX, |byte| byte == b'\\');
    matches!(byte_at(bytes, at + slashes.max(1)), b'u' | b'#')
}

fn read_percent(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |at: usize| char::from(byte_at(bytes, at)).to_digit(16);
    u8::try_from(digit(at + 1)? * 16 + digit(at + 2)?).ok()
}

fn find_end(text: &str, at: usize, by_first: &[Vec<&TokenFormat>; 128], jwt: &mut JwtEnd) -> Option<usize> {
    let bytes = text.as_bytes();
    let first = byte_at(bytes, at);
    match first {
        b'-' => return find_private_key(bytes, at),
        b'e' if bytes.get(at..)?.starts_with(b"eyJ") => return find_jwt(bytes, at, jwt),
        b'0'..=b'9' => return find_bot_token(bytes, at),
        _ => {}
    }
    let formats = by_first.get(usize::from(first))?;
    let rest = bytes.get(at..)?;
    let fits = |format: &&&TokenFormat| rest.starts_with(format.prefix.as_bytes());
    let known =
        formats.iter().filter(fits).find_map(|format| find_format_end(bytes, at + format.prefix.len(), format.parts));
    known.or_else(|| if rest.starts_with(b"sk-") { find_old_key(bytes, at + 3) } else { None })
}

/// Where the parts of a token end that start here; `None` if one does not fit, or if it is no key.
fn find_format_end(bytes: &[u8], start: usize, parts: &[Part]) -> Option<usize> {
    let mut at = start;
    for part in parts {
        at += match part {
            Part::Text(text) => bytes.get(at..)?.starts_with(text.as_bytes()).then_some(text.len())?,
            Part::Run(chars, least, most) => {
                let length = run_length(bytes, at, most + 1, |byte| chars.has(byte));
                (*least..=*most).contains(&length).then_some(length)?
            }
        };
    }
    (!byte_at(bytes, at).is_ascii_alphanumeric() && is_random(bytes.get(start..at)?)).then_some(at)
}

/// Keys of OpenAI before they had more of a prefix: their middle says whose they are.
fn find_old_key(bytes: &[u8], start: usize) -> Option<usize> {
    const MIDDLE: Part = Part::Text("T3BlbkFJ");
    const SIDE: Part = Part::Run(Chars::Alnum, 20, 20);
    let middle = bytes.get(start + 20..)?;
    let is_key =
        run_length(bytes, start, 20, |byte| byte.is_ascii_alphanumeric()) == 20 && middle.starts_with(b"T3BlbkFJ");
    is_key.then(|| find_format_end(bytes, start + 20, &[MIDDLE, SIDE]))?
}

/// A bot's token of Telegram: its number, and what begins with `AA`.
fn find_bot_token(bytes: &[u8], start: usize) -> Option<usize> {
    const PARTS: &[Part] = &[Part::Run(Chars::Digit, 8, 10), Part::Text(":AA"), Part::Run(Chars::Url, 33, 33)];
    find_format_end(bytes, start, PARTS)
}

/// A private key as in a file, or what is left of one.
fn find_private_key(bytes: &[u8], start: usize) -> Option<usize> {
    const LONGEST_LABEL: usize = 40;
    const DASHES: &[u8] = b"-----";
    let rest = bytes.get(start..)?.strip_prefix(BEGIN)?;
    let length = run_length(rest, 0, LONGEST_LABEL, |byte| byte.is_ascii_uppercase() || byte == b' ');
    let label = rest.get(..length)?;
    let is_private = label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK");
    let body = rest.get(length..)?.strip_prefix(DASHES).filter(|_| is_private)?;
    let body_start = bytes.len() - body.len();
    let is_body =
        |byte: u8| byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || matches!(byte, b'+' | b'/' | b'=');
    let run = run_length(body, 0, LONGEST_KEY, is_body);
    let near = body.get(..body.len().min(LONGEST_KEY))?;
    let closed = memchr::memmem::find(near, DASHES)
        .filter(|at| body.get(*at..).is_some_and(|end| end.starts_with(b"-----END ")));
    let end = closed.and_then(|at| {
        let name = at + b"-----END ".len();
        let label = run_length(body, name, LONGEST_LABEL, |byte| byte.is_ascii_uppercase() || byte == b' ');
        body.get(name + label..)?.starts_with(DASHES).then_some(name + label + DASHES.len())
    });
    let written = body.get(..end.unwrap_or(run))?;
    let characters = written.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
    let end = end.unwrap_or_else(|| written.trim_ascii_end().len());
    (characters >= SHORTEST_BODY).then_some(body_start + end)
}

/// A JWT with a signature: three parts of base64url, of which the first is a header that names an algorithm.
fn find_jwt(bytes: &[u8], start: usize, last: &mut JwtEnd) -> Option<usize> {
    // What begins in the same run of characters ends where that does.
    if start >= last.header_end {
        *last = JwtEnd::of_header(bytes, start);
    }
    let end = last.end?;
    let header = decode_base64(bytes.get(start..last.header_end.min(start + LONGEST_HEADER))?);
    memchr::memmem::find(&header, b"\"alg\"").is_some().then_some(end)
}

/// Where a JWT ends whose header ends at a place: it is looked for once for all places where the header may begin.
#[derive(Default)]
struct JwtEnd {
    header_end: usize,
    /// `None` if what follows the header is none.
    end: Option<usize>,
}

impl JwtEnd {
    fn of_header(bytes: &[u8], start: usize) -> Self {
        let part = |at: usize| at + run_length(bytes, at, usize::MAX, |byte| Chars::Url.has(byte));
        let dot = |at: usize| (byte_at(bytes, at) == b'.').then_some(at + 1);
        let header_end = part(start);
        let end = dot(header_end).and_then(|payload| {
            let payload_end = part(payload);
            let signature = dot(payload_end)?;
            let end = part(signature);
            (payload_end > payload && end - signature >= SHORTEST_SIGNATURE).then_some(end)
        });
        Self { header_end, end }
    }
}

fn decode_base64(text: &[u8]) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'-' | b'+' => 62,
        _ => 63,
    };
    let decode = |four: &[u8]| {
        let bits = four.iter().fold(0_u32, |bits, byte| bits << 6 | u32::from(value(*byte))) << (6 * (4 - four.len()));
        let [_, one, two, three] = bits.to_be_bytes();
        [one, two, three].into_iter().take(four.len().saturating_sub(1))
    };
    text.chunks(4).flat_map(decode).collect()
}

/// Whether a generator may have made it: many different characters, no example's.
fn is_random(body: &[u8]) -> bool {
    let seen = body.iter().fold(0_u128, |seen, byte| seen | 1 << (byte & 0x7f));
    let is_example = ["example", "xxxx"]
        .iter()
        .any(|word| body.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes())));
    seen.count_ones() as usize >= DIFFERENT && !is_example
}

impl Chars {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Digit => byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_begins_like_a_digest() {
        let prefixes =
            FORMATS.iter().map(|format| format.prefix).chain(["eyJ", "sk-", "hooks.slack", "PRIVATE", ":AA"]);
        for prefix in prefixes {
            assert!(!is_hex_code(prefix.as_bytes(), 0..prefix.len()), "{prefix}");
        }
    }

    #[test]
    fn each_key_has_a_run_that_is_looked_for() {
        for format in FORMATS {
            let mut shortest = format.prefix.to_owned();
            for part in format.parts {
                match part {
                    Part::Text(text) => shortest += text,
                    Part::Run(_, least, _) => shortest += &"A".repeat(*least),
                }
            }
            let places = find_places(shortest.as_bytes());
            assert!(places.first().is_some_and(|place| place.start == 0), "{}: {places:?}", format.prefix);
        }
    }
}
