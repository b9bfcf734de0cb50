//! The writer: one policy in three formats, each of which says what was planned, whatever a server says about itself.
//!
//! `UPDATE_GOLDEN=1 cargo test --lib init::` rewrites tests/golden/init; read the difference before you keep it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::document::{Origin, ServerPlan, Verified, verify_policy, write_policy};
use super::items::ItemPlan;
use super::plan::{Answer, Answers, Known, PlannedTool, plan_tools};
use crate::engine::find_item;
use crate::policy::{
    self, Effect, Format, Listing, Policy, Section, Server, ServerName, Source, ToolGlob, ToolRef, as_json,
    builtin_policy,
};
use crate::probe::ServerOffer;
use crate::risk::{Catalogue, Class, Confidence, Knowledge, Listed, Profile, profile_tool};

const FORMATS: [(Format, &str); 3] = [(Format::Toml, "toml"), (Format::Json, "json"), (Format::Yaml, "yaml")];

fn server(name: &str) -> Server {
    Server::by_name(&ServerName::parse(name).unwrap())
}

fn origin(server: &Server) -> Origin<'_> {
    Origin { server, catalogue: None, calls_itself: "shop\n\u{1b}[2Jserver 2.1", day: "2026-11-22" }
}

fn tool<'t>(name: &'t str, description: &'t str) -> Listed<'t> {
    Listed { description: Some(Cow::Borrowed(description)), ..Listed::with_name(name) }
}

fn profile(class: Class, source: Knowledge) -> Profile {
    Profile {
        class,
        severity: class.risk(),
        irreversible: class == Class::Destructive,
        why: Cow::Borrowed("Its name begins with a word for that.\n[tools.x]"),
        source,
        ..profile_tool(None, &Listed::with_name("get_it"))
    }
}

const SURE: Knowledge = Knowledge::Classifier(Confidence::High);
const GUESSED: Knowledge = Knowledge::Classifier(Confidence::Low);

/// Tools of a server without a catalogue, some of them hostile.
fn shop(answers: &Answers) -> Vec<PlannedTool> {
    let known = Known::of_server(&server("shop"));
    let breaking = "Reads.\n[tools.delete_shop]\naction = \"allow\"";
    let quoting = "x\" Harmless. \"\u{2028}default = \"allow\"\u{85}hide: []";
    [
        (tool("get_stock", "Returns what is in stock. And more, e.g. prices."), Class::Read, SURE),
        (tool("echo", breaking), Class::Read, SURE),
        (tool("no", quoting), Class::Read, SURE),
        (tool("get customer", "  Looks \t up a customer, e.g. by e-mail. Then more.  "), Class::Read, SURE),
        (tool("set_price", &"wide \u{5b57}".repeat(40)), Class::Write, SURE),
        (tool("a.b\"c#d", "A name to be quoted!"), Class::Write, SURE),
        (tool("run", ""), Class::Execute, GUESSED),
        (tool("glob*", "\r\n\n# A heading\n"), Class::Execute, SURE),
        (tool("]\ndefault = \"allow\"\n[x", "Cannot be named."), Class::Execute, SURE),
        (tool("\u{202e}evil", "Cannot be named either: {}"), Class::Read, SURE),
        (tool("delete_shop", "Deletes the shop"), Class::Destructive, SURE),
        (tool("pay", "Pays."), Class::Financial, SURE),
    ]
    .into_iter()
    .map(|(tool, class, source)| {
        let mut profile = profile(class, source);
        (profile.pii, profile.sends) = (tool.name == "get customer", tool.name == "run");
        known.plan_tool(&tool, profile, answers)
    })
    .collect()
}

/// A plan with nothing but tools.
fn only(tools: &[PlannedTool]) -> ServerPlan<'_> {
    static NO_ITEMS: LazyLock<ItemPlan> = LazyLock::new(ItemPlan::default);
    ServerPlan { tools, items: &NO_ITEMS, stand_ins: None }
}

const AS_PLANNED: Result<Verified, String> = Ok(Verified { warnings: 0, left_out: 0 });

