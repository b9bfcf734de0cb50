//! The policy loader: any text loads or says why, in every format; what loads decides the same each time; and one document
//! decides the same in every format.

use policylayer::policy::{
    self as policies, Colour, Effect, Format, Loaded, Policy, Server, ServerName, Severity, Source,
};
use serde_json::Value;

use super::formats;

const FORMATS: [Format; 3] = [Format::Toml, Format::Json, Format::Yaml];

/// Tools that documents name, and arguments that their conditions judge.
const TOOLS: [&str; 8] = ["get_lists", "delete_list", "a", "a b", "null", "cancel_export_job", "", "日本"];
const ARGUMENTS: [&str; 5] = [
    "{}",
    r#"{"x":"user","n":5,"amount":"5","items":[{"id":1},{"id":"2"}]}"#,
    r#"{"x":["user"],"n":1e999,"amount":-0.5,"items":[]}"#,
    r#"{"x":null,"n":123456789012345678901234567890,"path":"../a","a.b":true}"#,
    r#"{"x":"\ud83d","n":{"n":1},"dataTypeName":"user"}"#,
];

/// The first byte chooses the format; the rest is the text.
pub fn holds(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let format = FORMATS[usize::from(*first) % FORMATS.len()];
    let source = Source::new("any", format, text.as_ref());
    let loaded = load(&source);
    if let Some(policy) = &loaded.policy {
        let again = load(&source).policy.expect("what loads, loads again");
        assert_eq!(decided(policy), decided(&again), "{text:?}");
    }
    if format == Format::Json
        && let Ok(document) = serde_json::from_str(&text)
        && is_portable(&document)
    {
        same_in_every_format(&document);
    }
}

/// Loads a document, and holds what must be true of any.
pub fn load(source: &Source) -> Loaded {
    let loaded = policies::load_policy(source, &Server::by_name(&ServerName::parse("iterable").expect("a name")));
    let errors = loaded.diagnostics.iter().filter(|one| one.severity == Severity::Error).count();
    assert_eq!(loaded.policy.is_none(), errors > 0, "a policy is missing exactly where there is an error");
    for one in &loaded.diagnostics {
        let (start, end) = (source.place_of(one.span.start), source.place_of(one.span.end));
        assert!(start.line >= 1 && start.column >= 1 && end.line >= start.line, "{one:?}");
        assert!(one.span.end <= source.text().len(), "{one:?}");
        assert!(one.hint.is_some(), "{one:?}");
    }
    let plain = policies::render_diagnostics(source, &loaded.diagnostics, Colour::Plain);
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    assert_eq!(plain.is_empty(), loaded.diagnostics.is_empty());
    let _ = policies::render_diagnostics(source, &loaded.diagnostics, Colour::Styled);
    if let Some(policy) = &loaded.policy {
        let _ = policy.summarize().to_string();
    }
    loaded
}

/// Everything that a policy says about some calls.
fn decided(policy: &Policy) -> Vec<String> {
    let of_tool = |tool: &&str| {
        let decision = policy.decide_tool(tool);
        let of_call = |arguments: &&str| {
            let judgement = policy.judge_call(tool, arguments);
            let limits: Vec<_> = judgement.limits().map(|limit| format!("{limit:?}")).collect();
            if matches!(decision.effect, Effect::Hide | Effect::Deny) {
                assert_eq!(judgement.decision, decision, "what is refused always is refused with {arguments}");
            }
            format!("{:?} {limits:?}", judgement.decision)
        };
        let of_calls: Vec<_> = ARGUMENTS.iter().map(of_call).collect();
        format!("{decision:?} {:?} {of_calls:?}", policy.class_of(tool))
    };
    TOOLS.iter().map(of_tool).collect()
}

/// Whether every format can write all of a document, and in one way: an object without null, fractions, numbers beyond 64
/// bits, or characters that one of them takes for the end of a line.
fn is_portable(document: &Value) -> bool {
    fn is_portable_value(value: &Value) -> bool {
        let text = |text: &str| !text.chars().any(|c| c.is_control() || "\u{2028}\u{2029}\u{feff}".contains(c));
        match value {
            Value::Null => false,
            Value::Bool(_) => true,
            Value::Number(number) => number.is_i64(),
            Value::String(value) => text(value),
            Value::Array(items) => items.iter().all(is_portable_value),
            Value::Object(members) => members.iter().all(|(key, value)| text(key) && is_portable_value(value)),
        }
    }
    document.is_object() && is_portable_value(document)
}

/// One document says the same and decides the same, however it is written.
pub fn same_in_every_format(document: &Value) {
    let mut first = None;
    for (format, text) in formats::all(&document.to_string()) {
        let loaded = load(&Source::new("same", format, text.as_str()));
        let diagnostics = loaded.diagnostics.iter();
        let mut said: Vec<_> = diagnostics.map(|one| (one.code, one.message.clone(), one.hint.clone())).collect();
        // Where a table begins differs, and with it the order of what is said about a whole document.
        said.sort();
        let found = (said, loaded.policy.as_ref().map(decided));
        assert_eq!(first.get_or_insert_with(|| found.clone()), &found, "{format:?}\n{text}");
    }
}
