//! The catalogues: what identifies each server and what does not, and that each has the tools of the server itself, from its
//! saved listing (tests/catalogue) or from the server where it starts without an account.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use policylayer::policy::server::find_started;
use policylayer::policy::{Server, ServerName};
use policylayer::risk::{Catalogue, Registry};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::client::{Client, Launch, Under};
use crate::support::log::Home;
use crate::support::node::upstream;
use crate::support::python::git_server;
use crate::support::system::example;

/// The names of a server's tools, each with those of its arguments.
type Listing = BTreeMap<String, BTreeSet<String>>;

/// What one server listed, without the texts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedListing {
    server: String,
    version: String,
    /// The day on which it was listed.
    listed: String,
    tools: BTreeMap<String, SavedTool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedTool {
    arguments: Vec<String>,
    /// The annotations that are true.
    #[serde(default)]
    hints: Vec<String>,
    /// The annotations that are false.
    #[serde(default)]
    denied: Vec<String>,
}

fn saved_listings() -> Vec<SavedListing> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/catalogue");
    let read = |file: fs::DirEntry| {
        let listing: SavedListing = serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap();
        assert_eq!(file.path().file_stem().unwrap().to_str(), Some(listing.server.as_str()));
        listing
    };
    fs::read_dir(dir).unwrap().map(|file| read(file.unwrap())).collect()
}

/// These are started by a test, which compares them with what they list.
const STARTED: [&str; 2] = ["everything", "iterable"];

/// What a catalogue knows of the version that it was made from.
fn known_tools(catalogue: &Catalogue) -> Listing {
    let tools = catalogue.tools().iter().filter(|tool| tool.versions.is_none());
    tools
        .map(|tool| {
            (tool.name.clone(), catalogue.argument_names(&tool.name).unwrap_or_default().iter().cloned().collect())
        })
        .collect()
}

#[track_caller]
fn assert_same(server: &str, known: &Listing, listed: &Listing) {
    let names = |one: &Listing, other: &Listing| -> Vec<String> {
        one.keys().filter(|name| !other.contains_key(*name)).cloned().collect()
    };
    let (lacking, gone) = (names(listed, known), names(known, listed));
    assert!(lacking.is_empty(), "{server} has tools that its catalogue lacks: {lacking:?}");
    assert!(gone.is_empty(), "the catalogue of {server} has tools that it does not list: {gone:?}");
    for (name, arguments) in known {
        assert_eq!(arguments, &listed[name], "the arguments of {name} of {server}");
    }
}

#[test]
fn each_catalogue_has_every_tool_of_its_listing_and_no_other() {
    let mut compared: BTreeSet<String> = STARTED.map(str::to_owned).into();
    for listing in saved_listings() {
        let server = &listing.server;
        let catalogue = Catalogue::for_server(server).unwrap_or_else(|| panic!("no catalogue of {server}"));
        assert_eq!(listing.version, catalogue.version, "{server}");
        assert!(listing.listed.starts_with("202"), "{server}");
        let listed = listing.tools.iter().map(|(name, tool)| (name.clone(), tool.arguments.iter().cloned().collect()));
        assert_same(server, &known_tools(catalogue), &listed.collect());
        compared.insert(listing.server);
    }
    let all: BTreeSet<String> = Catalogue::all().iter().map(|known| known.server.to_owned()).collect();
    assert_eq!(compared, all, "each catalogue has a listing, and each listing a catalogue");
}

/// A server's word that a tool only reads, or that it destroys, agrees with the catalogue or is known to be wrong. So a label that
/// slipped is seen where the server itself disagrees with it.
#[test]
fn where_a_server_claims_otherwise_somebody_has_looked() {
    let mut disagree = Vec::new();
    for listing in saved_listings() {
        let catalogue = Catalogue::for_server(&listing.server).unwrap();
        for (name, tool) in &listing.tools {
            let claims = |hint: &str| tool.hints.iter().any(|one| one == hint);
            let class = catalogue.find_tool(name).unwrap().class.as_str();
            let is_harmful = matches!(class, "execute" | "destructive" | "financial");
            let is_claimed_to_destroy = claims("destructive") && !tool.denied.iter().any(|hint| hint == "destructive");
            if (claims("readOnly") && is_harmful) || (is_claimed_to_destroy && class == "read") {
                disagree.push(format!("{} {name}", listing.server));
            }
        }
    }
    let known: Vec<_> = CLAIMS.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(disagree.iter().map(String::as_str).collect::<BTreeSet<_>>(), known.into_iter().collect());
}

const CLAIMS: &str = "
    exa agent_run
    gitlab execute_graphql
    mongodb aggregate
    mongodb aggregate-db
    mongodb atlas-connect-cluster
    mongodb connect
    mongodb export
    notion API-post-search
    notion API-query-data-source
    playwright browser_annotate
    slack-korotovsky attachment_get_data
    slack-korotovsky channels_list
    slack-korotovsky channels_me
    slack-korotovsky conversations_history
    slack-korotovsky conversations_replies
    slack-korotovsky conversations_search_messages
    slack-korotovsky conversations_unreads
    slack-korotovsky usergroups_list
    slack-korotovsky users_search
    supabase confirm_cost
