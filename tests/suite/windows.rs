//! What only Windows does: how commands are found and batch files are started, consoles, jobs, exit codes of 32 bits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::windows::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::processes;
use crate::support::system::{PATIENCE, at_home, is_wine, leads_a_group, program, skip_part};
use crate::support::wrapped::{Wrapped, home, stub, wrap};

const SECOND: Duration = Duration::from_secs(1);
const DETACHED_PROCESS: u32 = 0x8;
const CREATE_NEW_CONSOLE: u32 = 0x10;

/// A home with tools in a directory whose name has blanks, parentheses and letters of no code page.
struct Tools {
    home: tempfile::TempDir,
    dir: PathBuf,
}

impl Tools {
    /// With `npx` as npm makes it: a shell script, and a batch file that starts the stub, which writes down its arguments.
    fn new() -> Self {
        let home = home();
        let dir = home.path().join("Program Files (x86) Ü 工");
        fs::create_dir(&dir).unwrap();
        let tools = Self { home, dir };
        fs::write(tools.dir.join("npx"), "#!/bin/sh\nexit 7\n").unwrap();
        tools.batch("npx.cmd", "\"%STUB%\" --argv \"%ARGV%\" %*\r\n");
        tools
    }

    fn batch(&self, name: &str, text: &str) {
        fs::write(self.dir.join(name), format!("@ECHO off\r\n{text}")).unwrap();
    }

    fn path(&self) -> String {
        let root = std::env::var("SystemRoot").unwrap();
        format!("\"{}\";{root}\\system32;{root}", self.dir.display())
    }

    fn argv_file(&self) -> PathBuf {
        self.home.path().join("argv.json")
    }

    /// The stub under another name, with the library beside it that Wine has not.
    fn copy_stub(&self, name: &str) {
        fs::copy(stub(), self.dir.join(name)).unwrap();
        let library = stub().with_file_name("bcryptprimitives.dll");
        if library.exists() {
            fs::copy(&library, self.dir.join("bcryptprimitives.dll")).unwrap();
        }
    }

    /// A subcommand of the program in this home, with these words after `--`.
    fn command(&self, options: &[&str], words: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(options).arg("--").args(words);
        at_home(&mut command, self.home.path()).current_dir(self.home.path());
        command.env("PATH", self.path()).env("STUB", stub()).env("ARGV", self.argv_file());
        command.env("VALUE", "expanded").env_remove("PATHEXT");
        command
    }

    /// `policylayer wrap` around this command.
    fn wrap(&self, words: &[&str]) -> Command {
        let policy = self.home.path().join("policy.json");
        let mut command = self.command(&["wrap", "--server", "stub", "--policy", policy.to_str().unwrap()], words);
        leads_a_group(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()));
        command
    }

    /// What the server was given as its arguments; `None` where it was not started, with what was said then.
    fn argv(&self, mut command: Command) -> Result<Vec<String>, String> {
        let _ = fs::remove_file(self.argv_file());
        let mut process = command.spawn().unwrap();
        let mut stdin = process.stdin.take().unwrap();
        stdin.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n").unwrap();
        drop(stdin);
        let output = process.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let answers = String::from_utf8(output.stdout).unwrap();
        assert_eq!(answers.lines().count(), 1, "one answer to one request: {answers:?} {said}");
        match fs::read_to_string(self.argv_file()) {
            Ok(argv) => Ok(serde_json::from_str(&argv).unwrap()),
            Err(_) => {
                let answer: Value = serde_json::from_str(&answers).unwrap();
                let message = answer["error"]["message"].as_str().unwrap_or_default().to_owned();
                if message.contains("has ended (") {
                    return Err(message);
                }
                // The client is told what stderr says.
                let first = message.trim_start_matches("policylayer: ").lines().next().unwrap_or_default().to_owned();
                assert!(!first.is_empty() && said.contains(&first), "{message:?} {said}");
                Err(said)
            }
        }
    }

    /// How the step `command` of `doctor` went, and its remedy.
    fn doctor(&self, words: &[&str]) -> (bool, String) {
        let output = self.command(&["doctor", "--format", "json"], words).stdin(Stdio::null()).output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let steps = document["checks"][0]["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["id"] == "command").unwrap();
        (step["status"] == "ok", format!("{}\n{}", step["detail"], step["remedy"]))
    }
}

