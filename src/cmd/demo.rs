//! `policylayer demo`: the wrapper at work, without an account, a network or node.

mod client;
mod server;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use anstyle::Style;
use anyhow::{Context, bail, ensure};
use client::{DemoSession, Launch, send_raw, stand_in_command};
use serde_json::Value;

use super::output::show_start;
use super::{Env, as_word};
use crate::cli::DemoArgs;
use crate::exit::Exit;
use crate::paths;
use crate::policy::{self, Effect, Format, Policy, ServerName, Source};
use crate::probe;
use crate::report::inspection::InspectReport;
use crate::term::style::{DIM, ERROR, SUCCESS, WARN};
use crate::term::table::{self, Cell};
use crate::term::wrap::{text_width, wrap_text};
use crate::visible::escape_invisible;

/// The subcommand that runs the stand-in server.
pub(crate) const SERVER_SUBCOMMAND: &str = "demo-server";

/// The policy of the demo, as a user would write it.
const POLICY: &str = r#"{"version":"1","default":"deny","hide":["cancel_export_job"]}"#;

/// Only the client asks: the demo has no person at the local channel.
const CONFIG: &str = "[approvals]\nchannels = [\"client\"]\n";

/// What the demo's person says about the call that they are asked about.
const NOTE: &str = "Ann reviews it first.";

const SERVER: &str = "iterable";

const TITLE: Style = Style::new().bold();

/// Runs the demo, on the built-in stand-in server or on the given one.
///
/// # Errors
/// If a server does not start or answer, or if the wrapper did not do what the demo says it does.
pub(crate) fn run(args: &DemoArgs, env: &Env) -> anyhow::Result<Exit> {
    // The directory is removed with its content when the demo ends.
    let dir = tempfile::tempdir().context("the demo needs a temporary directory")?;
    let is_stand_in = args.command.is_empty();
    let command = if is_stand_in { stand_in_command()? } else { args.command.clone() };
    let policy = if is_stand_in {
        let source = Source::new("policy.json", Format::Json, POLICY);
        let policy = policy::load_policy(&source, &ServerName::parse(SERVER)?).policy;
        policy.context("the demo failed: its policy does not load")?
    } else {
        let settings = paths::load_settings(env)?;
        paths::load_policy(None, &settings.server_of_command(&command)?, &settings, env)?.policy
    };
    let policy = Arc::new(policy);
    // What the server itself lists, before the wrapper hides some of it.
    let offer = probe::probe_command(&command, &show_start)?;
    let report = InspectReport::new(&offer, &policy, &command);
    let mut out = anstream::stdout().lock();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let demo = async {
            match is_stand_in {
                true => stand_in_demo(&mut out, dir.path(), &command, &report).await,
                false => given_server_demo(&mut out, &command, &report, &policy).await,
            }
        };
        tokio::select! {
            result = demo => result,
            // So that the directory and the started processes are cleaned up.
            () = wait_for_interrupt() => bail!("the demo was interrupted"),
        }
    })?;
    Ok(Exit::Ok)
}

