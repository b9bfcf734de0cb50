//! What is remembered, as bytes: records that are only ever added.
//!
//! Each begins with its kind and its length. A source has a number, counted from one; values name the number of theirs.

use std::time::Duration;

use serde_json::json;

use super::table::SourceNumber;
use super::values::ValueKey;
use super::{CalledTool, Returns, Source};

/// The size of a record's head.
const HEAD: usize = 8;

/// One thing that is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record<'r> {
    /// A source; its number is that of the sources before it, and one.
    Source(Source),
    /// Values of a source. [`WRITTEN`](super::index::WRITTEN) is no source.
    Values(SourceNumber, &'r [[u8; 4]]),
    /// A tool whose call was let through.
    Called(CalledTool),
    /// There is no more room.
    Full,
}

const SOURCE: u8 = 1;
const VALUES: u8 = 2;
const CALLED: u8 = 3;
const FULL: u8 = 4;

fn push_record(kind: u8, number: SourceNumber, payload: &[u8], into: &mut Vec<u8>) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let [low, high] = number.to_le_bytes();
    into.extend([kind, 0, low, high]);
    into.extend(length.to_le_bytes());
    into.extend(payload);
}

pub(super) fn push_source(source: &Source, into: &mut Vec<u8>) {
    let at = u64::try_from(source.at.as_millis()).unwrap_or(u64::MAX);
    let text = json!([source.server, source.tool, source.detail, source.returns, at]).to_string();
    push_record(SOURCE, 0, text.as_bytes(), into);
}

/// Writes values, if there are any.
pub(super) fn push_values(number: SourceNumber, values: impl Iterator<Item = ValueKey>, into: &mut Vec<u8>) {
    let start = into.len();
    push_record(VALUES, number, &[], into);
    let payload = into.len();
    into.reserve(values.size_hint().1.unwrap_or_default() * size_of::<ValueKey>());
    values.for_each(|value| into.extend_from_slice(&value.to_le_bytes()));
    let length = into.len() - payload;
    match into.get_mut(payload - size_of::<u32>()..payload) {
        Some(written) if length > 0 => {
            written.copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes())
        }
        _ => into.truncate(start),
    }
}

pub(super) fn push_called(call: &CalledTool, into: &mut Vec<u8>) {
    push_record(CALLED, 0, json!([call.server, call.tool]).to_string().as_bytes(), into);
}

pub(super) fn push_full(into: &mut Vec<u8>) {
    push_record(FULL, 0, &[], into);
}

/// Reads the record that bytes begin with, and returns what is behind it; `None` if they are none.
pub(super) fn read_record(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
    let [kind, 0, low, high, length @ ..] = *head else { return None };
    let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
    let (payload, rest) = rest.split_at_checked(length)?;
    let record = match kind {
        SOURCE => Record::Source(read_source(payload)?),
        VALUES => {
            let (values, []) = payload.as_chunks::<4>() else { return None };
            Record::Values(SourceNumber::from_le_bytes([low, high]), values)
        }
        CALLED => {
            let (server, tool) = serde_json::from_slice(payload).ok()?;
            Record::Called(CalledTool { server, tool })
        }
        FULL => Record::Full,
        _ => return None,
    };
    Some((record, rest))
}

fn read_source(payload: &[u8]) -> Option<Source> {
    let (server, tool, detail, returns, at) =
        serde_json::from_slice::<(String, String, Option<String>, Vec<Returns>, u64)>(payload).ok()?;
    Some(Source { server, tool, detail, returns, at: Duration::from_millis(at) })
}
