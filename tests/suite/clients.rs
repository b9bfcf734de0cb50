//! Clients' files: where they are on each system, what is read of them, and that putting the wrapper before a server and
//! taking it out again gives back every byte.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use policylayer::clients::backup::Backups;
use policylayer::clients::document::{ClientDocument, ClientFormat};
use policylayer::clients::edit;
use policylayer::clients::entry::{ClientEntry, Launch, Transport, parse_wrapped, read_entries};
use policylayer::clients::file;
use policylayer::clients::place::{Os, find_files};
use policylayer::clients::table::{Access, ConfigScope, Layout, ROWS, Row, client_ids};
use policylayer::env::Env;
use proptest::prelude::*;

use crate::support::log;
use log::Home;

const PROGRAM: &str = "/opt/homebrew/bin/policylayer";

/// Every file, `id scope path`, with `/` on every system.
fn listed(os: Os, vars: &[(&str, &str)]) -> Vec<String> {
    // Without a drive no path is absolute on Windows.
    let drive = |path: &str| if cfg!(windows) && path.starts_with('/') { format!("C:{path}") } else { path.to_owned() };
    let env = Env::new(vars.iter().map(|(name, value)| (*name, drive(value))), "/srv/project");
    let line = |place: policylayer::clients::place::ClientFile| {
        format!("{} {} {}", place.row.id, place.row.scope.as_str(), place.file.to_str().unwrap().replace('\\', "/"))
    };
    find_files(os, &env).into_iter().map(line).collect()
}

fn has(all: &[String], expected: &str) {
    let plain = |line: &str| if cfg!(windows) { line.replace("C:/", "/") } else { line.to_owned() };
    assert!(all.iter().any(|line| plain(line) == plain(expected)), "{expected} is not in {all:#?}");
}

#[test]
fn each_client_has_the_ids_that_are_documented_and_a_fixture() {
    let expected = [
        "claude-desktop",
        "claude-code",
        "cursor",
        "vscode",
        "windsurf",
        "gemini-cli",
        "antigravity",
        "zed",
        "codex",
        "cline",
        "roo-code",
        "copilot-cli",
        "kiro",
        "amazon-q",
        "lm-studio",
        "opencode",
    ];
    assert_eq!(client_ids(), expected);
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/clients.md")).unwrap();
    for row in ROWS {
        assert!(docs.contains(&format!("`{}`", row.id)), "{}", row.id);
        for file in row.files.iter().filter(|file| !file.is_empty()) {
            let file = file.trim_start_matches("./");
            assert!(docs.contains(&format!("`{file}`")), "docs/clients.md does not name {file}");
        }
        fixture(fixture_name(row));
    }
}

#[test]
fn files_are_where_each_system_has_them() {
    let linux = listed(Os::Linux, &[("HOME", "/home/me")]);
    for line in [
        "claude-desktop user /home/me/.config/Claude/claude_desktop_config.json",
        "claude-code user /home/me/.claude.json",
        "claude-code folder /home/me/.claude.json",
        "claude-code project /srv/project/.mcp.json",
        "cursor user /home/me/.cursor/mcp.json",
        "cursor project /srv/project/.cursor/mcp.json",
        "vscode user /home/me/.config/Code/User/mcp.json",
        "vscode user /home/me/.config/Code - Insiders/User/mcp.json",
        "vscode project /srv/project/.vscode/mcp.json",
        "windsurf user /home/me/.codeium/windsurf/mcp_config.json",
        "gemini-cli user /home/me/.gemini/settings.json",
        "gemini-cli project /srv/project/.gemini/settings.json",
        "antigravity user /home/me/.gemini/antigravity/mcp_config.json",
        "zed user /home/me/.config/zed/settings.json",
        "codex user /home/me/.codex/config.toml",
        "cline user /home/me/.config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
        "roo-code user /home/me/.config/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
        "roo-code project /srv/project/.roo/mcp.json",
        "copilot-cli user /home/me/.copilot/mcp-config.json",
        "kiro user /home/me/.kiro/settings/mcp.json",
        "kiro project /srv/project/.kiro/settings/mcp.json",
        "amazon-q user /home/me/.aws/amazonq/mcp.json",
        "amazon-q user /home/me/.aws/amazonq/agents/default.json",
        "vscode user /home/me/.config/Code/User/settings.json",
        "vscode project /srv/project/.vscode/settings.json",
        "claude-code user /etc/claude-code/managed-mcp.json",
        "lm-studio user /home/me/.lmstudio/mcp.json",
        "claude-desktop user /home/me/.config/Claude/Claude Extensions/*/manifest.json",
        "claude-code user /home/me/.claude/plugins/installed_plugins.json",
        "amazon-q user /home/me/.aws/amazonq/cli-agents/*.json",
        "amazon-q project /srv/project/.amazonq/cli-agents/*.json",
        "opencode user /home/me/.config/opencode/opencode.json",
        "opencode user /home/me/.config/opencode/opencode.jsonc",
        "opencode user /etc/opencode/opencode.json",
        "opencode project /srv/project/opencode.jsonc",
        "opencode project /srv/project/.opencode/opencode.json",
    ] {
        has(&linux, line);
    }
    let mac = listed(Os::MacOs, &[("HOME", "/Users/me"), ("XDG_CONFIG_HOME", "/elsewhere")]);
    for line in [
        "claude-desktop user /Users/me/Library/Application Support/Claude/claude_desktop_config.json",
        "vscode user /Users/me/Library/Application Support/Code/User/mcp.json",
        "vscode user /Users/me/Library/Application Support/Code - Insiders/User/mcp.json",
        "zed user /Users/me/.config/zed/settings.json",
        "cursor user /Users/me/.cursor/mcp.json",
        "claude-code user /Library/Application Support/ClaudeCode/managed-mcp.json",
        "vscode user /Users/me/Library/Application Support/Code/User/settings.json",
        "claude-desktop user /Users/me/Library/Application Support/Claude/Claude Extensions/*/manifest.json",
        "opencode user /elsewhere/opencode/opencode.json",
        "opencode user /Library/Application Support/opencode/opencode.json",
    ] {
        has(&mac, line);
    }
    let windows = [("HOME", "/C/Users/me"), ("APPDATA", r"C:\Users\me\AppData\Roaming"), ("LOCALAPPDATA", r"C:\Local")];
    let windows = listed(Os::Windows, &windows);
    for line in [
        "claude-desktop user C:/Users/me/AppData/Roaming/Claude/claude_desktop_config.json",
        "claude-desktop user C:/Local/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json",
        "vscode user C:/Users/me/AppData/Roaming/Code/User/mcp.json",
        "vscode user C:/Users/me/AppData/Roaming/Code - Insiders/User/mcp.json",
        "zed user C:/Users/me/AppData/Roaming/Zed/settings.json",
        "windsurf user /C/Users/me/.codeium/windsurf/mcp_config.json",
        "claude-code user C:/Program Files/ClaudeCode/managed-mcp.json",
        "claude-desktop user C:/Users/me/AppData/Roaming/Claude/Claude Extensions/*/manifest.json",
        "claude-desktop user C:/Local/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/Claude Extensions/*/manifest.json",
        "opencode user /C/Users/me/.config/opencode/opencode.json",
        "opencode user C:/ProgramData/opencode/opencode.json",
        "cline user C:/Users/me/AppData/Roaming/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
    ] {
        has(&windows, line);
    }
    assert!(linux.iter().all(|line| !line.contains("Packages")), "{linux:#?}");
}

