//! What a valid policy says about approvals and the settings do not allow for: the time that a person has, and the
//! channel that keeps a question.

use std::time::Duration;

use crate::engine::{Channel, ClientRow};
use crate::limits::{CLIENT_MARGIN, CLIENT_WAIT};
use crate::policy::tree::{DocumentNode, DocumentValue};
use crate::policy::window::parse_duration;
use crate::policy::{ApprovalLifetime, Diagnostic, Source, Span, decode, diagnostic::Report};
use crate::settings::{KnownClient, Settings, format_seconds};

/// Warns of what a valid policy says about approvals and the settings do not allow for.
pub(super) fn warn_of_approvals(source: &Source, settings: &Settings) -> Vec<Diagnostic> {
    let root = decode::decode(source, &mut Report::default());
    let warn = |root| warn_of_timeout(root, settings).into_iter().chain(warn_of_lifetime(root, settings));
    root.iter().flat_map(warn).collect()
}

/// Warns of the longest `approval_timeout` if there are clients that do not wait as long. Only the clients count for which
/// config.toml says how long they wait, if there are any: then the person knows.
fn warn_of_timeout(root: &DocumentNode, settings: &Settings) -> Option<Diagnostic> {
    let mut longest: Option<(Duration, Span)> = None;
    visit_values(root, "approval_timeout", &mut |value| {
        let time = match &value.value {
            DocumentValue::Integer(seconds) => seconds.parse().ok().map(Duration::from_secs),
            DocumentValue::String(text) => parse_duration(text),
            _ => None,
        };
        if let Some(time) = time.filter(|time| longest.as_ref().is_none_or(|(most, _)| time > most)) {
            longest = Some((time, value.span.clone()));
        }
    });
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
         for one repetition of the call. If your client waits longer, set `waits` under [approvals.clients.NAME] in \
         config.toml",
        format_seconds(CLIENT_MARGIN.as_secs()),
        told.join("; "),
    );
    Some(Diagnostic::warning("client-gives-up", span, message).with_hint(hint))
}

/// Warns of the first `approval_for = "client"` if no question is asked on this machine, where it would be kept.
fn warn_of_lifetime(root: &DocumentNode, settings: &Settings) -> Option<Diagnostic> {
    if settings.approvals.channels.contains(&Channel::Local) {
        return None;
    }
    let mut first = None;
    visit_values(root, "approval_for", &mut |value| match &value.value {
        DocumentValue::String(word) if **word == *ApprovalLifetime::Client.as_str() => {
            first.get_or_insert_with(|| value.span.clone());
        }
        _ => {}
    });
    let message =
        "no question outlives its session: `channels` of `[approvals]` in config.toml does not include \"local\"";
    let hint = "questions are kept on this machine, where nobody is asked now. Add \"local\" to `channels`, or leave \
                `approval_for` out";
    Some(Diagnostic::warning("question-not-kept", first?, message).with_hint(hint))
}

fn visit_values(node: &DocumentNode, key: &str, visit: &mut dyn FnMut(&DocumentNode)) {
    for (name, value) in node.members() {
        if *name.name == *key {
            visit(value);
        }
        visit_values(value, key, visit);
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
