//! Calls that wait for a person, and what persons have approved.
//!
//! ```text
//! asked ─▶ held ─┬─ approved ─▶ sent as it came     (and a grant, if the approval is for the session)
//!                ├─ refused, cancelled, or the server ended
//!                └─ answered before its client gives up ─▶ late ─ approved ─▶ a grant for one repetition
//! ```
//! An approval is for the bytes that are held here: nobody can exchange them between question and answer. The question
//! outlives the call: it stays open for the whole approval timeout.

pub(super) mod clients;
mod coverage;
mod dialogue;
mod grants;
mod imitation;
mod progress;
mod question;
mod round_state;

use std::time::Duration;

pub(super) use coverage::{Covered, SeenPreview, digest_of};
pub(super) use dialogue::{
    DialogueChoice, OURS, build_cancellation, build_input_required, build_params, build_request, count_lines,
    members_beside, members_sent_beside, members_without, read_result, resend_line, without_round,
};
pub(super) use grants::{Grants, PersonsRefusal, Refusals};
pub(super) use imitation::is_imitation;
pub(super) use progress::{METHOD as PROGRESS, Progress};
pub use question::{Effects, Question, QuestionView};
pub(super) use round_state::StateOrigin;

use dialogue::{ElicitationSupport, supports_forms};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use self::clients::ClientTable;
use super::approval_subjects::RequestSubject;
use super::open_requests::PendingCall;
use crate::limits::{APPROVAL_TIMEOUT, MAX_HELD, MAX_HELD_BYTES, MAX_LATE};
use crate::policy::{ApprovalLifetime, ApprovalScope, Preview};
use crate::record::{Digest, Draft};
use crate::wire::id::IdKey;
use crate::wire::message::{Answer, AnswerShape, CallParams};
use crate::wire::method;

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
    /// Whether a client whose session was not opened with `initialize` can approve.
    pub rounds: RoundApproval,
    /// The digest of which server this is: its name and its command. A later session for it knows the states of this one.
    pub server: Digest,
}

/// Whether the answer in a round counts (2026-07-28), which whoever writes lines can give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoundApproval {
    /// It approves this call.
    #[default]
    Once,
    /// Nobody is asked so: an approval needs a code that a terminal shows.
    Never,
}

impl Default for ApprovalOptions {
    /// Nobody can be asked.
    fn default() -> Self {
        Self {
            channels: Vec::new(),
            timeout: APPROVAL_TIMEOUT,
            secret: [0; 32],
            clients: ClientTable::default(),
            rounds: RoundApproval::default(),
            server: Digest::START,
        }
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
    Answered(Channel, Upshot),
    /// It was answered late, and the repetition of the call that was granted was made.
    Used,
    /// The session ends, and leaves the question to the client's next one.
    Left,
    /// The client cancelled the call, the server ended, or the time for late answers is over.
    Over,
}

/// What came of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upshot {
    /// The call went on.
    Sent,
    /// The call was answered before; from now on it passes if it is made again.
    Granted,
    /// The call goes on, or is refused, when its client comes back with it (2026-07-28).
    Kept,
    /// The call was refused with the person's words.
    Refused,
    /// The call was answered before; if it is made again soon, it is refused with the person's words.
    Noted,
    /// The policy was changed while the call waited, and refuses it.
    Forbidden,
    /// What the call is about has changed since the person saw it, so a person is asked anew.
    Outdated,
}

impl Upshot {
    /// Every one of them.
    pub const ALL: [Self; 7] =
        [Self::Sent, Self::Granted, Self::Kept, Self::Refused, Self::Noted, Self::Forbidden, Self::Outdated];

    /// Returns the word in the store and in JSON output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Granted => "granted",
            Self::Kept => "kept",
            Self::Refused => "refused",
            Self::Noted => "noted",
            Self::Forbidden => "forbidden",
            Self::Outdated => "outdated",
        }
    }
}

/// What the local channel does with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It asks.
    Asked,
    /// It need not: a person has approved this very call late, for the client's next session, and nobody has made it
    /// since. That approval is used up.
    Granted,
}

/// The local channel, on which a person at this machine answers the questions of all sessions.
pub trait LocalChannel: std::fmt::Debug + Send {
    /// Asks a question that can be answered until `expires`, a time since 1970.
    ///
    /// # Errors
    /// Why it cannot be asked, and the fix.
    fn open_question(&mut self, question: &Question, expires: Duration) -> Result<Opened, String>;

    /// Settles a question. If that is what came of an answer from here, whoever gave it may wait for this.
    fn settle_question(&mut self, number: u64, how: Settled);

    /// Returns the answers since the last call of this function, oldest first.
    fn take_answers(&mut self) -> Vec<(u64, ApprovalAnswer)>;

    /// Returns the questions that nobody can answer there any more, and why, since the last call of this function.
    fn take_lost(&mut self) -> Vec<(u64, String)>;
}

