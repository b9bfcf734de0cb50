//! What a policy says nothing of comes through as it is: every list, every resource and every prompt of the reference
//! servers and of an MCP App, subscriptions, and tasks (2025-11-25) with the questions that they ask.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::client::{Client, Launch, Under};
use support::node::{Upstream, upstream};
use support::system::PATIENCE;

const ALLOW_ALL: Under<'_> = Under::Policy(r#"{"version":"1","default":"allow"}"#);

const LISTS: [(&str, &str); 4] = [
    ("tools/list", "tools"),
    ("prompts/list", "prompts"),
    ("resources/list", "resources"),
    ("resources/templates/list", "resourceTemplates"),
];

fn start(upstream: &Upstream, server: &str, under: Under<'_>) -> Client {
    let launch = Launch::new(&upstream.node);
    match server {
        "everything" => launch.arg(upstream.everything()).arg("stdio"),
        "memory" => {
            let file = launch.home().join("memory.jsonl");
            launch.arg(upstream.memory()).env("MEMORY_FILE_PATH", file)
        }
        "app" => launch.arg(upstream.app()).arg("--stdio"),
        "filesystem" => {
            let home = std::fs::canonicalize(launch.home()).unwrap();
            launch.arg(upstream.filesystem()).arg(home)
        }
        other => panic!("there is no server {other}"),
    }
    .start(under)
}

/// The pages of a list, each an answer without its id.
fn pages(client: &mut Client, method: &str) -> Vec<Value> {
    let mut pages: Vec<Value> = Vec::new();
    loop {
        let cursor = pages.last().and_then(|page| page["result"].get("nextCursor").cloned());
        let params = cursor.map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }));
        let mut page = client.request(method, params);
        page.as_object_mut().unwrap().remove("id");
        pages.push(page);
        if pages.last().unwrap()["result"].get("nextCursor").is_none() {
            return pages;
        }
    }
}

#[test]
fn every_list_is_that_of_the_bare_server() {
    let Some(upstream) = upstream() else { return };
    let ui = json!({ "extensions": { "io.modelcontextprotocol/ui": { "mimeTypes": ["text/html;profile=mcp-app"] } } });
    for (server, lists) in [("everything", 4), ("memory", 3), ("app", 3), ("filesystem", 1)] {
        let (mut bare, mut wrapped) = (start(upstream, server, Under::Nothing), start(upstream, server, ALLOW_ALL));
        let mut opened = bare.initialize(ui.clone());
        // The wrapper announces changes of the policy; this is all that it changes.
        for list in ["tools", "prompts", "resources"] {
            if let Some(capability) = opened["capabilities"].get_mut(list) {
                capability["listChanged"] = true.into();
            }
        }
        assert_eq!(wrapped.initialize(ui.clone()), opened, "{server}");
        if server == "everything" {
            for client in [&mut bare, &mut wrapped] {
                // Some of its tools are registered only now.
                client.expect_method("notifications/tools/list_changed");
            }
        }
        let mut given = 0;
        for (method, key) in LISTS {
            let expected = pages(&mut bare, method);
            assert_eq!(pages(&mut wrapped, method), expected, "{server}: {method}");
            given += usize::from(expected[0]["result"][key].is_array());
            // Whatever is listed can be read.
            if method == "resources/list" && expected[0]["result"][key].is_array() {
                let resources = expected.iter().flat_map(|page| page["result"][key].as_array().unwrap());
                for resource in resources {
                    let read = json!({ "uri": resource["uri"] });
                    let expected = bare.request("resources/read", read.clone());
                    assert!(expected["result"]["contents"].is_array(), "{server}: {expected}");
                    let answer = wrapped.request("resources/read", read);
                    assert_eq!(answer["result"], expected["result"], "{server}: {resource}");
                }
            }
        }
        assert_eq!(given, lists, "{server} has lists");
        assert_eq!(wrapped.finish().code(), Some(0), "{server}");
    }
}

