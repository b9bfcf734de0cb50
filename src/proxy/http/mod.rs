//! A server over HTTP, as a session sees a server: lines go in, lines come out, and it ends.
//!
//! ```text
//! pipe ─▶ line ─▶ POST of these bytes ─▶ body or events ─▶ one line each ─▶ pipe
//!                 GET (until 2025-11-25) ─▶ events ────────────────────────▶
//! ```
//! A thread of its own runs this. A session with a process never starts it, nor TLS.

mod client_line;
mod connection;
mod exchange;
mod forward_proxy;
mod listener;
mod oauth;
mod param_headers;
mod reach;
mod redirect;
mod sent_secrets;
mod target;
mod transport;
mod trouble;

use std::io::{self, PipeReader, PipeWriter};
use std::thread;

use tokio::sync::{oneshot, watch};

pub use self::oauth::{
    AuthorizationPage, GivenClient, Kept, LoginError, LoginFacts, LoginOptions, LoginStore, Logout, StoreError,
    StorePlace, find_wanted, log_in, log_out,
};
pub use self::target::{BadTarget, HttpTarget, NamedIn};
use self::transport::Transport;
use super::child::ServerExit;

/// How the session wants it to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Course {
    On,
    /// Give up what is open, and end the session with the server.
    Stop,
    /// End at once.
    Abandon,
}

/// The thread that speaks HTTP.
#[derive(Debug)]
pub(super) struct HttpServer {
    course: watch::Sender<Course>,
    /// Completes when the thread has closed its pipes.
    ended: Option<oneshot::Receiver<ServerExit>>,
}

impl HttpServer {
    pub(super) fn start(target: &HttpTarget, stdin: PipeReader, stdout: PipeWriter) -> io::Result<Self> {
        let (course, courses) = watch::channel(Course::On);
        let (end, ended) = oneshot::channel();
        let target = target.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("http".to_owned()).spawn(move || {
            let exit = runtime.block_on(async {
                match Transport::new(target, stdout) {
                    Ok(transport) => transport.run_until_closed(stdin, courses).await,
                    Err(error) => ServerExit { code: 1, how: format!("its pipe could not be opened: {error}") },
                }
            });
            // What is left of its tasks ends here, and with them the pipes.
            runtime.shutdown_background();
            let _ = end.send(exit);
        })?;
        Ok(Self { course, ended: Some(ended) })
    }

    /// Cancel-safe.
    pub(super) async fn wait_for_exit(&mut self) -> ServerExit {
        let exit = match &mut self.ended {
            Some(ended) => ended.await.unwrap_or_else(|_| ServerExit::unknown()),
            None => ServerExit::unknown(),
        };
        self.ended = None;
        exit
    }

    pub(super) fn request_stop(&self) {
        self.steer(Course::Stop);
    }

    pub(super) fn abandon(&self) {
        self.steer(Course::Abandon);
    }

    fn steer(&self, course: Course) {
        self.course.send_if_modified(|now| {
            let is_later = course > *now;
            *now = course.max(*now);
            is_later
        });
    }
}
