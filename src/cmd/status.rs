//! `policylayer status`: every client, every server, and what to do next.

use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

use super::clients::state_label;
use super::output::{print, print_report};
use super::{Env, count_of};
use crate::cli::StatusArgs;
use crate::clients::key::visible_key;
use crate::exit::Exit;
use crate::policy::{Tally, ToolsTally};
use crate::report::doctor::{LockState, ServerState};
use crate::report::status::{ClientStatus, ServerStatus, StateCounts, StatusReport};
use crate::term::path::shorten_path;
use crate::term::style::{DIM, ERROR};
use crate::term::table::cut_to_width;
use crate::term::wrap::{text_width, wrap_beside, wrap_text};
use crate::visible::escape_invisible;

pub(crate) fn run(args: &StatusArgs, env: &Env) -> anyhow::Result<Exit> {
    let report = StatusReport::collect(env, SystemTime::now());
    print_report(&report, args.format, |out, report| Screen::new(report, env).write(out))?;
    Ok(Exit::Ok)
}

/// Prints the status, and below it `help`.
pub(crate) fn run_bare(help: &str, env: &Env) -> anyhow::Result<Exit> {
    let report = StatusReport::collect(env, SystemTime::now());
    print(|out| {
        Screen::new(&report, env).write(out)?;
        write!(out, "\n{help}")
    })?;
    Ok(Exit::Ok)
}

/// Says that a client's file cannot be read. A message of more than one sentence has what to do in it.
pub(super) fn describe_unread(message: &str) -> String {
    let message = escape_invisible(message.trim_end_matches('.'));
    let remedy = if message.contains(". ") { "" } else { " Fix it." };
    format!("cannot be read: {message}.{remedy}")
}

/// The longest name of a server that is shown whole.
pub(super) const LONGEST_NAME: usize = 24;
/// The longest label of a state.
const STATE: usize = "out of reach".len();

struct Screen<'s> {
    report: &'s StatusReport,
    home: Option<&'s Path>,
    width: usize,
    /// The width of the column of names.
    names: usize,
}

impl<'s> Screen<'s> {
    fn new(report: &'s StatusReport, env: &'s Env) -> Self {
        let servers = report.clients.iter().flat_map(|client| &client.servers);
        let names = servers.map(|server| visible_key(&server.name).width()).max().unwrap_or_default();
        Self { report, home: env.home(), width: text_width(), names: names.min(LONGEST_NAME) }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.report.clients.is_empty() {
            writeln!(out, "No MCP client on this machine has a server. `policylayer clients` says where it looks.")?;
        }
        for client in &self.report.clients {
            self.write_client(out, client)?;
            writeln!(out)?;
        }
        let all = self.report.counts.count_all();
        if all > 0 {
            out.write_all(wrap_text(&describe_counts(self.report.counts), 0, self.width).as_bytes())?;
        }
        for note in &self.report.notes {
            out.write_all(wrap_text(&escape_invisible(note), 0, self.width).as_bytes())?;
        }
        match &self.report.next {
            Some(next) => {
                let bold = Style::new().bold();
                let (why, command) = (escape_invisible(&next.why), escape_invisible(&next.command));
                out.write_all(wrap_text(&why, 0, self.width).as_bytes())?;
                writeln!(out, "Next: {bold}{command}{bold:#}")
            }
            None => Ok(()),
        }
    }

    fn write_client(&self, out: &mut dyn Write, client: &ClientStatus) -> io::Result<()> {
        let ClientStatus { client: id, name, scope, folder, file, .. } = client;
        let heading = FileHeading { id, name, scope, folder: folder.as_deref(), file };
        heading.write(out, self.home, self.width)?;
        if let Some(error) = &client.error {
            let text = describe_unread(&error.message);
            return self.write_row(out, &format!("  {ERROR}broken{ERROR:#}  "), 10, &[text]);
        }
        client.servers.iter().try_for_each(|server| self.write_server(out, server))
    }

    fn write_server(&self, out: &mut dyn Write, server: &ServerStatus) -> io::Result<()> {
        let name = cut_to_width(&visible_key(&server.name), self.names);
        let (label, style) = state_label(server.state);
        let padding = " ".repeat(self.names - name.width());
        let lead = format!("  {name}{padding}  {style}{label}{style:#}{}  ", " ".repeat(STATE - label.len()));
        self.write_row(out, &lead, self.names + STATE + 6, &self.describe_server(server))
    }

    fn write_row(&self, out: &mut dyn Write, lead: &str, indent: usize, paragraphs: &[String]) -> io::Result<()> {
        out.write_all(wrap_beside(lead, indent, paragraphs, self.width).as_bytes())
    }

