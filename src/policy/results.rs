//! `results`: what happens to what the server answers.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use super::compile::Policy;
use super::condition::{AskedContent, Condition, ConditionInput, Evaluation, GroupKind, PathsOf};
use super::diagnostic::{Report, quote_for_message};
use super::document::{Origin, POLICY};
use super::entry::EntryCompiler;
use super::group_keys::{GroupCheck, Groups};
use super::keys::words::words;
use super::keys::{FromDocument, TableSpec, ValueKind, read_text, table, table_kind, wrong_type};
use super::section::Item;
use super::server::ServerName;
use super::tool_ref::ToolRef;
use super::tree::{DocumentNode, DocumentValue};
use crate::content::{
    ContentKind, ContentKinds, EditCounts, FieldPattern, NotHidden, StandInCounts, StandInKind, StandInRules, StandIns,
    Strip, TextEdits, edit_texts, may_have_content,
};
use crate::limits::MAX_STAND_INS;
use crate::risk::Class;
use crate::size::Size;

table! {
    /// What happens to what the server answers.
    pub(super) ResultKeys = TableSpec {
        of: "`results`",
        many: "results",
        definition: "Results",
        example: "{ strip = [\"invisible\", \"ansi\"], max_text = \"200KiB\" }",
        place: "it belongs to `results`: put it into `[results]` or an entry's `results`",
        family: POLICY,
        ..TableSpec::EMPTY
    };
    /// What is taken out of every text: characters that a person does not see, escape sequences of terminals.
    "strip" => strip: Vec<Strip>,
    /// What gets a stand-in, which is put back where a later request holds it: values that are found in any text.
    "stand_ins" => stand_ins: Vec<StandInKind>,
    /// The fields whose texts get a stand-in, whatever they hold: the last keys of the way to them, with dots between.
    "fields" => fields: Vec<FieldPattern>,
    /// How long a text may be. A longer one is cut between characters, and says how much is missing.
    "max_text" => max_text: TextLength,
    /// The result is withheld when one of the groups holds. The paths start with `result.`.
    "deny_if" => deny_if: Groups,
    /// The reason that the agent gets if a result is withheld.
    "reason" | "on_deny" => reason: String,
}

/// The `results` of a document.
#[derive(Clone, Debug)]
pub(crate) struct PolicyResults(ResultKeys);

table_kind!(PolicyResults, ResultKeys::SPEC, |read| Self(read));

impl PolicyResults {
    pub(super) fn compile(self, origin: Origin<'_>, report: &mut Report) -> Arc<ResultRules> {
        self.0.compile(origin.server, &format!("{}results", origin.prefix), None, report)
    }
}

words! {
    for Strip("Strip");
    /// Characters that show nothing, and control characters other than tabs and line breaks.
    "invisible" => Invisible,
    /// The escape sequences of terminals.
    "ansi" => Ansi,
}

words! {
    for StandInKind("StandInKind");
    /// Email addresses.
    "email" => Email,
    /// Telephone numbers.
    "phone" => Phone,
    /// Numbers of payment cards.
    "card" => Card,
    /// Account numbers.
    "iban" => Iban,
}

impl FromDocument for FieldPattern {
    fn value_kind() -> ValueKind {
        ValueKind::new(
            "a field such as `\"firstName\"` or `\"dataFields.*.address\"`",
            "FieldPattern",
            |_| json!({ "type": "string", "pattern": r"^[^.]+(\.[^.]+)*$", "examples": ["firstName", "dataFields.*.address"] }),
        )
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        read_text(node, what, report, |text| {
            let hint = "write the last keys of the way to it, such as \"firstName\" or \"dataFields.*.address\"";
            Self::parse(text).map_err(|error| {
                ("bad-value", format!("{what}: {} is no name of a field: {error}", quote_for_message(text)), hint)
            })
        })
    }
}

/// The length of a text, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextLength(usize);

/// The smallest length: what is left of a text has to say something.
const SHORTEST: usize = 64;

impl FromDocument for TextLength {
    fn value_kind() -> ValueKind {
        ValueKind::new("a size such as `\"200KiB\"`", "TextLength", |_| {
            json!({ "anyOf": [
                { "type": "string", "pattern": "^[0-9]+ *(B|KiB|K|k|MiB|M|GiB|G|KB|kB|MB|GB)?$", "examples": ["200KiB"] },
                { "type": "integer", "minimum": SHORTEST },
            ] })
        })
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let parse = |text: &str| {
            let hint = "write it with a unit, such as \"200KiB\"";
            match text.parse() {
                Ok(Size(length)) if length >= SHORTEST => Ok(Self(length)),
                Ok(_) => Err(("bad-value", format!("{what} is at least {SHORTEST} bytes"), hint)),
                Err(error) => Err(("bad-value", format!("{what}: {error}"), hint)),
            }
        };
        match &node.value {
            DocumentValue::Integer(text) => {
                parse(text).map_err(|(code, message, hint)| report.push_error(code, &node.span, message, hint)).ok()
            }
            DocumentValue::String(_) => read_text(node, what, report, parse),
            _ => {
                report.push(wrong_type(node, what, "a size").with_hint("such as \"200KiB\""));
                None
            }
        }
    }
}

