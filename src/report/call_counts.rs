//! What became of tool calls, counted: of a tool, or in a stretch of time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::latency::Latency;
use crate::record::{Outcome, Record};

/// How many stretches of time are told apart.
const MAX_STRETCHES: i64 = 48;

/// How long they can be, in seconds: from a minute to four weeks.
const LENGTHS: [i64; 10] = [60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800, 2_419_200];

/// What became of tool calls.
#[derive(Debug, Default, Serialize)]
pub(crate) struct CallCounts {
    /// How many calls there were.
    pub(crate) calls: u64,
    /// How many were allowed.
    pub(crate) allow: u64,
    /// How many were denied.
    pub(crate) deny: u64,
    /// How many were refused because the tool is hidden.
    pub(crate) hide: u64,
    /// How many needed an approval.
    pub(crate) require_approval: u64,
    /// How many would have been refused but were passed on (`wrap --observe`).
    pub(crate) observed: u64,
    /// How many were not passed on.
    pub(crate) refused: u64,
    /// How many the server answered with an error, or never answered.
    pub(crate) failed: u64,
    /// How long the answers took: `p50_ms` and `p99_ms`.
    #[serde(flatten)]
    pub(crate) latency: Latency,
}

impl CallCounts {
    /// Counts the record of a tool call.
    pub(super) fn add_record(&mut self, record: &Record<'_>) {
        self.calls += 1;
        *match &*record.effect {
            "allow" => &mut self.allow,
            "hide" => &mut self.hide,
            "require_approval" => &mut self.require_approval,
            _ => &mut self.deny,
        } += 1;
        let was_passed_on = record.was_passed_on();
        match record.outcome {
            _ if !was_passed_on => self.refused += 1,
            Outcome::Refused | Outcome::Ok | Outcome::Cancelled => {}
            Outcome::ToolError | Outcome::Error | Outcome::ServerDied | Outcome::Unknown => self.failed += 1,
        }
        if record.observed && record.effect != "allow" && was_passed_on {
            self.observed += 1;
        }
        if let (Some(ms), Outcome::Ok | Outcome::ToolError | Outcome::Error) = (record.duration_ms, record.outcome) {
            self.latency.add_milliseconds(ms);
        }
    }

    fn add_all(&mut self, other: Self) {
        self.calls += other.calls;
        self.allow += other.allow;
        self.deny += other.deny;
        self.hide += other.hide;
        self.require_approval += other.require_approval;
        self.observed += other.observed;
        self.refused += other.refused;
        self.failed += other.failed;
        self.latency.add_all(other.latency);
    }
}

/// What became of the tool calls of a stretch of time.
#[derive(Debug, Serialize)]
pub(crate) struct StretchStats {
    /// When it begins.
    pub(crate) from: Timestamp,
    /// When it ends.
    pub(crate) to: Timestamp,
    /// What became of its calls.
    #[serde(flatten)]
    pub(crate) counts: CallCounts,
}

/// Tool calls by time, in stretches of one length, which grows with the time that there is to show.
#[derive(Debug, Default)]
pub(super) struct CallTimes {
    /// The index of the length in [`LENGTHS`].
    length: usize,
    /// By the number of the stretch since 1970.
    stretches: BTreeMap<i64, CallCounts>,
}

impl CallTimes {
    pub(super) fn add_record(&mut self, time: Timestamp, record: &Record<'_>) {
        self.stretches.entry(time.as_second().div_euclid(self.seconds())).or_default().add_record(record);
        self.lengthen();
    }

    /// Takes longer stretches until there are few enough.
    fn lengthen(&mut self) {
        while self.span().is_some_and(|(first, last)| last - first >= MAX_STRETCHES) && self.length + 1 < LENGTHS.len()
        {
            let shorter = self.seconds();
            self.length += 1;
            for (number, counts) in std::mem::take(&mut self.stretches) {
                let longer = (number * shorter).div_euclid(self.seconds());
                self.stretches.entry(longer).or_default().add_all(counts);
            }
        }
    }

    fn seconds(&self) -> i64 {
        LENGTHS.get(self.length).copied().unwrap_or(60)
    }

    fn span(&self) -> Option<(i64, i64)> {
        Some((*self.stretches.first_key_value()?.0, *self.stretches.last_key_value()?.0))
    }

    /// Returns the stretches from the first call to the last, also those without one; of too many, the last.
    pub(super) fn into_stretches(mut self) -> Vec<StretchStats> {
        let Some((first, last)) = self.span() else { return Vec::new() };
        let seconds = self.seconds();
        let stretches = (first.max(last - MAX_STRETCHES + 1)..=last).filter_map(|number| {
            let at = |number: i64| Timestamp::from_second(number * seconds).ok();
            let counts = self.stretches.remove(&number).unwrap_or_default();
            Some(StretchStats { from: at(number)?, to: at(number + 1)?, counts })
        });
        stretches.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(seconds: &[i64]) -> Vec<(i64, u64)> {
        let mut times = CallTimes::default();
        for second in seconds {
            times.stretches.entry(second.div_euclid(times.seconds())).or_default().calls += 1;
            times.lengthen();
        }
        times.into_stretches().iter().map(|it| (it.from.as_second(), it.counts.calls)).collect()
    }

    #[test]
    fn stretches_grow_with_the_time_and_lose_no_call() {
        assert_eq!(stretches(&[]), []);
        assert_eq!(stretches(&[59, 0, 61, 200]), [(0, 2), (60, 1), (120, 0), (180, 1)]);
        // Lines of several sessions come in any order.
        for seconds in [[0, 60 * 47, 60 * 48], [60 * 48, 0, 60 * 47]] {
            let found = stretches(&seconds);
            assert_eq!((found.len(), found.iter().map(|(_, calls)| calls).sum::<u64>()), (10, 3), "{found:?}");
        }
        let year = stretches(&[0, 86_400 * 365]);
        assert!(
            year.len() <= 48 && year.first() == Some(&(0, 1)) && year.last().is_some_and(|last| last.1 == 1),
            "{year:?}"
        );
        // Of what no length can hold, the last is shown.
        let ages = stretches(&[-62_135_596_800, 0]);
        assert!(ages.len() == 48 && ages.last().is_some_and(|last| last.1 == 1), "{ages:?}");
    }
}
