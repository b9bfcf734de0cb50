//! The places that a URI may lead to: what servers make of it, each in its own way.
//!
//! Some split the query off before they decode escapes, some after, some never; some drop what follows a `;`. Each such
//! reading gives a place. Where more depends on the way of reading than that, as with `..` behind an escaped slash, nobody
//! can say where a URI leads, and it counts as ambiguous. As [`uri`](super::uri), this is for comparing only, and never fails.

use std::borrow::Cow;

use super::host_address::{fold_address, looks_like_number};
use super::uri::{decode_fully, decode_once, default_port, normalize, split_root, split_scheme};

/// How many readings there are.
pub const READINGS: usize = 8;

/// What a reader takes for the end of the path, first on the URI as it is written, then once it is decoded.
const TAILS: [(&[char], &[char]); 4] = [(&[], &[]), (&['#'], &[]), (&['?', '#'], &[]), (&['?', '#'], &['?', '#'])];

/// One way to read a URI.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// The characters that end the path before anything is decoded.
    pub raw_ends: &'static [char],
    /// The characters that end it in the decoded text.
    pub ends: &'static [char],
    /// Whether what follows a `;` is no part of a segment.
    pub drops_parameters: bool,
}

impl Reading {
    /// Returns all readings, first the one that drops nothing.
    pub fn all() -> [Self; READINGS] {
        std::array::from_fn(|at| {
            let (raw_ends, ends) = TAILS.get(at / 2).copied().unwrap_or_default();
            Self { raw_ends, ends, drops_parameters: at % 2 == 1 }
        })
    }

    /// Returns where the URI leads as the most lenient server reads it: every escape decoded, also one that was encoded
    /// again, backslashes as slashes, `fold` applied, repeated slashes joined, dot segments resolved, what Windows drops at
    /// the end of a segment dropped, and a root in the one form of all that some reader takes for the same.
    ///
    /// `fold` is that of names, as servers compare paths without regard to case, or nothing.
    pub fn find_place(self, uri: &str, fold: impl Fn(&str) -> String) -> String {
        let folded = fold(&decode_fully(cut_at(uri, self.raw_ends))).replace('\\', "/");
        let (root, path) = fold_root(cut_at(&folded, self.ends));
        let end = if self.drops_parameters { ";" } else { "\0" };
        let segments = path.split('/').map(|segment| trim_segment(segment.split(end).next().unwrap_or_default()));
        let mut joined = Vec::new();
        for (at, segment) in segments.enumerate() {
            match segment {
                "" if at > 0 => {}
                "." if path.starts_with('/') => {}
                ".." if path.starts_with('/') => joined.truncate(joined.len().saturating_sub(1).max(1)),
                segment => joined.push(segment),
            }
        }
        if path.ends_with('/') || (path.starts_with('/') && ends_with_dots(&path)) {
            joined.push("");
        }
        // A port that is left out may bring a blank to the end.
        fold(&(root + &joined.join("/")))
    }
}

/// Returns the beginning of a glob in the form of [`Reading::find_place`].
pub fn fold_glob_start(text: &str, fold: impl Fn(&str) -> String) -> String {
    // A text that goes on must not lose its end.
    const GUARD: char = '_';
    let folded = fold(&format!("{}{GUARD}", decode_fully(text))).replace('\\', "/");
    let folded = folded.strip_suffix(GUARD).unwrap_or(&folded);
    let (scheme, rest) = split_scheme(unwrap(folded));
    let path = rest.trim_start_matches('/');
    let is_whole = match scheme {
        "" => rest.starts_with('/'),
        "file:" => rest.starts_with("///") || (rest.starts_with('/') && !rest.starts_with("//")) || path.contains('/'),
        _ => path.contains('/') && (is_web(scheme) || rest.starts_with("//")),
    };
    if is_whole {
        let (root, path) = fold_root(folded);
        return root + &join_slashes(&path);
    }
    match is_web(scheme) && !rest.is_empty() {
        true => format!("{scheme}//{path}"),
        false => format!("{scheme}{rest}"),
    }
}

