//! The edits of policies by subcommands: who, when, which command, and the texts before and after. Each is a file of its own,
//! so that the oldest can go and none is ever rewritten.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::file::{create_private_dir, if_there, open_private, read_file, remove_unless_held};
use crate::limits::{MAX_KEPT_EDITS, MAX_KEPT_EDITS_SIZE};

/// An edit of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptEdit {
    /// Its number; later edits have higher ones.
    #[serde(default)]
    pub number: u64,
    /// When it was made.
    pub time: Timestamp,
    /// The name of the user.
    pub user: String,
    /// The server that the policy is for.
    pub server: String,
    /// The policy file.
    pub file: String,
    /// The command line.
    pub command: String,
    /// The content of the file before; `None` if there was no file.
    pub before: Option<String>,
    /// The content of the file after; `None` if it was removed.
    pub after: Option<String>,
    /// Other files that the edit changed, such as a policy of another format that was moved out of the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<KeptFile>,
}

impl KeptEdit {
    /// Returns the policy file, with its texts.
    pub fn main_file(&self) -> KeptFile {
        KeptFile { file: self.file.clone(), before: self.before.clone(), after: self.after.clone() }
    }

    /// Returns all files, the policy file first.
    pub fn files(&self) -> impl Iterator<Item = KeptFile> + '_ {
        [self.main_file()].into_iter().chain(self.others.iter().cloned())
    }
}

/// A file that an edit changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFile {
    /// Its path.
    pub file: String,
    /// Its content before; `None` if there was no file.
    pub before: Option<String>,
    /// Its content after; `None` if it was removed.
    pub after: Option<String>,
}

/// The edits that are kept in a state directory.
#[derive(Debug)]
pub struct EditHistory {
    dir: PathBuf,
}

impl EditHistory {
    /// Opens the history in a state directory. It need not exist.
    pub fn new(state_dir: &Path) -> Self {
        Self { dir: state_dir.join("history") }
    }

    /// Adds an edit, and returns its number. Of too many edits, the oldest are removed.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn append(&self, edit: &KeptEdit) -> io::Result<u64> {
        create_private_dir(&self.dir)?;
        let mut numbers = self.list_numbers()?;
        let mut number = numbers.last().map_or(1, |(last, _)| last + 1);
        let mut file = loop {
            match open_private(OpenOptions::new().write(true).create_new(true), &self.path_of(number)) {
                // Another edit was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                file => break file?,
            }
        };
        let text = serde_json::to_vec(&KeptEdit { number, ..edit.clone() })?;
        file.write_all(&text)?;
        file.sync_all()?;
        numbers.push((number, text.len() as u64));
        self.remove_oldest(&numbers);
        Ok(number)
    }

    /// What cannot be removed now is removed by a later edit.
    fn remove_oldest(&self, numbers: &[(u64, u64)]) {
        let mut size = 0;
        for (index, (number, length)) in numbers.iter().rev().enumerate() {
            size += length;
            // The newest one stays, however large it is.
            if index > 0 && (index >= MAX_KEPT_EDITS || size > MAX_KEPT_EDITS_SIZE) {
                let _ = remove_unless_held(&self.path_of(*number));
            }
        }
    }

    /// Returns the edits, the oldest first, and how many files are not readable as one.
    ///
    /// # Errors
    /// Returns an error if the directory cannot be read.
    pub fn list(&self) -> io::Result<(Vec<KeptEdit>, usize)> {
        let (mut edits, mut unreadable) = (Vec::new(), 0);
        for (number, _) in self.list_numbers()? {
            let text = read_file(&self.path_of(number));
            match text.ok().and_then(|text| serde_json::from_slice::<KeptEdit>(&text).ok()) {
                Some(edit) => edits.push(KeptEdit { number, ..edit }),
                None => unreadable += 1,
            }
        }
        Ok((edits, unreadable))
    }

    fn path_of(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number:08}.json"))
    }

    /// Returns the number and the length of each kept edit, the oldest first.
    fn list_numbers(&self) -> io::Result<Vec<(u64, u64)>> {
        let Some(entries) = if_there(fs::read_dir(&self.dir))? else { return Ok(Vec::new()) };
        let mut numbers = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".json")?.parse().ok());
            // One that was just removed is no longer there to be measured.
            if let (Some(number), Ok(found)) = (number, entry.metadata()) {
                numbers.push((number, found.len()));
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(text: &str) -> KeptEdit {
        KeptEdit {
            number: 0,
            time: Timestamp::UNIX_EPOCH,
            user: "ann".to_owned(),
            server: "shop".to_owned(),
            file: "/p.toml".to_owned(),
            command: "policylayer hide x".to_owned(),
            before: None,
            after: Some(text.to_owned()),
            others: Vec::new(),
        }
    }

    #[test]
    fn the_newest_edits_are_kept_for_this_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let history = EditHistory::new(dir.path());
        assert_eq!(history.list().unwrap(), (Vec::new(), 0));
        for number in 1..=MAX_KEPT_EDITS as u64 + 3 {
            assert_eq!(history.append(&edit("x")).unwrap(), number);
        }
        let (edits, _) = history.list().unwrap();
        assert_eq!((edits.len(), edits[0].number), (MAX_KEPT_EDITS, 4));
        // Large ones drive out others, and the newest stays.
        let half = "y".repeat(usize::try_from(MAX_KEPT_EDITS_SIZE).unwrap() / 2);
        for _ in 0..2 {
            history.append(&edit(&half)).unwrap();
        }
        assert_eq!(history.list().unwrap().0.len(), 1);
        fs::write(dir.path().join("history/00000001.json"), "{").unwrap();
        assert_eq!(history.list().unwrap().1, 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &str| fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777;
            let last = format!("history/{:08}.json", MAX_KEPT_EDITS + 5);
            assert_eq!((mode("history"), mode(&last)), (0o700, 0o600));
        }
    }
}
