//! Every bound on memory and time, in one place (invariant 8). `tests/suite/limits.rs` reaches those of the core,
//! `tests/suite/wrap.rs` and `tests/suite/stderr.rs` those of the I/O layer, `tests/suite/settings.rs` those of
//! config.toml, `tests/suite/inspect.rs` those of a probed server.

mod crowd;
mod http;

use std::time::Duration;

pub use crowd::*;
pub use http::*;

// Results.

/// How many stand-ins a session has at most. A result that needs more is withheld.
pub const MAX_STAND_INS: usize = 50_000;
/// How many bytes the values and their stand-ins take at most.
pub const MAX_STAND_IN_BYTES: usize = 16 * 1024 * 1024;

// Lines and messages.

/// The longest line in either direction unless `--max-message` or config.toml says otherwise, in bytes.
pub const MAX_MESSAGE: usize = 64 * 1024 * 1024;
/// The smallest value of `--max-message`, in bytes: a handshake must fit.
pub const MIN_MESSAGE: usize = 1024;
/// How many lines a pump passes through the engine under one lock.
pub const BATCH_LINES: usize = 256;
/// How many of our answers to the server may wait until it reads them; further ones are dropped with a note.
pub const MAX_SERVER_REPLIES: usize = 256;
/// How much of a stray line of the server is shown on stderr, and the longest line that its own stderr becomes, in bytes.
pub const MAX_STRAY: usize = 8 * 1024;
/// How much of our stderr output may wait for a reader, in bytes; further output is dropped and counted.
pub const MAX_STDERR: usize = 256 * 1024;
/// How much a pump reads at once, in bytes: the capacity of a Linux pipe.
pub const READ_CHUNK: usize = 64 * 1024;
/// A line buffer that grew beyond this for a large message is freed once it is empty, in bytes. Results of a megabyte
/// are common, and a new buffer for each of them would cost more than its decision.
pub const KEEP_BUFFER: usize = 3 * 512 * 1024;
/// How much of the client's output is read ahead on Windows, where only a read shows what is in a pipe, in bytes.
pub const CLIENT_AHEAD: usize = 1024 * 1024;
/// The capacity of the pipes from the server and to the client if the system lets us set it, in bytes: what the server
/// can write ahead while a large line is processed, and what we can pass on before the client wakes. Linux allows every
/// user this much.
pub const SERVER_PIPE: usize = 1024 * 1024;
/// How deeply arrays and objects may nest in a line.
pub const MAX_DEPTH: usize = 256;
/// The longest request id, as written, in bytes. Ids are kept until their requests are answered.
pub const MAX_ID: usize = 1024;
/// The longest tool or prompt name, decoded, in bytes. The specification advises 128 characters.
pub const MAX_NAME: usize = 4096;
/// The longest URI of a resource, decoded, in bytes.
pub const MAX_URI: usize = 8192;
/// How many resources from resources/list are remembered: what is listed is a read under the built-in policy.
pub const MAX_LISTED_RESOURCES: usize = 10_000;
/// The largest total size of their URIs, in bytes.
pub const MAX_LISTED_URI_BYTES: usize = 4 * 1024 * 1024;
/// How many templates from resources/templates/list are remembered.
pub const MAX_LISTED_TEMPLATES: usize = 256;
/// The largest total size of these templates, in bytes. A template that is compared takes some three hundred times as much.
pub const MAX_LISTED_TEMPLATE_BYTES: usize = 64 * 1024;
/// How many apps of tools (`ui://` resources that tools/list names) are remembered, and the largest total size of their
/// URIs and tools, in bytes. Beyond them, such a resource counts as that of a hidden tool.
pub const MAX_LISTED_APPS: usize = 10_000;
/// See [`MAX_LISTED_APPS`].
pub const MAX_LISTED_APP_BYTES: usize = 4 * 1024 * 1024;
/// How much of a key, method or name an error quotes, in characters: it may be as long as its line.
pub const MAX_QUOTED: usize = 80;
/// How many requests may be open in one direction at once; the next one is refused.
pub const MAX_OPEN: usize = 10_000;
/// The largest total size of what is kept of the open requests of one direction, in bytes; the next one is refused. Most
/// of it is what the log keeps of arguments.
pub const MAX_OPEN_BYTES: usize = 16 * 1024 * 1024;
/// How many cancelled requests are remembered per direction, to drop late answers.
pub const MAX_CANCELLED: usize = 1_000;
/// How many pages of tools/list are known again by their digests, with the numbers of what is hidden on them.
pub const MAX_JUDGED_PAGES: usize = 64;
/// How many hidden tools one of them may have.
pub const MAX_JUDGED_HIDDEN: usize = 1_000;
/// How many tool names from tools/list are remembered, to recognise prompts that are named after them and to see
/// whether a new policy shows other tools.
pub const MAX_LISTED_TOOLS: usize = 10_000;
/// The largest total size of these names, and of those that were only called, in bytes each.
pub const MAX_LISTED_NAMES: usize = 4 * 1024 * 1024;
/// The largest item of tools/list that is parsed to classify its tool, in bytes; a larger one may do anything. A parsed
/// item takes some thirty times as much memory.
pub const MAX_CLASSIFIED_ITEM: usize = 256 * 1024;
/// The largest lock file, in bytes: as many definitions as a server can list in a message or two.
pub const MAX_LOCK: usize = MAX_MESSAGE;
/// How many of a client's subscriptions to changes of the list of tools are remembered.
pub const MAX_SUBSCRIPTIONS: usize = 64;

