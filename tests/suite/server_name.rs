//! The name of a server, derived from the command that starts it. `-` stands for a command that does not tell.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use policylayer::env::Env;
use policylayer::paths::{find_policy, load_policy};
use policylayer::policy::ServerName;
use policylayer::policy::server::{derive_name, find_started};
use policylayer::settings::Settings;
use proptest::prelude::*;

const ROWS: &[(&str, &str)] = &[
    // Programs.
    ("iterable-mcp", "iterable"),
    ("/usr/local/bin/iterable-mcp", "iterable"),
    ("./target/release/github-mcp-server stdio", "github"),
    (r"C:\Tools\Iterable-MCP.exe --flag", "iterable"),
    ("mcp-server-time", "time"),
    ("mcp-server", "mcp-server"),
    ("server", "-"),
    // npm and its relatives.
    ("npx -y @iterable/mcp@1.9.0", "iterable"),
    ("npx.cmd -y @iterable/mcp", "iterable"),
    (r"C:\nodejs\npx.cmd --yes iterable-mcp@latest", "iterable"),
    ("npx -p @iterable/mcp iterable-mcp", "iterable"),
    ("npx --package=@iterable/mcp@1.9.0 -y other", "iterable"),
    ("npx -y --prefix /opt/x @modelcontextprotocol/server-everything stdio", "everything"),
    ("npx -y @modelcontextprotocol/server-filesystem /home/ana", "filesystem"),
    ("npx -y @playwright/mcp@latest --headless", "playwright"),
    ("npx -y mcp-server-fetch", "fetch"),
    ("npx -y @x/y", "y"),
    ("npx -y @acme/server", "acme"),
    ("npx -y github:acme/weather-mcp#v2", "weather"),
    ("npx", "-"),
    ("npm exec -y -- @iterable/mcp@1.9.0", "iterable"),
    ("npm --prefix /opt/x exec @iterable/mcp", "iterable"),
    ("npm start", "-"),
    ("pnpm dlx @iterable/mcp", "iterable"),
    ("yarn dlx -q @iterable/mcp", "iterable"),
    ("bunx @iterable/mcp", "iterable"),
    ("bun x @iterable/mcp", "iterable"),
    ("bun run /srv/weather/src/index.ts", "weather"),
    ("bun /srv/weather/index.ts", "weather"),
    // Scripts.
    ("node /opt/node_modules/@iterable/mcp/dist/index.js", "iterable"),
    ("node --enable-source-maps -r ./hook.js /opt/x/@iterable/mcp/dist/index.js", "iterable"),
    (r"node.exe C:\x\node_modules\iterable-mcp\build\index.js", "iterable"),
    ("node ./node_modules/.bin/iterable-mcp", "iterable"),
    ("/usr/bin/node /srv/weather/dist/index.js", "weather"),
    ("node index.js", "-"),
    ("deno run -A npm:@iterable/mcp", "iterable"),
    ("deno run --allow-net /srv/weather/main.ts", "weather"),
    // Python.
    ("uvx iterable-mcp", "iterable"),
    ("uvx --from iterable-mcp==1.2 start", "iterable"),
    ("uvx --python 3.12 mcp-server-git@latest --repository .", "git"),
    ("uvx --from git+https://github.com/acme/weather-mcp.git@main weather", "weather"),
    ("uv tool run mcp-server-fetch", "fetch"),
    ("uv --directory /srv/weather run server.py", "weather"),
    ("uv run --with mcp[cli] mcp-server-sqlite", "sqlite"),
    ("uv run python -m mcp_server_fetch", "fetch"),
    ("pipx run mcp-server-fetch", "fetch"),
    ("pipx run --spec iterable-mcp==1.2 serve", "iterable"),
    ("python -m mcp_server_fetch", "fetch"),
    ("/usr/bin/python3.12 -u -m mcp_server_git.server", "git"),
    ("py -3 /srv/weather/server.py", "weather"),
    ("python weather_server.py", "weather"),
    ("python -c pass", "-"),
    // Containers.
    ("docker run -i --rm -e KEY mcp/github", "github"),
    ("docker run -i --rm -e KEY=1 -v /a:/b --name x ghcr.io/github/github-mcp-server:v1", "github"),
    ("docker run --rm -i localhost:5000/acme/mcp-server@sha256:00ff", "acme"),
    ("podman run -i mcp/fetch:latest", "fetch"),
    ("docker exec -i box npx -y @iterable/mcp", "iterable"),
    ("docker ps", "-"),
    // Launchers before launchers.
    ("env A=b -u C iterable-mcp", "-"),
    ("env -u C A=b iterable-mcp", "iterable"),
    ("env -i A=b npx -y @iterable/mcp", "iterable"),
    ("cmd /c npx -y @iterable/mcp", "iterable"),
    ("cmd.exe /d /s /c npx.cmd -y @iterable/mcp", "iterable"),
    ("env env env env env env env env env env iterable-mcp", "-"),
    ("op run --env-file=.env -- npx -y @iterable/mcp", "iterable"),
    ("doppler run -p shop -- uvx mcp-server-git", "git"),
    ("envmcp npx -y @iterable/mcp", "iterable"),
    ("npx -y envmcp npx -y @iterable/mcp", "iterable"),
    ("dotenv -e .env -- npx -y @iterable/mcp", "iterable"),
    ("npx dotenv-cli -- npx -y @iterable/mcp", "iterable"),
    ("mise exec node@22 -- npx -y @iterable/mcp", "iterable"),
    ("mise x -- npx -y @iterable/mcp", "iterable"),
    ("fnm exec --using=22 npx -y @iterable/mcp", "iterable"),
    ("volta run --node 22 npx -y @iterable/mcp", "iterable"),
    ("wsl -d Ubuntu npx -y @iterable/mcp", "iterable"),
    ("wsl.exe -e npx -y @iterable/mcp", "iterable"),
    ("timeout -k 5 3600 npx -y @iterable/mcp", "iterable"),
    ("caffeinate -i npx -y @iterable/mcp", "iterable"),
    ("nice -n 10 npx -y @iterable/mcp", "iterable"),
    // Bridges are named by the host that they reach.
    ("npx -y mcp-remote https://mcp.linear.app/sse", "mcp.linear.app"),
    ("npx -y mcp-remote@latest https://mcp.notion.com/mcp 8080 --debug", "mcp.notion.com"),
    ("npx mcp-remote --header X:1 http://localhost:8123/mcp", "localhost-8123"),
    ("npx -y supergateway --streamableHttp https://MCP.Example.com:443/mcp", "mcp.example.com"),
    ("uvx mcp-proxy --token-url https://login.example.com/t https://mcp.example.com/sse", "mcp.example.com"),
    ("mcp-proxy https://user@mcp.example.com/sse", "mcp.example.com"),
    ("npx -y mcp-remote", "remote"),
    // Others.
    ("java -Xmx1g -jar /opt/weather-mcp.jar", "weather"),
    ("go run github.com/acme/weather-mcp@latest", "weather"),
    ("cargo run", "-"),
];

