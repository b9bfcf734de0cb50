//! The words of a line in its normal form: what can be addressed, and what is only long.

use std::borrow::Cow;

/// The shortest word of letters alone that is a value.
pub(super) const MIN_LETTERS: usize = 8;

/// The shortest value with a digit or with what joins the parts of an address.
pub(super) const MIN_MIXED: usize = 6;

/// How much of a word is read at once, in bytes.
const MAX_WORD: usize = 2_048;

/// How much of it is read with what follows as well.
const OVERLAP: usize = 512;

/// What stands between the addresses in one word: `mailto:…?cc=…`.
const JOINTS: [char; 6] = [':', '/', '=', '&', '?', '#'];

/// How many URLs of one word are read: one may be a parameter of another.
const MAX_URLS: usize = 8;

/// Long words that stand in results and arguments alike without having been copied.
const COMMON: [&str; 66] = [
    "0.0.0.0",
    "127.0.0.1",
    "absolute",
    "abstract",
    "activity",
    "although",
    "application",
    "ascending",
    "assistant",
    "attachment",
    "automatic",
    "available",
    "cancelled",
    "category",
    "complete",
    "completed",
    "confirmed",
    "containing",
    "contents",
    "created_at",
    "critical",
    "database",
    "december",
    "default_value",
    "delivered",
    "descending",
    "description",
    "directory",
    "disabled",
    "document",
    "documents",
    "download",
    "duplicate",
    "february",
    "function",
    "important",
    "in_progress",
    "incoming",
    "information",
    "internal",
    "localhost",
    "location",
    "markdown",
    "multiple",
    "november",
    "optional",
    "outgoing",
    "personal",
    "plaintext",
    "position",
    "priority",
    "progress",
    "recursive",
    "reference",
    "relative",
    "required",
    "resource",
    "response",
    "saturday",
    "september",
    "something",
    "thursday",
    "undefined",
    "unlimited",
    "updated_at",
    "wednesday",
];

/// How a word of an argument is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It can be addressed by itself: an address, a URL or its host, an identifier, a path, a file's name.
    Address,
    /// It is a folder on a path.
    Folder,
    /// It is a word of a language, which only counts if it is the whole.
    Word,
}

/// Whether a byte may stand in a word. Bytes of other scripts may.
pub(super) const fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte >= 0x80
        || matches!(
            byte,
            b'@' | b'.'
                | b'_'
                | b'-'
                | b'+'
                | b'/'
                | b'\\'
                | b':'
                | b'~'
                | b'%'
                | b'#'
                | b'='
                | b'?'
                | b'&'
                | b'$'
                | b'*'
        )
}

/// Gives the words of a line and their parts that are values.
pub(super) fn find_parts(line: &str, found: &mut dyn FnMut(Part, &str)) {
    let bytes = line.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes.iter().skip(at).take_while(|byte| is_word_byte(**byte)).count();
        if length == 0 {
            at += 1;
            continue;
        }
        let word = line.get(at..at + length).unwrap_or_default();
        if length >= MIN_MIXED {
            read_pieces_of_word(word, found);
        }
        join_groups(line, at, length, &mut |joined| found(Part::Address, joined));
        at += length;
    }
}

/// Reads a word, a long one piece by piece. Pieces overlap, so that what is no longer than that stands whole in one of them.
fn read_pieces_of_word(word: &str, found: &mut dyn FnMut(Part, &str)) {
    let mut rest = word;
    loop {
        read_word(rest.get(..rest.floor_char_boundary(MAX_WORD)).unwrap_or(rest), found);
        if rest.len() <= MAX_WORD {
            return;
        }
        rest = rest.get(rest.floor_char_boundary(MAX_WORD - OVERLAP)..).unwrap_or_default();
    }
}

