//! A session's log as the tests drive it, and the entries that they write.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use policylayer::audit::{AuditLog, LogNotice, LogOptions};
use policylayer::policy::ServerName;
use policylayer::record::{
    ArgumentRecorder, ArgumentsLogged, Direction, Draft, Facts, LineCompleter, LogEntry, Moment, Outcome, Subject,
};

/// The server whose log the tests write.
pub(crate) fn server() -> ServerName {
    ServerName::parse("demo").unwrap()
}

/// A call that passed, as the engine has decided it.
pub(crate) fn draft(number: u64, unix: Duration) -> Draft {
    let subject = Some(Subject::Tool("get_lists"));
    let facts = Facts { subject, ..Facts::new(Direction::Client, Some("tools/call"), "default") };
    let keyed = ArgumentRecorder::new(ArgumentsLogged::Keys, Box::new(|| None));
    let made = Moment { number, unix, session: Duration::from_secs(number) };
    Draft::new(&facts, None, &keyed, made)
}

/// The same, answered.
pub(crate) fn entry(number: u64) -> LogEntry {
    let unix = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    draft(number, unix).finish(Outcome::Ok, Duration::from_secs(number + 1))
}

/// The same, of which nobody knows how it ended.
pub(crate) fn open_entry(number: u64) -> LogEntry {
    let unix = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    draft(number, unix).finish(Outcome::Unknown, Duration::from_secs(number + 1))
}

/// The lines of a file of the log, each as it stands by itself; as it is, if it is no line.
pub(crate) fn complete(text: &str) -> Vec<String> {
    let mut completer = LineCompleter::default();
    text.lines().map(|line| completer.complete(line).unwrap_or(line).to_owned()).collect()
}

/// What a log has said on stderr.
pub(crate) type Said = Arc<Mutex<Vec<LogNotice>>>;

/// Starts a session's log; `open` are its unanswered calls.
pub(crate) fn start(folder: &Path, options: LogOptions, open: Arc<Mutex<Vec<LogEntry>>>) -> (AuditLog, Said) {
    let said = Said::default();
    let say = {
        let said = Arc::clone(&said);
        Box::new(move |trouble| said.lock().unwrap().push(trouble))
    };
    let unanswered = Box::new(move |into: &mut Vec<LogEntry>| into.extend(open.lock().unwrap().iter().cloned()));
    let log = AuditLog::start(folder.to_owned(), &server(), options, say, unanswered).unwrap();
    log.begin();
    (log, said)
}

/// Starts the log of a session in which every call is answered.
pub(crate) fn log(folder: &Path, options: LogOptions) -> (AuditLog, Said) {
    start(folder, options, Arc::default())
}
