//! The parts of a URL that are signatures or belong to one.

use std::ops::Range;

/// The parameters of Amazon, Google, Azure and others, in lower case.
const NAMES: &[&str] = &["signature", "sig", "hmac", "key-pair-id", "policy"];
const PREFIXES: &[&str] = &["x-amz-", "x-goog-"];
/// The longest name of such a parameter.
const LONGEST: usize = 32;

/// Returns the values of such parameters, in their order.
pub(super) fn find_signatures(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found: Vec<Range<usize>> = Vec::new();
    for at in memchr::memchr_iter(b'=', bytes) {
        let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'-';
        let length = bytes.iter().take(at).rev().take(LONGEST).take_while(is_name).count();
        let start = at - length;
        let is_parameter = matches!(super::byte_before(bytes, start), b'?' | b'&');
        if is_parameter && found.last().is_none_or(|last| last.end <= at) && is_signature(text.get(start..at)) {
            let rest = bytes.get(at..).unwrap_or_default();
            let end = rest.iter().position(|byte| matches!(byte, b'&' | b'#' | b'"' | b'\'' | b'<' | b'>' | 0..=b' '));
            found.push(at..end.map_or(bytes.len(), |end| at + end));
        }
    }
    found
}

fn is_signature(name: Option<&str>) -> bool {
    let name = name.unwrap_or_default();
    let starts = |prefix: &&str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    super::words::is_one_of(name, NAMES) || PREFIXES.iter().any(starts)
}

/// Whether a range is inside one of them.
pub(super) fn is_inside(signatures: &[Range<usize>], range: &Range<usize>) -> bool {
    let next = signatures.partition_point(|signature| signature.start <= range.start);
    next.checked_sub(1).and_then(|at| signatures.get(at)).is_some_and(|signature| range.start < signature.end)
}
