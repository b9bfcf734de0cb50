//! A program or a script: the package that it belongs to, or else the digest of its file.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{PackageFacts, hex, npm, python_env};
use crate::env::Env;
use crate::limits::{MAX_HASHED_PROGRAM, READ_CHUNK};
use crate::lookup::{SearchEnv, SearchResult, usual_interpreter};
use crate::state::file::real_path;

/// Finds a program that is searched in PATH.
pub(super) fn find_in_path(program: &str, env: &Env, stated: PackageFacts) -> PackageFacts {
    match SearchEnv::new(env.vars(), env.working_dir()).find_program(program.as_ref()) {
        SearchResult::At(file) => find_real(&file, stated),
        _ => stated.with_gap("it is not in PATH"),
    }
}

/// Finds a file that the command names.
pub(super) fn find_file(file: &Path, env: &Env, stated: PackageFacts) -> PackageFacts {
    let written = env.working_dir().join(file);
    match SearchEnv::new(env.vars(), env.working_dir()).find_program(written.as_os_str()) {
        SearchResult::At(program) => find_real(&program, stated),
        _ => find_real(&written, stated),
    }
}

fn find_real(file: &Path, stated: PackageFacts) -> PackageFacts {
    let Ok(real) = real_path(file) else { return stated.with_gap("there is no such file") };
    let owner = npm::facts_of_program(file).or_else(|| python_env::facts_of_program(&real));
    if let Some(found) = owner {
        return found;
    }
    match digest_file(&real) {
        Ok(digest) => {
            let is_script = usual_interpreter(&real).is_some() || starts_with(&real, b"#!");
            let facts = stated.with_integrity(Some(digest), "");
            if is_script { facts.with_gap("only this file, not what it loads") } else { facts }
        }
        Err(why) => stated.with_gap(why),
    }
}

/// Returns the SHA-256 of a file, or why there is none.
fn digest_file(file: &Path) -> Result<String, String> {
    let unreadable = |error: io::Error| format!("it cannot be read: {error}");
    let found = fs::metadata(file).map_err(unreadable)?;
    if !found.is_file() {
        return Err("it is not a file".to_owned());
    }
    if found.len() > MAX_HASHED_PROGRAM {
        return Err(format!("it is larger than {} MiB", MAX_HASHED_PROGRAM >> 20));
    }
    let mut reader = File::open(file).map_err(unreadable)?.take(MAX_HASHED_PROGRAM);
    let (mut digest, mut chunk) = (Sha256::new(), vec![0; READ_CHUNK]);
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(format!("sha256:{}", hex(&digest.finalize()))),
            Ok(count) => digest.update(chunk.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
}

fn starts_with(file: &Path, bytes: &[u8]) -> bool {
    let mut start = Vec::new();
    let read = File::open(file).and_then(|file| file.take(bytes.len() as u64).read_to_end(&mut start));
    read.is_ok() && start == bytes
}
