//! Files on Windows: those that another program holds open, that are write-protected, whose path is long, and who may read
//! them. What only real Windows shows is asserted there; under Wine, what holds under Wine.
#![cfg(windows)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::audit_log::{entry, log, server};
use crate::support::system::{PATIENCE, is_wine};
use std::fs::{self, File};
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use policylayer::audit::{LogOptions, LogPaths, load_key, verify_log};
use policylayer::engine::Now;
use policylayer::engine::limits::{Charge, Store as _};
use policylayer::limits::HELD_WAIT;
use policylayer::paths::{ReplaceError, Unreplaced, replace_file};
use policylayer::policy::{Amount, CounterId, Scope, Window};
use policylayer::state::Sqlite;

/// Opens a file as a program does that lets others read and write it, but not remove it: most of them.
fn hold(path: &Path) -> File {
    File::options().read(true).share_mode(3).open(path).unwrap()
}

#[test]
fn a_file_that_another_program_holds_is_waited_for_and_then_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("claude_desktop_config.json");
    fs::write(&file, "one").unwrap();
    let holder = hold(&file);
    let start = Instant::now();
    let error = replace_file(&file, Some(b"one"), b"two").unwrap_err();
    assert!(matches!(error.why, Unreplaced::HeldOpen), "{error}");
    assert!(start.elapsed() >= HELD_WAIT);
    let said = error.to_string();
    for part in ["claude_desktop_config.json", "another program holds it open", "Close it there"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"one");
    // It lets go in time.
    let release = thread::spawn(move || {
        thread::sleep(HELD_WAIT / 4);
        drop(holder);
    });
    replace_file(&file, Some(b"one"), b"two").unwrap();
    release.join().unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"two");
    // One that nobody else may even read.
    let holder = File::options().read(true).share_mode(0).open(&file).unwrap();
    let error = replace_file(&file, Some(b"two"), b"three").unwrap_err();
    assert!(matches!(error.why, Unreplaced::HeldOpen), "{error}");
    drop(holder);
    assert_eq!(fs::read(&file).unwrap(), b"two");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["claude_desktop_config.json"], "nothing is left behind");
}

/// Windows 10 and later replace a file in one step although somebody reads it, if they let it be removed.
#[test]
fn a_reader_that_lets_go_of_the_name_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.toml");
    fs::write(&file, "one").unwrap();
    let reader = File::open(&file).unwrap();
    // It is open all the time, so whoever waited would wait in vain.
    match replace_file(&file, Some(b"one"), b"two") {
        Ok(()) => {
            assert_eq!(fs::read(&file).unwrap(), b"two");
            assert_eq!(std::io::read_to_string(&reader).unwrap(), "one", "the reader still has what it opened");
        }
        Err(error) => {
            assert!(is_wine(), "{error}");
            assert!(matches!(error.why, Unreplaced::HeldOpen), "{error}");
            assert_eq!(fs::read(&file).unwrap(), b"one");
        }
    }
}

#[test]
fn edits_at_once_exclude_one_another_and_none_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.toml");
    fs::write(&file, "").unwrap();
    let done = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..15 {
                    let old = fs::read(&file).unwrap_or_default();
                    match replace_file(&file, Some(&old), &[&old[..], b"x"].concat()) {
                        Ok(()) => drop(done.fetch_add(1, Ordering::Relaxed)),
                        Err(ReplaceError {
                            why: Unreplaced::Busy | Unreplaced::Changed | Unreplaced::HeldOpen,
                            ..
                        }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    let done = done.into_inner();
    assert!(done > 0);
    assert_eq!(fs::read(&file).unwrap().len(), done, "each edit that was made is there");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_write_protected_file_is_left_and_its_remedy_is_that_of_windows() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.toml");
    fs::write(&file, "one").unwrap();
    let mut permissions = fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions.clone()).unwrap();
    let said = replace_file(&file, Some(b"one"), b"two").unwrap_err().to_string();
    assert!(said.contains("write-protected") && said.contains("attrib -r \""), "{said}");
    assert_eq!(fs::read(&file).unwrap(), b"one");
    #[allow(clippy::permissions_set_readonly_false, reason = "on Windows it is one attribute")]
    permissions.set_readonly(false);
    fs::set_permissions(&file, permissions).unwrap();
    replace_file(&file, Some(b"one"), b"two").unwrap();
}

#[test]
fn paths_of_more_than_260_characters_are_no_different() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d".repeat(120)).join("e".repeat(120)).join("f".repeat(60));
    let file = deep.join("policy.toml");
    assert!(file.as_os_str().len() > 300);
    replace_file(&file, None, b"one").unwrap();
    replace_file(&file, Some(b"one"), b"two").unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"two");

    let audit = deep.join("audit");
    let (log, said) = log(&audit, LogOptions { max_size: 2_000, ..LogOptions::default() });
    log.push(&mut (1..=20).map(entry).collect());
    assert_eq!(log.finish(PATIENCE), 0);
    assert_eq!(*said.lock().unwrap(), []);
    assert_eq!(load_key(&audit).unwrap().0.len(), 32);
    let report = verify_log(&audit, &server()).unwrap();
    assert_eq!((report.broken, report.lines), (None, 20));

    let counter = CounterId::new("stub", "tools.send", "limits[0]");
    let window = Window::sliding_of(Duration::from_secs(3600)).unwrap();
    let (max, amount) = (Amount::from_count(1), Amount::ONE);
    let charge = Charge { scope: Scope::Server, counter: &counter, window, max, amount, limit: 0 };
    let now = Now { session: Duration::ZERO, unix: Duration::from_secs(1_700_000_000) };
    let mut store = Sqlite::new(deep.join("state.sqlite3"));
    assert!(store.reserve_charges(&[charge.clone()], now).is_ok());
    assert!(store.reserve_charges(&[charge], now).is_err());
}

