//! Questions to persons: whatever is written, answered, cancelled, reloaded or waited for, in any order and in either era,
//! nothing reaches the server that no person has approved, every request is answered once, every question is settled
//! once, and nobody is said to have refused who has not. Previews are events like others: answered, failed, timed out, or
//! different when they are made again; what is approved with one that is compared is sent with the same one only.
//!
//! A script begins with a byte for how the session is set up; then each pair of bytes is a step: what happens, and to which
//! of the things that there are. The model knows calls by their content, and keeps a ledger of what was approved.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use policylayer::engine::limits::Memory;
use policylayer::engine::{
    Action, ApprovalAnswer, ApprovalOptions, Channel, Engine, Local, Now, Opened, Payload, Question, RoundApproval,
    Settled, Upshot,
};
use policylayer::limits::{
    CLIENT_MARGIN, CLIENT_WAIT, LATE_APPROVAL, MAX_HELD, MAX_LATE, OWN_REQUEST, READING_TIME, REFUSED_FOR,
};
use policylayer::policy::{ApprovalLifetime, ApprovalScope, Policy};
use policylayer::record::{ArgumentRecorder, ArgumentsLogged, Digest, DigestKey, LogEntry, Required, SessionName};
use serde_json::{Value, json};

use super::compiled;

/// How many steps of a script are taken.
const MAX_STEPS: usize = 48;

/// How long a question is open: of `brief`, and of the others.
const TIMES: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(600)];

/// Asks, refuses, or asks about another tool.
fn policies() -> &'static [Arc<Policy>; 3] {
    static POLICIES: OnceLock<[Arc<Policy>; 3]> = OnceLock::new();
    POLICIES.get_or_init(|| {
        let asks = r#"{"action":"require_approval"}"#;
        let of = |send: &str| {
            compiled(&format!(
                r#"{{"version":"1","default":"allow","tools":{{"send":{send},
                    "same":{{"action":"require_approval","approval_scope":"arguments"}},
                    "brief":{{"action":"require_approval","approval_timeout":"30s"}},
                    "next":{{"action":"require_approval","approval_for":"client"}},
                    "shown":{{"action":"require_approval","preview":{{"tool":"get_note","show":["v"]}}}},
                    "again":{{"action":"require_approval","preview_again":true,"preview":{{"tool":"get_note","show":["v"]}}}}}}}}"#
            ))
        };
        [of(asks), of(r#"{"action":"deny"}"#), of(r#"{"action":"require_approval","approval_scope":"arguments"}"#)]
    })
}

pub fn holds(script: &[u8]) {
    let Some((setup, steps)) = script.split_first() else { return };
    let mut session = Session::new(*setup);
    for step in steps.chunks_exact(2).take(MAX_STEPS) {
        session.take_step(step[0], step[1]);
    }
    session.end();
    session.is_over();
}

/// What an agent can do without its client's help: it makes calls, whatever is in them, and waits. Nothing passes.
pub fn requests_alone_approve_nothing(script: &[u8]) {
    let Some((setup, steps)) = script.split_first() else { return };
    // With `initialize`, or where a code is needed, or where only the local channel is asked.
    let setup = [0b0000_0001, 0b0000_1000, 0b0000_0010][usize::from(setup % 3)];
    let mut session = Session::new(setup);
    for step in steps.chunks_exact(2).take(MAX_STEPS) {
        // Calls, repetitions, forged states, replays, waiting, cancelling, another `initialize`, what is beside a call.
        let kind = [0, 0, 1, 1, 2, 3, 4, 5, 6, 7][usize::from(step[0] % 10)];
        session.take_step(kind, step[1]);
    }
    assert_eq!(session.reached, 0, "nobody has approved anything");
}

/// All that the server reads of a call, and what a person is asked about, as JSON. A preview that is compared is part of it.
type Content = String;

const SEEN: &str = "(seen)";

fn content_of(line: &Value) -> Content {
    let mut params = line["params"].clone();
    params.as_object_mut().unwrap().remove("_meta");
    params.to_string()
}

fn with_preview(content: &str, preview: &str) -> Content {
    let mut params: Value = serde_json::from_str(content).unwrap();
    params[SEEN] = json!(preview);
    params.to_string()
}

fn without_preview(content: &str) -> Content {
    let mut params: Value = serde_json::from_str(content).unwrap();
    params.as_object_mut().unwrap().remove(SEEN);
    params.to_string()
}

fn without_arguments(content: &str) -> Content {
    let mut params: Value = serde_json::from_str(content).unwrap();
    params.as_object_mut().unwrap().remove("arguments");
    params.to_string()
}

/// An approval that has not been used.
struct Approved {
    content: Content,
    /// `None` for the rest of the session.
    until: Option<Duration>,
    /// For any arguments.
    is_wide: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Waits,
    Forwarded,
    Answered,
    Cancelled,
}

struct Request {
    line: Value,
    since: Duration,
    fate: Fate,
}

