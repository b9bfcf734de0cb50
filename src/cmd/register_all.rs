//! `register --all` and `unregister --all`: every server in one plan, which is shown before anything is written.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;

use anstyle::Style;
use anyhow::Context as _;
use unicode_width::UnicodeWidthStr as _;

use super::count_of;
use super::output::{print, print_verbatim};
use super::register::show_outcome;
use super::status::{FileHeading, LONGEST_NAME, describe_policy, describe_unread};
use crate::cli::{All, Format};
use crate::clients::apply::apply_changes;
use crate::clients::key::visible_key;
use crate::clients::plan::AllPlan;
use crate::clients::select::Selection;
use crate::exit::Exit;
use crate::proxy::notification;
use crate::report::doctor::ServerState;
use crate::report::registration::{
    FileStatus, RegisteredFile, RegisteredServer, RegistrationReport, ServerAction, describe_writers,
};
use crate::report::to_json;
use crate::term::message;
use crate::term::prompt::Prompter;
use crate::term::style::{DIM, ERROR, SUCCESS, WARN};
use crate::term::table::cut_to_width;
use crate::term::wrap::{text_width, wrap_beside, wrap_text};
use crate::visible::escape_invisible;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Register,
    Unregister,
}

impl Direction {
    const fn subcommand(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Unregister => "unregister",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consent {
    Given,
    Refused,
    /// Nobody can be asked.
    Unknown,
}

/// Shows the plan, asks, writes the files and prints what came of each.
pub(super) fn run(
    mut plan: AllPlan<'_>,
    selection: &Selection<'_>,
    args: &All,
    direction: Direction,
) -> anyhow::Result<Exit> {
    selection.warnings.borrow().iter().for_each(|warning| message::print_warning(warning));
    let mut report = RegistrationReport::new(&mut plan, selection);
    let format = args.format.unwrap_or(Format::Text);
    let (servers, files) = report.count_changes();
    let changes = format!("{} in {}", count_of(servers as u64, "server"), count_of(files as u64, "file"));
    if format == Format::Text {
        print(|out| PlanScreen::new(&report, selection).write(out, direction, &changes))?;
    }
    if format == Format::Text && servers > 0 {
        let writers = describe_writers(plan.changes().map(|change| change.file));
        writers.map_or(Ok(()), |writers| print(|out| writeln!(out, "{writers}")))?;
    }
    let consent = match (servers, selection.dry_run) {
        (0, _) | (_, true) => None,
        _ if args.yes => Some(Consent::Given),
        _ if format == Format::Json => Some(Consent::Unknown),
        _ => Some(ask_consent(direction, &changes, selection)?),
    };
    if consent == Some(Consent::Given) {
        report.applied = true;
        write_files(&plan, selection, &mut report, format)?;
        if direction == Direction::Register {
            notification::register_name(selection.env);
        }
    } else if selection.dry_run && format == Format::Text {
        for (changes, result) in apply_changes(selection, plan.changes()) {
            print(|out| result.map_or(Ok(()), |result| show_outcome(out, &changes, &result)))?;
        }
    }
    if format == Format::Json {
        print_verbatim(&to_json(&report)?)?;
    }
    Ok(match consent {
        Some(Consent::Unknown) => {
            message::print_error(&format!(
                "Nothing was changed, because nobody can be asked here.\nwhat to do: to make these changes, run \
                 `policylayer {} --all --yes` with the same options",
                direction.subcommand()
            ));
            Exit::Usage
        }
        Some(Consent::Refused) => {
            message::print_note("Nothing was changed.");
            Exit::Failed
        }
        _ if report.has_failed() => Exit::Failed,
        _ => Exit::Ok,
    })
}

fn ask_consent(direction: Direction, changes: &str, selection: &Selection<'_>) -> anyhow::Result<Consent> {
    if !selection.env.asks_on_terminal() || !io::stdout().is_terminal() {
        return Ok(Consent::Unknown);
    }
    let cannot = "The terminal cannot be used. Nothing was changed; --yes does not ask";
    let (yes, no) = (format!("yes, change {changes}"), "no, change nothing".to_owned());
    // What takes protection away is not the first choice.
    let (items, yes_at) = if direction == Direction::Register { ([yes, no], 0) } else { ([no, yes], 1) };
    let chosen = Prompter::new().context(cannot)?.select_item("Make these changes", &items).context(cannot)?;
    Ok(if chosen == Some(yes_at) { Consent::Given } else { Consent::Refused })
}

/// Writes one file after the other, and says of each at once what came of it.
fn write_files(
    plan: &AllPlan<'_>,
    selection: &Selection<'_>,
    report: &mut RegistrationReport,
    format: Format,
) -> anyhow::Result<()> {
    let (mut written, mut failed, mut clients) = (0, 0, BTreeSet::new());
    // Whoever stops reading what is said does not stop the changes halfway.
    let mut said = Ok(());
    for outcome in apply_changes(selection, plan.changes()) {
        report.record_outcome(&outcome);
        let (changes, result) = outcome;
        match result {
            Ok(result) => {
                written += 1;
                clients.extend(changes.iter().map(|change| change.file.row.name));
                if format == Format::Text {
                    let file = changes.first().map(|change| change.file.display_name()).unwrap_or_default();
                    let backup = result.backup().map(|backup| format!("\n  The old file is kept as {backup}"));
                    let backup = backup.unwrap_or_default();
                    said = said.and_then(|()| print(|out| writeln!(out, "{SUCCESS}Changed{SUCCESS:#} {file}{backup}")));
                }
            }
            Err(error) => {
                failed += 1;
                message::print_error(&error.to_string());
            }
        }
    }
    if failed > 0 {
        message::print_warning(&format!(
            "{} could not be changed; {} changed, and {} so. Fix the cause and run the same command again: it changes \
             only what is left.",
            count_of(failed, "file"),
            if written == 1 { "1 file was".to_owned() } else { format!("{written} files were") },
            if written == 1 { "stays" } else { "stay" },
        ));
    }
    said?;
    if format == Format::Json || written == 0 {
        return Ok(());
    }
    print(|out| {
        let clients: Vec<_> = clients.into_iter().collect();
        out.write_all(
            wrap_text(&format!("Restart {} for this to take effect.", clients.join(", ")), 0, text_width()).as_bytes(),
        )?;
        match report.undo.as_slice() {
            [] => Ok(()),
            [one] => writeln!(out, "To undo it: {}", escape_invisible(one)),
            several => {
                writeln!(out, "To undo it:")?;
                several.iter().try_for_each(|command| writeln!(out, "  {}", escape_invisible(command)))
            }
        }
    })
}

struct PlanScreen<'s> {
    report: &'s RegistrationReport,
    home: Option<&'s Path>,
    width: usize,
    /// The width of the column of names.
    names: usize,
}

/// The longest label of an action.
const ACTION: usize = "out of reach".len();

impl<'s> PlanScreen<'s> {
    fn new(report: &'s RegistrationReport, selection: &'s Selection<'_>) -> Self {
        let servers = report.files.iter().flat_map(|file| &file.servers);
        let names = servers.map(|server| visible_key(&server.name).width()).max().unwrap_or_default();
        Self { report, home: selection.env.home(), width: text_width(), names: names.min(LONGEST_NAME) }
    }

