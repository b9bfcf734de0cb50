//! `policylayer demo`: the wrapper at work, without an account, a network or node.

mod client;
mod server;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use anstyle::Style;
use anyhow::{Context, bail, ensure};
use client::{DemoSession, Launch, send_raw, stand_in};
use serde_json::{Map, Value, json};

use super::{Env, as_word};
use crate::cli::DemoArgs;
use crate::exit::Exit;
use crate::paths;
use crate::policy::{self, Effect, Format, Listing, Policy, ServerName, Source, ToolRef};
use crate::term::style::{DIM, ERROR, SUCCESS, WARN};
use crate::term::table::{self, Cell};
use crate::term::wrap::{text_width, wrap};
use crate::visible::visible;

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
    let dir = tempfile::tempdir().context("the demo needs a temporary directory")?;
    runtime.block_on(async {
        let demo = async {
            match args.command.as_slice() {
                [] => stand_in_demo(&mut out, dir.path()).await,
                command => given_server_demo(&mut out, dir.path(), command, env).await,
            }
        };
        tokio::select! {
            result = demo => result,
            // So that the directory goes with us, and what was started.
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
struct StoryCall {
    tool: &'static str,
    arguments: Value,
    /// What the agent is after, in plain words.
    why: &'static str,
    expected: StoryEnd,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum StoryEnd {
    Runs,
    Refused,
}

fn story() -> [StoryCall; 5] {
    use StoryEnd::{Refused, Runs};
    [
        StoryCall { tool: "get_lists", arguments: json!({}), why: "reads the audiences", expected: Runs },
        StoryCall {
            tool: "get_campaign_metrics",
            arguments: json!({"campaignId": 77}),
            why: "reads how a campaign did",
            expected: Runs,
        },
        StoryCall {
            tool: "cancel_export_job",
            arguments: json!({"jobId": 4242}),
            why: "calls the tool it should not know of",
            expected: Refused,
        },
        StoryCall {
            tool: "send_campaign",
            arguments: json!({"campaignId": 77}),
            why: "mails a million people; a person is asked, and refuses",
            expected: Refused,
        },
        StoryCall { tool: "delete_list", arguments: json!({"listId": 9}), why: "deletes an audience", expected: Refused },
    ]
}

/// A line that two parsers read as two different calls: the first `name` is harmless, the last one is not.
const SMUGGLED: &str = concat!(
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","#,
    r#""params":{"name":"get_lists","name":"cancel_export_job","arguments":{"jobId":4242}}}"#
);

async fn stand_in_demo(out: &mut dyn Write, dir: &Path) -> anyhow::Result<()> {
    let (policy, allow_all) = (dir.join("policy.json"), dir.join("allow-all.json"));
    std::fs::write(&policy, POLICY)?;
    std::fs::write(&allow_all, ALLOW_ALL)?;
    // Where the wrapper finds it whose home this dir is.
    std::fs::create_dir_all(dir.join("policylayer"))?;
    std::fs::write(dir.join("policylayer/config.toml"), CONFIG)?;
    let command = stand_in()?;
    let launch = |policy| Launch { policy: Some(policy), server: Some(SERVER), command: &command, home: Some(dir) };

    let offered = list_tools(&launch(&allow_all)).await?;
    let session = DemoSession::open(&launch(&policy)).await?;
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
    write_title(out, "The policy, the whole file")?;
    writeln!(out, "  {POLICY}\n")?;
    writeln!(out, "  It hides one tool. For the rest the built-in policy stays in force.\n")?;

    write_title(out, &format!("What the agent sees: {} of {} tools", seen.len(), offered.len()))?;
    write_tools(out, &in_force, &offered, &seen)?;

    write_title(out, "What happens to each call")?;
    for (call, answer) in story.iter().zip(&answers) {
        let text = answer.content.iter().find_map(|block| block.as_text()).map(|text| text.text.as_str());
        show_call(out, call, text.unwrap_or_default(), reached(call.tool))?;
    }
    let error = error_of(&smuggled)?;
    writeln!(out, "  The agent hides the tool behind a duplicate key, which some parsers let win")?;
    let shown = r#"tools/call {"name":"get_lists","name":"cancel_export_job", …}"#;
    writeln!(out, "  {DIM}{shown}{DIM:#}")?;
    write_verdict(out, false)?;
    write_wrapped(out, &error)?;

    for call in &story {
        let should = call.expected == StoryEnd::Runs;
        ensure!(reached(call.tool) == should, "the demo failed: {} reached the server: {}", call.tool, !should);
    }
    ensure!(
        !seen.iter().any(|(tool, _)| tool == "cancel_export_job"),
        "the demo failed: cancel_export_job is still listed"
    );
    write_title(out, "Your turn")?;
    let server = ["--", "npx", "-y", "@iterable/mcp"].map(as_word).join(" ");
    writeln!(out, "  Before your own server:  policylayer register {server}")?;
    writeln!(out, "  What an agent sees:      policylayer inspect {server}")?;
    Ok(())
}

async fn given_server_demo(out: &mut dyn Write, dir: &Path, command: &[OsString], env: &Env) -> anyhow::Result<()> {
    let settings = paths::load_settings(env)?;
    let server = settings.server_of_command(command)?;
    let in_force = paths::load_policy(None, &server, &settings, env)?;
    let allow_all = dir.join("allow-all.json");
    std::fs::write(&allow_all, ALLOW_ALL)?;
    let offered = list_tools(&Launch { policy: Some(&allow_all), server: None, command, home: None }).await?;
    let session = DemoSession::open(&Launch { policy: None, server: None, command, home: None }).await?;
    let seen = session.tools().await?;
    session.close().await?;
    write_title(out, &format!("What the agent sees: {} of {} tools", seen.len(), offered.len()))?;
    write_wrapped(out, &in_force.policy.summary().to_string())?;
    write_tools(out, &in_force.policy, &offered, &seen)?;
    writeln!(out, "  No tool was called.")?;
    Ok(())
}

async fn list_tools(launch: &Launch<'_>) -> anyhow::Result<Vec<(String, Listing)>> {
    let session = DemoSession::open(launch).await?;
    let tools = session.tools().await?;
    session.close().await?;
    Ok(tools)
}

fn write_tools(
    out: &mut dyn Write,
    policy: &Policy,
    offered: &[(String, Listing)],
    seen: &[(String, Listing)],
) -> anyhow::Result<()> {
    let rows: Vec<_> = offered
        .iter()
        .map(|(name, listing)| {
            let tool = ToolRef { name, listing: *listing };
            let is_seen = seen.iter().any(|(seen, _)| seen == name);
            let call = match policy.decide(tool).effect {
                Effect::Allow => Cell::styled("passes", SUCCESS),
                Effect::RequireApproval => Cell::styled("asks a person", WARN),
                Effect::Deny | Effect::Hide => Cell::styled("is refused", ERROR),
            };
            vec![
                Cell::styled(visible(name), if is_seen { Style::new() } else { DIM }),
                Cell::styled(policy.class(tool).as_str(), DIM),
                if is_seen { Cell::styled("● listed", SUCCESS) } else { Cell::styled("○ hidden", ERROR) },
                call,
            ]
        })
        .collect();
    table::write(out, &["TOOL", "CLASS", "AGENT SEES", "A CALL"], &rows)?;
    writeln!(out)?;
    Ok(())
}

fn write_title(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, "{TITLE}{text}{TITLE:#}")
}

fn show_call(out: &mut dyn Write, call: &StoryCall, answer: &str, reached: bool) -> anyhow::Result<()> {
    writeln!(out, "  The agent {}", call.why)?;
    writeln!(out, "  {DIM}tools/call {} {}{DIM:#}", call.tool, call.arguments)?;
    write_verdict(out, reached)?;
    write_wrapped(out, answer)?;
    Ok(())
}

fn write_verdict(out: &mut dyn Write, reached: bool) -> io::Result<()> {
    if reached {
        writeln!(out, "  {SUCCESS}✔ reached the server{SUCCESS:#}")
    } else {
        writeln!(out, "  {ERROR}✘ never reached the server{ERROR:#}")
    }
}

/// Writes the answer as the agent reads it, indented and broken between words.
fn write_wrapped(out: &mut dyn Write, text: &str) -> io::Result<()> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    writeln!(out, "{}", wrap(&text, 4, text_width()))
}

fn error_of(answer: &str) -> anyhow::Result<String> {
    let answer: Map<String, Value> = serde_json::from_str(answer).context("the demo failed: no JSON came back")?;
    let message = answer.get("error").and_then(|error| error.get("message")).and_then(Value::as_str);
    Ok(message.context("the demo failed: the smuggled call was not refused")?.to_owned())
}
