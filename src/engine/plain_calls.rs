//! Calls that only their tool decides about: no rule for it looks at arguments, counts, asks, or changes results. Such a tool is
//! judged once, until the policy or the server's list is another one. Its lines go past `forward_call`: what is done there for every
//! call that goes on is done in `forward_plain_line` as well, and what both need to send it is in `send_call`.

use super::Engine;
use super::action::{Payload, Turn};
use super::client_request::ClientRequest;
use super::id_map::IdMap;
use super::open_requests::{PendingCall, RequestKind};
use super::recorder::outcome_of_answer;
use super::refusal::SubjectKind;
use super::tool_calls::unanswered_if_required;
use crate::limits::{MAX_PLAIN_CALLS, MAX_PLAIN_NAME};
use crate::policy::{Policy, ToolRef};
use crate::record::Draft;
use crate::wire::id::IdKey;
use crate::wire::message::{Answer, AnswerShape, CallParams, TOOLS_CALL_JSON, VERSION_JSON};
use crate::wire::method::TOOLS_CALL;
use crate::wire::strict::Envelope;
use crate::wire::view;

/// The tools of which every plain call passes.
#[derive(Debug, Default)]
pub(super) struct PlainCalls {
    /// Each with its record, without what is a call's own; `None` if no log is kept.
    passing: IdMap<Box<str>, Option<Draft>>,
}

impl PlainCalls {
    pub(super) fn forget_all(&mut self) {
        self.passing.clear();
    }

    fn add(&mut self, tool: &str, record: Option<Draft>) {
        // What a line has between quotes is looked up: without a backslash, it stands for itself.
        if tool.len() > MAX_PLAIN_NAME || tool.contains('\\') {
            return;
        }
        if self.passing.len() >= MAX_PLAIN_CALLS {
            self.passing.clear();
        }
        self.passing.insert(tool.into(), record);
    }
}

/// Whether a call brings nothing but its name and its arguments, and expects nothing but a result.
fn is_plain(call: &CallParams<'_>) -> bool {
    call.answer_shape() == AnswerShape::Result && !call.has_input() && call.traceparent().is_none()
}

fn plain_pending(draft: Option<Draft>) -> PendingCall {
    PendingCall { counted: None, draft, shape: AnswerShape::Result, lists: None, results: None }
}

impl Engine {
    /// Forwards a plain call of a tool that is known to pass, as nearly all are written. Returns whether it was one: if not, nothing is
    /// done, and it is read and judged like all other messages.
    pub(super) fn forward_plain_line(&mut self, envelope: &Envelope<'_>, turn: &mut Turn<'_>) -> bool {
        let Envelope { jsonrpc: Some(VERSION_JSON), id: Some(id), method: Some(TOOLS_CALL_JSON), call, .. } = *envelope
        else {
            return false;
        };
        let is_alone = envelope.result.is_none() && envelope.error.is_none() && call.is_whole && call.meta.is_none();
        let arguments = call.arguments.unwrap_or("{}");
        if !is_alone || arguments.as_bytes().first() != Some(&b'{') || self.ended.is_some() {
            return false;
        }
        let (Some(name), Ok(key)) = (call.name.and_then(view::inside), IdKey::parse_text(id)) else { return false };
        let Some(record) = self.tools.plain_calls.passing.get_mut(name) else { return false };
        let Some(place) = self.client_requests.find_place(key) else { return false };
        let mut draft = record.as_mut().map(|record| self.recorder.draft_again(record, arguments, turn));
        self.put_back.move_record(place.key(), &mut draft);
        let entry = unanswered_if_required(self.required, draft.as_ref(), turn.now);
        let noted = (!self.sources.is_idle()).then(|| place.key().clone());
        place.admit(id, RequestKind::Call(plain_pending(draft)));
        self.approvals.observe_request(TOOLS_CALL);
        let subject = (SubjectKind::Tool, name);
        let called = noted.and_then(|key| {
            self.note_source(&key, (SubjectKind::Tool, TOOLS_CALL, name), arguments, turn.now);
            self.called_tool(&key, subject)
        });
        self.send_call(entry, subject, called, Payload::Received, turn);
        true
    }

    /// Forwards a plain call of a tool that is known to pass. Returns whether it was one.
    pub(super) fn forward_plain_call(
        &mut self,
        request: &ClientRequest<'_>,
        call: &CallParams<'_>,
        turn: &mut Turn<'_>,
    ) -> bool {
        if !is_plain(call) {
            return false;
        }
        let Some(draft) = self.draft_known(&call.name, call.arguments.unwrap_or("{}"), turn) else { return false };
        let (about, payload) = ((SubjectKind::Tool, &*call.name), request.payload());
        self.forward_call(request.id, request.key.clone(), about, payload, plain_pending(draft), turn);
        true
    }

