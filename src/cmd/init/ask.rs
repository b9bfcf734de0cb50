//! The questions about what happens to the tools of each class.

use std::collections::BTreeMap;

use anstyle::Style;
use anyhow::Context as _;

use crate::author::init::{Answer, Answers, ItemPlan};
use crate::risk::Class;
use crate::term::message;
use crate::term::prompt::Prompter;
use crate::visible::escape_invisible;

/// Asks about each class that has tools, on stderr; `None` if the person cancels. What else the server lists is only told.
pub(super) fn ask_classes(tools: &BTreeMap<Class, Vec<&str>>, items: &ItemPlan) -> anyhow::Result<Option<Answers>> {
    let prompter = Prompter::new().context("The terminal cannot be used. Take the recommendations with --yes")?;
    message::print_note(&format!(
        "{BOLD}What may an agent do?{BOLD:#} The arrow keys choose, Enter answers, Esc leaves.\n"
    ));
    if !items.is_empty() {
        message::print_note(&format!("Without a question: {}.\n", items.describe_effects()));
    }
    let mut answers = Answers::new();
    for (class, names) in tools {
        let choices: Vec<_> = Answer::answers_for(*class).collect();
        message::print_note(&format_question(*class, names));
        let items = choices.iter().map(|answer| {
            let recommended = if *answer == Answer::Recommended { " (recommended)" } else { "" };
            format!("{}{recommended}", answer.describe_answer(*class))
        });
        let items: Vec<_> = items.collect();
        let chosen = prompter.select_item(class.as_str(), &items);
        let chosen = chosen.context("The terminal cannot be read. Take the recommendations with --yes")?;
        let Some(answer) = chosen.and_then(|chosen| choices.get(chosen)) else { return Ok(None) };
        answers.insert(*class, *answer);
        message::print_note("");
    }
    Ok(Some(answers))
}

const BOLD: Style = Style::new().bold();

/// `11 destructive tools: delete_list, …`
fn format_question(class: Class, names: &[&str]) -> String {
    const SHOWN: usize = 60;
    let mut shown = String::new();
    let mut left = names.len();
    for name in names {
        let name = escape_invisible(name);
        if !shown.is_empty() && shown.chars().count() + name.chars().count() > SHOWN {
            break;
        }
        shown.push_str(if shown.is_empty() { "" } else { ", " });
        shown.extend(name.chars().take(SHOWN));
        left -= 1;
    }
    let more = if left == 0 { String::new() } else { format!(" and {left} more") };
    let tools = if names.len() == 1 { "tool" } else { "tools" };
    format!("{} {BOLD}{}{BOLD:#} {tools}: {shown}{more}", names.len(), class.as_str())
}
