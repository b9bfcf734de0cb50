//! Runs tests/vectors/*.jsonl: a policy, lines in, the expected actions.
//!
//! A vector is `{"name", "policy"?, "server"?, "do": [step…]}`; the policy `"builtin"` is the one without a file. A step has one of `client`, `server` (text), `client_hex`,
//! `server_hex` (bytes), `ended` (how the server ended) or `policy` (the one that takes effect), and `expect`, the list of
//! actions without notes: `"to_server"` or `"to_client"` (the line passes as it came), `"stray"`, `{"to_server": LINE or FACTS}`
//! and `{"to_client": LINE or FACTS}`. FACTS name what must hold of a line of ours: `id`, `code` of an error, `effect`, `rule`,
//! `reason`, `retry_after` and `resultType` of a refusal (null: absent). `at` is the time of a step in seconds since the session
//! began, `times` how often it is done with ids that count on.
//!
//! `lock`, of a vector or of a step that puts it in force, holds the session to `instructions` and to definitions: `tools`,
//! `prompts`, `templates`, `apps`. `$OWN` is the id of the wrapper's own request that was sent last.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use policylayer::engine::limits::Memory;
use policylayer::engine::{Action, Engine, Now, Payload};
use policylayer::lock::{ItemKind, Lock, LockedDigests};
use policylayer::policy::{self, Format, Policy, Server, ServerName, Source};
use serde_json::{Value, json};

/// The policy of a vector that names none.
const DEFAULT_POLICY: &str = r#"{"version":"1","default":"allow","hide":["hidden_tool","delete_*"]}"#;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn vectors() -> Vec<(String, Value)> {
    let mut vectors = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "jsonl")) {
        for (index, line) in std::fs::read_to_string(file).unwrap().lines().enumerate() {
            let place = format!("{}:{}", file.file_name().unwrap().display(), index + 1);
            let vector = serde_json::from_str(line).unwrap_or_else(|error| panic!("{place}: {error}"));
            vectors.push((place, vector));
        }
    }
    vectors
}

fn policy(vector: &Value) -> Policy {
    let text = vector.get("policy").map_or_else(|| DEFAULT_POLICY.to_owned(), Value::to_string);
    let server = ServerName::parse(vector["server"].as_str().unwrap_or("stub")).unwrap();
    if vector["policy"] == "builtin" {
        return policy::builtin_policy(&Server::by_name(&server));
    }
    let loaded =
        policy::load_policy(&Source::new("policy.json", Format::Json, text.as_str()), &Server::by_name(&server));
    let policy = loaded.policy.unwrap_or_else(|| panic!("{text}: {:?}", loaded.diagnostics));
    match vector.get("lock") {
        Some(lock) => policy.with_lock(Arc::new(locked(lock))),
        None => policy,
    }
}

fn locked(definitions: &Value) -> LockedDigests {
    let mut lock = Lock::new("stub");
    let instructions = definitions.get("instructions").map(Value::to_string);
    lock.set_instructions(instructions.as_deref()).unwrap();
    for (kind, key) in ItemKind::ALL.into_iter().zip(["tools", "prompts", "templates", "apps", "app_pages"]) {
        for definition in definitions[key].as_array().into_iter().flatten() {
            lock.insert(kind, &definition.to_string(), None).unwrap();
        }
    }
    LockedDigests::from(&lock)
}

/// A vector with what a step changes of it.
fn changed(vector: &Value, step: &Value) -> Value {
    let mut vector = vector.clone();
    for key in ["policy", "lock"] {
        if let Some(new) = step.get(key) {
            vector[key] = new.clone();
        }
    }
    vector
}

/// Returns the id of the wrapper's own request, if there is one among the actions.
fn own_id(actions: &[Action]) -> Option<String> {
    actions.iter().find_map(|action| {
        let Action::ToServer(Payload::Kept(line)) = action else { return None };
        let line: Value = serde_json::from_slice(line).unwrap();
        Some(line["id"].as_str()?.to_owned())
    })
}

