//! The keys that limit: `rate_limit`, `limits`, `spend_limit`, and their windows and amounts.

use std::time::Duration;

use super::amount::Amount;
use super::condition::Path;
use super::diagnostic::{Diagnostic, Report, quote};
use super::document::{choice, string, wrong_type};
use super::entry::Reason;
use super::keys::{LIMIT, nearest};
use super::limit::{Increment, OnError, Scope, Units};
use super::number::Number;
use super::source::Span;
use super::tree::{DocumentNode, DocumentValue};
use super::window::{Calendar, Span as Length, Window, duration};

/// A limit as it is written in an entry.
#[derive(Debug)]
pub(super) struct LimitAsWritten {
    /// Its path in the entry, such as `limits[0]`.
    pub(super) path: String,
    /// The name of its counter with its place, where it has one.
    pub(super) counter: Option<(String, Span)>,
    pub(super) max: Amount,
    pub(super) window: Window,
    pub(super) scope: Scope,
    pub(super) increment: Increment,
    pub(super) reason: Option<String>,
    pub(super) on_error: OnError,
}

impl LimitAsWritten {
    /// A limit on calls.
    pub(super) fn on_calls(path: impl Into<String>, max: Amount, window: Window, scope: Scope) -> Self {
        Self {
            path: path.into(),
            counter: None,
            max,
            window,
            scope,
            increment: Increment::Fixed(Amount::from_count(1)),
            reason: None,
            on_error: OnError::Keep,
        }
    }
}

/// `"10/minute"` or `{ max, window, scope?, reason? }`.
pub(super) fn rate_limit(node: &DocumentNode, report: &mut Report) -> Option<LimitAsWritten> {
    match &node.value {
        DocumentValue::String(text) => {
            let (max, length) = rate(text, node, report)?;
            Some(LimitAsWritten::on_calls("rate_limit", max, Window::Sliding(length), Scope::Session))
        }
        DocumentValue::Table(_) => limit("rate_limit".to_owned(), node, report),
        _ => {
            report.push(wrong_type(node, "`rate_limit`", "a rate such as \"10/minute\"").hint(RATE));
            None
        }
    }
}

const RATE: &str = "write it as \"10/minute\", or as { max = 10, window = 60 }";

/// The two halves of `10/minute`.
pub(crate) fn rate(text: &str, node: &DocumentNode, report: &mut Report) -> Option<(Amount, Length)> {
    let parts = text.split_once('/').and_then(|(max, length)| {
        let number = Number::parse(max.trim())?;
        Some((Amount::from_number(&number).ok()?, span_of(length.trim())?))
    });
    if parts.is_none() {
        let message = format!("{} is no rate", quote(text));
        report.push(
            Diagnostic::error("bad-rate", node.span.clone(), message)
                .hint("write how many, a slash and the window: \"10/minute\", \"5/hour\", \"100/day\", \"3/90s\""),
        );
    }
    parts
}

/// A list of limits.
pub(super) fn limits(node: &DocumentNode, report: &mut Report) -> Vec<LimitAsWritten> {
    let DocumentValue::Array(items) = &node.value else {
        report.push(
            wrong_type(node, "`limits`", "a list of limits")
                .hint("put them into brackets: [{ max = 60, window = \"minute\" }]"),
        );
        return Vec::new();
    };
    items.iter().enumerate().filter_map(|(index, item)| limit(format!("limits[{index}]"), item, report)).collect()
}

