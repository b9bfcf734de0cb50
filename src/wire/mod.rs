//! Bytes ⇄ lines ⇄ a strict, borrowed view of a JSON-RPC message, and the replies that the wrapper makes itself.

pub mod arguments;
pub mod canonical;
pub mod fault;
pub mod fold;
pub mod frame;
pub(crate) mod host_address;
pub mod http;
pub mod id;
pub(crate) mod kept_text;
pub mod lookalike;
pub mod message;
pub mod method;
pub mod params;
pub mod reply;
pub mod skim;
pub mod strict;
pub(crate) mod text;
pub mod text_around;
pub mod uri;
pub mod uri_places;
pub mod view;
