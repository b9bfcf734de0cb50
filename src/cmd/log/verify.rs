//! `policylayer log verify`: whether the log is intact.

use jiff::Zoned;

use super::super::output::print_report;
use super::super::{Env, count_of, tool_server};
use crate::cli::VerifyArgs;
use crate::exit::Exit;
use crate::paths;
use crate::report::verification::{ServerVerification, VerificationReport};
use crate::term::style::{ERROR, SUCCESS, WARN, format_local_time};

/// Verifies the log of the named server, or every log. A missing log counts as broken.
pub(super) fn run(args: &VerifyArgs, env: &Env) -> anyhow::Result<Exit> {
    let (server, dir) = tool_server::find_log(args.key.as_deref().or(args.server.as_deref()), env)?;
    let report = VerificationReport::collect(&dir.join(paths::AUDIT_DIR), server.as_ref())?;
    let now = Zoned::now();
    print_report(&report, args.format, |out, report| {
        report.servers.iter().try_for_each(|server| out.write_all(verification_text(server, &now).as_bytes()))
    })?;
    Ok(if report.whole { Exit::Ok } else { Exit::Failed })
}

fn verification_text(report: &ServerVerification, now: &Zoned) -> String {
    let ServerVerification { server, found, .. } = report;
    let mut out = match &found.broken {
        None => format!("{SUCCESS}✔ {server}: intact{SUCCESS:#}"),
        Some(broken) => format!("{ERROR}✘ {server}: {}{ERROR:#}: {broken}", broken.state()),
    };
    let (lines, files) = (count_of(found.lines, "line"), count_of(found.files, "file"));
    out.push_str(&format!("\n  {lines} in {files} of {}", count_of(found.sessions, "session")));
    if let (Some(first), Some(last)) = (found.first, found.last) {
        out.push_str(&format!(", from {} to {}", format_local_time(first, now), format_local_time(last, now)));
    }
    if found.running > 0 {
        out.push_str(&format!("; {} of them running now", found.running));
    }
    if found.pruned > 0 {
        out.push_str(&format!(
            "; {} before were pruned on purpose, for their age or for [audit] max_total",
            count_of(found.pruned, "line")
        ));
    }
    out.push_str(&format!(".\n  The last line's SHA-256 is {}\n", found.last_sha256));
    let more = (found.notes_left_out > 0).then(|| format!("{} more", count_of(found.notes_left_out, "note")));
    for note in found.notes.iter().map(ToString::to_string).chain(more) {
        out.push_str(&format!("  {WARN}note:{WARN:#} {note}.\n"));
    }
    out
}
