//! `policylayer wrap -- CMD`: the server, with the policy in front of it.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use super::Env;
use super::output::{UsageError, exit_code};
use crate::audit::{self, PolicyText};
use crate::cli::{LogLevel, WrapArgs};
use crate::engine::limits::{Limits, Store};
use crate::engine::{ApprovalOptions, Engine, LocalChannel, RoundApproval};
use crate::exit::Exit;
use crate::limits::MAX_MESSAGE;
use crate::package::{HeldStart, check_package, hold_package};
use crate::paths::{self, InForce, LoadedSession, SessionLock, SessionPlace};
use crate::policy::server::find_started;
use crate::policy::{Colour, LockMode, Server, ServerName};
use crate::provenance::{Provenance, Unremembered};
use crate::proxy::stderr::Stderr;
use crate::proxy::{
    self, BadTarget, EarlyStart, LogPlace, NamedIn, Reload, UpstreamTarget, Wrap, client_process, notification,
    start_failure,
};
use crate::record::{ArgumentRecorder, Digest, Enforcement, Required};
use crate::report::identity::Identity;
use crate::settings::{ApprovalSettings, AuditSettings, LocalConfirm};
use crate::state::approvals::{self, AskedServer, Confirm, SessionApprovals, StoredApprovals};
use crate::state::{Clients, Keeping, Ledger, Nowhere, Sqlite};
use crate::term::message;
use crate::visible::{escape_styled, visible_path};

/// Runs a session. A failed start is reported on stderr and to the client, as the answer to its first request.
///
/// # Errors
/// Returns an error if not even the thread that writes to stderr can be started. All other failures are reported here,
/// since the client gets the same message.
pub(crate) fn run(args: &WrapArgs, env: &Env) -> anyhow::Result<Exit> {
    // Before anything else, since a process takes about as long to come up as the policy to be read.
    let early = args.url.is_none().then(EarlyStart::begin);
    let stderr = Stderr::open()?;
    log_to(&stderr, args.log_level, env);
    let exit = wrap(args, env, early, &stderr);
    stderr.start_writer()?;
    let exit = exit.unwrap_or_else(|error| {
        let message = format!("{error:#}");
        report(&message, &stderr, env);
        start_failure::answer_start_failure(&format!("policylayer: {message}"));
        exit_code(&error)
    });
    stderr.wait_written();
    Ok(exit)
}

fn wrap(args: &WrapArgs, env: &Env, early: Option<EarlyStart>, stderr: &Stderr) -> anyhow::Result<Exit> {
    let settings = paths::load_settings(env)?;
    let words = args.server_words();
    if args.url.is_some() {
        // Before anything else, so that what is wrong with it is said first.
        UpstreamTarget::from_address(words.clone(), env, MAX_MESSAGE).map_err(unusable_target)?;
        let is_bridge = || find_started(&args.command).is_some_and(|started| started.is_bridge());
        if !args.command.is_empty() && !is_bridge() {
            let what = "With --url, no command is started. Leave out one of them.";
            return Err(UsageError(what.to_owned()).into());
        }
    }
    let server = settings.server_of_command(args.server.as_ref(), &words)?;
    paths::check_policy_path(args.policy.as_deref(), env)?;
    let place = SessionPlace { named: args.policy.clone(), server, settings, env: env.clone() };
    let session = place.load()?;
    let (server, settings) = (&place.server, &place.settings);
    tracing::info!("{} wraps {server}", env!("CARGO_PKG_VERSION"));
    let command = find_command(words.clone(), server, &session, env)?;
    let audit_dir = find_audit_dir(&settings.audit, env)?;
    let (mut key, mut secret) = ([0; 32], [0; 32]);
    [&mut key, &mut secret].into_iter().try_for_each(|secret| getrandom::fill(secret)).map_err(no_randomness)?;
    let session_code = approvals::random_code(b"0123456789abcdef", 32).map_err(no_randomness)?;
    // What follows is done while the server starts. What may refuse to start it comes before.
    let early = early.map(|early| early.ask(&command));
    let in_force = InForce::new(&session);
    let LoadedSession { loaded, lock } = session;
    let identity = Identity::of_command(loaded.policy.identity(), &words);
    tracing::info!("it is {identity}");
    if let Some(hint) = &identity.hint {
        tracing::warn!("{hint}");
    }
    for line in loaded.policy.summarize().to_string().lines() {
        tracing::info!("{line}");
    }
    for line in loaded.render_warnings(Colour::Plain).lines() {
        tracing::warn!("{line}");
    }
    let keeping = if loaded.policy.has_session_conditions() { Keeping::Always } else { Keeping::IfThere };
    let engine = Engine::new(Arc::new(loaded.policy), store(env)).with_stand_in_key(key);
    let text = loaded.source.as_ref().map_or_else(|| PolicyText::of_builtin(server), PolicyText::of_source);
    let locked = lock.as_ref().map(|lock| lock.digest);
    let (engine, log) = recording(engine, server.name(), (text, locked), audit_dir, &settings.audit);
    let engine = match args.enforcement_mode() {
        Enforcement::Enforced => engine,
        Enforcement::Observed => {
            tracing::warn!(
                "observing: only what breaks the protocol is refused; what the policy would refuse is in the log"
            );
            engine.with_observation()
        }
    };
    let started: Vec<_> = command.iter().map(|word| word.as_encoded_bytes()).collect();
    let started = Digest::of_text(&started.join(&0));
    let (engine, local) = asking(engine, (server.name(), started), (secret, session_code), &settings.approvals, env);
    stderr.start_writer()?;
    let engine = engine.with_provenance(session_memory(keeping, env));
    let (max_message, grace) = (settings.wrap.max_message, settings.wrap.grace);
    let max_message = args.max_message.map_or(max_message, |size| size.0);
    let upstream = match &args.url {
        Some(_) => UpstreamTarget::from_address(command, env, max_message)?.with_name(place.server.name().as_str()),
        None => UpstreamTarget::Command(command),
    };
    let reload = reload(place, in_force);
    let stderr = stderr.clone();
    Ok(proxy::run_session(Wrap { upstream, early, engine, max_message, grace, log, local, reload, stderr })?)
}

