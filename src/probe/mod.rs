//! Probes a server: starts it without a policy, asks for its lists, and stops it.
//!
//! rmcp's client runs the session: it negotiates the revision, numbers the requests and answers the server's requests.
//! The lists are read from the lines as the server wrote them, since rmcp's types drop unknown fields.

mod error;
mod lenient;
mod transport;

use std::any::Any;
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use error::{ExchangeError, FailedProbe};
pub(crate) use error::{ProbeError, ProbeStage, ServerError, display_command};
use rmcp::model::{
    ClientConfig, ClientRequest, CustomRequest, ElicitationCapability, ErrorCode, RootsCapabilities,
    SamplingCapability, ServerCapabilities,
};
use rmcp::service::{DynService, Peer, ServiceError};
use rmcp::{ClientHandler, RoleClient, ServiceExt as _};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStderr;
use tokio::time::timeout;
use transport::lock_transcript;
pub(crate) use transport::{ProbeLine, ProbeTransport, SharedTranscript};

use crate::limits::{
    GRACE, MAX_OFFER_APPS, MAX_OFFER_ITEMS, MAX_OFFER_PAGES, MAX_OFFER_STDERR, MAX_VERSION_TEXT, OFFER_PATIENCE,
    STDERR_DRAIN,
};
use crate::proxy::SpawnEnv;
use crate::proxy::probe_server::{Pipes, ProbeExit, ProbeServer};
use crate::proxy::server_text::decode_text;
use crate::wire::strict::Reader;

/// What a server offers, by its own account.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerOffer {
    /// Its `serverInfo`, or `null`.
    pub(crate) info: Value,
    pub(crate) protocol: String,
    /// The items of tools/list, from all pages.
    pub(crate) tools: Vec<Value>,
    pub(crate) prompts: Vec<Value>,
    pub(crate) resources: Vec<Value>,
    pub(crate) templates: Vec<Value>,
    /// What could not be listed, and why, one sentence each.
    pub(crate) notes: Vec<String>,
    /// Our requests and the server's answers as written, in order: the handshake and the lists.
    pub(crate) lines: Vec<ProbeLine>,
}

/// Shows that a command was started; the result is dropped when the command has ended.
pub(crate) type ShowProgress<'p> = &'p dyn Fn(&str) -> Box<dyn Any>;

pub(crate) struct ProbeTarget<'t> {
    pub(crate) command: &'t [OsString],
    pub(crate) shown: String,
    /// The directory and environment that it is started with; `None` for ours.
    pub(crate) spawn_env: Option<&'t SpawnEnv>,
    /// The time limit for its start, and then for its lists.
    pub(crate) patience: Duration,
    /// Whether the pages of its apps are read.
    pub(crate) apps: AppPages,
}

/// Whether the pages of a server's MCP Apps are read: what a page may reach is said in its answer only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AppPages {
    Read,
    Skip,
}

/// Probes the server that a command starts here. The calling thread has to live as long as the server.
///
/// # Errors
/// Returns an error if the server cannot be started, does not answer as an MCP server does, or floods; the message says
/// what to do.
pub(crate) fn probe_command(command: &[OsString], progress: ShowProgress<'_>) -> Result<ServerOffer, ProbeError> {
    let (shown, apps) = (display_command(command), AppPages::Skip);
    probe_target(&ProbeTarget { command, shown, spawn_env: None, patience: OFFER_PATIENCE, apps }, progress)
}

