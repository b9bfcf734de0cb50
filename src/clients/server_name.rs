//! The name, and so the policy, that a server runs under once it is wrapped.
//!
//! `wrap` derives the name from the command. `--server` is written only if `wrap` would find no name, or if there is a
//! policy for the server's key and none for the name that it would find, or if the key is that name and more: a second
//! account of the same server. A name that is made from the key is no other server's.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use super::entry::{Wrapped, parse_wrapped};
use super::key::{key_word, visible_key};
use super::select::Refusal;
use super::servers::Clients;
use crate::env::Env;
use crate::paths::{self, POLICY_VARIABLE, PolicyError};
use crate::policy::{Server, ServerName, server};
use crate::settings::{Settings, TwoNames};
use crate::visible::visible_path;

#[derive(Debug)]
pub(crate) struct Naming<'n> {
    server: Option<ServerName>,
    /// The policy file, as an absolute path.
    policy: Option<PathBuf>,
    settings: &'n Settings,
    env: Env,
    /// The names of servers, each with its own command.
    taken: RefCell<Vec<(ServerName, Vec<String>)>>,
}

impl<'n> Naming<'n> {
    /// Checks the named policy: a client would only show that the server does not start.
    pub(crate) fn new(
        server: Option<ServerName>,
        policy: Option<&Path>,
        settings: &'n Settings,
        env: &Env,
    ) -> Result<Self, PolicyError> {
        let policy = policy.map(|file| paths::absolute_path(file, env));
        if let Some(file) = &policy {
            let server = server.clone().unwrap_or_else(ServerName::unknown);
            let _ = paths::load_policy(Some(file), &settings.server_by_name(&server), settings, env)?;
        }
        // A client may lack what is in this shell's environment.
        let env = env.clone().without_var(POLICY_VARIABLE);
        Ok(Self { server, policy, settings, env, taken: RefCell::default() })
    }

    /// Takes note of the names that the servers of all clients have, or would have by their commands.
    pub(crate) fn note_names(&self, clients: &Clients, program: &str) {
        let places = clients.read_places(&[]).filter(|(place, _)| place.bundle.is_none());
        let sections = places.filter_map(|(_, sections)| sections.ok()).flatten();
        for entry in sections.flat_map(|section| section.entries) {
            let words = entry.words().unwrap_or_default();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let wrapped = parse_wrapped(&words, Some(program));
            let own = wrapped.as_ref().map(|wrapped| wrapped.own_words(&words));
            let own: Vec<&str> = own.as_ref().map_or(words, |own| own.iter().map(String::as_str).collect());
            let named = wrapped.and_then(|wrapped| ServerName::parse(&wrapped.server?).ok());
            let name = named.or_else(|| self.derive_name(&own).ok().flatten());
            if let Some(name) = name.filter(|_| !own.is_empty()) {
                self.take_name(name, &own);
            }
        }
    }

    fn take_name(&self, name: ServerName, words: &[&str]) {
        self.taken.borrow_mut().push((name, words.iter().map(|word| (*word).to_owned()).collect()));
    }

    /// Returns the name for a key that no server with another command has: this one, or `db-2`, `db-3`.
    fn free_name(&self, key: &str, words: &[&str]) -> Option<ServerName> {
        let plain = name_of_key(key);
        let is_free = |name: &ServerName| {
            let taken = self.taken.borrow();
            !taken.iter().any(|(other, of)| other.as_str().eq_ignore_ascii_case(name.as_str()) && of != words)
        };
        let numbered = |number: usize| ServerName::from_derived(&format!("{plain}-{number}"));
        let more = (2..=self.taken.borrow().len() + 2).filter_map(numbered);
        let name = std::iter::once(plain.clone()).chain(more).find(is_free)?;
        self.take_name(name.clone(), words);
        Some(name)
    }

    /// Returns the name that `wrap` derives from a command.
    pub(super) fn derive_name(&self, words: &[&str]) -> Result<Option<ServerName>, TwoNames> {
        Ok(self.settings.name_of(words)?.cloned().or_else(|| server::derive_name(words)))
    }

