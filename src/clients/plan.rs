//! Plans what `register --all` and `unregister --all` change: every server of the selected clients.

use super::entry::parse_wrapped;
use super::register::{EntryChange, Registration, unwrap_candidate};
use super::select::{Candidate, Editable, Reach, Refusal, Selection, UnreadFile};
use crate::record::Enforcement;

/// The servers of every selected client, in the order of their files.
#[derive(Debug)]
pub(crate) struct AllPlan<'c> {
    pub(crate) servers: Vec<PlannedServer<'c>>,
    /// The files whose servers are unknown.
    pub(crate) unread: Vec<UnreadFile<'c>>,
}

#[derive(Debug)]
pub(crate) struct PlannedServer<'c> {
    pub(crate) candidate: Candidate<'c>,
    pub(crate) step: PlannedStep<'c>,
}

/// What happens to a server.
#[derive(Debug)]
pub(crate) enum PlannedStep<'c> {
    Change(EntryChange<'c>),
    /// It already is as it should be.
    AsItIs,
    /// There is no command, or it cannot be changed.
    OutOfReach,
    /// It should be changed and is not, for this reason.
    LeftAlone(String),
}

impl<'c> AllPlan<'c> {
    fn new(
        selection: &Selection<'c>,
        is_meant: impl Fn(&Candidate<'c>) -> bool,
        step: impl Fn(&Candidate<'c>, Editable<'_>) -> PlannedStep<'c>,
    ) -> Result<Self, Refusal> {
        let (mut candidates, unread) = selection.list_servers(Reach::Everywhere)?;
        candidates.retain(is_meant);
        let plan = |candidate: Candidate<'c>| {
            let step = candidate.editable().map(|editable| step(&candidate, editable));
            PlannedServer { step: step.unwrap_or(PlannedStep::OutOfReach), candidate }
        };
        Ok(Self { servers: candidates.into_iter().map(plan).collect(), unread })
    }

    /// Plans to take the wrapper out of every server's command. Servers without one are left out.
    pub(crate) fn unwrap_all(selection: &Selection<'c>) -> Result<Self, Refusal> {
        Self::unwrap_meant(selection, |_| true)
    }

    /// The same for the servers that are meant.
    pub(crate) fn unwrap_meant(
        selection: &Selection<'c>,
        is_meant: impl Fn(&Candidate<'c>) -> bool,
    ) -> Result<Self, Refusal> {
        let step = |candidate: &Candidate<'c>, editable: Editable<'_>| {
            let Editable::Launch(launch) = editable else { return PlannedStep::AsItIs };
            let words = launch.words();
            match parse_wrapped(&words, Some(selection.program)) {
                Some(found) => match found.find_barrier_to_undo(&words) {
                    Some(why) => PlannedStep::LeftAlone(why),
                    None => unwrap_candidate(candidate, launch, &found)
                        .map_or_else(PlannedStep::LeftAlone, PlannedStep::Change),
                },
                None => PlannedStep::AsItIs,
            }
        };
        let mut plan = Self::new(selection, is_meant, step)?;
        plan.servers.retain(|server| matches!(server.step, PlannedStep::Change(_) | PlannedStep::LeftAlone(_)));
        Ok(plan)
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = &EntryChange<'c>> {
        self.servers.iter().filter_map(|server| match &server.step {
            PlannedStep::Change(change) => Some(change),
            _ => None,
        })
    }
}

impl<'c> Registration<'_, 'c> {
    /// Plans to wrap every server. What is enforced stays so: `--observe` is for servers that are not wrapped yet.
    pub(crate) fn wrap_all(&self) -> Result<AllPlan<'c>, Refusal> {
        self.wrap_meant(|_| true)
    }

    /// The same for the servers that are meant.
    pub(crate) fn wrap_meant(&self, is_meant: impl Fn(&Candidate<'c>) -> bool) -> Result<AllPlan<'c>, Refusal> {
        let plan = AllPlan::new(self.selection, is_meant, |candidate, editable| {
            let is_wrapped = candidate.entry.is_wrapped(Some(self.selection.program));
            let wanted = self.enforcement.filter(|wanted| !is_wrapped || *wanted == Enforcement::Enforced);
            match self.wrap_candidate(candidate, editable, wanted) {
                Ok(change) if change.edits.is_empty() => PlannedStep::AsItIs,
                Ok(change) => PlannedStep::Change(change),
                Err(why) => PlannedStep::LeftAlone(why.to_string()),
            }
        })?;
        self.warn_if_fleeting(plan.changes());
        Ok(plan)
    }
}
