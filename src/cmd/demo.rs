//! `policylayer demo`: the wrapper at work, without an account, a network or node.

mod client;
mod server;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use anstyle::Style;
use anyhow::{Context, bail, ensure};
use client::{Launch, Session, send_raw, stand_in};
use serde_json::{Map, Value, json};

use super::{Env, as_word, server_of_command};
use crate::cli::DemoArgs;
use crate::exit::Exit;
use crate::paths;
use crate::policy::{self, Effect, Format, Listing, Policy, ServerName, Source, ToolRef};
use crate::term::style::{DIM, ERROR, SUCCESS, WARN};
use crate::term::table::{self, Cell};

/// The subcommand that makes a process the stand-in server.
pub const SERVER_SUBCOMMAND: &str = "demo-server";

/// The policy that the demo runs under, as its users write it.
const POLICY: &str = r#"{"version":"1","default":"deny","hide":["cancel_export_job"]}"#;

/// A policy that shows everything that a server offers.
const ALLOW_ALL: &str = r#"{"version":"1","default":"allow"}"#;

/// Only the client asks: nobody sits at this machine's own desk during the demo.
const CONFIG: &str = "[approvals]\nchannels = [\"client\"]\n";

/// What the person of the demo says to the call that they are asked about.
const NOTE: &str = "Ann reviews it first.";

/// The server that the stand-in stands in for.
const SERVER: &str = "iterable";

const TITLE: Style = Style::new().bold();

/// Runs the demo, on the built-in stand-in server or on the one that is given.
///
/// # Errors
/// When a server does not start or answer, or when the wrapper did not do what the demo says it does.
pub fn run(args: &DemoArgs, env: &Env) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut out = anstream::stdout().lock();
    // Goes with all that is in it when the demo ends.
    let folder = tempfile::tempdir().context("the demo needs a temporary folder")?;
    runtime.block_on(async {
        let story = async {
            match args.command.as_slice() {
                [] => stand_in_demo(&mut out, folder.path()).await,
                command => given_server_demo(&mut out, folder.path(), command, env).await,
            }
        };
        tokio::select! {
            told = story => told,
            // So that the folder goes with us, and what was started.
            () = interrupted() => bail!("the demo was interrupted"),
        }
    })?;
    Ok(Exit::Ok)
}

/// Waits until somebody wants us to end.
async fn interrupted() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = terminate.recv() => return,
            _ = tokio::signal::ctrl_c() => return,
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// Runs the stand-in server.
///
/// # Errors
/// When its client cannot be read or written to.
pub fn serve_stand_in() -> anyhow::Result<Exit> {
    server::serve()?;
    Ok(Exit::Ok)
}

/// One call of the story.
struct Call {
    tool: &'static str,
    arguments: Value,
    /// What the agent is after, in plain words.
    why: &'static str,
    expected: Expected,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Runs,
    Refused,
}

fn story() -> [Call; 5] {
    use Expected::{Refused, Runs};
    [
        Call { tool: "get_lists", arguments: json!({}), why: "reads the audiences", expected: Runs },
        Call {
            tool: "get_campaign_metrics",
            arguments: json!({"campaignId": 77}),
            why: "reads how a campaign did",
            expected: Runs,
        },
        Call {
            tool: "cancel_export_job",
            arguments: json!({"jobId": 4242}),
            why: "calls the tool it should not know of",
            expected: Refused,
        },
        Call {
            tool: "send_campaign",
            arguments: json!({"campaignId": 77}),
            why: "mails a million people; a person is asked, and refuses",
            expected: Refused,
        },
        Call { tool: "delete_list", arguments: json!({"listId": 9}), why: "deletes an audience", expected: Refused },
    ]
}

/// A line that two parsers read as two different calls: the first `name` is harmless, the last one is not.
const SMUGGLED: &str = concat!(
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","#,
    r#""params":{"name":"get_lists","name":"cancel_export_job","arguments":{"jobId":4242}}}"#
);

async fn stand_in_demo(out: &mut dyn Write, folder: &Path) -> anyhow::Result<()> {
    let (policy, allow_all) = (folder.join("policy.json"), folder.join("allow-all.json"));
    std::fs::write(&policy, POLICY)?;
    std::fs::write(&allow_all, ALLOW_ALL)?;
    // Where the wrapper finds it whose home this folder is.
    std::fs::create_dir_all(folder.join("policylayer"))?;
    std::fs::write(folder.join("policylayer/config.toml"), CONFIG)?;
    let command = stand_in()?;
    let launch = |policy| Launch { policy: Some(policy), server: Some(SERVER), command: &command, home: Some(folder) };

    let offered = offered_tools(&launch(&allow_all)).await?;
    let session = Session::open(&launch(&policy)).await?;
    let seen = session.tools().await?;
    let story = story();
    let mut answers = Vec::new();
    for call in &story {
        let arguments = call.arguments.as_object().cloned().unwrap_or_default();
        answers.push(session.call(call.tool, arguments).await?);
    }
    let mut printed = session.close().await?;
    let (smuggled, printed_then) = send_raw(&launch(&policy), SMUGGLED).await?;
    printed.extend(printed_then);
    let reached = |tool: &str| printed.iter().any(|line| line.strip_prefix(server::RAN) == Some(tool));

    let server = ServerName::parse(SERVER)?;
    let in_force = policy::load(&Source::new("policy.json", Format::Json, POLICY), &server).policy;
    let in_force = in_force.context("the demo failed: its policy does not load")?;
    title(out, "The policy, the whole file")?;
    writeln!(out, "  {POLICY}\n")?;
    writeln!(out, "  It hides one tool. For the rest the built-in policy stays in force.\n")?;

    title(out, &format!("What the agent sees: {} of {} tools", seen.len(), offered.len()))?;
    tools_table(out, &in_force, &offered, &seen)?;

    title(out, "What happens to each call")?;
    for (call, answer) in story.iter().zip(&answers) {
        let text = answer.content.iter().find_map(|block| block.as_text()).map(|text| text.text.as_str());
        show_call(out, call, text.unwrap_or_default(), reached(call.tool))?;
    }
    let error = smuggled_error(&smuggled)?;
    writeln!(out, "  The agent hides the tool behind a duplicate key, which some parsers let win")?;
    let shown = r#"tools/call {"name":"get_lists","name":"cancel_export_job", …}"#;
    writeln!(out, "  {DIM}{shown}{DIM:#}")?;
    verdict(out, false)?;
    wrapped(out, &error)?;

    for call in &story {
        let should = call.expected == Expected::Runs;
        ensure!(reached(call.tool) == should, "the demo failed: {} reached the server: {}", call.tool, !should);
    }
    ensure!(
        !seen.iter().any(|(tool, _)| tool == "cancel_export_job"),
        "the demo failed: cancel_export_job is still listed"
    );
    title(out, "Your turn")?;
    let server = ["--", "npx", "-y", "@iterable/mcp"].map(as_word).join(" ");
    writeln!(out, "  Before your own server:  policylayer register {server}")?;
    writeln!(out, "  What an agent sees:      policylayer inspect {server}")?;
    Ok(())
}

