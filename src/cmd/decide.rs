//! `policylayer decide`: what would happen to a call, and which rule decides it. Nothing is counted or sent.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::Path;

use anyhow::{Context as _, bail};

use super::output::{UsageError, print_report};
use super::{Env, tool_server};
use crate::cli::DecideArgs;
use crate::engine::TrialInput;
use crate::exit::Exit;
use crate::limits::MAX_MESSAGE;
use crate::policy::{self, Colour, Diagnostic, Effect, RequestSubject, SeenResult, Source};
use crate::report::decision::{CallLimit, DecisionReport, ResultReport};
use crate::report::limit::WindowText;
use crate::term::message;
use crate::term::style::{ERROR, SUCCESS, WARN, stderr_width};
use crate::term::table::{self, Cell};
use crate::visible::{count_of, escape_invisible, visible_path};
use crate::wire::arguments::Arguments;

/// Decides one call under the named policy, or under the one in force for the server.
pub(crate) fn run(args: &DecideArgs, env: &Env) -> anyhow::Result<Exit> {
    let [resource, prompt, method] = [&args.resource, &args.prompt, &args.method].map(Option::as_deref);
    let tool = args.tool.as_deref().or(args.named_tool.as_deref());
    let subject = match (tool, resource, prompt, method) {
        (Some(tool), ..) => RequestSubject::Tool(tool),
        (_, Some(uri), ..) => RequestSubject::Resource(uri),
        (_, _, Some(prompt), _) => RequestSubject::Prompt(prompt),
        // The command line has one of them.
        (.., method) => RequestSubject::Method(method.unwrap_or_default()),
    };
    if let Some(owner) = subject.decided_by() {
        let method = subject.name();
        let why = match owner.key() {
            Some("tool") => {
                format!("{method} is decided by {}. Give the tool's name instead of --method.", owner.describe())
            }
            Some(key) => format!("{method} is decided by {}. Use --{key} instead of --method.", owner.describe()),
            None => format!("No rule applies to {method}: it passes under every policy."),
        };
        return Err(UsageError(why).into());
    }
    check_stdin(args)?;
    let place = tool_server::find_policy_place(tool, args.server.as_deref(), args.policy.as_deref(), env)?;
    let policy = tool_server::load_held_place(&place)?.policy;
    let given = |name, text: &Option<String>| read_arguments(name, text.as_deref());
    let Some(arguments) = given("--args", &args.args)? else { return Ok(Exit::Usage) };
    let Some(input) = given("--input", &args.input)? else { return Ok(Exit::Usage) };
    let Some(result) = args.result.as_deref().map_or(Ok(Some(None)), read_result)? else { return Ok(Exit::Usage) };
    let Some(seen) = args.seen.as_deref().map_or(Ok(Some(Vec::new())), read_seen)? else { return Ok(Exit::Usage) };
    let input = TrialInput { arguments: &arguments, input: &input };
    let report = DecisionReport::new(&policy, subject, input, result.as_ref(), &seen).map_err(|fault| {
        UsageError(format!("No client can send such a call: {fault}. Correct the tool, --args or --input."))
    })?;
    print_report(&report, args.format, write_text)?;
    tool.into_iter().for_each(|tool| tool_server::note_near_tool(tool, &policy, &place));
    let is_withheld = report.result.as_ref().is_some_and(|result| result.withheld.is_some());
    Ok(match report.effect {
        Effect::Allow if is_withheld => Exit::Refused,
        Effect::Allow => Exit::Ok,
        Effect::Deny | Effect::Hide => Exit::Refused,
        Effect::RequireApproval => Exit::NeedsApproval,
    })
}

/// Reads the value of the option `name`. If no call can have it, prints what is wrong and returns `None`.
fn read_arguments(name: &str, given: Option<&str>) -> anyhow::Result<Option<Arguments>> {
    let (name, text) = match given {
        None => return Ok(Some(Arguments::default())),
        Some(STDIN) => read_file(Path::new(STDIN))?,
        Some(text) => (name.to_owned(), text.to_owned()),
    };
    Ok(parse_object(&name, text, "such as '{\"campaignId\": 77}'"))
}

