//! What is known of clients: the built-in table, its copy in the documentation, and what config.toml says first.

use std::time::Duration;

use policylayer::engine::{Asks, ClientHabits, NoteField};
use policylayer::settings::{KnownClient, Settings};

use super::{good, read};

fn habits(settings: &Settings, name: &str, version: Option<&str>) -> ClientHabits {
    settings.approvals.client_table().find_habits(name, version)
}

fn seconds(asks: Asks, waits: u64) -> ClientHabits {
    ClientHabits { asks, waits: Some(Duration::from_secs(waits)), ..ClientHabits::default() }
}

#[test]
fn every_row_is_read_and_has_a_source() {
    let (clients, errors) = KnownClient::read_all();
    assert!(errors.is_empty(), "{errors:?}");
    assert!(!clients.is_empty());
    for client in &clients {
        let row = &client.row;
        assert!(row.asks.is_some() || row.waits.is_some(), "{client:?} says nothing");
        assert!(!row.name.is_empty() && !client.product.is_empty(), "{client:?}");
        assert!(!client.source.is_empty(), "{client:?}");
        assert!(client.source.iter().all(|source| source.starts_with("https://")), "{client:?}");
        // When it was seen.
        assert!(client.observed.starts_with("20"), "{client:?}");
        // One that asks is what any client is taken for.
        assert_ne!(row.asks, Some(Asks::Person), "{client:?}");
    }
    // No row is behind one that answers everything for it.
    for (at, later) in clients.iter().enumerate() {
        let hides = |earlier: &&KnownClient| {
            earlier.row.name == later.row.name
                && (earlier.row.since.is_none() && earlier.row.before.is_none())
                && (later.row.asks.is_none() || earlier.row.asks.is_some())
                && (later.row.waits.is_none() || earlier.row.waits.is_some())
        };
        assert_eq!(clients[..at].iter().find(hides), None, "{later:?}");
    }
}

#[test]
fn clients_are_known_by_the_name_and_version_that_they_send() {
    let plain = Settings::default();
    for (name, version, expected) in [
        ("claude-ai", Some("0.1.0"), seconds(Asks::Nobody, 60)),
        ("claude-code", Some("2.1.197"), ClientHabits { lines: Some(4), ..seconds(Asks::Person, 60) }),
        ("local-agent-mode-iterable", Some("1.0.0"), seconds(Asks::Nobody, 60)),
        ("codex-mcp-client", Some("0.92.0"), seconds(Asks::Nobody, 60)),
        ("codex-mcp-client", Some("0.108.0"), seconds(Asks::Person, 60)),
        (
            "codex-mcp-client",
            Some("0.154.0"),
            ClientHabits { lines: Some(19), note: NoteField::LeftOut, ..seconds(Asks::Person, 300) },
        ),
        ("codex-mcp-client", None, seconds(Asks::Person, 60)),
        ("Visual Studio Code - Insiders", None, seconds(Asks::Person, 24 * 60 * 60)),
        ("gemini-cli-mcp-client-iterable", None, seconds(Asks::Person, 600)),
        ("Claude-AI", Some("0.1.0"), ClientHabits::default()),
        ("mcp", Some("0.1.0"), ClientHabits::default()),
        ("", None, ClientHabits::default()),
    ] {
        assert_eq!(habits(&plain, name, version), expected, "{name} {version:?}");
    }
}

#[test]
fn config_toml_comes_first() {
    let settings = good(
        r#"
        [approvals.clients.claude-code]
        waits = "8h"
        [approvals.clients."claude-ai"]
        asks = true
        [approvals.clients."my-*"]
        asks = false
        waits = 90
        "#,
    );
    let patient = ClientHabits { lines: Some(4), ..seconds(Asks::Person, 8 * 60 * 60) };
    assert_eq!(habits(&settings, "claude-code", Some("2.1.197")), patient);
    let whole = good("[approvals.clients.claude-code]\nasks = true");
    assert_eq!(habits(&whole, "claude-code", None), seconds(Asks::Person, 60), "it shows all, as its person says");
    assert_eq!(habits(&settings, "claude-ai", None), seconds(Asks::Person, 60));
    assert_eq!(habits(&settings, "my-agent", Some("1")), seconds(Asks::Nobody, 90));
    assert_eq!(habits(&settings, "Zed", None), seconds(Asks::Person, 60));
    assert_eq!(good("[approvals.clients]"), Settings::default());
}

#[test]
fn the_page_has_the_table() {
    let page = read("docs/approvals.md");
    for client in KnownClient::read_all().0 {
        let asks = client.row.asks.map_or("yes", |_| "**no**");
        let waits = client.row.waits.map_or("60s".to_owned(), |waits| match waits.as_secs() {
            86_400 => "no limit".to_owned(),
            seconds => format!("{seconds}s"),
        });
        // A row for some versions says which.
        let name = format!("| {} | `{}`", client.product, client.row.name);
        let is_there = page.lines().any(|line| {
            line.starts_with(&name)
                && (client.row.asks.is_none() || line.contains(&format!("| {asks}")))
                && (client.row.waits.is_none() || line.contains(&waits))
                && client.source.iter().any(|source| line.contains(source))
        });
        assert!(is_there, "{client:?} is not in docs/approvals.md: {name}, {asks}, {waits}");
    }
}
