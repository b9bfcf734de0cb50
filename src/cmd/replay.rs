//! `policylayer replay`: the recorded calls, decided again under another policy.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstream::AutoStream;
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use super::calls::{Call, InOrder, Replayer};
use super::records::{self, Records};
use super::{Env, plural};
use crate::cli::{LogFormat, ReplayArgs};
use crate::exit::Exit;
use crate::limits::MAX_TOLD_APART;
use crate::paths;
use crate::policy::Effect;
use crate::settings::Settings;
use crate::term::message;
use crate::term::style::{DIM, ERROR, SUCCESS, WARN, local, terminal_width};
use crate::term::table::{Cell, Table};
use crate::visible::visible;

/// Decides the recorded calls again and prints which decisions change. That some do is no failure.
///
/// # Errors
/// Where the server's name is none, or the log cannot be read.
pub fn run(args: &ReplayArgs, env: &Env) -> anyhow::Result<Exit> {
    let now = Zoned::now();
    let server = match records::the_server(args.server.as_deref(), Some(&args.policy), env)? {
        Ok(server) => server,
        Err((exit, why)) => {
            message::print_error(&why);
            return Ok(exit);
        }
    };
    let loaded = match paths::load_policy(Some(&args.policy), &server, &Settings::default(), env) {
        Ok(loaded) => loaded,
        Err(error) => return Ok(super::report_exit(&error, error.exit())),
    };
    let mut records = Records::open(Some(&server), env)?;
    if let Some(nothing) = records.nothing_yet()? {
        message::print_error(&nothing);
        return Ok(Exit::Failed);
    }
    let since = args.since.map(|since| since.moment(&now));
    let mut replayed = Replayed::default();
    let mut replayer = Replayer::new(&loaded.policy);
    let mut order = InOrder::default();
    records.each(|line, _| {
        if since.is_none_or(|since| line.time >= since)
            && let Some(call) = Call::of(line)
            && let Some(next) = order.push(call)
        {
            replayed.add(&next, &mut replayer);
        }
        Ok(())
    })?;
    while let Some(next) = order.pop() {
        replayed.add(&next, &mut replayer);
    }
    let file = loaded.policy.summary().file.unwrap_or_default().to_owned();
    let mut out = AutoStream::auto(io::stdout()).lock();
    match args.format {
        LogFormat::Table => replayed.text(&mut out, server.as_str(), &file, &now)?,
        LogFormat::Json => {
            serde_json::to_writer_pretty(&mut out, &replayed.json(server.as_str(), &file))?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    Ok(Exit::Ok)
}

/// A change, by what it changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    tool: String,
    was: &'static str,
    becomes: &'static str,
    rule: String,
}

#[derive(Debug)]
struct Change {
    count: u64,
    /// How the log says it was decided.
    recorded_rule: String,
    reason: Option<String>,
    /// The first of them.
    example: Timestamp,
    session: String,
}

/// What came of the calls.
#[derive(Debug, Default)]
struct Replayed {
    calls: u64,
    same: u64,
    changed: u64,
    changes: BTreeMap<Key, Change>,
    /// The calls whose decision depends on arguments that the log does not have, by tool.
    uncertain: BTreeMap<String, u64>,
    uncertain_calls: u64,
}

impl Replayed {
    fn add(&mut self, call: &Call, replayer: &mut Replayer<'_>) {
        self.calls += 1;
        let Some(verdict) = replayer.decide(call) else {
            self.uncertain_calls += 1;
            if self.uncertain.len() < MAX_TOLD_APART || self.uncertain.contains_key(&*call.tool) {
                *self.uncertain.entry(call.tool.to_string()).or_default() += 1;
            }
            return;
        };
        if verdict.effect == call.effect {
            self.same += 1;
            return;
        }
        self.changed += 1;
        let key = Key {
            tool: call.tool.to_string(),
            was: call.effect.as_str(),
            becomes: verdict.effect.as_str(),
            rule: verdict.rule,
        };
        if self.changes.len() >= MAX_TOLD_APART && !self.changes.contains_key(&key) {
            return;
        }
        let change = self.changes.entry(key).or_insert_with(|| Change {
            count: 0,
            recorded_rule: call.rule.to_string(),
            reason: verdict.reason,
            example: call.time,
            session: call.session.to_string(),
        });
        change.count += 1;
    }

    /// The changes, the most frequent first.
    fn sorted(&self) -> Vec<(&Key, &Change)> {
        let mut changes: Vec<_> = self.changes.iter().collect();
        changes.sort_by_key(|(_, change)| std::cmp::Reverse(change.count));
        changes
    }

    fn text(&self, out: &mut dyn Write, server: &str, file: &str, now: &Zoned) -> io::Result<()> {
        let Self { calls, same, changed, uncertain_calls, .. } = self;
        if *calls == 0 {
            return writeln!(out, "The log of {server} has no call that is meant.");
        }
        writeln!(
            out,
            "{} of {server} under {file}: {same} decided as before, {changed} otherwise.",
            plural(*calls, "call")
        )?;
        if !self.changes.is_empty() {
            writeln!(out)?;
            let rows: Vec<_> = self.sorted().into_iter().map(|(key, change)| row(key, change, now)).collect();
            let header = ["TOOL", " CALLS", "WAS", "BECOMES", "RULE", "EXAMPLE", "REASON"];
            Table::new(&header, terminal_width()).write(out, &rows)?;
        }
        if *uncertain_calls > 0 {
            let tools: Vec<_> =
                self.uncertain.iter().map(|(tool, count)| format!("{} ({count})", visible(tool))).collect();
            writeln!(
                out,
                "\n{WARN}{} cannot be decided again for certain{WARN:#}: a rule looks at arguments, and the log has only \
                 their keys: {}.\nNo limit counts them here. Set `arguments = \"full\"` under \
                 `[audit]` in config.toml, and calls from then on can be.",
                plural(*uncertain_calls, "call"),
                tools.join(", ")
            )?;
        }
        Ok(())
    }

    fn json<'r>(&'r self, server: &'r str, file: &'r str) -> Json<'r> {
        let changes = self.sorted().into_iter().map(|(key, change)| JsonChange {
            tool: &key.tool,
            calls: change.count,
            was: key.was,
            recorded_rule: &change.recorded_rule,
            becomes: key.becomes,
            rule: &key.rule,
            reason: change.reason.as_deref(),
            example: change.example.to_string(),
            session: &change.session,
        });
        Json {
            server,
            file,
            calls: self.calls,
            same: self.same,
            changed: self.changed,
            changes: changes.collect(),
            uncertain: self.uncertain_calls,
            uncertain_tools: self.uncertain.iter().map(|(tool, calls)| Uncertain { tool, calls: *calls }).collect(),
        }
    }
}