// Files that a person writes, and what is in them.

/// The largest config.toml, in bytes.
pub const MAX_SETTINGS_FILE: usize = 1024 * 1024;
/// The largest file of variables that a client's entry names, in bytes.
pub const MAX_ENV_FILE: usize = 1024 * 1024;
/// The largest configuration file of a client, in bytes. Claude Code keeps its history in the same file.
pub const MAX_CLIENT_FILE: usize = 64 * 1024 * 1024;
/// The largest policy file, in bytes.
pub const MAX_POLICY_FILE: usize = 1024 * 1024;
/// How deeply lists and tables may nest in a policy file.
pub const MAX_POLICY_DEPTH: usize = 32;
/// How many errors and warnings of one policy file are kept; the rest are only counted.
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
/// The largest compiled regular expression, in bytes, and the largest tables that it keeps while it matches.
pub const MAX_REGEX_SIZE: usize = 1024 * 1024;

/// The longest number of a call that conditions compare, in bytes; a longer one cannot be judged.
pub const MAX_JUDGED_NUMBER: usize = 1024;
/// The longest path of a call that `under` resolves, in bytes; no system opens a longer one.
pub const MAX_JUDGED_PATH: usize = 128 * 1024;
/// How much work the conditions on a call may take, in units of about a nanosecond, whatever its length.
pub const JUDGE_WORK: usize = 32 * 1024 * 1024;
/// How much more they may take for each byte of the call. Past it, the call is refused. On a busy machine a unit takes two
/// nanoseconds: `cargo bench` measures 500 rules on calls of 20 MB, and none takes a second.
pub const JUDGE_WORK_PER_BYTE: usize = 16;

/// How much work the judgement of one line may take, its names and its conditions together, in the same units. 10,000 names of
/// 64 characters under 500 globs take half of it at most.
pub const LINE_WORK: usize = 256 * 1024 * 1024;
/// How much more it may take for each byte of the line. Past it, what the line is about is refused, and a list is withheld.
pub const LINE_WORK_PER_BYTE: usize = JUDGE_WORK_PER_BYTE;

// A session: its start, its server, its end.

