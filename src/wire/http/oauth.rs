//! The documents of OAuth that a login reads: where they are, and what has to be true of them.
//!
//! They come from the server and from whomever it names: nothing in them is believed that is not checked here.

use serde::{Deserialize, Deserializer};

use super::challenge::is_scope;
use super::endpoint::{BadEndpoint, Endpoint};

/// Why a document is of no use. No value that may be a secret is quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDocument {
    /// No JSON object, a key twice, something missing, or a value of another type.
    #[error("is not what it has to be ({0})")]
    Form(String),
    /// It is about another server.
    #[error("is about another server than this one")]
    OtherResource,
    /// It is about another authorization server.
    #[error("is about another authorization server than the one that was asked for it")]
    OtherIssuer,
    /// The code could be used by whoever sees it.
    #[error("does not say that the server checks who uses a code (PKCE with S256), so a login there is not safe")]
    NoPkce,
    /// An address in it.
    #[error("has an address as its {0} that cannot be used: {1}")]
    Address(&'static str, BadEndpoint),
    /// The token is of another kind.
    #[error("has a token that is no bearer token")]
    TokenType,
    /// The token could not be sent.
    #[error("has a token with characters that no token has")]
    TokenText,
    /// The scopes are none.
    #[error("has scopes with characters that no scope has")]
    Scope,
}

fn read_document<'d, D: Deserialize<'d>>(bytes: &'d [u8]) -> Result<D, BadDocument> {
    serde_json::from_slice(bytes).map_err(|error| {
        // The message itself can quote a value.
        let kind = match error.classify() {
            serde_json::error::Category::Data => "something is missing, is there twice, or has another type",
            _ => "it is no JSON",
        };
        BadDocument::Form(format!("{kind}, at line {} column {}", error.line(), error.column()))
    })
}

/// What a server says of itself as something that is protected (RFC 9728).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ResourceMetadata {
    /// What a token has to be for.
    pub resource: String,
    #[serde(default)]
    authorization_servers: Option<Vec<String>>,
    #[serde(default)]
    scopes_supported: Option<Vec<String>>,
}

impl ResourceMetadata {
    /// Reads the document of this server.
    ///
    /// # Errors
    /// Returns an error if it is not one, or of another server.
    pub fn read(bytes: &[u8], server: &Endpoint) -> Result<Self, BadDocument> {
        let metadata: Self = read_document(bytes)?;
        let resource = Endpoint::parse(&metadata.resource).map_err(|_| BadDocument::OtherResource)?;
        if !resource.contains(server) {
            return Err(BadDocument::OtherResource);
        }
        if metadata.scopes_supported.iter().flatten().any(|scope| !is_scope(scope)) {
            return Err(BadDocument::Scope);
        }
        Ok(metadata)
    }

    /// The first authorization server that it names.
    pub fn issuer(&self) -> Option<&str> {
        self.authorization_servers.iter().flatten().next().map(String::as_str)
    }

    /// All scopes that it names, as they are asked for.
    pub fn scope(&self) -> Option<String> {
        let scopes = self.scopes_supported.as_ref().filter(|scopes| !scopes.is_empty())?;
        Some(scopes.join(" "))
    }
}

/// The paths at which a server may have its [`ResourceMetadata`], in the order in which they are asked for.
pub fn resource_metadata_paths(server: &Endpoint) -> Vec<String> {
    const PLACE: &str = "/.well-known/oauth-protected-resource";
    let path = server.path().trim_end_matches('/');
    let own = (!path.is_empty()).then(|| format!("{PLACE}{path}"));
    own.into_iter().chain([PLACE.to_owned()]).collect()
}

/// The paths at which an authorization server may have its [`AuthorizationServer`], in the order in which they are asked for.
pub fn issuer_metadata_paths(issuer: &Endpoint) -> Vec<String> {
    const OAUTH: &str = "/.well-known/oauth-authorization-server";
    const OPENID: &str = "/.well-known/openid-configuration";
    match issuer.path().trim_end_matches('/') {
        "" => vec![OAUTH.to_owned(), OPENID.to_owned()],
        path => vec![format!("{OAUTH}{path}"), format!("{OPENID}{path}"), format!("{path}{OPENID}")],
    }
}

/// How a client shows at the token endpoint who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
pub enum ClientAuth {
    /// By its id alone.
    #[serde(rename = "none")]
    Public,
    /// In the `Authorization` header.
    #[serde(rename = "client_secret_basic")]
    Basic,
    /// In the body.
    #[serde(rename = "client_secret_post")]
    Post,
}

