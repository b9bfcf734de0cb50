//! Calls that are answered with a task: their outcome, refund, latency and record are those of the task.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use policylayer::engine::Action;
use policylayer::limits::{MAX_TASK_ARGUMENTS, MAX_TASK_BYTES, MAX_TASKS};
use policylayer::record::ArgumentsLogged;
use serde_json::{Value, json};

use crate::support::recorded::{Recorded, TO_CLIENT, TO_SERVER, policy, read_record, told};

/// One call a minute, which does not count if it fails.
const POLICY: &str = r#"{"version":"1","default":"allow","tools":{
    "once":{"limits":[{"max":1,"window":60,"refund_on_error":true}]},
    "judged":{"deny_if":[{"conditions":[{"path":"args.to","op":"eq","value":"all"}]}]}}}"#;

const WHAT: [&str; 3] = ["tool", "outcome", "duration_ms"];

/// The era of a session's tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Era {
    November2025,
    July2026,
}

const ERAS: [Era; 2] = [Era::November2025, Era::July2026];

impl Era {
    fn call(self, tool: &str, arguments: &Value) -> Value {
        match self {
            Self::November2025 => json!({"name": tool, "arguments": arguments, "task": {"ttl": 60000}}),
            Self::July2026 => {
                let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}});
                json!({"name": tool, "arguments": arguments, "_meta": meta})
            }
        }
    }

    fn created(self, id: &str) -> Value {
        match self {
            Self::November2025 => json!({"task": {"taskId": id, "status": "working"}}),
            Self::July2026 => json!({"resultType": "task", "taskId": id, "status": "working"}),
        }
    }

    fn status(self) -> &'static str {
        match self {
            Self::November2025 => "notifications/tasks/status",
            Self::July2026 => "notifications/tasks",
        }
    }
}

/// A session in which the call `id` of `tool` was answered with the task `task`, a second after it was made.
fn opened(era: Era, tool: &str, task: &str) -> Recorded {
    let mut session = Recorded::new(POLICY);
    open(&mut session, era, (1, tool), task);
    session
}

fn open(session: &mut Recorded, era: Era, (id, tool): (u32, &str), task: &str) {
    assert_eq!(session.request(id, "tools/call", era.call(tool, &json!({"to": "one"}))), [TO_SERVER]);
    session.now += Duration::from_secs(1);
    assert_eq!(session.answer(id, era.created(task)), [TO_CLIENT]);
}

/// Whether a further call of the tool that may be called once a minute passes.
fn may_call_again(session: &mut Recorded) -> bool {
    let passes = session.request(99, "tools/call", json!({"name": "once"})) == [TO_SERVER];
    let _ = session.recorded(&[]);
    passes
}

#[test]
fn the_outcome_is_that_of_the_task() {
    let ok = json!({"content": []});
    let failed = json!({"content": [], "isError": true});
    let late = |method: &'static str, result: Value| (method, json!({"result": result}));
    for (era, (method, answer), outcome) in [
        (Era::November2025, late("tasks/result", ok.clone()), Some("ok")),
        (Era::November2025, late("tasks/result", failed.clone()), Some("tool_error")),
        (Era::November2025, ("tasks/result", json!({"error": {"code": -32603, "message": "it broke"}})), Some("error")),
        // About the request, not about the task: a client must not get its count back by asking wrongly.
        (Era::November2025, ("tasks/result", json!({"error": {"code": -32602, "message": "no such task"}})), None),
        (Era::November2025, late("tasks/get", json!({"taskId": "t", "status": "failed"})), Some("error")),
        (Era::November2025, late("tasks/get", json!({"taskId": "t", "status": "cancelled"})), Some("cancelled")),
        (Era::November2025, late("tasks/cancel", json!({"taskId": "t", "status": "cancelled"})), Some("cancelled")),
        (Era::November2025, late("tasks/cancel", json!({"taskId": "t", "status": "working"})), None),
        (Era::November2025, late("tasks/get", json!({"taskId": "t", "status": "input_required"})), None),
        (Era::July2026, late("tasks/get", json!({"taskId": "t", "status": "working"})), None),
        (Era::July2026, late("tasks/get", json!({"taskId": "t", "status": "completed", "result": ok})), Some("ok")),
        (
            Era::July2026,
            late("tasks/get", json!({"taskId": "t", "status": "completed", "result": failed})),
            Some("tool_error"),
        ),
        (Era::July2026, late("tasks/get", json!({"taskId": "t", "status": "failed", "error": {}})), Some("error")),
        (Era::July2026, late("tasks/cancel", json!({"resultType": "complete"})), Some("cancelled")),
        (Era::July2026, ("tasks/get", json!({"error": {"code": -32602, "message": "no such task"}})), None),
    ] {
        let mut session = opened(era, "once", "t");
        assert_eq!(session.recorded(&WHAT), [] as [Value; 0], "nothing is known of the outcome yet");
        assert_eq!(session.request(2, method, json!({"taskId": "t"})), [TO_SERVER]);
        session.now += Duration::from_secs(1);
        let mut line = json!({"jsonrpc": "2.0", "id": 2});
        line.as_object_mut().unwrap().extend(answer.as_object().unwrap().clone());
        assert_eq!(session.server(&line), [TO_CLIENT]);
        let expected: Vec<Value> = outcome.map(|outcome| json!(["once", outcome, 2000.0])).into_iter().collect();
        assert_eq!(session.recorded(&WHAT), expected, "{era:?} {method} {answer}");
        let is_error = outcome.is_some_and(|outcome| outcome.ends_with("error"));
        assert_eq!(may_call_again(&mut session), is_error, "{era:?} {method} {answer}");
    }
}

