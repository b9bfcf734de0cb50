//! What the client gets of results is remembered, with what gave it, before it gets it.
//!
//! It is remembered as the server wrote it: of a value with a stand-in, the value, because that is what takes its place again.

use std::collections::HashMap;

use super::action::Turn;
use super::id_map::IdMap;
use super::refusal::SubjectKind;
use super::{Engine, Now};
use crate::limits::{MAX_LISTED_TOOLS, MAX_OPEN, MAX_SOURCE_TEXT, MAX_TASKS};
use crate::policy::{Policy, ToolRef};
use crate::provenance::{CalledTool, Returns, Source, find_prose};
use crate::risk::{Listed, profile_tool};
use crate::visible::shorten;
use crate::wire::id::IdKey;
use crate::wire::message::Answer;
use crate::wire::view;

/// What of which nothing is known may hold.
const ANYTHING: [Returns; 2] = [Returns::Untrusted, Returns::Personal];

/// The arguments that name what is read, nearest to a person's words first.
const NAMING: [&str; 14] = [
    "path",
    "file",
    "filename",
    "file_name",
    "file_path",
    "filePath",
    "filepath",
    "uri",
    "url",
    "document",
    "page",
    "channel",
    "title",
    "name",
];

/// What gives the answers to the open requests.
#[derive(Debug, Default)]
pub(super) struct AnswerSources {
    by_request: IdMap<IdKey, Source>,
    by_task: HashMap<Box<str>, Source>,
    /// What the results of listed tools hold, as far as the listing tells.
    listed: HashMap<Box<str>, Vec<Returns>>,
    /// Whether the answer at hand is withheld, so that nothing of it is read.
    is_withheld: bool,
    asked: Asked,
}

/// Whether it is known that nobody uses what is remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Asked {
    /// It is asked for each line.
    #[default]
    ForEach,
    /// It is asked once for lines that came together.
    NotYet,
    Unused,
}

impl AnswerSources {
    /// Whether nothing is noted of a request that comes now, or of one that is open.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.asked == Asked::Unused && self.by_request.is_empty()
    }

    /// Begins with an answer of the server.
    #[inline]
    pub(super) fn begin_answer(&mut self) {
        self.is_withheld = false;
    }

    /// Notes that the answer at hand is withheld.
    pub(super) fn withhold(&mut self) {
        self.is_withheld = true;
    }

    /// Learns from a listing, an item of tools/list. A tool that is listed again can only gain.
    pub(super) fn learn_tool(&mut self, name: &str, item: &str, policy: &Policy) {
        let known = self.listed.get(name);
        if known.is_none() && self.listed.len() >= MAX_LISTED_TOOLS {
            return;
        }
        let Some(listed) = Listed::parse(item) else { return };
        let mut returns = known.cloned().unwrap_or_default();
        let new = profile_tool(policy.catalogue(), &listed).returns;
        returns.extend(new.iter().filter(|new| known.is_none_or(|known| !known.contains(new))));
        self.listed.insert(name.into(), returns);
    }

    /// What the results of a tool hold: as the policy says, else the catalogue, else its listing.
    fn find_returns(&self, tool: ToolRef<'_>, policy: &Policy) -> Vec<Returns> {
        let of_catalogue = || Some(policy.catalogue()?.find_tool(tool.name)?.returns.clone());
        let stated = policy.stated_returns(tool).map(|stated| stated.to_vec());
        stated
            .or_else(of_catalogue)
            .or_else(|| self.listed.get(tool.name).cloned())
            .unwrap_or_else(|| ANYTHING.to_vec())
    }
}

impl Engine {
    /// Begins with lines that came together, and are handled before anything else: what other wrappers do meanwhile is as if it came
    /// after them.
    pub fn begin_lines(&mut self) {
        self.sources.asked = Asked::NotYet;
    }

    /// Ends lines that came together.
    pub fn end_lines(&mut self) {
        self.sources.asked = Asked::ForEach;
    }

