//! A login: from what the server says of itself to tokens, with a person in between.

use std::io;

use form_urlencoded::Serializer;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::super::HttpTarget;
use super::super::client_line::encode_base64;
use super::super::connection::{Connections, LineBody};
use super::super::reach::Reach;
use super::super::trouble::{Trouble, quote};
use super::callback::{CallbackListener, Returned};
use super::fetch::{FetchRequest, Fetcher};
use super::grant::{Asker, NoToken, ask_for_token};
use super::store::{Kept, Login, LoginStore, StoreError, StorePlace};
use crate::limits::{LOGIN_ANSWER, LOGIN_PATIENCE};
use crate::wire::http::challenge::{BearerChallenge, is_scope, join_scopes};
use crate::wire::http::endpoint::Endpoint;
use crate::wire::http::oauth::{
    AuthorizationServer, BadDocument, ClientAuth, OauthRefusal, RegisteredClient, ResourceMetadata,
    issuer_metadata_paths, resource_metadata_paths,
};

/// How a login is made.
#[derive(Clone, Default)]
pub struct LoginOptions {
    /// The scopes to ask for, instead of those that the server names.
    pub scope: Option<String>,
    /// A client that the authorization server knows already.
    pub client: Option<GivenClient>,
    /// The port of this machine that the browser comes back to.
    pub port: Option<u16>,
    /// Where the login is wanted to be.
    pub place: StorePlace,
}

/// A client that was made known by a person.
#[derive(Clone)]
pub struct GivenClient {
    /// Its id, or the address of the document about it.
    pub id: String,
    /// Its secret, if it has one.
    pub secret: Option<String>,
}

/// What the person opens.
#[derive(Clone, Debug)]
pub struct AuthorizationPage {
    /// Its address.
    pub url: String,
    /// The authorization server.
    pub issuer: String,
    /// What is asked for, if anything is named.
    pub scope: Option<String>,
}

/// Why there is no login. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// There is no place for it.
    #[error("There is no place for a login: there is no state directory. Set HOME.")]
    NoPlace,
    /// Somebody has not answered, or wrongly.
    #[error("{0} {1}. Nothing was stored; try again, or tell whoever runs it.")]
    Trouble(String, String),
    /// A document leads somewhere that is not gone to.
    #[error(
        "The server names {0} as the place of what it says about logins, on another host, port or scheme. That is not asked."
    )]
    Elsewhere(String),
    /// A document is of no use.
    #[error("What {0} says about logins {1}. Nothing was sent there; tell whoever runs it.")]
    Document(String, BadDocument),
    /// There is no login to be had.
    #[error(
        "The server at {0} asks for no login, and says nothing about one: there is nothing to do. If it takes a key, name it with \
         --header Authorization=VARIABLE."
    )]
    NotWanted(String),
    /// Nothing says how.
    #[error(
        "The server at {0} wants a login, and nothing says how: {1} has no document about its authorization server. If it takes a \
         key, name it with --header Authorization=VARIABLE."
    )]
    NoServer(String, String),
    /// The client is not known there, and cannot make itself known.
    #[error(
        "The authorization server {0} lets no client make itself known. Register policylayer there, with the redirect address \
         http://127.0.0.1:PORT/callback, and name what you get with --client-id ID, --client-secret VARIABLE if there is a secret, \
         and --port PORT."
    )]
    NoRegistration(String),
    /// The client is an address, and the server takes none.
    #[error(
        "The authorization server {0} takes no client whose id is an address. Leave --client-id out, or name another id."
    )]
    NoClientDocuments(String),
    /// The scopes are none.
    #[error("--scope has a character that no scope has. Scopes are separated by single blanks.")]
    Scope,
    /// This machine does not listen.
    #[error(
        "The browser could not come back: port {0} of 127.0.0.1 cannot be listened on ({1}). Name another one with --port."
    )]
    Listener(u16, io::Error),
    /// Nobody came back.
    #[error("Nobody has logged in for {} minutes. Run the command again when you are ready.", LOGIN_PATIENCE.as_secs() / 60)]
    TooLate,
    /// The person or the server said no.
    #[error("The authorization server {0} says no: {1}. Nothing was stored.")]
    Denied(String, String),
    /// The answer is of another server.
    #[error(
        "The answer in the browser is not one of {0}, which was asked: it could be of a server that wants to get at its codes. \
         Nothing was sent on; log in again, and tell whoever runs the server if it happens again."
    )]
    MixedUp(String),
    /// It cannot be kept.
    #[error("{0}. Nothing was stored.")]
    Store(#[from] StoreError),
    /// It cannot be taken away.
    #[error("{0}. Nobody was logged out.")]
    Stays(StoreError),
    /// The system has no randomness.
    #[error("The system's random number generator failed: {0}")]
    Randomness(getrandom::Error),
    /// The system refuses what is needed.
    #[error("The login could not be started: {0}")]
    System(#[from] io::Error),
}

/// What a logout has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logout {
    /// There was no login.
    Nothing,
    /// The login is gone, and the authorization server was told.
    Revoked,
    /// The login is gone here; the authorization server takes no such news, or was not reached.
    Removed,
}

