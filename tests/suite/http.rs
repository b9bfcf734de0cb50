//! `policylayer wrap --url`: servers over HTTP, those that do all right and those that do all wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use support::client::{Client, Launch, Under};
use support::http_server::{
    EVENTS, HttpServer, Received, Then, event, greet, json_reply, reply, request_meta, start_with_calls, text_result,
};
use support::log::Home;
use support::node::upstream;
use support::system::{DeadPort, PATIENCE};

const ALLOW: Under<'_> = Under::Policy(r#"{"version":"1","default":"allow","hide":["hidden"]}"#);

fn connect(server: &HttpServer) -> Client {
    let mut client = Launch::new(&server.url).start(ALLOW);
    client.initialize(json!({}));
    client
}

/// The text of an error.
#[track_caller]
fn error_of(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap_or_else(|| panic!("no error: {answer}"))
}

fn text_of(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {answer}"))
}

fn write(connection: &mut dyn support::http_server::Connection, bytes: &[u8]) {
    let _ = connection.write_all(bytes).and_then(|()| connection.flush());
}

#[test]
fn a_session_is_one_of_the_bytes_that_were_judged() {
    let server = HttpServer::start(|request, connection| {
        let message = request.message();
        // serde_json does not read the call.
        let is_call = request.method == "POST" && message.is_null();
        if let Some(bytes) = greet(request).filter(|_| !is_call) {
            write(connection, &bytes);
            return Then::Keep;
        }
        if request.is("tools/list") {
            let tools = json!([{"name": "hidden", "inputSchema": {}}, {"name": "seen", "inputSchema": {}}]);
            let list = json!({"jsonrpc": "2.0", "id": message["id"], "result": {"tools": tools}});
            write(connection, &[EVENTS, b": hello\n\n", &event(&list)].concat());
            return Then::Close;
        }
        // Over several lines, as some servers write it.
        let mut answer = text_result(request, "a\nb");
        answer["id"] = "call".into();
        let text = serde_json::to_string_pretty(&answer).unwrap();
        write(connection, &reply(&["200 OK", "Content-Type: application/json; charset=utf-8"], &text));
        Then::Keep
    });
    let secret = "Bearer s3cret-of-the-test";
    let mut client =
        Launch::new(&server.url).arg("--header").arg("Authorization=FAR_KEY").env("FAR_KEY", secret).start(ALLOW);
    client.initialize(json!({}));
    assert_eq!(client.names("tools"), ["seen"]);
    let call = r#"{"jsonrpc":"2.0", "id":"c\u0061ll","method":"tools/call","params":{"name":"seen","arguments":{"a":1e999,"b":"\ud83d"}}}"#;
    client.raw(call);
    let answer = client.expect("the answer", |message| message["id"] == "call");
    assert_eq!(text_of(&answer), "a\nb");
    let refused = client.call("hidden", json!({}));
    assert!(text_of(&refused).starts_with("[POLICY DENIED]"), "{refused}");
    assert_eq!(client.finish().code(), Some(0), "{}", client.stderr());

    let sent = server.expect("the call", |request| request.method == "POST" && request.message().is_null());
    assert_eq!(sent.body, call.as_bytes(), "byte for byte");
    let received = server.received();
    assert!(received.iter().all(|request| request.header("authorization") == secret && request.target == "/mcp"));
    assert!(received.iter().all(|request| request.header("accept-encoding").is_empty()));
    let posts = received.iter().filter(|request| request.method == "POST");
    assert!(posts.clone().all(|post| post.header("accept") == "application/json, text/event-stream"));
    let first = posts.clone().next().unwrap();
    assert!(first.is("initialize") && first.header("mcp-session-id").is_empty());
    for post in posts.skip(1) {
        assert_eq!((post.header("mcp-session-id"), post.header("mcp-protocol-version")), ("s-1", "2025-11-25"));
    }
    let end = server.expect("the end of the session", |request| request.method == "DELETE");
    assert_eq!(end.header("mcp-session-id"), "s-1");
    assert!(!received.iter().any(|request| String::from_utf8_lossy(&request.body).contains("hidden")));
    // Nothing says what the header holds.
    assert!(!client.stderr().contains("s3cret"), "{}", client.stderr());
    let mut folders = vec![client.home().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                let text = std::fs::read(&entry).unwrap();
                assert!(!String::from_utf8_lossy(&text).contains("s3cret"), "{}", entry.display());
            }
        }
    }
}

