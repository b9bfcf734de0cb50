//! What the wrapper asks the server by itself before it asks a person: the tools there are, and what a call is about.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use policylayer::engine::{Action, ApprovalAnswer, Channel, Payload, Question, SessionEnd, Settled, Upshot};
use policylayer::limits::{
    CLIENT_MARGIN, CLIENT_WAIT, MAX_HELD, MAX_OWN_PAGES, MAX_PREVIEW, OWN_REQUEST, PREVIEW_LINE,
};
use policylayer::record::Digest;
use serde_json::{Value, json};

use crate::support::recorded::{Recorded, TO_SERVER, list_of, policy, told};

const POLICY: &str = r#"{"version":"1","default":"deny","tools":{
    "get_campaign":{},
    "delete_campaign":{},
    "get_secret":{"action":"deny"},
    "get_few":{"rate_limit":{"max":1,"window":60}},
    "send_campaign":{"action":"require_approval","reason":"It mails people.",
        "preview":{"tool":"get_campaign","arguments":{"campaignId":"args.campaignId"},"show":["name","sendSize","lists[0].id"]}},
    "send_again":{"action":"require_approval","preview_again":true,
        "preview":{"tool":"get_campaign","arguments":{"campaignId":"args.campaignId"},"show":["name"]}},
    "send_all":{"action":"require_approval","preview":{"tool":"get_campaign"}},
    "send_denied":{"action":"require_approval","preview":{"tool":"get_secret"}},
    "send_deleted":{"action":"require_approval","preview":{"tool":"delete_campaign"}},
    "send_few":{"action":"require_approval","preview":{"tool":"get_few"}}}}"#;

const TOOLS: &[&str] = &[
    "get_campaign",
    "delete_campaign",
    "get_few",
    "send_campaign",
    "send_again",
    "send_all",
    "send_denied",
    "send_deleted",
    "send_few",
];

/// A session that has listed its tools.
fn session() -> Recorded {
    let mut session = Recorded::new(POLICY);
    session.list_tools(TOOLS);
    session
}

fn list(names: &[&str], cursor: Option<&str>) -> Value {
    let mut list = list_of(names);
    if let Some(cursor) = cursor {
        list["nextCursor"] = json!(cursor);
    }
    list
}

fn call(session: &mut Recorded, id: u32, tool: &str) -> Vec<Action> {
    session.request(id, "tools/call", json!({"name": tool, "arguments": {"campaignId": 77}}))
}

/// The one request of our own to the server.
fn own(actions: &[Action]) -> Value {
    match actions {
        [Action::ToServer(Payload::Kept(line))] => serde_json::from_slice(line).unwrap(),
        actions => panic!("{actions:?}"),
    }
}

fn answer(session: &mut Recorded, request: &Value, result: Value) -> Vec<Action> {
    session.server(&json!({"jsonrpc": "2.0", "id": request["id"], "result": result}))
}

fn text(answer: &Value) -> Value {
    json!({"content": [{"type": "text", "text": answer.to_string()}]})
}

fn asked(actions: &[Action]) -> &Question {
    let found =
        actions.iter().find_map(|action| if let Action::Ask(question) = action { Some(&**question) } else { None });
    found.unwrap_or_else(|| panic!("{actions:?}"))
}

fn approve(session: &mut Recorded, number: u64) -> Vec<Action> {
    let (mut actions, now) = (Vec::new(), session.time());
    session.engine.handle_local_answer(number, ApprovalAnswer::Once, now, &mut actions);
    session.carry(actions)
}

fn wait(session: &mut Recorded, time: Duration) -> Vec<Action> {
    session.now += time;
    let (mut actions, now) = (Vec::new(), session.time());
    session.engine.handle_timeout(now, &mut actions);
    session.carry(actions)
}

const CAMPAIGN: &str = r#"{"name":"Spring\u202e sale","sendSize":48211,"lists":[{"id":5}],"secret":"s"}"#;