/// Logs in at a server. `open` gets what the person has to open, once the answer is waited for.
///
/// # Errors
/// Returns an error if there is no login then.
pub fn log_in(
    target: &HttpTarget,
    options: &LoginOptions,
    open: &mut dyn FnMut(&AuthorizationPage),
) -> Result<(LoginStore, Kept), LoginError> {
    let store = target.logins.clone().ok_or(LoginError::NoPlace)?;
    if options.scope.as_deref().is_some_and(|scope| !is_scope(scope)) {
        return Err(LoginError::Scope);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let connections = Connections::new();
    let flow = Flow { target, connections: &connections, options, store: &store };
    runtime.block_on(store.check_place())?;
    let login = runtime.block_on(flow.run(open))?;
    let kept = store.choose_place(options.place);
    // Whoever renews the old login at this moment is waited for, and does not overwrite this one.
    let lock = runtime.block_on(store.lock_login())?;
    store.write_as(&login, &kept)?;
    store.forget_wanted();
    drop(lock);
    Ok((store, kept))
}

/// Takes a login away.
///
/// # Errors
/// Returns an error if it cannot be taken away.
pub fn log_out(target: &HttpTarget) -> Result<Logout, LoginError> {
    let store = target.logins.clone().ok_or(LoginError::NoPlace)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let lock = runtime.block_on(store.lock_login()).map_err(LoginError::Stays)?;
    let has_file = store.path().exists();
    let login = store.remove().map_err(LoginError::Stays)?;
    drop(lock);
    // One that cannot be read is gone as well.
    let Some(login) = login else { return Ok(if has_file { Logout::Removed } else { Logout::Nothing }) };
    let fetcher = Fetcher { target, connections: &Connections::new(), least_reach: login.least_reach };
    Ok(if runtime.block_on(login.revoke(&fetcher)) { Logout::Revoked } else { Logout::Removed })
}

struct Flow<'f> {
    target: &'f HttpTarget,
    connections: &'f Connections,
    options: &'f LoginOptions,
    store: &'f LoginStore,
}

/// What was found out before anything is asked for.
struct Found {
    resource: String,
    server: AuthorizationServer,
    /// What the server itself names.
    scope: Option<String>,
    least_reach: Reach,
}

/// The client, and where the browser comes back to.
struct Asking {
    client_id: String,
    client_secret: Option<String>,
    client_auth: ClientAuth,
    redirect_uri: String,
}

