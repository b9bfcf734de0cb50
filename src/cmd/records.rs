//! The audit log as the verbs read it: what cannot be read is told of and skipped.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Env;
use crate::audit::reader::{self, Reader};
use crate::exit::Exit;
use crate::limits::MAX_UNREADABLE_TOLD;
use crate::paths;
use crate::policy::ServerName;
use crate::record::LogLine;
use crate::term::message;
use crate::visible::visible;

const WRITTEN_BY: &str = "`policylayer wrap` writes it, from the first decision on.";

/// How much is told of why a line cannot be read, in characters.
const MAX_TOLD: usize = 160;

/// The log of one server, or of all of them, from its first line on.
#[derive(Debug)]
pub(super) struct Records {
    reader: Reader,
    folder: PathBuf,
    server: Option<ServerName>,
    unreadable: usize,
}

impl Records {
    /// Opens the log of `server`, or all logs.
    pub(super) fn open(server: Option<&ServerName>, env: &Env) -> anyhow::Result<Self> {
        let folder = folder(env)?;
        let reader = Reader::open(&folder, server).with_context(|| cannot_read(&folder))?;
        Ok(Self { reader, folder, server: server.cloned(), unreadable: 0 })
    }

    /// Hands over each line that is there and was not handed over yet.
    pub(super) fn each(&mut self, mut on: impl FnMut(&LogLine<'_>, &str) -> anyhow::Result<()>) -> anyhow::Result<()> {
        loop {
            let found = match self.reader.next().with_context(|| cannot_read(&self.folder))? {
                Some(found) => found,
                None => break,
            };
            match &found.line {
                Ok(line) => on(line, found.text)?,
                Err(why) => {
                    self.unreadable += 1;
                    if self.unreadable <= MAX_UNREADABLE_TOLD {
                        let file = visible(&found.file.display().to_string());
                        // It may quote all of the line.
                        let why = visible(&why.to_string().chars().take(MAX_TOLD).collect::<String>());
                        message::print_warning(&format!(
                            "line {} of {file} is skipped: {why}. `policylayer log verify` says whether the log is whole.",
                            found.number
                        ));
                    }
                }
            }
        }
        if self.unreadable > MAX_UNREADABLE_TOLD {
            message::print_warning(&format!("{} more lines cannot be read.", self.unreadable - MAX_UNREADABLE_TOLD));
            self.unreadable = MAX_UNREADABLE_TOLD;
        }
        Ok(())
    }

    /// Looks for what was written since.
    pub(super) fn look_again(&mut self) -> anyhow::Result<()> {
        self.reader.look_again().with_context(|| cannot_read(&self.folder))
    }

    /// The servers whose logs are read.
    pub(super) fn servers(&self) -> impl ExactSizeIterator<Item = &ServerName> {
        self.reader.servers()
    }

    /// What to tell a person where there is no log at all of what was asked for.
    pub(super) fn nothing_yet(&self) -> anyhow::Result<Option<String>> {
        if self.reader.servers().len() > 0 {
            return Ok(None);
        }
        let others = reader::servers(&self.folder).with_context(|| cannot_read(&self.folder))?;
        let folder = visible(&self.folder.display().to_string());
        let why = match &self.server {
            Some(server) if !others.is_empty() => {
                let others: Vec<_> = others.iter().map(ServerName::as_str).collect();
                format!("There is no audit log of {server} in {folder}; there is one of {}.", others.join(", "))
            }
            Some(server) => format!("There is no audit log of {server} yet; it would be in {folder}."),
            None => format!("There is no audit log yet; it would be in {folder}."),
        };
        Ok(Some(format!("{why} {WRITTEN_BY}")))
    }
}

/// The one server that is meant: the one that is named, else the one that the policy file is named after, where it has a
/// log, else the only one that has a log. `Err` says what to do.
pub(super) fn the_server(
    named: Option<&str>,
    file: Option<&Path>,
    env: &Env,
) -> anyhow::Result<Result<ServerName, (Exit, String)>> {
    if let Some(name) = named {
        return Ok(Ok(ServerName::parse(name)?));
    }
    let folder = folder(env)?;
    let servers = reader::servers(&folder).with_context(|| cannot_read(&folder))?;
    if let Some(server) = file.and_then(ServerName::from_policy_file).filter(|server| servers.contains(server)) {
        return Ok(Ok(server));
    }
    Ok(match servers.as_slice() {
        [only] => Ok(only.clone()),
        [] => {
            let folder = visible(&folder.display().to_string());
            Err((Exit::Failed, format!("There is no audit log yet; it would be in {folder}. {WRITTEN_BY}")))
        }
        [first, ..] => {
            let names: Vec<_> = servers.iter().map(ServerName::as_str).collect();
            let names = names.join(", ");
            let why =
                format!("There are logs of several servers: {names}. Say which one is meant, as in --server {first}.");
            Err((Exit::Usage, why))
        }
    })
}

/// The folder of the log. It need not exist.
pub(super) fn folder(env: &Env) -> anyhow::Result<PathBuf> {
    Ok(paths::audit_folder(env)?)
}

fn cannot_read(folder: &Path) -> String {
    let folder = visible(&folder.display().to_string());
    format!("The audit log in {folder} cannot be read. Read it as the user who runs policylayer")
}
