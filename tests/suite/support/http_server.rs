//! A server over HTTP that does as a test says, right or wrong.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use super::system::PATIENCE;

/// The metadata of a request of revision 2026-07-28.
pub(crate) fn request_meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// What the server has received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// The body as JSON, or null.
    pub(crate) fn message(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Whether it is a POST of a message with this method.
    pub(crate) fn is(&self, method: &str) -> bool {
        self.method == "POST" && self.message()["method"] == method
    }
}

/// The way back to the client.
pub(crate) trait Connection: Read + Write + Send {}

impl<C: Read + Write + Send> Connection for C {}

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Keep,
    Close,
}

impl Then {
    /// A connection stays open behind an answer that says how long it is and is whole. A client may send its next request there at once,
    /// which would be lost if the server closed it then. Any other answer ends with its connection.
    pub(crate) fn after(answer: &[u8]) -> Self {
        const END: &[u8] = b"\r\n\r\n";
        let end = answer.windows(END.len()).position(|bytes| bytes == END).unwrap_or(answer.len());
        let head = String::from_utf8_lossy(&answer[..end]);
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
        if length.is_some_and(|length| answer.len() == end + END.len() + length) { Self::Keep } else { Self::Close }
    }
}

type Answer = dyn Fn(&Received, &mut dyn Connection) -> Then + Send + Sync;

/// A running server. Its threads end with the test.
pub(crate) struct HttpServer {
    pub(crate) url: String,
    received: Arc<(Mutex<Vec<Received>>, Condvar)>,
}

impl HttpServer {
    /// Starts a server that answers each request so.
    pub(crate) fn start(answer: impl Fn(&Received, &mut dyn Connection) -> Then + Send + Sync + 'static) -> Self {
        Self::start_with(None, answer)
    }

    /// The same with TLS, as `localhost`, with a certificate of tests/tls.
    pub(crate) fn start_secure(
        answer: impl Fn(&Received, &mut dyn Connection) -> Then + Send + Sync + 'static,
    ) -> Self {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls");
        let certificate = CertificateDer::from_pem_file(folder.join("localhost.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.join("localhost.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        Self::start_with(Some(Arc::new(config)), answer)
    }

    fn start_with(
        tls: Option<Arc<rustls::ServerConfig>>,
        answer: impl Fn(&Received, &mut dyn Connection) -> Then + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::<(Mutex<Vec<Received>>, Condvar)>::default();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (kept, answer): (_, Arc<Answer>) = (Arc::clone(&received), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, answer, tls) = (Arc::clone(&kept), Arc::clone(&answer), tls.clone());
                thread::spawn(move || match tls {
                    None => serve(stream, &kept, &*answer),
                    Some(config) => {
                        let session = rustls::ServerConnection::new(config).unwrap();
                        serve(rustls::StreamOwned::new(session, stream), &kept, &*answer);
                    }
                });
            }
        });
        Self { url: format!("{scheme}://localhost:{port}/mcp"), received }
    }

    /// All that was received so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.0.lock().unwrap().clone()
    }

    /// Waits for something like this to be received.
    pub(crate) fn expect(&self, what: &str, is_it: impl Fn(&Received) -> bool) -> Received {
        let until = Instant::now() + PATIENCE;
        let mut received = self.received.0.lock().unwrap();
        loop {
            if let Some(found) = received.iter().find(|one| is_it(one)) {
                return found.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} did not come: {received:#?}");
            received = self.received.1.wait_timeout(received, left).unwrap().0;
        }
    }
}

fn serve(stream: impl Connection, kept: &(Mutex<Vec<Received>>, Condvar), answer: &Answer) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream) {
        kept.0.lock().unwrap().push(request.clone());
        kept.1.notify_all();
        if answer(&request, stream.get_mut()) == Then::Close {
            return;
        }
    }
}

fn read_request(stream: &mut impl BufRead) -> Option<Received> {
    let mut line = || {
        let mut line = String::new();
        (stream.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = HashMap::new();
    loop {
        let header = line()?;
        let Some((name, value)) = header.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Received { method, target, headers, body })
}

/// A whole answer over HTTP: status line and headers without line ends, and the body.
pub(crate) fn reply(head: &[&str], body: &str) -> Vec<u8> {
    let head: String = head.iter().map(|line| format!("{line}\r\n")).collect();
    format!("HTTP/1.1 {head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// An answer with JSON.
pub(crate) fn json_reply(message: &Value) -> Vec<u8> {
    reply(&["200 OK", "Content-Type: application/json"], &message.to_string())
}

/// The head of a stream of events, which ends with its connection.
pub(crate) const EVENTS: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

/// One event.
pub(crate) fn event(message: &Value) -> Vec<u8> {
    format!("event: message\ndata: {message}\n\n").into_bytes()
}

/// Answers what every session begins with: `initialize`, with a session id, and notifications. `None` for all else.
pub(crate) fn greet(request: &Received) -> Option<Vec<u8>> {
    let message = request.message();
    match (request.method.as_str(), message["method"].as_str()) {
        ("POST", Some("initialize")) => {
            let result = json!({
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {"listChanged": true}},
                "serverInfo": {"name": "far", "version": "1"},
            });
            let body = json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string();
            Some(reply(&["200 OK", "Content-Type: application/json", "Mcp-Session-Id: s-1"], &body))
        }
        ("POST", Some(method)) if method.starts_with("notifications/") => Some(reply(&["202 Accepted"], "")),
        ("POST", None) => Some(reply(&["202 Accepted"], "")),
        ("GET", _) => Some(reply(&["405 Method Not Allowed"], "")),
        ("DELETE", _) => Some(reply(&["200 OK"], "")),
        _ => None,
    }
}

/// The result of a call that says this.
pub(crate) fn text_result(request: &Received, text: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": request.message()["id"], "result": {"content": [{"type": "text", "text": text}]}})
}

/// Answers as a server does, but for calls, which are answered with these bytes.
pub(crate) fn start_with_calls(answer: impl Fn(&Received) -> Vec<u8> + Send + Sync + 'static) -> HttpServer {
    HttpServer::start(move |request, connection| {
        let bytes = match greet(request) {
            Some(bytes) => bytes,
            None if request.is("tools/call") => answer(request),
            None => json_reply(&json!({"jsonrpc": "2.0", "id": request.message()["id"], "result": {}})),
        };
        let _ = connection.write_all(&bytes).and_then(|()| connection.flush());
        Then::after(&bytes)
    })
}
