//! Removes files that are older than the retention period, and leaves an anchor for the rest of the chain.

use std::io;
use std::path::Path;

use jiff::Timestamp;

use super::{Appender, line_digest};
use crate::audit::lines::{LogLines, parse_line};
use crate::audit::mark::Mark;
use crate::limits::{MAX_LOG_LINE, READ_CHUNK};
use crate::state::approvals::unix_time;
use crate::state::file;

impl Appender {
    /// Removes rotated files whose last record is too old, oldest first.
    pub(super) fn prune_old_files(&self) -> io::Result<()> {
        let numbers = self.paths.rotated_numbers()?;
        let written = Mark::read_file(&self.paths.anchor_file())?;
        let mut anchor = written.unwrap_or(Mark { file: 0, ..Mark::START });
        let keep = i128::try_from(self.options.keep.as_nanos()).unwrap_or(i128::MAX);
        let now = i128::try_from(unix_time().as_nanos()).unwrap_or(i128::MAX);
        // If a file in between is missing or is not a log, the rest stays as it is, and `verify` reports it.
        let pruned = anchor.file;
        for number in numbers.iter().copied().filter(|number| *number > pruned) {
            let path = self.paths.rotated_file(number);
            let is_old = number == anchor.file + 1
                && last_time(&path)?.is_some_and(|time| now.saturating_sub(time.as_nanosecond()) > keep);
            if !is_old {
                break;
            }
            let file = file::open_to_read(&path)?;
            let end = file.metadata()?.len();
            let mut lines = LogLines::new(file, 0, end)?;
            anchor.lines += lines.count_rest()?;
            anchor = Mark { last: line_digest(lines.last_line()), file: number, end, ..anchor };
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
        Ok(())
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
        if lines.count_rest()? > 1 || from == 0 {
            return Ok(parse_line(lines.last_line()).map(|line| line.time));
        }
    }
    Ok(None)
}
