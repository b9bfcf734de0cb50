//! `policylayer schema`: the JSON Schema of policy files.

use std::io::Write as _;

use crate::exit::Exit;

/// As [`crate::policy::schema`] makes it. What makes it is a tenth of a megabyte that the program need not have; a test
/// holds the file to it.
const SCHEMA: &str = include_str!("../../config/policy.schema.json");

/// Prints the schema.
///
/// # Errors
/// Where stdout cannot be written to.
pub(crate) fn run() -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    out.write_all(SCHEMA.as_bytes())?;
    out.flush()?;
    Ok(Exit::Ok)
}
