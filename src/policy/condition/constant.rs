//! The value of a condition as it is written in a policy.

use crate::policy::tree::{DocumentNode, DocumentValue};

/// A value from a policy document, without its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constant {
    /// A decoded string.
    String(String),
    /// A number as it is written.
    Number(String),
    /// A boolean.
    Boolean(bool),
    /// A list.
    List(Vec<Constant>),
    /// A value that no operator takes, by its name with an article: `null`, `a date`, `a table`.
    Other(&'static str),
}

impl Constant {
    /// The kind of the value with an article, for messages.
    pub(super) fn kind_name(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Number(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
        }
    }
}

impl From<&DocumentNode> for Constant {
    fn from(node: &DocumentNode) -> Self {
        match &node.value {
            DocumentValue::String(text) => Self::String(text.clone()),
            DocumentValue::Integer(number) | DocumentValue::Float(number) => Self::Number(number.clone()),
            DocumentValue::Boolean(boolean) => Self::Boolean(*boolean),
            DocumentValue::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            _ => Self::Other(node.kind_name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Constant;
    use crate::policy::decode::decode;
    use crate::policy::diagnostic::Report;
    use crate::policy::source::{Format, Source};
    use crate::policy::tree::DocumentValue;

    fn constants(format: Format, text: &str) -> Constant {
        let root = decode(&Source::new("policy", format, text), &mut Report::default()).unwrap();
        let DocumentValue::Table(pairs) = &root.value else { panic!("{root:?}") };
        Constant::from(&pairs[0].1)
    }

    #[test]
    fn every_format_gives_the_same_constants_and_keeps_numbers_as_written() {
        let number = |text: &str| Constant::Number(text.to_owned());
        let expected = Constant::List(vec![
            Constant::Boolean(true),
            Constant::Boolean(false),
            number("12345678901234567890123"),
            number("0.1000"),
            number("1e400"),
            Constant::String("5".to_owned()),
            Constant::List(vec![number("-0")]),
        ]);
        let items = "[true, false, 12345678901234567890123, 0.1000, 1e400, \"5\", [-0]]";
        assert_eq!(constants(Format::Toml, &format!("v = {items}")), expected);
        assert_eq!(constants(Format::Json, &format!("{{\"v\": {items}}}")), expected);
        assert_eq!(constants(Format::Yaml, &format!("v: {items}")), expected);
        assert_eq!(constants(Format::Yaml, "v: ~"), Constant::Other("null"));
        assert_eq!(constants(Format::Toml, "v = 2026-01-01"), Constant::Other("a date"));
        assert_eq!(constants(Format::Json, "{\"v\":{}}"), Constant::Other("a table"));
    }
}
