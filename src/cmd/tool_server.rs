//! Which server a tool is of, and which tool may have been meant, where a person has named the tool alone.

use std::path::Path;

use super::{Env, server_of_file};
use crate::paths::{self, POLICY_VARIABLE};
use crate::policy::{BadServerName, ServerName};
use crate::risk::Catalogue;
use crate::term::message::print_error;
use crate::visible::visible;

/// The server of the built-in catalogue.
pub(super) const KNOWN: &str = "iterable";

/// The server that has the tool: the one that is named, else the one that the policy file is named after, else the only one
/// with a policy, else the one whose catalogue has the tool. `None` where it is unclear, which has then been told.
pub(super) fn find(
    tool: &str,
    named: Option<&str>,
    file: Option<&Path>,
    env: &Env,
) -> Result<Option<ServerName>, BadServerName> {
    if let Some(name) = named {
        return ServerName::parse(name).map(Some);
    }
    if let Some(file) = file.or_else(|| env.var(POLICY_VARIABLE).map(Path::new)) {
        return Ok(Some(server_of_file(file).unwrap_or_else(ServerName::unknown)));
    }
    // Where the folder cannot be read, the policy in force says so.
    let listed = paths::list_policies(env).map(|listing| listing.servers).unwrap_or_default();
    match listed.as_slice() {
        [only] => return Ok(Some(only.clone())),
        _ if catalogue_has(tool) => return ServerName::parse(KNOWN).map(Some),
        _ => {}
    }
    let near = nearest(tool, Catalogue::of(KNOWN));
    let meant = if near.is_empty() { String::new() } else { format!("Did you mean {} of {KNOWN}? ", near.join(", ")) };
    print_error(&format!(
        "It is unclear which server has the tool {}. {meant}Name the server with --server NAME, or the policy that is for \
         it with --policy FILE.",
        visible(tool)
    ));
    Ok(None)
}

pub(super) fn catalogue_has(tool: &str) -> bool {
    Catalogue::of(KNOWN).is_some_and(|catalogue| catalogue.tool(tool).is_some())
}

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