async fn given_server_demo(out: &mut dyn Write, folder: &Path, command: &[OsString], env: &Env) -> anyhow::Result<()> {
    let settings = paths::load_settings(env)?;
    let server = server_of_command(command, &settings)?;
    let in_force = paths::load_policy(None, &server, &settings, env)?;
    let allow_all = folder.join("allow-all.json");
    std::fs::write(&allow_all, ALLOW_ALL)?;
    let offered = offered_tools(&Launch { policy: Some(&allow_all), server: None, command, home: None }).await?;
    let session = Session::open(&Launch { policy: None, server: None, command, home: None }).await?;
    let seen = session.tools().await?;
    session.close().await?;
    title(out, &format!("What the agent sees: {} of {} tools", seen.len(), offered.len()))?;
    wrapped(out, &in_force.policy.summary().to_string())?;
    tools_table(out, &in_force.policy, &offered, &seen)?;
    writeln!(out, "  No tool was called.")?;
    Ok(())
}

async fn offered_tools(launch: &Launch<'_>) -> anyhow::Result<Vec<(String, Listing)>> {
    let session = Session::open(launch).await?;
    let tools = session.tools().await?;
    session.close().await?;
    Ok(tools)
}

fn tools_table(
    out: &mut dyn Write,
    policy: &Policy,
    offered: &[(String, Listing)],
    seen: &[(String, Listing)],
) -> anyhow::Result<()> {
    let rows: Vec<_> = offered
        .iter()
        .map(|(name, listing)| {
            let tool = ToolRef { name, listing: *listing };
            let visible = seen.iter().any(|(seen, _)| seen == name);
            let call = match policy.decide(tool).effect {
                Effect::Allow => Cell::styled("passes", SUCCESS),
                Effect::RequireApproval => Cell::styled("asks a person", WARN),
                Effect::Deny | Effect::Hide => Cell::styled("is refused", ERROR),
            };
            vec![
                Cell::styled(printable(name), if visible { Style::new() } else { DIM }),
                Cell::styled(policy.class(tool).as_str(), DIM),
                if visible { Cell::styled("● listed", SUCCESS) } else { Cell::styled("○ hidden", ERROR) },
                call,
            ]
        })
        .collect();
    table::write(out, &["TOOL", "CLASS", "AGENT SEES", "A CALL"], &rows)?;
    writeln!(out)?;
    Ok(())
}

/// A name that a server chose, without what would drive a terminal.
fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn title(out: &mut dyn Write, text: &str) -> std::io::Result<()> {
    writeln!(out, "{TITLE}{text}{TITLE:#}")
}

fn show_call(out: &mut dyn Write, call: &Call, answer: &str, reached: bool) -> anyhow::Result<()> {
    writeln!(out, "  The agent {}", call.why)?;
    writeln!(out, "  {DIM}tools/call {} {}{DIM:#}", call.tool, call.arguments)?;
    verdict(out, reached)?;
    wrapped(out, answer)?;
    Ok(())
}

fn verdict(out: &mut dyn Write, reached: bool) -> std::io::Result<()> {
    if reached {
        writeln!(out, "  {SUCCESS}✔ reached the server{SUCCESS:#}")
    } else {
        writeln!(out, "  {ERROR}✘ never reached the server{ERROR:#}")
    }
}

/// The terminal's width, within what reads well.
fn width() -> usize {
    let columns = terminal_size::terminal_size().map_or(100, |(terminal_size::Width(columns), _)| usize::from(columns));
    columns.clamp(40, 100)
}

/// The answer as the agent reads it, indented and broken at words.
fn wrapped(out: &mut dyn Write, text: &str) -> std::io::Result<()> {
    let width = width().saturating_sub(4);
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            writeln!(out, "    {line}")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(out, "    {line}\n")
}

fn smuggled_error(answer: &str) -> anyhow::Result<String> {
    let answer: Map<String, Value> = serde_json::from_str(answer).context("the demo failed: no JSON came back")?;
    let message = answer.get("error").and_then(|error| error.get("message")).and_then(Value::as_str);
    Ok(message.context("the demo failed: the smuggled call was not refused")?.to_owned())
}
