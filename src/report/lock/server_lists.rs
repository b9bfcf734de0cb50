//! The lock of what a server lists now, from its answers as it wrote them.

use std::borrow::Cow;
use std::sync::Arc;

use crate::engine::limits::Memory;
use crate::engine::{Action, Engine, Now, Payload};
use crate::lock::{ItemKind, Lock, LockError};
use crate::policy::Policy;
use crate::probe::{ProbeLine, ServerOffer};
use crate::visible::escape_invisible;
use crate::wire::id::IdKey;
use crate::wire::view::{decode_lossy, elements, find_member};

/// Why a server cannot be locked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotLock {
    #[error(transparent)]
    Definition(#[from] LockError),
    #[error("a session would withhold its answer to {0}: {why}", why = escape_invisible(.1))]
    Withheld(String, String),
    #[error("it lists the {0} \"{name}\" twice, and differently", name = escape_invisible(.1))]
    Twice(ItemKind, String),
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
                let line = str::from_utf8(line).unwrap_or_default();
                let method = find_member(line, "method").and_then(decode_lossy);
                asked.extend(id_of(line).zip(method.map(Cow::into_owned)));
            }
            ProbeLine::Server(line) => {
                engine.handle_server_line(line, Now::default(), &mut actions);
                let method_of =
                    |id: Option<IdKey>| asked.iter().find(|(of, _)| Some(of) == id.as_ref()).map(|(_, of)| of);
                if let Some((id, why)) = actions.iter().find_map(find_error) {
                    let method = method_of(id).map_or("a request", String::as_str);
                    return Err(CannotLock::Withheld(method.to_owned(), why));
                }
                let line = str::from_utf8(line).unwrap_or_default();
                if let (Some(method), Some(result)) = (method_of(id_of(line)), find_member(line, "result")) {
                    add_result(&mut lock, &engine, policy, method, result)?;
                }
            }
        }
        actions.clear();
    }
    Ok(lock)
}

fn id_of(line: &str) -> Option<IdKey> {
    IdKey::parse(find_member(line, "id")?.as_bytes()).ok()
}

/// What a session would tell its client instead of an answer.
fn find_error(action: &Action) -> Option<(Option<IdKey>, String)> {
    let Action::ToClient(Payload::Written(line)) = action else { return None };
    let line = str::from_utf8(line).ok()?.trim_ascii();
    let message = find_member(find_member(line, "error")?, "message").and_then(decode_lossy)?;
    Some((id_of(line), message.into_owned()))
}

fn add_result(lock: &mut Lock, engine: &Engine, policy: &Policy, method: &str, result: &str) -> Result<(), CannotLock> {
    let (kind, items) = match method {
        "initialize" | "server/discover" => {
            lock.set_instructions(find_member(result, "instructions"))?;
            return Ok(());
        }
        "tools/list" => (ItemKind::Tool, "tools"),
        "prompts/list" => (ItemKind::Prompt, "prompts"),
        "resources/templates/list" => (ItemKind::Template, "resourceTemplates"),
        "resources/list" => (ItemKind::App, "resources"),
        "resources/read" => (ItemKind::AppPage, "contents"),
        _ => return Ok(()),
    };
    let items = find_member(result, items).unwrap_or("[]");
    for definition in elements(items).filter_map(|range| items.get(range)) {
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