fn bytes(step: &Value, side: &str) -> Option<Vec<u8>> {
    if let Some(text) = step[side].as_str() {
        return Some(text.as_bytes().to_vec());
    }
    let hex = step[format!("{side}_hex")].as_str()?;
    let digits: Vec<_> = hex.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    Some(digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect())
}

/// A step with its newline, unless the vector says how the line ends.
fn line(mut bytes: Vec<u8>) -> Vec<u8> {
    if !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    bytes
}

/// The line of a step's repetition: its id counts on.
fn repeated(mut bytes: Vec<u8>, repetition: u64) -> Vec<u8> {
    if repetition > 0 {
        let text = String::from_utf8(bytes).expect("a repeated line is text");
        let (before, after) = text.split_once("\"id\":").expect("a repeated line has an id");
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let id: u64 = after[..digits].parse().expect("the id of a repeated line is a number");
        bytes = format!("{before}\"id\":{}{}", id + repetition, &after[digits..]).into_bytes();
    }
    bytes
}

fn run(engine: &mut Engine, vector: &Value, step: &Value, repetition: u64) -> Vec<Action> {
    let mut actions = Vec::new();
    let time = Duration::from_secs_f64(step["at"].as_f64().unwrap_or_default());
    // Half past ten on some day, so that a minute, an hour and a day begin at times of their own.
    let now = Now { session: time, unix: Duration::from_secs(20_000 * 86_400 + 10 * 3_600 + 1_800) + time };
    if let Some(bytes) = bytes(step, "client") {
        engine.handle_client_line(&line(repeated(bytes, repetition)), now, &mut actions);
    } else if let Some(bytes) = bytes(step, "server") {
        engine.handle_server_line(&line(repeated(bytes, repetition)), now, &mut actions);
    } else if step.get("policy").or(step.get("lock")).is_some() {
        engine.replace_policy(Arc::new(policy(&changed(vector, step))), &mut actions);
    } else {
        engine.handle_server_end(step["ended"].as_str().expect("a step needs a line"), now, &mut actions);
    }
    actions.retain(|action| !matches!(action, Action::Note(_) | Action::Schedule));
    actions
}

/// Whether a line of ours has the facts; if not, which it has not.
fn facts(line: &[u8], facts: &Value) -> Result<(), String> {
    let text = std::str::from_utf8(line).unwrap();
    assert!(text.ends_with('\n') && text.matches('\n').count() == 1, "one whole line: {text:?}");
    let value: Value = serde_json::from_str(text).unwrap();
    assert_eq!(value["jsonrpc"], "2.0");
    for (name, fact) in facts.as_object().expect("facts are an object") {
        let result = &value["result"];
        let is_error = value["error"].is_object();
        let meta = if is_error { &value["error"]["data"] } else { &result["_meta"] };
        let decision = &meta["policylayer/decision"];
        let is = match name.as_str() {
            "id" => &value["id"],
            "code" => &value["error"]["code"],
            "resultType" => &result["resultType"],
            "effect" => {
                let words = if is_error { &value["error"]["message"] } else { &result["content"][0]["text"] };
                assert!(words.as_str().unwrap_or_default().starts_with("[POLICY DENIED] "), "{text}");
                assert!(is_error || result["isError"] == true, "{text}");
                &decision["effect"]
            }
            "rule" => &decision["rule"],
            "reason" => &decision["reason"],
            "retry_after" => &decision["retry_after"],
            other => panic!("no such fact: {other}"),
        };
        if is != fact {
            return Err(format!("{name} is {is}, not {fact}, in {text}"));
        }
    }
    Ok(())
}

/// Whether a line of ours is the wanted text, or has the wanted facts.
fn written(line: &[u8], wanted: &Value) -> Result<(), String> {
    match wanted {
        Value::String(text) if text.as_bytes() == line => Ok(()),
        Value::String(text) => Err(format!("expected {text:?}, got {:?}", String::from_utf8_lossy(line))),
        wanted => facts(line, wanted),
    }
}

