//! `policylayer check`: every error and warning of a policy with its place, and what the policy does.

use std::io::Write;

use anstream::AutoStream;
use serde::Serialize;

use super::{Env, server_for};
use crate::cli::{CheckArgs, Format};
use crate::exit::Exit;
use crate::paths;
use crate::policy::{self, Colour, Diagnostic, Policy, ServerName, Severity, Source, Tally};

/// Checks the named file, or the policy in force for the server.
///
/// # Errors
/// Where the server's name is none, or the policy file cannot be read; not where the policy is invalid, which is what
/// [`Exit::InvalidPolicy`] says.
pub fn run(args: &CheckArgs, env: &Env) -> anyhow::Result<Exit> {
    let server = server_for(args.server.as_deref(), args.file.as_deref(), env)?;
    let checked = match paths::find_policy(args.file.as_deref(), &server, env)? {
        Some(path) => Checked::document(paths::read_policy(&path)?, &server),
        None => {
            Checked { server: &server, source: None, policy: Some(policy::builtin(&server)), diagnostics: Vec::new() }
        }
    };
    let mut out = AutoStream::auto(std::io::stdout()).lock();
    match args.format {
        Format::Text => out.write_all(checked.text().as_bytes())?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &checked.json())?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    Ok(if checked.policy.is_some() { Exit::Ok } else { Exit::InvalidPolicy })
}

/// A policy with all that there is to say about it.
struct Checked<'s> {
    server: &'s ServerName,
    source: Option<Source>,
    policy: Option<Policy>,
    diagnostics: Vec<Diagnostic>,
}

impl<'s> Checked<'s> {
    fn document(source: Source, server: &'s ServerName) -> Self {
        let loaded = policy::load(&source, server);
        Self { server, source: Some(source), policy: loaded.policy, diagnostics: loaded.diagnostics }
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
            let errors = plural(self.count(Severity::Error), "error");
            let warnings = plural(self.count(Severity::Warning), "warning");
            let verdict = if self.policy.is_some() { "valid" } else { "invalid, and refused as a whole" };
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
            server: self.server.as_str(),
            valid: self.policy.is_some(),
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

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// What `--format json` prints. Fields are added to it and never taken away.
#[derive(Serialize)]
struct Json<'c> {
    file: Option<&'c str>,
    server: &'c str,
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
    refused: usize,
    hidden: usize,
}

impl From<Tally> for JsonTools {
    fn from(tally: Tally) -> Self {
        Self { known: tally.known, allowed: tally.allowed, refused: tally.refused, hidden: tally.hidden }
    }
}
