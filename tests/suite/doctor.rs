//! `policylayer doctor` on chains that work, and on chains of which one link is broken: each says what to do, and nothing is
//! left running.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::log;
use crate::support::processes;
#[cfg(target_os = "linux")]
use crate::support::system::beside_the_tests;
#[cfg(unix)]
use crate::support::system::write_program;
use crate::support::system::{DASHES, PATIENCE, example, native, program, state_in};
#[cfg(unix)]
use crate::support::terminal::Terminal;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use log::Home;
use processes::wait_until_gone;
use serde_json::{Value, json};

const DESKTOP: &str = if cfg!(target_os = "macos") {
    "Library/Application Support/Claude/claude_desktop_config.json"
} else {
    ".config/Claude/claude_desktop_config.json"
};
const CODE: &str = ".claude.json";
const POLICY: &str = "version = \"1\"\ndefault = \"deny\"\nhide = [\"drop_*\"]\n\n[tools.get_lists]\n";

fn stub() -> String {
    example("stub_server").to_str().unwrap().to_owned()
}

/// A home in which all is well: a policy for `shop`, and what the stub offers as that.
fn home() -> Home {
    let home = Home::new();
    write(&home, ".config/policylayer/policies/shop.toml", POLICY);
    let offer = json!({
        "initialize": {
            "protocolVersion": "2025-06-18",
            "serverInfo": { "name": "shop", "version": "1.2" },
            "capabilities": { "tools": {} },
        },
        "tools/list": { "tools": [{ "name": "get_lists", "inputSchema": {} }], "nextCursor": "two" },
        "tools/list#two": { "tools": [{ "name": "drop_all", "inputSchema": {} }, { "name": "drop_it", "inputSchema": {} }] },
    });
    write(&home, "offer.json", &offer.to_string());
    home
}

