//! The server behind its watcher, and all `unsafe` code of the crate.
//!
//! The watcher is the server's parent and leads its process group. The group's number is then the watcher's process id,
//! which stays taken until we reap the watcher as the very last thing. We talk to it over a socket: the first line asks
//! it to start the server, each byte after that names a signal to send. It answers with numbers of four bytes.
#![allow(unsafe_code)]

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{self, Command, ExitStatus};
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, Signal, WaitOptions};
use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStdout;

use super::{OurEnds, ServerEnds, ServerExit, SpawnEnv, StartError, Stop};
use crate::limits::KILL_WAIT;
use crate::proxy::watcher::{ALL_ENDED, SUBCOMMAND, end_children};

/// Held while a process is started. macOS creates a pipe and then marks it as not inheritable, and the watcher's end of its socket is
/// inheritable for a moment: a process that another thread starts in between would keep them open.
pub(in crate::proxy) static STARTING: Mutex<()> = Mutex::new(());

/// Starts one server: a watcher that waits for the command. It comes up while the wrapper reads the policy.
#[derive(Debug)]
pub(in crate::proxy) struct Starter(Option<Watcher>);

/// A server that the watcher was asked to start. It is ended if nobody waits for it.
#[derive(Debug)]
pub(in crate::proxy) struct Starting {
    watcher: Option<Watcher>,
    program: OsString,
}

#[derive(Debug)]
struct Watcher {
    /// Its number is taken until we reap it.
    pid: Pid,
    control: UnixStream,
    /// Whether each further child of ours is one that the watcher has left behind.
    adopts: bool,
}

#[derive(Debug)]
pub(in crate::proxy) struct Child {
    watcher: Watcher,
    /// The same socket, for reading.
    reports: ChildStdout,
}

impl Starter {
    pub(in crate::proxy) fn new(ends: ServerEnds) -> Result<Self, StartError> {
        let adopts = prepare_watcher()?;
        let (pid, control) = spawn_watcher(ends).map_err(StartError::watcher_not_started)?;
        Ok(Self(Some(Watcher { pid, control, adopts })))
    }

    /// The same as the first thing that a process does. On Linux, the watcher is then a fork of it, which is ready in a third of the
    /// time.
    pub(in crate::proxy) fn begin(ours: OurEnds, ends: ServerEnds) -> Result<(OurEnds, Self), StartError> {
        #[cfg(target_os = "linux")]
        if let Some(args) = fork::args_of_single_thread() {
            let adopts = prepare_watcher()?;
            let (ours, pid, control) = fork::fork_watcher(ours, ends, args).map_err(StartError::watcher_not_started)?;
            return Ok((ours, Self(Some(Watcher { pid, control, adopts }))));
        }
        Ok((ours, Self::new(ends)?))
    }

    /// Asks for the server, in `spawn_env` if that is not our own environment.
    pub(in crate::proxy) fn start_server(
        mut self,
        command: &[OsString],
        spawn_env: Option<&SpawnEnv>,
    ) -> Result<Starting, StartError> {
        let (program, _) = super::split_command(command)?;
        let broken = StartError::watcher_not_started;
        let env = spawn_env.map(|env| (&env.vars, env.dir.as_os_str()));
        let mut request = serde_json::to_vec(&(command, env)).map_err(|error| broken(error.into()))?;
        request.push(b'\n');
        let mut watcher = self.0.take().ok_or_else(|| broken(io::ErrorKind::NotFound.into()))?;
        watcher.control.write_all(&request).map_err(broken)?;
        Ok(Starting { watcher: Some(watcher), program: program.to_owned() })
    }
}

/// Ends a watcher that was asked for nothing, and so has no children.
impl Drop for Starter {
    fn drop(&mut self) {
        if let Some(watcher) = &self.0 {
            let _ = rustix::process::kill_process(watcher.pid, Signal::KILL);
            watcher.reap();
        }
    }
}

