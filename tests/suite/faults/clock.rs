//! A wall clock that jumps: what was counted stays counted, and nothing but limits looks at it.

use std::sync::Arc;

use policylayer::engine::{Action, Engine, Now, Payload};
use policylayer::policy::{self, Format, Server, ServerName, Source};
use policylayer::state::Sqlite;

use super::*;

const LIMITS: &str = r#"{"version":"1","default":"allow","tools":{
    "session":{"rate_limit":{"max":2,"window":60}},
    "day":{"limits":[{"max":1,"window":"day","align":"calendar"}]},
    "shared":{"rate_limit":{"max":2,"window":"minute","scope":"server"}}}}"#;

const DAY: i64 = 24 * 60 * 60;
const YEAR: i64 = 365 * DAY;

/// An engine under [`LIMITS`], and its clocks.
struct Clocked {
    engine: Engine,
    now: Now,
    /// Where the state is kept.
    _folder: tempfile::TempDir,
}

impl Clocked {
    fn new() -> Self {
        let policy = policy::load_policy(
            &Source::new("policy.json", Format::Json, LIMITS),
            &Server::by_name(&ServerName::parse("stub").unwrap()),
        );
        let folder = tempfile::tempdir().unwrap();
        let store = Box::new(Sqlite::new(folder.path().join("state.sqlite3")));
        let engine = Engine::new(Arc::new(policy.policy.unwrap()), store);
        let now = Now { session: Duration::ZERO, unix: Duration::from_secs(1_700_000_000) };
        Self { engine, now, _folder: folder }
    }

    fn jump(&mut self, seconds: i64) {
        let unix = self.now.unix.as_secs().cast_signed() + seconds;
        self.now.unix = Duration::from_secs(unix.max(0).cast_unsigned());
    }

    fn pass(&mut self, time: Duration) {
        self.now.session += time;
        self.now.unix += time;
    }

