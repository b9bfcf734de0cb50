//! `traceparent` of W3C Trace Context (<https://www.w3.org/TR/trace-context/#traceparent-header>): which trace of the
//! client a call belongs to.

/// The length of version 00, which every later version begins with.
const LENGTH: usize = 55;

/// Parses a JSON string, as written, that is a `traceparent`. Of a later version it returns what version 00 defines.
pub(super) fn parse_traceparent(json: &str) -> Option<&str> {
    let text = json.strip_prefix('"')?.strip_suffix('"')?;
    let (known, rest) = text.split_at_checked(LENGTH)?;
    let mut fields = known.split('-');
    let mut next = |length: usize| {
        let is_hex =
            |field: &&str| field.len() == length && field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        fields.next().filter(is_hex)
    };
    let (version, trace, parent, _flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
    let is_zero = |field: &str| field.bytes().all(|byte| byte == b'0');
    let is_complete = rest.is_empty() || (version != "00" && rest.starts_with('-'));
    (version != "ff" && !is_zero(trace) && !is_zero(parent) && is_complete).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_grammar_allows_is_kept() {
        const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parse = |text: &str| parse_traceparent(&format!("\"{text}\"")).map(str::to_owned);
        assert_eq!(parse(GOOD).as_deref(), Some(GOOD));
        let later = GOOD.replacen("00", "cc", 1);
        assert_eq!(parse(&format!("{later}-what-comes-later")).as_deref(), Some(&*later));
        for bad in [
            "",
            "00",
            &GOOD[1..],
            &GOOD.to_uppercase(),
            &GOOD.replace('-', "_"),
            &format!("{GOOD}-more"),
            &format!("{GOOD}\\n"),
            &format!("{later}more"),
            &GOOD.replacen("00", "ff", 1),
            &GOOD.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &GOOD.replace("b7ad6b7169203331", &"0".repeat(16)),
            &GOOD.replace("b7ad6b7169203331", "b7ad6b716920333é"),
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(parse_traceparent(GOOD), None, "it is no string");
    }
}
