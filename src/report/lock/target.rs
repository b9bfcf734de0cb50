//! Which server is meant, how it is started, and where its lock is.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::LockCommandError;
use crate::clients::key::{lock_word, visible_key};
use crate::clients::secret;
use crate::env::Env;
use crate::paths::{self, LoadedPolicy};
use crate::policy::{Policy, Server, ServerName, nearest_word};
use crate::probe::ProbeError;
use crate::proxy::SpawnEnv;
use crate::report::client_servers::{FoundServed, Served, ServedError, ServedQuestion, find_served};
use crate::report::doctor::client_env::{Unfilled, check_headers};
use crate::shell::as_word;
use crate::visible::escape_invisible;

/// Which server is meant.
#[derive(Debug)]
pub(crate) struct LockQuestion<'q> {
    /// With a command, the server's name; otherwise that, or its key in the clients' files.
    pub(crate) server: Option<&'q str>,
    /// The clients to look at; empty for all.
    pub(crate) clients: &'q [String],
    /// The policy file, instead of the one in force.
    pub(crate) policy: Option<&'q Path>,
    /// The server's command; empty for a server of a client.
    pub(crate) command: &'q [OsString],
    /// The subcommand that asks.
    pub(crate) verb: &'static str,
    pub(crate) env: &'q Env,
}

/// A server, and how it is started.
pub(crate) struct LockTarget {
    pub(crate) server: Server,
    pub(crate) policy: Arc<Policy>,
    /// Its lock; it need not exist.
    pub(crate) file: PathBuf,
    /// The policy file that was named, here or to its wrapper.
    pub(crate) named: Option<PathBuf>,
    /// The command that starts it, as it is written.
    pub(crate) command: Vec<OsString>,
    /// How to name it on the command line of `policylayer lock`.
    pub(crate) selector: String,
    /// The environment that it is started in.
    pub(crate) env: Env,
    /// The same, if it is not ours.
    pub(crate) spawn_env: Option<SpawnEnv>,
    /// Variables of its entry that have no value here.
    pub(crate) unfilled: Vec<Unfilled>,
}

impl LockTarget {
    /// Finds the server that is meant.
    ///
    /// # Errors
    /// Returns an error if none or several can be meant, or its policy or lock cannot be used.
    pub(crate) fn find(question: &LockQuestion<'_>) -> Result<Self, LockCommandError> {
        if question.command.is_empty() { Self::of_client(question) } else { Self::of_command(question) }
    }

    fn of_command(question: &LockQuestion<'_>) -> Result<Self, LockCommandError> {
        let name = question.server.map(ServerName::parse).transpose().map_err(ServedError::from)?;
        let words = question.command.iter().map(|word| as_word(&word.to_string_lossy())).collect::<Vec<_>>().join(" ");
        let named = name.as_ref().map(|name| format!("--server {name} ")).unwrap_or_default();
        let policy = question.policy.map(|policy| format!("--policy {} ", as_word(&policy.to_string_lossy())));
        let selector = format!("{}{named}{} {words}", policy.unwrap_or_default(), as_word("--"));
        let place = Place { env: question.env.clone(), spawn_env: None, unfilled: Vec::new(), selector };
        Ok(place.load(name.as_ref(), question.policy, question.command.to_vec())?)
    }

    fn of_client(question: &LockQuestion<'_>) -> Result<Self, LockCommandError> {
        let served = choose_served(question)?;
        let settings = served.load_settings()?;
        let (name, policy) = (served.named_server(&settings)?, served.named_policy());
        if question.policy.is_none() {
            paths::check_policy_path(policy.as_deref(), &served.env).map_err(ServedError::from)?;
        }
        let Served { key, command, env, spawn_env, unfilled, .. } = served;
        let place = Place { env, spawn_env: Some(spawn_env), selector: lock_word(&key), unfilled };
        Ok(place.load(name.as_ref(), question.policy.or(policy.as_deref()), command)?)
    }

