//! What uv has installed or cached.
//!
//! uv unpacks each wheel once, into `archive-v0/ID`, and links to it from `wheels-vN/INDEX/NAME/VERSION-TAGS`. On Windows that is
//! a file with the path in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::python_env::{dist_infos, environment_facts};
use super::{FileMoment, PackageFacts, Search, read_text, sha256_of};
use crate::env::Env;
use crate::limits::MAX_PACKAGE_ENTRIES;
use crate::policy::server::What;

/// What uvx runs: an installed tool, unless an option says otherwise, or else what fits from the cache.
pub(super) fn find_uvx(search: &Search<'_>, stated: PackageFacts) -> PackageFacts {
    let What::Package { name, version, spec, .. } = search.started.what() else { return stated };
    let name = normalize_name(name);
    let is_range = version.is_some() && stated.package.version.is_none();
    let ignores_tools = search.has_option(&["--isolated"]) || spec.ends_with("@latest");
    let tool = tool_dir(search.env).map(|tools| tools.join(&name)).filter(|_| !ignores_tools);
    if let Some(found) = tool.and_then(|tool| environment_facts(&tool, &name)) {
        let is_same = stated.package.version.is_none() || stated.package.version == found.package.version;
        let may_not_fit = is_range || search.has_option(&["-p", "--python", "--refresh", "-n", "--no-cache"]);
        match (is_same, may_not_fit) {
            (true, false) => return found,
            (true, true) => return stated.with_gap("uv may take the installed tool, or a newer version"),
            (false, _) => {}
        }
    }
    let wheels = match cache_dir(search.env) {
        Some(cache) => cached_wheels(&cache, &name),
        None => return stated.with_gap("uv's cache cannot be found"),
    };
    let version = match (&stated.package.version, search.moment) {
        (Some(version), _) => version.clone(),
        (None, FileMoment::Before) => return stated.with_gap("uv takes the newest version that fits"),
        (None, FileMoment::After) => {
            let versions: BTreeSet<_> = wheels.iter().map(|wheel| &wheel.version).collect();
            match versions.first() {
                Some(only) if versions.len() == 1 => (*only).clone(),
                Some(_) => return stated.with_gap(
                    "uv's cache has several versions, and does not say which one runs; name the version in the command",
                ),
                None => return stated.with_gap("uv's cache does not have it"),
            }
        }
    };
    let records: BTreeSet<_> =
        wheels.iter().filter(|wheel| wheel.version == version).map(|wheel| &wheel.record).collect();
    let facts = stated.with_version(&version);
    match records.first() {
        Some(Some(record)) if records.len() == 1 => facts.with_integrity(Some(record.clone()), ""),
        Some(_) => facts.with_gap("uv's cache has several wheels of it"),
        None => facts.with_gap("uv's cache does not have it yet"),
    }
}

struct CachedWheel {
    version: String,
    /// The digest of its RECORD, which has the digests of its files.
    record: Option<String>,
}

/// Returns the wheels of a package that the cache has, of whatever index and in whatever format of the cache.
fn cached_wheels(cache: &Path, name: &str) -> Vec<CachedWheel> {
    let buckets = list_dir(cache).into_iter().filter(|dir| has_name(dir, |name| name.starts_with("wheels-v")));
    let indexes = buckets.flat_map(|bucket| {
        list_dir(&bucket.join("index")).into_iter().chain([bucket.join("pypi")]).collect::<Vec<_>>()
    });
    let entries = indexes.flat_map(|index| list_dir(&index.join(name)));
    entries.filter_map(|entry| read_wheel(cache, &entry)).collect()
}

fn read_wheel(cache: &Path, entry: &Path) -> Option<CachedWheel> {
    let name = entry.file_name()?.to_str()?;
    if [".http", ".msgpack", ".lock", ".rev"].iter().any(|ending| name.ends_with(ending)) {
        return None;
    }
    let (version, tags) = name.split_once('-')?;
    tags.contains('-').then_some(())?;
    let archive = if entry.is_dir() { entry.to_owned() } else { cache.join(read_text(entry)?.trim()) };
    let record = dist_infos(&archive).first().and_then(|info| read_text(&info.join("RECORD")));
    Some(CachedWheel { version: version.to_owned(), record: record.map(|record| sha256_of(&record)) })
}

/// The name as PyPI compares it (PEP 503).
pub(super) fn normalize_name(name: &str) -> String {
    let words: Vec<_> = name.split(['-', '_', '.']).filter(|word| !word.is_empty()).collect();
    words.join("-").to_ascii_lowercase()
}

/// `UV_CACHE_DIR`, or where uv has its cache by default (docs.astral.sh/uv/reference/storage).
fn cache_dir(env: &Env) -> Option<PathBuf> {
    let named = env.var("UV_CACHE_DIR").map(|dir| env.working_dir().join(dir));
    named.or_else(|| match cfg!(windows) {
        true => Some(env.absolute_var("LOCALAPPDATA")?.join("uv").join("cache")),
        false => Some(env.absolute_var("XDG_CACHE_HOME").or_else(|| Some(env.home()?.join(".cache")))?.join("uv")),
    })
}

/// `UV_TOOL_DIR`, or where uv installs tools by default.
fn tool_dir(env: &Env) -> Option<PathBuf> {
    let named = env.var("UV_TOOL_DIR").map(|dir| env.working_dir().join(dir));
    named.or_else(|| match cfg!(windows) {
        true => Some(env.absolute_var("APPDATA")?.join("uv").join("data").join("tools")),
        false => {
            let data = env.absolute_var("XDG_DATA_HOME").or_else(|| Some(env.home()?.join(".local").join("share")))?;
            Some(data.join("uv").join("tools"))
        }
    })
}

/// Returns the paths in a directory, of at most [`MAX_PACKAGE_ENTRIES`].
pub(super) fn list_dir(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries.flatten().take(MAX_PACKAGE_ENTRIES).map(|entry| entry.path()).collect()
}

pub(super) fn has_name(path: &Path, is_it: impl FnOnce(&str) -> bool) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(is_it)
}
