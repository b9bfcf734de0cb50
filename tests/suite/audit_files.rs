//! The files of the audit log: whatever is done to them is found, and a session that is killed is not taken for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use policylayer::audit::verify::{BreakKind, VerifyNote};
use policylayer::audit::{
    AuditLog, LogNotice, LogOptions, LogPaths, PolicyText, VerifyReport, list_policies, list_recorded_servers,
    load_key, verify_log,
};
use policylayer::limits::{MAX_JOURNAL, MAX_OPEN_BYTES};
use policylayer::policy::{Format, Source};
use policylayer::record::{
    About, ArgumentRecorder, ArgumentsLogged, Digest, DigestKey, Direction, Draft, Facts, LogEntry, Moment, Outcome,
    Subject, Under, read_line,
};

use crate::support::audit_log::{complete, draft, entry, log, open_entry, server, start};
use crate::support::system::PATIENCE;

fn small() -> LogOptions {
    LogOptions { max_size: 700, ..LogOptions::default() }
}

/// A session that writes entries with these numbers and ends well.
fn session(folder: &Path, options: LogOptions, numbers: impl IntoIterator<Item = u64>) {
    let (log, said) = log(folder, options);
    log.push(&mut numbers.into_iter().map(entry).collect());
    assert_eq!(log.finish(PATIENCE), 0);
    assert_eq!(*said.lock().unwrap(), []);
}

fn place(folder: &Path) -> LogPaths {
    LogPaths::new(folder, &server())
}

fn verified(folder: &Path) -> VerifyReport {
    verify_log(folder, &server()).unwrap()
}

fn sound(folder: &Path) -> VerifyReport {
    let report = verified(folder);
    assert_eq!(report.broken, None);
    report
}

/// Every file of the log in order, with its lines.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<String>)> {
    let place = place(folder);
    let mut paths: Vec<_> =
        place.rotated_numbers().unwrap().into_iter().map(|number| place.rotated_file(number)).collect();
    paths.push(place.current_file());
    let lines = |path: &PathBuf| fs::read_to_string(path).unwrap().split_inclusive('\n').map(str::to_owned).collect();
    paths.into_iter().filter(|path| path.exists()).map(|path| (path.clone(), lines(&path))).collect()
}

/// BreakKind (session, call) the log has.
fn calls(folder: &Path) -> Vec<(String, u64, Outcome)> {
    let mut calls = Vec::new();
    for line in files(folder).iter().flat_map(|(_, lines)| complete(&lines.concat())) {
        let Ok(line) = read_line(&line) else { continue };
        if let About::Decision(record) = line.about {
            calls.push((line.session.into_owned(), record.call, record.outcome));
        }
    }
    calls
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn nothing_is_made_before_the_first_entry_and_all_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("state/audit");
    let (log, said) = log(&audit, LogOptions::default());
    thread::sleep(Duration::from_millis(600));
    assert!(!audit.exists());
    assert_eq!(sound(&audit).lines, 0);
    log.push(&mut vec![entry(1)]);
    until("a journal", || place(&audit).list_journals().unwrap().len() == 1);
    until("a line", || sound(&audit).lines == 1);
    assert_eq!(sound(&audit).running, 1);
    load_key(&audit).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mut folders = vec![folder.path().join("state")];
        while let Some(folder) = folders.pop() {
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700, "{}", folder.display());
            for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
                // What the log replaces a file by has its name for a moment.
                let Ok(found) = fs::metadata(&path) else { continue };
                let is_private = found.is_dir() || found.permissions().mode() & 0o777 == 0o600;
                assert!(is_private, "{}: {found:?}", path.display());
                if found.is_dir() {
                    folders.push(path);
                }
            }
        }
    }
    assert_eq!(log.finish(PATIENCE), 0);
    assert_eq!(place(&audit).list_journals().unwrap(), [""; 0]);
    let report = sound(&audit);
    assert_eq!((report.lines, report.running, &*report.notes), (1, 0, &[][..]));
    assert_eq!(*said.lock().unwrap(), []);
}

#[test]
fn the_chain_goes_on_over_sessions_and_files() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..5 {
        session(folder.path(), small(), 1..=7);
    }
    let report = sound(folder.path());
    assert_eq!((report.lines, report.sessions, report.pruned), (35, 5, 0));
    assert!(report.files > 5, "{report:?}");
    assert_eq!(files(folder.path()).len() as u64, report.files);
}

/// The commands of docs/log.md. Only Linux has sha256sum everywhere.
#[cfg(target_os = "linux")]
#[test]
fn sha256sum_follows_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let v1 = include_str!("../golden/log-version-1.jsonl");
    let lines: Vec<&str> = v1.split_inclusive('\n').collect();
    fs::write(place(folder.path()).current_file(), v1).unwrap();
    for _ in 0..2 {
        session(folder.path(), LogOptions::default(), 1..=300);
    }
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/log.md")).unwrap();
    let (_, chapter) = docs.split_once("### Follow the chain by hand").unwrap();
    let script = chapter.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let out = Command::new("sh").args(["-c", script]).current_dir(folder.path()).output().unwrap();
    let out = String::from_utf8(out.stdout).unwrap();
    let sums: Vec<&str> = out.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let all = fs::read_to_string(place(folder.path()).current_file()).unwrap();
    let named: Vec<String> =
        all.lines().filter_map(|line| Some(line.strip_prefix("{\"prev\":\"")?[..64].to_owned())).collect();
    assert!(named.len() >= lines.len() + 6, "{named:?}");
    assert_eq!(sums.len(), named.len(), "{out}");
    assert_eq!(sums[..sums.len() - 1], named[1..]);
}

