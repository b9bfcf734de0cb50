//! What a message has in its outermost object.

use super::{CallMembers, KeyMarks};

/// The keys of a JSON-RPC message.
pub const ENVELOPE_KEYS: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

/// The members of the outermost object that the protocol knows, each as written in the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope<'l> {
    /// The version.
    pub jsonrpc: Option<&'l str>,
    /// The id.
    pub id: Option<&'l str>,
    /// The method, with its quotes.
    pub method: Option<&'l str>,
    /// The parameters.
    pub params: Option<&'l str>,
    /// The result of a response.
    pub result: Option<&'l str>,
    /// The error of a response.
    pub error: Option<&'l str>,
    /// Which keys the result or the error can have.
    pub inner_keys: KeyMarks,
    /// The members of the parameters that nearly all calls have.
    pub call: CallMembers<'l>,
    /// Whether it has members that the protocol does not know.
    pub has_others: bool,
}

impl Envelope<'_> {
    /// Whether it has members that a message of its kind does not have.
    pub fn has_strange_members(&self) -> bool {
        self.has_others || (self.method.is_none() && self.params.is_some())
    }

    /// Writes it as a line, without those.
    pub fn to_line(&self) -> Vec<u8> {
        let params = self.params.filter(|_| self.method.is_some());
        let members = [self.jsonrpc, self.id, self.method, params, self.result, self.error];
        let members =
            ENVELOPE_KEYS.iter().zip(members).filter_map(|(key, value)| Some(format!("\"{key}\":{}", value?)));
        format!("{{{}}}\n", members.collect::<Vec<_>>().join(",")).into_bytes()
    }
}
