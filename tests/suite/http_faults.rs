//! `policylayer wrap --url` before servers and networks that cut, dribble, flood and go away.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::client::{Client, Launch, Under};
use crate::support::http_server::{
    Connection, EVENTS, HttpServer, Received, Then, event, greet, json_reply, reply, request_meta, text_result,
};
#[cfg(target_os = "linux")]
use crate::support::wrapped::stub;

const ALLOW: Under<'_> = Under::Policy(r#"{"version":"1","default":"allow"}"#);

fn connect(server: &HttpServer) -> Client {
    let mut client = Launch::new(&server.url).start(ALLOW);
    client.initialize(json!({}));
    client
}

fn write(connection: &mut dyn Connection, bytes: &[u8]) {
    let _ = connection.write_all(bytes).and_then(|()| connection.flush());
}

fn note(data: usize) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": data}})
}

fn numbered(id: usize, message: &Value) -> Vec<u8> {
    [format!("id: {id}\n").into_bytes(), event(message)].concat()
}

/// How many notes come before the answer.
const NOTES: usize = 3;

/// The events of a call: notes 1, 2 and so on, and the answer.
fn events_of_call(request: &Received) -> Vec<Vec<u8>> {
    let notes = (1..=NOTES).map(|number| numbered(number, &note(number)));
    notes.chain([numbered(NOTES + 1, &text_result(request, "whole"))]).collect()
}

/// A stream that is cut at any byte, and each that resumes it again, brings every message once and in order, or the call fails.
#[test]
fn wherever_a_stream_is_cut_nothing_is_lost_or_doubled() {
    // What is left of the call that runs.
    let left: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let server = HttpServer::start(move |request, connection| {
        let mut left = left.lock().unwrap();
        if request.is("tools/call") {
            let message = request.message();
            let cut = message["params"]["arguments"]["cut"].as_u64().unwrap() as usize;
            *left = events_of_call(request);
            let whole = left.concat();
            write(connection, &[EVENTS, b"retry: 1\n\n", &whole[..cut.min(whole.len())]].concat());
            return Then::Close;
        }
        let resumed = request.header("last-event-id");
        if request.method == "GET" && !resumed.is_empty() {
            let from: usize = resumed.parse().unwrap();
            let (next, after) = (left[from].clone(), left.get(from + 1).cloned().unwrap_or_default());
            // The next event, and a part of the one after that.
            write(connection, &[EVENTS, b"retry: 1\n\n", &next, &after[..after.len() / 2]].concat());
            return Then::Close;
        }
        write(connection, &greet(request).unwrap());
        Then::Keep
    });
    let mut client = connect(&server);
    let first = numbered(1, &note(1)).len();
    let mut seen = 0;
    for cut in 0..1000 {
        let id = json!(format!("cut {cut}"));
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "t", "arguments": {"cut": cut}}});
        client.send(&call);
        let answer = client.expect_response(id);
        let notes = client.lines().into_iter().filter_map(|line| line.json());
        let notes: Vec<_> = notes.filter(|line| line["method"] == "notifications/message").collect();
        let new: Vec<_> = notes[seen..].iter().map(|line| line["params"]["data"].as_u64().unwrap() as usize).collect();
        seen = notes.len();
        if cut < first {
            assert!(answer["error"].is_object() && new.is_empty(), "{cut} bytes: {answer} {new:?}");
            continue;
        }
        assert_eq!(answer["result"]["content"][0]["text"], "whole", "{cut} bytes: {answer}");
        assert_eq!(new, (1..=NOTES).collect::<Vec<_>>(), "{cut} bytes");
        if cut > 4 * first {
            break;
        }
    }
    assert_eq!(client.finish().code(), Some(0));
}

#[test]
fn an_answer_that_comes_byte_by_byte_is_whole_and_one_that_is_left_out_is_said() {
    let server = HttpServer::start(|request, connection| {
        if let Some(bytes) = greet(request) {
            write(connection, &bytes);
            return Then::Keep;
        }
        let result = text_result(request, "whole");
        let bytes = match request.message()["params"]["name"].as_str().unwrap() {
            "json" => json_reply(&result),
            "events" => [EVENTS, b"\xef\xbb\xbf: hello\r\n\r\n", &event(&result)].concat(),
            // A message of the server's that is too long goes before the answer.
            _ => {
                let long =
                    json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "x".repeat(8000)}});
                write(connection, &[EVENTS, &event(&long), &event(&result)].concat());
                return Then::Close;
            }
        };
        for byte in &bytes {
            write(connection, &[*byte]);
        }
        Then::after(&bytes)
    });
    let mut client = Launch::new(&server.url).arg("--max-message").arg("4KiB").start(ALLOW);
    client.initialize(json!({}));
    for tool in ["json", "events", "long"] {
        let answer = client.call(tool, json!({}));
        assert_eq!(answer["result"]["content"][0]["text"], "whole", "{tool}: {answer}");
    }
    client.expect_stderr("a message of the server was dropped: it has more than 4096 bytes");
    assert_eq!(client.finish().code(), Some(0));
    assert!(client.unexpected().is_empty(), "{:?}", client.unexpected());
    // What is compressed could be anything of any size once it is not.
    let asked = server.received();
    assert!(asked.iter().all(|request| request.header("accept-encoding").is_empty()), "{asked:#?}");
}

