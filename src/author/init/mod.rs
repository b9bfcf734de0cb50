//! A policy for a server, written from what it lists.
//!
//! ```text
//! tools, answers ─ plan ──▶ planned tools ─┐
//!         others ─ items ─▶ planned items ─┴ document ─▶ text ─ verify ─▶ target
//! ```

mod document;
mod items;
mod plan;
mod strength;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use self::document::{Origin, ServerPlan, Verified, verify_policy, write_policy};
pub(crate) use self::items::ItemPlan;
pub(crate) use self::plan::{Answer, Answers, PlannedTool, plan_tools, profile_tools};
pub(crate) use self::strength::{describe_strength, list_figures};
pub(crate) use self::target::{InitTarget, TargetError, TargetOptions};
