//! `policylayer allow`, `deny`, `hide`, `limit`, `ask`, `reset` and `add`: the policy in force, edited.

mod outcome;

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anstream::AutoStream;
use anyhow::Context as _;
use outcome::{Change, Json};

use super::{Env, report_exit};
use crate::cli::{AddArgs, EditArgs, Format, LimitArgs, ResetArgs, ToolsArgs};
use crate::exit::Exit;
use crate::limits::MAX_POLICY_FILE;
use crate::paths::{self, POLICY_VARIABLE};
use crate::policy::edit::{self, CannotEdit, Edited, Order, Outcome, Pasted, Verb};
use crate::policy::{self, Colour, Diagnostic, Policy, ServerName, Source};
use crate::settings::Settings;
use crate::term::diff;
use crate::term::message;
use crate::term::style::terminal_width;
use crate::term::table::Table;
use crate::visible::{visible, visible_json};

/// Does to the tools what the verb says.
///
/// # Errors
/// Where the server's name is none, or stdout cannot be written to. What is wrong with the policy is told here, and is the
/// exit code.
pub fn tools(verb: Verb, args: &ToolsArgs, env: &Env) -> anyhow::Result<Exit> {
    carry_out(Order { verb, tools: args.tools.clone(), reason: args.reason.clone() }, &args.edit, env)
}

/// Limits the tools.
///
/// # Errors
/// As [`tools`].
pub fn limit(args: &LimitArgs, env: &Env) -> anyhow::Result<Exit> {
    let verb = Verb::Limit { rate: args.rate.clone(), scope: args.scope.map(Into::into) };
    carry_out(Order { verb, tools: args.tools.clone(), reason: args.reason.clone() }, &args.edit, env)
}

/// Takes out what is said of the tools by their names.
///
/// # Errors
/// As [`tools`].
pub fn reset(args: &ResetArgs, env: &Env) -> anyhow::Result<Exit> {
    carry_out(Order { verb: Verb::Reset, tools: args.tools.clone(), reason: None }, &args.edit, env)
}

/// Merges a document into the policy.
///
/// # Errors
/// As [`tools`].
pub fn add(args: &AddArgs, env: &Env) -> anyhow::Result<Exit> {
    let pasted = match pasted(&args.file)? {
        Ok(pasted) => pasted,
        Err(exit) => return Ok(exit),
    };
    edit_with(&args.edit, env, |source, name, server| edit::add(source, name, server, &pasted))
}

fn pasted(file: &Path) -> anyhow::Result<Result<Pasted, Exit>> {
    let read = if file == Path::new("-") {
        let mut text = Vec::new();
        let mut stdin = io::stdin().lock().take(MAX_POLICY_FILE as u64 + 1);
        stdin.read_to_end(&mut text).context("What is pasted cannot be read from stdin. Give it as a file")?;
        // Before it is decoded: what was cut off may have been half a character.
        if text.len() > MAX_POLICY_FILE {
            let most = MAX_POLICY_FILE / 1024 / 1024;
            message::print_error(&format!(
                "What comes from stdin is larger than {most} MiB, and no policy is. Give the policy itself."
            ));
            return Ok(Err(Exit::Failed));
        }
        let text =
            String::from_utf8(text).ok().context("What comes from stdin is not UTF-8. Give the policy as UTF-8")?;
        Pasted::read("stdin", None, &text)
    } else {
        match paths::read_policy(file) {
            Ok(source) => Pasted::read(source.name(), Some(source.format()), source.text()),
            Err(error) => return Ok(Err(report_exit(&error, error.exit()))),
        }
    };
    Ok(read.map_err(|error| tell(&error)))
}

fn carry_out(order: Order, args: &EditArgs, env: &Env) -> anyhow::Result<Exit> {
    edit_with(args, env, |source, name, server| edit::order(source, name, server, &order))
}

/// What becomes of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It says already what is asked.
    AsItIs,
    /// What would change is only shown.
    DryRun,
    /// It gets the new text.
    Written,
}

/// The file that is edited.
struct Target {
    server: ServerName,
    path: PathBuf,
    /// What it holds; `None` where it is not there yet.
    source: Option<Source>,
}

