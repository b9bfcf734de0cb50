//! A server in a client's file: the command that starts it, and whether that is already this program.

use std::ops::Range;

use super::document::{BadDocument, ClientDocument, describe_kind};
use super::remote::RemoteEntry;
use crate::policy::tree::{DocumentMember, DocumentNode, DocumentValue};
use crate::record::Enforcement;
use crate::visible::escape_invisible;
use crate::wire::http::target_words::TargetWords;

/// A server of a client.
#[derive(Clone, Debug)]
pub struct ClientEntry {
    /// Its key.
    pub name: String,
    /// How the client reaches it.
    pub transport: Transport,
    /// Whether the entry tells the client not to start it.
    pub is_disabled: bool,
    /// The names of its variables.
    pub variables: Vec<String>,
}

/// How a client reaches a server.
#[derive(Clone, Debug)]
pub enum Transport {
    /// The client starts a command.
    Stdio(Launch),
    /// The client connects over HTTP or server-sent events.
    Remote(Box<RemoteEntry>),
    /// The entry has neither a command nor a URL.
    Bare(BadDocument),
    /// The entry is unclear, for this reason.
    Unclear(BadDocument),
}

/// The command of a server, and the places of its words.
#[derive(Clone, Debug)]
pub struct Launch {
    pub(super) program: Word,
    /// The span of the program's key.
    pub(super) program_key: Range<usize>,
    /// The arguments; `None` if the entry has no list of them.
    pub(super) args: Option<Args>,
    pub(super) form: CommandForm,
}

/// How the words of a command are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommandForm {
    /// The program is a value of its own.
    Split,
    /// The program is the first item of the list of arguments.
    Joined,
}

/// The list of arguments.
#[derive(Clone, Debug)]
pub(super) struct Args {
    /// The span of the list, with its brackets.
    pub(super) span: Range<usize>,
    /// The span of its key.
    pub(super) key: Range<usize>,
    pub(super) words: Vec<Word>,
}

/// A string of the file.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    /// Its span, with its quotes.
    pub(super) span: Range<usize>,
}

impl ClientEntry {
    /// Returns the command that starts the server; `None` if the client reaches it otherwise.
    pub fn launch(&self) -> Option<&Launch> {
        if let Transport::Stdio(launch) = &self.transport { Some(launch) } else { None }
    }

    /// Returns the server's address; `None` if the client starts it.
    pub fn remote(&self) -> Option<&RemoteEntry> {
        if let Transport::Remote(remote) = &self.transport { Some(remote) } else { None }
    }

    /// Returns the words that name the server, with a wrapper if it has one: its command, or its address and headers. `None` if
    /// `wrap` cannot stand before it.
    pub fn words(&self) -> Option<Vec<String>> {
        match &self.transport {
            Transport::Stdio(launch) => Some(launch.words().into_iter().map(str::to_owned).collect()),
            Transport::Remote(remote) => remote.words(),
            Transport::Bare(_) | Transport::Unclear(_) => None,
        }
    }

    /// Whether its command runs `policylayer wrap`, recognized by name or as `program`.
    pub fn is_wrapped(&self, program: Option<&str>) -> bool {
        self.launch().is_some_and(|launch| parse_wrapped(&launch.words(), program).is_some())
    }
}

impl Launch {
    /// Returns the words of the command.
    pub fn words(&self) -> Vec<&str> {
        let args = self.args.iter().flat_map(|args| &args.words);
        std::iter::once(&self.program).chain(args).map(|word| word.text.as_str()).collect()
    }
}

/// Reads the servers under these keys; none if there are no such keys.
///
/// # Errors
/// Returns an error if a key on the way, or a server, is there twice, or something other than an object is there.
pub fn read_entries<K: AsRef<str>>(document: &ClientDocument, keys: &[K]) -> Result<Vec<ClientEntry>, BadDocument> {
    let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
    let Some(servers) = document.find_table(&keys)? else { return Ok(Vec::new()) };
    Ok(document.unique_members(servers)?.iter().map(|member| read_entry(document, member)).collect())
}

