//! `policylayer log` and `log stats`: which lines, how they are printed, and logs of every kind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::log as support;
use crate::support::system::PATIENCE;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use policylayer::policy::Effect;
use policylayer::record::{ArgumentsLogged, Direction, Event, Outcome, Subject};
use policylayer::risk::Class;
use serde_json::Value;
use support::{Decision, Home, Log, TEN, observed, passed, refused, requested};

/// A home with a log of a little of everything.
fn shop() -> Home {
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    log.add(&passed(0, "get_lists", Class::Read));
    log.add(&refused(1, "send_mail", "tools.send_mail", "Not on a Friday."));
    log.add(&observed(2, "delete_list", Class::Destructive, "default")).rotate();
    log.event(3, &Event::Gap { lost: 7, why: "No space left on device".to_owned() });
    log.add(&Decision {
        outcome: Outcome::ToolError,
        session: "00000000000000bb",
        ..passed(4, "get_user", Class::Read)
    });
    let prompt = Decision { method: Some("prompts/get"), class: None, ..refused(5, "send_mail", "hide[0]", "Hidden.") };
    log.add(&Decision { effect: Effect::Hide, ..prompt });
    log.add(&Decision { method: None, tool: None, class: None, ..refused(6, "", "protocol", "It is not UTF-8.") });
    log.add(&Decision {
        effect: Effect::RequireApproval,
        rule: "tools.pay.approve_if[0]",
        ..refused(7, "pay", "", "Ask first!")
    });
    log.write();
    home
}

/// The tools, or methods, of the lines of a JSON output.
fn tools(out: &str) -> Vec<String> {
    let name = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let name =
            ["tool", "method", "event", "rule"].into_iter().find_map(|key| line[key].as_str().map(str::to_owned));
        name.unwrap()
    };
    out.lines().map(name).collect()
}

#[test]
fn the_table_has_each_decision_with_its_rule() {
    let out = shop().good(&["log"]);
    let year = jiff::Zoned::now().year();
    // Times of another year have it.
    let out = if year == 2026 { out } else { out.replace("2026-", "") };
    let expected = "  \
  TIME            TOOL                     CLASS        EFFECT              OUTCOME          MS  RULE
  11-22 10:00:00  get_lists                read         ● allow             ok             12.0  default
  11-22 10:00:01  send_mail                execute      ✘ deny              refused           -  tools.send_mail: Not on a Friday.
  11-22 10:00:02  delete_list              destructive  ○ would hide        ok             12.0  default: It is not listed.
  11-22 10:00:03  ! 7 decisions of shop are missing from here on: No space left on device
  11-22 10:00:04  get_user                 read         ● allow             tool_error     12.0  default
  11-22 10:00:05  prompts/get send_mail    -            ✘ hide              refused           -  hide[0]: Hidden.
  11-22 10:00:06  (a line from the client) -            ✘ deny              refused           -  protocol: It is not UTF-8.
  11-22 10:00:07  pay                      execute      ◐ require_approval  refused           -  tools.pay.approve_if[0]: Ask first!
";
    let words = |text: &str| -> Vec<Vec<String>> {
        text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    };
    assert_eq!(words(&out), words(expected), "{out}");
    // Aligned: the header's words stand over the columns.
    let lines: Vec<&str> = out.lines().collect();
    let column = lines[0].chars().collect::<String>().find("CLASS").unwrap();
    assert!(lines[1][column..].starts_with("read"), "{out}");
    assert!(!out.contains('\u{1b}'), "{out}");
}

#[test]
fn json_is_the_lines_of_the_log_as_they_are() {
    let home = shop();
    let written = ["shop.jsonl.000001", "shop.jsonl"].map(|file| fs::read_to_string(home.audit().join(file)).unwrap());
    assert_eq!(home.good(&["log", "--format", "json"]), written.concat());
}

