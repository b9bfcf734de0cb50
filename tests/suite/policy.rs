//! The policy language, one row a sentence of its definition, each row in all three formats.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod examples;
use crate::laws::formats;
mod judged;
mod shipped;

use policylayer::policy::{
    self, Decision, Effect, Format, Listing, Loaded, Mode, Policy, Section, Server, ServerName, Severity, Source,
    ToolRef, ToolSeen,
};
use policylayer::risk::{Catalogue, Class};

fn server(name: &str) -> ServerName {
    ServerName::parse(name).expect("a server name")
}

fn load(format: Format, text: &str, server_name: &str) -> Loaded {
    policy::load_policy(&Source::new("test", format, text), &Server::by_name(&server(server_name)))
}

fn valid(format: Format, text: &str, server_name: &str) -> Policy {
    let loaded = load(format, text, server_name);
    loaded.policy.unwrap_or_else(|| panic!("{text}\n{:#?}", loaded.diagnostics))
}

fn codes(loaded: &Loaded, severity: Severity) -> Vec<&'static str> {
    loaded.diagnostics.iter().filter(|one| one.severity == severity).map(|one| one.code).collect()
}

const ALLOW: &str = "allow";
const DENY: &str = "deny";
const HIDE: &str = "hide";
const ASK: &str = "require_approval";

/// Sentence, document, server, and for each tool the effect and the rule.
type Row = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str, &'static str)]);

