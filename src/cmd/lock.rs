//! `policylayer lock`: what was agreed to of a server.

use std::time::Duration;

use anyhow::{Context as _, bail};

use super::Env;
use super::output::{UsageError, print_report, show_start};
use crate::cli::{Format, LockAcceptArgs, LockArgs, LockCommand, LockDiffArgs, LockTargetArgs};
use crate::exit::Exit;
use crate::limits::OFFER_PATIENCE;
use crate::lock::{Change, Lock, compare};
use crate::paths::{self, LockFileError};
use crate::report::lock::{
    LockCommandError, LockComparison, LockQuestion, LockReport, LockTarget, OldLock, StartAs, Written, read_target_lock,
};
use crate::term::faces::lock as lock_face;
use crate::term::message;
use crate::term::prompt::Prompter;
use crate::visible::visible_path;

/// Locks a server, or holds it against its lock.
pub(crate) fn run(args: &LockArgs, env: &Env) -> anyhow::Result<Exit> {
    match &args.command {
        Some(LockCommand::Diff(args)) => print_diff(args, env),
        Some(LockCommand::Accept(args)) => accept(args, env),
        None if args.check => check(args, env),
        None => lock(args, env),
    }
}

fn find_target(args: &LockTargetArgs, key: Option<&str>, env: &Env) -> Result<LockTarget, LockCommandError> {
    LockTarget::find(&LockQuestion {
        server: key.or(args.server.as_deref()),
        clients: &args.only.client,
        policy: args.policy.as_deref(),
        command: &args.command,
        verb: "lock",
        env,
    })
}

/// Compares a server with a lock that has to exist.
fn compare_with_lock(
    args: &LockTargetArgs,
    key: Option<&str>,
    (start, purpose): (StartAs, &'static str),
    env: &Env,
) -> Result<LockComparison, LockCommandError> {
    let target = find_target(args, key, env)?;
    let old = match read_target_lock(&target)? {
        OldLock::Found(lock, text) => (lock, text),
        OldLock::None => {
            let (server, selector) = (target.server.name().clone(), target.selector.clone());
            return Err(LockCommandError::Missing(server, purpose, selector));
        }
        OldLock::Unusable(error) => return Err(error.into()),
    };
    LockComparison::find(target, Some(old), start, patience(args), &show_start)
}

fn patience(args: &LockTargetArgs) -> Duration {
    Duration::from_secs(args.timeout)
}

fn lock(args: &LockArgs, env: &Env) -> anyhow::Result<Exit> {
    let target = find_target(&args.target, args.key.as_deref(), env)?;
    let (old, unusable) = match read_target_lock(&target)? {
        OldLock::None => (None, None),
        OldLock::Found(lock, text) => (Some((lock, text)), None),
        OldLock::Unusable(error) => (None, Some(error)),
    };
    let comparison = LockComparison::find(target, old, StartAs::Written, patience(&args.target), &show_start)?;
    let asks = Asks { yes: args.yes, ..Asks::new(args.target.format, env) };
    if let Some(error) = unusable {
        return replace_unusable(&comparison, &error, asks);
    }
    let changes = comparison.changes();
    if comparison.is_same() {
        return show(&comparison, changes, Written::No, asks);
    }
    if comparison.old.is_some() {
        return accept_changes(&comparison, &comparison.new, changes, asks);
    }
    comparison.write(&comparison.new, None)?;
    show(&comparison, changes, Written::Yes, asks)
}

/// Whether a server that has just got its policy is locked as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LockOffer {
    /// It was asked for.
    Wanted,
    /// A person at a terminal is asked.
    Asked,
    /// It is said how.
    Told,
}

impl LockOffer {
    pub(super) fn new(is_wanted: bool, asks_on_terminal: bool) -> Self {
        match (is_wanted, asks_on_terminal) {
            (true, _) => Self::Wanted,
            (false, true) => Self::Asked,
            (false, false) => Self::Told,
        }
    }
}

/// Locks a server that has just got its policy, or says how. One that has a lock keeps it. The policy is in its place: that
/// there is no lock is an error only where it was asked for.
pub(super) fn offer_lock(question: &LockQuestion<'_>, offer: LockOffer) -> anyhow::Result<()> {
    match (try_offered(question, offer), offer) {
        (Err(error), LockOffer::Wanted) => Err(error),
        (Err(error), LockOffer::Asked) => {
            message::print_warning(&format!("It is not locked. {error:#}"));
            Ok(())
        }
        (Ok(()), _) | (Err(_), LockOffer::Told) => Ok(()),
    }
}

fn try_offered(question: &LockQuestion<'_>, offer: LockOffer) -> anyhow::Result<()> {
    let target = LockTarget::find(question)?;
    let (server, selector) = (target.server.name(), &target.selector);
    if !matches!(read_target_lock(&target)?, OldLock::None) {
        message::print_note(&format!(
            "{server} has a lock: `policylayer lock diff {selector}` compares what it lists now."
        ));
        return Ok(());
    }
    let is_locked = match offer {
        LockOffer::Wanted => true,
        LockOffer::Asked => {
            let title = format!("Hold {server} to what it has now?");
            let answers = ["no, not now", "yes, start it once and lock it"].map(str::to_owned);
            Prompter::new()?.select_item(&title, &answers)? == Some(1)
        }
        LockOffer::Told => false,
    };
    if !is_locked {
        message::print_note(&format!("To hold {server} to what it has now: `policylayer lock {selector}`."));
        return Ok(());
    }
    let comparison = LockComparison::find(target, None, StartAs::Written, OFFER_PATIENCE, &show_start)?;
    comparison.write(&comparison.new, None)?;
    let report = LockReport::new(&comparison, Vec::new(), Written::Yes);
    let mut text = Vec::new();
    lock_face::write_result(&mut text, &report, &comparison.target.selector)?;
    message::print_note(String::from_utf8_lossy(&text).trim_end());
    Ok(())
}