impl ClientAuth {
    const fn name(self) -> &'static str {
        match self {
            Self::Public => "none",
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
        }
    }
}

/// What an authorization server says of itself (RFC 8414, OpenID Connect Discovery).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AuthorizationServer {
    /// Its name, which answers have to have as well.
    pub issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(default)]
    registration_endpoint: Option<String>,
    #[serde(default)]
    revocation_endpoint: Option<String>,
    #[serde(default)]
    scopes_supported: Option<Vec<String>>,
    #[serde(default)]
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether the id of a client can be the address of a document about it.
    #[serde(default, deserialize_with = "read_flag")]
    pub client_id_metadata_document_supported: bool,
    /// Whether every answer names the server that it is of (RFC 9207).
    #[serde(default, rename = "authorization_response_iss_parameter_supported", deserialize_with = "read_flag")]
    pub names_itself: bool,
}

fn read_flag<'d, D: Deserializer<'d>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(false))
}

impl AuthorizationServer {
    /// Reads the document of the authorization server with this name.
    ///
    /// # Errors
    /// Returns an error if it is not one, of another server, or of one where a login would not be safe.
    pub fn read(bytes: &[u8], issuer: &str) -> Result<Self, BadDocument> {
        let server: Self = read_document(bytes)?;
        // Of an issuer without a path, some write the slash and others do not.
        let is_root = |name: &str| Endpoint::parse(name).is_ok_and(|endpoint| endpoint.target() == "/");
        let is_same_root = server.issuer.trim_end_matches('/') == issuer.trim_end_matches('/') && is_root(issuer);
        if server.issuer != issuer && !is_same_root {
            return Err(BadDocument::OtherIssuer);
        }
        if !server.code_challenge_methods_supported.iter().flatten().any(|method| method == "S256") {
            return Err(BadDocument::NoPkce);
        }
        Ok(server)
    }

    /// What servers were taken for that say nothing of themselves, in revision 2025-03-26.
    pub fn without_document(origin: &str) -> Self {
        Self {
            issuer: origin.to_owned(),
            authorization_endpoint: format!("{origin}/authorize"),
            token_endpoint: format!("{origin}/token"),
            registration_endpoint: Some(format!("{origin}/register")),
            revocation_endpoint: None,
            scopes_supported: None,
            code_challenge_methods_supported: None,
            token_endpoint_auth_methods_supported: None,
            client_id_metadata_document_supported: false,
            names_itself: false,
        }
    }

    /// Where the person says yes.
    ///
    /// # Errors
    /// Returns an error if that is no address to open.
    pub fn authorization_endpoint(&self) -> Result<Endpoint, BadDocument> {
        read_address("authorization_endpoint", &self.authorization_endpoint)
    }

    /// Where tokens are had.
    ///
    /// # Errors
    /// Returns an error if that is no address to send anything to.
    pub fn token_endpoint(&self) -> Result<Endpoint, BadDocument> {
        read_address("token_endpoint", &self.token_endpoint)
    }

    /// Where clients make themselves known, if they can.
    ///
    /// # Errors
    /// Returns an error if that is no address to send anything to.
    pub fn registration_endpoint(&self) -> Result<Option<Endpoint>, BadDocument> {
        self.registration_endpoint.as_deref().map(|url| read_address("registration_endpoint", url)).transpose()
    }

    /// Where tokens are given back, if they can be.
    ///
    /// # Errors
    /// Returns an error if that is no address to send anything to.
    pub fn revocation_endpoint(&self) -> Result<Option<Endpoint>, BadDocument> {
        self.revocation_endpoint.as_deref().map(|url| read_address("revocation_endpoint", url)).transpose()
    }

    /// Whether it gives a token that outlives the first one to whoever asks for that.
    pub fn has_offline_access(&self) -> bool {
        self.scopes_supported.iter().flatten().any(|scope| scope == "offline_access")
    }

    /// How a client with or without a secret shows who it is, unless it was told how.
    pub fn client_auth(&self, has_secret: bool) -> ClientAuth {
        let Some(methods) = &self.token_endpoint_auth_methods_supported else {
            return if has_secret { ClientAuth::Basic } else { ClientAuth::Public };
        };
        let ways = if has_secret { &[ClientAuth::Basic, ClientAuth::Post][..] } else { &[] };
        let has = |way: &&ClientAuth| methods.iter().any(|method| method == way.name());
        ways.iter().find(has).copied().unwrap_or(ClientAuth::Public)
    }