/// How long the server has to end by itself once its stdin is closed, unless config.toml says otherwise.
pub const GRACE: Duration = Duration::from_secs(5);
/// The largest value of [`GRACE`] in config.toml.
pub const MAX_GRACE: Duration = Duration::from_secs(10 * 60);
/// How long the server has between SIGTERM and SIGKILL once [`GRACE`] is over. Windows has no SIGTERM, so there is
/// nothing to wait for.
pub const TERM_GRACE: Duration = if cfg!(windows) { Duration::ZERO } else { Duration::from_secs(2) };
/// How long the server has between a signal to the wrapper, which is passed on at once, and SIGKILL. Clients send
/// SIGKILL to the wrapper 2 s after SIGTERM, so every process must have ended before.
pub const SIGNAL_GRACE: Duration = Duration::from_millis(1_200);
/// How long SIGKILL may take to end the server before the wrapper ends without it.
pub const KILL_WAIT: Duration = Duration::from_millis(150);
/// How long the watcher goes on killing what the server has started: the system may hold a process that hangs in it,
/// and one that runs as another user may not be killed.
pub const END_CHILDREN: Duration = Duration::from_secs(10);
/// How long what was killed has to end before the watcher looks for what is left.
pub const END_LOOK: Duration = Duration::from_millis(1);
/// How often a writer that is blocked on a full pipe checks whether it should stop.
pub const BLOCKED_LOOK: Duration = Duration::from_millis(50);
/// How long after its start a session begins to watch its policy.
pub const WATCH_AFTER: Duration = Duration::from_millis(50);
/// How often an idle session checks whether the server has closed its stdin, which no event reports.
pub const STDIN_LOOK: Duration = Duration::from_secs(1);
/// How long the output of a dead server may take to drain from its stdout pipe while a grandchild holds the pipe open.
pub const DRAIN: Duration = Duration::from_millis(500);
/// How long requests that a client sent to a dead server are still read, to answer them.
pub const LAST_REQUESTS: Duration = Duration::from_millis(100);
/// How long the end of a session waits for the thread that reads ahead on Windows to empty the client's pipe.
pub const LAST_READ_AHEAD: Duration = Duration::from_millis(10);
/// How often the end of a session checks whether those requests are all answered.
pub const LAST_LOOK: Duration = Duration::from_millis(1);
/// How long the end of the wrapper waits for a reader of its stderr output. Most clients' pipes have space at once.
pub const STDERR_DRAIN: Duration = Duration::from_millis(100);
/// How long the end of the wrapper waits for its own thread to write what it has said, while there is room for it: a busy
/// machine may run it late.
pub const STDERR_LATE: Duration = Duration::from_secs(10);
/// How long the server's stderr output waits for a reader before it is dropped and counted.
pub const STDERR_PATIENCE: Duration = Duration::from_secs(1);
/// How long a failed start waits for the client's first request, to answer it with the reason.
pub const START_FAILURE_WAIT: Duration = Duration::from_secs(5);
/// How often the policy file is checked if the system does not report changes.
pub const RELOAD_POLL: Duration = Duration::from_secs(2);
/// How long a changed policy file may take to settle before it is read: editors write in several steps.
pub const RELOAD_SETTLE: Duration = Duration::from_millis(40);
/// How many links are followed on the way to a policy file; Linux follows as many.
pub const MAX_LINKS: usize = 40;

// Limits and the state store.

