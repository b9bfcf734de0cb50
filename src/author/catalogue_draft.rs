//! Writes the file of a catalogue, as config/catalogue has it.

use serde_json::{Value, json};

use crate::policy::ServerName;
use crate::policy::server::Started;
use crate::report::catalogue::registry_key;
use crate::risk::{Listed, Profile, Registry, profile_tool};

/// A server as its catalogue identifies it.
#[derive(Debug)]
pub(crate) struct DraftHead<'h> {
    /// Its name.
    pub(crate) server: &'h ServerName,
    /// The package that was started, if the command tells.
    pub(crate) started: Option<&'h Started>,
    /// The version that the server says it has.
    pub(crate) version: &'h str,
}

/// Writes the first version of a catalogue: the classes are the classifier's, and what only a person can say is empty. A test refuses a
/// catalogue that has anything empty, so that no draft is taken for a judgement.
pub(crate) fn write_draft(head: &DraftHead<'_>, tools: &[Listed<'_>]) -> String {
    let package = head.started.and_then(Started::published_as);
    let images = match package {
        Some((Registry::Image, image)) => format!(" \"images\": [{}],\n", json!(image)),
        _ => String::new(),
    };
    let mut tools: Vec<_> = tools.iter().map(|tool| (tool, profile_tool(None, tool))).collect();
    tools.sort_by(|one, other| one.0.name.cmp(&other.0.name));
    tools.dedup_by(|one, other| one.0.name == other.0.name);
    let tools: Vec<_> = tools.iter().map(|(tool, profile)| write_tool(tool, profile)).collect();
    format!(
        "{{\n \"server\": {},\n \"package\": {},\n \"registry\": {},\n \"version\": {},\n{images} \"read_from\": \"started\",\n \
         \"tools\": [\n{}\n ]\n}}\n",
        json!(head.server.as_str()),
        json!(package.map_or("", |(_, name)| name)),
        json!(package.map_or("", |(registry, _)| registry_key(registry))),
        json!(head.version),
        tools.join(",\n"),
    )
}

fn write_tool(tool: &Listed<'_>, profile: &Profile) -> String {
    let mut arguments: Vec<_> = tool.arguments.iter().map(|argument| json!(argument.name).to_string()).collect();
    arguments.sort();
    let mut members: Vec<(&str, Value)> = vec![
        ("tool", json!(tool.name)),
        ("class", json!(profile.class)),
        ("severity", json!(profile.severity)),
        ("pii", json!(profile.pii)),
        ("sends", json!(profile.sends)),
        ("irreversible", json!(profile.irreversible)),
    ];
    if !profile.returns.is_empty() {
        members.push(("returns", json!(profile.returns)));
    }
    if let Some(url) = &profile.facts.url_argument {
        members.push(("url_argument", json!(url)));
    }
    members.extend([("does", json!("")), ("rationale", json!(""))]);
    let mut lines: Vec<_> = members.iter().map(|(key, value)| format!("   \"{key}\": {value}")).collect();
    lines.push(format!("   \"arguments\": [{}]", arguments.join(", ")));
    format!("  {{\n{}\n  }}", lines.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::server::find_started;
    use crate::risk::{Catalogue, CatalogueTool};

    /// What is known of a package is drafted again: the same head, tools and arguments, in the same form.
    #[test]
    fn a_draft_has_the_form_of_the_files() {
        let known = Catalogue::for_server("git").unwrap();
        let item = |tool: &CatalogueTool| {
            let arguments = known.argument_names(&tool.name).unwrap().iter().map(|name| (name.clone(), json!({})));
            json!({ "name": tool.name, "inputSchema": { "properties": arguments.collect::<serde_json::Map<_, _>>() } })
        };
        let tools: Vec<_> = known.tools().iter().rev().filter_map(|tool| Listed::read(&item(tool))).collect();
        let server = ServerName::parse("git").unwrap();
        let started = find_started(&["uvx", "mcp-server-git"]);
        let head = DraftHead { server: &server, started: started.as_ref(), version: known.version };
        let draft = write_draft(&head, &tools);
        // What a person has said, and what can be different.
        let skeleton = |text: &str| -> Vec<String> {
            let is_own = |line: &&str| {
                !["programs", "images", "returns", "readings"].iter().any(|key| line.contains(&format!(" \"{key}\": ")))
            };
            let cut = |line: &str| match line.split_once("\": ") {
                Some((key, _))
                    if !["server", "package", "registry", "version", "read_from", "tool", "arguments"]
                        .iter()
                        .any(|kept| key.ends_with(&format!("\"{kept}"))) =>
                {
                    key.to_owned()
                }
                _ => line.to_owned(),
            };
            text.lines().filter(is_own).map(cut).collect()
        };
        assert_eq!(skeleton(&draft), skeleton(include_str!("../../config/catalogue/git.json")));
        assert!(draft.contains("\"rationale\": \"\""), "{draft}");
    }
}
