//! `policylayer register`: puts the wrapper before a server in a client's configuration.

pub(super) mod choose;
mod name;
pub(super) mod write;

use anyhow::{Context as _, bail};

use self::choose::{Candidate, Choice, Refused, Wanted};
use self::name::Naming;
use self::write::{Change, Writing};
use super::Env;
use crate::cli::RegisterArgs;
use crate::clients::edit;
use crate::clients::entry::{Kind, Launch, wrapped};
use crate::clients::file::Opened;
use crate::clients::place::{Place, Presence};
use crate::clients::program;
use crate::clients::servers::Clients;
use crate::clients::table::Scope;
use crate::exit::Exit;
use crate::paths;
use crate::policy::ServerName;
use crate::term::message;
use crate::visible::visible;

/// Wraps a server that clients have, or adds one.
///
/// # Errors
/// Where it is unclear what is meant, a file cannot be changed without harm, or a policy that is named cannot be used.
pub fn run(args: &RegisterArgs, env: &Env) -> anyhow::Result<Exit> {
    let settings = match paths::load_settings(env) {
        Ok(settings) => settings,
        Err(error) => return Ok(super::report_exit(&error, error.exit())),
    };
    let program = program::path(env)?;
    let server = args.server.as_deref().map(ServerName::parse).transpose()?;
    let naming = match Naming::new(server, args.policy.as_deref(), &settings, env) {
        Ok(naming) => naming,
        Err(error) => return Ok(super::report_exit(&error, error.exit())),
    };
    let clients = Clients::look(env);
    let register = Register { args, naming, program: &program, clients: &clients, env };
    let (changes, exit) = match if args.command.is_empty() { register.existing()? } else { register.new_server()? } {
        Ok(changes) => changes,
        Err(refused) => return Ok(refused.told()),
    };
    if program::is_fleeting(&program) && changes.iter().any(|change| !change.edits.is_empty()) {
        message::print_warning(&format!(
            "{} is in the cache of npx, which may be emptied; then no server that is wrapped by it starts. Install its \
             package globally (`npm install --global`), or take an archive of a release, and run `register` again from there.",
            visible(&program)
        ));
    }
    let written = Writing { clients: &clients, is_dry: args.dry_run.into(), program: &program }.write(&changes)?;
    if !args.dry_run {
        crate::proxy::notification::register_name(env);
    }
    Ok(if written == Exit::Ok { exit } else { written })
}

struct Register<'r> {
    args: &'r RegisterArgs,
    naming: Naming<'r>,
    program: &'r str,
    clients: &'r Clients,
    env: &'r Env,
}

type Planned<'r> = Result<(Vec<Change<'r>>, Exit), Refused>;

