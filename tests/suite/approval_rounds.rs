//! Approvals in rounds (2026-07-28): a call is answered with the question, and comes again with the answer and our state.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use policylayer::engine::{Action, ApprovalAnswer, ApprovalOptions, Channel, Local, RoundApproval, Settled, Upshot};
use policylayer::record::Digest;
use serde_json::{Value, json};

use crate::support::desk::{BOTH, Desk, Done, accept, policy, recorded, refused_by, released, typed};

/// Makes a call of `send` and returns the state that it was answered with.
fn ask(desk: &mut Desk, id: u32, n: u32) -> Value {
    state_of(&desk.client(typed(id, json!({"n":n}), json!({}))))
}

fn state_of(done: &[Done]) -> Value {
    let found = done.iter().find_map(|done| match done {
        Done::ToClient(line) => line["result"].get("requestState").cloned(),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{done:?}"))
}

/// The call again, with a state and an answer to our question.
fn again(id: u32, n: u32, state: &Value, result: Value) -> Value {
    typed(id, json!({"n":n}), json!({"requestState":state,"inputResponses":{"policylayer":result}}))
}

fn sent(id: u32, n: u32) -> String {
    typed(id, json!({"n":n}), json!({})).to_string() + "\n"
}

fn is_bad_state(done: &[Done], id: u32) -> bool {
    done.iter().any(|done| matches!(done, Done::ToClient(line) if line["id"] == id && line["error"]["code"] == -32602))
        && !done.iter().any(|done| matches!(done, Done::PassedToServer | Done::ToServer(_) | Done::Asked { .. }))
}

#[test]
fn the_call_comes_again_with_the_answer() {
    let mut desk = Desk::new(BOTH);
    let done = desk.client(typed(1, json!({"n":1}), json!({})));
    // The local channel is asked as well, at once.
    assert_eq!(done[0], Done::Asked { number: 1, local: Local::Asked, timeout: 600 });
    let Done::ToClient(asked) = &done[1] else { panic!("{done:?}") };
    assert_eq!(asked["id"], 1);
    assert_eq!(asked["result"]["resultType"], "input_required");
    let question = &asked["result"]["inputRequests"]["policylayer"];
    assert_eq!(question["method"], "elicitation/create");
    // Whoever writes lines can answer, so no more than this call is to be had.
    let choices = &question["params"]["requestedSchema"]["properties"]["decision"];
    assert_eq!(choices["enum"], json!(["refuse", "approve_once"]));
    assert!(!question["params"]["message"].as_str().unwrap().contains("session"), "{question}");

    let state = asked["result"]["requestState"].clone();
    desk.seconds = 0.3;
    let done = desk.client(again(2, 1, &state, accept("approve_once")));
    // The line that was asked about, under the id that wants the answer.
    let settled = Done::Settled(1, Settled::Answered(Channel::Client, Upshot::Sent));
    assert_eq!(done, [Done::ToServer(sent(2, 1)), settled]);
    let done = desk.server(json!({"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","content":[]}}));
    assert!(done.contains(&Done::PassedToClient), "{done:?}");
    assert_eq!(recorded(&done)[0]["verdict"], "approved_once");
    assert!(is_bad_state(&desk.client(again(3, 1, &state, accept("approve_once"))), 3), "one use");
    assert_eq!(desk.local(1, ApprovalAnswer::Once), [Done::Settled(1, Settled::Over)], "it was answered");
}

#[test]
fn a_state_that_is_not_of_this_call_is_refused_and_not_used_up() {
    let mut desk = Desk::new(BOTH);
    let (state, other) = (ask(&mut desk, 1, 1), ask(&mut desk, 2, 2));
    desk.seconds = 1.0;
    let text = state.as_str().unwrap();
    // Any one character, left out, doubled or another one, and the whole in other letters.
    let altered = (0..text.len()).flat_map(|at| {
        let (before, after) = text.split_at(at);
        let (c, rest) = after.split_at(1);
        let byte = if c == "0" { "1" } else { "0" };
        [format!("{before}{byte}{rest}"), format!("{before}{rest}"), format!("{before}{c}{c}{rest}")]
    });
    let others = [
        text.to_uppercase(),
        format!(" {text}"),
        format!("{text}\n"),
        format!("\u{200b}{text}"),
        format!("{text}-TAMPERED"),
        "policylayer-1-00112233445566778899aabbccddeeff".to_owned(),
    ];
    for altered in altered.chain(others).filter(|altered| altered != text) {
        for tool in ["send", "free"] {
            let mut call = again(3, 1, &json!(altered), accept("approve_once"));
            call["params"]["name"] = json!(tool);
            assert!(is_bad_state(&desk.client(call), 3), "{tool} {altered}");
        }
    }
    assert!(is_bad_state(&desk.client(again(3, 1, &other, accept("approve_once"))), 3));
    // Other arguments, another tool, another method.
    assert!(is_bad_state(&desk.client(again(4, 9, &state, accept("approve_once"))), 4));
    for (name, method) in [("free", "tools/call"), ("slow", "tools/call"), ("send", "prompts/get"), ("send", "x/y")] {
        let mut call = again(5, 1, &state, accept("approve_once"));
        (call["params"]["name"], call["method"]) = (json!(name), json!(method));
        assert!(is_bad_state(&desk.client(call), 5), "{name} {method}");
    }
    let read = json!({"jsonrpc":"2.0","id":6,"method":"resources/read","params":{"uri":"a:b","requestState":state}});
    assert!(is_bad_state(&desk.client(read), 6));
    let done = desk.client(again(7, 1, &state, accept("approve_once")));
    assert_eq!(released(&done), [sent(7, 1)], "none of these has used it up");
}

#[test]
fn what_another_wrapper_asks_passes_as_it_is() {
    let mut desk = Desk::new(BOTH);
    // One around another server, and a server of its own kind.
    let nested = ask(&mut around(Digest::of_text(b"inside")), 1, 1);
    for state in [nested.as_str().unwrap(), "7f3a"] {
        let mut call = again(1, 1, &json!(state), accept("approve_once"));
        call["params"]["name"] = json!("free");
        assert_eq!(desk.client(call), [Done::PassedToServer]);
        desk.server(json!({"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[]}}));
        // What waits for a person passes with it as well, once they have approved.
        let call = again(2, 1, &json!(state), accept("approve_once"));
        let done = desk.client(call.clone());
        let Done::Asked { number, .. } = done[0] else { panic!("{done:?}") };
        desk.local(number, ApprovalAnswer::Once);
        desk.seconds += 1.0;
        let ours = state_of(&done);
        let done = desk.client(again(3, 1, &ours, json!({})));
        let mut expected = call;
        expected["id"] = json!(3);
        assert_eq!(released(&done), [expected.to_string() + "\n"]);
        desk.server(json!({"jsonrpc":"2.0","id":3,"result":{"resultType":"complete","content":[]}}));
    }
}

/// A session of its own around a server.
fn around(server: Digest) -> Desk {
    Desk::with_options(ApprovalOptions { channels: BOTH.to_vec(), secret: [8; 32], server, ..Default::default() })
}

/// A client that starts its server anew for each call comes back to another process than the one that asked.
#[test]
fn a_state_of_an_earlier_session_is_no_part_of_the_call() {
    let state = ask(&mut around(Digest::START), 1, 1);
    let mut desk = Desk::new(BOTH);
    let plain = |id: u32| typed(id, json!({"n":1}), json!({}));
    let mut other = Desk::new(BOTH);
    let expected = other.client(plain(1));
    let done = desk.client(again(1, 1, &state, accept("approve_once")));
    assert_eq!(done[0], expected[0], "it is asked about as a new call");
    let Done::ToClient(asked) = &done[1] else { panic!("{done:?}") };
    let message = asked["result"]["inputRequests"]["policylayer"]["params"]["message"].as_str().unwrap();
    assert!(!message.contains("Also sent"), "{message}");
    desk.local(1, ApprovalAnswer::Once);
    assert_eq!(released(&desk.client(again(2, 1, &state_of(&done), json!({})))), [sent(2, 1)]);
    // The server's own answers stay, and an allowed call passes without what is ours.
    let mut call = again(3, 1, &state, accept("approve_once"));
    call["params"]["name"] = json!("free");
    call["params"]["inputResponses"]["theirs"] = json!({"action":"accept"});
    let done = desk.client(call);
    let [line] = &released(&done)[..] else { panic!("{done:?}") };
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["params"]["inputResponses"], json!({"theirs":{"action":"accept"}}));
    assert_eq!(line["params"].get("requestState"), None);
}

#[test]
fn the_progress_of_an_approved_call_comes_under_the_token_that_waits() {
    for tokens in [[json!(1), json!(2)], [Value::Null, json!("b")], [json!(1), Value::Null]] {
        let mut desk = Desk::new(BOTH);
        let with_token = |mut call: Value, token: &Value| {
            if !token.is_null() {
                call["params"]["_meta"]["progressToken"] = token.clone();
            }
            call
        };
        let state = state_of(&desk.client(with_token(typed(1, json!({"n":1}), json!({})), &tokens[0])));
        desk.seconds = 1.0;
        let done = desk.client(with_token(again(2, 1, &state, accept("approve_once")), &tokens[1]));
        let [line] = &released(&done)[..] else { panic!("{done:?}") };
        let line: Value = serde_json::from_str(line).unwrap();
        let mut expected = with_token(typed(2, json!({"n":1}), json!({})), &tokens[1]);
        if tokens[1].is_null() {
            expected["params"]["_meta"].as_object_mut().unwrap().remove("progressToken");
        }
        assert_eq!(line, expected);
    }
}

#[test]
fn a_forged_approval_for_the_session_is_for_this_call() {
    let mut desk = Desk::new(BOTH);
    let state = ask(&mut desk, 1, 1);
    desk.seconds = 1.0;
    let done = desk.client(again(2, 1, &state, accept("approve_for_session")));
    assert_eq!(released(&done).len(), 1);
    let done = desk.server(json!({"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","content":[]}}));
    assert_eq!(recorded(&done)[0]["verdict"], "approved_once");
    assert!(matches!(desk.client(typed(3, json!({"n":1}), json!({})))[0], Done::Asked { .. }));
}

#[test]
fn an_answer_that_nobody_has_chosen_leaves_it_to_the_local_channel() {
    for (seconds, result, word) in [
        (0.299, accept("approve_once"), "unasked"),
        (0.299, json!({"action":"decline"}), "unasked"),
        (5.0, json!({"action":"cancel"}), "dismissed"),
        (5.0, json!({"action":"accept"}), "dismissed"),
        (5.0, json!({}), "dismissed"),
    ] {
        let mut desk = Desk::new(BOTH);
        let state = ask(&mut desk, 1, 1);
        desk.seconds = seconds;
        assert_eq!(desk.client(again(2, 1, &state, result.clone())), [], "{result}: it waits like any other");
        assert!(is_bad_state(&desk.client(again(3, 1, &state, accept("approve_once"))), 3), "one answer");
        let done = desk.local(1, ApprovalAnswer::Once);
        assert_eq!(released(&done), [sent(2, 1)], "{result}");
        let done = desk.server(json!({"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","content":[]}}));
        assert_eq!(recorded(&done)[0]["client_answer"], word);

        // Nobody answers before the client gives up, and somebody does later.
        let mut desk = Desk::new(BOTH);
        let state = ask(&mut desk, 1, 1);
        desk.seconds = seconds;
        desk.client(again(2, 1, &state, result.clone()));
        let done = desk.at(seconds + 55.0);
        let text = refused_by(&done).1;
        assert!(text.contains("make the very same call again") && !text.contains("A person"), "{text}");
        assert!(done.contains(&Done::Settled(1, Settled::Late)), "{done:?}");
        let settled = Done::Settled(1, Settled::Answered(Channel::Local, Upshot::Granted));
        assert_eq!(desk.local(1, ApprovalAnswer::Once)[1..], [settled]);
        assert_eq!(desk.client(typed(3, json!({"n":1}), json!({}))), [Done::PassedToServer]);

        let mut desk = Desk::new(&[Channel::Client]);
        let state = ask(&mut desk, 1, 1);
        desk.seconds = seconds;
        let done = desk.client(again(2, 1, &state, result.clone()));
        let (id, text) = refused_by(&done);
        assert!(id == 2 && !text.contains("A person"), "{text}");
        assert_eq!(recorded(&done)[0]["client_answer"], word);
    }
    // It may come without any answer, and may be withdrawn while it waits.
    let mut desk = Desk::new(BOTH);
    let state = ask(&mut desk, 1, 1);
    desk.seconds = 1.0;
    assert_eq!(desk.client(typed(2, json!({"n":1}), json!({"requestState":state}))), []);
    let done = desk.client(json!({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}));
    assert_eq!(done[0], Done::Settled(1, Settled::Over));
    assert_eq!(desk.local(1, ApprovalAnswer::Once), [Done::Settled(1, Settled::Over)]);
}

#[test]
fn an_answer_from_elsewhere_waits_for_the_call_to_come_again() {
    let refuse = || ApprovalAnswer::Refused { note: Some("Not today.".to_owned()) };
    let settled = |upshot| Done::Settled(1, Settled::Answered(Channel::Local, upshot));
    // Whatever the client says then.
    for result in [accept("approve_once"), accept("refuse"), json!({"action":"cancel"}), json!({})] {
        let mut desk = Desk::new(BOTH);
        let state = ask(&mut desk, 1, 1);
        desk.seconds = 1.0;
        assert_eq!(desk.local(1, ApprovalAnswer::Once), [settled(Upshot::Kept)]);
        assert_eq!(desk.local(1, refuse()), [], "the first answer counts");
        let done = desk.client(again(2, 1, &state, result.clone()));
        assert_eq!(done, [Done::ToServer(sent(2, 1)), settled(Upshot::Sent)], "{result}");
        let done = desk.server(json!({"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","content":[]}}));
        let approval = recorded(&done)[0];
        assert_eq!((&approval["verdict"], &approval["channel"]), (&json!("approved_once"), &json!("local")));

        let mut desk = Desk::new(BOTH);
        let state = ask(&mut desk, 1, 1);
        desk.seconds = 1.0;
        assert_eq!(desk.local(1, refuse()), [settled(Upshot::Kept)]);
        let done = desk.client(again(2, 1, &state, result));
        assert!(refused_by(&done).1.contains("A person refused this call and says: Not today."), "{done:?}");
        assert_eq!(recorded(&done)[0]["channel"], "local");
    }
    // Or without its state.
    let mut desk = Desk::new(BOTH);
    let state = ask(&mut desk, 1, 1);
    desk.local(1, ApprovalAnswer::Once);
    let done = desk.client(typed(2, json!({"n":1}), json!({})));
    assert_eq!(recorded(&done)[0]["verdict"], "cancelled", "the first call never ran");
    assert!(done.contains(&Done::PassedToServer) && done.contains(&settled(Upshot::Sent)), "{done:?}");
    desk.seconds = 1.0;
    assert!(is_bad_state(&desk.client(again(3, 1, &state, accept("approve_once"))), 3), "it was used");
    let mut desk = Desk::new(BOTH);
    ask(&mut desk, 1, 1);
    desk.local(1, refuse());
    let done = desk.client(typed(2, json!({"n":1}), json!({})));
    assert!(refused_by(&done).1.contains("Not today.") && done.contains(&settled(Upshot::Refused)), "{done:?}");
}

