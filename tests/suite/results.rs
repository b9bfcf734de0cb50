//! Results under policy: what of an answer reaches the client, at the boundary of the engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::process::Command;

use policylayer::content::{EditCounts, Strip, TextEdits, edit_texts};
use policylayer::engine::limits::Memory;
use policylayer::engine::{Action, Engine, Now, Payload};
use policylayer::policy::{self, Format, Server, ServerName, Severity, Source};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::recorded::{Recorded, TO_CLIENT, TO_SERVER, policy, told};
use crate::support::system::{at_home, computing_time, program};

const CARD: &str = "4242 4242 4242 4242";
const KEY: &str = "ghp_R8kQ2mZx7LpW4vTn9BcY1sHd6JfGa3EuKo5i";

const POLICY: &str = r#"{"version":"1","default":"allow",
    "results":{"strip":["invisible","ansi"],"max_text":100,
        "deny_if":[{"conditions":[{"path":"result.**","op":"detects","value":"secret"}],"on_deny":"It holds a key."}]},
    "classes":{"read":{"results":{"deny_if":[{"path":"result.structuredContent.kind","op":"eq","value":"private"}]}}},
    "tools":{"pay":{"results":{"deny_if":[{"path":"result.**","op":"detects","value":"card"}]}},"long":{"results":{"max_text":64}},"mine":{"class":"read","reason":"Ours."}},
    "resources":{"file:///cards/**":{"results":{"deny_if":[{"path":"result.**","op":"detects","value":"card"}]}}}}"#;

/// A session with an open request.
fn opened(method: &str, params: Value) -> Recorded {
    let mut session = Recorded::new(POLICY);
    // What is listed has its class, and is not asked for first.
    session.list_tools(&["get", "pay", "long", "mine", "get_lists"]);
    assert_eq!(session.request(1, method, params), [TO_SERVER]);
    session
}

fn called(tool: &str) -> Recorded {
    opened("tools/call", json!({"name": tool, "arguments": {}}))
}

