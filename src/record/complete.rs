//! Makes a line that goes on with a block one that stands by itself, with every member: what is the same in the block comes from
//! its first line, and what is almost always the same is written out. All readers of the log read lines like this.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::facts::Outcome;
use super::read::LineError;
use super::{GOES_ON, OWN_ENTRY};
use crate::wire::method::TOOLS_CALL;
use crate::wire::view::{self, Member};

/// Completes the lines of a file, from its first one on.
#[derive(Clone, Debug, Default)]
pub struct LineCompleter {
    block: Option<Block>,
    text: String,
}

/// What all lines of a block have in common, as JSON.
#[derive(Clone, Debug)]
struct Block {
    prev: String,
    version: u64,
    session: String,
    server: String,
    client: Option<String>,
}

#[derive(Deserialize)]
struct FirstLine<'l> {
    #[serde(borrow)]
    prev: &'l RawValue,
    v: u64,
    #[serde(borrow)]
    session: &'l RawValue,
    #[serde(borrow)]
    server: &'l RawValue,
    #[serde(borrow)]
    client: Option<&'l RawValue>,
    event: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct NextLine<'l> {
    #[serde(borrow)]
    time: &'l RawValue,
    #[serde(default, rename = "outcome")]
    _outcome: Option<Outcome>,
}

impl LineCompleter {
    /// Returns the line, without its newline, as one that stands by itself.
    ///
    /// # Errors
    /// If it goes on with a block and is no such line, or the first line of its block is not there.
    pub fn complete<'c>(&'c mut self, line: &'c str) -> Result<&'c str, LineError> {
        let line = line.strip_suffix('\n').unwrap_or(line);
        if !line.as_bytes().starts_with(GOES_ON) {
            self.block = read_first(line);
            return Ok(line);
        }
        let malformed = |why: String| LineError::Malformed(why);
        let next: NextLine<'_> = serde_json::from_str(line).map_err(|error| malformed(error.to_string()))?;
        let block = self.block.as_ref();
        let Block { prev, version, session, server, client } =
            block.ok_or_else(|| malformed("the line that begins its block is not there".to_owned()))?;
        let time = next.time.get();
        let head =
            format!("{{\"prev\":{prev},\"v\":{version},\"time\":{time},\"session\":{session},\"server\":{server}");
        let complete = complete_line(head.as_bytes(), client.as_deref(), line.as_bytes());
        let complete = complete.and_then(|text| String::from_utf8(text).ok());
        self.text = complete.ok_or_else(|| malformed("it has no members".to_owned()))?;
        Ok(&self.text)
    }

    /// Returns the session of the block that the last line is in, if other lines may go on with it.
    pub(crate) fn session(&self) -> Option<&str> {
        view_text(&self.block.as_ref()?.session)
    }
}

fn view_text(json: &str) -> Option<&str> {
    json.strip_prefix('"')?.strip_suffix('"')
}

fn read_first(line: &str) -> Option<Block> {
    // Nearly every line of version 1 is told by its beginning.
    const DIGEST_END: usize = "{\"prev\":\"\"".len() + 64;
    if line.get(DIGEST_END..).is_some_and(|rest| rest.starts_with(",\"v\":1,")) {
        return None;
    }
    let first: FirstLine<'_> = serde_json::from_str(line).ok()?;
    let text = |value: &RawValue| value.get().to_owned();
    (first.v > 1 && first.event.is_none()).then(|| Block {
        prev: text(first.prev),
        version: first.v,
        session: text(first.session),
        server: text(first.server),
        client: first.client.map(text),
    })
}