#[test]
fn a_person_sees_what_the_call_is_about() {
    let mut session = session();
    let request = own(&call(&mut session, 1, "send_campaign"));
    assert_eq!(request["method"], "tools/call");
    assert_eq!(request["params"], json!({"name": "get_campaign", "arguments": {"campaignId": 77}}));
    assert_eq!(session.engine.poll_timeout(), Some(OWN_REQUEST));
    // Others go on meanwhile.
    assert_eq!(call(&mut session, 2, "get_campaign"), [TO_SERVER]);
    let campaign: Value = serde_json::from_str(CAMPAIGN).unwrap();
    let pretty = serde_json::to_string_pretty(&campaign).unwrap();
    let done = answer(&mut session, &request, json!({"content": [{"type": "text", "text": pretty}]}));
    let question = asked(&done);
    assert_eq!(question.preview.as_deref(), Some("name: Spring\\u{202e} sale\nsendSize: 48211\nlists[0].id: 5"));
    let rows = question.view("stub").rows();
    let shown: Vec<_> = rows.iter().filter(|(label, _)| *label == "Preview").map(|(_, text)| text.as_str()).collect();
    assert_eq!(shown, ["name: Spring\\u{202e} sale", "sendSize: 48211", "lists[0].id: 5"]);
    assert_eq!(done.len(), 1, "nothing else reaches anybody: {done:?}");
    let sent = approve(&mut session, question.number);
    let [Action::ToServer(Payload::Kept(line)), Action::Settle(..)] = &sent[..] else { panic!("{sent:?}") };
    let line: Value = serde_json::from_slice(line).unwrap();
    assert_eq!((&line["id"], &line["params"]["name"]), (&json!(1), &json!("send_campaign")));
    // The preview is in the log, as the wrapper's own.
    let recorded = session.recorded(&["direction", "tool", "outcome"]);
    assert_eq!(recorded, [json!(["wrapper", "get_campaign", "ok"])]);
}

#[test]
fn structured_content_comes_first_and_all_of_it_is_shown_where_nothing_is_named() {
    let mut session = session();
    let request = own(&call(&mut session, 1, "send_campaign"));
    let result = json!({"structuredContent": {"name": "B"}, "content": [{"type": "text", "text": "{\"name\":\"A\"}"}]});
    assert_eq!(asked(&answer(&mut session, &request, result)).preview.as_deref(), Some("name: B"));
    let request = own(&call(&mut session, 2, "send_all"));
    let long =
        json!({"content": [{"type": "image"}, {"type": "text", "text": format!("A\nB{}", "x".repeat(MAX_PREVIEW))}]});
    let done = answer(&mut session, &request, long);
    let preview = asked(&done).preview.as_deref().unwrap();
    assert!(preview.starts_with("A\nBxxx") && preview.ends_with("x… (3 more characters are not shown)"), "{preview}");
    // No line of it can be taken for one of ours, and none is broken by a terminal.
    let rows = asked(&done).view("stub").rows();
    let lines: Vec<_> = rows.iter().filter(|(label, _)| *label == "Preview").map(|(_, text)| text.as_str()).collect();
    assert_eq!(lines[..2], ["A", &format!("B{}", "x".repeat(PREVIEW_LINE - 1))]);
    assert!(
        lines[2..].iter().all(|line| line.starts_with("… ") && line.chars().count() <= PREVIEW_LINE + 2),
        "{lines:?}"
    );
}

#[test]
fn a_preview_that_fails_is_said_and_the_person_is_asked_all_the_same() {
    let error = json!({"code": -32602, "message": "no"});
    for (tool, arguments, answered, why) in [
        ("send_campaign", json!({}), None, "args.campaignId is missing"),
        ("send_denied", json!({"campaignId": 1}), None, "the policy does not allow get_secret"),
        ("send_deleted", json!({"campaignId": 1}), None, "delete_campaign is not known to be a read"),
        ("send_campaign", json!({"campaignId": 1}), Some(json!({ "error": error })), "answered with an error"),
        (
            "send_campaign",
            json!({"campaignId": 1}),
            Some(json!({"result": {"isError": true}})),
            "answered with an error",
        ),
        ("send_campaign", json!({"campaignId": 1}), Some(json!({"result": text(&json!({"a": 1}))})), "nothing of what"),
        ("send_campaign", json!({"campaignId": 1}), Some(json!({"result": 7})), "nothing of what"),
    ] {
        let mut session = session();
        let mut done = session.request(1, "tools/call", json!({"name": tool, "arguments": arguments}));
        if let Some(mut line) = answered {
            line["jsonrpc"] = json!("2.0");
            line["id"] = own(&done)["id"].clone();
            done = session.server(&line);
        }
        let preview = asked(&done).preview.as_deref().unwrap();
        assert!(preview.starts_with("(no preview: ") && preview.contains(why), "{preview}");
    }
}

