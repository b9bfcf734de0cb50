//! `policylayer changes`: what another version of this program changes for a policy.

use std::io::{self, Write};

use super::output::print_report;
use super::{Env, servers_with_policies, tool_server};
use crate::cli::{ChangesArgs, Format};
use crate::exit::Exit;
use crate::paths;
use crate::report::update_changes::{UpdateChange, UpdateChanges};
use crate::term::style::effect_style;
use crate::term::table::{self, Cell};
use crate::visible::count_of;

/// Compares the decisions of both versions, under the policy of the named server or under every policy.
pub(crate) fn run(args: &ChangesArgs, env: &Env) -> anyhow::Result<Exit> {
    let servers = match &args.server {
        Some(server) => vec![server.clone()],
        None => {
            let settings = paths::load_settings(env)?;
            servers_with_policies(&settings, env)?.iter().map(ToString::to_string).collect()
        }
    };
    let mut reports = Vec::new();
    for server in servers {
        let place = tool_server::find_policy_place(None, Some(&server), None, env)?;
        let policy = tool_server::load_place(&place)?.policy;
        reports.push(UpdateChanges::find(&place, &policy, &args.with)?);
    }
    match (args.format, reports.as_slice()) {
        (Format::Json, [one]) => print_report(one, args.format, |_, _| Ok(()))?,
        (format, _) => print_report(&reports, format, |out, reports| {
            if reports.is_empty() {
                writeln!(out, "There is no policy file. Name a server: `policylayer changes SERVER --with FILE`.")?;
            }
            reports.iter().try_for_each(|report| write_changes(out, report))
        })?,
    }
    Ok(Exit::Ok)
}

fn write_changes(out: &mut dyn Write, report: &UpdateChanges) -> io::Result<()> {
    let UpdateChanges { server, version, other_version, tools, changes, .. } = report;
    let asked = count_of(*tools as u64, "known tool");
    if changes.is_empty() {
        return writeln!(out, "{server}: {other_version} decides about {asked} as {version} does.");
    }
    let differ = changes.len();
    writeln!(out, "{server}: of {asked}, {other_version} decides {differ} differently from {version}.")?;
    let cell = |effect: &str| Cell::styled(effect, effect_style(effect));
    let row = |change: &UpdateChange| {
        let UpdateChange { tool, before, after } = change;
        vec![Cell::new(tool), cell(&before.effect), cell(&after.effect), Cell::new(&after.rule)]
    };
    table::write_table(out, &["TOOL", "NOW", "THEN", "RULE"], &changes.iter().map(row).collect::<Vec<_>>())
}
