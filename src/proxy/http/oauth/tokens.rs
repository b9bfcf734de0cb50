//! The token of a session: read before each request, renewed by one wrapper at a time, and never shown.

use hyper::header::HeaderValue;

use super::super::HttpTarget;
use super::super::connection::Connections;
use super::super::trouble::{Trouble, quote};
use super::fetch::Fetcher;
use super::grant::NoToken;
use super::store::{Login, now};
use crate::limits::LOGIN_MARGIN;
use crate::wire::http::challenge::BearerChallenge;

/// What has become of a token that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Renewal {
    /// There is another one: the request can be sent again.
    Renewed,
    /// Only a person can log in.
    NeedsPerson,
}

/// Where a session has its token from.
pub(in super::super) struct Tokens<'t> {
    target: &'t HttpTarget,
    connections: &'t Connections,
}

impl<'t> Tokens<'t> {
    pub(in super::super) fn new(target: &'t HttpTarget, connections: &'t Connections) -> Self {
        Self { target, connections }
    }

    /// Returns what is sent as `Authorization`; `None` without a login. A token that ends soon is renewed first.
    pub(in super::super) async fn find_header(&self) -> Result<Option<HeaderValue>, Trouble> {
        let Some(login) = self.read_login() else { return Ok(None) };
        let is_late = login.expires_at.is_some_and(|end| end <= now().saturating_add(LOGIN_MARGIN.as_secs()));
        let header = login_header(&login);
        if !is_late || login.refresh_token.is_none() {
            return Ok(header);
        }
        match self.renew(header.as_ref()).await {
            // It is good for a moment more.
            Err(_) if login.expires_at.is_some_and(|end| end > now()) => return Ok(header),
            renewed => renewed?,
        };
        Ok(self.read_login().as_ref().and_then(login_header))
    }

    /// Has another token than the one that was not taken.
    pub(in super::super) async fn renew(&self, refused: Option<&HeaderValue>) -> Result<Renewal, Trouble> {
        let Some(store) = self.target.logins.clone() else { return Ok(Renewal::NeedsPerson) };
        if self.has_other(refused) {
            return Ok(Renewal::Renewed);
        }
        // A refresh token is good once: whoever comes second finds what the first one has brought.
        let trouble = |why: String| Trouble::Renewal(why, store.login_command());
        let _lock = store.lock_login().await.map_err(|error| trouble(error.to_string()))?;
        if self.has_other(refused) {
            return Ok(Renewal::Renewed);
        }
        let Some(mut login) = self.read_login() else { return Ok(Renewal::NeedsPerson) };
        let fetcher = Fetcher { target: self.target, connections: self.connections, least_reach: login.least_reach };
        match login.ask_for_renewal(&fetcher).await {
            None => return Ok(Renewal::NeedsPerson),
            Some(Ok(answer)) => login.take_answer(answer),
            Some(Err(why @ NoToken::Over(_))) => {
                tracing::warn!("the login is over: the authorization server {why}");
                // It would only be refused again.
                login.refresh_token = None;
                store.write(&login).map_err(|error| trouble(error.to_string()))?;
                return Ok(Renewal::NeedsPerson);
            }
            Some(Err(why)) => return Err(trouble(quote(&format!("the authorization server {why}")))),
        }
        store.write(&login).map_err(|error| trouble(error.to_string()))?;
        tracing::debug!("the login was renewed");
        Ok(Renewal::Renewed)
    }

    /// Keeps what the server asks for, for `policylayer login`.
    pub(in super::super) fn note_challenge(&self, challenge: Option<BearerChallenge>) {
        if let Some(store) = &self.target.logins {
            store.note_wanted(&challenge.unwrap_or_default());
        }
    }

    /// Looks for another token than the one that may do too little.
    pub(in super::super) fn find_other(&self, refused: Option<&HeaderValue>) -> Renewal {
        if self.has_other(refused) { Renewal::Renewed } else { Renewal::NeedsPerson }
    }

    fn has_other(&self, refused: Option<&HeaderValue>) -> bool {
        self.read_login().as_ref().and_then(login_header).is_some_and(|header| Some(&header) != refused)
    }

    fn read_login(&self) -> Option<Login> {
        let store = self.target.logins.as_ref()?;
        store.read().unwrap_or_else(|error| {
            tracing::warn!("{error}");
            None
        })
    }
}

fn login_header(login: &Login) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(&format!("Bearer {}", login.access_token)).ok()?;
    header.set_sensitive(true);
    Some(header)
}