/// Starts the server as the wrapper would, asks it what it offers, and stops it and its child processes. The calling thread has
/// to live as long as the server.
///
/// # Errors
/// As [`probe_command`].
pub(crate) fn probe_target(target: &ProbeTarget<'_>, progress: ShowProgress<'_>) -> Result<ServerOffer, ProbeError> {
    block_on(async {
        let (mut server, Pipes { stdin, stdout, stderr }) =
            ProbeServer::start_server(target.command, target.spawn_env)?;
        let shown_progress = progress(&target.shown);
        let said = Arc::new(Mutex::new(Vec::new()));
        let mut listening = tokio::spawn(keep_stderr(stderr, Arc::clone(&said)));
        let transcript = SharedTranscript::default();
        let transport = ProbeTransport::new(stdin, stdout, Arc::clone(&transcript));
        let exchanged = server.run_until(exchange_lists(transport, &transcript, target)).await;
        let gone = server.stop_server(GRACE).await;
        // A process that left the group may hold the pipe open.
        if timeout(STDERR_DRAIN, &mut listening).await.is_err() {
            listening.abort();
        }
        drop(shown_progress);
        let mut transcript = std::mem::take(&mut *lock_transcript(&transcript));
        let error = match exchanged {
            Some(Ok(offer)) => return Ok(ServerOffer { lines: std::mem::take(&mut transcript.lines), ..offer }),
            Some(Err(error)) => Some(error),
            None => None,
        };
        let said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let stderr = &decode_text(&said);
        Err(FailedProbe { error, gone, transcript: &transcript, stderr, target }.into_error())
    })
}

/// Runs a program that is not a server, stops it and its child processes, and returns the start of its stdout: nothing
/// if it cannot be started or takes too long.
///
/// # Errors
/// Returns an error if a person interrupts it, or the system cannot watch it.
pub(crate) fn capture_stdout(target: &ProbeTarget<'_>) -> Result<String, ProbeError> {
    block_on(async {
        // Its stderr stays open while it runs, but is not read: a version fits into the pipe.
        let Ok((mut program, Pipes { stdin, stdout, stderr: _stderr })) =
            ProbeServer::start_server(target.command, target.spawn_env)
        else {
            return Ok(String::new());
        };
        drop(stdin);
        let mut said = Vec::new();
        let mut stdout = stdout.take(MAX_VERSION_TEXT);
        let _ = program.run_until(timeout(target.patience, stdout.read_to_end(&mut said))).await;
        match program.stop_server(Duration::ZERO).await {
            ProbeExit::Interrupted => Err(ProbeError::Interrupted(String::new())),
            ProbeExit::Itself(_) | ProbeExit::Stopped => Ok(String::from_utf8(said).unwrap_or_default()),
        }
    })
}

fn block_on<T>(probing: impl Future<Output = Result<T, ProbeError>>) -> Result<T, ProbeError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ProbeError::Runtime)?.block_on(probing)
}

async fn keep_stderr(mut stderr: ChildStderr, said: Arc<Mutex<Vec<u8>>>) {
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend_from_slice(chunk.get(..count).unwrap_or_default());
        let over = said.len().saturating_sub(MAX_OFFER_STDERR);
        said.drain(..over);
    }
}

struct ProbeClient;

impl ClientHandler for ProbeClient {
    fn get_info(&self) -> ClientConfig {
        let mut config = ClientConfig::default();
        config.client_info.name = "policylayer".to_owned();
        config.client_info.version = env!("CARGO_PKG_VERSION").to_owned();
        // Some servers offer tools only to clients with this capability, and the agent's client may have it. Requests
        // from the server are not carried out.
        config.capabilities.elicitation = Some(ElicitationCapability::default());
        config.capabilities.roots = Some(RootsCapabilities::default());
        config.capabilities.sampling = Some(SamplingCapability::default());
        config
    }
}

/// Opens a session, asks for every list, and closes the server's stdin.
async fn exchange_lists(
    transport: ProbeTransport,
    transcript: &SharedTranscript,
    target: &ProbeTarget<'_>,
) -> Result<ServerOffer, ExchangeError> {
    let patience = target.patience;
    let client: Box<dyn DynService<RoleClient>> = ProbeClient.into_dyn();
    let service = timeout(patience, client.serve(transport)).await.map_err(|_| ExchangeError::Silent)??;
    let listed = list_within(service.peer(), transcript, target).await;
    let _ = service.cancel().await;
    listed
}

