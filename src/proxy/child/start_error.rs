//! Why a server could not be started, in words for the person who wrote the command.

use std::ffi::OsStr;
#[cfg(any(windows, test))]
use std::ffi::OsString;
use std::io;
use std::path::Path;

use crate::lookup;
#[cfg(any(windows, test))]
use crate::lookup::{Found, SearchEnv};
use crate::visible::visible;

/// What prints where a command is, in a terminal.
const LOCATE: &str = if cfg!(windows) { "where" } else { "command -v" };

/// What is to be seen to where the system has no room.
const MORE_ROOM: &str = if cfg!(windows) {
    "end programs that are not needed: the system has no room for another pipe or thread"
} else {
    "see that a few more files and threads may be opened (`ulimit -a`)"
};

/// Why the server could not be started. The message is complete: what, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no such command, or its interpreter is missing.
    #[error(
        "cannot start the server: there is no command `{command}` in PATH ({path})\nwhat to do: clients start \
         servers with a short PATH of their own; write the absolute path of `{command}` (in your {}, \
         `{LOCATE} {command}` prints it)",
        if cfg!(windows) { "terminal" } else { "shell" }
    )]
    NotInPath {
        /// The command as given.
        command: String,
        /// The PATH that was searched.
        path: String,
    },
    /// There is no such file.
    #[error(
        "cannot start the server: there is no file `{command}` (working folder: {folder})\nwhat to do: correct the \
         path; an absolute one does not depend on the folder in which the client starts"
    )]
    NoFile {
        /// The command as given.
        command: String,
        /// The working folder.
        folder: String,
    },
    /// The working folder, in which the server is to be started, is not there.
    #[error(
        "cannot start the server: its working folder `{folder}` is not there, so `{command}` has nowhere to run\nwhat to do: \
         correct the working folder"
    )]
    NoFolder {
        /// The file that was found.
        command: String,
        /// The working folder.
        folder: String,
    },
    /// The file is there, and what its first line names as its interpreter is not.
    #[error(
        "cannot start the server: `{command}` is there, but the program that runs it is not (see its first line, \
         after `#!`)\nwhat to do: install that program, or name it and the file, as in `node {command}`"
    )]
    NoInterpreter {
        /// The command as given.
        command: String,
    },
    /// It is a folder.
    #[error(
        "cannot start the server: `{command}` is a folder\nwhat to do: name the program in it, or the program that runs \
         what is in it, as in `node {command}{}index.js`",
        std::path::MAIN_SEPARATOR
    )]
    Folder {
        /// The command as given.
        command: String,
    },
    /// The file may not be executed.
    #[error(
        "cannot start the server: `{command}` may not be executed ({error})\nwhat to do: `chmod +x` it, or name the \
         program that runs it, as in `node {command}`"
    )]
    NotExecutable {
        /// The command as given.
        command: String,
        /// What the system said.
        error: io::Error,
    },
    /// Windows: the file is a script or data, which only another program can run.
    #[error(
        "cannot start the server: `{file}` is not a program, and Windows starts nothing else\nwhat to do: name the program \
         that runs it, as in `{runner} {file}`"
    )]
    NoProgram {
        /// The file that was found.
        file: String,
        /// What probably runs it.
        runner: &'static str,
    },
    /// Windows: an argument of a batch file that cmd.exe would not hand on as it is.
    #[error(
        "cannot start the server: `{file}` is a batch file, so its arguments pass through cmd.exe, and argument {number}, \
         `{argument}`, {why}\nwhat to do: name the program behind the batch file instead, as in `node C:\\path\\to\\cli.js`, or \
         change that argument"
    )]
    BatchArgument {
        /// The batch file.
        file: String,
        /// Which argument, from 1.
        number: usize,
        /// The argument.
        argument: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Windows: a batch file whose own path cmd.exe would change.
    #[error(
        "cannot start the server: the path of the batch file `{file}` has a `%`, and cmd.exe, which runs batch files, would \
         take it for the name of a variable\nwhat to do: move it to a folder without a `%`, or name the program behind it"
    )]
    BatchPath {
        /// The batch file.
        file: String,
    },
    /// Windows refuses to start the file.
    #[error("cannot start the server: `{file}` {what} ({error})\nwhat to do: {remedy}")]
    Refused {
        /// The file that was found.
        file: String,
        /// What Windows says, in our words.
        what: &'static str,
        /// What to do about it.
        remedy: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// The watcher, which ends the server when the wrapper is killed, could not be started.
    #[error(
        "cannot start the watcher that ends the server if the wrapper is killed: {0}\nwhat to do: check that the \
         policylayer program is still where it was and that another process may be started"
    )]
    Watcher(io::Error),
    /// The system refused something that the wrapper needs before any server.
    #[error("the wrapper cannot start: {0}\nwhat to do: {MORE_ROOM}")]
    System(io::Error),
    /// Anything else.
    #[error("cannot start the server `{command}`: {error}\nwhat to do: run the command by itself in a terminal")]
    Other {
        /// The command as given.
        command: String,
        /// What the system said.
        error: io::Error,
    },
}

