//! `policylayer log verify`: whether the log is as it was written.

use std::io::Write as _;

use anstream::AutoStream;
use anyhow::Context as _;
use jiff::Zoned;
use serde::Serialize;

use super::super::records::{Records, folder};
use super::super::{Env, plural};
use crate::audit::verify::{VerifyNote, VerifyReport, verify};
use crate::cli::{Format, VerifyArgs};
use crate::exit::Exit;
use crate::policy::ServerName;
use crate::term::message;
use crate::term::style::{ERROR, SUCCESS, WARN, local};
use crate::visible::visible;

/// Verifies the log of the server that is named, or every log. A log that is not there is not whole.
pub(super) fn run(args: &VerifyArgs, env: &Env) -> anyhow::Result<Exit> {
    let named = args.server.as_deref().map(ServerName::parse).transpose()?;
    let records = Records::open(named.as_ref(), env)?;
    if let Some(nothing) = records.nothing_yet()? {
        message::print_error(&nothing);
        return Ok(Exit::Failed);
    }
    let folder = folder(env)?;
    let mut reports = Vec::new();
    for server in records.servers() {
        let report = verify(&folder, server);
        let report = report.with_context(|| {
            let folder = visible(&folder.display().to_string());
            format!("The log of {server} in {folder} cannot be read. Read it as the user who runs policylayer")
        })?;
        reports.push((server.as_str(), report));
    }
    let is_whole = reports.iter().all(|(_, report)| report.broken.is_none());
    let mut out = AutoStream::auto(std::io::stdout()).lock();
    match args.format {
        Format::Text => {
            let now = Zoned::now();
            for (server, report) in &reports {
                out.write_all(text(server, report, &now).as_bytes())?;
            }
        }
        Format::Json => {
            let servers = reports.iter().map(|(server, report)| Server::new(server, report)).collect();
            serde_json::to_writer_pretty(&mut out, &Json { whole: is_whole, servers })?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    Ok(if is_whole { Exit::Ok } else { Exit::Failed })
}

fn text(server: &str, report: &VerifyReport, now: &Zoned) -> String {
    let mut out = match &report.broken {
        None => format!("{SUCCESS}✔ {server}: whole{SUCCESS:#}"),
        Some(broken) => format!("{ERROR}✘ {server}: broken{ERROR:#}: {broken}"),
    };
    out.push_str(&format!(
        "\n  {} in {} of {}",
        plural(report.lines, "line"),
        plural(report.files, "file"),
        plural(report.sessions, "session")
    ));
    if let Some((first, last)) = report.span {
        out.push_str(&format!(", from {} to {}", local(first, now), local(last, now)));
    }
    if report.running > 0 {
        out.push_str(&format!("; {} of them running now", report.running));
    }
    if report.pruned > 0 {
        out.push_str(&format!("; {} before were pruned for their age", plural(report.pruned, "line")));
    }
    out.push_str(&format!(".\n  The last line's SHA-256 is {}\n", report.last));
    for note in &report.notes {
        out.push_str(&format!("  {WARN}note:{WARN:#} {note}.\n"));
    }
    if report.notes_left_out > 0 {
        out.push_str(&format!("  {WARN}note:{WARN:#} {} more.\n", plural(report.notes_left_out, "note")));
    }
    out
}

/// What `--format json` prints. Fields are added to it and never taken away.
#[derive(Serialize)]
struct Json<'r> {
    whole: bool,
    servers: Vec<Server<'r>>,
}

#[derive(Serialize)]
struct Server<'r> {
    server: &'r str,
    whole: bool,
    broken: Option<Broken>,
    lines: u64,
    files: u64,
    pruned: u64,
    first: Option<String>,
    last: Option<String>,
    sessions: u64,
    running: u64,
    gaps: u64,
    lost: u64,
    unknown: u64,
    last_sha256: String,
    notes: Vec<String>,
    notes_left_out: u64,
}

#[derive(Serialize)]
struct Broken {
    file: String,
    line: Option<u64>,
    what: String,
}

impl<'r> Server<'r> {
    fn new(server: &'r str, report: &VerifyReport) -> Self {
        let broken = report.broken.as_ref().map(|broken| Broken {
            file: visible(&broken.file.display().to_string()),
            line: broken.line,
            what: broken.what.to_string(),
        });
        Self {
            server,
            whole: broken.is_none(),
            broken,
            lines: report.lines,
            files: report.files,
            pruned: report.pruned,
            first: report.span.map(|(first, _)| first.to_string()),
            last: report.span.map(|(_, last)| last.to_string()),
            sessions: report.sessions,
            running: report.running,
            gaps: report.gaps,
            lost: report.lost,
            unknown: report.unknown,
            last_sha256: report.last.to_string(),
            notes: report.notes.iter().map(VerifyNote::to_string).collect(),
            notes_left_out: report.notes_left_out,
        }
    }
}
