//! A small scripted MCP server for process tests: each argument is one habit, and habits add up.
#![allow(missing_docs, unsafe_code, clippy::panic, clippy::expect_used)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, Read as _, Write};
use std::process::{self, Command, Stdio};
use std::thread;
use std::time::Duration;

fn main() {
    let _alive = tell_that_we_live();
    let mut args = std::env::args().skip(1);
    let mut habits = Habits::default();
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_else(|| panic!("{arg} needs a value"));
        match arg.as_str() {
            // Every line is written to this file as it came.
            "--record" => habits.record = Some(File::create(value()).expect("the record can be made")),
            // What is in this file goes to stdout in pieces of odd sizes, first thing.
            "--play" => play(&fs::read(value()).expect("the file to play can be read")),
            // Requests are not answered.
            "--silent" => habits.silent = true,
            // Answers come this much later, in milliseconds.
            "--late" => habits.late = Duration::from_millis(value().parse().expect("a number")),
            // Ends with this code at the first request, which it does not answer.
            "--exit-at-request" => habits.exit_at_request = Some(value().parse().expect("a number")),
            // Ends by this signal at the first request.
            #[cfg(unix)]
            "--signal-at-request" => habits.signal_at_request = Some(value().parse().expect("a number")),
            // Ends with this code when stdin ends.
            "--code" => habits.code = value().parse().expect("a number"),
            "--ignore-eof" => habits.ignore_eof = true,
            "--ignore-signals" => ignore_signals(),
            // Writes a signal's number to this file when it arrives, and ends with 0.
            #[cfg(unix)]
            "--tell-signal" => tell_signal(value()),
            // Writes its process id to this file.
            "--pid" => write_pid(&value(), process::id()),
            // Starts a descendant that ignores everything, holds all pipes, and writes its process id to this file.
            "--grandchild" => grandchild(&value()),
            // Leaves its process group and session.
            #[cfg(unix)]
            "--new-session" => _ = unsafe { libc::setsid() },
            // Starts a descendant that does so and ignores everything.
            #[cfg(unix)]
            "--stray" => stray(&value()),
            // The same, and the parent of the descendant ends.
            #[cfg(unix)]
            "--daemon" => daemon(&value()),
            // One line, then nothing but lines, for as long as somebody reads.
            "--flood" => flood(),
            // Never reads.
            "--deaf" => forever(),
            // Closes stdout and lives on.
            "--close-stdout" => replace_by_null(1),
            // The same when the first request comes, which nobody answers.
            "--close-stdout-at-request" => habits.close_stdout_at_request = true,
            // Each answer comes twice.
            "--twice" => habits.twice = true,
            // Requests are answered when the next notification comes, all of them.
            "--at-cue" => habits.at_cue = true,
            // Notifications come without end while requests are answered.
            "--chatter" => chatter(),
            // One line without end.
            "--endless-line" => endless_line(),
            // As fast as it goes: each line that begins as a request is answered with an empty result.
            "--echo" => echo(),
            // What is in this file, a JSON object, says what is answered: under METHOD#CURSOR, else METHOD, the result, or
            // a text to write as it is. $ID is the request's id, $NEXT a number that grows.
            "--offer" => {
                let text = fs::read_to_string(value()).expect("the offer can be read");
                habits.offer = serde_json::from_str(&text).expect("the offer is a JSON object");
            }
            // The same, and the file is read again for each request.
            "--live-offer" => habits.live_offer = Some(value()),
            // Ends with 0 once it has read so many bytes.
            "--read" => {
                let count = value().parse().expect("a number");
                io::copy(&mut io::stdin().take(count), &mut io::sink()).expect("stdin is open");
                process::exit(0);
            }
            // Ends with this code at once.
            "--end" => process::exit(value().parse().expect("a number")),
            // Writes this line to stdout, first thing.
            "--print" => say(format!("{}\n", value()).as_bytes()),
            // All arguments after the file are none of ours: they are written to it, as JSON.
            "--argv" => {
                let file = value();
                let rest: Vec<String> = args.by_ref().collect();
                write_whole(&file, &serde_json::to_string(&rest).expect("texts are JSON"));
            }
            // Writes to this file which console it has: "none", "hidden" or "window".
            #[cfg(windows)]
            "--console" => write_whole(&value(), console::kind()),
            // Sends Ctrl-C to every process of the console that the process with this id has, and ends with 0.
            #[cfg(windows)]
            "--ctrl-c" => console::interrupt(value().parse().expect("a number")),
            // Says this on stderr, first thing.
            "--say" => writeln!(io::stderr(), "{}", value()).expect("stderr is open"),
            // The same for stdin.
            "--close-stdin" => replace_by_null(0),
            other => panic!("the stub server has no habit {other}"),
        }
    }
    serve(habits);
}

