//! The address of a server over HTTP.

use std::fmt;

use crate::wire::host_address::{fold_address, looks_like_number};

/// Where a server is: an origin, and the path and query on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    /// In lower case; an IPv6 address in brackets.
    host: String,
    port: u16,
    /// Begins with a slash.
    target: String,
}

/// How the server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS: to this machine only.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Why a text is no address of a server. It quotes nothing of the address, in which a secret may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    /// It has no scheme that is known.
    #[error("it does not begin with https://, as https://mcp.example.com/mcp does")]
    Scheme,
    /// It is that of a WebSocket.
    #[error(
        "it is that of a WebSocket, over which policylayer reaches no server: ask for the server's https:// address"
    )]
    WebSocket,
    /// It has a character that no URL has.
    #[error(
        "it has a character that a URL cannot have: write a space or a letter beyond ASCII as % and two digits, and such a host as \
         xn--…"
    )]
    Character,
    /// It has a user or a password.
    #[error(
        "it has a user or a password before an @, which other programs and logs would show. Put what the server wants to see into an \
         environment variable, and name it with --header Authorization=VARIABLE"
    )]
    Credentials,
    /// It has a fragment.
    #[error("it has a # with something behind it, which no server gets to see: leave that out")]
    Fragment,
    /// It has no host, or one that programs read differently.
    #[error(
        "it has no host that every program reads alike: write a name such as mcp.example.com, or an address such as 127.0.0.1"
    )]
    Host,
    /// Its port is none.
    #[error("its port is not a number from 1 to 65535")]
    Port,
    /// It is without TLS to another machine.
    #[error(
        "it is http:// to another machine, where anybody on the way can read and change what is sent: use https://. Only \
         localhost, 127.0.0.1 and [::1] are reached by http://"
    )]
    Plain,
    /// It leads to another origin.
    #[error("it leads to another host, port or scheme")]
    Elsewhere,
}

impl Endpoint {
    /// Reads the URL of a server.
    ///
    /// # Errors
    /// With the first thing that is wrong with it.
    pub fn parse(url: &str) -> Result<Self, BadEndpoint> {
        let (scheme, rest) = url.split_once("://").ok_or(BadEndpoint::Scheme)?;
        let scheme = match scheme {
            scheme if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
            scheme if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
            scheme if ["ws", "wss"].iter().any(|other| scheme.eq_ignore_ascii_case(other)) => {
                return Err(BadEndpoint::WebSocket);
            }
            _ => return Err(BadEndpoint::Scheme),
        };
        // Browsers take a backslash for a slash, and others do not.
        if !rest.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>')) {
            return Err(BadEndpoint::Character);
        }
        let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(BadEndpoint::Credentials);
        }
        if target.contains('#') {
            return Err(BadEndpoint::Fragment);
        }
        let after_host = if authority.starts_with('[') { authority.find(']').map_or(0, |at| at + 1) } else { 0 };
        let colon = authority.get(after_host..).and_then(|rest| rest.find(':')).map(|at| after_host + at);
        let (host, port) = authority.split_at(colon.unwrap_or(authority.len()));
        let endpoint = Self {
            scheme,
            host: read_host(host).ok_or(BadEndpoint::Host)?,
            port: port.strip_prefix(':').map_or(Some(scheme.default_port()), read_port).ok_or(BadEndpoint::Port)?,
            target: if target.starts_with('/') { target.to_owned() } else { format!("/{target}") },
        };
        match scheme {
            Scheme::Http if !endpoint.is_loopback() => Err(BadEndpoint::Plain),
            Scheme::Http | Scheme::Https => Ok(endpoint),
        }
    }

    /// Returns where a reference that this server has given leads: a redirect, or the endpoint of revision 2024-11-05.
    ///
    /// # Errors
    /// Returns an error if it leads to another origin, or is no address.
    pub fn resolve(&self, reference: &str) -> Result<Self, BadEndpoint> {
        let is_absolute = reference.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':'));
        let url = match reference {
            _ if is_absolute => reference.to_owned(),
            _ if reference.starts_with("//") => format!("{}:{reference}", self.scheme.as_str()),
            _ if reference.starts_with('/') => format!("{}{reference}", self.origin()),
            _ if reference.starts_with('?') => format!("{}{}{reference}", self.origin(), self.path()),
            _ => {
                let directory = self.path().rfind('/').and_then(|slash| self.path().get(..=slash)).unwrap_or("/");
                format!("{}{directory}{reference}", self.origin())
            }
        };
        let other = Self::parse(&url)?;
        if other.origin() == self.origin() { Ok(other) } else { Err(BadEndpoint::Elsewhere) }
    }

    /// How it is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host in lower case; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also where it is not written.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path and the query.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The host, with the port where it is not the usual one.
    pub fn authority(&self) -> String {
        match self.port {
            port if port == self.scheme.default_port() => self.host.clone(),
            port => format!("{}:{port}", self.host),
        }
    }

    /// All of the address, also the query, in which a secret may stand.
    pub fn url(&self) -> String {
        format!("{}{}", self.origin(), self.target)
    }

    /// Whether the other address is this one, or below its path on the same origin.
    pub fn contains(&self, other: &Self) -> bool {
        let below = other.path().strip_prefix(self.path().trim_end_matches('/'));
        self.origin() == other.origin() && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The scheme, the host, and the port where it is not the usual one.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme.as_str(), self.authority())
    }

    /// Whether its host is this machine, whatever a name server says.
    pub fn is_loopback(&self) -> bool {
        matches!(self.host.as_str(), "localhost" | "[::1]") || (is_ipv4(&self.host) && self.host.starts_with("127."))
    }
}

