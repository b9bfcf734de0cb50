//! Which server a tool belongs to, if a person has only named the tool.

use std::path::Path;

use super::output::UsageError;
use super::{Env, server_for};
use crate::paths::{self, POLICY_VARIABLE};
use crate::policy::ServerName;
use crate::report::explanation::CATALOGUED;
use crate::risk::Catalogue;
use crate::visible::escape_invisible;

/// Returns the server that has the tool: the named one, else the one that the policy file is named after, else the only
/// one with a policy, else the one whose catalogue has the tool. `tool` is `None` if it is about something else.
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
    let catalogue = Catalogue::for_server(CATALOGUED);
    if catalogue.is_some_and(|catalogue| catalogue.find_tool(tool).is_some()) {
        return Ok(ServerName::parse(CATALOGUED)?);
    }
    let similar = catalogue.map(|catalogue| catalogue.similar_tools(tool)).unwrap_or_default();
    let meant = match similar.as_slice() {
        [] => String::new(),
        similar => format!("Did you mean {} of {CATALOGUED}? ", similar.join(", ")),
    };
    Err(UsageError(format!(
        "It is unclear which server has the tool {}. {meant}Name the server with --server NAME, or its policy with \
         --policy FILE.",
        escape_invisible(tool)
    ))
    .into())
}