/// A question that a person can still answer, or whose answer its client has not come for yet.
#[derive(Debug)]
pub(super) struct OpenQuestion {
    pub(super) number: u64,
    /// What it is about, as a person is asked.
    pub(super) shown: Box<str>,
    pub(super) about: RequestSubject,
    /// Of the tool and the arguments.
    pub(super) digest: Digest,
    /// Of all that an approval covers: whatever else the server reads as well.
    pub(super) covers: Covered,
    /// Of the definitions that the server had listed of it.
    pub(super) listed: Digest,
    pub(super) scope: ApprovalScope,
    pub(super) lives: ApprovalLifetime,
    pub(super) local: Local,
    /// `Some` while the client's dialogue is open.
    pub(super) dialogue: Option<Dialogue>,
    /// The dialogue, and the line that opens it, as long as the local channel may know of an approval.
    pub(super) postponed: Option<(Dialogue, Vec<u8>)>,
    /// What the client answered, if that was no choice of a person.
    pub(super) not_chosen: Option<NotChosen>,
    /// When it was asked.
    pub(super) since: Duration,
    /// When no answer counts any more.
    pub(super) until: Duration,
    /// `None` once the call was answered without one.
    pub(super) call: Option<HeldCall>,
    /// The record of its call, for that of a late answer; `None` if no log is kept.
    pub(super) draft: Option<Draft>,
    /// What the person sees beside the arguments.
    pub(super) preview: Option<SeenPreview>,
    /// The read that this must still be the answer to when the call is sent.
    pub(super) compared: Option<Preview>,
    /// The answer from elsewhere, if the call has still to come back for it (2026-07-28).
    pub(super) answer: Option<(ApprovalAnswer, Channel)>,
}

impl OpenQuestion {
    /// Whether the call was answered with the question, and has to come again.
    pub(super) fn is_in_round(&self) -> bool {
        self.call.is_some() && matches!(self.dialogue, Some(Dialogue::Round(_)))
    }

    /// Whether it is about the very same call, whatever a person was shown beside it.
    pub(super) fn is_about(&self, covers: Covered) -> bool {
        self.covers.made == covers.made
    }

    /// Whether an answer to it is one about this call.
    pub(super) fn answers(&self, covers: Covered) -> bool {
        self.answer.is_some() && self.covers.call == covers.call
    }

    /// Whether the local channel keeps it, and a late approval of it, for the client's next session.
    pub(super) fn outlives_session(&self) -> bool {
        self.lives == ApprovalLifetime::Client && self.local == Local::Asked
    }

    /// Keeps it at least until `until`.
    pub(super) fn extend(&mut self, until: Duration) {
        self.until = self.until.max(until);
        if let Some(call) = &mut self.call {
            call.until = self.until;
        }
    }

    /// Returns when something has to be done about it.
    fn deadline(&self) -> Duration {
        let held = self.call.as_ref();
        let next = held.into_iter().flat_map(|call| [Some(call.until), call.progress.as_ref().map(Progress::next_due)]);
        next.flatten().fold(self.until, Duration::min)
    }
}

/// An answer of the client that is no choice of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotChosen {
    /// It came faster than a person can read.
    Unasked,
    /// The question was dismissed, or accepted without a decision.
    Dismissed,
}

impl NotChosen {
    /// Returns the word in the log.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unasked => "unasked",
            Self::Dismissed => "dismissed",
        }
    }

    /// Returns what the client did, as the end of a sentence.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Unasked => "the client answered without asking anyone",
            Self::Dismissed => "the question was dismissed in the client without a choice",
        }
    }
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
    /// When its question was asked.
    pub(super) since: Duration,
    /// When the request came that waits for the answer.
    pub(super) came: Duration,
    /// When it is answered, whether or not somebody has decided: before its client gives up.
    pub(super) until: Duration,
    pub(super) progress: Option<Progress>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dialogue {
    /// A request of ours, with its id, waits for its answer.
    Request(Box<str>),
    /// The call was answered with the question, and comes again with this state (2026-07-28).
    Round(Box<str>),
}

/// How a client is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DialogueKind {
    Request,
    Round,
}

/// How the session was opened. That decides how the client is asked, and nothing in a later request changes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Opening {
    /// Nothing has come that tells.
    #[default]
    Unknown,
    /// By an `initialize` that the server has not answered yet.
    Initializing,
    /// By `initialize`: the client is asked by requests.
    Initialize,
    /// Not at all: each request speaks for itself (from 2026-07-28 on), so whoever writes lines can answer a question in
    /// one.
    None,
}

#[derive(Debug, Default)]
pub(super) struct Approvals {
    pub(super) options: ApprovalOptions,
    asked: u64,
    /// Oldest first.
    questions: Vec<OpenQuestion>,
    pub(super) grants: Grants,
    pub(super) refusals: Refusals,
    opening: Opening,
    elicitation: ElicitationSupport,
    pub(super) progress: progress::Floors,
}

