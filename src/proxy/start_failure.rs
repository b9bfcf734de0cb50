//! Reports a failed start to the client: most clients hide a server's stderr and show only that it "closed".

use std::io;
use std::io::IsTerminal;
use std::sync::mpsc;
use std::thread;

use serde::Deserialize;

use super::client_input::{self, ClientInput};
use super::raw_output::RawOutput;
use crate::limits::{MAX_MESSAGE, START_FAILURE_WAIT};
use crate::wire::frame::{Frame, Framer};
use crate::wire::reply::{self, ErrorCode};
use crate::wire::skim::skim_line;

/// Answers the first request on stdin with `message`. Waits at most [`START_FAILURE_WAIT`] for it, and not at all if
/// stdin is a terminal or at its end.
pub fn answer_start_failure(message: &str) {
    if io::stdin().is_terminal() {
        return;
    }
    let (Ok(stdin), Ok(stdout)) = (client_input::open_stdin(), RawOutput::open_stdout()) else { return };
    let message = message.to_owned();
    let (done, answered) = mpsc::channel();
    let answering = thread::Builder::new().spawn(move || {
        answer_first_request(&stdin, &stdout, &message);
        let _ = done.send(());
    });
    if answering.is_ok() {
        let _ = answered.recv_timeout(START_FAILURE_WAIT);
    }
}

fn answer_first_request(stdin: &ClientInput, stdout: &RawOutput, message: &str) {
    let mut framer = Framer::new(MAX_MESSAGE);
    loop {
        let count = stdin.read(framer.free_space()).unwrap_or(0);
        framer.advance(count);
        while let Some(frame) = framer.next_frame().or_else(|| (count == 0).then(|| framer.finish()).flatten()) {
            let (skim, is_probe) = match frame {
                Frame::Line(line) => (skim_line(framer.bytes(&line)), is_discovery(framer.bytes(&line))),
                Frame::Oversize(skim) => (*skim, false),
            };
            let Some(id) = skim.request_id() else { continue };
            let reply = reply::error_line(Some(id.as_str()), ErrorCode::StartFailed, message);
            if stdout.write_all(&reply).is_err() || !is_probe {
                return;
            }
        }
        if count == 0 {
            return;
        }
    }
}

/// Returns whether the request only asks what the server is. Clients send that first and do not show its error; they
/// show the error of the next request.
fn is_discovery(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct MethodOnly<'l> {
        #[serde(borrow)]
        method: std::borrow::Cow<'l, str>,
    }
    serde_json::from_slice::<MethodOnly<'_>>(line).is_ok_and(|request| request.method == "server/discover")
}