fn write(home: &Home, file: &str, text: &str) -> PathBuf {
    let path = native(&home.path().join(file));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

#[cfg(unix)]
fn script(home: &Home, file: &str, text: &str) -> String {
    let path = native(&home.path().join(file));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_program(&path, text);
    path.to_str().unwrap().to_owned()
}

/// A script that is the stub with the offer in a file, or with the one that a variable names; gives its name in the directory.
fn launcher(home: &Home, file: &str, offer: Result<&Path, &str>) -> String {
    if cfg!(windows) {
        let offer = offer.map_or_else(|name| format!("%{name}%"), |file| file.display().to_string());
        write(home, &format!("{file}.cmd"), &format!("@\"{}\" --offer \"{offer}\"\r\n", stub()));
        return format!("{}.cmd", file.rsplit('/').next().unwrap());
    }
    #[cfg(unix)]
    {
        let offer = offer.map_or_else(|name| format!("${name}"), |file| file.display().to_string());
        script(home, file, &format!("#!/bin/sh\nexec {} --offer \"{offer}\"\n", stub()));
    }
    file.rsplit('/').next().unwrap().to_owned()
}

/// The entries of a client's file.
fn client(home: &Home, file: &str, entries: &[(&str, Value)]) -> PathBuf {
    let servers: serde_json::Map<_, _> =
        entries.iter().map(|(key, entry)| ((*key).to_owned(), entry.clone())).collect();
    write(home, file, &json!({ "mcpServers": servers }).to_string())
}

/// An entry that starts these words behind the policy for `shop`.
fn wrapped(words: &[&str]) -> Value {
    json!({ "command": program(), "args": ([&["wrap", "--server", "shop", "--"], words].concat()) })
}

/// The stub as it should be, behind the policy.
fn good(home: &Home) -> Value {
    wrapped(&[&stub(), "--offer", home.path().join("offer.json").to_str().unwrap()])
}

/// As from a terminal whose PATH has a folder that clients do not have.
fn command(home: &Home, args: &[&str]) -> Command {
    let mut command = home.command(&[&["doctor"], args].concat());
    command.env_remove("XDG_CONFIG_HOME").env_remove("XDG_STATE_HOME");
    command.env("PATH", std::env::join_paths(std::iter::once(home.path().join("rich")).chain(system_path())).unwrap());
    if cfg!(windows) {
        // Where it is without XDG_CONFIG_HOME.
        command.env("APPDATA", home.path().join(".config"));
    }
    command
}

/// Where the system has its own programs.
fn system_path() -> Vec<PathBuf> {
    if cfg!(windows) {
        vec![PathBuf::from(std::env::var_os("SystemRoot").unwrap()).join("System32")]
    } else {
        vec![PathBuf::from("/usr/bin"), PathBuf::from("/bin")]
    }
}

struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(mut command: Command, home: &Home) -> Run {
    let output = command.output().unwrap();
    wait_until_gone(home.path());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The only check of a run, for a program.
fn check(home: &Home, args: &[&str], code: i32) -> Value {
    let ran = run(command(home, &[&["--format", "json"], args].concat()), home);
    assert_eq!((ran.code, ran.err.as_str()), (Some(code), ""), "{}", ran.out);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["ok"], code == 0);
    assert_eq!(json["checks"].as_array().unwrap().len(), 1, "{json:#}");
    json["checks"][0].clone()
}

fn step<'c>(check: &'c Value, id: &str) -> &'c Value {
    check["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).unwrap_or_else(|| panic!("{id}: {check:#}"))
}

/// Exactly this step fails, with these words of what was seen and this remedy, and those are not tried that need it.
fn broken(check: &Value, id: &str, detail: &str, remedy: &str, not_tried: &[&str]) {
    let with = |status: &str| -> Vec<&str> {
        let steps = check["steps"].as_array().unwrap().iter().filter(|step| step["status"] == status);
        steps.map(|step| step["id"].as_str().unwrap()).collect()
    };
    assert_eq!(with("failed"), [id], "{check:#}");
    assert_eq!(with("not_tried"), not_tried, "{check:#}");
    assert_eq!(with("warning"), [""; 0], "{check:#}");
    let step = step(check, id);
    assert!(step["detail"].as_str().unwrap().contains(detail), "{detail}: {step:#}");
    assert!(step["remedy"].as_str().unwrap().contains(remedy), "{remedy}: {step:#}");
}

const STARTED: &[&str] = &["start", "initialize", "tools"];

#[test]
fn the_commands_that_it_tells_take_a_key_with_a_blank() {
    let home = home();
    client(&home, DESKTOP, &[("my shop", json!({ "command": stub() }))]);
    let found = check(&home, &["my shop"], 1);
    let remedy = step(&found, "wrapped")["remedy"].as_str().unwrap();
    let key = if cfg!(windows) { "\"my shop\"" } else { "'my shop'" };
    assert_eq!(remedy, format!("policylayer register {key} --client claude-desktop"));
}

/// The steps, in their order.
const STEPS: [&str; 13] = [
    "file",
    "entry",
    "wrapped",
    "wrapper",
    "command",
    "config",
    "identity",
    "policy",
    "state",
    "clock",
    "start",
    "initialize",
    "tools",
];

#[test]
fn all_is_well() {
    let home = home();
    let file = client(&home, DESKTOP, &[("shop", good(&home))]);
    let found = check(&home, &["shop"], 0);
    let steps: Vec<_> =
        found["steps"].as_array().unwrap().iter().map(|step| (step["id"].clone(), step["status"].clone())).collect();
    assert_eq!(steps, STEPS.map(|id| (json!(id), json!("ok"))));
    assert!(found["steps"].as_array().unwrap().iter().all(|step| step["remedy"].is_null()));
    assert_eq!((&found["client"], &found["server"]), (&json!("claude-desktop"), &json!("shop")));
    assert_eq!(found["file"], file.to_str().unwrap());
    let config = step(&found, "config")["detail"].as_str().unwrap();
    assert!(config.ends_with(
        "\nClaude Desktop does not ask a person: what needs an approval waits in `policylayer approvals watch`"
    ));
    assert_eq!(step(&found, "tools")["detail"], "1 tool visible, 2 hidden");
    assert_eq!(step(&found, "initialize")["detail"], "answered by shop 1.2, protocol 2025-06-18");
    let policy = step(&found, "policy")["detail"].as_str().unwrap().replace('\\', "/");
    assert!(policy.ends_with("policies/shop.toml"), "{policy}");

    // Without a name, every server that is behind a policy.
    let ran = run(command(&home, &[]), &home);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
    assert!(ran.out.starts_with("shop in Claude Desktop (claude-desktop)\n  ✔ client's file     "), "{}", ran.out);
    assert!(ran.out.contains("\n  ✔ tools             1 tool visible, 2 hidden\n"), "{}", ran.out);
    assert!(ran.out.ends_with("\nAll is well.\n"), "{}", ran.out);
}

#[test]
fn a_command_is_looked_at_as_wrap_would_run_it_from_here() {
    let home = home();
    // Found on this PATH, and under this name only `unknown` would be the policy.
    write(&home, ".config/policylayer/config.toml", "[servers.shop]\nmatch = [\"richserver\"]\n");
    let offer = home.path().join("offer.json");
    launcher(&home, "rich/richserver", Ok(&offer));
    let found = check(&home, &["--", "richserver", "--api-key", "sesame"], 0);
    assert_eq!((&found["client"], &found["server"]), (&Value::Null, &json!("richserver --api-key …")));
    assert_eq!(step(&found, "tools")["detail"], "1 tool visible, 2 hidden");
    let ids: Vec<_> =
        found["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids[0], "command");

    let found = check(&home, &["--", "no-such-server"], 1);
    broken(&found, "command", "there is no no-such-server in the PATH", "install no-such-server", STARTED);
}

#[test]
fn every_client_that_has_the_server_is_looked_at() {
    let home = home();
    client(&home, DESKTOP, &[("shop", good(&home)), ("other", json!({ "command": "x" }))]);
    client(&home, CODE, &[("shop", good(&home))]);
    let ran = run(command(&home, &["shop"]), &home);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert!(
        ran.out.contains("shop in Claude Desktop (claude-desktop)\n") && ran.out.contains("shop in Claude Code"),
        "{}",
        ran.out
    );
    assert_eq!(check(&home, &["shop", "--client", "claude-code"], 0)["client"], "claude-code");
    let ran = run(command(&home, &[]), &home);
    assert!(!ran.out.contains("other in"), "{}", ran.out);
}

#[test]
fn where_there_is_nothing_to_look_at_it_says_how_to_begin() {
    let home = home();
    let told = |args: &[&str], words: &[&str]| {
        let ran = run(command(&home, args), &home);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
        for word in words {
            assert!(ran.err.contains(word), "{word}: {}", ran.err);
        }
    };
    told(
        &[],
        &[
            "No client has a server behind a policy",
            &format!("what to do: add one: policylayer register {DASHES} COMMAND"),
        ],
    );
    client(&home, DESKTOP, &[("shop", json!({ "command": "x" }))]);
    told(&[], &["what to do: policylayer register shop"]);
    told(&["shpo"], &["No client has a server shpo", "what to do: policylayer doctor shop"]);
    told(
        &["else", "--client", "claude-desktop"],
        &["claude-desktop has no server else", "name one of the existing servers: shop"],
    );
    let ran = run(command(&home, &["--format", "json"]), &home);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &json["ok"], &json["checks"]), (Some(1), &json!(false), &json!([])));
    assert_eq!(json["remedy"], "policylayer register shop");
    let ran = run(command(&home, &["shop", "--", "x"]), &home);
    assert_eq!(ran.code, Some(2));
}

