//! A wrapper around the stub server, as a client starts it.

use std::cell::Cell;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::processes::{self, Process, living};
use super::system::{PATIENCE, at_home, example, leads_a_group, program};

/// The stub server, which cargo builds beside the tests.
pub(crate) fn stub() -> PathBuf {
    example("stub_server")
}

/// What the wrapper ends with when its server was killed: 128 + 9 after SIGKILL; Windows gives who was ended the code 1.
pub(crate) const KILLED: i32 = if cfg!(windows) { 1 } else { 137 };

/// The same when the server was asked to end, by SIGTERM; Windows has no way to ask, so it was killed.
pub(crate) const STOPPED: i32 = if cfg!(windows) { KILLED } else { 143 };

/// A wrapper and what a client holds of it. What is left of it ends when this is dropped.
pub(crate) struct Wrapped {
    pub(crate) home: tempfile::TempDir,
    pub(crate) process: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<BufReader<ChildStdout>>,
    /// When it was first told to end.
    ending: Cell<Option<Instant>>,
    /// While it is there, the watchdog may end the process: its id is not yet another's.
    _held: Arc<()>,
}

/// A fresh home with a policy that allows everything.
pub(crate) fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("policy.json"), r#"{"version":"1","default":"allow"}"#).unwrap();
    home
}

/// Such a home in which a server has this long to end once its stdin is closed.
pub(crate) fn home_with_grace(grace: &str) -> tempfile::TempDir {
    let home = home();
    let config = home.path().join(".config/policylayer");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("config.toml"), format!("[wrap]\ngrace = \"{grace}\"\n")).unwrap();
    home
}