fn load(text: &str, server: &Server, format: Format) -> Policy {
    let source = Source::new("written", format, text);
    let loaded = policy::load_policy(&source, server);
    let rendered = policy::render_diagnostics(&source, &loaded.diagnostics, policy::Colour::Plain);
    assert!(loaded.diagnostics.is_empty(), "{rendered}\n{text}");
    loaded.policy.unwrap()
}

fn value(text: &str, format: Format) -> Value {
    serde_json::from_str(&as_json(&Source::new("written", format, text)).unwrap()).unwrap()
}

fn check_golden(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/init").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, text).unwrap();
    }
    assert_eq!(fs::read_to_string(&file).unwrap_or_default(), text, "{name}");
}

#[test]
fn the_three_formats_are_as_they_were() {
    let server = server("shop");
    let plan = shop(&Answers::new());
    for (format, ending) in FORMATS {
        let text = write_policy(&origin(&server), only(&plan), &Answers::new(), format);
        assert_eq!(verify_policy(&text, &server, only(&plan), format), AS_PLANNED, "{text}");
        load(&text, &server, format);
        check_golden(&format!("shop.{ending}"), &text);
        assert!(text.lines().filter(|line| line.contains('#')).all(|line| line.chars().count() <= 122), "{text}");
    }
}

#[test]
fn the_three_formats_say_the_same() {
    for server_name in ["shop", "iterable"] {
        let server = server(server_name);
        let tools: Vec<_> =
            Catalogue::for_server("iterable").unwrap().tools().iter().map(|t| Listed::with_name(&*t.name)).collect();
        let plan =
            if server_name == "shop" { shop(&Answers::new()) } else { plan_tools(&server, &tools, &Answers::new()) };
        let [toml, json, yaml] = FORMATS
            .map(|(format, _)| value(&write_policy(&origin(&server), only(&plan), &Answers::new(), format), format));
        assert_eq!(toml, json);
        assert_eq!(json, yaml);
        assert_eq!(json["default"], "deny");
        let named = plan.iter().filter(|tool| tool.key.is_ok()).count();
        assert_eq!(json["tools"].as_object().unwrap().len(), named);
    }
}

fn every_answer() -> impl Iterator<Item = (Class, Answer)> {
    Class::ALL.into_iter().flat_map(|class| Answer::answers_for(class).map(move |answer| (class, answer)))
}

#[test]
fn each_answer_is_what_happens_to_its_class_and_to_no_other() {
    let server = server("shop");
    let recommended = shop(&Answers::new());
    for (class, answer) in every_answer() {
        let answers = Answers::from([(class, answer)]);
        let plan = shop(&answers);
        for (format, _) in FORMATS {
            let text = write_policy(&origin(&server), only(&plan), &answers, format);
            assert_eq!(verify_policy(&text, &server, only(&plan), format), AS_PLANNED, "{class:?} {answer:?}\n{text}");
            let policy = load(&text, &server, format);
            for (tool, before) in plan.iter().zip(&recommended).filter(|(tool, _)| tool.key.is_ok()) {
                let expected = match answer {
                    _ if tool.profile.class != class => before.effect(),
                    Answer::Recommended => before.effect(),
                    Answer::Hide => Effect::Hide,
                    Answer::Deny => Effect::Deny,
                    Answer::Ask => Effect::RequireApproval,
                    Answer::Limit | Answer::Allow => Effect::Allow,
                };
                assert_eq!(policy.decide_tool(&tool.name).effect, expected, "{class:?} {answer:?} {}", tool.name);
                if tool.profile.class == class && matches!(answer, Answer::Limit | Answer::Allow) {
                    let limits = policy.judge_call(&tool.name, "{}").limits().count();
                    assert_eq!(limits, usize::from(answer == Answer::Limit), "{class:?} {answer:?} {}", tool.name);
                }
            }
        }
    }
}

#[test]
fn what_is_recommended_is_not_offered_twice_and_comes_first() {
    for class in Class::ALL {
        let answers: Vec<_> = Answer::answers_for(class).collect();
        let words: BTreeSet<_> = answers.iter().map(|answer| answer.describe_answer(class)).collect();
        assert_eq!((answers[0], words.len(), answers.len()), (Answer::Recommended, 5, 5), "{class:?}");
    }
}