fn text(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

/// What the client gets for a line of the server, as written.
fn written(session: &mut Recorded, line: &str) -> String {
    let (mut actions, now) = (Vec::new(), session.time());
    session.engine.handle_server_line(line.as_bytes(), now, &mut actions);
    let mut actions = session.carry(actions);
    actions.retain(|action| !matches!(action, Action::Stray(_)));
    match actions.as_slice() {
        [Action::ToClient(payload)] => String::from_utf8(payload.bytes(line.as_bytes()).to_vec()).unwrap(),
        actions => panic!("{actions:?}"),
    }
}

#[test]
fn what_nothing_applies_to_passes_byte_for_byte() {
    for result in [
        text("plain"),
        text(
            "caf\u{e9} \u{65e5}\u{672c} \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{2764}\u{fe0f} 1\u{fe0f}\u{20e3}",
        ),
        text("\u{6cc}\u{200c}\u{6a9} tabs\tand\nlines"),
        text(CARD),
        json!({"structuredContent": {"n": 1e300, "kind": "public"}, "isError": true}),
        json!({}),
    ] {
        assert_eq!(called("get_lists").answer(1, result.clone()), [TO_CLIENT], "{result}");
    }
    let odd = r#"{"jsonrpc": "2.0","id" :1, "result":{ "content" :[ {"text":"\u0061\/\ud83d\ude42","n":1.00e2} ] } }"#;
    assert_eq!(written(&mut called("get_lists"), odd), odd);
}

#[test]
fn what_is_not_seen_is_taken_out_and_all_else_stays() {
    let before = r#"{"jsonrpc": "2.0","id" :1, "result":{ "c":[{"text":"a\u200bb\u0041\/"},{"text":"x\u001b[31mred\u001b[0m"},1.50, "\u0042"],"k\u200b":"\ud83d\ude42" }}"#;
    let after = r#"{"jsonrpc": "2.0","id" :1, "result":{ "c":[{"text":"ab\u0041\/"},{"text":"xred"},1.50, "\u0042"],"k\u200b":"\ud83d\ude42" }}"#;
    let mut session = called("get_lists");
    assert_eq!(written(&mut session, before), format!("{after}\n"));
    let counted = json!({"stripped": 10, "cut": 0, "withheld": null});
    assert_eq!(session.recorded(&["outcome", "result"]), [json!(["ok", counted])]);
    // Halves of a pair do not become a character of it.
    let halves =
        edit_texts(r#"{"t":"\udb40\u200b\udc41\ud83d\u200b\ud83d\ude42"}"#, &edits(None), &mut EditCounts::default());
    assert_eq!(halves.as_deref(), Some(r#"{"t":"\udb40\ud83d\ud83d\ude42"}"#));
    for (dirty, clean) in [
        ("a\u{200b}\u{200c}\u{2060}\u{feff}b", "ab"),
        ("tag\u{e0041}\u{e0042}s", "tags"),
        ("\u{202e}txt\u{2066}.exe\u{2069}", "txt.exe"),
        ("\u{2764}\u{fe0f}\u{fe0f}\u{e0101}", "\u{2764}\u{fe0f}"),
        ("a\u{200d}b", "ab"),
        ("bell\u{7}back\u{8}\0", "bellback"),
        ("\u{1b}]0;title\u{7}shown", "shown"),
        ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
        ("\u{1b}]never closed", "never closed"),
        ("\u{9b}31mred", "red"),
        ("\u{1b}\u{1b}[31m[32mx", "[32mx"),
        ("\u{1b}(Bx\u{1b}cy\u{1b}", "xy"),
    ] {
        let got = told(&called("get_lists").answer(1, text(dirty)));
        assert_eq!(got["result"]["content"][0]["text"], clean, "{dirty:?}");
    }
}

#[test]
fn a_long_text_is_cut_between_characters_and_says_so() {
    let long = "\u{e9}".repeat(100);
    let mut session = called("get_lists");
    let got =
        told(&session.answer(
            1,
            json!({"content": [{"type": "text", "text": long}, {"type": "image", "data": "QUJD".repeat(80)}]}),
        ));
    let expected = format!("{} [policylayer: 100 bytes are left out here]", "\u{e9}".repeat(50));
    assert_eq!(got["result"]["content"][0]["text"], expected);
    assert_eq!(got["result"]["content"][1]["data"], "QUJD".repeat(80), "base64 is not cut");
    assert_eq!(session.recorded(&["result"]), [json!([{"stripped": 0, "cut": 1, "withheld": null}])]);
    // The shorter of both lengths holds. A pair of surrogates is one character.
    let line = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"t":"{}"}}}}"#, r"\ud83d\ude42".repeat(20));
    let got = written(&mut called("long"), &line);
    let expected = format!("{} [policylayer: 16 bytes are left out here]", r"\ud83d\ude42".repeat(16));
    assert!(got.contains(&expected), "{got}");
    let state = json!({"resultType": "input_required", "requestState": "s".repeat(200), "inputRequests": {}});
    assert_eq!(called("get_lists").answer(1, state), [TO_CLIENT], "the server's state is its own");
}

#[test]
fn a_result_is_withheld_and_the_agent_is_told_that_the_call_was_made() {
    let mut session = called("get_lists");
    let got = told(&session.answer(1, text(KEY)));
    let said = got["result"]["content"][0]["text"].as_str().unwrap();
    assert!(said.starts_with("[POLICY WITHHELD] It holds a key. The request was made"), "{said}");
    assert!(said.contains("by rule results.deny_if[0]") && !got.to_string().contains("ghp_"), "{got}");
    assert_eq!(got["result"]["isError"], true);
    let withheld = json!({"stripped": 0, "cut": 0, "withheld": "results.deny_if[0]"});
    // The tool has run: the outcome is its own.
    assert_eq!(session.recorded(&["effect", "outcome", "result"]), [json!(["allow", "ok", withheld])]);

    let nested = json!({"email": KEY.replace("ghp_", "gh\u{200b}p_")}).to_string();
    for (tool, result, rule) in [
        ("get_lists", text(&KEY.replace('_', "\\u005f")), "results.deny_if[0]"),
        ("get_lists", text(&nested), "results.deny_if[0]"),
        (
            "get_lists",
            json!({"content": [{"type": "resource", "resource": {"uri": "a:b", "text": KEY}}]}),
            "results.deny_if[0]",
        ),
        ("get_lists", json!({"structuredContent": {"a": [{"b": KEY}]}}), "results.deny_if[0]"),
        ("mine", json!({"structuredContent": {"kind": "private"}}), "classes.read.results.deny_if[0]"),
        // What cannot be judged is withheld.
        ("mine", json!({"structuredContent": {"kind": null}}), "classes.read.results.deny_if[0]"),
        ("pay", text(CARD), "tools.pay.results.deny_if[0]"),
        ("pay", text(KEY), "results.deny_if[0]"),
        ("pay", json!({"structuredContent": {"n": 4242424242424242_u64}}), "tools.pay.results.deny_if[0]"),
        ("pay", text("\u{664}\u{662}\u{664}\u{662}424242424242"), "tools.pay.results.deny_if[0]"),
    ] {
        let got = told(&called(tool).answer(1, result.clone()));
        assert_eq!(got["result"]["_meta"]["policylayer/decision"]["rule"], rule, "{result}: {got}");
    }
    assert_eq!(called("pay").answer(1, text("4242 4242 4242 4241")), [TO_CLIENT]);
}