#[test]
fn a_missing_command() {
    let home = home();
    client(&home, DESKTOP, &[("shop", wrapped(&["no-such-npx", "-y", "shop"]))]);
    broken(
        &check(&home, &[], 1),
        "command",
        "no no-such-npx in the PATH that Claude Desktop gives",
        if cfg!(windows) { "no-such-npx" } else { "which no-such-npx" },
        STARTED,
    );
    let gone = native(&home.path().join("gone/server"));
    client(&home, DESKTOP, &[("shop", wrapped(&[gone.to_str().unwrap()]))]);
    broken(&check(&home, &[], 1), "command", "there is no file", "correct the path", STARTED);
    client(&home, DESKTOP, &[("shop", wrapped(&["./server.sh"]))]);
    broken(&check(&home, &[], 1), "command", "no file ./server.sh", "absolute path", STARTED);
    #[cfg(unix)]
    {
        let plain = write(&home, "server.sh", "#!/bin/sh\n");
        let remedy = format!("chmod +x {}", plain.display());
        broken(&check(&home, &[], 1), "command", "is not executable", &remedy, STARTED);
    }
    client(&home, DESKTOP, &[("shop", wrapped(&[home.path().to_str().unwrap()]))]);
    broken(&check(&home, &[], 1), "command", "is a directory", "name the program in it", STARTED);
}

/// As nvm, mise and asdf have it: in a folder that only the shell knows of, with what runs it beside it. On Windows every
/// program has the PATH of the user, and no file names what runs it.
#[cfg(unix)]
#[test]
fn a_command_that_only_a_terminal_has() {
    let home = home();
    let rich = home.path().join("rich");
    script(&home, "rich/richnpx", "#!/usr/bin/env richnode\n");
    script(&home, "rich/richbin", "#!/bin/sh\n");
    client(&home, DESKTOP, &[("shop", wrapped(&["richbin"]))]);
    let whole = format!("write {} instead of richbin (`which richbin`", rich.join("richbin").display());
    broken(
        &check(&home, &[], 1),
        "command",
        "no richbin in the PATH that Claude Desktop gives: /usr/local/bin:",
        &whole,
        STARTED,
    );

    // Its absolute path alone would not do.
    let offer = home.path().join("offer.json");
    script(&home, "rich/richnode", &format!("#!/bin/sh\nexec {} --offer {}\n", stub(), offer.display()));
    client(&home, DESKTOP, &[("shop", wrapped(&["richnpx"]))]);
    let path = format!("\"PATH\": \"{}:/usr/local/bin:", rich.display());
    broken(&check(&home, &[], 1), "command", "there is no richnpx", &path, STARTED);
    client(&home, DESKTOP, &[("shop", wrapped(&[rich.join("richnpx").to_str().unwrap()]))]);
    broken(&check(&home, &[], 1), "command", "its first line looks for richnode in", &path, STARTED);

    // What it says helps.
    let mut entry = wrapped(&["richnpx"]);
    entry["env"] = json!({ "PATH": format!("{}:/usr/bin:/bin", rich.display()) });
    client(&home, DESKTOP, &[("shop", entry)]);
    assert_eq!(step(&check(&home, &[], 0), "tools")["detail"], "1 tool visible, 2 hidden");

    // A client that is started in a terminal has its PATH, and one that asks the shell for it as well.
    fs::remove_file(home.path().join(DESKTOP)).unwrap();
    client(&home, CODE, &[("shop", wrapped(&["richnpx"]))]);
    check(&home, &[], 0);
    fs::remove_file(home.path().join(CODE)).unwrap();
    client(&home, ".cursor/mcp.json", &[("shop", wrapped(&["richnpx"]))]);
    let found = check(&home, &["--client", "cursor"], 0);
    assert!(step(&found, "command")["detail"].as_str().unwrap().contains("asks your shell"), "{found:#}");
}

#[test]
fn an_entry_without_a_policy_in_front() {
    let home = home();
    let offer = home.path().join("offer.json");
    client(&home, DESKTOP, &[("shop", json!({ "command": stub(), "args": ["--offer", offer] }))]);
    let found = check(&home, &["shop"], 1);
    broken(&found, "wrapped", "no policy is in front of it", "policylayer register shop --client claude-desktop", &[]);
    assert!(step(&found, "tools")["detail"].as_str().unwrap().starts_with("3 tools visible, and none hidden"));
}

