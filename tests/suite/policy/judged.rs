//! What the language says about arguments, limits and classes: one row a sentence, each row in all three formats.

use policylayer::policy::{Format, Policy, Scope, Window};

use super::{ALLOW, ASK, DENY, HIDE, formats, valid};

/// A tool with its arguments, the effect, the rule, and the limits that the call counts against.
type Call = (&'static str, &'static str, &'static str, &'static [&'static str]);

/// Sentence, document, server, calls.
type Row = (&'static str, &'static str, &'static str, &'static [Call]);

const ROWS: &[Row] = &[
    // Which rule applies.
    (
        "hide comes before everything, also before all_tools",
        r#"{"version":"1","default":"allow","hide":["a"],"all_tools":{"deny_if":[{"conditions":[]}]},"tools":{"a":{"deny_if":[{"conditions":[]}]}}}"#,
        "any",
        &[("a {}", HIDE, "hide[0]", &[]), ("b {}", DENY, "all_tools.deny_if[0]", &[])],
    ),
    (
        "action = hide is the same as the list",
        r#"{"version":"1","default":"allow","all_tools":{"rate_limit":"1/minute"},"tools":{"a":{"action":"hide","deny_if":[{"conditions":[]}]}}}"#,
        "any",
        &[("a {}", HIDE, "tools.a", &[])],
    ),
    (
        "exact, else the longest glob, else the class, else default",
        r#"{"version":"1","default":"deny","tools":{"get_lists":{"rate_limit":"1/minute"},"get_*":{"rate_limit":"2/minute"},"get_user_*":{"rate_limit":"3/minute"}},"classes":{"read":{"rate_limit":"4/minute"},"write":{}}}"#,
        "iterable",
        &[
            ("get_lists {}", ALLOW, "tools.get_lists", &["tools.get_lists.rate_limit"]),
            ("get_user_by_email {}", ALLOW, "tools.\"get_user_*\"", &["tools.\"get_user_*\".rate_limit"]),
            ("get_campaigns {}", ALLOW, "tools.\"get_*\"", &["tools.\"get_*\".rate_limit"]),
            ("list_experiments {}", ALLOW, "classes.read", &["classes.read.rate_limit"]),
            ("update_user {}", ALLOW, "classes.write", &[]),
            ("send_campaign {}", HIDE, "default", &[]),
        ],
    ),
    (
        "one entry: the rules of the others do not add to it",
        r#"{"version":"1","default":"allow","tools":{"a":{},"a*":{"action":"deny"}},"classes":{"execute":{"action":"deny"}}}"#,
        "any",
        &[
            ("a {}", ALLOW, "tools.a", &[]),
            ("ab {}", DENY, "tools.\"a*\"", &[]),
            ("b {}", DENY, "classes.execute", &[]),
        ],
    ),
    (
        "every class has its rule",
        r#"{"version":"1","default":"deny","classes":{"read":{},"write":{"action":"deny"},"execute":{"action":"require_approval"},"destructive":{"action":"hide"},"financial":{"action":"deny","reason":"Money."}},"tools":{"pay":{"class":"financial"}}}"#,
        "iterable",
        &[
            ("get_lists {}", ALLOW, "classes.read", &[]),
            ("update_user {}", DENY, "classes.write", &[]),
            ("send_campaign {}", ASK, "classes.execute", &[]),
            ("delete_list {}", HIDE, "classes.destructive", &[]),
            ("pay {}", DENY, "classes.financial", &[]),
        ],
    ),
    (
        "a tool that nothing is known of counts as one that executes",
        r#"{"version":"1","default":"allow","classes":{"read":{},"execute":{"action":"deny"}}}"#,
        "iterable",
        &[("newer_tool {}", DENY, "classes.execute", &[])],
    ),
    (
        "a class without a rule falls to default",
        r#"{"version":"1","default":"deny","classes":{"read":{}}}"#,
        "iterable",
        &[("update_user {}", HIDE, "default", &[]), ("get_lists {}", ALLOW, "classes.read", &[])],
    ),
    (
        "empty classes stand alone",
        r#"{"version":"1","default":"deny","hide":["x"],"classes":{}}"#,
        "iterable",
        &[("get_lists {}", HIDE, "default", &[])],
    ),
    (
        "class overrides the tool's class, by name and by glob, and an entry that says nothing else takes its rule",
        r#"{"version":"1","default":"deny","classes":{"read":{"rate_limit":"9/minute"},"destructive":{"action":"hide"}},"tools":{"send_campaign":{"class":"read"},"get_l*":{"class":"destructive"}}}"#,
        "iterable",
        &[
            ("send_campaign {}", ALLOW, "classes.read", &["classes.read.rate_limit"]),
            ("get_lists {}", HIDE, "classes.destructive", &[]),
            ("get_campaigns {}", ALLOW, "classes.read", &["classes.read.rate_limit"]),
        ],
    ),
    (
        "an entry that says more than the class is the one that applies",
        r#"{"version":"1","default":"deny","classes":{"destructive":{"action":"hide"}},"tools":{"a":{"class":"destructive","reason":"Mine."}}}"#,
        "any",
        &[("a {}", ALLOW, "tools.a", &[])],
    ),
    (
        "without classes, an entry with only a class allows: it is listed",
        r#"{"version":"1","default":"deny","tools":{"a":{"class":"destructive"}}}"#,
        "any",
        &[("a {}", ALLOW, "tools.a", &[])],
    ),
    // All tools.
    (
        "all_tools applies on top of every tool's own rule",
        r#"{"version":"1","default":"allow","all_tools":{"limits":[{"max":60,"window":"minute"}]},"tools":{"a":{"rate_limit":"5/hour"}},"classes":{"read":{"rate_limit":"7/hour"}}}"#,
        "iterable",
        &[
            ("a {}", ALLOW, "tools.a", &["tools.a.rate_limit", "all_tools.limits[0]"]),
            ("get_lists {}", ALLOW, "classes.read", &["classes.read.rate_limit", "all_tools.limits[0]"]),
            ("b {}", ALLOW, "default", &["all_tools.limits[0]"]),
        ],
    ),
    (
        "tools.\"*\" is the same thing, under its own path",
        r#"{"version":"1","default":"allow","tools":{"*":{"rules":[{"name":"all","rate_limit":"60/minute"}]},"a":{}}}"#,
        "any",
        &[("a {}", ALLOW, "tools.a", &["tools.\"*\".rules[0]"]), ("b {}", ALLOW, "default", &["tools.\"*\".rules[0]"])],
    ),
    (
        "all_tools can only restrict and does not rescue an unlisted tool",
        r#"{"version":"1","default":"deny","tools":{"*":{"require":[{"conditions":[]}]},"a":{}}}"#,
        "any",
        &[("b {}", HIDE, "default", &[]), ("a {}", ALLOW, "tools.a", &[])],
    ),
    (
        "all_tools does not lift a refusal either",
        r#"{"version":"1","default":"allow","all_tools":{"rate_limit":"60/minute"},"tools":{"a":{"action":"deny"}}}"#,
        "any",
        &[("a {}", DENY, "tools.a", &[])],
    ),
    (
        "the tool's own refusal stands before that of all_tools",
        r#"{"version":"1","default":"allow","all_tools":{"deny_if":[{"conditions":[{"path":"args.x","op":"eq","value":1}]}]},"tools":{"a":{"require":[{"path":"args.x","op":"eq","value":2}]}}}"#,
        "any",
        &[
            ("a {\"x\":1}", DENY, "tools.a.require[0]", &[]),
            ("b {\"x\":1}", DENY, "all_tools.deny_if[0]", &[]),
            ("a {\"x\":2}", ALLOW, "tools.a", &[]),
        ],
    ),
    (
        "all_tools asks a person too",
        r#"{"version":"1","default":"allow","all_tools":{"approve_if":[{"conditions":[{"path":"args.live","op":"eq","value":true}]}]},"tools":{"a":{}}}"#,
        "any",
        &[("a {\"live\":true}", ASK, "all_tools.approve_if[0]", &[]), ("a {\"live\":false}", ALLOW, "tools.a", &[])],
    ),
    (
        "a patch may have all_tools: they restrict the built-in rules as well",
        r#"{"version":"1","default":"deny","hide":["get_lists"],"all_tools":{"rate_limit":"60/minute"}}"#,
        "iterable",
        &[
            ("get_lists {}", HIDE, "hide[0]", &[]),
            ("get_campaigns {}", ALLOW, "builtin:tools.get_campaigns", &["all_tools.rate_limit"]),
            (
                "update_user {}",
                ALLOW,
                "builtin:tools.update_user",
                &["builtin:tools.update_user.rate_limit", "all_tools.rate_limit"],
            ),
            ("newer_tool {}", HIDE, "default", &[]),
        ],
    ),
    (
        "a patch keeps what the built-in policy says of arguments",
        r#"{"version":"1","default":"deny","hide":["get_lists"]}"#,
        "iterable",
        &[
            ("get_catalog_items {\"catalogName\":\"..\"}", DENY, "builtin:tools.get_catalog_items.deny_if[0]", &[]),
            ("get_catalog_items {\"catalogName\":\"Shoes\"}", ALLOW, "builtin:tools.get_catalog_items", &[]),
        ],
    ),
    (
        "hide with classes is no patch",
        r#"{"version":"1","default":"deny","hide":["get_lists"],"classes":{"write":{}}}"#,
        "iterable",
        &[("get_campaigns {}", HIDE, "default", &[]), ("update_user {}", ALLOW, "classes.write", &[])],
    ),
    // The order inside an entry.
    (
        "deny, deny_if, require, rules, limits, approval: the first refusal decides",
        r#"{"version":"1","default":"deny","tools":{"denied":{"action":"deny","deny_if":[{"conditions":[]}]},"a":{"action":"require_approval","approve_if":[{"conditions":[]}],"rate_limit":"5/minute","rules":[{"conditions":[{"path":"args.c","op":"eq","value":1}]}],"require":[{"path":"args.b","op":"eq","value":1}],"deny_if":[{"conditions":[{"path":"args.a","op":"neq","value":1}]}]}}}"#,
        "any",
        &[
            ("denied {}", DENY, "tools.denied", &[]),
            ("a {}", DENY, "tools.a.deny_if[0]", &[]),
            ("a {\"a\":1}", DENY, "tools.a.require[0]", &[]),
            ("a {\"a\":1,\"b\":1}", DENY, "tools.a.rules[0]", &[]),
            ("a {\"a\":1,\"b\":1,\"c\":1}", ASK, "tools.a", &["tools.a.rate_limit"]),
        ],
    ),
    (
        "of several groups the first that refuses is named",
        r#"{"version":"1","default":"deny","tools":{"a":{"deny_if":[{"conditions":[{"path":"args.t","op":"eq","value":"x"}]},{"conditions":[{"path":"args.t","op":"starts_with","value":"x"}]}],"require":[{"conditions":[{"path":"args.t","op":"exists","value":true}]},{"conditions":[{"path":"args.t","op":"len_lte","value":2}]}]}}}"#,
        "any",
        &[
            ("a {\"t\":\"x\"}", DENY, "tools.a.deny_if[0]", &[]),
            ("a {\"t\":\"xy\"}", DENY, "tools.a.deny_if[1]", &[]),
            ("a {}", DENY, "tools.a.require[0]", &[]),
            ("a {\"t\":\"yyy\"}", DENY, "tools.a.require[1]", &[]),
            ("a {\"t\":\"yy\"}", ALLOW, "tools.a", &[]),
        ],
    ),
    // Keys of an entry.
    (
        "deny_if: refused when all the group's conditions hold; an empty list holds always",
        r#"{"version":"1","default":"deny","tools":{"a":{"deny_if":[{"conditions":[{"path":"args.x","op":"eq","value":1},{"path":"args.y","op":"eq","value":2}]}]},"b":{"deny_if":[{"conditions":[],"on_deny":"Never."}]},"c":{"deny_if":[]}}}"#,
        "any",
        &[
            ("a {\"x\":1,\"y\":2}", DENY, "tools.a.deny_if[0]", &[]),
            ("a {\"x\":1,\"y\":3}", ALLOW, "tools.a", &[]),
            ("a {\"x\":1}", ALLOW, "tools.a", &[]),
            ("b {}", DENY, "tools.b.deny_if[0]", &[]),
            ("c {}", ALLOW, "tools.c", &[]),
        ],
    ),
    (
        "match = any joins a group's conditions with or",
        r#"{"version":"1","default":"deny","tools":{"a":{"deny_if":[{"match":"any","conditions":[{"path":"args.x","op":"eq","value":1},{"path":"args.y","op":"eq","value":2}]}]},"b":{"require":[{"match":"any","conditions":[{"path":"args.x","op":"eq","value":1},{"path":"args.y","op":"eq","value":2}]}]},"c":{"deny_if":[{"match":"any","conditions":[]}]}}}"#,
        "any",
        &[
            ("a {\"x\":1}", DENY, "tools.a.deny_if[0]", &[]),
            ("a {\"y\":2}", DENY, "tools.a.deny_if[0]", &[]),
            ("a {}", ALLOW, "tools.a", &[]),
            ("b {\"y\":2,\"x\":\"1\"}", ALLOW, "tools.b", &[]),
            ("b {}", DENY, "tools.b.require[0]", &[]),
            ("c {}", DENY, "tools.c.deny_if[0]", &[]),
        ],
    ),
    (
        "require: the same shape, or a bare condition; refused unless every group holds",
        r#"{"version":"1","default":"deny","tools":{"a":{"require":[{"path":"args.x","op":"gte","value":1},{"conditions":[{"path":"args.x","op":"lte","value":5}]}]},"b":{"require":{"path":"args.x","op":"eq","value":"y","on_deny":"Only y."}}}}"#,
        "any",
        &[
            ("a {\"x\":5}", ALLOW, "tools.a", &[]),
            ("a {\"x\":0}", DENY, "tools.a.require[0]", &[]),
            ("a {\"x\":6}", DENY, "tools.a.require[1]", &[]),
            ("a {}", DENY, "tools.a.require[0]", &[]),
            ("b {\"x\":\"y\"}", ALLOW, "tools.b", &[]),
            ("b {}", DENY, "tools.b.require", &[]),
        ],
    ),
    (
        "approve_if: a match asks a person instead of refusing; the limits are still the call's",
        r#"{"version":"1","default":"deny","tools":{"a":{"rate_limit":"5/minute","approve_if":[{"conditions":[{"path":"args.n","op":"gt","value":10}]}]}}}"#,
        "any",
        &[
            ("a {\"n\":11}", ASK, "tools.a.approve_if[0]", &["tools.a.rate_limit"]),
            ("a {\"n\":10}", ALLOW, "tools.a", &["tools.a.rate_limit"]),
            ("a {\"n\":\"10\"}", ASK, "tools.a.approve_if[0]", &["tools.a.rate_limit"]),
            ("a {}", ALLOW, "tools.a", &["tools.a.rate_limit"]),
        ],
    ),
    (
        "approval_timeout says how long to wait, and nothing of whether",
        r#"{"version":"1","default":"deny","tools":{"a":{"action":"require_approval","approval_timeout":"10m"},"b":{"approval_timeout":"10m"}}}"#,
        "any",
        &[("a {}", ASK, "tools.a", &[]), ("b {}", ALLOW, "tools.b", &[])],
    ),
    (
        "limits: all of them, in order, rate_limit and spend_limit among them",
        r#"{"version":"1","default":"deny","tools":{"a":{"rate_limit":{"max":10,"window":60},"limits":[{"max":1,"window":"second"},{"max":9,"window":"2h","counter":"n","scope":"server","on_deny":"Enough."}],"spend_limit":"$500/day","amount_from":"args.amount"}}}"#,
        "any",
        &[(
            "a {\"amount\":1}",
            ALLOW,
            "tools.a",
            &["tools.a.rate_limit", "tools.a.limits[0]", "tools.a.limits[1]", "tools.a.spend_limit"],
        )],
    ),
    // Conditions.
    (
        "types do not coerce: what cannot be judged refuses, in deny_if and in require",
        r#"{"version":"1","default":"deny","tools":{"a":{"deny_if":[{"conditions":[{"path":"args.n","op":"gt","value":100}]}]},"b":{"require":[{"path":"args.n","op":"lte","value":100}]}}}"#,
        "any",
        &[
            ("a {\"n\":100}", ALLOW, "tools.a", &[]),
            ("a {\"n\":\"20000\"}", DENY, "tools.a.deny_if[0]", &[]),
            ("a {\"n\":[1]}", DENY, "tools.a.deny_if[0]", &[]),
            ("a {\"n\":null}", DENY, "tools.a.deny_if[0]", &[]),
            ("b {\"n\":\"5\"}", DENY, "tools.b.require[0]", &[]),
            ("b {\"n\":5}", ALLOW, "tools.b", &[]),
        ],
    ),
    (
        "integers compare exactly at any size, save those that are one double",
        r#"{"version":"1","default":"deny","tools":{"a":{"deny_if":[{"conditions":[{"path":"args.n","op":"eq","value":9007199254740993}]}]}}}"#,
        "any",
        &[
            ("a {\"n\":9007199254740994}", ALLOW, "tools.a", &[]),
            ("a {\"n\":9007199254740992}", DENY, "tools.a.deny_if[0]", &[]),
            ("a {\"n\":9007199254740993.0}", DENY, "tools.a.deny_if[0]", &[]),
        ],
    ),
    (
        "a missing path: require refuses, in deny_if only the negative operators hold",
        r#"{"version":"1","default":"deny","tools":{"eq":{"deny_if":[{"conditions":[{"path":"args.x","op":"eq","value":1}]}]},"neq":{"deny_if":[{"conditions":[{"path":"args.x","op":"neq","value":1}]}]},"not_in":{"deny_if":[{"conditions":[{"path":"args.x","op":"not_in","value":[1]}]}]},"not_regex":{"deny_if":[{"conditions":[{"path":"args.x","op":"not_regex","value":"a"}]}]},"not_contains":{"deny_if":[{"conditions":[{"path":"args.x","op":"not_contains","value":"a"}]}]},"absent":{"deny_if":[{"conditions":[{"path":"args.x","op":"exists","value":false}]}]},"req":{"require":[{"path":"args.x","op":"neq","value":1}]}}}"#,
        "any",
        &[
            ("eq {}", ALLOW, "tools.eq", &[]),
            ("neq {}", DENY, "tools.neq.deny_if[0]", &[]),
            ("not_in {}", DENY, "tools.not_in.deny_if[0]", &[]),
            ("not_regex {}", DENY, "tools.not_regex.deny_if[0]", &[]),
            ("not_contains {}", DENY, "tools.not_contains.deny_if[0]", &[]),
            ("absent {}", DENY, "tools.absent.deny_if[0]", &[]),
            ("req {}", DENY, "tools.req.require[0]", &[]),
            ("req {\"x\":2}", ALLOW, "tools.req", &[]),
        ],
    ),
    (
        "paths: dots descend, brackets index, quotes take any key",
        r#"{"version":"1","default":"deny","tools":{"a":{"require":[{"path":"args.items[0].id","op":"eq","value":1}]},"b":{"require":[{"path":"args.\"a.b\"","op":"eq","value":1}]},"c":{"require":[{"path":"args.o.p","op":"eq","value":1}]}}}"#,
        "any",
        &[
            ("a {\"items\":[{\"id\":1},{\"id\":2}]}", ALLOW, "tools.a", &[]),
            ("a {\"items\":[]}", DENY, "tools.a.require[0]", &[]),
            ("b {\"a.b\":1}", ALLOW, "tools.b", &[]),
            ("b {\"a\":{\"b\":1}}", DENY, "tools.b.require[0]", &[]),
            ("c {\"o\":{\"p\":1}}", ALLOW, "tools.c", &[]),
        ],
    ),
    (
        "[*]: the condition must hold for every element; an empty list does not hold",
        r#"{"version":"1","default":"deny","tools":{"a":{"require":[{"path":"args.to[*]","op":"ends_with","value":"@example.com"}]}}}"#,
        "any",
        &[
            ("a {\"to\":[\"x@example.com\",\"y@example.com\"]}", ALLOW, "tools.a", &[]),
            ("a {\"to\":[\"x@example.com\",\"y@example.org\"]}", DENY, "tools.a.require[0]", &[]),
            ("a {\"to\":[]}", DENY, "tools.a.require[0]", &[]),
            ("a {\"to\":\"x@example.com\"}", DENY, "tools.a.require[0]", &[]),
            ("a {}", DENY, "tools.a.require[0]", &[]),
        ],
    ),
    (
        "every operator",
        r#"{"version":"1","default":"deny","tools":{"t":{"require":[{"path":"args.eq","op":"eq","value":"a"},{"path":"args.neq","op":"neq","value":"a"},{"path":"args.in","op":"in","value":["a","b"]},{"path":"args.not_in","op":"not_in","value":["a","b"]},{"path":"args.lt","op":"lt","value":5},{"path":"args.lte","op":"lte","value":5},{"path":"args.gt","op":"gt","value":5},{"path":"args.gte","op":"gte","value":5},{"path":"args.regex","op":"regex","value":"^a+$"},{"path":"args.not_regex","op":"not_regex","value":"a"},{"path":"args.contains","op":"contains","value":"a"},{"path":"args.not_contains","op":"not_contains","value":"a"},{"path":"args.starts","op":"starts_with","value":"a"},{"path":"args.ends","op":"ends_with","value":"a"},{"path":"args.exists","op":"exists","value":true},{"path":"args.glob","op":"glob","value":"a*"},{"path":"args.len_lte","op":"len_lte","value":2},{"path":"args.len_gte","op":"len_gte","value":2},{"path":"args.under","op":"under","value":"/srv/data"}]}}}"#,
        "any",
        &[
            (
                r#"t {"eq":"a","neq":"b","in":"b","not_in":"c","lt":4,"lte":5,"gt":6,"gte":5,"regex":"aa","not_regex":"b","contains":"bab","not_contains":"b","starts":"ab","ends":"ba","exists":null,"glob":"abc","len_lte":"ab","len_gte":[1,2],"under":"/srv/data/a"}"#,
                ALLOW,
                "tools.t",
                &[],
            ),
            (
                r#"t {"eq":"a","neq":"b","in":"b","not_in":"c","lt":4,"lte":5,"gt":6,"gte":5,"regex":"aa","not_regex":"b","contains":"bab","not_contains":"b","starts":"ab","ends":"ba","exists":null,"glob":"abc","len_lte":"ab","len_gte":[1,2],"under":"/srv/data/../etc"}"#,
                DENY,
                "tools.t.require[18]",
                &[],
            ),
        ],
    ),
    // Intercept's rules.
    (
        "rules: in order; a rule refuses unless its conditions hold; action = deny refuses always",
        r#"{"version":"1","default":"allow","tools":{"charge":{"rules":[{"name":"cap","action":"evaluate","conditions":[{"path":"args.amount","op":"lte","value":500}],"on_deny":"Over the cap."},{"name":"euro","conditions":[{"path":"args.currency","op":"in","value":["eur"]}]}]},"drop":{"rules":[{"name":"never","action":"deny","on_deny":"Gone is gone."}]}}}"#,
        "any",
        &[
            ("charge {\"amount\":501,\"currency\":\"usd\"}", DENY, "tools.charge.rules[0]", &[]),
            ("charge {\"amount\":500,\"currency\":\"usd\"}", DENY, "tools.charge.rules[1]", &[]),
            ("charge {\"amount\":500,\"currency\":\"eur\"}", ALLOW, "tools.charge", &[]),
            ("drop {}", DENY, "tools.drop.rules[0]", &[]),
        ],
    ),
    (
        "a rule's counters are limits under the rule's path; its other conditions still ask",
        r#"{"version":"1","default":"allow","tools":{"charge":{"rules":[{"name":"spend","conditions":[{"path":"state.charge.spent","op":"lte","value":100},{"path":"args.test","op":"eq","value":false}],"state":{"counter":"spent","window":"day","increment_from":"args.amount"}},{"name":"hourly","rate_limit":"5/hour"}]}}}"#,
        "any",
        &[
            ("charge {\"amount\":1}", DENY, "tools.charge.rules[0]", &[]),
            (
                "charge {\"amount\":1,\"test\":false}",
                ALLOW,
                "tools.charge",
                &["tools.charge.rules[0]", "tools.charge.rules[1]"],
            ),
        ],
    ),
    // The hosted documents.
    (
        "hosted JSON: hide, all_tools.limits, tools.NAME.{require,deny_if,limits}",
        r#"{"version":"1","default":"deny","hide":["delete_list"],"all_tools":{"limits":[{"counter":"calls","window":"hour","max":500,"scope":"grant"}]},"tools":{"start_export_job":{"require":[{"conditions":[{"path":"args.startDateTime","op":"exists","value":true}]}],"deny_if":[{"conditions":[{"path":"args.dataTypeName","op":"eq","value":"user"}],"on_deny":"No profiles."}],"limits":[{"counter":"export_rate","window":"minute","max":10,"scope":"grant"}]}}}"#,
        "iterable",
        &[
            ("delete_list {}", HIDE, "hide[0]", &[]),
            ("start_export_job {\"dataTypeName\":\"user\"}", DENY, "tools.start_export_job.deny_if[0]", &[]),
            ("start_export_job {\"dataTypeName\":\"push\"}", DENY, "tools.start_export_job.require[0]", &[]),
            (
                "start_export_job {\"dataTypeName\":\"push\",\"startDateTime\":\"2026-01-01\"}",
                ALLOW,
                "tools.start_export_job",
                &["tools.start_export_job.limits[0]", "all_tools.limits[0]"],
            ),
            ("get_lists {}", HIDE, "default", &[]),
        ],
    ),
];

#[test]
fn every_sentence_about_calls_holds_in_every_format() {
    for (sentence, document, server_name, calls) in ROWS {
        for (format, text) in formats::all(document) {
            let policy = valid(format, &text, server_name);
            for (call, effect, rule, limits) in *calls {
                let (tool, arguments) = call.split_once(' ').expect("a tool and its arguments");
                let judgement = policy.judge_call(tool, arguments);
                let counted: Vec<&str> = judgement.limits().map(|limit| limit.rule.as_str()).collect();
                let found = (judgement.decision.effect.as_str(), judgement.decision.rule, counted.as_slice());
                assert_eq!(found, (*effect, *rule, *limits), "{sentence}: {call} in {format:?}\n{text}");
            }
        }
    }
}

/// The one limit of a tool `a` whose entry is this.
fn limit(entry: &str, describe: impl Fn(&policylayer::policy::Limit) -> String) -> String {
    let document = format!(r#"{{"version":"1","default":"deny","tools":{{"a":{entry}}}}}"#);
    let mut found = None;
    for (format, text) in formats::all(&document) {
        let policy: Policy = valid(format, &text, "any");
        let judgement = policy.judge_call("a", "{}");
        let limits: Vec<String> = judgement.limits().map(&describe).collect();
        assert_eq!(limits.len(), 1, "{text}");
        assert_eq!(found.get_or_insert(limits.clone()), &limits, "{format:?} {text}");
    }
    found.and_then(|limits| limits.into_iter().next()).expect("a limit")
}

#[test]
fn windows_are_words_seconds_and_units_and_slide_unless_they_are_aligned() {
    for (window, seconds) in [
        ("60", 60),
        ("1", 1),
        ("\"second\"", 1),
        ("\"minute\"", 60),
        ("\"hour\"", 3_600),
        ("\"day\"", 86_400),
        ("\"90s\"", 90),
        ("\"15m\"", 900),
        ("\"2h\"", 7_200),
        ("\"3d\"", 259_200),
    ] {
        let entry = format!(r#"{{"rate_limit":{{"max":10,"window":{window}}}}}"#);
        let found = limit(&entry, |limit| {
            format!("{} sliding {}", limit.window.length().as_secs(), matches!(limit.window, Window::Sliding(_)))
        });
        assert_eq!(found, format!("{seconds} sliding true"), "{window}");
    }
    for (rate, seconds) in [("10/second", 1), ("10/minute", 60), ("10/hour", 3_600), ("10/day", 86_400), ("10/90s", 90)]
    {
        let found = limit(&format!(r#"{{"rate_limit":"{rate}"}}"#), |limit| {
            format!("{} in {}", limit.max, limit.window.length().as_secs())
        });
        assert_eq!(found, format!("10 in {seconds}"), "{rate}");
    }
    for unit in ["minute", "hour", "day", "60s", "60m", "24h"] {
        let entry = format!(r#"{{"limits":[{{"max":1,"window":"{unit}","align":"calendar"}}]}}"#);
        let found = limit(&entry, |limit| matches!(limit.window, Window::Calendar(_)).to_string());
        assert_eq!(found, "true", "{unit}");
    }
}

#[test]
fn scopes_are_session_unless_the_state_store_is_named_by_any_of_its_words() {
    let scope = |limit: &policylayer::policy::Limit| match limit.scope {
        Scope::Session => "session".to_owned(),
        Scope::Client => "client".to_owned(),
        Scope::Server => "server".to_owned(),
    };
    for (entry, expected) in [
        (r#"{"rate_limit":"1/minute"}"#, "session"),
        (r#"{"limits":[{"max":1,"window":1}]}"#, "session"),
        (r#"{"limits":[{"max":1,"window":1,"scope":"session"}]}"#, "session"),
        (r#"{"limits":[{"max":1,"window":1,"scope":"client"}]}"#, "client"),
        (r#"{"limits":[{"max":1,"window":1,"scope":"server"}]}"#, "server"),
        (r#"{"limits":[{"max":1,"window":1,"scope":"grant"}]}"#, "server"),
        (r#"{"rate_limit":{"max":1,"window":1,"scope":"server"}}"#, "server"),
        (r#"{"spend_limit":"$5/day","amount_from":"args.x"}"#, "server"),
        (r#"{"rules":[{"rate_limit":"5/hour"}]}"#, "server"),
        (
            r#"{"rules":[{"conditions":[{"path":"state.a.n","op":"lt","value":3}],"state":{"counter":"n","window":"day"}}]}"#,
            "server",
        ),
    ] {
        assert_eq!(limit(entry, scope), expected, "{entry}");
    }
}

#[test]
fn counters_on_state_let_through_up_to_their_maximum_in_units_of_the_calendar() {
    let describe = |limit: &policylayer::policy::Limit| format!("{} {:?}", limit.max, limit.window);
    for (op, value, max) in [("lte", "5", "5"), ("lt", "5", "4"), ("lt", "5.5", "5"), ("lte", "0.5", "0")] {
        let entry = format!(
            r#"{{"rules":[{{"conditions":[{{"path":"state.a.n","op":"{op}","value":{value}}}],"state":{{"counter":"n","window":"hour"}}}}]}}"#
        );
        assert_eq!(limit(&entry, describe), format!("{max} Calendar(Hour)"), "{op} {value}");
    }
    assert_eq!(limit(r#"{"rules":[{"rate_limit":"5/hour"}]}"#, describe), "5 Calendar(Hour)");
    assert_eq!(limit(r#"{"spend_limit":"$12.50/day","amount_from":"args.x"}"#, describe), "12.5 Calendar(Day)");
}

/// A limit's own words, else its entry's; a group's own words, else its entry's.
#[test]
fn the_nearest_reason_is_given() {
    let document = r#"{"version":"1","default":"deny","tools":{"a":{"reason":"Entry.","limits":[{"max":1,"window":1,"on_deny":"Limit."},{"max":1,"window":1}],"deny_if":[{"conditions":[{"path":"args.x","op":"eq","value":1}],"on_deny":"Group."},{"conditions":[{"path":"args.x","op":"eq","value":2}]},{"path":"args.x","op":"eq","value":3,"reason":"Bare."}],"rules":[{"conditions":[{"path":"args.x","op":"neq","value":4}],"on_deny":"Rule."}]}}}"#;
    for (format, text) in formats::all(document) {
        let policy = valid(format, &text, "any");
        let said = |arguments: &str| policy.judge_call("a", arguments).decision.reason.map(str::to_owned);
        assert_eq!(said(r#"{"x":1}"#).as_deref(), Some("Group."));
        assert_eq!(said(r#"{"x":2}"#).as_deref(), Some("Entry."));
        assert_eq!(said(r#"{"x":3}"#).as_deref(), Some("Bare."));
        assert_eq!(said(r#"{"x":4}"#).as_deref(), Some("Rule."));
        let judgement = policy.judge_call("a", r#"{"x":9}"#);
        let limits: Vec<_> = judgement.limits().map(|limit| limit.reason.as_deref()).collect();
        assert_eq!(limits, [Some("Limit."), Some("Entry.")]);
    }
}

/// Limits that share a counter would also share its window: the shorter one would forget what the longer one counts.
#[test]
fn each_limit_of_an_entry_has_a_counter_of_its_own() {
    for entry in [
        r#"{"rules":[{"rate_limit":"5/minute","spend_limit":"$500/day","amount_from":"args.amount"}]}"#,
        r#"{"rules":[{"rate_limit":"5/minute","conditions":[{"path":"state.a.n","op":"lte","value":9}],"state":{"counter":"n","window":"day"}},{"rate_limit":"5/hour"}]}"#,
        r#"{"rate_limit":"5/minute","limits":[{"max":9,"window":"day"},{"max":5,"window":60}],"spend_limit":"$5/day","amount_from":"args.amount","rules":[{"spend_limit":"$5/hour","amount_from":"args.amount"}]}"#,
    ] {
        let text = format!(r#"{{"version":"1","default":"deny","tools":{{"a":{entry}}}}}"#);
        let policy = valid(Format::Json, &text, "any");
        let counters: Vec<_> = policy.judge_call("a", "{}").limits().map(|limit| limit.counter.clone()).collect();
        let apart: std::collections::BTreeSet<_> = counters.iter().collect();
        assert!(counters.len() > 1 && apart.len() == counters.len(), "{entry}: {counters:?}");
    }
}

/// A tool that no arguments get through is refused also where only its name is asked about, and it stays visible.
#[test]
fn what_refuses_always_refuses_the_tool() {
    let rows = [
        (
            r#"{"deny_if":[{"conditions":[{"path":"args.x","op":"eq","value":1}]},{"conditions":[]}]}"#,
            DENY,
            "tools.a.deny_if[1]",
        ),
        (r#"{"rules":[{"rate_limit":"5/hour"},{"action":"deny"}]}"#, DENY, "tools.a.rules[1]"),
        (r#"{"action":"require_approval","rules":[{"action":"deny"}]}"#, DENY, "tools.a.rules[0]"),
        (r#"{"action":"hide","rules":[{"action":"deny"}]}"#, HIDE, "tools.a"),
        (r#"{"approve_if":[{"conditions":[]}]}"#, ALLOW, "tools.a"),
        (r#"{"require":[{"path":"args.x","op":"eq","value":1}]}"#, ALLOW, "tools.a"),
    ];
    for (entry, effect, rule) in rows {
        let document = format!(r#"{{"version":"1","default":"allow","tools":{{"a":{entry}}}}}"#);
        for (format, text) in formats::all(&document) {
            let policy = valid(format, &text, "any");
            let decision = policy.decide_tool("a");
            assert_eq!((decision.effect.as_str(), decision.rule), (effect, rule), "{format:?} {text}");
        }
    }
}