/// The compiled `results` of a document or an entry.
#[derive(Debug)]
pub(super) struct ResultRules {
    /// Their path in the policy.
    path: String,
    edits: TextEdits,
    stand_ins: StandInRules,
    deny_if: Vec<GroupCheck>,
    /// What its conditions look for everywhere in a result.
    asked: ContentKinds,
}

impl ResultRules {
    /// Whether they make stand-ins.
    pub(super) fn has_stand_ins(&self) -> bool {
        !self.stand_ins.is_empty()
    }

    /// How many conditions there are.
    pub(super) fn count_conditions(&self) -> usize {
        self.deny_if.iter().map(|check| check.group.conditions.len()).sum()
    }
}

impl ResultKeys {
    /// Compiles the rules at this path; `reason` is that of the entry.
    pub(super) fn compile(
        self,
        server: &ServerName,
        path: &str,
        reason: Option<&str>,
        report: &mut Report,
    ) -> Arc<ResultRules> {
        let mut edits = TextEdits { max_text: self.max_text.map(|length| length.0), ..TextEdits::default() };
        self.strip.into_iter().flatten().for_each(|strip| edits.add_strip(strip));
        let kinds = self.stand_ins.into_iter().flatten().filter_map(StandInKind::content).collect();
        let stand_ins = StandInRules { kinds, fields: self.fields.unwrap_or_default() };
        if let Some(groups) = &self.deny_if {
            groups.warn_of_every_element(report);
        }
        let reason = self.reason.as_deref().or(reason);
        let mut entry = EntryCompiler::new(server, path, reason, report);
        let compile =
            |groups: Groups| groups.compile_paths_of(PathsOf::Result, "deny_if", GroupKind::Denial, &mut entry);
        let deny_if = self.deny_if.map(compile).unwrap_or_default();
        let conditions = deny_if.iter().flat_map(|check: &GroupCheck| &check.group.conditions);
        let asked = conditions.filter_map(Condition::asked_of_result).fold(ContentKinds::default(), ContentKinds::with);
        Arc::new(ResultRules { path: path.to_owned(), edits, stand_ins, deny_if, asked })
    }
}

/// What holds for the result of one request: the rules for all results, and those of its entries.
#[derive(Clone, Debug)]
pub struct ResultPlan {
    rules: Vec<Arc<ResultRules>>,
}

/// A rule that withholds a result, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithheldBy {
    /// The rule's path in the policy.
    pub rule: String,
    /// The reason that the policy gives.
    pub reason: Option<String>,
}

/// What `results` says of one request, for people and programs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ResultSummary {
    /// What is taken out of every text: `invisible`, `ansi`.
    pub strip: Vec<&'static str>,
    /// The kinds of values that get stand-ins, wherever they are found.
    pub stand_ins: Vec<&'static str>,
    /// The fields whose texts get stand-ins.
    pub fields: Vec<String>,
    /// How long a text may be, in bytes; `null` if there is no bound.
    pub max_text: Option<usize>,
    /// The paths of the rules that can withhold it.
    pub deny_if: Vec<String>,
}

impl ResultSummary {
    /// What happens to a result, in a sentence.
    pub fn describe(&self) -> String {
        let parts = self.describe_edits();
        let mut text = match parts.is_empty() {
            true => "The agent gets its result as it comes".to_owned(),
            false => format!("The agent gets its result {}", parts.join(", ")),
        };
        if !self.deny_if.is_empty() {
            text.push_str(&format!(", and no result to which {} applies", self.deny_if.join(" or ")));
        }
        text + "."
    }

    /// What happens to results, in a few words.
    pub fn describe_in_short(&self) -> String {
        let mut parts = self.describe_edits();
        if !self.deny_if.is_empty() {
            parts.push(format!("withheld where {} applies", self.deny_if.join(" or ")));
        }
        if parts.is_empty() { "as they come".to_owned() } else { parts.join(", ") }
    }

