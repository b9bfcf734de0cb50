//! `policylayer init`: a policy for a server, written from what it lists.

mod ask;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use jiff::Zoned;
use serde_json::Value;

use super::Env;
use super::output::{UsageError, show_start};
use crate::author::init::{
    Answers, InitTarget, ItemPlan, Origin, PlannedTool, ServerPlan, TargetOptions, Verified, plan_tools, profile_tools,
    verify_policy, write_policy,
};
use crate::cli::{InitArgs, PolicyFormat};
use crate::exit::Exit;
use crate::paths::{self, POLICY_VARIABLE};
use crate::policy::{Effect, Server, ServerName, server};
use crate::probe::{self, ServerOffer};
use crate::report::lock::LockQuestion;
use crate::risk::{Class, Listed, SharedObjects};
use crate::settings::Settings;
use crate::shell::as_word;
use crate::term::message;
use crate::visible::{count_of, escape_invisible, visible_path};

/// Starts the server, asks a person if there is one, and writes the policy.
pub(crate) fn run(args: &InitArgs, env: &Env) -> anyhow::Result<Exit> {
    let settings = paths::load_settings(env)?;
    let server = find_server(args, &settings)?;
    // Before the server runs: nobody should answer questions in vain.
    let options = TargetOptions {
        output: args.output.as_deref(),
        format: args.format.map(PolicyFormat::document_format),
        force: args.force,
    };
    let target = InitTarget::find_target(options, server.name(), &settings, env)?;
    let offer = probe::probe_command(&args.command, &show_start)?;
    offer.notes.iter().for_each(|note| message::print_warning(&format!("{server}: {}", escape_invisible(note))));
    let objects = SharedObjects::in_listing(server.name().as_str(), &offer.tools);
    let tools: Vec<_> = offer.tools.iter().filter_map(Listed::read).map(|tool| tool.among(&objects)).collect();
    if [&offer.tools, &offer.resources, &offer.templates, &offer.prompts].iter().all(|listed| listed.is_empty()) {
        bail!(
            "{server} lists no tools, resources or prompts, so there is nothing to write a policy for.\nwhat to do: check \
             whether it needs an option or a permission to list some"
        );
    }
    let items = ItemPlan::new(&offer, &tools);
    let Some(answers) = ask_for_answers(args, &server, &tools, &items, env)? else {
        bail!(
            "Nothing was written, because a question was not answered.\nwhat to do: run this again, or accept the recommendations with --yes"
        );
    };
    let tools = plan_tools(&server, &tools, &answers);
    let plan = ServerPlan { tools: &tools, items: &items };
    // What has only the server's name to go by would not know it under another one.
    let other_name = server.catalogue().filter(|known| known.server != server.name().as_str());
    let origin = Origin {
        server: &server,
        catalogue: args.catalogue.or(other_name).map(|known| known.server),
        calls_itself: &calls_itself(&offer),
        day: &Zoned::now().date().to_string(),
    };
    let text = write_policy(&origin, plan, &answers, target.format);
    let Verified { warnings, left_out } = verify_policy(&text, &server, plan, target.format)
        .map_err(|why| anyhow!("The policy was not written, because it would not do what it should. {why}"))?;
    if left_out > 0 {
        let (have, them) = if left_out == 1 { ("has", "it") } else { ("have", "them") };
        message::print_warning(&format!(
            "{left_out} of the listed resources, templates and prompts {have} no entry, so the policy refuses {them}: there \
             are too many, or no key can name {them}. docs/init.md has more."
        ));
    }
    let Some(file) = &target.file else {
        io::stdout().lock().write_all(text.as_bytes())?;
        return Ok(Exit::Ok);
    };
    let backups = target.write_file(file, &text)?;
    print_summary(args, &server, plan, &target, file, &backups);
    let question = LockQuestion {
        server: args.server.as_ref().map(ServerName::as_str),
        clients: &[],
        policy: (!target.is_found_by_name).then_some(file),
        command: &args.command,
        env,
    };
    let offered = super::lock::offer_lock(&question, args.lock);
    // The policy is written: that its lock is not found only leaves out the offer.
    if args.lock {
        offered?;
    }
    if warnings > 0 {
        // Only a person's answers cause warnings.
        let warnings = count_of(warnings, "warning");
        let file = as_word(&file.to_string_lossy());
        message::print_warning(&format!(
            "It loads with {warnings}: `policylayer check --server {server} {file}` shows them."
        ));
    }
    if target.is_found_by_name && env.var(POLICY_VARIABLE).is_some() {
        message::print_warning(&format!(
            "{POLICY_VARIABLE} is set, so the policy that it names is in force instead of this one. Unset it to use this one."
        ));
    }
    Ok(Exit::Ok)
}