#[test]
fn for_a_server_with_a_catalogue_it_is_no_weaker_than_the_policy_that_is_built_in() {
    let server = server("iterable");
    let builtin = builtin_policy(&server);
    let catalogue = Catalogue::for_server("iterable").unwrap();
    let tools: Vec<_> = catalogue.tools().iter().map(|tool| Listed::with_name(&*tool.name)).collect();
    let mut guarded = 0;
    for (format, _) in FORMATS {
        let plan = plan_tools(&server, &tools, &Answers::new());
        let policy = load(&write_policy(&origin(&server), only(&plan), &Answers::new(), format), &server, format);
        for tool in catalogue.tools() {
            let name = tool.name.as_str();
            assert_eq!(policy.decide_tool(name).effect, builtin.decide_tool(name).effect, "{name}");
            assert_eq!(policy.decide_tool(name).reason, builtin.decide_tool(name).reason, "{name}");
            for odd in [json!(".."), json!("%2e%2E"), json!("a/b"), json!("plain"), json!(7), json!(null)] {
                for argument in catalogue.argument_names(name).unwrap_or_default() {
                    let call = json!({ argument: odd }).to_string();
                    let (new, old) = (policy.judge_call(name, &call), builtin.judge_call(name, &call));
                    assert_eq!(new.decision.effect, old.decision.effect, "{name} {call}");
                    assert_eq!(new.decision.reason, old.decision.reason, "{name} {call}");
                    let limits = |judged: &policy::Judgement<'_>| {
                        judged.limits().map(|limit| (limit.max, limit.window, limit.scope)).collect::<Vec<_>>()
                    };
                    assert_eq!(limits(&new), limits(&old), "{name} {call}");
                    guarded += usize::from(new.decision.effect != policy.decide_tool(name).effect);
                }
            }
        }
    }
    assert!(guarded > 100, "some of these arguments are refused: {guarded}");
}

