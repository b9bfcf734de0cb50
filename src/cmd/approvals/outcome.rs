//! Waiting for what the session that asked makes of an answer.

use std::time::Duration;

use crate::report::approval_stores::ApprovalStores;
use crate::state::approvals::{ApprovalEntry, StoreError};
use crate::term::spinner::Spinner;

/// A wait that is shorter needs no spinner.
const BLINK: Duration = Duration::from_millis(300);

/// Waits until the session has acted on an answer, and returns the entry as it is then.
pub(super) fn wait_for_outcome(stores: &mut ApprovalStores, id: &str) -> Result<Option<ApprovalEntry>, StoreError> {
    let mut spinner = None;
    stores.wait_for_outcome(id, |waited| {
        if waited >= BLINK && spinner.is_none() {
            spinner = Some(Spinner::start("waiting for the session to pick it up"));
        }
    })
}
