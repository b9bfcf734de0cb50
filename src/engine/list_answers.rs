//! The lists in a server's answers: learned from, held against the policy and the lock, and filtered.

use std::borrow::Cow;

use super::Engine;
use super::judged_pages::PageKey;
use super::list_filter::{self, ListKind, ListPart};
use super::lock_index::Earlier;
use super::resource_index::is_app;
use super::tool_index::{IsComplete, ToolIndex};
use crate::lock::ItemKind;
use crate::policy::Effect;
use crate::record::Enforcement;
use crate::wire::fault::Fault;
use crate::wire::view::find_member;

impl Engine {
    /// Returns of each listed prompt, and of each resource and template, whether it is hidden.
    pub(super) fn find_hidden_items(&self) -> (Option<Vec<bool>>, Option<Vec<bool>>) {
        let prompts = self.tools.find_hidden_prompts(&self.policy);
        (prompts, self.resources.find_hidden(&self.policy, &self.tools))
    }

    /// Returns the line without the items that the policy hides; `None` if it hides none.
    pub(super) fn filter_list(
        &mut self,
        line: &[u8],
        result: &str,
        (list, part): (ListKind, ListPart),
    ) -> Result<Option<Vec<u8>>, Fault> {
        let locked = list.locked_kind().filter(|_| self.tools.lock.is_in_force());
        let page = if list == ListKind::Tools { PageKey::of_line(line, result) } else { None };
        // Under a lock a page belongs to one reading of the list, unless it is all of it.
        let is_known = |tools: &ToolIndex, page: &PageKey| {
            locked.is_none_or(|kind| part == ListPart::Beginning && tools.lock.is_whole_list(kind, *page))
        };
        let known = page.filter(|page| is_known(&self.tools, page));
        let filtered = match known.and_then(|page| self.tools.judged_pages.find(page)) {
            Some(hidden) => leave_out(result, list, hidden)?,
            None => {
                self.reader.read_line(line, list.depth())?;
                if let (Some(kind), ListPart::Beginning) = (locked, part) {
                    self.tools.lock.begin_list(kind);
                }
                let judged = self.judge_list(result, list, locked)?;
                if self.policy.work().is_exhausted() {
                    return if self.enforcement == Enforcement::Enforced { Err(Fault::Work) } else { Ok(None) };
                }
                if let Some(page) = page {
                    self.tools.judged_pages.record(page, judged.hidden);
                }
                judged.filtered
            }
        };
        let has_list = || find_member(result, list.result_key()).is_some_and(|list| list.starts_with('['));
        // Both look through the whole result, so they do it once only.
        if list == ListKind::Tools && part == ListPart::Beginning {
            self.tools.begin_list();
        }
        let may_be_whole = locked.is_some() || list == ListKind::Tools && !self.tools.is_complete();
        if may_be_whole && list_filter::next_cursor(result).is_none() && has_list() {
            if list == ListKind::Tools {
                self.tools.set_complete(IsComplete::Yes);
            }
            let whole = page.filter(|_| part == ListPart::Beginning);
            locked.into_iter().for_each(|kind| self.tools.lock.end_list(kind, whole));
        }
        Ok(filtered.map(|filtered| list_filter::splice_line(line, result, &filtered)))
    }

    /// Learns from a list and judges its items.
    fn judge_list(&mut self, result: &str, list: ListKind, locked: Option<ItemKind>) -> Result<JudgedList, Fault> {
        if list == ListKind::Tools {
            let items = self.tools.learn_names(&self.policy, result)?;
            let mut judge = |is_raised: &mut bool| {
                let mut is_hidden =
                    |(name, item): &(Cow<'_, str>, &str)| self.judge_item((list, name, item), locked, is_raised);
                items.iter().enumerate().filter(|(_, item)| is_hidden(item)).map(|(at, _)| at).collect()
            };
            let mut is_raised = false;
            let hidden: Vec<usize> = judge(&mut is_raised);
            let hidden = if is_raised { judge(&mut false) } else { hidden };
            self.tools.end_page();
            if self.gate.provenance().is_in_use() {
                items.iter().for_each(|(name, item)| self.sources.learn_tool(name, item, &self.policy));
            }
            return Ok(JudgedList { filtered: leave_out(result, list, &hidden)?, hidden });
        }
        let mut filter = |is_raised: &mut bool| {
            list_filter::filter_result(result, list, |name, item| {
                self.judge_item((list, &name, item), locked, is_raised)
            })
        };
        let mut is_raised = false;
        let filtered = filter(&mut is_raised)?;
        // What differs from the lock may also be earlier in the list; and so a tool whose class is raised, with a milder one.
        let filtered = if is_raised { filter(&mut false)? } else { filtered };
        Ok(JudgedList { filtered, hidden: Vec::new() })
    }

    /// Learns from an item of a list, and returns whether it is hidden. `is_raised` tells whether it changes what earlier ones are.
    fn judge_item(
        &mut self,
        (list, name, item): (ListKind, &str, &str),
        locked: Option<ItemKind>,
        is_raised: &mut bool,
    ) -> bool {
        let (policy, tools, resources) = (&self.policy, &mut self.tools, &mut self.resources);
        let work = policy.work();
        if list.has_uris() {
            work.spend_uri(name);
        } else {
            work.spend_name(name);
        }
        if work.is_exhausted() {
            return true;
        }
        let is_hidden = match list {
            ListKind::Tools => {
                resources.record_app(name, item);
                *is_raised |= tools.record_listing(name, item, policy);
                policy.decide_tool(tools.find_tool(name)).effect == Effect::Hide
            }
            ListKind::Prompts => {
                tools.record_prompt(name);
                *is_raised |= tools.lock.record(ItemKind::Prompt, name, item) == Earlier::Drifts;
                policy.decide_item(tools.find_prompt(policy, name)).effect == Effect::Hide
            }
            ListKind::Resources | ListKind::Skills | ListKind::Skill => {
                resources.record_resource(name);
                if list == ListKind::Resources && locked.is_some() && is_app(name) {
                    *is_raised |= tools.lock.record(ItemKind::App, name, item) == Earlier::Drifts;
                }
                policy.decide_item(resources.find_resource(name, policy, tools)).effect == Effect::Hide
            }
            ListKind::Pages => {
                let drift = tools.lock.find_page_drift(name, item);
                // Nobody can be asked about what is read already.
                drift.is_some() && policy.lock_mode().effect() != Effect::Allow
            }
            ListKind::Templates => {
                resources.record_template(name);
                *is_raised |= tools.lock.record(ItemKind::Template, name, item) == Earlier::Drifts;
                let drift = tools.lock.find_drift(ItemKind::Template, name);
                policy.decide_template(name, drift).effect == Effect::Hide
            }
        };
        is_hidden && self.enforcement == Enforcement::Enforced
    }
}

/// A list, judged.
struct JudgedList {
    /// The result without what is hidden; `None` if nothing is.
    filtered: Option<String>,
    /// The numbers of the hidden tools, in their order.
    hidden: Vec<usize>,
}

/// Filters a list that was judged before.
fn leave_out(result: &str, list: ListKind, hidden: &[usize]) -> Result<Option<String>, Fault> {
    if hidden.is_empty() {
        return Ok(None);
    }
    let (mut at, mut hidden) = (0, hidden.iter().peekable());
    list_filter::filter_result(result, list, |_, _| {
        at += 1;
        hidden.next_if(|hidden| **hidden == at - 1).is_some()
    })
}
