//! The server of a session, wherever it runs: a process of ours, or one that is reached over HTTP. Both are spoken to over
//! pipes, so that nothing else has to know which it is.

use std::ffi::OsString;

use super::child::{Child, ServerEnds, ServerExit, SpawnEnv, StartError, Starter, Starting, Stop};
use super::http::{BadTarget, HttpServer, HttpTarget};
use crate::env::Env;
use crate::wire::http::endpoint::BadEndpoint;

/// What is started, or reached.
#[derive(Clone, Debug)]
pub enum UpstreamTarget {
    /// A program and its arguments.
    Command(Vec<OsString>),
    /// A server over HTTP.
    Http(Box<HttpTarget>),
}

#[derive(Debug)]
pub(super) enum Upstream {
    Process(Child),
    Http(HttpServer),
}

/// A server that is being started.
#[derive(Debug)]
pub(super) enum StartingUpstream {
    Process(Starting),
    Http(HttpServer),
}

impl UpstreamTarget {
    /// Returns the server that these words name: the address of one over HTTP with its headers, or a command.
    ///
    /// # Errors
    /// Returns an error if they name one over HTTP that cannot be used.
    pub fn from_words(words: Vec<OsString>, env: &Env, max_message: usize) -> Result<Self, BadTarget> {
        match HttpTarget::from_words(&words, env, max_message) {
            Some(target) => target.map(|target| Self::Http(Box::new(target))),
            None => Ok(Self::Command(words)),
        }
    }

    /// Says what the server is called, for advice on how to log in.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        if let Self::Http(target) = &mut self {
            target.set_name(name);
        }
        self
    }

    /// As [`Self::from_words`], where the first word is to be an address.
    ///
    /// # Errors
    /// Returns an error if it is none, or cannot be used.
    pub fn from_address(words: Vec<OsString>, env: &Env, max_message: usize) -> Result<Self, BadTarget> {
        match Self::from_words(words, env, max_message)? {
            Self::Command(_) => Err(BadEndpoint::Scheme.into()),
            target => Ok(target),
        }
    }
}

impl StartingUpstream {
    /// Has the server start between three pipes; a process in `spawn_env`, if that is not our own environment.
    pub(super) fn begin(
        target: &UpstreamTarget,
        spawn_env: Option<&SpawnEnv>,
        ends: ServerEnds,
    ) -> Result<Self, StartError> {
        match target {
            UpstreamTarget::Command(command) => Starter::new(ends)?.start_server(command, spawn_env).map(Self::Process),
            UpstreamTarget::Http(target) => {
                HttpServer::start(target, ends.stdin, ends.stdout).map(Self::Http).map_err(StartError::system_refused)
            }
        }
    }

    /// Waits until it has started.
    pub(super) fn wait_started(self) -> Result<Upstream, StartError> {
        match self {
            Self::Process(starting) => starting.wait_started().map(Upstream::Process),
            Self::Http(server) => Ok(Upstream::Http(server)),
        }
    }
}

impl Upstream {
    /// Cancel-safe.
    pub(super) async fn wait_for_exit(&mut self) -> ServerExit {
        match self {
            Self::Process(child) => child.wait_for_exit().await,
            Self::Http(server) => server.wait_for_exit().await,
        }
    }

    pub(super) fn request_stop(&self, stop: Stop) {
        match self {
            Self::Process(child) => child.request_stop(stop),
            Self::Http(server) => server.request_stop(),
        }
    }

    pub(super) fn kill_all(&mut self) {
        match self {
            Self::Process(child) => child.kill_all(),
            Self::Http(server) => server.abandon(),
        }
    }

    pub(super) fn kill_and_reap(self) {
        match self {
            Self::Process(child) => child.kill_and_reap(),
            Self::Http(server) => server.abandon(),
        }
    }
}