    /// The way that a client asks for when it makes itself known: without a secret, if that can be.
    pub fn wanted_auth(&self) -> &'static str {
        let methods = self.token_endpoint_auth_methods_supported.as_deref();
        let is_public = methods.is_none_or(|methods| methods.iter().any(|method| method == ClientAuth::Public.name()));
        if is_public { ClientAuth::Public.name() } else { self.client_auth(true).name() }
    }
}

fn read_address(what: &'static str, url: &str) -> Result<Endpoint, BadDocument> {
    Endpoint::parse(url).map_err(|why| BadDocument::Address(what, why))
}

/// A client that an authorization server knows (RFC 7591).
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct RegisteredClient {
    /// Its name there.
    pub client_id: String,
    /// What it shows, if it has anything.
    #[serde(default)]
    pub client_secret: Option<String>,
    #[serde(default)]
    token_endpoint_auth_method: Option<String>,
}

impl RegisteredClient {
    /// Reads the answer to a registration.
    ///
    /// # Errors
    /// Returns an error if it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, BadDocument> {
        let client: Self = read_document(bytes)?;
        let texts = [Some(&client.client_id), client.client_secret.as_ref()];
        if client.client_id.is_empty() || texts.into_iter().flatten().any(|text| !is_printable(text)) {
            return Err(BadDocument::Form("its client has no id, or one with characters that no id has".to_owned()));
        }
        Ok(client)
    }

    /// How it shows who it is: as it was told, else as the server takes it.
    pub fn client_auth(&self, server: &AuthorizationServer) -> ClientAuth {
        let ways = [ClientAuth::Public, ClientAuth::Basic, ClientAuth::Post];
        let told = self.token_endpoint_auth_method.as_deref();
        let told = told.and_then(|told| ways.into_iter().find(|way| way.name() == told));
        let has_secret = self.client_secret.is_some();
        told.filter(|way| *way == ClientAuth::Public || has_secret).unwrap_or_else(|| server.client_auth(has_secret))
    }
}

/// What a token endpoint gives.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct TokenAnswer {
    /// What is sent to the server.
    pub access_token: String,
    token_type: String,
    /// How long it is good for, in seconds.
    #[serde(default, deserialize_with = "read_seconds")]
    pub expires_in: Option<u64>,
    /// What the next one is had with.
    #[serde(default)]
    pub refresh_token: Option<String>,
    /// What it is good for, if that is not what was asked for.
    #[serde(default)]
    pub scope: Option<String>,
}

impl TokenAnswer {
    /// Reads an answer.
    ///
    /// # Errors
    /// Returns an error if it has no token that could be sent.
    pub fn read(bytes: &[u8]) -> Result<Self, BadDocument> {
        let mut answer: Self = read_document(bytes)?;
        if !answer.token_type.eq_ignore_ascii_case("bearer") {
            return Err(BadDocument::TokenType);
        }
        let tokens = [Some(&answer.access_token), answer.refresh_token.as_ref()];
        if tokens.into_iter().flatten().any(|token| token.is_empty() || !is_printable(token)) {
            return Err(BadDocument::TokenText);
        }
        answer.scope = answer.scope.filter(|scope| is_scope(scope));
        Ok(answer)
    }
}

/// Some servers write the number as a string.
fn read_seconds<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Seconds {
        Number(f64),
        Text(String),
    }
    Ok(match Option::deserialize(deserializer)? {
        None => None,
        // A cast saturates.
        Some(Seconds::Number(seconds)) => Some(seconds as u64),
        Some(Seconds::Text(text)) => Some(text.parse().map_err(serde::de::Error::custom)?),
    })
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Why an authorization server does not do what it was asked (RFC 6749, section 5.2).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OauthRefusal {
    /// A code such as `invalid_grant`.
    pub error: String,
    #[serde(default)]
    error_description: Option<String>,
}

impl OauthRefusal {
    /// Reads what came without success; `None` if it does not say why.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        read_document(bytes).ok()
    }

    /// All that is said.
    pub fn describe(&self) -> String {
        match &self.error_description {
            Some(description) => format!("{} ({description})", self.error),
            None => self.error.clone(),
        }
    }
}
