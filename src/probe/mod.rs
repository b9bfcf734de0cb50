//! What a server offers: it is started by itself, without a policy in front, asked for its lists, and stopped.

mod failure;
mod lines;

use std::collections::HashSet;
use std::ffi::OsString;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use failure::{Failed, Told};
pub(crate) use failure::{NoOffer, Stage, shown};
use indicatif::{ProgressBar, ProgressStyle};
use lines::lock;
pub(crate) use lines::{Line, Lines, Shared};
use rmcp::model::{
    ClientConfig, ClientRequest, CustomRequest, ElicitationCapability, ErrorCode, RootsCapabilities, SamplingCapability,
};
use rmcp::service::{DynService, Peer, ServiceError};
use rmcp::{ClientHandler, RoleClient, ServiceExt as _};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStderr;
use tokio::time::timeout;

use crate::limits::{
    GRACE, MAX_OFFER_ITEMS, MAX_OFFER_PAGES, MAX_OFFER_STDERR, MAX_VERSION_TEXT, OFFER_PATIENCE, STDERR_DRAIN,
};
use crate::proxy::SpawnEnv;
use crate::proxy::probe_server::{Pipes, ProbeExit, ProbeServer};

/// What a server offers, as it says so itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offer {
    /// What it calls itself: `serverInfo`, where it gives any.
    pub(crate) info: Value,
    /// The protocol revision that it speaks.
    pub(crate) protocol: String,
    /// The items of tools/list, of all pages.
    pub(crate) tools: Vec<Value>,
    /// The items of prompts/list.
    pub(crate) prompts: Vec<Value>,
    /// The items of resources/list.
    pub(crate) resources: Vec<Value>,
    /// The items of resources/templates/list.
    pub(crate) templates: Vec<Value>,
    /// What could not be listed, and why, in a sentence each.
    pub(crate) notes: Vec<String>,
    /// Our requests and the server's answers as they were written, in order: the handshake and the lists.
    pub(crate) lines: Vec<Line>,
}

/// What is started to be looked at, and how.
pub(crate) struct Chain<'c> {
    pub(crate) command: &'c [OsString],
    /// The command as it may be shown.
    pub(crate) shown: String,
    /// Where and with which environment it is started, if not with ours.
    pub(crate) surroundings: Option<&'c SpawnEnv>,
    /// How long it may take to start, and then to tell what it offers.
    pub(crate) patience: Duration,
}

/// Starts the server as the wrapper would, asks it what it offers, and stops it with all that it started. A spinner shows
/// on a terminal meanwhile. To be called on the main thread.
///
/// # Errors
/// When it cannot be started, does not answer as an MCP server does, or floods; the message says what to do.
pub(crate) fn offer(command: &[OsString]) -> anyhow::Result<Offer> {
    offer_of(&Chain { command, shown: shown(command), surroundings: None, patience: OFFER_PATIENCE })
}

/// The same of a chain. Where the server itself is at fault, the error is a [`NoOffer`].
///
/// # Errors
/// As [`offer`].
pub(crate) fn offer_of(chain: &Chain<'_>) -> anyhow::Result<Offer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the system has no room for what a server is watched with")?;
    runtime.block_on(look(chain))
}

async fn look(chain: &Chain<'_>) -> anyhow::Result<Offer> {
    let (mut server, Pipes { stdin, stdout, stderr }) = ProbeServer::start(chain.command, chain.surroundings)?;
    let spinner = spinner(&chain.shown);
    let said = Arc::new(Mutex::new(Vec::new()));
    let mut listening = tokio::spawn(listen(stderr, Arc::clone(&said)));
    let kept = Shared::default();
    let talked = server.run_until(talk(Lines::new(stdin, stdout, Arc::clone(&kept)), &kept, chain.patience)).await;
    let gone = server.stop(GRACE).await;
    // A process that left the group may hold it open.
    if timeout(STDERR_DRAIN, &mut listening).await.is_err() {
        listening.abort();
    }
    spinner.finish_and_clear();
    let mut kept = std::mem::take(&mut *lock(&kept));
    let failed = match talked {
        Some(Ok(mut offer)) => {
            offer.lines = std::mem::take(&mut kept.lines);
            return Ok(offer);
        }
        Some(Err(failed)) => Some(failed),
        None => None,
    };
    let said = said.lock().unwrap_or_else(PoisonError::into_inner);
    Err(Told { failed, gone, kept: &kept, stderr: &said, chain }.error().into())
}

