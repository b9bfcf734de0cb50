//! The key of the arguments' digests.

use std::io::{self, Write as _};
use std::path::Path;

use crate::record::DigestKey;
use crate::state::file;

/// Loads the key in the audit directory, or creates it if there is none. Sessions that create it at once all get the
/// same.
///
/// # Errors
/// Returns an error if it can be neither read nor created, or is not 32 bytes long. A damaged key is not replaced: digests
/// under another one could not be compared with those in the log.
pub fn load_key(dir: &Path) -> io::Result<DigestKey> {
    let path = dir.join("key");
    match file::if_there(file::read_file(&path))? {
        Some(bytes) => parse_key(&bytes),
        None => {
            create_key(dir, &path)?;
            parse_key(&file::read_file(&path)?)
        }
    }
}

fn parse_key(bytes: &[u8]) -> io::Result<DigestKey> {
    let key = bytes.try_into().map_err(|_| {
        io::Error::other(format!(
            "it has {} bytes instead of 32. Remove it, and a new one is created; digests under it will differ from the old ones",
            bytes.len()
        ))
    })?;
    Ok(DigestKey(key))
}

fn create_key(dir: &Path, path: &Path) -> io::Result<()> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    file::create_private_dir(dir)?;
    // Temporary files are accessible only to this user.
    let mut made = file::temporary_in(dir)?;
    made.write_all(&key)?;
    made.as_file().sync_data()?;
    match file::persist_new(made, path) {
        Err(raced) if raced.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}