fn read_entry(document: &ClientDocument, (key, node): &DocumentMember) -> ClientEntry {
    let flag = |key| match node.member(key).map(|node| &node.value) {
        Some(DocumentValue::Boolean(value)) => Some(*value),
        _ => None,
    };
    ClientEntry {
        name: key.name.clone(),
        transport: read_transport(document, node).unwrap_or_else(Transport::Unclear),
        is_disabled: flag("disabled") == Some(true) || flag("enabled") == Some(false),
        variables: list_variables(node),
    }
}

fn list_variables(node: &DocumentNode) -> Vec<String> {
    let members = node.member("env").map(DocumentNode::members).unwrap_or_default();
    members.iter().map(|(key, _)| key.name.clone()).collect()
}

/// Reads the server of an extension's manifest. Without a command of its own, the client knows how to start it.
pub(super) fn read_extension(document: &ClientDocument, keys: &[&str], id: &str) -> ClientEntry {
    let name = document.root.member("name").and_then(DocumentNode::as_text).filter(|name| !name.is_empty());
    let unclear = |bad| (Transport::Unclear(bad), Vec::new());
    let (transport, variables) = match document.find_table(keys) {
        Ok(Some(node)) => {
            let os = if cfg!(windows) {
                "win32"
            } else if cfg!(target_os = "macos") {
                "darwin"
            } else {
                "linux"
            };
            let own = node.member("platform_overrides").and_then(|all| all.member(os));
            (read_manifest(document, node, own).unwrap_or_else(Transport::Unclear), list_variables(node))
        }
        Ok(None) => unclear(document.error_at(0, "the manifest does not say what is started".to_owned())),
        Err(bad) => unclear(bad),
    };
    ClientEntry { name: name.unwrap_or(id).to_owned(), transport, is_disabled: false, variables }
}

/// Reads what a manifest starts. `own` has what is different on this system.
fn read_manifest(
    document: &ClientDocument,
    node: &DocumentNode,
    own: Option<&DocumentNode>,
) -> Result<Transport, BadDocument> {
    let find = |key| own.and_then(|own| find_member(own, key)).or_else(|| find_member(node, key));
    let Some(program) = find("command") else { return read_transport(document, node) };
    let args = find("args").map(|args| read_args(document, args)).transpose()?;
    let (program_key, program) = (program.0.span.clone(), read_word(document, &program.1)?);
    Ok(Transport::Stdio(Launch { program, program_key, args, form: CommandForm::Split }))
}

fn find_member<'n>(node: &'n DocumentNode, key: &str) -> Option<&'n DocumentMember> {
    node.members().iter().find(|(own, _)| own.name == key)
}

/// Whether this has servers, and is not one itself: what is of any other kind in it is an option of a server.
pub(super) fn is_table_of_servers(node: &DocumentNode) -> bool {
    let is_table = |node: &DocumentNode| matches!(node.value, DocumentValue::Table(_));
    is_table(node) && !node.members().iter().any(|(key, value)| is_option(&key.name) && !is_table(value))
}

fn is_option(key: &str) -> bool {
    matches!(key, "type" | "enabled" | "disabled" | "command" | "url")
}

fn read_transport(document: &ClientDocument, node: &DocumentNode) -> Result<Transport, BadDocument> {
    let text = |key| Ok(document.unique_member(node, key)?.and_then(|(_, value)| value.as_text()));
    let mut has_url = false;
    for key in ["httpUrl", "serverUrl", "url"] {
        has_url |= text(key)?.is_some();
    }
    let is_remote = text("type")?.is_some_and(|kind| {
        let kind = kind.to_ascii_lowercase().replace(['-', '_'], "");
        matches!(kind.as_str(), "http" | "sse" | "streamablehttp" | "websocket" | "ws")
    });
    let Some(command) = document.unique_member(node, "command")? else {
        if is_remote || has_url {
            return Ok(Transport::Remote(Box::new(RemoteEntry::read(document, node))));
        }
        let message = "the entry has neither a command nor a URL";
        return Ok(Transport::Bare(document.error_at(node.span.start, message.to_owned())));
    };
    if is_remote || has_url {
        let message = "the entry has a command and a URL, and clients differ in which one they take; keep one of them";
        return Err(document.error_at(command.0.span.start, message.to_owned()));
    }
    if text("type")? == Some("local") && matches!(command.1.value, DocumentValue::Array(_)) {
        return read_list(document, command).map(Transport::Stdio);
    }
    // Zed's older format has the command in an object of its own.
    let (holder, (key, program)) = match &command.1.value {
        DocumentValue::Table(_) => match document.unique_member(&command.1, "path")? {
            Some(path) => (&command.1, path),
            None => return Err(document.error_at(command.1.span.start, "the command has no `path`".to_owned())),
        },
        _ => (node, command),
    };
    let args = document.unique_member(holder, "args")?.map(|args| read_args(document, args)).transpose()?;
    let word = read_word(document, program)?;
    if word.text.is_empty() {
        return Err(document.error_at(program.span.start, "the command is empty".to_owned()));
    }
    let (program_key, form) = (key.span.clone(), CommandForm::Split);
    Ok(Transport::Stdio(Launch { program: word, program_key, args, form }))
}

