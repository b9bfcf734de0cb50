//! The layers: modules import downwards only, and the core does no I/O and reads no clock, however an import is spelled.
//!
//! The core may use what is listed here of `std` and of other crates, so that what is new has to be looked at first. Code for
//! tests may do as it likes.

use super::files;
use super::source::{Crate, Mention, Module, Segments, What};

/// The modules, lowest first: each may use those before it.
const ORDER: [&str; 35] = [
    "block_bits",
    "limits",
    "unicode",
    "visible",
    "size",
    "wire",
    "risk",
    "lock",
    "content",
    "provenance",
    "policy",
    "record",
    "engine",
    "state",
    "exit",
    "env",
    "shell",
    "lookup",
    "settings",
    "paths",
    "package",
    "audit",
    "clients",
    "proxy",
    "probe",
    "report",
    "author",
    "term",
    "web",
    "cli",
    "cmd",
    "program",
    "main",
    "lib",
    "",
];

/// The modules that do no I/O.
const CORE: [&str; 14] = [
    "block_bits",
    "limits",
    "unicode",
    "visible",
    "size",
    "wire",
    "risk",
    "lock",
    "content",
    "provenance",
    "policy",
    "record",
    "engine",
    "settings",
];

/// What the core may use of `std`, `core` and `alloc`, with all that is below.
const STD: [&str; 31] = [
    "any",
    "array",
    "ascii",
    "borrow",
    "boxed",
    "cell",
    "char",
    "cmp",
    "collections",
    "convert",
    "default",
    "error",
    "ffi",
    "fmt",
    "hash",
    "iter",
    "marker",
    "mem",
    "num",
    "ops",
    "option",
    "path",
    "primitive",
    "ptr::eq",
    "rc",
    "result",
    "slice",
    "str",
    "string",
    "time::Duration",
    "vec",
];

/// What the core may use of `std::sync`: nothing that waits.
const STD_SYNC: [&str; 8] = ["atomic", "Arc", "LazyLock", "Mutex", "MutexGuard", "OnceLock", "PoisonError", "Weak"];

/// The macros of `std` that the core may call.
const STD_MACROS: [&str; 15] = [
    "assert",
    "assert_eq",
    "assert_ne",
    "concat",
    "debug_assert",
    "debug_assert_eq",
    "env",
    "format",
    "format_args",
    "include_bytes",
    "include_str",
    "matches",
    "stringify",
    "unreachable",
    "vec",
];

/// What does I/O without naming a crate.
const IO_MACROS: [&str; 7] = ["print", "println", "eprint", "eprintln", "dbg", "asm", "global_asm"];

/// The crates that the core may use: they compute.
const CRATES: [&str; 24] = [
    "annotate_snippets",
    "blake3",
    "fearless_simd",
    "granit_parser",
    "hmac",
    "jiff",
    "jsonc_parser",
    "memchr",
    "miniz_oxide",
    "regex_automata",
    "regex_syntax",
    "ring",
    "schemars",
    "serde",
    "serde_json",
    "sha2",
    "simdutf8",
    "strsim",
    "thiserror",
    "toml",
    "toml_edit",
    "unicode_general_category",
    "unicode_normalization",
    "unicode_script",
];

/// What reads a clock or a file in them, and in what is listed of `std`.
const EXCEPT: [&str; 8] = [
    "std::path::absolute",
    "std::hash::RandomState",
    "std::collections::hash_map::RandomState",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "jiff::tz",
    "ring::rand",
    "serde_json::from_reader",
];

/// The methods of a path that look at the disk.
const DISK_METHODS: [&str; 11] = [
    "canonicalize",
    "exists",
    "is_dir",
    "is_file",
    "is_symlink",
    "metadata",
    "read_dir",
    "read_link",
    "symlink_metadata",
    "try_exists",
    "write_all",
];

/// Attributes of the language and of derives that stand for no crate.
const TOOLS: [&str; 4] = ["clippy", "rustfmt", "diagnostic", "rust_analyzer"];

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|other| *other == module)
}

/// Everything that breaks the layers, in words.
fn check(read: &Crate) -> Vec<String> {
    read.modules
        .values()
        .flat_map(|module| module.mentions.iter().filter_map(|mention| fault(read, module, mention)))
        .collect()
}

