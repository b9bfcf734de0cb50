//! The lists that the wrapper asks the server for.

use std::time::Duration;

use super::{
    Approved, ListPage, NewCall, OwnKind, OwnRequest, Preparation, PreparedCall, WaitsFor, remove_progress_token,
    with_meta,
};
use crate::engine::action::Turn;
use crate::engine::list_filter::{self, ListKind, ListPart};
use crate::engine::lock_drift::ListReason;
use crate::engine::open_requests::RequestKind;
use crate::engine::preparations::Listing;
use crate::engine::{ClientRequest, Engine};
use crate::limits::{FIRST_LIST, MAX_LIST_RESTARTS, MAX_OWN_PAGES, OWN_REQUEST};
use crate::wire::message::Answer;
use crate::wire::view::find_member;

impl Engine {
    /// Lets an approved call wait for the list with the definition that was approved.
    pub(in crate::engine) fn wait_for_definition(&mut self, list: ListKind, approved: Approved, turn: &mut Turn<'_>) {
        let line = std::str::from_utf8(&approved.held.line).unwrap_or_default().trim_ascii();
        self.begin_list(list, find_member(line, "params"), OWN_REQUEST, turn);
        let number = self.approvals.next_number();
        let key = approved.held.key.clone();
        self.client_requests.insert(key.clone(), &approved.held.id, RequestKind::Held(number));
        let waits_for = WaitsFor::SameDefinition(list, Box::new(approved));
        self.preparations.calls.push(PreparedCall { number, key, waits_for });
    }

    /// Asks for a list, unless that is done already, in the era of a request with these parameters.
    fn begin_list(&mut self, list: ListKind, params: Option<&str>, patience: Duration, turn: &mut Turn<'_>) {
        let is_it = |request: &OwnRequest| matches!(&request.kind, OwnKind::List(page) if page.list == list);
        if !self.preparations.requests.iter().any(is_it) {
            let until = turn.now.session.saturating_add(patience);
            let meta = params.and_then(|params| find_member(params, "_meta")).map(remove_progress_token);
            let first = ListPage { list, page: 1, restarts: 0, meta: meta.map(Into::into) };
            self.ask_for_page(first, None, until, turn);
        }
    }

    /// Lets a request wait for a list of the server, which the wrapper asks for.
    pub(in crate::engine) fn wait_for_list(
        &mut self,
        (list, reason, rule): (ListKind, ListReason, Option<&str>),
        request: &ClientRequest<'_>,
        known: &Preparation,
        turn: &mut Turn<'_>,
    ) {
        // A server that has said nothing yet may still be on its way up.
        let is_early = reason == ListReason::Class && !self.preparations.server_speaks;
        self.begin_list(list, request.params, if is_early { FIRST_LIST } else { OWN_REQUEST }, turn);
        let asked_by = rule.map(|rule| (rule.into(), self.recorder.under()));
        let since = request.since(turn.now.session);
        let call = NewCall { line: request.line.into(), since, known: known.clone(), asked_by };
        self.hold_until(WaitsFor::List(list, reason, call), request);
    }

    /// Asks for a page of a list; all of them have to be there at `until`.
    fn ask_for_page(&mut self, page: ListPage, cursor: Option<&str>, until: Duration, turn: &mut Turn<'_>) {
        let members = [cursor.map(|cursor| format!(r#""cursor":{cursor}"#)), with_meta(page.meta.as_deref())];
        let params = format!("{{{}}}", members.into_iter().flatten().collect::<Vec<_>>().join(","));
        let method = page.list.method().unwrap_or_default();
        self.send_own((method, &params), (OwnKind::List(page), until), None, turn);
    }

    /// Learns from a page of a list, and asks for the next one.
    pub(super) fn finish_page(
        &mut self,
        asked: ListPage,
        answer: Option<(&[u8], Answer<'_>)>,
        until: Duration,
        turn: &mut Turn<'_>,
    ) {
        let list = asked.list;
        let Some((line, Answer::Result(result))) = answer else { return self.finish_listing(list, turn) };
        // What it hides is hidden from nobody here, but its names and classes are learned.
        let part = if asked.page == 1 { ListPart::Beginning } else { ListPart::Rest };
        let is_read = self.filter_list(line, result, (list, part)).is_ok();
        self.announce_drift(turn);
        // What the server has said to be another list since it began is not known from its earlier pages.
        let is_stale = list.locked_kind().is_some_and(|kind| self.tools.lock.is_stale(kind));
        match list_filter::next_cursor(result) {
            _ if is_read && is_stale && asked.restarts < MAX_LIST_RESTARTS => {
                let first = ListPage { page: 1, restarts: asked.restarts + 1, ..asked };
                self.ask_for_page(first, None, until, turn);
            }
            Some(cursor) if is_read && asked.page < MAX_OWN_PAGES => {
                self.ask_for_page(ListPage { page: asked.page + 1, ..asked }, Some(cursor), until, turn);
            }
            _ => self.finish_listing(list, turn),
        }
    }

    /// Goes on with what waits for a list, which has come or will be waited for no longer.
    pub(super) fn finish_listing(&mut self, list: ListKind, turn: &mut Turn<'_>) {
        if list == ListKind::Tools {
            self.tools.end_asking();
        }
        let is_waiting = |call: &mut PreparedCall| matches!(&call.waits_for, WaitsFor::List(of, ..) | WaitsFor::SameDefinition(of, _) if *of == list);
        let calls: Vec<_> = self.preparations.calls.extract_if(.., is_waiting).collect();
        for PreparedCall { key, waits_for, .. } in calls {
            self.client_requests.remove_answered(&key);
            match waits_for {
                WaitsFor::List(_, _, NewCall { line, since, known, .. }) => {
                    let tools = if list == ListKind::Tools { Listing::Asked } else { known.tools };
                    self.resume_call(&line, since, Preparation { listing: Listing::Asked, tools, ..known }, turn);
                }
                WaitsFor::SameDefinition(_, approved) => self.settle_listed(*approved, turn),
                WaitsFor::Preview(..) | WaitsFor::SamePreview(..) => {}
            }
        }
    }
}