/// The beginning of what a program prints that is not a server, and ends by itself; nothing where it cannot be started or
/// takes too long. It is stopped with all that it started.
///
/// # Errors
/// When a person interrupts it, or the system has no room for it.
pub(crate) fn printed(chain: &Chain<'_>) -> anyhow::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the system has no room for what a program is watched with")?;
    runtime.block_on(async {
        // Its stderr stays open for as long as it runs, and is not read: more than fits is no version.
        let Ok((mut program, Pipes { stdin, stdout, stderr: _stderr })) =
            ProbeServer::start(chain.command, chain.surroundings)
        else {
            return Ok(String::new());
        };
        drop(stdin);
        let mut said = Vec::new();
        let mut stdout = stdout.take(MAX_VERSION_TEXT);
        let _ = program.run_until(timeout(chain.patience, stdout.read_to_end(&mut said))).await;
        if program.stop(Duration::ZERO).await == ProbeExit::Interrupted {
            anyhow::bail!("this was interrupted\nwhat to do: run it again");
        }
        Ok(String::from_utf8(said).unwrap_or_default())
    })
}

fn spinner(command: &str) -> ProgressBar {
    // Shown on stderr, and nowhere where that is no terminal.
    let spinner = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        spinner.set_style(style);
    }
    spinner.set_message(format!("starting {command}"));
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Keeps the end of what the server says on stderr.
async fn listen(mut stderr: ChildStderr, said: Arc<Mutex<Vec<u8>>>) {
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend_from_slice(chunk.get(..count).unwrap_or_default());
        let over = said.len().saturating_sub(MAX_OFFER_STDERR);
        said.drain(..over);
    }
}

/// A client that only looks.
struct Looker;

impl ClientHandler for Looker {
    fn get_info(&self) -> ClientConfig {
        let mut config = ClientConfig::default();
        config.client_info.name = "policylayer".to_owned();
        config.client_info.version = env!("CARGO_PKG_VERSION").to_owned();
        // Some servers have tools for clients that can do this; the agent's client may be one. Nothing that the server asks
        // for is done.
        config.capabilities.elicitation = Some(ElicitationCapability::default());
        config.capabilities.roots = Some(RootsCapabilities::default());
        config.capabilities.sampling = Some(SamplingCapability::default());
        config
    }
}

/// Opens a session, asks for every list, and leaves.
async fn talk(lines: Lines, kept: &Shared, patience: Duration) -> Result<Offer, Failed> {
    let looker: Box<dyn DynService<RoleClient>> = Looker.into_dyn();
    let service = timeout(patience, looker.serve(lines)).await.map_err(|_| Failed::Silent)?;
    let service = service.map_err(Failed::from)?;
    let listed = timeout(patience, lists(service.peer(), kept)).await.map_err(|_| Failed::Slow);
    // Closes its stdin.
    let _ = service.cancel().await;
    listed?
}

async fn lists(peer: &Peer<RoleClient>, kept: &Shared) -> Result<Offer, Failed> {
    let opened = answer(kept).unwrap_or_default();
    let field = |name: &str| opened.get(name).cloned().unwrap_or_default();
    let capabilities = field("capabilities");
    let mut offer = Offer {
        info: field("serverInfo"),
        protocol: field("protocolVersion").as_str().unwrap_or_default().to_owned(),
        ..Offer::default()
    };
    // Every server is asked for tools, also one that does not say that it has any.
    offer.tools = list(peer, kept, "tools/list", "tools").await?;
    for (method, key, capability) in [
        ("prompts/list", "prompts", "prompts"),
        ("resources/list", "resources", "resources"),
        ("resources/templates/list", "resourceTemplates", "resources"),
    ] {
        if capabilities.get(capability).is_none() {
            continue;
        }
        let items = match list(peer, kept, method, key).await {
            Err(refused @ Failed::Refused { .. }) => {
                offer.notes.push(refused.to_string());
                continue;
            }
            items => items?,
        };
        match key {
            "prompts" => offer.prompts = items,
            "resources" => offer.resources = items,
            _ => offer.templates = items,
        }
    }
    Ok(offer)
}

