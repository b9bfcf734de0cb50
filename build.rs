//! Gives the Windows program its manifest, and packs the catalogues.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use embed_manifest::{embed_manifest, new_manifest};
use miniz_oxide::deflate::compress_to_vec_zlib;
use serde_json::{Map, Value};

fn main() -> io::Result<()> {
    io::stdout().write_all(b"cargo::rerun-if-changed=build.rs\ncargo::rerun-if-changed=config/catalogue\n")?;
    if env::var_os("CARGO_CFG_TARGET_OS").is_some_and(|system| system == "windows") {
        // Paths of more than 260 characters if the system is set so, and UTF-8 for what C code gets. There is no dependency on
        // the controls of Windows, since the program has none.
        let manifest = new_manifest("policylayer").remove_dependency("Microsoft.Windows.Common-Controls");
        embed_manifest(manifest)?;
    }
    write_catalogues(&PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()))
}

/// Writes the catalogues as a list in Rust, so that nothing is parsed at start: what identifies the server as constants, and its
/// tools as packed JSON.
fn write_catalogues(out: &Path) -> io::Result<()> {
    let files = files_by_name(Path::new("config/catalogue"))?;
    let mut list = format!("static CATALOGUES: [Catalogue; {}] = [\n", files.len());
    for (name, file) in files {
        list += &write_catalogue(&fs::read(&file)?, &out.join(name))
            .map_err(|error| io::Error::other(format!("{}: {error}", file.display())))?;
    }
    fs::write(out.join("catalogues.rs"), list + "];\n")
}

/// Returns the files of a directory by their names without an ending, sorted.
fn files_by_name(dir: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    fs::read_dir(dir)?.map(|entry| entry.map(|entry| (name(&entry.path()), entry.path()))).collect()
}

/// Returns one catalogue as Rust has it. `packed` is the file for its tools.
fn write_catalogue(json: &[u8], packed: &Path) -> io::Result<String> {
    let mut head: Map<String, Value> = serde_json::from_slice(json)?;
    let tools = head.remove("tools").ok_or_else(|| io::Error::other("there is no member `tools`"))?;
    fs::write(packed, compress_to_vec_zlib(tools.to_string().as_bytes(), 9))?;
    let mut text = |key: &str| match head.remove(key) {
        Some(Value::String(text)) => Ok(format!("{text:?}")),
        _ => Err(io::Error::other(format!("`{key}` must be a text"))),
    };
    let (server, package, version, read_from) =
        (text("server")?, text("package")?, text("version")?, text("read_from")?);
    let registry = match text("registry")?.as_str() {
        "\"npm\"" => "Npm",
        "\"pypi\"" => "Pypi",
        "\"image\"" => "Image",
        other => return Err(io::Error::other(format!("`registry` must be npm, pypi or image, not {other}"))),
    };
    let fields_from = match head.remove("fields_from") {
        None => String::from("None"),
        Some(Value::String(text)) => format!("Some({text:?})"),
        Some(_) => return Err(io::Error::other("`fields_from` must be a text")),
    };
    let mut names = |key: &str| match head.remove(key).unwrap_or_else(|| Value::Array(Vec::new())) {
        Value::Array(names) if names.iter().all(Value::is_string) => Ok(format!("&{}", Value::Array(names))),
        _ => Err(io::Error::other(format!("`{key}` must be a list of names"))),
    };
    let (programs, images, hosts) = (names("programs")?, names("images")?, names("hosts")?);
    if let Some(unknown) = head.keys().next() {
        return Err(io::Error::other(format!("unknown key `{unknown}`")));
    }
    Ok(format!(
        "    Catalogue {{ server: {server}, package: {package}, registry: Registry::{registry}, version: {version}, \
         read_from: {read_from}, fields_from: {fields_from}, programs: {programs}, images: {images}, hosts: {hosts}, \
         packed: include_bytes!({packed:?}), tools: OnceLock::new() }},\n"
    ))
}
