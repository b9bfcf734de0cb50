//! The words of a line in its normal form: what can be addressed, and what is only long.

use std::borrow::Cow;
use std::ops::Range;

use super::changes::QUOTED;
use super::eights::{any_eight, count, has_byte};
use super::hosts::{find_ipv6, find_plain_address, find_plain_host};
use super::rarity::{
    AROUND, BETWEEN, DIGIT, DIVIDER, JOINT, LETTER, MIN_BYTES, MIN_LETTERS, MIN_MIXED, Measure, OTHER, WORD, class_of,
    is_alphabetic, is_common, is_distinctive, is_letter_or_digit, is_of_word,
};
use super::spans::{Spans, block_of, find_bits_of_block};
use crate::block_bits::BLOCK;

/// How much of a word is read at once, in bytes.
const MAX_WORD: usize = 2_048;

/// How much of it is read with what follows as well.
const OVERLAP: usize = 512;

/// The shortest word that may be a value or begin one: a group of an account number.
const MIN_WORD: usize = 4;

/// What stands between the addresses in one word: `mailto:…?cc=…`.
const JOINTS: [u8; 6] = *b":/=&?#";

/// How many URLs of one word are read: one may be a parameter of another.
const MAX_URLS: usize = 8;

/// How a word of an argument is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It can be addressed by itself: an address, a URL or its host, an identifier, a path, a file's name.
    Address,
    /// It is a folder on a path.
    Folder,
    /// It is a word of a language, which only counts if it is the whole.
    Word,
    /// It is a host, as in a URL. Those follow to which it belongs, the nearest one first.
    Host,
    /// It is a host, as in a URL, to which a host of the argument belongs: what is sent can stand in the name before it.
    Parent,
}

/// Gives the words of a text and their parts that are values.
pub(super) fn find_parts(text: &str, found: &mut impl FnMut(Part, &str)) {
    let bytes = text.as_bytes();
    for span in Spans::at_least(MIN_WORD, bytes, is_of_word) {
        let Range { start, end } = span;
        let length = end - start;
        if bytes.get(start) == Some(&b'@') && bytes.get(..start).is_some_and(|before| before.ends_with(b"\"")) {
            read_quoted_mailbox(text, start, end, found);
        }
        if length >= MIN_MIXED {
            read_long_word(text.get(start..end).unwrap_or_default(), found);
        }
        let may_be_account = matches!(length, 4..=5) && bytes.get(end - 1).is_some_and(u8::is_ascii_digit);
        if may_be_account && bytes.get(end) == Some(&b' ') {
            join_groups(text, start, length, &mut |joined| found(Part::Address, joined));
        }
    }
}

/// Gives a mailbox whose name stands in quotes, without these.
fn read_quoted_mailbox(text: &str, at: usize, end: usize, found: &mut impl FnMut(Part, &str)) {
    let before = text.get(..at).and_then(|text| text.strip_suffix('"')).unwrap_or_default();
    let near = before.get(before.ceil_char_boundary(before.len().saturating_sub(QUOTED))..).unwrap_or_default();
    if let Some((_, name)) = near.rsplit_once('"') {
        let host = text.get(at..text.floor_char_boundary(end.min(at + MAX_WORD))).unwrap_or_default();
        let mailbox = format!("{}{}", name.replace('\\', ""), host);
        read_address(trim_word(&mailbox), &mut |part, value| give_value(part, value, found));
    }
}

/// Gives a word that is long enough to be a value, and its parts.
#[inline]
fn read_long_word(word: &str, found: &mut impl FnMut(Part, &str)) {
    // Most have letters alone.
    let mut letters = 0;
    any_eight(word.as_bytes(), |eight| {
        letters += count(eight.letters());
        letters % 8 != 0
    });
    if letters == word.len() && letters <= MAX_WORD {
        if letters >= MIN_LETTERS && !is_common(word) {
            found(Part::Word, word);
        }
        return;
    }
    let classes = word.as_bytes().iter().fold(0, |classes, byte| classes | class_of(*byte));
    if classes & DIVIDER == 0 && word.len() <= MAX_WORD {
        read_simple_word(word, classes, found);
    } else {
        read_pieces_of_word(word, found);
    }
}

