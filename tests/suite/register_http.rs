//! `register` and `unregister` on entries of servers over HTTP: with an address, and with a bridge to one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::http_server::{HttpServer, Then, greet, json_reply, reply};
use crate::support::log::{Home, Ran};
use crate::support::system::{DASHES, native, program};

const CURSOR: &str = ".cursor/mcp.json";

fn write(home: &Home, file: &str, text: &str) -> PathBuf {
    let path = native(&home.path().join(file));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn done(ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.out, ran.err);
}

/// A client, its file, an entry of a server `far`, and what the entry becomes, with PROGRAM for the program's path as it is quoted.
struct Case {
    client: &'static str,
    file: &'static str,
    before: &'static str,
    after: &'static str,
}

/// One of each spelling.
const CASES: &[Case] = &[
    Case {
        client: "claude-code",
        file: ".claude.json",
        before: r#"{
  "numStartups": 3,
  "mcpServers": {
    "far": {
      "type": "http",
      "url": "https://mcp.x.test/mcp",
      "headers": {
        "Authorization": "Bearer ${FAR_TOKEN}",
        "X-Team": "swordfish"
      }
    }
  }
}
"#,
        after: r#"{
  "numStartups": 3,
  "mcpServers": {
    "far": {
      "type": "stdio",
      "command": PROGRAM,
      "args": [ "wrap", "--entry", "type=http,url,headers", "--url", "https://mcp.x.test/mcp", "--header", "Authorization=HEADER_AUTHORIZATION", "--header", "X-Team=HEADER_X_TEAM" ],
      "env": {
        "HEADER_AUTHORIZATION": "Bearer ${FAR_TOKEN}",
        "HEADER_X_TEAM": "swordfish"
      }
    }
  }
}
"#,
    },
    Case {
        client: "cursor",
        file: CURSOR,
        before: "{\"mcpServers\":{\"far\":{\"url\":\"https://mcp.x.test/mcp\",\"headers\":{\"X-Key\":\"swordfish\"}}}}",
        after: "{\"mcpServers\":{\"far\":{\"command\":PROGRAM,\"args\":[ \"wrap\", \"--entry\", \"url,headers\", \"--url\", \
                \"https://mcp.x.test/mcp\", \"--header\", \"X-Key=HEADER_X_KEY\" ],\"env\":{\"HEADER_X_KEY\":\"swordfish\"}}}}",
    },
    Case {
        client: "vscode",
        file: if cfg!(target_os = "macos") {
            "Library/Application Support/Code/User/mcp.json"
        } else {
            "config/Code/User/mcp.json"
        },
        before: "{\r\n\t\"inputs\": [{ \"type\": \"promptString\", \"id\": \"key\", \"description\": \"k\", \"password\": true }],\r\n\t\
                 \"servers\": {\r\n\t\t\"far\": { // mine\r\n\t\t\t\"type\": \"sse\",\r\n\t\t\t\"headers\": { \"Authorization\": \
                 \"${input:key}\" },\r\n\t\t\t\"url\": \"https://mcp.x.test/sse\", // its address\r\n\t\t},\r\n\t},\r\n}\r\n",
        after: "{\r\n\t\"inputs\": [{ \"type\": \"promptString\", \"id\": \"key\", \"description\": \"k\", \"password\": true }],\r\n\t\
                \"servers\": {\r\n\t\t\"far\": { // mine\r\n\t\t\t\"type\": \"stdio\",\r\n\t\t\t\"env\": { \"HEADER_AUTHORIZATION\": \
                \"${input:key}\" },\r\n\t\t\t\"command\": PROGRAM,\r\n\t\t\t\"args\": [ \"wrap\", \"--entry\", \"type=sse,url,headers\", \
                \"--url\", \"https://mcp.x.test/sse\", \"--header\", \"Authorization=HEADER_AUTHORIZATION\" ], // its \
                address\r\n\t\t},\r\n\t},\r\n}\r\n",
    },
    Case {
        client: "windsurf",
        file: ".codeium/windsurf/mcp_config.json",
        before: "{ \"mcpServers\": { \"far\": { \"serverUrl\": \"https:\\/\\/mcp.x.test/mcp\", \"disabled\": false } } }",
        after: "{ \"mcpServers\": { \"far\": { \"command\": PROGRAM, \"args\": [ \"wrap\", \"--entry\", \"serverUrl\", \"--url\", \
                \"https:\\/\\/mcp.x.test/mcp\" ], \"disabled\": false } } }",
    },
    Case {
        client: "gemini-cli",
        file: ".gemini/settings.json",
        before: "{\"mcpServers\": {\"far\": {\"httpUrl\": \"https://mcp.x.test/mcp\", \"timeout\": 3, \"headers\": {}}}}",
        after: "{\"mcpServers\": {\"far\": {\"command\": PROGRAM,\"args\": [ \"wrap\", \"--entry\", \"httpUrl,headers\", \"--url\", \
                \"https://mcp.x.test/mcp\" ], \"timeout\": 3, \"env\": {}}}}",
    },
    Case {
        client: "codex",
        file: ".codex/config.toml",
        before: "model = \"o5\"\n\n[mcp_servers.far]\nurl = 'https://mcp.x.test/mcp' # far away\nbearer_token_env_var = \
                 \"FAR_TOKEN\"\n\n[mcp_servers.far.http_headers]\nX-Team = \"swordfish\"\n\n[profiles.quick]\nmodel = \"o5-mini\"\n",
        after: "model = \"o5\"\n\n[mcp_servers.far]\ncommand = PROGRAM # far away\nargs = [ \"wrap\", \"--entry\", \
                \"url,http_headers,bearer_token_env_var\", \"--url\", 'https://mcp.x.test/mcp', \"--header\", \
                \"X-Team=HEADER_X_Team\", \"--bearer\", \"FAR_TOKEN\" ]\nenv_vars = \
                [\"FAR_TOKEN\"]\n\n[mcp_servers.far.env]\nHEADER_X_TEAM = \"swordfish\"\n\n[profiles.quick]\nmodel = \"o5-mini\"\n",
    },
    // As Codex' own documentation writes it.
    Case {
        client: "codex",
        file: ".codex/config.toml",
        before: "[mcp_servers.far]\nurl = \"https://mcp.x.test/mcp\"\nhttp_headers = { \"X-Figma-Region\" = \"us-east-1\", \
                 'X-Team' = 'swordfish', X-Key = \"swordfish\" }\n",
        after: "[mcp_servers.far]\ncommand = PROGRAM\nargs = [ \"wrap\", \"--entry\", \"url,http_headers\", \"--url\", \
                \"https://mcp.x.test/mcp\", \"--header\", \"X-Figma-Region=HEADER_X_FIGMA_REGION\", \"--header\", \
                \"X-Team=HEADER_X_Team\", \"--header\", \"X-Key=HEADER_X_KEY\" ]\nenv = { \"HEADER_X_FIGMA_REGION\" = \
                \"us-east-1\", 'HEADER_X_TEAM' = 'swordfish', HEADER_X_KEY = \"swordfish\" }\n",
    },
    Case {
        client: "codex",
        file: ".codex/config.toml",
        before: "[mcp_servers.\"far\"]\n\"url\" = \"https://mcp.x.test/mcp\"\n'bearer_token_env_var' = 'FAR_TOKEN'\n\n\
                 [mcp_servers.far.\"http_headers\"]\n\"X-Key\" = \"swordfish\"\n",
        after: "[mcp_servers.\"far\"]\n\"command\" = PROGRAM\nargs = [ \"wrap\", \"--entry\", \
                \"url,http_headers,bearer_token_env_var\", \"--url\", \"https://mcp.x.test/mcp\", \"--header\", \
                \"X-Key=HEADER_X_KEY\", \"--bearer\", \"FAR_TOKEN\" ]\n'env_vars' = ['FAR_TOKEN']\n\n\
                [mcp_servers.far.\"env\"]\n\"HEADER_X_KEY\" = \"swordfish\"\n",
    },
    Case {
        client: "opencode",
        file: "config/opencode/opencode.json",
        before: "{\n  \"mcp\": {\n    \"far\": {\n      \"type\": \"remote\",\n      \"url\": \"https://mcp.x.test/mcp\",\n      \
                 \"headers\": { \"X-Key\": \"swordfish\" },\n      \"enabled\": true\n    }\n  }\n}\n",
        after: "{\n  \"mcp\": {\n    \"far\": {\n      \"type\": \"local\",\n      \"command\": [PROGRAM, \"wrap\", \"--entry\", \
                \"type=remote,url,headers\", \"--url\", \"https://mcp.x.test/mcp\", \"--header\", \"X-Key=HEADER_X_KEY\"],\n      \
                \"environment\": { \"HEADER_X_KEY\": \"swordfish\" },\n      \"enabled\": true\n    }\n  }\n}\n",
    },
    Case {
        client: "zed",
        file: if cfg!(target_os = "macos") { ".config/zed/settings.json" } else { "config/zed/settings.json" },
        before: "// Zed\n{\n  \"context_servers\": {\n    \"far\": {\n      \"url\": \"https://mcp.x.test/mcp\"\n    },\n  },\n}\n",
        after: "// Zed\n{\n  \"context_servers\": {\n    \"far\": {\n      \"command\": PROGRAM,\n      \"args\": [ \"wrap\", \"--entry\", \
                \"url\", \"--url\", \"https://mcp.x.test/mcp\" ]\n    },\n  },\n}\n",
    },
    // The bridge stays where it is, so that it can come back.
    Case {
        client: "claude-desktop",
        file: if cfg!(target_os = "macos") {
            "Library/Application Support/Claude/claude_desktop_config.json"
        } else {
            "config/Claude/claude_desktop_config.json"
        },
        before: "{\n  \"mcpServers\": {\n    \"far\": {\n      \"command\": \"npx\",\n      \"args\": [\"-y\", \"mcp-remote\", \
                 \"https://mcp.x.test/mcp\", \"--header\", \"X-Key:${FAR_KEY}\"],\n      \"env\": { \"FAR_KEY\": \"swordfish\" }\n    \
                 }\n  }\n}\n",
        after: "{\n  \"mcpServers\": {\n    \"far\": {\n      \"command\": PROGRAM,\n      \"args\": [\"wrap\", \"--url\", \
                \"https://mcp.x.test/mcp\", \"--header\", \"X-Key=FAR_KEY\", \"--\", \"npx\", \"-y\", \"mcp-remote\", \
                \"https://mcp.x.test/mcp\", \"--header\", \"X-Key:${FAR_KEY}\"],\n      \"env\": { \"FAR_KEY\": \"swordfish\" }\n    \
                }\n  }\n}\n",
    },
];

