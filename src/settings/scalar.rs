//! What is one value: sizes, lengths of time, whole numbers, yes and no.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::policy::Diagnostic;
use crate::policy::diagnostic::{Report, quote};
use crate::policy::document::wrong_type;
use crate::policy::tree::{DocumentKey, DocumentNode, DocumentValue};
use crate::policy::window;
use crate::size::Size;

/// A number of bytes: `"64MiB"`, or an integer.
pub(super) fn size(
    key: &DocumentKey,
    node: &DocumentNode,
    bounds: RangeInclusive<usize>,
    report: &mut Report,
) -> Option<usize> {
    let hint = "write a whole number and KiB, MiB or GiB, such as \"64MiB\"";
    let wanted = match (Size(*bounds.start()), *bounds.end()) {
        (start, usize::MAX) => format!("a size of at least {start}"),
        (start, end) => format!("a size from {start} to {}", Size(end)),
    };
    let (text, size) = match &node.value {
        DocumentValue::String(text) => match text.parse::<Size>() {
            Ok(size) => (text, Some(size.0)),
            Err(error) => {
                let message = format!("`{}` takes {wanted}, and {} is none", key.name, quote(text));
                report.push(Diagnostic::error("bad-value", node.span.clone(), message).hint(error.to_string()));
                return None;
            }
        },
        DocumentValue::Integer(text) => (text, text.parse().ok()),
        _ => {
            report.push(wrong_type(node, &quote(&key.name), &wanted).hint(hint));
            return None;
        }
    };
    within(key, node, text, &wanted, size.filter(|size| bounds.contains(size)), hint, report)
}

/// A length of time in the words of the policy language: `"5s"`, `"minute"`, or an integer of seconds.
pub(super) fn duration(
    key: &DocumentKey,
    node: &DocumentNode,
    bounds: RangeInclusive<Duration>,
    report: &mut Report,
) -> Option<Duration> {
    let hint = "write a whole number and s, m, h or d, such as \"5s\" or \"2m\", or seconds without quotes";
    let wanted = format!("a length of time from {} to {}", in_words(*bounds.start()), in_words(*bounds.end()));
    let (text, length) = match &node.value {
        DocumentValue::String(text) => (text, window::duration(text)),
        DocumentValue::Integer(text) => (text, text.parse().ok().map(Duration::from_secs)),
        _ => {
            report.push(wrong_type(node, &quote(&key.name), &wanted).hint(hint));
            return None;
        }
    };
    within(key, node, text, &wanted, length.filter(|length| bounds.contains(length)), hint, report)
}

/// A whole number.
pub(super) fn whole(
    key: &DocumentKey,
    node: &DocumentNode,
    bounds: RangeInclusive<u32>,
    report: &mut Report,
) -> Option<u32> {
    let wanted = format!("a whole number from {} to {}", bounds.start(), bounds.end());
    let DocumentValue::Integer(text) = &node.value else {
        report
            .push(wrong_type(node, &quote(&key.name), &wanted).hint("write it without quotes and without a fraction"));
        return None;
    };
    let number = text.parse().ok().filter(|number| bounds.contains(number));
    within(key, node, text, &wanted, number, "write a number in these bounds, or leave the key out", report)
}

/// `false` or `true`, as the first or the second of the two meanings.
pub(super) fn flag<T>(key: &DocumentKey, node: &DocumentNode, [no, yes]: [T; 2], report: &mut Report) -> Option<T> {
    match &node.value {
        DocumentValue::Boolean(false) => Some(no),
        DocumentValue::Boolean(true) => Some(yes),
        _ => {
            report.push(wrong_type(node, &quote(&key.name), "true or false").hint("write it without quotes"));
            None
        }
    }
}

/// The value, or the error that it is out of bounds or none.
fn within<T>(
    key: &DocumentKey,
    node: &DocumentNode,
    text: &str,
    wanted: &str,
    value: Option<T>,
    hint: &str,
    report: &mut Report,
) -> Option<T> {
    if value.is_none() {
        let message = format!("`{}` takes {wanted}, not {}", key.name, quote(text));
        report.push(Diagnostic::error("bad-value", node.span.clone(), message).hint(hint));
    }
    value
}

/// A length of time as it would be written.
fn in_words(length: Duration) -> String {
    match length.as_secs() {
        seconds if seconds > 0 && seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        seconds if seconds > 0 && seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}