/// Reads the file of --result: `Some(Some(…))` is what it holds. If no server can answer it, prints what is wrong.
fn read_result(path: &Path) -> anyhow::Result<Option<Option<Arguments>>> {
    let (name, text) = read_file(path)?;
    Ok(parse_object(&name, text, "such as {\"content\": []}: the `result` of an answer alone").map(Some))
}

/// Reads the file of --seen. If it holds something else than results, prints what is wrong and returns `None`.
fn read_seen(path: &Path) -> anyhow::Result<Option<Vec<SeenResult>>> {
    let (name, text) = read_file(path)?;
    match policy::read_seen(&name, &text) {
        Ok(seen) => Ok(Some(seen)),
        Err((source, diagnostics)) => {
            print_diagnostics(&source, &diagnostics);
            Ok(None)
        }
    }
}

/// What the command line has for stdin instead of a file.
const STDIN: &str = "-";

/// Reads a file of the command line or stdin, and returns its name as it is shown.
fn read_file(path: &Path) -> anyhow::Result<(String, String)> {
    let (mut text, most) = (String::new(), MAX_MESSAGE as u64);
    let (name, read) = match path == Path::new(STDIN) {
        true => ("stdin".to_owned(), io::stdin().lock().take(most).read_to_string(&mut text)),
        false => (visible_path(path), File::open(path).and_then(|file| file.take(most).read_to_string(&mut text))),
    };
    match read {
        Ok(_) => Ok((name, text)),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            bail!("{name} is no text in UTF-8. Give it as UTF-8.")
        }
        Err(error) => Err(error).context(format!("{name} cannot be read. Give a file that is there and may be read")),
    }
}

/// Stdin can be read once.
fn check_stdin(args: &DecideArgs) -> Result<(), UsageError> {
    let is_stdin = |path: Option<&Path>| path == Some(Path::new(STDIN));
    let texts = [&args.args, &args.input].into_iter().filter(|text| text.as_deref() == Some(STDIN)).count();
    let files = [&args.result, &args.seen].into_iter().filter(|path| is_stdin(path.as_deref())).count();
    match texts + files {
        0 | 1 => Ok(()),
        _ => Err(UsageError("Only one option can be read from stdin. Give a file for the others.".to_owned())),
    }
}

/// Parses an object that every parser reads alike, or prints what is wrong with it.
fn parse_object(name: &str, text: String, example: &str) -> Option<Arguments> {
    let fault = match Arguments::parse(&text) {
        Ok(arguments) => return Some(arguments),
        Err(fault) => fault,
    };
    let source = Source::new(name, policy::Format::Json, text);
    let at = fault.byte_offset().unwrap_or_default();
    let text = fault.to_string();
    // The place is shown by line and column.
    let message = format!("this is refused: {}", text.split(" (at byte").next().unwrap_or_default());
    let diagnostic = Diagnostic::error("bad-arguments", at..at + 1, message)
        .with_hint(format!("write one JSON object that every parser reads alike, {example}"));
    print_diagnostics(&source, &[diagnostic]);
    None
}

fn print_diagnostics(source: &Source, diagnostics: &[Diagnostic]) {
    let width = stderr_width().unwrap_or(policy::WIDE);
    message::print_styled(&policy::render_diagnostics_within(source, diagnostics, Colour::Styled, width));
}

