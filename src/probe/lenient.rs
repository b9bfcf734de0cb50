//! Reads a message as far as serde_json's values can hold it: a session takes lone surrogates, numbers that are no doubles, and
//! depths that serde_json does not.

use serde_json::{Map, Number, Value};

use crate::wire::fault::Fault;
use crate::wire::strict::{Reader, StrictDepth};
use crate::wire::view::{decode_lossy, elements, members};

/// Reads a line. A lone surrogate becomes U+FFFD, and a number that is no double `null`: whoever needs them looks at the line.
///
/// # Errors
/// Returns an error if a session does not take it for a message either.
pub(super) fn read_value(reader: &mut Reader, line: &[u8]) -> Result<Value, Fault> {
    if let Ok(value) = serde_json::from_slice(line) {
        return Ok(value);
    }
    reader.read_line(line, StrictDepth::ENVELOPE)?;
    // The reader refuses what is not UTF-8.
    Ok(value_of(std::str::from_utf8(line).unwrap_or_default().trim_ascii()))
}

/// Nesting is bounded by the reader.
fn value_of(json: &str) -> Value {
    match json.as_bytes().first() {
        Some(b'{') => {
            let member =
                |member: crate::wire::view::Member<'_>| (member.key_lossy().into_owned(), value_of(member.value));
            Value::Object(members(json).map(member).collect::<Map<_, _>>())
        }
        Some(b'[') => elements(json).map(|range| value_of(json.get(range).unwrap_or_default())).collect(),
        Some(b'"') => decode_lossy(json).unwrap_or_default().into(),
        Some(b't') => true.into(),
        Some(b'f') => false.into(),
        _ => serde_json::from_str::<Number>(json).map_or(Value::Null, Value::Number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_session_takes_is_read() {
        let read = |line: &str| read_value(&mut Reader::default(), line.as_bytes()).map(|value| value.to_string());
        for (line, value) in [
            (
                r#"{"id":1,"result":{"a":["\ud83d",1e999,-0.5,true,false,null]}}"#,
                r#"{"id":1,"result":{"a":["�",null,-0.5,true,false,null]}}"#,
            ),
            (r#"{ "\ud83d" : "\u00e9\ud83d" , "b":{} , "c":[ ] }"#, r#"{"b":{},"c":[],"�":"é�"}"#),
        ] {
            assert_eq!(read(line).as_deref(), Ok(value));
        }
        let deep = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert_eq!(read(&deep(200)), Ok(deep(200)));
        for broken in ["", "{", "{\"a\":}", "Ready.", "{\"a\":1}{\"a\":1}", &deep(300)] {
            assert!(read(broken).is_err(), "{broken}");
        }
    }
}