/// What is absolute on the system that the test runs on.
const APPDATA: &str = if cfg!(windows) { "C:/A" } else { "/A" };

/// The files of Claude Desktop on Windows, as `package file`, where these directories are below %LOCALAPPDATA%.
fn packages(folders: &[&str]) -> Vec<String> {
    let local = tempfile::tempdir().unwrap();
    for folder in folders {
        fs::create_dir_all(local.path().join(folder)).unwrap();
    }
    let vars = [("HOME", "/C/Users/me"), ("APPDATA", APPDATA), ("LOCALAPPDATA", local.path().to_str().unwrap())];
    let all = find_files(Os::Windows, &Env::new(vars, "/srv/project"));
    let of_claude =
        all.into_iter().filter(|place| place.row.id == "claude-desktop" && place.row.layout == Layout::Named);
    let line = |place: policylayer::clients::place::ClientFile| {
        let file = place.file.strip_prefix(local.path()).unwrap_or(&place.file).to_str().unwrap().replace('\\', "/");
        format!("{} {file} {:?}", place.package.unwrap_or_else(|| "-".to_owned()), place.presence)
    };
    of_claude.map(line).collect()
}

#[test]
fn every_package_of_claude_desktop_is_looked_into() {
    let inner = "LocalCache/Roaming/Claude";
    let file = |package: &str, presence: &str| {
        format!("{package} Packages/{package}/{inner}/claude_desktop_config.json {presence}")
    };
    let classic = format!("- {APPDATA}/Claude/claude_desktop_config.json Nothing");
    // The known one is told of where there is none.
    assert_eq!(packages(&[]), [file("Claude_pzs8sxrjxfjjc", "Nothing"), classic.clone()]);
    // Signed by somebody else, and not started yet.
    assert_eq!(
        packages(&["Packages/Claude_8wekyb3d8bbwe"]),
        [file("Claude_8wekyb3d8bbwe", "Nothing"), classic.clone()]
    );
    // The known one comes first; others of a longer name are no packages of Claude Desktop.
    let folders = [
        "Packages/claude_0abc",
        "Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude",
        "Packages/ClaudeHelper_x",
        "Packages/Claude_",
        "Packages/Other.Claude_x",
    ];
    assert_eq!(
        packages(&folders),
        [file("Claude_pzs8sxrjxfjjc", "Directory"), file("claude_0abc", "Nothing"), classic]
    );
}

#[cfg(windows)]
#[test]
fn a_new_server_goes_to_the_package_and_not_to_what_an_earlier_installation_left() {
    let home = Home::new();
    let (local, roaming) = (home.path().join("Local"), home.path().join("Roaming"));
    let inside = local.join("Packages").join("Claude_0abc").join("LocalCache").join("Roaming").join("Claude");
    fs::create_dir_all(&inside).unwrap();
    fs::create_dir_all(roaming.join("Claude")).unwrap();
    let classic = roaming.join("Claude").join("claude_desktop_config.json");
    fs::write(&classic, "{\"mcpServers\":{}}").unwrap();
    let run = |args: &[&str]| {
        let output = home.command(args).env("LOCALAPPDATA", &local).env("APPDATA", &roaming).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}\n{text}");
        text
    };
    run(&["register", "shop", "--client", "claude-desktop", "--", "node", "shop.js"]);
    assert_eq!(fs::read_to_string(&classic).unwrap(), "{\"mcpServers\":{}}");
    let written = fs::read_to_string(inside.join("claude_desktop_config.json")).unwrap();
    assert!(written.contains("\"shop\"") && written.contains("\"wrap\""), "{written}");
    // Both are told apart.
    let text = run(&["clients"]);
    assert!(
        text.contains("(claude-desktop), user, package Claude_0abc") && text.contains("(claude-desktop), user\n"),
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_str(&run(&["clients", "--format", "json"])).unwrap();
    let packages: Vec<_> = json["clients"].as_array().unwrap().iter().map(|client| client["package"].clone()).collect();
    assert_eq!(packages, ["Claude_0abc".into(), serde_json::Value::Null]);
}

