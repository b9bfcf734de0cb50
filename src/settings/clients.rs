//! What is known of clients: the built-in table, config/clients.toml, and `[approvals.clients.NAME]` of config.toml.

use std::sync::LazyLock;
use std::time::Duration;

use super::read::SETTINGS;
use super::scalar::Seconds;
use super::{ApprovalSettings, ClientRow};
use crate::engine::{Asks, ClientTable, ClientVersion, NoteField};
use crate::limits::{MAX_CLIENT_WAIT, MIN_CLIENT_WAIT};
use crate::policy::diagnostic::{Report, quote_for_message};
use crate::policy::keys::kinds::{WholeNumber, read_members};
use crate::policy::keys::{FromDocument, TableSpec, ValueKind, read_text, table};
use crate::policy::tree::{DocumentMember, DocumentNode};
use crate::policy::{Diagnostic, Format, Source, decode};

/// The built-in table as it is written.
const BUILT_IN: &str = include_str!("../../config/clients.toml");

/// A client of the built-in table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownClient {
    /// The name of the product, as its users call it.
    pub product: String,
    /// What is known of it.
    pub row: ClientRow,
    /// Where that can be read.
    pub source: Vec<String>,
    /// What was seen, and when.
    pub observed: String,
}

impl ApprovalSettings {
    /// Returns the table of clients: the rows of config.toml, then the built-in ones, which are parsed when a client is
    /// looked up for the first time.
    pub fn client_table(&self) -> ClientTable {
        static ROWS: LazyLock<Vec<ClientRow>> =
            LazyLock::new(|| KnownClient::read_all().0.into_iter().map(|known| known.row).collect());
        ClientTable::new(self.clients.clone(), || &ROWS)
    }
}

impl KnownClient {
    /// Reads the built-in table, and everything that is wrong with it.
    pub fn read_all() -> (Vec<Self>, Vec<Diagnostic>) {
        let source = Source::new("config/clients.toml", Format::Toml, BUILT_IN);
        let mut report = Report::default();
        let keys = decode::decode(&source, &mut report)
            .and_then(|root| KnownClientsKeys::read(&root, KnownClientsKeys::SPEC.of, &mut report));
        let clients = keys.and_then(|keys| keys.clients).unwrap_or_default();
        (clients.into_iter().map(Self::from).collect(), report.into_diagnostics(&source))
    }
}

impl From<KnownClientKeys> for KnownClient {
    fn from(keys: KnownClientKeys) -> Self {
        Self {
            product: keys.product.unwrap_or_default(),
            row: ClientRow {
                name: keys.name.map(|name| name.0).unwrap_or_default(),
                since: keys.since.map(|version| version.0),
                before: keys.before.map(|version| version.0),
                asks: keys.asks.map(asks_of),
                waits: keys.waits.map(Duration::from),
                lines: keys.lines.and_then(|lines| usize::try_from(lines.0).ok()),
                note: keys.note.map(|has| if has { NoteField::Offered } else { NoteField::LeftOut }),
                ids: keys.ids.unwrap_or_default().into_iter().map(Into::into).collect(),
            },
            source: keys.source.unwrap_or_default(),
            observed: keys.observed.unwrap_or_default(),
        }
    }
}

fn asks_of(asks: bool) -> Asks {
    if asks { Asks::Person } else { Asks::Nobody }
}

const EXAMPLE: &str = "[approvals.clients.claude-ai], with `asks` or `waits` on the lines below";

type Wait = Seconds<{ MIN_CLIENT_WAIT.as_secs() }, { MAX_CLIENT_WAIT.as_secs() }>;

table! {
    KnownClientsKeys = TableSpec { of: "config/clients.toml", ..TableSpec::EMPTY };
    required "clients" => clients: Vec<KnownClientKeys>,
}

table! {
    KnownClientKeys = TableSpec { of: "a client", many: "clients", ..TableSpec::EMPTY };
    required "name" => name: ClientName,
    required "product" => product: String,
    "since" => since: VersionText,
    "before" => before: VersionText,
    "asks" => asks: bool,
    "waits" => waits: Wait,
    "lines" => lines: WholeNumber<1, 100>,
    "ids" => ids: Vec<String>,
    "note" => note: bool,
    required "source" => source: Vec<String>,
    required "observed" => observed: String,
}

table! {
    /// What is known of a client.
    pub(super) ClientKeys = TableSpec { of: "`[approvals.clients.NAME]`", example: EXAMPLE, ..SETTINGS };
    /// Whether it asks a person when a call has to be approved.
    "asks" => asks: bool,
    /// How long it waits for the answer to a call.
    "waits" => waits: Wait,
}

/// `clientInfo.name`, with a `*` at its end for any further text.
#[derive(Clone, Debug)]
struct ClientName(Box<str>);

impl ClientName {
    fn parse(text: &str) -> Result<Self, (&'static str, String, &'static str)> {
        let start = text.strip_suffix('*').unwrap_or(text);
        let hint = "write the name that the client gives itself, such as [approvals.clients.claude-ai] or \
                    [approvals.clients.\"Visual Studio Code\"]";
        match start {
            "" if text.is_empty() => Err(("bad-value", "the name of a client is empty".to_owned(), hint)),
            _ if start.contains('*') => {
                let message = format!("{} has a `*` that is not at its end", quote_for_message(text));
                Err(("bad-value", message, "put one `*` at the end, for any further text"))
            }
            _ => Ok(Self(text.into())),
        }
    }
}

impl FromDocument for ClientName {
    fn value_kind() -> ValueKind {
        String::value_kind()
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        read_text(node, what, report, Self::parse)
    }
}

#[derive(Clone, Debug)]
struct VersionText(ClientVersion);

impl FromDocument for VersionText {
    fn value_kind() -> ValueKind {
        String::value_kind()
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let no_version = ("bad-value", "this is not a version", "write its numbers, such as \"2.1.76\"");
        read_text(node, what, report, |text| ClientVersion::parse(text).map(Self).ok_or(no_version))
    }
}

/// `[approvals.clients]`
#[derive(Clone, Debug, Default)]
pub(super) struct ClientMembers(Vec<DocumentMember>);

impl FromDocument for ClientMembers {
    fn value_kind() -> ValueKind {
        ValueKind::without_schema("a table")
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let hint = format!("such as {EXAMPLE}");
        read_members(node, [what, "a table", &hint], report).map(|members| Self(members.to_vec()))
    }
}

impl ClientMembers {
    pub(super) fn into_rows(self, report: &mut Report) -> Vec<ClientRow> {
        let mut rows = Vec::new();
        for (key, value) in &self.0 {
            let keys = ClientKeys::read(value, "a client", report).unwrap_or_default();
            match ClientName::parse(&key.name) {
                Ok(ClientName(name)) => rows.push(ClientRow {
                    name,
                    asks: keys.asks.map(asks_of),
                    waits: keys.waits.map(Duration::from),
                    ..ClientRow::default()
                }),
                Err((code, message, hint)) => report.push_error(code, &key.span, message, hint),
            }
        }
        rows
    }
}