struct Asked {
    content: Content,
    scope_is_wide: bool,
    lives: ApprovalLifetime,
    since: Duration,
    until: Duration,
    /// Whether the local channel has said what it does with it.
    is_laid_out: bool,
    /// Whether the local channel still has it.
    is_local: bool,
    /// The request that waits for the answer, or did.
    held: u64,
    /// Whether it was asked in a round.
    is_round: bool,
    /// A request of ours, while it is open.
    dialogue: Option<Value>,
    /// The state of its round, and whether the call has come back with it.
    state: Option<String>,
    /// What somebody has answered.
    answered: Option<ApprovalAnswer>,
    /// Whether an approval of it is for the client's next session.
    is_for_next: bool,
    /// Whether the local channel keeps that approval.
    is_stored: bool,
    /// Whether it is over for another reason.
    is_over: bool,
    /// An answer from elsewhere that waits for the call.
    kept: Option<ApprovalAnswer>,
    /// The preview that is compared before the call is sent.
    compared: Option<String>,
    /// The approval that waits for it.
    approved: Option<(ApprovalAnswer, Channel)>,
}

/// A preview that the server has not answered.
struct Preview {
    id: Value,
    purpose: Purpose,
    until: Duration,
}

#[derive(Clone, Copy, PartialEq)]
enum Purpose {
    /// A person is asked about this request.
    Ask(u64),
    /// What the person has seen is compared, for this question.
    Compare(u64),
}

struct Session {
    engine: Engine,
    now: Duration,
    is_opened: bool,
    ids: u64,
    requests: HashMap<u64, Request>,
    asked: HashMap<u64, Asked>,
    /// What was written, to be written again.
    written: Vec<Value>,
    approved: Vec<Approved>,
    /// Late approvals that the local channel keeps for the client's next session.
    stored: Vec<Content>,
    /// The questions with an answer that waits for the call, or did, in the order of their answers.
    kept: Vec<u64>,
    /// The question whose dialogue the local channel lets open.
    opening: Option<u64>,
    /// What was refused by a person: the content, and when.
    refused: Vec<(Content, Duration)>,
    /// Oldest first.
    previews: Vec<Preview>,
    /// What the next preview is for.
    purpose: Option<Purpose>,
    /// The preview that has just come, or has failed to.
    seen: Option<String>,
    /// The question whose preview has changed.
    outdated: Option<u64>,
    /// The verdicts in the log, by the number of the decision.
    recorded: HashMap<u64, String>,
    /// How many calls that ask have reached the server.
    reached: usize,
    has_ended: bool,
    policy: usize,
}

