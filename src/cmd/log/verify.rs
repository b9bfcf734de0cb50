//! `policylayer log verify`: whether the log is as it was written.

use std::io::{self, Write as _};

use anstream::AutoStream;
use jiff::Zoned;

use super::super::{Env, plural, print_json};
use crate::cli::{Format, VerifyArgs};
use crate::exit::Exit;
use crate::paths;
use crate::policy::ServerName;
use crate::report::log_records::LogRecords;
use crate::report::verification::{ServerVerification, VerificationReport};
use crate::term::message;
use crate::term::style::{ERROR, SUCCESS, WARN, local};

/// Verifies the log of the server that is named, or every log. A log that is missing counts as broken.
pub(super) fn run(args: &VerifyArgs, env: &Env) -> anyhow::Result<Exit> {
    let named = args.server.as_deref().map(ServerName::parse).transpose()?;
    let dir = paths::audit_folder(env)?;
    let records = LogRecords::open(&dir, named.as_ref())?;
    if let Some(missing) = records.find_missing()? {
        message::print_error(&missing.to_string());
        return Ok(Exit::Failed);
    }
    let report = VerificationReport::collect(&records, &dir)?;
    match args.format {
        Format::Text => {
            let now = Zoned::now();
            let mut out = AutoStream::auto(io::stdout()).lock();
            report.servers.iter().try_for_each(|server| out.write_all(text(server, &now).as_bytes()))?;
            out.flush()?;
        }
        Format::Json => print_json(&report)?,
    }
    Ok(if report.whole { Exit::Ok } else { Exit::Failed })
}

fn text(report: &ServerVerification, now: &Zoned) -> String {
    let ServerVerification { server, lines, files, sessions, running, pruned, notes_left_out, .. } = report;
    let mut out = match &report.broken {
        None => format!("{SUCCESS}✔ {server}: whole{SUCCESS:#}"),
        Some(broken) => format!("{ERROR}✘ {server}: broken{ERROR:#}: {}", broken.message),
    };
    let (lines, files, sessions) = (plural(*lines, "line"), plural(*files, "file"), plural(*sessions, "session"));
    out.push_str(&format!("\n  {lines} in {files} of {sessions}"));
    if let (Some(first), Some(last)) = (report.first, report.last) {
        out.push_str(&format!(", from {} to {}", local(first, now), local(last, now)));
    }
    if *running > 0 {
        out.push_str(&format!("; {running} of them running now"));
    }
    if *pruned > 0 {
        out.push_str(&format!("; {} before were pruned for their age", plural(*pruned, "line")));
    }
    out.push_str(&format!(".\n  The last line's SHA-256 is {}\n", report.last_sha256));
    let more = (*notes_left_out > 0).then(|| format!("{} more", plural(*notes_left_out, "note")));
    for note in report.notes.iter().chain(&more) {
        out.push_str(&format!("  {WARN}note:{WARN:#} {note}.\n"));
    }
    out
}
