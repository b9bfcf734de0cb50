//! Where a value came from, in words: for the agent, the person who is asked, and the log.

use std::time::Duration;

use crate::limits::MAX_QUOTED;
use crate::policy::Sighting;
use crate::visible::{escape_invisible, shorten};

/// Whether the words name what was read, such as a file, beside the tool that read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SourceDetail {
    Named,
    /// In the log, which outlives the session.
    LeftOut,
}

/// Describes where values came from: "`iban` first appeared in files/read_file bill.txt, 40 seconds ago". Empty if there are
/// none. The values themselves are not in it.
pub(super) fn describe_origins(sightings: &[Sighting], detail: SourceDetail, unix: Duration) -> String {
    let describe = |sighting: &Sighting| {
        let Sighting { place, origin, is_first } = sighting;
        let source = match origin {
            Ok(source) => source,
            Err(why) => return format!("it cannot be told where `{place}` came from: {why}"),
        };
        let shown = |text: &str| escape_invisible(&shorten(text, MAX_QUOTED));
        let named = source.detail.as_deref().filter(|_| detail == SourceDetail::Named);
        let named = named.map_or_else(String::new, |named| format!(" {}", shown(named)));
        let first = if *is_first { "first " } else { "" };
        let age = describe_age(unix.saturating_sub(source.at));
        format!("`{place}` {first}appeared in {}/{}{named}, {age}", shown(&source.server), shown(&source.tool))
    };
    sightings.iter().map(describe).collect::<Vec<_>>().join("; ")
}

/// Returns what the log keeps of it; `None` if there are no such values.
pub(super) fn log_origins(sightings: &[Sighting], unix: Duration) -> Option<String> {
    Some(describe_origins(sightings, SourceDetail::LeftOut, unix)).filter(|words| !words.is_empty())
}

/// Adds such words to a reason, as a sentence of its own.
pub(super) fn add_origins(reason: &str, words: &str) -> String {
    let mut chars = words.chars();
    let Some(first) = chars.next() else { return reason.to_owned() };
    let stop = if reason.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{reason}{stop} {}{}.", first.to_uppercase(), chars.as_str())
}

fn describe_age(age: Duration) -> String {
    match age.as_secs() {
        0 => "just now".to_owned(),
        seconds @ 0..=119 => format!("{seconds} s ago"),
        seconds @ 120..=7199 => format!("{} minutes ago", seconds / 60),
        seconds => format!("{} hours ago", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::provenance::{Source, Unknown};

    #[test]
    fn the_words_name_the_place_and_the_result() {
        let source = |tool: &str, detail: Option<&str>| Source {
            server: "files".to_owned(),
            tool: tool.to_owned(),
            detail: detail.map(str::to_owned),
            at: Duration::from_secs(1000),
            ..Source::default()
        };
        let sighting = |place: &str, origin, is_first| Sighting { place: place.to_owned(), origin, is_first };
        let read = Arc::new(source("read_file", Some("bill.txt\u{202e}")));
        for (origin, is_first, detail, after, words) in [
            (
                Ok(Arc::clone(&read)),
                true,
                SourceDetail::Named,
                40,
                "`iban` first appeared in files/read_file bill.txt\\u{202e}, 40 s ago",
            ),
            (
                Ok(Arc::clone(&read)),
                true,
                SourceDetail::LeftOut,
                40,
                "`iban` first appeared in files/read_file, 40 s ago",
            ),
            (
                Ok(Arc::clone(&read)),
                false,
                SourceDetail::LeftOut,
                120,
                "`iban` appeared in files/read_file, 2 minutes ago",
            ),
            (
                Ok(Arc::new(source("search", None))),
                true,
                SourceDetail::Named,
                7200,
                "`iban` first appeared in files/search, 2 hours ago",
            ),
            (
                Err(Unknown::Full),
                false,
                SourceDetail::Named,
                0,
                "it cannot be told where `iban` came from: the session has read more than can be remembered",
            ),
        ] {
            let text =
                describe_origins(&[sighting("iban", origin, is_first)], detail, Duration::from_secs(1000 + after));
            assert_eq!(text, words);
        }
        assert_eq!(describe_origins(&[], SourceDetail::Named, Duration::ZERO), "");
    }
}