/// `policylayer wrap` in this home, with these options and this server's command.
pub(crate) fn command(home: &Path, options: &[&str], server: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(["wrap", "--server", "stub", "--policy"]).arg(home.join("policy.json"));
    command.args(options).arg("--").args(server);
    at_home(&mut command, home).stderr(fs::File::create(home.join("stderr")).unwrap());
    leads_a_group(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    command
}

/// The wrapper around the stub server with these habits.
pub(crate) fn wrap(habits: &[&str]) -> Wrapped {
    wrap_with(home(), &[], habits)
}

/// The same with options of the wrapper, in a home that was prepared.
pub(crate) fn wrap_with(home: tempfile::TempDir, options: &[&str], habits: &[&str]) -> Wrapped {
    let stub = stub();
    let server: Vec<&str> = [stub.to_str().unwrap()].into_iter().chain(habits.iter().copied()).collect();
    let command = command(home.path(), options, &server);
    Wrapped::start(home, command)
}

impl Wrapped {
    pub(crate) fn start(home: tempfile::TempDir, command: Command) -> Self {
        Self::start_for(2 * PATIENCE, home, command)
    }

    /// The same for a test that may take this long.
    pub(crate) fn start_for(patience: Duration, home: tempfile::TempDir, mut command: Command) -> Self {
        let mut process = command.spawn().unwrap();
        let held = Arc::new(());
        watchdog(process.id(), Arc::downgrade(&held), patience);
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().map(BufReader::new);
        Self { home, process, stdin, stdout, ending: Cell::default(), _held: held }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    pub(crate) fn request(&mut self, id: &str) {
        self.send(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n").as_bytes());
    }

    /// Sends a request and waits for its answer: from here on the server runs.
    pub(crate) fn greet(&mut self) {
        self.request("\"hello\"");
        assert!(self.line().contains("\"hello\""));
    }

    /// Whether a call reaches the server.
    pub(crate) fn passes(&mut self) -> bool {
        self.send(b"{\"jsonrpc\":\"2.0\",\"id\":\"call\",\"method\":\"tools/call\",\"params\":{\"name\":\"a\"}}\n");
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "the session is over: {}", self.said());
            if line.contains("\"call\"") {
                return !line.contains("[POLICY DENIED]");
            }
        }
    }

    /// What the wrapper has said on stderr so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.home.path().join("stderr")).unwrap()
    }

    /// The next line of stdout; empty at its end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        line
    }

    /// Everything to the end of stdout.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stdout.as_mut().unwrap().read_to_end(&mut rest).unwrap();
        rest
    }

    pub(crate) fn close(&mut self) {
        self.note_ending();
        self.stdin = None;
    }

    fn note_ending(&self) {
        self.ending.set(self.ending.get().or_else(|| Some(Instant::now())));
    }

    /// Sends a signal to the wrapper. Windows has none that a process without a console could get.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: i32) {
        self.note_ending();
        kill(self.process.id().cast_signed(), signal);
    }

    /// Kills the wrapper alone, which it cannot notice.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
    }

    /// Waits until the wrapper has ended, and returns how long that took since it was told to.
    pub(crate) fn end(&mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return (status, self.ending.get().unwrap_or(start).elapsed());
            }
            assert!(start.elapsed() < PATIENCE, "the wrapper still runs after {PATIENCE:?}: {:#?}", self.living());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the wrapper has ended, and returns its exit code.
    pub(crate) fn code(&mut self) -> i32 {
        self.end().0.code().unwrap()
    }

    /// Waits until nothing that the test started lives any more.
    pub(crate) fn all_gone(&self) {
        processes::wait_until_gone(self.home.path());
    }

    /// Every live process with our fresh home: on Linux with the wrapper and its watcher, elsewhere the stub servers alone.
    pub(crate) fn living(&self) -> Vec<Process> {
        living(self.home.path())
    }

    /// The one live process whose command holds this text.
    pub(crate) fn pid_of(&self, text: &str) -> i32 {
        let found: Vec<_> = self.living().into_iter().filter(|process| process.command.contains(text)).collect();
        assert_eq!(found.len(), 1, "{found:#?}");
        found[0].pid.cast_signed()
    }

    /// What a process wrote to a file of the home, once it is there.
    pub(crate) fn told(&self, file: &str) -> String {
        let file = self.home.path().join(file);
        let start = Instant::now();
        loop {
            if let Ok(text) = fs::read_to_string(&file) {
                return text;
            }
            assert!(start.elapsed() < PATIENCE, "{} never came", file.display());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Asserts that the wrapper has never had more private memory than this. /proc tells it, which only Linux has.
    #[track_caller]
    pub(crate) fn assert_memory_below(&self, bytes: usize) {
        #[cfg(target_os = "linux")]
        assert!(self.memory() < bytes, "{}", self.memory());
        let _ = bytes;
    }

    /// The most private memory that the wrapper has had, in bytes: the peak without the pages of the program's own file, which a
    /// debug build has many of.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory(&self) -> usize {
        self.status("VmHWM:").saturating_sub(self.status("RssFile:"))
    }

    /// The private memory that the wrapper has now, in bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn private_memory(&self) -> usize {
        self.status("RssAnon:")
    }

    /// A line of the wrapper's status, which is in KiB, in bytes.
    #[cfg(target_os = "linux")]
    fn status(&self, key: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
    }

    /// How many files the wrapper has open.
    #[cfg(target_os = "linux")]
    pub(crate) fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }
}

/// A test that waits for a line that never comes must fail, not hang.
fn watchdog(wrapper: u32, held: Weak<()>, patience: Duration) {
    thread::spawn(move || {
        thread::sleep(patience);
        if held.upgrade().is_some() {
            processes::kill(wrapper);
        }
    });
}

impl Drop for Wrapped {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        for left in self.living() {
            processes::kill(left.pid);
        }
    }
}

/// Sends a signal to a process, or to the group of the number without its sign.
#[cfg(unix)]
pub(crate) fn kill(pid: i32, signal: i32) {
    if let (Some(signal), target) = (rustix::process::Signal::from_named_raw(signal), pid.unsigned_abs().cast_signed())
    {
        let target = rustix::process::Pid::from_raw(target).unwrap();
        // Who is gone already needs no signal.
        let _ = if pid < 0 {
            rustix::process::kill_process_group(target, signal)
        } else {
            rustix::process::kill_process(target, signal)
        };
    }
}
