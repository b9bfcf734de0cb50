//! The demo's MCP client: it starts `policylayer wrap` as any client would.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::limits::READING_TIME;
use crate::paths::POLICY_VARIABLE;

/// The variables that say where a user's files are.
const HOME_VARIABLES: [&str; 7] =
    ["HOME", "USERPROFILE", "APPDATA", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"];

/// A session with the stand-in server behind the wrapper.
pub(super) struct DemoSession {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    stderr: JoinHandle<String>,
    requests: u64,
}

impl DemoSession {
    /// Starts the wrapper with this policy. `home` replaces the home directory, so that none of the user's own files is
    /// read or written.
    pub(super) fn open(policy: &Path, home: &Path) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("policylayer cannot find its own program")?;
        let mut command = Command::new(&program);
        command.args(["wrap", "--log-level", "error", "--server", super::SERVER, "--policy"]).arg(policy);
        command.arg("--").arg(program).arg(super::SERVER_SUBCOMMAND);
        command.envs(HOME_VARIABLES.map(|name| (name, home))).env_remove(POLICY_VARIABLE);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("policylayer cannot start itself")?;
        let (Some(stdin), Some(stdout), Some(mut stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            bail!("policylayer cannot reach the wrapper that it started");
        };
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut session = Self { child, stdin, stdout: BufReader::new(stdout), stderr, requests: 0 };
        let client = json!({"name": "policylayer-demo", "version": env!("CARGO_PKG_VERSION")});
        let capabilities = json!({"elicitation": {}});
        let params =
            json!({"protocolVersion": super::server::REVISION, "capabilities": capabilities, "clientInfo": client});
        session.request("initialize", &params)?;
        session.send_line(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string())?;
        Ok(session)
    }

    /// Sends a request and returns the answer. A person who is asked in the meantime refuses.
    pub(super) fn request(&mut self, method: &str, params: &Value) -> anyhow::Result<Value> {
        self.requests += 1;
        let id = self.requests;
        self.send_line(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string())?;
        loop {
            let message = self
                .read_message()
                .with_context(|| format!("the demo failed, please report this: {method} was not answered"))?;
            if message["method"] == "elicitation/create" {
                // A person has to read the question first.
                thread::sleep(READING_TIME);
                let content = json!({"decision": "refuse", "note": super::NOTE});
                let result = json!({"action": "accept", "content": content});
                self.send_line(&json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string())?;
            } else if message["id"] == id {
                return Ok(message);
            }
        }
    }

    pub(super) fn send_line(&mut self, line: &str) -> anyhow::Result<()> {
        Ok(self.stdin.write_all(format!("{line}\n").as_bytes())?)
    }

    pub(super) fn read_message(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Ends the session, and returns everything that was printed on stderr.
    pub(super) fn close(mut self) -> anyhow::Result<String> {
        drop(self.stdin);
        self.child.wait()?;
        Ok(self.stderr.join().unwrap_or_default())
    }
}
