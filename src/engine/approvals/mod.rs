//! Calls that wait for a person, and what persons have approved.
//!
//! ```text
//! asked ─▶ held ─┬─ approved ─▶ sent as it came     (and a grant, if the approval is for the session)
//!                ├─ refused, cancelled, or the server ended
//!                └─ timed out ─▶ late ─ approved ─▶ a grant for one repetition
//! ```
//! An approval is for the bytes that are held here: nobody can exchange them between question and answer.

pub(super) mod clients;
mod dialogue;
mod grants;
mod progress;

use std::time::Duration;

pub(super) use dialogue::{
    ElicitationSupport, OURS, build_cancellation, build_input_required, build_params, build_request, read_result,
    remove_our_answer, remove_our_answers, replace_id, supports_forms,
};
pub(super) use grants::Grants;
pub(super) use progress::{METHOD as PROGRESS, Progress};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use self::clients::ClientTable;
use super::approval_flow::RequestSubject;
use super::open_requests::PendingCall;
use crate::limits::{APPROVAL_TIMEOUT, LATE_APPROVAL, MAX_HELD, MAX_HELD_BYTES, MAX_LATE};
use crate::policy::ApprovalScope;
use crate::record::Digest;
use crate::wire::id::IdKey;
use crate::wire::message::CallParams;

/// A way to ask a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Through the client, by MCP's elicitation.
    Client,
    /// On this machine, in a terminal.
    Local,
}

impl Channel {
    /// Returns the channel's name in settings and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Local => "local",
        }
    }
}

/// How to ask a person.
#[derive(Clone, Debug)]
pub struct ApprovalOptions {
    /// The channels, the preferred one first.
    pub channels: Vec<Channel>,
    /// How long a person has to answer, unless the policy says otherwise.
    pub timeout: Duration,
    /// The random key of this session, which makes our ids and states impossible to guess.
    pub secret: [u8; 32],
    /// What is known of clients.
    pub clients: ClientTable,
}

impl Default for ApprovalOptions {
    /// Nobody can be asked.
    fn default() -> Self {
        Self { channels: Vec::new(), timeout: APPROVAL_TIMEOUT, secret: [0; 32], clients: ClientTable::default() }
    }
}

/// A person's answer about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApprovalAnswer {
    /// This call is approved.
    Once,
    /// This call and others like it are approved until the session ends.
    Session,
    /// The call is refused.
    Refused {
        /// A message to the agent.
        note: Option<String>,
    },
}

/// A question about a call, as the local channel shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The number of the question in its session.
    pub number: u64,
    /// The tool.
    pub tool: Box<str>,
    /// The tool's risk class.
    pub class: &'static str,
    /// The rule that asks.
    pub rule: Box<str>,
    /// The reason that the policy gives.
    pub reason: Option<Box<str>>,
    /// The arguments, an object as written.
    pub arguments: Box<str>,
    /// The SHA-256 of the held line.
    pub line: Digest,
    /// How long a person has to answer.
    pub timeout: Duration,
    /// Whether it is also asked on the local channel.
    pub local: Local,
}

/// Whether a question is asked on the local channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
    /// The question is asked there.
    Asked,
    /// The question is not asked there.
    Not,
}

/// How a question on the local channel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Nobody answered in time; an answer from now on is for one repetition of the call.
    Late,
    /// It was answered on this channel.
    Answered(Channel),
    /// The client cancelled the call, the server ended, or the time for late answers is over.
    Over,
}

/// The local channel, on which a person at this machine answers the questions of all sessions.
pub trait LocalChannel: std::fmt::Debug + Send {
    /// Asks a question that can be answered until `expires`, a time since 1970.
    ///
    /// # Errors
    /// Why it cannot be asked, and the fix.
    fn open_question(&mut self, question: &Question, expires: Duration) -> Result<(), String>;

    /// Settles a question. A late one can be answered until `expires`, a time since 1970.
    fn settle_question(&mut self, number: u64, how: Settled, expires: Duration);

    /// Returns the answers since the last call of this function, oldest first.
    fn take_answers(&mut self) -> Vec<(u64, ApprovalAnswer)>;
}

/// A question that a person can still answer.
#[derive(Debug)]
pub(super) struct OpenQuestion {
    pub(super) number: u64,
    /// What it is about, as a person is asked.
    pub(super) shown: Box<str>,
    pub(super) about: RequestSubject,
    /// Of the tool and the arguments.
    pub(super) digest: Digest,
    /// Of all that an approval covers: the input of a round as well.
    pub(super) covers: Digest,
    pub(super) scope: ApprovalScope,
    pub(super) local: Local,
    /// `Some` while the client's dialogue is open.
    pub(super) dialogue: Option<Dialogue>,
    /// When the call times out, and after that, when a late answer no longer counts.
    pub(super) until: Duration,
    /// `None` once the call has timed out.
    pub(super) call: Option<HeldCall>,
}