#[test]
fn an_answer_from_elsewhere_is_kept_for_five_minutes_at_least() {
    for (answered, called, passes) in
        [(1.0, 599.9, true), (599.9, 899.8, true), (599.9, 899.9, false), (1.0, 600.0, false)]
    {
        let mut desk = Desk::new(BOTH);
        let state = ask(&mut desk, 1, 1);
        desk.at(answered);
        desk.local(1, ApprovalAnswer::Once);
        let done = desk.at(called);
        if passes {
            assert_eq!(done, []);
            assert_eq!(released(&desk.client(again(2, 1, &state, json!({})))), [sent(2, 1)]);
        } else {
            // Nobody waits for an answer to the call.
            let [Done::Recorded(record), Done::Settled(1, Settled::Over)] = &done[..] else { panic!("{done:?}") };
            assert_eq!((&record[2], &record[3]["verdict"]), (&json!("cancelled"), &json!("approved_once")));
            assert!(is_bad_state(&desk.client(again(2, 1, &state, accept("approve_once"))), 2));
        }
    }
}

#[test]
fn a_round_whose_time_is_over_is_settled_without_a_word_to_the_client() {
    let mut desk = Desk::new(BOTH);
    let state = ask(&mut desk, 1, 1);
    // The id is free again, and another call has it.
    assert!(desk.call(1, "free").contains(&Done::PassedToServer));
    assert_eq!(desk.at(599.9), []);
    let done = desk.at(600.0);
    let [Done::Recorded(record), settled] = &done[..] else { panic!("{done:?}") };
    assert_eq!((&record[2], &record[3]["verdict"]), (&json!("refused"), &json!("timed_out")));
    assert_eq!(*settled, Done::Settled(1, Settled::Over));
    assert!(is_bad_state(&desk.client(again(2, 1, &state, accept("approve_once"))), 2));
    assert!(desk.server(json!({"jsonrpc":"2.0","id":1,"result":{}})).contains(&Done::PassedToClient));
    assert_eq!(desk.engine.poll_timeout(), None);
}

