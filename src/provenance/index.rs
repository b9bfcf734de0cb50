//! What is remembered, as it is looked up.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::records::{Record, push_called, push_full, push_source, push_values, read_record};
use super::siphash::Key;
use super::table::{SourceNumber, Table};
use super::values::{HostKeys, LookedUp, ResultValues, ValueKey, ValueReader};
use super::{CalledTool, Origins, Returns, SessionFacts, Source, Unknown};
use crate::limits::{
    MAX_CALLED_TOOLS, MAX_DETAILED_SOURCES, MAX_ORIGINS, MAX_REMEMBERED, MAX_SOURCE_TEXT, MAX_SOURCES,
};
use crate::visible::shorten;

/// The number for values that a call had before anything was read that others can have written or that is personal.
pub(super) const WRITTEN: SourceNumber = SourceNumber::MAX;

/// The digests of the values of a session's results, and where they came from.
///
/// Whatever is remembered is written as bytes first, and then taken in from them: those who share a session share these bytes.
#[derive(Debug)]
pub struct Index {
    reader: ValueReader,
    table: Table,
    sources: Vec<Arc<Source>>,
    /// Without the time.
    numbers: HashMap<Source, SourceNumber>,
    called: BTreeSet<CalledTool>,
    unknown: Option<Unknown>,
    /// How many bytes were taken in.
    length: usize,
}

/// The values of a result or of arguments.
#[derive(Debug)]
pub struct Values(ResultValues);

/// Bytes that are no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is damaged")]
pub struct Damaged;

impl Index {
    /// Creates an empty index whose digests are made under this key.
    pub fn new(key: Key) -> Self {
        Self {
            reader: ValueReader::new(key),
            table: Table::default(),
            sources: Vec::new(),
            numbers: HashMap::new(),
            called: BTreeSet::new(),
            unknown: None,
            length: 0,
        }
    }

    /// How many bytes were taken in.
    pub fn length(&self) -> usize {
        self.length
    }

    /// How many bytes the digests take.
    pub fn size(&self) -> usize {
        self.table.size()
    }

    /// Reads the values of a result, JSON.
    pub fn read_result(&mut self, result: &str) -> Values {
        Values(self.reader.read_result(result))
    }

    /// Reads the values of arguments, JSON.
    pub fn read_arguments(&mut self, arguments: &str) -> Values {
        Values(ResultValues { keys: self.reader.read_arguments(arguments), has_text: false })
    }

    /// Writes what is new of a result. If there is no more room, that is written.
    pub fn write_result(&self, source: &Source, values: &Values) -> Vec<u8> {
        let mut bytes = Vec::new();
        if values.0.keys.is_empty() && !values.0.has_text {
            return bytes;
        }
        let source = self.shorten_source(source);
        let number = match self.numbers.get(&timeless(&source)) {
            Some(number) => *number,
            None => {
                push_source(&source, &mut bytes);
                SourceNumber::try_from(self.sources.len() + 1).unwrap_or(WRITTEN)
            }
        };
        // A result has thousands of values that are known, and few sources: whether one is alike is found out once.
        let mut likeness: Vec<Option<bool>> = vec![None; self.sources.len()];
        let mut is_like = |known: SourceNumber| {
            let at = usize::from(known).wrapping_sub(1);
            let (Some(is_like), Some(known)) = (likeness.get_mut(at), self.sources.get(at)) else { return false };
            *is_like.get_or_insert_with(|| known.is_like(&source))
        };
        let mut is_new = |key: ValueKey| {
            let mut count = 0;
            let is_known = self.table.find(key).any(|known| {
                count += 1;
                is_like(known)
            });
            // Of a common value, not every source is kept; what one of them may hold, is.
            let adds_kind = |kind: &Returns| {
                let mut known = self.table.find(key).filter_map(|known| self.source(known));
                !known.any(|known| known.returns(*kind))
            };
            !is_known && (count <= MAX_ORIGINS || source.returns.iter().any(adds_kind))
        };
        let keys = values.0.keys.iter().copied();
        push_values(number, keys.filter(|key| !self.table.has(*key) || is_new(*key)), &mut bytes);
        self.fit(bytes)
    }

    /// Writes that a call was let through, if it is the first of its tool.
    pub fn write_call(&self, call: &CalledTool) -> Vec<u8> {
        let mut bytes = Vec::new();
        if !self.called.contains(call) && self.unknown.is_none() {
            if self.called.len() < MAX_CALLED_TOOLS {
                push_called(call, &mut bytes);
            } else {
                push_full(&mut bytes);
            }
        }
        self.fit(bytes)
    }

    /// Writes the values of a call that can be of no result: nothing has been read that others can have written, or that is
    /// personal.
    pub fn write_written(&self, values: &Values) -> Vec<u8> {
        let mut bytes = Vec::new();
        if !self.has_read() && self.unknown.is_none() {
            // What a result had, whatever it was said to hold, is not the user's.
            let is_new = |key: &&ValueKey| !self.table.has(**key);
            push_values(WRITTEN, values.0.keys.iter().filter(is_new).copied(), &mut bytes);
        }
        let fits = self.length + bytes.len() <= MAX_REMEMBERED / 2;
        if fits { bytes } else { Vec::new() }
    }