impl Starting {
    /// Waits until the server runs.
    pub(in crate::proxy) fn wait_started(mut self) -> Result<Child, StartError> {
        let broken = StartError::watcher_not_started;
        let watcher = self.watcher.as_mut().ok_or_else(|| broken(io::ErrorKind::NotFound.into()))?;
        let mut error_code = [0; 4];
        watcher.control.read_exact(&mut error_code).map_err(broken)?;
        match i32::from_le_bytes(error_code) {
            0 => {}
            code => {
                // Its number is free from here on, and nothing may be sent there.
                watcher.reap();
                self.watcher = None;
                return Err(StartError::from_spawn_error(&self.program, io::Error::from_raw_os_error(code)));
            }
        }
        let reports = watcher.control.try_clone().map(|socket| process::ChildStdout::from(OwnedFd::from(socket)));
        let reports = reports.and_then(ChildStdout::from_std).map_err(StartError::system_refused)?;
        let watcher = self.watcher.take().ok_or_else(|| broken(io::ErrorKind::NotFound.into()))?;
        Ok(Child { watcher, reports })
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(watcher) = self.watcher.take() {
            watcher.kill_and_reap();
        }
    }
}

impl Child {
    /// Cancel-safe.
    pub(in crate::proxy) async fn wait_for_exit(&mut self) -> ServerExit {
        // The watcher writes the four bytes at once.
        let mut status = [0; 4];
        match self.reports.read(&mut status).await {
            Ok(4) => describe_exit(ExitStatus::from_raw(i32::from_le_bytes(status))),
            _ => ServerExit::without_watcher(),
        }
    }

    pub(in crate::proxy) fn request_stop(&self, stop: Stop) {
        self.send_signal(match stop {
            Stop::Terminate => Signal::TERM,
            Stop::Interrupt => Signal::INT,
            Stop::Hangup => Signal::HUP,
        });
    }

    /// Kills the server and all that it has started.
    pub(in crate::proxy) fn kill_all(&self) {
        self.send_signal(Signal::KILL);
    }

    fn send_signal(&self, signal: Signal) {
        // A watcher that has ended needs no signal: `kill_and_reap` does what is left to do.
        let _ = u8::try_from(signal.as_raw()).map(|signal| (&self.watcher.control).write(&[signal]));
    }

    /// Ends all that is left, the watcher last, and releases the group's number.
    pub(in crate::proxy) fn kill_and_reap(self) {
        self.watcher.kill_and_reap();
    }
}

impl Watcher {
    fn kill_and_reap(self) {
        // Whoever has stopped the watcher must not keep it from ending the server.
        let _ = rustix::process::kill_process(self.pid, Signal::CONT);
        let mut control = &self.control;
        let _ = control.shutdown(Shutdown::Write);
        let _ = control.set_nonblocking(false);
        let _ = control.set_read_timeout(Some(KILL_WAIT));
        let mut last = [0; 4];
        loop {
            match control.read(&mut last) {
                Ok(0) => break,
                Ok(_) => {}
                // It goes on without us.
                Err(_) => return,
            }
        }
        // It is not an error if the group is already empty.
        let _ = rustix::process::kill_process_group(self.pid, Signal::KILL);
        self.reap();
        if self.adopts && i32::from_le_bytes(last) != ALL_ENDED {
            end_children(KILL_WAIT, |_, _| ());
        }
    }

    /// Waits for its end, and releases its number.
    fn reap(&self) {
        while let Err(rustix::io::Errno::INTR) = rustix::process::waitpid(Some(self.pid), WaitOptions::empty()) {}
    }
}

/// Readies this process to be a watcher's parent. Returns whether each further child of ours is one that the watcher has left behind.
fn prepare_watcher() -> Result<bool, StartError> {
    // The server gets from the watcher what the watcher has got from us.
    reset_signals().map_err(StartError::system_refused)?;
    Ok(adopt_orphans())
}

/// Makes what a killed watcher leaves behind our children, on Linux and if we have no others, and returns whether it
/// did. A shell that has started other programs and then `exec`s the wrapper leaves it their parent.
fn adopt_orphans() -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{WaitId, WaitIdOptions, getpid, set_child_subreaper, waitid};
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::All, look).is_err() && set_child_subreaper(Some(getpid())).is_ok()
    }
    #[cfg(not(target_os = "linux"))]
    false
}

