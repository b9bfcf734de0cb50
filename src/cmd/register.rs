//! `policylayer register`: puts the wrapper before a server in a client's configuration.

use std::io::{self, Write};

use super::lock::{LockOffer, offer_lock};
use super::output::print;
use super::register_all::{self, Direction};
use super::{Env, variables};
use crate::cli::{RegisterArgs, Which};
use crate::clients::apply::{FileResult, apply_changes};
use crate::clients::key::{key_word, visible_key};
use crate::clients::program;
use crate::clients::register::{EntryAction, EntryChange, RegisterPlan, Registration};
use crate::clients::secret;
use crate::clients::select::{Refusal, Selection};
use crate::clients::server_name::Naming;
use crate::clients::servers::Clients;
use crate::clients::table::ConfigScope;
use crate::exit::Exit;
use crate::paths;
use crate::record::Enforcement;
use crate::report::lock::LockQuestion;
use crate::report::registration::describe_writers;
use crate::term::{diff, message};
use crate::visible::{escape_invisible, visible_path};

pub(crate) fn run(args: &RegisterArgs, env: &Env) -> anyhow::Result<Exit> {
    let settings = paths::load_settings(env)?;
    let program = program::path_to_write(env)?;
    let naming = Naming::new(args.server.clone(), args.policy.as_deref(), &settings, env)?;
    let clients = Clients::find_all(env);
    naming.note_names(&clients, &program);
    let Which { client, all_clients } = &args.which;
    let selection = Selection::new(&clients, client, &program, env);
    let selection = Selection { all_clients: *all_clients, dry_run: args.dry_run, ..selection };
    let enforcement = match (args.observe, args.enforce) {
        (true, _) => Some(Enforcement::Observed),
        (_, true) => Some(Enforcement::Enforced),
        _ => None,
    };
    let variables = variables::read_values(&args.env, args.dry_run, env)?;
    let registration = Registration { selection: &selection, naming, variables, enforcement };
    if args.all.all {
        return register_all::run(registration.wrap_all()?, &selection, &args.all, Direction::Register);
    }
    let key = args.key.as_deref();
    let plan = if args.command.is_empty() {
        registration.wrap_existing(key)
    } else {
        registration.add_server(key, &args.command)
    };
    let (exit, registered) = apply_plan(plan, &selection)?;
    if args.dry_run {
        return Ok(exit);
    }
    crate::proxy::notification::register_name(env);
    if let Some(Registered { key, client, is_new }) = registered.filter(|it| it.is_new || args.lock) {
        let question = LockQuestion {
            server: Some(&key),
            clients: &[client.to_owned()],
            policy: None,
            command: &[],
            verb: "lock",
            env,
        };
        offer_lock(&question, LockOffer::new(args.lock, is_new && env.asks_on_terminal()))?;
    }
    Ok(exit)
}

/// A server that is behind its policy now.
struct Registered {
    key: String,
    /// The client's id.
    client: &'static str,
    /// Whether it was not before.
    is_new: bool,
}

/// Applies the changes and prints what was done.
pub(super) fn carry_out(plan: Result<RegisterPlan<'_>, Refusal>, selection: &Selection<'_>) -> anyhow::Result<Exit> {
    apply_plan(plan, selection).map(|(exit, _)| exit)
}

/// Writes the changes, and returns the first server that is in its place.
fn apply_plan(
    plan: Result<RegisterPlan<'_>, Refusal>,
    selection: &Selection<'_>,
) -> anyhow::Result<(Exit, Option<Registered>)> {
    let mut registered = None;
    selection.warnings.borrow().iter().for_each(|warning| message::print_warning(warning));
    let RegisterPlan { changes, mut exit, note } = plan?;
    note.iter().for_each(|note| message::print_note(note));
    for (changes, result) in apply_changes(selection, &changes) {
        match result {
            Ok(result) => {
                print(|out| show_outcome(out, &changes, &result))?;
                registered = registered.or_else(|| changes.first().map(|change| Registered::of(change)));
            }
            Err(error) => {
                message::print_error(&error.to_string());
                exit = Exit::Failed;
            }
        }
    }
    Ok((exit, registered))
}

impl Registered {
    fn of(change: &EntryChange<'_>) -> Self {
        let is_new = matches!(change.action, EntryAction::Wrapped | EntryAction::Added);
        Self { key: change.key.clone(), client: change.file.row.id, is_new }
    }
}