/// What the lines take that go on with a block.
#[test]
fn a_call_takes_at_most_220_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (log, said) = log(folder.path(), LogOptions::default());
    let keyed = ArgumentRecorder::new(ArgumentsLogged::Keys, Box::new(|| Some(DigestKey([7; 32]))));
    let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let call = |number: u64| {
        let facts = Facts {
            subject: Some(Subject::Tool("tool_7")),
            class: Some(policylayer::risk::Class::Execute),
            arguments: Some(r#"{"listId":4242,"query":"status:active"}"#),
            ..Facts::new(Direction::Client, Some("tools/call"), "tools.tool_7")
        };
        let made = Moment { number, unix: now, session: Duration::ZERO };
        Draft::new(&facts, None, &keyed, made).finish(Outcome::Ok, Duration::from_micros(57))
    };
    let mut call = call;
    log.push(&mut (1..=10_000).map(&mut call).collect());
    assert_eq!(log.finish(PATIENCE), 0);
    assert_eq!(*said.lock().unwrap(), []);
    let size = fs::metadata(place(folder.path()).current_file()).unwrap().len();
    assert!(size <= 220 * 10_000, "{size}");
    let calls = calls(folder.path());
    assert_eq!(calls.len(), 10_000);
    sound(folder.path());
}

/// A way to tamper with the lines of the middle file, and what is found: the line counted from the first of the log.
type Tampering = (&'static str, fn(&mut Vec<String>), usize, BreakKind);

#[test]
fn whatever_is_done_to_lines_is_found_where_it_was_done() {
    let folder = tempfile::tempdir().unwrap();
    // Each line is a block.
    (1..=10).for_each(|number| session(folder.path(), LogOptions::default(), number..=number));
    let current = place(folder.path()).current_file();
    let whole = files(folder.path())[0].1.clone();
    let cases: [Tampering; 12] = [
        ("an edit", |lines| lines[4] = lines[4].replace("get_lists", "get_listz"), 5, BreakKind::Changed),
        ("an edit of the first", |lines| lines[0] = lines[0].replace("get_lists", "get_listz"), 1, BreakKind::Changed),
        ("an edit of the last", |lines| lines[9] = lines[9].replace("get_lists", "get_listz"), 10, BreakKind::Changed),
        (
            "an edit of the chain",
            |lines| lines[4] = lines[4].replacen(|c: char| c.is_ascii_digit(), "e", 1),
            5,
            BreakKind::Changed,
        ),
        ("a line less", |lines| drop(lines.remove(4)), 5, BreakKind::Removed(Some(1))),
        ("two lines less", |lines| drop(lines.drain(4..6)), 5, BreakKind::Removed(Some(2))),
        ("the first line less", |lines| drop(lines.remove(0)), 1, BreakKind::Removed(Some(1))),
        ("a line twice", |lines| lines.insert(5, lines[4].clone()), 6, BreakKind::Inserted),
        ("a line more", |lines| lines.insert(5, lines[4].replace("get_lists", "get_listz")), 6, BreakKind::Inserted),
        ("two lines swapped", |lines| lines.swap(4, 5), 5, BreakKind::Swapped),
        ("the end cut at a line", |lines| lines.truncate(8), 8, BreakKind::CutEnd(2)),
        ("nothing left", Vec::clear, 0, BreakKind::CutEnd(10)),
    ];
    for (name, tamper, line, what) in cases {
        let mut lines = whole.clone();
        tamper(&mut lines);
        fs::write(&current, lines.concat()).unwrap();
        let broken = verified(folder.path()).broken.unwrap_or_else(|| panic!("{name} is not found"));
        assert_eq!((broken.line, &broken.what, &broken.file), (Some(line as u64), &what, &current), "{name}");
        // And it is still found after another session has written.
        let copy = tempfile::tempdir().unwrap();
        for file in ["demo.jsonl", "demo.head"] {
            fs::copy(folder.path().join(file), copy.path().join(file)).unwrap();
        }
        session(copy.path(), LogOptions::default(), 1..=3);
        assert!(verified(copy.path()).broken.is_some(), "{name} is covered up by the next session");
    }
    // Every byte of a line, and of the newline behind it.
    let text = whole.concat();
    let start = whole[..4].concat().len();
    for at in (start..start + whole[4].len()).step_by(7).chain([start + whole[4].len() - 1]) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        fs::write(&current, bytes).unwrap();
        let broken = verified(folder.path()).broken.unwrap_or_else(|| panic!("byte {at} is not found"));
        assert_eq!(broken.line, Some(5), "byte {at}: {broken}");
    }
    fs::write(&current, &text).unwrap();
    sound(folder.path());
}

