//! Clients that listen for changes of a list, which a new policy or lock can cause.
//!
//! Up to revision 2025-11-25 these are all clients whose `initialize` was answered with `listChanged` in the capability of the
//! list; the wrapper adds that if the server did not declare it, so that clients listen.
//! From 2026-07-28 on they are those that sent `subscriptions/listen` for it (basic/patterns/subscriptions). `server/discover`
//! is answered with the capabilities, the acknowledgement of a server that does not know it says that it is honored, and
//! the wrapper serves the stream itself if the server has none.

use std::ops::Range;

use super::list_filter::apply_edits;
use crate::limits::MAX_SUBSCRIPTIONS;
use crate::wire::id::IdKey;
use crate::wire::reply;
use crate::wire::view::{self, find_member};

const SUBSCRIPTION_KEY: &str = "io.modelcontextprotocol/subscriptionId";

/// The code of the error of a server that has no subscriptions (JSON-RPC 2.0).
const METHOD_NOT_FOUND: &str = "-32601";

/// A list that a client is told of when it changes. That of resources stands for their templates as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangingList {
    Tools,
    Prompts,
    Resources,
}

impl ChangingList {
    pub(super) const ALL: [Self; 3] = [Self::Tools, Self::Prompts, Self::Resources];

    /// The capability of a server that has it.
    const fn capability(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
        }
    }

    /// What a client listens for, in `notifications`.
    const fn wish(self) -> &'static str {
        match self {
            Self::Tools => "toolsListChanged",
            Self::Prompts => "promptsListChanged",
            Self::Resources => "resourcesListChanged",
        }
    }

    const fn notification(self) -> &'static str {
        match self {
            Self::Tools => "notifications/tools/list_changed",
            Self::Prompts => "notifications/prompts/list_changed",
            Self::Resources => "notifications/resources/list_changed",
        }
    }

    /// Where a result has its capability.
    const fn path(self) -> [&'static str; 2] {
        ["capabilities", self.capability()]
    }
}

#[derive(Debug)]
struct Subscription {
    key: IdKey,
    /// As the client wrote it.
    id: Box<str>,
    lists: Vec<ChangingList>,
    is_acknowledged: bool,
}

#[derive(Debug, Default)]
pub(super) struct Listeners {
    /// The lists for which `initialize` was answered with the capability.
    declared: Vec<ChangingList>,
    subscriptions: Vec<Subscription>,
}

impl Listeners {
    pub(super) fn handle_listen(&mut self, key: &IdKey, id: &str, params: Option<&str>) {
        let is_wanted = |list: &ChangingList| find_nested(params, "notifications", list.wish()) == Some("true");
        let lists: Vec<_> = ChangingList::ALL.into_iter().filter(is_wanted).collect();
        if !lists.is_empty() && self.subscriptions.len() < MAX_SUBSCRIPTIONS {
            self.subscriptions.push(Subscription { key: key.clone(), id: id.into(), lists, is_acknowledged: false });
        }
    }

    /// Handles the server's acknowledgement. Returns the line that the client gets instead, if the server does not honor
    /// what we do.
    pub(super) fn handle_acknowledged(&mut self, params: Option<&str>) -> Option<Vec<u8>> {
        let params = params?;
        let key = IdKey::parse(find_nested(Some(params), "_meta", SUBSCRIPTION_KEY)?.as_bytes()).ok()?;
        let subscription = self.find_subscription(&key)?;
        subscription.is_acknowledged = true;
        let wishes = subscription.lists.iter().map(|list| (["notifications"], list.wish()));
        Some(reply::subscription_acknowledged(&set_members(params, wishes)?))
    }

    /// Returns whether the engine can serve a subscription that the server answered with this error.
    pub(super) fn can_serve(&mut self, key: &IdKey, error: &str) -> bool {
        find_member(error, "code") == Some(METHOD_NOT_FOUND) && self.find_subscription(key).is_some()
    }

