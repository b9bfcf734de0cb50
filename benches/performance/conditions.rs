//! Many rules on one long call: each is decided, or refused, within a second.

use std::time::{Duration, Instant};

use policylayer::policy::{self, Effect, Format, Policy, Server, ServerName, Source};

use crate::table::{Table, time};

/// How many rules look at the call.
const RULES: usize = 500;
/// How long the call is, in bytes.
const CALL: usize = 20_000_000;
/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) fn measure() -> Table {
    let title = format!("{RULES} rules on one call of {} MB, the slowest of each kind of rule", CALL / 1_000_000);
    let mut table = Table::new(title, &["rule", "time", "arguments", "comes to"]);
    let arguments = long_arguments();
    for condition in CONDITIONS {
        let policy = load(condition);
        let (took, name, effect) = arguments
            .iter()
            .map(|(name, json)| {
                let start = Instant::now();
                let judgement = policy.judge_call("t", json);
                (start.elapsed(), *name, judgement.decision.effect)
            })
            .max_by_key(|(took, ..)| *took)
            .expect("there are calls");
        let outcome = match effect {
            _ if took > PATIENCE => "TOO LATE",
            Effect::Allow => "decided",
            _ => "refused",
        };
        table.row(vec![condition.to_owned(), time(took), name.to_owned(), outcome.to_owned()]);
    }
    table
}

const CONDITIONS: [&str; 18] = [
    r#""path":"args.x","op":"eq","value":"user""#,
    r#""path":"args.x","op":"contains","value":"user""#,
    r#""path":"args.x","op":"contains","value":7"#,
    r#""path":"args.x","op":"in","value":["a","b",7]"#,
    r#""path":"args.x","op":"gt","value":7"#,
    r#""path":"args.x","op":"ends_with","value":"user""#,
    r#""path":"args.x","op":"len_gte","value":1000000000"#,
    r#""path":"args.x","op":"regex","value":"(x+x+)+y""#,
    r#""path":"args.x","op":"regex","value":"(a|b)*a(a|b){12}\\bx""#,
    r#""path":"args.x","op":"glob","value":"*a*b*c*d*e""#,
    r#""path":"args.x","op":"under","value":"/srv/data""#,
    r#""path":"args.x[*].y","op":"eq","value":"user""#,
    r#""path":"args.other","op":"exists","value":true"#,
    r#""path":"args.**","op":"eq","value":"user""#,
    r#""path":"args.**","op":"gt","value":7"#,
    r#""path":"args.**","op":"regex","value":"us(e|E)r\\b""#,
    r#""path":"args.x","op":"detects","value":"secret""#,
    r#""path":"args.**","op":"detects","value":["email","phone","card","iban","ip","secret"]"#,
];

/// Calls that are long in different ways.
fn long_arguments() -> Vec<(&'static str, String)> {
    let fill = |piece: &str| piece.repeat(CALL / piece.len());
    let text = |piece: &str| format!(r#"{{"x":"{}"}}"#, fill(piece));
    let list = |item: &str| format!(r#"{{"x":[{}{item}]}}"#, fill(&format!("{item},")));
    let keys = |key: &dyn Fn(usize) -> String| {
        let mut object = String::from("{");
        for number in 0.. {
            object.push_str(&format!("\"{}\":0,", key(number)));
            if object.len() >= CALL {
                break;
            }
        }
        object + r#""x":1}"#
    };
    vec![
        ("a text", text("ab ")),
        ("a text with escapes", text("\\u0061")),
        ("a text that is not ASCII", text("ab é日")),
        ("a path", text("a/./é/../")),
        ("a number", format!(r#"{{"x":{}}}"#, fill("7"))),
        ("a list of numbers", list("0")),
        ("a list of decimals", list("0.0000000000000000000001")),
        ("a list of strings", list(r#""a""#)),
        ("a list of escapes", list(r#""\n""#)),
        ("a list of objects", list(r#"{"y":"a"}"#)),
        ("a nest", list(&format!("{}0{}", "[".repeat(200), "]".repeat(200)))),
        ("many keys", keys(&|number| format!("k{number}"))),
        ("many keys that are not ASCII", keys(&|number| format!("é{number}"))),
        ("many keys in full width", keys(&|number| format!("ｋ{number}"))),
        ("a long key in full width", format!(r#"{{"{}":0,"x":1}}"#, fill("ｋ"))),
        ("many keys with escapes", keys(&|number| format!("\\u006b{number}"))),
    ]
}

fn load(condition: &str) -> Policy {
    let rules = vec![format!(r#"{{"conditions":[{{{condition}}}]}}"#); RULES].join(",");
    let text = format!(r#"{{"version":"1","default":"deny","tools":{{"t":{{"deny_if":[{rules}]}}}}}}"#);
    let source = Source::new("policy.json", Format::Json, text);
    let loaded = policy::load_policy(&source, &Server::by_name(&ServerName::parse("stub").unwrap()));
    loaded.policy.unwrap_or_else(|| panic!("{condition}: {:?}", loaded.diagnostics))
}