const ROWS: &[Row] = &[
    (
        "default: what an unlisted tool gets: deny, and by that it is hidden",
        r#"{"version":"1","default":"deny"}"#,
        "iterable",
        &[("get_lists", HIDE, "default"), ("never_heard_of", HIDE, "default")],
    ),
    ("default: allow", r#"{"version":"1","default":"allow"}"#, "iterable", &[("cancel_export_job", ALLOW, "default")]),
    (
        "unlisted: how default = deny refuses: deny is visible and refused",
        r#"{"version":"1","default":"deny","unlisted":"deny","tools":{}}"#,
        "iterable",
        &[("get_lists", DENY, "default")],
    ),
    (
        "unlisted: hide is what it is without",
        r#"{"version":"1","default":"deny","unlisted":"hide","tools":{}}"#,
        "iterable",
        &[("get_lists", HIDE, "default")],
    ),
    (
        "listed = allowed, even under default = deny",
        r#"{"version":"1","default":"deny","tools":{"get_campaigns":{}}}"#,
        "any",
        &[("get_campaigns", ALLOW, "tools.get_campaigns"), ("get_lists", HIDE, "default")],
    ),
    (
        "action: allow, deny (stays visible, every call refused), hide, require_approval",
        r#"{"version":"1","default":"allow","tools":{"a":{"action":"allow"},"b":{"action":"deny"},"c":{"action":"hide"},"d":{"action":"require_approval"}}}"#,
        "any",
        &[("a", ALLOW, "tools.a"), ("b", DENY, "tools.b"), ("c", HIDE, "tools.c"), ("d", ASK, "tools.d")],
    ),
    (
        "hide: the list comes first, before the tool's own entry",
        r#"{"version":"1","default":"deny","hide":["a","b_*"],"tools":{"a":{"action":"allow"},"b_x":{},"c":{}}}"#,
        "any",
        &[("a", HIDE, "hide[0]"), ("b_x", HIDE, "hide[1]"), ("c", ALLOW, "tools.c")],
    ),
    (
        "the exact name under tools, else the glob with the longest literal text, else default",
        r#"{"version":"1","default":"deny","tools":{"get_*":{},"get_user_*":{"action":"deny"},"get_user_fields":{"action":"require_approval"}}}"#,
        "any",
        &[
            ("get_lists", ALLOW, "tools.\"get_*\""),
            ("get_user_by_email", DENY, "tools.\"get_user_*\""),
            ("get_user_fields", ASK, "tools.get_user_fields"),
            ("list_experiments", HIDE, "default"),
        ],
    ),
    (
        "exact beats glob, also where the glob hides",
        r#"{"version":"1","default":"deny","tools":{"delete_*":{"action":"hide"},"delete_draft":{}}}"#,
        "any",
        &[("delete_draft", ALLOW, "tools.delete_draft"), ("delete_list", HIDE, "tools.\"delete_*\"")],
    ),
    (
        "globs: *, ?, [a-z], {a,b}",
        r#"{"version":"1","default":"deny","tools":{"a*z":{},"b?":{},"c[0-9x]":{},"{get,list}_it{,s}":{}}}"#,
        "any",
        &[
            ("az", ALLOW, "tools.\"a*z\""),
            ("a/b/z", ALLOW, "tools.\"a*z\""),
            ("azb", HIDE, "default"),
            ("bé", ALLOW, "tools.\"b?\""),
            ("b", HIDE, "default"),
            ("c7", ALLOW, "tools.\"c[0-9x]\""),
            ("cx", ALLOW, "tools.\"c[0-9x]\""),
            ("cy", HIDE, "default"),
            ("get_it", ALLOW, "tools.\"{get,list}_it{,s}\""),
            ("list_its", ALLOW, "tools.\"{get,list}_it{,s}\""),
            ("put_it", HIDE, "default"),
        ],
    ),
    (
        "names and globs match case-sensitively",
        r#"{"version":"1","default":"deny","tools":{"Get_*":{},"List":{}}}"#,
        "any",
        &[("get_x", HIDE, "default"), ("Get_x", ALLOW, "tools.\"Get_*\""), ("list", HIDE, "default")],
    ),
    (
        "a backslash takes the next character as it is",
        r#"{"version":"1","default":"deny","tools":{"a\\*b":{},"c\\[*":{}}}"#,
        "any",
        &[("a*b", ALLOW, r#"tools."a\\*b""#), ("axb", HIDE, "default"), ("c[1", ALLOW, r#"tools."c\\[*""#)],
    ),
    (
        "a document that only hides is a patch: its hide is added, the built-in rules go on, default covers all others",
        r#"{"version":"1","default":"deny","hide":["cancel_export_job"]}"#,
        "iterable",
        &[
            ("cancel_export_job", HIDE, "hide[0]"),
            ("get_lists", ALLOW, "builtin:tools.get_lists"),
            ("send_campaign", ASK, "builtin:tools.send_campaign"),
            ("delete_list", HIDE, "builtin:tools.delete_list"),
            ("newer_than_the_catalogue", HIDE, "default"),
        ],
    ),
    (
        "a patch's hide comes before the built-in rules",
        r#"{"version":"1","default":"deny","hide":["get_*"]}"#,
        "iterable",
        &[("get_lists", HIDE, "hide[0]"), ("list_experiments", ALLOW, "builtin:tools.list_experiments")],
    ),
    (
        "a patch's unlisted covers all others",
        r#"{"version":"1","default":"deny","unlisted":"deny","hide":[]}"#,
        "iterable",
        &[("newer", DENY, "default"), ("get_lists", ALLOW, "builtin:tools.get_lists")],
    ),
    (
        "with default = allow no built-in rule is needed and everything else is allowed",
        r#"{"version":"1","default":"allow","hide":["cancel_export_job"]}"#,
        "iterable",
        &[
            ("cancel_export_job", HIDE, "hide[0]"),
            ("send_campaign", ALLOW, "default"),
            ("delete_list", ALLOW, "default"),
        ],
    ),
    (
        "a patch for a server without a built-in policy: default covers everything",
        r#"{"version":"1","default":"deny","hide":["x"]}"#,
        "elsewhere",
        &[("x", HIDE, "hide[0]"), ("get_lists", HIDE, "default")],
    ),
    (
        "a document with tools, even empty, stands alone: tools {} under default = deny refuses every tool",
        r#"{"version":"1","default":"deny","hide":["cancel_export_job"],"tools":{}}"#,
        "iterable",
        &[("cancel_export_job", HIDE, "hide[0]"), ("get_lists", HIDE, "default")],
    ),
    (
        "description and $schema say nothing about tools",
        r#"{"$schema":"./policy.schema.json","version":"1","description":"For the team","default":"allow"}"#,
        "any",
        &[("x", ALLOW, "default")],
    ),
];

#[test]
fn every_sentence_holds_in_every_format() {
    for (sentence, document, server_name, expected) in ROWS {
        for (format, text) in formats::all(document) {
            let policy = valid(format, &text, server_name);
            for (tool, effect, rule) in *expected {
                let decision = policy.decide_tool(tool);
                let found = (decision.effect.as_str(), decision.rule, decision.file);
                assert_eq!(found, (*effect, *rule, Some("test")), "{sentence}: {tool} in {format:?}\n{text}");
            }
        }
    }
}

/// Sentence, document, and the codes of its errors in the order of the document.
const ERRORS: &[(&str, &str, &[&str])] = &[
    ("version is required", r#"{"default":"deny"}"#, &["missing-key"]),
    ("default is required", r#"{"version":"1"}"#, &["missing-key"]),
    ("version: only \"1\"", r#"{"version":"2","default":"deny"}"#, &["bad-version"]),
    ("version is a string", r#"{"version":1,"default":"deny"}"#, &["bad-version"]),
    ("default is allow or deny", r#"{"version":"1","default":"Deny"}"#, &["bad-value"]),
    ("unlisted is hide or deny", r#"{"version":"1","default":"deny","unlisted":"allow"}"#, &["bad-value"]),
    ("unknown keys are errors", r#"{"version":"1","default":"deny","hid":[]}"#, &["unknown-key"]),
    (
        "unknown keys of an entry are errors",
        r#"{"version":"1","default":"deny","tools":{"a":{"acton":"deny"}}}"#,
        &["unknown-key"],
    ),
    (
        "bad globs are errors",
        r#"{"version":"1","default":"deny","hide":["a["],"tools":{"{a":{}}}"#,
        &["bad-glob", "bad-glob"],
    ),
    ("an empty name is no name", r#"{"version":"1","default":"deny","hide":[""]}"#, &["bad-glob"]),
    (
        "a name with a blank around it or a newline in it, as YAML's `|` leaves one, would match nothing",
        r#"{"version":"1","default":"allow","hide":["delete_list ","delete_*\n"," a"],"tools":{"a\u0000":{}}}"#,
        &["bad-glob", "bad-glob", "bad-glob", "bad-glob"],
    ),
    (
        "ties between globs are errors",
        r#"{"version":"1","default":"deny","tools":{"get_*":{},"*_get":{}}}"#,
        &["ambiguous-glob"],
    ),
    (
        "reason and on_deny are the same word",
        r#"{"version":"1","default":"deny","tools":{"a":{"on_deny":"x","reason":"y"}}}"#,
        &["conflicting-keys"],
    ),
    (
        "the same tool in two spellings",
        r#"{"version":"1","default":"deny","tools":{"a-b":{},"a\\-b":{"action":"deny"}}}"#,
        &["duplicate-key"],
    ),
    (
        "a limit has max and window",
        r#"{"version":"1","default":"deny","tools":{"a":{"limits":[{"max":1},{"window":1}]}}}"#,
        &["missing-key", "missing-key"],
    ),
    (
        "window is seconds, a word, or a number with a unit",
        r#"{"version":"1","default":"deny","tools":{"a":{"limits":[{"max":1,"window":0},{"max":1,"window":"minutes"},{"max":1,"window":1.5},{"max":1,"window":"-1s"},{"max":1,"window":"400d"},{"max":1,"window":true}]}}}"#,
        &["bad-window", "bad-window", "bad-window", "bad-window", "bad-window", "bad-window"],
    ),
    (
        "only minute, hour and day are aligned to the calendar",
        r#"{"version":"1","default":"deny","tools":{"a":{"limits":[{"max":1,"window":"90s","align":"calendar"},{"max":1,"window":"second","align":"calendar"}],"rules":[{"rate_limit":"5/2h"}]}}}"#,
        &["bad-window", "bad-window", "bad-window"],
    ),
    (
        "a rate is how many, a slash and a window",
        r#"{"version":"1","default":"deny","tools":{"b":{"rate_limit":"/minute"},"c":{"rate_limit":"10/"},"d":{"rate_limit":"-1/minute"},"e":{"rate_limit":"1e400/minute"},"a":{"rate_limit":"10"}}}"#,
        &["bad-rate", "bad-rate", "bad-rate", "bad-rate", "bad-rate"],
    ),
    (
        "an amount is zero or more, and finite",
        r#"{"version":"1","default":"deny","tools":{"a":{"limits":[{"max":-1,"window":1},{"max":1e300,"window":1},{"max":0.0000000001,"window":1},{"max":1,"window":1,"increment":-1}]}}}"#,
        &["bad-amount", "bad-amount", "bad-amount", "bad-amount"],
    ),
    (
        "the same counter twice in one entry",
        r#"{"version":"1","default":"deny","tools":{"a":{"limits":[{"max":1,"window":1,"counter":"n"},{"max":2,"window":2,"counter":"n"}]}}}"#,
        &["duplicate-counter"],
    ),
    (
        "the same counter twice, once in a rule",
        r#"{"version":"1","default":"deny","tools":{"a":{"limits":[{"max":1,"window":1,"counter":"n"}],"rules":[{"conditions":[{"path":"state.a.n","op":"lte","value":1}],"state":{"counter":"n","window":"day"}}]}}}"#,
        &["duplicate-counter"],
    ),
    (
        "a counter that is named as another limit's own",
        r#"{"version":"1","default":"deny","tools":{"a":{"limits":[{"max":1,"window":1},{"max":1,"window":1,"counter":"limits[0]"}]}}}"#,
        &["duplicate-counter"],
    ),
    (
        "a counter that is named as the limit of a later rule",
        r#"{"version":"1","default":"deny","tools":{"a":{"limits":[{"max":1,"window":1,"counter":"rules[0]"}],"rules":[{"rate_limit":"5/hour"}]}}}"#,
        &["duplicate-counter"],
    ),
    (
        "increment is said once",
        r#"{"version":"1","default":"deny","tools":{"a":{"limits":[{"max":1,"window":1,"increment":1,"increment_from":"args.n"}]}}}"#,
        &["conflicting-keys"],
    ),
    (
        "an amount is one value",
        r#"{"version":"1","default":"deny","tools":{"a":{"limits":[{"max":1,"window":1,"increment_from":"args.n[*]"}]}}}"#,
        &["bad-path"],
    ),
    (
        "spend_limit needs amount_from",
        r#"{"version":"1","default":"deny","tools":{"a":{"spend_limit":"$5/day"}}}"#,
        &["missing-key"],
    ),
    (
        "amount_from needs spend_limit",
        r#"{"version":"1","default":"deny","tools":{"a":{"amount_from":"args.n"}}}"#,
        &["conflicting-keys"],
    ),
    (
        "bad paths",
        r#"{"version":"1","default":"deny","tools":{"a":{"require":[{"path":"n","op":"eq","value":1},{"path":"args","op":"eq","value":1},{"path":"args..n","op":"eq","value":1},{"path":"args.n[-1]","op":"eq","value":1}]}}}"#,
        &["bad-path", "bad-path", "bad-path", "bad-path"],
    ),
    (
        "bad operators",
        r#"{"version":"1","default":"deny","tools":{"a":{"deny_if":[{"conditions":[{"path":"args.n","op":"=","value":1}]},{"conditions":[{"path":"args.n","op":"EQ","value":1}]}]}}}"#,
        &["bad-operator", "bad-operator"],
    ),
    (
        "bad regexes",
        r#"{"version":"1","default":"deny","tools":{"a":{"deny_if":[{"conditions":[{"path":"args.n","op":"regex","value":"("}]},{"conditions":[{"path":"args.n","op":"regex","value":"(a)\\1"}]},{"conditions":[{"path":"args.n","op":"not_regex","value":"(((a{1000}){1000}){1000})"}]}]}}}"#,
        &["bad-regex", "bad-regex", "bad-regex"],
    ),
    (
        "a path and an operator that are both wrong are both told",
        r#"{"version":"1","default":"deny","tools":{"a":{"require":[{"path":"n","op":"is","value":1}]}}}"#,
        &["bad-operator", "bad-path"],
    ),
    (
        "a group has conditions",
        r#"{"version":"1","default":"deny","tools":{"a":{"deny_if":[{"on_deny":"x"}],"require":[{}],"approve_if":[{"match":"any"}]}}}"#,
        &["missing-key", "missing-key", "missing-key"],
    ),
    (
        "when is reserved",
        r#"{"version":"1","default":"deny","tools":{"a":{"deny_if":[{"conditions":[],"when":"x"}],"when":"x"}}}"#,
        &["unknown-key", "unknown-key"],
    ),
    (
        "all_tools takes no action and no class",
        r#"{"version":"1","default":"allow","all_tools":{"action":"deny","class":"read"}}"#,
        &["unknown-key", "unknown-key"],
    ),
    (
        "tools.\"*\" takes no action and no class",
        r#"{"version":"1","default":"allow","tools":{"*":{"action":"deny","class":"read"}}}"#,
        &["unknown-key", "unknown-key"],
    ),
    (
        "all_tools in two places",
        r#"{"version":"1","default":"allow","all_tools":{},"tools":{"*":{}}}"#,
        &["conflicting-keys"],
    ),
    (
        "there are five classes",
        r#"{"version":"1","default":"allow","classes":{"reads":{},"risky":{}}}"#,
        &["unknown-key", "unknown-key"],
    ),
    (
        "a rule asks about the counter that it keeps",
        r#"{"version":"1","default":"deny","tools":{"a":{"rules":[{"conditions":[{"path":"state.a.spent","op":"lte","value":1}],"state":{"counter":"spend","window":"day"}}]}}}"#,
        &["bad-path"],
    ),
    (
        "a rule asks for something",
        r#"{"version":"1","default":"deny","tools":{"a":{"rules":[{"name":"x"},{"action":"deny","conditions":[]},{"state":{"counter":"n","window":"day"}},{"conditions":[{"path":"state.a.n","op":"lte","value":1}]}]}}}"#,
        &["missing-key", "conflicting-keys", "no-maximum", "missing-key"],
    ),
    (
        "a counter is asked with lt and lte",
        r#"{"version":"1","default":"deny","tools":{"a":{"rules":[{"conditions":[{"path":"state.a.n","op":"gt","value":1}],"state":{"counter":"n","window":"day"}}]}}}"#,
        &["bad-operator"],
    ),
    (
        "types: tools is a table, hide a list",
        r#"{"version":"1","default":"deny","hide":"a","tools":["a"]}"#,
        &["wrong-type", "wrong-type"],
    ),
    ("types: an entry is a table", r#"{"version":"1","default":"deny","tools":{"a":"deny"}}"#, &["wrong-type"]),
    (
        "types: names are strings",
        r#"{"version":"1","default":"deny","hide":[1,true,1.5,["a"],{"a":"b"}]}"#,
        &["wrong-type"; 5],
    ),
    (
        "types: the words are strings",
        r#"{"version":true,"default":1,"unlisted":false,"description":[],"tools":{"a":{"action":1,"reason":{}}}}"#,
        &["wrong-type", "wrong-type", "wrong-type", "wrong-type", "wrong-type", "bad-version"],
    ),
];

#[test]
fn every_error_is_reported_at_once_and_alike_in_every_format() {
    for (sentence, document, expected) in ERRORS {
        let mut messages = None;
        for (format, text) in formats::all(document) {
            let loaded = load(format, &text, "any");
            assert!(loaded.policy.is_none(), "{sentence}: {text}");
            assert_eq!(codes(&loaded, Severity::Error), *expected, "{sentence} in {format:?}: {text}");
            let said: Vec<_> = loaded.diagnostics.into_iter().map(|one| (one.message, one.hint)).collect();
            assert!(said.iter().all(|(_, hint)| hint.is_some()), "every error says what to do: {said:?}");
            assert_eq!(messages.get_or_insert(said.clone()), &said, "{sentence} in {format:?}");
        }
    }
}

const WARNINGS: &[(&str, &str, &str, &[&str])] = &[
    ("nothing is allowed", r#"{"version":"1","default":"deny","tools":{}}"#, "iterable", &["nothing-allowed"]),
    (
        "nothing is allowed where no entry allows",
        r#"{"version":"1","default":"deny","tools":{"get_lists":{"action":"deny"}}}"#,
        "iterable",
        &["nothing-allowed"],
    ),
    (
        "nothing is allowed where all is hidden",
        r#"{"version":"1","default":"deny","hide":["*"]}"#,
        "iterable",
        &["nothing-allowed"],
    ),
    (
        "a patch of a server that nobody knows",
        r#"{"version":"1","default":"deny","hide":["x"]}"#,
        "elsewhere",
        &["nothing-allowed"],
    ),
    (
        "names that may be read as others",
        r#"{"version":"1","default":"deny","tools":{"gеt_a":{},"get\u200b_b":{},"gет_*":{},"get_日本ひらカタ":{},"получить":{},"ｇｅｔ":{}}}"#,
        "elsewhere",
        &["deceptive-name", "deceptive-name", "deceptive-name"],
    ),
    (
        "a tool both hidden and listed",
        r#"{"version":"1","default":"deny","hide":["get_l*"],"tools":{"get_lists":{},"get_users":{}}}"#,
        "any",
        &["hidden-and-listed"],
    ),
    (
        "an entry that no known tool matches",
        r#"{"version":"1","default":"deny","tools":{"get_list":{},"get_lists":{}}}"#,
        "iterable",
        &["no-such-tool"],
    ),
    (
        "names of a server that nobody knows are not compared",
        r#"{"version":"1","default":"deny","tools":{"get_list":{}}}"#,
        "elsewhere",
        &[],
    ),
    (
        "a condition on an argument that the tool's schema does not have",
        r#"{"version":"1","default":"deny","tools":{"start_export_job":{"deny_if":[{"conditions":[{"path":"args.dataType","op":"eq","value":"user"},{"path":"args.dataTypeName","op":"eq","value":"user"}]}]}}}"#,
        "iterable",
        &["no-such-argument"],
    ),
    (
        "a preview that is not allowed",
        r#"{"version":"1","default":"deny","tools":{"send_campaign":{"action":"require_approval","preview":{"tool":"get_campaign"}}}}"#,
        "iterable",
        &["useless-preview"],
    ),
    (
        "a preview that is no read",
        r#"{"version":"1","default":"deny","tools":{"create_list":{},"send_campaign":{"action":"require_approval","preview":{"tool":"create_list"}}}}"#,
        "iterable",
        &["useless-preview"],
    ),
    (
        "a glob that no known tool matches",
        r#"{"version":"1","default":"deny","hide":["remove_*"]}"#,
        "iterable",
        &["no-such-tool"],
    ),
    (
        "a destructive tool that is allowed",
        r#"{"version":"1","default":"deny","tools":{"delete_list":{}}}"#,
        "iterable",
        &["destructive-allowed"],
    ),
    ("default = allow", r#"{"version":"1","default":"allow"}"#, "elsewhere", &["default-allow"]),
    (
        "unlisted under default = allow",
        r#"{"version":"1","default":"allow","unlisted":"hide"}"#,
        "elsewhere",
        &["default-allow", "no-effect"],
    ),
    (
        "asking a person needs no warning",
        r#"{"version":"1","default":"deny","tools":{"delete_list":{"action":"require_approval"}}}"#,
        "iterable",
        &[],
    ),
    (
        "a limit is enough for a destructive tool, and so is all_tools'",
        r#"{"version":"1","default":"deny","tools":{"delete_list":{"rate_limit":"1/day"}}}"#,
        "iterable",
        &[],
    ),
    (
        "a destructive tool that a rule always refuses is not allowed",
        r#"{"version":"1","default":"deny","tools":{"get_lists":{},"delete_list":{"rules":[{"action":"deny"}]}}}"#,
        "iterable",
        &[],
    ),
    (
        "nothing is allowed where all_tools always refuses",
        r#"{"version":"1","default":"deny","all_tools":{"deny_if":[{"conditions":[]}]},"tools":{"get_lists":{}}}"#,
        "iterable",
        &["nothing-allowed"],
    ),
    (
        "a class that allows what destroys",
        r#"{"version":"1","default":"deny","classes":{"read":{},"destructive":{}}}"#,
        "iterable",
        &["destructive-allowed"],
    ),
    (
        "[*] in deny_if and approve_if holds only if every element matches",
        r#"{"version":"1","default":"deny","tools":{"a":{"deny_if":[{"conditions":[{"path":"args.to[*]","op":"eq","value":"x"}]},{"path":"args.to[*].id","op":"glob","value":"x"}],"approve_if":{"path":"args.to[*]","op":"lt","value":1}},"b":{"require":[{"path":"args.to[*]","op":"neq","value":"x"}]}}}"#,
        "elsewhere",
        &["every-element", "every-element", "every-element"],
    ),
    (
        "entries of sections that may be read as others",
        r#"{"version":"1","default":"deny","tools":{"a":{}},"resources":{"file:///srv/rерorts/**":{},"file:///srv/отчёты/q1.csv":{},"file:///srv/%E2%80%8Bx":{}},"prompts":{"wеekly":{}},"methods":{"x-vendоr/a":{}}}"#,
        "elsewhere",
        &["deceptive-name", "deceptive-name", "deceptive-name", "deceptive-name"],
    ),
    (
        "resources that nothing matches",
        r#"{"version":"1","default":"deny","tools":{"a":{}},"resources":{"/srv/a":{},"srv/*":{},"C:/srv/*":{},"file:///srv//b*":{},"file:///srv/c./*":{},"file:///srv/{d,e /f}*":{},"*":{"action":"deny"},"HTTPS://Example.com:443/*":{},"db:*":{},"file:///srv//g":{},"*.jsonl":{},"note[0-9]:x":{}}}"#,
        "elsewhere",
        &["matches-nothing"; 5],
    ),
    (
        "requests that no server sends, or that have another name here",
        r#"{"version":"1","default":"deny","tools":{"a":{}},"requests":{"sampling":{},"samplin":{},"elicitation/create":{},"roots/*":{},"tools/call":{},"ping":{},"Roots/list":{},"notifications/progress":{},"tasks/get":{},"x-vendor/ask":{},"samp*":{"action":"deny"},"*":{"action":"deny"}}}"#,
        "elsewhere",
        &["no-effect", "no-effect", "no-effect", "no-effect", "no-such-request", "no-effect"],
    ),
    (
        "methods that another part of the policy decides about",
        r#"{"version":"1","default":"deny","tools":{"a":{}},"methods":{"tools/call":{},"tools/*":{},"initialize":{},"sampling/createMessage":{},"Tools/call":{},"*/list":{},"x-vendor/*":{},"tasks/*":{},"skills/get":{},"*":{"action":"deny"}}}"#,
        "elsewhere",
        &["no-effect"; 7],
    ),
    (
        "conditions on what is never there",
        r#"{"version":"1","default":"deny","tools":{"a":{"require":{"path":"uri","op":"exists","value":true}},"b":{}},"resources":{"db:*":{"require":{"path":"args.x","op":"exists","value":true}},"file:*":{"require":{"path":"uri","op":"exists","value":true}}},"prompts":{"p":{"deny_if":{"path":"uri","op":"eq","value":"x"}},"q":{"deny_if":{"path":"args.x","op":"eq","value":"x"}}}}"#,
        "elsewhere",
        &["no-such-argument", "no-such-argument", "no-such-argument"],
    ),
    (
        "sections that only allow where everything is allowed",
        r#"{"version":"1","default":"allow","resources":{"file:///srv/**":{}},"prompts":{"p*":{}},"requests":{"roots":{}},"methods":{"x/a":{},"x/*":{"action":"deny"}}}"#,
        "elsewhere",
        &["default-allow", "no-effect", "no-effect", "no-effect"],
    ),
    (
        "sections under the built-in policy, and the prompt of a hidden tool",
        r#"{"version":"1","default":"deny","hide":["delete_list"],"resources":{"file:///srv/**":{}},"prompts":{"delete_list":{}},"requests":{"roots":{"rate_limit":"1/day"}},"methods":{"x/*":{}}}"#,
        "iterable",
        &[],
    ),
    (
        "what passes beside tool calls is allowed",
        r#"{"version":"1","default":"deny","tools":{},"resources":{"file:///srv/**":{}}}"#,
        "elsewhere",
        &[],
    ),
    (
        "what the server may request is nothing that the agent may do",
        r#"{"version":"1","default":"deny","tools":{},"requests":{"roots":{}}}"#,
        "elsewhere",
        &["nothing-allowed"],
    ),
    (
        "the promise of the three lines needs no warning",
        r#"{"version":"1","default":"deny","hide":["cancel_export_job"]}"#,
        "iterable",
        &[],
    ),
];

#[test]
fn warnings_do_not_stop_loading() {
    for (sentence, document, server_name, expected) in WARNINGS {
        for (format, text) in formats::all(document) {
            let loaded = load(format, &text, server_name);
            assert!(loaded.policy.is_some(), "{sentence}: {:#?}", loaded.diagnostics);
            assert_eq!(codes(&loaded, Severity::Warning), *expected, "{sentence} in {format:?}: {text}");
        }
    }
}

#[test]
fn reasons_are_the_authors_words_under_either_key() {
    for key in ["reason", "on_deny"] {
        let document = format!(
            r#"{{"version":"1","default":"deny","tools":{{"a":{{"action":"deny","{key}":"Ask Ana: 日本"}}}}}}"#
        );
        for (format, text) in formats::all(&document) {
            let policy = valid(format, &text, "any");
            assert_eq!(policy.decide_tool("a").reason, Some("Ask Ana: 日本"));
            assert_eq!(policy.decide_tool("b").reason, None);
        }
    }
}

#[test]
fn a_byte_order_mark_changes_nothing() {
    for (format, text) in formats::all(r#"{"version":"1","default":"allow","hid":[]}"#) {
        let (plain, marked) = (load(format, &text, "any"), load(format, &format!("\u{feff}{text}"), "any"));
        assert_eq!(plain.diagnostics, marked.diagnostics);
        assert_eq!(codes(&marked, Severity::Error), ["unknown-key"]);
    }
}

#[test]
fn duplicate_keys_are_errors_in_every_format() {
    let toml =
        "version = \"1\"\ndefault = \"deny\"\ndefault = \"allow\"\n[tools.a]\naction = \"deny\"\naction = \"allow\"\n";
    let json =
        r#"{"version":"1","default":"deny","d\u0065fault":"allow","tools":{"a":{"action":"deny","action":"allow"}}}"#;
    let yaml = "version: '1'\ndefault: deny\n\"default\": allow\ntools:\n  a: {action: deny, action: allow}\n";
    for (format, text) in [(Format::Toml, toml), (Format::Json, json), (Format::Yaml, yaml)] {
        let loaded = load(format, text, "any");
        assert_eq!(codes(&loaded, Severity::Error), ["duplicate-key"; 2], "{format:?} {:#?}", loaded.diagnostics);
        assert!(loaded.policy.is_none());
    }
}

#[test]
fn yaml_means_what_it_shows() {
    let refused = [
        ("a: &x 1", "yaml-feature"),
        ("hide: *x", "yaml-feature"),
        ("<<: {default: allow}", "yaml-feature"),
        ("default: !!str deny", "yaml-feature"),
        ("default: deny\n---\ndefault: allow", "yaml-feature"),
        ("? [a]\n: b", "syntax"),
        ("default: [", "syntax"),
        ("version: 1", "bad-version"),
        ("version: 1.0", "bad-version"),
        ("default: yes", "bad-value"),
        ("default: ~", "wrong-type"),
        ("tools:\n  get_lists:\n", "wrong-type"),
        ("", "wrong-type"),
        ("- a", "wrong-type"),
    ];
    for (text, code) in refused {
        let loaded = load(Format::Yaml, text, "any");
        assert!(codes(&loaded, Severity::Error).contains(&code), "{text}: {:#?}", loaded.diagnostics);
        assert!(loaded.policy.is_none());
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = [
        (Format::Json, format!("{{\"hide\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000))),
        (Format::Yaml, format!("hide: {}{}", "[".repeat(100_000), "]".repeat(100_000))),
        (Format::Toml, format!("hide = {}{}", "[".repeat(100_000), "]".repeat(100_000))),
        (Format::Toml, format!("{}a = 1", "a.".repeat(100_000))),
        (Format::Yaml, (0..2_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect()),
        (Format::Json, "[".repeat(100_000)),
        (Format::Json, format!("{{\"hide\":{}{}}}", "[".repeat(40), "]".repeat(40))),
        (Format::Yaml, format!("hide: {}{}", "[".repeat(40), "]".repeat(40))),
        (Format::Toml, format!("hide = {}{}", "[".repeat(40), "]".repeat(40))),
    ];
    for (format, text) in deep {
        let loaded = load(format, &text, "any");
        assert!(loaded.policy.is_none() && !loaded.diagnostics.is_empty(), "{format:?}");
        assert!(
            !policy::render_diagnostics(&Source::new("deep", format, text), &loaded.diagnostics, policy::Colour::Plain)
                .is_empty()
        );
    }
    let many_errors = format!("{{\"version\":\"1\",\"default\":\"deny\",\"hide\":[{}0]}}", "0,".repeat(100_000));
    let loaded = load(Format::Json, &many_errors, "any");
    assert_eq!(loaded.diagnostics.len(), policylayer::limits::MAX_DIAGNOSTICS + 1);
    assert_eq!(
        loaded.diagnostics.last().map(|last| last.message.as_str()),
        Some("there are 99901 more errors and warnings")
    );
    let many_globs = format!("{{\"version\":\"1\",\"default\":\"deny\",\"hide\":[{}\"a*\"]}}", "\"b*\",".repeat(512));
    assert_eq!(codes(&load(Format::Json, &many_globs, "any"), Severity::Error), ["too-many-globs"]);
}

#[test]
fn prompts_named_after_tools_follow_them() {
    use ToolSeen::{Tool, Unknown};
    let deny = r#"{"version":"1","default":"deny","tools":{}}"#;
    let rows = [
        (r#"{"version":"1","default":"deny","hide":["a"]}"#, "a", Unknown, Some((Effect::Hide, "hide[0]"))),
        (r#"{"version":"1","default":"allow","hide":["a*"]}"#, "ab", Unknown, Some((Effect::Hide, "hide[0]"))),
        (
            r#"{"version":"1","default":"allow","tools":{"a":{"action":"hide"}}}"#,
            "a",
            Unknown,
            Some((Effect::Hide, "tools.a")),
        ),
        (
            r#"{"version":"1","default":"allow","tools":{"a":{"action":"hide"}}}"#,
            "b",
            Tool,
            Some((Effect::Allow, "default")),
        ),
        (
            r#"{"version":"1","default":"deny","tools":{"a":{"action":"deny"}}}"#,
            "a",
            Tool,
            Some((Effect::Deny, "tools.a")),
        ),
        (r#"{"version":"1","default":"deny","tools":{"a":{}}}"#, "a", Unknown, Some((Effect::Allow, "tools.a"))),
        // Nobody knows whether there is a tool of this name.
        (r#"{"version":"1","default":"deny","tools":{"a*":{}}}"#, "ab", Unknown, None),
        (deny, "get_lists", Unknown, Some((Effect::Hide, "default"))),
        (deny, "a_prompt", Unknown, None),
        (deny, "a_prompt", Tool, Some((Effect::Hide, "default"))),
        (
            r#"{"version":"1","default":"deny","unlisted":"deny","tools":{}}"#,
            "get_lists",
            Tool,
            Some((Effect::Deny, "default")),
        ),
    ];
    for (document, prompt, seen, expected) in rows {
        let policy = valid(Format::Json, document, "iterable");
        assert_eq!(
            policy.decide_prompt_of_tool(prompt, seen).map(|decision| (decision.effect, decision.rule)),
            expected,
            "{document} {prompt} {seen:?}"
        );
    }
}

#[test]
fn the_summary_says_what_is_in_force() {
    let rows = [
        (
            r#"{"version":"1","default":"deny","hide":["get_lists"]}"#,
            "iterable",
            Mode::Patch,
            Some((120, 78, 21, 0, 21)),
        ),
        (
            r#"{"version":"1","default":"allow","hide":["get_lists"]}"#,
            "iterable",
            Mode::Patch,
            Some((120, 119, 0, 0, 1)),
        ),
        (
            r#"{"version":"1","default":"deny","tools":{"get_*":{"action":"require_approval"}}}"#,
            "iterable",
            Mode::Standalone,
            Some((120, 0, 40, 0, 80)),
        ),
        (r#"{"version":"1","default":"deny"}"#, "elsewhere", Mode::Standalone, None),
    ];
    for (document, server_name, mode, tools) in rows {
        let policy = valid(Format::Json, document, server_name);
        let summary = policy.summarize();
        assert_eq!(summary.mode, mode);
        assert_eq!(summary.file, Some("test"));
        let found = summary.tools.map(|t| (t.known, t.allowed, t.asking, t.refused, t.hidden));
        assert_eq!(found, tools, "{document}");
        assert!(summary.tools.is_none_or(|tally| tally.count_visible() + tally.hidden == tally.known));
    }
}

#[test]
fn the_summary_counts_what_the_sections_say() {
    let rows = [
        (
            r#"{"version":"1","default":"deny","tools":{},"resources":{"file:///{a,b}/**":{},"db:*":{"action":"require_approval"}},"requests":{"roots":{}},"methods":{"x/*":{"action":"hide"},"y":{"action":"deny"}}}"#,
            [
                "1 allowed, 1 asks a person; otherwise refused",
                "refused",
                "1 allowed; otherwise refused",
                "2 refused; otherwise refused",
            ],
        ),
        (
            r#"{"version":"1","default":"deny","hide":["a"],"requests":{"sampling":{"action":"deny"}}}"#,
            [
                "allowed if the server lists them; for others, a person is asked",
                "allowed, unless named after a hidden tool",
                "1 refused; otherwise allowed",
                "a person is asked",
            ],
        ),
        (
            r#"{"version":"1","default":"allow","prompts":{"a":{},"b":{"action":"deny"}}}"#,
            [
                "allowed",
                "1 allowed, 1 refused; otherwise allowed, unless named after a hidden tool",
                "allowed",
                "allowed",
            ],
        ),
    ];
    for (document, expected) in rows {
        let policy = valid(Format::Json, document, "elsewhere");
        let described = Section::ALL.map(|section| policy.tally_section(section).describe());
        assert_eq!(described, expected, "{document}");
    }
}

#[test]
fn the_shipped_policy_decides_every_tool_of_the_catalogue_by_its_class() {
    let iterable = server("iterable");
    let catalogue = Catalogue::for_server(&iterable).expect("the catalogue of iterable");
    assert_eq!(catalogue.tools().len(), 120);
    let builtin = policy::builtin_policy(&Server::by_name(&iterable));
    for tool in catalogue.tools() {
        let Decision { effect, rule, reason, file } = builtin.decide_tool(&tool.name);
        let wanted = match tool.class {
            Class::Read => Effect::Allow,
            Class::Write => Effect::Allow,
            Class::Execute => Effect::RequireApproval,
            Class::Destructive | Class::Financial => Effect::Hide,
        };
        assert_eq!((effect, rule, file), (wanted, format!("builtin:tools.{}", tool.name).as_str(), None));
        assert_eq!(reason.is_some(), wanted != Effect::Allow, "{}: a refusal has a reason", tool.name);
    }
    for (name, rule) in [
        ("newer_than_the_catalogue", "builtin:classes.execute"),
        ("get_what_is_newer", "builtin:classes.execute"),
        ("delete_what_is_newer", "builtin:classes.destructive"),
    ] {
        let newer = builtin.decide_tool(name);
        assert_eq!((newer.effect, newer.rule), (Effect::RequireApproval, rule), "{name}");
    }
    let newer = builtin.decide_tool("newer_than_the_catalogue");
    assert!(newer.reason.is_some_and(|reason| reason.contains("newer")));
    assert_eq!(builtin.summarize().mode, Mode::Builtin);
}

#[test]
fn the_shipped_policy_is_an_ordinary_document_without_a_warning() {
    let text = include_str!("../../config/policies/iterable.toml");
    let loaded = load(Format::Toml, text, "iterable");
    assert_eq!(codes(&loaded, Severity::Error), [] as [&str; 0]);
    assert_eq!(codes(&loaded, Severity::Warning), [] as [&str; 0]);
    assert!(loaded.policy.is_some());
}

#[test]
fn of_a_server_without_a_policy_what_is_surely_a_read_passes_and_all_else_asks() {
    let builtin = policy::builtin_policy(&Server::by_name(&server("weather")));
    for (name, listing, effect, rule) in [
        ("get_forecast", Listing::NotAsked, Effect::Allow, "read"),
        ("get_forecast", Listing::As(Class::Read), Effect::Allow, "read"),
        ("get_forecast", Listing::As(Class::Destructive), Effect::RequireApproval, "destructive"),
        // It may be anything: the server has not said that there is such a tool.
        ("get_forecast", Listing::Missing, Effect::RequireApproval, "execute"),
        ("frobnicate", Listing::NotAsked, Effect::RequireApproval, "execute"),
    ] {
        let decision = builtin.decide_tool(ToolRef { listing, ..name.into() });
        let path = format!("builtin:classes.{rule}");
        assert_eq!(
            (decision.effect, decision.rule, decision.file),
            (effect, path.as_str(), None),
            "{name} {listing:?}"
        );
    }
    let prompt = builtin.decide_prompt_of_tool("get_forecast", ToolSeen::Tool);
    assert_eq!(prompt.map(|decision| decision.effect), Some(Effect::RequireApproval));
}
