//! Writes policies: a new one from a server's tools, snippets and suggested entries, and edits of a document.
//!
//! Everything is text in, text out; each result is loaded and checked before the caller gets it.

pub(crate) mod catalogue_draft;
pub mod edit;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod policy_file;
mod render;
mod section_keys;
pub(crate) mod snippet;
pub(crate) mod suggest;

use crate::policy::decode::decode;
use crate::policy::diagnostic::Report;
use crate::policy::tree::{DocumentKey, DocumentMember, DocumentNode, DocumentValue};
use crate::policy::{Format, Scope, Server, Source, ToolGlob, builtin_text};
use crate::risk::{RateScope, RecommendedRate};
use crate::visible::escape_invisible;

/// Returns the key that means exactly this tool; `None` if there is none, or if a person would read it as another one.
fn readable_key(tool: &str) -> Option<String> {
    ToolGlob::key_for(tool).and_then(readable)
}

/// Returns the key if a person reads it as what it is.
fn readable(key: String) -> Option<String> {
    Some(key).filter(|key| escape_invisible(key) == *key)
}

fn text_member(key: &str, text: impl Into<String>) -> DocumentMember {
    (DocumentKey::unplaced(key), DocumentNode::unplaced_string(text))
}

/// Builds a member whose value is a list of texts.
fn list_member(key: &str, texts: impl IntoIterator<Item = impl Into<String>>) -> DocumentMember {
    let texts = texts.into_iter().map(DocumentNode::unplaced_string).collect();
    (DocumentKey::unplaced(key), DocumentNode::unplaced(DocumentValue::Array(texts)))
}

fn table_member(key: &str, members: Vec<DocumentMember>) -> DocumentMember {
    (DocumentKey::unplaced(key), DocumentNode::unplaced_table(members))
}

fn rate_member(rate: RecommendedRate) -> DocumentMember {
    let scope = (rate.counted == RateScope::Server).then_some(Scope::Server);
    (DocumentKey::unplaced("rate_limit"), rate_limit(&rate.to_string(), scope, None))
}

/// Builds the value of `rate_limit`: `"10/minute"`, or a table if there is more to say.
fn rate_limit(rate: &str, scope: Option<Scope>, reason: Option<&str>) -> DocumentNode {
    let Some((max, window)) = rate.split_once('/').filter(|_| scope.is_some() || reason.is_some()) else {
        return DocumentNode::unplaced_string(rate);
    };
    let max = max.trim().to_owned();
    let is_whole = max.bytes().all(|byte| byte.is_ascii_digit());
    let number = if is_whole { DocumentValue::Integer(max) } else { DocumentValue::Float(max) };
    let mut members = vec![(DocumentKey::unplaced("max"), DocumentNode::unplaced(number))];
    members.push(text_member("window", window.trim()));
    members.extend(scope.map(|scope| text_member("scope", scope.as_str())));
    members.extend(reason.map(|reason| text_member("reason", reason)));
    DocumentNode::unplaced_table(members)
}

fn builtin_document(server: &Server) -> DocumentNode {
    let source = Source::new("builtin", Format::Toml, builtin_text(server));
    decode(&source, &mut Report::default()).unwrap_or_else(|| DocumentNode::unplaced_table(Vec::new()))
}
