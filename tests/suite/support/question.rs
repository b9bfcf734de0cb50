//! Questions for the local channel.

use std::time::Duration;

use policylayer::engine::{Local, Question};
use policylayer::policy::{Again, ApprovalLifetime, ApprovalScope};
use policylayer::record::Digest;
use policylayer::risk::{Class, Risk};
use policylayer::state::approvals::AskedServer;

/// A question about a call of `tool`, of the number `number` in its session.
pub(crate) fn question(number: u64, tool: &str, arguments: &str) -> Question {
    Question {
        number,
        tool: tool.into(),
        client: None,
        class: Class::Execute,
        severity: Risk::High,
        effects: Vec::new(),
        rule: format!("tools.{tool}").into(),
        reason: None,
        arguments: arguments.into(),
        beside: None,
        changes: None,
        put_back: None,
        origins: None,
        preview: None,
        scope: ApprovalScope::Tool,
        again: Again::No,
        lives: ApprovalLifetime::Session,
        line: Digest::of_line(b"line\n"),
        covers: Digest::of_line(arguments.as_bytes()),
        follows: None,
        timeout: Duration::from_secs(60),
        local: Local::Asked,
    }
}

/// A server of this name, always with the same command.
pub(crate) fn asked_server(name: &str) -> AskedServer {
    AskedServer { name: name.to_owned(), command: Digest::of_text(b"npx shop") }
}