/// Gives a word and its parts.
fn read_word(word: &str, found: &mut dyn FnMut(Part, &str)) {
    let word = trim_word(word);
    let mut give = |part, value: &str| {
        let value = trim_word(value);
        if is_distinctive(value) {
            found(part, &squeeze(value));
        }
    };
    for address in word.split(JOINTS).filter(|piece| piece.contains('@')) {
        read_address(address, &mut give);
    }
    let mut before = None;
    for (at, _) in word.match_indices("://").take(MAX_URLS) {
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
    if word.contains('@') {
        return;
    }
    if word.contains(['/', '\\']) {
        read_path(word, &mut give);
    }
    match is_plain_word(word) {
        true => give(Part::Word, word),
        false => give(Part::Address, word),
    }
    for piece in word.split(['=', '&', '?', '#', ':', '$', '*', '%', '~']).filter(|piece| piece.len() < word.len()) {
        match is_plain_word(piece) {
            true => give(Part::Word, piece),
            false => give(Part::Address, piece),
        }
    }
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
    let Some((_, rest)) = url.split_once("://") else { return };
    let (before, query) = rest.find(['?', '#']).map_or((rest, ""), |at| rest.split_at(at));
    let before = before.trim_end_matches('/');
    let (authority, path) = before.split_once(['/', '\\']).unwrap_or((before, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split(':').next().unwrap_or_default();
    let host = host.strip_prefix("www.").unwrap_or(host);
    give(Part::Address, host);
    // A host as short as `x.io` counts where it is the host of a URL.
    give(Part::Address, &format!("//{host}"));
    give(Part::Address, &format!("{host}/{path}"));
    if !query.is_empty() {
        give(Part::Address, &format!("{host}/{path}{query}"));
    }
    for piece in path.split('/').chain(query.split(['?', '&', '#', '='])) {
        // What stands in a URL by itself is a value of its own in what is remembered; the last of a path is a name.
        give(if is_plain_word(piece) { Part::Word } else { Part::Folder }, piece);
    }
    for value in query.split(['?', '&', '#']).filter_map(|pair| pair.split_once('=').map(|(_, value)| value)) {
        give(if is_plain_word(value) { Part::Word } else { Part::Address }, value);
    }
}

/// Gives a path, its name and its folders.
fn read_path(path: &str, give: &mut dyn FnMut(Part, &str)) {
    let path = path.replace('\\', "/");
    let path = path.trim_end_matches('/');
    let path = path.strip_prefix("./").unwrap_or(path);
    give(Part::Address, path);
    // Without a scheme, it may be an address as well.
    if let Some((host, _)) = path.split_once('/')
        && host.contains('.')
    {
        give(Part::Address, host.strip_prefix("www.").unwrap_or(host));
    }
    let mut pieces = path.rsplit('/');
    if let Some(name) = pieces.next() {
        give(if name.contains('.') { Part::Address } else { Part::Folder }, name);
    }
    pieces.for_each(|folder| give(Part::Folder, folder));
}

/// Gives what may be an account number that is written in groups, as long as it may be: `de89 3704 0044 …`.
fn join_groups(line: &str, at: usize, length: usize, found: &mut dyn FnMut(&str)) {
    const GROUP: std::ops::RangeInclusive<usize> = 1..=5;
    const ACCOUNT: std::ops::RangeInclusive<usize> = 12..=34;
    let first = line.get(at..at + length).unwrap_or_default();
    let is_start = (4..=5).contains(&length)
        && first.bytes().take(2).all(|byte| byte.is_ascii_alphabetic())
        && first.bytes().skip(2).all(|byte| byte.is_ascii_digit());
    let rest = line.get(at + length..).and_then(|rest| rest.strip_prefix(' '));
    let Some(rest) = rest.filter(|_| is_start) else { return };
    let mut joined = first.to_owned();
    for group in rest.split(' ') {
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
        if plain.len() < group.len() || plain.len() < 4 {
            break;
        }
    }
}

/// A word without what ends a sentence or opens a clause.
fn trim_word(word: &str) -> &str {
    word.trim_matches(|c| {
        matches!(c, '.' | ',' | ':' | ';' | '-' | '=' | '?' | '&' | '*' | '_' | '#' | '+' | '~' | '%')
    })
}

/// Whether a word has letters alone, and what joins words.
fn is_plain_word(word: &str) -> bool {
    word.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '_' | '\''))
}

/// Returns a text as a whole: its words with one blank between them, without what ends a sentence.
pub(super) fn find_whole(text: &str) -> Option<Cow<'_, str>> {
    let text =
        text.trim().trim_matches(['"', '\'', '`', '“', '”', '.', ',', ':', ';', '!', '?', '*', '#', '-', '>']).trim();
    if text.is_empty() {
        return None;
    }
    let has_runs = text.contains("  ") || text.contains(['\n', '\t', '\r']);
    let whole = match has_runs {
        true => Cow::Owned(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        false => Cow::Borrowed(text),
    };
    Some(if whole.contains(' ') { whole } else { squeeze_whole(whole) })
}

fn squeeze_whole(word: Cow<'_, str>) -> Cow<'_, str> {
    match squeeze(&word) {
        Cow::Borrowed(_) => word,
        Cow::Owned(squeezed) => Cow::Owned(squeezed),
    }
}

/// An identifier without hyphens: `ab-12345` is `ab12345`.
fn squeeze(word: &str) -> Cow<'_, str> {
    let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
    let is_identifier = has_digit && word.contains('-') && !word.contains(['.', '/', '@', ':']);
    if is_identifier { Cow::Owned(word.replace('-', "")) } else { Cow::Borrowed(word) }
}

/// Whether a value is long and rare enough that two that are equal were copied: [`MIN_LETTERS`] letters, or [`MIN_MIXED`]
/// characters of which one is a digit or joins the parts of an address, and no date, no number (see `numbers`), no common word.
pub(super) fn is_distinctive(value: &str) -> bool {
    let (mut letters, mut digits, mut joints) = (0, 0, 0);
    for c in value.chars() {
        match c {
            '0'..='9' => digits += 1,
            '@' | '.' | '/' | ':' => joints += 1,
            _ if c.is_alphabetic() => letters += 1,
            _ => {}
        }
    }
    // A script without spaces says more with a letter.
    let letters = if value.is_ascii() { letters } else { letters * 2 };
    let is_long = if digits + joints > 0 { letters + digits + joints >= MIN_MIXED } else { letters >= MIN_LETTERS };
    let is_ip =
        letters == 0 && value.split('.').count() == 4 && value.split('.').all(|part| part.parse::<u8>().is_ok());
    let is_mime = ["application/", "text/", "image/", "audio/", "video/"].iter().any(|kind| value.starts_with(kind));
    is_long && (letters >= 1 && !is_time(value) || is_ip) && !is_mime && COMMON.binary_search(&value).is_err()
}

/// Whether a value is a time of ISO 8601: `2024-05-15t10:00:00z`.
fn is_time(value: &str) -> bool {
    let plain = value.trim_end_matches('z');
    let plain = plain.strip_suffix("am").or_else(|| plain.strip_suffix("pm")).unwrap_or(plain);
    let (day, time) = plain.split_once('t').unwrap_or((plain, ""));
    let has_no_letter =
        |part: &str| part.chars().all(|c| c.is_ascii_digit() || matches!(c, ':' | '.' | '-' | '+' | ' '));
    day.starts_with(|c: char| c.is_ascii_digit()) && has_no_letter(day) && has_no_letter(time)
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
        assert!(COMMON.is_sorted());
    }
}
