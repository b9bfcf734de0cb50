//! The chain from a client to its server, started as the client would start it, step by step.

mod client_env;
mod command;
mod policy;
mod start;
mod state;
mod targets;
mod wrapper;

use std::ffi::OsString;
use std::time::Duration;

use serde::Serialize;

use self::client_env::ClientEnv;
use self::targets::Target;
use crate::clients::entry::{Transport, Wrapped, parse_wrapped};
use crate::clients::servers::Clients;
use crate::clients::{program, secret};
use crate::env::Env;
use crate::probe::{ProbeError, ShowProgress};
use crate::shell::as_word;

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
}

/// A chain from a client to a server.
#[derive(Debug, Serialize)]
pub(crate) struct ChainReport {
    /// The client; `null` for a command.
    pub(crate) client: Option<&'static str>,
    /// The client, as its users call it.
    #[serde(skip)]
    pub(crate) client_name: Option<&'static str>,
    /// The client's file.
    file: Option<String>,
    /// The key in the client's file, or the command; `null` if the file cannot be read.
    pub(crate) server: Option<String>,
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

/// The steps, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepId {
    /// The client's file can be read.
    File,
    /// The entry starts a command.
    Entry,
    /// The command starts the wrapper.
    Wrapped,
    /// The wrapper exists, and is this version.
    Wrapper,
    /// The server's own command is found.
    Command,
    /// config.toml is valid.
    Config,
    /// The policy is valid.
    Policy,
    /// Counts and records can be written.
    State,
    /// The clock is plausible.
    Clock,
    /// The chain starts.
    Start,
    /// The chain opens a session.
    Initialize,
    /// The chain lists its tools.
    Tools,
}

impl StepId {
    const ALL: [Self; 12] = [
        Self::File,
        Self::Entry,
        Self::Wrapped,
        Self::Wrapper,
        Self::Command,
        Self::Config,
        Self::Policy,
        Self::State,
        Self::Clock,
        Self::Start,
        Self::Initialize,
        Self::Tools,
    ];
}

impl StepReport {
    fn new_ok(id: StepId, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), id, remedy: None, status: StepStatus::Ok }
    }

    fn new_warning(id: StepId, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: StepStatus::Warning, ..Self::new_failed(id, detail, remedy) }
    }

    fn new_failed(id: StepId, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { detail: detail.into(), id, remedy: Some(remedy.into()), status: StepStatus::Failed }
    }

    fn not_tried(id: StepId) -> Self {
        Self { status: StepStatus::NotTried, ..Self::new_ok(id, "not tried") }
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
    /// If a person interrupts it, or the system cannot watch a process.
    pub(crate) fn run_checks(question: &DoctorQuestion<'_>) -> Result<Self, ProbeError> {
        let doctor = Doctor { question, program: program::path_to_write(question.env).ok() };
        let mut checks = Vec::new();
        if question.command.is_empty() {
            let clients = Clients::find_all(question.env);
            match doctor.find_targets(&clients) {
                Ok(targets) => {
                    for target in &targets {
                        checks.push(doctor.check_entry(target)?);
                    }
                }
                Err((error, remedy)) => {
                    return Ok(Self { checks, error: Some(error), ok: false, remedy: Some(remedy) });
                }
            }
        } else {
            checks.push(doctor.check_command(question.command)?);
        }
        let report = Self { checks, error: None, ok: true, remedy: None };
        Ok(Self { ok: report.count_status(StepStatus::Failed) == 0, ..report })
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
    key: &'c str,
    file: Option<String>,
    /// `--client ID`, to append to a command that the person should run.
    option: String,
    words: Vec<String>,
    wrapped: Option<Wrapped>,
    env: ClientEnv,
}

impl LaunchChain<'_> {
    /// Returns the words of the server's own command.
    fn own_words(&self) -> &[String] {
        let before = self.wrapped.as_ref().map_or(0, |wrapped| wrapped.before);
        self.words.get(before..).unwrap_or_default()
    }

    /// Returns the command that puts the wrapper before the server, or corrects its path.
    fn register_command(&self) -> String {
        format!("policylayer register {}{}", as_word(self.key), self.option)
    }

    fn entry_place(&self) -> String {
        self.file.as_ref().map_or_else(|| "the command".to_owned(), |file| format!("the entry {} in {file}", self.key))
    }
}