/// Each answer to a call that is none, what is said of it, and whether the call may have run.
fn wrong_answers() -> Vec<(Vec<u8>, &'static str, bool)> {
    let json = "Content-Type: application/json";
    let html = "<html>Please log in</html>";
    let ours = r#"{"jsonrpc":"2.0","id":"x","result":{}}"#;
    let gzip = "Content-Encoding: gzip";
    let events = |data: &[u8]| [EVENTS, data].concat();
    vec![
        (reply(&["500 Internal Server Error"], ""), "answered 500", true),
        (reply(&["502 Bad Gateway", "Content-Type: text/html"], html), "answered 502", true),
        (reply(&["429 Too Many Requests", "Retry-After: 30"], ""), "to be tried again after 30", false),
        (
            reply(&["400 Bad Request", json], r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"no\u0000 luck"}}"#),
            "no\\u{0} luck",
            false,
        ),
        (
            reply(&["401 Unauthorized", "WWW-Authenticate: Bearer realm=x"], ""),
            "--header Authorization=VARIABLE",
            false,
        ),
        (reply(&["403 Forbidden"], ""), "refuses this", false),
        (reply(&["302 Found", "Location: /other"], ""), "cannot be sent on to", false),
        (reply(&["304 Not Modified"], ""), "answered 304 Not Modified. What to do: check that the address", false),
        (
            reply(&["307 Temporary Redirect", "Location: https://evil.test/mcp"], ""),
            "to an address that they are not sent to: it leads to another host, port or scheme.",
            false,
        ),
        (reply(&["308 Permanent Redirect", "Location: //127.0.0.2:1/mcp"], ""), "leads to another host", false),
        (reply(&["307 Temporary Redirect", "Location: /mcp"], ""), "without an end", false),
        (reply(&["200 OK", "Content-Type: text/html"], html), "its content type is text/html", true),
        (reply(&["200 OK", json, gzip], "\u{1f}\u{8b}"), "in the encoding gzip", true),
        (reply(&["200 OK"], ""), "gave no answer", true),
        (reply(&["202 Accepted"], ""), "gave no answer", true),
        (reply(&["200 OK", json], ours), "no answer to this request", true),
        (reply(&["200 OK", json], "{"), "no answer to this request", true),
        (reply(&["200 OK", json], "[]"), "no answer to this request", true),
        (reply(&["200 OK", json], "\"a\nb\""), "no answer to this request", true),
        (reply(&["200 OK", json], &"x".repeat(5000)), "more than 4096 bytes", true),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{".to_vec(),
            "broke the connection",
            true,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{".to_vec(),
            "broke the connection",
            true,
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}".to_vec(), "broke the connection", true),
        (b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(), "broke the connection", true),
        ([&b"HTTP/1.1 200 OK\r\nX: "[..], &[b'x'; 200_000], b"\r\n\r\n"].concat(), "broke the connection", true),
        (Vec::new(), "broke the connection", true),
        (events(b""), "ended without the answer", true),
        (
            events(b"data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n"),
            "ended without the answer",
            true,
        ),
        (events(b"data: {\"a\":\"\ndata: \"}\n\n"), "ended without the answer", true),
        (events(&[b"data: ", &[b'x'; 5000][..], b"\n\n"].concat()), "ended without the answer", true),
        (
            events(b"event: other\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n"),
            "ended without the answer",
            true,
        ),
    ]
}

