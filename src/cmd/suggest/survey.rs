//! What was used of a server, and what of it a policy refuses.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::super::calls::{Call, InOrder, Replayer};
use super::super::records::Records;
use crate::limits::MAX_TOLD_APART;
use crate::policy::Policy;
use crate::report::survey::{UsageSurvey, refuses};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Goes through the log.
pub(super) struct Collector;

impl Collector {
    pub(super) fn collect(
        records: &mut Records,
        policy: &Policy,
        since: Option<Timestamp>,
    ) -> anyhow::Result<UsageSurvey> {
        let mut survey = UsageSurvey::default();
        let mut minutes = Minutes::default();
        let mut replayer = Replayer::new(policy);
        let mut order = InOrder::default();
        records.each(|line, _| {
            if since.is_none_or(|since| line.time >= since)
                && let Some(call) = Call::of(line).filter(Call::reached_the_server)
                && let Some(next) = order.push(call)
            {
                Self::add(&mut survey, &next, &mut minutes, &mut replayer);
            }
            Ok(())
        })?;
        while let Some(next) = order.pop() {
            Self::add(&mut survey, &next, &mut minutes, &mut replayer);
        }
        Ok(survey)
    }

    fn add(survey: &mut UsageSurvey, call: &Call, minutes: &mut Minutes, replayer: &mut Replayer<'_>) {
        survey.calls += 1;
        survey.first = survey.first.or(Some(call.time));
        survey.last = Some(call.time);
        if survey.tools.len() >= MAX_TOLD_APART && !survey.tools.contains_key(&*call.tool) {
            survey.left_out += 1;
            return;
        }
        let used = survey.tools.entry(call.tool.to_string()).or_default();
        used.calls += 1;
        used.peak = used.peak.max(minutes.count(call));
        if call.class.is_some() {
            used.class = call.class.as_ref().map(ToString::to_string);
        }
        let refusal = match replayer.decide(call) {
            Some(verdict) => refuses(verdict.effect).then_some(verdict.rule),
            // What it looks at is not in the log. Where a rule of the tool refused then, it may do so again.
            None => refuses(call.effect).then(|| call.rule.to_string()),
        };
        if let Some(rule) = refusal {
            *survey.refused.entry((call.tool.to_string(), rule)).or_default() += 1;
        }
    }
}

/// The calls of the last minute, by session and tool.
#[derive(Debug, Default)]
struct Minutes(HashMap<(Box<str>, Box<str>), VecDeque<Timestamp>>);

impl Minutes {
    /// How many calls, with this one, the session made of the tool in the last minute.
    fn count(&mut self, call: &Call) -> u64 {
        let is_over = |then: &Timestamp| call.time.duration_since(*then) >= MINUTE;
        if self.0.len() >= MAX_TOLD_APART {
            self.0.retain(|_, times| times.back().is_some_and(|last| !is_over(last)));
        }
        let times = self.0.entry((call.session.clone(), call.tool.clone())).or_default();
        while times.front().is_some_and(is_over) {
            times.pop_front();
        }
        times.push_back(call.time);
        times.len() as u64
    }
}