/// Makes a lock anew where there is something else, and keeps that beside it.
fn replace_unusable(comparison: &LockComparison, error: &LockFileError, asks: Asks) -> anyhow::Result<Exit> {
    let file = &comparison.target.file;
    message::print_warning(&error.to_string());
    if !asks.confirm("Make the lock anew?", ["leave it as it is", "make it anew"])? {
        bail!(
            "Nothing was written.\nwhat to do: fix the file, or make it anew with `policylayer lock --yes {}`",
            comparison.target.selector
        );
    }
    let old = paths::read_bytes(file, crate::limits::MAX_LOCK)
        .with_context(|| format!("{} cannot be kept. Move it away", visible_path(file)))?;
    let mut aside = file.clone().into_os_string();
    aside.push(".before-lock");
    paths::replace_file(aside.as_ref(), None, &old)?;
    comparison.write(&comparison.new, Some(&old))?;
    message::print_note(&format!("The old file is kept as {}.", visible_path(aside.as_ref())));
    show(comparison, Vec::new(), Written::Yes, asks)
}

fn check(args: &LockArgs, env: &Env) -> anyhow::Result<Exit> {
    let start = (StartAs::Wrapped, "check");
    let comparison = compare_with_lock(&args.target, args.key.as_deref(), start, env)?;
    show(&comparison, comparison.changes(), Written::No, Asks::new(args.target.format, env))?;
    Ok(if comparison.is_same() { Exit::Ok } else { Exit::Failed })
}

fn print_diff(args: &LockDiffArgs, env: &Env) -> anyhow::Result<Exit> {
    let start = (StartAs::Written, "compare with");
    let comparison = compare_with_lock(&args.target, args.key.as_deref(), start, env)?;
    let report = LockReport::new(&comparison, comparison.changes(), Written::No);
    let old = comparison.old.as_ref().map(|(_, text)| text.as_str()).unwrap_or_default();
    print_report(&report, args.target.format, |out, report| {
        lock_face::write_changes(out, report)?;
        lock_face::write_diff(out, report, old, &comparison.new.write())
    })?;
    Ok(Exit::Ok)
}

fn accept(args: &LockAcceptArgs, env: &Env) -> anyhow::Result<Exit> {
    let start = (StartAs::Written, "accept");
    let comparison = compare_with_lock(&args.target, None, start, env)?;
    let accepted = comparison.accept(&args.items)?;
    let changes = comparison.old.as_ref().map(|(old, _)| compare(old, &accepted)).unwrap_or_default();
    // Who names an item knows what is accepted.
    let asks = Asks { yes: args.yes || !args.items.is_empty(), ..Asks::new(args.target.format, env) };
    if comparison.old.as_ref().is_some_and(|(old, _)| *old == accepted) {
        return show(&comparison, changes, Written::No, asks);
    }
    accept_changes(&comparison, &accepted, changes, asks)
}

/// Shows changes, asks a person if there is one, and writes the lock.
fn accept_changes(
    comparison: &LockComparison,
    accepted: &Lock,
    changes: Vec<Change>,
    asks: Asks,
) -> anyhow::Result<Exit> {
    let selector = &comparison.target.selector;
    if !asks.yes && !asks.on_terminal {
        show(comparison, changes, Written::No, asks)?;
        return Err(UsageError(format!(
            "Nothing was written: nobody is asked here.\nwhat to do: look at `policylayer lock diff {selector}`, and accept with --yes"
        ))
        .into());
    }
    if !asks.yes {
        let report = LockReport::new(comparison, changes.clone(), Written::No);
        super::output::print(|out| lock_face::write_changes(out, &report))?;
        if !asks.confirm("Accept these changes?", ["leave the lock as it is", "accept them"])? {
            bail!("Nothing was written.\nwhat to do: accept single items with `policylayer lock accept TOOL`");
        }
    }
    let replaced = comparison.old.as_ref().map(|(_, text)| text.as_bytes());
    comparison.write(accepted, replaced)?;
    show(comparison, changes, Written::Yes, asks)
}

fn show(comparison: &LockComparison, changes: Vec<Change>, written: Written, asks: Asks) -> anyhow::Result<Exit> {
    let report = LockReport::new(comparison, changes, written);
    print_report(&report, asks.format, |out, report| {
        lock_face::write_result(out, report, &comparison.target.selector)
    })?;
    Ok(Exit::Ok)
}

/// Who is asked before a lock is replaced.
#[derive(Clone, Copy)]
struct Asks {
    /// Nobody: the answer is yes.
    yes: bool,
    /// Whether there is a person at a terminal.
    on_terminal: bool,
    format: Format,
}

impl Asks {
    fn new(format: Format, env: &Env) -> Self {
        Self { yes: false, on_terminal: env.asks_on_terminal(), format }
    }

    /// Asks for the second of two answers, if there is a person; the first one is that nothing happens.
    fn confirm(self, question: &str, answers: [&str; 2]) -> anyhow::Result<bool> {
        if self.yes || !self.on_terminal {
            return Ok(self.yes);
        }
        let prompter = Prompter::new().context("The terminal cannot be used. Answer with --yes")?;
        let answers = answers.map(str::to_owned);
        let chosen =
            prompter.select_item(question, &answers).context("The terminal cannot be read. Answer with --yes")?;
        Ok(chosen == Some(1))
    }
}