/// The shortest sliding window.
pub const MIN_WINDOW: Duration = Duration::from_millis(1);
/// The longest sliding window.
pub const MAX_WINDOW: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// How many entries the log of one counter holds. If more calls fit into a window, entries that are close together are
/// merged; they then count longer, by at most 2/1024 of the window.
pub const MAX_LOG_ENTRIES: usize = 1024;
/// How many counters a session holds in memory.
pub const MAX_COUNTERS: usize = 4096;
/// How long a call waits for a state store that others are writing to: even with 200 wrappers at once, each gets its
/// turn.
pub const STATE_BUSY: Duration = Duration::from_secs(2);
/// The largest state store, in bytes.
pub const MAX_STATE: i64 = 64 * 1024 * 1024;
/// How long the arguments of an answered approval may wait for readers of the state store before they leave its `-wal` file.
pub const WAL_BUSY: Duration = Duration::from_millis(250);
/// How many reservations pass before entries that no longer count are removed from the state store.
pub const PRUNE_EVERY: u32 = 1024;
/// How many calls are remembered that the server answered with `input_required`; the next round of any other counts as a
/// new call.
pub const MAX_OPEN_ROUNDS: usize = 64;
/// How many rounds one call may take (revision 2026-07-28), the first included.
pub const MAX_ROUNDS: u32 = 8;
/// How long after its first round a call may still take another one.
pub const MAX_ROUND_TIME: Duration = Duration::from_secs(10 * 60);
/// How many tasks of this session's calls are remembered; beyond that, the oldest is recorded as unanswered.
pub const MAX_TASKS: usize = 1_000;
/// The largest total size of what is kept of their calls, in bytes.
pub const MAX_TASK_BYTES: usize = 8 * 1024 * 1024;
/// The longest arguments of a task's call that are kept to judge the input of a later `tasks/update`, in bytes.
pub const MAX_TASK_ARGUMENTS: usize = 64 * 1024;

// Policy tests.

/// How many calls one step of a policy test may try.
pub const MAX_TEST_CALLS: u32 = 100_000;

// What the audit log keeps.

/// How much of a client's name, and of its version, the audit log keeps, in characters.
pub const MAX_CLIENT_NAME: usize = 128;
/// How much of a method, of a name or of a resource's URI the audit log keeps, in characters. No name is longer.
pub const MAX_LOGGED_NAME: usize = MAX_NAME;
/// How many keys of a call's arguments the audit log keeps; the rest are only counted.
pub const MAX_LOGGED_KEYS: usize = 64;
/// How much of one key the audit log keeps, in characters.
pub const MAX_LOGGED_KEY: usize = 80;
/// The longest arguments that the audit log keeps in full or redacted, in bytes.
pub const MAX_LOGGED_ARGUMENTS: usize = 64 * 1024;
/// For how many tools it is remembered that only the tool decides about their calls.
pub const MAX_PLAIN_CALLS: usize = 512;
/// How long their names are, in bytes.
pub const MAX_PLAIN_NAME: usize = 256;
/// The longest arguments, in bytes, that are kept for the log's thread; the digest of longer ones is made at once.
pub const MAX_KEPT_ARGUMENTS: usize = 4 * 1024;
/// The most lines of the audit log that one digest covers.
pub const MAX_LOG_BLOCK: u64 = 128;
/// The size at which a file of the audit log is rotated unless config.toml says otherwise, in bytes.
pub const AUDIT_FILE: usize = 32 * 1024 * 1024;
/// The smallest value of [`AUDIT_FILE`] in config.toml, in bytes: a record must fit.
pub const MIN_AUDIT_FILE: usize = 64 * 1024;
/// The largest value of [`AUDIT_FILE`] in config.toml, in bytes.
pub const MAX_AUDIT_FILE: usize = 1024 * 1024 * 1024;
/// How large the log of one server grows with all its files unless config.toml says otherwise, in bytes.
pub const AUDIT_TOTAL: usize = 2 * 1024 * 1024 * 1024;
/// The smallest value of [`AUDIT_TOTAL`] in config.toml, in bytes: two files must fit.
pub const MIN_AUDIT_TOTAL: usize = 2 * MIN_AUDIT_FILE;
/// How many texts of policies are kept for the log of one server.
pub const MAX_KEPT_POLICIES: usize = 256;
/// How many texts of policies a session keeps in memory until a line of the log names them.
pub const MAX_UNNAMED_POLICIES: usize = 8;
/// How far the clock may be set back before what it dates is taken for older than it is.
pub const CLOCK_SLACK: Duration = Duration::from_secs(24 * 60 * 60);
/// How many days the audit log is kept unless config.toml says otherwise.
pub const KEEP_DAYS: u32 = 90;
/// The largest value of [`KEEP_DAYS`] in config.toml.
pub const MAX_KEEP_DAYS: u32 = 3650;