/// A backup or an indexer that has the log's files open while they are written, rotated and pruned.
#[test]
fn a_log_whose_files_others_hold_open_goes_on_and_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let options = LogOptions { max_size: 4_000, ..LogOptions::default() };
    let (log, said) = log(folder.path(), options);
    log.push(&mut vec![entry(1)]);
    let place = LogPaths::new(folder.path(), &server());
    let start = Instant::now();
    while !place.current_file().exists() {
        assert!(start.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(5));
    }
    let holder = hold(&place.current_file());
    for number in 2..=60 {
        log.push(&mut vec![entry(number)]);
        thread::sleep(Duration::from_millis(8));
    }
    while verify_log(folder.path(), &server()).unwrap().lines < 60 {
        assert!(start.elapsed() < PATIENCE, "{said:?}");
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(place.rotated_numbers().unwrap(), [0_u64; 0], "it grows on");
    drop(holder);
    log.push(&mut (61..=90).map(entry).collect());
    assert_eq!(log.finish(PATIENCE), 0);
    assert_eq!(*said.lock().unwrap(), []);
    assert!(!place.rotated_numbers().unwrap().is_empty(), "and is rotated once it can be");
    let report = verify_log(folder.path(), &server()).unwrap();
    assert_eq!((report.broken, report.lines), (None, 90));
}

/// A rotated file that is pruned while somebody reads it: its name may stay until they close it.
#[test]
fn what_is_pruned_while_it_is_read_is_not_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let options = LogOptions { max_size: 2_000, keep: Duration::ZERO, max_total: u64::MAX };
    let (first, _) = log(folder.path(), LogOptions { max_size: 2_000, ..LogOptions::default() });
    first.push(&mut (1..=120).map(entry).collect());
    assert_eq!(first.finish(PATIENCE), 0);
    let place = LogPaths::new(folder.path(), &server());
    let numbers = place.rotated_numbers().unwrap();
    assert!(numbers.len() > 2);
    // Two kinds of readers: ours, and one that lets nobody remove what it reads.
    let ours = File::open(place.rotated_file(numbers[0])).unwrap();
    let other = hold(&place.rotated_file(numbers[1]));
    thread::sleep(Duration::from_millis(20));
    for round in 0..3 {
        let (log, said) = log(folder.path(), options);
        log.push(&mut (1..=5).map(entry).collect());
        assert_eq!(log.finish(PATIENCE), 0);
        assert_eq!(*said.lock().unwrap(), [], "round {round}");
        assert_eq!(verify_log(folder.path(), &server()).unwrap().broken, None, "round {round}");
    }
    drop((ours, other));
    let (log, said) = log(folder.path(), options);
    log.push(&mut vec![entry(1)]);
    assert_eq!(log.finish(PATIENCE), 0);
    assert_eq!(*said.lock().unwrap(), []);
    assert!(!place.rotated_file(numbers[0]).exists() && !place.rotated_file(numbers[1]).exists());
}

/// A directory at the root of the drive, where what is new is for every user to read.
struct Outside(PathBuf);

impl Outside {
    fn new(name: &str) -> Self {
        let drive = std::env::var("SystemDrive").unwrap();
        Self(PathBuf::from(format!("{drive}\\policylayer-test-{name}-{}", std::process::id())))
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_state_directory_outside_of_the_profile_is_for_this_user_only() {
    let outside = Outside::new("acl");
    let audit = outside.0.join("policylayer").join("audit");
    load_key(&audit).unwrap();
    assert!(audit.join("key").exists());
    let rights = |path: &Path| {
        let output = Command::new("icacls.exe").arg(path).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let (said, of_key) = (rights(&outside.0), rights(&audit.join("key")));
    if is_wine() && !said.contains(":(") {
        // Wine's icacls does nothing, and tells nothing.
        return;
    }
    // One line for this user, one for the system, one for administrators; a user may be an administrator by name.
    let grants = |said: &str| said.lines().filter(|line| line.contains(":(")).count();
    assert_eq!((grants(&said), grants(&of_key)), (3, 3), "{said}\n{of_key}");
    assert!(!said.contains("(I)"), "nothing is inherited: {said}");
    assert!(of_key.contains("(I)"), "what is in it inherits: {of_key}");
    // One that is there stays as it is.
    let open = Outside::new("open");
    fs::create_dir(&open.0).unwrap();
    let before = rights(&open.0);
    load_key(&open.0).unwrap();
    assert_eq!(rights(&open.0), before);
}

/// Clients look for their files below USERPROFILE; HOME is what Git's shells set.
#[test]
fn the_home_is_that_of_the_clients() {
    use policylayer::env::Env;
    let home = |vars: &[(&str, &str)]| Env::new(vars.iter().copied(), r"C:\").home().map(Path::to_path_buf);
    assert_eq!(home(&[("USERPROFILE", r"C:\u"), ("HOME", r"H:\h")]), Some(PathBuf::from(r"C:\u")));
    assert_eq!(home(&[("UserProfile", r"C:\u")]), Some(PathBuf::from(r"C:\u")));
    assert_eq!(home(&[("USERPROFILE", "u"), ("HOME", r"H:\h")]), Some(PathBuf::from(r"H:\h")));
    assert_eq!(home(&[("HOME", "h")]), None);
}
