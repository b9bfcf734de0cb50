//! Where a text may hold what gets a stand-in, told from its bytes before any of it is decoded.
//!
//! Most results hold nothing, and most of the texts in the others. So what is looked for here is the least that each value has,
//! however the text is decoded later: not at all, as the inside of a JSON string, once or several times, with the escapes of
//! URLs and HTML, with other scripts' digits. Where that is not sure, there may be one.

use std::ops::Range;

use fearless_simd::{Level, Simd, SimdMask, dispatch};

use super::blocks::{NumberBits, are_digits, are_escaped, are_in_number, are_letters, are_marks, colon_bits, odd_bits};
use super::field_keys::FieldKeys;
use super::known_values::KnownValues;
use super::table::StandIns;
use crate::block_bits::Lanes;
use crate::content::decoded_text::{Meaning, find_meaning, is_usual, may_be_odd};
use crate::content::runs::{BLOCK, BlockAndNext, PlaceList, ones};
use crate::content::secret::KeyScreen;
use crate::content::{
    ContentKind, ContentKinds, byte_at, byte_before, email, iban, ip, length_before, run_length, secret, words,
};

/// What is looked for in texts as they are written.
pub(super) struct TextScreen<'a> {
    pub(super) kinds: ContentKinds,
    /// What is only asked for.
    pub(super) asked: ContentKinds,
    pub(super) keys: &'a FieldKeys<'a>,
    /// Whose stand-ins and values are looked for.
    pub(super) table: Option<&'a StandIns>,
}

/// Whether there may be something of these kinds in a JSON text, or what conditions do not judge.
pub fn may_have_content(json: &str, kinds: ContentKinds) -> bool {
    let screen = TextScreen { kinds: ContentKinds::default(), asked: kinds, keys: &FieldKeys::none(), table: None };
    screen.look_through(json).may_have_asked
}

/// What was seen of a result as it is written.
#[derive(Debug)]
pub struct ResultScreen {
    pub(super) suspects: Suspects,
    /// Whether a character may be in it that shows nothing.
    pub may_have_unseen: bool,
    /// Whether it may have something of the kinds that were asked for, or what cannot be judged.
    pub may_have_asked: bool,
}

/// Where there may be something in a text, in order.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    places: Vec<usize>,
    /// How many have been passed.
    passed: usize,
    is_everywhere: bool,
}

impl Suspects {
    pub(super) fn everywhere() -> Self {
        Self { is_everywhere: true, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && !self.is_everywhere
    }

    /// Those before `end`, and not before `start`. Each range lies behind the one before.
    pub(super) fn find_in(&mut self, start: usize, end: usize) -> Suspected<'_> {
        if self.is_everywhere {
            return Suspected::Anywhere;
        }
        while self.places.get(self.passed).is_some_and(|place| *place < start) {
            self.passed += 1;
        }
        let first = self.passed;
        while self.places.get(self.passed).is_some_and(|place| *place < end) {
            self.passed += 1;
        }
        match self.places.get(first..self.passed) {
            None | Some([]) => Suspected::Nowhere,
            Some(places) => Suspected::At(places),
        }
    }
}

/// Where there may be something in a part of a text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Suspected<'s> {
    Nowhere,
    /// In order.
    At(&'s [usize]),
    Anywhere,
}

/// Where a text has so many, it is looked through everywhere.
const MOST_PLACES: usize = 1 << 16;

/// The bit of the last byte of a block.
const LAST: u64 = 1 << (BLOCK - 1);

