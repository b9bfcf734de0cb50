//! Whom to tell that the list of tools has changed, when another policy takes effect.
//!
//! Up to revision 2025-11-25 every client whose `initialize` was answered with `capabilities.tools.listChanged`; the
//! wrapper adds that where the server did not declare it, so that clients listen. From 2026-07-28 on only those who
//! asked for it with `subscriptions/listen`, once that was acknowledged (server/utilities/subscriptions).

use crate::limits::MAX_SUBSCRIPTIONS;
use crate::wire::id::IdKey;
use crate::wire::reply;
use crate::wire::view;

const SUBSCRIPTION_KEY: &str = "io.modelcontextprotocol/subscriptionId";

/// A `subscriptions/listen` that asked for changes of the list of tools.
#[derive(Debug)]
struct Subscription {
    key: IdKey,
    /// The id as the client wrote it.
    id: Box<str>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Asked,
    Acknowledged,
}

/// Who listens.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    session: Option<Initialized>,
    subscriptions: Vec<Subscription>,
}

/// An `initialize` that was answered with the capability.
#[derive(Clone, Copy, Debug)]
struct Initialized;

impl Listeners {
    /// A client's `subscriptions/listen`.
    pub(super) fn asked(&mut self, key: &IdKey, id: &str, params: Option<&str>) {
        let wants = member(member(params, "notifications"), "toolsListChanged");
        if wants == Some("true") && self.subscriptions.len() < MAX_SUBSCRIPTIONS {
            self.subscriptions.push(Subscription { key: key.clone(), id: id.into(), state: State::Asked });
        }
    }

    /// The server's acknowledgement.
    pub(super) fn acknowledged(&mut self, params: Option<&str>) {
        let id = member(member(params, "_meta"), SUBSCRIPTION_KEY);
        let Some(key) = id.and_then(|id| IdKey::parse(id.as_bytes()).ok()) else { return };
        for subscription in self.subscriptions.iter_mut().filter(|subscription| subscription.key == key) {
            subscription.state = State::Acknowledged;
        }
    }

    /// A subscription that was answered or withdrawn is over.
    pub(super) fn over(&mut self, key: &IdKey) {
        self.subscriptions.retain(|subscription| subscription.key != *key);
    }

    /// The lines that tell every listener that the list of tools has changed.
    pub(super) fn list_changed(&self) -> Vec<Vec<u8>> {
        let acknowledged = self.subscriptions.iter().filter(|subscription| subscription.state == State::Acknowledged);
        let session = self.session.map(|Initialized| reply::tools_list_changed(None));
        session.into_iter().chain(acknowledged.map(|one| reply::tools_list_changed(Some(&one.id)))).collect()
    }

    /// The result of `initialize`: with the capability, where the server has tools and did not declare it. `None` where
    /// it can pass as it is.
    pub(super) fn initialized(&mut self, result: &str) -> Option<String> {
        let tools = member(member(Some(result), "capabilities"), "tools").filter(|tools| tools.starts_with('{'))?;
        self.session = Some(Initialized);
        let changed = match member(Some(tools), "listChanged") {
            Some("true") => return None,
            Some(declared) => splice(tools, declared, "true"),
            None if view::members(tools).next().is_some() => tools.replacen('{', "{\"listChanged\":true,", 1),
            None => "{\"listChanged\":true}".to_owned(),
        };
        Some(splice(result, tools, &changed))
    }
}

fn member<'l>(object: Option<&'l str>, key: &str) -> Option<&'l str> {
    view::members(object?).find(|member| member.key().as_deref() == Some(key)).map(|member| member.value)
}

/// `text` with `part`, which is a piece of it, replaced.
fn splice(text: &str, part: &str, new: &str) -> String {
    let place = view::place_of(text.as_bytes(), part);
    [text.get(..place.start).unwrap_or_default(), new, text.get(place.end..).unwrap_or_default()].concat()
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
            assert_eq!(Listeners::default().initialized(result), expected.map(str::to_owned), "{result}");
        }
    }
}