/// Returns the server's name: the given one, that of config.toml, or the one derived from the command.
fn find_server(args: &InitArgs, settings: &Settings) -> anyhow::Result<Server> {
    let named = match &args.server {
        Some(server) => Some(server),
        None => settings.name_of(&args.command)?,
    };
    let name = named.cloned().or_else(|| server::derive_name(&args.command)).ok_or_else(|| {
        let command = command_line(&args.command);
        UsageError(format!(
            "The policy is found by the server's name, and the command `{command}` does not reveal it.\nwhat to do: give a \
             name with --server NAME, and the same one to `policylayer wrap`"
        ))
    })?;
    let server = Server::of_command(&name, &args.command);
    Ok(match args.catalogue {
        Some(catalogue) => server.with_catalogue(catalogue),
        None => server,
    })
}

/// Returns the answers of a person, if there is one; `None` if they cancel.
fn ask_for_answers(
    args: &InitArgs,
    server: &Server,
    tools: &[Listed<'_>],
    items: &ItemPlan,
    env: &Env,
) -> anyhow::Result<Option<Answers>> {
    if args.yes || tools.is_empty() || !env.asks_on_terminal() {
        return Ok(Some(Answers::new()));
    }
    let mut by_class: BTreeMap<Class, Vec<&str>> = BTreeMap::new();
    for (name, (_, profile)) in profile_tools(server, tools) {
        by_class.entry(profile.class).or_default().push(name);
    }
    ask::ask_classes(&by_class, items)
}

/// `iterable-mcp 1.9.0`
fn calls_itself(offer: &ServerOffer) -> String {
    let text = |key: &str| offer.info.get(key).and_then(Value::as_str).unwrap_or_default();
    match (text("name"), text("version")) {
        ("", _) => "the server".to_owned(),
        (name, version) => format!("{name} {version}").trim().to_owned(),
    }
}

fn print_summary(
    args: &InitArgs,
    server: &Server,
    plan: ServerPlan<'_>,
    target: &InitTarget,
    file: &Path,
    backups: &[PathBuf],
) {
    let backups: Vec<_> = backups.iter().map(|file| visible_path(file)).collect();
    let backups = match backups.as_slice() {
        [] => String::new(),
        backups => format!(" The old policy is kept as {}.", backups.join(" and ")),
    };
    let (command, dashes) = (command_line(&args.command), as_word("--"));
    let mut options = args.server.as_ref().map(|_| format!("--server {server} ")).unwrap_or_default();
    let mut edit = format!("--server {server}");
    if !target.is_found_by_name {
        let policy = format!("--policy {}", as_word(&file.to_string_lossy()));
        options.push_str(&format!("{policy} "));
        // Otherwise the server would be derived from the file's name.
        edit = format!("{policy} {edit}");
    }
    let (name, listed, mut counts) = (visible_path(file), plan.describe_listed(), describe_counts(plan.tools));
    if !plan.items.is_empty() {
        let gap = if counts.is_empty() { "" } else { "; " };
        counts.push_str(&format!("{gap}{}", plan.items.describe_effects()));
    }
    message::print_note(&format!("Wrote {name} for the {listed} of {server}: {counts}.{backups}"));
    message::print_note(&format!(
        "Next: `policylayer inspect {options}{dashes} {command}` shows what an agent will see; `policylayer register {options}{server}` \
         puts it in front of the server."
    ));
    message::print_note(&format!(
        "To change it: `policylayer ask|hide|deny|allow|limit TOOL {edit}`, or edit the file."
    ));
}

/// `5 allowed (2 of them limited), 1 asks a person`
fn describe_counts(plan: &[PlannedTool]) -> String {
    let count = |effect: Effect, what: &str| {
        let tools = || plan.iter().filter(|tool| tool.key.is_ok() && tool.effect() == effect);
        let limited = tools().filter(|tool| tool.is_limited()).count();
        match (tools().count(), effect, limited) {
            (0, ..) => None,
            (1, Effect::RequireApproval, _) => Some("1 asks a person".to_owned()),
            (count, Effect::Allow, 1..) => Some(format!("{count} {what} ({limited} of them limited)")),
            (count, ..) => Some(format!("{count} {what}")),
        }
    };
    let left = plan.iter().filter(|tool| tool.key.is_err()).count();
    let counts = [
        count(Effect::Allow, "allowed"),
        count(Effect::RequireApproval, "ask a person"),
        count(Effect::Deny, "refused"),
        count(Effect::Hide, "hidden"),
        (left > 0).then(|| format!("{left} left to the rules by class")),
    ];
    counts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Quotes a command for a shell.
fn command_line(command: &[OsString]) -> String {
    command.iter().map(|part| as_word(&part.to_string_lossy())).collect::<Vec<_>>().join(" ")
}