impl TextScreen<'_> {
    /// Finds the places in a text. A value has at least one in each string that it stands in.
    pub(super) fn find(&self, text: &str) -> Suspects {
        self.look_through(text).suspects
    }

    pub(super) fn look_through(&self, text: &str) -> ResultScreen {
        let bytes = text.as_bytes();
        let mut places = Vec::new();
        if let Some(known) = self.known() {
            known.find_others(bytes, &mut places);
        }
        let (numbers, secrets) = Default::default();
        let (may_have_unseen, may_have_asked) = (false, false);
        let (ends, colons) = (PlaceList::new(), PlaceList::new());
        let mut pass =
            Pass { screen: self, text, bytes, places, numbers, ends, colons, secrets, may_have_unseen, may_have_asked };
        dispatch!(Level::new(), simd => pass.run(simd));
        let Pass { mut places, may_have_unseen, may_have_asked, .. } = pass;
        let is_everywhere = self.known().is_some_and(KnownValues::has_hidden) || places.len() >= MOST_PLACES;
        let has_suspects = is_everywhere || !places.is_empty();
        let may_have_asked = may_have_asked || has_suspects || (self.asked.has(ContentKind::Ip) && ip::may_be_in(text));
        places.sort_unstable();
        let suspects = if is_everywhere { Suspects::everywhere() } else { Suspects { places, ..Suspects::default() } };
        ResultScreen { suspects, may_have_unseen: may_have_unseen || is_everywhere, may_have_asked }
    }

    pub(super) fn known(&self) -> Option<&KnownValues> {
        self.table.map(StandIns::known_values)
    }

    pub(super) fn looks_for(&self, kind: ContentKind) -> bool {
        self.kinds.has(kind) || self.asked.has(kind)
    }

    fn is_asked(&self) -> bool {
        self.asked.count() > 0
    }
}

/// One pass over a text, a block at a time.
struct Pass<'a> {
    screen: &'a TextScreen<'a>,
    text: &'a str,
    bytes: &'a [u8],
    places: Vec<usize>,
    /// Of the block before.
    numbers: NumberBits,
    /// Where numbers have ended, and colons, that have not been looked at.
    ends: PlaceList<2>,
    colons: PlaceList<4>,
    secrets: KeyScreen,
    may_have_unseen: bool,
    may_have_asked: bool,
}

