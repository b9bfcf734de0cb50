//! Whether what is counted and recorded can be written down, and whether the clock that it goes by can be right.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::{Chain, Id, Step};
use crate::audit::{Lines, Place, reader};
use crate::limits::NEWEST_RECORD_TAIL;
use crate::paths;
use crate::policy::ServerName;
use crate::record;
use crate::state::approvals::Book;
use crate::state::file::create_private_folder;

/// Before this there was no policylayer.
const EARLIEST: &str = "2026-01-01T00:00:00Z";
/// No clock that is right shows this while this version is in use.
const LATEST: &str = "2046-01-01T00:00:00Z";
/// How far the log may be ahead: clocks are set back by a little all the time.
const SLACK: SignedDuration = SignedDuration::from_mins(5);

/// The variable that tells where the state folder is.
const HOME: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };

/// Whether counts, questions and records can be written.
pub(super) fn folder(chain: &Chain<'_>, server: Option<&ServerName>) -> Step {
    let env = chain.given.env();
    let (folder, audit) = match (paths::state_folder(&env), paths::audit_folder(&env)) {
        (Ok(folder), Ok(audit)) => (folder, audit),
        (Err(error), _) | (_, Err(error)) => {
            return Step::failed(
                Id::State,
                error.to_string(),
                format!("give the server a {HOME}, in `env` of {}", chain.entry()),
            );
        }
    };
    for one in [&folder, &audit] {
        if let Err(error) = create_private_folder(one).and_then(|()| tempfile::NamedTempFile::new_in(one)) {
            let one = one.display();
            return Step::failed(
                Id::State,
                format!("{one} cannot be written to: {error}"),
                format!("make {one} a folder that you may write to"),
            );
        }
    }
    let log = server.map(|server| Place::new(&audit, server).current());
    if let Some(log) = log.filter(|log| log.exists())
        && let Err(error) = OpenOptions::new().append(true).open(&log)
    {
        let log = log.display();
        return Step::failed(
            Id::State,
            format!("the audit log {log} cannot be written: {error}"),
            format!("make {log} a file that you may write"),
        );
    }
    match Book::new(&folder, paths::STATE_FILE).all() {
        Ok(_) => Step::ok(Id::State, folder.display().to_string()),
        Err(fault) => {
            let text = fault.to_string();
            let (what, remedy) = text.split_once(". ").unwrap_or((&text, "make it a file that you may write"));
            Step::failed(Id::State, what, remedy.trim_end_matches('.'))
        }
    }
}

/// Whether the clock can be right: windows of limits, approvals and the log go by it.
pub(super) fn clock(chain: &Chain<'_>) -> Step {
    const REMEDY: &str = if cfg!(target_os = "linux") {
        "set the clock, as with `sudo timedatectl set-ntp true`"
    } else {
        "let the system set its clock by itself (Settings, Date and time)"
    };
    let now = Timestamp::now();
    let shown = now.strftime("%Y-%m-%d %H:%M UTC");
    let bound = |text: &str| text.parse::<Timestamp>().ok();
    if bound(EARLIEST).is_some_and(|earliest| now < earliest) {
        return Step::failed(Id::Clock, format!("it shows {shown}, when there was no policylayer yet"), REMEDY);
    }
    if bound(LATEST).is_some_and(|latest| now > latest) {
        return Step::failed(Id::Clock, format!("it shows {shown}, which is too late to be true"), REMEDY);
    }
    let newest = paths::audit_folder(&chain.given.env()).ok().and_then(|folder| newest(&folder).ok().flatten());
    if let Some((server, time)) = newest
        && now.checked_add(SLACK).is_ok_and(|now| time > now)
    {
        let time = time.strftime("%Y-%m-%d %H:%M UTC");
        return Step::failed(
            Id::Clock,
            format!("it shows {shown}, and the audit log of {server} has a record of {time}, which is yet to come"),
            format!("{REMEDY}; if it is right now, the log was written with a wrong one, and this ends at {time}"),
        );
    }
    Step::ok(Id::Clock, shown.to_string())
}

/// The newest record at the end of any server's log.
fn newest(folder: &Path) -> io::Result<Option<(ServerName, Timestamp)>> {
    let mut newest: Option<(ServerName, Timestamp)> = None;
    for server in reader::servers(folder)? {
        let Ok(file) = File::open(Place::new(folder, &server).current()) else { continue };
        let end = file.metadata()?.len();
        let mut lines = Lines::new(file, end.saturating_sub(NEWEST_RECORD_TAIL), end)?;
        while let Some(line) = lines.read()? {
            let Some(time) =
                std::str::from_utf8(line).ok().and_then(|line| Some(record::read(line.trim_end()).ok()?.time))
            else {
                continue;
            };
            if newest.as_ref().is_none_or(|(_, newest)| time > *newest) {
                newest = Some((server.clone(), time));
            }
        }
    }
    Ok(newest)
}
