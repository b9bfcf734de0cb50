//! The lock of what a server lists now, from its answers as it wrote them.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::engine::limits::Memory;
use crate::engine::{Engine, Now};
use crate::lock::{ItemKind, Lock, LockError};
use crate::policy::Policy;
use crate::probe::{ProbeLine, ServerOffer};
use crate::visible::escape_invisible;
use crate::wire::view::{decode_lossy, find_member};

/// Why a server cannot be locked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotLock {
    #[error(transparent)]
    Definition(#[from] LockError),
    #[error("its answer to {0} can be read in more than one way: {1}")]
    Answer(String, serde_json::Error),
    #[error("it lists the {0} \"{name}\" twice, and differently", name = escape_invisible(.1))]
    Twice(ItemKind, String),
}

#[derive(Deserialize)]
struct ProbeRequest<'l> {
    id: Option<Value>,
    #[serde(borrow)]
    method: Option<Cow<'l, str>>,
}

#[derive(Deserialize)]
struct AnswerId {
    id: Option<Value>,
}

#[derive(Deserialize)]
struct ProbeAnswer<'l> {
    #[serde(borrow)]
    result: Option<ProbeResult<'l>>,
}

/// A member that is there twice is an error.
#[derive(Deserialize)]
struct ProbeResult<'l> {
    #[serde(borrow)]
    instructions: Option<&'l RawValue>,
    #[serde(borrow, default)]
    tools: Option<Vec<&'l RawValue>>,
    #[serde(borrow, default)]
    prompts: Option<Vec<&'l RawValue>>,
    #[serde(borrow, default, rename = "resourceTemplates")]
    templates: Option<Vec<&'l RawValue>>,
    #[serde(borrow, default)]
    resources: Option<Vec<&'l RawValue>>,
    #[serde(borrow, default)]
    contents: Option<Vec<&'l RawValue>>,
}

/// Locks what a server offers. The classes are those by which the policy counts the tools.
///
/// # Errors
/// Returns an error if it is not clear what an agent would read.
pub(crate) fn lock_offer(offer: &ServerOffer, policy: &Arc<Policy>) -> Result<Lock, CannotLock> {
    let mut engine = Engine::new(Arc::clone(policy), Box::new(Memory::default()));
    let mut lock = Lock::new(policy.identity().name().as_str());
    let (mut actions, mut asked) = (Vec::new(), Vec::new());
    for line in &offer.lines {
        match line {
            ProbeLine::Client(line) => {
                engine.handle_client_line(line, Now::default(), &mut actions);
                if let Ok(ProbeRequest { id: Some(id), method: Some(method) }) = serde_json::from_slice(line) {
                    asked.push((id, method.into_owned()));
                }
            }
            ProbeLine::Server(line) => {
                engine.handle_server_line(line, Now::default(), &mut actions);
                let id = serde_json::from_slice::<AnswerId>(line).ok().and_then(|answer| answer.id);
                let Some((_, method)) = asked.iter().find(|(other, _)| Some(other) == id.as_ref()) else { continue };
                let answer: ProbeAnswer<'_> =
                    serde_json::from_slice(line).map_err(|error| CannotLock::Answer(method.clone(), error))?;
                if let Some(result) = answer.result {
                    add_result(&mut lock, &engine, policy, method, &result)?;
                }
            }
        }
        actions.clear();
    }
    Ok(lock)
}

fn add_result(
    lock: &mut Lock,
    engine: &Engine,
    policy: &Policy,
    method: &str,
    result: &ProbeResult<'_>,
) -> Result<(), CannotLock> {
    let (kind, items) = match method {
        "initialize" | "server/discover" => {
            lock.set_instructions(result.instructions.map(RawValue::get))?;
            return Ok(());
        }
        "tools/list" => (ItemKind::Tool, &result.tools),
        "prompts/list" => (ItemKind::Prompt, &result.prompts),
        "resources/templates/list" => (ItemKind::Template, &result.templates),
        "resources/list" => (ItemKind::App, &result.resources),
        "resources/read" => (ItemKind::AppPage, &result.contents),
        _ => return Ok(()),
    };
    for item in items.iter().flatten() {
        let definition = item.get();
        let key = match kind {
            ItemKind::Tool | ItemKind::Prompt => "name",
            ItemKind::Template => "uriTemplate",
            ItemKind::App | ItemKind::AppPage => "uri",
        };
        let name = find_member(definition, key).and_then(decode_lossy).unwrap_or_default();
        if matches!(kind, ItemKind::App | ItemKind::AppPage) && !is_app(&name) {
            continue;
        }
        let class = (kind == ItemKind::Tool).then(|| policy.class_of(engine.find_tool(&name)));
        let before = lock.find(kind, &name).cloned();
        lock.insert(kind, definition, class)?;
        if before.is_some() && before.as_ref() != lock.find(kind, &name) {
            return Err(CannotLock::Twice(kind, name.into_owned()));
        }
    }
    Ok(())
}

/// Whether a resource is the page of an MCP App.
pub(crate) fn is_app(uri: &str) -> bool {
    uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("ui://"))
}