/// Sends as many events as asked for before the answer, and gives the most memory that the wrapper had above what it had before.
#[cfg(target_os = "linux")]
fn flood(events: usize) -> Client {
    let server = HttpServer::start(|request, connection| {
        if !request.is("tools/call") {
            write(connection, &greet(request).unwrap());
            return Then::Keep;
        }
        let events = request.message()["params"]["arguments"]["events"].as_u64().unwrap() as usize;
        write(connection, EVENTS);
        let hundred: Vec<u8> = (0..100).flat_map(|number| numbered(number, &note(number))).collect();
        for _ in 0..events / 100 {
            write(connection, &hundred);
        }
        write(connection, &event(&text_result(request, "after all")));
        Then::Close
    });
    let mut client = connect(&server);
    client.send(&json!({"jsonrpc": "2.0", "id": "f", "method": "tools/call", "params": {"name": "t", "arguments": {"events": events}}}));
    client.expect_response("f");
    client
}

/// The most private memory that a process has had, in bytes.
#[cfg(target_os = "linux")]
fn most_memory(client: &Client) -> usize {
    let text = std::fs::read_to_string(format!("/proc/{}/status", client.pid())).unwrap();
    let number = |key: &str| -> usize {
        let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    };
    number("VmHWM:").saturating_sub(number("RssFile:"))
}

/// With EVENTS=1000000 it is a soak, which is run by hand.
#[cfg(target_os = "linux")]
#[test]
fn a_flood_of_events_takes_no_more_memory_than_a_few() {
    let events = std::env::var("EVENTS").map_or(20_000, |events| events.parse().unwrap());
    let few = most_memory(&flood(100));
    let many = most_memory(&flood(events));
    println!("{few} bytes for 100 events, {many} for {events}");
    assert!(many < few + 8 * 1024 * 1024, "{few} bytes for 100, {many} for {events}");
}

/// The names of a process's threads.
#[cfg(target_os = "linux")]
fn threads(client: &Client) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", client.pid())).unwrap();
    // One may end before its name is read.
    let name = |task: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(task.ok()?.path().join("comm")).ok();
    tasks.filter_map(name).map(|name| name.trim().to_owned()).collect()
}

/// The thread that speaks HTTP is the only one that sets TLS up.
#[cfg(target_os = "linux")]
#[test]
fn a_session_with_a_process_starts_neither_http_nor_tls() {
    let server = HttpServer::start(|request, connection| {
        write(connection, &greet(request).unwrap());
        Then::Keep
    });
    let far = connect(&server);
    assert!(threads(&far).contains(&"http".to_owned()), "{:?}", threads(&far));
    let mut near = Launch::new(stub()).start(ALLOW);
    near.initialize(json!({}));
    assert!(!threads(&near).contains(&"http".to_owned()), "{:?}", threads(&near));
}

#[test]
fn arguments_that_a_tool_asks_for_are_in_headers_of_its_calls() {
    let server = HttpServer::start(|request, connection| {
        let result = match request.is("tools/list") {
            true => {
                let region = json!({"type": "string", "x-mcp-header": "Region"});
                let schema = json!({"type": "object", "properties": {"region": region, "text": {"type": "string"}}});
                let bad = json!({"type": "object", "properties": {"n": {"type": "number", "x-mcp-header": "N"}}});
                let tools = json!([{"name": "bad", "inputSchema": bad}, {"name": "run", "inputSchema": schema}]);
                json!({"resultType": "complete", "tools": tools, "ttlMs": 0, "cacheScope": "private"})
            }
            false => json!({"resultType": "complete", "content": []}),
        };
        write(connection, &json_reply(&json!({"jsonrpc": "2.0", "id": request.message()["id"], "result": result})));
        Then::Keep
    });
    let mut client = Launch::new(&server.url).start(ALLOW);
    let listed = client.request("tools/list", json!({"_meta": request_meta()}));
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["result"]["tools"][0]["name"], "run");
    client.expect_stderr("the tool bad is left out of what the server lists");
    for region in ["us-west1", "Köln"] {
        let arguments = json!({"region": region, "text": "s3cret"});
        client.request("tools/call", json!({"name": "run", "arguments": arguments, "_meta": request_meta()}));
    }
    let received = server.received();
    let calls: Vec<_> = received.iter().filter(|request| request.is("tools/call")).collect();
    let regions: Vec<_> = calls.iter().map(|call| call.header("mcp-param-region")).collect();
    assert_eq!(regions, ["us-west1", "=?base64?S8O2bG4=?="]);
    assert!(calls.iter().all(|call| !format!("{:?}", call.headers).contains("s3cret")));
    assert!(!received[0].headers.contains_key("mcp-param-region"));
}

