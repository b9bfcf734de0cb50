//! An entry with the address of a server: turned into one that starts `policylayer wrap --url`, and back.
//!
//! ```text
//! "type": "http",          "type": "stdio",
//! "url": "https://…",  ─▶  "command": "policylayer", "args": [ "wrap", "--entry", "type=http,url,headers", "--url", "https://…", … ],
//! "headers": {             "env": {
//!   "X-Key": "…"             "HEADER_X_KEY": "…"
//! ```
//! Values stay as they are written, so no secret comes to a command line. What `type` and the keys were stands in `--entry`, so that
//! nothing has to be kept elsewhere.

use std::ops::Range;

use super::document::{ClientDocument, ClientFormat, TextEdit};
use super::edit;
use super::entry::{CommandForm, Launch, Word, WrappedUrl, parse_wrapped, read_entries};
use super::secret;
use super::table::{Layout, Row};
use crate::policy::tree::{DocumentMember, DocumentNode};
use crate::shell::as_word;
use crate::visible::escape_invisible;
use crate::wire::http::endpoint::{BadEndpoint, Endpoint};
use crate::wire::http::header_rule::HeaderRule;
use crate::wire::http::target_words::TargetWords;

/// A server that the client reaches by its address.
#[derive(Clone, Debug)]
pub struct RemoteEntry {
    /// The address, if the entry has one.
    pub url: Option<String>,
    form: Result<RemoteForm, String>,
}

/// What of an entry changes.
#[derive(Clone, Debug, Default)]
struct RemoteForm {
    /// The key, and the address.
    url: Option<(Word, Word)>,
    /// The value of `type`.
    kind: Option<Word>,
    headers: Option<Headers>,
    /// The key of a variable with a token for `Authorization`, and its name.
    bearer: Option<(Word, Word)>,
}

#[derive(Clone, Debug)]
struct Headers {
    key: Word,
    all: Vec<Header>,
}

#[derive(Clone, Debug)]
struct Header {
    name: Word,
    variable: String,
    value: String,
}

const WEBSOCKET: &str = "policylayer reaches no server over a WebSocket";

/// The key of a variable with a token, in Codex.
const BEARER: &str = "bearer_token_env_var";

impl RemoteEntry {
    pub(super) fn read(document: &ClientDocument, node: &DocumentNode) -> Self {
        let mut form = RemoteForm::default();
        let read = document.unique_members(node).map_err(|bad| bad.to_string());
        let read = read.and_then(|members| members.iter().try_for_each(|member| form.take_member(member)));
        let url = form.url.as_ref().map(|(_, url)| url.text.clone());
        Self { form: read.and_then(|()| form.check()).and_then(|form| form.check_spelling(document)), url }
    }

    /// Returns the words for the server, or `None` if `wrap --url` cannot take the entry's place.
    pub fn words(&self) -> Option<Vec<String>> {
        Some(self.form.as_ref().ok()?.target().words())
    }

    /// Why `wrap --url` cannot take the entry's place.
    pub fn obstacle(&self) -> Option<&str> {
        self.form.as_ref().err().map(String::as_str)
    }

    /// What to do about the obstacle.
    pub fn remedy(&self) -> String {
        let url =
            format!("policylayer register NAME {} URL, with --header NAME=VARIABLE for each header", as_word("--"));
        match self.obstacle() {
            Some(WEBSOCKET) => format!(
                "ask whoever runs the server for its https:// address; if there is one, write it into the entry, or replace the entry: {url}"
            ),
            _ => format!("change that in the entry, or replace it: {url}"),
        }
    }

    /// How the client reaches it.
    pub fn way(&self) -> &'static str {
        if self.obstacle() == Some(WEBSOCKET) { "over a WebSocket" } else { "over HTTP" }
    }

    /// Returns the name of the variable that holds a token.
    pub fn token_variable(&self) -> Option<&str> {
        self.form.as_ref().ok()?.bearer.as_ref().map(|(_, variable)| variable.text.as_str())
    }

    /// Returns the variables that hold the headers, with their values as written.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.form.iter().flat_map(|form| &form.headers).flat_map(|headers| &headers.all);
        headers.map(|header| (header.variable.as_str(), header.value.as_str()))
    }
}