#[test]
fn a_refusal_is_quoted_and_remembered() {
    let mut desk = Desk::new(BOTH);
    let state = ask(&mut desk, 1, 1);
    desk.seconds = 1.0;
    let refuse = json!({"action":"accept","content":{"decision":"refuse","note":"Not today."}});
    let done = desk.client(again(2, 1, &state, refuse));
    let (id, text) = refused_by(&done);
    assert!(id == 2 && text.contains("A person refused this call and says: Not today."), "{text}");
    let done = desk.client(typed(3, json!({"n":1}), json!({})));
    assert!(refused_by(&done).1.contains("Not today."), "nobody is asked again: {done:?}");
}

#[test]
fn who_has_no_session_cannot_approve_where_a_code_is_needed() {
    let code = |channels: &[Channel]| {
        Desk::with_options(ApprovalOptions {
            channels: channels.to_vec(),
            rounds: RoundApproval::Never,
            ..ApprovalOptions::default()
        })
    };
    let asked = [Done::Asked { number: 1, local: Local::Asked, timeout: 600 }];
    assert_eq!(code(BOTH).client(typed(1, json!({}), json!({}))), asked);
    let done = code(&[Channel::Client]).client(typed(1, json!({}), json!({})));
    assert!(refused_by(&done).1.contains("local_confirm"), "{done:?}");
}

