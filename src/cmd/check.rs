//! `policylayer check`: every error and warning of a policy with its place, and what the policy does. Of config.toml too,
//! where that is not valid or nothing is named.

use std::io::Write;
use std::path::Path;

use anstream::AutoStream;
use serde::Serialize;

use super::{Env, plural, server_for};
use crate::cli::{CheckArgs, Format};
use crate::exit::Exit;
use crate::paths::{self, PolicyError, SettingsError};
use crate::policy::{self, Colour, Diagnostic, Policy, ServerName, Severity, Source, Tally};
use crate::settings::{self, Settings};
use crate::visible::visible;

/// Checks the named file, or the policy in force for the server; where neither is named, config.toml and every policy in
/// the configuration folder.
///
/// # Errors
/// Where the server's name is none, or a file cannot be read; not where a policy or config.toml is invalid, which is
/// what [`Exit::InvalidPolicy`] says.
pub fn run(args: &CheckArgs, env: &Env) -> anyhow::Result<Exit> {
    match check(args, env) {
        // Who reads JSON reads it here as well.
        Err(error) if args.format == Format::Json && is_unreadable(&error) => {
            let mut out = AutoStream::auto(std::io::stdout()).lock();
            serde_json::to_writer_pretty(&mut out, &Unreadable::new(args, &error))?;
            out.write_all(b"\n")?;
            Ok(Exit::Failed)
        }
        result => result,
    }
}

fn is_unreadable(error: &anyhow::Error) -> bool {
    error.is::<PolicyError>() || error.is::<SettingsError>()
}

