//! `policylayer log`: the decisions in the audit log, and new ones as they are made.

mod policy;
mod rows;
mod stats;
mod verify;

use std::collections::VecDeque;
use std::thread;

use jiff::Zoned;
use rows::{Columns, LinePrinter};

use super::output::print;
use super::{Env, tool_server};
use crate::cli::{Filters, Format, Last, LogArgs, LogCommand};
use crate::exit::Exit;
use crate::limits::FOLLOW_LOOK;
use crate::paths;
use crate::record::LogLine;
use crate::report::log_records::{LogError, LogFilter, LogRecords};
use crate::term::message;

const LAST: usize = 50;

/// How many decisions are printed before new ones are followed.
const LAST_BEFORE: usize = 10;

/// Prints the log, or runs the named subcommand.
pub(crate) fn run(args: &LogArgs, env: &Env) -> anyhow::Result<Exit> {
    match &args.command {
        Some(LogCommand::Policy(args)) => policy::run(args, env),
        Some(LogCommand::Stats(args)) => stats::run(args, env),
        Some(LogCommand::Verify(args)) => verify::run(args, env),
        None => print_log(args, env),
    }
}

fn open_records(
    key: Option<&String>,
    filters: &Filters,
    now: &Zoned,
    env: &Env,
) -> anyhow::Result<(LogRecords, LogFilter)> {
    let Filters { server, tool, effect, outcome, session, since } = filters.clone();
    let since = since.map(|since| since.resolve_at(now));
    let (server, dir) = tool_server::find_log(key.or(server.as_ref()).map(String::as_str), env)?;
    let records = LogRecords::open(&dir.join(paths::AUDIT_DIR), server.as_ref())?;
    Ok((records, LogFilter { tool, effect, outcome, session, since }))
}

fn print_log(args: &LogArgs, env: &Env) -> anyhow::Result<Exit> {
    let now = Zoned::now();
    let (mut records, filter) = open_records(args.key.as_ref(), &args.filters, &now, env)?;
    if let Some(missing) = records.find_missing()? {
        if matches!(missing, LogError::Gone { .. }) {
            return Err(missing.into());
        }
        match (args.follow, args.format) {
            (true, _) => message::print_note(&format!("{missing} Waiting for it.")),
            (false, Format::Json) => message::print_note(&missing.to_string()),
            (false, Format::Text) => print(|out| writeln!(out, "{missing}"))?,
        }
        if !args.follow {
            return Ok(Exit::Ok);
        }
    }
    let last = args.limit.unwrap_or(match (args.filters.since, args.follow) {
        (Some(_), _) => Last::All,
        (None, true) => Last::Some(LAST_BEFORE),
        (None, false) => Last::Some(LAST),
    });
    let shows_server =
        args.key.is_none() && args.filters.server.is_none() && (args.follow || records.servers().len() > 1);
    let columns = if shows_server { Columns::WithServer } else { Columns::OfOneServer };
    let mut printer = LinePrinter::new(args.format, columns, &now);
    match last {
        Last::All => print_new(&mut printer, &mut records, &filter)?,
        Last::Some(count) => print_last(count, &mut printer, &mut records, &filter)?,
    }
    if !args.follow {
        if printer.count == 0 && records.servers().len() > 0 {
            message::print_note("No line of the log matches.");
        }
        return Ok(Exit::Ok);
    }
    loop {
        thread::sleep(FOLLOW_LOOK);
        records.look_again()?;
        print_new(&mut printer, &mut records, &filter)?;
    }
}

/// Prints the matching lines that were not read yet.
fn print_new(printer: &mut LinePrinter, records: &mut LogRecords, filter: &LogFilter) -> anyhow::Result<()> {
    let print = |line: &LogLine<'_>, text: &str| -> anyhow::Result<()> {
        if filter.matches(line) {
            printer.print_line(text)?;
        }
        Ok(())
    };
    records.for_each(print)?.iter().for_each(|warning| message::print_warning(warning));
    Ok(printer.flush()?)
}

fn print_last(
    count: usize,
    printer: &mut LinePrinter,
    records: &mut LogRecords,
    filter: &LogFilter,
) -> anyhow::Result<()> {
    let mut kept: VecDeque<String> = VecDeque::new();
    let keep = |line: &LogLine<'_>, text: &str| -> anyhow::Result<()> {
        if count > 0 && filter.matches(line) {
            let oldest = if kept.len() == count { kept.pop_front() } else { None };
            let mut spare = oldest.unwrap_or_default();
            spare.clear();
            spare.push_str(text);
            kept.push_back(spare);
        }
        Ok(())
    };
    records.for_each(keep)?.iter().for_each(|warning| message::print_warning(warning));
    kept.iter().try_for_each(|text| printer.print_line(text))?;
    Ok(printer.flush()?)
}
