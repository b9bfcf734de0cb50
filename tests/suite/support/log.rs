//! Audit logs as a wrapper writes them, and `policylayer` in a home that has them.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::system::{at_home, program, without_variables};
use policylayer::policy::Effect;
use policylayer::record::{
    Approval, ArgumentRecorder, ArgumentsLogged, Client, Digest, DigestKey, Direction, Draft, Enforcement, Event,
    Facts, Moment, Outcome, ResultRecord, SessionName, Subject, write_event,
};
use policylayer::risk::Class;

/// 2026-11-22T10:00:00Z.
pub(crate) const TEN: u64 = 1_795_341_600;

/// A home without anything in it.
pub(crate) struct Home {
    pub(crate) folder: tempfile::TempDir,
}

/// What a run of the program came to.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the audit log.
    pub(crate) fn audit(&self) -> PathBuf {
        self.path().join("state").join("policylayer").join("audit")
    }

    /// Writes a policy where it is found for a server.
    pub(crate) fn policy(&self, file: &str, text: &str) -> PathBuf {
        let folder = self.path().join("config").join("policylayer").join("policies");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(file), text).unwrap();
        folder.join(file)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let home = self.path();
        let mut command = Command::new(program());
        at_home(without_variables(command.args(args).current_dir(home)), home).env("TZ", "UTC");
        command.env("XDG_CONFIG_HOME", home.join("config")).env("XDG_STATE_HOME", home.join("state"));
        if cfg!(windows) {
            // Where clients have theirs, without XDG_CONFIG_HOME.
            command.env("APPDATA", home.join("config"));
        }
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs, ends with 0, and says nothing on stderr.
    pub(crate) fn good(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}\n{}", ran.out);
        ran.out
    }

    /// The same, and the output is one JSON document.
    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.good(args)).unwrap()
    }
}

/// The log of one server, written line by line.
pub(crate) struct Log {
    pub(crate) file: PathBuf,
    folder: PathBuf,
    server: String,
    previous: Digest,
    keyed: ArgumentRecorder,
    number: u64,
    rotated: u64,
    lines: u64,
    /// What was not written to the file yet.
    bytes: Vec<u8>,
}

/// A decision, most of it as most decisions are.
#[derive(Clone, Copy)]
pub(crate) struct Decision<'d> {
    pub(crate) at: Duration,
    pub(crate) session: &'d str,
    pub(crate) direction: Direction,
    pub(crate) method: Option<&'d str>,
    pub(crate) tool: Option<&'d str>,
    /// What it is about, if that is no tool.
    pub(crate) about: Option<Subject<'d>>,
    pub(crate) class: Option<Class>,
    pub(crate) effect: Effect,
    pub(crate) rule: &'d str,
    pub(crate) reason: Option<&'d str>,
    pub(crate) enforcement: Enforcement,
    pub(crate) arguments: Option<&'d str>,
    pub(crate) inputs: Option<&'d str>,
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
}

/// A call that passed, so many seconds after ten.
pub(crate) fn passed<'d>(seconds: u64, tool: &'d str, class: Class) -> Decision<'d> {
    Decision {
        at: Duration::from_secs(TEN + seconds),
        session: "00000000000000aa",
        direction: Direction::Client,
        method: Some("tools/call"),
        tool: Some(tool),
        about: None,
        class: Some(class),
        effect: Effect::Allow,
        rule: "default",
        reason: None,
        enforcement: Enforcement::Enforced,
        arguments: None,
        inputs: None,
        outcome: Outcome::Ok,
        took: Duration::from_millis(12),
    }
}

/// A request that passed, and is about something other than a tool.
pub(crate) fn requested<'d>(seconds: u64, method: &'d str, about: Option<Subject<'d>>, rule: &'d str) -> Decision<'d> {
    let call = passed(seconds, "", Class::Read);
    Decision { method: Some(method), tool: None, about, class: None, rule, ..call }
}

/// A call that was refused.
pub(crate) fn refused<'d>(seconds: u64, tool: &'d str, rule: &'d str, reason: &'d str) -> Decision<'d> {
    Decision {
        effect: Effect::Deny,
        rule,
        reason: Some(reason),
        outcome: Outcome::Refused,
        ..passed(seconds, tool, Class::Execute)
    }
}

