//! The configuration files of MCP clients: where they are, what servers they have, and putting the wrapper before one.

pub mod document;
pub mod edit;
pub mod entry;
pub mod file;
pub mod place;
pub mod program;
pub mod secret;
pub mod servers;
pub mod table;
