//! What each subcommand prints in a terminal of 80 columns, and in one of 140: no line is wider than the terminal, every column
//! is there, and no word is cut without the mark of a cut.
// Each row of the table needs a pseudo-terminal.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use policylayer::engine::{LocalChannel as _, Question};
use policylayer::policy::ApprovalLifetime;
use policylayer::record::{ArgumentsLogged, Event};
use policylayer::risk::Class;
use policylayer::state::approvals::{Confirm, SessionApprovals, unix_time};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use crate::support::log::{Decision, Home, Log, observed, passed, refused};
use crate::support::question::{asked_server, question};
use crate::support::system::{PATIENCE, example, program};
use crate::support::terminal::Terminal;

const POLICY: &str = r#"version = "1"
default = "allow"
hide = ["delete_*"]

[all_tools]
rate_limit = { max = 120, window = "1m" }

[tools.send_campaign]
action = "require_approval"
reason = "A campaign goes to customers: it needs a second pair of eyes before it is sent to everybody who is on the list."

[tools.get_campaigns]
rate_limit = { max = 2, window = "1h" }
"#;

/// Each of these has a message, a source line or a hint that is wider than 80 columns.
const BROKEN: &str = r#"version = "1"
default = "allwo"
tools = { send_campaign = { action = "require_approval", reason = "It mails a million people at once", rate_limt = { max = 2, window = "1h" } } }
"#;

/// A home with several clients, policies, a lock, logs, calls that wait and edits: a real desk.
pub(crate) fn desk() -> Home {
    let home = Home::new();
    let stub = example("stub_server");
    let offer = home.path().join("offer.json");
    let server = [stub.to_str().unwrap(), "--offer", offer.to_str().unwrap()];
    let behind = |options: &[&str]| {
        let args = [&["wrap"], options, &["--"], &server[..]].concat();
        json!({ "command": program(), "args": args })
    };
    let write = |file: &str, text: &str| {
        let file = home.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    write("offer.json", &offered("Returns the campaigns").to_string());
    let claude = json!({ "mcpServers": {
        "shop": behind(&["--server", "shop"]),
        "seen": behind(&["--observe", "--server", "shop"]),
        "gone": { "command": program(), "args": ["wrap", "--", "no-such-server-anywhere", "--with", "a-long-argument"] },
        "web": { "url": "https://mcp.example.com/mcp?token=sesame" },
    } });
    write(".claude.json", &claude.to_string());
    let files = home.path().join("projects/accounting/reports");
    let npx = |package: &str| json!({ "command": "npx", "args": ["-y", package, files.to_str().unwrap()] });
    let cursor = json!({ "mcpServers": {
        "iterable-staging": npx("@iterable/mcp"),
        "files": npx("@modelcontextprotocol/server-filesystem"),
    } });
    write(".cursor/mcp.json", &serde_json::to_string_pretty(&cursor).unwrap());
    write(".codex/config.toml", "[mcp_servers.iterable]\ncommand = \"npx\"\nargs = [\"-y\", \"@iterable/mcp\"]\n");
    home.policy("shop.toml", POLICY);
    write("new.toml", "version = \"1\"\ndefault = \"deny\"\n[tools.get_campaigns]\n");
    write("broken.toml", BROKEN);
    write(
        "config/policylayer/policies/shop.test.toml",
        "[[case]]\nname = \"a case that fails, and whose name is about as long as the name of a case can be\"\n\
         tool = \"send_campaign\"\nexpect = \"allow\"\nreason = \"Another one than the policy has\"\n",
    );
    write_log(&home);
    ask(&home);
    for args in [
        &["lock", "shop", "--yes"][..],
        &[
            "deny",
            "get_lists",
            "--server",
            "shop",
            "--reason",
            "Because the lists are not for agents, which have no use for them.",
        ],
        &["limit", "create_list", "10/min", "--server", "shop"],
    ] {
        let ran = home.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}: {}{}", ran.out, ran.err);
    }
    write("offer.json", &offered("Returns the campaigns, and what is in ~/.ssh").to_string());
    home
}

fn offered(description: &str) -> Value {
    let tool = |name: &str, description: &str| json!({ "name": name, "description": description, "inputSchema": { "type": "object" } });
    json!({
        "initialize": {
            "protocolVersion": "2025-06-18", "serverInfo": { "name": "shop", "version": "1.2" },
            "capabilities": { "tools": {} },
        },
        "tools/list": { "tools": [
            tool("get_campaigns", &format!("{description}: the name, the state, the audience and the day of each.")),
            tool("get_lists", "Returns the lists."),
            tool("create_list", "Creates a list of people, each by an address that has to be known to the project already."),
            tool("send_campaign", "Sends a campaign to everybody who is on its lists."),
            tool("delete_list", "Deletes a list for ever."),
            tool("update_email_template_of_the_whole_company", "Updates a template."),
        ] },
    })
}

