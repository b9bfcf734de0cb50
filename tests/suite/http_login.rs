//! `policylayer login`, and what a session over HTTP does with it: authorization servers that do all right, and those that do not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support;

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::client::{Client, Launch, Under};
use support::http_server::{HttpServer, Received, Then, event, greet, json_reply, reply, text_result};
use support::log::Ran;
use support::system::{PATIENCE, at_home, program, without_variables};
use tempfile::TempDir;

const ALLOW: Under<'_> = Under::Policy(r#"{"version":"1","default":"allow"}"#);
const PRM: &str = "/.well-known/oauth-protected-resource/mcp";
const METADATA: &str = "/.well-known/oauth-authorization-server";

/// What the server and its authorization server know.
#[derive(Default)]
struct Books {
    /// What is answered to a path instead of the usual.
    instead: HashMap<String, Vec<u8>>,
    /// The tokens that are good, and their scopes.
    good: HashMap<String, String>,
    /// The only token that brings the next one.
    refresh: String,
    given: u32,
    renewals: u32,
    /// What a call needs.
    call_scope: Option<String>,
    /// How many renewals fail from now on.
    failures: u32,
    /// Whether it has messages of its own.
    has_stream: bool,
    /// What a renewal waits for, at the server.
    until: Option<Arc<Barrier>>,
    asked_scope: String,
}

/// A server over HTTP that wants a login, and its authorization server, at one address.
struct Guarded {
    server: HttpServer,
    books: Arc<Mutex<Books>>,
    /// Where `login` looks for programs: nowhere, so that it finds no keychain.
    path: OsString,
}

fn path_of(request: &Received) -> &str {
    request.target.split('?').next().unwrap()
}

fn fields(text: &str) -> HashMap<String, String> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

fn form(request: &Received) -> HashMap<String, String> {
    fields(&String::from_utf8_lossy(&request.body))
}

impl Books {
    fn answer(&mut self, request: &Received) -> Vec<u8> {
        let base = format!("http://{}", request.header("host"));
        let path = path_of(request);
        if let Some(instead) = self.instead.get(path) {
            return instead.clone();
        }
        match path {
            PRM => json_reply(&json!({"resource": format!("{base}/mcp"), "authorization_servers": [base]})),
            METADATA => json_reply(&metadata(&base)),
            "/register" => {
                let client = json!({"client_id": "client-1", "redirect_uris": request.message()["redirect_uris"]});
                reply(&["201 Created", "Content-Type: application/json"], &client.to_string())
            }
            "/token" => self.give_token(&form(request)),
            "/revoke" => reply(&["200 OK"], ""),
            "/mcp" => self.serve_session(request, &base),
            _ => reply(&["404 Not Found"], ""),
        }
    }

    fn give_token(&mut self, form: &HashMap<String, String>) -> Vec<u8> {
        if form["grant_type"] == "refresh_token" {
            self.renewals += 1;
            if self.failures > 0 {
                self.failures -= 1;
                return refusal("503 Service Unavailable", "temporarily_unavailable", "later");
            }
            if form["refresh_token"] != self.refresh {
                let refused = json!({"error": "invalid_grant", "error_description": "used before"}).to_string();
                return reply(&["400 Bad Request", "Content-Type: application/json"], &refused);
            }
        }
        self.given += 1;
        let token = format!("s3cret-access-{}", self.given);
        self.refresh = format!("s3cret-refresh-{}", self.given);
        self.good.insert(token.clone(), self.asked_scope.clone());
        json_reply(&json!({
            "access_token": token, "token_type": "bearer", "expires_in": "3600", "refresh_token": self.refresh,
        }))
    }

    fn serve_session(&self, request: &Received, base: &str) -> Vec<u8> {
        let token = request.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
        let Some(scopes) = self.good.get(token) else {
            let challenge = format!("WWW-Authenticate: Bearer resource_metadata=\"{base}{PRM}\"");
            return reply(&["401 Unauthorized", &challenge], "");
        };
        if let Some(scope) =
            self.call_scope.as_ref().filter(|scope| request.is("tools/call") && !scopes.contains(*scope))
        {
            let challenge = format!("WWW-Authenticate: Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
            return reply(&["403 Forbidden", &challenge], "");
        }
        let id = request.message()["id"].clone();
        match greet(request) {
            _ if self.has_stream && request.method == "GET" => {
                let changed = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
                reply(&["200 OK", "Content-Type: text/event-stream"], &String::from_utf8_lossy(&event(&changed)))
            }
            Some(bytes) => bytes,
            None if request.is("tools/call") => json_reply(&text_result(request, "done")),
            None => json_reply(&json!({"jsonrpc": "2.0", "id": id, "result": {}})),
        }
    }
}

fn metadata(base: &str) -> Value {
    json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "registration_endpoint": format!("{base}/register"),
        "revocation_endpoint": format!("{base}/revoke"),
        "code_challenge_methods_supported": ["S256"],
    })
}