/// Gives a word in which nothing stands between values.
fn read_simple_word(word: &str, classes: u8, found: &mut impl FnMut(Part, &str)) {
    let shortest = if classes & (DIGIT | JOINT | OTHER) == 0 { MIN_LETTERS } else { MIN_MIXED };
    // Without a letter, only an address of the network is one.
    if word.len() < shortest || classes & (LETTER | OTHER | JOINT) == 0 {
        return;
    }
    let word = trim_word(word);
    if is_distinctive(word) {
        found(if is_plain_word(word) { Part::Word } else { Part::Address }, &squeeze(word));
    }
    give_plain_address(word, &mut |part, value| give_value(part, value, found));
}

/// Gives a word that is a host in another spelling than the usual one.
#[inline]
fn give_plain_address(word: &str, give: &mut impl FnMut(Part, &str)) {
    if let Some(plain) = find_plain_address(word) {
        give(Part::Address, &plain);
        give(Part::Address, &format!("//{plain}"));
    }
}

/// Reads a word, a long one piece by piece. Pieces overlap, so that what is no longer than that stands whole in one of them.
fn read_pieces_of_word(word: &str, found: &mut impl FnMut(Part, &str)) {
    let mut rest = word;
    loop {
        read_word(rest.get(..rest.floor_char_boundary(MAX_WORD)).unwrap_or(rest), found);
        if rest.len() <= MAX_WORD {
            return;
        }
        rest = rest.get(rest.floor_char_boundary(MAX_WORD - OVERLAP)..).unwrap_or_default();
    }
}

/// Gives a value if it is one.
#[inline]
pub(super) fn give_value(part: Part, value: &str, found: &mut impl FnMut(Part, &str)) {
    // With it go those that follow.
    if part == Part::Host {
        return found(part, value);
    }
    // Most are too short, whatever they are.
    if value.len() < MIN_BYTES {
        return;
    }
    let value = trim_word(value);
    if is_distinctive(value) {
        found(part, &squeeze(value));
    }
}

/// Gives a word and its parts.
fn read_word(written: &str, found: &mut impl FnMut(Part, &str)) {
    let word = trim_word(written);
    let mut give = |part, value: &str| give_value(part, value, found);
    let (mut addresses, mut colons, mut slashes) = (0, 0, 0);
    any_eight(word.as_bytes(), |eight| {
        addresses |= eight.equal(b'@');
        colons |= eight.equal(b':');
        slashes |= eight.equal(b'/') | eight.equal(b'\\');
        false
    });
    let (has_address, has_colon, has_slash) = (addresses != 0, colons != 0, slashes != 0);
    if has_address {
        for address in split_bytes(word, |byte| JOINTS.contains(&byte)).filter(|piece| piece.contains('@')) {
            read_address(address, &mut give);
        }
    }
    let mut before = None;
    let schemes = (has_colon && has_slash).then(|| find_schemes(word).take(MAX_URLS));
    for at in schemes.into_iter().flatten() {
        // One may be a parameter of another.
        let start = word.get(..at).unwrap_or_default();
        let scheme = start.rfind(|c: char| !c.is_alphanumeric()).map_or(0, |joint| joint + 1);
        read_url(word.get(scheme..).unwrap_or_default(), &mut give);
        before = before.or(word.get(..scheme));
    }
    if let Some(before) = before {
        if !before.is_empty() {
            read_word(before, found);
        }
        return;
    }
    if has_slash {
        read_path(word, &mut give);
    }
    if has_address {
        return;
    }
    match is_plain_word(word) {
        true => give(Part::Word, word),
        false => give(Part::Address, word),
    }
    // One may begin or end with colons, or stand before one.
    if has_colon && let Some(address) = find_ipv6(word).or_else(|| find_ipv6(written)) {
        give(Part::Address, &address);
    }
    for piece in split_bytes(word, |byte| class_of(byte) & BETWEEN != 0).filter(|piece| piece.len() < word.len()) {
        if piece.len() < MIN_BYTES {
            continue;
        }
        match is_plain_word(piece) {
            true => give(Part::Word, piece),
            false => give(Part::Address, piece),
        }
        give_plain_address(piece, &mut give);
    }
}