#[test]
fn names_are_derived_from_commands() {
    let wrong: Vec<_> = ROWS
        .iter()
        .filter_map(|(command, expected)| {
            let words: Vec<&str> = command.split(' ').collect();
            let name = derive_name(&words);
            let found = name.as_ref().map_or("-", ServerName::as_str);
            (found != *expected).then(|| format!("{command}: {found}, not {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What a repository or a stranger can choose is no proof of a server: `-` stands for no known server.
const IDENTITIES: &[(&str, &str)] = &[
    ("npx -y @iterable/mcp", "iterable"),
    ("npx -y @iterable/mcp@1.9.0", "iterable"),
    ("npx -p @iterable/mcp iterable-mcp", "iterable"),
    ("pnpm dlx @iterable/mcp", "iterable"),
    ("deno run -A npm:@iterable/mcp", "iterable"),
    ("cmd /c npx -y @iterable/mcp", "iterable"),
    ("op run -- npx -y @iterable/mcp", "iterable"),
    ("env ITERABLE_API_KEY=x npx -y @iterable/mcp", "iterable"),
    ("npx -y other@npm:@iterable/mcp@1.9.0", "iterable"),
    ("iterable-mcp", "iterable"),
    ("iterable-mcp.cmd", "iterable"),
    // Others that end alike.
    ("npx -y iterable-mcp", "-"),
    ("npx -y @evil/iterable-mcp", "-"),
    ("npx -y @iterable/mcp-server", "-"),
    ("npx -y @Iterable/mcp", "-"),
    ("npx -y iterable", "-"),
    ("uvx iterable-mcp", "-"),
    ("docker run -i evil/iterable-mcp", "-"),
    ("docker run -i iterable/mcp", "-"),
    ("docker exec -i box npx -y @iterable/mcp", "-"),
    // Paths, repositories, archives, and what stands for a version.
    ("npx -y github:iterable/mcp", "-"),
    ("npx -y iterable/mcp", "-"),
    ("npx -y https://example.com/@iterable/mcp.tgz", "-"),
    ("npx -y ./@iterable/mcp", "-"),
    ("npx -y @iterable/mcp@npm:@evil/mcp", "-"),
    ("npx -y @iterable/mcp@github:evil/mcp", "-"),
    ("npx -y @iterable/mcp@file:../mcp", "-"),
    ("npx -y @iterable/mcp@https://example.com/x.tgz", "-"),
    ("node ./node_modules/@iterable/mcp/dist/index.js", "-"),
    ("./iterable-mcp", "-"),
    ("/usr/local/bin/iterable-mcp", "-"),
    ("uv run iterable-mcp", "-"),
    ("python -m iterable_mcp", "-"),
    // What steers the same words elsewhere.
    ("npx -y --registry https://example.com @iterable/mcp", "-"),
    ("npx -y --registry=https://example.com @iterable/mcp", "-"),
    ("npx -y --prefix /tmp/x @iterable/mcp", "-"),
    ("npx -y -p @evil/x -p @iterable/mcp iterable-mcp", "-"),
    ("npm --userconfig x exec @iterable/mcp", "-"),
    ("env npm_config_registry=https://example.com npx -y @iterable/mcp", "-"),
    ("env NPM_CONFIG_REGISTRY=https://example.com npx -y @iterable/mcp", "-"),
    ("env PATH=/tmp/x iterable-mcp", "-"),
    ("env NODE_OPTIONS=--require=/tmp/x.js npx -y @iterable/mcp", "-"),
    ("env -u PATH npm_config_registry=https://example.com npx -y @iterable/mcp", "-"),
    ("env -C /tmp/x npx -y @iterable/mcp", "-"),
    ("env -u HOME npx -y @iterable/mcp", "iterable"),
    ("npx -p @iterable/mcp sh -c evil", "-"),
    ("npx -p @iterable/mcp node evil.js", "-"),
    ("npx -p @iterable/mcp", "-"),
    ("npx --call=evil @iterable/mcp", "-"),
    ("npx --node-options=--require=./x.js @iterable/mcp", "-"),
    ("npx --script-shell ./x @iterable/mcp", "-"),
    ("npx --cache ./x @iterable/mcp", "-"),
    ("deno run -A --import-map=x.json npm:@iterable/mcp", "-"),
    ("deno run --preload x.ts npm:@iterable/mcp", "-"),
    ("sudo -D /tmp/x npx -y @iterable/mcp", "-"),
    ("wsl --cd /tmp/x npx -y @iterable/mcp", "-"),
    ("mise exec npm:evil@1 -- npx -y @iterable/mcp", "-"),
    ("mise exec node@path:/tmp/x -- npx -y @iterable/mcp", "-"),
    ("fnm exec --fnm-dir=/tmp/x npx -y @iterable/mcp", "-"),
    ("dotenv -v NODE_OPTIONS=--require=./x.js -- npx -y @iterable/mcp", "-"),
    ("cmd /c npx -y @iterable/mcp & evil", "-"),
    ("cmd /c set npm_config_registry=https://example.com&& npx -y @iterable/mcp", "-"),
    // A launcher, or a bridge, from elsewhere.
    ("./npx -y @iterable/mcp", "-"),
    (r"bin\npx.cmd -y @iterable/mcp", "-"),
    ("/opt/node/bin/npx -y @iterable/mcp", "iterable"),
    (r"C:\nodejs\npx.cmd -y @iterable/mcp", "iterable"),
    ("./op run -- npx -y @iterable/mcp", "-"),
    ("npx -y @iterable/mcp-remote https://example.com", "-"),
];

#[test]
fn only_the_very_package_is_the_known_server() {
    let identity = |command: &str| {
        let words: Vec<&str> = command.split(' ').collect();
        find_started(&words).and_then(|started| started.catalogue()).map_or("-", |known| known.server)
    };
    let wrong: Vec<_> = IDENTITIES
        .iter()
        .filter(|(command, expected)| identity(command) != *expected)
        .map(|(command, expected)| format!("{command}: {}, not {expected}", identity(command)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (line, expected) in [
        ("npx -y @iterable/mcp", true),
        ("exec npx -y '@iterable/mcp'", true),
        ("cd /tmp/x && npx -y @iterable/mcp", false),
        ("npx() { evil; }; npx -y @iterable/mcp", false),
        ("NODE_OPTIONS=--require=./x.js npx -y @iterable/mcp", false),
        ("npx -y @iterable/mcp; evil", false),
        ("$NPX -y @iterable/mcp", false),
    ] {
        for words in [["sh", "-c", line], ["bash", "-lc", line]] {
            let found = find_started(&words).and_then(|started| started.catalogue()).is_some();
            assert_eq!(found, expected, "{words:?}");
        }
    }
    let shell = ["bash", "--rcfile", "x", "-c", "npx -y @iterable/mcp"];
    assert_eq!(find_started(&shell).and_then(|started| started.catalogue()), None);
}

/// What parses as one address for us is no other for the bridge.
#[test]
fn a_bridges_address_is_read_as_the_bridge_reads_it() {
    for (address, host) in [
        ("https://mcp.linear.app/sse", "mcp.linear.app"),
        ("HTTPS://mcp.linear.app/sse", "mcp.linear.app"),
        ("https://mcp.linear.app/v1/mcp/?key=s3cret", "mcp.linear.app"),
        ("https://server.smithery.ai/@Owner/github-issues/mcp", "server.smithery.ai-owner-github-issues"),
        ("https://api.githubcopilot.com/mcp/x/issues/", "api.githubcopilot.com-x-issues"),
        ("https://mcp.zapier.com/api/mcp/s/ZmFrZS1rZXk6MTIzNDU2Nzg5MA/mcp", "mcp.zapier.com-eb202cbe"),
        ("https://mcp.linear.app@example.com/", "example.com"),
        (r"https://example.com\@mcp.linear.app/", "example.com"),
        ("https://example.com?@mcp.linear.app/", "example.com"),
        ("https://example.com#@mcp.linear.app/", "example.com"),
    ] {
        let name = derive_name(&["npx", "-y", "mcp-remote", address]);
        assert_eq!(name.as_ref().map(ServerName::as_str), Some(host), "{address}");
    }
    let said = |words: &[&str]| find_started(words).unwrap().to_string();
    assert!(said(&["npx", "mcp-remote", "http://mcp.linear.app/"]).contains("without TLS"));
    let two = ["npx", "mcp-remote", "--debug", "https://example.com/", "https://mcp.linear.app/"];
    assert!(said(&two).contains("several addresses"), "{}", said(&two));
    assert!(said(&["uvx", "mcp-proxy", "--no-verify-ssl", "https://mcp.linear.app/"]).contains("may change what runs"));
}

#[test]
fn how_a_server_is_known_is_said() {
    for (command, said) in [
        ("npx -y @iterable/mcp", "@iterable/mcp from npm, unpinned: `npx` runs whatever is newest"),
        ("npx -y @iterable/mcp@latest", "@iterable/mcp from npm, unpinned: `npx` runs whatever is newest"),
        ("npx -y @iterable/mcp@1.9.0", "@iterable/mcp from npm, 1.9.0"),
        ("uvx --from mcp[cli]==1.2 x", "mcp from PyPI, 1.2"),
        ("docker run -i evil/iterable-mcp", "the image evil/iterable-mcp, unpinned: a tag can be moved"),
        ("node /srv/x.js", "/srv/x.js, which no registry vouches for"),
        ("npx -y mcp-remote https://mcp.linear.app/sse", "mcp.linear.app, through a bridge"),
        (
            "npx --registry https://example.com @iterable/mcp@1.9.0",
            "@iterable/mcp from npm, 1.9.0; an option before it may change what runs",
        ),
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        assert_eq!(find_started(&words).unwrap().to_string(), said, "{command}");
    }
}

#[test]
fn a_shell_runs_what_its_command_line_says() {
    for (line, expected) in [
        ("npx -y @iterable/mcp", Some("iterable")),
        ("cd /srv && KEY=1 exec npx -y @iterable/mcp", Some("iterable")),
        ("'/opt/iterable-mcp' --x", Some("iterable")),
        ("", None),
    ] {
        assert_eq!(derive_name(&["sh", "-c", line]).as_ref().map(ServerName::as_str), expected, "{line}");
        assert_eq!(derive_name(&["/bin/bash", "-lc", line]).as_ref().map(ServerName::as_str), expected, "{line}");
    }
    assert_eq!(derive_name(&["cmd", "/c", "npx -y @iterable/mcp"]).as_ref().map(ServerName::as_str), Some("iterable"));
    assert_eq!(derive_name::<&str>(&[]), None);
}

#[test]
fn a_given_name_is_checked() {
    for good in ["iterable", "Iterable", "a", "a.b_c-d", "7"] {
        assert_eq!(ServerName::parse(good).map(|name| name.to_string()), Ok(good.to_lowercase()));
    }
    for bad in ["", ".", "..", "a/b", r"a\b", "-a", "_a", "a b", "é", "a\n", &"a".repeat(65)] {
        assert!(ServerName::parse(bad).is_err(), "{bad}");
    }
}

/// Policies and logs are named after servers, and Windows takes such a name for a device whatever its ending.
#[test]
fn no_server_is_named_after_a_device_of_windows() {
    for device in ["con", "prn", "aux", "nul", "com1", "com9", "lpt1", "NUL", "Aux", "aux.v2", "con.toml"] {
        let said = ServerName::parse(device).unwrap_err().to_string();
        let other = device.to_lowercase().replacen(device.to_lowercase().split('.').next().unwrap(), "", 1);
        let stem = device.to_lowercase().split('.').next().unwrap().to_owned();
        assert!(said.contains("device") && said.contains(&format!("`{stem}-server{other}`")), "{said}");
    }
    for companion in ["t.lock", "T.Test", "a.b.lock"] {
        let said = ServerName::parse(companion).unwrap_err().to_string();
        assert!(said.contains("the lock or the tests of another server"), "{said}");
        assert!(
            said.contains(&companion.to_lowercase().replacen(".lock", "-lock", 1).replace(".test", "-test")),
            "{said}"
        );
    }
    for name in ["lock", "test", "t-lock", "lock.t", "t.locks"] {
        assert!(ServerName::parse(name).is_ok(), "{name}");
    }
    for name in ["com", "com0", "com10", "lpt", "auxiliary", "console", "nul-1", "a.con", "aux-server"] {
        assert!(ServerName::parse(name).is_ok(), "{name}");
    }
    for (command, name) in
        [("npx -y aux-mcp", "aux-server"), ("npx -y @me/nul", "nul-server"), ("uvx con", "con-server")]
    {
        let words: Vec<&str> = command.split(' ').collect();
        let derived = derive_name(&words).unwrap();
        assert_eq!(derived.as_str(), name, "{command}");
        assert_eq!(derived.device_name().map(|device| format!("{device}-server")).as_deref(), Some(name));
    }
    for name in ["aux", "iterable", "iterable-server", "aux-server-2"] {
        let name = ServerName::parse(name).unwrap_or_else(|_| ServerName::unknown());
        assert_eq!(name.device_name(), None, "{name}");
    }
}

/// A policy that its author believes to be in force, and that is not looked at, must not go unnoticed.
#[test]
fn a_policy_that_is_named_after_no_server_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policylayer").join("policies");
    std::fs::create_dir_all(&policies).unwrap();
    let env = Env::new([("XDG_CONFIG_HOME", folder.path())], folder.path());
    let find = |name: &str| {
        find_policy(None, &ServerName::parse(name).unwrap(), &Settings::default(), &env)
            .map_err(|error| error.to_string())
    };
    assert_eq!(find("aux-server"), Ok(None));
    std::fs::write(policies.join("Iterable.toml"), "").unwrap();
    std::fs::write(policies.join("other.toml"), "").unwrap();
    match find("iterable") {
        // Where upper and lower case are the same, it is the policy.
        Ok(found) => assert!(found.is_some_and(|path| path.exists())),
        Err(said) => assert!(said.contains("Iterable.toml") && said.contains("Rename it to iterable.toml"), "{said}"),
    }
    assert_eq!(find("elsewhere"), Ok(None));
    // Windows has no such file.
    if cfg!(unix) {
        std::fs::write(policies.join("aux.yaml"), "").unwrap();
        let said = find("aux-server").unwrap_err();
        assert!(said.contains("device") && said.contains("Rename it to aux-server.yaml"), "{said}");
    }
    assert_eq!(find("nul-server"), Ok(None));
}

/// `remote.toml` was for every server behind mcp-remote, when all of them had that name.
#[test]
fn a_policy_for_a_bridge_does_not_lapse_unseen() {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policylayer").join("policies");
    std::fs::create_dir_all(&policies).unwrap();
    let env = Env::new([("XDG_CONFIG_HOME", folder.path()), ("APPDATA", folder.path())], folder.path());
    let settings = Settings::default();
    let load = |words: &str, named: Option<&str>| {
        let words: Vec<&str> = words.split(' ').collect();
        let named = named.map(|name| ServerName::parse(name).unwrap());
        let server = settings.server_of_command(named.as_ref(), &words).unwrap();
        load_policy(None, &server, &settings, &env)
            .map(|loaded| loaded.source.is_some())
            .map_err(|error| error.to_string())
    };
    let linear = "npx -y mcp-remote https://mcp.linear.app/sse";
    assert_eq!(load(linear, None), Ok(false));
    let text = "version = \"1\"\ndefault = \"deny\"\n";
    std::fs::write(policies.join("remote.toml"), text).unwrap();
    let said = load(linear, None).unwrap_err();
    assert!(said.contains("remote.toml would not be read") && said.contains("mcp.linear.app.toml"), "{said}");
    assert_eq!(load(linear, Some("remote")), Ok(true), "who names it means it");
    assert_eq!(load(linear, Some("linear")), Ok(false));
    assert_eq!(load("npx -y @acme/remote", None), Ok(true));
    std::fs::write(policies.join("mcp.linear.app.toml"), text).unwrap();
    assert_eq!(load(linear, None), Ok(true));
}

proptest! {
    #[test]
    fn a_derived_name_is_never_a_path(words in prop::collection::vec("([a-z@/.:=\\\\-]|mcp|server|npx|env|-c| ){0,6}|\\PC{0,8}", 0..5)) {
        if let Some(name) = derive_name(&words) {
            prop_assert!(ServerName::parse(name.as_str()).as_ref() == Ok(&name), "{name}");
        }
    }
}