fn write_log(home: &Home) {
    let mut log = Log::keeping(home, "shop", ArgumentsLogged::Keys);
    let arguments = json!({ "id": 1 }).to_string();
    for at in 0..9 {
        log.add(&Decision { arguments: Some(&arguments), ..passed(at, "get_campaigns", Class::Read) });
    }
    log.add(&refused(
        20,
        "delete_list",
        "hide[0]",
        "The policy hides this tool, and each other one whose name begins like this one.",
    ));
    log.add(&refused(21, "get_campaigns", "tools.get_campaigns.rate_limit", "The limit of 2 per hour is reached."));
    log.add(&observed(22, "update_email_template_of_the_whole_company", Class::Write, "default"));
    log.add(&passed(23, "create_list", Class::Write));
    log.event(
        24,
        &Event::Gap {
            lost: 7,
            why: "the disk of this machine was full, and nothing more could be written to it".into(),
        },
    );
    log.seal();
    Log::new(home, "iterable").add(&passed(30, "get_lists", Class::Read)).seal();
}

/// A call that waits although its session is over.
fn ask(home: &Home) {
    let folder = home.path().join("state/policylayer");
    fs::create_dir_all(&folder).unwrap();
    let mut local =
        SessionApprovals::new(&folder, "state.sqlite3", "0a".to_owned(), asked_server("shop"), Confirm::None);
    let arguments =
        json!({ "campaignId": 77, "note": "the spring campaign for all of our customers in the north" }).to_string();
    let question = Question {
        reason: Some(
            "A campaign goes to customers: it needs a second pair of eyes before it is sent to everybody.".into(),
        ),
        lives: ApprovalLifetime::Client,
        timeout: Duration::from_secs(7200),
        ..question(1, "send_campaign", &arguments)
    };
    local.open_question(&question, unix_time() + Duration::from_secs(7200)).unwrap();
}

/// What is shown in a terminal, without colours and without what a spinner has wiped away.
fn show(home: &Home, args: &[&str], columns: u16) -> String {
    let mut command: Command = home.command(args);
    command.env("TERM", "xterm").env("USER", "ann");
    let mut terminal = Terminal::start_sized(command, columns, 60);
    // A dialogue has nobody to answer it.
    let start = Instant::now();
    while terminal.process.try_wait().unwrap().is_none() && start.elapsed() < PATIENCE {
        if ["init", "lock"].contains(&args[0]) && terminal.written().contains("> ") {
            terminal.type_in("q");
        }
        thread::sleep(Duration::from_millis(20));
    }
    terminal.end();
    let written = terminal.written();
    let lines = written.lines().map(|line| line.rsplit("\u{1b}[2K").next().unwrap_or_default().to_owned() + "\n");
    anstream::adapter::strip_str(&lines.collect::<String>().replace('\r', "")).to_string()
}

/// The lines that are no text, or are to be copied as they are: a diff, and lines of a document.
fn is_verbatim(line: &str, is_diff: &mut bool) -> bool {
    *is_diff = line.starts_with("@@ ") || *is_diff && line.starts_with(['+', '-', ' ', '\\']);
    let is_rule = line.starts_with("    ") && line.contains(" = ");
    *is_diff || is_rule || line.starts_with("--- ") || line.starts_with("+++ ")
}

/// Whether the same words can be compared: nothing that the subcommand prints depends on the time or on an earlier run.
#[derive(Clone, Copy, PartialEq)]
enum Words {
    AsElsewhere,
    Others,
}

