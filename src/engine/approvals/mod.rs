//! Calls that wait for a person, and what persons have allowed.
//!
//! ```text
//! asked ─▶ Waiting ─┬─ approved ─▶ released, as it came         (and a grant, where it is for the session)
//!                   ├─ refused, withdrawn, the server ended
//!                   └─ timed out ─▶ Late ─ approved ─▶ a grant for one repetition
//! ```
//! An approval holds for the bytes that are held here: nobody can exchange them between question and answer.

mod dialogue;
mod grants;
mod progress;

use std::time::Duration;

pub(super) use dialogue::{
    Answered as DialogueAnswer, OURS, Offered, Words, cancel as cancel_dialogue, has_form, read_answer, read_result,
    with_id, without_ours,
};
pub(super) use grants::Grants;
pub(super) use progress::{METHOD as PROGRESS, Progress};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::open::Call;
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
    /// The word in settings and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Local => "local",
        }
    }
}

/// How persons are asked.
#[derive(Clone, Debug)]
pub struct Asks {
    /// The channels, the one that is preferred first.
    pub channels: Vec<Channel>,
    /// How long a person has, where the policy does not say.
    pub timeout: Duration,
    /// What makes our ids and states such that nobody can guess them: random, for this session only.
    pub secret: [u8; 32],
}

impl Default for Asks {
    /// Nobody can be asked.
    fn default() -> Self {
        Self { channels: Vec::new(), timeout: APPROVAL_TIMEOUT, secret: [0; 32] }
    }
}

/// What a person says to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This call may go on.
    Once,
    /// It may, and so may others like it, until the session ends.
    Session,
    /// It may not.
    Refused {
        /// What the agent is to be told.
        note: Option<String>,
    },
}

/// A call that a person is to be asked about, as the local channel shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its number in the session.
    pub number: u64,
    /// The tool.
    pub tool: Box<str>,
    /// The tool's risk class.
    pub class: &'static str,
    /// The rule that asks.
    pub rule: Box<str>,
    /// Why it asks, where the policy says so.
    pub reason: Option<Box<str>>,
    /// The arguments, an object as written.
    pub arguments: Box<str>,
    /// The SHA-256 of the line that is held.
    pub line: Digest,
    /// How long there is to answer.
    pub timeout: Duration,
    /// Whether it is asked on the local channel too.
    pub local: Local,
}

/// Whether a call is asked about on the local channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
    /// It is.
    Asked,
    /// It is not.
    Not,
}

/// What became of a question that was asked on the local channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Nobody answered in time; an answer now is for one repetition of the call.
    Late,
    /// It was answered by this channel.
    Answered(Channel),
    /// The client has withdrawn the call, the server has ended, or the time for late answers is over.
    Over,
}

/// The local channel: where a person at this machine finds the questions of all sessions, and answers them.
pub trait LocalDesk: std::fmt::Debug + Send {
    /// Lays a question out, to be answered until `expires`, which is the time since 1970.
    ///
    /// # Errors
    /// Why it cannot be, and what to do.
    fn open(&mut self, question: &Question, expires: Duration) -> Result<(), String>;

    /// A question is settled, or too late. `expires` is until when a late one can be answered, since 1970.
    fn settle(&mut self, number: u64, how: Settled, expires: Duration);

    /// The answers that have come since it was last asked, oldest first.
    fn answers(&mut self) -> Vec<(u64, Verdict)>;
}

/// A call that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) question: Question,
    /// The id as the client wrote it, and as it is compared.
    pub(super) id: Box<str>,
    pub(super) key: IdKey,
    /// The line, with its newline.
    pub(super) line: Box<[u8]>,
    pub(super) file: Option<Box<str>>,
    pub(super) same: Digest,
    pub(super) scope: ApprovalScope,
    pub(super) call: Call,
    pub(super) since: Duration,
    /// The dialogue in the client, as long as it is open.
    pub(super) dialogue: Option<Dialogue>,
    pub(super) progress: Option<Progress>,
}

impl Waiting {
    /// When it has waited long enough.
    pub(super) fn until(&self) -> Duration {
        self.since.saturating_add(self.question.timeout)
    }
}

/// A dialogue in the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dialogue {
    /// A request of ours waits for its answer.
    Request { id: Box<str>, key: IdKey },
    /// The call itself was answered with the question, and comes again with this state (2026-07-28).
    Round { state: Box<str> },
}

/// A call that nobody answered in time.
#[derive(Debug)]
pub(super) struct Late {
    pub(super) number: u64,
    tool: Box<str>,
    pub(super) same: Digest,
    scope: ApprovalScope,
    pub(super) dialogue: Option<Dialogue>,
    pub(super) local: Local,
    pub(super) until: Duration,
}

/// Everything about persons that a session knows.
#[derive(Debug, Default)]
pub(super) struct Approvals {
    pub(super) asks: Asks,
    asked: u64,
    waiting: Vec<Waiting>,
    late: Vec<Late>,
    pub(super) grants: Grants,
    pub(super) offered: Offered,
    pub(super) progress: progress::Floors,
}

/// What is left to be done about a question that is over.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) number: u64,
    pub(super) dialogue: Option<Dialogue>,
    pub(super) local: Local,
}

impl Closed {
    /// A dialogue that was answered is closed by that.
    pub(super) fn answered_by(self, channel: Channel) -> Self {
        match channel {
            Channel::Client => Self { dialogue: None, ..self },
            Channel::Local => self,
        }
    }
}

impl Approvals {
    pub(super) fn new(asks: Asks) -> Self {
        Self { asks, ..Self::default() }
    }

