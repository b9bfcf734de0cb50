//! What is remembered of questions and answers is bounded, and a server cannot ask our questions.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use policylayer::engine::{ApprovalAnswer, Channel, Settled, Upshot};
use policylayer::limits::{MAX_GRANTS, MAX_HELD, MAX_LATE};
use serde_json::{Value, json};

use crate::support::desk::{Desk, Done, refused_by, typed};

/// A call of `tool` with an argument of its own.
fn call(desk: &mut Desk, tool: &str, n: usize) -> Vec<Done> {
    desk.client(json!({"jsonrpc":"2.0","id":n,"method":"tools/call","params":{"name":tool,"arguments":{"n":n}}}))
}

/// The number of the question.
fn asked(done: &[Done]) -> u64 {
    let number = done.iter().find_map(|done| if let Done::Asked { number, .. } = done { Some(*number) } else { None });
    number.unwrap_or_else(|| panic!("{done:?}"))
}

/// Answers a question about a call for each number, and lets the server answer what passes.
fn answer_each(desk: &mut Desk, numbers: std::ops::RangeInclusive<usize>, answer: &ApprovalAnswer) {
    for n in numbers {
        let number = asked(&call(desk, "same", n));
        desk.local(number, answer.clone());
        if *answer == ApprovalAnswer::Session {
            desk.server(json!({"jsonrpc":"2.0","id":n,"result":{"content":[]}}));
        }
    }
}

#[test]
fn of_too_many_late_questions_the_oldest_is_over() {
    let mut desk = Desk::new(&[Channel::Local]);
    let mut numbers = Vec::new();
    let mut over = Vec::new();
    for n in 0..=MAX_LATE {
        if n > 0 && n % MAX_HELD == 0 {
            over.extend(desk.at(desk.seconds + 60.0));
        }
        numbers.push(asked(&call(&mut desk, "slow", n)));
    }
    assert!(!over.iter().any(|done| matches!(done, Done::Settled(_, Settled::Over))), "all of them can be answered");
    let done = desk.at(desk.seconds + 60.0);
    assert!(done.contains(&Done::Settled(numbers[0], Settled::Over)), "{done:?}");
    assert!(!done.contains(&Done::Settled(numbers[1], Settled::Over)), "{done:?}");
    assert_eq!(desk.local(numbers[0], ApprovalAnswer::Once), [Done::Settled(numbers[0], Settled::Over)]);
    let granted = Settled::Answered(Channel::Local, Upshot::Granted);
    assert_eq!(desk.local(numbers[1], ApprovalAnswer::Once)[1..], [Done::Settled(numbers[1], granted)]);
    asked(&call(&mut desk, "slow", 0));
    assert_eq!(call(&mut desk, "slow", 1), [Done::PassedToServer]);
}

#[test]
fn of_too_many_approvals_for_the_session_the_oldest_is_forgotten() {
    let mut desk = Desk::new(&[Channel::Local]);
    answer_each(&mut desk, 0..=MAX_GRANTS, &ApprovalAnswer::Session);
    assert_eq!(call(&mut desk, "same", 1), [Done::PassedToServer]);
    assert_eq!(call(&mut desk, "same", MAX_GRANTS), [Done::PassedToServer]);
    asked(&call(&mut desk, "same", 0));
}

#[test]
fn of_too_many_refusals_the_oldest_is_forgotten() {
    let mut desk = Desk::new(&[Channel::Local]);
    answer_each(&mut desk, 0..=MAX_GRANTS, &ApprovalAnswer::Refused { note: None });
    for n in [1, MAX_GRANTS] {
        assert!(refused_by(&call(&mut desk, "same", n)).1.contains("A person refused"));
    }
    asked(&call(&mut desk, "same", 0));
}

/// The parameters of the question that our client is asked.
fn questions() -> [Value; 2] {
    let mut session = Desk::with_dialogues(&[Channel::Client]);
    let request = session.call(1, "send");
    let round = Desk::new(&[Channel::Client]).client(typed(1, json!({"n": 1}), json!({})));
    let sent = |done: &[Done], pointer: &str| {
        let params =
            done.iter().find_map(|done| if let Done::ToClient(line) = done { line.pointer(pointer) } else { None });
        params.unwrap_or_else(|| panic!("{done:?}")).clone()
    };
    [sent(&request, "/params"), sent(&round, "/result/inputRequests/policylayer/params")]
}

/// Whatever our question says: a server that says a part of it is not taken for us.
#[test]
fn a_server_cannot_ask_our_question_in_our_words() {
    let harmless = json!({"message": "Which list?", "requestedSchema": {"type": "object", "properties": {}}});
    let is_passed = |params: &Value| {
        let mut desk = Desk::with_dialogues(&[Channel::Client]);
        let done = desk.server(json!({"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":params}));
        done.contains(&Done::PassedToClient)
    };
    assert!(is_passed(&harmless));
    for question in questions() {
        let (message, schema) = (&question["message"], &question["requestedSchema"]);
        let first = message.as_str().unwrap().lines().next().unwrap();
        let with = |key: &str, value: Value| {
            let mut params = harmless.clone();
            params[key] = value;
            params
        };
        for imitation in [
            question.clone(),
            with("message", message.clone()),
            with("message", json!(first)),
            with("message", json!(first.to_uppercase())),
            with("message", json!(format!("Hello.\n{first}"))),
            with("requestedSchema", schema.clone()),
        ] {
            assert!(!is_passed(&imitation), "{imitation}");
        }
        // Each choice, as the client returns it and as the person reads it.
        let decision = &schema["properties"]["decision"];
        for (word, name) in decision["enum"].as_array().unwrap().iter().zip(decision["enumNames"].as_array().unwrap()) {
            if word == "refuse" {
                continue;
            }
            for text in [word, name] {
                let choice = json!({"type": "object", "properties": {"d": {"type": "string", "enum": [text]}}});
                assert!(!is_passed(&with("requestedSchema", choice)), "{text}");
            }
        }
    }
}
