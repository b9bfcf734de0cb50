//! `policylayer inspect`: what an agent would see of a server, and what would happen to its calls. Nothing is called.

mod json;
mod text;
mod view;

use std::io::Write as _;
use std::sync::Arc;

use anstream::AutoStream;
use view::View;

use super::{Env, report_exit, server_of_command};
use crate::cli::{Format, InspectArgs};
use crate::exit::Exit;
use crate::paths;
use crate::policy::ServerName;
use crate::probe;
use crate::term::style::terminal_width;
use crate::visible::visible_json;

/// Starts the server, passes its lists through the policy, and prints what is left of them.
///
/// # Errors
/// Where the server's name is none, or the server cannot be started or does not answer. What is wrong with the policy is
/// told here, and is the exit code.
pub fn run(args: &InspectArgs, env: &Env) -> anyhow::Result<Exit> {
    let settings = match paths::load_settings(env) {
        Ok(settings) => settings,
        Err(error) => return Ok(report_exit(&error, error.exit())),
    };
    let server = match &args.server {
        Some(name) => ServerName::parse(name)?,
        None => server_of_command(&args.command, &settings)?,
    };
    // First, since it takes no time.
    let policy = match paths::load_policy(args.policy.as_deref(), &server, &settings, env) {
        Ok(loaded) => Arc::new(loaded.policy),
        Err(error) => return Ok(report_exit(&error, error.exit())),
    };
    let offer = probe::offer(&args.command)?;
    let view = View::new(&offer, &policy);
    let mut out = AutoStream::auto(std::io::stdout()).lock();
    match args.format {
        Format::Text => text::write(&mut out, &view, terminal_width())?,
        Format::Json => {
            let json = json::of(&view, &args.command);
            writeln!(out, "{}", visible_json(&serde_json::to_string_pretty(&json)?))?;
        }
    }
    out.flush()?;
    Ok(Exit::Ok)
}
