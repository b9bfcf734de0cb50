//! How close recorded calls came to the limits of the policy in force now.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::limit::{align_word, exact_seconds};
use super::recorded_calls::RecordedCall;
use crate::limits::MAX_TOLD_APART;
use crate::policy::{Amount, Increment, Limit, Policy, Scope, ServerName, Window};

/// The number of parts that a sliding window is divided into.
const CELLS: u128 = 1024;

/// The share of its maximum from which a limit is near its ceiling.
const NEAR: f64 = 0.8;

/// The most that a window of a limit held.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LimitPeak {
    /// The server.
    pub(crate) server: String,
    /// The limit's path in the policy document.
    pub(crate) rule: String,
    /// The tool of the call that reached the peak.
    pub(crate) tool: String,
    /// How much the window held.
    pub(crate) used: Amount,
    /// How much a window lets through.
    pub(crate) max: Amount,
    /// The share of the limit that was used; 1 is all of it.
    pub(crate) share: f64,
    /// Whether the peak is near the limit: four fifths or more.
    pub(crate) near: bool,
    /// The length of the window, in seconds.
    #[serde(serialize_with = "exact_seconds")]
    pub(crate) window: Window,
    /// `sliding` or `calendar`.
    pub(crate) align: &'static str,
    /// Whose calls are counted together.
    pub(crate) scope: Scope,
    /// The time of the call that reached the peak.
    pub(crate) at: Timestamp,
}

impl LimitPeak {
    fn new(server: &str, limit: &Limit, call: &RecordedCall, used: Amount) -> Self {
        let max = limit.max.as_nanos();
        #[expect(clippy::cast_precision_loss, reason = "a share is for people")]
        let share = if max == 0 { 1.0 } else { used.as_nanos() as f64 / max as f64 };
        Self {
            server: server.to_owned(),
            rule: limit.rule.clone(),
            tool: call.subject.as_deref().name().to_owned(),
            used,
            max: limit.max,
            share,
            near: share >= NEAR,
            window: limit.window,
            align: align_word(limit.window),
            scope: limit.scope,
            at: call.time,
        }
    }
}

/// The limits of one server's policy, and what was counted for them.
#[derive(Debug)]
pub(crate) struct LimitPeaks {
    server: String,
    policy: Policy,
    /// By the limit's rule, and by the session if the limit is per session.
    windows: HashMap<(String, Option<Box<str>>), WindowSum>,
    peaks: BTreeMap<String, LimitPeak>,
}

impl LimitPeaks {
    pub(crate) fn new(server: &ServerName, policy: Policy) -> Self {
        Self { server: server.to_string(), policy, windows: HashMap::new(), peaks: BTreeMap::new() }
    }

    /// Counts a call of a tool that was passed on. Calls must come in the order of their times.
    pub(crate) fn count_call(&mut self, call: &RecordedCall) {
        let now = call.unix_time();
        for limit in self.policy.limits_of(call.tool().unwrap_or_default()) {
            let arguments = match (&limit.increment, &call.arguments) {
                (_, Some(arguments)) => arguments.as_str(),
                (Increment::Fixed(_), None) => "{}",
                (Increment::From { .. }, None) => continue,
            };
            let Ok(amount) = limit.increment.amount_for(arguments) else { continue };
            if self.windows.len() >= MAX_TOLD_APART {
                self.windows.retain(|_, sum| sum.until > now);
                if self.windows.len() >= MAX_TOLD_APART {
                    self.windows.clear();
                }
            }
            let session = (limit.scope == Scope::Session).then(|| call.session.clone());
            let sum = self.windows.entry((limit.rule.clone(), session)).or_default();
            sum.add_amount(limit.window, amount, now);
            if self.peaks.get(&limit.rule).is_none_or(|peak| peak.used < sum.used) {
                let peak = LimitPeak::new(&self.server, limit, call, sum.used);
                self.peaks.insert(limit.rule.clone(), peak);
            }
        }
    }

    /// Returns the peaks of the limits for which something was counted, by rule.
    pub(crate) fn into_peaks(self) -> impl Iterator<Item = LimitPeak> {
        self.peaks.into_values()
    }
}

/// The content of one counter's window.
#[derive(Debug, Default)]
struct WindowSum {
    /// By their cell of time, the newest last.
    amounts: VecDeque<(u128, Amount)>,
    used: Amount,
    /// When all of it has expired.
    until: Duration,
}

impl WindowSum {
    fn add_amount(&mut self, window: Window, amount: Amount, now: Duration) {
        let length = window.length().as_nanos().max(1);
        // A calendar unit is a single cell.
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
