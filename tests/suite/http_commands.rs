//! What `doctor`, `inspect`, `init` and `lock` say of servers over HTTP that answer, want a login, are none, or are gone: in a client's
//! own entry, and in one with a policy in front.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support;

use serde_json::json;
use support::http_server::{HttpServer, Then, greet, json_reply, reply};
use support::log::{Home, Ran};

/// A server at each of these paths, on one host.
fn start_servers() -> HttpServer {
    HttpServer::start(|request, connection| {
        let id = request.message()["id"].clone();
        let tools =
            json!([{"name": "read_issue", "description": "Reads an issue.", "inputSchema": {"type": "object"}}]);
        let bytes = match request.target.as_str() {
            "/guarded" => reply(&["401 Unauthorized", "WWW-Authenticate: Bearer"], ""),
            "/mcp" | "/tracker/mcp" => greet(request)
                .unwrap_or_else(|| json_reply(&json!({"jsonrpc": "2.0", "id": id, "result": {"tools": tools}}))),
            "/page" => reply(&["200 OK", "Content-Type: text/html"], "<html>"),
            "/other" => json_reply(&json!({"jsonrpc": "2.0", "id": id, "result": {"of": "something else"}})),
            _ => reply(&["404 Not Found"], ""),
        };
        let _ = connection.write_all(&bytes).and_then(|()| connection.flush());
        Then::Keep
    })
}

/// What a person reads, in one line.
fn said(ran: &Ran) -> String {
    (ran.out.clone() + &ran.err).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_a_server_over_http_wants_is_said_with_what_to_do() {
    let (server, home) = (start_servers(), Home::new());
    let base = server.url.strip_suffix("/mcp").unwrap().to_owned();
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://localhost:{}/mcp", listener.local_addr().unwrap().port())
    };
    let file = home.path().join(".cursor/mcp.json");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let at = |path: &str| json!({"url": format!("{base}{path}")});
    let servers = json!({
        "open": at("/mcp"), "tracker": at("/tracker/mcp"), "guarded": at("/guarded"), "page": at("/page"), "other": at("/other"),
        "nothing": at("/nothing"), "gone": {"url": gone},
        "keyed": {"url": format!("{base}/mcp"), "headers": {"Authorization": "Bearer ${env:FAR_KEY}"}},
    });
    std::fs::write(&file, json!({"mcpServers": servers}).to_string()).unwrap();
    let login = format!("what to do: log in with `policylayer login --url {base}/guarded` in a terminal");
    for is_wrapped in [false, true] {
        if is_wrapped {
            home.good(&["register", "--all", "--yes"]);
        }
        let named = format!(
            "what to do: log in with `policylayer login {}-guarded`",
            base.trim_start_matches("http://").replace(':', "-")
        );
        for (name, expected) in [
            (
                "guarded",
                &["wants a login: it answered 401 (Unauthorized)", if is_wrapped { &named } else { &login }][..],
            ),
            ("nothing", &["answered 404 Not Found", "what to do: check that the address is that of an MCP server"]),
            ("page", &["its content type is text/html", "what to do: check that the address is that of an MCP server"]),
            ("gone", &["cannot be reached", "what to do: check the address and the network"]),
            ("other", &["its answer to initialize is not valid"]),
        ] {
            let doctor = home.run(&["doctor", name]);
            assert_eq!(doctor.code, Some(1), "{name}: {}", said(&doctor));
            assert!(is_wrapped || !doctor.out.contains("stdio"), "{name}: {}", doctor.out);
            for words in expected {
                assert!(said(&doctor).contains(words), "{name}: {}", said(&doctor));
            }
            if name != "other" {
                assert!(
                    said(&doctor).contains("✘ server starts") && !said(&doctor).contains("-31006"),
                    "{}",
                    said(&doctor)
                );
            }
            for command in ["inspect", "init", "lock"] {
                let ran = home.run(&[command, name]);
                assert_eq!(ran.code, Some(1), "{command} {name}: {}", said(&ran));
                for words in expected {
                    let words = if *words == named { &login } else { *words };
                    assert!(said(&ran).contains(words), "{command} {name}: {}", said(&ran));
                }
                assert!(!said(&ran).contains("stdio"), "{command} {name}: {}", said(&ran));
            }
        }
        let doctor = home.run(&["doctor", "open"]);
        assert!(doctor.out.contains("answered by far 1, protocol 2025-11-25"), "{}", doctor.out);
        // The variable is the client's.
        let keyed = said(&home.run(&["inspect", "keyed"]));
        assert!(keyed.contains("what to do: set FAR_KEY in this terminal, and run this again"), "{keyed}");
    }
    // Servers on one host have a name each.
    let name = base.trim_start_matches("http://").replace(':', "-");
    for (key, name) in [("open", name.clone()), ("tracker", format!("{name}-tracker"))] {
        let locked = home.good(&["lock", key]);
        assert!(locked.contains(&format!("{name}: 1 tool.")), "{locked}");
    }
}