#[test]
fn entries_that_start_nothing() {
    let home = home();
    client(&home, DESKTOP, &[("shop", json!({ "url": "https://user:sesame@x.test/mcp?key=sesame" }))]);
    let found = check(&home, &["shop"], 1);
    broken(&found, "entry", "over HTTP, and no policy applies there: its address", "register NAME", &STEPS[2..]);
    assert!(!found.to_string().contains("sesame"), "{found:#}");
    let file = client(&home, DESKTOP, &[("shop", json!({ "command": ["a"] }))]);
    broken(
        &check(&home, &["shop"], 1),
        "entry",
        "a list instead of a string",
        &format!("fix the entry in {}", file.display()),
        &STEPS[2..],
    );
    fs::write(&file, "{ \"mcpServers\": {").unwrap();
    let found = check(&home, &[], 1);
    broken(&found, "file", "line 1", &format!("fix {}", file.display()), &STEPS[1..]);
    assert_eq!(found["server"], Value::Null);
}

#[test]
fn an_entry_that_is_switched_off_is_warned_of() {
    let home = home();
    let mut entry = good(&home);
    entry["disabled"] = json!(true);
    client(&home, DESKTOP, &[("shop", entry)]);
    let found = check(&home, &["shop"], 0);
    assert_eq!(step(&found, "entry")["status"], "warning");
    let ran = run(command(&home, &["shop"]), &home);
    assert!(ran.out.ends_with("All is well, with 1 warning.\n"), "{}", ran.out);
}

#[test]
fn a_wrapper_that_is_elsewhere() {
    let home = home();
    let entry = |program: &str| json!({ "command": program, "args": ["wrap", "--server", "shop", "--", stub()] });
    let register = "policylayer register shop --client claude-desktop";
    let nowhere = native(&home.path().join("nowhere/policylayer"));
    client(&home, DESKTOP, &[("shop", entry(nowhere.to_str().unwrap()))]);
    broken(&check(&home, &[], 1), "wrapper", &format!("{} does not exist", nowhere.display()), register, STARTED);
    client(&home, DESKTOP, &[("shop", entry("policylayer"))]);
    broken(&check(&home, &[], 1), "wrapper", "no policylayer in the PATH", register, STARTED);
}

/// Each wrapper is a script.
#[cfg(unix)]
#[test]
fn a_wrapper_that_is_elsewhere_or_another() {
    let home = home();
    let stub = stub();
    let entry = |program: &str, options: &[&str]| json!({ "command": program, "args": ([&["wrap", "--server", "shop", "--", &stub], options].concat()) });
    let register = "policylayer register shop --client claude-desktop";
    client(&home, DESKTOP, &[("shop", entry("/nowhere/policylayer", &[]))]);
    broken(&check(&home, &[], 1), "wrapper", "/nowhere/policylayer does not exist", register, STARTED);
    client(&home, DESKTOP, &[("shop", entry("policylayer", &[]))]);
    broken(&check(&home, &[], 1), "wrapper", "no policylayer in the PATH", register, STARTED);
    let plain = write(&home, "policylayer", "");
    client(&home, DESKTOP, &[("shop", entry(plain.to_str().unwrap(), &[]))]);
    broken(&check(&home, &[], 1), "wrapper", "is not executable", &format!("chmod +x {}", plain.display()), STARTED);
    script(&home, "policylayer", "#!/bin/sh\necho something else\n");
    broken(&check(&home, &[], 1), "wrapper", "does not print a version of policylayer", register, STARTED);
    // One that hangs is not waited for.
    script(&home, "policylayer", "#!/bin/sh\nsleep 1000\n");
    let began = Instant::now();
    broken(&check(&home, &[], 1), "wrapper", "does not print a version of policylayer", register, STARTED);
    assert!(began.elapsed() < PATIENCE);

    // As npm installs it, which node runs.
    script(&home, "rich/richnode", "#!/bin/sh\n");
    script(&home, "policylayer", "#!/usr/bin/env richnode\n");
    let path = format!("\"PATH\": \"{}:/usr/local/bin:", home.path().join("rich").display());
    broken(&check(&home, &[], 1), "wrapper", "its first line looks for richnode in", &path, STARTED);

    let other =
        format!("#!/bin/sh\n[ \"$1\" = --version ] && echo policylayer 0.0.9 && exit\nexec {} \"$@\"\n", program());
    script(&home, "policylayer", &other);
    let offer = home.path().join("offer.json");
    client(&home, DESKTOP, &[("shop", entry(plain.to_str().unwrap(), &["--offer", offer.to_str().unwrap()]))]);
    let found = check(&home, &[], 0);
    let wrapper = step(&found, "wrapper");
    assert_eq!(wrapper["status"], "warning");
    assert!(wrapper["detail"].as_str().unwrap().starts_with("0.0.9, "), "{wrapper:#}");
    assert!(wrapper["remedy"].as_str().unwrap().contains(register), "{wrapper:#}");
}