#[test]
fn whatever_a_server_answers_wrongly_the_call_gets_one_error_and_is_sent_once() {
    let rows = wrong_answers();
    let answers: Vec<_> = rows.iter().map(|(bytes, ..)| bytes.clone()).collect();
    let server = start_with_calls(move |request| {
        let row = request.message()["params"]["arguments"]["row"].as_u64().unwrap();
        answers[row as usize].clone()
    });
    let mut client = Launch::new(&server.url).arg("--max-message").arg("4KiB").start(ALLOW);
    client.initialize(json!({}));
    for (row, (_, expected, may_have_run)) in rows.iter().enumerate() {
        let answer = client.call("t", json!({"row": row}));
        let error = error_of(&answer);
        assert!(error.contains(expected), "row {row}: {error}");
        assert!(error.contains("http://localhost:") && error.contains("What to do: "), "row {row}: {error}");
        let is_open = error.contains("Whether it has done what was asked is not known.");
        assert_eq!(is_open, *may_have_run, "row {row}: {error}");
        assert_eq!(client.request("ping", json!({}))["result"], json!({}), "the session goes on after row {row}");
        let sent = |request: &&Received| request.message()["params"]["arguments"]["row"] == row;
        let times = server.received().iter().filter(sent).count();
        assert_eq!(times, if expected == &"without an end" { 4 } else { 1 }, "row {row}");
    }
    assert_eq!(client.finish().code(), Some(0));
}

#[test]
fn a_redirect_is_for_one_request_unless_it_is_for_good() {
    for (status, is_for_good) in [("307 Temporary Redirect", false), ("308 Permanent Redirect", true)] {
        let server = HttpServer::start(move |request, connection| {
            let bytes = match (request.target.as_str(), request.method.as_str()) {
                ("/mcp", _) => reply(&[status, "Location: /near"], ""),
                (_, "GET") => reply(&["405 Method Not Allowed"], ""),
                _ => greet(request).unwrap_or_else(|| json_reply(&text_result(request, "near"))),
            };
            write(connection, &bytes);
            Then::Keep
        });
        let mut client = connect(&server);
        for _ in 0..2 {
            assert_eq!(text_of(&client.call("t", json!({}))), "near");
        }
        server.expect("what the server says by itself", |request| {
            (&*request.method, &*request.target) == ("GET", "/near")
        });
        assert_eq!(client.finish().code(), Some(0), "{}", client.stderr());
        server.expect("the end of the session", |request| (&*request.method, &*request.target) == ("DELETE", "/near"));
        let received = server.received();
        let at_first = received.iter().filter(|request| request.target == "/mcp").count();
        let near = received.iter().filter(|request| request.target == "/near").count();
        assert_eq!(at_first, if is_for_good { 1 } else { near }, "{status}: {received:#?}");
    }
}

#[test]
fn a_key_that_is_not_accepted_is_not_asked_for_anew() {
    let server = HttpServer::start(|_, connection| {
        write(connection, &reply(&["401 Unauthorized", "WWW-Authenticate: Bearer error=\"invalid_token\""], ""));
        Then::Keep
    });
    for option in [["--bearer", "FAR_KEY"], ["--header", "authorization=FAR_KEY"]] {
        let launch = Launch::new(&server.url).arg(option[0]).arg(option[1]).env("FAR_KEY", "s3cret-of-the-test");
        let mut client = launch.start(ALLOW);
        let answer = client.request("initialize", json!({}));
        let error = error_of(&answer);
        let expected = "does not accept the key that it is sent in Authorization: it answered 401 (Unauthorized): invalid_token. What to \
                        do: check the value of the variable that `--header Authorization=` or `--bearer` names";
        assert!(error.contains(expected) && !error.contains("policylayer login"), "{error}");
    }
}

/// Of an answer that is cut anywhere, the client gets all or an error: once, whole, and the session goes on.
#[test]
fn an_answer_that_is_cut_at_any_byte_is_whole_or_an_error() {
    let answer_of = |request: &Received, kind: &str| {
        let result = text_result(request, "whole");
        match kind {
            "json" => json_reply(&result),
            _ => [EVENTS, &event(&result)].concat(),
        }
    };
    let server = start_with_calls(move |request| {
        let arguments = &request.message()["params"]["arguments"];
        let whole = answer_of(request, arguments["kind"].as_str().unwrap());
        let cut = arguments["cut"].as_u64().unwrap() as usize;
        whole[..cut.min(whole.len())].to_vec()
    });
    let mut client = connect(&server);
    for kind in ["json", "events"] {
        let mut whole_from = None;
        for cut in 0.. {
            let answer = client.call("t", json!({"kind": kind, "cut": cut}));
            match whole_from {
                None if answer["error"].is_object() => assert!(cut < 1000, "never whole: {answer}"),
                None => whole_from = Some(cut),
                Some(from) => {
                    assert_eq!(text_of(&answer), "whole", "{kind} of {cut} bytes");
                    if cut > from + 3 {
                        break;
                    }
                }
            }
        }
        // No byte but the last line end may be missing.
        assert!(whole_from.unwrap() > 100, "{kind} is whole from {whole_from:?} on");
    }
    assert!(client.unexpected().is_empty(), "{:?}", client.unexpected());
}

