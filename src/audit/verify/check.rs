//! Follows the chain line by line, and finds out how it was broken.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::report::{BreakKind, ChainBreak, VerifyNote, VerifyReport};
use crate::audit::mark::Mark;
use crate::limits::MAX_VERIFIED_SESSIONS;
use crate::record::{self, About, Digest, Event, Outcome};

/// The position of a line; line 0 is before the first one.
#[derive(Clone, Debug, Default)]
struct LinePlace {
    file: PathBuf,
    line: u64,
}

impl LinePlace {
    fn into_break(self, what: BreakKind) -> ChainBreak {
        ChainBreak { file: self.file, line: Some(self.line), what }
    }
}

/// A line that does not follow the line before; the next line tells what was done to it.
#[derive(Clone, Debug)]
struct Suspect {
    at: LinePlace,
    before: Option<LinePlace>,
    named: Digest,
    expected: Digest,
    before_expected: Digest,
    digest: Digest,
}

pub(super) struct ChainCheck<'c> {
    server: &'c str,
    head: Option<Mark>,
    report: VerifyReport,
    sessions: HashSet<String>,
    at: LinePlace,
    previous: Option<LinePlace>,
    /// The number of lines up to and including this one, since the first ever.
    index: u64,
    last: Digest,
    before_last: Digest,
    /// The digest of the last line that was a record; the next field is that of the record before it.
    good: Digest,
    good_before: Digest,
    /// The first of a run of lines that are no records, which is correct only if a session was killed.
    unreadable: Option<(LinePlace, String, u64)>,
    suspect: Option<Suspect>,
    /// A valid line that follows no line in the log: its position, and the line before it.
    loose: Option<(LinePlace, Option<LinePlace>)>,
    /// The index of the line that the head names.
    head_at: Option<u64>,
    is_cut: bool,
}

impl<'c> ChainCheck<'c> {
    pub(super) fn new(anchor: Option<Mark>, head: Option<Mark>, server: &'c str) -> Self {
        let anchor = anchor.unwrap_or(Mark { file: 0, ..Mark::START });
        let head_is_start = head.is_some_and(|head| head.lines <= anchor.lines);
        Self {
            server,
            head,
            report: VerifyReport { pruned: anchor.lines, last_sha256: anchor.last, ..VerifyReport::default() },
            sessions: HashSet::new(),
            at: LinePlace::default(),
            previous: None,
            index: anchor.lines,
            last: anchor.last,
            before_last: anchor.last,
            good: anchor.last,
            good_before: anchor.last,
            unreadable: None,
            suspect: None,
            loose: None,
            head_at: head_is_start.then_some(anchor.lines),
            is_cut: false,
        }
    }

    pub(super) fn begin_file(&mut self, file: &Path) {
        self.report.files += 1;
        self.at = LinePlace { file: file.to_owned(), line: 0 };
    }

    pub(super) fn record_missing_file(&mut self, file: PathBuf) {
        self.settle_suspect(None);
        self.record_break(ChainBreak { file, line: None, what: BreakKind::Missing });
    }

    pub(super) fn check_line(&mut self, line: &[u8]) {
        self.at.line += 1;
        if !line.ends_with(b"\n") {
            // It is only the end of a killed session's output if nothing follows.
            self.is_cut = true;
            self.report.add_note(VerifyNote::Cut { file: self.at.file.clone(), line: self.at.line });
            return;
        }
        if std::mem::take(&mut self.is_cut) {
            let at = self.previous.clone().unwrap_or_else(|| self.at.clone());
            self.record_break(at.into_break(BreakKind::NoRecord("a file ends in the middle of a line".to_owned())));
        }
        let digest = Digest::of_line(line);
        self.report.lines += 1;
        self.index += 1;
        let read = str::from_utf8(line).map_err(|error| error.to_string());
        let read = read.and_then(|text| record::read_line(text).map_err(|error| error.to_string()));
        match read {
            Err(why) => {
                self.settle_suspect(None);
                self.unreadable.get_or_insert_with(|| (self.at.clone(), why, self.index));
            }
            Ok(read) => {
                self.settle_suspect(Some((read.previous, digest)));
                self.check_link(&read, digest);
                self.count_line(&read);
                self.good_before = self.good;
                self.good = digest;
            }
        }
        self.before_last = self.last;
        self.last = digest;
        self.report.last_sha256 = digest;
        self.previous = Some(self.at.clone());
        if let Some(head) = self.head {
            if head.last == digest && self.head_at.is_none() {
                self.head_at = Some(self.index);
            }
            // The line that the head names has changed. Only the head shows that, as long as nothing follows.
            let is_unsettled = self.suspect.is_some() || self.loose.is_some() || self.unreadable.is_some();
            if head.lines == self.index && head.last != digest && !is_unsettled && self.report.broken.is_none() {
                self.loose = Some((self.at.clone(), None));
            }
        }
    }