    fn describe_server(&self, server: &ServerStatus) -> Vec<String> {
        let mut lines = Vec::new();
        let reason = server.reason.as_deref().map(escape_invisible);
        let remedy = server.remedy.as_deref().map(|remedy| format!("what to do: {}", escape_invisible(remedy)));
        match server.state {
            ServerState::Protected => lines.push(self.describe_policy(server)),
            ServerState::Observed => {
                lines.push(format!("nothing is enforced; {}", self.describe_policy(server)));
            }
            ServerState::Unprotected => lines.extend(reason.map(|why| format!("it cannot start either: {why}"))),
            ServerState::OutOfReach | ServerState::Broken => lines.extend(reason.into_iter().chain(remedy)),
        }
        lines.extend(server.tools.as_ref().map(describe_classes).filter(|classes| !classes.is_empty()));
        // What is broken about a lock is the reason.
        let lock = server.lock.filter(|_| server.state != ServerState::Broken);
        lines.extend(lock.and_then(describe_lock).map(str::to_owned));
        lines.extend(Some(describe_activity(server)).filter(|activity| !activity.is_empty()));
        if server.disabled {
            lines.push("its client is told not to start it".to_owned());
        }
        lines
    }

    fn describe_policy(&self, server: &ServerStatus) -> String {
        let room = self.width.saturating_sub(self.names + STATE + 6);
        describe_policy(server.policy.as_deref(), server.tools.as_ref(), self.home, room)
    }
}

/// Describes a lock. That there is none is what is usual.
fn describe_lock(lock: LockState) -> Option<&'static str> {
    match lock {
        LockState::Held => Some("locked"),
        LockState::Differs => Some("another package than the locked one would start: `policylayer lock diff`"),
        LockState::Unreadable => Some("its lock cannot be used: `policylayer doctor` says why"),
        LockState::Nothing | LockState::Off => None,
    }
}

/// Describes a policy, and what it does to the known tools.
pub(super) fn describe_policy(
    policy: Option<&str>,
    tools: Option<&ToolsTally>,
    home: Option<&Path>,
    room: usize,
) -> String {
    let policy = match policy {
        Some("built-in") | None => "built-in policy".to_owned(),
        Some(file) => shorten_path(&escape_invisible(file), home, room),
    };
    match tools {
        Some(tools) => format!("{policy}: {}", describe_tally(tools.all)),
        None => policy,
    }
}

/// The line above the servers of a file.
pub(super) struct FileHeading<'h> {
    pub(super) id: &'h str,
    pub(super) name: &'h str,
    pub(super) scope: &'h str,
    pub(super) folder: Option<&'h str>,
    pub(super) file: &'h str,
}

impl FileHeading<'_> {
    pub(super) fn write(&self, out: &mut dyn Write, home: Option<&Path>, width: usize) -> io::Result<()> {
        let bold = Style::new().bold();
        let whose = match self.folder {
            Some(folder) => format!(", for {}", shorten_path(&escape_invisible(folder), home, width / 2)),
            None if self.scope == "project" => ", project".to_owned(),
            None => String::new(),
        };
        let head = format!("{} ({}){whose}", self.name, self.id);
        let room = width.saturating_sub(head.width() + 2).max(LONGEST_NAME);
        let file = shorten_path(&escape_invisible(self.file), home, room);
        writeln!(out, "{bold}{head}{bold:#}  {DIM}{file}{DIM:#}")
    }
}

/// Describes what happens to the tools of each class.
fn describe_classes(tools: &ToolsTally) -> String {
    let classes = tools.by_class.iter().map(|(class, tally)| {
        let counts =
            [(tally.allowed, "allowed"), (tally.asking, "ask"), (tally.refused, "refused"), (tally.hidden, "hidden")];
        format!("{}: {}", class.as_str(), describe_present(&counts).collect::<Vec<_>>().join(", "))
    });
    classes.collect::<Vec<_>>().join("; ")
}

fn describe_tally(Tally { allowed, asking, refused, hidden, .. }: Tally) -> String {
    let others = [
        (asking, if asking == 1 { "asks a person" } else { "ask a person" }),
        (refused, "refused"),
        (hidden, "hidden"),
    ];
    let allowed = format!("{} allowed", count_of(allowed as u64, "known tool"));
    std::iter::once(allowed).chain(describe_present(&others)).collect::<Vec<_>>().join(", ")
}

/// Describes what there is at least one of.
fn describe_present<'c>(counts: &'c [(usize, &str)]) -> impl Iterator<Item = String> + 'c {
    counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"))
}

fn describe_activity(server: &ServerStatus) -> String {
    let sessions = server.sessions.unwrap_or_default() as u64;
    let waiting = server.waiting.unwrap_or_default() as u64;
    let refused = server.refused_last_day.unwrap_or_default();
    let running = if sessions == 1 { "runs" } else { "run" };
    let wait = if waiting == 1 { "waits" } else { "wait" };
    let parts = [
        (sessions, format!("{} {running}", count_of(sessions, "session"))),
        (waiting, format!("{} {wait} for a person", count_of(waiting, "call"))),
        (refused, format!("{refused} refused in the last day")),
    ];
    let parts: Vec<_> = parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect();
    parts.join(", ")
}

fn describe_counts(counts: StateCounts) -> String {
    let parts = [
        (counts.protected, "protected"),
        (counts.observed, "only observed"),
        (counts.unprotected, "unprotected"),
        (counts.out_of_reach, "out of reach"),
        (counts.broken, "broken"),
    ];
    let parts = describe_present(&parts).collect::<Vec<_>>().join(", ");
    format!("{}: {parts}.", count_of(counts.count_all() as u64, "server"))
}
