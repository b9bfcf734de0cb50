//! Whether config.toml and the policy are found where the wrapper looks for them, and are valid.

use std::path::{Path, PathBuf};

use super::super::{Env, as_word, plural, server_of_command};
use super::{Chain, Id, Step};
use crate::paths::{self, POLICY_VARIABLE, PolicyError, SETTINGS_FILE, SettingsError};
use crate::policy::ServerName;
use crate::settings::Settings;

/// Adds the steps for config.toml and for the policy, and tells the server's name where it is known.
pub(super) fn steps(chain: &Chain<'_>, here: &Env, steps: &mut Vec<Step>) -> Option<ServerName> {
    let env = chain.given.env();
    let settings = match paths::load_settings(&env) {
        Ok(settings) => settings,
        Err(error) => {
            let (what, remedy) = settings_error(error);
            steps.extend([Step::failed(Id::Config, what, remedy), Step::not_tried(Id::Policy)]);
            return None;
        }
    };
    steps.push(match paths::configuration_folder(&env).map(|folder| folder.join(SETTINGS_FILE)) {
        Ok(file) if file.exists() => Step::ok(Id::Config, format!("valid: {}", file.display())),
        _ => Step::ok(Id::Config, "none, so the defaults hold"),
    });
    let named = chain.wrapped.as_ref().and_then(|wrapped| wrapped.server.as_deref());
    let server = match named {
        Some(name) => ServerName::parse(name).map_err(|error| {
            Step::failed(Id::Policy, format!("--server: {error}"), format!("mend --server in {}", chain.entry()))
        }),
        None => server_of_command(chain.own(), &settings).map_err(|error| {
            Step::failed(Id::Policy, error.to_string(), "make the `match` of one of the two in config.toml longer")
        }),
    };
    match server {
        Ok(server) => {
            let mut step = policy(chain, &server, &settings, &env, here);
            if chain.wrapped.is_none() {
                step.detail.insert_str(0, "once it is registered: ");
            }
            steps.push(step);
            Some(server)
        }
        Err(step) => {
            steps.push(step);
            None
        }
    }
}

fn settings_error(error: SettingsError) -> (String, &'static str) {
    match error {
        SettingsError::Invalid { path, rendered } => (
            format!("{} is invalid, and nothing starts with it:\n{rendered}", path.display()),
            "mend it, and try it with `policylayer check`",
        ),
        SettingsError::Unreadable { path, why } => (
            format!("{} cannot be read: {why}", path.display()),
            "make it a file that the user who runs the client may read, or remove it",
        ),
    }
}

fn policy(chain: &Chain<'_>, server: &ServerName, settings: &Settings, env: &Env, here: &Env) -> Step {
    let named = chain.wrapped.as_ref().and_then(|wrapped| wrapped.policy.as_deref()).map(Path::new);
    let named = named.or_else(|| env.var(POLICY_VARIABLE).map(Path::new).filter(|path| !path.as_os_str().is_empty()));
    // A relative path is one from the folder in which the client starts the server.
    let named = named.map(|path| chain.given.folder.join(path));
    let loaded = match paths::load_policy(named.as_deref(), server, settings, env) {
        Ok(loaded) => loaded,
        Err(error) => {
            let (what, remedy) = policy_error(&error);
            return Step::failed(Id::Policy, what, remedy);
        }
    };
    let found = paths::find_policy(named.as_deref(), server, settings, env).ok().flatten();
    if let (Some(elsewhere), None) = (other(chain, server, here, found.as_deref()), &named) {
        let what = match &found {
            Some(found) => found.display().to_string(),
            None => format!("the built-in policy for {server}"),
        };
        return Step::warning(
            Id::Policy,
            format!(
                "{what}; this terminal has another one in force, {}, for variables that {} does not have",
                elsewhere.display(),
                chain.client
            ),
            format!(
                "name the one that is meant in {}: `--policy {}` after `wrap`",
                chain.entry(),
                as_word(&elsewhere.to_string_lossy())
            ),
        );
    }
    let Some(file) = found else {
        return Step::ok(Id::Policy, format!("the built-in policy for {server}; there is no file for it"));
    };
    let (file, word) = (file.display(), as_word(&file.to_string_lossy()));
    match loaded.warnings.len() as u64 {
        0 => Step::ok(Id::Policy, format!("valid: {file}")),
        count => Step::warning(
            Id::Policy,
            format!("valid, with {}: {file}", plural(count, "warning")),
            format!("`policylayer check {word} --server {server}` prints them, each with what to do"),
        ),
    }
}

/// The policy that a command in this terminal finds, where it is not the one that the client's wrapper finds.
fn other(chain: &Chain<'_>, server: &ServerName, here: &Env, found: Option<&Path>) -> Option<PathBuf> {
    chain.file.as_ref()?;
    let settings = paths::load_settings(here).ok()?;
    let path = paths::find_policy(None, server, &settings, here).ok()??;
    (found != Some(path.as_path())).then_some(path)
}

fn policy_error(error: &PolicyError) -> (String, String) {
    if let PolicyError::Invalid { path, rendered } = error {
        let (path, word) = (path.display(), as_word(&path.to_string_lossy()));
        return (
            format!("{path} is invalid, and nothing starts with it:\n{rendered}"),
            format!("mend it, and try it with `policylayer check {word}`"),
        );
    }
    // The other messages are a sentence of what is wrong, and then what to do.
    let text = error.to_string();
    match text.split_once(". ") {
        Some((what, remedy)) => (what.to_owned(), remedy.trim_end_matches('.').to_owned()),
        None => (text, "see `policylayer check`".to_owned()),
    }
}
