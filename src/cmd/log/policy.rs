//! `policylayer log policy`: under which policies decisions were made, and the text of each.

use std::io::{self, IsTerminal as _, Write};

use jiff::Zoned;

use super::super::output::{print, print_report, print_verbatim};
use super::super::{Env, count_of, tool_server};
use super::rows::SHORT_DIGEST;
use crate::cli::{Format, LogPolicyArgs};
use crate::exit::Exit;
use crate::paths;
use crate::report::log_policies::{LogPoliciesReport, PolicyTextReport};
use crate::report::to_json;
use crate::term::message;
use crate::term::style::{DIM, WARN, format_local_time};
use crate::term::table::{self, Cell};
use crate::visible::visible_lines;

pub(super) fn run(args: &LogPolicyArgs, env: &Env) -> anyhow::Result<Exit> {
    match &args.digest {
        Some(start) => print_text(start, args, env),
        None => print_policies(args, env),
    }
}

fn print_text(start: &str, args: &LogPolicyArgs, env: &Env) -> anyhow::Result<Exit> {
    let (server, dir) = tool_server::find_log(args.filters.server.as_deref(), env)?;
    let report = PolicyTextReport::read(&dir.join(paths::AUDIT_DIR), server.as_ref(), start)?;
    if !report.whole {
        message::print_warning(&format!(
            "{} was changed after it was written: its SHA-256 is no longer the one that the log names.",
            report.file
        ));
    }
    match args.format {
        // A file gets the very bytes; a terminal must not act on them.
        Format::Text if !io::stdout().is_terminal() => io::stdout().write_all(report.text.as_bytes())?,
        Format::Text => print_verbatim(&visible_lines(&report.text))?,
        Format::Json => print_verbatim(&to_json(&report)?)?,
    }
    Ok(if report.whole { Exit::Ok } else { Exit::Failed })
}

fn print_policies(args: &LogPolicyArgs, env: &Env) -> anyhow::Result<Exit> {
    let now = Zoned::now();
    let (mut records, filter) = super::open_records(None, &args.filters, &now, env)?;
    if let (Some(missing), Format::Text) = (records.find_missing()?, args.format) {
        print(|out| writeln!(out, "{missing}"))?;
        return Ok(Exit::Ok);
    }
    let (_, dir) = tool_server::find_log(args.filters.server.as_deref(), env)?;
    let report = LogPoliciesReport::collect(&mut records, &filter, &dir.join(paths::AUDIT_DIR))?;
    report.warnings.iter().for_each(|warning| message::print_warning(warning));
    print_report(&report, args.format, |out, report| write_policies(out, report, &now))?;
    Ok(Exit::Ok)
}

fn write_policies(out: &mut dyn Write, report: &LogPoliciesReport, now: &Zoned) -> io::Result<()> {
    if report.policies.is_empty() && report.unnamed == 0 {
        return writeln!(out, "No line of the log matches.");
    }
    let header = ["SHA-256", "SERVER", "FROM", "TO", "DECISIONS", "TEXT"];
    let rows: Vec<Vec<Cell>> = report
        .policies
        .iter()
        .map(|policy| {
            let text = match &policy.file {
                Some(file) => Cell::path(file, DIM),
                None => Cell::styled("not kept", WARN),
            };
            vec![
                Cell::new(policy.sha256.chars().take(SHORT_DIGEST).collect::<String>()),
                Cell::new(&policy.server),
                Cell::new(format_local_time(policy.first, now)),
                Cell::new(format_local_time(policy.last, now)),
                Cell::new(format!("{:>9}", policy.decisions)),
                text,
            ]
        })
        .collect();
    if !rows.is_empty() {
        table::write_table(out, &header, &rows)?;
        writeln!(out, "\n`policylayer log policy SHA-256` prints a text; the first digits are enough.")?;
    }
    if report.unnamed > 0 {
        writeln!(
            out,
            "The log does not name the policy of {}: older versions did not record it.",
            count_of(report.unnamed, "decision")
        )?;
    }
    Ok(())
}