impl Doctor<'_> {
    fn check_entry(&self, target: &Target<'_>) -> Result<ChainReport, ProbeError> {
        let row = target.place.row;
        let file = target.place.file.display().to_string();
        let mut steps = Vec::new();
        let report = |server, steps| ChainReport {
            client: Some(row.id),
            client_name: Some(row.name),
            file: Some(file.clone()),
            server,
            steps,
        };
        let (keys, entry) = match &target.entry {
            Ok(found) => found,
            Err(why) => {
                let remedy = format!("fix {file}; {} cannot read it either", row.name);
                steps.push(StepReport::new_failed(StepId::File, why.clone(), remedy));
                steps.extend(StepId::ALL.into_iter().skip(1).map(StepReport::not_tried));
                return Ok(report(None, steps));
            }
        };
        steps.push(StepReport::new_ok(StepId::File, file.clone()));
        let launch = match &entry.transport {
            Transport::Stdio(launch) => launch,
            other => {
                steps.push(targets::report_no_command(other, &file));
                steps.extend(StepId::ALL.into_iter().skip(2).map(StepReport::not_tried));
                return Ok(report(Some(entry.name.clone()), steps));
            }
        };
        let env = ClientEnv::from_entry(target, keys, &entry.name, self.question.env);
        let literal = launch.words();
        let chain = LaunchChain {
            client: row.name,
            key: &entry.name,
            file: Some(file.clone()),
            option: format!(" --client {}", row.id),
            words: literal.iter().map(|word| env.fill_in_known(word)).collect(),
            wrapped: parse_wrapped(&literal, self.program.as_deref()),
            env,
        };
        steps.push(if entry.is_disabled {
            StepReport::new_warning(
                StepId::Entry,
                format!("the entry tells {} to leave the server alone", row.name),
                "enable it in the client, if it is to be used",
            )
        } else {
            StepReport::new_ok(StepId::Entry, format!("starts {}", secret::redact_words(&literal).join(" ")))
        });
        self.check_chain(&chain, &mut steps)?;
        for step in &mut steps {
            step.detail = chain.env.hide_secrets(&step.detail);
            step.remedy = step.remedy.as_deref().map(|remedy| chain.env.hide_secrets(remedy));
        }
        Ok(report(Some(entry.name.clone()), steps))
    }

    /// Checks a command as `wrap` would run it in this terminal.
    fn check_command(&self, command: &[OsString]) -> Result<ChainReport, ProbeError> {
        let own: Vec<String> = command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let program = self.program.clone().unwrap_or_else(|| "policylayer".to_owned());
        let words: Vec<_> = [program, "wrap".to_owned(), "--".to_owned()].into_iter().chain(own.clone()).collect();
        let chain = LaunchChain {
            client: "this terminal",
            key: "",
            file: None,
            option: String::new(),
            words,
            wrapped: Some(Wrapped { before: 3, program: 0, policy: None, server: None }),
            env: ClientEnv::from_terminal(self.question.env),
        };
        let mut steps = Vec::new();
        self.check_chain(&chain, &mut steps)?;
        let server = Some(secret::redact_words(&own).join(" "));
        Ok(ChainReport { client: None, client_name: None, file: None, server, steps })
    }

    /// Adds the steps from the wrapper on.
    fn check_chain(&self, chain: &LaunchChain<'_>, steps: &mut Vec<StepReport>) -> Result<(), ProbeError> {
        let here = self.question.env;
        let first = steps.len();
        if chain.file.is_some() {
            steps.push(wrapper::check_wrapped(chain));
            if chain.wrapped.is_some() {
                steps.push(wrapper::check_program(chain, here)?);
            }
        }
        steps.push(command::check_command(chain, here));
        let server = policy::check_settings_and_policy(chain, here, steps);
        steps.push(state::check_directory(chain, server.as_ref()));
        steps.push(state::check_clock(chain));
        // A chain that is already broken is not started. Starting it does not require counts and records.
        let needed = [StepId::Wrapper, StepId::Command, StepId::Config, StepId::Policy];
        let is_broken = |step: &StepReport| {
            needed.contains(&step.id) && matches!(step.status, StepStatus::Failed | StepStatus::NotTried)
        };
        if steps.iter().skip(first).any(is_broken) {
            steps.extend([StepId::Start, StepId::Initialize, StepId::Tools].map(StepReport::not_tried));
            return Ok(());
        }
        start::check_start(chain, self.question, steps)
    }
}
