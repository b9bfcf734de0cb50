//! Reaches every limit of the core: what is over it is refused, and the session goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use policylayer::engine::limits::Memory;
use policylayer::engine::{Action, Engine, Now, Payload};
use policylayer::limits::{
    JUDGE_WORK, JUDGE_WORK_PER_BYTE, MAX_CANCELLED, MAX_DEPTH, MAX_ID, MAX_LISTED_APP_BYTES, MAX_LISTED_APPS,
    MAX_LISTED_NAMES, MAX_LISTED_RESOURCES, MAX_LISTED_TEMPLATE_BYTES, MAX_LISTED_TEMPLATES, MAX_LISTED_TOOLS,
    MAX_LISTED_URI_BYTES, MAX_NAME, MAX_OPEN, MAX_OPEN_BYTES,
};
use policylayer::policy::{self, Format, Server, ServerName, Source};
use policylayer::record::ArgumentsLogged;

use crate::support::recorded::Recorded;

/// The line passes to the server as it came.
const TO_SERVER: Action = Action::ToServer(Payload::Received);

/// The line passes to the client as it came.
const TO_CLIENT: Action = Action::ToClient(Payload::Received);

fn engine(policy: &str) -> Engine {
    let loaded = policy::load_policy(
        &Source::new("policy.json", Format::Json, policy),
        &Server::by_name(&ServerName::parse("stub").unwrap()),
    );
    Engine::new(Arc::new(loaded.policy.unwrap()), Box::new(Memory::default()))
}

fn allow_all() -> Engine {
    engine(r#"{"version":"1","default":"allow"}"#)
}

fn client(engine: &mut Engine, line: &str) -> Vec<Action> {
    let mut actions = Vec::new();
    engine.handle_client_line(line.as_bytes(), Now::default(), &mut actions);
    actions.retain(|action| !matches!(action, Action::Note(_)));
    actions
}

fn server(engine: &mut Engine, line: &str) -> Vec<Action> {
    let mut actions = Vec::new();
    engine.handle_server_line(line.as_bytes(), Now::default(), &mut actions);
    actions.retain(|action| !matches!(action, Action::Note(_)));
    actions
}

fn ping(id: usize) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n")
}

fn to_client(actions: &[Action]) -> &str {
    match actions {
        [Action::ToClient(Payload::Written(line))] => std::str::from_utf8(line).unwrap(),
        actions => panic!("no line for the client: {actions:?}"),
    }
}

fn to_server(actions: &[Action]) -> &str {
    match actions {
        [Action::ToServer(Payload::Written(line))] => std::str::from_utf8(line).unwrap(),
        actions => panic!("no line for the server: {actions:?}"),
    }
}

