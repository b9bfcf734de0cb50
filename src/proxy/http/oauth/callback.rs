//! Where the browser comes back to: a listener on this machine that takes the one answer that belongs to a login.

use std::io;
use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::limits::{LOGIN_PATIENCE, LOGIN_REQUEST, MAX_HTTP_HEAD, MAX_LOGIN_CONNECTIONS};

const PATH: &str = "/callback";

/// The answer of an authorization server, as the browser brings it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Returned {
    /// What a token is had for, or why there is none.
    pub(super) code: Result<String, String>,
    /// Whose answer it says it is.
    pub(super) issuer: Option<String>,
}

pub(super) struct CallbackListener {
    listener: TcpListener,
    port: u16,
}

impl CallbackListener {
    /// Listens on this port, or on a free one.
    pub(super) async fn bind(port: Option<u16>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    pub(super) fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Waits for the answer with this state; `None` if it does not come in time. Whatever else comes is answered and passed over, so
    /// that no other page can end a login.
    pub(super) async fn wait_for(self, state: &str) -> Option<Returned> {
        let waits = async {
            let mut tasks = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = self.listener.accept(), if tasks.len() < MAX_LOGIN_CONNECTIONS => {
                        if let Ok((stream, _)) = accepted {
                            let (state, host) = (state.to_owned(), format!("127.0.0.1:{}", self.port));
                            tasks.spawn(serve_browser(stream, state, host));
                        }
                    }
                    Some(done) = tasks.join_next() => {
                        if let Ok(Some(returned)) = done {
                            return returned;
                        }
                    }
                }
            }
        };
        timeout(LOGIN_PATIENCE, waits).await.ok()
    }
}

async fn serve_browser(mut stream: TcpStream, state: String, host: String) -> Option<Returned> {
    let head = timeout(LOGIN_REQUEST, read_head(&mut stream)).await.ok()??;
    let read = read_request(&head, &state, &host);
    let (status, title, text) = match &read {
        Some(Returned { code: Ok(_), .. }) => (
            "200 OK",
            "Answer received",
            "policylayer has the answer. The terminal says what came of it; this page can be closed.",
        ),
        Some(_) => ("200 OK", "No login", "The login was refused. The terminal says why; this page can be closed."),
        None => ("404 Not Found", "Not found", "This is no answer to the login that is waiting here."),
    };
    let page = format!("<!doctype html><meta charset=utf-8><title>{title}</title><h1>{title}</h1><p>{text}</p>");
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    let write = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    let _ = timeout(LOGIN_REQUEST, write).await;
    read
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut chunk) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
        head.extend_from_slice(chunk.get(..count)?);
        if head.len() > MAX_HTTP_HEAD {
            return None;
        }
    }
    String::from_utf8(head).ok()
}

/// Reads a request of the browser; `None` if it is not the answer that is waited for.
fn read_request(head: &str, state: &str, host: &str) -> Option<Returned> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let mut hosts = lines.filter_map(|line| line.split_once(':')).filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    // A name of another site can be made to lead here.
    if method != "GET" || hosts.next()?.1.trim() != host || hosts.next().is_some() {
        return None;
    }
    let query = target.strip_prefix(PATH)?.strip_prefix('?')?;
    let (mut code, mut error, mut about, mut issuer, mut came) = (None, None, None, None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match &*name {
            "code" => &mut code,
            "error" => &mut error,
            "error_description" => &mut about,
            "iss" => &mut issuer,
            "state" => &mut came,
            _ => continue,
        };
        // Twice is one too many: which one is meant?
        if place.replace(value.into_owned()).is_some() {
            return None;
        }
    }
    came.filter(|came| came == state)?;
    let code = match (code, error) {
        (Some(code), None) if !code.is_empty() => Ok(code),
        (None, Some(error)) => Err(about.map(|about| format!("{error} ({about})")).unwrap_or(error)),
        _ => return None,
    };
    Some(Returned { code, issuer })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_this_login_is_one() {
        let read = |target: &str, host: &str| {
            let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n");
            read_request(&head, "st&1", "127.0.0.1:9").map(|returned| (returned.code, returned.issuer))
        };
        let here = "127.0.0.1:9";
        let code = |issuer: Option<&str>| Some((Ok("a b".to_owned()), issuer.map(str::to_owned)));
        assert!(read("/callback?code=a%20b&state=st%261", here) == code(None));
        assert!(
            read("/callback?state=st%261&iss=https%3A%2F%2Fx.test&code=a+b&x=y", here) == code(Some("https://x.test"))
        );
        let refused = Some((Err("access_denied (no)".to_owned()), None));
        assert!(read("/callback?error=access_denied&error_description=no&state=st%261", here) == refused);
        for target in [
            "/callback?code=a",
            "/callback?code=a&state=st",
            "/callback?code=a&state=",
            "/callback?code=a&state=st%261&state=st%261",
            "/callback?code=a&code=b&state=st%261",
            "/callback?code=a&error=b&state=st%261",
            "/callback?code=&state=st%261",
            "/callback?state=st%261",
            "/callback/?code=a&state=st%261",
            "/other?code=a&state=st%261",
            "//callback?code=a&state=st%261",
            "/favicon.ico",
        ] {
            assert!(read(target, here).is_none(), "{target}");
        }
        assert!(read("/callback?code=a&state=st%261", "evil.test:9").is_none());
        assert!(read("/callback?code=a&state=st%261", "127.0.0.1:9\r\nHost: 127.0.0.1:9").is_none());
        assert!(read_request("POST /callback?code=a&state=s HTTP/1.1\r\nHost: h\r\n\r\n", "s", "h").is_none());
    }
}
