//! How close recorded calls came to the limits of the policy in force now.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::limit::{align_word, exact_seconds};
use super::recorded_calls::RecordedCall;
use crate::engine::find_item;
use crate::limits::MAX_TOLD_APART;
use crate::policy::{Amount, Increment, Limit, Policy, RequestSubject, Scope, ServerName, Window};

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
    /// The tool, resource, prompt or method of the call that reached the peak.
    #[serde(flatten)]
    pub(crate) subject: RequestSubject<Box<str>>,
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
            subject: call.subject.clone(),
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
    windows: Windows,
    peaks: BTreeMap<String, LimitPeak>,
}

impl LimitPeaks {
    pub(crate) fn new(server: &ServerName, policy: Policy) -> Self {
        Self { server: server.to_string(), policy, windows: HashMap::new(), peaks: BTreeMap::new() }
    }

    /// Counts a call or another request that was passed on. They must come in the order of their times.
    pub(crate) fn count_call(&mut self, call: &RecordedCall) {
        let Self { server, policy, windows, peaks } = self;
        let mut count = |limit: &Limit| {
            if let Some(used) = count_amount(windows, limit, call)
                && peaks.get(&limit.rule).is_none_or(|peak| peak.used < used)
            {
                peaks.insert(limit.rule.clone(), LimitPeak::new(server, limit, call, used));
            }
        };
        match call.section() {
            None => policy.limits_of(call.tool().unwrap_or_default()).for_each(&mut count),
            Some((section, name)) => policy.limits_of_item(find_item(policy, section, name)).for_each(&mut count),
        }
    }

    /// Returns the peaks of the limits for which something was counted, by rule.
    pub(crate) fn into_peaks(self) -> impl Iterator<Item = LimitPeak> {
        self.peaks.into_values()
    }
}

/// Counts a call for a limit. Returns how much the limit's window holds then; `None` if the log does not say how much the
/// call counts.
fn count_amount(windows: &mut Windows, limit: &Limit, call: &RecordedCall) -> Option<Amount> {
    let now = call.unix_time();
    let arguments = match (&limit.increment, &call.arguments) {
        (_, Some(arguments)) => arguments.as_str(),
        (Increment::Fixed(_), None) => "{}",
        (Increment::From { .. }, None) => return None,
    };
    let amount = limit.increment.amount_for(arguments).ok()?;
    if windows.len() >= MAX_TOLD_APART {
        windows.retain(|_, sum| sum.until > now);
        if windows.len() >= MAX_TOLD_APART {
            windows.clear();
        }
    }
    let session = (limit.scope == Scope::Session).then(|| call.session.clone());
    let sum = windows.entry((limit.rule.clone(), session)).or_default();
    sum.add_amount(limit.window, amount, now);
    Some(sum.used)
}

/// By the limit's rule, and by the session if the limit is per session.
type Windows = HashMap<(String, Option<Box<str>>), WindowSum>;

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