impl Pass<'_> {
    #[inline(always)]
    fn run(&mut self, simd: impl Simd) {
        let mut start = 0;
        let mut is_last = false;
        while !is_last && self.places.len() < MOST_PLACES {
            let rest = self.bytes.get(start..).unwrap_or_default();
            let last;
            let block = match rest.first_chunk() {
                Some(block) => block,
                None => {
                    last = std::array::from_fn(|at| byte_at(rest, at));
                    &last
                }
            };
            self.look_at(simd, start, block);
            // Behind the last byte there are zeros, so that what reaches it ends there.
            is_last = rest.len() < BLOCK;
            start += BLOCK;
        }
        self.look_at_numbers(simd);
        self.look_at_colons();
    }

    #[inline(always)]
    fn look_at(&mut self, simd: impl Simd, base: usize, written: &BlockAndNext) {
        let Some(block) = written.first_chunk() else { return };
        let block = Lanes::of(simd, block);
        let is_rare = (are_marks(&block) | block.are_from_to(0x7f, 0xff)).any_true();
        if is_rare {
            self.look_at_marks(base, are_marks(&block).to_bitmask());
            self.may_have_unseen |= block.are(0x7f).any_true();
            self.look_at_letters(base, odd_bits(&block));
        }
        let backslashes = block.are(b'\\').to_bitmask();
        let is_letter = |byte: u8| (byte & 0xfb == b'b') | (byte & 0xfe == b't');
        let next = u64::from(is_letter(written[BLOCK])) << (BLOCK - 1);
        for at in ones(backslashes & (are_escaped(&block).to_bitmask() >> 1 | next)) {
            self.look_at_sign(base + at);
        }
        // The dash of `stand-in`.
        let dashes = block.are(b'-').to_bitmask();
        if self.screen.table.is_some() {
            let next = if written[BLOCK] | 0x20 == b'i' { LAST } else { 0 };
            for at in ones(dashes & (block.lower().are(b'i').to_bitmask() >> 1 | next)) {
                self.look_at_sign(base + at);
            }
        }
        let (digits, letters) = (are_digits(&block).to_bitmask(), are_letters(&block).to_bitmask());
        let mut numbers = NumberBits { digits, ..NumberBits::default() };
        if digits != 0 || self.numbers.goes_on {
            numbers.parts = are_in_number(&block).to_bitmask();
            if self.ends.add(base, numbers.find_ends(&self.numbers)) {
                self.look_at_numbers(simd);
            }
            self.look_at_accounts(base, digits, letters);
            // The digits before an exponent go on no word. Behind the last byte, one may be.
            let starts = digits & !(digits << 1) & !(letters << 1);
            let ends = digits.wrapping_add(starts) & !digits & block.lower().are(b'e').to_bitmask();
            let next = if written[BLOCK] | 0x20 == b'e' { LAST } else { 0 };
            self.look_at_powers(base, ends >> 1 | digits & next);
        }
        self.numbers = numbers;
        let colons = colon_bits(&block);
        if colons != 0 && !self.screen.keys.is_empty() && self.colons.add(base, colons) {
            self.look_at_colons();
        }
        if let Some(known) = self.screen.known().filter(|known| known.have_capitals()) {
            let capitals = block.are_from_to(b'A', b'Z').to_bitmask();
            // A known value is a whole word. One may begin behind an escape, too, and behind what goes on from before the block.
            let words = (digits | letters) << 1 & !(backslashes << 2 | backslashes << 6) & (u64::MAX << 6);
            let is_any = is_rare | known.have_inner_capitals();
            self.look_at_capitals(base, capitals & if is_any { u64::MAX } else { !words });
        }
        if self.screen.asked.has(ContentKind::Secret) && !self.may_have_asked {
            let chars = digits | letters | dashes | block.are(b'_').to_bitmask();
            self.may_have_asked = self.secrets.may_be_in_block(simd, (self.text, base), (chars, dashes));
        }
    }

    fn look_at_marks(&mut self, base: usize, marks: u64) {
        for at in ones(marks) {
            self.look_at_sign(base + at);
        }
    }

    fn look_at_sign(&mut self, at: usize) {
        let is_suspect = match byte_at(self.bytes, at) {
            b'@' => {
                self.screen.looks_for(ContentKind::Email) && email::may_be_around(self.text, at)
                    || self.screen.known().is_some_and(|known| known.may_be_around(self.bytes, at))
            }
            b'&' => byte_at(self.bytes, at + 1) == b'#',
            // Of `stand-in`.
            b'-' => {
                self.screen.table.is_some()
                    && byte_before(self.bytes, at) | 0x20 == b'd'
                    && byte_at(self.bytes, at + 2) | 0x20 == b'n'
            }
            sign => {
                self.may_have_unseen |= sign == b'\\' && byte_at(self.bytes, at + 1) != b't';
                self.may_have_asked |= self.screen.is_asked() && is_unjudged_at(self.bytes, at);
                self.is_odd_at(at)
            }
        };
        if is_suspect {
            self.places.push(at);
        }
    }

    /// Finds characters that are not ASCII and that a program may read as others.
    #[inline(never)]
    fn look_at_letters(&mut self, base: usize, odd: u64) {
        for at in ones(odd).map(|at| base + at) {
            let (byte, next, last) =
                (byte_at(self.bytes, at), byte_at(self.bytes, at + 1), byte_at(self.bytes, at + 2));
            if !may_be_odd(byte, next) || is_usual(byte, next, last) {
                continue;
            }
            let Some(c) = self.text.get(at..).and_then(|rest| rest.chars().next()) else { continue };
            let meaning = find_meaning(c);
            self.may_have_unseen |= c.is_control() || meaning == Some(Meaning::Nothing);
            if self.may_matter(meaning, at..at + c.len_utf8()) {
                self.places.push(at);
            }
        }
    }

    /// Looks at numbers by their ends. Each has as many digits, with nothing but what people put between them.
    #[inline(always)]
    fn look_at_numbers(&mut self, simd: impl Simd) {
        let wanted = self.screen.numbers();
        for end in self.ends.take() {
            let window = end.checked_sub(BLOCK).and_then(|start| self.bytes.get(start..)?.first_chunk());
            let may_be = match window {
                Some(window) => wanted.may_be_in_run(simd, window),
                None => true,
            };
            if may_be {
                self.screen.find_in_run_before(self.text, *end, &mut self.places);
            }
        }
    }

    /// Finds the keys of fields before colons.
    #[inline(never)]
    fn look_at_colons(&mut self) {
        let keys = self.screen.keys;
        self.places.extend(self.colons.take().iter().filter(|colon| keys.may_end_before(self.bytes, **colon)));
    }

    /// Finds known values that begin with capitals.
    #[inline(always)]
    fn look_at_capitals(&mut self, base: usize, capitals: u64) {
        if let Some(known) = self.screen.known()
            && known.may_be_at_capitals(self.bytes, base, capitals)
        {
            let is_known = |at: &usize| known.may_be_at_capital(self.bytes, *at);
            self.places.extend(ones(capitals).map(|at| base + at).filter(is_known));
        }
    }

    /// Finds account numbers by what they begin with: two letters and two digits.
    #[inline(always)]
    fn look_at_accounts(&mut self, base: usize, digits: u64, letters: u64) {
        // What is before the block and behind it may be one.
        let starts = digits & (digits >> 1 | LAST) & (letters << 1 | 1) & (letters << 2 | 3);
        for at in ones(starts) {
            if let Some(start) = (base + at).checked_sub(2)
                && self.may_be_account(start)
            {
                self.places.push(start);
            }
        }
    }

    /// Looks at digits before an exponent.
    #[inline(always)]
    fn look_at_powers(&mut self, base: usize, powers: u64) {
        if powers != 0 && self.screen.is_asked() && !self.may_have_asked {
            self.may_have_asked = ones(powers).any(|at| is_long_power(self.bytes, base + at));
        }
    }

    /// Whether an account number, or one of ours, may start at a place.
    #[inline(never)]
    fn may_be_account(&self, at: usize) -> bool {
        let bytes = self.bytes;
        let Some([one, two, three, four]) = bytes.get(at..).and_then(|rest| rest.first_chunk().copied()) else {
            return false;
        };
        if iban::length_of([one, two]).is_none() || !iban::is_start(one, two, three, four) {
            return false;
        }
        let is_odd = |at: usize| matches!(byte_at(bytes, at), b'%' | b'&' | 0x80..) || is_escape(bytes, at);
        let is_inside = || byte_before(bytes, at).is_ascii_alphanumeric() && !words::is_behind_escape(bytes, at);
        (three == b'0' && four == b'0' && self.screen.table.is_some())
            || (self.screen.looks_for(ContentKind::Iban) && iban::may_start(bytes, at, is_odd) && !is_inside())
    }

    /// Whether what is at a place could be, as a program may read it, a part of a value.
    fn is_odd_at(&self, at: usize) -> bool {
        let (text, bytes) = (self.text, self.bytes);
        let unit = |start: usize, length: usize| {
            let hex = text.get(start..start + length).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            u32::from_str_radix(hex, 16).ok()
        };
        // Digits behind an escape make one number with its own, and so do parts of an address.
        let has_hex = self.screen.asked.has(ContentKind::Ip);
        let touches_digit = |end: usize| {
            let byte = byte_at(bytes, end);
            byte.is_ascii_digit() || (has_hex && (byte.is_ascii_hexdigit() || byte == b':'))
        };
        match (byte_at(bytes, at), byte_at(bytes, at + 1)) {
            (b'%', _) => match unit(at + 1, 2).and_then(char::from_u32) {
                Some(c @ ' '..='~') => touches_digit(at + 3) || self.may_matter(Some(Meaning::Char(c)), at..at + 3),
                _ => false,
            },
            (b'\\', b'u') => match unit(at + 2, 4) {
                // `&`, `'`, `<` and `>`, which many programs escape.
                Some(0x26 | 0x27 | 0x3c | 0x3e) => touches_digit(at + 6) || byte_at(bytes, at + 6) == b'#',
                Some(0x80..) if self.screen.known().is_some_and(KnownValues::have_odd) => true,
                // Nearly all are emoji, and some show nothing.
                Some(high @ (0xd83c | 0xd83d)) => {
                    let low = (bytes.get(at + 6..at + 8) == Some(b"\\u")).then(|| unit(at + 8, 4)).flatten();
                    match low.filter(|low| (0xdc00..=0xdfff).contains(low)) {
                        None => touches_digit(at + 6),
                        Some(low) => {
                            let c = char::from_u32(0x1_0000 + ((high & 0x3ff) << 10 | low & 0x3ff));
                            touches_digit(at + 12) || self.may_matter(c.and_then(find_meaning), at..at + 12)
                        }
                    }
                }
                // The other half was looked at.
                Some(0xdc00..=0xdfff) => touches_digit(at + 6),
                Some(code) => {
                    let c = char::from_u32(code).filter(|c| !c.is_ascii());
                    // Of what is ASCII, each character is one that would not have to be escaped.
                    touches_digit(at + 6) || c.is_none_or(|c| self.may_matter(find_meaning(c), at..at + 6))
                }
                None => false,
            },
            // The second byte of these is a hexadecimal digit.
            (b'\\', b'b' | b'f') if self.screen.asked.has(ContentKind::Ip) => true,
            _ => follows_digit(bytes, at),
        }
    }
}

