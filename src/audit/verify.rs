//! Whether the log is as it was written: follows the chain through all files, and tells kills and crashes from tampering.

mod check;
mod report;

use std::fs::File;
use std::io;
use std::path::Path;

pub use report::{Broken, Note, Report, What};

use self::check::Check;
use super::lines::Lines;
use super::mark::Mark;
use super::place::Place;
use super::session_lock::is_running;
use crate::policy::ServerName;
use crate::state::file;

/// What there is to verify, as it was at one moment; lines that are appended later are left out.
struct Snapshot {
    anchor: Option<Mark>,
    head: Option<Mark>,
    head_damage: Option<String>,
    anchor_damage: Option<String>,
    numbers: Vec<u64>,
    current: Option<(File, u64)>,
}

/// Verifies the log of a server, in bounded memory, while others go on appending to it.
///
/// # Errors
/// Where a file cannot be read. What is wrong with the log is no error but in the report.
pub fn verify(folder: &Path, server: &ServerName) -> io::Result<Report> {
    let place = Place::new(folder, server);
    loop {
        match follow(&place) {
            // It was pruned meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => return done,
        }
    }
}

fn follow(place: &Place) -> io::Result<Report> {
    let Snapshot { anchor, head, head_damage, anchor_damage, numbers, current } = snapshot(place)?;
    let first = anchor.map_or(1, |anchor| anchor.file + 1);
    let mut check = Check::new(anchor, head, place.server());
    let mut expected = first;
    for number in numbers.into_iter().filter(|number| *number >= first) {
        if number != expected {
            check.file_is_missing(place.rotated(expected));
        }
        expected = number + 1;
        let file = file::open(File::options().read(true), &place.rotated(number))?;
        let length = file.metadata()?.len();
        read(&mut check, place.rotated(number).as_path(), file, length)?;
    }
    let has_current = current.is_some();
    if let Some((file, length)) = current {
        read(&mut check, &place.current(), file, length)?;
    }
    let mut report = check.finish(&place.current(), has_current);
    if let Some(why) = anchor_damage {
        // Whatever else was found may come of it.
        report.broken = Some(Broken { file: place.anchor(), line: None, what: What::Anchor(why) });
    }
    if let Some(why) = head_damage {
        report.head_is_damaged(place.head(), why);
    } else if head.is_none() && report.lines > 0 {
        report.head_is_damaged(place.head(), "it is missing".to_owned());
    }
    journals(place, &mut report)?;
    Ok(report)
}

fn read(check: &mut Check, path: &Path, file: File, length: u64) -> io::Result<()> {
    check.begin(path);
    let mut lines = Lines::new(file, 0, length)?;
    while let Some(line) = lines.read()? {
        check.line(line);
    }
    Ok(())
}

fn snapshot(place: &Place) -> io::Result<Snapshot> {
    // Without the right to lock it, it is read as it is.
    let lock = file::open(File::options().read(true), &place.lock()).ok();
    if let Some(lock) = &lock {
        file::wait_for_lock(lock)?;
    }
    let mark = |path: &Path| match Mark::read(path) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok((None, Some(error.to_string()))),
        mark => mark.map(|mark| (mark, None)),
    };
    let (head, head_damage) = mark(&place.head())?;
    let (anchor, anchor_damage) = mark(&place.anchor())?;
    let current = match file::open(File::options().read(true), &place.current()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        file => {
            let file = file?;
            let length = file.metadata()?.len();
            Some((file, length))
        }
    };
    let numbers = place.rotated_numbers()?;
    if let Some(lock) = lock {
        file::release(&lock);
    }
    Ok(Snapshot { anchor, head, head_damage, anchor_damage, numbers, current })
}

/// The sessions that run, and those that were killed.
fn journals(place: &Place, report: &mut Report) -> io::Result<()> {
    for session in place.journals()? {
        match is_running(place, &session)? {
            Some(true) => report.running += 1,
            Some(false) => report.note(Note::Killed { session, unanswered: None }),
            None => {}
        }
    }
    Ok(())
}
