//! kill -9, in the middle of calls: of the server, of the wrapper, of npx and of the node behind it.

use super::*;
use crate::support::processes::kill;
use crate::support::wrapped::KILLED;

/// What is said of a server that was killed.
const SAID: &str = if cfg!(windows) { "exited with code " } else { "signal 9, SIGKILL" };

/// What the wrapper ends with then. `taskkill` gives who is ended the code 1, and Wine's the code 0.
fn is_killed(code: i32) -> bool {
    code == KILLED || (cfg!(windows) && code == 0)
}

/// A session over a server whose process id is known, and that pid.
fn with_pid(habits: &[&str]) -> (Wrapped, u32) {
    let home = home_with(POLICY);
    let pid = home.path().join("pid");
    let session = wrapped::wrap_with(home, &[], &[&["--pid", pid.to_str().unwrap()], habits].concat());
    let pid = session.told("pid").parse().unwrap();
    (session, pid)
}

#[test]
fn of_the_server_leaves_no_open_call_without_its_one_answer() {
    let (mut session, pid) = with_pid(&["--silent"]);
    session.send((calls(0..200, "open") + &calls(200..300, "refused")).as_bytes());
    let refused: String = (200..300).map(|_| session.line()).collect();
    assert!(refused.lines().all(is_refused));
    kill(pid);
    let answers = rest(&mut session);
    assert!(answers.lines().all(|answer| answer.contains(SAID)), "{answers}");
    assert_eq!(sorted(ids(&(refused + &answers))), (0..300).collect::<Vec<_>>());
    assert!(is_killed(code(&mut session)));
    session.all_gone();
}

/// The server dies between two bytes of an answer: what it said in part is no part of what the client reads.
#[test]
fn of_the_server_while_it_answers_leaves_whole_lines() {
    for round in 0..10 {
        let (mut session, pid) = with_pid(&["--echo"]);
        let sender = sending(&mut session, calls(0..2000, "open"));
        let mut answers: String = (0..100 + 70 * round).map(|_| session.line()).collect();
        let stdin = sender.join().unwrap();
        // Windows does not tell what a pipe still holds.
        #[cfg(unix)]
        until("the wrapper reads", || rustix::io::ioctl_fionread(&stdin).unwrap() == 0);
        #[cfg(windows)]
        let _held = stdin;
        kill(pid);
        answers += &rest(&mut session);
        assert!(answers.ends_with('\n'));
        let answered = sorted(ids(&answers));
        // What the wrapper had not read on Windows is answered for a moment only, and each at most once.
        let all = if cfg!(windows) { answered.len() as u64 } else { 2000 };
        assert_eq!(answered, (0..all).collect::<Vec<_>>(), "round {round}");
        assert!(is_killed(code(&mut session)));
        session.all_gone();
    }
}

#[test]
fn of_the_wrapper_leaves_nothing_running_and_whole_lines_but_the_last() {
    for (round, habits) in [&["--echo"][..], &["--chatter"], &["--flood"]].iter().enumerate() {
        let home = home_with(POLICY);
        let pid = home.path().join("pid");
        let stubborn = ["--ignore-signals", "--ignore-eof", "--grandchild", pid.to_str().unwrap()];
        let mut session = wrapped::wrap_with(home, &[], &[&stubborn, *habits].concat());
        session.told("pid");
        let sender = sending(&mut session, calls(0..100_000, "open") + &calls(100_000..200_000, "refused"));
        let mut lines: String = (0..300).map(|_| session.line()).collect();
        session.kill();
        session.all_gone();
        lines += &rest(&mut session);
        let (whole, _) = lines.rsplit_once('\n').unwrap();
        assert!(whole.lines().map(json).count() >= 300, "round {round}");
        sender.join().unwrap();
    }
}

/// The chain of processes is read from /proc.
#[cfg(target_os = "linux")]
mod behind_npx {
    use std::net::TcpListener;
    use std::sync::mpsc;

    use serde_json::json;

    use super::*;
    use crate::support::client::{Client, Launch, Under};
    use crate::support::node::upstream;
    use crate::support::processes::{living, wait_until_gone};

    /// A stand-in for Iterable that takes every request and answers none; tells of each.
    fn hanging_api() -> (String, mpsc::Receiver<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, arrived) = mpsc::channel();
        // Ends with the test's process: whoever it holds a connection for is then gone.
        thread::spawn(move || {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept() {
                held.push(stream);
                if tell.send(()).is_err() {
                    return;
                }
            }
        });
        (url, arrived)
    }

    /// The process whose parent is this one, of those that the test started.
    fn child_of(client: &Client, parent: u32) -> Option<u32> {
        let is_child = |pid: u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // After the name, which may hold anything: the state, and then the parent.
            let parent_of = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
            parent_of == Some(parent)
        };
        let all = living(client.home());
        all.into_iter().find(|process| is_child(process.pid)).map(|it| it.pid)
    }

    /// Starts npx → sh → node, with calls that hang in Iterable's API, and kills what `whom` picks of wrapper, npx and node.
    fn behind_npx(whom: fn(&Client, &[u32]) -> u32) -> Option<Client> {
        let upstream = upstream()?;
        let (url, arrived) = hanging_api();
        let launch = Launch::new(&upstream.npx)
            .arg("-y")
            .arg("@iterable/mcp")
            .folder(&upstream.folder)
            .env("npm_config_update_notifier", "false")
            .env("ITERABLE_API_KEY", "0123456789abcdef0123456789abcdef")
            .env("ITERABLE_BASE_URL", url);
        let mut client = launch.start(Under::Policy(r#"{"version":"1","default":"allow"}"#));
        client.initialize(json!({}));
        for id in 0..5 {
            client.send(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {"name": "get_lists", "arguments": {}}}));
            arrived.recv_timeout(PATIENCE).expect("the call is on its way");
        }
        let mut chain = vec![client.pid()];
        while let Some(child) = child_of(&client, chain[chain.len() - 1]) {
            chain.push(child);
        }
        // The wrapper and its watcher come first.
        assert!(chain.len() >= 4, "{:#?}", living(client.home()));
        kill(whom(&client, &chain[2..]));
        Some(client)
    }

    fn every_call_is_answered_and_nothing_is_left(client: &mut Client) {
        for id in 0..5 {
            let answer = client.expect_response(id);
            assert!(answer["error"]["message"].as_str().unwrap().contains("it "), "{answer}");
        }
        client.wait();
        assert_eq!(client.unexpected(), Vec::<String>::new());
        wait_until_gone(client.home());
    }

    #[test]
    fn of_npx_answers_its_calls_and_ends_the_node_behind_it() {
        let Some(mut client) = behind_npx(|_, chain| chain[0]) else { return };
        every_call_is_answered_and_nothing_is_left(&mut client);
    }

    #[test]
    fn of_the_node_behind_npx_answers_its_calls() {
        let Some(mut client) = behind_npx(|_, chain| chain[chain.len() - 1]) else { return };
        every_call_is_answered_and_nothing_is_left(&mut client);
    }

    #[test]
    fn of_the_wrapper_before_npx_ends_the_whole_chain() {
        let Some(client) = behind_npx(|client, _| client.pid()) else { return };
        wait_until_gone(client.home());
    }
}
