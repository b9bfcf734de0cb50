//! npm's settings that say where it keeps what it installs: from the environment, `.npmrc` files, or npm's own defaults.

use std::path::{Path, PathBuf};

use super::read_text;
use crate::env::Env;
use crate::lookup::{SearchEnv, SearchResult};
use crate::state::file::real_path;

/// Where npm keeps packages.
pub(super) struct NpmDirs {
    /// The nearest directory from the working directory up that has a `package.json` or `node_modules`, or else the working
    /// directory (`loadLocalPrefix` of @npmcli/config).
    pub(super) local: PathBuf,
    /// The `node_modules` of packages that are installed globally.
    pub(super) global: Option<PathBuf>,
    /// Where their programs are linked.
    pub(super) global_programs: Option<PathBuf>,
    /// Where npx keeps what it fetched.
    pub(super) npx_cache: Option<PathBuf>,
}

impl NpmDirs {
    pub(super) fn find(env: &Env) -> Self {
        let local = local_prefix(env);
        let user_file = setting(env, "userconfig").map(PathBuf::from).or_else(|| Some(env.home()?.join(".npmrc")));
        let user = user_file.and_then(|file| read_text(&file)).unwrap_or_default();
        // A project's file cannot set the prefix.
        let prefix = setting(env, "prefix").or_else(|| read_setting(&user, "prefix", env)).map(PathBuf::from);
        let prefix = prefix.or_else(|| default_prefix(env));
        let global_file = prefix.as_ref().and_then(|prefix| read_text(&prefix.join("etc").join("npmrc")));
        let project = read_text(&local.join(".npmrc")).unwrap_or_default();
        let files = [project, user, global_file.unwrap_or_default()];
        let cache = setting(env, "cache").or_else(|| files.iter().find_map(|file| read_setting(file, "cache", env)));
        let cache = cache.map(|cache| env.working_dir().join(cache)).or_else(|| default_cache(env));
        let in_prefix = |dir: &str| prefix.as_ref().map(|prefix| prefix.join(dir));
        let (modules, programs) = if cfg!(windows) { ("node_modules", "") } else { ("lib/node_modules", "bin") };
        Self {
            local,
            global: in_prefix(modules),
            global_programs: in_prefix(programs),
            npx_cache: cache.map(|cache| cache.join("_npx")),
        }
    }
}

/// A setting in the environment: npm ignores the case of `npm_config_…`, and takes `-` for `_`.
fn setting(env: &Env, name: &str) -> Option<String> {
    let is_it = |variable: &str| {
        let variable = variable.to_ascii_lowercase().replace('-', "_");
        variable.strip_prefix("npm_config_") == Some(name)
    };
    env.vars()
        .find(|(variable, value)| variable.to_str().is_some_and(is_it) && !value.is_empty())
        .and_then(|(_, value)| value.to_str().map(str::to_owned))
}

/// A setting in the text of an `.npmrc`: `key = value`, with `${NAME}` for a variable and `~/` for the home directory.
fn read_setting(file: &str, key: &str, env: &Env) -> Option<String> {
    let lines = file.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    let value = lines.filter_map(|line| line.split_once('=')).rfind(|(name, _)| name.trim() == key)?.1;
    let value = value.trim().trim_matches(['"', '\'']);
    let (mut expanded, mut rest) = (String::new(), value);
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}')?;
        expanded.push_str(before);
        expanded.push_str(env.var(name)?.to_str()?);
        rest = after;
    }
    expanded.push_str(rest);
    match expanded.strip_prefix("~/") {
        Some(rest) => env.home()?.join(rest).to_str().map(str::to_owned),
        None => Some(expanded),
    }
}

fn local_prefix(env: &Env) -> PathBuf {
    let dir = env.working_dir();
    let is_package = |dir: &&Path| dir.join("package.json").is_file() || dir.join("node_modules").is_dir();
    let not_inside = dir.ancestors().filter(|dir| dir.file_name().is_none_or(|name| name != "node_modules"));
    not_inside.into_iter().find(is_package).unwrap_or(dir).to_owned()
}

/// `%APPDATA%\npm`, as npm's installer sets it up; elsewhere the directory above that of `node`.
fn default_prefix(env: &Env) -> Option<PathBuf> {
    if cfg!(windows) {
        return Some(env.absolute_var("APPDATA")?.join("npm"));
    }
    let SearchResult::At(node) = SearchEnv::new(env.vars(), env.working_dir()).find_program("node".as_ref()) else {
        return None;
    };
    Some(real_path(&node).ok()?.parent()?.parent()?.to_owned())
}

fn default_cache(env: &Env) -> Option<PathBuf> {
    if cfg!(windows) {
        Some(env.absolute_var("LOCALAPPDATA")?.join("npm-cache"))
    } else {
        Some(env.home()?.join(".npm"))
    }
}
