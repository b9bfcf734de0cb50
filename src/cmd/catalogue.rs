//! `policylayer catalogue`: the known servers, what is known about the tools of one, and the draft of a new catalogue.

use std::io::{self, Write};

use anstyle::Style;
use serde_json::Value;

use super::output::{UsageError, print_report, print_verbatim, show_start};
use crate::author::catalogue_draft::{DraftHead, write_draft};
use crate::cli::{CatalogueArgs, CatalogueCommand, DraftArgs};
use crate::exit::Exit;
use crate::policy::server::{Started, find_started};
use crate::policy::{Effect, ServerName};
use crate::probe;
use crate::report::catalogue::{CatalogueHead, CatalogueList, CatalogueReport, CatalogueToolReport};
use crate::risk::{Class, Listed, Returns};
use crate::term::message;
use crate::term::style::{DIM, risk_style};
use crate::term::table::{self, Cell};
use crate::term::wrap::{text_width, wrap_text};
use crate::visible::{count_of, escape_invisible};

/// Prints the known servers, the tools of one, or a draft.
pub(crate) fn run(args: &CatalogueArgs) -> anyhow::Result<Exit> {
    match (&args.command, args.server) {
        (Some(CatalogueCommand::Draft(args)), _) => return draft(args),
        (None, Some(known)) => print_report(&CatalogueReport::new(known), args.format, write_server)?,
        (None, None) => print_report(&CatalogueList::new(), args.format, write_list)?,
    }
    Ok(Exit::Ok)
}

fn write_list(out: &mut dyn Write, list: &CatalogueList) -> io::Result<()> {
    let header = ["SERVER", "PACKAGE", "VERSION", "READ", "WRITE", "EXECUTE", "DESTRUCTIVE", "FINANCIAL"];
    let row = |server: &CatalogueHead| {
        let count = |count: usize| if count == 0 { Cell::styled("-", DIM) } else { Cell::new(count) };
        let of = &server.classes;
        let mut row = vec![Cell::new(server.server), Cell::new(describe_package(server)), Cell::new(server.version)];
        row.extend([of.read, of.write, of.execute, of.destructive, of.financial].map(count));
        row
    };
    table::write_table(out, &header, &list.servers.iter().map(row).collect::<Vec<_>>())?;
    let tools: usize = list.servers.iter().map(|server| server.classes.total()).sum();
    let text = format!(
        "{} with {}. `policylayer catalogue SERVER` shows the tools of one. A server is known by the package, image, program or \
         host that its command starts, never by its name.",
        count_of(list.servers.len() as u64, "known server"),
        count_of(tools as u64, "tool")
    );
    write!(out, "\n{}", wrap_text(&text, 0, text_width()))
}

/// `@iterable/mcp from npm`
fn describe_package(server: &CatalogueHead) -> String {
    match server.registry {
        "npm" => format!("{} from npm", server.package),
        "pypi" => format!("{} from PyPI", server.package),
        _ => server.package.to_owned(),
    }
}

fn write_server(out: &mut dyn Write, report: &CatalogueReport) -> io::Result<()> {
    let (bold, head, width) = (Style::new().bold(), &report.head, text_width());
    writeln!(out, "{bold}{}{bold:#}: {} {}", head.server, describe_package(head), head.version)?;
    write!(out, "{}", wrap_text(&format!("How its tools were read: {}.", head.read_from), 0, width))?;
    if let Some(from) = head.fields_from {
        write!(out, "{}", wrap_text(&format!("Where the fields with personal data are from: {from}."), 0, width))?;
    }
    let known = [("program", head.programs), ("image", head.images), ("host", head.hosts)];
    for (what, names) in known.iter().filter(|(_, names)| !names.is_empty()) {
        write!(out, "{}", wrap_text(&format!("Also known as the {what} {}.", names.join(", ")), 0, width))?;
    }
    for class in Class::ALL {
        let tools: Vec<_> = report.tools.iter().filter(|tool| tool.class == class).collect();
        if tools.is_empty() {
            continue;
        }
        writeln!(out, "\n{bold}{}{bold:#} ({})", class.as_str(), tools.len())?;
        tools.iter().try_for_each(|tool| write_tool(out, tool, width))?;
    }
    writeln!(
        out,
        "\n{DIM}`policylayer explain TOOL --server {}` has the attacks and the rule for one.{DIM:#}",
        head.server
    )
}

