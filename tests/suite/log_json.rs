//! What `--format json` prints of logs and approvals, compared with tests/golden/report: names, order and numbers are promises.
//!
//! `UPDATE_GOLDEN=1 cargo test --test suite log_json::` writes what it prints now; read the difference before you keep it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use policylayer::engine::{ApprovalAnswer, Channel, Effects, LocalChannel as _, Question, Settled, Upshot};
use policylayer::policy::{ApprovalLifetime, ApprovalScope, Effect};
use policylayer::record::{ArgumentsLogged, Event, Outcome};
use policylayer::risk::Class;
use policylayer::state::approvals::{Confirm, SessionApprovals, StoredApprovals, unix_time};
use serde_json::Value;

use crate::support::log::{Decision, Home, Log, observed, passed, refused};
use crate::support::question::{asked_server, question};

/// Fails where this is not what was kept, or keeps it.
fn compare(name: &str, printed: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, printed).unwrap();
    }
    assert_eq!(printed, fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n"), "{name} has changed");
}

/// Two servers, a policy with limits of each kind, and a log of a little of everything.
fn shop() -> Home {
    let home = Home::new();
    home.policy(
        "shop.toml",
        "version = \"1\"\ndefault = \"deny\"\n[tools.get_lists]\nrate_limit = \"3/minute\"\n[tools.pay]\n\
         limits = [{ max = 12.75, window = \"day\", align = \"calendar\", scope = \"server\", increment_from = \"args.sum\" }]\n",
    );
    let mut log = Log::keeping(&home, "shop", ArgumentsLogged::Full);
    log.add(&passed(0, "get_lists", Class::Read));
    log.add(&Decision { took: Duration::from_millis(250), ..passed(1, "get_lists", Class::Read) });
    log.add(&refused(2, "send_mail", "tools.send_mail", "Not on a Friday."));
    log.add(&observed(3, "delete_list", Class::Destructive, "default")).rotate();
    log.event(4, &Event::Gap { lost: 7, why: "No space left on device".to_owned() });
    log.add(&Decision {
        outcome: Outcome::ToolError,
        session: "00000000000000bb",
        ..passed(5, "get_user", Class::Read)
    });
    log.add(&Decision { method: Some("prompts/get"), class: None, ..refused(6, "send_mail", "hide[0]", "Hidden.") });
    log.add(&Decision { arguments: Some(r#"{"sum":9.5}"#), ..passed(7, "pay", Class::Execute) });
    log.add(&Decision { arguments: Some(r#"{"sum":3.249999999}"#), ..passed(8, "pay", Class::Execute) });
    log.add(&Decision {
        effect: Effect::RequireApproval,
        rule: "tools.pay.approve_if[0]",
        class: None,
        ..refused(9, "pay", "", "Ask first!")
    });
    log.add(&refused(10, "send_mail", "tools.send_mail", "Not on a Saturday.")).seal();
    let mut other = Log::new(&home, "other");
    other.add(&Decision { arguments: Some(r#"{"a":1}"#), ..passed(3, "get_page", Class::Read) });
    other.add(&Decision { arguments: Some("{}"), ..passed(4, "get_page", Class::Read) }).seal();
    home
}

/// What a run prints that ends with 0 or 1, without the home's own path.
fn printed(home: &Home, args: &[&str]) -> String {
    let ran = home.run(args);
    assert!(matches!(ran.code, Some(0 | 1)) && ran.err.is_empty(), "{args:?}: {}", ran.err);
    let audit = serde_json::to_string(home.audit().to_str().unwrap()).unwrap();
    ran.out.replace(audit.trim_matches('"'), "AUDIT").replace("AUDIT\\\\", "AUDIT/")
}

#[test]
fn stats_are_as_they_were() {
    let home = shop();
    compare("stats.json", &printed(&home, &["log", "stats", "--format", "json"]));
    compare("stats-of-nothing.json", &printed(&home, &["log", "stats", "--tool", "x", "--format", "json"]));
}

#[test]
fn verifications_are_as_they_were() {
    let home = shop();
    compare("verify.json", &printed(&home, &["log", "verify", "--format", "json"]));
    let file = home.audit().join("shop.jsonl.000001");
    fs::write(&file, fs::read_to_string(&file).unwrap().replacen("get_lists", "get_users", 1)).unwrap();
    compare("verify-broken.json", &printed(&home, &["log", "verify", "--server", "shop", "--format", "json"]));
}

#[test]
fn replays_are_as_they_were() {
    let home = shop();
    let new = "version = \"1\"\ndefault = \"deny\"\n[tools.get_lists]\nrate_limit = \"1/minute\"\n[tools.send_mail]\n[tools.delete_list]\naction = \"require_approval\"\n";
    fs::write(home.path().join("new.toml"), new).unwrap();
    let replay = ["replay", "--policy", "new.toml", "--format", "json", "--server"];
    compare("replay.json", &printed(&home, &[&replay[..], &["shop"]].concat()));
    let looks = "version = \"1\"\ndefault = \"deny\"\n[tools.get_page]\ndeny_if = [{ path = \"args.a\", op = \"eq\", value = 2 }]\n";
    fs::write(home.path().join("new.toml"), looks).unwrap();
    compare("replay-uncertain.json", &printed(&home, &[&replay[..], &["other"]].concat()));
}

#[test]
fn approvals_are_as_they_were() {
    let home = Home::new();
    let folder = home.path().join("state").join("policylayer");
    fs::create_dir_all(&folder).unwrap();
    let (store, until) = ("state.sqlite3", unix_time() + Duration::from_secs(600));
    let mut desk = SessionApprovals::new(&folder, store, "0a".to_owned(), asked_server("shop"), Confirm::Code);
    let send = Question {
        client: Some("claude-code\u{202e}".into()),
        reason: Some("Sends mail.".into()),
        effects: Effects::ALL.to_vec(),
        beside: Some("{\"task\" : {\"ttl\":60000}}".into()),
        scope: ApprovalScope::Arguments,
        lives: ApprovalLifetime::Client,
        ..question(1, "send", "{\"to\" : [\"a\u{202e}b\", 1.50]}")
    };
    for question in [send, question(2, "pay", "{}"), question(3, "no", "{}")] {
        desk.open_question(&question, until).unwrap();
    }
    let mut book = StoredApprovals::new(&folder, store);
    let refused = book.list_all().unwrap()[2].key();
    let note = Some("Not today.".to_owned());
    book.answer_question(&refused, &ApprovalAnswer::Refused { note }, Confirm::None).unwrap().unwrap();
    assert_eq!(desk.take_answers().len(), 1);
    desk.settle_question(3, Settled::Answered(Channel::Local, Upshot::Refused));
    let list = printed(&home, &["approvals", "list", "--format", "json"]);
    let shown = printed(&home, &["approvals", "show", refused.id(), "--format", "json"]);
    // Ids and times are of this run.
    let entries: Value = serde_json::from_str(&list).unwrap();
    let mut texts = [list, shown.clone()];
    for entry in entries.as_array().unwrap().iter().chain([&serde_json::from_str(&shown).unwrap()]) {
        for key in ["id", "asked", "expires", "answered"] {
            if let Some(value) = entry[key].as_str() {
                assert!(key == "id" || value.parse::<jiff::Timestamp>().is_ok(), "{value}");
                texts = texts.map(|text| text.replace(&format!("\"{key}\": \"{value}\""), &format!("\"{key}\": …")));
            }
        }
    }
    compare("approvals.json", &texts[0]);
    compare("approval.json", &texts[1]);
}