    fn write(&self, out: &mut dyn Write, direction: Direction, changes: &str) -> io::Result<()> {
        for file in &self.report.files {
            self.write_file(out, file)?;
            writeln!(out)?;
        }
        let is_some = self.report.files.iter().any(|file| !file.servers.is_empty());
        let is_unread = self.report.files.iter().any(|file| file.result == FileStatus::Failed);
        let summary = match (self.report.count_changes(), direction) {
            ((1.., _), _) => format!("{changes} to change."),
            _ if is_unread => "There is nothing to change in the files that can be read.".to_owned(),
            (_, Direction::Register) if is_some => "There is nothing to change.".to_owned(),
            (_, Direction::Register) => {
                "No MCP client here has a server. `policylayer clients` says where it looks.".to_owned()
            }
            (_, Direction::Unregister) => "No server is behind a policy: there is nothing to change.".to_owned(),
        };
        out.write_all(wrap_text(&summary, 0, self.width).as_bytes())
    }

    fn write_file(&self, out: &mut dyn Write, file: &RegisteredFile) -> io::Result<()> {
        let RegisteredFile { client: id, name, scope, folder, file: path, .. } = file;
        let heading = FileHeading { id, name, scope, folder: folder.as_deref(), file: path };
        heading.write(out, self.home, self.width)?;
        if let Some(error) = file.error.as_ref().filter(|_| file.result == FileStatus::Failed) {
            let text = describe_unread(error);
            let lead = format!("  {ERROR}left alone{ERROR:#}  ");
            return out.write_all(wrap_beside(&lead, 14, &[text], self.width).as_bytes());
        }
        file.servers.iter().try_for_each(|server| self.write_server(out, server))
    }

    fn write_server(&self, out: &mut dyn Write, server: &RegisteredServer) -> io::Result<()> {
        let name = cut_to_width(&visible_key(&server.name), self.names);
        let (label, style) = action_label(server.action);
        let padding = " ".repeat(self.names - name.width());
        let lead = format!("  {name}{padding}  {style}{label}{style:#}{}  ", " ".repeat(ACTION - label.len()));
        let indent = self.names + ACTION + 6;
        let mut lines: Vec<String> = server.reason.iter().map(|reason| escape_invisible(reason)).collect();
        let is_behind = matches!(server.state, ServerState::Protected | ServerState::Observed);
        if server.is_changed() && is_behind {
            let room = self.width.saturating_sub(indent);
            lines.push(describe_policy(server.policy.as_deref(), server.tools.as_ref(), self.home, room));
        }
        if server.is_changed() {
            lines.push(format!("starts {}", escape_invisible(&server.command.join(" "))));
        }
        lines.extend(server.notes.iter().map(|note| escape_invisible(note)));
        if server.disabled {
            lines.push("its client is told not to start it".to_owned());
        }
        out.write_all(wrap_beside(&lead, indent, &lines, self.width).as_bytes())
    }
}

fn action_label(action: ServerAction) -> (&'static str, Style) {
    match action {
        ServerAction::Protect => ("protect", SUCCESS),
        ServerAction::Observe => ("observe", SUCCESS),
        ServerAction::Enforce => ("enforce", SUCCESS),
        ServerAction::UpdatePath => ("update path", SUCCESS),
        ServerAction::Unprotect => ("unprotect", WARN),
        ServerAction::Nothing => ("as it is", DIM),
        ServerAction::OutOfReach => ("out of reach", WARN),
        ServerAction::LeftAlone => ("left alone", ERROR),
    }
}