    /// Whether anything has been read that others can have written, or that is personal.
    pub fn has_read(&self) -> bool {
        self.sources.iter().any(|source| !source.returns.is_empty())
    }

    /// Returns what may be written of `bytes`: all of them, or that there is no more room.
    fn fit(&self, bytes: Vec<u8>) -> Vec<u8> {
        const LAST: usize = 64;
        if self.unknown == Some(Unknown::Full) {
            return Vec::new();
        }
        let is_full = self.length + bytes.len() > MAX_REMEMBERED - LAST || self.sources.len() >= MAX_SOURCES;
        if bytes.is_empty() || !is_full {
            return bytes;
        }
        let mut full = Vec::new();
        push_full(&mut full);
        full
    }

    /// A source as it is kept: names of a bounded length, and after many of them no details.
    fn shorten_source(&self, source: &Source) -> Source {
        let short = |text: &str| shorten(text, MAX_SOURCE_TEXT).into_owned();
        let detail = source.detail.as_deref().filter(|_| self.sources.len() < MAX_DETAILED_SOURCES).map(short);
        Source { server: short(&source.server), tool: short(&source.tool), detail, ..source.clone() }
    }

    /// Takes in what was written, by this process or another.
    ///
    /// # Errors
    /// If the bytes are no records.
    pub fn take_in(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (record, behind) = read_record(rest).ok_or(Damaged)?;
            match record {
                Record::Source(source) => {
                    let number = SourceNumber::try_from(self.sources.len() + 1).map_err(|_| Damaged)?;
                    self.numbers.insert(timeless(&source), number);
                    self.sources.push(Arc::new(source));
                }
                Record::Values(number, values) => {
                    if number == 0 || number != WRITTEN && usize::from(number) > self.sources.len() {
                        return Err(Damaged);
                    }
                    self.table.add_all(values.iter().map(|value| ValueKey::from_le_bytes(*value)), number);
                }
                Record::Called(call) => drop(self.called.insert(call)),
                Record::Full => self.unknown = Some(Unknown::Full),
            }
            rest = behind;
        }
        self.length += bytes.len();
        Ok(())
    }

    /// Whether a call had a value before anything was read that others can have written, or that is personal.
    fn is_written(&self, key: ValueKey) -> bool {
        self.table.find(key).any(|number| number == WRITTEN)
    }

    fn source(&self, number: SourceNumber) -> Option<&Arc<Source>> {
        self.sources.get(usize::from(number).checked_sub(1)?)
    }

    /// Returns where a text came from, or a part of it.
    pub fn find_origins(&mut self, text: &str) -> Origins {
        let LookedUp { mut keys, hosts } = self.reader.read_argument(text);
        let mut is_users = false;
        for host in hosts {
            let (is_parent, names) = match host {
                HostKeys::Own(names) => (false, names),
                HostKeys::Parent(names) => (true, names),
            };
            // What stands in the name before a host of the user's goes to that host, whoever the ones above it are of.
            is_users = is_parent && is_users || names.iter().any(|key| self.is_written(*key));
            if is_parent && !is_users {
                keys.push(names[1]);
            }
        }
        let mut numbers = BTreeSet::new();
        for key in keys.into_iter().filter(|key| self.table.has(*key)) {
            let is_written = self.is_written(key);
            let is_origin = |number: &SourceNumber| {
                *number != WRITTEN
                    && !(is_written && self.source(*number).is_some_and(|source| !source.returns.is_empty()))
            };
            numbers.extend(self.table.find(key).filter(is_origin));
        }
        let sources = numbers.into_iter().filter_map(|number| self.source(number).map(Arc::clone)).collect();
        Origins { sources, unknown: self.unknown }
    }

    /// Returns where all of a text came from. What a call had before it was read came from there as well.
    pub fn find_whole_origins(&mut self, text: &str) -> Origins {
        let keys = self.reader.read_whole(text);
        let numbers: BTreeSet<_> = keys.into_iter().flat_map(|key| self.table.find(key)).collect();
        let sources = numbers.into_iter().filter_map(|number| self.source(number).map(Arc::clone)).collect();
        Origins { sources, unknown: self.unknown }
    }

    /// Returns what has happened.
    pub fn session_facts(&self) -> SessionFacts {
        let read = [Returns::Untrusted, Returns::Personal];
        let read = read.into_iter().filter(|what| self.sources.iter().any(|source| source.returns(*what)));
        SessionFacts { read: read.collect(), called: self.called.iter().cloned().collect(), unknown: self.unknown }
    }
}

fn timeless(source: &Source) -> Source {
    Source { at: std::time::Duration::ZERO, ..source.clone() }
}
