//! Takes over the journals of killed sessions: the calls that were not answered.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::time::SystemTime;

use jiff::Timestamp;
use memchr::memmem;

use super::Appender;
use crate::audit::lines::{LogLines, parse_line};
use crate::audit::session_lock::{AbandonedJournal, remove_stale_lock};
use crate::limits::CLOCK_SLACK;
use crate::record::{About, BlockDigest, Event, LineCompleter, SessionName, write_event};
use crate::state::approvals::unix_time;
use crate::state::file;

impl Appender {
    /// Appends the calls that are in the journals of killed sessions but not in the log, and removes the journals.
    pub(super) fn adopt_journals(&mut self) -> io::Result<()> {
        for session in self.paths.list_journals()? {
            // A journal that cannot be read is left for `verify` to report; the log itself can be written.
            if session != self.session.id
                && let Ok(Some(journal)) = AbandonedJournal::find_abandoned(&self.paths, &session)
                && let Ok(calls) = read_unanswered(&journal.file, &session, self.paths.server())
            {
                self.take_over(session.clone(), calls)?;
                journal.remove(&self.paths, &session);
            }
        }
        for session in self.paths.list_sessions(".lock")?.into_iter().filter(|session| *session != self.session.id) {
            remove_stale_lock(&self.paths, &session);
        }
        Ok(())
    }

    fn take_over(&mut self, id: String, mut calls: BTreeMap<u64, (Timestamp, Vec<u8>)>) -> io::Result<()> {
        let is_recorded = self.forget_recorded(&id, &mut calls)?;
        let session = SessionName { id, server: self.paths.server().to_owned() };
        if !is_recorded {
            let event = Event::Killed { unanswered: calls.len() as u64 };
            self.buffer_line(|previous, out| write_event(&event, &session, previous, unix_time(), out));
        }
        for (_, line) in calls.into_values() {
            self.buffer_raw_line(&line)?;
        }
        self.flush()
    }

    /// Removes the session's calls that the log already has. Returns whether the log records that the session was
    /// killed.
    fn forget_recorded(&self, session: &str, calls: &mut BTreeMap<u64, (Timestamp, Vec<u8>)>) -> io::Result<bool> {
        // A call's line is written after the call was made, and the event `killed` is only written now.
        let earliest = calls.values().map(|(time, _)| SystemTime::from(*time)).min();
        let since = earliest.unwrap_or_else(SystemTime::now).checked_sub(CLOCK_SLACK).unwrap_or(SystemTime::UNIX_EPOCH);
        let rotated = self.paths.rotated_numbers()?.into_iter().rev().map(|number| self.paths.rotated_file(number));
        let depth = if earliest.is_some() { usize::MAX } else { 2 };
        let named = format!("\"session\":\"{session}\"");
        let named = memmem::Finder::new(&named);
        let mut completer = LineCompleter::default();
        let mut is_recorded = false;
        for path in std::iter::once(self.paths.current_file()).chain(rotated).take(depth) {
            let Some(file) = file::if_there(file::open_to_read(&path))? else { continue };
            let found = file.metadata()?;
            if found.modified().is_ok_and(|modified| modified < since) {
                break;
            }
            let mut lines = LogLines::new(file, 0, found.len())?;
            while let Some(line) = lines.read_line()? {
                let goes_on = BlockDigest::is_gone_on_by(line);
                if goes_on && completer.session() != Some(session) {
                    continue;
                }
                let Ok(line) = str::from_utf8(line).map(|line| completer.complete(line)) else { continue };
                let Ok(line) = line else { continue };
                let is_named = goes_on || named.find(line.as_bytes()).is_some();
                let Some(line) = is_named.then(|| parse_line(line.as_bytes())).flatten() else { continue };
                match line.about {
                    _ if line.session != session => {}
                    About::Decision(record) => drop(calls.remove(&record.call)),
                    About::Event(event) => is_recorded |= matches!(event, Event::Killed { .. }),
                    About::Reload(_) | About::LateAnswer(_) => {}
                }
            }
        }
        Ok(is_recorded)
    }
}

fn read_unanswered(journal: &File, session: &str, server: &str) -> io::Result<BTreeMap<u64, (Timestamp, Vec<u8>)>> {
    let mut calls = BTreeMap::new();
    let mut lines = LogLines::new(journal.try_clone()?, 0, journal.metadata()?.len())?;
    while let Some(line) = lines.read_line()? {
        // A call whose line is cut was not yet forwarded, or less than a tick ago.
        if let Some(read) = parse_line(line).filter(|_| line.ends_with(b"\n"))
            && read.session == session
            && read.server == server
            && let About::Decision(record) = read.about
        {
            calls.insert(record.call, (read.time, line.to_vec()));
        }
    }
    Ok(calls)
}
