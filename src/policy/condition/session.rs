//! What conditions ask of a session: where a value came from, what was read, and which tools were called.

use super::operator::Operator;
use super::path::PathValue;
use super::test::{ArgumentValue, FEW_DIGITS, OperatorTest, ScalarValue, bad_value};
use super::{ConditionOutcome, Evaluation, GroupKind};
use crate::policy::diagnostic::{Diagnostic, quote_for_message};
use crate::policy::glob::{BadToolGlob, NamePattern};
use crate::policy::keys::words::nearest_word;
use crate::policy::source::Span;
use crate::policy::tree::{DocumentNode, DocumentValue};
use crate::provenance::{CameFrom, Returns, Source, find_addresses};
use crate::risk::Addressed;
use crate::wire::fold::fold;

/// The units of work to look up a text, and each byte of it.
const LOOK_UP_WORK: usize = 512;
const LOOK_UP_BYTE_WORK: usize = 24;
/// The units of work to compare the name of a tool that was called.
const CALLED_WORK: usize = 64;

/// What a path beneath `session` or `tool` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum SessionFact {
    ReadUntrusted,
    ReadPersonal,
    Called,
    /// Whether the tool's arguments say whom or what a call reaches: of the tool, not of the session.
    Addressed,
}

/// What `came_from` is compared with.
#[derive(Debug)]
pub(in crate::policy) enum ValueSource {
    /// What others can write into.
    Untrusted,
    /// What is about people.
    Personal,
    Tool(SourceGlob),
}

/// A tool, or a server and a tool, each as a name or a glob: `read_*`, `mail/read_*`.
#[derive(Debug)]
pub(in crate::policy) struct SourceGlob {
    /// `None` if it may be any server.
    server: Option<NameOrGlob>,
    tool: NameOrGlob,
}

#[derive(Debug)]
struct NameOrGlob {
    exact: NamePattern,
    folded: NamePattern,
}

