//! `policylayer unregister`: takes the wrapper out of a client's configuration, and gives back what was there.

use super::Env;
use super::register::choose::{Choice, Refused, Wanted};
use super::register::write::{Change, Done, Writing};
use crate::cli::UnregisterArgs;
use crate::clients::entry::{Kind, wrapped};
use crate::clients::servers::Clients;
use crate::clients::{edit, program};
use crate::exit::Exit;
use crate::term::message;
use crate::visible::visible;

/// Unwraps a server.
///
/// # Errors
/// Where it is unclear what is meant, or a file cannot be changed without harm.
pub fn run(args: &UnregisterArgs, env: &Env) -> anyhow::Result<Exit> {
    let program = program::path(env)?;
    let clients = Clients::look(env);
    let choice = Choice { clients: &clients, which: &args.which, program: &program, env };
    let (found, exit) = match choice.choose(args.key.as_deref(), Wanted::Wrapped) {
        Ok(found) => found,
        Err(refused) => return Ok(refused.told()),
    };
    let mut changes = Vec::new();
    let mut bare = Vec::new();
    for candidate in found {
        let Kind::Stdio(launch) = &candidate.entry.kind else { continue };
        let words = launch.words();
        let key = &candidate.entry.name;
        let Some(found) = wrapped(&words, Some(&program)) else {
            bare.push(candidate.place);
            continue;
        };
        let edits = edit::unwrap(&candidate.opened.document, launch, &found);
        let expected = words.get(found.before..).unwrap_or_default().iter().map(|word| (*word).to_owned()).collect();
        let change = Change::new(key, Done::Unwrapped);
        let (place, keys) = (Some(candidate.place), candidate.section);
        changes.push(Change { place, keys, edits, expected, ..change });
    }
    if changes.is_empty() {
        let key = visible(args.key.as_deref().unwrap_or_default());
        let names: Vec<_> = bare.iter().map(|place| place.row.name).collect();
        if names.is_empty() {
            let why = format!(
                "{key} has no command, so nothing of policylayer is before it: it is reached over HTTP, or unclear."
            );
            return Ok(Refused::Failed(why).told());
        }
        let stays = if names.len() == 1 { "the file stays as it is" } else { "the files stay as they are" };
        message::print_note(&format!("Nothing is before {key} of {}: {stays}.", names.join(", ")));
        return Ok(exit);
    }
    let written = Writing { clients: &clients, is_dry: args.dry_run.into(), program: &program }.write(&changes)?;
    Ok(if written == Exit::Ok { exit } else { written })
}
