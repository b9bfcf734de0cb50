//! Every bound on memory and time, in one place (invariant 8). `tests/suite/limits.rs` reaches those of the core,
//! `tests/suite/wrap.rs` and `tests/suite/stderr.rs` those of the I/O layer, `tests/suite/settings.rs` those of config.toml, `tests/suite/inspect.rs`
//! those of a server that is only looked at.

use std::time::Duration;

// Lines and messages.

/// The longest line in either direction where `--max-message` and config.toml do not say otherwise, in bytes.
pub const MAX_MESSAGE: usize = 64 * 1024 * 1024;
/// The least that `--max-message` may say, in bytes: a handshake must fit.
pub const MIN_MESSAGE: usize = 1024;
/// How many lines a pump passes through the engine at once, under one lock.
pub const BATCH_LINES: usize = 64;
/// How many of our answers to the server may wait for it to read; one more is dropped with a note.
pub const MAX_SERVER_REPLIES: usize = 256;
/// How much of one stray line of the server is shown on stderr, in bytes.
pub const MAX_STRAY: usize = 8 * 1024;
/// How much of what we say on stderr may wait for somebody to read it, in bytes; what is more is dropped and counted.
pub const MAX_STDERR: usize = 256 * 1024;
/// How much a pump reads at once, in bytes: what a Linux pipe holds.
pub const READ_CHUNK: usize = 64 * 1024;
/// A line buffer that grew beyond this for a large message is given back once it is empty, in bytes. Results of a
/// megabyte are common, and a buffer that is made anew for each of them costs more than judging it.
pub const KEEP_BUFFER: usize = 3 * 512 * 1024;
/// How much of what the client sends is read ahead on Windows, where only reading tells what is in a pipe, in bytes.
pub const CLIENT_AHEAD: usize = 1024 * 1024;
/// How much the pipes from the server and to the client hold where the system lets us say so, in bytes: what the server can
/// write ahead while a large line of it is judged, and what we can pass on without waiting for the client to wake. Linux lets everybody have this much.
pub const SERVER_PIPE: usize = 1024 * 1024;
/// How deeply arrays and objects may nest in a line.
pub const MAX_DEPTH: usize = 256;
/// The longest request id, as written, in bytes. Ids are kept until they are answered.
pub const MAX_ID: usize = 1024;
/// The longest tool or prompt name, decoded, in bytes. The specification advises 128 characters.
pub const MAX_NAME: usize = 4096;
/// How much of a key, method or name an error quotes, in characters: what is wrong with it may be as long as its line.
pub const MAX_QUOTED: usize = 80;
/// How many requests may be open in one direction at once; the next one is refused.
pub const MAX_OPEN: usize = 10_000;
/// How many cancelled requests are remembered per direction, to drop their late answers.
pub const MAX_CANCELLED: usize = 1_000;
/// How many names of tools are remembered from tools/list, to know the prompts that are named after them and whether a
/// new policy shows others.
pub const MAX_LISTED_TOOLS: usize = 10_000;
/// The largest item of tools/list that is read for what its tool does, in bytes; a larger one may be anything. Reading takes
/// some thirty times as much room.
pub const MAX_CLASSIFIED_ITEM: usize = 256 * 1024;
/// How many subscriptions of one client are remembered that asked for changes of the list of tools.
pub const MAX_SUBSCRIPTIONS: usize = 64;

// Files that a person writes, and what is in them.

/// The largest config.toml, in bytes.
pub const MAX_SETTINGS_FILE: usize = 1024 * 1024;
/// The largest configuration file of a client, in bytes. Claude Code keeps its history in the same file.
pub const MAX_CLIENT_FILE: usize = 64 * 1024 * 1024;
/// The largest policy file, in bytes.
pub const MAX_POLICY_FILE: usize = 1024 * 1024;
/// How deeply lists and tables may nest in a policy file.
pub const MAX_POLICY_DEPTH: usize = 32;
/// How many errors and warnings of one policy file are kept; the rest is only counted.
pub const MAX_DIAGNOSTICS: usize = 100;
/// How many patterns the globs of one policy may expand to.
pub const MAX_GLOBS: usize = 512;
/// The longest glob in a policy, in characters.
pub const MAX_GLOB_LENGTH: usize = 128;
/// How many patterns the alternatives of one glob may expand to.
pub const MAX_GLOB_ALTERNATIVES: usize = 64;
/// How many conditions one policy may have.
pub const MAX_CONDITIONS: usize = 1_000;
/// How many steps the path of a condition may have.
pub const MAX_PATH_STEPS: usize = 32;
/// The longest regular expression in a policy, in bytes.
pub const MAX_REGEX_LENGTH: usize = 4096;
/// How large a regular expression may become when it is compiled, in bytes, and how large the tables may be that it
/// keeps while it matches.
pub const MAX_REGEX_SIZE: usize = 1024 * 1024;

