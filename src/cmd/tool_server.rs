//! Which server a person means, and which policy it has.

use std::path::{Path, PathBuf};

use super::edit::target::only_place;
use super::output::UsageError;
use super::{Env, server_for, settings_for};
use crate::audit::list_recorded_servers;
use crate::paths::{self, LoadedPolicy, POLICY_VARIABLE, PolicyError, SessionPlace, SettingsError};
use crate::policy::{Policy, ServerName, nearest_word};
use crate::report::client_servers::{
    FoundBy, FoundPlaces, PolicyPlace, ServedError, ServedQuestion, find_places, find_served,
};
use crate::report::tool_names::ToolNames;
use crate::risk::Catalogue;
use crate::term::message;
use crate::visible::escape_invisible;

/// The server that is meant where several known ones have a tool: the one that policylayer was made for.
const FIRST_KNOWN: &str = "iterable";

/// Where the policy is that a question is about: the one of the named server, else the one that is named, else the only
/// one, else that of the server whose catalogue has the tool. `tool` is `None` if it is about something else.
pub(super) fn find_policy_place(
    tool: Option<&str>,
    named: Option<&str>,
    file: Option<&Path>,
    env: &Env,
) -> anyhow::Result<PolicyPlace> {
    if file.is_some() || env.var(POLICY_VARIABLE).is_some() {
        let named = named.map(ServerName::parse).transpose()?;
        let settings = settings_for(file, env)?;
        let server = settings.server_by_name(&server_for(named.as_ref(), file, env));
        let found = paths::find_policy(file, server.name(), &settings, env)?;
        let (named, env, served) = (file.map(Into::into), env.clone(), Vec::new());
        return Ok(PolicyPlace { server, file: found, named, settings, env, served, found_by: FoundBy::Traces });
    }
    let name = match named {
        Some(name) => name.to_owned(),
        None => find_server(tool, env)?.to_string(),
    };
    let FoundPlaces { places, names } = find_places(Some(&name), env)?;
    let place = only_place(&name, places)?;
    if place.found_by == FoundBy::Nothing && place.server.catalogue().is_none() {
        let known = Catalogue::all().iter().map(|known| known.server).chain(names.iter().map(String::as_str));
        let near = nearest_word(&name, known).map(|near| format!(" Did you mean {}?", escape_invisible(near)));
        if let Some(near) = near {
            message::print_note(&format!(
                "Nothing on this machine uses a server {}, so this is about any server.{near}",
                escape_invisible(&name)
            ));
        }
    }
    Ok(place)
}

/// Returns the only server that has a policy, else the one whose catalogue has the tool.
fn find_server(tool: Option<&str>, env: &Env) -> anyhow::Result<ServerName> {
    // If the directory cannot be read, loading the policy reports it.
    let listed = paths::list_policies(env).map(|listing| listing.servers).unwrap_or_default();
    if let [only] = listed.as_slice() {
        return Ok(only.clone());
    }
    let Some(tool) = tool else {
        let why = "It is unclear which server is meant. Name it with --server NAME, or its policy with --policy FILE.";
        return Err(UsageError(why.to_owned()).into());
    };
    let known = Catalogue::with_tool(tool);
    let is_first = |catalogue: &&&Catalogue| catalogue.server == FIRST_KNOWN || known.len() == 1;
    if let Some(meant) = known.iter().find(is_first) {
        return Ok(ServerName::parse(meant.server)?);
    }
    let meant = match known.as_slice() {
        [] => suggest_tools(tool),
        several => {
            let servers: Vec<_> = several.iter().map(|catalogue| catalogue.server).collect();
            format!("Known servers that have one: {}. ", servers.join(", "))
        }
    };
    Err(UsageError(format!(
        "It is unclear which server has the tool {}. {meant}Name the server with --server NAME, or its policy with \
         --policy FILE.",
        escape_invisible(tool)
    ))
    .into())
}

