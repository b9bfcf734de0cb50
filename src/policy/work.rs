//! What the judgement of one line may cost, however many globs and conditions look at it.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::limits::{LINE_WORK, LINE_WORK_PER_BYTE};
use crate::wire::fold::estimate_fold;

/// How much may still be done for the line at hand, in units of about a nanosecond. Without a line, there is no bound.
///
/// A policy has one, and belongs to one session, whose lines come one after the other. Once it is used up, the policy
/// refuses whatever it is asked until the line is over.
#[derive(Debug)]
pub struct Work(AtomicUsize);

impl Default for Work {
    fn default() -> Self {
        Self(AtomicUsize::new(Self::UNBOUNDED))
    }
}

impl Work {
    const UNBOUNDED: usize = usize::MAX;

    /// Begins a line of this length.
    pub fn begin_line(&self, length: usize) {
        self.set(LINE_WORK.saturating_add(length.saturating_mul(LINE_WORK_PER_BYTE)).min(Self::UNBOUNDED - 1));
    }

    /// Ends the line.
    pub fn end_line(&self) {
        self.set(Self::UNBOUNDED);
    }

    /// Takes work from what is left.
    pub fn spend(&self, work: usize) {
        let left = self.left();
        if left != Self::UNBOUNDED {
            self.set(left.saturating_sub(work));
        }
    }

    /// Takes the work of all that is done for a name that is listed, the globs aside.
    pub fn spend_name(&self, name: &str) {
        const FOLDS: usize = 8;
        self.spend(estimate_fold(name).saturating_mul(FOLDS));
    }

    /// Takes the work of finding the places to which a URI may lead.
    pub fn spend_uri(&self, uri: &str) {
        const BASE: usize = 16 * 1024;
        const PER_BYTE: usize = 64;
        // Of these there are several readings, each in its own case as well.
        let (readings, folds) = if uri.contains(['?', '#', ';', '%']) { (4, 72) } else { (1, 12) };
        let folding = if uri.is_ascii() { 0 } else { estimate_fold(uri).saturating_mul(folds) };
        self.spend(folding.saturating_add(uri.len().saturating_mul(PER_BYTE * readings)).saturating_add(BASE));
    }

    /// Whether nothing is left. What was judged meanwhile does not count.
    pub fn is_exhausted(&self) -> bool {
        self.left() == 0
    }

    /// How much is left.
    pub fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, left: usize) {
        self.0.store(left, Ordering::Relaxed);
    }
}
