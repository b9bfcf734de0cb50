//! Verifies the log: follows the chain through all files, and distinguishes kills and crashes from tampering.

mod check;
mod report;

use std::fs::File;
use std::io;
use std::path::Path;

pub use report::{BreakKind, ChainBreak, VerifyNote, VerifyReport};

use self::check::ChainCheck;
use super::lines::LogLines;
use super::mark::Mark;
use super::paths::LogPaths;
use super::session_lock::is_running;
use crate::policy::ServerName;
use crate::state::file;

/// Everything there is to verify, as of one moment; lines that are appended later are left out.
struct Snapshot {
    anchor: FoundMark,
    head: FoundMark,
    numbers: Vec<u64>,
    current: Option<(File, u64)>,
}

/// A mark, if there is one, or why it cannot be read.
type FoundMark = Result<Option<Mark>, String>;

/// Verifies the log of a server, in bounded memory, while others go on appending to it.
///
/// # Errors
/// Returns an error if a file cannot be read. What is wrong with the log is in the report.
pub fn verify_log(dir: &Path, server: &ServerName) -> io::Result<VerifyReport> {
    let paths = LogPaths::new(dir, server);
    loop {
        match follow_chain(&paths) {
            // The file was pruned in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => return done,
        }
    }
}

fn follow_chain(paths: &LogPaths) -> io::Result<VerifyReport> {
    let Snapshot { anchor, head, numbers, current } = take_snapshot(paths)?;
    let known_anchor = anchor.as_ref().ok().copied().flatten();
    let known_head = head.as_ref().ok().copied().flatten();
    let mut check = ChainCheck::new(known_anchor, known_head, paths.server());
    let mut expected = known_anchor.map_or(1, |anchor| anchor.file + 1);
    for number in numbers {
        if number < expected {
            continue;
        }
        if number > expected {
            check.record_missing_file(paths.rotated_file(expected));
        }
        expected = number + 1;
        let path = paths.rotated_file(number);
        let file = file::open_to_read(&path)?;
        let length = file.metadata()?.len();
        check_file(&mut check, &path, file, length)?;
    }
    let has_current = current.is_some();
    if let Some((file, length)) = current {
        check_file(&mut check, &paths.current_file(), file, length)?;
    }
    let mut report = check.finish(&paths.current_file(), has_current);
    if let Err(why) = anchor {
        // An unreadable anchor may be the cause of any other finding, so it replaces them.
        report.broken = Some(ChainBreak { file: paths.anchor_file(), line: None, what: BreakKind::Anchor(why) });
    }
    match head {
        Err(why) => report.record_damaged_head(paths.head_file(), why),
        Ok(None) if report.lines > 0 => report.record_damaged_head(paths.head_file(), "it is missing".to_owned()),
        Ok(_) => {}
    }
    for session in paths.list_journals()? {
        match is_running(paths, &session)? {
            Some(true) => report.running += 1,
            Some(false) => report.add_note(VerifyNote::Killed { session, unanswered: None }),
            None => {}
        }
    }
    Ok(report)
}

fn check_file(check: &mut ChainCheck, path: &Path, file: File, length: u64) -> io::Result<()> {
    check.begin_file(path);
    let mut lines = LogLines::new(file, 0, length)?;
    while let Some(line) = lines.read_line()? {
        check.check_line(line);
    }
    Ok(())
}

fn take_snapshot(paths: &LogPaths) -> io::Result<Snapshot> {
    // Without the right to lock it, the log is read without the lock.
    let lock = file::open_to_read(&paths.lock_file()).ok();
    if let Some(lock) = &lock {
        file::wait_for_lock(lock)?;
    }
    let mark = |path: &Path| match Mark::read_file(path) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Err(error.to_string())),
        mark => mark.map(Ok),
    };
    let (head, anchor) = (mark(&paths.head_file())?, mark(&paths.anchor_file())?);
    let current = file::if_there(file::open_to_read(&paths.current_file()))?;
    let current = current.map(|file| file.metadata().map(|found| (file, found.len()))).transpose()?;
    let numbers = paths.rotated_numbers()?;
    if let Some(lock) = lock {
        file::release_lock(&lock);
    }
    Ok(Snapshot { anchor, head, numbers, current })
}