impl StartError {
    /// What the system's refusal to start `command` means.
    #[cfg(unix)]
    pub(super) fn of(command: &OsStr, error: io::Error) -> Self {
        let path = Path::new(command);
        let is_path = path.components().count() > 1 || path.is_absolute() || lookup::is_path(command);
        let command = shown(command);
        match error.kind() {
            io::ErrorKind::NotFound if !is_path => {
                let path = std::env::var_os("PATH").map_or("which is not set".to_owned(), |path| shown(&path));
                Self::NotInPath { command, path }
            }
            io::ErrorKind::NotFound if path.exists() => Self::NoInterpreter { command },
            io::ErrorKind::NotFound => {
                let folder = std::env::current_dir().map_or("gone".to_owned(), |folder| shown(folder.as_os_str()));
                Self::NoFile { command, folder }
            }
            io::ErrorKind::PermissionDenied if path.is_dir() => Self::Folder { command },
            io::ErrorKind::PermissionDenied => Self::NotExecutable { command, error },
            _ => Self::Other { command, error },
        }
    }

    /// What it means that `program` was not found as a program.
    #[cfg(any(windows, test))]
    pub(super) fn not_found(program: &OsStr, found: &Found, search: &SearchEnv) -> Self {
        let command = shown(program);
        match found {
            Found::NotExecutable(file) if file.is_dir() => Self::Folder { command: shown(file.as_os_str()) },
            Found::NotExecutable(file) | Found::At(file) => {
                Self::NoProgram { file: shown(file.as_os_str()), runner: lookup::interpreter(file).unwrap_or("node") }
            }
            Found::Nowhere if lookup::is_path(program) => {
                Self::NoFile { command, folder: shown(search.dir().as_os_str()) }
            }
            Found::Nowhere if search.path().is_empty() => {
                Self::NotInPath { command, path: "which is not set".to_owned() }
            }
            Found::Nowhere => Self::NotInPath { command, path: shown(search.path()) },
        }
    }

    /// Checks what cmd.exe would not hand on as it is, which the standard library refuses to quote or leaves as it is.
    ///
    /// # Errors
    /// When there is any such thing in the path or the arguments.
    #[cfg(any(windows, test))]
    pub(super) fn check_batch(file: &Path, args: &[OsString]) -> Result<(), Self> {
        let path = file.to_string_lossy();
        // The library quotes it, and a `%` counts between quotes too.
        if path.contains('%') {
            return Err(Self::BatchPath { file: visible(&path) });
        }
        for (at, arg) in args.iter().enumerate() {
            let text = arg.to_string_lossy();
            if text.contains(['\r', '\n']) {
                return Err(Self::BatchArgument {
                    file: visible(&path),
                    number: at + 1,
                    argument: visible(&text),
                    why: "has a line break, where the command line would end",
                });
            }
        }
        Ok(())
    }

    /// What it means that Windows did not start this file.
    #[cfg(any(windows, test))]
    pub(super) fn refused(file: &Path, search: &SearchEnv, error: io::Error) -> Self {
        const INVALID_DIRECTORY: i32 = 267;
        let file = shown(file.as_os_str());
        match error.raw_os_error() {
            Some(INVALID_DIRECTORY) => Self::NoFolder { command: file, folder: shown(search.dir().as_os_str()) },
            Some(code) => match words(code) {
                Some((what, remedy)) => Self::Refused { file, what, remedy, error },
                None => Self::Other { command: file, error },
            },
            None => Self::Other { command: file, error },
        }
    }
}

