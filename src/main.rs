//! The `policylayer` program: parse, run, report, exit code.

use std::ffi::OsStr;
use std::io;
use std::process;

use clap::error::ErrorKind;
use policylayer::cli::{Cli, WrapArgs};
use policylayer::cmd::{self, Env, demo};
use policylayer::exit::Exit;
use policylayer::policy::BadServerName;
use policylayer::proxy::start_failure;
#[cfg(unix)]
use policylayer::proxy::watcher;
use policylayer::term::message;

fn main() {
    // `ExitCode` holds 8 bits, and a server on Windows ends with 32. This flushes stdout as a return would.
    process::exit(run().code())
}

fn run() -> Exit {
    // Processes of our own that are not for people, so they are in no help and no completion.
    match std::env::args_os().nth(1).as_deref().and_then(OsStr::to_str) {
        #[cfg(unix)]
        Some(watcher::SUBCOMMAND) => return told(watcher::watch().map(|()| Exit::Ok).map_err(Into::into)),
        Some(demo::SERVER_SUBCOMMAND) => return told(demo::serve_stand_in()),
        _ => {}
    }
    if let Some(args) = WrapArgs::read(std::env::args_os().skip(1)) {
        return told(cmd::wrap::run(&args, &Env::capture()));
    }
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    told(cmd::run(&cli, &Env::capture()))
}

fn told(result: anyhow::Result<Exit>) -> Exit {
    result.unwrap_or_else(|error| {
        // Whoever read our output has seen enough, as `head` does.
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            return Exit::Ok;
        }
        message::print_error(&format!("{error:#}"));
        if error.is::<BadServerName>() { Exit::Usage } else { Exit::Failed }
    })
}

/// Prints the help, or what is wrong with the command line.
fn usage(error: &clap::Error) -> Exit {
    let _ = error.print();
    if !error.use_stderr() {
        return Exit::Ok;
    }
    // A client started this and hides what was just printed.
    if std::env::args_os().nth(1).is_some_and(|verb| verb == "wrap") {
        let _ = std::io::Write::write_all(&mut std::io::stderr(), remedy(error.kind()).as_bytes());
        start_failure::answer(&format!("policylayer: {error}{}", remedy(error.kind())));
    }
    Exit::Usage
}

fn remedy(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::MissingRequiredArgument => {
            "what to do: put the server's command after `--`, as in `policylayer wrap -- npx -y @iterable/mcp`\n"
        }
        _ => "what to do: policylayer's own options come before `--`, the server's command and its options after it\n",
    }
}