#[test]
fn a_stream_that_is_cut_is_resumed_where_it_was_and_nothing_is_lost_or_doubled() {
    let server = HttpServer::start(|request, connection| {
        let progress = |step: u64| json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": step}});
        let numbered = |id: &str, message: &Value| [format!("id: {id}\n").into_bytes(), event(message)].concat();
        match (request.method.as_str(), request.header("last-event-id")) {
            ("POST", _) if request.is("tools/call") => {
                // The answer is cut in the middle.
                let cut = b"id: 3\ndata: {\"jsonrpc\":\"2.0\",\"id\":".to_vec();
                let start = [EVENTS, b"retry: 10\nid: 0\ndata:\n\n", &numbered("1", &progress(1)), &cut].concat();
                write(connection, &start);
                return Then::Close;
            }
            ("GET", "1") => write(connection, &[EVENTS, b"retry: 10\n", &numbered("2", &progress(2))].concat()),
            ("GET", "2") => {
                let answer = json!({"jsonrpc": "2.0", "id": "resumed", "result": {"content": []}});
                write(connection, &[EVENTS, &numbered("3", &answer)].concat());
            }
            _ => {
                write(connection, &greet(request).unwrap());
                return Then::Keep;
            }
        }
        Then::Close
    });
    let mut client = connect(&server);
    client.send(&json!({"jsonrpc": "2.0", "id": "resumed", "method": "tools/call", "params": {"name": "t"}}));
    assert_eq!(client.expect_method("notifications/message")["params"]["data"], 1);
    assert_eq!(client.expect_method("notifications/message")["params"]["data"], 2);
    assert!(client.expect_response("resumed")["result"].is_object());
    assert_eq!(client.finish().code(), Some(0));
    assert!(client.unexpected().is_empty(), "{:?}", client.unexpected());
    let resumed = server.expect("the resumption", |request| request.header("last-event-id") == "1");
    assert_eq!((resumed.header("mcp-session-id"), resumed.header("accept")), ("s-1", "text/event-stream"));
}

#[test]
fn a_session_that_the_server_has_ended_is_begun_anew_and_the_client_is_told() {
    let sessions = AtomicUsize::new(0);
    let server = HttpServer::start(move |request, connection| {
        let bytes = match request.header("mcp-session-id") {
            "" if request.is("initialize") => {
                let number = sessions.fetch_add(1, Ordering::SeqCst);
                let bytes = String::from_utf8(greet(request).unwrap()).unwrap();
                bytes.replace("s-1", &format!("s-{number}")).into_bytes()
            }
            "s-0" if request.is("tools/call") => reply(&["404 Not Found"], "session not found"),
            "s-1" if request.is("tools/call") => json_reply(&text_result(request, "in the new session")),
            _ => greet(request).unwrap_or_else(|| reply(&["400 Bad Request"], "")),
        };
        write(connection, &bytes);
        Then::Keep
    });
    let mut client = connect(&server);
    assert_eq!(text_of(&client.call("t", json!({}))), "in the new session");
    client.expect_method("notifications/tools/list_changed");
    assert_eq!(client.finish().code(), Some(0));
    client.expect_stderr("a new one was begun");
    assert!(client.unexpected().is_empty(), "the new answer to `initialize` is ours: {:?}", client.unexpected());
    let received = server.received();
    let initialized: Vec<_> = received.iter().filter(|request| request.is("initialize")).collect();
    assert_eq!(initialized.len(), 2);
    assert_eq!(initialized[0].body, initialized[1].body, "the client's own bytes");
    assert!(initialized[1].header("mcp-session-id").is_empty());
    server.expect("the end of the new session", |request| {
        request.method == "DELETE" && request.header("mcp-session-id") == "s-1"
    });
}