/// A call that would have been refused, and was passed on.
pub(crate) fn observed<'d>(seconds: u64, tool: &'d str, class: Class, rule: &'d str) -> Decision<'d> {
    Decision {
        effect: Effect::Hide,
        rule,
        reason: Some("It is not listed."),
        enforcement: Enforcement::Observed,
        ..passed(seconds, tool, class)
    }
}

impl Log {
    pub(crate) fn new(home: &Home, server: &str) -> Self {
        Self::keeping(home, server, ArgumentsLogged::Keys)
    }

    pub(crate) fn keeping(home: &Home, server: &str, arguments: ArgumentsLogged) -> Self {
        let folder = home.audit();
        fs::create_dir_all(&folder).unwrap();
        Self {
            file: folder.join(format!("{server}.jsonl")),
            folder,
            server: server.to_owned(),
            previous: Digest::START,
            keyed: ArgumentRecorder::new(arguments, Box::new(|| Some(DigestKey([7; 32])))),
            number: 0,
            rotated: 0,
            lines: 0,
            bytes: Vec::new(),
        }
    }

    /// Adds a decision.
    pub(crate) fn add(&mut self, decision: &Decision<'_>) -> &mut Self {
        self.add_with(decision, |_| ())
    }

    /// Adds a decision, and what was done to the result.
    pub(crate) fn add_result(&mut self, decision: &Decision<'_>, result: ResultRecord) -> &mut Self {
        self.add_with(decision, |draft| draft.add_result(result))
    }

    /// Adds a decision about which a person was asked.
    pub(crate) fn add_answered(&mut self, decision: &Decision<'_>, verdict: &'static str) -> &mut Self {
        self.add_with(decision, |draft| draft.set_approval(Approval { verdict, ..Approval::default() }))
    }

    fn add_with(&mut self, decision: &Decision<'_>, complete: impl FnOnce(&mut Draft)) -> &mut Self {
        let client = Client::new("test-client", "1.2.3");
        let facts = Facts {
            subject: decision.about.or(decision.tool.map(Subject::Tool)),
            class: decision.class,
            effect: decision.effect,
            reason: decision.reason,
            enforcement: decision.enforcement,
            arguments: decision.arguments,
            inputs: decision.inputs,
            ..Facts::new(decision.direction, decision.method, decision.rule)
        };
        self.number += 1;
        let made = Moment { number: self.number, unix: decision.at, session: Duration::ZERO };
        let mut draft = Draft::new(&facts, Some(&client), &self.keyed, made);
        complete(&mut draft);
        let session = SessionName { id: decision.session.to_owned(), server: self.server.clone() };
        let mut line = Vec::new();
        draft.finish(decision.outcome, decision.took).write_line(&session, self.previous, &mut line);
        self.line(&line)
    }

    /// Adds something that happened to the log.
    pub(crate) fn event(&mut self, seconds: u64, event: &Event) -> &mut Self {
        let session = SessionName { id: "00000000000000aa".to_owned(), server: self.server.clone() };
        let mut line = Vec::new();
        write_event(event, &session, self.previous, Duration::from_secs(TEN + seconds), &mut line);
        self.line(&line)
    }

    /// Adds a line as it is.
    pub(crate) fn line(&mut self, line: &[u8]) -> &mut Self {
        self.previous = Digest::of_line(line);
        self.lines += 1;
        self.bytes.extend_from_slice(line);
        self
    }

    /// Appends what was added to the file.
    pub(crate) fn write(&mut self) -> &mut Self {
        let mut file = OpenOptions::new().append(true).create(true).open(&self.file).unwrap();
        file.write_all(&self.bytes).unwrap();
        self.bytes.clear();
        self
    }

    /// Writes, and begins another file.
    pub(crate) fn rotate(&mut self) -> &mut Self {
        self.write();
        self.rotated += 1;
        fs::rename(&self.file, self.folder.join(format!("{}.jsonl.{:06}", self.server, self.rotated))).unwrap();
        self
    }

    /// Writes, and says beside it where the log ends, as a writer does that has synced it.
    pub(crate) fn seal(&mut self) -> &mut Self {
        self.write();
        let end = fs::metadata(&self.file).map_or(0, |found| found.len());
        let (lines, last, file) = (self.lines, self.previous, self.rotated + 1);
        let head = format!("{{\"lines\":{lines},\"last\":\"{last}\",\"file\":{file},\"end\":{end}}}\n");
        fs::write(self.folder.join(format!("{}.head", self.server)), head).unwrap();
        self
    }
}
