//! A policy for a server, written from the tools that it lists.
//!
//! ```text
//! tools, answers ─ plan ─▶ planned tools ─ document ─▶ text ─ verify ─▶ target
//! ```

mod document;
mod plan;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use self::document::{Origin, verify_policy, write_policy};
pub(crate) use self::plan::{Answer, Answers, PlannedTool, plan_tools, profile_tools};
pub(crate) use self::target::{InitTarget, TargetError, TargetOptions};
