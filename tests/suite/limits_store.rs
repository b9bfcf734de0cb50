//! The state store: many wrappers at once, a wrapper that is killed, and a file that is locked, damaged or gone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says so on stderr"
)]

use crate::support::system::PATIENCE;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use policylayer::engine::Now;
use policylayer::engine::limits::{Charge, Denied, Limits, Store};
use policylayer::env::Env;
use policylayer::limits::{MAX_STATE, STATE_BUSY};
use policylayer::paths::state_dir;
use policylayer::policy::Amount;
use policylayer::policy::{Calendar, CounterId, Scope, Window};
use policylayer::state::Sqlite;
use tempfile::TempDir;

fn at(seconds: u64) -> Now {
    Now { session: Duration::ZERO, unix: Duration::from_secs(1_700_000_000 + seconds) }
}

fn id() -> CounterId {
    CounterId::new("stub", "tools.send", "limits[0]")
}

fn charge(counter: &CounterId, max: u64) -> Charge<'_> {
    let window = Window::sliding_of(Duration::from_secs(3600)).unwrap();
    let (max, amount) = (Amount::from_count(max), Amount::ONE);
    Charge { scope: Scope::Server, counter, window, max, amount, limit: 0 }
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn passes(store: &mut Sqlite, max: u64) -> bool {
    match store.reserve_charges(&[charge(&id(), max)], at(0)) {
        Ok(reserved) => !reserved.is_empty(),
        Err(Denied::Exceeded { .. }) => false,
        Err(Denied::Unavailable(why)) => panic!("{why}"),
    }
}

/// Why the store cannot count; it must not let the call pass, and must name the file.
fn unavailable(store: &mut Sqlite, path: &Path) -> String {
    let Err(Denied::Unavailable(why)) = store.reserve_charges(&[charge(&id(), 1000)], at(0)) else {
        panic!("it can be used")
    };
    let why = why.to_string();
    assert!(why.contains(path.to_str().unwrap()), "{why}");
    why
}

#[test]
fn counts_outlive_the_store() {
    let (folder, counter) = (folder(), id());
    let path = folder.path().join("a/b/state.sqlite3");
    let mut store = Sqlite::new(&path);
    assert!(store.reserve_charges(&[Charge { amount: Amount::ZERO, ..charge(&counter, 1) }], at(0)).is_ok());
    assert!(!path.exists(), "it is not made before it is needed");
    for _ in 0..3 {
        assert!(passes(&mut store, 3));
    }
    drop(store);
    let mut store = Sqlite::new(&path);
    let denied = store.reserve_charges(&[charge(&counter, 3)], Now { session: Duration::ZERO, ..at(600) });
    assert_eq!(denied, Err(Denied::Exceeded { limit: 0, retry_after: Some(Duration::from_secs(3000)) }));
    assert!(store.reserve_charges(&[charge(&counter, 3)], at(3599)).is_err());
    let reserved = store.reserve_charges(&[charge(&counter, 3)], at(3600)).unwrap();
    store.refund_reserved(reserved, at(3601)).unwrap();
    let day = Charge { window: Window::Calendar(Calendar::Day), ..charge(&counter, 1) };
    assert!(store.reserve_charges(&[charge(&counter, 3), day], at(3601)).is_ok());
    drop(store);
    let mut store = Sqlite::new(&path);
    assert!(store.reserve_charges(&[charge(&counter, 3), day], at(3602)).is_err(), "the day is used up");
    for _ in 0..2 {
        assert!(
            store.reserve_charges(&[charge(&counter, 3)], at(3602)).is_ok(),
            "all or none: the hour was not charged"
        );
    }
    assert!(store.reserve_charges(&[charge(&counter, 3)], at(3602)).is_err());
}

