//! The state machine of one session: a line in, actions out.

use std::sync::Arc;

use crate::policy::Policy;
use crate::wire::skim::Skim;

/// What is to be done about a line, in order. A line with no `Forward`, `Replace` or `Reply` is dropped.
#[must_use = "an action that is not carried out loses a message"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The line goes to the other side, byte for byte.
    Forward,
    /// This line, its newline included, goes to the other side in place of the one that came.
    Replace(Vec<u8>),
    /// This line, its newline included, goes back to the side the line came from.
    Reply(Vec<u8>),
    /// This line of the server is no JSON-RPC message: it goes to stderr.
    Stray,
    /// Something happened that a person may want to know.
    Note(Note),
}

/// Something that a person may want to know, as one line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note(pub String);

/// One session: the policy in force and the requests that are open.
#[derive(Debug)]
pub struct Engine {
    #[expect(dead_code)]
    policy: Arc<Policy>,
    open: Vec<crate::wire::id::Id>,
}

impl Engine {
    /// A session under a policy.
    pub fn new(policy: Arc<Policy>) -> Self {
        Self { policy, open: Vec::new() }
    }

    /// A line from the client, its newline included.
    pub fn client_line(&mut self, line: &[u8], actions: &mut Vec<Action>) {
        self.open.extend(crate::wire::skim::skim(line).request_id().cloned());
        actions.push(Action::Forward);
    }

    /// A line from the client that was over the bound of `max` bytes and was skipped.
    pub fn client_oversize(&mut self, _skim: &Skim, _max: usize, _actions: &mut Vec<Action>) {}

    /// A line from the server, its newline included.
    pub fn server_line(&mut self, line: &[u8], actions: &mut Vec<Action>) {
        self.open.retain(|id| crate::wire::skim::skim(line).response_id() != Some(id));
        actions.push(Action::Forward);
    }

    /// A line from the server that was over the bound of `max` bytes and was skipped.
    pub fn server_oversize(&mut self, _skim: &Skim, _max: usize, _actions: &mut Vec<Action>) {}

    /// The server has ended, as `how` says ("it exited with code 1"): a `Replace` for each open request of the client.
    /// From here on every request of the client is answered at once.
    pub fn server_ended(&mut self, how: &str, actions: &mut Vec<Action>) {
        for id in self.open.drain(..) {
            let line = format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":-31003,\"message\":\"the server has ended: {how}\"}}}}\n"
            );
            actions.push(Action::Replace(line.into_bytes()));
        }
    }
}
