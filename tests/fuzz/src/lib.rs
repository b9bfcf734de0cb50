//! The laws that `cargo test` holds for seconds, for the fuzz targets to hold for as long as one likes.

#[path = "../../laws/mod.rs"]
pub mod laws;