impl SessionFact {
    /// Parses what follows `session` in a path.
    ///
    /// # Errors
    /// Returns what to write instead.
    pub(super) fn parse(rest: &str) -> Result<Self, &'static str> {
        const WORDS: [(&str, SessionFact, &str); 3] = [
            ("read_untrusted", SessionFact::ReadUntrusted, "did you mean `session.read_untrusted`?"),
            ("read_personal", SessionFact::ReadPersonal, "did you mean `session.read_personal`?"),
            ("called", SessionFact::Called, "did you mean `session.called`?"),
        ];
        let word = rest.strip_prefix('.').unwrap_or(rest);
        let find = |word: &str| WORDS.into_iter().find(|(known, ..)| *known == word);
        if let Some((_, fact, _)) = find(word).filter(|_| rest.starts_with('.')) {
            return Ok(fact);
        }
        let nearest = nearest_word(word, WORDS.into_iter().map(|(known, ..)| known)).and_then(find);
        Err(nearest.map_or("write one of them, with nothing beneath it", |(.., hint)| hint))
    }

    fn path(self) -> &'static str {
        match self {
            Self::ReadUntrusted => "session.read_untrusted",
            Self::ReadPersonal => "session.read_personal",
            Self::Called => "session.called",
            Self::Addressed => "tool.addressed",
        }
    }

    /// Compiles the value of a condition on the fact for its operator, or returns what is wrong.
    pub(in crate::policy) fn compile(
        self,
        (operator, place): (Operator, &Span),
        value: &DocumentNode,
    ) -> Result<OperatorTest, Diagnostic> {
        let path = self.path();
        let (takes, example) = match self {
            Self::Called => ("the name of a tool, as a string", "\"read_email\" or \"mail/read_email\""),
            _ => ("true or false", "true"),
        };
        match (self, operator, &value.value) {
            (Self::Called, Operator::Contains | Operator::NotContains, DocumentValue::String(name)) => {
                SourceGlob::exact(name)
                    .map(OperatorTest::Called)
                    .map_err(|hint| bad_value(value, format!("{} is no name of a tool", quote_for_message(name)), hint))
            }
            (Self::Called, Operator::Glob, DocumentValue::String(glob)) => {
                SourceGlob::parse(glob, value).map(OperatorTest::Called)
            }
            (
                Self::ReadUntrusted | Self::ReadPersonal | Self::Addressed,
                Operator::Eq | Operator::Neq,
                DocumentValue::Boolean(own),
            ) => Ok(OperatorTest::Equals(ScalarValue::Boolean(*own))),
            (Self::Called, Operator::Contains | Operator::NotContains | Operator::Glob, _)
            | (Self::ReadUntrusted | Self::ReadPersonal | Self::Addressed, Operator::Eq | Operator::Neq, _) => {
                Err(bad_value(
                    value,
                    format!("`{path}` is compared with {takes}; found {}", value.kind_name()),
                    &format!("write it as {example}"),
                ))
            }
            (Self::Called, ..) => Err(self.bad_operator(place, operator, "use `contains`, `not_contains` or `glob`")),
            _ => Err(self.bad_operator(place, operator, "use `eq` with true or false")),
        }
    }

    fn bad_operator(self, place: &Span, operator: Operator, hint: &str) -> Diagnostic {
        let what = if self == Self::Called { "the tools that were called" } else { "true or false" };
        let message = format!("`{}` is {what}, which `{operator}` does not judge", self.path());
        Diagnostic::error("bad-operator", place.clone(), message).with_hint(hint)
    }

    /// Judges the fact. What cannot be told is unjudgeable.
    pub(super) fn judge(
        self,
        (operator, test): (Operator, &OperatorTest),
        kind: GroupKind,
        evaluation: &Evaluation<'_>,
    ) -> ConditionOutcome {
        if let (Self::Addressed, OperatorTest::Equals(ScalarValue::Boolean(own))) = (self, test) {
            let is_so = (evaluation.addressed() == Addressed::Yes) == *own;
            return if is_so == operator.is_negative() { ConditionOutcome::Fails } else { ConditionOutcome::Holds };
        }
        let facts = evaluation.session_facts();
        let compared = facts.called.len() + evaluation.uncommitted().len();
        if evaluation.spend_work(compared.saturating_mul(CALLED_WORK)).is_none() {
            return ConditionOutcome::Unjudgeable;
        }
        // What is known has happened; whether more has, is not known if something is missing.
        let known = |has_happened: bool| (has_happened || facts.unknown.is_none()).then_some(has_happened);
        let holds = match (self, test) {
            (Self::Called, OperatorTest::Called(glob)) => {
                // A spelling that a server may take for the name counts where that restricts, and so does a call that waits for the log.
                let spelling = Spelling::of(kind, operator.is_negative());
                let waiting = evaluation.uncommitted().filter(|_| spelling == Spelling::Any);
                known(facts.called.iter().chain(waiting).any(|call| glob.matches(&call.server, &call.tool, spelling)))
            }
            (_, OperatorTest::Equals(ScalarValue::Boolean(own))) => {
                let what = if self == Self::ReadPersonal { Returns::Personal } else { Returns::Untrusted };
                known(facts.read.contains(&what)).map(|has_read| has_read == *own)
            }
            _ => None,
        };
        match holds.map(|holds| holds != operator.is_negative()) {
            Some(true) => ConditionOutcome::Holds,
            Some(false) => ConditionOutcome::Fails,
            None => ConditionOutcome::Unjudgeable,
        }
    }
}

/// Which spellings of a name count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Where a match restricts: also one that a server may take for the name.
    Any,
    /// Where a match permits.
    Exact,
}

impl Spelling {
    pub(super) fn of(kind: GroupKind, is_negative: bool) -> Self {
        if (kind == GroupKind::Denial) == is_negative { Self::Exact } else { Self::Any }
    }
}

impl NameOrGlob {
    fn new(exact: NamePattern) -> Self {
        let fold = |text: &str| fold(text).into_owned();
        Self { folded: exact.map_text(fold, fold), exact }
    }

    fn matches(&self, name: &str, spelling: Spelling) -> bool {
        self.exact.matches(name) || (spelling == Spelling::Any && self.folded.matches(&fold(name)))
    }
}

impl SourceGlob {
    /// Parses `TOOL` or `SERVER/TOOL`, each a name or a glob. What stands before the first slash is the server.
    fn parse(text: &str, value: &DocumentNode) -> Result<Self, Diagnostic> {
        let parse = |text: &str| {
            let bad = |error: BadToolGlob| {
                Diagnostic::error("bad-glob", value.span.clone(), error.message).with_hint(error.hint)
            };
            NamePattern::parse(text).map(NameOrGlob::new).map_err(bad)
        };
        match text.split_once('/') {
            Some((server, tool)) => Ok(Self { server: Some(parse(server)?), tool: parse(tool)? }),
            None => Ok(Self { server: None, tool: parse(text)? }),
        }
    }

