//! `policylayer log`: the decisions, as they stand in the audit log or as they are made.

mod ceilings;
mod filter;
mod latency;
mod rows;
mod stats;
mod verify;

use std::collections::VecDeque;
use std::io::{self, BufWriter, Write};
use std::thread;

use anstream::AutoStream;
use filter::Filter;
use jiff::Zoned;
use rows::{Columns, Rows};

use super::Env;
use super::records::Records;
use crate::cli::{Last, LogArgs, LogCommand, LogFormat};
use crate::exit::Exit;
use crate::limits::FOLLOW_LOOK;
use crate::record;
use crate::term::message;

/// How many decisions are printed where nothing says how many.
const LAST: usize = 50;

/// And before those that are made from now on.
const LAST_BEFORE: usize = 10;

/// Prints the log, or hands on to the verb that is named.
///
/// # Errors
/// Where a server's name is none, or the log cannot be read.
pub fn run(args: &LogArgs, env: &Env) -> anyhow::Result<Exit> {
    match &args.command {
        Some(LogCommand::Stats(args)) => stats::run(args, env),
        Some(LogCommand::Verify(args)) => verify::run(args, env),
        None => print(args, env),
    }
}

fn print(args: &LogArgs, env: &Env) -> anyhow::Result<Exit> {
    let now = Zoned::now();
    let filter = Filter::new(&args.filters, &now)?;
    let mut records = Records::open(filter.server(), env)?;
    if let Some(nothing) = records.nothing_yet()? {
        match (args.follow, args.format) {
            (true, _) => message::print_note(&format!("{nothing} Waiting for it.")),
            (false, LogFormat::Json) => message::print_note(&nothing),
            (false, LogFormat::Table) => writeln!(anstream::stdout(), "{nothing}")?,
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
    let shows_server = filter.server().is_none() && (args.follow || records.servers().len() > 1);
    let format = match args.format {
        LogFormat::Json => Printed::Lines(Box::new(BufWriter::new(io::stdout().lock()))),
        LogFormat::Table => {
            // Colours are taken out again where stdout is no terminal.
            let out = BufWriter::new(AutoStream::auto(io::stdout()).lock());
            let columns = if shows_server { Columns::WithServer } else { Columns::OfOneServer };
            Printed::Table(Box::new(Rows::new(Box::new(out), &now, columns)))
        }
    };
    let mut printer = Printer { format, count: 0 };
    match last {
        Last::All => records.each(|line, text| if filter.takes(line) { printer.print(text) } else { Ok(()) })?,
        Last::Some(count) => {
            let mut kept: VecDeque<String> = VecDeque::new();
            let mut spare = String::new();
            records.each(|line, text| {
                if count > 0 && filter.takes(line) {
                    if kept.len() == count {
                        spare = kept.pop_front().unwrap_or_default();
                    }
                    spare.clear();
                    spare.push_str(text);
                    kept.push_back(std::mem::take(&mut spare));
                }
                Ok(())
            })?;
            kept.iter().try_for_each(|text| printer.print(text))?;
        }
    }
    printer.flush()?;
    if !args.follow {
        if printer.count == 0 && records.servers().len() > 0 {
            message::print_note("No line of the log matches.");
        }
        return Ok(Exit::Ok);
    }
    loop {
        thread::sleep(FOLLOW_LOOK);
        records.look_again()?;
        records.each(|line, text| if filter.takes(line) { printer.print(text) } else { Ok(()) })?;
        printer.flush()?;
    }
}

/// Prints lines as they are asked for, and counts them.
struct Printer<'o> {
    format: Printed<'o>,
    count: u64,
}

enum Printed<'o> {
    Lines(Box<dyn Write + 'o>),
    Table(Box<Rows<'o>>),
}

impl Printer<'_> {
    /// Prints a line of the log that was read before.
    fn print(&mut self, text: &str) -> anyhow::Result<()> {
        self.count += 1;
        match &mut self.format {
            Printed::Lines(out) => {
                out.write_all(text.as_bytes())?;
                out.write_all(b"\n")?;
            }
            Printed::Table(rows) => {
                if let Ok(line) = record::read(text) {
                    rows.push(&line)?;
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        match &mut self.format {
            Printed::Lines(out) => out.flush()?,
            Printed::Table(rows) => rows.flush()?,
        }
        Ok(())
    }
}
