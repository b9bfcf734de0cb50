//! Who may ask for a page: the browser that was opened with the address of this run, and nothing that another site or
//! another program's page makes it send.

use std::sync::Mutex;
use std::sync::PoisonError;

use hyper::header::{CONTENT_TYPE, COOKIE, HOST, HeaderName, ORIGIN};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, StatusCode};

/// The name of the cookie.
const COOKIE_NAME: &str = "policylayer_ui";

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// What lets the browser of one person in, for one run of the program.
pub(super) struct Access {
    port: u16,
    /// The directory of every page, with a `/` at both ends. Cookies do not tell ports apart, so without it the browser would send
    /// ours to any other server on this machine that it is led to.
    base: String,
    /// What the printed address has; `None` once it was used.
    token: Mutex<Option<String>>,
    cookie: String,
}

/// Where a request that may be answered leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination<'r> {
    /// A file of the page, which is nobody's secret.
    Asset(&'r str),
    /// The address that opens the page.
    Entrance,
    /// A page, by its path below the directory of all pages.
    Page(&'r str),
}

/// Why a request is refused: the status, and what a person reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Denial(pub(super) StatusCode, pub(super) &'static str);

const NOT_THIS_HOST: Denial = Denial(
    StatusCode::MISDIRECTED_REQUEST,
    "This page is at 127.0.0.1 and at localhost only. Open the address that `policylayer ui` has printed.",
);
const OTHER_SITE: Denial =
    Denial(StatusCode::FORBIDDEN, "Another site asked for this. Open the address that `policylayer ui` has printed.");
const NO_ORIGIN: Denial = Denial(
    StatusCode::FORBIDDEN,
    "The browser does not say that this page itself asks for the change, so nothing was changed. Use a current browser.",
);
const NOT_A_FORM: Denial = Denial(StatusCode::UNSUPPORTED_MEDIA_TYPE, "A change is sent by a form of this page.");
const NO_SUCH_METHOD: Denial = Denial(StatusCode::METHOD_NOT_ALLOWED, "This page knows GET and POST.");
/// Whoever sends a form so far has an `Origin` of this page.
pub(super) const NO_COOKIE: Denial = Denial(
    StatusCode::FORBIDDEN,
    "This browser was not opened with the address that `policylayer ui` has printed. Open that, or run `policylayer ui` again for \
     a new one.",
);
const USED: Denial = Denial(
    StatusCode::FORBIDDEN,
    "This address has been used: it opens the page once. If the page is not open here, somebody else may have used it: end `policylayer \
     ui` with ^C, and run it again for a new address.",
);
const UNKNOWN_TOKEN: Denial = Denial(
    StatusCode::FORBIDDEN,
    "This is not the address that `policylayer ui` has printed. Copy the whole of it, or run `policylayer ui` again for a new one.",
);
pub(super) const NO_SUCH_PAGE: Denial = Denial(StatusCode::NOT_FOUND, "There is no such page.");

impl Access {
    pub(super) fn new(port: u16) -> Result<Self, getrandom::Error> {
        let base = format!("/{}/", random_hex::<8>()?);
        let (token, cookie) = (random_hex::<32>()?, random_hex::<32>()?);
        Ok(Self { port, base, token: Mutex::new(Some(token)), cookie })
    }

    /// Returns the directory of every page.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Returns the address that opens the page. It has no token once that was used.
    pub(super) fn address(&self) -> String {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        format!("http://127.0.0.1:{}/start?token={}", self.port, token.as_deref().unwrap_or_default())
    }

    /// Returns the value of the header that sets the cookie.
    pub(super) fn set_cookie(&self) -> String {
        format!("{COOKIE_NAME}={}; HttpOnly; SameSite=Strict; Path={}", self.cookie, self.base)
    }

    /// Takes the token of the printed address: it is good once.
    pub(super) fn take_token(&self, given: &str) -> Result<(), Denial> {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        match token.as_deref() {
            None => Err(USED),
            Some(expected) if is_same_secret(expected, given) => {
                *token = None;
                Ok(())
            }
            Some(_) => Err(UNKNOWN_TOKEN),
        }
    }

    /// Checks all that the head of a request tells.
    pub(super) fn check_request<'r>(&self, head: &'r Parts) -> Result<Destination<'r>, Denial> {
        let host = only_value(&head.headers, &HOST).ok_or(NOT_THIS_HOST)?;
        let names = [format!("127.0.0.1:{}", self.port), format!("localhost:{}", self.port)];
        let is_ours = |host: &str| names.contains(&host.to_ascii_lowercase());
        // What a proxy is asked for has a host in its first line as well.
        if !is_ours(host) || head.uri.authority().is_some_and(|other| !is_ours(other.as_str())) {
            return Err(NOT_THIS_HOST);
        }
        let path = head.uri.path();
        // A page of another program on this machine is of the same site, but of another origin.
        let is_foreign = head.headers.contains_key(&SITE)
            && !matches!(only_value(&head.headers, &SITE), Some("same-origin" | "none"));
        match head.method {
            Method::GET => {
                // A link to the printed address may be anywhere, and what it opens is shown to the person alone.
                let is_visit = path == "/start" && only_value(&head.headers, &MODE) == Some("navigate");
                if is_foreign && !is_visit {
                    return Err(OTHER_SITE);
                }
            }
            Method::POST => {
                if is_foreign {
                    return Err(OTHER_SITE);
                }
                let origin = only_value(&head.headers, &ORIGIN);
                if !origin.is_some_and(|origin| origin.eq_ignore_ascii_case(&format!("http://{host}"))) {
                    return Err(NO_ORIGIN);
                }
                if only_value(&head.headers, &CONTENT_TYPE) != Some("application/x-www-form-urlencoded") {
                    return Err(NOT_A_FORM);
                }
            }
            _ => return Err(NO_SUCH_METHOD),
        }
        if let Some(name) = path.strip_prefix("/assets/") {
            return Ok(Destination::Asset(name));
        }
        if path == "/start" {
            return Ok(Destination::Entrance);
        }
        if !self.has_cookie(&head.headers) {
            return Err(NO_COOKIE);
        }
        path.strip_prefix(&self.base).map(Destination::Page).ok_or(NO_SUCH_PAGE)
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let mut values = cookies.flat_map(|value| value.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        values.any(|(name, value)| name == COOKIE_NAME && is_same_secret(&self.cookie, value))
    }
}

/// Returns the value of a header that stands there exactly once.
fn only_value<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).into_iter();
    let first = values.next()?;
    if values.next().is_some() { None } else { first.to_str().ok() }
}

/// Compares two texts in a time that does not tell how much of them is equal.
fn is_same_secret(one: &str, other: &str) -> bool {
    let difference = one.bytes().zip(other.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b));
    one.len() == other.len() && difference == 0
}

fn random_hex<const BYTES: usize>() -> Result<String, getrandom::Error> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
