//! The states of our rounds (2026-07-28), which a client brings back as they are.
//!
//! ```text
//! policylayer-SSSSSSSS-VVVVVVVV-7-HHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHH-CCCCCCCC
//!             session  server   question and its seal              check code
//! ```
//! Wrappers may be nested in one another, and each knows its own states by the tag of its session. The check code needs no key:
//! whoever sees a state of another one can tell whether it is as it was written.

use crate::record::Digest;
use crate::wire::fold::fold;

/// How every state begins.
const PREFIX: &str = "policylayer-";

/// How many parts between dashes a state has.
const FIELDS: usize = 6;

/// How long a tag and the check code are, in hexadecimal digits.
const TAG: usize = 8;

/// Whose state it is that comes with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum StateOrigin {
    /// Of this session, as far as can be seen without the key.
    Own,
    /// Of another session of ours, for the same server: nobody knows its questions any more.
    Earlier,
    /// Of a wrapper around another server, as that wrote it.
    Nested,
    /// Of a policylayer, and altered.
    Altered,
    /// Of somebody else.
    Foreign,
}

/// Returns the state of the question that `seal` identifies; it begins with the tag of the session.
pub(super) fn write_state(session: &str, server: &Digest, seal: &str) -> Box<str> {
    let rest = seal.strip_prefix(session).unwrap_or(seal);
    let body = format!("{session}{}-{rest}", short_digest(&server.to_string()));
    let check = check_code(&body);
    format!("{body}-{check}").into()
}

/// Returns whose state this is. `session` is the tag of this one.
pub(super) fn find_origin(state: &str, session: &str, server: &Digest) -> StateOrigin {
    let is_whole = state.starts_with(PREFIX) && state.split('-').count() == FIELDS && is_checked(state);
    if !is_whole {
        let folded = fold(state);
        // What is altered in its beginning still has its check code.
        let is_ours = folded.starts_with(PREFIX.trim_end_matches('-')) || is_checked(&folded);
        return if is_ours { StateOrigin::Altered } else { StateOrigin::Foreign };
    }
    match state.strip_prefix(session) {
        Some(_) => StateOrigin::Own,
        None if state.split('-').nth(2) == Some(&*short_digest(&server.to_string())) => StateOrigin::Earlier,
        None => StateOrigin::Nested,
    }
}

/// Returns whether a state ends with the check code of its fields, whatever it begins with.
fn is_checked(state: &str) -> bool {
    state.rsplit_once('-').is_some_and(|(body, check)| check == check_code(body))
}

/// Returns the check code of the four fields at the end of a text.
fn check_code(body: &str) -> String {
    let mut fields: Vec<_> = body.rsplitn(5, '-').take(4).collect();
    fields.reverse();
    short_digest(&fields.join("-"))
}

fn short_digest(text: &str) -> String {
    Digest::of_text(text.as_bytes()).to_string().chars().take(TAG).collect()
}