#[test]
fn a_notification_ends_a_task_too_and_only_the_first_end_counts() {
    for era in ERAS {
        let mut session = opened(era, "once", "t");
        let status = |status: &str| json!({"jsonrpc": "2.0", "method": era.status(), "params": {"taskId": "t", "status": status, "error": {}}});
        assert_eq!(session.server(&status("working")), [TO_CLIENT]);
        assert_eq!(session.recorded(&WHAT), [] as [Value; 0]);
        assert_eq!(session.server(&status("failed")), [TO_CLIENT]);
        assert_eq!(session.recorded(&WHAT), [json!(["once", "error", 1000.0])]);
        assert_eq!(session.server(&status("cancelled")), [TO_CLIENT]);
        assert_eq!(session.recorded(&WHAT), [] as [Value; 0], "{era:?}");
        assert!(may_call_again(&mut session));
    }
}

#[test]
fn a_result_that_is_never_fetched_is_no_secret_to_the_log() {
    let mut session = opened(Era::November2025, "once", "t");
    session.request(2, "tasks/get", json!({"taskId": "t"}));
    session.answer(2, json!({"taskId": "t", "status": "completed"}));
    // The result may still say that it is an error.
    assert_eq!(session.recorded(&WHAT), [] as [Value; 0]);
    session.now += Duration::from_secs(60);
    let mut unanswered = Vec::new();
    session.engine.collect_unanswered(session.time(), &mut unanswered);
    let unanswered: Vec<Value> = unanswered.iter().map(read_record).collect();
    assert_eq!((unanswered[0]["outcome"].as_str(), unanswered[0]["duration_ms"].as_f64()), (Some("ok"), Some(1000.0)));
    session.request(3, "tasks/result", json!({"taskId": "t"}));
    session.answer(3, json!({"content": [], "isError": true}));
    assert_eq!(session.recorded(&WHAT), [json!(["once", "tool_error", 1000.0])], "the time is that of the task's end");
}

#[test]
fn a_server_that_ends_ends_its_tasks() {
    for era in ERAS {
        let mut session = opened(era, "once", "t");
        let mut actions = Vec::new();
        session.engine.collect_unanswered(session.time(), &mut Vec::new());
        session.engine.handle_server_end("it exited", session.time(), &mut actions);
        assert_eq!(session.carry(actions), []);
        assert_eq!(session.recorded(&WHAT), [json!(["once", "server_died", 1000.0])]);
    }
}

#[test]
fn a_task_id_that_comes_twice_belongs_to_the_later_call() {
    for era in ERAS {
        let mut session = opened(era, "first", "t");
        open(&mut session, era, (2, "second"), "t");
        assert_eq!(session.recorded(&WHAT), [json!(["first", "unknown", 2000.0])]);
        session.request(3, "tasks/result", json!({"taskId": "t"}));
        session.answer(3, json!({"content": []}));
        assert_eq!(session.recorded(&WHAT), [json!(["second", "ok", 1000.0])]);
    }
}

