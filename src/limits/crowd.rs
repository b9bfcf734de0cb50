//! When a client is slowed down that writes faster than its calls are answered, and what may wait before the first list.

use std::time::Duration;

use super::{MAX_OPEN, MAX_OPEN_BYTES};

/// From so many open requests of the client on, it is read on only while answers come.
pub const CROWDED_OPEN: usize = 4_096;
/// The same for what is kept of them, in bytes.
pub const CROWDED_BYTES: usize = MAX_OPEN_BYTES / 2;
/// After this time at most, some more of its lines are read: its answers to the server may be among them.
pub const CROWD_WAIT: Duration = Duration::from_millis(250);
/// The same after the last answer: a server that answers nothing may wait for what the client says next.
pub const ANSWER_GAP: Duration = Duration::from_millis(50);
/// How often is looked whether there are fewer.
pub const CROWD_LOOK: Duration = Duration::from_millis(1);
/// How many calls may wait for the server's list of tools, which tells their classes.
pub const MAX_CLASS_WAITS: usize = MAX_OPEN;
/// How long a server that has said nothing yet has for that list: its package manager may still fetch it.
pub const FIRST_LIST: Duration = Duration::from_secs(30);
