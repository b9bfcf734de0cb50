//! Encodes a counter as bytes, in little-endian order.
//!
//! ```text
//! 1  since u64  last u64  used i128  retention u64  (at u64  amount i128)…
//! ```
//! Times are nanoseconds since 1970, amounts are multiples of 10^-9. SQLite's own integers are too small for amounts.

use std::time::Duration;

use crate::engine::limits::bucket::Bucket;
use crate::engine::limits::counts::Count;
use crate::engine::limits::window_log::{WindowEntry, WindowLog};
use crate::policy::Amount;

/// The layout that is written. No other layout is read.
const LAYOUT: u8 = 1;

/// Encodes a counter; `None` if a time is beyond the year 2262.
pub(super) fn encode_count(count: &Count) -> Option<Vec<u8>> {
    let Count { log, bucket } = count;
    let mut bytes = Vec::with_capacity(1 + 8 + 8 + 16 + 8 + log.entries().len() * 24);
    bytes.push(LAYOUT);
    bytes.extend(to_nanoseconds(bucket.since)?.to_le_bytes());
    bytes.extend(to_nanoseconds(bucket.last)?.to_le_bytes());
    bytes.extend(bucket.used.as_nanos().to_le_bytes());
    bytes.extend(to_nanoseconds(log.retention())?.to_le_bytes());
    for entry in log.entries() {
        bytes.extend(to_nanoseconds(entry.at)?.to_le_bytes());
        bytes.extend(entry.amount.as_nanos().to_le_bytes());
    }
    Some(bytes)
}

/// Decodes a counter; `None` if the bytes are invalid.
pub(super) fn decode_count(bytes: &[u8]) -> Option<Count> {
    let mut rest = bytes;
    let [LAYOUT] = take_bytes(&mut rest)? else { return None };
    let bucket = Bucket { since: read_time(&mut rest)?, last: read_time(&mut rest)?, used: read_amount(&mut rest)? };
    let retention = read_time(&mut rest)?;
    let mut entries = Vec::with_capacity(rest.len() / 24);
    while !rest.is_empty() {
        entries.push(WindowEntry { at: read_time(&mut rest)?, amount: read_amount(&mut rest)? });
    }
    Some(Count { log: WindowLog::from_parts(retention, entries)?, bucket })
}

/// Returns a time as stored: nanoseconds since 1970; `None` if SQLite's signed integers cannot hold it.
pub(super) fn to_nanoseconds(time: Duration) -> Option<i64> {
    i64::try_from(time.as_nanos()).ok()
}

fn read_time(rest: &mut &[u8]) -> Option<Duration> {
    take_bytes(rest).and_then(|bytes| u64::try_from(i64::from_le_bytes(bytes)).ok()).map(Duration::from_nanos)
}

fn read_amount(rest: &mut &[u8]) -> Option<Amount> {
    take_bytes(rest).and_then(|bytes| Amount::from_nanos(i128::from_le_bytes(bytes)))
}

fn take_bytes<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Count {
        let at = |seconds| Duration::from_secs(seconds);
        let entries = [
            WindowEntry { at: at(1), amount: Amount::MAX.checked_sub(Amount::ONE).unwrap() },
            WindowEntry { at: at(2), amount: Amount::from_nanos(1).unwrap() },
            WindowEntry { at: at(3), amount: Amount::ZERO },
        ];
        Count {
            log: WindowLog::from_parts(at(60), entries).unwrap(),
            bucket: Bucket { since: at(60), last: at(61), used: Amount::from_count(u64::MAX) },
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for count in [sample(), Count::default()] {
            assert_eq!(decode_count(&encode_count(&count).unwrap()), Some(count));
        }
    }

    #[test]
    fn what_is_no_counter_is_not_read_as_one() {
        let good = encode_count(&sample()).unwrap();
        assert_eq!(decode_count(&[]), None);
        for length in 1..good.len() {
            // The log may end after any whole entry, so a cut there cannot be detected.
            if (length < 41) || (length - 41) % 24 != 0 {
                assert_eq!(decode_count(&good[..length]), None, "{length} bytes");
            }
        }
        let broken = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            decode_count(&bytes)
        };
        assert_eq!(broken(0, 2), None, "another layout");
        assert_eq!(broken(32, 0x80), None, "a negative amount");
        assert_eq!(broken(48, 1), None, "times that go back");
        assert_eq!(broken(72, 0x70), None, "a sum that overflows");
    }
}