fn write_tool(out: &mut dyn Write, tool: &CatalogueToolReport, width: usize) -> io::Result<()> {
    let bold = Style::new().bold();
    let facts = describe_facts(tool).join(", ");
    writeln!(out, "  {bold}{}{bold:#}  {DIM}{facts}{DIM:#}", tool.tool)?;
    write!(out, "{}", wrap_text(tool.does, 4, width))?;
    let differ = tool.readings.map(|[one, other]| format!(" (Read as {} and as {}.)", one.as_str(), other.as_str()));
    write!(out, "{}", wrap_text(&format!("{}{}", tool.why, differ.unwrap_or_default()), 4, width))?;
    if !tool.personal_fields.is_empty() {
        let fields = format!("Personal in its result: {}.", tool.personal_fields.join(", "));
        write!(out, "{}", wrap_text(&fields, 4, width))?;
    }
    write!(out, "{}", wrap_text(&describe_rule(tool), 4, width))
}

/// `high risk, sends, cannot be undone`
fn describe_facts(tool: &CatalogueToolReport) -> Vec<String> {
    let returns = |what: Returns| tool.returns.contains(&what);
    let facts = [
        (tool.sends, "sends"),
        (tool.irreversible, "cannot be undone"),
        (tool.personal_data, "personal data"),
        (returns(Returns::Untrusted), "returns what others wrote"),
    ];
    let (risk, style) = (tool.severity.as_str(), risk_style(tool.severity.as_str()));
    let mut words = vec![format!("{style}{risk} risk{style:#}{DIM}")];
    words.extend(facts.iter().filter(|(holds, _)| *holds).map(|(_, words)| (*words).to_owned()));
    words.extend(tool.url_argument.map(|argument| format!("connects to `{argument}`")));
    words.extend(tool.versions.map(|versions| format!("only {versions}")));
    words
}

fn describe_rule(tool: &CatalogueToolReport) -> String {
    let action = match tool.recommended.effect {
        Effect::Allow => "allow",
        Effect::Deny => "deny",
        Effect::Hide => "hide",
        Effect::RequireApproval => "ask a person",
    };
    match &tool.recommended.rate_limit {
        Some(rate) => format!("Recommended: {action}, {rate}."),
        None => format!("Recommended: {action}."),
    }
}

/// Starts the server and prints the draft of its catalogue.
fn draft(args: &DraftArgs) -> anyhow::Result<Exit> {
    let started = find_started(&args.command);
    let derived = || started.as_ref().and_then(Started::server_name);
    let server = args.server.clone().or_else(derived).ok_or_else(|| {
        UsageError(
            "A catalogue is named after its server, and the command does not show the server's name. Give it with --server NAME."
                .to_owned(),
        )
    })?;
    let offer = probe::probe_command(&args.command, &show_start)?;
    offer.notes.iter().for_each(|note| message::print_warning(&format!("{server}: {}", escape_invisible(note))));
    let tools: Vec<_> = offer.tools.iter().filter_map(Listed::read).collect();
    let version = offer.info.get("version").and_then(Value::as_str).unwrap_or_default();
    let text = write_draft(&DraftHead { server: &server, started: started.as_ref(), version }, &tools);
    print_verbatim(&text)?;
    print_next(&server, started.as_ref(), tools.len());
    Ok(Exit::Ok)
}

fn print_next(server: &ServerName, started: Option<&Started>, tools: usize) {
    if started.and_then(Started::published_as).is_none() {
        message::print_warning(
            "The command starts nothing from a registry, so `package` and `registry` are empty: a server is known by its package or image.",
        );
    }
    message::print_note(&format!(
        "The draft has {}. Next: correct `class` and the facts of each, fill in `does` and `rationale`, and check that `version` is the \
         package's. It belongs in config/catalogue/{server}.json.",
        count_of(tools as u64, "tool")
    ));
}