/// Returns where `://` is in a word.
fn find_schemes(word: &str) -> impl Iterator<Item = usize> {
    let bytes = word.as_bytes();
    memchr::memchr_iter(b':', bytes).filter(|at| bytes.get(at + 1..at + 3) == Some(b"//"))
}

/// Gives an address of mail, also without what its owner has added to it.
fn read_address(address: &str, give: &mut dyn FnMut(Part, &str)) {
    give(Part::Address, address);
    if let Some((_, host)) = address.rsplit_once('@') {
        // Of an argument, the host of a mailbox says nothing: most are those of providers.
        give(Part::Folder, host);
    }
    if let Some((name, host)) = address.split_once('@')
        && let Some((name, _)) = name.split_once('+')
    {
        give(Part::Address, &format!("{name}@{host}"));
    }
}

/// Gives a URL, also without what is behind the path, its host, and what its query has.
fn read_url(url: &str, give: &mut dyn FnMut(Part, &str)) {
    let Some(rest) = find_schemes(url).next().and_then(|at| url.get(at + "://".len()..)) else { return };
    let query = rest.as_bytes().iter().position(|byte| matches!(byte, b'?' | b'#'));
    let (before, query) = query.map_or((rest, ""), |at| rest.split_at(at));
    let before = before.trim_end_matches('/');
    let end = before.as_bytes().iter().position(|byte| matches!(byte, b'/' | b'\\'));
    let (authority, path) = end
        .map_or((before, ""), |end| (before.get(..end).unwrap_or_default(), before.get(end + 1..).unwrap_or_default()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split(':').next().unwrap_or_default();
    let host = host.strip_prefix("www.").unwrap_or(host);
    give_host(host, path, query, give);
    if let Some(plain) = find_plain_host(host) {
        give_host(&plain, path, query, give);
    }
    let pieces = split_bytes(path, |byte| byte == b'/');
    let of_query = split_bytes(query, |byte| matches!(byte, b'?' | b'&' | b'#' | b'='));
    for piece in pieces.chain(of_query).filter(|piece| piece.len() >= MIN_BYTES) {
        // What stands in a URL by itself is a value of its own in what is remembered; the last of a path is a name.
        give(if is_plain_word(piece) { Part::Word } else { Part::Folder }, piece);
    }
    let pairs = split_bytes(query, |byte| matches!(byte, b'?' | b'&' | b'#'));
    for value in pairs.filter_map(|pair| pair.split_once('=').map(|(_, value)| value)) {
        give(if is_plain_word(value) { Part::Word } else { Part::Address }, value);
    }
}

/// Gives a host, and the URL without its scheme up to the path and up to its end.
fn give_host(host: &str, path: &str, query: &str, give: &mut dyn FnMut(Part, &str)) {
    give(Part::Address, host);
    let mut whole = String::with_capacity("///".len() + host.len() + path.len() + query.len());
    ["//", host, "/", path, query].into_iter().for_each(|part| whole.push_str(part));
    let mut give_from = |start: usize, end: usize| give(Part::Address, whole.get(start..end).unwrap_or_default());
    // A host as short as `x.io` counts where it is the host of a URL.
    give_from(0, 2 + host.len());
    give_from(2, whole.len() - query.len());
    if !query.is_empty() {
        give_from(2, whole.len());
    }
}

/// Gives the longest form of a text that is one URL and nothing else, and has no user before its host.
pub(super) fn find_url(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let is_url = text.len() <= MAX_WORD
        && text.bytes().all(|byte| class_of(byte) & WORD != 0)
        && scheme.chars().all(char::is_alphanumeric)
        && !authority.contains('@');
    let mut longest = None;
    if is_url {
        read_url(text, &mut |part, value| {
            give_value(part, value, &mut |part, value| {
                if part == Part::Address && longest.as_ref().is_none_or(|longest: &String| value.len() > longest.len())
                {
                    longest = Some(value.to_owned());
                }
            });
        });
    }
    longest
}

/// Gives a path, its name and its folders.
fn read_path(path: &str, mut give: &mut dyn FnMut(Part, &str)) {
    let path = if has_byte(path, b'\\') { Cow::Owned(path.replace('\\', "/")) } else { Cow::Borrowed(path) };
    let path = path.trim_end_matches('/');
    let path = path.strip_prefix("./").unwrap_or(path);
    give(Part::Address, path);
    // To a browser, the first of `//host/x` and `https:/host/x` is a host.
    let scheme = if has_byte(path, b':') { path.split_once(":/") } else { None };
    let scheme = scheme.filter(|(scheme, _)| scheme.len() > 1);
    if let Some(rest) = scheme.map(|(_, rest)| rest).or_else(|| path.strip_prefix("//")) {
        let host = rest.trim_start_matches('/').split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit('@').next().and_then(|host| host.split(':').next()).unwrap_or_default();
        let host = host.strip_prefix("www.").unwrap_or(host);
        let plain = find_plain_host(host);
        for host in [Some(host), plain.as_deref()].into_iter().flatten() {
            give(Part::Address, host);
            give(Part::Address, &format!("//{host}"));
        }
    }
    // Without a scheme, it may be an address as well.
    if let Some((host, _)) = path.split_once('/')
        && host.contains('.')
    {
        let host = host.strip_prefix("www.").unwrap_or(host);
        give(Part::Address, host);
        give_plain_address(host, &mut give);
    }
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    give(if has_byte(name, b'.') { Part::Address } else { Part::Folder }, name);
    split_bytes(folders, |byte| byte == b'/').for_each(|folder| give(Part::Folder, folder));
}

/// Gives what may be an account number that is written in groups, as long as it may be: `de89 3704 0044 …`.
fn join_groups(text: &str, at: usize, length: usize, found: &mut dyn FnMut(&str)) {
    const GROUP: std::ops::RangeInclusive<usize> = 1..=5;
    const ACCOUNT: std::ops::RangeInclusive<usize> = 12..=34;
    let first = text.get(at..at + length).unwrap_or_default();
    let is_start = (4..=5).contains(&length)
        && first.bytes().take(2).all(|byte| byte.is_ascii_alphabetic())
        && first.bytes().skip(2).all(|byte| byte.is_ascii_digit());
    let rest = text.get(at + length..).and_then(|rest| rest.strip_prefix(' '));
    let Some(rest) = rest.filter(|_| is_start) else { return };
    let mut joined = first.to_owned();
    for piece in rest.split(' ') {
        let group = split_bytes(piece, |byte| class_of(byte) & WORD == 0).next().unwrap_or_default();
        let plain = trim_word(group);
        let is_group = GROUP.contains(&plain.len())
            && plain.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && plain.bytes().any(|byte| byte.is_ascii_digit());
        if !is_group || joined.len() + plain.len() > *ACCOUNT.end() {
            break;
        }
        joined.push_str(plain);
        if ACCOUNT.contains(&joined.len()) {
            found(&joined);
        }
        let ends_line = memchr::memchr2(b'\n', b'\r', piece.as_bytes()).is_some();
        if ends_line || plain.len() < group.len() || plain.len() < 4 {
            break;
        }
    }
}

/// A word without what ends a sentence or opens a clause.
#[inline]
pub(super) fn trim_word(word: &str) -> &str {
    trim_bytes(word, |byte| class_of(byte) & AROUND != 0)
}

/// A text without the characters of ASCII around it that are of a kind.
#[inline]
fn trim_bytes(text: &str, is_kind: impl Fn(u8) -> bool) -> &str {
    let (mut start, mut end) = (0, text.len());
    let bytes = text.as_bytes();
    while start < end && bytes.get(start).is_some_and(|byte| is_kind(*byte)) {
        start += 1;
    }
    while start < end && bytes.get(end - 1).is_some_and(|byte| is_kind(*byte)) {
        end -= 1;
    }
    text.get(start..end).unwrap_or_default()
}

/// The pieces of a word between bytes of ASCII that are of a kind.
pub(super) fn split_bytes(word: &str, is_kind: impl Fn(u8) -> bool) -> impl Iterator<Item = &str> {
    let mut rest = Some(word);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = text.as_bytes().iter().position(|byte| is_kind(*byte));
        rest = end.and_then(|end| text.get(end + 1..));
        text.get(..end.unwrap_or(text.len()))
    })
}