    /// Serves a subscription from now on. Returns its acknowledgement.
    pub(super) fn serve_subscription(&mut self, key: &IdKey) -> Vec<u8> {
        let Some(subscription) = self.find_subscription(key) else { return Vec::new() };
        subscription.is_acknowledged = true;
        let honored: Vec<_> = subscription.lists.iter().map(|list| format!(r#""{}":true"#, list.wish())).collect();
        let (id, honored) = (&subscription.id, honored.join(","));
        reply::subscription_acknowledged(&format!(
            r#"{{"_meta":{{"{SUBSCRIPTION_KEY}":{id}}},"notifications":{{{honored}}}}}"#
        ))
    }

    fn find_subscription(&mut self, key: &IdKey) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|subscription| subscription.key == *key)
    }

    /// Forgets a subscription that was answered or cancelled.
    pub(super) fn remove_subscription(&mut self, key: &IdKey) {
        self.subscriptions.retain(|subscription| subscription.key != *key);
    }

    /// Returns what tells everybody who listens that a list has changed.
    pub(super) fn list_changed_lines(&self, list: ChangingList) -> Vec<Vec<u8>> {
        let session = self.declared.contains(&list).then_some(None);
        let is_told = |one: &&Subscription| one.is_acknowledged && one.lists.contains(&list);
        let subscribed = self.subscriptions.iter().filter(is_told).map(|one| Some(&*one.id));
        session.into_iter().chain(subscribed).map(|id| reply::list_changed(list.notification(), id)).collect()
    }

    /// Returns the result of `initialize` with the capabilities added; `None` if the server has no such lists or declared
    /// them.
    pub(super) fn handle_initialized(&mut self, result: &str) -> Option<String> {
        self.declared =
            ChangingList::ALL.into_iter().filter(|list| find_object(result, &list.path()).is_some()).collect();
        declare_list_changed(result)
    }
}

/// Returns the result of `initialize` or `server/discover` with the capabilities added; `None` if the server has no such lists
/// or declared them.
pub(super) fn declare_list_changed(result: &str) -> Option<String> {
    set_members(result, ChangingList::ALL.into_iter().map(|list| (list.path(), "listChanged")))
}

/// Makes members of objects in `text` `true`, each with the path to its object; `None` if all are, or there are no such objects.
fn set_members<'m, const DEPTH: usize>(
    text: &str,
    members: impl Iterator<Item = ([&'m str; DEPTH], &'m str)>,
) -> Option<String> {
    let mut edited: Option<String> = None;
    for (path, name) in members {
        let text = edited.as_deref().unwrap_or(text);
        let edit = find_object(text, &path).and_then(|object| set_member(text, object, name));
        if let Some(edit) = edit {
            edited = Some(apply_edits(text, &[edit]));
        }
    }
    edited
}

fn find_object<'t>(text: &'t str, path: &[&str]) -> Option<&'t str> {
    path.iter().try_fold(text, |text, key| find_member(text, key)).filter(|object| object.starts_with('{'))
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
                r#"{"a":"tools","capabilities": { "logging":{},"tools": {"x":[1e999]} } }"#,
                Some(r#"{"a":"tools","capabilities": { "logging":{},"tools": {"listChanged":true,"x":[1e999]} } }"#),
            ),
            (
                r#"{"capabilities":{"tools":{"listChanged": false, "y":2}}}"#,
                Some(r#"{"capabilities":{"tools":{"listChanged": true, "y":2}}}"#),
            ),
            (r#"{"capabilities":{"tools":{"listChanged":true}}}"#, None),
            (
                r#"{"capabilities":{"resources":{"subscribe":true},"prompts":{},"tools":{"listChanged":true}}}"#,
                Some(
                    r#"{"capabilities":{"resources":{"listChanged":true,"subscribe":true},"prompts":{"listChanged":true},"tools":{"listChanged":true}}}"#,
                ),
            ),
            (r#"{"capabilities":{"logging":{}}}"#, None),
            (r#"{"capabilities":{"tools":null}}"#, None),
            (r#"{}"#, None),
        ] {
            assert_eq!(Listeners::default().handle_initialized(result), expected.map(str::to_owned), "{result}");
        }
    }
}
