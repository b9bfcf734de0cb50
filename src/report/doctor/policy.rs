//! Whether config.toml and the policy are found where the wrapper looks for them, and are valid.

use std::path::{Path, PathBuf};

use super::{LaunchChain, StepId, StepReport};
use crate::env::Env;
use crate::paths::{self, POLICY_VARIABLE, PolicyError, SETTINGS_FILE, SettingsError};
use crate::policy::ServerName;
use crate::settings::Settings;
use crate::shell::as_word;
use crate::visible::count_of;

/// Adds the steps for config.toml and for the policy, and returns the server's name if it is known.
pub(super) fn check_settings_and_policy(
    chain: &LaunchChain<'_>,
    here: &Env,
    steps: &mut Vec<StepReport>,
) -> Option<ServerName> {
    let env = chain.env.as_env();
    let settings = match paths::load_settings(&env) {
        Ok(settings) => settings,
        Err(error) => {
            steps.extend([report_settings_error(error), StepReport::not_tried(StepId::Policy)]);
            return None;
        }
    };
    let file = paths::configuration_dir(&env).map(|dir| dir.join(SETTINGS_FILE)).ok().filter(|file| file.exists());
    let valid = |file: PathBuf| format!("valid: {}", file.display());
    let detail = file.map_or_else(|| "none, so the defaults hold".to_owned(), valid);
    steps.push(StepReport::new_ok(StepId::Config, detail));
    let (mut step, server) = match find_server(chain, &settings) {
        Ok(server) => (check_policy(chain, &server, &settings, &env, here), Some(server)),
        Err(step) => (step, None),
    };
    if chain.wrapped.is_none() && server.is_some() {
        step.detail.insert_str(0, "once it is registered: ");
    }
    steps.push(step);
    server
}

fn find_server(chain: &LaunchChain<'_>, settings: &Settings) -> Result<ServerName, StepReport> {
    match chain.wrapped.as_ref().and_then(|wrapped| wrapped.server.as_deref()) {
        Some(name) => ServerName::parse(name).map_err(|error| {
            let remedy = format!("correct --server in {}", chain.entry_place());
            StepReport::new_failed(StepId::Policy, format!("--server: {error}"), remedy)
        }),
        None => settings.server_of_command(chain.own_words()).map_err(|error| {
            let remedy = "make the `match` of one of the two in config.toml longer";
            StepReport::new_failed(StepId::Policy, error.to_string(), remedy)
        }),
    }
}

fn report_settings_error(error: SettingsError) -> StepReport {
    let (what, remedy) = match error {
        SettingsError::Invalid(name, rendered) => (
            format!("{name} is invalid, and nothing starts with it:\n{rendered}"),
            "fix it, and try it with `policylayer check`",
        ),
        SettingsError::Unreadable(path, why) => (
            format!("{} cannot be read: {why}", path.display()),
            "make it a file that the user who runs the client may read, or remove it",
        ),
    };
    StepReport::new_failed(StepId::Config, what, remedy)
}

fn check_policy(
    chain: &LaunchChain<'_>,
    server: &ServerName,
    settings: &Settings,
    env: &Env,
    here: &Env,
) -> StepReport {
    let named = chain.wrapped.as_ref().and_then(|wrapped| wrapped.policy.as_deref()).map(Path::new);
    let named = named.or_else(|| env.var(POLICY_VARIABLE).map(Path::new).filter(|path| !path.as_os_str().is_empty()));
    if let Err(error) = paths::check_policy_path(named, env) {
        return report_policy_error(&error);
    }
    let named = named.map(Path::to_owned);
    let loaded = match paths::load_policy(named.as_deref(), server, settings, env) {
        Ok(loaded) => loaded,
        Err(error) => return report_policy_error(&error),
    };
    let found = paths::find_policy(named.as_deref(), server, settings, env).ok().flatten();
    if named.is_none()
        && let Some(elsewhere) = find_another_policy(chain, server, here, found.as_deref())
    {
        let in_force =
            found.map_or_else(|| format!("the built-in policy for {server}"), |found| found.display().to_string());
        return StepReport::new_warning(
            StepId::Policy,
            format!(
                "{in_force}; this terminal has another one in force, {}, for variables that {} does not have",
                elsewhere.display(),
                chain.client
            ),
            format!(
                "name the one that is meant in {}: `--policy {}` after `wrap`",
                chain.entry_place(),
                as_word(&elsewhere.to_string_lossy())
            ),
        );
    }
    let Some(file) = found else {
        let detail = format!("the built-in policy for {server}; there is no file for it");
        return StepReport::new_ok(StepId::Policy, detail);
    };
    let (file, word) = (file.display(), as_word(&file.to_string_lossy()));
    match loaded.warnings.len() as u64 {
        0 => StepReport::new_ok(StepId::Policy, format!("valid: {file}")),
        count => StepReport::new_warning(
            StepId::Policy,
            format!("valid, with {}: {file}", count_of(count, "warning")),
            format!("`policylayer check {word} --server {server}` prints them, each with what to do"),
        ),
    }
}

/// Returns the policy that a command in this terminal finds, if the client's wrapper finds another one.
fn find_another_policy(
    chain: &LaunchChain<'_>,
    server: &ServerName,
    here: &Env,
    found: Option<&Path>,
) -> Option<PathBuf> {
    chain.file.as_ref()?;
    let settings = paths::load_settings(here).ok()?;
    let path = paths::find_policy(None, server, &settings, here).ok()??;
    (found != Some(path.as_path())).then_some(path)
}

fn report_policy_error(error: &PolicyError) -> StepReport {
    if let PolicyError::Invalid(name, rendered) = error {
        return StepReport::new_failed(
            StepId::Policy,
            format!("{name} is invalid, and nothing starts with it:\n{rendered}"),
            format!("fix it, and try it with `policylayer check {}`", as_word(name)),
        );
    }
    // The other messages are one sentence about what is wrong, followed by what to do.
    let text = error.to_string();
    let (what, remedy) = text.split_once(". ").unwrap_or((&text, "see `policylayer check`"));
    StepReport::new_failed(StepId::Policy, what, remedy.trim_end_matches('.'))
}