    /// Notes what will give the answer to a request, and what the request has in it.
    pub(super) fn note_source(
        &mut self,
        key: &IdKey,
        (subject, method, name): (SubjectKind, &str, &str),
        arguments: &str,
        now: Now,
    ) {
        if self.sources.asked == Asked::Unused {
            return;
        }
        let provenance = self.gate.provenance();
        if !provenance.is_in_use() {
            if self.sources.asked == Asked::NotYet {
                self.sources.asked = Asked::Unused;
            }
            return provenance.miss_result();
        }
        provenance.remember_written(arguments);
        let (tool, detail, returns) = match subject {
            SubjectKind::Tool => {
                let returns = self.sources.find_returns(self.tools.find_tool(name), &self.policy);
                (name, find_detail(arguments), returns)
            }
            // What servers offer to be read, anybody may have written.
            SubjectKind::Resource => (method, Some(shorten_uri(name)), ANYTHING.to_vec()),
            SubjectKind::Prompt => (method, Some(name.to_owned()), vec![Returns::Untrusted]),
            SubjectKind::Method => (method, None, ANYTHING.to_vec()),
        };
        let source = self.new_source(tool, detail, returns, now);
        if self.sources.by_request.len() >= 2 * MAX_OPEN {
            let requests = &self.client_requests;
            self.sources.by_request.retain(|key, _| requests.is_in_flight(key));
        }
        self.sources.by_request.insert(key.clone(), source);
    }

    fn new_source(&self, tool: &str, detail: Option<String>, returns: Vec<Returns>, now: Now) -> Source {
        let server = self.policy.server().as_str().to_owned();
        Source { server, tool: shorten(tool, MAX_SOURCE_TEXT).into_owned(), detail, returns, at: now.unix }
    }

    /// Returns what has been called once a call is let through, if what answers it is noted.
    pub(super) fn called_tool(&self, key: &IdKey, (subject, name): (SubjectKind, &str)) -> Option<CalledTool> {
        let is_noted = subject == SubjectKind::Tool && self.sources.by_request.contains_key(key);
        is_noted.then(|| CalledTool { server: self.policy.server().as_str().to_owned(), tool: name.to_owned() })
    }

    /// Remembers what is answered to a request, which the client gets next. `task` is the task that the request is about.
    #[inline]
    pub(super) fn remember_result(&mut self, key: &IdKey, task: Option<&str>, answer: Answer<'_>, turn: &Turn<'_>) {
        // Almost always nothing is noted, and no hash is needed to say so.
        if self.sources.by_request.is_empty() && task.is_none() {
            self.sources.is_withheld = false;
        } else {
            self.remember_noted_result(key, task, answer, turn);
        }
    }

    fn remember_noted_result(&mut self, key: &IdKey, task: Option<&str>, answer: Answer<'_>, turn: &Turn<'_>) {
        let of_request = self.sources.by_request.remove(key);
        if std::mem::take(&mut self.sources.is_withheld) {
            return;
        }
        let source = of_request.or_else(|| self.sources.by_task.get(task?).cloned());
        let source = source.or_else(|| task.map(|_| self.new_source("tasks", None, ANYTHING.to_vec(), turn.now)));
        // Lists and greetings are what the lock is about.
        let Some(source) = source else { return };
        let (Answer::Result(text) | Answer::Error(text)) = answer;
        let source = Source { at: turn.now.unix, ..source };
        self.gate.provenance().remember_result(&source, text);
        self.remember_prose(&source, text);
        let created = view::find_member(text, "task").unwrap_or(text);
        if task.is_none()
            && let Some(id) = view::find_member(created, "taskId").and_then(view::decode_string)
            && self.sources.by_task.len() < MAX_TASKS
        {
            self.sources.by_task.insert(id.into(), source);
        }
    }

    /// Remembers the texts in the result of a tool of which nobody has said what its results hold, as what others can have written.
    /// That its name does not show it proves nothing. What stands alone in a field is the server's own.
    fn remember_prose(&self, source: &Source, text: &str) {
        if self.is_told(&source.tool) || source.returns(Returns::Untrusted) || !self.gate.provenance().is_in_use() {
            return;
        }
        self.remember_written_prose(source, text);
    }

