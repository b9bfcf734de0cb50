//! A plain, blocking MCP client: it writes lines as it is told and keeps every line that comes back, as bytes.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::processes::{self, living};
use super::system::{PATIENCE, at_home, leads_a_group, program, without_variables};

/// What stands between the client and the server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Under<'a> {
    /// Nothing: the server itself, to show what the wrapper changes.
    Nothing,
    /// `policylayer wrap`, with no policy file anywhere.
    BuiltIn,
    /// `policylayer wrap --policy FILE`, with this text in FILE, as JSON.
    Policy(&'a str),
}

/// A server's command line, in an environment that holds nothing but what is said here.
pub(crate) struct Launch {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    /// config.toml.
    config: &'static str,
    home: TempDir,
}

/// Nobody sits at this machine: where the client has no dialogue, a call that needs an approval is refused at once.
const NOBODY_HERE: &str = "[approvals]\nchannels = [\"client\"]\n";

impl Launch {
    pub(crate) fn new(program: impl Into<OsString>) -> Self {
        let home = TempDir::new().unwrap();
        Self { program: program.into(), args: Vec::new(), env: Vec::new(), folder: None, config: NOBODY_HERE, home }
    }

    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl Into<OsString>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// The working folder; the fresh HOME where this is not said.
    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// With this config.toml, instead of one by which nobody is asked on this machine.
    pub(crate) fn config(mut self, config: &'static str) -> Self {
        self.config = config;
        self
    }

    /// The fresh HOME.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn start(self, under: Under<'_>) -> Client {
        let folder = self.home.path().join(".config/policylayer");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.toml"), self.config).unwrap();
        let mut command = match under {
            Under::Nothing => Command::new(&self.program),
            Under::BuiltIn | Under::Policy(_) => {
                let mut command = Command::new(program());
                command.arg("wrap");
                if let Under::Policy(text) = under {
                    let file = self.home.path().join("policy.json");
                    fs::write(&file, text).unwrap();
                    command.arg("--policy").arg(file);
                }
                // The address of a server over HTTP is no command.
                let is_address = self.program.to_string_lossy().contains("://");
                command.arg(if is_address { "--url" } else { "--" }).arg(&self.program);
                command
            }
        };
        at_home(without_variables(&mut command), self.home.path())
            .args(&self.args)
            .env("PATH", env::var_os("PATH").unwrap())
            .env("XDG_CONFIG_HOME", self.home.path().join(".config"))
            .envs(self.env)
            .current_dir(self.folder.as_deref().unwrap_or(self.home.path()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = leads_a_group(&mut command)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} could not be started: {error}"));
        Client::over(child, self.home)
    }
}

/// A line of the server's stdout, without its newline.
#[derive(Clone)]
pub(crate) struct Line {
    /// When it was read.
    pub(crate) at: Instant,
    pub(crate) bytes: Vec<u8>,
    /// An expectation has already been met by it.
    taken: bool,
}

impl Line {
    /// The line as JSON, if serde_json reads it (it does not read lone surrogates or 1e999).
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.bytes).ok()
    }
}

#[derive(Default)]
struct Output {
    lines: Vec<Line>,
    ended: bool,
}

/// What has come on stderr.
#[derive(Default)]
struct Said {
    bytes: Vec<u8>,
    ended: bool,
}

/// A client of a running server. Dropping it kills the process group that it started, and whatever else of the test still
/// lives.
pub(crate) struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Arc<(Mutex<Output>, Condvar)>,
    stderr: Arc<(Mutex<Said>, Condvar)>,
    next_id: u64,
    home: TempDir,
}