/// The address without its query, in which a secret may stand.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.path())?;
        if self.target.contains('?') { f.write_str("?…") } else { Ok(()) }
    }
}

fn is_ipv4(host: &str) -> bool {
    looks_like_number(host)
}

/// Returns the host in lower case, if every program takes it for the same one.
fn read_host(host: &str) -> Option<String> {
    let host = host.to_ascii_lowercase();
    if host.starts_with('[') || looks_like_number(&host) {
        return (fold_address(&host)? == host).then_some(host);
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    (host.len() <= 253 && host.split('.').all(is_label)).then_some(host)
}

fn read_port(port: &str) -> Option<u16> {
    let is_plain = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    port.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_or_refused_with_the_reason() {
        for (url, expected) in [
            ("https://mcp.linear.app/mcp", Ok(("mcp.linear.app", 443, "/mcp"))),
            ("HTTPS://MCP.Linear.App", Ok(("mcp.linear.app", 443, "/"))),
            ("https://x.test:8443/a/b?c=d&e=%20", Ok(("x.test", 8443, "/a/b?c=d&e=%20"))),
            ("https://x.test?c=/d", Ok(("x.test", 443, "/?c=/d"))),
            ("http://localhost:3000/mcp", Ok(("localhost", 3000, "/mcp"))),
            ("http://127.0.0.1/", Ok(("127.0.0.1", 80, "/"))),
            ("http://127.9.9.9/", Ok(("127.9.9.9", 80, "/"))),
            ("http://[::1]:81/x", Ok(("[::1]", 81, "/x"))),
            ("https://[2001:db8::1]/x", Ok(("[2001:db8::1]", 443, "/x"))),
            ("https://192.0.2.7/x@y:z", Ok(("192.0.2.7", 443, "/x@y:z"))),
            ("mcp.linear.app/mcp", Err(BadEndpoint::Scheme)),
            ("ftp://x.test/", Err(BadEndpoint::Scheme)),
            ("https:/x.test", Err(BadEndpoint::Scheme)),
            ("https://user:secret@x.test/", Err(BadEndpoint::Credentials)),
            ("https://token@x.test/", Err(BadEndpoint::Credentials)),
            ("https://good.test@evil.test", Err(BadEndpoint::Credentials)),
            ("https://x.test/#a", Err(BadEndpoint::Fragment)),
            ("https://x.test#a", Err(BadEndpoint::Fragment)),
            ("https://x.test/a b", Err(BadEndpoint::Character)),
            ("https://x.test/\r\nHost: y", Err(BadEndpoint::Character)),
            ("https://x.test\\@evil.test", Err(BadEndpoint::Character)),
            ("https://bücher.test/", Err(BadEndpoint::Character)),
            ("https:///mcp", Err(BadEndpoint::Host)),
            ("https://.x.test/", Err(BadEndpoint::Host)),
            ("https://x..test/", Err(BadEndpoint::Host)),
            ("https://x.test./", Err(BadEndpoint::Host)),
            ("https://127.1/", Err(BadEndpoint::Host)),
            ("https://0x7f000001/", Err(BadEndpoint::Host)),
            ("https://2130706433/", Err(BadEndpoint::Host)),
            ("https://[::ffff:127.0.0.1]/", Err(BadEndpoint::Host)),
            ("https://[::1/", Err(BadEndpoint::Host)),
            ("https://a%2eb/", Err(BadEndpoint::Host)),
            ("https://x.test:/", Err(BadEndpoint::Port)),
            ("https://x.test:0/", Err(BadEndpoint::Port)),
            ("https://x.test:0443/", Err(BadEndpoint::Port)),
            ("https://x.test:65536/", Err(BadEndpoint::Port)),
            ("https://x.test:+1/", Err(BadEndpoint::Port)),
            ("http://x.test/", Err(BadEndpoint::Plain)),
            ("http://localhost.evil.test/", Err(BadEndpoint::Plain)),
            ("http://128.0.0.1/", Err(BadEndpoint::Plain)),
            ("http://127.evil.test/", Err(BadEndpoint::Plain)),
        ] {
            let read = Endpoint::parse(url);
            let read = read.as_ref().map(|read| (read.host(), read.port(), read.target())).map_err(|error| *error);
            assert_eq!(read, expected, "{url}");
        }
    }

    #[test]
    fn a_reference_stays_on_its_origin() {
        let base = Endpoint::parse("https://x.test/v1/sse?key=1").unwrap();
        for (reference, expected) in [
            ("/messages?id=1", Ok("/messages?id=1")),
            ("messages?id=a/b:c", Ok("/v1/messages?id=a/b:c")),
            ("?id=1", Ok("/v1/sse?id=1")),
            ("https://x.test/m", Ok("/m")),
            ("https://X.test:443/m", Ok("/m")),
            ("//x.test/m", Ok("/m")),
            ("//evil.test/m", Err(BadEndpoint::Elsewhere)),
            ("https://evil.test/m", Err(BadEndpoint::Elsewhere)),
            ("https://x.test:8443/m", Err(BadEndpoint::Elsewhere)),
            ("http://x.test/m", Err(BadEndpoint::Plain)),
            ("http://localhost/m", Err(BadEndpoint::Elsewhere)),
            ("https://x.test@evil.test/m", Err(BadEndpoint::Credentials)),
            ("/\\evil.test", Err(BadEndpoint::Character)),
            ("javascript:alert(1)", Err(BadEndpoint::Scheme)),
            ("/m#f", Err(BadEndpoint::Fragment)),
        ] {
            let found = base.resolve(reference);
            assert_eq!(found.as_ref().map(Endpoint::target).map_err(|error| *error), expected, "{reference}");
        }
    }

    #[test]
    fn what_is_shown_of_an_address_has_no_query() {
        let shown = |url: &str| Endpoint::parse(url).unwrap().to_string();
        assert_eq!(shown("https://X.test:443/mcp?key=secret"), "https://x.test/mcp?…");
        assert_eq!(shown("http://localhost:80"), "http://localhost/");
        assert_eq!(shown("http://[::1]:8080/a"), "http://[::1]:8080/a");
    }
}