#[derive(Default)]
struct Habits {
    record: Option<File>,
    silent: bool,
    late: Duration,
    exit_at_request: Option<i32>,
    #[cfg(unix)]
    signal_at_request: Option<i32>,
    code: i32,
    ignore_eof: bool,
    close_stdout_at_request: bool,
    twice: bool,
    at_cue: bool,
    offer: serde_json::Map<String, serde_json::Value>,
    live_offer: Option<String>,
}

fn serve(mut habits: Habits) {
    let mut stdin = io::stdin().lock();
    let mut line = Vec::new();
    let (mut waiting, mut asked) = (Vec::new(), 0);
    loop {
        line.clear();
        if stdin.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
            break;
        }
        if let Some(record) = &mut habits.record {
            record.write_all(&line).expect("the record can be written");
        }
        let Ok(message) = serde_json::from_slice::<serde_json::Value>(&line) else { continue };
        let (Some(id), Some(method)) = (message.get("id"), message.get("method")) else {
            say(&std::mem::take(&mut waiting));
            continue;
        };
        if let Some(code) = habits.exit_at_request {
            process::exit(code);
        }
        #[cfg(unix)]
        if let Some(signal) = habits.signal_at_request {
            unsafe { libc::raise(signal) };
        }
        if habits.close_stdout_at_request {
            replace_by_null(1);
        }
        thread::sleep(habits.late);
        if !habits.silent {
            if let Some(file) = &habits.live_offer {
                let text = fs::read_to_string(file).expect("the offer can be read");
                habits.offer = serde_json::from_str(&text).expect("the offer is a JSON object");
            }
            let answer = offered(&habits.offer, &message, &mut asked);
            let answer = answer
                .unwrap_or_else(|| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"method\":{method}}}}}\n"));
            waiting.extend(answer.repeat(if habits.twice { 2 } else { 1 }).into_bytes());
            if !habits.at_cue {
                say(&std::mem::take(&mut waiting));
            }
        }
    }
    if habits.ignore_eof {
        forever();
    }
    process::exit(habits.code);
}

/// The line that answers a request as the offer says; `None` where there is no offer.
fn offered(
    offer: &serde_json::Map<String, serde_json::Value>,
    request: &serde_json::Value,
    asked: &mut u32,
) -> Option<String> {
    if offer.is_empty() {
        return None;
    }
    *asked += 1;
    let method = request["method"].as_str().unwrap_or_default();
    let at = request["params"]["cursor"].as_str().and_then(|cursor| offer.get(&format!("{method}#{cursor}")));
    let line = match at.or_else(|| offer.get(method)) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(result) => format!("{{\"jsonrpc\":\"2.0\",\"id\":$ID,\"result\":{result}}}"),
        None => {
            "{\"jsonrpc\":\"2.0\",\"id\":$ID,\"error\":{\"code\":-32601,\"message\":\"Method not found\"}}".to_owned()
        }
    };
    Some(line.replace("$ID", &request["id"].to_string()).replace("$NEXT", &asked.to_string()) + "\n")
}

/// A client that is gone ends a server of this kind.
fn say(answers: &[u8]) {
    if io::stdout().write_all(answers).and_then(|()| io::stdout().flush()).is_err() {
        process::exit(1);
    }
}

fn echo() -> ! {
    let mut stdin = io::BufReader::with_capacity(64 * 1024, io::stdin().lock());
    let (mut line, mut answers) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if stdin.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
            process::exit(0);
        }
        let id =
            line.strip_prefix(b"{\"jsonrpc\":\"2.0\",\"id\":").and_then(|rest| rest.split(|byte| *byte == b',').next());
        if let Some(id) = id {
            answers.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
            answers.extend_from_slice(id);
            answers.extend_from_slice(b",\"result\":{\"content\":[]}}\n");
        }
        if stdin.buffer().is_empty() {
            say(&answers);
            answers.clear();
        }
    }
}

fn chatter() {
    thread::spawn(|| {
        let line = b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n".repeat(100);
        loop {
            say(&line);
        }
    });
}

fn endless_line() {
    thread::spawn(|| {
        loop {
            say(&[b'x'; 60_000]);
        }
    });
}

fn play(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    let mut rest = bytes;
    for size in [1, 2, 3, 7, 100, 4096, 65_536].into_iter().cycle() {
        let (piece, tail) = rest.split_at(size.min(rest.len()));
        stdout.write_all(piece).expect("stdout is open");
        stdout.flush().expect("stdout is open");
        rest = tail;
        if rest.is_empty() {
            return;
        }
    }
}

fn flood() {
    let line = format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":{{\"a\":\"{}\"}}}}\n",
        "x".repeat(1000)
    );
    let lines = line.repeat(60);
    let mut stdout = io::stdout().lock();
    while stdout.write_all(lines.as_bytes()).is_ok() {}
    process::exit(3);
}