#[test]
fn whatever_is_done_to_a_block_is_found_in_it() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        session(folder.path(), LogOptions::default(), 1..=5);
    }
    let current = place(folder.path()).current_file();
    let whole = files(folder.path())[0].1.clone();
    let cases: [Tampering; 12] = [
        ("an edit", |lines| lines[7] = lines[7].replace("get_lists", "get_listz"), 6, BreakKind::ChangedIn(10)),
        ("an edit of its first line", |lines| lines[5] = lines[5].replace("get_", "got_"), 6, BreakKind::ChangedIn(10)),
        ("an edit of the last", |lines| lines[14] = lines[14].replace("get_", "got_"), 11, BreakKind::ChangedIn(15)),
        ("a line less", |lines| drop(lines.remove(7)), 10, BreakKind::Removed(Some(1))),
        ("a line more", |lines| lines.insert(7, lines[8].clone()), 6, BreakKind::ChangedIn(11)),
        ("a line more at the end", |lines| lines.insert(14, lines[13].clone()), 11, BreakKind::ChangedIn(16)),
        ("two lines swapped", |lines| lines.swap(7, 8), 6, BreakKind::ChangedIn(10)),
        ("a block less", |lines| drop(lines.drain(5..10)), 6, BreakKind::Removed(Some(5))),
        ("a block twice", |lines| lines.extend_from_within(10..), 11, BreakKind::ChangedIn(15)),
        ("two blocks swapped", |lines| lines[..10].rotate_left(5), 1, BreakKind::Swapped),
        ("the end cut in a block", |lines| lines.truncate(12), 12, BreakKind::CutEnd(3)),
        ("the end cut at a block", |lines| lines.truncate(10), 10, BreakKind::CutEnd(5)),
    ];
    for (name, tamper, line, what) in cases {
        let mut lines = whole.clone();
        tamper(&mut lines);
        fs::write(&current, lines.concat()).unwrap();
        let broken = verified(folder.path()).broken.unwrap_or_else(|| panic!("{name} is not found"));
        assert_eq!((broken.line, &broken.what), (Some(line as u64), &what), "{name}");
        let copy = tempfile::tempdir().unwrap();
        for file in ["demo.jsonl", "demo.head"] {
            fs::copy(folder.path().join(file), copy.path().join(file)).unwrap();
        }
        session(copy.path(), LogOptions::default(), 1..=3);
        assert!(verified(copy.path()).broken.is_some(), "{name} is covered up by the next session");
    }
    let without_first = [&whole[..5], &whole[6..]].concat().concat();
    fs::write(&current, without_first).unwrap();
    assert!(verified(folder.path()).broken.is_some(), "the first line of a block is missing");
    // Every byte, and every newline.
    let text = whole.concat();
    for at in (0..text.len()).step_by(5).chain(text.match_indices('\n').map(|(at, _)| at)) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        fs::write(&current, bytes).unwrap();
        assert!(verified(folder.path()).broken.is_some(), "byte {at} is not found");
    }
    fs::write(&current, &text).unwrap();
    sound(folder.path());
}

/// A log of version 1 goes on in version 2, and both are read and verified.
#[test]
fn a_log_of_version_1_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let old = include_str!("../golden/log-version-1.jsonl");
    fs::write(place(folder.path()).current_file(), old).unwrap();
    let count = old.lines().count() as u64;
    let head = format!(
        "{{\"lines\":{count},\"last\":\"{}\",\"file\":1,\"end\":{}}}\n",
        Digest::of_line(old.split_inclusive('\n').next_back().unwrap().as_bytes()),
        old.len()
    );
    fs::write(place(folder.path()).head_file(), head).unwrap();
    let before = sound(folder.path());
    assert_eq!((before.lines, before.notes.len()), (count, 1), "one session was killed");
    session(folder.path(), LogOptions::default(), 1..=3);
    let report = sound(folder.path());
    assert_eq!((report.lines, report.sessions), (count + 3, before.sessions + 1));
    assert!(fs::read_to_string(place(folder.path()).current_file()).unwrap().starts_with(old));
    let mut reader = policylayer::audit::reader::Reader::open(folder.path(), None).unwrap();
    let mut versions = Vec::new();
    while let Some(found) = reader.read_next().unwrap() {
        let line: serde_json::Value = serde_json::from_str(found.text).unwrap();
        assert!(found.line.is_ok() && (line["effect"].is_string() || line["event"].is_string()), "{line}");
        versions.push(line["v"].as_u64().unwrap());
    }
    assert_eq!(versions, [vec![1; count as usize], vec![2; 3]].concat());
}

/// What a newer policylayer wrote is not called changed; what somebody made to look like that is.
#[test]
fn of_a_newer_version_nobody_says_that_it_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    // A block of one line each.
    (1..=3).for_each(|number| session(folder.path(), LogOptions::default(), number..=number));
    let current = place(folder.path()).current_file();
    let lines = files(folder.path())[0].1.clone();
    let to_newer = |line: &str| line.replacen("\"v\":2", "\"v\":3", 1);
    let write = |lines: &[String], last: Digest| {
        let text = lines.concat();
        let head = format!("{{\"lines\":{},\"last\":\"{last}\",\"file\":1,\"end\":{}}}\n", lines.len(), text.len());
        fs::write(&current, text).unwrap();
        fs::write(place(folder.path()).head_file(), head).unwrap();
    };
    let newer: Vec<String> = vec![lines[0].clone(), lines[1].clone(), to_newer(&lines[2])];
    write(&newer, Digest::of_line(newer[2].as_bytes()));
    let broken = verified(folder.path()).broken.unwrap();
    assert_eq!((broken.line, &broken.what, broken.state()), (Some(3), &BreakKind::Newer(3), "cannot be checked"));
    assert!(broken.to_string().contains("Verify the log with the newest policylayer"), "{broken}");
    // The chain or the head shows that it is another line than was written.
    for at in [1, 2] {
        let mut changed = lines.clone();
        changed[at] = to_newer(&lines[at]);
        write(&changed, Digest::of_line(lines[2].as_bytes()));
        let broken = verified(folder.path()).broken.unwrap();
        assert_eq!((broken.line, broken.state()), (Some(at as u64 + 1), "broken"), "{broken}");
        assert!(broken.to_string().contains("it was changed after it was written"), "{broken}");
    }
}

#[test]
fn whatever_is_done_to_files_is_found() {
    let folder = tempfile::tempdir().unwrap();
    session(folder.path(), small(), 1..=40);
    let place = place(folder.path());
    let whole: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    assert!(place.rotated_numbers().unwrap().len() >= 3);
    let removed = |path: PathBuf| (path.clone(), Box::new(move || fs::remove_file(&path).unwrap()) as Box<dyn Fn()>);
    let swapped = {
        let (one, other) = (place.rotated_file(1), place.rotated_file(2));
        let (file, spare) = (one.clone(), folder.path().join("spare"));
        let swap = move || {
            fs::rename(&one, &spare).unwrap();
            fs::rename(&other, &one).unwrap();
            fs::rename(&spare, &other).unwrap();
        };
        (file, Box::new(swap) as Box<dyn Fn()>)
    };
    let last = fs::read_to_string(place.current_file()).unwrap().lines().count() as u64;
    let cases = [
        ("the first", removed(place.rotated_file(1)), BreakKind::Missing),
        ("a middle one", removed(place.rotated_file(2)), BreakKind::Missing),
        ("the current one", removed(place.current_file()), BreakKind::Gone(last)),
        ("two", swapped, BreakKind::OutOfOrder),
        ("the head", removed(place.head_file()), BreakKind::Head("it is missing".to_owned())),
    ];
    for (name, (file, tamper), what) in cases {
        tamper();
        let broken = verified(folder.path()).broken.unwrap_or_else(|| panic!("{name}: not found"));
        assert_eq!((&broken.file, &broken.what), (&file, &what), "{name}");
        for (path, bytes) in &whole {
            fs::write(path, bytes).unwrap();
        }
        sound(folder.path());
    }
}

