//! Cuts bytes into lines, under any chunking and within a bound.

use std::mem;
use std::ops::Range;

use fearless_simd::{Level, Simd, SimdMask, dispatch};

use super::skim::{Skim, Skimmer};
use crate::block_bits::{BLOCK, Lanes};
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
    newlines: Newlines,
    /// Where the received bytes end.
    end: usize,
    max_line: usize,
    /// Reads a line that is over the bound while its bytes pass by.
    skipping: Option<Skimmer>,
}

impl Framer {
    /// Creates a framer for lines of at most `max_line` bytes, not counting the newline.
    pub fn new(max_line: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, newlines: Newlines::default(), end: 0, max_line, skipping: None }
    }

    /// Returns where to read the next bytes to; never empty. Invalidates all ranges returned before.
    pub fn free_space(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.newlines.move_back(self.start);
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
    #[inline]
    pub fn next_frame(&mut self) -> Option<Frame> {
        let Some(newline) = self.newlines.take(&self.buffer[..self.end]) else {
            if self.end - self.start > self.max_line || self.skipping.is_some() {
                self.skip_to(self.end);
            }
            return None;
        };
        let frame = if self.skipping.is_some() || newline - self.start > self.max_line {
            self.skip_to(newline);
            Frame::Oversize(self.take_skim().into())
        } else {
            Frame::Line(self.start..newline + 1)
        };
        self.start = newline + 1;
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
        (self.start, self.newlines) = (self.end, Newlines { searched: self.end, ..Newlines::default() });
        (!line.is_empty()).then_some(Frame::Line(line))
    }

    /// Returns the bytes of a range that this framer returned.
    #[inline]
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

/// How many blocks are looked at together, for the lines in them.
const MARKED: usize = 16;

/// Where the newlines are in what was received.
#[derive(Debug, Default)]
struct Newlines {
    /// Up to where it was looked at.
    searched: usize,
    /// Where the marked blocks begin, and how many there are.
    from: usize,
    marked: usize,
    /// The newlines in each that are not taken.
    marks: [u64; MARKED],
    /// The first block that may have some.
    block: usize,
}

impl Newlines {
    /// Takes the next newline, and returns where it is.
    #[inline]
    fn take(&mut self, received: &[u8]) -> Option<usize> {
        loop {
            while self.block < self.marked
                && let Some(newlines) = self.marks.get_mut(self.block)
            {
                if *newlines != 0 {
                    let at = newlines.trailing_zeros() as usize;
                    *newlines &= *newlines - 1;
                    return Some(self.from + self.block * BLOCK + at);
                }
                self.block += 1;
            }
            if self.searched >= received.len() {
                return None;
            }
            self.look_on(received);
        }
    }

    /// Marks the newlines in the next blocks, of which there is some. Where these have none, passes over all before the next one.
    #[inline(never)]
    fn look_on(&mut self, received: &[u8]) {
        let rest = received.get(self.searched..).unwrap_or_default();
        let (blocks, tail) = rest.as_chunks();
        (self.from, self.block) = (self.searched, 0);
        if blocks.is_empty() {
            let mut padded = [0; BLOCK];
            padded.iter_mut().zip(tail).for_each(|(place, byte)| *place = *byte);
            self.marked = mark_newlines(&[padded], &mut self.marks);
            self.searched = received.len();
            return;
        }
        self.marked = mark_newlines(blocks, &mut self.marks);
        self.searched += self.marked * BLOCK;
        if self.marked == MARKED && self.marks == [0; MARKED] {
            let rest = received.get(self.searched..).unwrap_or_default();
            self.searched += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        }
    }

    /// What was received is now so much nearer to the start. What was found and not taken is looked for again.
    fn move_back(&mut self, by: usize) {
        let is_taken = self.marks.iter().take(self.marked).skip(self.block).all(|newlines| *newlines == 0);
        let searched = if is_taken { self.searched.saturating_sub(by) } else { 0 };
        *self = Self { searched, ..Self::default() };
    }
}

/// Marks the newlines in the first blocks, and returns in how many.
fn mark_newlines(blocks: &[[u8; BLOCK]], marks: &mut [u64; MARKED]) -> usize {
    dispatch!(Level::new(), simd => mark_newlines_in(simd, blocks, marks))
}

#[inline(always)]
fn mark_newlines_in<S: Simd>(simd: S, blocks: &[[u8; BLOCK]], marks: &mut [u64; MARKED]) -> usize {
    let count = blocks.len().min(MARKED);
    // An iterator is not always inlined without link-time optimisation.
    let mut at = 0;
    while at < count {
        marks[at] = Lanes::of(simd, &blocks[at]).are(b'\n').to_bitmask();
        at += 1;
    }
    count
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

    #[test]
    fn lines_are_those_that_newlines_end_however_they_come() {
        let mut state = 1_u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for _ in 0..2_000 {
            let (max, rate) = ([30, 200, 5_000][random(3)], [2, 20, 70, 1_500][random(4)]);
            let stream: Vec<_> = (0..random(4_000))
                .map(|_| if random(rate) == 0 { b'\n' } else { [b'x', b'\r', 0x8a, 0x0b, 9, 0][random(6)] })
                .collect();
            let expected: Vec<_> = stream
                .split_inclusive(|byte| *byte == b'\n')
                .map(|line| Some(line.to_vec()).filter(|_| line.strip_suffix(b"\n").unwrap_or(line).len() <= max))
                .collect();
            let (mut framer, mut got, mut rest) = (Framer::new(max), Vec::new(), &stream[..]);
            let mut take = |framer: &mut Framer, frame| match frame {
                Frame::Line(range) => got.push(Some(framer.bytes(&range).to_vec())),
                Frame::Oversize(_) => got.push(None),
            };
            while !rest.is_empty() {
                let most = [3, 100, 3_000][random(3)];
                let count = (1 + random(most)).min(rest.len());
                framer.free_space()[..count].copy_from_slice(&rest[..count]);
                framer.advance(count);
                rest = &rest[count..];
                // Some may be left until more has come.
                let taken = [usize::MAX, usize::MAX, random(5)][random(3)];
                for _ in 0..taken {
                    let Some(frame) = framer.next_frame() else { break };
                    take(&mut framer, frame);
                }
            }
            while let Some(frame) = framer.next_frame() {
                take(&mut framer, frame);
            }
            if let Some(frame) = framer.finish() {
                take(&mut framer, frame);
            }
            assert_eq!(got, expected);
        }
    }
}
