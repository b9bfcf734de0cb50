//! Whether counts and records can be written, and whether the clock that they use is plausible.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::{Finding, LaunchChain, Problem};
use crate::audit::{LogLines, LogPaths, reader};
use crate::limits::NEWEST_RECORD_TAIL;
use crate::paths::{self, NoStateDir};
use crate::policy::ServerName;
use crate::record;
use crate::state::approvals::StoredApprovals;
use crate::state::file::create_private_dir;

/// policylayer did not exist before this time.
const EARLIEST: &str = "2026-01-01T00:00:00Z";
/// No correct clock shows this time while this version is in use.
const LATEST: &str = "2046-01-01T00:00:00Z";
/// How far the log may be ahead of the clock: clocks are often set back a little.
const SLACK: SignedDuration = SignedDuration::from_mins(5);
/// What is written to see whether anything can be: no disk holds it in a directory entry.
const ONE_PAGE: usize = 4096;

/// The variable that determines the state directory.
const HOME: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };

pub(super) fn check_directory(chain: &LaunchChain<'_>, server: Option<&ServerName>) -> Finding {
    let env = chain.env.as_env();
    let no_home = |error: NoStateDir| {
        Problem::failed(error.to_string(), format!("set {HOME} for the server, in `env` of {}", chain.entry_place()))
    };
    let (dir, audit) = (paths::state_dir(&env).map_err(no_home)?, paths::audit_dir(&env).map_err(no_home)?);
    for dir in [&dir, &audit] {
        create_private_dir(dir).and_then(|()| try_to_write(dir)).map_err(|error| {
            let dir = dir.display();
            let remedy = match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => format!("make room on the disk of {dir}"),
                _ => format!("make {dir} a directory that you may write to"),
            };
            Problem::failed(format!("{dir} cannot be written to: {error}"), remedy)
        })?;
    }
    let log = server.map(|server| LogPaths::new(&audit, server).current_file());
    if let Some(log) = log.filter(|log| log.exists()) {
        OpenOptions::new().append(true).open(&log).map_err(|error| {
            let log = log.display();
            let remedy = format!("make {log} a file that you may write to");
            Problem::failed(format!("the audit log {log} cannot be written to: {error}"), remedy)
        })?;
    }
    StoredApprovals::new(&dir, paths::STATE_FILE).list_all().map_err(|fault| {
        let text = fault.to_string();
        let (what, remedy) = text.split_once(". ").unwrap_or((&text, "make it a file that you may write to"));
        Problem::failed(what, remedy.trim_end_matches('.'))
    })?;
    Ok(dir.display().to_string())
}

/// Writes a file and removes it: on a full disk one can be made, and holds nothing.
fn try_to_write(dir: &Path) -> io::Result<()> {
    let mut file = tempfile::tempfile_in(dir)?;
    file.write_all(&[0; ONE_PAGE])?;
    file.sync_data()
}

/// Checks that the clock is plausible: limit windows, approvals and the log depend on it.
pub(super) fn check_clock(chain: &LaunchChain<'_>) -> Finding {
    const REMEDY: &str = if cfg!(target_os = "linux") {
        "set the clock, as with `sudo timedatectl set-ntp true`"
    } else {
        "let the system set its clock by itself (Settings, Date and time)"
    };
    let now = Timestamp::now();
    let format = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M UTC").to_string();
    let shown = format(now);
    let bound = |text: &str| text.parse::<Timestamp>().ok();
    if bound(EARLIEST).is_some_and(|earliest| now < earliest) {
        return Err(Problem::failed(format!("it shows {shown}, before policylayer existed"), REMEDY));
    }
    if bound(LATEST).is_some_and(|latest| now > latest) {
        return Err(Problem::failed(format!("it shows {shown}, which is too far in the future"), REMEDY));
    }
    let newest = paths::audit_dir(&chain.env.as_env()).ok().and_then(|dir| newest_record(&dir).ok().flatten());
    match newest {
        Some((server, time)) if now.checked_add(SLACK).is_ok_and(|now| time > now) => {
            let time = format(time);
            Err(Problem::failed(
                format!("it shows {shown}, but the audit log of {server} has a record of {time}, in the future"),
                format!(
                    "{REMEDY}; if the clock is correct, the log was written with a wrong clock, and this warning ends at {time}"
                ),
            ))
        }
        _ => Ok(shown),
    }
}

/// Returns the newest record at the end of any server's log.
fn newest_record(dir: &Path) -> io::Result<Option<(ServerName, Timestamp)>> {
    let mut newest: Option<(ServerName, Timestamp)> = None;
    for server in reader::list_servers(dir)? {
        let Ok(file) = File::open(LogPaths::new(dir, &server).current_file()) else { continue };
        let end = file.metadata()?.len();
        let mut lines = LogLines::new(file, end.saturating_sub(NEWEST_RECORD_TAIL), end)?;
        while let Some(line) = lines.read_line()? {
            let time = std::str::from_utf8(line).ok().and_then(record::read_time);
            if let Some(time) = time
                && newest.as_ref().is_none_or(|(_, newest)| time > *newest)
            {
                newest = Some((server.clone(), time));
            }
        }
    }
    Ok(newest)
}
