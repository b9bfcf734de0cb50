//! `policylayer schema`: the JSON Schema of policy files.

use std::io::Write as _;

use crate::exit::Exit;
use crate::policy::schema;

/// Prints the schema.
///
/// # Errors
/// Where stdout cannot be written to.
pub fn run() -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &schema::policy())?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(Exit::Ok)
}
