//! The watcher: a tiny process that kills the server's group when the wrapper ends, for whatever reason.
//!
//! It is our own program again, with a hidden subcommand, and not a fork without exec: a fork would keep all files of
//! the wrapper open, look like a second wrapper in a process list, and need `unsafe` code. Starting a program takes
//! about a millisecond, which passes while the server starts.
//!
//! It leads the server's group, blocks every signal that can be blocked, has none of our stdio, and reads a pipe to
//! which nobody writes. When the pipe closes, the wrapper has ended, and the watcher kills its own group, itself
//! included.
//!
//! If the watcher is killed, another joins the group. The first one, which leads it, is not reaped before the end, so
//! the group keeps its number. In the few milliseconds between the two, Linux's death signal still ends the server.
//! macOS has none: a wrapper that is killed in exactly these milliseconds leaves its server behind, with a closed
//! stdin.

use std::io;
use std::process::{Child, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::child::{ProcessGroup, watcher_command};
use crate::limits::MAX_WATCHERS;

/// The first argument that makes a process the watcher; not part of the command line that people see.
pub const SUBCOMMAND: &str = "watch-server";

/// Held while a process is started beside the server. macOS creates a pipe and then marks it as not inheritable: a
/// process that another thread starts in between would keep the watcher's pipe open, and the watcher would also wait
/// for that process.
pub(super) static STARTING: Mutex<()> = Mutex::new(());

/// The watcher's processes, with our ends of their pipes.
#[derive(Debug)]
pub(super) struct Watcher {
    /// The first one, whose process id is the group's number until it is reaped.
    leader: Child,
    /// Those that replaced it, the living one last.
    others: Vec<Child>,
}

impl Watcher {
    /// Starts a watcher, which leads a new process group.
    pub(super) fn spawn() -> io::Result<Self> {
        Ok(Self { leader: spawn_watcher(0)?, others: Vec::new() })
    }

    pub(super) fn group_id(&self) -> Option<Pid> {
        Pid::from_raw(self.leader.id().cast_signed())
    }

    /// Starts another watcher in the group if the last one has ended.
    ///
    /// # Errors
    /// If none can be started, or too many have ended: then there is no watcher.
    pub(super) fn ensure_running(&mut self) -> io::Result<WatcherCheck> {
        if !has_exited(self.others.last().unwrap_or(&self.leader))? {
            return Ok(WatcherCheck::Alive);
        }
        // The leader counts too.
        if self.others.len() + 1 >= MAX_WATCHERS {
            return Err(io::Error::other(format!("{MAX_WATCHERS} of them were ended")));
        }
        self.others.push(spawn_watcher(self.leader.id().cast_signed())?);
        Ok(WatcherCheck::Replaced)
    }

    /// Kills the group and reaps the watcher. From here on, another group may get the number.
    pub(super) fn kill_and_reap(mut self, group: ProcessGroup) {
        group.kill_all();
        let _ = self.leader.wait();
        for mut other in self.others {
            let _ = other.wait();
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WatcherCheck {
    Alive,
    /// The watcher has ended, and another is in its place.
    Replaced,
}

/// Starts a watcher in this process group, or in a new one if it is 0.
fn spawn_watcher(group: i32) -> io::Result<Child> {
    let program = std::env::current_exe()?;
    let mut command = watcher_command(program.into_os_string(), group);
    command.arg(SUBCOMMAND).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    command.spawn()
}

/// Checks without reaping: the number must stay taken.
fn has_exited(watcher: &Child) -> io::Result<bool> {
    let Some(pid) = Pid::from_raw(watcher.id().cast_signed()) else { return Ok(true) };
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    // macOS also reports a watcher that was only stopped.
    let status = rustix::process::waitid(WaitId::Pid(pid), look)?;
    Ok(status.is_some_and(|status| status.exited() || status.killed() || status.dumped()))
}

/// Runs the watcher: waits until its standard input ends, then kills its own process group.
///
/// # Errors
/// If it was not started by the wrapper.
pub fn run_watcher() -> io::Result<()> {
    // In a script, it would kill the script's group; the wrapper starts it in a group other than its own. If the
    // wrapper has already ended, our parent is a process elsewhere.
    let parents_group = rustix::process::getppid().and_then(|parent| rustix::process::getpgid(Some(parent)).ok());
    if parents_group == Some(rustix::process::getpgrp()) {
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

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn only_a_watcher_that_has_ended_is_replaced() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
        assert!(!has_exited(&child).unwrap());
        rustix::process::kill_process(pid, Signal::STOP).unwrap();
        thread::sleep(Duration::from_millis(100));
        assert!(!has_exited(&child).unwrap(), "it is only stopped");
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
        let start = Instant::now();
        while !has_exited(&child).unwrap() {
            assert!(start.elapsed() < Duration::from_secs(60), "nobody tells of its end");
            thread::sleep(Duration::from_millis(5));
        }
        // The check has not reaped it.
        assert!(has_exited(&child).unwrap());
        assert!(!child.wait().unwrap().success());
    }
}
