//! What the local channel says of its questions.

use super::action::{Action, Turn};
use super::approvals::{ApprovalAnswer, Channel, Dialogue, Local, Opened};
use super::{Engine, Now};
use crate::record::Approval;

impl Engine {
    /// Handles a person's answer on the local channel.
    pub fn handle_local_answer(&mut self, number: u64, answer: ApprovalAnswer, now: Now, actions: &mut Vec<Action>) {
        self.handle_answer(number, answer, Channel::Local, &mut Turn::new(now, actions));
    }

    /// Handles what the local channel does with a question.
    pub fn handle_local_opened(&mut self, number: u64, opened: Opened, now: Now, actions: &mut Vec<Action>) {
        let turn = &mut Turn::new(now, actions);
        if opened == Opened::Asked {
            return self.open_postponed(number, turn);
        }
        let Some(mut question) = self.approvals.take_question(|question| question.number == number) else {
            return turn.push_note(format!("an earlier approval is used up: the call of question {number} is over"));
        };
        let Some(held) = question.call.take() else {
            return self.approvals.grant_handed_out(&question, now.session);
        };
        let (answer, channel) = (ApprovalAnswer::Once, Channel::Local);
        let approval = Approval { verdict: "granted", channel: Some(channel.as_str()), ..Approval::default() };
        self.carry_out_answer(question, held, (answer, channel), approval, turn);
    }

    /// Handles a failure of the local channel to ask a question.
    pub fn handle_local_failure(&mut self, number: u64, why: &str, now: Now, actions: &mut Vec<Action>) {
        let turn = &mut Turn::new(now, actions);
        turn.push_note(format!("a person cannot be asked on the local channel: {why}"));
        let open = self.approvals.find_question(number).or_else(|| self.preparations.find_compared(number));
        if let Some(question) = open {
            question.local = Local::Not;
        }
        self.open_postponed(number, turn);
        self.refuse_unanswerable(number, &format!("and the local channel cannot ask: {why}"), turn);
    }

    /// Opens the client's dialogue that waited for what the local channel knows.
    fn open_postponed(&mut self, number: u64, turn: &mut Turn<'_>) {
        let Some(question) = self.approvals.find_question(number) else { return };
        let Some(held) = &mut question.call else { return };
        let Some((dialogue, line)) = question.postponed.take() else { return };
        if matches!(dialogue, Dialogue::Round(_)) {
            // The line answers the call.
            self.client_requests.remove_answered(&held.key);
            (held.until, held.progress) = (question.until, None);
        }
        // From now on a person can read it.
        question.since = turn.now.session;
        question.dialogue = Some(dialogue);
        turn.send_to_client(line);
    }
}