    /// Drafts the record of a call if its tool is known to pass; there is none if no log is kept.
    fn draft_known(&mut self, tool: &str, arguments: &str, turn: &Turn<'_>) -> Option<Option<Draft>> {
        let record = self.tools.plain_calls.passing.get_mut(tool)?;
        Some(record.as_mut().map(|record| self.recorder.draft_again(record, arguments, turn)))
    }

    /// Passes on the answer to a call whose result nothing is done with, as nearly all are. Returns whether it was one: if not, nothing is
    /// done.
    pub(super) fn pass_plain_answer(&mut self, envelope: &Envelope<'_>, turn: &mut Turn<'_>) -> bool {
        let Envelope { jsonrpc: Some(VERSION_JSON), id: Some(id), result: Some(result), inner_keys, .. } = *envelope
        else {
            return false;
        };
        let is_alone = envelope.error.is_none() && envelope.method.is_none() && !envelope.has_strange_members();
        if !is_alone || result == "null" || inner_keys.may_have("inputRequests") || !self.notified.is_empty() {
            return false;
        }
        // The wrapper's own requests have ids that are texts.
        let Ok(key @ (IdKey::Integer(_) | IdKey::Large(_))) = IdKey::parse_text(id) else { return false };
        let Some((key, draft)) = self.client_requests.take_plain_answered(key) else { return false };
        self.sources.begin_answer();
        let answer = Answer::Result(result);
        turn.record_outcome(draft, outcome_of_answer(answer, inner_keys));
        self.finish_answer(turn);
        self.remember_result(&key, None, answer, turn);
        turn.forward_to_client();
        true
    }

