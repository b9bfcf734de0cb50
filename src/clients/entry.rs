//! A server as a client's file has it: what starts it, and whether that is already this program.

use std::ops::Range;

use super::document::{BadDocument, Document, Member, Node, Value};

/// A server of a client.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its key.
    pub name: String,
    /// How the client reaches it.
    pub kind: Kind,
    /// Whether the client is told to leave it alone.
    pub use_: Use,
    /// The policy that its environment names.
    pub policy_variable: Option<String>,
}

/// Whether a client starts a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It does.
    Enabled,
    /// Its entry says that it should not.
    Disabled,
}

/// How a client reaches a server.
#[derive(Clone, Debug)]
pub enum Kind {
    /// It starts a command.
    Stdio(Launch),
    /// It speaks HTTP with it, or server-sent events: no command that could be put behind another.
    Remote {
        /// Where it is, as far as the entry tells.
        url: Option<String>,
    },
    /// It cannot be told, for this reason.
    Unclear(BadDocument),
}

/// The command of a server, and where its words stand.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program.
    pub program: Word,
    /// The key that the program stands under.
    pub program_key: Range<usize>,
    /// The arguments; `None` where the entry has no list of them.
    pub args: Option<Args>,
}

/// The list of arguments.
#[derive(Clone, Debug)]
pub struct Args {
    /// The list, with its brackets.
    pub span: Range<usize>,
    /// The key that it stands under.
    pub key: Range<usize>,
    /// Its words.
    pub words: Vec<Word>,
}

/// A text of the file.
#[derive(Clone, Debug)]
pub struct Word {
    /// What it says.
    pub text: String,
    /// Where it stands, with its quotes.
    pub span: Range<usize>,
}

impl Launch {
    /// The words of the command.
    pub fn words(&self) -> Vec<&str> {
        let args = self.args.iter().flat_map(|args| &args.words);
        std::iter::once(&self.program).chain(args).map(|word| word.text.as_str()).collect()
    }
}

/// The servers under these keys; none where there are no such keys.
///
/// # Errors
/// Where a key on the way, or a server, is there twice, or something else than an object stands there.
pub fn entries(document: &Document, keys: &[&str]) -> Result<Vec<Entry>, BadDocument> {
    let Some(servers) = document.find(keys)? else { return Ok(Vec::new()) };
    Ok(document.members(servers)?.iter().map(|member| entry(document, member)).collect())
}

fn entry(document: &Document, member: &Member) -> Entry {
    let kind = kind(document, &member.node).unwrap_or_else(Kind::Unclear);
    let get = |key| match &member.node.value {
        Value::Object(members) => members.iter().find(|member| member.key == key).map(|member| &member.node.value),
        _ => None,
    };
    let is_off = matches!(get("disabled"), Some(Value::Boolean(true)));
    let use_ =
        if is_off || matches!(get("enabled"), Some(Value::Boolean(false))) { Use::Disabled } else { Use::Enabled };
    let policy_variable = match get("env") {
        Some(Value::Object(variables)) => variables.iter().find_map(|variable| match &variable.node.value {
            Value::Text(path) if variable.key == crate::paths::POLICY_VARIABLE => Some(path.clone()),
            _ => None,
        }),
        _ => None,
    };
    Entry { name: member.key.clone(), kind, use_, policy_variable }
}

