//! A client and what it talks to: the server itself, or the server behind something.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use policylayer::lock::Lock;

use crate::lines::{self, BEFORE_ID, LARGE, SMALL_REST};

/// What stands between the client and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Between {
    Nothing,
    Relay,
    Wrapper,
    /// The program of somebody else with this number.
    Peer(usize),
}

/// A program of somebody else: its name, and the words before those of the server.
pub(crate) struct Peer {
    pub(crate) name: String,
    words: Vec<String>,
}

/// A home of its own for the wrapper, with the policy in it and nothing else, and the program that is measured.
pub(crate) struct Home {
    directory: tempfile::TempDir,
    pub(crate) program: PathBuf,
    pub(crate) peers: Vec<Peer>,
}

impl Home {
    pub(crate) fn new(program: PathBuf) -> io::Result<Self> {
        Self::with_policy(program, &lines::policy())
    }

    /// The same with another policy.
    pub(crate) fn with_policy(program: PathBuf, policy: &str) -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let policies = directory.path().join("config/policylayer/policies");
        fs::create_dir_all(&policies)?;
        fs::write(policies.join("echo.toml"), policy)?;
        Ok(Self { directory, program, peers: Vec::new() })
    }

    /// Has `PEERS` measured as well: `name=command`, and more of them after `;`. The server's words go after the command's.
    pub(crate) fn with_peers(mut self) -> Self {
        let peers = std::env::var("PEERS").unwrap_or_default();
        let named = peers.split(';').filter_map(|peer| peer.split_once('='));
        let words = |command: &str| command.split_whitespace().map(str::to_owned).collect();
        self.peers =
            named.map(|(name, command)| Peer { name: name.trim().to_owned(), words: words(command) }).collect();
        self
    }

    pub(crate) fn between(&self) -> Vec<Between> {
        let ours = [Between::Nothing, Between::Relay, Between::Wrapper];
        ours.into_iter().chain((0..self.peers.len()).map(Between::Peer)).collect()
    }

    /// The size of the wrapper's log, of all its files.
    pub(crate) fn log_size(&self) -> u64 {
        let files = fs::read_dir(self.path("state/policylayer/audit")).into_iter().flatten().flatten();
        files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
    }

    /// Puts a lock beside the policy.
    pub(crate) fn lock(&self, lock: &Lock) -> io::Result<()> {
        fs::write(self.path("config/policylayer/policies/echo.lock.json"), lock.write())
    }

    /// The wrapper's session, begun by another program that is put before it.
    pub(crate) fn under_wrapper(&self, mut command: Command) -> io::Result<Command> {
        command.arg(&self.program).args(["wrap", "--server", "echo", "--"]).arg(std::env::current_exe()?).arg("echo");
        self.use_in(&mut command);
        Ok(command)
    }

    fn use_in<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env_clear().env("HOME", self.path("")).env("XDG_CONFIG_HOME", self.path("config"));
        command.env("XDG_STATE_HOME", self.path("state"))
    }

    fn path(&self, of: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(of)
    }
}

/// A running session, seen from its client.
pub(crate) struct Session {
    between: Between,
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    buffer: Vec<u8>,
    next_id: usize,
}

