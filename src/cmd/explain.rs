//! `policylayer explain`: what a tool does, how it is abused, which rule is recommended for it, and what is in force.

use super::output::{UsageError, print_verbatim};
use super::{Env, as_word, tool_server};
use crate::author::snippet::write_recommended;
use crate::cli::{ExplainArgs, ExplainFormat};
use crate::exit::Exit;
use crate::paths;
use crate::policy::{Format, Server};
use crate::report::client_servers::{PolicyPlace, ServedQuestion, find_served};
use crate::report::explanation::{Explanation, ToolQuestion};
use crate::report::to_json;
use crate::report::tool_names::list_locked_tools;
use crate::risk::Catalogue;
use crate::term::faces::explanation::{format_markdown, format_terminal};
use crate::visible::escape_invisible;

/// Explains a tool. If the policy cannot be loaded, that is reported and determines the exit code, but the tool is
/// still explained.
pub(crate) fn run(args: &ExplainArgs, env: &Env) -> anyhow::Result<Exit> {
    let (named, tool) = (read_server(args)?, &*args.tool);
    let file = args.policy.as_deref();
    if named.is_none() {
        refuse_server_alone(tool, env)?;
    }
    let found = tool_server::find_policy_place(Some(tool), named, file, env);
    let (identity, place, loaded) = match found {
        Ok(place) => {
            let loaded = tool_server::load_place(&place).map(|loaded| place.judge_by_lock(loaded));
            (place.server.clone(), Some(place), loaded)
        }
        Err(error) if tool_server::is_about_files(&error) => {
            (Server::by_name(&tool_server::find_name(tool, named, env)?), None, Err(error))
        }
        Err(error) => return Err(error),
    };
    let server = identity.name().clone();
    let file = args.policy.as_ref().map(|file| format!("--policy {}", as_word(&file.display().to_string())));
    let named = (named.is_some() || file.is_none()).then(|| format!("--server {server}"));
    let known = loaded.as_ref().map_or_else(|_| identity.clone(), |loaded| loaded.policy.identity().clone());
    let shown = loaded.as_ref().map_err(ToString::to_string);
    let lock = place.as_ref().and_then(PolicyPlace::find_lock);
    let question = ToolQuestion {
        tool,
        listed: list_locked_tools(lock.as_deref(), &server).remove(tool),
        server: &server,
        place: file.into_iter().chain(named).collect::<Vec<_>>().join(" "),
        format: args.policy.as_deref().and_then(|file| Format::from_ending(file.extension()?.to_str()?)),
        loaded: shown.as_ref().copied().map_err(String::as_str),
    };
    let explanation = Explanation::new(&question, |recommended, mode, format| {
        write_recommended(&known, tool, recommended, mode, format)
    });
    let text = match args.format {
        ExplainFormat::Text => format_terminal(&explanation),
        ExplainFormat::Json => to_json(&explanation)?,
        ExplainFormat::Markdown => format_markdown(&explanation),
    };
    print_verbatim(&text)?;
    let is_unknown = !explanation.known && explanation.did_you_mean.is_empty();
    drop(explanation);
    if let (Ok(loaded), Some(place)) = (&loaded, &place)
        && is_unknown
    {
        tool_server::note_near_tool(tool, &loaded.policy, place);
    }
    loaded.map(|_| Exit::Ok)
}

/// Returns the server, if one is named.
fn read_server(args: &ExplainArgs) -> anyhow::Result<Option<&str>> {
    match (args.key.as_deref(), args.server.as_deref()) {
        (Some(server), Some(other)) if server != other => {
            let (server, other) = (escape_invisible(server), escape_invisible(other));
            Err(UsageError(format!("Two servers are named: {server} and {other}. Leave out --server.")).into())
        }
        (server, other) => Ok(server.or(other)),
    }
}

/// A name that is a server's and no tool's was probably meant as the server.
fn refuse_server_alone(name: &str, env: &Env) -> anyhow::Result<()> {
    let is_policy =
        || paths::list_policies(env).is_ok_and(|found| found.servers.iter().any(|one| one.as_str() == name));
    let is_served = || !find_served(&ServedQuestion { name: Some(name), clients: &[], env }).servers.is_empty();
    let is_known = Catalogue::for_server(name.to_ascii_lowercase()).is_some();
    if !Catalogue::with_tool(name).is_empty() || !(is_known || is_policy() || is_served()) {
        return Ok(());
    }
    let shown = escape_invisible(name);
    let tools = if is_known {
        format!("`policylayer catalogue {shown}` lists its tools")
    } else {
        format!("`policylayer inspect {}` lists its tools", as_word(name))
    };
    Err(UsageError(format!(
        "{shown} is a server. Name one of its tools as well: `policylayer explain {} TOOL`. {tools}. For a tool of this name, \
         name its server: `policylayer explain SERVER {}`.",
        as_word(name),
        as_word(name)
    ))
    .into())
}
