//! The chain from a client to its server, started as the client would start it, step by step.

pub(crate) mod client_env;
mod command;
mod entry_state;
mod policy;
mod start;
mod state;
pub(crate) mod targets;
mod wrapper;

use std::borrow::Cow;
use std::ffi::OsString;
use std::time::Duration;

use serde::Serialize;

use self::client_env::ClientEnv;
pub(crate) use self::entry_state::{Barrier, EntryState, LockState, ServerState};
use self::targets::Target;
use crate::clients::entry::{Wrapped, parse_wrapped};
use crate::clients::key::key_word;
use crate::clients::servers::{Clients, in_project};
use crate::clients::{program, secret};
use crate::env::Env;
use crate::policy::keys::words::word_enum;
use crate::probe::{ProbeError, ShowProgress};

/// The results of the steps of every chain.
#[derive(Debug, Serialize)]
pub(crate) struct DoctorReport {
    /// The chains.
    pub(crate) checks: Vec<ChainReport>,
    /// Why there is nothing to check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// Whether no step failed.
    pub(crate) ok: bool,
    /// What to do if there is nothing to check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
    /// The servers that are not checked because no policy of this program is in front of them; empty if a server was named.
    pub(crate) without_policy: Vec<BareServer>,
}

/// A server that no policy of this program is in front of.
#[derive(Debug, Serialize)]
pub(crate) struct BareServer {
    /// The client, as `--client` takes it.
    pub(crate) client: &'static str,
    /// Whether the client is told not to start it.
    pub(crate) disabled: bool,
    /// The client's file.
    pub(crate) file: String,
    /// Why it is out of reach; `null` in any other state.
    pub(crate) out_of_reach: Option<Barrier>,
    /// The key in the client's file.
    pub(crate) server: String,
    /// Whether it is unprotected, out of reach or broken.
    pub(crate) state: ServerState,
}

/// A chain from a client to a server.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ChainReport {
    /// Why the server is out of reach.
    #[serde(skip)]
    barrier: Option<Barrier>,
    /// The client; `null` for a command.
    pub(crate) client: Option<&'static str>,
    /// The client, as its users call it.
    #[serde(skip)]
    pub(crate) client_name: Option<&'static str>,
    /// The client's file.
    file: Option<String>,
    /// The key in the client's file, or the command; `null` if the file cannot be read.
    pub(crate) server: Option<String>,
    /// Whether a policy stands in front of the server; `null` for a command.
    pub(crate) state: Option<ServerState>,
    /// The steps, in the order in which they ran.
    pub(crate) steps: Vec<StepReport>,
}

/// A step, what was seen, and what to do about it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StepReport {
    /// What was seen, over several lines if there is more to say.
    pub(crate) detail: String,
    /// Which step it is.
    pub(crate) id: StepId,
    /// What to do if the step did not succeed.
    pub(crate) remedy: Option<String>,
    /// The result of the step.
    pub(crate) status: StepStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepStatus {
    Ok,
    Warning,
    Failed,
    NotTried,
}

word_enum! {
    /// The steps, in their order.
    pub(crate) enum StepId;
    /// The client's file can be read.
    "file" => File,
    /// The entry starts a command.
    "entry" => Entry,
    /// The command starts the wrapper.
    "wrapped" => Wrapped,
    /// The wrapper exists, and is this version.
    "wrapper" => Wrapper,
    /// The server's own command is found.
    "command" => Command,
    /// config.toml is valid.
    "config" => Config,
    /// It is known which server the command starts.
    "identity" => Identity,
    /// The policy is valid.
    "policy" => Policy,
    /// Counts and records can be written.
    "state" => State,
    /// The clock is plausible.
    "clock" => Clock,
    /// The chain starts.
    "start" => Start,
    /// The chain opens a session.
    "initialize" => Initialize,
    /// The chain lists its tools.
    "tools" => Tools,
}