fn fault(read: &Crate, module: &Module, mention: &Mention) -> Option<String> {
    let here = module.path.first().map_or("lib", String::as_str);
    let Some(rank_here) = rank(here) else { return Some(format!("the module {here:?} has no place in the order")) };
    if mention.is_test {
        return None;
    }
    let is_core = CORE.contains(&here);
    let (written, meanings) = match &mention.what {
        What::Path(path) | What::Glob(path) | What::Macro(path) => (path.join("::"), read.resolve(&module.path, path)),
        What::Word(word) => {
            let is_crate = matches!(word.as_str(), "std" | "core" | "alloc");
            return (is_core && is_crate).then(|| format!("{}: a macro is given `{word}`", module.file));
        }
        What::Method(method) => {
            let is_io = is_core && DISK_METHODS.contains(&method.as_str());
            return is_io.then(|| format!("{}: `.{method}()` looks at the disk", module.file));
        }
        What::Construct(what) => return is_core.then(|| format!("{}: {what}", module.file)),
    };
    let whole = matches!(mention.what, What::Glob(_));
    for meaning in &meanings {
        let means = meaning.join("::");
        let broken = match meaning.first().map(String::as_str) {
            Some("crate") => match meaning.get(1).and_then(|top| Some((top, rank(top)?))) {
                Some((top, rank)) if rank > rank_here => Some(format!("stands above it: {top}")),
                Some((top, _)) if is_core && !CORE.contains(&top.as_str()) => {
                    Some(format!("is not of the core: {top}"))
                }
                // Of the crate's root itself nothing but modules can be imported.
                None if whole && here != "lib" && meanings.iter().all(|meaning| meaning.len() == 1) => {
                    Some("is the whole crate".to_owned())
                }
                _ => None,
            },
            _ if !is_core => None,
            Some(_) if matches!(mention.what, What::Macro(_)) => may_not_call(meaning),
            _ => may_not_use(meaning, whole),
        };
        if let Some(why) = broken {
            return Some(format!("{}: `{written}`, which is {means}, {why}", module.file));
        }
    }
    None
}

/// Why the core may not call a macro of another crate, or one that stands for itself: its own, or one of `std`.
fn may_not_call(meaning: &[String]) -> Option<String> {
    match meaning {
        [name] => IO_MACROS.contains(&name.as_str()).then(|| "does I/O".to_owned()),
        [first, name] if matches!(first.as_str(), "std" | "core" | "alloc") => {
            (!STD_MACROS.contains(&name.as_str())).then(|| "is a macro that the core does not use".to_owned())
        }
        _ => may_not_use(meaning, false),
    }
}

/// Why the core may not use something of another crate.
fn may_not_use(meaning: &[String], whole: bool) -> Option<String> {
    let (first, rest) = meaning.split_first()?;
    let first = if matches!(first.as_str(), "core" | "alloc") { "std" } else { first.as_str() };
    let rest = rest.join("::");
    let means = if rest.is_empty() { first.to_owned() } else { format!("{first}::{rest}") };
    let is_below =
        |path: &str, top: &str| path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    let is_in = |except: &str| except.rsplit_once("::").is_some_and(|(parent, _)| parent == means);
    if EXCEPT.iter().any(|except| is_below(&means, except) || (whole && is_in(except))) {
        return Some("reads a clock, a file or randomness".to_owned());
    }
    let [.., owner, last] = meaning else { return check_root(first, whole) };
    if DISK_METHODS.contains(&last.as_str()) && owner.starts_with(char::is_uppercase) {
        return Some("looks at the disk".to_owned());
    }
    if first == "std" {
        let sync = STD_SYNC.iter().map(|name| format!("sync::{name}"));
        let mut allowed = STD.iter().map(|name| (*name).to_owned()).chain(sync);
        let is_allowed = allowed.any(|top| is_below(&rest, &top) || (!whole && is_below(&top, &rest)));
        return (!is_allowed).then(|| "may do I/O".to_owned());
    }
    check_root(first, whole)
}

/// Why the core may not use a crate as such.
fn check_root(name: &str, whole: bool) -> Option<String> {
    if name == "std" {
        return whole.then(|| "brings all of it".to_owned());
    }
    (!CRATES.contains(&name) && !TOOLS.contains(&name)).then(|| "is a crate that the core does not use".to_owned())
}

