//! Removes the oldest files, for their age or for the size of all of them, and leaves an anchor for the rest of the chain.

use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;

use super::{Appender, end_line};
use crate::audit::lines::{LogLines, line_time};
use crate::audit::mark::Mark;
use crate::audit::policies::prune_policies;
use crate::limits::{MAX_LOG_LINE, READ_CHUNK};
use crate::record::BlockDigest;
use crate::state::approvals::unix_time;
use crate::state::file;

impl Appender {
    /// Removes rotated files whose last record is too old, and those that are too many bytes, oldest first.
    pub(super) fn prune_old_files(&self) -> io::Result<()> {
        let numbers = self.paths.rotated_numbers()?;
        let written = Mark::read_file(&self.paths.anchor_file())?;
        let mut anchor = written.unwrap_or(Mark { file: 0, ..Mark::START });
        let keep = i128::try_from(self.options.keep.as_nanos()).unwrap_or(i128::MAX);
        let now = i128::try_from(unix_time().as_nanos()).unwrap_or(i128::MAX);
        let pruned = anchor.file;
        // The file that is written may grow to its largest size. A pruned file that is still held open counts no more.
        let mut total = self.options.max_size;
        for number in numbers.iter().filter(|number| **number > pruned) {
            total += fs::metadata(self.paths.rotated_file(*number))?.len();
        }
        // If a file in between is missing or is not a log, the rest stays as it is, and `verify` reports it.
        for number in numbers.iter().copied().filter(|number| *number > pruned) {
            let path = self.paths.rotated_file(number);
            let is_old = || {
                let last = last_time(&path)?;
                io::Result::Ok(last.is_some_and(|time| now.saturating_sub(time.as_nanosecond()) > keep))
            };
            if number != anchor.file + 1 || (total <= self.options.max_total && !is_old()?) {
                break;
            }
            let file = file::open_to_read(&path)?;
            let end = file.metadata()?.len();
            total = total.saturating_sub(end);
            let mut lines = LogLines::new(file, 0, end)?;
            let mut block = BlockDigest::default();
            anchor.lines += lines.add_rest(&mut block)?;
            end_line(&mut block, lines.last_line());
            anchor = Mark { last: block.digest(), file: number, end, ..anchor };
        }
        if written != Some(anchor) && anchor.file > 0 {
            anchor.write_file(&self.paths.anchor_file())?;
        }
        // The files pruned now, and those that a killed session had no time to remove.
        for number in numbers.into_iter().filter(|number| *number <= anchor.file) {
            // A file that another program holds open is removed next time: the anchor says that it is no longer part of
            // the log.
            file::remove_unless_held(&self.paths.rotated_file(number))?;
        }
        self.prune_policies()
    }

    fn prune_policies(&self) -> io::Result<()> {
        let first = self.paths.rotated_numbers()?.first().map(|number| self.paths.rotated_file(*number));
        let first = first.unwrap_or_else(|| self.paths.current_file());
        let Some(file) = file::if_there(file::open_to_read(&first))? else { return Ok(()) };
        let length = file.metadata()?.len();
        let mut lines = LogLines::new(file, 0, length)?;
        // Without a first record, nobody knows what the log names.
        match lines.read_line()?.and_then(line_time) {
            Some(time) => prune_policies(&self.paths, time.into()),
            None => Ok(()),
        }
    }
}

/// Returns the time of a file's last record; `None` if its last line is not a record.
fn last_time(path: &Path) -> io::Result<Option<Timestamp>> {
    let file = file::open_to_read(path)?;
    let length = file.metadata()?.len();
    for back in [READ_CHUNK as u64, MAX_LOG_LINE as u64] {
        let from = length.saturating_sub(back);
        let mut lines = LogLines::new(file.try_clone()?, from, length)?;
        // The first line may begin before the part that was read.
        let mut count = 0;
        while lines.read_line()?.is_some() {
            count += 1;
        }
        if count > 1 || from == 0 {
            return Ok(line_time(lines.last_line()));
        }
    }
    Ok(None)
}
