//! `policylayer schema`: the JSON Schema of policy files.

use std::io::Write as _;

use crate::exit::Exit;

/// The output of [`crate::policy::schema`]. The generator takes a tenth of a megabyte that the program does not need; a
/// test keeps the file up to date.
const SCHEMA: &str = include_str!("../../config/policy.schema.json");

/// Prints the schema.
pub(crate) fn run() -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    out.write_all(SCHEMA.as_bytes())?;
    out.flush()?;
    Ok(Exit::Ok)
}
