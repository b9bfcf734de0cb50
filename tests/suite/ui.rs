//! `policylayer ui`: who is let in, what every answer has, and what the pages show. The requests are written byte by byte.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod bad_input;
mod inbox;
mod live;
mod lock;
mod log;
mod overview;
mod registration;
mod rules;
mod server;

use crate::support::log::Home;
use crate::support::system::PATIENCE;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// A running `policylayer ui`.
pub(crate) struct Ui {
    /// `None` if it runs in a terminal, which ends it.
    child: Option<Child>,
    /// What it has printed.
    address: String,
    host: String,
}

/// A browser that has opened the address.
pub(crate) struct Browser<'u> {
    ui: &'u Ui,
    cookie: String,
    /// The path of the overview.
    base: String,
}

/// What came back.
pub(crate) struct Got {
    status: u16,
    head: String,
    pub(crate) body: String,
}

impl Got {
    /// Reads an answer as it stands on the wire.
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

impl Ui {
    pub(crate) fn start(home: &Home) -> Self {
        Self::start_with(home.command(&["ui", "--no-open"]))
    }

    fn start_with(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut ui = Self::at(line.trim_end());
        ui.child = Some(child);
        ui
    }

    /// One that runs already, and has printed this address.
    fn at(address: &str) -> Self {
        let host = address.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
        Self { child: None, address: address.to_owned(), host }
    }

    /// The address without its host.
    fn entrance(&self) -> &str {
        self.address.split_once(&self.host).unwrap().1
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends these bytes, and reads until the connection is closed.
    fn send(&self, request: &str) -> Got {
        let mut stream = self.connect();
        // It may be refused before it was sent as a whole.
        let _ = stream.write_all(request.as_bytes());
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text);
        Got::parse(&String::from_utf8_lossy(&text))
    }

    /// Asks for a path with these headers beside the necessary ones.
    fn get(&self, path: &str, headers: &str) -> Got {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", self.host))
    }

    pub(crate) fn open(&self) -> Browser<'_> {
        let got = self.get(self.entrance(), "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n");
        assert_eq!(got.status, 200, "{}", got.body);
        let set = got.header("set-cookie").unwrap();
        let cookie = set.split(';').next().unwrap().to_owned();
        let base = set.split("Path=").nth(1).unwrap().to_owned();
        Browser { ui: self, cookie, base }
    }
}

impl Drop for Ui {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The events that keep a page up to date, as they come.
struct Events {
    stream: TcpStream,
    text: String,
}

impl Events {
    /// Waits until this has come, and returns all that came until then; the next wait begins behind it.
    fn wait(&mut self, part: &str) -> String {
        let mut bytes = [0; 4096];
        loop {
            if let Some(at) = self.text.find(part) {
                let rest = self.text.split_off(at + part.len());
                return std::mem::replace(&mut self.text, rest);
            }
            let read = self.stream.read(&mut bytes).unwrap_or_default();
            assert!(read > 0, "{part:?} never came: {}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }

    /// Reads until the stream ends.
    fn rest(mut self) -> String {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).unwrap();
        self.text + &String::from_utf8_lossy(&bytes)
    }
}

impl Browser<'_> {
    /// Begins to listen, for the page that the query names.
    fn listen(&self, query: &str) -> Events {
        let (host, base, headers) = (&self.ui.host, &self.base, self.headers());
        let mut stream = self.ui.connect();
        write!(stream, "GET {base}live?{query} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n").unwrap();
        let mut events = Events { stream, text: String::new() };
        let head = events.wait("\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-type: text/event-stream"), "{head}");
        events
    }

    fn headers(&self) -> String {
        format!("Cookie: {}\r\nSec-Fetch-Site: same-origin\r\n", self.cookie)
    }

    /// Asks for a page, by its path below the overview.
    pub(crate) fn get(&self, path: &str) -> Got {
        self.ui.get(&format!("{}{path}", self.base), &self.headers())
    }

    /// Sends the fields of a form, which are written out here, as the page's own form is sent.
    fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Got {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        self.post(path, &pairs.join("&"))
    }

    /// Sends the form of a page that was shown for `path`, as its button does.
    fn press(&self, page: &Got, path: &str) -> Got {
        self.press_form(page, &format!("{path}\""), path)
    }

    /// The same for the form with this text in it.
    fn press_form(&self, page: &Got, text: &str, path: &str) -> Got {
        let form = page.body.split("<form").find(|form| form.contains(text)).expect("the form is there");
        let form = form.split("</form>").next().unwrap();
        let value = |field: &str, name: &str| {
            let text = field.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
            Some(text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&"))
        };
        let fields = form.split("<input type=\"hidden\"").skip(1);
        let fields: Vec<_> = fields.filter_map(|field| Some((value(field, "name")?, value(field, "value")?))).collect();
        self.submit(path, &fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>())
    }

    /// Sends a form as the page's own form is sent.
    fn post(&self, path: &str, form: &str) -> Got {
        let (host, headers) = (&self.ui.host, self.headers());
        self.post_with(path, form, &format!("Origin: http://{host}\r\n{headers}"))
    }

    fn post_with(&self, path: &str, form: &str, headers: &str) -> Got {
        let (host, base) = (&self.ui.host, &self.base);
        self.ui.send(&format!(
            "POST {base}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n{headers}\r\n{form}",
            form.len()
        ))
    }
}
