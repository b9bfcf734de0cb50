//! A decision costs no allocation, and a call that passes next to none.
#![allow(unsafe_code, clippy::unwrap_used, clippy::panic, reason = "an allocator that counts is unsafe by its trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use policylayer::engine::limits::Memory;
use policylayer::engine::{Action, Engine, Now, Payload};
use policylayer::limits::MAX_OPEN_ROUNDS;
use policylayer::lock::{ItemKind, Lock, LockedDigests};
use policylayer::policy::{self, Effect, Format, Listing, Policy, Server, ServerName, Source, ToolRef};
use policylayer::risk::{Catalogue, Class, Registry};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    /// The bytes that this thread has allocated and not freed.
    static BYTES: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        BYTES.with(|bytes| bytes.set(bytes.get() + layout.size() as isize));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.with(|bytes| bytes.set(bytes.get() - layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

/// A hundred entries: names, globs, hidden ones, and a class.
fn policy() -> Policy {
    let mut text = String::from(
        "version = \"1\"\ndefault = \"deny\"\nhide = [\"hidden\", \"gone_*\"]\n[classes.destructive]\naction = \"deny\"\n",
    );
    for entry in 0..90 {
        writeln!(text, "[tools.tool_{entry}]").unwrap();
    }
    for entry in 0..10 {
        write!(text, "[tools.\"group{entry}_*_item\"]\naction = \"deny\"\n").unwrap();
    }
    let loaded = policy::load_policy(
        &Source::new("p.toml", Format::Toml, text),
        &Server::by_name(&ServerName::parse("iterable").unwrap()),
    );
    loaded.policy.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

/// Which server it is costs nothing, and only its own tools are unpacked: all of them would be megabytes.
#[test]
fn a_catalogue_is_unpacked_only_where_it_is_asked_for() {
    let find = || {
        assert_eq!(Catalogue::all().len(), 44);
        for known in Catalogue::all() {
            assert_eq!(Catalogue::for_server(black_box(known.server)), Some(known));
            assert_eq!(Catalogue::with_registry(black_box(Registry::Host), "mcp.linear.app"), None);
        }
    };
    assert_eq!(allocations(find), 0);
    let before = BYTES.with(Cell::get);
    assert_eq!(Catalogue::for_server("time").map(|known| known.tools().len()), Some(2));
    let taken = BYTES.with(Cell::get) - before;
    assert!((1..4096).contains(&taken), "{taken} bytes for two tools");
}

#[test]
fn a_decision_allocates_nothing() {
    let policy = policy();
    let cases = [
        ("tool_89", Effect::Allow),
        ("group9_some_item", Effect::Deny),
        ("hidden", Effect::Hide),
        ("gone_away", Effect::Hide),
        ("delete_list", Effect::Deny),
        ("no_such_tool_anywhere", Effect::Hide),
    ];
    // The catalogue is read once, at the first question.
    assert_eq!(policy.decide_tool("delete_list").effect, Effect::Deny);
    // What a session knows of a tool that its server has listed.
    let cases = cases.map(|(name, effect)| (ToolRef { listing: Listing::As(Class::Write), ..name.into() }, effect));
    for (tool, effect) in cases {
        let name = tool.name;
        assert_eq!(policy.decide_tool(tool).effect, effect, "{name}");
        assert_eq!(allocations(|| _ = black_box(policy.decide_tool(black_box(tool)))), 0, "decide {name}");
        assert_eq!(
            allocations(|| _ = black_box(policy.judge_call(black_box(tool), "{\"a\":[1,2]}"))),
            0,
            "judge {name}"
        );
    }
}

#[test]
fn a_call_that_passes_allocates_its_id_and_no_more() {
    let mut engine = Engine::new(Arc::new(policy()), Box::new(Memory::default()));
    let mut actions = Vec::with_capacity(4);
    let mut exchange = |id: u32| {
        let call = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"tool_7\",\"arguments\":{{\"a\":\"b\"}}}}}}\n"
        );
        let answer = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"content\":[]}}}}\n");
        let mut lines = [0; 2];
        for (at, line) in [call, answer].iter().enumerate() {
            lines[at] = allocations(|| match at {
                0 => engine.handle_client_line(line.as_bytes(), Now::default(), &mut actions),
                _ => engine.handle_server_line(line.as_bytes(), Now::default(), &mut actions),
            });
            let passed = [Action::ToServer(Payload::Received), Action::ToClient(Payload::Received)];
            assert_eq!(actions, passed[at..=at]);
            actions.clear();
        }
        lines
    };
    // The first lines make the buffers that are kept, and have the class of a tool told by its name.
    for id in 0..10 {
        exchange(id);
    }
    for id in 10..100 {
        let [call, answer] = exchange(id);
        assert!(call <= 1 && answer == 0, "a call allocates {call} times, its answer {answer} times");
    }
}

/// A list of so many tools; each has nearly half a kilobyte.
fn tools_list(tools: usize) -> String {
    let tools: Vec<_> = (0..tools)
        .map(|n| {
            format!(
                concat!(
                    r#"{{"name":"get_campaign_metrics_{}","description":"Retrieves the metrics of one campaign, with opens, clicks, "#,
                    r#"bounces and unsubscribes. Use it for reporting; nothing is changed. Passing several identifiers is not "#,
                    r#"supported.","inputSchema":{{"type":"object","properties":{{"campaignId":{{"type":"integer","#,
                    r#""description":"The identifier of the campaign."}},"startDateTime":{{"type":"string"}},"query":"#,
                    r#"{{"type":"string","description":"What to look for."}}}},"required":["campaignId"]}}}}"#
                ),
                n
            )
        })
        .collect();
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{}]}}}}"#, tools.join(",")) + "\n"
}

