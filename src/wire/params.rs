//! The parameters of requests that are about a resource or a completion.

use std::borrow::Cow;

use super::fault::{Fault, excerpt};
use super::view;
use crate::limits::MAX_URI;

/// What a completion is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompletionRef<'l> {
    /// An argument of the prompt of this name.
    Prompt(Cow<'l, str>),
    /// A variable of this template of resources.
    Template(Cow<'l, str>),
}

/// Reads the `uri` of parameters that the strict reader has read; empty if there is none, which is the server's to refuse.
///
/// # Errors
/// If a key looks like `uri`, or if it is not a string that all parsers read alike.
pub fn read_uri(params: Option<&str>) -> Result<Cow<'_, str>, Fault> {
    match find_protocol_member(params.unwrap_or_default(), "uri")? {
        None | Some("null") => Ok(Cow::Borrowed("")),
        Some(uri) => read_uri_text("uri", uri),
    }
}

/// Reads the resources that a `subscriptions/listen` subscribes to.
///
/// # Errors
/// If a key looks like one of those that name them, or if they are not a list of strings that all parsers read alike.
pub fn read_subscriptions(params: Option<&str>) -> Result<Vec<Cow<'_, str>>, Fault> {
    const NAME: &str = "resourceSubscriptions";
    let notifications = find_protocol_member(params.unwrap_or_default(), "notifications")?.unwrap_or_default();
    match find_protocol_member(notifications, NAME)? {
        None | Some("null") => Ok(Vec::new()),
        Some(uris) if uris.starts_with('[') => {
            view::elements(uris).map(|uri| read_uri_text(NAME, uris.get(uri).unwrap_or_default())).collect()
        }
        Some(_) => Err(Fault::Type { name: NAME, expected: "a list" }),
    }
}

/// Reads what a `completion/complete` refers to.
///
/// # Errors
/// If a key looks like one of those that name it, or if it names neither a prompt nor a template.
pub fn read_completion_ref(params: Option<&str>) -> Result<CompletionRef<'_>, Fault> {
    let reference = find_protocol_member(params.unwrap_or_default(), "ref")?.unwrap_or_default();
    let member = |name| Ok(find_protocol_member(reference, name)?.unwrap_or_default());
    match view::decode_string(member("type")?).as_deref() {
        Some("ref/prompt") => super::message::read_name(member("name")?).map(CompletionRef::Prompt),
        Some("ref/resource") => read_uri_text("uri", member("uri")?).map(CompletionRef::Template),
        _ => Err(Fault::Type { name: "ref", expected: "a reference to a prompt or a template" }),
    }
}

/// Reads a URI or a template of URIs: a string that all parsers read alike.
pub(crate) fn read_uri_text<'l>(name: &'static str, json: &'l str) -> Result<Cow<'l, str>, Fault> {
    if !json.starts_with('"') {
        return Err(Fault::Type { name, expected: "a string" });
    }
    // One byte takes at most six bytes as written; two are the quotes.
    if json.len() > 6 * MAX_URI + 2 {
        return Err(Fault::UriLength);
    }
    match view::decode_string(json) {
        Some(uri) if uri.len() > MAX_URI => Err(Fault::UriLength),
        Some(uri) if !uri.contains('\0') => Ok(uri),
        _ => Err(Fault::Ambiguous { what: "URI", text: excerpt(json) }),
    }
}

/// Returns the value of a protocol key, as written.
fn find_protocol_member<'l>(object: &'l str, name: &'static str) -> Result<Option<&'l str>, Fault> {
    let mut found = None;
    for member in view::members(object) {
        if member.protocol_key(&[name])?.is_some() {
            found = Some(member.value);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_a_string_that_all_parsers_read_alike() {
        let long = format!(r#"{{"uri":"{}"}}"#, "x".repeat(MAX_URI + 1));
        assert_eq!(read_uri(Some(r#"{"uri":"file:\/\/\/a","_meta":{}}"#)).unwrap(), "file:///a");
        for params in [None, Some("{}"), Some(r#"{"uri":null}"#)] {
            assert_eq!(read_uri(params).unwrap(), "");
        }
        for params in [
            r#"{"uri":["file:///a"]}"#,
            r#"{"uri":"file:///a","URI":"file:///b"}"#,
            r#"{"\u0075ri":"file:///a"}"#,
            r#"{"uri":"a\u0000b"}"#,
            r#"{"uri":"\ud83d"}"#,
            &long,
        ] {
            assert!(read_uri(Some(params)).is_err(), "{params}");
        }
    }

    #[test]
    fn a_completion_refers_to_a_prompt_or_a_template() {
        let read = |reference: &str| {
            let params = format!(r#"{{"ref":{reference},"argument":{{"name":"a","value":""}}}}"#);
            read_completion_ref(Some(&params)).map(|reference| match reference {
                CompletionRef::Prompt(name) => format!("prompt {name}"),
                CompletionRef::Template(uri) => format!("template {uri}"),
            })
        };
        assert_eq!(read(r#"{"type":"ref/prompt","name":"p"}"#), Ok("prompt p".to_owned()));
        assert_eq!(read(r#"{"type":"ref/resource","uri":"a:{b}","name":"p"}"#), Ok("template a:{b}".to_owned()));
        for reference in [
            "null",
            "{}",
            r#"{"type":"ref/tool","name":"p"}"#,
            r#"{"type":"ref/prompt"}"#,
            r#"{"type":"ref/prompt","name":"p","Name":"q"}"#,
            r#"{"type":"ref/prompt","type ":"ref/resource","nam\u0065":"q"}"#,
        ] {
            assert!(read(reference).is_err(), "{reference}");
        }
    }
}