#[test]
fn a_cancelled_call_has_no_task() {
    let mut session = Recorded::new(POLICY);
    session.request(1, "tools/call", Era::November2025.call("a", &json!({})));
    session.client(&json!({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}));
    assert_eq!(session.answer(1, Era::November2025.created("t")), []);
    assert_eq!(session.recorded(&WHAT), [json!(["a", "cancelled", 0.0])]);
}

#[test]
fn what_is_no_task_ends_the_call() {
    for (era, result) in [
        (Era::November2025, json!({"content": [], "resultType": "task", "taskId": "t"})),
        (Era::November2025, json!({"task": "t"})),
        (Era::November2025, json!({"task": {"taskId": 7}})),
        (Era::November2025, json!({"task": {"taskId": "x".repeat(2000)}})),
        (Era::July2026, json!({"task": {"taskId": "t"}})),
        (Era::July2026, json!({"resultType": "complete", "taskId": "t"})),
    ] {
        let mut session = Recorded::new(POLICY);
        session.request(1, "tools/call", era.call("a", &json!({})));
        session.answer(1, result.clone());
        assert_eq!(session.recorded(&WHAT), [json!(["a", "ok", 0.0])], "{result}");
    }
    // A call that is no task's must not be answered with one.
    let mut session = Recorded::new(POLICY);
    session.request(1, "tools/call", json!({"name": "a"}));
    session.answer(1, Era::November2025.created("t"));
    assert_eq!(session.recorded(&WHAT), [json!(["a", "ok", 0.0])]);
}

#[test]
fn the_input_of_a_task_is_judged_and_recorded() {
    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let what = ["method", "tool", "outcome", "traceparent", "inputs"];
    let update = |to: &str| json!({"taskId": "t", "inputResponses": {"to": to}, "_meta": {"traceparent": TRACE}});
    let mut session = opened(Era::July2026, "judged", "t");
    assert_eq!(session.request(2, "tasks/update", update("bob")), [TO_SERVER]);
    session.answer(2, json!({"resultType": "complete"}));
    let recorded = session.recorded(&what);
    let [method, tool, outcome, trace, inputs] = &recorded[0].as_array().unwrap()[..] else { panic!("{recorded:?}") };
    assert_eq!((method, tool, outcome), (&json!("tasks/update"), &json!("judged"), &json!("ok")));
    assert_eq!((&inputs["keys"], trace), (&json!(["to"]), &json!(TRACE)));
    // The tool is refused by now, and so is further input for it.
    let refuse = r#"{"version":"1","default":"allow","tools":{"judged":{"action":"deny","reason":"Not today."}}}"#;
    session.engine.replace_policy(policy(refuse), &mut Vec::new());
    let refused = told(&session.request(3, "tasks/update", update("bob")));
    assert_eq!((refused["id"].as_u64(), refused["error"]["code"].as_i64()), (Some(3), Some(-31003)), "{refused}");
    assert!(refused["error"]["message"].as_str().unwrap().contains("Not today."), "{refused}");
    assert_eq!(session.recorded(&what[..4]), [json!(["tasks/update", "judged", "refused", TRACE])]);
    // Look-alikes of its keys are no way past.
    for params in [json!({"taskId": "t", "TaskId": "u"}), json!({"taskId": "t", "inputresponses": {}})] {
        assert_eq!(told(&session.request(4, "tasks/update", params.clone()))["error"]["code"], -32600, "{params}");
    }
    assert_eq!(told(&session.request(4, "tasks/update", json!({"taskId": "t", "inputResponses": []})))["id"], 4);
}

/// A client asks for the state of a task until it is complete.
#[test]
fn what_a_task_asks_for_is_counted_and_recorded_once() {
    let policy = r#"{"version":"1","default":"allow","requests":{"elicitation":{"rate_limit":"1/minute"}}}"#;
    let mut session = Recorded::new(policy);
    session.request(1, "tools/call", Era::July2026.call("free", &json!({})));
    session.answer(1, Era::July2026.created("t"));
    let state = |asks: &str| {
        let asked = json!({"method": "elicitation/create", "params": {"message": asks}});
        json!({"resultType": "complete", "taskId": "t", "status": "input_required", "inputRequests": {"to": asked}})
    };
    for id in 2..5 {
        session.request(id, "tasks/get", json!({"taskId": "t"}));
        assert_eq!(session.answer(id, state("To whom?")), [TO_CLIENT]);
    }
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/tasks", "params": state("To whom?")});
    assert_eq!(session.server(&notification), [TO_CLIENT]);
    let what = ["method", "direction", "outcome"];
    assert_eq!(session.recorded(&what), [json!(["elicitation/create", "server", "ok"])]);
    // Another question counts.
    for id in 5..7 {
        session.request(id, "tasks/get", json!({"taskId": "t"}));
        let refused = told(&session.answer(id, state("And when?")));
        assert!(refused["error"]["message"].as_str().unwrap().contains("1 per minute"), "{refused}");
        assert_eq!(session.recorded(&what), [json!(["elicitation/create", "server", "refused"])]);
    }
}