#[test]
fn an_address_becomes_a_command_and_comes_back_byte_for_byte() {
    // On Windows, clients have other places; the texts are the same.
    if cfg!(windows) {
        return;
    }
    let quoted = Value::from(program()).to_string();
    for Case { client, file, before, after } in CASES {
        for all in [false, true] {
            let home = Home::new();
            let path = write(&home, file, before);
            let read = || fs::read_to_string(&path).unwrap();
            let register = if all { &["register", "--all", "--yes"][..] } else { &["register", "far"] };
            let ran = home.run(register);
            done(&ran);
            assert!(!ran.out.contains("swordfish") && !ran.err.contains("swordfish"), "{}{}", ran.out, ran.err);
            assert!(ran.out.contains("A login that was made for it so far is not used"), "{client}: {}", ran.out);
            // The name of a variable is in capitals.
            let after = after.replace("PROGRAM", &quoted).replace("HEADER_X_Team", "HEADER_X_TEAM");
            assert_eq!(read(), after, "{client}");
            let status = home.json(&["status", "--format", "json"]);
            let server = &status["clients"][0]["servers"][0];
            assert_eq!(
                (&server["state"], &server["server"]),
                (&json!("protected"), &json!("mcp.x-test")),
                "{client}: {server:#}"
            );
            // Nothing is left to do, and the one way and the other it is the same.
            done(&home.run(register));
            assert_eq!(read(), after, "{client}");
            let found = home.json(&["clients", "--format", "json"]);
            let command = &found["clients"][0]["servers"][0]["command"];
            assert!(command[0].as_str().unwrap().starts_with("https://mcp.x.test/"), "{client}: {command}");
            done(&home.run(&["register", "far", "--observe"]));
            assert!(read().contains("\"--observe\""), "{client}: {}", read());
            done(&home.run(&["register", "far", "--enforce"]));
            assert_eq!(read(), after, "{client}");
            let unregister = if all { &["unregister", "--all", "--yes"][..] } else { &["unregister", "far"] };
            done(&home.run(unregister));
            assert_eq!(read(), *before, "{client}");
            let left = fs::read_dir(path.parent().unwrap()).unwrap().count();
            assert_eq!(left, 1, "{client}: a backup that is equal goes");
        }
    }
}

