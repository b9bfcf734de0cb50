//! Stand-ins for personal values: what the client gets instead of them, and what becomes of them in its requests.

mod kinds;

pub use kinds::{FieldPattern, FieldPatternError, StandInKind, StandInRules};