fn edit_with(
    args: &EditArgs,
    env: &Env,
    edit: impl FnOnce(Option<&Source>, &str, &ServerName) -> Result<Edited, CannotEdit>,
) -> anyhow::Result<Exit> {
    let target = match target(args, env)? {
        Ok(target) => target,
        Err(exit) => return Ok(exit),
    };
    let name = visible(&target.path.display().to_string());
    let edited = match edit(target.source.as_ref(), &name, &target.server) {
        Ok(edited) => edited,
        Err(error) => return Ok(tell(&error)),
    };
    let before = Before::of(&target);
    let fate = match edited.outcome {
        Outcome::Unchanged => Fate::AsItIs,
        Outcome::Changed if args.dry_run => Fate::DryRun,
        Outcome::Changed => Fate::Written,
    };
    if fate == Fate::Written {
        let in_file = |source: &Source, text: &str| source.in_file(text).into_bytes();
        let expected = target.source.as_ref().map(|source| in_file(source, source.text()));
        let new = in_file(target.source.as_ref().unwrap_or(&edited.source), edited.source.text());
        if let Err(error) = paths::replace_file(&target.path, expected.as_deref(), &new) {
            return Ok(report_exit(&error, Exit::Failed));
        }
    }
    let decisions = outcome::changes(&before.policy, &edited.policy);
    match args.format {
        Format::Json => print_json(&Json {
            file: &name,
            server: target.server.as_str(),
            changed: fate != Fate::AsItIs,
            written: fate == Fate::Written,
            decisions,
        })?,
        Format::Text if fate != Fate::AsItIs => show(&target, &name, &edited, &decisions)?,
        Format::Text => {}
    }
    say(&edited, &before)?;
    if args.format == Format::Text {
        message::print_note(&done(&target, &name, fate));
    }
    Ok(Exit::Ok)
}

fn print_json(json: &Json<'_>) -> anyhow::Result<()> {
    let mut out = AutoStream::auto(io::stdout()).lock();
    writeln!(out, "{}", visible_json(&serde_json::to_string_pretty(json)?))?;
    Ok(out.flush()?)
}

/// What was done, in a sentence.
fn done(target: &Target, name: &str, fate: Fate) -> String {
    let Target { server, source, .. } = target;
    match (fate, source) {
        (Fate::AsItIs, Some(_)) => format!("Nothing is to be changed: {name} is as asked already."),
        (Fate::AsItIs, None) => format!(
            "Nothing is to be changed: the built-in policy for {server} says so already, and {name} was not written."
        ),
        (Fate::DryRun, _) => format!("This was a dry run: nothing was written to {name}."),
        (Fate::Written, None) => format!(
            "Wrote {name}: the built-in policy for {server}, with this change. Wrappers that run take it up at once."
        ),
        (Fate::Written, Some(_)) => format!("Wrote {name}. Wrappers that run take it up at once."),
    }
}

/// What the linter says that it did not say before, and what else a person should know.
fn say(edited: &Edited, before: &Before) -> io::Result<()> {
    let new: Vec<_> = edited.warnings.iter().filter(|warning| !before.has(warning)).cloned().collect();
    let (told, left) = new.split_at(new.len().min(MAX_WARNINGS));
    let rendered = policy::render(&edited.source, told, Colour::Styled);
    anstream::stderr().lock().write_all(rendered.as_bytes())?;
    if !left.is_empty() {
        message::print_note(&format!(
            "And {} more; `policylayer check` says them all.",
            super::plural(left.len() as u64, "warning")
        ));
    }
    edited.notes.iter().for_each(|note| message::print_note(note));
    Ok(())
}

/// How many new warnings are told of at once: hiding by a glob may make one for each tool.
const MAX_WARNINGS: usize = 3;

