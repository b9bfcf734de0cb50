//! The keys for limits: `rate_limit`, `limits`, `spend_limit`, and their windows and amounts.

use std::time::Duration;

use serde_json::json;

use super::amount::Amount;
use super::condition::Path;
use super::diagnostic::{Report, quote_for_message};
use super::document::POLICY;
use super::entry::EntryCompiler;
use super::keys::kinds::Located;
use super::keys::words::{nearest_word, words};
use super::keys::{FromDocument, TableRead, TableSpec, ValueKind, read_text, table, wrong_type};
use super::limit::{Increment, Limit, OnError, Scope, Units};
use super::number::Number;
use super::source::Span;
use super::tree::{DocumentNode, DocumentValue};
use super::window::{Calendar, Window, WindowLength, parse_duration};

table! {
    /// What one window lets through.
    pub(super) LimitKeys = TableSpec {
        of: "a limit",
        many: "limits",
        definition: "Limit",
        example: "{ max = 60, window = \"minute\" }",
        family: POLICY,
        ..TableSpec::EMPTY
    };
    /// How much a window lets through. Written as a whole number, amounts have to be whole; `100.0` takes fractions.
    required "max" => max: Maximum,
    /// How long the window is, up to 366 days.
    required "window" => window: WindowLength,
    /// Whether windows slide, so that no interval as long as the window lets more through, or are the minutes, hours and
    /// days of UTC.
    "align" => align: Align = "sliding",
    /// Which calls are counted together. `"session"` counts in memory and from zero, `"client"` all sessions that one
    /// process of a client starts, `"server"` across restarts.
    "scope" => scope: Scope = "session",
    /// The name of the count; without one, the limit's path in the file. A count that has a name is kept when the limit
    /// moves in its list. An entry uses each name once.
    "counter" => counter: Located<CounterName>,
    /// How much each call counts; 1 without it.
    "increment" => increment: Amount,
    /// The argument that says how much a call counts.
    "increment_from" => increment_from: AmountArgument,
    /// Whether a call that the server answers with an error is no longer counted.
    "refund_on_error" => refund_on_error: bool = false,
    /// The reason that the agent gets when the limit is reached.
    "reason" | "on_deny" => reason: String,
}

words! {
    /// How the windows of a limit lie in time.
    pub(super) enum Align("Align");
    /// No interval as long as the window lets more through.
    "sliding" => Sliding,
    /// From the beginning of a minute, an hour or a day.
    "calendar" => Calendar,
}

impl LimitKeys {
    pub(super) fn compile(self, place: &str, entry: &mut EntryCompiler<'_>) {
        if self.increment.is_some() && self.increment_from.is_some() {
            let message = "`increment` and `increment_from` both say how much a call counts";
            return entry.report.push_error("conflicting-keys", &self.table.span, message, "keep one of the two");
        }
        let (Some(max), Some(length), Some(align)) = (self.max, self.window, self.align) else { return };
        let window = align.align_window(length, &self.table.span, entry.report);
        let (Some(window), Some(scope), Some(refund)) = (window, self.scope, self.refund_on_error) else { return };
        if self.table.errors > 0 {
            return;
        }
        let increment = match self.increment_from {
            Some(AmountArgument(path)) => Increment::From { path, units: max.units },
            None => Increment::Fixed(self.increment.unwrap_or(Amount::ONE)),
        };
        let on_error = if refund { OnError::Refund } else { OnError::Keep };
        let calls = Limit::on_calls(max.amount, window, scope);
        entry.add_limit(place, self.counter, Limit { increment, reason: self.reason, on_error, ..calls });
    }
}

impl Align {
    /// Returns the window of this length, or reports at `span` that the calendar has no such unit.
    pub(super) fn align_window(self, length: WindowLength, span: &Span, report: &mut Report) -> Option<Window> {
        if self == Self::Sliding {
            return Some(Window::Sliding(length));
        }
        let units = [Calendar::Minute, Calendar::Hour, Calendar::Day];
        let unit = units.into_iter().find(|unit| unit.length() == length.length());
        if unit.is_none() {
            let hint = "windows that are aligned to the calendar are minute, hour and day";
            report.push_error("bad-window", span, "the calendar has no unit of this length", hint);
        }
        unit.map(Window::Calendar)
    }
}

/// `rate_limit`: `"10/minute"`, or a limit with all its keys.
#[derive(Clone, Debug)]
pub(super) enum RateLimit {
    Short(RateAsWritten),
    Long(Box<LimitKeys>),
}

impl RateLimit {
    pub(super) fn compile(self, entry: &mut EntryCompiler<'_>) {
        match self {
            Self::Short(RateAsWritten { max, length }) => {
                let limit = Limit::on_calls(max, Window::Sliding(length), Scope::Session);
                entry.add_limit("rate_limit", None, limit);
            }
            Self::Long(limit) => limit.compile("rate_limit", entry),
        }
    }
}