#[test]
fn errors_resources_prompts_and_notifications_are_results_too() {
    let mut session = called("get_lists");
    let failed = json!({"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":format!("bad key {KEY}")}});
    let got = told(&session.server(&failed));
    assert_eq!(got["error"]["data"]["policylayer/decision"]["rule"], "results.deny_if[0]");
    assert!(!got.to_string().contains("ghp_"), "{got}");
    for (method, params) in [
        ("resources/read", json!({"uri": "file:///a"})),
        ("prompts/get", json!({"name": "p"})),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "p"}, "argument": {"name": "a", "value": ""}}),
        ),
    ] {
        let got = told(&opened(method, params.clone()).answer(1, json!({"x": [KEY]})));
        assert_eq!(got["error"]["data"]["policylayer/decision"]["rule"], "results.deny_if[0]", "{method}");
        let got = told(&opened(method, params).answer(1, json!({"x": ["a\u{200b}b"]})));
        assert_eq!(got["result"]["x"][0], "ab", "{method}");
    }
    let card = json!({"contents": [{"uri": "file:///cards/1", "text": CARD}]});
    let got = told(&opened("resources/read", json!({"uri": "file:///cards/1"})).answer(1, card.clone()));
    assert!(
        got["error"]["message"].as_str().unwrap().contains("resources.\"file:///cards/**\".results.deny_if[0]"),
        "{got}"
    );
    assert_eq!(opened("resources/read", json!({"uri": "file:///other"})).answer(1, card), [TO_CLIENT]);

    let progress = |message: &str| json!({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1,"message":message}});
    let mut session = called("pay");
    assert_eq!(session.server(&progress("half")), [TO_CLIENT]);
    assert_eq!(told(&session.server(&progress("ha\u{200b}lf")))["params"]["message"], "half");
    assert_eq!(session.server(&progress(KEY)), []);
    assert_eq!(session.server(&progress(CARD)), [], "a rule of the open call");
    session.answer(1, json!({}));
    assert_eq!(session.server(&progress(CARD)), [TO_CLIENT]);
}

#[test]
fn the_result_of_a_task_is_one() {
    let mut session = opened("tools/call", json!({"name": "pay", "arguments": {}, "task": {"ttl": 60000}}));
    assert_eq!(session.answer(1, json!({"task": {"taskId": "t", "status": "working"}})), [TO_CLIENT]);
    assert_eq!(session.request(2, "tasks/result", json!({"taskId": "t"})), [TO_SERVER]);
    let got = told(&session.answer(2, text(CARD)));
    assert_eq!(got["error"]["data"]["policylayer/decision"]["rule"], "tools.pay.results.deny_if[0]");
    let withheld = json!({"stripped": 0, "cut": 0, "withheld": "tools.pay.results.deny_if[0]"});
    assert_eq!(session.recorded(&["outcome", "result"]), [json!(["ok", withheld])]);
    // Asked for again, it is withheld again.
    session.request(3, "tasks/result", json!({"taskId": "t"}));
    assert!(told(&session.answer(3, text(CARD)))["error"].is_object());
}

#[test]
fn what_parsers_may_read_differently_is_withheld() {
    let deep = format!("{}1{}", "[".repeat(300), "]".repeat(300));
    let half = r#"{"a":"\ud83d"}"#.to_owned();
    for result in [r#"{"a":1,"a":2}"#.to_owned(), format!("{{\"a\":{deep}}}"), half] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        let got: Value = serde_json::from_str(&written(&mut called("get_lists"), &line)).unwrap();
        assert!(got["error"].is_object() || got["result"]["isError"] == true, "{got}");
        assert!(got["result"].get("a").is_none());
    }
}

