//! Tools whose class nobody knows: the server's list tells it before the first call, where rules go by it.
//!
//! A name shows little, and what a rule for a class hides, refuses or asks about is hidden, refused or asked about from the first call
//! on. What the server does not list, although it was asked, can be of any class.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::list_filter::ListKind;
use super::lock_drift::ListReason;
use super::preparations::{Listing, Need, Preparation};
use super::refusal::{Refused, Remedy, SubjectKind, format_refusal};
use super::resource_index::is_app;
use super::tool_calls::call_facts;
use super::{ClientRequest, Engine, Now, Turn};
use crate::limits::OWN_REQUEST;
use crate::policy::{self, Decision, Effect, Policy, Section, ToolRef};
use crate::record::{Enforcement, Facts, Subject};
use crate::risk::Class;
use crate::wire::message::{AnswerShape, CallParams};

impl Engine {
    /// Lets a call wait for the list that tells the class of its tool, where that decides, or refuses it if it cannot wait.
    pub(super) fn begin_class_listing(
        &mut self,
        request: &ClientRequest<'_>,
        call: &CallParams<'_>,
        known: &Preparation,
        turn: &mut Turn<'_>,
    ) -> ControlFlow<()> {
        let needs_list =
            |engine: &Self| !engine.tools.is_known(&call.name) && engine.policy.depends_on_listing(&call.name);
        match self.begin_tools_listing(request, known, needs_list, turn) {
            Need::Nothing => return ControlFlow::Continue(()),
            Need::Begun => {}
            Need::Room => {
                let policy = Arc::clone(&self.policy);
                let rule = policy.decide_tool(self.tools.find_tool(&call.name)).rule;
                let facts = call_facts(request.method, Subject::Tool(&call.name), call, rule);
                let answer = (call.answer_shape(), facts);
                self.refuse_unlisted(request, ListReason::Class, (SubjectKind::Tool, &call.name), answer, turn);
            }
        }
        ControlFlow::Break(())
    }

    /// The same for a prompt, which may be that of a tool, or an app, which is that of one.
    pub(super) fn begin_item_class_listing(
        &mut self,
        request: &ClientRequest<'_>,
        (section, name): (Section, &str),
        known: &Preparation,
        turn: &mut Turn<'_>,
    ) -> Need {
        let is_of_tool = |policy: &Policy| match section {
            // Whether there is such a tool, only the list tells.
            Section::Prompts => policy.depends_on_listing(name) || policy.decide_tool(name).refuses(),
            Section::Resources => is_app(name),
            Section::Requests | Section::Methods => false,
        };
        let needs_list = |engine: &Self| {
            let policy = &engine.policy;
            let passes = || !policy.decide_item(engine.find_item(policy, section, name)).refuses();
            policy.has_class_rules() && is_of_tool(policy) && passes()
        };
        self.begin_tools_listing(request, known, needs_list, turn)
    }

    /// Begins to read the lists that a request about an item has to wait for, and says why.
    pub(super) fn begin_item_lists(
        &mut self,
        request: &ClientRequest<'_>,
        item: (Section, &str),
        known: &Preparation,
        turn: &mut Turn<'_>,
    ) -> (Need, ListReason) {
        match self.begin_item_comparison(request, item, known, turn) {
            Need::Nothing => (self.begin_item_class_listing(request, item, known, turn), ListReason::Class),
            need => (need, ListReason::Lock),
        }
    }

    fn begin_tools_listing(
        &mut self,
        request: &ClientRequest<'_>,
        known: &Preparation,
        needs_list: impl FnOnce(&Self) -> bool,
        turn: &mut Turn<'_>,
    ) -> Need {
        // Who only observes sends no request of its own.
        let may_tell =
            self.enforcement == Enforcement::Enforced && known.tools == Listing::NotAsked && self.tools.may_list_more();
        if !may_tell || !needs_list(self) {
            return Need::Nothing;
        }
        if !self.preparations.can_wait_for_class(request.line.len()) {
            return Need::Room;
        }
        self.wait_for_list((ListKind::Tools, ListReason::Class, None), request, known, turn);
        Need::Begun
    }

    /// Returns a tool that the server does not list, although it was asked, with the class under which the least passes.
    pub(super) fn with_strictest_class<'t>(
        &self,
        policy: &Policy,
        call: &CallParams<'_>,
        (tool, look_alike): (ToolRef<'t>, Option<&str>),
        now: Now,
    ) -> ToolRef<'t> {
        if !self.goes_by_unknown_class(policy, tool.name) {
            return tool;
        }
        let least = tool.guess_class().max(Class::Execute);
        let with_class = |class| ToolRef { listing: policy::Listing::As(least.raised_to(class)), ..tool };
        let strictness = |tool: &ToolRef<'t>| match self.gate.judge_tool(policy, call, (*tool, look_alike), now) {
            Err(_) => (2, 0),
            Ok(judgement) => {
                let asks = u8::from(judgement.decision.effect == Effect::RequireApproval);
                let has_results = policy.has_results_of_class(policy.class_of(*tool));
                (asks, judgement.limits().count() + usize::from(has_results))
            }
        };
        let mut strictest = with_class(Class::Execute);
        for other in [Class::Destructive, Class::Financial].map(with_class) {
            if strictness(&other) > strictness(&strictest) {
                strictest = other;
            }
        }
        strictest
    }

    /// Whether rules for classes decide about a tool whose class nobody knows: the server has not listed it.
    pub(super) fn goes_by_unknown_class(&self, policy: &Policy, tool: &str) -> bool {
        self.enforcement == Enforcement::Enforced
            && self.tools.find_tool(tool).listing == policy::Listing::Missing
            && policy.depends_on_listing(tool)
    }

    /// Says why a tool whose list has not come is refused by its class, and that it may come yet.
    pub(super) fn advise_unlisted<'p>(&self, refused: Refused<'p>, policy: &Policy, tool: &str) -> Refused<'p> {
        let is_by_class = refused.remedy == Remedy::Policy && !self.tools.is_complete();
        if !is_by_class || !self.goes_by_unknown_class(policy, tool) {
            return refused;
        }
        let why = "The server has not answered with its list of tools, so this one has the strictest class.";
        Refused {
            otherwise: refused.otherwise.or_else(|| Some(why.to_owned())),
            remedy: Remedy::Wait(OWN_REQUEST),
            ..refused
        }
    }

    /// Refuses a request that cannot wait for a list of the server.
    pub(super) fn refuse_unlisted(
        &mut self,
        request: &ClientRequest<'_>,
        reason: ListReason,
        (subject, name): (SubjectKind, &str),
        (shape, facts): (AnswerShape, Facts<'_>),
        turn: &mut Turn<'_>,
    ) {
        let decision = Decision { effect: Effect::Deny, rule: facts.rule, reason: None, file: None };
        let facts = Facts { effect: decision.effect, ..facts };
        let what = match reason {
            ListReason::Lock => "lists, which are compared with the lock first",
            ListReason::Class | ListReason::Approval => "list of tools, which tells their classes",
        };
        let why = format!("Too many calls wait for the server's {what}.");
        let refused = Refused { decision, otherwise: Some(why), remedy: Remedy::Wait(Duration::from_secs(1)) };
        let refusal = format_refusal(refused, subject, name);
        // Only where rules are enforced is a list waited for.
        let _ = self.refuse_request(request.id, shape, &refusal, facts, turn);
    }
}