#[test]
fn a_policy_or_settings_that_cannot_be_used() {
    let home = home();
    client(&home, DESKTOP, &[("shop", good(&home))]);
    let policy = write(&home, ".config/policylayer/policies/shop.toml", "version = \"1\"\ndefault = \"perhaps\"\n");
    let fix = format!("`policylayer check {}`", policy.display());
    broken(&check(&home, &[], 1), "policy", "perhaps", &fix, STARTED);
    write(&home, ".config/policylayer/policies/shop.json", "{}");
    broken(&check(&home, &[], 1), "policy", "two policies for shop", "Keep one of them", STARTED);
    fs::remove_file(home.path().join(".config/policylayer/policies/shop.json")).unwrap();
    fs::write(&policy, POLICY.replace("drop_*\"", "drop_*\", \"nothing\"").replace("deny", "allow")).unwrap();
    let found = check(&home, &[], 0);
    assert_eq!(step(&found, "policy")["status"], "warning", "{found:#}");
    assert!(step(&found, "policy")["remedy"].as_str().unwrap().contains("policylayer check"), "{found:#}");

    fs::write(&policy, POLICY).unwrap();
    write(&home, ".config/policylayer/config.toml", "[wrap]\ngrace = \"soon\"\n");
    let rest = [&["identity", "policy"], STARTED].concat();
    broken(&check(&home, &[], 1), "config", "config.toml is invalid", "`policylayer check`", &rest);
}

#[test]
fn a_client_that_asks_nobody_needs_another_channel() {
    let home = home();
    client(&home, DESKTOP, &[("shop", good(&home))]);
    let only_client = "[approvals]\nchannels = ['client']\n";
    write(&home, ".config/policylayer/config.toml", only_client);
    let found = check(&home, &["shop"], 0);
    assert_eq!(step(&found, "config")["status"], "warning", "{found:#}");
    assert!(step(&found, "config")["detail"].as_str().unwrap().contains("nobody can approve a call"), "{found:#}");
    assert!(step(&found, "config")["remedy"].as_str().unwrap().contains("\"local\""), "{found:#}");
    let asks = format!("{only_client}[approvals.clients.claude-ai]\nasks = true\n");
    write(&home, ".config/policylayer/config.toml", &asks);
    let found = check(&home, &["shop"], 0);
    assert_eq!(step(&found, "config")["status"], "ok", "{found:#}");
    assert!(!step(&found, "config")["detail"].as_str().unwrap().contains("does not ask"), "{found:#}");
}

#[test]
fn a_relative_policy_is_what_wrap_refuses() {
    let home = home();
    fs::write(home.path().join("shop.toml"), POLICY).unwrap();
    let words = ["wrap", "--policy", "shop.toml", "--", &stub()];
    client(&home, DESKTOP, &[("shop", json!({ "command": program(), "args": words }))]);
    broken(&check(&home, &[], 1), "policy", "has a relative path", "Write the absolute path: ", STARTED);
    let mut clients = home.command(&["clients", "--format", "json"]);
    clients.env_remove("XDG_CONFIG_HOME");
    if cfg!(windows) {
        clients.env("APPDATA", home.path().join(".config"));
    }
    let listed = clients.output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("has a relative path"), "{listed}");
}

/// Clients pass on few variables, so a policy that this terminal finds through one of them is not theirs.
#[test]
fn a_policy_that_only_this_terminal_finds_is_warned_of() {
    let home = home();
    client(&home, DESKTOP, &[("shop", good(&home))]);
    let elsewhere = write(&home, "elsewhere/policylayer/policies/shop.toml", POLICY);
    fs::create_dir_all(home.path().join("elsewhere/Claude")).unwrap();
    fs::copy(home.path().join(DESKTOP), home.path().join("elsewhere/Claude/claude_desktop_config.json")).unwrap();
    let mut command = command(&home, &["--format", "json"]);
    command.env("XDG_CONFIG_HOME", home.path().join("elsewhere"));
    let ran = run(command, &home);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    let policy = step(&json["checks"][0], "policy");
    assert_eq!(policy["status"], "warning", "{policy:#}");
    assert!(policy["remedy"].as_str().unwrap().contains(elsewhere.to_str().unwrap()), "{policy:#}");
}

/// A file stands where the folder should be: modes would not stop a test that runs as root.
#[test]
fn a_state_folder_that_cannot_be_written() {
    let home = home();
    client(&home, DESKTOP, &[("shop", good(&home))]);
    let state = native(&state_in(home.path()));
    let write = |file: PathBuf| {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
    };
    write(state.clone());
    let remedy = format!("make {} a directory that you may write to", state.display());
    broken(&check(&home, &[], 1), "state", "cannot be written to", &remedy, &[]);
    fs::remove_file(&state).unwrap();
    write(state.join("audit"));
    broken(
        &check(&home, &[], 1),
        "state",
        "audit cannot be written to",
        "audit a directory that you may write to",
        &[],
    );
    fs::remove_file(state.join("audit")).unwrap();
    fs::create_dir_all(state.join("audit/shop.jsonl")).unwrap();
    broken(&check(&home, &[], 1), "state", "shop.jsonl cannot be written", "shop.jsonl a file that you may write", &[]);
    fs::remove_dir_all(state.join("audit")).unwrap();
    fs::write(state.join("state.sqlite3"), "no database".repeat(1000)).unwrap();
    broken(&check(&home, &[], 1), "state", "damaged", "state.sqlite3", &[]);
}

