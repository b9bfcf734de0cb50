//! Derives the name of a server from its package, module, image or script.

use sha2::{Digest as _, Sha256};

use super::ServerName;
use super::launcher::is_listed;

const ENDINGS: &str = "js mjs cjs ts mts py pyz jar exe cmd bat ps1 sh rb php dll";

/// Names of files and directories that say nothing about the server.
const GENERIC: &str = "index main --main-- cli app mod start run stdio program launch wrapper bin .bin dist build src \
    lib out target release debug cmd node-modules venv .venv scripts .";

/// Parts of a server's path that say nothing about it.
const GENERIC_PATH: &str = "mcp sse http api rpc beta stream streamable messages message server servers v1 v2 v3";

/// The longest part of a path that is taken for a word.
const LONGEST_WORD: usize = 20;

/// Derives the name from a package of a registry or a repository, with or without a version.
pub(super) fn from_package(spec: &str) -> Option<ServerName> {
    let spec = ["npm:", "jsr:"].iter().find_map(|registry| spec.strip_prefix(registry)).unwrap_or(spec);
    if let Some(scoped) = spec.strip_prefix('@') {
        let (scope, name) = scoped.split_once('/')?;
        let name = name.split(['@', '/']).next().unwrap_or_default();
        return without_noise(name).or_else(|| without_noise(scope)).or_else(|| ServerName::from_derived(scope));
    }
    if spec.contains(['/', '\\']) {
        return from_script(spec);
    }
    // Extras, versions and markers: `pkg[cli]==1.2; python_version > "3"`, `pkg@latest`.
    let name = spec.split(['@', '=', '<', '>', '~', '!', '[', ';', ' ']).next().unwrap_or_default();
    without_noise(name).or_else(|| ServerName::from_derived(name))
}

pub(super) fn from_module(module: &str) -> Option<ServerName> {
    without_noise(module.split('.').next().unwrap_or_default())
}

/// Derives the name from a host, with its port, and from what tells the servers on it apart: `mcp.linear.app`, `localhost-8080`,
/// `server.smithery.ai-owner-github`. What could be a key stands there as some digits of its digest.
pub(super) fn from_address(host: &str, path: &str) -> Option<ServerName> {
    let host = host.replace(':', "-");
    let named = ServerName::from_derived(&host)?;
    let telling = |segment: &&str| !is_listed(GENERIC_PATH, &segment.to_lowercase());
    let segments: Vec<&str> = path_segments(path).into_iter().filter(telling).collect();
    if segments.is_empty() {
        return Some(named);
    }
    let is_word = |segment: &&str| {
        let word = segment.strip_prefix('@').unwrap_or(segment);
        (1..=LONGEST_WORD).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
    };
    let words: String = segments.iter().map(|word| format!("-{}", word.trim_start_matches('@'))).collect();
    let words = segments.iter().all(is_word).then(|| ServerName::from_derived(&(host.clone() + &words))).flatten();
    words.or_else(|| {
        let digest = Sha256::digest(segments.join("/"));
        let digits: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        ServerName::from_derived(&format!("{host}-{digits}")).or(Some(named))
    })
}

/// Derives the name from a container image, with or without registry, tag and digest.
pub(super) fn from_image(image: &str) -> Option<ServerName> {
    let path = image.split('@').next().unwrap_or_default();
    let mut segments = path_segments(path).into_iter().rev();
    let last = segments.next()?.split(':').next().unwrap_or_default();
    // If the image is just called `mcp-server`, its owner names it; a registry has a dot or a port.
    without_noise(last).or_else(|| segments.next().filter(|owner| !owner.contains(['.', ':'])).and_then(without_noise))
}

/// Derives the name from a script, program or directory: its package, or else the last telling part of its path.
pub(super) fn from_script(path: &str) -> Option<ServerName> {
    if path.starts_with("npm:") || path.starts_with("jsr:") {
        return from_package(path);
    }
    let segments = path_segments(path);
    let after_modules = segments.iter().rposition(|segment| *segment == "node_modules").map(|at| at + 1);
    let scoped = segments.iter().rposition(|segment| segment.len() > 1 && segment.starts_with('@'));
    match (after_modules.and_then(|at| segments.get(at)), scoped.map(|at| segments.get(at..=at + 1))) {
        (_, Some(Some(package))) => return from_package(&package.join("/")),
        (Some(package), _) if *package != ".bin" => return from_package(package),
        _ => {}
    }
    let telling = segments.iter().rev().find_map(|segment| {
        let name = file_stem(segment);
        let is_generic = is_listed(GENERIC, &name.to_lowercase().replace('_', "-"));
        if is_generic { None } else { without_noise(name) }
    });
    // A program that is just called `mcp-server` has at least that name.
    let own = || segments.last().map(|segment| file_stem(segment)).filter(|name| name.to_lowercase().contains("mcp"));
    telling.or_else(|| own().and_then(ServerName::from_derived))
}

pub(super) fn path_segments(path: &str) -> Vec<&str> {
    path.split(['/', '\\']).filter(|segment| !segment.is_empty()).collect()
}

/// A file's name without version, repository and program endings: `x@v1`, `x.git@main`, `x.js`.
fn file_stem(segment: &str) -> &str {
    let name = segment.split(['@', '#', '?']).next().unwrap_or_default();
    let name = name.strip_suffix(".git").unwrap_or(name);
    match name.rsplit_once('.') {
        Some((stem, ending)) if is_listed(ENDINGS, &ending.to_ascii_lowercase()) => stem,
        _ => name,
    }
}

/// Removes the words that every server has in its name. `None` if nothing is left.
pub(super) fn without_noise(name: &str) -> Option<ServerName> {
    let lower = name.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter(|word| !word.is_empty()).collect();
    let is_noise = |word: &&str| matches!(*word, "mcp" | "server");
    let start = words.iter().position(|word| !is_noise(word))?;
    let end = words.iter().rposition(|word| !is_noise(word))?;
    ServerName::from_derived(words.get(start..=end)?.join("-").trim_matches('.'))
}
