//! What it costs to remember a result, and to look up what a call has.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use policylayer::provenance::{Provenance, Returns, SessionMemory, Source};
use policylayer::state::{Clients, Keeping, Ledger};

use crate::table::{Table, grouped, time};

/// How long each result is, in bytes.
const SIZE: usize = 100_000;

/// What a result may be, made from a seed.
type Make = fn(u64) -> String;

const KINDS: [(&str, Make); 14] = [
    ("sentences with an address each", sentences),
    ("prose with many addresses and numbers", |seed| in_text(&letter(seed))),
    ("a list in JSON, in a text", |seed| in_text(&people(seed))),
    ("the same list as structured content", structured),
    ("source code: Rust, much of it about escapes", code),
    ("JavaScript in one line", |seed| in_text(&script(seed))),
    ("prose in Russian", |seed| in_text(&foreign(seed, "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", 9))),
    ("prose in Chinese", |seed| in_text(&chinese(seed))),
    ("a table of numbers, amounts and dates in lines", |seed| in_text(&amounts(seed))),
    ("a table of numbers of ten digits", |seed| in_text(&numbers(seed))),
    ("one value in base64, of a text", |seed| in_text(&base64(letter(seed).as_bytes()))),
    ("one value in base64, of none", |seed| in_text(&base64(&bytes(seed)))),
    ("lines of a log, with addresses", |seed| in_text(&log(seed))),
    ("HTML, with references in each line", |seed| in_text(&html(seed))),
];

/// What a call may have: about a kilobyte each, but for the first.
fn calls() -> [(&'static str, String); 6] {
    let cut = |text: String| text.get(..text.floor_char_boundary(1_000)).unwrap_or_default().to_owned();
    [
        ("an address is looked up", "bob@example.com".to_owned()),
        ("a text", "Dear Bob, here is what you asked for: https://example.com/x. ".repeat(16)),
        ("one full of escapes", "a%20b&amp;c \\u0041 see https://evil.example/%61. ".repeat(20)),
        ("one in Russian", cut(foreign(1, "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", 9))),
        ("a list in JSON", cut(people(1))),
        ("base64 of a text", cut(base64(letter(1).as_bytes()))),
    ]
}

pub(crate) fn measure() -> Table {
    let mut table = Table::new("Where values come from", &["what", "size", "in memory", "in a ledger"]);
    let dir = tempfile::tempdir().expect("a directory");
    // A new one for each kind, since there is room for a million values.
    let new = |kind: &str| {
        let clients = Clients { name: || "1@1".to_owned(), is_running: |_| Some(true) };
        (SessionMemory::default(), Ledger::new(dir.path().join(kind), Keeping::Always, clients))
    };
    for (number, (name, make)) in KINDS.into_iter().enumerate() {
        let (memory, ledger) = new(&number.to_string());
        let [one, other] = [&memory as &dyn Provenance, &ledger].map(|memory| time(time_remember(memory, make)));
        table.row(vec![name.to_owned(), grouped(SIZE as f64), one, other]);
    }
    let (memory, ledger) = new("looked up");
    let both = || [&memory as &dyn Provenance, &ledger];
    let _ = both().map(|memory| time_remember(memory, KINDS[1].1));
    for (name, text) in calls() {
        let [one, other] = both().map(|memory| time(time_look_up(memory, &text)));
        table.row(vec![name.to_owned(), grouped(text.len() as f64), one, other]);
    }
    table
}

fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_add(1);
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    }
}

/// A text of as many lines or sentences as are long enough, each with a number of its own.
fn text_of(seed: u64, mut push: impl FnMut(&mut String, &mut dyn FnMut(u64) -> u64, u64)) -> String {
    let (mut text, mut next) = (String::new(), random(seed));
    for number in seed * 100_000.. {
        if text.len() >= SIZE {
            break;
        }
        push(&mut text, &mut next, number);
    }
    text
}