/// The diff, and the decisions that change.
fn show(target: &Target, name: &str, edited: &Edited, changes: &[Change<'_>]) -> anyhow::Result<()> {
    let mut out = AutoStream::auto(io::stdout()).lock();
    let written_out;
    let old = match &target.source {
        Some(source) => {
            writeln!(out, "--- {name}\n+++ {name}")?;
            source.text()
        }
        None => {
            writeln!(out, "--- the built-in policy for {}\n+++ {name}", target.server)?;
            written_out = edit::written_out(&target.server);
            &written_out
        }
    };
    diff::write(&mut out, &printable(old), &printable(edited.source.text()))?;
    writeln!(out)?;
    if changes.is_empty() {
        writeln!(out, "No decision on a known tool changes.")?;
    } else {
        let rows: Vec<_> = changes.iter().map(Change::row).collect();
        Table::new(&["TOOL", "BEFORE", "AFTER", "RULE"], terminal_width()).write(&mut out, &rows)?;
    }
    Ok(out.flush()?)
}

/// A text as a terminal may show it: line by line, control characters as escapes.
fn printable(text: &str) -> String {
    let line = |line: &str| match line.strip_suffix('\n') {
        Some(line) => format!("{}\n", visible(line.trim_end_matches('\r'))),
        None => visible(line),
    };
    text.split_inclusive('\n').map(line).collect()
}

/// The policy before it was edited.
struct Before {
    policy: Policy,
    warnings: Vec<Diagnostic>,
}

impl Before {
    fn of(target: &Target) -> Self {
        let loaded = target.source.as_ref().map(|source| policy::load(source, &target.server));
        let (policy, warnings) = loaded.map_or((None, Vec::new()), |loaded| (loaded.policy, loaded.diagnostics));
        Self { policy: policy.unwrap_or_else(|| policy::builtin(&target.server)), warnings }
    }

    /// Whether this was to be said of it before.
    fn has(&self, warning: &Diagnostic) -> bool {
        self.warnings.iter().any(|own| own.code == warning.code && own.message == warning.message)
    }
}

/// Tells a person why nothing was edited.
fn tell(error: &CannotEdit) -> Exit {
    message::print_error(&error.to_string());
    let CannotEdit::Invalid { document, diagnostics, .. } = error else { return Exit::Failed };
    let rendered = policy::render(document, diagnostics, Colour::Styled);
    let _ = anstream::stderr().lock().write_all(format!("\n{rendered}").as_bytes());
    Exit::InvalidPolicy
}

/// Which file is meant. An exit code where none is, which has then been told.
fn target(args: &EditArgs, env: &Env) -> anyhow::Result<Result<Target, Exit>> {
    let settings = match super::settings_for(args.policy.as_deref(), env) {
        Ok(settings) => settings,
        Err(error) => return Ok(Err(report_exit(&error, error.exit()))),
    };
    let server = if args.server.is_some() || args.policy.is_some() || env.var(POLICY_VARIABLE).is_some() {
        super::server_for(args.server.as_deref(), args.policy.as_deref(), env)?
    } else {
        match only_server(&settings, env)? {
            Ok(server) => server,
            Err(exit) => return Ok(Err(exit)),
        }
    };
    let found = paths::find_policy(args.policy.as_deref(), &server, &settings, env);
    let read = found.and_then(|path| {
        let source = path.as_deref().map(paths::read_policy).transpose()?;
        let new =
            || paths::configuration_folder(env).map(|folder| folder.join("policies").join(format!("{server}.toml")));
        Ok((path.map_or_else(new, Ok)?, source))
    });
    Ok(match read {
        Ok((path, source)) => Ok(Target { server, path, source }),
        Err(error) => Err(report_exit(&error, error.exit())),
    })
}

/// The only server that has a policy file.
fn only_server(settings: &Settings, env: &Env) -> anyhow::Result<Result<ServerName, Exit>> {
    let servers = super::servers_with_policies(settings, env)?;
    let why = match servers.as_slice() {
        [only] => return Ok(Ok(only.clone())),
        [] => "No server has a policy file yet. Say which one is meant, as in --server iterable.".to_owned(),
        [first, ..] => {
            let names: Vec<_> = servers.iter().map(ServerName::as_str).collect();
            let names = names.join(", ");
            format!("Several servers have a policy: {names}. Say which one is meant, as in --server {first}.")
        }
    };
    message::print_error(&why);
    Ok(Err(Exit::Usage))
}
