//! The questions: what is to happen to the tools of each class.

use std::collections::BTreeMap;

use anstyle::Style;
use anyhow::Context as _;
use dialoguer::Select;
use dialoguer::console::Term;

use super::plan::{Answer, Answers};
use crate::risk::Class;
use crate::visible::visible;

/// Asks about each class that has tools, on stderr; `None` where the person leaves.
///
/// # Errors
/// When the terminal cannot be read.
pub(super) fn ask(tools: &BTreeMap<Class, Vec<&str>>) -> anyhow::Result<Option<Answers>> {
    die_when_told()?;
    super::super::note(&format!(
        "{BOLD}What may an agent do?{BOLD:#} The arrow keys choose, Enter answers, Esc leaves.\n"
    ));
    let mut answers = Answers::new();
    for (class, names) in tools {
        let choices: Vec<_> = Answer::of(*class).collect();
        super::super::note(&question(*class, names));
        let items = choices.iter().map(|answer| {
            let recommended = if *answer == Answer::Recommended { " (recommended)" } else { "" };
            format!("{}{recommended}", answer.words(*class))
        });
        // Not more than a line each: what is cleared is counted in lines.
        let selected = Select::new().items(items).default(0).with_prompt(class.as_str()).interact_opt();
        let chosen = match selected {
            Ok(chosen) => chosen,
            Err(error) => {
                // It was hidden for the choice.
                let _ = Term::stderr().show_cursor();
                let dialoguer::Error::IO(error) = error;
                if error.kind() != std::io::ErrorKind::Interrupted {
                    return Err(error).context("The terminal cannot be read. Take the recommendations with --yes");
                }
                None
            }
        };
        let Some(answer) = chosen.and_then(|chosen| choices.get(chosen)) else { return Ok(None) };
        answers.insert(*class, *answer);
        super::super::note("");
    }
    Ok(Some(answers))
}

const BOLD: Style = Style::new().bold();

/// `11 destructive tools: delete_list, …`
fn question(class: Class, names: &[&str]) -> String {
    const SHOWN: usize = 60;
    let mut shown = String::new();
    let mut left = names.len();
    for name in names {
        let name = visible(name);
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

/// Whoever starts a server takes the signals that would end us. From here on they do so again, but for ^C, which the
/// question hears.
#[cfg(unix)]
fn die_when_told() -> anyhow::Result<()> {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use signal_hook::consts::{SIGINT, SIGTERM};

    let always = Arc::new(AtomicBool::new(true));
    signal_hook::flag::register_conditional_default(SIGTERM, always).context("signals cannot be heard")?;
    signal_hook::flag::register(SIGINT, Arc::default()).context("signals cannot be heard")?;
    Ok(())
}

#[cfg(not(unix))]
fn die_when_told() -> anyhow::Result<()> {
    Ok(())
}
