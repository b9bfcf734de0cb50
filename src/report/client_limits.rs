//! The time that a person has for an answer, and how long clients wait for it.

use std::time::Duration;

use crate::engine::ClientRow;
use crate::limits::{CLIENT_MARGIN, CLIENT_WAIT};
use crate::policy::tree::{DocumentNode, DocumentValue};
use crate::policy::window::parse_duration;
use crate::policy::{Diagnostic, Source, Span, decode, diagnostic::Report};
use crate::settings::{KnownClient, Settings, format_seconds};

/// Warns of the longest `approval_timeout` of a valid policy if there are clients that do not wait as long. Only the clients
/// count for which config.toml says how long they wait, if there are any: then the person knows.
pub(super) fn warn_of_timeout(source: &Source, settings: &Settings) -> Option<Diagnostic> {
    let root = decode::decode(source, &mut Report::default())?;
    let mut longest = None;
    find_longest(&root, &mut longest);
    let (timeout, span) = longest?;
    let clients = clients_by_wait(settings);
    let impatient: Vec<_> = clients.iter().filter(|(waits, _)| *waits < timeout + CLIENT_MARGIN).collect();
    if impatient.is_empty() {
        return None;
    }
    let told: Vec<_> = impatient
        .into_iter()
        .map(|(waits, names)| format!("{} after {}", names.join(", "), format_seconds(waits.as_secs())))
        .collect();
    let message =
        format!("no call waits {} for a person: clients give up before that", format_seconds(timeout.as_secs()));
    let hint = format!(
        "the call is answered {} before its client gives up ({}). The question stays open, and an approval from then on is \
         for one repetition of the call. If your client waits longer, tell config.toml: [approvals.clients.NAME] with \
         `waits`",
        format_seconds(CLIENT_MARGIN.as_secs()),
        told.join("; "),
    );
    Some(Diagnostic::warning("client-gives-up", span, message).with_hint(hint))
}

fn find_longest(node: &DocumentNode, longest: &mut Option<(Duration, Span)>) {
    for (name, value) in node.members() {
        let time = match &value.value {
            _ if name.name != "approval_timeout" => None,
            DocumentValue::Integer(seconds) => seconds.parse().ok().map(Duration::from_secs),
            DocumentValue::String(text) => parse_duration(text),
            _ => None,
        };
        if let Some(time) = time.filter(|time| longest.as_ref().is_none_or(|(most, _)| time > most)) {
            *longest = Some((time, value.span.clone()));
        }
        find_longest(value, longest);
    }
}

/// Returns how long clients wait, the least patient ones first, each with their names.
fn clients_by_wait(settings: &Settings) -> Vec<(Duration, Vec<String>)> {
    let own: Vec<_> =
        settings.approvals.clients.iter().filter_map(|row| Some((row.waits?, row.name.to_string()))).collect();
    let clients = if own.is_empty() {
        let known = KnownClient::read_all().0.into_iter();
        let known =
            known.filter_map(|KnownClient { product, row: ClientRow { waits, .. }, .. }| Some((waits?, product)));
        known.chain([(CLIENT_WAIT, "any other".to_owned())]).collect()
    } else {
        own
    };
    let mut by_wait: Vec<(Duration, Vec<String>)> = Vec::new();
    for (waits, name) in clients {
        match by_wait.iter_mut().find(|(other, _)| *other == waits) {
            Some((_, names)) => names.push(name),
            None => by_wait.push((waits, vec![name])),
        }
    }
    by_wait.sort_by_key(|(waits, _)| *waits);
    by_wait
}
