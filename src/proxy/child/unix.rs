//! The server's process group, and the watcher that leads it.
//!
//! The group is led by the watcher, not by the server: its number is then the watcher's process id, which stays taken until we
//! reap the watcher as the very last thing. So no signal to the group can ever hit a stranger with a recycled number, and the
//! watcher itself needs no number: it kills the group that it is in. The server is a plain member, as it is of the
//! client's group where there is no wrapper.
#![allow(unsafe_code)]

use std::ffi::OsString;
use std::io::{self, PipeReader, PipeWriter};
use std::mem::MaybeUninit;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{self, ExitStatus, Stdio};

use rustix::process::{Pid, Signal};
use tokio::process::Command;

use super::{Ended, StartError, Stop, Surroundings};
use crate::proxy::watcher::{Kept, Watcher};

/// The server's process, its group and its watcher.
#[derive(Debug)]
pub(in crate::proxy) struct Child {
    server: tokio::process::Child,
    watcher: Watcher,
    group: Group,
}

/// A process group, for as long as its leader is not reaped.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct Group(Pid);

impl Group {
    /// Ends every process of the group.
    pub(in crate::proxy) fn kill(self) {
        // That nobody is left is no failure.
        let _ = rustix::process::kill_process_group(self.0, Signal::KILL);
    }
}

impl Child {
    /// Starts the server between two pipes, with this stderr. To be called on the main thread, since Linux sends the death
    /// signal when the *thread* ends that started the process.
    pub(in crate::proxy) fn spawn(
        command: &[OsString],
        surroundings: Option<&Surroundings>,
        stdin: PipeReader,
        stdout: PipeWriter,
        stderr: Stdio,
    ) -> Result<Self, StartError> {
        let (program, args) = super::split(command)?;
        // First the watcher: a wrapper that is killed in between leaves nothing behind. Until its exec the new process
        // also holds our end of the watcher's pipe, so the watcher wakes only when the process is in the group.
        let watcher = Watcher::spawn().map_err(StartError::Watcher)?;
        let group = watcher.group().ok_or_else(|| StartError::Watcher(io::ErrorKind::NotFound.into()))?;
        let mut command = Command::new(program);
        command.args(args).stdin(stdin).stdout(stdout).stderr(stderr);
        command.process_group(group.as_raw_nonzero().get());
        if let Some(Surroundings { vars, folder }) = surroundings {
            command.env_clear().envs(vars.iter().map(|(name, value)| (name, value))).current_dir(folder);
        }
        die_with_parent(&mut command);
        match command.spawn() {
            Ok(server) => Ok(Self { server, watcher, group: Group(group) }),
            Err(error) => {
                watcher.end(Group(group));
                Err(StartError::of(program, error))
            }
        }
    }

    /// The server's group, for a panic's last act.
    pub(in crate::proxy) fn group(&self) -> Group {
        self.group
    }

    /// Sees to it that somebody watches: to be called when a child of ours has ended.
    ///
    /// # Errors
    /// When nobody does, and nobody can be made to.
    pub(in crate::proxy) fn keep_watcher(&mut self) -> io::Result<()> {
        match self.watcher.keep()? {
            Kept::Lives => {}
            Kept::Replaced => tracing::warn!("the watcher was ended by somebody; another one has taken its place"),
        }
        Ok(())
    }

    /// Waits for the server to end. May be dropped and called again.
    pub(in crate::proxy) async fn wait(&mut self) -> Ended {
        self.server.wait().await.map_or_else(|_| Ended::unknown(), ended)
    }

    /// Asks the server and its descendants to end.
    pub(in crate::proxy) fn stop(&self, stop: Stop) {
        self.signal(match stop {
            Stop::Terminate => Signal::TERM,
            Stop::Interrupt => Signal::INT,
            Stop::Hangup => Signal::HUP,
        });
    }

    /// Ends the server and its descendants.
    pub(in crate::proxy) fn kill(&mut self) {
        self.signal(Signal::KILL);
    }

    /// Ends what is left of the group, the watcher last, and gives its number back.
    pub(in crate::proxy) fn clear(mut self) {
        self.kill();
        self.watcher.end(self.group);
    }

    fn signal(&self, signal: Signal) {
        // Its number is the first watcher's, which nobody has reaped.
        let _ = rustix::process::kill_process_group(self.group.0, signal);
        // A server that made a session of its own has left the group. It has an id only until it is reaped.
        let server = self.server.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(server) = server
            && rustix::process::getpgid(Some(server)).is_ok_and(|group| group != self.group.0)
        {
            let _ = rustix::process::kill_process(server, signal);
        }
    }
}

fn ended(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::exited(code),
        (None, Some(signal)) => Ended::signalled(signal),
        (None, None) => Ended::unknown(),
    }
}

/// Makes the signals that matter here arrive, also where whoever started us had them blocked: those that end a session, and
/// SIGCHLD. To be called before other threads are started. The server gets them so as well, and can be ended.
pub(in crate::proxy) fn unblock_signals() -> io::Result<()> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the set before anything reads it, and only our own thread's mask is changed.
    let result = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGCHLD] {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), std::ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
}

