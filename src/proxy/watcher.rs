//! The watcher: a tiny process between the wrapper and the server, which ends all that the server has started when the
//! wrapper ends, for whatever reason.
//!
//! It is our own program again, with a hidden subcommand; on Linux, at the start of a session, it is a fork of it, which is
//! ready sooner. It starts the server, blocks every signal that can be blocked, and has none of our stdio and none of the
//! server's. When its socket to the wrapper closes, the wrapper has ended.
//!
//! On Linux it is a "child subreaper": a descendant whose parent ends becomes its child, also one that has left the
//! process group or the session. So it kills its children, and then those that have become its children, until it has
//! none. Only its own children are ever killed, and their numbers are taken until it reaps them. Elsewhere a process
//! whose parent has ended is not to be told from others, so only what a living descendant has started is found, beside
//! the process group.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus};

use super::child;
use super::shared_session::lock_unpoisoned;
use crate::limits::{BLOCKED_LOOK, END_CHILDREN, END_LOOK};

/// The first argument that makes a process the watcher; not part of the command line that people see.
pub const SUBCOMMAND: &str = "watch-server";

/// What the watcher reports last if nothing is left of the server. No wait status is negative.
pub(super) const ALL_ENDED: i32 = -1;

/// A program with its arguments, and its environment and working directory if they are not the watcher's own.
type StartRequest = (Vec<OsString>, Option<(Vec<(OsString, OsString)>, OsString)>);

/// The server, as its parent sees it. While this is locked, no child is reaped but by who holds the lock.
#[derive(Debug)]
struct WatchedServer {
    control: UnixStream,
    /// `None` once it is reaped.
    pid: Option<Pid>,
}

impl WatchedServer {
    fn report(&mut self, number: i32) {
        // A wrapper that has ended needs no report.
        let _ = self.control.write_all(&number.to_le_bytes());
    }

    fn note_reaped(&mut self, pid: Pid, status: WaitStatus) {
        if self.pid == Some(pid) {
            self.pid = None;
            self.report(status.as_raw());
        }
    }

    fn send_signal(&self, signal: Signal) {
        // It is not an error if nobody is left to get it.
        let _ = rustix::process::kill_current_process_group(signal);
        let has_left = |pid: &Pid| rustix::process::getpgid(Some(*pid)) != Ok(rustix::process::getpgrp());
        if let Some(pid) = self.pid.filter(has_left) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

/// Runs the watcher, from the start of the server until nothing of it is left.
///
/// # Errors
/// Returns an error if it was not started by the wrapper.
pub fn run_watcher() -> io::Result<()> {
    let control =
        child::take_control_socket().map_err(|_| io::Error::other("this subcommand is for policylayer itself"))?;
    watch_server(control, child::block_signals()?)
}

/// The same with its end of the socket to the wrapper. Every signal is blocked; what was blocked before is what the server gets.
pub(super) fn watch_server(mut control: UnixStream, mask: child::SignalMask) -> io::Result<()> {
    // Where the system refuses, the process group is what can be ended.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    let mut request = Vec::new();
    // The wrapper sends nothing more before it has the answer.
    BufReader::new(&control).read_until(b'\n', &mut request)?;
    let null = std::fs::File::options().read(true).write(true).open("/dev/null");
    let started = null.and_then(|null| Ok((null, start_server(serde_json::from_slice(&request)?, mask)?)));
    let mut server = WatchedServer { control: control.try_clone()?, pid: None };
    let null = match started {
        Ok((null, pid)) => {
            server.pid = Some(pid);
            null
        }
        Err(error) => {
            server.report(error.raw_os_error().unwrap_or(libc::EINVAL));
            return Ok(());
        }
    };
    server.report(0);
    // A pipe of the server's closes when the server closes it.
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    let server = Arc::new(Mutex::new(server));
    let reaped = Arc::clone(&server);
    thread::Builder::new().spawn(move || reap_children(&reaped))?;
    let mut signal = [0];
    loop {
        match control.read(&mut signal) {
            Ok(1..) if i32::from(signal[0]) == Signal::KILL.as_raw() => _ = end_all(&server),
            Ok(1..) => {
                if let Some(signal) = Signal::from_named_raw(signal[0].into()) {
                    lock_unpoisoned(&server).send_signal(signal);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
        }
    }
    if end_all(&server) {
        lock_unpoisoned(&server).report(ALL_ENDED);
    }
    Ok(rustix::process::kill_current_process_group(Signal::KILL)?)
}

fn start_server((command, spawn_env): StartRequest, mask: child::SignalMask) -> io::Result<Pid> {
    let (program, args) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(args);
    if let Some((vars, dir)) = spawn_env {
        command.env_clear().envs(vars).current_dir(dir);
    }
    child::prepare_server(&mut command, mask);
    Ok(Pid::from_child(&command.spawn()?))
}

/// Reaps the server, and all that becomes our child, until nothing is left.
fn reap_children(server: &Mutex<WatchedServer>) {
    loop {
        match rustix::process::waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
        let mut server = lock_unpoisoned(server);
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => server.note_reaped(pid, status),
            _ => {
                // macOS also reports a child that was only stopped.
                drop(server);
                thread::sleep(BLOCKED_LOOK);
            }
        }
    }
}

/// Kills everything that the server has started. Returns whether nothing is left.
fn end_all(server: &Mutex<WatchedServer>) -> bool {
    let mut server = lock_unpoisoned(server);
    end_children(END_CHILDREN, |pid, status| server.note_reaped(pid, status))
}

/// Kills and reaps our children until there are none, at most for `limit`. Returns whether there are none.
pub(super) fn end_children(limit: Duration, mut note_reaped: impl FnMut(Pid, WaitStatus)) -> bool {
    let start = Instant::now();
    loop {
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => note_reaped(pid, status),
                Ok(None) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return true,
            }
        }
        if start.elapsed() >= limit {
            return false;
        }
        for pid in list_children() {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        thread::sleep(END_LOOK);
    }
}

/// Lists our children; each is there, perhaps as a zombie, until we reap it.
#[cfg(target_os = "linux")]
fn list_children() -> Vec<Pid> {
    let own = std::process::id();
    let child = |entry: std::fs::DirEntry| {
        let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        let stat = std::fs::read(entry.path().join("stat")).ok()?;
        // After the name, which may be any bytes in parentheses, come the state and the parent.
        let stat = String::from_utf8_lossy(&stat);
        let parent: u32 = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        (parent == own).then_some(pid)
    };
    std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(child).collect()
}

/// Lists our children and their living descendants. A number that is free again is given away only after all others,
/// so it still means the same process a moment later.
#[cfg(not(target_os = "linux"))]
fn list_children() -> Vec<Pid> {
    use std::process::Stdio;
    let mut ps = Command::new("/bin/ps");
    ps.args(["-axo", "pid=,ppid="]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(ps) = ps.spawn() else { return Vec::new() };
    let ps_itself = Pid::from_child(&ps);
    let Ok(listed) = ps.wait_with_output() else { return Vec::new() };
    let pid = |text: &str| text.parse().ok().and_then(Pid::from_raw);
    let listed = String::from_utf8_lossy(&listed.stdout);
    let parents: Vec<_> = listed
        .lines()
        .filter_map(|line| line.trim().split_once(' '))
        .filter_map(|(process, parent)| Some((pid(process)?, pid(parent.trim())?)))
        .filter(|(process, _)| *process != ps_itself)
        .collect();
    let mut found = vec![rustix::process::getpid()];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, its_parent)| *its_parent == parent).map(|(process, _)| *process));
        next += 1;
    }
    found.split_off(1)
}
