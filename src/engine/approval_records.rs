//! What the records of calls that waited for a person say.

use super::Engine;
use super::action::{Action, Now, Turn};
use super::approvals::{ApprovalAnswer, Channel, NotChosen, OpenQuestion};
use crate::record::{Approval, LateVerdict, Outcome};

/// What ends a session, if not its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// The client has closed its end of our stdin, and still reads.
    Client,
    /// The client is gone.
    ClientGone,
    /// A signal to the wrapper.
    Signal,
}

/// Why a call is not waited with any longer although nobody has decided about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dropped {
    Withdrawn,
    MadeAgain,
    RefusedSince,
    ServerEnded,
    SessionEnded(SessionEnd),
}

impl Dropped {
    /// Returns what the client's dialogue is closed with.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Withdrawn => "The call was withdrawn.",
            Self::MadeAgain => "The call was made again.",
            Self::RefusedSince => "A person refused the same call.",
            Self::ServerEnded => "The MCP server has ended.",
            Self::SessionEnded(_) => "The session has ended.",
        }
    }

    pub(super) fn outcome(self) -> Outcome {
        if self == Self::ServerEnded { Outcome::ServerDied } else { Outcome::Cancelled }
    }

    pub(super) fn approval(self) -> Approval {
        let verdict = match self {
            Self::Withdrawn | Self::MadeAgain | Self::RefusedSince | Self::ServerEnded => "cancelled",
            Self::SessionEnded(SessionEnd::Client | SessionEnd::ClientGone) => "client_ended",
            Self::SessionEnded(SessionEnd::Signal) => "session_ended",
        };
        Approval { verdict, ..Approval::default() }
    }

    pub(super) fn ends_session(self) -> bool {
        matches!(self, Self::ServerEnded | Self::SessionEnded(_))
    }
}

impl Engine {
    /// Handles what ends the session, if that is not the server: what waits for a person is not sent any more. Each request is
    /// answered at the server's end, which follows. While [`waits_for_lists`](Self::waits_for_lists), the server has to be able to
    /// read what goes on then.
    pub fn handle_session_end(&mut self, end: SessionEnd, now: Now, actions: &mut Vec<Action>) {
        if self.ended.is_some() {
            return;
        }
        let (turn, why) = (&mut Turn::new(now, actions), Dropped::SessionEnded(end));
        self.preparations.asking_ended = Some(why);
        match end {
            SessionEnd::Client => {
                self.close_asking_preparations(why, turn);
                self.close_questions(why, turn);
            }
            SessionEnd::ClientGone | SessionEnd::Signal => self.drop_waiting(why, turn),
        }
    }

    /// Whether a request of the client waits for a list that the wrapper has asked the server for, which takes at most
    /// [`OWN_REQUEST`](crate::limits::OWN_REQUEST).
    pub fn waits_for_lists(&self) -> bool {
        self.preparations.wait_for_lists()
    }

    /// Ends all that waits for a person, or for what is shown to one. The caller answers the calls themselves.
    pub(super) fn drop_waiting(&mut self, why: Dropped, turn: &mut Turn<'_>) {
        self.close_preparations(why, turn);
        self.close_questions(why, turn);
    }

    /// Records an answer that came after its call was answered: whether or not the call is ever repeated.
    pub(super) fn record_late_answer(
        &mut self,
        question: &OpenQuestion,
        answer: &ApprovalAnswer,
        channel: Channel,
        turn: &mut Turn<'_>,
    ) {
        let Some(asked) = &question.draft else { return };
        let verdict = match answer {
            ApprovalAnswer::Once => LateVerdict::Approved,
            ApprovalAnswer::Session => LateVerdict::ApprovedForSession,
            ApprovalAnswer::Refused { .. } => LateVerdict::Refused,
        };
        let waited = turn.now.session.saturating_sub(question.since);
        let client_answer = question.not_chosen.map(NotChosen::as_str);
        let approval = Approval { waited, client_answer, ..answered(answer.clone(), channel) };
        let mut draft = self.recorder.draft_late_answer(asked, turn);
        draft.set_approval(Approval { verdict: verdict.as_str(), ..approval });
        turn.record_outcome(Some(draft), Outcome::Refused);
    }
}

pub(super) fn unavailable() -> Approval {
    Approval { verdict: "unavailable", ..Approval::default() }
}

pub(super) fn timed_out(question: &OpenQuestion) -> Approval {
    let client_answer = question.not_chosen.map(NotChosen::as_str);
    Approval { verdict: "timed_out", client_answer, ..Approval::default() }
}

pub(super) fn withdrawn() -> Approval {
    Dropped::Withdrawn.approval()
}

pub(super) fn answered(answer: ApprovalAnswer, channel: Channel) -> Approval {
    let (verdict, note) = match answer {
        ApprovalAnswer::Once => ("approved_once", None),
        ApprovalAnswer::Session => ("approved_for_session", None),
        ApprovalAnswer::Refused { note } => ("refused", note),
    };
    Approval { verdict, channel: Some(channel.as_str()), note, ..Approval::default() }
}
