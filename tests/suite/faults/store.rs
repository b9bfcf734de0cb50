//! One state store for all: 200 wrappers that count in it at once, and a disk that is full.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// `counted` is counted in the state store, `refused` never passes, what else there is always does.
fn counting(max: usize) -> String {
    format!(
        r#"{{"version":"1","default":"allow","tools":{{"refused":{{"action":"deny"}},
            "counted":{{"limits":[{{"max":{max},"window":"day","scope":"server"}}]}}}}}}"#
    )
}

/// Fewer on Windows, where each takes its time to start.
const WRAPPERS: usize = if cfg!(windows) { 50 } else { 200 };
/// How many calls each of them makes; all at once.
const CALLS: u64 = 3;
/// How many of those 600 may pass.
const MAX: usize = WRAPPERS * 3 / 4;

/// A program that ends at once.
fn version() -> Command {
    let mut command = Command::new(crate::support::system::program());
    command.arg("--version");
    command
}

fn answers(wrapper: &mut Child, out: &mut BufReader<std::process::ChildStdout>, lines: &str, count: usize) -> String {
    wrapper.stdin.as_mut().unwrap().write_all(lines.as_bytes()).unwrap();
    let mut answers = String::new();
    for _ in 0..count {
        assert!(out.read_line(&mut answers).unwrap() > 0, "a wrapper has ended");
    }
    answers
}

