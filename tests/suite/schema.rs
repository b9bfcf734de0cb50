//! The JSON Schemas: kept in config/policy.schema.json and config/test.schema.json, and true to the loader: whatever the
//! loader takes, the schema takes.
//!
//! `UPDATE_SCHEMA=1 cargo test --test suite schema::` writes the files anew, and the tables of keys in docs/policy.md.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use boon::{Compiler, SchemaIndex, Schemas};
use policylayer::policy::{self, Format, Server, ServerName, Source};
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    fn kept(name: &str) -> Self {
        let text = fs::read_to_string(root().join(format!("config/{name}.schema.json"))).unwrap();
        let schema: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        let id = schema["$id"].as_str().unwrap().to_owned();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource(&id, schema).unwrap();
        let index = compiler.compile(&id, &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn takes(&self, document: &Value) -> Result<(), String> {
        self.schemas.validate(document, self.index).map_err(|error| error.to_string())
    }
}

fn loads(source: &Source) -> bool {
    policy::load_policy(source, &Server::by_name(&ServerName::parse("iterable").unwrap())).policy.is_some()
}

/// The document as a schema sees it; `None` where it is none of its format.
fn document(source: &Source) -> Option<Value> {
    Some(serde_json::from_str(&policy::as_json(source)?).unwrap())
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn source(path: &Path) -> Option<Source> {
    let format = Format::from_ending(path.extension()?.to_str()?)?;
    Some(Source::new(path.display().to_string(), format, fs::read_to_string(path).ok()?))
}

#[test]
fn the_files_are_the_schemas_and_what_the_program_prints() {
    for (name, schema) in [("policy", policy::schema::policy_schema()), ("test", policy::schema::test_schema())] {
        let made = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let file = root().join(format!("config/{name}.schema.json"));
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            fs::write(&file, &made).unwrap();
        }
        let kept = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            kept == made,
            "{} is not current: run `UPDATE_SCHEMA=1 cargo test --test suite schema::`, and build anew",
            file.display()
        );
        let output = Command::new(crate::support::system::program()).args(["schema", name]).output().unwrap();
        assert!(output.status.success());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), kept);
    }
    let [without, policy] = [&["schema"][..], &["schema", "policy"]]
        .map(|args| Command::new(crate::support::system::program()).args(args).output().unwrap().stdout);
    assert_eq!(without, policy);
}

#[test]
fn the_page_has_the_tables_of_keys() {
    let file = root().join("docs/policy.md");
    let mut page = fs::read_to_string(&file).unwrap();
    let tables = policy::schema::key_tables();
    assert_eq!(page.matches("<!-- keys: ").count(), tables.len());
    for (name, table) in &tables {
        let mark = format!("<!-- keys: {name} -->\n");
        let start = page.find(&mark).unwrap_or_else(|| panic!("docs/policy.md has no {mark}")) + mark.len();
        let end = start + page[start..].find("<!-- end of keys -->").unwrap();
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            page.replace_range(start..end, &format!("\n{table}\n"));
            fs::write(&file, &page).unwrap();
        } else {
            assert!(
                page[start..end].trim() == table.trim(),
                "{name}: run `UPDATE_SCHEMA=1 cargo test --test suite schema::`"
            );
        }
    }
}