impl<'r> Register<'r> {
    /// The changes that wrap a server that is there.
    fn existing(&self) -> anyhow::Result<Planned<'r>> {
        let choice = Choice { clients: self.clients, which: &self.args.which, program: self.program, env: self.env };
        let (found, exit) = match choice.choose(self.args.key.as_deref(), Wanted::Bare) {
            Ok(found) => found,
            Err(refused) => return Ok(Err(refused)),
        };
        let mut changes = Vec::new();
        for candidate in found {
            let Candidate { place, section, entry, opened } = candidate;
            match &entry.kind {
                Kind::Stdio(launch) => {
                    let mut change = match self.wrap(&entry.name, launch, place.row.scope, opened) {
                        Ok(change) => change,
                        Err(error) => {
                            let file = visible(&place.file.display().to_string());
                            return Err(error.context(format!("Nothing was changed in {file}")));
                        }
                    };
                    change.place = Some(place);
                    change.keys.clone_from(&section);
                    changes.push(change);
                }
                kind => match choose::out_of_reach(place, &entry.name, kind) {
                    why if self.args.which.all_clients => message::print_warning(&why),
                    why => return Ok(Err(Refused::Failed(why))),
                },
            }
        }
        Ok(Ok((changes, exit)))
    }

    fn wrap(&self, key: &str, launch: &Launch, scope: Scope, opened: &Opened) -> anyhow::Result<Change<'r>> {
        let words = launch.words();
        let Some(found) = wrapped(&words, Some(self.program)) else {
            let options = self.naming.options(key, &words)?;
            let edits = edit::wrap(&opened.document, launch, self.program, &options);
            let expected = self.wrapping(&options, &words);
            let notes = self.naming.notes(key, &words, &options);
            return Ok(Change { edits, expected, notes, ..Change::new(key, write::Done::Wrapped) });
        };
        let own = words.get(found.before..).unwrap_or_default();
        self.naming.expect_same(key, own, &found)?;
        let now = words.get(found.program).copied().unwrap_or_default();
        // In a file that is shared, a name without a path suits everybody.
        let is_shared_name = scope == Scope::Project && !now.contains(['/', '\\']);
        if now == self.program || found.program > 0 || is_shared_name {
            return Ok(Change::new(key, write::Done::Nothing));
        }
        let mut expected: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        if let Some(first) = expected.first_mut() {
            self.program.clone_into(first);
        }
        let notes = vec![format!("It was {}.", visible(now))];
        let edits = edit::move_program(launch, self.program);
        Ok(Change { edits, expected, notes, ..Change::new(key, write::Done::Moved) })
    }

    /// The words of a command behind the wrapper.
    fn wrapping(&self, options: &[String], words: &[&str]) -> Vec<String> {
        let front = [self.program, "wrap"].into_iter().chain(options.iter().map(String::as_str));
        front.chain(["--"]).chain(words.iter().copied()).map(str::to_owned).collect()
    }

    /// The changes that add a server.
    fn new_server(&self) -> anyhow::Result<Planned<'r>> {
        let word = |word: &std::ffi::OsString| word.to_str().map(str::to_owned);
        let Some(command) = self.args.command.iter().map(word).collect::<Option<Vec<String>>>() else {
            bail!("The command is not UTF-8, so no configuration file can hold it.");
        };
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        if wrapped(&words, Some(self.program)).is_some() {
            bail!(
                "The command starts `policylayer wrap` itself, which `register` does. Give the server's own command."
            );
        }
        let key = match &self.args.key {
            Some(key) => key.clone(),
            None => self.naming.name(&words)?.map(|name| name.to_string()).with_context(|| {
                let dashes = super::as_word("--");
                format!(
                    "The command does not tell the server's name. Say it: policylayer register NAME {dashes} COMMAND"
                )
            })?,
        };
        let places = match self.homes() {
            Ok(places) => places,
            Err(refused) => return Ok(Err(refused)),
        };
        let options = self.naming.options(&key, &words)?;
        let expected = self.wrapping(&options, &words);
        let mut changes = Vec::new();
        for place in places {
            let keys: Vec<String> = place.row.keys.iter().map(|key| (*key).to_owned()).collect();
            let sections = match self.clients.sections(place) {
                Ok(sections) => sections,
                Err(error) => return Ok(Err(Refused::Failed(choose::left_alone(place, &error)))),
            };
            let there = sections.iter().flat_map(|section| &section.entries).find(|entry| entry.name == key);
            let same = |kind: &Kind| matches!(kind, Kind::Stdio(launch) if launch.words() == expected);
            match there {
                Some(entry) if same(&entry.kind) => {
                    changes.push(Change { place: Some(place), keys, ..Change::new(&key, write::Done::Nothing) });
                    continue;
                }
                Some(_) => {
                    return Ok(Err(Refused::Failed(format!(
                        "{} has a server {} already, in {}. To put the policy before it, leave the command out: policylayer \
                         register {} --client {}",
                        place.row.name,
                        visible(&key),
                        visible(&place.file.display().to_string()),
                        super::as_word(&key),
                        place.row.id
                    ))));
                }
                None => {}
            }
            let opened = self.clients.opened(&place.file).ok().flatten();
            let edits = match write::document(opened, place.row.format)
                .and_then(|document| edit::add(&document, place.row, &key, &expected))
            {
                Ok(edits) => edits,
                Err(bad) => return Ok(Err(Refused::Failed(choose::left_alone_for(place, &bad)))),
            };
            let notes = self.naming.notes(&key, &words, &options);
            let change = Change::new(&key, write::Done::Added);
            changes.push(Change { place: Some(place), keys, edits, expected: expected.clone(), notes, ..change });
        }
        Ok(Ok((changes, Exit::Ok)))
    }

    /// The user's files in which a new server is put: one for each client that is meant.
    fn homes(&self) -> Result<Vec<&'r Place>, Refused> {
        let which = &self.args.which;
        // A packaged client reads its own file only, also where it has none yet and an earlier installation has left one.
        let rank = |place: &&Place| match place.presence {
            Presence::File if place.package.is_some() => 0,
            Presence::Folder if place.package.is_some() => 1,
            Presence::File => 2,
            Presence::Folder => 3,
            Presence::Nothing => 4,
        };
        let home = |id: &str| {
            let of_client = self.clients.places.iter().filter(|place| place.row.id == id);
            of_client.filter(|place| place.row.scope == Scope::User).min_by_key(rank)
        };
        let all = crate::clients::table::ids();
        let homes: Vec<&Place> = match which.client.as_slice() {
            [] => all.iter().filter_map(|id| home(id)).filter(|place| place.presence != Presence::Nothing).collect(),
            named => {
                let mut homes: Vec<_> = named.iter().filter_map(|id| home(id)).collect();
                homes.dedup_by_key(|place| place.row.id);
                if let Some(missing) = homes.iter().find(|place| place.presence == Presence::Nothing) {
                    return Err(Refused::Failed(choose::not_installed(missing)));
                }
                homes
            }
        };
        if homes.is_empty() {
            return Err(Refused::Failed(choose::NO_CLIENT.to_owned()));
        }
        if homes.len() > 1 && which.client.is_empty() && !which.all_clients {
            let ids: Vec<_> = homes.iter().map(|place| place.row.id).collect();
            return Err(Refused::Unclear(format!(
                "There are several clients here: {}. Say which one gets the server with --client, or --all-clients.",
                ids.join(", ")
            )));
        }
        Ok(homes)
    }
}
