//! The questions: what is to happen to the tools of each class.

use std::collections::BTreeMap;

use anstyle::Style;
use anyhow::Context as _;
use dialoguer::Select;
use dialoguer::console::Term;

use crate::author::init::{Answer, Answers};
use crate::risk::Class;
use crate::term::message;
use crate::visible::visible;

/// Asks about each class that has tools, on stderr; `None` if the person leaves.
pub(super) fn ask(tools: &BTreeMap<Class, Vec<&str>>) -> anyhow::Result<Option<Answers>> {
    let signals = Signals::take()?;
    message::print_note(&format!(
        "{BOLD}What may an agent do?{BOLD:#} The arrow keys choose, Enter answers, Esc leaves.\n"
    ));
    let mut answers = Answers::new();
    for (class, names) in tools {
        signals.obey();
        let choices: Vec<_> = Answer::of(*class).collect();
        message::print_note(&question(*class, names));
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
                signals.obey();
                let dialoguer::Error::IO(error) = error;
                if error.kind() != std::io::ErrorKind::Interrupted {
                    return Err(error).context("The terminal cannot be read. Take the recommendations with --yes");
                }
                None
            }
        };
        let Some(answer) = chosen.and_then(|chosen| choices.get(chosen)) else { return Ok(None) };
        answers.insert(*class, *answer);
        message::print_note("");
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

/// The signals that ask for the end. From here on none of them ends us by itself, so that the terminal is given back first.
#[cfg(unix)]
#[derive(Debug, Default)]
struct Signals(std::sync::Arc<std::sync::atomic::AtomicUsize>);

#[cfg(unix)]
impl Signals {
    fn take() -> anyhow::Result<Self> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

        let signals = Self::default();
        for number in [SIGTERM, SIGHUP] {
            let told = usize::try_from(number).unwrap_or_default();
            signal_hook::flag::register_usize(number, std::sync::Arc::clone(&signals.0), told)
                .context("Signals cannot be heard")?;
        }
        // Whoever reads a key raises it for ^C, and then says so.
        signal_hook::flag::register(SIGINT, std::sync::Arc::default()).context("Signals cannot be heard")?;
        Ok(signals)
    }

    /// Ends the program as the signal would have, if one has come.
    fn obey(&self) {
        let signal = i32::try_from(self.0.load(std::sync::atomic::Ordering::Relaxed)).unwrap_or_default();
        if signal != 0 {
            // It does not come back; where it fails, the program ends as after ^C.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    }
}

/// There are none here.
#[cfg(not(unix))]
#[derive(Debug)]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn take() -> anyhow::Result<Self> {
        Ok(Self)
    }

    fn obey(&self) {}
}