#[test]
fn only_a_call_is_answered_with_a_question() {
    let asks = r#"{"version":"1","default":"deny","tools":{},"resources":{"*":{"action":"require_approval"}}}"#;
    let mut desk = Desk::new(BOTH);
    desk.engine.replace_policy(policy(asks), &mut Vec::new());
    let mut read = typed(1, json!({}), json!({"uri":"a:b"}));
    read["method"] = json!("resources/read");
    assert_eq!(desk.client(read), [Done::Asked { number: 1, local: Local::Asked, timeout: 600 }]);
    assert_eq!(released(&desk.local(1, ApprovalAnswer::Once)).len(), 1);
}

#[test]
fn what_the_server_asks_of_an_approved_call_needs_no_second_approval() {
    let mut desk = Desk::new(&[Channel::Local]);
    let asks = json!({"resultType":"input_required","requestState":"theirs","inputRequests":{"q":{}}});
    let input = |more: Value| {
        let mut round = json!({"requestState":"theirs","inputResponses":{"q":{"action":"accept"}}});
        round.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        round
    };
    for more in [json!({}), json!({"mode":"fast"})] {
        for (id, changed) in
            (10..).step_by(10).zip([json!({}), json!({"force":true}), json!({"mode":"slow"}), json!({"mode":null})])
        {
            desk.seconds += 100.0;
            let done = desk.client(typed(id, json!({"n":1}), more.clone()));
            let Done::Asked { number, .. } = done[0] else { panic!("{done:?}") };
            assert_eq!(released(&desk.local(number, ApprovalAnswer::Once)).len(), 1);
            desk.server(json!({"jsonrpc":"2.0","id":id,"result":asks}));
            let mut next = more.clone();
            next.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
            let done = desk.client(typed(id + 1, json!({"n":1}), input(next)));
            assert_eq!(done == [Done::PassedToServer], changed == json!({}), "{more} {changed}: {done:?}");
            desk.server(json!({"jsonrpc":"2.0","id":id + 1,"result":{"resultType":"complete","content":[]}}));
        }
    }
    // Another call with such a state is another call.
    let other = typed(3, json!({"n":2}), input(json!({})));
    assert!(matches!(desk.client(other)[0], Done::Asked { .. }));
}