/// What is wrong with a file that Windows refuses to start with this error, and what to do.
#[cfg(any(windows, test))]
fn words(code: i32) -> Option<(&'static str, &'static str)> {
    let again = "wait a moment and start the client again; if it stays, see which program has it open";
    Some(match code {
        // ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND: gone since it was looked for, or a link to what is not there.
        2 | 3 => ("is not there any more", "see that the program is still installed, or correct the path"),
        5 => (
            "may not be executed",
            "see in the properties of the file that you may read and execute it, and that no security software blocks it",
        ),
        8 | 14 | 1455 => ("finds no memory", "end programs that are not needed"),
        // ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION: a download or an antivirus scan.
        32 | 33 => ("is held by another program, such as an antivirus scan or an installer", again),
        // ERROR_BAD_EXE_FORMAT, ERROR_EXE_MACHINE_TYPE_MISMATCH and what 16-bit and damaged files get.
        11 | 129 | 188..=193 | 216 => (
            "is not a program for this Windows",
            "install the build for this processor again; if it is a script, name the program that runs it",
        ),
        206 => ("has too long a command line or path", "shorten the arguments, or move the program to a shorter path"),
        // ERROR_VIRUS_INFECTED, ERROR_VIRUS_DELETED.
        225 | 226 => (
            "is blocked by the antivirus software as a threat",
            "if you trust the program, look in the history of the antivirus software, and allow it there",
        ),
        740 => (
            "asks for administrator rights, which a server never gets from a client",
            "name a server that does not need them",
        ),
        // ERROR_ACCESS_DISABLED_BY_POLICY, ERROR_SYSTEM_INTEGRITY_POLICY_VIOLATION, ERROR_INSTALL_PACKAGE_REJECTED.
        1260 | 4551 | 1625 => (
            "is blocked by a policy of this computer",
            "ask whoever administers this computer to allow it, or name a program that is allowed",
        ),
        // ERROR_CANT_ACCESS_FILE, ERROR_CLOUD_FILE_PROVIDER_NOT_RUNNING and its neighbours: OneDrive and the Store.
        1920 | 362 | 395 | 404 => (
            "cannot be read at the moment",
            "if it is in OneDrive, keep it on this device; if it is an app's alias, see that the app is installed",
        ),
        // ERROR_SXS_CANT_GEN_ACTCTX, ERROR_MOD_NOT_FOUND.
        14001 | 126 => ("lacks a library that it needs", "install the program again with what it requires"),
        _ => return None,
    })
}

/// As a message may show it: a terminal reads what a client was told to start.
fn shown(text: &OsStr) -> String {
    visible(&text.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_never_reaches_a_batch_file() {
        let file = Path::new(r"C:\tools\npx.cmd");
        let args = |args: &[&str]| args.iter().map(OsString::from).collect::<Vec<_>>();
        assert!(StartError::check_batch(file, &args(&["-y", "a b", "%PATH%", "\"&calc", ""])).is_ok());
        for bad in ["a\nb", "a\rb", "\n"] {
            let error = StartError::check_batch(file, &args(&["-y", bad])).unwrap_err().to_string();
            let shown = visible(bad);
            for part in
                [r"`C:\tools\npx.cmd` is a batch file", "argument 2", shown.as_str(), "line break", "what to do: name"]
            {
                assert!(error.contains(part), "{error}");
            }
            assert_eq!(error.lines().count(), 2, "{error}");
        }
        let error = StartError::check_batch(Path::new(r"C:\100%\npx.cmd"), &[]).unwrap_err().to_string();
        assert!(error.contains(r"`C:\100%\npx.cmd` has a `%`"), "{error}");
    }

    #[test]
    fn what_windows_refuses_is_said_in_words() {
        let search = SearchEnv::new([(OsStr::new("PATH"), OsStr::new("/bin"))], "/nowhere");
        for (code, part) in [
            (2, "is not there any more"),
            (5, "may not be executed"),
            (32, "held by another program"),
            (193, "not a program for this Windows"),
            (206, "too long a command line"),
            (225, "antivirus"),
            (267, "working folder `/nowhere` is not there"),
            (740, "administrator rights"),
            (1260, "blocked by a policy"),
            (4551, "blocked by a policy"),
            (87, "run the command by itself"),
        ] {
            let error = StartError::refused(Path::new("tool.exe"), &search, io::Error::from_raw_os_error(code));
            let error = error.to_string();
            assert!(error.contains(part) && error.contains("tool.exe"), "{code}: {error}");
            assert!(error.contains("\nwhat to do: "), "{code}: {error}");
            assert!(!error.contains("chmod") && !error.contains("ulimit"), "{code}: {error}");
        }
    }

    #[test]
    fn what_was_not_found_is_said_with_where_it_was_looked_for() {
        let home = tempfile::tempdir().unwrap();
        let search = SearchEnv::new([(OsStr::new("PATH"), OsStr::new("/bin"))], home.path());
        let said = |program: &str, found| StartError::not_found(OsStr::new(program), &found, &search).to_string();
        let folder = home.path().display().to_string();
        assert!(said("npx", Found::Nowhere).contains("no command `npx` in PATH (/bin)"));
        let error = said("./npx", Found::Nowhere);
        assert!(error.contains("there is no file `./npx`") && error.contains(&folder), "{error}");
        assert!(said("./x", Found::NotExecutable(home.path().to_owned())).contains("is a folder"));
        for (file, expected) in
            [("x.js", "`node x.js`"), ("x.PY", "`python x.PY`"), ("x.vbs", "`cscript //nologo x.vbs`")]
        {
            let error = said(file, Found::NotExecutable(file.into()));
            assert!(error.contains("is not a program") && error.contains(expected), "{error}");
        }
    }
}