// Approvals.

/// How long a person has to answer a question unless the policy or config.toml says otherwise.
pub const APPROVAL_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// An answer of a client that comes sooner than this is not one of a person, who has to read the question.
pub const READING_TIME: Duration = Duration::from_millis(300);
/// How long a call that a person refused is refused again without asking.
pub const REFUSED_FOR: Duration = Duration::from_secs(60);
/// The smallest value of [`APPROVAL_TIMEOUT`] in config.toml.
pub const MIN_APPROVAL_TIMEOUT: Duration = Duration::from_secs(1);
/// The largest value of [`APPROVAL_TIMEOUT`] in config.toml.
pub const MAX_APPROVAL_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a client is taken to wait for the answer to a call if that is not known: the default of the TypeScript SDK.
pub const CLIENT_WAIT: Duration = Duration::from_secs(60);
/// How long before its client gives up a call is answered.
pub const CLIENT_MARGIN: Duration = Duration::from_secs(5);
/// The smallest value of `waits` for a client in config.toml.
pub const MIN_CLIENT_WAIT: Duration = Duration::from_secs(10);
/// The largest value of `waits` for a client in config.toml, as long as the longest [`APPROVAL_TIMEOUT`].
pub const MAX_CLIENT_WAIT: Duration = MAX_APPROVAL_TIMEOUT;
/// How many calls may wait for a person at once; the next one is refused.
pub const MAX_HELD: usize = 32;
/// The largest total size of their lines, in bytes; a single one may be as long as any line.
pub const MAX_HELD_BYTES: usize = 16 * 1024 * 1024;
/// How many calls are remembered that nobody answered in time.
pub const MAX_LATE: usize = 64;
/// How long at least a late approval holds, for the agent to make the call again.
pub const LATE_APPROVAL: Duration = Duration::from_secs(5 * 60);
/// How many approvals for the rest of the session are remembered; beyond that, the oldest is forgotten.
pub const MAX_GRANTS: usize = 1_000;
/// How long the server has for what the wrapper asks by itself: a preview, or all pages of tools/list.
pub const OWN_REQUEST: Duration = Duration::from_secs(3);
/// How many pages of tools/list the wrapper asks for by itself.
pub const MAX_OWN_PAGES: u32 = 100;
/// How often the wrapper begins a list anew that the server changes while it is read.
pub const MAX_LIST_RESTARTS: u32 = 3;
/// How many log messages are kept for a client that is not ready for them.
pub const MAX_KEPT_MESSAGES: usize = 8;
/// The largest total size of the definitions of one kind that are kept to tell a person what changed, in bytes.
pub const MAX_CHANGED_TEXT: usize = 1024 * 1024;
/// How many changes of a definition a question names.
pub const MAX_ASKED_CHANGES: usize = 8;
/// How much of a new text a question shows, in characters.
pub const MAX_ASKED_TEXT: usize = 160;
/// How many lists that came too late are still learned from when they come.
pub const MAX_LATE_LISTS: usize = 8;
/// How long a line of a preview is, in columns: with its label it fits into a terminal of 80, which breaks none by itself.
pub const PREVIEW_LINE: usize = 56;
/// How much of a preview is shown, in characters; the rest is cut off, and that is said.
pub const MAX_PREVIEW: usize = 1_000;
/// How often a client is told that a call is still waiting.
pub const PROGRESS_EVERY: Duration = Duration::from_secs(5);
/// The longest note from a person to the agent, in characters.
pub const MAX_NOTE: usize = 500;
/// The longest text of a client's dialogue, in characters: what is longer is asked in a terminal only.
pub const MAX_DIALOGUE: usize = 4_000;
/// How wide a dialogue is that shows a number of lines only, in characters: that of a terminal with 80 columns, which indents.
pub const DIALOGUE_WIDTH: usize = 76;

