//! Results with stand-ins: what comes back of them reaches the server as it left it.

use std::collections::HashMap;

use policylayer::content::{ContentKind, ContentKinds, FieldPattern, StandInCounts, StandInRules, StandIns};
use serde_json::{Value, json};

/// What texts are made of, beside ASCII: values, what looks like stand-ins, and ways to write both.
const PIECES: &[&str] = &[
    "anna@example.com",
    "bob.o'neil+x@mail.example.org",
    "\"a b\"@example.com",
    "anna%40example.com",
    "anna\\u0040example.com",
    "anna&#64;example.com",
    "+49 30 901820",
    "+49 (0)30 901820",
    "0049 30 901820",
    "(212) 555-0123",
    "%2B4930901820",
    "phone: 555 1234",
    "4242 4242 4242 4242",
    "4242424242424242",
    "5105-1051-0510-5100",
    "\u{664}\u{662}\u{664}\u{662}424242424242",
    "DE89 3704 0044 0532 0130 00",
    "de89370400440532013000",
    "GB82WEST12345698765432",
    "person-bcdfghjk@stand-in.invalid",
    "PERSON-bcdfghjk%40Stand-In.INVALID",
    "x@stand-in.invalid",
    "stand-in-bcdfghjk",
    "stand-in",
    "+999 123 456 7890",
    "00999 1234567",
    "9999 1234 5678 9012",
    "DE00 3704 0044 0532 0130 00",
    "{\"a\":\"",
    "\"}",
    "\\\"",
    "[\"",
    "\"]",
    "\\n",
    "\\t",
    "\t",
    "\n",
    "\\/",
    "/",
    "\\u00e9",
    "\\u00a0",
    "\\u003c",
    "\u{a0}",
    "\u{2013}",
    "\u{ff10}",
    "\u{3002}com",
    "%20",
    "%2D",
    "%3A",
    "1",
    "49",
    "555",
    "0",
    "1234",
    "+",
    "phone",
    "DE89",
    "AD00",
    "Anna-Maria Schmidt",
    "'",
    "&",
    "#",
    "2026-11-05T10:20:30Z",
    "0b9d4c2e-1111-4222-8333-944455556666",
    "\"name\":\"",
    "name",
    "%20",
    "\u{200b}",
    "\u{e9}",
    "\u{1f600}",
    "tel. ",
    ": ",
    "999",
    "@",
];

fn read_text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match usize::from(*byte).checked_sub(128) {
            Some(index) => text.push_str(PIECES[index % PIECES.len()]),
            None => text.push(char::from(*byte)),
        }
    }
    text
}

/// All that gets stand-ins, and the texts of the field `name`.
pub fn rules() -> StandInRules {
    let kinds: ContentKinds =
        [ContentKind::Email, ContentKind::Phone, ContentKind::Card, ContentKind::Iban].into_iter().collect();
    StandInRules { kinds, fields: vec![FieldPattern::parse("name").unwrap()] }
}

/// The bytes are the texts of a result, with zeros between.
pub fn holds(data: &[u8]) {
    let texts: Vec<String> = data.split(|byte| *byte == 0).take(8).map(read_text).collect();
    let first = &texts[0];
    let inner = json!({"name": first, "all": texts}).to_string();
    let results = [
        json!({"content": texts, "name": texts, "inner": inner, "k": {first.clone(): first}}),
        json!({"text": texts.concat(), "inner": json!([inner]).to_string()}),
    ];
    let mut session = StandIns::new([7; 32]);
    let mut seen = HashMap::new();
    looks_everywhere(&results);
    for result in results {
        comes_back(&mut session, &result, &mut seen);
    }
}

/// Where nothing is suspected, there is nothing: what is looked through as a whole has the same stand-ins.
fn looks_everywhere(results: &[Value]) {
    for rules in [
        rules(),
        StandInRules { kinds: ContentKinds::default(), ..rules() },
        StandInRules { fields: Vec::new(), ..rules() },
    ] {
        let [mut quick, mut slow] = [StandIns::new([7; 32]), StandIns::new([7; 32])];
        for written in results
            .iter()
            .flat_map(|result| [result.to_string(), escape_more(&result.to_string()), format!("{result:#}")])
        {
            let [mut quickly, mut slowly] = [StandInCounts::default(); 2];
            let hidden = quick.hide_values(&written, &rules, &mut quickly);
            assert_eq!(hidden, slow.hide_values_slowly(&written, &rules, &mut slowly), "{written}");
            if hidden.is_err() {
                return;
            }
        }
    }
}

/// The same JSON with more escapes.
fn escape_more(json: &str) -> String {
    let escape = |c: char| match c {
        '/' => "\\/".to_owned(),
        '@' | '<' | '&' | '\'' | '\u{80}'.. => {
            c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
        }
        c => c.to_string(),
    };
    json.chars().map(escape).collect()
}

/// What a client makes of a result reaches the server as if nothing had been hidden. `seen` has the values of the stand-ins.
pub fn comes_back(session: &mut StandIns, result: &Value, seen: &mut HashMap<String, String>) {
    let written = result.to_string();
    let mut counts = StandInCounts::default();
    // What cannot be hidden is withheld.
    let Ok(hidden) = session.hide_values(&written, &rules(), &mut counts) else { return };
    assert_eq!(hidden.is_some(), counts.total() > 0, "{written}");
    let hidden = hidden.unwrap_or_else(|| written.clone());
    let client: Value = serde_json::from_str(&hidden).unwrap();
    let call = json!({"arguments": {"whole": client, "nested": hidden, "list": [[client]]}}).to_string();
    let put_back = session.put_back(&call, &|_| false).unwrap_or_else(|foreign| panic!("{foreign:?}: {call}"));
    let server: Value = serde_json::from_str(put_back.as_ref().map_or(&call, |put_back| &put_back.text)).unwrap();
    let result_read = read_nested(result);
    for came in ["/arguments/whole", "/arguments/list/0/0", "/arguments/nested"] {
        assert_eq!(read_nested(server.pointer(came).unwrap()), result_read, "{hidden}");
    }
    are_apart(result, &client, seen);
}

/// A value with the JSON in its texts read: it comes back as the same JSON, and not always with the same escapes.
fn read_nested(value: &Value) -> Value {
    match value {
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ (Value::Array(_) | Value::Object(_))) => read_nested(&inner),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(read_nested).collect(),
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), read_nested(value))).collect(),
        other => other.clone(),
    }
}

/// No two texts become one.
fn are_apart(server: &Value, client: &Value, seen: &mut HashMap<String, String>) {
    match (server, client) {
        (Value::String(server), Value::String(client)) => {
            let known = seen.entry(client.clone()).or_insert_with(|| server.clone());
            assert_eq!(read_nested(&json!(known)), read_nested(&json!(server)), "{client:?} stands for both");
        }
        (Value::Array(server), Value::Array(client)) => {
            assert_eq!(server.len(), client.len());
            server.iter().zip(client).for_each(|(server, client)| are_apart(server, client, seen));
        }
        (Value::Object(server), Value::Object(client)) => assert_eq!(server.len(), client.len()),
        _ => assert_eq!(server, client),
    }
}
