//! Whether config.toml and the policy are found where the wrapper looks for them, and are valid.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{ChainReport, Finding, LaunchChain, LockState, Problem, StepId};
use crate::engine::Asks;
use crate::paths::{self, LoadedPolicy, POLICY_VARIABLE, PolicyError, SETTINGS_FILE, SettingsError};
use crate::policy::{BuiltinTitle, LockMode, Server, ServerName};
use crate::report::client_servers::{ServedError, name_for_wrapper};
use crate::report::identity::Identity;
use crate::report::lock_status::LockStatus;
use crate::settings::{Channel, KnownClient, Settings};
use crate::shell::as_word;
use crate::visible::count_of;

/// Which server it is, and the policy that its wrapper finds.
pub(super) struct PolicyFound {
    pub(super) server: ServerName,
    /// The file, also if it is invalid; `None` if there is none, or it is unclear which one is meant.
    pub(super) file: Option<PathBuf>,
    /// The policy; `None` if it cannot be put in force.
    pub(super) loaded: Option<LoadedPolicy>,
    pub(super) lock: LockState,
}

/// Adds the steps for config.toml and for the policy, and returns what was found if the server is known.
pub(super) fn check_settings_and_policy(chain: &LaunchChain<'_>, report: &mut ChainReport) -> Option<PolicyFound> {
    let env = chain.env.as_env();
    let settings = match paths::load_settings(&env) {
        Ok(settings) => settings,
        Err(error) => {
            report.push_step(StepId::Config, Err(describe_settings_error(error)));
            report.skip_steps([StepId::Identity, StepId::Policy]);
            return None;
        }
    };
    let file = paths::configuration_dir(&env).map(|dir| dir.join(SETTINGS_FILE)).ok().filter(|file| file.exists());
    let valid = |file: PathBuf| format!("valid: {}", file.display());
    let found = file.map_or_else(|| "none, so the defaults apply".to_owned(), valid);
    report.push_step(StepId::Config, check_channels(chain, &settings, found));
    let server = match find_server(chain, &settings) {
        Ok(server) => server,
        Err(problem) => {
            report.push_step(StepId::Identity, Err(problem));
            report.skip_steps([StepId::Policy]);
            return None;
        }
    };
    let named = chain.wrapped.as_ref().and_then(|wrapped| wrapped.policy.as_deref()).map(Path::new);
    let is_named = named.is_some() || env.var(POLICY_VARIABLE).is_some();
    let file = paths::find_policy(named, server.name(), &settings, &env).ok().flatten();
    let loaded =
        paths::check_policy_path(named, &env).and_then(|()| paths::load_policy(named, &server, &settings, &env));
    let known = loaded.as_ref().map_or(&server, |loaded| loaded.policy.identity());
    let command: Vec<OsString> = chain.own_words().iter().map(OsString::from).collect();
    let lock = paths::lock_path(named, server.name(), &settings, &env).ok();
    let mode = loaded.as_ref().map_or(LockMode::Hide, |loaded| loaded.policy.lock_mode());
    let status = lock.as_ref().and_then(|file| {
        let found = LockStatus::find(file, server.name(), (&command, &env), mode).map_err(PolicyError::from);
        match found {
            Ok(None) if mode == LockMode::Required => {
                Some(Err(PolicyError::NoLock(file.clone(), server.name().clone())))
            }
            found => found.transpose(),
        }
    });
    let state = match &status {
        _ if mode == LockMode::Off => LockState::Off,
        None | Some(Err(PolicyError::NoLock(..))) => LockState::Nothing,
        Some(Err(_)) => LockState::Unreadable,
        Some(Ok(LockStatus { mismatch: Some(_), .. })) => LockState::Differs,
        Some(Ok(_)) => LockState::Held,
    };
    report.push_step(StepId::Identity, describe_identity(chain, known, status));
    let checked = match &loaded {
        Ok(loaded) if !is_named => check_loaded(chain, server.name(), file.as_deref(), loaded),
        Ok(loaded) => check_warnings(server.name(), file.as_deref(), loaded),
        Err(error) => Err(describe_policy_error(error)),
    };
    report.push_step(StepId::Policy, checked);
    if let Some(step) = report.steps.last_mut().filter(|_| chain.wrapped.is_none()) {
        step.detail.insert_str(0, "once it is registered: ");
    }
    Some(PolicyFound { server: server.name().clone(), file, loaded: loaded.ok(), lock: state })
}

/// Adds what is known of a client that does not ask a person, which matters where the policy needs an approval.
fn check_channels(chain: &LaunchChain<'_>, settings: &Settings, found: String) -> Finding {
    let approvals = &settings.approvals;
    let (table, client) = (approvals.client_table(), chain.client);
    let asks_nobody = |known: &KnownClient| {
        let is_every_version = known.row.since.is_none() && known.row.before.is_none();
        known.product == client && is_every_version && table.find_habits(&known.row.name, None).asks == Asks::Nobody
    };
    if !KnownClient::read_all().0.iter().any(asks_nobody) {
        return Ok(found);
    }
    if approvals.channels.contains(&Channel::Local) {
        return Ok(format!(
            "{found}\n{client} does not ask a person: what needs an approval waits in `policylayer approvals watch`"
        ));
    }
    Err(Problem::warning(
        format!("{found}\n{client} does not ask a person, and no other channel is open: nobody can approve a call"),
        "add \"local\" to `channels` in `[approvals]` of config.toml",
    ))
}

