//! Servers that come with something else: with an extension of Claude Desktop, or with a plugin of Claude Code.
//!
//! The client replaces their files with each update, so they are read, and never changed.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::entry::ClientEntry;
use super::key::key_word;
use super::place::ClientFile;
use super::remote::RemoteEntry;
use super::secret;
use super::table::{Access, Keeper};
use crate::env::Env;
use crate::limits::MAX_CLIENT_FILE;
use crate::paths::read_bytes;
use crate::shell::as_word;
use crate::visible::escape_invisible;

/// An extension or a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// What its client calls it.
    pub name: String,
    /// Its directory.
    pub root: PathBuf,
    /// Whether its client is told not to use it.
    pub is_off: bool,
    /// The directory of the project that it was installed for; `None` if for all.
    pub project: Option<String>,
}

/// Finds the extension whose manifest this is.
pub(super) fn find_extension(manifest: &Path) -> Option<Bundle> {
    let root = manifest.parent()?;
    let id = root.file_name()?.to_str()?;
    let settings = root.parent()?.parent()?.join("Claude Extensions Settings").join(format!("{id}.json"));
    let is_off = read_json(&settings).is_some_and(|settings| settings["isEnabled"] == false);
    Some(Bundle { name: id.to_owned(), root: root.to_owned(), is_off, project: None })
}

/// Finds the files of the installed plugins in which servers can be; `None` if the list of plugins cannot be read.
pub(super) fn find_plugins(list: &Path, env: &Env) -> Option<Vec<(PathBuf, Bundle)>> {
    let listed = read_json(list)?;
    let plugins = listed["plugins"].as_object()?;
    let mut found = Vec::new();
    for (name, installed) in plugins {
        // Once a plugin was installed once.
        let all = installed.as_array().map_or_else(|| vec![installed], |all| all.iter().collect());
        for one in all {
            let root = one["installPath"].as_str().map(PathBuf::from).filter(|root| root.is_absolute());
            let Some(root) = root else { continue };
            let project = one["projectPath"].as_str().filter(|_| one["scope"] != "user");
            let is_off = is_plugin_off(list, name, project.map_or(env.working_dir(), Path::new));
            let bundle = Bundle { name: name.clone(), root, is_off, project: project.map(str::to_owned) };
            found.extend(files_of_plugin(&bundle.root).into_iter().map(|file| (file, bundle.clone())));
        }
    }
    Some(found)
}

/// Returns `.mcp.json`, the manifest, and what the manifest names.
fn files_of_plugin(root: &Path) -> Vec<PathBuf> {
    let manifest = root.join(".claude-plugin").join("plugin.json");
    let named = read_json(&manifest).map(|manifest| match &manifest["mcpServers"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    });
    let is_inside =
        |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let named = named.unwrap_or_default().into_iter().map(PathBuf::from).filter(|path| is_inside(path));
    let mut files = vec![root.join(".mcp.json"), manifest];
    for path in named.map(|path| root.join(path.components().collect::<PathBuf>())) {
        if !files.contains(&path) && path.extension().is_some_and(|ending| ending == "json") {
            files.push(path);
        }
    }
    files
}

/// Whether the settings of Claude Code say that a plugin is not used in a directory. The more special settings hold.
fn is_plugin_off(list: &Path, name: &str, directory: &Path) -> bool {
    let own = list.parent().and_then(Path::parent).map(|home| home.join("settings.json"));
    let project = directory.join(".claude");
    let files = own.into_iter().chain([project.join("settings.json"), project.join("settings.local.json")]);
    let mut said = files.filter_map(|file| read_json(&file)?["enabledPlugins"][name].as_bool());
    said.next_back() == Some(false)
}

fn read_json(file: &Path) -> Option<Value> {
    serde_json::from_slice(&read_bytes(file, MAX_CLIENT_FILE).ok()?).ok()
}

impl Bundle {
    /// Returns the words of a server's command with the directory in place of its variable.
    fn fill_in(&self, words: &[&str]) -> Vec<String> {
        let root = self.root.to_string_lossy();
        let separator = std::path::MAIN_SEPARATOR_STR;
        let known = [
            ("${__dirname}", root.as_ref()),
            ("${CLAUDE_PLUGIN_ROOT}", root.as_ref()),
            ("${/}", separator),
            ("${pathSeparator}", separator),
        ];
        let fill = |word: &str| known.iter().fold(word.to_owned(), |word, (name, value)| word.replace(name, value));
        words.iter().map(|word| fill(word)).collect()
    }
}

impl ClientFile {
    /// Says why a server is not changed here and what to do, if the file is only read.
    pub(crate) fn describe_kept(&self, entry: &ClientEntry) -> Option<(Keeper, String, String)> {
        let Access::Read(keeper) = self.row.access else { return None };
        let file = self.display_name();
        let name = self.bundle.as_ref().map(|bundle| escape_invisible(&bundle.name)).unwrap_or_default();
        let (why, first) = match keeper {
            Keeper::Administrator => {
                let why = format!("{} starts it from {file}, which is not changed from here", self.row.name);
                let how = if entry.remote().is_some() {
                    "`policylayer wrap --url` in place of the address"
                } else {
                    "`policylayer wrap --` before the command"
                };
                return Some((keeper, why, format!("ask the administrator who manages the file to put {how}")));
            }
            Keeper::Extension => (
                format!("the extension {name} brings it along, and Claude Desktop replaces its files with each update"),
                "switch the extension off in the settings of Claude Desktop".to_owned(),
            ),
            Keeper::Plugin => (
                format!("the plugin {name} brings it along, and Claude Code replaces its files with each update"),
                format!("`claude plugin disable {}`", as_word(&name)),
            ),
        };
        let what = if entry.remote().is_some() { "address" } else { "command" };
        Some((keeper, why, format!("{first}, and put its {what} behind the policy: {}", self.register_anew(entry))))
    }

    /// Returns the command that adds a bundle's server to the client's own file.
    fn register_anew(&self, entry: &ClientEntry) -> String {
        let words = entry.words().unwrap_or_default();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let filled = self.bundle.as_ref().map(|bundle| bundle.fill_in(&words)).unwrap_or_default();
        let words = secret::redact_words(&filled);
        let headers = entry.remote().into_iter().flat_map(RemoteEntry::variables);
        let variables = entry.variables.iter().map(String::as_str).chain(headers.map(|(variable, _)| variable));
        let env: String = variables.map(|name| format!(" --env {}", as_word(name))).collect();
        let command = match words.as_slice() {
            [] => "COMMAND".to_owned(),
            words => words.iter().map(|word| as_word(word)).collect::<Vec<_>>().join(" "),
        };
        let is_open = words.iter().any(|word| word.contains("${") || word.contains('…'));
        let values = if is_open { " (with your own values for what stands as ${…} or … there)" } else { "" };
        let (key, id) = (key_word(&entry.name), self.row.id);
        format!("policylayer register {key} --client {id}{env} {} {command}{values}", as_word("--"))
    }
}
