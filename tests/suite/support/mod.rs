//! What the tests against real servers share: the servers themselves, a plain client, a stand-in for Iterable's API.
#![allow(dead_code, reason = "each test program uses its own part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says so on stderr"
)]

pub(crate) mod api;
pub(crate) mod audit_log;
pub(crate) mod client;
pub(crate) mod desk;
pub(crate) mod http_server;
pub(crate) mod log;
pub(crate) mod node;
pub(crate) mod processes;
pub(crate) mod python;
pub(crate) mod question;
pub(crate) mod recorded;
pub(crate) mod system;
// A pseudo-terminal: what Windows has instead, ConPTY, no safe crate starts.
#[cfg(unix)]
pub(crate) mod terminal;
pub(crate) mod waiting;
pub(crate) mod wrapped;