/// A tool of an MCP App names the page that shows its result, and the page is a resource.
#[test]
fn the_page_of_an_app_is_there_for_its_tool() {
    let Some(upstream) = upstream() else { return };
    let mut client = start(upstream, "app", ALLOW_ALL);
    client.initialize(json!({ "extensions": { "io.modelcontextprotocol/ui": {} } }));
    let tools = client.request("tools/list", json!({}));
    let uri = &tools["result"]["tools"][0]["_meta"]["ui"]["resourceUri"];
    assert!(uri.as_str().is_some_and(|uri| uri.starts_with("ui://")), "{tools}");
    let page = client.request("resources/read", json!({ "uri": uri }));
    let content = &page["result"]["contents"][0];
    assert_eq!(content["mimeType"], "text/html;profile=mcp-app", "{page}");
    assert!(content["text"].as_str().unwrap().contains("<html"), "{page}");
    assert_eq!(client.finish().code(), Some(0));
}

#[test]
fn updates_of_a_resource_come_while_it_is_subscribed_to() {
    let Some(upstream) = upstream() else { return };
    let mut client = start(upstream, "everything", ALLOW_ALL);
    client.initialize(json!({}));
    let uri = json!({ "uri": "demo://resource/static/document/features.md" });
    assert_eq!(client.request("resources/subscribe", uri.clone())["result"], json!({}));
    client.call("toggle-subscriber-updates", json!({}));
    assert_eq!(client.expect_method("notifications/resources/updated")["params"]["uri"], uri["uri"]);
    assert_eq!(client.request("resources/unsubscribe", uri)["result"], json!({}));
    client.kill();
}