fn row(key: &Key, change: &Change, now: &Zoned) -> Vec<Cell> {
    let becomes = match key.becomes {
        word if word == Effect::Allow.as_str() => SUCCESS,
        word if word == Effect::RequireApproval.as_str() => WARN,
        _ => ERROR,
    };
    vec![
        Cell::plain(visible(&key.tool)),
        Cell::plain(format!("{:>6}", change.count)),
        Cell::plain(key.was),
        Cell::styled(key.becomes, becomes),
        Cell::plain(visible(&key.rule)),
        Cell::styled(local(change.example, now), DIM),
        Cell::plain(change.reason.as_deref().map(visible).unwrap_or_default()),
    ]
}

/// What `--format json` prints. Fields are added to it and never taken away.
#[derive(Serialize)]
struct Json<'r> {
    server: &'r str,
    file: &'r str,
    calls: u64,
    same: u64,
    changed: u64,
    changes: Vec<JsonChange<'r>>,
    uncertain: u64,
    uncertain_tools: Vec<Uncertain<'r>>,
}

#[derive(Serialize)]
struct JsonChange<'r> {
    tool: &'r str,
    calls: u64,
    was: &'r str,
    recorded_rule: &'r str,
    becomes: &'r str,
    rule: &'r str,
    reason: Option<&'r str>,
    example: String,
    session: &'r str,
}

#[derive(Serialize)]
struct Uncertain<'r> {
    tool: &'r str,
    calls: u64,
}
