//! What the wrapper says of lines that it cannot pass on, whatever the policy.

use super::open_requests::AdmitError;
use crate::limits::{MAX_OPEN, MAX_OPEN_BYTES};
use crate::wire::fault::Fault;
use crate::wire::reply::ErrorCode;

pub(super) fn describe_admit_error(error: AdmitError, id: &str, sender: &str) -> (ErrorCode, String) {
    let (code, why) = match error {
        AdmitError::InFlight => {
            (ErrorCode::InvalidRequest, format!("its id {id} is still in use by an open request. Use a new id."))
        }
        AdmitError::TooMany => (
            ErrorCode::TooMany,
            format!("{MAX_OPEN} requests of the {sender} are open. Wait for some of their answers first."),
        ),
        AdmitError::TooLarge => (
            ErrorCode::TooMany,
            format!(
                "the open requests of the {sender} take up {} MiB. Wait for some of their answers first.",
                MAX_OPEN_BYTES >> 20
            ),
        ),
    };
    (code, format!("policylayer refused this request: {why}"))
}

pub(super) fn describe_fault(what: &str, fault: &Fault) -> String {
    let rule = match fault {
        Fault::Work => "Write fewer globs, or have the server list less on one page.",
        _ => "A message must be one JSON-RPC 2.0 object on one line that every JSON parser reads the same way.",
    };
    format!("policylayer refused this {what} and did not pass it on: {fault}. {rule}")
}

pub(super) fn describe_oversize(what: &str, max: usize) -> String {
    format!(
        "policylayer refused this {what} and did not pass it on: it is larger than {max} bytes. The limit is set by \
         `policylayer wrap --max-message`."
    )
}

pub(super) fn describe_server_end(how: &str) -> String {
    format!(
        "The MCP server has ended ({how}), so there is no answer to this request. Restart the server in the client."
    )
}
