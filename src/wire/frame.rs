//! Cuts bytes into lines, under any chunking and within a bound.

use std::mem;
use std::ops::Range;

use super::skim::{Skim, Skimmer};
use crate::block_bits::{BLOCK, find_bits};
use crate::limits::{KEEP_BUFFER, READ_CHUNK};

/// The next thing in the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// A line: where it is in the buffer, its newline included. Only the last line of a stream may have none.
    Line(Range<usize>),
    /// A line over the bound. It was skipped without being held; the skim says what is known about it.
    Oversize(Box<Skim>),
}

/// Cuts a byte stream into lines of at most `max_line` bytes, in place.
///
/// Read into [`free_space`](Self::free_space), report how much with [`advance`](Self::advance), then take frames until
/// there are no more. Ranges stay valid until the next call of `free_space`.
#[derive(Debug)]
pub struct Framer {
    buffer: Vec<u8>,
    start: usize,
    /// Up to where the unfinished line is known to contain no newline.
    searched: usize,
    /// Where the received bytes end.
    end: usize,
    max_line: usize,
    /// Reads a line that is over the bound while its bytes pass by.
    skipping: Option<Skimmer>,
}

impl Framer {
    /// Creates a framer for lines of at most `max_line` bytes, not counting the newline.
    pub fn new(max_line: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, searched: 0, end: 0, max_line, skipping: None }
    }

    /// Returns where to read the next bytes to; never empty. Invalidates all ranges returned before.
    pub fn free_space(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.searched -= self.start;
            self.start = 0;
        }
        if self.end == 0 && self.buffer.len() > KEEP_BUFFER {
            self.buffer = Vec::new();
        }
        if self.buffer.len() - self.end < READ_CHUNK {
            // Growing by a quarter keeps a line that arrives in many reads from being copied once per read.
            self.buffer.resize((self.end + self.end / 4).max(self.end + READ_CHUNK), 0);
        }
        &mut self.buffer[self.end..]
    }

    /// Records that `count` bytes were read into [`free_space`](Self::free_space).
    pub fn advance(&mut self, count: usize) {
        self.end = (self.end + count).min(self.buffer.len());
    }

    /// Returns the next frame, if the bytes so far hold a whole one.
    #[must_use = "a frame that is not handled is lost"]
    pub fn next_frame(&mut self) -> Option<Frame> {
        let Some(newline) = find_newline(&self.buffer[self.searched..self.end]) else {
            if self.end - self.start > self.max_line || self.skipping.is_some() {
                self.skip_to(self.end);
            }
            self.searched = self.end;
            return None;
        };
        let newline = self.searched + newline;
        let frame = if self.skipping.is_some() || newline - self.start > self.max_line {
            self.skip_to(newline);
            Frame::Oversize(self.take_skim().into())
        } else {
            Frame::Line(self.start..newline + 1)
        };
        self.start = newline + 1;
        self.searched = self.start;
        Some(frame)
    }

    /// Returns what is left when the stream has ended: a last line without a newline, if there are bytes.
    #[must_use = "a frame that is not handled is lost"]
    pub fn finish(&mut self) -> Option<Frame> {
        if self.skipping.is_some() {
            self.skip_to(self.end);
            return Some(Frame::Oversize(self.take_skim().into()));
        }
        let line = self.start..self.end;
        (self.start, self.searched) = (self.end, self.end);
        (!line.is_empty()).then_some(Frame::Line(line))
    }

    /// Returns the bytes of a range that this framer returned.
    pub fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.buffer.get(range.clone()).unwrap_or_default()
    }

    fn skip_to(&mut self, end: usize) {
        let skimmer = self.skipping.get_or_insert_with(Skimmer::default);
        skimmer.feed(&self.buffer[self.start..end]);
        self.start = end;
    }

    fn take_skim(&mut self) -> Skim {
        mem::take(&mut self.skipping).map(Skimmer::finish).unwrap_or_default()
    }
}

/// Returns where the first newline is. Most lines are short, and end in the first of these blocks.
fn find_newline(bytes: &[u8]) -> Option<usize> {
    const NEAR: usize = 4;
    let mut passed = 0;
    while passed < NEAR * BLOCK
        && let Some(block) = bytes.get(passed..).and_then(|rest| rest.first_chunk::<BLOCK>())
    {
        let newlines = find_bits(|at| block[at] == b'\n');
        if newlines != 0 {
            return Some(passed + newlines.trailing_zeros() as usize);
        }
        passed += BLOCK;
    }
    Some(passed + memchr::memchr(b'\n', bytes.get(passed..)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `chunks` and returns each line, or `None` for one over the bound.
    fn lines(max: usize, chunks: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        let mut framer = Framer::new(max);
        let mut seen = Vec::new();
        for chunk in chunks {
            let mut rest = *chunk;
            while !rest.is_empty() {
                let room = framer.free_space();
                let count = rest.len().min(room.len());
                room[..count].copy_from_slice(&rest[..count]);
                framer.advance(count);
                rest = &rest[count..];
                while let Some(frame) = framer.next_frame() {
                    seen.push(line(&framer, frame));
                }
            }
        }
        if let Some(frame) = framer.finish() {
            seen.push(line(&framer, frame));
        }
        seen
    }

    fn line(framer: &Framer, frame: Frame) -> Option<Vec<u8>> {
        match frame {
            Frame::Line(range) => Some(framer.bytes(&range).to_vec()),
            Frame::Oversize(_) => None,
        }
    }

    fn some(line: &str) -> Option<Vec<u8>> {
        Some(line.as_bytes().to_vec())
    }

    #[test]
    fn any_chunking_gives_the_same_lines() {
        let stream = b"one\n\r\n\ntwo two\r\nthree";
        let expected = [some("one\n"), some("\r\n"), some("\n"), some("two two\r\n"), some("three")];
        for size in 1..stream.len() + 1 {
            let chunks: Vec<_> = stream.chunks(size).collect();
            assert_eq!(lines(64, &chunks), expected, "in chunks of {size}");
        }
    }

    #[test]
    fn a_line_over_the_bound_is_skipped_and_the_next_one_is_not() {
        let stream = b"12345678\n123456789\nafter\n1234567890123";
        let expected = [some("12345678\n"), None, some("after\n"), None];
        for size in 1..stream.len() + 1 {
            let chunks: Vec<_> = stream.chunks(size).collect();
            assert_eq!(lines(8, &chunks), expected, "in chunks of {size}");
        }
    }

    #[test]
    fn an_oversize_line_is_not_held() {
        let mut framer = Framer::new(1000);
        for _ in 0..1000 {
            framer.free_space().fill(b'x');
            framer.advance(READ_CHUNK);
            assert_eq!(framer.next_frame(), None);
        }
        assert!(framer.buffer.len() <= 4 * READ_CHUNK, "holds {}", framer.buffer.len());
    }

    #[test]
    fn a_large_buffer_is_given_back() {
        let mut framer = Framer::new(8 * KEEP_BUFFER);
        let mut sent = 0;
        while sent < 4 * KEEP_BUFFER {
            let room = framer.free_space();
            room.fill(b'x');
            sent += room.len();
            let count = room.len();
            framer.advance(count);
            assert_eq!(framer.next_frame(), None);
        }
        framer.free_space()[0] = b'\n';
        framer.advance(1);
        assert!(matches!(framer.next_frame(), Some(Frame::Line(_))));
        framer.free_space();
        assert!(framer.buffer.len() <= KEEP_BUFFER, "keeps {}", framer.buffer.len());
    }
}
