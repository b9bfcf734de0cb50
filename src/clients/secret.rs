//! What may be shown of a client's file: commands, but nothing in them that looks like a key or a password.

use super::document::{ClientDocument, TextEdit};
use crate::policy::tree::DocumentNode;
use crate::wire::http::header_rule::HeaderRule;

const HIDDEN: &str = "…";

/// Parts of the names of options and variables whose values are secrets.
const NAMES: [&str; 10] =
    ["key", "token", "secret", "password", "passwd", "passphrase", "credential", "auth", "bearer", "cookie"];

/// Prefixes of the keys of well-known services.
const BEGINNINGS: [&str; 14] =
    ["sk-", "sk_", "pk_", "rk_", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xox", "hf_", "npm_", "akia", "eyj"];

/// Returns the words of a command with the secrets among them redacted.
pub fn redact_words<S: AsRef<str>>(words: &[S]) -> Vec<String> {
    let mut option = None;
    let mut shown = Vec::with_capacity(words.len());
    for word in words {
        let word = word.as_ref();
        shown.push(option.map_or_else(|| redact_word(word), |option| redact_value(option, word)));
        // The value of `--api-key`, and of `-H` or `--header`, is the next word.
        let is_option = word.starts_with('-') && !word.contains('=');
        option = (is_option && (is_telling(word) || matches!(word, "-H" | "--header"))).then_some(word);
    }
    shown
}

fn redact_word(word: &str) -> String {
    if let Some(header) = word.strip_prefix("--header=") {
        return format!("--header={}", redact_value("--header", header));
    }
    if let Some((name, given)) = word.split_once('=')
        && !name.contains(['/', '?', ' ', '{', ';'])
        && (is_telling(name) || is_secret(given))
    {
        return format!("{name}={HIDDEN}");
    }
    if word.contains("://") {
        return redact_url(word);
    }
    // JSON, connection strings, and headers.
    if is_telling(word) && (word.contains('{') || (word.contains(';') && word.contains('='))) {
        return HIDDEN.to_owned();
    }
    if let Some((name, _)) = word.split_once(':')
        && is_telling(name)
        && !name.contains(['/', '\\', ' '])
    {
        return format!("{name}: {HIDDEN}");
    }
    if is_secret(word) { HIDDEN.to_owned() } else { word.to_owned() }
}

/// Redacts the value of an option that takes a secret. Header names and variables that are expanded later stay.
fn redact_value(option: &str, value: &str) -> String {
    let reference = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    // `${NAME:-default}` has a value as well.
    let is_reference = reference.is_some_and(|name| !name.contains('}') && !name.contains(":-"));
    // With our own options alone, what stands there is the name of a variable.
    let is_rule = match option {
        "--bearer" => is_variable(value),
        "--header" => HeaderRule::parse(value).is_ok_and(|rule| is_variable(rule.variable())),
        _ => false,
    };
    match value.split_once(':') {
        _ if is_reference || is_rule => value.to_owned(),
        Some((name, _))
            if matches!(option, "-H" | "--header") && !name.contains([' ', '/', '=']) && !name.is_empty() =>
        {
            format!("{name}: {HIDDEN}")
        }
        _ => HIDDEN.to_owned(),
    }
}

/// Whether a text can be the name of a variable and is no key, as far as one can see.
fn is_variable(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    !text.starts_with(|c: char| c.is_ascii_digit()) && !text.is_empty() && text.bytes().all(is_part) && !is_secret(text)
}

/// Returns a URL without its user, query and path: each of them can hold a key.
pub fn redact_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return self::redact_word(url) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = host.rsplit('@').next().unwrap_or_default();
    let path = if path.len() <= 1 { path.to_owned() } else { format!("/{HIDDEN}") };
    format!("{scheme}://{host}{path}")
}

/// Whether a URL looks as if there were a key in its path or its query.
pub(super) fn has_secret(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let is_open = |value: &str| value.starts_with("${") || value.starts_with("{env:");
    let is_key = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        (is_telling(name) && !value.is_empty()) || is_secret(value) || is_open(value)
    };
    path.split('/').skip(1).any(|part| is_secret(part) || is_open(part)) || query.split('&').any(is_key)
}

/// Whether the value behind a name is a secret, as far as the name says.
pub(crate) fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|part| name.contains(part))
}

/// Whether a text looks like a key: of a known kind, or long and without words or a path in it.
fn is_secret(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_known = text.len() >= 16 && BEGINNINGS.iter().any(|beginning| lower.starts_with(beginning));
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '='));
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let is_hex = text.len() >= 24 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    is_known || (is_hex && digits > 0) || (text.len() >= 28 && is_plain && digits >= 4)
}