impl Guarded {
    fn start() -> Self {
        let books = Arc::<Mutex<Books>>::default();
        let kept = Arc::clone(&books);
        let server = HttpServer::start(move |request, connection| {
            let waits = kept.lock().unwrap().until.clone().filter(|_| {
                request.method == "DELETE"
                    || String::from_utf8_lossy(&request.body).contains("grant_type=refresh_token")
            });
            let bytes = kept.lock().unwrap().answer(request);
            if let Some(barrier) = waits {
                barrier.wait();
                // The other request is answered first, and with it the session is over.
                if request.method != "DELETE" {
                    thread::sleep(std::time::Duration::from_millis(200));
                }
            }
            let _ = connection.write_all(&bytes).and_then(|()| connection.flush());
            Then::Keep
        });
        Self { server, books, path: OsString::new() }
    }

    fn base(&self) -> &str {
        self.server.url.strip_suffix("/mcp").unwrap()
    }

    fn instead(&self, path: &str, answer: Vec<u8>) {
        self.books.lock().unwrap().instead.insert(path.to_owned(), answer);
    }

    fn received(&self, path: &str) -> Vec<Received> {
        let mut received = self.server.received();
        received.retain(|request| path_of(request) == path);
        received
    }

    fn command(&self, home: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(program());
        at_home(without_variables(&mut command), home).args(words).args(["--url", &self.server.url]);
        if !self.path.is_empty() {
            command.env("PATH", &self.path);
        }
        command
    }

    /// Starts a login, and returns what the person is to open; nothing if it does not get that far.
    fn begin_login(&self, home: &Path, more: &[&str]) -> Login {
        let words: Vec<_> = ["login", "--no-open"]
            .iter()
            .chain(if more.is_empty() { &["--store", "file"][..] } else { more })
            .copied()
            .collect();
        let mut command = self.command(home, &words);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut out, mut page) = (BufReader::new(child.stdout.take().unwrap()), String::new());
        out.read_line(&mut page).unwrap();
        let asked = fields(page.trim_end().split_once('?').map_or("", |(_, query)| query));
        self.books.lock().unwrap().asked_scope = asked.get("scope").cloned().unwrap_or_default();
        Login { child, out, asked }
    }

    /// Logs in, as a person does who says yes.
    fn log_in(&self, home: &Path) -> HashMap<String, String> {
        let (asked, said) = self.log_in_with(home, &[]);
        assert!(said.ends_with("which only your user can read: that was asked for.\n"), "{said}");
        asked
    }

    /// The same with these words, and what is said of it.
    fn log_in_with(&self, home: &Path, more: &[&str]) -> (HashMap<String, String>, String) {
        let mut login = self.begin_login(home, more);
        assert!(
            login.come_back(&[("code", "c0de"), ("state", &login.asked["state"].clone())]).contains("Answer received")
        );
        let asked = login.asked.clone();
        let ran = login.end();
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.out.contains("Logged in to http://localhost:"), "{}", ran.out);
        assert!(!(ran.out.clone() + &ran.err).contains("s3cret"));
        (asked, ran.out)
    }
}

/// A login that waits for the browser.
struct Login {
    child: Child,
    out: BufReader<ChildStdout>,
    asked: HashMap<String, String>,
}

impl Login {
    /// Comes back from the browser with these parameters, and returns what it shows.
    fn come_back(&mut self, with: &[(&str, &str)]) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(with).finish();
        let (host, path) = self.redirect();
        let mut stream = TcpStream::connect(&host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path}?{query} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        let mut shown = String::new();
        stream.read_to_string(&mut shown).unwrap();
        shown
    }

    fn redirect(&self) -> (String, String) {
        let rest = self.asked["redirect_uri"].strip_prefix("http://").unwrap();
        let (host, path) = rest.split_once('/').unwrap();
        (host.to_owned(), format!("/{path}"))
    }

    fn end(mut self) -> Ran {
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        Ran { code: self.child.wait().unwrap().code(), out, err }
    }
}