#[test]
fn variables_move_them() {
    let vars = [("HOME", "/home/me"), ("CODEX_HOME", "/c"), ("CLAUDE_CONFIG_DIR", "/d"), ("XDG_CONFIG_HOME", "/x")];
    let all = listed(Os::Linux, &vars);
    has(&all, "codex user /c/config.toml");
    has(&all, "claude-code user /d/.claude.json");
    has(&all, "vscode user /x/Code/User/mcp.json");
    has(&all, "claude-code user /d/plugins/installed_plugins.json");
    let nobody = listed(Os::Linux, &[]);
    let is_of_nobody = |line: &String| line.contains(" project ") || line.contains(" /etc/");
    assert!(nobody.iter().all(is_of_nobody), "{nobody:#?}");
}

/// Some files of a client are unlike its others.
fn fixture_name(row: &Row) -> &'static str {
    match (row.layout, row.name) {
        (Layout::Extension, _) => "claude-desktop-extension",
        (Layout::Plugin, _) => "claude-code-plugin",
        (_, "VS Code settings") => "vscode-settings",
        (_, "Amazon Q agent") => "amazon-q-agent",
        _ => row.id,
    }
}

fn fixture(id: &str) -> (PathBuf, Vec<u8>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/fixtures");
    let file =
        ["json", "toml"].map(|ending| folder.join(format!("{id}.{ending}"))).into_iter().find(|file| file.exists());
    let file = file.unwrap_or_else(|| panic!("{id} has no fixture in tests/clients/fixtures"));
    let bytes = fs::read(&file).unwrap();
    (file, bytes)
}

/// The servers of a file, in the section of a fixture.
fn servers(document: &ClientDocument, keys: &[&str]) -> Vec<ClientEntry> {
    let keys: Vec<&str> = keys.iter().map(|key| if *key == "*" { "/home/me/shop" } else { key }).collect();
    read_entries(document, &keys).unwrap()
}

fn launch<'e>(all: &'e [ClientEntry], name: &str) -> &'e Launch {
    match &all.iter().find(|entry| entry.name == name).unwrap().transport {
        Transport::Stdio(launch) => launch,
        other => panic!("{name} is {other:?}"),
    }
}

/// Wraps a server and unwraps it; gives the file between.
fn round_trip(bytes: &[u8], format: ClientFormat, keys: &[&str], name: &str, options: &[&str]) -> String {
    let shown = String::from_utf8_lossy(bytes).into_owned();
    let document = ClientDocument::parse(bytes, format).unwrap_or_else(|error| panic!("{error}\n{shown}"));
    let all = servers(&document, keys);
    let old = launch(&all, name);
    let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
    let registered = document.apply_edits(edit::wrap_edits(&document, old, PROGRAM, &options));
    let text = String::from_utf8(registered.clone()).unwrap();
    let again = ClientDocument::parse(&registered, format).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let after = servers(&again, keys);
    let new = launch(&after, name);
    let words = new.words();
    let found = parse_wrapped(&words, None).unwrap_or_else(|| panic!("not wrapped:\n{text}"));
    assert_eq!((words[0], words[1]), (PROGRAM, "wrap"), "{text}");
    assert_eq!(words[found.before..], old.words(), "{text}");
    assert!(parse_wrapped(&old.words(), None).is_none());
    // The other servers are as they were.
    for (before, after) in all.iter().zip(&after).filter(|(before, _)| before.name != name) {
        assert_eq!(before.name, after.name);
        if let (Transport::Stdio(before), Transport::Stdio(after)) = (&before.transport, &after.transport) {
            assert_eq!(before.words(), after.words());
        }
    }
    let back = again.apply_edits(edit::unwrap_edits(&again, new, &found));
    assert_eq!(String::from_utf8(back).unwrap(), shown, "registered:\n{text}");
    text
}

#[test]
fn every_fixture_comes_back_as_it_was() {
    let mut seen = 0;
    // What is written in a manifest is never changed.
    for row in ROWS.iter().filter(|row| row.layout != Layout::Extension) {
        let (file, bytes) = fixture(fixture_name(row));
        let document = ClientDocument::parse(&bytes, row.format).unwrap();
        let all = servers(&document, row.keys);
        assert!(all.iter().any(|entry| entry.name == "iterable"), "{}", file.display());
        for entry in &all {
            if matches!(entry.transport, Transport::Stdio(_)) {
                round_trip(&bytes, row.format, row.keys, &entry.name, &[]);
                round_trip(&bytes, row.format, row.keys, &entry.name, &["--server", "a name", "--policy=/x y/z.toml"]);
                seen += 1;
            }
        }
    }
    assert!(seen > ROWS.len(), "{seen}");
}

