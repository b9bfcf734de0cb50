//! `policylayer doctor`: the chain from a client to its server, started as the client would, step by step.

mod choose;
mod command;
mod front;
mod given;
mod json;
mod policy;
mod start;
mod state;
mod text;

use std::ffi::OsString;
use std::io::Write as _;
use std::time::Duration;

use anstream::AutoStream;

use self::choose::Target;
use self::given::Given;
use self::start::Start;
use super::{Env, as_word};
use crate::cli::{DoctorArgs, Format};
use crate::clients::entry::{Transport, Wrapped, wrapped};
use crate::clients::servers::Clients;
use crate::clients::{program, secret};
use crate::exit::Exit;
use crate::visible::visible_json;

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ok,
    Warning,
    Failed,
    NotTried,
}

/// A step, what was seen, and what to do where that is not well.
#[derive(Clone, Debug)]
struct Step {
    id: Id,
    status: Status,
    /// What was seen; further lines tell more of it.
    detail: String,
    remedy: Option<String>,
}

/// The steps, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    File,
    Entry,
    Wrapped,
    Wrapper,
    Command,
    Config,
    Policy,
    State,
    Clock,
    Start,
    Initialize,
    Tools,
}

impl Step {
    fn ok(id: Id, detail: impl Into<String>) -> Self {
        Self { id, status: Status::Ok, detail: detail.into(), remedy: None }
    }

    fn warning(id: Id, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { id, status: Status::Warning, detail: detail.into(), remedy: Some(remedy.into()) }
    }

    fn failed(id: Id, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { id, status: Status::Failed, detail: detail.into(), remedy: Some(remedy.into()) }
    }

    fn not_tried(id: Id) -> Self {
        Self { id, status: Status::NotTried, detail: "not tried".to_owned(), remedy: None }
    }

    fn is_good(&self) -> bool {
        matches!(self.status, Status::Ok | Status::Warning)
    }
}

/// A chain, and how each of its steps went.
struct Check {
    /// The client's id and name, and its file.
    client: Option<(&'static str, &'static str, String)>,
    /// The key in the client's file, or the command; `None` where the file tells none.
    server: Option<String>,
    steps: Vec<Step>,
}

impl Check {
    fn count(&self, status: Status) -> usize {
        self.steps.iter().filter(|step| step.status == status).count()
    }
}

/// What is the same for every chain.
struct Doctor<'d> {
    env: &'d Env,
    /// The path of this program, as `register` writes it.
    program: Option<String>,
    patience: Duration,
}

/// What a client starts, as far as it is known.
struct Chain<'c> {
    /// What the steps name as its place: "Claude Desktop", or "this terminal".
    client: &'c str,
    /// How a person is told to look at the entry: its key, and its file.
    key: &'c str,
    file: Option<String>,
    /// `--client ID`, to be written after a command that is to be run.
    option: String,
    words: Vec<String>,
    wrapped: Option<Wrapped>,
    given: Given,
}

impl Chain<'_> {
    /// The words of the server's own command.
    fn own(&self) -> &[String] {
        let before = self.wrapped.as_ref().map_or(0, |wrapped| wrapped.before);
        self.words.get(before..).unwrap_or_default()
    }

    /// The command that puts the wrapper before the server, or its path right.
    fn register(&self) -> String {
        format!("policylayer register {}{}", as_word(self.key), self.option)
    }

    /// Where the entry is to be changed.
    fn entry(&self) -> String {
        self.file.as_ref().map_or_else(|| "the command".to_owned(), |file| format!("the entry {} in {file}", self.key))
    }
}

/// Looks at every chain that is meant, and prints how its steps went.
///
/// # Errors
/// Where it is unclear what is meant, a person interrupts it, or stdout cannot be written.
pub fn run(args: &DoctorArgs, env: &Env) -> anyhow::Result<Exit> {
    let program = program::path(env).ok();
    let doctor = Doctor { env, program, patience: Duration::from_secs(args.timeout) };
    let mut checks = Vec::new();
    if args.command.is_empty() {
        let clients = Clients::look(env);
        let targets = match choose::targets(args, &clients, &doctor) {
            Ok(targets) => targets,
            Err(nothing) => return nothing.tell(args.format),
        };
        for target in &targets {
            checks.push(doctor.entry(target)?);
        }
    } else {
        checks.push(doctor.command(&args.command)?);
    }
    let mut out = AutoStream::auto(std::io::stdout()).lock();
    match args.format {
        Format::Text => text::write(&mut out, &checks)?,
        Format::Json => {
            writeln!(out, "{}", visible_json(&serde_json::to_string_pretty(&json::document(&checks))?))?;
        }
    }
    out.flush()?;
    let is_well = checks.iter().all(|check| check.count(Status::Failed) == 0);
    Ok(if is_well { Exit::Ok } else { Exit::Failed })
}