#[test]
fn an_observed_session_changes_nothing() {
    let mut engine = Engine::new(policy(POLICY), Box::new(Memory::default())).with_observation();
    let mut actions = Vec::new();
    let call = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay"}}"#;
    engine.handle_client_line(call, Now::default(), &mut actions);
    actions.clear();
    let line = json!({"jsonrpc":"2.0","id":1,"result":text(KEY)}).to_string();
    engine.handle_server_line(line.as_bytes(), Now::default(), &mut actions);
    assert!(actions.contains(&Action::ToClient(Payload::Received)), "{actions:?}");
    assert!(
        actions
            .iter()
            .any(|action| matches!(action, Action::Note(note) if note.to_string().contains("would have withheld")))
    );
}

#[test]
fn what_is_wrong_in_results_is_said_with_its_place() {
    let refused = |body: &str| {
        let source = Source::new("p.toml", Format::Toml, format!("version = \"1\"\ndefault = \"allow\"\n{body}"));
        let loaded = policy::load_policy(&source, &Server::by_name(&ServerName::parse("stub").unwrap()));
        assert!(loaded.policy.is_none(), "{body}");
        let error = loaded.diagnostics.iter().find(|found| found.severity == Severity::Error).unwrap();
        (error.message.clone(), error.hint.clone().unwrap_or_default())
    };
    for (body, message, hint) in [
        ("[results]\nstrip = [\"invisble\"]", "\"invisible\" or \"ansi\", not", "did you mean \"invisible\"?"),
        ("[results]\nmax_text = \"10B\"", "at least 64 bytes", "200KiB"),
        ("[results]\nmax_text = \"10 apples\"", "is not a unit", "200KiB"),
        ("[results]\nmax_txt = 1", "has no key", "did you mean `max_text`?"),
        (
            "[results]\ndeny_if = [{ path = \"args.a\", op = \"eq\", value = 1 }]",
            "what the server answers",
            "`result.`",
        ),
        ("[tools.a]\ndeny_if = [{ path = \"result.a\", op = \"eq\", value = 1 }]", "not known yet", "`results`"),
        ("[all_tools.results]\nmax_text = 100", "has no key", ""),
        ("[requests.sampling.results]\nmax_text = 100", "does not answer its own requests", "at the top"),
    ] {
        let (got, advice) = refused(body);
        assert!(got.contains(message) && advice.contains(hint), "{body}: {got} / {advice}");
    }
}

