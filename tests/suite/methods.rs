//! The table of methods in docs/security.md, found out at the built wrapper: each method is sent by each side that sends it, once
//! under a policy that allows everything and once under one that refuses what it can.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use policylayer::wire::method::{METHODS, Method, MethodKind, PolicySubject, Sender};
use serde_json::{Value, json};

use crate::support::audit_log;
use crate::support::system::{PATIENCE, state_in};
use crate::support::wrapped::{Wrapped, home, wrap_with};

const ALLOW: &str = r#"{"version":"1","default":"allow"}"#;
const REFUSE: &str = r#"{"version":"1","default":"allow","tools":{"t":{"action":"hide"}},"prompts":{"*":{"action":"hide"}},
    "resources":{"*":{"action":"hide"}},"requests":{"*":{"action":"deny"}},"methods":{"*":{"action":"deny"}}}"#;

/// What is true of a method that one side sends.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    policy: &'static str,
    recorded: &'static str,
}

/// A message with this method: `of` says in which phase of the session, and `id` makes it a request.
fn message(method: &Method, of: &str, id: &str) -> Value {
    let mut params = match method.name {
        "initialize" => {
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}})
        }
        "tools/call" => json!({"name": "t", "arguments": {}}),
        "prompts/get" => json!({"name": "p"}),
        "completion/complete" => json!({"ref": {"type": "ref/prompt", "name": "p"}}),
        "notifications/cancelled" => json!({"requestId": "none"}),
        "subscriptions/listen" => json!({"notifications": {"resourceSubscriptions": ["file:///r"]}}),
        "tasks/update" => json!({"taskId": "x", "inputResponses": {"to": "bob"}}),
        name if name.contains("tasks") => json!({"taskId": "x"}),
        "skills/get" => json!({"uri": "file:///r"}),
        name if name.contains("resources/") => json!({"uri": "file:///r"}),
        _ => json!({}),
    };
    params["_meta"] = json!({"of": of, "io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    let mut message = json!({"jsonrpc": "2.0", "method": method.name, "params": params});
    if method.kind == MethodKind::Request {
        message["id"] = json!(format!("{id}-{}", method.name));
    }
    message
}

fn methods_of(sender: Sender) -> impl Iterator<Item = &'static Method> {
    METHODS.iter().filter(move |method| method.sender == sender || method.sender == Sender::Both)
}

/// What the stub server answers. To a ping it sends all that a server sends first.
fn offer() -> Value {
    let mut offer: Value = methods_of(Sender::Client).map(|method| (method.name.to_owned(), json!({}))).collect();
    for (method, result) in [
        ("tools/call", json!({"resultType": "task", "taskId": "x", "status": "working"})),
        ("tools/list", json!({"tools": [{"name": "t"}]})),
        ("prompts/list", json!({"prompts": [{"name": "p"}]})),
        ("resources/list", json!({"resources": [{"uri": "file:///r", "name": "r"}]})),
        ("skills/list", json!({"skills": [{"uri": "file:///r", "frontmatter": {}, "resources": "dynamic"}]})),
        ("resources/templates/list", json!({"resourceTemplates": [{"uriTemplate": "file:///{r}", "name": "r"}]})),
    ] {
        offer[method] = result;
    }
    let sent = methods_of(Sender::Server).map(|method| message(method, "server", "s").to_string() + "\n");
    offer["ping"] = json!(sent.collect::<String>() + r#"{"jsonrpc":"2.0","id":$ID,"result":{}}"#);
    offer
}

/// One phase of the session: everything is sent once.
#[derive(Debug, Default)]
struct Phase {
    /// The methods of the server that reached the client.
    of_server: Vec<String>,
    /// The client's lists of which something is left.
    lists: Vec<&'static str>,
}

fn run_phase(wrapped: &mut Wrapped, of: &str) -> Phase {
    let mut phase = Phase::default();
    // The call comes first: the task is its.
    let (calls, others): (Vec<_>, Vec<_>) =
        methods_of(Sender::Client).partition(|method| method.subject == PolicySubject::Tools);
    for method in calls.into_iter().chain(others) {
        let message = message(method, of, of);
        wrapped.send(format!("{message}\n").as_bytes());
        if method.kind == MethodKind::Notification {
            continue;
        }
        loop {
            let line: Value = serde_json::from_str(&wrapped.line()).unwrap_or_else(|_| panic!("{}", wrapped.said()));
            if line["method"].is_null() && line["id"] == message["id"] {
                let lists = line["result"].as_object().into_iter().flatten().filter_map(|(_, list)| list.as_array());
                phase.lists.extend(lists.filter(|list| !list.is_empty()).map(|_| method.name));
                break;
            }
            // What is the wrapper's own has no mark.
            if line["params"]["_meta"]["of"] == "server" {
                phase.of_server.push(line["method"].as_str().unwrap().to_owned());
            }
            if !line["id"].is_null() {
                wrapped.send(format!("{}\n", json!({"jsonrpc": "2.0", "id": line["id"], "result": {}})).as_bytes());
            }
        }
    }
    phase
}

/// The lines of the log, at least until there is a reload.
fn log_with_reload(home: &Path) -> Vec<Value> {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(state_in(home).join("audit/stub.jsonl")).unwrap_or_default();
        // The last one may be read while it is written.
        let text = text.rfind('\n').map_or("", |end| &text[..=end]);
        let lines: Vec<Value> =
            audit_log::complete(text).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        if lines.iter().any(|line| line["rule"] == "reload") {
            return lines;
        }
        assert!(start.elapsed() < PATIENCE, "the new policy never came into force");
        thread::sleep(Duration::from_millis(10));
    }
}

