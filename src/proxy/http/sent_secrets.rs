//! What says who we are to a server, in what comes back from it: neither the client nor the log gets to see that.

use std::borrow::Cow;

use hyper::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};

use super::trouble::hide_values;
use crate::clients::secret::is_telling;
use crate::content::{ContentKind, ContentKinds, has_content};
use crate::limits::{MAX_SENT_TOKENS, MIN_SENT_SECRET, SENT_LAYERS};
use crate::wire::text::push_decoded;

/// What is sent to a server to say who we are.
#[derive(Clone, Debug, Default)]
pub(super) struct SentSecrets {
    /// The values of all headers that were asked for.
    values: Vec<String>,
    /// What of them is a secret.
    secrets: Vec<String>,
    /// The last tokens of the login, the newest last: a server may repeat one that was replaced.
    tokens: Vec<HeaderValue>,
}

impl SentSecrets {
    pub(super) fn new(headers: &HeaderMap) -> Self {
        let mut sent = Self::default();
        for (name, value) in headers {
            let Ok(value) = value.to_str() else { continue };
            sent.values.push(value.to_owned());
            if is_telling(name.as_str()) || has_content(value, ContentKinds::from_iter([ContentKind::Secret])) {
                sent.secrets.extend(parts(name, value));
            }
        }
        sent
    }

    /// Notes the token that is sent from now on.
    pub(super) fn note_token(&mut self, token: &HeaderValue) {
        if self.tokens.last() == Some(token) {
            return;
        }
        self.tokens.retain(|known| known != token);
        self.tokens.push(token.clone());
        let surplus = self.tokens.len().saturating_sub(MAX_SENT_TOKENS);
        self.tokens.drain(..surplus);
    }

    /// Whether a message has one of the secrets in it, as it is or as JSON writes it, also inside a string that is JSON itself.
    pub(super) fn are_in(&self, message: &[u8]) -> bool {
        let tokens =
            self.tokens.iter().filter_map(|token| token.to_str().ok()?.split_once(' ')).map(|(_, token)| token);
        let secrets = self.secrets.iter().map(String::as_str).chain(tokens);
        let secrets: Vec<&str> = secrets.filter(|secret| secret.len() >= MIN_SENT_SECRET).collect();
        if secrets.is_empty() {
            return false;
        }
        let mut text = String::from_utf8_lossy(message);
        for _ in 0..SENT_LAYERS {
            if secrets.iter().any(|secret| memchr::memmem::find(text.as_bytes(), secret.as_bytes()).is_some()) {
                return true;
            }
            if !text.contains('\\') {
                return false;
            }
            let mut decoded = String::new();
            push_decoded(&text, &mut decoded);
            text = Cow::Owned(decoded);
        }
        false
    }

    /// A sentence, with "…" for each value that was sent, also in small letters, as content types are.
    pub(super) fn hide(&self, text: &str) -> String {
        let tokens = self.tokens.iter().filter_map(|token| token.to_str().ok());
        let values = self.values.iter().map(String::as_str).chain(tokens);
        let values: Vec<String> = values.flat_map(|value| [value.to_owned(), value.to_ascii_lowercase()]).collect();
        hide_values(text, &values.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// A value without the word for its scheme, and each value of a cookie.
fn parts(name: &HeaderName, value: &str) -> Vec<String> {
    if name == COOKIE {
        let values = value.split(';').filter_map(|pair| pair.split_once('='));
        return values.map(|(_, value)| value.trim().to_owned()).collect();
    }
    vec![value.split_once(' ').map_or(value, |(_, rest)| rest.trim_start()).to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(headers: &[(&'static str, &'static str)]) -> SentSecrets {
        let pairs = headers.iter();
        SentSecrets::new(
            &pairs
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect::<HeaderMap>(),
        )
    }

    #[test]
    fn a_secret_is_found_however_json_writes_it() {
        for (name, value, message, found) in [
            ("authorization", "Bearer s3cret-key", r#"{"text":"the key is s3cret-key."}"#, true),
            ("authorization", "Bearer s3cret-key", r#"{"text":"\u00733cret\u002dkey"}"#, true),
            (
                "authorization",
                "Bearer s3cret-key",
                r#"{"text":"{\"Authorization\":\"Bearer s3cret\\u002dkey\"}"}"#,
                true,
            ),
            ("authorization", "Bearer s3/ret-key", r#"{"text":"s3\/ret-key"}"#, true),
            ("authorization", r#"Bearer s3"ret\key"#, r#"{"text":"s3\"ret\\key"}"#, true),
            ("authorization", "Bearer s3cret-key", r#"{"s3cret-key":1}"#, true),
            ("authorization", "Bearer s3cret-key", r#"{"text":"s3cret key"}"#, false),
            ("authorization", "Bearer short", r#"{"text":"short of words"}"#, false),
            ("authorization", "s3cret-key", r#"{"text":"s3cret-key"}"#, true),
            ("cookie", "theme=dark-blue; sid=s3cret-key", r#"{"text":"s3cret-key"}"#, true),
            ("x-api-key", "s3cret-key", r#"{"text":"s3cret-key"}"#, true),
            ("x-workspace", "acme-development", r#"{"text":"acme-development"}"#, false),
        ] {
            assert_eq!(sent(&[(name, value)]).are_in(message.as_bytes()), found, "{name}: {value} in {message}");
        }
        assert!(sent(&[("x-api-key", "s3cret-key")]).are_in(b"\xffs3cret-key"), "also where it is no text");
        assert!(!sent(&[]).are_in(b"{}"));
    }

    #[test]
    fn a_token_that_was_replaced_is_still_one() {
        let mut sent = SentSecrets::default();
        for token in ["Bearer s3cret-one", "Bearer s3cret-two", "Bearer s3cret-two"] {
            sent.note_token(&HeaderValue::from_static(token));
        }
        assert!(sent.are_in(b"s3cret-one") && sent.are_in(b"s3cret-two"));
        assert_eq!(sent.hide("s3cret-one, Bearer s3cret-two"), "…, …");
        for number in 0..MAX_SENT_TOKENS {
            sent.note_token(&HeaderValue::from_str(&format!("Bearer s3cret-{number}")).unwrap());
        }
        assert!(!sent.are_in(b"s3cret-one"));
    }
}