    /// Whether one more call, whose line is so long, may wait.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let held: usize = self.waiting.iter().map(|waiting| waiting.line.len()).sum();
        self.waiting.len() < MAX_HELD && (held == 0 || held + bytes <= MAX_HELD_BYTES)
    }

    /// The number of the next question.
    pub(super) fn next_number(&mut self) -> u64 {
        self.asked += 1;
        self.asked
    }

    /// Text that nobody can guess, for a question.
    pub(super) fn seal(&self, what: &str, number: u64, same: &Digest) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.asks.secret) else { return String::new() };
        mac.update(format!("{what} {number} {same}").as_bytes());
        let seal: [u8; 32] = mac.finalize().into_bytes().into();
        let seal = seal.iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        format!("policylayer-{number}-{seal}")
    }

    pub(super) fn wait(&mut self, waiting: Waiting) {
        self.waiting.push(waiting);
    }

    /// Takes out the call of a question.
    pub(super) fn take(&mut self, number: u64) -> Option<Waiting> {
        let at = self.waiting.iter().position(|waiting| waiting.question.number == number)?;
        Some(self.waiting.remove(at))
    }

    /// Takes out every call.
    pub(super) fn drain(&mut self) -> Vec<Waiting> {
        std::mem::take(&mut self.waiting)
    }

    /// The question that a dialogue belongs to, whether its call waits or it is too late for it.
    pub(super) fn of_dialogue(&self, is_it: impl Fn(&Dialogue) -> bool) -> Option<u64> {
        let of = |dialogue: &Option<Dialogue>| dialogue.as_ref().is_some_and(&is_it);
        let waiting = self.waiting.iter().find(|waiting| of(&waiting.dialogue)).map(|waiting| waiting.question.number);
        waiting.or_else(|| self.late.iter().find(|late| of(&late.dialogue)).map(|late| late.number))
    }

    /// The client cannot show the dialogue. Says whether the call waits on, since there is another channel.
    pub(super) fn dialogue_failed(&mut self, number: u64) -> bool {
        if let Some(late) = self.late.iter_mut().find(|late| late.number == number) {
            late.dialogue = None;
            return true;
        }
        let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.question.number == number) else {
            return true;
        };
        waiting.dialogue = None;
        waiting.question.local == Local::Asked
    }

    /// The local channel cannot take the question. Says whether the call waits on, since there is another channel.
    pub(super) fn local_failed(&mut self, number: u64) -> bool {
        let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.question.number == number) else {
            return true;
        };
        waiting.question.local = Local::Not;
        waiting.dialogue.is_some()
    }

    /// Takes out the first call whose time is over.
    pub(super) fn timed_out(&mut self, now: Duration) -> Option<Waiting> {
        let at = self.waiting.iter().position(|waiting| waiting.until() <= now)?;
        Some(self.waiting.remove(at))
    }

    /// A call has timed out: an answer now is for a repetition of it.
    pub(super) fn is_late(&mut self, waiting: &Waiting, now: Duration) -> Option<Closed> {
        let oldest = (self.late.len() >= MAX_LATE).then(|| self.late.remove(0));
        self.late.push(Late {
            number: waiting.question.number,
            tool: waiting.question.tool.clone(),
            same: waiting.same,
            scope: waiting.scope,
            dialogue: waiting.dialogue.clone(),
            local: waiting.question.local,
            until: now.saturating_add(LATE_APPROVAL),
        });
        oldest.map(Late::close)
    }

    /// A late answer: a grant, where it is an approval. `None` where no such question is late.
    pub(super) fn answered_late(&mut self, number: u64, verdict: &Verdict, channel: Channel) -> Option<Closed> {
        let at = self.late.iter().position(|late| late.number == number)?;
        let late = self.late.remove(at);
        match verdict {
            Verdict::Once => self.grants.once(late.same, channel, late.until),
            Verdict::Session => self.grants.session(&late.tool, late.same, late.scope, channel),
            Verdict::Refused { .. } => {}
        }
        Some(late.close())
    }

    /// Whether a late question was about this call.
    pub(super) fn is_late_for(&self, number: u64, same: Digest) -> bool {
        self.late.iter().any(|late| late.number == number && late.same == same)
    }

    /// The same call comes again: it is asked about anew, and what was asked of the late one is over.
    pub(super) fn comes_again(&mut self, same: Digest) -> Option<Closed> {
        let at = self.late.iter().position(|late| late.same == same)?;
        Some(self.late.remove(at).close())
    }

    /// What can no longer be answered.
    pub(super) fn too_late(&mut self, now: Duration) -> Option<Closed> {
        let at = self.late.iter().position(|late| late.until <= now)?;
        Some(self.late.remove(at).close())
    }

    /// Every late question, when the session ends.
    pub(super) fn drain_late(&mut self) -> Vec<Closed> {
        std::mem::take(&mut self.late).into_iter().map(Late::close).collect()
    }

    /// Those calls whose client is to be told that they still wait.
    pub(super) fn waiting(&mut self) -> impl Iterator<Item = &mut Waiting> {
        self.waiting.iter_mut()
    }

    /// When something has to be done next.
    pub(super) fn next(&self) -> Option<Duration> {
        let waiting = self.waiting.iter().map(|waiting| {
            let progress = waiting.progress.as_ref().map_or(Duration::MAX, Progress::next);
            waiting.until().min(progress)
        });
        waiting.chain(self.late.iter().map(|late| late.until)).min()
    }
}

impl Late {
    fn close(self) -> Closed {
        Closed { number: self.number, dialogue: self.dialogue, local: self.local }
    }
}

/// What makes two calls the same: tool and arguments, as written.
pub(super) fn same(tool: &str, arguments: &str) -> Digest {
    // A tool's name holds no NUL.
    Digest::of(&[tool.as_bytes(), b"\0", arguments.as_bytes()].concat())
}