#[test]
fn a_round_is_answered_also_where_its_line_begins_with_blanks() {
    let mut desk = Desk::new(BOTH);
    let state = state_of(&desk.client_text(&format!("  {}", typed(1, json!({"n":1}), json!({})))));
    desk.seconds = 1.0;
    let done = desk.client(again(2, 1, &state, accept("approve_once")));
    let line = released(&done);
    assert_eq!(line.len(), 1, "{done:?}");
    assert!(line[0].starts_with("  {"), "{line:?}");
    assert_eq!(serde_json::from_str::<Value>(line[0]).unwrap()["id"], 2);
}

#[test]
fn the_same_call_made_twice_at_once_is_two_questions() {
    let mut desk = Desk::new(BOTH);
    let first = ask(&mut desk, 1, 1);
    desk.seconds = 0.2;
    let second = ask(&mut desk, 2, 1);
    desk.seconds = 1.0;
    assert_eq!(released(&desk.client(again(3, 1, &first, accept("approve_once")))), [sent(3, 1)]);
    assert_eq!(released(&desk.client(again(4, 1, &second, accept("approve_once")))), [sent(4, 1)]);
    // A call that is made anew is a repetition of all of them.
    for id in 5..8 {
        ask(&mut desk, id, 1);
    }
    desk.seconds = 2.0;
    let done = desk.client(typed(8, json!({"n":1}), json!({})));
    let settled: Vec<_> = done.iter().filter(|done| matches!(done, Done::Settled(_, Settled::Over))).collect();
    assert_eq!(settled.len(), 3, "{done:?}");
}