// A session: its start, its server, its end.

/// How many watchers a session starts, one after the other, before it ends because they do not last.
pub const MAX_WATCHERS: usize = 8;
/// How long the server has to end by itself once its stdin is closed, where config.toml does not say otherwise.
pub const GRACE: Duration = Duration::from_secs(5);
/// The most that config.toml may say of that.
pub const MAX_GRACE: Duration = Duration::from_secs(10 * 60);
/// How long the server has between SIGTERM and SIGKILL when its stdin was closed and grace is over. Windows has nothing to ask it
/// with, so there is nothing to wait for.
pub const TERM_GRACE: Duration = if cfg!(windows) { Duration::ZERO } else { Duration::from_secs(2) };
/// How long the server has between a signal to the wrapper, passed on at once, and SIGKILL. Clients send SIGKILL
/// to the wrapper 2 s after SIGTERM, so all must be gone before.
pub const SIGNAL_GRACE: Duration = Duration::from_millis(1_200);
/// How long SIGKILL may take to end the server before the wrapper ends without waiting for it.
pub const KILL_WAIT: Duration = Duration::from_millis(150);
/// How often a writer that waits for a full pipe looks whether it should stop.
pub const BLOCKED_LOOK: Duration = Duration::from_millis(50);
/// How often a quiet session looks whether the server has closed its stdin, of which no event tells.
pub const STDIN_LOOK: Duration = Duration::from_secs(1);
/// How long what a dead server left in its stdout pipe may take to drain while a grandchild still holds the pipe.
pub const DRAIN: Duration = Duration::from_millis(500);
/// How long the requests that a client has sent to a dead server are still read, to answer them.
pub const LAST_REQUESTS: Duration = Duration::from_millis(100);
/// How long the end of a session leaves the thread that reads ahead on Windows to take what is in the client's pipe already.
pub const LAST_READ_AHEAD: Duration = Duration::from_millis(10);
/// How often the end of a session looks whether those are all answered.
pub const LAST_LOOK: Duration = Duration::from_millis(1);
/// How long the end of the wrapper waits for what it said on stderr to be taken. Most clients' pipes have room at once.
pub const STDERR_DRAIN: Duration = Duration::from_millis(100);
/// How long a failed start waits for the client's first request, to answer it with the reason.
pub const START_FAILURE_WAIT: Duration = Duration::from_secs(5);
/// How often the policy file is looked at where the system does not tell of a change.
pub const RELOAD_POLL: Duration = Duration::from_secs(2);
/// How long a change of the policy file may take to settle before it is read: editors write in several steps.
pub const RELOAD_SETTLE: Duration = Duration::from_millis(40);
/// How many links are followed on the way to a policy file, as many as Linux follows.
pub const MAX_LINKS: usize = 40;

// Limits and the state store.

/// The shortest sliding window.
pub const MIN_WINDOW: Duration = Duration::from_millis(1);
/// The longest sliding window.
pub const MAX_WINDOW: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// How many entries the log of one counter holds. Where more calls fit into a window, entries that are close together
/// are joined; they then count longer, by at most 2/1024 of the window.
pub const MAX_LOG_ENTRIES: usize = 1024;
/// How many counters a session holds in memory.
pub const MAX_COUNTERS: usize = 4096;
/// How long a call waits for a state store that others are writing to: 200 wrappers that count at once all get their turn.
pub const STATE_BUSY: Duration = Duration::from_secs(2);
/// How large the state store may grow, in bytes.
pub const MAX_STATE: i64 = 64 * 1024 * 1024;
/// After how many reservations what no longer counts is removed from the state store.
pub const PRUNE_EVERY: u32 = 1024;
/// How many calls are remembered that the server has answered with `input_required`.
pub const MAX_CONTINUATIONS: usize = 64;
/// The longest arguments of a call that is remembered to go on, in bytes; a longer one counts again.
pub const MAX_CONTINUATION: usize = 64 * 1024;

// Policy tests.

/// How many calls one step of a policy test may try.
pub const MAX_TEST_CALLS: u32 = 100_000;

// What the audit log keeps.

