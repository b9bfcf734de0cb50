//! A client of 2026-07-28 hears of a reload from a real server that has no subscriptions: `mcp-server-git` on the Python SDK.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;

use serde_json::{Value, json};

use crate::support::python::git_server;
use crate::support::wrapped::{Wrapped, command, home};

fn send(session: &mut Wrapped, id: &Value, method: &str, mut params: Value) {
    params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {}});
    session.send(format!("{}\n", json!({"jsonrpc":"2.0","id":id,"method":method,"params":params})).as_bytes());
}

fn receive(session: &mut Wrapped) -> Value {
    serde_json::from_str(&session.line()).unwrap()
}

#[test]
fn a_reload_is_announced_for_a_server_without_subscriptions() {
    #[cfg(windows)]
    if crate::support::system::is_wine() {
        return crate::support::system::skip_part("there is no Python for Wine to install");
    }
    let Some(server) = git_server() else { return };
    let home = home();
    let policy = home.path().join("policy.json");
    fs::write(&policy, r#"{"version":"1","default":"allow"}"#).unwrap();
    let command = command(home.path(), &[], &[server.to_str().unwrap()]);
    let mut session = Wrapped::start(home, command);
    send(&mut session, &json!(0), "server/discover", json!({}));
    assert_eq!(receive(&mut session)["result"]["capabilities"]["tools"]["listChanged"], true);
    let list = |session: &mut Wrapped, id: u32| {
        send(session, &json!(id), "tools/list", json!({}));
        receive(session)["result"]["tools"].as_array().unwrap().len()
    };
    let all = list(&mut session, 1);
    send(&mut session, &json!("s"), "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let acknowledged = receive(&mut session);
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(acknowledged["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "s");
    assert_eq!(acknowledged["params"]["notifications"], json!({"toolsListChanged": true}));
    fs::write(&policy, r#"{"version":"1","default":"allow","hide":["git_commit"]}"#).unwrap();
    let changed = receive(&mut session);
    assert_eq!(changed["method"], "notifications/tools/list_changed");
    assert_eq!(changed["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "s");
    assert_eq!(list(&mut session, 2), all - 1);
    session.send(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\"s\"}}\n");
    session.close();
    assert_eq!(session.code(), 0);
}