/// What was found out of a session with both phases.
struct Findings {
    phases: [Phase; 2],
    /// What reached the server.
    received: Vec<Value>,
    log: Vec<Value>,
    reload: u64,
}

impl Findings {
    fn collect() -> Self {
        let home = home();
        let (policy, offered, received) =
            (home.path().join("policy.json"), home.path().join("offer.json"), home.path().join("received"));
        fs::write(&policy, ALLOW).unwrap();
        fs::write(&offered, offer().to_string()).unwrap();
        let habits = ["--offer", offered.to_str().unwrap(), "--record", received.to_str().unwrap()];
        let mut wrapped = wrap_with(home, &[], &habits);
        let allowed = run_phase(&mut wrapped, "allowed");
        fs::write(&policy, REFUSE).unwrap();
        let home = wrapped.home.path().to_owned();
        log_with_reload(&home);
        let refused = run_phase(&mut wrapped, "refused");
        wrapped.close();
        assert_eq!(wrapped.code(), 0, "{}", wrapped.said());
        let log = log_with_reload(&home);
        let reload = log.iter().find(|line| line["rule"] == "reload").unwrap()["call"].as_u64().unwrap();
        let received = fs::read_to_string(received).unwrap();
        let received = received.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Self { phases: [allowed, refused], received, log, reload }
    }

    fn has_passed(&self, method: &Method, sender: &str, phase: usize) -> bool {
        let of = ["allowed", "refused"][phase];
        match sender {
            "server" => self.phases[phase].of_server.iter().any(|passed| passed == method.name),
            _ => self.received.iter().any(|line| line["method"] == method.name && line["params"]["_meta"]["of"] == of),
        }
    }

    fn find_record(&self, method: &Method, sender: &str, phase: usize) -> Option<&Value> {
        let mut found = self.log.iter().filter(|line| {
            let is_later = line["call"].as_u64().unwrap() > self.reload;
            line["method"] == method.name && line["direction"] == sender && is_later == (phase == 1)
        });
        let record = found.next();
        assert!(found.next().is_none(), "{sender}: {} is recorded twice", method.name);
        record
    }

    fn row(&self, method: &Method, sender: &str) -> Row {
        let shown = format!("{} of the {sender}", method.name);
        assert!(self.has_passed(method, sender, 0), "{shown} does not pass");
        let allowed = self.find_record(method, sender, 0);
        let Some(refused) = self.find_record(method, sender, 1) else {
            assert!(self.has_passed(method, sender, 1) && allowed.is_none(), "{shown} leaves no trace");
            let is_filtered = self.phases[0].lists.contains(&method.name);
            assert!(!self.phases[1].lists.contains(&method.name), "{shown} shows what is hidden");
            let recorded = match (is_filtered, method.subject) {
                (true, _) => "no; what is hidden is left out of the answer",
                (false, PolicySubject::Tasks) => "with the call",
                (false, PolicySubject::Session) => "no",
                (false, subject) => panic!("{shown} is not judged, and not of {subject:?}"),
            };
            return Row { policy: method.subject.describe(), recorded };
        };
        assert_eq!(refused["outcome"], "refused", "{shown}: {refused}");
        assert!(!self.has_passed(method, sender, 1), "{shown} is refused, and passes");
        let rule = refused["rule"].as_str().unwrap();
        let section = rule.split('.').next().unwrap();
        let subject = method.subject;
        let fits = match (sender, section) {
            ("client", "tools") => subject == PolicySubject::Tools || subject == PolicySubject::Tasks,
            ("client", "prompts") => subject == PolicySubject::Prompts || subject == PolicySubject::Completions,
            ("client", "resources") => subject == PolicySubject::Resources || subject == PolicySubject::Subscriptions,
            ("server", "resources") => subject == PolicySubject::Resources,
            ("server", "requests") => true,
            ("client", "methods") => subject == PolicySubject::Methods,
            _ => false,
        };
        assert!(fits, "{shown} is of {subject:?}, and refused by {rule}");
        let is_of_requests = section == "requests" && !subject.describe().contains("requests");
        assert!(allowed.is_some(), "{shown} is recorded only if it is refused");
        Row { policy: if is_of_requests { "`requests`" } else { subject.describe() }, recorded: "yes" }
    }
}

#[test]
fn the_table_of_methods_says_what_the_wrapper_does() {
    let findings = Findings::collect();
    let mut rows = Vec::new();
    for method in &METHODS {
        let (since, until) = (method.since.as_str(), method.until.as_str());
        let revisions = if since == until { since.to_owned() } else { format!("{since} to {until}") };
        let mut push = |sender: &str, row: &Row| {
            rows.push(format!("| `{}` | {revisions} | {sender} | {} | {} |", method.name, row.policy, row.recorded));
        };
        match method.sender {
            Sender::Client => push("client", &findings.row(method, "client")),
            Sender::Server => push("server", &findings.row(method, "server")),
            Sender::Both => {
                let (client, server) = (findings.row(method, "client"), findings.row(method, "server"));
                if client == server {
                    push("either", &client);
                } else {
                    push("client", &client);
                    push("server", &server);
                }
            }
        }
    }
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security.md")).unwrap();
    let table: Vec<_> = text
        .lines()
        .skip_while(|line| *line != "## Methods")
        .skip_while(|line| !line.starts_with("|---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert!(table == rows, "docs/security.md has another table of methods than this:\n{}", rows.join("\n"));
}
