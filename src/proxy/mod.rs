//! The I/O shell: the server as a child process, two pumps that move lines, and the end of a session.
//!
//! Two blocking threads pump bytes and share the engine behind one mutex that is never held across a write. The main
//! thread starts the server and then only waits: for the server, for signals, for the pumps, for time to pass.

pub mod alone;
mod child;
mod client_input;
mod client_output;
mod desk;
mod link;
pub mod notification;
mod pipe;
mod pump;
mod reading;
mod reload;
mod session;
mod signals;
pub mod start_failure;
pub mod stderr;
mod stray;
#[cfg(unix)]
pub mod watcher;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use self::child::Child;
pub use self::child::{StartError, Surroundings};
use self::client_output::ClientOutput;
use self::desk::Desk;
use self::link::{Began, Link, ToClient, ToServer, lock};
use self::pump::{From, Pump, Source, Stopped};
use self::reading::Reading;
pub use self::reload::Reload;
use self::session::{Event, Over, Session};
use self::signals::{ChildSignals, Signals};
use self::stderr::Stderr;
use crate::audit::{self, Log, Trouble};
use crate::engine::{Engine, LocalDesk};
use crate::exit::Exit;
use crate::limits::{MAX_SERVER_REPLIES, SERVER_PIPE};
use crate::policy::ServerName;
use crate::record::Entry;

/// What to run, and what judges its lines.
#[derive(Debug)]
pub struct Wrap {
    /// The server's program and its arguments.
    pub command: Vec<OsString>,
    /// What judges each line.
    pub engine: Engine,
    /// The longest line in either direction, in bytes.
    pub max_message: usize,
    /// How long the server has to end by itself once its stdin is closed.
    pub grace: Duration,
    /// Where the audit log is kept; `None` where there is no place for it.
    pub log: Option<LogPlace>,
    /// The local channel, where a person is asked.
    pub local: Box<dyn LocalDesk>,
    /// Where the policy comes from.
    pub reload: Reload,
    /// Where everything is said that is not protocol.
    pub stderr: Stderr,
}

/// Where a session keeps its audit log, and how.
#[derive(Debug)]
pub struct LogPlace {
    /// The folder.
    pub folder: PathBuf,
    /// The server's name.
    pub server: ServerName,
    /// How large, and how long.
    pub options: audit::Options,
}

/// Runs the server until the session ends, and returns what the wrapper is to end with. To be called on the main thread.
///
/// # Errors
/// When the server cannot be started; nothing was read from stdin then.
pub fn run(wrap: Wrap) -> Result<Exit, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(system)?;
    runtime.block_on(async {
        // Before the server is started, so that from its first moment on a signal ends both.
        let signals = (Signals::new().map_err(system)?, ChildSignals::new().map_err(system)?);
        let (session, threads) = start(wrap, signals)?;
        let link = Arc::clone(&threads.link);
        threads.start().map_err(system)?;
        #[cfg(unix)]
        child::forget_the_start();
        let Over { exit, log_drain } = session.run().await;
        let lost = link.log.as_ref().map_or(0, |log| log.finish(log_drain));
        if lost > 0 {
            tracing::error!(
                "the wrapper ends before {lost} records of the audit log could be written, so they are missing from it; put the \
                 state directory on a faster disk"
            );
        }
        Ok(exit)
    })
}

/// What the threads are started with, once the server runs.
#[derive(Debug)]
struct Threads {
    client: Pump,
    server: Pump,
    replies: Receiver<Vec<u8>>,
    link: Arc<Link>,
    events: UnboundedSender<Event>,
    local: Box<dyn LocalDesk>,
    reload: Reload,
}

