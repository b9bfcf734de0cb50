//! `[approvals] command`: a program of the user that gets each question as JSON, for a messenger or mail.

use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use super::program::{read_beginning, run_with_timeout};
use super::{Notification, Notifier};
use crate::env::Env;
use crate::limits::COMMAND_PATIENCE;
use crate::lookup::{SearchEnv, SearchResult};
use crate::state::approvals::{ApprovalEntry, StoreError, StoredApprovals};
use crate::visible::{escape_invisible, shorten};

/// How much of what the program prints on stderr is quoted, in characters.
const QUOTED: usize = 300;

/// How long the end of what a program prints is waited for after its own end: what it started may print on.
const LAST_WORDS: Duration = Duration::from_millis(200);

#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("was not found in the PATH of policylayer, which is that of its client; write its whole path")]
    NotFound,
    #[error("is not a program that this system runs; on Unix, `chmod +x` makes a script executable")]
    NotExecutable,
    #[error("did not end within {} s and was killed; give it a limit of its own, such as `--max-time` of curl", .0.as_secs())]
    TimedOut(Duration),
    #[error("failed with {status}{said}", said = if .said.is_empty() { String::new() } else { format!(": {}", .said) })]
    Failed { status: ExitStatus, said: String },
    #[error("was not run: {0}")]
    Store(#[from] StoreError),
    #[error("could not be run: {0}")]
    Io(#[from] io::Error),
    #[error("could not be given the question: {0}")]
    Json(#[from] serde_json::Error),
}

/// Makes a notifier that runs the command. Its first failure is reported.
pub(super) fn create_notifier(command: &[String], mut stored: StoredApprovals, env: &Env) -> Notifier {
    let command: Vec<OsString> = command.iter().map(OsString::from).collect();
    let search = SearchEnv::new(env.vars(), env.working_dir());
    let mut is_reported = false;
    Box::new(move |notification: &Notification| {
        let result = run_for_question(&command, &notification.id, &mut stored, &search, COMMAND_PATIENCE);
        if let (Err(error), false) = (&result, is_reported) {
            is_reported = true;
            let program = command.first().map(|program| escape_invisible(&program.to_string_lossy()));
            tracing::warn!(
                "`command` of `[approvals]` in config.toml told nobody about the call {}: `{}` {error}. The call waits all the \
                 same: `policylayer approvals` lists it. Further failures are not reported.",
                notification.id,
                program.unwrap_or_default(),
            );
        }
        // It is reported already.
        Ok(())
    })
}

/// Runs the command with the question on its stdin, unless the question can no longer be answered.
fn run_for_question(
    command: &[OsString],
    id: &str,
    stored: &mut StoredApprovals,
    search: &SearchEnv,
    patience: Duration,
) -> Result<(), CommandError> {
    let is_meant = |entry: &ApprovalEntry| entry.id == id && entry.state.is_open();
    let Some(entry) = stored.list_all()?.into_iter().find(is_meant) else { return Ok(()) };
    let mut json = serde_json::to_vec(&entry)?;
    json.push(b'\n');
    run_command(command, &json, search, patience)
}

fn run_command(command: &[OsString], json: &[u8], search: &SearchEnv, patience: Duration) -> Result<(), CommandError> {
    let Some((program, args)) = command.split_first() else { return Ok(()) };
    let file = match search.find_program(program) {
        SearchResult::At(file) => file,
        SearchResult::NotExecutable(_) => return Err(CommandError::NotExecutable),
        SearchResult::Nowhere => return Err(CommandError::NotFound),
    };
    let (errors, stderr) = io::pipe()?;
    let errors = read_beginning(errors, 4 * QUOTED)?;
    let mut command = Command::new(file);
    command.args(args).stderr(stderr);
    match run_with_timeout(command, json, patience) {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            let (start, mut printed) = (Instant::now(), Vec::new());
            while let Ok(chunk) = errors.recv_timeout(LAST_WORDS.saturating_sub(start.elapsed())) {
                printed.extend(chunk);
            }
            Err(CommandError::Failed { status, said: quote_errors(&printed) })
        }
        // The session is over, and so is the question.
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(CommandError::TimedOut(patience)),
        Err(error) => Err(error.into()),
    }
}

/// Returns what a program printed, on one line.
fn quote_errors(printed: &[u8]) -> String {
    let printed = String::from_utf8_lossy(printed);
    let line = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    shorten(&escape_invisible(&line), QUOTED).to_string()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn run(command: &[&str], patience: Duration) -> Result<(), String> {
        let command: Vec<OsString> = command.iter().map(OsString::from).collect();
        run_command(&command, b"{}\n", &SearchEnv::of_this_process(), patience).map_err(|error| error.to_string())
    }

    #[test]
    fn a_failure_says_what_to_do() {
        let long = Duration::from_secs(60);
        assert_eq!(run(&["sh", "-c", "cat"], long), Ok(()));
        // Arguments are not read by a shell.
        assert_eq!(run(&["test", "$HOME; exit 1", "=", "$HOME; exit 1"], long), Ok(()));
        for (command, expected) in [
            (&["no-such-program"][..], "write its whole path"),
            (&["/dev/null"], "chmod +x"),
            (&["sh", "-c", "printf 'no\\nroute\\033[2J' >&2; exit 7"], "exit status: 7: no route\\u{1b}[2J"),
            (&["sh", "-c", "yes | head -c 9000000 >&2; exit 1"], "exit status: 1: y y y"),
            // What it has started prints on.
            (&["sh", "-c", "sleep 5 & echo no >&2; exit 1"], "exit status: 1: no"),
        ] {
            let error = run(command, long).unwrap_err();
            assert!(error.contains(expected) && error.len() < 500, "{command:?}: {error}");
        }
        let error = run(&["sleep", "600"], Duration::from_millis(50)).unwrap_err();
        assert!(error.contains("was killed") && error.contains("--max-time"), "{error}");
    }
}