impl FromDocument for RateLimit {
    fn value_kind() -> ValueKind {
        ValueKind::new(
            "a rate such as `\"10/minute\"`, or a table with the keys of a limit",
            "RateLimit",
            |definitions| {
                let short = "How many, a slash and the window: \"10/minute\", \"3/90s\".";
                let short = definitions.describe_use(RateAsWritten::value_kind(), short);
                json!({ "anyOf": [short, definitions.describe_use(LimitKeys::value_kind(), "A limit with all its keys.")] })
            },
        )
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        match &node.value {
            DocumentValue::String(_) => RateAsWritten::read(node, what, report).map(Self::Short),
            DocumentValue::Table(_) => LimitKeys::read(node, what, report).map(|limit| Self::Long(Box::new(limit))),
            _ => {
                let hint = "write it as \"10/minute\", or as { max = 10, window = 60 }";
                report.push(wrong_type(node, what, "a rate such as \"10/minute\"").with_hint(hint));
                None
            }
        }
    }
}

/// A number of calls, a slash and a window: `10/minute`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateAsWritten {
    pub(super) max: Amount,
    pub(super) length: WindowLength,
}

/// A rate in the patterns of the schema: a JSON number from zero up, a slash and a window.
const RATE: &str = r"\s*-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\s*/\s*(second|minute|hour|day|[0-9]+[smhd])\s*$";

impl RateAsWritten {
    fn parse(text: &str) -> Option<Self> {
        let (max, length) = text.split_once('/')?;
        let max = Amount::from_number(&Number::parse(max.trim())?).ok()?;
        Some(Self { max, length: WindowLength::new(parse_duration(length.trim())?).ok()? })
    }

    fn read_after(
        signs: &[char],
        hint: &'static str,
        node: &DocumentNode,
        what: &str,
        report: &mut Report,
    ) -> Option<Self> {
        read_text(node, what, report, |text| {
            let rate = Self::parse(text.trim_start_matches(signs).trim_start());
            rate.ok_or_else(|| ("bad-rate", format!("{} is not a rate", quote_for_message(text)), hint))
        })
    }
}

impl FromDocument for RateAsWritten {
    fn value_kind() -> ValueKind {
        ValueKind::new("a rate such as `\"10/minute\"`", "Rate", |_| {
            let examples = ["10/minute", "5/hour", "100/day", "3/90s"];
            json!({ "type": "string", "pattern": format!("^{RATE}"), "examples": examples })
        })
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let hint = "write how many, a slash and the window: \"10/minute\", \"5/hour\", \"100/day\", \"3/90s\"";
        Self::read_after(&[], hint, node, what, report)
    }
}

/// Money, a slash and a window: `$500/day`. The currency sign has no meaning. `None` if the rate was reported as wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spend(Option<RateAsWritten>);

impl FromDocument for Spend {
    fn value_kind() -> ValueKind {
        ValueKind::new(
            "money and a window such as `\"$500/day\"`",
            "Spend",
            |_| json!({ "type": "string", "pattern": format!("^[$€£]*{RATE}"), "examples": ["$500/day"] }),
        )
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let hint = "write how much, a slash and the window, such as \"$500/day\" or \"50/hour\"";
        if node.as_text().is_none() {
            report.push(wrong_type(node, what, "money and a window").with_hint(hint));
            return None;
        }
        let rate = RateAsWritten::read_after(&['$', '€', '£'], hint, node, what, report);
        node.as_text().map(|_| Self(rate))
    }
}

/// Builds the limit on money from a `spend_limit` and its `amount_from`.
pub(super) fn spend_limit(
    spend: Option<Located<Spend>>,
    amount_from: Option<Located<AmountArgument>>,
    table: &TableRead,
    report: &mut Report,
) -> Option<Limit> {
    if let Some(amount_from) = &amount_from
        && !table.has("spend_limit")
    {
        let message = "`amount_from` is for a `spend_limit`, and there is none";
        report.push_error("conflicting-keys", &amount_from.span, message, "add one, or remove it");
    }
    let Located { span, value: Spend(rate) } = spend?;
    if !table.has("amount_from") {
        let hint = "add `amount_from` with the argument that holds it, such as \"args.amount\"";
        report.push_error("missing-key", &span, "nothing says how much a call spends", hint);
    }
    let RateAsWritten { max, length } = rate?;
    let window = Align::Calendar.align_window(length, &span, report)?;
    let increment = Increment::From { path: amount_from?.value.0, units: Units::Decimal };
    Some(Limit { increment, ..Limit::on_calls(max, window, Scope::Server) })
}

