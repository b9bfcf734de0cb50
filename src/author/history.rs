//! Keeps the edits of policies, and takes them back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::env::Env;
use crate::paths::{self, ReplaceError};
use crate::policy::ServerName;
use crate::state::file::{if_there, read_file, remove_file};
use crate::state::history::{EditHistory, KeptEdit, KeptFile};
use crate::visible::visible_path;

/// An edit was made and is not in the history.
#[derive(Debug, thiserror::Error)]
#[error("This edit is not in the history, so it cannot be undone: {0}.")]
pub(crate) struct NotKept(String);

/// A file, and its text before and after an edit.
pub(crate) type EditedFile = (PathBuf, Option<String>, Option<String>);

/// Keeps an edit that was made: the texts of the file before and after.
pub(crate) fn keep_edit(
    server: &ServerName,
    file: &Path,
    texts: [Option<&[u8]>; 2],
    command: String,
    env: &Env,
) -> Result<(), NotKept> {
    let [before, after] = texts.map(|text| text.map(|bytes| String::from_utf8_lossy(bytes).into_owned()));
    keep_edits(server, vec![(file.to_owned(), before, after)], command, env)
}

/// The same for an edit that changed several files, the policy file first.
pub(crate) fn keep_edits(
    server: &ServerName,
    files: Vec<EditedFile>,
    command: String,
    env: &Env,
) -> Result<(), NotKept> {
    let mut files = files.into_iter().map(|(file, before, after)| {
        let file = paths::absolute_path(&file, env);
        let file = file.to_str().ok_or_else(|| NotKept("its path is not UTF-8".to_owned()))?.to_owned();
        Ok(KeptFile { file, before, after })
    });
    let Some(KeptFile { file, before, after }) = files.next().transpose()? else { return Ok(()) };
    let (time, user, server) = (Timestamp::now(), user_name(env), server.to_string());
    let others = files.collect::<Result<_, _>>()?;
    let edit = KeptEdit { number: 0, time, user, server, file, command, before, after, others };
    let dir = paths::state_dir(env).map_err(|error| NotKept(error.to_string().trim_end_matches('.').to_owned()))?;
    EditHistory::new(&dir).append(&edit).map(drop).map_err(|error| NotKept(error.to_string()))
}

/// The name of the user, as the environment or the system has it.
fn user_name(env: &Env) -> String {
    let name = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| env.var(name)?.to_str());
    name.filter(|name| !name.is_empty()).map_or_else(system_user, str::to_owned)
}

#[cfg(unix)]
fn system_user() -> String {
    let id = rustix::process::getuid().as_raw().to_string();
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = accounts.lines().find_map(|account| {
        let mut fields = account.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id && !name.is_empty()).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("uid {id}"))
}

#[cfg(not(unix))]
fn system_user() -> String {
    "unknown".to_owned()
}

/// An edit that is to be taken back, with all later ones of its file.
#[derive(Clone, Debug)]
pub(crate) struct Undo<'h> {
    pub(crate) undone: &'h KeptEdit,
    /// The files that are put back: as they were before it, and as they have to be now. The policy file is the first.
    files: Vec<KeptFile>,
    edits: &'h [KeptEdit],
}

/// Why nothing was taken back. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotUndo {
    /// A file is not as its last edit left it.
    #[error("{} was changed since edit {number}, so nothing was undone. Put it back by hand, or edit it as it is.", visible_path(Path::new(&.left.file)))]
    Changed {
        /// The file, as its last edit left it.
        left: Box<KeptFile>,
        /// That edit.
        number: u64,
        /// Its content now.
        found: Option<String>,
    },
    #[error("{0} cannot be read: {1}")]
    Unreadable(String, io::Error),
    #[error("{0} cannot be removed: {1}")]
    Unremoved(String, io::Error),
    #[error(transparent)]
    Replace(#[from] ReplaceError),
}

impl<'h> Undo<'h> {
    /// Of several edits, the oldest first, takes the last that is meant.
    pub(crate) fn find(edits: &'h [KeptEdit], is_meant: impl Fn(&KeptEdit) -> bool) -> Option<Self> {
        let undone = edits.iter().rfind(|edit| is_meant(edit))?;
        let mut files: Vec<KeptFile> = Vec::new();
        let later = edits.iter().filter(|edit| edit.number >= undone.number);
        for kept in later.filter(|edit| edit.file == undone.file).flat_map(KeptEdit::files) {
            match files.iter_mut().find(|file| file.file == kept.file) {
                Some(file) => file.after = kept.after,
                None => files.push(kept),
            }
        }
        Some(Self { undone, files, edits })
    }

    /// Returns the files in the order in which they are put back. What an edit moved out of its way comes back before the file
    /// that took its place is gone: until then no session starts, and none starts without a policy.
    pub(crate) fn files(&self) -> impl Iterator<Item = &KeptFile> {
        self.files.iter().skip(1).chain(self.files.first())
    }

    /// Returns the last edit of a file.
    pub(crate) fn last_edit_of(&self, file: &str) -> &'h KeptEdit {
        let last = self.edits.iter().rfind(|edit| edit.files().any(|kept| kept.file == file));
        last.unwrap_or(self.undone)
    }

    /// Checks that the files are as their last edits left them, whichever one is undone.
    pub(crate) fn check_files(&self) -> Result<(), CannotUndo> {
        for kept in &self.files {
            let path = Path::new(&kept.file);
            let found = if_there(read_file(path)).map_err(|error| CannotUndo::Unreadable(visible_path(path), error))?;
            if found.as_deref() != kept.after.as_deref().map(str::as_bytes) {
                let found = found.map(|found| String::from_utf8_lossy(&found).into_owned());
                let number = self.last_edit_of(&kept.file).number;
                return Err(CannotUndo::Changed { left: Box::new(kept.clone()), number, found });
            }
        }
        Ok(())
    }

    /// Puts the files back, and keeps that as an edit of its own.
    pub(crate) fn carry_out(&self, command: String, env: &Env) -> Result<Result<(), NotKept>, CannotUndo> {
        self.check_files()?;
        for KeptFile { file, before, after } in self.files() {
            let path = Path::new(file);
            match before {
                Some(text) => paths::replace_file(path, after.as_deref().map(str::as_bytes), text.as_bytes())?,
                None if fs::symlink_metadata(path).is_ok() => {
                    remove_file(path).map_err(|error| CannotUndo::Unremoved(visible_path(path), error))?;
                }
                None => {}
            }
        }
        let Ok(server) = ServerName::parse(&self.undone.server) else { return Ok(Ok(())) };
        let undo = |kept: &KeptFile| (PathBuf::from(&kept.file), kept.after.clone(), kept.before.clone());
        Ok(keep_edits(&server, self.files.iter().map(undo).collect(), command, env))
    }
}
