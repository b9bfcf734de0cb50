//! Clients that listen for changes of the list of tools, which a new policy can cause.
//!
//! Up to revision 2025-11-25 these are all clients whose `initialize` was answered with
//! `capabilities.tools.listChanged`; the wrapper adds that if the server did not declare it, so that clients listen.
//! From 2026-07-28 on they are those that sent `subscriptions/listen` and got the acknowledgement
//! (server/utilities/subscriptions).

use super::list_filter::apply_edits;
use crate::limits::MAX_SUBSCRIPTIONS;
use crate::wire::id::IdKey;
use crate::wire::reply;
use crate::wire::view::{self, find_member};

const SUBSCRIPTION_KEY: &str = "io.modelcontextprotocol/subscriptionId";

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
        let wanted = find_nested(params, "notifications", "toolsListChanged");
        if wanted == Some("true") && self.subscriptions.len() < MAX_SUBSCRIPTIONS {
            self.subscriptions.push(Subscription { key: key.clone(), id: id.into(), is_acknowledged: false });
        }
    }

    pub(super) fn handle_acknowledged(&mut self, params: Option<&str>) {
        let id = find_nested(params, "_meta", SUBSCRIPTION_KEY);
        let Some(key) = id.and_then(|id| IdKey::parse(id.as_bytes()).ok()) else { return };
        for subscription in self.subscriptions.iter_mut().filter(|subscription| subscription.key == key) {
            subscription.is_acknowledged = true;
        }
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
        let tools = find_nested(Some(result), "capabilities", "tools").filter(|tools| tools.starts_with('{'))?;
        self.has_capability = true;
        let (part, new) = match find_member(tools, "listChanged") {
            Some("true") => return None,
            Some(declared) => (declared, "true".to_owned()),
            None if view::members(tools).next().is_some() => (tools, tools.replacen('{', "{\"listChanged\":true,", 1)),
            None => (tools, "{\"listChanged\":true}".to_owned()),
        };
        Some(apply_edits(result, &[(view::range_of(result.as_bytes(), part), new)]))
    }
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