";

fn list_tools(client: &mut Client) -> Listing {
    // What a client can do decides what `everything` lists.
    client.initialize(json!({
        "roots": {},
        "sampling": {},
        "elicitation": { "form": {}, "url": {} },
        "tasks": { "requests": { "sampling": { "createMessage": {} }, "elicitation": { "create": {} } } },
    }));
    let listed = client.request("tools/list", json!({}));
    let listed = &listed["result"];
    assert_eq!(listed.get("nextCursor"), None);
    let arguments = |tool: &Value| match tool["inputSchema"]["properties"].as_object() {
        Some(properties) => properties.keys().cloned().collect(),
        None => BTreeSet::new(),
    };
    let tools = listed["tools"].as_array().unwrap().iter();
    tools.map(|tool| (tool["name"].as_str().unwrap().to_owned(), arguments(tool))).collect()
}

#[test]
fn the_reference_servers_of_npm_list_what_their_catalogues_have() {
    let Some(upstream) = upstream() else { return };
    for (server, script) in
        [("everything", upstream.everything()), ("filesystem", upstream.filesystem()), ("memory", upstream.memory())]
    {
        let catalogue = Catalogue::for_server(server).unwrap();
        let package = upstream.folder.join("node_modules").join(catalogue.package).join("package.json");
        let package: Value = serde_json::from_slice(&fs::read(package).unwrap()).unwrap();
        assert_eq!(package["version"], catalogue.version, "{server}");
        let launch = Launch::new(&upstream.node).arg(script);
        let launch = match server {
            "filesystem" => {
                let home = fs::canonicalize(launch.home()).unwrap();
                launch.arg(home)
            }
            "memory" => {
                let file = launch.home().join("memory.jsonl");
                launch.env("MEMORY_FILE_PATH", file)
            }
            _ => launch.arg("stdio"),
        };
        let mut client = launch.start(Under::Nothing);
        assert_same(server, &known_tools(catalogue), &list_tools(&mut client));
        client.close_stdin();
    }
}

#[test]
fn the_git_server_of_pypi_lists_what_its_catalogue_has() {
    #[cfg(windows)]
    if crate::support::system::is_wine() {
        return crate::support::system::skip_part("there is no Python for Wine to install");
    }
    let Some(script) = git_server() else { return };
    let mut client = Launch::new(script).start(Under::Nothing);
    assert_same("git", &known_tools(Catalogue::for_server("git").unwrap()), &list_tools(&mut client));
    client.close_stdin();
}

fn catalogue_of(command: &[&str]) -> Option<&'static str> {
    find_started(command)?.catalogue().map(|known| known.server)
}

#[test]
fn each_server_is_known_by_its_package_image_program_and_host_alone() {
    for known in Catalogue::all() {
        let (server, package) = (Some(known.server), known.package);
        let versioned = format!("{package}@1.0");
        let evil = format!("evil-{}", package.trim_start_matches('@').replace('/', "-"));
        match known.registry {
            Registry::Npm => {
                assert_eq!(catalogue_of(&["npx", "-y", package]), server);
                assert_eq!(catalogue_of(&["npx", &versioned, "--flag"]), server);
                assert_eq!(catalogue_of(&["npx", &evil]), None);
                assert_ne!(catalogue_of(&["uvx", package]), server, "another registry's {package}");
                assert_eq!(catalogue_of(&["node", &format!("node_modules/{package}/index.js")]), None);
            }
            Registry::Pypi => {
                assert_eq!(catalogue_of(&["uvx", package]), server);
                assert_eq!(catalogue_of(&["uv", "tool", "run", &versioned]), server);
                assert_eq!(catalogue_of(&["uvx", &package.to_uppercase().replace(['-', '.'], "_")]), server);
                assert_eq!(catalogue_of(&["uvx", &package.replace(['-', '.'], "")]), None);
                assert_eq!(catalogue_of(&["uvx", &evil]), None);
                assert_ne!(catalogue_of(&["npx", package]), server, "another registry's {package}");
                assert_eq!(catalogue_of(&["python", "-m", &package.replace('-', "_")]), None);
            }
            Registry::Image | Registry::Program | Registry::Host => assert!(known.images.contains(&package)),
        }
        for program in known.programs {
            assert_eq!(catalogue_of(&[program]), server);
            assert_eq!(catalogue_of(&[&format!("/usr/local/bin/{program}")]), None);
            assert_eq!(catalogue_of(&[&format!("./{program}")]), None);
        }
        for image in known.images {
            let last = image.rsplit('/').next().unwrap();
            assert_eq!(catalogue_of(&["docker", "run", "-i", "--rm", &format!("{image}:latest")]), server);
            assert_eq!(catalogue_of(&["docker", "run", "-i", &format!("evil/{image}")]), None);
            assert_eq!(catalogue_of(&["docker", "run", "-i", last]), None, "{last}");
        }
        for host in known.hosts {
            assert_eq!(catalogue_of(&["npx", "mcp-remote", &format!("https://{host}/mcp")]), server);
            for other in [format!("https://{host}.evil.example/mcp"), format!("http://{host}/mcp")] {
                assert_eq!(catalogue_of(&["npx", "mcp-remote", &other]), None);
            }
        }
        // A name is a claim.
        let name = ServerName::parse(known.server).unwrap();
        assert_eq!(Server::of_command(&name, &["node", "server.js"]).catalogue(), None, "{name}");
        assert_eq!(catalogue_of(&["docker", "run", "-i", &format!("evil/{name}")]), None);
    }
}