// What a session remembers of results.

/// The size of what is remembered, in bytes: the digests of a million values, and where they came from. Beyond it, every value
/// counts as seen.
pub const MAX_REMEMBERED: usize = 4 * 1024 * 1024 - 64 * 1024;
/// How many sources are told apart: tools, and what they read.
pub const MAX_SOURCES: usize = 4_000;
/// How many of them are kept with what was read; further ones of the same tool are one.
pub const MAX_DETAILED_SOURCES: usize = 1_000;
/// The longest name of a server, of a tool or of what was read that is kept, in characters.
pub const MAX_SOURCE_TEXT: usize = 96;
/// How many tools that were called are kept by their names.
pub const MAX_CALLED_TOOLS: usize = 2_000;
/// Of how many tools a value is remembered.
pub const MAX_ORIGINS: usize = 16;
/// How often the head of a ledger is read while another wrapper writes it.
pub const MAX_LEDGER_HEAD_READS: usize = 1_000;
/// How long the ledger of sessions whose client cannot be told is kept after the last result.
pub const KEEP_UNKNOWN_LEDGER: Duration = Duration::from_secs(24 * 60 * 60);

// Writing and verifying the audit log.

/// The longest line of the audit log that is read, in bytes. No longer line is written: the longest part of one is a
/// reason, and the policy file that contains it has at most [`MAX_POLICY_FILE`].
pub const MAX_LOG_LINE: usize = 8 * 1024 * 1024;
/// The size of the audit log's queue, in bytes.
pub const MAX_LOG_QUEUE: usize = 1024 * 1024;
/// How many written records the log's queue and the engine each keep, so that their memory is used again for the next ones.
pub const MAX_SPENT_RECORDS: usize = 4_096;
/// The size of one write to the audit log, in bytes.
pub const LOG_WRITE: usize = 128 * 1024;
/// How long a record waits for others to be written with it.
pub const LOG_COLLECT: Duration = Duration::from_millis(5);
/// How long a full queue waits for a stuck writer before records are dropped and counted.
pub const LOG_WAIT: Duration = Duration::from_secs(2);
/// How long after a failed write the log is tried again.
pub const LOG_RETRY: Duration = Duration::from_secs(1);
/// How long a recovered log has to work before its next failure is reported on stderr again.
pub const LOG_SAY_AGAIN: Duration = Duration::from_secs(60);
/// How long after a write to the audit log it is synced to the disk.
pub const LOG_SYNC: Duration = Duration::from_secs(1);
/// How many files of the audit log may wait to be synced.
pub const MAX_LOG_UNSYNCED: usize = 64;
/// How long the end of the wrapper waits for the audit log to be written and synced. The client has its answers by
/// then; if it sends a signal meanwhile, the wrapper still ends in time.
pub const LOG_DRAIN: Duration = Duration::from_millis(1_500);
/// The same after a signal, when the wrapper has to end before the client kills it.
pub const LOG_DRAIN_AFTER_SIGNAL: Duration = Duration::from_millis(500);
/// How often unanswered calls are written to the session's journal.
pub const JOURNAL_TICK: Duration = Duration::from_millis(250);
/// How often an idle session checks for unanswered calls.
pub const JOURNAL_IDLE_TICK: Duration = Duration::from_secs(1);
/// How long a session must be without unanswered calls to be idle.
pub const JOURNAL_IDLE: Duration = Duration::from_secs(10);
/// The size from which on answered calls are removed from a journal, in bytes.
pub const JOURNAL_COMPACT: u64 = 1024 * 1024;
/// The largest journal of a session, in bytes: all that can be open in both directions and as tasks, each with what a line
/// has besides. So whatever is open is in it.
pub const MAX_JOURNAL: u64 =
    (2 * (MAX_OPEN_BYTES + MAX_OPEN * JOURNAL_LINE) + MAX_TASK_BYTES + MAX_TASKS * JOURNAL_LINE) as u64;