/// Whether an error is about a policy or config.toml, and not about what is asked.
pub(super) fn is_about_files(error: &anyhow::Error) -> bool {
    error.is::<PolicyError>()
        || error.is::<SettingsError>()
        || matches!(error.downcast_ref(), Some(ServedError::Policy(_) | ServedError::Settings(_)))
}

/// Returns the name of the server that a question is about, if nothing can be read of its policy.
pub(super) fn find_name(tool: &str, named: Option<&str>, env: &Env) -> anyhow::Result<ServerName> {
    named.map_or_else(|| find_server(Some(tool), env), |name| Ok(ServerName::parse(name)?))
}

/// Loads the policy of a place.
pub(super) fn load_place(place: &PolicyPlace) -> anyhow::Result<LoadedPolicy> {
    Ok(paths::load_policy(place.file.as_deref(), &place.server, &place.settings, &place.env)?)
}

/// As [`load_place`], held to the lock of the server as a session is.
pub(super) fn load_held_place(place: &PolicyPlace) -> anyhow::Result<LoadedPolicy> {
    let PolicyPlace { file, server, settings, env, .. } = place;
    let (named, server, settings) = (file.clone(), server.clone(), settings.clone());
    let loaded = SessionPlace { named, server, settings, env: env.clone() }.load()?.loaded;
    Ok(place.judge_by_lock(loaded))
}

/// Notes the tool that was probably meant, if nothing here knows the named one.
pub(super) fn note_near_tool(tool: &str, policy: &Policy, place: &PolicyPlace) {
    let mut known = ToolNames::of_policy(policy, place.find_lock().as_deref());
    if let (false, Ok(state)) = (known.has(tool), paths::state_dir(&place.env)) {
        known.add_logged(&state.join(paths::AUDIT_DIR), place.server.name());
    }
    if let Some(near) = known.nearest(tool).filter(|_| !known.has(tool)) {
        message::print_note(&format!(
            "No tool {} of {} is known here. Did you mean {}?",
            escape_invisible(tool),
            place.server,
            escape_invisible(near)
        ));
    }
}

/// Returns the name that a server's log goes by, and the state directory that it is in.
pub(super) fn find_log(name: Option<&str>, env: &Env) -> anyhow::Result<(Option<ServerName>, PathBuf)> {
    let here = paths::state_dir(env)?;
    let Some(name) = name else { return Ok((None, here)) };
    let has_log = |dir: &Path, server: &ServerName| {
        list_recorded_servers(&dir.join(paths::AUDIT_DIR)).is_ok_and(|servers| servers.contains(server))
    };
    if let Ok(server) = ServerName::parse(name)
        && has_log(&here, &server)
    {
        return Ok((Some(server), here));
    }
    let mut logs = Vec::new();
    for served in find_served(&ServedQuestion { name: Some(name), clients: &[], env }).servers {
        let server = served.find_server(&served.load_settings()?)?.name().clone();
        let theirs = paths::state_dir(&served.env)?;
        let log = (server.clone(), if has_log(&theirs, &server) { theirs } else { here.clone() });
        if !logs.contains(&log) {
            logs.push(log);
        }
    }
    match logs.as_slice() {
        [] => Ok((Some(ServerName::parse(name)?), here)),
        [(server, dir)] => Ok((Some(server.clone()), dir.clone())),
        several => {
            let names: Vec<_> = several.iter().map(|(server, _)| server.as_str()).collect();
            Err(UsageError(format!(
                "Several servers are called {}: {}. Name one of them with --server.",
                escape_invisible(name),
                names.join(", ")
            ))
            .into())
        }
    }
}

/// Returns the tools of known servers that may have been meant, in a sentence.
fn suggest_tools(tool: &str) -> String {
    let similar = Catalogue::similar_tools_of_all(tool);
    let similar: Vec<_> = similar.iter().map(|(server, name)| format!("{name} ({server})")).collect();
    match similar.as_slice() {
        [] => String::new(),
        similar => format!("Did you mean {}? ", similar.join(", ")),
    }
}