/// The items of all pages of a list; none where the server does not know the method.
async fn list(
    peer: &Peer<RoleClient>,
    kept: &Shared,
    method: &'static str,
    key: &'static str,
) -> Result<Vec<Value>, Failed> {
    let (mut items, mut cursors) = (Vec::new(), HashSet::new());
    let mut cursor: Option<String> = None;
    for _ in 0..MAX_OFFER_PAGES {
        let params = cursor.map(|cursor| json!({ "cursor": cursor }));
        // Asked for as any text would be, so that nothing is lost of what the server's answer has beyond the protocol.
        let request = ClientRequest::CustomRequest(CustomRequest::new(method, params));
        match peer.send_request(request).await {
            Ok(_) => {}
            Err(ServiceError::McpError(error)) if error.code == ErrorCode::METHOD_NOT_FOUND => return Ok(items),
            Err(ServiceError::McpError(error)) => {
                return Err(Failed::Refused { method, code: error.code.0, message: error.message.into_owned() });
            }
            Err(_) => return Err(Failed::Lost { method }),
        }
        let page = answer(kept).unwrap_or_default();
        let Some(found) = page.get(key).and_then(Value::as_array) else { return Err(Failed::NoList { method, key }) };
        items.extend_from_slice(found);
        if items.len() > MAX_OFFER_ITEMS {
            return Err(Failed::Items { method });
        }
        cursor = page.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
        match &cursor {
            None => return Ok(items),
            Some(cursor) if !cursors.insert(cursor.clone()) => return Err(Failed::Circle { method }),
            Some(_) => {}
        }
    }
    Err(Failed::Pages { method })
}

/// The result of our last request, as the server wrote it.
fn answer(kept: &Shared) -> Option<Value> {
    let kept = lock(kept);
    let (at, id) = kept.lines.iter().enumerate().rev().find_map(|(at, line)| match line {
        Line::Client(line) => Some((at, serde_json::from_slice::<Value>(line).ok()?.get("id")?.clone())),
        Line::Server(_) => None,
    })?;
    kept.lines.iter().skip(at).find_map(|line| match line {
        Line::Server(line) => {
            let mut answer: Value = serde_json::from_slice(line).ok()?;
            (answer.get("id") == Some(&id)).then(|| answer.get_mut("result").map(Value::take))?
        }
        Line::Client(_) => None,
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

    /// Our ends of a server's pipes, and the server's.
    fn pipes() -> (Lines, Shared, PipeReader, PipeWriter) {
        let ((server_reads, stdin), (stdout, server_writes)) = (io::pipe().unwrap(), io::pipe().unwrap());
        let stdin = ChildStdin::from_std(process::ChildStdin::from(OwnedFd::from(stdin))).unwrap();
        let stdout = ChildStdout::from_std(process::ChildStdout::from(OwnedFd::from(stdout))).unwrap();
        let kept = Shared::default();
        (Lines::new(stdin, stdout, Arc::clone(&kept)), kept, server_reads, server_writes)
    }

    fn told(failed: Failed, kept: &Shared) -> String {
        let (kept, command) = (lock(kept), [OsString::from("shop")]);
        let patience = Duration::from_secs(60);
        let chain = Chain { command: &command, shown: shown(&command), surroundings: None, patience };
        let told =
            Told { failed: Some(failed), gone: ProbeExit::Stopped, kept: &kept, stderr: b"Ready.\n", chain: &chain };
        told.error().to_string()
    }

    #[tokio::test]
    async fn one_that_never_answers_is_waited_for_so_long_and_no_longer() {
        let patience = Duration::from_millis(50);
        let (lines, kept, _reads, mut writes) = pipes();
        let failed = talk(lines, &kept, patience).await.unwrap_err();
        assert_eq!(failed, Failed::Silent);
        let message = told(failed, &kept);
        assert!(message.starts_with("the server `shop` did not answer within 60 seconds\n"), "{message}");
        assert!(message.contains("\n  Ready.\nwhat to do: run it once by itself in a terminal"), "{message}");

        // One that only prints.
        let (lines, kept, _reads_too, mut prints) = pipes();
        prints.write_all(b"Welcome to the shop\n> ").unwrap();
        let failed = talk(lines, &kept, patience).await.unwrap_err();
        let message = told(failed, &kept);
        assert!(
            message.contains("\n  Welcome to the shop\nwhat to do: see that the command starts an MCP"),
            "{message}"
        );

        // One that opens a session, and then nothing.
        let (lines, kept, _reads_again, mut opens) = pipes();
        let opened = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}"#;
        opens.write_all(format!("{opened}\n").as_bytes()).unwrap();
        let failed = talk(lines, &kept, patience).await.unwrap_err();
        assert_eq!(failed, Failed::Slow);
        assert!(told(failed, &kept).contains("did not list what it offers within 60 seconds"));
        writes.write_all(b"").unwrap();
    }
}
