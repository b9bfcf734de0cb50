//! A question as stored.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::engine::{Effects, QuestionView, Upshot};
use crate::policy::{Again, ApprovalLifetime, ApprovalScope};
use crate::risk::{Class, Risk};

/// What is between two effects in the store.
pub(super) const EFFECTS_BETWEEN: &str = ", ";

/// The word for [`Again::Compared`] in the store.
pub(super) const COMPARED: &str = "compared";

/// What a person has to enter with an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// Nothing.
    None,
    /// A code that a real terminal shows.
    Code,
}

impl Confirm {
    /// Returns the word in the settings and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Code => "code",
        }
    }
}

/// The state of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalState {
    /// Its call waits for the answer.
    Waiting,
    /// Nobody answered in time; an approval is for one repetition of the call.
    Late,
    /// A person approved it here.
    Approved,
    /// A person refused it here.
    Denied,
    /// Nobody can answer it any more.
    Expired,
    /// It was answered on another channel.
    Settled,
}

impl ApprovalState {
    const ALL: [Self; 6] = [Self::Waiting, Self::Late, Self::Approved, Self::Denied, Self::Expired, Self::Settled];

    /// Returns the word in the store and in JSON output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Late => "late",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Settled => "settled",
        }
    }

    /// Returns whether it can be answered.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Late)
    }
}

/// What came of an answer that was given here or in the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerOutcome {
    /// The session has read it.
    Taken,
    /// The session has acted on it.
    Known(Upshot),
    /// The approval was for one call, and that was made.
    Used,
    /// An answer on another channel was first.
    Elsewhere,
    /// The call was taken back, or the session ended, before the answer could count.
    Over,
}

impl AnswerOutcome {
    fn parse(word: &str) -> Option<Self> {
        let known = Upshot::ALL.into_iter().map(Self::Known);
        [Self::Taken, Self::Used, Self::Elsewhere, Self::Over].into_iter().chain(known).find(|it| it.as_str() == word)
    }

    /// Returns the word in the store and in JSON output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Known(upshot) => upshot.as_str(),
            Self::Used => "used",
            Self::Elsewhere => "elsewhere",
            Self::Over => "over",
        }
    }
}

/// A question. It serializes as the output of `approvals --format json`: the order and the names of the fields are
/// promises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApprovalEntry {
    /// The id that commands use.
    pub id: String,
    /// Its state.
    pub state: ApprovalState,
    /// The server.
    pub server: String,
    /// The tool.
    pub tool: String,
    /// The tool's risk class.
    pub class: String,
    /// The rule that asks.
    pub rule: String,
    /// The reason that the policy gives, if any.
    pub reason: Option<String>,
    /// The session that asks.
    pub session: String,
    /// When it was asked, since 1970.
    #[serde(serialize_with = "as_timestamp")]
    pub asked: Duration,
    /// Until when it can be answered, since 1970.
    #[serde(serialize_with = "as_timestamp")]
    pub expires: Duration,
    /// What an approval needs.
    pub confirm: Confirm,
    /// The SHA-256 of the line that is held.
    pub line: String,
    /// The channel that answered.
    pub channel: Option<String>,
    /// When it was answered, since 1970.
    #[serde(serialize_with = "as_optional_timestamp")]
    pub answered: Option<Duration>,
    /// The note to the agent.
    pub note: Option<String>,
    /// The arguments as written; `None` once it can no longer be answered. They serialize as the object that they are;
    /// cut ones as text.
    #[serde(serialize_with = "as_json")]
    pub arguments: Option<String>,
    /// The number of bytes that an earlier version has cut from the arguments.
    pub left_out: u64,
    /// What the client calls itself.
    pub client: Option<String>,
    /// The word for how bad one mistaken call is.
    pub severity: String,
    /// What else is known about the tool.
    #[serde(serialize_with = "as_words")]
    pub effects: Vec<Effects>,
    /// What an approval for the rest of the session covers.
    pub scope: ApprovalScope,
    /// What else the server reads of the parameters, an object as written; `None` if that is nothing, or once it can no
    /// longer be answered.
    #[serde(serialize_with = "as_json")]
    pub beside: Option<String>,
    /// What changed of the definition since it was locked.
    pub changes: Option<String>,
    /// Where real values took the places of stand-ins.
    pub put_back: Option<String>,
    /// Where the values came from because of which a person is asked.
    pub origins: Option<String>,
    /// What a read call of the wrapper has shown about it.
    pub preview: Option<String>,
    /// The SHA-256 of all that an approval covers.
    pub covers: Option<String>,
    /// How long the question, and a late approval of it, can be used.
    pub lives: ApprovalLifetime,
    /// What an approval from here is for: `once` or `session`.
    pub answer: Option<String>,
    /// What came of the answer, as far as that is known.
    #[serde(serialize_with = "as_outcome")]
    pub outcome: Option<AnswerOutcome>,
    /// The id of the question that has taken its place: the same call was made again, with more or other to read.
    pub successor: Option<String>,
    /// Whether an approval is for this preview only.
    #[serde(skip)]
    pub again: Again,
    /// The digest of what there was to read about it.
    #[serde(skip)]
    pub shown: Option<String>,
}

/// Which question was shown, and what there was to read. An answer is for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryKey {
    id: String,
    shown: Option<String>,
}

