//! What a person is asked about, and whether it is still that when the answer comes.

use std::borrow::Cow;

use super::approvals::OpenQuestion;
use super::list_filter::ListKind;
use super::preparations::Approved;
use super::refusal::SubjectKind;
use super::resource_index::is_app;
use super::{Engine, Now};
use crate::lock::ItemKind;
use crate::policy::{Effect, Item, LOCK_RULE, Section};
use crate::record::Digest;

/// What a request that waits for a person is about.
#[derive(Clone, Debug)]
pub(super) enum RequestSubject {
    Tool(Box<str>),
    Item(Section, Box<str>),
}

impl RequestSubject {
    pub(super) fn new(tool: &str, item: Option<Item<'_>>) -> Self {
        match item {
            None => Self::Tool(tool.into()),
            Some(Item { section, name, .. }) => Self::Item(section, name.into()),
        }
    }

    pub(super) fn name(&self) -> (SubjectKind, &str) {
        match self {
            Self::Tool(name) => (SubjectKind::Tool, name),
            Self::Item(section, name) => (SubjectKind::of_section(*section), name),
        }
    }

    /// Returns what a lock may hold the definition of.
    pub(super) fn defined(&self) -> Option<(ItemKind, &str)> {
        match self {
            Self::Tool(name) => Some((ItemKind::Tool, name)),
            Self::Item(Section::Prompts, name) => Some((ItemKind::Prompt, name)),
            Self::Item(Section::Resources, name) if is_app(name) => Some((ItemKind::App, name)),
            Self::Item(..) => None,
        }
    }

    /// Returns the name that an approval for the session is for. A tool's name holds no NUL, so no other has it.
    pub(super) fn grant_name(&self) -> Cow<'_, str> {
        match self {
            Self::Tool(name) => Cow::Borrowed(name),
            Self::Item(section, name) => Cow::Owned(format!("{section}\0{name}")),
        }
    }
}

impl Engine {
    /// Returns the list that tells whether what a person has approved is still as it was; `None` if that is known.
    pub(super) fn find_unread_list(&self, question: &OpenQuestion) -> Option<ListKind> {
        let compared = question.compared.as_ref().map(|preview| (ItemKind::Tool, preview.tool()));
        let mut used = question.about.defined().into_iter().chain(compared);
        let (kind, _) = used.find(|(kind, name)| self.tools.lock.waits_for_list(*kind, name))?;
        Some(ListKind::of_kind(kind))
    }

    /// Whether the server lists what was approved otherwise than when the person was asked, and nothing refuses it for that.
    pub(super) fn is_redefined(&self, Approved { question, held, .. }: &Approved, now: Now) -> bool {
        if self.drift_effect() == Effect::Allow || self.digest_defined(&question.about) == question.listed {
            return false;
        }
        let judged = self.judge_held(&self.policy, &question.about, (&held.line, LOCK_RULE), now);
        judged.err().is_none_or(|refused| !refused.decision.refuses())
    }

    /// Returns a digest of what the server lists of something by now.
    pub(super) fn digest_defined(&self, about: &RequestSubject) -> Digest {
        about.defined().map_or(Digest::START, |(kind, name)| self.tools.lock.digest_listed(kind, name))
    }
}