impl RemoteForm {
    fn take_member(&mut self, (key, node): &DocumentMember) -> Result<(), String> {
        let name = key.name.as_str();
        let shown = escape_invisible(name);
        let key = || Word { text: name.to_owned(), span: key.span.clone() };
        let text = || {
            let text = node.as_text().map(|text| Word { text: text.to_owned(), span: node.span.clone() });
            text.ok_or_else(|| format!("its `{shown}` is {} instead of a string", node.kind_name()))
        };
        match name {
            "url" | "serverUrl" | "httpUrl" if self.url.is_some() => {
                Err("it has two addresses; keep one of them".to_owned())
            }
            "url" | "serverUrl" | "httpUrl" => text().map(|text| self.url = Some((key(), text))),
            "type" => text().map(|text| self.kind = Some(text)),
            "headers" | "http_headers" if self.headers.is_some() => Err("it has its headers twice".to_owned()),
            "headers" | "http_headers" => {
                let all = node.members().iter().map(read_header).collect::<Result<Vec<_>, _>>()?;
                let mut variables: Vec<_> = all.iter().map(|header| &header.variable).collect();
                variables.sort_unstable();
                if variables.is_sorted_by(|one, next| one < next) {
                    self.headers = Some(Headers { key: key(), all });
                    return Ok(());
                }
                Err("it has the same header twice".to_owned())
            }
            BEARER => text().map(|text| self.bearer = Some((key(), text))),
            "env" | "environment" | "env_vars" | "envFile" | "args" | "cwd" => {
                Err(format!("it has `{shown}` besides an address, which is for a command: take that out"))
            }
            _ if is_about_login(name) => Err(format!(
                "its `{shown}` says how the client logs in to the server, or connects to it, which cannot be carried over: take \
                 that out, if the server can do without"
            )),
            _ => Ok(()),
        }
    }

    fn check(self) -> Result<Self, String> {
        let kind = self.kind.as_ref().map(|kind| kind.text.to_ascii_lowercase()).unwrap_or_default();
        let is_websocket = |url: &str| Endpoint::parse(url) == Err(BadEndpoint::WebSocket);
        if kind.starts_with("ws")
            || kind.starts_with("websocket")
            || self.url.iter().any(|(_, url)| is_websocket(&url.text))
        {
            return Err(WEBSOCKET.to_owned());
        }
        if !kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return Err("its `type` is unclear".to_owned());
        }
        let Some((_, url)) = &self.url else { return Err("it has no address".to_owned()) };
        let url = url.text.as_str();
        if url.contains(['$', '{']) {
            return Err("its address has a variable, whose value only the client knows".to_owned());
        }
        Endpoint::parse(url).map_err(|error| format!("its address cannot be used: {error}"))?;
        if secret::has_secret(url) {
            return Err("its address looks as if there were a key in it, which a command line would show to other programs. If it is \
                 none, or that is no matter, write an entry with `policylayer wrap --url` by hand"
                .to_owned());
        }
        if let Some((_, variable)) = &self.bearer {
            HeaderRule::parse_bearer(&variable.text).map_err(|_| format!("its `{BEARER}` is no name of a variable"))?;
            let headers = self.headers.iter().flat_map(|headers| &headers.all);
            if headers.into_iter().any(|header| header.name.text.eq_ignore_ascii_case("authorization")) {
                return Err(format!("it has two values for Authorization, one in `{BEARER}`; keep one of them"));
            }
        }
        Ok(self)
    }

    /// What is changed has to come back byte for byte.
    fn check_spelling(self, document: &ClientDocument) -> Result<Self, String> {
        let names = self.headers.iter().flat_map(|headers| headers.all.iter().map(|header| &header.name));
        let keys = self.headers.iter().map(|headers| &headers.key);
        let keys = keys.chain(self.url.iter().chain(&self.bearer).map(|(key, _)| key));
        for word in keys.chain(names).chain(&self.kind) {
            let written = document.text_of(word.span.clone());
            if written.trim_matches(['"', '\'']) != word.text {
                return Err(format!(
                    "its `{}` is not written plainly, and could not be given back as it is: write it without \\",
                    escape_invisible(&word.text)
                ));
            }
        }
        Ok(self)
    }

    fn target(&self) -> TargetWords {
        let headers = self.headers.iter().flat_map(|headers| &headers.all);
        TargetWords {
            url: self.url.as_ref().map(|(_, url)| url.text.clone()).unwrap_or_default(),
            headers: headers.map(|header| format!("{}={}", header.name.text, header.variable)).collect(),
            bearer: self.bearer.as_ref().map(|(_, variable)| variable.text.clone()),
        }
    }

    /// Returns what `--entry` says: the keys, and what `type` was.
    fn spelling(&self) -> String {
        let kind = self.kind.iter().map(|kind| format!("type={}", kind.text));
        let url = self.url.iter().map(|(key, _)| key.text.clone());
        let headers = self.headers.iter().map(|headers| headers.key.text.clone());
        let bearer = self.bearer.iter().map(|(key, _)| key.text.clone());
        kind.chain(url).chain(headers).chain(bearer).collect::<Vec<_>>().join(",")
    }
}