#[test]
fn an_old_copy_is_found_and_stays_found() {
    let folder = tempfile::tempdir().unwrap();
    session(folder.path(), LogOptions::default(), 1..=5);
    let current = place(folder.path()).current_file();
    let old = fs::read(&current).unwrap();
    session(folder.path(), LogOptions::default(), 1..=3);
    fs::write(&current, old).unwrap();
    assert_eq!(verified(folder.path()).broken.unwrap().what, BreakKind::CutEnd(3));
    session(folder.path(), LogOptions::default(), 1..=30);
    let broken = verified(folder.path()).broken.unwrap();
    assert_eq!((broken.line, broken.what), (Some(6), BreakKind::Removed(Some(3))));
}

#[test]
fn a_line_that_is_cut_anywhere_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    session(folder.path(), LogOptions::default(), 1..=2);
    let current = place(folder.path()).current_file();
    let whole = fs::read(&current).unwrap();
    // BreakKind another session had begun to write: lines that no head has.
    let tail = {
        let other = tempfile::tempdir().unwrap();
        for name in ["demo.jsonl", "demo.head"] {
            fs::copy(folder.path().join(name), other.path().join(name)).unwrap();
        }
        session(other.path(), LogOptions::default(), 3..=3);
        fs::read(place(other.path()).current_file()).unwrap()[whole.len()..].to_vec()
    };
    let head = fs::read(place(folder.path()).head_file()).unwrap();
    for length in 1..tail.len() {
        for mend in [&b""[..], b"\n", b"\n{\"prev\":"] {
            if length % 9 != 1 && !mend.is_empty() {
                continue;
            }
            let cut = [&whole, &tail[..length], mend].concat();
            fs::write(&current, cut).unwrap();
            fs::write(place(folder.path()).head_file(), &head).unwrap();
            let report = sound(folder.path());
            let is_whole = mend == b"\n" && length == tail.len() - 1;
            assert!(is_whole || report.notes.iter().any(|note| matches!(note, VerifyNote::Cut { .. })), "{length}");
            session(folder.path(), LogOptions::default(), 4..=5);
            session(folder.path(), LogOptions::default(), 6..=6);
            let report = verified(folder.path());
            assert_eq!(report.broken, None, "{length} bytes, then {mend:?}");
            assert_eq!(calls(folder.path()).iter().filter(|(_, call, _)| *call > 3).count(), 3);
        }
    }
}

#[test]
fn several_writers_give_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let folder = folder.path().to_owned();
            thread::spawn(move || {
                let (log, said) = log(&folder, LogOptions { max_size: 20_000, ..LogOptions::default() });
                for batch in 0..50 {
                    log.push(&mut (batch * 10 + 1..=batch * 10 + 10).map(entry).collect());
                    thread::sleep(Duration::from_millis(batch % 8));
                }
                assert_eq!(log.finish(PATIENCE), 0);
                assert_eq!(*said.lock().unwrap(), []);
            })
        })
        .collect();
    // Reading meanwhile finds nothing wrong.
    for _ in 0..20 {
        sound(folder.path());
        thread::sleep(Duration::from_millis(10));
    }
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let report = sound(folder.path());
    assert_eq!((report.lines, report.sessions), (2_000, 4));
    assert!(report.files > 10);
    let distinct: BTreeSet<_> = calls(folder.path()).into_iter().map(|(session, call, _)| (session, call)).collect();
    assert_eq!(distinct.len(), 2_000);
}

#[test]
fn the_policy_is_named_once_in_each_file_and_its_text_is_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let text = |text: &str| PolicyText::of_source(&Source::new("policy.yaml", Format::Yaml, text));
    let (one, other) = (text("\u{feff}version: '1'\n"), text("version: '1'\ndefault: deny\n"));
    assert_eq!(one.digest(), Digest::of_text("\u{feff}version: '1'\n".as_bytes()), "the exact bytes of the file");
    let under = |number, policy: &PolicyText| {
        let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
        let mut draft = draft(number, now);
        draft.set_under(Under { policy: Some(policy.digest()), lock: None });
        draft.finish(Outcome::Ok, Duration::from_secs(number + 1))
    };
    for _ in 0..2 {
        let (log, said) = log(folder.path(), small());
        log.add_policy(one.clone());
        log.push(&mut (1..=10).map(|number| under(number, &one)).collect());
        log.add_policy(other.clone());
        // A call that was decided before a reload may be answered after it.
        log.push(&mut vec![under(12, &other), under(11, &one), under(13, &other), under(14, &other)]);
        assert_eq!(log.finish(PATIENCE), 0);
        assert_eq!(*said.lock().unwrap(), []);
    }
    sound(folder.path());
    let mut decided = Vec::new();
    for (file, lines) in files(folder.path()) {
        let mut named = std::collections::HashMap::new();
        for line in &complete(&lines.concat()) {
            let line = read_line(line).unwrap();
            let About::Decision(record) = line.about else { continue };
            let before = named.get(&*line.session).copied();
            assert!(record.policy.is_none() || record.policy != before, "named again in {}", file.display());
            let policy = record.policy.or(before).expect("the first line of a session in a file names it");
            named.insert(line.session.into_owned(), policy);
            decided.push((record.call, policy));
        }
    }
    assert_eq!(decided.len(), 28);
    for (call, policy) in decided {
        assert_eq!(policy, if call <= 11 { one.digest() } else { other.digest() }, "{call}");
    }
    let kept = list_policies(&place(folder.path())).unwrap();
    assert_eq!(kept.len(), 2);
    for kept in kept {
        assert_eq!(Digest::of_text(&fs::read(&kept.path).unwrap()), kept.digest);
        assert_eq!(kept.path.extension().unwrap(), "yaml");
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&kept.path).unwrap().permissions()) & 0o077,
            0
        );
    }
}