#[test]
fn a_server_that_does_not_answer_in_time_is_waited_for_no_longer() {
    let mut session = session();
    let request = own(&call(&mut session, 1, "send_campaign"));
    assert_eq!(wait(&mut session, OWN_REQUEST - Duration::from_millis(1)), []);
    let done = wait(&mut session, Duration::from_millis(1));
    assert!(asked(&done).preview.as_deref().unwrap().contains("has not answered within 3 seconds"));
    let [Action::ToServer(Payload::Written(cancelled)), Action::Ask(_)] = &done[..] else { panic!("{done:?}") };
    let cancelled: Value = serde_json::from_slice(cancelled).unwrap();
    assert_eq!(cancelled["params"]["requestId"], request["id"]);
    // Its late answer is nobody's.
    assert_eq!(answer(&mut session, &request, text(&json!({"name": "late"}))), []);
    assert_eq!(session.recorded(&["tool", "outcome"]), [json!(["get_campaign", "cancelled"])]);
}

#[test]
fn a_preview_counts_like_any_call() {
    let mut session = session();
    let request = own(&call(&mut session, 1, "send_few"));
    answer(&mut session, &request, text(&json!({"name": "A"})));
    let done = call(&mut session, 2, "send_few");
    assert!(asked(&done).preview.as_deref().unwrap().contains("a limit of get_few is reached"));
}

#[test]
fn an_approval_is_for_what_was_shown() {
    for (then, is_sent) in [("Spring sale", true), ("Summer sale", false)] {
        let mut session = session();
        let request = own(&call(&mut session, 1, "send_again"));
        let done = answer(&mut session, &request, text(&json!({"name": "Spring sale", "opens": 1})));
        let sent = approve(&mut session, asked(&done).number);
        let [Action::ToServer(Payload::Kept(again))] = &sent[..] else { panic!("{sent:?}") };
        let again: Value = serde_json::from_slice(again).unwrap();
        assert_eq!(again["params"]["name"], "get_campaign", "the read comes first");
        let done = answer(&mut session, &again, text(&json!({"name": then, "opens": 2})));
        if is_sent {
            let [Action::ToServer(Payload::Kept(line)), Action::Settle(_, how)] = &done[..] else { panic!("{done:?}") };
            assert_eq!(serde_json::from_slice::<Value>(line).unwrap()["params"]["name"], "send_again");
            assert_eq!(*how, Settled::Answered(Channel::Local, Upshot::Sent));
        } else {
            assert_eq!(asked(&done).preview.as_deref(), Some("name: Summer sale"));
            let [Action::Settle(_, how), Action::Ask(_)] = &done[..] else { panic!("{done:?}") };
            assert_eq!(*how, Settled::Answered(Channel::Local, Upshot::Outdated));
            let recorded = session.recorded(&["tool", "outcome"]);
            assert!(recorded.contains(&json!(["send_again", "refused"])), "{recorded:?}");
        }
    }
}

#[test]
fn a_late_approval_of_what_was_shown_is_no_approval_of_anything_else() {
    let mut session = session();
    let show = |session: &mut Recorded, id: u32, name: &str| {
        let request = own(&call(session, id, "send_again"));
        answer(session, &request, text(&json!({ "name": name })))
    };
    let done = show(&mut session, 1, "Spring sale");
    let number = asked(&done).number;
    // The session's approval timeout is 55 s, as long as the client waits.
    session.now += Duration::from_secs(50);
    approve(&mut session, number);
    let mut other = self::session();
    let done = show(&mut other, 1, "Spring sale");
    assert_ne!(asked(&done).covers, asked(&show(&mut other, 2, "Summer sale")).covers);
}

/// The client's time runs from its request on, whatever the wrapper asks before.
#[test]
fn a_call_that_was_prepared_is_answered_before_its_client_gives_up() {
    let answered_at = CLIENT_WAIT - CLIENT_MARGIN;
    let mut session = Recorded::new(POLICY);
    let listed = own(&call(&mut session, 1, "send_again"));
    session.now += OWN_REQUEST - Duration::from_millis(1);
    let request = own(&answer(&mut session, &listed, list(TOOLS, None)));
    assert_eq!(request["params"]["name"], "get_campaign");
    let done = wait(&mut session, OWN_REQUEST);
    let number = asked(&done).number;
    assert_eq!(session.engine.poll_timeout(), Some(answered_at));

    // What it is about has changed when it is approved in the last moment: it is asked anew, and answered at once.
    session.now = answered_at - Duration::from_millis(1);
    let again = own(&approve(&mut session, number));
    session.now += OWN_REQUEST / 2;
    let done = answer(&mut session, &again, text(&json!({"name": "Spring sale"})));
    let number = asked(&done).number;
    assert_eq!(session.engine.poll_timeout(), Some(answered_at));
    let done = wait(&mut session, Duration::ZERO);
    let [refusal @ Action::ToClient(_), Action::Settle(_, Settled::Late)] = &done[..] else { panic!("{done:?}") };
    let refusal = told(std::slice::from_ref(refusal));
    assert!(refusal.to_string().contains("The user can still approve it"), "{refusal}");
    approve(&mut session, number);
    let request = own(&call(&mut session, 2, "send_again"));
    let done = answer(&mut session, &request, text(&json!({"name": "Spring sale"})));
    let [Action::Settle(of, Settled::Used), Action::ToServer(Payload::Kept(_))] = &done[..] else { panic!("{done:?}") };
    assert_eq!(*of, number);
}