/// A session whose state is in this home.
fn connect(guarded: &Guarded, home: &Path) -> Client {
    let state = home.join(if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/state" });
    Launch::new(&guarded.server.url).env("XDG_STATE_HOME", state).start(ALLOW)
}

fn initialize(client: &mut Client) -> Value {
    let about = json!({"name": "test", "version": "1"});
    client.request("initialize", json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": about}))
}

#[track_caller]
fn error_of(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap_or_else(|| panic!("no error: {answer}"))
}

fn all_files(dir: &Path) -> Vec<std::path::PathBuf> {
    let (mut dirs, mut files) = (vec![dir.to_owned()], Vec::new());
    while let Some(dir) = dirs.pop() {
        // What a session that runs replaces a file by has its name for a moment.
        for path in std::fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            if path.is_dir() { dirs.push(path) } else { files.push(path) }
        }
    }
    files
}

#[test]
fn a_session_says_that_it_needs_a_login_and_goes_on_after_it() {
    let (guarded, home) = (Guarded::start(), TempDir::new().unwrap());
    let mut client = connect(&guarded, home.path());
    let refused = initialize(&mut client);
    assert!(error_of(&refused).contains("wants a login"), "{refused}");
    let command = error_of(&refused).split('`').nth(1).unwrap().to_owned();
    assert!(command.starts_with("policylayer login localhost"), "{command}");

    let asked = guarded.log_in(home.path());
    assert_eq!(asked["response_type"], "code");
    assert_eq!(asked["resource"], guarded.server.url);
    assert_eq!(asked["code_challenge_method"], "S256");
    assert!(!asked.contains_key("scope"), "nothing names a scope");
    let exchange = form(&guarded.received("/token")[0]);
    let challenge = Sha256::digest(exchange["code_verifier"].as_bytes());
    assert_eq!(decode_url_base64(&asked["code_challenge"]), challenge.as_slice());
    assert_eq!((&*exchange["code"], &*exchange["client_id"]), ("c0de", "client-1"));
    assert_eq!((&exchange["resource"], &exchange["redirect_uri"]), (&guarded.server.url, &asked["redirect_uri"]));
    let registered = guarded.received("/register")[0].message();
    assert_eq!(registered["redirect_uris"], json!([asked["redirect_uri"]]));
    assert_eq!(registered["token_endpoint_auth_method"], "none");

    // The same session, which was not started anew.
    assert!(initialize(&mut client)["result"].is_object());
    client.notify("notifications/initialized");
    assert_eq!(client.call("t", json!({}))["result"]["content"][0]["text"], "done");
    // Nobody but the server sees a token, and the file is private.
    assert!(!client.transcript().contains("s3cret"));
    let with_token: Vec<_> = [home.path(), client.home()]
        .iter()
        .flat_map(|dir| all_files(dir))
        .filter(|file| String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).contains("s3cret"))
        .collect();
    assert!(
        matches!(with_token.as_slice(), [one] if one.parent().unwrap().ends_with("policylayer/logins")),
        "{with_token:?}"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(with_token[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    for request in guarded.server.received() {
        assert!(path_of(&request) == "/mcp" || !request.headers.values().any(|value| value.contains("s3cret")));
        assert!(!request.target.contains("s3cret"));
    }

    let output = guarded.command(home.path(), &["logout"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("Logged out, and the authorization server was told"), "{said}");
    assert_eq!(form(&guarded.received("/revoke")[0])["token"], "s3cret-refresh-1");
    assert!(error_of(&client.call("t", json!({}))).contains("wants a login"));
    let again = guarded.command(home.path(), &["logout"]).output().unwrap();
    assert!(String::from_utf8(again.stdout).unwrap().starts_with("There was no login for"));
}

fn decode_url_base64(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = text.chars().flat_map(|c| {
        let digit = DIGITS.find(c).unwrap();
        (0..6).rev().map(move |bit| digit >> bit & 1)
    });
    bits.collect::<Vec<_>>().chunks_exact(8).map(|byte| byte.iter().fold(0, |all, bit| all << 1 | *bit as u8)).collect()
}

/// A token that brings the next one is good once: whoever comes second would lose the login for all.
#[test]
fn many_sessions_renew_a_login_once() {
    let (guarded, home) = (Guarded::start(), TempDir::new().unwrap());
    guarded.log_in(home.path());
    let mut clients: Vec<_> = (0..6).map(|_| connect(&guarded, home.path())).collect();
    clients.iter_mut().for_each(|client| drop(client.initialize(json!({}))));
    for round in 1..=3 {
        guarded.books.lock().unwrap().good.clear();
        let barrier = &Barrier::new(clients.len());
        thread::scope(|scope| {
            for client in &mut clients {
                scope.spawn(move || {
                    barrier.wait();
                    assert_eq!(
                        client.call("t", json!({}))["result"]["content"][0]["text"],
                        "done",
                        "{}",
                        client.stderr()
                    );
                });
            }
        });
        assert_eq!(guarded.books.lock().unwrap().renewals, round);
    }
    // Where it is not renewed any more, the login is over, and nothing asks again and again.
    guarded.books.lock().unwrap().good.clear();
    guarded.books.lock().unwrap().refresh.clear();
    for _ in 0..3 {
        assert!(error_of(&clients[0].call("t", json!({}))).contains("policylayer login localhost"));
    }
    assert_eq!(guarded.books.lock().unwrap().renewals, 4);
    guarded.log_in(home.path());
    assert_eq!(clients[0].call("t", json!({}))["result"]["content"][0]["text"], "done");
}

/// What brings the next token is good once, so the answer to a renewal is not thrown away when the session ends.
#[cfg(unix)]
#[test]
fn a_renewal_that_has_begun_is_kept_when_the_session_is_stopped() {
    let (guarded, home) = (Guarded::start(), TempDir::new().unwrap());
    guarded.log_in(home.path());
    let mut client = connect(&guarded, home.path());
    initialize(&mut client);
    {
        let mut books = guarded.books.lock().unwrap();
        books.good.clear();
        books.until = Some(Arc::new(Barrier::new(2)));
    }
    client
        .send(&json!({"jsonrpc": "2.0", "id": "c", "method": "tools/call", "params": {"name": "t", "arguments": {}}}));
    guarded
        .server
        .expect("a renewal", |request| form(request).get("grant_type").is_some_and(|kind| kind == "refresh_token"));
    client.terminate();
    client.wait();
    guarded.books.lock().unwrap().until = None;
    // Another session has what the renewal has brought.
    let mut client = connect(&guarded, home.path());
    assert!(initialize(&mut client)["result"].is_object());
    assert_eq!(guarded.books.lock().unwrap().renewals, 1);
    client.finish();
}

#[test]
fn a_call_that_needs_more_asks_for_another_login() {
    let (guarded, home) = (Guarded::start(), TempDir::new().unwrap());
    let base = guarded.base().to_owned();
    let resource = json!({"resource": base, "authorization_servers": [base], "scopes_supported": ["read", "list"]});
    guarded.instead(PRM, json_reply(&resource));
    guarded.books.lock().unwrap().call_scope = Some("write".to_owned());
    assert_eq!(guarded.log_in(home.path())["scope"], "read list");
    let mut client = connect(&guarded, home.path());
    client.initialize(json!({}));
    let refused = client.call("t", json!({}));
    assert!(error_of(&refused).contains("wants a login that may do more (write)"), "{refused}");
    assert_eq!(guarded.log_in(home.path())["scope"], "read list write");
    assert_eq!(client.call("t", json!({}))["result"]["content"][0]["text"], "done");
    // A server that names no scope any more does not take away what there was.
    guarded.instead(PRM, json_reply(&json!({"resource": base, "authorization_servers": [base]})));
    assert_eq!(guarded.log_in(home.path())["scope"], "read list write");
}

fn refusal(status: &str, error: &str, about: &str) -> Vec<u8> {
    let body = json!({"error": error, "error_description": about}).to_string();
    reply(&[status, "Content-Type: application/json"], &body)
}

/// Only what says that it is over ends a login; whatever else an authorization server says may be over in a minute.
#[test]
fn a_login_outlives_a_renewal_that_fails() {
    let (guarded, home) = (Guarded::start(), TempDir::new().unwrap());
    guarded.log_in(home.path());
    let mut client = connect(&guarded, home.path());
    client.initialize(json!({}));
    for (status, error) in [
        ("429 Too Many Requests", "slow_down"),
        ("403 Forbidden", "access_denied"),
        ("404 Not Found", "not_found"),
        ("400 Bad Request", "invalid_request"),
        ("503 Service Unavailable", "invalid_grant"),
    ] {
        guarded.books.lock().unwrap().good.clear();
        guarded.instead("/token", refusal(status, error, "not s3cret-refresh-1"));
        let refused = client.call("t", json!({}));
        assert!(error_of(&refused).contains("could not be renewed"), "{error}: {refused}");
        assert!(error_of(&refused).contains("`policylayer login localhost"), "{error}: {refused}");
        assert!(!error_of(&refused).contains("s3cret-refresh-1"), "{error}: {refused}");
    }
    guarded.books.lock().unwrap().instead.remove("/token");
    assert_eq!(client.call("t", json!({}))["result"]["content"][0]["text"], "done");
    for error in ["invalid_client", "unauthorized_client", "invalid_grant"] {
        guarded.books.lock().unwrap().good.clear();
        let token = guarded.books.lock().unwrap().refresh.clone();
        guarded.instead("/token", refusal("400 Bad Request", error, &format!("{token} is over")));
        assert!(error_of(&client.call("t", json!({}))).contains("wants a login"));
        let asked = guarded.received("/token").len();
        assert!(error_of(&client.call("t", json!({}))).contains("wants a login"));
        assert_eq!(guarded.received("/token").len(), asked, "{error}: it is not asked again");
        guarded.books.lock().unwrap().instead.remove("/token");
        guarded.log_in(home.path());
    }
    client.finish();
    assert!(client.stderr().contains("(… is over)") && !client.stderr().contains("s3cret"), "{}", client.stderr());
}

#[test]
fn the_stream_of_the_server_outlives_a_renewal_that_fails() {
    let (guarded, home) = (Guarded::start(), TempDir::new().unwrap());
    guarded.books.lock().unwrap().has_stream = true;
    guarded.log_in(home.path());
    let mut client = connect(&guarded, home.path());
    client.initialize(json!({}));
    let opens = |request: &Received, token: &str| {
        request.method == "GET" && path_of(request) == "/mcp" && request.header("authorization").ends_with(token)
    };
    guarded.server.expect("a stream", |request| opens(request, "s3cret-access-1"));
    {
        let mut books = guarded.books.lock().unwrap();
        books.failures = 1;
        books.good.clear();
    }
    guarded.server.expect("a stream with the next token", |request| opens(request, "s3cret-access-2"));
    assert_eq!(guarded.books.lock().unwrap().renewals, 2);
    client.finish();
}

/// A server and its authorization server may repeat what they were sent; nobody else gets to see it.
#[test]
fn what_was_sent_is_not_repeated_to_anybody() {
    let (guarded, home) = (Guarded::start(), TempDir::new().unwrap());
    guarded.log_in(home.path());
    let (json, token) = ("Content-Type: application/json", "s3cret-access-1");
    let challenge = format!(
        "WWW-Authenticate: Bearer error=\"invalid_token\", error_description=\"{token} is over\", realm=\"{token}\""
    );
    let body =
        json!({"jsonrpc": "2.0", "error": {"code": 1, "message": format!("no good: Bearer {token}")}}).to_string();
    guarded.instead("/token", refusal("400 Bad Request", "invalid_grant", "s3cret-refresh-1 is over"));
    for (status, expected) in [
        (&["400 Bad Request"][..], "no good: …"),
        (&["403 Forbidden"], "no good: …"),
        (&["429 Too Many Requests", &format!("Retry-After: {token}")], "after …"),
        (&["401 Unauthorized", &challenge], "401 (Unauthorized): invalid_token. What to do"),
    ] {
        guarded.instead("/mcp", reply(&[status, &[json]].concat(), &body));
        let mut client = connect(&guarded, home.path());
        let refused = initialize(&mut client);
        assert!(error_of(&refused).contains(expected), "{refused}");
        client.finish();
        for said in [client.stderr(), client.transcript()] {
            assert!(!said.contains("s3cret"), "{said}");
        }
    }
    // The code, and what proves that it is ours.
    let (guarded, home) = (Guarded::start(), TempDir::new().unwrap());
    guarded.instead("/token", refusal("400 Bad Request", "invalid_grant", "no c0de"));
    let mut login = guarded.begin_login(home.path(), &[]);
    let state = login.asked["state"].clone();
    login.come_back(&[("code", "c0de"), ("state", &state)]);
    let ran = login.end();
    assert!(ran.err.contains("says no: invalid_grant (no …)"), "{}", ran.err);
}

/// Nobody is sent to the browser for a login that cannot be kept.
#[cfg(unix)]
#[test]
fn a_place_that_cannot_be_written_is_said_first() {
    let (guarded, home) = (Guarded::start(), TempDir::new().unwrap());
    // A file where the directory would be.
    let state =
        home.path().join(if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/state" });
    std::fs::create_dir_all(state.join("policylayer")).unwrap();
    std::fs::write(state.join("policylayer/logins"), "").unwrap();
    let login = guarded.begin_login(home.path(), &[]);
    assert!(login.asked.is_empty());
    let ran = login.end();
    assert!(ran.code == Some(1) && ran.err.contains("cannot be written"), "{}", ran.err);
    let output = guarded.command(home.path(), &["logout"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot be written") && said.contains("Nobody was logged out"), "{said}");
    assert!(guarded.server.received().is_empty());
}

#[test]
fn only_the_answer_to_this_login_ends_it() {
    let (guarded, home) = (Guarded::start(), TempDir::new().unwrap());
    let mut login = guarded.begin_login(home.path(), &[]);
    let state = login.asked["state"].clone();
    for with in [&[("code", "stolen"), ("state", "guessed")][..], &[("code", "stolen")], &[("state", &state)]] {
        assert!(login.come_back(with).starts_with("HTTP/1.1 404"), "{with:?}");
    }
    // Connections that say nothing keep nobody out.
    let silent: Vec<_> = (0..8).map(|_| TcpStream::connect(login.redirect().0).unwrap()).collect();
    assert!(login.come_back(&[("code", "c0de"), ("state", &state)]).contains("Answer received"));
    let ran = login.end();
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    drop(silent);
    assert_eq!(guarded.received("/token").len(), 1);

    let named = |names_itself: bool| {
        let mut metadata = metadata(guarded.base());
        metadata["authorization_response_iss_parameter_supported"] = names_itself.into();
        guarded.instead(METADATA, json_reply(&metadata));
    };
    let slash = format!("{}/", guarded.base());
    for (names_itself, issuer, expected) in [
        (true, None, "is not one of http://localhost"),
        (true, Some("https://evil.test"), "is not one of http://localhost"),
        (false, Some("https://evil.test"), "is not one of http://localhost"),
        (true, Some(&*slash), "is not one of http://localhost"),
        (true, Some(guarded.base()), ""),
    ] {
        named(names_itself);
        let before = guarded.received("/token").len();
        let mut login = guarded.begin_login(home.path(), &[]);
        let state = login.asked["state"].clone();
        let mut with = vec![("code", "c0de"), ("state", &*state)];
        with.extend(issuer.map(|issuer| ("iss", issuer)));
        login.come_back(&with);
        let ran = login.end();
        assert_eq!(ran.code, Some(i32::from(!expected.is_empty())), "{issuer:?}: {}", ran.err);
        assert!(ran.err.contains(expected), "{issuer:?}: {}", ran.err);
        assert_eq!(guarded.received("/token").len() - before, usize::from(expected.is_empty()), "{issuer:?}");
    }
    named(false);
    let mut login = guarded.begin_login(home.path(), &[]);
    let state = login.asked["state"].clone();
    let shown = login.come_back(&[("error", "access_denied"), ("error_description", "<b>no\u{7}"), ("state", &state)]);
    assert!(shown.contains("No login") && !shown.contains("<b>"), "{shown}");
    let ran = login.end();
    assert!(ran.code == Some(1) && ran.err.contains("says no: access_denied (<b>no\\u{7})"), "{}", ran.err);
}

/// Each answer that is none, at which place, and what is said of it. Nobody is asked to open a page, and nothing is stored.
#[test]
fn documents_that_lie_lead_nowhere() {
    let html = reply(&["200 OK", "Content-Type: text/html"], "<html>");
    let json = |text: &str| reply(&["200 OK", "Content-Type: application/json"], text);
    let with = |key: &'static str, value: Value| {
        move |base: &str| {
            let mut metadata = metadata(base);
            metadata[key] = value.clone();
            json_reply(&metadata)
        }
    };
    let of_resource = |resource: &'static str| {
        move |base: &str| json_reply(&json!({"resource": resource, "authorization_servers": [base]}))
    };
    let of_issuer = |issuer: &'static str| {
        move |base: &str| json_reply(&json!({"resource": format!("{base}/mcp"), "authorization_servers": [issuer]}))
    };
    type Lie = Box<dyn Fn(&str) -> Vec<u8>>;
    let rows: Vec<(&str, Lie, &str)> = vec![
        (PRM, Box::new(of_resource("https://evil.test/mcp")), "is about another server"),
        (PRM, Box::new(of_resource("http://localhost:1/mcp")), "is about another server"),
        (PRM, Box::new(|base| json_reply(&json!({"resource": format!("{base}/mcpx")}))), "is about another server"),
        (PRM, Box::new(move |_| json("{\"resource\":\"a\",\"resource\":\"b\"}")), "is there twice"),
        (PRM, Box::new(move |_| json("{\"resource\":1}")), "has another type"),
        (PRM, Box::new(move |_| json("[")), "it is no JSON"),
        (PRM, Box::new(move |_| json(&format!("{{\"a\":\"{}\"}}", "x".repeat(300_000)))), "more than 262144 bytes"),
        (PRM, Box::new(|_| reply(&["302 Found", "Location: https://evil.test/x"], "")), "leads to another host"),
        (PRM, Box::new(|_| reply(&["302 Found", &format!("Location: {PRM}")], "")), "without an end"),
        (PRM, Box::new(|_| reply(&["500 Internal Server Error"], "")), "answered 500"),
        (PRM, Box::new(of_issuer("http://169.254.169.254/")), "it is http:// to another machine"),
        (PRM, Box::new(of_issuer("file:///etc/passwd")), "cannot be used"),
        (PRM, Box::new(of_issuer("http://localhost:1/")), "cannot be reached"),
        (METADATA, Box::new(with("issuer", "https://evil.test".into())), "about another authorization server"),
        (METADATA, Box::new(with("code_challenge_methods_supported", json!(["plain"]))), "PKCE"),
        (METADATA, Box::new(with("code_challenge_methods_supported", Value::Null)), "PKCE"),
        (METADATA, Box::new(with("authorization_endpoint", "javascript:alert(1)".into())), "authorization_endpoint"),
        (METADATA, Box::new(with("authorization_endpoint", "http://evil.test/".into())), "authorization_endpoint"),
        (METADATA, Box::new(with("token_endpoint", "http://evil.test/".into())), "token_endpoint"),
        (METADATA, Box::new(with("token_endpoint", "https://u:p@evil.test/".into())), "token_endpoint"),
        (METADATA, Box::new(with("registration_endpoint", Value::Null)), "--client-id"),
        (METADATA, Box::new(move |_| html.clone()), "nothing says how"),
        ("/register", Box::new(|_| reply(&["403 Forbidden"], "")), "answered 403"),
        ("/register", Box::new(|_| reply(&["307 Temporary Redirect", "Location: /token"], "")), "cannot be sent on to"),
        ("/register", Box::new(|_| json_reply(&json!({"client_id": "a\nb"}))), "no id"),
    ];
    for (place, lie, expected) in rows {
        let (guarded, home) = (Guarded::start(), TempDir::new().unwrap());
        guarded.instead(place, lie(guarded.base()));
        let login = guarded.begin_login(home.path(), &[]);
        assert!(login.asked.is_empty(), "{place}, {expected}: a page is to be opened");
        let ran = login.end();
        assert!(ran.code == Some(1) && ran.err.contains(expected), "{place}, {expected}: {}", ran.err);
        assert!(guarded.received("/token").is_empty());
        let kept = all_files(home.path());
        assert!(kept.iter().all(|file| file.extension().is_none_or(|ending| ending != "json")), "{kept:?}");
    }
    // What leads to another host is not even asked there.
    let (guarded, home) = (Guarded::start(), TempDir::new().unwrap());
    let challenge = "WWW-Authenticate: Bearer resource_metadata=\"https://evil.test/x\"";
    guarded.instead("/mcp", reply(&["401 Unauthorized", challenge], ""));
    let ran = guarded.begin_login(home.path(), &[]).end();
    assert!(ran.err.contains("on another host, port or scheme"), "{}", ran.err);
}

#[test]
fn a_login_needs_no_header_whose_value_only_the_client_knows() {
    let (guarded, home) = (Guarded::start(), TempDir::new().unwrap());
    let file = home.path().join(".cursor").join("mcp.json");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let run = |words: &[&str]| {
        let mut command = Command::new(program());
        let output = at_home(without_variables(&mut command), home.path()).args(words).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), said.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let login = ["login", "--no-open", "--store", "file", "--scope", "\u{e9}", "far"];
    for (headers, expected) in [
        (json!({"Authorization": "Bearer ${FAR_KEY}"}), "comes before any login: none was made"),
        (json!({"authorization": "swordfish"}), "comes before any login: none was made"),
        // It gets as far as the scope.
        (json!({"X-Team": "${FAR_TEAM}"}), "--scope has a character that no scope has"),
    ] {
        for is_registered in [false, true] {
            let entry = json!({"mcpServers": {"far": {"url": guarded.server.url, "headers": headers}}});
            std::fs::write(&file, entry.to_string()).unwrap();
            if is_registered {
                assert_eq!(run(&["register", "far"]).0, Some(0));
            }
            let (code, said) = run(&login);
            assert_eq!(code, Some(1), "{headers}: {said}");
            assert!(said.contains(expected) && !said.contains("swordfish"), "{headers}: {said}");
            guarded.log_in(home.path());
            let (code, said) = run(&["logout", "far"]);
            assert!(code == Some(0) && said.starts_with("Logged out"), "{headers}: {said}");
        }
    }
}

#[test]
fn token_endpoints_that_lie_give_no_login() {
    let json = |text: &str| reply(&["200 OK", "Content-Type: application/json"], text);
    let (guarded, home) = (Guarded::start(), TempDir::new().unwrap());
    for (answer, expected) in [
        (reply(&["200 OK", "Content-Type: text/html"], "<html>"), "it is no JSON"),
        (json(r#"{"access_token":"s3cret"}"#), "something is missing"),
        (json(r#"{"access_token":"s3cret","token_type":"mac"}"#), "no bearer token"),
        (json(r#"{"access_token":"s3cret","token_type":["bearer"]}"#), "another type"),
        (json(r#"{"access_token":"s3cret\r\nHost: x","token_type":"bearer"}"#), "characters that no token has"),
        (json(r#"{"access_token":"","token_type":"bearer"}"#), "characters that no token has"),
        (json(r#"{"access_token":"s3cret","access_token":"b","token_type":"bearer"}"#), "is there twice"),
        (json(r#"{"access_token":"s3cret","token_type":"bearer","expires_in":"soon"}"#), "another type"),
        (json(&format!(r#"{{"access_token":"{}","token_type":"bearer"}}"#, "s".repeat(300_000))), "more than 262144"),
        (
            reply(&["400 Bad Request", "Content-Type: application/json"], r#"{"error":"invalid_grant"}"#),
            "invalid_grant",
        ),
        (reply(&["307 Temporary Redirect", "Location: https://evil.test/"], ""), "cannot be sent on to"),
        (reply(&["500 Internal Server Error"], ""), "answered 500"),
        (b"SSH-2.0\r\n".to_vec(), "broke the connection"),
    ] {
        guarded.instead("/token", answer);
        let mut login = guarded.begin_login(home.path(), &[]);
        let state = login.asked["state"].clone();
        login.come_back(&[("code", "c0de"), ("state", &state)]);
        let ran = login.end();
        assert!(ran.code == Some(1) && ran.err.contains(expected), "{expected}: {}", ran.err);
        assert!(!ran.err.contains("s3cret") && !ran.err.contains("c0de"), "{}", ran.err);
        let kept = all_files(home.path());
        assert!(kept.iter().all(|file| file.extension().is_none_or(|ending| ending != "json")), "{kept:?}");
    }
}

/// A client that somebody has made known, with a secret that no command line shows.
#[test]
fn a_client_that_is_known_already_shows_its_secret() {
    let (guarded, home) = (Guarded::start(), TempDir::new().unwrap());
    let words = ["login", "--no-open", "--store", "file", "--client-id", "my client", "--client-secret", "SECRET"];
    let output = guarded.command(home.path(), &words).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "no such variable");
    let mut command = guarded.command(home.path(), &words);
    let mut child = command.env("SECRET", "a:s3cret").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut out, mut page) = (BufReader::new(child.stdout.take().unwrap()), String::new());
    out.read_line(&mut page).unwrap();
    let asked = fields(page.trim_end().split_once('?').unwrap().1);
    assert_eq!(asked["client_id"], "my client");
    let mut login = Login { child, out, asked };
    let state = login.asked["state"].clone();
    login.come_back(&[("code", "c0de"), ("state", &state)]);
    assert_eq!(login.end().code, Some(0));
    let exchange = &guarded.received("/token")[0];
    // my+client:a%3As3cret
    assert_eq!(exchange.header("authorization"), "Basic bXkrY2xpZW50OmElM0FzM2NyZXQ=");
    assert!(!form(exchange).contains_key("client_id") && guarded.received("/register").is_empty());
}

/// With a `secret-tool` in the PATH, the login is sealed, and its key is nowhere else.
#[cfg(target_os = "linux")]
#[test]
fn a_login_is_sealed_with_a_key_in_the_keychain() {
    let (mut guarded, home, tools) = (Guarded::start(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let (tool, key) = (tools.path().join("secret-tool"), tools.path().join("key"));
    let put = |script: String| support::system::write_program(&tool, &format!("#!/bin/sh\n{script}\n"));
    let usual = std::env::var_os("PATH").unwrap();
    guarded.path =
        std::env::join_paths([tools.path().to_owned()].into_iter().chain(std::env::split_paths(&usual))).unwrap();
    let sealed = |guarded: &Guarded| guarded.log_in_with(home.path(), &["--store", "keychain"]).1;
    for (script, why) in
        [("exit 2", "the keychain cannot be used"), ("cat > /dev/null; [ $1 = store ]", "does not keep")]
    {
        put(script.to_owned());
        let said = sealed(&guarded);
        assert!(said.contains("which only your user can read: ") && said.contains(why), "{said}");
    }
    let key = key.display();
    put(format!("case $1 in lookup) [ -f {key} ] || exit 1; cat {key};; store) cat > {key};; esac"));
    let said = sealed(&guarded);
    assert!(said.ends_with("sealed with a key in the system's keychain.\n"), "{said}");
    let connect = |path: &std::ffi::OsStr| {
        let state = home.path().join(".local/state");
        Launch::new(&guarded.server.url).env("XDG_STATE_HOME", state).env("PATH", path).start(ALLOW)
    };
    let mut client = connect(&guarded.path);
    client.initialize(json!({}));
    guarded.books.lock().unwrap().good.clear();
    assert_eq!(client.call("t", json!({}))["result"]["content"][0]["text"], "done", "it is renewed");
    for file in all_files(home.path()) {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap_or_default()).into_owned();
        assert!(
            !text.contains("s3cret") && !text.contains(&std::fs::read_to_string(key.to_string()).unwrap()),
            "{}",
            file.display()
        );
    }
    // Where there is no key, nothing is asked without it, and that is said.
    let asked = || guarded.server.received().iter().filter(|request| request.is("initialize")).count();
    let before = asked();
    let mut client = connect("/nowhere".as_ref());
    let refused = initialize(&mut client);
    assert!(error_of(&refused).contains("the keychain is locked or has no key for it"), "{refused}");
    assert_eq!(asked(), before);
    // A keychain that does not give its key is not asked by each request.
    let asks = tools.path().join("asks");
    put(format!("echo >> {}; exit 1", asks.display()));
    let mut client = connect(&guarded.path);
    for _ in 0..3 {
        assert!(error_of(&initialize(&mut client)).contains("unlock the keychain"));
    }
    assert_eq!(std::fs::read(&asks).unwrap().len(), 1);
    // Nor does it get another key, as long as a login is sealed with the one that it had.
    put(format!("case $1 in lookup) exit 1;; store) echo >> {key}; exit 1;; esac"));
    let had = std::fs::read(key.to_string()).unwrap();
    let said = sealed(&guarded);
    assert!(said.contains("the keychain does not give their key"), "{said}");
    assert_eq!(std::fs::read(key.to_string()).unwrap(), had);
}