    /// Checks that no header lacks its value.
    ///
    /// # Errors
    /// Returns an error if one does, because its client has it from elsewhere.
    pub(crate) fn check_headers(&self) -> Result<(), ProbeError> {
        check_headers(&self.command, &self.env, &self.unfilled)
    }

    /// The command without what looks like a key in it.
    pub(crate) fn shown_command(&self) -> String {
        let words: Vec<_> = self.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        escape_invisible(&secret::redact_words(&words).join(" "))
    }
}

/// Where a server runs.
struct Place {
    env: Env,
    spawn_env: Option<SpawnEnv>,
    unfilled: Vec<Unfilled>,
    selector: String,
}

impl Place {
    fn load(
        self,
        name: Option<&ServerName>,
        policy: Option<&Path>,
        command: Vec<OsString>,
    ) -> Result<LockTarget, ServedError> {
        let settings = paths::load_settings(&self.env)?;
        let server = settings.server_of_command(name, &command)?;
        let LoadedPolicy { policy: loaded, .. } = paths::load_policy(policy, &server, &settings, &self.env)?;
        let file = paths::lock_path(policy, server.name(), &settings, &self.env)?;
        let Self { env, spawn_env, unfilled, selector } = self;
        let named = policy.map(Path::to_owned);
        Ok(LockTarget { server, policy: Arc::new(loaded), file, named, command, selector, env, spawn_env, unfilled })
    }
}

/// Returns the only server of a client that can be meant; several that start the same are one.
///
/// # Errors
/// Returns an error if none or several can be meant.
pub(crate) fn choose_served(question: &LockQuestion<'_>) -> Result<Served, LockCommandError> {
    let asked = ServedQuestion { name: question.server, clients: question.clients, env: question.env };
    let FoundServed { servers, names, without_command, has_broken } = find_served(&asked);
    let mut others = Vec::new();
    let mut first: Option<Served> = None;
    for served in servers {
        match &first {
            None => first = Some(served),
            Some(first) if served.words != first.words => others.push(served),
            Some(_) => {}
        }
    }
    let Some(first) = first else {
        return Err(LockCommandError::Nowhere(describe_nothing(question, &names, without_command, has_broken)));
    };
    if others.is_empty() {
        return Ok(first);
    }
    let all: Vec<_> = [&first].into_iter().chain(&others).collect();
    let keys: BTreeSet<_> = all.iter().map(|served| served.key.as_str()).collect();
    Err(LockCommandError::Unclear(if keys.len() > 1 {
        let keys: Vec<_> = keys.into_iter().map(visible_key).collect();
        let what = question.server.map_or_else(
            || "There are several servers behind a policy".to_owned(),
            |server| format!("Several servers are called {}", escape_invisible(server)),
        );
        format!("{what}: {}. Say which one is meant.", keys.join(", "))
    } else {
        let places: Vec<_> =
            all.iter().map(|served| format!("\n  --client {}: {}", served.client[0], served.file)).collect();
        format!(
            "Several files have a server {}, and start it differently:{}\nName the client with --client.",
            visible_key(&first.key),
            places.concat()
        )
    }))
}

fn describe_nothing(
    question: &LockQuestion<'_>,
    names: &BTreeSet<String>,
    without_command: Option<&str>,
    has_broken: bool,
) -> String {
    let (dashes, verb) = (as_word("--"), question.verb);
    let broken = if has_broken { " A client's file cannot be read: `policylayer clients` says which." } else { "" };
    let Some(server) = question.server else {
        return format!(
            "No client has a server behind a policy. Name one that a client has, or give the command: `policylayer {verb} \
             {dashes} COMMAND`.{broken}"
        );
    };
    let shown = escape_invisible(server);
    if let Some(client) = without_command {
        return format!("{shown} of {client} has no command to start it with, so what it lists cannot be asked for.");
    }
    let near = nearest_word(server, names.iter().map(String::as_str));
    let near = near.map(|near| format!(" Did you mean {}?", escape_invisible(near))).unwrap_or_default();
    format!(
        "No client has a server {shown}.{near}{broken} Or give its command: `policylayer {verb} --server NAME {dashes} COMMAND`."
    )
}
