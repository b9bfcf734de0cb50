//! `policylayer approvals`: the calls that wait for a person at this machine, and the answers to them.

mod confirm;
mod outcome;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use super::Env;
use super::output::{print, print_report};
use crate::cli::{
    ApprovalsApproveArgs, ApprovalsArgs, ApprovalsCommand, ApprovalsDenyArgs, ApprovalsListArgs, ApprovalsShowArgs,
    Format,
};
use crate::engine::{ApprovalAnswer, Channel};
use crate::exit::Exit;
use crate::limits::MAX_NOTE;
use crate::paths;
use crate::policy::{ServerName, nearest_word};
use crate::report::client_servers::{ServedQuestion, find_served};
use crate::state::approvals::{
    ApprovalEntry, ApprovalState, Confirm, EntryKey, NotAnswered, StoredApprovals, unix_time,
};
use crate::term::faces::approvals::list::Expired;
use crate::term::faces::approvals::outcome::describe_outcome;
use crate::term::faces::approvals::{card, list};
use crate::term::style::format_duration;
use crate::visible::escape_invisible;

/// Why a call is not answered or shown. Each message says what to do.
#[derive(Debug, thiserror::Error)]
enum ApprovalError {
    #[error("No call {id} waits for an approval. {remedy}")]
    Unknown { id: String, remedy: String },
    #[error("{0}")]
    Over(String),
    #[error("{0}")]
    WithoutEffect(String),
    #[error(
        "The call {0} cannot be approved: it was stored by an earlier policylayer, which left out a part of its arguments. Deny \
         it, and ask the agent to make it again."
    )]
    Cut(String),
    #[error(
        "The session of the call {0} has ended, so there is nothing to approve for the rest of it. Approve the one call, \
         without `--session`."
    )]
    NoSession(String),
    #[error("What the call {0} shows you has changed, so nothing was answered. Look at it again.")]
    Changed(String),
    #[error("The reason has {0} characters, and the agent can be given at most {MAX_NOTE}. Shorten it.")]
    LongReason(usize),
    #[error(
        "The call {0} needs a code, because of `local_confirm = \"code\"`. Run `policylayer approvals \
         approve {0}` in a terminal."
    )]
    NeedsCode(String),
}

/// Lists, shows or answers waiting calls.
pub(crate) fn run(args: &ApprovalsArgs, env: &Env) -> anyhow::Result<Exit> {
    let mut stored = StoredApprovals::new(&paths::state_dir(env)?, paths::STATE_FILE);
    match &args.command {
        None => list_approvals(&mut stored, &args.list, env),
        Some(ApprovalsCommand::List(args)) => list_approvals(&mut stored, args, env),
        Some(ApprovalsCommand::Show(args)) => show_approval(&mut find_store(stored, &args.id, env)?, args),
        Some(ApprovalsCommand::Approve(args)) => approve_call(&mut find_store(stored, &args.id, env)?, args, env),
        Some(ApprovalsCommand::Deny(args)) => deny_call(&mut find_store(stored, &args.id, env)?, args),
        Some(ApprovalsCommand::Watch) => watch::run(&mut stored, paths::load_confirm(env)?, env),
    }
}

/// Returns the stores of this machine, that of this terminal first, and the names of the servers that are meant. A client may
/// give a server another state directory.
fn find_stores(name: Option<&str>, env: &Env) -> anyhow::Result<(Vec<StoredApprovals>, Vec<ServerName>)> {
    let (mut dirs, mut names) = (vec![paths::state_dir(env)?], Vec::new());
    for served in find_served(&ServedQuestion { name, clients: &[], env }).servers {
        let theirs = paths::state_dir(&served.env).ok();
        dirs.extend(theirs.filter(|theirs| !dirs.contains(theirs)));
        let server = served.load_settings().and_then(|settings| served.find_server(&settings));
        names.extend(server.map(|server| server.name().clone()));
    }
    match name.map(ServerName::parse) {
        Some(Err(error)) if names.is_empty() => return Err(error.into()),
        named => names.extend(named.and_then(Result::ok)),
    }
    let open = |dir: PathBuf| StoredApprovals::new(&dir, paths::STATE_FILE);
    Ok((dirs.into_iter().map(open).collect(), names))
}

/// Returns the store that has the call; that of this terminal if none has it.
fn find_store(mut here: StoredApprovals, id: &str, env: &Env) -> anyhow::Result<StoredApprovals> {
    let has_call = |stored: &mut StoredApprovals| stored.list_all().map(|all| find_entry(&all, id).is_ok());
    if has_call(&mut here)? {
        return Ok(here);
    }
    let mut others = find_stores(None, env)?.0.into_iter().skip(1);
    let found = others.find_map(|mut other| has_call(&mut other).is_ok_and(|has| has).then_some(other));
    Ok(found.unwrap_or(here))
}

fn list_approvals(stored: &mut StoredApprovals, args: &ApprovalsListArgs, env: &Env) -> anyhow::Result<Exit> {
    let mut all = stored.list_all()?;
    let (others, servers) = find_stores(args.server.as_deref(), env)?;
    // What cannot be read there is said by its own session.
    all.extend(others.into_iter().skip(1).filter_map(|mut other| other.list_all().ok()).flatten());
    all.retain(|entry| args.server.is_none() || servers.iter().any(|server| entry.server == server.as_str()));
    // A program gets what can be answered, unless it asks for more.
    all.retain(|entry| args.all || args.format == Format::Text || entry.state.is_open());
    let expired = if args.all { Expired::Listed } else { Expired::Counted };
    print_report(&all, args.format, |out, all| {
        list::write_list(out, all, expired, unix_time())?;
        if all.is_empty() && !asks_here(env) {
            writeln!(
                out,
                "`channels` in config.toml does not include \"local\": only clients ask, and nothing waits here."
            )?;
        }
        Ok(())
    })?;
    Ok(Exit::Ok)
}

