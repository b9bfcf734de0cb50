//! The stand-in server of the demo: a dozen of Iterable's tools, which say what they would have done and do nothing.

use std::io::{self, BufRead as _, Write as _};

use serde_json::{Value, json};

/// Printed on stderr before the name of each tool that runs: the demo's proof of which calls arrived.
pub(super) const RAN: &str = "demo server ran ";

/// Printed there before the address that the tool got which changes a customer.
pub(super) const GOT: &str = "demo server got ";

/// The address of its only customer.
pub(super) const ADDRESS: &str = "ada@example.com";

/// The tools: name, description, and the one argument.
const TOOLS: [(&str, &str, &str); 12] = [
    ("get_lists", "List the audiences of this project.", "cursor"),
    ("get_campaigns", "List the campaigns with their state.", "cursor"),
    ("get_campaign_metrics", "Count sends, opens and clicks of a campaign.", "campaignId"),
    ("get_user_by_user_id", "Look up one customer's profile.", "userId"),
    ("create_list", "Create an empty audience.", "name"),
    ("update_user", "Change one customer's profile.", "email"),
    ("start_export_job", "Export profiles or events in bulk.", "dataTypeName"),
    ("send_campaign", "Send a campaign to its whole audience, now.", "campaignId"),
    ("send_email", "Send an e-mail to one customer.", "campaignId"),
    ("cancel_export_job", "Stop a running export for good.", "jobId"),
    ("delete_list", "Delete an audience with all its members.", "listId"),
    ("delete_user_by_email", "Erase a customer with their history.", "email"),
];

pub(super) const REVISION: &str = "2025-11-25";

/// Serves on stdin and stdout until the client disconnects. It implements no more of MCP than the demo needs.
pub(super) fn serve_stdio() -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let message: Value = serde_json::from_str(&line?)?;
        // A notification gets no answer.
        let Some(id) = message.get("id") else { continue };
        let answer = match answer_request(&message) {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err((code, message)) => json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}),
        };
        stdout.write_all(format!("{answer}\n").as_bytes())?;
        stdout.flush()?;
    }
    Ok(())
}

/// Returns the result of a request, or the code and the message of an error.
fn answer_request(request: &Value) -> Result<Value, (i32, String)> {
    let params = request.get("params");
    let text = |key: &str| params.and_then(|params| params.get(key)).and_then(Value::as_str).unwrap_or_default();
    match request.get("method").and_then(Value::as_str).unwrap_or_default() {
        "initialize" => Ok(json!({
            // The last revision that begins with `initialize`, or an older one; listing and calling tools is the same.
            "protocolVersion": text("protocolVersion").min(REVISION),
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "policylayer-demo", "version": env!("CARGO_PKG_VERSION")},
        })),
        "ping" => Ok(json!({})),
        "tools/list" => Ok(json!({"tools": TOOLS.map(list_item)})),
        "tools/call" => {
            let name = text("name");
            if !TOOLS.iter().any(|(tool, ..)| *tool == name) {
                return Err((-32602, format!("unknown tool {name}")));
            }
            // A broken stderr leaves the demo without its proof, which it notices by itself.
            let _ = writeln!(io::stderr(), "{RAN}{name}");
            let text = match name {
                "get_user_by_user_id" => json!({"email": ADDRESS, "plan": "trial"}).to_string(),
                _ => format!("{name} was run by the stand-in server."),
            };
            if let Some(email) = params.and_then(|params| params.pointer("/arguments/email")?.as_str()) {
                let _ = writeln!(io::stderr(), "{GOT}{email}");
            }
            Ok(json!({"content": [{"type": "text", "text": text}], "isError": false}))
        }
        method => Err((-32601, format!("unknown method {method}"))),
    }
}

fn list_item((name, description, argument): (&str, &str, &str)) -> Value {
    let schema = json!({"type": "object", "properties": {argument: {"type": ["string", "integer"]}}});
    json!({"name": name, "description": description, "inputSchema": schema})
}