/// Reads a command whose words are all in one list.
fn read_list(document: &ClientDocument, member: &DocumentMember) -> Result<Launch, BadDocument> {
    let mut args = read_args(document, member)?;
    if args.words.first().is_none_or(|word| word.text.is_empty()) {
        return Err(document.error_at(member.1.span.start, "the command is empty".to_owned()));
    }
    let program = args.words.remove(0);
    Ok(Launch { program, program_key: member.0.span.clone(), args: Some(args), form: CommandForm::Joined })
}

fn read_args(document: &ClientDocument, (key, node): &DocumentMember) -> Result<Args, BadDocument> {
    if !matches!(node.value, DocumentValue::Array(_)) {
        let message = format!("`{}` is {} instead of a list", key.name, describe_kind(node));
        return Err(document.error_at(node.span.start, message));
    }
    let words = node.items().iter().map(|item| read_word(document, item)).collect::<Result<_, _>>()?;
    Ok(Args { span: node.span.clone(), key: key.span.clone(), words })
}

fn read_word(document: &ClientDocument, node: &DocumentNode) -> Result<Word, BadDocument> {
    let text = node.as_text().map(str::to_owned);
    text.map(|text| Word { text, span: node.span.clone() }).ok_or_else(|| {
        document.error_at(node.span.start, format!("here is {} instead of a string", describe_kind(node)))
    })
}

/// How a command runs `policylayer wrap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// The number of words before the server's own command; all of them where there is an address and no command.
    pub before: usize,
    /// The index of the word that is `policylayer`.
    pub program: usize,
    /// The value of `--policy`.
    pub policy: Option<String>,
    /// The value of `--server`.
    pub server: Option<String>,
    /// Whether the policy is enforced, or only observed (`--observe`).
    pub enforcement: Enforcement,
    /// The address, if the server is reached over HTTP (`--url`).
    pub url: Option<WrappedUrl>,
    /// What is wrong with its words, so that it ends at once: the end of "it starts `policylayer wrap` …".
    pub fault: Option<String>,
}

/// The server of `wrap --url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedUrl {
    /// The index of the word that is the address; `None` if it is in one word with `--url`.
    pub(super) at: Option<usize>,
    pub(super) target: TargetWords,
    /// The value of `--entry`: what the entry was before `register`.
    pub(super) entry: Option<String>,
}

impl Wrapped {
    /// Returns the words that name the server, among words that have the same options as those which this was found in: its
    /// command, or its address and headers.
    pub fn own_words<S: AsRef<str>>(&self, words: &[S]) -> Vec<String> {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        match &self.url {
            None => words.iter().skip(self.before).map(|word| (*word).to_owned()).collect(),
            Some(_) => {
                let found = parse_options(&words, self.program).url;
                found.map(|url| url.target.words()).unwrap_or_default()
            }
        }
    }

    /// Returns why the wrapper cannot be taken out again: where there is no server behind it, or an address that was written by hand,
    /// since nothing tells how its entry was.
    pub(super) fn find_barrier_to_undo(&self, words: &[&str]) -> Option<String> {
        match &self.url {
            _ if self.before < words.len() => None,
            None => Some("there is no server's command behind `policylayer wrap`".to_owned()),
            Some(url) => url.entry.is_none().then(|| OVER_HTTP.to_owned()),
        }
    }
}

