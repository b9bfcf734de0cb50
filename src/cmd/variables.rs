//! The values of `register --env KEY`: from a person or from stdin, never from the command line.

use std::io::{self, BufRead as _};

use anyhow::{Context as _, bail};

use super::Env;
use super::output::UsageError;
use crate::term::prompt::Prompter;
use crate::visible::escape_invisible;

/// Returns the variables with their values. A dry run needs none, since values are never shown.
pub(super) fn read_values(names: &[String], is_dry: bool, env: &Env) -> anyhow::Result<Vec<(String, String)>> {
    names.iter().try_for_each(|name| check_name(name))?;
    if names.is_empty() || is_dry {
        return Ok(names.iter().map(|name| (name.clone(), "…".to_owned())).collect());
    }
    let mut values = Vec::new();
    if env.asks_on_terminal() {
        let prompter = Prompter::new().context("The terminal cannot be used. Give the values on stdin")?;
        for name in names {
            let value = prompter.read_secret(&format!("{}: ", escape_invisible(name)));
            let Some(value) = value.context("The terminal cannot be read. Give the values on stdin")? else {
                bail!("Nothing was changed, because {} got no value.", escape_invisible(name));
            };
            values.push((name.clone(), value));
        }
    } else {
        let mut lines = io::stdin().lock().lines();
        for name in names {
            let line = lines.next().transpose().context("Stdin cannot be read")?.unwrap_or_default();
            values.push((name.clone(), line.trim_end_matches('\r').to_owned()));
        }
    }
    match values.iter().find(|(_, value)| value.is_empty()) {
        Some((name, _)) => bail!(
            "Nothing was changed, because {} got no value.\nwhat to do: answer the question on a terminal, or give a line \
             on stdin for each --env, in their order",
            escape_invisible(name)
        ),
        None => Ok(values),
    }
}

fn check_name(name: &str) -> Result<(), UsageError> {
    // The value is not repeated.
    if let Some((name, _)) = name.split_once('=') {
        return Err(UsageError(format!(
            "The value of {0} does not belong on the command line, where other users, the shell's history and logs see \
             it.\nwhat to do: write --env {0}, and give the value when it is asked for, or on stdin",
            escape_invisible(name)
        )));
    }
    if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(UsageError(format!(
            "{:?} is no name of a variable.\nwhat to do: write --env KEY, as in --env API_KEY",
            escape_invisible(name)
        )));
    }
    Ok(())
}
