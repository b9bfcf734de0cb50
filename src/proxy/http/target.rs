//! A server over HTTP as words, as a command is: its address, `--header NAME=VARIABLE` as often as there are headers, and
//! `--bearer VARIABLE`.

use std::ffi::OsStr;

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::forward_proxy::{BadProxy, ForwardProxy, ProxyVariables};
use super::oauth::LoginStore;
use super::reach::Reach;
use crate::env::Env;
use crate::limits::MAX_LOGIN_DOCUMENT;
use crate::paths::state_dir;
use crate::wire::http::endpoint::{BadEndpoint, Endpoint};
use crate::wire::http::header_rule::BadHeader;
use crate::wire::http::target_words::{BadWord, TargetWords};

/// A server over HTTP, and how it is reached.
#[derive(Clone, Debug)]
pub struct HttpTarget {
    pub(super) endpoint: Endpoint,
    /// What is sent with each request. Values are marked as sensitive, so that nothing shows them.
    pub(super) headers: HeaderMap,
    /// The proxy that connections go through; `None` if they go straight.
    pub(super) forward_proxy: Option<ForwardProxy>,
    /// What the proxies of other addresses are found by.
    proxies: ProxyVariables,
    /// How near what it resolves to may be.
    pub(super) least_reach: Reach,
    /// Where logins are kept; `None` if there is no place, or a header is sent that says who we are.
    pub(super) logins: Option<LoginStore>,
    /// The longest message in either direction, in bytes.
    pub(super) max_message: usize,
}

/// Why a server over HTTP cannot be used. No value of a variable is quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// Its address.
    #[error("The address of the server cannot be used: {0}.")]
    Address(#[from] BadEndpoint),
    /// A header.
    #[error("{option} cannot be used: {0}.", option = .0.option())]
    Header(#[from] BadHeader),
    /// The proxy before it.
    #[error("The proxy cannot be used: {0}. Change it, or name the server in NO_PROXY.")]
    Proxy(#[from] BadProxy),
    /// Another word.
    #[error("{0}.")]
    Word(BadWord),
}

/// The address without its query.
impl std::fmt::Display for HttpTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.endpoint.fmt(f)
    }
}

impl From<BadWord> for BadTarget {
    fn from(error: BadWord) -> Self {
        match error {
            BadWord::Header(error) => Self::Header(error),
            BadWord::Other => Self::Word(error),
        }
    }
}

/// Where a server over HTTP is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedIn {
    /// In the entry of a client, by which it has started us.
    Entry,
    /// In the entry of a client, which is read here.
    EntryElsewhere,
    /// In a terminal.
    Terminal,
}

impl BadTarget {
    /// What to do about it, where the message does not say it itself: a variable has no value.
    pub fn fix(&self, place: NamedIn) -> Option<&'static str> {
        let Self::Header(error) = self else { return None };
        error.is_unset().then_some(match place {
            NamedIn::Entry => "set it in the `env` of the client's entry",
            NamedIn::EntryElsewhere => {
                "set it in the `env` of the client's entry, or in this terminal where the client has it from its own environment"
            }
            NamedIn::Terminal => "set it in this terminal, and run this again",
        })
    }
}

impl HttpTarget {
    /// Returns the server over HTTP that these words name; `None` if they start with something that is no URL: then they are a
    /// command.
    ///
    /// # Errors
    /// With what is wrong with a word, or with a variable that it names.
    pub fn from_words<S: AsRef<OsStr>>(words: &[S], env: &Env, max_message: usize) -> Option<Result<Self, BadTarget>> {
        let words: Vec<_> = words.iter().map(|word| word.as_ref().to_string_lossy()).collect();
        words.first().filter(|first| first.contains("://"))?;
        Some(TargetWords::parse(&words).map_err(BadTarget::from).and_then(|words| Self::read(&words, env, max_message)))
    }