/// Returns a later part of a glob in the form of [`Reading::find_place`]. `fold` must leave its ends.
pub fn fold_glob_part(text: &str, fold: impl Fn(&str) -> String) -> String {
    join_slashes(&fold(&decode_fully(text)).replace('\\', "/"))
}

/// Whether servers may differ in where a URI leads by more than a [`Reading`]: because of `.` and `..` that come to light
/// only once it is decoded, or that stand behind what may be a slash or the end of the path; because of dots or blanks before
/// that end; because of a NUL; because of special characters that were encoded twice; because of escapes of bytes that are no
/// UTF-8 but a long form of ASCII; because of a host of the web that is not ASCII, or is in Punycode, or looks like a number and
/// is not the same to all.
pub fn is_ambiguous(uri: &str, fold: impl Fn(&str) -> String) -> bool {
    const SPECIAL: [char; 8] = ['/', '\\', '?', '#', ';', ':', '.', '\0'];
    const LONG_FORMS: [&str; 7] = ["%c0%", "%c1%", "%e0%8", "%e0%9", "%f0%8", "%u00", "%uff"];
    let decoded = fold(&decode_fully(uri));
    if has_ambiguous_host(&decoded) || has_loose_end(&decoded) {
        return true;
    }
    if !uri.contains(['%', '.', '\\', '\0']) && uri.is_ascii() {
        return false;
    }
    let (once, full) = (decode_once(uri), decode_fully(uri));
    let count = |text: &str| text.matches(SPECIAL).count();
    let lower = full.to_ascii_lowercase();
    if full.contains('\0')
        || count(&once) != count(&full)
        || decode_once(&full) != *full
        || LONG_FORMS.iter().any(|long| lower.contains(long))
    {
        return true;
    }
    let plain = |text: &str| fold(&decode_fully(text)).replace('\\', "/");
    let slashes = |text: &str| text.matches('/').count();
    let whole = plain(uri);
    // Parameters end at a slash, if it is one to the server.
    if has_dots(&plain(&normalize(uri))) || whole.contains(';') && slashes(&whole) != slashes(uri) {
        return true;
    }
    // All that is left was resolved for the normal form: by slashes, and up to the end of the path.
    let hierarchy = cut_at(uri, &['?', '#']);
    let read = plain(hierarchy);
    has_dots(&whole)
        && (read.contains(['?', '#', ';'])
            || slashes(&read) != slashes(hierarchy)
            || split_root(hierarchy).1.contains("//")
            || has_dots(&plain(uri.get(hierarchy.len()..).unwrap_or_default())))
}

/// Whether what may be the end of the path is dots or blanks, which some systems drop and others keep. Only there: where the
/// whole URI is the path, it is compared as it is written.
fn has_loose_end(text: &str) -> bool {
    text.match_indices(['?', '#', ';']).any(|(at, _)| text.get(..at).is_some_and(|path| path.ends_with(['.', ' '])))
}

/// Whether a segment is dots, wherever segments may begin and end.
fn has_dots(text: &str) -> bool {
    let is_end = |c: char| matches!(c, '/' | '?' | '#' | ';' | ':') || is_slash_somewhere(c);
    text.split(is_end).any(|segment| matches!(trim_segment(segment), "." | ".."))
}

/// Whether a code page of Windows turns the character into a separator.
fn is_slash_somewhere(c: char) -> bool {
    matches!(c, '\u{a5}' | '\u{20a9}' | '\u{2044}' | '\u{2215}' | '\u{2216}' | '\u{29f5}' | '\u{29f8}' | '\u{29f9}')
}

fn ends_with_dots(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|last| matches!(trim_segment(last), "." | ".."))
}

fn cut_at<'t>(text: &'t str, ends: &[char]) -> &'t str {
    text.find(ends).and_then(|end| text.get(..end)).unwrap_or(text)
}

