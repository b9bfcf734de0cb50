//! Email addresses: RFC 5321, and RFC 6531 for those that are not ASCII.

use std::ops::Range;

use super::ip;

const LONGEST_LOCAL: usize = 64;
const LONGEST_DOMAIN: usize = 255;
const LONGEST_LABEL: usize = 63;
/// How far before the at sign the local part is looked for: what it is part of may be longer.
const REACH: usize = 160;

/// Endings of files and units that are no top-level domains.
const NO_DOMAINS: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "bmp", "tiff", "pdf", "css", "scss", "less", "js",
    "mjs", "cjs", "jsx", "ts", "tsx", "json", "jsonl", "xml", "yaml", "yml", "toml", "txt", "html", "htm", "php",
    "exe", "dll", "tar", "gz", "tgz", "service", "socket", "timer", "mount", "scope", "slice", "target", "lock", "log",
    "csv", "woff", "ttf",
];

pub(super) fn find(text: &str, found: &mut dyn FnMut(Range<usize>) -> bool) {
    for at in memchr::memchr_iter(b'@', text.as_bytes()) {
        if let Some(range) = find_address(text, at)
            && !found(range)
        {
            return;
        }
    }
}

/// Whether an address may be around an at sign of a text that may be decoded yet.
pub(super) fn may_be_around(text: &str, at: usize) -> bool {
    let rest = text.get(at + 1..).unwrap_or_default();
    let is_part = |c: char| matches!(c, '.' | '-') || c.is_alphanumeric();
    let length = rest.char_indices().take(LONGEST_DOMAIN).take_while(|(_, c)| is_part(*c)).count();
    let after: &str = rest.char_indices().nth(length).and_then(|(at, _)| rest.get(at..)).unwrap_or_default();
    // What may be another character, or begins an address of numbers.
    let is_odd = |c: char| !c.is_ascii() || matches!(c, '%' | '&' | '[');
    let is_escape = after.starts_with('\\') && after.trim_start_matches('\\').starts_with('u');
    after.starts_with(is_odd) || is_escape || find_domain_end(text, at + 1).is_some()
}

/// The address around an at sign.
fn find_address(text: &str, at: usize) -> Option<Range<usize>> {
    let end = find_domain_end(text, at + 1)?;
    let start = find_local_start(text, at)?;
    let local = text.get(start..at)?;
    let (before, after) = (text.get(..start)?, text.get(end..)?);
    // A path of scp, and a repository.
    let is_remote_path = after.starts_with(":/")
        || after.starts_with(":~")
        || (matches!(local, "git" | "hg" | "svn") && after.starts_with(':'));
    (!is_remote_path && !is_after_scheme(before)).then_some(start..end)
}

/// Whether what follows is the user of a URL: `https://` or `https://anna:` comes before.
fn is_after_scheme(before: &str) -> bool {
    let Some(user) = before.strip_suffix(':') else { return before.ends_with("//") };
    let bytes = user.as_bytes();
    let is_user = |byte: &&u8| !matches!(byte, b'/' | b'"' | b'\'' | 0..=b' ');
    let length = bytes.iter().rev().take(LONGEST_LOCAL).take_while(is_user).count();
    bytes.get(..bytes.len() - length).is_some_and(|before| before.ends_with(b"//"))
}

fn find_domain_end(text: &str, start: usize) -> Option<usize> {
    let rest = text.get(start..)?;
    if let Some(literal) = rest.strip_prefix('[') {
        let length = literal.bytes().take(LONGEST_LABEL).position(|byte| byte == b']')?;
        let address = literal.get(..length)?;
        let address = address.strip_prefix("IPv6:").unwrap_or(address);
        return ip::is_address(address).then_some(start + length + 2);
    }
    let is_unspaced_name = is_unspaced(rest.chars().next()?);
    let is_part = |c: char| matches!(c, '.' | '-') || (c.is_alphanumeric() && (is_unspaced_name || !is_unspaced(c)));
    let length = rest.char_indices().take_while(|(at, c)| *at < LONGEST_DOMAIN && is_part(*c)).last();
    let mut name = rest.get(..length.map(|(at, c)| at + c.len_utf8())?)?;
    name = name.split_once("..").map_or(name, |(name, _)| name);
    loop {
        name = name.trim_end_matches(['.', '-']);
        let (before, last) = name.rsplit_once('.')?;
        if is_top_level(last) {
            break;
        }
        name = before;
    }
    let mut labels = name.split('.');
    let is_label = |label: &str| {
        !label.is_empty() && label.len() <= LONGEST_LABEL && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_number = |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit());
    let is_domain = labels.clone().all(is_label);
    // `react@19.1.0-canary.abc`
    let is_version = labels.next().is_some_and(|label| is_number(label.trim_start_matches('v')))
        && labels.next().is_some_and(is_number);
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_file = super::words::is_one_of(last, NO_DOMAINS);
    (is_domain && !is_version && !is_file).then_some(start + name.len())
}

fn is_top_level(label: &str) -> bool {
    const SHORTEST: usize = 2;
    let is_encoded = label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"));
    is_encoded || (label.chars().count() >= SHORTEST && label.chars().all(char::is_alphabetic))
}

fn find_local_start(text: &str, at: usize) -> Option<usize> {
    let before = text.get(..at)?;
    if let Some(quoted) = before.strip_suffix('"') {
        let bytes = quoted.as_bytes();
        let length = bytes.iter().rev().take(LONGEST_LOCAL).position(|byte| *byte == b'"')?;
        return (length > 0 && !bytes.iter().rev().take(length).any(u8::is_ascii_control)).then(|| at - length - 2);
    }
    let is_unspaced_name = before.chars().next_back().is_some_and(is_unspaced);
    let is_part =
        |c: char| (c.is_alphanumeric() && (is_unspaced_name || !is_unspaced(c))) || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let first = before.char_indices().rev().take_while(|(start, c)| at - start <= REACH && is_part(*c)).last()?.0;
    let mut local = before.get(first..)?;
    // What separates an address from what it stands in, before what may be part of one.
    if let Some((_, rest)) = local.rsplit_once(['?', '&', '{', '}', '|', '`']) {
        local = rest;
    }
    if local.starts_with('/')
        && let Some((_, rest)) = local.rsplit_once('/')
    {
        local = rest;
    }
    if let Some((key, rest)) = local.split_once('=')
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    {
        local = rest;
    }
    if let Some((_, rest)) = local.rsplit_once("..") {
        local = rest;
    }
    local = local.trim_start_matches(['.', '\'', '*', '~', '#', '$']);
    let is_local = !local.is_empty() && local.len() <= LONGEST_LOCAL && !local.ends_with('.');
    let start = at - local.len();
    // Cut from something longer, it is no address.
    let is_cut = first == start && at - start > LONGEST_LOCAL;
    (is_local && !is_cut && local.contains(|c: char| c.is_alphanumeric())).then_some(start)
}

/// Whether the character is of a script that is written without spaces, so that a sentence may touch an address.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}