#[test]
fn filters_take_what_they_name_and_nothing_else() {
    let home = shop();
    for (filters, expected) in [
        (&["--tool", "get_*"][..], &["get_lists", "get_user"][..]),
        (&["--tool", "send_mail"], &["send_mail", "send_mail"]),
        (&["--effect", "deny"], &["send_mail", "protocol"]),
        (&["--effect", "hide"], &["delete_list", "send_mail"]),
        (&["--effect", "require_approval"], &["pay"]),
        (&["--outcome", "tool_error"], &["get_user"]),
        (&["--session", "00000000000000b"], &["get_user"]),
        (&["--since", "2026-11-22T10:00:05Z"], &["send_mail", "protocol", "pay"]),
        (&["--limit", "2"], &["protocol", "pay"]),
        (&["-n", "1", "--effect", "allow"], &["get_user"]),
        (&["--effect", "deny", "--tool", "send_*"], &["send_mail"]),
        (&["--server", "SHOP", "--tool", "pay"], &["pay"]),
    ] {
        let out = home.good(&[&["log", "--format", "json"], filters].concat());
        assert_eq!(tools(&out), expected, "{filters:?}");
        let table = home.good(&[&["log"], filters].concat());
        assert_eq!(table.lines().count(), expected.len() + 1, "{table}");
    }
    let none = home.run(&["log", "--tool", "nothing"]);
    assert_eq!((none.code, none.out.as_str()), (Some(0), ""));
    assert_eq!(none.err, "No line of the log matches.\n");
}

#[test]
fn wrong_usage_says_what_to_write() {
    let home = shop();
    for (args, words) in [
        (&["log", "--since", "yesterday"][..], "write how long ago (30m, 2h, 7d), a day (2026-11-22)"),
        (&["log", "--since=-2h"], "it is in the future; write how long ago"),
        (&["log", "--effect", "refuse"], "[possible values: allow, deny, hide, require_approval]"),
        (&["log", "--outcome", "fine"], "server_died"),
        (&["log", "--limit", "many"], "write a number, such as 200, or `all`"),
        (&["log", "--tool", "get_["], "invalid value 'get_['"),
        (&["log", "--server", "a/b"], "is not a server name"),
    ] {
        let ran = home.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(ran.err.contains(words), "{args:?}: {}", ran.err);
    }
}

#[test]
fn no_log_is_no_failure_and_says_where_it_would_be() {
    let home = Home::new();
    for args in [&["log"][..], &["log", "--server", "shop"], &["log", "stats"], &["log", "stats", "--server", "shop"]] {
        let out = home.good(args);
        assert!(out.starts_with("There is no audit log") && out.contains("policylayer wrap"), "{out}");
        assert!(out.contains(home.audit().to_str().unwrap()), "{out}");
    }
    let json = home.run(&["log", "--format", "json"]);
    assert_eq!((json.code, json.out.as_str()), (Some(0), ""));
    assert!(json.err.starts_with("There is no audit log"), "{}", json.err);
    assert_eq!(home.json(&["log", "stats", "--format", "json"])["decisions"], 0);
    // Nothing is created by looking.
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);

    let home = shop();
    let out = home.good(&["log", "--server", "other"]);
    assert!(out.starts_with("There is no audit log of other in") && out.contains("there is one of shop"), "{out}");
}

#[test]
fn logs_of_several_servers_come_together_by_time() {
    let home = Home::new();
    let (mut one, mut other) = (Log::new(&home, "one"), Log::new(&home, "other.x"));
    for second in 0..6 {
        let log = if second % 3 == 0 { &mut other } else { &mut one };
        let tool = format!("tool_{second}");
        log.add(&passed(second, &tool, Class::Read));
        if second == 2 {
            log.rotate();
        }
    }
    one.write();
    other.write();
    let out = home.good(&["log", "--format", "json"]);
    assert_eq!(tools(&out), ["tool_0", "tool_1", "tool_2", "tool_3", "tool_4", "tool_5"]);
    let table = home.good(&["log"]);
    assert!(table.lines().next().unwrap().contains("SERVER"), "{table}");
    assert!(table.contains("  other.x  tool_3  "), "{table}");
    let out = home.good(&["log", "--format", "json", "--server", "other.x"]);
    assert_eq!(tools(&out), ["tool_0", "tool_3"]);
}

