//! What is known of clients: whether one asks its person when an elicitation comes, and how long it waits for a call.
//!
//! A client's name and version are its own claims. They never make a call pass: a wrong one costs the client its
//! dialogue, or answers its calls earlier or later than needed.

use std::time::Duration;

use crate::limits::{CLIENT_MARGIN, CLIENT_WAIT};

/// Who answers an elicitation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asks {
    /// The person at the client, as far as is known.
    #[default]
    Person,
    /// The client itself, without a dialogue.
    Nobody,
}

/// Whether a dialogue has a field for a note to the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoteField {
    /// It may stay empty.
    #[default]
    Offered,
    /// The client accepts no answer in which it is empty.
    LeftOut,
}

/// What is known of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientHabits {
    /// Who answers an elicitation.
    pub asks: Asks,
    /// How long the client waits for the answer to a call; `None` if that is not known.
    pub waits: Option<Duration>,
    /// How many lines of a question the client shows; `None` if it shows all.
    pub lines: Option<usize>,
    /// Whether its dialogue can have a field for a note.
    pub note: NoteField,
}

impl ClientHabits {
    /// Returns within which time a call has to be answered, so that the client does not give up on it.
    pub fn answer_time(&self) -> Duration {
        self.waits.unwrap_or(CLIENT_WAIT).saturating_sub(CLIENT_MARGIN)
    }
}

/// A row of a table of clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientRow {
    /// `clientInfo.name`, upper and lower case apart; a `*` at its end stands for any further text.
    pub name: Box<str>,
    /// The first version that the row is for; `None` for all earlier ones as well.
    pub since: Option<ClientVersion>,
    /// The first version that the row is no longer for; `None` for all later ones as well.
    pub before: Option<ClientVersion>,
    /// Who answers an elicitation; `None` if the row does not say.
    pub asks: Option<Asks>,
    /// How long the client waits for the answer to a call; `None` if the row does not say.
    pub waits: Option<Duration>,
    /// How many lines of a question the client shows; `None` if the row does not say.
    pub lines: Option<usize>,
    /// The members of `_meta` that the client gives anew to each call, or to each turn; none if the row does not say.
    pub ids: Vec<Box<str>>,
    /// Whether its dialogue can have a field for a note; `None` if the row does not say.
    pub note: Option<NoteField>,
}

impl ClientRow {
    fn is_for(&self, name: &str, version: Option<&ClientVersion>) -> bool {
        let is_named = match self.name.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == &*self.name,
        };
        let is_since = self.since.as_ref().is_none_or(|since| version.is_some_and(|version| version >= since));
        let is_before = self.before.as_ref().is_none_or(|before| version.is_some_and(|version| version < before));
        is_named && is_since && is_before
    }
}

/// The numbers of a version, such as 2.1.197. What follows them, such as `-beta.1`, is ignored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientVersion(Vec<u64>);

impl ClientVersion {
    /// Parses a version; `None` if it does not begin with a number.
    pub fn parse(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let numbers = text.get(..end)?.trim_end_matches('.').split('.');
        numbers.map(|number| number.parse().ok()).collect::<Option<_>>().map(Self)
    }
}

/// Finds what is known of a client.
#[derive(Clone, Debug)]
pub struct ClientTable {
    own: Vec<ClientRow>,
    known: fn() -> &'static [ClientRow],
}

impl Default for ClientTable {
    /// Knows no client.
    fn default() -> Self {
        Self { own: Vec::new(), known: || &[] }
    }
}

impl ClientTable {
    /// Makes a table of the user's rows, which come first, and the built-in ones. `known` is called at the first look-up.
    pub fn new(own: Vec<ClientRow>, known: fn() -> &'static [ClientRow]) -> Self {
        Self { own, known }
    }

    /// Returns which members of a call's `_meta` say nothing but which call it is, by the client's name and version: those of
    /// the first row that has any.
    pub fn find_ids(&self, name: &str, version: Option<&str>) -> &[Box<str>] {
        let version = version.and_then(ClientVersion::parse);
        let mut rows = self.own.iter().chain((self.known)()).filter(|row| row.is_for(name, version.as_ref()));
        rows.find(|row| !row.ids.is_empty()).map_or(&[], |row| &row.ids)
    }

