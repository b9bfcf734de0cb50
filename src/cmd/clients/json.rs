//! What `policylayer clients` prints for a program.

use serde_json::{Value, json};

use super::{Listed, Server, State};
use crate::clients::place::Presence;
use crate::visible::visible_json;

pub(super) fn document(listed: &[Listed], looked_in: &[String]) -> serde_json::Result<String> {
    let clients: Vec<_> = listed.iter().map(client).collect();
    let document = json!({ "clients": clients, "looked_in": looked_in });
    Ok(visible_json(&serde_json::to_string_pretty(&document)?) + "\n")
}

fn client(one: &Listed) -> Value {
    let error = one.error.as_ref().map(|trouble| {
        let (line, column) = trouble.place.unzip();
        json!({ "message": trouble.message, "line": line, "column": column })
    });
    json!({
        "id": one.id,
        "name": one.name,
        "scope": one.scope.as_str(),
        "folder": one.folder,
        "file": one.file,
        "exists": one.presence == Presence::File,
        "package": one.package,
        "error": error,
        "note": one.note,
        "servers": one.servers.iter().map(server).collect::<Vec<_>>(),
    })
}

fn server(server: &Server) -> Value {
    let (state, transport, reason) = match &server.state {
        State::Wrapped => ("wrapped", Some("stdio"), None),
        State::NotWrapped => ("not_wrapped", Some("stdio"), None),
        State::Remote => ("out_of_reach", Some("http"), Some("HTTP is out of a stdio wrapper's reach")),
        State::Unclear(why) => ("unclear", None, Some(why.as_str())),
    };
    let (name, policy, policy_error) = match &server.policy {
        None => (None, None, None),
        Some((name, Ok(policy))) => (Some(name.as_str()), Some(policy), None),
        Some((name, Err(why))) => (Some(name.as_str()), None, Some(why)),
    };
    json!({
        "key": server.key,
        "state": state,
        "transport": transport,
        "disabled": server.is_disabled,
        "command": server.command,
        "url": server.url,
        "server": name,
        "policy": policy,
        "policy_error": policy_error,
        "missing_program": server.lost,
        "reason": reason,
    })
}