#[test]
fn what_cannot_be_read_is_told_once_and_skipped() {
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    log.add(&passed(0, "get_lists", Class::Read)).line(b"not \x1b[31mJSON\n").add(&passed(1, "get_user", Class::Read));
    log.line(format!("\"{}\"\n", "y".repeat(2_000)).as_bytes())
        .line(b"\xff\xfe\n")
        .line(format!("\"{}\"\n", "x".repeat(9 << 20)).as_bytes());
    log.add(&passed(2, "get_page", Class::Read));
    // A line that is being written.
    log.line(b"{\"prev\":\"00").write();
    let ran = home.run(&["log", "--format", "json"]);
    assert_eq!(ran.code, Some(0));
    assert_eq!(tools(&ran.out), ["get_lists", "get_user", "get_page"]);
    let warnings: Vec<&str> = ran.err.lines().collect();
    assert_eq!(warnings.len(), 4, "{}", ran.err);
    for (warning, line) in warnings.iter().zip([2, 4, 5, 6]) {
        assert!(warning.starts_with(&format!("warning: line {line} of ")), "{warning}");
        assert!(warning.contains("shop.jsonl is skipped: it is not a record: "), "{warning}");
    }
    assert!(warnings[1].len() < 500, "{}", ran.err);
    assert!(warnings[3].contains("longer than 8388608 bytes"), "{}", ran.err);
    assert!(!ran.err.contains('\u{1b}'));

    // Many of them do not drown what can be read.
    log.line(b"\n").line("?\n".repeat(1_000).as_bytes()).write();
    let ran = home.run(&["log", "--format", "json"]);
    assert_eq!(ran.err.lines().count(), 11, "{}", ran.err);
    assert!(ran.err.ends_with("more lines cannot be read.\n"), "{}", ran.err);
}