    /// Returns the options that `wrap` needs.
    pub(crate) fn wrap_options(&self, key: &str, words: &[&str]) -> Result<Vec<String>, Refusal> {
        let derived = self.derive_name(words);
        let name = match &self.server {
            Some(name) => (derived.ok().flatten().as_ref() != Some(name)).then(|| name.clone()),
            None => match derived? {
                None => self.free_name(key, words),
                Some(derived) => self.needed_name(key, derived),
            },
        };
        let mut options: Vec<String> =
            name.map(|name| ["--server".to_owned(), name.to_string()]).into_iter().flatten().collect();
        if let Some(file) = &self.policy {
            let Some(file) = file.to_str() else {
                let why = "The path of the policy is not UTF-8, so no configuration file can hold it.";
                return Err(Refusal::Failed(why.to_owned()));
            };
            options.extend(["--policy".to_owned(), file.to_owned()]);
        }
        Ok(options)
    }

    fn needed_name(&self, key: &str, derived: ServerName) -> Option<ServerName> {
        let key = ServerName::from_derived(key)?;
        let is_needed =
            key.is_account_of(&derived) || (derived != key && self.has_file(&key) && !self.has_file(&derived));
        is_needed.then_some(key)
    }

    fn has_file(&self, name: &ServerName) -> bool {
        !matches!(paths::find_policy(None, name, self.settings, &self.env), Ok(None))
    }

    pub(super) fn policy_notes(&self, key: &str, words: &[&str], options: &[String]) -> Vec<String> {
        if let Some(file) = &self.policy {
            return vec![format!("The policy is {}.", visible_path(file))];
        }
        let named = match options {
            [option, name, ..] if option == "--server" => ServerName::parse(name).ok(),
            _ => self.derive_name(words).ok().flatten(),
        };
        let name = named.unwrap_or_else(ServerName::unknown);
        let derived = self.derive_name(words).ok().flatten();
        let plain = name_of_key(key);
        let renamed = derived.is_none() && self.server.is_none() && name != plain;
        let of_other = derived.filter(|derived| *derived != name && self.has_file(derived) && !self.has_file(&name));
        let mut notes = vec![match paths::find_policy(None, &name, self.settings, &self.env) {
            Ok(Some(file)) => format!("The policy is {}.", visible_path(&file)),
            Ok(None) if let Some(known) = Server::of_command(&name, words).catalogue() => {
                format!("The policy is the built-in one for {}.", known.server)
            }
            Ok(None) => format!(
                "The policy is the built-in one for any server, until there is policies/{name}.toml in {}.",
                paths::configuration_dir(&self.env)
                    .map_or_else(|_| "the configuration directory".to_owned(), |directory| visible_path(&directory))
            ),
            Err(error) => error.to_string(),
        }];
        if renamed {
            notes.push(format!("Another server here is called {plain}, so this one is called {name}."));
        }
        if let Some(other) = of_other {
            notes.push(format!(
                "The policy of {other} does not hold for {name}. If it should, copy it to the file policies/{name}.toml."
            ));
        }
        let is_one_text = words.first().is_some_and(|program| program.contains(' ') && !Path::new(program).exists());
        if is_one_text {
            notes.push(format!(
                "The command of {} is one string with spaces, which is started as one program. If the client splits it, \
                 write its words as `command` and `args`.",
                visible_key(key)
            ));
        }
        notes
    }

    /// Checks that an already wrapped server is wrapped as requested.
    pub(super) fn check_same(&self, key: &str, own: &[&str], found: &Wrapped) -> Result<(), Refusal> {
        let derived = || self.derive_name(own).ok().flatten().map(|name| name.to_string());
        let is_server = self.server.as_ref().is_none_or(|wanted| {
            found.server.clone().or_else(derived).is_some_and(|name| name.eq_ignore_ascii_case(wanted.as_str()))
        });
        let is_policy =
            self.policy.as_ref().is_none_or(|wanted| found.policy.as_deref().map(Path::new) == Some(wanted));
        if is_server && is_policy {
            return Ok(());
        }
        let what = if is_server { "policy" } else { "name" };
        Err(Refusal::Failed(format!(
            "{} is wrapped already, with another {what}. Run `policylayer unregister {}` first, and try again.",
            visible_key(key),
            key_word(key)
        )))
    }
}

/// Returns the name for a key: the key itself, or what of it can be in a name.
fn name_of_key(key: &str) -> ServerName {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
    let text: String = key.chars().map(plain).collect();
    let parts: Vec<&str> = text.split('-').filter(|part| !part.is_empty()).collect();
    ServerName::from_derived(key)
        .or_else(|| ServerName::from_derived(&parts.join("-")))
        .unwrap_or_else(ServerName::unknown)
}
