//! Why a server could not be started, explained to the person who wrote the command.

use std::ffi::OsStr;
#[cfg(any(windows, test))]
use std::ffi::OsString;
use std::io;
use std::path::Path;

use crate::lookup;
#[cfg(any(windows, test))]
use crate::lookup::{SearchEnv, SearchResult};
use crate::proxy::{BadTarget, NamedIn};
use crate::visible::escape_invisible;

const LOCATE: &str = if cfg!(windows) { "where" } else { "command -v" };

/// The fix if the system has no more handles.
const MORE_HANDLES: &str = if cfg!(windows) {
    "close programs that you do not need: the system cannot create another pipe or thread"
} else {
    "raise the limits on open files and processes (`ulimit -a` shows them)"
};

/// Why the server could not be started. The message is complete: what is wrong, and how to fix it.
#[derive(Debug, thiserror::Error)]
#[error("{problem}\nwhat to do: {fix}")]
pub struct StartError {
    problem: String,
    fix: String,
}

impl StartError {
    fn server_not_started(problem: impl std::fmt::Display, fix: impl Into<String>) -> Self {
        Self { problem: format!("cannot start the server: {problem}"), fix: fix.into() }
    }

    #[cfg(unix)]
    pub(super) fn watcher_not_started(error: io::Error) -> Self {
        let fix = "check that the policylayer program is still where it was and that another process may be started";
        let problem = format!("cannot start the watcher that ends the server if the wrapper is killed: {error}");
        Self { problem, fix: fix.to_owned() }
    }

    /// The system refused something that the wrapper needs before it starts a server.
    pub(in crate::proxy) fn system_refused(error: io::Error) -> Self {
        Self { problem: format!("the wrapper cannot start: {error}"), fix: MORE_HANDLES.to_owned() }
    }

    /// The server is one over HTTP, and its address or a header cannot be used.
    pub(in crate::proxy) fn unusable_target(error: &BadTarget, place: NamedIn) -> Self {
        let fix = error.fix(place).unwrap_or(match place {
            NamedIn::Terminal => "correct the address or the headers, and run this again",
            NamedIn::Entry | NamedIn::EntryElsewhere => "correct the address or the headers in the client's entry",
        });
        Self { problem: format!("cannot reach the server: {error}"), fix: fix.to_owned() }
    }

    pub(super) fn unexplained(command: &str, error: io::Error) -> Self {
        let problem = format!("cannot start the server `{command}`: {error}");
        Self { problem, fix: "run the command by itself in a terminal".to_owned() }
    }

    fn not_in_path(command: &str, path: &str) -> Self {
        let terminal = if cfg!(windows) { "terminal" } else { "shell" };
        Self::server_not_started(
            format!("there is no command `{command}` in PATH ({path})"),
            format!(
                "clients start servers with a short PATH of their own; write the absolute path of `{command}` (in your \
                 {terminal}, `{LOCATE} {command}` prints it)"
            ),
        )
    }

    fn no_file(command: &str, dir: &str) -> Self {
        Self::server_not_started(
            format!("there is no file `{command}` (working directory: {dir})"),
            "correct the path; an absolute one does not depend on the directory in which the client starts",
        )
    }

    fn is_directory(command: &str) -> Self {
        let index = format!("{command}{}index.js", std::path::MAIN_SEPARATOR);
        Self::server_not_started(
            format!("`{command}` is a directory"),
            format!("name the program in it, or the program that runs what is in it, as in `node {index}`"),
        )
    }

    #[cfg(unix)]
    pub(super) fn from_spawn_error(command: &OsStr, error: io::Error) -> Self {
        let path = Path::new(command);
        let is_path = path.components().count() > 1 || path.is_absolute() || lookup::is_path(command);
        let command = &display_text(command);
        match error.kind() {
            io::ErrorKind::NotFound if !is_path => {
                let path = std::env::var_os("PATH").map_or("which is not set".to_owned(), |path| display_text(&path));
                Self::not_in_path(command, &path)
            }
            // The file exists, so the interpreter that its first line names does not.
            io::ErrorKind::NotFound if path.exists() => Self::server_not_started(
                format!("`{command}` exists, but the program that runs it does not (see its first line, after `#!`)"),
                format!("install that program, or name it and the file, as in `node {command}`"),
            ),
            io::ErrorKind::NotFound => {
                let dir = std::env::current_dir().map_or("gone".to_owned(), |dir| display_text(dir.as_os_str()));
                Self::no_file(command, &dir)
            }
            io::ErrorKind::PermissionDenied if path.is_dir() => Self::is_directory(command),
            io::ErrorKind::PermissionDenied => Self::server_not_started(
                format!("`{command}` may not be executed ({error})"),
                format!("`chmod +x` it, or name the program that runs it, as in `node {command}`"),
            ),
            _ => Self::unexplained(command, error),
        }
    }

