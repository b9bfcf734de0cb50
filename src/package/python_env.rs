//! A Python environment: which of its packages has a program, and what was installed of it.

use std::path::{Path, PathBuf};

use super::pypi::{has_name, list_dir, normalize_name};
use super::{PackageFacts, read_text, sha256_of};
use crate::risk::Registry;

/// Returns the package of that normalized name in an environment.
pub(super) fn environment_facts(environment: &Path, name: &str) -> Option<PackageFacts> {
    let infos = site_packages(environment).iter().flat_map(|site| dist_infos(site)).collect::<Vec<_>>();
    let found = infos.into_iter().find_map(|info| {
        let (found, version) = read_name(&info)?;
        (normalize_name(&found) == name).then_some((info, version))
    });
    let (info, version) = found?;
    Some(installed_facts(&info, name, &version))
}

/// Returns the package that installed a program into an environment: the one whose RECORD lists it.
pub(super) fn facts_of_program(program: &Path) -> Option<PackageFacts> {
    let environment = program.parent()?.parent()?;
    environment.join("pyvenv.cfg").is_file().then_some(())?;
    let name = program.file_name()?.to_str()?;
    let lists_it = |info: &PathBuf| {
        let record = read_text(&info.join("RECORD")).unwrap_or_default();
        record.lines().any(|line| {
            let path = line.split(',').next().unwrap_or_default().replace('\\', "/");
            path.starts_with("../") && path.rsplit('/').next() == Some(name)
        })
    };
    let info = site_packages(environment).iter().flat_map(|site| dist_infos(site)).find(lists_it)?;
    let (found, version) = read_name(&info)?;
    Some(installed_facts(&info, &normalize_name(&found), &version))
}

fn installed_facts(info: &Path, name: &str, version: &str) -> PackageFacts {
    let facts = PackageFacts::new(Registry::Pypi, name, Some(version));
    let record = read_text(&info.join("RECORD"));
    let scripts = read_text(&info.join("entry_points.txt")).unwrap_or_default();
    let integrity = record
        .map(|record| sha256_of(&installed_record(&record, &scripts)).replacen("sha256:", "installed-sha256:", 1));
    facts.with_integrity(integrity, "its environment has no record of its files")
}

/// A RECORD without what installers add, and in one order: so a new installation of the same release is the same.
fn installed_record(record: &str, entry_points: &str) -> String {
    const ADDED: [&str; 5] = ["RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"];
    let scripts: Vec<_> = entry_points
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0.trim()))
        .filter(|name| !name.is_empty())
        .collect();
    let is_kept = |line: &&str| {
        let path = line.split(',').next().unwrap_or_default().replace('\\', "/");
        let file = path.rsplit('/').next().unwrap_or_default();
        let is_script = path.starts_with("../") && scripts.contains(&file.strip_suffix(".exe").unwrap_or(file));
        let is_added = path.contains(".dist-info/") && ADDED.contains(&file);
        !line.is_empty() && !is_script && !is_added && !file.ends_with(".pyc")
    };
    let mut lines: Vec<_> = record.lines().filter(is_kept).collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// The name and version in `mcp_server_git-2026.1.1.dist-info`.
fn read_name(info: &Path) -> Option<(String, String)> {
    let (name, version) = info.file_name()?.to_str()?.strip_suffix(".dist-info")?.rsplit_once('-')?;
    Some((name.to_owned(), version.to_owned()))
}

fn site_packages(environment: &Path) -> Vec<PathBuf> {
    let versions =
        list_dir(&environment.join("lib")).into_iter().filter(|dir| has_name(dir, |name| name.starts_with("python")));
    versions.chain([environment.join("Lib")]).map(|dir| dir.join("site-packages")).collect()
}

/// The `.dist-info` directories in a directory, by their names.
pub(super) fn dist_infos(dir: &Path) -> Vec<PathBuf> {
    let mut infos = list_dir(dir);
    infos.retain(|entry| has_name(entry, |name| name.ends_with(".dist-info")));
    infos.sort();
    infos
}
