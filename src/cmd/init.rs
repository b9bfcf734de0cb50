//! `policylayer init`: a policy for a server, written from what it lists.

mod ask;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use ask::StandInAnswer;
use jiff::Zoned;
use serde_json::Value;

use super::Env;
use super::history::{own_command, report_kept};
use super::lock::{LockOffer, offer_lock};
use super::output::{UsageError, show_start};
use crate::author::edit::write_out_builtin;
use crate::author::history::keep_edits;
use crate::author::init::{
    Answers, InitTarget, ItemPlan, Origin, PlannedTool, ServerPlan, TargetOptions, Verified, plan_tools, profile_tools,
    verify_policy, write_policy,
};
use crate::cli::{InitArgs, PolicyFormat};
use crate::clients::secret;
use crate::exit::Exit;
use crate::limits::OFFER_PATIENCE;
use crate::paths::{self, POLICY_VARIABLE};
use crate::policy::{BuiltinTitle, Effect, Format, Server, ServerName, Strength, server};
use crate::probe::{self, AppPages, ProbeError, ProbeTarget, ServerOffer};
use crate::proxy::SpawnEnv;
use crate::report::client_servers::Served;
use crate::report::doctor::client_env::{Unfilled, check_headers};
use crate::report::lock::{LockCommandError, LockQuestion, choose_served};
use crate::risk::{Catalogue, Class, Listed, SharedObjects};
use crate::shell::as_word;
use crate::state::file::{if_there, read_file};
use crate::term::message;
use crate::visible::{count_of, escape_invisible, visible_path};

