//! URIs: each has one normal form, and no way in which a server may read one leads past a policy.

use std::sync::{Arc, LazyLock};

use policylayer::policy::{Effect, Item, Policy, Section};
use policylayer::wire::uri;
use unicode_normalization::UnicodeNormalization as _;

use super::compiled;

/// The bytes are a URI, or the end of one in a directory that a policy allows.
pub fn holds(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    has_one_normal_form(&text);
    leads_past_no_rule(&text);
    leads_past_no_rule(&format!("file:///d/{text}"));
}

pub fn has_one_normal_form(text: &str) {
    let normal = uri::normalize(text);
    assert_eq!(uri::normalize(&normal), normal, "{text:?} has one normal form");
}

static DENIES: LazyLock<Arc<Policy>> = LazyLock::new(|| {
    compiled(
        r#"{"version":"1","default":"allow","tools":{},
            "resources":{"file:///s":{"action":"deny"},"file:///s/**":{"action":"deny"}}}"#,
    )
});

static ALLOWS: LazyLock<[(Arc<Policy>, &str, &str); 3]> = LazyLock::new(|| {
    let allow = |key| compiled(&format!(r#"{{"version":"1","default":"deny","resources":{{"{key}":{{}}}}}}"#));
    [(allow("file:///d/**"), "/d/", ""), (allow("file:///d/*.c"), "/d/", ".c"), (allow("file:///d/s"), "/d/s", "")]
});

fn passes(policy: &Policy, name: &str) -> bool {
    let item = Item::unknown(Section::Resources, name);
    policy.decide_item(item).effect == Effect::Allow
}

/// What some server takes a URI for decides: a denial holds if one reads the URI as what is denied, and a permission only if all
/// read it as what is permitted.
pub fn leads_past_no_rule(uri: &str) {
    let Some(rest) = uri.strip_prefix("file://") else { return };
    let denied = !passes(&DENIES, uri);
    let allowed: Vec<bool> = ALLOWS.iter().map(|(policy, ..)| passes(policy, uri)).collect();
    if denied && !allowed.contains(&true) {
        return;
    }
    for server in Server::all() {
        let path = server.find_path(rest);
        let is_secret = path == "/s" || path.starts_with("/s/");
        assert!(denied || !is_secret, "{uri:?} is {path:?} to {server:?}");
        for ((_, start, end), allowed) in ALLOWS.iter().zip(&allowed) {
            let is_inside = (path.starts_with(start) || path == start.trim_end_matches('/')) && path.ends_with(end);
            assert!(!allowed || is_inside, "{start}…{end} allows {uri:?}, which is {path:?} to {server:?}");
        }
    }
}

/// When a server takes a part of a URI off.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    Never,
    BeforeDecoding,
    AfterDecoding,
}

/// A server that reads URIs as the simplest programs do, with no word of ours in it.
#[derive(Clone, Copy, Debug)]
struct Server {
    splits_query: When,
    drops_parameters: When,
    /// How often. One that never decodes still knows `%2e` for a dot, as `new URL` does.
    decodes: usize,
    is_windows: bool,
    keeps_empty_segments: bool,
    /// To the form that macOS and many frameworks compare names in.
    normalizes: bool,
}

impl Server {
    fn all() -> impl Iterator<Item = Self> {
        let whens = [When::Never, When::BeforeDecoding, When::AfterDecoding];
        (0..108).map(move |n| Self {
            splits_query: whens[n % 3],
            drops_parameters: whens[n / 3 % 3],
            decodes: n / 9 % 3,
            is_windows: n / 27 == 1,
            keeps_empty_segments: n / 27 == 2,
            normalizes: n / 27 == 3,
        })
    }

    /// Returns the path that the server opens, for what stands after `file://`.
    fn find_path(self, rest: &str) -> String {
        let parameters = |text: &str| -> String {
            let segments: Vec<_> = text.split('/').map(|segment| segment.split(';').next().unwrap()).collect();
            segments.join("/")
        };
        let query = |text: &str| text.split(['?', '#']).next().unwrap().to_owned();
        let mut text = rest.to_owned();
        for when in [When::BeforeDecoding, When::AfterDecoding] {
            if self.splits_query == when {
                text = query(&text);
            }
            if self.drops_parameters == when {
                text = parameters(&text);
            }
            if when == When::BeforeDecoding {
                (0..self.decodes).for_each(|_| text = unquote(&text));
                if self.decodes == 0 {
                    text = text.replace("%2e", ".");
                }
                if self.normalizes {
                    text = text.nfkc().collect();
                }
            }
        }
        if self.is_windows {
            text = text.replace('\\', "/").to_lowercase();
        }
        let mut path: Vec<&str> = Vec::new();
        for segment in text.split('/').skip(usize::from(text.starts_with('/'))) {
            match if self.is_windows && segment != ".." { segment.trim_end_matches(['.', ' ']) } else { segment } {
                "." => {}
                "" if !self.keeps_empty_segments => {}
                ".." => drop(path.pop()),
                segment => path.push(segment),
            }
        }
        format!("/{}", path.join("/"))
    }
}

/// As `urllib.parse.unquote`.
fn unquote(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => bytes.extend([&[byte], &part.as_bytes()[2..]].concat()),
            None => bytes.extend([b"%", part.as_bytes()].concat()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
