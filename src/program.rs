//! Runs the program: parses the command line, runs the subcommand, reports an error and returns the exit code.

use std::ffi::OsStr;
use std::io::{self, IsTerminal as _};

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::{Cli, WrapArgs};
use crate::cmd::{self, demo};
use crate::env::Env;
use crate::exit::Exit;
use crate::proxy::start_failure;
#[cfg(unix)]
use crate::proxy::watcher;
use crate::term::message;
use crate::term::path::remember_home;
use crate::visible::visible_lines;

/// Runs the command line of this process.
pub fn run() -> Exit {
    // Helper processes of our own, which neither the help nor the completions list.
    match std::env::args_os().nth(1).as_deref().and_then(OsStr::to_str) {
        #[cfg(unix)]
        Some(watcher::SUBCOMMAND) => return report_exit(watcher::run_watcher().map(|()| Exit::Ok).map_err(Into::into)),
        Some(demo::SERVER_SUBCOMMAND) => return report_exit(demo::serve_stand_in()),
        _ => {}
    }
    if std::env::args_os().len() <= 1 && io::stdout().is_terminal() {
        return report_exit(cmd::status::run_bare(&Cli::short_help(), &capture_env()));
    }
    if let Some(args) = WrapArgs::parse_valid(std::env::args_os().skip(1)) {
        return report_exit(cmd::wrap::run(&args, &Env::capture()));
    }
    match Cli::parse_command_line() {
        Ok(cli) => report_exit(cmd::run(&cli, &capture_env())),
        Err(error) => report_usage(&error),
    }
}

fn capture_env() -> Env {
    let env = Env::capture();
    remember_home(env.home());
    env
}

/// Returns the definition of the command line, for man pages.
pub fn command() -> clap::Command {
    Cli::command()
}

fn report_exit(result: anyhow::Result<Exit>) -> Exit {
    result.unwrap_or_else(|error| {
        // The reader closed our output early, as `head` does.
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            return Exit::Ok;
        }
        cmd::report_error(&error)
    })
}

fn report_usage(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        let _ = error.print();
        return Exit::Ok;
    }
    // It quotes the command line, which a client's file may hold.
    message::print_styled(&error.render().ansi().to_string());
    // A client started this: it hides what was printed, but shows an answer in the protocol.
    if std::env::args_os().nth(1).is_some_and(|subcommand| subcommand == "wrap") {
        let remedy = remedy_for(error);
        message::print_styled(&remedy);
        start_failure::answer_start_failure(&visible_lines(&format!("policylayer: {error}{remedy}")));
    }
    Exit::Usage
}

fn remedy_for(error: &clap::Error) -> String {
    match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::MissingRequiredArgument, Some(ContextValue::Strings(missing)))
            if missing.iter().any(|option| option.starts_with("--url")) =>
        {
            "what to do: `--header`, `--bearer` and `--entry` are for a server over HTTP: name its address with `--url`, or leave them out\n"
                .to_owned()
        }
        (ErrorKind::MissingRequiredArgument, _) => {
            "what to do: put the server's command after `--`, as in `policylayer wrap -- npx -y @iterable/mcp`\n"
                .to_owned()
        }
        (ErrorKind::InvalidValue | ErrorKind::ValueValidation, Some(ContextValue::String(option))) => {
            format!("what to do: change the value of `{option}`; `policylayer wrap --help` says what it can be\n")
        }
        (ErrorKind::ArgumentConflict, Some(ContextValue::String(option))) => {
            format!("what to do: give `{option}` once\n")
        }
        _ => "what to do: policylayer's own options come before `--`, the server's command and its options after it\n"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn the_remedy_names_what_to_change() {
        for (line, expected) in [
            ("wrap", "put the server's command after `--`"),
            ("wrap --header A=B -- cat", "`--header`, `--bearer` and `--entry` are for a server over HTTP"),
            ("wrap --bearer B", "`--header`, `--bearer` and `--entry` are for a server over HTTP"),
            (
                "wrap --max-message banana -- cat",
                "change the value of `--max-message <SIZE>`; `policylayer wrap --help`",
            ),
            ("wrap --max-message 12 -- cat", "change the value of `--max-message <SIZE>`"),
            ("wrap --log-level loud -- cat", "change the value of `--log-level <LEVEL>`"),
            ("wrap --policy", "change the value of `--policy <FILE>`"),
            ("wrap --policy a --policy b -- cat", "give `--policy <FILE>` once"),
            ("wrap --polisy p.toml -- cat", "policylayer's own options come before `--`"),
        ] {
            let words = ["policylayer"].into_iter().chain(line.split_whitespace());
            let error = Cli::try_parse_from(words).unwrap_err();
            assert!(
                remedy_for(&error).starts_with(&format!("what to do: {expected}")),
                "{line}: {}",
                remedy_for(&error)
            );
        }
    }
}
