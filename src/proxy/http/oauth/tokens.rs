//! The token of a session: read before each request, renewed by one wrapper at a time, and never shown.

use hyper::header::HeaderValue;
use tokio::sync::Mutex as Turns;
use tokio::time::timeout;

use super::super::HttpTarget;
use super::super::connection::Connections;
use super::super::trouble::{Trouble, quote};
use super::fetch::Fetcher;
use super::grant::NoToken;
use super::store::{Login, StoreError, now};
use crate::limits::{LOGIN_LOCK, LOGIN_MARGIN};
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
    /// Whose turn it is to renew in this process; the file's lock is for the others.
    turn: &'t Turns<()>,
}

impl<'t> Tokens<'t> {
    pub(in super::super) fn new(target: &'t HttpTarget, connections: &'t Connections, turn: &'t Turns<()>) -> Self {
        Self { target, connections, turn }
    }

    /// Returns what is sent as `Authorization`; `None` without a login. A token that ends soon is renewed first.
    pub(in super::super) async fn find_header(&self) -> Result<Option<HeaderValue>, Trouble> {
        let Some(login) = self.read_login().await? else { return Ok(None) };
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
        Ok(self.read_login().await?.as_ref().and_then(login_header))
    }

    /// Has another token than the one that was not taken.
    pub(in super::super) async fn renew(&self, refused: Option<&HeaderValue>) -> Result<Renewal, Trouble> {
        let Some(store) = self.target.logins.clone() else { return Ok(Renewal::NeedsPerson) };
        if self.has_other(refused).await? {
            return Ok(Renewal::Renewed);
        }
        // A refresh token is good once: whoever comes second finds what the first one has brought.
        let trouble = |why: String| Trouble::Renewal(why, store.login_command());
        let turn = timeout(LOGIN_LOCK, self.turn.lock()).await;
        let _turn = turn.map_err(|_| trouble("another request renews it and is not done".to_owned()))?;
        let _lock = store.lock_login().await.map_err(|error| trouble(error.to_string()))?;
        if self.has_other(refused).await? {
            return Ok(Renewal::Renewed);
        }
        let Some(mut login) = self.read_login().await? else { return Ok(Renewal::NeedsPerson) };
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
    pub(in super::super) async fn find_other(&self, refused: Option<&HeaderValue>) -> Result<Renewal, Trouble> {
        Ok(if self.has_other(refused).await? { Renewal::Renewed } else { Renewal::NeedsPerson })
    }

    async fn has_other(&self, refused: Option<&HeaderValue>) -> Result<bool, Trouble> {
        let header = self.read_login().await?.as_ref().and_then(login_header);
        Ok(header.is_some_and(|header| Some(&header) != refused))
    }

    /// Reads the login on another thread, since a keychain may ask a person first.
    async fn read_login(&self) -> Result<Option<Login>, Trouble> {
        let Some(store) = self.target.logins.clone() else { return Ok(None) };
        let command = store.login_command();
        match tokio::task::spawn_blocking(move || store.read()).await {
            Ok(Ok(login)) => Ok(login),
            Ok(Err(StoreError::Sealed(_, why))) => Err(Trouble::Sealed(why, command)),
            Ok(Err(error)) => {
                tracing::warn!("{error}");
                Ok(None)
            }
            Err(error) => Err(Trouble::Renewal(error.to_string(), command)),
        }
    }
}

fn login_header(login: &Login) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(&format!("Bearer {}", login.access_token)).ok()?;
    header.set_sensitive(true);
    Some(header)
}