    fn describe_edits(&self) -> Vec<String> {
        let strip = self.strip.iter().map(|strip| match *strip {
            "ansi" => "escape sequences",
            _ => "invisible characters",
        });
        let mut parts = Vec::new();
        if !self.strip.is_empty() {
            parts.push(format!("without {}", strip.collect::<Vec<_>>().join(" and ")));
        }
        if !self.stand_ins.is_empty() {
            parts.push(format!("with stand-ins for what is found of {}", self.stand_ins.join(", ")));
        }
        if !self.fields.is_empty() {
            parts.push(format!("with stand-ins for the fields {}", self.fields.join(", ")));
        }
        if let Some(max) = self.max_text {
            parts.push(format!("with texts of {max} bytes at most"));
        }
        parts
    }
}

/// What becomes of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreatedResult {
    /// The result with its texts edited; `None` if it stays as it came.
    pub edited: Option<String>,
    /// What was done to its texts.
    pub counts: EditCounts,
    /// How many values have stand-ins in it.
    pub stand_ins: StandInCounts,
    /// The rule that withholds it.
    pub withheld: Option<WithheldBy>,
}

impl ResultPlan {
    fn new<'p>(rules: impl Iterator<Item = &'p Arc<ResultRules>>) -> Option<Self> {
        let mut plan = Self { rules: Vec::new() };
        rules.for_each(|rules| plan.add(rules));
        (!plan.rules.is_empty()).then_some(plan)
    }

    fn add(&mut self, rules: &Arc<ResultRules>) {
        if !self.rules.iter().any(|known| Arc::ptr_eq(known, rules)) {
            self.rules.push(Arc::clone(rules));
        }
    }

    /// Adds the rules of another plan.
    pub fn join(&mut self, other: &Self) {
        other.rules.iter().for_each(|rules| self.add(rules));
    }

    /// Returns what the rules say together.
    pub fn summarize(&self) -> ResultSummary {
        let (edits, stand_ins) = (self.edits(), self.stand_in_rules());
        let strip = [(edits.invisible, "invisible"), (edits.ansi, "ansi")];
        let kinds = ContentKind::ALL.into_iter().filter(|kind| stand_ins.kinds.has(*kind));
        let checks = self.rules.iter().flat_map(|rules| &rules.deny_if);
        ResultSummary {
            strip: strip.into_iter().filter(|(is_taken, _)| *is_taken).map(|(_, word)| word).collect(),
            stand_ins: kinds.map(ContentKind::as_str).collect(),
            fields: stand_ins.fields.iter().map(ToString::to_string).collect(),
            max_text: edits.max_text,
            deny_if: checks.map(|check| check.path.clone()).collect(),
        }
    }

    /// Edits a result, an object that the strict reader has read, and judges what is left of it.
    pub fn treat_result(&self, result: &str, stand_ins: &mut StandIns) -> TreatedResult {
        let (edits, rules) = (self.edits(), self.stand_in_rules());
        let mut treated = TreatedResult::default();
        // Most results have nothing of what is looked for, and one look at them says so.
        let screen = stand_ins.screen(result, &rules, self.asked());
        let has_asked = screen.may_have_asked;
        let cuts = TextEdits { max_text: edits.max_text, ..TextEdits::default() };
        let strips = TextEdits { max_text: None, ..edits };
        let mut edit = |edits: &TextEdits, text: &str| match edits.is_empty() {
            true => None,
            false => edit_texts(text, edits, &mut treated.counts),
        };
        let mut edited = None;
        if rules.is_empty() {
            edited = edit(if screen.may_have_unseen { &edits } else { &cuts }, result);
        } else {
            // What is not seen must not cut a value, and a cut must not leave half of one.
            edited = if screen.may_have_unseen { edit(&strips, result) } else { edited };
            let counts = &mut treated.stand_ins;
            let hidden = match edited.as_deref() {
                Some(edited) => stand_ins.hide_values(edited, &rules, counts),
                None => stand_ins.hide_suspected(result, &rules, screen, counts),
            };
            match hidden {
                Ok(hidden) => edited = hidden.or(edited),
                Err(why) => {
                    treated.withheld = Some(self.withhold(why));
                    return treated;
                }
            }
            edited = edit(&cuts, edited.as_deref().unwrap_or(result)).or(edited);
        }
        // Of what was edited, most has only been suspected of holding something.
        let has_asked = match edited.as_deref() {
            Some(edited) => may_have_content(edited, self.asked()),
            None => has_asked,
        };
        let asked = if has_asked { AskedContent::Unknown } else { AskedContent::Nothing };
        treated.withheld = self.find_withheld(edited.as_deref().unwrap_or(result), asked);
        treated.edited = edited;
        treated
    }

    /// Withholds a result whose values get no stand-ins.
    fn withhold(&self, why: NotHidden) -> WithheldBy {
        let rules = self.rules.iter().find(|rules| !rules.stand_ins.is_empty());
        let rule = rules.map_or_else(String::new, |rules| {
            let key = if rules.stand_ins.kinds.count() > 0 { "stand_ins" } else { "fields" };
            format!("{}.{key}", rules.path)
        });
        let reason = match why {
            NotHidden::Full => {
                format!("{why}: {MAX_STAND_INS}, or fewer very long ones. A new session has room again.")
            }
            NotHidden::NotAlike => format!("{why}."),
        };
        WithheldBy { rule, reason: Some(reason) }
    }

    /// How texts are edited: as each rule says, and the shortest length.
    fn edits(&self) -> TextEdits {
        self.rules.iter().fold(TextEdits::default(), |edits, rules| TextEdits {
            invisible: edits.invisible || rules.edits.invisible,
            ansi: edits.ansi || rules.edits.ansi,
            max_text: [edits.max_text, rules.edits.max_text].into_iter().flatten().min(),
        })
    }

    /// What conditions look for everywhere in a result.
    fn asked(&self) -> ContentKinds {
        self.rules.iter().fold(ContentKinds::default(), |all, rules| all.with(rules.asked))
    }

    /// What gets stand-ins: what any rule says.
    pub fn stand_in_rules(&self) -> Cow<'_, StandInRules> {
        let mut rules = self.rules.iter().map(|rules| &rules.stand_ins).filter(|rules| !rules.is_empty());
        let Some(first) = rules.next() else { return Cow::default() };
        // Most tools have those of one table.
        rules.fold(Cow::Borrowed(first), |mut all, more| {
            all.to_mut().join(more);
            all
        })
    }

    /// Returns the first rule that withholds a result, as written. Takes time
    /// linear in its length, however many rules there are: a result that would take longer is withheld.
    fn find_withheld(&self, result: &str, asked: AskedContent) -> Option<WithheldBy> {
        let checks = || self.rules.iter().flat_map(|rules| &rules.deny_if);
        checks().next()?;
        let input = ConditionInput { result: Some(result), ..ConditionInput::from("{}") };
        let evaluation = Evaluation::of_result(input, asked);
        let check = checks().find(|check| check.stops(&evaluation) || evaluation.is_exhausted())?;
        let too_much =
            "It is too long for the number of conditions that the policy has for it, so they were not all checked.";
        let reason = if evaluation.is_exhausted() { Some(too_much.to_owned()) } else { check.group.reason.clone() };
        Some(WithheldBy { rule: check.path.clone(), reason })
    }
}