#[test]
fn what_is_too_much_is_pruned_and_the_rest_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let options = LogOptions { max_total: 10_000, ..small() };
    session(folder.path(), options, 1..=200);
    let sizes = || files(folder.path()).iter().map(|(path, _)| fs::metadata(path).unwrap().len()).sum::<u64>();
    assert!(sizes() <= 10_000 && sizes() > 5_000, "{}", sizes());
    let report = sound(folder.path());
    assert_eq!(report.pruned + report.lines, 200);
    // The next session finds less room, and more files than that.
    session(folder.path(), LogOptions { max_total: 700, ..small() }, 1..=1);
    let report = sound(folder.path());
    assert_eq!((report.files, report.pruned + report.lines), (1, 201));
    // A file that is missing without having been pruned is still told of.
    session(folder.path(), options, 1..=20);
    fs::remove_file(
        place(folder.path()).rotated_file(*place(folder.path()).rotated_numbers().unwrap().first().unwrap()),
    )
    .unwrap();
    assert_ne!(verified(folder.path()).broken, None);
}

#[test]
fn a_log_that_is_gone_is_not_taken_for_none() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(list_recorded_servers(folder.path()).unwrap(), []);
    let (log, _) = log(folder.path(), LogOptions::default());
    assert_eq!(log.finish(PATIENCE), 0);
    assert_eq!(list_recorded_servers(folder.path()).unwrap(), [], "nothing was recorded");
    session(folder.path(), small(), 1..=20);
    for (path, _) in files(folder.path()) {
        fs::remove_file(path).unwrap();
    }
    assert_eq!(list_recorded_servers(folder.path()).unwrap(), [server()]);
    let broken = verified(folder.path()).broken.unwrap();
    assert_eq!(broken.what, BreakKind::Gone(20));
    let head = place(folder.path()).head_file();
    fs::write(&head, "torn").unwrap();
    assert_eq!(list_recorded_servers(folder.path()).unwrap(), [server()]);
    assert!(matches!(verified(folder.path()).broken.unwrap().what, BreakKind::Head(_)));
}

#[test]
fn what_is_too_old_is_pruned_and_the_rest_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Duration::from_secs(3600);
    let options = LogOptions { keep, ..small() };
    let (log, _) = log(folder.path(), options);
    let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let old = |number| draft(number, now - keep * 2).finish(Outcome::Ok, PATIENCE);
    log.push(&mut (1..=30).map(old).chain((31..=60).map(entry)).collect());
    assert_eq!(log.finish(PATIENCE), 0);
    let report = sound(folder.path());
    assert!(report.pruned >= 20 && report.pruned <= 30, "{report:?}");
    assert_eq!(report.pruned + report.lines, 60);
    session(folder.path(), options, 1..=10);
    assert_eq!(sound(folder.path()).lines + report.pruned, 70);
    // One that was to be removed when its session was killed.
    let place = place(folder.path());
    fs::write(place.rotated_file(1), "left").unwrap();
    sound(folder.path());
    session(folder.path(), options, 1..=1);
    assert!(!place.rotated_file(1).exists());
    let anchor = fs::read(place.anchor_file()).unwrap();
    fs::write(place.anchor_file(), "{}").unwrap();
    assert!(matches!(verified(folder.path()).broken.unwrap().what, BreakKind::Anchor(_)));
    fs::write(place.anchor_file(), anchor).unwrap();
    // Others are not to go missing.
    let first = place.rotated_numbers().unwrap()[0];
    fs::remove_file(place.rotated_file(first)).unwrap();
    assert_eq!(verified(folder.path()).broken.unwrap().what, BreakKind::Missing);
}

#[test]
fn unanswered_calls_are_in_the_journal_and_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let open = Arc::new(Mutex::new(vec![open_entry(1), open_entry(2)]));
    let (log, said) = start(folder.path(), LogOptions::default(), Arc::clone(&open));
    let journal = place(folder.path()).journal_file(&log.session().id);
    let journalled = || fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
    until("two calls", || journalled() == 2);
    log.commit_call(&open_entry(3)).unwrap();
    assert_eq!(journalled(), 3, "a call that is committed is there at once");
    open.lock().unwrap().remove(0);
    log.push(&mut vec![entry(1)]);
    until("a line", || sound(folder.path()).lines == 1);
    // As if it had been killed: the same files, and nobody holds the journal.
    let after = tempfile::tempdir().unwrap();
    fs::create_dir(after.path().join("open")).unwrap();
    for name in ["demo.jsonl", "demo.head", &format!("open/demo-{}.jsonl", log.session().id)] {
        fs::copy(folder.path().join(name), after.path().join(name)).unwrap();
    }
    let killed = |unanswered| VerifyNote::Killed { session: log.session().id.clone(), unanswered };
    assert_eq!(sound(after.path()).notes, [killed(None)]);
    session(after.path(), LogOptions::default(), 1..=1);
    let report = sound(after.path());
    assert_eq!((report.notes, report.unknown, report.lines), (vec![killed(Some(2))], 2, 5));
    assert_eq!(place(after.path()).list_journals().unwrap(), [""; 0]);
    let id = |call, outcome| (log.session().id.clone(), call, outcome);
    assert_eq!(calls(after.path())[..3], [id(1, Outcome::Ok), id(2, Outcome::Unknown), id(3, Outcome::Unknown)]);
    // One that was killed while it took them over: nothing is told twice.
    fs::copy(&journal, place(after.path()).journal_file(&log.session().id)).unwrap();
    session(after.path(), LogOptions::default(), 1..=1);
    assert_eq!(sound(after.path()).lines, 6);
    // The session itself ends well, and writes down what was not answered.
    assert_eq!(log.finish(PATIENCE), 0);
    assert_eq!(sound(folder.path()).lines, 3);
    assert!(!journal.exists());
    assert_eq!(*said.lock().unwrap(), []);
}