fn join_slashes(path: &str) -> String {
    let mut joined = String::with_capacity(path.len());
    path.chars().for_each(|c| {
        if c != '/' || !joined.ends_with('/') {
            joined.push(c)
        }
    });
    joined
}

/// Takes off what some readers allow around a URI: `<…>` and `url:` (RFC 3986, appendix C).
fn unwrap(text: &str) -> &str {
    let text = text.trim().strip_prefix('<').map_or(text, |text| text.strip_suffix('>').unwrap_or(text));
    match text.split_at_checked(4) {
        Some((url, rest)) if url.eq_ignore_ascii_case("url:") => rest,
        _ => text,
    }
}

/// Whether the scheme is one whose URIs have a host, however many slashes stand before it (WHATWG URL).
fn is_web(scheme: &str) -> bool {
    matches!(scheme, "http:" | "https:" | "ws:" | "wss:" | "ftp:")
}

/// Returns the scheme and the authority of a decoded URI in the one form of all that some reader takes for the same, and
/// the path.
fn fold_root(uri: &str) -> (String, Cow<'_, str>) {
    let uri = unwrap(uri);
    let (scheme, rest) = split_scheme(uri);
    let scheme = scheme.to_ascii_lowercase();
    let is_drive = scheme.len() == 2 && rest.starts_with('/');
    if scheme == "file:" || is_drive || (scheme.is_empty() && rest.starts_with('/')) {
        return ("file://".to_owned(), Cow::Owned(fold_file_path(if is_drive { uri } else { rest })));
    }
    let after = match is_web(&scheme) {
        true => rest.trim_start_matches('/'),
        false => match rest.strip_prefix("//") {
            Some(after) => after,
            None => return (scheme, Cow::Borrowed(rest)),
        },
    };
    let (authority, path) = after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()));
    let root = format!("{scheme}//{}", fold_authority(authority, &scheme));
    match path.starts_with('/') || !is_web(&scheme) {
        true => (root, Cow::Borrowed(path)),
        false => (root, Cow::Owned(format!("/{path}"))),
    }
}

/// Whether readers may differ in which host a decoded URI of the web has.
fn has_ambiguous_host(uri: &str) -> bool {
    let (scheme, rest) = split_scheme(unwrap(uri));
    if !is_web(&scheme.to_ascii_lowercase()) {
        return false;
    }
    let authority = rest.trim_start_matches(['/', '\\']);
    let authority = cut_at(authority, &['/', '\\', '?', '#']);
    let host = fold_authority(authority, "");
    let host = host.rsplit_once(':').filter(|(name, _)| !name.contains(':')).map_or(&*host, |(name, _)| name);
    !host.is_ascii()
        || host.split('.').any(|label| label.starts_with("xn--"))
        || looks_like_number(host) && fold_address(host).is_none()
}

/// Returns the path of a file's URI, with a host as its first part unless it is this machine, and with the colon of a drive.
fn fold_file_path(rest: &str) -> String {
    let after = rest.strip_prefix("//").unwrap_or_default();
    let (host, path) = after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()));
    let is_local = matches!(&*fold_authority(host, "file:"), "" | "localhost" | "127.0.0.1" | "[::1]" | ".");
    let path = if is_local && !after.is_empty() { path } else { rest }.trim_start_matches('/');
    let mut chars = path.chars();
    match (chars.next(), chars.next(), chars.as_str()) {
        (Some(drive), Some('|'), rest) if drive.is_ascii_alphabetic() => format!("/{drive}:{rest}"),
        _ => format!("/{path}"),
    }
}

