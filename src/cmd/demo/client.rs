//! The demo's MCP client: it starts `policylayer wrap` as any client would.

use std::ffi::OsString;
use std::future::Future;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
    ElicitationCapability, ErrorData,
};
use rmcp::service::{DynService, RequestContext, RunningService};
use rmcp::{ClientHandler, RoleClient, ServiceExt};
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::probe::{ProbeTransport, SharedTranscript};

/// How long a server may take to start, and how long one answer may take; npx may have to download the server first.
const PATIENCE: Duration = Duration::from_secs(60);

/// How to start `policylayer wrap`.
pub(super) struct Launch<'a> {
    /// The policy; `None` finds it as usual.
    pub(super) policy: Option<&'a Path>,
    /// The server's name; `None` derives it from the command.
    pub(super) server: Option<&'a str>,
    pub(super) command: &'a [OsString],
    /// A separate home directory, so that none of the person's own files is read or written.
    pub(super) home: Option<&'a Path>,
}

impl Launch<'_> {
    fn spawn_wrapper(&self) -> anyhow::Result<(Child, ChildStdin, ChildStdout, JoinHandle<Vec<String>>)> {
        let program = std::env::current_exe().context("policylayer cannot find its own program")?;
        let mut command = Command::new(program);
        command.arg("wrap").args(["--log-level", "error"]);
        if let Some(policy) = self.policy {
            command.arg("--policy").arg(policy);
        }
        if let Some(server) = self.server {
            command.args(["--server", server]);
        }
        command.arg("--").args(self.command);
        if let Some(home) = self.home {
            for name in [
                "HOME",
                "USERPROFILE",
                "APPDATA",
                "XDG_CONFIG_HOME",
                "XDG_STATE_HOME",
                "XDG_DATA_HOME",
                "XDG_CACHE_HOME",
            ] {
                command.env(name, home);
            }
            command.env_remove("POLICYLAYER_POLICY");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("policylayer cannot start itself")?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            bail!("policylayer cannot reach the wrapper that it started");
        };
        Ok((child, stdin, stdout, tokio::spawn(lines_of(stderr))))
    }
}

async fn lines_of(stderr: ChildStderr) -> Vec<String> {
    let mut lines = BufReader::new(stderr).lines();
    let mut all = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        all.push(line);
    }
    all
}

/// The person at the client, who is asked in its own dialogue and refuses.
struct Person;

impl ClientHandler for Person {
    fn get_info(&self) -> ClientConfig {
        let mut config = ClientConfig::default();
        config.capabilities.elicitation = Some(ElicitationCapability::default());
        config
    }

    fn create_elicitation(
        &self,
        _request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> impl Future<Output = Result<ElicitResult, ErrorData>> + Send + '_ {
        let refusal = serde_json::json!({"decision": "refuse", "note": super::NOTE});
        std::future::ready(Ok(ElicitResult::new(ElicitationAction::Accept).with_content(refusal)))
    }
}

pub(super) struct DemoSession {
    service: RunningService<RoleClient, Box<dyn DynService<RoleClient>>>,
    child: Child,
    stderr: JoinHandle<Vec<String>>,
}

impl DemoSession {
    /// Starts the wrapper and opens a session.
    ///
    /// # Errors
    /// If it cannot be started, or does not answer; the message then contains what it printed.
    pub(super) async fn open(launch: &Launch<'_>) -> anyhow::Result<Self> {
        let (mut child, stdin, stdout, stderr) = launch.spawn_wrapper()?;
        let transport = ProbeTransport::new(stdin, stdout, SharedTranscript::default());
        let why = match timeout(PATIENCE, Person.into_dyn().serve(transport)).await {
            Ok(Ok(service)) => return Ok(Self { service, child, stderr }),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it did not answer within {} seconds", PATIENCE.as_secs()),
        };
        child.start_kill().ok();
        let printed = stderr.await.unwrap_or_default().join("\n");
        // A failed start says the same on stderr, and better.
        let (_, reason) = printed.split_once("error: ").unwrap_or(("", &printed));
        if why.contains("-31004") && !reason.is_empty() {
            bail!("{reason}");
        }
        bail!("the server did not open a session: {why}\n{printed}");
    }

    /// Returns the names of the tools that the agent sees.
    ///
    /// # Errors
    /// If the list is not answered.
    pub(super) async fn list_tools(&self) -> anyhow::Result<Vec<String>> {
        let tools =
            timeout(PATIENCE, self.service.peer().list_all_tools()).await.context("tools/list was not answered")??;
        Ok(tools.into_iter().map(|tool| tool.name.into_owned()).collect())
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// If there is no result.
    pub(super) async fn call_tool(&self, tool: &str, arguments: Map<String, Value>) -> anyhow::Result<CallToolResult> {
        let call = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        Ok(timeout(PATIENCE, self.service.peer().call_tool(call)).await.context("the call was not answered")??)
    }

    /// Ends the session, and returns everything that was printed on stderr.
    ///
    /// # Errors
    /// If the wrapper does not end.
    pub(super) async fn close(mut self) -> anyhow::Result<Vec<String>> {
        self.service.cancel().await?;
        timeout(PATIENCE, self.child.wait()).await.context("the wrapper did not end")??;
        Ok(self.stderr.await?)
    }
}

/// Sends one raw line, as no honest client would, and returns its answer and what was printed on stderr.
///
/// # Errors
/// If nothing answers.
pub(super) async fn send_raw(launch: &Launch<'_>, line: &str) -> anyhow::Result<(String, Vec<String>)> {
    let (mut child, mut stdin, stdout, stderr) = launch.spawn_wrapper()?;
    stdin.write_all(format!("{line}\n").as_bytes()).await?;
    let mut answer = String::new();
    timeout(PATIENCE, BufReader::new(stdout).read_line(&mut answer)).await.context("the line was not answered")??;
    drop(stdin);
    timeout(PATIENCE, child.wait()).await.context("the wrapper did not end")??;
    Ok((answer, stderr.await?))
}

/// Returns the command that starts the stand-in server: this very program.
///
/// # Errors
/// If the path of the program is unknown.
pub(super) fn stand_in_command() -> anyhow::Result<Vec<OsString>> {
    let program = std::env::current_exe().context("policylayer cannot find its own program")?;
    Ok(vec![program.into_os_string(), super::SERVER_SUBCOMMAND.into()])
}