/// As many calls as can be open in both directions are in the journal, also while others of them are answered.
#[test]
fn all_that_can_be_open_is_in_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let large = |number: u64| {
        let arguments = format!("{{\"text\":\"{}\"}}", "x".repeat(60_000));
        let keyed = ArgumentRecorder::new(ArgumentsLogged::Full, Box::new(|| None));
        let subject = Some(Subject::Tool("get_lists"));
        let facts = Facts {
            subject,
            arguments: Some(&arguments),
            ..Facts::new(Direction::Client, Some("tools/call"), "default")
        };
        let made = Moment { number, unix: Duration::from_secs(1_800_000_000), session: Duration::ZERO };
        Draft::new(&facts, None, &keyed, made).finish(Outcome::Unknown, Duration::ZERO)
    };
    let most = (2 * MAX_OPEN_BYTES / large(1).weight() + 2) as u64;
    let open = Arc::new(Mutex::new((1..=most).map(large).collect::<Vec<_>>()));
    let (log, said) = start(folder.path(), LogOptions::default(), Arc::clone(&open));
    let journal = place(folder.path()).journal_file(&log.session().id);
    let journalled = || -> BTreeSet<u64> {
        let text = fs::read_to_string(&journal).unwrap_or_default();
        let number = |line: &str| match read_line(line).ok()?.about {
            About::Decision(record) => Some(record.call),
            _ => None,
        };
        text.split_inclusive('\n').filter_map(number).collect()
    };
    let has = |numbers: std::ops::RangeInclusive<u64>| journalled().is_superset(&numbers.collect());
    until("every call", || has(1..=most));
    // Half of them are answered, and as many come.
    let half = most / 2;
    open.lock().unwrap().drain(..half as usize);
    log.push(&mut (1..=half).map(entry).collect());
    until("the answers", || sound(folder.path()).lines == half);
    open.lock().unwrap().extend((most + 1..=most + half).map(large));
    until("those that came", || has(half + 1..=most + half));
    assert!(fs::metadata(&journal).unwrap().len() <= MAX_JOURNAL);
    assert_eq!(log.finish(PATIENCE), 0);
    assert_eq!(sound(folder.path()).lines, most + half);
    assert_eq!(*said.lock().unwrap(), []);
}

/// Not a test by itself: the process that the tests below start and kill.
#[test]
fn writer_process() {
    let Ok(folder) = std::env::var("POLICYLAYER_TEST_AUDIT") else { return };
    let count: u64 = std::env::var("POLICYLAYER_TEST_COUNT").unwrap().parse().unwrap();
    let (log, said) = log(Path::new(&folder), LogOptions { max_size: 100_000, ..LogOptions::default() });
    for number in 1..=count {
        if number % 3 == 0 {
            log.commit_call(&open_entry(number)).unwrap_or_default();
            // BreakKind is told here was forwarded.
            writeln!(std::io::stderr(), "forwarded {} {number}", log.session().id).unwrap();
        }
        log.push(&mut vec![entry(number)]);
        if number % 10 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    assert_eq!(log.finish(PATIENCE), 0);
    for trouble in said.lock().unwrap().iter() {
        writeln!(std::io::stderr(), "said {trouble}").unwrap();
    }
}

fn command(folder: &Path, count: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "audit_files::writer_process", "--nocapture"]).env("POLICYLAYER_TEST_AUDIT", folder);
    command.env("POLICYLAYER_TEST_COUNT", count.to_string()).stdout(Stdio::null());
    command
}

#[test]
fn processes_that_write_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut writers: Vec<Child> =
        (0..4).map(|_| command(folder.path(), 500).stderr(Stdio::null()).spawn().unwrap()).collect();
    writers.iter_mut().for_each(|writer| assert!(writer.wait().unwrap().success()));
    let report = sound(folder.path());
    assert_eq!((report.lines, report.sessions, report.notes.len()), (2_000, 4, 0));
}

#[test]
fn a_kill_never_looks_like_tampering_and_loses_no_call() {
    let folder = tempfile::tempdir().unwrap();
    let mut forwarded = Vec::new();
    let mut seed = 7_u64;
    for round in 0..25 {
        let mut writers: Vec<Child> =
            (0..2).map(|_| command(folder.path(), u64::MAX).stderr(Stdio::piped()).spawn().unwrap()).collect();
        let mut said: Vec<_> = writers.iter_mut().map(|writer| BufReader::new(writer.stderr.take().unwrap())).collect();
        let mut first = vec![String::new(); 2];
        // Some are killed while they start.
        if round % 5 > 0 {
            for (said, lines) in said.iter_mut().zip(&mut first) {
                (0..3).for_each(|_| _ = said.read_line(lines).unwrap());
            }
        }
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        thread::sleep(Duration::from_millis((seed >> 33) % 120));
        for writer in &mut writers {
            writer.kill().unwrap();
            writer.wait().unwrap();
        }
        for (mut rest, mut said) in said.into_iter().zip(first) {
            rest.read_to_string(&mut said).unwrap();
            let whole = said.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            for line in whole.filter_map(|line| line.strip_prefix("forwarded ")) {
                let (session, number) = line.trim().split_once(' ').unwrap();
                forwarded.push((session.to_owned(), number.parse::<u64>().unwrap()));
            }
        }
        sound(folder.path());
    }
    session(folder.path(), LogOptions::default(), 1..=1);
    let report = sound(folder.path());
    assert!(
        report.notes.iter().any(|note| matches!(note, VerifyNote::Killed { unanswered: Some(_), .. })),
        "{report:?}"
    );
    let calls = calls(folder.path());
    let known: BTreeSet<_> = calls.iter().map(|(session, call, _)| (session.clone(), *call)).collect();
    assert_eq!(known.len(), calls.len(), "a call is there twice");
    assert!(forwarded.len() > 100, "{}", forwarded.len());
    let missing: Vec<_> = forwarded.into_iter().filter(|call| !known.contains(call)).collect();
    assert_eq!(missing, [], "calls that were forwarded are not in the log");
}

