//! URIs of resources, in the two forms in which a policy compares them.
//!
//! Both are for comparing only; a URI is forwarded as it came. Neither ever fails: a server may call anything a URI.

use std::borrow::Cow;

/// Returns the URI in the normal form of RFC 3986 (section 6.2): scheme and host in lower case, unreserved characters
/// decoded, other escapes in upper case, dot segments resolved, and no default port.
pub fn normalize(uri: &str) -> String {
    let (scheme, rest) = split_scheme(uri);
    let mut normal = scheme.to_ascii_lowercase();
    let (hierarchy, tail) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    let mut path = hierarchy;
    if let Some(after) = hierarchy.strip_prefix("//") {
        let (authority, after) = after.split_at(after.find('/').unwrap_or(after.len()));
        normal.push_str("//");
        normal.push_str(&normalize_authority(authority, &normal));
        path = after;
    }
    let path = normalize_escapes(path);
    normal.push_str(&if path.starts_with('/') { resolve_dots(&path) } else { path });
    normal.push_str(&normalize_escapes(tail));
    normal
}

/// Returns a glob for URIs whose scheme and authority are in the normal form, and whose escapes are.
pub fn normalize_glob(glob: &str) -> String {
    let (scheme, rest) = split_scheme(glob);
    let mut normal = scheme.to_ascii_lowercase();
    let mut path = rest;
    if let Some(after) = rest.strip_prefix("//") {
        let (authority, after) = after.split_at(after.find('/').unwrap_or(after.len()));
        normal.push_str("//");
        normal.push_str(&normalize_authority(authority, &normal));
        path = after;
    }
    normal + &normalize_escapes(path)
}

/// Returns the scheme of a URI or a glob without its colon; `None` if it has none.
pub fn scheme(uri: &str) -> Option<&str> {
    split_scheme(uri).0.strip_suffix(':')
}

/// How often escapes can be nested. No server decodes as often.
const MAX_ROUNDS: usize = 8;

/// Returns the URI as the most lenient server could read it: every escape decoded, also one that was encoded again,
/// backslashes as slashes, `fold` applied, repeated slashes joined, no default port, and dot segments resolved, also those that Windows
/// resolves (it drops blanks and dots at the end of a segment).
///
/// `fold` is that of names: servers compare paths without regard to case, and look them up in Unicode's normal form.
pub fn fold(uri: &str, fold: impl Fn(&str) -> String) -> String {
    let folded = fold(&decode_fully(uri)).replace('\\', "/");
    let (scheme, rest) = split_scheme(&folded);
    let (hierarchy, tail) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    let (authority, path) = match hierarchy.strip_prefix("//") {
        Some(after) => hierarchy.split_at(2 + after.find('/').unwrap_or(after.len())),
        None => ("", hierarchy),
    };
    let segments = path.split('/').enumerate().filter(|(at, segment)| *at == 0 || !segment.is_empty());
    let mut joined: Vec<&str> = segments.map(|(_, segment)| trim_segment(segment)).collect();
    if path.ends_with('/') {
        joined.push("");
    }
    let path = joined.join("/");
    let authority = authority
        .strip_prefix("//")
        .map_or_else(String::new, |authority| format!("//{}", normalize_authority(authority, &format!("{scheme}//"))));
    format!("{scheme}{authority}{}{tail}", if path.starts_with('/') { resolve_dots(&path) } else { path })
}

/// Decodes the escapes of a text, and those that come to light by it.
pub fn decode_fully(text: &str) -> Cow<'_, str> {
    let mut decoded = Cow::Borrowed(text);
    for _ in 0..MAX_ROUNDS {
        let Some(next) = decode_escapes(&decoded, |_| true) else { break };
        decoded = Cow::Owned(next);
    }
    decoded
}

/// Returns the scheme with its colon, and the rest; an empty scheme if there is none.
fn split_scheme(uri: &str) -> (&str, &str) {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    };
    match uri.find(':') {
        Some(colon) if uri.get(..colon).is_some_and(is_scheme) => uri.split_at(colon + 1),
        _ => ("", uri),
    }
}

fn normalize_authority(authority: &str, scheme: &str) -> String {
    let (user, host) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    let host = normalize_escapes(host).to_lowercase();
    let default_port = match scheme {
        "http://" | "ws://" => ":80",
        "https://" | "wss://" => ":443",
        _ => ":",
    };
    let host = host.strip_suffix(default_port).unwrap_or(&host);
    format!("{}{}", normalize_escapes(user), host.strip_suffix(':').unwrap_or(host))
}