/// What is said where the wrapper cannot be taken out.
const OVER_HTTP: &str = "it is reached by a `wrap --url` that `register` has not written, so it is not known how the client's own \
     entry was. Write the address, and what its headers hold, into the client's file by hand";

/// Programs that may come before `policylayer` because they fetch or start it.
const STARTERS: [&str; 17] = [
    "npx", "npx.cmd", "npx.exe", "pnpx", "bunx", "pnpm", "pnpm.cmd", "yarn", "bun", "dlx", "cmd", "cmd.exe", "env",
    "-y", "--yes", "--", "/c",
];

/// Parses how a command runs `policylayer wrap`; `None` if it starts something else.
pub fn parse_wrapped(words: &[&str], program: Option<&str>) -> Option<Wrapped> {
    let is_starter = |word: &str| STARTERS.contains(&word.to_ascii_lowercase().as_str());
    let at = words.iter().position(|word| !is_starter(word) && !is_starter(file_name(word)))?;
    let found = words.get(at)?;
    let bare = file_name(found).to_ascii_lowercase();
    let bare = bare.strip_suffix(".exe").or_else(|| bare.strip_suffix(".cmd")).unwrap_or(&bare);
    // A package may be requested with its version.
    let is_ours = bare.split('@').next() == Some("policylayer") || program == Some(found);
    if !is_ours || *words.get(at + 1)? != "wrap" {
        return None;
    }
    Some(parse_options(words, at))
}

/// The options of `wrap` that have a value. Its definition has the same, and these.
pub(crate) const WRAP_VALUES: [&str; 8] =
    ["policy", "server", "log-level", "max-message", "header", "bearer", "url", "entry"];

/// The options of `wrap` without a value.
pub(crate) const WRAP_FLAGS: [&str; 1] = ["observe"];

/// Parses what stands behind `policylayer wrap`, whose first word is at this index.
fn parse_options(words: &[&str], program: usize) -> Wrapped {
    let enforcement = Enforcement::Enforced;
    let mut wrapped =
        Wrapped { before: words.len(), program, policy: None, server: None, enforcement, url: None, fault: None };
    let (mut url, mut target, mut entry) = (None, TargetWords::default(), None);
    let mut rest = words.iter().copied().enumerate().skip(program + 2);
    while let Some((index, word)) = rest.next() {
        let Some(option) = word.strip_prefix("--").filter(|option| !option.is_empty()) else {
            wrapped.before = if word == "--" { index + 1 } else { index };
            break;
        };
        let (option, value) = option.split_once('=').map_or((option, None), |(option, value)| (option, Some(value)));
        let is_apart = WRAP_VALUES.contains(&option) && value.is_none();
        let value = if is_apart { rest.next().map(|(_, value)| value) } else { value };
        let text = value.map(str::to_owned);
        let fault = match (WRAP_VALUES.contains(&option), WRAP_FLAGS.contains(&option)) {
            (true, _) => text.is_none().then(|| format!("with --{option} and no value")),
            (_, true) => text.is_some().then(|| format!("with a value for --{option}, which has none")),
            (false, false) => Some(format!("with --{}, which it does not have", escape_invisible(option))),
        };
        wrapped.fault = wrapped.fault.or(fault);
        match option {
            "policy" => wrapped.policy = text,
            "server" => wrapped.server = text,
            "observe" => wrapped.enforcement = Enforcement::Observed,
            "entry" => entry = text,
            "header" => target.headers.extend(text),
            "bearer" => target.bearer = text,
            "url" => {
                url = Some(is_apart.then_some(index + 1));
                target.url = text.unwrap_or_default();
            }
            _ => {}
        }
    }
    wrapped.url = url.map(|at| WrappedUrl { at, target, entry });
    if wrapped.url.is_none() && wrapped.before >= words.len() {
        wrapped.fault = wrapped.fault.or_else(|| Some("without a server's command".to_owned()));
    }
    wrapped
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