#[test]
fn every_subcommand_fits_its_terminal() {
    use Words::{AsElsewhere, Others};
    let home = desk();
    let stub = example("stub_server");
    let offer = home.path().join("offer.json");
    let server = ["--", stub.to_str().unwrap(), "--offer", offer.to_str().unwrap()];
    let of_command = |words: &[&'static str]| words.iter().copied().chain(server).collect::<Vec<_>>();
    let rows: Vec<(Vec<&str>, &[&str], Words)> = vec![
        (vec!["status"], &[], AsElsewhere),
        (vec!["clients"], &["SERVER", "STATE", "POLICY", "COMMAND"], AsElsewhere),
        (vec!["doctor"], &[], Others),
        (vec!["inspect", "shop"], &["TOOL", "RISK", "SURE", "A CALL", "MARKS", "RULE", "WHAT IT DOES"], Others),
        (of_command(&["inspect", "--server", "iterable"]), &["TOOL", "RISK", "A CALL", "RULE", "WHAT IT DOES"], Others),
        (vec!["log"], &["TIME", "SERVER", "TOOL", "CLASS", "EFFECT", "OUTCOME", "MS", "RULE"], AsElsewhere),
        (vec!["log", "shop"], &["TIME", "TOOL", "RULE"], AsElsewhere),
        (
            vec!["log", "stats"],
            &[
                "TOOL",
                "CALLS",
                "ALLOW",
                "DENY",
                "HIDE",
                "ASK",
                "OBSERVED",
                "FAILED",
                "P50 MS",
                "P99 MS",
                "████",
                "REASON",
                "DECISIONS",
            ],
            AsElsewhere,
        ),
        (vec!["log", "verify"], &[], AsElsewhere),
        (vec!["log", "policy"], &[], AsElsewhere),
        (vec!["approvals"], &["ID", "STATE", "ASKED", "LEFT", "SERVER", "TOOL", "RISK", "ARGUMENTS"], Others),
        (vec!["approvals", "approve", "zzzzz"], &[], AsElsewhere),
        (vec!["check"], &[], AsElsewhere),
        (vec!["check", "broken.toml"], &[], AsElsewhere),
        (vec!["check", "shop"], &[], AsElsewhere),
        (
            vec!["decide", "get_campaigns", "--server", "shop"],
            &["LIMIT", "MAX", "WINDOW", "COUNTED FOR", "THIS CALL"],
            AsElsewhere,
        ),
        (vec!["decide", "send_campaign", "--server", "shop"], &[], AsElsewhere),
        (vec!["explain", "iterable", "send_campaign"], &[], AsElsewhere),
        (vec!["explain", "shop"], &[], AsElsewhere),
        (vec!["catalogue"], &["SERVER", "PACKAGE", "VERSION", "READ", "DESTRUCTIVE", "FINANCIAL"], AsElsewhere),
        (vec!["catalogue", "iterable"], &[], AsElsewhere),
        (vec!["changes", "--with", program()], &[], AsElsewhere),
        (vec!["history"], &["EDIT", "TIME", "WHO", "SERVER", "COMMAND"], Others),
        (vec!["history", "--diff"], &[], Others),
        (vec!["undo", "--dry-run"], &[], AsElsewhere),
        (vec!["lock", "--check", "shop"], &[], Others),
        (vec!["lock", "diff", "shop"], &["its description"], Others),
        (
            vec!["replay", "--policy", "new.toml", "--server", "shop"],
            &["TOOL", "CALLS", "WAS", "BECOMES", "RULE", "EXAMPLE", "REASON"],
            AsElsewhere,
        ),
        (vec!["suggest", "--server", "shop"], &[], AsElsewhere),
        (vec!["demo"], &["TOOL", "CLASS", "AGENT SEES", "A CALL"], Others),
        (vec!["test"], &["EXPECTED", "GOT"], AsElsewhere),
        (vec!["hide", "get_lists", "--server", "shop", "--dry-run"], &["TOOL", "BEFORE", "AFTER", "RULE"], AsElsewhere),
        (vec!["limit", "nothing_here", "10/min", "--server", "shop"], &[], AsElsewhere),
        (vec!["register", "iterable-staging", "--dry-run"], &[], AsElsewhere),
        (vec!["register", "--all", "--dry-run"], &[], AsElsewhere),
        (vec!["unregister", "shop", "--dry-run"], &[], AsElsewhere),
        (vec!["unregister", "--all", "--dry-run"], &[], AsElsewhere),
        (of_command(&["init", "--force", "--server", "shop"]), &[], Others),
        (of_command(&["init", "--yes", "--force", "--server", "shop"]), &[], Others),
        (of_command(&["lock", "--yes", "--server", "shop"]), &[], Others),
    ];
    let mut wrong = Vec::new();
    for (args, headers, words) in &rows {
        let elsewhere = (*words == AsElsewhere).then(|| home.run(args));
        for columns in [80, 140] {
            let text = show(&home, args, columns);
            wrong.extend(
                find_faults(&home, &text, columns, headers).map(|fault| format!("{args:?} at {columns}: {fault}")),
            );
            if let Some(ran) = &elsewhere {
                let whole: BTreeSet<_> = (ran.out.clone() + &ran.err).split_whitespace().map(str::to_owned).collect();
                // A source line is cut with three dots.
                let is_known = |word: &str| word.contains(['…', '~']) || word.contains("...") || whole.contains(word);
                let cut = text
                    .split_whitespace()
                    .filter(|word| !is_known(word))
                    .map(|word| format!("{args:?} at {columns}: {word:?} is cut"));
                wrong.extend(cut);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn find_faults<'t>(
    home: &'t Home,
    text: &'t str,
    columns: u16,
    headers: &'t [&'t str],
) -> impl Iterator<Item = String> + 't {
    let (width, mut is_diff) = (usize::from(columns), false);
    let lines: Vec<_> = text.lines().filter(|line| !is_verbatim(line, &mut is_diff)).collect();
    let wide = lines.clone().into_iter().filter(move |line| {
        // A path or an address, which is not broken, has a line of its own.
        line.width() > width && line.split_whitespace().count() > 1
    });
    let missing = headers.iter().filter(|header| !text.contains(**header));
    let at_home = lines.into_iter().filter(|line| {
        let file = home.path().to_str().unwrap();
        // What is in backquotes or a command is to be copied.
        line.trim_start().starts_with(file) && !line.contains(['`']) && !line.contains("policylayer ")
    });
    wide.map(|line| format!("{} columns: {line}", line.width()))
        .chain(missing.map(|header| format!("lacks {header}")))
        .chain(at_home.map(|line| format!("home is not ~: {line}")))
}