pub(super) fn show_outcome(out: &mut dyn Write, changes: &[&EntryChange<'_>], result: &FileResult) -> io::Result<()> {
    match (result, changes.first()) {
        (FileResult::Preview { old, new }, Some(first)) => {
            let file = first.file.display_name();
            writeln!(out, "--- {file}\n+++ {file} (with this change)")?;
            diff::write_hunks(out, old, new)
        }
        (FileResult::Saved { backup }, Some(first)) => {
            changes.iter().try_for_each(|change| show_change(out, change))?;
            if let Some(backup) = backup {
                writeln!(out, "  The old file is kept as {}", visible_path(backup))?;
            }
            show_next_step(out, first, changes)
        }
        _ => changes.iter().try_for_each(|change| show_change(out, change)),
    }
}

fn show_change(out: &mut dyn Write, change: &EntryChange<'_>) -> io::Result<()> {
    let (file, key, name) = (change.file.display_name(), visible_key(&change.key), change.file.row.name);
    let enforce = format!(
        "To enforce the policy: policylayer register {} --client {} --enforce",
        key_word(&change.key),
        change.file.row.id
    );
    match change.action {
        EntryAction::Nothing if change.enforcement == Enforcement::Observed => {
            writeln!(out, "{key} of {name} is only observed: nothing is enforced. {file} was not changed.")?;
            return writeln!(out, "  {enforce}");
        }
        EntryAction::Nothing => {
            return writeln!(out, "{key} of {name} is already behind the policy: {file} was not changed.");
        }
        EntryAction::Enforced => writeln!(out, "The policy of {key} of {name} is enforced from now on: {file}")?,
        EntryAction::Observed => writeln!(out, "The policy of {key} of {name} is only observed from now on: {file}")?,
        EntryAction::Wrapped => writeln!(out, "Put the policy in front of {key} of {name}: {file}")?,
        EntryAction::Added => writeln!(out, "Added {key} to {name}, behind the policy: {file}")?,
        EntryAction::Moved => writeln!(out, "Updated the path of policylayer for {key} of {name}: {file}")?,
        EntryAction::Unwrapped => writeln!(out, "Removed the policy in front of {key} of {name}: {file}")?,
        EntryAction::Removed => return writeln!(out, "Took {key} out of {name}: {file}"),
        EntryAction::RemovedWithFile => {
            return writeln!(out, "Took {key} out of {name}, and removed the file that was made for it: {file}");
        }
    }
    let now = escape_invisible(&secret::redact_words(&change.expected).join(" "));
    match change.expected.as_slice() {
        [url] if url.contains("://") => writeln!(out, "  It is reached at its address again: {now}")?,
        _ => writeln!(out, "  It now starts {now}")?,
    }
    for note in &change.notes {
        writeln!(out, "  {note}")?;
    }
    if change.enforcement == Enforcement::Observed && change.action != EntryAction::Unwrapped {
        writeln!(out, "  Nothing is enforced: `policylayer log` shows what the policy would have refused. {enforce}")?;
    }
    if change.file.row.scope == ConfigScope::Project && change.action != EntryAction::Unwrapped {
        writeln!(
            out,
            "  This file belongs to the project, and others who use it may not have policylayer at this path. Do not commit \
             the change unless they do."
        )?;
    }
    Ok(())
}

fn show_next_step(out: &mut dyn Write, first: &EntryChange<'_>, changes: &[&EntryChange<'_>]) -> io::Result<()> {
    let (key, id) = (key_word(&first.key), first.file.row.id);
    let undo = match first.action {
        EntryAction::Wrapped => format!(" To undo it: policylayer unregister {key} --client {id}"),
        EntryAction::Added => format!(" To undo it: policylayer unregister {key} --client {id} --remove"),
        EntryAction::Enforced => format!(" To undo it: policylayer register {key} --client {id} --observe"),
        EntryAction::Observed => format!(" To undo it: policylayer register {key} --client {id} --enforce"),
        _ => String::new(),
    };
    let mut clients: Vec<_> = changes.iter().map(|change| change.file.row.name).collect();
    clients.dedup();
    writeln!(out, "Restart {} for this to take effect.{undo}", clients.join(" and "))?;
    match describe_writers(changes.iter().map(|change| change.file)) {
        Some(writers) => writeln!(out, "{writers}"),
        None => Ok(()),
    }
}
