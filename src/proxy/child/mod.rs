//! The server as a process: one face for unix and Windows.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use crate::visible::visible;

#[cfg(unix)]
pub(super) use unix::{Child, Group, forget_the_start, ignores_hangup, unblock_signals, watcher_command};
#[cfg(windows)]
pub(super) use windows::{Child, Group};

/// What a server is started in, where that is not what we are in ourselves.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// All of its environment.
    pub vars: Vec<(OsString, OsString)>,
    /// Its working folder.
    pub folder: PathBuf,
}

/// What asks the server to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// SIGTERM, or what the platform has instead.
    Terminate,
    /// SIGINT, or Ctrl-C.
    Interrupt,
    /// SIGHUP, or the console that closes.
    Hangup,
}

/// How the server ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// What the wrapper ends with: the server's own code, or 128 + N after signal N.
    pub(super) code: u8,
    /// The same in words, such as "it exited with code 1".
    pub(super) how: String,
}

impl Ended {
    fn exited(code: i32) -> Self {
        // Windows codes have 32 bits: what does not fit must still not look like success.
        Self { code: u8::try_from(code).unwrap_or(1), how: format!("it exited with code {code}") }
    }

    #[cfg(unix)]
    fn signalled(signal: i32) -> Self {
        // The system's names, as people know them: `Signal::KILL` is SIGKILL.
        let name = rustix::process::Signal::from_named_raw(signal).map(|signal| format!("{signal:?}"));
        let name = name.as_ref().map(|name| name.trim_matches('"').trim_start_matches("Signal::"));
        let how = match name {
            Some(name) => format!("it was ended by signal {signal}, SIG{}", name.to_ascii_uppercase()),
            None => format!("it was ended by signal {signal}"),
        };
        Self { code: u8::try_from(128 + signal).unwrap_or(u8::MAX), how }
    }

    /// It could not be ended, or the system would not say how it ended.
    pub(super) fn unknown() -> Self {
        Self { code: 137, how: "it did not end in time and was abandoned".to_owned() }
    }
}

/// Why the server could not be started. The message is complete: what, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no such command, or its interpreter is missing.
    #[error(
        "cannot start the server: there is no command `{command}` in PATH ({path})\nwhat to do: clients start \
         servers with a short PATH of their own; write the absolute path of `{command}` (in your shell, \
         `command -v {command}` prints it)"
    )]
    NotInPath {
        /// The command as given.
        command: String,
        /// The PATH that was searched.
        path: String,
    },
    /// There is no such file.
    #[error(
        "cannot start the server: there is no file `{command}` (working folder: {folder})\nwhat to do: correct the \
         path; an absolute one does not depend on the folder in which the client starts"
    )]
    NoFile {
        /// The command as given.
        command: String,
        /// The working folder.
        folder: String,
    },
    /// The file is there, and what its first line names as its interpreter is not.
    #[error(
        "cannot start the server: `{command}` is there, but the program that runs it is not (see its first line, \
         after `#!`)\nwhat to do: install that program, or name it and the file, as in `node {command}`"
    )]
    NoInterpreter {
        /// The command as given.
        command: String,
    },
    /// It is a folder.
    #[error(
        "cannot start the server: `{command}` is a folder\nwhat to do: name the program in it, or the program that runs \
         what is in it, as in `node {command}/index.js`"
    )]
    Folder {
        /// The command as given.
        command: String,
    },
    /// The file may not be executed.
    #[error(
        "cannot start the server: `{command}` may not be executed ({error})\nwhat to do: `chmod +x` it, or name the \
         program that runs it, as in `node {command}`"
    )]
    NotExecutable {
        /// The command as given.
        command: String,
        /// What the system said.
        error: io::Error,
    },
    /// The watcher, which ends the server when the wrapper is killed, could not be started.
    #[error(
        "cannot start the watcher that ends the server if the wrapper is killed: {0}\nwhat to do: check that the \
         policylayer program is still where it was and that another process may be started"
    )]
    Watcher(io::Error),
    /// The system refused something that the wrapper needs before any server.
    #[error(
        "the wrapper cannot start: {0}\nwhat to do: see that a few more files and threads may be opened (`ulimit -a`)"
    )]
    System(io::Error),
    /// Anything else.
    #[error("cannot start the server `{command}`: {error}\nwhat to do: run the command by itself in a terminal")]
    Other {
        /// The command as given.
        command: String,
        /// What the system said.
        error: io::Error,
    },
}

impl StartError {
    /// What the system's refusal to start `command` means.
    fn of(command: &OsStr, error: io::Error) -> Self {
        let path = Path::new(command);
        let command = shown(command);
        let is_path = path.components().count() > 1 || path.is_absolute() || command.contains('/');
        match error.kind() {
            io::ErrorKind::NotFound if !is_path => {
                let path = std::env::var_os("PATH").map_or("which is not set".to_owned(), |path| shown(&path));
                Self::NotInPath { command, path }
            }
            io::ErrorKind::NotFound if path.exists() => Self::NoInterpreter { command },
            io::ErrorKind::NotFound => {
                let folder = std::env::current_dir().map_or("gone".to_owned(), |folder| shown(folder.as_os_str()));
                Self::NoFile { command, folder }
            }
            io::ErrorKind::PermissionDenied if path.is_dir() => Self::Folder { command },
            io::ErrorKind::PermissionDenied => Self::NotExecutable { command, error },
            _ => Self::Other { command, error },
        }
    }
}

/// As a message may show it: a terminal reads what a client was told to start.
fn shown(text: &OsStr) -> String {
    visible(&text.to_string_lossy())
}

/// The program and its arguments; a command without a program is none.
fn split(command: &[OsString]) -> Result<(&OsStr, &[OsString]), StartError> {
    let (program, args) = command.split_first().ok_or_else(|| StartError::Other {
        command: String::new(),
        error: io::Error::new(io::ErrorKind::InvalidInput, "no command was given"),
    })?;
    Ok((program, args))
}
