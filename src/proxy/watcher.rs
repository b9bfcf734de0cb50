//! The watcher: a tiny process that ends the server's group when the wrapper is gone, however it went.
//!
//! It is our own program again, with a hidden subcommand, rather than a fork that goes on without exec: a fork would keep every file
//! that the wrapper had open, look like a second wrapper in a process list, and need `unsafe` code that a start of a
//! program does not. What that costs, about a millisecond, passes while the server is starting.
//!
//! It leads the group that the server is in, blocks every signal that can be blocked, has none of our stdio and reads a pipe that
//! nobody writes to. When the pipe closes, the wrapper is gone, and the watcher kills its own group, itself included.
//! If the watcher is killed, the wrapper goes on: on Linux the death signal is still there.

use std::io;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal};

use super::child::{Group, watcher_command};

/// The first argument that makes a process the watcher; no part of the command line that people see.
pub const SUBCOMMAND: &str = "watch-server";

/// The watcher's process, and in it our end of its pipe.
#[derive(Debug)]
pub(super) struct Watcher(Child);

impl Watcher {
    /// Starts the watcher as the leader of a new process group.
    pub(super) fn spawn() -> io::Result<Self> {
        let program = std::env::current_exe()?;
        let mut command = watcher_command(program.into_os_string());
        command.arg(SUBCOMMAND).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map(Self)
    }

    /// The group that it leads.
    pub(super) fn group(&self) -> Option<Pid> {
        Pid::from_raw(self.0.id().cast_signed())
    }

    /// Ends the group, and reaps the watcher: from here on the group's number may be somebody else's.
    pub(super) fn end(mut self, group: Group) {
        group.kill();
        let _ = self.0.wait();
    }
}

/// What the watcher does: waits until its standard input ends, then ends its own process group.
///
/// # Errors
/// When it was not started by the wrapper.
pub fn watch() -> io::Result<()> {
    // Typed by hand in a script, it would end the script's group.
    if rustix::process::getpgrp() != rustix::process::getpid() {
        return Err(io::Error::other("this subcommand is for policylayer itself"));
    }
    let mut buffer = [0_u8; 1];
    loop {
        match rustix::io::read(rustix::stdio::stdin(), &mut buffer) {
            Ok(0) => break,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => break,
        }
    }
    rustix::process::kill_current_process_group(Signal::KILL)?;
    Ok(())
}