impl Session {
    fn new(setup: u8) -> Self {
        let channels = match setup >> 1 & 3 {
            1 => vec![Channel::Local],
            2 => vec![Channel::Client],
            _ => vec![Channel::Client, Channel::Local],
        };
        let rounds = if setup & 8 == 0 { RoundApproval::Once } else { RoundApproval::Never };
        let options = ApprovalOptions { channels, rounds, secret: [7; 32], timeout: TIMES[1], ..Default::default() };
        let keyed = ArgumentRecorder::new(ArgumentsLogged::Keys, Box::new(|| Some(DigestKey([5; 32]))));
        let engine = Engine::new(Arc::clone(&policies()[0]), Box::new(Memory::default()));
        let mut engine = engine.with_approvals(options).with_recording(keyed, Required::No);
        // The server has listed its tools: nobody is asked about what it may not have.
        let start = Now { session: Duration::ZERO, unix: Duration::from_secs(1_767_225_600) };
        engine.handle_client_line(br#"{"jsonrpc":"2.0","id":"list","method":"tools/list"}"#, start, &mut Vec::new());
        let tools = ["send", "same", "brief", "next", "shown", "again", "get_note"].map(|name| json!({ "name": name }));
        let list = json!({"jsonrpc":"2.0","id":"list","result":{ "tools": tools }}).to_string();
        engine.handle_server_line(list.as_bytes(), start, &mut Vec::new());
        let mut session = Self {
            engine,
            now: Duration::ZERO,
            is_opened: setup & 1 == 1,
            ids: 1000,
            requests: HashMap::new(),
            asked: HashMap::new(),
            written: Vec::new(),
            approved: Vec::new(),
            stored: Vec::new(),
            kept: Vec::new(),
            opening: None,
            refused: Vec::new(),
            previews: Vec::new(),
            purpose: None,
            seen: None,
            outdated: None,
            recorded: HashMap::new(),
            reached: 0,
            has_ended: false,
            policy: 0,
        };
        if session.is_opened {
            session.initialize(0);
        }
        session
    }

    fn time(&self) -> Now {
        Now { session: self.now, unix: Duration::from_secs(1_767_225_600) + self.now }
    }

    fn take_step(&mut self, kind: u8, which: u8) {
        let pick = usize::from(which);
        match kind % 16 {
            0 => self.call(call_params(which, None)),
            1 => self.come_again(which),
            2 => self.forge(which),
            3 => {
                if let Some(line) = self.written.get(pick % self.written.len().max(1)).cloned() {
                    self.call(line["params"].clone());
                }
            }
            4 | 5 => self.wait([100, 200, 300, 1_000, 30_000, 54_900, 60_000, 300_000, 600_000][pick % 9]),
            6 => self.cancel(pick),
            7 => self.initialize(which),
            8 | 9 => self.answer_locally(which),
            10 | 11 => self.answer_dialogue(which),
            12 if pick & 1 == 0 => self.lay_out(pick >> 1),
            12 => self.fail_locally(pick >> 1),
            13 => self.reload(pick),
            14 if pick & 1 == 1 && !self.previews.is_empty() => self.answer_preview(pick >> 1),
            14 => self.answer_as_server(pick),
            _ if pick < 16 => self.end(),
            _ => self.answer_locally(which),
        }
        // Whoever drives the engine asks for its next deadline after each step.
        self.wait(0);
        self.keeps_its_bounds();
    }

    fn call(&mut self, params: Value) {
        self.ids += 1;
        let id = self.ids;
        let line = json!({"jsonrpc":"2.0","id":id,"method":"tools/call","params":params});
        self.requests.insert(id, Request { line: line.clone(), since: self.now, fate: Fate::Waits });
        self.written.push(line.clone());
        let has_preview = ["shown", "again"].contains(&line["params"]["name"].as_str().unwrap());
        if has_preview {
            self.purpose = Some(Purpose::Ask(id));
        }
        // No preview is made of what is settled, unless it is part of that.
        if line["params"]["name"] != "again" {
            self.take_up_kept(&content_of(&line));
        }
        // What the client says in a round counts if it is the first good answer to it.
        let choice = self.choice_in_round(&line);
        if let Some((number, Some(choice))) = &choice {
            self.enter_answer(*number, choice, Channel::Client);
        }
        let mut actions = Vec::new();
        self.engine.handle_client_line(line.to_string().as_bytes(), self.time(), &mut actions);
        self.carry_out(actions, Some(&line));
        self.purpose = None;
        // It waits from now on, for an answer or for what the person has seen to be compared.
        if let Some((number, choice)) = choice
            && let Some(asked) = self.asked.get_mut(&number)
            && (choice.is_none() || asked.approved.is_some())
        {
            (asked.state, asked.held, asked.is_round) = (None, id, false);
        }
    }

    /// A call that is made anew gets the answer that waits for it, unless the policy refuses it now.
    fn take_up_kept(&mut self, content: &str) {
        let is_it = |asked: &Asked| asked.kept.is_some() && asked.content == content;
        if self.has_ended || (self.policy == 1 && content.contains(r#""name":"send""#)) {
            return;
        }
        // All of them are taken up by this call, in the order in which they were given.
        let taken: Vec<_> = self.kept.iter().filter(|number| is_it(&self.asked[*number])).copied().collect();
        let taken: Vec<_> = taken.iter().filter_map(|of| Some((*of, self.asked.get_mut(of)?.kept.take()?))).collect();
        let mut is_taken = false;
        for (number, kept) in taken {
            let asked = self.asked.get_mut(&number).unwrap();
            (asked.state, asked.is_over) = (None, true);
            if is_taken {
                // An approval beside the first is for a repetition.
                asked.is_round = false;
            } else {
                // It is for the call that is made now.
                asked.lives = ApprovalLifetime::Session;
            }
            is_taken |= !matches!(kept, ApprovalAnswer::Refused { .. });
            self.enter(number, &kept, Channel::Local);
        }
    }

    /// The question that a call answers, and the answer if it is one; the model's own reading of the rules.
    fn choice_in_round(&mut self, line: &Value) -> Option<(u64, Option<ApprovalAnswer>)> {
        let params = &line["params"];
        let (state, now, has_ended) = (params["requestState"].as_str()?.to_owned(), self.now, self.has_ended);
        let same = |asked: &Asked| {
            let content: Value = serde_json::from_str(&asked.content).unwrap();
            asked.state.as_deref() == Some(&*state)
                && !asked.is_over
                && content["name"] == params["name"]
                && content["arguments"] == params["arguments"]
        };
        let (number, asked) = self.asked.iter_mut().find(|(_, asked)| same(asked)).filter(|_| !has_ended)?;
        let number = *number;
        if let Some(kept) = asked.kept.take() {
            (asked.state, asked.held, asked.is_round) = (None, line["id"].as_u64().unwrap(), false);
            self.enter_or_compare(number, &kept, Channel::Local);
            return None;
        }
        let answer =
            read_choice(&params["inputResponses"]["policylayer"]).filter(|_| now >= asked.since + READING_TIME);
        // For this call only, whatever was chosen.
        let answer = answer.map(|answer| if answer == ApprovalAnswer::Session { ApprovalAnswer::Once } else { answer });
        if answer.is_some() {
            asked.state = None;
        }
        Some((number, answer))
    }

    /// Enters a person's answer into the ledger.
    fn enter_answer(&mut self, number: u64, answer: &ApprovalAnswer, channel: Channel) {
        let Some(asked) = self.asked.get_mut(&number) else { return };
        asked.answered = Some(answer.clone());
        // An answer from elsewhere holds once the call comes for it, and no longer than it is kept.
        if asked.state.is_some() && channel == Channel::Local {
            asked.kept = Some(answer.clone());
            self.kept.push(number);
            asked.until = asked.until.max(self.now + LATE_APPROVAL);
            let content = asked.content.clone();
            if matches!(answer, ApprovalAnswer::Refused { .. }) {
                self.drop_approvals(&content);
            }
            return;
        }
        self.enter_or_compare(number, answer, channel);
    }

    /// An approval of a held call holds once its preview is found to be the same.
    fn enter_or_compare(&mut self, number: u64, answer: &ApprovalAnswer, channel: Channel) {
        let asked = self.asked.get_mut(&number).unwrap();
        let is_held = asked.is_round || self.requests[&asked.held].fate == Fate::Waits;
        if asked.compared.is_some() && is_held && !matches!(answer, ApprovalAnswer::Refused { .. }) {
            asked.approved = Some((answer.clone(), channel));
            self.purpose = Some(Purpose::Compare(number));
        } else {
            self.enter(number, answer, channel);
        }
    }

    fn enter(&mut self, number: u64, answer: &ApprovalAnswer, channel: Channel) {
        let asked = &self.asked[&number];
        let (content, is_wide) = (asked.content.clone(), asked.scope_is_wide);
        let is_late = self.requests[&asked.held].fate != Fate::Waits && !asked.is_round;
        let is_stored = is_late && channel == Channel::Local && asked.lives == ApprovalLifetime::Client;
        // What waits is released at once.
        let until = Some(if is_late { asked.until.max(self.now + LATE_APPROVAL) } else { self.now });
        self.asked.get_mut(&number).unwrap().is_stored = is_stored && *answer == ApprovalAnswer::Once;
        match answer {
            ApprovalAnswer::Once if is_stored => self.stored.push(content),
            ApprovalAnswer::Once => self.approved.push(Approved { content, until, is_wide: false }),
            ApprovalAnswer::Session => self.approved.push(Approved { content, until: None, is_wide }),
            ApprovalAnswer::Refused { .. } => {
                // The last word of a person counts.
                self.drop_approvals(&content);
                let wide = without_arguments(&content);
                self.stored.retain(|stored| *stored != content);
                let made = without_preview(&content);
                self.approved.retain(|it| {
                    without_preview(&it.content) != made && !(it.is_wide && without_arguments(&it.content) == wide)
                });
                self.refused.push((content, self.now));
            }
        }
    }

    /// Approvals that wait for a call which a person has refused since are over.
    fn drop_approvals(&mut self, content: &str) {
        let made = without_preview(content);
        for asked in self.asked.values_mut().filter(|asked| without_preview(&asked.content) == made) {
            if asked.kept.as_ref().is_some_and(|kept| !matches!(kept, ApprovalAnswer::Refused { .. })) {
                (asked.kept, asked.state, asked.is_over) = (None, None, true);
            }
        }
    }

    fn come_again(&mut self, which: u8) {
        let states: Vec<_> = self.states();
        let Some(state) = states.get(usize::from(which >> 3) % states.len().max(1)) else {
            return self.call(call_params(which, None));
        };
        let asked = self.written.iter().find(|line| self.is_about(line, state)).map(|line| line["params"].clone());
        let mut params = asked.unwrap_or_else(|| call_params(which, None));
        params["requestState"] = json!(state);
        params["inputResponses"] = json!({"policylayer": choice(which)});
        match which % 11 {
            1 => params["arguments"] = json!({"n": 3}),
            2 => params["name"] = json!("same"),
            3 => params["_meta"] = json!({"progressToken": 1}),
            4 => params["task"] = json!({"ttl": 1}),
            5 => params["force"] = json!(true),
            _ => {}
        }
        self.call(params);
    }

    /// All states of this session, used ones as well.
    fn states(&self) -> Vec<String> {
        let mut states: Vec<_> = self.written_states().collect();
        states.sort();
        states
    }

    fn written_states(&self) -> impl Iterator<Item = String> {
        self.asked.values().filter_map(|asked| asked.state.clone())
    }

    fn is_about(&self, line: &Value, state: &str) -> bool {
        let of = self.asked.values().find(|asked| asked.state.as_deref() == Some(state));
        of.is_some_and(|asked| without_preview(&asked.content) == content_of(line))
    }

    fn forge(&mut self, which: u8) {
        let known = self.states().pop().unwrap_or_else(|| "policylayer-00000000-1-00".to_owned());
        let state = match which % 5 {
            0 => format!("{known}-TAMPERED"),
            1 => known.replace("-1-", "-2-"),
            2 => known.to_uppercase(),
            3 => known[..known.len() - 1].to_owned(),
            _ => "another server's".to_owned(),
        };
        let mut params = call_params(which >> 3, Some(&state));
        params["inputResponses"] = json!({"policylayer": choice(which)});
        self.call(params);
    }

    fn wait(&mut self, milliseconds: u64) {
        let end = self.now + Duration::from_millis(milliseconds);
        // A deadline may lead to the next one.
        while let Some(next) = self.engine.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.pass_time();
        }
        self.now = end;
        self.pass_time();
    }

    fn pass_time(&mut self) {
        let now = self.now;
        let due: Vec<_> = self.previews.extract_if(.., |preview| preview.until <= now).collect();
        let late = "(no preview: get_note has not answered within 3 seconds)";
        due.iter().for_each(|preview| self.prepare(preview, late));
        let mut actions = Vec::new();
        self.engine.handle_timeout(self.time(), &mut actions);
        self.carry_out(actions, None);
        self.seen = None;
        if let Some(next) = self.engine.poll_timeout() {
            assert!(next > self.now, "the next deadline is in the past");
        }
        self.asked.values_mut().filter(|asked| asked.until <= now && asked.approved.is_none()).for_each(|asked| {
            asked.is_over = true;
            (asked.kept, asked.state) = (None, None);
        });
    }

    /// The server answers a preview: one thing, another, or with an error.
    fn answer_preview(&mut self, which: usize) {
        let preview = self.previews.remove((which >> 2) % self.previews.len());
        let error = "(no preview: get_note answered with an error)";
        let (answer, shown) = match which & 3 {
            0 | 1 => (json!({"result":{"structuredContent":{"v":1,"w":which}}}), "v: 1"),
            2 => (json!({"result":{"structuredContent":{"v":2}}}), "v: 2"),
            _ => (json!({"result":{"isError":true,"content":[]}}), error),
        };
        let mut line = answer;
        (line["jsonrpc"], line["id"]) = (json!("2.0"), preview.id.clone());
        self.prepare(&preview, shown);
        let mut actions = Vec::new();
        self.engine.handle_server_line(line.to_string().as_bytes(), self.time(), &mut actions);
        self.carry_out(actions, None);
        self.seen = None;
    }

    /// Enters what comes of a preview into the ledger.
    fn prepare(&mut self, preview: &Preview, shown: &str) {
        self.seen = Some(shown.to_owned());
        match preview.purpose {
            Purpose::Ask(id) => {
                if self.requests[&id].fate == Fate::Waits {
                    let content = self.bound_content(&self.requests[&id].line);
                    self.take_up_kept(&content);
                }
            }
            Purpose::Compare(number) => {
                let asked = self.asked.get_mut(&number).unwrap();
                let is_waiting = !asked.is_over && self.requests[&asked.held].fate == Fate::Waits;
                let approved = asked.approved.take().filter(|_| is_waiting);
                if approved.is_some() && asked.compared.as_deref() != Some(shown) {
                    self.outdated = Some(number);
                }
                if let Some((answer, channel)) = approved.filter(|_| asked.compared.as_deref() == Some(shown)) {
                    self.enter(number, &answer, channel);
                }
            }
        }
    }

    /// What an approval of a call is bound to, with the preview that has just come where that is compared.
    fn bound_content(&self, line: &Value) -> Content {
        match &self.seen {
            Some(seen) if line["params"]["name"] == "again" => with_preview(&content_of(line), seen),
            _ => content_of(line),
        }
    }

    fn cancel(&mut self, pick: usize) {
        let mut ids: Vec<_> = self.requests.keys().copied().collect();
        ids.sort_unstable();
        let Some(id) = ids.get(pick % ids.len().max(1)) else { return };
        let request = self.requests.get_mut(id).unwrap();
        if matches!(request.fate, Fate::Waits | Fate::Forwarded) {
            request.fate = Fate::Cancelled;
        }
        let reason = if pick & 64 == 0 { "Esc" } else { "Request timed out" };
        let line =
            json!({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":id,"reason":reason}});
        let mut actions = Vec::new();
        self.engine.handle_client_line(line.to_string().as_bytes(), self.time(), &mut actions);
        self.carry_out(actions, Some(&line));
    }

    /// Another `initialize`, with dialogues or without, that the server accepts or not.
    fn initialize(&mut self, which: u8) {
        let capabilities = if which & 1 == 0 { json!({"elicitation":{}}) } else { json!({}) };
        let params =
            json!({"protocolVersion":"2025-11-25","capabilities":capabilities,"clientInfo":{"name":"c","version":"1"}});
        let line = json!({"jsonrpc":"2.0","id":"hello","method":"initialize","params":params});
        let mut actions = Vec::new();
        self.engine.handle_client_line(line.to_string().as_bytes(), self.time(), &mut actions);
        let answer = if which & 2 == 0 {
            json!({"jsonrpc":"2.0","id":"hello","result":{"protocolVersion":"2025-11-25","capabilities":{}}})
        } else {
            json!({"jsonrpc":"2.0","id":"hello","error":{"code":-32600,"message":"again?"}})
        };
        self.engine.handle_server_line(answer.to_string().as_bytes(), self.time(), &mut actions);
        assert!(!actions.iter().any(|action| matches!(action, Action::Ask(_) | Action::Settle(..))));
        // One in the middle opens nothing.
        self.is_opened |= self.written.is_empty() && which & 2 == 0;
    }

    fn numbers(&self, is_it: impl Fn(&Asked) -> bool) -> Vec<u64> {
        let mut numbers: Vec<_> =
            self.asked.iter().filter(|(_, asked)| is_it(asked)).map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        numbers
    }

    fn answer_locally(&mut self, which: u8) {
        // Now and then a question that is settled.
        let open = self.numbers(|asked| (asked.is_local && asked.kept.is_none()) || which & 64 != 0);
        let Some(number) = open.get(usize::from(which >> 2 & 15) % open.len().max(1)).copied() else { return };
        let answer = match which & 3 {
            0 | 1 => ApprovalAnswer::Once,
            2 => ApprovalAnswer::Session,
            _ => ApprovalAnswer::Refused { note: None },
        };
        self.tell_laid_out(number);
        let asked = &self.asked[&number];
        let was_open = asked.is_local && asked.kept.is_none() && asked.approved.is_none();
        if was_open {
            self.enter_answer(number, &answer, Channel::Local);
        }
        let mut actions = Vec::new();
        self.engine.handle_local_answer(number, answer, self.time(), &mut actions);
        let is_settled = |action: &Action| matches!(action, Action::Settle(of, Settled::Answered(Channel::Local, _)) if *of == number);
        // Whoever gave it waits until the preview is compared.
        let is_compared = self.asked[&number].approved.is_some();
        let is_settled = actions.iter().any(is_settled);
        assert_eq!(is_settled, was_open && !is_compared, "an answer settles an open question, and no other");
        if !self.asked[&number].is_local {
            // Whoever gave it may wait to hear that.
            actions.retain(|action| *action != Action::Settle(number, Settled::Over));
        }
        self.carry_out(actions, None);
    }

    fn answer_dialogue(&mut self, which: u8) {
        let open = self.numbers(|asked| asked.dialogue.is_some());
        let number = open.get(usize::from(which >> 3) % open.len().max(1)).copied();
        let id = number.and_then(|number| self.asked[&number].dialogue.clone()).unwrap_or(json!("policylayer-1-00"));
        let line = match which & 7 {
            7 => json!({"jsonrpc":"2.0","id":id,"error":{"code":-32601,"message":"no"}}),
            _ => json!({"jsonrpc":"2.0","id":id,"result":choice(which)}),
        };
        if let Some(number) = number {
            let (now, asked) = (self.now, self.asked.get_mut(&number).unwrap());
            asked.dialogue = None;
            let answer = read_choice(&line["result"]).filter(|_| now >= asked.since + READING_TIME);
            if let Some(answer) = answer {
                self.enter_answer(number, &answer, Channel::Client);
            }
        }
        let mut actions = Vec::new();
        self.engine.handle_client_line(line.to_string().as_bytes(), self.time(), &mut actions);
        self.carry_out(actions, None);
    }

    /// Picks a question that the local channel has said nothing about.
    fn pick_untold(&self, pick: usize) -> Option<u64> {
        let open = self.numbers(|asked| asked.is_local && !asked.is_laid_out);
        open.get(pick % open.len().max(1)).copied()
    }

    fn lay_out(&mut self, pick: usize) {
        if let Some(number) = self.pick_untold(pick) {
            self.tell_laid_out(number);
        }
    }

    /// The local channel asks a question, or knows that it was approved for the client's next session.
    fn tell_laid_out(&mut self, number: u64) {
        let asked = self.asked.get_mut(&number).unwrap();
        if std::mem::replace(&mut asked.is_laid_out, true) || !asked.is_local {
            return;
        }
        let stored = self.stored.iter().position(|stored| *stored == asked.content);
        let stored = stored.filter(|_| asked.lives == ApprovalLifetime::Client);
        let opened = if let Some(at) = stored {
            self.stored.remove(at);
            (asked.is_local, asked.is_over) = (false, true);
            // In this session.
            asked.lives = ApprovalLifetime::Session;
            self.enter(number, &ApprovalAnswer::Once, Channel::Local);
            Opened::Granted
        } else {
            Opened::Asked
        };
        let mut actions = Vec::new();
        self.opening = Some(number);
        self.engine.handle_local_opened(number, opened, self.time(), &mut actions);
        self.carry_out(actions, None);
        self.opening = None;
    }

    fn fail_locally(&mut self, pick: usize) {
        let Some(number) = self.pick_untold(pick) else { return };
        let asked = self.asked.get_mut(&number).unwrap();
        (asked.is_local, asked.is_laid_out) = (false, true);
        self.opening = Some(number);
        let mut actions = Vec::new();
        self.engine.handle_local_failure(number, "the disk is full", self.time(), &mut actions);
        self.carry_out(actions, None);
        self.opening = None;
    }

    fn reload(&mut self, pick: usize) {
        self.policy = pick % policies().len();
        let mut actions = Vec::new();
        self.engine.replace_policy(Arc::clone(&policies()[self.policy]), &mut actions);
        self.carry_out(actions, None);
    }

    fn answer_as_server(&mut self, pick: usize) {
        let mut ids: Vec<_> = self.requests.keys().copied().collect();
        ids.sort_unstable();
        let Some(id) = ids.get(pick % ids.len().max(1)) else { return };
        let result = json!({"jsonrpc":"2.0","id":id,"result":{"resultType":"complete","content":[]}});
        let is_due = self.requests[id].fate == Fate::Forwarded;
        let mut actions = Vec::new();
        self.engine.handle_server_line(result.to_string().as_bytes(), self.time(), &mut actions);
        let passes = actions.contains(&Action::ToClient(Payload::Received));
        assert_eq!(passes, is_due, "the server answers what it got, once");
        if passes {
            self.requests.get_mut(id).unwrap().fate = Fate::Answered;
        }
        self.carry_out(actions, None);
    }

    fn end(&mut self) {
        let mut actions = Vec::new();
        self.engine.handle_server_end("it exited with code 1", self.time(), &mut actions);
        self.has_ended = true;
        self.carry_out(actions, None);
        for asked in self.asked.values_mut() {
            asked.is_over = true;
            (asked.kept, asked.state) = (None, None);
        }
    }

    /// Looks at what came of a step. `line` is what the client wrote, if it did.
    fn carry_out(&mut self, actions: Vec<Action>, line: Option<&Value>) {
        for action in actions {
            match action {
                Action::ToServer(Payload::Received) => self.passes_on(line.unwrap().clone()),
                Action::ToServer(Payload::Written(line) | Payload::Kept(line)) => {
                    self.passes_on(serde_json::from_slice(&line).unwrap())
                }
                Action::ToClient(Payload::Written(line) | Payload::Kept(line)) => {
                    self.tell_client(serde_json::from_slice(&line).unwrap())
                }
                Action::Ask(question) => {
                    let (held, content) = self.find_asked(&question, line);
                    let has_preview = ["shown", "again"].contains(&&*question.tool);
                    assert_eq!(question.preview.as_deref(), self.seen.as_deref().filter(|_| has_preview));
                    let asked = Asked {
                        content,
                        scope_is_wide: question.scope == ApprovalScope::Tool,
                        lives: question.lives,
                        since: self.now,
                        until: self.now + question.timeout,
                        is_laid_out: false,
                        is_local: question.local == Local::Asked,
                        held,
                        is_round: false,
                        dialogue: None,
                        state: None,
                        answered: None,
                        is_for_next: question.lives == ApprovalLifetime::Client,
                        is_stored: false,
                        is_over: false,
                        kept: None,
                        compared: question.preview.map(Into::into).filter(|_| *question.tool == *"again"),
                        approved: None,
                    };
                    assert!(self.asked.insert(question.number, asked).is_none(), "a number is used once");
                }
                Action::Settle(number, Settled::Used) => {
                    let asked = &self.asked[&number];
                    assert!(!asked.is_local && asked.answered == Some(ApprovalAnswer::Once), "a late approval is used");
                }
                Action::Settle(number, how) => {
                    let asked = self.asked.get_mut(&number).unwrap();
                    assert!(asked.is_local, "question {number} is settled once, where it is asked");
                    match how {
                        Settled::Late => continue,
                        Settled::Answered(channel, upshot) => {
                            let grants = (channel, upshot) == (Channel::Local, Upshot::Granted);
                            let grants = grants && asked.is_for_next && asked.answered == Some(ApprovalAnswer::Once);
                            assert!(asked.answered.is_some(), "somebody has answered");
                            assert!(grants == asked.is_stored || self.has_ended, "the next session gets what is left");
                            match upshot {
                                Upshot::Kept => continue,
                                Upshot::Outdated => self.outdated = Some(number),
                                _ => {}
                            }
                        }
                        Settled::Left => assert!(self.has_ended && asked.lives == ApprovalLifetime::Client),
                        Settled::Over | Settled::Used => (asked.is_over, asked.approved) = (true, None),
                    }
                    asked.is_local = false;
                }
                Action::Record(entry) => self.record(&entry),
                Action::ToClient(Payload::Received) | Action::Schedule | Action::Note(_) => {}
                Action::Commit(_) | Action::Stray(_) => panic!("{action:?}"),
            }
        }
    }

    /// The request that a question is about, and what an approval of it is bound to.
    fn find_asked(&self, question: &Question, line: Option<&Value>) -> (u64, Content) {
        let is_line = |line: &Value| Digest::of_line(format!("{line}\n").as_bytes()) == question.line;
        if let Some(line) = line.or(self.requests.values().map(|request| &request.line).find(|line| is_line(line))) {
            assert_eq!(question.tool.as_ref(), line["params"]["name"]);
            return (line["id"].as_u64().unwrap(), self.bound_content(line));
        }
        // The call came again with a state of ours, and is asked about anew.
        let before = &self.asked[&self.outdated.expect("only a call asks")];
        (before.held, with_preview(&without_preview(&before.content), self.seen.as_deref().unwrap()))
    }

    fn passes_on(&mut self, line: Value) {
        if line["method"] != "tools/call" {
            return;
        }
        if line["params"]["name"] == "get_note" {
            let purpose = self.purpose.take().expect("a preview is for one call");
            let until = self.now + OWN_REQUEST;
            return self.previews.push(Preview { id: line["id"].clone(), purpose, until });
        }
        assert!(!self.has_ended, "after its end the server gets nothing");
        let request = self.requests.get_mut(&line["id"].as_u64().unwrap()).unwrap();
        assert!(request.fate == Fate::Waits, "a call is passed on once, while its client waits: {line}");
        request.fate = Fate::Forwarded;
        let name = line["params"]["name"].as_str().unwrap();
        if name == "free" {
            return;
        }
        assert!((name, self.policy) != ("send", 1), "the policy in force has the last word");
        self.reached += 1;
        let (content, now) = (self.bound_content(&line), self.now);

        let fits = |it: &Approved| {
            let is_same = it.content == content;
            let is_wide = it.is_wide && without_arguments(&it.content) == without_arguments(&content);
            (is_same || is_wide) && it.until.is_none_or(|until| until >= now)
        };
        // The one that ends first is used up first; one for the session stays.
        let found = (0..self.approved.len()).filter(|at| fits(&self.approved[*at]));
        let used = found.min_by_key(|at| self.approved[*at].until.unwrap_or(Duration::MAX));
        let Some(used) = used else { panic!("no person has approved {content}") };
        if self.approved[used].until.is_some() {
            self.approved.remove(used);
        }
    }

    fn tell_client(&mut self, line: Value) {
        if line["method"] == "elicitation/create" {
            assert!(self.is_opened, "without a session there are no requests of ours");
            let now = self.now;
            let asked = self.newest_asked();
            (asked.dialogue, asked.since) = (Some(line["id"].clone()), now);
            return;
        }
        if line["method"] == "notifications/cancelled" {
            let id = &line["params"]["requestId"];
            let open = self.asked.values_mut().find(|asked| asked.dialogue.as_ref() == Some(id));
            open.expect("a dialogue is closed once, while it is open").dialogue = None;
            return;
        }
        let Some(id) = line["id"].as_u64() else { return };
        let text = line["result"]["content"][0]["text"].as_str().unwrap_or_default();
        let request = self.requests.get_mut(&id).unwrap();
        assert!(
            matches!(request.fate, Fate::Waits | Fate::Forwarded),
            "{id} is answered once, if it is waited for: {line}"
        );
        request.fate = Fate::Answered;
        let mut asked_for = request.line.clone();
        if line["result"]["resultType"] == "input_required" {
            assert!(!self.is_opened, "in a session nothing in a request changes how its client is asked");
            let state = line["result"]["requestState"].as_str().unwrap().to_owned();
            let now = self.now;
            let asked = self.newest_asked();
            assert_eq!(asked.held, id, "a call is answered with its own question");
            (asked.state, asked.is_round, asked.since) = (Some(state), true, now);
        }
        if text.contains("A person refused") {
            // A call that came again is about the one before.
            let state = asked_for["params"].as_object_mut().unwrap().remove("requestState");
            let (name, arguments) = (asked_for["params"]["name"].clone(), asked_for["params"]["arguments"].clone());
            let now = self.now;
            let is_it = |(content, at): &(Content, Duration)| {
                let refused: Value = serde_json::from_str(content).unwrap();
                *at + REFUSED_FOR > now && refused["name"] == name && refused["arguments"] == arguments
            };
            assert!(self.refused.iter().any(is_it), "nobody has refused that: {line} {state:?}");
        }
    }

    /// The question that the client is asked now.
    fn newest_asked(&mut self) -> &mut Asked {
        let number = self.opening.or(self.asked.keys().max().copied()).unwrap();
        self.asked.get_mut(&number).unwrap()
    }

    fn record(&mut self, entry: &LogEntry) {
        let mut line = Vec::new();
        entry.write_line(&SessionName { id: "0".to_owned(), server: "stub".to_owned() }, Digest::START, &mut line);
        let record: Value = serde_json::from_slice(&line).unwrap();
        let verdict = record["approval"]["verdict"].as_str().unwrap_or_default().to_owned();
        let number = entry.call_number();
        assert_eq!(self.recorded.insert(number, verdict), None, "decision {number} is recorded once");
    }

    fn keeps_its_bounds(&self) {
        let open = self.asked.values().filter(|asked| asked.is_local).count();
        assert!(open <= MAX_HELD + MAX_LATE, "{open} questions");
        let waiting: Vec<_> = self.requests.values().filter(|request| request.fate == Fate::Waits).collect();
        assert!(waiting.len() <= 2 * MAX_HELD, "{} calls wait", waiting.len());
        let is_compared = self.asked.values().any(|asked| asked.approved.is_some());
        let slack = if is_compared { OWN_REQUEST } else { Duration::ZERO };
        for request in waiting {
            let is_answered_in_time = self.now < request.since + CLIENT_WAIT - CLIENT_MARGIN + slack;
            assert!(is_answered_in_time, "its client gives up: {}", request.line);
        }
    }

    /// Whatever came before, in the end every request has its answer, every question is settled, and the log says what
    /// became of each call that passed.
    fn is_over(&self) {
        for (id, request) in &self.requests {
            assert!(matches!(request.fate, Fate::Answered | Fate::Cancelled), "{id} has no answer");
        }
        let is_open = |asked: &Asked| asked.is_local || asked.dialogue.is_some();
        assert_eq!(self.numbers(is_open), Vec::<u64>::new(), "all questions are closed, wherever they were asked");
        let passed = ["approved_once", "approved_for_session", "granted"];
        let passed = self.recorded.values().filter(|verdict| passed.contains(&verdict.as_str())).count();
        assert!(passed >= self.reached, "{} passed, {passed} are recorded: {:?}", self.reached, self.recorded);
        assert_eq!(self.engine.poll_timeout(), None);
    }
}

/// The parameters of a call: which tool, which arguments, in which era, and what is beside them.
fn call_params(which: u8, state: Option<&str>) -> Value {
    let tool = match which >> 4 {
        10 | 11 => "next",
        12 | 13 => "shown",
        14 | 15 => "again",
        _ => ["send", "same", "brief", "free"][usize::from(which & 3)],
    };
    let mut params = json!({"name": tool, "arguments": {"n": which >> 2 & 1}});
    if which & 8 == 0 {
        params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion":"2026-07-28",
            "io.modelcontextprotocol/clientCapabilities":{"elicitation":{}},
            "io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"}});
    }
    match which >> 4 {
        1 => params["force"] = json!(true),
        2 => params["task"] = json!({"ttl": 1}),
        3 => params["inputResponses"] = json!({"policylayer": choice(0)}),
        4 => params["requestState"] = json!("another server's"),
        _ => {}
    }
    if let Some(state) = state {
        params["requestState"] = json!(state);
    }
    params
}

/// What a client answers.
fn choice(which: u8) -> Value {
    match which & 7 {
        0 | 1 => json!({"action":"accept","content":{"decision":"approve_once"}}),
        2 => json!({"action":"accept","content":{"decision":"approve_for_session"}}),
        3 => json!({"action":"decline"}),
        4 => json!({"action":"cancel"}),
        5 => json!({"action":"accept"}),
        _ => json!([]),
    }
}

fn read_choice(result: &Value) -> Option<ApprovalAnswer> {
    match (result["action"].as_str()?, result["content"]["decision"].as_str()) {
        ("accept", Some("approve_once")) => Some(ApprovalAnswer::Once),
        ("accept", Some("approve_for_session")) => Some(ApprovalAnswer::Session),
        ("decline", _) => Some(ApprovalAnswer::Refused { note: None }),
        _ => None,
    }
}