/// Where this user may mount a file system: on a full one a file can be made, and holds nothing.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_for_the_state() {
    let home = home();
    client(&home, DESKTOP, &[("shop", good(&home))]);
    let state = state_in(home.path());
    fs::create_dir_all(&state).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "none"]).arg(&state).output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        println!("no file system can be mounted here");
        return;
    }
    let done = std::panic::catch_unwind(|| {
        fs::create_dir(state.join("audit")).unwrap();
        let _ = fs::write(state.join("filler"), vec![1; 512 * 1024]);
        let remedy = format!("make room on the disk of {}", state.display());
        broken(&check(&home, &[], 1), "state", "cannot be written to", &remedy, &[]);
    });
    assert!(Command::new("umount").arg("-l").arg(&state).status().unwrap().success());
    done.unwrap();
}

// The clock is set by a library that Linux loads before its own.
#[cfg(target_os = "linux")]
#[test]
fn a_clock_that_cannot_be_right() {
    use log::{Log, passed};
    use policylayer::risk::Class;
    const YEAR: i64 = 365 * 24 * 60 * 60;

    let home = home();
    client(&home, DESKTOP, &[("shop", good(&home))]);
    let clocked = |seconds: i64| {
        let mut command = command(&home, &["--format", "json"]);
        let file = write(&home, "clock", &seconds.to_string());
        command.env("LD_PRELOAD", beside_the_tests("libclock_shim.so")).env("CLOCK_SHIM_FILE", file);
        let ran = run(command, &home);
        let json: Value = serde_json::from_str(&ran.out).unwrap();
        (ran.code, json["checks"][0].clone())
    };
    let remedy = "timedatectl set-ntp true";
    let (code, found) = clocked(-20 * YEAR);
    assert_eq!(code, Some(1));
    broken(&found, "clock", "before policylayer existed", remedy, &[]);
    let (code, found) = clocked(30 * YEAR);
    assert_eq!(code, Some(1));
    broken(&found, "clock", "too far in the future", remedy, &[]);
    assert_eq!(clocked(0).0, Some(0));

    // The log has a record of the day after what the clock shows.
    Log::new(&home, "shop").add(&passed(0, "get_lists", Class::Read)).write();
    fs::rename(home.audit().join("shop.jsonl"), state_in(home.path()).join("audit/shop.jsonl")).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().cast_signed();
    let ten = log::TEN.cast_signed() - now;
    let (code, found) = clocked(ten - 24 * 60 * 60);
    assert_eq!(code, Some(1));
    broken(&found, "clock", "the audit log of shop has a record of 2026-11-22 10:00 UTC", remedy, &[]);
    assert_eq!(clocked(ten + 60).0, Some(0));
}

#[test]
fn a_server_that_ends() {
    let home = home();
    let key = "Error: No API key found. Set SHOP_API_KEY, not open-sesame\u{1b}[2J";
    let mut entry = wrapped(&[&stub(), "--say", key, "--exit-at-request", "3"]);
    entry["env"] = json!({ "OTHER": "open-sesame", "SHORT": "a" });
    let file = client(&home, DESKTOP, &[("shop", entry)]);
    let found = check(&home, &[], 1);
    let remedy = format!("set SHOP_API_KEY in `env` of the entry shop in {}", file.display());
    broken(&found, "start", "it exited with code 3", &remedy, &["initialize", "tools"]);
    assert!(step(&found, "start")["detail"].as_str().unwrap().contains("No API key found"), "{found:#}");
    assert!(!found.to_string().contains("open-sesame"), "{found:#}");
    let ran = run(command(&home, &[]), &home);
    assert!(!ran.out.contains('\u{1b}') && !ran.out.contains("open-sesame"), "{}", ran.out);
    assert!(
        ran.out.ends_with("1 of 13 steps failed.\n") && ran.out.contains("      what to do: set SHOP_API_KEY"),
        "{}",
        ran.out
    );

    // Iterable's ends well when it has no key.
    client(&home, DESKTOP, &[("shop", wrapped(&[&stub(), "--say", key, "--exit-at-request", "0"]))]);
    broken(&check(&home, &[], 1), "start", "it exited with code 0", "set SHOP_API_KEY", &["initialize", "tools"]);
    client(&home, DESKTOP, &[("shop", wrapped(&[&stub(), "--end", "1"]))]);
    broken(
        &check(&home, &[], 1),
        "start",
        "it exited with code 1",
        "by itself in a terminal",
        &["initialize", "tools"],
    );
}

#[test]
fn a_server_that_never_answers_is_not_waited_for() {
    let home = home();
    client(&home, DESKTOP, &[("shop", wrapped(&[&stub(), "--silent", "--ignore-eof", "--ignore-signals"]))]);
    let began = Instant::now();
    let found = check(&home, &["--timeout", "1"], 1);
    broken(&found, "initialize", "did not answer within 1 second", "in a terminal", &["tools"]);
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
}