/// Asks for the tools, and then for what else the server has. Without the latter it goes on, with a note.
async fn list_within(
    peer: &Peer<RoleClient>,
    transcript: &SharedTranscript,
    target: &ProbeTarget<'_>,
) -> Result<ServerOffer, ExchangeError> {
    let patience = target.patience;
    let listing = timeout(patience, list_tools(peer, transcript));
    let (mut offer, capabilities) = listing.await.map_err(|_| ExchangeError::Slow)??;
    match timeout(patience, list_others(peer, transcript, &capabilities, &mut offer)).await {
        Ok(listed) => listed?,
        Err(_) => offer.notes.push("it did not list all of its prompts and resources in time".to_owned()),
    }
    if target.apps == AppPages::Read && timeout(patience, read_apps(peer, &mut offer)).await.is_err() {
        offer.notes.push("it did not answer in time what its apps may reach".to_owned());
    }
    if lock_transcript(transcript).has_text_around {
        let note = "it prints other text on the line of an answer; policylayer leaves that out, but many clients lose the answer";
        offer.notes.push(note.to_owned());
    }
    Ok(offer)
}

/// Reads the pages of the apps that it lists, and of those that its tools name.
async fn read_apps(peer: &Peer<RoleClient>, offer: &mut ServerOffer) {
    let listed = offer.resources.iter().filter_map(|resource| resource.get("uri"));
    let named = offer.tools.iter().filter_map(|tool| {
        let meta = tool.get("_meta")?;
        meta.get("ui").and_then(|ui| ui.get("resourceUri")).or_else(|| meta.get("ui/resourceUri"))
    });
    let uris = listed.chain(named).filter_map(Value::as_str).filter(|uri| uri.starts_with("ui://"));
    let uris: BTreeSet<_> = uris.map(str::to_owned).collect();
    if uris.len() > MAX_OFFER_APPS {
        offer.notes.push(format!("it has more than {MAX_OFFER_APPS} apps, and the others were not read"));
    }
    for uri in uris.into_iter().take(MAX_OFFER_APPS) {
        let request = CustomRequest::new("resources/read", Some(json!({ "uri": uri })));
        if let Err(error) = peer.send_request(ClientRequest::CustomRequest(request)).await {
            offer.notes.push(format!("its app {uri} cannot be read: {error}"));
        }
    }
}

/// Asks for the tools: every server, even if it does not declare any.
async fn list_tools(
    peer: &Peer<RoleClient>,
    transcript: &SharedTranscript,
) -> Result<(ServerOffer, ServerCapabilities), ExchangeError> {
    let opened = last_result(transcript).and_then(|mut result| Some(result.get_mut("serverInfo")?.take()));
    let mut offer = ServerOffer { info: opened.unwrap_or_default(), ..ServerOffer::default() };
    let mut capabilities = ServerCapabilities::default();
    if let Some(info) = peer.peer_info() {
        offer.protocol = info.protocol_version.to_string();
        capabilities = info.capabilities.clone();
    }
    let protocol = &offer.protocol;
    offer.tools = list_pages(peer, transcript, "tools/list", "tools", protocol, &mut offer.notes).await?;
    Ok((offer, capabilities))
}

async fn list_others(
    peer: &Peer<RoleClient>,
    transcript: &SharedTranscript,
    capabilities: &ServerCapabilities,
    offer: &mut ServerOffer,
) -> Result<(), ExchangeError> {
    let protocol = &offer.protocol;
    for (is_offered, method, key, items) in [
        (capabilities.prompts.is_some(), "prompts/list", "prompts", &mut offer.prompts),
        (capabilities.resources.is_some(), "resources/list", "resources", &mut offer.resources),
        (capabilities.resources.is_some(), "resources/templates/list", "resourceTemplates", &mut offer.templates),
    ] {
        if is_offered {
            use ExchangeError::{Far, Items, NoList, Pages, Refused, Unreadable};
            match list_pages(peer, transcript, method, key, protocol, &mut offer.notes).await {
                Err(error @ (Far(..) | Refused(..) | NoList(..) | Unreadable(..) | Items(_) | Pages(_))) => {
                    offer.notes.push(error.to_string())
                }
                listed => *items = listed?,
            }
        }
    }
    Ok(())
}