    #[cfg(any(windows, test))]
    pub(super) fn from_lookup(program: &OsStr, found: &SearchResult, search: &SearchEnv) -> Self {
        let command = &display_text(program);
        match found {
            SearchResult::NotExecutable(file) if file.is_dir() => Self::is_directory(&display_text(file.as_os_str())),
            SearchResult::NotExecutable(file) | SearchResult::At(file) => {
                let (name, runner) =
                    (display_text(file.as_os_str()), lookup::usual_interpreter(file).unwrap_or("node"));
                Self::server_not_started(
                    format!("`{name}` is not a program, and Windows starts nothing else"),
                    format!("name the program that runs it, as in `{runner} {name}`"),
                )
            }
            SearchResult::Nowhere if lookup::is_path(program) => {
                Self::no_file(command, &display_text(search.working_dir().as_os_str()))
            }
            SearchResult::Nowhere if search.search_path().is_empty() => Self::not_in_path(command, "which is not set"),
            SearchResult::Nowhere => Self::not_in_path(command, &display_text(search.search_path())),
        }
    }

    /// Checks for what cmd.exe would change, and what the standard library refuses to quote or does not detect.
    #[cfg(any(windows, test))]
    pub(super) fn check_batch(file: &Path, args: &[OsString]) -> Result<(), Self> {
        let path = display_text(file.as_os_str());
        // The library quotes it, and a `%` counts between quotes too.
        if path.contains('%') {
            return Err(Self::server_not_started(
                format!(
                    "the path of the batch file `{path}` has a `%`, and cmd.exe, which runs batch files, would take it for \
                     the name of a variable"
                ),
                "move it to a directory without a `%`, or name the program behind it",
            ));
        }
        let broken = args.iter().position(|arg| arg.to_string_lossy().contains(['\r', '\n']));
        let Some((at, arg)) = broken.and_then(|at| Some((at, args.get(at)?))) else { return Ok(()) };
        Err(Self::server_not_started(
            format!(
                "`{path}` is a batch file, so its arguments pass through cmd.exe, and argument {}, `{}`, has a line break, \
                 where the command line would end",
                at + 1,
                display_text(arg)
            ),
            "name the program behind the batch file instead, as in `node C:\\path\\to\\cli.js`, or change that argument",
        ))
    }

    #[cfg(any(windows, test))]
    pub(super) fn from_windows_error(file: &Path, search: &SearchEnv, error: io::Error) -> Self {
        const INVALID_DIRECTORY: i32 = 267;
        let file = &display_text(file.as_os_str());
        match (error.raw_os_error(), error.raw_os_error().and_then(explain_windows_error)) {
            (Some(INVALID_DIRECTORY), _) => {
                let dir = display_text(search.working_dir().as_os_str());
                Self::server_not_started(
                    format!("its working directory `{dir}` is not there, so `{file}` has nowhere to run"),
                    "correct the working directory",
                )
            }
            (_, Some((problem, fix))) => Self::server_not_started(format!("`{file}` {problem} ({error})"), fix),
            (_, None) => Self::unexplained(file, error),
        }
    }
}

/// Explains what is wrong with a file that Windows refuses to start with this error, and how to fix it.
#[cfg(any(windows, test))]
fn explain_windows_error(code: i32) -> Option<(&'static str, &'static str)> {
    let again = "wait a moment and start the client again; if that does not help, find out which program has it open";
    Some(match code {
        // ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND: gone since the lookup, or a link to something that does not
        // exist.
        2 | 3 => ("is not there any more", "check that the program is still installed, or correct the path"),
        5 => (
            "may not be executed",
            "check in the properties of the file that you may read and execute it, and that no security software blocks it",
        ),
        8 | 14 | 1455 => ("cannot get enough memory", "close programs that you do not need"),
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
            "if you trust the program, find it in the history of the antivirus software, and allow it there",
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
            "if it is in OneDrive, keep it on this device; if it is an app's alias, check that the app is installed",
        ),
        // ERROR_SXS_CANT_GEN_ACTCTX, ERROR_MOD_NOT_FOUND.
        14001 | 126 => ("lacks a library that it needs", "install the program again with what it requires"),
        _ => return None,
    })
}

fn display_text(text: &OsStr) -> String {
    escape_invisible(&text.to_string_lossy())
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
            let shown = escape_invisible(bad);
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
            (267, "working directory `/nowhere` is not there"),
            (740, "administrator rights"),
            (1260, "blocked by a policy"),
            (4551, "blocked by a policy"),
            (87, "run the command by itself"),
        ] {
            let error =
                StartError::from_windows_error(Path::new("tool.exe"), &search, io::Error::from_raw_os_error(code));
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
        let said = |program: &str, found| StartError::from_lookup(OsStr::new(program), &found, &search).to_string();
        let dir = home.path().display().to_string();
        assert!(said("npx", SearchResult::Nowhere).contains("no command `npx` in PATH (/bin)"));
        let error = said("./npx", SearchResult::Nowhere);
        assert!(error.contains("there is no file `./npx`") && error.contains(&dir), "{error}");
        assert!(said("./x", SearchResult::NotExecutable(home.path().to_owned())).contains("is a directory"));
        for (file, expected) in
            [("x.js", "`node x.js`"), ("x.PY", "`python x.PY`"), ("x.vbs", "`cscript //nologo x.vbs`")]
        {
            let error = said(file, SearchResult::NotExecutable(file.into()));
            assert!(error.contains("is not a program") && error.contains(expected), "{error}");
        }
    }
}