#[test]
fn a_session_that_cannot_be_begun_anew_ends_with_the_reason() {
    let has_begun = AtomicUsize::new(0);
    let server = HttpServer::start(move |request, connection| {
        let bytes = match greet(request) {
            Some(bytes) if !request.is("initialize") || has_begun.fetch_add(1, Ordering::SeqCst) == 0 => bytes,
            _ => reply(&["404 Not Found"], ""),
        };
        write(connection, &bytes);
        Then::Keep
    });
    let mut client = connect(&server);
    let answer = client.call("t", json!({}));
    assert!(error_of(&answer).contains("has ended the session, and no new one could be begun"), "{answer}");
    assert_eq!(client.wait().code(), Some(1));
}

#[test]
fn what_the_server_says_by_itself_arrives_and_is_answered() {
    let server = HttpServer::start(|request, connection| {
        if request.method == "GET" {
            let roots = json!({"jsonrpc": "2.0", "id": 0, "method": "roots/list"});
            write(connection, &[EVENTS, b"id: 1\n", &event(&roots)].concat());
            // It is cut, and asked for again from there.
            return Then::Close;
        }
        write(connection, &greet(request).unwrap());
        Then::Keep
    });
    let mut client = Launch::new(&server.url).start(ALLOW);
    client.initialize(json!({"roots": {}}));
    client.expect_method("roots/list");
    client.raw(r#"{"jsonrpc":"2.0","id":0,"result":{"roots":[]}}"#);
    let answered = server.expect("the answer", |request| request.message()["result"]["roots"].is_array());
    assert_eq!(answered.body, br#"{"jsonrpc":"2.0","id":0,"result":{"roots":[]}}"#);
    server.expect("the stream again", |request| request.method == "GET" && request.header("last-event-id") == "1");
    assert_eq!(client.finish().code(), Some(0));
}

#[test]
fn a_server_of_revision_2024_11_05_is_recognized() {
    let (events, waiting) = std::sync::mpsc::channel::<Vec<u8>>();
    let waiting = Mutex::new(waiting);
    let events = Mutex::new(events);
    let server = HttpServer::start(move |request, connection| {
        match (request.method.as_str(), request.target.as_str()) {
            ("GET", "/mcp") => {
                write(connection, &[EVENTS, b"event: endpoint\ndata: /messages?session=7\n\n"].concat());
                while let Ok(bytes) = waiting.lock().unwrap().recv() {
                    write(connection, &bytes);
                }
                return Then::Close;
            }
            ("POST", "/messages?session=7") => {
                write(connection, &reply(&["202 Accepted"], "Accepted"));
                let answer = match request.message() {
                    message if message["method"] == "tools/call" => Some(text_result(request, "as of old")),
                    message if message["method"] == "initialize" => {
                        let result = json!({"protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": {}});
                        Some(json!({"jsonrpc": "2.0", "id": message["id"], "result": result}))
                    }
                    _ => None,
                };
                if let Some(answer) = answer {
                    events.lock().unwrap().send(event(&answer)).unwrap();
                }
            }
            _ => write(connection, &reply(&["405 Method Not Allowed"], "")),
        }
        Then::Keep
    });
    let mut client = connect(&server);
    assert_eq!(text_of(&client.call("t", json!({}))), "as of old");
    assert_eq!(client.finish().code(), Some(0));
}

#[test]
fn an_endpoint_on_another_origin_is_not_gone_to() {
    let server = HttpServer::start(|request, connection| {
        if request.method == "GET" {
            write(connection, &[EVENTS, b"event: endpoint\ndata: https://evil.test/messages\n\n"].concat());
            thread::sleep(std::time::Duration::from_millis(200));
            return Then::Close;
        }
        write(connection, &reply(&["405 Method Not Allowed"], ""));
        Then::Keep
    });
    let mut client = Launch::new(&server.url).start(ALLOW);
    let answer = client.request("initialize", json!({}));
    assert!(error_of(&answer).contains("leads to another host"), "{answer}");
}

#[test]
fn a_request_of_2026_07_28_has_its_headers_and_is_cancelled_by_the_end_of_its_stream() {
    let server = HttpServer::start(|request, connection| {
        let message = request.message();
        if message["params"]["name"] == "slow" {
            write(connection, EVENTS);
            // Until the other side closes the stream.
            let mut rest = [0];
            assert!(!matches!(std::io::Read::read(connection, &mut rest), Ok(1)));
            return Then::Close;
        }
        let result = json!({"resultType": "complete", "content": [{"type": "text", "text": "ok"}]});
        write(connection, &json_reply(&json!({"jsonrpc": "2.0", "id": message["id"], "result": result})));
        Then::Keep
    });
    let mut client = Launch::new(&server.url).start(ALLOW);
    let call = |id: u64, name: &str| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "_meta": request_meta()}});
    client.send(&call(1, "grüße"));
    assert_eq!(text_of(&client.expect_response(1)), "ok");
    client.send(&call(2, "slow"));
    server.expect("the slow call", |request| request.message()["params"]["name"] == "slow");
    client.send(
        &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2, "_meta": request_meta()}}),
    );
    client.send(&call(3, "fast"));
    assert_eq!(text_of(&client.expect_response(3)), "ok");
    assert_eq!(client.finish().code(), Some(0));
    assert!(client.unexpected().is_empty(), "{:?}", client.unexpected());
    let received = server.received();
    assert_eq!(received.len(), 3, "no notification, no stream, no session: {received:#?}");
    let head = |index: usize| {
        let request: &Received = &received[index];
        [request.header("mcp-protocol-version"), request.header("mcp-method"), request.header("mcp-name")]
    };
    assert_eq!(head(0), ["2026-07-28", "tools/call", "=?base64?Z3LDvMOfZQ==?="]);
    assert_eq!(head(2), ["2026-07-28", "tools/call", "fast"]);
}