    /// Remembers that a tool passes, if only the tool decides about a call like this one, which is `pending`.
    pub(super) fn learn_plain_call(
        &mut self,
        policy: &Policy,
        tool: ToolRef<'_>,
        call: &CallParams<'_>,
        pending: &PendingCall,
    ) {
        let is_free = pending.counted.is_none() && pending.results.is_none() && policy.locked().is_none();
        // What is not listed has one class for this call, and may have another one for the next.
        if is_free && is_plain(call) && policy.decides_by_tool(tool) && !self.goes_by_unknown_class(policy, tool.name) {
            let record = pending.draft.as_ref().map(Draft::without_arguments);
            self.tools.plain_calls.add(tool.name, record);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::action::{Action, Now};
    use super::super::limits::Memory;
    use super::*;
    use crate::limits::MAX_OPEN;
    use crate::policy::{self, Format, Server, ServerName, Source};
    use crate::provenance::SessionMemory;
    use crate::record::{ArgumentRecorder, ArgumentsLogged, Digest, DigestKey, Required, SessionName};

    const POLICY: &str = r#"{"version":"1","default":"allow","hide":["hidden"],"tools":{"a":{},"b":{"limits":[{"window":"minute","max":3}]}}}"#;

    fn new_engine(text: &str, keyed: &ArgumentRecorder, required: Required) -> Engine {
        let server = Server::by_name(&ServerName::parse("stub").unwrap());
        let policy = policy::load_policy(&Source::new("p.json", Format::Json, text), &server).policy.unwrap();
        Engine::new(Arc::new(policy), Box::new(Memory::default())).with_recording(keyed.clone(), required)
    }

    /// A version with an escape keeps a line from the short way, and changes nothing else.
    #[test]
    fn plain_lines_are_handled_like_all_others() {
        let keyed = ArgumentRecorder::new(ArgumentsLogged::Keys, Box::new(|| Some(DigestKey([3; 32]))));
        let mut state = 1_u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let (mut records, mut forwarded) = (0, 0);
        for round in 0..300 {
            let required = if round % 3 == 0 { Required::Yes } else { Required::No };
            let [mut plain, mut other] = [(); 2].map(|()| match round % 2 {
                0 => new_engine(POLICY, &keyed, required),
                _ => new_engine(POLICY, &keyed, required).with_provenance(Arc::new(SessionMemory::default())),
            });
            for step in 0..60 {
                let id = ["1", "2", "3", "\"1\"", "\"x\"", "1.0", "4"][random(7)];
                let name = [
                    "\"a\"",
                    "\"a\"",
                    "\"b\"",
                    "\"c\"",
                    "\"hidden\"",
                    "\"A\"",
                    "\"\\u0061\"",
                    "1",
                    "\"\\\\n\"",
                    "\"\\n\"",
                    "\"é\"",
                ][random(11)];
                let arguments = ["{}", "{\"k\":1}", "null", "[]", "{\"k\":\"v\",\"l\":[]}"][random(5)];
                let result = [
                    "{\"content\":[]}",
                    "{\"content\":[],\"isError\":true}",
                    "{\"inputRequests\":{\"q\":{\"method\":\"elicitation/create\",\"params\":{}}}}",
                    "null",
                    "1",
                ][random(5)];
                let is_client = random(2) == 0;
                let rest = match (is_client, random(8)) {
                    (true, 0) => format!("\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":{id}}}"),
                    (true, 1) => format!(
                        "\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":{name},\"arguments\":{arguments},\"_meta\":{{\"progressToken\":1}}}}"
                    ),
                    (true, 2) => {
                        format!("\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":{name},\"task\":{{}}}}")
                    }
                    (true, _) => format!(
                        "\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":{name},\"arguments\":{arguments}}}"
                    ),
                    (false, 0) => format!("\"id\":{id},\"error\":{{\"code\":1,\"message\":\"\"}}"),
                    (false, 1) => format!("\"id\":{id},\"result\":{result},\"x\":1"),
                    (false, _) => format!("\"id\":{id},\"result\":{result}"),
                };
                let now = Now { session: Duration::from_millis(step), unix: Duration::from_secs(step) };
                let [mut one, mut two] = [Vec::new(), Vec::new()];
                for (engine, actions, version) in [(&mut plain, &mut one, "2.0"), (&mut other, &mut two, "2\\u002e0")] {
                    let line = format!("{{\"jsonrpc\":\"{version}\",{rest}}}\n");
                    match is_client {
                        true => engine.handle_client_line(line.as_bytes(), now, actions),
                        false => engine.handle_server_line(line.as_bytes(), now, actions),
                    }
                }
                assert_eq!(one, two, "{rest}");
                records += one.iter().filter(|action| matches!(action, Action::Record(_))).count();
                forwarded +=
                    one.iter().filter(|action| matches!(action, Action::ToServer(_) | Action::Commit(_))).count();
                assert_eq!(plain.answered_if_crowded(), other.answered_if_crowded());
                // Those of the short way are made in the places of earlier ones.
                let left = one.into_iter().filter_map(|action| match action {
                    Action::Record(mut entry) => entry.leaves_place().then_some(entry),
                    _ => None,
                });
                plain.reuse_records(&mut left.collect());
            }
        }
        assert!(records > 1_000 && forwarded > 2_000, "{records} {forwarded}");
    }

    fn handle(engine: &mut Engine, line: &str) -> Vec<Action> {
        let mut actions = Vec::new();
        match line.contains("\"method\"") {
            true => engine.handle_client_line(line.as_bytes(), Now::default(), &mut actions),
            false => engine.handle_server_line(line.as_bytes(), Now::default(), &mut actions),
        }
        actions
    }

    fn call(id: usize, tool: &str, arguments: &str) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
        )
    }

    #[test]
    fn values_that_plain_calls_get_back_are_recorded() {
        let keyed = ArgumentRecorder::new(ArgumentsLogged::Keys, Box::new(|| None));
        let text =
            r#"{"version":"1","default":"allow","tools":{"get_user":{"results":{"stand_ins":["email"]}},"a":{}}}"#;
        let mut engine = new_engine(text, &keyed, Required::No);
        handle(&mut engine, &call(1, "get_user", "{}"));
        let answer = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"<bob@example.com>"}]}}"#;
        let given = handle(&mut engine, answer).into_iter().find_map(|action| match action {
            Action::ToClient(Payload::Written(line)) => String::from_utf8(line).ok(),
            _ => None,
        });
        let given = given.unwrap();
        let stand_in = &given[given.find('<').unwrap() + 1..given.find('>').unwrap()];
        assert!(!stand_in.contains("bob"), "{given}");
        // The first of them is judged, the others are known to pass.
        for id in 2..5 {
            let sent = handle(&mut engine, &call(id, "a", &format!("{{\"to\":\"{stand_in}\"}}")));
            let [Action::ToServer(Payload::Kept(line))] = &sent[..] else { panic!("{sent:?}") };
            assert!(String::from_utf8_lossy(line).contains("\"bob@example.com\""), "{sent:?}");
            let done = handle(&mut engine, &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
            let line = done.iter().find_map(|action| match action {
                Action::Record(entry) => {
                    let mut line = Vec::new();
                    let session = SessionName { id: String::new(), server: "stub".to_owned() };
                    entry.write_line(&session, Digest::START, &mut line);
                    String::from_utf8(line).ok()
                }
                _ => None,
            });
            assert!(line.unwrap().contains("\"put_back\":1"), "{id}");
        }
    }

    #[test]
    fn no_more_plain_calls_are_open_than_may_be() {
        let keyed = ArgumentRecorder::new(ArgumentsLogged::Keys, Box::new(|| None));
        let mut engine = new_engine(POLICY, &keyed, Required::No);
        for id in 0..MAX_OPEN {
            assert_eq!(handle(&mut engine, &call(id, "a", "{}")), [Action::ToServer(Payload::Received)], "{id}");
        }
        for id in [MAX_OPEN, 0] {
            let refused = handle(&mut engine, &call(id, "a", "{}"));
            assert!(refused.iter().all(|action| !matches!(action, Action::ToServer(_))), "{id}: {refused:?}");
        }
        handle(&mut engine, r#"{"jsonrpc":"2.0","id":7,"result":{}}"#);
        assert_eq!(handle(&mut engine, &call(7, "a", "{}")), [Action::ToServer(Payload::Received)]);
    }
}
