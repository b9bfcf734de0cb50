//! `policylayer ui`: the local page.

use super::Env;
use super::output::print;
use crate::cli::UiArgs;
use crate::exit::Exit;
use crate::term::message;
use crate::web::{WebEnd, WebServer, browser};

pub(crate) fn run(args: &UiArgs, env: &Env) -> anyhow::Result<Exit> {
    let server = WebServer::bind(args.port, env)?;
    let address = server.address();
    print(|out| writeln!(out, "{address}"))?;
    message::print_note(
        "The address opens the page once, in one browser. ^C ends it, and so does an hour without use.",
    );
    if !args.no_open
        && let Err(error) = browser::open_address(&address)
    {
        message::print_note(&format!("No browser was opened ({error}): open the address yourself."));
    }
    if server.run()? == WebEnd::Idle {
        message::print_note("Nobody has used the page for an hour, so it ended. `policylayer ui` opens it again.");
    }
    Ok(Exit::Ok)
}
