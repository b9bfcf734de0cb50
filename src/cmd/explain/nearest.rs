//! The tools that a person may have meant.

use crate::risk::Catalogue;

/// How many are named.
const MOST: usize = 3;

/// How alike two names have to be, of 1.
const ALIKE: f64 = 0.7;

/// The tools of the catalogue with a name like this one, the most alike first.
pub(super) fn nearest(written: &str, catalogue: Option<&'static Catalogue>) -> Vec<&'static str> {
    let written = written.to_ascii_lowercase().replace(['-', ' '], "_");
    let names = catalogue.map(Catalogue::tools).unwrap_or_default().iter().map(|tool| tool.name.as_str());
    let alike = |name: &'static str| {
        let is_part = written.len() >= 4 && name.contains(written.as_str());
        let alike = strsim::normalized_damerau_levenshtein(&written, name);
        (alike >= ALIKE || is_part).then_some((alike, name))
    };
    let mut found: Vec<_> = names.filter_map(alike).collect();
    found.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(other.1)));
    found.into_iter().take(MOST).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_and_half_a_name_are_understood() {
        for (written, expected) in [
            ("cancel_export_jobs", &["cancel_export_job"][..]),
            ("cancel-export-job", &["cancel_export_job"]),
            ("export_files", &["get_export_files"]),
            ("DELETE_LIST", &["delete_list"]),
            ("webhook", &["get_webhooks", "update_webhook"]),
            ("frobnicate", &[]),
            ("", &[]),
        ] {
            let found = nearest(written, Catalogue::of("iterable"));
            assert!(
                found.starts_with(&expected[..expected.len().min(1)]) && found.len() <= MOST,
                "{written}: {found:?}"
            );
            assert!(expected.iter().all(|name| found.contains(name)), "{written}: {found:?}");
            assert_eq!(found.is_empty(), expected.is_empty(), "{written}: {found:?}");
        }
        assert!(nearest("delete_list", None).is_empty());
    }
}
