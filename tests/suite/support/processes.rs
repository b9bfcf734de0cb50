//! Finding what a test started, however deep: by the fresh HOME that every process of the test inherits.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// A live process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) command: String,
}

/// The live processes whose HOME is this folder. Linux only, as it reads /proc; zombies have no environment there.
pub(crate) fn living(home: &Path) -> Vec<Process> {
    let marker = format!("HOME={}", home.display()).into_bytes();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
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

/// Waits until none of them lives, and says how long that took.
pub(crate) fn wait_until_gone(home: &Path, within: Duration) -> Duration {
    let start = Instant::now();
    loop {
        let left = living(home);
        if left.is_empty() {
            return start.elapsed();
        }
        assert!(start.elapsed() < within, "still alive after {within:?}: {left:#?}");
        thread::sleep(Duration::from_millis(20));
    }
}