/// Whether whoever started us had SIGHUP ignored, as `nohup` does. To be asked before there is a handler.
pub(in crate::proxy) fn ignores_hangup() -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: no new action is given, and the old one is written to memory of our own, of which all zeroes is a valid value.
    unsafe {
        libc::sigaction(libc::SIGHUP, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// The second net, below the watcher: Linux ends the server when our main thread is gone.
fn die_with_parent(command: &mut Command) {
    #[cfg(target_os = "linux")]
    {
        let parent = rustix::process::getpid();
        // SAFETY: between fork and exec only system calls are made; nothing is allocated and no lock is taken.
        unsafe {
            command.pre_exec(move || {
                rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
                // The wrapper went before the call above took effect: there will be no signal any more, and nobody
                // to report to.
                if rustix::process::getppid() != Some(parent) {
                    rustix::process::kill_process(rustix::process::getpid(), Signal::KILL)?;
                }
                Ok(())
            });
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// A command that starts in this process group, in one of its own where it is 0, with every signal blocked, so that what is meant for the group
/// never ends it: only SIGKILL does.
pub(in crate::proxy) fn watcher_command(program: OsString, group: i32) -> process::Command {
    let mut command = process::Command::new(program);
    command.process_group(group);
    // SAFETY: between fork and exec only two async-signal-safe functions are called, on memory of our own.
    unsafe {
        command.pre_exec(|| {
            let mut all = MaybeUninit::<libc::sigset_t>::uninit();
            if libc::sigfillset(all.as_mut_ptr()) != 0
                || libc::sigprocmask(libc::SIG_SETMASK, all.as_ptr(), std::ptr::null_mut()) != 0
            {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
    command
}

/// Gives back the pages of the program and its libraries that only the start needed: half of what a session would hold in
/// memory is code and tables that it never reads again. What is needed after all comes back from the file. A part of which
/// any page was written to, by a loader that moved addresses in code or by a debugger, stays. Without Linux it does nothing.
pub(in crate::proxy) fn forget_the_start() {
    #[cfg(target_os = "linux")]
    {
        let Ok(maps) = std::fs::read_to_string("/proc/self/smaps") else { return };
        for (start, end) in as_in_the_file(&maps) {
            // SAFETY: the mapping is of a file, and no page of it has been written to: one that is dropped is read
            // from the file again, with the same bytes.
            unsafe {
                libc::madvise(std::ptr::with_exposed_provenance_mut(start), end - start, libc::MADV_DONTNEED);
            }
        }
    }
}

/// The mappings that are as their files are, each from where to where it goes, by /proc/PID/smaps.
#[cfg(target_os = "linux")]
fn as_in_the_file(maps: &str) -> Vec<(usize, usize)> {
    let (mut found, mut mapping) = (Vec::new(), None);
    for line in maps.lines() {
        match line.split_once(':') {
            Some(("Anonymous" | "Swap", size)) if size.trim() != "0 kB" => mapping = None,
            // The last line of each mapping.
            Some(("VmFlags", _)) => found.extend(mapping.take()),
            // The first one.
            _ if line.contains('-') => mapping = of_a_file(line),
            _ => {}
        }
    }
    found
}

/// From where to where a mapping goes, if it is of a file and only read, by its first line. What is at the start
/// of a file is its headers and constants; later parts that can only be read are mostly addresses that the loader has put in.
#[cfg(target_os = "linux")]
fn of_a_file(line: &str) -> Option<(usize, usize)> {
    let mut words = line.split_ascii_whitespace();
    let (range, access, offset) = (words.next()?, words.next()?, words.next()?);
    let is_of_a_file = words.nth(2).is_some_and(|path| path.starts_with('/'));
    let is_read = access == "r-xp" || (access == "r--p" && offset.bytes().all(|digit| digit == b'0'));
    let (start, end) = range.split_once('-')?;
    let address = |text: &str| usize::from_str_radix(text, 16).ok();
    let (start, end) = (address(start)?, address(end)?);
    (is_of_a_file && is_read && start < end).then_some((start, end))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_to_is_no_longer_as_in_the_file() {
        let mapping = |first: &str, anonymous: u32, swap: u32| {
            format!("{first}\nRss: 8 kB\nAnonymous:  {anonymous} kB\nSwap:  {swap} kB\nSwapPss: 4 kB\nVmFlags: rd mr\n")
        };
        let code = "2000-5000 r-xp 00001000 08:01 7   /bin/p";
        let of = |maps: &[String]| as_in_the_file(&maps.concat());
        let start = mapping("1000-2000 r--p 00000000 08:01 7   /bin/p", 0, 0);
        assert_eq!(of(&[start.clone(), mapping(code, 0, 0)]), [(0x1000, 0x2000), (0x2000, 0x5000)]);
        // A loader that moved addresses in the code, a debugger's breakpoint.
        assert_eq!(of(&[mapping(code, 4, 0), start.clone()]), [(0x1000, 0x2000)]);
        assert_eq!(of(&[start, mapping(code, 0, 4)]), [(0x1000, 0x2000)]);
        for other in [
            "r--p 00003000 08:01 7 /bin/p",
            "rw-p 00000000 08:01 7 /bin/p",
            "r-xp 00000000 00:00 0 [vdso]",
            "r-xp 0 00:00 0",
        ] {
            assert_eq!(of(&[mapping(&format!("5000-6000 {other}"), 0, 0)]), [], "{other}");
        }
    }
}