/// Whether a word has letters alone, and what joins words.
#[inline]
fn is_plain_word(word: &str) -> bool {
    let is_joint = |byte: u8| matches!(byte, b'-' | b'_' | b'\'');
    match word.as_bytes().iter().find(|byte| class_of(**byte) & LETTER == 0 && !is_joint(**byte)) {
        None => true,
        Some(0x80..) => word.chars().all(|c| is_alphabetic(c) || matches!(c, '-' | '_' | '\'')),
        Some(_) => false,
    }
}

/// Returns a text as a whole, if that is distinctive: its words with one blank between them, without what ends a sentence.
pub(super) fn find_whole(text: &str, spacing: Spacing) -> Option<Cow<'_, str>> {
    let text = trim_whole(text);
    // Blanks and hyphens make no text longer.
    let measure = Measure::of(text);
    if !measure.is_long || !measure.may_be_distinctive(text) {
        return None;
    }
    // What others in its line have around it is no part of it.
    let spacing = if spacing == Spacing::Any { Spacing::of(text) } else { spacing };
    let whole = match spacing {
        Spacing::Plain => Cow::Borrowed(text),
        Spacing::Single if !has_byte(text, b'-') || has_byte(text, b' ') => Cow::Borrowed(text),
        Spacing::Single => squeeze(text),
        Spacing::Any => {
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if words.contains(' ') { Cow::Owned(words) } else { Cow::Owned(squeeze(&words).into_owned()) }
        }
    };
    measure.is_distinctive(&whole).then_some(whole)
}

