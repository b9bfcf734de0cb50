//! A server without a session: started as the wrapper starts it, used by the caller, and stopped as the MCP
//! specification says.

use std::ffi::OsString;
use std::io;
use std::process;
use std::time::Duration;

use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::time::timeout;

use super::NamedIn;
use super::child::{OurEnds, ServerEnds, ServerExit, SpawnEnv, StartError, Stop};
use super::pipe::into_handle;
use super::signals::Signals;
use super::upstream::{StartingUpstream, Upstream, UpstreamTarget};
use crate::env::Env;
use crate::limits::{DRAIN, KILL_WAIT, MAX_OFFER, SIGNAL_GRACE, TERM_GRACE};

/// A running server, and the signals that end it with us.
#[derive(Debug)]
pub struct ProbeServer {
    upstream: Upstream,
    signals: Signals,
    stopped_by: Option<Stop>,
    ended: Option<ServerExit>,
}

/// Our ends of the server's pipes.
#[derive(Debug)]
pub struct Pipes {
    /// What the server reads.
    pub stdin: ChildStdin,
    /// What the server answers.
    pub stdout: ChildStdout,
    /// Everything that is not protocol.
    pub stderr: ChildStderr,
}

impl Pipes {
    /// Opens the pipes, and returns the server's ends as well.
    fn open() -> io::Result<(Self, ServerEnds)> {
        let (ours, ends) = OurEnds::open()?;
        let pipes = Self {
            stdin: ChildStdin::from_std(process::ChildStdin::from(into_handle(ours.stdin)))?,
            stdout: ChildStdout::from_std(process::ChildStdout::from(into_handle(ours.stdout)))?,
            stderr: ChildStderr::from_std(process::ChildStderr::from(into_handle(ours.stderr)))?,
        };
        Ok((pipes, ends))
    }
}

/// How the probe of a server ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeExit {
    /// The server ended by itself, as in "it exited with code 1".
    Itself(String),
    /// A signal ended us.
    Interrupted,
    /// We stopped the server.
    Stopped,
}

impl ProbeServer {
    /// Starts the server, or reaches it over HTTP if the first word is its address, in `spawn_env` if that is not our own environment. Call this on the main thread, in a tokio
    /// runtime.
    ///
    /// # Errors
    /// Returns an error if it cannot be started.
    pub fn start_server(command: &[OsString], spawn_env: Option<&SpawnEnv>) -> Result<(Self, Pipes), StartError> {
        let system = StartError::system_refused;
        let signals = Signals::new().map_err(system)?;
        let (pipes, ends) = Pipes::open().map_err(system)?;
        let env = spawn_env.map_or_else(Env::capture, |spawn_env| Env::new(spawn_env.vars.clone(), &spawn_env.dir));
        let target = UpstreamTarget::from_words(command.to_vec(), &env, MAX_OFFER);
        let place = if spawn_env.is_some() { NamedIn::EntryElsewhere } else { NamedIn::Terminal };
        let target = target.map_err(|error| StartError::unusable_target(&error, place))?;
        let upstream = StartingUpstream::begin(&target, spawn_env, ends)?.wait_started()?;
        Ok((Self { upstream, signals, stopped_by: None, ended: None }, pipes))
    }

    /// Runs `talk` until it is done; `None` if the server, or a signal to us, ends it earlier.
    pub async fn run_until<T>(&mut self, talk: impl Future<Output = T>) -> Option<T> {
        let mut talk = std::pin::pin!(talk);
        tokio::select! {
            biased;
            said = &mut talk => Some(said),
            stop = self.signals.next_signal() => {
                self.stopped_by = Some(stop);
                None
            }
            ended = self.upstream.wait_for_exit() => {
                self.ended = Some(ended);
                // Its last lines may still be in its pipe.
                timeout(DRAIN, talk).await.ok()
            }
        }
    }

    /// Stops the server, whose stdin is closed. It has `grace` to end by itself, then it is asked to end, and then it
    /// is killed, with all that it started.
    pub async fn stop_server(mut self, grace: Duration) -> ProbeExit {
        if self.ended.is_none() && self.stopped_by.is_none() {
            self.wait_for_exit(grace).await;
        }
        let gone = match (&self.ended, self.stopped_by) {
            (_, Some(_)) => ProbeExit::Interrupted,
            (Some(ended), None) => ProbeExit::Itself(ended.how.clone()),
            (None, None) => ProbeExit::Stopped,
        };
        if self.ended.is_none() {
            let (stop, patience) = match self.stopped_by {
                Some(stop) => (stop, SIGNAL_GRACE),
                None => (Stop::Terminate, TERM_GRACE),
            };
            self.upstream.request_stop(stop);
            self.wait_for_exit(patience).await;
        }
        if self.ended.is_none() {
            self.upstream.kill_all();
            self.wait_for_exit(KILL_WAIT).await;
        }
        self.upstream.kill_and_reap();
        gone
    }

    /// Waits until the server has ended, at most for `patience`, and no longer after a signal to us.
    async fn wait_for_exit(&mut self, patience: Duration) {
        let waited = tokio::select! {
            waited = timeout(patience, self.upstream.wait_for_exit()) => waited.ok(),
            stop = self.signals.next_signal(), if self.stopped_by.is_none() => {
                self.stopped_by = Some(stop);
                None
            }
        };
        self.ended = waited;
    }
}