fn unusable_target(error: BadTarget) -> UsageError {
    let fix = error.fix(NamedIn::Entry).map(|fix| format!("\nwhat to do: {fix}"));
    UsageError(format!("{error}{}", fix.unwrap_or_default()))
}

/// Returns the command as it is started: under a lock, at the version that was agreed to.
fn find_command(
    words: Vec<OsString>,
    server: &Server,
    session: &LoadedSession,
    env: &Env,
) -> anyhow::Result<Vec<OsString>> {
    let policy = &session.loaded.policy;
    if let Some(lock) = &session.lock {
        return hold_to_lock(words, server, lock, policy.lock_mode(), env);
    }
    if let Some(mode) = policy.written_lock_mode().filter(|mode| *mode != LockMode::Off) {
        tracing::warn!(
            "the policy says lock = \"{mode}\", and there is no lock, so the server is held to none; make one with `policylayer \
             lock {}`",
            server.name()
        );
    }
    Ok(words)
}

/// Returns the command as it is started under a lock: at the locked version, if the lock has one and the command leaves it open.
fn hold_to_lock(
    words: Vec<OsString>,
    server: &Server,
    lock: &SessionLock,
    mode: LockMode,
    env: &Env,
) -> anyhow::Result<Vec<OsString>> {
    let file = visible_path(&lock.path);
    tracing::info!("what it lists is held against the lock {file} ({mode})");
    let Some(locked) = &lock.package else { return Ok(words) };
    let held = match mode {
        LockMode::Warn => {
            let mut notes = Vec::new();
            let checked = check_package(&words, locked, env, &mut notes);
            checked.map(|facts| HeldStart { command: words.clone(), notes, facts })
        }
        LockMode::Hide | LockMode::Ask | LockMode::Required | LockMode::Off => hold_package(&words, locked, env),
    };
    let look = format!("policylayer lock diff {server}");
    match held {
        Ok(HeldStart { command, notes, .. }) => {
            notes.iter().for_each(|note| tracing::info!("{note}"));
            Ok(command)
        }
        Err(mismatch) if mode == LockMode::Warn => {
            tracing::warn!("its package is not the one in its lock {file}: {mismatch}. `{look}` shows what changed");
            Ok(words)
        }
        Err(mismatch) => bail!(
            "The server is not started, because its package is not the one in its lock {file}: {mismatch}.\nwhat to do: look at what \
             changed with `{look}`, and agree to it with `policylayer lock accept --server {server}`"
        ),
    }
}

/// Returns where the log is kept; `None` if there is no place for one, and none is demanded.
fn find_audit_dir(settings: &AuditSettings, env: &Env) -> anyhow::Result<Option<PathBuf>> {
    match (paths::audit_dir(env), settings.required) {
        (Ok(dir), _) => Ok(Some(dir)),
        (Err(error), Required::Yes) => {
            bail!("config.toml requires an audit log, and there is no place for it. {error}")
        }
        (Err(error), Required::No) => {
            tracing::warn!("no audit log is kept: {error}");
            Ok(None)
        }
    }
}

/// Makes the engine record every decision, and returns where the log is.
fn recording(
    engine: Engine,
    server: &ServerName,
    (policy, lock): (PolicyText, Option<Digest>),
    dir: Option<PathBuf>,
    settings: &AuditSettings,
) -> (Engine, Option<LogPlace>) {
    let Some(dir) = dir else { return (engine, None) };
    let key = {
        let dir = dir.clone();
        let mut is_reported = false;
        move || {
            let key = audit::load_key(&dir);
            if let (Err(error), false) = (&key, is_reported) {
                tracing::warn!("the audit log has no digests of arguments: their key cannot be read ({error})");
                is_reported = true;
            }
            key.ok()
        }
    };
    let options = audit::LogOptions {
        max_size: settings.max_size,
        max_total: settings.max_total,
        keep: Duration::from_secs(u64::from(settings.keep_days) * 24 * 60 * 60),
    };
    let recorder = ArgumentRecorder::new(settings.arguments, Box::new(key));
    let mut engine = engine.with_recording(recorder, settings.required);
    engine.name_policy(policy.digest());
    engine.name_lock(lock);
    (engine, Some(LogPlace { dir, server: server.clone(), options, policy }))
}

