//! The copies of a client's file as it was before `register` changed it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::file::{FileState, Unsaved};
use super::place::ClientFile;
use super::table::ConfigScope;
use crate::env::Env;
use crate::limits::MAX_CLIENT_FILE;
use crate::paths::{self, read_bytes};
use crate::state::file;

/// Where a file's backups are: `NAME.policylayer-backup`, then `NAME.policylayer-backup-2` and so on.
#[derive(Clone, Debug)]
pub struct Backups {
    dir: PathBuf,
    name: OsString,
}

impl Backups {
    /// The backups of a user's file are beside it. Those of a project's are in the state directory: in the project, they
    /// could be committed with what they hold.
    pub(crate) fn of_file(file: &ClientFile, env: &Env) -> Self {
        match paths::state_dir(env).ok().filter(|_| file.row.scope == ConfigScope::Project) {
            Some(state) => {
                let digest = Sha256::digest(file.file.as_os_str().as_encoded_bytes());
                let id: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
                Self { dir: state.join("backups").join(id), ..Self::beside(&file.file) }
            }
            None => Self::beside(&file.file),
        }
    }

    /// The backups beside a file.
    pub fn beside(path: &Path) -> Self {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".policylayer-backup");
        Self { dir: dir.to_owned(), name }
    }

    pub(super) fn path_of(&self, number: u32) -> PathBuf {
        let mut name = self.name.clone();
        if number > 1 {
            name.push(format!("-{number}"));
        }
        self.dir.join(name)
    }

    /// Returns the texts of the backups.
    pub(super) fn read_all(&self) -> Vec<Vec<u8>> {
        self.list().into_iter().filter_map(|path| read_bytes(&path, MAX_CLIENT_FILE).ok()).collect()
    }

    /// Returns the backup of a text, and whether this call made it.
    pub(super) fn back_up(&self, path: &Path, bytes: &[u8], state: FileState) -> Result<(PathBuf, bool), Unsaved> {
        let mut first = None;
        for number in 1_u32.. {
            let file = self.path_of(number);
            let failed = |error| Unsaved::Backup(file.clone(), error);
            match is_copy(&file, bytes) {
                Ok(true) => return Ok((file, false)),
                Ok(false) => {
                    first.get_or_insert(file);
                    continue;
                }
                Err(error) if file::is_missing(&error) => {}
                Err(error) => return Err(failed(error)),
            }
            if let Some(first) = first.filter(|_| state == FileState::Wrapped) {
                return Ok((first, false));
            }
            self.write_new(path, &file, bytes).map_err(failed)?;
            return Ok((file, true));
        }
        Ok((path.to_owned(), false))
    }

    /// Removes the backups with this text. One that cannot be removed stays.
    pub(super) fn remove_equal(&self, bytes: &[u8]) {
        for file in self.list().into_iter().filter(|file| is_copy(file, bytes).unwrap_or(false)) {
            let _ = file::remove_file(&file);
        }
        if self.dir.parent().and_then(Path::file_name) == Some(OsStr::new("backups")) {
            // Only an empty directory is removed.
            let _ = fs::remove_dir(&self.dir);
        }
    }

    fn list(&self) -> Vec<PathBuf> {
        let is_one = |name: &OsStr| {
            let rest = name.as_encoded_bytes().strip_prefix(self.name.as_encoded_bytes());
            rest.is_some_and(|rest| match rest.strip_prefix(b"-") {
                Some(number) => !number.is_empty() && number.iter().all(u8::is_ascii_digit),
                None => rest.is_empty(),
            })
        };
        let names = fs::read_dir(&self.dir).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let mut names: Vec<_> = names.filter(|name| is_one(name)).collect();
        names.sort();
        names.into_iter().map(|name| self.dir.join(name)).collect()
    }

    fn write_new(&self, path: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
        file::create_dir(&self.dir)?;
        // Readable by this user only, until it gets the mode of the original file.
        let mut made = file::temporary_in(&self.dir)?;
        made.write_all(bytes)?;
        made.as_file().set_permissions(fs::metadata(path)?.permissions())?;
        made.as_file().sync_all()?;
        file::persist_new(made, file)
    }
}

/// Whether a file holds these bytes. It is read only if its length matches: it may be of any size, or a pipe.
pub(super) fn is_copy(file: &Path, bytes: &[u8]) -> io::Result<bool> {
    let found = fs::metadata(file)?;
    Ok(found.is_file() && found.len() == bytes.len() as u64 && file::read_file(file)? == bytes)
}