#[test]
fn programs_of_any_server_identify_none() {
    for program in [
        "mcp",
        "server",
        "mcp-server",
        "mcp_server",
        "start",
        "main",
        "setup",
        "index.js",
        "cli",
        "stdio",
        "time",
        "git",
    ] {
        assert_eq!(catalogue_of(&[program]), None, "{program}");
        assert_eq!(catalogue_of(&["npx", "-y", program]), None, "{program}");
        assert_eq!(catalogue_of(&["uvx", program]), None, "{program}");
    }
}

#[test]
fn the_page_names_each_server_with_its_package() {
    let page = include_str!("../../docs/catalogues.md");
    for known in Catalogue::all() {
        let row = format!("| {} | `{}` | {} | {} |", known.server, known.package, known.version, known.tools().len());
        assert!(page.contains(&row), "docs/catalogues.md lacks the row {row}");
    }
    assert_eq!(page.matches("\n| ").count(), Catalogue::all().len() + 1, "a row for each server, and the head");
}

#[test]
fn the_known_servers_are_listed_and_the_tools_of_one_are_explained() {
    let home = Home::new();
    let list = home.good(&["catalogue"]);
    for known in Catalogue::all() {
        assert!(list.lines().any(|line| line.split_whitespace().next() == Some(known.server)), "{list}");
    }
    let page = home.good(&["catalogue", "Git"]);
    for tool in Catalogue::for_server("git").unwrap().tools() {
        assert!(page.contains(&tool.name) && page.contains(&tool.does), "{}: {page}", tool.name);
    }
    assert!(page.contains("mcp-server-git from PyPI") && page.contains("the image mcp/git"), "{page}");
    let page = home.good(&["catalogue", "github"]).replace("\n    ", " ");
    assert!(page.contains("(Read as write and as execute.)"), "where two readings differ, both are shown: {page}");
    let page = home.good(&["catalogue", "fetch"]).replace("\n    ", " ");
    assert!(page.contains("connects to `url`") && page.contains("Recommended: ask a person."), "{page}");

    let view: Value = serde_json::from_str(&home.good(&["catalogue", "--format", "json"])).unwrap();
    let servers = view["servers"].as_array().unwrap();
    assert_eq!(servers.len(), Catalogue::all().len());
    let git = servers.iter().find(|server| server["server"] == "git").unwrap();
    assert_eq!(git["classes"], json!({"read": 7, "write": 5, "execute": 0, "destructive": 0, "financial": 0}));
    assert!(git.get("tools").is_none());
}

#[test]
fn a_name_of_no_server_is_answered_with_the_nearest() {
    let home = Home::new();
    for (args, words) in [
        (&["catalogue", "gihtub"][..], "did you mean `github`?"),
        (&["catalogue", "zzz"], "`policylayer catalogue` lists them"),
        (&["catalogue", "draft"], "required"),
        (&["catalogue", "draft", "--", "python3", "server.py"], "--server NAME"),
        (&["catalogue", "draft", "--server", "../x", "--", "x"], "not a server name"),
    ] {
        let ran = home.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}\n{}", ran.err);
        assert!(ran.err.contains(words), "{args:?}\n{}", ran.err);
    }
}

#[test]
fn a_draft_is_the_file_of_a_catalogue_with_what_a_person_has_to_fill_in() {
    let home = Home::new();
    let offer = home.path().join("offer.json");
    let opened = json!({
        "protocolVersion": "2025-06-18", "capabilities": { "tools": {} }, "serverInfo": { "name": "shop", "version": "2.1" }
    });
    let tools = json!([
        { "name": "get_stock", "inputSchema": { "properties": { "sku": {}, "day": {} } } },
        { "name": "delete_shop", "inputSchema": {} },
    ]);
    fs::write(&offer, json!({ "initialize": opened, "tools/list": { "tools": tools } }).to_string()).unwrap();
    let stub = example("stub_server");
    let (stub, offer) = (stub.to_str().unwrap(), offer.to_str().unwrap());
    let ran = home.run(&["catalogue", "draft", "--server", "shop", "--", stub, "--offer", offer]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("from a registry") && ran.err.contains("config/catalogue/shop.json"), "{}", ran.err);
    let draft: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&draft["server"], &draft["version"]), (&json!("shop"), &json!("2.1")));
    let tool = |at: usize| &draft["tools"][at];
    assert_eq!((&tool(0)["tool"], &tool(0)["class"]), (&json!("delete_shop"), &json!("destructive")));
    assert_eq!((&tool(1)["class"], &tool(1)["arguments"]), (&json!("read"), &json!(["day", "sku"])));
    assert_eq!((&tool(1)["does"], &tool(1)["rationale"]), (&json!(""), &json!("")));
}
