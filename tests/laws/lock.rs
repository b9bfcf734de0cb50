//! The lock: two definitions are one only if every reader reads the same in them; what is locked is written and read again
//! without a change; and whatever differs is said.

use std::collections::BTreeMap;
use std::sync::Arc;

use policylayer::engine::limits::Memory;
use policylayer::engine::{Action, Engine, Now, Payload};
use policylayer::lock::{ItemKind, Lock, LockReader, LockedDigests, compare};
use policylayer::wire::strict::{Reader, StrictDepth};

use super::compiled;
use super::models::{Node, Text, Value, parse};

/// The parts of a definition that are compared each in its own way, with a place for a value.
const PARTS: [&str; 7] = [
    r#""description":VALUE"#,
    r#""inputSchema":VALUE"#,
    r#""inputSchema":{"properties":{"x":VALUE,"y":1}}"#,
    r#""inputSchema":{"required":VALUE}"#,
    r#""annotations":VALUE"#,
    r#""_meta":{"ui":{"csp":{"connectDomains":VALUE},"permissions":VALUE}}"#,
    r#""other":VALUE"#,
];

/// Two values, a line each, stand in two definitions: in each part in turn.
pub fn holds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (one, other) = text.split_once('\n').unwrap_or((text, text));
    PARTS.iter().for_each(|part| holds_for_part(part, one, other));
}

fn holds_for_part(part: &str, one: &str, other: &str) {
    let (Some(one), Some(other)) = (definition(part, one), definition(part, other)) else { return };
    let (mut locked, mut listed) = (Lock::new("stub"), Lock::new("stub"));
    for (lock, (text, node)) in [(&mut locked, &one), (&mut listed, &other)] {
        let inserted = lock.insert(ItemKind::Tool, text, None);
        assert_eq!(inserted.is_ok(), has_distinct_keys(node), "{text}: {inserted:?}");
        let read = Lock::parse(&lock.write()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(read, *lock, "{text}");
    }
    let digests = LockedDigests::from(&locked);
    let is_locked = |text: &str| {
        let digest = LockReader::default().digest(ItemKind::Tool, text);
        digest.is_some_and(|digest| digests.has_definition(ItemKind::Tool, "t", &digest))
    };
    let is_same = has_distinct_keys(&one.1) && reads_alike((&one.0, &one.1), (&other.0, &other.1));
    assert_eq!(is_locked(&other.0), is_same, "{} and {}", one.0, other.0);
    if has_distinct_keys(&one.1) {
        assert_eq!(is_shown(&digests, &other.0), is_same, "{} and {}", one.0, other.0);
        assert!(is_locked(&spell_differently(&one.0, &one.1)), "{}", one.0);
    }
    let changes = compare(&locked, &listed);
    assert_eq!(changes.is_empty(), locked == listed, "{} and {}: {changes:?}", one.0, other.0);
    for change in changes {
        let is_plain = |c: char| !c.is_control() && c != '\u{200b}' && c != '\u{202e}';
        assert!(!change.sentence.is_empty() && change.sentence.chars().all(is_plain), "{change:?}");
    }
}

/// Whether a session that is held to the lock shows its client a tool with this definition; if so, as it was written.
fn is_shown(locked: &LockedDigests, definition: &str) -> bool {
    let policy = Arc::into_inner(compiled(r#"{"version":"1","default":"allow"}"#)).expect("nobody else has it");
    let policy = Arc::new(policy.with_lock(Arc::new(locked.clone())));
    let mut engine = Engine::new(policy, Box::new(Memory::default()));
    let mut actions = Vec::new();
    engine.handle_client_line(br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, Now::default(), &mut actions);
    actions.clear();
    let list = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{definition}]}}}}"#);
    engine.handle_server_line(list.as_bytes(), Now::default(), &mut actions);
    actions.contains(&Action::ToClient(Payload::Received))
}

/// A definition with a value in one of its parts, as it is on a line; `None` if the line would be refused.
fn definition(part: &str, value: &str) -> Option<(String, Node)> {
    let text = format!(r#"{{"name":"t",{}}}"#, part.replace("VALUE", value));
    let line = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{text}}}"#);
    Reader::default().read_line(line.as_bytes(), StrictDepth::ENVELOPE).ok()?;
    let node = parse(&text)?;
    Some((text, node))
}

fn has_distinct_keys(node: &Node) -> bool {
    node.each_object(usize::MAX, &|members| {
        let names: BTreeMap<&Text, ()> = members.iter().map(|(name, _)| (name, ())).collect();
        names.len() == members.len()
    })
}

/// Whether two values are one, save for the order of keys. Numbers are compared as they are written.
fn reads_alike((one_text, one): (&str, &Node), (other_text, other): (&str, &Node)) -> bool {
    match (&one.value, &other.value) {
        (Value::Scalar, Value::Scalar) => one.raw(one_text) == other.raw(other_text),
        (Value::Text(one), Value::Text(other)) => one == other,
        (Value::Array(ones), Value::Array(others)) => {
            ones.len() == others.len()
                && ones.iter().zip(others).all(|(one, other)| reads_alike((one_text, one), (other_text, other)))
        }
        (Value::Object(ones), Value::Object(others)) => {
            let by_name = |members: &[(Text, Node)]| -> Vec<usize> {
                let mut order: Vec<_> = (0..members.len()).collect();
                order.sort_by(|a, b| members[*a].0.cmp(&members[*b].0));
                order
            };
            ones.len() == others.len()
                && by_name(ones).into_iter().zip(by_name(others)).all(|(a, b)| {
                    ones[a].0 == others[b].0 && reads_alike((one_text, &ones[a].1), (other_text, &others[b].1))
                })
        }
        _ => false,
    }
}

/// The same value with its keys the other way round, white space, and every character as an escape.
fn spell_differently(text: &str, node: &Node) -> String {
    let spell =
        |text: &Text| format!("\"{}\"", text.units().iter().map(|unit| format!("\\u{unit:04X}")).collect::<String>());
    match &node.value {
        Value::Scalar => node.raw(text).to_owned(),
        Value::Text(value) => spell(value),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| spell_differently(text, item)).collect();
            format!("[ {} ]", items.join(" ,\t"))
        }
        Value::Object(members) => {
            let members = members
                .iter()
                .rev()
                .map(|(name, value)| format!("{} : {}", spell(name), spell_differently(text, value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(" , "))
        }
    }
}
