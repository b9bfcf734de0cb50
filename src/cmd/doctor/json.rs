//! What `policylayer doctor` prints for a program. Fields are added to it and never taken away.

use serde_json::{Value, json};

use super::{Check, Status, Step};

pub(super) fn document(checks: &[Check]) -> Value {
    let is_well = checks.iter().all(|check| check.count(Status::Failed) == 0);
    json!({ "checks": checks.iter().map(check).collect::<Vec<_>>(), "ok": is_well })
}

fn check(check: &Check) -> Value {
    let client = check.client.as_ref();
    json!({
        "client": client.map(|(id, ..)| id),
        "file": client.map(|(.., file)| file),
        "server": check.server,
        "steps": check.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn step(step: &Step) -> Value {
    let status = match step.status {
        Status::Ok => "ok",
        Status::Warning => "warning",
        Status::Failed => "failed",
        Status::NotTried => "not_tried",
    };
    json!({ "id": step.id.as_str(), "status": status, "detail": step.detail, "remedy": step.remedy })
}
