//! One question to an authorization server, or for a document about a login: small, in time, and nowhere else.

use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, body::Incoming};
use tokio::time::timeout;

use super::super::HttpTarget;
use super::super::connection::{Connections, LineBody};
use super::super::exchange::{check_encoding, content_type, next_part};
use super::super::reach::Reach;
use super::super::redirect::follow_redirect;
use super::super::trouble::Trouble;
use crate::limits::{LOGIN_ANSWER, MAX_HTTP_REDIRECTS, MAX_LOGIN_DOCUMENT};
use crate::wire::http::endpoint::Endpoint;

/// What is sent.
#[derive(Clone)]
pub(super) enum FetchRequest {
    Document,
    /// A form, and who asks.
    Form(String, Option<HeaderValue>),
    Json(String),
}

/// What came back.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// Nothing, if it is no JSON.
    pub(super) body: Vec<u8>,
    /// How far away the server is.
    pub(super) reach: Reach,
}

/// Whom questions go to, and by which way.
pub(super) struct Fetcher<'f> {
    /// The MCP server, whose proxies are used.
    pub(super) target: &'f HttpTarget,
    pub(super) connections: &'f Connections,
    /// How near the one who is asked may be.
    pub(super) least_reach: Reach,
}

impl Fetcher<'_> {
    /// Asks once. A redirect is followed on the same origin, and only for a document.
    pub(super) async fn fetch(&self, endpoint: &Endpoint, question: FetchRequest) -> Result<Reply, Trouble> {
        let late = |_| Trouble::Silent(LOGIN_ANSWER.as_secs());
        timeout(LOGIN_ANSWER, self.fetch_unbounded(endpoint.clone(), question)).await.map_err(late)?
    }

    async fn fetch_unbounded(&self, mut endpoint: Endpoint, question: FetchRequest) -> Result<Reply, Trouble> {
        for _ in 0..=MAX_HTTP_REDIRECTS {
            let target = self.target.for_another(endpoint.clone(), self.least_reach);
            let target = target.map_err(|error| Trouble::Unreached(error.to_string()))?;
            let connections = self.connections.for_another();
            let response = connections.send_request(&target, build_request(&endpoint, question.clone())).await?;
            match response.status() {
                status if !status.is_redirection() => {
                    let reach = connections.peer_reach();
                    return Ok(Reply { status, body: read_reply(response).await?, reach });
                }
                _ if matches!(question, FetchRequest::Document) => {
                    endpoint = follow_redirect(&endpoint, response.headers())?;
                }
                status => return Err(Trouble::Moved(status)),
            }
        }
        Err(Trouble::RedirectLoop)
    }
}

fn build_request(endpoint: &Endpoint, question: FetchRequest) -> Request<LineBody> {
    let (method, kind, text, who) = match question {
        FetchRequest::Document => (Method::GET, None, String::new(), None),
        FetchRequest::Form(text, who) => (Method::POST, Some("application/x-www-form-urlencoded"), text, who),
        FetchRequest::Json(text) => (Method::POST, Some("application/json"), text, None),
    };
    let mut request = Request::new(LineBody::new(Bytes::from(text), None));
    *request.method_mut() = method;
    *request.uri_mut() = endpoint.target().parse().unwrap_or_default();
    let headers = request.headers_mut();
    HeaderValue::from_str(&endpoint.authority()).ok().map(|host| headers.insert(HOST, host));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("policylayer/", env!("CARGO_PKG_VERSION"))));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    kind.map(|kind| headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind)));
    who.map(|who| headers.insert(AUTHORIZATION, who));
    request
}

async fn read_reply(response: Response<Incoming>) -> Result<Vec<u8>, Trouble> {
    let headers = response.headers();
    let kind = content_type(headers);
    check_encoding(headers)?;
    if kind != "application/json" && !kind.ends_with("+json") {
        return Ok(Vec::new());
    }
    let (mut body, mut bytes) = (response.into_body(), Vec::new());
    while let Some(part) = next_part(&mut body, LOGIN_ANSWER).await? {
        if bytes.len() + part.len() > MAX_LOGIN_DOCUMENT {
            return Err(Trouble::TooLong(MAX_LOGIN_DOCUMENT));
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Env;

    /// Whatever the name, and before anything is sent: not even a connection is opened.
    #[test]
    fn nobody_nearer_than_the_server_is_asked() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let target = HttpTarget::from_words(&["https://mcp.x.test/"], &Env::default(), 1000).unwrap().unwrap();
        let connections = Connections::new();
        let proxied = Env::new([("HTTPS_PROXY", format!("http://127.0.0.1:{port}"))], "");
        let proxied = HttpTarget::from_words(&["https://mcp.x.test/"], &proxied, 1000).unwrap().unwrap();
        let here = [
            format!("http://127.0.0.1:{port}/"),
            format!("http://localhost:{port}/"),
            format!("https://localhost:{port}/"),
        ];
        let near = ["https://169.254.169.254/", "https://10.0.0.1/", "https://[fd00::1]/"].map(str::to_owned);
        for (target, url, least_reach) in here
            .iter()
            .flat_map(|url| [(&target, url, Reach::Internet), (&target, url, Reach::Network)])
            .chain(near.iter().flat_map(|url| [(&target, url, Reach::Internet), (&proxied, url, Reach::Internet)]))
        {
            let endpoint = Endpoint::parse(url).unwrap();
            let fetcher = Fetcher { target, connections: &connections, least_reach };
            let trouble = runtime.block_on(fetcher.fetch(&endpoint, FetchRequest::Document)).err();
            let said = trouble.map(|trouble| trouble.to_string()).unwrap_or_default();
            assert!(said.contains("must not lead"), "{url}: {said}");
        }
        assert!(listener.accept().is_err(), "somebody connected");
    }
}