/// `{ max, window, scope?, counter?, increment?, increment_from?, align?, on_deny?, refund_on_error? }`.
fn limit(path: String, node: &DocumentNode, report: &mut Report) -> Option<LimitAsWritten> {
    let DocumentValue::Table(pairs) = &node.value else {
        report.push(wrong_type(node, "a limit", "a table").hint("such as { max = 60, window = \"minute\" }"));
        return None;
    };
    let (mut max, mut length, mut scope, mut counter) = (None, None, Some(Scope::Session), None);
    let (mut increment, mut increment_from) = (None, None);
    let (mut align, mut on_error, mut reason) = (Some(Align::Sliding), Some(OnError::Keep), Reason::default());
    let errors = report.errors();
    for (key, value) in pairs {
        match key.name.as_str() {
            "max" => max = amount(value, "`max`", report).map(|max| (max, units(value))),
            "window" => length = window(value, report),
            "scope" => scope = choice(value, "scope", &SCOPES, report).map(|scope| scope.value),
            "counter" => counter = counter_name(value, report),
            "increment" => increment = amount(value, "`increment`", report),
            "increment_from" => increment_from = argument(value, report),
            "align" => align = choice(value, "align", &ALIGNS, report).map(|align| align.value),
            "refund_on_error" => on_error = refund(value, report),
            "reason" | "on_deny" => reason.read(key, value, report),
            other => report.push(LIMIT.reject(other, key.span.clone())),
        }
    }
    for name in ["max", "window"] {
        if !pairs.iter().any(|(key, _)| key.name == name) {
            let message = format!("the limit has no `{name}`");
            report.push(
                Diagnostic::error("missing-key", node.span.clone(), message)
                    .hint("a limit has `max` and `window`, such as { max = 10, window = 60 }"),
            );
        }
    }
    if increment.is_some() && increment_from.is_some() {
        let message = "`increment` and `increment_from` both say how much a call counts";
        report.push(Diagnostic::error("conflicting-keys", node.span.clone(), message).hint("keep one of the two"));
    }
    let ((max, units), length) = (max?, length?);
    let window = aligned(length, align?, &node.span, report)?;
    let increment = match increment_from {
        Some(path) => Increment::From { path, units },
        None => Increment::Fixed(increment.unwrap_or(Amount::from_count(1))),
    };
    let limit = LimitAsWritten {
        path,
        counter,
        max,
        window,
        scope: scope?,
        increment,
        reason: reason.text,
        on_error: on_error?,
    };
    Some(limit).filter(|_| report.errors() == errors)
}

/// `$500/day`: money, which an argument says.
pub(super) fn spend_limit(
    path: &str,
    spend: Option<&DocumentNode>,
    amount_from: Option<&DocumentNode>,
    report: &mut Report,
) -> Option<LimitAsWritten> {
    let from = amount_from.and_then(|node| argument(node, report));
    let Some(spend) = spend else {
        if let Some(node) = amount_from {
            let message = "`amount_from` is for a `spend_limit`, and there is none";
            report.push(
                Diagnostic::error("conflicting-keys", node.span.clone(), message).hint("add one, or take it out"),
            );
        }
        return None;
    };
    let text = string(spend, "`spend_limit`", report)?;
    if amount_from.is_none() {
        let message = "nothing says how much a call spends";
        report.push(
            Diagnostic::error("missing-key", spend.span.clone(), message)
                .hint("add `amount_from` with the argument that holds it, such as \"args.amount\""),
        );
    }
    let (max, length) = rate(text.trim_start_matches(['$', '€', '£']).trim_start(), spend, report)?;
    let window = aligned(length, Align::Calendar, &spend.span, report)?;
    let increment = Increment::From { path: from?, units: Units::Decimal };
    Some(LimitAsWritten { increment, ..LimitAsWritten::on_calls(path, max, window, Scope::Server) })
}

const SCOPES: [(&str, Scope); 3] = [("session", Scope::Session), ("server", Scope::Server), ("grant", Scope::Server)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Sliding,
    Calendar,
}

const ALIGNS: [(&str, Align); 2] = [("sliding", Align::Sliding), ("calendar", Align::Calendar)];