#[test]
fn nothing_in_the_log_drives_the_terminal() {
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    let evil = "a\u{1b}]0;owned\u{7}\u{202e}b\nc";
    log.add(&Decision { reason: Some(evil), rule: evil, ..refused(0, evil, evil, evil) });
    log.add(&Decision { method: Some(evil), ..refused(1, evil, evil, evil) }).write();
    for args in [&["log"][..], &["log", "stats"]] {
        let out = home.good(args);
        assert!(out.contains("a\\u{1b}]0;owned\\u{7}\\u{202e}b\\u{a}c"), "{out}");
        assert!(!out.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{out}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_it() {
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    for second in 0..5_000 {
        log.add(&passed(second, "get_lists", Class::Read));
    }
    log.write();
    let mut child = home.command(&["log", "-n", "all"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    drop(out);
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap()), (Some(0), String::new()));
}

/// How many lines a huge log has; fewer where reading them takes longer, for they are to be read within the test's time.
const HUGE: u64 = if cfg!(windows) { 25_000 } else { 100_000 };

#[test]
fn a_huge_log_is_read_in_little_memory_and_time() {
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    for n in 0..HUGE {
        let tool = ["get_lists", "get_user", "create_list"][usize::try_from(n % 3).unwrap()];
        log.add(&Decision { at: Duration::from_millis(TEN * 1_000 + n * 50), ..passed(0, tool, Class::Read) });
        if (n + 1) % (HUGE * 2 / 5) == 0 {
            log.rotate();
        }
    }
    log.write();
    let begun = Instant::now();
    let out = home.good(&["log"]);
    let took = begun.elapsed();
    assert_eq!(out.lines().count(), 51);
    // A build with checks and no optimisation; the released one takes a tenth.
    assert!(took < PATIENCE, "{took:?}");
    for args in [&["log", "-n", "all"][..], &["log", "stats"]] {
        let peak = peak_memory(home.command(args));
        assert!(peak < 64 << 20, "{args:?}: {peak} bytes");
    }
}

/// How much memory a run took at most, in bytes, where the system tells.
fn peak_memory(mut command: std::process::Command) -> u64 {
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or_default() * 1024);
        thread::sleep(Duration::from_millis(5));
    }
    peak
}

/// Ends what it holds.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn following_goes_on_over_rotations_and_new_servers() {
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    for second in 0..12 {
        log.add(&passed(second, &format!("old_{second}"), Class::Read));
    }
    log.write();
    let mut child = home.command(&["log", "-f", "--format", "json"]).stdout(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let _running = Running(child);
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let next = || tools(&lines.recv_timeout(PATIENCE).expect("a line comes")).remove(0);
    for second in 2..12 {
        assert_eq!(next(), format!("old_{second}"));
    }
    log.add(&passed(20, "new_1", Class::Read)).write();
    assert_eq!(next(), "new_1");
    // Two rotations between two looks, with lines before, between and after.
    log.add(&passed(21, "new_2", Class::Read)).rotate().add(&passed(22, "new_3", Class::Read)).rotate();
    log.add(&passed(23, "new_4", Class::Read)).write();
    assert_eq!([next(), next(), next()], ["new_2", "new_3", "new_4"]);
    // A line in two pieces is one line.
    let mut other = Log::new(&home, "other");
    other.add(&passed(24, "new_5", Class::Read)).write();
    assert_eq!(next(), "new_5");
    let text = fs::read(&other.file).unwrap();
    let (head, tail) = text.split_at(100);
    other.line(head).write();
    thread::sleep(Duration::from_millis(500));
    assert!(lines.try_recv().is_err());
    other.line(tail).write();
    assert_eq!(next(), "new_5");
}

#[test]
fn following_waits_for_the_first_line() {
    let home = Home::new();
    let mut command = home.command(&["log", "--follow"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let _running = Running(child);
    let mut told = String::new();
    BufReader::new(stderr).read_line(&mut told).unwrap();
    assert!(told.starts_with("There is no audit log yet") && told.ends_with("Waiting for it.\n"), "{told}");
    Log::new(&home, "shop").add(&passed(0, "get_lists", Class::Read)).write();
    let mut lines = BufReader::new(stdout).lines();
    assert!(lines.next().unwrap().unwrap().contains("SERVER"));
    assert!(lines.next().unwrap().unwrap().contains("get_lists"));
}

/// What never left the wrapper is neither passed on nor "only observed", whatever ended it; what a person has approved was passed on.
#[test]
fn what_waited_for_a_person_in_vain_was_not_passed_on() {
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    let waiting = |seconds, outcome| Decision {
        effect: Effect::RequireApproval,
        rule: "tools.pay",
        outcome,
        ..passed(seconds, "pay", Class::Financial)
    };
    let in_vain = [
        ("client_ended", Outcome::Cancelled),
        ("session_ended", Outcome::Cancelled),
        ("cancelled", Outcome::Cancelled),
        ("cancelled", Outcome::ServerDied),
        ("timed_out", Outcome::Refused),
    ];
    for (seconds, (verdict, outcome)) in (0..).zip(in_vain) {
        log.add_answered(&waiting(seconds, outcome), verdict);
    }
    log.add_answered(&waiting(10, Outcome::Ok), "approved_once");
    log.add_answered(&waiting(11, Outcome::Cancelled), "approved_for_session");
    log.add_answered(&waiting(12, Outcome::ServerDied), "granted").write();
    let json = home.json(&["log", "stats", "--format", "json"]);
    let pay = &json["tools"][0];
    let counts = ["calls", "refused", "observed", "failed"].map(|key| pay[key].as_u64().unwrap());
    assert_eq!(counts, [8, in_vain.len() as u64, 0, 1], "{pay}");
}

#[test]
fn stats_say_what_was_called_refused_slow_and_near_its_limit() {
    let home = shop();
    home.policy(
        "shop.toml",
        "version = \"1\"\ndefault = \"deny\"\n[tools.get_lists]\nrate_limit = \"1/minute\"\n[tools.get_user]\nlimits = [{ max = 100, window = \"hour\", scope = \"server\" }]\n",
    );
    let json = home.json(&["log", "stats", "--format", "json"]);
    assert_eq!(json["decisions"], 7);
    assert_eq!(json["lost"], 7);
    assert_eq!(json["other_decisions"], 2);
    let tool = |name: &str| json["tools"].as_array().unwrap().iter().find(|tool| tool["tool"] == name).unwrap().clone();
    let lists = tool("get_lists");
    assert_eq!((&lists["calls"], &lists["allow"], &lists["class"]), (&1.into(), &1.into(), &"read".into()));
    assert!((lists["p50_ms"].as_f64().unwrap() - 12.0).abs() < 0.5, "{lists}");
    let deleted = tool("delete_list");
    assert_eq!((&deleted["hide"], &deleted["observed"], &deleted["refused"]), (&1.into(), &1.into(), &0.into()));
    assert_eq!(tool("send_mail")["p99_ms"], Value::Null);
    assert_eq!(tool("get_user")["failed"], 1);
    let refusals = json["refusals"].as_array().unwrap();
    assert_eq!(refusals.len(), 5, "{refusals:?}");
    let rule = refusals.iter().find(|refusal| refusal["rule"] == "tools.send_mail").unwrap();
    assert_eq!((&rule["reason"], &rule["last"]), (&"Not on a Friday.".into(), &"2026-11-22T10:00:01Z".into()));
    let limits = json["limits"].as_array().unwrap();
    assert_eq!(limits.len(), 2, "{limits:?}");
    assert_eq!((&limits[0]["rule"], &limits[0]["near"]), (&"tools.get_lists.rate_limit".into(), &true.into()));
    assert_eq!((&limits[1]["scope"], &limits[1]["near"]), (&"server".into(), &false.into()));
    let sessions = json["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0]["client"]["name"], "test-client");

    let text = home.good(&["log", "stats"]);
    for words in [
        "7 decisions in 2 sessions",
        "Calls (█ passed on, ░ refused)",
        "████",
        "░░░░",
        "Refused or asked about, or would have been",
        "Limits near their ceiling",
        "tools.get_lists.rate_limit  100 %  1 of 1  minute  session",
        "test-client 1.2.3",
        "00000000000000bb",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("get_user.limits"), "{text}");
    let filtered = home.json(&["log", "stats", "--format", "json", "--tool", "get_*"]);
    assert_eq!(filtered["decisions"], 2);
}

#[test]
fn a_limit_is_near_its_ceiling_by_its_own_window_and_scope() {
    for (spread, session, expected) in [(10, 1, 1.0), (60, 1, 0.125), (10, 2, 0.5)] {
        let home = Home::new();
        home.policy("shop.toml", "version = \"1\"\ndefault = \"deny\"\n[tools.get]\nrate_limit = \"8/minute\"\n");
        let mut log = Log::new(&home, "shop");
        for n in 0..8 {
            let session = if n % session == 0 { "a" } else { "b" };
            let at = Duration::from_secs(TEN + n * spread * 6 / if spread == 60 { 6 } else { 10 });
            log.add(&Decision { at, session, ..passed(0, "get", Class::Read) });
        }
        log.write();
        let json = home.json(&["log", "stats", "--format", "json"]);
        assert_eq!(json["limits"][0]["share"], expected, "every {spread} s, {session} sessions: {}", json["limits"]);
    }
}

#[test]
fn verify_tells_a_whole_log_from_a_changed_one() {
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    for second in 0..20 {
        log.add(&passed(second, "get_lists", Class::Read));
        if second == 8 {
            log.rotate();
        }
    }
    log.seal();
    Log::new(&home, "other").add(&passed(0, "get_lists", Class::Read)).seal();
    let text = home.good(&["log", "verify"]);
    assert!(
        text.starts_with("✔ other: intact\n")
            && text.contains("✔ shop: intact\n  20 lines in 2 files of 1 session, from "),
        "{text}"
    );
    let json = home.json(&["log", "verify", "--server", "shop", "--format", "json"]);
    let server = &json["servers"][0];
    assert_eq!((&json["whole"], &server["lines"], &server["broken"]), (&true.into(), &20.into(), &Value::Null));
    // Pruned and current: what `sha256sum` says of the last line.
    assert_eq!(server["last_sha256"].as_str().unwrap().len(), 64);

    let file = home.audit().join("shop.jsonl.000001");
    let written = fs::read_to_string(&file).unwrap();
    fs::write(&file, written.replacen("get_lists", "get_users", 1)).unwrap();
    let ran = home.run(&["log", "verify"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""), "{}", ran.out);
    assert!(ran.out.contains("✔ other: intact"), "{}", ran.out);
    assert!(ran.out.contains("✘ shop: broken: ") && ran.out.contains("shop.jsonl.000001, line 1: "), "{}", ran.out);
    let ran = home.run(&["log", "verify", "--server", "shop", "--format", "json"]);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &json["whole"], &json["servers"][0]["broken"]["line"]), (Some(1), &false.into(), &1.into()));

    // Without its files, but with its head, it is gone, which is not the same as none.
    fs::remove_file(home.audit().join("shop.jsonl")).unwrap();
    for number in 1..=9 {
        let _ = fs::remove_file(home.audit().join(format!("shop.jsonl.00000{number}")));
    }
    let ran = home.run(&["log", "verify", "--server", "shop"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("shop.jsonl: the file is gone, and with it the last "), "{}", ran.out);
    let ran = home.run(&["log", "--server", "shop"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("The audit log of shop in") && ran.err.contains("is gone"), "{}", ran.err);

    let ran = Home::new().run(&["log", "verify"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("There is no audit log yet"), "{}", ran.err);
}

#[test]
fn a_limit_beside_tools_is_near_its_ceiling_too() {
    let home = Home::new();
    home.policy(
        "shop.toml",
        "version = \"1\"\ndefault = \"deny\"\n[resources.\"file:///srv/**\"]\nrate_limit = \"2/minute\"\n\
         [prompts.weekly]\nrate_limit = \"10/minute\"\n[requests.sampling]\nrate_limit = \"1/hour\"\n\
         [methods.\"x-vendor/*\"]\nlimits = [{ max = 4, window = \"day\", scope = \"server\", increment_from = \"args.n\" }]\n",
    );
    let mut log = Log::keeping(&home, "shop", ArgumentsLogged::Full);
    log.add(&requested(0, "resources/read", Some(Subject::Resource("file:///srv/may.csv")), "x"));
    log.add(&requested(1, "resources/read", Some(Subject::Resource("file:///srv/june.csv")), "x"));
    log.add(&requested(2, "prompts/get", Some(Subject::Prompt("weekly")), "x"));
    // A completion is decided about with its prompt, and not counted.
    log.add(&requested(3, "completion/complete", Some(Subject::Prompt("weekly")), "x"));
    log.add(&Decision { direction: Direction::Server, ..requested(4, "sampling/createMessage", None, "x") });
    log.add(&Decision { arguments: Some(r#"{"n":3}"#), ..requested(5, "x-vendor/do", None, "x") }).write();
    let json = home.json(&["log", "stats", "--format", "json"]);
    let limits = json["limits"].as_array().unwrap().iter();
    let seen: Vec<_> = limits
        .map(|limit| {
            let subject = ["resource", "prompt", "method"].iter().find_map(|kind| limit[*kind].as_str()).unwrap();
            (limit["rule"].as_str().unwrap(), limit["share"].as_f64().unwrap(), subject)
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("methods.\"x-vendor/*\".limits[0]", 0.75, "x-vendor/do"),
            ("prompts.weekly.rate_limit", 0.1, "weekly"),
            ("requests.sampling.rate_limit", 1.0, "sampling/createMessage"),
            ("resources.\"file:///srv/**\".rate_limit", 1.0, "file:///srv/june.csv"),
        ]
    );
    let text = home.good(&["log", "stats"]);
    for words in ["100 %  2 of 2  minute", "resource file:///srv/june.csv", "method sampling/createMessage"] {
        assert!(text.contains(words), "{words}: {text}");
    }
}
