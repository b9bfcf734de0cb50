//! What the HTTP transport adds to lines: addresses, headers, and streams of events. No socket is opened here.

pub mod challenge;
pub mod endpoint;
pub mod event_stream;
pub mod header_rule;
pub mod oauth;
pub mod one_line;
pub mod target_words;
