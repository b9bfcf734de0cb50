//! The server in a job of its own. The job ends when our last handle to it closes, so also when we are killed: no watcher is
//! needed.

use std::ffi::OsString;
use std::io::{PipeReader, PipeWriter};
use std::process::Stdio;

use process_wrap::tokio::{ChildWrapper, CommandWrap, JobObject, KillOnDrop};

use super::{Ended, StartError, Stop};

/// The server's process and its job.
#[derive(Debug)]
pub(in crate::proxy) struct Child {
    server: Box<dyn ChildWrapper>,
}

/// Stands for the server's job, which ends by itself when we end.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct Group;

impl Group {
    /// Does nothing: the job ends with our process.
    pub(in crate::proxy) fn kill(self) {}
}

impl Child {
    /// Starts the server between two pipes, with this stderr.
    pub(in crate::proxy) fn spawn(
        command: &[OsString],
        stdin: PipeReader,
        stdout: PipeWriter,
        stderr: Stdio,
    ) -> Result<Self, StartError> {
        let (program, args) = super::split(command)?;
        let mut wrapped = CommandWrap::with_new(program, |command| {
            command.args(args).stdin(Stdio::from(stdin)).stdout(Stdio::from(stdout)).stderr(stderr);
        });
        wrapped.wrap(KillOnDrop).wrap(JobObject);
        let server = wrapped.spawn().map_err(|error| StartError::of(program, error))?;
        Ok(Self { server })
    }

    /// The server's job, for a panic's last act.
    pub(in crate::proxy) fn group(&self) -> Group {
        Group
    }

    /// There is no watcher that could end.
    ///
    /// # Errors
    /// None.
    pub(in crate::proxy) fn keep_watcher(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    /// Waits for the server to end. May be dropped and called again.
    pub(in crate::proxy) async fn wait(&mut self) -> Ended {
        match self.server.inner_mut().wait().await {
            Ok(status) => status.code().map_or_else(Ended::unknown, Ended::exited),
            Err(_) => Ended::unknown(),
        }
    }

    /// Windows has no signal that a process without a console could get: its stdin is closed, and that must do.
    pub(in crate::proxy) fn stop(&self, _stop: Stop) {}

    /// Ends the server and its descendants.
    pub(in crate::proxy) fn kill(&mut self) {
        let _ = self.server.start_kill();
    }

    /// Ends what is left of the job.
    pub(in crate::proxy) fn clear(mut self) {
        self.kill();
    }
}