fn kind(document: &Document, node: &Node) -> Result<Kind, BadDocument> {
    let text = |key| {
        Ok(document.member(node, key)?.and_then(|member| match &member.node.value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }))
    };
    let mut url = None;
    for key in ["httpUrl", "serverUrl", "url"] {
        url = url.or(text(key)?);
    }
    let is_remote = text("type")?.is_some_and(|kind| {
        let kind = kind.to_ascii_lowercase().replace(['-', '_'], "");
        matches!(kind.as_str(), "http" | "sse" | "streamablehttp" | "websocket" | "ws")
    });
    let Some(command) = document.member(node, "command")? else {
        if is_remote || url.is_some() {
            return Ok(Kind::Remote { url });
        }
        let message = "the entry has neither a command nor a URL; an extension of the client may bring them";
        return Err(document.error(node.span.start, message.to_owned()));
    };
    if is_remote || url.is_some() {
        let message = "the entry has a command and a URL, and clients differ in which one they take; keep one of them";
        return Err(document.error(command.key_span.start, message.to_owned()));
    }
    // Zed's older shape has the command in an object of its own.
    let (holder, program) = match &command.node.value {
        Value::Object(_) => match document.member(&command.node, "path")? {
            Some(path) => (&command.node, path),
            None => return Err(document.error(command.node.span.start, "the command has no `path`".to_owned())),
        },
        _ => (node, command),
    };
    let args = document.member(holder, "args")?.map(|args| list(document, args)).transpose()?;
    Ok(Kind::Stdio(Launch { program: word(document, &program.node)?, program_key: program.key_span.clone(), args }))
}

fn list(document: &Document, member: &Member) -> Result<Args, BadDocument> {
    let Value::Array(items) = &member.node.value else {
        let message = format!("`args` is {} instead of a list", member.node.value.kind());
        return Err(document.error(member.node.span.start, message));
    };
    let words = items.iter().map(|item| word(document, item)).collect::<Result<_, _>>()?;
    Ok(Args { span: member.node.span.clone(), key: member.key_span.clone(), words })
}

fn word(document: &Document, node: &Node) -> Result<Word, BadDocument> {
    match &node.value {
        Value::Text(text) => Ok(Word { text: text.clone(), span: node.span.clone() }),
        other => Err(document.error(node.span.start, format!("here is {} instead of a text", other.kind()))),
    }
}

/// What a command says to `policylayer wrap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// How many words stand before the server's own command.
    pub before: usize,
    /// Where `policylayer` stands.
    pub program: usize,
    /// `--policy`.
    pub policy: Option<String>,
    /// `--server`.
    pub server: Option<String>,
}

/// What may stand before `policylayer` where something fetches or starts it.
const STARTERS: [&str; 17] = [
    "npx", "npx.cmd", "npx.exe", "pnpx", "bunx", "pnpm", "pnpm.cmd", "yarn", "bun", "dlx", "cmd", "cmd.exe", "env",
    "-y", "--yes", "--", "/c",
];

/// What the words say to `policylayer wrap`; `None` where they start something else.
pub fn wrapped(words: &[&str], program: Option<&str>) -> Option<Wrapped> {
    let is_starter = |word: &str| STARTERS.contains(&word.to_ascii_lowercase().as_str());
    let at = words.iter().position(|word| !is_starter(word) && !is_starter(name(word)))?;
    let found = words.get(at)?;
    let bare = name(found).to_ascii_lowercase();
    let bare = bare.strip_suffix(".exe").or_else(|| bare.strip_suffix(".cmd")).unwrap_or(&bare);
    // A package may be asked for with its version.
    let is_ours = bare.split('@').next() == Some("policylayer") || program == Some(found);
    if !is_ours || *words.get(at + 1)? != "wrap" {
        return None;
    }
    let mut wrapped = Wrapped { before: words.len(), program: at, policy: None, server: None };
    let mut index = at + 2;
    while let Some(word) = words.get(index) {
        index += 1;
        if *word == "--" {
            wrapped.before = index;
            break;
        }
        let Some(option) = word.strip_prefix("--") else {
            wrapped.before = index - 1;
            break;
        };
        let (option, mut value) =
            option.split_once('=').map_or((option, None), |(option, value)| (option, Some(value)));
        if matches!(option, "policy" | "server" | "log-level" | "max-message") && value.is_none() {
            value = words.get(index).copied();
            index += 1;
        }
        match option {
            "policy" => wrapped.policy = value.map(str::to_owned),
            "server" => wrapped.server = value.map(str::to_owned),
            _ => {}
        }
    }
    (wrapped.before < words.len()).then_some(wrapped)
}

/// The last part of a path, on any system.
fn name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
