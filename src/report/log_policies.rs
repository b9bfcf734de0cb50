//! Under which policies the decisions of the log were made, and their texts.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::log_records::{LogError, LogFilter, LogRecords};
use crate::audit::{KeptPolicy, LogPaths, list_policies, list_recorded_servers};
use crate::limits::MAX_TOLD_APART;
use crate::policy::ServerName;
use crate::record::{About, Digest};
use crate::state::file;
use crate::visible::visible_path;

/// The policies under which the decisions of the log were made.
#[derive(Debug, Default, Serialize)]
pub(crate) struct LogPoliciesReport {
    /// Each policy, by server and in the order in which the log first has it.
    pub(crate) policies: Vec<LoggedPolicy>,
    /// The number of decisions of which the log does not say under which policy they were made.
    pub(crate) unnamed: u64,
    /// Warnings about lines that cannot be read.
    #[serde(skip)]
    pub(crate) warnings: Vec<String>,
}

/// A policy that the log names.
#[derive(Debug, Serialize)]
pub(crate) struct LoggedPolicy {
    /// The server.
    pub(crate) server: String,
    /// The SHA-256 of its text.
    pub(crate) sha256: String,
    /// When the log first has it: at a reload, or at the first decision under it.
    pub(crate) first: Timestamp,
    /// When the log last has it: at a reload, or at the last decision under it.
    pub(crate) last: Timestamp,
    /// How many decisions were made under it.
    pub(crate) decisions: u64,
    /// The file that has its text; `None` if that is not kept.
    pub(crate) file: Option<String>,
}

impl LogPoliciesReport {
    /// Finds the policies of the decisions that match a filter.
    pub(crate) fn collect(records: &mut LogRecords, filter: &LogFilter, dir: &Path) -> Result<Self, LogError> {
        let mut report = Self::default();
        // Of each session, the policy that its lines have named last.
        let mut sessions: HashMap<String, Digest> = HashMap::new();
        let mut policies: BTreeMap<(String, String), LoggedPolicy> = BTreeMap::new();
        report.warnings = records.for_each(|line, _| {
            let (named, decisions) = match &line.about {
                About::Decision(record) => (record.policy, 1),
                About::LateAnswer(record) => (record.policy, 0),
                About::Reload(digest) => (Some(*digest), 0),
                About::Event(_) => return Ok::<_, LogError>(()),
            };
            if let Some(digest) = named
                && (sessions.len() < MAX_TOLD_APART || sessions.contains_key(&*line.session))
            {
                sessions.insert(line.session.to_string(), digest);
            }
            if !filter.matches(line) {
                return Ok(());
            }
            let key = sessions.get(&*line.session).map(|digest| (line.server.to_string(), digest.to_string()));
            let is_told_apart = |key: &_| policies.len() < MAX_TOLD_APART || policies.contains_key(key);
            let Some(key) = key.filter(is_told_apart) else {
                report.unnamed += decisions;
                return Ok(());
            };
            let (server, sha256) = key.clone();
            let (first, last) = (line.time, line.time);
            let new = LoggedPolicy { server, sha256, first, last, decisions: 0, file: None };
            let policy = policies.entry(key).or_insert(new);
            policy.first = policy.first.min(line.time);
            policy.last = policy.last.max(line.time);
            policy.decisions += decisions;
            Ok(())
        })?;
        for kept in list_texts(dir, None)? {
            if let Some(policy) = policies.get_mut(&(kept.server.to_string(), kept.policy.digest.to_string())) {
                policy.file = Some(visible_path(&kept.policy.path));
            }
        }
        report.policies = policies.into_values().collect();
        report.policies.sort_by(|one, other| (&one.server, one.first).cmp(&(&other.server, other.first)));
        Ok(report)
    }
}

/// The text of a policy that the log names.
#[derive(Debug, Serialize)]
pub(crate) struct PolicyTextReport {
    /// The server.
    pub(crate) server: String,
    /// The SHA-256 that the log names.
    pub(crate) sha256: String,
    /// Whether the text still has that SHA-256.
    pub(crate) whole: bool,
    /// The file that has it.
    pub(crate) file: String,
    /// The text. What is not UTF-8 in it was put there later, and is replaced.
    pub(crate) text: String,
}

/// Why a policy's text cannot be shown. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyTextError {
    /// The log's directory, or the text, cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// No text is kept under such a digest.
    #[error(
        "No policy whose SHA-256 begins with {start} is kept in {dir}. `policylayer log policy` lists those that the log names."
    )]
    Unknown {
        /// The digits that were given.
        start: String,
        /// The directory of the log.
        dir: String,
    },
    /// Several texts are kept under such a digest.
    #[error("Several policies have a SHA-256 that begins with {0}. Write more of its digits.")]
    Ambiguous(String),
}

impl PolicyTextReport {
    /// Reads the text whose digest begins with the digits `start`, kept for the log of `server` or of any.
    pub(crate) fn read(dir: &Path, server: Option<&ServerName>, start: &str) -> Result<Self, PolicyTextError> {
        let mut found = list_texts(dir, server)?;
        found.retain(|kept| kept.policy.digest.to_string().starts_with(&start.to_ascii_lowercase()));
        // Servers may share a policy, and then its text.
        found.dedup_by_key(|kept| kept.policy.digest);
        let kept = match (found.pop(), found.is_empty()) {
            (Some(kept), true) => kept,
            (None, _) => {
                return Err(PolicyTextError::Unknown { start: start.to_owned(), dir: visible_path(dir) });
            }
            (Some(_), false) => return Err(PolicyTextError::Ambiguous(start.to_owned())),
        };
        let bytes = file::read_file(&kept.policy.path).map_err(|error| LogError::from_io(dir, error))?;
        Ok(Self {
            server: kept.server.to_string(),
            sha256: kept.policy.digest.to_string(),
            whole: Digest::of_text(&bytes) == kept.policy.digest,
            file: visible_path(&kept.policy.path),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }
}

struct KeptText {
    server: ServerName,
    policy: KeptPolicy,
}

/// Lists the texts that are kept, by digest.
fn list_texts(dir: &Path, server: Option<&ServerName>) -> Result<Vec<KeptText>, LogError> {
    let unreadable = |error| LogError::from_io(dir, error);
    let mut servers = list_recorded_servers(dir).map_err(unreadable)?;
    servers.retain(|found| server.is_none_or(|server| server == found));
    let mut texts = Vec::new();
    for server in servers {
        let kept = list_policies(&LogPaths::new(dir, &server)).map_err(unreadable)?;
        texts.extend(kept.into_iter().map(|policy| KeptText { server: server.clone(), policy }));
    }
    texts.sort_by_key(|kept| kept.policy.digest);
    Ok(texts)
}
