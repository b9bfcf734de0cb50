//! The I/O layer: the server as a child process or over HTTP, two pumps that move lines, and the end of a session.
//!
//! Two blocking threads pump bytes and share the engine behind one mutex that is never held across a write. The main
//! thread starts the server and then only waits for the server, signals, the pumps and deadlines.

mod approval_worker;
mod child;
mod client_input;
pub mod client_process;
mod client_read_state;
mod http;
pub mod notification;
mod outbox;
mod pipe;
pub mod probe_server;
mod pump;
mod raw_output;
mod reload;
mod server_queue;
pub(crate) mod server_text;
mod session;
mod shared_session;
mod signals;
pub mod start_failure;
pub mod stderr;
mod upstream;
#[cfg(unix)]
pub mod watcher;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use self::approval_worker::{ApprovalInbox, ApprovalWorker};
use self::child::OurEnds;
pub use self::child::{AskedStart, EarlyStart, SpawnEnv, StartError};
use self::client_input::ClientInput;
use self::client_read_state::ClientReading;
pub use self::http::{
    AuthorizationPage, BadTarget, GivenClient, HttpTarget, Kept, LoginError, LoginFacts, LoginOptions, LoginStore,
    Logout, NamedIn, StoreError, StorePlace, find_wanted, log_in, log_out,
};
use self::outbox::{Outbox, ServerRoute};
use self::pipe::into_file;
use self::pump::{Pump, PumpSource};
use self::raw_output::RawOutput;
pub use self::reload::Reload;
use self::server_queue::ServerQueue;
use self::server_text::copy_stderr;
use self::session::{PumpEvent, SessionLoop};
use self::shared_session::{ClientWriter, ServerWriter, SessionClock, SharedSession, lock_unpoisoned};
pub(crate) use self::signals::Signals;
use self::stderr::Stderr;
use self::upstream::StartingUpstream;
pub use self::upstream::UpstreamTarget;
use crate::audit::{self, AuditLog, LogNotice};
use crate::engine::{Engine, LocalChannel, SessionEnd};
use crate::exit::Exit;
use crate::limits::{LAST_LOOK, SERVER_PIPE};
use crate::policy::ServerName;
use crate::record::LogEntry;
use crate::wire::frame::Framer;

/// What to run, and how.
#[derive(Debug)]
pub struct Wrap {
    /// The server.
    pub upstream: UpstreamTarget,
    /// Its start, if it is a command that was asked for already.
    pub early: Option<AskedStart>,
    /// Decides on each line.
    pub engine: Engine,
    /// The longest line in either direction, in bytes.
    pub max_message: usize,
    /// How long the server has to end by itself after its stdin is closed.
    pub grace: Duration,
    /// Where the audit log is kept; `None` if none is kept.
    pub log: Option<LogPlace>,
    /// The local channel, on which a person is asked.
    pub local: Box<dyn LocalChannel>,
    /// Where the policy comes from.
    pub reload: Reload,
    /// For everything that is not protocol.
    pub stderr: Stderr,
}

/// Where a session keeps its audit log, and how.
#[derive(Debug)]
pub struct LogPlace {
    /// The directory.
    pub dir: PathBuf,
    /// The server's name.
    pub server: ServerName,
    /// Its size and age.
    pub options: audit::LogOptions,
    /// The text of the policy in force.
    pub policy: audit::PolicyText,
}

/// Runs the server until the session ends, and returns the wrapper's exit code. Call this on the main thread.
///
/// # Errors
/// Returns an error if the server cannot be started; nothing was read from stdin then.
pub fn run_session(wrap: Wrap) -> Result<Exit, StartError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::system_refused)?;
    let exit = runtime.block_on(async { Ok(start_session(wrap)?.run_to_end().await) });
    notification::end_notifications();
    exit
}