/// The members of a line in their order, and what is meant where one is left out; nothing if it is then not there.
const MEMBERS: [(&str, Option<&str>); 18] = [
    ("policy", None),
    ("lock", None),
    ("client", Some("null")),
    ("direction", Some("\"client\"")),
    ("method", None),
    ("tool", Some("null")),
    ("prompt", None),
    ("resource", None),
    ("class", Some("null")),
    ("effect", Some("\"allow\"")),
    ("rule", Some("null")),
    ("reason", Some("null")),
    ("observed", Some("false")),
    ("arguments", Some("null")),
    ("inputs", None),
    ("traceparent", None),
    ("result", None),
    ("outcome", Some("\"ok\"")),
];

/// The members of a line that are what was kept of the arguments, in their order, and their names there.
const ARGUMENTS: [(&str, &str); 6] = [
    ("keys", "keys"),
    ("keys_left_out", "keys_left_out"),
    ("mac", "blake3"),
    ("redacted", "redacted"),
    ("full", "full"),
    ("bytes", "bytes"),
];

/// Returns the line that stands by itself, without its newline. `next` is valid JSON.
pub(super) fn complete_line(head: &[u8], client: Option<&str>, next: &[u8]) -> Option<Vec<u8>> {
    let next = str::from_utf8(next).ok()?.trim_end_matches('\n');
    let mut members: Vec<Member<'_>> =
        view::members(next).filter(|member| member.written_key() != "\"time\"").collect();
    let tool = members.iter().find(|member| inside_key(member) == "tool").and_then(|tool| view::inside(tool.value));
    let own_entry = tool.map(|tool| format!("\"{OWN_ENTRY}{tool}\""));
    let mut take = |name: &str| take_member(&mut members, name);
    let mut out = Vec::with_capacity(head.len() + next.len() + 256);
    out.extend_from_slice(head);
    push(&mut out, "call", take("call")?);
    let method = format!("\"{TOOLS_CALL}\"");
    let arguments = complete_arguments(&mut take);
    for (name, otherwise) in MEMBERS {
        let otherwise = match name {
            "client" => client.or(otherwise),
            "method" => Some(&*method),
            "rule" => own_entry.as_deref().or(otherwise),
            "arguments" => arguments.as_deref().or(otherwise),
            _ => otherwise,
        };
        let Some(value) = take(name).or(otherwise) else { continue };
        let inputs = Some(value).filter(|_| name == "inputs").and_then(|value| {
            let mut inputs: Vec<_> = view::members(value).collect();
            complete_arguments(&mut |name| take_member(&mut inputs, name))
        });
        push(&mut out, name, inputs.as_deref().unwrap_or(value));
    }
    push(&mut out, "duration_ms", take("ms").unwrap_or("null"));
    push(&mut out, "approval", take("approval").unwrap_or("null"));
    members.iter().for_each(|member| push(&mut out, inside_key(member), member.value));
    out.push(b'}');
    Some(out)
}

fn push(out: &mut Vec<u8>, name: &str, value: &str) {
    for part in [",\"", name, "\":", value] {
        out.extend_from_slice(part.as_bytes());
    }
}

fn take_member<'l>(members: &mut Vec<Member<'l>>, name: &str) -> Option<&'l str> {
    let at = members.iter().position(|member| inside_key(member) == name)?;
    Some(members.remove(at).value)
}

fn inside_key<'l>(member: &Member<'l>) -> &'l str {
    member.written_key().trim_matches('"')
}

/// Makes one member of those of the arguments. The digest that version 0.1.0 made is not in it, and is never left out.
fn complete_arguments<'l>(take: &mut dyn FnMut(&str) -> Option<&'l str>) -> Option<String> {
    let mut out = b"{\"keys\":".to_vec();
    for (short, name) in ARGUMENTS {
        match (name, take(short)) {
            ("keys", keys) => out.extend_from_slice(keys?.as_bytes()),
            ("blake3", digest) => {
                push(&mut out, "hmac_sha256", "null");
                push(&mut out, name, digest.unwrap_or("null"));
            }
            (name, value) => value.into_iter().for_each(|value| push(&mut out, name, value)),
        }
    }
    out.push(b'}');
    String::from_utf8(out).ok()
}