/// What stands between the words of a text, or of each piece of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spacing {
    /// Single spaces, and no hyphens: it is as in its normal form.
    Plain,
    /// The same, and hyphens.
    Single,
    /// Several blanks in a row, or others than a space.
    Any,
}

impl Spacing {
    /// What is around a text does not matter.
    pub(super) fn of(text: &str) -> Self {
        let (mut runs, mut hyphens, mut last) = (0, 0, 0);
        for block in text.trim_ascii().as_bytes().chunks(BLOCK) {
            let block = &block_of(block);
            let blanks = find_bits_of_block(block, &|byte| byte == b' ');
            let others = find_bits_of_block(block, &|byte| (byte == b'\t') | (byte == b'\n') | (byte == b'\r'));
            // The last of a block stands before the first of the next one.
            runs |= (blanks & (blanks << 1 | last)) | others;
            if runs != 0 {
                break;
            }
            hyphens |= find_bits_of_block(block, &|byte| byte == b'-');
            last = blanks >> (BLOCK - 1);
        }
        match (runs, hyphens) {
            (0, 0) => Self::Plain,
            (0, _) => Self::Single,
            _ => Self::Any,
        }
    }
}

/// A text without blanks around it, nor what ends a sentence, opens a clause or quotes.
#[inline]
fn trim_whole(text: &str) -> &str {
    // Most need no trimming.
    if let ([first, .., last], true) = (text.as_bytes(), text.len() > 1)
        && is_letter_or_digit(*first)
        && is_letter_or_digit(*last)
    {
        return text;
    }
    let is_around =
        |c| matches!(c, '"' | '\'' | '`' | '“' | '”' | '.' | ',' | ':' | ';' | '!' | '?' | '*' | '#' | '-' | '>');
    if text.is_ascii() {
        let trim_blanks = |text| trim_bytes(text, |byte| matches!(byte, b' ' | b'\t'..=b'\r'));
        return trim_blanks(trim_bytes(trim_blanks(text), |byte| is_around(char::from(byte))));
    }
    text.trim().trim_matches(is_around).trim()
}

