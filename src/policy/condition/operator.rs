//! The operators and their words.

use crate::policy::keys::words::{nearest_word, word_enum};

word_enum! {
    /// How a condition judges a value. Each is documented in the table of the module.
    pub enum Operator;
    /// `eq`
    "eq" => Eq,
    /// `neq`
    "neq" => Neq,
    /// `in`
    "in" => In,
    /// `not_in`
    "not_in" => NotIn,
    /// `lt`
    "lt" => Lt,
    /// `lte`
    "lte" => Lte,
    /// `gt`
    "gt" => Gt,
    /// `gte`
    "gte" => Gte,
    /// `regex`
    "regex" => Regex,
    /// `not_regex`
    "not_regex" => NotRegex,
    /// `contains`
    "contains" => Contains,
    /// `not_contains`
    "not_contains" => NotContains,
    /// `starts_with`
    "starts_with" => StartsWith,
    /// `ends_with`
    "ends_with" => EndsWith,
    /// `exists`
    "exists" => Exists,
    /// `glob`
    "glob" => Glob,
    /// `len_lte`
    "len_lte" => LenLte,
    /// `len_gte`
    "len_gte" => LenGte,
    /// `under`
    "under" => Under,
    /// `detects`
    "detects" => Detects,
    /// `came_from`
    "came_from" => CameFrom,
}

impl Operator {
    /// Returns the operator of this name.
    ///
    /// # Errors
    /// Returns the operator that was probably meant.
    pub(in crate::policy) fn parse(word: &str) -> Result<Self, Option<&'static str>> {
        let words = || Self::ALL.iter().map(|operator| operator.as_str());
        let found = Self::ALL.into_iter().find(|operator| operator.as_str() == word);
        found.ok_or_else(|| nearest_sign(word).or_else(|| nearest_word(word, words())))
    }

    /// Whether the operator says what must not be: true for most values, and in a denial for an absent argument.
    pub fn is_negative(self) -> bool {
        matches!(self, Self::Neq | Self::NotIn | Self::NotRegex | Self::NotContains)
    }

    /// Returns the operator that holds for exactly the values for which this one does not.
    pub(in crate::policy) fn opposite_operator(self) -> Option<Self> {
        use Operator::{Contains, Eq, Gt, Gte, In, Lt, Lte, Neq, NotContains, NotIn, NotRegex, Regex};
        let pairs = [(Eq, Neq), (In, NotIn), (Lt, Gte), (Lte, Gt), (Regex, NotRegex), (Contains, NotContains)];
        let other = |(one, other)| if self == one { Some(other) } else { (self == other).then_some(one) };
        pairs.into_iter().find_map(other)
    }

    /// What the operator takes as its value, and an example.
    pub(in crate::policy) fn expected_value(self) -> (&'static str, &'static str) {
        match self {
            Self::Eq | Self::Neq => ("a string, a number or a boolean", "\"user\" or 5"),
            Self::Contains | Self::NotContains => ("a string, a number or a boolean", "\"user\""),
            Self::In | Self::NotIn => ("a list of strings, numbers or booleans", "[\"user\", \"event\"]"),
            Self::Lt | Self::Lte | Self::Gt | Self::Gte => ("a number", "100"),
            Self::Regex | Self::NotRegex => ("a regular expression, as a string", "\"^[a-z]+$\""),
            Self::StartsWith | Self::EndsWith => ("a string", "\"test-\""),
            Self::Exists => ("true or false", "true"),
            Self::Glob => ("a glob, as a string", "\"*@example.com\""),
            Self::LenLte | Self::LenGte => ("a whole number", "100"),
            Self::Under => ("a directory, as a string", "\"/srv/data\""),
            Self::Detects => ("a kind of content, or a list of kinds", "\"secret\" or [\"card\", \"iban\"]"),
            Self::CameFrom => ("a source of values, as a string", "\"untrusted\", \"personal\" or \"tool:read_*\""),
        }
    }
}

fn nearest_sign(sign: &str) -> Option<&'static str> {
    match sign {
        "=" | "==" | "===" | "equals" => Some("eq"),
        "!=" | "<>" | "!==" | "ne" | "not_equals" => Some("neq"),
        "<" => Some("lt"),
        "<=" | "le" => Some("lte"),
        ">" => Some("gt"),
        ">=" | "ge" => Some("gte"),
        "~" | "=~" | "matches" => Some("regex"),
        "!~" => Some("not_regex"),
        _ => None,
    }
}