fn forever() -> ! {
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// Windows has no signal that it could ignore.
#[cfg(not(unix))]
fn ignore_signals() {}

#[cfg(unix)]
fn ignore_signals() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

#[cfg(unix)]
fn tell_signal(file: String) {
    // Blocked before any thread exists, so that only sigwait gets them.
    let mut set = unsafe { std::mem::zeroed() };
    unsafe {
        libc::sigemptyset(&mut set);
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
            libc::sigaddset(&mut set, signal);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
    }
    thread::spawn(move || {
        let mut signal = 0;
        unsafe { libc::sigwait(&set, &mut signal) };
        write_whole(&file, &signal.to_string());
        process::exit(0);
    });
}

#[allow(clippy::zombie_processes, reason = "it is meant to be left behind")]
fn grandchild(file: &str) {
    let program = std::env::current_exe().expect("the stub knows its path");
    Command::new(program)
        .args(["--ignore-signals", "--pid", file, "--deaf"])
        .stdin(Stdio::inherit())
        .spawn()
        .expect("the grandchild starts");
}

#[cfg(unix)]
fn stray(file: &str) {
    let program = std::env::current_exe().expect("the stub knows its path");
    let habits = ["--new-session", "--ignore-signals", "--pid", file, "--deaf"];
    let stray = Command::new(program).args(habits).spawn().expect("the stray starts");
    // It is to outlive this process, which never waits for it.
    drop(stray);
}

#[cfg(unix)]
fn daemon(file: &str) {
    let program = std::env::current_exe().expect("the stub knows its path");
    let status = Command::new(program).args(["--stray", file, "--end", "0"]).status();
    assert!(status.expect("the daemon's parent starts").success());
}

fn replace_by_null(standard: i32) {
    close(standard);
    // So that nothing that is opened later takes its place.
    let null = if cfg!(windows) { "NUL" } else { "/dev/null" };
    let null = OpenOptions::new().read(true).write(true).open(null).expect("there is a null device");
    std::mem::forget(null);
}

#[cfg(unix)]
fn close(standard: i32) {
    unsafe { libc::close(standard) };
}

#[cfg(windows)]
fn close(standard: i32) {
    use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
    let handle = if standard == 0 { io::stdin().as_raw_handle() } else { io::stdout().as_raw_handle() };
    drop(unsafe { OwnedHandle::from_raw_handle(handle) });
}

#[cfg(windows)]
mod console {
    use std::ffi::c_void;
    use std::fs::File;
    use std::{io, process};

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn AttachConsole(process: u32) -> i32;
        fn FreeConsole() -> i32;
        fn GenerateConsoleCtrlEvent(event: u32, group: u32) -> i32;
        fn GetConsoleWindow() -> *mut c_void;
        fn SetConsoleCtrlHandler(handler: *const c_void, add: i32) -> i32;
    }

    pub(super) fn kind() -> &'static str {
        if File::options().read(true).write(true).open("CONOUT$").is_err() {
            return "none";
        }
        if unsafe { GetConsoleWindow() }.is_null() { "hidden" } else { "window" }
    }

    pub(super) fn interrupt(process: u32) -> ! {
        let done = unsafe {
            FreeConsole();
            // Not for ourselves.
            AttachConsole(process) != 0
                && SetConsoleCtrlHandler(std::ptr::null(), 1) != 0
                && GenerateConsoleCtrlEvent(0, 0) != 0
        };
        let error = io::Error::last_os_error();
        process::exit(if done { 0 } else { error.raw_os_error().unwrap_or(1) });
    }
}

/// Where no /proc tells what lives, a test asks for the lock that is held on a file in the home as long as we live. What we
/// were started with is beside it.
fn tell_that_we_live() -> Option<File> {
    let home =
        std::env::var_os(if cfg!(windows) { "USERPROFILE" } else { "HOME" }).filter(|_| !cfg!(target_os = "linux"))?;
    let folder = std::path::Path::new(&home).join(".living");
    // The home may be gone, or it may be anybody's: only a test has made the stub's arguments.
    fs::create_dir_all(&folder).ok()?;
    let file = folder.join(process::id().to_string());
    let lock = File::create(&file).ok()?;
    lock.lock().ok()?;
    let command: Vec<_> = std::env::args().collect();
    write_whole(file.with_extension("command").to_str()?, &command.join(" "));
    Some(lock)
}

fn write_pid(file: &str, pid: u32) {
    write_whole(file, &pid.to_string());
}

/// Whoever finds the file finds it whole.
fn write_whole(file: &str, text: &str) {
    let part = format!("{file}.part");
    fs::write(&part, text).expect("the file can be written");
    fs::rename(&part, file).expect("the file can be put in place");
}
