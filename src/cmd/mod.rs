//! One module per subcommand: each has `run(args, &Env)`.

pub(crate) mod approvals;
pub(crate) mod catalogue;
pub(crate) mod changes;
pub(crate) mod check;
pub(crate) mod clients;
pub(crate) mod completions;
pub(crate) mod decide;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod edit;
pub(crate) mod explain;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod lock;
pub(crate) mod log;
pub(crate) mod login;
mod output;
pub(crate) mod register;
mod register_all;
pub(crate) mod replay;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod suggest;
pub(crate) mod test;
mod tool_server;
pub(crate) mod ui;
pub(crate) mod unregister;
mod variables;
pub(crate) mod wrap;

use std::path::Path;

pub(crate) use crate::env::Env;

pub(crate) use output::report_error;

use crate::author::edit::EditAction;
use crate::cli::{Cli, Command};
use crate::exit::Exit;
use crate::paths::{self, LoadedPolicy, POLICY_VARIABLE, SettingsError};
use crate::policy::{Format, Server, ServerName};
use crate::settings::Settings;
use crate::shell::as_word;
use crate::visible::count_of;

/// Runs the subcommand of the command line.
///
/// # Errors
/// Returns what is still to be told to the person, with [`report_error`].
pub(crate) fn run(cli: &Cli, env: &Env) -> anyhow::Result<Exit> {
    match &cli.command {
        Command::Wrap(args) => wrap::run(args, env),
        Command::Status(args) => status::run(args, env),
        Command::Clients(args) => clients::run(args, env),
        Command::Register(args) => register::run(args, env),
        Command::Unregister(args) => unregister::run(args, env),
        Command::Doctor(args) => doctor::run(args, env),
        Command::Inspect(args) => inspect::run(args, env),
        Command::Init(args) => init::run(args, env),
        Command::Login(args) => login::login(args, env),
        Command::Logout(args) => login::logout(args, env),
        Command::Lock(args) => lock::run(args, env),
        Command::Check(args) => check::run(args, env),
        Command::Decide(args) => decide::run(args, env),
        Command::Explain(args) => explain::run(args, env),
        Command::Catalogue(args) => catalogue::run(args),
        Command::Test(args) => test::run(args, env),
        Command::Allow(args) => edit::edit_tools(EditAction::Allow, args, env),
        Command::Deny(args) => edit::edit_tools(EditAction::Deny, args, env),
        Command::Hide(args) => edit::edit_tools(EditAction::Hide, args, env),
        Command::Limit(args) => edit::limit_tools(args, env),
        Command::Ask(args) => edit::edit_tools(EditAction::Ask { timeout: args.timeout.clone() }, &args.tools, env),
        Command::Reset(args) => edit::reset_tools(args, env),
        Command::Add(args) => edit::add_pasted(args, env),
        Command::History(args) => history::print_history(args, env),
        Command::Undo(args) => history::undo_edit(args, env),
        Command::Changes(args) => changes::run(args, env),
        Command::Approvals(args) => approvals::run(args, env),
        Command::Log(args) => log::run(args, env),
        Command::Ui(args) => ui::run(args, env),
        Command::Suggest(args) => suggest::run(args, env),
        Command::Replay(args) => replay::run(args, env),
        Command::Schema(args) => schema::run(args),
        Command::Demo(args) => demo::run(args, env),
        Command::Completions(args) => completions::run(args, env),
    }
}

/// Returns the selected server: the named one, else the one that the policy file is named after, else an unknown one.
fn server_for(named: Option<&ServerName>, file: Option<&Path>, env: &Env) -> ServerName {
    let file = file.or_else(|| env.var(POLICY_VARIABLE).map(Path::new));
    named.cloned().or_else(|| ServerName::from_policy_file(file?)).unwrap_or_else(ServerName::unknown)
}

/// Loads the policy that is named or in force for the server. A file that is named is loaded without the settings.
fn load_policy(named: Option<&Path>, server: &Server, env: &Env) -> anyhow::Result<LoadedPolicy> {
    Ok(paths::load_policy(named, server, &settings_for(named, env)?, env)?)
}

/// Whether a word of the command line is a file, and not the name of a server.
fn is_file(word: &Path) -> bool {
    let ending = word.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| Format::from_ending(ending).is_some()) || word.components().count() > 1 || word.exists()
}

/// Loads the settings that say where the policy is. A file that is named on the command line is used without them.
fn settings_for(named: Option<&Path>, env: &Env) -> Result<Settings, SettingsError> {
    if named.is_some() { Ok(Settings::default()) } else { paths::load_settings(env) }
}

/// Returns the servers that have a policy file, by config.toml or by the file's name, sorted and without duplicates.
fn servers_with_policies(settings: &Settings, env: &Env) -> anyhow::Result<Vec<ServerName>> {
    let configured = settings.servers.iter().filter(|server| server.policy.is_some());
    let mut servers: Vec<_> = configured.map(|server| server.name.clone()).collect();
    servers.extend(paths::list_policies(env)?.servers);
    servers.sort();
    servers.dedup();
    Ok(servers)
}