/// What a step saw, or what is wrong.
type Finding = Result<String, Problem>;

struct Problem {
    status: StepStatus,
    what: String,
    remedy: String,
}

impl Problem {
    fn failed(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: StepStatus::Failed, what: what.into(), remedy: remedy.into() }
    }

    fn warning(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: StepStatus::Warning, ..Self::failed(what, remedy) }
    }
}

impl ChainReport {
    fn push_step(&mut self, id: StepId, finding: Finding) {
        self.steps.push(match finding {
            Ok(detail) => StepReport { detail, id, remedy: None, status: StepStatus::Ok },
            Err(Problem { status, what, remedy }) => StepReport { detail: what, id, remedy: Some(remedy), status },
        });
    }

    fn skip_steps(&mut self, ids: impl IntoIterator<Item = StepId>) {
        let status = StepStatus::NotTried;
        self.steps.extend(ids.into_iter().map(|id| StepReport {
            detail: "not tried".into(),
            id,
            remedy: None,
            status,
        }));
    }

    /// Ends the chain with a problem: the later steps are not tried.
    fn stop_at(&mut self, id: StepId, problem: Problem) {
        self.push_step(id, Err(problem));
        self.skip_steps(StepId::ALL.into_iter().skip_while(|other| *other != id).skip(1));
    }
}

pub(crate) struct DoctorQuestion<'q> {
    /// The key of the server; `None` for every server behind a policy.
    pub(crate) server: Option<&'q str>,
    /// The clients to check; empty for all.
    pub(crate) clients: &'q [String],
    /// The command to check instead of a client's entry; empty for none.
    pub(crate) command: &'q [OsString],
    /// How long a server may take to start.
    pub(crate) patience: Duration,
    pub(crate) progress: ShowProgress<'q>,
    pub(crate) env: &'q Env,
}

impl DoctorReport {
    /// Checks every selected chain.
    ///
    /// # Errors
    /// Returns an error if a person interrupts it, or the system cannot watch a process.
    pub(crate) fn run_checks(question: &DoctorQuestion<'_>) -> Result<Self, ProbeError> {
        let doctor = Doctor { question, program: program::path_to_write(question.env).ok() };
        let (checks, without_policy) = (Vec::new(), Vec::new());
        let mut report = Self { checks, error: None, ok: true, remedy: None, without_policy };
        if question.command.is_empty() {
            let clients = Clients::find_all(question.env);
            if question.server.is_none() {
                report.without_policy = doctor.list_bare(&clients);
            }
            match doctor.find_targets(&clients) {
                Ok(targets) => {
                    for target in &targets {
                        report.checks.push(doctor.check_entry(target)?);
                    }
                }
                Err((error, remedy)) => {
                    return Ok(Self { error: Some(error), ok: false, remedy: Some(remedy), ..report });
                }
            }
        } else {
            report.checks.push(doctor.check_command(question.command)?);
        }
        report.ok = report.count_status(StepStatus::Failed) == 0;
        Ok(report)
    }

    /// Returns the number of steps of all chains that have this status.
    pub(crate) fn count_status(&self, status: StepStatus) -> usize {
        self.checks.iter().flat_map(|check| &check.steps).filter(|step| step.status == status).count()
    }
}

/// What is the same for every chain.
struct Doctor<'d> {
    question: &'d DoctorQuestion<'d>,
    /// The path of this program, as `register` writes it.
    program: Option<String>,
}

/// What a client starts, as far as it is known.
struct LaunchChain<'c> {
    /// The name of the client: "Claude Desktop", or "this terminal".
    client: &'c str,
    client_id: &'c str,
    key: &'c str,
    /// The project that the user has the server for.
    project: Option<&'c str>,
    file: Option<String>,
    words: Vec<String>,
    wrapped: Option<Wrapped>,
    env: ClientEnv,
    here: &'c Env,
}