/// So many wrappers as no person runs, all of which count their calls at the same moment.
#[test]
fn shared_by_200_wrappers_lets_no_more_through_than_its_limit() {
    let start = Instant::now();
    // Its home is everybody's; whatever happens, all of them end with it.
    let first = Wrapped::start_for(300 * SECOND, home_with(&counting(MAX)), version());
    let path = first.home.path().to_owned();
    let mut wrappers: Vec<_> = (0..WRAPPERS)
        .map(|n| {
            let mut command = stub_in(&path, &["--echo"]);
            command.stderr(fs::File::create(path.join(format!("stderr-{n}"))).unwrap());
            let mut wrapper = command.spawn().unwrap();
            let out = BufReader::new(wrapper.stdout.take().unwrap());
            (wrapper, out)
        })
        .collect();
    for (wrapper, out) in &mut wrappers {
        answers(wrapper, out, &call(0, "open"), 1);
    }
    let (started, together) = (start.elapsed(), std::sync::Barrier::new(WRAPPERS));
    let found_locked = AtomicUsize::new(0);
    let answered: Vec<String> = thread::scope(|scope| {
        let all: Vec<_> = wrappers
            .iter_mut()
            .map(|(wrapper, out)| {
                let (together, found_locked) = (&together, &found_locked);
                scope.spawn(move || {
                    together.wait();
                    let mut all = answers(wrapper, out, &calls(1..1 + CALLS, "counted"), CALLS as usize);
                    // On a busy machine a call may find the store locked for too long. It is told to try again, and does.
                    while let Some(locked) =
                        all.lines().find(|line| line.contains("keeps it locked")).map(str::to_owned)
                    {
                        found_locked.fetch_add(1, Ordering::Relaxed);
                        let again = call(&json(&locked)["id"], "counted");
                        all = all.replacen(&(locked + "\n"), "", 1) + &answers(wrapper, out, &again, 1);
                    }
                    all
                })
            })
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (found_locked, all) = (found_locked.into_inner(), answered.concat());
    tell(&format!(
        "{WRAPPERS} wrappers were up after {started:.1?}, and had counted after {:.1?}; {found_locked} calls had to try again",
        start.elapsed()
    ));
    for answers in &answered {
        assert_eq!(sorted(ids(answers)), (1..1 + CALLS).collect::<Vec<_>>());
    }
    let exceeded = |line: &&str| line.contains("retry_after") || line.contains("retryAfter");
    let refused: Vec<_> = all.lines().filter(|line| is_refused(line)).collect();
    let errors: Vec<_> = refused.iter().filter(|line| !exceeded(line)).collect();
    assert!(errors.is_empty(), "{} of other kinds, such as {}", errors.len(), errors[0]);
    assert_eq!(all.lines().filter(|line| !is_refused(line)).count(), MAX);
    for (wrapper, _) in &mut wrappers {
        drop(wrapper.stdin.take());
    }
    for (mut wrapper, _) in wrappers {
        assert!(wrapper.wait().unwrap().success());
    }
    first.all_gone();
}

/// How much a process may write is limited by Linux's prlimit, and mounting is Linux's own.
#[cfg(target_os = "linux")]
mod full {
    use std::os::unix::process::CommandExt as _;
    use std::process::Stdio;

    use super::*;

    /// While the store cannot be written: what it has to count is refused with words, what it has not passes.
    fn refuses_what_it_cannot_count(session: &mut Wrapped, words: &[&str]) {
        // What has room yet may take one or two.
        let mut answer = String::new();
        until("the disk is full", || {
            answer = ask(session, "counted");
            is_refused(&answer)
        });
        for word in ["cannot count this call", "state.sqlite3"].iter().chain(words) {
            assert!(answer.contains(word), "{word}: {answer}");
        }
        for _ in 0..3 {
            assert!(ask(session, "counted").contains("cannot count this call"));
            assert!(!is_refused(&ask(session, "open")), "what needs no store passes");
            assert!(ask(session, "refused").contains("tools.refused"));
        }
    }

    /// Nothing at all can be written: each write fails, as on a disk without a free block. Works everywhere.
    #[test]
    fn that_cannot_be_written_refuses_what_it_would_count() {
        let home = home_with(&counting(100));
        let mut command = stub_in(home.path(), &[]);
        // SAFETY: signal is async-signal-safe, and no handler of ours is involved.
        unsafe {
            command.pre_exec(|| {
                // So that a write fails, where the system would end the process.
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                Ok(())
            });
        }
        let mut session = Wrapped::start(home, command);
        let pid = rustix::process::Pid::from_child(&session.process);
        let allow_files = |bytes| {
            use rustix::process::{Resource, Rlimit, prlimit};
            prlimit(Some(pid), Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
        };
        allow_files(Some(0));
        refuses_what_it_cannot_count(&mut session, &["cannot be used", "writable"]);
        allow_files(None);
        assert!(!is_refused(&ask(&mut session, "counted")), "there is room");
        allow_files(Some(0));
        refuses_what_it_cannot_count(&mut session, &[]);
        allow_files(None);
        let passed = (0..150).filter(|_| !is_refused(&ask(&mut session, "counted"))).count();
        assert_eq!(passed, 99, "what was refused was not counted, and what passed was");
        session.close();
        assert_eq!(code(&mut session), 0);
    }

    /// What puts a tiny disk where the state is, for the wrapper alone, and becomes the wrapper.
    const MOUNT: &str = "mount -t tmpfs -o size=128k tmpfs \"$XDG_STATE_HOME\" && exec \"$@\"";

    /// Whether this system lets us mount in a namespace of our own.
    fn may_mount() -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let tried = Command::new("unshare")
            .args(["--mount", "--map-root-user", "sh", "-c", MOUNT, "sh", "true"])
            .env("XDG_STATE_HOME", folder.path())
            .output();
        match tried {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(format!("unshare: {error}")),
        }
    }

    /// A real disk that is really full, where one may be mounted.
    #[test]
    fn on_a_full_disk_refuses_what_it_would_count() {
        if let Err(why) = may_mount() {
            tell(&format!("no tiny disk may be mounted here ({why}); a disk whose writes all fail stands in for it"));
            return that_cannot_be_written_refuses_what_it_would_count();
        }
        tell("on a tmpfs of 128 KiB");
        let home = home_with(&counting(100));
        let state = home.path().join("state");
        fs::create_dir(&state).unwrap();
        let wrapper = stub_in(home.path(), &[]);
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user", "sh", "-c", MOUNT, "sh"]);
        command.arg(wrapper.get_program()).args(wrapper.get_args());
        command.env("HOME", home.path()).env("XDG_STATE_HOME", &state).env_remove("XDG_CONFIG_HOME");
        command.env_remove("POLICYLAYER_POLICY").env_remove("XDG_DATA_HOME");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        command.stderr(fs::File::create(home.path().join("stderr")).unwrap());
        let mut session = Wrapped::start(home, command);
        session.greet();
        // The disk as the wrapper sees it.
        let root = Path::new("/proc").join(session.process.id().to_string()).join("root");
        let filler = root.join(state.strip_prefix("/").unwrap()).join("filler");
        let fill = || {
            let mut filler = fs::File::create(&filler).unwrap();
            while filler.write_all(&[7; 512]).is_ok() {}
        };
        fill();
        refuses_what_it_cannot_count(&mut session, &["the disk is full", "Make room"]);
        fs::remove_file(&filler).unwrap();
        assert!(!is_refused(&ask(&mut session, "counted")), "there is room");
        fill();
        refuses_what_it_cannot_count(&mut session, &["the disk is full", "Make room"]);
        fs::remove_file(&filler).unwrap();
        assert!(!is_refused(&ask(&mut session, "counted")), "there is room again");
        session.close();
        assert_eq!(code(&mut session), 0);
    }
}