impl Policy {
    /// Returns what holds for the results of a tool; `None` if nothing does. The rules of its class hold beside those of its
    /// own entry.
    pub fn result_plan<'t>(&self, tool: impl Into<ToolRef<'t>>) -> Option<ResultPlan> {
        if !self.has_result_rules {
            return None;
        }
        let tool = tool.into();
        let class = self.classes.get(&self.class_of(tool));
        let named = self.rules_of(tool);
        let rules = named.iter().chain(class.map(|rule| &**rule)).filter_map(|rule| rule.results.as_ref());
        ResultPlan::new(self.results.iter().chain(rules))
    }

    /// Returns what holds for the answer to a request about an item; `None` if nothing does.
    pub fn item_result_plan(&self, item: Item<'_>) -> Option<ResultPlan> {
        if !self.has_result_rules {
            return None;
        }
        let (rules, _) = self.find_item_rules(item);
        ResultPlan::new(self.results.iter().chain(rules.iter().filter_map(|rule| rule.results.as_ref())))
    }

    /// Whether there are rules for the results of a class.
    pub(super) fn has_results_of_classes(&self) -> bool {
        self.has_result_rules && self.classes.values().any(|rule| rule.results.is_some())
    }

    /// Whether there are rules for the results of this class.
    pub(crate) fn has_results_of_class(&self, class: Class) -> bool {
        self.has_result_rules && self.classes.get(&class).is_some_and(|rule| rule.results.is_some())
    }

    /// Whether there are rules for any result.
    pub fn has_result_rules(&self) -> bool {
        self.has_result_rules
    }

    /// Whether anything gets stand-ins.
    pub fn has_stand_ins(&self) -> bool {
        self.has_stand_ins
    }

    /// What the policy does to results, in a few words; `None` if it has no rules for them.
    pub fn describe_results(&self) -> Option<String> {
        const MORE: &str = "more for those of some entries or classes";
        let all = self.common_result_plan().map(|plan| plan.summarize().describe_in_short());
        match (all, self.has_own_result_rules) {
            (Some(all), true) => Some(format!("{all}; {MORE}")),
            (None, true) => Some(format!("as they come; {MORE}")),
            (all, false) => all,
        }
    }

    /// Returns what holds for everything that the server answers; `None` if nothing does.
    pub fn common_result_plan(&self) -> Option<ResultPlan> {
        ResultPlan::new(self.results.iter())
    }
}