#[test]
fn modules_import_downwards_and_the_core_does_no_io() {
    let sources = files("src", &["rs"]);
    let read = Crate::parse(sources.iter().map(|(file, text)| (file.as_str(), text.as_str())));
    let broken = check(&read);
    assert!(broken.is_empty(), "{broken:#?}");
    // The reading itself works: what the modules use is seen.
    let uses = |from: &str, top: &str| {
        let modules = read.modules.values().filter(|module| module.path.first().is_some_and(|first| first == from));
        let paths = modules.flat_map(|module| {
            module.mentions.iter().filter_map(|mention| match &mention.what {
                What::Path(path) => Some(read.resolve(&module.path, path)),
                _ => None,
            })
        });
        paths.flatten().any(|path: Segments| path.get(1).is_some_and(|second| second == top))
    };
    for (from, top) in
        [("engine", "policy"), ("audit", "record"), ("cmd", "paths"), ("state", "fs"), ("proxy", "process")]
    {
        assert!(uses(from, top), "{from} uses {top}");
    }
}

/// A crate of some modules, in which `code` stands in the file `file`.
fn broken_by(file: &str, code: &str) -> Vec<String> {
    let mut sources = vec![
        (
            "src/lib.rs",
            "mod limits; mod policy; mod record; mod engine; mod env; mod audit; mod cmd; mod term; mod probe;",
        ),
        ("src/limits.rs", "pub const MAX: usize = 1;"),
        ("src/policy.rs", "pub mod deep; pub use std::fmt; pub struct Policy;"),
        ("src/policy/deep.rs", "pub use super::super::limits as bounds; pub struct Deep;"),
        ("src/record.rs", "pub struct Record;"),
        ("src/engine.rs", "pub struct Engine;"),
        ("src/env.rs", "pub use std::fs; pub struct Env;"),
        ("src/audit.rs", "pub struct Log; pub fn log() {}"),
        ("src/probe.rs", "pub struct Probe;"),
        ("src/term.rs", "pub struct Table;"),
        ("src/cmd.rs", "pub fn run() {}"),
    ];
    match sources.iter_mut().find(|(other, _)| *other == file) {
        Some((_, text)) => *text = code,
        None => sources.push((file, code)),
    }
    check(&Crate::parse(sources))
}

