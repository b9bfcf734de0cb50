//! `policylayer approvals`: the calls that wait for a person at this machine, and the answers to them.

mod card;
mod confirm;
mod pretty;
mod watch;

use std::io::{self, Write};
use std::time::Duration;

use anstyle::Style;

use self::card::duration_text;
use super::Env;
use super::output::{print, print_report};
use crate::cli::{ApprovalsApproveArgs, ApprovalsArgs, ApprovalsCommand, ApprovalsDenyArgs, ApprovalsShowArgs, Format};
use crate::engine::{ApprovalAnswer, Channel};
use crate::exit::Exit;
use crate::limits::{LATE_APPROVAL, MAX_NOTE};
use crate::paths;
use crate::policy::nearest_word;
use crate::settings::LocalConfirm;
use crate::state::approvals::{ApprovalEntry, ApprovalState, Confirm, NotAnswered, StoredApprovals, unix_time};
use crate::term::style::{DIM, WARN};
use crate::term::table::{self, Cell};
use crate::visible::{escape_invisible, shorten};

/// How much of a call's arguments the list shows, in characters.
const SHOWN: usize = 48;

/// Why a call is not answered or shown. Each message says what to do.
#[derive(Debug, thiserror::Error)]
enum ApprovalError {
    #[error("No call {id} waits for an approval. {remedy}")]
    Unknown { id: String, remedy: String },
    #[error("{0}")]
    Over(String),
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
        None => list_approvals(&mut stored, args.list.format, env),
        Some(ApprovalsCommand::List(args)) => list_approvals(&mut stored, args.format, env),
        Some(ApprovalsCommand::Show(args)) => show_approval(&mut stored, args),
        Some(ApprovalsCommand::Approve(args)) => approve_call(&mut stored, args, env),
        Some(ApprovalsCommand::Deny(args)) => deny_call(&mut stored, args),
        Some(ApprovalsCommand::Watch) => watch::run(&mut stored, required_confirm(env)?, env),
    }
}