    fn read(words: &TargetWords, env: &Env, max_message: usize) -> Result<Self, BadTarget> {
        let endpoint = Endpoint::parse(&words.url)?;
        let mut headers = HeaderMap::new();
        for rule in words.rules()? {
            let value = env.var(rule.variable()).map(OsStr::to_string_lossy);
            let value = rule.header_value(value.as_deref())?;
            let unusable = || BadHeader::Value(rule.name().to_owned());
            let mut value = HeaderValue::from_str(&value).map_err(|_| unusable())?;
            value.set_sensitive(true);
            headers.append(HeaderName::from_bytes(rule.name().as_bytes()).map_err(|_| unusable())?, value);
        }
        let text = |names: &[&str]| {
            let found = names.iter().find_map(|name| env.var(name));
            found.map(|value| value.to_string_lossy().into_owned())
        };
        let proxy = text(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
        let proxies = ProxyVariables { proxy, except: text(&["NO_PROXY", "no_proxy"]) };
        let forward_proxy = ForwardProxy::for_endpoint(&endpoint, &proxies)?;
        let dir = state_dir(env).ok().filter(|_| !headers.contains_key(AUTHORIZATION));
        let logins = dir.map(|dir| LoginStore::new(&dir, &endpoint, env));
        let least_reach = Reach::Machine;
        Ok(Self { endpoint, headers, forward_proxy, proxies, least_reach, logins, max_message })
    }

    /// Where its login is kept; `None` if there is no place, or a header is sent that says who we are.
    pub fn login_store(&self) -> Option<&LoginStore> {
        self.logins.as_ref()
    }

    /// Sets what the server is called, for advice on how to log in.
    pub fn set_name(&mut self, name: &str) {
        if let Some(logins) = &mut self.logins {
            logins.set_name(name);
        }
    }

    /// Returns another server, which is reached by the same rules and gets none of our headers.
    pub(super) fn for_another(&self, endpoint: Endpoint, least_reach: Reach) -> Result<Self, BadProxy> {
        let forward_proxy = ForwardProxy::for_endpoint(&endpoint, &self.proxies)?;
        let (headers, proxies) = (HeaderMap::new(), self.proxies.clone());
        Ok(Self {
            endpoint,
            headers,
            forward_proxy,
            proxies,
            least_reach,
            logins: None,
            max_message: MAX_LOGIN_DOCUMENT,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::http::header_rule::BadToken;

    fn read(words: &[&str]) -> Option<Result<HttpTarget, BadTarget>> {
        let env = Env::new(
            [("KEY", "Bearer s3cret"), ("TOKEN", "abc"), ("EMPTY", ""), ("HTTPS_PROXY", "http://u:s3cret@p.test:1")],
            "",
        );
        HttpTarget::from_words(words, &env, 1000)
    }

    #[test]
    fn a_server_is_named_by_its_address_and_headers() {
        let target = read(&["https://x.test/mcp", "--header", "Authorization=KEY", "--header=X-Other=KEY"]).unwrap();
        let target = target.unwrap();
        assert_eq!(target.headers.len(), 2);
        assert_eq!(target.headers["authorization"], "Bearer s3cret");
        assert!(!format!("{target:?}").contains("s3cret"), "{target:?}");
        assert!(target.forward_proxy.is_some());
        let target = read(&["https://x.test/mcp", "--bearer", "TOKEN"]).unwrap().unwrap();
        assert_eq!(target.headers["authorization"], "Bearer abc");
        assert!(read(&["http://localhost/"]).unwrap().unwrap().forward_proxy.is_none());
        assert!(read(&["npx", "-y", "mcp-remote", "https://x.test"]).is_none());
        assert!(read(&[]).is_none());
    }

    #[test]
    fn what_is_wrong_is_said_without_a_value() {
        for (words, wrong) in [
            (&["http://x.test/"][..], BadTarget::Address(BadEndpoint::Plain)),
            (&["ftp://x.test/"], BadTarget::Address(BadEndpoint::Scheme)),
            (&["https://x.test/", "--header"], BadTarget::Header(BadHeader::Form)),
            (&["https://x.test/", "--header", "A=EMPTY"], BadTarget::Header(BadHeader::Unset("A".into()))),
            (&["https://x.test/", "--header", "A=NONE"], BadTarget::Header(BadHeader::Unset("A".into()))),
            (&["https://x.test/", "--bearer", "NONE"], BadTarget::Header(BadToken::Unset.into())),
            (&["https://x.test/", "--bearer", "KEY"], BadTarget::Header(BadToken::Value.into())),
            (&["https://x.test/", "--bearer"], BadTarget::Header(BadToken::Variable.into())),
            (&["https://x.test/", "-H", "A=KEY"], BadTarget::Word(BadWord::Other)),
            (
                &["https://x.test/", "--header", "authorization=KEY", "--bearer", "TOKEN"],
                BadTarget::Header(BadHeader::Twice("Authorization".into())),
            ),
        ] {
            assert_eq!(read(words).unwrap().unwrap_err(), wrong, "{words:?}");
        }
    }
}
