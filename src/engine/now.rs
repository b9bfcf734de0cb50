//! The time, which the I/O layer reads and passes in.

use std::time::Duration;

/// One moment on two clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Time since the session began, on a monotonic clock.
    pub session: Duration,
    /// Time since 1970 in UTC; the owner of the clock may set it back.
    pub unix: Duration,
}