/// The most that a line of the journal has beyond what is counted of its call: its head, the policy's digest, and what a
/// person was asked and answered.
pub const JOURNAL_LINE: usize = 4 * 1024;
/// How much of the journal is written at once, in bytes.
pub const JOURNAL_CHUNK: usize = 1024 * 1024;
/// How many sessions a verification of the audit log distinguishes.
pub const MAX_VERIFIED_SESSIONS: usize = 1_000_000;
/// How many notes a verification of the audit log keeps; the rest are only counted.
pub const MAX_VERIFY_NOTES: usize = 100;

// Notifications and the local channel.

/// How many desktop notifications wait to be shown; further ones are dropped.
pub const MAX_NOTIFICATIONS: usize = 8;
/// How much of a tool's name a desktop notification shows, in characters; the rest is marked as left out.
pub const MAX_NOTIFIED_NAME: usize = 128;
/// How long a system program may take to show a notification.
pub const NOTIFICATION_PATIENCE: Duration = Duration::from_secs(10);
/// How long `command` of `[approvals]` may take; then it is killed.
pub const COMMAND_PATIENCE: Duration = Duration::from_secs(30);
/// How long the end of the wrapper waits for the end of programs that it has killed.
pub const PROGRAMS_END: Duration = Duration::from_millis(200);
/// How often the local channel is polled for answers while a question is open on it.
pub const APPROVAL_POLL: Duration = Duration::from_millis(150);
/// How long whoever answers on the local channel waits to hear what came of it.
pub const OUTCOME_PATIENCE: Duration = Duration::from_secs(10);
/// How often they look.
pub const OUTCOME_POLL: Duration = Duration::from_millis(20);
/// How much there is to read about a call on the local channel, in bytes: its tool, its arguments, and what is sent beside
/// them. About a call with more, nobody is asked there, because what was cut could not be approved.
pub const MAX_ASKED_ARGUMENTS: usize = 1024 * 1024;
/// The largest total size of what there is to read about all calls that wait on the local channel, in bytes.
pub const MAX_ASKED: i64 = MAX_STATE / 2;
/// How long the local channel keeps the result of a question.
pub const KEEP_ASKED: Duration = Duration::from_secs(24 * 60 * 60);

// Reading the audit log.

/// How often `log --follow` checks for new lines.
pub const FOLLOW_LOOK: Duration = Duration::from_millis(200);
/// How many unreadable lines of the audit log are reported; the rest are only counted.
pub const MAX_UNREADABLE_TOLD: usize = 10;
/// How many rows `log` aligns at once.
pub const ALIGNED_ROWS: usize = 500;
/// How many recorded calls wait to be put in the order of their decisions: lines are written when calls are answered. A
/// call that took longer than this many others is out of order.
pub const MAX_REORDERED: usize = 16_384;
/// The largest total size of their arguments, in bytes.
pub const MAX_REORDERED_ARGUMENTS: usize = 64 * 1024 * 1024;
/// How many sessions are re-decided at once; beyond that, the session that was idle longest is forgotten with its
/// counts.
pub const MAX_REPLAYED_SESSIONS: usize = 4096;
/// How many tools, rules, clients and sessions the summaries of the audit log distinguish.
pub const MAX_TOLD_APART: usize = 10_000;

// Probed servers.

