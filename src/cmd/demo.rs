//! `policylayer demo`: the wrapper at work, without an account, a network or node.

mod client;
mod server;

use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::Arc;

use anstyle::Style;
use anyhow::{Context as _, ensure};
use client::DemoSession;
use serde_json::{Value, json};

use super::output::{print, show_start};
use super::{Env, as_word};
use crate::cli::DemoArgs;
use crate::exit::Exit;
use crate::paths;
use crate::policy::{self, Effect, Format, Server, ServerName, Source};
use crate::probe;
use crate::report::inspection::InspectReport;
use crate::term::style::{DIM, ERROR, SUCCESS, WARN};
use crate::term::table::{self, Cell};
use crate::term::wrap::{text_width, wrap_text};
use crate::visible::escape_invisible;

/// The subcommand that runs the stand-in server.
pub(crate) const SERVER_SUBCOMMAND: &str = "demo-server";

/// The policy of the demo, as a user would write it who starts the server by the path of a program of their own.
const POLICY: [&str; 3] = [
    r#"{"version":"1","catalogue":"iterable","#,
    r#" "default":"deny","hide":["cancel_export_job"],"#,
    r#" "results":{"stand_ins":["email"]}}"#,
];

/// Only the client asks: the demo has no person at the local channel.
const CONFIG: &str = "[approvals]\nchannels = [\"client\"]\n";

/// What the demo's person says about the call that they are asked about.
const NOTE: &str = "Ann reviews it first.";

const SERVER: &str = "iterable";

const TITLE: Style = Style::new().bold();

/// Runs the demo, on the built-in stand-in server or on the given one.
pub(crate) fn run(args: &DemoArgs, env: &Env) -> anyhow::Result<Exit> {
    let mut text = Vec::new();
    match args.command.as_slice() {
        [] => show_stand_in(&mut text)?,
        command => show_given_server(&mut text, command, env)?,
    }
    print(|out| out.write_all(&text))?;
    Ok(Exit::Ok)
}

/// Runs the stand-in server.
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
    r#"{"jsonrpc":"2.0","id":99,"method":"tools/call","#,
    r#""params":{"name":"get_lists","name":"cancel_export_job","arguments":{"jobId":4242}}}"#
);

fn show_stand_in(out: &mut dyn Write) -> anyhow::Result<()> {
    let source = Source::new("policy.json", Format::Json, POLICY.concat());
    let policy = policy::load_policy(&source, &Server::by_name(&ServerName::parse(SERVER)?)).policy;
    let policy = Arc::new(policy.context("the demo failed, please report this: its policy does not load")?);
    // What the server itself lists, before the wrapper hides some of it.
    let command = [std::env::current_exe()?.into_os_string(), SERVER_SUBCOMMAND.into()];
    let offer = probe::probe_command(&command, &show_start)?;
    let report = InspectReport::new(&offer, &policy, &command);

    // The wrapper's home. It is removed with its content when the demo ends.
    let dir = tempfile::tempdir().context("the demo needs a temporary directory that you may write to")?;
    let policy = dir.path().join("policy.json");
    std::fs::write(&policy, POLICY.concat())?;
    std::fs::create_dir_all(dir.path().join("policylayer"))?;
    std::fs::write(dir.path().join("policylayer/config.toml"), CONFIG)?;
    let mut session = DemoSession::open(&policy, dir.path())?;
    let listed = session.request("tools/list", &json!({}))?;
    let listed =
        listed["result"]["tools"].as_array().context("the demo failed, please report this: no tools were listed")?;
    let seen: Vec<_> = listed.iter().filter_map(|tool| tool["name"].as_str()).collect();
    let mut answers = Vec::new();
    for StoryCall { tool, arguments, .. } in &STORY {
        let arguments: Value = serde_json::from_str(arguments)?;
        answers.push(session.request("tools/call", &json!({"name": tool, "arguments": arguments}))?);
    }
    let customer = Customer::update(&mut session)?;
    session.send_line(SMUGGLED)?;
    let smuggled = session.read_message()?;
    let printed = session.close()?;
    let reached = |tool: &str| printed.lines().any(|line| line.strip_prefix(server::RAN) == Some(tool));

    write_title(out, "The policy, the whole file")?;
    writeln!(out, "  {}\n", POLICY.join("\n  "))?;
    writeln!(
        out,
        "  It hides one tool, and what the server knows of people stays here. For the\n  rest the built-in policy stays in force. `catalogue` says which server the\n  stand-in plays: behind `npx -y @iterable/mcp` it is not needed.\n"
    )?;

    write_tools(out, &report, &seen, None)?;
    write_title(out, "What happens to each call")?;
    let stopped = format!("{ERROR}✘ never reached the server{ERROR:#}");
    for (StoryCall { tool, arguments, why, .. }, answer) in STORY.iter().zip(&answers) {
        let text = answer.pointer("/result/content/0/text").and_then(Value::as_str);
        let verdict = format!("{SUCCESS}✔ reached the server{SUCCESS:#}");
        let verdict = if reached(tool) { &verdict } else { &stopped };
        write_call(out, why, &format!("{tool} {arguments}"), verdict, text.unwrap_or_default())?;
    }
    let why = "hides the tool behind a duplicate key, which some parsers let win";
    let request = r#"{"name":"get_lists","name":"cancel_export_job", …}"#;
    let refusal = smuggled.pointer("/error/message").and_then(Value::as_str);
    let refusal = refusal.context("the demo failed, please report this: the smuggled call was not refused")?;
    write_call(out, why, request, &stopped, refusal)?;

    customer.write(out, &printed)?;

    for StoryCall { tool, is_to_run, .. } in &STORY {
        ensure!(
            reached(tool) == *is_to_run,
            "the demo failed, please report this: {tool} reached the server: {}",
            !is_to_run
        );
    }
    ensure!(
        !seen.contains(&"cancel_export_job"),
        "the demo failed, please report this: cancel_export_job is still listed"
    );
    write_title(out, "Your turn")?;
    let server = ["--", "npx", "-y", "@iterable/mcp"].map(as_word).join(" ");
    writeln!(out, "  Before your own server:  policylayer register {server}")?;
    writeln!(out, "  What an agent sees:      policylayer inspect {server}")?;
    Ok(())
}

