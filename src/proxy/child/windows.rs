//! The server in its own job. The job ends when our last handle to it closes, so also when we are killed: no watcher is
//! needed. process-wrap sets `JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE` if `KillOnDrop` is requested beside `JobObject`,
//! allows no process to break away, and creates a handle that no child inherits; an inherited one would keep the job
//! alive. The server starts suspended and continues once it is in the job, so that nothing it starts is outside.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use process_wrap::tokio::{ChildWrapper, CommandWrap, CreationFlags, JobObject, KillOnDrop};

use super::{OurEnds, ServerEnds, ServerExit, SpawnEnv, StartError, Stop};
use crate::lookup::{SearchEnv, SearchResult};

const CREATE_NO_WINDOW: u32 = 0x0800_0000;

/// Starts one server.
#[derive(Debug)]
pub(in crate::proxy) struct Starter(ServerEnds);

/// A server that was asked for. It starts when it is waited for, since tokio starts processes only where it runs.
#[derive(Debug)]
pub(in crate::proxy) struct Starting {
    ends: ServerEnds,
    command: Vec<OsString>,
    spawn_env: Option<SpawnEnv>,
}

#[derive(Debug)]
pub(in crate::proxy) struct Child {
    server: Box<dyn ChildWrapper>,
}

impl Starter {
    pub(in crate::proxy) fn new(ends: ServerEnds) -> Result<Self, StartError> {
        Ok(Self(ends))
    }

    /// The same as the first thing that a process does.
    pub(in crate::proxy) fn begin(ours: OurEnds, ends: ServerEnds) -> Result<(OurEnds, Self), StartError> {
        Ok((ours, Self::new(ends)?))
    }

    /// Asks for the server, in `spawn_env` if that is not our own environment.
    pub(in crate::proxy) fn start_server(
        self,
        command: &[OsString],
        spawn_env: Option<&SpawnEnv>,
    ) -> Result<Starting, StartError> {
        Ok(Starting { ends: self.0, command: command.to_vec(), spawn_env: spawn_env.cloned() })
    }
}

impl Starting {
    /// Starts the server. Call this in a tokio runtime.
    pub(in crate::proxy) fn wait_started(self) -> Result<Child, StartError> {
        let Self { ends: ServerEnds { stdin, stdout, stderr }, command, spawn_env } = self;
        let spawn_env = spawn_env.as_ref();
        let (program, args) = super::split_command(&command)?;
        let search = spawn_env.map_or_else(SearchEnv::of_this_process, SpawnEnv::search_env);
        let file = match search.find_program(program) {
            SearchResult::At(file) => file,
            found => return Err(StartError::from_lookup(program, &found, &search)),
        };
        if is_batch(&file) {
            StartError::check_batch(&file, args)?;
        }
        let mut flags = CreationFlags(Default::default());
        if !has_console() {
            // Otherwise the server gets its own console, whose window flashes up in front of a client that has none.
            flags.0.0 = CREATE_NO_WINDOW;
        }
        let mut wrapped = CommandWrap::with_new(&file, |command| {
            command.args(args).stdin(Stdio::from(stdin)).stdout(Stdio::from(stdout)).stderr(Stdio::from(stderr));
            if let Some(SpawnEnv { vars, dir }) = spawn_env {
                command.env_clear().envs(vars.iter().map(|(name, value)| (name, value))).current_dir(dir);
            }
        });
        wrapped.wrap(KillOnDrop).wrap(JobObject).wrap(flags);
        let server = wrapped.spawn().map_err(|error| StartError::from_windows_error(&file, &search, error))?;
        Ok(Child { server })
    }
}

impl Child {
    /// Cancel-safe.
    pub(in crate::proxy) async fn wait_for_exit(&mut self) -> ServerExit {
        match self.server.inner_mut().wait().await {
            Ok(status) => status.code().map_or_else(ServerExit::unknown, ServerExit::from_code),
            Err(_) => ServerExit::unknown(),
        }
    }

    /// Does nothing: a process without a console gets no signal, and one that shares ours has got its Ctrl-C itself.
    /// The server's stdin is closed, which asks it to end.
    pub(in crate::proxy) fn request_stop(&self, _stop: Stop) {}

    pub(in crate::proxy) fn kill_all(&mut self) {
        let _ = self.server.start_kill();
    }

    pub(in crate::proxy) fn kill_and_reap(mut self) {
        self.kill_all();
    }
}

/// Returns whether cmd.exe runs the file.
fn is_batch(file: &Path) -> bool {
    let is = |ending: &str| file.extension().is_some_and(|own| own.eq_ignore_ascii_case(ending));
    is("bat") || is("cmd")
}

/// Returns whether we have a console, hidden or not, that the server shares: then Ctrl-C reaches it too.
fn has_console() -> bool {
    File::options().read(true).write(true).open("CONOUT$").is_ok()
}