fn compare(actions: &[Action], expected: &Value) -> Result<(), String> {
    let expected = expected.as_array().expect("expect is a list");
    if actions.len() != expected.len() {
        return Err(format!("{} actions: {}", actions.len(), show(actions)));
    }
    for (action, expected) in actions.iter().zip(expected) {
        let differs = || Err(format!("expected {expected}, got {}", show(actions)));
        match (action, expected) {
            (Action::ToServer(Payload::Received), Value::String(word)) if word == "to_server" => {}
            (Action::ToClient(Payload::Received), Value::String(word)) if word == "to_client" => {}
            (Action::Stray(_), Value::String(word)) if word == "stray" => {}
            (Action::ToServer(Payload::Written(line) | Payload::Kept(line)), Value::Object(expected))
                if expected.contains_key("to_server") =>
            {
                written(line, &expected["to_server"])?;
            }
            (Action::ToClient(Payload::Written(line)), Value::Object(expected))
                if expected.contains_key("to_client") =>
            {
                written(line, &expected["to_client"])?;
            }
            _ => return differs(),
        }
    }
    Ok(())
}

fn show(actions: &[Action]) -> String {
    let show = |action: &Action| match action {
        Action::ToServer(Payload::Written(line) | Payload::Kept(line)) => {
            format!("ToServer({})", String::from_utf8_lossy(line))
        }
        Action::ToClient(Payload::Written(line)) => format!("ToClient({})", String::from_utf8_lossy(line)),
        action => format!("{action:?}"),
    };
    actions.iter().map(show).collect::<Vec<_>>().join(", ")
}

#[test]
fn every_vector_holds() {
    let mut failures = Vec::new();
    for (place, vector) in vectors() {
        let mut engine = Engine::new(Arc::new(policy(&vector)), Box::new(Memory::default()));
        let mut own = None;
        for (index, step) in vector["do"].as_array().expect("do is a list").iter().enumerate() {
            for repetition in 0..step["times"].as_u64().unwrap_or(1) {
                let with_own = |step: &Value, own: &Option<String>| -> Value {
                    let text = step.to_string().replace("$OWN", own.as_deref().unwrap_or("$OWN"));
                    serde_json::from_str(&text).unwrap()
                };
                let actions = run(&mut engine, &vector, &with_own(step, &own), repetition);
                own = own_id(&actions).or(own);
                if let Err(failure) = compare(&actions, &with_own(&step["expect"], &own)) {
                    failures.push(format!("{place} {} step {index}.{repetition}: {failure}", vector["name"]));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} vectors fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn names_are_unique_and_the_ledger_names_real_vectors() {
    let vectors = vectors();
    let names: BTreeSet<_> = vectors.iter().map(|(_, vector)| vector["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), vectors.len(), "two vectors share a name");
    let ledger = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security.md")).unwrap();
    let rows: Vec<_> = ledger.lines().filter(|line| line.starts_with("| ") && line.contains("vector:")).collect();
    assert!(rows.len() >= 8, "the ledger has lost its rows");
    for row in rows {
        for name in row.split('`').filter_map(|word| word.strip_prefix("vector:")) {
            assert!(names.contains(name), "docs/security.md names a vector that is not there: {name}");
        }
    }
}

#[test]
fn the_runner_can_fail() {
    let engine = || Engine::new(Arc::new(policy(&json!({}))), Box::new(Memory::default()));
    let step = json!({"client": r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hidden_tool"}}"#});
    let actions = run(&mut engine(), &json!({}), &step, 0);
    assert!(compare(&actions, &json!([{"to_client": {"id": 1, "effect": "hide", "rule": "hide[0]"}}])).is_ok());
    for wrong in [
        json!([]),
        json!(["to_server"]),
        json!(["to_client"]),
        json!([{"to_server": {"id": 1}}]),
        json!([{"to_client": {"id": 2}}]),
        json!([{"to_client": {"rule": "hide[1]"}}]),
        json!([{"to_client": {"id": 1}}, "to_server"]),
    ] {
        assert!(compare(&actions, &wrong).is_err(), "{wrong}");
    }
}
