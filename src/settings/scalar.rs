//! Sizes and durations, with bounds.

use std::time::Duration;

use crate::policy::diagnostic::{Report, quote_for_message};
use crate::policy::keys::kinds::check_bounds;
use crate::policy::keys::{FromDocument, ValueKind, wrong_type};
use crate::policy::tree::{DocumentNode, DocumentValue};
use crate::policy::window;
use crate::size::Size;

/// A number of bytes: `"64MiB"`, or an integer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<const MIN: usize, const MAX: usize>(pub(super) usize);

impl<const MIN: usize, const MAX: usize> FromDocument for Bytes<MIN, MAX> {
    fn value_kind() -> ValueKind {
        ValueKind::without_schema(match MAX {
            usize::MAX => format!("a size of at least {}", Size(MIN)),
            _ => format!("a size from {} to {}", Size(MIN), Size(MAX)),
        })
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let hint = "write a whole number and KiB, MiB or GiB, such as \"64MiB\"";
        let wanted = Self::value_kind().kind;
        let (text, size) = match &node.value {
            DocumentValue::String(text) => match text.parse::<Size>() {
                Ok(size) => (text, Some(size.0)),
                Err(error) => {
                    let message = format!("{what} takes {wanted}, and {} is not a size", quote_for_message(text));
                    report.push_error("bad-value", &node.span, message, error.to_string());
                    return None;
                }
            },
            DocumentValue::Integer(text) => (text, text.parse().ok()),
            _ => {
                report.push(wrong_type(node, what, &wanted).with_hint(hint));
                return None;
            }
        };
        let size = size.filter(|size| (MIN..=MAX).contains(size)).map(Self);
        check_bounds(size, node, text, [what, &wanted, hint], report)
    }
}

/// A duration in the words of the policy language: `"5s"`, `"minute"`, or an integer of seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seconds<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> From<Seconds<MIN, MAX>> for Duration {
    fn from(seconds: Seconds<MIN, MAX>) -> Self {
        Self::from_secs(seconds.0)
    }
}

impl<const MIN: u64, const MAX: u64> FromDocument for Seconds<MIN, MAX> {
    fn value_kind() -> ValueKind {
        ValueKind::without_schema(format!("a length of time from {} to {}", format_seconds(MIN), format_seconds(MAX)))
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        // What is shown has to be allowed.
        let examples = if (MIN..=MAX).contains(&5) && MAX >= 120 { [5, 120] } else { [MIN, MAX] };
        let [one, other] = examples.map(format_seconds);
        let hint = &format!(
            "write a whole number and s, m, h or d, such as \"{one}\" or \"{other}\", or seconds without quotes"
        );
        let (text, seconds) = match &node.value {
            DocumentValue::String(text) => (text, window::parse_duration(text).map(|length| length.as_secs())),
            DocumentValue::Integer(text) => (text, text.parse().ok()),
            _ => {
                report.push(wrong_type(node, what, &Self::value_kind().kind).with_hint(hint));
                return None;
            }
        };
        let seconds = seconds.filter(|seconds| (MIN..=MAX).contains(seconds)).map(Self);
        check_bounds(seconds, node, text, [what, &Self::value_kind().kind, hint], report)
    }
}

/// Formats a duration as a person writes it, such as `5s`, `10m` or `2h`.
pub(crate) fn format_seconds(seconds: u64) -> String {
    match seconds {
        seconds if seconds > 0 && seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        seconds if seconds > 0 && seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}
