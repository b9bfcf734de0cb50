//! The signals that end a session, as one stream.

use std::future::pending;
use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal as Hangup, Signal as Interrupt, Signal as Terminate, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::{
    CtrlBreak as Terminate, CtrlC as Interrupt, CtrlClose as Hangup, ctrl_break, ctrl_c, ctrl_close,
};

use super::child::Stop;

/// SIGTERM, SIGINT and SIGHUP; on Windows Ctrl-Break, Ctrl-C and the closing of the console.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Terminate,
    interrupt: Interrupt,
    /// `None` if it was ignored when we started: it stays ignored, also for the server.
    hangup: Option<Hangup>,
}

impl Signals {
    #[cfg(unix)]
    pub(crate) fn new() -> io::Result<Self> {
        let hangup = if super::child::ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        super::child::reset_signals()?;
        Ok(Self { terminate, interrupt, hangup })
    }

    #[cfg(windows)]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { terminate: ctrl_break()?, interrupt: ctrl_c()?, hangup: Some(ctrl_close()?) })
    }

    /// Waits for any of them.
    pub(crate) async fn wait_for_any(&mut self) {
        let _ = self.next_signal().await;
    }

    /// Cancel-safe.
    pub(super) async fn next_signal(&mut self) -> Stop {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => Stop::Terminate,
            _ = self.interrupt.recv() => Stop::Interrupt,
            Some(()) = hangup => Stop::Hangup,
        }
    }
}
