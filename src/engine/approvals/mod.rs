//! Calls that wait for a person, and what persons have approved.
//!
//! ```text
//! asked ─▶ HeldCall ─┬─ approved ─▶ sent as it came     (and a grant, if the approval is for the session)
//!                    ├─ refused, cancelled, or the server ended
//!                    └─ timed out ─▶ LateQuestion ─ approved ─▶ a grant for one repetition
//! ```
//! An approval is for the bytes that are held here: nobody can exchange them between question and answer.

mod dialogue;
mod grants;
mod progress;

use std::time::Duration;

pub(super) use dialogue::{
    ApprovalPrompt, ElicitationSupport, OURS, build_cancellation, read_result, remove_our_answers, replace_id,
    supports_forms,
};
pub(super) use grants::Grants;
pub(super) use progress::{METHOD as PROGRESS, Progress};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::open_requests::PendingCall;
use crate::limits::{APPROVAL_TIMEOUT, LATE_APPROVAL, MAX_HELD, MAX_HELD_BYTES, MAX_LATE};
use crate::policy::ApprovalScope;
use crate::record::Digest;
use crate::wire::id::IdKey;

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
}

impl Default for ApprovalOptions {
    /// Nobody can be asked.
    fn default() -> Self {
        Self { channels: Vec::new(), timeout: APPROVAL_TIMEOUT, secret: [0; 32] }
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

#[derive(Debug)]
pub(super) struct HeldCall {
    pub(super) question: Question,
    /// The id as the client wrote it, and as it is compared.
    pub(super) id: Box<str>,
    pub(super) key: IdKey,
    /// With its newline.
    pub(super) line: Box<[u8]>,
    pub(super) file: Option<Box<str>>,
    pub(super) digest: Digest,
    pub(super) scope: ApprovalScope,
    pub(super) pending: PendingCall,
    pub(super) since: Duration,
    /// `Some` while the client's dialogue is open.
    pub(super) dialogue: Option<Dialogue>,
    pub(super) progress: Option<Progress>,
}

impl HeldCall {
    fn deadline(&self) -> Duration {
        self.since.saturating_add(self.question.timeout)
    }

    /// Returns the question and where it is still open.
    pub(super) fn open_question(&self) -> OpenQuestion {
        OpenQuestion { number: self.question.number, dialogue: self.dialogue.clone(), local: self.question.local }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dialogue {
    /// A request of ours waits for its answer.
    Request { id: Box<str>, key: IdKey },
    /// The call was answered with the question, and comes again with this state (2026-07-28).
    Round { state: Box<str> },
}

impl Dialogue {
    /// Returns whether the client's answer with this id is for this dialogue.
    pub(super) fn is_request(&self, id: &IdKey) -> bool {
        matches!(self, Self::Request { key, .. } if key == id)
    }

    /// Returns whether a call with this state is for this dialogue.
    pub(super) fn is_round(&self, call_state: &str) -> bool {
        matches!(self, Self::Round { state } if **state == *call_state)
    }
}

#[derive(Debug)]
pub(super) struct OpenQuestion {
    pub(super) number: u64,
    pub(super) dialogue: Option<Dialogue>,
    pub(super) local: Local,
}

impl OpenQuestion {
    /// Returns what is still open after an answer on this channel: an answer in the client closes its dialogue.
    pub(super) fn answered_on(self, channel: Channel) -> Self {
        match channel {
            Channel::Client => Self { dialogue: None, ..self },
            Channel::Local => self,
        }
    }
}

#[derive(Debug)]
struct LateQuestion {
    question: OpenQuestion,
    tool: Box<str>,
    digest: Digest,
    scope: ApprovalScope,
    until: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Approvals {
    pub(super) options: ApprovalOptions,
    asked: u64,
    held: Vec<HeldCall>,
    late: Vec<LateQuestion>,
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
        let total: usize = self.held.iter().map(|held| held.line.len()).sum();
        self.held.len() < MAX_HELD && (total == 0 || total + length <= MAX_HELD_BYTES)
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.asked += 1;
        self.asked
    }

    /// Returns text that identifies a question and that nobody can guess.
    pub(super) fn seal_question(&self, purpose: &str, number: u64, digest: &Digest) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.options.secret) else { return String::new() };
        mac.update(format!("{purpose} {number} {digest}").as_bytes());
        let seal: [u8; 32] = mac.finalize().into_bytes().into();
        let seal = seal.iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        format!("policylayer-{number}-{seal}")
    }

    pub(super) fn add_held(&mut self, held: HeldCall) {
        self.held.push(held);
    }

    pub(super) fn take_held(&mut self, number: u64) -> Option<HeldCall> {
        let at = self.held.iter().position(|held| held.question.number == number)?;
        Some(self.held.remove(at))
    }

    pub(super) fn drain_held(&mut self) -> Vec<HeldCall> {
        std::mem::take(&mut self.held)
    }

    /// Returns the number of the question, held or late, whose dialogue matches.
    pub(super) fn find_dialogue(&self, is_it: impl Fn(&Dialogue) -> bool) -> Option<u64> {
        let held = self.held.iter().map(|held| (held.question.number, &held.dialogue));
        let late = self.late.iter().map(|late| (late.question.number, &late.question.dialogue));
        held.chain(late).find(|(_, dialogue)| dialogue.as_ref().is_some_and(&is_it)).map(|(number, _)| number)
    }

    /// Closes the dialogue of a question, which the client cannot show. Returns whether somebody else can still answer
    /// it.
    pub(super) fn drop_dialogue(&mut self, number: u64) -> bool {
        if let Some(late) = self.find_late(number) {
            late.question.dialogue = None;
            return true;
        }
        let Some(held) = self.find_held(number) else { return true };
        held.dialogue = None;
        held.question.local == Local::Asked
    }

    /// Gives up the local channel for a question. Returns whether somebody else can still answer it.
    pub(super) fn drop_local(&mut self, number: u64) -> bool {
        let Some(held) = self.find_held(number) else { return true };
        held.question.local = Local::Not;
        held.dialogue.is_some()
    }

    fn find_held(&mut self, number: u64) -> Option<&mut HeldCall> {
        self.held.iter_mut().find(|held| held.question.number == number)
    }

    fn find_late(&mut self, number: u64) -> Option<&mut LateQuestion> {
        self.late.iter_mut().find(|late| late.question.number == number)
    }

    pub(super) fn take_timed_out(&mut self, now: Duration) -> Option<HeldCall> {
        let at = self.held.iter().position(|held| held.deadline() <= now)?;
        Some(self.held.remove(at))
    }

    /// Remembers the question of a call that timed out. Returns the oldest one if there are too many.
    pub(super) fn add_late(&mut self, held: &HeldCall, now: Duration) -> Option<OpenQuestion> {
        let oldest = (self.late.len() >= MAX_LATE).then(|| self.late.remove(0).question);
        self.late.push(LateQuestion {
            question: held.open_question(),
            tool: held.question.tool.clone(),
            digest: held.digest,
            scope: held.scope,
            until: now.saturating_add(LATE_APPROVAL),
        });
        oldest
    }

    /// Handles a late answer; an approval becomes a grant. Returns the question, or `None` if it is not late.
    pub(super) fn answer_late(
        &mut self,
        number: u64,
        answer: &ApprovalAnswer,
        channel: Channel,
    ) -> Option<OpenQuestion> {
        let late = self.take_late(|late| late.question.number == number)?;
        match answer {
            ApprovalAnswer::Once => self.grants.add_once(late.digest, channel, late.until),
            ApprovalAnswer::Session => self.grants.add_session(&late.tool, late.digest, late.scope, channel),
            ApprovalAnswer::Refused { .. } => {}
        }
        Some(late.question.answered_on(channel))
    }

    pub(super) fn is_late_for(&self, number: u64, digest: Digest) -> bool {
        self.late.iter().any(|late| late.question.number == number && late.digest == digest)
    }

    /// Removes the late question about a call that is repeated and asked about again.
    pub(super) fn take_repeated(&mut self, digest: Digest) -> Option<OpenQuestion> {
        Some(self.take_late(|late| late.digest == digest)?.question)
    }

    pub(super) fn take_expired(&mut self, now: Duration) -> Option<OpenQuestion> {
        Some(self.take_late(|late| late.until <= now)?.question)
    }

    fn take_late(&mut self, is_it: impl Fn(&LateQuestion) -> bool) -> Option<LateQuestion> {
        let at = self.late.iter().position(is_it)?;
        Some(self.late.remove(at))
    }

    pub(super) fn drain_late(&mut self) -> impl Iterator<Item = OpenQuestion> {
        std::mem::take(&mut self.late).into_iter().map(|late| late.question)
    }

    pub(super) fn due_progress(&mut self, now: Duration) -> impl Iterator<Item = Vec<u8>> {
        self.held.iter_mut().filter_map(move |held| held.progress.as_mut()?.take_due(&held.question.tool, now))
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let held = self.held.iter().map(|held| {
            let progress = held.progress.as_ref().map_or(Duration::MAX, Progress::next_due);
            held.deadline().min(progress)
        });
        held.chain(self.late.iter().map(|late| late.until)).min()
    }
}

/// Returns a digest that two calls share if their tool and their arguments, as written, are the same.
pub(super) fn digest_of(tool: &str, arguments: &str) -> Digest {
    // A tool's name holds no NUL.
    Digest::of_line(&[tool.as_bytes(), b"\0", arguments.as_bytes()].concat())
}
