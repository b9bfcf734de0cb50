//! The faces of reports on a terminal: one module for each that is more than a few lines.

pub(crate) mod approvals;
pub(crate) mod explanation;
pub(crate) mod inspection;
pub(crate) mod junit;
pub(crate) mod lock;
pub(crate) mod log;
pub(crate) mod replay;