#[test]
fn a_server_that_lists_nothing() {
    let home = home();
    let offer = json!({ "initialize": { "protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {} }, "tools/list": {} });
    write(&home, "offer.json", &offer.to_string());
    client(&home, DESKTOP, &[("shop", good(&home))]);
    let found = check(&home, &[], 1);
    broken(&found, "tools", "", "", &[]);
}

/// What only the client knows is left out, and said to be.
#[test]
fn values_are_filled_in_as_the_client_does() {
    let home = home();
    let offer = home.path().join("offer.json");
    let args = ["wrap", "--server", "shop", "--", &stub(), "--offer", "${env:OFFER}"];
    let entry = json!({ "type": "stdio", "command": program(), "args": args, "env": { "KEY": "${input:key}" } });
    write(&home, ".config/Code/User/mcp.json", &json!({ "servers": { "shop": entry } }).to_string());
    let mut command = command(&home, &["shop"]);
    command.env("OFFER", &offer);
    let ran = run(command, &home);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert!(ran.out.contains("KEY has no value here, because only VS Code knows it"), "{}", ran.out);
    // What is started expands what the entry itself gives it.
    let record = format!("{}/${{AUTH}}", home.path().display());
    let args = ["wrap", "--server", "shop", "--", &stub(), "--offer", offer.to_str().unwrap(), "--record", &record];
    let entry = json!({ "command": program(), "args": args, "env": { "AUTH": "swordfish" } });
    write(&home, ".gemini/settings.json", &json!({ "mcpServers": { "till": entry } }).to_string());
    let ran = run(self::command(&home, &["till"]), &home);
    assert!(!ran.out.contains("has no value here"), "{}", ran.out);

    // Gemini CLI knows `$NAME`, and no other does.
    for (file, value, starts) in [
        (".gemini/settings.json", "$OFFER", true),
        (".gemini/settings.json", "${OFFER}", true),
        (".claude.json", "$OFFER", false),
    ] {
        let home = self::home();
        let args = ["wrap", "--server", "shop", "--", &stub(), "--offer", value];
        let entry = json!({ "command": program(), "args": args });
        write(&home, file, &json!({ "mcpServers": { "shop": entry } }).to_string());
        let mut command = self::command(&home, &["shop"]);
        command.env("OFFER", &offer);
        let ran = run(command, &home);
        assert_eq!(ran.code == Some(0), starts, "{value} in {file}: {}", ran.out);
    }

    // The file of VS Code, whose values are filled into nothing but the environment of the server.
    let home = self::home();
    let args = ["wrap", "--server", "shop", "--", &stub(), "--offer", offer.to_str().unwrap()];
    let entry = json!({ "type": "stdio", "command": program(), "args": args, "envFile": "${workspaceFolder}/.env" });
    write(&home, ".config/Code/User/mcp.json", &json!({ "servers": { "shop": entry } }).to_string());
    let ran = run(self::command(&home, &["shop"]), &home);
    assert!(ran.out.contains("envFile ${workspaceFolder}/.env has no value here"), "{}", ran.out);
    let policy = home.path().join("bad.toml");
    fs::write(&policy, "version = 9\n").unwrap();
    write(&home, ".env", &format!("# mine\nexport POLICYLAYER_POLICY='{}'\n", policy.display()));
    let ran = run(self::command(&home, &["shop"]), &home);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    assert!(ran.out.contains("bad.toml"), "the file is read: {}", ran.out);
}

#[test]
fn an_agent_that_sees_nothing_is_warned_of() {
    let home = home();
    write(&home, ".config/policylayer/policies/shop.toml", "version = \"1\"\ndefault = \"deny\"\nhide = [\"*\"]\n");
    client(&home, DESKTOP, &[("shop", good(&home))]);
    let found = check(&home, &[], 0);
    assert_eq!(step(&found, "tools")["status"], "warning", "{found:#}");
    assert!(step(&found, "tools")["detail"].as_str().unwrap().starts_with("0 tools visible, 3 hidden"), "{found:#}");
}

/// The list is complete, so nothing has failed.
#[test]
fn a_list_that_does_not_end_as_mcp_says_is_warned_of() {
    let home = home();
    let mut offer: Value = serde_json::from_slice(&fs::read(home.path().join("offer.json")).unwrap()).unwrap();
    offer["tools/list#two"]["nextCursor"] = "".into();
    write(&home, "offer.json", &offer.to_string());
    client(&home, DESKTOP, &[("shop", good(&home))]);
    let found = check(&home, &[], 0);
    let tools = step(&found, "tools");
    assert_eq!(tools["status"], "warning", "{found:#}");
    assert!(
        tools["detail"]
            .as_str()
            .unwrap()
            .ends_with("; its tools/list ends with an empty `nextCursor`; MCP ends a list without one")
    );
    assert!(run(command(&home, &[]), &home).out.ends_with("All is well, with 1 warning.\n"));
}

// It needs a pseudo-terminal.
#[cfg(unix)]
#[test]
fn a_terminal_gets_colours_and_a_spinner_that_goes_away() {
    let home = home();
    client(
        &home,
        DESKTOP,
        &[("shop", wrapped(&[&stub(), "--late", "400", "--offer", home.path().join("offer.json").to_str().unwrap()]))],
    );
    let mut command = command(&home, &["shop"]);
    command.env("TERM", "xterm-256color");
    let mut terminal = Terminal::start(command);
    assert!(terminal.end().success());
    // What was written last may still be on its way.
    terminal.wait("All is well.");
    let shown = terminal.written();
    assert!(shown.contains("starting "), "{shown}");
    assert!(shown.contains("\u{1b}[32m✔"), "{shown}");
}

#[test]
fn the_folder_and_the_variables_of_the_entry_are_the_servers() {
    let home = home();
    let offer = home.path().join("offer.json");
    fs::create_dir_all(home.path().join("shop")).unwrap();
    let server = format!("./{}", launcher(&home, "shop/server", Err("OFFER")));
    let mut entry = wrapped(&[&server]);
    entry["cwd"] = json!(home.path().join("shop"));
    entry["env"] = json!({ "OFFER": offer });
    client(&home, DESKTOP, &[("shop", entry.clone())]);
    check(&home, &[], 0);

    // What is in this terminal only is not passed on, or it is.
    entry.as_object_mut().unwrap().remove("env");
    client(&home, DESKTOP, &[("shop", entry.clone())]);
    client(&home, CODE, &[("shop", entry.clone())]);
    let folder = home.path().join("shop");
    let codex = |more: &str| {
        let text = format!(
            "[mcp_servers.shop]\ncommand = '{}'\nargs = ['wrap', '--server', 'shop', '--', '{server}']\ncwd = '{}'\n{more}",
            program(),
            folder.display()
        );
        write(&home, ".codex/config.toml", &text);
    };
    let code = |client: &str| {
        let mut command = command(&home, &["shop", "--client", client]);
        command.env("OFFER", &offer);
        run(command, &home).code
    };
    codex("");
    assert_eq!(["claude-desktop", "claude-code", "codex"].map(code), [Some(1), Some(0), Some(1)]);
    codex("env_vars = ['OFFER']\n");
    assert_eq!(code("codex"), Some(0));
}

#[test]
fn a_person_who_has_seen_enough_leaves_nothing_running() {
    // Windows has no signal that a program without a console could get.
    let interrupts: &[bool] = if cfg!(unix) { &[true, false] } else { &[false] };
    let home = home();
    let pid = home.path().join("pid");
    let habits = ["--silent", "--ignore-eof", "--ignore-signals", "--pid", pid.to_str().unwrap()];
    client(&home, DESKTOP, &[("shop", wrapped(&[&[stub().as_str()], &habits[..]].concat()))]);
    for is_interrupt in interrupts {
        let mut doctor = command(&home, &["shop"]).stderr(Stdio::piped()).spawn().unwrap();
        let began = Instant::now();
        while !pid.exists() {
            assert!(began.elapsed() < PATIENCE, "the server is started");
            thread::sleep(Duration::from_millis(10));
        }
        if *is_interrupt {
            #[cfg(unix)]
            rustix::process::kill_process(rustix::process::Pid::from_child(&doctor), rustix::process::Signal::INT)
                .unwrap();
        } else {
            doctor.kill().unwrap();
        }
        let mut told = String::new();
        doctor.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        let status = doctor.wait().unwrap();
        wait_until_gone(home.path());
        if *is_interrupt {
            assert_eq!(status.code(), Some(1));
            assert!(told.contains("interrupted") && told.contains("what to do:"), "{told}");
        }
        fs::remove_file(&pid).unwrap();
    }
}

#[test]
fn what_came_after_everything_was_registered_is_named() {
    let home = home();
    let offer = home.path().join("offer.json");
    let shop = json!({ "command": stub(), "args": ["--offer", offer] });
    let path = client(&home, ".cursor/mcp.json", &[("shop", shop)]);
    let register = ["register", "shop", "--server", "shop", "--client", "cursor"];
    assert_eq!(home.run(&register).code, Some(0));
    let doctor = |args: &[&str]| -> Value {
        let ran = run(command(&home, &[&["--format", "json"], args].concat()), &home);
        serde_json::from_str(&ran.out).unwrap()
    };
    assert_eq!(doctor(&[])["without_policy"], json!([]));
    assert!(run(command(&home, &[]), &home).out.contains("All is well"));
    let mut desk: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    desk["mcpServers"]["late"] = json!({ "command": stub(), "args": ["--late"] });
    desk["mcpServers"]["web"] = json!({ "url": "https://x.test/mcp?token=sesame" });
    fs::write(&path, desk.to_string()).unwrap();
    let report = doctor(&[]);
    let found = report["without_policy"].as_array().unwrap();
    let late = ["server", "state", "client"].map(|key| found[0][key].as_str().unwrap());
    assert_eq!(late, ["late", "unprotected", "cursor"]);
    assert_eq!((&found[1]["server"], &found[1]["out_of_reach"]), (&json!("web"), &json!("http")));
    assert_eq!(report["ok"], true, "what is checked is well");
    let ran = run(command(&home, &[]), &home);
    assert!(ran.out.contains("All is well with what is behind a policy"), "{}", ran.out);
    assert!(ran.out.contains("late of cursor: unprotected") && ran.out.contains("register --all"), "{}", ran.out);
    assert!(!ran.out.contains("sesame"), "{}", ran.out);
    assert_eq!(doctor(&["shop"])["without_policy"], json!([]), "one was asked for");
    assert_eq!(doctor(&["--client", "cursor"])["without_policy"].as_array().unwrap().len(), 2);
}