fn check(args: &CheckArgs, env: &Env) -> anyhow::Result<Exit> {
    let all = checked(args, env)?;
    let mut out = AutoStream::auto(std::io::stdout()).lock();
    match args.format {
        Format::Text => {
            let texts: Vec<_> = all.iter().map(Checked::text).collect();
            out.write_all(texts.join("\n").as_bytes())?;
            if !all.iter().any(Checked::is_of_a_server) && all.iter().all(Checked::is_valid) {
                let folder = paths::configuration_folder(env)?.join("policies");
                writeln!(
                    out,
                    "There is no policy in {}, so the built-in ones are in force.\n`policylayer check --server iterable` \
                     says what the one for a server does.",
                    visible(&folder.display().to_string())
                )?;
            }
        }
        Format::Json => {
            match all.as_slice() {
                [one] => serde_json::to_writer_pretty(&mut out, &one.json())?,
                several => {
                    let several: Vec<_> = several.iter().map(Checked::json).collect();
                    serde_json::to_writer_pretty(&mut out, &several)?;
                }
            }
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    Ok(if all.iter().all(Checked::is_valid) { Exit::Ok } else { Exit::InvalidPolicy })
}

fn checked(args: &CheckArgs, env: &Env) -> anyhow::Result<Vec<Checked>> {
    let mut all = Vec::new();
    let mut settings = Settings::default();
    // A file that is named on the command line is judged without them.
    if args.file.is_none()
        && let Some(source) = paths::read_settings(env)?
    {
        let (checked, loaded) = Checked::settings(source);
        // Where the policies are is not known then, and no wrapper would start.
        let Some(loaded) = loaded else { return Ok(vec![checked]) };
        settings = loaded;
        if args.server.is_none() {
            all.push(checked);
        }
    }
    if args.file.is_none() && args.server.is_none() && env.var(paths::POLICY_VARIABLE).is_none() {
        for server in super::servers_with_policies(&settings, env)? {
            all.push(Checked::in_force(None, server, &settings, env)?);
        }
    } else {
        let server = server_for(args.server.as_deref(), args.file.as_deref(), env)?;
        all.push(Checked::in_force(args.file.as_deref(), server, &settings, env)?);
    }
    Ok(all)
}

/// A policy, or config.toml, with all that there is to say about it.
struct Checked {
    /// The server that the policy is for; `None` for config.toml.
    server: Option<ServerName>,
    source: Option<Source>,
    policy: Option<Policy>,
    diagnostics: Vec<Diagnostic>,
}

impl Checked {
    fn in_force(named: Option<&Path>, server: ServerName, settings: &Settings, env: &Env) -> anyhow::Result<Self> {
        let Some(path) = paths::find_policy(named, &server, settings, env)? else {
            let policy = Some(policy::builtin(&server));
            return Ok(Self { server: Some(server), source: None, policy, diagnostics: Vec::new() });
        };
        let source = paths::read_policy(&path)?;
        let loaded = policy::load(&source, &server);
        Ok(Self { server: Some(server), source: Some(source), policy: loaded.policy, diagnostics: loaded.diagnostics })
    }

    /// What there is to say about config.toml, and the settings where it is valid.
    fn settings(source: Source) -> (Self, Option<Settings>) {
        let loaded = settings::load(&source);
        let checked = Self { server: None, source: Some(source), policy: None, diagnostics: loaded.diagnostics };
        (checked, loaded.settings)
    }

    fn is_of_a_server(&self) -> bool {
        self.server.is_some()
    }

    fn is_valid(&self) -> bool {
        self.count(Severity::Error) == 0
    }

    fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    /// The diagnostics and two lines of summary. Colours are taken out again by a writer that is no terminal.
    fn text(&self) -> String {
        let mut out = String::new();
        if let Some(source) = &self.source {
            out = policy::render(source, &self.diagnostics, Colour::Styled);
            if !out.is_empty() {
                out.push('\n');
            }
            let errors = plural(self.count(Severity::Error) as u64, "error");
            let warnings = plural(self.count(Severity::Warning) as u64, "warning");
            let verdict = if self.is_valid() { "valid" } else { "invalid, and refused as a whole" };
            out.push_str(&format!("{}: {verdict} ({errors}, {warnings})\n", source.name()));
        }
        if let Some(policy) = &self.policy {
            out.push_str(&format!("{}\n", policy.summary()));
        }
        out
    }

    fn json(&self) -> Json<'_> {
        let summary = self.policy.as_ref().map(Policy::summary);
        Json {
            file: self.source.as_ref().map(Source::name),
            server: self.server.as_ref().map(ServerName::as_str),
            valid: self.is_valid(),
            mode: summary.as_ref().map(|summary| summary.mode.as_str()),
            errors: self.count(Severity::Error),
            warnings: self.count(Severity::Warning),
            diagnostics: self
                .source
                .iter()
                .flat_map(|source| self.diagnostics.iter().map(|one| JsonDiagnostic::new(source, one)))
                .collect(),
            tools: summary.and_then(|summary| summary.tools).map(JsonTools::from),
        }
    }
}

/// What `--format json` prints of a policy or a config.toml that cannot be read.
#[derive(Serialize)]
struct Unreadable {
    file: Option<String>,
    server: Option<String>,
    valid: bool,
    errors: usize,
    warnings: usize,
    diagnostics: [UnreadableDiagnostic; 1],
}

#[derive(Serialize)]
struct UnreadableDiagnostic {
    severity: &'static str,
    code: &'static str,
    message: String,
    line: usize,
    column: usize,
}

impl Unreadable {
    fn new(args: &CheckArgs, error: &anyhow::Error) -> Self {
        let message = format!("{error:#}");
        Self {
            file: args.file.as_ref().map(|file| visible(&file.display().to_string())),
            server: args.server.clone(),
            valid: false,
            errors: 1,
            warnings: 0,
            diagnostics: [UnreadableDiagnostic { severity: "error", code: "unreadable", message, line: 1, column: 1 }],
        }
    }
}

/// What `--format json` prints. Fields are added to it and never taken away.
#[derive(Serialize)]
struct Json<'c> {
    file: Option<&'c str>,
    /// `null` for config.toml.
    server: Option<&'c str>,
    valid: bool,
    mode: Option<&'static str>,
    errors: usize,
    warnings: usize,
    diagnostics: Vec<JsonDiagnostic<'c>>,
    tools: Option<JsonTools>,
}

#[derive(Serialize)]
struct JsonDiagnostic<'c> {
    severity: &'static str,
    code: &'static str,
    message: &'c str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    hint: Option<&'c str>,
}

impl<'c> JsonDiagnostic<'c> {
    fn new(source: &Source, diagnostic: &'c Diagnostic) -> Self {
        let (start, end) = (source.place(diagnostic.span.start), source.place(diagnostic.span.end));
        Self {
            severity: diagnostic.severity.as_str(),
            code: diagnostic.code,
            message: &diagnostic.message,
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            hint: diagnostic.hint.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct JsonTools {
    known: usize,
    allowed: usize,
    asking: usize,
    refused: usize,
    hidden: usize,
}

impl From<Tally> for JsonTools {
    fn from(tally: Tally) -> Self {
        let Tally { known, allowed, asking, refused, hidden } = tally;
        Self { known, allowed, asking, refused, hidden }
    }
}