#[test]
fn what_a_formatter_has_made_of_it_means_the_same_when_it_comes_back() {
    let entry = json!({ "mcpServers": { "far": {
        "url": "https://mcp.x.test/mcp", "headers": { "X-Key": "swordfish" }, "disabled": false,
    } } });
    let home = Home::new();
    let path = write(&home, CURSOR, &entry.to_string());
    done(&home.run(&["register", "far"]));
    for tidy in [serde_json::to_string_pretty, serde_json::to_string] {
        let now: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        fs::write(&path, tidy(&now).unwrap()).unwrap();
        done(&home.run(&["unregister", "far"]));
        let back: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(back, entry);
        done(&home.run(&["register", "far"]));
    }
}

#[test]
fn an_entry_that_cannot_be_carried_over_is_left_with_the_reason() {
    for (entry, why) in [
        (json!({ "url": "https://x.test/mcp", "oauth": { "clientId": "a" } }), "`oauth` says how the client logs in"),
        (json!({ "url": "https://x.test/mcp", "headersHelper": "/srv/headers.sh" }), "`headersHelper` says how"),
        (json!({ "url": "https://x.test/mcp", "authProviderType": "google" }), "`authProviderType` says how"),
        (json!({ "url": "https://x.test/mcp", "env_http_headers": {} }), "`env_http_headers` says how"),
        (json!({ "url": "https://x.test/mcp", "env": {} }), "`env` besides an address"),
        (json!({ "url": "https://x.test/mcp", "httpUrl": "https://x.test/mcp" }), "two addresses"),
        (json!({ "type": "http" }), "has no address"),
        (json!({ "type": "ws", "url": "wss://x.test" }), "over a WebSocket"),
        (json!({ "url": "WSS://x.test/mcp" }), "over a WebSocket"),
        (json!({ "url": "ftp://x.test/mcp" }), "does not begin with https://"),
        (json!({ "url": "http://x.test/mcp" }), "http:// to another machine"),
        (json!({ "url": "https://${HOST}/mcp" }), "has a variable"),
        (json!({ "url": "https://x.test/s/0123456789abcdef0123456789abcdef/mcp" }), "as if there were a key"),
        (json!({ "url": "https://x.test/mcp?key=swordfish" }), "as if there were a key"),
        (json!({ "url": "https://x.test/${KEY}/mcp" }), "has a variable"),
        (json!({ "url": "https://x.test/{env:TEAM}/mcp" }), "has a variable"),
        (
            json!({ "url": "https://x.test/mcp", "headers": { "authorization": "swordfish" }, "bearer_token_env_var": "T" }),
            "two values for Authorization",
        ),
        (json!({ "url": "https://x.test/mcp", "headers": { "Accept": "*/*" } }), "Accept cannot be carried over"),
        (json!({ "url": "https://x.test/mcp", "headers": { "X_Key": "swordfish" } }), "X_Key cannot be carried over"),
        (json!({ "url": "https://x.test/mcp", "headers": { "A": "swordfish", "a": "b" } }), "the same header twice"),
        (json!({ "url": "https://x.test/mcp", "headers": { "A": 1 } }), "header A is a number"),
        (json!({ "url": ["https://x.test/mcp"], "type": "http" }), "`url` is a list"),
    ] {
        let home = Home::new();
        let text = json!({ "mcpServers": { "far": entry, "near": { "command": "srv" } } }).to_string();
        let path = write(&home, CURSOR, &text);
        let ran = home.run(&["register", "far"]);
        assert_eq!(ran.code, Some(1), "{entry}: {}", ran.out);
        assert!(ran.err.contains(why) && !ran.err.contains("swordfish"), "{entry}: {}", ran.err);
        assert!(
            ran.err.contains("what to do: ") && ran.err.contains("policylayer register NAME"),
            "{entry}: {}",
            ran.err
        );
        let is_http = !why.contains("WebSocket");
        assert_eq!(ran.err.contains("over HTTP"), is_http, "{entry}: {}", ran.err);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        let status = home.run(&["status"]);
        let said = status.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(why) && said.contains("out of reach") && !said.contains("swordfish"), "{entry}: {said}");
        done(&home.run(&["register", "--all", "--yes"]));
        let now: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!((&now["mcpServers"]["far"], &now["mcpServers"]["near"]["command"]), (&entry, &json!(program())));
    }
}