#[test]
fn io_and_clocks_are_seen_in_every_spelling() {
    for code in [
        "use std::fs;",
        "use ::std::fs;",
        "use std::fs::File;",
        "use std::{fs, env};",
        "use std::{fmt, io::{self, Read as _}};",
        "use std::{collections::HashMap, time::{Duration, Instant}};",
        "use std::fs as files;",
        "use std::fs as _;",
        "use r#std::r#fs;",
        "use std::*;",
        "use std::time::*;",
        "use std::prelude::v1 as all;",
        "use std::os::unix::fs::MetadataExt;",
        "use core::time; use std::sync::mpsc;",
        "use {std::env};",
        "use std::{self as s}; fn f() { s::fs::read(p); }",
        "use std as s; fn f() -> s::io::Result<()> { g() }",
        "use std::time as t; fn f() { let now = t::SystemTime::now(); }",
        "use std::time; fn f(now: time::Instant) {}",
        "use std::time; struct S { at: Option<Vec<time::SystemTime>> }",
        "extern crate std as x;\nfn f() { x::fs::read(p); }",
        "extern crate tokio;",
        "fn f() { std::fs::read(p); }",
        "fn f() { ::std::fs::read(p); }",
        "fn f() { let _ = std::env::var; }",
        "fn f(file: &mut std::fs::File) {}",
        "fn f() -> impl std::io::Read { g() }",
        "fn f() { <std::fs::File as Default>::default(); }",
        "impl std::io::Write for S {}",
        "type F = std::net::TcpStream;",
        "static S: std::sync::Condvar = g();",
        "const C: fn() = std::process::abort;",
        "trait T: std::io::Read {}",
        "enum E { A(std::thread::Thread) }",
        "fn f() { use std::fs::read; read(p); }",
        "mod inner { use std::fs; }",
        "mod inner { pub mod files { pub use std::fs as f; } } fn f() { inner::files::f::read(p); }",
        "fn f() { println!(\"x\"); }",
        "fn f() { std::eprintln!(\"x\"); }",
        "fn f() { dbg!(x); }",
        "fn f() { vec![format!(\"{}\", std::fs::read(p))]; }",
        "fn f() { vec![println!(\"x\")]; }",
        "fn f() { assert!(path.exists()); }",
        "fn f() { call!(return ::std::fs::read(p)); }",
        "fn f() { call!(std, fs); }",
        "macro_rules! m { () => { std::fs::read(p) } }",
        "macro_rules! m { () => { use std::{fmt, fs}; } }",
        "macro_rules! m { ($x:ident) => { use $x::fs; } }",
        "macro_rules! m { ($x:ident) => { $x::fs::read(p) } }",
        "fn f() { include_str!(\"/etc/passwd\"); }",
        "fn f() { include_bytes!(concat!(env!(\"HOME\"), \"/x\")); }",
        "const C: &str = env!(\"HOME\");",
        "const C: Option<&str> = option_env!(\"PATH\");",
        "#[path = \"/tmp/x.rs\"] mod x;",
        "extern \"C\" { fn getpid() -> i32; }",
        "#[derive(serde::Serialize)] struct S { #[serde(serialize_with = \"std::fs::write\")] a: u8 }",
        "#[tokio::main] async fn f() {}",
        "fn f(path: &std::path::Path) -> bool { path.is_file() }",
        "use std::path::Path; fn f() { Path::exists(p); }",
        "use std::path::Path as P; fn f() { paths.filter(P::is_dir); }",
        "use std::path::Path; fn f() { <Path>::canonicalize(p); }",
        "use std::path; fn f() { path::absolute(p); }",
        "use jiff::Timestamp; fn f() { Timestamp::now(); }",
        "use jiff::*;",
        "use jiff::tz::TimeZone;",
        "fn f() { tokio::spawn(g()); }",
        "fn f() -> anyhow::Result<()> { g() }",
        "use {rustix, libc};",
        "use tempfile::NamedTempFile;",
        "use getrandom;",
        "fn f() { getrandom::fill(b); }",
        "use rusqlite::Connection;",
        "use a_crate_that_is_new::anything;",
        "use super::env::fs;",
        "use crate::env::Env;",
        "#[cfg(not(test))] use std::fs;",
        "#[cfg(any(test, unix))] use std::fs;",
        "#[cfg(windows)] mod windows { fn f() { std::fs::read(p); } }",
    ] {
        assert!(!broken_by("src/policy.rs", code).is_empty(), "not seen: {code}");
    }
    // Through another module of the core.
    let mut sources = vec![("src/lib.rs", "extern crate std as x; mod limits; mod policy; mod engine;")];
    for (limits, policy) in [
        ("pub use std::fs as bound;", "fn f() { crate::limits::bound::read(p); }"),
        ("pub use std as all;", "use super::limits::all::fs;"),
        ("pub use std as all;", "use crate::limits::*; fn f() { all::fs::read(p); }"),
        ("pub use std as all;", "use super::*; fn f() { limits::all::env::var(n); }"),
        ("", "fn f() { x::fs::read(p); }"),
        ("", "fn f() { crate::x::fs::read(p); }"),
    ] {
        sources.truncate(1);
        sources.extend([("src/limits.rs", limits), ("src/policy.rs", policy)]);
        let broken = check(&Crate::parse(sources.iter().copied()));
        assert!(
            broken.iter().any(|broken| broken.starts_with("src/policy.rs")),
            "not seen: {limits} {policy}: {broken:?}"
        );
    }
}