/// The code of our own error in the place of an answer that cannot be read.
const UNREADABLE: i32 = crate::wire::reply::ErrorCode::UpstreamUnreadable.number();

/// From this revision on, an empty cursor is one like any other. Before it, servers end lists with one
/// (modelcontextprotocol/java-sdk#575, modelcontextprotocol/csharp-sdk#1072).
const EMPTY_CURSORS_SINCE: &str = "2026-07-28";

/// Returns the items of all pages of a list; empty if the server does not know the method. A list that goes in a circle,
/// or ends with an empty cursor, ends there with a note.
async fn list_pages(
    peer: &Peer<RoleClient>,
    transcript: &SharedTranscript,
    method: &'static str,
    key: &'static str,
    protocol: &str,
    notes: &mut Vec<String>,
) -> Result<Vec<Value>, ExchangeError> {
    let (mut items, mut cursors) = (Vec::new(), HashSet::new());
    let mut cursor: Option<String> = None;
    for _ in 0..MAX_OFFER_PAGES {
        let params = cursor.map(|cursor| json!({ "cursor": cursor }));
        // Sent as a custom request, since rmcp accepts an answer of any shape to it.
        let request = ClientRequest::CustomRequest(CustomRequest::new(method, params));
        match peer.send_request(request).await {
            Ok(_) => {}
            Err(ServiceError::McpError(error)) if error.code == ErrorCode::METHOD_NOT_FOUND => return Ok(items),
            Err(ServiceError::McpError(error)) if error.code.0 == UNREADABLE => {
                return Err(ExchangeError::Unreadable(method, error.message.into_owned()));
            }
            Err(ServiceError::McpError(error)) => {
                return Err(ExchangeError::refused(method, error.code.0, error.message.into_owned()));
            }
            Err(_) => return Err(ExchangeError::Lost(method)),
        }
        let page = last_result(transcript).unwrap_or_default();
        let Some(found) = page.get(key).and_then(Value::as_array) else {
            return Err(ExchangeError::NoList(method, key));
        };
        let Some(next) = page.get("nextCursor").and_then(Value::as_str) else {
            items.extend_from_slice(found);
            return check_length(items, method);
        };
        let ends_empty = next.is_empty() && protocol < EMPTY_CURSORS_SINCE;
        let is_repeated = !cursors.insert(next.to_owned());
        // A server that ignores the cursor sends the same page again.
        if !is_repeated || !items.ends_with(found) {
            items.extend_from_slice(found);
        }
        items = check_length(items, method)?;
        if ends_empty {
            notes.push(format!("its {method} ends with an empty `nextCursor`; MCP ends a list without one"));
            return Ok(items);
        }
        if is_repeated {
            notes.push(format!(
                "its {method} repeats a cursor, so the list was ended there; some clients would never end it"
            ));
            return Ok(items);
        }
        cursor = Some(next.to_owned());
    }
    Err(ExchangeError::Pages(method))
}

fn check_length(items: Vec<Value>, method: &'static str) -> Result<Vec<Value>, ExchangeError> {
    if items.len() > MAX_OFFER_ITEMS { Err(ExchangeError::Items(method)) } else { Ok(items) }
}

