//! What npm has installed: in a project, globally, or in npx's cache.
//!
//! The order is that of `libnpmexec`: a program of that name in the project, above it or among the global ones; the package in
//! the project; the global one; npx's cache, in a directory that is named by a digest of what npx was told.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha512};

use super::npm_settings::NpmDirs;
use super::{FileMoment, PackageFacts, Search, hex, read_json};
use crate::policy::server::What;
use crate::risk::Registry;
use crate::state::file::real_path;

const NO_INTEGRITY: &str = "there is no lock file beside it that records its integrity";

/// A `package.json`.
#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    name: String,
    version: String,
    #[serde(default)]
    bin: Value,
}

impl Manifest {
    pub(super) fn read(package: &Path) -> Option<Self> {
        read_json(&package.join("package.json"))
    }

    fn has_program(&self, program: &str) -> bool {
        match &self.bin {
            Value::Object(programs) => programs.contains_key(program),
            Value::String(_) => self.name.rsplit('/').next() == Some(program),
            _ => false,
        }
    }
}

/// `package-lock.json`, and `.package-lock.json` in `node_modules`, which npm writes with what it has installed.
#[derive(Deserialize)]
struct PackageLock {
    #[serde(default)]
    packages: HashMap<String, LockedInstall>,
}

#[derive(Deserialize)]
struct LockedInstall {
    version: Option<String>,
    integrity: Option<String>,
}

/// Finds what npx runs.
pub(super) fn find_npx(search: &Search<'_>, stated: PackageFacts) -> PackageFacts {
    let What::Package { name, version, spec, .. } = search.started.what() else { return stated };
    let dirs = NpmDirs::find(search.env);
    if spec == name && search.started.program().is_none() {
        if Manifest::read(&dirs.local).is_some_and(|project| project.has_program(name)) {
            return stated.with_gap("the project in the working directory has a program of that name");
        }
        if let Some(program) = find_program(&dirs, name) {
            return facts_of_program(&program).unwrap_or_else(|| {
                stated.with_gap("a program of that name is installed, and what it belongs to is unclear")
            });
        }
    }
    let is_meant = |found: &PackageFacts| match &stated.package.version {
        Some(exact) => found.package.version.as_ref() == Some(exact),
        // Of a tag or a range, npm asks the registry first.
        None => version.is_none() && spec == name,
    };
    let global = dirs.global.filter(|_| search.started.program().is_none());
    let installed = [Some(dirs.local.join("node_modules")), global].into_iter().flatten();
    if let Some(found) = installed.filter_map(|modules| installed_facts(&modules, name)).find(is_meant) {
        return found;
    }
    let cached =
        dirs.npx_cache.and_then(|cache| installed_facts(&cache.join(cache_key(spec)).join("node_modules"), name));
    match (cached, &stated.package.version, search.moment) {
        (Some(found), Some(_), _) if is_meant(&found) => found,
        (Some(found), None, FileMoment::After) => found,
        (_, Some(_), _) => stated.with_gap("npx's cache does not have it yet"),
        (_, None, _) => stated.with_gap("npx asks the registry which version is newest"),
    }
}

/// The directory in npx's cache.
pub(super) fn cache_key(spec: &str) -> String {
    let mut key = hex(&Sha512::digest(spec));
    key.truncate(16);
    key
}

/// Finds a program that npx runs before it looks for a package of that name.
fn find_program(dirs: &NpmDirs, name: &str) -> Option<PathBuf> {
    let linked = dirs.local.ancestors().map(|dir| dir.join("node_modules").join(".bin").join(name));
    let global = dirs.global_programs.as_ref().map(|programs| programs.join(name));
    linked.chain(global).find(|program| program.is_file())
}

/// Returns what an installed program belongs to: its real path leads into a package, or it is a script beside the packages
/// that has the path of one, as on Windows.
pub(super) fn facts_of_program(program: &Path) -> Option<PackageFacts> {
    let real = real_path(program).ok()?;
    if let Some(found) = facts_of_file(&real) {
        return Some(found);
    }
    let name = program.file_name()?.to_str()?;
    let name = [".cmd", ".ps1"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    let dir = program.parent()?;
    let modules =
        if dir.file_name() == Some(OsStr::new(".bin")) { dir.parent()?.to_owned() } else { dir.join("node_modules") };
    let script = super::read_text(&real)?.replace('\\', "/");
    let inside = script.split(['"', '\'', ' ', '\n']).find_map(|word| {
        let path = ["%dp0%/", "%~dp0/", "%~dp0", "$basedir/"].iter().find_map(|dir| word.strip_prefix(dir))?;
        Some(modules.join(path.strip_prefix("node_modules/").or_else(|| path.strip_prefix("../"))?))
    })?;
    let found = facts_of_file(&inside)?;
    let manifest = Manifest::read(&modules.join(&found.package.name))?;
    manifest.has_program(name).then_some(found)
}

/// Returns the package of a file below a `node_modules`.
pub(super) fn facts_of_file(file: &Path) -> Option<PackageFacts> {
    let parts: Vec<_> = file.components().collect();
    let at = parts.iter().rposition(|part| part.as_os_str() == "node_modules")?;
    let modules: PathBuf = parts.get(..=at)?.iter().collect();
    let name = |part: Option<&Component<'_>>| part?.as_os_str().to_str().map(str::to_owned);
    let first = name(parts.get(at + 1))?;
    let (name, depth) =
        if first.starts_with('@') { (format!("{first}/{}", name(parts.get(at + 2))?), 2) } else { (first, 1) };
    (parts.len() > at + 1 + depth).then(|| installed_facts(&modules, &name))?
}

/// Returns the package of that name in a `node_modules`, with its integrity if a lock file there has the same version.
fn installed_facts(modules: &Path, name: &str) -> Option<PackageFacts> {
    let manifest = Manifest::read(&modules.join(name)).filter(|manifest| manifest.name == name)?;
    let key = format!("node_modules/{name}");
    let files = [modules.join(".package-lock.json"), modules.with_file_name("package-lock.json")];
    let integrity = files.iter().find_map(|file| {
        let found = read_json::<PackageLock>(file)?.packages.remove(&key)?;
        found.integrity.filter(|_| found.version.as_ref() == Some(&manifest.version))
    });
    Some(PackageFacts::new(Registry::Npm, name, Some(&manifest.version)).with_integrity(integrity, NO_INTEGRITY))
}
