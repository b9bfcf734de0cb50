//! `policylayer explain`: what a tool does, how it is abused, which rule is recommended for it, and what is in force.

use super::output::print;
use super::{Env, as_word, tool_server};
use crate::author::snippet::Snippet;
use crate::cli::{ExplainArgs, ExplainFormat};
use crate::exit::Exit;
use crate::policy::{Format, Server};
use crate::report::explanation::{Explanation, RuleText, ToolQuestion};
use crate::report::to_json;
use crate::term::faces::explanation::{format_markdown, format_terminal};

/// Explains a tool. If the policy cannot be loaded, that is reported and determines the exit code, but the tool is
/// still explained.
pub(crate) fn run(args: &ExplainArgs, env: &Env) -> anyhow::Result<Exit> {
    let (named, file) = (args.server.as_deref(), args.policy.as_deref());
    let found = tool_server::find_policy_place(Some(&args.tool), named, file, env);
    let (identity, place, loaded) = match found {
        Ok(place) => {
            let loaded = tool_server::load_place(&place);
            (place.server.clone(), Some(place), loaded)
        }
        Err(error) if tool_server::is_about_files(&error) => {
            (Server::by_name(&tool_server::find_name(&args.tool, named, env)?), None, Err(error))
        }
        Err(error) => return Err(error),
    };
    let server = identity.name().clone();
    let file = args.policy.as_ref().map(|file| format!("--policy {}", as_word(&file.display().to_string())));
    let named = (args.server.is_some() || file.is_none()).then(|| format!("--server {server}"));
    let known = loaded.as_ref().map_or_else(|_| identity.clone(), |loaded| loaded.policy.identity().clone());
    let shown = loaded.as_ref().map_err(ToString::to_string);
    let question = ToolQuestion {
        tool: &args.tool,
        server: &server,
        place: file.into_iter().chain(named).collect::<Vec<_>>().join(" "),
        format: args.policy.as_deref().and_then(|file| Format::from_ending(file.extension()?.to_str()?)),
        loaded: shown.as_ref().copied().map_err(String::as_str),
    };
    let explanation = Explanation::new(&question, |recommended, mode, format| {
        let snippet = Snippet::from_recommended(&known, &args.tool, recommended, mode);
        snippet.map_or_else(RuleText::default, |snippet| RuleText {
            rule: serde_json::from_str(&snippet.to_compact_json()).ok(),
            snippet: Some(snippet.to_text(format)),
            toml: Some(snippet.to_text(Format::Toml)),
            has_conditions: snippet.looks_at_arguments(),
            is_entry: snippet.is_entry(),
        })
    });
    let text = match args.format {
        ExplainFormat::Text => format_terminal(&explanation),
        ExplainFormat::Json => to_json(&explanation)?,
        ExplainFormat::Markdown => format_markdown(&explanation),
    };
    print(|out| out.write_all(text.as_bytes()))?;
    let is_unknown = !explanation.known && explanation.did_you_mean.is_empty();
    drop(explanation);
    if let (Ok(loaded), Some(place)) = (&loaded, &place)
        && is_unknown
    {
        tool_server::note_near_tool(&args.tool, &loaded.policy, place);
    }
    loaded.map(|_| Exit::Ok)
}