    /// Returns what is known of a client by the name and the version that it gives itself. For each habit, the first row
    /// counts that is for the client and says something. An unknown client asks its person. One of which a row says that it
    /// asks shows all of a question, unless the row says more.
    pub fn find_habits(&self, name: &str, version: Option<&str>) -> ClientHabits {
        let version = version.and_then(ClientVersion::parse);
        let rows = || self.own.iter().chain((self.known)()).filter(|row| row.is_for(name, version.as_ref()));
        ClientHabits {
            asks: rows().find_map(|row| row.asks).unwrap_or_default(),
            waits: rows().find_map(|row| row.waits),
            note: rows().find_map(|row| row.note).unwrap_or_default(),
            lines: rows().find(|row| row.lines.is_some() || row.asks == Some(Asks::Person)).and_then(|row| row.lines),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn row(name: &str, asks: Option<Asks>, waits: Option<Duration>) -> ClientRow {
        ClientRow { name: name.into(), asks, waits, ..ClientRow::default() }
    }

    fn known() -> &'static [ClientRow] {
        static ROWS: LazyLock<Vec<ClientRow>> = LazyLock::new(|| {
            let old = ClientRow { before: ClientVersion::parse("2.1.76"), ..row("code", Some(Asks::Nobody), None) };
            let new = ClientRow { since: ClientVersion::parse("3"), ..row("code", None, Some(5 * MINUTE)) };
            vec![old, new, row("code", None, Some(MINUTE)), row("agent-*", Some(Asks::Nobody), Some(MINUTE))]
        });
        &ROWS
    }

    #[test]
    fn the_first_row_that_is_for_the_client_and_says_something_counts() {
        let own = vec![row("agent-a", None, Some(9 * MINUTE)), row("code", Some(Asks::Person), None)];
        let (plain, table) = (ClientTable::new(Vec::new(), known), ClientTable::new(own, known));
        let nobody = |waits| ClientHabits { asks: Asks::Nobody, waits: Some(waits), ..ClientHabits::default() };
        let person = |waits| ClientHabits { asks: Asks::Person, waits: Some(waits), ..ClientHabits::default() };
        assert_eq!(plain.find_habits("agent-a", None), nobody(MINUTE));
        assert_eq!(table.find_habits("agent-a", None), nobody(9 * MINUTE));
        assert_eq!(table.find_habits("agent-", Some("x")), nobody(MINUTE));
        assert_eq!(plain.find_habits("code", Some("2.1.75")), nobody(MINUTE));
        assert_eq!(table.find_habits("code", Some("2.1.75")), person(MINUTE));
        assert_eq!(plain.find_habits("code", Some("2.1.76")), person(MINUTE));
        assert_eq!(plain.find_habits("code", Some("2.1.100-beta.1")), person(MINUTE));
        assert_eq!(plain.find_habits("code", Some("3.0")), person(5 * MINUTE));
        // A row for some versions is not for a client that does not tell its own.
        for version in [None, Some(""), Some("dev"), Some("v2.1.75"), Some("2..1")] {
            assert_eq!(plain.find_habits("code", version), person(MINUTE), "{version:?}");
        }
        for unknown in ["", "Code", "code ", "coder", "agent", "Agent-a"] {
            assert_eq!(table.find_habits(unknown, Some("1")), ClientHabits::default(), "{unknown}");
        }
        assert_eq!(ClientHabits::default().answer_time(), Duration::from_secs(55));
        assert_eq!(plain.find_habits("code", Some("3.0")).answer_time(), Duration::from_secs(295));
        assert_eq!(ClientTable::default().find_habits("code", Some("1")), ClientHabits::default());
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let parse = |text| ClientVersion::parse(text).unwrap();
        assert!(parse("2.1.9") < parse("2.1.10"));
        assert!(parse("2.1") < parse("2.1.0"));
        assert!(parse("0.154.0 (abc)") == parse("0.154.0"));
        assert!(parse("18446744073709551615") > parse("1"));
        assert_eq!(ClientVersion::parse("18446744073709551616"), None);
    }
}
