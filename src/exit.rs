//! The documented exit codes. `wrap` ends with the upstream's own code instead, or with 128 + N after signal N.

/// How a run of the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or allowed.
    Ok,
    /// Something failed.
    Failed,
    /// Wrong usage of the command line.
    Usage,
    /// The policy, or config.toml, is invalid.
    InvalidPolicy,
    /// `decide`: the call is refused, or its tool hidden.
    Refused,
    /// `decide`: the call needs a person's approval.
    NeedsApproval,
    /// The upstream's own exit code, which has 32 bits on Windows, or 128 + N if signal N ended it.
    Upstream(i32),
}

impl Exit {
    /// Returns the number for the operating system.
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::InvalidPolicy => 3,
            Self::Refused => 4,
            Self::NeedsApproval => 5,
            Self::Upstream(code) => code,
        }
    }
}