#[test]
fn of_two_answers_about_the_same_call_the_last_one_counts() {
    let refuse = || ApprovalAnswer::Refused { note: Some("Not today.".to_owned()) };
    for is_approved in [true, false] {
        let mut desk = Desk::new(BOTH);
        ask(&mut desk, 1, 1);
        ask(&mut desk, 2, 1);
        desk.seconds = 1.0;
        let (first, last) =
            if is_approved { (refuse(), ApprovalAnswer::Once) } else { (ApprovalAnswer::Once, refuse()) };
        desk.local(2, first);
        desk.local(1, last);
        let done = desk.client(typed(3, json!({"n":1}), json!({})));
        assert_eq!(done.contains(&Done::PassedToServer), is_approved, "{done:?}");
        assert!(is_approved || refused_by(&done).1.contains("Not today."), "{done:?}");
    }
}

/// The person who approved the one call refused the other: that is the last word about both.
#[test]
fn a_refusal_is_the_last_word_about_what_was_approved_before() {
    let mut desk = Desk::new(BOTH);
    let first = ask(&mut desk, 1, 1);
    ask(&mut desk, 2, 1);
    desk.seconds = 1.0;
    desk.local(1, ApprovalAnswer::Once);
    let done = desk.local(2, ApprovalAnswer::Refused { note: Some("Not today.".to_owned()) });
    assert!(done.contains(&Done::Settled(1, Settled::Over)), "whoever approved is told: {done:?}");
    let done = desk.client(again(3, 1, &first, json!([])));
    assert!(!done.contains(&Done::PassedToServer), "{done:?}");
    let done = desk.client(typed(4, json!({"n":1}), json!({})));
    assert!(refused_by(&done).1.contains("Not today."), "{done:?}");
}