/// Starts a watcher, which leads a new process group, with the server's pipes and one end of a socket. It is our own
/// program again.
fn spawn_watcher(ends: ServerEnds) -> io::Result<(Pid, UnixStream)> {
    let ServerEnds { stdin, stdout, stderr } = ends;
    let program = std::env::current_exe()?;
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let (control, its_end) = UnixStream::pair()?;
    let number = its_end.as_raw_fd();
    // Not between fork and exec: without that, the library starts a process without copying ours first.
    set_inherited(number, 0)?;
    let mut command = Command::new(program);
    command.arg(SUBCOMMAND).arg(number.to_string()).process_group(0).stdin(stdin).stdout(stdout).stderr(stderr);
    Ok((Pid::from_child(&command.spawn()?), control))
}

/// A watcher that is a fork of this process: what the system's loader and the runtime have made ready is ready in it as well.
#[cfg(target_os = "linux")]
mod fork {
    use std::fs::{self, File};
    use std::io;
    use std::ops::Range;
    use std::os::unix::fs::FileExt as _;
    use std::os::unix::net::UnixStream;
    use std::process;

    use rustix::process::Pid;

    use super::{OurEnds, ServerEnds, block_signals, unblock_signals};
    use crate::proxy::watcher::{SUBCOMMAND, watch_server};

    /// Returns where the command line of this process is in its memory; `None` if it has more than one thread, or the system does not
    /// tell.
    pub(super) fn args_of_single_thread() -> Option<Range<u64>> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // After the name, which is in parentheses, comes the third field.
        let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        (field(20)? == 1).then_some(field(48)?..field(49)?)
    }

    /// Starts a watcher with the server's pipes and one end of a socket. This process has one thread, and its command line is at
    /// `args`.
    pub(super) fn fork_watcher(
        ours: OurEnds,
        ends: ServerEnds,
        args: Range<u64>,
    ) -> io::Result<(OurEnds, Pid, UnixStream)> {
        let (control, its_end) = UnixStream::pair()?;
        // No signal for our process group finds a watcher that is still in it.
        let mask = block_signals()?;
        // SAFETY: no other thread holds a lock or is in the middle of something, since there is none.
        match unsafe { libc::fork() } {
            0 => {
                // It must not keep the server's stdin open.
                drop((ours, control));
                let watched = begin_watching(ends, args).and_then(|()| watch_server(its_end, mask));
                process::exit(i32::from(watched.is_err()))
            }
            pid => {
                let failed = (pid < 0).then(io::Error::last_os_error);
                unblock_signals(mask)?;
                let pid = Pid::from_raw(pid).filter(|_| failed.is_none());
                Ok((ours, pid.ok_or_else(|| failed.unwrap_or(io::ErrorKind::Other.into()))?, control))
            }
        }
    }

    fn begin_watching(ends: ServerEnds, args: Range<u64>) -> io::Result<()> {
        rustix::process::setpgid(None, None)?;
        rustix::stdio::dup2_stdin(&ends.stdin)?;
        rustix::stdio::dup2_stdout(&ends.stdout)?;
        rustix::stdio::dup2_stderr(&ends.stderr)?;
        // Where the system refuses, it is only named as the wrapper is.
        let _ = name_watcher(args);
        Ok(())
    }

    /// Writes the command line that a watcher has which is not a fork, for process lists.
    fn name_watcher(args: Range<u64>) -> io::Result<()> {
        let mut line = vec![0; args.end.saturating_sub(args.start) as usize];
        // Through the system: this memory belongs to the process since its start, and nothing here refers to it.
        let memory = File::options().read(true).write(true).open("/proc/self/mem")?;
        memory.read_exact_at(&mut line, args.start)?;
        let program = line.iter().position(|byte| *byte == 0).map_or(line.len(), |end| end + 1);
        let rest = line.get_mut(program..).unwrap_or_default();
        // The last byte stays 0.
        let room = rest.len().saturating_sub(1);
        rest.fill(0);
        rest.iter_mut().take(room).zip(SUBCOMMAND.bytes()).for_each(|(byte, of_name)| *byte = of_name);
        memory.write_all_at(&line, args.start)
    }
}

/// The watcher's end of the socket, whose number is its argument.
pub(in crate::proxy) fn take_control_socket() -> io::Result<UnixStream> {
    let number = std::env::args().nth(2).and_then(|number| number.parse().ok()).filter(|number| *number > 2);
    let number: RawFd = number.ok_or(io::ErrorKind::InvalidInput)?;
    // This fails if the number is not that of an open file.
    set_inherited(number, libc::FD_CLOEXEC)?;
    // SAFETY: the file is open, and nothing in this process has opened or taken it.
    Ok(UnixStream::from(unsafe { OwnedFd::from_raw_fd(number) }))
}

