//! A pseudo-terminal with a program in it, and the person before it.
#![allow(unsafe_code, reason = "what is done between fork and exec is")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::system::PATIENCE;

/// A program that is started with a terminal of its own.
pub(crate) struct Terminal {
    pub(crate) process: Child,
    master: File,
    /// Kept open, so that the terminal's modes can be asked for after the program has ended.
    slave: OwnedFd,
    written: Arc<Mutex<Vec<u8>>>,
    is_closed: Arc<AtomicBool>,
}

impl Terminal {
    /// Starts the program in a terminal of 80 columns and 24 rows.
    pub(crate) fn start(command: Command) -> Self {
        Self::start_sized(command, 80, 24)
    }

    pub(crate) fn start_sized(mut command: Command, columns: u16, rows: u16) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        // macOS has no flag for it; then the master is ours alone a moment later.
        #[cfg(target_os = "linux")]
        let flags = flags | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        rustix::io::fcntl_setfd(&master, rustix::io::FdFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        size(&slave, columns, rows);
        let stdio = || Stdio::from(slave.try_clone().unwrap());
        command.stdin(stdio()).stdout(stdio()).stderr(stdio());
        // Between fork and exec; both are plain system calls.
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
                Ok(())
            });
        }
        let process = command.spawn().unwrap();
        let master = File::from(master);
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let (mut reader, shared) = (master.try_clone().unwrap(), Arc::clone(&written));
        let is_closed = Arc::<AtomicBool>::default();
        let closed = Arc::clone(&is_closed);
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while !closed.load(Ordering::Relaxed) {
                let look = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
                if poll(&mut [PollFd::new(&reader, PollFlags::IN)], Some(&look)).is_ok_and(|ready| ready > 0) {
                    let Ok(read @ 1..) = reader.read(&mut chunk) else { break };
                    shared.lock().unwrap().extend_from_slice(&chunk[..read]);
                }
            }
        });
        Self { process, master, slave, written, is_closed }
    }

    /// Everything that was written so far.
    pub(crate) fn written(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// Waits until this was written, at or after a place; gives the place behind it.
    pub(crate) fn wait_from(&self, from: usize, text: &str) -> usize {
        let start = Instant::now();
        loop {
            let written = self.written();
            if let Some(at) = written.get(from..).and_then(|rest| rest.find(text)) {
                return from + at + text.len();
            }
            assert!(start.elapsed() < PATIENCE, "{text:?} never came:\n{}", written.replace('\u{1b}', "\n^["));
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn wait(&self, text: &str) -> usize {
        self.wait_from(0, text)
    }

    /// Types on the keyboard.
    pub(crate) fn type_in(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Makes the window another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        size(&self.slave, columns, rows);
    }

    /// Whether lines are edited and echoed, as before the program.
    pub(crate) fn is_cooked(&self) -> bool {
        tcgetattr(self.slave.as_fd()).unwrap().local_modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// Closes the window, as when a terminal program is killed, and gives the program that was in it.
    pub(crate) fn close(mut self) -> Child {
        self.is_closed.store(true, Ordering::Relaxed);
        let harmless = Command::new("true").spawn().unwrap();
        std::mem::replace(&mut self.process, harmless)
    }

    /// Waits for the end of the program, and until all that it has written is read.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                self.read_rest();
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it still runs:\n{}", self.written());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The system hands on what a program has written a while later, and in order: what is written now comes last, and is no
    /// part of what was written.
    fn read_rest(&self) {
        const END: &str = "\u{1}the end\u{1}";
        // Where the system takes the terminal from everybody with its program, nothing is to be waited for.
        if rustix::io::write(&self.slave, END.as_bytes()).is_ok() {
            self.wait(END);
            let mut written = self.written.lock().unwrap();
            let at = written.windows(END.len()).rposition(|part| part == END.as_bytes()).unwrap();
            written.drain(at..at + END.len());
        }
    }
}

/// Waits for the end of a process and returns the processor time that it used.
pub(crate) fn processor_time_at_end(process: Child) -> Duration {
    let (pid, start) = (process.id().cast_signed(), Instant::now());
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // Sound: `usage` is a place for what the call writes, and all zeroes are valid too.
    while unsafe { libc::wait4(pid, std::ptr::null_mut(), libc::WNOHANG, usage.as_mut_ptr()) } != pid {
        if start.elapsed() > PATIENCE {
            unsafe { libc::kill(pid, libc::SIGKILL) };
            panic!("it still runs");
        }
        thread::sleep(Duration::from_millis(20));
    }
    let usage = unsafe { usage.assume_init() };
    [usage.ru_utime, usage.ru_stime]
        .iter()
        .map(|time| {
            Duration::from_secs(time.tv_sec.cast_unsigned())
                + Duration::from_micros(u64::try_from(time.tv_usec).unwrap())
        })
        .sum()
}

/// More than any of these programs needs that does not go on reading the end of its input.
pub(crate) const BUSY: Duration = Duration::from_secs(10);

fn size(terminal: &OwnedFd, columns: u16, rows: u16) {
    tcsetwinsize(terminal, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
