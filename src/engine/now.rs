//! The time, as the shell reads it and passes it in.

use std::time::Duration;

/// The time of a call on two clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Since the session began, on a clock that never goes back.
    pub session: Duration,
    /// Since 1970 in UTC; the person who owns the clock may set it back.
    pub unix: Duration,
}