/// What `register` does not take, `status` does not offer to it.
#[test]
fn an_entry_that_could_not_come_back_is_out_of_reach() {
    for entry in [
        r#"{"url": "https://x.test/mcp", "headers": {"X\u002dKey": "swordfish"}}"#,
        r#"{"u\u0072l": "https://x.test/mcp"}"#,
        r#"{"url": "https://x.test/mcp", "type": "ht\u0074p"}"#,
    ] {
        let home = Home::new();
        let text = format!("{{\"mcpServers\": {{\"far\": {entry}}}}}");
        let path = write(&home, CURSOR, &text);
        let status = home.run(&["status"]);
        let said = status.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("out of reach") && said.contains("is not written plainly"), "{entry}: {said}");
        let ran = home.run(&["register", "far"]);
        assert_eq!(ran.code, Some(1), "{entry}: {}", ran.out);
        assert!(ran.err.contains("write it without \\"), "{entry}: {}", ran.err);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_bridge_that_cannot_be_replaced_is_wrapped_as_any_command() {
    let home = Home::new();
    let args = json!(["mcp-remote", "https://x.test/mcp", "--header", "X-Key:swordfish"]);
    let text = json!({ "mcpServers": { "far": { "command": "npx", "args": args } } }).to_string();
    let path = write(&home, CURSOR, &text);
    let ran = home.run(&["register", "far"]);
    done(&ran);
    assert!(ran.out.contains("through mcp-remote as before, because a --header of it has its value"), "{}", ran.out);
    assert!(!ran.out.contains("swordfish"), "{}", ran.out);
    let now: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(now["mcpServers"]["far"]["args"][1], "--", "{now:#}");
    done(&home.run(&["unregister", "far"]));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn what_was_changed_since_is_said_where_it_keeps_the_address_from_coming_back() {
    let entry =
        json!({ "mcpServers": { "far": { "url": "https://x.test/mcp", "headers": { "X-Key": "swordfish" } } } });
    for (change, why) in [
        (json!({ "env": { "HEADER_X_KEY": "a", "OTHER": "b" } }), "`env` has OTHER"),
        (json!({ "env": {} }), "does not stand in its `env`"),
        (json!({ "env": null }), "stays as it is"),
    ] {
        let home = Home::new();
        let path = write(&home, CURSOR, &entry.to_string());
        done(&home.run(&["register", "far"]));
        let mut now: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        now["mcpServers"]["far"]["env"] = change["env"].clone();
        let text = now.to_string();
        fs::write(&path, &text).unwrap();
        let ran = home.run(&["unregister", "far"]);
        assert_eq!(ran.code, Some(1), "{}", ran.out);
        assert!(ran.err.contains(why), "{}", ran.err);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_server_over_http_is_added_by_its_address_and_taken_out() {
    let home = Home::new();
    let text = "{\n  \"mcpServers\": {}\n}\n";
    let path = write(&home, CURSOR, text);
    let url = "https://mcp.x.test/mcp";
    for (words, why) in [
        (&["http://x.test/"][..], "http:// to another machine"),
        (&["wss://x.test/"], "ask for the server's https:// address"),
        (&[url, "--header", "X-Key=a b"], "environment variable"),
        (&[url, "-H", "X-Key=KEY"], "only be --header"),
        (&[url, "--header", "Authorization=KEY", "--bearer", "T"], "Authorization is named twice"),
        (&[url, "--bearer", "a b"], "--bearer cannot be used: behind it there is the name of an environment variable"),
    ] {
        let ran = home.run(&[&["register", "--client", "cursor", "--"][..], words].concat());
        assert_eq!(ran.code, Some(1), "{}", ran.out);
        assert!(ran.err.contains(why), "{words:?}: {}", ran.err);
    }
    let ran = home.run(&[
        "register",
        "x",
        "--client",
        "cursor",
        DASHES.trim_matches('"'),
        url,
        "--header",
        "X-Key=KEY",
        "--bearer",
        "T",
    ]);
    done(&ran);
    let now: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let args = &now["mcpServers"]["x"]["args"];
    assert_eq!(*args, json!(["wrap", "--url", url, "--header", "X-Key=KEY", "--bearer", "T"]), "{now:#}");
    let ran = home.run(&["unregister", "x"]);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    assert!(ran.err.contains("`register` has not written"), "{}", ran.err);
    done(&home.run(&["unregister", "x", "--client", "cursor", "--remove"]));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn an_entry_with_an_address_is_looked_into_with_and_without_the_wrapper() {
    let server = HttpServer::start(|request, connection| {
        let bytes = match request.header("x-key") {
            "swordfish" => greet(request).unwrap_or_else(|| {
                json_reply(&json!({ "jsonrpc": "2.0", "id": request.message()["id"], "result": { "tools": [] } }))
            }),
            _ => reply(&["401 Unauthorized"], ""),
        };
        let _ = connection.write_all(&bytes);
        Then::Keep
    });
    let home = Home::new();
    // What has no value here is a matter of this terminal, or of the client, and no fault of the entry.
    for (value, why, remedy) in [
        (
            "Bearer ${FAR_KEY}",
            "because FAR_KEY is not set in this terminal",
            "set FAR_KEY in this terminal, and run this again",
        ),
        (
            "${env:FAR_KEY}",
            "because FAR_KEY is not set in this terminal",
            "set FAR_KEY in this terminal, and run this again",
        ),
        ("${input:key}", "knows it", "whether it reaches the server"),
    ] {
        let entry = json!({ "mcpServers": { "far": { "url": server.url, "headers": { "X-Key": value } } } });
        for command in ["doctor", "inspect", "lock", "init"] {
            write(&home, CURSOR, &entry.to_string());
            for wrapped in [false, true] {
                if wrapped {
                    done(&home.run(&["register", "far"]));
                }
                let ran = home.run(&[command, "far"]);
                let said = (ran.out + &ran.err).split_whitespace().collect::<Vec<_>>().join(" ");
                let expected = if command == "doctor" && wrapped { 0 } else { 1 };
                assert_eq!(ran.code, Some(expected), "{command}: {said}");
                for words in ["HEADER_X_KEY has no value here, ", why, remedy] {
                    assert!(said.contains(words), "{command}, {words}: {said}");
                }
                assert!(!said.contains("stdio") && !said.contains("✘ server starts"), "{command}: {said}");
            }
        }
    }
    let entry = json!({ "mcpServers": { "far": { "url": server.url, "headers": { "X-Key": "swordfish" } } } });
    write(&home, CURSOR, &entry.to_string());
    for wrapped in [false, true] {
        let inspected = home.run(&["inspect", "far"]);
        done(&inspected);
        let doctor = home.run(&["doctor", "far"]);
        let said = doctor.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(doctor.code, Some(i32::from(!wrapped)), "{said}");
        assert!(said.contains("protocol 2025-"), "{said}");
        assert_eq!(said.contains("reaches the server itself, so no policy is in front of it"), !wrapped, "{said}");
        assert!(!said.contains("swordfish") && !inspected.out.contains("swordfish"), "{said}");
        if !wrapped {
            done(&home.run(&["lock", "far"]));
            done(&home.run(&["register", "far"]));
        }
    }
    let doctor = home.run(&["doctor", "--", &server.url, "--header", "X-Key=FAR_KEY"]);
    assert!(doctor.out.contains("the environment variable that is named for X-Key is not set"), "{}", doctor.out);
    // Nobody has started this but a person in a terminal.
    for (command, option) in [("doctor", ["--header", "X-Key=FAR_KEY"]), ("inspect", ["--bearer", "FAR_KEY"])] {
        let ran = home.run(&[&[command, "--", &server.url][..], &option].concat());
        let said = (ran.out + &ran.err).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("what to do: set it in this terminal, and run this again"), "{command}: {said}");
        assert!(!said.contains("entry"), "{command}: {said}");
    }
}
