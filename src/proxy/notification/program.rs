//! Programs that show or pass on a notification: bounded in time, with what they print kept away from the protocol.

use std::io::{self, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const LOOK: Duration = Duration::from_millis(20);

/// Runs a program that reads this input, and reaps it. After `limit` it is killed, on Unix with all that it started. The
/// caller decides about its stderr.
pub(super) fn run_with_timeout(mut command: Command, input: &[u8], limit: Duration) -> io::Result<ExitStatus> {
    // Our own stdin and stdout are the protocol.
    command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() }).stdout(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    #[cfg(windows)]
    {
        /// `CREATE_NO_WINDOW`: otherwise a console flashes up if the client has none.
        const NO_WINDOW: u32 = 0x0800_0000;
        std::os::windows::process::CommandExt::creation_flags(&mut command, NO_WINDOW);
    }
    #[cfg(unix)]
    let starting = crate::proxy::child::STARTING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut child = command.spawn()?;
    #[cfg(unix)]
    drop(starting);
    let start = Instant::now();
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_owned();
        // A program may leave its input unread, and end or be killed: then this ends with an error.
        let write = move || _ = stdin.write_all(&input);
        thread::Builder::new().name("notification-input".to_owned()).spawn(write)?;
    }
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if start.elapsed() >= limit {
            kill(&mut child)?;
            child.wait()?;
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(LOOK);
    }
}

fn kill(child: &mut Child) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        Ok(kill_process_group(Pid::from_child(child), Signal::KILL)?)
    }
    #[cfg(not(unix))]
    child.kill()
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
        let mut hangs = shell("sleep 600 & echo $! >\"$0\"; wait");
        hangs.arg(&started);
        // The input is larger than a pipe, and nobody reads it.
        let input = vec![b'x'; 1 << 20];
        let error = thread::scope(|scope| {
            let run = scope.spawn(|| run_with_timeout(hangs, &input, Duration::from_secs(3)));
            run.join().unwrap().unwrap_err()
        });
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let pid = std::fs::read_to_string(started).unwrap();
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