/// A customer whom the agent changes without ever seeing the address.
struct Customer {
    found: String,
    request: String,
    answer: String,
}

impl Customer {
    fn update(session: &mut DemoSession) -> anyhow::Result<Self> {
        let mut call = |tool: &str, arguments: Value| -> anyhow::Result<String> {
            let answer = session.request("tools/call", &json!({"name": tool, "arguments": arguments}))?;
            let text = answer.pointer("/result/content/0/text").and_then(Value::as_str).unwrap_or_default();
            ensure!(
                !answer.to_string().contains(server::ADDRESS),
                "the demo failed, please report this: the agent got the address"
            );
            Ok(text.to_owned())
        };
        let found = call("get_user_by_user_id", json!({"userId": "4711"}))?;
        let email = serde_json::from_str::<Value>(&found).unwrap_or_default()["email"].take();
        let arguments = json!({"email": email, "dataFields": {"plan": "gold"}});
        let request = format!("update_user {arguments}");
        Ok(Self { found, request, answer: call("update_user", arguments)? })
    }

    fn write(&self, out: &mut dyn Write, printed: &str) -> anyhow::Result<()> {
        let got = printed.lines().find_map(|line| line.strip_prefix(server::GOT)).unwrap_or_default();
        ensure!(got == server::ADDRESS, "the demo failed, please report this: the server did not get the address");
        let verdict = format!("{SUCCESS}✔ reached the server{SUCCESS:#}");
        let find = "get_user_by_user_id {\"userId\":\"4711\"}";
        write_call(out, "finds a customer, and gets a stand-in for the address", find, &verdict, &self.found)?;
        let verdict = format!("{verdict}, which got {got}");
        write_call(out, "changes the customer's plan by it", &self.request, &verdict, &self.answer)?;
        Ok(())
    }
}

fn show_given_server(out: &mut dyn Write, command: &[OsString], env: &Env) -> anyhow::Result<()> {
    let settings = paths::load_settings(env)?;
    let policy = paths::load_policy(None, &settings.server_of_command(None, command)?, &settings, env)?.policy;
    let summary = policy.summarize().to_string();
    let policy = Arc::new(policy);
    let offer = probe::probe_command(command, &show_start)?;
    let wrapper = [std::env::current_exe()?.into_os_string(), "wrap".into(), "--".into()];
    let behind_wrapper = probe::probe_command(&[&wrapper, command].concat(), &show_start)?;
    let seen: Vec<_> = behind_wrapper.tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    write_tools(out, &InspectReport::new(&offer, &policy, command), &seen, Some(&summary))?;
    writeln!(out, "  No tool was called.")?;
    Ok(())
}

/// Writes a table of the tools, and whether the wrapper has listed them.
fn write_tools(
    out: &mut dyn Write,
    report: &InspectReport<'_>,
    seen: &[&str],
    summary: Option<&str>,
) -> io::Result<()> {
    write_title(out, &format!("What the agent sees: {} of {} tools", seen.len(), report.tools.len()))?;
    if let Some(summary) = summary {
        write_wrapped(out, summary)?;
    }
    let rows = report.tools.iter().map(|tool| {
        let is_seen = seen.contains(&tool.name);
        vec![
            Cell::styled(tool.name, if is_seen { Style::new() } else { DIM }),
            Cell::styled(tool.class.as_str(), DIM),
            if is_seen { Cell::styled("● listed", SUCCESS) } else { Cell::styled("○ hidden", ERROR) },
            match tool.effect {
                Effect::Allow => Cell::styled("passes", SUCCESS),
                Effect::RequireApproval => Cell::styled("asks a person", WARN),
                Effect::Deny | Effect::Hide => Cell::styled("is refused", ERROR),
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
    write_wrapped(out, &escape_invisible(answer))
}

/// Writes the answer as the agent reads it, indented and broken between words.
fn write_wrapped(out: &mut dyn Write, text: &str) -> io::Result<()> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    writeln!(out, "{}", wrap_text(&text, 4, text_width()))
}
