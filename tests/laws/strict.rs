//! The strict reader: what is accepted reads the same under every model reader, and what is refused is refused for a
//! reason, so that what is valid and only odd passes.

use policylayer::limits::MAX_DEPTH;
use policylayer::wire::fault::Fault;
use policylayer::wire::id::IdKey;
use policylayer::wire::message::{CallParams, Message};
use policylayer::wire::skim::{Skimmer, skim_line};
use policylayer::wire::strict::{ENVELOPE_KEYS, Envelope, Reader, StrictDepth, trim_line_end};

use super::models::{Node, Reading, Text, Value, are_distinct, has_distinct_keys, parse};
use super::shown;

/// Reads each of the lines in `data` with one reader.
pub fn holds(data: &[u8]) {
    let mut reader = Reader::default();
    for line in data.split(|byte| *byte == b'\n').take(4) {
        for judged in [StrictDepth::EVERYTHING, StrictDepth::LIST, StrictDepth::ENVELOPE] {
            let fresh = Reader::default().read_line(line, judged);
            assert_eq!(reader.read_line(line, judged), fresh, "a used reader reads as a new one: {}", shown(line));
        }
        match reader.read_line(line, StrictDepth::EVERYTHING) {
            Ok(envelope) => accepted(line, &envelope),
            Err(fault) => refused(line, &fault),
        }
        partly_judged(line);
        skimmed(line);
    }
}

fn accepted(line: &[u8], envelope: &Envelope<'_>) {
    let text = std::str::from_utf8(trim_line_end(line)).expect("what is accepted is UTF-8");
    let tree = parse(text).unwrap_or_else(|| panic!("what is accepted is JSON: {text:?}"));
    assert!(text.trim_start_matches(' ').starts_with('{') && !text.contains('\r'), "{text:?}");
    assert!(nesting(text) <= MAX_DEPTH, "{text:?}");
    assert!(tree.each_object(usize::MAX, &has_distinct_keys), "{text:?}");
    assert!(tree.each_object(usize::MAX, &|members| members.iter().all(|(name, _)| !name.lossy().contains('\0'))));
    let members = [envelope.jsonrpc, envelope.id, envelope.method, envelope.params, envelope.result, envelope.error];
    for reading in Reading::ALL {
        for (key, member) in ENVELOPE_KEYS.into_iter().zip(members) {
            assert_eq!(reading.get(&tree, key).map(|node| node.raw(text)), member, "{reading:?} {key}: {text:?}");
        }
    }
    for judged in [StrictDepth::LIST, StrictDepth::ENVELOPE] {
        let less = Reader::default().read_line(line, judged);
        // What is known of a call depends on whether its keys were judged.
        let call = less.as_ref().map_or_else(|_| envelope.call, |less| less.call);
        assert!(!call.is_whole || call == envelope.call, "{text:?}");
        assert_eq!(less, Ok(Envelope { call, ..*envelope }), "{text:?}");
    }
    if let Ok(Message::Request { id, key, method, params }) = Message::from_envelope(envelope) {
        let skimmed = skim_line(line);
        assert_eq!(skimmed.request_id().map(IdKey::from).as_ref(), Some(&key), "{text:?}");
        assert_eq!(skimmed.request_id().map(|id| id.as_str()), Some(id), "{text:?}");
        for reading in Reading::ALL {
            assert_eq!(reading.text(&tree, &["method"]).as_deref(), Some(method.as_ref()), "{reading:?}: {text:?}");
        }
        assert_eq!(CallParams::from_members(&envelope.call, params), CallParams::read(params), "{text:?}");
        if let (true, Ok(call)) = (matches!(method.as_ref(), "tools/call" | "prompts/get"), CallParams::read(params)) {
            same_call(text, &tree, &call);
        }
    }
}