#[test]
fn a_list_of_many_slow_pages_is_waited_for_no_longer_than_one() {
    let mut session = Recorded::new(ASKS);
    let first = own(&call(&mut session, 1, "send_mail"));
    session.now += OWN_REQUEST * 2 / 3;
    own(&answer(&mut session, &first, list(&["get_mail"], Some("p2"))));
    assert_eq!(session.engine.poll_timeout(), Some(OWN_REQUEST));
    assert_eq!(asked(&wait(&mut session, OWN_REQUEST / 3)).tool.as_ref(), "send_mail");
}

#[test]
fn of_two_answers_the_first_counts_while_the_preview_is_compared() {
    let mut session = session();
    let request = own(&call(&mut session, 1, "send_again"));
    let done = answer(&mut session, &request, text(&json!({"name": "Spring sale"})));
    let number = asked(&done).number;
    let again = own(&approve(&mut session, number));
    assert_eq!(approve(&mut session, number), [], "it is settled when the preview is compared");
    let done = answer(&mut session, &again, text(&json!({"name": "Spring sale"})));
    let [Action::ToServer(Payload::Kept(_)), Action::Settle(settled, how)] = &done[..] else { panic!("{done:?}") };
    assert_eq!((*settled, *how), (number, Settled::Answered(Channel::Local, Upshot::Sent)));
}

#[test]
fn who_cancels_or_a_server_that_ends_takes_the_preparation_along() {
    let mut session = session();
    let request = own(&call(&mut session, 1, "send_campaign"));
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    let done = session.client(&cancel);
    assert!(matches!(&done[..], [Action::ToServer(Payload::Written(_))]), "the server never saw the call: {done:?}");
    assert_eq!(answer(&mut session, &request, text(&json!({"name": "A"}))), [], "nobody is asked");
    let recorded = session.recorded(&["tool", "outcome"]);
    assert_eq!(recorded, [json!(["get_campaign", "cancelled"]), json!(["send_campaign", "cancelled"])]);

    call(&mut session, 2, "send_campaign");
    let (mut actions, now) = (Vec::new(), session.time());
    session.engine.handle_server_end("it exited with code 1", now, &mut actions);
    let done = session.carry(actions);
    assert_eq!(told(&done)["id"], 2, "{done:?}");
    let recorded = session.recorded(&["tool", "outcome"]);
    assert_eq!(recorded, [json!(["get_campaign", "server_died"]), json!(["send_campaign", "server_died"])]);
}