fn word(next: &mut dyn FnMut(u64) -> u64, letters: &[char], most: u64) -> String {
    let length = 2 + next(most);
    let count = letters.len() as u64;
    // The first ones are the usual ones.
    (0..length).map(|_| letters[next(count).min(next(count)) as usize]).collect()
}

fn sentences(seed: u64) -> String {
    in_text(&text_of(seed, |text, _, number| {
        let _ = write!(
            text,
            "The quick brown fox number{number} jumps over lazy dogs, and then mail to bob{number}@corp.example says that all is fine. "
        );
    }))
}

/// A letter with addresses and numbers, in other words each time.
fn letter(seed: u64) -> String {
    text_of(seed, |text, next, _| {
        for _ in 0..12 {
            let word: String = (0..2 + next(8)).map(|_| char::from(b'a' + next(26) as u8)).collect();
            let _ = write!(text, "{word} ");
        }
        let (user, host, order, number) = (next(9_999), next(99), next(99_999), next(9_999_999));
        let _ = writeln!(text, "user{user}@host{host}.example, order ORD-{order}; 40{number} 1234.");
    })
}

fn code(seed: u64) -> String {
    let all = [
        include_str!("provenance.rs"),
        include_str!("../../src/provenance/words.rs"),
        include_str!("../../src/provenance/values.rs"),
        include_str!("../../src/provenance/forms.rs"),
        include_str!("../../src/wire/strict.rs"),
        include_str!("../../src/wire/text.rs"),
        include_str!("../../src/state/ledger.rs"),
    ]
    .concat();
    let start = all.ceil_char_boundary(seed as usize * 997 % (all.len() / 2));
    let text = [&all[start..], &all[..start]].concat();
    in_text(&text[..text.floor_char_boundary(SIZE)])
}

fn script(seed: u64) -> String {
    let letters: Vec<char> = "etnrisaoucdlfpmhgvbyxwkjqz".chars().collect();
    text_of(seed, |text, next, number| {
        let [one, other, third] = [0; 3].map(|_| word(next, &letters, 12));
        let (a, b) = (char::from(b'a' + next(26) as u8), char::from(b'a' + next(26) as u8));
        let _ = match next(4) {
            0 => write!(
                text,
                "function {a}{b}({b},c){{return {b}.{one}&&c?c.{other}({b}[{number}%7],\"{third}\"):null}}"
            ),
            1 => write!(text, "var {b}={{{one}:!0,{other}:function(){{return this.{third}}},k:\"{a}-{one}\"}};"),
            2 => write!(text, "if(\"{one}\"!==typeof {a}.{other}){{throw Error({a}({}))}}", number % 900),
            _ => write!(
                text,
                "for({a}=0;{a}<{b}.length;{a}++){{{b}[{a}].{one}={b}[{a}].{other}.replace(/\\s+/g,'{third}')}}"
            ),
        };
    })
}

fn foreign(seed: u64, letters: &str, most: u64) -> String {
    let letters: Vec<char> = letters.chars().collect();
    text_of(seed, |text, next, number| {
        text.push_str(&word(next, &letters, most));
        text.push_str(match number % 30 {
            10 | 20 => ", ",
            0 => ".\n",
            _ => " ",
        });
    })
}

fn chinese(seed: u64) -> String {
    text_of(seed, |text, next, number| {
        text.push(char::from_u32(0x4e00 + next(3_000).min(next(3_000)) as u32).unwrap_or('一'));
        text.push_str(if number % 300 == 0 {
            "\n"
        } else if number % 17 == 0 {
            "，"
        } else {
            ""
        });
    })
}

fn amounts(seed: u64) -> String {
    text_of(seed, |text, next, _| {
        let (id, price, cents, amount) = (next(99_999), next(9_999), next(100), next(100_000));
        let (account, ratio, month, day) = (next(9_999_999_999), next(999_999), 1 + next(12), 1 + next(28));
        let _ = writeln!(text, "{id},{price}.{cents:02},{amount},{account},0.{ratio},2024-{month:02}-{day:02}");
    })
}

