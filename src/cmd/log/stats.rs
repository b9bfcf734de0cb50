//! `policylayer log stats`: what the log comes to.

mod json;
mod tally;
mod text;

use std::collections::BTreeMap;
use std::io::Write as _;

use anstream::AutoStream;
use jiff::Zoned;
use tally::Tally;

use super::super::Env;
use super::super::calls::{Call, InOrder};
use super::super::records::Records;
use super::ceilings::Ceilings;
use super::filter::Filter;
use crate::cli::{LogFormat, StatsArgs};
use crate::exit::Exit;
use crate::paths;
use crate::policy::ServerName;
use crate::settings::Settings;
use crate::term::message;

/// Counts the lines that are meant, and prints what they come to.
pub(super) fn run(args: &StatsArgs, env: &Env) -> anyhow::Result<Exit> {
    let now = Zoned::now();
    let filter = Filter::new(&args.filters, &now)?;
    let mut records = Records::open(filter.server(), env)?;
    if let (Some(nothing), LogFormat::Table) = (records.nothing_yet()?, args.format) {
        writeln!(anstream::stdout(), "{nothing}")?;
        return Ok(Exit::Ok);
    }
    let mut tally = Tally::default();
    let mut limits = Limits::default();
    match paths::load_settings(env) {
        Ok(settings) => records.servers().for_each(|server| limits.load(server, &settings, env)),
        Err(error) => message::print_warning(&format!("Limits are left out. {error}")),
    }
    records.each(|line, _| {
        if filter.takes(line) {
            tally.add(line);
            if let Some(call) = Call::of(line) {
                limits.add(&line.server, call);
            }
        }
        Ok(())
    })?;
    limits.finish();
    let mut out = AutoStream::auto(std::io::stdout()).lock();
    match args.format {
        LogFormat::Table => text::write(&mut out, &tally, &limits, &now)?,
        LogFormat::Json => super::super::print_json(&json::Json::new(&tally, &limits)?)?,
    }
    out.flush()?;
    Ok(Exit::Ok)
}

/// From which share of its maximum on a limit is near its ceiling.
const NEAR: f64 = 0.8;

/// The limits of each server's policy, as far as it can be loaded.
#[derive(Debug, Default)]
struct Limits {
    servers: BTreeMap<String, (InOrder, Ceilings)>,
}

impl Limits {
    fn load(&mut self, server: &ServerName, settings: &Settings, env: &Env) {
        match paths::load_policy(None, server, settings, env) {
            Ok(loaded) => {
                let ceilings = Ceilings::new(loaded.policy);
                self.servers.insert(server.as_str().to_owned(), (InOrder::default(), ceilings));
            }
            Err(error) => message::print_warning(&format!("The limits of {server} are left out. {error}")),
        }
    }

    fn add(&mut self, server: &str, call: Call) {
        if let Some((order, ceilings)) = self.servers.get_mut(server)
            && call.reached_the_server()
            && let Some(next) = order.push(call)
        {
            ceilings.count(&next);
        }
    }

    fn finish(&mut self) {
        for (order, ceilings) in self.servers.values_mut() {
            while let Some(next) = order.pop() {
                ceilings.count(&next);
            }
        }
    }
}
