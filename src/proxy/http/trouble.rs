//! Why a request to a server over HTTP has no answer, in words for whoever made it.

use std::borrow::Cow;
use std::error::Error;

use hyper::StatusCode;

use super::client_line::Outgoing;
use crate::visible::{escape_invisible, shorten};
use crate::wire::http::endpoint::{BadEndpoint, Endpoint};

/// How much of what a server says is quoted, in characters.
const MAX_SAID: usize = 300;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// No connection: nothing was sent.
    #[error("cannot be reached: {0}")]
    Unreached(String),
    /// The certificate of the server is not one that is trusted.
    #[error("has a certificate that is not trusted: {0}")]
    Untrusted(String),
    /// The connection broke after the request was sent.
    #[error("broke the connection before it had answered: {0}")]
    Lost(String),
    #[error("has not answered for {0} seconds")]
    Silent(u64),
    /// It wants a login, with the code for what is wrong and the command for it; `None` where a header says who we are.
    #[error("wants a login: it answered 401 (Unauthorized){0}")]
    Login(String, Option<String>),
    /// The header that says who we are is not good there.
    #[error("does not accept the key that it is sent in Authorization: it answered 401 (Unauthorized){0}")]
    Key(String),
    /// The login may do less than the request needs.
    #[error("wants a login that may do more{0}: it answered 403 (Forbidden)")]
    Scope(String, Option<String>),
    /// There is a login, and no new token for it at this moment; with the command for another login.
    #[error("could not be asked, since the login at it could not be renewed: {0}")]
    Renewal(String, String),
    /// There is a login that cannot be opened, with the reason and the command for another one.
    #[error("could not be asked: the login at it is sealed, and the keychain is locked or has no key for it ({0})")]
    Sealed(String, String),
    #[error("refuses this: it answered 403 (Forbidden){0}")]
    Forbidden(String),
    #[error("answered {0}{1}")]
    Status(StatusCode, String),
    #[error("sends requests on to an address that they are not sent to: {0}")]
    Redirect(BadEndpoint),
    #[error("answered {0} with an address that a message cannot be sent on to without changing it")]
    Moved(StatusCode),
    #[error("sends requests on from address to address without an end")]
    RedirectLoop,
    #[error("answered with something that is neither JSON nor a stream of events: its content type is {0}")]
    ContentType(String),
    #[error("answered in the encoding {0}, which was not asked for")]
    Encoding(String),
    #[error("answered with more than {0} bytes, the longest message that is taken")]
    TooLong(usize),
    #[error("answered with something that is no answer to this request")]
    Unreadable,
    #[error("took the request and gave no answer")]
    Unanswered,
    #[error(
        "answered with what it was sent to know who we are, a token or the value of a header, which nobody else may see; so its \
         answer is withheld"
    )]
    Repeats,
    #[error("has ended the session, and no new one could be begun: {0}")]
    SessionOver(String),
    #[error(
        "opens a stream of events as servers did until revision 2024-11-05, but does not name the address for messages in it"
    )]
    NoEndpoint,
}

impl Trouble {
    /// Whether the same request may be sent again: the server has not seen it, or it changes nothing.
    pub(super) fn allows_retry(&self, outgoing: &Outgoing) -> bool {
        match self {
            Self::Unreached(_) => true,
            Self::Lost(_) => outgoing.is_repeatable(),
            Self::Status(status, _) => {
                outgoing.is_repeatable()
                    && matches!(
                        *status,
                        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
                    )
            }
            _ => false,
        }
    }

