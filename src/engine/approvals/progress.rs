//! Progress notifications about a held call.
//!
//! Progress can keep a client that gave a progressToken from giving up. Its numbers must only grow
//! (basic/utilities/progress), also when the server's own numbers follow ours, and those usually begin at 0. So ours
//! are far below 1, and a first number of the server that is not above ours is dropped.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

use super::Local;
use crate::limits::{MAX_HELD, PROGRESS_EVERY};
use crate::visible::escape_invisible;
use crate::wire::id::IdKey;
use crate::wire::view;

const STEP: f64 = 1e-6;

#[derive(Debug)]
pub(in crate::engine) struct Progress {
    /// As the client wrote it.
    token: Box<str>,
    key: IdKey,
    sent: u32,
    next: Duration,
}

pub(in crate::engine) const METHOD: &str = "notifications/progress";

impl Progress {
    /// `None` if `token` is not a progress token.
    pub(in crate::engine) fn new(token: &str, now: Duration) -> Option<Self> {
        let key = IdKey::parse(token.as_bytes()).ok()?;
        Some(Self { token: token.into(), key, sent: 0, next: now.saturating_add(PROGRESS_EVERY) })
    }

    pub(super) fn next_due(&self) -> Duration {
        self.next
    }

    /// Returns the notification if it is due. Clients show it to their person, who may be asked elsewhere.
    pub(in crate::engine) fn take_due(&mut self, tool: &str, local: Local, now: Duration) -> Option<Vec<u8>> {
        if self.next > now {
            return None;
        }
        self.next = now.saturating_add(PROGRESS_EVERY);
        self.sent = self.sent.saturating_add(1);
        let place = if local == Local::Asked { ": `policylayer approvals`" } else { "" };
        let message = Value::from(format!("Waiting for a person to approve {}{place}.", escape_invisible(tool)));
        let (token, progress) = (&self.token, self.current_value());
        let line = format!(
            r#"{{"jsonrpc":"2.0","method":"{METHOD}","params":{{"progressToken":{token},"progress":{progress},"message":{message}}}}}"#
        );
        Some((line + "\n").into_bytes())
    }

    fn current_value(&self) -> f64 {
        f64::from(self.sent) * STEP
    }
}

/// The lower bounds of the server's progress, for calls that were approved.
#[derive(Debug, Default)]
pub(in crate::engine) struct Floors {
    /// Newest last.
    reached: VecDeque<(IdKey, f64)>,
}

impl Floors {
    /// Sets the bound of a call when the server gets it.
    pub(in crate::engine) fn set_floor(&mut self, progress: Progress) {
        if progress.sent > 0 {
            if self.reached.len() >= MAX_HELD {
                self.reached.pop_front();
            }
            self.reached.push_back((progress.key.clone(), progress.current_value()));
        }
    }

    /// Returns whether a notification from the server would move the progress back, as the client sees it.
    pub(in crate::engine) fn is_below_floor(&mut self, params: Option<&str>) -> bool {
        if self.reached.is_empty() {
            return false;
        }
        let params = params.unwrap_or_default();
        let token = view::find_member(params, "progressToken").and_then(|token| IdKey::parse(token.as_bytes()).ok());
        let Some(at) = token.and_then(|token| self.reached.iter().position(|(key, _)| *key == token)) else {
            return false;
        };
        let progress = view::find_member(params, "progress").and_then(|progress| progress.parse::<f64>().ok());
        let falls = self.reached.get(at).zip(progress).is_some_and(|((_, reached), progress)| progress <= *reached);
        if !falls {
            self.reached.remove(at);
        }
        falls
    }
}
