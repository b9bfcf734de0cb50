//! Reads a stream of server-sent events (WHATWG HTML, section 9.2), under any chunking and within a bound.
//!
//! Data is not decoded: it is a message, and the strict reader judges its bytes.

use std::mem;

use crate::limits::MAX_EVENT_ID;
use crate::wire::skim::{Skim, Skimmer};

/// A whole event. One that the stream ends in the middle of is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What kind of event it is.
    pub kind: EventKind,
    /// What it says.
    pub data: EventData,
}

/// The kind of an event, as far as MCP knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventKind {
    /// A message, which is also what an event without a kind is.
    #[default]
    Message,
    /// The address that messages go to, in revision 2024-11-05.
    Endpoint,
    /// Anything else.
    Other,
}

/// The data of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventData {
    /// As sent. Lines are joined with newlines.
    Whole(Vec<u8>),
    /// Over the bound. It was skipped without being held; the skim says what is known about it.
    Oversize(Skim),
}

/// The longest name of a field that means something, with a byte order mark before it.
const MAX_FIELD: usize = 8;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What the value of the line goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Data,
    Kind,
    Id,
    Retry,
    Ignored,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineState {
    /// In the name of its field, or in none yet.
    Name,
    /// Behind the colon, after which one space is no part of the value.
    Colon(Field),
    Value(Field),
}

/// Reads events from bytes that come in any pieces. Data is held up to `max_data` bytes.
#[derive(Debug)]
pub struct EventReader {
    max_data: usize,
    state: LineState,
    /// The name of the field so far, and one byte more where it is too long to mean anything.
    name: Vec<u8>,
    /// The value of a short field so far.
    value: Vec<u8>,
    is_first_line: bool,
    /// Whether a newline that comes next belongs to the line end before it.
    is_after_cr: bool,
    kind: EventKind,
    /// The data of the event so far; `None` if it has none.
    data: Option<Vec<u8>>,
    skipping: Option<Skimmer>,
    /// The id that takes hold with the next event that is whole.
    next_id: Option<Vec<u8>>,
    last_id: Option<Vec<u8>>,
    retry: Option<u64>,
}

impl EventReader {
    /// Creates a reader at the beginning of a stream.
    pub fn new(max_data: usize) -> Self {
        Self {
            max_data,
            state: LineState::Name,
            name: Vec::new(),
            value: Vec::new(),
            is_first_line: true,
            is_after_cr: false,
            kind: EventKind::default(),
            data: None,
            skipping: None,
            next_id: None,
            last_id: None,
            retry: None,
        }
    }

    /// Reads on in `bytes`, from which it takes what it has read, and returns the next event. `None` if all are read.
    pub fn next_event(&mut self, bytes: &mut &[u8]) -> Option<Event> {
        while let Some(&first) = bytes.first() {
            if mem::take(&mut self.is_after_cr) && first == b'\n' {
                *bytes = bytes.get(1..).unwrap_or_default();
                continue;
            }
            let end = memchr::memchr2(b'\n', b'\r', bytes);
            let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            self.read_part(part);
            let Some((line_end, rest)) = rest.split_first() else {
                *bytes = rest;
                return None;
            };
            *bytes = rest;
            self.is_after_cr = *line_end == b'\r';
            if let Some(event) = self.end_line() {
                return Some(event);
            }
        }
        None
    }

    /// The id of the last whole event that had one, or that followed one: from there the stream can be resumed. `None` if
    /// there was none, or one that is too long.
    pub fn last_id(&self) -> Option<&[u8]> {
        self.last_id.as_deref().filter(|id| !id.is_empty())
    }

    /// How long to wait before the stream is resumed, in milliseconds, if it says.
    pub fn retry(&self) -> Option<u64> {
        self.retry
    }

    /// Reads a part of a line that holds no line end.
    fn read_part(&mut self, mut part: &[u8]) {
        if self.state == LineState::Name {
            let colon = memchr::memchr(b':', part);
            let (name, rest) = part.split_at(colon.unwrap_or(part.len()));
            let room = (MAX_FIELD + 1).saturating_sub(self.name.len()).min(name.len());
            self.name.extend_from_slice(name.get(..room).unwrap_or_default());
            let Some((_, value)) = rest.split_first() else { return };
            part = value;
            self.state = LineState::Colon(self.field());
        }
        if let LineState::Colon(field) = self.state {
            let Some(&first) = part.first() else { return };
            part = part.get(usize::from(first == b' ')..).unwrap_or_default();
            self.begin_value(field);
        }
        match self.state {
            LineState::Value(Field::Data) => self.push_data(part),
            LineState::Value(Field::Kind | Field::Id | Field::Retry) => {
                let room = (MAX_EVENT_ID + 1).saturating_sub(self.value.len()).min(part.len());
                self.value.extend_from_slice(part.get(..room).unwrap_or_default());
            }
            LineState::Value(Field::Ignored) | LineState::Name | LineState::Colon(_) => {}
        }
    }