impl EntryKey {
    /// Returns the id that commands use.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns whether it is of this question, and of what there is to read about it.
    pub fn is_of(&self, entry: &ApprovalEntry) -> bool {
        (&self.id, &self.shown) == (&entry.id, &entry.shown)
    }
}

fn as_timestamp<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    as_optional_timestamp(&Some(*time), serializer)
}

/// Serializes a time in RFC 3339 format, in UTC and to the millisecond.
fn as_optional_timestamp<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    let milliseconds = time.and_then(|time| i64::try_from(time.as_millis()).ok());
    milliseconds.and_then(|time| Timestamp::from_millisecond(time).ok()).serialize(serializer)
}

/// Serializes JSON as written, and invalid JSON as text.
fn as_json<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match text.as_deref().map(serde_json::from_str::<&RawValue>) {
        Some(Ok(json)) => json.serialize(serializer),
        _ => text.serialize(serializer),
    }
}

fn as_words<S: Serializer>(effects: &[Effects], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(effects.iter().map(|effect| effect.as_str()))
}

fn as_outcome<S: Serializer>(outcome: &Option<AnswerOutcome>, serializer: S) -> Result<S::Ok, S::Error> {
    outcome.map(AnswerOutcome::as_str).serialize(serializer)
}

impl ApprovalEntry {
    /// Returns whether it is known what came of the answer.
    pub fn has_outcome(&self) -> bool {
        self.outcome.is_some_and(|outcome| outcome != AnswerOutcome::Taken)
    }

    pub(super) fn read_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let arguments: Option<String> = row.get("arguments")?;
        let length = row.get::<_, i64>("length")?.unsigned_abs();
        let state: String = row.get("state")?;
        let confirm: String = row.get("confirm")?;
        let state = ApprovalState::ALL.into_iter().find(|known| known.as_str() == state);
        let text = |column: &str| row.get::<_, Option<String>>(column);
        let class: String = row.get("class")?;
        let (scope, lives, effects) = (text("scope")?, text("lives")?, text("effects")?.unwrap_or_default());
        let is = |known: &str, word: &Option<String>| word.as_deref() == Some(known);
        let class_risk = Class::ALL.into_iter().find(|known| known.as_str() == class).map(Class::risk);
        let outcome = text("outcome")?;
        Ok(Self {
            id: row.get("id")?,
            session: row.get("session")?,
            server: row.get("server")?,
            tool: row.get("tool")?,
            severity: text("severity")?.unwrap_or_else(|| class_risk.unwrap_or(Risk::High).as_str().to_owned()),
            class,
            rule: row.get("rule")?,
            reason: row.get("reason")?,
            left_out: arguments.as_ref().map_or(0, |kept| length.saturating_sub(kept.len() as u64)),
            arguments,
            line: row.get("line")?,
            asked: from_nanoseconds(row.get("asked")?),
            expires: from_nanoseconds(row.get("expires")?),
            // An unknown word requires more, not less.
            confirm: if confirm == Confirm::None.as_str() { Confirm::None } else { Confirm::Code },
            state: state.ok_or_else(|| rusqlite::Error::InvalidColumnType(0, "state".to_owned(), Type::Text))?,
            channel: row.get("channel")?,
            answered: row.get::<_, Option<i64>>("answered")?.map(from_nanoseconds),
            note: row.get("note")?,
            client: text("client")?,
            effects: Effects::ALL
                .into_iter()
                .filter(|known| effects.split(EFFECTS_BETWEEN).any(|effect| effect == known.as_str()))
                .collect(),
            scope: ApprovalScope::ALL.into_iter().find(|known| is(known.as_str(), &scope)).unwrap_or_default(),
            beside: text("beside")?,
            changes: text("changes")?,
            put_back: text("put_back")?,
            origins: text("origins")?,
            preview: text("preview")?,
            covers: text("covers")?,
            lives: ApprovalLifetime::ALL.into_iter().find(|known| is(known.as_str(), &lives)).unwrap_or_default(),
            answer: text("answer")?,
            outcome: outcome.as_deref().and_then(AnswerOutcome::parse),
            successor: text("successor")?,
            again: if is(COMPARED, &text("again")?) { Again::Compared } else { Again::No },
            shown: text("shown")?,
        })
    }

    /// Returns what an answer to it is bound to.
    pub fn key(&self) -> EntryKey {
        EntryKey { id: self.id.clone(), shown: self.shown.clone() }
    }

    /// Returns what there is to read about it, except the arguments.
    pub fn view(&self) -> QuestionView<'_> {
        QuestionView {
            tool: &self.tool,
            server: &self.server,
            client: self.client.as_deref(),
            class: &self.class,
            severity: &self.severity,
            effects: &self.effects,
            rule: &self.rule,
            reason: self.reason.as_deref(),
            changes: self.changes.as_deref(),
            put_back: self.put_back.as_deref(),
            origins: self.origins.as_deref(),
            preview: self.preview.as_deref(),
            scope: Some(self.scope),
            again: self.again,
            lives: self.lives,
        }
    }

    /// Returns whether something of it was cut, and so cannot be read.
    pub fn is_cut(&self) -> bool {
        self.left_out > 0
    }

    /// Returns how long it can still be answered.
    pub fn time_left(&self, now: Duration) -> Duration {
        self.expires.saturating_sub(now)
    }
}

fn from_nanoseconds(nanoseconds: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or_default())
}