fn allow() -> Policy {
    let source = Source::new("p.toml", Format::Toml, "version = \"1\"\ndefault = \"allow\"\n");
    let loaded = policy::load_policy(&source, &Server::by_name(&ServerName::parse("elsewhere").unwrap()));
    loaded.policy.unwrap()
}

/// How many allocations a list takes, which passes: the first time, and then again.
fn allocations_of_list(policy: Policy, list: &str) -> [usize; 2] {
    let mut engine = Engine::new(Arc::new(policy), Box::new(Memory::default()));
    let mut actions = Vec::new();
    [(); 2].map(|()| {
        engine.handle_client_line(br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, Now::default(), &mut actions);
        let count = allocations(|| engine.handle_server_line(list.as_bytes(), Now::default(), &mut actions));
        assert!(actions.contains(&Action::ToClient(Payload::Received)));
        actions.clear();
        count
    })
}

/// The bounds are what was reached. Fewer allocations may be one by one, and more not.
#[test]
fn a_list_allocates_little_and_the_same_list_nothing() {
    for (tools, size, most) in [(100, 45_000..55_000, 210), (2_150, 1_000_000..1_100_000, 2_310)] {
        let list = tools_list(tools);
        assert!(size.contains(&list.len()), "{}", list.len());
        let [first, again] = allocations_of_list(allow(), &list);
        assert!(first <= most && again == 0, "{first} allocations for {tools} tools, and then {again}");
    }
    let (list, mut lock) = (tools_list(100), Lock::new("elsewhere"));
    for item in list.split(r#"{"name":"#).skip(1) {
        let item = item.trim_end();
        let item = item.strip_suffix(',').or_else(|| item.strip_suffix("]}}")).unwrap();
        lock.insert(ItemKind::Tool, &format!(r#"{{"name":{item}"#), None).unwrap();
    }
    // Under a lock, each definition is digested once more.
    let [first, again] = allocations_of_list(allow().with_lock(Arc::new(LockedDigests::from(&lock))), &list);
    assert!(first <= 430 && again == 0, "{first} allocations under a lock, and then {again}");
}

/// A server's state may be as long as a line. It comes back with the client, so a digest of it is enough.
#[test]
fn open_rounds_keep_kilobytes_of_long_states() {
    let mut engine = Engine::new(Arc::new(policy()), Box::new(Memory::default()));
    let mut actions = Vec::with_capacity(4);
    let state = "s".repeat(1024 * 1024);
    let mut round = |id: usize| {
        let call = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"tool_7","arguments":{{}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}}}}"#
        );
        let answer = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"input_required","requestState":"{state}{id}"}}}}"#
        );
        engine.handle_client_line(call.as_bytes(), Now::default(), &mut actions);
        engine.handle_server_line(answer.as_bytes(), Now::default(), &mut actions);
        assert_eq!(actions, [Action::ToServer(Payload::Received), Action::ToClient(Payload::Received)]);
        actions.clear();
    };
    // The first rounds make the buffers that are kept.
    for id in 0..MAX_OPEN_ROUNDS {
        round(id);
    }
    let before = BYTES.with(Cell::get);
    for id in 0..MAX_OPEN_ROUNDS {
        round(id);
    }
    let kept = BYTES.with(Cell::get) - before;
    assert!(kept < 4 * 1024, "{kept}");
    assert!(before < 4 * 1024 * 1024, "{before}");
}
