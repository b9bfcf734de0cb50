//! Streams of events: the same bytes give the same events under any chunking, and those are what the standard's own words,
//! read on the whole stream at once, give.

use policylayer::wire::http::event_stream::{EventData, EventKind, EventReader};
use policylayer::wire::skim::{Skim, skim_line};

use super::holds_in_any_chunks;

#[derive(Debug, Default, PartialEq)]
struct Seen {
    events: Vec<(EventKind, Data)>,
    last_id: Option<Vec<u8>>,
    retry: Option<u64>,
}

#[derive(Debug, PartialEq)]
enum Data {
    Whole(Vec<u8>),
    Oversize(Skim),
}

pub fn holds(data: &[u8]) {
    holds_in_any_chunks(data, model, read);
}

fn read(mut stream: &[u8], max: usize, sizes: &[usize]) -> Seen {
    let (mut reader, mut events) = (EventReader::new(max), Vec::new());
    let mut sizes = sizes.iter().cycle();
    while !stream.is_empty() {
        let (mut chunk, rest) = stream.split_at(sizes.next().copied().unwrap_or(7).min(stream.len()));
        stream = rest;
        while let Some(event) = reader.next_event(&mut chunk) {
            let data = match event.data {
                EventData::Whole(data) => Data::Whole(data),
                EventData::Oversize(skim) => Data::Oversize(skim),
            };
            events.push((event.kind, data));
        }
        assert!(chunk.is_empty());
    }
    Seen { events, last_id: reader.last_id().map(<[u8]>::to_vec), retry: reader.retry() }
}

/// The lines of a stream that are ended, without their ends.
fn lines(stream: &[u8]) -> Vec<Vec<u8>> {
    let (mut lines, mut line) = (Vec::new(), Vec::new());
    let mut bytes = stream.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\n' => lines.push(std::mem::take(&mut line)),
            b'\r' => {
                bytes.next_if_eq(&b'\n');
                lines.push(std::mem::take(&mut line));
            }
            byte => line.push(byte),
        }
    }
    lines
}

/// Section 9.2.6 of the standard, with its buffers by their names.
fn model(stream: &[u8], max: usize) -> Seen {
    let (mut data, mut kind, mut id) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen = Seen::default();
    for line in lines(stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream)) {
        if line.is_empty() {
            seen.last_id = Some(id.clone()).filter(|id| !id.is_empty());
            let data = std::mem::take(&mut data);
            let kind = match std::mem::take(&mut kind).as_slice() {
                b"" | b"message" => EventKind::Message,
                b"endpoint" => EventKind::Endpoint,
                _ => EventKind::Other,
            };
            if let Some((_, data)) = data.split_last() {
                let data = if data.len() > max { Data::Oversize(skim_line(data)) } else { Data::Whole(data.to_vec()) };
                seen.events.push((kind, data));
            }
            continue;
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(0) => continue,
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (&line[..], &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                data.extend_from_slice(value);
                data.push(b'\n');
            }
            b"event" => kind = value.to_vec(),
            b"id" if value.len() > policylayer::limits::MAX_EVENT_ID => id.clear(),
            b"id" if !value.contains(&0) => id = value.to_vec(),
            b"retry"
                if (1..=policylayer::limits::MAX_EVENT_ID).contains(&value.len())
                    && value.iter().all(u8::is_ascii_digit) =>
            {
                seen.retry = Some(std::str::from_utf8(value).unwrap().parse().unwrap_or(u64::MAX));
            }
            _ => {}
        }
    }
    seen
}
