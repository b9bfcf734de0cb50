//! The code of `local_confirm = "code"`: the page asks for it, and it is shown and typed back on the terminal in which the page's
//! program runs. It never passes the browser, so what has hold of the browser alone approves nothing.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::ApprovalAnswer;
use crate::env::Env;
use crate::limits::UI_CODE_TIME;
use crate::report::approval_stores::ApprovalStores;
use crate::report::approval_watch::is_code;
use crate::state::approvals::{ApprovalEntry, Confirm, EntryKey, NotAnswered, unix_time};
use crate::term::confirm::{ConfirmError, OwnTerminal};
use crate::term::faces::approvals::outcome::describe_outcome;
use crate::term::faces::approvals::refusal::{AnswerError, explain_refusal};

/// Why the terminal does not ask. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeskError {
    #[error(
        "This call needs a code, because of `local_confirm = \"code\"`, and `policylayer ui` was not started in a terminal that \
         could show it ({why}). Run `policylayer approvals approve {id}` in a terminal."
    )]
    NoTerminal { why: io::Error, id: String },
    #[error(
        "This call needs a code, and `policylayer ui` runs in the background of its terminal. Bring it to the front there (`fg`), \
         or run `policylayer approvals approve {0}` in another terminal."
    )]
    Background(String),
    #[error(
        "The terminal asks for the code of the call {0} at the moment. Type that there first, or only Enter to drop it."
    )]
    Busy(String),
    #[error(transparent)]
    Code(#[from] ConfirmError),
    #[error("Nothing was approved: the terminal cannot be read ({0}). Try again.")]
    System(io::Error),
}

/// What the terminal asks for at the moment.
struct AskedCode {
    of: EntryKey,
    approval: ApprovalAnswer,
    code: String,
    since: Instant,
}

#[derive(Default)]
struct DeskState {
    asked: Option<AskedCode>,
    /// Whether a thread waits for a line of the terminal. A read cannot be taken back, so there is one, for whatever is asked.
    is_reading: bool,
}

/// The one place in which codes are asked for.
#[derive(Default)]
pub(super) struct CodeDesk(Arc<Mutex<DeskState>>);

impl CodeDesk {
    /// Has the terminal ask for the code of this call, and returns at once.
    pub(super) fn ask(&self, entry: &ApprovalEntry, approval: ApprovalAnswer, env: &Env) -> Result<(), DeskError> {
        let mut state = lock(&self.0);
        if let Some(asked) = &state.asked {
            if asked.of.is_of(entry) && asked.approval == approval {
                return Ok(());
            }
            if !asked.of.is_of(entry) && asked.since.elapsed() < UI_CODE_TIME && can_be_answered(&asked.of, env) {
                return Err(DeskError::Busy(asked.of.id().to_owned()));
            }
        }
        let terminal = OwnTerminal::open().map_err(|why| DeskError::NoTerminal { why, id: entry.id.clone() })?;
        if !terminal.is_in_front() {
            return Err(DeskError::Background(entry.id.clone()));
        }
        let code = terminal.show_code(entry, &approval)?;
        state.asked = Some(AskedCode { of: entry.key(), approval, code, since: Instant::now() });
        if !state.is_reading {
            let (desk, env) = (Arc::clone(&self.0), env.clone());
            let started =
                thread::Builder::new().name("code".to_owned()).spawn(move || read_codes(&terminal, &desk, &env));
            started.map_err(DeskError::System)?;
            state.is_reading = true;
        }
        Ok(())
    }
}

fn lock(desk: &Mutex<DeskState>) -> MutexGuard<'_, DeskState> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

fn can_be_answered(of: &EntryKey, env: &Env) -> bool {
    let entry = ApprovalStores::find_all(env).ok().and_then(|mut stores| stores.find_entry(of.id()).ok().flatten());
    entry.is_some_and(|entry| entry.state.is_open() && of.is_of(&entry))
}

/// Reads lines of the terminal as long as a code is asked for.
fn read_codes(terminal: &OwnTerminal, desk: &Mutex<DeskState>, env: &Env) {
    loop {
        let typed = terminal.read_line();
        let asked = lock(desk).asked.take();
        let said = match asked {
            Some(asked) if is_code(&typed, &asked.code) => approve_call(&asked, env),
            _ => {
                "Nothing was approved: that was not the code. The call still waits; the page can ask for another code."
                    .to_owned()
            }
        };
        // A terminal that cannot be written to has nobody before it.
        let _ = terminal.write(&format!("{said}\n"));
        let mut state = lock(desk);
        if state.asked.is_none() {
            state.is_reading = false;
            return;
        }
    }
}

/// Approves the call, and says what came of it.
fn approve_call(asked: &AskedCode, env: &Env) -> String {
    let approve = || -> Result<Option<ApprovalEntry>, AnswerError> {
        let Ok(mut stores) = ApprovalStores::find_all(env) else { return Ok(None) };
        if let Err(why) = stores.answer_question(&asked.of, &asked.approval, Confirm::Code)? {
            return Err(explain_refusal(why, &asked.of, &mut stores));
        }
        match stores.wait_for_outcome(asked.of.id(), |_: Duration| {})? {
            Some(entry) => Ok(Some(entry)),
            None => Err(explain_refusal(NotAnswered::Unknown, &asked.of, &mut stores)),
        }
    };
    match approve() {
        Ok(Some(entry)) => describe_outcome(&entry, unix_time()).unwrap_or_else(|why| why),
        Ok(None) => "Nothing was approved: there is no state directory any more.".to_owned(),
        Err(error) => error.to_string(),
    }
}
