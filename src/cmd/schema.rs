//! `policylayer schema`: the JSON Schemas of policies and of their tests.

use std::io::Write as _;

use crate::cli::{SchemaArgs, SchemaOf};
use crate::exit::Exit;

/// The output of [`crate::policy::schema`]. The generator takes a tenth of a megabyte that the program does not need; a
/// test keeps the files up to date.
const POLICY: &str = include_str!("../../config/policy.schema.json");
const TEST: &str = include_str!("../../config/test.schema.json");

/// Prints the schema.
pub(crate) fn run(args: &SchemaArgs) -> anyhow::Result<Exit> {
    let schema = match args.of {
        SchemaOf::Policy => POLICY,
        SchemaOf::Test => TEST,
    };
    let mut out = std::io::stdout().lock();
    out.write_all(schema.as_bytes())?;
    out.flush()?;
    Ok(Exit::Ok)
}