fn set_inherited(number: RawFd, flags: i32) -> io::Result<()> {
    // SAFETY: this changes a flag of a file descriptor, and fails if there is none.
    if unsafe { libc::fcntl(number, libc::F_SETFD, flags) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The signals that a thread has blocked.
#[derive(Clone, Copy)]
pub(in crate::proxy) struct SignalMask(libc::sigset_t);

/// Blocks every signal for the watcher, so that only SIGKILL ends it, and returns what was blocked before.
pub(in crate::proxy) fn block_signals() -> io::Result<SignalMask> {
    let (mut all, mut before) = (MaybeUninit::<libc::sigset_t>::uninit(), MaybeUninit::<libc::sigset_t>::uninit());
    // SAFETY: sigfillset initialises the set before it is read, and pthread_sigmask the other one if it succeeds.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        match libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) {
            0 => Ok(SignalMask(before.assume_init())),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// Takes back what [`block_signals`] has done.
#[cfg(target_os = "linux")]
fn unblock_signals(before: SignalMask) -> io::Result<()> {
    // SAFETY: this changes our own thread's mask, to one that was read from it.
    match unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before.0, std::ptr::null_mut()) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Prepares the server, which the watcher starts from its main thread: it has this mask, and on Linux it dies with the
/// watcher.
pub(in crate::proxy) fn prepare_server(command: &mut Command, mask: SignalMask) {
    let watcher = rustix::process::getpid();
    // SAFETY: between fork and exec only system calls are made; nothing is allocated and no lock is taken.
    unsafe {
        command.pre_exec(move || {
            match libc::pthread_sigmask(libc::SIG_SETMASK, &raw const mask.0, std::ptr::null_mut()) {
                0 => {}
                error => return Err(io::Error::from_raw_os_error(error)),
            }
            #[cfg(target_os = "linux")]
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            // The watcher has ended before: no signal will come any more, and there is nobody to report to.
            if rustix::process::getppid() != Some(watcher) {
                rustix::process::kill_process(rustix::process::getpid(), Signal::KILL)?;
            }
            Ok(())
        });
    }
}

/// Makes a program end with the thread that starts it, and so with the wrapper, however that ends: on Linux, and not what the
/// program has started. The thread has to wait for the program.
pub(in crate::proxy) fn end_with_thread(command: &mut Command) {
    #[cfg(target_os = "linux")]
    {
        let own = rustix::process::getpid();
        // SAFETY: between fork and exec only system calls are made; nothing is allocated and no lock is taken.
        unsafe {
            command.pre_exec(move || {
                rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
                // We have ended before: no signal will come any more.
                if rustix::process::getppid() != Some(own) {
                    rustix::process::kill_process(rustix::process::getpid(), Signal::KILL)?;
                }
                Ok(())
            });
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

fn describe_exit(status: ExitStatus) -> ServerExit {
    match (status.code(), status.signal()) {
        (Some(code), _) => ServerExit::from_code(code),
        (None, Some(signal)) => ServerExit::from_signal(signal),
        (None, None) => ServerExit::unknown(),
    }
}

/// Unblocks the signals that end a session, in case our parent blocked them, and takes those back to what they do by default that it
/// ignored: SIGCHLD, without which nobody learns how a child has ended, SIGTERM and SIGINT. SIGHUP stays ignored, as `nohup` wants.
/// Call this before other threads start. The server inherits this, so it can be ended.
pub(in crate::proxy) fn reset_signals() -> io::Result<()> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // A handler stays: a program that starts several servers one after the other waits for each of them by it.
    let ignored =
        [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT].map(|signal| Some(signal).filter(|_| ignores_signal(signal)));
    // SAFETY: sigemptyset initialises the set before anything reads it, only our own thread's mask is changed, and no
    // handler is installed or removed.
    let result = unsafe {
        for signal in ignored.into_iter().flatten() {
            libc::signal(signal, libc::SIG_DFL);
        }
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
    ignores_signal(libc::SIGHUP)
}

fn ignores_signal(signal: libc::c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: no new action is given, and the old one is written to memory of our own, of which all zeroes is a valid
    // value.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}