async fn wait_for_interrupt() {
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
/// If its client cannot be read or written to.
pub(crate) fn serve_stand_in() -> anyhow::Result<Exit> {
    server::serve_stdio()?;
    Ok(Exit::Ok)
}

struct StoryCall {
    tool: &'static str,
    arguments: &'static str,
    /// What the agent wants, in plain words.
    why: &'static str,
    /// Whether the call should reach the server.
    is_to_run: bool,
}

const STORY: [StoryCall; 5] = [
    StoryCall { tool: "get_lists", arguments: "{}", why: "reads the audiences", is_to_run: true },
    StoryCall {
        tool: "get_campaign_metrics",
        arguments: r#"{"campaignId":77}"#,
        why: "reads how a campaign did",
        is_to_run: true,
    },
    StoryCall {
        tool: "cancel_export_job",
        arguments: r#"{"jobId":4242}"#,
        why: "calls the tool it should not know of",
        is_to_run: false,
    },
    StoryCall {
        tool: "send_campaign",
        arguments: r#"{"campaignId":77}"#,
        why: "mails a million people; a person is asked, and refuses",
        is_to_run: false,
    },
    StoryCall { tool: "delete_list", arguments: r#"{"listId":9}"#, why: "deletes an audience", is_to_run: false },
];

/// A line that two parsers read as two different calls: the first `name` is harmless, the last one is not.
const SMUGGLED: &str = concat!(
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","#,
    r#""params":{"name":"get_lists","name":"cancel_export_job","arguments":{"jobId":4242}}}"#
);

async fn stand_in_demo(
    out: &mut dyn Write,
    dir: &Path,
    command: &[OsString],
    report: &InspectReport<'_>,
) -> anyhow::Result<()> {
    let policy = dir.join("policy.json");
    std::fs::write(&policy, POLICY)?;
    // The wrapper finds the file here, because this directory is its home.
    std::fs::create_dir_all(dir.join("policylayer"))?;
    std::fs::write(dir.join("policylayer/config.toml"), CONFIG)?;
    let launch = Launch { policy: Some(&policy), server: Some(SERVER), command, home: Some(dir) };
    let session = DemoSession::open(&launch).await?;
    let seen = session.list_tools().await?;
    let mut answers = Vec::new();
    for call in &STORY {
        answers.push(session.call_tool(call.tool, serde_json::from_str(call.arguments)?).await?);
    }
    let mut printed = session.close().await?;
    let (smuggled, printed_then) = send_raw(&launch, SMUGGLED).await?;
    printed.extend(printed_then);
    let reached = |tool: &str| printed.iter().any(|line| line.strip_prefix(server::RAN) == Some(tool));

    write_title(out, "The policy, the whole file")?;
    writeln!(out, "  {POLICY}\n")?;
    writeln!(out, "  It hides one tool. For the rest the built-in policy stays in force.\n")?;

    write_tools(out, report, &seen, None)?;
    write_title(out, "What happens to each call")?;
    let stopped = format!("{ERROR}✘ never reached the server{ERROR:#}");
    for (StoryCall { tool, arguments, why, .. }, answer) in STORY.iter().zip(&answers) {
        let text = answer.content.iter().find_map(|block| block.as_text()).map(|text| text.text.as_str());
        let verdict = format!("{SUCCESS}✔ reached the server{SUCCESS:#}");
        let verdict = if reached(tool) { &verdict } else { &stopped };
        write_call(out, why, &format!("{tool} {arguments}"), verdict, text.unwrap_or_default())?;
    }
    let why = "hides the tool behind a duplicate key, which some parsers let win";
    let request = r#"{"name":"get_lists","name":"cancel_export_job", …}"#;
    write_call(out, why, request, &stopped, &error_of(&smuggled)?)?;

    for StoryCall { tool, is_to_run, .. } in &STORY {
        ensure!(reached(tool) == *is_to_run, "the demo failed: {tool} reached the server: {}", !is_to_run);
    }
    ensure!(!seen.iter().any(|tool| tool == "cancel_export_job"), "the demo failed: cancel_export_job is still listed");
    write_title(out, "Your turn")?;
    let server = ["--", "npx", "-y", "@iterable/mcp"].map(as_word).join(" ");
    writeln!(out, "  Before your own server:  policylayer register {server}")?;
    writeln!(out, "  What an agent sees:      policylayer inspect {server}")?;
    Ok(())
}

async fn given_server_demo(
    out: &mut dyn Write,
    command: &[OsString],
    report: &InspectReport<'_>,
    policy: &Policy,
) -> anyhow::Result<()> {
    let session = DemoSession::open(&Launch { policy: None, server: None, command, home: None }).await?;
    let seen = session.list_tools().await?;
    session.close().await?;
    write_tools(out, report, &seen, Some(&policy.summarize().to_string()))?;
    writeln!(out, "  No tool was called.")?;
    Ok(())
}

/// Writes a table of the tools, and whether the wrapper has listed them.
fn write_tools(
    out: &mut dyn Write,
    report: &InspectReport<'_>,
    seen: &[String],
    summary: Option<&str>,
) -> io::Result<()> {
    write_title(out, &format!("What the agent sees: {} of {} tools", seen.len(), report.tools.len()))?;
    if let Some(summary) = summary {
        write_wrapped(out, summary)?;
    }
    let rows = report.tools.iter().map(|tool| {
        let is_seen = seen.iter().any(|seen| seen == tool.name);
        vec![
            Cell::new_styled(escape_invisible(tool.name), if is_seen { Style::new() } else { DIM }),
            Cell::new_styled(tool.class.as_str(), DIM),
            if is_seen { Cell::new_styled("● listed", SUCCESS) } else { Cell::new_styled("○ hidden", ERROR) },
            match tool.effect {
                Effect::Allow => Cell::new_styled("passes", SUCCESS),
                Effect::RequireApproval => Cell::new_styled("asks a person", WARN),
                Effect::Deny | Effect::Hide => Cell::new_styled("is refused", ERROR),
            },
        ]
    });
    table::write_table(out, &["TOOL", "CLASS", "AGENT SEES", "A CALL"], &rows.collect::<Vec<_>>())?;
    writeln!(out)
}

fn write_title(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, "{TITLE}{text}{TITLE:#}")
}

/// Writes a call: what the agent wants, what it sends, what happens to the call, and the answer.
fn write_call(out: &mut dyn Write, why: &str, request: &str, verdict: &str, answer: &str) -> io::Result<()> {
    writeln!(out, "  The agent {why}\n  {DIM}tools/call {request}{DIM:#}\n  {verdict}")?;
    write_wrapped(out, answer)
}

/// Writes the answer as the agent reads it, indented and broken between words.
fn write_wrapped(out: &mut dyn Write, text: &str) -> io::Result<()> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    writeln!(out, "{}", wrap_text(&text, 4, text_width()))
}

fn error_of(answer: &str) -> anyhow::Result<String> {
    let answer: Value = serde_json::from_str(answer).context("the demo failed: no JSON came back")?;
    let message = answer.pointer("/error/message").and_then(Value::as_str);
    Ok(message.context("the demo failed: the smuggled call was not refused")?.to_owned())
}
