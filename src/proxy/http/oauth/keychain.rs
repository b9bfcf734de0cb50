//! The system's keychain, by the program that the system has for it. It keeps one key, with which login files are sealed: what is
//! stored there is small and does not change when a token does.

use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use crate::limits::{KEYCHAIN_LOOK, KEYCHAIN_PATIENCE};
use crate::lookup::{SearchEnv, SearchResult};

/// What the key is called.
const SERVICE: &str = "policylayer";
const ACCOUNT: &str = "logins";

/// A keychain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keychain {
    /// That of the desktop (Secret Service), by `secret-tool`.
    SecretTool(PathBuf),
    /// That of macOS, by `security`.
    Security,
}

impl Keychain {
    /// Returns the keychain of this system; `None` if it has none that is known.
    pub(super) fn find(search: &SearchEnv) -> Option<Self> {
        if cfg!(target_os = "macos") {
            return Some(Self::Security);
        }
        if !cfg!(target_os = "linux") {
            return None;
        }
        match search.find_program(OsStr::new("secret-tool")) {
            SearchResult::At(path) => Some(Self::SecretTool(path)),
            _ => None,
        }
    }

    /// Returns the key, if there is one.
    pub(super) fn read_key(&self) -> io::Result<Option<String>> {
        let mut command = self.command();
        match self {
            Self::SecretTool(_) => command.args(["lookup", "service", SERVICE, "account", ACCOUNT]),
            Self::Security => command.args(["find-generic-password", "-s", SERVICE, "-a", ACCOUNT, "-w"]),
        };
        let (code, text) = run_program(command, "")?;
        match (self, code) {
            (_, Some(0)) => Ok(Some(text.trim().to_owned()).filter(|key| !key.is_empty())),
            // There is none.
            (Self::SecretTool(_), Some(1)) | (Self::Security, Some(44)) => Ok(None),
            _ => Err(io::Error::other("it does not give its key")),
        }
    }

    /// Keeps the key, which no command line shows.
    pub(super) fn write_key(&self, key: &str) -> io::Result<()> {
        let mut command = self.command();
        let input = match self {
            Self::SecretTool(_) => {
                command.args(["store", "--label=policylayer logins", "service", SERVICE, "account", ACCOUNT]);
                key.to_owned()
            }
            Self::Security => {
                command.arg("-i");
                format!("add-generic-password -U -s {SERVICE} -a {ACCOUNT} -w {key}\n")
            }
        };
        match run_program(command, &input)? {
            (Some(0), _) => Ok(()),
            _ => Err(io::Error::other("it does not take a key")),
        }
    }

    fn command(&self) -> Command {
        match self {
            Self::Security => Command::new("/usr/bin/security"),
            Self::SecretTool(path) => {
                let mut command = Command::new(path);
                find_session_bus(&mut command);
                command
            }
        }
    }
}

/// Clients may start us without the variable that says where the desktop is spoken to.
#[cfg(target_os = "linux")]
fn find_session_bus(command: &mut Command) {
    const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";
    let usual = format!("/run/user/{}/bus", rustix::process::getuid().as_raw());
    if std::env::var_os(BUS).is_none() && std::path::Path::new(&usual).exists() {
        command.env(BUS, format!("unix:path={usual}"));
    }
}

#[cfg(not(target_os = "linux"))]
fn find_session_bus(_: &mut Command) {}

/// Runs a program that reads this, and returns its exit code and what it prints. It is killed if a person does not answer its question.
fn run_program(mut command: Command, input: &str) -> io::Result<(Option<i32>, String)> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    // It may end without reading.
    stdin.map(|mut stdin| stdin.write_all(input.as_bytes()));
    let reader = thread::Builder::new().name("keychain".to_owned()).spawn(move || {
        let mut text = String::new();
        // A key is 64 characters.
        stdout.map(|stdout| stdout.take(1024).read_to_string(&mut text));
        text
    })?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if start.elapsed() >= KEYCHAIN_PATIENCE => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it has not answered"));
            }
            None => thread::sleep(KEYCHAIN_LOOK),
        }
    };
    Ok((status.code(), reader.join().unwrap_or_default()))
}