    /// Returns the glob for one name, whatever characters it has; the error is what to do.
    fn exact(text: &str) -> Result<Self, &'static str> {
        let name = |text: &str| match text.is_empty() || text.trim() != text {
            true => Err("write the tool as its server lists it, such as \"read_email\" or \"mail/read_email\""),
            false => Ok(NameOrGlob::new(NamePattern::Exact(text.to_owned()))),
        };
        match text.split_once('/') {
            Some((server, tool)) => Ok(Self { server: Some(name(server)?), tool: name(tool)? }),
            None => Ok(Self { server: None, tool: name(text)? }),
        }
    }

    pub(super) fn matches(&self, server: &str, tool: &str, spelling: Spelling) -> bool {
        self.tool.matches(tool, spelling) && self.server.as_ref().is_none_or(|own| own.matches(server, spelling))
    }
}

impl ValueSource {
    /// Whether an argument came from there; `None` if that cannot be told. A number is looked up as it is written.
    pub(super) fn judge_argument(
        &self,
        argument: &ArgumentValue<'_>,
        found: PathValue<'_>,
        kind: GroupKind,
        evaluation: &Evaluation<'_>,
    ) -> Option<bool> {
        let look_up = |text: &str| self.is_source_of(text, kind, evaluation);
        match argument {
            // Of a text only its addresses count. Where nothing can be told, they cannot be told either.
            ArgumentValue::String(text) if matches!(found, PathValue::Prose(_)) => {
                // In a denial, one address is enough; in a requirement, each has to come from there.
                let goes_on = Some(kind == GroupKind::Requirement);
                let found = find_addresses(text).map(look_up).reduce(|all, one| if all == goes_on { one } else { all });
                found.unwrap_or_else(|| look_up(""))
            }
            ArgumentValue::String(text) => look_up(text),
            ArgumentValue::Number(json) => {
                let is_found = look_up(json)?;
                // A server may write out the digits of a number with an exponent, and no server tells 5.0 from 5.
                let is_unclear = json.len() > FEW_DIGITS && json.contains(['e', 'E']);
                let whole = json.split_once('.').filter(|(_, rest)| rest.bytes().all(|digit| digit == b'0'));
                match (is_found, whole) {
                    (false, Some((whole, _))) => look_up(whole),
                    (false, None) if is_unclear => None,
                    _ => Some(is_found),
                }
            }
            // Too short to have come from anywhere.
            ArgumentValue::Boolean(_) if matches!(found, PathValue::Deep(_)) => Some(false),
            _ => None,
        }
    }

    /// Reads the value of `came_from`.
    pub(super) fn read(value: &DocumentNode, text: &str) -> Result<Self, Diagnostic> {
        if let Some(glob) = text.strip_prefix("tool:") {
            return SourceGlob::parse(glob, value).map(Self::Tool);
        }
        match text {
            "untrusted" => return Ok(Self::Untrusted),
            "personal" => return Ok(Self::Personal),
            _ => {}
        }
        let (word, rest) = text.split_once(':').map_or((text, None), |(word, rest)| (word, Some(rest)));
        let hint = match (nearest_word(word, ["untrusted", "personal", "tool", "tools"].into_iter()), rest) {
            (Some("tool" | "tools"), Some(glob)) if !glob.is_empty() => {
                format!("did you mean {}?", quote_for_message(&format!("tool:{glob}")))
            }
            (Some(word @ ("untrusted" | "personal")), _) => format!("did you mean \"{word}\"?"),
            _ => "write \"untrusted\", \"personal\", or \"tool:\" with the name or glob of a tool, such as \"tool:read_*\""
                .to_owned(),
        };
        Err(bad_value(value, format!("{} is no source of values", quote_for_message(text)), &hint))
    }

    /// Whether the text came from there; `None` if that cannot be told. A requirement is about all of the text, and a denial
    /// about any part of it.
    fn is_source_of(&self, text: &str, kind: GroupKind, evaluation: &Evaluation<'_>) -> Option<bool> {
        evaluation.spend_work(LOOK_UP_WORK.saturating_add(text.len().saturating_mul(LOOK_UP_BYTE_WORK)))?;
        let provenance = evaluation.provenance();
        let origins = match kind {
            GroupKind::Denial => provenance.find_origins(text),
            GroupKind::Requirement => provenance.find_whole_origins(text),
        };
        match origins.came_from(|source| self.admits(source, kind)) {
            CameFrom::Here(_) => Some(true),
            CameFrom::Nowhere => Some(false),
            CameFrom::Unknown(_) => None,
        }
    }

    /// Whether a result is of such a source.
    pub(super) fn admits(&self, source: &Source, kind: GroupKind) -> bool {
        match self {
            Self::Untrusted => source.returns(Returns::Untrusted),
            Self::Personal => source.returns(Returns::Personal),
            Self::Tool(glob) => glob.matches(&source.server, &source.tool, Spelling::of(kind, false)),
        }
    }
}
