//! An hour of a busy session, compressed: a million messages through one wrapper, whose memory and open files must not
//! grow with them.

use super::*;

/// Another number of messages than a million; half of them are calls, half are their answers.
const MESSAGES: &str = "POLICYLAYER_SOAK_MESSAGES";

/// How many calls are on their way at once. Their bytes fit into the pipes, so that one thread can write and then read.
const BATCH: u64 = 500;

/// What a session may grow by between a tenth of the messages and all of them: the allocator's play. A leak of 8 bytes
/// for each message would be over it.
const GROWTH: usize = 6 * 1024 * 1024;

fn messages() -> u64 {
    std::env::var(MESSAGES).map_or(1_000_000, |all| all.parse().unwrap_or_else(|_| panic!("{MESSAGES} is a number")))
}

#[test]
fn a_million_messages_leave_memory_and_open_files_as_they_were() {
    let policy = r#"{"version":"1","default":"allow","tools":{
        "refused":{"action":"deny"},
        "judged":{"deny_if":[{"path":"args.never","op":"eq","value":1}],"rate_limit":"100000/minute"}}}"#;
    let home = home_with(policy);
    let command = stub_in(home.path(), &["--echo"]);
    let mut session = Wrapped::start_for(3600 * SECOND, home, command);
    session.send(call(0, "open").as_bytes());
    session.line();
    let (rounds, start) = (messages().div_ceil(2 * BATCH).max(20), Instant::now());
    let (mut warm, mut answer) = (None, String::new());
    for round in 0..rounds {
        let first = round * BATCH;
        // A few of each batch are refused, and some are counted, as in a session that lasts.
        let batch = calls(first..first + 10, "refused")
            + &calls(first + 10..first + 30, "judged")
            + &calls(first + 30..first + BATCH, "open");
        session.send(batch.as_bytes());
        let mut answered = vec![false; BATCH as usize];
        for _ in 0..BATCH {
            answer.clear();
            std::io::BufRead::read_line(session.stdout.as_mut().unwrap(), &mut answer).unwrap();
            // Cheaper than reading all of it as JSON: the server's are known, and ours are read.
            let id = answer.strip_prefix("{\"jsonrpc\":\"2.0\",\"id\":").and_then(|rest| rest.split(',').next());
            let id = id.map_or_else(|| json(&answer)["id"].as_u64().unwrap(), |id| id.parse().unwrap());
            assert!(!std::mem::replace(&mut answered[(id - first) as usize], true), "{id} is answered twice");
        }
        assert!(answered.iter().all(|answered| *answered), "round {round}");
        if round == rounds / 10 {
            warm = Some((session.private_memory(), session.open_files()));
        }
    }
    let (took, (memory, files)) = (start.elapsed(), warm.unwrap());
    let after = (session.private_memory(), session.open_files());
    tell(&format!(
        "{} messages in {took:.1?}; memory {} KiB, then {} KiB; open files {files}, then {}",
        rounds * BATCH * 2,
        memory / 1024,
        after.0 / 1024,
        after.1
    ));
    assert!(after.0 <= memory + GROWTH, "memory has grown from {memory} to {} bytes", after.0);
    // The log may be syncing a file at either moment.
    assert!(after.1.abs_diff(files) <= 2, "{} open files, and {files} before", after.1);
    session.close();
    assert_eq!(code(&mut session), 0);
}

/// What the log keeps of open calls is bounded by bytes: further calls are refused with words, and memory stays small.
#[test]
#[cfg(target_os = "linux")]
fn three_thousand_open_calls_of_sixty_kilobytes_stay_small() {
    let home = home_with(r#"{"version":"1","default":"allow"}"#);
    let config = home.path().join(".config/policylayer/config.toml");
    fs::write(config, "[audit]\narguments = \"full\"\n").unwrap();
    let command = stub_in(home.path(), &["--silent"]);
    let mut session = Wrapped::start_for(3600 * SECOND, home, command);
    let arguments = "x".repeat(60_000);
    // The first ones stay open; from then on each is answered at once.
    let surely_full = 300;
    for id in 0..3_000 {
        let line = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"a\",\"arguments\":{{\"a\":\"{arguments}\"}}}}}}\n"
        );
        session.send(line.as_bytes());
        if id >= surely_full {
            let refused = session.line();
            assert!(refused.contains("-31005") && refused.contains("Wait for some of their answers"), "{refused}");
        }
    }
    session.assert_memory_below(64 * 1024 * 1024);
}
