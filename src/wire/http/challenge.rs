//! What a refusal says about the login that it wants: `WWW-Authenticate` (RFC 9110, section 11.6.1; RFC 6750; RFC 9728).

use serde::{Deserialize, Serialize};

/// The longest value of it that is kept, in bytes.
const MAX_VALUE: usize = 2048;

/// What is asked of whoever comes with a bearer token, or without one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct BearerChallenge {
    /// The address of the document that names the authorization server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_metadata: Option<String>,
    /// The scopes that the request needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// What is wrong with the token that came, such as `insufficient_scope`: a code, and never a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl BearerChallenge {
    /// Finds the challenge for a bearer token in the value of a header, which may have others; `None` if there is none.
    pub fn find(header: &str) -> Option<Self> {
        let (mut found, mut is_bearer) = (None::<Self>, false);
        let mut rest = header;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let end = rest.find(|c: char| !is_token_char(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if word.is_empty() {
                return found;
            }
            let Some(value) = after.trim_start_matches([' ', '\t']).strip_prefix('=') else {
                // A second challenge of this kind would be for another place.
                is_bearer = word.eq_ignore_ascii_case("bearer") && found.is_none();
                if is_bearer {
                    found = Some(Self::default());
                }
                rest = after;
                continue;
            };
            let Some((value, after)) = read_value(value.trim_start_matches([' ', '\t'])) else { return found };
            rest = after;
            if let Some(challenge) = found.as_mut().filter(|_| is_bearer && value.len() <= MAX_VALUE) {
                challenge.set(word, value);
            }
        }
    }

    fn set(&mut self, name: &str, value: String) {
        let place = match name.to_ascii_lowercase().as_str() {
            "resource_metadata" => &mut self.resource_metadata,
            "scope" if is_scope(&value) => &mut self.scope,
            "error" if is_error_code(&value) => &mut self.error,
            _ => return,
        };
        place.get_or_insert(value);
    }
}

/// Whether a text is a list of scopes (RFC 6749, section 3.3).
pub fn is_scope(text: &str) -> bool {
    let is_char = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !text.is_empty() && text.split(' ').all(|scope| !scope.is_empty() && scope.bytes().all(is_char))
}

/// Whether a text is no more than a code for what is wrong. What else a server says can repeat the token that came.
fn is_error_code(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Returns the scopes of both lists, each once and in their order.
pub fn join_scopes(first: &str, second: &str) -> String {
    let mut all: Vec<&str> = Vec::new();
    for scope in first.split(' ').chain(second.split(' ')).filter(|scope| !scope.is_empty()) {
        if !all.contains(&scope) {
            all.push(scope);
        }
    }
    all.join(" ")
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/".contains(c)
}

/// Reads a token or a quoted string; `None` if the string has no end.
fn read_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        let (value, after) = text.split_at(end);
        return Some((value.to_owned(), after));
    };
    let (mut value, mut chars) = (String::new(), quoted.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, quoted.get(at + 1..)?)),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_for_a_bearer_token_is_found_among_others() {
        let some = |metadata: &str, scope: &str, error: &str| {
            let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            Some(BearerChallenge { resource_metadata: text(metadata), scope: text(scope), error: text(error) })
        };
        for (header, expected) in [
            ("", None),
            ("Basic realm=\"Bearer scope=x\"", None),
            ("Bearer", some("", "", "")),
            ("bearer realm=x, scope=\"a b\"", some("", "a b", "")),
            (
                "Bearer error=\"insufficient_scope\", resource_metadata=\"https://x.test/m\" ,scope = \"a:b c/d\"",
                some("https://x.test/m", "a:b c/d", "insufficient_scope"),
            ),
            ("Negotiate abc==, Basic realm=\"a, b\\\"c\", Bearer scope=a", some("", "a", "")),
            ("Bearer scope=a, Basic realm=x, error=y", some("", "a", "")),
            ("Bearer scope=a, Bearer scope=b", some("", "a", "")),
            ("Bearer scope=a scope=b", some("", "a", "")),
            ("Bearer scope=\"a\u{7f}b\"", some("", "", "")),
            ("Bearer scope=\"a\\\\b\"", some("", "", "")),
            ("Bearer error=x, scope=\"a", some("", "", "x")),
            ("Bearer error=\"not a code\", error_description=\"abc\"", some("", "", "")),
            ("Bearer error=eyJhbGciOi", some("", "", "")),
            ("Bearer resource_metadata=https://x.test/m?a=b", some("https://x.test/m?a=b", "", "")),
        ] {
            assert_eq!(BearerChallenge::find(header), expected, "{header}");
        }
        assert_eq!(
            BearerChallenge::find(&format!("Bearer scope={}", "a".repeat(MAX_VALUE + 1))),
            some("", "", ""),
            "what is too long is left out"
        );
    }

    #[test]
    fn scopes_are_joined_once_each() {
        assert_eq!(join_scopes("a b", "b c"), "a b c");
        assert_eq!(join_scopes("", "c"), "c");
        assert!(is_scope("a b") && !is_scope("") && !is_scope("a  b") && !is_scope("a\"b") && !is_scope("a\nb"));
    }
}
