//! The list filter: nothing hidden is in what reaches the client, as any model reader reads it; all else is kept byte for
//! byte; and a list is withheld only where parsers could read it differently.

use std::sync::{Arc, OnceLock};

use policylayer::engine::limits::Memory;
use policylayer::engine::{Action, Engine, Now, Payload};
use policylayer::limits::MAX_NAME;
use policylayer::policy::{Effect, Policy};

use super::models::{Node, Reading, Value, has_distinct_keys, parse};
use super::{compiled, shown};

/// What is hidden in these lists: an exact name, globs, and all that is not listed.
fn policies() -> &'static [Arc<Policy>; 2] {
    static POLICIES: OnceLock<[Arc<Policy>; 2]> = OnceLock::new();
    POLICIES.get_or_init(|| {
        [
            compiled(
                r#"{"version":"1","default":"allow","hide":["hidden","delete_*","*é?"],
                    "resources":{"skill://hidden/**":{"action":"hide"}}}"#,
            ),
            compiled(
                r#"{"version":"1","default":"deny","tools":{"get":{},"a*":{},"denied":{"action":"deny"}},
                    "resources":{"skill://get/**":{}}}"#,
            ),
        ]
    })
}

/// The lowest bit of the first byte chooses the policy, the next one whether the rest is a line or its result, the third one the
/// list that is asked for: tools or skills.
pub fn holds(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let policy = &policies()[usize::from(first & 1)];
    let rest = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = match first & 2 {
        0 => [br#"{"jsonrpc":"2.0","id":1,"result":"#, rest, b"}\n"].concat(),
        _ => [rest, b"\n"].concat(),
    };
    let request = match first & 4 {
        0 => br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#.as_slice(),
        _ => br#"{"jsonrpc":"2.0","id":1,"method":"skills/list"}"#,
    };
    let mut engine = Engine::new(policy.clone(), Box::new(Memory::default()));
    let actions = play(&mut engine, request, &line);
    // Where the line is no response, it may be any message but the list that the client waits for.
    let Some(answer) = answer(&line, &actions) else { return };
    let text = std::str::from_utf8(answer).expect("what reaches the client is UTF-8");
    assert!(text.ends_with('\n') && text.matches('\n').count() == 1, "one line: {text:?}");
    let tree = parse(text).unwrap_or_else(|| panic!("what reaches the client is JSON: {text:?}"));
    if first & 4 != 0 {
        shows_no_hidden_file(&engine, &tree, text);
        let again = play(&mut engine, request, answer);
        return assert_eq!(self::answer(answer, &again), Some(answer), "what is left passes as it is");
    }
    shows_nothing_hidden(policy, &tree, text);
    let was_withheld = tree.members().iter().any(|(key, _)| key.lossy() == "error") && answer != line;
    if was_withheld {
        return assert!(!is_plain(&line), "withheld without a reason: {}", shown(&line));
    }
    // What stands before or behind a message goes to stderr.
    if parse(std::str::from_utf8(&line).expect("what is forwarded is UTF-8")).is_none() {
        return;
    }
    let expected = filtered(policy, std::str::from_utf8(&line).expect("what is forwarded is UTF-8"));
    assert_eq!(text, expected, "all else is kept");
}

fn play(engine: &mut Engine, request: &[u8], answer: &[u8]) -> Vec<Action> {
    let mut actions = Vec::new();
    engine.handle_client_line(request, Now::default(), &mut actions);
    assert_eq!(actions, [Action::ToServer(Payload::Received)]);
    actions.clear();
    engine.handle_server_line(answer, Now::default(), &mut actions);
    actions
}

/// No model reader finds a skill in the line, or a file of one, that the policy hides.
fn shows_no_hidden_file(engine: &Engine, tree: &Node, text: &str) {
    for reading in Reading::ALL {
        let skills = reading.path(tree, &["result", "skills"]).map(Node::items).unwrap_or_default();
        for item in skills.iter().flat_map(|skill| {
            let files = reading.get(skill, "resources").map(Node::items).unwrap_or_default();
            [skill].into_iter().chain(files)
        }) {
            let Some(uri) = reading.text(item, &["uri"]) else { continue };
            assert_ne!(engine.decide_resource(&uri).effect, Effect::Hide, "{reading:?} finds {uri:?} in {text:?}");
        }
    }
}

/// The line that reaches the client.
fn answer<'a>(line: &'a [u8], actions: &'a [Action]) -> Option<&'a [u8]> {
    let mut answers = actions.iter().filter_map(|action| match action {
        Action::ToClient(payload) => Some(payload.bytes(line)),
        _ => None,
    });
    let answer = answers.next();
    assert!(answers.next().is_none(), "one line at most: {actions:?}");
    answer
}

/// No model reader finds a tool in the line that the policy hides.
pub fn shows_nothing_hidden(policy: &Policy, tree: &Node, text: &str) {
    for reading in Reading::ALL {
        let tools = reading.path(tree, &["result", "tools"]).map(Node::items).unwrap_or_default();
        for tool in tools.iter().filter_map(|tool| reading.text(tool, &["name"])) {
            assert_ne!(policy.decide_tool(&tool).effect, Effect::Hide, "{reading:?} finds {tool:?} in {text:?}");
        }
    }
}

/// The line as it should reach the client, where every parser reads it alike.
fn filtered(policy: &Policy, line: &str) -> String {
    let tree = parse(line).expect("what is forwarded is JSON");
    let Some(tools) = Reading::LastWins.path(&tree, &["result", "tools"]) else { return line.to_owned() };
    let (hidden, kept): (Vec<_>, Vec<_>) = tools.items().iter().partition(|tool| {
        let name = Reading::LastWins.text(tool, &["name"]).expect("a tool has a name");
        policy.decide_tool(&name).effect == Effect::Hide
    });
    if hidden.is_empty() {
        return line.to_owned();
    }
    let kept: Vec<_> = kept.iter().map(|tool| tool.raw(line)).collect();
    let mut edits = vec![(tools.span.clone(), format!("[{}]", kept.join(",")))];
    let scope = Reading::LastWins.path(&tree, &["result", "cacheScope"]);
    edits.extend(scope.map(|scope| (scope.span.clone(), "\"private\"".to_owned())));
    edits.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
    let mut edited = line.to_owned();
    for (place, text) in edits {
        edited.replace_range(place, &text);
    }
    edited
}

/// Whether no parser could read the line otherwise, so that there is no reason to withhold it: its keys are plain and
/// stand once, and its tools are objects with a name.
fn is_plain(line: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(line) else { return false };
    let is_plain_text = text.is_ascii() && !text.contains(['\\', '\r', '\u{7f}']) && text.starts_with('{');
    let Some(tree) = parse(text).filter(|_| is_plain_text) else { return false };
    let keys = |members: &[_]| {
        let is_plain = |(key, _): &(super::models::Text, Node)| {
            let key = key.lossy();
            key == "cacheScope" || key.chars().all(|c| c.is_ascii_lowercase())
        };
        has_distinct_keys(members) && members.iter().all(is_plain)
    };
    let get = |path: &[&str]| Reading::LastWins.path(&tree, path);
    let is_object = |node: Option<&Node>| matches!(node, Some(Node { value: Value::Object(_), .. }));
    let is_answer = Reading::LastWins.text(&tree, &["jsonrpc"]).as_deref() == Some("2.0")
        && get(&["method"]).is_none()
        && get(&["error"]).is_none()
        && is_object(get(&["result"]));
    let tools = get(&["result", "tools"]);
    let is_list = tools.is_none_or(|tools| matches!(tools.value, Value::Array(_)));
    let is_tool = |tool: &Node| {
        let name = Reading::LastWins.text(tool, &["name"]);
        is_object(Some(tool)) && name.is_some_and(|name| name.len() <= MAX_NAME)
    };
    is_answer
        && is_list
        && tools.map(Node::items).unwrap_or_default().iter().all(is_tool)
        && tree.each_object(usize::MAX, &keys)
}
