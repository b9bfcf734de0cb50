//! From the tree to the settings: each table with its keys, and everything that is wrong with them.

use super::scalar::{duration, flag, size, whole};
use super::servers::servers;
use super::{
    ApprovalSettings, ArgumentsLogged, AuditSettings, Channel, LocalConfirm, Required, Settings, WrapSettings,
};
use crate::limits::{
    MAX_APPROVAL_TIMEOUT, MAX_AUDIT_FILE, MAX_GRACE, MAX_KEEP_DAYS, MIN_APPROVAL_TIMEOUT, MIN_AUDIT_FILE, MIN_MESSAGE,
};
use crate::policy::Diagnostic;
use crate::policy::diagnostic::Report;
use crate::policy::document::{choice, wrong_type};
use crate::policy::keys::{DOCUMENT, Keys};
use crate::policy::tree::{DocumentKey, DocumentNode, DocumentValue};

const SETTINGS: Keys = Keys { of: "config.toml", known: &["servers", "wrap", "audit", "approvals"] };
pub(super) const SERVER: Keys = Keys { of: "`[servers.NAME]`", known: &["match", "policy"] };
const WRAP: Keys = Keys { of: "`[wrap]`", known: &["max_message", "grace"] };
const AUDIT: Keys = Keys { of: "`[audit]`", known: &["arguments", "required", "max_size", "keep_days"] };
const APPROVALS: Keys = Keys { of: "`[approvals]`", known: &["channels", "timeout", "local_confirm"] };

/// Reads the settings out of a tree, reporting everything that is wrong at once.
pub(super) fn settings(root: &DocumentNode, report: &mut Report) -> Settings {
    let mut settings = Settings::default();
    for (key, value) in pairs(root, SETTINGS.of, report) {
        match key.name.as_str() {
            "servers" => settings.servers = servers(value, report),
            "wrap" => settings.wrap = wrap(value, report),
            "audit" => settings.audit = audit(value, report),
            "approvals" => settings.approvals = approvals(value, report),
            _ => reject(&SETTINGS, key, report),
        }
    }
    settings
}

fn wrap(node: &DocumentNode, report: &mut Report) -> WrapSettings {
    let mut wrap = WrapSettings::default();
    for (key, value) in pairs(node, WRAP.of, report) {
        match key.name.as_str() {
            "max_message" => set(&mut wrap.max_message, size(key, value, MIN_MESSAGE..=usize::MAX, report)),
            "grace" => set(&mut wrap.grace, duration(key, value, std::time::Duration::ZERO..=MAX_GRACE, report)),
            _ => reject(&WRAP, key, report),
        }
    }
    wrap
}

const ARGUMENTS: [(&str, ArgumentsLogged); 3] =
    [("keys", ArgumentsLogged::Keys), ("redacted", ArgumentsLogged::Redacted), ("full", ArgumentsLogged::Full)];

fn audit(node: &DocumentNode, report: &mut Report) -> AuditSettings {
    let mut audit = AuditSettings::default();
    for (key, value) in pairs(node, AUDIT.of, report) {
        match key.name.as_str() {
            "arguments" => set(&mut audit.arguments, word(key, value, &ARGUMENTS, report)),
            "required" => set(&mut audit.required, flag(key, value, [Required::No, Required::Yes], report)),
            "max_size" => {
                let bytes = size(key, value, MIN_AUDIT_FILE..=MAX_AUDIT_FILE, report);
                set(&mut audit.max_size, bytes.map(|bytes| bytes as u64));
            }
            "keep_days" => set(&mut audit.keep_days, whole(key, value, 1..=MAX_KEEP_DAYS, report)),
            _ => reject(&AUDIT, key, report),
        }
    }
    audit
}

const CONFIRMS: [(&str, LocalConfirm); 2] = [("none", LocalConfirm::None), ("code", LocalConfirm::Code)];

fn approvals(node: &DocumentNode, report: &mut Report) -> ApprovalSettings {
    let mut approvals = ApprovalSettings::default();
    for (key, value) in pairs(node, APPROVALS.of, report) {
        match key.name.as_str() {
            "channels" => approvals.channels = channels(key, value, report),
            "timeout" => {
                let bounds = MIN_APPROVAL_TIMEOUT..=MAX_APPROVAL_TIMEOUT;
                set(&mut approvals.timeout, duration(key, value, bounds, report));
            }
            "local_confirm" => set(&mut approvals.local_confirm, word(key, value, &CONFIRMS, report)),
            _ => reject(&APPROVALS, key, report),
        }
    }
    approvals
}

const CHANNELS: [(&str, Channel); 2] = [("client", Channel::Client), ("local", Channel::Local)];

fn channels(key: &DocumentKey, node: &DocumentNode, report: &mut Report) -> Vec<Channel> {
    let mut channels = Vec::new();
    let DocumentValue::Array(items) = &node.value else {
        report.push(
            wrong_type(node, "`channels`", "a list of channels")
                .hint("put them into brackets: [\"client\", \"local\"]"),
        );
        return channels;
    };
    if items.is_empty() {
        let message = "`channels` is empty, so nobody could ever be asked";
        report.push(
            Diagnostic::error("bad-value", node.span.clone(), message)
                .hint("name a channel, or leave the key out; to refuse instead of asking, say so in the policy"),
        );
    }
    for item in items {
        let Some(channel) = word(key, item, &CHANNELS, report) else { continue };
        if channels.contains(&channel) {
            let message = "this channel is named twice";
            report.push(
                Diagnostic::error("bad-value", item.span.clone(), message).hint("name each channel at most once"),
            );
        }
        channels.push(channel);
    }
    channels
}

/// The keys and values of a table; none where it is not one, which is reported.
pub(super) fn pairs<'n>(node: &'n DocumentNode, what: &str, report: &mut Report) -> &'n [(DocumentKey, DocumentNode)] {
    if let DocumentValue::Table(pairs) = &node.value {
        return pairs;
    }
    report.push(wrong_type(node, what, "a table").hint("write its keys below its name in brackets, such as [wrap]"));
    &[]
}

/// Reports a key that its table does not take.
pub(super) fn reject(table: &Keys, key: &DocumentKey, report: &mut Report) {
    let others = [&SETTINGS, &SERVER, &WRAP, &AUDIT, &APPROVALS, &DOCUMENT];
    report.push(table.reject_among(&others, &key.name, key.span.clone()));
}

fn word<T: Copy>(key: &DocumentKey, node: &DocumentNode, words: &[(&str, T)], report: &mut Report) -> Option<T> {
    choice(node, &key.name, words, report).map(|located| located.value)
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
