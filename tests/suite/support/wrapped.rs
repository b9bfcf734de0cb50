//! A wrapper around the stub server, as a client starts it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The stub server, which cargo builds beside the tests.
pub(crate) fn stub() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let stub = profile.join("examples").join("stub_server");
    assert!(stub.exists(), "{} is missing: `cargo build --example stub_server` builds it", stub.display());
    stub
}

/// A wrapper and what a client holds of it. What is left of it ends when this is dropped.
pub(crate) struct Wrapped {
    pub(crate) home: tempfile::TempDir,
    pub(crate) process: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<BufReader<ChildStdout>>,
}

/// A fresh home with a policy that allows everything.
pub(crate) fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("policy.json"), r#"{"version":"1","default":"allow"}"#).unwrap();
    home
}

/// `policylayer wrap` in this home, with these options and this server's command.
pub(crate) fn command(home: &Path, options: &[&str], server: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_policylayer"));
    command.args(["wrap", "--server", "stub", "--policy"]).arg(home.join("policy.json"));
    command.args(options).arg("--").args(server);
    command.env("HOME", home).env_remove("POLICYLAYER_POLICY");
    for name in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"] {
        command.env_remove(name);
    }
    command.stderr(fs::File::create(home.join("stderr")).unwrap());
    // In a group of its own, so that a test can kill the whole of it.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
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
        Self::start_for(Duration::from_secs(40), home, command)
    }

    /// The same for a test that may take this long.
    pub(crate) fn start_for(patience: Duration, home: tempfile::TempDir, mut command: Command) -> Self {
        let mut process = command.spawn().unwrap();
        watchdog(process.id().cast_signed(), patience);
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().map(BufReader::new);
        Self { home, process, stdin, stdout }
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
        self.stdin = None;
    }

    pub(crate) fn signal(&self, signal: i32) {
        kill(self.process.id().cast_signed(), signal);
    }

    /// Waits until the wrapper has ended, and says how long that took.
    pub(crate) fn end(&mut self, within: Duration) -> (ExitStatus, Duration) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return (status, start.elapsed());
            }
            assert!(start.elapsed() < within, "the wrapper still runs after {within:?}: {:#?}", self.living());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The exit code of a wrapper that ends soon.
    pub(crate) fn code(&mut self) -> i32 {
        self.end(Duration::from_secs(4)).0.code().unwrap()
    }

    /// Waits until nothing that the test started lives any more.
    pub(crate) fn all_gone(&self, within: Duration) {
        let start = Instant::now();
        while !self.living().is_empty() {
            assert!(start.elapsed() < within, "still alive after {within:?}: {:#?}", self.living());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Every live process with our fresh home, with its command. Zombies have no environment.
    #[cfg(not(target_os = "macos"))]
    pub(crate) fn living(&self) -> Vec<(i32, String)> {
        let marker = format!("HOME={}", self.home.path().display()).into_bytes();
        let read = |pid: i32, file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
            .filter(|pid| read(*pid, "environ").split(|byte| *byte == 0).any(|variable| variable == marker))
            .map(|pid| (pid, String::from_utf8_lossy(&read(pid, "cmdline")).replace('\0', " ")))
            .collect()
    }

    /// The same without /proc: `ps -E` prints the environment behind the command.
    #[cfg(target_os = "macos")]
    pub(crate) fn living(&self) -> Vec<(i32, String)> {
        let marker = format!(" HOME={}", self.home.path().display());
        // A keyword with `=` has to be the last of its `-o`.
        let listed = Command::new("/bin/ps").args(["-axwwE", "-o", "pid=", "-o", "command="]).output().unwrap();
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let of_ours =
            |line: &str| line.split_once(&marker).is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with(' '));
        let process = |line: &str| {
            let (pid, command) = line.trim_start().split_once(' ')?;
            Some((pid.parse().ok()?, command.to_owned()))
        };
        listed.lines().filter(|line| of_ours(line)).filter_map(process).collect()
    }

    /// The one live process whose command holds this text.
    pub(crate) fn pid_of(&self, text: &str) -> i32 {
        let found: Vec<_> = self.living().into_iter().filter(|(_, command)| command.contains(text)).collect();
        assert_eq!(found.len(), 1, "{found:#?}");
        found[0].0
    }

    /// What a process wrote to a file of the home, once it is there.
    pub(crate) fn told(&self, file: &str) -> String {
        let file = self.home.path().join(file);
        let start = Instant::now();
        loop {
            if let Ok(text) = fs::read_to_string(&file) {
                return text;
            }
            assert!(start.elapsed() < Duration::from_secs(5), "{} never came", file.display());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The most memory that the wrapper has had, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.status("VmHWM:")
    }

    /// The memory that the wrapper has now, in bytes.
    pub(crate) fn resident(&self) -> usize {
        self.status("VmRSS:")
    }

    /// A line of the wrapper's status, which is in KiB, in bytes.
    fn status(&self, key: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
    }

    /// How many files the wrapper has open.
    pub(crate) fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }
}

/// A test that waits for a line that never comes must fail, not hang.
fn watchdog(wrapper: i32, patience: Duration) {
    thread::spawn(move || {
        thread::sleep(patience);
        kill(wrapper, libc::SIGKILL);
    });
}

impl Drop for Wrapped {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        for (pid, _) in self.living() {
            kill(pid, libc::SIGKILL);
        }
    }
}

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
