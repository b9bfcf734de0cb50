//! Servers that are elsewhere than in a client's own list: in extensions, plugins, agents, and in files of another shape. Each is
//! named with its true state, and what cannot be changed is left alone and said.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::log::Home;
use crate::support::system::{native, program};

/// The directory of Claude Desktop.
const DESKTOP: &str = if cfg!(target_os = "macos") { "Library/Application Support/Claude" } else { "config/Claude" };

fn write(home: &Home, file: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = native(&home.path().join(file));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn fixture(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/fixtures").join(name)).unwrap()
}

fn status(home: &Home) -> Value {
    home.json(&["status", "--format", "json"])
}

/// Every server of a client: its name, its state and why it is out of reach.
fn servers(status: &Value, client: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for file in status["clients"].as_array().unwrap().iter().filter(|file| file["client"] == client) {
        assert_eq!(file["error"], Value::Null, "{file:#}");
        for server in file["servers"].as_array().unwrap() {
            all.push(json!([server["name"], server["state"], server["out_of_reach"], server["disabled"]]));
        }
    }
    all.sort_by_key(ToString::to_string);
    all
}

fn server(status: &Value, name: &str) -> Value {
    let files = status["clients"].as_array().unwrap();
    let mut all = files.iter().flat_map(|file| file["servers"].as_array().unwrap());
    all.find(|server| server["name"] == name).unwrap_or_else(|| panic!("{name}: {status:#}")).clone()
}

#[test]
fn extensions_of_claude_desktop_are_named_and_left_alone() {
    let home = Home::new();
    let extension =
        |id: &str, text: &str| write(&home, &format!("{DESKTOP}/Claude Extensions/{id}/manifest.json"), text);
    let manifest = extension("ant.dir.iterable", &fixture("claude-desktop-extension.json"));
    let own =
        r#"{"name":"own","server":{"mcp_config":{"command":"${__dirname}/policylayer","args":["wrap","--","x"]}}}"#;
    extension("local.own", own);
    extension("local.off", r#"{"name":"off","server":{"mcp_config":{"command":"off-mcp","args":[]}}}"#);
    extension("local.runtime", r#"{"name":"runtime","server":{"type":"uv","entry_point":"src/server.py"}}"#);
    fs::create_dir_all(native(&home.path().join(format!("{DESKTOP}/Claude Extensions/empty")))).unwrap();
    write(&home, &format!("{DESKTOP}/Claude Extensions Settings/local.off.json"), r#"{"isEnabled":false}"#);
    let enabled = r#"{"isEnabled":true,"userConfig":{"api_key":"sesame"}}"#;
    write(&home, &format!("{DESKTOP}/Claude Extensions Settings/ant.dir.iterable.json"), enabled);
    let now = status(&home);
    assert_eq!(
        servers(&now, "claude-desktop"),
        [
            json!(["iterable", "out_of_reach", "extension", false]),
            json!(["off", "out_of_reach", "extension", true]),
            json!(["own", "out_of_reach", "extension", false]),
            json!(["runtime", "out_of_reach", "extension", false]),
        ]
    );
    let found = server(&now, "iterable");
    let root = manifest.parent().unwrap().to_str().unwrap().to_owned();
    assert!(found["reason"].as_str().unwrap().contains("the extension ant.dir.iterable brings it along"), "{found:#}");
    let remedy = found["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("switch the extension off in the settings of Claude Desktop, and put its command"));
    assert!(remedy.contains("register iterable --client claude-desktop --env ITERABLE_API_KEY "), "{remedy}");
    assert!(remedy.contains(&root) && remedy.contains("dist/index.js") && !remedy.contains("__dirname"), "{remedy}");
    assert!(remedy.contains("with your own values for what stands as ${…}"), "{remedy}");
    for args in [&["status"][..], &["clients"], &["register", "--all", "--dry-run"], &["doctor", "iterable"]] {
        let ran = home.run(args);
        let said = format!("{}{}", ran.out, ran.err).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("brings it along, and Claude Desktop replaces its files"), "{args:?}: {said}");
        assert!(said.contains("switch the extension off") && !said.contains("sesame"), "{args:?}: {said}");
        assert!(!said.contains("over HTTP, where"), "{args:?}: {said}");
    }
    assert_eq!(home.run(&["doctor", "iterable"]).code, Some(1));
    // What is off starts nothing.
    let doctor = home.run(&["doctor", "off"]);
    assert!(doctor.out.contains("it is switched off"), "{}{}", doctor.out, doctor.err);
    for args in [&["register", "iterable"][..], &["unregister", "iterable"], &["inspect", "iterable"]] {
        let ran = home.run(args);
        assert_ne!(ran.code, Some(0), "{args:?}: {}", ran.out);
    }
    assert_eq!(fs::read_to_string(&manifest).unwrap(), fixture("claude-desktop-extension.json"));
}

#[test]
fn what_is_registered_instead_of_an_extension_is_judged_for_itself() {
    let home = Home::new();
    let manifest = fixture("claude-desktop-extension.json");
    write(&home, &format!("{DESKTOP}/Claude Extensions/ant.dir.iterable/manifest.json"), &manifest);
    let settings = format!("{DESKTOP}/Claude Extensions Settings/ant.dir.iterable.json");
    write(&home, &settings, r#"{"isEnabled":true}"#);
    let command = program();
    // What it says of a lock is no matter here.
    assert_eq!(home.run(&["register", "iterable", "--client", "claude-desktop", "--", command]).code, Some(0));
    // Both are there, and the one that can be changed is.
    let ran = home.run(&["register", "iterable", "--client", "claude-desktop"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("the extension ant.dir.iterable brings it along"), "{}", ran.err);
    write(&home, &settings, r#"{"isEnabled":false}"#);
    let ran = home.run(&["register", "iterable", "--client", "claude-desktop"]);
    assert_eq!((ran.code, ran.err.contains("extension")), (Some(0), false), "{}{}", ran.out, ran.err);
    let states: Vec<_> = servers(&status(&home), "claude-desktop");
    assert_eq!(states[0], json!(["iterable", "out_of_reach", "extension", true]), "{states:?}");
    assert_eq!(states[1], json!(["iterable", "protected", null, false]), "{states:?}");
    home.good(&["unregister", "iterable", "--client", "claude-desktop"]);
}

#[test]
fn plugins_of_claude_code_are_found_where_they_are_installed() {
    let home = Home::new();
    let cache = |path: &str| format!(".claude/plugins/cache/market/{path}");
    let installed = |path: &str| native(&home.path().join(cache(path)));
    write(&home, &cache("shop/1.0.0/.mcp.json"), r#"{"mcpServers":{"outdated":{"command":"old-mcp"}}}"#);
    write(&home, &cache("shop/2.0.0/.mcp.json"), fixture("claude-code-plugin.json"));
    // Without a key above the servers.
    write(
        &home,
        &cache("flat/1/.mcp.json"),
        r#"{"flat":{"command":"flat-mcp"},"web":{"type":"http","url":"https://x.test"}}"#,
    );
    let inline = r#"{"name":"inline","mcpServers":{"inline":{"command":"policylayer","args":["wrap","--","x"]}}}"#;
    write(&home, &cache("inline/1/.claude-plugin/plugin.json"), inline);
    let named = r#"{"name":"named","mcpServers":["./servers.json","../../shop/1.0.0/.mcp.json"]}"#;
    write(&home, &cache("named/1/.claude-plugin/plugin.json"), named);
    write(&home, &cache("named/1/servers.json"), r#"{"mcpServers":{"named":{"command":"named-mcp"}}}"#);
    write(&home, &cache("there/1/.mcp.json"), r#"{"mcpServers":{"there":{"command":"there-mcp"}}}"#);
    let one = |path: &str| json!([{ "scope": "user", "installPath": installed(path), "version": "1" }]);
    let list = json!({ "version": 2, "plugins": {
        "shop@market": one("shop/2.0.0"),
        "flat@market": one("flat/1")[0],
        "inline@market": one("inline/1"),
        "named@market": one("named/1"),
        "gone@market": one("gone/1"),
        "there@market": [{ "scope": "local", "projectPath": "/srv/other", "installPath": installed("there/1") }],
    } });
    let index = write(&home, ".claude/plugins/installed_plugins.json", list.to_string());
    let settings = json!({ "enabledPlugins": { "shop@market": true, "flat@market": true, "named@market": false } });
    write(&home, ".claude/settings.json", settings.to_string());
    write(&home, ".claude/settings.local.json", r#"{"enabledPlugins":{"flat@market":false}}"#);
    let now = status(&home);
    assert_eq!(
        servers(&now, "claude-code"),
        [
            json!(["db", "out_of_reach", "plugin", false]),
            json!(["flat", "out_of_reach", "plugin", true]),
            json!(["inline", "out_of_reach", "plugin", false]),
            json!(["iterable", "out_of_reach", "plugin", false]),
            json!(["named", "out_of_reach", "plugin", true]),
            json!(["there", "out_of_reach", "plugin", false]),
            json!(["web", "out_of_reach", "plugin", true]),
        ]
    );
    let remedy = server(&now, "db")["remedy"].as_str().unwrap().to_owned();
    // A shell of Windows reads "@" as its own, so the name is quoted there.
    let unquoted = remedy.replace('"', "");
    assert!(unquoted.starts_with("`claude plugin disable shop@market`, and put its command"), "{remedy}");
    assert!(remedy.contains("register db --client claude-code") && !remedy.contains("CLAUDE_PLUGIN_ROOT"), "{remedy}");
    assert!(remedy.contains(installed("shop/2.0.0").to_str().unwrap()), "{remedy}");
    let files = now["clients"].as_array().unwrap();
    let there = files.iter().find(|file| file["servers"][0]["name"] == "there").unwrap();
    assert_eq!(there["folder"], "/srv/other");
    let plan = home.json(&["register", "--all", "--dry-run", "--format", "json"]);
    for server in plan["files"].as_array().unwrap().iter().flat_map(|file| file["servers"].as_array().unwrap()) {
        assert_eq!(server["action"], "out_of_reach", "{server:#}");
    }
    // A list that cannot be read is said.
    fs::write(index, "{\"plugins\": [").unwrap();
    let now = status(&home);
    assert!(now["clients"][0]["error"]["message"].as_str().unwrap().contains("line 1"), "{now:#}");
}

#[test]
fn opencode_goes_there_and_back_in_both_of_its_versions() {
    let home = Home::new();
    let before = fixture("opencode.json");
    let file = write(&home, "config/opencode/opencode.jsonc", &before);
    let project =
        write(&home, ".opencode/opencode.json", r#"{"mcp":{"here":{"type":"local","command":["here-mcp"]}}}"#);
    let now = status(&home);
    assert_eq!(
        servers(&now, "opencode"),
        [
            json!(["bare", "unprotected", null, false]),
            json!(["here", "unprotected", null, false]),
            json!(["iterable", "unprotected", null, false]),
            json!(["jira", "out_of_reach", "elsewhere", false]),
            json!(["lines", "unprotected", null, false]),
            json!(["remote", "unprotected", null, false]),
            json!(["two", "unprotected", null, true]),
        ]
    );
    home.good(&["register", "--all", "--yes"]);
    let text = fs::read_to_string(&file).unwrap();
    let program = program().replace('\\', "\\\\");
    assert!(text.contains(&format!("\"command\": [\"{program}\", \"wrap\", \"--\", \"npx\", \"-y\", ")), "{text}");
    assert!(text.contains("\"--\",\n        \"uvx\", // runs it\n"), "{text}");
    assert!(text.contains("\"wrap\", \"--\", \"npx\", \"two-mcp\"]"), "{text}");
    let words = |file: &Path| -> Vec<String> {
        let value: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        serde_json::from_value(value["mcp"]["here"]["command"].clone()).unwrap()
    };
    assert_eq!(words(&project)[1..], ["wrap", "--", "here-mcp"]);
    home.good(&["register", "here", "--client", "opencode", "--observe"]);
    assert_eq!(words(&project)[1..], ["wrap", "--observe", "--", "here-mcp"]);
    home.good(&["register", "here", "--client", "opencode", "--enforce"]);
    assert_eq!(words(&project)[1..], ["wrap", "--", "here-mcp"]);
    home.good(&["unregister", "--all", "--yes"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    // A new server stands where the file has the others.
    assert_eq!(home.run(&["register", "new", "--client", "opencode", "--", "new-mcp", "a"]).code, Some(0));
    assert!(
        fs::read_to_string(&file).unwrap().contains("\"new\": {\n        \"type\": \"local\",\n        \"command\": [")
    );
    home.good(&["unregister", "new", "--client", "opencode", "--remove"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
}

/// The variables are given under their own key, `{env:NAME}` is filled in, and what only OpenCode knows is said.
#[test]
fn opencodes_variables_are_filled_in_as_it_does() {
    let home = Home::new();
    let stub = program();
    let entry = json!({ "type": "local", "command": [stub, "wrap", "--server", "shop", "--", "{env:SHOP_PROGRAM}"],
        "environment": { "XDG_CONFIG_HOME": native(&home.path().join("other")), "KEY": "{file:~/key}" } });
    write(&home, "config/opencode/opencode.json", json!({ "mcp": { "shop": entry } }).to_string());
    let policies = "other/policylayer/policies/shop.toml";
    write(&home, policies, "version = \"1\"\ndefault = \"deny\"\n");
    let output = home.command(&["status", "--format", "json"]).env("SHOP_PROGRAM", program()).output().unwrap();
    let now: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = server(&now, "shop");
    assert_eq!(found["state"], "protected", "{found:#}");
    let policy = found["policy"].as_str().unwrap().replace('\\', "/");
    assert!(policy.ends_with(policies), "{found:#}");
}

#[test]
fn each_agent_of_amazon_q_is_looked_into() {
    let home = Home::new();
    let before = fixture("amazon-q-agent.json");
    let one = write(&home, ".aws/amazonq/cli-agents/marketing.json", &before);
    let two = write(&home, ".amazonq/cli-agents/local.json", &before);
    write(&home, ".aws/amazonq/cli-agents/notes.md", "no agent");
    write(&home, ".aws/amazonq/cli-agents/plain.json", r#"{"name":"plain"}"#);
    let found = json!(["iterable", "unprotected", null, false]);
    assert_eq!(servers(&status(&home), "amazon-q"), [found.clone(), found]);
    home.good(&["register", "--all", "--yes"]);
    for file in [&one, &two] {
        assert!(fs::read_to_string(file).unwrap().contains("\"wrap\", \"--\", \"npx\""));
    }
    home.good(&["unregister", "--all", "--yes"]);
    for file in [&one, &two] {
        assert_eq!(fs::read_to_string(file).unwrap(), before);
    }
}

#[test]
fn what_an_extension_of_zed_brings_is_out_of_reach_and_not_broken() {
    let home = Home::new();
    let file = if cfg!(target_os = "macos") { ".config/zed/settings.json" } else { "config/zed/settings.json" };
    let file = if cfg!(windows) { "config/Zed/settings.json" } else { file };
    write(&home, file, r#"{"context_servers":{"github":{"settings":{"token":"sesame"}}}}"#);
    write(&home, ".cursor/mcp.json", r#"{"mcpServers":{"odd":{"env":{}}}}"#);
    let now = status(&home);
    assert_eq!(servers(&now, "zed"), [json!(["github", "out_of_reach", "elsewhere", false])]);
    assert_eq!(servers(&now, "cursor"), [json!(["odd", "broken", null, false])]);
    let text = home.good(&["status"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("an extension of Zed brings its command") && !text.contains("sesame"), "{text}");
    let ran = home.run(&["register", "github", "--client", "zed"]);
    assert!(ran.err.contains("an extension of Zed brings it"), "{}", ran.err);
}