fn is_about_login(key: &str) -> bool {
    const PARTS: [&str; 11] = [
        "oauth",
        "auth",
        "header",
        "scope",
        "token",
        "credential",
        "serviceaccount",
        "audience",
        "requestinit",
        "cert",
        "transport",
    ];
    let key = key.to_ascii_lowercase();
    PARTS.iter().any(|part| key.contains(part))
}

fn read_header((key, node): &DocumentMember) -> Result<Header, String> {
    let name = Word { text: key.name.clone(), span: key.span.clone() };
    let shown = escape_invisible(&name.text);
    let plain: String = name.text.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_uppercase() }).collect();
    let variable = format!("HEADER_{plain}");
    let value =
        node.as_text().ok_or_else(|| format!("its header {shown} is {} instead of a string", node.kind_name()))?;
    HeaderRule::parse(&format!("{}={variable}", name.text))
        .map_err(|error| format!("its header {shown} cannot be carried over: {error}"))?;
    Ok(Header { name, variable, value: value.to_owned() })
}

/// What an entry becomes.
pub(super) struct Moved {
    pub(super) edits: Vec<TextEdit>,
    /// The words of its command.
    pub(super) words: Vec<String>,
}

/// An entry of a file, and the keys that lead to it.
#[derive(Clone, Copy)]
pub(super) struct EntryPlace<'e> {
    pub(super) document: &'e ClientDocument,
    pub(super) row: &'static Row,
    pub(super) keys: &'e [String],
    pub(super) name: &'e str,
}

