//! Finding what a test started, however deep: by the fresh HOME that every process of the test inherits.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::system::PATIENCE;

/// A live process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) command: String,
}

/// The live processes whose HOME is this directory; zombies have no environment.
#[cfg(target_os = "linux")]
pub(crate) fn living(home: &Path) -> Vec<Process> {
    let marker = format!("HOME={}", home.display()).into_bytes();
    let entries = std::fs::read_dir("/proc").unwrap();
    entries
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            // A process may end between the listing and the reading.
            let environment = std::fs::read(entry.path().join("environ")).ok()?;
            environment.split(|byte| *byte == 0).find(|variable| *variable == marker)?;
            let command = std::fs::read(entry.path().join("cmdline")).ok()?;
            Some(Process { pid, command: String::from_utf8_lossy(&command).replace('\0', " ").trim().to_owned() })
        })
        .collect()
}

/// The live processes whose HOME is this directory: without /proc, `ps -E` prints the environment behind the command.
#[cfg(target_os = "macos")]
pub(crate) fn living(home: &Path) -> Vec<Process> {
    let marker = format!(" HOME={}", home.display());
    // A keyword with `=` is the last one of its `-o`.
    let listed =
        std::process::Command::new("/bin/ps").args(["-axwwE", "-o", "pid=", "-o", "command="]).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let is_ours =
        |line: &str| line.split_once(&marker).is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with(' '));
    let process = |line: &str| {
        let (pid, command) = line.trim_start().split_once(' ')?;
        Some(Process { pid: pid.parse().ok()?, command: command.to_owned() })
    };
    listed.lines().filter(|line| is_ours(line)).filter_map(process).collect()
}

/// The live stub servers whose home is this directory. Each holds a lock on a file there, which the system gives back when
/// it ends. Other processes are not seen: without /proc nobody may read their environment.
#[cfg(windows)]
pub(crate) fn living(home: &Path) -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir(home.join(".living")) else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let file = std::fs::File::open(entry.path()).ok()?;
            if file.try_lock().is_ok() {
                return None;
            }
            let command = std::fs::read_to_string(entry.path().with_extension("command")).unwrap_or_default();
            Some(Process { pid, command })
        })
        .collect()
}

/// Waits until none of them lives.
pub(crate) fn wait_until_gone(home: &Path) {
    let start = Instant::now();
    loop {
        let left = living(home);
        if left.is_empty() {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "still alive after {PATIENCE:?}: {left:#?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Ends a process that is none of our children.
pub(crate) fn kill(pid: u32) {
    #[cfg(unix)]
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        // Who is gone already needs no signal.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    #[cfg(windows)]
    {
        let mut command = std::process::Command::new("taskkill");
        command.args(["/F", "/PID", &pid.to_string()]).stdin(std::process::Stdio::null());
        let _ = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status();
    }
}
