//! Reads a file line by line, in pieces no longer than the longest record.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};

use jiff::Timestamp;

use crate::limits::{MAX_LOG_LINE, READ_CHUNK};
use crate::record::{self, BlockDigest, LogLine};

/// The lines between two places of a file.
#[derive(Debug)]
pub(crate) struct LogLines {
    file: io::Take<BufReader<File>>,
    line: Vec<u8>,
    left: u64,
}

impl LogLines {
    /// Returns the lines of `file` from the byte `from` to the byte `to`.
    pub(crate) fn new(mut file: File, from: u64, to: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(from))?;
        let left = to.saturating_sub(from);
        Ok(Self { file: BufReader::with_capacity(READ_CHUNK, file).take(0), line: Vec::new(), left })
    }

    /// Returns the next line with its newline; only the last line may lack one, if it is cut. A line that is longer
    /// than any record comes in pieces.
    pub(crate) fn read_line(&mut self) -> io::Result<Option<&[u8]>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.line.clear();
        self.file.set_limit(self.left.min(MAX_LOG_LINE as u64));
        let read = self.file.read_until(b'\n', &mut self.line)? as u64;
        self.left = if read == 0 { 0 } else { self.left.saturating_sub(read) };
        Ok((read > 0).then_some(&*self.line))
    }

    /// Reads the rest, and adds each line to `block`. Returns their number.
    pub(super) fn add_rest(&mut self, block: &mut BlockDigest) -> io::Result<u64> {
        let mut count = 0;
        while let Some(line) = self.read_line()? {
            block.add_line(line);
            count += 1;
        }
        Ok(count)
    }

    /// Returns the line that was read last, even if there are no more.
    pub(crate) fn last_line(&self) -> &[u8] {
        &self.line
    }
}

/// Whether a line is a record, of itself or one that goes on with a block.
pub(super) fn is_record(line: &[u8]) -> bool {
    line_time(line).is_some()
}

/// Returns the time of a line; `None` if it is not a record.
pub(super) fn line_time(line: &[u8]) -> Option<Timestamp> {
    record::read_time(str::from_utf8(line).ok()?)
}

/// Parses a line that stands by itself; `None` if it is not a record.
pub(super) fn parse_line(line: &[u8]) -> Option<LogLine<'_>> {
    str::from_utf8(line).ok().and_then(|text| record::read_line(text).ok())
}
