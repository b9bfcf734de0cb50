//! Hosts that are addresses: each in one form of all that mean it.

/// Whether a host ends in what is a number to some reader (WHATWG URL, section 3.5).
pub(super) fn looks_like_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_hex = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    is_hex || (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Writes a host in lower case that is an address in the one form of all that mean it; `None` if it is none, or if readers
/// may differ in which.
pub(super) fn fold_address(host: &str) -> Option<String> {
    match host.strip_prefix('[') {
        None if looks_like_number(host) => read_ipv4(host).map(write_ipv4),
        None => None,
        Some(inner) => {
            let groups = read_ipv6(inner.strip_suffix(']')?)?;
            Some(match groups {
                [0, 0, 0, 0, 0, 0xffff, high, low] => write_ipv4(u32::from(high) << 16 | u32::from(low)),
                groups => format!("[{}]", write_ipv6(groups)),
            })
        }
    }
}

/// Reads up to four numbers, of which the last takes the places of those that are missing. `None` if a number is octal to
/// some and decimal to others.
fn read_ipv4(host: &str) -> Option<u32> {
    let numbers: Vec<u32> = host.split('.').map(read_number).collect::<Option<_>>()?;
    let (last, first) = numbers.split_last()?;
    let places = 4_usize.checked_sub(first.len()).filter(|places| *places > 0)?;
    if first.iter().any(|number| *number > 255) || u64::from(*last) >= 1_u64 << (8 * places) {
        return None;
    }
    let begin = first.iter().zip([24, 16, 8]).fold(0, |begin, (number, shift)| begin | number << shift);
    Some(begin | last)
}

fn read_number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => None,
        None => text.parse().ok(),
    }
}

pub(crate) fn write_ipv4(address: u32) -> String {
    address.to_be_bytes().map(|part| part.to_string()).join(".")
}

pub(crate) fn read_ipv6(text: &str) -> Option<[u16; 8]> {
    let read = |part: &str| part.split(':').filter(|_| !part.is_empty()).map(read_groups).collect::<Option<Vec<_>>>();
    let (head, tail) = match text.split_once("::") {
        Some((head, tail)) => (read(head)?.concat(), read(tail)?.concat()),
        None => (read(text)?.concat(), Vec::new()),
    };
    let missing =
        8_usize.checked_sub(head.len() + tail.len()).filter(|missing| (*missing == 0) != text.contains("::"))?;
    [head, vec![0; missing], tail].concat().try_into().ok()
}

/// Reads a group, or the two that a dotted address at the end is.
fn read_groups(text: &str) -> Option<Vec<u16>> {
    if text.contains('.') {
        let is_plain = text.split('.').count() == 4 && !text.contains('x');
        let [a, b, c, d] = read_ipv4(text).filter(|_| is_plain)?.to_be_bytes();
        return Some(vec![u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]);
    }
    let is_group = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u16::from_str_radix(text, 16).ok().filter(|_| is_group).map(|group| vec![group])
}

/// Writes the first of the longest runs of zeros as `::` (RFC 5952).
pub(crate) fn write_ipv6(groups: [u16; 8]) -> String {
    let run = |at: usize| groups.iter().skip(at).take_while(|group| **group == 0).count();
    let longest = (0..8).rev().max_by_key(|at| run(*at)).filter(|at| run(*at) > 1);
    let write = |groups: &[u16]| groups.iter().map(|group| format!("{group:x}")).collect::<Vec<_>>().join(":");
    let Some(at) = longest else { return write(&groups) };
    let tail = groups.get(at + run(at)..).unwrap_or_default();
    format!("{}::{}", write(groups.get(..at).unwrap_or_default()), write(tail))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_that_readers_read_alike_are_addresses() {
        for (host, folded) in [
            ("127.0.0.1", Some("127.0.0.1")),
            ("2130706433", Some("127.0.0.1")),
            ("0x7f.1", Some("127.0.0.1")),
            ("1.2.772", Some("1.2.3.4")),
            ("0", Some("0.0.0.0")),
            ("010.0.0.1", None),
            ("1.2.3.256", None),
            ("256.1", None),
            ("1.2.3.4.5", None),
            ("4294967296", None),
            ("0x", None),
            ("1..2", None),
            ("a.b", None),
            ("[::1]", Some("[::1]")),
            ("[::ffff:127.0.0.1]", Some("127.0.0.1")),
            ("[1:0:0:2:0:0:0:3]", Some("[1:0:0:2::3]")),
            ("[1:2:3:4:5:6:7::]", Some("[1:2:3:4:5:6:7:0]")),
            ("[::1%eth0]", None),
            ("[1:2]", None),
            ("[:::1]", None),
        ] {
            assert_eq!(fold_address(host).as_deref(), folded, "{host}");
        }
    }

    proptest! {
        #[test]
        fn an_address_is_read_and_written_as_the_standard_library_does(
            groups in any::<[u16; 8]>(), zeros in any::<u8>(), text in "[0-9a-f:.]{0,20}",
        ) {
            let mut groups = groups;
            (0..8).filter(|at| zeros >> at & 1 == 1).for_each(|at| groups[at] = 0);
            let address = Ipv6Addr::from(groups);
            if address.to_ipv4_mapped().is_none() && !groups.starts_with(&[0; 6]) {
                prop_assert_eq!(fold_address(&format!("[{address}]")), Some(format!("[{address}]")));
            }
            prop_assert_eq!(read_ipv6(&text), text.parse::<Ipv6Addr>().ok().map(|address| address.segments()), "{}", text);
        }
    }
}
