//! The least that can stand between a client and a server: two threads that copy bytes.

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use crate::echo::raw_stdout;

pub(crate) fn run(command: &[String]) -> io::Result<()> {
    let (program, args) = command.split_first().expect("the relay needs a command");
    let mut child = Command::new(program).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (to_server, from_server) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let stdout = raw_stdout()?;
    thread::spawn(move || copy(io::stdin().lock(), to_server));
    copy(from_server, stdout);
    child.wait().map(drop)
}

fn copy(mut from: impl Read, mut to: impl Write) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}