/// The window of a length, aligned.
pub(super) fn aligned(length: Length, align: Align, span: &Span, report: &mut Report) -> Option<Window> {
    if align == Align::Sliding {
        return Some(Window::Sliding(length));
    }
    let units = [Calendar::Minute, Calendar::Hour, Calendar::Day];
    let unit = units.into_iter().find(|unit| unit.length() == length.length());
    if unit.is_none() {
        report.push(
            Diagnostic::error("bad-window", span.clone(), "the calendar has no unit of this length")
                .hint("windows that are aligned to the calendar are minute, hour and day"),
        );
    }
    unit.map(Window::Calendar)
}

/// Seconds, a word, or a number with a unit.
pub(crate) fn window(node: &DocumentNode, report: &mut Report) -> Option<Length> {
    let length = match &node.value {
        DocumentValue::Integer(seconds) => {
            seconds.parse().ok().and_then(|seconds| Length::new(Duration::from_secs(seconds)).ok())
        }
        DocumentValue::String(text) => span_of(text),
        _ => None,
    };
    if length.is_none() {
        let message = "this is no length of time between a second and 366 days";
        let word = match &node.value {
            DocumentValue::String(text) => nearest(text, ["second", "minute", "hour", "day"].into_iter()),
            _ => None,
        };
        report.push(
            Diagnostic::error("bad-window", node.span.clone(), message).hint(match word {
                Some(word) => format!("did you mean \"{word}\"?"),
                None => {
                    "write seconds, such as 60, or \"second\", \"minute\", \"hour\", \"day\", \"90s\", \"15m\", \"2h\""
                        .to_owned()
                }
            }),
        );
    }
    length
}

fn span_of(text: &str) -> Option<Length> {
    Length::new(duration(text)?).ok()
}

/// An amount in a policy.
pub(super) fn amount(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Amount> {
    let (DocumentValue::Integer(text) | DocumentValue::Float(text)) = &node.value else {
        report.push(wrong_type(node, what, "a number").hint("write it without quotes"));
        return None;
    };
    match Number::from_policy(text).map(|number| Amount::from_number(&number)) {
        Some(Ok(amount)) => Some(amount),
        problem => {
            let why = match problem {
                Some(Err(error)) => error.to_string(),
                _ => "it is no decimal number".to_owned(),
            };
            let message = format!("{what} cannot be {}: {why}", quote(text));
            report
                .push(Diagnostic::error("bad-amount", node.span.clone(), message).hint("write a number from zero up"));
            None
        }
    }
}

/// Whole units are declared by writing the maximum as an integer.
fn units(node: &DocumentNode) -> Units {
    if let DocumentValue::Integer(_) = &node.value { Units::Whole } else { Units::Decimal }
}

/// The path of an argument that holds an amount.
pub(super) fn argument(node: &DocumentNode, report: &mut Report) -> Option<Path> {
    let text = string(node, "the argument that holds the amount", report)?;
    match Path::parse(text) {
        Ok(path) if !path.has_every() => Some(path),
        Ok(_) => {
            let message = "an amount is one value, and this path leads to several";
            report.push(
                Diagnostic::error("bad-path", node.span.clone(), message)
                    .hint("name one value, such as \"args.amount\""),
            );
            None
        }
        Err(error) => {
            report.push(Diagnostic::error("bad-path", node.span.clone(), error.to_string()).hint(error.hint()));
            None
        }
    }
}

/// The name of a counter with its place.
pub(super) fn counter_name(node: &DocumentNode, report: &mut Report) -> Option<(String, Span)> {
    let name = string(node, "`counter`", report)?;
    if name.is_empty() {
        let error = Diagnostic::error("bad-value", node.span.clone(), "the counter's name is empty");
        report.push(error.hint("name it, or leave `counter` out"));
        return None;
    }
    Some((name.to_owned(), node.span.clone()))
}

fn refund(node: &DocumentNode, report: &mut Report) -> Option<OnError> {
    match &node.value {
        DocumentValue::Boolean(true) => Some(OnError::Refund),
        DocumentValue::Boolean(false) => Some(OnError::Keep),
        _ => {
            report.push(wrong_type(node, "`refund_on_error`", "true or false").hint("write it without quotes"));
            None
        }
    }
}
