//! Where a text may hold what gets a stand-in, told from its bytes before any of it is decoded.
//!
//! Most results hold nothing, and most of the texts in the others. So what is looked for here is the least that each value has,
//! however the text is decoded later: not at all, as the inside of a JSON string, once or several times, with the escapes of
//! URLs and HTML, with other scripts' digits. Where that is not sure, there may be one.

use std::ops::{ControlFlow, Range};

use super::blocks::{BlockKinds, before_e_bits, capital_bits, colon_bits, digit_bits, odd_bits, part_bits, sign_bits};
use super::field_keys::FieldKeys;
use super::known_values::KnownValues;
use super::marks::{CARD, Known, PHONE, SHORTEST_NUMBER};
use super::number_runs::{NumberRun, find_run, is_in_number};
use super::table::StandIns;
use crate::content::decoded_text::{Meaning, find_meaning, is_usual, may_be_odd};
use crate::content::runs::{BLOCK, BlockAndNext, for_each_block, has_any, ones};
use crate::content::{
    ContentKind, ContentKinds, byte_at, byte_before, card, email, iban, ip, length_before, phone, run_length, secret,
    words,
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

/// The fewest digits of a number of a telephone, a card or ours.
const FEWEST_DIGITS: usize = 7;

impl TextScreen<'_> {
    /// Finds the places in a text. A value has at least one in each string that it stands in.
    pub(super) fn find(&self, text: &str) -> Suspects {
        self.look_through(text).suspects
    }

    pub(super) fn look_through(&self, text: &str) -> ResultScreen {
        const MOST: usize = 1 << 16;
        let bytes = text.as_bytes();
        let mut places = Vec::new();
        if let Some(known) = self.known() {
            known.find_others(bytes, &mut places);
        }
        let (may_have_unseen, may_have_asked, numbers_end) = (false, false, 0);
        let mut pass = Pass { screen: self, text, bytes, places, numbers_end, may_have_unseen, may_have_asked };
        for_each_block(bytes, |start, block| {
            pass.look_at(start, block);
            if pass.places.len() < MOST { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let Pass { mut places, may_have_unseen, may_have_asked, .. } = pass;
        let is_everywhere = self.known().is_some_and(KnownValues::has_hidden) || places.len() >= MOST;
        let has_suspects = is_everywhere || !places.is_empty();
        let may_have_asked = may_have_asked || has_suspects || self.may_have_asked(text);
        places.sort_unstable();
        let suspects = if is_everywhere { Suspects::everywhere() } else { Suspects { places, ..Suspects::default() } };
        ResultScreen { suspects, may_have_unseen: may_have_unseen || is_everywhere, may_have_asked }
    }

    /// Whether there may be something of the kinds that have no stand-ins, written as it is.
    fn may_have_asked(&self, text: &str) -> bool {
        (self.asked.has(ContentKind::Secret) && secret::may_be_in(text))
            || (self.asked.has(ContentKind::Ip) && ip::may_be_in(text))
    }

    fn known(&self) -> Option<&KnownValues> {
        self.table.map(StandIns::known_values)
    }

    fn looks_for(&self, kind: ContentKind) -> bool {
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
    /// Up to where numbers have been looked at.
    numbers_end: usize,
    may_have_unseen: bool,
    may_have_asked: bool,
}

impl Pass<'_> {
    #[inline(always)]
    fn look_at(&mut self, base: usize, block: &BlockAndNext) {
        let kinds = BlockKinds::of(block);
        if kinds.signs {
            for at in ones(sign_bits(block)) {
                self.look_at_sign(base + at);
            }
        }
        if kinds.odd {
            self.look_at_letters(base, block);
        }
        let digits = digit_bits(block);
        if digits != 0 {
            self.look_at_digits(base, block, digits);
        }
        let keys = self.screen.keys;
        if !keys.is_empty() {
            for colon in ones(colon_bits(block)).map(|at| base + at + 1) {
                if keys.may_end_before(self.bytes, colon) {
                    self.places.push(colon);
                }
            }
        }
        if let Some(known) = self.screen.known().filter(|known| known.have_capitals()) {
            for at in ones(capital_bits(block)) {
                if known.may_be_at_capital(self.bytes, base + at) {
                    self.places.push(base + at);
                }
            }
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
    fn look_at_letters(&mut self, base: usize, block: &BlockAndNext) {
        self.may_have_unseen |= has_any(|at| block[at] == 0x7f);
        for at in ones(odd_bits(block)).map(|at| base + at) {
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

    /// Finds numbers. Each has as many digits, with nothing but what people put between them.
    #[inline(never)]
    fn look_at_digits(&mut self, base: usize, block: &BlockAndNext, digits: u64) {
        // With fewer digits, a number that begins here goes on behind the block.
        let may_have_numbers = digits.count_ones() as usize >= FEWEST_DIGITS || is_in_number(block[BLOCK - 1]);
        let parts = if may_have_numbers { part_bits(block) } else { digits };
        // What is behind the block may be one more.
        let and_behind = |bits: u64, by: u32| bits & (bits >> by | !(u64::MAX >> by));
        let seven = and_behind(and_behind(and_behind(parts, 1), 2), 3);
        let groups = digits & !(digits << 1);
        let mut starts = groups & seven;
        while starts != 0 {
            let at = starts.trailing_zeros() as usize;
            starts &= starts - 1;
            let start = base + at;
            if start < self.numbers_end || (at == 0 && byte_before(self.bytes, start).is_ascii_digit()) {
                continue;
            }
            let length = (!(parts >> at)).trailing_zeros() as usize;
            let run = match at + length < BLOCK {
                true => NumberRun { length, digits: Some(digits >> at & !(u64::MAX << length)) },
                false => find_run(self.bytes.get(start..).unwrap_or_default()),
            };
            starts &= u64::MAX.checked_shl((at + run.length) as u32).unwrap_or(0);
            self.numbers_end = start + run.length;
            if run.length >= FEWEST_DIGITS && run.has_digits(FEWEST_DIGITS, self.bytes, start) {
                self.screen.find_in_run(self.text, (start, &run), &mut self.places);
            }
        }
        // No letter stands before those behind a part of a number.
        for at in ones(groups & (digits >> 1 | 1 << (BLOCK - 1)) & !(parts << 1)) {
            if byte_before(self.bytes, base + at).is_ascii_alphabetic()
                && let Some(start) = (base + at).checked_sub(2)
                && self.may_be_account(start)
            {
                self.places.push(start);
            }
        }
        if self.screen.is_asked() && !self.may_have_asked {
            let powers = digits & before_e_bits(block);
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
                // Halves of emoji.
                Some(0xd83c | 0xd83d | 0xdc00..=0xdfff) => touches_digit(at + 6),
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

impl TextScreen<'_> {
    /// Finds numbers of telephones and cards, those of our own, and those that are known.
    #[inline]
    fn find_in_run(&self, text: &str, (start, run): (usize, &NumberRun), places: &mut Vec<usize>) {
        let bytes = text.as_bytes();
        let has_cards = || self.looks_for(ContentKind::Card) && run.may_be_card();
        let is_grouped = || {
            let written = bytes.get(start..start + run.length).unwrap_or_default();
            !run.is_short_group() && (has_cards() || run.may_be_grouped(written))
        };
        let has_known = || self.known().is_some_and(KnownValues::have_numbers);
        if (self.table.is_some() && run.may_be_own(bytes, start)) || is_grouped() || has_known() {
            self.find_in_groups(text, (start, run), places);
        } else if self.looks_for(ContentKind::Phone) && is_first_phone(text, start) {
            places.push(start);
        }
    }

    /// The same, at each group of digits.
    #[inline(never)]
    fn find_in_groups(&self, text: &str, (start, run): (usize, &NumberRun), places: &mut Vec<usize>) {
        let bytes = text.as_bytes();
        let written = bytes.get(start..start + run.length).unwrap_or_default();
        let has_phones = self.looks_for(ContentKind::Phone);
        let has_cards = self.looks_for(ContentKind::Card) && run.may_be_card();
        let known = self.known().filter(|known| known.have_numbers());
        let may_be_own = self.table.is_some() && run.may_be_own(bytes, start);
        let mut before = [(0, 0); 3];
        let mut next = 0;
        while let Some((group, length)) = run.find_group(written, next) {
            let at = start + group;
            let is_area = (b'2'..=b'9').contains(&byte_at(bytes, at));
            let has_zeros = || {
                (3..=5).contains(&length)
                    && (byte_at(bytes, at), byte_at(bytes, at + 1)) == (b'0', b'0')
                    && matches!(byte_at(bytes, at + length), b' ' | b'-' | b'/' | b'\\')
            };
            let is_american = before[1].1 == 3 && before[2].1 == 3 && length == 4;
            let is_phone = || is_american || has_zeros() || (group == 0 && is_first_phone(text, start));
            if (has_phones && is_phone()) || known.is_some_and(|known| known.may_be_at_digits(bytes, at)) {
                places.push(at);
            }
            // The groups of a card are tried once the last of them is there.
            let [first, second, third] = before;
            let card = match (first.1, second.1, third.1, length) {
                (4, 4, 4, 4) => Some(first),
                (_, 4, 6, 4 | 5) => Some(second),
                (_, _, _, 14..) => Some((at, length)),
                _ => None,
            };
            if let Some((start, length)) = card.filter(|_| has_cards)
                && card::may_start(bytes, start, length)
            {
                places.push(start);
            }
            before = [before[1], before[2], (at, if length == 3 && !is_area { 0 } else { length })];
            next = group + length;
        }
        if may_be_own {
            self.find_own_numbers(bytes, start..start + run.length, places);
        }
    }

    /// Finds numbers in a run that are stand-ins, or look like some.
    fn find_own_numbers(&self, bytes: &[u8], run: Range<usize>, places: &mut Vec<usize>) {
        const FEWEST_CARD_DIGITS: usize = 14;
        let is_plus = byte_before(bytes, run.start) == b'+';
        let digits: Vec<(usize, u8)> =
            run.filter_map(|at| bytes.get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| (at, *byte))).collect();
        let text: String = digits.iter().map(|(_, digit)| char::from(*digit)).collect();
        for start in 0..text.len() {
            let rest = text.get(start..).unwrap_or_default();
            if !rest.starts_with(PHONE) {
                continue;
            }
            let is_known = rest.get(..8).zip(self.table).is_some_and(|(start, table)| table.starts_number(start));
            let head = text.get(..start).unwrap_or_default();
            let is_like_one = rest.len() >= SHORTEST_NUMBER && ((start == 0 && is_plus) || head.ends_with("00"))
                || (rest.len() >= FEWEST_CARD_DIGITS && rest.starts_with(CARD));
            if is_known || is_like_one {
                places.extend(digits.get(start).map(|(at, _)| *at));
            }
        }
    }
}

/// Whether the first digits of a run may be a number of a telephone: behind a plus, or a word for it.
#[inline]
fn is_first_phone(text: &str, start: usize) -> bool {
    byte_before(text.as_bytes(), start) == b'+' || phone::may_follow_word(text, start)
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
