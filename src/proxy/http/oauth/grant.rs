//! What is exchanged for tokens: a code, or the token that brings the next one.

use form_urlencoded::{Serializer, byte_serialize};
use hyper::header::HeaderValue;

use super::super::client_line::encode_base64;
use super::super::trouble::{Trouble, hide_values, quote};
use super::fetch::{FetchRequest, Fetcher};
use super::store::Login;
use crate::wire::http::endpoint::Endpoint;
use crate::wire::http::oauth::{BadDocument, ClientAuth, OauthRefusal, TokenAnswer};

/// The codes by which a server takes neither this grant nor this client any more (RFC 6749, section 5.2).
const ENDS: [&str; 3] = ["invalid_grant", "invalid_client", "unauthorized_client"];

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoToken {
    /// There was no answer to count on.
    #[error("{0}")]
    Trouble(#[from] Trouble),
    /// The server says no, at this moment.
    #[error("gives no token: {0}")]
    Refused(String),
    /// The server says no, and would again.
    #[error("gives no token: {0}")]
    Over(String),
    #[error("answered with something that {0}")]
    Document(#[from] BadDocument),
}

/// The client that asks.
#[derive(Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) id: &'a str,
    pub(super) secret: Option<&'a str>,
    pub(super) auth: ClientAuth,
}

impl Asker<'_> {
    /// Returns a form with these fields and who asks, and the header that says it, if one does.
    fn sign_form(self, fields: &[(&str, &str)]) -> FetchRequest {
        let (mut form, mut header) = (Serializer::new(String::new()), None);
        form.extend_pairs(fields);
        match (self.auth, self.secret) {
            (ClientAuth::Basic, Some(secret)) => {
                let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let both = format!("{}:{}", encode(self.id), encode(secret));
                header = HeaderValue::from_str(&format!("Basic {}", encode_base64(both.as_bytes()))).ok();
                header.iter_mut().for_each(|header| header.set_sensitive(true));
            }
            (ClientAuth::Post, Some(secret)) => {
                form.extend_pairs([("client_id", self.id), ("client_secret", secret)]);
            }
            _ => {
                form.append_pair("client_id", self.id);
            }
        }
        FetchRequest::Form(form.finish(), header)
    }
}

/// Asks for tokens.
pub(super) async fn ask_for_token(
    fetcher: &Fetcher<'_>,
    endpoint: &Endpoint,
    asker: Asker<'_>,
    fields: &[(&str, &str)],
) -> Result<TokenAnswer, NoToken> {
    let question = asker.sign_form(fields);
    let said = |text: &str| quote(&hide_sent(text, asker, fields, &question));
    let reply = fetcher.fetch(endpoint, question.clone()).await?;
    if reply.status.is_success() {
        return Ok(TokenAnswer::read(&reply.body)?);
    }
    match OauthRefusal::read(&reply.body) {
        Some(refusal) if reply.status.is_client_error() => {
            let why = said(&refusal.describe());
            Err(if ENDS.contains(&refusal.error.as_str()) { NoToken::Over(why) } else { NoToken::Refused(why) })
        }
        _ => Err(Trouble::Status(reply.status, String::new()).into()),
    }
}

/// What an authorization server says, without what it was sent and nobody else may have.
fn hide_sent(text: &str, asker: Asker<'_>, fields: &[(&str, &str)], question: &FetchRequest) -> String {
    let is_open = |name: &str| matches!(name, "grant_type" | "redirect_uri" | "resource");
    let secrets = fields.iter().filter(|(name, _)| !is_open(name)).map(|(_, value)| *value).chain(asker.secret);
    let secrets: Vec<&str> = secrets.collect();
    let encoded: Vec<String> = secrets.iter().map(|secret| byte_serialize(secret.as_bytes()).collect()).collect();
    let header = match question {
        FetchRequest::Form(_, Some(header)) => header.to_str().ok(),
        _ => None,
    };
    let all: Vec<&str> = secrets.into_iter().chain(encoded.iter().map(String::as_str)).chain(header).collect();
    hide_values(text, &all)
}

impl Login {
    pub(super) fn asker(&self) -> Asker<'_> {
        Asker { id: &self.client_id, secret: self.client_secret.as_deref(), auth: self.client_auth }
    }

    /// Has new tokens for the one that brings them; `None` if this login has none.
    pub(super) async fn ask_for_renewal(&self, fetcher: &Fetcher<'_>) -> Option<Result<TokenAnswer, NoToken>> {
        let token = self.refresh_token.as_deref()?;
        let endpoint = Endpoint::parse(&self.token_endpoint).ok()?;
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("resource", &self.resource)];
        Some(ask_for_token(fetcher, &endpoint, self.asker(), &fields).await)
    }

    /// Tells the authorization server that the tokens are not used any more, and returns whether it was told.
    pub(super) async fn revoke(&self, fetcher: &Fetcher<'_>) -> bool {
        let Some(Ok(endpoint)) = self.revocation_endpoint.as_deref().map(Endpoint::parse) else { return false };
        let (token, kind) = match &self.refresh_token {
            Some(token) => (token, "refresh_token"),
            None => (&self.access_token, "access_token"),
        };
        let question = self.asker().sign_form(&[("token", token), ("token_type_hint", kind)]);
        fetcher.fetch(&endpoint, question).await.is_ok_and(|reply| reply.status.is_success())
    }
}
