//! What came of an answer, as the session that asked tells it.

use std::time::Duration;

use crate::engine::Upshot;
use crate::policy::ApprovalLifetime;
use crate::state::approvals::{AnswerOutcome, ApprovalEntry, ApprovalState};
use crate::term::style::format_duration;
use crate::visible::escape_invisible;

/// Returns what came of an answer that was given here, and whether it counted.
pub(crate) fn describe_outcome(entry: &ApprovalEntry, now: Duration) -> Result<String, String> {
    let what = format!("{} of {}", escape_invisible(&entry.tool), escape_invisible(&entry.server));
    let is_approval = entry.state == ApprovalState::Approved;
    let is_for_session = entry.answer.as_deref() == Some("session");
    let outcome = match entry.outcome {
        Some(AnswerOutcome::Known(upshot)) => upshot,
        Some(AnswerOutcome::Used) => Upshot::Sent,
        Some(AnswerOutcome::Elsewhere) => {
            return Err(format!("An answer in the client came first and counts for {what}. Yours changed nothing."));
        }
        Some(AnswerOutcome::Over) => return describe_over(entry, &what),
        None | Some(AnswerOutcome::Taken) => {
            let answer = if is_approval { "approval" } else { "refusal" };
            return Ok(format!(
                "Your {answer} of {what} is stored, but its session has not picked it up yet: it is busy, hangs or has \
                 just ended. `policylayer approvals show {}` says what came of it.",
                entry.id
            ));
        }
    };
    Ok(match (outcome, is_approval) {
        (Upshot::Forbidden, _) => {
            return Err(format!(
                "Not sent: the policy, or what the server lists, was changed meanwhile, and {what} is refused now."
            ));
        }
        (Upshot::Outdated, _) => {
            return Err(format!(
                "Not sent: what {what} is about has changed since you were shown it, so you are asked anew. Look at the new \
                 question with `policylayer approvals{}`.",
                entry.successor.as_deref().map_or_else(String::new, |successor| format!(" show {successor}"))
            ));
        }
        (Upshot::Kept, true) => format!("Approved: {what} goes on as soon as the client comes back for the answer."),
        (Upshot::Granted, _) if is_for_session => format!(
            "Approved late: the call of {what} had timed out and was refused. Tell the agent to repeat it, with the same \
             arguments; others like it pass until the session ends."
        ),
        (Upshot::Granted, _) => format!(
            "Approved late: the call of {what} {} Tell the agent to repeat it once, with the same arguments, within {}{}.",
            match entry.lives {
                ApprovalLifetime::Session => "had timed out and was refused.",
                ApprovalLifetime::Client => "is not held any more. It passes once if its client makes it again.",
            },
            format_duration(entry.time_left(now).max(Duration::from_secs(1))),
            match entry.lives {
                ApprovalLifetime::Session => "",
                ApprovalLifetime::Client => ", in this session of its client or the next",
            }
        ),
        (_, true) if is_for_session => {
            format!("Approved: {what} goes on, and so will others like it until the session ends.")
        }
        (_, true) => format!("Approved: {what} goes on, this once."),
        (Upshot::Kept, false) => {
            format!("Refused: {what} does not go on. The agent is told so when the client comes back.")
        }
        (Upshot::Noted, false) => format!(
            "Refused: {what} does not go on. The agent was told so when it timed out; if it makes the same call again soon, it \
             is refused without asking you."
        ),
        (_, false) if entry.note.is_some() => {
            format!("Refused: {what} does not go on. The agent is told so, with your reason.")
        }
        (_, false) => format!("Refused: {what} does not go on. The agent is told so."),
    })
}

/// Returns what came of an answer that was given too late.
fn describe_over(entry: &ApprovalEntry, what: &str) -> Result<String, String> {
    match (entry.state, &entry.successor) {
        (ApprovalState::Approved, Some(successor)) => Err(format!(
            "Not sent: the call of {what} was made again just before your answer, and what it shows you has \
             changed. {successor} has taken its place: `policylayer approvals show {successor}`."
        )),
        (ApprovalState::Approved, None) => Err(format!(
            "Not sent: the client took the call of {what} back, or its session ended, just before your answer. If you still want \
             it, ask the agent to make it again, and approve that."
        )),
        _ => Ok(format!("Refused: {what} does not go on, and nobody waits for it any more.")),
    }
}

/// Says how a question ended, in a few words that stay true.
pub(crate) fn describe_end(entry: &ApprovalEntry) -> String {
    match (entry.state, &entry.successor) {
        (ApprovalState::Expired, Some(successor)) => format!("made again: {successor} has taken its place"),
        (ApprovalState::Expired, None) => "expired".to_owned(),
        _ => {
            let (answer, outcome) = summarize_answer(entry);
            format!("{answer}: {outcome}")
        }
    }
}

/// Returns how a question was answered, and what came of that, in a few words each.
pub(super) fn summarize_answer(entry: &ApprovalEntry) -> (&'static str, &'static str) {
    let answer = match (entry.state, entry.outcome) {
        (ApprovalState::Approved, _) if entry.answer.as_deref() == Some("session") => "approved for the session",
        (ApprovalState::Approved, _) => "approved once",
        (ApprovalState::Denied, _) => "refused",
        (_, Some(AnswerOutcome::Known(Upshot::Refused | Upshot::Noted))) => "refused",
        (_, Some(AnswerOutcome::Known(Upshot::Sent | Upshot::Granted | Upshot::Forbidden | Upshot::Outdated))) => {
            "approved"
        }
        _ => "answered",
    };
    let outcome = match entry.outcome {
        None | Some(AnswerOutcome::Taken) => "the session has not picked it up",
        Some(AnswerOutcome::Known(Upshot::Sent)) => "the call went on",
        Some(AnswerOutcome::Known(Upshot::Granted)) => "the call passes if it is repeated",
        Some(AnswerOutcome::Known(Upshot::Kept)) => "the client has to come back for it",
        Some(AnswerOutcome::Known(Upshot::Refused)) => "the agent was told",
        Some(AnswerOutcome::Known(Upshot::Noted)) => "a repetition is refused",
        Some(AnswerOutcome::Known(Upshot::Forbidden)) => "the policy had changed, and refused it",
        Some(AnswerOutcome::Known(Upshot::Outdated)) => "what it is about had changed, so a person was asked anew",
        Some(AnswerOutcome::Used) => "the call was repeated, and went on",
        Some(AnswerOutcome::Elsewhere) => "another answer was first",
        Some(AnswerOutcome::Over) => "the call was over",
    };
    (answer, outcome)
}