#[test]
fn guards_stay_whatever_is_answered() {
    let server = server("iterable");
    let tools =
        [Listed::with_name("get_snippet"), Listed::with_name("delete_catalog"), Listed::with_name("create_catalog")];
    for answer in [Answer::Allow, Answer::Limit, Answer::Ask] {
        let answers = Class::ALL.into_iter().map(|class| (class, answer)).collect();
        let plan = plan_tools(&server, &tools, &answers);
        let text = write_policy(&origin(&server), only(&plan), &answers, Format::Toml);
        assert!(verify_policy(&text, &server, only(&plan), Format::Toml).is_ok(), "{text}");
        let policy = policy::load_policy(&Source::new("x", Format::Toml, text), &server).policy.unwrap();
        for (tool, call) in [("get_snippet", r#"{"identifier":".."}"#), ("create_catalog", r#"{"catalogName":".."}"#)] {
            assert_eq!(policy.judge_call(tool, call).decision.effect, Effect::Deny, "{answer:?} {tool}");
        }
    }
}

#[test]
fn what_a_known_server_gains_and_what_it_did_not_list_is_left_to_the_classes() {
    let server = server("iterable");
    let tools = [Listed::with_name("get_lists"), Listed::with_name("get_brand_new")];
    let plan = plan_tools(&server, &tools, &Answers::new());
    for (format, _) in FORMATS {
        let text = write_policy(&origin(&server), only(&plan), &Answers::new(), format);
        assert_eq!(verify_policy(&text, &server, only(&plan), format), AS_PLANNED, "{text}");
        let policy = load(&text, &server, format);
        let effect = |name: &str, listing| policy.decide_tool(ToolRef { listing, ..name.into() }).effect;
        assert_eq!(effect("get_lists", Listing::As(Class::Read)), Effect::Allow);
        for later in ["get_brand_new", "get_campaigns", "send_campaign", "create_list", "whatever"] {
            for listing in [Listing::NotAsked, Listing::Missing, Listing::As(Class::Read)] {
                assert_eq!(effect(later, listing), Effect::RequireApproval, "{later}");
            }
        }
        assert_eq!(effect("delete_list", Listing::Missing), Effect::Hide);
    }
}

#[test]
fn a_tool_that_is_listed_twice_counts_as_the_worse_of_the_two() {
    let server = server("shop");
    let harmless = tool("get_stock", "Reads.");
    let mut worse = tool("get_stock", "Deletes everything.");
    worse.annotations.destructive = Some(true);
    let class = |tool: &Listed<'_>| crate::risk::profile_tool(None, tool).class;
    for tools in [[harmless.clone(), worse.clone()], [worse.clone(), harmless.clone()]] {
        let plan = plan_tools(&server, &tools, &Answers::new());
        assert_eq!(plan.len(), 1);
        assert_eq!(plan[0].profile.class, class(&worse).max(class(&harmless)));
        let text = write_policy(&origin(&server), only(&plan), &Answers::new(), Format::Json);
        assert_eq!(verify_policy(&text, &server, only(&plan), Format::Json), AS_PLANNED);
    }
}

#[test]
fn what_would_not_load_or_not_do_what_was_meant_is_not_written() {
    let server = server("shop");
    let mut plan = shop(&Answers::new());
    let text = write_policy(&origin(&server), only(&plan), &Answers::new(), Format::Toml);
    let error = |text: &str, plan: &[PlannedTool]| verify_policy(text, &server, only(plan), Format::Toml).unwrap_err();
    assert!(error(&text.replace("version", "versoin"), &plan).contains("versoin"));
    let opened = text.replace("[tools.delete_shop]\naction = \"hide\"", "[tools.delete_shop]");
    assert!(opened.len() < text.len());
    assert!(error(&opened, &plan).contains("delete_shop"));
    assert!(error(&format!("{text}#{}", "x".repeat(1024 * 1024)), &plan).contains("1 MiB"));
    // If a class lets through what has no entry.
    plan.retain(|tool| tool.key.is_err());
    let opened = text.replace("[classes.read]\naction = \"require_approval\"", "[classes.read]");
    assert!(error(&opened, &plan).contains("evil"));
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "[a-z_]{1,8}",
        prop::sample::select(vec![
            "\n",
            "\r",
            "\r\n",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "\u{fffe}",
            "\u{0}",
            "\"",
            "'",
            "\"\"\"",
            "# ",
            ": ",
            "- ",
            "]",
            "[tools.x]\n",
            "default = \"allow\"\n",
            "\ndefault: allow\n",
            "\n  x: {}\n",
            "*",
            "\\",
            "{}",
            "&a ",
            "*a",
            "!!str ",
            "...",
            "---\n",
            ". A",
            "null",
            "true",
            "7",
            "\t",
            "<<",
            "? ",
            "%YAML",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// What a server lists beside its tools, some of it hostile.
fn offer() -> ServerOffer {
    let many = (0..120).map(|n| json!({ "uri": format!("memo://notes/2026/{n}"), "name": "a note" }));
    let resources = [
        json!({ "uri": "file:///srv/shop/prices.csv", "name": "prices", "description": "The prices. Of today." }),
        json!({ "uri": "FILE:///srv/shop/x/../stock.csv", "name": "stock\n[tools.delete_shop]" }),
        json!({ "uri": "demo://item/7", "name": "covered by a template" }),
        json!({ "uri": "demo://a*{b}[c]", "name": "x\" harmless \"" }),
        json!({ "uri": "memo://\u{202e}evil", "name": "no key" }),
        json!({ "uri": "ui://shop/stock", "name": "an app of a tool" }),
        json!({ "uri": "\n[tools.delete_shop]\naction = \"allow\"", "name": "no key either" }),
        json!({ "uri": 7 }),
    ];
    let templates = [
        json!({ "uriTemplate": "demo://item/{id}", "name": "item", "description": "An item of the shop." }),
        json!({ "uriTemplate": "demo://item/{other}", "name": "the same" }),
        json!({ "uriTemplate": "db://{table}/schema", "name": "schema" }),
        json!({ "uriTemplate": "file:///{+path}", "name": "any file" }),
        json!({ "uriTemplate": "https://{host}/x", "name": "any host" }),
        json!({ "uriTemplate": "{+anything}", "name": "anything" }),
        json!({ "uriTemplate": "ui://{app}", "name": "apps" }),
        json!({ "uriTemplate": "demo://{open", "name": "not closed" }),
    ];
    let prompts = [
        json!({ "name": "weekly_report", "description": "Writes the report.\ndefault = \"allow\"" }),
        json!({ "name": "get-stock", "description": "Named after a tool." }),
        json!({ "name": "no", "description": "# 1" }),
        json!({ "name": "p*" }),
        json!({ "name": "\u{202e}p" }),
    ];
    let tools = [json!({ "name": "get_stock", "_meta": { "ui": { "resourceUri": "UI://shop/stock" } } })];
    ServerOffer {
        resources: resources.into_iter().chain(many).collect(),
        templates: templates.into(),
        prompts: prompts.into(),
        tools: tools.into(),
        ..ServerOffer::default()
    }
}

fn shop_tools() -> Vec<Listed<'static>> {
    vec![Listed::with_name("get_stock"), Listed::with_name("delete_shop")]
}

#[test]
fn what_is_listed_beside_tools_works_and_nothing_else_does() {
    let server = server("shop");
    let tools = plan_tools(&server, &shop_tools(), &Answers::new());
    let items = ItemPlan::new(&offer(), &shop_tools());
    let plan = ServerPlan { tools: &tools, items: &items, stand_ins: None };
    let mut documents = Vec::new();
    for (format, ending) in FORMATS {
        let text = write_policy(&origin(&server), plan, &Answers::new(), format);
        let verified = verify_policy(&text, &server, plan, format);
        // Three resources or prompts whose name no key can spell, and three templates.
        assert_eq!(verified, Ok(Verified { warnings: 0, left_out: 6 }), "{text}");
        check_golden(&format!("items.{ending}"), &text);
        documents.push(value(&text, format));
        let policy = load(&text, &server, format);
        let effect = |section, name| policy.decide_item(find_item(&policy, section, name)).effect;
        for (uri, expected) in [
            ("file:///srv/shop/prices.csv", Effect::Allow),
            ("FILE:///srv/shop/x/../stock.csv", Effect::Allow),
            ("file:///srv/shop/other.csv", Effect::RequireApproval),
            ("file:///etc/shadow", Effect::RequireApproval),
            ("demo://item/7", Effect::Allow),
            ("demo://item/8", Effect::Allow),
            ("demo://other", Effect::Deny),
            ("demo://a*{b}[c]", Effect::Allow),
            ("demo://ax{b}[c]", Effect::Deny),
            ("db://sales/schema", Effect::Allow),
            ("db://sales/rows", Effect::Deny),
            ("https://example.com/x", Effect::RequireApproval),
            ("memo://notes/2026/3", Effect::Allow),
            ("memo://notes/2025/3", Effect::Deny),
            ("memo://\u{202e}evil", Effect::Deny),
            ("ui://other", Effect::Deny),
        ] {
            assert_eq!(effect(Section::Resources, uri), expected, "{uri}");
        }
        for (prompt, expected) in [
            ("weekly_report", Effect::Allow),
            ("get-stock", Effect::Allow),
            ("delete-shop", Effect::Hide),
            ("no", Effect::Allow),
            ("p*", Effect::Allow),
            ("px", Effect::Deny),
        ] {
            assert_eq!(effect(Section::Prompts, prompt), expected, "{prompt}");
        }
        for (request, expected) in [
            ("roots", Effect::Allow),
            ("sampling", Effect::Allow),
            ("elicitation", Effect::Allow),
            ("x/ask", Effect::Deny),
        ] {
            assert_eq!(effect(Section::Requests, request), expected, "{request}");
        }
        assert_eq!(effect(Section::Methods, "x/y"), Effect::Deny);
    }
    assert_eq!(documents[0], documents[1]);
    assert_eq!(documents[1], documents[2]);
}

#[test]
fn a_policy_that_is_milder_about_an_item_is_not_written() {
    let server = server("shop");
    let tools = plan_tools(&server, &shop_tools(), &Answers::new());
    let items = ItemPlan::new(&offer(), &shop_tools());
    let plan = ServerPlan { tools: &tools, items: &items, stand_ins: None };
    let text = write_policy(&origin(&server), plan, &Answers::new(), Format::Toml);
    let opened = text.replace("[resources.\"file:///*\"]\naction = \"require_approval\"", "[resources.\"file:///*\"]");
    assert!(opened.len() < text.len());
    assert!(verify_policy(&opened, &server, plan, Format::Toml).unwrap_err().contains("file:///{+path}"));
}

/// A name that may be a URI or a template.
fn uri_like() -> impl Strategy<Value = String> {
    let start =
        prop::sample::select(vec!["", "file:///", "demo://", "https://h/", "ui://", "x:", "/", "file:///a/b/c/d/"]);
    let middle = prop::sample::select(vec!["", "{a}", "{+b}/c", "{", "}", "..", "//", "%2e%2e/", ":443/"]);
    (start, hostile(), middle, hostile()).prop_map(|(start, one, middle, other)| format!("{start}{one}{middle}{other}"))
}

proptest! {
    #[test]
    fn nothing_that_a_server_says_becomes_policy(
        tools in prop::collection::vec((hostile(), hostile(), 0_usize..5), 0..6), itself in hostile(),
        items in prop::collection::vec((0_usize..3, uri_like(), hostile()), 0..8),
    ) {
        let server = server("shop");
        let known = Known::of_server(&server);
        let mut names = BTreeSet::new();
        let plan: Vec<_> = tools
            .iter()
            .filter(|(name, ..)| names.insert(name.clone()))
            .map(|(name, description, class)| {
                let profile = Profile { why: Cow::Owned(description.clone()), ..profile(Class::ALL[*class], GUESSED) };
                known.plan_tool(&tool(name, description), profile, &Answers::new())
            })
            .collect();
        let listed: Vec<_> = names.iter().map(Listed::with_name).collect();
        let mut offer = ServerOffer::default();
        for (kind, name, description) in &items {
            let (list, key) = match kind {
                0 => (&mut offer.resources, "uri"),
                1 => (&mut offer.templates, "uriTemplate"),
                _ => (&mut offer.prompts, "name"),
            };
            list.push(json!({ key: name, "description": description }));
        }
        let item_plan = ItemPlan::new(&offer, &listed);
        let plan = ServerPlan { tools: &plan, items: &item_plan, stand_ins: None };
        let origin = Origin { server: &server, catalogue: None, calls_itself: &itself, day: "2026-11-22" };
        let json = write_policy(&origin, plan, &Answers::new(), Format::Json);
        let expected: Value = serde_json::from_str(&json).unwrap();
        // A name that may be read as another has a warning, in every format; so has a URI without a scheme.
        let loads = verify_policy(&json, &server, plan, Format::Json);
        let most = (names.len() + items.len() * 2) as u64;
        prop_assert!(loads.as_ref().is_ok_and(|loads| loads.warnings <= most), "{loads:?}\n{json}");
        for (format, _) in FORMATS {
            let text = write_policy(&origin, plan, &Answers::new(), format);
            prop_assert_eq!(&verify_policy(&text, &server, plan, format), &loads, "{}", text);
            prop_assert_eq!(&value(&text, format), &expected, "{}", text);
        }
        // A key is a name that is listed, or the glob of a template, and an entry is ours.
        for (section, own) in [(Section::Resources, 0), (Section::Prompts, 2)] {
            let key_of = |(kind, name, _): &(usize, String, String)| match kind {
                1 if own == 0 => Some(Section::key_for_template(name)?.0),
                kind if *kind == own => section.key_for(name),
                _ => None,
            };
            let wanted: BTreeSet<_> = items.iter().filter_map(key_of).collect();
            for (key, entry) in expected.get(section.as_str()).and_then(Value::as_object).into_iter().flatten() {
                prop_assert!(wanted.contains(key), "{key} {wanted:?}");
                let asks = json!({ "action": "require_approval", "reason": entry["reason"] });
                prop_assert!(*entry == json!({}) || *entry == asks, "{entry}");
            }
        }
        const TABLES: [&str; 9] =
            ["version", "description", "default", "unlisted", "classes", "tools", "resources", "prompts", "requests"];
        prop_assert!(expected.as_object().unwrap().keys().all(|table| TABLES.contains(&table.as_str())), "{json}");
        prop_assert_eq!(expected["requests"].as_object().unwrap().len(), 3);
        let keys: BTreeSet<_> = expected["tools"].as_object().unwrap().keys().cloned().collect();
        let wanted: BTreeSet<_> = names.iter().filter_map(|name| ToolGlob::key_for(name)).collect();
        prop_assert!(keys.is_subset(&wanted), "{keys:?}");
    }
}
