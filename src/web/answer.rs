//! What the browser gets, with the headers that every answer has.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::Full;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY,
    SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use maud::Markup;
use tokio::sync::mpsc::Receiver;

/// A page may load its own files and send its own forms, and nothing else: what got into it as text runs nowhere and leads nowhere.
const SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                               form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// What comes after the head of an answer.
pub(super) enum WebBody {
    Whole(Full<Bytes>),
    /// Events, as long as somebody sends them.
    Live(Receiver<Bytes>),
}

impl Body for WebBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(whole) => Pin::new(whole).poll_frame(context),
            Self::Live(events) => events.poll_recv(context).map(|event| event.map(|event| Ok(Frame::data(event)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(whole) if whole.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Live(_) => SizeHint::default(),
        }
    }
}

/// An answer to a browser.
pub(super) struct WebAnswer {
    status: StatusCode,
    body: WebBody,
    kind: &'static str,
    cache: &'static str,
    location: Option<Box<str>>,
    cookie: Option<String>,
}

impl WebAnswer {
    /// A page, which no cache keeps.
    pub(super) fn page(status: StatusCode, markup: Markup) -> Self {
        Self::new(status, markup.into_string().into(), "text/html; charset=utf-8", "no-store")
    }

    /// Events for the script of the page.
    pub(super) fn events(events: Receiver<Bytes>) -> Self {
        let whole = Self::new(StatusCode::OK, Bytes::new(), "text/event-stream", "no-store");
        Self { body: WebBody::Live(events), ..whole }
    }

    /// A file that never changes under its name.
    pub(super) fn asset(text: &'static str, kind: &'static str) -> Self {
        let cache = "public, max-age=31536000, immutable";
        Self::new(StatusCode::OK, Bytes::from_static(text.as_bytes()), kind, cache)
    }

    /// Leads to another page after a change.
    pub(super) fn redirect(location: String) -> Self {
        let empty = Self::new(StatusCode::SEE_OTHER, Bytes::new(), "text/plain; charset=utf-8", "no-store");
        Self { location: Some(location.into()), ..empty }
    }

    fn new(status: StatusCode, body: Bytes, kind: &'static str, cache: &'static str) -> Self {
        let body = WebBody::Whole(Full::new(body));
        Self { status, body, kind, cache, location: None, cookie: None }
    }

    pub(super) fn with_cookie(self, cookie: String) -> Self {
        Self { cookie: Some(cookie), ..self }
    }

    pub(super) fn into_response(self) -> Response<WebBody> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let fixed = [
            (CONTENT_TYPE, self.kind),
            (CACHE_CONTROL, self.cache),
            (CONTENT_SECURITY_POLICY, SECURITY_POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            // Not `no-referrer`: a browser would then write `Origin: null` for the page's own forms.
            (REFERRER_POLICY, "same-origin"),
            (OPENER, "same-origin"),
            (RESOURCE, "same-origin"),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        for (name, value) in [(LOCATION, self.location.map(String::from)), (SET_COOKIE, self.cookie)] {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                headers.insert(name, value);
            }
        }
        response
    }
}