/// Returns the text of a file with environment values, header values and what looks like a key elsewhere redacted.
pub fn redact_document(document: &ClientDocument) -> String {
    let mut edits = Vec::new();
    redact_node(&document.root, "", &mut edits);
    String::from_utf8(document.apply_edits(edits)).unwrap_or_default().trim_start_matches('\u{feff}').to_owned()
}

fn redact_node(node: &DocumentNode, key: &str, edits: &mut Vec<TextEdit>) {
    let hidden = |node: &DocumentNode| (node.span.clone(), format!("\"{HIDDEN}\""));
    for (member, value) in node.members() {
        let all = matches!(key, "env" | "environment" | "headers" | "http_headers" | "requestInit");
        redact_node(value, if all { "secret" } else { &member.name }, edits);
    }
    let items = node.items();
    let written: Vec<&str> = items.iter().filter_map(DocumentNode::as_text).collect();
    if written.len() == items.len() && !is_telling(key) {
        let shown = redact_words(&written);
        let changed = items.iter().zip(shown.iter().zip(&written)).filter(|(_, (shown, written))| shown != *written);
        edits.extend(changed.map(|(item, _)| hidden(item)));
    } else {
        items.iter().for_each(|item| redact_node(item, key, edits));
    }
    if node.as_text().is_some_and(|text| !text.is_empty() && (is_telling(key) || redact_word(text) != text)) {
        edits.push(hidden(node));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_without_what_looks_like_a_key() {
        for (written, shown) in [
            ("npx -y @iterable/mcp", "npx -y @iterable/mcp"),
            ("npx -y @upstash/context7-mcp@latest --api-key abc", "npx -y @upstash/context7-mcp@latest --api-key …"),
            ("srv --token=abc --port 3000", "srv --token=… --port 3000"),
            ("env API_KEY=abc srv", "env API_KEY=… srv"),
            ("npx mcp-remote https://u:p@x.test/sse/abc?key=1", "npx mcp-remote https://x.test/…"),
            (
                "docker run -i -e GITHUB_TOKEN ghcr.io/github/github-mcp-server",
                "docker run -i -e GITHUB_TOKEN ghcr.io/github/github-mcp-server",
            ),
            ("srv --json={\"token\":\"abc\"} Server=x;Password=abc x-api-key:abc", "srv … … x-api-key: …"),
            ("node C:\\keys\\a.js ./auth/key.js", "node C:\\keys\\a.js ./auth/key.js"),
            ("srv --token dGhpc2lzYXNlY3JldA9U=", "srv --token …"),
            ("srv --token X=ABC_9 --password x=9 --api-key a:b", "srv --token … --password … --api-key …"),
            ("https://x.test/ --bearer FAR_TOKEN", "https://x.test/ --bearer FAR_TOKEN"),
            ("https://x.test/ --bearer s3cret --port 1", "https://x.test/ --bearer … --port 1"),
            ("https://x.test/ --bearer AKIAIOSFODNN7EXAMPLE", "https://x.test/ --bearer …"),
            ("https://x.test/ --header X-Key=FAR_KEY", "https://x.test/ --header X-Key=FAR_KEY"),
            ("https://x.test/ --header=X-Key=FAR_KEY", "https://x.test/ --header=X-Key=FAR_KEY"),
            ("https://x.test/ --header=X-Team:abc", "https://x.test/ --header=X-Team: …"),
            ("https://x.test/ --header X-Key=abc -H X-Key=ABC", "https://x.test/ --header … -H …"),
            ("srv --token ${TOKEN} --key ${KEY:-abc}", "srv --token ${TOKEN} --key …"),
            ("srv sk-ant-0123456789abcdef", "srv …"),
            ("srv 0123456789abcdef0123456789abcdef", "srv …"),
            (
                "/home/me/projects/a-long-folder-name-2024/server.js",
                "/home/me/projects/a-long-folder-name-2024/server.js",
            ),
        ] {
            let written: Vec<_> = written.split(' ').collect();
            assert_eq!(redact_words(&written).join(" "), shown);
        }
        assert_eq!(
            redact_words(&["x", "--header", "Authorization: Bearer abc"]),
            ["x", "--header", "Authorization: …"]
        );
        assert_eq!(redact_words(&["x", "--api-key", "${input:key}"]), ["x", "--api-key", "${input:key}"]);
    }

    #[test]
    fn a_file_is_shown_without_the_values_of_variables() {
        let text = r#"{"a":{"environment":{"HEADER_X_TEAM":"swordfish"},"env":{"B":"swordfish"}}}"#;
        let document = ClientDocument::parse(text.as_bytes(), crate::clients::document::ClientFormat::Json).unwrap();
        let shown = redact_document(&document);
        assert!(!shown.contains("swordfish") && shown.contains("HEADER_X_TEAM"), "{shown}");
    }
}
