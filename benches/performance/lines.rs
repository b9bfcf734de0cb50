//! The lines that are sent, and the policy that judges them.

use std::fmt::{Display, Write as _};

use policylayer::lock::{ItemKind, Lock};
use serde_json::Value;

/// The beginning of every request of ours, up to its id.
pub(crate) const BEFORE_ID: &str = r#"{"jsonrpc":"2.0","id":"#;

/// The tool that answers with a megabyte.
pub(crate) const LARGE: &str = "large_result";

/// A call of a tool with a few arguments, as agents make them.
pub(crate) fn call(id: usize, tool: &str) -> String {
    format!(
        "{BEFORE_ID}{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\",\"arguments\":{{\"listId\":4242,\"query\":\"status:active\"}}}}}}\n"
    )
}

/// What a small answer says, and nothing else does.
pub(crate) const SMALL_TEXT: &str = r#"{\"ok\":true}"#;

/// What follows the id in a small answer.
pub(crate) const SMALL_REST: &str = ",\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"{\\\"ok\\\":true}\"}]}}\n";

/// What follows the id in an answer of about a megabyte: JSON inside a string, as most servers send it, so full of escapes.
pub(crate) fn large_rest() -> String {
    let row =
        r#"{\"id\":48151623,\"email\":\"somebody@example.com\",\"note\":\"the quick brown fox jumps over it\"},\n"#;
    format!(
        ",\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":\"{}\"}}]}}}}\n",
        row.repeat(1_000_000 / row.len())
    )
}

/// Pieces of texts, as they stand in a line: JSON in a string is full of escapes.
pub(crate) const PROSE: &str =
    "The quick brown fox jumps over the lazy dog, and nobody of them knows why it should; it sleeps on.\\n";
pub(crate) const ROW: &str = r#"{\"id\":48151623,\"campaignId\":\"4242\",\"name\":\"Spring sale - part 2\",\"createdAt\":\"2026-11-05 10:20:30 +00:00\",\"price\":19.99,\"uuid\":\"0b9d4c2e-1111-4222-8333-944455556666\",\"note\":\"the quick brown fox jumps over it\"},\n"#;

/// What a tool's name begins with that answers with a result of a kind and a size.
pub(crate) const SIZED: &str = "sized_";

/// The kinds of such results, and their sizes.
pub(crate) const SIZED_KINDS: [&str; 3] = ["prose", "json", "structured"];
pub(crate) const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// The tool that answers so.
pub(crate) fn sized_tool(kind: &str, size: usize) -> String {
    format!("{SIZED}{kind}_{size}")
}

/// What follows the id in the answer of such a tool.
pub(crate) fn sized_rest(tool: &str) -> Option<String> {
    let (kind, size) = tool.strip_prefix(SIZED)?.split_once('_')?;
    let fill = |piece: &str| piece.repeat((size.parse::<usize>().unwrap_or(0) / piece.len()).max(1));
    let result = match kind {
        "structured" => {
            let rows = fill(&ROW.replace("\\n", "").replace('\\', ""));
            format!(r#"{{"content":[],"structuredContent":{{"rows":[{}]}}}}"#, rows.trim_end_matches(','))
        }
        _ => {
            format!(r#"{{"content":[{{"type":"text","text":"{}"}}]}}"#, fill(if kind == "json" { ROW } else { PROSE }))
        }
    };
    Some(format!(",\"result\":{result}}}\n"))
}

pub(crate) fn list_request(id: usize) -> String {
    format!("{BEFORE_ID}{id},{LIST}}}\n")
}

/// A request that the echo server answers with a list of this size.
pub(crate) fn sized_list_request(id: usize, size: usize) -> String {
    format!("{BEFORE_ID}{id},{LIST},\"params\":{{{CURSOR}{size}\"}}}}\n")
}

/// What asks for a list of tools.
pub(crate) const LIST: &str = "\"method\":\"tools/list\"";

/// What stands before the size.
pub(crate) const CURSOR: &str = "\"cursor\":\"";

/// A list of tools of about `size` bytes; the policy hides one in ten of them.
pub(crate) fn tools_list(id: impl Display, size: usize) -> String {
    let mut list = format!("{BEFORE_ID}{id},\"result\":{{\"tools\":[");
    for number in 0.. {
        let name = if number % 10 == 0 { "hidden" } else { "tool" };
        push_tool(&format!("{name}_{number}"), number, &mut list);
        if list.len() >= size {
            break;
        }
        list.push(',');
    }
    list + "]}}\n"
}

/// The list of the tools that are called: the wrapper asks for it where rules go by the class of one.
pub(crate) fn served_list(id: &str) -> String {
    let mut list = format!("{BEFORE_ID}{id},\"result\":{{\"tools\":[");
    push_tool("tool_7", 7, &mut list);
    let sized = SIZED_KINDS.iter().flat_map(|kind| SIZES.map(|size| sized_tool(kind, size)));
    for tool in sized.chain([LARGE.to_owned()]) {
        list.push(',');
        push_tool(&tool, 0, &mut list);
    }
    list + "]}}\n"
}

fn push_tool(name: &str, number: usize, list: &mut String) {
    write!(
        list,
        r#"{{"name":"{name}","description":"Gets what there is to get of item {number}.\nUse it before you change anything.","inputSchema":{{"type":"object","properties":{{"listId":{{"type":"integer","description":"The list"}},"query":{{"type":"string","description":"What to look for","minLength":1}},"limit":{{"type":"integer","minimum":1,"maximum":1000}}}},"required":["listId"],"additionalProperties":false,"$schema":"http://json-schema.org/draft-07/schema#"}}}}"#
    )
    .unwrap();
}

/// A lock of the tools of such a list.
pub(crate) fn lock_of_list(size: usize) -> Lock {
    let list: Value = serde_json::from_str(&tools_list(1, size)).unwrap();
    let mut lock = Lock::new("echo");
    for tool in list["result"]["tools"].as_array().unwrap() {
        lock.insert(ItemKind::Tool, &tool.to_string(), None).unwrap();
    }
    lock
}

/// A hundred entries: names, globs and classes, none of which needs a count.
pub(crate) fn policy() -> String {
    let mut text = format!(
        "version = \"1\"\ndefault = \"allow\"\nhide = [\"hidden_*\"]\n[classes.destructive]\naction = \"deny\"\n[tools.{LARGE}]\n"
    );
    for number in 0..88 {
        writeln!(text, "[tools.tool_{number}]").unwrap();
    }
    for number in 0..10 {
        write!(text, "[tools.\"group{number}_*_item\"]\naction = \"deny\"\n").unwrap();
    }
    text
}
