//! The keys of config.toml, and the settings that they make.

use std::time::Duration;

use super::clients::{ClientKeys, ClientMembers};
use super::scalar::{Bytes, Seconds};
use super::servers::{ServerKeys, ServerMembers};
use super::{
    ApprovalSettings, ArgumentsLogged, AuditSettings, Channel, LocalConfirm, NotifyMethod, Required, Settings,
    WrapSettings,
};
use crate::limits::{
    APPROVAL_TIMEOUT, AUDIT_FILE, AUDIT_TOTAL, GRACE, KEEP_DAYS, MAX_APPROVAL_TIMEOUT, MAX_AUDIT_FILE, MAX_GRACE,
    MAX_KEEP_DAYS, MAX_MESSAGE, MIN_APPROVAL_TIMEOUT, MIN_AUDIT_FILE, MIN_AUDIT_TOTAL, MIN_MESSAGE,
};
use crate::policy::Strength;
use crate::policy::diagnostic::Report;
use crate::policy::document::DocumentKeys;
use crate::policy::keys::kinds::{Located, WholeNumber};
use crate::policy::keys::words::words;
use crate::policy::keys::{Family, FromDocument, TableSpec, ValueKind, read_text, table};
use crate::policy::tree::DocumentNode;

pub(super) const SETTINGS: TableSpec = TableSpec {
    example: "[wrap], its name in brackets, with its keys on the lines below",
    family: Family {
        tables: || {
            const {
                &[
                    SettingsKeys::SPEC,
                    ServerKeys::SPEC,
                    WrapKeys::SPEC,
                    AuditKeys::SPEC,
                    ApprovalKeys::SPEC,
                    ClientKeys::SPEC,
                    DocumentKeys::SPEC,
                ]
            }
            .iter()
            .collect()
        },
        reserved: &[],
    },
    ..TableSpec::EMPTY
};

table! {
    /// What holds for every wrapper of this user.
    SettingsKeys = TableSpec { of: "config.toml", ..SETTINGS };
    /// How strict the built-in policy is of servers that policylayer has no catalogue of.
    "strength" => strength: Strength,
    /// Servers whose command does not tell their name, or whose policy is elsewhere.
    "servers" => servers: ServerMembers,
    /// Bounds of a session.
    "wrap" => wrap: WrapKeys,
    /// The audit log.
    "audit" => audit: AuditKeys,
    /// How a person is asked.
    "approvals" => approvals: ApprovalKeys,
}

table! {
    /// Bounds of a session.
    pub(super) WrapKeys = TableSpec { of: "`[wrap]`", ..SETTINGS };
    /// The longest message in either direction; a longer one is refused.
    "max_message" => max_message: Bytes<MIN_MESSAGE, { usize::MAX }>,
    /// How long the server has to end by itself once its stdin is closed.
    "grace" => grace: Seconds<0, { MAX_GRACE.as_secs() }>,
}

table! {
    /// The audit log.
    pub(super) AuditKeys = TableSpec { of: "`[audit]`", ..SETTINGS };
    /// What is recorded of arguments.
    "arguments" => arguments: ArgumentsLogged,
    /// Whether calls are refused while the log cannot be written.
    "required" => required: bool,
    /// How large one file of the log grows.
    "max_size" => max_size: Bytes<MIN_AUDIT_FILE, MAX_AUDIT_FILE>,
    /// How large the log of one server grows with all its files.
    "max_total" => max_total: Bytes<MIN_AUDIT_TOTAL, { usize::MAX }>,
    /// For how many days records are kept.
    "keep_days" => keep_days: WholeNumber<1, MAX_KEEP_DAYS>,
}

table! {
    /// How a person is asked.
    pub(super) ApprovalKeys = TableSpec { of: "`[approvals]`", ..SETTINGS };
    /// How a person may be asked, the preferred way first.
    "channels" => channels: Vec<Located<ChannelName>>,
    /// How long a person has; then the call is refused.
    "timeout" => timeout: Seconds<{ MIN_APPROVAL_TIMEOUT.as_secs() }, { MAX_APPROVAL_TIMEOUT.as_secs() }>,
    /// What the local channel asks for beside the answer.
    "local_confirm" => local_confirm: LocalConfirm,
    /// How you are told that a call waits.
    "notify" => notify: Vec<Located<NotifyMethod>>,
    /// The program that gets each question as JSON, and its arguments.
    "command" => command: Located<Vec<CommandWord>>,
    /// What is known of clients, before the built-in table.
    "clients" => clients: ClientMembers,
}

words! {
    for ArgumentsLogged("ArgumentsLogged");
    /// Their keys and a keyed hash.
    "keys" => Keys,
    /// Their values, without those that look like secrets or personal data.
    "redacted" => Redacted,
    /// Everything.
    "full" => Full,
}

words! {
    for Channel("Channel");
    /// A form that the client shows.
    "client" => Client,
    /// `policylayer approvals`, on this machine.
    "local" => Local,
}

/// A channel in a list that may not be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChannelName(Channel);

impl FromDocument for ChannelName {
    fn value_kind() -> ValueKind {
        let message = "`channels` is empty, so nobody could ever be asked";
        let hint = "name a channel, or leave the key out; to refuse instead of asking, say so in the policy";
        let (item, example) = ("`channels`", "\"client\", \"local\"");
        ValueKind { many: "channels", item, example, empty: Some((message, hint)), ..Channel::value_kind() }
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        Channel::read(node, what, report).map(Self)
    }
}

