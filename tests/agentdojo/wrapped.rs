//! A session through the real wrapper, before a server that answers as was recorded.

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::corpus::{Call, Step};
use super::play::{Outcome, Session};

pub(crate) struct WrapperSession {
    wrapper: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    calls: u64,
    /// The configuration, the state, and what the server answers.
    _home: TempDir,
}

impl WrapperSession {
    /// Starts a wrapper whose user has nothing but this strength, so that it shares its memory with no other.
    pub(crate) fn start(program: &Path, strength: &str, tools: &Value, steps: &[Step]) -> Self {
        let home = TempDir::new().unwrap();
        let config = home.path().join("config/policylayer");
        fs::create_dir_all(&config).unwrap();
        let text = format!("strength = {strength:?}\n[approvals]\nchannels = [\"client\"]\n");
        fs::write(config.join("config.toml"), text).unwrap();
        let answers: HashMap<String, Value> = steps.iter().map(|Step { call, .. }| (key(call), answer(call))).collect();
        let script = home.path().join("server.json");
        fs::write(&script, json!({ "tools": tools, "answers": answers }).to_string()).unwrap();
        let mut wrapper = Command::new(program)
            .args(["wrap", "--server", "played", "--"])
            .arg(std::env::current_exe().unwrap())
            .arg("serve")
            .arg(&script)
            .env("HOME", home.path())
            .env("USERPROFILE", home.path())
            .env("APPDATA", home.path().join("config"))
            .env("LOCALAPPDATA", home.path().join("state"))
            .env("XDG_CONFIG_HOME", home.path().join("config"))
            .env("XDG_STATE_HOME", home.path().join("state"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = wrapper.stdin.take();
        let stdout = BufReader::new(wrapper.stdout.take().unwrap());
        let mut session = Self { wrapper, stdin, stdout, calls: 0, _home: home };
        let params = json!({"protocolVersion":"2025-06-18","capabilities":{"elicitation":{}},"clientInfo":{"name":"player","version":"1"}});
        session.send(&json!({"jsonrpc":"2.0","id":"hello","method":"initialize","params":params}));
        session.read();
        session.send(&json!({"jsonrpc":"2.0","method":"notifications/initialized"}));
        session.send(&json!({"jsonrpc":"2.0","id":"list","method":"tools/list"}));
        session.read();
        session
    }

    fn send(&mut self, line: &Value) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
        stdin.flush().unwrap();
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

impl Session for WrapperSession {
    fn call(&mut self, call: &Call, approves: bool) -> Outcome {
        self.calls += 1;
        let params = json!({"name": call.tool, "arguments": call.arguments});
        self.send(&json!({"jsonrpc":"2.0","id":self.calls,"method":"tools/call","params":params}));
        let first = self.read();
        if first["method"] != "elicitation/create" {
            let passed = first["result"]["content"][0]["text"] == call.result.as_str();
            return if passed { Outcome::Passed } else { Outcome::Refused };
        }
        let answer = match approves {
            true => json!({"action":"accept","content":{"decision":"approve_once"}}),
            false => json!({"action":"decline"}),
        };
        // An answer that comes sooner than a person can read the question is none.
        thread::sleep(policylayer::limits::READING_TIME * 2);
        self.send(&json!({"jsonrpc":"2.0","id":first["id"],"result":answer}));
        let last = self.read();
        assert_eq!(last["result"]["content"][0]["text"] == call.result.as_str(), approves, "{last}");
        Outcome::Asked
    }
}

impl Drop for WrapperSession {
    fn drop(&mut self) {
        drop(self.stdin.take());
        for _ in 0..200 {
            if self.wrapper.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        _ = self.wrapper.kill();
        _ = self.wrapper.wait();
    }
}

/// What a call is found by.
fn key(call: &Call) -> String {
    format!("{} {}", call.tool, call.arguments)
}

fn answer(call: &Call) -> Value {
    json!({"content":[{"type":"text","text":call.result}],"isError":call.is_error})
}

/// The server: lists the tools of a script, and answers each call as it was recorded.
pub(crate) fn serve(script: &str) -> io::Result<()> {
    let script: Value = serde_json::from_str(&fs::read_to_string(script)?)?;
    let mut stdout = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let params = &request["params"];
        let result = match request["method"].as_str() {
            Some("initialize") => {
                json!({"protocolVersion":params["protocolVersion"],"capabilities":{"tools":{}},"serverInfo":{"name":"played","version":"1"}})
            }
            Some("tools/list") => json!({ "tools": script["tools"] }),
            Some("tools/call") => {
                let key = format!("{} {}", params["name"].as_str().unwrap_or_default(), params["arguments"]);
                script["answers"][&key].clone()
            }
            _ => json!({}),
        };
        if request.get("id").is_some() {
            writeln!(stdout, "{}", json!({"jsonrpc":"2.0","id":request["id"],"result":result}))?;
            stdout.flush()?;
        }
    }
    Ok(())
}