/// Two persons' approvals let two calls through, and the second is not said to be sent before there is one.
#[test]
fn a_second_approval_of_the_same_call_is_for_a_repetition() {
    let mut desk = Desk::new(BOTH);
    ask(&mut desk, 1, 1);
    ask(&mut desk, 2, 1);
    desk.seconds = 1.0;
    desk.local(1, ApprovalAnswer::Once);
    desk.local(2, ApprovalAnswer::Once);
    let done = desk.client(typed(3, json!({"n":1}), json!({})));
    assert!(done.contains(&Done::PassedToServer), "{done:?}");
    let settled: Vec<_> = done.iter().filter(|done| matches!(done, Done::Settled(..))).collect();
    let answered = |upshot| Settled::Answered(Channel::Local, upshot);
    assert_eq!(settled, [&Done::Settled(1, answered(Upshot::Sent)), &Done::Settled(2, answered(Upshot::Granted))]);
    desk.seconds = 2.0;
    assert!(desk.client(typed(4, json!({"n":1}), json!({}))).contains(&Done::PassedToServer));
    assert!(!desk.client(typed(5, json!({"n":1}), json!({}))).contains(&Done::PassedToServer));
}

#[test]
fn a_call_that_is_made_again_closes_the_round_before() {
    let mut desk = Desk::new(BOTH);
    let first = ask(&mut desk, 1, 1);
    desk.seconds = 1.0;
    let done = desk.client(typed(2, json!({"n":1}), json!({})));
    assert!(matches!(done[0], Done::Asked { number: 2, .. }), "{done:?}");
    assert_eq!(done[1], Done::Settled(1, Settled::Over));
    assert_eq!(recorded(&done)[0]["verdict"], "cancelled");
    let second = state_of(&done);
    desk.seconds = 2.0;
    assert!(is_bad_state(&desk.client(again(3, 1, &first, accept("approve_once"))), 3));
    assert_eq!(released(&desk.client(again(4, 1, &second, accept("approve_once")))), [sent(4, 1)]);
}

#[test]
fn a_server_that_ends_takes_its_rounds_with_it() {
    let mut desk = Desk::new(BOTH);
    let (open, answered) = (ask(&mut desk, 1, 1), ask(&mut desk, 2, 2));
    desk.local(2, ApprovalAnswer::Once);
    let done = desk.end();
    let settled: Vec<_> = done.iter().filter(|done| matches!(done, Done::Settled(..))).collect();
    assert_eq!(settled, [&Done::Settled(1, Settled::Over), &Done::Settled(2, Settled::Over)]);
    assert!(!done.iter().any(|done| matches!(done, Done::ToClient(_))), "both were answered: {done:?}");
    assert_eq!(recorded(&done).len(), 2);
    for (id, n, state) in [(3, 1, open), (4, 2, answered)] {
        assert_eq!(released(&desk.client(again(id, n, &state, accept("approve_once")))), Vec::<&str>::new());
    }
}

#[test]
fn a_policy_that_changes_meanwhile_has_the_last_word_in_a_round_too() {
    let denies = r#"{"version":"1","default":"allow","tools":{"send":{"action":"deny","reason":"Not any more."}}}"#;
    for local in [None, Some(ApprovalAnswer::Session)] {
        let mut desk = Desk::new(BOTH);
        let state = ask(&mut desk, 1, 1);
        if let Some(answer) = local {
            desk.local(1, answer);
        }
        let mut actions: Vec<Action> = Vec::new();
        desk.engine.replace_policy(policy(denies), &mut actions);
        desk.seconds = 1.0;
        let done = desk.client(again(2, 1, &state, accept("approve_once")));
        assert!(refused_by(&done).1.contains("Not any more."), "{done:?}");
        assert_eq!(released(&done), Vec::<&str>::new());
    }
}
