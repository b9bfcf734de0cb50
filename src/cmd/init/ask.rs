//! The questions about how strict the policy is, and what happens to the tools of each class.

use std::collections::BTreeMap;

use anstyle::Style;
use anyhow::Context as _;

use crate::author::init::{Answer, Answers, ItemPlan, describe_strength, list_figures};
use crate::policy::Strength;
use crate::risk::Class;
use crate::term::message;
use crate::term::prompt::{Prompter, Selection};
use crate::visible::{count_of, escape_invisible};

/// Asks which of the strengths it is, if there are several, and about each class that has tools, on stderr; `None` if the person cancels.
/// The first strength is the recommended one. What else the server lists is only told.
pub(super) fn ask_questions(
    strengths: &[Strength],
    tools: &BTreeMap<Class, Vec<&str>>,
    items: &ItemPlan,
) -> anyhow::Result<Option<(Option<Strength>, Answers)>> {
    let prompter = Prompter::new().context("The terminal cannot be used. Take the recommendations with --yes")?;
    message::print_note(&format!(
        "{BOLD}What may an agent do?{BOLD:#} The arrow keys choose, Enter answers, Backspace goes back, Esc leaves.\n"
    ));
    if !items.is_empty() {
        message::print_note(&format!("Without a question: {}.\n", items.describe_effects()));
    }
    let about_strength = (strengths.len() > 1).then_some(InitQuestion::Strength(strengths));
    let questions: Vec<_> = about_strength
        .into_iter()
        .chain(tools.iter().map(|(class, names)| InitQuestion::Class(*class, names)))
        .collect();
    let (mut strength, mut answers, mut at) = (strengths.first().copied(), Answers::new(), 0);
    while let Some(question) = questions.get(at) {
        message::print_note(&question.describe());
        let chosen = prompter.select_or_go_back(question.title(), &question.list_items(strength));
        match chosen.context("The terminal cannot be read. Take the recommendations with --yes")? {
            Selection::Item(index) => {
                match question {
                    InitQuestion::Strength(strengths) => strength = strengths.get(index).copied(),
                    InitQuestion::Class(class, _) => {
                        answers.extend(Answer::answers_for(*class).nth(index).map(|answer| (*class, answer)));
                    }
                }
                at += 1;
                message::print_note("");
            }
            Selection::Back => at = at.saturating_sub(1),
            Selection::Left => return Ok(None),
        }
    }
    Ok(Some((strength, answers)))
}

/// One that can be asked again.
enum InitQuestion<'q> {
    /// Which of these.
    Strength(&'q [Strength]),
    /// What happens to these tools of a class.
    Class(Class, &'q [&'q str]),
}

impl InitQuestion<'_> {
    fn title(&self) -> &'static str {
        match self {
            Self::Strength(_) => "strength",
            Self::Class(class, _) => class.as_str(),
        }
    }

    /// `11 destructive tools: delete_list, …`
    fn describe(&self) -> String {
        let (class, names) = match self {
            Self::Strength(strengths) => return describe_strengths(strengths),
            Self::Class(class, names) => (class, names),
        };
        let tools = if names.len() == 1 { "tool" } else { "tools" };
        let names: Vec<_> = names.iter().map(|name| escape_invisible(name)).collect();
        format!("{} {BOLD}{}{BOLD:#} {tools}: {}", names.len(), class.as_str(), names.join(", "))
    }

    /// The answers, the recommended one first.
    fn list_items(&self, strength: Option<Strength>) -> Vec<String> {
        let mut items: Vec<_> = match self {
            Self::Strength(strengths) => {
                strengths.iter().map(|strength| format!("{strength}: {}", list_figures(*strength))).collect()
            }
            Self::Class(class, _) => {
                Answer::answers_for(*class).map(|answer| answer.describe_under(*class, strength).into_owned()).collect()
            }
        };
        items.iter_mut().take(1).for_each(|first| first.push_str(" (recommended)"));
        items
    }
}

/// What each asks, and what the figures in the list are.
fn describe_strengths(strengths: &[Strength]) -> String {
    let lines = strengths.iter().map(|strength| format!("{BOLD}{strength}{BOLD:#}: {}.", describe_strength(*strength)));
    format!(
        "How strict is the policy?\n{}\nThe figures are from AgentDojo's tasks, without a model: injections held of 26, tasks without a \
         question of 97, their calls that ask or are refused of 339.",
        lines.collect::<Vec<_>>().join("\n")
    )
}

/// What becomes of personal data in results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StandInAnswer {
    Keep,
    Replace,
}

/// Asks whether personal data gets stand-ins, on stderr; `None` if the person cancels.
pub(super) fn ask_stand_ins(tools: &[&str]) -> anyhow::Result<Option<StandInAnswer>> {
    let prompter = Prompter::new().context("The terminal cannot be used. Give --stand-ins or --no-stand-ins")?;
    let names: Vec<_> = tools.iter().map(|name| escape_invisible(name)).collect();
    message::print_note(&format!(
        "{} of {BOLD}personal data{BOLD:#}: {}. What they return goes to the model's vendor.",
        count_of(tools.len() as u64, "tool"),
        names.join(", ")
    ));
    let items = [
        "leave results as they come".to_owned(),
        "give addresses, numbers and known fields stand-ins, which become the real values again in later calls"
            .to_owned(),
    ];
    let chosen = prompter.select_item("personal data", &items);
    let chosen = chosen.context("The terminal cannot be read. Give --stand-ins or --no-stand-ins")?;
    message::print_note("");
    Ok(chosen.and_then(|at| [StandInAnswer::Keep, StandInAnswer::Replace].get(at).copied()))
}

const BOLD: Style = Style::new().bold();
