//! The signals that end a session, as one stream, and the one that tells of a child of ours.

use std::io;

use super::child::Stop;

#[cfg(unix)]
mod platform {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::{Stop, io};
    use crate::proxy::child::{ignores_hangup, unblock_signals};

    /// SIGTERM, SIGINT and SIGHUP.
    #[derive(Debug)]
    pub(in crate::proxy) struct Signals {
        terminate: Signal,
        interrupt: Signal,
        /// `None` where it was ignored when we were started, and so stays, for the server too.
        hangup: Option<Signal>,
    }

    /// Tells when a child of ours has ended.
    #[derive(Debug)]
    pub(in crate::proxy) struct ChildSignals(Signal);

    impl ChildSignals {
        pub(in crate::proxy) fn new() -> io::Result<Self> {
            Ok(Self(signal(SignalKind::child())?))
        }

        /// Some child has ended, or several. May be dropped and called again.
        pub(in crate::proxy) async fn next(&mut self) {
            self.0.recv().await;
        }
    }

    impl Signals {
        pub(in crate::proxy) fn new() -> io::Result<Self> {
            let hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
            let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
            unblock_signals()?;
            Ok(Self { terminate, interrupt, hangup })
        }

        /// The next signal. May be dropped and called again.
        pub(in crate::proxy) async fn next(&mut self) -> Stop {
            tokio::select! {
                _ = self.terminate.recv() => Stop::Terminate,
                _ = self.interrupt.recv() => Stop::Interrupt,
                Some(_) = received(&mut self.hangup) => Stop::Hangup,
            }
        }
    }

    async fn received(signal: &mut Option<Signal>) -> Option<()> {
        match signal {
            Some(signal) => signal.recv().await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(windows)]
mod platform {
    use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

    use super::{Stop, io};

    /// Ctrl-C, Ctrl-Break and the console that closes.
    #[derive(Debug)]
    pub(in crate::proxy) struct Signals {
        interrupt: CtrlC,
        terminate: CtrlBreak,
        hangup: CtrlClose,
    }

    /// The job needs no watcher, so there is nothing to tell.
    #[derive(Debug)]
    pub(in crate::proxy) struct ChildSignals;

    impl ChildSignals {
        pub(in crate::proxy) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub(in crate::proxy) async fn next(&mut self) {
            std::future::pending().await
        }
    }

    impl Signals {
        pub(in crate::proxy) fn new() -> io::Result<Self> {
            Ok(Self { interrupt: ctrl_c()?, terminate: ctrl_break()?, hangup: ctrl_close()? })
        }

        /// The next signal. May be dropped and called again.
        pub(in crate::proxy) async fn next(&mut self) -> Stop {
            tokio::select! {
                _ = self.interrupt.recv() => Stop::Interrupt,
                _ = self.terminate.recv() => Stop::Terminate,
                _ = self.hangup.recv() => Stop::Hangup,
            }
        }
    }
}

pub(super) use platform::{ChildSignals, Signals};
