//! Programs that show or pass on a notification: bounded in time, with what they print kept away from the protocol.

use std::io::{self, PipeReader, Read as _, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::limits::PROGRAMS_END;

const LOOK: Duration = Duration::from_millis(20);

/// How many programs run.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Whether the session is over.
static IS_OVER: AtomicBool = AtomicBool::new(false);

/// Kills the programs that still run, because the session is over: nobody would end them later.
pub(super) fn end_programs() {
    IS_OVER.store(true, Ordering::SeqCst);
    let start = Instant::now();
    while RUNNING.load(Ordering::SeqCst) > 0 && start.elapsed() < PROGRAMS_END {
        thread::sleep(LOOK / 4);
    }
}

/// A program that runs, for as long as this is there.
struct RunningProgram;

impl RunningProgram {
    /// Returns the error of a program that was killed at the end of the session if the session is over.
    fn begin() -> io::Result<Self> {
        RUNNING.fetch_add(1, Ordering::SeqCst);
        let running = Self;
        if IS_OVER.load(Ordering::SeqCst) { Err(io::ErrorKind::Interrupted.into()) } else { Ok(running) }
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Reads to the end on a thread of its own, and passes on what comes first: about `most` bytes. What writes to the other
/// end is never held up, and fails once the wrapper has ended.
pub(super) fn read_beginning(mut pipe: PipeReader, most: usize) -> io::Result<Receiver<Vec<u8>>> {
    let (send, beginning) = channel();
    let read = move || {
        let (mut chunk, mut passed) = ([0; 1024], 0);
        while passed < most {
            let Ok(count @ 1..) = pipe.read(&mut chunk) else { return };
            let _ = send.send(chunk.get(..count).unwrap_or_default().to_owned());
            passed += count;
        }
        drop(send);
        let _ = io::copy(&mut pipe, &mut io::sink());
    };
    thread::Builder::new().name("notification-stderr".to_owned()).spawn(read)?;
    Ok(beginning)
}

/// Runs a program that reads this input, and reaps it. After `limit`, or when the session ends, it is killed with all that it
/// started. The caller decides about its stderr.
pub(super) fn run_with_timeout(mut command: Command, input: &[u8], limit: Duration) -> io::Result<ExitStatus> {
    // Our own stdin and stdout are the protocol.
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let _running = RunningProgram::begin()?;
    let (mut program, stdin) = Program::start(command, if input.is_empty() { Input::None } else { Input::Piped })?;
    let start = Instant::now();
    if let Some(mut stdin) = stdin {
        let input = input.to_owned();
        // A program may leave its input unread, and end or be killed: then this ends with an error.
        let write = move || _ = stdin.write_all(&input);
        thread::Builder::new().name("notification-input".to_owned()).spawn(write)?;
    }
    loop {
        if let Some(status) = program.try_wait()? {
            return Ok(status);
        }
        if start.elapsed() >= limit || IS_OVER.load(Ordering::SeqCst) {
            program.kill_all()?;
            let is_over = IS_OVER.load(Ordering::SeqCst);
            return Err(if is_over { io::ErrorKind::Interrupted } else { io::ErrorKind::TimedOut }.into());
        }
        thread::sleep(LOOK);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    None,
    Piped,
}

/// A program in a process group of its own.
#[cfg(unix)]
struct Program(std::process::Child);

#[cfg(unix)]
impl Program {
    fn start(mut command: Command, input: Input) -> io::Result<(Self, Option<std::process::ChildStdin>)> {
        use std::os::unix::process::CommandExt as _;

        use crate::proxy::child;

        if input == Input::Piped {
            command.stdin(Stdio::piped());
        }
        command.process_group(0);
        child::end_with_thread(&mut command);
        let _starting = child::STARTING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut child = command.spawn()?;
        let stdin = child.stdin.take();
        Ok((Self(child), stdin))
    }

    fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    fn kill_all(&mut self) -> io::Result<()> {
        use rustix::process::{Pid, Signal, kill_process_group};
        kill_process_group(Pid::from_child(&self.0), Signal::KILL)?;
        self.0.wait().map(drop)
    }
}

/// A program in a job of its own, which ends with our last handle to it: also when we are killed.
#[cfg(windows)]
struct Program {
    child: Box<dyn process_wrap::tokio::ChildWrapper>,
    /// The child needs one.
    runtime: tokio::runtime::Runtime,
}

#[cfg(windows)]
impl Program {
    fn start(mut command: Command, input: Input) -> io::Result<(Self, Option<io::PipeWriter>)> {
        use process_wrap::tokio::{CommandWrap, CreationFlags, JobObject, KillOnDrop};

        /// `CREATE_NO_WINDOW`: otherwise a console flashes up if the client has none.
        const NO_WINDOW: u32 = 0x0800_0000;

        let mut stdin = None;
        if input == Input::Piped {
            let (its_end, ours) = io::pipe()?;
            command.stdin(its_end);
            stdin = Some(ours);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let mut flags = CreationFlags(Default::default());
        flags.0.0 = NO_WINDOW;
        let mut wrapped = CommandWrap::from(tokio::process::Command::from(command));
        wrapped.wrap(KillOnDrop).wrap(JobObject).wrap(flags);
        let child = wrapped.spawn()?;
        drop(entered);
        Ok((Self { child, runtime }, stdin))
    }

    fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        // Of the program alone: what it has started may go on for longer.
        self.child.inner_mut().try_wait()
    }

    fn kill_all(&mut self) -> io::Result<()> {
        let _entered = self.runtime.enter();
        self.child.start_kill()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stderr(Stdio::null());
        command
    }

    #[test]
    fn a_program_that_hangs_is_ended_and_reaped_with_what_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let started = dir.path().join("pid");
        // The input is larger than a pipe, and nobody reads it.
        let input = vec![b'x'; 1 << 20];
        let mut patience = Duration::from_secs(1);
        let pid = loop {
            let mut hangs = shell("sleep 600 & echo $! >\"$0\"; wait");
            hangs.arg(&started);
            let error = run_with_timeout(hangs, &input, patience).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            let pid = std::fs::read_to_string(&started).unwrap_or_default();
            if pid.ends_with('\n') {
                break pid;
            }
            // On a busy machine it may not have got that far.
            patience *= 4;
            assert!(patience < PATIENCE, "it never starts");
        };
        let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        let start = Instant::now();
        // Whoever adopts it reaps it in a moment; a zombie takes a signal, but does nothing.
        let is_living = || match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => !stat.contains(") Z "),
            Err(_) => cfg!(not(target_os = "linux")) && rustix::process::test_kill_process(pid).is_ok(),
        };
        while is_living() {
            assert!(start.elapsed() < PATIENCE, "what it started lives on");
            thread::sleep(LOOK);
        }
    }

    #[test]
    fn its_exit_code_and_its_input_are_its_own() {
        assert_eq!(run_with_timeout(shell("exit 3"), b"", PATIENCE).unwrap().code(), Some(3));
        assert_eq!(run_with_timeout(shell("exit 4"), &vec![b'x'; 1 << 20], PATIENCE).unwrap().code(), Some(4));
        let reads = shell("test \"$(wc -c)\" -eq 1048576");
        assert!(run_with_timeout(reads, &vec![b'x'; 1 << 20], PATIENCE).unwrap().success());
        assert!(run_with_timeout(Command::new("/nowhere/at/all"), b"", PATIENCE).is_err());
    }
}
