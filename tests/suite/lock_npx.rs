//! The real `npx`, from a registry on this machine: a locked package starts at its version whatever is newest, and does not start once
//! it has other content.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Map, Value, json};

use crate::support::log::{Home, Ran};
use crate::support::node::program_of_node;

const SERVER: &str = r#"#!/usr/bin/env node
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line);
  if (id === undefined) return;
  const { version, description } = require('./package.json');
  const results = {
    initialize: { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'shop', version, title: description } },
    'tools/list': { tools: [{ name: 'get_lists', inputSchema: { type: 'object' } }] },
  };
  const answer = results[method] ? { result: results[method] } : { error: { code: -32601, message: 'no' } };
  console.log(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
});
"#;

struct Release {
    version: &'static str,
    integrity: String,
    archive: Vec<u8>,
}

/// Serves the releases of one package, the last one as the newest.
struct Registry {
    address: String,
    releases: Arc<Mutex<Vec<Release>>>,
}

impl Registry {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let releases = Arc::new(Mutex::new(Vec::new()));
        let (at, served) = (address.clone(), Arc::clone(&releases));
        // It ends with the tests.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (at, served) = (at.clone(), Arc::clone(&served));
                thread::spawn(move || answer(&stream, &at, &served));
            }
        });
        Self { address, releases }
    }

    /// Publishes a version, or other content under one.
    fn publish(&self, npm: &Path, version: &'static str, description: &str) {
        let folder = tempfile::tempdir().unwrap();
        let manifest = json!({ "name": "shop-mcp", "version": version, "description": description, "bin": { "shop-mcp": "index.js" } });
        fs::write(folder.path().join("package.json"), manifest.to_string()).unwrap();
        fs::write(folder.path().join("index.js"), SERVER).unwrap();
        let mut command = Command::new(npm);
        let packed =
            command.args(["pack", "--json"]).current_dir(folder.path()).env("HOME", folder.path()).output().unwrap();
        let written = String::from_utf8_lossy(&packed.stdout);
        let json: Value = serde_json::from_str(&written).unwrap_or_default();
        let integrity = json[0]["integrity"].as_str().unwrap_or_else(|| panic!("{packed:?}")).to_owned();
        let archive = fs::read(folder.path().join(json[0]["filename"].as_str().unwrap())).unwrap();
        let mut releases = self.releases.lock().unwrap();
        releases.retain(|release| release.version != version);
        releases.push(Release { version, integrity, archive });
    }
}

fn answer(stream: &TcpStream, address: &str, releases: &Mutex<Vec<Release>>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(path) = lines.next().and_then(|line| Some(line.split(' ').nth(1)?.to_owned())) else { return };
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let releases = releases.lock().unwrap();
    let archive = releases.iter().find(|release| path == format!("/{}.tgz", release.version));
    let (status, body) = match archive {
        Some(release) => ("200 OK", release.archive.clone()),
        None if path == "/shop-mcp" => {
            let manifest = |release: &Release| {
                let Release { version, integrity, .. } = release;
                let dist = json!({ "tarball": format!("{address}{version}.tgz"), "integrity": integrity });
                let of =
                    json!({ "name": "shop-mcp", "version": version, "bin": { "shop-mcp": "index.js" }, "dist": dist });
                ((*version).to_owned(), of)
            };
            let versions: Map<_, _> = releases.iter().map(manifest).collect();
            let latest = releases.last().unwrap().version;
            (
                "200 OK",
                json!({ "name": "shop-mcp", "dist-tags": { "latest": latest }, "versions": versions })
                    .to_string()
                    .into_bytes(),
            )
        }
        None => ("404 Not Found", b"{}".to_vec()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\ncache-control: max-age=0\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let mut stream = stream;
    let _ = stream.write_all(&[head.as_bytes(), &body].concat());
}

struct Desk {
    home: Home,
    npx: std::path::PathBuf,
}

impl Desk {
    fn run(&self, words: &[&str]) -> Ran {
        let mut command = self.home.command(&[words, &["--", "npx", "-y", "shop-mcp"]].concat());
        let folder = self.npx.parent().unwrap().display();
        command
            .env("PATH", format!("{folder}:/usr/bin:/bin"))
            .env("npm_config_prefix", self.home.path().join("prefix"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let open = "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},\"clientInfo\":{\"name\":\"c\",\"version\":\"1\"}}}\n";
        let mut stdin = child.stdin.take().unwrap();
        let mut out = String::new();
        if words == ["wrap"] {
            stdin.write_all(open.as_bytes()).unwrap();
            // npx needs its time; its server ends with its stdin.
            BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut out).unwrap();
        }
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        out.push_str(&String::from_utf8(output.stdout).unwrap());
        Ran { code: output.status.code(), out, err: String::from_utf8(output.stderr).unwrap() }
    }

    /// Starts a session, and returns what its server says that it is.
    fn started(&self) -> Value {
        let ran = self.run(&["wrap"]);
        let answer: Value =
            serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {} {}", ran.out, ran.err));
        answer["result"]["serverInfo"].clone()
    }
}

#[test]
fn the_real_npx_starts_what_was_locked() {
    let (Some(npm), Some(npx)) = (program_of_node("npm"), program_of_node("npx")) else { return };
    let (registry, desk) = (Registry::start(), Desk { home: Home::new(), npx });
    fs::write(desk.home.path().join(".npmrc"), format!("registry={}\n", registry.address)).unwrap();
    registry.publish(&npm, "1.0.0", "first");
    let locked = desk.run(&["lock"]);
    assert!(locked.out.contains("shop-mcp 1.0.0 from npm, held by its integrity"), "{}{}", locked.out, locked.err);

    registry.publish(&npm, "2.0.0", "second");
    // The first start fetches the locked version, the second one has it compared.
    for _ in 0..2 {
        assert_eq!(desk.started(), json!({ "name": "shop", "version": "1.0.0", "title": "first" }));
    }
    assert_eq!(desk.run(&["lock", "--check"]).code, Some(0));
    let diff = desk.run(&["lock", "diff"]);
    assert!(diff.out.contains("version 1.0.0 → 2.0.0"), "{}{}", diff.out, diff.err);

    // Somebody puts other content under the locked version, and the cache is gone.
    registry.publish(&npm, "1.0.0", "evil");
    fs::remove_dir_all(desk.home.path().join(".npm")).unwrap();
    assert_eq!(desk.started()["title"], "evil", "what is fetched is compared from the next start on");
    let ran = desk.run(&["wrap"]);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(ran.code == Some(1) && message.contains("what is installed as that version has sha512-"), "{message}");
    assert!(message.contains("policylayer lock diff shop"), "{message}");
}