/// Starts the server, asks a person if there is one, and writes the policy.
pub(crate) fn run(args: &InitArgs, env: &Env) -> anyhow::Result<Exit> {
    let question = LockQuestion {
        server: args.key.as_deref().or(args.server.as_deref()),
        clients: &args.only.client,
        policy: None,
        command: &args.command,
        verb: "init",
        env,
    };
    let start = Start::find(args, &question)?;
    let (server, env) = (&start.server, &start.env);
    if let (Some(_), Some(known)) = (args.strength, server.catalogue()) {
        message::print_warning(&format!(
            "--strength changes nothing here: {} is a known server, and its policy follows its catalogue.",
            known.server
        ));
    }
    let settings = paths::load_settings(env)?;
    // Before the server runs: nobody should answer questions in vain.
    let output = args.output.as_deref().or(start.policy.as_deref());
    let options = TargetOptions { output, format: args.format.map(PolicyFormat::document_format), force: args.force };
    let target = InitTarget::find_target(options, server.name(), &settings, env)?;
    if args.full {
        return write_builtin(&start, &target, question.env);
    }
    let offer = start.probe_offer()?;
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
    let Some((server, answers)) = ask_for_answers(args, server, &tools, &items, question.env)? else {
        bail!(UNANSWERED);
    };
    let server = &server;
    let tools = plan_tools(server, &tools, &answers);
    let Some(stand_ins) = choose_stand_ins(args, server, &tools, question.env)? else { bail!(UNANSWERED) };
    let plan = ServerPlan { tools: &tools, items: &items, stand_ins: stand_ins.as_ref() };
    // What has only the server's name to go by would not know it under another one.
    let other_name = server.catalogue().filter(|known| known.server != server.name().as_str());
    let origin = Origin {
        server,
        catalogue: args.catalogue.or(other_name).map(|known| known.server),
        calls_itself: &calls_itself(&offer),
        day: &Zoned::now().date().to_string(),
    };
    let text = write_policy(&origin, plan, &answers, target.format);
    let Verified { warnings, left_out } = verify_policy(&text, server, plan, target.format)
        .map_err(|why| anyhow!("The policy was not written, because it would not do what it should. {why}"))?;
    warn_of_left_out(left_out);
    let Some(file) = &target.file else {
        io::stdout().lock().write_all(text.as_bytes())?;
        return Ok(Exit::Ok);
    };
    let backups = write_and_keep(&target, file, &text, server, question.env)?;
    let is_found = target.is_found_by_name || start.policy.as_ref() == Some(file);
    print_summary(&start, plan, is_found, file, &backups);
    let policy = (!is_found).then_some(file.as_path());
    let offer = LockOffer::new(args.lock, !args.yes && question.env.asks_on_terminal());
    offer_lock(&LockQuestion { policy, ..question }, offer)?;
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

const UNANSWERED: &str = "Nothing was written, because a question was not answered.\nwhat to do: run this again, or accept the \
                          recommendations with --yes";

fn warn_of_left_out(left_out: u64) {
    if left_out == 0 {
        return;
    }
    let (have, them) = if left_out == 1 { ("has", "it") } else { ("have", "them") };
    message::print_warning(&format!(
        "{left_out} of the listed resources, templates and prompts {have} no entry, so the policy refuses {them}: there \
         are too many, or no key can name {them}. docs/init.md has more."
    ));
}

/// Writes the whole built-in policy for the server.
fn write_builtin(start: &Start, target: &InitTarget, env: &Env) -> anyhow::Result<Exit> {
    if target.format != Format::Toml {
        let why = "The built-in policy is written in TOML. Leave out --format, or give -o a name that ends in .toml.";
        return Err(UsageError(why.to_owned()).into());
    }
    let text = write_out_builtin(&start.server);
    let Some(file) = &target.file else {
        io::stdout().lock().write_all(text.as_bytes())?;
        return Ok(Exit::Ok);
    };
    let backups = write_and_keep(target, file, &text, &start.server, env)?;
    message::print_note(&format!(
        "Wrote {}: {}.{}",
        visible_path(file),
        BuiltinTitle::of(&start.server),
        describe_backups(&backups)
    ));
    Ok(Exit::Ok)
}

/// Writes the policy, and keeps that as an edit. Returns where the old files are.
fn write_and_keep(
    target: &InitTarget,
    file: &Path,
    text: &str,
    server: &Server,
    env: &Env,
) -> anyhow::Result<Vec<PathBuf>> {
    let read = |file: &Path| Some(String::from_utf8_lossy(&if_there(read_file(file)).ok()??).into_owned());
    let moved: Vec<_> = target.other_files().map(|other| (other.to_owned(), read(other), None)).collect();
    let mut edited = vec![(file.to_owned(), read(file), Some(text.to_owned()))];
    let backups = target.write_file(file, text)?;
    // One that could not be read would not come back.
    edited.extend(moved.into_iter().filter(|(_, before, _)| before.is_some()));
    report_kept(keep_edits(server.name(), edited, own_command(), env));
    Ok(backups)
}

fn describe_backups(backups: &[PathBuf]) -> String {
    let backups: Vec<_> = backups.iter().map(|file| visible_path(file)).collect();
    match backups.as_slice() {
        [] => String::new(),
        backups => format!(" The old policy is kept as {}.", backups.join(" and ")),
    }
}

/// The server that the policy is for, and how it is started.
struct Start {
    server: Server,
    command: Vec<OsString>,
    env: Env,
    /// The client's environment, if a client starts it.
    spawn_env: Option<SpawnEnv>,
    /// Variables of its entry that have no value here.
    unfilled: Vec<Unfilled>,
    /// The policy file that its wrapper is told to use.
    policy: Option<PathBuf>,
    /// How to name it on the command line of `inspect`.
    selector: String,
    /// The option that names it there, if it was named.
    named: String,
    entry: Entry,
}

/// What a client has of the server.
enum Entry {
    None,
    Bare,
    Wrapped,
}

impl Start {
    fn find(args: &InitArgs, question: &LockQuestion<'_>) -> anyhow::Result<Self> {
        let mut start = if args.command.is_empty() {
            let served = match (choose_served(question), question.server) {
                // Nothing is started, so nobody needs to have it.
                (Err(LockCommandError::Nowhere(_)), Some(name)) if args.full => {
                    let settings = paths::load_settings(question.env)?;
                    return Self::by_name(name, question.env, args.strength.unwrap_or(settings.strength));
                }
                (served, _) => served?,
            };
            let server = served.find_server(&served.load_settings()?)?;
            let (policy, selector) = (served.named_policy(), as_word(&served.key));
            let entry = if served.wrapped.is_some() { Entry::Wrapped } else { Entry::Bare };
            let Served { command, env, spawn_env, unfilled, .. } = served;
            let spawn_env = Some(spawn_env);
            Self { server, command, env, spawn_env, unfilled, policy, selector, named: String::new(), entry }
        } else {
            Self::of_command(args, question.env)?
        };
        if let Some(catalogue) = args.catalogue {
            start.server = start.server.with_catalogue(catalogue);
        }
        if let Some(strength) = args.strength {
            start.server = start.server.with_strength(strength);
        }
        Ok(start)
    }

    fn by_name(name: &str, env: &Env, strength: Strength) -> anyhow::Result<Self> {
        let server = Server::by_name(&ServerName::parse(name)?).with_strength(strength);
        let (selector, named, env) = (server.to_string(), String::new(), env.clone());
        let (command, entry) = (Vec::new(), Entry::None);
        let (spawn_env, unfilled) = (None, Vec::new());
        Ok(Self { server, command, env, spawn_env, unfilled, policy: None, selector, named, entry })
    }

    /// The name is the given one, that of config.toml, or the one that the command tells.
    fn of_command(args: &InitArgs, env: &Env) -> anyhow::Result<Self> {
        let (settings, command) = (paths::load_settings(env)?, args.command.clone());
        let named = args.server.as_deref().map(ServerName::parse).transpose()?;
        let option = named.as_ref().map(|server| format!("--server {server} ")).unwrap_or_default();
        let known = match named {
            Some(server) => Some(server),
            None => settings.name_of(&command)?.cloned(),
        };
        let name = known.or_else(|| server::derive_name(&command)).ok_or_else(|| {
            UsageError(format!(
                "The policy is found by the server's name, and the command `{}` does not reveal it.\nwhat to do: give a \
                 name with --server NAME, and the same one to `policylayer wrap`",
                command_line(&command)
            ))
        })?;
        let selector = format!("{} {}", as_word("--"), command_line(&command));
        let server = Server::of_command(&name, &command).with_strength(settings.strength);
        Ok(Self {
            server,
            command,
            env: env.clone(),
            spawn_env: None,
            unfilled: Vec::new(),
            policy: None,
            selector,
            named: option,
            entry: Entry::None,
        })
    }

    /// Says how the policy comes into force.
    fn describe_next(&self, options: &str) -> String {
        let server = &self.server;
        match self.entry {
            Entry::Wrapped => "running wrappers take it up within a moment".to_owned(),
            Entry::Bare => format!("`policylayer register {options}{}` puts it in front of the server", self.selector),
            Entry::None => {
                let selector = &self.selector;
                format!("`policylayer register {options}{server} {selector}` puts it in front of the server")
            }
        }
    }

    fn probe_offer(&self) -> Result<ServerOffer, ProbeError> {
        check_headers(&self.command, &self.env, &self.unfilled)?;
        let words: Vec<_> = self.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let target = ProbeTarget {
            command: &self.command,
            shown: escape_invisible(&secret::redact_words(&words).join(" ")).to_string(),
            spawn_env: self.spawn_env.as_ref(),
            patience: OFFER_PATIENCE,
            apps: AppPages::Skip,
        };
        probe::probe_target(&target, &show_start)
    }
}

/// Returns the answers of a person, if there is one, and the server with the strength that they choose; `None` if they cancel.
fn ask_for_answers(
    args: &InitArgs,
    server: &Server,
    tools: &[Listed<'_>],
    items: &ItemPlan,
    env: &Env,
) -> anyhow::Result<Option<(Server, Answers)>> {
    if args.yes || tools.is_empty() || !env.asks_on_terminal() {
        return Ok(Some((server.clone(), Answers::new())));
    }
    let mut by_class: BTreeMap<Class, Vec<&str>> = BTreeMap::new();
    for (name, (_, profile)) in profile_tools(server, tools) {
        by_class.entry(profile.class).or_default().push(name);
    }
    // That of config.toml first.
    let others = Strength::ALL.into_iter().filter(|other| args.strength.is_none() && server.strength() != Some(*other));
    let strengths: Vec<_> =
        server.strength().into_iter().flat_map(|own| [own].into_iter().chain(others.clone())).collect();
    let asked = ask::ask_questions(&strengths, &by_class, items)?;
    let server = |strength: Option<Strength>| server.clone().with_strength(strength.unwrap_or_default());
    Ok(asked.map(|(strength, answers)| (server(strength), answers)))
}

/// Which fields get stand-ins, or `None` inside if nothing does; `None` if the person cancels.
fn choose_stand_ins(
    args: &InitArgs,
    server: &Server,
    tools: &[PlannedTool],
    env: &Env,
) -> anyhow::Result<Option<Option<BTreeSet<&'static str>>>> {
    let fields = || server.catalogue().map(Catalogue::personal_fields).unwrap_or_default();
    let personal: Vec<_> = tools.iter().filter(|tool| tool.profile.pii).map(|tool| tool.name.as_str()).collect();
    if args.stand_ins {
        return Ok(Some(Some(fields())));
    }
    if args.no_stand_ins || args.yes || personal.is_empty() || !env.asks_on_terminal() {
        return Ok(Some(None));
    }
    let chosen = ask::ask_stand_ins(&personal)?;
    Ok(chosen.map(|answer| (answer == StandInAnswer::Replace).then(fields)))
}

/// `iterable-mcp 1.9.0`
fn calls_itself(offer: &ServerOffer) -> String {
    let text = |key: &str| offer.info.get(key).and_then(Value::as_str).unwrap_or_default();
    match (text("name"), text("version")) {
        ("", _) => "the server".to_owned(),
        (name, version) => format!("{name} {version}").trim().to_owned(),
    }
}

fn print_summary(start: &Start, plan: ServerPlan<'_>, is_found: bool, file: &Path, backups: &[PathBuf]) {
    let server = &start.server;
    let backups = describe_backups(backups);
    let mut options = start.named.clone();
    let mut edit = format!("--server {server}");
    if !is_found {
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
        "Next: `policylayer inspect {options}{}` shows what an agent will see; {}.",
        start.selector,
        start.describe_next(&options)
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