/// Whether config.toml has the local channel. Other commands report errors in the file.
fn asks_here(env: &Env) -> bool {
    paths::load_settings(env).map_or(true, |settings| settings.approvals.channels.contains(&Channel::Local))
}

fn show_approval(stored: &mut StoredApprovals, args: &ApprovalsShowArgs) -> anyhow::Result<Exit> {
    let all = stored.list_all()?;
    let entry = find_entry(&all, &args.id)?;
    print_report(entry, args.format, |out, entry| card::write_card(out, entry, unix_time()))?;
    Ok(Exit::Ok)
}

fn approve_call(stored: &mut StoredApprovals, args: &ApprovalsApproveArgs, env: &Env) -> anyhow::Result<Exit> {
    let required = paths::load_confirm(env)?;
    let all = stored.list_all()?;
    let entry = find_entry(&all, &args.id)?;
    let needed = entry.confirm.max(required);
    if entry.state.is_open() && needed == Confirm::Code {
        confirm::confirm_on_terminal(entry)?;
    }
    let answer = if args.session { ApprovalAnswer::Session } else { ApprovalAnswer::Once };
    record_answer(stored, &entry.key(), &answer, needed)
}

fn deny_call(stored: &mut StoredApprovals, args: &ApprovalsDenyArgs) -> anyhow::Result<Exit> {
    let note = args.reason.as_deref().map(str::trim).filter(|note| !note.is_empty());
    if let Some(length) = note.map(|note| note.chars().count()).filter(|length| *length > MAX_NOTE) {
        return Err(ApprovalError::LongReason(length).into());
    }
    let all = stored.list_all()?;
    let entry = find_entry(&all, &args.id)?;
    record_answer(stored, &entry.key(), &ApprovalAnswer::Refused { note: note.map(str::to_owned) }, Confirm::None)
}

fn record_answer(
    stored: &mut StoredApprovals,
    of: &EntryKey,
    verdict: &ApprovalAnswer,
    given: Confirm,
) -> anyhow::Result<Exit> {
    let id = of.id().to_owned();
    match stored.answer_question(of, verdict, given)? {
        Ok(_) => {
            let Some(entry) = outcome::wait_for_outcome(stored, &id)? else {
                return Err(unknown_id(&id, &stored.list_all()?).into());
            };
            let came = describe_outcome(&entry, unix_time()).map_err(ApprovalError::WithoutEffect)?;
            print(|out| writeln!(out, "{came}"))?;
            Ok(Exit::Ok)
        }
        Err(NotAnswered::Unknown) => Err(unknown_id(&id, &stored.list_all()?).into()),
        Err(NotAnswered::Over(entry)) => Err(ApprovalError::Over(explain_closed(&entry, unix_time())).into()),
        Err(NotAnswered::Changed) => Err(ApprovalError::Changed(id).into()),
        Err(NotAnswered::NeedsCode) => Err(ApprovalError::NeedsCode(id).into()),
        Err(NotAnswered::Cut) => Err(ApprovalError::Cut(id).into()),
        Err(NotAnswered::NoSession) => Err(ApprovalError::NoSession(id).into()),
    }
}

fn explain_closed(entry: &ApprovalEntry, now: Duration) -> String {
    let id = &entry.id;
    let ago =
        entry.answered.map(|then| format!(", {} ago", format_duration(now.saturating_sub(then)))).unwrap_or_default();
    let channel = match entry.channel.as_deref() {
        Some("client") => "in the client",
        _ => "with `policylayer approvals`",
    };
    let (what, remedy) = match entry.state {
        ApprovalState::Approved => ("approved", "nothing has changed"),
        ApprovalState::Settled => ("answered", "nothing has changed"),
        ApprovalState::Denied => {
            ("refused", "if you want it after all, ask the agent to make the call again, and approve that")
        }
        ApprovalState::Expired | ApprovalState::Waiting | ApprovalState::Late => {
            if let Some(successor) = &entry.successor {
                return format!(
                    "The call {id} was made again, and what it shows you has changed: {successor} has \
                     taken its place. Nothing was answered. Look at it with `policylayer approvals show {successor}`."
                );
            }
            return format!(
                "The call {id} has expired: the client took it back, its session has ended, or its time is over. If you still \
                 want it, ask the agent to make it again, and approve that."
            );
        }
    };
    format!("The call {id} was already {what} {channel}{ago}. The first answer counts; {remedy}.")
}

fn find_entry<'a>(all: &'a [ApprovalEntry], id: &str) -> Result<&'a ApprovalEntry, ApprovalError> {
    let id = id.to_lowercase();
    all.iter().find(|entry| entry.id == id).ok_or_else(|| unknown_id(&id, all))
}

fn unknown_id(id: &str, all: &[ApprovalEntry]) -> ApprovalError {
    let open = || all.iter().filter(|entry| entry.state.is_open()).map(|entry| entry.id.as_str());
    let remedy = match (nearest_word(id, open()), open().count()) {
        (Some(near), _) => format!("Did you mean {near}? `policylayer approvals` lists what waits."),
        (None, 0) => "Nothing waits at the moment.".to_owned(),
        (None, _) => "`policylayer approvals` lists what waits.".to_owned(),
    };
    ApprovalError::Unknown { id: escape_invisible(id), remedy }
}
