//! The server as a process: one interface for unix and Windows.

mod start_error;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::ffi::{OsStr, OsString};
use std::io::{self, PipeReader, PipeWriter};
use std::path::PathBuf;

pub use self::start_error::StartError;
use crate::lookup::SearchEnv;
#[cfg(unix)]
pub(super) use unix::*;
#[cfg(windows)]
pub(super) use windows::{Child, Starter, Starting};

/// All of a server's start that does not depend on which server it is: its pipes, and on unix its watcher, which comes up while the
/// policy is read.
#[derive(Debug)]
pub struct EarlyStart(Result<(OurEnds, Starter), StartError>);

impl EarlyStart {
    /// Begins the start, as the first thing that a process does. What fails is told when the server is asked for.
    pub fn begin() -> Self {
        let opened = OurEnds::open().map_err(StartError::system_refused);
        Self(opened.and_then(|(ours, ends)| Starter::begin(ours, ends)))
    }

    /// Asks for the server.
    pub fn ask(self, command: &[OsString]) -> AskedStart {
        AskedStart(self.0.and_then(|(ours, starter)| Ok((ours, starter.start_server(command, None)?))))
    }
}

/// A server that was asked for.
#[derive(Debug)]
pub struct AskedStart(pub(super) Result<(OurEnds, Starting), StartError>);

/// The environment and working directory of a server, if they are not ours.
#[derive(Clone, Debug, Default)]
pub struct SpawnEnv {
    /// All of its environment.
    pub vars: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub dir: PathBuf,
}

impl SpawnEnv {
    /// Returns how a process in this environment searches for programs.
    pub fn search_env(&self) -> SearchEnv {
        SearchEnv::new(self.vars.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str())), &self.dir)
    }
}

/// Our ends of the server's pipes.
#[derive(Debug)]
pub(super) struct OurEnds {
    pub(super) stdin: PipeWriter,
    pub(super) stdout: PipeReader,
    pub(super) stderr: PipeReader,
}

impl OurEnds {
    /// Opens the pipes of a server.
    pub(super) fn open() -> io::Result<(Self, ServerEnds)> {
        let (server_reads, stdin) = io::pipe()?;
        let (stdout, server_writes) = io::pipe()?;
        let (stderr, server_says) = io::pipe()?;
        let ends = ServerEnds { stdin: server_reads, stdout: server_writes, stderr: server_says };
        Ok((Self { stdin, stdout, stderr }, ends))
    }
}

/// The server's ends of its pipes.
#[derive(Debug)]
pub(super) struct ServerEnds {
    pub(super) stdin: PipeReader,
    pub(super) stdout: PipeWriter,
    pub(super) stderr: PipeWriter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// SIGTERM, or what the platform has instead.
    Terminate,
    /// SIGINT, or Ctrl-C.
    Interrupt,
    /// SIGHUP, or the console that closes.
    Hangup,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerExit {
    /// The wrapper's exit code: the server's own, which has 32 bits on Windows, or 128 + N after signal N.
    pub(super) code: i32,
    /// A description, such as "it exited with code 1".
    pub(super) how: String,
}

impl ServerExit {
    fn from_code(code: i32) -> Self {
        // Codes with which Windows ends a process, such as 0xC0000005, are known in hexadecimal.
        let how =
            if code < 0 { format!("it exited with code 0x{code:08X}") } else { format!("it exited with code {code}") };
        Self { code, how }
    }

    #[cfg(unix)]
    fn from_signal(signal: i32) -> Self {
        // The system's names, as people know them: `Signal::KILL` is SIGKILL.
        let name = rustix::process::Signal::from_named_raw(signal).map(|signal| format!("{signal:?}"));
        let name = name.as_ref().map(|name| name.trim_matches('"').trim_start_matches("Signal::"));
        let how = match name {
            Some(name) => format!("it was ended by signal {signal}, SIG{}", name.to_ascii_uppercase()),
            None => format!("it was ended by signal {signal}"),
        };
        Self { code: 128 + signal, how }
    }

    /// Describes a server whose watcher was ended from outside: nobody can tell how the server itself ended.
    #[cfg(unix)]
    fn without_watcher() -> Self {
        Self {
            code: 137,
            how: "its watcher, another process of policylayer, was killed, and the server with it".to_owned(),
        }
    }

    /// Describes a server that could not be ended, or whose end the system does not describe.
    pub(super) fn unknown() -> Self {
        Self { code: 137, how: "it did not end in time and was abandoned".to_owned() }
    }
}

fn split_command(command: &[OsString]) -> Result<(&OsStr, &[OsString]), StartError> {
    let none = || StartError::unexplained("", io::Error::new(io::ErrorKind::InvalidInput, "no command was given"));
    command.split_first().map(|(program, args)| (program.as_os_str(), args)).ok_or_else(none)
}