#[test]
fn a_client_that_asks_first_hears_that_an_older_server_does_not_know_that() {
    let server = start_with_calls(|request| json_reply(&text_result(request, "called")));
    let strict = HttpServer::start(|request, connection| {
        let is_early = request.is("server/discover") || request.method == "GET";
        let json = "Content-Type: application/json";
        let early =
            r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: Server not initialized"},"id":null}"#;
        let bytes = if is_early { reply(&["400 Bad Request", json], early) } else { greet(request).unwrap() };
        write(connection, &bytes);
        Then::Keep
    });
    let mut client = Launch::new(&strict.url).start(ALLOW);
    let answer = client.request("server/discover", json!({"_meta": request_meta()}));
    assert_eq!(answer["error"]["code"], -32601, "{answer}");
    client.initialize(json!({}));
    assert_eq!(client.finish().code(), Some(0));
    drop(server);
}

#[test]
fn many_calls_run_at_once_and_leave_in_their_order() {
    const MANY: usize = 24;
    let all_here = Arc::new(Barrier::new(MANY));
    let server = start_with_calls(move |request| {
        all_here.wait();
        json_reply(&text_result(request, &request.message()["id"].to_string()))
    });
    let mut client = connect(&server);
    for id in 0..MANY {
        client.send(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "t"}}));
    }
    for id in 0..MANY {
        assert_eq!(text_of(&client.expect_response(id)), id.to_string());
    }
    let ids: Vec<_> =
        server.received().iter().filter(|one| one.is("tools/call")).map(|one| one.message()["id"].clone()).collect();
    assert_eq!(ids.len(), MANY);
    assert_eq!(client.finish().code(), Some(0));
}

#[test]
fn an_address_that_nobody_serves_is_an_error_for_each_request() {
    let dead = DeadPort::new();
    let port = dead.number();
    let mut client = Launch::new(format!("http://127.0.0.1:{port}/mcp?key=s3cret")).start(ALLOW);
    let answer = client.request("initialize", json!({}));
    let error = error_of(&answer);
    assert!(error.contains(&format!("http://127.0.0.1:{port}/mcp?… cannot be reached")), "{error}");
    assert!(!error.contains("s3cret") && !client.stderr().contains("s3cret"), "{error}\n{}", client.stderr());
    assert_eq!(client.finish().code(), Some(0));
}