#[test]
fn a_log_that_cannot_be_written_says_so_once_and_tells_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let current = place(folder.path()).current_file();
    fs::create_dir(&current).unwrap();
    // The thread that writes asks for the unanswered calls four times a second, after it has tried to write what there is.
    let (said, looks) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<AtomicUsize>::default());
    let (notices, looked) = (Arc::clone(&said), Arc::clone(&looks));
    let say = Box::new(move |notice| notices.lock().unwrap().push(notice));
    let unanswered = Box::new(move |_: &mut Vec<LogEntry>| _ = looked.fetch_add(1, Ordering::SeqCst));
    let log = AuditLog::start(folder.path().to_owned(), &server(), LogOptions::default(), say, unanswered).unwrap();
    assert!(log.commit_call(&open_entry(1)).unwrap_err().contains("cannot be written"));
    assert_eq!(log.current_failure(), None);
    log.push(&mut vec![entry(1), entry(2)]);
    until("trouble", || log.current_failure().is_some());
    log.push(&mut vec![entry(3)]);
    let before = looks.load(Ordering::SeqCst);
    until("it was tried again", || looks.load(Ordering::SeqCst) > before + 6);
    assert!(matches!(&said.lock().unwrap()[..], [LogNotice::Unwritable(_)]), "{said:?}");
    fs::remove_dir(&current).unwrap();
    until("it is mended", || log.current_failure().is_none());
    log.push(&mut vec![entry(4)]);
    assert_eq!(log.finish(PATIENCE), 0);
    assert_eq!(said.lock().unwrap()[1..], [LogNotice::Written { lost: 3 }]);
    let report = sound(folder.path());
    assert_eq!((report.lines, report.gaps, report.lost), (2, 1, 3));
}

#[test]
fn a_folder_that_is_a_file_is_trouble() {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit");
    fs::write(&audit, "").unwrap();
    let (log, said) = log(&audit, LogOptions::default());
    log.push(&mut vec![entry(1)]);
    until("trouble", || log.current_failure().is_some());
    assert!(log.commit_call(&open_entry(2)).is_err());
    assert!(load_key(&audit).is_err());
    assert_eq!(log.finish(PATIENCE), 0);
    assert_eq!(said.lock().unwrap().iter().filter(|said| matches!(said, LogNotice::Unwritable(_))).count(), 1);
}

/// A full disk, where this user may mount one, as Linux does it; the test after it is run by everyone.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_gap_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=128k", "none"]).arg(folder.path()).output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        println!("no file system can be mounted here");
        return;
    }
    let done = std::panic::catch_unwind(|| {
        let filler = folder.path().join("filler");
        let audit = folder.path().join("audit");
        let (log, said) = log(&audit, LogOptions::default());
        log.push(&mut vec![entry(1)]);
        until("a line", || sound(&audit).lines == 1);
        // A write fails when the file system has no room: all of it is taken.
        let _ = fs::write(&filler, vec![1; 256 * 1024]);
        for batch in 0..20 {
            log.push(&mut (batch * 10 + 2..=batch * 10 + 11).map(entry).collect());
            thread::sleep(Duration::from_millis(10));
        }
        until("trouble", || log.current_failure().is_some());
        fs::remove_file(&filler).unwrap();
        until("it is mended", || log.current_failure().is_none());
        log.push(&mut vec![entry(202)]);
        assert_eq!(log.finish(PATIENCE), 0);
        let report = sound(&audit);
        assert!(report.gaps >= 1 && report.lost > 0, "{report:?}");
        assert_eq!(calls(&audit).len() as u64 + report.lost, 202);
        assert!(matches!(said.lock().unwrap()[0], LogNotice::Unwritable(_)));
    });
    assert!(Command::new("umount").arg("-l").arg(folder.path()).status().unwrap().success());
    done.unwrap();
}

/// A disk that is full in the middle of a write: files may grow to this size and no further, by a shell's ulimit.
#[cfg(unix)]
#[test]
fn a_write_that_stops_halfway_leaves_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    let program = command(folder.path(), 400);
    let script = "trap '' XFSZ; ulimit -f 37; exec \"$@\"";
    let mut limited = Command::new("sh");
    limited.args(["-c", script, "sh"]).arg(program.get_program()).args(program.get_args());
    limited.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let out = limited.stdout(Stdio::null()).output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(said.matches("cannot be written").count(), 1, "{said}");
    assert!(fs::read(place(folder.path()).current_file()).unwrap().ends_with(b"\n"));
    let lines = sound(folder.path()).lines;
    assert!(lines > 0 && lines < 400);
    session(folder.path(), LogOptions::default(), 1..=3);
    assert!(sound(folder.path()).lines >= lines + 3);
}

#[test]
fn all_get_the_same_key_and_a_damaged_one_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit");
    let makers: Vec<_> = (0..8)
        .map(|_| {
            let audit = audit.clone();
            thread::spawn(move || load_key(&audit).unwrap())
        })
        .collect();
    let keys: Vec<_> = makers.into_iter().map(|maker| maker.join().unwrap()).collect();
    assert!(keys.iter().all(|key| *key == keys[0]) && keys[0].0 != [0; 32]);
    fs::write(audit.join("key"), "short").unwrap();
    assert!(load_key(&audit).unwrap_err().to_string().contains("5 bytes"));
    fs::remove_file(audit.join("key")).unwrap();
    fs::create_dir(audit.join("key")).unwrap();
    assert!(load_key(&audit).is_err());
}

