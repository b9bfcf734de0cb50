//! From a request to its page.

use std::sync::{Mutex, PoisonError};

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::{Instant, timeout};

use super::access::{Access, Denial, Destination, NO_COOKIE, NO_SUCH_PAGE};
use super::answer::{WebAnswer, WebBody};
use super::code_desk::CodeDesk;
use super::form::Fields;
use super::live::{self, Streams};
use super::lock::ShownComparisons;
use super::{assets, change, charts, inbox, lock, log, overview, page, registration, rule, rules, server, tool};
use crate::env::Env;
use crate::limits::{MAX_UI_FORM, UI_REQUEST_TIME};

const TOO_LONG: Denial =
    Denial(StatusCode::PAYLOAD_TOO_LARGE, "This is longer than any policy, so nothing was changed. Send less.");
const TOO_SLOW: Denial =
    Denial(StatusCode::REQUEST_TIMEOUT, "The form did not arrive in time, so nothing was changed. Send it again.");
const CUT: Denial =
    Denial(StatusCode::BAD_REQUEST, "The form did not arrive as a whole, so nothing was changed. Send it again.");
const FAILED: Denial = Denial(StatusCode::INTERNAL_SERVER_ERROR, "The page could not be made. Load it again.");

/// Everything that the pages share.
pub(super) struct Site {
    access: Access,
    env: Env,
    last_use: Mutex<Instant>,
    streams: Streams,
    codes: CodeDesk,
    comparisons: Mutex<ShownComparisons>,
}

/// A page that is asked for, or a change.
pub(super) struct PageRequest {
    /// Its path below the directory of all pages.
    pub(super) path: String,
    pub(super) query: Fields,
    /// What a form sends; `None` if nothing is to be changed.
    pub(super) form: Option<Fields>,
}

impl Site {
    pub(super) fn new(access: Access, env: Env) -> Self {
        let (streams, codes, comparisons) = (Streams::default(), CodeDesk::default(), Mutex::default());
        Self { access, env, last_use: Mutex::new(Instant::now()), streams, codes, comparisons }
    }

    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    pub(super) fn env(&self) -> &Env {
        &self.env
    }

    pub(super) fn streams(&self) -> &Streams {
        &self.streams
    }

    pub(super) fn codes(&self) -> &CodeDesk {
        &self.codes
    }

    /// Returns a link to a page.
    pub(super) fn link_to(&self, path: &str) -> String {
        format!("{}{path}", self.access.base())
    }

    pub(super) fn last_use(&self) -> Instant {
        *self.last_use.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note that somebody who may asks for a page.
    pub(super) fn note_use(&self) {
        *self.last_use.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Uses the comparisons with locks that were shown.
    pub(super) fn with_comparisons<T>(&self, using: impl FnOnce(&mut ShownComparisons) -> T) -> T {
        using(&mut self.comparisons.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers a request, whoever sends it.
    pub(super) async fn answer_request(self: std::sync::Arc<Self>, request: Request<Incoming>) -> Response<WebBody> {
        let (head, body) = request.into_parts();
        let answer = match self.access.check_request(&head) {
            Ok(Destination::Asset(name)) => assets::find_asset(name).ok_or(NO_SUCH_PAGE),
            Ok(Destination::Entrance) => self.open_entrance(&head),
            // That a page is kept up to date is no use of it.
            Ok(Destination::Page(live::PATH)) if head.method == Method::GET => {
                let query = Fields::parse(head.uri.query().unwrap_or_default().as_bytes());
                Ok(live::open_stream(&self, &query))
            }
            Ok(Destination::Page(path)) => {
                self.note_use();
                match read_form(&head, body).await {
                    Ok(form) => {
                        let query = Fields::parse(head.uri.query().unwrap_or_default().as_bytes());
                        let request = PageRequest { path: path.to_owned(), query, form };
                        let site = std::sync::Arc::clone(&self);
                        tokio::task::spawn_blocking(move || site.answer_page(&request)).await.map_err(|_| FAILED)
                    }
                    Err(denial) => Err(denial),
                }
            }
            // What a person has typed is not lost with the session.
            Err(NO_COOKIE) if head.method == Method::POST => {
                let typed = read_form(&head, body).await.ok().flatten().unwrap_or_default();
                Ok(page::show_lapsed(NO_COOKIE, &typed))
            }
            Err(denial) => Err(denial),
        };
        answer.unwrap_or_else(page::show_denial).into_response()
    }

    fn open_entrance(&self, head: &Parts) -> Result<WebAnswer, Denial> {
        if head.method != Method::GET {
            return Err(NO_SUCH_PAGE);
        }
        let query = Fields::parse(head.uri.query().unwrap_or_default().as_bytes());
        self.access.take_token(query.value("token").unwrap_or_default())?;
        self.note_use();
        // Not a redirect: after one from another site, the browser would not send the cookie along.
        Ok(page::show_entrance(&self.link_to("")).with_cookie(self.access.set_cookie()))
    }

    fn answer_page(&self, request: &PageRequest) -> WebAnswer {
        match (request.path.as_str(), &request.form) {
            ("", None) => overview::show_overview(self),
            ("register", None) => registration::show_registration(self, &request.query),
            ("register", Some(form)) => registration::carry_out_registration(self, form),
            ("server", None) => server::show_server(self, &request.query),
            ("rule", None) => rule::show_rule(self, &request.query),
            ("tool", None) => tool::show_tool(self, &request.query, None),
            ("rules", None) => rules::show_rules_page(self, &request.query, None),
            ("lock", None) => lock::show_lock(self, &request.query),
            ("lock", Some(form)) => lock::change_lock(self, form),
            ("try", Some(form)) => tool::show_tool(self, form, None),
            ("inbox", None) => inbox::show_inbox(self, &request.query),
            ("answer", Some(form)) => inbox::answer_call(self, form),
            ("log", None) => log::show_log(self, &request.query),
            ("charts", None) => charts::show_charts(self, &request.query),
            ("change", Some(form)) => change::show_change(self, form),
            ("save", Some(form)) => change::save_change(self, form),
            ("undo", Some(form)) => change::undo_change(self, form),
            _ => page::show_denial(NO_SUCH_PAGE),
        }
    }
}

/// Reads the fields of a form; `None` if the request changes nothing.
async fn read_form(head: &Parts, body: Incoming) -> Result<Option<Fields>, Denial> {
    if head.method != Method::POST {
        return Ok(None);
    }
    let whole = timeout(UI_REQUEST_TIME, Limited::new(body, MAX_UI_FORM).collect()).await.map_err(|_| TOO_SLOW)?;
    let whole = whole.map_err(|error| if error.is::<LengthLimitError>() { TOO_LONG } else { CUT })?;
    Ok(Some(Fields::parse(&whole.to_bytes())))
}