impl Pass<'_> {
    /// Whether a character that means something else could make a value of what stands around it.
    fn may_matter(&self, meaning: Option<Meaning>, range: Range<usize>) -> bool {
        match meaning {
            None => false,
            Some(Meaning::Nothing) => true,
            Some(Meaning::Char(c)) if c.is_ascii_alphanumeric() || matches!(c, '@' | '+' | '%' | '&' | '\\') => true,
            Some(Meaning::Char(c)) => {
                let is_between =
                    matches!(c, ' ' | '-' | '.' | '/' | '(' | ')') && follows_digit(self.bytes, range.start);
                let asked = self.screen.asked;
                is_between
                    || (asked.has(ContentKind::Secret) && secret::may_join(self.text, c, range.clone()))
                    || (asked.has(ContentKind::Ip) && c == ':' && ip::may_join(self.text, range))
            }
        }
    }
}

/// Whether an escape that is no quote, slash or line break begins at a place.
fn is_escape(bytes: &[u8], at: usize) -> bool {
    let slashes = run_length(bytes, at, usize::MAX, |byte| byte == b'\\');
    slashes > 0 && matches!(byte_at(bytes, at + slashes), b't' | b'b' | b'f' | b'u' | b'/')
}

/// Whether an escape is that of a NUL or of half a pair: a condition does not judge a text that has one.
fn is_unjudged_at(bytes: &[u8], at: usize) -> bool {
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 6).filter(|escape| escape.starts_with(b"\\u"))?.get(2..)?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    match unit(at) {
        Some(0) => true,
        Some(0xd800..=0xdbff) => !matches!(unit(at + 6), Some(0xdc00..=0xdfff)),
        Some(0xdc00..=0xdfff) => !matches!(at.checked_sub(6).and_then(unit), Some(0xd800..=0xdbff)),
        _ => false,
    }
}

/// Whether a JSON number with an exponent, of which this is the last digit before that, may be so long that no condition judges it.
fn is_long_power(bytes: &[u8], last: usize) -> bool {
    const LONGEST: usize = 8;
    let length = length_before(bytes, last + 1, usize::MAX, |byte| byte.is_ascii_digit() || byte == b'.');
    let start = last + 1 - length;
    let sign = usize::from(byte_before(bytes, start) == b'-');
    let is_value = matches!(byte_before(bytes, start - sign), b':' | b',' | b'[' | b' ' | b'\t' | b'\n' | b'\r');
    let is_part = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-');
    is_value && sign + length + 1 + run_length(bytes, last + 2, LONGEST, is_part) > LONGEST
}

/// Whether a digit stands before a place, or only what people put between digits stands behind one.
fn follows_digit(bytes: &[u8], at: usize) -> bool {
    const MOST: usize = 64;
    let is_between = |byte: u8| matches!(byte, b' ' | b'(' | b')' | b'-'..=b'/' | b'\\');
    let skipped = length_before(bytes, at, MOST, is_between);
    skipped == MOST || byte_before(bytes, at - skipped).is_ascii_digit()
}
