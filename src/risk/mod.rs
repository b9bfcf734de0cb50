//! Facts about tools, and no decisions: risk classes, the built-in catalogues, and the classifier for what they lack.

mod attacks;
pub mod catalogue;
mod class;
mod classify;
mod listed;
mod profile;
mod recommend;

pub use attacks::{Attack, Reference};
pub use catalogue::{Catalogue, Severity, Tool};
pub use class::{Class, Risk};
pub use classify::{Confidence, Verdict, classify};
pub use listed::{Annotations, Argument, Listed};
pub use profile::{Knowledge, Profile, profile};
pub use recommend::{Action, Counted, Rate, Recommended, recommend};