// The modes of Unix; tests/suite/windows_files.rs has the access list of Windows.
#[cfg(unix)]
#[test]
fn the_file_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let path = folder.path().join("state/state.sqlite3");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut store = Sqlite::new(&path);
    assert!(passes(&mut store, 10));
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for file in fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{file:?}");
    }
    drop(store);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(passes(&mut Sqlite::new(&path), 10));
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn threads_with_their_own_connections_share_one_count() {
    let folder = folder();
    let path = folder.path().join("state.sqlite3");
    let passed: usize = thread::scope(|scope| {
        let all: Vec<_> = (0..10).map(|_| scope.spawn(|| hammer(&path, 150, 40))).collect();
        all.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(passed, 150);
}

/// Tries so many times under a maximum; returns how often it passed. A store that is busy is asked again.
fn hammer(path: &Path, max: u64, tries: usize) -> usize {
    let (mut store, counter) = (Sqlite::new(path), id());
    let mut passed = 0;
    for _ in 0..tries {
        loop {
            match store.reserve_charges(&[charge(&counter, max)], at(0)) {
                Ok(_) => passed += 1,
                Err(Denied::Exceeded { .. }) => {}
                Err(Denied::Unavailable(why)) => {
                    assert!(why.to_string().contains("locked"), "{why}");
                    continue;
                }
            }
            break;
        }
    }
    passed
}

const STORE: &str = "POLICYLAYER_TEST_STORE";

/// This test is the body of the processes that the others start; by itself it has nothing to do.
#[test]
fn process() {
    let Some(path) = std::env::var_os(STORE).map(std::path::PathBuf::from) else { return };
    let tries = std::env::var("TRIES").unwrap().parse().unwrap();
    if tries > 0 {
        let passed = hammer(&path, 150, tries);
        fs::write(path.with_extension(std::process::id().to_string()), passed.to_string()).unwrap();
        return;
    }
    // Until it is killed: a byte is written once for each call that has passed.
    let log = path.with_extension(format!("log{}", std::process::id()));
    let mut log = fs::File::create(log).unwrap();
    loop {
        if hammer(&path, 100_000, 1) == 1 {
            std::io::Write::write_all(&mut log, b".").unwrap();
        }
    }
}

fn start(path: &Path, tries: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "limits_store::process"])
        .env(STORE, path)
        .env("TRIES", tries.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn processes_share_one_count() {
    let folder = folder();
    let path = folder.path().join("state.sqlite3");
    let all: Vec<_> = (0..10).map(|_| start(&path, 40)).collect();
    let mut passed = 0;
    for mut child in all {
        assert!(child.wait().unwrap().success());
        let said = fs::read_to_string(path.with_extension(child.id().to_string())).unwrap();
        passed += said.parse::<u64>().unwrap();
    }
    assert_eq!(passed, 150);
}

#[test]
fn what_a_killed_process_let_through_is_counted() {
    let folder = folder();
    let path = folder.path().join("state.sqlite3");
    for _ in 0..5 {
        let mut children: Vec<_> = (0..3).map(|_| start(&path, 0)).collect();
        let logs: Vec<_> = children.iter().map(|child| path.with_extension(format!("log{}", child.id()))).collect();
        let deadline = Instant::now() + PATIENCE;
        while !logs.iter().all(|log| fs::metadata(log).is_ok_and(|log| log.len() > 5)) {
            assert!(Instant::now() < deadline, "the processes do not get going");
            thread::sleep(Duration::from_millis(2));
        }
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    let logs = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
    let logs = logs.filter(|path| path.extension().is_some_and(|ending| ending.to_string_lossy().starts_with("log")));
    let passed: u64 = logs.map(|log| fs::metadata(log).unwrap().len()).sum();
    // At most one more was counted for each process, which was killed before it could write its byte.
    let mut store = Sqlite::new(&path);
    assert!(!passes(&mut store, passed), "fewer are counted than were let through");
    assert!(passes(&mut store, passed + 15 + 1), "more are counted than could have been let through");
    let check: String =
        rusqlite::Connection::open(&path).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn a_lock_refuses_until_it_is_released() {
    let folder = folder();
    let path = folder.path().join("state.sqlite3");
    let mut store = Sqlite::new(&path);
    assert!(passes(&mut store, 2));
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = Instant::now();
    let why = unavailable(&mut store, &path);
    assert!(why.contains("another process keeps it locked"), "{why}");
    assert!(start.elapsed() >= STATE_BUSY, "{:?}", start.elapsed());
    assert!(unavailable(&mut Sqlite::new(&path), &path).contains("locked"), "also for one that is just opened");
    other.execute_batch("COMMIT").unwrap();
    assert!(passes(&mut store, 2));
    assert!(!passes(&mut store, 2), "nothing was forgotten, and nothing counted that was refused");
}

#[test]
fn a_session_is_not_charged_for_a_call_that_the_store_refused() {
    let folder = folder();
    let path = folder.path().join("state.sqlite3");
    fs::create_dir(&path).unwrap();
    let (counter, mut limits) = (id(), Limits::new(Box::new(Sqlite::new(&path))));
    let both = [Charge { scope: Scope::Session, ..charge(&counter, 1) }, charge(&counter, 5)];
    assert!(matches!(limits.reserve_charges(&both, at(0)), Err(Denied::Unavailable(_))));
    fs::remove_dir(&path).unwrap();
    let reserved = limits.reserve_charges(&both, at(0)).unwrap();
    assert!(limits.reserve_charges(&both, at(0)).is_err());
    limits.refund_reserved(reserved, at(0)).unwrap();
    assert!(limits.reserve_charges(&both, at(0)).is_ok(), "both were handed back");
}

/// Breaks the file under an open store and under one that opens it; mends it; and both count again.
#[cfg(unix)]
fn breaks_and_heals(what: &str, says: &str, break_it: impl Fn(&Path), mend: impl Fn(&Path)) {
    let folder = folder();
    let path = folder.path().join("state.sqlite3");
    let mut open = Sqlite::new(&path);
    assert!(passes(&mut open, 10));
    // A second connection closes last, so that the whole state is in the one file.
    drop(open);
    let mut open = Sqlite::new(&path);
    assert!(passes(&mut open, 10));
    break_it(&path);
    for store in [&mut open, &mut Sqlite::new(&path)] {
        for _ in 0..2 {
            let why = unavailable(store, &path);
            assert!(why.contains(says), "{what}: {why}");
        }
    }
    mend(&path);
    let mut fresh = Sqlite::new(&path);
    assert!(passes(&mut open, 2), "{what}: it does not heal");
    assert!(passes(&mut fresh, 2), "{what}: it does not heal");
    assert!(!passes(&mut open, 2) && !passes(&mut fresh, 2), "{what}: the two count apart");
}

#[cfg(unix)]
fn remove(path: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let mut file = std::ffi::OsString::from(path);
        file.push(ending);
        let file = Path::new(&file);
        if file.is_dir() {
            fs::remove_dir(file).unwrap()
        } else {
            let _ = fs::remove_file(file);
        }
    }
}

// On Windows nobody replaces a file that the store has open.
#[cfg(unix)]
#[test]
fn a_file_that_is_no_store_refuses_until_it_is_mended() {
    breaks_and_heals(
        "a directory",
        "it is a directory",
        |path| {
            remove(path);
            fs::create_dir(path).unwrap()
        },
        remove,
    );
    breaks_and_heals(
        "noise",
        "damaged",
        |path| {
            remove(path);
            fs::write(path, [7; 9000]).unwrap()
        },
        remove,
    );
    breaks_and_heals(
        "another program's",
        "another program",
        |path| {
            remove(path);
            rusqlite::Connection::open(path).unwrap().execute_batch("CREATE TABLE mine (a)").unwrap();
        },
        remove,
    );
    breaks_and_heals(
        "of a later version",
        "version 9",
        |path| {
            let copy = path.with_extension("copy");
            rusqlite::Connection::open(path).unwrap().execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
            rusqlite::Connection::open(&copy).unwrap().pragma_update(None, "user_version", 9).unwrap();
            remove(path);
            fs::rename(copy, path).unwrap();
        },
        remove,
    );
    breaks_and_heals(
        "a counter that is no counter",
        "damaged",
        |path| {
            rusqlite::Connection::open(path).unwrap().execute("UPDATE counts SET count = x'0100'", []).unwrap();
        },
        remove,
    );
    breaks_and_heals(
        "a table that is gone",
        "damaged",
        |path| rusqlite::Connection::open(path).unwrap().execute_batch("DROP TABLE counts").unwrap(),
        remove,
    );
    breaks_and_heals(
        "a file where the directory should be",
        "cannot be used",
        |path| {
            fs::remove_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path.parent().unwrap(), "").unwrap();
        },
        |path| fs::remove_file(path.parent().unwrap()).unwrap(),
    );
}

/// The body of a process that tries until it may, for the test below; by itself it has nothing to do.
#[test]
fn waiting_process() {
    let Some(path) = std::env::var_os(STORE).map(std::path::PathBuf::from) else { return };
    let (mut store, counter) = (Sqlite::new(&path), id());
    let deadline = Instant::now() + PATIENCE;
    eprintln!("{}", unavailable(&mut store, &path));
    while store.reserve_charges(&[charge(&counter, 2)], at(0)).is_err() {
        assert!(Instant::now() < deadline, "{}", unavailable(&mut store, &path));
        thread::sleep(Duration::from_millis(5));
    }
}

/// In a process of its own: nothing is forbidden to root, so there it runs as somebody else. Windows has no modes.
#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_written_refuses_until_it_may() {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::fs::{PermissionsExt as _, chown};
    use std::os::unix::process::CommandExt as _;
    const NOBODY: u32 = 65_534;
    let folder = folder();
    let path = folder.path().join("state.sqlite3");
    assert!(passes(&mut Sqlite::new(&path), 2));
    let permit = |folder_mode, file_mode| {
        fs::set_permissions(&path, fs::Permissions::from_mode(file_mode)).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(folder_mode)).unwrap();
    };
    permit(0o500, 0o400);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "limits_store::waiting_process", "--nocapture"]).env(STORE, &path);
    let root = rustix::process::geteuid().is_root();
    if root {
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut why = String::new();
    while !why.contains("state store") {
        why.clear();
        assert!(stderr.read_line(&mut why).unwrap() > 0, "it says nothing");
    }
    assert!(why.contains("cannot be used") && why.contains("writable"), "{why}");
    if root {
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    permit(0o700, 0o600);
    assert!(child.wait().unwrap().success(), "it does not heal");
    assert!(!passes(&mut Sqlite::new(&path), 2), "both were counted");
}

#[test]
fn what_counts_no_longer_is_removed() {
    let folder = folder();
    let path = folder.path().join("state.sqlite3");
    let rows = || -> i64 {
        rusqlite::Connection::open(&path)
            .unwrap()
            .query_row("SELECT count(*) FROM counts", [], |row| row.get(0))
            .unwrap()
    };
    let mut store = Sqlite::new(&path);
    for n in 0..50 {
        let counter = CounterId::new("stub", "tools.send", &n.to_string());
        assert!(store.reserve_charges(&[charge(&counter, 1)], at(n)).is_ok());
    }
    assert_eq!(rows(), 50);
    // The first reservation of a wrapper removes.
    let mut store = Sqlite::new(&path);
    assert!(store.reserve_charges(&[charge(&id(), 1)], at(3600 + 9)).is_ok());
    assert_eq!(rows(), 41, "ten are over, one is new");
}

#[test]
fn a_store_that_is_full_refuses_until_there_is_room() {
    let folder = folder();
    let path = folder.path().join("state.sqlite3");
    let mut store = Sqlite::new(&path);
    assert!(passes(&mut store, 10));
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute("INSERT INTO counts VALUES ('other', ?1, zeroblob(?2))", [i64::MAX, MAX_STATE]).unwrap();
    let mut store = Sqlite::new(&path);
    let why = (0..1000).find_map(|n| {
        let counter = CounterId::new("stub", "tools.send", &n.to_string());
        match store.reserve_charges(&[charge(&counter, 1)], at(0)) {
            Ok(_) => None,
            Err(Denied::Unavailable(why)) => Some(why.to_string()),
            Err(denied) => panic!("{denied}"),
        }
    });
    let why = why.expect("it has no bound");
    assert!(why.contains("64 MiB") && why.contains("Make room"), "{why}");
    other.execute("UPDATE counts SET expires = 0 WHERE counter = 'other'", []).unwrap();
    assert!(store.reserve_charges(&[charge(&CounterId::new("stub", "tools.send", "new"), 1)], at(0)).is_ok());
}

#[test]
fn the_state_folder() {
    let root = if cfg!(windows) { "C:\\" } else { "/" };
    let env =
        |vars: &[(&str, &str)]| Env::new(vars.iter().map(|(name, value)| (*name, value.replace('/', root))), root);
    let base = Path::new(root);
    let home = env(&[("HOME", "/home"), ("LOCALAPPDATA", "/local")]);
    let expected = if cfg!(target_os = "macos") {
        base.join("home/Library/Application Support/policylayer")
    } else {
        base.join("home/.local/state/policylayer")
    };
    assert_eq!(state_dir(&home).unwrap(), expected);
    let wins = env(&[("HOME", "/home"), ("LOCALAPPDATA", "/local"), ("XDG_STATE_HOME", "/state")]);
    assert_eq!(state_dir(&wins).unwrap(), base.join("state/policylayer"));
    let relative = env(&[("HOME", "/home"), ("LOCALAPPDATA", "/local"), ("XDG_STATE_HOME", "state")]);
    assert_eq!(state_dir(&relative).unwrap(), expected);
    for nothing in [env(&[]), env(&[("HOME", ""), ("LOCALAPPDATA", "")])] {
        assert!(state_dir(&nothing).unwrap_err().to_string().contains("to an absolute path"));
    }
}

#[test]
fn the_processes_of_clients_count_apart_from_each_other_and_from_the_server() {
    let (folder, counter) = (folder(), id());
    let path = folder.path().join("state.sqlite3");
    let client = |name: &'static str| Sqlite::for_client(&path, move || name.to_owned());
    assert!(passes(&mut client("7@1"), 2) && passes(&mut client("7@1"), 2) && !passes(&mut client("7@1"), 2));
    assert!(passes(&mut client("7@2"), 1), "another process with the number");
    assert!(passes(&mut Sqlite::new(&path), 1), "the server's count");
    // All or none, in both scopes.
    let mut limits = Limits::with_shared(Box::new(client("8@1")), Box::new(Sqlite::new(&path)));
    let of_client = Charge { scope: Scope::Client, limit: 1, ..charge(&counter, 1) };
    for _ in 0..2 {
        let denied = limits.reserve_charges(&[of_client, charge(&counter, 1)], at(0));
        assert!(matches!(denied, Err(Denied::Exceeded { limit: 0, .. })), "{denied:?}");
    }
    let reserved = limits.reserve_charges(&[of_client, charge(&counter, 2)], at(0)).unwrap();
    assert!(limits.reserve_charges(&[of_client], at(0)).is_err());
    limits.refund_reserved(reserved, at(0)).unwrap();
    assert!(limits.reserve_charges(&[of_client, charge(&counter, 2)], at(0)).is_ok(), "both were given back");
}

#[test]
fn nobody_is_asked_who_the_client_is_before_a_limit_needs_it() {
    let (folder, counter) = (folder(), id());
    let mut store = Sqlite::for_client(folder.path().join("state.sqlite3"), || panic!("it was asked"));
    assert!(store.reserve_charges(&[Charge { amount: Amount::ZERO, ..charge(&counter, 1) }], at(0)).is_ok());
    assert!(store.reserve_charges(&[], at(0)).is_ok());
}
