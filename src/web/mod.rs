//! The local page of `policylayer ui`: the reports of the subcommands as HTML, served to one person on this machine.
//!
//! ```text
//! connection ─ hyper ─▶ access: Host, Origin, cookie ─▶ route ─▶ page of a report ─▶ answer with its headers
//! ```
//! Pages read and write files, so each is made on a thread of its own and never on the one that serves.

mod access;
mod answer;
mod arguments;
mod assets;
pub(crate) mod browser;
mod change;
mod charts;
mod code_desk;
mod form;
mod inbox;
mod live;
mod lock;
mod log;
mod overview;
mod page;
mod peer;
mod registration;
mod rule;
mod rules;
mod server;
mod site;
mod tool;
mod trial;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use self::access::Access;
use self::site::Site;
use crate::env::Env;
use crate::limits::{MAX_UI_CONNECTIONS, MAX_UI_HEAD, UI_IDLE, UI_REQUEST_TIME};
use crate::proxy::Signals;

/// Why no page is served. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    #[error("The port {0} of 127.0.0.1 cannot be used: {1}. Name another one with --port, or none for a free one.")]
    Port(u16, io::Error),
    #[error("No port of 127.0.0.1 can be used: {0}.")]
    NoPort(io::Error),
    #[error("The page cannot be served: the system provides no random bytes for its address ({0}). Try again.")]
    NoRandomness(#[from] getrandom::Error),
    #[error("The page cannot be served: {0}.")]
    System(#[from] io::Error),
}

/// What ended the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WebEnd {
    /// The person, with ^C, or the system.
    Interrupted,
    /// Nobody asked for a page for an hour.
    Idle,
}

/// A port of this machine that is about to serve the page.
pub(crate) struct WebServer {
    listener: TcpListener,
    site: Arc<Site>,
}

impl WebServer {
    /// Takes the port, or a free one.
    pub(crate) fn bind(port: Option<u16>, env: &Env) -> Result<Self, WebError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or_default()));
        let listener = listener.map_err(|error| match port {
            Some(port) => WebError::Port(port, error),
            None => WebError::NoPort(error),
        })?;
        listener.set_nonblocking(true)?;
        let access = Access::new(listener.local_addr()?.port())?;
        Ok(Self { listener, site: Arc::new(Site::new(access, env.clone())) })
    }

    /// Returns the address that opens the page, once.
    pub(crate) fn address(&self) -> String {
        self.site.access().address()
    }

    /// Serves until the person ends it, or nobody has used it for an hour.
    pub(crate) fn run(self) -> Result<WebEnd, WebError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(16).build()?;
        let end = runtime.block_on(self.serve(UI_IDLE));
        // A page that is being made writes whole files or nothing, and is not waited for.
        runtime.shutdown_background();
        end
    }

    async fn serve(self, idle: Duration) -> Result<WebEnd, WebError> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        // A server that is compared with its lock takes these signals as well, and from then on they end nothing by themselves.
        let mut signals = Signals::new()?;
        let slots = Arc::new(Semaphore::new(MAX_UI_CONNECTIONS));
        let accept = async {
            loop {
                let Ok((stream, peer)) = listener.accept().await else {
                    // Too many open files, for example: others are closed meanwhile.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                if stream.local_addr().is_ok_and(|here| peer::is_foreign(here, peer)) {
                    continue;
                }
                // A connection above the limit is closed by being dropped.
                let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else { continue };
                let site = Arc::clone(&self.site);
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let site = Arc::clone(&site);
                        async move { Ok::<_, std::convert::Infallible>(site.answer_request(request).await) }
                    });
                    let mut builder = http1::Builder::new();
                    builder.timer(TokioTimer::new()).header_read_timeout(UI_REQUEST_TIME).max_buf_size(MAX_UI_HEAD);
                    // What a browser does wrong, or that it goes away, concerns nobody else.
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                    drop(slot);
                });
            }
        };
        tokio::select! {
            () = accept => Ok(WebEnd::Interrupted),
            () = signals.wait_for_any() => Ok(WebEnd::Interrupted),
            () = wait_until_idle(&self.site, idle) => Ok(WebEnd::Idle),
        }
    }
}

/// Waits until nobody has asked for a page for that long.
async fn wait_until_idle(site: &Site, idle: Duration) {
    loop {
        let due = site.last_use() + idle;
        if Instant::now() >= due {
            return;
        }
        sleep_until(due).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_once_nobody_has_used_it_for_long_enough() {
        let server = WebServer::bind(None, &Env::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let started = Instant::now();
        let end = runtime.block_on(server.serve(Duration::from_millis(200)));
        assert_eq!(end.unwrap(), WebEnd::Idle);
        assert!(started.elapsed() >= Duration::from_millis(200));
    }

    #[test]
    fn a_use_puts_the_end_off() {
        let server = WebServer::bind(None, &Env::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let idle = Duration::from_millis(300);
        runtime.block_on(async {
            let started = Instant::now();
            let used = async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                server.site.note_use();
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = wait_until_idle(&server.site, idle) => {}
                () = used => {}
            }
            assert!(started.elapsed() >= idle + Duration::from_millis(200));
        });
    }
}