/// BreakKind version 0.1.0 does: its only sign that a session runs is the lock of the journal.
#[cfg(unix)]
#[test]
fn the_journals_of_version_0_1_0_are_known_and_ours_are_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let open = Arc::new(Mutex::new(vec![open_entry(1)]));
    let (ours, _) = start(folder.path(), LogOptions::default(), open);
    let journal = place(folder.path()).journal_file(&ours.session().id);
    until("a call", || fs::read_to_string(&journal).is_ok_and(|text| text.lines().count() == 1));
    // It leaves alone what it cannot lock.
    let seen = fs::File::open(&journal).unwrap();
    assert!(matches!(seen.try_lock(), Err(fs::TryLockError::WouldBlock)));
    // One of its own sessions, which runs, and then is killed.
    let theirs = place(folder.path()).journal_file("00000000000000aa");
    let text = fs::read_to_string(&journal).unwrap().replace(&ours.session().id, "00000000000000aa");
    fs::write(&theirs, text).unwrap();
    let running = fs::File::open(&theirs).unwrap();
    running.lock().unwrap();
    session(folder.path(), LogOptions::default(), 1..=1);
    let report = sound(folder.path());
    assert_eq!((report.running, &*report.notes), (2, &[][..]), "both sessions run");
    // Closing it would not do: a child that another test has just started may still share it.
    drop(running.unlock());
    session(folder.path(), LogOptions::default(), 1..=1);
    let report = sound(folder.path());
    let killed = VerifyNote::Killed { session: "00000000000000aa".to_owned(), unanswered: Some(1) };
    assert_eq!((report.running, report.notes, report.unknown), (1, vec![killed], 1));
    assert!(!theirs.exists() && journal.exists());
    drop(ours);
}

/// A lock holds against every other handle on Windows: of what is locked, nothing may be read.
#[test]
fn no_file_that_is_read_is_locked() {
    let folder = tempfile::tempdir().unwrap();
    let open = Arc::new(Mutex::new(vec![open_entry(1)]));
    let (log, said) = start(folder.path(), LogOptions::default(), open);
    log.push(&mut vec![entry(2)]);
    let opened = place(folder.path()).journal_file(&log.session().id);
    until("a call", || fs::read_to_string(&opened).is_ok_and(|text| text.lines().count() == 1));
    let files = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
    };
    let all = [files(folder.path()), files(&folder.path().join("open"))].concat();
    let is_lock = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "lock");
    assert_eq!(all.iter().filter(is_lock).count(), 2, "{all:?}");
    for path in all.iter().filter(|path| !is_lock(path)) {
        assert!(fs::read(path).is_ok(), "{}", path.display());
        // Nor does the log need the lock of any of them, but for what version 0.1.0 wants on Unix.
        let other = fs::File::options().read(true).write(true).open(path).unwrap();
        assert!(path == &opened && cfg!(unix) || other.try_lock().is_ok(), "{}", path.display());
    }
    assert_eq!(log.finish(PATIENCE), 0);
    assert!(files(&folder.path().join("open")).is_empty(), "the session leaves nothing");
    assert_eq!(*said.lock().unwrap(), []);
}

/// BreakKind a session leaves that was killed before it had a journal.
#[test]
fn a_stale_lock_file_is_removed_and_one_that_is_held_is_not() {
    let folder = tempfile::tempdir().unwrap();
    session(folder.path(), LogOptions::default(), 1..=1);
    let (stale, held) =
        (folder.path().join("open/demo-00000000000000bb.lock"), folder.path().join("open/demo-00000000000000cc.lock"));
    fs::write(&stale, "").unwrap();
    fs::write(stale.with_extension("new"), "").unwrap();
    let holder = fs::File::create(&held).unwrap();
    holder.lock().unwrap();
    session(folder.path(), LogOptions::default(), 1..=1);
    assert!(!stale.exists() && !stale.with_extension("new").exists());
    assert!(held.exists());
    #[cfg(unix)]
    drop(holder.unlock());
    drop(holder);
    session(folder.path(), LogOptions::default(), 1..=1);
    assert!(!held.exists());
}

/// Everything that happens to a log at once: writers in several processes, rotation, pruning, a reader that follows, `verify`.
#[test]
fn a_log_is_whole_while_everybody_works_on_it() {
    let folder = tempfile::tempdir().unwrap();
    session(folder.path(), LogOptions { max_size: 20_000, ..LogOptions::default() }, 1..=1);
    let mut writers: Vec<Child> =
        (0..3).map(|_| command(folder.path(), 600).stderr(Stdio::piped()).spawn().unwrap()).collect();
    let mut reader = policylayer::audit::reader::Reader::open(folder.path(), None).unwrap();
    let mut followed = 0;
    let mut sessions = 0_u64;
    while writers.iter_mut().any(|writer| writer.try_wait().unwrap().is_none()) {
        sound(folder.path());
        reader.look_again().unwrap();
        while reader.read_next().unwrap().is_some() {
            followed += 1;
        }
        sessions += 1;
        session(folder.path(), LogOptions { max_size: 20_000, ..LogOptions::default() }, sessions..=sessions);
    }
    for writer in writers {
        let said = String::from_utf8(writer.wait_with_output().unwrap().stderr).unwrap();
        assert!(!said.contains("said "), "{said}");
    }
    reader.look_again().unwrap();
    while reader.read_next().unwrap().is_some() {
        followed += 1;
    }
    let report = sound(folder.path());
    assert_eq!((report.lines, report.notes.len(), report.gaps), (1 + 1_800 + sessions, 0, 0));
    assert_eq!(followed, report.lines);
}