#[test]
fn a_call_that_was_prepared_is_recorded_under_the_rule_that_asked() {
    let mut session = session();
    session.engine.name_policy(Digest::of_text(b"old"));
    call(&mut session, 1, "send_campaign");
    let (mut actions, now) = (Vec::new(), session.time());
    session.engine.replace_policy(policy(r#"{"version":"1","default":"allow","tools":{}}"#), &mut actions);
    session.engine.record_reload(Some(Digest::of_text(b"new")), None, now, &mut actions);
    session.engine.handle_session_end(SessionEnd::Client, now, &mut actions);
    session.carry(actions);
    let mut recorded = session.recorded(&["tool", "rule", "effect", "outcome", "policy", "approval"]);
    let last = recorded.pop().unwrap();
    let old = Digest::of_text(b"old").to_string();
    let expected = json!(["send_campaign", "tools.send_campaign", "require_approval", "cancelled", old]);
    assert_eq!(last.as_array().unwrap()[..5], expected.as_array().unwrap()[..], "{last}");
    assert_eq!(last[5]["verdict"], "client_ended");
}

#[test]
fn what_is_prepared_is_bounded() {
    let mut session = session();
    for id in 0..u32::try_from(MAX_HELD).unwrap() {
        own(&call(&mut session, id, "send_campaign"));
    }
    // Nobody is asked without it: the call is refused, in words.
    let refusal = told(&call(&mut session, 99, "send_campaign"));
    assert!(refusal.to_string().contains("32 calls are waiting"), "{refusal}");
}

#[test]
fn what_is_cut_cannot_be_approved_where_an_approval_is_for_what_was_shown() {
    let long = |end: &str| text(&json!({"name": format!("{}{end}", "n".repeat(MAX_PREVIEW))}));
    let mut session = session();
    let request = own(&call(&mut session, 1, "send_again"));
    let done = answer(&mut session, &request, long("1 user"));
    let refusal = told(&done).to_string();
    assert!(refusal.contains("leave out 6 characters of what it is about"), "{refusal}");
    // Elsewhere it is only said.
    let request = own(&call(&mut session, 2, "send_campaign"));
    let done = answer(&mut session, &request, long("all"));
    assert!(asked(&done).preview.as_deref().unwrap().contains("3 more characters are not shown"));
}

/// Each read costs the server, and counts against its limits.
#[test]
fn no_preview_is_made_of_a_call_about_which_nobody_is_asked() {
    let mut session = session();
    for (id, tool) in [(1, "send_campaign"), (2, "send_again")] {
        let request = own(&call(&mut session, id, tool));
        let done = answer(&mut session, &request, text(&json!({"name": "A"})));
        let (mut actions, now) = (Vec::new(), session.time());
        let refusal = ApprovalAnswer::Refused { note: None };
        session.engine.handle_local_answer(asked(&done).number, refusal, now, &mut actions);
        session.carry(actions);
        let refusal = told(&call(&mut session, id + 10, tool)).to_string();
        assert!(refusal.contains("A person refused"), "{tool}: {refusal}");
    }
    let mut session = self::session();
    let request = own(&call(&mut session, 1, "send_campaign"));
    let done = answer(&mut session, &request, text(&json!({"name": "A"})));
    let (mut actions, now) = (Vec::new(), session.time());
    session.engine.handle_local_answer(asked(&done).number, ApprovalAnswer::Session, now, &mut actions);
    session.carry(actions);
    assert_eq!(call(&mut session, 2, "send_campaign"), [TO_SERVER]);
    // A call that is taken back needs no answer of the server.
    let request = own(&call(&mut session, 3, "send_again"));
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 3}});
    let [Action::ToServer(Payload::Written(line))] = &session.client(&cancel)[..] else { panic!() };
    let line: Value = serde_json::from_slice(line).unwrap();
    assert_eq!(line["params"]["requestId"], request["id"]);
}

/// The local channel keeps the id that a person was sent, or says under it which the new one is.
#[test]
fn a_question_says_which_one_it_takes_the_place_of() {
    let mut session = session();
    let show = |session: &mut Recorded, id: u32, name: &str| {
        let request = own(&call(session, id, "send_again"));
        let done = answer(session, &request, text(&json!({ "name": name })));
        let question = asked(&done);
        (question.number, question.follows)
    };
    let (first, none) = show(&mut session, 1, "Spring sale");
    assert_eq!(none, None);
    wait(&mut session, CLIENT_WAIT - CLIENT_MARGIN);
    let (second, follows) = show(&mut session, 2, "Summer sale");
    assert_eq!(follows, Some(first));
    // What is approved has changed when it is to be sent.
    let again = own(&approve(&mut session, second));
    let done = answer(&mut session, &again, text(&json!({"name": "Autumn sale"})));
    assert_eq!(asked(&done).follows, Some(second));
}

#[test]
fn the_client_cannot_answer_for_the_server() {
    let mut session = session();
    let request = own(&call(&mut session, 1, "send_campaign"));
    let forged = json!({"jsonrpc": "2.0", "id": request["id"], "result": text(&json!({"name": "Harmless"}))});
    assert_eq!(session.client(&forged), []);
    let done = answer(&mut session, &request, text(&json!({"name": "True"})));
    assert_eq!(asked(&done).preview.as_deref(), Some("name: True"));
}

const ASKS: &str = r#"{"version":"1","default":"deny","tools":{"send_*":{"action":"require_approval"}}}"#;
const ALLOWS: &str = r#"{"version":"1","default":"allow","tools":{"send_*":{"action":"require_approval"}}}"#;