fn write_text(out: &mut dyn Write, report: &DecisionReport<'_>) -> io::Result<()> {
    let (name, rule) = (escape_invisible(report.subject.name()), escape_invisible(&report.rule));
    let by = format!("{rule} of {}", report.document());
    let what = match report.subject {
        RequestSubject::Tool(_) => format!("a call to {name}"),
        RequestSubject::Resource(_) => format!("reading {name}"),
        RequestSubject::Prompt(_) => format!("fetching the prompt {name}"),
        RequestSubject::Method(_) => name.to_string(),
    };
    let (style, consequence) = match report.effect {
        Effect::Allow => (SUCCESS, format!("{what} passes, by the rule {by}")),
        Effect::Deny => (ERROR, format!("{what} is refused by the rule {by}")),
        Effect::Hide => match report.subject {
            RequestSubject::Tool(_) => {
                (ERROR, format!("{name} is not listed, and a call to it is refused, by the rule {by}"))
            }
            _ => (ERROR, format!("{name} is not listed, and is refused, by the rule {by}")),
        },
        Effect::RequireApproval => (WARN, format!("{what} asks a person, by the rule {by}")),
    };
    let style = style.bold();
    write!(out, "{style}{}{style:#}: {consequence}", report.effect)?;
    let reason = report.reason.as_deref().map(escape_invisible).unwrap_or_default();
    if !reason.is_empty() {
        write!(out, ": {reason}")?;
    }
    writeln!(out, "{}", if reason.ends_with(['.', '!', '?']) { "" } else { "." })?;
    if report.locked == Some(true) {
        writeln!(
            out,
            "The lock of {} has it: a session also compares its definition with the one that is listed.",
            report.server
        )?;
    }
    match report.seen {
        None => {}
        Some(0) => writeln!(
            out,
            "The rules look at what the session has read and called before. Here it has done neither: --seen FILE says otherwise."
        )?,
        Some(seen) => writeln!(out, "The session has seen {} before.", count_of(seen as u64, "result"))?,
    }
    if let Some(result) = &report.result {
        write_result(out, result)?;
    }
    if report.limits.is_empty() {
        return Ok(());
    }
    let heading = match report.effect {
        Effect::Allow => "It is counted, and refused if one of these limits is reached:",
        Effect::Deny | Effect::Hide | Effect::RequireApproval => "The tool has these limits:",
    };
    writeln!(out, "{heading}")?;
    let rows: Vec<_> = report.limits.iter().map(limit_row).collect();
    table::write_table(out, &["LIMIT", "MAX", "WINDOW", "COUNTED FOR", "THIS CALL"], &rows)
}

fn write_result(out: &mut dyn Write, result: &ResultReport) -> io::Result<()> {
    let ResultReport { withheld, reason, stripped, cut, stand_ins, .. } = result;
    match withheld {
        Some(rule) => {
            let reason = reason.as_deref().map_or_else(String::new, |reason| format!(": {}", escape_invisible(reason)));
            let stop = if reason.ends_with(['.', '!', '?']) { "" } else { "." };
            writeln!(out, "The result is withheld by the rule {}{reason}{stop}", escape_invisible(rule))
        }
        None if stripped + cut == 0 && stand_ins.is_empty() => writeln!(out, "The result passes as it is."),
        None => {
            let counted = |count: &u64, what, done| (*count > 0).then(|| format!("{} {done}", count_of(*count, what)));
            let changes: Vec<_> =
                counted(stripped, "character", "taken out").into_iter().chain(counted(cut, "text", "cut")).collect();
            let with = if changes.is_empty() { String::new() } else { format!(", with {}", changes.join(" and ")) };
            let kinds: Vec<_> = stand_ins.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            let stand_ins = match kinds.is_empty() {
                true => String::new(),
                false => format!(" It holds stand-ins: {}. Those of a session are others.", kinds.join(", ")),
            };
            writeln!(out, "The result passes{with}.{stand_ins}")
        }
    }
}

fn limit_row(CallLimit { limit, counts }: &CallLimit<'_>) -> Vec<Cell> {
    vec![
        Cell::new(limit.rule),
        Cell::new(limit.max),
        Cell::new(WindowText(limit.window)),
        Cell::new(limit.scope),
        counts.as_ref().map_or_else(|| Cell::styled("cannot be counted", ERROR.bold()), Cell::new),
    ]
}
