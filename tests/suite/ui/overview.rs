//! The overview shows what `status` reports, and nothing that a server or a file writes becomes part of the page.

use std::fs;

use serde_json::json;

use super::Ui;
use crate::support::log::Home;
use crate::support::system::program;

pub(super) fn write_client(home: &Home, servers: &serde_json::Value) {
    let file = home.path().join(".cursor").join("mcp.json");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, json!({ "mcpServers": servers }).to_string()).unwrap();
}

#[test]
fn it_shows_each_server_with_its_state_and_its_tools() {
    let home = Home::new();
    write_client(
        &home,
        &json!({
            "iterable": { "command": program(), "args": ["wrap", "--server", "iterable", "--", "npx", "-y", "@iterable/mcp"] },
            "bare": { "command": program(), "args": ["--version"] },
        }),
    );
    let status = home.json(&["status", "--format", "json"]);
    let ui = Ui::start(&home);
    let page = ui.open().get("").body;
    let servers = status["clients"][0]["servers"].as_array().unwrap();
    for server in servers {
        let (name, state) = (server["name"].as_str().unwrap(), server["state"].as_str().unwrap());
        let row = page.split("<tr>").find(|row| row.contains(&format!(">{name}<"))).unwrap();
        assert!(row.contains(&format!(">{}</span>", state.replace('_', " "))), "{state} {row}");
    }
    let tools =
        servers.iter().find(|server| server["name"] == "iterable").map(|server| server["tools"].clone()).unwrap();
    let hidden = tools["by_class"]["destructive"]["hidden"].as_u64().unwrap();
    assert!(hidden > 0 && page.contains("<svg") && page.contains(&format!("{hidden} hidden")), "{tools} {page}");
}

#[test]
fn it_says_where_to_look_if_there_is_no_server() {
    let home = Home::new();
    let ui = Ui::start(&home);
    let page = ui.open().get("").body;
    assert!(
        page.contains("No MCP client on this machine has a server.") && page.contains("policylayer clients"),
        "{page}"
    );
}

#[test]
fn text_from_elsewhere_stays_text_and_is_seen() {
    let home = Home::new();
    write_client(
        &home,
        &json!({
            "<script>alert(1)</script>": { "command": "/nowhere/<img src=x onerror=alert(1)>" },
            "\"onmouseover=\"x\u{202e}gnp": { "command": program() },
        }),
    );
    let ui = Ui::start(&home);
    let page = ui.open().get("").body;
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("\\u{202e}"), "{page}");
    for tag in ["<script>", "<img", "\u{202e}", "onmouseover=\"x"] {
        assert!(!page.contains(tag), "{tag}");
    }
}
