//! Which server a tool belongs to, if a person has only named the tool.

use std::path::Path;

use super::output::UsageError;
use super::{Env, server_for};
use crate::paths::{self, POLICY_VARIABLE};
use crate::policy::ServerName;
use crate::risk::Catalogue;
use crate::visible::escape_invisible;

/// The server that is meant where several known ones have a tool: the one that policylayer was made for.
const FIRST_KNOWN: &str = "iterable";

/// Returns the server that has the tool: the named one, else the one that the policy file is named after, else the only
/// one with a policy, else the known one that has the tool. `tool` is `None` if it is about something else.
pub(super) fn find_server(
    tool: Option<&str>,
    named: Option<&ServerName>,
    file: Option<&Path>,
    env: &Env,
) -> anyhow::Result<ServerName> {
    if named.is_some() || file.is_some() || env.var(POLICY_VARIABLE).is_some() {
        return Ok(server_for(named, file, env));
    }
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

/// Returns the tools of known servers that may have been meant, in a sentence.
fn suggest_tools(tool: &str) -> String {
    let similar = Catalogue::similar_tools_of_all(tool);
    let similar: Vec<_> = similar.iter().map(|(server, name)| format!("{name} ({server})")).collect();
    match similar.as_slice() {
        [] => String::new(),
        similar => format!("Did you mean {}? ", similar.join(", ")),
    }
}