/// JSON files with a server `s`, in every manner of writing.
const SHAPES: [&str; 22] = [
    r#"{"mcpServers":{"s":{"command":"npx","args":["-y","x"]}}}"#,
    r#"{"mcpServers":{"s":{"command":"npx","args":[]}}}"#,
    r#"{"mcpServers":{"s":{"command":"npx"}}}"#,
    r#"{"mcpServers":{"s":{"command":"npx","env":{}}}}"#,
    r#"{"mcpServers":{"s":{"args":["a"],"command":"npx"}}}"#,
    r#"{"mcpServers":{"s":{"args":[],"command":"npx"}}}"#,
    r#"{"mcpServers":{"s":{ "args" : [ ] , "command" : "npx" }}}"#,
    r#"{"mcpServers":{"s":{ "command" : "npx" , "args" : [ "a" ,"b",  "c" ] }}}"#,
    r#"{"mcpServers":{"s":{"command":"npx","args":[  ]}}}"#,
    r#"{"mcpServers":{"s":{"command":"npx","args":[ "a" ]}}}"#,
    r#"{"mcpServers":{"s":{"command":"npx -y @iterable/mcp"}}}"#,
    r#"{"mcpServers":{"s":{"command":"n\u0070x \"q\" \\ \/","args":["\u0061","é🙂"]}}}"#,
    "{\n  \"mcpServers\": {\n    \"s\": {\n      \"command\": \"npx\"\n    }\n  }\n}\n",
    "{\n  \"mcpServers\": {\n    \"s\": {\n      \"command\": \"npx\", // why\n    }\n  }\n}",
    "{\r\n\t\"mcpServers\": {\r\n\t\t\"s\": {\r\n\t\t\t\"command\": \"npx\",\r\n\t\t\t\"args\": [\r\n\t\t\t\t\"-y\"\r\n\t\t\t]\r\n\t\t}\r\n\t}\r\n}\r\n",
    "{\r\n  \"mcpServers\": {\r\n    \"s\": {\r\n      \"command\": \"npx\"\r\n    }\r\n  }\r\n}",
    "\u{feff}{\n \"mcpServers\": { \"s\": { \"command\": \"npx\", \"args\": [\"a\"] } }\n}\n",
    "{\"mcpServers\":{\"s\":{\"command\":\"npx\",\"args\":[ // one\n \"a\", /* two */ \"b\", // three\n ] }}}",
    "{\"mcpServers\":{\"s\":{\"command\":\"npx\",\"args\":[ /* none */ ]}}}",
    "{\"mcpServers\":{\"s\":{\"command\":\"npx\",\"args\":[ // none\n]}}}",
    "{\"mcpServers\":{\"s\":{\"command\":\n\n  \"npx\"\n,\n\"args\"\n:\n[\n\n\n  \"a\",\n\n \"b\"\n]}}}",
    "{\"mcpServers\":{\"s\":{\"command\":{\"path\":\"node\",\"env\":{}},\"settings\":{}}}} // end",
];

#[test]
fn every_manner_of_writing_comes_back_as_it_was() {
    for shape in SHAPES {
        round_trip(shape.as_bytes(), ClientFormat::Jsonc, &["mcpServers"], "s", &[]);
        round_trip(shape.as_bytes(), ClientFormat::Jsonc, &["mcpServers"], "s", &["--server", "s"]);
    }
    for shape in [
        "[mcp_servers.s]\ncommand = \"npx\"\n",
        "[mcp_servers.s]\ncommand = \"npx\"",
        "[mcp_servers.s]\r\ncommand = 'npx' # why\r\n[other]\r\n",
        "[mcp_servers.s]\r\ncommand = 'npx'",
        "mcp_servers.s.command = \"npx\"\nmcp_servers.s.env.A = \"b\"\n",
        "[mcp_servers]\ns.command = \"npx\" # dotted\ns.enabled = true\n",
        "[mcp_servers]\n  s = { command = \"npx\" }\n",
        "[mcp_servers]\ns = {command=\"npx\",args=[],env={A=\"b\"}}\n",
        "mcp_servers = { s = { command = \"npx\", args = [\"a\"] } }\n",
        "[mcp_servers.s]\nargs = [ ]\ncommand = \"npx\"\n",
        "[mcp_servers.s]\nargs = [\n  'C:\\x', # a path\n  \"b\"\n]\n\"command\" = \"\"\"npx\"\"\"\n",
        "\u{feff}# mark\n[mcp_servers.s]\n\tcommand = \"npx\"\n\tcwd = \"/x\"\n",
    ] {
        round_trip(shape.as_bytes(), ClientFormat::Toml, &["mcp_servers"], "s", &[]);
    }
}