#[test]
fn input_that_cannot_be_judged_is_refused() {
    let mut session = Recorded::new(POLICY);
    let long = json!({"to": "x".repeat(MAX_TASK_ARGUMENTS)});
    session.request(1, "tools/call", Era::July2026.call("judged", &long));
    session.answer(1, Era::July2026.created("t"));
    let refused = told(&session.request(2, "tasks/update", json!({"taskId": "t", "inputResponses": {}})));
    assert!(refused["error"]["message"].as_str().unwrap().contains("no longer kept"), "{refused}");
    // A tool whose arguments no rule looks at needs none.
    session.request(3, "tools/call", Era::July2026.call("free", &long));
    session.answer(3, Era::July2026.created("u"));
    assert_eq!(session.request(4, "tasks/update", json!({"taskId": "u", "inputResponses": {}})), [TO_SERVER]);
}

#[test]
fn tasks_are_bounded_by_number() {
    let mut session = Recorded::new(POLICY);
    let count = u32::try_from(MAX_TASKS).unwrap();
    for id in 0..count {
        open(&mut session, Era::July2026, (id, "a"), &format!("t{id}"));
    }
    assert_eq!(session.recorded(&WHAT).len(), 0);
    // A task that has ended makes way first.
    session.request(count, "tasks/get", json!({"taskId": "t5"}));
    session.answer(count, json!({"taskId": "t5", "status": "cancelled"}));
    assert_eq!(session.recorded(&WHAT[1..2]), [json!(["cancelled"])]);
    open(&mut session, Era::July2026, (count, "a"), "new");
    assert_eq!(session.recorded(&WHAT).len(), 0);
    open(&mut session, Era::July2026, (count + 1, "a"), "newer");
    assert_eq!(session.recorded(&WHAT[..2]), [json!(["a", "unknown"])]);
}

#[test]
fn tasks_are_bounded_by_bytes() {
    let mut session = Recorded::keeping(POLICY, ArgumentsLogged::Full);
    let arguments = json!({"text": "x".repeat(60_000)});
    let fit = u32::try_from(MAX_TASK_BYTES / 60_000).unwrap();
    for id in 0..fit + 20 {
        session.request(id, "tools/call", Era::July2026.call("a", &arguments));
        session.answer(id, Era::July2026.created(&format!("t{id}")));
    }
    let dropped = session.recorded(&WHAT[1..2]);
    assert!((20..30).contains(&dropped.len()), "{}", dropped.len());
    assert!(dropped.iter().all(|outcome| *outcome == json!(["unknown"])));
    let mut unanswered = Vec::new();
    session.engine.collect_unanswered(session.time(), &mut unanswered);
    // With its outcome, a record is larger than without.
    let outcomes = unanswered.len() * size_of::<policylayer::record::LogEntry>();
    let weight: usize = unanswered.iter().map(policylayer::record::LogEntry::weight).sum();
    assert!(weight <= MAX_TASK_BYTES + outcomes, "{weight}");
}

#[test]
fn a_task_of_another_session_is_an_ordinary_method() {
    let mut session = opened(Era::July2026, "a", "t");
    for method in ["tasks/get", "tasks/result", "tasks/cancel", "tasks/list", "tasks/update"] {
        let actions = session.request(7, method, json!({"taskId": "u"}));
        assert!(!actions.iter().any(|action| matches!(action, Action::Stray(_))), "{method}: {actions:?}");
        session.answer(7, json!({"status": "completed"}));
        assert_eq!(session.recorded(&["tool", "outcome"]).iter().filter(|record| record[0] == "a").count(), 0);
    }
}
