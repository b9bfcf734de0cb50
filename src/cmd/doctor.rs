//! `policylayer doctor`: the chain from a client to its server, started as the client would, step by step.

use std::io::{self, Write};
use std::time::Duration;

use anstyle::Style;

use super::clients::state_label;
use super::output::{print_report, show_start};
use super::{Env, count_of};
use crate::cli::{DoctorArgs, Format};
use crate::clients::key::visible_key;
use crate::exit::Exit;
use crate::report::doctor::{BareServer, DoctorQuestion, DoctorReport, ServerState, StepId, StepReport, StepStatus};
use crate::term::message::print_error;
use crate::term::style::{DIM, ERROR, SUCCESS, WARN};
use crate::visible::escape_invisible;

/// Checks every selected chain, and prints the results of its steps.
pub(crate) fn run(args: &DoctorArgs, env: &Env) -> anyhow::Result<Exit> {
    let report = DoctorReport::run_checks(&DoctorQuestion {
        server: args.server.as_deref(),
        clients: &args.only.client,
        command: &args.command,
        patience: Duration::from_secs(args.timeout),
        progress: &show_start,
        env,
    })?;
    match (args.format, &report.error, &report.remedy) {
        (Format::Text, Some(error), Some(remedy)) => print_error(&format!("{error}\nwhat to do: {remedy}")),
        _ => print_report(&report, args.format, write_text)?,
    }
    Ok(if report.ok { Exit::Ok } else { Exit::Failed })
}

fn write_text(out: &mut dyn Write, report: &DoctorReport) -> io::Result<()> {
    let bold = Style::new().bold();
    for check in &report.checks {
        let client = check.client_name.zip(check.client).map(|(name, id)| format!("{name} ({id})"));
        match (client, check.server.as_deref().map(escape_invisible)) {
            (Some(client), Some(server)) => writeln!(out, "{bold}{server}{bold:#} in {client}")?,
            (Some(client), None) => writeln!(out, "{bold}{client}{bold:#}")?,
            (None, server) => writeln!(out, "{bold}{}{bold:#}", server.unwrap_or_default())?,
        }
        let width = check.steps.iter().map(|step| step_label(step.id).len()).max().unwrap_or_default();
        check.steps.iter().try_for_each(|step| write_step(out, step, width))?;
        writeln!(out)?;
    }
    let warnings = match report.count_status(StepStatus::Warning) {
        0 => String::new(),
        count => format!(", with {}", count_of(count as u64, "warning")),
    };
    let all: usize = report.checks.iter().map(|check| check.steps.len()).sum();
    let whose = if report.without_policy.is_empty() { "" } else { " with what is behind a policy" };
    match report.count_status(StepStatus::Failed) {
        0 => writeln!(out, "{SUCCESS}All is well{whose}{warnings}.{SUCCESS:#}")?,
        failed => writeln!(out, "{ERROR}{failed} of {} failed{warnings}.{ERROR:#}", count_of(all as u64, "step"))?,
    }
    write_bare(out, report)
}

/// Names the servers that were not checked. One may have come after `register --all`.
fn write_bare(out: &mut dyn Write, report: &DoctorReport) -> io::Result<()> {
    if report.without_policy.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nNot behind a policy of this program, and not checked:")?;
    for bare in &report.without_policy {
        let (label, style) = state_label(bare.state);
        let off = if bare.disabled { ", disabled" } else { "" };
        writeln!(out, "  {} of {}: {style}{label}{style:#}{off}", visible_key(&bare.server), bare.client)?;
    }
    let is_open = |bare: &BareServer| bare.state == ServerState::Unprotected;
    let protect = "  what to do: `policylayer register --all` puts the policy in front of what is unprotected";
    match report.without_policy.iter().any(is_open) {
        true => writeln!(out, "{protect}"),
        false => writeln!(out, "  `policylayer status` says why, and what to do"),
    }
}

fn write_step(out: &mut dyn Write, step: &StepReport, width: usize) -> io::Result<()> {
    let (mark, style) = match step.status {
        StepStatus::Ok => ("✔", SUCCESS),
        StepStatus::Warning => ("!", WARN),
        StepStatus::Failed => ("✘", ERROR),
        StepStatus::NotTried => ("-", DIM),
    };
    let mut lines = step.detail.lines();
    let (label, first) = (step_label(step.id), escape_invisible(lines.next().unwrap_or_default()));
    match step.status {
        StepStatus::NotTried => writeln!(out, "  {DIM}{mark} {label:width$}  {first}{DIM:#}")?,
        _ => writeln!(out, "  {style}{mark}{style:#} {label:width$}  {first}")?,
    }
    lines.try_for_each(|line| writeln!(out, "      {}", escape_invisible(line)))?;
    let mut lines = step.remedy.as_deref().unwrap_or_default().lines();
    if let Some(first) = lines.next() {
        writeln!(out, "      what to do: {}", escape_invisible(first))?;
    }
    lines.try_for_each(|line| writeln!(out, "        {}", escape_invisible(line)))
}

fn step_label(id: StepId) -> &'static str {
    match id {
        StepId::File => "client's file",
        StepId::Entry => "entry",
        StepId::Wrapped => "policy in front",
        StepId::Wrapper => "policylayer",
        StepId::Command => "server's command",
        StepId::Config => "config.toml",
        StepId::Identity => "which server",
        StepId::Policy => "policy",
        StepId::State => "state directory",
        StepId::Clock => "clock",
        StepId::Start => "server starts",
        StepId::Initialize => "initialize",
        StepId::Tools => "tools",
    }
}