/// An identifier without hyphens: `ab-12345` is `ab12345`.
#[inline]
fn squeeze(word: &str) -> Cow<'_, str> {
    let has_digit = || any_eight(word.as_bytes(), |eight| eight.digits() != 0);
    let is_identifier = has_byte(word, b'-') && has_digit() && !word.contains(['.', '/', '@', ':']);
    if is_identifier { Cow::Owned(word.replace('-', "")) } else { Cow::Borrowed(word) }
}

/// Whether groups of digits are a day, or begin with one.
pub(super) fn is_date(groups: &[&str]) -> bool {
    let is_year = |group: &str| group.len() == 4 && (group.starts_with("19") || group.starts_with("20"));
    let is_small = |group: &str| group.len() <= 2 && group.parse::<u8>().is_ok_and(|number| (1..=31).contains(&number));
    match groups {
        [year, month, day, ..] if is_year(year) => is_small(month) && is_small(day),
        [day, month, year, ..] => is_small(day) && is_small(month) && (is_year(year) || year.len() == 2),
        [one, other] => is_year(one) && is_year(other),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn parts(line: &str, wanted: Part) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        find_parts(line, &mut |part, value| {
            if part == wanted {
                all.insert(value.to_owned());
            }
        });
        all
    }

    #[test]
    fn what_can_be_addressed_is_found() {
        for (line, value) in [
            ("mail bob@evil.com, please", "bob@evil.com"),
            ("mailto:bob@evil.com?subject=x", "bob@evil.com"),
            ("to=bob+tag@evil.com", "bob@evil.com"),
            ("see https://www.evil.com/x?id=42.", "evil.com"),
            ("see https://www.evil.com/x?id=42.", "evil.com/x?id=42"),
            ("see https://user@evil.com:8080/path/", "evil.com/path"),
            ("go to evil.com/path", "evil.com"),
            ("open c:\\temp\\bill.txt", "bill.txt"),
            ("open /home/user/bill.txt", "/home/user/bill.txt"),
            ("order ord-48213", "ord48213"),
            ("id: usr_8f3a;", "usr_8f3a"),
            ("iban de89 3704 0044 0532 0130 00.", "de89370400440532013000"),
            ("iban us13 3000 0001 2121 2121 2121 pays", "us1330000001212121212121"),
            ("host 192.168.1.10", "192.168.1.10"),
            ("see https://x.io/ now", "//x.io"),
            ("see https://zapmat.at/", "zapmat.at"),
        ] {
            assert!(parts(line, Part::Address).contains(value), "{line}: {:?}", parts(line, Part::Address));
        }
    }

    #[test]
    fn spacing_is_told_by_each_byte() {
        for length in 0..200 {
            for place in 0..length {
                for odd in ["  ", "\t", "\r", "-", " ", "é"] {
                    let text = format!("{}{odd}{}", "a".repeat(place), "b ".repeat(length - place));
                    let trimmed = text.trim_ascii();
                    let spacing = match (trimmed.contains("  ") || trimmed.contains(['\t', '\n', '\r']), trimmed) {
                        (true, _) => Spacing::Any,
                        (false, trimmed) if trimmed.contains('-') => Spacing::Single,
                        (false, _) => Spacing::Plain,
                    };
                    assert_eq!(Spacing::of(&text), spacing, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_short_or_common_is_no_value() {
        for line in [
            "true",
            "null",
            "january",
            "february",
            "2024-05-15",
            "2024-05-15t10:00:00z",
            "1,234.56",
            "application/json",
            "the quick brown fox jumps",
            "v1.2",
            "a.b",
            "localhost",
            "10:30",
            "e.g.",
            "https://",
            "...",
            "12345",
        ] {
            assert_eq!(parts(line, Part::Address), BTreeSet::new(), "{line}");
            assert_eq!(parts(line, Part::Word), BTreeSet::new(), "{line}");
        }
    }
}
