//! The configuration files of MCP clients: where they are, which servers they have, and how a server is registered.
//!
//! ```text
//! select ─▶ candidates ─ register ─▶ entry changes ─ apply ─▶ files, each verified and backed up
//! ```

pub(crate) mod apply;
pub mod backup;
mod bridge;
pub mod bundle;
pub mod document;
pub mod edit;
pub mod entry;
pub mod file;
pub(crate) mod key;
pub mod place;
pub(crate) mod plan;
pub mod program;
pub(crate) mod register;
pub mod remote;
pub mod secret;
pub(crate) mod select;
pub(crate) mod server_name;
pub mod servers;
pub mod table;