#[test]
fn every_shipped_document_is_valid_under_it() {
    let schema = Schema::kept("policy");
    let mut seen = 0;
    for path in files("config/examples").into_iter().chain(files("config/policies")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let Some(source) = source(&path).filter(|_| !name.contains(".test.")) else { continue };
        assert!(loads(&source), "{name}");
        schema.takes(&document(&source).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        seen += 1;
    }
    assert!(seen >= 20, "only {seen}");
}

/// The documents that the other tests are about: whole files, blocks of the docs, and raw strings that begin as a
/// policy in JSON does.
fn documents() -> Vec<Source> {
    let mut documents: Vec<Source> = files("tests/golden/check").iter().filter_map(|path| source(path)).collect();
    for page in ["docs/policy.md", "docs/testing.md", "README.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        for block in text.split("\n```").skip(1).step_by(2) {
            let (language, text) = block.split_once('\n').unwrap();
            documents.extend(Format::from_ending(language).map(|format| Source::new(page, format, text)));
        }
    }
    let folders = [root().join("tests/suite"), root().join("tests/suite/policy"), root().join("tests/suite/settings")];
    for path in folders.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten()) {
        let path = path.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let name = path.display().to_string();
            let strings = text.split("r#\"").skip(1).filter_map(|rest| rest.split("\"#").next());
            let policies = strings.filter(|text| text.starts_with("{\"version\""));
            documents.extend(policies.map(|text| Source::new(name.as_str(), Format::Json, text)));
        }
    }
    documents
}

#[test]
fn whatever_the_loader_takes_is_valid_under_it() {
    let schema = Schema::kept("policy");
    let (mut valid, mut wrong) = (0, Vec::new());
    for source in documents().iter().filter(|source| loads(source)) {
        let Some(document) = document(source) else { panic!("{}\n{}", source.name(), source.text()) };
        valid += 1;
        if let Err(error) = schema.takes(&document) {
            wrong.push(format!("{}\n{}\n{error}", source.name(), source.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(valid >= 100, "only {valid} documents");
}

#[test]
fn what_is_wrong_is_rejected_by_both() {
    let schema = Schema::kept("policy");
    let entry = |entry: &str| format!(r#"{{"version":"1","default":"deny","tools":{{"a":{entry}}}}}"#);
    let documents = [
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"version":"1"}"#.to_owned(),
        r#"{"default":"deny"}"#.to_owned(),
        r#"{"version":1,"default":"deny"}"#.to_owned(),
        r#"{"version":"2","default":"deny"}"#.to_owned(),
        r#"{"version":"1","default":"maybe"}"#.to_owned(),
        r#"{"version":"1","default":"deny","unlisted":"allow"}"#.to_owned(),
        r#"{"version":"1","default":"deny","defualt":"deny"}"#.to_owned(),
        r#"{"version":"1","default":"deny","hide":"a"}"#.to_owned(),
        r#"{"version":"1","default":"deny","hide":[""]}"#.to_owned(),
        r#"{"version":"1","default":"deny","hide":[3]}"#.to_owned(),
        r#"{"version":"1","default":"deny","hide":null}"#.to_owned(),
        r#"{"version":"1","default":"deny","description":null}"#.to_owned(),
        r#"{"version":"1","default":"deny","tools":[]}"#.to_owned(),
        r#"{"version":"1","default":"deny","tools":{"*":{"action":"allow"}}}"#.to_owned(),
        r#"{"version":"1","default":"deny","all_tools":{"class":"read"}}"#.to_owned(),
        r#"{"version":"1","default":"deny","classes":{"reads":{}}}"#.to_owned(),
        r#"{"version":"1","default":"deny","classes":{"read":{"acton":"allow"}}}"#.to_owned(),
        entry("true"),
        entry("null"),
        entry(r#"{"action":"alow"}"#),
        entry(r#"{"action":null}"#),
        entry(r#"{"class":"reader"}"#),
        entry(r#"{"when":[]}"#),
        entry(r#"{"reason":5}"#),
        entry(r#"{"rate_limit":10}"#),
        entry(r#"{"rate_limit":"10 a minute"}"#),
        entry(r#"{"rate_limit":"10/fortnight"}"#),
        entry(r#"{"rate_limit":{"max":10}}"#),
        entry(r#"{"rate_limit":{"max":"10","window":60}}"#),
        entry(r#"{"limits":{"max":10,"window":60}}"#),
        entry(r#"{"limits":[{"max":-1,"window":60}]}"#),
        entry(r#"{"limits":[{"max":10,"window":0}]}"#),
        entry(r#"{"limits":[{"max":10,"window":1.5}]}"#),
        entry(r#"{"limits":[{"max":10,"window":31622401}]}"#),
        entry(r#"{"limits":[{"max":10,"window":"fortnight"}]}"#),
        entry(r#"{"limits":[{"max":10,"window":60,"scope":"planet"}]}"#),
        entry(r#"{"limits":[{"max":10,"window":60,"align":"left"}]}"#),
        entry(r#"{"limits":[{"max":10,"window":60,"counter":""}]}"#),
        entry(r#"{"limits":[{"max":10,"window":60,"increment_from":"amount"}]}"#),
        entry(r#"{"limits":[{"max":10,"window":60,"refund_on_error":"yes"}]}"#),
        entry(r#"{"spend_limit":"500 dollars","amount_from":"args.amount"}"#),
        entry(r#"{"deny_if":[{}]}"#),
        entry(r#"{"deny_if":[{"conditions":{}}]}"#),
        entry(r#"{"deny_if":[{"conditions":[],"match":"some"}]}"#),
        entry(r#"{"deny_if":[{"path":"args.a","op":"is","value":1}]}"#),
        entry(r#"{"deny_if":[{"path":"a","op":"eq","value":1}]}"#),
        entry(r#"{"deny_if":[{"path":"args.a","op":"eq"}]}"#),
        entry(r#"{"deny_if":[{"path":"args.a","op":"eq","value":null}]}"#),
        entry(r#"{"deny_if":[{"path":"args.a","op":"in","value":[[1]]}]}"#),
        entry(r#"{"deny_if":[{"conditions":[{"path":"args.a","op":"eq","value":1,"on_deny":"x"}]}]}"#),
        entry(r#"{"require":"args.a"}"#),
        entry(r#"{"rules":[{"action":"allow"}]}"#),
        entry(r#"{"rules":[{"rate_limit":{"max":5,"window":60}}]}"#),
        entry(r#"{"rules":[{"state":{"counter":"c"}}]}"#),
        entry(r#"{"approval_timeout":"soon"}"#),
    ];
    for text in &documents {
        let source = Source::new("test", Format::Json, text.as_str());
        assert!(!loads(&source), "the loader takes {text}");
        assert!(schema.takes(&serde_json::from_str(text).unwrap()).is_err(), "the schema takes {text}");
    }
}

fn loads_as_tests(source: &Source) -> bool {
    policy::load_tests(source).file.is_some()
}

#[test]
fn whatever_test_file_the_loader_takes_is_valid_under_its_schema() {
    let schema = Schema::kept("test");
    let shipped = files("config/policies").into_iter().chain(files("config/examples"));
    let shipped: Vec<_> = shipped.filter(|path| path.to_string_lossy().contains(".test.")).collect();
    let mut sources: Vec<_> = shipped.iter().filter_map(|path| source(path)).chain(documents()).collect();
    // Each key, in a form that only some files use.
    let every_key = r#"{
        "$schema": "./test.schema.json", "policy": "a.toml", "server": "shop",
        "case": [
            { "name": "n", "tool": "t", "args": "{\"a\":1}", "input": { "b": [] }, "expect": "allow", "rule": "r",
              "reason": "s", "times": 100000, "retry_after": "90s" },
            { "steps": [
                { "resource": "a:b", "expect": "hide", "at": 0 },
                { "prompt": "p", "args": {}, "expect": "deny", "after": 5, "retry_after": 0, "times": 1 },
                { "method": "x/y", "args": {}, "expect": "require_approval", "after": "2h" }
            ] }
        ]
    }"#;
    let spelled = Source::new("every key", Format::Json, every_key);
    assert!(loads_as_tests(&spelled), "{:#?}", policy::load_tests(&spelled).diagnostics);
    sources.push(spelled);
    let mut valid = 0;
    for source in sources.iter().filter(|source| loads_as_tests(source)) {
        let document = document(source).unwrap();
        schema.takes(&document).unwrap_or_else(|error| panic!("{}\n{}\n{error}", source.name(), source.text()));
        valid += 1;
    }
    assert!(!shipped.is_empty() && valid > shipped.len() + 3, "only {valid} files");
}

#[test]
fn what_is_wrong_in_a_test_file_is_rejected_by_both() {
    let schema = Schema::kept("test");
    let case = |case: &str| format!(r#"{{"case":[{case}]}}"#);
    for text in [
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"cases":[]}"#.to_owned(),
        r#"{"case":{}}"#.to_owned(),
        r#"{"case":[{"tool":"t","expect":"allow"}],"server":7}"#.to_owned(),
        case("null"),
        case(r#"{"tool":"t","expect":"alow"}"#),
        case(r#"{"tool":"t","expects":"allow"}"#),
        case(r#"{"tool":7,"expect":"allow"}"#),
        case(r#"{"tool":"t","expect":"allow","args":[]}"#),
        case(r#"{"tool":"t","expect":"allow","times":0}"#),
        case(r#"{"tool":"t","expect":"allow","times":100001}"#),
        case(r#"{"tool":"t","expect":"allow","times":1.5}"#),
        case(r#"{"tool":"t","expect":"deny","retry_after":-1}"#),
        case(r#"{"tool":"t","expect":"deny","retry_after":"soon"}"#),
        case(r#"{"tool":"t","expect":"allow","at":5}"#),
        case(r#"{"tool":"t","steps":[{"expect":"allow","name":"x"}]}"#),
        case(r#"{"tool":"t","steps":[{"expect":"allow","steps":[]}]}"#),
        case(r#"{"tool":"t","steps":{"expect":"allow"}}"#),
    ] {
        assert!(!loads_as_tests(&Source::new("test", Format::Json, text.as_str())), "the loader takes {text}");
        assert!(schema.takes(&serde_json::from_str(&text).unwrap()).is_err(), "the schema takes {text}");
    }
}
