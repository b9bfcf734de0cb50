//! Facts about tools, and no decisions: risk classes and the built-in catalogues.

pub mod catalogue;

pub use catalogue::{Catalogue, Class, Risk, Severity, Tool};
