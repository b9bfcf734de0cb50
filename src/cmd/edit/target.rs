//! Which policy an edit is of: the one that the running wrapper uses.

use anyhow::anyhow;

use crate::author::policy_file::EditTarget;
use crate::cli::EditArgs;
use crate::cmd::output::UsageError;
use crate::cmd::{server_for, servers_with_policies, settings_for};
use crate::env::Env;
use crate::paths::{self, POLICY_VARIABLE};
use crate::policy::{ServerName, nearest_word};
use crate::report::client_servers::{FoundBy, FoundPlaces, PolicyPlace, find_places};
use crate::visible::{escape_invisible, visible_path};

/// Finds the policy that is meant.
///
/// # Errors
/// Returns an error if it is unclear which one, or nothing uses it.
pub(in crate::cmd) fn find_target(args: &EditArgs, env: &Env) -> anyhow::Result<EditTarget> {
    let policy = args.policy.as_deref();
    if policy.is_none() && env.var(POLICY_VARIABLE).is_none() {
        return Ok(EditTarget::from_place(match args.server.as_deref() {
            Some(name) => find_named(name, args, env)?,
            None => find_only(env)?,
        })?);
    }
    let named = args.server.as_deref().map(ServerName::parse).transpose()?;
    let (server, settings) = (server_for(named.as_ref(), policy, env), settings_for(policy, env)?);
    let file = paths::find_policy(policy, &server, &settings, env)?;
    Ok(EditTarget::from_place(PolicyPlace {
        server: settings.server_by_name(&server),
        file,
        named: policy.map(Into::into),
        settings,
        env: env.clone(),
        served: Vec::new(),
        found_by: FoundBy::Traces,
    })?)
}

fn find_named(name: &str, args: &EditArgs, env: &Env) -> anyhow::Result<PolicyPlace> {
    let FoundPlaces { places, names } = find_places(Some(name), env)?;
    let place = only_place(name, places)?;
    if place.found_by != FoundBy::Nothing || args.new {
        return Ok(place);
    }
    let near = nearest_word(name, names.iter().map(String::as_str));
    let remedy = match (near, names.len()) {
        (Some(near), _) => format!("Did you mean {}?", escape_invisible(near)),
        (None, 0) => "No client has a server, and there is no policy yet.".to_owned(),
        (None, _) => {
            let names: Vec<_> = names.iter().map(|name| escape_invisible(name)).collect();
            format!("There are: {}.", names.join(", "))
        }
    };
    Err(anyhow!(
        "Nothing on this machine uses a server {}, so a policy for it would change nothing. {remedy} To write one all the \
         same, add --new.",
        escape_invisible(name)
    ))
}

/// Returns the only policy that a server's name can mean.
pub(in crate::cmd) fn only_place(name: &str, places: Vec<PolicyPlace>) -> anyhow::Result<PolicyPlace> {
    let mut places = places.into_iter();
    match (places.next(), places.next()) {
        (Some(only), None) => Ok(only),
        (first, second) => {
            let all = first.into_iter().chain(second).chain(places);
            let describe = |place: PolicyPlace| {
                let file = place.file.as_deref().map_or_else(|| "the built-in policy".to_owned(), visible_path);
                let servers: Vec<_> = place.served.iter().map(|served| served.describe()).collect();
                format!("\n  {}: {file}", servers.join(", "))
            };
            Err(UsageError(format!(
                "Several servers are called {}, and have different policies:{}\nName the policy with --policy FILE.",
                escape_invisible(name),
                all.map(describe).collect::<String>()
            ))
            .into())
        }
    }
}

/// Returns the only policy file, else the policy of the only server behind one.
fn find_only(env: &Env) -> anyhow::Result<PolicyPlace> {
    let settings = paths::load_settings(env)?;
    let wrapped = find_places(None, env)?.places;
    let (mut with_file, mut without): (Vec<_>, Vec<_>) = wrapped.into_iter().partition(|place| place.file.is_some());
    let mut names = servers_with_policies(&settings, env)?;
    names.retain(|name| {
        let file = paths::find_policy(None, name, &settings, env).ok().flatten();
        file.is_none() || with_file.iter().all(|place| place.file != file)
    });
    match (with_file.as_slice(), names.as_slice(), without.as_slice()) {
        ([_], [], _) => return Ok(with_file.remove(0)),
        ([], [only], _) => return only_place(only.as_str(), find_places(Some(only.as_str()), env)?.places),
        ([], [], [_]) => return Ok(without.remove(0)),
        _ => {}
    }
    let mut all = names;
    all.extend(with_file.iter().map(|place| place.server.name().clone()));
    if all.is_empty() {
        all.extend(without.iter().map(|place| place.server.name().clone()));
    }
    all.sort();
    all.dedup();
    Err(UsageError(match all.as_slice() {
        [] => "No server has a policy file yet. Name the server, as in --server iterable.".to_owned(),
        [first, ..] => {
            let names = all.iter().map(ServerName::as_str).collect::<Vec<_>>().join(", ");
            format!("Several servers have a policy: {names}. Name one of them, as in --server {first}.")
        }
    })
    .into())
}