#[derive(Debug)]
pub(super) struct HeldCall {
    pub(super) method: Box<str>,
    /// The id as the client wrote it, and as it is compared.
    pub(super) id: Box<str>,
    pub(super) key: IdKey,
    /// With its newline.
    pub(super) line: Box<[u8]>,
    pub(super) rule: Box<str>,
    pub(super) file: Option<Box<str>>,
    pub(super) pending: PendingCall,
    pub(super) since: Duration,
    pub(super) progress: Option<Progress>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dialogue {
    /// A request of ours, with its id, waits for its answer.
    Request(Box<str>),
    /// The call was answered with the question, and comes again with this state (2026-07-28).
    Round(Box<str>),
}

#[derive(Debug, Default)]
pub(super) struct Approvals {
    pub(super) options: ApprovalOptions,
    asked: u64,
    /// Oldest first.
    questions: Vec<OpenQuestion>,
    pub(super) grants: Grants,
    pub(super) elicitation: ElicitationSupport,
    pub(super) progress: progress::Floors,
}

impl Approvals {
    pub(super) fn new(options: ApprovalOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Returns whether one more call, with a line of `length` bytes, can be held.
    pub(super) fn can_hold(&self, length: usize) -> bool {
        let held = || self.questions.iter().filter_map(|question| question.call.as_ref());
        let total: usize = held().map(|held| held.line.len()).sum();
        held().count() < MAX_HELD && (total == 0 || total + length <= MAX_HELD_BYTES)
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.asked += 1;
        self.asked
    }

    /// Returns text that identifies a question and that nobody can guess.
    pub(super) fn seal_question(&self, purpose: &str, number: u64, digest: &Digest) -> Box<str> {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.options.secret) else { return Box::default() };
        mac.update(format!("{purpose} {number} {digest}").as_bytes());
        let seal: [u8; 32] = mac.finalize().into_bytes().into();
        let seal = seal.iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        format!("policylayer-{number}-{seal}").into()
    }

    pub(super) fn add_question(&mut self, question: OpenQuestion) {
        self.questions.push(question);
    }

    pub(super) fn find_question(&mut self, number: u64) -> Option<&mut OpenQuestion> {
        self.questions.iter_mut().find(|question| question.number == number)
    }

    pub(super) fn take_question(&mut self, is_it: impl Fn(&OpenQuestion) -> bool) -> Option<OpenQuestion> {
        let at = self.questions.iter().position(is_it)?;
        Some(self.questions.remove(at))
    }

    pub(super) fn take_all_questions(&mut self) -> Vec<OpenQuestion> {
        std::mem::take(&mut self.questions)
    }

    /// Returns the number of the question whose dialogue matches.
    pub(super) fn find_dialogue(&self, is_it: impl Fn(&Dialogue) -> bool) -> Option<u64> {
        self.questions.iter().find(|question| question.dialogue.as_ref().is_some_and(&is_it)).map(|found| found.number)
    }

    pub(super) fn find_round(&self, state: &str) -> Option<u64> {
        self.find_dialogue(|dialogue| matches!(dialogue, Dialogue::Round(open) if **open == *state))
    }

    /// Keeps the question of a call that timed out, for late answers. Returns the oldest one if there are too many.
    pub(super) fn add_late(&mut self, question: OpenQuestion, now: Duration) -> Option<OpenQuestion> {
        let is_late = |question: &OpenQuestion| question.call.is_none();
        let is_full = self.questions.iter().filter(|question| is_late(question)).count() >= MAX_LATE;
        let oldest = if is_full { self.take_question(is_late) } else { None };
        self.add_question(OpenQuestion { until: now.saturating_add(LATE_APPROVAL), ..question });
        oldest
    }

    /// Turns a late approval into a grant.
    pub(super) fn grant_late(&mut self, late: &OpenQuestion, answer: &ApprovalAnswer, channel: Channel) {
        match answer {
            ApprovalAnswer::Once => self.grants.add_once(late.covers, channel, late.until),
            ApprovalAnswer::Session => {
                self.grants.add_session(&late.about.grant_name(), late.covers, late.scope, channel)
            }
            ApprovalAnswer::Refused { .. } => {}
        }
    }

    pub(super) fn due_progress(&mut self, now: Duration) -> impl Iterator<Item = Vec<u8>> {
        let held = self.questions.iter_mut().filter_map(|question| question.call.as_mut().zip(Some(&question.shown)));
        held.filter_map(move |(held, shown)| held.progress.as_mut()?.take_due(shown, now))
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let due = |question: &OpenQuestion| Some(question.call.as_ref()?.progress.as_ref()?.next_due());
        self.questions.iter().map(|question| due(question).map_or(question.until, |due| due.min(question.until))).min()
    }
}

/// Returns a digest that two calls share if their tool and their arguments, as written, are the same.
pub(super) fn digest_of(tool: &str, arguments: &str) -> Digest {
    // A tool's name holds no NUL.
    Digest::of_line(&[tool.as_bytes(), b"\0", arguments.as_bytes()].concat())
}

/// Returns a digest that two rounds of a call share if their input and the server's state are the same as well. Our own
/// question and its answer do not count.
pub(super) fn digest_of_round(name: &str, call: &CallParams<'_>) -> Digest {
    let arguments = call.arguments.unwrap_or("{}");
    let input = call.input_responses().map(remove_our_answer).filter(|input| input != "{}");
    match (input, call.request_state()) {
        (None, None) => digest_of(name, arguments),
        // A JSON text holds no NUL either.
        (input, state) => {
            let parts = [arguments, input.as_deref().unwrap_or_default(), state.unwrap_or_default()];
            digest_of(name, &parts.join("\0"))
        }
    }
}