#[test]
fn decide_and_test_say_what_becomes_of_a_result() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    fs::write(path("stub.json"), POLICY).unwrap();
    let decide = |result: &str, format: &str| {
        fs::write(path("result.json"), result).unwrap();
        let mut command = Command::new(program());
        at_home(&mut command, home.path())
            .args(["decide", "pay", "--policy"])
            .arg(path("stub.json"))
            .arg("--result")
            .arg(path("result.json"));
        let ran = command.args(["--format", format]).output().unwrap();
        (ran.status.code(), String::from_utf8(ran.stdout).unwrap())
    };
    let (code, out) = decide(&text("a\u{200b}b").to_string(), "json");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["result"]["stripped"]), (Some(0), &json!(1)));
    assert_eq!(report["result"]["becomes"], text("ab"));
    let (code, out) = decide(&text(CARD).to_string(), "text");
    assert_eq!(code, Some(4), "{out}");
    assert!(out.contains("The result is withheld by the rule tools.pay.results.deny_if[0]."), "{out}");
    assert!(decide(&text("x").to_string(), "text").1.contains("The result passes as it is."));
    assert_eq!(decide("[]", "text").0, Some(2));

    let case = |expect: &str, becomes: &str| {
        format!(
            "[[case]]\ntool = \"pay\"\nresult = {{ text = \"a\\u200bb\", n = 1 }}\nexpect = \"{expect}\"\nbecomes = '{becomes}'\n"
        )
    };
    let withheld = "[[case]]\ntool = \"pay\"\nresult = { n = 4242424242424242 }\nexpect = \"deny\"\nrule = \"tools.pay.results.deny_if[0]\"\n";
    let test = |cases: &str| {
        fs::write(path("stub.test.toml"), cases).unwrap();
        let mut command = Command::new(program());
        let ran = at_home(&mut command, home.path()).arg("test").arg(path("stub.test.toml")).output().unwrap();
        (ran.status.code(), String::from_utf8(ran.stdout).unwrap())
    };
    let (code, out) = test(&(case("allow", r#"{"n":1,"text":"ab"}"#) + withheld));
    assert_eq!(code, Some(0), "{out}");
    let (code, out) = test(&case("allow", r#"{"n":2,"text":"ab"}"#));
    assert!(code == Some(1) && out.contains("becomes"), "{out}");
    assert_eq!(test("[[case]]\ntool = \"pay\"\nexpect = \"allow\"\nbecomes = {}\n").0, Some(3));
}

/// JSON texts as servers write them: with escapes, blanks and odd numbers.
fn json_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "\\u0040",
        "\\u200b",
        "\u{200b}",
        "\\ud83d",
        "\\ud83d\\ude42",
        "\\\\",
        "\\\"",
        "\\n",
        "\\u001b[31m",
        "\u{e9}",
        "\\/",
        "\u{9b}2J",
        "\u{fe0f}",
        "\u{2764}",
        "\\u001b]0;",
        "\\u0007",
    ]);
    let string = prop::collection::vec(piece, 0..8).prop_map(|pieces| format!("\"{}\"", pieces.concat()));
    let leaf =
        prop_oneof![string.clone(), prop::sample::select(vec!["1.0e5", "null", "-0", "true"]).prop_map(str::to_owned)];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        let members = prop::collection::vec((string.clone(), inner.clone()), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(|items| format!("[ {}]", items.join(" , "))),
            members.prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .enumerate()
                    .map(|(at, (key, value))| format!("\"{at}{} :{value}", &key[1..]))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn edits(max_text: Option<usize>) -> TextEdits {
    let mut edits = TextEdits { max_text, ..TextEdits::default() };
    [Strip::Invisible, Strip::Ansi].into_iter().for_each(|strip| edits.add_strip(strip));
    edits
}

proptest! {
    /// What is edited is JSON of the same shape, in which nothing is left to take out, and without a string that has to be edited nothing
    /// changes.
    #[test]
    fn edits_change_texts_and_nothing_else(json in json_text(), max_text in prop::option::of(2_usize..20)) {
        let mut counts = EditCounts::default();
        let object = format!("{{\"r\": {json} }}");
        let Some(edited) = edit_texts(&object, &edits(max_text), &mut counts) else {
            prop_assert_eq!(counts, EditCounts::default());
            return Ok(());
        };
        prop_assert!(counts.stripped + counts.cut > 0);
        // All that is not the inside of a string stays, byte for byte.
        let outside = |text: &str| {
            let (mut out, mut is_in, mut is_escaped) = (String::new(), false, false);
            for c in text.chars() {
                if !is_in || (c == '"' && !is_escaped) {
                    out.push(c);
                }
                if c == '"' && !is_escaped {
                    is_in = !is_in;
                }
                is_escaped = is_in && c == '\\' && !is_escaped;
            }
            out
        };
        prop_assert_eq!(outside(&edited), outside(&object));
        let mut again = EditCounts::default();
        edit_texts(&edited, &edits(None), &mut again);
        prop_assert_eq!(again.stripped, 0, "{} {}", object, edited);
    }
}

#[test]
fn editing_takes_linear_time() {
    for piece in [
        "a",
        "\u{200b}",
        "\\u200b",
        "\u{9d}",
        "\\u001b]",
        "\\u001b",
        "\\u001b[1",
        "\u{2764}\u{fe0f}",
        "\u{9b}1;",
        "\\n\\u009d",
    ] {
        let time = |size: usize| {
            let json = format!("{{\"t\":\"{}\"}}", piece.repeat(size / piece.len()));
            let start = computing_time();
            edit_texts(&json, &edits(Some(size)), &mut EditCounts::default());
            computing_time() - start
        };
        let (short, long) = (time(8_000), time(64_000));
        assert!(long < short * 30 + std::time::Duration::from_millis(500), "{piece:?}: {short:?}, {long:?}");
    }
}
