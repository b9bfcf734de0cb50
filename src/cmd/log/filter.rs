//! Which lines of the log are meant.

use jiff::{Timestamp, Zoned};

use crate::cli::Filters;
use crate::policy::{BadServerName, ServerName};
use crate::record::{About, LogLine};

/// The filters of the command line, made ready.
#[derive(Debug)]
pub(super) struct Filter<'f> {
    filters: &'f Filters,
    server: Option<ServerName>,
    since: Option<Timestamp>,
}

impl<'f> Filter<'f> {
    /// What `filters` mean `now`.
    pub(super) fn new(filters: &'f Filters, now: &Zoned) -> Result<Self, BadServerName> {
        let server = filters.server.as_deref().map(ServerName::parse).transpose()?;
        Ok(Self { filters, server, since: filters.since.map(|since| since.moment(now)) })
    }

    /// The server that is meant; `None` for all.
    pub(super) fn server(&self) -> Option<&ServerName> {
        self.server.as_ref()
    }

    /// Whether a line is meant. What happened to the log itself belongs to no tool.
    pub(super) fn takes(&self, line: &LogLine<'_>) -> bool {
        let Filters { tool, effect, outcome, session, .. } = self.filters;
        let is_meant = self.since.is_none_or(|since| line.time >= since)
            && session.as_ref().is_none_or(|session| line.session.starts_with(session.as_str()));
        let fits = |wanted: &Option<String>, word: &str| wanted.as_ref().is_none_or(|wanted| wanted == word);
        is_meant
            && match &line.about {
                About::Event(_) => tool.is_none() && effect.is_none() && outcome.is_none(),
                About::Decision(record) => {
                    fits(effect, &record.effect)
                        && fits(outcome, record.outcome.as_str())
                        && tool.as_ref().is_none_or(|glob| record.tool.as_ref().is_some_and(|tool| glob.matches(tool)))
                }
            }
    }
}