    fn check_link(&mut self, read: &record::LogLine<'_>, digest: Digest) {
        let resumed = match &read.about {
            About::Event(Event::Resumed { after }) => Some(*after),
            _ => None,
        };
        if let Some((at, why, _)) = self.unreadable.take() {
            if resumed == Some(self.good) && read.previous == self.last {
                self.report.add_note(VerifyNote::Cut { file: at.file, line: at.line });
            } else {
                self.record_break(at.into_break(BreakKind::NoRecord(why)));
            }
            return;
        }
        if read.server != self.server {
            self.record_break(self.at.clone().into_break(BreakKind::OtherServer(read.server.clone().into_owned())));
        }
        if read.previous != self.last {
            if self.report.broken.is_none() && self.loose.as_ref().is_none_or(|loose| loose.1.is_none()) {
                self.suspect = Some(Suspect {
                    at: self.at.clone(),
                    before: self.previous.clone(),
                    named: read.previous,
                    expected: self.last,
                    before_expected: self.before_last,
                    digest,
                });
            }
        } else if let Some(after) = resumed
            && after != self.good_before
        {
            self.record_break(self.at.clone().into_break(BreakKind::Changed));
        }
    }

    /// Decides what was done to the suspect line. `next` is the digest that the next line names, and that line's own
    /// digest.
    fn settle_suspect(&mut self, next: Option<(Digest, Digest)>) {
        let Some(suspect) = self.suspect.take() else { return };
        let Suspect { at, before, named, expected, before_expected, digest } = suspect;
        let what = match (before.clone(), next) {
            (_, Some((next, other))) if next == expected && named == other => BreakKind::Swapped,
            (_, Some((next, _))) if next == expected => BreakKind::Inserted,
            (Some(before), _) if named == before_expected => {
                return self.record_break(before.into_break(BreakKind::Inserted));
            }
            (_, Some((next, _))) if next != digest => BreakKind::Changed,
            _ => {
                // The line itself is valid: the head tells whether lines are missing before it.
                self.loose = Some((at, Some(before.unwrap_or_default())));
                return;
            }
        };
        self.record_break(at.into_break(what));
    }

    fn record_break(&mut self, broken: ChainBreak) {
        if self.report.broken.is_none() && self.loose.is_none() {
            self.report.broken = Some(broken);
        }
    }

    fn count_line(&mut self, read: &record::LogLine<'_>) {
        self.report.first.get_or_insert(read.time);
        self.report.last = Some(read.time);
        if self.sessions.len() < MAX_VERIFIED_SESSIONS && !self.sessions.contains(&*read.session) {
            self.sessions.insert(read.session.clone().into_owned());
        }
        match &read.about {
            About::Decision(record) => self.report.unknown += u64::from(record.outcome == Outcome::Unknown),
            About::Event(Event::Gap { lost, why }) => {
                self.report.gaps += 1;
                self.report.lost += lost;
                let LinePlace { file, line } = self.at.clone();
                self.report.add_note(VerifyNote::Gap { file, line, lost: *lost, why: why.clone() });
            }
            About::Event(Event::Killed { unanswered }) => {
                self.report.add_note(VerifyNote::Killed {
                    session: read.session.clone().into_owned(),
                    unanswered: Some(*unanswered),
                });
            }
            About::Event(Event::Resumed { .. }) | About::Reload(_) | About::LateAnswer(_) => {}
        }
    }

    pub(super) fn finish(mut self, current: &Path, has_current: bool) -> VerifyReport {
        self.settle_suspect(None);
        if let Some((at, why, index)) = self.unreadable.take() {
            if self.head.is_some_and(|head| head.lines >= index) {
                self.record_break(at.into_break(BreakKind::NoRecord(why)));
            } else {
                self.report.add_note(VerifyNote::Cut { file: at.file, line: at.line });
            }
        }
        if let Some((at, before)) = self.loose.take() {
            let broken = self.explain_loose_line(at, before);
            self.report.broken.get_or_insert(broken);
        }
        if let Some(head) = self.head.filter(|head| head.lines > self.index) {
            let missing = head.lines - self.index;
            let what = if has_current { BreakKind::CutEnd(missing) } else { BreakKind::Gone(missing) };
            let line = has_current.then_some(self.at.line);
            self.report.broken.get_or_insert(ChainBreak { file: current.to_owned(), line, what });
        }
        self.report.sessions = self.sessions.len() as u64;
        self.report
    }

    /// Explains a line that follows no line in the log, by how many lines are missing according to the head.
    fn explain_loose_line(&self, at: LinePlace, before: Option<LinePlace>) -> ChainBreak {
        let Some(before) = before else { return at.into_break(BreakKind::Changed) };
        let missing = self.head.zip(self.head_at).map(|(head, found)| head.lines.checked_sub(found));
        match missing {
            Some(Some(0)) if before.file != at.file => at.into_break(BreakKind::OutOfOrder),
            Some(Some(0)) => before.into_break(BreakKind::Changed),
            Some(Some(count)) => at.into_break(BreakKind::Removed(Some(count))),
            Some(None) => before.into_break(BreakKind::Inserted),
            None if before.line == 0 => at.into_break(BreakKind::Removed(None)),
            None => at.into_break(BreakKind::ChangedOrRemoved),
        }
    }
}
