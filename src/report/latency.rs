//! How long answers took, in a histogram of bounded size.

use std::collections::BTreeMap;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

/// Durations, each with an error of at most a fortieth. Serializes as the members `p50_ms` and `p99_ms`.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    /// The number of durations, by the logarithm of their microseconds.
    counts: BTreeMap<u16, u64>,
    count: u64,
}

/// The ratio of one step of the histogram to the one before.
const STEP: f64 = 1.05;

/// Its root: a duration belongs to the step that is nearest.
const HALF_STEP: f64 = 1.024_695_076_595_96;

impl Latency {
    pub(crate) fn add_milliseconds(&mut self, ms: f64) {
        let (microseconds, mut step, mut until) = (ms * 1_000.0 + 1.0, 0, HALF_STEP);
        // A logarithm would be all that the program has of the C library's mathematics, which each start would load.
        while until < microseconds && step < u16::MAX {
            until *= STEP;
            step += 1;
        }
        *self.counts.entry(step).or_default() += 1;
        self.count += 1;
    }

    /// Adds all durations of another.
    pub(crate) fn add_all(&mut self, other: Self) {
        for (step, count) in other.counts {
            *self.counts.entry(step).or_default() += count;
        }
        self.count += other.count;
    }

    /// Returns the milliseconds within which this percentage of the answers came; `None` if there are none.
    pub(crate) fn percentile(&self, percent: u64) -> Option<f64> {
        let wanted = (self.count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let step = self.counts.iter().find_map(|(step, count)| {
            seen += count;
            (seen >= wanted).then_some(*step)
        })?;
        let ms = (STEP.powi(step.into()) - 1.0) / 1_000.0;
        Some((ms * 1_000.0).round() / 1_000.0)
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("p50_ms", &self.percentile(50))?;
        map.serialize_entry("p99_ms", &self.percentile(99))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_near_the_truth() {
        let mut latency = Latency::default();
        assert_eq!(latency.percentile(50), None);
        for ms in 1..=1_000 {
            latency.add_milliseconds(f64::from(ms));
        }
        for (percent, truth) in [(50, 500.0), (99, 990.0), (100, 1_000.0)] {
            let found = latency.percentile(percent).unwrap();
            assert!((found / truth - 1.0).abs() < 0.026, "p{percent}: {found}");
        }
        let mut one = Latency::default();
        one.add_milliseconds(0.0);
        assert_eq!(one.percentile(99), Some(0.0));
        one.add_milliseconds(f64::INFINITY);
        assert!(one.percentile(99).is_some());
    }
}