impl Doctor<'_> {
    /// Looks at an entry of a client.
    fn entry(&self, target: &Target<'_>) -> anyhow::Result<Check> {
        let row = target.place.row;
        let file = target.place.file.display().to_string();
        let mut check = Check {
            client: Some((row.id, row.name, file.clone())),
            server: target.entry.as_ref().ok().map(|(_, entry)| entry.name.clone()),
            steps: Vec::new(),
        };
        let (keys, entry) = match &target.entry {
            Ok(found) => found,
            Err(why) => {
                let remedy = format!("mend {file}; {} reads it no better", row.name);
                check.steps.push(Step::failed(Id::File, why.clone(), remedy));
                check.steps.extend(ALL.iter().skip(1).map(|id| Step::not_tried(*id)));
                return Ok(check);
            }
        };
        check.steps.push(Step::ok(Id::File, file.clone()));
        let launch = match &entry.transport {
            Transport::Stdio(launch) => launch,
            other => {
                check.steps.push(choose::no_command(other, &file));
                check.steps.extend(ALL.iter().skip(2).map(|id| Step::not_tried(*id)));
                return Ok(check);
            }
        };
        let given = Given::of(target, keys, &entry.name, self.env);
        let literal = launch.words();
        let chain = Chain {
            client: row.name,
            key: &entry.name,
            file: Some(file),
            option: format!(" --client {}", row.id),
            words: literal.iter().map(|word| given.filled(word)).collect(),
            wrapped: wrapped(&literal, self.program.as_deref()),
            given,
        };
        check.steps.push(if entry.is_disabled {
            Step::warning(
                Id::Entry,
                format!("the entry tells {} to leave the server alone", row.name),
                "enable it in the client, if it is to be used",
            )
        } else {
            Step::ok(Id::Entry, format!("starts {}", secret::words(&literal).join(" ")))
        });
        self.steps(&chain, &mut check.steps)?;
        for step in &mut check.steps {
            step.detail = chain.given.hide(&step.detail);
            step.remedy = step.remedy.as_deref().map(|remedy| chain.given.hide(remedy));
        }
        Ok(check)
    }

    /// Looks at a command as `wrap` would run it from here.
    fn command(&self, command: &[OsString]) -> anyhow::Result<Check> {
        let own: Vec<String> = command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let program = self.program.clone().unwrap_or_else(|| "policylayer".to_owned());
        let words: Vec<_> = [program, "wrap".to_owned(), "--".to_owned()].into_iter().chain(own.clone()).collect();
        let wrapped = Some(Wrapped { before: 3, program: 0, policy: None, server: None });
        let (key, option) = (String::new(), String::new());
        let chain = Chain {
            client: "this terminal",
            key: &key,
            file: None,
            option,
            words,
            wrapped,
            given: Given::here(self.env),
        };
        let server = Some(secret::words(&own).join(" "));
        let mut check = Check { client: None, server, steps: Vec::new() };
        self.steps(&chain, &mut check.steps)?;
        Ok(check)
    }

    /// The steps from the wrapper on.
    fn steps(&self, chain: &Chain<'_>, steps: &mut Vec<Step>) -> anyhow::Result<()> {
        let first = steps.len();
        if chain.file.is_some() {
            steps.push(front::wrapped(chain));
        }
        if chain.wrapped.is_some() && chain.file.is_some() {
            steps.push(front::wrapper(chain, self)?);
        }
        steps.push(command::step(chain, self.env));
        let server = policy::steps(chain, self.env, steps);
        steps.push(state::folder(chain, server.as_ref()));
        steps.push(state::clock(chain));
        // Nobody behind the policy is started by a chain that is broken already. Counting and recording are not needed for it.
        let stops = [Id::Wrapper, Id::Command, Id::Config, Id::Policy];
        if steps.iter().skip(first).any(|step| stops.contains(&step.id) && !step.is_good()) {
            steps.extend([Id::Start, Id::Initialize, Id::Tools].map(Step::not_tried));
            return Ok(());
        }
        Start { chain, patience: self.patience }.steps(steps)
    }
}

const ALL: [Id; 12] = [
    Id::File,
    Id::Entry,
    Id::Wrapped,
    Id::Wrapper,
    Id::Command,
    Id::Config,
    Id::Policy,
    Id::State,
    Id::Clock,
    Id::Start,
    Id::Initialize,
    Id::Tools,
];

impl Id {
    /// For programs.
    fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Entry => "entry",
            Self::Wrapped => "wrapped",
            Self::Wrapper => "wrapper",
            Self::Command => "command",
            Self::Config => "config",
            Self::Policy => "policy",
            Self::State => "state",
            Self::Clock => "clock",
            Self::Start => "start",
            Self::Initialize => "initialize",
            Self::Tools => "tools",
        }
    }

    /// For persons.
    fn name(self) -> &'static str {
        match self {
            Self::File => "client's file",
            Self::Entry => "entry",
            Self::Wrapped => "policy in front",
            Self::Wrapper => "policylayer",
            Self::Command => "server's command",
            Self::Config => "config.toml",
            Self::Policy => "policy",
            Self::State => "state folder",
            Self::Clock => "clock",
            Self::Start => "server starts",
            Self::Initialize => "initialize",
            Self::Tools => "tools",
        }
    }
}