#[test]
fn an_upward_import_is_seen_in_every_spelling() {
    for code in [
        "use crate::audit;",
        "use crate::audit::Log;",
        "use crate::{audit as a};",
        "use crate::{limits::MAX, audit::{self, Log}};",
        "use super::audit;",
        "use super::{limits, audit::Log as L};",
        "use self::super::audit;",
        "use super::*; fn f() { audit::log(); }",
        "use crate::*; fn f() { audit::log(); }",
        "use crate as c; fn f() { c::audit::log(); }",
        "use super as up; fn f() { up::audit::log(); }",
        "extern crate self as me; fn f() { me::audit::log(); }",
        "use policylayer::audit;",
        "fn f() { crate::audit::log(); }",
        "fn f() { super::audit::log(); }",
        "fn f(log: &crate::audit::Log) {}",
        "fn f() { vec![crate::audit::log()]; }",
        "macro_rules! m { () => { $crate::audit::log() } }",
        "impl From<crate::cmd::Run> for X {}",
        "mod inner { use super::super::audit; }",
        "mod inner { fn f() { super::super::audit::log(); } }",
        "mod inner { pub use super::super::audit as a; } fn f() { inner::a::log(); }",
        "pub use crate::audit::*;",
    ] {
        assert!(!broken_by("src/policy.rs", code).is_empty(), "not seen: {code}");
        assert!(!broken_by("src/env.rs", code).is_empty(), "not seen above the core: {code}");
    }
    for code in
        ["use super::super::audit;", "use super::super::super::audit;", "fn f() { super::super::audit::log(); }"]
    {
        assert!(!broken_by("src/policy/deep.rs", code).is_empty(), "not seen: {code}");
    }
    assert!(!broken_by("src/probe.rs", "use crate::term::Table;").is_empty(), "the probe draws");
    assert!(!broken_by("src/nowhere.rs", "use crate::limits;").is_empty(), "a module without a place");
}

#[test]
fn what_the_core_may_use_is_not_refused() {
    for code in [
        "pub mod deep; use std::fmt;",
        "pub mod deep; use std::{borrow::Cow, collections::{BTreeMap, HashMap}, time::Duration};",
        "pub mod deep; use std::collections::*;",
        "pub mod deep; use core::fmt::Write as _; use ::std::sync::Arc;",
        "pub mod deep; use std::time; fn f(t: time::Duration) {}",
        "pub mod deep; use std::path::{Path, PathBuf}; fn f(p: &Path) -> PathBuf { p.join(\"a\") }",
        "pub mod deep; use serde::Serialize; use serde_json::{Value, json}; use jiff::Timestamp;",
        "pub mod deep; use crate::limits::MAX; fn f() { crate::limits::MAX; }",
        "pub mod deep; use super::limits::{self, *}; use deep::bounds; fn f() { bounds::MAX; }",
        "pub mod deep; use self::deep::Deep as D; fn f() { D::new(); Self::f(); u32::from(1_u8); }",
        "pub mod deep; fn f(fs: &str, env: u8) { let io = fs.len(); io.max(env.into()); }",
        "pub mod deep; fn fs() {} fn f() { fs(); }",
        "pub mod deep; mod env { pub fn var() {} } fn f() { env::var(); }",
        "pub mod deep; fn f() { format!(\"std::fs::read\"); vec![1, 2]; matches!(1, 1); }",
        "pub mod deep; /// See [`crate::audit::Log`] and `std::fs`.\nfn f() { /* std::fs::read(p) */ }",
        "pub mod deep; const C: &str = include_str!(\"../config/x.json\"); const V: &str = env!(\"CARGO_PKG_VERSION\");",
        "pub mod deep; #[cfg(test)] mod tests { use std::fs; fn f() { std::env::var(n); println!(\"x\"); } }",
        "pub mod deep; #[cfg(test)] mod tests { use crate::audit; fn f() { crate::cmd::run(); } }",
        "pub mod deep; #[cfg(test)] #[path = \"deep.rs\"] mod tests;",
        "pub mod deep; #[cfg(all(test, unix))] fn f() { std::fs::read(p); }",
        "pub mod deep; #[test] fn f() { std::fs::read(p); }",
        "pub mod deep; impl S { #[cfg(test)] fn f() { std::fs::read(p); } }",
        "pub mod deep; #[derive(Clone, Debug, thiserror::Error)] #[error(\"{0}\")] struct S(#[from] std::fmt::Error);",
        "pub mod deep; #[expect(clippy::panic, reason = \"x\")] fn f<T: Default>() { T::default(); }",
    ] {
        assert_eq!(broken_by("src/policy.rs", code), [""; 0], "{code}");
    }
    for (file, code) in [
        ("src/audit.rs", "use std::{fs, io}; use crate::record::Record; use super::env::fs as files;"),
        ("src/cmd.rs", "use crate::{audit::Log, term::Table, policy::fmt}; fn f() { println!(\"x\"); }"),
        ("src/main.rs", "use policylayer::cmd; fn main() { cmd::run(); }"),
        ("src/env.rs", "pub use std::fs; use tokio::fs::File; pub struct Env;"),
    ] {
        assert_eq!(broken_by(file, code), [""; 0], "{code}");
    }
}