fn start(wrap: Wrap, signals: (Signals, ChildSignals)) -> Result<(Session, Threads), StartError> {
    let (stdin, stdout) = (client_input::stdin().map_err(system)?, ClientOutput::stdout().map_err(system)?);
    let (server_reads, we_write) = io::pipe().map_err(system)?;
    let (we_read, server_writes) = io::pipe().map_err(system)?;
    let we_read = file(we_read);
    pipe::widen(&we_read, SERVER_PIPE);
    // So that a large result goes to the client at once, and not in pieces that each wait for it to wake.
    stdout.widen(SERVER_PIPE);
    let to_server = ToServer::new(file(we_write), stdin.clone(), wrap.grace).map_err(system)?;
    let reading = Reading::new(stdin.clone());
    let child = Child::spawn(&wrap.command, None, server_reads, server_writes, Stdio::inherit())?;
    kill_on_panic(&child, wrap.stderr.clone());
    let began = Began::now();
    let engine = Arc::new(Mutex::new(wrap.engine));
    let log = wrap.log.map(|place| start_log(place, Arc::clone(&engine), began)).transpose().map_err(system)?;
    let link = Arc::new(Link {
        engine,
        client: ToClient::new(stdout),
        server: to_server,
        reading,
        max_message: wrap.max_message,
        grace: wrap.grace,
        desk: Desk::default(),
        log,
        began,
        stderr: wrap.stderr,
    });
    let (events, received) = unbounded_channel();
    let (send_reply, replies) = sync_channel(MAX_SERVER_REPLIES);
    let threads = Threads {
        client: Pump::new(From::Client, Source::Client(stdin), Arc::clone(&link)),
        server: Pump::new(From::Server(send_reply), Source::Server(we_read), Arc::clone(&link)),
        replies,
        link: Arc::clone(&link),
        events,
        local: wrap.local,
        reload: wrap.reload,
    };
    Ok((Session::new(child, link, signals, received), threads))
}

impl Threads {
    /// Starts two pumps, the thread that takes our replies to the server, and the one that watches the policy. They end
    /// with the process.
    fn start(self) -> io::Result<()> {
        let Self { client, server, replies, link, events, local, reload } = self;
        let to_policy = Arc::clone(&link);
        let server_events = events.clone();
        named("server").spawn(move || {
            // Drops our end of the server's stdout before it tells, as a client that leaves would.
            let stopped = server.run();
            let _ = server_events.send(match stopped {
                Stopped::SourceClosed => Event::ServerClosed,
                Stopped::ClientGone => Event::ClientGone,
            });
        })?;
        let to_server = Arc::clone(&link);
        named("replies").spawn(move || {
            for reply in replies {
                let _ = to_server.server.write(&reply);
            }
        })?;
        desk::sit(Arc::clone(&link), local)?;
        named("client").spawn(move || {
            let stopped = client.run();
            link.reading.stop();
            link.server.close();
            let _ = events.send(match stopped {
                Stopped::SourceClosed => Event::ClientClosed,
                Stopped::ClientGone => Event::ClientGone,
            });
        })?;
        // Last: it costs more to start than all the rest, and can wait.
        reload::watch(reload, to_policy)
    }
}

fn start_log(place: LogPlace, engine: Arc<Mutex<Engine>>, began: Began) -> io::Result<Log> {
    let unanswered = move |entries: &mut Vec<Entry>| lock(&engine).unanswered(began.time(), entries);
    let say = |trouble: Trouble| match trouble {
        Trouble::Unwritable(_) => tracing::error!("{trouble}"),
        Trouble::Written { .. } | Trouble::Behind { .. } | Trouble::Beside(_) => tracing::warn!("{trouble}"),
    };
    Log::start(place.folder, &place.server, place.options, Box::new(say), Box::new(unanswered))
}

fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
}

/// A panic ends the process at once in a release; the server's group must not outlive it.
fn kill_on_panic(child: &Child, stderr: Stderr) {
    let group = child.group();
    std::panic::set_hook(Box::new(move |panic| {
        group.kill();
        stderr.say(format!("policylayer ERROR {panic}\n").as_bytes());
        stderr.finish();
    }));
}

#[cfg(unix)]
fn file(pipe: impl Into<std::os::fd::OwnedFd>) -> File {
    File::from(pipe.into())
}

#[cfg(windows)]
fn file(pipe: impl Into<std::os::windows::io::OwnedHandle>) -> File {
    File::from(pipe.into())
}

fn system(error: io::Error) -> StartError {
    StartError::System(error)
}
