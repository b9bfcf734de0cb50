//! Under which name, and so under which policy, a server runs once it is wrapped.
//!
//! The rule: `wrap` finds the name by itself, from the command. `--server` is written only where it would find none, or
//! where a policy is there for the server's key and none for the name that it would find.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::super::{Env, as_word};
use crate::clients::entry::Wrapped;
use crate::paths::{self, POLICY_VARIABLE, PolicyError};
use crate::policy::{self, ServerName, server};
use crate::settings::{Settings, TwoNames};
use crate::visible::visible;

/// What was said of the name and the policy.
pub(super) struct Naming<'n> {
    server: Option<ServerName>,
    /// The policy file, as an absolute path.
    policy: Option<PathBuf>,
    settings: &'n Settings,
    env: Env,
}

impl<'n> Naming<'n> {
    /// A policy that is named must be one: the client would show no more than that the server does not start.
    pub(super) fn new(
        server: Option<ServerName>,
        policy: Option<&Path>,
        settings: &'n Settings,
        env: &Env,
    ) -> Result<Self, PolicyError> {
        let policy = policy.map(|file| env.folder().join(file));
        if let Some(file) = &policy {
            let server = server.clone().unwrap_or_else(ServerName::unknown);
            let _ = paths::load_policy(Some(file), &server, settings, env)?;
        }
        // What this shell has in its environment, a client need not have.
        Ok(Self { server, policy, settings, env: env.clone().without(POLICY_VARIABLE) })
    }

    /// The name that `wrap` finds for a command.
    pub(super) fn name(&self, words: &[&str]) -> Result<Option<ServerName>, TwoNames> {
        Ok(self.settings.name_of(words)?.cloned().or_else(|| server::derive(words)))
    }

    /// What `wrap` must be told.
    pub(super) fn options(&self, key: &str, words: &[&str]) -> anyhow::Result<Vec<String>> {
        let mut options = Vec::new();
        let name = match &self.server {
            Some(name) => (self.name(words).ok().flatten().as_ref() != Some(name)).then(|| name.clone()),
            None => self.needed(key, self.name(words)?),
        };
        if let Some(name) = name {
            options.extend(["--server".to_owned(), name.to_string()]);
        }
        if let Some(file) = &self.policy {
            let file =
                file.to_str().context("The path of the policy is not UTF-8, so no configuration file can hold it.")?;
            options.extend(["--policy".to_owned(), file.to_owned()]);
        }
        Ok(options)
    }

    fn needed(&self, key: &str, derived: Option<ServerName>) -> Option<ServerName> {
        let key = ServerName::derived(key)?;
        match derived {
            None => Some(key),
            Some(name) => (name != key && self.has_file(&key) && !self.has_file(&name)).then_some(key),
        }
    }

    fn has_file(&self, name: &ServerName) -> bool {
        !matches!(paths::find_policy(None, name, self.settings, &self.env), Ok(None))
    }

    /// What a person is to know of the policy.
    pub(super) fn notes(&self, key: &str, words: &[&str], options: &[String]) -> Vec<String> {
        if let Some(file) = &self.policy {
            return vec![format!("The policy is {}.", visible(&file.display().to_string()))];
        }
        let named = match options {
            [option, name, ..] if option == "--server" => ServerName::parse(name).ok(),
            _ => self.name(words).ok().flatten(),
        };
        let name = named.unwrap_or_else(ServerName::unknown);
        let mut notes = Vec::new();
        match paths::find_policy(None, &name, self.settings, &self.env) {
            Ok(Some(file)) => notes.push(format!("The policy is {}.", visible(&file.display().to_string()))),
            Ok(None) if policy::builtin_text(&name) != policy::builtin_text(&ServerName::unknown()) => {
                notes.push(format!("The policy is the built-in one for {name}."));
            }
            Ok(None) => notes.push(format!(
                "The policy is the built-in one for any server, until there is policies/{name}.toml in {}.",
                paths::configuration_folder(&self.env).map_or_else(
                    |_| "the configuration folder".to_owned(),
                    |folder| visible(&folder.display().to_string())
                )
            )),
            Err(error) => notes.push(error.to_string()),
        }
        let is_one_text = words.first().is_some_and(|program| program.contains(' ') && !Path::new(program).exists());
        if is_one_text {
            notes.push(format!(
                "The command of {} is one text with blanks, which is started as one program: if the client took it apart, write \
                 its words as `command` and `args`.",
                visible(key)
            ));
        }
        notes
    }

    /// That a server that is wrapped already is wrapped as it was asked for.
    pub(super) fn expect_same(&self, key: &str, own: &[&str], found: &Wrapped) -> anyhow::Result<()> {
        let derived = || self.name(own).ok().flatten().map(|name| name.to_string());
        let is_server = self.server.as_ref().is_none_or(|wanted| {
            found.server.clone().or_else(derived).is_some_and(|name| name.eq_ignore_ascii_case(wanted.as_str()))
        });
        let is_policy =
            self.policy.as_ref().is_none_or(|wanted| found.policy.as_deref().map(Path::new) == Some(wanted));
        if !is_server || !is_policy {
            let what = if is_server { "policy" } else { "name" };
            bail!(
                "{} is wrapped already, with another {what}. Run `policylayer unregister {}` first, and do the same again.",
                visible(key),
                as_word(key)
            );
        }
        Ok(())
    }
}