fn start_session(wrap: Wrap) -> Result<SessionLoop, StartError> {
    let system = StartError::system_refused;
    // A signal ends both at any time: one that has come before this ends us, and then the watcher ends the server.
    let signals = Signals::new().map_err(system)?;
    let (stdin, stdout) = (client_input::open_stdin().map_err(system)?, RawOutput::open_stdout().map_err(system)?);
    let (ours, starting) = begin_server(&wrap.upstream, wrap.early)?;
    let we_read = into_file(ours.stdout);
    pipe::set_capacity(&we_read, SERVER_PIPE);
    // A large result then goes to the client in one write, not in pieces that each wait for the client to wake.
    stdout.set_capacity(SERVER_PIPE);
    let server = ServerWriter::new(into_file(ours.stdin), stdin.clone(), wrap.grace).map_err(system)?;
    abort_on_panic(wrap.stderr.clone());
    let clock = SessionClock::start_now();
    let provenance = Arc::clone(wrap.engine.provenance());
    let engine = Arc::new(Mutex::new(wrap.engine));
    let log = wrap.log.map(|place| start_log(place, Arc::clone(&engine), clock)).transpose().map_err(system)?;
    let session = Arc::new(SharedSession {
        engine,
        client: ClientWriter::new(stdout),
        server,
        queue: ServerQueue::default(),
        writes_queue: AtomicBool::new(false),
        reading: ClientReading::new(stdin.clone()),
        max_message: wrap.max_message,
        grace: wrap.grace,
        approvals: ApprovalInbox::default(),
        log,
        provenance,
        clock,
        stderr: wrap.stderr,
    });
    let (events, received) = unbounded_channel();
    start_server_pump(&session, we_read, events.clone()).map_err(system)?;
    let (copying, stderr_copied) = channel();
    let stderr = session.stderr.clone();
    let copy = move || {
        copy_stderr(ours.stderr, &stderr);
        drop(copying);
    };
    name_thread("server-stderr").spawn(copy).map_err(system)?;
    ApprovalWorker::wait_for_event(&session, wrap.local);
    let upstream = starting.wait_started()?;
    // A thread that is started now runs at once; one that waits for this may be woken on a processor that the server keeps busy.
    start_client_pump(&session, stdin, events).map_err(system)?;
    Ok(SessionLoop::new(upstream, session, signals, received, stderr_copied).with_watch(wrap.reload))
}

/// Has the server start, if it was not asked for.
fn begin_server(target: &UpstreamTarget, early: Option<AskedStart>) -> Result<(OurEnds, StartingUpstream), StartError> {
    if let Some(AskedStart(asked)) = early {
        return asked.map(|(ours, starting)| (ours, StartingUpstream::Process(starting)));
    }
    let (ours, ends) = OurEnds::open().map_err(StartError::system_refused)?;
    Ok((ours, StartingUpstream::begin(target, None, ends)?))
}

/// Starts a pump, which ends with the process. What most sessions do not need at once starts its thread when it is needed.
fn start_server_pump(
    session: &Arc<SharedSession>,
    server_stdout: File,
    events: UnboundedSender<PumpEvent>,
) -> io::Result<()> {
    let server = Pump::new(PumpSource::Server(server_stdout), Arc::clone(session));
    name_thread("server").spawn(move || {
        // This drops our end of the server's stdout before the event, as a client that leaves would.
        let _ = events.send(server.run_until_closed());
    })?;
    Ok(())
}

/// Starts the other pump.
fn start_client_pump(
    session: &Arc<SharedSession>,
    stdin: ClientInput,
    events: UnboundedSender<PumpEvent>,
) -> io::Result<()> {
    let client = Pump::new(PumpSource::Client(stdin), Arc::clone(session));
    let session = Arc::clone(session);
    name_thread("client").spawn(move || {
        let event = client.run_until_closed();
        session.reading.mark_stopped();
        // Before the server hears of it, or its end would be the reason.
        let end = if event == PumpEvent::ClientGone { SessionEnd::ClientGone } else { SessionEnd::Client };
        let mut told = begin_end(&session, end);
        // What waits for a list of the server goes to it afterwards.
        let began = Instant::now();
        while began.elapsed() < session.grace && lock_unpoisoned(&session.engine).waits_for_lists() {
            thread::sleep(LAST_LOOK);
        }
        session.write_to_server(b"");
        session.server.close_stdin();
        let _ = events.send(event);
        // A client that is gone hears nothing.
        let _ = told.deliver_all(&Framer::new(0));
    })?;
    Ok(())
}

/// Ends what waits for a person, and returns what is still to be written about it.
fn begin_end(session: &Arc<SharedSession>, end: SessionEnd) -> Outbox {
    let mut outbox = Outbox::new(Arc::clone(session), ServerRoute::Queue);
    outbox.decide_without_line(|engine, now, actions| engine.handle_session_end(end, now, actions));
    outbox.hand_over(&Framer::new(0));
    outbox
}

fn start_log(place: LogPlace, engine: Arc<Mutex<Engine>>, clock: SessionClock) -> io::Result<AuditLog> {
    let unanswered =
        move |entries: &mut Vec<LogEntry>| lock_unpoisoned(&engine).collect_unanswered(clock.now(), entries);
    let say = |trouble: LogNotice| match trouble {
        LogNotice::Unwritable(_) => tracing::error!("{trouble}"),
        LogNotice::Written { .. } | LogNotice::Behind { .. } | LogNotice::Beside(_) => tracing::warn!("{trouble}"),
    };
    let log = AuditLog::start(place.dir, &place.server, place.options, Box::new(say), Box::new(unanswered))?;
    log.add_policy(place.policy);
    Ok(log)
}

fn name_thread(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
}

/// A panic ends the process at once, and the server with it: nothing may be forwarded by what is left of us.
fn abort_on_panic(stderr: Stderr) {
    std::panic::set_hook(Box::new(move |panic| {
        stderr.write_text(format!("policylayer ERROR {panic}\n").as_bytes());
        stderr.wait_written();
        std::process::abort();
    }));
}
