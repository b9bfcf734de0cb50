//! What the log comes to, for a program. Fields are added and never taken away.

use serde::Serialize;
use serde_json::value::RawValue;

use super::tally::Tally;
use super::{Limits, NEAR};
use crate::policy::{Amount, Window};
use crate::report::limit::scope_word;

#[derive(Serialize)]
pub(super) struct Json<'t> {
    first: Option<String>,
    last: Option<String>,
    decisions: u64,
    other_decisions: u64,
    lost: u64,
    killed: u64,
    not_told_apart: u64,
    tools: Vec<Tool<'t>>,
    refusals: Vec<Refusals<'t>>,
    limits: Vec<Limit<'t>>,
    sessions: Vec<Session<'t>>,
}

#[derive(Serialize)]
struct Tool<'t> {
    server: &'t str,
    tool: &'t str,
    class: Option<&'t str>,
    calls: u64,
    allow: u64,
    deny: u64,
    hide: u64,
    require_approval: u64,
    observed: u64,
    refused: u64,
    failed: u64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

#[derive(Serialize)]
struct Refusals<'t> {
    server: &'t str,
    rule: &'t str,
    effect: &'t str,
    count: u64,
    last: String,
    reason: Option<&'t str>,
}

#[derive(Serialize)]
struct Limit<'t> {
    server: &'t str,
    rule: &'t str,
    tool: &'t str,
    used: Box<RawValue>,
    max: Box<RawValue>,
    share: f64,
    near: bool,
    /// In seconds.
    window: f64,
    align: &'static str,
    scope: &'static str,
    at: String,
}

#[derive(Serialize)]
struct Session<'t> {
    session: &'t str,
    server: &'t str,
    client: Option<Client<'t>>,
    first: String,
    last: String,
    decisions: u64,
}

#[derive(Serialize)]
struct Client<'t> {
    name: &'t str,
    version: &'t str,
}

impl<'t> Json<'t> {
    pub(super) fn new(tally: &'t Tally, limits: &'t Limits) -> serde_json::Result<Self> {
        let tools = tally.tools.iter().map(|((server, name), tool)| Tool {
            server,
            tool: name,
            class: tool.class.as_deref(),
            calls: tool.calls,
            allow: tool.allow,
            deny: tool.deny,
            hide: tool.hide,
            require_approval: tool.require_approval,
            observed: tool.observed,
            refused: tool.refused,
            failed: tool.failed,
            p50_ms: tool.latency.percentile(50),
            p99_ms: tool.latency.percentile(99),
        });
        let refusals = tally.refusals.iter().map(|((server, rule), refusals)| Refusals {
            server,
            rule,
            effect: &refusals.effect,
            count: refusals.count,
            last: refusals.last.to_string(),
            reason: refusals.reason.as_deref(),
        });
        let sessions = tally.sessions.iter().map(|(id, session)| Session {
            session: id,
            server: &session.server,
            client: session.client.as_ref().map(|(name, version)| Client { name, version }),
            first: session.first.to_string(),
            last: session.last.to_string(),
            decisions: session.decisions,
        });
        // As text, so that no amount is rounded.
        let number = |amount: Amount| RawValue::from_string(amount.to_string());
        let limits = limits.servers.iter().flat_map(|(server, (_, ceilings))| {
            ceilings.peaks().map(move |peak| {
                Ok(Limit {
                    server,
                    rule: &peak.limit.rule,
                    tool: &peak.tool,
                    used: number(peak.used)?,
                    max: number(peak.limit.max)?,
                    share: peak.share(),
                    near: peak.share() >= NEAR,
                    window: peak.limit.window.length().as_secs_f64(),
                    align: match peak.limit.window {
                        Window::Sliding(_) => "sliding",
                        Window::Calendar(_) => "calendar",
                    },
                    scope: scope_word(peak.limit.scope),
                    at: peak.at.to_string(),
                })
            })
        });
        let mut refusals: Vec<_> = refusals.collect();
        refusals.sort_by_key(|refusals| std::cmp::Reverse(refusals.count));
        Ok(Self {
            first: tally.first.map(|first| first.to_string()),
            last: tally.last.map(|last| last.to_string()),
            decisions: tally.decisions,
            other_decisions: tally.others,
            lost: tally.lost,
            killed: tally.killed,
            not_told_apart: tally.not_told_apart,
            tools: tools.collect(),
            refusals,
            limits: limits.collect::<Result<_, _>>()?,
            sessions: sessions.collect(),
        })
    }
}