    /// Whether it may be over by itself, or by what somebody does elsewhere.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Unreached(_) | Self::Lost(_) | Self::Silent(_) | Self::Renewal(..) | Self::Sealed(..))
    }

    /// Whether the server may have done what it was asked.
    fn leaves_open_whether_it_ran(&self) -> bool {
        match self {
            Self::Lost(_)
            | Self::Silent(_)
            | Self::TooLong(_)
            | Self::Unreadable
            | Self::Unanswered
            | Self::Repeats
            | Self::ContentType(_)
            | Self::Encoding(_) => true,
            Self::Status(status, _) => status.is_server_error(),
            _ => false,
        }
    }

    fn advice(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Unreached(_) => {
                "check the address and the network, and whether the server runs; then make the request again"
            }
            Self::Untrusted(_) => {
                "check the address. If your network has a proxy that reads what is sent, add its certificate to those that the \
                 system trusts, or name its file in SSL_CERT_FILE"
            }
            Self::Lost(_) | Self::Silent(_) | Self::Unanswered => "make the request again, if it is still wanted",
            Self::Login(_, Some(command)) => {
                return format!(
                    "log in with `{command}` in a terminal, which opens the browser, and then make the request again, or connect to the \
                     server again. If it takes a key instead, put that into an environment variable, and name it with `--header \
                     Authorization=VARIABLE`"
                )
                .into();
            }
            Self::Scope(_, Some(command)) => {
                return format!("log in again with `{command}` in a terminal, and then make the request again").into();
            }
            Self::Login(_, None) => {
                "put the value that the server wants to see, such as `Bearer …`, into an environment variable in the `env` of the \
                 client's entry, and name it with `--header Authorization=VARIABLE`"
            }
            Self::Key(_) => {
                "check the value of the variable that `--header Authorization=` or `--bearer` names: it is wrong, or no longer good"
            }
            Self::Scope(_, None) => "check that the key in the headers may do this",
            Self::Renewal(_, command) => {
                return format!(
                    "make the request again; if that does not help, log in again with `{command}` in a terminal"
                )
                .into();
            }
            Self::Sealed(_, command) => {
                return format!(
                    "unlock the keychain, and make the request again after a minute; or log in again with `{command}` in a terminal"
                )
                .into();
            }
            Self::Forbidden(_) => "check that the key or the login that is sent may do this",
            Self::Status(StatusCode::TOO_MANY_REQUESTS, _) => "wait before the next request",
            Self::Status(status, _) if status.is_server_error() => "try again later, or ask whoever runs the server",
            Self::Status(..) | Self::NoEndpoint => {
                "check that the address is that of an MCP server, such as https://HOST/mcp"
            }
            Self::Redirect(_) | Self::Moved(_) | Self::RedirectLoop => {
                "if you trust that address, name it in the client's entry with --url"
            }
            Self::ContentType(_) => {
                "check that the address is that of an MCP server, and that nothing before it wants a login"
            }
            Self::TooLong(_) => "ask for less at once, or raise `max_message` in config.toml",
            Self::Repeats => "ask for what does not have it, or tell whoever runs the server",
            Self::Encoding(_) | Self::Unreadable => "report this to whoever runs the server",
            Self::SessionOver(_) => "connect to the server again in the client",
        })
    }

    /// All that is to be said to whoever made the request, if it is known which one.
    pub(super) fn describe_for(&self, endpoint: &Endpoint, outgoing: Option<&Outgoing>) -> String {
        let is_open = self.leaves_open_whether_it_ran() && !outgoing.is_some_and(Outgoing::is_repeatable);
        let ran = if is_open { " Whether it has done what was asked is not known." } else { "" };
        format!("The MCP server at {endpoint} {self}.{ran} What to do: {}.", self.advice())
    }

    pub(super) fn from_connection(error: &(dyn Error + 'static)) -> Self {
        let mut certificate = None;
        let mut next = Some(error);
        while let Some(error) = next {
            let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            let tls = inner.and_then(|inner| inner.downcast_ref()).or_else(|| error.downcast_ref());
            if let Some(rustls::Error::InvalidCertificate(why)) = tls {
                certificate = Some(format!("{why}"));
            }
            next = error.source();
        }
        certificate.map_or_else(|| Self::Unreached(describe_error(error)), |why| Self::Untrusted(quote(&why)))
    }

    pub(super) fn from_broken(error: &hyper::Error) -> Self {
        Self::Lost(describe_error(error))
    }
}

/// An error with its causes.
pub(super) fn describe_error(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    quote(&text)
}

/// What a server says, with "…" for each of the values that were sent to it, whole or behind the word for their scheme.
pub(super) fn hide_values(text: &str, values: &[&str]) -> String {
    // A shorter one is no secret, and its letters are those of any word.
    const SHORTEST: usize = 4;
    let behind = values.iter().filter_map(|value| value.split_once(' ').map(|(_, rest)| rest.trim_start()));
    let mut all: Vec<&str> = values.iter().copied().chain(behind).filter(|value| value.len() >= SHORTEST).collect();
    all.sort_by_key(|value| std::cmp::Reverse(value.len()));
    all.iter().fold(text.to_owned(), |text, value| text.replace(value, "…"))
}

/// What a server says, for a sentence.
pub(super) fn quote(text: &str) -> String {
    escape_invisible(&shorten(text.trim(), MAX_SAID)).trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_not_repeated() {
        for (said, values, shown) in [
            ("Bearer s3cret is bad", &["Bearer s3cret"][..], "… is bad"),
            ("s3cret and s3cret", &["Bearer s3cret"], "… and …"),
            ("s3cret-long, s3cret", &["s3cret", "s3cret-long"], "…, …"),
            ("no team", &["a", "", "Bearer "], "no team"),
        ] {
            assert_eq!(hide_values(said, values), shown);
        }
    }
}
