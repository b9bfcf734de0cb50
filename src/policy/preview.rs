//! What a person sees beside the arguments: the answer to a read that the wrapper makes before it asks.

use serde_json::json;
use serde_json::value::RawValue;

use super::condition::{ConditionInput, Evaluation, Path};
use super::diagnostic::Report;
use super::document::POLICY;
use super::keys::kinds::read_members;
use super::keys::{FromDocument, TableSpec, ValueKind, read_text, table};
use super::tree::DocumentNode;
use crate::wire::view;

table! {
    /// A read that the wrapper makes before it asks a person, who sees the answer beside the arguments.
    pub(super) PreviewKeys = TableSpec {
        of: "a preview",
        many: "previews",
        definition: "Preview",
        example: "{ tool = \"get_campaign\", arguments = { campaignId = \"args.campaignId\" } }",
        family: POLICY,
        ..TableSpec::EMPTY
    };
    /// The tool that is called. It must be of the class `read`, and the policy must allow it.
    required "tool" => tool: String,
    /// Its arguments: each a path into the arguments of the call.
    "arguments" => arguments: PreviewArguments,
    /// What is shown of the answer: paths into it, such as `name` or `lists[0].size`. Without it, all of the answer.
    "show" => show: Vec<AnswerPath>,
}

/// A read that the wrapper makes before it asks a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    tool: String,
    arguments: Vec<(String, Path)>,
    show: Vec<AnswerPath>,
    again: Again,
}

/// Whether the read is made again once a person has approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// An approval is for what was shown: if the answer differs, the person is asked anew.
    Compared,
    /// The answer is only shown.
    No,
}

impl Preview {
    pub(super) fn compile(keys: PreviewKeys, again: Again) -> Option<Self> {
        let arguments = keys.arguments.map_or_else(Vec::new, |arguments| arguments.0);
        Some(Self { tool: keys.tool?, arguments, show: keys.show.unwrap_or_default(), again })
    }

    /// The tool that is called.
    pub fn tool(&self) -> &str {
        &self.tool
    }

    /// Whether the read is made again once a person has approved.
    pub fn again(&self) -> Again {
        self.again
    }

    /// Makes the arguments of the read from those of the call, an object as written.
    ///
    /// # Errors
    /// Returns the path that leads to nothing, or to something that readers may read differently.
    pub fn build_arguments(&self, arguments: &str) -> Result<String, &str> {
        let evaluation = Evaluation::new(ConditionInput::from(arguments));
        let members = self.arguments.iter().map(|(name, path)| {
            let value = path.find_value(&evaluation);
            value.map(|value| format!("{}:{value}", json!(name))).ok_or(path.as_str())
        });
        let members: Vec<_> = members.collect::<Result<_, &str>>()?;
        Ok(format!("{{{}}}", members.join(",")))
    }

    /// Returns what is shown of an answer, JSON over any number of lines or other text: labels and values, as text.
    /// Nothing is shown of a path that leads nowhere.
    pub fn pick_shown<'p>(&'p self, answer: &str) -> Vec<(&'p str, String)> {
        if self.show.is_empty() {
            return vec![("", answer.to_owned())];
        }
        // A string of JSON holds no line break.
        let line = answer.replace(['\n', '\r'], " ");
        let line = Some(line.trim_ascii()).filter(|line| serde_json::from_str::<&RawValue>(line).is_ok());
        let evaluation = Evaluation::new(ConditionInput::from(line.unwrap_or("{}")));
        let shown = self.show.iter().filter_map(|AnswerPath { text, path }| {
            let value = path.find_value(&evaluation)?;
            Some((text.as_str(), view::decode_string(value).map_or_else(|| value.to_owned(), Into::into)))
        });
        shown.collect()
    }
}

#[derive(Clone, Debug)]
pub(super) struct PreviewArguments(Vec<(String, Path)>);

impl FromDocument for PreviewArguments {
    fn value_kind() -> ValueKind {
        ValueKind::new(
            "paths under the names of arguments",
            "",
            |definitions| json!({ "type": "object", "additionalProperties": definitions.schema(Path::value_kind()) }),
        )
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let words = [what, "paths under the names of arguments", "write { campaignId = \"args.campaignId\" }"];
        let members = read_members(node, words, report)?;
        let read = members.iter().filter_map(|(key, node)| {
            let path = Path::read(node, &format!("{what}.{}", key.name), report)?;
            if !path.is_one_argument() {
                let message = "an argument of a preview is one value, and this path leads elsewhere or to several";
                report.push_error("bad-path", &node.span, message, "name one value, such as \"args.campaignId\"");
                return None;
            }
            Some((key.name.clone(), path))
        });
        Some(Self(read.collect()))
    }
}

/// A path into an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AnswerPath {
    text: String,
    path: Path,
}

impl FromDocument for AnswerPath {
    fn value_kind() -> ValueKind {
        let kind = ValueKind::new("a path into the answer, such as `name`", "", |_| json!({ "type": "string" }));
        ValueKind { many: "paths", example: "\"name\"", ..kind }
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        const ROOT: &str = "args.";
        read_text(node, what, report, |text| {
            let path = Path::parse(&format!("{ROOT}{text}")).map_err(|error| {
                let at = error.offset.saturating_sub(ROOT.len());
                (
                    "bad-path",
                    format!("{error}, at character {} of the path", at + 1),
                    "write a path such as `name` or `lists[0].size`",
                )
            })?;
            if !path.is_one_argument() {
                let message = "what is shown is one value, so its path has no `*`".to_owned();
                return Err(("bad-path", message, "write a path such as `name` or `lists[0].size`"));
            }
            Ok(Self { text: text.to_owned(), path })
        })
    }
}