fn last_result(transcript: &SharedTranscript) -> Option<Value> {
    let mut reader = Reader::default();
    let transcript = lock_transcript(transcript);
    let (at, id) = transcript.lines.iter().enumerate().rev().find_map(|(at, line)| match line {
        ProbeLine::Client(line) => Some((at, serde_json::from_slice::<Value>(line).ok()?.get("id")?.clone())),
        ProbeLine::Server(_) => None,
    })?;
    transcript.lines.iter().skip(at).find_map(|line| match line {
        ProbeLine::Server(line) => {
            let mut answer = lenient::read_value(&mut reader, line).ok()?;
            (answer.get("id") == Some(&id)).then(|| answer.get_mut("result").map(Value::take))?
        }
        ProbeLine::Client(_) => None,
    })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::io::{self, PipeReader, PipeWriter, Write as _};
    use std::os::fd::OwnedFd;
    use std::process;

    use tokio::process::{ChildStdin, ChildStdout};

    use super::*;

    fn pipes() -> (ProbeTransport, SharedTranscript, PipeReader, PipeWriter) {
        let ((server_reads, stdin), (stdout, server_writes)) = (io::pipe().unwrap(), io::pipe().unwrap());
        let stdin = ChildStdin::from_std(process::ChildStdin::from(OwnedFd::from(stdin))).unwrap();
        let stdout = ChildStdout::from_std(process::ChildStdout::from(OwnedFd::from(stdout))).unwrap();
        let transcript = SharedTranscript::default();
        (ProbeTransport::new(stdin, stdout, Arc::clone(&transcript)), transcript, server_reads, server_writes)
    }

    fn patient_target(command: &[OsString], patience: Duration) -> ProbeTarget<'_> {
        ProbeTarget { command, shown: display_command(command), spawn_env: None, patience, apps: AppPages::Skip }
    }

    fn message_of(error: ExchangeError, transcript: &SharedTranscript) -> String {
        let (transcript, command) = (&*lock_transcript(transcript), [OsString::from("shop")]);
        let patience = Duration::from_secs(60);
        let target = &patient_target(&command, patience);
        let failed =
            FailedProbe { error: Some(error), gone: ProbeExit::Stopped, transcript, stderr: "Ready.\n", target };
        failed.into_error().to_string()
    }

    #[tokio::test]
    async fn one_that_never_answers_is_waited_for_so_long_and_no_longer() {
        let opened = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}"#;
        for (words, parts) in [
            (
                "",
                &[
                    "the server `shop` did not answer within 60 seconds\n",
                    "\n  Ready.\nwhat to do: run it once by itself in a terminal",
                ][..],
            ),
            // A server that only prints.
            ("Welcome to the shop\n> ", &["\n  Welcome to the shop\nwhat to do: check that the command starts an MCP"]),
            // A server that opens a session, and then does nothing.
            (&format!("{opened}\n"), &["did not list what it offers within 60 seconds"]),
        ] {
            let mut patience = Duration::from_millis(50);
            loop {
                let (transport, transcript, _reads, mut writes) = pipes();
                writes.write_all(words.as_bytes()).unwrap();
                let failed = exchange_lists(transport, &transcript, &patient_target(&[], patience)).await.unwrap_err();
                let message = message_of(failed, &transcript);
                if parts.iter().all(|part| message.contains(part)) {
                    break;
                }
                // On a busy machine, what is there may be read later than that.
                patience *= 2;
                assert!(patience < Duration::from_secs(60), "{words}: {message}");
            }
        }
    }

    #[tokio::test]
    async fn an_answer_in_another_code_page_says_so() {
        let (transport, transcript, _reads, mut writes) = pipes();
        writes.write_all(b"\xe9t\xe9\n{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"x\":\"\xe9\"}}\n").unwrap();
        let target = &patient_target(&[], Duration::from_secs(60));
        let failed = exchange_lists(transport, &transcript, target).await.unwrap_err();
        let message = message_of(failed, &transcript);
        assert!(message.contains("one of its answers is not UTF-8") && message.contains("`PYTHONUTF8=1`"), "{message}");
    }
}
