//! Waiting for what the session that asked makes of an answer.

use std::thread;
use std::time::{Duration, Instant};

use crate::limits::{OUTCOME_PATIENCE, OUTCOME_POLL};
use crate::state::approvals::{AnswerOutcome, ApprovalEntry, StoreError, StoredApprovals};
use crate::term::spinner::Spinner;

/// A wait that is shorter needs no spinner.
const BLINK: Duration = Duration::from_millis(300);

/// How often to check whether the session has ended.
const SWEEP: Duration = Duration::from_secs(1);

/// Waits until the session has acted on an answer, and returns the entry as it is then. Gives up after
/// [`OUTCOME_PATIENCE`].
pub(super) fn wait_for_outcome(stored: &mut StoredApprovals, id: &str) -> Result<Option<ApprovalEntry>, StoreError> {
    let start = Instant::now();
    let (mut spinner, mut swept) = (None, Duration::ZERO);
    loop {
        let entry = stored.find_entry(id)?;
        let waited = start.elapsed();
        if entry.as_ref().is_none_or(has_outcome) || waited >= OUTCOME_PATIENCE {
            return Ok(entry);
        }
        if waited >= BLINK && spinner.is_none() {
            spinner = Some(Spinner::start("waiting for the session to pick it up"));
        }
        if waited.saturating_sub(swept) >= SWEEP {
            swept = waited;
            stored.list_all()?;
        }
        thread::sleep(OUTCOME_POLL);
    }
}

/// Returns whether it is known what came of the answer.
pub(super) fn has_outcome(entry: &ApprovalEntry) -> bool {
    entry.outcome.is_some_and(|outcome| outcome != AnswerOutcome::Taken)
}
