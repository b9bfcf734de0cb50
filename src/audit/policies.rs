//! The texts of the policies that the log names, each once, so that it can be read under which text a call was decided.
//!
//! A text is touched whenever a line names it, and every file of the log names each policy anew. So a text that was last
//! touched before the first line that is left is named by no line, and is removed.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::SystemTime;

use super::paths::LogPaths;
use crate::limits::{CLOCK_SLACK, MAX_KEPT_POLICIES, MAX_UNNAMED_POLICIES};
use crate::policy::{self, Format, Server, Source};
use crate::record::Digest;
use crate::state::file;

/// The exact text of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyText {
    digest: Digest,
    text: String,
    format: Format,
}

impl PolicyText {
    /// Returns the text of a policy document, as its file has it.
    pub fn of_source(source: &Source) -> Self {
        Self::new(source.in_file(source.text()), source.format())
    }

    /// Returns the text of the built-in policy for a server.
    pub fn of_builtin(server: &Server) -> Self {
        Self::new(policy::builtin_text(server).into_owned(), Format::Toml)
    }

    fn new(text: String, format: Format) -> Self {
        Self { digest: Digest::of_text(text.as_bytes()), text, format }
    }

    /// Returns the SHA-256 of the text.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// Texts of a session that no line has named yet; of more than [`MAX_UNNAMED_POLICIES`] the oldest are dropped.
#[derive(Debug, Default)]
pub(super) struct UnnamedTexts(VecDeque<PolicyText>);

impl UnnamedTexts {
    pub(super) fn add(&mut self, text: PolicyText) {
        if self.0.len() >= MAX_UNNAMED_POLICIES {
            self.0.pop_front();
        }
        self.0.push_back(text);
    }

    pub(super) fn take(&mut self, digest: Digest) -> Option<PolicyText> {
        let at = self.0.iter().position(|text| text.digest == digest)?;
        self.0.remove(at)
    }
}

/// A text that is kept beside the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPolicy {
    /// The digest that its name states.
    pub digest: Digest,
    /// Its file.
    pub path: PathBuf,
}

/// Lists the texts that are kept for a server's log.
///
/// # Errors
/// Returns an error if the directory exists and cannot be read.
pub fn list_policies(paths: &LogPaths) -> io::Result<Vec<KeptPolicy>> {
    let dir = paths.policy_dir();
    let mut kept = Vec::new();
    for name in super::paths::list_names(&dir)? {
        if let Some((server, rest)) = name.rsplit_once('-')
            && server == paths.server()
            && let Some(digest) = rest.split_once('.').and_then(|(digest, _)| Digest::parse(digest))
        {
            kept.push(KeptPolicy { digest, path: dir.join(name) });
        }
    }
    Ok(kept)
}

/// Keeps a text, unless it is kept already. Without the text, that of another session is touched.
pub(super) fn keep_policy(paths: &LogPaths, digest: Digest, text: Option<PolicyText>) -> io::Result<()> {
    let kept = list_policies(paths)?.into_iter().find(|kept| kept.digest == digest);
    match (kept, text) {
        (Some(kept), _) => file::open_file(File::options().write(true), &kept.path)?.set_modified(SystemTime::now()),
        (None, None) => Ok(()),
        (None, Some(text)) => {
            let dir = paths.policy_dir();
            file::create_private_dir(&dir)?;
            // Temporary files are accessible only to this user.
            let mut made = file::temporary_in(&dir)?;
            made.write_all(text.text.as_bytes())?;
            made.as_file().sync_data()?;
            match file::persist_new(made, &paths.policy_file(digest, text.format)) {
                Err(raced) if raced.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                done => done,
            }
        }
    }
}

/// Removes the texts that no line from `first` on names, and the oldest of more than [`MAX_KEPT_POLICIES`].
pub(super) fn prune_policies(paths: &LogPaths, first: SystemTime) -> io::Result<()> {
    let mut kept = Vec::new();
    for policy in list_policies(paths)? {
        kept.push((fs::metadata(&policy.path)?.modified()?, policy.path));
    }
    kept.sort();
    let too_many = kept.len().saturating_sub(MAX_KEPT_POLICIES);
    let oldest = first.checked_sub(CLOCK_SLACK).unwrap_or(SystemTime::UNIX_EPOCH);
    for (at, (touched, path)) in kept.into_iter().enumerate() {
        if at < too_many || touched < oldest {
            file::remove_unless_held(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ServerName;

    fn text(text: &str) -> PolicyText {
        PolicyText::new(text.to_owned(), Format::Toml)
    }

    #[test]
    fn unnamed_texts_are_bounded() {
        let mut texts = UnnamedTexts::default();
        (0..=MAX_UNNAMED_POLICIES).for_each(|n| texts.add(text(&n.to_string())));
        assert_eq!(texts.0.len(), MAX_UNNAMED_POLICIES);
        assert_eq!(texts.take(text("0").digest()), None);
        assert_eq!(texts.take(text("1").digest()), Some(text("1")));
        assert_eq!(texts.take(text("1").digest()), None);
    }

    #[test]
    fn texts_are_kept_once_and_removed_when_nothing_names_them() {
        let dir = tempfile::tempdir().unwrap();
        let paths = |server| LogPaths::new(dir.path(), &ServerName::parse(server).unwrap());
        let (a, other) = (paths("a"), paths("a-b"));
        let count = |paths| list_policies(paths).unwrap().len();
        for n in 0..MAX_KEPT_POLICIES + 2 {
            let text = text(&n.to_string());
            keep_policy(&a, text.digest(), Some(text.clone())).unwrap();
            keep_policy(&a, text.digest(), Some(text)).unwrap();
        }
        keep_policy(&other, text("0").digest(), Some(text("0"))).unwrap();
        assert_eq!((count(&a), count(&other)), (MAX_KEPT_POLICIES + 2, 1));
        prune_policies(&a, SystemTime::now()).unwrap();
        assert_eq!((count(&a), count(&other)), (MAX_KEPT_POLICIES, 1));
        prune_policies(&a, SystemTime::now() + CLOCK_SLACK * 2).unwrap();
        assert_eq!((count(&a), count(&other)), (0, 1));
        let kept = list_policies(&other).unwrap().remove(0);
        assert_eq!((fs::read_to_string(&kept.path).unwrap(), kept.digest), ("0".to_owned(), text("0").digest()));
    }
}
