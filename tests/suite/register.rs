//! `policylayer register` and `unregister` on files in a fresh home: what is chosen, what is written, what is left alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::log;
use crate::support::node;
use crate::support::system::{
    DASHES, at_home, copy_program, example, may_link, native, program, symlink, without_variables,
};
use log::{Home, Ran};

const DESKTOP: &str = if cfg!(target_os = "macos") {
    "Library/Application Support/Claude/claude_desktop_config.json"
} else {
    "config/Claude/claude_desktop_config.json"
};
const CURSOR: &str = ".cursor/mcp.json";
const ITERABLE: &str = r#"{"command":"npx","args":["-y","@iterable/mcp"],"env":{"ITERABLE_API_KEY":"sesame"}}"#;

fn write(home: &Home, file: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = native(&home.path().join(file));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn servers(entries: &[(&str, &str)]) -> String {
    let entries: Vec<_> = entries.iter().map(|(key, entry)| format!("    \"{key}\": {entry}")).collect();
    format!("{{\n  \"mcpServers\": {{\n{}\n  }}\n}}\n", entries.join(",\n"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&read(path)).unwrap()
}

/// The command of a server, as words.
fn command(path: &Path, key: &str) -> Vec<String> {
    let entry = &json(path)["mcpServers"][key];
    let args = entry["args"].as_array().into_iter().flatten();
    std::iter::once(&entry["command"]).chain(args).map(|word| word.as_str().unwrap().to_owned()).collect()
}

fn is_wrapped(words: &[String], own: &[&str]) -> bool {
    words.first().is_some_and(|word| word == program()) && words[1..] == [&["wrap", "--"], own].concat()
}

fn done(ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.out, ran.err);
}

/// The run failed with this code, these words on stderr, and a file as it was.
fn refused(ran: &Ran, code: i32, words: &[&str], unchanged: &[(&Path, &str)]) {
    assert_eq!(ran.code, Some(code), "{}\n{}", ran.out, ran.err);
    for word in words {
        assert!(ran.err.contains(word), "{word}: {}", ran.err);
    }
    for (path, text) in unchanged {
        assert_eq!(read(path), *text);
        let names = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
        let litter: Vec<_> = names.filter(|name| name.to_string_lossy().contains("policylayer")).collect();
        assert!(litter.is_empty(), "{litter:?}");
    }
}

#[test]
fn there_and_back_leaves_no_trace_in_the_file() {
    let home = Home::new();
    let text = servers(&[("iterable", ITERABLE), ("web", r#"{"url":"https://x.test/mcp?key=swordfish"}"#)]);
    let file = write(&home, DESKTOP, &text);
    #[cfg(unix)]
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();

    let ran = home.run(&["register"]);
    done(&ran);
    assert!(is_wrapped(&command(&file, "iterable"), &["npx", "-y", "@iterable/mcp"]), "{}", read(&file));
    assert_eq!(json(&file)["mcpServers"]["iterable"]["env"]["ITERABLE_API_KEY"], "sesame");
    let backup = native(&home.path().join(format!("{DESKTOP}.policylayer-backup")));
    assert_eq!(read(&backup), text);
    #[cfg(unix)]
    for path in [&file, &backup] {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o640, "{}", path.display());
    }
    for words in [
        "Put the policy in front of iterable of Claude Desktop",
        "wrap -- npx -y @iterable/mcp",
        "built-in one for iterable",
        backup.to_str().unwrap(),
        "Restart Claude Desktop",
        "policylayer unregister iterable --client claude-desktop",
    ] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
    assert!(!ran.out.contains("sesame"));

    let registered = read(&file);
    let ran = home.run(&["register", "iterable", "--client", "claude-desktop"]);
    done(&ran);
    assert!(ran.out.contains("is already behind the policy"), "{}", ran.out);
    assert_eq!(read(&file), registered);

    let ran = home.run(&["unregister"]);
    done(&ran);
    assert_eq!(read(&file), text);
    assert!(!backup.exists(), "it equals the file");
    assert!(ran.out.contains("It now starts npx -y @iterable/mcp") && !ran.out.contains("is kept"), "{}", ran.out);
    let ran = home.run(&["unregister", "iterable"]);
    done(&ran);
    assert!(ran.err.contains("iterable of Claude Desktop is not wrapped"), "{}", ran.err);
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_dry_run_shows_the_change_without_secrets_and_writes_nothing() {
    let home = Home::new();
    let text = servers(&[("a\u{202e}", r#"{"command":"x","args":["--token","sesame"]}"#), ("iterable", ITERABLE)]);
    let file = write(&home, CURSOR, &text);
    let ran = home.run(&["register", "iterable", "--dry-run"]);
    done(&ran);
    assert!(
        ran.out.contains("@@") && ran.out.contains("+    \"iterable\"") && ran.out.contains("\"wrap\""),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains("sesame") && !ran.out.contains('\u{202e}'), "{}", ran.out);
    assert_eq!(read(&file), text);
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    done(&home.run(&["register", "iterable"]));
    let registered = read(&file);
    let ran = home.run(&["unregister", "iterable", "--dry-run"]);
    done(&ran);
    assert!(ran.out.contains("-    \"iterable\""), "{}", ran.out);
    assert_eq!(read(&file), registered);
}

#[test]
fn what_is_unclear_is_asked_and_not_guessed() {
    let home = Home::new();
    let none = ["No client has a server iterable", "no server at all yet"];
    let add = format!("`policylayer register iterable {DASHES} COMMAND`");
    refused(&home.run(&["register", "iterable"]), 1, &[&none[..], &[&add]].concat(), &[]);
    // `unregister` takes no command, so it speaks of none.
    let ran = home.run(&["unregister", "iterable"]);
    refused(&ran, 1, &none, &[]);
    assert!(!ran.err.contains("COMMAND") && !ran.err.contains("`--`"), "{}", ran.err);
    let two = servers(&[("iterable", ITERABLE), ("other", r#"{"command":"y"}"#)]);
    let cursor = write(&home, CURSOR, &two);
    let all = [(cursor.as_path(), two.as_str())];
    refused(&home.run(&["register"]), 2, &["several servers", "iterable, other"], &all);
    refused(&home.run(&["register", "iterabel"]), 1, &["Did you mean iterable?"], &all);
    refused(
        &home.run(&["register", "zebra", "--client", "cursor"]),
        1,
        &["Cursor has no server zebra", "iterable, other"],
        &all,
    );
    refused(&home.run(&["register", "iterable", "--client", "zed"]), 1, &["Zed is not installed"], &all);
    refused(&home.run(&["unregister"]), 0, &["no server that is wrapped"], &all);
    let broken = write(&home, DESKTOP, "{");
    refused(&home.run(&["unregister"]), 1, &["no server that is wrapped", "left alone"], &all);
    // It may be in the file that nobody could read.
    let words = ["No file that can be read has a server slack. Fix", "claude_desktop_config.json first."];
    let ran = home.run(&["register", "slack"]);
    refused(&ran, 1, &words, &all);
    assert!(!ran.err.contains("No client has"), "{}", ran.err);
    fs::remove_file(broken).unwrap();
    let absent = home.run(&["register", "iterable", "--client", "claude-code"]);
    refused(&absent, 1, &["Claude Code is not installed", ".claude does not exist"], &all);
    let nobody = home.run(&["register", "iterable", "--client", "emacs"]);
    assert_eq!(nobody.code, Some(2), "{}", nobody.err);

    let one = servers(&[("iterable", ITERABLE)]);
    let desktop = write(&home, DESKTOP, &one);
    let all = [(cursor.as_path(), two.as_str()), (desktop.as_path(), one.as_str())];
    let words = ["Several files", "--client claude-desktop", "--client cursor", "--all-clients"];
    refused(&home.run(&["register", "iterable"]), 2, &words, &all);
    refused(&home.run(&["register", "x", "--", "srv"]), 2, &["several clients", "claude-desktop, cursor"], &all);
    // In one client it is clear again.
    done(&home.run(&["register", "--client", "claude-desktop"]));
    assert_eq!(read(&cursor), two);
    done(&home.run(&["register", "iterable", "--all-clients"]));
    for file in [&cursor, &desktop] {
        assert!(is_wrapped(&command(file, "iterable"), &["npx", "-y", "@iterable/mcp"]));
    }
    done(&home.run(&["unregister", "--all-clients"]));
    assert_eq!((read(&cursor), read(&desktop)), (two, one));
}

#[test]
fn files_that_are_no_good_are_left_alone() {
    for (text, words) in [
        ("{\n  \"mcpServers\": {\"s\": {\"command\": \"x\"}", "line 2, column"),
        ("{\"mcpServers\": {\"s\": {\"command\": \"x\"}, \"s\": {\"command\": \"y\"}}}", "a second time"),
        ("{\"mcpServers\": {\"s\": {\"command\": \"x\", \"command\": \"y\"}}}", "a second time"),
        ("{\"mcpServers\": {}, \"mcpServers\": {\"s\": {\"command\": \"x\"}}}", "a second time"),
        ("{\"mcpServers\": {\"s\": {\"command\": [\"x\"]}}}", "a list instead of a string"),
        ("{\"mcpServers\": {\"s\": {\"command\": \"x\", \"args\": null}}}", "null instead of a list"),
        ("{\"mcpServers\": {\"s\": {\"url\": \"http://x.test\"}}}", "http:// to another machine"),
        ("{\"mcpServers\": {\"s\": {\"type\": \"ws\", \"url\": \"https://x.test\"}}}", "over a WebSocket"),
        ("{\"mcpServers\": []}", "a list instead of an object"),
        ("[]", "a list instead of an object"),
    ] {
        let home = Home::new();
        let file = write(&home, CURSOR, text);
        refused(&home.run(&["register", "s", "--client", "cursor"]), 1, &[words], &[(&file, text)]);
        let added = home.run(&["register", "s", "--client", "cursor", "--", "srv"]);
        refused(&added, 1, &[], &[(&file, text)]);
    }
    let home = Home::new();
    let file = write(&home, CURSOR, b"{\"mcpServers\": {\"s\": {\"command\": \"\xff\"}}}");
    let ran = home.run(&["register", "s", "--client", "cursor"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("UTF-8"), "{}", ran.err);
    assert_eq!(fs::read(&file).unwrap(), b"{\"mcpServers\": {\"s\": {\"command\": \"\xff\"}}}");

    // With others, the good ones are done, and the run fails.
    let good = servers(&[("s", r#"{"command":"srv"}"#)]);
    let desktop = write(&home, DESKTOP, &good);
    let ran = home.run(&["register", "s", "--all-clients"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("UTF-8") && command(&desktop, "s")[0] == program(), "{}", ran.err);
}

#[test]
fn links_are_followed() {
    if !may_link() {
        return;
    }
    let home = Home::new();
    let text = servers(&[("s", r#"{"command":"srv"}"#)]);
    let real = write(&home, "dotfiles/cursor.json", &text);
    fs::create_dir_all(home.path().join(".cursor")).unwrap();
    let link = home.path().join(CURSOR);
    symlink(&real, &link);
    done(&home.run(&["register", "s"]));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(command(&real, "s")[0], program());
    done(&home.run(&["unregister", "s"]));
    assert_eq!(read(&real), text);

    make_read_only(&real);
    refused(&home.run(&["register", "s"]), 1, &["is write-protected"], &[]);
    assert_eq!(read(&real), text);
    assert!(!home.path().join("dotfiles/cursor.json.policylayer-backup").exists());

    let nowhere = write(&home, DESKTOP, "");
    fs::remove_file(&nowhere).unwrap();
    symlink(home.path().join("nowhere"), &nowhere);
    let ran = home.run(&["register", "s", "--client", "claude-desktop"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("left alone"), "{}", ran.err);
}

/// What a person may do to a file that is not to be written.
fn make_read_only(file: &Path) {
    let mut permissions = fs::metadata(file).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(file, permissions).unwrap();
}

#[test]
fn write_protection_is_respected() {
    let home = Home::new();
    let text = servers(&[("s", r#"{"command":"srv"}"#)]);
    let file = write(&home, CURSOR, &text);
    make_read_only(&file);
    refused(&home.run(&["register", "s"]), 1, &["is write-protected"], &[(&file, &text)]);
    assert!(fs::metadata(&file).unwrap().permissions().readonly());
}

#[test]
fn a_file_that_clients_share_is_changed_once_for_all_of_them() {
    if !may_link() {
        return;
    }
    let home = Home::new();
    let text = servers(&[("iterable", ITERABLE)]);
    let file = write(&home, "dotfiles/mcp.json", &text);
    for link in [CURSOR, DESKTOP] {
        let link = home.path().join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(&file, link);
    }

    let ran = home.run(&["register", "iterable", "--all-clients"]);
    done(&ran);
    assert!(is_wrapped(&command(&file, "iterable"), &["npx", "-y", "@iterable/mcp"]), "{}", read(&file));
    for words in ["iterable of Cursor", "iterable of Claude Desktop", " and "] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
    done(&home.run(&["unregister", "iterable", "--all-clients"]));
    assert_eq!(read(&file), text);

    done(&home.run(&["register", "new", "--all-clients", "--", "node", "new.js"]));
    assert!(is_wrapped(&command(&file, "new"), &["node", "new.js"]), "{}", read(&file));
}

#[test]
fn originals_are_kept_and_never_overwritten() {
    let home = Home::new();
    let first = servers(&[("a", r#"{"command":"x"}"#), ("b", r#"{"command":"y"}"#)]);
    let file = write(&home, CURSOR, &first);
    let kept = |number: &str| home.path().join(format!("{CURSOR}.policylayer-backup{number}"));
    done(&home.run(&["register", "a"]));
    // A file with a wrapped server is no original.
    done(&home.run(&["register", "b"]));
    assert_eq!(read(&kept("")), first);
    assert!(!kept("-2").exists());
    done(&home.run(&["unregister", "a"]));
    // Another original is kept as well.
    let registered = read(&file);
    let second = first.replace("\"x\"", "\"z\"");
    fs::write(&file, &second).unwrap();
    done(&home.run(&["register", "a"]));
    assert_eq!((read(&kept("")), read(&kept("-2"))), (first.clone(), second.clone()));
    assert!(!kept("-3").exists());
    // What the file equals again keeps nothing.
    done(&home.run(&["unregister", "a"]));
    assert_eq!((read(&file), read(&kept(""))), (second, first.clone()));
    assert!(!kept("-2").exists());
    fs::write(&file, registered).unwrap();
    done(&home.run(&["unregister", "b"]));
    assert_eq!(read(&file), first);
    assert!(!kept("").exists());
}

#[test]
fn a_program_that_moved_is_told_anew_and_other_options_are_refused() {
    let home = Home::new();
    let text = servers(&[("s", r#"{"command":"/old/policylayer","args":["wrap","--server","s","--","srv"]}"#)]);
    let file = write(&home, CURSOR, &text);
    let ran = home.run(&["register", "s"]);
    done(&ran);
    assert!(ran.out.contains("It was /old/policylayer."), "{}", ran.out);
    assert_eq!(read(&file), text.replace("\"/old/policylayer\"", &serde_json::json!(program()).to_string()));
    let now = read(&file);
    let ran = home.run(&["register", "s", "--server", "other"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("wrapped already, with another name"), "{}", ran.err);
    done(&home.run(&["register", "s", "--server", "S"]));
    home.policy("p.toml", "version = \"1\"\ndefault = \"allow\"\n");
    let ran = home.run(&["register", "s", "--policy", "config/policylayer/policies/p.toml"]);
    assert!(ran.err.contains("wrapped already, with another policy"), "{}", ran.err);
    assert_eq!(read(&file), now);

    // The path on the PATH outlives updates, so that one is written.
    if !may_link() {
        return;
    }
    let bin = home.path().join("bin");
    fs::create_dir_all(&bin).unwrap();
    let there = bin.join(format!("policylayer{}", std::env::consts::EXE_SUFFIX));
    symlink(program(), &there);
    let path = std::env::join_paths([Path::new("relative"), Path::new("/nowhere"), &bin]).unwrap();
    let ran = home.command(&["register", "s"]).env("PATH", path).output().unwrap();
    assert!(ran.status.success());
    assert_eq!(command(&file, "s")[0], there.to_str().unwrap());
}

#[test]
fn the_name_is_written_only_where_it_is_needed() {
    let home = Home::new();
    let entries = [
        ("shop", r#"{"command":"npx","args":["-y","@acme/store-mcp"]}"#),
        ("quiet", r#"{"command":"sh"}"#),
        ("iterable", ITERABLE),
        ("named", r#"{"command":"srv"}"#),
    ];
    let text = servers(&entries);
    let file = write(&home, CURSOR, &text);
    let wrap = |key: &str, more: &[&str]| {
        let ran = home.run(&[&["register", key], more].concat());
        done(&ran);
        let words = command(&file, key)[1..].to_vec();
        done(&home.run(&["unregister", key]));
        assert_eq!(read(&file), text);
        (words.join(" "), ran.out)
    };
    let (words, out) = wrap("shop", &[]);
    assert_eq!(words, "wrap -- npx -y @acme/store-mcp");
    assert!(out.contains("built-in one for any server, until there is policies/store.toml"), "{out}");
    assert_eq!(wrap("quiet", &[]).0, "wrap --server quiet -- sh");
    assert_eq!(wrap("iterable", &[]).0, "wrap -- npx -y @iterable/mcp");
    assert_eq!(wrap("named", &["--server", "other"]).0, "wrap --server other -- srv");
    let policy = home.policy("shop.toml", "version = \"1\"\ndefault = \"allow\"\n");
    let (words, out) = wrap("shop", &[]);
    assert_eq!(words, "wrap --server shop -- npx -y @acme/store-mcp");
    assert!(out.contains(policy.to_str().unwrap()), "{out}");
    let (words, _) = wrap("named", &["--policy", "config/policylayer/policies/shop.toml"]);
    let slashes = |text: &str| text.replace('\\', "/");
    assert_eq!(slashes(&words), slashes(&format!("wrap --policy {} -- srv", policy.display())));
    home.policy("store.toml", "version = \"1\"\ndefault = \"allow\"\n");
    assert_eq!(wrap("shop", &[]).0, "wrap -- npx -y @acme/store-mcp");
    home.policy("bad.toml", "version = 1\n");
    let ran = home.run(&["register", "named", "--policy", "config/policylayer/policies/bad.toml"]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert_eq!(read(&file), text);
}

/// It has the catalogue and the built-in policy of the server, and a policy, counts and a log of its own.
#[test]
fn a_second_account_has_a_name_of_its_own() {
    let home = Home::new();
    let entries =
        [("iterable", ITERABLE), ("iterable-staging", ITERABLE), ("my.iterable", ITERABLE), ("iterable-mcp", ITERABLE)];
    let file = write(&home, CURSOR, servers(&entries));
    let words = |key: &str| {
        let ran = home.run(&["register", key]);
        done(&ran);
        (command(&file, key)[1..].join(" "), ran.out)
    };
    let (wrapped, out) = words("iterable-staging");
    assert_eq!(wrapped, "wrap --server iterable-staging -- npx -y @iterable/mcp");
    assert!(out.contains("The policy is the built-in one for iterable."), "{out}");
    assert_eq!(words("my.iterable").0, "wrap --server my.iterable -- npx -y @iterable/mcp");
    assert_eq!(words("iterable-mcp").0, "wrap -- npx -y @iterable/mcp", "every server is called so");
    done(&home.run(&["unregister", "iterable-staging"]));
    home.policy("iterable.toml", "version = \"1\"\ndefault = \"deny\"\nhide = []\n");
    let (wrapped, out) = words("iterable-staging");
    assert_eq!(wrapped, "wrap --server iterable-staging -- npx -y @iterable/mcp");
    assert!(out.contains("The policy of iterable does not hold for iterable-staging."), "{out}");
}

#[test]
fn a_new_server_is_added_behind_the_policy() {
    let home = Home::new();
    let add = ["register", "--", "npx", "-y", "@iterable/mcp"];
    refused(&home.run(&add), 1, &["No MCP client was found"], &[]);
    let absent = home.run(&["register", "--client", "cursor", "--", "npx", "-y", "@iterable/mcp"]);
    refused(&absent, 1, &["Cursor is not installed"], &[]);
    fs::create_dir_all(home.path().join(".cursor")).unwrap();
    let dry = home.run(&[&["register", "--dry-run"], &add[1..]].concat());
    done(&dry);
    assert!(dry.out.contains("+    \"iterable\": {"), "{}", dry.out);
    let file = home.path().join(CURSOR);
    assert!(!file.exists());
    let ran = home.run(&add);
    done(&ran);
    assert!(is_wrapped(&command(&file, "iterable"), &["npx", "-y", "@iterable/mcp"]), "{}", read(&file));
    assert!(ran.out.contains("Added iterable to Cursor"), "{}", ran.out);
    let text = read(&file);
    let again = home.run(&add);
    done(&again);
    assert!(again.out.contains("already behind the policy"), "{}", again.out);
    let other = home.run(&["register", "iterable", "--", "other-mcp"]);
    assert_eq!(other.code, Some(1));
    assert!(other.err.contains("has a server iterable already"), "{}", other.err);
    assert_eq!(read(&file), text);
    // Taken out, it stays without a policy.
    done(&home.run(&["unregister", "iterable"]));
    assert_eq!(command(&file, "iterable"), ["npx", "-y", "@iterable/mcp"]);

    let twice = home.run(&["register", "twice", "--", "policylayer", "wrap", "--", "srv"]);
    refused(&twice, 1, &["Give the server's own command"], &[]);
    let nameless = home.run(&["register", "--", "sh"]);
    assert_eq!(nameless.code, Some(1));
    assert!(nameless.err.contains("does not say the server's name"), "{}", nameless.err);
    let codex = write(&home, ".codex/config.toml", "model = \"x\"\n");
    done(&home.run(&["register", "shop", "--all-clients", "--", "shop-mcp", "a b"]));
    let expected = format!(
        "model = \"x\"\n\n[mcp_servers.shop]\ncommand = {}\nargs = [\"wrap\", \"--\", \"shop-mcp\", \"a b\"]\n",
        serde_json::json!(program())
    );
    assert_eq!(read(&codex), expected);
    assert!(is_wrapped(&command(&file, "shop"), &["shop-mcp", "a b"]));
}

#[test]
fn claude_codes_scopes_are_all_changed_where_they_are_in_force() {
    let home = Home::new();
    // What Windows makes of it begins with `\\?\`, which no client writes.
    let here = if cfg!(windows) { home.path().to_owned() } else { fs::canonicalize(home.path()).unwrap() };
    let entry = r#"{"type":"stdio","command":"npx","args":["-y","@iterable/mcp"],"env":{}}"#;
    let text = format!(
        "{{\n \"projects\": {{\n  {}: {{\"mcpServers\": {{\"iterable\": {entry}}}}},\n  \"/elsewhere\": {{\"mcpServers\": \
         {{\"iterable\": {entry}}}}}\n }},\n \"mcpServers\": {{\"iterable\": {entry}}}\n}}\n",
        serde_json::json!(here)
    );
    let file = write(&home, ".claude.json", &text);
    let project = servers(&[("iterable", entry)]);
    let shared = write(&home, ".mcp.json", &project);
    refused(&home.run(&["register", "iterable"]), 2, &["Several files"], &[(&file, &text)]);
    let ran = home.run(&["register", "iterable", "--client", "claude-code"]);
    done(&ran);
    assert!(ran.out.contains("This file belongs to the project"), "{}", ran.out);
    let now = json(&file);
    for entry in [&now["mcpServers"]["iterable"], &now["projects"][here.to_str().unwrap()]["mcpServers"]["iterable"]] {
        assert_eq!(entry["command"], program(), "{now:#}");
    }
    assert_eq!(now["projects"]["/elsewhere"]["mcpServers"]["iterable"]["command"], "npx");
    assert_eq!(command(&shared, "iterable")[0], program());
    done(&home.run(&["unregister", "iterable", "--client", "claude-code"]));
    assert_eq!((read(&file), read(&shared)), (text, project));
}

#[test]
fn a_projects_file_may_have_the_name_without_a_path() {
    let home = Home::new();
    let text = servers(&[("s", r#"{"command":"policylayer","args":["wrap","--","srv"]}"#)]);
    let file = write(&home, ".vscode/mcp.json", text.replace("mcpServers", "servers"));
    let before = read(&file);
    done(&home.run(&["register", "s"]));
    assert_eq!(read(&file), before);
    let own = write(&home, ".lmstudio/mcp.json", &text);
    done(&home.run(&["register", "s", "--client", "lm-studio"]));
    assert_eq!(command(&own, "s")[0], program());
}

#[test]
fn keys_with_blanks_are_told_as_a_shell_takes_them() {
    let home = Home::new();
    let gone = if cfg!(windows) { "C:/x/policylayer" } else { "/x/policylayer" };
    let text = servers(&[("my shop's", &format!(r#"{{"command":"{gone}","args":["wrap","--","srv"]}}"#))]);
    let file = write(&home, CURSOR, &text);
    let key = if cfg!(windows) { "\"my shop's\"" } else { r"'my shop'\''s'" };
    assert!(home.good(&["clients"]).contains(&format!("policylayer register {key}")));
    done(&home.run(&["unregister"]));
    let ran = home.run(&["register", "my shop's"]);
    done(&ran);
    assert!(ran.out.contains(&format!("policylayer unregister {key} --client cursor")), "{}", ran.out);
    assert_eq!(command(&file, "my shop's")[0], program());
}

#[test]
fn of_all_clients_those_whose_address_has_a_key_are_told_and_left() {
    let home = Home::new();
    let remote = servers(&[("s", r#"{"url":"https://x.test/mcp?key=sesame"}"#)]);
    let desktop = write(&home, DESKTOP, &remote);
    let cursor = write(&home, CURSOR, servers(&[("s", r#"{"command":"srv"}"#)]));
    let ran = home.run(&["register", "s", "--all-clients"]);
    done(&ran);
    assert!(ran.err.contains("Claude Desktop reaches s over HTTP") && !ran.err.contains("sesame"), "{}", ran.err);
    assert_eq!((read(&desktop), command(&cursor, "s")[0].as_str()), (remote, program()));
}

#[test]
fn what_the_shell_says_of_the_policy_is_not_what_the_client_says() {
    let home = Home::new();
    let file = write(&home, CURSOR, servers(&[("iterable", ITERABLE)]));
    let ran = home.command(&["register"]).env("POLICYLAYER_POLICY", home.path().join("nowhere.toml")).output().unwrap();
    assert!(ran.status.success());
    assert!(String::from_utf8(ran.stdout).unwrap().contains("built-in one for iterable"));
    let own = home.path().join("own.toml");
    let variable = format!("\"env\":{{\"POLICYLAYER_POLICY\":{},", serde_json::json!(own));
    fs::write(&file, read(&file).replace("\"env\":{", &variable)).unwrap();
    let json = home.json(&["clients", "--format", "json"]);
    assert_eq!(json["clients"][0]["servers"][0]["policy"], serde_json::json!(own), "{json:#}");
}

#[test]
fn the_help_names_every_client() {
    let home = Home::new();
    for verb in ["register", "unregister"] {
        let help = home.good(&[verb, "--help"]);
        for id in policylayer::clients::table::client_ids() {
            assert!(help.contains(id), "{verb}: {id}");
        }
    }
}

/// What `npx @iterable/mcp setup` writes, by the code of the package itself.
#[test]
fn files_as_iterables_own_setup_writes_them_go_there_and_back() {
    let Some(upstream) = node::upstream() else { return };
    let home = Home::new();
    let script = r#"
        import { pathToFileURL } from "node:url";
        const dist = pathToFileURL(process.env.DIST + "/");
        const { updateToolConfig, ...paths } = await import(new URL("utils/tool-config.js", dist));
        const { buildMcpConfig } = await import(new URL("install.js", dist));
        for (const autoUpdate of [false, true]) {
            const entry = buildMcpConfig({ isLocal: false, env: autoUpdate ? { ITERABLE_DEBUG: "true" } : {}, autoUpdate });
            if (process.env.AUTO !== String(autoUpdate)) continue;
            for (const file of [paths.getClaudeDesktopConfigPath(), paths.getCursorConfigPath(), paths.getWindsurfConfigPath(),
                paths.getAntigravityConfigPath(), process.env.HOME + "/.gemini/settings.json"]) {
                await updateToolConfig(file, entry);
                console.log(file);
            }
        }
        process.exit(0);
    "#;
    // Gemini CLI and Cursor have other things in their files already.
    write(&home, ".gemini/settings.json", "{\n  // mine\n  \"theme\": \"x\"\n}\n");
    write(&home, CURSOR, servers(&[("other", r#"{"command":"y"}"#)]));
    for auto in ["false", "true"] {
        let output = at_home(&mut Command::new(&upstream.node), home.path())
            .args(["--input-type=module", "-e", script])
            .env("XDG_CONFIG_HOME", home.path().join("config"))
            .env("APPDATA", home.path().join("config"))
            .env("DIST", upstream.iterable().parent().unwrap())
            .env("AUTO", auto)
            .current_dir(home.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let files: Vec<PathBuf> = String::from_utf8(output.stdout).unwrap().lines().map(PathBuf::from).collect();
        assert_eq!(files.len(), 5);
        let texts: Vec<String> = files.iter().map(|file| read(file)).collect();
        let own = ["npx", "-y", if auto == "true" { "@iterable/mcp@latest" } else { "@iterable/mcp" }];
        let clients = home.json(&["clients", "--format", "json"]);
        let found =
            clients["clients"].as_array().unwrap().iter().flat_map(|client| client["servers"].as_array().unwrap());
        let found = found.filter(|server| server["key"] == "iterable" && server["state"] == "unprotected").count();
        assert_eq!(found, 5, "{clients:#}");
        let ran = home.run(&["register", "iterable", "--all-clients"]);
        done(&ran);
        assert_eq!(ran.out.matches("built-in one for iterable").count(), 5, "{}", ran.out);
        for file in &files {
            assert!(is_wrapped(&command(file, "iterable"), &own), "{}", read(file));
        }
        done(&home.run(&["unregister", "iterable", "--all-clients"]));
        let after: Vec<String> = files.iter().map(|file| read(file)).collect();
        assert_eq!(after, texts);
    }
}

/// What was written is started as a client would: the words as they are, and next to nothing in the environment.
#[test]
fn what_is_written_starts_with_a_poor_environment() {
    let home = Home::new();
    let server = home.path().join(format!("a server{}", std::env::consts::EXE_SUFFIX));
    copy_program(&example("stub_server"), &server);
    // A library that the program was built with stays beside it.
    for library in fs::read_dir(example("stub_server").parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()) {
        if library.extension().is_some_and(|ending| ending == "dll") {
            fs::copy(&library, home.path().join(library.file_name().unwrap())).unwrap();
        }
    }
    let offer = home.path().join("an offer.json");
    let opened = serde_json::json!({"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}});
    fs::write(&offer, serde_json::json!({ "initialize": opened }).to_string()).unwrap();
    let entry = serde_json::json!({ "command": server, "args": ["--offer", offer] }).to_string();
    let file = write(&home, CURSOR, servers(&[("s", &entry)]));
    done(&home.run(&["register", "s"]));
    let words = command(&file, "s");
    let mut server = Command::new(&words[0]);
    let mut server = at_home(without_variables(&mut server), home.path())
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
    let mut stdin = server.stdin.take().unwrap();
    writeln!(stdin, "{initialize}").unwrap();
    let mut answer = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut answer).unwrap();
    drop(stdin);
    server.wait().unwrap();
    assert!(answer.contains("\"serverInfo\""), "{answer}");
}

#[test]
fn what_is_observed_is_enforced_when_it_is_asked_for() {
    let home = Home::new();
    let text = servers(&[("iterable", ITERABLE), ("none", r#"{"command":"y"}"#)]);
    let file = write(&home, CURSOR, &text);
    let ran = home.run(&["register", "iterable", "--observe"]);
    done(&ran);
    assert!(
        ran.out.contains("Nothing is enforced") && ran.out.contains("register iterable --client cursor --enforce"),
        "{}",
        ran.out
    );
    let observed = ["wrap", "--observe", "--", "npx", "-y", "@iterable/mcp"];
    assert_eq!(command(&file, "iterable")[1..], observed);
    let before = read(&file);
    for args in [&["register", "iterable"][..], &["register", "iterable", "--observe"]] {
        let ran = home.run(args);
        done(&ran);
        assert!(ran.out.contains("only observed: nothing is enforced") && ran.out.contains("--enforce"), "{}", ran.out);
        assert!(!ran.out.contains("behind the policy"), "{}", ran.out);
        assert_eq!(read(&file), before);
    }
    let ran = home.run(&["register", "--enforce"]);
    done(&ran);
    assert!(ran.out.contains("is enforced from now on"), "{}", ran.out);
    assert!(is_wrapped(&command(&file, "iterable"), &["npx", "-y", "@iterable/mcp"]), "{}", read(&file));
    let enforced = read(&file);
    done(&home.run(&["register", "iterable", "--observe"]));
    assert_eq!(read(&file), before);
    done(&home.run(&["register", "iterable", "--enforce"]));
    assert_eq!(read(&file), enforced);
    done(&home.run(&["register", "iterable", "--observe"]));
    done(&home.run(&["unregister", "iterable"]));
    assert_eq!(read(&file), text);
    done(&home.run(&["register", "new", "--observe", "--", "node", "x.js"]));
    assert_eq!(command(&file, "new")[1..], ["wrap", "--observe", "--", "node", "x.js"]);
}

/// Where each client has a server that `register` adds, and how the file may look before; `None` for no file.
const ADDED: [(&str, &str, Option<&str>); 10] = [
    ("cursor", CURSOR, None),
    ("cursor", CURSOR, Some("")),
    ("cursor", CURSOR, Some("{}")),
    ("cursor", CURSOR, Some("{\r\n\t\"mcpServers\": {}\r\n}\r\n")),
    ("cursor", CURSOR, Some("{\"mcpServers\":{\"a\":{\"command\":\"x\"}},\"b\":1}")),
    ("claude-desktop", DESKTOP, Some("{\n  \"mcpServers\": {\n    \"a\": { \"command\": \"x\" } // last\n  }\n}\n")),
    ("claude-code", ".claude.json", Some("{\"projects\":{},\"n\":1}")),
    ("codex", ".codex/config.toml", None),
    ("codex", ".codex/config.toml", Some("model = \"x\" # mine")),
    ("codex", ".codex/config.toml", Some("[mcp_servers.a]\ncommand = \"x\"\n")),
];

#[test]
fn the_undo_of_an_added_server_leaves_things_as_they_were() {
    for (client, file, before) in ADDED {
        for options in [&[][..], &["--env", "KEY"]] {
            let home = Home::new();
            let path = write(&home, file, before.unwrap_or_default());
            if before.is_none() {
                fs::remove_file(&path).unwrap();
            }
            let args = [&["register", "new", "--client", client], options, &["--", "npx", "-y", "new-mcp"]].concat();
            let ran = run_with_input(&home, &args, "sesame\n");
            done(&ran);
            let undo = format!("policylayer unregister new --client {client} --remove");
            assert!(ran.out.contains(&format!("To undo it: {undo}\n")), "{}", ran.out);
            assert_eq!(read(&path).contains("sesame"), !options.is_empty());
            assert!(!ran.out.contains("sesame") && !ran.err.contains("sesame"));
            let words: Vec<_> = undo.split(' ').skip(1).collect();
            let dry = home.run(&[&words[..], &["--dry-run"]].concat());
            done(&dry);
            assert!(path.exists() && !dry.out.contains("sesame"));
            done(&home.run(&words));
            assert_eq!(path.exists().then(|| read(&path)).as_deref(), before, "{file}");
            assert_eq!(litter(&path), [""; 0]);
        }
    }
}

/// What the program left beside a file.
fn litter(file: &Path) -> Vec<String> {
    let names = fs::read_dir(file.parent().unwrap()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains("policylayer")).collect()
}

fn run_with_input(home: &Home, args: &[&str], input: &str) -> Ran {
    let mut command = home.command(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One that refuses its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn an_added_server_goes_from_a_file_that_changed_and_others_stay() {
    let home = Home::new();
    let text = "{\n  \"mcpServers\": {\n    \"a\": {\n      \"command\": \"x\"\n    }\n  }\n}\n";
    let file = write(&home, CURSOR, text);
    done(&home.run(&["register", "new", "--", "srv"]));
    let changed = read(&file).replace("\"x\"", "\"y\"");
    fs::write(&file, &changed).unwrap();
    let ran = home.run(&["unregister", "new", "--client", "cursor", "--remove"]);
    done(&ran);
    assert!(ran.out.contains("Took new out of Cursor") && ran.out.contains("is kept as"), "{}", ran.out);
    assert_eq!(read(&file), text.replace("\"x\"", "\"y\""));
    // The removed entry is kept, with whatever it held.
    let names = litter(&file);
    assert!(names.iter().any(|name| read(&file.with_file_name(name)) == changed), "{names:?}");
    // One that has no policy was not added.
    let ran = home.run(&["unregister", "a", "--client", "cursor", "--remove"]);
    done(&ran);
    assert!(ran.err.contains("is not wrapped") && read(&file).contains("\"y\""), "{}", ran.err);

    let codex = write(&home, ".codex/config.toml", "model = \"x\"\n");
    done(&home.run(&["register", "new", "--client", "codex", "--", "srv"]));
    fs::write(&codex, read(&codex) + "\n[tui]\nx = 1 # why\n").unwrap();
    done(&home.run(&["unregister", "new", "--client", "codex", "--remove"]));
    assert_eq!(read(&codex), "model = \"x\"\n\n[tui]\nx = 1 # why\n");
}

#[test]
fn values_come_from_stdin_and_never_from_the_command_line() {
    let home = Home::new();
    let text = servers(&[("a", r#"{"command":"x"}"#)]);
    let file = write(&home, CURSOR, &text);
    let add = |options: &[&str], input: &str| {
        run_with_input(&home, &[&["register", "shop"], options, &["--", "shop-mcp"]].concat(), input)
    };
    let ran = add(&["--env", "API_KEY=sesame"], "");
    refused(&ran, 2, &["--env API_KEY", "does not belong on the command line"], &[(&file, &text)]);
    assert!(!ran.err.contains("sesame"), "{}", ran.err);
    for (name, input) in [("", "x\n"), ("A B", "x\n")] {
        refused(&add(&["--env", name], input), 2, &["no name of a variable"], &[(&file, &text)]);
    }
    for input in ["", "\n", "one\n"] {
        refused(&add(&["--env", "A", "--env", "B"], input), 1, &["got no value"], &[(&file, &text)]);
    }
    refused(&home.run(&["register", "a", "--env", "KEY"]), 2, &["COMMAND"], &[(&file, &text)]);
    let ran = add(&["--env", "A", "--env", "B"], "ses\"ame\r\n$x y\n");
    done(&ran);
    assert_eq!(json(&file)["mcpServers"]["shop"]["env"], serde_json::json!({ "A": "ses\"ame", "B": "$x y" }));
    for word in ["HTTP://x.test/?token=sesame", "sse://x", "https://me:sesame@x.test"] {
        let ran = home.run(&["register", "web", "--", word]);
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        assert!(ran.err.contains("The address of the server cannot be used"), "{}", ran.err);
        assert!(!ran.err.contains("sesame"), "{}", ran.err);
    }
}

#[cfg(unix)]
#[test]
fn a_value_is_not_shown_while_it_is_typed() {
    use crate::support::terminal::Terminal;

    for (keys, value) in [("ses\u{7f}same\r", Some("sesame")), ("x\u{15}y\r", Some("y")), ("sesame\u{1b}", None)] {
        let home = Home::new();
        let file = write(&home, CURSOR, "{}");
        let command = home.command(&["register", "shop", "--client", "cursor", "--env", "API_KEY", "--", "shop-mcp"]);
        let mut terminal = Terminal::start(command);
        terminal.wait("API_KEY: ");
        terminal.type_in(keys);
        if value.is_some() {
            terminal.wait("> no, not now");
            terminal.type_in("\r");
        }
        assert_eq!(terminal.end().success(), value.is_some(), "{}", terminal.written());
        assert!(!terminal.written().contains("same"), "{}", terminal.written());
        match value {
            Some(value) => assert_eq!(json(&file)["mcpServers"]["shop"]["env"]["API_KEY"], value),
            None => assert_eq!(read(&file), "{}"),
        }
    }
}

#[test]
fn what_is_kept_of_a_projects_file_is_not_in_the_project() {
    let home = Home::new();
    let text = servers(&[("iterable", ITERABLE)]);
    let file = write(&home, ".mcp.json", &text);
    let ran = home.run(&["register", "iterable", "--client", "claude-code"]);
    done(&ran);
    assert_eq!(litter(&file), [""; 0]);
    let kept = ran.out.lines().find_map(|line| line.split_once("is kept as ")).unwrap().1;
    let state = native(&home.path().join("state"));
    assert!(Path::new(kept).starts_with(&state) && read(Path::new(kept)) == text, "{kept}");
    done(&home.run(&["unregister", "iterable", "--client", "claude-code"]));
    assert_eq!(read(&file), text);
    assert!(!Path::new(kept).exists() && !Path::new(kept).parent().unwrap().exists());
}

#[test]
fn a_file_with_several_names_is_said_and_not_split() {
    let home = Home::new();
    let text = servers(&[("s", r#"{"command":"srv"}"#)]);
    let file = write(&home, CURSOR, &text);
    let other = home.path().join("dotfiles.json");
    fs::hard_link(&file, &other).unwrap();
    refused(&home.run(&["register", "s"]), 1, &["has 2 names (hard links)"], &[(&file, &text)]);
    fs::remove_file(&other).unwrap();
    done(&home.run(&["register", "s"]));
}