    /// Whether a call passes. Each is answered, by the server where it passes, and its answer reaches the client.
    fn passes(&mut self, tool: &str) -> bool {
        let mut actions = Vec::new();
        self.engine.handle_client_line(call(1, tool).as_bytes(), self.now, &mut actions);
        let passed = actions.contains(&Action::ToServer(Payload::Received));
        if passed {
            actions.clear();
            self.engine.handle_server_line(br#"{"jsonrpc":"2.0","id":1,"result":{}}"#, self.now, &mut actions);
            assert!(actions.contains(&Action::ToClient(Payload::Received)), "{tool}: the answer passes: {actions:?}");
        } else {
            let is_refusal = |action: &Action| matches!(action, Action::ToClient(Payload::Written(line)) if is_refused(&String::from_utf8_lossy(line)));
            assert!(actions.iter().any(is_refusal), "{tool}: the call is answered: {actions:?}");
        }
        passed
    }
}

/// Windows of a session follow the clock that never jumps.
#[test]
fn neither_opens_nor_closes_a_window_of_the_session() {
    let mut clocked = Clocked::new();
    assert!(clocked.passes("session") && clocked.passes("session"));
    for jump in [YEAR, -2 * YEAR, 60, -60, 1000 * YEAR, -2000 * YEAR, 1] {
        clocked.jump(jump);
        assert!(!clocked.passes("session"), "after {jump} s");
        assert!(clocked.passes("other"));
    }
    clocked.pass(60 * SECOND);
    assert!(clocked.passes("session") && clocked.passes("session") && !clocked.passes("session"));
    for jump in [-YEAR, YEAR, -60] {
        clocked.jump(jump);
        assert!(!clocked.passes("session"), "after {jump} s");
        clocked.pass(60 * SECOND);
        assert!(clocked.passes("session") && clocked.passes("session"), "no more is refused than that");
    }
}

/// Those that follow the wall clock open when it goes forward; set back, it opens none a second time.
#[test]
fn back_frees_nothing_that_was_counted() {
    for (tool, max, window) in [("day", 1, DAY), ("shared", 2, 60)] {
        let mut clocked = Clocked::new();
        let fill = |clocked: &mut Clocked| (0..5).filter(|_| clocked.passes(tool)).count();
        assert_eq!(fill(&mut clocked), max, "{tool}");
        for back in [1, 60, DAY, 100 * YEAR] {
            clocked.jump(-back);
            assert_eq!(fill(&mut clocked), 0, "{tool}: {back} s back");
            clocked.jump(back);
        }
        let mut clocked = Clocked::new();
        assert_eq!(fill(&mut clocked), max, "{tool}");
        for round in 0..3 {
            clocked.jump(window);
            assert_eq!(fill(&mut clocked), max, "{tool}: forward, round {round}");
            clocked.jump(-window);
            assert_eq!(fill(&mut clocked), 0, "{tool}: and back, round {round}");
            clocked.jump(window);
        }
    }
}

/// The shim that cargo builds beside the stub server. Only on Linux is it loaded before the system's own clock.
#[cfg(target_os = "linux")]
fn shim() -> std::path::PathBuf {
    crate::support::system::beside_the_tests("libclock_shim.so")
}

/// A wrapper whose wall clock is the system's and what the file says, and whose state is in this home.
#[cfg(target_os = "linux")]
fn wrapper_with_clock(home: tempfile::TempDir) -> Wrapped {
    let mut command = stub_in(home.path(), &[]);
    command.env("LD_PRELOAD", shim()).env("CLOCK_SHIM_FILE", home.path().join("clock"));
    Wrapped::start(home, command)
}

/// The whole program, whose wall clock jumps while it runs.
#[cfg(target_os = "linux")]
#[test]
fn of_a_running_wrapper_frees_nothing_and_breaks_nothing() {
    // Longer than the test takes, whatever else the machine does: this window follows the clock that does not jump.
    let limits = LIMITS.replace("\"window\":60}", "\"window\":3600}");
    assert_ne!(limits, LIMITS);
    let mut session = wrapper_with_clock(home_with(&limits));
    let jump_to = |session: &Wrapped, seconds: i64| {
        let clock = session.home.path().join("clock");
        fs::write(clock.with_extension("new"), seconds.to_string()).unwrap();
        fs::rename(clock.with_extension("new"), clock).unwrap();
    };
    let fill = |session: &mut Wrapped, tool: &str| (0..4).filter(|_| !is_refused(&ask(session, tool))).count();
    // Noon, so that no day ends while this runs.
    let today = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().cast_signed();
    let noon = DAY / 2 - today % DAY;
    jump_to(&session, noon);
    assert_eq!(["session", "day", "shared"].map(|tool| fill(&mut session, tool)), [2, 1, 2]);
    // What this shows as well: the wrapper's clock has jumped.
    jump_to(&session, noon + 400 * DAY);
    assert_eq!(["session", "day", "shared"].map(|tool| fill(&mut session, tool)), [0, 1, 2]);
    for back in [noon + 399 * DAY, noon, noon - 10 * YEAR, -100 * YEAR] {
        jump_to(&session, back);
        assert_eq!(["session", "day", "shared"].map(|tool| fill(&mut session, tool)), [0, 0, 0], "{back}");
        assert_eq!(fill(&mut session, "other"), 4, "{back}");
    }
    // Beyond what a store can keep: refused, with what to do.
    jump_to(&session, 300 * YEAR);
    let answer = ask(&mut session, "shared");
    assert!(is_refused(&answer) && answer.contains("Set the clock"), "{answer}");
    assert_eq!(fill(&mut session, "other"), 4);
    // A saved policy is still seen, and the end is no later than ever.
    jump_to(&session, -5 * YEAR);
    let file = session.home.path().join("policy.json");
    fs::write(&file, POLICY).unwrap();
    until("the policy is seen", || is_refused(&ask(&mut session, "refused")));
    session.close();
    assert_eq!(code(&mut session), 0);
}

/// Set back between two runs: what the first has counted is still there for the second.
#[cfg(target_os = "linux")]
#[test]
fn between_two_wrappers_frees_nothing() {
    let home = home_with(LIMITS);
    let mut first = wrapper_with_clock(home);
    let fill = |session: &mut Wrapped| (0..4).filter(|_| !is_refused(&ask(session, "shared"))).count();
    assert_eq!(fill(&mut first), 2);
    for (clock, passed) in [(-YEAR, 0), (-100 * YEAR, 0), (YEAR, 2), (0, 0)] {
        fs::write(first.home.path().join("clock"), clock.to_string()).unwrap();
        let mut command = stub_in(first.home.path(), &[]);
        command.env("LD_PRELOAD", shim()).env("CLOCK_SHIM_FILE", first.home.path().join("clock"));
        command.env("XDG_STATE_HOME", first.home.path().join(".local/state"));
        let mut next = Wrapped::start(home_with(LIMITS), command);
        assert_eq!(fill(&mut next), passed, "{clock}");
        next.close();
        assert_eq!(code(&mut next), 0);
    }
}
