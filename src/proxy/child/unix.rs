//! The server's process group, and the watcher that leads it.
//!
//! The watcher leads the group, not the server: the group's number is then the watcher's process id, which stays taken
//! until we reap the watcher as the very last thing. So no signal to the group can ever hit a stranger with a recycled
//! number, and the watcher itself needs no number: it kills the group that it is in. The server is a plain member, as
//! it is of the client's group if there is no wrapper.
#![allow(unsafe_code)]

use std::ffi::OsString;
use std::io::{self, PipeReader, PipeWriter};
use std::mem::MaybeUninit;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{self, ExitStatus, Stdio};

use rustix::process::{Pid, Signal};
use tokio::process::Command;

use super::{ServerExit, SpawnEnv, StartError, Stop};
use crate::proxy::watcher::{Watcher, WatcherCheck};

#[derive(Debug)]
pub(in crate::proxy) struct Child {
    server: tokio::process::Child,
    watcher: Watcher,
    group: ProcessGroup,
}

/// A process group, for as long as its leader is not reaped.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct ProcessGroup(Pid);

impl ProcessGroup {
    pub(in crate::proxy) fn kill_all(self) {
        // It is not an error if the group is already empty.
        let _ = rustix::process::kill_process_group(self.0, Signal::KILL);
    }
}

impl Child {
    /// Starts the server between two pipes, with this stderr. Call this on the main thread: Linux sends the death
    /// signal when the *thread* that started the process ends.
    pub(in crate::proxy) fn spawn(
        command: &[OsString],
        spawn_env: Option<&SpawnEnv>,
        stdin: PipeReader,
        stdout: PipeWriter,
        stderr: Stdio,
    ) -> Result<Self, StartError> {
        let (program, args) = super::split_command(command)?;
        // First the watcher: a wrapper that is killed in between leaves nothing behind. Until its exec the new process
        // also holds our end of the watcher's pipe, so the watcher wakes only when the process is in the group.
        let watcher = Watcher::spawn().map_err(StartError::watcher_not_started)?;
        let group =
            watcher.group_id().ok_or_else(|| StartError::watcher_not_started(io::ErrorKind::NotFound.into()))?;
        let mut command = Command::new(program);
        command.args(args).stdin(stdin).stdout(stdout).stderr(stderr);
        command.process_group(group.as_raw_nonzero().get());
        if let Some(SpawnEnv { vars, dir }) = spawn_env {
            command.env_clear().envs(vars.iter().map(|(name, value)| (name, value))).current_dir(dir);
        }
        die_with_parent(&mut command);
        match command.spawn() {
            Ok(server) => Ok(Self { server, watcher, group: ProcessGroup(group) }),
            Err(error) => {
                watcher.kill_and_reap(ProcessGroup(group));
                Err(StartError::from_spawn_error(program, error))
            }
        }
    }

    /// For the panic hook.
    pub(in crate::proxy) fn process_group(&self) -> ProcessGroup {
        self.group
    }

    /// Replaces the watcher if it has ended. Call this when a child of ours has ended.
    ///
    /// # Errors
    /// If no watcher runs, and none can be started.
    pub(in crate::proxy) fn keep_watcher(&mut self) -> io::Result<()> {
        match self.watcher.ensure_running()? {
            WatcherCheck::Alive => {}
            WatcherCheck::Replaced => {
                tracing::warn!("the watcher was ended from outside; another one has taken its place")
            }
        }
        Ok(())
    }

    /// Cancel-safe.
    pub(in crate::proxy) async fn wait_for_exit(&mut self) -> ServerExit {
        self.server.wait().await.map_or_else(|_| ServerExit::unknown(), describe_exit)
    }

    pub(in crate::proxy) fn request_stop(&self, stop: Stop) {
        self.send_signal(match stop {
            Stop::Terminate => Signal::TERM,
            Stop::Interrupt => Signal::INT,
            Stop::Hangup => Signal::HUP,
        });
    }

    pub(in crate::proxy) fn kill_group(&mut self) {
        self.send_signal(Signal::KILL);
    }

    /// Ends what is left of the group, the watcher last, and releases its number.
    pub(in crate::proxy) fn kill_and_reap(mut self) {
        self.kill_group();
        self.watcher.kill_and_reap(self.group);
    }

    fn send_signal(&self, signal: Signal) {
        // Its number is the first watcher's, which nobody has reaped.
        let _ = rustix::process::kill_process_group(self.group.0, signal);
        // A server that created its own session has left the group. It has an id only until it is reaped.
        let server = self.server.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(server) = server
            && rustix::process::getpgid(Some(server)).is_ok_and(|group| group != self.group.0)
        {
            let _ = rustix::process::kill_process(server, signal);
        }
    }
}

fn describe_exit(status: ExitStatus) -> ServerExit {
    match (status.code(), status.signal()) {
        (Some(code), _) => ServerExit::from_code(code),
        (None, Some(signal)) => ServerExit::from_signal(signal),
        (None, None) => ServerExit::unknown(),
    }
}

/// Unblocks the signals that end a session, and SIGCHLD, in case our parent blocked them. Call this before other
/// threads start. The server inherits this, so it can be ended.
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

/// Returns whether our parent ignored SIGHUP, as `nohup` does. Call this before a handler is installed.
pub(in crate::proxy) fn ignores_hangup() -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: no new action is given, and the old one is written to memory of our own, of which all zeroes is a valid
    // value.
    unsafe {
        libc::sigaction(libc::SIGHUP, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Lets Linux end the server when our main thread is gone: a second safety net below the watcher.
fn die_with_parent(command: &mut Command) {
    #[cfg(target_os = "linux")]
    {
        let parent = rustix::process::getpid();
        // SAFETY: between fork and exec only system calls are made; nothing is allocated and no lock is taken.
        unsafe {
            command.pre_exec(move || {
                rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
                // The wrapper ended before the call above took effect: no signal will come any more, and there is
                // nobody to report to.
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

/// Creates a command that starts in this process group, or in a new one if it is 0, with every signal blocked, so that
/// only SIGKILL ends it.
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