    /// Whether the policy or the catalogue says what a tool's results hold.
    fn is_told(&self, tool: &str) -> bool {
        let policy = &self.policy;
        policy.stated_returns(self.tools.find_tool(tool)).is_some()
            || policy.catalogue().is_some_and(|catalogue| catalogue.find_tool(tool).is_some())
    }

    fn remember_written_prose(&self, source: &Source, text: &str) {
        if let Some(prose) = find_prose(text) {
            let returns = [&[Returns::Untrusted], &*source.returns].concat();
            self.gate.provenance().remember_result(&Source { returns, ..source.clone() }, &prose);
        }
    }

    /// Remembers what a notification or a request of the server says: which call it belongs to is only the server's word, so it
    /// may hold what the results of every open call may hold.
    pub(super) fn remember_message(&self, method: &str, params: Option<&str>, turn: &Turn<'_>) {
        let provenance = self.gate.provenance();
        let Some(params) = params.filter(|_| provenance.is_in_use()) else { return };
        let open = self.sources.by_request.iter().filter(|(key, _)| self.client_requests.waits_for_answer(key));
        let open = open.map(|(_, source)| source).chain(self.sources.by_task.values());
        let (mut returns, mut is_told): (Vec<Returns>, _) = (Vec::new(), None);
        for source in open {
            is_told = Some(is_told.unwrap_or(true) && self.is_told(&source.tool));
            returns.extend(source.returns.iter().filter(|what| !returns.contains(what)).copied().collect::<Vec<_>>());
        }
        let source = self.new_source(method, None, returns, turn.now);
        provenance.remember_result(&source, params);
        // As with the result of a tool that nobody vouches for: the name of the method proves nothing.
        if is_told != Some(true) && !source.returns(Returns::Untrusted) {
            self.remember_written_prose(&source, params);
        }
    }
}

/// Names what a call reads, by the argument that says so.
fn find_detail(arguments: &str) -> Option<String> {
    let named = |wanted: &str| view::find_member(arguments, wanted).and_then(view::decode_string);
    let text = NAMING.into_iter().find_map(named)?;
    let text = if text.contains("://") { return Some(shorten_uri(&text)) } else { text };
    let name = text.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default();
    (!name.is_empty()).then(|| shorten(name, MAX_SOURCE_TEXT).into_owned())
}

/// A URI without what it asks for and who asks.
fn shorten_uri(uri: &str) -> String {
    let plain = uri.split(['?', '#']).next().unwrap_or_default();
    let plain = match plain.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            format!("{scheme}://{}{path}", authority.rsplit('@').next().unwrap_or_default())
        }
        None => plain.to_owned(),
    };
    shorten(&plain, MAX_SOURCE_TEXT).into_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::limits::Memory;
    use super::*;
    use crate::policy::{self, Format, Server, ServerName, Source as PolicySource};
    use crate::provenance::SessionMemory;

    /// A client that has as many open requests as it may, and withdraws each further one.
    #[test]
    fn what_is_noted_is_bounded_also_where_no_more_requests_fit() {
        let source = PolicySource::new("p.json", Format::Json, r#"{"version":"1","default":"allow"}"#);
        let server = Server::by_name(&ServerName::parse("stub").unwrap());
        let policy = policy::load_policy(&source, &server).policy.unwrap();
        let mut engine = Engine::new(Arc::new(policy), Box::new(Memory::default()))
            .with_provenance(Arc::new(SessionMemory::default()));
        let mut send = |rest: String| {
            let line = format!("{{\"jsonrpc\":\"2.0\",{rest}}}");
            engine.handle_client_line(line.as_bytes(), Now::default(), &mut Vec::new());
            engine.sources.by_request.len()
        };
        for id in 0..2 * MAX_OPEN + 100 {
            let noted =
                send(format!("\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"a\",\"arguments\":{{}}}}"));
            assert!(noted <= 2 * MAX_OPEN && (noted > id || id >= 2 * MAX_OPEN), "{id}: {noted}");
            if id + 1 >= MAX_OPEN {
                send(format!("\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":{id}}}"));
            }
        }
    }
}