fn find_server(chain: &LaunchChain<'_>, settings: &Settings) -> Result<Server, Problem> {
    let (own, env) = (chain.own_words(), chain.env.as_env());
    let words: Vec<&str> = own.iter().map(String::as_str).collect();
    let describe = |error: ServedError| match error {
        ServedError::BadName(error) => {
            Problem::failed(format!("--server: {error}"), format!("correct --server in {}", chain.entry_place()))
        }
        error => Problem::failed(error.to_string(), "make the `match` of one of the two in config.toml longer"),
    };
    let named = name_for_wrapper(chain.wrapped.as_ref(), (chain.key, &words), settings, &env).map_err(describe)?;
    settings.server_of_command(named.as_ref(), &own).map_err(|error| describe(error.into()))
}

fn describe_settings_error(error: SettingsError) -> Problem {
    match error {
        SettingsError::Invalid(name, rendered) => Problem::failed(
            format!("{name} is invalid, so no server starts:\n{rendered}"),
            "fix it, and check it with `policylayer check`",
        ),
        SettingsError::Unreadable(path, why) => Problem::failed(
            format!("{} cannot be read: {why}", path.display()),
            "make it a file that the user who runs the client may read, or remove it",
        ),
    }
}

/// Describes which server it is, and whether its package is the locked one.
fn describe_identity(
    chain: &LaunchChain<'_>,
    known: &Server,
    lock: Option<Result<LockStatus, PolicyError>>,
) -> Finding {
    let identity = Identity::of_command(known, &chain.own_words());
    let lock = match lock.transpose() {
        Ok(lock) => lock,
        Err(error) => {
            return Err(describe_policy_error(&error));
        }
    };
    let described = lock.as_ref().map_or_else(|| identity.to_string(), |lock| format!("{identity}\n{lock}"));
    match (lock, identity.hint) {
        (Some(LockStatus { mismatch: Some(_), mode: LockMode::Warn, .. }), _) => Err(Problem::warning(
            described,
            "look at it with `policylayer lock diff`, and agree to it with `policylayer lock accept`",
        )),
        (Some(LockStatus { mismatch: Some(_), .. }), _) => Err(Problem::failed(
            described,
            "look at it with `policylayer lock diff`, and agree to it with `policylayer lock accept`",
        )),
        (_, Some(hint)) => Err(Problem::warning(described, hint)),
        (_, None) => Ok(described),
    }
}

/// Checks a policy that nothing names: a command in this terminal may find another one.
fn check_loaded(chain: &LaunchChain<'_>, server: &ServerName, file: Option<&Path>, loaded: &LoadedPolicy) -> Finding {
    let Some(elsewhere) = find_another_policy(chain, server, file) else { return check_warnings(server, file, loaded) };
    let in_force =
        file.map_or_else(|| BuiltinTitle::of(loaded.policy.identity()).to_string(), |file| file.display().to_string());
    let (client, other) = (chain.client, elsewhere.display());
    Err(Problem::warning(
        format!(
            "{in_force}; this terminal has another one in force, {other}, for variables that {client} does not have"
        ),
        format!(
            "name the one that is meant in {}: `--policy {}` after `wrap`",
            chain.entry_place(),
            as_word(&elsewhere.to_string_lossy())
        ),
    ))
}

fn check_warnings(server: &ServerName, file: Option<&Path>, loaded: &LoadedPolicy) -> Finding {
    let Some(file) = file else {
        return Ok(format!("{}; there is no file for it", BuiltinTitle::of(loaded.policy.identity())));
    };
    let (file, word) = (file.display(), as_word(&file.to_string_lossy()));
    match loaded.warnings.len() as u64 {
        0 => Ok(format!("valid: {file}")),
        count => Err(Problem::warning(
            format!("valid, with {}: {file}", count_of(count, "warning")),
            format!("`policylayer check {word} --server {server}` prints them, each with what to do"),
        )),
    }
}

/// Returns the policy that a command in this terminal finds, if the client's wrapper finds another one.
fn find_another_policy(chain: &LaunchChain<'_>, server: &ServerName, found: Option<&Path>) -> Option<PathBuf> {
    chain.file.as_ref()?;
    let settings = paths::load_settings(chain.here).ok()?;
    let path = paths::find_policy(None, server, &settings, chain.here).ok()??;
    (found != Some(path.as_path())).then_some(path)
}

fn describe_policy_error(error: &PolicyError) -> Problem {
    if let PolicyError::Invalid(name, rendered) = error {
        return Problem::failed(
            format!("{name} is invalid, so no server starts with it:\n{rendered}"),
            format!("fix it, and check it with `policylayer check {}`", as_word(name)),
        );
    }
    // The other messages are what is wrong, followed by what to do; those of locks mark where that begins.
    let text = error.to_string();
    let parts = text.split_once(". Fix: ").or_else(|| text.split_once(". "));
    let (what, remedy) = parts.unwrap_or((&text, "see `policylayer check`"));
    Problem::failed(what, remedy.trim_end_matches('.'))
}
