//! What another version of this program changes for a policy: the decision of each about every known tool.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::client_servers::PolicyPlace;
use super::decision::DecisionReport;
use super::tool_names::ToolNames;
use crate::engine::TrialInput;
use crate::paths;
use crate::policy::{Policy, RequestSubject};
use crate::visible::escape_invisible;
use crate::wire::arguments::Arguments;

/// Why another program cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("{program} cannot be asked: {why}. Name the file of another policylayer with --with.")]
pub(crate) struct CannotAsk {
    program: String,
    why: String,
}

/// What another version of this program changes for the policy of a server.
#[derive(Debug, Serialize)]
pub(crate) struct UpdateChanges {
    /// The server that the policy is for.
    pub(crate) server: String,
    /// The policy file; `null` for the built-in policy.
    pub(crate) file: Option<String>,
    /// The version of this program.
    pub(crate) version: &'static str,
    /// The version of the other program.
    pub(crate) other_version: String,
    /// How many tools were asked about.
    pub(crate) tools: usize,
    /// The tools that the two decide differently.
    pub(crate) changes: Vec<UpdateChange>,
}

/// A tool that another version decides differently.
#[derive(Debug, Serialize)]
pub(crate) struct UpdateChange {
    /// The tool.
    pub(crate) tool: String,
    /// What this version decides.
    pub(crate) before: DecidedAs,
    /// What the other version decides.
    pub(crate) after: DecidedAs,
}

/// What a program decides about a call without arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DecidedAs {
    /// `allow`, `require_approval`, `deny` or `hide`.
    pub(crate) effect: String,
    /// The path of the rule that decides.
    pub(crate) rule: String,
}

impl UpdateChanges {
    /// Asks both programs about every known tool of a server. Rules that decide alike may have other names.
    ///
    /// # Errors
    /// Returns an error if the other program cannot be started, or is no policylayer.
    pub(crate) fn find(place: &PolicyPlace, policy: &Policy, other: &Path) -> Result<Self, CannotAsk> {
        let lock = paths::lock_path(place.named.as_deref(), place.server.name(), &place.settings, &place.env).ok();
        let known = ToolNames::of_policy(policy, lock.as_deref());
        // A server that is another one by its command has that one's catalogue.
        let name = place.server.catalogue().filter(|_| place.file.is_none()).map(|known| known.server);
        let mut base: Vec<OsString> =
            ["decide", "--format", "json", "--server"].into_iter().map(OsString::from).collect();
        base.push(name.unwrap_or(place.server.name().as_str()).into());
        if let Some(file) = &place.file {
            base.extend(["--policy".into(), file.into()]);
        }
        let version = ask(other, &["--version".into()])?;
        let other_version = version.trim().strip_prefix("policylayer ").map(escape_invisible);
        let Some(other_version) = other_version.map(|version| version.to_string()) else {
            return Err(CannotAsk::new(other, "it is no policylayer"));
        };
        let (mut changes, mut tools) = (Vec::new(), 0);
        for tool in known.iter() {
            let said = ask(other, &[&base[..], &["--tool".into(), tool.into()]].concat())?;
            let after: DecidedAs = serde_json::from_str(&said)
                .map_err(|_| CannotAsk::new(other, "it does not say what it decides under this policy"))?;
            // Without arguments, as the other one is asked.
            let (arguments, input) = (Arguments::default(), Arguments::default());
            let input = TrialInput { arguments: &arguments, input: &input };
            let Ok(decision) = DecisionReport::new(policy, RequestSubject::Tool(tool), input, None, &[]) else {
                continue;
            };
            let before = DecidedAs { effect: decision.effect.as_str().to_owned(), rule: decision.rule.to_string() };
            tools += 1;
            if before.effect != after.effect {
                changes.push(UpdateChange { tool: tool.to_owned(), before, after });
            }
        }
        Ok(Self {
            server: place.server.to_string(),
            file: place.file.as_ref().map(|file| escape_invisible(&file.display().to_string()).to_string()),
            version: env!("CARGO_PKG_VERSION"),
            other_version,
            tools,
            changes,
        })
    }
}

impl CannotAsk {
    fn new(program: &Path, why: impl Into<String>) -> Self {
        Self { program: escape_invisible(&program.display().to_string()).to_string(), why: why.into() }
    }
}

/// Returns what the other program prints. Its exit code tells the effect, so it is ignored.
fn ask(program: &Path, args: &[OsString]) -> Result<String, CannotAsk> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = output.map_err(|error| CannotAsk::new(program, error.to_string()))?;
    String::from_utf8(output.stdout).map_err(|_| CannotAsk::new(program, "what it prints is not UTF-8"))
}
