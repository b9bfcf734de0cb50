//! Limits of a policy, in the words and numbers that every report uses.

use std::fmt;

use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::policy::{Amount, Limit, Scope, Window};

/// A limit of the policy in force.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LimitSummary<'p> {
    /// The limit's path in the policy document.
    pub(crate) rule: &'p str,
    /// How much a window lets through.
    pub(crate) max: Amount,
    /// The length of the window, in seconds.
    #[serde(serialize_with = "whole_seconds")]
    pub(crate) window: Window,
    /// `sliding` or `calendar`.
    pub(crate) align: &'static str,
    /// Whose calls are counted together.
    pub(crate) scope: Scope,
}

impl<'p> From<&'p Limit> for LimitSummary<'p> {
    fn from(limit: &'p Limit) -> Self {
        Self {
            rule: &limit.rule,
            max: limit.max,
            window: limit.window,
            align: align_word(limit.window),
            scope: limit.scope,
        }
    }
}

/// As a JSON number with all of its digits.
impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// Serializes a window as its length in whole seconds.
pub(crate) fn whole_seconds<S: Serializer>(window: &Window, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(window.length().as_secs())
}

/// Serializes a window as its length in seconds, with a fraction.
pub(crate) fn exact_seconds<S: Serializer>(window: &Window, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(window.length().as_secs_f64())
}

/// Returns how a window moves: `sliding` or `calendar`.
pub(crate) fn align_word(window: Window) -> &'static str {
    match window {
        Window::Sliding(_) => "sliding",
        Window::Calendar(_) => "calendar",
    }
}

/// A window as text after "per": `minute`, `90 seconds`, `day (UTC)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowText(pub(crate) Window);

impl fmt::Display for WindowText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.length().as_secs() {
            1 => f.write_str("second")?,
            60 => f.write_str("minute")?,
            3_600 => f.write_str("hour")?,
            86_400 => f.write_str("day")?,
            seconds => write!(f, "{seconds} seconds")?,
        }
        match self.0 {
            Window::Sliding(_) => Ok(()),
            Window::Calendar(_) => f.write_str(" (UTC)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Calendar, Number};
    use std::time::Duration;

    #[test]
    fn no_digit_of_an_amount_is_lost() {
        let max = Amount::from_number(&Number::parse("999999999999999999.123456789").unwrap()).unwrap();
        let window = Window::sliding_of(Duration::from_millis(1_500)).unwrap();
        let limit = LimitSummary { rule: "r", max, window, align: "sliding", scope: Scope::Server };
        let json = serde_json::to_string(&limit).unwrap();
        let expected =
            r#"{"rule":"r","max":999999999999999999.123456789,"window":1,"align":"sliding","scope":"server"}"#;
        assert_eq!(json, expected);
    }

    #[test]
    fn windows_read_as_text() {
        let sliding = |seconds| Window::sliding_of(Duration::from_secs(seconds)).unwrap();
        for (window, text) in [
            (sliding(1), "second"),
            (sliding(3_600), "hour"),
            (sliding(90), "90 seconds"),
            (Window::Calendar(Calendar::Day), "day (UTC)"),
        ] {
            assert_eq!(WindowText(window).to_string(), text);
        }
    }
}
