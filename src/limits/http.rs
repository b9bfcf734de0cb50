//! Servers over HTTP.

use std::time::Duration;

/// The longest id of an event that is kept, to resume its stream from it, in bytes.
pub const MAX_EVENT_ID: usize = 1024;
/// How many requests to a server over HTTP may be open at once; the next one is refused. Each holds a message at most.
pub const MAX_HTTP_REQUESTS: usize = 256;
/// How long the head of an answer over HTTP may be, and how much of a body is read at once, in bytes.
pub const MAX_HTTP_HEAD: usize = 64 * 1024;
/// How much is read of a body that comes without success, in bytes.
pub const MAX_HTTP_ERROR: usize = 64 * 1024;
/// How many connections without a request are kept.
pub const MAX_HTTP_IDLE: usize = 8;
/// How long they are kept. Node's servers close them after five seconds.
pub const HTTP_IDLE: Duration = Duration::from_secs(4);
/// How long a connection may take, its TLS included.
pub const HTTP_CONNECT: Duration = Duration::from_secs(15);
/// How long one address of a host has before the next one is tried too.
pub const HTTP_ADDRESS_WAIT: Duration = Duration::from_millis(250);
/// After how long without a byte the system asks whether the other side is still there.
pub const HTTP_KEEPALIVE: Duration = Duration::from_secs(60);
/// How long the head of an answer may take, but for calls, which their client waits for as long as it likes.
pub const HTTP_ANSWER: Duration = Duration::from_secs(60);
/// How long a body may be silent that is no stream of events.
pub const HTTP_SILENCE: Duration = Duration::from_secs(60);
/// How long a stream of events may be silent: as long as it likes.
pub const HTTP_STREAM_SILENCE: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// How long a stream is read on after the answer that it was opened for, so that its connection can be used again.
pub const HTTP_LAST_EVENTS: Duration = Duration::from_secs(1);
/// How long what comes after a notification or an answer of the client waits until the server has taken it.
pub const HTTP_NOTICE: Duration = Duration::from_secs(2);
/// How long the server has to hear that the session is over. It is less than [`SIGNAL_GRACE`](super::SIGNAL_GRACE).
pub const HTTP_FAREWELL: Duration = Duration::from_secs(1);
/// How many tokens of a login are known again in what a server answers.
pub const MAX_SENT_TOKENS: usize = 4;
/// How long such a token is at least, or the value of a header, in bytes: a shorter one is in many words.
pub const MIN_SENT_SECRET: usize = 8;
/// How often JSON may stand inside a string of JSON for it to be found there.
pub const SENT_LAYERS: usize = 5;
/// How many tools may want arguments in headers, how many each, and how deep its schema is looked through.
pub const MAX_PARAM_TOOLS: usize = 1024;
/// See [`MAX_PARAM_TOOLS`].
pub const MAX_PARAM_HEADERS: usize = 32;
/// See [`MAX_PARAM_TOOLS`].
pub const MAX_PARAM_DEPTH: usize = 32;
/// The longest name of such a header, in bytes.
pub const MAX_PARAM_NAME: usize = 128;
/// The longest argument that is sent in a header as well, in bytes.
pub const MAX_PARAM_VALUE: usize = 4096;
/// How often a request is sent again where that is safe.
pub const MAX_HTTP_RETRIES: u32 = 2;
/// The first pause before that; the next one is four times as long.
pub const HTTP_RETRY: Duration = Duration::from_millis(250);
/// How many redirects on one origin are followed.
pub const MAX_HTTP_REDIRECTS: usize = 3;
/// How long a stream that was cut waits before it is resumed, unless the server says otherwise.
pub const HTTP_RESUME: Duration = Duration::from_secs(1);
/// The shortest such pause, whatever the server says.
pub const MIN_HTTP_RESUME: Duration = Duration::from_millis(5);
/// How long the pause becomes where one stream after another brings no message, whatever the server says.
pub const HTTP_IDLE_RESUME: Duration = Duration::from_secs(5);
/// The longest such pause, whatever the server says.
pub const MAX_HTTP_RESUME: Duration = Duration::from_secs(30);
/// How often a stream is resumed that brings nothing.
pub const MAX_HTTP_RESUMES: u32 = 5;

// Logins.

/// How long a document or an answer of an authorization server may be, in bytes.
pub const MAX_LOGIN_DOCUMENT: usize = 256 * 1024;
/// How long a login file may be that is read, in bytes.
pub const MAX_LOGIN_FILE: usize = 2 * MAX_LOGIN_DOCUMENT;
/// How long an authorization server has for one answer, from the connection to its last byte.
pub const LOGIN_ANSWER: Duration = Duration::from_secs(30);
/// How long `login` waits for the person in the browser.
pub const LOGIN_PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How long a browser may take to send the head of what it asks the listener of a login.
pub const LOGIN_REQUEST: Duration = Duration::from_secs(10);
/// How many connections that listener serves at once.
pub const MAX_LOGIN_CONNECTIONS: usize = 16;
/// How long before its end a token is replaced.
pub const LOGIN_MARGIN: Duration = Duration::from_secs(30);
/// How long whoever changes a login is waited for: longer than one renewal takes.
pub const LOGIN_LOCK: Duration = Duration::from_secs(45);
/// How often it is looked whether it is done.
pub const LOGIN_LOOK: Duration = Duration::from_millis(20);
/// How long the system's keychain may take, which can ask the person first.
pub const KEYCHAIN_PATIENCE: Duration = Duration::from_secs(60);
/// How long a keychain that has not given its key is not asked again.
pub const KEYCHAIN_PAUSE: Duration = Duration::from_secs(60);
/// How often it is looked whether it has answered.
pub const KEYCHAIN_LOOK: Duration = Duration::from_millis(10);
