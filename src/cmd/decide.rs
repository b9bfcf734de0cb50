//! `policylayer decide`: what would happen to a call, and which rule says so. Nothing is counted and nothing is sent.

use std::fmt::{self, Write as _};
use std::io::{Read as _, Write as _};

use anstream::AutoStream;
use anyhow::Context as _;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Env, report_exit, settings_for, tool_server};
use crate::cli::{DecideArgs, Format};
use crate::engine::{Trial, TrialDecision};
use crate::exit::Exit;
use crate::limits::MAX_MESSAGE;
use crate::paths::{self, LoadedPolicy};
use crate::policy::{self, Amount, Colour, Diagnostic, Effect, Limit, Policy, Scope, ServerName, Source, Window};
use crate::term::message;
use crate::term::table::{self, Cell};
use crate::visible::visible;
use crate::wire::arguments::Arguments;

/// Decides one call under the policy that is named, or in force for the server.
///
/// # Errors
/// Where the server's name is none, or stdin cannot be read. What is wrong with the policy or the arguments is told
/// here, and is the exit code.
pub fn run(args: &DecideArgs, env: &Env) -> anyhow::Result<Exit> {
    let Some(server) = tool_server::find(&args.tool, args.server.as_deref(), args.policy.as_deref(), env)? else {
        return Ok(Exit::Usage);
    };
    let settings = match settings_for(args.policy.as_deref(), env) {
        Ok(settings) => settings,
        Err(error) => return Ok(report_exit(&error, error.exit())),
    };
    let LoadedPolicy { policy, .. } = match paths::load_policy(args.policy.as_deref(), &server, &settings, env) {
        Ok(loaded) => loaded,
        Err(error) => return Ok(report_exit(&error, error.exit())),
    };
    let Some(arguments) = arguments(args.args.as_deref())? else { return Ok(Exit::Usage) };
    let verdict = match Trial::default().call(&policy, &args.tool, &arguments, std::time::Duration::ZERO) {
        Ok(verdict) => verdict,
        Err(fault) => {
            message::print_error(&format!("No client can send such a call: {fault}. Mend --tool or --args."));
            return Ok(Exit::Usage);
        }
    };
    let decided = Decided::new(&policy, &server, &args.tool, &arguments, verdict);
    let mut out = AutoStream::auto(std::io::stdout()).lock();
    match args.format {
        Format::Text => out.write_all(decided.text()?.as_bytes())?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &decided.json()?)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    Ok(match decided.verdict.effect {
        Effect::Allow => Exit::Ok,
        Effect::Deny | Effect::Hide => Exit::Refused,
        Effect::RequireApproval => Exit::Asks,
    })
}

/// The arguments of the call; `None` where they cannot be those of any, which has then been told.
fn arguments(given: Option<&str>) -> anyhow::Result<Option<Arguments>> {
    let (name, text) = match given {
        None => return Ok(Some(Arguments::default())),
        Some("-") => {
            let mut text = String::new();
            let mut stdin = std::io::stdin().lock().take(MAX_MESSAGE as u64);
            stdin.read_to_string(&mut text).context("The arguments cannot be read from stdin. Give them as UTF-8")?;
            ("stdin", text)
        }
        Some(text) => ("--args", text.to_owned()),
    };
    let fault = match Arguments::parse(&text) {
        Ok(arguments) => return Ok(Some(arguments)),
        Err(fault) => fault,
    };
    let source = Source::new(name, policy::Format::Json, text);
    let at = fault.at().unwrap_or_default();
    let words = fault.to_string();
    // The place is shown by line and column.
    let message = format!("these arguments are refused: {}", words.split(" (at byte").next().unwrap_or_default());
    let diagnostic = Diagnostic::error("bad-arguments", at..at + 1, message)
        .hint("write one JSON object that every parser reads alike, such as '{\"campaignId\": 77}'");
    let rendered = policy::render(&source, &[diagnostic], Colour::Styled);
    anstream::stderr().lock().write_all(rendered.as_bytes())?;
    Ok(None)
}

/// A call that was decided.
struct Decided<'p> {
    policy: &'p Policy,
    server: &'p ServerName,
    tool: &'p str,
    verdict: TrialDecision,
    limits: Vec<(&'p Limit, Option<Amount>)>,
}

impl<'p> Decided<'p> {
    fn new(
        policy: &'p Policy,
        server: &'p ServerName,
        tool: &'p str,
        arguments: &Arguments,
        verdict: TrialDecision,
    ) -> Self {
        let limits = policy.judge(tool, arguments.as_str()).limits();
        let limits = limits.map(|limit| (limit, limit.increment.of(arguments.as_str()).ok())).collect();
        Self { policy, server, tool, verdict, limits }
    }

