//! The proxy that connections go through, as the usual variables name it.

use std::net::IpAddr;

use super::client_line::encode_base64;
use crate::wire::http::endpoint::{Endpoint, Scheme};

/// What the environment says about proxies.
#[derive(Clone, Default)]
pub(super) struct ProxyVariables {
    /// `HTTPS_PROXY` or `https_proxy`, else `ALL_PROXY` or `all_proxy`.
    pub(super) proxy: Option<String>,
    /// `NO_PROXY` or `no_proxy`.
    pub(super) except: Option<String>,
}

/// The proxy can have credentials.
impl std::fmt::Debug for ProxyVariables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProxyVariables").field("except", &self.except).finish_non_exhaustive()
    }
}

/// A proxy that opens connections for us (`CONNECT`).
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ForwardProxy {
    host: String,
    port: u16,
    /// What it gets to see as `Proxy-Authorization`.
    credentials: Option<String>,
}

/// Credentials are left out.
impl std::fmt::Debug for ForwardProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForwardProxy").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// The variable for the proxy holds something that is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProxy {
    /// Another kind of proxy.
    #[error(
        "HTTPS_PROXY or ALL_PROXY names a proxy that is not spoken to over http://, which is the only kind that is known here"
    )]
    Kind,
    /// No address.
    #[error("HTTPS_PROXY or ALL_PROXY is not the address of a proxy, such as http://proxy.example.com:3128")]
    Address,
}

impl ForwardProxy {
    /// Returns the proxy for connections to this server; `None` if they go straight, as they do without TLS, which only this
    /// machine is reached by.
    ///
    /// # Errors
    /// Returns an error if there is to be one and it cannot be used.
    pub(super) fn for_endpoint(endpoint: &Endpoint, variables: &ProxyVariables) -> Result<Option<Self>, BadProxy> {
        let proxy = variables.proxy.as_deref().map(str::trim).filter(|proxy| !proxy.is_empty());
        match (endpoint.scheme(), proxy) {
            (Scheme::Http, _) | (_, None) => Ok(None),
            _ if endpoint.is_loopback() || is_excepted(endpoint, variables.except.as_deref().unwrap_or_default()) => {
                Ok(None)
            }
            (Scheme::Https, Some(proxy)) => Self::parse(proxy).map(Some),
        }
    }

    fn parse(url: &str) -> Result<Self, BadProxy> {
        let rest = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some(_) => return Err(BadProxy::Kind),
            None => url,
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, place) = authority.rsplit_once('@').map_or((None, authority), |(user, place)| (Some(user), place));
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| BadProxy::Address)?),
            _ => (place, 80),
        };
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(BadProxy::Address);
        }
        let credentials = user.map(|user| format!("Basic {}", encode_base64(&decode_escapes(user))));
        Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port, credentials })
    }

    pub(super) fn place(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// What is sent to it, to be connected to the server.
    pub(super) fn connect_request(&self, endpoint: &Endpoint) -> String {
        let place = format!("{}:{}", endpoint.host(), endpoint.port());
        let credentials =
            self.credentials.as_ref().map(|own| format!("Proxy-Authorization: {own}\r\n")).unwrap_or_default();
        format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{credentials}\r\n")
    }
}

/// The status in the head of an answer; `None` if it is not the head of one.
pub(super) fn read_status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next()?.parse().ok()
}

/// Whether a list such as `localhost,.example.com,10.0.0.1:8443` names the server.
fn is_excepted(endpoint: &Endpoint, list: &str) -> bool {
    let host = endpoint.host().trim_matches(['[', ']']);
    list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.to_ascii_lowercase();
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) if entry.parse::<IpAddr>().is_err() => (name, port.parse().ok()),
            _ => (entry.as_str(), None),
        };
        let name = name.trim_matches(['[', ']']).trim_start_matches("*.").trim_start_matches('.');
        let is_below = host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        entry == "*" || (!name.is_empty() && is_below && port.is_none_or(|port: u16| port == endpoint.port()))
    })
}

fn decode_escapes(text: &str) -> Vec<u8> {
    let (mut decoded, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(first);
                rest = after;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_variables_say_which_proxy_there_is() {
        let found = |url: &str, proxy: &str, except: &str| {
            let endpoint = Endpoint::parse(url).unwrap();
            let variables = ProxyVariables { proxy: Some(proxy.to_owned()), except: Some(except.to_owned()) };
            ForwardProxy::for_endpoint(&endpoint, &variables).map(|proxy| proxy.map(|proxy| (proxy.host, proxy.port)))
        };
        let through = |host: &str, port| Ok(Some((host.to_owned(), port)));
        let url = "https://mcp.linear.app/mcp";
        assert_eq!(found(url, "http://proxy.test:3128", ""), through("proxy.test", 3128));
        assert_eq!(found(url, "proxy.test:3128/", "other.test"), through("proxy.test", 3128));
        assert_eq!(found(url, "HTTP://[::1]:3128", ""), through("::1", 3128));
        assert_eq!(found(url, "http://proxy.test", "near.app, ar.app"), through("proxy.test", 80));
        assert_eq!(found(url, "", ""), Ok(None));
        for except in ["*", "linear.app", ".linear.app", "a.test,MCP.linear.app", "*.app", "mcp.linear.app:443"] {
            assert_eq!(found(url, "http://proxy.test", except), Ok(None), "{except}");
        }
        assert_eq!(found(url, "http://proxy.test", "mcp.linear.app:8443"), through("proxy.test", 80));
        assert_eq!(found("https://[2001:db8::1]/", "http://proxy.test", "2001:db8::1"), Ok(None));
        assert_eq!(found("http://localhost:1/", "http://proxy.test", ""), Ok(None));
        assert_eq!(found("https://127.0.0.1:1/", "http://proxy.test", ""), Ok(None));
        assert_eq!(found(url, "socks5://proxy.test:1080", ""), Err(BadProxy::Kind));
        assert_eq!(found(url, "https://proxy.test", ""), Err(BadProxy::Kind));
        assert_eq!(found(url, "http://proxy.test:x", ""), Err(BadProxy::Address));
        assert_eq!(found(url, "http://pro xy.test", ""), Err(BadProxy::Address));
    }

    #[test]
    fn a_proxy_gets_its_credentials_and_nothing_shows_them() {
        let endpoint = Endpoint::parse("https://x.test/mcp?key=1").unwrap();
        let proxy = ForwardProxy::parse("http://user:p%40ss@proxy.test:3128").unwrap();
        let request =
            "CONNECT x.test:443 HTTP/1.1\r\nHost: x.test:443\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n\r\n";
        assert_eq!(proxy.connect_request(&endpoint), request);
        assert!(!format!("{proxy:?}").contains("dXNl"));
        assert_eq!(read_status(b"HTTP/1.1 200 Connection established\r\n\r\n"), Some(200));
        assert_eq!(read_status(b"HTTP/1.0 407 No\r\nA: b\r\n\r\n"), Some(407));
        assert_eq!(read_status(b"SSH-2.0\r\n"), None);
    }
}
