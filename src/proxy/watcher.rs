//! The watcher: a tiny process that ends the server's group when the wrapper is gone, however it went.
//!
//! It is our own program again, with a hidden subcommand, rather than a fork that goes on without exec: a fork would keep every file
//! that the wrapper had open, look like a second wrapper in a process list, and need `unsafe` code that a start of a
//! program does not. What that costs, about a millisecond, passes while the server is starting.
//!
//! It leads the group that the server is in, blocks every signal that can be blocked, has none of our stdio and reads a pipe that
//! nobody writes to. When the pipe closes, the wrapper is gone, and the watcher kills its own group, itself included.
//!
//! If the watcher is killed, another joins the group. The first one, which leads it, is not reaped before the end, so the
//! group keeps its number. In the few milliseconds between the two, Linux's death signal still ends the server itself. macOS has
//! none: a wrapper that is killed in just these milliseconds leaves its server with a closed stdin, and nothing more.

use std::io;
use std::process::{Child, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::child::{Group, watcher_command};
use crate::limits::MAX_WATCHERS;

/// The first argument that makes a process the watcher; no part of the command line that people see.
pub const SUBCOMMAND: &str = "watch-server";

/// Held while a process is started beside the server. macOS makes a pipe first and marks it as not to be inherited then: what
/// another thread starts in between would keep the watcher's pipe open, and the watcher would wait for its end as well.
pub(super) static STARTING: Mutex<()> = Mutex::new(());

/// The watcher's process, and in it our end of its pipe.
#[derive(Debug)]
pub(super) struct Watcher {
    /// The first one, whose process id is the group's number until it is reaped.
    leader: Child,
    /// Those that took its place, the one that lives last.
    others: Vec<Child>,
}

impl Watcher {
    /// Starts the watcher as the leader of a new process group.
    pub(super) fn spawn() -> io::Result<Self> {
        Ok(Self { leader: start(0)?, others: Vec::new() })
    }

    /// The group that it leads.
    pub(super) fn group(&self) -> Option<Pid> {
        Pid::from_raw(self.leader.id().cast_signed())
    }

    /// Starts another watcher in the group where the last one has ended.
    ///
    /// # Errors
    /// When none can be started, or too many have ended: then nobody watches.
    pub(super) fn keep(&mut self) -> io::Result<WatcherCheck> {
        if !has_ended(self.others.last().unwrap_or(&self.leader))? {
            return Ok(WatcherCheck::Alive);
        }
        // The leader counts too.
        if self.others.len() + 1 >= MAX_WATCHERS {
            return Err(io::Error::other(format!("{MAX_WATCHERS} of them were ended")));
        }
        self.others.push(start(self.leader.id().cast_signed())?);
        Ok(WatcherCheck::Replaced)
    }

    /// Ends the group, and reaps the watcher: from here on the group's number may be somebody else's.
    pub(super) fn end(mut self, group: Group) {
        group.kill();
        let _ = self.leader.wait();
        for mut other in self.others {
            let _ = other.wait();
        }
    }
}

/// The result of a check of the watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WatcherCheck {
    /// The watcher runs.
    Alive,
    /// The watcher has ended, and another is in its place.
    Replaced,
}

/// Starts a watcher in this process group, in a new one where it is 0.
fn start(group: i32) -> io::Result<Child> {
    let program = std::env::current_exe()?;
    let mut command = watcher_command(program.into_os_string(), group);
    command.arg(SUBCOMMAND).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    command.spawn()
}

/// Looks without reaping: the number must stay taken.
fn has_ended(watcher: &Child) -> io::Result<bool> {
    let Some(pid) = Pid::from_raw(watcher.id().cast_signed()) else { return Ok(true) };
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    // macOS tells of one that was only stopped as well.
    let status = rustix::process::waitid(WaitId::Pid(pid), look)?;
    Ok(status.is_some_and(|status| status.exited() || status.killed() || status.dumped()))
}

/// What the watcher does: waits until its standard input ends, then ends its own process group.
///
/// # Errors
/// When it was not started by the wrapper.
pub fn watch() -> io::Result<()> {
    // Typed by hand in a script, it would end the script's group; the wrapper puts it in another than its own. A wrapper
    // that is gone already has left us to a parent elsewhere.
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
        assert!(!has_ended(&child).unwrap());
        rustix::process::kill_process(pid, Signal::STOP).unwrap();
        thread::sleep(Duration::from_millis(100));
        assert!(!has_ended(&child).unwrap(), "it is only stopped");
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
        let start = Instant::now();
        while !has_ended(&child).unwrap() {
            assert!(start.elapsed() < Duration::from_secs(20), "nobody tells of its end");
            thread::sleep(Duration::from_millis(5));
        }
        // Whoever looked has not reaped it.
        assert!(has_ended(&child).unwrap());
        assert!(!child.wait().unwrap().success());
    }
}
