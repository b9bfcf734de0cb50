//! Follows the chain block by block, and finds out how it was broken.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::report::{BreakKind, ChainBreak, VerifyNote, VerifyReport};
use crate::audit::mark::Mark;
use crate::limits::MAX_VERIFIED_SESSIONS;
use crate::record::{self, About, BlockDigest, Digest, Event, LineCompleter, Outcome};

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

/// Where a block is: its first line, and the number of its last one. A block of version 1 has one line.
#[derive(Clone, Debug, Default)]
struct BlockPlace {
    first: LinePlace,
    last: u64,
}

impl BlockPlace {
    fn into_break(self, what: BreakKind) -> ChainBreak {
        let what = match what {
            BreakKind::Changed | BreakKind::Inserted if self.last > self.first.line => BreakKind::ChangedIn(self.last),
            what => what,
        };
        self.first.into_break(what)
    }
}

/// The block that is read.
#[derive(Debug, Default)]
struct OpenBlock {
    at: BlockPlace,
    digest: BlockDigest,
    /// What its first line says, if that is a record.
    link: Option<Link>,
    /// The first of its lines that are no records, and whether a record follows that one in the block.
    unreadable: Option<(LinePlace, BreakKind, u64)>,
    goes_on: bool,
    /// Whether it has the line that the head names, with another digest.
    differs_from_head: bool,
}

#[derive(Clone, Debug)]
struct Link {
    previous: Digest,
    /// The last record before a line that was cut, which this one comes after.
    resumed: Option<Digest>,
    other_server: Option<String>,
    /// The digest up to the last record before it, and up to the one before that.
    good: [Digest; 2],
}