    /// Which field the name means. Only the first line may have a byte order mark.
    fn field(&self) -> Field {
        match self.line_name() {
            b"data" => Field::Data,
            b"event" => Field::Kind,
            b"id" => Field::Id,
            b"retry" => Field::Retry,
            _ => Field::Ignored,
        }
    }

    fn line_name(&self) -> &[u8] {
        let name = self.name.as_slice();
        if self.is_first_line { name.strip_prefix(BYTE_ORDER_MARK).unwrap_or(name) } else { name }
    }

    fn begin_value(&mut self, field: Field) {
        self.state = LineState::Value(field);
        if field == Field::Data {
            match (&mut self.skipping, &mut self.data) {
                (None, None) => self.data = Some(Vec::new()),
                _ => self.push_data(b"\n"),
            }
        }
    }

    fn push_data(&mut self, part: &[u8]) {
        if let Some(skimmer) = &mut self.skipping {
            return skimmer.feed(part);
        }
        let data = self.data.get_or_insert_default();
        if data.len() + part.len() > self.max_data {
            let skimmer = self.skipping.get_or_insert_default();
            skimmer.feed(data);
            skimmer.feed(part);
            self.data = None;
        } else {
            data.extend_from_slice(part);
        }
    }

    /// Handles the line that has ended. An empty one ends the event.
    fn end_line(&mut self) -> Option<Event> {
        let (state, is_empty) = (self.state, self.line_name().is_empty());
        let field = match state {
            LineState::Name if is_empty => None,
            LineState::Name => {
                let field = self.field();
                self.begin_value(field);
                Some(field)
            }
            LineState::Colon(field) => {
                self.begin_value(field);
                Some(field)
            }
            LineState::Value(field) => Some(field),
        };
        self.state = LineState::Name;
        self.name.clear();
        self.is_first_line = false;
        let value = mem::take(&mut self.value);
        match field {
            None => return self.end_event(),
            Some(Field::Kind) => {
                self.kind = match value.as_slice() {
                    b"" | b"message" => EventKind::Message,
                    b"endpoint" => EventKind::Endpoint,
                    _ => EventKind::Other,
                };
            }
            // One that is too long to be sent back is as good as none, from which nothing can be resumed.
            Some(Field::Id) if value.len() > MAX_EVENT_ID => self.next_id = None,
            Some(Field::Id) if !value.contains(&0) => self.next_id = Some(value),
            Some(Field::Retry) if (1..=MAX_EVENT_ID).contains(&value.len()) && value.iter().all(u8::is_ascii_digit) => {
                let digits = std::str::from_utf8(&value).ok();
                self.retry = Some(digits.and_then(|digits| digits.parse().ok()).unwrap_or(u64::MAX));
            }
            Some(Field::Id | Field::Retry | Field::Data | Field::Ignored) => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<Event> {
        self.last_id.clone_from(&self.next_id);
        let kind = mem::take(&mut self.kind);
        let data = match (self.skipping.take(), self.data.take()) {
            (Some(skimmer), _) => EventData::Oversize(skimmer.finish()),
            (None, data) => EventData::Whole(data?),
        };
        Some(Event { kind, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events, the last id and the time to wait.
    type Read = (Vec<(EventKind, Option<String>)>, Option<String>, Option<u64>);

    fn read(stream: &[u8], size: usize, max: usize) -> Read {
        let (mut reader, mut events) = (EventReader::new(max), Vec::new());
        for mut chunk in stream.chunks(size) {
            while let Some(event) = reader.next_event(&mut chunk) {
                let data = match event.data {
                    EventData::Whole(data) => Some(String::from_utf8(data).unwrap()),
                    EventData::Oversize(_) => None,
                };
                events.push((event.kind, data));
            }
            assert!(chunk.is_empty());
        }
        (events, reader.last_id().map(|id| String::from_utf8(id.to_vec()).unwrap()), reader.retry())
    }

    #[test]
    fn events_are_read_as_the_standard_says_in_pieces_of_any_size() {
        use EventKind::{Endpoint, Message, Other};
        type Row<'r> = (&'r str, &'r [(EventKind, &'r str)], Option<&'r str>, Option<u64>);
        let rows: [Row<'_>; 20] = [
            ("data: {}\n\n", &[(Message, "{}")], None, None),
            ("data:{}\r\n\r\n", &[(Message, "{}")], None, None),
            ("data: a\r\rdata: b\r\r", &[(Message, "a"), (Message, "b")], None, None),
            ("data: a\r\n\ndata: b\n\r\n", &[(Message, "a"), (Message, "b")], None, None),
            ("\u{feff}data: a\n\n", &[(Message, "a")], None, None),
            ("\u{feff}\u{feff}data: a\n\n", &[], None, None),
            ("\n\u{feff}data: a\n\n", &[], None, None),
            (": a comment\n:\n\ndata: a\n: another\ndata: b\n\n", &[(Message, "a\nb")], None, None),
            ("data:  two spaces\n\n", &[(Message, " two spaces")], None, None),
            ("data\n\n", &[(Message, "")], None, None),
            ("data\ndata\n\n", &[(Message, "\n")], None, None),
            ("data: a:b: c\n\n", &[(Message, "a:b: c")], None, None),
            ("event: endpoint\ndata: /m?s=1\n\n", &[(Endpoint, "/m?s=1")], None, None),
            ("event: ping\ndata: x\n\ndata: y\n\n", &[(Other, "x"), (Message, "y")], None, None),
            ("event: message\ndata: x\n\n", &[(Message, "x")], None, None),
            ("id: 7\ndata:\n\nid: 8\ndata: cut", &[(Message, "")], Some("7"), None),
            ("id: 7\n\nid\n\n", &[], None, None),
            ("id: 7\n\nid: 8\u{0}\n\nretry: 12x\nretry: 34\n", &[], Some("7"), Some(34)),
            ("retry: 99999999999999999999999\nDATA: x\ndatas: x\nda: x\n\n", &[], None, Some(u64::MAX)),
            ("data: a\n", &[], None, None),
        ];
        for (stream, events, id, retry) in rows {
            let events: Vec<_> = events.iter().map(|(kind, data)| (*kind, Some((*data).to_owned()))).collect();
            for size in 1..=stream.len() {
                let read = read(stream.as_bytes(), size, 64);
                assert_eq!(read, (events.clone(), id.map(str::to_owned), retry), "{stream:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn data_over_the_bound_is_skipped_and_what_follows_is_not() {
        let stream = b"data: 12345678\n\ndata: 1234\ndata: 5678\n\nid: 1\ndata: 12345678\n\ndata: 1234\ndata: 567\n\n";
        let expected = [Some("12345678"), None, Some("12345678"), Some("1234\n567")];
        let expected: Vec<_> = expected.map(|data| (EventKind::Message, data.map(str::to_owned))).into();
        for size in 1..=stream.len() {
            assert_eq!(read(stream, size, 8), (expected.clone(), Some("1".to_owned()), None), "in pieces of {size}");
        }
    }

    #[test]
    fn what_is_over_a_bound_is_not_held() {
        let mut reader = EventReader::new(1000);
        for mut piece in [&b"id: 1\nevent: "[..], &[b'e'; 100_000], b"\ndata: "] {
            assert_eq!(reader.next_event(&mut piece), None);
        }
        for _ in 0..1000 {
            assert_eq!(reader.next_event(&mut &[b'x'; 1000][..]), None);
        }
        assert_eq!(reader.data, None);
        assert!(reader.value.capacity() <= 2 * MAX_EVENT_ID);
        let event = reader.next_event(&mut &b"\n\n"[..]).unwrap();
        assert!(matches!(event.data, EventData::Oversize(_)));
        assert_eq!(reader.last_id(), Some(&b"1"[..]));
        assert_eq!(reader.next_event(&mut &b"id: "[..]), None);
        for _ in 0..100 {
            assert_eq!(reader.next_event(&mut &[b'i'; 1000][..]), None);
        }
        assert_eq!(reader.next_event(&mut &b"\n\n"[..]), None);
        assert_eq!(reader.last_id(), None, "nothing can be resumed from an id that was not kept");
    }

    #[test]
    fn what_is_known_of_a_message_over_the_bound_is_said() {
        let stream = br#"data: {"jsonrpc":"2.0","id":4,"result":{"text":"0123456789"}}"#;
        let mut reader = EventReader::new(16);
        assert_eq!(reader.next_event(&mut &stream[..]), None);
        let event = reader.next_event(&mut &b"\n\n"[..]).unwrap();
        let EventData::Oversize(skim) = event.data else { panic!("{event:?}") };
        assert_eq!(skim.response_id().map(crate::wire::id::Id::as_str), Some("4"));
    }
}