/// Has a task created, answers its question, and returns its result.
fn research(client: &mut Client, topic: &str) -> Value {
    let opened = client.initialize(json!({ "elicitation": {} }));
    assert!(opened["capabilities"]["tasks"].is_object(), "{opened}");
    client.expect_method("notifications/tools/list_changed");
    let topic = client.call("echo", json!({ "message": topic }))["result"]["content"][0]["text"].clone();
    let call = json!({
        "name": "simulate-research-query",
        "arguments": { "topic": topic, "ambiguous": true },
        "task": { "ttl": 300_000 }
    });
    let created = client.request("tools/call", call);
    let id = created["result"]["task"]["taskId"].clone();
    assert!(id.is_string(), "{created}");
    let start = Instant::now();
    loop {
        let task = client.request("tasks/get", json!({ "taskId": id }));
        match task["result"]["status"].as_str() {
            Some("working") => assert!(start.elapsed() < PATIENCE, "{task}"),
            Some("input_required") => break,
            _ => panic!("{task}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let listed = client.request("tasks/list", json!({}));
    assert_eq!(listed["result"]["tasks"][0]["taskId"], id, "{listed}");
    client.send(&json!({ "jsonrpc": "2.0", "id": "result", "method": "tasks/result", "params": { "taskId": id } }));
    let question = client.expect_method("elicitation/create");
    assert_eq!(question["params"]["_meta"]["io.modelcontextprotocol/related-task"]["taskId"], id, "{question}");
    let answer = json!({ "action": "accept", "content": { "interpretation": "snake" } });
    client.send(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": answer }));
    let result = client.expect_response("result");
    assert_eq!(client.request("tasks/get", json!({ "taskId": id }))["result"]["status"], "completed");
    result
}

/// The task is created, asks its question through `tasks/result`, and comes to its end.
#[test]
fn a_task_is_followed_to_its_end() {
    let Some(upstream) = upstream() else { return };
    let mut client = start(upstream, "everything", ALLOW_ALL);
    let result = research(&mut client, "python");
    assert!(result.to_string().contains("python (snake)"), "{result}");
    // What it remembers of tasks keeps it alive for minutes.
    client.kill();
}

/// The server gets an address, and says it in the states of the task, in its question and in its result.
#[test]
fn what_a_task_says_has_stand_ins() {
    let Some(upstream) = upstream() else { return };
    let policy = Under::Policy(r#"{"version":"1","default":"allow","results":{"stand_ins":["email"]}}"#);
    let mut client = start(upstream, "everything", policy);
    let result = research(&mut client, "python jo@example.org");
    let said = client.lines().iter().filter_map(|line| line.json()).map(|line| line.to_string()).collect::<Vec<_>>();
    let [stated, asked, told] =
        ["Found multiple interpretations", "could have multiple interpretations", "# Research Report"]
            .map(|words| said.iter().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{words}: {said:#?}")));
    for line in [stated, asked, told] {
        assert!(line.contains("@stand-in.invalid"), "{line}");
    }
    assert!(result.to_string().contains("@stand-in.invalid (snake)"), "{result}");
    assert!(!said.concat().contains("jo@example.org"), "{said:#?}");
    client.kill();
}

/// A client finds its own token in the messages of progress.
#[test]
fn messages_of_progress_pass_under_rules_for_results() {
    let Some(upstream) = upstream() else { return };
    let policy = Under::Policy(
        r#"{"version":"1","default":"allow","results":{"strip":["ansi"],"stand_ins":["email","phone"]}}"#,
    );
    let mut client = start(upstream, "everything", policy);
    client.initialize(json!({}));
    let call = json!({ "_meta": { "progressToken": "0b9d4c2e-1111-4222-8333-944455556666" }, "name": "trigger-long-running-operation",
        "arguments": { "duration": 0.2, "steps": 4 } });
    let answer = client.request("tools/call", call);
    assert!(answer["result"]["content"].is_array(), "{answer}");
    let lines = client.lines();
    let steps = lines.iter().filter_map(|line| line.json()).filter(|line| line["method"] == "notifications/progress");
    let steps: Vec<_> =
        steps.map(|line| (line["params"]["progressToken"].clone(), line["params"]["progress"].clone())).collect();
    let token = json!("0b9d4c2e-1111-4222-8333-944455556666");
    assert_eq!(steps, (1..=4).map(|step| (token.clone(), json!(step))).collect::<Vec<_>>());
    client.kill();
}

/// Files full of numbers: what is none of a person's stays byte for byte, and what is comes back as it was.
#[test]
fn files_keep_their_numbers_and_give_away_no_cards() {
    let Some(upstream) = upstream() else { return };
    const FALSE_FRIENDS: &str = "order 4111111111111111, 0b9d4c2e-1111-4222-8333-944455556666, 2026-11-05 10:20:30.123456, v1.22.333.4444,\n\
        sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, icon@2x.png, git@github.com:a/b,\n\
        https://bucket.s3.amazonaws.com/x?X-Amz-Signature=4111111111111111&X-Amz-Expires=300, 3.14159265358979, 1730802030\n";
    const PERSONAL: &str = "card 4111 1111 1111 1111, jo@example.org, +49 30 901820, DE89 3704 0044 0532 0130 00\n";
    let policy =
        Under::Policy(r#"{"version":"1","default":"allow","results":{"stand_ins":["email","phone","card","iban"]}}"#);
    let mut client = start(upstream, "filesystem", policy);
    let home = std::fs::canonicalize(client.home()).unwrap();
    std::fs::write(home.join("numbers.txt"), FALSE_FRIENDS).unwrap();
    std::fs::write(home.join("people.txt"), PERSONAL).unwrap();
    client.initialize(json!({}));
    let path = |name: &str| home.join(name).to_str().unwrap().to_owned();
    let read = |client: &mut Client, name: &str| {
        let answer = client.call("read_text_file", json!({"path": path(name)}));
        answer["result"]["content"][0]["text"].as_str().unwrap().to_owned()
    };
    assert_eq!(read(&mut client, "numbers.txt"), FALSE_FRIENDS);
    let people = read(&mut client, "people.txt");
    for value in ["4111", "jo@", "901820", "DE89 3704"] {
        assert!(!people.contains(value), "{value} in {people}");
    }
    let answer = client.call("write_file", json!({"path": path("copy.txt"), "content": people}));
    assert!(answer["result"]["isError"] != true, "{answer}");
    assert_eq!(std::fs::read_to_string(home.join("copy.txt")).unwrap(), PERSONAL);
}