impl Approvals {
    pub(super) fn new(options: ApprovalOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Handles a request of the client: the first one that is no part of an opening tells that there is none.
    pub(super) fn observe_request(&mut self, method: &str) {
        let can_precede =
            || matches!(method, method::INITIALIZE | method::SERVER_DISCOVER | "ping") || method.ends_with("/list");
        if self.opening == Opening::Unknown && !can_precede() {
            self.opening = Opening::None;
        }
    }

    /// Handles an `initialize`. One in the middle of a session changes nothing here.
    pub(super) fn handle_initialize(&mut self, params: Option<&str>) {
        if let Opening::Unknown | Opening::Initializing = self.opening {
            self.opening = Opening::Initializing;
            self.elicitation = ElicitationSupport::from_initialize(params);
        }
    }

    /// Handles the server's answer to an `initialize`.
    pub(super) fn handle_initialized(&mut self, answer: Answer<'_>) {
        if self.opening == Opening::Initializing {
            (self.opening, self.elicitation) = match answer {
                Answer::Result(result) => (Opening::Initialize, self.elicitation.with_revision(result)),
                Answer::Error(_) => (Opening::Unknown, ElicitationSupport::None),
            };
        }
    }

    /// Returns how the client can be asked about a call; `None` if it cannot.
    pub(super) fn find_dialogue_kind(&self, call: &CallParams<'_>) -> Option<DialogueKind> {
        match self.opening {
            Opening::Initialize => (self.elicitation == ElicitationSupport::Form).then_some(DialogueKind::Request),
            // This revision has no requests of ours.
            Opening::None => {
                let has_forms = || call.elicitation().is_some_and(supports_forms);
                (call.answer_shape() == AnswerShape::TypedResult && has_forms()).then_some(DialogueKind::Round)
            }
            Opening::Unknown | Opening::Initializing => None,
        }
    }

    /// Returns whether there is anybody to ask about a call.
    pub(super) fn can_ask(&self, call: &CallParams<'_>) -> bool {
        let is_open = |channel: &Channel| *channel == Channel::Local || self.find_dialogue_kind(call).is_some();
        self.options.channels.iter().any(is_open)
    }

    /// Returns whether one more call, with a line of `length` bytes, can be held beside `others`, which are so many and so
    /// many bytes.
    pub(super) fn can_hold(&self, length: usize, others: (usize, usize)) -> bool {
        let held = || self.questions.iter().filter_map(|question| question.call.as_ref());
        let total = held().map(|held| held.line.len()).sum::<usize>() + others.1;
        held().count() + others.0 < MAX_HELD && (total == 0 || total + length <= MAX_HELD_BYTES)
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.asked += 1;
        self.asked
    }

    /// Returns text that identifies a question and that nobody can guess.
    pub(super) fn seal_question(&self, purpose: &str, number: u64, digest: &Digest) -> Box<str> {
        self.seal_text(&format!("{purpose} {digest}"), number)
    }

    /// Returns text of this session that nobody can guess.
    pub(super) fn seal_text(&self, purpose: &str, number: u64) -> Box<str> {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.options.secret) else { return Box::default() };
        mac.update(format!("{number} {purpose}").as_bytes());
        let seal: [u8; 32] = mac.finalize().into_bytes().into();
        let seal = seal.iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        format!("{}{number}-{seal}", self.tag()).into()
    }

    /// Returns the beginning of all ids and states of this session. Wrappers around one another differ in it.
    fn tag(&self) -> String {
        // The digest of the secret tells nothing about it.
        let digest = Digest::of_line(&[&b"tag "[..], &self.options.secret].concat()).to_string();
        format!("policylayer-{}-", digest.get(..8).unwrap_or_default())
    }

    /// Returns the state of a round, which nobody can guess and any policylayer recognises.
    pub(super) fn seal_state(&self, number: u64, covers: &Digest) -> Box<str> {
        round_state::write_state(&self.tag(), &self.options.server, &self.seal_question("state", number, covers))
    }

    /// Returns whose state of a round this is.
    pub(super) fn find_origin(&self, state: &str) -> StateOrigin {
        round_state::find_origin(state, &self.tag(), &self.options.server)
    }

    pub(super) fn add_question(&mut self, question: OpenQuestion) {
        self.questions.push(question);
    }

    pub(super) fn find_question(&mut self, number: u64) -> Option<&mut OpenQuestion> {
        self.questions.iter_mut().find(|question| question.number == number)
    }

    /// Returns whether a person has answered about this call, and its client has not come for it.
    pub(super) fn has_answer(&self, covered: Covered) -> bool {
        self.questions.iter().any(|question| question.answers(covered))
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

    /// Keeps the question of a call that was answered without a decision. Returns the oldest one if there are too many.
    pub(super) fn add_late(&mut self, question: OpenQuestion) -> Option<OpenQuestion> {
        let is_late = |question: &OpenQuestion| question.call.is_none();
        let is_full = self.questions.iter().filter(|question| is_late(question)).count() >= MAX_LATE;
        let oldest = if is_full { self.take_question(is_late) } else { None };
        self.add_question(question);
        oldest
    }

    pub(super) fn due_progress(&mut self, now: Duration) -> impl Iterator<Item = Vec<u8>> {
        self.questions.iter_mut().filter_map(move |OpenQuestion { call, shown, local, .. }| {
            call.as_mut()?.progress.as_mut()?.take_due(shown, *local, now)
        })
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.questions.iter().map(OpenQuestion::deadline).min()
    }
}
