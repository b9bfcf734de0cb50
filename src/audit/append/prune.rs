//! Removes what is older than it is to be kept, and leaves an anchor that the chain still hangs on.

use std::fs::File;
use std::io;
use std::path::Path;

use jiff::Timestamp;

use super::{Appender, digest, now};
use crate::audit::lines::{Lines, parse};
use crate::audit::mark::Mark;
use crate::limits::{MAX_LOG_LINE, READ_CHUNK};
use crate::state::file;

impl Appender {
    /// Removes rotated files whose last record is too old, oldest first.
    pub(super) fn prune(&self) -> io::Result<()> {
        let numbers = self.place.rotated_numbers()?;
        let written = Mark::read(&self.place.anchor())?;
        let mut anchor = written.unwrap_or(Mark { file: 0, ..Mark::START });
        let keep = i128::try_from(self.options.keep.as_nanos()).unwrap_or(i128::MAX);
        let now = i128::try_from(now().as_nanos()).unwrap_or(i128::MAX);
        // Where a file is missing between, or one is no log, it stays as it is, for `verify` to tell of.
        let pruned = anchor.file;
        for number in numbers.iter().copied().filter(|number| *number > pruned) {
            let path = self.place.rotated(number);
            let is_old = number == anchor.file + 1
                && last_time(&path)?.is_some_and(|time| now.saturating_sub(time.as_nanosecond()) > keep);
            if !is_old {
                break;
            }
            let file = file::open(File::options().read(true), &path)?;
            let end = file.metadata()?.len();
            let mut lines = Lines::new(file, 0, end)?;
            while lines.read()?.is_some() {
                anchor.lines += 1;
            }
            anchor = Mark { last: digest(lines.last()), file: number, end, ..anchor };
        }
        if written != Some(anchor) && anchor.file > 0 {
            anchor.write(&self.place.anchor())?;
        }
        // Those that are pruned, and those that a killed session had no time to remove.
        for number in numbers.into_iter().filter(|number| *number <= anchor.file) {
            // One that another program holds open goes next time: the anchor says that it is no longer part of the log.
            file::remove_unless_held(&self.place.rotated(number))?;
        }
        Ok(())
    }
}

/// When the last record of a file was made; `None` where its last line is none.
fn last_time(path: &Path) -> io::Result<Option<Timestamp>> {
    let file = file::open(File::options().read(true), path)?;
    let length = file.metadata()?.len();
    for back in [READ_CHUNK as u64, MAX_LOG_LINE as u64] {
        let from = length.saturating_sub(back);
        let mut lines = Lines::new(file.try_clone()?, from, length)?;
        let mut count = 0;
        while lines.read()?.is_some() {
            count += 1;
        }
        // The first one may have its beginning before.
        if count > 1 || from == 0 {
            return Ok(parse(lines.last()).map(|line| line.time));
        }
    }
    Ok(None)
}