impl LaunchChain<'_> {
    fn own_words(&self) -> Cow<'_, [String]> {
        match &self.wrapped {
            None => Cow::Borrowed(&self.words),
            Some(wrapped) => Cow::Owned(wrapped.own_words(&self.words)),
        }
    }

    /// Whether the client reaches the server by its address.
    fn is_remote(&self) -> bool {
        self.wrapped.is_none() && self.words.first().is_some_and(|word| word.contains("://"))
    }

    /// Returns the command that puts the wrapper before the server, or corrects its path.
    fn register_command(&self) -> String {
        let command = format!("policylayer register {} --client {}", key_word(self.key), self.client_id);
        in_project(command, self.project, self.here)
    }

    /// Whether another program, such as npx, starts the wrapper: its arguments determine the version of policylayer.
    fn starts_through_another(&self) -> bool {
        self.wrapped.as_ref().is_some_and(|wrapped| wrapped.program > 0)
    }

    fn entry_place(&self) -> String {
        self.file.as_ref().map_or_else(|| "the command".to_owned(), |file| format!("the entry {} in {file}", self.key))
    }
}

impl Doctor<'_> {
    fn check_entry(&self, target: &Target<'_>) -> Result<ChainReport, ProbeError> {
        let (chain, mut report) = target.open_chain(self.program.as_deref(), self.question.env);
        let Some(chain) = chain else { return Ok(report) };
        report.check_plain(target);
        self.check_chain(&chain, &mut report)?;
        report.state = Some(report.judge_state(&chain));
        report.hide_secrets(&chain);
        Ok(report)
    }

    /// Checks a command as `wrap` would run it in this terminal.
    fn check_command(&self, command: &[OsString]) -> Result<ChainReport, ProbeError> {
        let own: Vec<String> = command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let server = Some(secret::redact_words(&own).join(" "));
        let program = self.program.clone().unwrap_or_else(|| "policylayer".to_owned());
        let before = if own.first().is_some_and(|word| word.contains("://")) { "--url" } else { "--" };
        let words: Vec<String> =
            [program.clone(), "wrap".to_owned(), before.to_owned()].into_iter().chain(own).collect();
        let literal: Vec<&str> = words.iter().map(String::as_str).collect();
        let chain = LaunchChain {
            client: "this terminal",
            client_id: "",
            key: "",
            project: None,
            file: None,
            wrapped: parse_wrapped(&literal, Some(&program)),
            words,
            env: ClientEnv::from_terminal(self.question.env),
            here: self.question.env,
        };
        let mut report = ChainReport { server, ..ChainReport::default() };
        self.check_chain(&chain, &mut report)?;
        Ok(report)
    }

    /// Adds the steps from the wrapper on.
    fn check_chain(&self, chain: &LaunchChain<'_>, report: &mut ChainReport) -> Result<(), ProbeError> {
        let first = report.steps.len();
        if chain.file.is_some() {
            report.push_step(StepId::Wrapped, wrapper::check_wrapped(chain));
            if chain.wrapped.is_some() {
                report.push_step(StepId::Wrapper, wrapper::check_program(chain)?);
            }
        }
        report.push_step(StepId::Command, command::check_command(chain));
        let found = policy::check_settings_and_policy(chain, report);
        report.push_step(StepId::State, state::check_directory(chain, found.as_ref().map(|found| &found.server)));
        report.push_step(StepId::Clock, state::check_clock(chain));
        // A chain that is already broken is not started. Starting it does not require counts and records.
        let needed = [StepId::Wrapper, StepId::Command, StepId::Config, StepId::Identity, StepId::Policy];
        let is_broken = |step: &StepReport| {
            needed.contains(&step.id) && matches!(step.status, StepStatus::Failed | StepStatus::NotTried)
        };
        if report.steps.iter().skip(first).any(is_broken) {
            report.skip_steps([StepId::Start, StepId::Initialize, StepId::Tools]);
            return Ok(());
        }
        start::check_start(chain, self.question, report)
    }
}