#[test]
fn what_a_client_listens_for_comes_until_it_cancels_that() {
    let server = HttpServer::start(|request, connection| {
        let message = request.message();
        if request.is("subscriptions/listen") {
            let id = message["id"].clone();
            let meta = json!({"io.modelcontextprotocol/subscriptionId": id});
            let told = |method: &str, mut params: Value| {
                params["_meta"] = meta.clone();
                event(&json!({"jsonrpc": "2.0", "method": method, "params": params}))
            };
            let known =
                told("notifications/subscriptions/acknowledged", json!({"notifications": {"toolsListChanged": true}}));
            write(connection, &[EVENTS, &known, &told("notifications/tools/list_changed", json!({}))].concat());
            // Until the other side closes the stream.
            let mut rest = [0];
            assert!(!matches!(std::io::Read::read(connection, &mut rest), Ok(1)));
            return Then::Close;
        }
        write(
            connection,
            &json_reply(
                &json!({"jsonrpc": "2.0", "id": message["id"], "result": {"resultType": "complete", "content": []}}),
            ),
        );
        Then::Keep
    });
    let mut client = Launch::new(&server.url).start(ALLOW);
    let params = json!({"notifications": {"toolsListChanged": true}, "_meta": request_meta()});
    client.send(&json!({"jsonrpc": "2.0", "id": "l", "method": "subscriptions/listen", "params": params}));
    client.expect_method("notifications/subscriptions/acknowledged");
    client.expect_method("notifications/tools/list_changed");
    // Other requests go on beside it.
    assert!(client.request("tools/call", json!({"name": "t", "_meta": request_meta()}))["result"].is_object());
    client.send(
        &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "l", "_meta": request_meta()}}),
    );
    assert!(client.request("tools/call", json!({"name": "t", "_meta": request_meta()}))["result"].is_object());
    assert_eq!(client.finish().code(), Some(0));
}

#[test]
fn a_call_to_an_older_server_is_cancelled_by_a_message() {
    let (events, waiting) = std::sync::mpsc::channel::<Vec<u8>>();
    let (events, waiting) = (Mutex::new(events), Mutex::new(waiting));
    let server = HttpServer::start(move |request, connection| {
        if request.method == "GET" && request.target == "/mcp" {
            write(connection, &[EVENTS, b"event: endpoint\ndata: /messages\n\n"].concat());
            while let Ok(bytes) = waiting.lock().unwrap().recv() {
                write(connection, &bytes);
            }
            return Then::Close;
        }
        if request.target != "/messages" {
            write(connection, &reply(&["405 Method Not Allowed"], ""));
            return Then::Keep;
        }
        write(connection, &reply(&["202 Accepted"], "Accepted"));
        let message = request.message();
        let result =
            json!({"protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": {"name": "old", "version": "1"}});
        match message["method"].as_str() {
            Some("initialize") => {
                let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
                events.lock().unwrap().send(event(&answer)).unwrap();
            }
            Some("tools/call") if message["params"]["name"] == "fast" => {
                events.lock().unwrap().send(event(&text_result(request, "done"))).unwrap();
            }
            _ => {}
        }
        Then::Keep
    });
    let mut client = connect(&server);
    client.send(&json!({"jsonrpc": "2.0", "id": "slow", "method": "tools/call", "params": {"name": "slow"}}));
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "slow"}}));
    assert_eq!(client.call("fast", json!({}))["result"]["content"][0]["text"], "done");
    server.expect("the cancellation", |request| request.is("notifications/cancelled"));
    assert_eq!(client.finish().code(), Some(0));
    let received = server.received();
    let cancelled = received.iter().filter(|request| request.is("notifications/cancelled"));
    let ids: Vec<_> = cancelled.map(|request| request.message()["params"]["requestId"].clone()).collect();
    assert_eq!(ids, ["slow"]);
    assert!(client.unexpected().is_empty(), "{:?}", client.unexpected());
}
