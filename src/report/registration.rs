//! What `register --all` and `unregister --all` do to each server, and what came of it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;

use super::doctor::{EntryState, ServerState, StepId};
use crate::clients::apply::{FileOutcome, FileResult};
use crate::clients::document::{BadDocument, ClientDocument};
use crate::clients::entry::{ClientEntry, read_entries};
use crate::clients::file::Opened;
use crate::clients::key::key_word;
use crate::clients::place::ClientFile;
use crate::clients::plan::{AllPlan, PlannedServer, PlannedStep};
use crate::clients::register::{EntryAction, EntryChange};
use crate::clients::secret;
use crate::clients::select::Selection;
use crate::clients::table::{self, ConfigScope};
use crate::policy::ToolsTally;
use crate::policy::keys::words::word_enum;
use crate::record::Enforcement;
use crate::shell::as_word;
use crate::state::file::real_path;

word_enum! {
    /// What happens to a server.
    pub(crate) enum ServerAction;
    /// The policy is put in front of it, and enforced.
    "protect" => Protect,
    /// The policy is put in front of it, and only observed.
    "observe" => Observe,
    /// Its policy, so far only observed, is enforced.
    "enforce" => Enforce,
    /// The path of policylayer is corrected.
    "update_path" => UpdatePath,
    /// The policy in front of it is taken out.
    "unprotect" => Unprotect,
    /// It is as it should be.
    "none" => Nothing,
    /// It has no command that can be changed, so no policy can be put in front of it.
    "out_of_reach" => OutOfReach,
    /// It should be changed and cannot.
    "left_alone" => LeftAlone,
}

word_enum! {
    /// What came of a file.
    pub(crate) enum FileStatus;
    /// Nothing is to be changed.
    "unchanged" => Unchanged,
    /// It would be changed.
    "planned" => Planned,
    /// It was changed.
    "written" => Written,
    /// It could not be read or changed.
    "failed" => Failed,
}

/// The servers of every selected client, and what happens to each.
#[derive(Debug, Serialize)]
pub(crate) struct RegistrationReport {
    /// Whether the changes were made. A file that failed says so.
    pub(crate) applied: bool,
    /// The files, and the servers of each.
    pub(crate) files: Vec<RegisteredFile>,
    /// The commands that undo what was changed.
    pub(crate) undo: Vec<String>,
}

/// A file of a client, with its servers.
#[derive(Debug, Serialize)]
pub(crate) struct RegisteredFile {
    /// The copy of the file as it was.
    pub(crate) backup: Option<String>,
    /// The client, as `--client` takes it.
    pub(crate) client: &'static str,
    /// Why the file could not be read or changed.
    pub(crate) error: Option<String>,
    /// The file.
    pub(crate) file: String,
    /// The project's directory, if the servers are the user's for one project.
    pub(crate) folder: Option<String>,
    /// The client, as its users call it.
    pub(crate) name: &'static str,
    /// The path without links, which tells whether two files are one.
    #[serde(skip)]
    real: PathBuf,
    /// What came of the file.
    pub(crate) result: FileStatus,
    /// `user`, `folder` (the user's, for one project) or `project`.
    pub(crate) scope: &'static str,
    /// The servers.
    pub(crate) servers: Vec<RegisteredServer>,
}

/// A server of a client.
#[derive(Debug, Serialize)]
pub(crate) struct RegisteredServer {
    /// What happens to it.
    pub(crate) action: ServerAction,
    /// What its client starts afterwards, without secrets; empty if the client starts no command.
    pub(crate) command: Vec<String>,
    /// Whether the client is told not to start it.
    pub(crate) disabled: bool,
    /// The key in the client's file.
    pub(crate) name: String,
    /// What a person should know about the change.
    pub(crate) notes: Vec<String>,
    /// The policy file that the wrapper finds, or `built-in`.
    pub(crate) policy: Option<String>,
    /// Why nothing happens to it.
    pub(crate) reason: Option<String>,
    /// The name that finds the policy.
    pub(crate) server: Option<String>,
    /// Its state afterwards.
    pub(crate) state: ServerState,
    /// What the policy does to the server's known tools; `null` if none are known.
    pub(crate) tools: Option<ToolsTally>,
}

impl RegistrationReport {
    /// Judges each server as its client would start it after the change. One whose policy is invalid is left alone,
    /// because it would no longer start: the change is taken out of the plan.
    pub(crate) fn new(plan: &mut AllPlan<'_>, selection: &Selection<'_>) -> Self {
        let mut files: Vec<RegisteredFile> = Vec::new();
        for planned in &mut plan.servers {
            let server = judge_server(planned, selection);
            let status = match server.action {
                ServerAction::Nothing | ServerAction::OutOfReach | ServerAction::LeftAlone => FileStatus::Unchanged,
                _ => FileStatus::Planned,
            };
            let file = RegisteredFile::new(planned.candidate.file, planned.candidate.dir.clone());
            if files.last().is_none_or(|last| !last.is_same_section(&file)) {
                files.push(file);
            }
            if let Some(last) = files.last_mut() {
                last.servers.push(server);
                last.result = if status == FileStatus::Planned { status } else { last.result };
            }
        }
        files.extend(plan.unread.iter().map(|(file, error)| RegisteredFile {
            result: FileStatus::Failed,
            error: Some(error.to_string()),
            ..RegisteredFile::new(file, None)
        }));
        Self { applied: false, files, undo: list_undo(plan, selection) }
    }

