//! Whether a policy stands in front of a client's server, as far as that can be told without starting anything.

use std::path::PathBuf;

use super::policy::{PolicyFound, check_settings_and_policy};
use super::targets::Target;
use super::{ChainReport, LaunchChain, StepId, StepReport, StepStatus, command, wrapper};
use crate::clients::entry::ClientEntry;
use crate::clients::file::Opened;
use crate::clients::place::ClientFile;
use crate::clients::table::Keeper;
use crate::env::Env;
use crate::paths;
use crate::policy::ToolsTally;
use crate::policy::keys::words::word_enum;
use crate::record::Enforcement;

word_enum! {
    /// Whether a policy stands in front of a server.
    pub(crate) enum ServerState;
    /// The client starts it through the wrapper, which finds a valid policy and enforces it.
    "protected" => Protected,
    /// The client starts it through `wrap --observe`: nothing is enforced.
    "observed" => Observed,
    /// The client starts it without the wrapper.
    "unprotected" => Unprotected,
    /// There is no command of it that the policy could be put before: see the barrier.
    "out_of_reach" => OutOfReach,
    /// It cannot start: the entry or the policy is invalid, or a program is missing.
    "broken" => Broken,
}

word_enum! {
    /// Why a server is out of reach.
    pub(crate) enum Barrier;
    /// The client reaches it over HTTP, by an entry for which `wrap --url` cannot stand in.
    "http" => Http,
    /// It is in a file of an administrator.
    "administrator" => Administrator,
    /// An extension of the client brings it along.
    "extension" => Extension,
    /// A plugin of the client brings it along.
    "plugin" => Plugin,
    /// The client has its command from elsewhere.
    "elsewhere" => Elsewhere,
}

impl From<Keeper> for Barrier {
    fn from(keeper: Keeper) -> Self {
        match keeper {
            Keeper::Administrator => Self::Administrator,
            Keeper::Extension => Self::Extension,
            Keeper::Plugin => Self::Plugin,
        }
    }
}

word_enum! {
    /// What there is of a server's lock, as far as that can be told without starting the server.
    pub(crate) enum LockState;
    /// It has one, and what would start is not known to differ from it.
    "held" => Held,
    /// What would start is another package than the locked one.
    "differs" => Differs,
    /// It has none.
    "none" => Nothing,
    /// It has one that cannot be used.
    "unreadable" => Unreadable,
    /// Its policy says that locks are not read.
    "off" => Off,
}

/// The state of one entry.
#[derive(Debug)]
pub(crate) struct EntryState {
    pub(crate) state: ServerState,
    /// Why it is out of reach.
    pub(crate) barrier: Option<Barrier>,
    /// Its lock; `None` without a wrapper.
    pub(crate) lock: Option<LockState>,
    /// The step that the reason is about.
    pub(crate) failed: Option<StepId>,
    /// Why it is broken or out of reach, in one line; for a server without a policy, why it cannot start, if that is so.
    pub(crate) reason: Option<String>,
    /// What to do about the reason.
    pub(crate) remedy: Option<String>,
    /// The name that finds the policy.
    pub(crate) server: Option<String>,
    /// The policy file that the wrapper finds, valid or not, or `built-in`.
    pub(crate) policy: Option<String>,
    /// Where its wrapper keeps counts, questions and the log.
    pub(crate) state_dir: Option<PathBuf>,
    /// What the policy does to the server's known tools.
    pub(crate) tools: Option<ToolsTally>,
    /// The known tools of a server that no policy is in front of: each passes.
    pub(crate) unguarded: Option<ToolsTally>,
}

impl EntryState {
    /// Judges an entry under these keys of a client's file. `program` is this program's path, as `register` writes it.
    pub(crate) fn of_entry(
        place: &ClientFile,
        opened: Option<&Opened>,
        (keys, entry): (&[String], &ClientEntry),
        program: Option<&str>,
        env: &Env,
    ) -> Self {
        let target = Target { place, entry: Ok((keys.to_vec(), entry.clone())), opened };
        let (chain, mut report) = target.open_chain(program, env);
        let found = chain.as_ref().and_then(|chain| {
            let found = report.check_unstarted(chain);
            report.state = Some(report.judge_state(chain));
            report.hide_secrets(chain);
            found
        });
        let state = report.state.unwrap_or(ServerState::Broken);
        let is_failed = |step: &&StepReport| step.status == StepStatus::Failed && step.id != StepId::Wrapped;
        let step = report.steps.iter().find(is_failed);
        let first_line = |text: &str| text.lines().next().unwrap_or_default().trim_end_matches(':').to_owned();
        let policy_of = |found: &PolicyFound| found.loaded.as_ref()?.policy.tally_unguarded();
        let unguarded = found.as_ref().filter(|_| state == ServerState::Unprotected).and_then(policy_of);
        let found =
            found.filter(|_| matches!(state, ServerState::Protected | ServerState::Observed | ServerState::Broken));
        let policy = found.as_ref().and_then(|PolicyFound { file, loaded, .. }| match (file, loaded) {
            (Some(file), _) => Some(file.display().to_string()),
            (None, Some(_)) => Some("built-in".to_owned()),
            (None, None) => None,
        });
        Self {
            state,
            barrier: report.barrier,
            lock: found.as_ref().map(|found| found.lock),
            failed: step.map(|step| step.id),
            reason: step.map(|step| first_line(&step.detail)),
            remedy: step.and_then(|step| step.remedy.clone()),
            policy,
            state_dir: chain.and_then(|chain| paths::state_dir(&chain.env.as_env()).ok()),
            tools: found.as_ref().and_then(|found| found.loaded.as_ref()?.policy.tally_tools()),
            server: found.map(|found| found.server.to_string()),
            unguarded,
        }
    }
}

impl ChainReport {
    /// Adds the steps that start nothing.
    fn check_unstarted(&mut self, chain: &LaunchChain<'_>) -> Option<PolicyFound> {
        self.push_step(StepId::Wrapped, wrapper::check_wrapped(chain));
        if chain.wrapped.is_some() {
            self.push_step(StepId::Wrapper, wrapper::find_program(chain).map(|path| path.display().to_string()));
        }
        self.push_step(StepId::Command, command::check_command(chain));
        check_settings_and_policy(chain, self)
    }

    /// Counts and records are not needed for a policy to be enforced; the log says if it cannot be written.
    pub(super) fn judge_state(&self, chain: &LaunchChain<'_>) -> ServerState {
        let has_failed =
            |step: &StepReport| step.status == StepStatus::Failed && !matches!(step.id, StepId::State | StepId::Clock);
        match &chain.wrapped {
            None => ServerState::Unprotected,
            Some(_) if self.steps.iter().any(has_failed) => ServerState::Broken,
            Some(wrapped) if wrapped.enforcement == Enforcement::Observed => ServerState::Observed,
            Some(_) => ServerState::Protected,
        }
    }

    /// Removes the values of the entry's variables.
    pub(super) fn hide_secrets(&mut self, chain: &LaunchChain<'_>) {
        for step in &mut self.steps {
            step.detail = chain.env.hide_secrets(&step.detail);
            step.remedy = step.remedy.as_deref().map(|remedy| chain.env.hide_secrets(remedy));
        }
    }
}