/// How long a probed server may take to start, and then to list what it offers. npx may have to download it first.
pub const OFFER_PATIENCE: Duration = Duration::from_secs(60);
/// How much a probed server may write, in bytes. The largest known list is smaller than a tenth of a megabyte.
pub const MAX_OFFER: usize = 16 * 1024 * 1024;
/// How many pages each of its lists may have.
pub const MAX_OFFER_PAGES: usize = 1_000;
/// How many items each of its lists may have.
pub const MAX_OFFER_ITEMS: usize = MAX_LISTED_TOOLS;
/// How many pages of its apps are read.
pub const MAX_OFFER_APPS: usize = 100;
/// How many requests of a probed server are answered.
pub const MAX_OFFER_REQUESTS: usize = 64;
/// How much of the end of a probed server's stderr is kept, in bytes.
pub const MAX_OFFER_STDERR: usize = 8 * 1024;
/// How long a program may take to print its version.
pub const VERSION_PATIENCE: Duration = Duration::from_secs(5);
/// How much of that output is read, in bytes.
pub const MAX_VERSION_TEXT: u64 = 256;
/// How much of the end of each audit log `doctor` reads for its newest record, in bytes.
pub const NEWEST_RECORD_TAIL: u64 = 256 * 1024;

// Edits of policies.

/// How many edits the history keeps.
pub const MAX_KEPT_EDITS: usize = 200;
/// How much the history keeps, in bytes. An edit has two texts of at most [`MAX_POLICY_FILE`].
pub const MAX_KEPT_EDITS_SIZE: u64 = 16 * 1024 * 1024;

// What launchers keep of packages.

/// The largest file of a launcher that is read for what it says of a package, in bytes: a project's lock file can be long.
pub const MAX_PACKAGE_FILE: usize = 16 * 1024 * 1024;
/// How many entries of a launcher's directory are looked at.
pub const MAX_PACKAGE_ENTRIES: usize = 4_000;
/// The largest program whose digest is taken, in bytes; it is taken at each start of a locked one.
pub const MAX_HASHED_PROGRAM: u64 = 1024 * 1024 * 1024;

// Files and locks that others hold.

/// How long to wait for a file that another program holds open before that is reported. Indexers, antivirus and sync
/// programs hold a file for a moment after a write.
pub const HELD_WAIT: Duration = Duration::from_secs(2);
/// The first pause between two attempts at such a file; each pause is twice as long as the one before.
pub const HELD_FIRST_PAUSE: Duration = Duration::from_millis(5);
/// The longest of these pauses.
pub const HELD_LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// The first pause on Windows between two attempts at a lock that another process holds; each is twice as long as the
/// one before.
pub const LOCK_FIRST_PAUSE: Duration = Duration::from_micros(250);
/// The longest of these pauses.
pub const LOCK_LONGEST_PAUSE: Duration = Duration::from_millis(4);

// The page of `ui`.

/// How long nobody asks for a page until `ui` ends.
pub const UI_IDLE: Duration = Duration::from_secs(60 * 60);
/// How long a browser may take for the head of a request, and again for its body.
pub const UI_REQUEST_TIME: Duration = Duration::from_secs(10);
/// How many connections are served at once; others are closed.
pub const MAX_UI_CONNECTIONS: usize = 64;
/// How many pages are kept up to date at once; the oldest gives way. A browser has six connections to one place, and needs some
/// for what the person clicks.
pub const MAX_UI_STREAMS: usize = 4;
/// How often a page that is kept up to date looks at the files for changes.
pub const UI_LOOK: Duration = Duration::from_millis(500);
/// How often it looks for what no file tells: that a session has ended, or the time of a call is over.
pub const UI_SWEEP: Duration = Duration::from_secs(2);
/// How often it says that it is still there.
pub const UI_BEAT: Duration = Duration::from_secs(15);
/// How many new lines of the log are sent to a page at once; of more, only that they are there.
pub const MAX_UI_LINES: usize = 50;
/// How many logs that pages show are kept open, to be followed.
pub const MAX_UI_FOLLOWED: usize = 8;
/// How long the terminal asks for the code of one call until it may ask for that of another.
pub const UI_CODE_TIME: Duration = Duration::from_secs(120);
/// How long the head of a request may be, in bytes.
pub const MAX_UI_HEAD: usize = 16 * 1024;
/// How long a form may be, in bytes: a policy of [`MAX_POLICY_FILE`], of which every byte is written as three, and what goes with it.
pub const MAX_UI_FORM: usize = 3 * MAX_POLICY_FILE + 256 * 1024;
