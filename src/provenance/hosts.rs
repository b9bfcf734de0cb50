//! Hosts in other spellings that readers of URLs take for the same: numbers of other bases, fewer of them or one, IPv6 in any of its
//! forms, a dot at the end.

use super::eights::has_byte;
use super::words::{Part, give_value, trim_word};
use crate::wire::host_address::{read_ipv6, write_ipv4, write_ipv6};

/// Returns a host as most write it, if it is written in another way.
pub(super) fn find_plain_host(host: &str) -> Option<String> {
    let name = host.trim_end_matches('.');
    match read_ipv4(name).filter(|_| is_address(name)) {
        Some(address) => Some(write_ipv4(address)).filter(|plain| plain != host),
        None => (!name.is_empty() && name.len() < host.len()).then(|| name.to_owned()),
    }
}

/// Whether a host that can be read as an address is one, and no number: the host of `note://7` is none.
fn is_address(host: &str) -> bool {
    let last = host.rsplit('.').next().and_then(read_number);
    match host.bytes().filter(|byte| *byte == b'.').count() {
        3 => true,
        _ if host.split('.').any(|part| part.starts_with("0x")) => true,
        0 => last.is_some_and(|number| number >= 1 << 24),
        _ => last.is_some_and(|number| number > 255),
    }
}

/// The same for a word that stands alone: a number with less than three dots is an amount.
pub(super) fn find_plain_address(word: &str) -> Option<String> {
    if !word.starts_with(|c: char| c.is_ascii_digit()) || !has_byte(word, b'.') {
        return None;
    }
    // One in decimal has no zero before another digit.
    let is_odd = |part: &str| part.len() > 1 && part.starts_with('0');
    let has_hex = || word.split('.').any(|part| part.starts_with("0x"));
    let has_all = || word.bytes().filter(|byte| *byte == b'.').count() == 3;
    if !word.split('.').any(is_odd) || !(has_all() || has_hex()) {
        return None;
    }
    read_ipv4(word).map(write_ipv4)
}

/// Returns an address of the sixth version in one form of all that mean it, behind `ip:`; `None` if it is none, or that of this machine.
pub(super) fn find_ipv6(word: &str) -> Option<String> {
    /// No longer one is read.
    const LONGEST: usize = 45;
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let end = word.bytes().position(|byte| !is_part(byte)).unwrap_or(word.len());
    let (word, behind) = word.split_at(end);
    if word.len() > LONGEST || !(behind.is_empty() || behind.starts_with('%')) {
        return None;
    }
    match read_ipv6(word)? {
        [0, 0, 0, 0, 0, 0xffff, high, low] => Some(write_ipv4(u32::from(high) << 16 | u32::from(low))),
        // Slices, times and ratios have short numbers, and so has this machine.
        groups if groups.iter().all(|group| *group <= 0xff) => None,
        groups => Some(format!("ip:{}", write_ipv6(groups))),
    }
}

/// Gives the hosts in a line of an argument: those of URLs as browsers find them, whatever stands before an `@` and however many slashes
/// of either kind there are, and those to which any host belongs.
pub(super) fn find_hosts(line: &str, found: &mut impl FnMut(Part, &str)) {
    const SLASHES: [char; 2] = ['/', '\\'];
    let mut give = |part, value: &str| give_value(part, value, found);
    let mut is_mailbox = false;
    for piece in line.split_inclusive(|c| !is_of_host(c)) {
        let host = piece.trim_end_matches(|c| !is_of_host(c));
        if !is_mailbox {
            give_parents(host, &mut give);
            if let Some(plain) = find_plain_address(host) {
                give_parents(&plain, &mut give);
            }
        }
        is_mailbox = piece.ends_with('@');
    }
    let mut rest = line;
    while let Some(at) = rest.find(SLASHES) {
        let (before, slashes) = rest.split_at(at);
        rest = slashes.trim_start_matches(SLASHES);
        // `c:\\` is no scheme.
        let scheme = before.strip_suffix(':').map(|before| before.chars().rev().take(2));
        let is_scheme =
            scheme.is_some_and(|mut end| end.next().is_some() && end.next().is_some_and(char::is_alphanumeric));
        if is_scheme || slashes.len() - rest.len() > 1 {
            read_authority(rest.split(['/', '\\', '?', '#']).next().unwrap_or_default(), &mut give);
        }
    }
}

/// Gives what may be the host of a URL. Behind a blank, which can be a part of the user's name, it counts if it was read in a URL.
fn read_authority(authority: &str, give: &mut dyn FnMut(Part, &str)) {
    let mut has_blank = false;
    for piece in authority.split('@') {
        let host = piece.find(|c| !is_of_host(c)).map_or(Some(piece), |end| piece.get(..end)).unwrap_or_default();
        let host = host.strip_prefix("www.").unwrap_or(host);
        let plain = find_plain_host(host);
        for host in [Some(host), plain.as_deref()].into_iter().flatten().filter(|host| host.contains('.')) {
            if !has_blank {
                give(Part::Address, host);
            }
            give(Part::Address, &format!("//{host}"));
            give_parents(host, give);
        }
        has_blank |= piece.contains(' ');
    }
}