impl Session {
    pub(crate) fn start(between: Between, home: &Home) -> io::Result<Self> {
        let this = std::env::current_exe()?;
        let mut command = match between {
            Between::Nothing => Command::new(&this),
            Between::Relay => {
                let mut command = Command::new(&this);
                command.arg("relay").arg(&this);
                command
            }
            Between::Wrapper => {
                let mut command = Command::new(&home.program);
                command.args(["wrap", "--server", "echo", "--"]).arg(&this);
                command
            }
            Between::Peer(number) => {
                let words = &home.peers[number].words;
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]).arg(&this);
                command
            }
        };
        home.use_in(command.arg("echo")).stdin(Stdio::piped()).stdout(Stdio::piped());
        // What clients do with it: it is read and shown nowhere.
        command.stderr(Stdio::null());
        let mut child = command.spawn()?;
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Ok(Self { between, child, stdin, stdout, buffer: vec![0; 256 * 1024], next_id: 1 })
    }

    /// A session that is started now, and how long it took from before its start to the first answer.
    pub(crate) fn first_answer(between: Between, home: &Home) -> io::Result<(Duration, Self)> {
        let start = Instant::now();
        let mut session = Self::start(between, home)?;
        session.round_trip()?;
        Ok((start.elapsed(), session))
    }

    /// One call and its answer.
    pub(crate) fn round_trip(&mut self) -> io::Result<Duration> {
        let call = lines::call(self.next_id, "tool_7");
        let expected = format!("{BEFORE_ID}{}{SMALL_REST}", self.next_id);
        self.next_id += 1;
        let start = Instant::now();
        self.stdin.write_all(call.as_bytes())?;
        let mut end = 0;
        while !self.buffer[..end].ends_with(b"\n") {
            end += read(&mut self.stdout, &mut self.buffer[end..])?;
        }
        let took = start.elapsed();
        match self.between {
            // Others may write the same answer in another way.
            Between::Peer(_) => {}
            _ => assert_eq!(String::from_utf8_lossy(&self.buffer[..end]), expected),
        }
        Ok(took)
    }

    /// Writes so many calls without waiting for any answer: how long it takes, how many came through right, and the most private
    /// memory that was seen.
    pub(crate) fn flood(&mut self, count: usize) -> io::Result<(Duration, usize, Option<f64>)> {
        let first = self.next_id;
        self.next_id += count;
        let calls: String = (first..self.next_id).map(|id| lines::call(id, "tool_7")).collect();
        let is_right = memchr::memmem::Finder::new(lines::SMALL_TEXT);
        let id = self.child.id();
        let (stdin, stdout, buffer) = (&mut self.stdin, &mut self.stdout, &mut self.buffer);
        let start = Instant::now();
        thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(calls.as_bytes()));
            let (mut answers, mut right, mut peak, mut begun) = (0, 0, None, Vec::new());
            while answers < count {
                let read = read(stdout, buffer)?;
                begun.extend_from_slice(&buffer[..read]);
                let end = memchr::memrchr(b'\n', &begun).map_or(0, |at| at + 1);
                let rest = begun.split_off(end);
                answers += memchr::memchr_iter(b'\n', &begun).count();
                right += is_right.find_iter(&begun).count();
                begun = rest;
                peak = private_memory_of(id).into_iter().chain(peak).reduce(f64::max);
            }
            Ok((start.elapsed(), right, peak))
        })
    }

    /// Calls with small answers, hundreds in one write and a few thousand under way; how long `count` of them take.
    pub(crate) fn pipelined(&mut self, count: usize) -> io::Result<Duration> {
        const CHUNK: usize = 512;
        self.exchange(count.div_ceil(CHUNK), CHUNK, 8, "tool_7", SMALL_REST.len())
    }

    /// One call of a tool that answers with a result of a size, and how long it takes.
    pub(crate) fn sized(&mut self, tool: &str, rest_length: usize) -> io::Result<Duration> {
        let (call, id) = (lines::call(self.next_id, tool), self.next_id.to_string());
        self.next_id += 1;
        let expected = BEFORE_ID.len() + id.len() + rest_length;
        let (mut length, mut is_whole) = (0, false);
        let start = Instant::now();
        self.stdin.write_all(call.as_bytes())?;
        while !is_whole {
            let count = read(&mut self.stdout, &mut self.buffer)?;
            (length, is_whole) = (length + count, self.buffer[..count].ends_with(b"\n"));
        }
        let took = start.elapsed();
        match length == expected {
            true => Ok(took),
            false => Err(io::Error::other(format!("`{tool}` was answered with {length} bytes instead of {expected}"))),
        }
    }

    /// How long the first process has had a processor, in seconds; only Linux tells.
    pub(crate) fn processor_time(&self) -> Option<f64> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        let nanoseconds = |task: fs::DirEntry| {
            let figures = fs::read_to_string(task.path().join("schedstat")).ok()?;
            figures.split(' ').next()?.parse::<f64>().ok()
        };
        Some(tasks.flatten().filter_map(nanoseconds).sum::<f64>() / 1e9)
    }

    /// Calls with answers of a megabyte, so many of them under way.
    pub(crate) fn large(&mut self, count: usize, under_way: usize) -> io::Result<Duration> {
        self.exchange(count, 1, under_way, LARGE, lines::large_rest().len())
    }

    /// Sends `chunks` of calls, at most `window` of them ahead of the answers.
    fn exchange(
        &mut self,
        chunks: usize,
        chunk: usize,
        window: usize,
        tool: &str,
        rest_length: usize,
    ) -> io::Result<Duration> {
        let first = self.next_id;
        self.next_id += chunks * chunk;
        let ids: Vec<_> = (first..self.next_id).collect();
        let calls: Vec<String> =
            ids.chunks(chunk).map(|ids| ids.iter().map(|id| lines::call(*id, tool)).collect()).collect();
        let expected: usize = ids.iter().map(|id| BEFORE_ID.len() + id.to_string().len() + rest_length).sum();
        let (allow, allowed) = mpsc::channel();
        (0..window).for_each(|_| allow.send(()).unwrap());
        let (stdin, stdout, buffer) = (&mut self.stdin, &mut self.stdout, &mut self.buffer);
        let start = Instant::now();
        let received = thread::scope(|scope| {
            scope.spawn(move || {
                for chunk in calls {
                    // If the reader has failed, it reports that.
                    if allowed.recv().is_err() || stdin.write_all(chunk.as_bytes()).is_err() {
                        return;
                    }
                }
            });
            let (mut answers, mut bytes) = (0, 0);
            while answers < chunks * chunk {
                let count = read(stdout, buffer)?;
                let before = answers / chunk;
                answers += memchr::memchr_iter(b'\n', &buffer[..count]).count();
                bytes += count;
                (before..answers / chunk).for_each(|_| _ = allow.send(()));
            }
            io::Result::Ok(bytes)
        })?;
        let is_other = matches!(self.between, Between::Peer(_));
        assert!(is_other || received == expected, "each call has its answer, and no call was refused");
        Ok(start.elapsed())
    }

    /// The private memory of the first process, in bytes; only Linux tells. Pages of the program and of libraries, which are
    /// shared and can be read from their files again, do not count.
    pub(crate) fn private_memory(&self) -> Option<f64> {
        private_memory_of(self.child.id())
    }

    pub(crate) fn end(mut self) -> io::Result<()> {
        drop(self.stdin);
        self.child.wait().map(drop)
    }
}

fn private_memory_of(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok().map(|kib: f64| kib * 1024.0)
}

fn read(from: &mut ChildStdout, room: &mut [u8]) -> io::Result<usize> {
    match from.read(room)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => Ok(count),
    }
}