/// A block that does not follow the block before; the next one tells what was done to it.
#[derive(Clone, Debug)]
struct Suspect {
    at: BlockPlace,
    before: Option<BlockPlace>,
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
    block: Option<OpenBlock>,
    completer: LineCompleter,
    previous: Option<BlockPlace>,
    /// The number of lines up to and including this one, since the first ever.
    index: u64,
    last: Digest,
    before_last: Digest,
    /// The digest up to the last line that was a record, and up to the one before that.
    good: [Digest; 2],
    /// The first of a run of lines that are no records, which is correct only if a session was killed.
    unreadable: Option<(LinePlace, BreakKind, u64)>,
    suspect: Option<Suspect>,
    /// A valid block that follows none in the log: its position, and the block before it.
    loose: Option<(BlockPlace, Option<BlockPlace>)>,
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
            block: None,
            completer: LineCompleter::default(),
            previous: None,
            index: anchor.lines,
            last: anchor.last,
            before_last: anchor.last,
            good: [anchor.last; 2],
            unreadable: None,
            suspect: None,
            loose: None,
            head_at: head_is_start.then_some(anchor.lines),
            is_cut: false,
        }
    }

    pub(super) fn begin_file(&mut self, file: &Path) {
        self.end_block();
        self.report.files += 1;
        self.at = LinePlace { file: file.to_owned(), line: 0 };
    }

    pub(super) fn record_missing_file(&mut self, file: PathBuf) {
        self.end_block();
        self.settle_suspect(None);
        self.record_break(ChainBreak { file, line: None, what: BreakKind::Missing });
    }

    pub(super) fn check_line(&mut self, line: &[u8]) {
        self.at.line += 1;
        if !line.ends_with(b"\n") {
            // It is only the end of a killed session's output if nothing follows.
            self.is_cut = true;
            self.end_block();
            self.report.add_note(VerifyNote::Cut { file: self.at.file.clone(), line: self.at.line });
            return;
        }
        if std::mem::take(&mut self.is_cut) {
            let at = self.previous.clone().map_or_else(|| self.at.clone(), |block| block.first);
            self.record_break(at.into_break(BreakKind::NoRecord("a file ends in the middle of a line".to_owned())));
        }
        if !BlockDigest::is_gone_on_by(line) {
            self.end_block();
        }
        self.report.lines += 1;
        self.index += 1;
        let mut block = self.block.take().unwrap_or_else(|| OpenBlock {
            at: BlockPlace { first: self.at.clone(), last: 0 },
            ..OpenBlock::default()
        });
        let is_first = block.at.last == 0;
        block.at.last = self.at.line;
        block.digest.add_line(line);
        let digest = block.digest.digest();
        let mut completer = std::mem::take(&mut self.completer);
        let read = str::from_utf8(line).map_err(|error| BreakKind::NoRecord(error.to_string()));
        let read = read.and_then(|text| completer.complete(text).map_err(BreakKind::of_line));
        let read = read.and_then(|text| record::read_line(text).map_err(BreakKind::of_line));
        match read {
            Err(why) => drop(block.unreadable.get_or_insert_with(|| (self.at.clone(), why, self.index))),
            Ok(read) => {
                block.goes_on |= block.unreadable.is_some();
                if is_first {
                    block.link = Some(self.read_link(&read));
                }
                self.count_line(&read);
                self.good = [digest, self.good[0]];
            }
        }
        self.completer = completer;
        self.report.last_sha256 = digest;
        if let Some(head) = self.head {
            if head.last == digest && self.head_at.is_none() {
                self.head_at = Some(self.index);
            }
            block.differs_from_head |= head.lines == self.index && head.last != digest;
        }
        self.block = Some(block);
    }

    fn read_link(&self, read: &record::LogLine<'_>) -> Link {
        let resumed = match &read.about {
            About::Event(Event::Resumed { after }) => Some(*after),
            _ => None,
        };
        let other_server = (read.server != self.server).then(|| read.server.clone().into_owned());
        Link { previous: read.previous, resumed, other_server, good: self.good }
    }

    /// Checks a block once all its lines are read.
    fn end_block(&mut self) {
        let Some(block) = self.block.take() else { return };
        let digest = block.digest.digest();
        match &block.link {
            None => self.settle_suspect(None),
            Some(link) => {
                self.settle_suspect(Some((link.previous, digest, &block.at.first.file)));
                self.check_link(link, &block.at, digest);
            }
        }
        match block.unreadable {
            // Only the end of what was written can be cut.
            Some((at, why, _)) if block.goes_on => self.record_break(at.into_break(why)),
            Some(first) => drop(self.unreadable.get_or_insert(first)),
            None => {}
        }
        self.before_last = self.last;
        self.last = digest;
        self.previous = Some(block.at.clone());
        // The line that the head names has changed. Only the head shows that, as long as nothing follows.
        let is_unsettled = self.suspect.is_some() || self.loose.is_some() || self.unreadable.is_some();
        if block.differs_from_head && !is_unsettled && self.report.broken.is_none() {
            self.loose = Some((block.at, None));
        }
    }

    fn check_link(&mut self, link: &Link, at: &BlockPlace, digest: Digest) {
        if let Some((at, why, _)) = self.unreadable.take() {
            if link.resumed == Some(link.good[0]) && link.previous == self.last {
                self.report.add_note(VerifyNote::Cut { file: at.file, line: at.line });
            } else {
                // Of a line that is said to be of a later version, the chain tells whether it was changed.
                let what = if link.previous == self.last { why } else { why.into_change() };
                self.record_break(at.into_break(what));
            }
            return;
        }
        if let Some(other) = link.other_server.clone() {
            self.record_break(at.clone().into_break(BreakKind::OtherServer(other)));
        }
        if link.previous != self.last {
            if self.report.broken.is_none() && self.loose.as_ref().is_none_or(|loose| loose.1.is_none()) {
                self.suspect = Some(Suspect {
                    at: at.clone(),
                    before: self.previous.clone(),
                    named: link.previous,
                    expected: self.last,
                    before_expected: self.before_last,
                    digest,
                });
            }
        } else if let Some(after) = link.resumed
            && after != link.good[1]
        {
            self.record_break(at.clone().into_break(BreakKind::Changed));
        }
    }

    /// Decides what was done to the suspect block. `next` is the digest that the next block names, that block's own digest, and its
    /// file.
    fn settle_suspect(&mut self, next: Option<(Digest, Digest, &Path)>) {
        let Some(suspect) = self.suspect.take() else { return };
        let Suspect { at, before, named, expected, before_expected, digest } = suspect;
        let what = match (before.clone(), next) {
            (_, Some((next, other, file))) if next == expected && named == other => {
                if file == at.first.file {
                    BreakKind::Swapped
                } else {
                    BreakKind::OutOfOrder
                }
            }
            (_, Some((next, ..))) if next == expected => BreakKind::Inserted,
            (Some(before), _) if named == before_expected => {
                return self.record_break(before.into_break(BreakKind::Inserted));
            }
            (_, Some((next, ..))) if next != digest => BreakKind::Changed,
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
        self.end_block();
        self.settle_suspect(None);
        if let Some((at, why, index)) = self.unreadable.take() {
            let is_named = self.head.is_none() || self.head_at.is_some();
            if matches!(why, BreakKind::Newer(_)) && is_named {
                self.record_break(at.into_break(why));
            } else if self.head.is_some_and(|head| head.lines >= index) {
                self.record_break(at.into_break(why.into_change()));
            } else {
                self.report.add_note(VerifyNote::Cut { file: at.file, line: at.line });
            }
        }
        if let Some((at, before)) = self.loose.take() {
            let broken = self.explain_loose_block(at, before);
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

    /// Explains a block that follows none in the log, by how many lines are missing according to the head.
    fn explain_loose_block(&self, at: BlockPlace, before: Option<BlockPlace>) -> ChainBreak {
        let Some(before) = before else { return at.into_break(BreakKind::Changed) };
        let missing = self.head.zip(self.head_at).map(|(head, found)| head.lines.checked_sub(found));
        match missing {
            Some(Some(0)) if before.first.file != at.first.file => at.into_break(BreakKind::OutOfOrder),
            Some(Some(0)) => before.into_break(BreakKind::Changed),
            Some(Some(count)) => at.into_break(BreakKind::Removed(Some(count))),
            Some(None) => before.into_break(BreakKind::Inserted),
            None if before.first.line == 0 => at.into_break(BreakKind::Removed(None)),
            None => at.into_break(BreakKind::ChangedOrRemoved),
        }
    }
}