    /// Returns the number of servers and of files that are changed.
    pub(crate) fn count_changes(&self) -> (usize, usize) {
        let planned = || self.files.iter().filter(|file| file.result == FileStatus::Planned);
        let servers = planned().flat_map(|file| &file.servers).filter(|server| server.is_changed()).count();
        (servers, planned().map(|file| &file.real).collect::<BTreeSet<_>>().len())
    }

    /// Whether something should be changed and is not.
    pub(crate) fn has_failed(&self) -> bool {
        self.files.iter().any(|file| {
            file.error.is_some() || file.servers.iter().any(|server| server.action == ServerAction::LeftAlone)
        })
    }

    /// Records what came of a file.
    pub(crate) fn record_outcome(&mut self, (changes, result): &FileOutcome<'_>) {
        let of_change = |file: &&mut RegisteredFile| {
            changes.iter().any(|change| real_file(change.file) == file.real) && file.result == FileStatus::Planned
        };
        for file in self.files.iter_mut().filter(of_change) {
            match result {
                Ok(FileResult::Saved { backup }) => {
                    file.result = FileStatus::Written;
                    file.backup = backup.as_ref().map(|backup| backup.display().to_string());
                }
                Ok(FileResult::Unchanged | FileResult::Preview { .. }) => {}
                Err(error) => {
                    file.result = FileStatus::Failed;
                    file.error = Some(error.to_string());
                }
            }
        }
    }
}

impl RegisteredFile {
    fn new(file: &ClientFile, folder: Option<String>) -> Self {
        Self {
            backup: None,
            client: file.row.id,
            error: None,
            file: file.file.display().to_string(),
            folder,
            name: file.row.name,
            real: real_file(file),
            result: FileStatus::Unchanged,
            scope: file.row.scope.as_str(),
            servers: Vec::new(),
        }
    }

    fn is_same_section(&self, other: &Self) -> bool {
        (self.client, &self.file, &self.folder) == (other.client, &other.file, &other.folder)
    }
}

impl RegisteredServer {
    pub(crate) fn is_changed(&self) -> bool {
        !matches!(self.action, ServerAction::Nothing | ServerAction::OutOfReach | ServerAction::LeftAlone)
    }
}

/// Says which clients may write back what their files held; `None` if none of them does.
pub(crate) fn describe_writers<'c>(files: impl Iterator<Item = &'c ClientFile>) -> Option<String> {
    let names: BTreeSet<_> =
        files.filter(|file| table::writes_while_it_runs(file.row.id)).map(|file| file.row.name).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(" and ");
    (!names.is_empty()).then(|| {
        format!(
            "Quit {names} first if it runs: it writes its file itself, and may write back what it had. `policylayer status` \
             shows whether the change is still there."
        )
    })
}

fn real_file(file: &ClientFile) -> PathBuf {
    real_path(&file.file).unwrap_or_else(|_| file.file.clone())
}

fn judge_server(planned: &mut PlannedServer<'_>, selection: &Selection<'_>) -> RegisteredServer {
    let candidate = &planned.candidate;
    let judge = |opened: &Opened, entry: &ClientEntry| {
        let entry = (candidate.keys.as_slice(), entry);
        EntryState::of_entry(candidate.file, Some(opened), entry, Some(selection.program), selection.env)
    };
    let before = judge(candidate.opened, &candidate.entry);
    let (state, action, reason) = match &planned.step {
        PlannedStep::Change(change) => match apply_change(candidate.opened, change) {
            Ok((opened, entry)) => {
                let after = judge(&opened, &entry);
                match refuse_unstartable(change, &after) {
                    None => (after, action_of(change), None),
                    Some(why) => (before, ServerAction::LeftAlone, Some(why)),
                }
            }
            Err(why) => (before, ServerAction::LeftAlone, Some(why.to_string())),
        },
        PlannedStep::AsItIs => {
            let reason = describe_unchanged(candidate.file, &candidate.entry.name, &before);
            (before, ServerAction::Nothing, Some(reason))
        }
        PlannedStep::OutOfReach => {
            let action = if before.state == ServerState::OutOfReach {
                ServerAction::OutOfReach
            } else {
                ServerAction::LeftAlone
            };
            let reason = before.reason.clone();
            (before, action, reason)
        }
        PlannedStep::LeftAlone(why) => (before, ServerAction::LeftAlone, Some(why.clone())),
    };
    let mut words: Vec<String> = candidate.entry.words().unwrap_or_default();
    let mut notes = Vec::new();
    // What is left out can often be registered in another way.
    if action == ServerAction::OutOfReach {
        notes.extend(state.remedy.as_ref().map(|remedy| format!("what to do: {remedy}")));
    }
    if let PlannedStep::Change(change) = &planned.step
        && action != ServerAction::LeftAlone
    {
        words.clone_from(&change.expected);
        // The first note about a new wrapper is the policy, which the state knows for the entry's own environment.
        notes.extend(change.notes.iter().skip(usize::from(change.action == EntryAction::Wrapped)).cloned());
        if candidate.file.row.scope == ConfigScope::Project && change.action != EntryAction::Unwrapped {
            notes.push("The file belongs to the project; others may not have policylayer at this path.".to_owned());
        }
    }
    let server = RegisteredServer {
        action,
        command: secret::redact_words(&words),
        disabled: candidate.entry.is_disabled,
        name: candidate.entry.name.clone(),
        notes,
        policy: state.policy,
        reason: reason.clone(),
        server: state.server,
        state: state.state,
        tools: state.tools,
    };
    if action == ServerAction::LeftAlone {
        planned.step = PlannedStep::LeftAlone(reason.unwrap_or_default());
    }
    server
}

