//! The questions about what happens to the tools of each class.

use std::collections::BTreeMap;

use anstyle::Style;
use anyhow::Context as _;

use crate::author::init::{Answer, Answers, ItemPlan};
use crate::policy::Strength;
use crate::risk::Class;
use crate::term::message;
use crate::term::prompt::{Prompter, Selection};
use crate::visible::{count_of, escape_invisible};

/// Asks about each class that has tools, on stderr; `None` if the person cancels. What else the server lists is only told.
pub(super) fn ask_classes(
    tools: &BTreeMap<Class, Vec<&str>>,
    items: &ItemPlan,
    strength: Option<Strength>,
) -> anyhow::Result<Option<Answers>> {
    let prompter = Prompter::new().context("The terminal cannot be used. Take the recommendations with --yes")?;
    message::print_note(&format!(
        "{BOLD}What may an agent do?{BOLD:#} The arrow keys choose, Enter answers, Backspace goes back, Esc leaves.\n"
    ));
    if !items.is_empty() {
        message::print_note(&format!("Without a question: {}.\n", items.describe_effects()));
    }
    let questions: Vec<_> = tools.iter().collect();
    let (mut answers, mut at) = (Answers::new(), 0);
    while let Some((class, names)) = questions.get(at) {
        let choices: Vec<_> = Answer::answers_for(**class).collect();
        message::print_note(&format_question(**class, names));
        let items = choices.iter().map(|answer| {
            let recommended = if *answer == Answer::Recommended { " (recommended)" } else { "" };
            format!("{}{recommended}", answer.describe_under(**class, strength))
        });
        let items: Vec<_> = items.collect();
        let chosen = prompter.select_or_go_back(class.as_str(), &items);
        match chosen.context("The terminal cannot be read. Take the recommendations with --yes")? {
            Selection::Item(index) => {
                answers.extend(choices.get(index).map(|answer| (**class, *answer)));
                at += 1;
                message::print_note("");
            }
            Selection::Back => at = at.saturating_sub(1),
            Selection::Left => return Ok(None),
        }
    }
    Ok(Some(answers))
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

/// `11 destructive tools: delete_list, …`
fn format_question(class: Class, names: &[&str]) -> String {
    let tools = if names.len() == 1 { "tool" } else { "tools" };
    let names: Vec<_> = names.iter().map(|name| escape_invisible(name)).collect();
    format!("{} {BOLD}{}{BOLD:#} {tools}: {}", names.len(), class.as_str(), names.join(", "))
}
