//! Where a request goes to, and where the server sends it on to.

use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderName, HeaderValue, LOCATION};
use hyper::{HeaderMap, Method, Response, StatusCode};

use super::connection::LineBody;
use super::exchange::Wants;
use super::transport::Transport;
use super::trouble::Trouble;
use crate::limits::MAX_HTTP_REDIRECTS;
use crate::wire::http::endpoint::Endpoint;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Where a request goes to.
pub(super) struct Route {
    pub(super) endpoint: Endpoint,
    is_for_good: bool,
}

/// Whether what was sent is to be sent on as it is.
pub(super) fn is_followed(status: StatusCode) -> bool {
    matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT)
}

impl Transport {
    /// Sends what is no message, and returns what comes back.
    pub(super) async fn send_empty(
        &self,
        method: &Method,
        wants: Wants,
        last_event: Option<&HeaderValue>,
    ) -> Result<Response<Incoming>, Trouble> {
        let mut route = self.route();
        for _ in 0..=MAX_HTTP_REDIRECTS {
            let body = LineBody::new(Bytes::new(), None);
            let mut request = self.build_request((method.clone(), &route.endpoint), wants, None, body);
            last_event.map(|id| request.headers_mut().insert(LAST_EVENT_ID, id.clone()));
            let response = self.connections.send_request(&self.target, request).await?;
            if !is_followed(response.status()) {
                return Ok(response);
            }
            self.follow(&mut route, &response)?;
        }
        Err(Trouble::RedirectLoop)
    }

    pub(super) fn route(&self) -> Route {
        Route { endpoint: self.lock_facts().endpoint.clone(), is_for_good: true }
    }

    /// Takes a redirect: for one request, unless the server says all along the way that it is for good.
    pub(super) fn follow(&self, route: &mut Route, response: &Response<Incoming>) -> Result<(), Trouble> {
        route.endpoint = follow_redirect(&route.endpoint, response.headers())?;
        route.is_for_good &= response.status() == StatusCode::PERMANENT_REDIRECT;
        if route.is_for_good {
            self.lock_facts().endpoint = route.endpoint.clone();
        }
        Ok(())
    }
}

pub(super) fn follow_redirect(endpoint: &Endpoint, headers: &HeaderMap) -> Result<Endpoint, Trouble> {
    let location = headers.get(LOCATION).and_then(|location| location.to_str().ok()).unwrap_or_default();
    endpoint.resolve(location).map_err(Trouble::Redirect)
}