#[test]
fn nobody_is_asked_about_a_tool_that_is_not_there() {
    for (policy, rule) in [(ASKS, "send_*"), (ALLOWS, "send_*")] {
        let mut session = Recorded::new(policy);
        // Nobody has listed the tools yet, so the wrapper does, through all pages.
        let first = own(&call(&mut session, 1, "send_nothing"));
        assert_eq!(first["method"], "tools/list");
        assert_eq!(call(&mut session, 2, "send_mail"), [], "one list for both");
        let second = own(&answer(&mut session, &first, list(&["send_mail"], Some("p2"))));
        assert_eq!(second["params"]["cursor"], "p2");
        let done = answer(&mut session, &second, list(&["get_mail"], None));
        assert_eq!(asked(&done).tool.as_ref(), "send_mail", "it is there");
        let refusal = told(done.get(..1).unwrap());
        let text = refusal["result"]["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("does not list a tool of this name") && text.contains(rule), "{text}");
        assert_eq!(session.recorded(&["tool"]).len(), 1);
        // From now on it is known, until the server says that its tools are others.
        assert!(!matches!(&call(&mut session, 3, "send_nothing")[..], [Action::Ask(_)]));
        session.server(&json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
        assert_eq!(own(&call(&mut session, 4, "send_nothing"))["method"], "tools/list");
    }
}

#[test]
fn a_server_that_cannot_list_leaves_it_to_a_person() {
    let mut session = Recorded::new(ASKS);
    let request = own(&call(&mut session, 1, "send_mail"));
    let error = json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32601, "message": "no"}});
    assert_eq!(asked(&session.server(&error)).tool.as_ref(), "send_mail");
    own(&call(&mut session, 2, "send_mail"));
    assert!(matches!(&wait(&mut session, OWN_REQUEST)[..], [Action::Ask(_)]));
    // A cursor that repeats for ever ends the list.
    let mut session = Recorded::new(ASKS);
    let mut request = own(&call(&mut session, 1, "send_mail"));
    for _ in 1..MAX_OWN_PAGES {
        request = own(&answer(&mut session, &request, list(&["get_mail"], Some("again"))));
    }
    let done = answer(&mut session, &request, list(&["get_mail"], Some("again")));
    assert_eq!(asked(&done).tool.as_ref(), "send_mail", "the list has no end, so it may be there");
}

/// Its own answers are read as leniently as those to the client, and what cannot be read is not waited for.
#[test]
fn an_answer_to_the_wrapper_is_read_like_any_other() {
    for (before, member, behind, is_read) in [
        ("", "result", "", true),
        ("Ready. ", "result", " done", true),
        ("", r#"error":null,"result"#, "", true),
        ("[", "result", "]", false),
        ("", "resulT", "", false),
        ("", r#"x":"é","result"#, "", false),
    ] {
        let mut session = session();
        let request = own(&call(&mut session, 1, "send_campaign"));
        let answer = text(&json!({"name": "Spring sale"}));
        let line = format!(r#"{before}{{"jsonrpc":"2.0","id":{},"{member}":{answer}}}{behind}"#, request["id"]);
        // In Latin-1.
        let line = line.split('é').map(str::as_bytes).collect::<Vec<_>>().join(&0xe9);
        let (mut actions, now) = (Vec::new(), session.time());
        session.engine.handle_server_line(&line, now, &mut actions);
        let done = session.carry(actions);
        let preview = asked(&done).preview.as_deref().unwrap();
        let expected =
            if is_read { "name: Spring sale" } else { "(no preview: the answer of get_campaign cannot be read)" };
        assert_eq!(preview, expected, "{}", line.escape_ascii());
    }
    for line in [
        r#"[{"jsonrpc":"2.0","id":$ID,"result":{"tools":[]}}]"#,
        r#"{"jsonrpc":"2.0","id":$ID,"result":{},"Result":1}"#,
    ] {
        let mut session = Recorded::new(ASKS);
        let request = own(&call(&mut session, 1, "send_mail"));
        let (mut actions, now) = (Vec::new(), session.time());
        session.engine.handle_server_line(
            line.replace("$ID", &request["id"].to_string()).as_bytes(),
            now,
            &mut actions,
        );
        assert_eq!(asked(&session.carry(actions)).tool.as_ref(), "send_mail", "{line}");
    }
}

#[test]
fn each_request_of_its_own_says_what_the_client_says_with_each() {
    let mut session = Recorded::new(ASKS);
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "progressToken": 5});
    let request = own(&session.request(1, "tools/call", json!({"name": "send_mail", "_meta": meta})));
    assert_eq!(request["params"], json!({"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}));
}
