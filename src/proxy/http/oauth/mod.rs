//! Logins at servers over HTTP, by OAuth 2.1 as MCP asks for it: how one is made, where it is kept, and how a session uses it.
//!
//! ```text
//! 401 ─▶ resource metadata ─▶ authorization server ─▶ browser ─▶ callback ─▶ token ─▶ file
//!        (of this server)     (its own document)      (PKCE)     (state, iss)
//! ```

mod callback;
mod fetch;
mod flow;
mod grant;
mod keychain;
mod seal;
mod store;
mod tokens;

pub(super) use self::flow::find_challenge;
pub use self::flow::{AuthorizationPage, GivenClient, LoginError, LoginOptions, Logout, log_in, log_out};
pub use self::store::{Kept, LoginFacts, LoginStore, StoreError, StorePlace, find_wanted};
pub(super) use self::tokens::{Renewal, Tokens};
