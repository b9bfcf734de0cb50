//! The keys of config.toml, and the settings that they make.

use std::time::Duration;

use super::scalar::{Bytes, Seconds};
use super::servers::{ServerKeys, ServerMembers};
use super::{
    ApprovalSettings, ArgumentsLogged, AuditSettings, Channel, LocalConfirm, Required, Settings, WrapSettings,
};
use crate::limits::{
    MAX_APPROVAL_TIMEOUT, MAX_AUDIT_FILE, MAX_GRACE, MAX_KEEP_DAYS, MIN_APPROVAL_TIMEOUT, MIN_AUDIT_FILE, MIN_MESSAGE,
};
use crate::policy::diagnostic::Report;
use crate::policy::document::DocumentKeys;
use crate::policy::keys::kinds::{Located, WholeNumber};
use crate::policy::keys::words::words;
use crate::policy::keys::{Family, FromDocument, TableSpec, ValueKind, table};
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
    WrapKeys = TableSpec { of: "`[wrap]`", ..SETTINGS };
    /// The longest message in either direction; a longer one is refused.
    "max_message" => max_message: Bytes<MIN_MESSAGE, { usize::MAX }>,
    /// How long the server has to end by itself once its stdin is closed.
    "grace" => grace: Seconds<0, { MAX_GRACE.as_secs() }>,
}

table! {
    /// The audit log.
    AuditKeys = TableSpec { of: "`[audit]`", ..SETTINGS };
    /// What is recorded of arguments.
    "arguments" => arguments: ArgumentsLogged,
    /// Whether calls are refused while the log cannot be written.
    "required" => required: bool,
    /// How large one file of the log grows.
    "max_size" => max_size: Bytes<MIN_AUDIT_FILE, MAX_AUDIT_FILE>,
    /// For how many days records are kept.
    "keep_days" => keep_days: WholeNumber<1, MAX_KEEP_DAYS>,
}

table! {
    /// How a person is asked.
    ApprovalKeys = TableSpec { of: "`[approvals]`", ..SETTINGS };
    /// How a person may be asked, the preferred way first.
    "channels" => channels: Vec<Located<ChannelName>>,
    /// How long a person has; then the call is refused.
    "timeout" => timeout: Seconds<{ MIN_APPROVAL_TIMEOUT.as_secs() }, { MAX_APPROVAL_TIMEOUT.as_secs() }>,
    /// What the local channel asks for beside the answer.
    "local_confirm" => local_confirm: LocalConfirm,
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
#[derive(Clone, Copy, Debug)]
struct ChannelName(Channel);

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
    Some(Settings {
        servers: keys.servers.map(|servers| servers.into_settings(report)).unwrap_or_default(),
        wrap: keys.wrap.unwrap_or_default().into_settings(),
        audit: keys.audit.unwrap_or_default().into_settings(),
        approvals: keys.approvals.unwrap_or_default().into_settings(report),
    })
}

impl WrapKeys {
    fn into_settings(self) -> WrapSettings {
        let default = WrapSettings::default();
        WrapSettings {
            max_message: self.max_message.map_or(default.max_message, |size| size.0),
            grace: self.grace.map_or(default.grace, Duration::from),
        }
    }
}

impl AuditKeys {
    fn into_settings(self) -> AuditSettings {
        let default = AuditSettings::default();
        AuditSettings {
            arguments: self.arguments.unwrap_or(default.arguments),
            required: self.required.map_or(default.required, |is| if is { Required::Yes } else { Required::No }),
            max_size: self.max_size.map_or(default.max_size, |size| size.0 as u64),
            keep_days: self.keep_days.map_or(default.keep_days, |days| days.0),
        }
    }
}

impl ApprovalKeys {
    fn into_settings(self, report: &mut Report) -> ApprovalSettings {
        let mut channels = Vec::new();
        for channel in self.channels.into_iter().flatten() {
            if channels.contains(&channel.value.0) {
                let hint = "name each channel at most once";
                report.push_error("bad-value", &channel.span, "this channel is named twice", hint);
            }
            channels.push(channel.value.0);
        }
        let default = ApprovalSettings::default();
        ApprovalSettings {
            channels: if channels.is_empty() { default.channels } else { channels },
            timeout: self.timeout.map_or(default.timeout, Duration::from),
            local_confirm: self.local_confirm.unwrap_or(default.local_confirm),
        }
    }
}
