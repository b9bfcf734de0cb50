//! What says who we are to a server over HTTP, when the server repeats it: neither the client nor the log gets to see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support;

use serde_json::{Value, json};
use support::client::{Client, Launch, Under};
use support::http_server::{
    Connection, EVENTS, HttpServer, Received, Then, event, greet, json_reply, reply, text_result,
};

const ALLOW: Under<'_> = Under::Policy(r#"{"version":"1","default":"allow"}"#);
const KEY: &str = "s3cret-key-of-ours";

fn connect(server: &HttpServer) -> Client {
    let launch =
        Launch::new(&server.url).arg("--header").arg("Authorization=FAR_KEY").arg("--header").arg("X-Team=TEAM");
    let mut client = launch.env("FAR_KEY", format!("Bearer {KEY}")).env("TEAM", "platform-team").start(ALLOW);
    client.initialize(json!({}));
    client
}

fn write(connection: &mut dyn Connection, bytes: &[u8]) {
    let _ = connection.write_all(bytes).and_then(|()| connection.flush());
}

/// Neither is it shown nor written anywhere.
fn assert_unseen(client: &Client, how: &str) {
    for said in [client.stderr(), client.transcript()] {
        assert!(!said.contains("s3cret") && !said.contains("u00733cret"), "{how}: {said}");
    }
    let mut dirs = vec![client.home().to_owned()];
    while let Some(dir) = dirs.pop() {
        for path in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                dirs.push(path);
            } else {
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                assert!(!text.contains("s3cret") && !text.contains("u00733cret"), "{how}: {}", path.display());
            }
        }
    }
}

fn note(text: &str) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": text}})
}

/// A bare text in a result, which a server writes as it likes.
fn written(request: &Received, text: &str) -> Vec<u8> {
    let id = &request.message()["id"];
    let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#);
    reply(&["200 OK", "Content-Type: application/json"], &body)
}

#[test]
fn an_answer_that_repeats_a_key_is_withheld_and_the_session_goes_on() {
    let server = HttpServer::start(|request, connection| {
        if let Some(bytes) = greet(request) {
            write(connection, &bytes);
            return Then::Keep;
        }
        let message = request.message();
        let failed =
            |said: &str| json!({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32000, "message": said}});
        let bytes = match message["params"]["name"].as_str().unwrap() {
            "plain" => json_reply(&text_result(request, &format!("sent: Bearer {KEY}"))),
            "escaped" => written(request, r"\u00733cret\u002dkey-of-\u006furs"),
            "nested" => written(request, r#"{\"Authorization\":\"Bearer \\u00733cret-key-of-ours\"}"#),
            "error" => json_reply(&failed(&format!("{KEY} is not known"))),
            "refusal" => {
                let body = failed(&format!("{KEY} is not known")).to_string();
                reply(&["400 Bad Request", "Content-Type: application/json"], &body)
            }
            "refusal twice" => {
                let body = failed(&format!("{KEY} is not known")).to_string().replace("s3cret", r"\\u00733cret");
                reply(&["400 Bad Request", "Content-Type: application/json"], &body)
            }
            "type" => reply(&["200 OK", &format!("Content-Type: text/{KEY}")], "{}"),
            "event" => [EVENTS, &event(&text_result(request, KEY))].concat(),
            // A part of a stream that is passed on is none of it.
            "notes" => [
                EVENTS,
                &event(&note("before")),
                &event(&note(KEY)),
                &event(&note("after")),
                &event(&text_result(request, "done")),
            ]
            .concat(),
            _ => json_reply(&text_result(request, "for the platform-team")),
        };
        write(connection, &bytes);
        Then::after(&bytes)
    });
    for (how, expected) in [
        ("plain", "answered with what it was sent to know who we are"),
        ("escaped", "its answer is withheld. Whether it has done what was asked is not known"),
        ("nested", "its answer is withheld"),
        ("error", "its answer is withheld"),
        ("event", "its answer is withheld"),
        ("refusal", "answered 400 Bad Request: … is not known"),
        ("refusal twice", "answered 400 Bad Request"),
        ("type", "its content type is text/…"),
    ] {
        let mut client = connect(&server);
        let answer = client.call(how, json!({}));
        assert_eq!(answer["error"]["code"], -31006, "{how}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(expected), "{how}: {answer}");
        let after = client.call("other", json!({}));
        assert_eq!(after["result"]["content"][0]["text"], "for the platform-team", "what is no key is left alone");
        client.finish();
        assert_unseen(&client, how);
    }
    let mut client = connect(&server);
    assert_eq!(client.call("notes", json!({}))["result"]["content"][0]["text"], "done");
    client.expect_stderr("a message of the server was dropped: it has what the server was sent to know who we are");
    client.finish();
    let notes: Vec<Value> = client.lines().iter().filter_map(|line| line.json()).collect();
    let notes: Vec<_> = notes.iter().filter_map(|note| note["params"]["data"].as_str()).collect();
    assert_eq!(notes, ["before", "after"]);
    assert_unseen(&client, "notes");
}
