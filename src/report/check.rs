//! What is wrong with a policy or with config.toml, and what the policy does.

use std::path::Path;

use serde::Serialize;

use super::client_limits::warn_of_approvals;
use crate::env::Env;
use crate::paths::{self, PolicyError};
use crate::policy::{
    self, Colour, Diagnostic, Effect, Format, Mode, Policy, Section, SectionTally, Server, Severity, Source, Summary,
    Tally,
};
use crate::record::Digest;
use crate::settings::{self, Settings};

/// The diagnostics of one file, or of a built-in policy.
#[derive(Debug, Serialize)]
pub(crate) struct CheckReport {
    /// The file; `null` for a built-in policy.
    pub(crate) file: Option<String>,
    /// The server that the policy is for; `null` for config.toml.
    pub(crate) server: Option<String>,
    /// Whether there is no error.
    pub(crate) valid: bool,
    /// What is in force; `null` for config.toml and for an invalid policy.
    pub(crate) mode: Option<Mode>,
    /// The built-in policy that it stands on; only of a policy that is laid over it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) builtin: Option<BuiltinVersion>,
    /// The number of errors.
    pub(crate) errors: usize,
    /// The number of warnings.
    pub(crate) warnings: usize,
    /// The errors and warnings, in the order of their places.
    pub(crate) diagnostics: Vec<PlacedDiagnostic>,
    /// What the policy does with the server's known tools; `null` if the server has no catalogue.
    pub(crate) tools: Option<Tally>,
    /// What the policy says beside tool calls; `null` for config.toml and for an invalid policy.
    pub(crate) sections: Option<[SectionTally; 4]>,
    /// What it does to results, in words; left out if it has no rules for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) results: Option<String>,
    /// The source, and the diagnostics in it, for [`CheckReport::render_within`].
    #[serde(skip)]
    to_render: Option<(Source, Vec<Diagnostic>)>,
    /// What the policy does, in two sentences.
    #[serde(skip)]
    pub(crate) summary: Option<String>,
}

/// Which built-in policy a policy stands on.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BuiltinVersion {
    /// The version of policylayer.
    pub(crate) version: &'static str,
    /// The SHA-256 of its text.
    pub(crate) sha256: String,
}

impl BuiltinVersion {
    fn under(policy: &Policy) -> Option<Self> {
        let is_over = policy.mode() == Mode::Patch && policy.otherwise() != Effect::Allow;
        let sha256 = || Digest::of_text(policy::builtin_text(policy.identity()).as_bytes()).to_string();
        is_over.then(|| Self { version: env!("CARGO_PKG_VERSION"), sha256: sha256() })
    }
}

/// An error or a warning, and where it is: lines and columns count from 1, columns in characters.
#[derive(Debug, Serialize)]
pub(crate) struct PlacedDiagnostic {
    /// Whether it is an error or a warning.
    severity: Severity,
    /// Its code, such as `unknown-key`.
    code: &'static str,
    /// What is wrong.
    message: String,
    /// The line where it starts.
    line: usize,
    /// The column where it starts.
    column: usize,
    /// The line where it ends.
    end_line: usize,
    /// The column after its last character.
    end_column: usize,
    /// What to do.
    hint: Option<String>,
}

impl PlacedDiagnostic {
    fn new(source: &Source, Diagnostic { severity, code, message, span, hint }: Diagnostic) -> Self {
        let (start, end) = (source.place_of(span.start), source.place_of(span.end));
        let (line, column, end_line, end_column) = (start.line, start.column, end.line, end.column);
        Self { severity, code, message, line, column, end_line, end_column, hint }
    }
}

impl CheckReport {
    pub(crate) fn check_policy(
        named: Option<&Path>,
        server: &Server,
        settings: &Settings,
        env: &Env,
    ) -> Result<Self, PolicyError> {
        let name = Some(server.to_string());
        let Some(path) = paths::find_policy(named, server.name(), settings, env)? else {
            return Ok(Self::new(name, None, Vec::new(), Some(&policy::builtin_policy(server))));
        };
        let source = paths::read_policy(&path)?;
        let mut loaded = policy::load_policy(&source, server);
        if loaded.policy.is_some() {
            loaded.diagnostics.extend(warn_of_approvals(&source, settings));
        }
        Ok(Self::new(name, Some(&source), loaded.diagnostics, loaded.policy.as_ref()))
    }

    /// Adds what a command has to start, for a server whose name is all that is known: a name brings no built-in policy.
    #[must_use]
    pub(crate) fn by_name_alone(mut self, server: &Server) -> Self {
        if self.mode == Some(Mode::Builtin)
            && let Some(known) = server.catalogue()
        {
            let policy = policy::builtin_policy(server);
            self.summary = Some(Summary { package: Some(known.package), ..policy.summarize() }.to_string());
        }
        self
    }

    /// Checks config.toml, and returns the settings if it is valid.
    pub(crate) fn check_settings(source: &Source) -> (Self, Option<Settings>) {
        let loaded = settings::load_settings(source);
        (Self::new(None, Some(source), loaded.diagnostics, None), loaded.settings)
    }

    pub(crate) fn report_unreadable(file: Option<String>, server: Option<String>, message: String) -> Self {
        let nothing = Source::new("", Format::Json, "");
        let error = Diagnostic::error("unreadable", 0..0, message);
        Self { file, ..Self::new(server, Some(&nothing), vec![error], None) }
    }

    /// Renders the diagnostics for a terminal of this width.
    pub(crate) fn render_within(&self, width: usize) -> String {
        self.to_render.as_ref().map_or_else(String::new, |(source, diagnostics)| {
            policy::render_diagnostics_within(source, diagnostics, Colour::Styled, width)
        })
    }

    fn new(
        server: Option<String>,
        source: Option<&Source>,
        diagnostics: Vec<Diagnostic>,
        policy: Option<&Policy>,
    ) -> Self {
        let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
        let warnings = diagnostics.len() - errors;
        let to_render = source.map(|source| (source.clone(), diagnostics.clone()));
        let summary = policy.map(Policy::summarize);
        Self {
            file: source.map(|source| source.name().to_owned()),
            server,
            valid: errors == 0,
            mode: summary.map(|summary| summary.mode),
            builtin: policy.and_then(BuiltinVersion::under),
            errors,
            warnings,
            diagnostics: source.map_or_else(Vec::new, |source| {
                diagnostics.into_iter().map(|diagnostic| PlacedDiagnostic::new(source, diagnostic)).collect()
            }),
            tools: summary.and_then(|summary| summary.tools),
            sections: policy.map(|policy| Section::ALL.map(|section| policy.tally_section(section))),
            results: policy.and_then(Policy::describe_results),
            to_render,
            summary: summary.map(|summary| summary.to_string()),
        }
    }
}
