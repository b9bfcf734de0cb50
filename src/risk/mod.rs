//! Facts about tools, without decisions: risk classes, the built-in catalogues, and the classifier for other tools.

mod attacks;
pub mod catalogue;
mod class;
mod classify;
mod profile;
mod recommend;
mod tool_claims;

pub use attacks::{Attack, Reference};
pub use catalogue::{Catalogue, CatalogueTool, Registry, Returns, Severity};
pub use class::{Class, Risk};
pub use classify::{
    Addressed, Classification, Classifier, Confidence, Fact, ObjectFinder, Objects, SharedObjects, ToolFact, ToolFacts,
    classify_tool, classify_tool_by_hint, find_facts, is_text_argument,
};
pub use profile::{Knowledge, Profile, profile_tool};
pub use recommend::{Action, RateScope, Recommended, RecommendedRate, recommend_rule};
pub use tool_claims::{Annotations, Argument, Listed};