impl Flow<'_> {
    async fn run(&self, open: &mut dyn FnMut(&AuthorizationPage)) -> Result<Login, LoginError> {
        let found = self.find_server().await?;
        let Found { server, least_reach, .. } = &found;
        let scope = self.choose_scope(&found);
        let unusable = |why| LoginError::Document(server.issuer.clone(), why);
        let authorization = server.authorization_endpoint().map_err(unusable)?;
        let token_endpoint = server.token_endpoint().map_err(unusable)?;
        let revocation = server.revocation_endpoint().map_err(unusable)?;
        // The browser is not led nearer either.
        self.check_reach(&authorization, *least_reach, server)?;
        let listener = CallbackListener::bind(self.options.port).await;
        let listener = listener.map_err(|error| LoginError::Listener(self.options.port.unwrap_or(0), error))?;
        let asking = self.find_client(&found, listener.redirect_uri(), scope.as_deref()).await?;
        let (state, verifier) = (random_text()?, random_text()?);
        let challenge = to_url_text(&Sha256::digest(verifier.as_bytes()));
        let mut query = Serializer::new(String::new());
        query.extend_pairs([
            ("response_type", "code"),
            ("client_id", &asking.client_id),
            ("redirect_uri", &asking.redirect_uri),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("resource", &found.resource),
        ]);
        scope.as_deref().map(|scope| query.append_pair("scope", scope));
        let url = authorization.url();
        let join = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{join}{}", query.finish());
        open(&AuthorizationPage { url, issuer: server.issuer.clone(), scope: scope.clone() });
        let returned = listener.wait_for(&state).await.ok_or(LoginError::TooLate)?;
        let code = check_returned(returned, server)?;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", &asking.redirect_uri),
            ("code_verifier", &verifier),
            ("resource", &found.resource),
        ];
        let asker = Asker { id: &asking.client_id, secret: asking.client_secret.as_deref(), auth: asking.client_auth };
        let answer = ask_for_token(&self.fetcher(*least_reach), &token_endpoint, asker, &fields).await;
        let answer = answer.map_err(|why| match why {
            NoToken::Refused(why) | NoToken::Over(why) => LoginError::Denied(server.issuer.clone(), why),
            why => LoginError::Trouble(token_endpoint.to_string(), why.to_string()),
        })?;
        let mut login = Login {
            issuer: server.issuer.clone(),
            resource: found.resource.clone(),
            token_endpoint: token_endpoint.url(),
            revocation_endpoint: revocation.map(|endpoint| endpoint.url()),
            least_reach: *least_reach,
            client_id: asking.client_id,
            client_secret: asking.client_secret,
            client_auth: asking.client_auth,
            scope,
            access_token: String::new(),
            refresh_token: None,
            expires_at: None,
        };
        login.take_answer(answer);
        Ok(login)
    }

    fn fetcher(&self, least_reach: Reach) -> Fetcher<'_> {
        Fetcher { target: self.target, connections: self.connections, least_reach }
    }

    /// An address without a name lookup: that of the browser is not ours.
    fn check_reach(&self, page: &Endpoint, least: Reach, server: &AuthorizationServer) -> Result<(), LoginError> {
        let address = page.host().trim_matches(['[', ']']).parse().ok().map(Reach::of_address);
        let reach = if page.is_loopback() { Some(Reach::Machine) } else { address };
        if reach.is_none_or(|reach| reach >= least) {
            return Ok(());
        }
        Err(LoginError::Trouble(
            server.issuer.clone(),
            format!("wants a page opened at {page}, which is nearer to this machine than the MCP server is"),
        ))
    }

    /// Finds out what has to be logged in to, and where.
    async fn find_server(&self) -> Result<Found, LoginError> {
        let endpoint = &self.target.endpoint;
        let wanted = self.store.read_wanted().map(|wanted| wanted.challenge);
        let challenge = match wanted {
            Some(challenge) => Some(challenge),
            None => self.ask_for_challenge().await?,
        };
        let (metadata, least_reach) = self.find_resource(challenge.as_ref()).await?;
        if metadata.is_none() && challenge.is_none() {
            return Err(LoginError::NotWanted(endpoint.to_string()));
        }
        let origin = endpoint.origin();
        let issuer = metadata.as_ref().and_then(ResourceMetadata::issuer).unwrap_or(&origin).to_owned();
        let server = match self.find_issuer(&issuer, least_reach).await? {
            Some(server) => server,
            None if metadata.is_none() => AuthorizationServer::without_document(&origin),
            None => return Err(LoginError::NoServer(endpoint.to_string(), quote(&issuer))),
        };
        let scope = challenge.and_then(|challenge| challenge.scope);
        let scope = scope.or_else(|| metadata.as_ref().and_then(ResourceMetadata::scope));
        let resource = metadata.map(|metadata| metadata.resource);
        let own = || format!("{origin}{}", endpoint.path().trim_end_matches('/'));
        Ok(Found { resource: resource.unwrap_or_else(own), server, scope, least_reach })
    }

    /// Asks the server for nothing, to hear how it wants to be asked; `None` if it wants no login.
    async fn ask_for_challenge(&self) -> Result<Option<BearerChallenge>, LoginError> {
        let endpoint = &self.target.endpoint;
        let body = Bytes::from_static(br#"{"jsonrpc":"2.0","id":0,"method":"ping"}"#);
        let mut request = Request::new(LineBody::new(body, None));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = endpoint.target().parse().unwrap_or_default();
        let headers = request.headers_mut();
        HeaderValue::from_str(&endpoint.authority()).ok().map(|host| headers.insert(HOST, host));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        headers.extend(self.target.headers.clone());
        let response = timeout(LOGIN_ANSWER, self.connections.send_request(self.target, request)).await;
        let response = response.unwrap_or(Err(Trouble::Silent(LOGIN_ANSWER.as_secs())));
        let response = response.map_err(|trouble| LoginError::Trouble(endpoint.to_string(), trouble.to_string()))?;
        let is_wanted = response.status() == StatusCode::UNAUTHORIZED;
        Ok(is_wanted.then(|| find_challenge(response.headers()).unwrap_or_default()))
    }

    /// Reads what the server says of itself, and returns how far away it is.
    async fn find_resource(
        &self,
        challenge: Option<&BearerChallenge>,
    ) -> Result<(Option<ResourceMetadata>, Reach), LoginError> {
        let endpoint = &self.target.endpoint;
        let named = challenge.and_then(|challenge| challenge.resource_metadata.as_deref());
        let places = match named {
            Some(named) => vec![named.to_owned()],
            None => resource_metadata_paths(endpoint),
        };
        let mut reach = Reach::Internet;
        for place in places {
            let place = endpoint.resolve(&place).map_err(|_| LoginError::Elsewhere(quote(&place)))?;
            let reply = self.fetch_document(&place, Reach::Machine).await?;
            reach = reply.1;
            if let Some(body) = reply.0 {
                let metadata = ResourceMetadata::read(&body, endpoint);
                return Ok((Some(metadata.map_err(|why| LoginError::Document(endpoint.to_string(), why))?), reach));
            }
        }
        Ok((None, reach))
    }

    async fn find_issuer(&self, issuer: &str, least: Reach) -> Result<Option<AuthorizationServer>, LoginError> {
        let unusable = |why| LoginError::Document(quote(issuer), why);
        let endpoint =
            Endpoint::parse(issuer).map_err(|why| unusable(BadDocument::Address("authorization server", why)))?;
        for path in issuer_metadata_paths(&endpoint) {
            let place = endpoint.resolve(&path);
            let place = place.map_err(|why| unusable(BadDocument::Address("authorization server", why)))?;
            if let (Some(body), _) = self.fetch_document(&place, least).await? {
                return AuthorizationServer::read(&body, issuer).map(Some).map_err(unusable);
            }
        }
        Ok(None)
    }

    /// Returns a document, if there is one, and how far away whoever was asked is.
    async fn fetch_document(&self, place: &Endpoint, least: Reach) -> Result<(Option<Vec<u8>>, Reach), LoginError> {
        let trouble = |why: String| LoginError::Trouble(place.to_string(), why);
        let reply = self.fetcher(least).fetch(place, FetchRequest::Document).await;
        let reply = reply.map_err(|error| trouble(error.to_string()))?;
        match reply.status {
            status if status.is_server_error() => Err(trouble(format!("answered {status}"))),
            // Many servers answer with a page to whatever is asked.
            status => Ok((Some(reply.body).filter(|body| status == StatusCode::OK && !body.is_empty()), reply.reach)),
        }
    }

    /// What is asked for: what was named by a person, else what the server names, with what an earlier login had.
    fn choose_scope(&self, found: &Found) -> Option<String> {
        if self.options.scope.is_some() {
            return self.options.scope.clone();
        }
        let asked = found.scope.as_deref().unwrap_or_default();
        let before = self.store.read().ok().flatten().filter(|login| login.issuer == found.server.issuer);
        let before = before.and_then(|login| login.scope).unwrap_or_default();
        let all = join_scopes(&before, asked);
        let offline = if found.server.has_offline_access() { "offline_access" } else { "" };
        (!all.is_empty()).then(|| join_scopes(&all, offline))
    }

    /// Returns the client: the one that was named, else a new one for this login.
    async fn find_client(
        &self,
        found: &Found,
        redirect_uri: String,
        scope: Option<&str>,
    ) -> Result<Asking, LoginError> {
        let server = &found.server;
        if let Some(GivenClient { id, secret }) = self.options.client.clone() {
            if id.contains("://") && !server.client_id_metadata_document_supported {
                return Err(LoginError::NoClientDocuments(server.issuer.clone()));
            }
            let client_auth = server.client_auth(secret.is_some());
            return Ok(Asking { client_id: id, client_secret: secret, client_auth, redirect_uri });
        }
        let endpoint = server.registration_endpoint();
        let endpoint = endpoint.map_err(|why| LoginError::Document(server.issuer.clone(), why))?;
        let endpoint = endpoint.ok_or_else(|| LoginError::NoRegistration(server.issuer.clone()))?;
        let mut about = serde_json::json!({
            "client_name": "policylayer",
            "client_uri": env!("CARGO_PKG_REPOSITORY"),
            "software_id": "policylayer",
            "software_version": env!("CARGO_PKG_VERSION"),
            "application_type": "native",
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": server.wanted_auth(),
        });
        if let Some(scope) = scope {
            about["scope"] = scope.into();
        }
        let trouble = |why: String| LoginError::Trouble(endpoint.to_string(), why);
        let reply = self.fetcher(found.least_reach).fetch(&endpoint, FetchRequest::Json(about.to_string())).await;
        let reply = reply.map_err(|error| trouble(error.to_string()))?;
        if !reply.status.is_success() {
            let said = OauthRefusal::read(&reply.body).map(|refusal| format!(": {}", quote(&refusal.describe())));
            return Err(trouble(format!("answered {}{}", reply.status, said.unwrap_or_default())));
        }
        let client = RegisteredClient::read(&reply.body);
        let client = client.map_err(|why| LoginError::Document(server.issuer.clone(), why))?;
        let client_auth = client.client_auth(server);
        Ok(Asking { client_id: client.client_id, client_secret: client.client_secret, client_auth, redirect_uri })
    }
}

/// Returns the code, if it is of the server that was asked (RFC 9207).
fn check_returned(returned: Returned, server: &AuthorizationServer) -> Result<String, LoginError> {
    match &returned.issuer {
        Some(issuer) if *issuer != server.issuer => return Err(LoginError::MixedUp(server.issuer.clone())),
        None if server.names_itself => return Err(LoginError::MixedUp(server.issuer.clone())),
        _ => {}
    }
    returned.code.map_err(|why| LoginError::Denied(server.issuer.clone(), quote(&why)))
}

/// Returns the challenge for a bearer token in the headers of an answer.
pub(in super::super) fn find_challenge(headers: &hyper::HeaderMap) -> Option<BearerChallenge> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    values.filter_map(BearerChallenge::find).next()
}

/// A text of 256 random bits that can stand in an address.
fn random_text() -> Result<String, LoginError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(LoginError::Randomness)?;
    Ok(to_url_text(&bytes))
}

/// RFC 4648, section 5, without padding.
fn to_url_text(bytes: &[u8]) -> String {
    let text = encode_base64(bytes).replace('+', "-").replace('/', "_");
    text.trim_end_matches('=').to_owned()
}