#[test]
fn open_requests() {
    let mut engine = allow_all();
    for id in 0..MAX_OPEN {
        assert_eq!(client(&mut engine, &ping(id)), [TO_SERVER]);
        assert_eq!(server(&mut engine, &ping(id)), [TO_CLIENT]);
    }
    assert!(to_client(&client(&mut engine, &ping(MAX_OPEN))).contains("-31005"));
    assert!(to_server(&server(&mut engine, &ping(MAX_OPEN))).contains("-31005"));
    assert_eq!(server(&mut engine, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}"), [TO_CLIENT]);
    assert_eq!(client(&mut engine, &ping(MAX_OPEN)), [TO_SERVER], "there is room again");
}

#[test]
fn cancelled_requests_do_not_fill_the_table() {
    let mut engine = allow_all();
    for id in 0..MAX_OPEN + MAX_CANCELLED + 1 {
        assert_eq!(client(&mut engine, &ping(id)), [TO_SERVER], "{id}");
        let cancel = format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#);
        assert_eq!(client(&mut engine, &cancel), [TO_SERVER]);
    }
    // A late answer is dropped, whether its request is still remembered or not.
    for id in [0, MAX_OPEN + MAX_CANCELLED] {
        assert_eq!(server(&mut engine, &format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}")), []);
    }
}

#[test]
fn ids_and_names() {
    let mut engine = allow_all();
    let with_id = |length: usize| format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#, "i".repeat(length - 2));
    assert_eq!(client(&mut engine, &with_id(MAX_ID)), [TO_SERVER]);
    assert!(to_client(&client(&mut engine, &with_id(MAX_ID + 1))).contains("-32600"));
    let with_name =
        |name: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}"}}}}"#);
    assert!(to_client(&client(&mut engine, &with_name(&"n".repeat(MAX_NAME + 1)))).contains("-32600"));
    assert!(to_client(&client(&mut engine, &with_name(&"\\u006e".repeat(MAX_NAME + 1)))).contains("-32600"));
    assert_eq!(client(&mut engine, &with_name(&"\\u006e".repeat(MAX_NAME))), [TO_SERVER]);
}

#[test]
fn depth() {
    let nested = |depth: usize| {
        // The message and its params are two levels.
        let inner = format!("{}{}", "[".repeat(depth - 2), "]".repeat(depth - 2));
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"a":{inner}}}}}"#)
    };
    let mut engine = allow_all();
    assert!(to_client(&client(&mut engine, &nested(MAX_DEPTH + 1))).contains(r#""id":1"#));
    assert_eq!(client(&mut engine, &nested(MAX_DEPTH)), [TO_SERVER]);
    let brackets = format!(r#"{{"jsonrpc":"2.0","id":2,"method":"x","params":{}"#, "[".repeat(100_000));
    assert!(to_client(&client(&mut engine, &brackets)).contains("-32600"));
    assert!(to_client(&client(&mut engine, &"[".repeat(100_000))).contains("-32600"));
    let answer = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{}{}}}"#, "[".repeat(300), "]".repeat(300));
    assert!(matches!(
        server(&mut engine, &answer).as_slice(),
        [Action::Stray(_), Action::ToClient(Payload::Written(_))]
    ));
}

#[test]
fn a_line_of_twenty_megabytes() {
    let mut engine = allow_all();
    let call = |end: &str| {
        let text = "x".repeat(20 << 20);
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","arguments":{{"t":"{text}"}}}}{end}"#
        )
    };
    assert!(to_client(&client(&mut engine, &call(""))).contains("-32700"));
    assert_eq!(client(&mut engine, &call("}")), [TO_SERVER]);
}

#[test]
fn tools_that_were_listed() {
    let mut engine = engine(r#"{"version":"1","default":"deny","hide":["hidden"],"classes":{},"prompts":{"f*":{}}}"#);
    let list = |method: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#);
    let prompts = r#"{"jsonrpc":"2.0","id":1,"result":{"prompts":[{"name":"free"}]}}"#;
    assert_eq!(client(&mut engine, &list("prompts/list")), [TO_SERVER]);
    assert_eq!(server(&mut engine, prompts), [TO_CLIENT], "a prompt that no hidden tool is known for stays");
    assert_eq!(client(&mut engine, &list("tools/list")), [TO_SERVER]);
    let tools: Vec<_> = (0..=MAX_LISTED_TOOLS).map(|tool| format!(r#"{{"name":"tool{tool}"}}"#)).collect();
    let tools = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{}]}}}}"#, tools.join(","));
    assert!(matches!(server(&mut engine, &tools).as_slice(), [Action::ToClient(Payload::Written(_))]));
    // Too many to remember: now any prompt may be named after one.
    assert_eq!(client(&mut engine, &list("prompts/list")), [TO_SERVER]);
    assert!(matches!(server(&mut engine, prompts).as_slice(), [Action::ToClient(Payload::Written(_))]));
}

