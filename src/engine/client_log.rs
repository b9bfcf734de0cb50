//! What the client is told as a log message, where the protocol permits one of ours.
//!
//! Up to revision 2025-11-25 that is after `notifications/initialized`, if the server has declared `logging`, and unless the client
//! has asked for what is more severe only. From 2026-07-28 on, the feature is deprecated, and what is not about one request is
//! for stderr.

use super::Engine;
use super::action::Turn;
use crate::limits::MAX_KEPT_MESSAGES;
use crate::wire::view::{decode_string, find_member};
use crate::wire::{method, reply};

/// The levels that leave a warning out (RFC 5424).
const ABOVE_WARNING: [&str; 4] = ["error", "critical", "alert", "emergency"];

#[derive(Debug, Default)]
pub(super) struct ClientLog {
    /// Whether the answer to `initialize` declares log messages.
    is_declared: bool,
    /// Whether the client has said that it is ready for messages.
    is_open: bool,
    /// Whether the client has asked for no warnings.
    is_quiet: bool,
    /// What there was to say before it was.
    kept: Vec<Vec<u8>>,
}

impl Engine {
    /// Handles that the client is ready: what there was to say before is said now.
    pub(super) fn handle_client_ready(&mut self, turn: &mut Turn<'_>) {
        turn.forward_to_server();
        self.client_log.is_open = self.client_log.is_declared;
        std::mem::take(&mut self.client_log.kept).into_iter().for_each(|line| turn.send_to_client(line));
    }
}

impl ClientLog {
    /// Handles the result of `initialize`.
    pub(super) fn handle_greeting(&mut self, result: &str) {
        let capabilities = find_member(result, "capabilities").unwrap_or("{}");
        self.is_declared = find_member(capabilities, "logging").is_some_and(|logging| logging.starts_with('{'));
    }

    /// Learns from a `logging/setLevel`. A level that does not exist changes nothing: the server refuses it.
    pub(super) fn observe_request(&mut self, method: &str, params: Option<&str>) {
        if method != method::SET_LEVEL {
            return;
        }
        let level = params.and_then(|params| find_member(params, "level")).and_then(decode_string);
        match level.as_deref() {
            Some(level) if ABOVE_WARNING.contains(&level) => self.is_quiet = true,
            Some("debug" | "info" | "notice" | "warning") => self.is_quiet = false,
            _ => {}
        }
    }

    /// Returns the line that warns the client now, if there may be one. Before the client is ready, it is kept.
    pub(super) fn warn(&mut self, text: &str) -> Option<Vec<u8>> {
        if !self.is_declared || self.is_quiet {
            return None;
        }
        let line = reply::log_warning(text);
        if self.is_open {
            return Some(line);
        }
        if self.kept.len() < MAX_KEPT_MESSAGES {
            self.kept.push(line);
        }
        None
    }
}