#[test]
fn what_is_put_in_looks_like_what_is_there() {
    let text = round_trip(&fixture("claude-desktop").1, ClientFormat::Json, &["mcpServers"], "iterable", &[]);
    assert!(
        text.contains(
            "      \"command\": \"/opt/homebrew/bin/policylayer\",\n      \"args\": [\n        \"wrap\",\n        \"--\",\n        \"npx\",\n        \"-y\","
        ),
        "{text}"
    );
    let text = round_trip(SHAPES[0].as_bytes(), ClientFormat::Json, &["mcpServers"], "s", &[]);
    assert!(text.contains(r#""args":["wrap","--","npx","-y","x"]"#), "{text}");
    let text = round_trip(&fixture("codex").1, ClientFormat::Toml, &["mcp_servers"], "bare", &[]);
    let expected =
        "command = \"/opt/homebrew/bin/policylayer\" # no arguments\nargs = [ \"wrap\", \"--\", \"bare-mcp\" ]\n";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_wrapper_that_a_formatter_or_a_person_wrote_comes_out_too() {
    for (text, expected) in [
        (
            r#"{"mcpServers":{"s":{"command":"policylayer","args":["wrap","--","srv"]}}}"#,
            r#"{"mcpServers":{"s":{"command":"srv","args":[]}}}"#,
        ),
        (
            r#"{"mcpServers":{"s":{"command":"policylayer","args":["wrap","--","srv" , /* x */ ]}}}"#,
            r#"{"mcpServers":{"s":{"command":"srv","args":[  /* x */ ]}}}"#,
        ),
        (
            r#"{"mcpServers":{"s":{"command":"npx","args":["-y","policylayer@1","wrap","--server","x","--","srv","a"]}}}"#,
            r#"{"mcpServers":{"s":{"command":"srv","args":["a"]}}}"#,
        ),
        (
            r#"{"mcpServers":{"s":{"command":"C:\\x\\PolicyLayer.exe","args":["wrap","--observe","srv","wrap"]}}}"#,
            r#"{"mcpServers":{"s":{"command":"srv","args":["wrap"]}}}"#,
        ),
    ] {
        let document = ClientDocument::parse(text.as_bytes(), ClientFormat::Jsonc).unwrap();
        let all = read_entries(&document, &["mcpServers"]).unwrap();
        let launch = launch(&all, "s");
        let found = parse_wrapped(&launch.words(), None).unwrap();
        let back = String::from_utf8(document.apply_edits(edit::unwrap_edits(&document, launch, &found))).unwrap();
        assert_eq!(back, expected);
    }
}

#[test]
fn only_what_starts_our_wrap_is_wrapped() {
    for words in [
        &["policylayer", "wrap", "--", "x"][..],
        &["/a/b/policylayer", "wrap", "--server=s", "x"],
        &[r"C:\p\policylayer.exe", "wrap", "--policy", "p", "--", "x"],
        &["cmd", "/c", "npx", "-y", "policylayer", "wrap", "--", "x"],
        &["/odd/name", "wrap", "--", "x"],
    ] {
        assert!(parse_wrapped(words, Some("/odd/name")).is_some(), "{words:?}");
    }
    for words in [
        &["policylayer"][..],
        &["policylayer", "log", "wrap", "--", "x"],
        &["npx", "-y", "other", "policylayer", "wrap", "--", "x"],
        &["not-policylayer", "wrap", "--", "x"],
        &["npx"],
    ] {
        assert!(parse_wrapped(words, None).is_none(), "{words:?}");
    }
    let found =
        parse_wrapped(&["policylayer", "wrap", "--server", "s", "--policy=p", "--observe", "--", "x"], None).unwrap();
    assert_eq!((found.server.as_deref(), found.policy.as_deref(), found.before), (Some("s"), Some("p"), 7));
}

#[test]
fn a_wrapper_that_would_not_start_is_told_from_one_that_does() {
    for (words, fault) in [
        (&["--observe", "--server", "s", "--", "x"][..], None),
        (&["--url", "https://h/m", "--header=A=B"], None),
        (&[], Some("without a server's command")),
        (&["--"], Some("without a server's command")),
        (&["--policy", "p"], Some("without a server's command")),
        (&["--policy"], Some("with --policy and no value")),
        (&["--bogus", "--", "x"], Some("with --bogus, which it does not have")),
        (&["--observe=yes", "--", "x"], Some("with a value for --observe, which has none")),
    ] {
        let words: Vec<_> = ["policylayer", "wrap"].iter().chain(words).copied().collect();
        assert_eq!(parse_wrapped(&words, None).unwrap().fault.as_deref(), fault, "{words:?}");
    }
}

#[test]
fn files_that_are_unclear_are_left_alone_with_the_place() {
    for (bytes, place, words) in [
        (&b"{\"mcpServers\": {\n  \"s\": {\"command\": \"x\" \"args\": []}}}"[..], (2, 23), "expected comma"),
        (b"{\"mcpServers\": {}, \"mcpServers\": {}}", (1, 20), "a second time"),
        (b"{\"mcpServers\": {\"s\": {}, \"s\": {}}}", (1, 26), "a second time"),
        (b"{\"mcpServers\": []}", (1, 16), "a list instead of an object"),
        (b"[]", (1, 1), "a list instead of an object"),
        (b"{\"a\": \"\xff\"}", (1, 8), "UTF-8"),
        (b"{} {}", (1, 4), "more than one"),
    ] {
        let result = ClientDocument::parse(bytes, ClientFormat::Json)
            .and_then(|document| read_entries(&document, &["mcpServers"]));
        let error = result.unwrap_err();
        assert_eq!(error.place, Some(place), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    for (entry, words) in [
        (r#"{"command": 1}"#, "a number instead of a string"),
        (r#"{"command": "x", "args": "y"}"#, "`args` is a string instead of a list"),
        (r#"{"command": "x", "args": ["y", 3]}"#, "a number instead of a string"),
        (r#"{"command": "x", "command": "y"}"#, "a second time"),
        (r#"{"command": {"path": "x", "path": "y"}}"#, "a second time"),
        (r#"{"command": "x", "url": "https://y"}"#, "a command and a URL"),
        (r#"{}"#, "neither a command nor a URL"),
        (r#""npx""#, "a string instead of an object"),
    ] {
        let text = format!("{{\"mcpServers\": {{\"s\": {entry}}}}}");
        let document = ClientDocument::parse(text.as_bytes(), ClientFormat::Json).unwrap();
        match &read_entries(&document, &["mcpServers"]).unwrap()[0].transport {
            Transport::Unclear(error) | Transport::Bare(error) => {
                assert!(error.to_string().contains(words), "{entry}: {error}")
            }
            other => panic!("{entry}: {other:?}"),
        }
    }
    for kind in ["http", "sse", "streamable-http", "streamableHttp"] {
        let text = format!("{{\"mcpServers\": {{\"s\": {{\"type\": \"{kind}\", \"url\": \"https://x\"}}}}}}");
        let document = ClientDocument::parse(text.as_bytes(), ClientFormat::Json).unwrap();
        let entries = read_entries(&document, &["mcpServers"]).unwrap();
        assert_eq!(entries[0].words().unwrap(), ["https://x"]);
    }
}

fn new_server(command: &[String]) -> edit::NewServer {
    edit::NewServer { name: "new".to_owned(), command: command.to_vec(), env: Vec::new() }
}

/// Adds a server to a file; gives the file then.
fn added(text: &str, row: &Row) -> String {
    let document = ClientDocument::parse(text.as_bytes(), row.format).unwrap();
    let command = [PROGRAM, "wrap", "--", "npx", "-y", "x"].map(str::to_owned);
    let new = String::from_utf8(document.apply_edits(edit::add_server(&document, row, &new_server(&command)).unwrap()))
        .unwrap();
    let after = ClientDocument::parse(new.as_bytes(), row.format).unwrap_or_else(|error| panic!("{error}\n{new}"));
    let all = read_entries(&after, edit::keys_of_new_server(&document, row)).unwrap();
    assert_eq!(launch(&all, "new").words(), command, "{new}");
    for before in read_entries(&document, edit::keys_of_new_server(&document, row)).unwrap() {
        assert!(all.iter().any(|entry| entry.name == before.name), "{new}");
    }
    new
}

#[test]
fn a_server_is_added_in_the_manner_of_the_file() {
    let row = |id: &str| ROWS.iter().find(|row| row.id == id && row.scope == ConfigScope::User).unwrap();
    for row in ROWS.iter().filter(|row| row.scope == ConfigScope::User && row.access == Access::Add) {
        let (_, bytes) = fixture(row.id);
        let text = String::from_utf8(bytes).unwrap();
        let new = added(&text, row);
        // Nothing is taken away.
        let mut rest = new.chars();
        assert!(text.chars().all(|wanted| rest.any(|c| c == wanted)), "{new}");
        added("", row);
    }
    let desktop = row("claude-desktop");
    let entry = "\"new\": {\n      \"command\": \"/opt/homebrew/bin/policylayer\",\n      \"args\": [\"wrap\", \"--\", \"npx\", \"-y\", \"x\"]\n    }";
    for (text, expected) in [
        ("", format!("{{\n  \"mcpServers\": {{\n    {entry}\n  }}\n}}\n")),
        ("{}", format!("{{\n  \"mcpServers\": {{\n    {entry}\n  }}\n}}")),
        ("{\n}\n", format!("{{\n  \"mcpServers\": {{\n    {entry}\n  }}\n}}\n")),
        (
            "{\n  \"a\": 1 // one\n}\n",
            format!("{{\n  \"a\": 1, // one\n  \"mcpServers\": {{\n    {entry}\n  }}\n}}\n"),
        ),
        (
            "{\r\n  \"mcpServers\": {\r\n    \"a\": {}, // one\r\n  },\r\n}\r\n",
            format!("{{\r\n  \"mcpServers\": {{\r\n    \"a\": {{}}, // one\r\n    {},\r\n  }},\r\n}}\r\n", entry.replace('\n', "\r\n")),
        ),
        (
            r#"{"mcpServers":{"a":{}}}"#,
            r#"{"mcpServers":{"a":{},"new":{"command":"/opt/homebrew/bin/policylayer","args":["wrap","--","npx","-y","x"]}}}"#.to_owned(),
        ),
    ] {
        assert_eq!(added(text, desktop), expected);
    }
    let new = added("\u{feff}// x\n{\n\t\"servers\": {}\n}", row("vscode"));
    let expected = "\u{feff}// x\n{\n\t\"servers\": {\n\t\t\"new\": {\n\t\t\t\"type\": \"stdio\",\n\t\t\t\"command\": ";
    assert!(new.starts_with(expected), "{new}");
    for (comments, expected) in [
        ("// mine\r\n\r\n", "// mine\r\n{\r\n  \"servers\""),
        ("/* mine */", "/* mine */\n{\n  \"servers\""),
        ("// mine", "// mine\n{\n  \"servers\""),
    ] {
        let new = added(comments, row("vscode"));
        assert!(new.starts_with(expected), "{new:?}");
    }
    let new = added("model = \"x\"", row("codex"));
    let expected = "model = \"x\"\n\n[mcp_servers.new]\ncommand = \"/opt/homebrew/bin/policylayer\"\nargs = [\"wrap\", \"--\", \"npx\", \"-y\", \"x\"]\n";
    assert_eq!(new, expected);
    let inline = ClientDocument::parse(b"mcp_servers = { a = { command = \"x\" } }", ClientFormat::Toml).unwrap();
    let error = edit::add_server(&inline, row("codex"), &new_server(&["x".to_owned()])).unwrap_err();
    assert!(error.to_string().contains("inline table"), "{error}");
}

#[test]
fn the_clients_of_a_home_are_listed() {
    let home = Home::new();
    let nothing = home.good(&["clients"]);
    assert!(nothing.starts_with("No MCP client was found. Looked for:\n"), "{nothing}");
    let told: BTreeSet<_> = nothing.lines().collect();
    assert_eq!(told.len(), nothing.lines().count(), "each file is named once: {nothing}");
    for id in client_ids() {
        assert!(nothing.contains(&format!("({id})")), "{id}: {nothing}");
    }
    assert_eq!(home.json(&["clients", "--format", "json"])["clients"], serde_json::json!([]));

    let write = |file: &str, text: &str| {
        let path = home.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    home.policy("shop.toml", "version = \"1\"\ndefault = \"allow\"\n");
    let program = crate::support::system::program();
    let gone = if cfg!(windows) { "C:/nowhere/policylayer" } else { "/nowhere/policylayer" };
    let absolute = if cfg!(windows) { "C:/p/x.toml" } else { "/p/x.toml" };
    let own = serde_json::Value::from(program);
    home.policy("bad.toml", "version = \"1\"\ndefault = \"allwo\"\n");
    // Cursor passes on no XDG_CONFIG_HOME.
    let config = serde_json::json!({ "XDG_CONFIG_HOME": home.path().join("config") });
    let wrapped =
        |args: &str| format!("{{\"command\":{},\"args\":[{args}],\"env\":{config}}}", serde_json::Value::from(program));
    let servers = [
        (
            "bare",
            r#"{"command":"npx","args":["-y","x-mcp","--api-key","sesame"],"env":{"KEY":"swordfish"}}"#.to_owned(),
        ),
        ("shop", wrapped(&format!(r#""wrap","--server","shop","--",{own}"#))),
        ("seen", wrapped(&format!(r#""wrap","--observe","--server","shop","--",{own}"#))),
        ("bad", wrapped(&format!(r#""wrap","--server","bad","--",{own}"#))),
        ("iterable", wrapped(r#""wrap","--","npx","-y","@iterable/mcp""#)),
        ("named", wrapped(&format!(r#""wrap","--policy","{absolute}","--","srv""#))),
        ("gone", format!(r#"{{"command":"{gone}","args":["wrap","--","srv"]}}"#)),
        ("off", r#"{"command":"x","disabled":true}"#.to_owned()),
        ("web", r#"{"url":"https://u:p@x.test/mcp?key=sesame","headers":{"Authorization":"swordfish"}}"#.to_owned()),
        ("odd\u{1b}[31m", r#"{"command":7}"#.to_owned()),
    ];
    let text: Vec<_> =
        servers.iter().map(|(key, entry)| format!("{}:{entry}", serde_json::Value::from(*key))).collect();
    write(".cursor/mcp.json", &format!("{{\"mcpServers\":{{{}}}}}", text.join(",")));
    write("config/zed/settings.json", "{\n  \"context_servers\": [}\n");
    write(".claude.json", &String::from_utf8(fixture("claude-code").1).unwrap());
    write(".lmstudio/mcp.json", "{} // mine\n");
    fs::create_dir_all(home.path().join(".codex")).unwrap();

    let text = home.good(&["clients"]);
    let json = home.json(&["clients", "--format", "json"]);
    for secret in ["sesame", "swordfish", "u:p", "me@example.com", "\u{1b}["] {
        assert!(!text.contains(secret) && !json.to_string().contains(secret), "{secret}: {text}");
    }
    let clients = json["clients"].as_array().unwrap();
    let client = |id: &str, scope: &str| {
        clients
            .iter()
            .find(|client| client["id"] == id && client["scope"] == scope)
            .unwrap_or_else(|| panic!("{json:#}"))
    };
    let cursor = client("cursor", "user")["servers"].as_array().unwrap();
    let states: Vec<_> =
        cursor.iter().map(|server| (server["key"].as_str().unwrap(), server["state"].as_str().unwrap())).collect();
    let expected = [
        ("bare", "unprotected"),
        ("shop", "protected"),
        ("seen", "observed"),
        ("bad", "broken"),
        // Nothing is in the PATH.
        ("iterable", "broken"),
        ("named", "broken"),
        ("gone", "broken"),
        ("off", "unprotected"),
        ("web", "out_of_reach"),
        ("odd\u{1b}[31m", "broken"),
    ];
    assert_eq!(states, expected);
    let server = |key: &str| cursor.iter().find(|server| server["key"] == key).unwrap();
    let policy = |key| server(key)["policy"].as_str().unwrap().replace('\\', "/");
    assert!(policy("shop").ends_with("policies/shop.toml") && policy("bad").ends_with("policies/bad.toml"));
    assert!(server("bad")["policy_error"].as_str().unwrap().contains("is invalid"), "{:#}", server("bad"));
    assert!(server("bad")["remedy"].as_str().unwrap().contains("policylayer check"), "{:#}", server("bad"));
    assert_eq!((policy("iterable").as_str(), server("iterable")["server"].as_str()), ("built-in", Some("iterable")));
    assert!(server("iterable")["reason"].as_str().unwrap().contains("there is no npx in the PATH"));
    assert_eq!(policy("named"), absolute);
    assert_eq!((policy("gone").as_str(), server("gone")["missing_program"].as_str()), ("built-in", Some(gone)));
    assert_eq!(server("off")["disabled"], true);
    assert_eq!(server("bare")["command"], serde_json::json!(["npx", "-y", "x-mcp", "--api-key", "…"]));
    assert_eq!(client("codex", "user")["exists"], false);
    assert!(client("lm-studio", "user")["note"].as_str().unwrap().contains("comments"));
    assert_eq!(client("cursor", "user")["note"], serde_json::Value::Null);
    assert_eq!(client("zed", "user")["error"]["line"], 2);
    assert_eq!(client("claude-code", "folder")["folder"], "/home/me/shop");
    for words in ["is out of reach", "left alone: line 2, column", "built-in", "disabled", "does not exist"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("No MCP client"), "{text}");
}

#[test]
fn what_changed_meanwhile_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mcp.json");
    fs::write(&path, "theirs").unwrap();
    let backups = Backups::beside(&path);
    let error = file::save_with_backup(&path, &backups, (Some(b"as read"), b"ours"), file::FileState::Original)
        .unwrap_err()
        .to_string();
    assert!(error.contains("changed by somebody else"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    // What was read stays beside it: whoever wrote the file may have found it kept, and count on that.
    assert_eq!(fs::read_to_string(folder.path().join("mcp.json.policylayer-backup")).unwrap(), "as read");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    let error =
        file::save_with_backup(&path, &backups, (None, b"ours"), file::FileState::Original).unwrap_err().to_string();
    assert!(error.contains("already exists"), "{error}");
}

/// White space and comments, as they may stand between any two tokens.
fn blank() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just(String::new()),
        3 => Just(" ".to_owned()),
        2 => "[ \t]{0,3}",
        2 => Just("\n    ".to_owned()),
        1 => Just("\r\n\t".to_owned()),
        1 => Just("\n\n  ".to_owned()),
        1 => Just(" /* c, [ */ ".to_owned()),
        1 => Just(" // c, \"x\"\n".to_owned()),
    ]
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z/@.-]{1,8}".prop_filter("is none of ours", |text| !text.contains("policylayer")),
        1 => Just(r"\u0041 \\ \/ \n é🙂".to_owned()),
        1 => Just("wrap".to_owned()),
        1 => Just("--".to_owned()),
    ]
    .prop_map(|text| format!("\"{text}\""))
}

/// A list of values with blanks between, and maybe a comma at the end.
fn listing(open: char, items: Vec<String>, blanks: &[String], has_comma: bool, close: char) -> String {
    let mut at = blanks.iter().cycle();
    let mut next = || at.next().cloned().unwrap_or_default();
    let mut text = String::from(open) + &next();
    let count = items.len();
    for (index, item) in items.into_iter().enumerate() {
        text += &item;
        text += &next();
        if index + 1 < count || has_comma {
            text += ",";
            text += &next();
        }
    }
    text.push(close);
    text
}

prop_compose! {
    fn configuration()(
        blanks in prop::collection::vec(blank(), 7..24),
        program in string(),
        args in prop::option::of(prop::collection::vec(string(), 0..4)),
        others in prop::collection::vec(string(), 0..3),
        commas in prop::collection::vec(any::<bool>(), 4),
        order in any::<[bool; 3]>(),
        mark in prop_oneof![4 => Just(""), 1 => Just("\u{feff}")],
    ) -> (String, String) {
        let gap = |at: usize| blanks[at % blanks.len()].clone();
        let member = |key: &str, value: String, at: usize| format!("\"{key}\"{}:{}{value}", gap(at), gap(at + 1));
        let mut members = vec![member("command", program, 1)];
        if let Some(args) = args {
            let args = member("args", listing('[', args, &blanks, commas[0], ']'), 3);
            if order[0] { members.insert(0, args) } else { members.push(args) }
        }
        let env = member("env", listing('{', vec![member("KEY", "\"value\"".to_owned(), 2)], &blanks[2..], commas[1], '}'), 5);
        if order[1] { members.insert(0, env) } else { members.push(env) }
        // A comma behind an empty list would be an error.
        let entry = listing('{', members, &blanks[1..], commas[2], '}');
        let mut servers: Vec<_> = others.iter().enumerate()
            .map(|(at, program)| member(&format!("o{at}"), format!("{{\"command\":{program}}}"), at)).collect();
        let own = member("s", entry.clone(), 4);
        if order[2] { servers.insert(0, own) } else { servers.push(own) }
        let servers = listing('{', servers, &blanks[3..], commas[3], '}');
        let root = listing('{', vec![member("mcpServers", servers, 0)], &blanks, false, '}');
        (format!("{mark}{}{root}{}", gap(6), gap(2)), entry)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    /// However a file is written, what is put in comes out again, and nothing outside of the entry changes.
    #[test]
    fn register_and_unregister_are_one_round((text, entry) in configuration(), named: bool) {
        // An empty list takes no comma.
        prop_assume!(!text.contains("[,") && ClientDocument::parse(text.as_bytes(), ClientFormat::Jsonc).is_ok());
        let options: &[&str] = if named { &["--server", "name"] } else { &[] };
        let registered = round_trip(text.as_bytes(), ClientFormat::Jsonc, &["mcpServers"], "s", options);
        let at = text.rfind(&entry).unwrap();
        let (before, after) = (&text[..at], &text[at + entry.len()..]);
        prop_assert!(registered.starts_with(before) && registered.ends_with(after), "{}\n{}", text, registered);
    }
}
