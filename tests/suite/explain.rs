//! `policylayer explain`: what it prints, compared with tests/golden/explain, what is in force by its account, and
//! docs/attacks.md, which is made from config/attacks.toml.
//!
//! `UPDATE_GOLDEN=1 cargo test --test suite explain::` writes what it prints now, `UPDATE_ATTACKS=1` the page; read the difference
//! before you keep it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::log as support;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use policylayer::risk::{Attack, Catalogue, Listed, profile_tool};
use serde_json::Value;
use support::{Home, Ran};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares with what was kept, or keeps it.
fn compare(path: PathBuf, printed: &str, variable: &str) -> Option<PathBuf> {
    if std::env::var_os(variable).is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, printed).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    (kept != printed).then_some(path)
}

fn explain(home: &Home, args: &[&str]) -> Ran {
    home.run(&[&["explain"], args].concat())
}

fn json(home: &Home, args: &[&str]) -> Value {
    home.json(&[&["explain"], args, &["--format", "json"]].concat())
}

#[test]
fn pages_are_as_they_were() {
    let mut wrong = Vec::new();
    for (name, args) in [
        ("cancel_export_job", &["cancel_export_job"][..]),
        ("send_campaign", &["send_campaign", "--server", "iterable"]),
        ("start_export_job", &["start_export_job"]),
        ("get_campaigns", &["get_campaigns"]),
        ("get_user_by_email", &["get_user_by_email"]),
        ("unknown", &["cancel_export_jobs", "--server", "iterable"]),
        ("elsewhere", &["get_file_token", "--server", "elsewhere"]),
    ] {
        for (format, ending) in [("text", "txt"), ("json", "json"), ("markdown", "md")] {
            let printed = Home::new().good(&[&["explain"], args, &["--format", format]].concat());
            let path = root().join("tests/golden/explain").join(format!("{name}.{ending}"));
            wrong.extend(compare(path, &printed, "UPDATE_GOLDEN"));
            for line in printed.lines().filter(|line| format == "text" && !line.starts_with("    ")) {
                assert!(line.chars().count() <= 80, "{name}: {line}");
            }
        }
    }
    assert!(wrong.is_empty(), "these have changed: {wrong:#?}");
}

#[test]
fn what_the_policy_says_beside_tool_calls_is_explained() {
    let home = Home::new();
    let more: String = (0..25).map(|n| format!("[methods.\"x/{n}\"]\n")).collect();
    let policy = format!(
        "version = \"1\"\ndefault = \"deny\"\n[tools.get_lists]\n[resources.\"*\"]\naction = \"deny\"\nreason = \"Not | here.\"\n\
         [resources.\"file:///srv/reports/**\"]\nrate_limit = \"2/minute\"\n\
         deny_if = [{{ path = \"uri\", op = \"contains\", value = \"salary\" }}]\n[requests.roots]\n{more}"
    );
    fs::write(home.path().join("iterable.toml"), policy).unwrap();
    let mut wrong = Vec::new();
    for (format, ending) in [("text", "txt"), ("json", "json"), ("markdown", "md")] {
        let printed = home.good(&["explain", "get_lists", "--policy", "iterable.toml", "--format", format]);
        let path = root().join("tests/golden/explain").join(format!("sections.{ending}"));
        wrong.extend(compare(path, &printed, "UPDATE_GOLDEN"));
    }
    assert!(wrong.is_empty(), "these have changed: {wrong:#?}");
    for (policy, says) in [
        ("version = \"1\"\ndefault = \"deny\"\nhide = [\"x\"]\n", "only hides, so the built-in rules cover"),
        ("version = \"1\"\ndefault = \"allow\"\ntools = {}\n", "`default = \"allow\"` covers"),
    ] {
        home.policy("iterable.toml", policy);
        let page = home.good(&["explain", "get_lists", "--format", "markdown"]);
        assert!(page.contains(says), "{page}");
    }
}

#[test]
fn every_tool_of_the_catalogue_is_explained_and_its_built_in_rule_is_what_is_recommended() {
    let home = Home::new();
    for tool in Catalogue::for_server("iterable").unwrap().tools() {
        let explained = json(&home, &[&tool.name]);
        assert_eq!(explained["known"], true, "{}", tool.name);
        assert_eq!(explained["class"], tool.class.as_str());
        assert_eq!(explained["severity"], tool.severity.as_str());
        assert_eq!(explained["why"], tool.rationale.as_str());
        assert!(explained["does"].as_str().unwrap().ends_with('.'), "{}", tool.name);
        let in_force = &explained["in_force"];
        assert_eq!(in_force["compared"], "same", "{}", tool.name);
        assert_eq!(in_force["effect"], explained["recommended"]["effect"], "{}", tool.name);
        assert_eq!(in_force["rule"], format!("builtin:tools.{}", tool.name));
    }
}