    /// A sentence, and the limits as a table. Colours are taken out again by a writer that is no terminal.
    fn text(&self) -> anyhow::Result<String> {
        let TrialDecision { effect, rule, reason, .. } = &self.verdict;
        let tool = visible(self.tool);
        let rule = visible(rule);
        let by = match self.policy.summary().file {
            Some(file) if !rule.starts_with("builtin:") => format!("{rule} of {file}"),
            _ => format!("{rule} of the built-in policy for {}", self.server),
        };
        let mut out = match effect {
            Effect::Allow => format!("{GOOD}allow{GOOD:#}: a call of {tool} passes, by the rule {by}"),
            Effect::Deny => format!("{BAD}deny{BAD:#}: a call of {tool} is refused by the rule {by}"),
            Effect::Hide => {
                format!("{BAD}hide{BAD:#}: {tool} is not listed, and a call of it is refused, by the rule {by}")
            }
            Effect::RequireApproval => {
                format!("{ASKS}require_approval{ASKS:#}: a call of {tool} asks a person, by the rule {by}")
            }
        };
        if let Some(reason) = reason {
            write!(out, ": {}", visible(reason))?;
        }
        if !reason.as_ref().is_some_and(|reason| reason.ends_with(['.', '!', '?'])) {
            out.push('.');
        }
        out.push('\n');
        if self.limits.is_empty() {
            return Ok(out);
        }
        out.push_str(match effect {
            Effect::Allow => "It is counted, and refused where one of these limits is reached:\n",
            Effect::Deny | Effect::Hide | Effect::RequireApproval => "These limits are the tool's:\n",
        });
        let rows: Vec<_> = self.limits.iter().map(|(limit, counts)| row(limit, *counts)).collect();
        let mut written = Vec::new();
        table::write(&mut written, &["LIMIT", "MAX", "WINDOW", "COUNTED FOR", "THIS CALL"], &rows)?;
        out.push_str(&String::from_utf8(written)?);
        Ok(out)
    }

    fn json(&self) -> anyhow::Result<Json<'_>> {
        let summary = self.policy.summary();
        let limits = self.limits.iter().map(|(limit, counts)| JsonLimit::new(limit, *counts));
        Ok(Json {
            tool: self.tool,
            server: self.server.as_str(),
            file: summary.file,
            mode: summary.mode.as_str(),
            effect: self.verdict.effect.as_str(),
            rule: &self.verdict.rule,
            reason: self.verdict.reason.as_deref(),
            class: self.policy.class(self.tool).as_str(),
            limits: limits.collect::<Result<_, _>>()?,
        })
    }
}

fn row(limit: &Limit, counts: Option<Amount>) -> Vec<Cell> {
    let counts = match counts {
        Some(amount) => Cell::plain(amount.to_string()),
        None => Cell::styled("cannot be counted", BAD),
    };
    let cells =
        [visible(&limit.rule), limit.max.to_string(), Length(limit.window).to_string(), scope(limit).to_owned()];
    cells.into_iter().map(Cell::plain).chain([counts]).collect()
}

/// Whose calls are counted, in a word.
pub(super) fn scope(limit: &Limit) -> &'static str {
    match limit.scope {
        Scope::Session => "session",
        Scope::Server => "server",
    }
}

/// A window in words.
pub(super) struct Length(pub(super) Window);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.length().as_secs() {
            1 => f.write_str("second")?,
            60 => f.write_str("minute")?,
            3_600 => f.write_str("hour")?,
            86_400 => f.write_str("day")?,
            seconds => write!(f, "{seconds} seconds")?,
        }
        match self.0 {
            Window::Sliding(_) => Ok(()),
            Window::Calendar(_) => f.write_str(" (UTC)"),
        }
    }
}

/// What `--format json` prints. Fields are added to it and never taken away.
#[derive(Serialize)]
struct Json<'d> {
    tool: &'d str,
    server: &'d str,
    file: Option<&'d str>,
    mode: &'static str,
    effect: &'static str,
    rule: &'d str,
    reason: Option<&'d str>,
    class: &'static str,
    limits: Vec<JsonLimit<'d>>,
}

#[derive(Serialize)]
struct JsonLimit<'d> {
    rule: &'d str,
    max: Box<RawValue>,
    /// In seconds.
    window: u64,
    align: &'static str,
    scope: &'static str,
    /// How much this call takes; `null` where that cannot be counted, and the call is refused.
    counts: Option<Box<RawValue>>,
}

impl<'d> JsonLimit<'d> {
    fn new(limit: &'d Limit, counts: Option<Amount>) -> serde_json::Result<Self> {
        // As text, so that no amount is rounded.
        let number = |amount: Amount| RawValue::from_string(amount.to_string());
        Ok(Self {
            rule: &limit.rule,
            max: number(limit.max)?,
            window: limit.window.length().as_secs(),
            align: match limit.window {
                Window::Sliding(_) => "sliding",
                Window::Calendar(_) => "calendar",
            },
            scope: scope(limit),
            counts: counts.map(number).transpose()?,
        })
    }
}

const GOOD: anstyle::Style = anstyle::AnsiColor::Green.on_default().bold();
const BAD: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
const ASKS: anstyle::Style = anstyle::AnsiColor::Yellow.on_default().bold();
