//! Framing: the same bytes give the same frames under any chunking, and those are what cutting the whole at newlines
//! gives.

use policylayer::wire::frame::{Frame, Framer};
use policylayer::wire::skim::{Skim, skim_line};

use super::holds_in_any_chunks;

#[derive(Debug, PartialEq)]
enum Seen {
    Line(Vec<u8>),
    Oversize(Skim),
}

pub fn holds(data: &[u8]) {
    holds_in_any_chunks(data, cut, framed);
}

fn cut(stream: &[u8], max: usize) -> Vec<Seen> {
    stream
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| {
            let content = line.strip_suffix(b"\n").unwrap_or(line);
            if content.len() > max { Seen::Oversize(skim_line(content)) } else { Seen::Line(line.to_vec()) }
        })
        .collect()
}

fn framed(mut stream: &[u8], max: usize, sizes: &[usize]) -> Vec<Seen> {
    let (mut framer, mut seen) = (Framer::new(max), Vec::new());
    let mut sizes = sizes.iter().cycle();
    while !stream.is_empty() {
        let room = framer.free_space();
        let count = sizes.next().copied().unwrap_or(7).min(stream.len()).min(room.len());
        room[..count].copy_from_slice(&stream[..count]);
        framer.advance(count);
        stream = &stream[count..];
        while let Some(frame) = framer.next_frame() {
            seen.push(take(&framer, frame));
        }
    }
    let last = framer.finish();
    seen.extend(last.map(|frame| take(&framer, frame)));
    assert!(framer.finish().is_none(), "a stream ends once");
    seen
}

fn take(framer: &Framer, frame: Frame) -> Seen {
    match frame {
        Frame::Line(range) => Seen::Line(framer.bytes(&range).to_vec()),
        Frame::Oversize(skim) => Seen::Oversize(*skim),
    }
}
