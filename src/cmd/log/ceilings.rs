//! How near the recorded calls came to the limits of the policy that is in force now.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::super::calls::Call;
use crate::limits::MAX_TOLD_APART;
use crate::policy::{Amount, Increment, Limit, Policy, Scope, Window};

/// How finely a sliding window is looked at.
const CELLS: u128 = 1024;

/// The most that a window of a limit held.
#[derive(Debug)]
pub(super) struct Peak {
    pub(super) limit: Limit,
    /// The tool of the call that made it so.
    pub(super) tool: String,
    pub(super) used: Amount,
    pub(super) at: Timestamp,
}

impl Peak {
    /// How much of the limit that is, 1 being all of it.
    pub(super) fn share(&self) -> f64 {
        let max = self.limit.max.nanos();
        #[expect(clippy::cast_precision_loss, reason = "a share is for people")]
        let share = if max == 0 { 1.0 } else { self.used.nanos() as f64 / max as f64 };
        share
    }
}

/// What is in the window of one counter.
#[derive(Debug, Default)]
struct Counted {
    /// By their cell of time, the newest last.
    amounts: VecDeque<(u128, Amount)>,
    used: Amount,
    /// When nothing of it counts any more.
    until: Duration,
}

/// The limits of the policy of one server, and what was counted of them.
#[derive(Debug)]
pub(super) struct Ceilings {
    policy: Policy,
    /// By the limit's rule, and the session where the limit is of one.
    counted: HashMap<(String, Option<Box<str>>), Counted>,
    peaks: BTreeMap<String, Peak>,
}

impl Ceilings {
    /// Of this policy.
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy, counted: HashMap::new(), peaks: BTreeMap::new() }
    }

    /// Counts a call that was passed on. Calls come in the order of their times.
    pub(super) fn count(&mut self, call: &Call) {
        let now = call.unix();
        for limit in self.policy.limits(&call.tool) {
            let amount = match (&limit.increment, &call.arguments) {
                (Increment::Fixed(amount), _) => *amount,
                (increment, Some(arguments)) => match increment.of(arguments.as_str()) {
                    Ok(amount) => amount,
                    Err(_) => continue,
                },
                (Increment::From { .. }, None) => continue,
            };
            if self.counted.len() >= MAX_TOLD_APART {
                self.counted.retain(|_, counted| counted.until > now);
                if self.counted.len() >= MAX_TOLD_APART {
                    self.counted.clear();
                }
            }
            let session = (limit.scope == Scope::Session).then(|| call.session.clone());
            let counted = self.counted.entry((limit.rule.clone(), session)).or_default();
            counted.add(limit.window, amount, now);
            match self.peaks.get_mut(&limit.rule) {
                Some(peak) if peak.used >= counted.used => {}
                Some(peak) => (peak.used, peak.at, peak.tool) = (counted.used, call.time, call.tool.to_string()),
                None => {
                    let peak =
                        Peak { limit: limit.clone(), tool: call.tool.to_string(), used: counted.used, at: call.time };
                    self.peaks.insert(limit.rule.clone(), peak);
                }
            }
        }
    }

    /// The limits that something was counted of.
    pub(super) fn peaks(&self) -> impl Iterator<Item = &Peak> {
        self.peaks.values()
    }
}

impl Counted {
    fn add(&mut self, window: Window, amount: Amount, now: Duration) {
        let length = window.length().as_nanos().max(1);
        // A unit of the calendar is one cell, and forgets what was before it.
        let cells = match window {
            Window::Sliding(_) => CELLS,
            Window::Calendar(_) => 1,
        };
        let cell = now.as_nanos() / (length / cells).max(1);
        while let Some((oldest, gone)) = self.amounts.front().copied()
            && oldest + cells <= cell
        {
            self.used = self.used.checked_sub(gone).unwrap_or(Amount::ZERO);
            self.amounts.pop_front();
        }
        match self.amounts.back_mut() {
            Some((last, sum)) if *last >= cell => *sum = sum.checked_add(amount).unwrap_or(*sum),
            _ => self.amounts.push_back((cell, amount)),
        }
        self.used = self.used.checked_add(amount).unwrap_or(self.used);
        self.until = now.saturating_add(window.length());
    }
}