fn same_call(text: &str, tree: &Node, call: &CallParams<'_>) {
    // Null is as good as absent.
    let is_there = |raw: &&str| *raw != "null";
    for reading in Reading::ALL {
        let name = reading.text(tree, &["params", "name"]);
        assert_eq!(name.as_deref(), Some(call.name.as_ref()), "{reading:?}: {text:?}");
        let arguments = reading.path(tree, &["params", "arguments"]).map(|node| node.raw(text)).filter(is_there);
        assert_eq!(arguments, call.arguments, "{reading:?}: {text:?}");
        let state = reading.path(tree, &["params", "requestState"]).map(|node| node.raw(text)).filter(is_there);
        assert_eq!(state, call.request_state(), "{reading:?}: {text:?}");
    }
}

/// Where the fault does not hold, what was refused is valid and only odd.
fn refused(line: &[u8], fault: &Fault) {
    let bytes = trim_line_end(line);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return assert!(matches!(fault, Fault::Utf8(_)), "{fault:?}: {}", shown(line));
    };
    let tree = parse(text);
    let tree = tree.as_ref();
    let start = text.trim_start_matches(' ');
    let any_key = |wanted: &dyn Fn(&str) -> bool| {
        let is_free = |tree: &Node| {
            tree.each_object(usize::MAX, &|members| !members.iter().any(|(name, _)| wanted(&name.lossy())))
        };
        tree.is_none_or(|tree| !is_free(tree))
    };
    let holds = match fault {
        Fault::Utf8(_) => false,
        Fault::ByteOrderMark => start.starts_with('\u{feff}'),
        Fault::Control { byte, at } => *byte < b' ' && bytes.get(*at) == Some(byte),
        Fault::CarriageReturn(at) => bytes.get(*at) == Some(&b'\r'),
        Fault::Syntax(_) => tree.is_none(),
        Fault::Trailing(at) => tree.is_none() && parse(&text[..*at]).is_some(),
        Fault::Batch => start.starts_with('['),
        Fault::NoObject => !matches!(tree.map(|tree| &tree.value), Some(Value::Object(_))),
        Fault::Depth => nesting(text) > MAX_DEPTH,
        Fault::Duplicate(_) => {
            let kept = |name: &Text| name.lossy().replace('\u{fffd}', "");
            tree.is_none_or(|tree| !tree.each_object(usize::MAX, &|members| are_distinct(members, kept)))
        }
        Fault::EscapedKey(key) => text.contains('\\') && any_key(&|name| name == *key),
        Fault::NulInKey(_) => any_key(&|name| name.contains('\0')),
        Fault::LookAlike { key, name } => {
            key != name && tree.is_none_or(|tree| tree.members().iter().any(|(other, _)| other.lossy() == *key))
        }
        _ => false,
    };
    // A look-alike that is long is quoted in part.
    let is_quoted_in_part = matches!(fault, Fault::LookAlike { key, .. } if key.ends_with('…'));
    assert!(holds || is_quoted_in_part, "refused without a reason, {fault:?}: {text:?}");
}

/// serde_json skips values by the same grammar; two independent readers keep the model honest.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// What is judged less is accepted more, and read alike.
fn partly_judged(line: &[u8]) {
    if let Ok(text) = std::str::from_utf8(line)
        && nesting(text) <= MAX_DEPTH
    {
        assert_eq!(parse(text).is_some(), is_json(text), "the model reads JSON as serde_json does: {text:?}");
    }
    let read = |judged| Reader::default().read_line(line, judged).is_ok();
    assert!(!read(StrictDepth::LIST) || read(StrictDepth::ENVELOPE), "{}", shown(line));
}

fn skimmed(line: &[u8]) {
    let size = 1 + line.len() % 5;
    let mut skimmer = Skimmer::default();
    for piece in line.chunks(size) {
        skimmer.feed(piece);
    }
    assert_eq!(skimmer.finish(), skim_line(line), "in pieces of {size}: {}", shown(line));
}

/// How deeply brackets nest outside of strings.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest, mut is_string, mut is_escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_string => is_escaped = true,
            b'"' => is_string = !is_string,
            b'{' | b'[' if !is_string => depth += 1,
            b'}' | b']' if !is_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
