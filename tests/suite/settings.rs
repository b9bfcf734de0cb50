//! config.toml: what it may say, what is said of what is wrong with it, and that `wrap`, `check` and `decide` keep to it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use policylayer::policy::{Colour, Format, Source, render_diagnostics};
use policylayer::settings::{self, ArgumentsLogged, Channel, LocalConfirm, NotifyMethod, Required, Settings};

mod clients;
mod commands;
use crate::support::wrapped;

fn source(text: &str) -> Source {
    Source::new("config.toml", Format::Toml, text)
}

/// The settings of a text that is valid.
fn good(text: &str) -> Settings {
    let source = source(text);
    let loaded = settings::load_settings(&source);
    loaded
        .settings
        .unwrap_or_else(|| panic!("{text}\n{}", render_diagnostics(&source, &loaded.diagnostics, Colour::Plain)))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn everything_has_a_default() {
    let settings = good("");
    assert_eq!(settings, Settings::default());
    assert_eq!(settings.servers, []);
    assert_eq!(settings.wrap.max_message, 64 << 20);
    assert_eq!(settings.wrap.grace, Duration::from_secs(5));
    assert_eq!(settings.audit.arguments, ArgumentsLogged::Keys);
    assert_eq!(settings.audit.required, Required::No);
    assert_eq!((settings.audit.max_size, settings.audit.max_total), (32 << 20, 2 << 30));
    assert_eq!(settings.audit.keep_days, 90);
    assert_eq!(settings.approvals.channels, [Channel::Client, Channel::Local]);
    assert_eq!(settings.approvals.timeout, Duration::from_secs(600));
    assert_eq!(settings.approvals.local_confirm, LocalConfirm::None);
    assert_eq!(settings.approvals.notify, [NotifyMethod::Desktop]);
    assert!(settings.approvals.command.is_empty());
    assert_eq!(good("[servers]\n[wrap]\n[audit]\n[approvals]\n"), settings);
    // As Notepad saves it.
    assert_eq!(good("\u{feff}[servers]\r\n[wrap]\r\n[audit]\r\n[approvals]\r\n"), settings);
}

#[test]
fn every_key_is_read() {
    let settings = good(
        r#"
        servers.files = { match = ["server-filesystem"] }
        [servers.Iterable]
        match = ["@iterable/mcp", "iterable-mcp"]
        policy = "policies/strict.json"
        [wrap]
        max_message = "1KiB"
        grace = "0s"
        [audit]
        arguments = "redacted"
        required = true
        max_size = "1 GiB"
        max_total = "4 GiB"
        keep_days = 3650
        [approvals]
        channels = ["local"]
        timeout = "day"
        local_confirm = "code"
        notify = ["command"]
        command = ["/bin/ask", "", "$HOME"]
        "#,
    );
    let names: Vec<_> = settings.servers.iter().map(|server| server.name.as_str()).collect();
    assert_eq!(names, ["files", "iterable"]);
    assert_eq!(settings.servers[1].matches, ["@iterable/mcp", "iterable-mcp"]);
    assert_eq!(settings.servers[1].policy, Some(PathBuf::from("policies/strict.json")));
    assert_eq!((settings.wrap.max_message, settings.wrap.grace), (1024, Duration::ZERO));
    assert_eq!(settings.audit.arguments, ArgumentsLogged::Redacted);
    assert_eq!(settings.audit.required, Required::Yes);
    assert_eq!((settings.audit.max_size, settings.audit.max_total), (1 << 30, 4 << 30));
    assert_eq!(settings.audit.keep_days, 3650);
    let small = good("[audit]\nmax_total = '128KiB'").audit;
    assert_eq!((small.max_size, small.max_total), (64 << 10, 128 << 10), "two files fit");
    assert_eq!(settings.approvals.channels, [Channel::Local]);
    assert_eq!(settings.approvals.timeout, Duration::from_secs(24 * 60 * 60));
    assert_eq!(settings.approvals.local_confirm, LocalConfirm::Code);
    assert_eq!(settings.approvals.notify, [NotifyMethod::Command]);
    assert_eq!(settings.approvals.command, ["/bin/ask", "", "$HOME"]);
    let both = good("[approvals]\ncommand = ['ask']").approvals.notify;
    assert_eq!(both, [NotifyMethod::Desktop, NotifyMethod::Command]);
    assert_eq!(good("[approvals]\nnotify = []").approvals.notify, []);

    let least = good(
        "wrap = { max_message = 2048, grace = 600 }\naudit = { max_size = 65_536, keep_days = 1, arguments = 'full' }",
    );
    assert_eq!((least.wrap.max_message, least.wrap.grace), (2048, Duration::from_secs(600)));
    assert_eq!((least.audit.max_size, least.audit.keep_days), (64 << 10, 1));
    assert_eq!(least.audit.arguments, ArgumentsLogged::Full);
    assert_eq!(
        good("[approvals]\nchannels = ['local', 'client']").approvals.channels,
        [Channel::Local, Channel::Client]
    );
}

/// One error: line and column, code, a part of the message, a part of what to do.
type Wrong = (usize, usize, &'static str, &'static str, &'static str);

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_to_do() {
    let cases: &[(&str, &[Wrong])] = &[
        ("[warp]", &[(1, 2, "unknown-key", "config.toml has no key `warp`", "did you mean `wrap`?")]),
        ("grace = '5s'", &[(1, 1, "unknown-key", "no key `grace`", "it belongs to `[wrap]`")]),
        ("default = 'deny'", &[(1, 1, "unknown-key", "no key `default`", "it belongs to a policy")]),
        ("[audit]\ntimeout = '5s'", &[(2, 1, "unknown-key", "`[audit]` has no key", "it belongs to `[approvals]`")]),
        ("[wrap]\nmax-message = 1", &[(2, 1, "unknown-key", "`max-message`", "did you mean `max_message`?")]),
        ("[wrap]\nspeed = 1", &[(2, 1, "unknown-key", "`speed`", "its keys are `max_message` and `grace`")]),
        ("wrap = 5", &[(1, 8, "wrong-type", "`wrap` takes a table, and this is an integer", "in brackets")]),
        ("[wrap]\nmax_message = '1023'", &[(2, 15, "bad-value", "at least 1KiB, not `1023`", "64MiB")]),
        ("[wrap]\nmax_message = 'x'", &[(2, 15, "bad-value", "`x` is not a size", "`x` is not a unit")]),
        ("[wrap]\nmax_message = '9 parsecs'", &[(2, 15, "bad-value", "is not a size", "`parsecs` is not a unit")]),
        ("[wrap]\nmax_message = '64.5MiB'", &[(2, 15, "bad-value", "is not a size", "whole number")]),
        ("[wrap]\nmax_message = '99999999999GiB'", &[(2, 15, "bad-value", "is not a size", "can address")]),
        ("[wrap]\nmax_message = -1", &[(2, 15, "bad-value", "not `-1`", "64MiB")]),
        ("[wrap]\nmax_message = 1e6", &[(2, 15, "wrong-type", "and this is a number", "64MiB")]),
        ("[wrap]\ngrace = '601s'", &[(2, 9, "bad-value", "from 0s to 10m, not `601s`", "such as \"5s\"")]),
        ("[wrap]\ngrace = '-1s'", &[(2, 9, "bad-value", "not `-1s`", "such as \"5s\"")]),
        ("[wrap]\ngrace = '5 s'", &[(2, 9, "bad-value", "not `5 s`", "such as \"5s\"")]),
        ("[wrap]\ngrace = ''", &[(2, 9, "bad-value", "not an empty text", "such as \"5s\"")]),
        ("[wrap]\ngrace = '99999999999999999999d'", &[(2, 9, "bad-value", "not `99999", "such as")]),
        ("[wrap]\ngrace = true", &[(2, 9, "wrong-type", "and this is a boolean", "such as \"5s\"")]),
        (
            "[audit]\narguments = 'key'",
            &[(2, 13, "bad-value", "\"keys\", \"redacted\" or \"full\", not `key`", "\"keys\"?")],
        ),
        (
            "[audit]\narguments = 1",
            &[(2, 13, "wrong-type", "takes \"keys\", \"redacted\" or \"full\"", "write \"keys\"")],
        ),
        (
            "[audit]\nrequired = 'yes'",
            &[(2, 12, "wrong-type", "true or false, and this is a string", "without quotes")],
        ),
        ("[audit]\nmax_size = '64KB'", &[(2, 12, "bad-value", "from 64KiB to 1GiB, not `64KB`", "KiB")]),
        ("[audit]\nmax_size = '1025MiB'", &[(2, 12, "bad-value", "from 64KiB to 1GiB", "KiB")]),
        ("[audit]\nmax_total = '127KiB'", &[(2, 13, "bad-value", "128KiB", "")]),
        ("[audit]\nkeep_days = 0", &[(2, 13, "bad-value", "from 1 to 3650, not `0`", "bounds")]),
        ("[audit]\nkeep_days = 3651", &[(2, 13, "bad-value", "from 1 to 3650", "bounds")]),
        ("[audit]\nkeep_days = '90'", &[(2, 13, "wrong-type", "whole number from 1 to 3650", "without quotes")]),
        ("[audit]\nkeep_days = 1.5", &[(2, 13, "wrong-type", "and this is a number", "fraction")]),
        ("[approvals]\nchannels = []", &[(2, 12, "bad-value", "nobody could ever be asked", "name a channel")]),
        ("[approvals]\nchannels = 'local'", &[(2, 12, "wrong-type", "a list of channels", "brackets")]),
        (
            "[approvals]\nchannels = ['local', 'slack', 'local']",
            &[
                (2, 22, "bad-value", "\"client\" or \"local\", not `slack`", "write"),
                (2, 31, "bad-value", "named twice", "at most once"),
            ],
        ),
        ("[approvals]\ntimeout = 0", &[(2, 11, "bad-value", "from 1s to 24h, not `0`", "seconds")]),
        ("[approvals]\ntimeout = '25h'", &[(2, 11, "bad-value", "from 1s to 24h", "such as")]),
        ("[approvals]\ntimeout = 2026-01-01", &[(2, 11, "wrong-type", "and this is a date", "such as")]),
        ("[approvals]\nlocal_confirm = 'pin'", &[(2, 17, "bad-value", "\"none\" or \"code\", not `pin`", "write")]),
        (
            "[approvals]\nasks = false",
            &[(2, 1, "unknown-key", "`[approvals]` has no key", "`[approvals.clients.NAME]`")],
        ),
        (
            "[approvals]\nnotify = ['desktop', 'mail', 'desktop']",
            &[
                (2, 22, "bad-value", "\"desktop\" or \"command\", not `mail`", "write"),
                (2, 30, "bad-value", "named twice", "at most once"),
            ],
        ),
        ("[approvals]\nnotify = ['command']", &[(2, 11, "missing-key", "no `command`", "command = [")]),
        ("[approvals]\ncommand = []", &[(2, 11, "bad-value", "nothing would be run", "a program")]),
        ("[approvals]\ncommand = ['', 'x']", &[(2, 11, "bad-value", "no name", "a program")]),
        ("[approvals]\ncommand = 'curl'", &[(2, 11, "wrong-type", "a list of strings", "brackets")]),
        ("[approvals]\ncommand = ['a', 1]", &[(2, 17, "wrong-type", "a word of `command` takes a string", "quotes")]),
        ("[approvals]\ncommand = [\"a\\u0000\"]", &[(2, 12, "bad-value", "NUL", "remove it")]),
        (
            "[approvals]\nnotify = []\ncommand = ['a']",
            &[(3, 11, "bad-value", "it never runs", "add \"command\" to `notify`")],
        ),
        (
            "[approvals]\nchannels = ['client']\ncommand = ['a']",
            &[(3, 11, "bad-value", "so the command never runs", "add \"local\"")],
        ),
        ("approvals.clients = ['a']", &[(1, 21, "wrong-type", "`clients` takes a table", "claude-ai")]),
        ("[approvals.clients]\nasks = false", &[(2, 8, "wrong-type", "a client takes a table", "claude-ai]")]),
        ("[approvals.clients.a]\nasks = 'no'", &[(2, 8, "wrong-type", "takes true or false", "without quotes")]),
        ("[approvals.clients.a]\nwaits = '9s'", &[(2, 9, "bad-value", "from 10s to 24h, not `9s`", "such as")]),
        ("[approvals.clients.a]\nwaits = '25h'", &[(2, 9, "bad-value", "from 10s to 24h", "such as")]),
        ("[approvals.clients.a]\nask = true", &[(2, 1, "unknown-key", "no key `ask`", "did you mean `asks`?")]),
        ("[approvals.clients.a]\nsince = '1'", &[(2, 1, "unknown-key", "no key `since`", "its keys are")]),
        ("[approvals.clients.'']\nasks = true", &[(1, 20, "bad-value", "a client is empty", "claude-ai]")]),
        ("[approvals.clients.'a*b']\nasks = true", &[(1, 20, "bad-value", "not at its end", "put one `*`")]),
        ("[approvals.clients.'a**']\nasks = true", &[(1, 20, "bad-value", "not at its end", "put one `*`")]),
        ("servers = []", &[(1, 11, "wrong-type", "`servers` takes a table", "brackets")]),
        ("servers.a = 'b'", &[(1, 13, "wrong-type", "a server takes a table", "brackets")]),
        ("[servers.'../a']", &[(1, 10, "bad-value", "`../a` is not a server name", "[servers.iterable]")]),
        ("[servers.a]\n[servers.A]", &[(2, 10, "duplicate-key", "two tables for the server `a`", "join them")]),
        ("[servers.a]\nmatches = ['b']", &[(2, 1, "unknown-key", "no key `matches`", "did you mean `match`?")]),
        ("[servers.a]\nmatch = 'b'", &[(2, 9, "wrong-type", "a list of strings", "brackets")]),
        ("[servers.a]\nmatch = []", &[(2, 9, "bad-value", "matches no command", "leave the key out")]),
        ("[servers.a]\nmatch = ['b', 1]", &[(2, 15, "wrong-type", "takes a string", "quotes")]),
        ("[servers.a]\nmatch = ['']", &[(2, 10, "bad-value", "part of every command", "name a part")]),
        (
            "[servers.a]\npolicy = ''",
            &[(2, 10, "bad-value", "ends in .toml", "relative to the directory of config.toml")],
        ),
        ("[servers.a]\npolicy = 'a.txt'", &[(2, 10, "bad-value", "ends in .toml", "policies/iterable.toml")]),
        ("[servers.a]\npolicy = '~/a.toml'", &[(2, 10, "bad-value", "not expanded", "an absolute path")]),
        ("[servers.a]\npolicy = ['a.toml']", &[(2, 10, "wrong-type", "takes a string", "quotes")]),
        ("[wrap]\ngrace = 1\ngrace = 2", &[(3, 1, "duplicate-key", "`grace` is written twice", "keep one")]),
        ("[wrap]\n[audit]\n[wrap]", &[(3, 2, "duplicate-key", "`wrap` is written twice", "keep one")]),
        ("[wrap\ngrace = 1", &[(1, 6, "syntax", "this is not TOML", "[NAME]")]),
        ("[wrap]\ngrace = 5s", &[(2, 9, "syntax", "this is not TOML", "")]),
        (
            "sped = 1\n[wrap]\ngrace = 'x'\n[audit]\nrequired = 1\n[approvals]\nchannels = [1]\n",
            &[
                (1, 1, "unknown-key", "`sped`", "its keys are"),
                (3, 9, "bad-value", "`grace`", "such as"),
                (5, 12, "wrong-type", "`required`", "without quotes"),
                (7, 13, "wrong-type", "`channels`", "write \""),
            ],
        ),
    ];
    for (text, expected) in cases {
        let source = source(text);
        let loaded = settings::load_settings(&source);
        let rendered = render_diagnostics(&source, &loaded.diagnostics, Colour::Plain);
        assert_eq!(loaded.settings, None, "{text}");
        assert_eq!(loaded.diagnostics.len(), expected.len(), "{text}\n{rendered}");
        for (found, (line, column, code, message, hint)) in loaded.diagnostics.iter().zip(*expected) {
            let place = source.place_of(found.span.start);
            assert_eq!((place.line, place.column, found.code), (*line, *column, *code), "{text}\n{rendered}");
            assert!(found.message.contains(message), "{text}\n{rendered}");
            assert!(found.hint.as_ref().is_some_and(|found| found.contains(hint)), "{text}\n{rendered}");
        }
    }
}

#[test]
fn a_name_is_found_by_a_part_of_any_word() {
    let settings =
        good("[servers.one]\nmatch = ['@one/', 'uno']\n[servers.two]\nmatch = ['/two/run']\n[servers.three]");
    for (command, expected) in [
        (&["npx", "-y", "@one/mcp@2"][..], Some("one")),
        (&["npx", "-y", "@uno/mcp"], Some("one")),
        (&["sh", "-c", "cd /x && /opt/two/run.sh --fast"], Some("two")),
        (&["npx", "-y", "@ONE/mcp"], None),
        (&["npx", "@one", "/mcp"], None),
        (&["three"], None),
        (&[], None),
    ] {
        let found = settings.name_of(command).unwrap();
        assert_eq!(found.map(AsRef::as_ref), expected, "{command:?}");
    }
    let error = settings.name_of(&["/two/run", "--of", "@one/mcp"]).unwrap_err().to_string();
    assert!(
        error.contains("[servers.one]") && error.contains("[servers.two]") && error.contains("--server"),
        "{error}"
    );
}

#[test]
fn the_example_has_every_key_with_its_default() {
    let text = read("config/config.toml");
    assert_eq!(good(&text), Settings::default());
    // Each key is there, and not only in a comment: with another value, the settings are others.
    for (key, other) in [
        ("max_message", "'1MiB'"),
        ("grace", "'1s'"),
        ("arguments", "'full'"),
        ("required", "true"),
        ("max_size", "'1MiB'"),
        ("max_total", "'1GiB'"),
        ("keep_days", "1"),
        ("channels", "['local']"),
        ("timeout", "'1s'"),
        ("local_confirm", "'code'"),
        ("notify", "[]"),
    ] {
        let lines = text.lines().map(|line| match line.split_once(" = ") {
            Some((name, _)) if name == key => format!("{key} = {other}\n"),
            _ => format!("{line}\n"),
        });
        assert_ne!(good(&lines.collect::<String>()), Settings::default(), "{key}");
    }
    // What is commented out is valid as well.
    let uncommented: String = text
        .lines()
        .map(|line| {
            line.strip_prefix("# ").filter(|line| line.contains(" = ") || line.starts_with('[')).unwrap_or(line)
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let settings = good(&uncommented);
    assert_eq!(settings.servers.len(), 1);
    assert!(!settings.servers[0].matches.is_empty() && settings.servers[0].policy.is_some());
    assert!(settings.approvals.clients[0].asks.is_some() && settings.approvals.clients[0].waits.is_some());
}

#[test]
fn the_page_has_every_key_and_its_examples_load() {
    let page = read("docs/configuration.md");
    assert!(page.contains("\n## `strength`\n"));
    for key in [
        "match",
        "policy",
        "max_message",
        "grace",
        "arguments",
        "required",
        "max_size",
        "keep_days",
        "channels",
        "timeout",
        "local_confirm",
        "notify",
        "command",
        "asks",
        "waits",
    ] {
        assert!(page.contains(&format!("\n| `{key}` |")), "{key} is not in docs/configuration.md");
    }
    let examples: Vec<_> = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(examples.len(), 6);
    for example in &examples {
        assert_ne!(good(example), Settings::default(), "{example}");
    }
    good(&examples.concat());
}
