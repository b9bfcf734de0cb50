//! Telling a client that a call still waits.
//!
//! A client that gave a progressToken may be kept from giving up by progress. Its numbers must only grow
//! (basic/utilities/progress), also when the server's own follow ours, and those usually begin at 0: so ours are far below
//! 1, and what the server says first is dropped where it is not above ours.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::limits::{MAX_HELD, PROGRESS_EVERY};
use crate::wire::id::IdKey;
use crate::wire::view;

/// How far one notification is above the one before.
const STEP: f64 = 1e-6;

/// The progress of a call that waits.
#[derive(Debug)]
pub(in crate::engine) struct Progress {
    /// As the client wrote it.
    token: Box<str>,
    key: IdKey,
    told: u32,
    next: Duration,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    progress_token: &'a RawValue,
    progress: f64,
    message: String,
}

#[derive(Serialize)]
struct Notification<'a> {
    jsonrpc: &'static str,
    method: &'static str,
    params: Params<'a>,
}

/// The method of progress notifications.
pub(in crate::engine) const METHOD: &str = "notifications/progress";

impl Progress {
    /// The progress of a call whose client gave this token; `None` where it is no token.
    pub(in crate::engine) fn new(token: &str, now: Duration) -> Option<Self> {
        let key = IdKey::parse(token.as_bytes()).ok()?;
        Some(Self { token: token.into(), key, told: 0, next: now.saturating_add(PROGRESS_EVERY) })
    }

    /// When the client is to be told next.
    pub(super) fn next(&self) -> Duration {
        self.next
    }

    /// The notification that is due, if one is.
    pub(in crate::engine) fn due(&mut self, tool: &str, now: Duration) -> Option<Vec<u8>> {
        if self.next > now {
            return None;
        }
        self.next = now.saturating_add(PROGRESS_EVERY);
        self.told = self.told.saturating_add(1);
        let params = Params {
            progress_token: serde_json::from_str(&self.token).ok()?,
            progress: self.reached(),
            message: format!("Waiting for a person to approve {tool}."),
        };
        let notification = Notification { jsonrpc: "2.0", method: METHOD, params };
        let mut line = serde_json::to_vec(&notification).ok()?;
        line.push(b'\n');
        Some(line)
    }

    fn reached(&self) -> f64 {
        f64::from(self.told) * STEP
    }
}

/// What the server's progress must be above, for calls that went on.
#[derive(Debug, Default)]
pub(in crate::engine) struct Floors {
    /// The newest last.
    reached: VecDeque<(IdKey, f64)>,
}

impl Floors {
    /// A call goes on, and the server may tell of its progress from now on.
    pub(in crate::engine) fn set(&mut self, progress: Progress) {
        if progress.told > 0 {
            if self.reached.len() >= MAX_HELD {
                self.reached.pop_front();
            }
            self.reached.push_back((progress.key.clone(), progress.reached()));
        }
    }

    /// Whether the server's notification would take the progress back, as its client sees it.
    pub(in crate::engine) fn falls_below(&mut self, params: Option<&str>) -> bool {
        if self.reached.is_empty() {
            return false;
        }
        let params = params.unwrap_or_default();
        let member = |name: &str| view::members(params).find(|member| member.key().as_deref() == Some(name));
        let token = member("progressToken").and_then(|token| IdKey::parse(token.value.as_bytes()).ok());
        let Some(at) = token.and_then(|token| self.reached.iter().position(|(key, _)| *key == token)) else {
            return false;
        };
        let progress = member("progress").and_then(|progress| progress.value.parse::<f64>().ok());
        let falls = self.reached.get(at).zip(progress).is_some_and(|((_, reached), progress)| progress <= *reached);
        if !falls {
            self.reached.remove(at);
        }
        falls
    }
}