/// Returns the time of a line, which may go on with a block; `None` if it is not a line of the log.
pub(super) fn time_of_next(line: &str) -> Option<Timestamp> {
    let next = line.as_bytes().starts_with(GOES_ON).then(|| serde_json::from_str::<NextLine<'_>>(line).ok())??;
    view_text(next.time.get())?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = r#"{"prev":"0","v":2,"time":"T1","session":"s","server":"stub","call":1,"client":{"name":"c"},"rule":"r","outcome":"ok"}"#;

    #[test]
    fn a_line_that_goes_on_gets_what_its_block_has() {
        let mut completer = LineCompleter::default();
        assert_eq!(completer.complete(FIRST).unwrap(), FIRST);
        let next = r#"{"call":2,"time":"T2","tool":"a","class":"read","rule":"r","keys":["k"],"mac":"ab","ms":0.5}"#;
        let complete = r#"{"prev":"0","v":2,"time":"T2","session":"s","server":"stub","call":2,"client":{"name":"c"},"direction":"client","method":"tools/call","tool":"a","class":"read","effect":"allow","rule":"r","reason":null,"observed":false,"arguments":{"keys":["k"],"hmac_sha256":null,"blake3":"ab"},"outcome":"ok","duration_ms":0.5,"approval":null}"#;
        assert_eq!(completer.complete(next).unwrap(), complete);
        let other = r#"{"call":3,"time":"T3","lock":null,"method":null,"effect":"deny","rule":"r","reason":"no","later":[1],"outcome":"refused"}"#;
        let complete = r#"{"prev":"0","v":2,"time":"T3","session":"s","server":"stub","call":3,"lock":null,"client":{"name":"c"},"direction":"client","method":null,"tool":null,"class":null,"effect":"deny","rule":"r","reason":"no","observed":false,"arguments":null,"outcome":"refused","duration_ms":null,"approval":null,"later":[1]}"#;
        assert_eq!(completer.complete(other).unwrap(), complete);
        let own = r#"{"call":4,"time":"T4","tool":"a\"b","full":{"keys":1},"keys":[],"keys_left_out":2,"bytes":9,"inputs":{"keys":["i"],"mac":null},"outcome":"error"}"#;
        let complete = r#"{"prev":"0","v":2,"time":"T4","session":"s","server":"stub","call":4,"client":{"name":"c"},"direction":"client","method":"tools/call","tool":"a\"b","class":null,"effect":"allow","rule":"tools.a\"b","reason":null,"observed":false,"arguments":{"keys":[],"keys_left_out":2,"hmac_sha256":null,"blake3":null,"full":{"keys":1},"bytes":9},"inputs":{"keys":["i"],"hmac_sha256":null,"blake3":null},"outcome":"error","duration_ms":null,"approval":null}"#;
        assert_eq!(completer.complete(own).unwrap(), complete);
        assert_eq!(completer.session(), Some("s"));
    }

    #[test]
    fn a_line_without_its_block_is_no_line() {
        let next = r#"{"call":2,"time":"T2","rule":"r","outcome":"ok"}"#;
        assert!(LineCompleter::default().complete(next).is_err());
        let mut completer = LineCompleter::default();
        for line in [
            FIRST.replace("\"v\":2", "\"v\":1").as_str(),
            r#"{"prev":"0","v":2,"time":"T","session":"s","server":"stub","event":"killed","unanswered":0}"#,
            "no line",
        ] {
            completer.complete(FIRST).unwrap();
            assert_eq!(completer.complete(line).unwrap(), line);
            assert!(completer.complete(next).is_err(), "{line}");
        }
        completer.complete(FIRST).unwrap();
        for broken in [&next[..next.len() - 1], &next.replace("\"rule\"", "rule"), &next.replace("ok", "no")] {
            assert!(completer.complete(broken).is_err(), "{broken}");
        }
        assert!(completer.complete(next).is_ok());
    }
}