impl FromDocument for WindowLength {
    fn value_kind() -> ValueKind {
        let kind =
            "seconds, or `\"second\"`, `\"minute\"`, `\"hour\"`, `\"day\"`, or such as `\"90s\"`, `\"15m\"`, `\"2h\"`";
        ValueKind::new(kind, "Window", |_| {
            json!({
                "description": "Seconds, or \"second\", \"minute\", \"hour\" or \"day\", or such as \"90s\", \"15m\", \"2h\", \"7d\".",
                "anyOf": [
                    { "type": "integer", "minimum": 1, "maximum": crate::limits::MAX_WINDOW.as_secs() },
                    {
                        "type": "string",
                        "pattern": "^(second|minute|hour|day|[0-9]+[smhd])$",
                        "examples": ["minute", "90s"],
                    },
                ],
            })
        })
    }

    fn read(node: &DocumentNode, _: &str, report: &mut Report) -> Option<Self> {
        let time = match &node.value {
            DocumentValue::Integer(seconds) => seconds.parse().ok().map(Duration::from_secs),
            DocumentValue::String(text) => parse_duration(text),
            _ => None,
        };
        let length = time.and_then(|time| Self::new(time).ok());
        if length.is_none() {
            let words = ["second", "minute", "hour", "day"].into_iter();
            let hint = match node.as_text().map(|text| (with_unit(text), nearest_word(text, words))) {
                Some((Some(short), _)) => format!("write \"{short}\""),
                Some((None, Some(word))) => format!("did you mean \"{word}\"?"),
                _ => {
                    "write seconds, such as 60, or \"second\", \"minute\", \"hour\", \"day\", \"90s\", \"15m\", \"2h\""
                        .to_owned()
                }
            };
            let message = "this is not a length of time between a second and 366 days";
            report.push_error("bad-window", &node.span, message, hint);
        }
        length
    }
}

/// Returns `5m` for `5 minutes`.
fn with_unit(text: &str) -> Option<String> {
    let (count, unit) = text.trim().split_at(text.trim().find(|c: char| !c.is_ascii_digit())?);
    let unit = unit.trim().to_ascii_lowercase();
    let is_unit = |name: &&str| unit.len() > 1 && (name.starts_with(&unit) || unit == format!("{name}s"));
    let name = ["second", "minute", "hour", "day"].into_iter().find(is_unit)?;
    let short = format!("{count}{}", name.get(..1)?);
    parse_duration(&short).and_then(|length| WindowLength::new(length).ok()).map(|_| short)
}

impl FromDocument for Amount {
    fn value_kind() -> ValueKind {
        let maximum: u64 = 1_000_000_000_000_000_000;
        ValueKind::new(
            "a number from zero up",
            "Amount",
            move |_| json!({ "type": "number", "minimum": 0, "maximum": maximum }),
        )
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let (DocumentValue::Integer(text) | DocumentValue::Float(text)) = &node.value else {
            report.push(wrong_type(node, what, "a number").with_hint("write it without quotes"));
            return None;
        };
        let number = Number::from_policy(text).ok_or_else(|| "it is not a decimal number".to_owned());
        let amount = number.and_then(|number| Self::from_number(&number).map_err(|error| error.to_string()));
        let report_why = |why| {
            let message = format!("{what} cannot be {}: {why}", quote_for_message(text));
            report.push_error("bad-amount", &node.span, message, "write a number from zero up");
        };
        amount.map_err(report_why).ok()
    }
}

/// The maximum of a limit. If it is written as an integer, only whole units are counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Maximum {
    amount: Amount,
    units: Units,
}

impl FromDocument for Maximum {
    fn value_kind() -> ValueKind {
        Amount::value_kind()
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let units = if let DocumentValue::Integer(_) = &node.value { Units::Whole } else { Units::Decimal };
        Some(Self { amount: Amount::read(node, what, report)?, units })
    }
}

#[derive(Clone, Debug)]
pub(super) struct AmountArgument(pub(super) Path);

impl FromDocument for AmountArgument {
    fn value_kind() -> ValueKind {
        ValueKind::new(
            "an argument such as `\"args.amount\"`",
            "Argument",
            |_| json!({ "type": "string", "pattern": r"^args\..", "examples": ["args.amount"] }),
        )
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let path = Path::read(node, what, report)?;
        if !path.is_one_argument() {
            let message = "an amount is one value in the arguments, and this path leads elsewhere or to several";
            report.push_error("bad-path", &node.span, message, "name one value, such as \"args.amount\"");
            return None;
        }
        Some(Self(path))
    }
}

#[derive(Clone, Debug)]
pub(super) struct CounterName(pub(super) String);

impl FromDocument for CounterName {
    fn value_kind() -> ValueKind {
        ValueKind::new("a name", "Counter", |_| json!({ "type": "string", "minLength": 1 }))
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        read_text(node, what, report, |name| match name {
            "" => Err(("bad-value", "the counter's name is empty", "name it, or leave `counter` out")),
            name => Ok(Self(name.to_owned())),
        })
    }
}