impl Client {
    fn over(mut child: Child, home: TempDir) -> Self {
        let (out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let stdout = Arc::<(Mutex<Output>, Condvar)>::default();
        let stderr = Arc::<(Mutex<Said>, Condvar)>::default();
        let shared = Arc::clone(&stdout);
        thread::spawn(move || {
            let mut out = BufReader::new(out);
            loop {
                let mut bytes = Vec::new();
                let read = out.read_until(b'\n', &mut bytes).unwrap_or(0);
                let mut output = shared.0.lock().unwrap();
                if read == 0 {
                    output.ended = true;
                    shared.1.notify_all();
                    return;
                }
                bytes.pop_if(|last| *last == b'\n');
                output.lines.push(Line { at: Instant::now(), bytes, taken: false });
                shared.1.notify_all();
            }
        });
        let shared = Arc::clone(&stderr);
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            loop {
                let read = err.read(&mut chunk).unwrap_or(0);
                let mut said = shared.0.lock().unwrap();
                said.bytes.extend_from_slice(&chunk[..read]);
                said.ended = read == 0;
                shared.1.notify_all();
                if said.ended {
                    return;
                }
            }
        });
        let stdin = child.stdin.take();
        Self { child, stdin, stdout, stderr, next_id: 1000, home }
    }

    /// Sends the bytes as they are, and a newline.
    pub(crate) fn raw(&mut self, line: impl AsRef<[u8]>) {
        let mut bytes = line.as_ref().to_vec();
        bytes.push(b'\n');
        let stdin = self.stdin.as_mut().expect("stdin is still open");
        if let Err(error) = stdin.write_all(&bytes).and_then(|()| stdin.flush()) {
            panic!("the server's stdin is closed: {error}\n{}", self.transcript());
        }
    }

    pub(crate) fn send(&mut self, message: &Value) {
        self.raw(message.to_string());
    }

    /// Sends a request with an id of its own and waits for the whole answer.
    pub(crate) fn request(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        let id = json!(self.next_id);
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        self.expect_response(id)
    }

    pub(crate) fn notify(&mut self, method: &str) {
        self.send(&json!({"jsonrpc": "2.0", "method": method}));
    }

    /// Calls a tool and waits for the whole answer.
    pub(crate) fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.request("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// The legacy handshake, as a client with these capabilities; the answer's result.
    pub(crate) fn initialize(&mut self, capabilities: Value) -> Value {
        let answer = self.request("initialize", initialize_params(capabilities));
        assert!(answer["result"].is_object(), "initialize failed: {answer}\n{}", self.transcript());
        self.notify("notifications/initialized");
        answer["result"].clone()
    }

    /// The names that tools/list, prompts/list or resources/list gives.
    pub(crate) fn names(&mut self, kind: &str) -> Vec<String> {
        let answer = self.request(&format!("{kind}/list"), json!({}));
        let items = answer["result"][kind].as_array().unwrap_or_else(|| panic!("no {kind}: {answer}"));
        items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits for the answer to a request: each answer can be expected once.
    pub(crate) fn expect_response(&mut self, id: impl Into<Value>) -> Value {
        let id = id.into();
        self.expect(&format!("an answer to request {id}"), |message| is_response(message, &id))
    }

    /// Waits for a request or notification from the server: each can be expected once.
    pub(crate) fn expect_method(&mut self, method: &str) -> Value {
        self.expect(method, |message| message["method"] == method)
    }

    /// Waits for the first message, not expected before, of which this holds.
    pub(crate) fn expect(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let line = self.take(what, |line| line.json().is_some_and(|message| is_it(&message)));
        line.json().unwrap()
    }

    /// Waits for the next line, whatever it is, not expected before.
    pub(crate) fn expect_line(&mut self) -> Line {
        self.take("a line", |_| true)
    }

    fn take(&mut self, what: &str, is_it: impl Fn(&Line) -> bool) -> Line {
        match self.take_within(PATIENCE, is_it) {
            Some(line) => line,
            None => panic!("{what} did not come\n{}", self.transcript()),
        }
    }

    fn take_within(&self, within: Duration, is_it: impl Fn(&Line) -> bool) -> Option<Line> {
        let until = Instant::now() + within;
        let mut output = self.stdout.0.lock().unwrap();
        let mut seen = 0;
        loop {
            let found = (seen..output.lines.len()).find(|index| {
                let line = &output.lines[*index];
                !line.taken && is_it(line)
            });
            if let Some(index) = found {
                output.lines[index].taken = true;
                return Some(output.lines[index].clone());
            }
            seen = output.lines.len();
            let left = until.saturating_duration_since(Instant::now());
            if output.ended || left.is_zero() {
                return None;
            }
            output = self.stdout.1.wait_timeout(output, left).unwrap().0;
        }
    }

    /// Asserts that for this long no answer with this id comes that was not expected before.
    pub(crate) fn no_response_within(&mut self, within: Duration, id: impl Into<Value>) {
        let id = id.into();
        let answered = self.take_within(within, |line| line.json().is_some_and(|message| is_response(&message, &id)));
        assert!(answered.is_none(), "request {id} was answered\n{}", self.transcript());
    }

    /// The lines that no expectation has met.
    pub(crate) fn unexpected(&self) -> Vec<String> {
        let output = self.stdout.0.lock().unwrap();
        let left = output.lines.iter().filter(|line| !line.taken);
        left.map(|line| String::from_utf8_lossy(&line.bytes).into_owned()).collect()
    }

    /// Every line so far, in order.
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.stdout.0.lock().unwrap().lines.clone()
    }

    /// What has come on stderr so far; all of it after [`wait`](Self::wait). Stdout may be ahead of it: a test that looks for
    /// something in a running session uses [`expect_stderr`](Self::expect_stderr).
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.0.lock().unwrap().bytes).into_owned()
    }

    /// Waits until this stands on stderr.
    pub(crate) fn expect_stderr(&self, text: &str) {
        self.wait_for_stderr(|said| String::from_utf8_lossy(&said.bytes).contains(text));
        assert!(self.stderr().contains(text), "{text:?} is not said\n{}", self.transcript());
    }

    fn wait_for_stderr(&self, until: impl Fn(&Said) -> bool) {
        let said = self.stderr.0.lock().unwrap();
        drop(self.stderr.1.wait_timeout_while(said, PATIENCE, |said| !said.ended && !until(said)).unwrap());
    }

    /// The fresh HOME.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The process that was started: the wrapper, or the server itself. It leads a process group.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits for the end of the process, of its stdout and of its stderr.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "still running after {PATIENCE:?}\n{}", self.transcript());
            thread::sleep(Duration::from_millis(5));
        };
        self.take_within(PATIENCE, |_| false);
        self.wait_for_stderr(|_| false);
        status
    }

    /// Closes stdin and waits for the end.
    pub(crate) fn finish(&mut self) -> ExitStatus {
        self.close_stdin();
        self.wait()
    }

    /// Sends SIGTERM to the process alone.
    #[cfg(unix)]
    pub(crate) fn terminate(&self) {
        rustix::process::kill_process(self.rustix_pid(), rustix::process::Signal::TERM).unwrap();
    }

    /// Kills the process alone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Sends SIGKILL to the process group.
    #[cfg(unix)]
    pub(crate) fn kill_group(&mut self) {
        rustix::process::kill_process_group(self.rustix_pid(), rustix::process::Signal::KILL).unwrap();
    }

    #[cfg(unix)]
    fn rustix_pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// What went to and fro, for a failed assertion.
    pub(crate) fn transcript(&self) -> String {
        let mut text = String::from("--- stdout ---\n");
        for line in self.lines() {
            let line = String::from_utf8_lossy(&line.bytes);
            text.extend(line.chars().take(400));
            text.push('\n');
        }
        text + "--- stderr ---\n" + &self.stderr()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // A process that was waited for may have given its id to another.
        if matches!(self.child.try_wait(), Ok(None)) {
            #[cfg(unix)]
            self.kill_group();
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        for left in living(self.home.path()) {
            processes::kill(left.pid);
        }
    }
}

/// The `params` of `initialize`.
pub(crate) fn initialize_params(capabilities: Value) -> Value {
    json!({
        "protocolVersion": "2025-11-25",
        "capabilities": capabilities,
        "clientInfo": {"name": "policylayer-tests", "version": "1"}
    })
}

fn is_response(message: &Value, id: &Value) -> bool {
    message.get("id") == Some(id) && message.get("method").is_none()
}