fn no_randomness(error: getrandom::Error) -> anyhow::Error {
    anyhow!("The system's random number generator failed: {error}")
}

/// Makes the engine ask for approvals, and returns the channel to the persons at this machine.
fn asking(
    engine: Engine,
    (server, command): (&ServerName, Digest),
    (secret, session): ([u8; 32], String),
    settings: &ApprovalSettings,
    env: &Env,
) -> (Engine, Box<dyn LocalChannel>) {
    let (confirm, rounds) = match settings.local_confirm {
        LocalConfirm::None => (Confirm::None, RoundApproval::Once),
        LocalConfirm::Code => (Confirm::Code, RoundApproval::Never),
    };
    let asks = ApprovalOptions {
        channels: settings.channels.clone(),
        timeout: settings.timeout,
        secret,
        clients: settings.client_table(),
        rounds,
        server: Digest::of_text(format!("{server}\0{command}").as_bytes()),
    };
    let dir = match paths::state_dir(env) {
        Ok(dir) => dir,
        Err(error) => return (engine.with_approvals(asks), Box::new(Nowhere(error.to_string()))),
    };
    let asked = AskedServer { name: server.to_string(), command };
    let local = SessionApprovals::new(&dir, paths::STATE_FILE, session, asked, confirm);
    let stored = StoredApprovals::new(&dir, paths::STATE_FILE);
    let local = local.with_announce(notification::start_notifications(server, settings, stored, env));
    (engine.with_approvals(asks), Box::new(local))
}

/// Returns the stores of the counts that outlive a session. They are opened when the first limit needs it.
fn store(env: &Env) -> Box<dyn Store> {
    match paths::state_dir(env) {
        Ok(dir) => {
            let file = dir.join(paths::STATE_FILE);
            let client = Sqlite::for_client(&file, client_process::name_client_process);
            Box::new(Limits::with_shared(Box::new(client), Box::new(Sqlite::new(file))))
        }
        Err(error) => Box::new(Nowhere(error.to_string())),
    }
}

/// Returns what the client's sessions remember of results. Where no policy of this machine asks for it, that is nothing, until
/// one does.
fn session_memory(asked: Keeping, env: &Env) -> Arc<dyn Provenance> {
    let Ok(dir) = paths::state_dir(env) else { return Arc::new(Unremembered) };
    let others_ask = || asked == Keeping::IfThere && paths::may_ask_for_origins(env);
    let keeping = if others_ask() { Keeping::Always } else { asked };
    let clients = Clients { name: client_process::name_client_process, is_running: client_process::is_running };
    let ledger = Ledger::new(dir.join(paths::LEDGER_DIR), keeping, clients);
    if asked == Keeping::Always {
        ledger.begin();
    }
    Arc::new(ledger)
}

fn reload(place: SessionPlace, mut in_force: InForce) -> Reload {
    let SessionPlace { named, server, settings, env } = &place;
    let policies = paths::policy_files(named.as_deref(), server.name(), settings, env);
    Reload {
        files: policies.into_iter().chain(place.lock_files()).collect(),
        look: Box::new(move || place.reload(&mut in_force)),
    }
}

/// Lines on stderr are mixed with the server's own: ours begin with the program's name in place of the time, which the
/// clients' logs add anyway.
struct Name;

impl FormatTime for Name {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        w.write_str("policylayer")
    }
}

/// Reports an error to a person, after everything that was logged before.
fn report(message: &str, stderr: &Stderr, env: &Env) {
    let line = escape_styled(&message::error_line(message));
    let line = if env.colours_stderr() { line } else { anstream::adapter::strip_str(&line).to_string() };
    stderr.write_text(line.as_bytes());
}

/// Shows what is invisible in our lines as codes: they quote names, lines and errors of the server.
struct VisibleLog(Stderr);

impl io::Write for VisibleLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_text(escape_styled(&String::from_utf8_lossy(line)).as_bytes());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn log_to(stderr: &Stderr, level: LogLevel, env: &Env) {
    let stderr = stderr.clone();
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let subscriber = tracing_subscriber::fmt()
        .compact()
        .with_max_level(level)
        .with_target(false)
        .with_timer(Name)
        .with_ansi(env.colours_stderr())
        .with_writer(move || VisibleLog(stderr.clone()))
        // Internal errors would go to stderr, which a client may close; a failure to write there panics.
        .log_internal_errors(false)
        .finish();
    // If another part of the program has already set a subscriber, logs go there.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