/// Decodes escaped unreserved characters, and writes all other escapes in upper case.
fn normalize_escapes(text: &str) -> String {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let decoded = decode_escapes(text, is_unreserved).unwrap_or_else(|| text.to_owned());
    let mut bytes = decoded.into_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if read_escape(&bytes, at).is_some() {
            bytes.iter_mut().skip(at + 1).take(2).for_each(|digit| digit.make_ascii_uppercase());
            at += 2;
        }
        at += 1;
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// Decodes the escapes of the bytes that `is_wanted`, as far as they are UTF-8; `None` if nothing changes.
fn decode_escapes(text: &str, is_wanted: impl Fn(u8) -> bool) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match read_escape(bytes, at).filter(|byte| is_wanted(*byte)) {
            Some(escaped) if escaped.is_ascii() => {
                decoded.push(escaped);
                at += 3;
            }
            Some(_) => {
                // The bytes of one character that is not ASCII, if they are that.
                let run: Vec<u8> = (0..4).map_while(|n| read_escape(bytes, at + 3 * n)).collect();
                let character = (2..=run.len()).find_map(|n| std::str::from_utf8(run.get(..n)?).ok());
                let written = character.map_or(1, |character| 3 * character.len());
                match character {
                    Some(character) => decoded.extend_from_slice(character.as_bytes()),
                    None => decoded.push(*byte),
                }
                at += written;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    (decoded != bytes).then(|| String::from_utf8(decoded).ok()).flatten()
}

fn read_escape(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match bytes.get(at..at + 3)? {
        [b'%', high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    }
}

/// Drops what Windows drops at the end of a segment, except from `.` and `..`.
fn trim_segment(segment: &str) -> &str {
    let trimmed = segment.trim_end_matches(['.', ' ']);
    match (trimmed, segment.trim_end_matches(' ')) {
        ("", dots @ ("." | "..")) => dots,
        // Some systems read more than two dots as `..`, and so must a rule that forbids it.
        ("", dots) if dots.len() > 2 => "..",
        _ => trimmed,
    }
}

/// Resolves the dot segments of a path that begins with a slash (RFC 3986, section 5.2.4).
fn resolve_dots(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let mut parts = path.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        match part {
            "." => {}
            ".." => drop(segments.pop()),
            part => {
                segments.push(part);
                continue;
            }
        }
        if is_last {
            segments.push("");
        }
    }
    segments.iter().fold(String::with_capacity(path.len()), |resolved, segment| resolved + "/" + segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_uris_have_one_normal_form() {
        for (uri, normal) in [
            ("file:///srv/reports/a.csv", "file:///srv/reports/a.csv"),
            ("FILE:///srv/%72eports/./x/../a.csv", "file:///srv/reports/a.csv"),
            ("file:///srv/reports/%2e%2E/../etc/shadow", "file:///etc/shadow"),
            ("file:///../../etc/shadow", "file:///etc/shadow"),
            ("file:///srv/a%2fb", "file:///srv/a%2Fb"),
            ("HTTPS://User@EXAMPLE.com:443/A?b=%7e#C", "https://User@example.com/A?b=~#C"),
            ("http://h:8080/", "http://h:8080/"),
            ("http://h:/x", "http://h/x"),
            ("memo:Note One/../x", "memo:Note One/../x"),
            ("db://{table}/schema", "db://{table}/schema"),
            ("urn:a:%zz", "urn:a:%zz"),
            ("x/..", "x/.."),
            ("", ""),
            ("file:///srv/%C3%a9", "file:///srv/%C3%A9"),
        ] {
            assert_eq!(normalize(uri), normal, "{uri}");
            assert_eq!(normalize(normal), normal, "{uri}, twice");
        }
    }

    #[test]
    fn the_lenient_reading_leaves_no_escape_and_no_dots() {
        let lower = |text: &str| text.to_lowercase().trim().to_owned();
        for (uri, folded) in [
            ("file:///srv/reports/..%2f..%2Fetc/shadow", "file:///etc/shadow"),
            ("file:///srv/reports/%252e%252e/%25252e./x", "file:///x"),
            ("file:///srv\\reports\\..\\..\\etc", "file:///etc"),
            ("file:///srv//Reports///A.CSV", "file:///srv/reports/a.csv"),
            ("file:///srv/reports/.. /secret. ", "file:///srv/secret"),
            ("file:///srv/reports/.../secret", "file:///srv/secret"),
            ("file://host", "file://host"),
            ("HTTPS://Host:443/A", "https://host/a"),
            ("http://host%3a80/a", "http://host/a"),
            ("file:///a/", "file:///a/"),
            ("memo:A%20b", "memo:a b"),
            ("x:%ff%41", "x:%ffa"),
            ("x:%c3%a9", "x:é"),
        ] {
            assert_eq!(fold(uri, lower), folded, "{uri}");
        }
    }
}