pub(super) fn read_settings(root: &DocumentNode, report: &mut Report) -> Option<Settings> {
    let keys = SettingsKeys::read(root, SettingsKeys::SPEC.of, report)?;
    let mut approvals = keys.approvals.unwrap_or_default();
    let clients = approvals.clients.take().unwrap_or_default().into_rows(report);
    let channels = approvals.channels.as_deref().unwrap_or_default();
    report_repeated(channels, ["this channel is named twice", "name each channel at most once"], report);
    let notify = approvals.notify.as_deref().unwrap_or_default();
    report_repeated(notify, ["this way to notify is named twice", "name each way at most once"], report);
    check_command(&approvals, report);
    Some(Settings {
        strength: keys.strength.unwrap_or_default(),
        servers: keys.servers.map(|servers| servers.into_settings(report)).unwrap_or_default(),
        wrap: keys.wrap.unwrap_or_default().into(),
        audit: keys.audit.unwrap_or_default().into(),
        approvals: ApprovalSettings { clients, ..approvals.into() },
    })
}

/// The words: the message, and the hint.
fn report_repeated<T: PartialEq>(items: &[Located<T>], [message, hint]: [&str; 2], report: &mut Report) {
    for (at, item) in items.iter().enumerate() {
        if items.iter().take(at).any(|earlier| earlier.value == item.value) {
            report.push_error("bad-value", &item.span, message, hint);
        }
    }
}

/// Reports a command that would never run, and one that is missing.
fn check_command(keys: &ApprovalKeys, report: &mut Report) {
    let named = keys.notify.iter().flatten().find(|method| method.value == NotifyMethod::Command);
    if let (Some(named), false) = (named, keys.table.has("command")) {
        let hint = "write a program and its arguments, such as command = [\"/home/me/bin/ask-me\"]";
        report.push_error("missing-key", &named.span, "there is no `command` that could be run", hint);
    }
    let Some(command) = &keys.command else { return };
    if command.value.first().is_some_and(|program| program.0.is_empty()) {
        report.push_error("bad-value", &command.span, "the program has no name", "write a program and its arguments");
    }
    if keys.table.has("notify") && named.is_none() {
        let hint = "add \"command\" to `notify`, or leave `command` out";
        report.push_error("bad-value", &command.span, "`notify` does not name this command, so it never runs", hint);
    }
    if keys.channels.as_ref().is_some_and(|channels| channels.iter().all(|channel| channel.value.0 != Channel::Local)) {
        let message = "without \"local\" in `channels` no question waits on this machine, so the command never runs";
        report.push_error("bad-value", &command.span, message, "add \"local\" to `channels`, or leave `command` out");
    }
}

/// A word of a command. It is passed on as it is, without a shell.
#[derive(Clone, Debug)]
pub(super) struct CommandWord(String);

impl FromDocument for CommandWord {
    fn value_kind() -> ValueKind {
        let message = "`command` is empty, so nothing would be run";
        let hint = "write a program and its arguments, such as [\"/home/me/bin/ask-me\"], or leave the key out";
        let (item, example) = ("a word of `command`", "\"/home/me/bin/ask-me\"");
        ValueKind { many: "strings", item, example, empty: Some((message, hint)), ..String::value_kind() }
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let nul = ("bad-value", "this contains a NUL character, which no command can have", "remove it");
        read_text(node, what, report, |text| if text.contains('\0') { Err(nul) } else { Ok(Self(text.to_owned())) })
    }
}

impl From<WrapKeys> for WrapSettings {
    fn from(keys: WrapKeys) -> Self {
        Self {
            max_message: keys.max_message.map_or(MAX_MESSAGE, |size| size.0),
            grace: keys.grace.map_or(GRACE, Duration::from),
        }
    }
}

impl From<AuditKeys> for AuditSettings {
    fn from(keys: AuditKeys) -> Self {
        let max_total = keys.max_total.map_or(AUDIT_TOTAL, |size| size.0) as u64;
        Self {
            arguments: keys.arguments.unwrap_or(ArgumentsLogged::Keys),
            required: if keys.required == Some(true) { Required::Yes } else { Required::No },
            // Only whole files are removed, and never the one that is written.
            max_size: (keys.max_size.map_or(AUDIT_FILE, |size| size.0) as u64).min(max_total / 2),
            max_total,
            keep_days: keys.keep_days.map_or(KEEP_DAYS, |days| days.0),
        }
    }
}

impl From<ApprovalKeys> for ApprovalSettings {
    fn from(keys: ApprovalKeys) -> Self {
        let channels = keys.channels.map(|named| named.into_iter().map(|channel| channel.value.0).collect());
        let command: Vec<_> = keys.command.into_iter().flat_map(|words| words.value).map(|word| word.0).collect();
        let notify = keys.notify.map(|named| named.into_iter().map(|method| method.value).collect());
        let default = || match command.as_slice() {
            [] => vec![NotifyMethod::Desktop],
            _ => vec![NotifyMethod::Desktop, NotifyMethod::Command],
        };
        Self {
            notify: notify.unwrap_or_else(default),
            channels: channels.unwrap_or_else(|| vec![Channel::Client, Channel::Local]),
            timeout: keys.timeout.map_or(APPROVAL_TIMEOUT, Duration::from),
            local_confirm: keys.local_confirm.unwrap_or(LocalConfirm::None),
            command,
            clients: Vec::new(),
        }
    }
}