#[test]
fn a_command_is_found_as_cmd_finds_it() {
    let tools = Tools::new();
    let npx = tools.dir.join("npx");
    let relative = npx.strip_prefix(tools.home.path()).unwrap();
    let (npx, relative) = (npx.to_str().unwrap(), relative.to_str().unwrap());
    let exact = format!("{npx}.cmd");
    let (here, slashes) = (format!(".\\{relative}"), exact.replace('\\', "/"));
    tools.copy_stub("node-like.exe");
    let argv = tools.argv_file();
    let args = ["-y", "@iterable/mcp"];
    for command in [
        &["npx"][..],
        &["NPX"],
        &["npx.cmd"],
        &[npx],
        &[&exact],
        &[&slashes],
        &[relative],
        &[&here],
        &["cmd", "/c", "npx"],
        &["cmd.exe", "/d", "/c", "npx.cmd"],
        &["node-like", "--argv", argv.to_str().unwrap()],
    ] {
        let words = [command, &args].concat();
        assert_eq!(tools.argv(tools.wrap(&words)).as_deref(), Ok(&args.map(str::to_owned)[..]), "{command:?}");
        let (is_found, step) = tools.doctor(&words);
        assert!(is_found, "{command:?}: {step}");
    }
}

#[test]
fn what_is_not_found_or_not_a_program_is_said_and_nothing_else_starts() {
    let tools = Tools::new();
    let canary = tools.home.path().join("ran");
    // In the current directory, where no bare name is looked for.
    fs::write(tools.home.path().join("here.cmd"), format!("@echo x>\"{}\"\r\n", canary.display())).unwrap();
    fs::copy(stub(), tools.home.path().join("here-too.exe")).unwrap();
    fs::create_dir(tools.home.path().join("dir")).unwrap();
    fs::write(tools.home.path().join("dir").join("index.js"), "").unwrap();
    fs::write(tools.dir.join("only"), "#!/bin/sh\n").unwrap();
    fs::write(tools.dir.join("text.exe"), "This is no image.\r\n").unwrap();
    fs::write(tools.dir.join("script.py"), "print()\r\n").unwrap();
    let script = tools.dir.join("script.py").display().to_string();
    for (words, parts) in [
        (&["here"][..], &["there is no command `here` in PATH", "`where here` prints it"][..]),
        (&["here-too"], &["there is no command `here-too` in PATH"]),
        (&["only"], &["there is no command `only` in PATH"]),
        (&["no-such-server"], &["there is no command `no-such-server` in PATH", "system32"]),
        (&[r".\nowhere\server"], &["there is no file `.\\nowhere\\server`", "correct the path"]),
        (&[r".\dir"], &["is a directory", r"index.js`"]),
        (&[r"dir\index.js"], &["is not a program", r"dir\index.js`"]),
        (&["script.py"], &["is not a program", &format!("`python {script}`")]),
        (&[r".\"], &["is a directory"]),
    ] {
        let mut command = tools.wrap(words);
        command.env("PATH", format!("{};.;;", tools.path()));
        let said = tools.argv(command).unwrap_err();
        for part in parts {
            assert!(said.contains(part), "{words:?}: {part} is not in {said}");
        }
        assert!(said.contains("what to do: "), "{said}");
        for wrong in ["command -v", "chmod", "ulimit", "`which "] {
            assert!(!said.contains(wrong), "{said}");
        }
        let (is_found, step) = tools.doctor(words);
        assert!(!is_found, "{words:?}: {step}");
        for wrong in ["command -v", "chmod", "`which "] {
            assert!(!step.contains(wrong), "{step}");
        }
    }
    // What only the system can tell, at the start.
    let said = tools.argv(tools.wrap(&["text"])).unwrap_err();
    assert!(said.contains("is not a program for this Windows"), "{said}");
    assert!(!canary.exists());
}

#[test]
fn pathext_and_path_of_any_spelling_are_followed() {
    let tools = Tools::new();
    tools.copy_stub("both.exe");
    tools.batch("both.bat", "\"%STUB%\" --argv \"%ARGV%\" bat %*\r\n");
    fs::write(tools.dir.join("both.js"), "").unwrap();
    let start = |pathext: &str| {
        let mut command = tools.wrap(&["both", "--argv", tools.argv_file().to_str().unwrap(), "x"]);
        command.env_remove("PATH").env("Path", tools.path()).env("PathExt", pathext);
        tools.argv(command)
    };
    assert_eq!(start(".EXE;.BAT").unwrap(), ["x"]);
    assert_eq!(start(".BAT;.EXE").unwrap()[0], "bat");
    let said = start(".JS;.EXE").unwrap_err();
    assert!(said.contains("both.js` is not a program") && said.contains("`node "), "{said}");
}

#[test]
fn what_a_batch_file_is_given_arrives_or_is_refused() {
    let tools = Tools::new();
    // Whatever gets out of its quotes would run this.
    tools.batch("canary.cmd", "echo x>\"%~dp0ran\"\r\n");
    let canary = tools.dir.join("ran");
    for arg in [
        "plain",
        "",
        " ",
        "a b",
        "@iterable/mcp@latest",
        "--flag=value",
        "a,b;c=d",
        "ä 工 🙂",
        r"C:\Program Files\x\",
        r"trailing\",
        r"\\",
        r#"say "hi""#,
        r#"""#,
        r#"\""#,
        r#"a\\"b"#,
        "'single'",
        "`tick`",
        "a&canary",
        "&canary",
        "| canary",
        "a && canary",
        "a || canary",
        "^&canary",
        r#""&canary"#,
        r#""&canary&""#,
        r#"\"&canary&\""#,
        r#"" & canary & ""#,
        r#""^&canary"#,
        "(canary)",
        "<nul canary",
        ">out",
        "!VALUE!",
        "^",
        "a^b",
        "^^",
        "100%",
        "%VALUE%",
        "%%VALUE%%",
        "%VALUE:~0,3%",
        "%CMDCMDLINE:~-1%&canary",
        r#""%CMDCMDLINE:~-1%&canary&"#,
        "%=ExitCode%",
        "%*",
        "%1",
        "%~dp0",
        "tab\tbetween",
    ] {
        let given = ["-y", arg, "last"];
        let argv = tools.argv(tools.wrap(&[&["npx"], &given[..]].concat()));
        assert!(!canary.exists(), "{arg:?} ran another program");
        // What the library writes before a `%`, so that it begins no variable, Wine's cmd.exe does not read as Windows' does.
        if is_wine() && arg.contains('%') {
            if argv.as_ref().is_ok_and(|argv| argv == &given) {
                continue;
            }
            skip_part(
                &format!("Wine's cmd.exe makes {argv:?} of {arg:?}").lines().next().unwrap_or_default().to_owned(),
            );
            continue;
        }
        assert_eq!(argv.unwrap_or_else(|said| panic!("{arg:?}: {said}")), given, "{arg:?}");
    }
    for arg in ["a\ncanary", "a\r\ncanary", "\rcanary", "%\n"] {
        let said = tools.argv(tools.wrap(&["npx", "-y", arg])).unwrap_err();
        let shown = arg.replace('\n', "\\u{a}").replace('\r', "\\u{d}");
        for part in ["is a batch file", "argument 2", &shown, "line break", "name the program behind"] {
            assert!(said.contains(part), "{arg:?}: {part} is not in {said}");
        }
        assert!(!canary.exists(), "{arg:?} ran another program");
    }
    // A program that is none gets each as it is.
    let argv_file = tools.argv_file().display().to_string();
    let given = ["a\nb", "", r#"\"&canary"#, "%VALUE%", r"x\"];
    let stub = stub();
    let words = [&[stub.to_str().unwrap(), "--argv", &argv_file], &given[..]].concat();
    assert_eq!(tools.argv(tools.wrap(&words)).unwrap(), given);
    // The path of a batch file passes through cmd.exe as well.
    let odd = tools.home.path().join("100%VALUE% & x");
    fs::create_dir(&odd).unwrap();
    fs::copy(tools.dir.join("npx.cmd"), odd.join("npx.cmd")).unwrap();
    let said = tools.argv(tools.wrap(&[odd.join("npx").to_str().unwrap()])).unwrap_err();
    assert!(said.contains("has a `%`"), "{said}");
}

#[test]
fn the_exit_code_passes_with_all_its_bits() {
    for code in [0, 3, 255, 256, 300, 0x1234_5678, -1, -1_073_741_510] {
        let mut session = wrap(&["--code", &code.to_string()]);
        session.greet();
        session.close();
        assert_eq!(session.code(), code);
    }
    let mut session = wrap(&["--exit-at-request", "-1073741819"]);
    session.request("1");
    let answer = session.line();
    assert!(answer.contains("0xC0000005"), "{answer}");
    assert_eq!(session.code(), -1_073_741_819);
}

/// `npx.cmd` that starts the stub with a descendant of its own, all of which ignore everything.
fn stubborn(tools: &Tools) -> Wrapped {
    let file = tools.home.path().join("grandchild");
    tools.batch("stubborn.cmd", "\"%STUB%\" --ignore-eof --grandchild \"%GRANDCHILD%\" %*\r\n");
    let mut command = tools.wrap(&["stubborn"]);
    command.env("GRANDCHILD", &file).stderr(fs::File::create(tools.home.path().join("stderr")).unwrap());
    Wrapped::start(home(), command)
}

/// Until the two that the stub counts are alive, and no others.
fn two_live(tools: &Tools) {
    let start = Instant::now();
    while processes::living(tools.home.path()).len() != 2 {
        assert!(start.elapsed() < PATIENCE, "{:?}", processes::living(tools.home.path()));
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn nothing_behind_a_batch_file_outlives_a_wrapper_that_is_killed() {
    let tools = Tools::new();
    let mut session = stubborn(&tools);
    session.greet();
    two_live(&tools);
    session.kill();
    processes::wait_until_gone(tools.home.path());
    // Nobody holds our end of stdout either.
    assert_eq!(session.rest(), b"");
}

#[test]
fn nothing_behind_a_batch_file_outlives_the_grace() {
    let tools = Tools::new();
    let config = tools.home.path().join(".config").join("policylayer");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("config.toml"), "[wrap]\ngrace = \"1s\"\n").unwrap();
    let mut session = stubborn(&tools);
    session.greet();
    two_live(&tools);
    session.close();
    let (status, took) = session.end();
    assert!(took >= SECOND, "{took:?}");
    assert_eq!(status.code(), Some(1));
    processes::wait_until_gone(tools.home.path());
}

#[test]
fn each_request_is_answered_once_when_the_server_behind_a_batch_file_is_killed() {
    for round in 0..10 {
        let tools = Tools::new();
        let mut session = {
            tools.batch("silent.cmd", "\"%STUB%\" --silent %*\r\n");
            let mut command = tools.wrap(&["silent"]);
            command.stderr(fs::File::create(tools.home.path().join("stderr")).unwrap());
            Wrapped::start(home(), command)
        };
        session.request("\"first\"");
        let start = Instant::now();
        let server = loop {
            if let Some(server) = processes::living(tools.home.path()).first() {
                break server.pid;
            }
            assert!(start.elapsed() < PATIENCE);
            thread::sleep(Duration::from_millis(5));
        };
        let killer = thread::spawn(move || processes::kill(server));
        let mut sent = 1;
        let mut stdin = session.stdin.take().unwrap();
        for id in 0..2000 {
            let line = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n");
            if stdin.write_all(line.as_bytes()).is_err() {
                break;
            }
            sent += 1;
        }
        drop(stdin);
        killer.join().unwrap();
        let answers = String::from_utf8(session.rest()).unwrap();
        let mut ids: Vec<String> =
            answers.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].to_string()).collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count, "round {round}: an id was answered twice");
        // Whatever was written while the wrapper still read has its answer, the first of all at least.
        assert!(ids.contains(&"\"first\"".to_owned()), "round {round}: {count} answers to {sent} requests");
        let numbers = ids.iter().filter(|id| !id.starts_with('"')).count();
        let highest = ids.iter().filter_map(|id| id.parse::<usize>().ok()).max();
        assert_eq!(highest.map_or(0, |highest| highest + 1), numbers, "round {round}: a hole among the answers");
        session.end();
        processes::wait_until_gone(tools.home.path());
    }
}

#[test]
fn a_client_without_a_console_sees_no_window() {
    let tools = Tools::new();
    for (flags, behind_batch) in [(DETACHED_PROCESS, false), (DETACHED_PROCESS, true)] {
        let file = tools.home.path().join(format!("console-{behind_batch}"));
        tools.batch("console.cmd", "\"%STUB%\" --console \"%CONSOLE%\" %*\r\n");
        let (stub, console) = (stub(), file.display().to_string());
        let words: &[&str] = if behind_batch { &["console"] } else { &[stub.to_str().unwrap(), "--console", &console] };
        let mut command = tools.wrap(words);
        command.creation_flags(flags).env("CONSOLE", &file);
        command.stderr(fs::File::create(tools.home.path().join("stderr")).unwrap());
        let mut session = Wrapped::start(home(), command);
        session.greet();
        assert_ne!(fs::read_to_string(&file).unwrap(), "window", "behind a batch file: {behind_batch}");
        session.close();
        assert_eq!(session.code(), 0);
    }
}

#[test]
fn ctrl_c_in_a_terminal_ends_all() {
    let tools = Tools::new();
    tools.batch("silent.cmd", "\"%STUB%\" %*\r\n");
    let mut command = tools.wrap(&["silent"]);
    command.creation_flags(CREATE_NEW_CONSOLE).stderr(fs::File::create(tools.home.path().join("stderr")).unwrap());
    let mut session = Wrapped::start(home(), command);
    session.greet();
    let status = Command::new(stub()).args(["--ctrl-c", &session.process.id().to_string()]).status().unwrap();
    if is_wine() && !status.success() {
        return skip_part(&format!("Wine has no console here: {status}"));
    }
    assert!(status.success(), "{status}");
    session.end();
    processes::wait_until_gone(tools.home.path());
}

#[test]
fn large_results_pass_in_a_moment() {
    let tools = Tools::new();
    let file = tools.home.path().join("play");
    let line = format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":{{\"a\":\"{}\"}}}}\n",
        "x".repeat(1_000_000)
    );
    fs::write(&file, line.repeat(3)).unwrap();
    let start = Instant::now();
    let mut session = wrap(&["--play", file.to_str().unwrap()]);
    session.close();
    assert_eq!(session.rest(), line.repeat(3).as_bytes());
    // Many times what it takes, on a machine that does much else.
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

#[test]
fn a_server_that_reads_nothing_does_not_hold_the_end() {
    // Larger than what any pipe holds, and smaller than what is read ahead.
    let home = home();
    let config = home.path().join(".config").join("policylayer");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("config.toml"), "[wrap]\ngrace = \"1s\"\n").unwrap();
    let mut session = crate::support::wrapped::wrap_with(home, &[], &["--deaf"]);
    let line = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{{\"a\":\"{}\"}}}}\n",
        "x".repeat(400_000)
    );
    session.send(line.as_bytes());
    session.close();
    let mut answers = String::new();
    session.stdout.as_mut().unwrap().read_to_string(&mut answers).unwrap();
    assert_eq!(answers.lines().count(), 1, "{answers}");
    let (status, _) = session.end();
    assert_eq!(status.code(), Some(1));
    session.all_gone();
}