fn numbers(seed: u64) -> String {
    text_of(seed, |text, next, number| {
        let _ = write!(text, "{}{}", next(9_999_999_999), if number % 10 == 0 { "\n" } else { "," });
    })
}

fn bytes(seed: u64) -> Vec<u8> {
    let mut next = random(seed);
    (0..SIZE).map(|_| next(256) as u8).collect()
}

/// The same length in base64.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let threes = bytes.as_chunks::<3>().0.iter().take(SIZE / 4);
    let bits = threes.map(|[a, b, c]| usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c));
    bits.flat_map(|bits| [18, 12, 6, 0].map(|shift| char::from(DIGITS[bits >> shift & 63]))).collect()
}

fn log(seed: u64) -> String {
    text_of(seed, |text, next, _| {
        let (day, hour, minute, second, part) = (1 + next(28), next(24), next(60), next(60), next(1_000));
        let (worker, handler, user, id, page) = (next(16), next(40), next(9_999), next(1 << 32), next(50));
        let (took, net, host) = (next(900), next(255), next(255));
        let _ = writeln!(
            text,
            "2024-05-{day:02}T{hour:02}:{minute:02}:{second:02}.{part:03}Z INFO [worker-{worker}] com.example.service.Handler{handler} - GET \
             /api/v1/users/{user}/orders?id={id:x}&page={page} 200 {took}ms 10.0.{net}.{host}"
        );
    })
}

fn html(seed: u64) -> String {
    text_of(seed, |text, next, _| {
        let (row, site, page, query) = (next(9), next(30), next(99_999), next(999));
        let (thing, more, price, cents) = (next(999), next(9_999), next(99), next(100));
        let _ = writeln!(
            text,
            "<li class=\"item row-{row}\"><a href=\"https://shop{site}.example/p/{page}?ref=a&amp;q={query}\" title=\"The thing {thing}\">Things \
             &amp; more {more}</a> <span>&euro;{price}.{cents:02}</span></li>"
        );
    })
}

/// A list of people, each with an address, a number and a page.
fn people(seed: u64) -> String {
    let mut list = String::from("[");
    let mut number = seed * 10_000;
    while list.len() < SIZE {
        number += 1;
        let _ = write!(
            list,
            "{}{{\"id\":{},\"email\":\"user{number}@host{}.example\",\"name\":\"Person Number {number}\",\"page\":\
             \"https://site{}.example/people/{number}?tab=1\",\"note\":\"what there is to say about number {number}\"}}",
            if list.len() > 1 { "," } else { "" },
            number * 7_919,
            number % 50,
            number % 30
        );
    }
    list + "]"
}

fn structured(seed: u64) -> String {
    format!("{{\"content\":[],\"structuredContent\":{{\"people\":{}}}}}", people(seed))
}

fn in_text(text: &str) -> String {
    serde_json::json!({ "content": [{ "type": "text", "text": text }] }).to_string()
}

/// The time that a new result takes, the shortest of many: what else the machine does is no part of it.
fn time_remember(memory: &dyn Provenance, make: Make) -> Duration {
    let [server, tool] = ["pages", "read_page"].map(str::to_owned);
    let source = Source { server, tool, returns: vec![Returns::Untrusted], ..Source::default() };
    shortest((0..21).map(|seed| {
        let result = make(seed);
        let start = Instant::now();
        memory.remember_result(&source, black_box(&result));
        start.elapsed()
    }))
}

fn time_look_up(memory: &dyn Provenance, text: &str) -> Duration {
    shortest((0..2_001).map(|_| {
        let start = Instant::now();
        memory.refresh();
        black_box(memory.find_origins(black_box(text)));
        start.elapsed()
    }))
}

fn shortest(times: impl Iterator<Item = Duration>) -> Duration {
    times.min().unwrap_or_default()
}