#[test]
fn a_certificate_is_checked_against_what_the_system_trusts() {
    let server = HttpServer::start_secure(|request, connection| {
        write(connection, &greet(request).unwrap_or_else(|| json_reply(&text_result(request, "secure"))));
        Then::Keep
    });
    let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls/authority.pem");
    let mut client = Launch::new(&server.url).env("SSL_CERT_FILE", authority).start(ALLOW);
    client.initialize(json!({}));
    assert_eq!(text_of(&client.call("t", json!({}))), "secure");
    assert_eq!(client.finish().code(), Some(0));

    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls/localhost.pem");
    let mut client = Launch::new(&server.url).env("SSL_CERT_FILE", other).start(ALLOW);
    let answer = client.request("initialize", json!({}));
    assert!(error_of(&answer).contains("has a certificate that is not trusted"), "{answer}");
    // The end of the session before may come only now.
    let begun = server.received().iter().filter(|request| request.is("initialize")).count();
    assert_eq!(begun, 1, "nothing was sent");
}

#[test]
fn a_proxy_opens_the_connection_and_sees_nothing_but_where_to() {
    let server = HttpServer::start_secure(|request, connection| {
        write(connection, &greet(request).unwrap_or_else(|| json_reply(&text_result(request, "behind a proxy"))));
        Then::Keep
    });
    // `far.test` has no address: only the proxy can know it. Its certificate is for localhost, and so not taken.
    let port = server.url.rsplit(':').next().unwrap().trim_end_matches("/mcp").to_owned();
    let proxy = HttpServer::start(|_, connection| {
        write(connection, b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        Then::Close
    });
    let address = proxy.url.replace("http://", "http://user:p%40ss@").replace("/mcp", "");
    let mut client = Launch::new(format!("https://far.test:{port}/mcp")).env("HTTPS_PROXY", address).start(ALLOW);
    let answer = client.request("initialize", json!({}));
    assert!(error_of(&answer).contains("wants other credentials"), "{answer}");
    let asked = proxy.expect("the request to the proxy", |request| request.method == "CONNECT");
    assert_eq!(asked.target, format!("far.test:{port}"));
    assert_eq!(asked.header("proxy-authorization"), "Basic dXNlcjpwQHNz");
}

#[test]
fn what_is_wrong_with_the_command_line_is_said_to_the_person_and_the_client() {
    for (words, expected) in [
        (&["--url", "http://far.test/mcp"][..], "use https://"),
        (&["--url", "https://user:s3cret@far.test/mcp"], "a user or a password"),
        (&["--url", "far.test"], "does not begin with https://"),
        (
            &["--url", "https://far.test/", "--header", "Authorization=NOT_SET"],
            "A --header cannot be used: the environment variable that is named for Authorization is not set, or is empty. It holds all of \
             the header's value, such as `Bearer …`.\nwhat to do: set it in the `env` of the client's entry",
        ),
        (
            &["--url", "https://far.test/", "--bearer", "NOT_SET"],
            "--bearer cannot be used: the environment variable that it names is not set, or is empty. It holds the token alone, without \
             `Bearer`.\nwhat to do: set it in the `env` of the client's entry",
        ),
        (&["--url", "https://far.test/", "--bearer", "Bearer s3cret"], "never the token itself"),
        (&["--url", "https://far.test/", "--header", "Authorization=Bearer s3cret"], "never the value itself"),
        (&["--url", "https://far.test/", "--header", "Host=HOME"], "cannot be set"),
    ] {
        let home = Home::new();
        let ran = home.run(&[&["wrap"], words].concat());
        assert_eq!(ran.code, Some(2), "{words:?}: {}", ran.err);
        assert!(ran.err.contains(expected) && !ran.err.contains("s3cret"), "{words:?}: {}", ran.err);
    }
}

#[test]
fn inspect_reads_what_a_server_over_http_lists() {
    let server = HttpServer::start(|request, connection| {
        let bytes = greet(request).unwrap_or_else(|| {
            let tools = json!([{"name": "delete_everything", "inputSchema": {"type": "object"}}]);
            json_reply(&json!({"jsonrpc": "2.0", "id": request.message()["id"], "result": {"tools": tools}}))
        });
        write(connection, &bytes);
        Then::Keep
    });
    let home = Home::new();
    let ran = home.run(&["inspect", "--server", "far", "--", &server.url]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("delete_everything"), "{}", ran.out);
    server.expect("the end of the session", |request| request.method == "DELETE");
}

#[test]
fn an_entry_that_a_person_has_written_is_known_and_left_as_it_is() {
    let home = Home::new();
    let file = home.path().join(".cursor/mcp.json");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let args = json!([
        "wrap",
        "--header",
        "Authorization=FAR_KEY",
        "--url=https://mcp.far.test/mcp?key=s3cret",
        "--log-level",
        "warn"
    ]);
    let text = json!({"mcpServers": {"far": {"command": support::system::program(), "args": args, "env": {"FAR_KEY": "Bearer x"}}}}).to_string();
    std::fs::write(&file, &text).unwrap();
    let status = home.run(&["status", "--format", "json"]);
    assert!(status.out.contains("\"protected\"") && !status.out.contains("s3cret"), "{}", status.out);
    for words in
        [&["unregister", "far"][..], &["unregister", "--all", "--yes"], &["unregister", "far", "--client", "cursor"]]
    {
        let ran = home.run(words);
        assert_eq!(ran.code, Some(1), "{words:?}: {}{}", ran.out, ran.err);
        let said = (ran.out + &ran.err).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("`register` has not written"), "{words:?}: {said}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }
    let ran = home.run(&["register", "far"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "{}{}", ran.out, ran.err);
}

/// The everything server on a port of its own, until it is dropped.
struct Everything(Child, u16);

impl Everything {
    fn start(transport: &str) -> Option<Self> {
        let upstream = upstream()?;
        let start = Instant::now();
        let begin = || {
            let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut command = Command::new(&upstream.node);
            command.arg(upstream.everything()).arg(transport).env("PORT", port.to_string());
            Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap(), port)
        };
        loop {
            let mut server = begin();
            // It says on stderr that it listens; if somebody else has got the port meanwhile, it ends.
            let mut said = BufReader::new(server.0.stderr.take().unwrap());
            let mut line = String::new();
            while said.read_line(&mut line).unwrap() > 0 {
                if line.contains(&format!("ing on port {}", server.1)) {
                    thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
                    return Some(server);
                }
                line.clear();
            }
            assert!(start.elapsed() < PATIENCE, "the everything server does not listen");
        }
    }
}

impl Drop for Everything {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_everything_server_is_over_http_what_it_is_over_stdio() {
    let Some(upstream) = upstream() else { return };
    for (transport, path) in [("streamableHttp", "mcp"), ("sse", "sse")] {
        let Some(server) = Everything::start(transport) else { return };
        let mut direct = Launch::new(&upstream.node).arg(upstream.everything()).arg("stdio").start(Under::Nothing);
        direct.initialize(json!({}));
        let url = format!("http://localhost:{}/{path}", server.1);
        let mut client = Launch::new(&url).start(Under::Policy(r#"{"version":"1","default":"allow","hide":["echo"]}"#));
        client.initialize(json!({"roots": {"listChanged": true}}));
        let mut tools = direct.names("tools");
        tools.retain(|tool| tool != "echo");
        let (mut seen, is_known) = (client.names("tools"), |tool: &String| tools.contains(tool));
        // A client with roots is offered one tool more.
        seen.retain(is_known);
        assert_eq!(seen, tools, "{transport}");
        assert!(text_of(&client.call("echo", json!({"message": "x"}))).starts_with("[POLICY DENIED]"));
        let sum = json!({"a": 2, "b": 3});
        assert_eq!(text_of(&client.call("get-sum", sum.clone())), text_of(&direct.call("get-sum", sum)), "{transport}");
        let slow = json!({"name": "trigger-long-running-operation", "arguments": {"duration": 1, "steps": 2}, "_meta": {"progressToken": "p"}});
        client.send(&json!({"jsonrpc": "2.0", "id": "slow", "method": "tools/call", "params": slow}));
        client.expect_method("notifications/progress");
        assert!(client.expect_response("slow")["result"].is_object());
        assert_eq!(client.names("prompts"), direct.names("prompts"), "{transport}");
        assert_eq!(client.finish().code(), Some(0), "{transport}: {}", client.stderr());
    }
}
