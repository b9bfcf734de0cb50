//! URIs of resources in their normal form, in which a policy compares them first.
//!
//! It is for comparing only; a URI is forwarded as it came. It never fails: a server may call anything a URI.

use std::borrow::Cow;

/// Returns the URI in the normal form of RFC 3986 (section 6.2): scheme and host in lower case, unreserved characters
/// decoded, other escapes in upper case, dot segments resolved, and no default port.
pub fn normalize(uri: &str) -> String {
    let decoded = normalize_escapes(uri);
    let (hierarchy, tail) = split_tail(&decoded);
    let (mut normal, path) = normalize_root(hierarchy);
    if path.starts_with('/') {
        let path = resolve_dots(path);
        // What begins with two slashes would be read as an authority (RFC 3986, section 3.3).
        normal.push_str(if path.starts_with("//") && !normal.contains('/') { "/." } else { "" });
        normal.push_str(&path);
    } else {
        normal.push_str(path);
    }
    normal + tail
}

/// Returns a glob for URIs whose scheme and authority are in the normal form, and whose escapes are.
pub fn normalize_glob(glob: &str) -> String {
    let decoded = normalize_escapes(glob);
    let (normal, rest) = normalize_root(&decoded);
    normal + rest
}

/// Returns the scheme of a URI or a glob without its colon; `None` if it has none.
pub fn scheme(uri: &str) -> Option<&str> {
    split_scheme(uri).0.strip_suffix(':')
}

/// How often escapes can be nested. No server decodes as often.
const MAX_ROUNDS: usize = 8;

/// Decodes the escapes of a text, and those that come to light by it.
pub fn decode_fully(text: &str) -> Cow<'_, str> {
    let mut decoded = Cow::Borrowed(text);
    for _ in 0..MAX_ROUNDS {
        let Some(next) = decode_escapes(&decoded, |_| true) else { break };
        decoded = Cow::Owned(next);
    }
    decoded
}

/// Decodes the escapes of a text once.
pub(super) fn decode_once(text: &str) -> Cow<'_, str> {
    decode_escapes(text, |_| true).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Returns the scheme with its colon, and the rest; an empty scheme if there is none.
pub(super) fn split_scheme(uri: &str) -> (&str, &str) {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    };
    match uri.find(':') {
        Some(colon) if uri.get(..colon).is_some_and(is_scheme) => uri.split_at(colon + 1),
        _ => ("", uri),
    }
}

/// Splits the query and the fragment off.
fn split_tail(uri: &str) -> (&str, &str) {
    uri.split_at(uri.find(['?', '#']).unwrap_or(uri.len()))
}

/// Returns the scheme and the authority, and what comes after them.
pub(super) fn split_root(uri: &str) -> (&str, &str) {
    let (scheme, rest) = split_scheme(uri);
    let authority = rest.strip_prefix("//").map_or(0, |after| 2 + after.find('/').unwrap_or(after.len()));
    uri.split_at(scheme.len() + authority)
}

/// Returns the scheme and the authority in their normal form, and what comes after them.
fn normalize_root(uri: &str) -> (String, &str) {
    let (root, rest) = split_root(uri);
    let (scheme, authority) = split_scheme(root);
    let scheme = scheme.to_ascii_lowercase();
    let authority = match authority.strip_prefix("//") {
        // A file's URI without an authority, and one of this machine, are the same (RFC 8089, section 2 and appendix B).
        None if scheme == "file:" && rest.starts_with('/') => "",
        Some(host) if scheme == "file:" && host.eq_ignore_ascii_case("localhost") => "",
        None => return (scheme, rest),
        Some(authority) => authority,
    };
    (format!("{scheme}//{}", normalize_authority(authority, &scheme)), rest)
}

/// Writes the host in lower case, and leaves a port out that goes without saying.
fn normalize_authority(authority: &str, scheme: &str) -> String {
    let (user, host) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    let host = uppercase_escapes(host.to_lowercase());
    let default_port = default_port(scheme);
    let is_host = |name: &str| !name.contains(':') || name.ends_with(']');
    let host = match host.rsplit_once(':') {
        Some((name, port)) if is_host(name) && (port.is_empty() || port == default_port) => name,
        _ => &host,
    };
    format!("{user}{host}")
}

/// Returns the port that goes without saying; nothing if there is none.
pub(super) fn default_port(scheme: &str) -> &'static str {
    match scheme {
        "http:" | "ws:" => "80",
        "https:" | "wss:" => "443",
        "ftp:" => "21",
        _ => "",
    }
}

/// Decodes escaped unreserved characters, and writes all other escapes in upper case.
///
/// Nothing is decoded in a text with a `%` that begins no escape: what one server decodes there is another escape for the next.
fn normalize_escapes(text: &str) -> String {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_stray = |(at, _): (usize, &str)| read_escape(text.as_bytes(), at).is_none();
    let decoded = match text.match_indices('%').any(is_stray) {
        true => None,
        false => decode_escapes(text, is_unreserved),
    };
    uppercase_escapes(decoded.unwrap_or_else(|| text.to_owned()))
}

fn uppercase_escapes(text: String) -> String {
    let mut bytes = text.into_bytes();
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
            ("aA%2e:X", "aa.:X"),
            ("x:a%2%65", "x:a%2%65"),
            ("http://%41/%zz%c3", "http://%41/%zz%C3"),
            ("http://H%C3%a9/", "http://h%C3%A9/"),
            ("http://h:80:80/", "http://h:80:80/"),
            ("http://[::1]:%38%30/", "http://[::1]/"),
            ("x://h::/", "x://h::/"),
            ("x:/.//A", "x:/.//A"),
            ("/.//A", "/.//A"),
            ("x:///..//A", "x:////A"),
            ("x/..", "x/.."),
            ("", ""),
            ("file:///srv/%C3%a9", "file:///srv/%C3%A9"),
            ("file:/srv/a", "file:///srv/a"),
            ("file://LOCALHOST/srv/a", "file:///srv/a"),
            ("file:srv", "file:srv"),
            ("file:/..//A", "file:////A"),
        ] {
            assert_eq!(normalize(uri), normal, "{uri}");
            assert_eq!(normalize(normal), normal, "{uri}, twice");
        }
    }
}