/// Returns the host of a decoded authority in lower case, without a user, a dot at its end, and a port that goes without
/// saying, and an address in one form.
fn fold_authority(authority: &str, scheme: &str) -> String {
    let host = authority.rsplit('@').next().unwrap_or_default().to_lowercase();
    let host = host.replace(['\u{3002}', '\u{ff0e}', '\u{ff61}'], ".");
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) =>
        {
            (name, port.trim_start_matches('0'))
        }
        _ => (host.as_str(), ""),
    };
    let name = name.trim_end_matches('.');
    let address = if is_web(scheme) || scheme == "file:" { fold_address(name) } else { None };
    let name = address.as_deref().unwrap_or(name);
    if port.is_empty() || port == default_port(scheme) { name.to_owned() } else { format!("{name}:{port}") }
}

/// Drops what Windows drops at the end of a segment, except from `.` and `..`, and the name of a stream that goes without
/// saying.
fn trim_segment(segment: &str) -> &str {
    let segment = segment.split_once("::$").map_or(segment, |(name, _)| name);
    let trimmed = segment.trim_end_matches(['.', ' ']);
    match (trimmed, segment.trim_end_matches(' ')) {
        ("", dots @ ("." | "..")) => dots,
        // Some systems read more than two dots as `..`, and so must a rule that forbids it.
        ("", dots) if dots.len() > 2 => "..",
        _ => trimmed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(text: &str) -> String {
        crate::wire::fold::fold(text).into_owned()
    }

    #[test]
    fn spellings_of_a_place_are_one() {
        let [lenient, ..] = Reading::all();
        for (uri, place) in [
            ("file:///srv/reports/..%2f..%2Fetc/shadow", "file:///etc/shadow"),
            ("file:///srv/reports/%252e%252e/%25252e./x", "file:///x"),
            ("file:///srv\\reports\\..\\..\\etc", "file:///etc"),
            ("file:///srv//Reports///A.CSV", "file:///srv/reports/a.csv"),
            ("file:///srv/reports/.. /secret. ", "file:///srv/secret"),
            ("file:///srv/reports/.../secret", "file:///srv/secret"),
            ("file:///secret::$INDEX_ALLOCATION/a::$DATA", "file:///secret/a"),
            ("file://localhost/etc", "file:///etc"),
            ("file://user@LocalHost./etc", "file:///etc"),
            ("file:/etc", "file:///etc"),
            ("file:etc", "file:///etc"),
            ("file://etc", "file:///etc"),
            ("file:////etc", "file:///etc"),
            ("/etc", "file:///etc"),
            ("file%3A///etc", "file:///etc"),
            ("<url:file:///etc>", "file:///etc"),
            ("C:\\Secret", "file:///c:/secret"),
            ("file://C:/secret", "file:///c:/secret"),
            ("file:///C|/secret", "file:///c:/secret"),
            ("file:///a/", "file:///a/"),
            ("HTTPS://Host:443/A", "https://host/a"),
            ("http://host%3a80/a", "http://host/a"),
            ("https:/host/a", "https://host/a"),
            ("https:host", "https://host/"),
            ("https:\\\\\\host\\a", "https://host/a"),
            ("https://a:b@host.:0443/a", "https://host/a"),
            ("https://a\u{3002}b\u{ff61}c/", "https://a.b.c/"),
            ("https://host?x", "https://host/?x"),
            ("https://host:0/", "https://host/"),
            ("http://2130706433/a", "http://127.0.0.1/a"),
            ("http://0x7f.1:80/a", "http://127.0.0.1/a"),
            ("http://127.1./a", "http://127.0.0.1/a"),
            ("http://0X7F000001/", "http://127.0.0.1/"),
            ("http://１２７\u{3002}１/", "http://127.0.0.1/"),
            ("http://[0:0:0:0:0:0:0:1]:8080/", "http://[::1]:8080/"),
            ("http://[::ffff:7f00:1]/", "http://127.0.0.1/"),
            ("file://2130706433/a", "file:///a"),
            ("http://1.2.3.400/", "http://1.2.3.400/"),
            ("memo://10/a", "memo://10/a"),
            ("db://user@Host:05432/a", "db://host:5432/a"),
            ("db:a/b", "db:a/b"),
            ("memo:A%20b", "memo:a b"),
            ("x:%ff%41", "x:%ffa"),
            ("x:%c3%a9", "x:é"),
            ("", ""),
        ] {
            assert_eq!(lenient.find_place(uri, fold), place, "{uri}");
            assert_eq!(lenient.find_place(place, fold), place, "{uri}, twice");
        }
    }

    #[test]
    fn readings_differ_in_what_ends_a_path() {
        let places = |uri: &str| Reading::all().map(|reading| reading.find_place(uri, fold));
        assert_eq!(
            places("file:///a%3Fb;c/d?e#f"),
            ["/a?b;c/d?e#f", "/a?b/d?e#f", "/a?b;c/d?e", "/a?b/d?e", "/a?b;c/d", "/a?b/d", "/a", "/a"]
                .map(|place| format!("file://{place}")),
        );
    }

    #[test]
    fn a_glob_begins_as_the_places_that_it_matches() {
        for (start, folded) in [
            ("file:///srv/Reports/", "file:///srv/reports/"),
            ("file://localhost/e", "file:///e"),
            ("file://ho", "file://ho"),
            ("file:", "file:"),
            ("https://a.b", "https://a.b"),
            ("https://www.", "https://www."),
            ("https://", "https://"),
            ("https://User@Host.:0443/a//b", "https://host/a/b"),
            ("/srv/", "file:///srv/"),
            ("db://Host/", "db://host/"),
            ("ui:", "ui:"),
            ("", ""),
        ] {
            assert_eq!(fold_glob_start(start, fold), folded, "{start}");
        }
    }

    #[test]
    fn what_servers_resolve_in_several_ways_is_ambiguous() {
        for uri in [
            "file:///srv/..%2fetc",
            "file:///srv/x%2f../y",
            "file:///srv/x\\../y",
            "file:///srv//../y",
            "file:///srv/?/../../etc",
            "file:///srv/%3F/../../etc",
            "file:///srv/x#/../../etc",
            "file:///srv/..;a=b/etc",
            "file:///srv/..%3b/etc",
            "file:///srv/a%252fb/..%2f..%2fsecret",
            "file:///srv/%252e%252e/x",
            "file:///srv/.../x",
            "file:///srv/..\u{2215}etc",
            "file:///srv/\u{2025}/etc",
            "file:///srv/%c0%ae%c0%ae/etc",
            "file:///srv/%u002e%u002e/etc",
            "file:///srv/secret.txt%00.csv",
            "file:///srv/a%252fb",
            "memo:../a",
            "file:///d/s;%2f.c",
            "file:///d/s%3b\\.c",
            "http://0177.0.0.1/",
            "http://010.1/x",
            "http://1.2.3.4.5/",
            "http://4294967296/",
            "http://0x/",
            "https://b\u{fc}cher.example/x",
            "https://b%C3%BCcher.example/x",
            "https://XN--bcher-kva.example",
            "https:/xn--a",
            "https:\\\\a@xn--a:1/",
        ] {
            assert!(is_ambiguous(uri, fold), "{uri}");
        }
        for uri in [
            "file:///srv/../etc/a.csv",
            "file:///srv/%2e%2e/etc/./a?page=1.5",
            "file:///srv/My%2520File%20%C3%A9.csv",
            "https://host/a/../b?next=http://x/y#z",
            "file:///srv/a;b/c",
            "file:///srv/b/c%2Fd",
            "x:%ff",
            "x:100%",
            "memo:a/b.",
            "http://127.1/x",
            "http://0x7f000001:80/x",
            "http://[::1]:8080/x",
            "https://a.b3/",
            "https://straSSe\u{3002}example/\u{fc}",
            "note://\u{fc}ber/x",
            "x://xn--a/",
        ] {
            assert!(!is_ambiguous(uri, fold), "{uri}");
        }
    }
}
