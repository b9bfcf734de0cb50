//! What gets a stand-in: values of these kinds, and fields by name.

use std::borrow::Cow;

use crate::content::{ContentKind, ContentKinds};

/// The kinds of stand-ins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StandInKind {
    /// For an email address: an address under a reserved domain.
    Email,
    /// For a telephone number: digits of a country code that is given to nobody.
    Phone,
    /// For the number of a card: one of no issuer, which fails its checksum.
    Card,
    /// For an account number: one that fails its checksum.
    Iban,
    /// For the value of a field that is none of these.
    Field,
}

impl StandInKind {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Email, Self::Phone, Self::Card, Self::Iban, Self::Field];

    /// The word in policies, messages and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::Field => "field",
        }
    }

    /// What finds its values; `None` if only the name of a field tells.
    pub const fn content(self) -> Option<ContentKind> {
        match self {
            Self::Email => Some(ContentKind::Email),
            Self::Phone => Some(ContentKind::Phone),
            Self::Card => Some(ContentKind::Card),
            Self::Iban => Some(ContentKind::Iban),
            Self::Field => None,
        }
    }

    /// The kind of what a detector has found; `None` if it gets no stand-in.
    pub const fn of_content(kind: ContentKind) -> Option<Self> {
        match kind {
            ContentKind::Email => Some(Self::Email),
            ContentKind::Phone => Some(Self::Phone),
            ContentKind::Card => Some(Self::Card),
            ContentKind::Iban => Some(Self::Iban),
            ContentKind::Ip | ContentKind::Secret => None,
        }
    }
}

impl std::fmt::Display for StandInKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a field whose texts get stand-ins: keys with dots between, the last ones of the way to it. `*` is any one key.
/// Elements of lists have the way of their list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldPattern {
    /// `None` is any key.
    keys: Vec<Option<Box<str>>>,
}

/// Why a text is no name of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldPatternError {
    /// Nothing before, between or behind the dots.
    #[error("a key is empty")]
    EmptyKey,
    /// Every text of every result would get a stand-in.
    #[error("it names every field")]
    Everything,
    /// A star beside other characters.
    #[error("`*` stands for a whole key")]
    PartOfKey,
    /// More keys than are looked at.
    #[error("it has more than {MOST_KEYS} keys")]
    TooLong,
}

/// The most keys of one pattern.
const MOST_KEYS: usize = 16;

impl std::fmt::Display for FieldPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys: Vec<_> = self.keys.iter().map(|key| key.as_deref().unwrap_or("*")).collect();
        f.write_str(&keys.join("."))
    }
}

impl std::str::FromStr for FieldPattern {
    type Err = FieldPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl FieldPattern {
    /// Reads a pattern such as `firstName` or `dataFields.*.address`.
    ///
    /// # Errors
    /// When a key is empty, a star is part of one, or no key has a name.
    pub fn parse(text: &str) -> Result<Self, FieldPatternError> {
        let key = |key: &str| match key {
            "" => Err(FieldPatternError::EmptyKey),
            "*" => Ok(None),
            key if key.contains('*') => Err(FieldPatternError::PartOfKey),
            key => Ok(Some(key.into())),
        };
        let keys: Vec<Option<Box<str>>> = text.split('.').map(key).collect::<Result<_, _>>()?;
        if keys.iter().all(Option::is_none) {
            return Err(FieldPatternError::Everything);
        }
        if keys.len() > MOST_KEYS { Err(FieldPatternError::TooLong) } else { Ok(Self { keys }) }
    }

    /// The last key that is not any.
    pub(super) fn last_key(&self) -> Option<&str> {
        self.keys.iter().rev().flatten().map(|key| &**key).next()
    }

    /// How many keys are below the last one that is not any.
    pub(super) fn keys_below(&self) -> usize {
        self.keys.iter().rev().take_while(|key| key.is_none()).count()
    }

    /// Whether it names the field at the end of this way of keys.
    pub fn names(&self, way: &[Cow<'_, str>]) -> bool {
        let Some(start) = way.len().checked_sub(self.keys.len()) else { return false };
        let last = way.get(start..).unwrap_or_default();
        self.keys.iter().zip(last).all(|(key, name)| key.as_ref().is_none_or(|key| **key == **name))
    }
}

/// What of texts gets stand-ins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StandInRules {
    /// What is looked for in every text.
    pub kinds: ContentKinds,
    /// The fields whose texts get one as a whole.
    pub fields: Vec<FieldPattern>,
}

impl StandInRules {
    /// Whether nothing gets one.
    pub fn is_empty(&self) -> bool {
        self.kinds == ContentKinds::default() && self.fields.is_empty()
    }

    /// Adds other rules.
    pub fn join(&mut self, other: &Self) {
        self.kinds = self.kinds.with(other.kinds);
        for field in &other.fields {
            if !self.fields.contains(field) {
                self.fields.push(field.clone());
            }
        }
    }

    /// Whether the text at the end of this way gets one as a whole.
    pub fn names_field(&self, way: &[Cow<'_, str>]) -> bool {
        self.fields.iter().any(|field| field.names(way))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_by_the_last_keys() {
        for (pattern, way, names) in [
            ("firstName", "firstName", true),
            ("firstName", "user.firstName", true),
            ("firstName", "firstName.x", false),
            ("firstName", "firstname", false),
            ("user.firstName", "firstName", false),
            ("dataFields.*.address", "user.dataFields.home.address", true),
            ("dataFields.*.address", "dataFields.address", false),
            ("dataFields.*", "dataFields.a.b", false),
        ] {
            let way: Vec<_> = way.split('.').map(Cow::Borrowed).collect();
            assert_eq!(FieldPattern::parse(pattern).map(|pattern| pattern.names(&way)), Ok(names), "{pattern} {way:?}");
        }
        for (pattern, error) in [
            ("", FieldPatternError::EmptyKey),
            ("a..b", FieldPatternError::EmptyKey),
            ("*.*", FieldPatternError::Everything),
            ("a.b*", FieldPatternError::PartOfKey),
            ("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q", FieldPatternError::TooLong),
        ] {
            assert_eq!(FieldPattern::parse(pattern), Err(error), "{pattern}");
        }
    }
}
