//! Clients that listen for changes of the list of tools, which a new policy can cause.
//!
//! Up to revision 2025-11-25 these are all clients whose `initialize` was answered with
//! `capabilities.tools.listChanged`; the wrapper adds that if the server did not declare it, so that clients listen.
//! From 2026-07-28 on they are those that sent `subscriptions/listen` for it (basic/patterns/subscriptions). `server/discover`
//! is answered with the capability, the acknowledgement of a server that does not know it says that it is honored, and
//! the wrapper serves the stream itself if the server has none.

use std::ops::Range;

use super::list_filter::apply_edits;
use crate::limits::MAX_SUBSCRIPTIONS;
use crate::wire::id::IdKey;
use crate::wire::reply;
use crate::wire::view::{self, find_member};

const SUBSCRIPTION_KEY: &str = "io.modelcontextprotocol/subscriptionId";

/// What a client listens for, in `notifications`.
const TOOLS_LIST_CHANGED: &str = "toolsListChanged";

/// The code of the error of a server that has no subscriptions (JSON-RPC 2.0).
const METHOD_NOT_FOUND: &str = "-32601";

#[derive(Debug)]
struct Subscription {
    key: IdKey,
    /// As the client wrote it.
    id: Box<str>,
    is_acknowledged: bool,
}

#[derive(Debug, Default)]
pub(super) struct Listeners {
    /// Whether `initialize` was answered with the capability.
    has_capability: bool,
    subscriptions: Vec<Subscription>,
}

impl Listeners {
    pub(super) fn handle_listen(&mut self, key: &IdKey, id: &str, params: Option<&str>) {
        let wanted = find_nested(params, "notifications", TOOLS_LIST_CHANGED);
        if wanted == Some("true") && self.subscriptions.len() < MAX_SUBSCRIPTIONS {
            self.subscriptions.push(Subscription { key: key.clone(), id: id.into(), is_acknowledged: false });
        }
    }

    /// Handles the server's acknowledgement. Returns the line that the client gets instead, if the server does not honor
    /// what we do.
    pub(super) fn handle_acknowledged(&mut self, params: Option<&str>) -> Option<Vec<u8>> {
        let params = params?;
        let key = IdKey::parse(find_nested(Some(params), "_meta", SUBSCRIPTION_KEY)?.as_bytes()).ok()?;
        self.find_subscription(&key)?.is_acknowledged = true;
        let honored = find_member(params, "notifications").filter(|honored| honored.starts_with('{'))?;
        let edit = set_member(params, honored, TOOLS_LIST_CHANGED)?;
        Some(reply::subscription_acknowledged(&apply_edits(params, &[edit])))
    }

    /// Returns whether the engine can serve a subscription that the server answered with this error.
    pub(super) fn can_serve(&mut self, key: &IdKey, error: &str) -> bool {
        find_member(error, "code") == Some(METHOD_NOT_FOUND) && self.find_subscription(key).is_some()
    }

    /// Serves a subscription from now on. Returns its acknowledgement.
    pub(super) fn serve_subscription(&mut self, key: &IdKey) -> Vec<u8> {
        let Some(subscription) = self.find_subscription(key) else { return Vec::new() };
        subscription.is_acknowledged = true;
        let id = &subscription.id;
        reply::subscription_acknowledged(&format!(
            r#"{{"_meta":{{"{SUBSCRIPTION_KEY}":{id}}},"notifications":{{"{TOOLS_LIST_CHANGED}":true}}}}"#
        ))
    }

    fn find_subscription(&mut self, key: &IdKey) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|subscription| subscription.key == *key)
    }

    /// Forgets a subscription that was answered or cancelled.
    pub(super) fn remove_subscription(&mut self, key: &IdKey) {
        self.subscriptions.retain(|subscription| subscription.key != *key);
    }

    pub(super) fn list_changed_lines(&self) -> Vec<Vec<u8>> {
        let session = self.has_capability.then(|| reply::tools_list_changed(None));
        let acknowledged = self.subscriptions.iter().filter(|subscription| subscription.is_acknowledged);
        session.into_iter().chain(acknowledged.map(|one| reply::tools_list_changed(Some(&one.id)))).collect()
    }

    /// Returns the result of `initialize` with the capability added; `None` if the server has no tools or declared it.
    pub(super) fn handle_initialized(&mut self, result: &str) -> Option<String> {
        find_tools_capability(result)?;
        self.has_capability = true;
        declare_list_changed(result)
    }
}

/// Returns the result of `initialize` or `server/discover` with the capability added; `None` if the server has no tools or
/// declared it.
pub(super) fn declare_list_changed(result: &str) -> Option<String> {
    Some(apply_edits(result, &[set_member(result, find_tools_capability(result)?, "listChanged")?]))
}

fn find_tools_capability(result: &str) -> Option<&str> {
    find_nested(Some(result), "capabilities", "tools").filter(|tools| tools.starts_with('{'))
}

/// Returns the edit of `text` that makes a member of `object`, which is a part of it, `true`; `None` if it is already.
fn set_member(text: &str, object: &str, name: &str) -> Option<(Range<usize>, String)> {
    let (part, new) = match find_member(object, name) {
        Some("true") => return None,
        Some(other) => (other, "true".to_owned()),
        None if view::members(object).next().is_some() => {
            (object, object.replacen('{', &format!("{{\"{name}\":true,"), 1))
        }
        None => (object, format!("{{\"{name}\":true}}")),
    };
    Some((view::range_of(text.as_bytes(), part), new))
}

fn find_nested<'l>(object: Option<&'l str>, outer: &str, inner: &str) -> Option<&'l str> {
    find_member(find_member(object?, outer)?, inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_capability_is_added() {
        for (result, expected) in [
            (
                r#"{"capabilities":{"tools":{}},"x": 1}"#,
                Some(r#"{"capabilities":{"tools":{"listChanged":true}},"x": 1}"#),
            ),
            (r#"{"capabilities":{"tools":{ }}}"#, Some(r#"{"capabilities":{"tools":{"listChanged":true}}}"#)),
            (
                r#"{"a":"tools","capabilities": { "prompts":{},"tools": {"x":[1e999]} } }"#,
                Some(r#"{"a":"tools","capabilities": { "prompts":{},"tools": {"listChanged":true,"x":[1e999]} } }"#),
            ),
            (
                r#"{"capabilities":{"tools":{"listChanged": false, "y":2}}}"#,
                Some(r#"{"capabilities":{"tools":{"listChanged": true, "y":2}}}"#),
            ),
            (r#"{"capabilities":{"tools":{"listChanged":true}}}"#, None),
            (r#"{"capabilities":{"prompts":{}}}"#, None),
            (r#"{"capabilities":{"tools":null}}"#, None),
            (r#"{}"#, None),
        ] {
            assert_eq!(Listeners::default().handle_initialized(result), expected.map(str::to_owned), "{result}");
        }
    }
}