fn action_of(change: &EntryChange<'_>) -> ServerAction {
    match (change.action, change.enforcement) {
        (EntryAction::Unwrapped | EntryAction::Removed | EntryAction::RemovedWithFile, _) => ServerAction::Unprotect,
        (EntryAction::Moved, _) => ServerAction::UpdatePath,
        (EntryAction::Enforced, _) => ServerAction::Enforce,
        (EntryAction::Nothing, _) => ServerAction::Nothing,
        (EntryAction::Observed, _) | (_, Enforcement::Observed) => ServerAction::Observe,
        (EntryAction::Wrapped | EntryAction::Added, Enforcement::Enforced) => ServerAction::Protect,
    }
}

/// Returns why a server would not start behind its policy, although it starts now.
fn refuse_unstartable(change: &EntryChange<'_>, after: &EntryState) -> Option<String> {
    let is_about_policy = matches!(after.failed, Some(StepId::Config | StepId::Identity | StepId::Policy));
    if change.action != EntryAction::Wrapped || after.state != ServerState::Broken || !is_about_policy {
        return None;
    }
    let reason = after.reason.as_deref().unwrap_or("its policy is invalid");
    let remedy = after.remedy.as_deref().map(|remedy| format!("; what to do: {remedy}")).unwrap_or_default();
    Some(format!("it would not start behind its policy: {reason}{remedy}"))
}

fn describe_unchanged(file: &ClientFile, key: &str, now: &EntryState) -> String {
    match now.state {
        ServerState::Protected => "already behind its policy".to_owned(),
        ServerState::Observed => format!(
            "already observed, and nothing is enforced: policylayer register {} --client {} --enforce",
            key_word(key),
            file.row.id
        ),
        ServerState::Broken => format!(
            "already behind policylayer, and it cannot start: {}",
            now.reason.as_deref().unwrap_or("`policylayer doctor` says why")
        ),
        ServerState::Unprotected => "not behind a policy".to_owned(),
        ServerState::OutOfReach => now.reason.clone().unwrap_or_default(),
    }
}

/// Returns the file and the entry after one change.
fn apply_change(opened: &Opened, change: &EntryChange<'_>) -> Result<(Opened, ClientEntry), BadDocument> {
    let bytes = opened.document.apply_edits(change.edits.clone());
    let document = ClientDocument::parse(&bytes, opened.document.format())?;
    let entries = read_entries(&document, &change.keys)?;
    let entry = entries.into_iter().find(|entry| entry.name == change.key).ok_or_else(|| BadDocument {
        place: None,
        message: "the server would be gone after the change; please report this".to_owned(),
    })?;
    Ok((Opened { bytes, document }, entry))
}

/// Returns the commands that undo a plan: one for all, unless other servers were wrapped before.
fn list_undo(plan: &AllPlan<'_>, selection: &Selection<'_>) -> Vec<String> {
    let is_wrapped = |planned: &&PlannedServer<'_>| planned.candidate.entry.is_wrapped(Some(selection.program));
    let mixed: BTreeSet<&str> =
        plan.servers.iter().filter(is_wrapped).map(|planned| planned.candidate.file.row.id).collect();
    let mut clean: BTreeSet<&str> = BTreeSet::new();
    let mut each = Vec::new();
    for planned in &plan.servers {
        let PlannedStep::Change(change) = &planned.step else { continue };
        let (key, id) = (key_word(&change.key), change.file.row.id);
        let command = match change.action {
            EntryAction::Wrapped if !mixed.contains(id) => {
                clean.insert(id);
                continue;
            }
            EntryAction::Wrapped => format!("policylayer unregister {key} --client {id}"),
            EntryAction::Enforced => format!("policylayer register {key} --client {id} --observe"),
            _ => continue,
        };
        each.push(match &planned.candidate.dir {
            Some(dir) => format!("cd {} && {command}", as_word(dir)),
            None => command,
        });
    }
    each.dedup();
    if !clean.is_empty() {
        let all = mixed.is_empty() && selection.named.is_empty();
        let ids: Vec<_> = clean.into_iter().collect();
        let which = if all { String::new() } else { format!(" --client {}", ids.join(",")) };
        each.insert(0, format!("policylayer unregister --all{which}"));
    }
    each
}