fn list_approvals(stored: &mut StoredApprovals, format: Format, env: &Env) -> anyhow::Result<Exit> {
    let mut all = stored.list_all()?;
    let now = unix_time();
    all.retain(|entry| {
        // A person who wants to answer a call misses it if it has just expired.
        let has_just_expired =
            entry.state == ApprovalState::Expired && now < entry.expires.saturating_add(LATE_APPROVAL);
        entry.state.is_open() || (format == Format::Text && has_just_expired)
    });
    print_report(&all, format, |out, all| {
        write_list(out, all, now)?;
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

fn write_list(out: &mut dyn Write, shown: &[ApprovalEntry], now: Duration) -> io::Result<()> {
    if shown.is_empty() {
        return writeln!(out, "Nothing waits for a person.");
    }
    let rows: Vec<_> = shown.iter().map(|entry| list_row(entry, now)).collect();
    table::write_table(out, &["ID", "STATE", "LEFT", "SERVER", "TOOL", "CLASS", "ARGUMENTS"], &rows)?;
    if let Some(first) = shown.iter().find(|entry| entry.state.is_open()) {
        let id = &first.id;
        writeln!(
            out,
            "\n`policylayer approvals show {id}` shows a call in full, `approve {id}` lets it through, `deny {id}` refuses it."
        )?;
    }
    if shown.iter().any(|entry| entry.state == ApprovalState::Late) {
        writeln!(out, "A late call was refused when its time was up. Once approved, the agent may repeat it once.")?;
    }
    Ok(())
}

fn list_row(entry: &ApprovalEntry, now: Duration) -> Vec<Cell> {
    let style = match entry.state {
        ApprovalState::Waiting => Style::new().bold(),
        ApprovalState::Late => WARN,
        _ => DIM,
    };
    let left = if entry.state.is_open() { duration_text(entry.time_left(now)) } else { "-".to_owned() };
    vec![
        Cell::styled(&entry.id, style),
        Cell::styled(entry.state.as_str(), style),
        Cell::new(left),
        Cell::new(&entry.server),
        Cell::new(&entry.tool),
        Cell::new(&entry.class),
        Cell::new(shorten(entry.arguments.as_deref().unwrap_or("-"), SHOWN)),
    ]
}

fn show_approval(stored: &mut StoredApprovals, args: &ApprovalsShowArgs) -> anyhow::Result<Exit> {
    let all = stored.list_all()?;
    let entry = find_entry(&all, &args.id)?;
    print_report(entry, args.format, |out, entry| card::write_card(out, entry, unix_time()))?;
    Ok(Exit::Ok)
}

fn approve_call(stored: &mut StoredApprovals, args: &ApprovalsApproveArgs, env: &Env) -> anyhow::Result<Exit> {
    let required = required_confirm(env)?;
    let all = stored.list_all()?;
    let entry = find_entry(&all, &args.id)?;
    let needed = entry.confirm.max(required);
    if entry.state.is_open() && needed == Confirm::Code {
        confirm::confirm_on_terminal(entry)?;
    }
    let answer = if args.session { ApprovalAnswer::Session } else { ApprovalAnswer::Once };
    record_answer(stored, &args.id, &answer, needed)
}

fn deny_call(stored: &mut StoredApprovals, args: &ApprovalsDenyArgs) -> anyhow::Result<Exit> {
    let note = args.reason.as_deref().map(str::trim).filter(|note| !note.is_empty());
    if let Some(length) = note.map(|note| note.chars().count()).filter(|length| *length > MAX_NOTE) {
        return Err(ApprovalError::LongReason(length).into());
    }
    record_answer(stored, &args.id, &ApprovalAnswer::Refused { note: note.map(str::to_owned) }, Confirm::None)
}

fn record_answer(
    stored: &mut StoredApprovals,
    id: &str,
    verdict: &ApprovalAnswer,
    given: Confirm,
) -> anyhow::Result<Exit> {
    let id = id.to_lowercase();
    match stored.answer_question(&id, verdict, given)? {
        Ok(entry) => {
            print(|out| writeln!(out, "{}", describe_answer(&entry, verdict, unix_time())))?;
            Ok(Exit::Ok)
        }
        Err(NotAnswered::Unknown) => Err(unknown_id(&id, &stored.list_all()?).into()),
        Err(NotAnswered::Over(entry)) => Err(ApprovalError::Over(explain_closed(&entry, unix_time())).into()),
        Err(NotAnswered::NeedsCode) => Err(ApprovalError::NeedsCode(id).into()),
    }
}

fn describe_answer(entry: &ApprovalEntry, verdict: &ApprovalAnswer, now: Duration) -> String {
    let what = format!("{} of {}", escape_invisible(&entry.tool), escape_invisible(&entry.server));
    let is_late = entry.state == ApprovalState::Late || entry.expires <= now;
    match (verdict, is_late) {
        (ApprovalAnswer::Once, false) => format!("Approved: {what} goes on, this once."),
        (ApprovalAnswer::Session, false) => {
            format!("Approved: {what} goes on, and so will others like it until the session ends.")
        }
        (ApprovalAnswer::Once, true) => format!(
            "Approved late: the call of {what} had timed out and was refused. Tell the agent to repeat it once, with the same \
             arguments, within {}.",
            duration_text(entry.time_left(now).max(Duration::from_secs(1)))
        ),
        (ApprovalAnswer::Session, true) => format!(
            "Approved late: the call of {what} had timed out and was refused. Tell the agent to repeat it, with the same \
             arguments; others like it pass until the session ends."
        ),
        (ApprovalAnswer::Refused { note }, _) => {
            let agent = match (is_late, note) {
                (true, _) => ". The agent was told so when it timed out",
                (false, Some(_)) => ". The agent is told so, with your reason",
                (false, None) => ". The agent is told so",
            };
            format!("Refused: {what} does not go on{agent}.")
        }
    }
}

fn explain_closed(entry: &ApprovalEntry, now: Duration) -> String {
    let id = &entry.id;
    let ago =
        entry.answered.map(|then| format!(", {} ago", duration_text(now.saturating_sub(then)))).unwrap_or_default();
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

/// Returns the confirmation that config.toml requires now. A session also keeps the one that it started with.
fn required_confirm(env: &Env) -> anyhow::Result<Confirm> {
    Ok(match paths::load_settings(env)?.approvals.local_confirm {
        LocalConfirm::None => Confirm::None,
        LocalConfirm::Code => Confirm::Code,
    })
}