impl EntryPlace<'_> {
    fn find_entry(&self) -> Option<&DocumentNode> {
        let path: Vec<&str> = self.keys.iter().map(String::as_str).chain([self.name]).collect();
        self.document.find_table(&path).ok().flatten()
    }

    /// Writes a key in the place of another one, in its quotes: TOML has keys with and without them.
    fn write_key(&self, place: &Range<usize>, key: &str) -> TextEdit {
        self.write_in_quotes_of(place, key, |key| match self.document.format {
            ClientFormat::Toml => key.to_owned(),
            _ => edit::quote_string(key),
        })
    }

    /// The same with a value.
    fn write_value(&self, place: &Range<usize>, value: &str) -> TextEdit {
        self.write_in_quotes_of(place, value, edit::quote_string)
    }

    fn write_in_quotes_of(&self, place: &Range<usize>, text: &str, otherwise: impl Fn(&str) -> String) -> TextEdit {
        let before = self.document.text_of(place.clone());
        let quote = before.chars().next().filter(|first| matches!(first, '"' | '\''));
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\'));
        let written = match quote {
            Some(quote) if is_plain => format!("{quote}{text}{quote}"),
            _ => otherwise(text),
        };
        (place.clone(), written)
    }

    /// Returns the edits that make an entry with an address start `program wrap OPTIONS --url`.
    ///
    /// # Errors
    /// Returns why that is not possible.
    pub(super) fn wrap_remote(&self, entry: &RemoteEntry, program: &str, options: &[String]) -> Result<Moved, String> {
        let moved = self.move_entry(entry.form.as_ref().map_err(Clone::clone)?, program, options);
        let moved = moved.ok_or("its entry has no address")?;
        let bytes = self.document.apply_edits(moved.edits.clone());
        let is_same = || {
            let document = ClientDocument::parse(&bytes, self.document.format).ok()?;
            let entries = read_entries(&document, self.keys).ok()?;
            let launch = entries.iter().find(|entry| entry.name == self.name)?.launch()?;
            let url = parse_wrapped(&launch.words(), Some(program))?.url?;
            let back = EntryPlace { document: &document, ..*self }.unwrap_remote(launch, &url).ok()?;
            Some(document.apply_edits(back.edits) == self.document.apply_edits(Vec::new()))
        };
        match is_same() {
            Some(true) => Ok(moved),
            _ => Err("its entry is written in a way that could not be undone byte for byte".to_owned()),
        }
    }

    fn move_entry(&self, form: &RemoteForm, program: &str, options: &[String]) -> Option<Moved> {
        let (key, url) = form.url.as_ref()?;
        let mut front: Vec<String> = ["wrap".to_owned()].into_iter().chain(options.iter().cloned()).collect();
        front.extend(["--entry".to_owned(), form.spelling(), "--url".to_owned()]);
        let behind: Vec<String> = form.target().words().into_iter().skip(1).collect();
        let quoted = |words: &[String]| words.iter().map(|word| edit::quote_string(word)).collect::<Vec<_>>();
        let written = self.document.text_of(url.span.clone()).to_owned();
        let args = [quoted(&front), vec![written], quoted(&behind)].concat().join(", ");
        let mut edits = vec![self.write_key(&key.span, "command")];
        if self.row.layout == Layout::OpenCode {
            edits.push((url.span.clone(), format!("[{}, {args}]", edit::quote_string(program))));
        } else {
            let (program_key, text) = (key.span.clone(), url.text.clone());
            let word = Word { text, span: url.span.clone() };
            let launch = Launch { program: word, program_key, args: None, form: CommandForm::Split };
            edits.push((url.span.clone(), edit::quote_string(program)));
            edits.push(edit::new_list(self.document, &launch, &args));
        }
        if let Some(kind) = &form.kind {
            edits.push(self.write_value(&kind.span, self.row.stdio_type()));
        }
        if let Some(headers) = &form.headers {
            edits.push(self.write_key(&headers.key.span, self.row.env_key()));
            let names = headers.all.iter().map(|header| self.write_key(&header.name.span, &header.variable));
            edits.extend(names);
        }
        if let Some((key, variable)) = &form.bearer {
            edits.push(self.write_key(&key.span, "env_vars"));
            let written = self.document.text_of(variable.span.clone());
            edits.push((variable.span.clone(), format!("[{written}]")));
        }
        let words = [vec![program.to_owned()], front, vec![url.text.clone()], behind].concat();
        Some(Moved { edits, words })
    }

    /// Returns the edits that give an entry back its address.
    ///
    /// # Errors
    /// Returns why that is not possible.
    pub(super) fn unwrap_remote(&self, launch: &Launch, wrapped: &WrappedUrl) -> Result<Moved, String> {
        let unclear = || "what `--entry` says of it is unclear".to_owned();
        let spelling: Vec<&str> = wrapped.entry.as_deref().unwrap_or_default().split(',').collect();
        let find = |keys: &[&str]| spelling.iter().copied().find(|key| keys.contains(key));
        let url_key = find(&["url", "serverUrl", "httpUrl"]).ok_or_else(unclear)?;
        let entry = self.find_entry().ok_or_else(unclear)?;
        let args = launch.args.as_ref().ok_or_else(unclear)?;
        let url = wrapped.at.and_then(|at| args.words.get(at - 1));
        let url = url.map_or_else(
            || edit::quote_string(&wrapped.target.url),
            |word| self.document.text_of(word.span.clone()).to_owned(),
        );
        let mut edits = vec![self.write_key(&launch.program_key, url_key)];
        if launch.form == CommandForm::Joined {
            edits.push((args.span.clone(), url));
        } else {
            edits.push((launch.program.span.clone(), url));
            let list = edit::added_list(self.document, launch, args).or_else(|| span_of_member(entry, "args"));
            edits.push((list.ok_or_else(unclear)?, String::new()));
        }
        if let Some(kind) = spelling.iter().find_map(|key| key.strip_prefix("type=")) {
            let now = entry.member("type").ok_or("its `type` is gone")?;
            edits.push(self.write_value(&now.span, kind));
        }
        self.unwrap_headers(entry, &wrapped.target, find(&["headers", "http_headers"]), &mut edits)?;
        if find(&[BEARER]).is_some() {
            let (key, list) = find_member(entry, "env_vars").ok_or("its `env_vars` are gone")?;
            let [variable] = list.items() else { return Err("its `env_vars` have more than one variable".to_owned()) };
            edits.push(self.write_key(&key, BEARER));
            edits.push((list.span.clone(), self.document.text_of(variable.span.clone()).to_owned()));
        }
        Ok(Moved { edits, words: vec![wrapped.target.url.clone()] })
    }

    fn unwrap_headers(
        &self,
        entry: &DocumentNode,
        target: &TargetWords,
        headers: Option<&str>,
        edits: &mut Vec<TextEdit>,
    ) -> Result<(), String> {
        let env_key = self.row.env_key();
        let found = find_member(entry, env_key);
        let (key, env) = match (found, headers) {
            (None, None) => return Ok(()),
            (Some(found), Some(_)) => found,
            (Some(_), None) => {
                return Err(format!(
                    "it has got `{env_key}`, which an entry with an address cannot have: take that out"
                ));
            }
            (None, Some(_)) => return Err(format!("its `{env_key}` is gone, with the values of its headers")),
        };
        edits.push(self.write_key(&key, headers.unwrap_or_default()));
        let rules: Vec<_> = target.headers.iter().filter_map(|header| header.split_once('=')).collect();
        let mut given = 0;
        for (variable, _) in env.members() {
            let Some((name, _)) = rules.iter().find(|(_, of)| *of == variable.name) else {
                let variable = escape_invisible(&variable.name);
                return Err(format!("its `{env_key}` has {variable}, which is for no header: take that out"));
            };
            given += 1;
            edits.push(self.write_key(&variable.span, name));
        }
        if given < rules.len() {
            return Err(format!("the value of one of its headers does not stand in its `{env_key}`"));
        }
        Ok(())
    }
}

fn find_member<'n>(node: &'n DocumentNode, name: &str) -> Option<(Range<usize>, &'n DocumentNode)> {
    node.members().iter().find(|(key, _)| key.name == name).map(|(key, value)| (key.span.clone(), value))
}

/// Returns the span of a member that goes, with what parts it from its neighbour.
fn span_of_member(node: &DocumentNode, name: &str) -> Option<Range<usize>> {
    let members = node.members();
    let at = members.iter().position(|(key, _)| key.name == name)?;
    let (key, value) = members.get(at)?;
    match (at.checked_sub(1).and_then(|before| members.get(before)), members.get(at + 1)) {
        (Some((_, before)), _) => Some(before.span.end..value.span.end),
        (None, Some((next, _))) => Some(key.span.start..next.span.start),
        (None, None) => None,
    }
}