/// Whether the character may stand in the name of a host.
fn is_of_host(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// Gives a host and those to which it belongs, without the last part alone: of `a.evil.com`, `//evil.com`.
fn give_parents(host: &str, give: &mut dyn FnMut(Part, &str)) {
    /// Nobody has deeper ones that matter.
    const MOST: usize = 6;
    let host = host.trim_end_matches('.');
    let parts = host.bytes().filter(|byte| *byte == b'.').count();
    if parts < 2 {
        return;
    }
    give(Part::Host, &format!("//{}", trim_word(host)));
    let dots = host.match_indices('.').map(|(dot, _)| dot);
    for dot in dots.take(parts - 1).skip((parts - 1).saturating_sub(MOST)) {
        give(Part::Parent, &format!("//{}", host.get(dot + 1..).unwrap_or_default()));
    }
}

/// Reads up to four numbers, of which the last takes the places of those that are missing (WHATWG URL, section 3.5).
fn read_ipv4(host: &str) -> Option<u32> {
    if !host.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut numbers = [0_u64; 4];
    let mut count = 0;
    for part in host.split('.') {
        *numbers.get_mut(count)? = read_number(part)?;
        count += 1;
    }
    let (first, last) = (numbers.get(..count - 1)?, *numbers.get(count - 1)?);
    if first.iter().any(|number| *number > 255) || last >= 1 << (8 * (5 - count)) {
        return None;
    }
    let begin = first.iter().zip([24, 16, 8]).fold(0, |begin, (number, shift)| begin | number << shift);
    u32::try_from(begin | last).ok()
}

fn read_number(text: &str) -> Option<u64> {
    const LONGEST: usize = 24;
    let (digits, base) = match text.strip_prefix("0x") {
        Some(hex) => (hex, 16),
        None if text.len() > 1 && text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() && !text.is_empty() {
        return Some(0);
    }
    let is_number = digits.len() <= LONGEST && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(digits, base).ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_host_have_one_form() {
        for (host, plain) in [
            ("203.0.113.77", None),
            ("0xcb.0.0x71.0x4d", Some("203.0.113.77")),
            ("0313.0.0161.0115", Some("203.0.113.77")),
            ("3405803853", Some("203.0.113.77")),
            ("0xcb00714d", Some("203.0.113.77")),
            ("203.0.29005", Some("203.0.113.77")),
            ("203.29005.", Some("203.0.113.77")),
            ("000000000000000000000000000000313.0.0161.0115", Some("203.0.113.77")),
            ("1", None),
            ("42", None),
            ("2024", None),
            ("1.2", None),
            ("0x7b.1", Some("123.0.0.1")),
            ("0x.0x.0.0", Some("0.0.0.0")),
            ("203.0.113.256", None),
            ("256.1", None),
            ("4294967296", None),
            ("1.2.3.4.5", None),
            ("08.1.1.1", None),
            ("+1.2.3.4", None),
            ("1..2", None),
            ("evil.com", None),
            ("evil.com.", Some("evil.com")),
            (".", None),
            ("", None),
        ] {
            assert_eq!(find_plain_host(host).as_deref(), plain, "{host}");
        }
    }

    #[test]
    fn amounts_are_no_addresses() {
        for (word, plain) in [
            ("12.50", None),
            ("3405803853", None),
            ("0x1.50", Some("1.0.0.50")),
            ("010.0.0.1", Some("8.0.0.1")),
            ("10.0.0.1", None),
        ] {
            assert_eq!(find_plain_address(word).as_deref(), plain, "{word}");
        }
    }

    #[test]
    fn addresses_of_the_sixth_version_have_one_form() {
        for (word, plain) in [
            ("2001:db8:0:0:0:0:0:1", Some("ip:2001:db8::1")),
            ("2001:0db8::0001", Some("ip:2001:db8::1")),
            ("fe80::1%eth0", Some("ip:fe80::1")),
            ("::ffff:203.0.113.77", Some("203.0.113.77")),
            ("::ffff:cb00:714d", Some("203.0.113.77")),
            ("::1", None),
            ("2001:db8::", Some("ip:2001:db8::")),
            ("10:30:00", None),
            ("10::20", None),
            ("1:2:3:4:5:6:7:8", None),
            ("aa:bb:cc:dd:ee:ff", None),
        ] {
            assert_eq!(find_ipv6(word).as_deref(), plain, "{word}");
        }
    }
}