/// How much of a client's name, and of its version, the audit log keeps, in characters.
pub const MAX_CLIENT_NAME: usize = 128;
/// How many keys of a call's arguments the audit log keeps; the rest is only counted.
pub const MAX_LOGGED_KEYS: usize = 64;
/// How much of one key the audit log keeps, in characters.
pub const MAX_LOGGED_KEY: usize = 80;
/// The longest arguments that the audit log keeps in full or redacted, in bytes.
pub const MAX_LOGGED_ARGUMENTS: usize = 64 * 1024;
/// How large one file of the audit log grows where config.toml does not say otherwise, in bytes.
pub const AUDIT_FILE: usize = 32 * 1024 * 1024;
/// The least that config.toml may say of that, in bytes: a record must fit.
pub const MIN_AUDIT_FILE: usize = 64 * 1024;
/// The most that config.toml may say of that, in bytes.
pub const MAX_AUDIT_FILE: usize = 1024 * 1024 * 1024;
/// For how many days the audit log is kept where config.toml does not say otherwise.
pub const KEEP_DAYS: u32 = 90;
/// The most days that config.toml may say.
pub const MAX_KEEP_DAYS: u32 = 3650;

// Approvals.

/// How long a person has to approve a call where neither the policy nor config.toml says otherwise. Clients give up on a
/// call after 60 s.
pub const APPROVAL_TIMEOUT: Duration = Duration::from_secs(55);
/// The least that config.toml may say of that.
pub const MIN_APPROVAL_TIMEOUT: Duration = Duration::from_secs(1);
/// The most that config.toml may say of that.
pub const MAX_APPROVAL_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
/// How many calls may wait for a person at once; the next one is refused.
pub const MAX_HELD: usize = 32;
/// How long the lines of those may be together, in bytes; one alone may be as long as any line.
pub const MAX_HELD_BYTES: usize = 64 * 1024 * 1024;
/// How many calls that nobody answered in time are remembered.
pub const MAX_LATE: usize = 64;
/// How long after a call has timed out a person can still approve a repetition of it.
pub const LATE_APPROVAL: Duration = Duration::from_secs(5 * 60);
/// How many approvals for the rest of the session are remembered; of more, the oldest is asked about again.
pub const MAX_GRANTS: usize = 1_000;
/// How often a client is told that a call still waits.
pub const PROGRESS_EVERY: Duration = Duration::from_secs(5);
/// The longest note of a person to the agent, in characters.
pub const MAX_NOTE: usize = 500;
/// How much of a call's arguments the client's dialogue shows, in characters; the rest is said to be left out.
pub const MAX_SHOWN_ARGUMENTS: usize = 4_000;

// Writing and verifying the audit log.

/// The longest line of the audit log that is read, in bytes. None is written that is longer: the longest part of one is
/// a reason, and a policy file with it has at most [`MAX_POLICY_FILE`].
pub const MAX_LOG_LINE: usize = 8 * 1024 * 1024;
/// How much may wait for the audit log's writer, in bytes.
pub const MAX_LOG_QUEUE: usize = 1024 * 1024;
/// How much the audit log's writer puts into one write, in bytes.
pub const LOG_WRITE: usize = 128 * 1024;
/// How long a record waits for others that are written with it.
pub const LOG_COLLECT: Duration = Duration::from_millis(5);
/// How long a full queue waits for a writer that gets nowhere, before records are dropped and counted.
pub const LOG_WAIT: Duration = Duration::from_secs(2);
/// How long a log that could not be written is left alone before it is tried again.
pub const LOG_RETRY: Duration = Duration::from_secs(1);
/// How long a log that works again has to last before its next failure is said on stderr too.
pub const LOG_SAY_AGAIN: Duration = Duration::from_secs(60);
/// How long what is written to the audit log may wait until it is synced to the disk.
pub const LOG_SYNC: Duration = Duration::from_secs(1);
/// How many files of the audit log may wait to be synced.
pub const MAX_LOG_UNSYNCED: usize = 64;
/// How long the end of the wrapper waits for the audit log to be written and synced. The client has its answers by then; a
/// signal that it sends meanwhile still finds the wrapper gone in time.
pub const LOG_DRAIN: Duration = Duration::from_millis(1_500);
/// The same after a signal, when the wrapper has to be gone before the client kills it.
pub const LOG_DRAIN_AFTER_SIGNAL: Duration = Duration::from_millis(500);
/// How often the calls that are not yet answered are put into the session's journal.
pub const JOURNAL_TICK: Duration = Duration::from_millis(250);
/// How often a session looks for such calls that has long had none.
pub const JOURNAL_IDLE_TICK: Duration = Duration::from_secs(1);
/// How long a session must have had none.
pub const JOURNAL_IDLE: Duration = Duration::from_secs(10);
/// From which size on the answered calls are removed from a journal, in bytes.
pub const JOURNAL_COMPACT: u64 = 1024 * 1024;
/// How large a session's journal may grow, in bytes.
pub const MAX_JOURNAL: u64 = 16 * 1024 * 1024;
/// How many names of sessions a verification of the audit log tells apart.
pub const MAX_VERIFIED_SESSIONS: usize = 1_000_000;
/// How many notes a verification of the audit log keeps; the rest is only counted.
pub const MAX_VERIFY_NOTES: usize = 100;