#[test]
fn skipped_lines_are_answered_where_they_were_requests() {
    use policylayer::wire::skim::skim_line;
    let oversize = |engine: &mut Engine, line: &str| {
        let mut actions = Vec::new();
        engine.handle_client_oversize(&skim_line(line.as_bytes()), 1000, Now::default(), &mut actions);
        actions.retain(|action| !matches!(action, Action::Note(_)));
        actions
    };
    let mut engine = allow_all();
    assert!(to_client(&oversize(&mut engine, r#"{"jsonrpc":"2.0","method":"x","id":"a"}"#)).contains(r#""id":"a""#));
    assert!(to_client(&oversize(&mut engine, r#"{"method":"x","id":1,"id":2}"#)).contains(r#""id":null"#));
    assert!(to_client(&oversize(&mut engine, "[1,2,3]")).contains(r#""id":null"#));
    assert_eq!(oversize(&mut engine, r#"{"jsonrpc":"2.0","method":"notifications/x"}"#), []);
    assert_eq!(oversize(&mut engine, r#"{"jsonrpc":"2.0","id":3,"result":{}}"#), []);
    assert_eq!(server(&mut engine, &ping(3)), [TO_CLIENT]);
    let instead = oversize(&mut engine, r#"{"jsonrpc":"2.0","id":3,"result":{}}"#);
    assert!(
        matches!(instead.as_slice(), [Action::ToServer(Payload::Written(line))] if line.starts_with(br#"{"jsonrpc":"2.0","id":3,"error""#))
    );

    let oversize = |engine: &mut Engine, line: &str| {
        let mut actions = Vec::new();
        engine.handle_server_oversize(&skim_line(line.as_bytes()), 1000, Now::default(), &mut actions);
        actions.retain(|action| !matches!(action, Action::Note(_)));
        actions
    };
    assert_eq!(client(&mut engine, &ping(4)), [TO_SERVER]);
    let instead = oversize(&mut engine, r#"{"jsonrpc":"2.0","id":4,"result":{}}"#);
    assert!(
        matches!(instead.as_slice(), [Action::ToClient(Payload::Written(line))] if line.starts_with(br#"{"jsonrpc":"2.0","id":4,"error""#))
    );
    assert!(to_server(&oversize(&mut engine, &ping(5))).contains(r#""id":5"#));
    assert_eq!(oversize(&mut engine, r#"{"jsonrpc":"2.0","id":6,"result":{}}"#), []);
}

#[test]
fn a_refusal_quotes_little_of_a_long_line() {
    let long = "k".repeat(1_000_000);
    let controls = "\\u0001".repeat(200_000);
    for params in [
        format!(r#"{{"{long}":1,"{long}":2}}"#),
        format!(r#"{{"{controls}":1,"{controls}":2}}"#),
        format!(r#"{{"\u0000{long}":1}}"#),
        format!(r#"{{"name":"\ud83d{}"}}"#, &long[..20_000]),
        format!(
            "{{{},\"{long}\":1,\"{long}\":2}}",
            (0..20).map(|n| format!("\"{n}\":1")).collect::<Vec<_>>().join(",")
        ),
    ] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        let actions = client(&mut allow_all(), &line);
        let answer = to_client(&actions);
        assert!(answer.len() < 2_000, "{} bytes: {}", answer.len(), &answer[..200]);
    }
    for method in [format!("tools/call\\u0000{long}"), format!("\\ud83d{controls}")] {
        let actions = client(&mut allow_all(), &format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#));
        assert!(to_client(&actions).len() < 2_000, "{}", to_client(&actions).len());
    }
}

#[test]
fn a_policy_full_of_misspelt_names_loads_in_no_time() {
    let names: Vec<_> = (0..45_000).map(|n| format!("\"delete_lisx_{n:05}\"")).collect();
    let text = format!(r#"{{"version":"1","default":"deny","hide":[{}]}}"#, names.join(","));
    let before = std::time::Instant::now();
    let loaded = policy::load_policy(
        &Source::new("p", Format::Json, text.as_str()),
        &Server::by_name(&ServerName::parse("iterable").unwrap()),
    );
    assert!(loaded.policy.is_some());
    // Measuring each name against each known tool takes minutes.
    assert!(before.elapsed().as_secs() < 60, "{:?}", before.elapsed());
}

/// What is kept of open requests is bounded by bytes: mostly what the log keeps of arguments.
#[test]
fn open_requests_by_bytes() {
    let mut session = Recorded::keeping(r#"{"version":"1","default":"allow"}"#, ArgumentsLogged::Full);
    let arguments = serde_json::json!({"text": "x".repeat(60_000)});
    let call = |session: &mut Recorded, id: u32| {
        session.request(id, "tools/call", serde_json::json!({"name": "a", "arguments": arguments}))
    };
    let mut open = 0;
    for id in 0..600 {
        let actions = call(&mut session, id);
        if actions == [TO_SERVER] {
            open += 1;
        } else {
            let said = to_client(&actions);
            assert!(said.contains("-31005") && said.contains("take up 16 MiB"), "{said}");
        }
    }
    assert!(open * 60_000 <= MAX_OPEN_BYTES + 120_000 && open * 60_000 > MAX_OPEN_BYTES / 2, "{open}");
    let mut unanswered = Vec::new();
    session.engine.collect_unanswered(session.time(), &mut unanswered);
    assert_eq!(unanswered.len(), open);
    // An answer makes room, whatever it is, and so does a cancellation.
    assert_eq!(session.answer(0, serde_json::json!({})), [TO_CLIENT]);
    session.client(&serde_json::json!({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}));
    assert_eq!(call(&mut session, 10_000), [TO_SERVER]);
    // Ids count as well.
    let mut engine = allow_all();
    let with_id = |id: usize| format!(r#"{{"jsonrpc":"2.0","id":"{id:0>1000}x","method":"ping"}}"#);
    let refused = (0..MAX_OPEN).find(|id| client(&mut engine, &with_id(*id)) != [TO_SERVER]).unwrap();
    assert!(refused * 2_000 <= MAX_OPEN_BYTES + 4_000, "{refused}");
}

/// Names that a server lists or a client calls are bounded by bytes as well.
#[test]
fn names_of_tools_by_bytes() {
    let long = |id: usize| format!("{id:0>4000}");
    let mut engine = engine(r#"{"version":"1","default":"allow","classes":{"write":{"action":"deny"}}}"#);
    let list: Vec<String> =
        (0..MAX_LISTED_NAMES / 4_000 + 2).map(|id| format!(r#"{{"name":"{}"}}"#, long(id))).collect();
    client(&mut engine, r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    server(&mut engine, &format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{}]}}}}"#, list.join(",")));
    assert_ne!(engine.find_tool(&long(0)).listing, policy::Listing::Missing);
    assert_eq!(engine.find_tool(&long(list.len() - 1)).listing, policy::Listing::Missing);
    for id in 0..list.len() {
        let call =
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"u{}"}}}}"#, long(id));
        assert!(!client(&mut engine, &call).is_empty());
    }
}

/// Lists what a server offers, and returns what is said of it.
fn list(engine: &mut Engine, method: &str, key: &str, items: &[String]) -> Vec<String> {
    client(engine, &format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#));
    let mut actions = Vec::new();
    let line = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"{key}":[{}]}}}}"#, items.join(","));
    engine.handle_server_line(line.as_bytes(), Now::default(), &mut actions);
    actions
        .into_iter()
        .filter_map(|action| if let Action::Note(note) = action { Some(note.to_string()) } else { None })
        .collect()
}

fn reads(engine: &mut Engine, uri: &str) -> bool {
    let line = format!(r#"{{"jsonrpc":"2.0","id":2,"method":"resources/read","params":{{"uri":"{uri}"}}}}"#);
    let passes = client(engine, &line) == [TO_SERVER];
    if passes {
        assert_eq!(server(engine, r#"{"jsonrpc":"2.0","id":2,"result":{"contents":[]}}"#), [TO_CLIENT]);
    }
    passes
}

/// What a server lists beyond the bounds counts as not listed, and its apps as those of hidden tools.
#[test]
fn resources_templates_and_apps() {
    let builtin = r#"{"version":"1","default":"allow","beside_tools":"builtin","tools":{}}"#;
    let is_said = |notes: &[String]| notes.iter().any(|note| note.contains("can be remembered"));
    let wide = |count: usize, bytes: usize| bytes / count + 1;
    for (method, key, member, count, width) in [
        ("resources/list", "resources", "uri", MAX_LISTED_RESOURCES, 1),
        ("resources/list", "resources", "uri", 2_000, wide(2_000, MAX_LISTED_URI_BYTES)),
        ("resources/templates/list", "resourceTemplates", "uriTemplate", MAX_LISTED_TEMPLATES, 1),
        ("resources/templates/list", "resourceTemplates", "uriTemplate", 200, wide(200, MAX_LISTED_TEMPLATE_BYTES)),
    ] {
        let uri = |id: usize| format!("mem:{id:0>width$}");
        let items: Vec<_> = (0..=count).map(|id| format!(r#"{{"{member}":"{}","name":"x"}}"#, uri(id))).collect();
        let mut engine = engine(builtin);
        assert!(is_said(&list(&mut engine, method, key, &items)), "{method} {width}");
        assert!(!is_said(&list(&mut engine, method, key, &items)), "it is said once");
        assert!(reads(&mut engine, &uri(0)) && !reads(&mut engine, &uri(count)), "{method} {width}");
    }
    for (count, width) in [(MAX_LISTED_APPS, 1), (1_200, wide(1_200, MAX_LISTED_APP_BYTES))] {
        // One app of many tools, and one more.
        let tool = |id: usize, app: &str| {
            format!(r#"{{"name":"t{id:0>width$}","_meta":{{"ui":{{"resourceUri":"ui://{app}"}}}}}}"#)
        };
        let mut items: Vec<_> = (0..count).map(|id| tool(id, "shared")).collect();
        items.push(tool(count, "more"));
        let mut engine = allow_all();
        assert!(is_said(&list(&mut engine, "tools/list", "tools", &items)));
        assert!(reads(&mut engine, "ui://shared") && !reads(&mut engine, "ui://more") && reads(&mut engine, "x:more"));
    }
}

/// 500 globs of which no two match one name.
fn many_globs(glob: &str) -> Vec<String> {
    (0..500).map(|id| glob.replace('N', &format!("{id:03}"))).collect()
}

/// Globs that take long for a name of many `a`.
fn slow_globs() -> Vec<String> {
    (1..=60).map(|count| format!("*{}[b-c]*", "a?".repeat(count))).collect()
}

fn with_globs(table: &str, globs: &[String], entry: &str) -> Engine {
    let entries: Vec<_> = globs.iter().map(|glob| format!("\"{glob}\":{entry}")).collect();
    engine(&format!(r#"{{"version":"1","default":"allow","{table}":{{{}}}}}"#, entries.join(",")))
}

/// However many globs a list is compared with, it takes time linear in its length: a list that needs more is withheld, and
/// what comes after it is judged as ever.
#[test]
fn many_globs_on_a_long_list() {
    let asks = |method: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#);
    let answer = |key: &str, member: &str, names: &[String]| {
        let items: Vec<_> =
            names.iter().map(|name| format!(r#"{{"{member}":"{name}","description":"{:200}"}}"#, "")).collect();
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"{key}":[{}]}}}}"#, items.join(","))
    };
    let names = |count: usize, length: usize| -> Vec<_> {
        (0..count)
            .map(|id| format!("getName_t{id:03}x_{}", "a_ta".repeat(length / 4)).split_at(length).0.to_owned())
            .collect()
    };
    for (table, method, key, member, before) in [
        ("tools", "tools/list", "tools", "name", ""),
        ("prompts", "prompts/list", "prompts", "name", ""),
        ("resources", "resources/list", "resources", "uri", "file:///"),
        ("resources", "resources/templates/list", "resourceTemplates", "uriTemplate", "file:///{a}/"),
    ] {
        let named = |count, length| -> Vec<_> {
            names(count, length).into_iter().map(|name| format!("{before}{name}")).collect()
        };
        for glob in ["?et_N*", "*_N?x", "*a?*a_tN", "*_t?N", "get*_a?N"] {
            let mut engine = with_globs(table, &many_globs(glob), r#"{"action":"deny"}"#);
            client(&mut engine, &asks(method));
            let short = answer(key, member, &named(200, 64));
            assert_eq!(server(&mut engine, &short), [TO_CLIENT], "{method} {glob}");
        }
        let mut engine = with_globs(table, &slow_globs(), r#"{"action":"deny"}"#);
        client(&mut engine, &asks(method));
        let slow: Vec<_> = (0..100).map(|id| format!("{before}{}{id}", "a".repeat(4_000))).collect();
        let withheld = server(&mut engine, &answer(key, member, &slow));
        let withheld = to_client(&withheld);
        assert!(withheld.contains("with the globs of the policy takes too long. Write fewer globs"), "{withheld}");
        client(&mut engine, &asks(method));
        assert_eq!(server(&mut engine, &answer(key, member, &named(10, 64))), [TO_CLIENT], "{method}");
    }
}

/// The same for what the client names: it is refused with words, and recorded.
#[test]
fn many_globs_on_many_names() {
    let listen = |uris: &[String]| {
        let uris: Vec<_> = uris.iter().map(|uri| format!("\"{uri}\"")).collect();
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}},"notifications":{{"resourceSubscriptions":[{}]}}}}}}"#,
            uris.join(",")
        )
    };
    let uris = |count: usize, length: usize| -> Vec<_> {
        (0..count).map(|id| format!("file:///{}?a#{id}", "a".repeat(length))).collect()
    };
    let condition = r#"{"deny_if":[{"conditions":[{"path":"uri","op":"regex","value":"(a|b)*c(a|b){12}"}]}]}"#;
    for (globs, entry) in [(slow_globs(), r#"{"action":"deny"}"#), (vec!["*".to_owned()], condition)] {
        let mut engine = with_globs("resources", &globs, entry);
        let refused = client(&mut engine, &listen(&uris(500, 4_000)));
        let refused = to_client(&refused);
        assert!(refused.contains("too long"), "{refused}");
        let ping = r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#;
        assert_eq!(client(&mut engine, ping), [TO_SERVER]);
    }
    let entries: Vec<_> = slow_globs().iter().map(|glob| format!(r#""{glob}":{{"action":"deny"}}"#)).collect();
    let mut session =
        Recorded::new(&format!(r#"{{"version":"1","default":"allow","resources":{{{}}}}}"#, entries.join(",")));
    let line: serde_json::Value = serde_json::from_str(&listen(&uris(500, 8_000))).unwrap();
    session.client(&line);
    let record = session.recorded(&["outcome", "rule", "reason"]).pop().unwrap();
    assert_eq!((&record[0], &record[1]), (&"refused".into(), &"protocol".into()), "{record}");
    assert!(record[2].as_str().unwrap().contains("they were not all compared"), "{record}");
}

/// However many rules look at a call, judging it takes time linear in its length: a call that needs more is refused.
#[test]
fn many_rules_on_a_long_argument() {
    let rules = |condition: &str| {
        let group = format!("{{\"conditions\":[{condition}]}}");
        let groups = vec![group; 500].join(",");
        engine(&format!(
            "{{\"version\":\"1\",\"default\":\"deny\",\"tools\":{{\"a\":{{\"deny_if\":[{groups}]}},\"b\":{{\"approve_if\":[{groups}]}},\
             \"c\":{{\"limits\":[{}]}}}}}}",
            vec![r#"{"max":5,"window":"day","increment_from":"args.n"}"#; 500].join(",")
        ))
    };
    let call = |tool: &str, text: &str| {
        let arguments = format!("{{\"text\":\"{text}\",\"n\":0}}");
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\",\"arguments\":{arguments}}}}}\n"
        )
    };
    let short = "ab".repeat(1_000);
    let long = "ab".repeat(JUDGE_WORK / (JUDGE_WORK_PER_BYTE * 2));
    for (index, condition) in [
        r#"{"path":"args.text","op":"contains","value":"x"}"#,
        r#"{"path":"args.text","op":"regex","value":"(x+x+)+y"}"#,
        r#"{"path":"args.text","op":"regex","value":"(a|b)*a(a|b){12}\\bx"}"#,
        r#"{"path":"args.text","op":"glob","value":"*x*y*z"}"#,
        r#"{"path":"args.**","op":"eq","value":"x"}"#,
        r#"{"path":"args.other","op":"exists","value":true}"#,
    ]
    .into_iter()
    .enumerate()
    {
        for tool in if index == 0 { &["a", "b", "c"][..] } else { &["a"] } {
            assert_eq!(client(&mut rules(condition), &call(tool, &short)), [TO_SERVER], "{tool} {condition}");
            let mut engine = rules(condition);
            let refused = client(&mut engine, &call(tool, &long));
            let refused = to_client(&refused);
            assert!(refused.contains("too long for the number of conditions"), "{tool} {condition}: {refused}");
            let rule = ["tools.a.deny_if[", "tools.b.approve_if[", "tools.c.limits["];
            assert!(rule.iter().any(|rule| refused.contains(rule)), "{tool} {condition}: {refused}");
        }
    }
}