#[test]
fn the_snippet_has_the_format_of_the_file_in_force_and_says_what_is_recommended() {
    for (file, text, adds) in [
        ("iterable.toml", "version = \"1\"\ndefault = \"deny\"\n[tools.get_lists]\n", "toml"),
        ("iterable.json", r#"{"version":"1","default":"deny","tools":{"get_lists":{}}}"#, "json"),
        ("iterable.yaml", "version: \"1\"\ndefault: deny\ntools:\n  get_lists: {}\n", "yaml"),
    ] {
        let home = Home::new();
        let path = home.policy(file, text);
        let explained = json(&home, &["get_user_by_email"]);
        assert_eq!(explained["in_force"]["compared"], "stricter", "it is not listed");
        assert_eq!(explained["in_force"]["file"], path.display().to_string());
        let recommended = &explained["recommended"];
        assert_eq!(recommended["format"], adds);
        let snippet = recommended["snippet"].as_str().unwrap();
        let pasted = match adds {
            "toml" => format!("{text}{snippet}"),
            "yaml" => format!("{text}{}", snippet.strip_prefix("tools:\n").unwrap()),
            _ => {
                let mut document: Value = serde_json::from_str(text).unwrap();
                let snippet: Value = serde_json::from_str(snippet).unwrap();
                assert_eq!(snippet, recommended["rule"]);
                document["tools"]["get_user_by_email"] = snippet["tools"]["get_user_by_email"].clone();
                document.to_string()
            }
        };
        home.policy(file, &pasted);
        let explained = json(&home, &["get_user_by_email"]);
        assert_eq!(explained["in_force"]["compared"], "same", "{pasted}");
        assert_eq!(explained["in_force"]["looks_at_arguments"], true);
        let page = home.good(&["explain", "get_user_by_email"]);
        assert!(page.contains("At most 60 per minute, counted for each session."), "{page}");
        assert!(!page.contains("policylayer limit"), "nothing is left to do: {page}");
    }
}

#[test]
fn what_is_in_force_is_compared_with_what_is_recommended() {
    let home = Home::new();
    let rules = "version = \"1\"\ndefault = \"deny\"\n[classes.destructive]\naction = \"require_approval\"\n\
                 [tools.delete_list]\n[tools.delete_catalog]\naction = \"deny\"\n[tools.create_list]\nrate_limit = \"31/minute\"\n\
                 [tools.create_catalog]\nrate_limit = \"5/minute\"\n[tools.get_lists]\naction = \"allow\"\nclass = \"write\"\n";
    home.policy("iterable.toml", rules);
    for (tool, effect, compared, command) in [
        ("delete_list", "allow", "other", "policylayer hide delete_list --server iterable"),
        ("delete_catalog", "deny", "other", "policylayer hide delete_catalog --server iterable"),
        ("cancel_email", "require_approval", "other", "policylayer hide cancel_email --server iterable"),
        ("create_list", "allow", "other", "policylayer limit create_list 30/minute --server iterable"),
        ("get_lists", "allow", "same", "policylayer allow get_lists --server iterable"),
        ("send_email", "hide", "stricter", "policylayer ask send_email --server iterable"),
        // A tighter limit will do; the guard of its argument is lacking, and no verb writes one.
        ("create_catalog", "allow", "other", "policylayer add - --server iterable"),
    ] {
        let explained = json(&home, &[tool]);
        assert_eq!(explained["in_force"]["effect"], effect, "{tool}");
        assert_eq!(explained["in_force"]["compared"], compared, "{tool}");
        assert_eq!(explained["recommended"]["commands"], serde_json::json!([command]), "{tool}");
        let page = home.good(&["explain", tool]);
        assert_eq!(page.contains(command), compared != "same", "{page}");
    }
    let page = home.good(&["explain", "get_lists"]);
    assert!(page.contains("The policy puts the tool in the class write."), "{page}");
}

#[test]
fn the_commands_put_in_place_what_is_recommended() {
    for rules in [
        r#"{"version":"1","default":"deny","tools":{}}"#,
        r#"{"version":"1","default":"allow","tools":{}}"#,
        r#"{"version":"1","default":"deny","hide":["create_list","get_lists","update_user","get_catalog_item","send_campaign"]}"#,
    ] {
        for tool in ["create_list", "get_lists", "update_user", "get_catalog_item", "send_campaign", "delete_list"] {
            let home = Home::new();
            let file = home.policy("iterable.json", rules);
            let explained = json(&home, &[tool]);
            for command in explained["recommended"]["commands"].as_array().unwrap() {
                let words: Vec<_> = command.as_str().unwrap().split(' ').skip(1).collect();
                if words[0] == "add" {
                    let snippet = explained["recommended"]["snippet"].as_str().unwrap();
                    let pasted = file.parent().unwrap().with_file_name("pasted.json");
                    fs::write(&pasted, snippet).unwrap();
                    let ran = home.run(&[&["add", pasted.to_str().unwrap()], &words[2..]].concat());
                    assert_eq!(ran.code, Some(0), "{command}: {}", ran.err);
                } else if explained["in_force"]["compared"] != "same" {
                    let ran = home.run(&words);
                    assert_eq!(ran.code, Some(0), "{command}: {}", ran.err);
                }
            }
            let compared = json(&home, &[tool])["in_force"]["compared"].clone();
            assert_eq!(compared, "same", "{tool} under {rules}: {}", explained["recommended"]["commands"]);
        }
    }
    // With a file and a server, each command names both.
    let home = Home::new();
    let file = home.policy("mine.json", r#"{"version":"1","default":"deny","tools":{}}"#).display().to_string();
    let commands =
        json(&home, &["create_list", "--policy", &file, "--server", "iterable"])["recommended"]["commands"].clone();
    let expected = ["allow create_list", "limit create_list 30/minute"]
        .map(|verb| format!("policylayer {verb} --policy {file} --server iterable"));
    assert_eq!(commands, serde_json::json!(expected));
}

/// `init` hides what a server says is destructive; a name that tells less is no reason to let it through.
#[test]
fn nothing_is_let_through_on_the_word_of_a_name() {
    let home = Home::new();
    home.policy("files.toml", "version = \"1\"\ndefault = \"deny\"\n[tools.write_file]\naction = \"hide\"\n");
    assert_eq!(json(&home, &["write_file"])["in_force"]["compared"], "stricter");
    for format in ["text", "markdown"] {
        let page = home.good(&["explain", "write_file", "--format", format]);
        let page = page.replace("\n  ", " ");
        assert!(page.contains("Keep it unless you know what the tool does"), "{page}");
        assert!(!page.contains("policylayer limit") && !page.contains("policylayer allow"), "{page}");
    }
    // Of a tool of the catalogue more is known than its name.
    home.policy("iterable.toml", "version = \"1\"\ndefault = \"deny\"\n[tools.get_lists]\naction = \"hide\"\n");
    let page = home.good(&["explain", "get_lists", "--server", "iterable"]);
    assert!(page.contains("policylayer allow get_lists --server iterable"), "{page}");
}

#[test]
fn a_file_that_only_hides_is_told_how_to_stay_so() {
    let home = Home::new();
    home.policy("iterable.json", r#"{"version":"1","default":"deny","hide":["cancel_export_job"]}"#);
    let hidden = json(&home, &["cancel_export_job"]);
    assert_eq!(hidden["in_force"]["rule"], "hide[0]");
    assert_eq!(hidden["in_force"]["compared"], "same");
    assert_eq!(hidden["recommended"]["rule"], serde_json::json!({"hide": ["cancel_export_job"]}));
    home.policy("iterable.json", r#"{"version":"1","default":"deny","hide":["get_lists"]}"#);
    let page = home.good(&["explain", "get_lists"]);
    assert!(page.replace("\n  ", " ").contains("If you paste `tools` into it, it stands alone"), "{page}");
    assert!(!home.good(&["explain", "create_list"]).contains("stands alone"), "nothing is to be pasted");
}

#[test]
fn the_server_is_the_named_one_else_the_files_else_the_only_one_else_a_known_one() {
    let home = Home::new();
    let server = |home: &Home, args: &[&str]| json(home, args)["server"].as_str().unwrap().to_owned();
    assert_eq!(server(&home, &["get_lists"]), "iterable");
    assert_eq!(server(&home, &["send_campaign"]), "iterable", "although Mailchimp has one");
    assert_eq!(server(&home, &["git_diff_staged"]), "git");
    let several = explain(&home, &["list_issues"]);
    assert!(several.code == Some(2) && several.err.contains("Known servers that have one: "), "{}", several.err);
    let unclear = explain(&home, &["brew_tea"]);
    assert_eq!((unclear.code, unclear.out.as_str()), (Some(2), ""));
    assert!(unclear.err.contains("unclear which server") && unclear.err.contains("--server NAME"), "{}", unclear.err);
    assert!(!unclear.err.contains("Did you mean"), "{}", unclear.err);
    let slip = explain(&home, &["send_campaing"]);
    assert!(slip.code == Some(2) && slip.err.contains("Did you mean send_campaign (iterable), "), "{}", slip.err);

    let path = home.policy("tracker.toml", "version = \"1\"\ndefault = \"deny\"\n[tools.brew_tea]\n");
    assert_eq!(server(&home, &["brew_tea"]), "tracker");
    let page = home.good(&["explain", "get_lists"]);
    let page = page.replace('\n', " ");
    assert!(page.contains("iterable has a tool of this name: --server iterable"), "{page}");
    assert_eq!(server(&home, &["get_lists", "--server", "Iterable"]), "iterable");

    home.policy("shop.toml", "version = \"1\"\ndefault = \"deny\"\n[tools]\n");
    assert_eq!(server(&home, &["get_lists"]), "iterable", "there are two, so none is the only one");
    let path = path.display().to_string();
    let explained = json(&home, &["brew_tea", "--policy", &path]);
    assert_eq!(explained["server"], "tracker");
    assert_eq!(explained["in_force"]["rule"], "tools.brew_tea");
    let command = explained["recommended"]["commands"][0].as_str().unwrap();
    assert!(command.starts_with("policylayer ask brew_tea --policy "), "{command}");
    let mut by_variable = home.command(&["explain", "brew_tea", "--format", "json"]);
    let output = by_variable.env("POLICYLAYER_POLICY", &path).output().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["server"], "tracker");

    let bad = explain(&home, &["x", "--server", "a/b"]);
    assert_eq!(bad.code, Some(2));
    assert!(bad.err.contains("is not a server name"), "{}", bad.err);
}

#[test]
fn a_broken_policy_is_told_of_and_the_tool_is_explained_all_the_same() {
    let home = Home::new();
    home.policy("iterable.toml", "version = \"1\"\ndefault = \"perhaps\"\n");
    for format in ["text", "json", "markdown"] {
        let ran = explain(&home, &["delete_list", "--format", format]);
        assert_eq!(ran.code, Some(3), "{format}");
        assert!(ran.err.contains("is invalid") && ran.err.contains("policylayer check"), "{}", ran.err);
        assert!(ran.out.contains("Deletes a list of people."), "{}", ran.out);
        if format == "json" {
            let explained: Value = serde_json::from_str(&ran.out).unwrap();
            assert_eq!(explained["in_force"], Value::Null);
            assert!(explained["error"].as_str().unwrap().contains("is invalid"));
        } else {
            assert!(ran.out.contains("the policy cannot be loaded"), "{}", ran.out);
        }
    }
    let missing =
        explain(&home, &["delete_list", "--server", "iterable", "--policy", "nowhere.yaml", "--format", "json"]);
    assert_eq!(missing.code, Some(1));
    let explained: Value = serde_json::from_str(&missing.out).unwrap();
    assert_eq!(explained["recommended"]["format"], "yaml");
    assert!(missing.err.contains("does not exist"), "{}", missing.err);

    let home = Home::new();
    home.policy("../config.toml", "nonsense = 1\n");
    let ran = explain(&home, &["delete_list"]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.out.contains("Deletes a list of people."), "{}", ran.out);
}

#[test]
fn nothing_in_a_name_drives_the_terminal_or_breaks_the_page() {
    let home = Home::new();
    for name in ["a\u{1b}[2Jb", "a\u{202e}b\u{e0041}", "a\nb", "` | <b> `", "a'b; rm *", "- [x](y)"] {
        for format in ["text", "json", "markdown"] {
            let ran = explain(&home, &["--server", "elsewhere", "--format", format, "--", name]);
            assert_eq!(ran.code, Some(0), "{}", ran.err);
            let is_odd = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{e0041}');
            assert!(!ran.out.contains(is_odd), "{name:?} {format}: {:?}", ran.out);
            match format {
                "json" => assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap()["tool"], name),
                "markdown" => assert!(!ran.out.contains("<b> `\n") && ran.out.starts_with("## `"), "{}", ran.out),
                _ => {}
            }
        }
    }
    let page = home.good(&["explain", "--server", "elsewhere", "a'b; rm *"]);
    let quoted = if cfg!(windows) { r#""a'b; rm *""# } else { r"'a'\''b; rm *'" };
    assert!(page.contains(&format!("policylayer hide {quoted} --server elsewhere")), "{page}");
}

#[test]
fn without_a_tool_the_help_shows_how_it_is_used() {
    let home = Home::new();
    let ran = explain(&home, &[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("policylayer explain cancel_export_job"), "{}", ran.err);
    assert_eq!(explain(&home, &[""]).code, Some(2));
}

#[test]
fn the_page_of_the_attacks_is_made_from_their_file() {
    let mut page = String::from(PAGE);
    for attack in Attack::all_patterns() {
        let _ = writeln!(page, "| [{}](#{}) | {} |", attack.name, attack.id, attack.needs);
    }
    for attack in Attack::all_patterns() {
        let Attack { id, name, account, needs, stops, rule, source, .. } = attack;
        let _ = write!(page, "\n<a id=\"{id}\"></a>\n\n## {name}\n");
        let (needs, stops) = (format!("**Needs:** {needs}"), format!("**What stops it:** {stops}"));
        [account, &needs, &stops].iter().for_each(|text| paragraph(&mut page, text));
        let _ = write!(page, "\n```toml\n{rule}```\n");
        paragraph(&mut page, &tools(attack));
        let _ = write!(page, "\nSource: [{}]({}).\n", source.name, source.url);
    }
    let wrong = compare(root().join("docs/attacks.md"), &page, "UPDATE_ATTACKS");
    assert_eq!(wrong, None, "UPDATE_ATTACKS=1 cargo test --test suite explain:: writes it");
}

/// A paragraph over lines as long as those of the other pages.
fn paragraph(page: &mut String, text: &str) {
    page.push('\n');
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        match used {
            0 => {}
            _ if used + 1 + length > 120 => {
                page.push('\n');
                used = 0;
            }
            _ => {
                page.push(' ');
                used += 1;
            }
        }
        page.push_str(word);
        used += length;
    }
    page.push('\n');
}

/// The tools of Iterable that a pattern abuses.
fn tools(attack: &Attack) -> String {
    let applies = |tool: &&str| {
        let profile = profile_tool(Catalogue::for_server("iterable"), &Listed::with_name(*tool));
        Attack::abusing(Catalogue::for_server("iterable"), tool, &profile).any(|other| other.id == attack.id)
    };
    let catalogue = Catalogue::for_server("iterable").unwrap();
    let tools: Vec<&str> = catalogue.tools().iter().map(|tool| tool.name.as_str()).filter(applies).collect();
    let shown: Vec<_> = tools.iter().take(8).map(|tool| format!("`{tool}`")).collect();
    let more = match tools.len().saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("Of Iterable's tools: {}{more}.", shown.join(", "))
}

const PAGE: &str = "\
# Attack patterns

How access to tools is abused, what each pattern needs, and which rule of a policy stops it. `policylayer explain TOOL`
shows those that abuse what one tool offers, beside the rule that is recommended for it.

An agent need not be hostile for any of this: most of it happens to one that misread its task or believed a text. A rule
holds either way, since it looks at the call and not at the reason for it.

What a policy does not do: it does not look into what a tool returns. What a server says about itself can make a tool's
class stricter, and milder only where the policy has `trust_hints`. docs/security.md says what else is out of its reach.

This page is made from config/attacks.toml, which `explain` reads. Under each pattern is a rule for one tool of
Iterable as an example: put it into a policy that has `version` and `default`.

| pattern | needs |
|---|---|
";

#[test]
fn every_field_for_programs_is_documented() {
    let page = fs::read_to_string(root().join("docs/explain.md")).unwrap();
    let table = page.split("## For programs").nth(1).unwrap();
    let home = Home::new();
    home.policy("iterable.toml", "version = \"1\"\ndefault = \"perhaps\"\n");
    let broken = explain(&home, &["delete_list", "--format", "json"]);
    let broken: Value = serde_json::from_str(&broken.out).unwrap();
    let explained = json(&Home::new(), &["delete_list"]);
    for object in [
        &broken,
        &explained,
        &explained["recommended"],
        &explained["in_force"],
        &explained["source"],
        &explained["attacks"][0],
    ] {
        for key in object.as_object().unwrap().keys() {
            assert!(table.contains(&format!("`{key}`")), "docs/explain.md lacks {key}");
        }
    }
}