// Notifications and the local channel.

/// How many desktop notifications wait to be shown; one more is dropped.
pub const MAX_NOTIFICATIONS: usize = 8;
/// How much of a tool's name a desktop notification shows, in characters; the rest is marked as left out.
pub const MAX_NOTIFIED_NAME: usize = 128;
/// How long a program of the system may take to show a notification.
pub const NOTIFICATION_PATIENCE: Duration = Duration::from_secs(10);
/// How often the local channel is polled for answers while a question is open on it.
pub const APPROVAL_POLL: Duration = Duration::from_millis(150);
/// How much of a call's arguments the local channel shows, in bytes; the rest is said to be left out.
pub const MAX_ASKED_ARGUMENTS: usize = 1024 * 1024;
/// How much room the arguments of all calls that wait on the local channel may take, in bytes.
pub const MAX_ASKED: i64 = MAX_STATE / 2;
/// How long the local channel knows what became of a question.
pub const KEEP_ASKED: Duration = Duration::from_secs(24 * 60 * 60);

// Reading the audit log.

/// How often `log --follow` looks for new lines.
pub const FOLLOW_LOOK: Duration = Duration::from_millis(200);
/// How many unreadable lines of the audit log are reported; the rest is only counted.
pub const MAX_UNREADABLE_TOLD: usize = 10;
/// How many rows `log` aligns at once.
pub const ALIGNED_ROWS: usize = 500;
/// How many recorded calls wait to be put in the order in which they were decided: lines are written when calls are
/// answered. A call that took longer than as many others is taken late.
pub const MAX_REORDERED: usize = 65_536;
/// How much the arguments of those may hold together, in bytes.
pub const MAX_REORDERED_ARGUMENTS: usize = 64 * 1024 * 1024;
/// How many sessions are re-decided at once; the one that has been quiet for longest is forgotten, and its counts.
pub const MAX_REPLAYED_SESSIONS: usize = 4096;
/// How many tools, rules, clients and sessions the summaries of the audit log tell apart.
pub const MAX_TOLD_APART: usize = 10_000;

// Servers that are only looked at.

/// How long a server that is only looked at may take to start, and then to tell what it offers. npx may have to download
/// it first.
pub const OFFER_PATIENCE: Duration = Duration::from_secs(60);
/// How much such a server may write, in bytes. The largest list known is less than a tenth of a megabyte.
pub const MAX_OFFER: usize = 16 * 1024 * 1024;
/// How many pages each of its lists may have.
pub const MAX_OFFER_PAGES: usize = 1_000;
/// How many items each of its lists may have.
pub const MAX_OFFER_ITEMS: usize = MAX_LISTED_TOOLS;
/// How many requests of such a server are answered.
pub const MAX_OFFER_REQUESTS: usize = 64;
/// How much of the end of what such a server says on stderr is kept, in bytes.
pub const MAX_OFFER_STDERR: usize = 8 * 1024;
/// How long a program may take to tell its version.
pub const VERSION_PATIENCE: Duration = Duration::from_secs(5);
/// How much of what it prints then is read, in bytes.
pub const MAX_VERSION_TEXT: u64 = 256;
/// How much of the end of each audit log `doctor` reads for its newest record, in bytes.
pub const NEWEST_RECORD_TAIL: u64 = 256 * 1024;

// Files and locks that others hold.

/// How long a file is waited for that another program holds open, before that is said. Indexers, antivirus and sync programs
/// hold a file for a moment after it was written.
pub const HELD_WAIT: Duration = Duration::from_secs(2);
/// How long the first pause is between two tries at such a file; each is twice as long as the one before.
pub const HELD_FIRST_PAUSE: Duration = Duration::from_millis(5);
/// How long the longest of them is.
pub const HELD_LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// How long the first pause is between two tries for a lock that another process has, on Windows; each is twice as long as the
/// one before.
pub const LOCK_FIRST_PAUSE: Duration = Duration::from_micros(250);
/// How long the longest of them is.
pub const LOCK_LONGEST_PAUSE: Duration = Duration::from_millis(4);
