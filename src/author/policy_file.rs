//! The policy file that an edit is of: what it holds now, and how it is replaced.

use std::path::PathBuf;

use super::edit::Edited;
use super::history::{NotKept, keep_edit};
use crate::clients::key::key_word;
use crate::env::Env;
use crate::paths::{self, PolicyError, ReplaceError};
use crate::policy::{self, Diagnostic, Policy, Server, Source};
use crate::record::Enforcement;
use crate::report::client_servers::{PolicyPlace, Served};
use crate::report::tool_names::judge_as_locked;

/// The policy that is edited.
pub(crate) struct EditTarget {
    pub(crate) server: Server,
    pub(crate) path: PathBuf,
    /// The content of the file; `None` if it does not exist yet.
    pub(crate) source: Option<Source>,
    /// The server's lock, which need not exist.
    pub(crate) lock: Option<PathBuf>,
    /// The directory of its log.
    pub(crate) audit: Option<PathBuf>,
    /// What a person should know about where the policy holds.
    pub(crate) notes: Vec<String>,
}

/// The policy before an edit.
pub(crate) struct PolicyBefore {
    /// The built-in one, if there is no file or it is invalid.
    pub(crate) policy: Policy,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether the file is valid, if there is one.
    pub(crate) is_valid: bool,
}

impl EditTarget {
    /// Reads the policy of a place.
    pub(crate) fn from_place(place: PolicyPlace) -> Result<Self, PolicyError> {
        let notes = describe_use(&place);
        let PolicyPlace { server, file, named, settings, env, .. } = place;
        let source = file.as_deref().map(paths::read_policy).transpose()?;
        let new = || paths::configuration_dir(&env).map(|dir| dir.join("policies").join(format!("{server}.toml")));
        let path = file.map_or_else(new, Ok)?;
        let lock = paths::lock_path(named.as_deref(), server.name(), &settings, &env).ok();
        Ok(Self { path, source, lock, audit: paths::audit_dir(&env).ok(), notes, server })
    }

    /// Loads the policy before an edit. It judges the tools in the server's lock by their definitions there.
    pub(crate) fn load_before(&self) -> PolicyBefore {
        let loaded = self.source.as_ref().map(|source| policy::load_policy(source, &self.server));
        let is_valid = loaded.as_ref().is_none_or(|loaded| loaded.policy.is_some());
        let (policy, diagnostics) = loaded.map_or((None, Vec::new()), |loaded| (loaded.policy, loaded.diagnostics));
        let policy = policy.unwrap_or_else(|| policy::builtin_policy(&self.server));
        PolicyBefore { policy: judge_as_locked(policy, self.lock.as_deref()), diagnostics, is_valid }
    }

    /// Lets the edited policy judge as the one before it does.
    pub(crate) fn judge_by_lock(&self, edited: Edited) -> Edited {
        Edited { policy: judge_as_locked(edited.policy, self.lock.as_deref()), ..edited }
    }

    /// Returns the content of the file as it was read; `None` if it does not exist yet.
    pub(crate) fn content(&self) -> Option<Vec<u8>> {
        self.source.as_ref().map(|source| source.in_file(source.text()).into_bytes())
    }

    /// Replaces the file, unless it has changed since it was read, and keeps the edit in the history. That it is not kept does
    /// not undo it.
    pub(crate) fn save(
        &self,
        edited: &Edited,
        command: String,
        env: &Env,
    ) -> Result<Result<(), NotKept>, ReplaceError> {
        let before = self.content();
        let after = self.source.as_ref().unwrap_or(&edited.source).in_file(edited.source.text()).into_bytes();
        paths::replace_file(&self.path, before.as_deref(), &after)?;
        Ok(keep_edit(self.server.name(), &self.path, [before.as_deref(), Some(&after)], command, env))
    }
}

impl PolicyBefore {
    pub(crate) fn had_warning(&self, warning: &Diagnostic) -> bool {
        self.diagnostics.iter().any(|own| own.code == warning.code && own.message == warning.message)
    }
}

/// Returns what keeps the policy from being enforced where clients start the server.
fn describe_use(place: &PolicyPlace) -> Vec<String> {
    let with = |enforcement| {
        let is_so = move |served: &&_| match enforcement {
            Some(enforcement) => has_enforcement(served, enforcement),
            None => true,
        };
        place.served.iter().find(is_so)
    };
    if place.served.is_empty() || with(Some(Enforcement::Enforced)).is_some() {
        return Vec::new();
    }
    if let Some(observed) = with(Some(Enforcement::Observed)) {
        return vec![format!(
            "The wrapper of {} only observes (--observe), so nothing is refused there: `policylayer register --enforce {}` \
             puts the policy in force.",
            observed.describe(),
            key_word(&observed.key)
        )];
    }
    let Some(bare) = with(None) else { return Vec::new() };
    vec![format!(
        "{} starts without policylayer, so no policy holds there yet: `policylayer register {}` puts it in force.",
        bare.describe(),
        key_word(&bare.key)
    )]
}

fn has_enforcement(served: &Served, enforcement: Enforcement) -> bool {
    served.wrapped.as_ref().is_some_and(|wrapped| wrapped.enforcement == enforcement)
}
